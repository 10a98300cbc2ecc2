//! What runs by itself: when a schedule is next due, and when a failed job is tried again.

pub mod rules;
pub mod schedule;
