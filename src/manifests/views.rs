//! What callers see of manifests and unloadings.

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{
    Difference, Header, Item, Kind, Line, Manifest, ManifestId, State, Totals, Unloading, UnloadingId,
};
use crate::base::clock::Timestamp;
use crate::cases::reasons::Reason;
use crate::parcels::model::ParcelId;

/// A manifest, without its lines in lists.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // the fields are those of the manifest
pub struct ManifestView {
    pub id: ManifestId,
    /// Its revision, as in the `ETag`.
    pub version: u64,
    pub number: String,
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub expected_at: Timestamp,
    pub state: State,
    /// When its time and the grace were over, while it is late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_since: Option<Timestamp>,
    /// Why it does not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
    /// The last unloading it was opened for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unloading: Option<UnloadingId>,
    /// Announced parcels.
    pub parcels: usize,
    /// Announced pieces.
    pub pieces: u64,
    pub created_at: Timestamp,
    /// Its lines; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineView>>,
    /// Parcels nobody knew before this request; only in the answer to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced_now: Option<usize>,
}

/// An announced parcel.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ManifestLine)]
#[allow(missing_docs)] // the fields are those of the line
pub struct LineView {
    pub tracking_number: String,
    pub parcel: ParcelId,
    pub pieces: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_site: Option<u32>,
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        let Line { number, parcel, pieces, weight_g, service, order_ref, to_site } = line.clone();
        Self { tracking_number: number, parcel, pieces, weight_g, service, order_ref, to_site }
    }
}

impl ManifestView {
    /// As a list shows it.
    #[must_use]
    pub fn of(m: &Manifest, version: u64) -> Self {
        let Manifest {
            id,
            header,
            lines,
            state,
            unloading,
            late,
            cancelled,
            origin: _,
            created_at,
            updated_at: _,
        } = m.clone();
        let Header { number, kind, carrier, vehicle, distributor, from, expected_at } = header;
        Self {
            id,
            version,
            number,
            kind,
            carrier,
            vehicle,
            distributor,
            from,
            expected_at,
            state,
            late_since: late.map(|l| l.at),
            cancelled,
            unloading,
            parcels: lines.len(),
            pieces: m.pieces(),
            created_at,
            lines: None,
            announced_now: None,
        }
    }

    /// With its lines.
    #[must_use]
    pub fn whole(m: &Manifest, version: u64) -> Self {
        Self { lines: Some(m.lines.values().map(LineView::from).collect()), ..Self::of(m, version) }
    }
}

/// One parcel that differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UnloadingDifference)]
pub struct ItemView {
    /// How.
    pub difference: Difference,
    /// The reason of its case.
    pub reason: Reason,
    /// Its number.
    pub tracking_number: String,
    /// The parcel; absent when nobody knows the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// Pieces announced.
    pub announced: u32,
    /// Pieces scanned.
    pub scanned: u32,
    /// The depot it is for, when that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_site: Option<u32>,
    /// Whether it turned up since, or has its case from the station.
    pub found: bool,
}

impl From<&Item> for ItemView {
    fn from(item: &Item) -> Self {
        let Item { kind, parcel, number, distributor: _, announced, scanned, to_site, found } = item.clone();
        Self {
            difference: kind,
            reason: kind.reason(),
            tracking_number: number,
            parcel,
            announced,
            scanned,
            to_site,
            found,
        }
    }
}

/// How many differ in one way.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = UnloadingDifferences)]
pub struct DifferenceCount {
    /// How.
    pub difference: Difference,
    /// Parcels.
    pub parcels: usize,
    /// Of these, parcels that turned up since.
    pub found: usize,
}

/// An unloading.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // the fields are those of the unloading
pub struct UnloadingView {
    pub id: UnloadingId,
    /// Its revision, as in the `ETag`.
    pub version: u64,
    pub manifests: Vec<ManifestId>,
    /// Their numbers.
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// The stations whose scans count.
    pub stations: Vec<String>,
    /// Whether scans count.
    pub open: bool,
    pub opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    pub reopened: u32,
    /// Why it was reopened last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened_because: Option<String>,
    /// What it comes to so far, or came to.
    pub totals: Totals,
    /// What differs so far, or differed when it was closed.
    pub counts: Vec<DifferenceCount>,
    /// Parcel by parcel; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<Vec<ItemView>>,
}

impl UnloadingView {
    /// As a list shows it.
    #[must_use]
    pub fn of(u: &Unloading, version: u64, totals: Totals, items: &[Item]) -> Self {
        let Unloading { id, manifests, label, distributor, door, stations, opened_at, closing, .. } =
            u.clone();
        let Unloading { items: _, reopened, why, site: _, .. } = u.clone();
        let counts = Difference::ALL.into_iter().filter_map(|difference| {
            let of_kind = || items.iter().filter(|i| i.kind == difference);
            let (parcels, found) = (of_kind().count(), of_kind().filter(|i| i.found).count());
            (parcels > 0).then_some(DifferenceCount { difference, parcels, found })
        });
        let named = |s: &String| s.strip_prefix("s:").unwrap_or(s).to_owned();
        Self {
            id,
            version,
            manifests,
            label,
            distributor,
            door,
            stations: stations.iter().map(named).collect(),
            open: u.is_open(),
            opened_at,
            closed_at: closing.map(|c| c.at),
            reopened,
            reopened_because: why,
            totals,
            counts: counts.collect(),
            differences: None,
        }
    }

    /// With every difference.
    #[must_use]
    pub fn whole(u: &Unloading, version: u64, totals: Totals, items: &[Item]) -> Self {
        Self {
            differences: Some(items.iter().map(ItemView::from).collect()),
            ..Self::of(u, version, totals, items)
        }
    }
}
