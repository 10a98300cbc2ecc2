//! From an extract to a graph: ways that can be driven, cut at every crossing.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::contract;
use super::graph::{Arc, Graph, Lists, NONE, Segment, number};
use super::osm;
use super::pbf::{Block, Blocks};
use super::profile::{self, Drive};
use super::{Limits, MapError};
use crate::base::units::Position;
use crate::travel::geometry;

/// Ways as they were read.
#[derive(Default)]
struct Read {
    /// Each way's first node in `nodes`, and how it may be driven.
    ways: Vec<(usize, Drive)>,
    /// Nodes of all ways, way after way.
    nodes: Vec<i64>,
}

/// The graph of the roads in the extract at `path`, ready to be asked.
///
/// # Errors
/// When the file can't be read, is damaged or too large, or holds no roads.
pub fn graph(path: &Path, limits: Limits) -> Result<Graph, MapError> {
    let bytes = std::fs::metadata(path).map_err(|e| MapError::io(path, e))?.len();
    if bytes > limits.bytes {
        return Err(MapError::TooLarge { what: "bytes", found: bytes, most: limits.bytes });
    }
    let read = ways(path, limits)?;
    if read.ways.is_empty() {
        return Err(MapError::NoRoads);
    }
    let mut ids = read.nodes.clone();
    ids.sort_unstable();
    ids.dedup();
    let places = places(path, &ids)?;
    let mut graph = assembled(&read, &ids, &places);
    if graph.segments.is_empty() {
        return Err(MapError::NoRoads);
    }
    graph.is_main = main(graph.nodes.len(), &graph.arcs);
    contract::contract(&mut graph);
    Ok(graph)
}

fn blocks(path: &Path, mut f: impl FnMut(&Block) -> Result<(), MapError>) -> Result<(), MapError> {
    let file = File::open(path).map_err(|e| MapError::io(path, e))?;
    let mut blocks = Blocks::new(BufReader::with_capacity(1 << 20, file));
    let mut any = false;
    while let Some(block) = blocks.advance()? {
        any = true;
        f(&block)?;
    }
    if any { Ok(()) } else { Err(MapError::damaged(0, "it is empty")) }
}

fn ways(path: &Path, limits: Limits) -> Result<Read, MapError> {
    let mut read = Read::default();
    blocks(path, |block| {
        let damaged = |why| MapError::damaged(block.at, why);
        if block.is_heading {
            return osm::heading(&block.bytes).map_err(damaged);
        }
        osm::ways(&block.bytes, |way| {
            if let Some(drive) = profile::drive(way).filter(|_| way.nodes.len() > 1) {
                read.ways.push((read.nodes.len(), drive));
                read.nodes.extend(&way.nodes);
            }
            Ok(())
        })
        .map_err(damaged)?;
        if read.nodes.len() > limits.points {
            let (found, most) = (read.nodes.len() as u64, limits.points as u64);
            return Err(MapError::TooLarge { what: "points of roads", found, most });
        }
        Ok(())
    })?;
    Ok(read)
}

/// Where each of `ids` is; none for those the extract was cut off before.
fn places(path: &Path, ids: &[i64]) -> Result<Vec<Option<Position>>, MapError> {
    let mut out = vec![None; ids.len()];
    blocks(path, |block| {
        if block.is_heading {
            return Ok(());
        }
        osm::nodes(&block.bytes, |id, position| {
            if let Ok(at) = ids.binary_search(&id) {
                out[at] = Some(position);
            }
            Ok(())
        })
        .map_err(|why| MapError::damaged(block.at, why))
    })?;
    Ok(out)
}

fn assembled(read: &Read, ids: &[i64], places: &[Option<Position>]) -> Graph {
    let at: Vec<usize> = read.nodes.iter().map(|id| ids.binary_search(id).unwrap_or_default()).collect();
    let ends = |n: usize| read.ways.get(n + 1).map_or(read.nodes.len(), |(next, _)| *next);
    // A node is a crossing where ways meet or end, and where the extract was cut.
    let mut uses = vec![0_u8; ids.len()];
    for (n, (first, _)) in read.ways.iter().enumerate() {
        let way = &at[*first..ends(n)];
        for (i, node) in way.iter().enumerate() {
            let is_end = i == 0 || i + 1 == way.len();
            uses[*node] = uses[*node].saturating_add(if is_end { 2 } else { 1 });
        }
    }
    let mut maker = Maker { graph: Graph::default(), number_of: HashMap::new(), places };
    for (n, (first, drive)) in read.ways.iter().enumerate() {
        let mut piece: Vec<usize> = Vec::new();
        for node in &at[*first..ends(n)] {
            if places[*node].is_none() {
                maker.segment(&piece, drive);
                piece.clear();
                continue;
            }
            if piece.last() == Some(node) {
                continue;
            }
            piece.push(*node);
            if piece.len() > 1 && uses[*node] > 1 {
                maker.segment(&piece, drive);
                piece = vec![*node];
            }
        }
        maker.segment(&piece, drive);
    }
    let mut graph = maker.graph;
    graph.arcs = arcs(&graph.segments);
    graph.plain = number(graph.arcs.len());
    graph
}

