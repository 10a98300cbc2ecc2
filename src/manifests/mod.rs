//! What was announced, and what came: manifests of trucks, flights and distributors, and the unloadings that are counted
//! against them. What is missing is found by its absence: nobody scans what is not there.
//!
//! A [`model::Manifest`] and a [`model::Unloading`] are aggregates of the journal and travel to headquarters. What is being
//! counted while an unloading is open is this depot's own ([`model::Tally`]); closing it writes down what differed, and the
//! cases follow from that.

pub mod aggregate;
pub mod api;
pub mod differ;
pub mod error;
pub mod event;
pub mod fold;
#[cfg(test)]
mod fold_tests;
pub mod inputs;
pub mod list;
pub mod model;
pub mod repo;
pub mod service;
pub mod unloading;
pub mod views;
pub mod work;
