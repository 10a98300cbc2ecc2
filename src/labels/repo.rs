//! Where printers and their queues are kept.

use super::model::{Asked, Health, LabelState, Printer, Queued};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::config::sections::Retention;
use crate::jobs::retention::{Retained, older};
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx, counters};

/// Printers by id.
pub static PRINTERS: Table<Id, Folded<Ref<Printer>>> = Table::new(100, "printers", Home::ById);
/// Labels by id.
pub const LABELS: Table<Id, Queued> = Table::new(101, "labels", Home::Local).indexed(&[by_queue, by_end]);
/// How each printer does.
pub const HEALTH: Table<Id, Health> = Table::new(102, "printer_health", Home::Local);
/// Parcels whose label was asked for.
pub const ASKED: Table<Id, Asked> = Table::new(103, "labels_asked", Home::Local);

/// Labels that have not come to their end: those to be printed before those whose outcome is unknown, each in order.
const BY_QUEUE: Ix = Ix::Nth(0);
/// Those that have, as they did.
const BY_END: Ix = Ix::Nth(1);

impl Reference for Printer {
    const NAME: &'static str = "printer";
    const KIND: u16 = 0x170;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &PRINTERS;
}

fn by_queue(q: &Queued) -> Option<Vec<u8>> {
    let part = match q.state {
        LabelState::Waiting | LabelState::Sending => 0,
        LabelState::Unknown => 1,
        LabelState::Printed | LabelState::Dropped => return None,
    };
    let mut key = q.printer.0.to_vec();
    key.push(part);
    key.extend(q.place.to_be_bytes());
    Some(key)
}

fn by_end(q: &Queued) -> Option<Vec<u8>> {
    q.finished_at.map(|at| at.unsigned().to_be_bytes().to_vec())
}

/// The next label for `printer`.
///
/// # Errors
/// Storage failures.
pub fn head(tx: &dyn ReadTx, printer: Id) -> Result<Option<Queued>> {
    let mut prefix = printer.0.to_vec();
    prefix.push(0);
    let mut rows = LABELS.scan(tx, BY_QUEUE, &KeyRange::prefix(&prefix), Dir::Up, 1)?.items;
    Ok(rows.pop().map(|e| e.value))
}

/// The labels in the queue of `printer`, at most `limit`.
///
/// # Errors
/// Storage failures.
pub fn open(tx: &dyn ReadTx, printer: Id, limit: usize) -> Result<Vec<Queued>> {
    let rows = LABELS.scan(tx, BY_QUEUE, &KeyRange::prefix(&printer.0), Dir::Up, limit)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

fn counter(printer: Id, state: &str) -> String {
    format!("labels/{printer}/{state}")
}

/// How many labels in the queue of `printer` are to be printed, and of how many the outcome is unknown.
///
/// # Errors
/// Storage failures.
pub fn counts(tx: &dyn ReadTx, printer: Id) -> Result<(i64, i64)> {
    Ok((counters::get(tx, &counter(printer, "waiting"))?, counters::get(tx, &counter(printer, "unknown"))?))
}

/// Keeps a label, and the counts with it.
///
/// # Errors
/// Storage failures.
pub fn put(tx: &mut dyn WriteTx, old: Option<LabelState>, label: &Queued) -> Result<()> {
    for (state, by) in [(old, -1), (Some(label.state), 1)] {
        let name = match state {
            Some(LabelState::Waiting | LabelState::Sending) => "waiting",
            Some(LabelState::Unknown) => "unknown",
            Some(LabelState::Printed | LabelState::Dropped) | None => continue,
        };
        counters::add(tx, &counter(label.printer, name), by)?;
    }
    LABELS.put(tx, &label.id, label).map(drop)
}

/// The place behind every label so far.
///
/// # Errors
/// Storage failures.
pub fn next_place(tx: &mut dyn WriteTx) -> Result<u64> {
    counters::add(tx, "labels/asked", 1)?;
    Ok(u64::try_from(counters::get(tx, "labels/asked")?).unwrap_or_default())
}

/// Labels that came to their end are kept as long as jobs that are done.
#[must_use]
pub fn retained() -> Retained {
    fn find(
        tx: &dyn ReadTx,
        before: Timestamp,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<crate::jobs::retention::Found> {
        let to = before.unsigned().to_be_bytes().to_vec();
        let range = KeyRange { from: Vec::new(), to: Some(to), after };
        older(&LABELS, tx, (BY_END, range), limit, |q: &Queued| q.finished_at.is_some_and(|at| at < before))
    }
    fn remove(tx: &mut dyn WriteTx, pk: &[u8]) -> Result<()> {
        Id::from_slice(pk).map_or(Ok(()), |id| LABELS.del(tx, &id).map(drop))
    }
    Retained { name: "labels", days: |r: &Retention| r.jobs_done, find, remove }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&PRINTERS, &LABELS, &HEALTH, &ASKED]
}
