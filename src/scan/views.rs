//! What stations are told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gs1::Element;
use super::model::{Outcome, Pending, Reading, Resolved};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::rules::CaseId;
use crate::manifests::unloading::Count;
use crate::parcels::model::{ParcelId, Status};
use crate::parcels::views::ParcelView;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScanDone)]
pub enum Done {
    /// Nothing.
    #[default]
    Nothing,
    /// The parcel took a step.
    Moved,
    /// The parcel was seen where it was already: its place, or what is wrong with it.
    Confirmed,
    /// The next parcel, or every one, is treated so.
    Pending,
    /// Parcels are put there from now on.
    Placed,
    /// The station arrives parcels again, at no place.
    Cleared,
    /// The last scan was taken back.
    Undone,
    /// A case was opened, or was open.
    CaseOpened,
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScanRefused)]
pub struct Refused {
    /// The problem's code, such as `parcel.invalid_transition`.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// What became of a scan, the parcel itself left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScanTold)]
pub struct Told {
    /// The sound and the colour.
    pub outcome: Outcome,
    /// The same in words.
    pub message: String,
    /// The code without the scanner's additions.
    pub code: String,
    /// When it was scanned.
    pub at: Timestamp,
    /// What was done.
    pub done: Done,
    /// The event behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Id>,
    /// Why nothing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// What the code may be, the likeliest first.
    pub readings: Vec<Reading>,
    /// The elements of a GS1 code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<Element>,
    /// The parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel_id: Option<ParcelId>,
    /// Where the parcel is after the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The steps an own scan may take next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_next: Vec<Status>,
    /// The parcels it may be, when that can't be told: scan the id of one, or name a reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ParcelId>,
    /// What can be asked for now: `piece_without_data`, by `open_case` or `CMD:PIECE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// What the station does with the next parcel; absent when it arrives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What the scan came to in the unloading that is open at the station.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unloading: Option<Count>,
    /// Where the station puts parcels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Told {
    /// What is known before anything was done.
    #[must_use]
    pub fn begin(resolved: Resolved, at: Timestamp) -> Self {
        Self {
            outcome: Outcome::Unknown,
            message: String::new(),
            code: resolved.code,
            at,
            done: Done::Nothing,
            event: None,
            refused: None,
            readings: resolved.readings,
            elements: resolved.elements,
            parcel_id: None,
            status: None,
            allowed_next: Vec::new(),
            choices: Vec::new(),
            offer: None,
            case: None,
            pending: None,
            unloading: None,
            place: None,
        }
    }

    /// The same with this outcome.
    #[must_use]
    pub fn says(mut self, outcome: Outcome, message: impl Into<String>) -> Self {
        (self.outcome, self.message) = (outcome, message.into());
        self
    }
}

/// The answer to a scan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScanView<'a> {
    /// What became of it.
    #[serde(flatten)]
    pub told: &'a Told,
    /// The parcel as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelView<'a>>,
    /// Whether the same scan was answered before.
    pub repeated: bool,
}

/// What a code may be and whose it is, without any effect.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResolvedView<'a> {
    /// What it may be.
    #[serde(flatten)]
    pub resolved: &'a Resolved,
    /// The parcel it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelView<'a>>,
    /// The parcels it may mean, when that can't be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ParcelId>,
}

/// One row of a batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ScanRowVerdict)]
pub struct RowView {
    /// The row, from 0.
    pub row: usize,
    /// Its scan id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_id: Option<String>,
    /// What became of it; absent when it could not be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<Told>,
    /// Whether it was answered before.
    pub repeated: bool,
    /// Why it could not be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// The verdicts on a batch.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ScanBatchVerdicts)]
pub struct BatchView {
    /// Rows that are done.
    pub ok: usize,
    /// Rows somebody has to look at.
    pub exceptions: usize,
    /// Rows nobody knows.
    pub unknown: usize,
    /// Rows scanned twice, or with nothing left to do.
    pub duplicates: usize,
    /// Rows that could not be taken.
    pub refused: usize,
    /// One for each row, in order.
    pub results: Vec<RowView>,
}
