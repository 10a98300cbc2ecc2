//! What a vehicle and a driver are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hours::{Hours, TimeOfDay};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::base::units::Position;

/// Skills of one vehicle or driver.
pub const MAX_SKILLS: usize = 32;
/// Bytes of a skill's name.
pub const MAX_SKILL: usize = 40;
/// Pauses of one vehicle's day.
pub const MAX_PAUSES: usize = 3;
/// Trips of one vehicle's day, less one.
pub const MAX_RELOADS: u32 = 20;
/// Pieces, litres, kilometres: no vehicle has more.
const MOST: u32 = 1_000_000;

/// Where something is: an address, a position, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// As people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Degrees north.
    #[serde(default, alias = "lat", skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default, alias = "lon", alias = "lng", skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

impl Spot {
    /// Its position, when it has one.
    ///
    /// # Errors
    /// When only half of it is given, or it is not on this planet.
    pub fn position(&self) -> Result<Option<Position>, String> {
        match (self.latitude, self.longitude) {
            (Some(lat), Some(lon)) => Position::from_degrees(lat, lon).map(Some),
            (None, None) => Ok(None),
            _ => Err("a position is a latitude and a longitude".into()),
        }
    }

    /// What is wrong with it, at `pointer`.
    pub fn complain(&self, pointer: &str, wrong: &mut Vec<Problem>) {
        wrong.extend(self.position().err().map(|why| Problem::new(pointer, why)));
        let address = self.address.as_deref().unwrap_or_default();
        wrong.extend(text::optional(&format!("{pointer}/address"), address, text::SHORT).err());
        if address.trim().is_empty() && self.latitude.is_none() && self.longitude.is_none() {
            wrong.push(Problem::new(pointer, "needs an address, or latitude and longitude"));
        }
    }
}

/// What fits in; what is absent does not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// Kilograms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kg: Option<f64>,
    /// Pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u32>,
    /// Litres of room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub litres: Option<u32>,
}

/// What driving costs, in minor units of the tenant's currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = VehicleCosts)]
pub struct Costs {
    /// For a day on which it drives at all.
    pub fixed: f64,
    /// For a kilometre, fuel left out.
    pub per_km: f64,
    /// For an hour at the wheel.
    pub per_hour: f64,
    /// Litres of fuel for a hundred kilometres.
    pub litres_per_100km: f64,
    /// For a litre of fuel.
    pub per_litre: f64,
}

impl Default for Costs {
    /// A delivery van's: an hour weighs as much as thirty kilometres.
    fn default() -> Self {
        Self { fixed: 500.0, per_km: 100.0, per_hour: 3_000.0, litres_per_100km: 10.0, per_litre: 170.0 }
    }
}

/// A pause the driver must take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// It begins at this time of day at the earliest.
    #[schema(value_type = String)]
    pub from: TimeOfDay,
    /// And at this at the latest.
    #[schema(value_type = String)]
    pub to: TimeOfDay,
    /// Its length.
    pub minutes: u32,
}

/// That it may come back to load again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reloads {
    /// How often.
    pub max: u32,
    /// Minutes each time.
    pub minutes: u32,
}

fn usual_hours() -> Hours {
    Hours { from: TimeOfDay::hour(8), to: TimeOfDay::hour(18) }
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

/// A vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Vehicle {
    /// Its name, one of a kind in the tenant.
    pub name: String,
    /// Its licence plate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<String>,
    /// What fits in.
    #[serde(default)]
    pub capacity: Capacity,
    /// When it drives.
    #[serde(default = "usual_hours")]
    pub shift: Hours,
    /// What it can do, such as `tail_lift` or `cooled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// Minutes between leaving and coming back at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_minutes: Option<u32>,
    /// Kilometres of a day at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_km: Option<u32>,
    /// Stops of a day at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_stops: Option<u32>,
    /// What driving costs.
    #[serde(default)]
    pub costs: Costs,
    /// Its speed against the others': 0.5 takes twice as long.
    #[serde(default = "one")]
    pub speed: f64,
    /// Where it starts; the depot when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Spot>,
    /// Where it ends its day; where it started when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Spot>,
    /// The driver's pauses, in the order of the day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// Whether it may come back to load again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reloads: Option<Reloads>,
    /// Whether it can be planned with: false while it is in the workshop, and once it is retired.
    #[serde(default = "yes")]
    pub available: bool,
    /// The revision the caller has seen; never stored.
    #[serde(default, skip_serializing)]
    pub version: Option<u64>,
}

/// A driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// Their name, one of a kind in the tenant.
    pub name: String,
    /// The user they log in as: who that is sees the routes they drive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    /// Their telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Their driving licence, such as `C1E`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// When they work; as the vehicle when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Hours>,
    /// What they can do beside what the vehicle can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// The vehicle they drive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<Id>,
    /// Whether they drive: false while away, and once they have left.
    #[serde(default = "yes")]
    pub available: bool,
    /// The revision the caller has seen; never stored.
    #[serde(default, skip_serializing)]
    pub version: Option<u64>,
}

fn check_name(name: &str, wrong: &mut Vec<Problem>) {
    wrong.extend(text::required("/name", name, text::SHORT).err());
    if name.parse::<Id>().is_ok() {
        wrong.push(Problem::new("/name", "must not look like an id"));
    }
}

fn check_skills(skills: &[String], wrong: &mut Vec<Problem>) {
    if skills.len() > MAX_SKILLS {
        wrong.push(Problem::new("/skills", format!("are {}; at most {MAX_SKILLS} are kept", skills.len())));
    }
    for (n, skill) in skills.iter().enumerate() {
        wrong.extend(text::required(&format!("/skills/{n}"), skill, MAX_SKILL).err());
    }
}

