//! What can go wrong with labels and printers.

use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::parcels::error::ParcelError;
use crate::store::StoreError;

use super::model::LabelState;

/// Why a label was not printed, or a printer not changed.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// Something in the input is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The parcel.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// There is no such printer.
    #[error("no printer {0}")]
    NoPrinter(String),
    /// There is no such label in that queue.
    #[error("no label {0} in this queue")]
    NoLabel(Id),
    /// Another printer has that name.
    #[error("there is a printer \"{0}\" already; give this one another name")]
    Taken(String),
    /// There are as many printers as are kept.
    #[error("there are {0} printers already, as many as are kept; remove one first")]
    TooMany(usize),
    /// The queue is full.
    #[error("{0} labels wait for this printer, as many as are kept; see to the printer, or drop some")]
    Full(i64),
    /// A printer with labels in its queue can't go.
    #[error("{0} labels are in its queue; print, decide or drop them first")]
    Busy(i64),
    /// A label that is past deciding.
    #[error("the label is {0:?}; only one that waits or whose outcome is unknown can be decided")]
    Decided(LabelState),
    /// The record has changed since it was read.
    #[error("the printer is at revision {found}, you have seen {seen}; read it again and repeat the change")]
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

impl Fault for LabelError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::Parcel(e) => e.kind(),
            Self::NoPrinter(_) | Self::NoLabel(_) => Kind::NotFound,
            Self::Taken(_) | Self::TooMany(_) | Self::Full(_) | Self::Busy(_) | Self::Decided(_) => {
                Kind::Conflict
            }
            Self::Stale { .. } => Kind::Stale,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "label.invalid",
            Self::Parcel(e) => e.code(),
            Self::NoPrinter(_) => "printer.unknown",
            Self::NoLabel(_) => "label.unknown",
            Self::Taken(_) => "printer.exists",
            Self::TooMany(_) => "printer.too_many",
            Self::Full(_) => "printer.queue_full",
            Self::Busy(_) => "printer.busy",
            Self::Decided(_) => "label.decided",
            Self::Stale { .. } => "printer.stale",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            Self::Parcel(e) => e.fields(),
            _ => Vec::new(),
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
