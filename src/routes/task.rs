//! What is to be planned: every place found, every figure checked, every vehicle with its driver. A task is kept while
//! its search waits, so it holds all that the search needs.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::deliveries::{self, Meant};
use super::error::{Result, RouteError};
use super::inputs::{Constraints, NewStop, OptimizeInput, StopKind};
use super::model::{Act, Base, MAX_ADDRESS, Ride, Unplaced, Wheel, Window};
use super::repo;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::base::units::Position;
use crate::fleet::hours::Hours;
use crate::fleet::model::{Costs, Driver, Spot, Vehicle};
use crate::fleet::service as fleet;
use crate::identity::grant::Principal;
use crate::places::model::{Accuracy, Found, Source};
use crate::places::service as places;
use crate::settings::service as settings;
use crate::store::ReadTx;
use crate::travel::conditions::Conditions;
use crate::travel::service as travel;

/// Vehicles of one search.
pub const MAX_VEHICLES: usize = 500;

/// Where something is done, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The address as it was written.
    pub address: String,
    /// Where it is.
    pub position: Position,
    /// How exact that is.
    pub accuracy: Accuracy,
    /// Whether address and position came together, so that they are worth remembering.
    pub given: bool,
    /// When it may begin.
    pub windows: Vec<Window>,
    /// Seconds it takes.
    pub service_s: u32,
}

/// What a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// From the depot to the visit.
    Deliver,
    /// From the visit to the depot.
    Collect,
}

/// A job that is to be planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// What the caller calls it.
    pub reference: String,
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub visit: Visit,
    /// Where its goods are fetched before, when they do not come from the depot.
    pub fetch: Option<Visit>,
    /// Grams, pieces, litres.
    pub amount: [u32; 3],
    /// 0 to 100.
    pub priority: u8,
    /// What vehicle or driver must be able to do.
    pub skills: Vec<String>,
    /// It may be left out when serving it costs more than this.
    pub worth: Option<f64>,
}

/// A vehicle with its driver for that day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Car {
    /// Who and what.
    pub ride: Ride,
    /// Grams, pieces, litres.
    pub capacity: [Option<u32>; 3],
    /// When it drives.
    pub shift: Window,
    /// What it and its driver can do.
    pub skills: Vec<String>,
    /// Seconds it may be out.
    pub max_s: Option<u32>,
    /// Metres.
    pub max_m: Option<u64>,
    /// Stops.
    pub max_stops: Option<u32>,
    /// What it costs.
    pub costs: Costs,
    /// Its speed against the others'.
    pub speed: f64,
    /// Where it begins.
    pub from: Base,
    /// Where it ends.
    pub to: Base,
    /// Pauses: when they may begin, and seconds.
    pub pauses: Vec<(Window, u32)>,
    /// How often it may load again, and seconds each time.
    pub reloads: Option<(u32, u32)>,
    /// What stands at its head and stays there: jobs by index, in order.
    pub locked: Vec<(usize, Act)>,
}

/// What is to be planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The local day.
    pub day: Date,
    /// Its midnight, from which the solver counts.
    pub midnight: Timestamp,
    /// Hours in which anybody drives.
    pub span: Hours,
    /// The jobs.
    pub jobs: Vec<JobSpec>,
    /// The vehicles.
    pub cars: Vec<Car>,
    /// Weights of distance, time and fuel.
    pub weights: [f64; 3],
    /// As few vehicles as possible first.
    pub fewest: bool,
    /// Seconds of the search, if the request said so.
    pub seconds: Option<f64>,
    /// Steps of the search.
    pub steps: Option<u64>,
    /// Seed of all chance.
    pub seed: u64,
    /// Stops nobody knows the place of.
    pub unplaced: Vec<Unplaced>,
    /// Planned routes that are planned anew, with the revision they had.
    pub replaces: Vec<(Id, u64)>,
    /// Where the search starts from: by vehicle, jobs in order.
    pub warm: Option<Vec<Vec<(usize, Act)>>>,
    /// What holds up traffic.
    pub conditions: Conditions,
    /// What was assumed, in words.
    pub notes: Vec<String>,
}

