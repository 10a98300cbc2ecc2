//! Routes that are under way become stops that are expected: what is planned is what arrivals are held against and what
//! is foretold along. Read from what happened to routes, so that it follows every change of a plan, wherever it was made.

use super::error::TrackingError;
use super::geo::Spot;
use super::model::{Device, Fed, StopState};
use super::repo::{self, FED};
use super::service::own_track;
use super::stops::{self, Expected};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deliveries::service as deliveries;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::Origin;
use crate::journal::log::Applied;
use crate::journal::{change, readers};
use crate::routes::event::ROUTE_KINDS;
use crate::routes::model::{Act, Route, State};
use crate::routes::service as routes;
use crate::store::{ReadTx, Result, WriteTx};

const READER: &str = "tracking.plans";
/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 100;

/// Reads what happened to routes.
pub struct Plans;

impl Worker for Plans {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let deal = move |tx: &mut dyn WriteTx, entries: &[(u64, Applied)]| deal(tx, now, entries);
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, deal)?;
        Ok(if read == 0 { Step::IDLE } else { Step::Worked })
    }
}

fn deal(tx: &mut dyn WriteTx, now: Timestamp, entries: &[(u64, Applied)]) -> Result<()> {
    let mut changed = Vec::new();
    for (_, entry) in entries {
        let (header, _) = change::decode(&entry.blob)?;
        if ROUTE_KINDS.contains(&header.k) {
            changed.push(header.id);
        }
    }
    changed.sort_unstable();
    changed.dedup();
    let here = Origin::load(tx)?;
    for id in changed {
        let Some(route) = routes::known(tx, id)? else { continue };
        // Vehicles of another depot tell their positions there.
        if route.origin.is_some_and(|origin| here.is(origin)) {
            announce(tx, &route, now)?;
        }
    }
    Ok(())
}

/// Announces what is still to be done on `route`, and calls off what no longer is.
fn announce(tx: &mut dyn WriteTx, route: &Route, now: Timestamp) -> Result<()> {
    let old = FED.get(tx, &route.id)?;
    let is_live = route.exists() && route.state == State::Dispatched;
    if old.is_none() && !is_live {
        return Ok(());
    }
    let (vehicle, name) = whose(tx, route)?;
    let new = if is_live { expected(tx, route, (vehicle, &name))? } else { Vec::new() };
    let before = old.as_ref().map_or(&[][..], |f| &f.stops);
    for gone in before.iter().filter(|d| !new.iter().any(|e| e.delivery == **d)) {
        let stop = repo::stop(tx, gone)?;
        // Where the vehicle stands right now it is seen to leave first: that begins the next leg.
        if stop.is_some_and(|s| s.state == StopState::Expected) {
            passed_over(stops::call_off(tx, now, gone))?;
        }
    }
    let names: Vec<String> = new.iter().map(|e| e.delivery.clone()).collect();
    for stop in new {
        let known = repo::stop(tx, &stop.delivery)?.filter(|s| s.vehicle == vehicle);
        // A vehicle that has been there and left does not come again because another stop is done.
        let been = known.is_some_and(|s| s.left_at.is_some()) && before.contains(&stop.delivery);
        if !been {
            passed_over(stops::expect(tx, now, stop))?;
        }
    }
    if !is_live {
        return FED.del(tx, &route.id).map(drop);
    }
    let user = route.content.ride.driver.as_ref().and_then(|d| d.user);
    let since = old.map_or(now, |f| f.since);
    FED.put(tx, &route.id, &Fed { vehicle, name, user, stops: names, since }).map(drop)
}

/// What can't be followed is no reason to stop reading.
fn passed_over<T>(done: std::result::Result<T, TrackingError>) -> Result<()> {
    match done {
        Ok(_) => Ok(()),
        Err(TrackingError::Store(e)) => Err(e),
        Err(why) => {
            tracing::info!(why = %why, "a stop of a route is not followed");
            Ok(())
        }
    }
}

/// The track of what drives `route`: of the device that is in the vehicle, else by the vehicle's name; of one that was
/// only assumed, the driver's phone.
fn whose(tx: &dyn ReadTx, route: &Route) -> Result<(Id, String)> {
    let ride = &route.content.ride;
    if let Some(id) = ride.vehicle {
        let id = id.to_string();
        let devices = repo::all::<Device>(tx)?;
        let device = devices.into_iter().find(|(_, d, _)| d.vehicle == id || d.vehicle == ride.name);
        let named = device.map_or_else(|| ride.name.clone(), |(_, d, _)| d.vehicle);
        return Ok((stops::vehicle(&named), ride.name.clone()));
    }
    let user = ride.driver.as_ref().and_then(|d| d.user);
    Ok((user.map_or_else(|| stops::vehicle(&ride.name), own_track), ride.name.clone()))
}

/// What is still to be done on `route`, in order.
fn expected(tx: &dyn ReadTx, route: &Route, (vehicle, name): (Id, &str)) -> Result<Vec<Expected>> {
    let content = &route.content;
    let mut left = content.depart;
    let mut out = Vec::new();
    for (n, stop) in content.stops.iter().enumerate() {
        let planned = u32::try_from(stop.arrive.since(left).as_secs()).ok();
        left = stop.end;
        if stop.done_at.is_some() || !stop.act.is_job() {
            continue;
        }
        let made_up = stop.reference.is_empty() || stop.reference.starts_with('#');
        let delivery = match stop.act {
            _ if made_up => format!("{}/{n}", route.id),
            // Two stops of one delivery: people ask for the one where it is left.
            Act::Fetch => format!("{}/fetch", stop.reference),
            _ => stop.reference.clone(),
        };
        let known = match stop.reference.parse::<Id>() {
            Ok(id) => deliveries::known(tx, id)?,
            Err(_) => None,
        };
        let spot = Spot::new(f64::from(stop.position.lat) / 1e6, f64::from(stop.position.lon) / 1e6).ok();
        let window = stop.windows.iter().find(|w| stop.start <= w.to).or(stop.windows.last());
        out.push(Expected {
            delivery,
            vehicle,
            vehicle_name: name.to_owned(),
            driver: content.ride.driver.as_ref().and_then(|d| d.user),
            distributor: known.and_then(|d| d.facts.distributor),
            sequence: u32::try_from(n).unwrap_or(u32::MAX),
            spot,
            radius_m: 0.0,
            service_s: stop.service_s.min(24 * 3_600),
            window: window.filter(|w| w.from < w.to).map(|w| (w.from, w.to)),
            planned_s: planned,
            weight_g: Some(u64::from(stop.amount[0])).filter(|g| *g > 0),
            priority: Some(match stop.priority {
                0..=19 => 0,
                20..=49 => 1,
                50..=89 => 2,
                _ => 3,
            }),
        });
    }
    Ok(out)
}
