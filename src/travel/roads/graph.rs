//! A graph of roads: crossings, the segments between them with their shape, and the arcs ways are made of, shortcuts
//! among them.

use serde::{Deserialize, Serialize};

use crate::base::units::Position;
use crate::travel::geometry;

/// No arc, no node.
pub const NONE: u32 = u32::MAX;

/// A piece of road between two crossings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The crossing it begins at.
    pub from: u32,
    /// And ends at.
    pub to: u32,
    /// Where its shape begins in [`Graph::shape`]; it ends where the next one's begins.
    pub shape: u32,
    /// Metres.
    pub metres: u32,
    /// Milliseconds.
    pub time: u32,
    /// 1 forth, 2 back, 3 both.
    pub ways: u8,
    /// Its kind.
    pub class: u8,
}

/// A step of a way: along a segment, or a shortcut for two other arcs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arc {
    /// From here.
    pub from: u32,
    /// To here.
    pub to: u32,
    /// Milliseconds.
    pub time: u32,
    /// Metres.
    pub metres: u32,
    /// Of a shortcut its first arc; of a segment its number.
    pub first: u32,
    /// Of a shortcut its second arc; of a segment [`NONE`].
    pub second: u32,
}

/// Arcs by node, node after node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    start: Vec<u32>,
    arcs: Vec<u32>,
}

impl Lists {
    /// From a list for each node.
    #[must_use]
    pub fn of(lists: &[Vec<u32>]) -> Self {
        let mut out = Self { start: Vec::with_capacity(lists.len() + 1), arcs: Vec::new() };
        out.start.push(0);
        for list in lists {
            out.arcs.extend(list);
            out.start.push(number(out.arcs.len()));
        }
        out
    }

    /// The arcs of `node`.
    #[must_use]
    pub fn of_node(&self, node: u32) -> &[u32] {
        let at = node as usize;
        &self.arcs[self.start[at] as usize..self.start[at + 1] as usize]
    }
}

/// A count as it is stored: limits keep all of them far below.
#[must_use]
pub fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NONE)
}

/// Roads, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Crossings and ends of roads.
    pub nodes: Vec<Position>,
    /// Roads between them.
    pub segments: Vec<Segment>,
    /// Shapes of the segments, ends included.
    pub shape: Vec<Position>,
    /// Arcs: those of segments first, shortcuts behind them.
    pub arcs: Vec<Arc>,
    /// How many arcs are of segments.
    pub plain: u32,
    /// Arcs upwards in the hierarchy, by where they begin.
    pub up: Lists,
    /// Arcs downwards, by where they end.
    pub down: Lists,
    /// Whether one gets from a node to most of the map and back.
    pub is_main: Vec<bool>,
}

impl Graph {
    /// The shape of a segment.
    #[must_use]
    pub fn line(&self, segment: u32) -> &[Position] {
        let at = segment as usize;
        let end = self.segments.get(at + 1).map_or(self.shape.len(), |s| s.shape as usize);
        &self.shape[self.segments[at].shape as usize..end]
    }

    /// The segment an arc runs along, and whether forth; none of a shortcut.
    #[must_use]
    pub fn along(&self, arc: &Arc) -> Option<(u32, bool)> {
        let segment = self.segments.get(arc.first as usize).filter(|_| arc.second == NONE)?;
        Some((arc.first, segment.from == arc.from))
    }

    /// Whether the segment comes within the circle.
    #[must_use]
    pub fn touches(&self, segment: u32, centre: Position, radius: f64) -> bool {
        self.line(segment).windows(2).any(|two| geometry::nearest(two[0], two[1], centre) <= radius)
    }

    /// The corners of the map: south-west and north-east; none of an empty one.
    #[must_use]
    pub fn corners(&self) -> Option<(Position, Position)> {
        let first = *self.shape.first()?;
        let (mut low, mut high) = (first, first);
        for p in &self.shape {
            (low.lat, low.lon) = (low.lat.min(p.lat), low.lon.min(p.lon));
            (high.lat, high.lon) = (high.lat.max(p.lat), high.lon.max(p.lon));
        }
        Some((low, high))
    }
}
