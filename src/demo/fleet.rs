//! A demo depot's fleet: vehicles, drivers, deliveries with their parcels, routes that are planned, on the road and done.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::json;

use super::random::Random;
use super::seed::{maps, tell};
use super::words::CITIES;
use super::{DemoEvent, DemoParcel, codes};
use crate::base::clock::{Timestamp, elapsed};
use crate::base::error::Fault;
use crate::base::ids::Id;
use crate::base::units::{Grams, Position};
use crate::deadlines::policy::Policy;
use crate::deliveries::inputs::NewDelivery;
use crate::deliveries::service::{self as deliveries, Asked};
use crate::fleet::model::{Driver, Vehicle};
use crate::fleet::service as fleet;
use crate::identity::grant::{Actor, Principal};
use crate::journal::{Cx, record};
use crate::parcels::maps::Compiled;
use crate::parcels::model::{Contact, Facts, Place as Address, Status};
use crate::parcels::numbers;
use crate::places::model::Place;
use crate::places::service as places;
use crate::routes::event::{Plain, RouteEvent, StopDone};
use crate::routes::inputs::OptimizeInput;
use crate::routes::model::{Content, Route};
use crate::routes::outcome::{self, Rests};
use crate::routes::problem::{self, Places};
use crate::routes::service;
use crate::routes::task::{Now, Task};
use crate::routing::{Settings, solve};
use crate::settings::service as settings;
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};
use crate::tracking::tracker::{Report, Tracker};
use crate::tracking::{geo, model, stops};
use crate::travel::sources::{Source, Times};
use crate::travel::straight::Straight;

/// Deliveries of the day; the last ones are left to be planned.
pub const DELIVERIES: u32 = 42;
/// Of those that are on routes already.
const PLANNED: usize = 28;
/// Stops of a round at the most: so the day is more than one.
const MOST: u32 = 12;
/// Days before with routes that are done.
const PAST: i64 = 6;
/// Attempts of a delivery; the demo's never fail.
const ATTEMPTS: u32 = 3;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Vehicles and who drives them.
const FLEET: [(&str, &str, &str, u32); 4] = [
    ("Van 1", "Ana Souza", "FLT-1A01", 900),
    ("Van 2", "Bruno Lima", "FLT-1A02", 900),
    ("Van 3", "Clara Reis", "FLT-1A03", 1_200),
    ("Truck 4", "Davi Nunes", "FLT-1A04", 3_500),
];

/// Streets that nobody can look up.
const STREETS: [&str; 6] = [
    "Rua das Palmeiras",
    "Avenida do Porto",
    "Rua Nova",
    "Travessa do Sol",
    "Rua do Mercado",
    "Alameda Azul",
];

fn told(e: impl Fault) -> StoreError {
    StoreError::Corrupt(e.to_string())
}

/// Fills `tenant`, which has the demo's status maps, with a fleet and its day as it stands at `now`.
///
/// # Errors
/// Storage failures.
pub fn fill(
    store: &Store,
    tracker: &Tracker,
    tenant: Tenant,
    seed: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let furnished =
        store.write(tenant, Lane::Bulk, move |tx: &mut dyn WriteTx| furnish(tx, seed, now)).wait()?;
    let plan = move |tx: &mut dyn WriteTx| plan(tx, &furnished[..PLANNED.min(furnished.len())], now);
    let routes = store.write(tenant, Lane::Bulk, plan).wait()?;
    for content in routes {
        let on = tracker_report(&content, now);
        let name = content.ride.name.clone();
        tracker.take(tenant, stops::vehicle(&name), &name, on).map_err(told)?;
    }
    Ok(())
}

fn spot(random: &mut Random) -> Position {
    let (lat, lon) = CITIES[0].at;
    Position::from_degrees(lat + random.spread(0.035), lon + random.spread(0.045)).unwrap_or_default()
}

