//! What can go wrong with places.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::store::StoreError;

/// Why a place could not be found, kept or imported.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Nobody put that one right.
    #[error("no place {0} was put right by hand")]
    Unknown(Id),
    /// More than are kept.
    #[error("there are {0} places put right by hand, which is the most; remove one")]
    TooMany(usize),
    /// It has changed since it was read.
    #[error("it is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the area's functions answer.
pub type Result<T> = std::result::Result<T, PlaceError>;

impl Fault for PlaceError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::TooMany(_) => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "place.unknown",
            Self::TooMany(_) => "place.full",
            Self::Stale { .. } => "place.stale",
            Self::Invalid(_) => "place.invalid",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        if let Self::Invalid(e) = self { e.fields() } else { Vec::new() }
    }
    fn retry_after_s(&self) -> Option<u32> {
        if let Self::Store(e) = self { e.retry_after_s() } else { None }
    }
}
