//! What is due when: working time on a tenant's calendar.

pub mod calendar;
pub mod holidays;
pub mod opening;
