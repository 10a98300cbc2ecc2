//! Keeping what a search found, and what people do with routes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{Result, RouteError};
use super::event::{Cancelled, Failed, Locked, OptimizationEvent, Plain, Requested, RouteEvent, StopDone};
use super::follow::{self, Notes};
use super::model::{Act, Content, Optimization, Route, Stage, State, Wheel};
use super::outcome::Outcome;
use super::repo::{self, Kept, OPTIMIZATIONS, ROUTES, TASKS, WAITING, Waiting};
use super::task::{Task, Visit};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::text;
use crate::fleet::model::{Driver, Vehicle};
use crate::fleet::service as fleet;
use crate::identity::features::{EditRoutes, Feature, MoveDeliveries, OptimizeRoutes};
use crate::identity::grant::{Grant, Scope};
use crate::jobs::queue::{self, NewJob, enqueue};
use crate::jobs::rules::State as JobState;
use crate::journal::Folded;
use crate::journal::{Cx, Written, load, record};
use crate::places::service as places;
use crate::store::table::{Entry, Rows};
use crate::store::{Dir, Ix, KeyRange, ReadTx, WriteTx, key};

/// The kind of job that searches.
pub const OPTIMIZE: &str = "routes.optimize";
/// Routes of one plan that are shown with it.
pub const MAX_SHOWN: usize = 500;
/// A stop can't be done later than this from now: clocks of phones differ.
const AHEAD: Duration = Duration::from_secs(600);

/// Which search a job carries out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// Its id.
    pub search: Id,
}

/// Refuses a caller who does not see the whole depot.
///
/// # Errors
/// [`RouteError::Scope`].
pub fn whole<F: Feature>(grant: &Grant<F>) -> Result<()> {
    if *grant.scope() == Scope::Tenant { Ok(()) } else { Err(RouteError::Scope) }
}

/// Whether `scope` lets `user` see `route`: their own, where they only see their own.
fn sees(scope: &Scope, user: Id, route: &Route) -> bool {
    match scope {
        Scope::Tenant => true,
        Scope::Own => route.content.ride.driver.as_ref().is_some_and(|d| d.user == Some(user)),
        Scope::Distributors(_) => false,
    }
}

/// The route `name`, as far as the caller may see it.
///
/// # Errors
/// When there is none.
pub fn find<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, name: &str) -> Result<Entry<Folded<Route>>> {
    let none = || RouteError::unknown("route", name);
    let id: Id = name.parse().map_err(|_| none())?;
    let found = ROUTES.entry(tx, &id)?.filter(|e| e.value.state.exists());
    found.filter(|e| sees(grant.scope(), grant.actor().user, &e.value.state)).ok_or_else(none)
}

/// The route with this id, for other areas of the house, deleted ones too.
///
/// # Errors
/// Storage failures.
pub fn known(tx: &dyn ReadTx, id: Id) -> crate::store::Result<Option<Route>> {
    Ok(ROUTES.get(tx, &id)?.map(|row| row.state))
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this local day.
    pub day: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Of this vehicle, by id or name.
    pub vehicle: Option<String>,
    /// Of this driver, by id or name.
    pub driver: Option<String>,
}

impl Filter {
    /// Whether `route` is meant.
    #[must_use]
    pub fn admits(&self, route: &Route) -> bool {
        let ride = &route.content.ride;
        let named = |wish: &Option<String>, id: Option<Id>, name: &str| {
            wish.as_ref().is_none_or(|w| w == name || id.is_some_and(|id| id.to_string() == *w))
        };
        let driver = ride.driver.as_ref();
        self.state.is_none_or(|s| s == route.state)
            && self.day.as_ref().is_none_or(|d| *d == route.content.day.to_string())
            && named(&self.vehicle, ride.vehicle, &ride.name)
            && named(&self.driver, driver.map(|d| d.id), driver.map_or("", |d| &d.name))
    }
}

