//! What depots would like to have of the records that headquarters owns: users, roles, rules, status maps. A depot may act
//! on its own wish at once; what holds in the end is headquarters' word, which comes to all depots.

use super::super::registry::Registry;
use super::DRIFT_MS;
use super::tables::{PROPOSALS, Proposal};
use crate::journal::clock::Origin;
use crate::journal::fold::shifted;
use crate::journal::{Cx, Eid, change};
use crate::store::table::Entry;
use crate::store::{Dir, Ix, KeyRange, ReadTx, Result, WriteTx};

/// A page of proposals.
///
/// # Errors
/// Storage failures.
pub fn list(
    tx: &dyn ReadTx,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<Entry<Proposal>>, Option<Vec<u8>>)> {
    let rows = PROPOSALS.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, limit)?;
    Ok((rows.items, rows.next))
}

/// What headquarters says to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// So be it, everywhere.
    Accept,
    /// It stays as it is: the depot goes back to that.
    Decline,
}

/// Settles the proposal `eid`; false when there is none.
///
/// # Errors
/// Storage failures.
pub fn settle(tx: &mut dyn WriteTx, cx: &Cx, registry: &Registry, eid: &Eid, word: Word) -> Result<bool> {
    let Some(proposal) = PROPOSALS.get(tx, eid)? else { return Ok(false) };
    let (header, body) = change::decode(&proposal.blob)?;
    // The word is to come after the wish in everybody's order, whatever clock that was written by.
    let mut origin = Origin::load(tx)?;
    let latest = (cx.now.unsigned() + DRIFT_MS) << 16;
    let wished = shifted(header.t, proposal.adj);
    if wished > origin.last {
        origin.last = wished.min(latest);
        origin.save(tx)?;
    }
    if let Some(adopt) = registry.of(header.k).and_then(|f| f.adopt) {
        adopt(tx, cx, header.id, (word == Word::Accept).then_some(&body[..]))?;
    }
    PROPOSALS.del(tx, eid)
}
