//! The general engine: any mix of vehicles, depots, pickups, shipments, several windows, breaks, reloads and locks.
//!
//! Routes are short arrays. A stop's insertion is checked in constant time from earliest departures and latest
//! starts; only vehicles with breaks or a limit on route time need the whole timeline, and only for a place that
//! would be the cheapest so far.

mod fleet;
pub(crate) mod insert;
mod local;
pub(crate) mod model;
mod recreate;
pub(crate) mod route;
mod ruin;
mod search;
pub(crate) mod state;
pub(crate) mod timeline;

/// Temperatures at the start and end, relative to the mean arc.
pub(crate) const HOT: f64 = 1.0;
pub(crate) const COLD: f64 = 0.01;