fn json_of<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Vehicles, drivers, and the day's deliveries: their names.
fn furnish(tx: &mut dyn WriteTx, seed: u64, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut cx = Cx::new(tx, &Actor::system(), now, "demo")?;
    cx.quiet = true;
    let owner = Arc::new(Principal::system(tx.tenant()));
    let depot = settings::settings(tx)?.0.depot;
    let (lat, lon) = CITIES[0].at;
    let position = Position::from_degrees(lat, lon).unwrap_or_default();
    let place = Place { address: depot.clone(), position, note: None };
    places::put_right(tx, &owner.grant().map_err(told)?, &cx, place).map_err(told)?;
    for (van, who, plate, kg) in FLEET {
        let vehicle: Vehicle = json_of(json!({ "name": van, "plate": plate, "capacity": { "kg": kg },
            "shift": { "from": "06:00", "to": "22:00" }, "max_stops": MOST }))?;
        let (id, ..) = fleet::add(tx, &owner.grant().map_err(told)?, &cx, vehicle).map_err(told)?;
        let driver: Driver = json_of(json!({ "name": who, "vehicle": id }))?;
        fleet::add(tx, &owner.grant().map_err(told)?, &cx, driver).map_err(told)?;
    }
    let maps = maps().into_iter().map(|m| (m.source.clone(), Compiled::new(Arc::new(m)))).collect();
    let here = codes().find(|(_, _, status, reason)| *status == Status::AtDepot && reason.is_none());
    let Some((carrier, word, ..)) = here else { return Ok(Vec::new()) };
    let mut made = Vec::with_capacity(DELIVERIES as usize);
    for n in 0..DELIVERIES {
        let mut random = Random::new(seed, n);
        let number = numbers::s10("XF", 40_000_000 + n * 7, "BR");
        let (at, weight) = (spot(&mut random), 800 + random.below(24_000));
        let line = format!("{} {}", random.pick(&STREETS), random.between(3, 480));
        let name = format!("Loja {}", random.between(100, 999));
        let city = CITIES[0].name;
        let facts = Facts {
            recipient: Contact { name: Some(name.clone()), phone: None, email: None },
            to: Address {
                line: Some(line.clone()),
                city: Some(city.into()),
                position: Some(at),
                ..Address::default()
            },
            weight: Some(Grams(weight)),
            carrier: Some(carrier.to_owned()),
            ..Facts::default()
        };
        let event = DemoEvent {
            status: Status::AtDepot,
            raw: word.to_owned(),
            at: now.before(Duration::from_secs(6 * 3_600 + u64::from(n) * 60)),
            location: city.to_owned(),
            note: None,
        };
        tell(tx, &mut cx, &maps, &DemoParcel { number: number.clone(), facts, events: vec![event] })?;
        let (lat, lon) = (f64::from(at.lat) / 1e6, f64::from(at.lon) / 1e6);
        let new: NewDelivery =
            json_of(json!({ "pickup_address": depot, "delivery_address": format!("{line}, {city}"),
            "delivery_location": { "latitude": lat, "longitude": lon }, "customer_name": name,
            "package_weight": weight as f64 / 1_000.0, "parcels": [number],
            "priority": if random.chance(15) { "high" } else { "normal" } }))?;
        let asked = deliveries::request(tx, &owner.grant().map_err(told)?, &cx, &new, None, 1);
        if let Asked::Made(done) = asked.map_err(told)? {
            made.push(done.state.id.to_string());
        }
    }
    Ok(made)
}

/// Plans most of the day's deliveries, sends the first vehicle off, and makes up the days before. What is on the road.
fn plan(tx: &mut dyn WriteTx, deliveries: &[String], now: Timestamp) -> Result<Vec<Content>, StoreError> {
    let mut cx = Cx::new(tx, &Actor::system(), now, "demo")?;
    cx.quiet = true;
    let owner = Arc::new(Principal::system(tx.tenant()));
    let policy = Policy::current(tx)?;
    let at = Now { zone: policy.calendar.zone(), at: now, who: &owner };
    let vehicles = Some(FLEET.iter().take(3).map(|f| f.0.to_owned()).collect());
    let input = OptimizeInput {
        deliveries: deliveries.to_vec(),
        vehicles,
        steps: Some(3_000),
        ..OptimizeInput::default()
    };
    let task = Task::of(tx, &at, &input).map_err(told)?;
    let places = Places::of(&task);
    let straight = Straight::default();
    let (grid, basis) = (straight.grid(&places.points), straight.words());
    let times = Times { grid, source: Source::Estimated, basis: basis.clone(), is_round: false };
    let problem = problem::build(&task, &places, &times).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let settings =
        Settings { seed: 1, time: None, steps: task.steps, threads: 1, clock: elapsed, start: None };
    let found = solve(&problem, &settings, &AtomicBool::new(false), &mut |_| {});
    let found = found.map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let id = Id::fresh();
    let rests = Rests { source: Source::Estimated, basis: vec![basis.clone()] };
    let outcome = outcome::of(&task, &found, (id, &rests), &places.points);
    service::requested(tx, &owner.grant().map_err(told)?, &cx, id, &task).map_err(told)?;
    service::complete(tx, &cx, (id, &task), &outcome, (&[basis], false)).map_err(told)?;
    for content in &outcome.routes {
        for days in 1..=PAST {
            past(tx, &mut cx, content, days)?;
        }
    }
    cx.now = now;
    let rows = crate::routes::repo::routes_of_plan(tx, id, 10)?;
    let Some(first) = rows.into_iter().map(|e| e.value.state).min_by_key(|r| r.content.ride.name.clone())
    else {
        return Ok(Vec::new());
    };
    let name = first.id.to_string();
    service::dispatch(tx, &owner.grant().map_err(told)?, &cx, &name, ATTEMPTS).map_err(told)?;
    for stop in 0..2.min(first.content.stops.len()) {
        let done = (stop, Some(now));
        service::stop_done(tx, &owner.grant().map_err(told)?, &cx, &name, done, ATTEMPTS).map_err(told)?;
    }
    Ok(vec![first.content])
}

