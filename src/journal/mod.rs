//! What happened: immutable changes in one chained log, one timeline per aggregate, and the fold that turns them
//! into rows.

pub mod event;
