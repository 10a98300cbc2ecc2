//! Crossdock: one binary that runs a logistics depot, online or cut off.

pub mod audit;
pub mod base;
pub mod cases;
pub mod config;
pub mod deadlines;
pub mod demo;
pub mod identity;
pub mod jobs;
pub mod journal;
pub mod logs;
pub mod parcels;
pub mod settings;
pub mod store;
pub mod web;
