//! What can go wrong with manifests and unloadings.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::imports::ImportError;
use crate::parcels::error::ParcelError;
use crate::store::StoreError;

use super::model::State;

/// Why a manifest or an unloading could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is no such manifest, or it is somebody else's.
    #[error("no manifest {0}")]
    Unknown(String),
    /// There is no such unloading, or it is somebody else's.
    #[error("no unloading {0}")]
    NoUnloading(String),
    /// A manifest with that number is still expected.
    #[error("manifest {0} is announced already and has not come; add lines to it, or cancel it first")]
    Exists(String),
    /// It is past the point where that can be done.
    #[error("manifest {number} is {state:?}: {remedy}")]
    Past {
        /// Its number.
        number: String,
        /// Where it stands.
        state: State,
        /// What can be done instead.
        remedy: &'static str,
    },
    /// The station counts into another unloading.
    #[error(
        "the scans of {station} count into the unloading of {label}; close that first, or name another station"
    )]
    StationBusy {
        /// The station.
        station: String,
        /// The other's manifests.
        label: String,
    },
    /// It takes place elsewhere.
    #[error("it is unloaded at another depot, and only there it can be counted and closed")]
    Elsewhere,
    /// It is closed.
    #[error("the unloading is closed already; reopen it with a reason to go on counting")]
    Closed,
    /// It is open.
    #[error("the unloading is open; nothing is there to be reopened")]
    Open,
    /// There is no room for more.
    #[error("{0}")]
    Full(String),
    /// What was sent makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The file can't be read.
    #[error(transparent)]
    File(#[from] ImportError),
    /// A parcel could not be announced.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// The record has changed since it was read.
    #[error("the manifest is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ManifestError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) | Self::NoUnloading(_) => Kind::NotFound,
            Self::Exists(_)
            | Self::Past { .. }
            | Self::StationBusy { .. }
            | Self::Elsewhere
            | Self::Closed
            | Self::Open
            | Self::Full(_) => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::File(e) => e.kind(),
            Self::Parcel(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "manifest.unknown",
            Self::NoUnloading(_) => "unloading.unknown",
            Self::Exists(_) => "manifest.exists",
            Self::Past { .. } => "manifest.past",
            Self::StationBusy { .. } => "unloading.station_busy",
            Self::Elsewhere => "unloading.elsewhere",
            Self::Closed => "unloading.closed",
            Self::Open => "unloading.open",
            Self::Full(_) => "manifest.full",
            Self::Stale { .. } => "manifest.stale",
            Self::Invalid(_) => "manifest.invalid",
            Self::File(e) => e.code(),
            Self::Parcel(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::File(e) => e.fields(),
            Self::Parcel(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Parcel(e) => e.extra(),
            _ => serde_json::Map::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Parcel(e) => e.retry_after_s(),
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
