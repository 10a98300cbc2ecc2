//! Planning a route anew: its stops become jobs again, what is done or fixed stays at its head.

use std::time::Duration;

use super::error::{Result, RouteError};
use super::inputs::{Constraints, OptimizeInput};
use super::model::{Act, Base, Content, Route, State, Stop, Unassigned, Window};
use super::outcome::Outcome;
use super::repo::ROUTES;
use super::task::{Car, JobSpec, Kind, Now, Task, Visit, car};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::fleet::model::{Costs, Driver, Vehicle};
use crate::fleet::service as fleet;
use crate::store::ReadTx;
use crate::travel::conditions::whole_day;
use crate::travel::service as travel;

/// The routes `ids` as they are, all of them planned and not yet dispatched.
///
/// # Errors
/// When one does not exist or is dispatched already.
pub fn planned(tx: &dyn ReadTx, ids: &[Id]) -> Result<Vec<(Route, u64)>> {
    let mut out: Vec<(Route, u64)> = Vec::with_capacity(ids.len());
    for (n, id) in ids.iter().enumerate() {
        let row = ROUTES.entry(tx, id)?.filter(|e| e.value.state.exists());
        let Some(row) = row else {
            return Err(Invalid::at(format!("/routes/{n}"), format!("there is no route {id}")).into());
        };
        let route = row.value.state;
        if route.state != State::Planned {
            let (what, wanted) = ("planning it anew with others", "planned");
            return Err(RouteError::State { from: route.state, what, wanted });
        }
        if !out.iter().any(|(r, _)| r.id == route.id) {
            out.push((route, row.rev));
        }
    }
    Ok(out)
}

fn visit(stop: &Stop) -> Visit {
    Visit {
        address: stop.address.clone(),
        position: stop.position,
        accuracy: stop.accuracy,
        given: false,
        windows: stop.windows.clone(),
        service_s: stop.service_s,
    }
}

/// The jobs of `stops`, those that are done left out. With `under_way`, goods that were fetched already come from the
/// vehicle itself.
#[must_use]
pub fn jobs(stops: &[Stop], under_way: bool) -> Vec<JobSpec> {
    let open = || stops.iter().filter(|s| s.done_at.is_none());
    let fetched = |reference: &str| open().find(|s| s.act == Act::Fetch && s.reference == reference);
    let one = |stop: &Stop| {
        let kind = match stop.act {
            Act::Deliver | Act::Drop => Kind::Deliver,
            Act::Collect => Kind::Collect,
            Act::Fetch | Act::Reload | Act::Pause => return None,
        };
        let fetch = (stop.act == Act::Drop).then(|| fetched(&stop.reference)).flatten();
        if stop.act == Act::Drop && fetch.is_none() && !under_way {
            return None;
        }
        Some(JobSpec {
            reference: stop.reference.clone(),
            kind,
            visit: visit(stop),
            fetch: fetch.map(visit),
            amount: stop.amount,
            priority: stop.priority,
            skills: stop.skills.clone(),
            worth: None,
        })
    };
    open().filter_map(one).collect()
}

/// `stops` as acts on `jobs`, in their order, those that are done left out.
#[must_use]
pub fn acts(jobs: &[JobSpec], stops: &[Stop]) -> Vec<(usize, Act)> {
    let one = |stop: &Stop| {
        if stop.act == Act::Pause {
            return None;
        }
        if stop.act == Act::Reload {
            return Some((0, Act::Reload));
        }
        let job = jobs.iter().position(|j| j.reference == stop.reference)?;
        // Goods that are aboard already are only left.
        let act = if stop.act == Act::Drop && jobs[job].fetch.is_none() { Act::Deliver } else { stop.act };
        Some((job, act))
    };
    stops.iter().filter(|s| s.done_at.is_none()).filter_map(one).collect()
}

