//! Depots and headquarters: what is done at a depot without a line to anybody gets to headquarters once, and from there to
//! whom it concerns, and then all of them have the same.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`wire`] | the messages, their limits, how they are packed |
//! | [`keys`] | signatures, challenges, headquarters' word on a change |
//! | [`registry`] | which kinds of change there are, how each folds, whom it concerns |
//! | [`sites`] | depots as headquarters knows them; joining; sessions |
//! | [`hq`] | headquarters: `session` → `ingest` → `apply` → `route` → `feed`, and `resupply`, `quarantine` |
//! | [`depot`] | a depot's turn: `session` → `push` → `pull`; new logs (`relog`), wrong clocks (`shift`), refilling (`supply`) |
//! | [`digest`] | whether two nodes hold the same |
//! | [`mutants`] | the safeguards, as tests take them away |
//! | [`node`], [`start`], [`join`], [`turn`] | the process's part: its keys, what it is, its headquarters, whose turn it is |
//! | [`api`], [`courier`] | both ends of the wire over HTTP |
//! | [`carried`] | the exchange by files, for a depot without any line |
//! | [`work`], [`pace`] | what runs by itself, and when |
//! | [`manage_api`], [`status`] | what people see of it and may do |
//!
//! What lies above the line knows neither HTTP nor a runtime: [`hq::Hq::answer`] takes bytes and gives bytes, [`depot::Depot::turn`] talks
//! through a [`depot::Link`]. So the simulator drives this very code, one step at a time, and whoever carries the bytes
//! packs them ([`wire::pack`]), shows the token and waits where somebody has to wait.
//!
//! A change takes this way: [`crate::journal::record`] at a depot appends it to the applied log and links it into log `b`;
//! `push` brings it to headquarters' inbox, durable when acknowledged; `apply` folds it there and writes a marker into the
//! sender's feed; `route` puts a reference into the feeds of all other depots it concerns, the whole past of its record
//! first where that is new to them; `pull` brings it there, through the same fold.

pub mod api;
pub mod carried;
pub mod courier;
pub mod depot;
pub mod digest;
pub mod hq;
pub mod join;
pub mod keys;
pub mod manage_api;
pub mod mutants;
pub mod node;
pub mod pace;
pub mod registry;
#[cfg(test)]
mod sim;
pub mod sites;
pub mod start;
pub mod status;
#[cfg(test)]
mod tests;
pub mod turn;
pub mod wire;
pub mod work;

use crate::store::table::Checked;

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    [sites::tables(), hq::tables::tables(), depot::tables::tables(), node::tables()].concat()
}