/// A page of routes, the latest day first.
///
/// # Errors
/// Storage failures.
pub fn list<F: Feature>(
    tx: &dyn ReadTx,
    grant: &Grant<F>,
    day: Option<&str>,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Rows<Folded<Route>>> {
    let (ix, range) = match (grant.scope(), day) {
        (Scope::Tenant, Some(day)) => (repo::BY_DAY, KeyRange::prefix(&key::text_then(day, &[]))),
        (Scope::Tenant, None) => (repo::BY_DAY, KeyRange::all()),
        (Scope::Own, _) => (repo::BY_USER, KeyRange::prefix(&grant.actor().user.0)),
        (Scope::Distributors(_), _) => return Ok(Rows { items: Vec::new(), next: None }),
    };
    Ok(ROUTES.scan(tx, ix, &range.resume(after), Dir::Down, limit)?)
}

/// Notes that a search was asked for.
///
/// # Errors
/// Storage failures.
pub fn requested(
    tx: &mut dyn WriteTx,
    _: &Grant<OptimizeRoutes>,
    cx: &Cx,
    id: Id,
    task: &Task,
) -> Result<()> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let jobs = count(task.jobs.len() + task.unplaced.len());
    let asked = Requested { day: task.day, jobs, vehicles: count(task.cars.len()), weights: task.weights };
    record::<Optimization>(tx, cx, id, None, vec![OptimizationEvent::Requested(asked)])?;
    Ok(())
}

/// Demands the search as a job; its task waits with it.
///
/// # Errors
/// When the task is larger than what is kept; storage failures.
pub fn demand(
    tx: &mut dyn WriteTx,
    grant: &Grant<OptimizeRoutes>,
    cx: &Cx,
    id: Id,
    task: &Task,
) -> Result<()> {
    requested(tx, grant, cx, id, task)?;
    let job = enqueue(tx, cx.now, NewJob::new(OPTIMIZE, &Payload { search: id })?)?;
    let kept = Kept {
        at: cx.now,
        task: Some(task.clone()),
        job: Some(job),
        unassigned: Vec::new(),
        unplaced: task.unplaced.clone(),
        basis: Vec::new(),
    };
    TASKS.put(tx, &id, &kept)?;
    WAITING.put(tx, &id, &Waiting { job })?;
    Ok(())
}

/// The search `name` with what is kept of it here.
///
/// # Errors
/// When there is none.
pub fn find_search(tx: &dyn ReadTx, name: &str) -> Result<(Optimization, Option<Kept>)> {
    let none = || RouteError::unknown("search", name);
    let id: Id = name.parse().map_err(|_| none())?;
    let found = OPTIMIZATIONS.get(tx, &id)?.filter(|row| row.state.origin.is_some()).ok_or_else(none)?;
    Ok((found.state, TASKS.get(tx, &id)?))
}

/// Keeps what a search found: new routes, and those it replaces changed or taken away. Does nothing when the search has
/// ended already.
///
/// # Errors
/// When a route it replaces was changed meanwhile; storage failures.
pub fn complete(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    (id, task): (Id, &Task),
    outcome: &Outcome,
    (basis, cut_short): (&[String], bool),
) -> Result<()> {
    let Some(row) = load::<Optimization>(tx, id)?.filter(|r| r.state.stage == Stage::Requested) else {
        return Ok(());
    };
    let mut old = Vec::new();
    for (route, seen) in &task.replaces {
        let entry = ROUTES.entry(tx, route)?.filter(|e| e.value.state.exists());
        let Some(entry) = entry else { return Err(RouteError::unknown("route", &route.to_string())) };
        if entry.rev != *seen || entry.value.state.state != State::Planned {
            return Err(RouteError::Stale { found: entry.rev, seen: *seen });
        }
        old.push(entry.value);
    }
    let mut routes = Vec::with_capacity(outcome.routes.len());
    for content in &outcome.routes {
        let same = |r: &Folded<Route>| {
            let ride = &r.state.content.ride;
            ride.vehicle == content.ride.vehicle && (ride.vehicle.is_some() || ride.name == content.ride.name)
        };
        let at = old.iter().position(same).or(if old.is_empty() || content.ride.vehicle.is_some() {
            None
        } else {
            old.iter().position(|r| r.state.content.ride.vehicle.is_none())
        });
        let written: Written<Route> = match at.map(|at| old.remove(at)) {
            Some(row) => {
                let id = row.state.id;
                record(tx, cx, id, Some(row), vec![RouteEvent::Changed(content.clone())])?
            }
            None => record(tx, cx, Id::fresh(), None, vec![RouteEvent::Planned(content.clone())])?,
        };
        routes.push(written.state.id);
    }
    for row in old {
        let id = row.state.id;
        record(tx, cx, id, Some(row), vec![RouteEvent::Deleted(Plain {})])?;
    }
    let found = outcome.figures(routes, task.unplaced.len(), cut_short);
    record(tx, cx, id, Some(row), vec![OptimizationEvent::Completed(found)])?;
    WAITING.del(tx, &id)?;
    remember(tx, task)?;
    let job = TASKS.get(tx, &id)?.and_then(|k| k.job);
    let kept = Kept {
        at: cx.now,
        task: None,
        job,
        unassigned: outcome.unassigned.clone(),
        unplaced: task.unplaced.clone(),
        basis: basis.to_vec(),
    };
    TASKS.put(tx, &id, &kept)?;
    Ok(())
}

