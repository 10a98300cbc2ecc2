//! What if: a stop moved from one vehicle to another, what that costs, and doing it.

use super::error::{Result, RouteError};
use super::event::{Plain, RouteEvent};
use super::model::{Act, Content, Route, State, Stop};
use super::service::{self, find};
use super::timing::Ways;
use super::work::Place;
use crate::base::error::Invalid;
use crate::fleet::model::Vehicle;
use crate::fleet::service as fleet;
use crate::identity::features::{EditRoutes, Feature};
use crate::identity::grant::Grant;
use crate::journal::{Cx, record};
use crate::store::{ReadTx, WriteTx};

/// Two routes as they are, with their revisions and what their vehicles can do.
#[derive(Clone, Debug)]
pub struct Both {
    /// The one that loses a stop.
    pub from: (Route, u64),
    /// The one that gets it.
    pub to: (Route, u64),
    speeds: [f64; 2],
    grams: Option<u64>,
}

/// What routes come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Metres.
    pub metres: u64,
    /// Seconds at the wheel.
    pub drive_s: u64,
    /// Seconds behind the ends of windows.
    pub late_s: u64,
}

/// A stop moved.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The route it left.
    pub from: Content,
    /// The route it went to.
    pub to: Content,
    /// Its place there.
    pub at: usize,
    /// Both routes before.
    pub before: Sum,
    /// And after.
    pub after: Sum,
    /// What speaks against it.
    pub warnings: Vec<String>,
}

/// Reads the two routes, `from` and `to`, at the revisions that were seen.
///
/// # Errors
/// When there are none, they are one, or they are no longer only planned.
pub fn both<F: Feature>(
    tx: &dyn ReadTx,
    grant: &Grant<F>,
    (from, to): (&str, &str),
    seen: [Option<u64>; 2],
) -> Result<Both> {
    service::whole(grant)?;
    let read = |name: &str, seen: Option<u64>| {
        let entry = find(tx, grant, name)?;
        if let Some(seen) = seen.filter(|seen| *seen != entry.rev) {
            return Err(RouteError::Stale { found: entry.rev, seen });
        }
        let route = entry.value.state;
        if route.state != State::Planned {
            let (what, wanted) = ("moving a stop", "planned");
            return Err(RouteError::State { from: route.state, what, wanted });
        }
        Ok((route, entry.rev))
    };
    let (from, to) = (read(from, seen[0])?, read(to, seen[1])?);
    if from.0.id == to.0.id {
        return Err(Invalid::at("/to", "is the route the stop is in; change its order instead").into());
    }
    let known = |route: &Route| {
        let id = route.content.ride.vehicle?;
        fleet::find::<Vehicle>(tx, &id.to_string()).ok().map(|(_, v, _)| v)
    };
    let vehicles = [known(&from.0), known(&to.0)];
    let speeds = vehicles.each_ref().map(|v| v.as_ref().map_or(1.0, |v| v.speed));
    let kg = vehicles[1].as_ref().and_then(|v| v.capacity.kg);
    let grams = match kg {
        Some(kg) => Some((kg * 1_000.0).round() as u64),
        None => to.0.content.ride.grams.map(u64::from),
    };
    Ok(Both { from, to, speeds, grams })
}

fn late(content: &Content) -> u64 {
    let behind = |s: &Stop| {
        let within = s.windows.is_empty() || s.windows.iter().any(|w| s.start <= w.to);
        s.windows.last().filter(|_| !within).map_or(0, |w| s.start.since(w.to).as_secs())
    };
    content.stops.iter().map(behind).sum()
}

fn sum(routes: [&Content; 2]) -> Sum {
    let mut sum = Sum::default();
    for c in routes.into_iter().filter(|c| !c.stops.is_empty()) {
        sum.metres += c.metres;
        sum.drive_s += c.drive_s;
        sum.late_s += late(c);
    }
    sum
}

