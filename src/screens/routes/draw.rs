//! Routes on a map of our own, without tiles: drawn to scale, with streets where a road map was imported.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::base::units::Position;
use crate::routes::model::{Act, Route};
use crate::screens::shell::Viewer;
use crate::travel::geometry;
use crate::travel::roads::shelf::Roads;

/// Streets on one map: more make a page heavy, and say no more.
const STREETS: usize = 1_200;
/// The map's size in its own units.
const WIDTH: f64 = 1_000.0;
const TALLEST: f64 = 620.0;
/// Around what is shown, as a part of it.
const MARGIN: f64 = 0.08;
/// Metres a map shows at the least.
const LEAST: f64 = 600.0;
/// Colours of routes; those beyond begin again.
pub const COLOURS: usize = 8;
/// Legs whose way is looked up for one map; those beyond are straight.
const LEGS: usize = 300;

/// From positions to places on the sheet.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    low: Position,
    high: Position,
    per_micro_east: f64,
    per_micro_north: f64,
    height: f64,
    metres: f64,
}

impl Sheet {
    /// A sheet on which all of `points` lie; none without points.
    #[must_use]
    pub fn around(points: &[Position]) -> Option<Self> {
        let first = *points.first()?;
        let (mut low, mut high) = (first, first);
        for p in points {
            (low.lat, low.lon) = (low.lat.min(p.lat), low.lon.min(p.lon));
            (high.lat, high.lon) = (high.lat.max(p.lat), high.lon.max(p.lon));
        }
        let middle = Position { lat: low.lat.midpoint(high.lat), lon: low.lon.midpoint(high.lon) };
        let (wide, tall) = spans(low, high);
        // At least so much is shown, never wider than three times its height, nor taller than wide.
        let wide = (wide * (1.0 + 2.0 * MARGIN)).max(LEAST);
        let tall = (tall * (1.0 + 2.0 * MARGIN)).max(LEAST / 2.0).max(wide / 3.0);
        let wide = wide.max(tall * WIDTH / TALLEST);
        let (half_low, half_high) = geometry::around(middle, wide / 2.0);
        let (tall_low, tall_high) = geometry::around(middle, tall / 2.0);
        let low = Position { lat: tall_low.lat, lon: half_low.lon };
        let high = Position { lat: tall_high.lat, lon: half_high.lon };
        let east = f64::from(high.lon) - f64::from(low.lon);
        let north = f64::from(high.lat) - f64::from(low.lat);
        let height = (WIDTH * tall / wide).round();
        let per_micro_east = WIDTH / east.max(1.0);
        Some(Self {
            low,
            high,
            per_micro_east,
            per_micro_north: height / north.max(1.0),
            height,
            metres: wide,
        })
    }

    /// Where `at` is drawn.
    #[must_use]
    pub fn spot(&self, at: Position) -> (i32, i32) {
        let x = (f64::from(at.lon) - f64::from(self.low.lon)) * self.per_micro_east;
        let y = (f64::from(self.high.lat) - f64::from(at.lat)) * self.per_micro_north;
        (x.round() as i32, y.round() as i32)
    }

    /// The corners and the size, for those who draw on it later: south, west, micro-degrees and units.
    #[must_use]
    pub fn frame(&self) -> String {
        let (n, w) = (self.high.lat, self.low.lon);
        format!("{n} {w} {:.9} {:.9}", self.per_micro_east, self.per_micro_north)
    }

    /// The sheet's own coordinates.
    #[must_use]
    pub fn view_box(&self) -> String {
        format!("0 0 {WIDTH} {}", self.height)
    }

    /// Adds a line to a path's description.
    fn trace(&self, line: &[Position], out: &mut String) {
        let mut last = None;
        for p in line {
            let (x, y) = self.spot(*p);
            match last {
                None => _ = write!(out, "M{x} {y}"),
                Some(was) if was == (x, y) => continue,
                Some((a, b)) => _ = write!(out, "l{} {}", x - a, y - b),
            }
            last = Some((x, y));
        }
    }
}

/// Metres east and north between two corners.
fn spans(low: Position, high: Position) -> (f64, f64) {
    let corner = Position { lat: low.lat, lon: high.lon };
    (geometry::metres(low, corner), geometry::metres(corner, high))
}

/// All positions of a route.
pub fn points(route: &Route) -> impl Iterator<Item = Position> + '_ {
    let c = &route.content;
    [c.from.position, c.to.position].into_iter().chain(c.stops.iter().map(|s| s.position))
}