/// Addresses whose position came with them are known from now on.
fn remember(tx: &mut dyn WriteTx, task: &Task) -> Result<()> {
    let visits = task.jobs.iter().flat_map(|j| std::iter::once(&j.visit).chain(&j.fetch));
    for Visit { address, position, .. } in visits.filter(|v| v.given && !v.address.is_empty()) {
        places::remember(tx, address, *position)?;
    }
    Ok(())
}

/// Notes that a search found nothing.
///
/// # Errors
/// Storage failures.
pub fn failed(tx: &mut dyn WriteTx, cx: &Cx, id: Id, why: &str) -> Result<()> {
    let Some(row) = load::<Optimization>(tx, id)?.filter(|r| r.state.stage == Stage::Requested) else {
        return Ok(());
    };
    let why = text::clipped(why.to_owned(), text::SHORT);
    record(tx, cx, id, Some(row), vec![OptimizationEvent::Failed(Failed { why })])?;
    forget_task(tx, id)
}

fn forget_task(tx: &mut dyn WriteTx, id: Id) -> Result<()> {
    WAITING.del(tx, &id)?;
    if let Some(kept) = TASKS.get(tx, &id)? {
        TASKS.put(tx, &id, &Kept { task: None, ..kept })?;
    }
    Ok(())
}

/// Ends a search that has not begun.
///
/// # Errors
/// When it has ended, or is under way on another machine.
pub fn cancel_search(tx: &mut dyn WriteTx, grant: &Grant<OptimizeRoutes>, cx: &Cx, name: &str) -> Result<()> {
    whole(grant)?;
    let (search, kept) = find_search(tx, name)?;
    let row = load::<Optimization>(tx, search.id)?.filter(|r| r.state.stage == Stage::Requested);
    let row = row.ok_or(RouteError::Ended)?;
    if let Some(job) = kept.and_then(|k| k.job) {
        // One that runs already, or is done, is ended where it runs.
        queue::cancel(tx, cx.now, job, &grant.actor().name).map_err(|_| RouteError::Ended)?;
    }
    record(tx, cx, search.id, Some(row), vec![OptimizationEvent::Cancelled(Plain {})])?;
    forget_task(tx, search.id)
}

/// Ends searches whose job was given up: cancelled by hand, or tried too often. Returns how many there were.
///
/// # Errors
/// Storage failures.
pub fn end_given_up(tx: &mut dyn WriteTx, cx: &Cx) -> Result<usize> {
    let rows = WAITING.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_SHOWN)?.items;
    let mut ended = 0;
    for row in rows {
        let Some(id) = Id::from_slice(&row.pk) else { continue };
        let job = match queue::find(tx, row.value.job) {
            Ok((job, _)) if job.state != JobState::Dead => continue,
            Ok((job, _)) => job.last_error,
            Err(queue::JobsError::Store(e)) => return Err(e.into()),
            Err(_) => None,
        };
        ended += 1;
        let why = job.unwrap_or_else(|| "its job is gone".to_owned());
        if !why.starts_with("cancelled by ") {
            failed(tx, cx, id, &why)?;
            continue;
        }
        let waiting = load::<Optimization>(tx, id)?.filter(|r| r.state.stage == Stage::Requested);
        if let Some(row) = waiting {
            record(tx, cx, id, Some(row), vec![OptimizationEvent::Cancelled(Plain {})])?;
        }
        forget_task(tx, id)?;
    }
    Ok(ended)
}

/// Refuses what takes a route in another state.
fn takes(route: &Route, states: &[State], what: &'static str, wanted: &'static str) -> Result<()> {
    if states.contains(&route.state) {
        Ok(())
    } else {
        Err(RouteError::State { from: route.state, what, wanted })
    }
}

