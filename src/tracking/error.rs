//! What can go wrong with tracking.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::identity::secret::SecretError;
use crate::store::StoreError;

/// Why a position was not taken, or something of tracking not shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// Something in the input is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody is known by that device token.
    #[error("no device has this token; an administrator makes one at /tracking/devices")]
    Device,
    /// Nothing of that name is tracked.
    #[error("no {what} {name}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// It was last heard of nowhere.
    #[error("the position of {0} is not known yet")]
    Nowhere(String),
    /// It is over.
    #[error("delivery {0} is over: nothing of it is foretold")]
    Over(String),
    /// Another one has that name.
    #[error("there is a {what} \"{name}\" already; give this one another name")]
    Taken {
        /// What kind of thing.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// As many as are kept.
    #[error("there are {most} {what} already, as many as are kept; remove one first")]
    Full {
        /// What kind of thing.
        what: &'static str,
        /// How many.
        most: usize,
    },
    /// The record has changed since it was read.
    #[error("it is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// More positions wait to be written than memory is given.
    #[error("{0} positions wait to be written, as many as are kept; send them again in a moment")]
    Busy(usize),
    /// No token can be made.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for TrackingError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::Device => Kind::Unauthenticated,
            Self::Unknown { .. } => Kind::NotFound,
            Self::Nowhere(_) | Self::Over(_) | Self::Taken { .. } | Self::Full { .. } => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Busy(_) => Kind::Busy,
            Self::Secret(_) => Kind::Internal,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "tracking.invalid",
            Self::Device => "tracking.device",
            Self::Unknown { .. } => "tracking.unknown",
            Self::Nowhere(_) => "tracking.nowhere",
            Self::Over(_) => "tracking.over",
            Self::Taken { .. } => "tracking.exists",
            Self::Full { .. } => "tracking.full",
            Self::Stale { .. } => "tracking.stale",
            Self::Busy(_) => "tracking.busy",
            Self::Secret(_) => "tracking.secret",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Busy(_) => Some(1),
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
