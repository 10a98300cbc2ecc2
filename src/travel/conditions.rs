//! What holds up traffic, as people enter it and the weather service says: factors by hour and area, the weather, roads that are closed, building
//! sites. One record, set as a whole.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::geometry;
use super::sources::{Grid, Times};
use super::straight::whole;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::base::units::Position;
use crate::fleet::hours::{Hours, TimeOfDay};
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::{Home, Table};

/// Entries of one kind.
pub const MAX_ENTRIES: usize = 50;
/// Metres an area reaches at the most.
const MAX_RADIUS: u32 = 100_000;
/// What a way round a closed area is longer, for each metre of the area's radius: half the circle less the diameter,
/// and as much again because roads seldom hug what is closed.
const DETOUR: f64 = 2.28;

/// Conditions by id: one record a depot, which headquarters sees of all.
pub static CONDITIONS: Table<Id, Folded<Ref<Conditions>>> = Table::new(208, "conditions", Home::ById);

/// A circle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Degrees north.
    #[serde(alias = "lat")]
    pub latitude: f64,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    pub longitude: f64,
    /// Metres.
    pub radius_m: u32,
}

impl Area {
    /// Its middle; none when it is not on this planet.
    #[must_use]
    pub fn centre(&self) -> Option<Position> {
        Position::from_degrees(self.latitude, self.longitude).ok()
    }

    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: Position) -> bool {
        self.centre().is_some_and(|c| geometry::metres(c, at) <= f64::from(self.radius_m))
    }
}

/// Traffic that is slower, or faster, than usual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Between these times of day; all day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Here; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// Driving takes so many times as long, 0.5 to 10.
    pub factor: f64,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What the weather does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Weather {
    /// Driving takes so many times as long, 0.5 to 10.
    pub factor: f64,
    /// Such as `snow`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Until then; until it is taken away when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When the weather service said so; absent for what somebody entered.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
}

/// Where nobody can drive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// Where.
    pub area: Area,
    /// Until then; until it is taken away when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Where one drives slowly for some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Works {
    /// Where.
    pub area: Area,
    /// Driving takes so many times as long there, 0.5 to 10.
    pub factor: f64,
    /// Until then; until it is taken away when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// Traffic by hour and area.
    pub traffic: Vec<Traffic>,
    /// The weather.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weather: Option<Weather>,
    /// What is closed.
    pub closures: Vec<Closure>,
    /// Building sites.
    pub construction: Vec<Works>,
    /// The revision the caller has seen; never stored.
    #[serde(skip_serializing)]
    pub version: Option<u64>,
}

impl Reference for Conditions {
    const NAME: &'static str = "conditions";
    const KIND: u16 = 0x1a3;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &CONDITIONS;
}