/// What is to be changed of a route by hand; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteChange {
    /// The revision the caller has seen.
    pub version: Option<u64>,
    /// Who drives it, by id or name; empty for nobody.
    pub driver: Option<String>,
    /// What drives it, by id or name. Only while it is planned.
    pub vehicle: Option<String>,
    /// Its stops in another order: each by its present place, from 0. What is done stays where it is.
    pub order: Option<Vec<usize>>,
    /// When it leaves.
    pub depart: Option<Timestamp>,
    /// Only show what it would be.
    pub dry_run: bool,
}

/// `route` with what `change` says, its times still those of before. True when they have to be worked out anew.
///
/// # Errors
/// When it can't be changed like that.
pub fn changed(tx: &dyn ReadTx, route: &Route, change: &RouteChange) -> Result<(Content, bool)> {
    takes(route, &[State::Planned, State::Dispatched], "changing it", "planned or dispatched")?;
    let mut content = route.content.clone();
    if let Some(name) = &change.driver {
        content.ride.driver = wheel(tx, name)?;
    }
    if let Some(name) = &change.vehicle {
        takes(route, &[State::Planned], "giving it another vehicle", "planned")?;
        let found = fleet::find::<Vehicle>(tx, name).map_err(|e| Invalid::at("/vehicle", e.to_string()))?;
        (content.ride.vehicle, content.ride.name) = (Some(found.0), found.1.name);
        (content.ride.grams, content.ride.max_s) = (None, None);
    }
    if let Some(order) = &change.order {
        content.stops = ordered(route, order)?;
    }
    Ok((content, change.order.is_some() || change.vehicle.is_some() || change.depart.is_some()))
}

fn wheel(tx: &dyn ReadTx, name: &str) -> Result<Option<Wheel>> {
    if name.trim().is_empty() {
        return Ok(None);
    }
    let (id, driver, _) =
        fleet::find::<Driver>(tx, name).map_err(|e| Invalid::at("/driver", e.to_string()))?;
    Ok(Some(Wheel { id, name: driver.name, user: driver.user }))
}

/// The stops in the order of their places.
fn ordered(route: &Route, order: &[usize]) -> Result<Vec<super::model::Stop>> {
    let stops = &route.content.stops;
    let wrong = |why: String| RouteError::from(Invalid::at("/order", why));
    let mut all: Vec<usize> = order.to_vec();
    all.sort_unstable();
    if all != (0..stops.len()).collect::<Vec<_>>() {
        return Err(wrong(format!("must name each of the {} stops once, by its place from 0", stops.len())));
    }
    let next = route.next();
    if order[..next].iter().enumerate().any(|(n, at)| n != *at) {
        return Err(wrong(format!("must leave the first {next} stops where they are: they are done")));
    }
    let place = |act: Act, reference: &str| {
        order.iter().position(|at| stops[*at].act == act && stops[*at].reference == reference)
    };
    for drop in stops.iter().filter(|s| s.act == Act::Drop) {
        let (fetched, left) = (place(Act::Fetch, &drop.reference), place(Act::Drop, &drop.reference));
        if fetched.is_some() && fetched > left {
            return Err(wrong(format!("leaves {} before it is fetched", drop.reference)));
        }
    }
    Ok(order.iter().map(|at| stops[*at].clone()).collect())
}

/// Keeps a route as it was changed or planned anew.
///
/// # Errors
/// When it has changed since revision `seen`.
pub fn keep<F: Feature>(
    tx: &mut dyn WriteTx,
    grant: &Grant<F>,
    cx: &Cx,
    name: &str,
    (seen, content): (u64, Content),
) -> Result<Written<Route>> {
    whole(grant)?;
    let entry = find(tx, grant, name)?;
    if entry.rev != seen {
        return Err(RouteError::Stale { found: entry.rev, seen });
    }
    let id = entry.value.state.id;
    Ok(record(tx, cx, id, Some(entry.value), vec![RouteEvent::Changed(content)])?)
}

fn step<F: Feature>(
    tx: &mut dyn WriteTx,
    grant: &Grant<F>,
    cx: &Cx,
    name: &str,
    decide: impl FnOnce(&Route) -> Result<Vec<RouteEvent>>,
) -> Result<Written<Route>> {
    let entry = find(tx, grant, name)?;
    let events = decide(&entry.value.state)?;
    let id = entry.value.state.id;
    if events.is_empty() {
        let (state, rev) = (entry.value.state, entry.rev);
        return Ok(Written { state, rev, eids: Vec::new(), opened: Vec::new() });
    }
    Ok(record(tx, cx, id, Some(entry.value), events)?)
}

