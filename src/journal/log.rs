//! The logs of a site. Three are its own, chained, and pushed to headquarters: `b` business, `a` audit, `g` telemetry.
//! The fourth, `x`, is the applied log: one entry for each change when it is first folded here, own or foreign. Blobs
//! of business changes lie in `x` alone; `b` refers to them, so each is stored once.

use serde::{Deserialize, Serialize};

use super::change;
use super::clock::Origin;
use super::event::Eid;
use crate::base::ids::Id;
use crate::first_record;
use crate::store::check::Before;
use crate::store::{DEPOT, Hash, Head, LogId, ReadTx, Result, StoreError, WriteTx, table};

/// Business changes.
pub const BUSINESS: u8 = b'b';
/// Audit entries.
pub const AUDIT: u8 = b'a';
/// Telemetry.
pub const TELEMETRY: u8 = b'g';

/// Beside the place of a business change in the applied log: it was written together with the change before it. No log
/// grows so long that this is a place.
const TOGETHER: u64 = 1 << 63;

/// The applied log: local, gapless, never renumbered. Its position is the `seq` of the API.
pub const APPLIED: LogId = LogId { log: b'x', epoch: 0 };

/// One of the site's own logs in its present life.
#[must_use]
pub fn own(log: u8, origin: &Origin) -> LogId {
    LogId { log, epoch: origin.epoch }
}

/// One entry of the applied log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The entry before this one of the same aggregate; 0 for its first.
    #[serde(rename = "p")]
    pub prev: u64,
    /// The audit entry that tells of it, in log `a`; 0 when there is none.
    #[serde(rename = "a", default, skip_serializing_if = "is_zero")]
    pub audit: u64,
    /// The shift in milliseconds headquarters accepted for its stamp.
    #[serde(rename = "j", default, skip_serializing_if = "is_nought")]
    pub adj: i64,
    /// Whether it may cause mail and the like here: not so for a past that was loaded or resupplied.
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// The site whose log brought it here, when it came by the site's own; 0 else.
    #[serde(rename = "w", default, skip_serializing_if = "is_none")]
    pub carrier: u32,
    /// Headquarters' word that it is a change of this tenant, for those of others.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub word: Option<serde_bytes::ByteArray<16>>,
    /// Cases it opened here.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<Id>,
    /// The change.
    #[serde(rename = "b", with = "serde_bytes")]
    pub blob: Vec<u8>,
}
first_record!(Applied);

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_zero(n: &u64) -> bool {
    *n == 0
}
#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_none(n: &u32) -> bool {
    *n == 0
}
#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_nought(n: &i64) -> bool {
    *n == 0
}

/// The entry at `seq` of the applied log.
///
/// # Errors
/// Storage failures, and when there is none: something refers to it, so it must be there.
pub fn applied(tx: &dyn ReadTx, seq: u64) -> Result<Applied> {
    let bytes = tx.entry(DEPOT, APPLIED, seq)?;
    let bytes = bytes.ok_or_else(|| {
        StoreError::Corrupt(format!("entry {seq} of the applied log is gone but still referred to"))
    })?;
    table::decode("applied", &bytes)
}

/// Up to `limit` entries of the applied log behind `after`.
///
/// # Errors
/// Storage failures.
pub fn applied_after(tx: &dyn ReadTx, after: u64, limit: usize) -> Result<Vec<(u64, Applied)>> {
    let rows = tx.tail(DEPOT, APPLIED, after, limit)?;
    rows.into_iter().map(|(seq, b)| Ok((seq, table::decode("applied", &b)?))).collect()
}

/// A stretch of the audit log: one life of it. Positions count on from life to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where it lies.
    pub id: LogId,
    /// What has to be added to its positions.
    pub before: u64,
    /// Its first position that is held.
    pub floor: u64,
    /// Its last.
    pub last: u64,
    /// The hash at its last position, where that is the end of the log.
    pub hash: Option<Hash>,
}

/// The audit log, life by life, oldest first; the present one is the last.
///
/// # Errors
/// Storage failures.
pub fn audit_stretches(tx: &dyn ReadTx, origin: &Origin) -> Result<Vec<Stretch>> {
    let (mut all, mut before) = (Vec::with_capacity(origin.lives.len() + 1), 0);
    for life in &origin.lives {
        let id = LogId { log: AUDIT, epoch: life.epoch };
        let floor = tx.head(DEPOT, id)?.floor;
        all.push(Stretch { id, before, floor, last: life.upto, hash: None });
        before += life.upto;
    }
    let id = own(AUDIT, origin);
    let head = tx.head(DEPOT, id)?;
    all.push(Stretch { id, before, floor: head.floor, last: head.last, hash: Some(head.hash) });
    Ok(all)
}

