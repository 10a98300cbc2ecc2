//! What can go wrong with parcels.

use serde_json::{Map, Value};

use super::model::{ParcelId, Status};
use super::rules::MoveError;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::identity::grant::Denied;
use crate::store::StoreError;

/// Why a parcel could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// There is none by that id or number, or it is somebody else's.
    #[error("no parcel {0}")]
    Unknown(String),
    /// Its number belongs to a parcel that is still on its way.
    #[error("parcel {number} is here already and {status}; close it first, or report on it")]
    Exists {
        /// The number.
        number: String,
        /// The parcel that has it.
        id: ParcelId,
        /// Where that one is.
        status: Status,
    },
    /// A step that can't be taken.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It has changed since it was read.
    #[error("parcel {id} is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Which.
        id: ParcelId,
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// One row of a list that was to be taken as a whole.
    #[error("nothing was stored: row {row} is refused: {why}")]
    Row {
        /// Which, from 0.
        row: usize,
        /// Why.
        why: Box<ParcelError>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ParcelError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Exists { .. } => Kind::Conflict,
            Self::Move(e) => e.kind(),
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Stale { .. } => Kind::Stale,
            Self::Row { why, .. } => why.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "parcel.unknown",
            Self::Exists { .. } => "parcel.exists",
            Self::Move(e) => e.code(),
            Self::Invalid(_) => "parcel.invalid",
            Self::Denied(e) => e.code(),
            Self::Stale { .. } => "parcel.stale",
            Self::Row { why, .. } => why.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Move(e) => e.fields(),
            Self::Invalid(e) => e.fields(),
            Self::Row { row, why } => why
                .fields()
                .into_iter()
                .map(|p| Problem { pointer: format!("/rows/{row}{}", p.pointer), ..p })
                .collect(),
            Self::Unknown(_)
            | Self::Exists { .. }
            | Self::Denied(_)
            | Self::Stale { .. }
            | Self::Store(_) => Vec::new(),
        }
    }
    fn extra(&self) -> Map<String, Value> {
        match self {
            Self::Exists { id, .. } => [("id".to_owned(), Value::from(id.to_string()))].into_iter().collect(),
            Self::Move(e) => e.extra(),
            Self::Denied(e) => e.extra(),
            Self::Row { why, .. } => why.extra(),
            Self::Unknown(_) | Self::Invalid(_) | Self::Stale { .. } | Self::Store(_) => Map::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            Self::Row { why, .. } => why.retry_after_s(),
            _ => None,
        }
    }
}
