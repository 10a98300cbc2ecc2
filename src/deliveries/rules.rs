//! The table of steps, and what may be tried again after a failure.

use std::fmt;

use super::model::Status;
use crate::parcels::model::Status as ParcelStatus;

/// One step by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Give it to somebody.
    Assign,
    /// Give it to somebody else.
    Reassign,
    /// Take it back.
    Unassign,
    /// Leave with it.
    Start,
    /// Hand it over.
    Complete,
    /// Come back with it.
    Fail,
    /// Call it off.
    Cancel,
}

impl Step {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Reassign => "reassign",
            Self::Unassign => "unassign",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Cancel => "cancel",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The table: from, step, to.
pub const TABLE: [(Status, Step, Status); 8] = [
    (Status::Created, Step::Assign, Status::Assigned),
    (Status::Created, Step::Cancel, Status::Cancelled),
    (Status::Assigned, Step::Unassign, Status::Created),
    (Status::Assigned, Step::Reassign, Status::Assigned),
    (Status::Assigned, Step::Start, Status::InTransit),
    (Status::Assigned, Step::Cancel, Status::Cancelled),
    (Status::InTransit, Step::Complete, Status::Completed),
    (Status::InTransit, Step::Fail, Status::Failed),
];

/// Whether the table lets a delivery go from `from` to `to`.
#[must_use]
pub fn admits(from: Status, to: Status) -> bool {
    TABLE.iter().any(|(f, _, t)| *f == from && *t == to)
}

/// The steps out of `from`, and where they lead.
pub fn steps(from: Status) -> impl Iterator<Item = (Step, Status)> {
    TABLE.iter().filter(move |(f, _, _)| *f == from).map(|(_, step, to)| (*step, *to))
}

/// Where one can go from `from`.
#[must_use]
pub fn next(from: Status) -> Vec<Status> {
    steps(from).map(|(_, to)| to).collect()
}

/// Whether a delivery's way has ended.
#[must_use]
pub const fn is_final(status: Status) -> bool {
    matches!(status, Status::Completed | Status::Failed | Status::Cancelled)
}

/// A reason why something could not be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its code.
    pub code: &'static str,
    /// Whether another attempt makes sense, and after how many days.
    pub again_after_days: Option<u8>,
    /// Where its parcels are then.
    pub parcel: ParcelStatus,
    /// Whether a photo is asked for.
    pub photo: bool,
}

const fn reason(code: &'static str, again: Option<u8>, parcel: ParcelStatus, photo: bool) -> Reason {
    Reason { code, again_after_days: again, parcel, photo }
}

/// Every reason.
pub const REASONS: [Reason; 11] = [
    reason("recipient_absent", Some(1), ParcelStatus::Attempted, false),
    reason("business_closed", Some(1), ParcelStatus::Attempted, false),
    reason("no_access", Some(1), ParcelStatus::Attempted, false),
    reason("no_time", Some(0), ParcelStatus::Attempted, false),
    reason("weather", Some(1), ParcelStatus::Attempted, false),
    reason("vehicle_breakdown", Some(0), ParcelStatus::Attempted, false),
    reason("rescheduled", Some(1), ParcelStatus::Attempted, false),
    reason("returned_to_depot", Some(1), ParcelStatus::AtDepot, false),
    reason("address_incomplete", None, ParcelStatus::OnHold, false),
    reason("refused", None, ParcelStatus::Attempted, false),
    reason("damaged", None, ParcelStatus::OnHold, true),
];

/// The reason with this code.
#[must_use]
pub fn reason_of(code: &str) -> Option<&'static Reason> {
    REASONS.iter().find(|r| r.code.eq_ignore_ascii_case(code.trim()))
}

/// Every code, for a message.
#[must_use]
pub fn codes() -> String {
    REASONS.map(|r| r.code).join(", ")
}