/// The depot's zone, its moment and who asks.
pub struct Now<'a> {
    /// The zone.
    pub zone: &'a TimeZone,
    /// The moment.
    pub at: Timestamp,
    /// Who asks.
    pub who: &'a Principal,
}

/// Clips an address to what a stop keeps.
#[must_use]
pub fn address(said: Option<&str>) -> String {
    text::clipped(said.unwrap_or_default().trim().to_owned(), MAX_ADDRESS)
}

/// Where `spot` is, as given or as its address is known.
fn locate(tx: &dyn ReadTx, spot: &Spot) -> Result<Option<Found>> {
    if let Ok(Some(position)) = spot.position() {
        return Ok(Some(Found { position, accuracy: Accuracy::Exact, source: Source::Given }));
    }
    match &spot.address {
        Some(address) => Ok(places::find(tx, address)?),
        None => Ok(None),
    }
}

/// Finds a spot that a vehicle or the depot needs.
fn base(tx: &dyn ReadTx, spot: &Spot, pointer: &str) -> Result<Base> {
    let Some(found) = locate(tx, spot)? else {
        let said = spot.address.as_deref().unwrap_or_default();
        let why = format!(
            "nobody knows where \"{said}\" is: give latitude and longitude, or put the place right by hand"
        );
        return Err(Invalid::at(pointer, why).into());
    };
    Ok(Base { address: address(spot.address.as_deref()), position: found.position })
}

impl Task {
    /// What `input` asks for.
    ///
    /// # Errors
    /// When something in it makes no sense, a vehicle or delivery does not exist, or a job is in another route already.
    pub fn of(tx: &dyn ReadTx, now: &Now<'_>, input: &OptimizeInput) -> Result<Self> {
        input.check()?;
        let (fleet, assumed) = chosen(tx, input)?;
        let day = day(now, input, &fleet)?;
        let midnight = Timestamp::from_civil(day.to_datetime(jiff::civil::Time::midnight()), now.zone);
        let midnight = midnight.map_err(|why| Invalid::at("/date", why))?;
        let conditions = travel::in_force(tx, now.at)?;
        let mut task = Self {
            day,
            midnight,
            span: crate::travel::conditions::whole_day(),
            jobs: Vec::new(),
            cars: Vec::new(),
            weights: input.weighed(),
            fewest: input.fewest_vehicles,
            seconds: input.seconds,
            steps: input.steps,
            seed: input.seed.unwrap_or(1),
            unplaced: Vec::new(),
            replaces: Vec::new(),
            warm: None,
            conditions,
            notes: Vec::new(),
        };
        let (routes, stops) = meant(tx, now, input)?;
        let old = super::replan::planned(tx, &routes)?;
        task.take_routes(&old);
        task.take_stops(tx, now, &[input.stops.as_slice(), &stops].concat())?;
        task.not_planned_twice(tx, input)?;
        let depot = task.depot(tx, input)?;
        task.take_fleet(tx, now, input, (fleet, depot))?;
        if assumed {
            let held = if input.constraints.vehicle_capacity_kg.is_some() { " of that capacity" } else { "" };
            task.notes.push(format!("no vehicle is available: as many{held} as needed are assumed"));
        }
        task.warm_from(&old);
        Ok(task)
    }

    /// The jobs of routes that are planned anew, before all others.
    fn take_routes(&mut self, old: &[(super::model::Route, u64)]) {
        for (route, rev) in old {
            self.replaces.push((route.id, *rev));
            self.jobs.extend(super::replan::jobs(&route.content.stops, false));
        }
    }