/// What planning `route` anew is, with the further stops of `input`: its own vehicle, its own jobs, the head as it is.
///
/// # Errors
/// When it has come to its end, or `input` makes no sense.
pub fn task(tx: &dyn ReadTx, now: &Now<'_>, route: &Route, input: &OptimizeInput) -> Result<Task> {
    if !matches!(route.state, State::Planned | State::Dispatched) {
        let (what, wanted) = ("planning it anew", "planned or dispatched");
        return Err(RouteError::State { from: route.state, what, wanted });
    }
    let content = &route.content;
    let midnight = Timestamp::from_civil(content.day.to_datetime(jiff::civil::Time::midnight()), now.zone);
    let midnight = midnight.map_err(|why| Invalid::at("/date", why))?;
    let mut task = Task {
        day: content.day,
        midnight,
        span: whole_day(),
        jobs: jobs(&content.stops, true),
        cars: Vec::new(),
        weights: input.weighed(),
        fewest: false,
        seconds: input.seconds,
        steps: input.steps,
        seed: input.seed.unwrap_or(1),
        unplaced: Vec::new(),
        replaces: Vec::new(),
        warm: None,
        conditions: travel::in_force(tx, now.at)?,
        notes: Vec::new(),
    };
    let own = task.jobs.len();
    let mut wrong = Vec::new();
    for (n, stop) in input.stops.iter().enumerate() {
        wrong.extend(task.take_stop(tx, now, stop, n).err().unwrap_or_default());
    }
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    for added in own..task.jobs.len() {
        let name = &task.jobs[added].reference;
        let fresh = if name.starts_with('#') { format!("#{}", Id::fresh()) } else { name.clone() };
        if content.stops.iter().any(|s| s.reference == fresh) {
            return Err(Invalid::at("/stops", format!("{fresh} is in this route already")).into());
        }
        if let Some(elsewhere) = super::repo::routes_of(tx, &fresh)?.first() {
            return Err(RouteError::Planned { reference: fresh, route: *elsewhere });
        }
        task.jobs[added].reference = fresh;
    }
    let acts = acts(&task.jobs, &content.stops);
    let fixed = fixed(route);
    let mut car = on_the_road(tx, now, route)?;
    car.locked = acts.iter().take(fixed).copied().collect();
    task.cars = vec![car];
    task.warm = Some(vec![acts]);
    Ok(task)
}

/// Acts at the head of what is left that stay where they are.
fn fixed(route: &Route) -> usize {
    let locked = usize::try_from(route.locked).unwrap_or(usize::MAX);
    let head = route.content.stops.iter().take(locked);
    head.filter(|s| s.done_at.is_none() && s.act != Act::Pause).count()
}

/// The vehicle of `route` as it is now: where its last done stop was, free since then.
fn on_the_road(tx: &dyn ReadTx, now: &Now<'_>, route: &Route) -> Result<Car> {
    let content = &route.content;
    let next = route.next();
    let last = content.stops[..next].iter().rev().find(|s| s.done_at.is_some());
    let (from, since) = match last {
        Some(stop) => (
            Base { address: stop.address.clone(), position: stop.position },
            stop.done_at.unwrap_or(content.depart),
        ),
        None => (content.from.clone(), content.depart.min(now.at)),
    };
    let known = match content.ride.vehicle {
        Some(id) => fleet::find::<Vehicle>(tx, &id.to_string()).ok(),
        None => None,
    };
    let drivers = fleet::drivers(tx)?;
    let wheel = content.ride.driver.as_ref();
    let driver: Option<&(Id, Driver)> = drivers.iter().find(|(id, _)| wheel.is_some_and(|w| w.id == *id));
    let mut car = match known {
        Some((id, vehicle, _)) => {
            let at = (now, content.day, since.max(midnight_before(now.at)));
            car(tx, at, (id, &vehicle, driver), Some(&content.from), &Constraints::default())?
        }
        None => assumed(content, since),
    };
    if let Some(left) = last.and(car.max_s) {
        let gone = since.since(content.depart).as_secs();
        car.max_s = Some(left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX)));
    }
    let taken = content.stops[..next].iter().filter(|s| s.act == Act::Pause).count();
    car.pauses.drain(..taken.min(car.pauses.len()));
    (car.ride, car.from, car.to) = (content.ride.clone(), from, content.to.clone());
    // Of what is on the road it counts where it is, not when its shift begins.
    if last.is_some() {
        car.shift.from = since.min(car.shift.to);
    }
    Ok(car)
}

/// Nobody leaves in the past of another day.
fn midnight_before(at: Timestamp) -> Timestamp {
    at.before(Duration::from_secs(24 * 3_600))
}

/// The vehicle of a route that names none of the fleet.
fn assumed(content: &Content, since: Timestamp) -> Car {
    Car {
        ride: content.ride.clone(),
        capacity: [content.ride.grams, None, None],
        shift: Window { from: since, to: content.depart.after(Duration::from_secs(24 * 3_600)) },
        skills: content.stops.iter().flat_map(|s| s.skills.iter().cloned()).collect(),
        max_s: content.ride.max_s,
        max_m: None,
        max_stops: None,
        costs: Costs::default(),
        speed: 1.0,
        from: content.from.clone(),
        to: content.to.clone(),
        pauses: Vec::new(),
        reloads: None,
        locked: Vec::new(),
    }
}

