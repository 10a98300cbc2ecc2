//! Where addresses are, found without any network: as somebody put it right by hand, as an earlier stop had it, or as an
//! imported file of addresses and postcodes says. Each finding says how exact it is, and one that can't be made says why.

pub mod api;
pub mod error;
pub mod file;
pub mod model;
pub mod repo;
pub mod service;
