//! What needs a person: why, who acts, by when, and which steps a case may take.

pub mod reasons;
pub mod rules;
