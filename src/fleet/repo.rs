//! Where vehicles and drivers are kept.

use super::model::{Driver, Vehicle};
use crate::base::ids::Id;
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table};

/// Vehicles by id.
pub static VEHICLES: Table<Id, Folded<Ref<Vehicle>>> = Table::new(200, "vehicles", Home::ById);
/// Drivers by id.
pub static DRIVERS: Table<Id, Folded<Ref<Driver>>> = Table::new(201, "drivers", Home::ById);

impl Reference for Vehicle {
    const NAME: &'static str = "vehicle";
    const KIND: u16 = 0x1a0;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &VEHICLES;
}

impl Reference for Driver {
    const NAME: &'static str = "driver";
    const KIND: u16 = 0x1a1;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &DRIVERS;
}

/// Rows of one scan.
const PAGE: usize = 500;

/// Every record of a kind, with id and revision.
///
/// # Errors
/// Storage failures.
pub fn all<T: Reference>(tx: &dyn ReadTx) -> Result<Vec<(Id, T, u64)>> {
    let (mut range, mut found) = (KeyRange::all(), Vec::new());
    loop {
        // Removed ones leave a row behind, so the rows may be more than the records.
        let rows = T::TABLE.scan(tx, Ix::Primary, &range, Dir::Up, PAGE)?;
        found.extend(rows.items.into_iter().filter_map(|e| {
            let state = e.value.state;
            Some((state.id, state.value?, e.rev))
        }));
        if rows.next.is_none() {
            return Ok(found);
        }
        range.after = rows.next;
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&VEHICLES, &DRIVERS]
}
