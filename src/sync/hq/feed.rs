//! What depots are told: gapless lists of references into the applied log, of markers, and of refusals.

use serde_bytes::{ByteArray, ByteBuf};

use super::super::keys;
use super::super::wire::{
    self, BATCH_BYTES, Code, Cursors, Feeds, Fetch, Fetched, Item, Marker, Pull, Pulled, Refusal, Reject,
    Shifted,
};
use super::tables::{self, MARKS, Mark, SHARED_FEED, own_feed};
use super::{Caller, Hq};
use crate::journal::change;
use crate::journal::log::{self, Applied};
use crate::journal::shifts;
use crate::store::{DEPOT, Dir, Ix, KeyRange, LogId, ReadTx, Result, StoreError, WriteTx};

const REFERENCE: u8 = b'x';
const MARKER: u8 = b'm';
const REJECT: u8 = b'r';
const WISH: u8 = b'w';

fn append(tx: &mut dyn WriteTx, feed: LogId, tag: u8, rest: &[u8]) -> Result<()> {
    tx.append(DEPOT, feed, &[&[tag], rest].concat(), [0; 16]).map(drop)
}

/// Adds the change at `seq` of the applied log.
///
/// # Errors
/// Storage failures.
pub fn append_change(tx: &mut dyn WriteTx, feed: LogId, seq: u64) -> Result<()> {
    append(tx, feed, REFERENCE, &seq.to_be_bytes())
}

/// Adds a marker of the site's own changes, which lie in the applied log from `seq` on.
///
/// # Errors
/// Storage failures.
pub fn append_marker(tx: &mut dyn WriteTx, site: u32, m: &Marker, seq: u64) -> Result<()> {
    MARKS.put(tx, &mark_key(site, m.e, m.to), &Mark { from: m.from, seq })?;
    append(tx, own_feed(site), MARKER, &encoded(m)?)
}

/// Adds a wish of the site with the shift that holds for it: a copy of the depot may have it as its wrong clock stamped it,
/// and no marker tells of wishes.
///
/// # Errors
/// Storage failures.
pub fn append_wish(tx: &mut dyn WriteTx, site: u32, adj: i64, blob: &[u8]) -> Result<()> {
    append(tx, own_feed(site), WISH, &[&adj.to_be_bytes()[..], blob].concat())
}

/// Adds a refusal.
///
/// # Errors
/// Storage failures.
pub fn append_reject(tx: &mut dyn WriteTx, site: u32, reject: &Reject) -> Result<()> {
    append(tx, own_feed(site), REJECT, &encoded(reject)?)
}

fn encoded<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    wire::encode(value).map_err(|e| StoreError::Codec { what: "feed", why: e.to_string() })
}

fn mark_key(site: u32, epoch: u64, to: u64) -> Vec<u8> {
    [&site.to_be_bytes()[..], &epoch.to_be_bytes(), &to.to_be_bytes()].concat()
}

/// The next entries of both feeds.
///
/// # Errors
/// [`Code::Gap`] when the depot was away for so long that the entries behind its cursor are gone: a session says what
/// to do.
pub fn pull(hq: &Hq, who: Caller, ask: &Pull) -> std::result::Result<Pulled, Refusal> {
    hq.store.read(who.tenant, |tx| {
        let generation = tables::life_in(tx)?;
        if generation != ask.generation {
            let c = Cursors::default();
            return Ok(Pulled { generation, f: Feeds::default(), c, more: false });
        }
        let mut page = Page { hq, who, left: BATCH_BYTES.min(ask.max as usize), entries: hq.limits.page };
        let (shared, shared_at) = page.take(tx, SHARED_FEED, ask.c.shared)?;
        let (own, own_at) = page.take(tx, own_feed(who.site), ask.c.own)?;
        let c = Cursors { shared: shared_at, own: own_at };
        let more = shared_at < tx.head(DEPOT, SHARED_FEED)?.last
            || own_at < tx.head(DEPOT, own_feed(who.site))?.last;
        Ok(Pulled { generation, f: Feeds { shared, own }, c, more })
    })
}

