//! What every room of the house stands on: time, ids, units, money, pages, breakers and the shape of an error.
//! Depends on nothing of ours.

pub mod breaker;
pub mod clock;
pub mod error;
pub mod ids;
pub mod money;
pub mod net;
pub mod page;
pub mod paper;
pub mod said;
pub mod text;
pub mod units;
pub mod verdict;
pub(crate) mod words;