/// Fixes the first `stops` of a route; 0 fixes none.
///
/// # Errors
/// When it has come to its end, or has not that many.
pub fn lock(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditRoutes>,
    cx: &Cx,
    name: &str,
    stops: u32,
) -> Result<Written<Route>> {
    whole(grant)?;
    step(tx, grant, cx, name, |route| {
        takes(route, &[State::Planned, State::Dispatched], "fixing its stops", "planned or dispatched")?;
        let has = route.content.stops.len();
        if stops as usize > has {
            return Err(Invalid::at("/stops", format!("is {stops}; the route has {has}")).into());
        }
        Ok(vec![RouteEvent::Locked(Locked { stops })])
    })
}

/// Gives a route to its driver, and its deliveries with it; what is said of those that stay.
///
/// # Errors
/// When it is not planned.
pub fn dispatch(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditRoutes>,
    cx: &Cx,
    name: &str,
    attempts: u32,
) -> Result<(Written<Route>, Notes)> {
    whole(grant)?;
    let written = step(tx, grant, cx, name, |route| {
        takes(route, &[State::Planned], "dispatching it", "planned")?;
        Ok(vec![RouteEvent::Dispatched(Plain {})])
    })?;
    let notes = follow::leave(tx, grant, cx, &written.state.content, attempts)?;
    Ok((written, notes))
}

/// Says that a route will not be driven, or not to its end.
///
/// # Errors
/// When it has come to its end.
pub fn cancel(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditRoutes>,
    cx: &Cx,
    name: &str,
    why: &str,
) -> Result<Written<Route>> {
    whole(grant)?;
    text::optional("/reason", why, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    step(tx, grant, cx, name, |route| {
        takes(route, &[State::Planned, State::Dispatched], "cancelling it", "planned or dispatched")?;
        Ok(vec![RouteEvent::Cancelled(Cancelled { why: why.to_owned() })])
    })
}

/// Says that a stop is done, which hands its delivery over; the last one ends the route. What is said twice counts once.
/// Also what is said of a delivery that stays as it is.
///
/// # Errors
/// When the route is not on the road, has no such stop, or the moment lies ahead.
pub fn stop_done(
    tx: &mut dyn WriteTx,
    grant: &Grant<MoveDeliveries>,
    cx: &Cx,
    name: &str,
    (stop, at): (usize, Option<Timestamp>),
    attempts: u32,
) -> Result<(Written<Route>, Notes)> {
    let at = at.unwrap_or(cx.now);
    if at > cx.now.after(AHEAD) {
        return Err(Invalid::at("/at", format!("lies ahead: it is {} now", cx.now)).into());
    }
    let written = step(tx, grant, cx, name, |route| {
        let Some(found) = route.content.stops.get(stop) else {
            return Err(RouteError::unknown("stop", &stop.to_string()));
        };
        if found.done_at.is_some() {
            return Ok(Vec::new());
        }
        takes(route, &[State::Dispatched], "doing a stop", "dispatched")?;
        let number = u32::try_from(stop).unwrap_or(u32::MAX);
        let mut events = vec![RouteEvent::StopDone(StopDone { stop: number, at })];
        let open = route.content.stops.iter().enumerate();
        let mut left = open.filter(|(n, s)| *n != stop && s.act.is_job() && s.done_at.is_none());
        if found.act.is_job() && left.next().is_none() {
            events.push(RouteEvent::Completed(Plain {}));
        }
        Ok(events)
    })?;
    let notes = match written.state.content.stops.get(stop) {
        // Said again later it may be true of the delivery too: the proof that was missing has come.
        Some(done) => follow::handed_over(tx, grant, cx, (done, done.done_at.unwrap_or(at)), attempts)?,
        None => Notes::new(),
    };
    Ok((written, notes))
}

/// Takes a route away.
///
/// # Errors
/// When it is on the road, or has changed since revision `seen`.
pub fn delete(tx: &mut dyn WriteTx, grant: &Grant<EditRoutes>, cx: &Cx, name: &str, seen: u64) -> Result<()> {
    whole(grant)?;
    let entry = find(tx, grant, name)?;
    if entry.rev != seen {
        return Err(RouteError::Stale { found: entry.rev, seen });
    }
    let ends = [State::Planned, State::Completed, State::Cancelled];
    takes(&entry.value.state, &ends, "taking it away", "planned or completed or cancelled")?;
    let id = entry.value.state.id;
    record(tx, cx, id, Some(entry.value), vec![RouteEvent::Deleted(Plain {})])?;
    Ok(())
}
