//! Routes: which vehicle serves which stops, in which order and when. A request becomes a task (what is to be planned,
//! with every place found), the task a problem for [`crate::routing`], and its plan the routes that are kept. Routes are
//! changed by hand, dispatched, planned anew on the way, and end.
//!
//! `inputs` is what is asked, `task` what is to be planned, `problem` the solver's question and `outcome` its answer;
//! `desk` bounds how many searches run, `work` runs those that take long.

pub mod aggregate;
pub mod api;
pub mod deliveries;
pub mod desk;
pub mod error;
pub mod event;
pub mod figures;
pub mod figures_api;
pub mod follow;
pub mod inputs;
pub mod model;
pub mod outcome;
pub mod problem;
pub mod replan;
pub mod repo;
pub mod service;
pub mod task;
pub mod timing;
pub mod views;
pub mod whatif;
pub mod work;
