//! Carriers: who they are, and their news of parcels. News comes in by a signed request of theirs or by asking them at
//! intervals; either way it goes through the status map of the carrier's words and is kept as a foreign fact. What has
//! come once is known by its id and does nothing when it comes again.
//!
//! An airline is a carrier whose language is `fsu`: its status messages go to the import desk.
//!
//! `adapter` is a carrier's language, `easypost`, `plain` and `airline` are those there are; `mask` is pure.

pub mod adapter;
pub mod airline;
pub mod api;
pub mod client;
pub mod easypost;
pub mod error;
pub mod inbound_api;
pub mod mask;
pub mod model;
pub mod plain;
pub mod repo;
pub mod service;
pub mod work;
