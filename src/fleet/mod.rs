//! Vehicles and drivers: what a depot drives with, and who drives. Records of the journal, so headquarters knows them;
//! each belongs to the depot that first wrote it down.

pub mod api;
pub mod error;
pub mod hours;
pub mod model;
pub mod repo;
pub mod service;
pub mod told;
