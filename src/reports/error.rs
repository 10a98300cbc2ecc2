//! What can go wrong with reports.

use super::model::MAX_ROWS;
use super::repo::MAX_SAVED;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::identity::grant::Denied;
use crate::jobs::schedules::ScheduleError;
use crate::store::StoreError;

/// Why a report could not be counted, saved or shown.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No such report, or none the caller may see.
    #[error("there is no report {0}")]
    Unknown(String),
    /// No such run, or none the caller may see.
    #[error("there is no run {0}; old ones are let go of")]
    NoRun(String),
    /// It was not counted yet, or could not be.
    #[error("the run is {0}; there is no table yet")]
    NotDone(&'static str),
    /// Too many lines.
    #[error("the report has more than {MAX_ROWS} lines; group it by something coarser, or narrow it")]
    TooManyRows,
    /// Too many reports.
    #[error("{MAX_SAVED} reports are saved already; remove one first")]
    TooMany,
    /// What was sent isn't acceptable.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It can't be run by a schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Its file can't be written.
    #[error("the file can't be written: {0}")]
    File(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ReportError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) | Self::NoRun(_) => Kind::NotFound,
            Self::NotDone(_) | Self::TooMany => Kind::Conflict,
            Self::TooManyRows => Kind::Invalid,
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Schedule(e) => e.kind(),
            Self::File(_) => Kind::Internal,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "report.unknown",
            Self::NoRun(_) => "report.no_run",
            Self::NotDone(_) => "report.not_done",
            Self::TooManyRows => "report.too_many_rows",
            Self::TooMany => "report.too_many",
            Self::Invalid(e) => e.code(),
            Self::Denied(e) => e.code(),
            Self::Schedule(e) => e.code(),
            Self::File(_) => "report.file",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::TooManyRows => vec![Problem::new("/by", self.to_string())],
            Self::Invalid(e) => e.fields(),
            Self::Schedule(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn extra(&self) -> serde_json::Map<String, serde_json::Value> {
        if let Self::Denied(e) = self { e.extra() } else { serde_json::Map::new() }
    }
    fn retry_after_s(&self) -> Option<u32> {
        if let Self::Store(e) = self { e.retry_after_s() } else { None }
    }
}
