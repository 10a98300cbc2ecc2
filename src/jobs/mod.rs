//! What runs by itself: the durable queue, when a schedule is next due, and when a failed job is tried again.
//!
//! `queue` holds the jobs, `runner` carries them out, `worker` tends what looks at the state and does what it asks for,
//! `ticker` only wakes, `schedules` demand a job at a time of day, `retention` removes what is old, `alarm` tells people
//! when any of it goes wrong.

pub mod alarm;
pub mod api;
pub mod queue;
pub mod retention;
pub mod rules;
pub mod runner;
pub mod schedule;
pub mod schedules;
pub mod ticker;
pub mod wake;
pub mod worker;

use crate::store::table::Checked;

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&queue::JOBS, &queue::KEYS, &schedules::SCHEDULES, &retention::SWEEPS]
}
