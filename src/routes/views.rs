//! Routes and searches as callers see them.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::desk::Progress;
use super::model::{
    Act, Base, Content, Optimization, Route, Score, Stage, State, Stop, Unassigned, Unplaced, Wheel, Window,
};
use super::outcome::Outcome;
use super::repo::Kept;
use super::whatif::Moved;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::places::model::{Accuracy, degrees};
use crate::travel::sources::Source;

/// Where a route begins or ends.
#[derive(Debug, Serialize, ToSchema)]
pub struct BaseView {
    #[serde(skip_serializing_if = "String::is_empty")]
    address: String,
    latitude: f64,
    longitude: f64,
}

impl From<Base> for BaseView {
    fn from(base: Base) -> Self {
        let Base { address, position } = base;
        let (latitude, longitude) = degrees(position);
        Self { address, latitude, longitude }
    }
}

/// A stop of a route.
#[derive(Debug, Serialize, ToSchema)]
pub struct StopView {
    /// Its place in the route, from 0.
    stop: usize,
    /// What the caller calls the job; absent for pauses, reloads and jobs without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    act: Act,
    #[serde(skip_serializing_if = "String::is_empty")]
    address: String,
    latitude: f64,
    longitude: f64,
    /// How exact that is.
    accuracy: Accuracy,
    windows: Vec<Window>,
    weight_kg: f64,
    pieces: u32,
    litres: u32,
    priority: u8,
    skills: Vec<String>,
    /// Planned arrival.
    arrive: Timestamp,
    /// Planned beginning; later than the arrival where a window has to open.
    start: Timestamp,
    /// Planned end.
    end: Timestamp,
    /// Minutes behind the end of its last window, by plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    late_minutes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_at: Option<Timestamp>,
}

fn late(stop: &Stop) -> Option<u64> {
    let within = stop.windows.is_empty() || stop.windows.iter().any(|w| stop.start <= w.to);
    let last = stop.windows.last().filter(|_| !within)?;
    Some(stop.start.since(last.to).as_secs().div_ceil(60))
}

fn stop_view((n, stop): (usize, Stop)) -> StopView {
    let late_minutes = late(&stop);
    let Stop {
        reference,
        act,
        address,
        position,
        accuracy,
        windows,
        service_s: _,
        amount,
        priority,
        skills,
        arrive,
        start,
        end,
        done_at,
    } = stop;
    let (latitude, longitude) = degrees(position);
    let [grams, pieces, litres] = amount;
    StopView {
        stop: n,
        reference: Some(reference).filter(|r| !r.is_empty() && !r.starts_with('#')),
        act,
        address,
        latitude,
        longitude,
        accuracy,
        windows,
        weight_kg: f64::from(grams) / 1_000.0,
        pieces,
        litres,
        priority,
        skills,
        arrive,
        start,
        end,
        late_minutes,
        done_at,
    }
}

/// A vehicle of a route.
#[derive(Debug, Serialize, ToSchema)]
pub struct RideView {
    /// The vehicle; absent for one that was only assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    name: String,
}

/// What travel times rest on.
#[derive(Debug, Serialize, ToSchema)]
pub struct TravelBasis {
    /// map_server, cached or estimated.
    source: Source,
    /// The same in words, with everything that changes it.
    basis: String,
}

/// A route.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteView {
    /// Absent when it was only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    state: State,
    #[schema(value_type = String)]
    day: Date,
    /// The search that planned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Id>,
    vehicle: RideView,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Wheel>,
    /// Stops at its head that stay where they are.
    locked: u32,
    from: BaseView,
    to: BaseView,
    depart: Timestamp,
    back: Timestamp,
    distance_m: u64,
    drive_s: u64,
    /// From leaving to coming back.
    duration_s: u64,
    /// Minor units of the tenant's currency.
    cost: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    travel: Option<TravelBasis>,
    stops: Vec<StopView>,
    /// The jobs whose goods come from the depot in the order they are loaded: what is left last goes in first.
    load_order: Vec<String>,
    /// What the caller has to know of what was just done: deliveries that did not follow their route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

fn loaded(stops: &[Stop]) -> Vec<String> {
    // Each trip is loaded by itself, the first one first.
    let trips = stops.split(|s| s.act == Act::Reload);
    let one = |trip: &[Stop]| -> Vec<String> {
        let goods = trip.iter().rev().filter(|s| s.act == Act::Deliver);
        goods
            .map(|s| if s.reference.starts_with('#') { s.address.clone() } else { s.reference.clone() })
            .collect()
    };
    trips.flat_map(one).collect()
}

impl RouteView {
    /// A route that is only shown.
    #[must_use]
    pub fn of(content: Content) -> Self {
        let Content {
            plan: _,
            day,
            ride,
            from,
            to,
            depart,
            back,
            metres,
            drive_s,
            cost,
            source,
            basis,
            stops,
        } = content;
        Self {
            id: None,
            version: None,
            state: State::Planned,
            day,
            plan: None,
            vehicle: RideView { id: ride.vehicle, name: ride.name },
            driver: ride.driver,
            locked: 0,
            from: from.into(),
            to: to.into(),
            depart,
            back,
            distance_m: metres,
            drive_s,
            duration_s: back.since(depart).as_secs(),
            cost,
            travel: source.map(|source| TravelBasis { source, basis }),
            load_order: loaded(&stops),
            stops: stops.into_iter().enumerate().map(stop_view).collect(),
            notes: Vec::new(),
        }
    }

