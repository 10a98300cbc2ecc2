//! Crossdock: one binary that runs a logistics depot, online or cut off.

pub mod base;
pub mod config;
pub mod journal;
pub mod logs;
pub mod parcels;
