//! Ways in the hierarchy: between many places at once, and one way with its shape. And without it, where roads are closed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::build::lists;
use super::graph::{Arc, Graph, Lists, NONE, Segment};
use super::snap::On;
use crate::base::units::Position;

/// Milliseconds and metres.
pub type Cost = (u32, u32);

/// A node and what it takes to get there, or from there.
pub type Seed = (u32, Cost);

/// Where one can go from a place on a road: its ends, as far as it may be driven.
#[must_use]
pub fn begins(graph: &Graph, on: &On) -> Vec<Seed> {
    ends(graph, on, 1, 2)
}

/// From where one comes to a place on a road.
#[must_use]
pub fn comes(graph: &Graph, on: &On) -> Vec<Seed> {
    ends(graph, on, 2, 1)
}

fn ends(graph: &Graph, on: &On, towards_end: u8, towards_start: u8) -> Vec<Seed> {
    let segment = &graph.segments[on.segment as usize];
    let mut out = Vec::with_capacity(2);
    if segment.ways & towards_end != 0 {
        out.push((segment.to, part(segment, 1.0 - on.part)));
    }
    if segment.ways & towards_start != 0 {
        out.push((segment.from, part(segment, on.part)));
    }
    out
}

fn part(segment: &Segment, share: f64) -> Cost {
    let of = |n: u32| (f64::from(n) * share).round() as u32;
    (of(segment.time), of(segment.metres))
}

/// From one place on a segment to another on the same one without leaving it, where that may be driven.
fn within(graph: &Graph, a: &On, b: &On) -> Option<Cost> {
    if a.segment != b.segment {
        return None;
    }
    let segment = &graph.segments[a.segment as usize];
    let way = if b.part >= a.part { 1 } else { 2 };
    (segment.ways & way != 0 || (b.part - a.part).abs() < f64::EPSILON)
        .then(|| part(segment, (b.part - a.part).abs()))
}

fn plus(a: Cost, b: Cost) -> Cost {
    (a.0.saturating_add(b.0), a.1.saturating_add(b.1))
}

/// Nodes that a search settled, with what they take.
type Settled = Vec<(u32, Cost)>;

/// Everything upwards of `seeds`.
fn upwards(
    graph: &Graph,
    seeds: &[Seed],
    lists: &Lists,
    other_end: impl Fn(&Arc) -> u32,
    mut from: Option<&mut HashMap<u32, u32>>,
) -> Settled {
    let mut best: HashMap<u32, Cost> = HashMap::new();
    let mut queue: BinaryHeap<Reverse<(Cost, u32)>> = BinaryHeap::new();
    let mut settled = Vec::new();
    for (node, cost) in seeds {
        let known = best.entry(*node).or_insert((u32::MAX, u32::MAX));
        if cost < known {
            *known = *cost;
            queue.push(Reverse((*cost, *node)));
        }
    }
    while let Some(Reverse((cost, node))) = queue.pop() {
        if best.get(&node).is_some_and(|b| *b < cost) {
            continue;
        }
        settled.push((node, cost));
        for id in lists.of_node(node) {
            let arc = &graph.arcs[*id as usize];
            let (to, then) = (other_end(arc), plus(cost, (arc.time, arc.metres)));
            let known = best.entry(to).or_insert((u32::MAX, u32::MAX));
            if then < *known {
                *known = then;
                queue.push(Reverse((then, to)));
                if let Some(from) = from.as_deref_mut() {
                    from.insert(to, *id);
                }
            }
        }
    }
    settled
}

/// Between all of `places`, row by row; none where no road leads.
#[must_use]
pub fn many(graph: &Graph, places: &[On]) -> Vec<Option<Cost>> {
    // At each node what it takes from there to each target that a search from below has reached.
    let mut buckets: HashMap<u32, Vec<(u32, Cost)>> = HashMap::new();
    for (n, on) in places.iter().enumerate() {
        for (node, cost) in upwards(graph, &comes(graph, on), &graph.down, |a| a.from, None) {
            buckets.entry(node).or_default().push((n as u32, cost));
        }
    }
    let mut out = vec![None; places.len() * places.len()];
    for (row, on) in out.chunks_mut(places.len().max(1)).zip(places) {
        for (node, cost) in upwards(graph, &begins(graph, on), &graph.up, |a| a.to, None) {
            for (target, rest) in buckets.get(&node).into_iter().flatten() {
                let whole = plus(cost, *rest);
                let cell: &mut Option<Cost> = &mut row[*target as usize];
                if cell.is_none_or(|known| whole < known) {
                    *cell = Some(whole);
                }
            }
        }
        along(graph, on, places, row);
    }
    out
}

/// Where both are on one segment the way may not leave it.
fn along(graph: &Graph, on: &On, places: &[On], row: &mut [Option<Cost>]) {
    for (cell, other) in row.iter_mut().zip(places) {
        if let Some(cost) = within(graph, on, other)
            && cell.is_none_or(|known| cost < known)
        {
            *cell = Some(cost);
        }
    }
}