impl Conditions {
    /// Whether they make sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        let lists = [
            ("/traffic", self.traffic.len()),
            ("/closures", self.closures.len()),
            ("/construction", self.construction.len()),
        ];
        for (pointer, n) in lists.into_iter().filter(|(_, n)| *n > MAX_ENTRIES) {
            wrong.push(Problem::new(pointer, format!("has {n} entries; at most {MAX_ENTRIES} are kept")));
        }
        for (n, t) in self.traffic.iter().enumerate() {
            factor(&format!("/traffic/{n}/factor"), t.factor, &mut wrong);
            note(&format!("/traffic/{n}/note"), &t.note, &mut wrong);
            if let Some(area) = t.area {
                place(&format!("/traffic/{n}/area"), area, &mut wrong);
            }
            if t.hours.is_some_and(|h| h.to <= h.from) {
                wrong.push(Problem::new(format!("/traffic/{n}/hours"), "end behind their beginning"));
            }
        }
        if let Some(weather) = &self.weather {
            factor("/weather/factor", weather.factor, &mut wrong);
            note("/weather/note", &weather.note, &mut wrong);
        }
        for (n, c) in self.closures.iter().enumerate() {
            place(&format!("/closures/{n}/area"), c.area, &mut wrong);
            note(&format!("/closures/{n}/note"), &c.note, &mut wrong);
        }
        for (n, w) in self.construction.iter().enumerate() {
            place(&format!("/construction/{n}/area"), w.area, &mut wrong);
            factor(&format!("/construction/{n}/factor"), w.factor, &mut wrong);
            note(&format!("/construction/{n}/note"), &w.note, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    /// What of it still holds at `now`.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let holds = |until: Option<Timestamp>| until.is_none_or(|until| until > now);
        self.weather = self.weather.filter(|w| holds(w.until));
        self.closures.retain(|c| holds(c.until));
        self.construction.retain(|w| holds(w.until));
        self
    }

    /// What is closed.
    #[must_use]
    pub fn closed_areas(&self) -> Vec<Area> {
        self.closures.iter().map(|c| c.area).collect()
    }

    /// The figures of `times` as they are under these conditions. What is closed counts where the source has not driven
    /// round it already.
    #[must_use]
    pub fn applied_to(&self, points: &[Position], times: &Times, span: Hours) -> Grid {
        if !times.is_round {
            return self.applied(points, &times.grid, span);
        }
        Self { closures: Vec::new(), ..self.clone() }.applied(points, &times.grid, span)
    }

    /// Whether nothing holds up anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.traffic.is_empty()
            && self.weather.is_none()
            && self.closures.is_empty()
            && self.construction.is_empty()
    }

    /// What is closed where `at` is; none when it can be reached.
    #[must_use]
    pub fn closed(&self, at: Position) -> Option<&Closure> {
        self.closures.iter().find(|c| c.area.contains(at))
    }

    /// The figures of `grid` as they are under these conditions for somebody who drives between `span`. What changes
    /// with the hour counts for its part of that span.
    #[must_use]
    pub fn applied(&self, points: &[Position], grid: &Grid, span: Hours) -> Grid {
        let mut out = grid.clone();
        let everywhere = self.everywhere(span);
        for (i, a) in points.iter().enumerate() {
            for (j, b) in points.iter().enumerate().filter(|(j, _)| *j != i) {
                let at = i * grid.size + j;
                let (metres, seconds) = (f64::from(grid.metres[at]), f64::from(grid.seconds[at]));
                let detour: f64 = self.closures.iter().map(|c| detour(*a, *b, c.area)).sum();
                let longer = if metres > 0.0 { (metres + detour) / metres } else { 1.0 };
                out.metres[at] = whole(metres + detour);
                out.seconds[at] = whole(seconds * longer * everywhere * self.within_areas(*a, *b, span));
            }
        }
        out
    }

    fn everywhere(&self, span: Hours) -> f64 {
        let traffic = self.traffic.iter().filter(|t| t.area.is_none());
        let traffic: f64 = traffic.map(|t| 1.0 + (t.factor - 1.0) * part(t.hours, span)).product();
        traffic * self.weather.as_ref().map_or(1.0, |w| w.factor)
    }

    fn within_areas(&self, a: Position, b: Position, span: Hours) -> f64 {
        let inside = |area: &Area| {
            area.centre().map_or(0.0, |c| geometry::part_within(a, b, c, f64::from(area.radius_m)))
        };
        let traffic = self.traffic.iter().filter_map(|t| {
            let area = t.area.as_ref()?;
            Some(1.0 + (t.factor - 1.0) * part(t.hours, span) * inside(area))
        });
        let works = self.construction.iter().map(|w| 1.0 + (w.factor - 1.0) * inside(&w.area));
        traffic.chain(works).product()
    }

    /// In words, for whoever reads a plan.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let told = |what: &str, factor: Option<f64>, note: &str| {
            let factor = factor.map_or(String::new(), |f| format!(" x {f:.2}"));
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            format!("{what}{factor}{note}, entered by hand")
        };
        let mut out: Vec<String> =
            self.traffic.iter().map(|t| told("traffic", Some(t.factor), &t.note)).collect();
        out.extend(self.weather.iter().map(|w| match w.measured_at {
            None => told("weather", Some(w.factor), &w.note),
            Some(at) => {
                format!("weather x {:.2} ({}), as the weather service said at {at}", w.factor, w.note)
            }
        }));
        out.extend(self.closures.iter().map(|c| told("closure", None, &c.note)));
        out.extend(self.construction.iter().map(|w| told("building site", Some(w.factor), &w.note)));
        out
    }
}

/// The part of `span` that lies within `hours`.
fn part(hours: Option<Hours>, span: Hours) -> f64 {
    let Some(hours) = hours else { return 1.0 };
    let whole = span.to.hours() - span.from.hours();
    if whole <= 0.0 {
        return if hours.from <= span.from && span.from < hours.to { 1.0 } else { 0.0 };
    }
    let both = hours.meet(span);
    ((both.to.hours() - both.from.hours()) / whole).clamp(0.0, 1.0)
}

