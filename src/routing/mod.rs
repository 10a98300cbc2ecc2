//! Route planning: who drives where, when and in which order.
//!
//! [`solve`] takes a [`Problem`](problem::Problem) (places, vehicles, jobs, criteria) and gives a
//! [`Plan`](plan::Plan): routes with times, what is left out with the reason, and the score. It is anytime: better
//! plans are reported while it runs, it can be cancelled, and it can go on from an old plan. With a limit of steps
//! and a seed it is repeatable.
//!
//! Inside, two engines share one annealing (`anneal`), which begins anew and puts plans together (`cross`) where time
//! allows: `flat` for the common model (one kind of vehicle, one depot,
//! one window per stop) and `full` for everything else. [`check`] proves a plan right without any of their code.

mod anneal;
mod arcs;
pub mod check;
mod cross;
mod flat;
mod full;
mod nearest;
pub mod plan;
pub mod problem;
mod reasons;
mod report;
mod rng;
pub mod score;
mod solve;
#[cfg(test)]
mod tests;
mod validate;

pub use solve::{Settings, solve};