struct Maker<'a> {
    graph: Graph,
    number_of: HashMap<usize, u32>,
    places: &'a [Option<Position>],
}

impl Maker<'_> {
    fn node(&mut self, at: usize) -> u32 {
        let nodes = &mut self.graph.nodes;
        let places = self.places;
        *self.number_of.entry(at).or_insert_with(|| {
            nodes.push(places[at].unwrap_or_default());
            number(nodes.len() - 1)
        })
    }

    fn segment(&mut self, piece: &[usize], drive: &Drive) {
        let [first, .., last] = piece else { return };
        let (from, to) = (self.node(*first), self.node(*last));
        let line: Vec<Position> = piece.iter().filter_map(|n| self.places[*n]).collect();
        let metres: f64 = line.windows(2).map(|two| geometry::metres(two[0], two[1])).sum();
        let time = metres * 3_600.0 / drive.kmh;
        let whole = |x: f64| x.round().clamp(1.0, f64::from(1_u32 << 30)) as u32;
        self.graph.segments.push(Segment {
            from,
            to,
            shape: number(self.graph.shape.len()),
            metres: whole(metres),
            time: whole(time),
            ways: u8::from(drive.forth) | (u8::from(drive.back) << 1),
            class: drive.class as u8,
        });
        self.graph.shape.extend(line);
    }
}

/// An arc for each direction of each segment.
fn arcs(segments: &[Segment]) -> Vec<Arc> {
    let mut arcs = Vec::with_capacity(segments.len() * 2);
    for (n, s) in segments.iter().enumerate().filter(|(_, s)| s.from != s.to) {
        let arc = |from, to| Arc { from, to, time: s.time, metres: s.metres, first: number(n), second: NONE };
        if s.ways & 1 != 0 {
            arcs.push(arc(s.from, s.to));
        }
        if s.ways & 2 != 0 {
            arcs.push(arc(s.to, s.from));
        }
    }
    arcs
}

/// Arcs by where they begin, or end.
#[must_use]
pub fn lists(nodes: usize, arcs: &[Arc], end: impl Fn(&Arc) -> u32) -> Lists {
    let mut lists = vec![Vec::new(); nodes];
    for (n, arc) in arcs.iter().enumerate() {
        lists[end(arc) as usize].push(number(n));
    }
    Lists::of(&lists)
}

/// Which nodes belong to the largest part of the map in which one gets from everywhere to everywhere.
fn main(nodes: usize, arcs: &[Arc]) -> Vec<bool> {
    let (out, back) = (lists(nodes, arcs, |a| a.from), lists(nodes, arcs, |a| a.to));
    // Forth in the order of leaving, then back in the opposite order: each round finds one part.
    let mut order = Vec::with_capacity(nodes);
    let mut seen = vec![false; nodes];
    let mut stack: Vec<(u32, usize)> = Vec::new();
    for root in 0..number(nodes) {
        if std::mem::replace(&mut seen[root as usize], true) {
            continue;
        }
        stack.push((root, 0));
        while let Some((node, next)) = stack.pop() {
            let Some(arc) = out.of_node(node).get(next) else {
                order.push(node);
                continue;
            };
            stack.push((node, next + 1));
            let to = arcs[*arc as usize].to;
            if !std::mem::replace(&mut seen[to as usize], true) {
                stack.push((to, 0));
            }
        }
    }
    let mut part = vec![NONE; nodes];
    let (mut sizes, mut open): (Vec<usize>, Vec<u32>) = (Vec::new(), Vec::new());
    for root in order.into_iter().rev() {
        if part[root as usize] != NONE {
            continue;
        }
        let own = number(sizes.len());
        sizes.push(0);
        part[root as usize] = own;
        open.push(root);
        while let Some(node) = open.pop() {
            sizes[own as usize] += 1;
            for arc in back.of_node(node) {
                let from = arcs[*arc as usize].from;
                if part[from as usize] == NONE {
                    part[from as usize] = own;
                    open.push(from);
                }
            }
        }
    }
    let largest = sizes.iter().enumerate().max_by_key(|(n, size)| (**size, std::cmp::Reverse(*n)));
    let largest = largest.map_or(NONE, |(n, _)| number(n));
    part.into_iter().map(|p| p == largest).collect()
}
