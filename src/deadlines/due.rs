//! The one index of everything that becomes due. A row is written when the fact changes that makes it due, so finding
//! what is due costs what is due.
//!
//! The key is kind, moment, subject: no record to decode, and one tree to touch.

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::store::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, WriteTx};

const DUE: Coll = Coll { id: 6, name: "deadlines", home: Home::Local };

/// What becomes due. The numbers stand in keys and are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DueKind {
    /// A parcel has been in its status too long.
    Stale = 1,
    /// A parcel's promised moment passes.
    Promise = 2,
    /// A case's next escalation.
    Escalation = 3,
    /// A case that waits is looked at again.
    Waiting = 4,
    /// An order has been in its status too long.
    OrderDelayed = 5,
    /// A truck, flight or delivery that was announced has not come.
    ManifestLate = 32,
    /// A parcel at the counter: the next notice, or its way back.
    Pickup = 33,
    /// The next reminder of an air waybill.
    Freight = 40,
}

/// One thing that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub subject: Id,
}

fn key(kind: DueKind, due: Due) -> Vec<u8> {
    let mut k = Vec::with_capacity(25);
    k.push(kind as u8);
    k.extend(due.at.unsigned().to_be_bytes());
    k.extend(due.subject.0);
    k
}

fn parse(pk: &[u8]) -> Result<Due> {
    let at = pk.get(1..9).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
    match (at, pk.get(9..).and_then(Id::from_slice)) {
        (Some(at), Some(subject)) => {
            Ok(Due { at: Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX)), subject })
        }
        _ => Err(StoreError::Corrupt("a deadline's key is damaged".into())),
    }
}

/// The deadline of `subject` moves from `old` to `new`; either may be none.
///
/// # Errors
/// Storage failures.
pub fn replace(
    tx: &mut dyn WriteTx,
    kind: DueKind,
    subject: Id,
    old: Option<Timestamp>,
    new: Option<Timestamp>,
) -> Result<()> {
    if old == new {
        return Ok(());
    }
    if let Some(at) = old {
        tx.del(DUE, &key(kind, Due { at, subject }), Expect::Any)?;
    }
    if let Some(at) = new {
        tx.put(DUE, &key(kind, Due { at, subject }), &[], &[], Expect::Any)?;
    }
    Ok(())
}

/// Up to `limit` deadlines of `kind` that have passed at `now`, earliest first, and where to go on.
///
/// # Errors
/// Storage failures.
pub fn passed(
    tx: &dyn ReadTx,
    kind: DueKind,
    now: Timestamp,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<Due>, Option<Vec<u8>>)> {
    let end = key(kind, Due { at: Timestamp::from_millis(now.millis().saturating_add(1)), subject: Id::NIL });
    let range = KeyRange { from: vec![kind as u8], to: Some(end), after };
    let slice = tx.scan(DUE, Ix::Primary, &range, Dir::Up, limit)?;
    Ok((slice.recs.iter().map(|r| parse(&r.pk)).collect::<Result<_>>()?, slice.next))
}

/// The earliest deadline of `kind`.
///
/// # Errors
/// Storage failures.
pub fn next(tx: &dyn ReadTx, kind: DueKind) -> Result<Option<Due>> {
    let slice = tx.scan(DUE, Ix::Primary, &KeyRange::prefix(&[kind as u8]), Dir::Up, 1)?;
    slice.recs.first().map(|r| parse(&r.pk)).transpose()
}

/// The collection, for `check`: rows without a body.
pub struct Rows;

impl crate::store::table::Checked for Rows {
    fn coll(&self) -> Coll {
        DUE
    }
    fn keys(&self, body: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
        if body.is_empty() {
            Ok(Vec::new())
        } else {
            Err(StoreError::Corrupt("a deadline with a body".into()))
        }
    }
}