/// The same on the roads alone, for which of them `is_open`: what closures take. Nothing of it was prepared, so it takes
/// its time.
#[must_use]
pub fn many_without(graph: &Graph, places: &[On], is_open: &dyn Fn(u32) -> bool) -> Vec<Option<Cost>> {
    let plain = &graph.arcs[..graph.plain as usize];
    let out_of = lists(graph.nodes.len(), plain, |a| a.from);
    let open: Vec<bool> = (0..graph.segments.len() as u32).map(is_open).collect();
    let mut wanted: HashMap<u32, Vec<(usize, Cost)>> = HashMap::new();
    for (n, on) in places.iter().enumerate().filter(|(_, on)| open[on.segment as usize]) {
        for (node, cost) in comes(graph, on) {
            wanted.entry(node).or_default().push((n, cost));
        }
    }
    let mut out = vec![None; places.len() * places.len()];
    for (row, on) in out.chunks_mut(places.len().max(1)).zip(places) {
        if !open[on.segment as usize] {
            continue;
        }
        let mut left = wanted.len();
        let mut best = vec![(u32::MAX, u32::MAX); graph.nodes.len()];
        let mut queue: BinaryHeap<Reverse<(Cost, u32)>> = BinaryHeap::new();
        for (node, cost) in begins(graph, on) {
            if cost < best[node as usize] {
                best[node as usize] = cost;
                queue.push(Reverse((cost, node)));
            }
        }
        while let Some(Reverse((cost, node))) = queue.pop() {
            if best[node as usize] < cost {
                continue;
            }
            if let Some(targets) = wanted.get(&node) {
                for (target, rest) in targets {
                    let whole = plus(cost, *rest);
                    let cell: &mut Option<Cost> = &mut row[*target];
                    if cell.is_none_or(|known| whole < known) {
                        *cell = Some(whole);
                    }
                }
                left -= 1;
                if left == 0 {
                    break;
                }
            }
            for id in out_of.of_node(node) {
                let arc = &plain[*id as usize];
                let then = plus(cost, (arc.time, arc.metres));
                if open[arc.first as usize] && then < best[arc.to as usize] {
                    best[arc.to as usize] = then;
                    queue.push(Reverse((then, arc.to)));
                }
            }
        }
        along(graph, on, places, row);
    }
    out
}

/// The line one drives from one place to another; none where no road leads.
#[must_use]
pub fn way(graph: &Graph, a: &On, b: &On) -> Option<Vec<Position>> {
    let (mut forth, mut back) = (HashMap::new(), HashMap::new());
    let ups = upwards(graph, &begins(graph, a), &graph.up, |arc| arc.to, Some(&mut forth));
    let downs = upwards(graph, &comes(graph, b), &graph.down, |arc| arc.from, Some(&mut back));
    let downs: HashMap<u32, Cost> = downs.into_iter().collect();
    let met = ups.into_iter().filter_map(|(node, c)| Some((plus(c, *downs.get(&node)?), node))).min();
    let straight = within(graph, a, b);
    let Some((cost, top)) = met.filter(|(cost, _)| straight.is_none_or(|s| *cost < s)) else {
        return straight.map(|_| vec![a.at, b.at]);
    };
    let _ = cost;
    let mut arcs = Vec::new();
    let mut node = top;
    while let Some(id) = forth.get(&node) {
        arcs.push(*id);
        node = graph.arcs[*id as usize].from;
    }
    arcs.reverse();
    let first = node;
    node = top;
    while let Some(id) = back.get(&node) {
        arcs.push(*id);
        node = graph.arcs[*id as usize].to;
    }
    let last = node;
    let mut line = vec![a.at];
    stub(graph, a, first, true, &mut line);
    for id in arcs {
        unpack(graph, id, &mut line);
    }
    stub(graph, b, last, false, &mut line);
    line.push(b.at);
    line.dedup();
    Some(line)
}

/// The piece of road between a place and the end its way begins at, or comes from.
fn stub(graph: &Graph, on: &On, node: u32, leaves: bool, line: &mut Vec<Position>) {
    let segment = &graph.segments[on.segment as usize];
    let shape = graph.line(on.segment);
    // Behind the place lies the part of the shape that follows the piece it is on.
    let (before, behind) = shape.split_at((on.piece + 1).min(shape.len()));
    match (leaves, segment.to == node && (segment.from != node || on.part > 0.5)) {
        (true, true) => line.extend(behind),
        (true, false) => line.extend(before.iter().rev()),
        (false, true) => line.extend(behind.iter().rev()),
        (false, false) => line.extend(before),
    }
}

/// Adds the shape of an arc.
fn unpack(graph: &Graph, id: u32, line: &mut Vec<Position>) {
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        let arc = &graph.arcs[id as usize];
        if arc.second != NONE {
            stack.push(arc.second);
            stack.push(arc.first);
        } else if let Some((segment, is_forth)) = graph.along(arc) {
            let shape = graph.line(segment);
            if is_forth {
                line.extend(shape);
            } else {
                line.extend(shape.iter().rev());
            }
        }
    }
}