/// The same route some days before, done: a little slower on one day, a little faster on another.
fn past(tx: &mut dyn WriteTx, cx: &mut Cx, content: &Content, days: i64) -> Result<(), StoreError> {
    let back = |t: Timestamp| Timestamp::from_millis(t.millis() - days * DAY);
    let mut content = content.clone();
    content.plan = Id::derived(&[b"demo", &days.to_be_bytes()]);
    content.day = content.day.saturating_sub(jiff::Span::new().days(days));
    (content.depart, content.back) = (back(content.depart), back(content.back));
    let pace = 92 + (days * 7 + content.stops.len() as i64) % 23;
    for (n, stop) in content.stops.iter_mut().enumerate() {
        // Names that were only made up: nobody's delivery is meant.
        stop.reference = format!("#demo {days} {n}");
        stop.windows.clear();
        (stop.arrive, stop.start, stop.end) = (back(stop.arrive), back(stop.start), back(stop.end));
    }
    let depart = content.depart;
    let ends: Vec<i64> = content.stops.iter().map(|s| s.end.millis() - depart.millis()).collect();
    cx.now = depart;
    let id = Id::fresh();
    let planned = record::<Route>(tx, cx, id, None, vec![RouteEvent::Planned(content)])?;
    let mut events = vec![RouteEvent::Dispatched(Plain {})];
    for (n, end) in ends.into_iter().enumerate() {
        let at = Timestamp::from_millis(depart.millis() + end * pace / 100);
        events.push(RouteEvent::StopDone(StopDone { stop: u32::try_from(n).unwrap_or(0), at }));
    }
    events.push(RouteEvent::Completed(Plain {}));
    drop(planned);
    let row = crate::journal::load::<Route>(tx, id)?;
    record(tx, cx, id, row, events)?;
    Ok(())
}

/// Where a vehicle is that has done its first stops: on its way to the next.
fn tracker_report(content: &Content, now: Timestamp) -> Vec<Report> {
    let stops = &content.stops;
    let (Some(a), Some(b)) = (stops.get(1).or(stops.first()), stops.get(2).or(stops.last())) else {
        return Vec::new();
    };
    let part = |from: i32, to: i32, share: i32| from + (to - from) / 10 * share;
    let report = |share: i32| {
        let (lat, lon) =
            (part(a.position.lat, b.position.lat, share), part(a.position.lon, b.position.lon, share));
        let spot = geo::Spot::new(f64::from(lat) / 1e6, f64::from(lon) / 1e6).ok()?;
        let at = now.before(Duration::from_secs(u64::try_from(5 - share).unwrap_or(0) * 30));
        let fix = model::Fix { at, spot, speed: Some(700), ..model::Fix::default() };
        Some(Report { fix, trip: 0, heard_at: now })
    };
    (1..=5).filter_map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::figures::count;
    use crate::routes::model::State;
    use crate::routes::repo::{BY_DAY, ROUTES};
    use crate::store::redb::Redb;
    use crate::store::{Dir, KeyRange};

    #[test]
    fn a_demo_depot_has_routes_that_are_planned_on_the_road_and_done() {
        let store = Store::new(Redb::memory().unwrap());
        let now = Timestamp::from_millis(1_795_255_200_000);
        super::super::seed::fill(&store, 1, 1, 20, now).unwrap();
        fill(&store, &Tracker::default(), 1, 1, now).unwrap();
        let rows = store.read(1, |tx| ROUTES.scan(tx, BY_DAY, &KeyRange::all(), Dir::Up, 100)).unwrap();
        let of = |s: State| rows.items.iter().filter(|e| e.value.state.state == s).count();
        assert!(of(State::Planned) >= 1 && of(State::Dispatched) == 1 && of(State::Completed) >= 6);
        let today = jiff::civil::date(2026, 11, 21);
        let days = (today.saturating_sub(jiff::Span::new().days(7)), today);
        let figures = store.read(1, |tx| count(tx, days, None)).unwrap();
        assert!(figures.total.efficiency.is_some_and(|e| (85.0..120.0).contains(&e)), "{:?}", figures.total);
    }
}
