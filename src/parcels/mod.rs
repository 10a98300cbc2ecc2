//! Exceptional parcels: where each one is, what is known of it, and what is wrong with it.

pub mod model;
pub mod numbers;
