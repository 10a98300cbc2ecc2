//! Crossdock: one binary that runs a logistics depot, online or cut off.

pub mod base;
pub mod cases;
pub mod deadlines;
pub mod demo;
pub mod jobs;
pub mod journal;
pub mod parcels;
