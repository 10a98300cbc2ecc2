//! Reading the audit log: newest first, filtered. Entries are in the order of time and nothing else, so a page with a
//! filter looks at a bounded number of entries and says where to go on.

use serde::Deserialize;

use super::{Noted, open};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::clock::Origin;
use crate::journal::log;
use crate::store::{DEPOT, ReadTx, Result};

/// Which entries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Of this kind of record.
    pub table: Option<String>,
    /// Of this record.
    pub record: Option<Id>,
    /// By this user, by name.
    pub user: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Rows.
    pub limit: Option<usize>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// Entries a page looks at, at the most.
const LOOK_AT: u64 = 20_000;
const AT_ONCE: u64 = 500;

/// When an entry was written.
#[must_use]
pub fn at(n: &Noted) -> Timestamp {
    Timestamp::from_millis(i64::try_from(n.header.t >> 16).unwrap_or(i64::MAX))
}

fn admits(f: &Filter, n: &Noted) -> bool {
    f.table.as_ref().is_none_or(|t| *t == n.body.rec)
        && f.record.is_none_or(|r| r == n.header.id)
        && f.user.as_ref().is_none_or(|u| *u == n.body.by)
        && f.action.as_ref().is_none_or(|a| *a == n.body.act)
        && f.from.is_none_or(|from| at(n) >= from)
        && f.to.is_none_or(|to| at(n) < to)
}

/// Up to `limit` entries below `before` (the end when none), newest first, and the position to go on below.
///
/// # Errors
/// Storage failures.
pub fn list(
    tx: &dyn ReadTx,
    f: &Filter,
    before: Option<u64>,
    limit: usize,
) -> Result<(Vec<Noted>, Option<u64>)> {
    let stretches = log::audit_stretches(tx, &Origin::load(tx)?)?;
    let lowest = stretches.first().map_or(1, |s| s.before + s.floor);
    let end = stretches.last().map_or(0, |s| s.before + s.last);
    let mut below = before.map_or(end + 1, |b| b.min(end + 1));
    let mut out = Vec::new();
    let mut looked = 0;
    for stretch in stretches.iter().rev() {
        let first = stretch.before + stretch.floor;
        while below > first && looked < LOOK_AT {
            let after = below.saturating_sub(AT_ONCE + 1).max(first.saturating_sub(1));
            let most = usize::try_from(below - after - 1).unwrap_or(0);
            let rows = tx.tail(DEPOT, stretch.id, after - stretch.before, most)?;
            for (seq, entry) in rows.into_iter().rev() {
                looked += 1;
                below = stretch.before + seq;
                let noted = open(below, &entry)?;
                if f.from.is_some_and(|from| at(&noted) < from) {
                    return Ok((out, None));
                }
                if admits(f, &noted) {
                    out.push(noted);
                    if out.len() == limit {
                        return Ok((out, (below > lowest).then_some(below)));
                    }
                }
            }
        }
    }
    Ok((out, (below > lowest).then_some(below)))
}
