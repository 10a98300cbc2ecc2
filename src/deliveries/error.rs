//! What can go wrong with deliveries.

use serde_json::{Map, Value};

use super::model::Status;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::identity::grant::Denied;
use crate::store::StoreError;

/// Why a delivery could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// There is none, or it is somebody else's.
    #[error("no delivery {0}")]
    Unknown(String),
    /// A step that the table does not allow.
    #[error("a delivery can't go from {from} to {requested}; {}", remedy(.allowed))]
    Illegal {
        /// Where it is.
        from: Status,
        /// Where it was to go.
        requested: Status,
        /// Where it can go.
        allowed: Vec<Status>,
    },
    /// It has begun or ended, so it can't be changed so any more.
    #[error("delivery {number} is {status}: {remedy}")]
    Closed {
        /// Its number.
        number: u64,
        /// Where it is.
        status: Status,
        /// What can be done instead.
        remedy: &'static str,
    },
    /// Parcels that were not scanned out.
    #[error(
        "{} of its parcels can't leave now: {}; scan them, or send confirm_missing", .0.len(), .0.join(", ")
    )]
    Missing(Vec<String>),
    /// Proof that is asked for and missing.
    #[error("it can't be completed without {0}: add the proof and try again")]
    Unproved(String),
    /// It is another depot's.
    #[error("delivery {0} is carried out by another depot, which alone can do this")]
    Elsewhere(u64),
    /// Its recipient left no way to write to them.
    #[error(
        "the recipient of delivery {0} left no telephone number and no mail address: nobody writes to them"
    )]
    NoAddress(u64),
    /// It has changed since it was read.
    #[error("the delivery is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn remedy(allowed: &[Status]) -> String {
    if allowed.is_empty() {
        return "its way has ended; what was not handed over goes on as a new delivery".to_owned();
    }
    format!("allowed next: {}", allowed.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", "))
}

impl Fault for DeliveryError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Illegal { .. }
            | Self::Closed { .. }
            | Self::Missing(_)
            | Self::Unproved(_)
            | Self::Elsewhere(_)
            | Self::NoAddress(_) => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "delivery.unknown",
            Self::Illegal { .. } => "delivery.invalid_transition",
            Self::Closed { .. } => "delivery.closed",
            Self::Missing(_) => "delivery.parcels_missing",
            Self::Unproved(_) => "delivery.proof_missing",
            Self::Elsewhere(_) => "delivery.elsewhere",
            Self::NoAddress(_) => "delivery.no_address",
            Self::Stale { .. } => "delivery.stale",
            Self::Invalid(_) => "delivery.invalid",
            Self::Denied(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> Map<String, Value> {
        let mut extra = Map::new();
        match self {
            Self::Illegal { from, requested, allowed } => {
                let allowed: Vec<&str> = allowed.iter().map(|s| s.as_str()).collect();
                extra.insert("from".into(), from.as_str().into());
                extra.insert("requested".into(), requested.as_str().into());
                extra.insert("allowed".into(), allowed.into());
            }
            Self::Missing(parcels) => {
                extra.insert("parcels".into(), parcels.clone().into());
            }
            Self::Denied(e) => return e.extra(),
            _ => {}
        }
        extra
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
