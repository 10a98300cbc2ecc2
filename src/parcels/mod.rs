//! Exceptional parcels: where each one is, what is known of it, and what is wrong with it.

pub mod aggregate;
pub mod event;
pub mod fold;
pub mod issues;
pub mod map_file;
pub mod maps;
pub mod merge;
pub mod model;
pub mod numbers;
pub mod repo;
pub mod rules;