/// An answer as it fills.
struct Page<'a> {
    hq: &'a Hq,
    who: Caller,
    left: usize,
    entries: usize,
}

impl Page<'_> {
    fn take(
        &mut self,
        tx: &dyn ReadTx,
        feed: LogId,
        after: u64,
    ) -> std::result::Result<(Vec<Item>, u64), Refusal> {
        let head = tx.head(DEPOT, feed)?;
        if after > head.last || after + 1 < head.floor {
            return Err(Refusal { have: Some(head.last), ..Refusal::new(Code::Gap) });
        }
        let (mut items, mut at) = (Vec::new(), after);
        for (seq, entry) in tx.tail(DEPOT, feed, after, self.entries)? {
            let item = self.item(tx, seq, &entry)?;
            // One entry goes in whatever its size, or a small allowance would stop everything.
            if item.1.len() > self.left && !items.is_empty() {
                break;
            }
            self.left = self.left.saturating_sub(item.1.len() + 32);
            items.push(item);
            at = seq;
        }
        self.entries -= items.len().min(self.entries);
        Ok((items, at))
    }

    fn item(&self, tx: &dyn ReadTx, seq: u64, entry: &[u8]) -> Result<Item> {
        let damaged = || StoreError::Corrupt("an entry of a feed is damaged".into());
        let (tag, rest) = entry.split_first().ok_or_else(damaged)?;
        let (blob, adj) = match *tag {
            REFERENCE => {
                let at = u64::from_be_bytes(rest.try_into().map_err(|_| damaged())?);
                let entry = log::applied(tx, at)?;
                let adj = shift_of(tx, &entry, &change::eid(&entry.blob))?;
                (entry.blob, adj)
            }
            WISH => {
                let (adj, blob) = rest.split_first_chunk().ok_or_else(damaged)?;
                (blob.to_vec(), i64::from_be_bytes(*adj))
            }
            _ => return Ok(Item(seq, ByteBuf::from(rest.to_vec()), 0, None)),
        };
        let word = keys::word(&self.hq.secret, self.who.tenant, &change::eid(&blob), adj);
        Ok(Item(seq, ByteBuf::from(blob), adj, Some(ByteArray::new(word))))
    }
}

fn shift_of(tx: &dyn ReadTx, entry: &Applied, eid: &[u8; 16]) -> Result<i64> {
    Ok(shifts::of(tx, eid)?.map_or(entry.adj, |s| s.adj))
}

/// Own changes of the caller that its chain does not show.
///
/// # Errors
/// [`Code::Gap`] when they are not known here.
pub fn fetch(hq: &Hq, who: Caller, ask: &Fetch) -> std::result::Result<Fetched, Refusal> {
    hq.store.read(who.tenant, |tx| {
        let range = KeyRange {
            from: mark_key(who.site, ask.e, ask.from),
            ..KeyRange::prefix(&mark_key(who.site, ask.e, 0)[..12])
        };
        let (mut ch, mut bytes, mut at) = (Vec::new(), 0, ask.from);
        let marks = MARKS.scan(tx, Ix::Primary, &range, Dir::Up, hq.limits.page)?.items;
        for entry in marks {
            let to = entry.pk.last_chunk().map(|b| u64::from_be_bytes(*b)).unwrap_or_default();
            let mark = entry.value;
            if mark.from > at || at > ask.to {
                break;
            }
            let end = to.min(ask.to);
            while at <= end {
                let entry = log::applied(tx, mark.seq + (at - mark.from))?;
                bytes += entry.blob.len();
                if bytes > BATCH_BYTES && !ch.is_empty() {
                    return Ok(Fetched { ch });
                }
                let adj = shift_of(tx, &entry, &change::eid(&entry.blob))?;
                ch.push(Shifted(ByteBuf::from(entry.blob), adj));
                at += 1;
            }
        }
        if ch.is_empty() { Err(Refusal::new(Code::Gap)) } else { Ok(Fetched { ch }) }
    })
}
