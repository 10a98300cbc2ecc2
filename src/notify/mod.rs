//! Who is told what: mail and text messages that wait for their servers, messages by the tenant's own templates, quiet hours and digests, and
//! each person's notifications on screen.

pub mod alerts;
pub mod api;
pub mod channel;
pub mod counter;
pub mod deliveries;
pub mod gateway;
pub mod held;
pub mod inbox;
pub mod mail;
pub mod orders;
pub mod plan;
pub mod refusals;
mod refusals_api;
pub mod sms;
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
        &sms::ASIDE,
        &refusals::REFUSALS,
    ]
}