/// Metres by which a closed area makes the way from `a` to `b` longer.
fn detour(a: Position, b: Position, area: Area) -> f64 {
    let (Some(centre), radius) = (area.centre(), f64::from(area.radius_m)) else { return 0.0 };
    if radius <= 0.0 {
        return 0.0;
    }
    // Straight through costs the whole way round, a touch nothing.
    let deep = 1.0 - geometry::nearest(a, b, centre) / radius;
    radius * DETOUR * deep.max(0.0)
}

fn factor(pointer: &str, factor: f64, wrong: &mut Vec<Problem>) {
    if !(0.5..=10.0).contains(&factor) {
        wrong.push(Problem::new(pointer, format!("must lie in 0.5 to 10, got {factor}")));
    }
}

fn note(pointer: &str, note: &str, wrong: &mut Vec<Problem>) {
    wrong.extend(text::optional(pointer, note, text::SHORT).err());
}

fn place(pointer: &str, area: Area, wrong: &mut Vec<Problem>) {
    wrong.extend(
        Position::from_degrees(area.latitude, area.longitude).err().map(|why| Problem::new(pointer, why)),
    );
    if !(1..=MAX_RADIUS).contains(&area.radius_m) {
        wrong.push(Problem::new(format!("{pointer}/radius_m"), format!("must lie in 1 to {MAX_RADIUS}")));
    }
}

/// A whole day.
#[must_use]
pub fn whole_day() -> Hours {
    Hours { from: TimeOfDay::hour(0), to: TimeOfDay::hour(24) }
}

#[cfg(test)]
mod tests {
    use super::super::straight::Straight;
    use super::*;

    fn points() -> Vec<Position> {
        [(0.0, 0.0), (0.0, 0.1)].map(|(lat, lon)| Position::from_degrees(lat, lon).unwrap()).to_vec()
    }

    fn seconds(c: &Conditions, span: Hours) -> f64 {
        let grid = Straight::default().grid(&points());
        let with = c.applied(&points(), &grid, span);
        assert_eq!(with.seconds[0], 0);
        f64::from(with.seconds[1]) / f64::from(grid.seconds[1])
    }

    #[test]
    fn factors_count_for_their_part_of_the_way_and_of_the_day() {
        let hours = |a, b| Hours { from: TimeOfDay::hour(a), to: TimeOfDay::hour(b) };
        let jam = Traffic { hours: Some(hours(8, 10)), area: None, factor: 2.0, note: String::new() };
        let c = Conditions { traffic: vec![jam.clone()], ..Conditions::default() };
        assert!((seconds(&c, hours(8, 12)) - 1.5).abs() < 0.01);
        assert!((seconds(&c, hours(10, 12)) - 1.0).abs() < 0.01);
        let half = Area { latitude: 0.0, longitude: 0.0, radius_m: 5_560 };
        let here = Traffic { hours: None, area: Some(half), ..jam };
        let c = Conditions { traffic: vec![here], ..Conditions::default() };
        assert!((seconds(&c, hours(0, 24)) - 1.5).abs() < 0.01);
        let snow = Weather { factor: 1.5, note: "snow".into(), until: None, measured_at: None };
        let c = Conditions { weather: Some(snow), ..c };
        assert!((seconds(&c, hours(0, 24)) - 2.25).abs() < 0.02);
        assert_eq!(c.words()[1], "weather x 1.50 (snow), entered by hand");
    }

    #[test]
    fn a_closed_area_is_driven_round_and_not_into() {
        let area = Area { latitude: 0.0, longitude: 0.05, radius_m: 1_000 };
        let closed = Closure { area, until: Some(Timestamp::from_millis(10)), note: String::new() };
        let c = Conditions { closures: vec![closed], ..Conditions::default() };
        let grid = Straight::default().grid(&points());
        let with = c.applied(&points(), &grid, whole_day());
        assert_eq!(with.metres[1] - grid.metres[1], 2_280);
        assert!(
            c.closed(Position::from_degrees(0.0, 0.051).unwrap()).is_some()
                && c.closed(points()[0]).is_none()
        );
        assert!(
            c.clone().at(Timestamp::from_millis(10)).is_empty()
                && !c.at(Timestamp::from_millis(9)).is_empty()
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let area = Area { latitude: 91.0, longitude: 0.0, radius_m: 0 };
        let works = Works { area, factor: 0.4, until: None, note: String::new() };
        let c = Conditions { construction: vec![works; MAX_ENTRIES + 1], ..Conditions::default() };
        let wrong = c.check().unwrap_err().0;
        assert_eq!(wrong[0].pointer, "/construction");
        assert_eq!(wrong.len(), 1 + 3 * (MAX_ENTRIES + 1));
    }
}
