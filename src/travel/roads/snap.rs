//! From a position to the road beside it.

use std::collections::HashMap;

use super::graph::{Graph, number};
use crate::base::units::Position;
use crate::travel::geometry;

/// Micro-degrees of a cell's side.
const CELL: i32 = 3_000;
/// Metres from a road beyond which a place lies off the map.
pub const FAR: f64 = 1_500.0;
/// Metres by which a road that leads somewhere may lie further off than one that does not.
const DETOUR: f64 = 250.0;
/// Cells that are looked through in each direction at the most.
const MOST_CELLS: i32 = 60;

/// A place on a road.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct On {
    /// The segment.
    pub segment: u32,
    /// Which piece of its shape.
    pub piece: usize,
    /// How much of it lies before the place, 0 to 1.
    pub part: f64,
    /// The place itself.
    pub at: Position,
    /// Metres from where one wanted to be.
    pub off: f64,
}

/// Roads by where they are.
#[derive(Debug, Default)]
pub struct Index {
    cells: HashMap<(i32, i32), Vec<(u32, u16)>>,
}

fn cell(p: Position) -> (i32, i32) {
    (p.lat.div_euclid(CELL), p.lon.div_euclid(CELL))
}

impl Index {
    /// Of `graph`.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let mut cells: HashMap<(i32, i32), Vec<(u32, u16)>> = HashMap::new();
        for segment in 0..number(graph.segments.len()) {
            for (piece, two) in graph.line(segment).windows(2).enumerate() {
                let Ok(piece) = u16::try_from(piece) else { break };
                let ((a, b), (c, d)) = (cell(two[0]), cell(two[1]));
                for lat in a.min(c)..=a.max(c) {
                    for lon in b.min(d)..=b.max(d) {
                        cells.entry((lat, lon)).or_default().push((segment, piece));
                    }
                }
            }
        }
        Self { cells }
    }

    /// The road beside `at`: the nearest one from which one gets on, if it is not much further than the nearest of all.
    #[must_use]
    pub fn on(&self, graph: &Graph, at: Position, is_open: &dyn Fn(u32) -> bool) -> Option<On> {
        let shrink = (f64::from(at.lat) / 1e6).to_radians().cos().max(0.01);
        let side = f64::from(CELL) * 0.111_195 * shrink;
        let (mut main, mut any): (Option<On>, Option<On>) = (None, None);
        let centre = cell(at);
        for ring in 0..=MOST_CELLS {
            for (lat, lon) in around(centre, ring) {
                for (segment, piece) in self.cells.get(&(lat, lon)).into_iter().flatten() {
                    if !is_open(*segment) {
                        continue;
                    }
                    let on = beside(graph, *segment, usize::from(*piece), at);
                    let better = |than: &Option<On>| than.as_ref().is_none_or(|o| on.off < o.off);
                    let s = &graph.segments[*segment as usize];
                    if graph.is_main[s.from as usize] && graph.is_main[s.to as usize] && better(&main) {
                        main = Some(on);
                    }
                    if better(&any) {
                        any = Some(on);
                    }
                }
            }
            // Whatever lies in rings further out is further off than this.
            let seen = side * f64::from(ring);
            let least = any.map_or(FAR, |o| o.off + DETOUR).min(FAR);
            if main.is_some_and(|o| o.off <= seen) || seen > least {
                break;
            }
        }
        let chosen = match (main, any) {
            (Some(main), Some(any)) if main.off <= any.off + DETOUR => Some(main),
            (_, any) => any,
        };
        chosen.filter(|on| on.off <= FAR)
    }

    /// Segments of the cells between two corners, each once, at most `most`.
    #[must_use]
    pub fn between(&self, low: Position, high: Position, most: usize) -> Vec<u32> {
        let ((a, b), (c, d)) = (cell(low), cell(high));
        let mut out = Vec::new();
        let wide = i64::from(c - a + 1) * i64::from(d - b + 1);
        let mut take = |list: &Vec<(u32, u16)>| out.extend(list.iter().map(|(s, _)| *s));
        if wide > self.cells.len() as i64 {
            let inside = |(lat, lon): &(i32, i32)| (a..=c).contains(lat) && (b..=d).contains(lon);
            self.cells.iter().filter(|(k, _)| inside(k)).for_each(|(_, list)| take(list));
        } else {
            for lat in a..=c {
                for lon in b..=d {
                    if let Some(list) = self.cells.get(&(lat, lon)) {
                        take(list);
                    }
                }
            }
        }
        out.sort_unstable();
        out.dedup();
        out.truncate(most);
        out
    }
}

/// The cells at distance `ring` from `centre`.
fn around((lat, lon): (i32, i32), ring: i32) -> Vec<(i32, i32)> {
    if ring == 0 {
        return vec![(lat, lon)];
    }
    let mut out = Vec::with_capacity(ring.unsigned_abs() as usize * 8);
    for step in -ring..=ring {
        out.push((lat - ring, lon + step));
        out.push((lat + ring, lon + step));
        if step.abs() != ring {
            out.push((lat + step, lon - ring));
            out.push((lat + step, lon + ring));
        }
    }
    out
}

/// The nearest place to `at` on a piece of a segment.
fn beside(graph: &Graph, segment: u32, piece: usize, at: Position) -> On {
    let line = graph.line(segment);
    let (a, b) = (line[piece], line[piece + 1]);
    let share = geometry::along(a, b, at);
    let mix = |a: i32, b: i32| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as i32;
    let spot = Position { lat: mix(a.lat, b.lat), lon: mix(a.lon, b.lon) };
    let length = |two: &[Position]| geometry::metres(two[0], two[1]);
    let before: f64 = line[..=piece].windows(2).map(length).sum::<f64>() + length(&[a, b]) * share;
    let whole: f64 = line.windows(2).map(length).sum();
    let part = if whole > 0.0 { (before / whole).clamp(0.0, 1.0) } else { 0.0 };
    On { segment, piece, part, at: spot, off: geometry::metres(at, spot) }
}
