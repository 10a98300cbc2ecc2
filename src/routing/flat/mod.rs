//! The fast engine for the common model: one kind of vehicle, one depot, one load dimension, at most one window
//! per stop. A plan is a doubly linked list of 32-byte nodes; every insertion is checked in constant time.

pub(crate) mod model;
mod recreate;
mod ruin;
mod search;
pub(crate) mod state;

/// Temperatures at the start and end, relative to the mean arc.
pub(crate) const HOT: f64 = 1.0;
pub(crate) const COLD: f64 = 0.03;