/// Appends to the applied log.
///
/// # Errors
/// Storage failures.
pub fn append_applied(tx: &mut dyn WriteTx, entry: &Applied) -> Result<u64> {
    let bytes = table::encode("applied", entry)?;
    tx.append(DEPOT, APPLIED, &bytes, [0; 16])
}

/// Puts `entry` in the place of the one at `seq` of the applied log: its change redacted, all else the same.
///
/// # Errors
/// Storage failures.
pub fn rewrite_applied(tx: &mut dyn WriteTx, seq: u64, entry: &Applied) -> Result<()> {
    let bytes = table::encode("applied", entry)?;
    tx.rewrite(DEPOT, APPLIED, seq, &bytes).map(drop)
}

/// Puts the redacted form `blob` of its change into the entry at `seq` of a log that holds whole changes.
///
/// # Errors
/// Storage failures, and when it is another change.
pub fn rewrite_blob(tx: &mut dyn WriteTx, id: LogId, seq: u64, blob: &[u8]) -> Result<()> {
    let old = tx.entry(DEPOT, id, seq)?;
    let old = old.ok_or_else(|| StoreError::Corrupt(format!("entry {seq} of a log is gone")))?;
    let (hash, was) = split_audit(&old)?;
    if change::eid(was) != change::eid(blob) {
        return Err(StoreError::Corrupt("a change can't take the place of another".into()));
    }
    tx.rewrite(DEPOT, id, seq, &[&hash[..], blob].concat()).map(drop)
}

/// The end of one of the site's own logs.
///
/// # Errors
/// Storage failures.
pub fn head(tx: &dyn ReadTx, log: u8, origin: &Origin) -> Result<Head> {
    tx.head(DEPOT, own(log, origin))
}

/// Links the business change `eid`, which lies at `seq` of the applied log, into log `b`; it was written together with
/// those that this transaction linked before.
///
/// # Errors
/// Storage failures.
pub fn link_business(tx: &mut dyn WriteTx, origin: &Origin, eid: &Eid, seq: u64) -> Result<u64> {
    let together = tx.appended(DEPOT, own(BUSINESS, origin));
    link_again(tx, origin, eid, seq, together)
}

/// Links it as it was linked in an earlier life of the log.
///
/// # Errors
/// Storage failures.
pub fn link_again(tx: &mut dyn WriteTx, origin: &Origin, eid: &Eid, seq: u64, together: bool) -> Result<u64> {
    let id = own(BUSINESS, origin);
    let hash = change::link(&tx.head(DEPOT, id)?.hash, eid);
    let place = if together { seq | TOGETHER } else { seq };
    let mut entry = [0; 40];
    entry[..16].copy_from_slice(eid);
    entry[16..24].copy_from_slice(&place.to_be_bytes());
    entry[24..].copy_from_slice(&hash);
    tx.append(DEPOT, id, &entry, hash)
}

/// Appends an audit change to log `a`; the entry is the blob and the chain's hash at it.
///
/// # Errors
/// Storage failures.
pub fn append_audit(tx: &mut dyn WriteTx, origin: &Origin, blob: &[u8]) -> Result<u64> {
    append_blob(tx, own(AUDIT, origin), blob)
}

/// Appends a change to a chained log that holds whole changes.
///
/// # Errors
/// Storage failures.
pub fn append_blob(tx: &mut dyn WriteTx, id: LogId, blob: &[u8]) -> Result<u64> {
    let hash = change::link(&tx.head(DEPOT, id)?.hash, &change::eid(blob));
    let entry = [&hash[..], blob].concat();
    tx.append(DEPOT, id, &entry, hash)
}

/// Holds an entry of one of the site's own logs against the chain, for `store::check`; returns the hash at it, none for
/// a log that isn't chained.
///
/// # Errors
/// When the entry is damaged or not what was appended there.
pub fn chained(log: u8, before: Before<'_>, entry: &[u8]) -> Result<Option<Hash>> {
    let (stored, eid): (Hash, Eid) = match log {
        BUSINESS => match (entry.first_chunk::<16>(), entry.last_chunk::<16>()) {
            (Some(eid), Some(hash)) if entry.len() == 40 => (*hash, *eid),
            _ => return Err(StoreError::Corrupt("an entry of the business log is damaged".into())),
        },
        AUDIT | TELEMETRY => split_audit(entry).map(|(hash, blob)| (hash, change::eid(blob)))?,
        _ => return Ok(None),
    };
    let expected = match before {
        Before::Nothing => change::link(&Hash::default(), &eid),
        Before::Hash(before) => change::link(before, &eid),
        Before::Trimmed => stored,
    };
    if stored == expected {
        Ok(Some(stored))
    } else {
        Err(StoreError::Corrupt("its hash is not that of the chain".into()))
    }
}

