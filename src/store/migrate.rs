//! The layout of the file: its number, and the steps from one to the next. A released step is never edited.

use serde::{Deserialize, Serialize};

use super::table::Checked;
use super::{Home, Lane, NODE, Result, Store, StoreError, Table, WriteTx};
use crate::first_record;

/// What the file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The number of the last step that has run.
    pub number: u32,
    /// The release that ran it.
    pub release: String,
}
first_record!(Layout);

const LAYOUT: Table<str, Layout> = Table::new(1, "layout", Home::Local);

/// The table of the one record here, for `check`.
#[must_use]
pub fn table() -> &'static dyn Checked {
    &LAYOUT
}

/// The raw key of that record, by which a backup knows it.
pub(super) const fn raw_key() -> &'static [u8] {
    b"\0\0\0\0\0\x01layout"
}

/// One step: what it does to a tenant's data.
pub struct Migration {
    /// The number the file has afterwards.
    pub to: u32,
    /// What it does, for the log and the backup's name.
    pub name: &'static str,
    /// The step itself; it may be called again after a crash.
    pub run: fn(&mut dyn WriteTx) -> Result<()>,
}

/// Every step so far. Append; never edit a released one.
pub const MIGRATIONS: &[Migration] = &[Migration { to: 1, name: "the first layout", run: |_| Ok(()) }];

/// This release.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The number this release writes.
#[must_use]
pub fn latest(steps: &[Migration]) -> u32 {
    steps.last().map_or(0, |m| m.to)
}

/// What the file says of itself; none for a fresh one.
///
/// # Errors
/// Storage failures.
pub fn layout(store: &Store) -> Result<Option<Layout>> {
    store.read(NODE, |tx| LAYOUT.get(tx, "layout"))
}

/// Brings the file up to the last of `steps`. `before` is called once, before the first step on a file that holds
/// data, and makes the backup that is the way down.
///
/// # Errors
/// [`StoreError::Newer`] when the file is from a newer release; what `before` or a step returns.
pub fn run(
    store: &Store,
    steps: &'static [Migration],
    before: impl FnOnce(&Layout) -> Result<()>,
) -> Result<()> {
    let found = layout(store)?;
    let number = found.as_ref().map_or(0, |l| l.number);
    let ours = latest(steps);
    if number > ours {
        let file = found.map(|l| l.release).unwrap_or_default();
        return Err(StoreError::Newer { file, ours: RELEASE.into() });
    }
    if let Some(layout) = found.filter(|_| number < ours) {
        before(&layout)?;
    }
    for step in steps.iter().filter(|m| m.to > number) {
        tracing::info!(migration.to = step.to, migration.name = step.name, "migrating the store");
        store
            .write(NODE, Lane::People, move |tx| {
                (step.run)(tx)?;
                LAYOUT.put(tx, "layout", &Layout { number: step.to, release: RELEASE.into() })
            })
            .wait()?;
    }
    Ok(())
}
