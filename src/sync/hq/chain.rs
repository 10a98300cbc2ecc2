//! The logs of depots as headquarters has them: spans of positions with the chain's hashes at their ends.

use super::super::wire::{self, Log, Push};
use super::tables::{Arrived, SPANS, Span, inbox};
use crate::journal::change;
use crate::store::{DEPOT, Dir, Hash, Ix, KeyRange, ReadTx, Result, StoreError, WriteTx, table};

/// One life of one log of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The site.
    pub site: u32,
    /// The epoch.
    pub epoch: u64,
    /// Which log.
    pub log: Log,
}

impl Name {
    fn prefix(&self) -> Vec<u8> {
        let mut k = Vec::with_capacity(21);
        k.extend(self.site.to_be_bytes());
        k.extend(self.epoch.to_be_bytes());
        k.push(self.log.letter());
        k
    }
    fn key(&self, at: u64) -> Vec<u8> {
        let mut k = self.prefix();
        k.extend(at.to_be_bytes());
        k
    }
}

/// The end of a log as it is here: its last position and the hash there.
///
/// # Errors
/// Storage failures.
pub fn head(tx: &dyn ReadTx, name: &Name) -> Result<(u64, Hash)> {
    let range = KeyRange::prefix(&name.prefix());
    let last = SPANS.scan(tx, Ix::Primary, &range, Dir::Down, 1)?.items.pop();
    Ok(last.map_or((0, Hash::default()), |e| (e.value.last, *e.value.h)))
}

/// The hash at position `at`; none when it isn't known (behind a jump, or the batch is no longer held).
///
/// # Errors
/// Storage failures.
pub fn hash_at(tx: &dyn ReadTx, name: &Name, at: u64) -> Result<Option<Hash>> {
    if at == 0 {
        return Ok(Some(Hash::default()));
    }
    let range = KeyRange { from: name.key(at), ..KeyRange::prefix(&name.prefix()) };
    let Some(span) = SPANS.scan(tx, Ix::Primary, &range, Dir::Up, 1)?.items.pop().map(|e| e.value) else {
        return Ok(None);
    };
    if span.last == at {
        return Ok(Some(*span.h));
    }
    if span.inbox == 0 || at < span.from {
        return Ok(None);
    }
    let Some(h0) = span.h0 else { return Ok(None) };
    let Some(entry) = tx.entry(DEPOT, inbox(name.site), span.inbox)? else { return Ok(None) };
    let push = opened(&entry)?.1;
    let skip = usize::try_from(span.from.saturating_sub(push.from)).unwrap_or(usize::MAX);
    let upto = usize::try_from(at - span.from + 1).unwrap_or(usize::MAX);
    let hash = push.ch.iter().skip(skip).take(upto).fold(*h0, |h, blob| change::link(&h, &change::eid(blob)));
    Ok(Some(hash))
}

/// Notes one more span.
///
/// # Errors
/// Storage failures.
pub fn extend(tx: &mut dyn WriteTx, name: &Name, span: &Span) -> Result<()> {
    SPANS.put(tx, &name.key(span.last), span).map(drop)
}

/// An inbox entry and the push in it.
///
/// # Errors
/// When it is damaged.
pub fn opened(entry: &[u8]) -> Result<(Arrived, Push)> {
    let bad = |e: wire::WireError| StoreError::Corrupt(format!("an inbox entry is damaged: {e}"));
    let arrived: Arrived = table::decode("inbox", entry)?;
    let push = if arrived.packed {
        wire::decode(&wire::unpack(&arrived.body).map_err(bad)?)
    } else {
        wire::decode(&arrived.body)
    };
    Ok((arrived, push.map_err(bad)?))
}
