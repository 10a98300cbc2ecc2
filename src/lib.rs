//! Crossdock: one binary that runs a logistics depot, online or cut off.

pub mod audit;
pub mod base;
pub mod deadlines;
pub mod identity;
pub mod journal;
pub mod parcels;
pub mod store;
