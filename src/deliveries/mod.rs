//! Deliveries: one attempt, or one job, to bring parcels to an address. A delivery that failed stays failed; the next
//! attempt is a delivery of its own, linked to it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `model`, `event`, `fold` | the delivery, what happens to it, what it comes to |
//! | `rules` | the table of steps, and what may be tried again |
//! | `proof` | what shows that it was handed over; attached files are named by their hash |
//! | `bundle`, `sheet` | everything of that as one archive, and on paper (`picture`, `strokes`) |
//! | `service`, `assign`, `outcome` | the use cases |
//! | `same` | a request that is sent twice has one effect |
//! | `told` | deliveries that come over from another system |
//! | `work` | a delivery whose parcels were all called off is called off |

mod aggregate;
pub mod api;
pub mod assign;
pub mod bundle;
pub mod error;
pub mod event;
mod fold;
pub mod inputs;
pub mod model;
pub mod outcome;
pub mod picture;
pub mod proof;
pub mod proof_api;
pub mod repo;
pub mod rules;
pub mod same;
pub mod service;
pub mod sheet;
pub mod strokes;
#[cfg(test)]
mod tests;
pub mod told;
pub mod views;
pub mod work;
