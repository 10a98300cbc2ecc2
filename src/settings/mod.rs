//! What a tenant sets for its whole depot: house rules, calendar, name, language, currency, what is not audited.

pub mod api;
pub mod model;
pub mod service;

use crate::store::table::Checked;

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&model::RULES, &model::SETTINGS, &model::LEARNING, &model::DOCK]
}