    /// The stops that were sent, and behind them those of the deliveries that were named.
    fn take_stops(&mut self, tx: &dyn ReadTx, now: &Now<'_>, stops: &[NewStop]) -> Result<()> {
        let mut wrong = Vec::new();
        for (n, stop) in stops.iter().enumerate() {
            wrong.extend(self.take_stop(tx, now, stop, n).err().unwrap_or_default());
            if wrong.len() > 100 {
                break;
            }
        }
        if !wrong.is_empty() {
            return Err(Invalid(wrong).into());
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = self.jobs.iter().find(|j| !seen.insert(j.reference.as_str())) {
            return Err(Invalid::at("/stops", format!("{} is named twice", twice.reference)).into());
        }
        Ok(())
    }

    /// Takes in one stop, or lists it as one nobody knows the place of.
    pub(super) fn take_stop(
        &mut self,
        tx: &dyn ReadTx,
        now: &Now<'_>,
        stop: &NewStop,
        n: usize,
    ) -> std::result::Result<(), Vec<Problem>> {
        let pointer = format!("/stops/{n}");
        let figures = stop.figures(&pointer, self.day, now.zone)?;
        let reference = stop.reference.clone().unwrap_or_else(|| format!("#{}", n + 1));
        let [windows, fetching] = figures.windows;
        let spot = Spot { address: stop.address.clone(), latitude: stop.latitude, longitude: stop.longitude };
        let store = |e: RouteError| vec![Problem::new(pointer.clone(), e.to_string())];
        let visit = self.visit(tx, &reference, &spot, (windows, figures.service_s[0])).map_err(store)?;
        let fetch = match &stop.pickup {
            Some(f) => {
                let spot = Spot { address: f.address.clone(), latitude: f.latitude, longitude: f.longitude };
                match self.visit(tx, &reference, &spot, (fetching, figures.service_s[1])).map_err(store)? {
                    Some(visit) => Some(visit),
                    None => return Ok(()),
                }
            }
            None => None,
        };
        let Some(visit) = visit else { return Ok(()) };
        self.jobs.push(JobSpec {
            reference,
            kind: if stop.kind == StopKind::Pickup { Kind::Collect } else { Kind::Deliver },
            visit,
            fetch,
            amount: figures.amount,
            priority: figures.priority,
            skills: stop.skills.clone(),
            worth: stop.worth,
        });
        Ok(())
    }

    /// A visit at `spot`; none, and listed with the reason, where nobody gets.
    fn visit(
        &mut self,
        tx: &dyn ReadTx,
        reference: &str,
        spot: &Spot,
        (windows, service_s): (Vec<Window>, u32),
    ) -> Result<Option<Visit>> {
        let said = address(spot.address.as_deref());
        let found = locate(tx, spot)?;
        let reason = match found {
            None => places::NOBODY_KNOWS.to_owned(),
            Some(found) => match self.conditions.closed(found.position) {
                Some(c) if c.note.is_empty() => "it lies where all roads are closed".to_owned(),
                Some(c) => format!("it lies where all roads are closed ({})", c.note),
                None => {
                    let given = found.source == Source::Given;
                    let (position, accuracy) = (found.position, found.accuracy);
                    return Ok(Some(Visit { address: said, position, accuracy, given, windows, service_s }));
                }
            },
        };
        self.unplaced.push(Unplaced { reference: reference.to_owned(), address: said, reason });
        Ok(None)
    }

    /// Refuses a job that is in another live route: nobody is to be served twice.
    fn not_planned_twice(&self, tx: &dyn ReadTx, input: &OptimizeInput) -> Result<()> {
        if input.dry_run {
            return Ok(());
        }
        for job in self.jobs.iter().filter(|j| !j.reference.starts_with('#')) {
            let elsewhere = repo::routes_of(tx, &job.reference)?;
            let elsewhere = elsewhere.into_iter().find(|id| !self.replaces.iter().any(|(r, _)| r == id));
            if let Some(route) = elsewhere {
                return Err(RouteError::Planned { reference: job.reference.clone(), route });
            }
        }
        Ok(())
    }

    /// Where routes start: as asked, as the place that has the depot's name, else where the first goods are.
    fn depot(&mut self, tx: &dyn ReadTx, input: &OptimizeInput) -> Result<Option<Base>> {
        if let Some(spot) = &input.depot {
            return base(tx, spot, "/depot").map(Some);
        }
        let name = settings::settings(tx)?.0.depot;
        if let Some(found) = places::find(tx, &name)? {
            return Ok(Some(Base { address: address(Some(&name)), position: found.position }));
        }
        let first = self.jobs.first().map(|j| j.fetch.as_ref().unwrap_or(&j.visit));
        Ok(first.map(|v| Base { address: v.address.clone(), position: v.position }))
    }

    fn take_fleet(
        &mut self,
        tx: &dyn ReadTx,
        now: &Now<'_>,
        input: &OptimizeInput,
        (fleet, depot): (Vec<(Id, Vehicle)>, Option<Base>),
    ) -> Result<()> {
        let drivers = fleet::drivers(tx)?;
        let known = input.depot.is_some() || places::find(tx, &settings::settings(tx)?.0.depot)?.is_some();
        let all_start = !fleet.is_empty() && fleet.iter().all(|(_, v)| v.start.is_some());
        if !known && !all_start {
            let said = "nobody knows where the depot is: routes start where the first goods are; put the depot's place right by hand under its name, or send \"depot\"";
            self.notes.push(said.to_owned());
        }
        let earliest = input.depart_at.unwrap_or(now.at).max(now.at);
        if fleet.is_empty() {
            let car = self.assumed(now, input, depot.clone().unwrap_or_default())?;
            let most = input.constraints.max_vehicles.map_or(MAX_VEHICLES, |n| n as usize);
            let needed = self.jobs.len().min(most).min(MAX_VEHICLES);
            self.cars = (1..=needed)
                .map(|n| Car {
                    ride: Ride { name: format!("vehicle {n}"), ..car.ride.clone() },
                    ..car.clone()
                })
                .collect();
        }
        for (id, vehicle) in fleet {
            let driver = drivers.iter().find(|(_, d)| d.vehicle == Some(id));
            let car = car(
                tx,
                (now, self.day, earliest),
                (id, &vehicle, driver),
                depot.as_ref(),
                &input.constraints,
            )?;
            self.cars.push(car);
        }
        self.span = span(&self.cars, now.zone).unwrap_or(self.span);
        Ok(())
    }

    /// A vehicle nobody has named.
    fn assumed(&self, now: &Now<'_>, input: &OptimizeInput, depot: Base) -> Result<Car> {
        let limits = &input.constraints;
        let eight = crate::fleet::hours::TimeOfDay::hour(8).on(self.day, now.zone);
        let from = eight.map_err(|why| Invalid::at("/date", why))?;
        let from = input.depart_at.unwrap_or(from.max(now.at)).max(self.midnight);
        let grams = limits.vehicle_capacity_kg.map(grams);
        let max_s = limits.max_route_minutes.map(|m| (m * 60.0).round() as u32);
        Ok(Car {
            ride: Ride { vehicle: None, name: String::new(), grams, max_s, driver: None },
            capacity: [grams, None, None],
            shift: Window { from, to: from.after(std::time::Duration::from_secs(24 * 3_600)) },
            skills: self.all_skills(),
            max_s,
            max_m: limits.max_route_km.map(|km| (km * 1_000.0).round() as u64),
            max_stops: limits.max_stops,
            costs: Costs::default(),
            speed: 1.0,
            from: depot.clone(),
            to: depot,
            pauses: Vec::new(),
            reloads: None,
            locked: Vec::new(),
        })
    }

    /// A vehicle nobody has named can do what is asked of it.
    fn all_skills(&self) -> Vec<String> {
        let mut all: Vec<String> = self.jobs.iter().flat_map(|j| j.skills.iter().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The search starts from the routes as they are.
    fn warm_from(&mut self, old: &[(super::model::Route, u64)]) {
        if old.is_empty() {
            return;
        }
        let mut warm = vec![Vec::new(); self.cars.len()];
        let mut taken = vec![false; self.cars.len()];
        for (route, _) in old {
            let ride = &route.content.ride;
            let fits = |c: &Car| match ride.vehicle {
                Some(_) => c.ride.vehicle == ride.vehicle,
                None => c.ride.vehicle.is_none(),
            };
            let car = (0..self.cars.len()).find(|at| !taken[*at] && fits(&self.cars[*at]));
            if let Some(car) = car {
                taken[car] = true;
                warm[car] = super::replan::acts(&self.jobs, &route.content.stops);
            }
        }
        self.warm = Some(warm);
    }
}

/// The routes that are planned anew (those that are named, and those that have a delivery that is named), and the stops
/// of deliveries that are on none yet.
fn meant(tx: &dyn ReadTx, now: &Now<'_>, input: &OptimizeInput) -> Result<(Vec<Id>, Vec<NewStop>)> {
    let (mut routes, mut stops, mut wrong) = (input.routes.clone(), Vec::new(), Vec::new());
    for (n, reference) in input.deliveries.iter().enumerate() {
        match deliveries::meant(tx, now.who, reference)? {
            Meant::OnRoute(route) if routes.contains(&route) => {}
            Meant::OnRoute(route) => routes.push(route),
            Meant::Stop(stop) => stops.push(*stop),
            Meant::Nothing => {
                let said = text::clipped(reference.clone(), 80);
                let why = format!("there is no delivery {said} that is still to be made");
                wrong.push(Problem::new(format!("/deliveries/{n}"), why));
            }
        }
    }
    if wrong.is_empty() { Ok((routes, stops)) } else { Err(Invalid(wrong).into()) }
}

/// Grams of so many kilograms.
fn grams(kg: f64) -> u32 {
    (kg * 1_000.0).round().clamp(0.0, 4e9) as u32
}

/// The vehicles to plan with; true when none is left and some have to be assumed.
fn chosen(tx: &dyn ReadTx, input: &OptimizeInput) -> Result<(Vec<(Id, Vehicle)>, bool)> {
    if let Some(names) = &input.vehicles {
        let mut out: Vec<(Id, Vehicle)> = Vec::new();
        for (n, name) in names.iter().take(MAX_VEHICLES).enumerate() {
            let (id, vehicle, _) = fleet::find::<Vehicle>(tx, name)
                .map_err(|e| Invalid::at(format!("/vehicles/{n}"), e.to_string()))?;
            if !out.iter().any(|(known, _)| *known == id) {
                out.push((id, vehicle));
            }
        }
        return Ok((out, false));
    }
    let all = fleet::list::<Vehicle>(tx)?;
    let available: Vec<(Id, Vehicle)> = all
        .into_iter()
        .filter(|(_, v, _)| v.available)
        .map(|(id, v, _)| (id, v))
        .take(MAX_VEHICLES)
        .collect();
    let none = available.is_empty();
    Ok((available, none))
}

/// The day that is planned: as asked, else today while a shift is still open.
fn day(now: &Now<'_>, input: &OptimizeInput, fleet: &[(Id, Vehicle)]) -> Result<Date> {
    if let Some(date) = input.date {
        return Ok(date);
    }
    let today = input.depart_at.unwrap_or(now.at).day(now.zone);
    if fleet.is_empty() || input.depart_at.is_some() {
        return Ok(today);
    }
    let open = fleet.iter().any(|(_, v)| v.shift.to.on(today, now.zone).is_ok_and(|end| end > now.at));
    if open {
        return Ok(today);
    }
    Ok(today.tomorrow().map_err(|e| Invalid::at("/date", e.to_string()))?)
}

/// Hours in which any of `cars` drives.
fn span(cars: &[Car], zone: &TimeZone) -> Option<Hours> {
    let from = cars.iter().map(|c| c.shift.from).min()?;
    let to = cars.iter().map(|c| c.shift.to).max()?;
    let minutes = |at: Timestamp| {
        let time = at.civil(zone).time();
        u16::try_from(i16::from(time.hour()) * 60 + i16::from(time.minute())).unwrap_or_default()
    };
    let long = to.since(from) >= std::time::Duration::from_secs(24 * 3_600) || from.day(zone) != to.day(zone);
    if long {
        return None;
    }
    let at = |t| crate::fleet::hours::TimeOfDay::minutes(minutes(t));
    Some(Hours { from: at(from)?, to: at(to)? })
}

/// A vehicle of the fleet with its driver, for `day`.
pub(super) fn car(
    tx: &dyn ReadTx,
    (now, day, earliest): (&Now<'_>, Date, Timestamp),
    (id, vehicle, driver): (Id, &Vehicle, Option<&(Id, Driver)>),
    depot: Option<&Base>,
    limits: &Constraints,
) -> Result<Car> {
    let shift = driver.and_then(|(_, d)| d.shift).map_or(vehicle.shift, |d| vehicle.shift.meet(d));
    let on =
        |at: crate::fleet::hours::TimeOfDay| at.on(day, now.zone).map_err(|why| Invalid::at("/date", why));
    let (from, to) = (on(shift.from)?.max(earliest), on(shift.to)?);
    let pointer = format!("/vehicles/{}", vehicle.name);
    let begins = match (&vehicle.start, depot) {
        (Some(spot), _) => base(tx, spot, &pointer)?,
        (None, Some(depot)) => depot.clone(),
        (None, None) => Base::default(),
    };
    let ends = match &vehicle.end {
        Some(spot) => base(tx, spot, &pointer)?,
        None => begins.clone(),
    };
    let mut skills = vehicle.skills.clone();
    skills.extend(driver.iter().flat_map(|(_, d)| d.skills.iter().cloned()));
    let least = |a: Option<f64>, b: Option<f64>| [a, b].into_iter().flatten().reduce(f64::min);
    let kg = least(vehicle.capacity.kg, limits.vehicle_capacity_kg);
    let minutes = least(vehicle.max_minutes.map(f64::from), limits.max_route_minutes);
    let km = least(vehicle.max_km.map(f64::from), limits.max_route_km);
    let mut pauses = Vec::new();
    for p in &vehicle.pauses {
        let (open, close) = (on(p.from)?, on(p.to)?);
        // A pause that would have begun before anybody leaves was not taken on this route.
        if close >= from {
            pauses.push((Window { from: open.max(from), to: close }, p.minutes * 60));
        }
    }
    Ok(Car {
        ride: Ride {
            vehicle: Some(id),
            name: vehicle.name.clone(),
            grams: None,
            max_s: None,
            driver: driver.map(|(id, d)| Wheel { id: *id, name: d.name.clone(), user: d.user }),
        },
        capacity: [kg.map(grams), vehicle.capacity.pieces, vehicle.capacity.litres],
        // A shift that is over leaves a vehicle that fits nothing, and each job says so.
        shift: Window { from: from.min(to), to },
        skills,
        max_s: minutes.map(|m| (m * 60.0).round() as u32),
        max_m: km.map(|km| (km * 1_000.0).round() as u64),
        max_stops: [vehicle.max_stops, limits.max_stops].into_iter().flatten().min(),
        costs: vehicle.costs,
        speed: vehicle.speed,
        from: begins,
        to: ends,
        pauses,
        reloads: vehicle.reloads.map(|r| (r.max, r.minutes * 60)),
        locked: Vec::new(),
    })
}