    /// With what has to be said of what was just done.
    #[must_use]
    pub fn noted(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// A route that is kept.
    #[must_use]
    pub fn kept(route: Route, version: u64) -> Self {
        let Route { id, origin: _, state, locked, content, dispatched_at: _ } = route;
        let plan = Some(content.plan);
        Self { id: Some(id), version: Some(version), state, locked, plan, ..Self::of(content) }
    }
}

/// A route in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteCard {
    id: Id,
    version: u64,
    state: State,
    #[schema(value_type = String)]
    day: Date,
    plan: Id,
    vehicle: RideView,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Wheel>,
    depart: Timestamp,
    back: Timestamp,
    distance_m: u64,
    drive_s: u64,
    /// Stops at which a job is done.
    stops: usize,
    /// Of those that are done already.
    done: usize,
}

impl RouteCard {
    /// Of `route` at revision `version`.
    #[must_use]
    pub fn of(route: Route, version: u64) -> Self {
        let Route { id, origin: _, state, locked: _, content, dispatched_at: _ } = route;
        let jobs = || content.stops.iter().filter(|s| s.act.is_job());
        let (stops, done) = (jobs().count(), jobs().filter(|s| s.done_at.is_some()).count());
        Self {
            id,
            version,
            state,
            day: content.day,
            plan: content.plan,
            vehicle: RideView { id: content.ride.vehicle, name: content.ride.name },
            driver: content.ride.driver,
            depart: content.depart,
            back: content.back,
            distance_m: content.metres,
            drive_s: content.drive_s,
            stops,
            done,
        }
    }
}

/// A search for routes, and what it found.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Absent when the plan was only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    state: Stage,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[schema(value_type = String)]
    day: Date,
    /// Jobs that were to be planned.
    jobs: u32,
    /// The job that searches, of a plan that takes long.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Id>,
    /// How far it is, while it is searched for on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// In points of 100: distance 40, windows 25, traffic 20, capacity 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<Score>,
    served: u32,
    distance_m: u64,
    drive_s: u64,
    /// Whether somebody ended the search early.
    cut_short: bool,
    /// What it rests on: where travel times come from, what was assumed.
    basis: Vec<String>,
    routes: Vec<RouteView>,
    /// Jobs that are in no route, each with why.
    unassigned: Vec<Unassigned>,
    /// Stops nobody knows the place of.
    unplaced: Vec<Unplaced>,
}

impl PlanView {
    /// A search that is kept, with its routes.
    #[must_use]
    pub fn kept(
        search: Optimization,
        kept: Option<Kept>,
        routes: Vec<RouteView>,
        progress: Option<Progress>,
    ) -> Self {
        let Optimization { id, origin: _, requested_at: _, day, jobs, vehicles: _, stage, result, why } =
            search;
        let (job, basis, unassigned, unplaced) = match kept {
            Some(k) => (k.job, k.basis, k.unassigned, k.unplaced),
            None => (None, Vec::new(), Vec::new(), Vec::new()),
        };
        let score = result.as_ref().map(|r| r.score);
        let result = result.unwrap_or_default();
        Self {
            id: Some(id),
            state: stage,
            why,
            day,
            jobs,
            job,
            progress,
            score,
            served: result.served,
            distance_m: result.metres,
            drive_s: result.drive_s,
            cut_short: result.cut_short,
            basis,
            routes,
            unassigned,
            unplaced,
        }
    }

    /// A plan that is only shown.
    #[must_use]
    pub fn shown(
        outcome: Outcome,
        (day, jobs): (Date, usize),
        unplaced: Vec<Unplaced>,
        basis: Vec<String>,
    ) -> Self {
        let figures = outcome.figures(Vec::new(), unplaced.len(), false);
        let Outcome { routes, unassigned, served, score } = outcome;
        Self {
            id: None,
            state: Stage::Completed,
            why: None,
            day,
            jobs: u32::try_from(jobs).unwrap_or(u32::MAX),
            job: None,
            progress: None,
            score: Some(score),
            served,
            distance_m: figures.metres,
            drive_s: figures.drive_s,
            cut_short: false,
            basis,
            routes: routes.into_iter().map(RouteView::of).collect(),
            unassigned,
            unplaced,
        }
    }
}

/// What moving a stop from one route to another does.
#[derive(Debug, Serialize, ToSchema)]
pub struct MoveView {
    /// The route it leaves; without stops when it was the last one.
    from: RouteView,
    /// The route it goes to.
    to: RouteView,
    /// Its place there.
    at: usize,
    /// Metres more, both routes together.
    distance_m: i64,
    /// Seconds more at the wheel.
    drive_s: i64,
    /// Minutes behind the windows more.
    late_minutes: i64,
    /// What speaks against it.
    warnings: Vec<String>,
}

impl MoveView {
    /// Of what was worked out.
    #[must_use]
    pub fn of(moved: Moved) -> Self {
        let Moved { from, to, at, before, after, warnings } = moved;
        let more = |was: u64, is: u64| is.cast_signed() - was.cast_signed();
        Self {
            from: RouteView::of(from),
            to: RouteView::of(to),
            at,
            distance_m: more(before.metres, after.metres),
            drive_s: more(before.drive_s, after.drive_s),
            late_minutes: more(before.late_s, after.late_s) / 60,
            warnings,
        }
    }
}