fn check_hours(hours: Hours, pointer: &str, wrong: &mut Vec<Problem>) {
    if hours.to <= hours.from {
        let said =
            format!("ends at {} and begins at {}; the end lies behind the beginning", hours.to, hours.from);
        wrong.push(Problem::new(pointer, said));
    }
}

fn check_short(pointer: &str, text: Option<&str>, wrong: &mut Vec<Problem>) {
    wrong.extend(text::optional(pointer, text.unwrap_or_default(), text::SHORT).err());
}

fn answer(wrong: Vec<Problem>) -> Result<(), Invalid> {
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

impl Vehicle {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        check_name(&self.name, &mut wrong);
        check_short("/plate", self.plate.as_deref(), &mut wrong);
        check_skills(&self.skills, &mut wrong);
        check_hours(self.shift, "/shift", &mut wrong);
        self.check_numbers(&mut wrong);
        for (pointer, spot) in [("/start", &self.start), ("/end", &self.end)] {
            if let Some(spot) = spot {
                spot.complain(pointer, &mut wrong);
            }
        }
        self.check_pauses(&mut wrong);
        answer(wrong)
    }

    fn check_numbers(&self, wrong: &mut Vec<Problem>) {
        let numbers = [
            ("/capacity/kg", self.capacity.kg.unwrap_or_default(), 0.0),
            ("/costs/fixed", self.costs.fixed, 0.0),
            ("/costs/per_km", self.costs.per_km, 0.0),
            ("/costs/per_hour", self.costs.per_hour, 0.0),
            ("/costs/litres_per_100km", self.costs.litres_per_100km, 0.0),
            ("/costs/per_litre", self.costs.per_litre, 0.0),
        ];
        for (pointer, number, least) in numbers {
            if !(least..=f64::from(MOST)).contains(&number) {
                wrong.push(Problem::new(pointer, format!("must lie in {least} to {MOST}, got {number}")));
            }
        }
        if !(0.1..=3.0).contains(&self.speed) {
            wrong.push(Problem::new("/speed", format!("must lie in 0.1 to 3, got {}", self.speed)));
        }
        let whole = [
            ("/capacity/pieces", self.capacity.pieces, 0),
            ("/capacity/litres", self.capacity.litres, 0),
            ("/max_minutes", self.max_minutes, 1),
            ("/max_km", self.max_km, 1),
            ("/max_stops", self.max_stops, 1),
        ];
        for (pointer, number, least) in whole {
            if number.is_some_and(|n| !(least..=MOST).contains(&n)) {
                wrong.push(Problem::new(pointer, format!("must lie in {least} to {MOST}")));
            }
        }
        if self.reloads.is_some_and(|r| r.max > MAX_RELOADS || r.minutes > 24 * 60) {
            wrong
                .push(Problem::new("/reloads", format!("are at most {MAX_RELOADS} of at most 1440 minutes")));
        }
    }

    fn check_pauses(&self, wrong: &mut Vec<Problem>) {
        if self.pauses.len() > MAX_PAUSES {
            wrong.push(Problem::new(
                "/pauses",
                format!("are {}; at most {MAX_PAUSES} are kept", self.pauses.len()),
            ));
        }
        for (n, pause) in self.pauses.iter().enumerate() {
            let pointer = format!("/pauses/{n}");
            check_hours(Hours { from: pause.from, to: pause.to }, &pointer, wrong);
            if !(1..=12 * 60).contains(&pause.minutes) {
                wrong.push(Problem::new(format!("{pointer}/minutes"), "must lie in 1 to 720"));
            }
        }
        if self.pauses.windows(2).any(|two| two[1].from < two[0].from) {
            wrong.push(Problem::new("/pauses", "stand in the order of the day"));
        }
    }
}

impl Driver {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        check_name(&self.name, &mut wrong);
        check_short("/phone", self.phone.as_deref(), &mut wrong);
        check_short("/licence", self.licence.as_deref(), &mut wrong);
        check_skills(&self.skills, &mut wrong);
        if let Some(shift) = self.shift {
            check_hours(shift, "/shift", &mut wrong);
        }
        answer(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn van() -> Vehicle {
        serde_json::from_str(r#"{"name":"van 1","capacity":{"kg":800}}"#).unwrap()
    }

    #[test]
    fn a_vehicle_names_every_place_that_is_wrong() {
        assert_eq!(van().check(), Ok(()));
        let hours = Hours { from: TimeOfDay::hour(9), to: TimeOfDay::hour(9) };
        let wrong = Vehicle {
            name: " ".into(),
            shift: hours,
            speed: 0.0,
            max_stops: Some(0),
            start: Some(Spot { latitude: Some(1.0), ..Spot::default() }),
            skills: vec!["x".into(); MAX_SKILLS + 1],
            pauses: vec![Pause { from: hours.from, to: TimeOfDay::hour(10), minutes: 30 }; MAX_PAUSES + 1],
            ..van()
        };
        let named: Vec<String> = wrong.check().unwrap_err().0.into_iter().map(|p| p.pointer).collect();
        assert_eq!(named, ["/name", "/skills", "/shift", "/speed", "/max_stops", "/start", "/pauses"]);
    }

    #[test]
    fn what_the_caller_has_seen_is_not_kept() {
        let van: Vehicle = serde_json::from_str(r#"{"name":"van 1","version":7}"#).unwrap();
        assert_eq!(van.version, Some(7));
        assert!(!serde_json::to_string(&van).unwrap().contains("version"));
        assert!(serde_json::from_str::<Vehicle>(r#"{"name":"van 1","wings":2}"#).is_err());
    }
}
