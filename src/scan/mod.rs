//! One field that takes anything: what a scanned code may be, and what the station does with it.
//!
//! `check`, `patterns`, `gs1`, `layouts` and `commands` each know one thing and nothing else; `resolve` puts them in order.

pub mod check;
pub mod commands;
pub mod gs1;
pub mod layouts;
pub mod model;
pub mod patterns;
pub mod resolve;
