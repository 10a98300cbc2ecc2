//! What happened: immutable changes in one chained log, one timeline per aggregate, and the fold that turns them
//! into rows.
//!
//! `change` is the blob and its identity, `clock` stamps it, `log` holds it, `event` orders it, `fold` makes it a row,
//! `shifts` are stamps put right afterwards,
//! `redaction` is what has to be forgotten all the same,
//! `reference` is the simplest aggregate (a record that is set as a whole), `readers` see it afterwards.

pub mod change;
pub mod clock;
pub mod event;
pub mod fold;
pub mod log;
pub mod readers;
pub mod redaction;
pub mod reference;
pub mod shifts;

pub use event::{Eid, FoldKey, SiteRef, Stamped};
pub use fold::{
    Aggregate, Arrival, Cx, Event, Folded, Followed, Timeline, Written, history, load, receive, record,
    refold, state_at,
};

/// This room's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    vec![&clock::ORIGIN, &readers::READERS, &shifts::SHIFTS, &redaction::MARKS, &redaction::SEALS]
}
