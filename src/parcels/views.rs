//! What callers see of parcels.

use serde::Serialize;
use utoipa::ToSchema;

use super::event::ParcelEvent;
use super::model::{Contact, Facts, Flag, Milestones, Parcel, ParcelId, Place, Status};
use super::rules::{self, Gate};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::journal::clock::UNENROLLED;
use crate::journal::{SiteRef, Stamped};

/// The verdict on one row.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BulkVerdict {
    /// The row, from 0.
    pub row: usize,
    /// Whether it was taken.
    pub ok: bool,
    /// The parcel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ParcelId>,
    /// Its status now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why not, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The verdicts of a bulk report.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// Rows taken.
    pub accepted: usize,
    /// Rows refused.
    pub rejected: usize,
    /// One for each row, in order.
    pub results: Vec<BulkVerdict>,
}

/// An address as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PlaceView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

impl<'a> PlaceView<'a> {
    fn of(p: &'a Place) -> Option<Self> {
        let Place { line, zip, city, state, country, position } = p;
        (!p.is_empty()).then(|| Self {
            line: line.as_deref(),
            zip: zip.as_deref(),
            city: city.as_deref(),
            state: state.as_deref(),
            country: country.as_deref(),
            latitude: position.map(|p| f64::from(p.lat) / 1e6),
            longitude: position.map(|p| f64::from(p.lon) / 1e6),
        })
    }
}

/// A fact that needs a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssueView<'a> {
    /// The reason's code.
    pub reason: &'a str,
    /// Since when.
    pub at: Timestamp,
    /// In words.
    pub detail: &'a str,
    /// The event behind it.
    pub event: Id,
}

/// A parcel as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // the fields are those of the record
pub struct ParcelView<'a> {
    pub id: ParcelId,
    pub tracking_number: &'a str,
    pub status: Status,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_ref: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<&'a str>,
    #[serde(skip_serializing_if = "is_nobody")]
    pub recipient: &'a Contact,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<PlaceView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PlaceView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_cm3: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freight: Option<&'a Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "no_milestones")]
    pub milestones: &'a Milestones,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<PlaceView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<&'a str>,
    pub flags: Vec<Flag>,
    pub issues: Vec<IssueView<'a>>,
    pub events: u32,
    pub notes: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The record's revision.
    pub version: u64,
    /// The steps an own scan may take now.
    pub allowed_next: Vec<Status>,
    /// The depot that first told of it; none while it has no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_site: Option<u32>,
    /// The depot that has it, by its last scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custody_site: Option<u32>,
    /// The depot that expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_site: Option<u32>,
    /// Other parcels that carry the same number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<ParcelId>,
}

fn is_nobody(c: &&Contact) -> bool {
    c.is_empty()
}
fn numbered(site: SiteRef) -> Option<u32> {
    (site.site != UNENROLLED).then_some(site.site)
}
fn no_milestones(m: &&Milestones) -> bool {
    m.is_empty()
}

impl<'a> ParcelView<'a> {
    /// `p` at revision `rev`.
    #[must_use]
    pub fn of(p: &'a Parcel, rev: u64) -> Self {
        let Parcel {
            id,
            number,
            status,
            before_hold,
            since,
            raw,
            raw_at,
            source,
            facts,
            milestones,
            delivered_at,
            location,
            flags,
            notes_count,
            events,
            issues,
            created_at,
            updated_at,
            corrections: _,
            origin,
            custody,
            next,
            pickup_noticed: _,
        } = p;
        let Facts {
            order_ref,
            distributor,
            carrier,
            service,
            recipient,
            to,
            from,
            items,
            category,
            weight,
            volume_cm3,
            value,
            freight,
            promised_at,
            ship_by,
            remark,
            cleared: _,
        } = facts;
        Self {
            id: *id,
            tracking_number: number,
            status: *status,
            since: *since,
            raw_status: raw.as_deref(),
            raw_at: *raw_at,
            source: source.as_deref(),
            order_ref: order_ref.as_deref(),
            distributor: distributor.as_deref(),
            carrier: carrier.as_deref(),
            service: service.as_deref(),
            recipient,
            to: PlaceView::of(to),
            from: PlaceView::of(from),
            items: *items,
            category: category.as_deref(),
            weight_g: weight.map(|g| g.0),
            volume_cm3: *volume_cm3,
            value: value.as_ref(),
            freight: freight.as_ref(),
            promised_at: *promised_at,
            ship_by: *ship_by,
            delivered_at: *delivered_at,
            milestones,
            location: location.as_ref().and_then(PlaceView::of),
            remark: remark.as_deref(),
            flags: flags.iter().collect(),
            issues: issues
                .iter()
                .map(|i| IssueView { reason: &i.reason, at: i.at, detail: &i.detail, event: Id(i.eid) })
                .collect(),
            events: *events,
            notes: *notes_count,
            created_at: *created_at,
            updated_at: *updated_at,
            version: rev,
            allowed_next: rules::next_steps(*status, *before_hold, Gate::Own),
            origin_site: origin.and_then(numbered),
            custody_site: custody.and_then(numbered),
            next_site: *next,
            duplicates: Vec::new(),
        }
    }
}

/// One event of a parcel's history.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Its id, to correct it by.
    pub id: Id,
    /// Its kind.
    pub kind: &'static str,
    /// When it took effect.
    pub at: Timestamp,
    /// When it was written.
    pub received_at: Timestamp,
    /// Who caused it, by the site's own number; 0 is the system.
    pub actor: u32,
    /// The site it was written at.
    pub site: u32,
    /// What it says.
    #[schema(value_type = Object)]
    pub event: serde_json::Value,
}

impl EventView {
    /// `e` as it is shown.
    #[must_use]
    pub fn of(e: &Stamped<ParcelEvent>) -> Self {
        let event = match &e.event {
            ParcelEvent::Registered(e) => serde_json::to_value(e),
            ParcelEvent::Reported(e) => serde_json::to_value(e),
            ParcelEvent::Moved(e) => serde_json::to_value(e),
            ParcelEvent::Described(e) => serde_json::to_value(e),
            ParcelEvent::Noted(e) => serde_json::to_value(e),
            ParcelEvent::Corrected(e) => serde_json::to_value(e),
            ParcelEvent::Stale(e) => serde_json::to_value(e),
            ParcelEvent::Flagged(e) => serde_json::to_value(e),
            ParcelEvent::HandedOver(e) => serde_json::to_value(e),
            ParcelEvent::PickupNoticed(e) => serde_json::to_value(e),
        };
        Self {
            id: Id(e.key.eid),
            kind: crate::journal::Event::name(&e.event),
            at: e.key.at(),
            received_at: Timestamp::from_millis(i64::try_from(e.key.t >> 16).unwrap_or(i64::MAX)),
            actor: e.actor,
            site: e.site,
            event: event.unwrap_or_default(),
        }
    }
}
