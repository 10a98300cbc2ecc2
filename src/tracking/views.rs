//! Tracking as people and programs see it and say it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::forms::{Told, time};
use super::model::{Device, Fence, Fix, SpeedUnit, Stop, StopState, Tally, Track};
use super::visit::{Phase, Place};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::eta::learner::group;

/// A vehicle of which nothing was heard for so long is stale, in seconds.
pub const STALE_AFTER_S: u64 = 600;

/// A position as it is told.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PositionInput {
    /// Degrees north.
    #[serde(alias = "lat")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    pub longitude: Option<f64>,
    /// Metres a second.
    pub speed: Option<f64>,
    /// Degrees from north.
    #[serde(alias = "bearing")]
    pub heading: Option<f64>,
    /// Metres.
    pub accuracy: Option<f64>,
    /// Metres above the sea.
    pub altitude: Option<f64>,
    /// When, by the device's clock; now when absent.
    #[serde(alias = "at", alias = "time")]
    pub timestamp: Option<String>,
    /// The vehicle, by id or name; who reports stands for it when absent.
    #[serde(alias = "vehicleId", alias = "vehicle_id")]
    pub vehicle: Option<String>,
    /// The trip it belongs to: metres are counted within one.
    pub trip: Option<String>,
    /// The delivery, in a batch.
    #[serde(alias = "deliveryId")]
    pub delivery_id: Option<String>,
}

impl PositionInput {
    /// As a point.
    ///
    /// # Errors
    /// When it is none.
    pub fn fix(&self, now: Timestamp) -> Result<Fix, Invalid> {
        let at = match &self.timestamp {
            Some(text) => {
                Some(time(text).ok_or_else(|| Invalid::at("/timestamp", format!("\"{text}\" is no time")))?)
            }
            None => None,
        };
        let told = Told {
            lat: self.latitude,
            lon: self.longitude,
            at,
            speed: self.speed,
            heading: self.heading,
            accuracy: self.accuracy,
            height: self.altitude,
        };
        told.fix(now).map_err(|e| Invalid::at("/latitude", e))
    }

    /// The number of its trip.
    #[must_use]
    pub fn trip(&self) -> u64 {
        self.trip.as_deref().map_or(0, group)
    }
}

/// Many positions, in the order they were taken.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchInput {
    /// At most 1,000.
    #[serde(alias = "positions", alias = "locations")]
    pub points: Vec<PositionInput>,
}

/// A position that was not taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Refused {
    /// Its place in the batch, from 0.
    pub row: usize,
    /// Why.
    pub detail: String,
}

/// What became of positions.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Taken {
    /// Positions taken; one for a time that is known already is passed over when it is written.
    pub taken: usize,
    /// Positions that were not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// A point as it is shown.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct PointView {
    /// When.
    pub at: Timestamp,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Degrees from north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heading: Option<f64>,
    /// Metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Metres above the sea.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altitude: Option<f64>,
}

impl From<&Fix> for PointView {
    fn from(fix: &Fix) -> Self {
        let Fix { at, spot, speed, heading, accuracy, height } = *fix;
        let (latitude, longitude) = spot.degrees();
        let part = |v: Option<u16>, of: f64| v.map(|v| f64::from(v) / of);
        Self {
            at,
            latitude,
            longitude,
            speed: part(speed, 100.0),
            heading: part(heading, 100.0),
            accuracy: part(accuracy, 10.0),
            altitude: height.map(f64::from),
        }
    }
}

/// Whether a vehicle last heard of at `heard_at` is stale.
#[must_use]
pub fn is_stale(heard_at: Timestamp, now: Timestamp) -> bool {
    now.since(heard_at).as_secs() >= STALE_AFTER_S
}

/// A vehicle as a list shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VehicleView {
    /// Its track.
    pub id: Id,
    /// What it was told by.
    pub name: String,
    /// Where it was last.
    pub latest: PointView,
    /// When we last heard of it.
    pub heard_at: Timestamp,
    /// Whether nothing was heard of it for ten minutes.
    pub stale: bool,
}

/// A vehicle and a fence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AtFenceView {
    /// The fence.
    pub id: Id,
    /// Points told from within.
    pub points: u64,
    /// Arrivals.
    pub arrivals: u64,
    /// Departures.
    pub departures: u64,
    /// Since when it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A vehicle with what was counted of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrackView {
    /// Its track.
    pub id: Id,
    /// What it was told by.
    pub name: String,
    /// Where it was last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<PointView>,
    /// Whether the step to it was faster than 50 m/s, and no later point has borne it out.
    pub jumped: bool,
    /// When we last heard of it.
    pub heard_at: Timestamp,
    /// Whether nothing was heard of it for ten minutes.
    pub stale: bool,
    /// What was counted.
    pub tally: Tally,
    /// Where it stands with each fence it was near.
    pub fences: Vec<AtFenceView>,
}

impl TrackView {
    /// As it is at `now`.
    #[must_use]
    pub fn of(id: Id, track: &Track, now: Timestamp) -> Self {
        let Track { name, latest, jumped, heard_at, tally, fences, .. } = track;
        let fence = |(id, at): &(Id, super::model::AtFence)| AtFenceView {
            id: *id,
            points: at.points,
            arrivals: at.arrivals,
            departures: at.departures,
            since: if let Phase::There(since) = at.phase { Some(since) } else { None },
        };
        Self {
            id,
            name: name.clone(),
            latest: latest.as_ref().map(PointView::from),
            jumped: *jumped,
            heard_at: *heard_at,
            stale: is_stale(*heard_at, now),
            tally: *tally,
            fences: fences.iter().map(fence).collect(),
        }
    }
}

