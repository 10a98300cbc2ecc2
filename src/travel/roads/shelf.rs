//! The map in use, and its replacement while it is asked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::file::{self, FILE, Origin};
use super::graph::Graph;
use super::snap::{Index, On};
use super::{Limits, MapError, build, query};
use crate::base::clock::Timestamp;
use crate::base::text;
use crate::base::units::Position;
use crate::travel::conditions::Area;
use crate::travel::geometry;
use crate::travel::sources::{Grid, NO_WAY};
use crate::travel::straight::{Straight, whole};

/// Nodes looked at for one question where roads are closed: beyond them the detour is guessed.
const MOST_OPEN: usize = 60_000_000;
/// Seconds for a metre beside the roads: a yard at a walking horse's pace.
const OFF_ROAD: f64 = 0.24;
/// The share of places that may lie off the map before it is not asked at all.
const MOST_OFF: f64 = 0.5;

/// A map and what it was made for.
#[derive(Debug)]
pub struct Roads {
    /// Where it comes from.
    pub origin: Origin,
    /// Its roads.
    pub graph: Graph,
    index: Index,
}

/// What a map says.
#[derive(Debug)]
pub struct Said {
    /// Metres and seconds.
    pub grid: Grid,
    /// Places that lie off the map: of theirs the straight line says.
    pub off: usize,
    /// Whether what is closed was driven round.
    pub is_round: bool,
}

impl Roads {
    /// From a graph.
    #[must_use]
    pub fn new(origin: Origin, graph: Graph) -> Self {
        let index = Index::of(&graph);
        Self { origin, graph, index }
    }

    /// Who says so, in words.
    #[must_use]
    pub fn words(&self) -> String {
        format!("imported road map {} (© OpenStreetMap contributors)", self.origin.name)
    }

    /// Segments that come within an area.
    fn closed(&self, areas: &[Area]) -> HashSet<u32> {
        let mut closed = HashSet::new();
        for area in areas {
            let Some(centre) = area.centre() else { continue };
            let radius = f64::from(area.radius_m);
            let (low, high) = geometry::around(centre, radius);
            let near = self.index.between(low, high, usize::MAX);
            closed.extend(near.into_iter().filter(|s| self.graph.touches(*s, centre, radius)));
        }
        closed
    }

    /// Between all of `points`, with `areas` closed; none where most of them lie off the map.
    #[must_use]
    pub fn grid(&self, points: &[Position], areas: &[Area], straight: &Straight) -> Option<Said> {
        let closed = self.closed(areas);
        let is_round =
            closed.is_empty() || points.len().saturating_mul(self.graph.nodes.len().max(1)) <= MOST_OPEN;
        let is_open = |segment: u32| !is_round || !closed.contains(&segment);
        let on: Vec<Option<On>> = points.iter().map(|p| self.index.on(&self.graph, *p, &is_open)).collect();
        let places: Vec<On> = on.iter().flatten().copied().collect();
        let off = points.len() - places.len();
        if places.is_empty() || off as f64 > points.len() as f64 * MOST_OFF {
            return None;
        }
        let costs = if is_round && !closed.is_empty() {
            query::many_without(&self.graph, &places, &is_open)
        } else {
            query::many(&self.graph, &places)
        };
        let mut grid = straight.grid(points);
        let number: Vec<Option<usize>> = on
            .iter()
            .scan(0, |next, on| {
                *next += usize::from(on.is_some());
                Some(on.map(|_| *next - 1))
            })
            .collect();
        for (i, a) in on.iter().enumerate() {
            for (j, b) in on.iter().enumerate().filter(|(j, _)| *j != i) {
                let (Some(a), Some(b), Some(m), Some(n)) = (a, b, number[i], number[j]) else { continue };
                let at = i * grid.size + j;
                let beside = a.off + b.off;
                (grid.metres[at], grid.seconds[at]) = match costs[m * places.len() + n] {
                    Some((time, metres)) => (
                        whole(f64::from(metres) + beside).min(NO_WAY),
                        whole((f64::from(time) / 1_000.0 + beside * OFF_ROAD).ceil()).min(NO_WAY),
                    ),
                    None => (NO_WAY, NO_WAY),
                };
            }
        }
        Some(Said { grid, off, is_round })
    }

    /// The line one drives from one place to the other; none off the map.
    #[must_use]
    pub fn way(&self, a: Position, b: Position) -> Option<Vec<Position>> {
        let on = |p| self.index.on(&self.graph, p, &|_| true);
        let mut line = vec![a];
        line.extend(query::way(&self.graph, &on(a)?, &on(b)?)?);
        line.push(b);
        line.dedup();
        Some(line)
    }

    /// Roads between two corners for drawing, the main ones first: each one's kind and shape, at most `most`.
    #[must_use]
    pub fn between(&self, low: Position, high: Position, most: usize) -> Vec<(u8, &[Position])> {
        let mut found = self.index.between(low, high, usize::MAX);
        found.sort_by_key(|s| self.graph.segments[*s as usize].class);
        found.truncate(most);
        found.into_iter().map(|s| (self.graph.segments[s as usize].class, self.graph.line(s))).collect()
    }
}

/// The map of this process.
#[derive(Debug, Default)]
pub struct Shelf {
    folder: PathBuf,
    current: RwLock<Option<Arc<Roads>>>,
    importing: Mutex<()>,
}

impl Shelf {
    /// With the map in the data folder, if there is a sound one.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let read = file::read(&folder.join(FILE)).unwrap_or_else(|why| {
            tracing::error!(%why, "the imported road map is not used");
            None
        });
        let current = read.map(|(origin, graph)| Arc::new(Roads::new(origin, graph)));
        Self { folder: folder.to_owned(), current: RwLock::new(current), importing: Mutex::default() }
    }

    /// The map in use.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Roads>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Imports an extract and uses it from then on. Blocks for as long as that takes; what is asked meanwhile is answered
    /// from the map before.
    ///
    /// # Errors
    /// When the file is not sound, too large, or another import is under way: the map in use stays.
    pub fn import(&self, path: &Path, now: Timestamp, limits: Limits) -> Result<Arc<Roads>, MapError> {
        let _turn = self.importing.try_lock().map_err(|_| MapError::Busy)?;
        let graph = build::graph(path, limits)?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let origin = Origin { name: text::clipped(name, 100), imported_at: now };
        file::write(&self.folder.join(FILE), &origin, &graph)?;
        let roads = Arc::new(Roads::new(origin, graph));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&roads));
        Ok(roads)
    }
}