/// Streets under everything else.
#[must_use]
pub fn streets(sheet: &Sheet, roads: Option<&Roads>) -> Markup {
    let Some(roads) = roads else { return html! {} };
    let mut lines = [String::new(), String::new(), String::new(), String::new()];
    for (class, line) in roads.between(sheet.low, sheet.high, STREETS) {
        if let Some(out) = lines.get_mut(usize::from(class)) {
            sheet.trace(line, out);
        }
    }
    html! {
        g.streets aria-hidden="true" {
            @for (n, d) in lines.iter().enumerate().rev() { @if !d.is_empty() { path class={ "street s" (n) } d=(d) {} } }
        }
    }
}

/// A bar that says how far is how far, and whose streets they are.
#[must_use]
pub fn scale(v: &Viewer, sheet: &Sheet, roads: Option<&Roads>) -> Markup {
    let wish = sheet.metres / 5.0;
    let power = 10_f64.powf(wish.log10().floor());
    let length = [5.0, 2.0, 1.0].into_iter().map(|n| n * power).find(|l| *l <= wish).unwrap_or(power);
    let wide = (length / sheet.metres * WIDTH).round();
    let y = sheet.height - 16.0;
    html! {
        g.scale {
            path d={ "M16 " (y - 6.0) "v6h" (wide) "v-6" } {}
            text x=(20.0 + wide) y=(y) { (metres(v, length as u64)) }
            @if roads.is_some() { text.credit x=(WIDTH - 12.0) y=(y) { "© OpenStreetMap" } }
        }
    }
}

/// A distance as people read it.
#[must_use]
pub fn metres(v: &Viewer, m: u64) -> String {
    match m {
        0..=999 => format!("{m} m"),
        1_000..=99_999 => {
            let text = format!("{:.1}", m as f64 / 1_000.0);
            let text = text.trim_end_matches(".0");
            format!("{} km", if v.words.tag == "en" { text.to_owned() } else { text.replace('.', ",") })
        }
        _ => format!("{} km", v.number(m / 1_000)),
    }
}

/// Some routes on one map.
#[must_use]
pub fn map(v: &Viewer, id: &str, title: &str, roads: Option<&Roads>, routes: &[&Route]) -> Markup {
    let all: Vec<Position> = routes.iter().flat_map(|r| points(r)).collect();
    let Some(sheet) = Sheet::around(&all) else { return html! {} };
    let mut legs = 0;
    html! {
        figure.map {
            figcaption.away id=(id) { (title) }
            svg viewBox=(sheet.view_box()) role="img" aria-labelledby=(id) {
                (streets(&sheet, roads))
                @for (n, route) in routes.iter().enumerate() {
                    path class={ "way r" (n % COLOURS) } d=(driven(&sheet, roads, route, &mut legs)) {}
                }
                @for (n, route) in routes.iter().enumerate() { (stops(v, &sheet, route, n, routes.len() == 1)) }
                @for route in routes { (base(&sheet, route.content.from.position, &route.content.from.address)) }
                (scale(v, &sheet, roads))
            }
        }
    }
}

/// The line of a route.
fn driven(sheet: &Sheet, roads: Option<&Roads>, route: &Route, legs: &mut usize) -> String {
    let c = &route.content;
    let stops = c.stops.iter().filter(|s| s.act != Act::Pause).map(|s| s.position);
    let way: Vec<Position> =
        std::iter::once(c.from.position).chain(stops).chain(std::iter::once(c.to.position)).collect();
    let mut d = String::new();
    for two in way.windows(2).filter(|two| two[0] != two[1]) {
        *legs += 1;
        let line = roads.filter(|_| *legs <= LEGS).and_then(|r| r.way(two[0], two[1]));
        sheet.trace(line.as_deref().unwrap_or(two), &mut d);
    }
    d
}

fn stops(v: &Viewer, sheet: &Sheet, route: &Route, n: usize, numbered: bool) -> Markup {
    let jobs = route.content.stops.iter().filter(|s| s.act.is_job()).enumerate();
    html! {
        @for (at, stop) in jobs {
            @let (x, y) = sheet.spot(stop.position);
            g.stop.done[stop.done_at.is_some()] {
                title { (route.content.ride.name) " " (at + 1) ": " (stop.address) " " (v.clock(stop.start)) }
                circle class={ "r" (n % COLOURS) } cx=(x) cy=(y) r=(if numbered { 13 } else { 7 }) {}
                @if numbered { text x=(x) y=(y + 5) { (at + 1) } }
            }
        }
    }
}

fn base(sheet: &Sheet, at: Position, address: &str) -> Markup {
    let (x, y) = sheet.spot(at);
    html! { rect.base x=(x - 9) y=(y - 9) width="18" height="18" { title { (address) } } }
}
