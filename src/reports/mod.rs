//! Figures of the depot and where each comes from: exceptions, dwell, lateness, first attempts, volumes, transit times,
//! carriers and partners compared. A report is asked for once, or saved, run by a schedule and mailed.
//!
//! A report is counted in one pass over the rows, in pages with a snapshot each, so neither the writer nor the memory
//! is held: what is kept is one line of sums a group, bounded by [`model::MAX_ROWS`], and for medians one number of four
//! bytes a value, bounded by [`tally::MAX_VALUES`]. Nothing is kept up to date in between: the rows are folds already, and
//! a count that is made from them can't drift away from them. Each figure is a question asked of every parcel
//! ([`measure::Measure::value`]), and the drill-down ([`trace`]) asks the very same question, so it finds exactly the
//! parcels that were counted.
//!
//! [`shift`] is no figure of these: a sheet of what one shift did, read from the journal.

pub mod api;
pub mod dimension;
pub mod engine;
pub mod error;
pub mod export;
pub mod item;
pub mod measure;
pub mod model;
pub mod repo;
pub mod service;
pub mod shift;
pub mod tally;
pub mod trace;
pub mod work;
