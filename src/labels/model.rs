//! The nouns of labels and printers.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;

/// Size of a label, in inches as the trade names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Size {
    /// 4 × 6 inch.
    #[default]
    #[serde(rename = "4x6")]
    FourBySix,
    /// 4 × 4 inch.
    #[serde(rename = "4x4")]
    FourByFour,
    /// 2 × 1 inch.
    #[serde(rename = "2x1")]
    TwoByOne,
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 3] = [Self::FourBySix, Self::FourByFour, Self::TwoByOne];

    /// Width and height in mm.
    #[must_use]
    pub const fn mm(self) -> (f64, f64) {
        match self {
            Self::FourBySix => (101.6, 152.4),
            Self::FourByFour => (101.6, 101.6),
            Self::TwoByOne => (50.8, 25.4),
        }
    }
}

/// Resolution of a print head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum Dpi {
    /// 203 dots an inch, 8 a mm.
    #[default]
    D203,
    /// 300 dots an inch: 1200 across 4 inches.
    D300,
}

impl Dpi {
    /// Every resolution.
    pub const ALL: [Self; 2] = [Self::D203, Self::D300];

    /// Dots in a mm.
    #[must_use]
    pub fn dots_per_mm(self) -> f64 {
        match self {
            // A head of "203 dpi" has 8 dots a mm: 812 across 101.6 mm.
            Self::D203 => 812.0 / 101.6,
            Self::D300 => 1200.0 / 101.6,
        }
    }
}

impl From<Dpi> for u16 {
    fn from(dpi: Dpi) -> Self {
        match dpi {
            Dpi::D203 => 203,
            Dpi::D300 => 300,
        }
    }
}

impl TryFrom<u16> for Dpi {
    type Error = String;
    fn try_from(n: u16) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|d| u16::from(*d) == n)
            .ok_or_else(|| format!("{n} is no resolution labels are drawn for; 203 and 300 are"))
    }
}

impl FromStr for Dpi {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let n = s.parse::<u16>().map_err(|_| format!("\"{s}\" is no resolution; 203 and 300 are"))?;
        Self::try_from(n)
    }
}

/// What a label says, cleaned; an empty text is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The destination, line by line.
    pub to: Vec<String>,
    /// The sort lane, in large letters.
    pub route: String,
    /// The tracking number: as bars where it can be bars, and as text.
    pub number: String,
    /// The parcel's own id, in the QR code.
    pub id: String,
    /// Weight with its unit.
    pub weight: String,
    /// Which piece of how many, `2/3`, for a consignment of several parcels; else how many pieces are in it.
    pub pieces: String,
    /// The service.
    pub service: String,
    /// When it was asked for, in the depot's zone.
    pub printed_at: String,
    /// Where it was printed.
    pub station: String,
    /// Whether the parcel needs a look: a black box that says CHECK.
    pub check: bool,
}

/// What a printer understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// ZPL II.
    #[default]
    Zpl,
}

/// A label printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Printer {
    /// Its name, one of a kind.
    pub name: String,
    /// A private address, or a name that leads to one.
    pub host: String,
    /// Its raw port, usually 9100.
    pub port: u16,
    /// Its resolution, 203 or 300.
    #[schema(value_type = u16)]
    pub dpi: Dpi,
    /// Its language.
    pub language: Language,
    /// The labels in it.
    pub media: Size,
    /// Where it stands, as labels say it; the depot's name when empty.
    #[serde(default)]
    pub station: String,
    /// Whether it answers `~HS`. One that never does can't be asked whether it has paper, nor whether a label arrived.
    pub answers: bool,
}

/// What a printer said of itself the last time it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[allow(missing_docs)] // the names are the printer's own
pub struct HostStatus {
    pub paper_out: bool,
    pub paused: bool,
    pub buffer_full: bool,
    pub head_open: bool,
    pub ribbon_out: bool,
}

impl HostStatus {
    /// Why it prints nothing now; none when it does.
    #[must_use]
    pub fn trouble(self) -> Option<&'static str> {
        match self {
            Self { head_open: true, .. } => Some("its head is open: close it"),
            Self { paper_out: true, .. } => Some("it is out of labels: load some"),
            Self { ribbon_out: true, .. } => Some("it is out of ribbon: load one"),
            Self { paused: true, .. } => Some("it is paused: press its pause key"),
            Self { buffer_full: true, .. } => Some("its memory is full: wait, or switch it off and on"),
            _ => None,
        }
    }
}

/// How a printer does, as far as the last exchange with it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Health {
    /// When it was last spoken to, or tried to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What it said then; absent when it said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<HostStatus>,
    /// What went wrong the last time something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
    /// When it last printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed_at: Option<Timestamp>,
}
first_record!(Health);

/// What is to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The label of a parcel, as the parcel is when it is printed.
    Parcel(Id),
    /// A test label.
    Test,
}

/// Where a label stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelState {
    /// Nothing of it counts as sent.
    Waiting,
    /// Its bytes may be on their way.
    Sending,
    /// It went out, and whether it was printed only a look at the printer tells.
    Unknown,
    /// The printer has it.
    Printed,
    /// It is not going to be printed.
    Dropped,
}

impl LabelState {
    /// Whether nothing happens to it any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Printed | Self::Dropped)
    }
}

/// A label in a printer's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Its id.
    pub id: Id,
    /// The printer.
    pub printer: Id,
    /// Its place: labels are printed in the order of these.
    pub place: u64,
    /// What is printed.
    pub what: What,
    /// On which label.
    pub size: Size,
    /// How often.
    pub copies: u32,
    /// Why again, for a reprint.
    pub reason: Option<String>,
    /// Who asked, by name.
    pub by: String,
    /// When.
    pub asked_at: Timestamp,
    /// Where it stands.
    pub state: LabelState,
    /// Why it was not printed the last time it was tried.
    pub last_error: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}
first_record!(Queued);

/// How often a parcel's label was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Labels.
    pub count: u64,
    /// The last time.
    pub last_at: Timestamp,
}
first_record!(Asked);
