//! The depot's own road graph, from an imported OpenStreetMap extract: what it takes to drive from place to place when no
//! map server answers.
//!
//! `pbf` reads the file's blocks, `osm` what is in them, `profile` says what a van may drive on and how fast; `build` makes
//! nodes and segments of it, `contract` the hierarchy of shortcuts in which `query` finds ways, `snap` puts places onto
//! roads; `file` keeps all of it in the data folder and `shelf` holds the one in use, to be swapped while it is asked.
//!
//! Turn restrictions and barriers on single nodes are not read: a way may turn where a sign forbids it.

pub mod build;
pub mod contract;
pub mod file;
pub mod graph;
pub mod osm;
pub mod pbf;
#[cfg(test)]
#[path = "../../../tests/it/support/pbf.rs"]
mod pbf_writer;
pub mod profile;
pub mod query;
pub mod shelf;
pub mod snap;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::base::error::{Fault, Kind};

/// What an import takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Points of roads: more do not fit into the memory of a usual PC beside everything else.
    pub points: usize,
}

/// The limits of this release: a federal state or a small country.
pub const LIMITS: Limits = Limits { bytes: 1 << 30, points: 12_000_000 };

/// Why a map was not taken, or can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// It can't be read or written.
    #[error("{} can't be used: {why}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is no extract, or a damaged one.
    #[error(
        "this is no sound .osm.pbf file: {why}, at byte {at}; fetch it again, the map in use stays as it is"
    )]
    Damaged {
        /// Where in the file its block begins.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// It is larger than what is taken.
    #[error("the map has {found} {what}, more than the {most} that are taken; cut a smaller extract")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much it has.
        found: u64,
        /// How much is taken.
        most: u64,
    },
    /// Nothing in it can be driven on.
    #[error("the map holds no road that a van may drive on: is it the right extract?")]
    NoRoads,
    /// Another import is under way.
    #[error("another map is being imported; wait for it to end")]
    Busy,
    /// Only on this machine.
    #[error("a map is imported on the depot's own machine: crossdock map import FILE")]
    Elsewhere,
}

impl MapError {
    pub(crate) fn io(path: impl Into<PathBuf>, why: impl std::fmt::Display) -> Self {
        Self::Io { path: path.into(), why: why.to_string() }
    }

    pub(crate) fn damaged(at: u64, why: impl std::fmt::Display) -> Self {
        Self::Damaged { at, why: why.to_string() }
    }
}

impl Fault for MapError {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { .. } | Self::Damaged { .. } | Self::NoRoads => Kind::Invalid,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::Busy => Kind::Conflict,
            Self::Elsewhere => Kind::Forbidden,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "map.file",
            Self::Damaged { .. } => "map.damaged",
            Self::TooLarge { .. } => "map.too_large",
            Self::NoRoads => "map.no_roads",
            Self::Busy => "map.busy",
            Self::Elsewhere => "control.only",
        }
    }
}
