//! What needs a person: why, who acts, by when, and which steps a case may take.

pub mod actions;
pub mod aggregate;
pub mod api;
pub mod bulk;
pub mod derived;
pub mod event;
pub mod filters;
pub mod matter_api;
pub mod members;
pub mod model;
pub mod reasons;
pub mod repo;
pub mod rules;
pub mod service;
pub mod step_api;
pub mod told;
pub mod view;
pub mod worker;

#[cfg(test)]
mod tests;