/// What is done of `route`, and behind it what was planned anew.
///
/// # Errors
/// When something of it fits nowhere any more, or it has more stops than a route may have.
pub fn joined(route: &Route, task: &Task, outcome: Outcome) -> Result<Content> {
    let mut left = outcome.unassigned;
    let lost = task.unplaced.iter().map(|u| Unassigned {
        reference: u.reference.clone(),
        address: u.address.clone(),
        reasons: vec!["unplaced".into()],
        detail: u.reason.clone(),
    });
    left.extend(lost);
    if !left.is_empty() {
        return Err(RouteError::Infeasible(left));
    }
    let Some(new) = outcome.routes.into_iter().next() else { return Ok(route.content.clone()) };
    let old = &route.content;
    let next = route.next();
    let mut stops = old.stops[..next].to_vec();
    stops.extend(new.stops);
    let most = super::model::MAX_ROUTE_STOPS;
    if stops.len() > most {
        return Err(Invalid::at(
            "/stops",
            format!("would be {} with those of the route; at most {most}", stops.len()),
        )
        .into());
    }
    let depart = if next > 0 { old.depart } else { new.depart };
    Ok(Content { plan: old.plan, from: old.from.clone(), depart, stops, ..new })
}

/// `content` with its stops in another order: times, metres and seconds follow from `legs`, metres and seconds from each
/// place to the next, one more than stops that are not done. Nothing is refused: what comes late is shown as late.
#[must_use]
pub fn driven(mut content: Content, depart: Timestamp, legs: &[(i32, i32)]) -> Content {
    let begun = content.stops.iter().filter(|s| s.done_at.is_some()).count();
    let mut at = content.stops[..begun].last().and_then(|s| s.done_at).unwrap_or(depart);
    let (mut metres, mut seconds) = (0, 0);
    let mut legs = legs.iter();
    let mut drive = |metres: &mut u64, seconds: &mut u64| {
        let (m, s) = legs.next().copied().unwrap_or_default();
        *metres += u64::try_from(m).unwrap_or_default();
        *seconds += u64::try_from(s).unwrap_or_default();
        Duration::from_secs(u64::try_from(s).unwrap_or_default())
    };
    for stop in &mut content.stops[begun..] {
        stop.arrive = at.after(drive(&mut metres, &mut seconds));
        let open = stop.windows.iter().find(|w| stop.arrive <= w.to).map_or(stop.arrive, |w| w.from);
        stop.start = stop.arrive.max(open);
        stop.end = stop.start.after(Duration::from_secs(stop.service_s.into()));
        at = stop.end;
    }
    content.back = at.after(drive(&mut metres, &mut seconds));
    (content.depart, content.metres, content.drive_s) = (depart, metres, seconds);
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::units::Position;
    use crate::places::model::Accuracy;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    fn stop(reference: &str, act: Act, done: Option<i64>) -> Stop {
        Stop {
            reference: reference.into(),
            act,
            address: String::new(),
            position: Position::default(),
            accuracy: Accuracy::Exact,
            windows: vec![Window { from: at(100), to: at(200) }],
            service_s: 10,
            amount: [1, 0, 0],
            priority: 0,
            skills: Vec::new(),
            arrive: at(0),
            start: at(0),
            end: at(0),
            done_at: done.map(at),
        }
    }

    #[test]
    fn what_is_done_is_no_job_and_what_is_aboard_is_only_left() {
        let stops = [
            stop("a", Act::Deliver, Some(1)),
            stop("b", Act::Fetch, Some(2)),
            stop("c", Act::Fetch, None),
            stop("", Act::Pause, None),
            stop("c", Act::Drop, None),
            stop("b", Act::Drop, None),
            stop("d", Act::Collect, None),
        ];
        let jobs = jobs(&stops, true);
        let said: Vec<_> = jobs.iter().map(|j| (j.reference.as_str(), j.kind, j.fetch.is_some())).collect();
        let expected = [("c", Kind::Deliver, true), ("b", Kind::Deliver, false), ("d", Kind::Collect, false)];
        assert_eq!(said, expected);
        let acts = acts(&jobs, &stops);
        assert_eq!(acts, [(0, Act::Fetch), (0, Act::Drop), (1, Act::Deliver), (2, Act::Collect)]);
    }

    #[test]
    fn an_order_by_hand_is_timed_and_not_refused() {
        let stops = vec![stop("a", Act::Deliver, None), stop("b", Act::Deliver, None)];
        let content = Content { stops, ..Content::default() };
        let driven = driven(content, at(20), &[(500, 30), (400, 140), (300, 25)]);
        let times: Vec<_> = driven.stops.iter().map(|s| (s.arrive, s.start, s.end)).collect();
        // The first waits for its window, the second comes 50 seconds late.
        assert_eq!(times, [(at(50), at(100), at(110)), (at(250), at(250), at(260))]);
        assert_eq!((driven.metres, driven.drive_s, driven.back), (1_200, 195, at(285)));
    }
}
