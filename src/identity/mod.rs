//! Who somebody is and what they may do: features and roles, proof of a right, passwords, keys and tokens.
//!
//! [`grant`] lies below the journal; everything here is pure or touches only the `keys/` folder.

pub mod features;
pub mod grant;

pub mod roles;



