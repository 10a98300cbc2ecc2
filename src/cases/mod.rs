//! What needs a person: why, who acts, by when, and which steps a case may take.

pub mod derived;
pub mod reasons;
pub mod rules;
