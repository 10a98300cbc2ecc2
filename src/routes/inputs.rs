//! What callers ask for. Words in camel case are understood where other systems write them so.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{MAX_REFERENCE, Window};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::fleet::hours::TimeOfDay;
use crate::fleet::model::{MAX_SKILL, MAX_SKILLS, Spot};

/// Stops of one request.
pub const MAX_STOPS: usize = 2_000;
/// Windows of one stop.
pub const MAX_WINDOWS: usize = 4;
/// Routes that are planned anew in one request.
pub const MAX_ROUTES: usize = 500;
/// Minutes a stop takes when nobody says.
const SERVICE_MINUTES: f64 = 5.0;
/// Kilograms of one stop.
const MAX_KG: f64 = 100_000.0;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// Kilometres.
    #[serde(alias = "DISTANCE")]
    Distance,
    /// Hours at the wheel.
    #[serde(alias = "TIME")]
    Time,
    /// Litres of fuel.
    #[serde(alias = "FUEL")]
    Fuel,
}

/// How much each counts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Kilometres.
    pub distance: f64,
    /// Hours at the wheel.
    pub time: f64,
    /// Litres of fuel.
    pub fuel: f64,
}

/// What no route may exceed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Constraints {
    /// Minutes between leaving and coming back.
    #[serde(alias = "maxRouteTime", alias = "max_route_time")]
    pub max_route_minutes: Option<f64>,
    /// Kilograms in a vehicle.
    #[serde(alias = "vehicleCapacity", alias = "vehicle_capacity")]
    pub vehicle_capacity_kg: Option<f64>,
    /// Kilometres.
    #[serde(alias = "maxDistance", alias = "max_distance")]
    pub max_route_km: Option<f64>,
    /// Stops.
    #[serde(alias = "maxStops", alias = "maxTasks")]
    pub max_stops: Option<u32>,
    /// Vehicles that are assumed when none is named and the depot has none.
    #[serde(alias = "maxVehicles")]
    pub max_vehicles: Option<u32>,
}

/// From when to when: times of day such as 09:00 on the planned day, or moments.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// Not before.
    #[serde(alias = "start", alias = "open")]
    pub from: String,
    /// Not after.
    #[serde(alias = "end", alias = "close")]
    pub to: String,
}

/// A word or a number.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Urgency {
    /// low, normal, high or urgent.
    Word(String),
    /// 0 to 100.
    Number(u8),
}

/// What is done at a stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StopKind {
    /// Goods from the depot are left.
    #[default]
    Delivery,
    /// Goods for the depot are taken.
    Pickup,
}

/// Where goods are taken before they are brought to the stop.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// The address.
    pub address: Option<String>,
    /// Degrees north.
    #[serde(alias = "lat")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    pub longitude: Option<f64>,
    /// When it may begin.
    pub windows: Vec<Between>,
    /// Minutes it takes; 5 when absent.
    pub service_minutes: Option<f64>,
}

/// A stop that is to be planned.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewStop {
    /// What the caller calls it: a delivery's id, an order's number.
    #[serde(alias = "id", alias = "delivery")]
    pub reference: Option<String>,
    /// Whether goods are left here or taken.
    pub kind: StopKind,
    /// The address.
    #[serde(alias = "deliveryAddress")]
    pub address: Option<String>,
    /// Degrees north.
    #[serde(alias = "lat")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    pub longitude: Option<f64>,
    /// When it may begin; at any time when empty.
    #[serde(alias = "timeWindows")]
    pub windows: Vec<Between>,
    /// Minutes it takes; 5 when absent.
    #[serde(alias = "serviceMinutes")]
    pub service_minutes: Option<f64>,
    /// Kilograms.
    #[serde(alias = "packageWeight", alias = "weight")]
    pub weight_kg: Option<f64>,
    /// Pieces.
    pub pieces: Option<u32>,
    /// Litres of room.
    pub litres: Option<u32>,
    /// Which stops stay when not all fit.
    pub priority: Option<Urgency>,
    /// What vehicle or driver must be able to do.
    pub skills: Vec<String>,
    /// It may be left out when serving it costs more than this, in minor units.
    pub worth: Option<f64>,
    /// Goods that do not come from the depot but from here, in the same vehicle.
    pub pickup: Option<Fetch>,
}

