//! The nouns of tracking.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::geo::Spot;
use super::visit::{Phase, Place};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::eta::conformal::Said;
use crate::eta::legs::LegFacts;
use crate::first_record;
use crate::identity::opaque::Digest;

/// A point of a vehicle's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// When the vehicle was there, by its own clock.
    pub at: Timestamp,
    /// Where.
    pub spot: Spot,
    /// Centimetres a second.
    pub speed: Option<u16>,
    /// Hundredths of a degree from north.
    pub heading: Option<u16>,
    /// Decimetres.
    pub accuracy: Option<u16>,
    /// Metres above the sea.
    pub height: Option<i16>,
}

/// The unit in which a device says its speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpeedUnit {
    /// Metres a second.
    #[default]
    Ms,
    /// Kilometres an hour.
    Kmh,
    /// Knots.
    Knots,
}

/// A phone or box that tells where a vehicle is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Its name, one of a kind.
    pub name: String,
    /// The vehicle it is in, by id or name; the device stands for itself when empty.
    #[serde(default)]
    pub vehicle: String,
    /// The unit in which it says its speed (OsmAnd form): ms, kmh or knots.
    #[serde(default)]
    pub speed_unit: SpeedUnit,
}

/// Which device a token belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceKey {
    /// The device.
    pub device: Id,
}

/// A place whose comings and goings are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fence {
    /// Its name, one of a kind.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Seconds after which whoever is within counts as arrived.
    pub dwell_s: u32,
}

/// What was counted of one vehicle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Tally {
    /// Points told.
    pub told: u64,
    /// Points kept.
    pub kept: u64,
    /// Points for a time of which there was one already: not kept.
    pub repeated: u64,
    /// Points older than one that was there already: kept, and nothing follows from them.
    pub old: u64,
    /// Steps faster than 50 m/s: the receiver's error or a train; not in the cleaned metres.
    pub jumps: u64,
    /// Metres along every point told, trip by trip.
    pub metres_told: f64,
    /// Metres without jumps and repeated times.
    pub metres: f64,
}

/// A vehicle within a fence or not, and what was counted there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AtFence {
    /// Where it stands.
    pub phase: Phase,
    /// Points told from within.
    pub points: u64,
    /// Arrivals.
    pub arrivals: u64,
    /// Departures.
    pub departures: u64,
}

/// What is known of one vehicle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    /// The name it was told by.
    pub name: String,
    /// Its newest point.
    pub latest: Option<Fix>,
    /// Whether the step to it was a jump that no later point has borne out.
    pub jumped: bool,
    /// When it was last heard of, by our clock.
    pub heard_at: Timestamp,
    /// The trip of the last point told; metres are counted within one.
    pub trip: u64,
    /// The last point told, repeated times included.
    pub last: Option<(Timestamp, Spot)>,
    /// Where and when it last left a stop, or began.
    pub left: Option<(Timestamp, Spot)>,
    /// What was counted.
    pub tally: Tally,
    /// Where it stands with each fence.
    pub fences: Vec<(Id, AtFence)>,
}

/// How far a stop is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopState {
    /// The vehicle is expected.
    #[default]
    Expected,
    /// It is there.
    Arrived,
    /// It has been there and left, or the stop was called off.
    Over,
}

/// A place a vehicle is expected at, for a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// The delivery, by the name it was told by.
    pub delivery: String,
    /// The vehicle's track.
    pub vehicle: Id,
    /// What the vehicle is called.
    pub vehicle_name: String,
    /// Who drives, where known: by user id.
    pub driver: Option<Id>,
    /// Whose delivery it is, for partners.
    pub distributor: Option<String>,
    /// Where in the order of the vehicle's stops.
    pub sequence: u32,
    /// Where; none while only the vehicle is known.
    pub spot: Option<Spot>,
    /// The radius in metres.
    pub radius_m: f64,
    /// Seconds at the stop.
    pub service_s: u32,
    /// The window, where there is one.
    pub window: Option<(Timestamp, Timestamp)>,
    /// Seconds of driving from the stop before, as planned by a router; none where nobody planned.
    pub planned_s: Option<u32>,
    /// Grams.
    pub weight_g: Option<u64>,
    /// 0 low to 3 urgent.
    pub priority: Option<u8>,
    /// When it was announced.
    pub announced_at: Timestamp,
    /// How far it is.
    pub state: StopState,
    /// Where the vehicle stands with it.
    pub phase: Phase,
    /// When the vehicle came.
    pub arrived_at: Option<Timestamp>,
    /// When it left.
    pub left_at: Option<Timestamp>,
    /// When anything of this was last changed.
    pub touched_at: Timestamp,
    /// What was foretold when the vehicle left the stop before.
    pub said: Option<SaidArrival>,
}

/// An arrival as it was foretold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaidArrival {
    /// When.
    pub at: Timestamp,
    /// Stops until it, this one included.
    pub stops: u32,
    /// The intervals.
    pub said: Said,
    /// What the next leg was foretold from; none for stops behind it.
    pub facts: Option<LegFacts>,
}

/// A route that is under way: what it announced, and who drives which vehicle meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fed {
    /// The vehicle's track.
    pub vehicle: Id,
    /// What the vehicle is called.
    pub name: String,
    /// The user who drives.
    pub user: Option<Id>,
    /// The deliveries that were announced.
    pub stops: Vec<String>,
    /// Since when.
    pub since: Timestamp,
}

/// A public link to one delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its id, to withdraw it by.
    pub id: Id,
    /// The hash of its token.
    pub digest: Digest,
    /// The delivery.
    pub delivery: String,
    /// Until when it leads anywhere.
    pub expires: Timestamp,
}

first_record!(DeviceKey, Track, Stop, Link, Fed, super::block::Block);