/// A delivery under way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery_id: String,
    /// The vehicle's track.
    pub vehicle: Id,
    /// expected, arrived or over.
    pub state: StopState,
    /// When the vehicle came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived_at: Option<Timestamp>,
    /// When it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
    /// Where the vehicle was last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<PointView>,
    /// Whether nothing was heard of it for ten minutes.
    pub stale: bool,
    /// Its way since the delivery was announced, the newest points, oldest first.
    pub trail: Vec<PointView>,
}

impl DeliveryView {
    /// As it is at `now`.
    #[must_use]
    pub fn of(stop: &Stop, track: Option<&Track>, trail: &[Fix], now: Timestamp) -> Self {
        Self {
            delivery_id: stop.delivery.clone(),
            vehicle: stop.vehicle,
            state: stop.state,
            arrived_at: stop.arrived_at,
            left_at: stop.left_at,
            latest: track.and_then(|t| t.latest.as_ref()).map(PointView::from),
            stale: track.is_none_or(|t| is_stale(t.heard_at, now)),
            trail: trail.iter().map(PointView::from).collect(),
        }
    }
}

/// A stop as it is announced.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // as in stops::Expected
pub struct StopInput {
    #[serde(alias = "deliveryId")]
    pub delivery_id: String,
    /// The vehicle, by id or name.
    #[serde(alias = "vehicleId")]
    pub vehicle: String,
    /// The driver's user id.
    #[serde(default)]
    pub driver: Option<Id>,
    #[serde(default)]
    pub distributor: Option<String>,
    #[serde(default)]
    pub sequence: u32,
    #[serde(alias = "lat")]
    pub latitude: f64,
    #[serde(alias = "lon")]
    pub longitude: f64,
    /// 60 when absent.
    #[serde(default)]
    pub radius_m: f64,
    #[serde(default)]
    pub service_s: u32,
    /// From and to.
    #[serde(default)]
    pub window: Option<(Timestamp, Timestamp)>,
    /// Seconds of driving from the stop before, where a router planned it.
    #[serde(default)]
    pub planned_s: Option<u32>,
    #[serde(default)]
    pub weight_g: Option<u64>,
    /// 0 low to 3 urgent.
    #[serde(default)]
    pub priority: Option<u8>,
}

/// A device as it is added or changed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceInput {
    /// Its name, one of a kind.
    pub name: String,
    /// The vehicle it is in, by id or name; itself when empty.
    #[serde(default)]
    pub vehicle: String,
    /// The unit in which it says its speed: ms, kmh or knots.
    #[serde(default)]
    pub speed_unit: SpeedUnit,
    /// The revision the caller has seen.
    #[serde(default)]
    pub version: Option<u64>,
}

/// A device as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeviceView {
    /// Its id.
    pub id: Id,
    /// Its revision.
    pub version: u64,
    /// The record.
    #[serde(flatten)]
    pub device: Device,
    /// Whether it has a token.
    pub has_token: bool,
}

/// A device's token: shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// The device.
    pub id: Id,
    /// What it identifies itself by: as device identifier in Traccar's clients, as password in OwnTracks.
    pub token: String,
}

/// A fence as it is added: a circle, or corners.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FenceInput {
    /// Its name, one of a kind.
    pub name: String,
    /// Degrees north of the circle's centre.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// Its radius in metres.
    #[serde(default)]
    pub radius_m: Option<f64>,
    /// Corners of a polygon, degrees north and east.
    #[serde(default)]
    pub corners: Vec<(f64, f64)>,
    /// Seconds after which whoever is within counts as arrived.
    #[serde(default)]
    pub dwell_s: u32,
}

/// A fence as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FenceView {
    /// Its id.
    pub id: Id,
    /// Its revision.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Degrees north and east of the centre, and metres; absent for a polygon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circle: Option<(f64, f64, f64)>,
    /// Corners, degrees north and east.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corners: Vec<(f64, f64)>,
    /// Seconds after which whoever is within counts as arrived.
    pub dwell_s: u32,
}

impl FenceView {
    /// As it is at a revision.
    #[must_use]
    pub fn of(id: Id, version: u64, fence: Fence) -> Self {
        let Fence { name, place, dwell_s } = fence;
        let (circle, corners) = match place {
            Place::Circle(spot, radius) => (Some((spot.degrees().0, spot.degrees().1, radius)), Vec::new()),
            Place::Polygon(corners) => (None, corners.iter().map(|c| c.degrees()).collect()),
        };
        Self { id, version, name, circle, corners, dwell_s }
    }
}

/// A public link that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkInput {
    /// The delivery.
    #[serde(alias = "deliveryId")]
    pub delivery_id: String,
    /// Hours it is good; 48 when absent.
    #[serde(default)]
    pub hours: Option<u32>,
}

/// A public link; its path is shown once, when it is made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// Its id, to withdraw it by.
    pub id: Id,
    /// The delivery.
    pub delivery_id: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}