/// A request to plan routes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizeInput {
    /// Deliveries by id.
    pub deliveries: Vec<String>,
    /// Stops that are no deliveries of ours.
    pub stops: Vec<NewStop>,
    /// Planned routes whose stops are planned anew together with the others.
    pub routes: Vec<Id>,
    /// Vehicles by id or name; without them those of the depot that are available, else as many as needed.
    pub vehicles: Option<Vec<String>>,
    /// What is minimised, all alike: distance, time, fuel; distance and time when absent.
    #[serde(alias = "optimizationCriteria", alias = "criteria")]
    pub optimization_criteria: Option<Vec<Criterion>>,
    /// The same with a weight for each.
    pub weights: Option<Weights>,
    /// What no route may exceed.
    pub constraints: Constraints,
    /// Where routes start and end.
    pub depot: Option<Spot>,
    /// The local day; today while a shift is still open, else tomorrow.
    #[schema(value_type = Option<String>)]
    pub date: Option<Date>,
    /// Nobody leaves before.
    #[serde(alias = "departAt")]
    pub depart_at: Option<Timestamp>,
    /// As few vehicles as possible come before everything else.
    #[serde(alias = "fewestVehicles")]
    pub fewest_vehicles: bool,
    /// Seconds the search may take.
    pub seconds: Option<f64>,
    /// Steps of the search instead of seconds: the same request gives the same plan.
    pub steps: Option<u64>,
    /// Seed of all chance.
    pub seed: Option<u64>,
    /// Only show the plan, keep nothing.
    #[serde(alias = "dryRun")]
    pub dry_run: bool,
}

impl OptimizeInput {
    /// Weights of distance, time and fuel.
    #[must_use]
    pub fn weighed(&self) -> [f64; 3] {
        if let Some(w) = self.weights {
            return [w.distance, w.time, w.fuel];
        }
        let usual = [Criterion::Distance, Criterion::Time];
        let asked = self.optimization_criteria.as_deref().unwrap_or(&usual);
        [Criterion::Distance, Criterion::Time, Criterion::Fuel]
            .map(|c| f64::from(u8::from(asked.contains(&c))))
    }

