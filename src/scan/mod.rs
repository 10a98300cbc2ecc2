//! One field that takes anything: what a scanned code may be, and what the station does with it.
//!
//! `check`, `patterns`, `gs1`, `layouts` and `commands` each know one thing and nothing else; `resolve` puts their
//! readings in order. `lookup` finds the parcel, `steps` does to it what the station was told, `service` is one scan.

pub mod api;
pub mod check;
pub mod commands;
pub mod error;
pub mod gs1;
pub mod inputs;
pub mod layouts;
pub mod lookup;
pub mod model;
pub mod patterns;
pub mod repo;
pub mod resolve;
pub mod service;
mod steps;
pub mod views;
