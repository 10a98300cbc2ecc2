//! What a route is, and a search for routes.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::journal::event::SiteRef;
use crate::places::model::Accuracy;
use crate::travel::sources::Source as TravelSource;

/// Stops of one route: what one change of the journal holds with their addresses.
pub const MAX_ROUTE_STOPS: usize = 150;
/// Bytes of an address that a stop keeps.
pub const MAX_ADDRESS: usize = 120;
/// Bytes of the caller's own name of a stop.
pub const MAX_REFERENCE: usize = 64;

/// Where a route stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RouteState)]
pub enum State {
    /// Nobody drives it yet.
    #[default]
    Planned,
    /// It is loaded, or on the road.
    Dispatched,
    /// It has come to its end.
    Completed,
    /// It will not be driven.
    Cancelled,
    /// It was taken away.
    Deleted,
}

impl State {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Dispatched => "dispatched",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Deleted => "deleted",
        }
    }
}

/// What is done at a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StopKind)]
pub enum Act {
    /// Goods from the depot are left here.
    Deliver,
    /// Goods for the depot are taken here.
    Collect,
    /// Goods for another stop of the same route are taken here.
    Fetch,
    /// And left here.
    Drop,
    /// The vehicle loads again.
    Reload,
    /// The driver pauses.
    Pause,
}

impl Act {
    /// Whether a job is done.
    #[must_use]
    pub const fn is_job(self) -> bool {
        !matches!(self, Self::Reload | Self::Pause)
    }
}

/// A span of time in which a stop may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StopWindow)]
pub struct Window {
    /// Not before.
    #[serde(alias = "f")]
    pub from: Timestamp,
    /// Not after.
    #[serde(alias = "t")]
    pub to: Timestamp,
}

/// One stop of a route, with all that planning it anew takes. Field names are short because a long route has
/// to fit into one change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// The delivery, or the caller's own name of the job; empty for pauses and reloads.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// What is done.
    #[serde(rename = "k")]
    pub act: Act,
    /// The address as it was written.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Where it is.
    #[serde(rename = "p")]
    pub position: Position,
    /// How exact that is.
    #[serde(rename = "c")]
    pub accuracy: Accuracy,
    /// When it may begin; at any time when empty.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Seconds it takes.
    #[serde(rename = "l")]
    pub service_s: u32,
    /// Grams, pieces, litres.
    #[serde(rename = "g", default)]
    pub amount: [u32; 3],
    /// 0 to 100.
    #[serde(rename = "q", default)]
    pub priority: u8,
    /// What the vehicle or driver must be able to do.
    #[serde(rename = "x", default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// Planned arrival.
    #[serde(rename = "a")]
    pub arrive: Timestamp,
    /// Planned beginning.
    #[serde(rename = "s")]
    pub start: Timestamp,
    /// Planned end.
    #[serde(rename = "e")]
    pub end: Timestamp,
    /// When it was done.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

/// Where a route begins or ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The address, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Where it is.
    pub position: Position,
}

/// What drives a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ride {
    /// The vehicle; none for one that was only assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<Id>,
    /// Its name.
    pub name: String,
    /// Of an assumed one: grams that fit in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grams: Option<u32>,
    /// Of an assumed one: seconds it may be out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_s: Option<u32>,
    /// The driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Wheel>,
}

/// Who is at the wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RouteDriver)]
pub struct Wheel {
    /// The driver.
    pub id: Id,
    /// Their name.
    pub name: String,
    /// The user they log in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
}

/// The seeds' score, in points of 100: distance 40, windows 25, traffic 20, capacity 15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanScore)]
pub struct Score {
    /// Of 40.
    pub distance: f64,
    /// Of 25.
    pub windows: f64,
    /// Of 20.
    pub traffic: f64,
    /// Of 15.
    pub capacity: f64,
    /// Of 100.
    pub total: f64,
}

/// What a route is made of; each change says it as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The search that planned it.
    pub plan: Id,
    /// The local day it is driven on.
    pub day: Date,
    /// What drives it.
    pub ride: Ride,
    /// Where it begins.
    pub from: Base,
    /// Where it ends.
    pub to: Base,
    /// Planned departure.
    pub depart: Timestamp,
    /// Planned return.
    pub back: Timestamp,
    /// Metres.
    pub metres: u64,
    /// Seconds driven.
    pub drive_s: u64,
    /// Minor units of the tenant's currency.
    pub cost: f64,
    /// What its travel times rest on.
    pub source: Option<TravelSource>,
    /// The same in words.
    pub basis: String,
    /// Its stops in order.
    pub stops: Vec<Stop>,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Its id.
    pub id: Id,
    /// The depot that planned it.
    pub origin: Option<SiteRef>,
    /// Where it stands.
    pub state: State,
    /// Stops at its head that stay where they are when it is planned anew, the done ones among them.
    pub locked: u32,
    /// What it is made of.
    pub content: Content,
    /// When it was given to its driver.
    #[serde(default)]
    pub dispatched_at: Option<Timestamp>,
}

impl Route {
    /// The first stop that is not done.
    #[must_use]
    pub fn next(&self) -> usize {
        self.content.stops.iter().rposition(|s| s.done_at.is_some()).map_or(0, |at| at + 1)
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.state != State::Deleted && self.origin.is_some()
    }
}

/// Where a search stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SearchState)]
pub enum Stage {
    /// It was asked for.
    #[default]
    Requested,
    /// It found a plan.
    Completed,
    /// It found none.
    Failed,
    /// Somebody ended it before it began.
    Cancelled,
}

/// What a search came to, in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Result {
    /// The routes.
    pub routes: Vec<Id>,
    /// Jobs that are served.
    pub served: u32,
    /// Jobs that are not.
    pub unassigned: u32,
    /// Stops nobody knows the place of.
    pub unplaced: u32,
    /// Metres of all routes.
    pub metres: u64,
    /// Seconds driven on all routes.
    pub drive_s: u64,
    /// The score.
    pub score: Score,
    /// Whether somebody ended the search early.
    #[serde(default)]
    pub cut_short: bool,
}

/// A search for routes, as the journal knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Optimization {
    /// Its id.
    pub id: Id,
    /// The depot that asked for it.
    pub origin: Option<SiteRef>,
    /// When.
    pub requested_at: Timestamp,
    /// For this day.
    pub day: Date,
    /// Jobs that were to be planned.
    pub jobs: u32,
    /// Vehicles that could be planned with.
    pub vehicles: u32,
    /// Where it stands.
    pub stage: Stage,
    /// What it came to.
    pub result: Option<Result>,
    /// Why it failed.
    pub why: Option<String>,
}

/// What can't be planned because nobody knows where it is, or nobody gets there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unplaced {
    /// The delivery, or the caller's own name.
    pub reference: String,
    /// The address as it was written.
    pub address: String,
    /// Why, and what helps.
    pub reason: String,
}

/// A job that is in no route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unassigned {
    /// The delivery, or the caller's own name.
    pub reference: String,
    /// The address as it was written.
    pub address: String,
    /// Each constraint whose lifting alone would let it in: skills, capacity, windows, shift, route_time,
    /// route_distance, stops; not_worth for an optional one; several when there is no single one.
    pub reasons: Vec<String>,
    /// The same in a sentence.
    pub detail: String,
}
