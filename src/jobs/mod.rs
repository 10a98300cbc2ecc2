//! What runs by itself: the durable queue, when a schedule is next due, and when a failed job is tried again.

pub mod rules;
pub mod runner;
pub mod schedule;
