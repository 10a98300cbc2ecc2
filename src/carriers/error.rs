//! Why something about a carrier could not be done.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::freight::error::FreightError;
use crate::identity::secret::SecretError;
use crate::parcels::error::ParcelError;
use crate::store::StoreError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// There is none.
    #[error("no carrier \"{0}\"")]
    Unknown(String),
    /// There is one already.
    #[error("there is a carrier \"{0}\" already; change that one")]
    Exists(String),
    /// There are as many as there can be.
    #[error("there are {0} carriers, the most a tenant can have")]
    Full(usize),
    /// It has changed since it was read.
    #[error("the carrier is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// It can't be asked.
    #[error("the carrier has no endpoint, or is not active; it can't be asked")]
    NotAsked,
    /// What was sent makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A secret can't be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A parcel.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// A waybill.
    #[error(transparent)]
    Freight(FreightError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FreightError> for CarrierError {
    fn from(e: FreightError) -> Self {
        match e {
            FreightError::Store(e) => Self::Store(e),
            other => Self::Freight(other),
        }
    }
}

impl Fault for CarrierError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Exists(_) | Self::Full(_) | Self::NotAsked => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Secret(e) => e.kind(),
            Self::Parcel(e) => e.kind(),
            Self::Freight(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "carrier.unknown",
            Self::Exists(_) => "carrier.exists",
            Self::Full(_) => "carrier.full",
            Self::Stale { .. } => "carrier.stale",
            Self::NotAsked => "carrier.not_asked",
            Self::Invalid(e) => e.code(),
            Self::Secret(e) => e.code(),
            Self::Parcel(e) => e.code(),
            Self::Freight(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::Parcel(e) => e.fields(),
            Self::Freight(e) => e.fields(),
            _ => Vec::new(),
        }
    }
}