/// An entry of one of the site's own logs, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The identity of its change.
    pub eid: Eid,
    /// The chain's hash at it.
    pub hash: Hash,
    /// The change, where the log holds it; else where it lies in the applied log.
    pub change: Held,
    /// Whether one transaction wrote it and the entry before it: neither is sent without the other.
    pub together: bool,
}

/// Where a change of one of the own logs is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// At this position of the applied log.
    Applied(u64),
    /// Here.
    Here(Vec<u8>),
}

/// Takes apart an entry of one of the site's own logs.
///
/// # Errors
/// When it is damaged.
pub fn link_of(log: u8, entry: &[u8]) -> Result<Link> {
    if log != BUSINESS {
        let (hash, blob) = split_audit(entry)?;
        return Ok(Link { eid: change::eid(blob), hash, change: Held::Here(blob.to_vec()), together: false });
    }
    let damaged = || StoreError::Corrupt("an entry of the business log is damaged".into());
    let (eid, rest) = entry.split_first_chunk::<16>().ok_or_else(damaged)?;
    let (seq, hash) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let hash = hash.try_into().map_err(|_| damaged())?;
    let place = u64::from_be_bytes(*seq);
    Ok(Link { eid: *eid, hash, change: Held::Applied(place & !TOGETHER), together: place & TOGETHER != 0 })
}

/// The chain's hash at position `at` of one of the site's own logs; none when that position is not held. At 0 stands
/// the zero.
///
/// # Errors
/// Storage failures.
pub fn hash_at(tx: &dyn ReadTx, id: LogId, at: u64) -> Result<Option<Hash>> {
    if at == 0 {
        return Ok(Some(Hash::default()));
    }
    tx.entry(DEPOT, id, at)?.map(|e| link_of(id.log, &e).map(|l| l.hash)).transpose()
}

/// Splits an entry of log `a` into the chain's hash at it and the blob.
///
/// # Errors
/// When the entry is damaged.
pub fn split_audit(entry: &[u8]) -> Result<([u8; 16], &[u8])> {
    match entry.split_first_chunk::<16>() {
        Some((hash, blob)) => Ok((*hash, blob)),
        None => Err(StoreError::Corrupt("an entry of the audit log is damaged".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::clock::ORIGIN;
    use crate::store::redb::Redb;
    use crate::store::{Lane, Store, check};

    fn faults(store: &Store) -> u64 {
        let hooks = check::Hooks { chain: Some(&chained), ..check::Hooks::default() };
        check::run_with(store, &[&ORIGIN], hooks).unwrap().fault_count
    }

    #[test]
    fn a_business_log_is_held_against_its_chain() {
        let store = Store::new(Redb::memory().unwrap());
        let origin = Origin { site: 1, epoch: 9, last: 0, first: 9, skew: 0, lives: Vec::new() };
        let theirs = origin.clone();
        let linked: Result<u64> = store
            .write(1, Lane::People, move |tx| {
                (1..5).map(|n| link_business(tx, &theirs, &[n; 16], n.into())).last().unwrap_or(Ok(0))
            })
            .wait();
        assert_eq!((linked.unwrap(), faults(&store)), (4, 0));
        let forged = [&[7; 16][..], &5_u64.to_be_bytes(), &[1; 16]].concat();
        let done: Result<u64> = store
            .write(1, Lane::People, move |tx| tx.append(DEPOT, own(BUSINESS, &origin), &forged, [1; 16]))
            .wait();
        assert_eq!((done.unwrap(), faults(&store)), (5, 1));
    }

    #[test]
    fn a_damaged_entry_is_not_taken_for_one() {
        assert!(
            chained(BUSINESS, Before::Trimmed, &[0; 39]).is_err()
                && chained(AUDIT, Before::Trimmed, &[0; 15]).is_err()
        );
        assert_eq!(chained(b'x', Before::Nothing, b"anything").unwrap(), None);
    }
}
