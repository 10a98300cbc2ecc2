//! Who somebody is and what they may do: features and roles, proof of a right, passwords, keys and tokens.
//!
//! [`grant`] lies below the journal. Nothing here knows the store or a clock: what is not pure touches the private
//! folders of the data folder ([`private`], [`secret`]) or asks the system for randomness.

pub mod features;
pub mod gate;
pub mod grant;
pub mod opaque;
pub mod password;
pub mod private;
pub mod roles;
pub mod rules;
pub mod secret;
pub mod token;