/// Works out what moving a stop does. Whatever belongs to its job goes along.
///
/// # Errors
/// When there is no such stop or place, or the route would have too many; storage failures.
pub async fn moved(place: &Place<'_>, both: &Both, (stop, at): (usize, Option<usize>)) -> Result<Moved> {
    let (from, to) = (&both.from.0, &both.to.0);
    let (mut left, taken) = taken(&from.content, stop)?;
    let first = (to.locked as usize).min(to.content.stops.len());
    let last = to.content.stops.len();
    if let Some(at) = at.filter(|at| !(first..=last).contains(at)) {
        return Err(Invalid::at("/at", format!("must lie in {first} to {last}, got {at}")).into());
    }
    if last + taken.len() > super::model::MAX_ROUTE_STOPS {
        let most = super::model::MAX_ROUTE_STOPS;
        return Err(Invalid::at("/to", format!("has {last} stops; a route has at most {most}")).into());
    }
    let ways = Ways::between(place, &[&from.content, &to.content]).await?;
    if left.stops.iter().any(|s| s.act.is_job()) {
        let depart = left.depart;
        left = ways.timed(left, depart, both.speeds[0]);
    } else {
        left.stops.clear();
    }
    let with = |at: usize| {
        let mut content = to.content.clone();
        content.stops.splice(at..at, taken.iter().cloned());
        let depart = content.depart;
        ways.timed(content, depart, both.speeds[1])
    };
    let places = at.map_or(first..=last, |at| at..=at);
    let best = places.map(|at| (with(at), at)).min_by_key(|(c, at)| (late(c), c.drive_s, c.metres, *at));
    let Some((to_then, at)) = best else { return Err(RouteError::unknown("place", "")) };
    // Both as they are now, by the same ways.
    let now = |c: &Content, speed| ways.timed(c.clone(), c.depart, speed);
    let before = sum([&now(&from.content, both.speeds[0]), &now(&to.content, both.speeds[1])]);
    let after = sum([&left, &to_then]);
    let mut warnings = Vec::new();
    let loaded: u64 =
        to_then.stops.iter().filter(|s| s.act == Act::Deliver).map(|s| u64::from(s.amount[0])).sum();
    if let Some(most) =
        both.grams.filter(|most| loaded > *most && !to_then.stops.iter().any(|s| s.act == Act::Reload))
    {
        let kg = |g: u64| g.div_ceil(1_000);
        warnings.push(format!("{} would carry {} kg, and takes {}", to_then.ride.name, kg(loaded), kg(most)));
    }
    if late(&to_then) > 0 {
        warnings.push(format!("{} min behind its windows", late(&to_then).div_ceil(60)));
    }
    Ok(Moved { from: left, to: to_then, at, before, after, warnings })
}

/// `content` without the stop's job, and the stops of that.
fn taken(content: &Content, stop: usize) -> Result<(Content, Vec<Stop>)> {
    let found = content.stops.get(stop).ok_or_else(|| RouteError::unknown("stop", &stop.to_string()))?;
    if !found.act.is_job() {
        return Err(Invalid::at("/stop", "is no job: pauses and reloads stay with their vehicle").into());
    }
    let mut content = content.clone();
    let belongs =
        |n: usize, s: &Stop| n == stop || (!s.reference.is_empty() && s.reference == found.reference);
    let (mut left, mut out) = (Vec::new(), Vec::new());
    for (n, s) in content.stops.iter().enumerate() {
        if belongs(n, s) { out.push(s.clone()) } else { left.push(s.clone()) }
    }
    content.stops = left;
    Ok((content, out))
}

/// Keeps what was worked out: both routes, in one go.
///
/// # Errors
/// When one of them has changed meanwhile.
pub fn keep(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditRoutes>,
    cx: &Cx,
    both: &Both,
    moved: &Moved,
) -> Result<()> {
    let name = |r: &(Route, u64)| r.0.id.to_string();
    let entry = find(tx, grant, &name(&both.from))?;
    if entry.rev != both.from.1 {
        return Err(RouteError::Stale { found: entry.rev, seen: both.from.1 });
    }
    let id = entry.value.state.id;
    let change = if moved.from.stops.is_empty() {
        RouteEvent::Deleted(Plain {})
    } else {
        RouteEvent::Changed(moved.from.clone())
    };
    record(tx, cx, id, Some(entry.value), vec![change])?;
    service::keep(tx, grant, cx, &name(&both.to), (both.to.1, moved.to.clone())).map(drop)
}
