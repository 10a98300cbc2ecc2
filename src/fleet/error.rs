//! What can go wrong with vehicles and drivers.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::store::StoreError;

/// Why a vehicle or driver could not be found, added or changed.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// There is none by that id or name.
    #[error("no {what} {name}")]
    Unknown {
        /// A vehicle or a driver.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// The name is taken.
    #[error("{what} {name} is here already; change that one, or choose another name")]
    Taken {
        /// A vehicle or a driver.
        what: &'static str,
        /// The name.
        name: String,
        /// Who has it.
        id: Id,
    },
    /// More than are kept.
    #[error("there are {0} already, which is the most; remove one that is no longer driven")]
    TooMany(usize),
    /// It has changed since it was read.
    #[error("it is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// The fleet is everybody's: a caller who only sees some records can't work on it.
    #[error("vehicles and drivers take access to the whole depot")]
    Scope,
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the area's functions answer.
pub type Result<T> = std::result::Result<T, FleetError>;

impl Fault for FleetError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::NotFound,
            Self::Taken { .. } | Self::TooMany(_) => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Scope => Kind::Forbidden,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "fleet.unknown",
            Self::Taken { .. } => "fleet.taken",
            Self::TooMany(_) => "fleet.full",
            Self::Stale { .. } => "fleet.stale",
            Self::Scope => "fleet.scope",
            Self::Invalid(_) => "fleet.invalid",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        if let Self::Invalid(e) = self { e.fields() } else { Vec::new() }
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        let Self::Taken { id, .. } = self else { return serde_json::Map::new() };
        [("id".to_owned(), id.to_string().into())].into_iter().collect()
    }
    fn retry_after_s(&self) -> Option<u32> {
        if let Self::Store(e) = self { e.retry_after_s() } else { None }
    }
}
