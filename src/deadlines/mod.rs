//! What is due when: one index for all areas, working time on a tenant's calendar, and the house rules that set limits.

pub mod calendar;
pub mod dock;
pub mod due;
pub mod holidays;
pub mod learned;
pub mod opening;
pub mod policy;

/// This room's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    [policy::tables(), vec![&due::Rows]].concat()
}
