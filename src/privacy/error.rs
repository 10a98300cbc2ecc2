//! Why a person's data could not be found, handed out or erased.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::store::StoreError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// There is none by that id.
    #[error("no erasure {0}")]
    Unknown(String),
    /// There is no such record, or not in that capacity.
    #[error("no {0} that holds data of a person; take records as the search shows them")]
    NoRecord(String),
    /// A record is kept by law.
    #[error(
        "{record} is under legal hold since {since}: {reason}. Lift the hold first, or leave the record out"
    )]
    Held {
        /// The record.
        record: String,
        /// Since when.
        since: String,
        /// Why.
        reason: String,
    },
    /// It takes two.
    #[error("{0}")]
    FourEyes(&'static str),
    /// It was decided already.
    #[error("{0}")]
    Decided(String),
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What this area's functions return.
pub type Result<T> = std::result::Result<T, PrivacyError>;

impl Fault for PrivacyError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) | Self::NoRecord(_) => Kind::NotFound,
            Self::Held { .. } | Self::Decided(_) => Kind::Conflict,
            Self::FourEyes(_) => Kind::Forbidden,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "privacy.unknown",
            Self::NoRecord(_) => "privacy.no_record",
            Self::Held { .. } => "privacy.legal_hold",
            Self::FourEyes(_) => "privacy.four_eyes",
            Self::Decided(_) => "privacy.decided",
            Self::Invalid(_) => "privacy.invalid",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
}
