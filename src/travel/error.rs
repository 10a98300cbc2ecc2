//! What can go wrong with conditions.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::store::StoreError;

/// Why conditions could not be set.
#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    /// They have changed since they were read.
    #[error("they are at revision {found}, you have seen {seen}; read them again and repeat the change")]
    Stale {
        /// Their revision.
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

impl Fault for TravelError {
    fn kind(&self) -> Kind {
        match self {
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "conditions.stale",
            Self::Invalid(_) => "conditions.invalid",
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
