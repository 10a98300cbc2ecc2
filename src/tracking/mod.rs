//! Where vehicles are: positions as phones and boxes tell them, who came and left, and the way they took.
//!
//! Positions are told by people who are logged in, by programs, and by devices with a token of their own (`device_api`).
//! `tracker` remembers the latest and what is not yet written; `flush` writes it down once a second: `repo` keeps points in
//! blocks, `rules` counts, `visit` says who came and left, `stops` holds arrivals against what was foretold. The store
//! writes durably or not at all, so the second is gathered here and is one commit.

pub mod api;
pub mod block;
pub mod device_api;
pub mod error;
pub mod flush;
pub mod forms;
pub mod geo;
pub mod live_api;
pub mod model;
pub mod plans;
pub mod public_api;
pub mod records;
pub mod repo;
pub mod rules;
pub mod service;
pub mod stops;
pub mod tracker;
pub mod views;
pub mod visit;
pub mod work;
