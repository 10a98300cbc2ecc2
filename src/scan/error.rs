//! What can go wrong with a scan. A parcel that may not take the step is no error: it is an outcome.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::manifests::error::ManifestError;
use crate::parcels::error::ParcelError;
use crate::store::StoreError;

/// Why a scan could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The scan's id was used for another one.
    #[error("scan_id {0} was used for a different scan at this station; give each scan an id of its own")]
    IdReused(String),
    /// Too many stations.
    #[error(
        "there are {} stations already; use the name of one of them, or wait until unused ones are forgotten",
        super::repo::MAX_STATIONS
    )]
    TooManyStations,
    /// A parcel could not be looked up or changed.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// It can't be counted into the unloading at its station.
    #[error(transparent)]
    Unloading(#[from] ManifestError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ScanError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::IdReused(_) => Kind::Conflict,
            Self::TooManyStations => Kind::Throttled,
            Self::Parcel(e) => e.kind(),
            Self::Unloading(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "scan.invalid",
            Self::IdReused(_) => "scan.id_reused",
            Self::TooManyStations => "scan.stations",
            Self::Parcel(e) => e.code(),
            Self::Unloading(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::Parcel(e) => e.fields(),
            Self::Unloading(e) => e.fields(),
            Self::IdReused(_) => vec![Problem::new("/scan_id", self.to_string())],
            Self::TooManyStations => vec![Problem::new("/station", self.to_string())],
            Self::Store(_) => Vec::new(),
        }
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Parcel(e) => e.extra(),
            Self::Invalid(_)
            | Self::IdReused(_)
            | Self::TooManyStations
            | Self::Unloading(_)
            | Self::Store(_) => serde_json::Map::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            Self::Parcel(e) => e.retry_after_s(),
            Self::Unloading(e) => e.retry_after_s(),
            Self::Invalid(_) | Self::IdReused(_) | Self::TooManyStations => None,
        }
    }
}
