//! Crossdock: one binary that runs a logistics depot, online or cut off.

pub mod base;
pub mod imports;
pub mod journal;
pub mod parcels;
