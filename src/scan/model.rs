//! The nouns of scanning: what a code may be, and what a station remembers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gs1::Element;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::manifests::unloading::Counted;
use crate::parcels::model::ParcelId;

/// One thing a code may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScanReading)]
pub struct Reading {
    /// What it is, such as `upu.s10`, `ups.1z`, `gs1.sscc`, `crossdock.parcel`, `crossdock.command`.
    pub form: String,
    /// Its name, for a reader.
    pub name: String,
    /// Whose number it is; absent when many use the form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The number as parcels carry it.
    pub number: String,
    /// Other ways the same number is written, under which a parcel may be known too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Whether its check digit holds; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
    /// How much speaks for this reading, in tenths of a bit; only the order counts.
    pub weight: u32,
    /// Why it is one of the readings, and what was mended for it.
    pub reasons: Vec<String>,
}

impl Reading {
    /// Whether it can be meant: a wrong check digit says that the number was mistyped.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        self.holds != Some(false)
    }
}

/// Everything a code may be, the likeliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScanResolved)]
pub struct Resolved {
    /// The code without the scanner's additions.
    pub code: String,
    /// What the scanner said of the symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<&'static str>,
    /// What it may be. Those with a wrong check digit stand last.
    pub readings: Vec<Reading>,
    /// The elements of a GS1 code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<Element>,
}

/// The outcome in a word: a sound and a colour on the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScanOutcome)]
pub enum Outcome {
    /// Done, go on.
    Ok,
    /// Stop and look.
    Exception,
    /// Nobody knows this code.
    Unknown,
    /// It was scanned just now, or nothing is left to do.
    Duplicate,
}

/// What a station has been told to do with the next parcels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScanPending)]
pub struct Pending {
    /// The action's name, as on its barcode.
    pub action: String,
    /// Whether it holds for every parcel and not for the next alone.
    pub kept: bool,
    /// When it was last asked for or used.
    pub at: Timestamp,
}

/// The last scan of a station, by which it can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The code, as it is compared.
    pub code: String,
    /// When it was scanned.
    pub at: Timestamp,
    /// What it did.
    pub did: Did,
    /// What it counted in an unloading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// What a scan did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Did {
    /// Nothing that can be taken back.
    Nothing,
    /// Nobody knew the code; under this number a case can be opened for it.
    Unknown(String),
    /// It recorded this event of a parcel, with what the station was told to do then.
    Event {
        /// The parcel.
        parcel: ParcelId,
        /// The event.
        event: Id,
        /// What was pending before, to be pending again.
        pending: Option<Pending>,
    },
    /// It changed what the station is to do, or where; before that it was so.
    Set {
        /// The action.
        pending: Option<Pending>,
        /// The place.
        place: Option<String>,
    },
    /// It opened a case for the piece without data with this number.
    Case(String),
}

/// What a station remembers from one scan to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Station {
    /// What it is to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Where parcels are put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its last scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Last>,
    /// The form its people chose last where a code could be several things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// When it was last used.
    pub used_at: Timestamp,
}

/// A scan that was answered, kept so that a repetition gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The digest of what was sent.
    #[serde(with = "serde_bytes")]
    pub request: [u8; 32],
    /// When it was answered.
    pub at: Timestamp,
    /// The parcel, which is shown as it is when the scan is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// The answer without the parcel, as JSON.
    #[serde(with = "serde_bytes")]
    pub answer: Vec<u8>,
}
crate::first_record!(Station, Claimed);
