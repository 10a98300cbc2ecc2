//! Who is told what: mail that waits for its server, a digest of new cases, and each person's notifications on screen.

pub mod alerts;
pub mod api;
pub mod deliveries;
pub mod inbox;
pub mod mail;
mod words;

use crate::store::table::Checked;

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&inbox::NOTIFICATIONS, &alerts::PENDING]
}
