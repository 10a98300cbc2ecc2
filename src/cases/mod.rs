//! cases
pub mod derived;
