//! Who is told what: mail that waits for its server, messages by the tenant's own templates, quiet hours and digests, and
//! each person's notifications on screen.

pub mod alerts;
pub mod api;
pub mod channel;
pub mod counter;
pub mod deliveries;
pub mod held;
pub mod inbox;
pub mod mail;
pub mod orders;
pub mod plan;
pub mod steps;
pub mod template_api;
pub mod templates;
mod words;

use crate::store::table::Checked;

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![
        &inbox::NOTIFICATIONS,
        &alerts::PENDING,
        &held::HELD,
        &templates::TEMPLATES,
        &plan::PLANS,
        &plan::WISHES,
    ]
}
