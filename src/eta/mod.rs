//! When something will be there: foretold from what the depot itself has seen, with an interval that keeps its word.
//!
//! Pure: `bins`, `tree` and `forest` are the trees, `learner` makes five quantiles of them, `conformal` widens these by
//! recent errors, `legs` says what is known of a leg and `predictor` who answers while little was learned. `service` and
//! `work` learn from the depot's own legs, `outlook` does the same for parcels. Everything here stays at its node.

pub mod api;
pub mod bins;
pub mod conformal;
pub mod forest;
pub mod learner;
pub mod legs;
pub mod outlook;
pub mod predictor;
pub mod repo;
pub mod service;
pub mod tree;
pub mod work;
