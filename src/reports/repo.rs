//! Saved reports and what their runs gave. Both stay at this node: a report tells of what the node knows.

use serde::{Deserialize, Serialize};

use super::model::{Definition, Saved, Table as Counted};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::identity::grant::Scope;
use crate::store::table::{Checked, Rows};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// Reports a tenant can save.
pub const MAX_SAVED: usize = 200;
/// Runs that are kept of one report, and of those that were asked for once; the oldest go.
pub const MAX_RUNS: usize = 50;

first_record!(Saved);

/// Saved reports.
pub const REPORTS: Table<Id, Saved> = Table::new(132, "reports", Home::Local);

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not counted yet.
    Waiting,
    /// Counted.
    Done(Box<Counted>),
    /// It can't be.
    Failed(String),
}

/// One run of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id, that of its job.
    pub id: Id,
    /// Which report; the nil id for one that was asked for once.
    pub report: Id,
    /// What people call it.
    pub name: String,
    /// What it asks.
    pub definition: Definition,
    /// Whose records it shows.
    pub scope: Scope,
    /// When it was demanded.
    pub at: Timestamp,
    /// How far it is.
    pub outcome: Outcome,
}
first_record!(Run);

/// Runs by id, and by report.
pub const RUNS: Table<Id, Run> = Table::new(133, "report_runs", Home::Local).indexed(&[by_report]);
const BY_REPORT: Ix = Ix::Nth(0);

fn by_report(run: &Run) -> Option<Vec<u8>> {
    Some(run.report.0.to_vec())
}

/// Runs of `report`, the newest first; of all when none is named.
///
/// # Errors
/// Storage failures.
pub fn runs(tx: &dyn ReadTx, report: Option<Id>, after: Option<Vec<u8>>, limit: usize) -> Result<Rows<Run>> {
    let (ix, range) = match report {
        Some(id) => (BY_REPORT, KeyRange::prefix(&id.0)),
        None => (Ix::Primary, KeyRange::all()),
    };
    RUNS.scan(tx, ix, &range.resume(after), Dir::Down, limit)
}

/// Keeps a run, and lets go of the oldest of its report when there are too many.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, run: &Run) -> Result<()> {
    RUNS.put(tx, &run.id, run)?;
    let rows = RUNS.scan(tx, BY_REPORT, &KeyRange::prefix(&run.report.0), Dir::Up, MAX_RUNS + 1)?;
    let surplus = rows.items.len().saturating_sub(MAX_RUNS);
    for old in rows.items.iter().take(surplus) {
        RUNS.del(tx, &old.value.id)?;
    }
    Ok(())
}

/// Removes a report with its runs.
///
/// # Errors
/// Storage failures.
pub fn remove(tx: &mut dyn WriteTx, id: Id) -> Result<()> {
    REPORTS.del(tx, &id)?;
    let rows = RUNS.scan(tx, BY_REPORT, &KeyRange::prefix(&id.0), Dir::Up, MAX_RUNS + 1)?;
    rows.items.iter().try_for_each(|old| RUNS.del(tx, &old.value.id).map(drop))
}

/// Every saved report, in the order they were made.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Saved>> {
    let rows = REPORTS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_SAVED)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&REPORTS, &RUNS]
}
