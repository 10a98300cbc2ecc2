//! The nouns of the dock: announced lists, unloadings, and what differed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::words::words;
use crate::cases::reasons::Reason;
use crate::id_type;
use crate::journal::{Eid, SiteRef};
use crate::parcels::model::ParcelId;

id_type! {
    /// A manifest's own id.
    ManifestId
}

id_type! {
    /// An unloading's own id.
    UnloadingId
}

/// What brings what a manifest announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ManifestKind)]
pub enum Kind {
    /// A truck of the line haul.
    #[default]
    Truck,
    /// A flight.
    Flight,
    /// A distributor brings it by itself.
    Distributor,
}

impl Kind {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truck => "truck",
            Self::Flight => "flight",
            Self::Distributor => "distributor",
        }
    }

    /// The reason of a case when it does not come.
    #[must_use]
    pub const fn absent(self) -> Reason {
        match self {
            Self::Truck | Self::Flight => Reason::LinehaulDelay,
            Self::Distributor => Reason::DataWithoutPiece,
        }
    }
}

/// What a manifest says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Its number, as its sender wrote it.
    pub number: String,
    /// What brings it.
    pub kind: Kind,
    /// Who drives or flies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The truck's plate or the flight's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<String>,
    /// Whose it is, for partners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it is to be here.
    pub expected_at: Timestamp,
}

/// One announced parcel. Names are short because a row holds thousands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The tracking number as announced.
    #[serde(rename = "n")]
    pub number: String,
    /// The parcel it means, made when nobody had announced it before.
    #[serde(rename = "i")]
    pub parcel: ParcelId,
    /// Pieces under that number.
    #[serde(rename = "p")]
    pub pieces: u32,
    /// Grams.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
    /// The service.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The order it belongs to.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub order_ref: Option<String>,
    /// The depot it is for, when that is not the one it is unloaded at.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub to_site: Option<u32>,
}

/// Where a manifest stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ManifestState)]
pub enum State {
    /// It is expected.
    #[default]
    Announced,
    /// Its time and the grace are over.
    Late,
    /// It is being unloaded.
    Unloading,
    /// It was unloaded.
    Unloaded,
    /// It does not come.
    Cancelled,
}

/// A manifest as its events tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Its id.
    pub id: ManifestId,
    /// What it says of itself.
    pub header: Header,
    /// Its lines, by number as numbers are compared.
    pub lines: BTreeMap<String, Line>,
    /// Where it stands.
    pub state: State,
    /// The last unloading it was opened for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unloading: Option<UnloadingId>,
    /// Since when it is late, by the event that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// Why it does not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
    /// The depot that was told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<SiteRef>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When something last happened to it.
    pub updated_at: Timestamp,
}

/// That a manifest is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// The event that said so.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// When its time and the grace were over.
    pub at: Timestamp,
}

impl Manifest {
    /// Announced pieces.
    #[must_use]
    pub fn pieces(&self) -> u64 {
        self.lines.values().map(|l| u64::from(l.pieces)).sum()
    }

    /// Whether it may still be unloaded.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        matches!(self.state, State::Announced | State::Late)
    }
}

/// What is different from what was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Announced, and no piece of it was scanned.
    Missing,
    /// Fewer pieces were scanned than announced.
    Short,
    /// More pieces were scanned than announced.
    OverReceived,
    /// Known, and not announced on this manifest.
    Surplus,
    /// Scanned, and nobody knows it.
    Unknown,
    /// Announced here although it is for another depot.
    Misrouted,
    /// For another depot, and not announced here: it was loaded into the wrong vehicle.
    WrongVehicle,
}

words!(Difference {
    Missing = "missing",
    Short = "short",
    OverReceived = "over_received",
    Surplus = "surplus",
    Unknown = "unknown",
    Misrouted = "misrouted",
    WrongVehicle = "wrong_vehicle",
});

impl Difference {
    /// The reason of its case: the trade's word for it (DHL ICE: DTNPC for data without a piece, PBNDT for a piece without
    /// data).
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Missing => Reason::DataWithoutPiece,
            Self::Short => Reason::ShortShipped,
            Self::OverReceived => Reason::OverReceived,
            Self::Surplus => Reason::LoadingException,
            Self::Unknown => Reason::PieceWithoutData,
            Self::Misrouted => Reason::Missorted,
            Self::WrongVehicle => Reason::WrongRouteLoaded,
        }
    }
}

/// One parcel that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// How.
    #[serde(rename = "k")]
    pub kind: Difference,
    /// Which; none for a number nobody knows.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// Its number.
    #[serde(rename = "n")]
    pub number: String,
    /// Whose it is, for partners.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// Pieces announced.
    #[serde(rename = "a", default)]
    pub announced: u32,
    /// Pieces scanned.
    #[serde(rename = "g", default)]
    pub scanned: u32,
    /// The depot it is for, when that is another one.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub to_site: Option<u32>,
    /// It turned up since.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
}

/// What an unloading came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = UnloadingTotals)]
pub struct Totals {
    /// Announced parcels.
    pub announced: u32,
    /// Announced pieces.
    pub announced_pieces: u32,
    /// Announced parcels of which at least one piece was scanned.
    pub scanned: u32,
    /// Pieces scanned, of announced parcels and others.
    pub scanned_pieces: u32,
    /// Parcels scanned that were not announced here.
    pub unannounced: u32,
}

/// How an unloading was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The event that closed it: its cases follow from that.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// When.
    pub at: Timestamp,
    /// What it came to.
    pub totals: Totals,
}

/// The counting of what comes off a vehicle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unloading {
    /// Its id.
    pub id: UnloadingId,
    /// Against what it is counted.
    pub manifests: Vec<ManifestId>,
    /// The manifests' numbers, for people.
    pub label: String,
    /// Whose it is, when all manifests are of one distributor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// The door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// The stations whose scans count, as scans name them.
    pub stations: Vec<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How it was closed; none while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    /// What differed when it was closed.
    pub items: Vec<Item>,
    /// How often it was reopened.
    pub reopened: u32,
    /// Why it was reopened last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The depot it takes place at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteRef>,
}

impl Unloading {
    /// Whether scans count.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closing.is_none()
    }
}

/// What was counted of one number so far: this depot's own, until it becomes an [`Item`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The parcel; none for a number nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// Its number.
    pub number: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// Pieces announced; 0 when it was not.
    pub announced: u32,
    /// Pieces scanned.
    pub scanned: u32,
    /// The depot it is for, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_site: Option<u32>,
    /// When it was last counted.
    pub at: Timestamp,
}

/// What is looked up at a dock: by station the unloading its scans count into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtStation {
    /// The unloading.
    pub unloading: UnloadingId,
}

/// A parcel that was missing when an unloading was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The unloading.
    pub unloading: Id,
}
crate::first_record!(Manifest, Unloading, Tally, AtStation, Missed);
