//! Who somebody is and what they may do: features and roles, proof of a right, passwords, keys and tokens.
//!
//! [`grant`] lies below the journal. [`features`], [`rules`], [`password`], [`opaque`] and [`token`] know neither the
//! store nor a clock; [`private`] and [`secret`] keep the keys of the data folder. Over them stand [`repo`] (what is
//! kept), [`gate`] (who comes in), [`auth`] (logins and sessions), [`service`] (users, roles), [`keys`] (of programs) and [`setup`].

pub mod api;
pub mod auth;
pub mod error;
pub mod features;
pub mod gate;
pub mod grant;
pub mod keys;
pub mod model;
pub mod opaque;
pub mod password;
pub mod private;
pub mod repo;
pub mod roles;
pub mod rules;
pub mod secret;
pub mod service;
pub mod setup;
pub mod signature;
pub mod token;
pub mod told;

pub use error::IdentityError;
