//! Exceptional parcels: where each one is, what is known of it, and what is wrong with it.

pub mod aggregate;
#[cfg(test)]
mod aggregate_tests;
pub mod announce;
pub mod api;
pub mod cards;
pub mod error;
pub mod event;
pub mod fold;
pub mod inputs;
pub mod issues;
pub mod learn;
pub mod limits_api;
pub mod map_api;
pub mod map_file;
pub mod map_runs;
pub mod map_service;
pub mod map_try;
pub mod maps;
pub mod merge;
pub mod model;
pub mod numbers;
pub mod pickup;
pub mod pulse;
pub mod queries;
pub mod remap;
pub mod repo;
pub mod report;
pub mod rules;
pub mod service;
pub mod stats;
pub mod suggest;
pub mod undo;
pub mod unmapped;
pub mod views;
pub mod work;