    /// What is wrong with it beside its stops.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        let stops = self.stops.len() + self.deliveries.len();
        if stops == 0 && self.routes.is_empty() {
            wrong.push(Problem::new(
                "/deliveries",
                "is empty: name deliveries, stops or routes that are to be planned",
            ));
        }
        if stops > MAX_STOPS {
            let said = format!(
                "are {stops} with the stops; at most {MAX_STOPS} are planned at once: split them by area or day"
            );
            wrong.push(Problem::new("/deliveries", said));
        }
        if self.routes.len() > MAX_ROUTES {
            wrong.push(Problem::new("/routes", format!("are {}; at most {MAX_ROUTES}", self.routes.len())));
        }
        if self.vehicles.as_ref().is_some_and(Vec::is_empty) {
            wrong.push(Problem::new("/vehicles", "is empty: leave it out to plan with those of the depot"));
        }
        let weights = self.weighed();
        if weights.iter().any(|w| !(0.0..=1_000.0).contains(w)) || weights == [0.0; 3] {
            let said = "take at least one of distance, time and fuel, with weights of 0 to 1000";
            wrong.push(Problem::new("/optimization_criteria", said));
        }
        self.constraints.complain(&mut wrong);
        if let Some(depot) = &self.depot {
            depot.complain("/depot", &mut wrong);
        }
        if self.seconds.is_some_and(|s| !(0.01..=3_600.0).contains(&s)) {
            wrong.push(Problem::new("/seconds", "must lie in 0.01 to 3600"));
        }
        if self.steps.is_some_and(|s| !(1..=100_000_000).contains(&s)) {
            wrong.push(Problem::new("/steps", "must lie in 1 to 100000000"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

impl Constraints {
    fn complain(&self, wrong: &mut Vec<Problem>) {
        let numbers = [
            ("max_route_minutes", self.max_route_minutes, 14.0 * 24.0 * 60.0),
            ("vehicle_capacity_kg", self.vehicle_capacity_kg, MAX_KG),
            ("max_route_km", self.max_route_km, 50_000.0),
            ("max_stops", self.max_stops.map(f64::from), 1e6),
            ("max_vehicles", self.max_vehicles.map(f64::from), 2_000.0),
        ];
        for (name, number, most) in numbers {
            if number.is_some_and(|n| !(n > 0.0 && n <= most)) {
                let said = format!("must be more than 0 and at most {most}");
                wrong.push(Problem::new(format!("/constraints/{name}"), said));
            }
        }
    }
}

/// Reads `09:00` on `day`, or a moment, in `zone`.
fn moment(said: &str, day: Date, zone: &TimeZone) -> Result<Timestamp, String> {
    match said.parse::<TimeOfDay>() {
        Ok(at) => at.on(day, zone),
        Err(_) => Timestamp::parse(said, zone).map_err(|_| {
            let said = text::clipped(said.to_owned(), 60);
            format!("\"{said}\" is no time; write 09:30, or a moment such as 2026-05-31T09:30:00Z")
        }),
    }
}

/// The windows as moments, in order; what overlaps becomes one.
///
/// # Errors
/// Names every place that is wrong, below `pointer`.
pub fn windows(
    all: &[Between],
    pointer: &str,
    day: Date,
    zone: &TimeZone,
) -> Result<Vec<Window>, Vec<Problem>> {
    let (mut out, mut wrong) = (Vec::<Window>::new(), Vec::new());
    if all.len() > MAX_WINDOWS {
        wrong.push(Problem::new(pointer, format!("are {}; at most {MAX_WINDOWS}", all.len())));
    }
    for (n, between) in all.iter().enumerate() {
        let place = format!("{pointer}/{n}");
        let ends =
            moment(&between.from, day, zone).and_then(|from| Ok((from, moment(&between.to, day, zone)?)));
        match ends {
            Ok((from, to)) if from <= to => out.push(Window { from, to }),
            Ok((from, to)) => {
                wrong.push(Problem::new(place, format!("ends at {to}, before it begins at {from}")))
            }
            Err(why) => wrong.push(Problem::new(place, why)),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    out.sort_by_key(|w| w.from);
    let mut joined: Vec<Window> = Vec::with_capacity(out.len());
    for w in out {
        match joined.last_mut() {
            Some(last) if w.from <= last.to => last.to = last.to.max(w.to),
            _ => joined.push(w),
        }
    }
    Ok(joined)
}

/// Seconds of so many minutes.
fn seconds(minutes: Option<f64>, pointer: &str, wrong: &mut Vec<Problem>) -> u32 {
    let minutes = minutes.unwrap_or(SERVICE_MINUTES);
    if !(0.0..=24.0 * 60.0).contains(&minutes) {
        wrong.push(Problem::new(pointer, "must lie in 0 to 1440"));
        return 0;
    }
    (minutes * 60.0).round() as u32
}

/// 0 to 100 from a word or number.
fn priority(said: Option<&Urgency>) -> Result<u8, String> {
    match said {
        None => Ok(30),
        Some(Urgency::Number(n @ 0..=100)) => Ok(*n),
        Some(Urgency::Number(n)) => Err(format!("must lie in 0 to 100, got {n}")),
        Some(Urgency::Word(word)) => match word.trim().to_lowercase().as_str() {
            "low" => Ok(10),
            "normal" | "medium" | "standard" => Ok(30),
            "high" => Ok(60),
            "urgent" | "critical" => Ok(100),
            other => Err(format!(
                "\"{}\" is none; use low, normal, high or urgent",
                text::clipped(other.into(), 40)
            )),
        },
    }
}

/// A stop's figures, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Grams, pieces, litres.
    pub amount: [u32; 3],
    /// 0 to 100.
    pub priority: u8,
    /// Windows of the stop, then of where its goods are fetched.
    pub windows: [Vec<Window>; 2],
    /// Seconds at the stop, then where its goods are fetched.
    pub service_s: [u32; 2],
}

impl NewStop {
    /// Its figures for `day` in `zone`.
    ///
    /// # Errors
    /// Names every place that is wrong, below `pointer`.
    pub fn figures(&self, pointer: &str, day: Date, zone: &TimeZone) -> Result<Figures, Vec<Problem>> {
        let mut wrong = Vec::new();
        let at = |name: &str| format!("{pointer}/{name}");
        let kg = self.weight_kg.unwrap_or(0.0);
        if !(0.0..=MAX_KG).contains(&kg) {
            wrong.push(Problem::new(at("weight_kg"), format!("must lie in 0 to {MAX_KG}, got {kg}")));
        }
        for (name, number) in [("pieces", self.pieces), ("litres", self.litres)] {
            if number.is_some_and(|n| n > 1_000_000) {
                wrong.push(Problem::new(at(name), "must lie in 0 to 1000000"));
            }
        }
        if let Some(reference) = &self.reference {
            wrong.extend(text::required(&at("reference"), reference, MAX_REFERENCE).err());
            if reference.starts_with('#') {
                wrong.push(Problem::new(at("reference"), "must not begin with #"));
            }
        }
        if self.skills.len() > MAX_SKILLS {
            wrong
                .push(Problem::new(at("skills"), format!("are {}; at most {MAX_SKILLS}", self.skills.len())));
        }
        for (n, skill) in self.skills.iter().enumerate() {
            wrong.extend(text::required(&at(&format!("skills/{n}")), skill, MAX_SKILL).err());
        }
        if self.worth.is_some_and(|w| !(0.0..=1e9).contains(&w)) {
            wrong.push(Problem::new(at("worth"), "must lie in 0 to 1e9"));
        }
        if self.pickup.is_some() && self.kind == StopKind::Pickup {
            wrong.push(Problem::new(at("pickup"), "has no sense where goods are taken to the depot"));
        }
        let priority = priority(self.priority.as_ref()).unwrap_or_else(|why| {
            wrong.push(Problem::new(at("priority"), why));
            0
        });
        let spot = |address: &Option<String>, lat, lon, pointer: &str, wrong: &mut Vec<Problem>| {
            Spot { address: address.clone(), latitude: lat, longitude: lon }.complain(pointer, wrong);
        };
        spot(&self.address, self.latitude, self.longitude, pointer, &mut wrong);
        let service = seconds(self.service_minutes, &at("service_minutes"), &mut wrong);
        let mut times = [windows(&self.windows, &at("windows"), day, zone), Ok(Vec::new())];
        let mut fetching = 0;
        if let Some(fetch) = &self.pickup {
            spot(&fetch.address, fetch.latitude, fetch.longitude, &at("pickup"), &mut wrong);
            fetching = seconds(fetch.service_minutes, &at("pickup/service_minutes"), &mut wrong);
            times[1] = windows(&fetch.windows, &at("pickup/windows"), day, zone);
        }
        let windows = times.map(|t| {
            t.unwrap_or_else(|why| {
                wrong.extend(why);
                Vec::new()
            })
        });
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let amount = [(kg * 1_000.0).round() as u32, self.pieces.unwrap_or(0), self.litres.unwrap_or(0)];
        Ok(Figures { amount, priority, windows, service_s: [service, fetching] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_as_other_systems_send_it_is_understood() {
        let sent = r#"{"deliveries":["a","b"],"optimizationCriteria":["distance","time","fuel"],"constraints":{"maxRouteTime":480,"vehicleCapacity":1000}}"#;
        let input: OptimizeInput = serde_json::from_str(sent).unwrap();
        assert_eq!(input.check(), Ok(()));
        assert_eq!(input.weighed(), [1.0; 3]);
        assert_eq!(input.constraints.max_route_minutes, Some(480.0));
        assert_eq!(OptimizeInput::default().weighed(), [1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_request_names_every_place_that_is_wrong() {
        let sent = r#"{"stops":[],"vehicles":[],"weights":{"distance":-1},"constraints":{"maxRouteTime":0},"seconds":0,"steps":0,"depot":{}}"#;
        let input: OptimizeInput = serde_json::from_str(sent).unwrap();
        let named: Vec<String> = input.check().unwrap_err().0.into_iter().map(|p| p.pointer).collect();
        let places = ["/deliveries", "/vehicles", "/optimization_criteria", "/constraints/max_route_minutes"];
        assert_eq!(named[..4], places);
        assert_eq!(named[4..], ["/depot", "/seconds", "/steps"]);
        let many =
            OptimizeInput { stops: vec![NewStop::default(); MAX_STOPS + 1], ..OptimizeInput::default() };
        assert!(many.check().unwrap_err().to_string().contains("2001"));
    }

    #[test]
    fn windows_are_read_as_times_of_day_and_moments_and_joined() {
        let (day, zone) = (jiff::civil::date(2026, 11, 21), TimeZone::UTC);
        let between = |from: &str, to: &str| Between { from: from.into(), to: to.into() };
        let all =
            [between("13:00", "15:00"), between("2026-11-21T08:00:00Z", "10:00"), between("09:30", "11:00")];
        let read = windows(&all, "/windows", day, &zone).unwrap();
        let said: Vec<String> = read.iter().map(|w| format!("{}-{}", w.from, w.to)).collect();
        let expected =
            ["2026-11-21T08:00:00Z-2026-11-21T11:00:00Z", "2026-11-21T13:00:00Z-2026-11-21T15:00:00Z"];
        assert_eq!(said, expected);
        let wrong = windows(&[between("11:00", "10:00"), between("soon", "10:00")], "/windows", day, &zone);
        assert_eq!(wrong.unwrap_err().len(), 2);
    }

    #[test]
    fn a_stop_names_every_place_that_is_wrong() {
        let stop = NewStop {
            reference: Some("#1".into()),
            kind: StopKind::Pickup,
            weight_kg: Some(-1.0),
            latitude: Some(1.0),
            priority: Some(Urgency::Word("soon".into())),
            pickup: Some(Fetch::default()),
            ..NewStop::default()
        };
        let wrong = stop.figures("/stops/3", jiff::civil::date(2026, 11, 21), &TimeZone::UTC).unwrap_err();
        let named: Vec<&str> = wrong.iter().map(|p| p.pointer.as_str()).collect();
        let places = ["weight_kg", "reference", "pickup", "priority"].map(|n| format!("/stops/3/{n}"));
        assert_eq!(named[..4], places.each_ref().map(String::as_str));
        assert_eq!(named[4..], ["/stops/3", "/stops/3/pickup"]);
    }
}
