//! The hierarchy: nodes are taken out one after the other, the least needed first, and where the best way between two of
//! their neighbours led through them a shortcut takes its place. What is asked later only goes upwards from both ends.
//! (Geisberger, Sanders, Schultes, Delling: Contraction Hierarchies, 2008.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::{Arc, Graph, Lists, number};

/// Nodes a search for another way looks at before it gives up. Giving up only costs a shortcut too many.
const LOOKED_AT: usize = 400;

/// Builds the hierarchy of `graph`.
pub fn contract(graph: &mut Graph) {
    let mut work = Work::of(graph);
    let n = graph.nodes.len();
    let mut queue: BinaryHeap<Reverse<(i64, u32)>> = BinaryHeap::with_capacity(n);
    for node in 0..number(n) {
        queue.push(Reverse((work.worth(node), node)));
    }
    let (mut up, mut down) = (vec![Vec::new(); n], vec![Vec::new(); n]);
    while let Some(Reverse((was, node))) = queue.pop() {
        // What was true of it before its neighbours went may not be now.
        let is = work.worth(node);
        if is > was && queue.peek().is_some_and(|Reverse((next, _))| is > *next) {
            queue.push(Reverse((is, node)));
            continue;
        }
        let cut = work.shortcuts(node);
        up[node as usize] = std::mem::take(&mut work.out[node as usize]);
        down[node as usize] = std::mem::take(&mut work.back[node as usize]);
        work.take_out(node, &up[node as usize], &down[node as usize]);
        cut.into_iter().for_each(|arc| work.add(arc));
    }
    graph.arcs = work.arcs;
    (graph.up, graph.down) = (Lists::of(&up), Lists::of(&down));
}

/// What is left of the graph.
struct Work {
    arcs: Vec<Arc>,
    /// Arcs out of a node and into it, among those that are left.
    out: Vec<Vec<u32>>,
    back: Vec<Vec<u32>>,
    /// How deep the hierarchy below a node is.
    depth: Vec<u32>,
    search: Search,
}

impl Work {
    fn of(graph: &Graph) -> Self {
        let n = graph.nodes.len();
        let mut work = Self {
            arcs: graph.arcs.clone(),
            out: vec![Vec::new(); n],
            back: vec![Vec::new(); n],
            depth: vec![0; n],
            search: Search::of(n),
        };
        for id in 0..number(work.arcs.len()) {
            work.link(id);
        }
        work
    }

    /// Puts an arc among those that are left, unless there is a better one; a worse one makes way.
    fn link(&mut self, id: u32) {
        let arc = self.arcs[id as usize];
        let (out, back) = (&mut self.out[arc.from as usize], &mut self.back[arc.to as usize]);
        let same = out.iter().position(|other| self.arcs[*other as usize].to == arc.to);
        match same {
            Some(at) if better(&arc, &self.arcs[out[at] as usize]) => {
                let old = std::mem::replace(&mut out[at], id);
                if let Some(place) = back.iter_mut().find(|other| **other == old) {
                    *place = id;
                }
            }
            Some(_) => {}
            None => {
                out.push(id);
                back.push(id);
            }
        }
    }

    fn add(&mut self, arc: Arc) {
        self.arcs.push(arc);
        self.link(number(self.arcs.len() - 1));
    }

    /// How much is lost by taking a node out: shortcuts it takes against arcs that go, and how deep it lies.
    fn worth(&mut self, node: u32) -> i64 {
        let gone = self.out[node as usize].len() + self.back[node as usize].len();
        let needed = self.shortcuts(node).len();
        2 * needed as i64 - gone as i64 + i64::from(self.depth[node as usize])
    }

    /// The shortcuts that taking `node` out takes.
    fn shortcuts(&mut self, node: u32) -> Vec<Arc> {
        let mut cut = Vec::new();
        let Self { arcs, out, back, search, .. } = self;
        let (into, from) = (&back[node as usize], &out[node as usize]);
        let furthest = from.iter().map(|id| arcs[*id as usize].time).max().unwrap_or(0);
        for first in into {
            let one = arcs[*first as usize];
            search.run((arcs, out), one.from, node, one.time.saturating_add(furthest));
            for second in from {
                let two = arcs[*second as usize];
                let time = one.time.saturating_add(two.time);
                if two.to == one.from || search.time(two.to) <= time {
                    continue;
                }
                let metres = one.metres.saturating_add(two.metres);
                cut.push(Arc { from: one.from, to: two.to, time, metres, first: *first, second: *second });
            }
        }
        cut
    }

    /// Takes the arcs of `node` away from its neighbours.
    fn take_out(&mut self, node: u32, up: &[u32], down: &[u32]) {
        let below = self.depth[node as usize] + 1;
        for id in up {
            let other = self.arcs[*id as usize].to as usize;
            self.back[other].retain(|a| a != id);
            self.depth[other] = self.depth[other].max(below);
        }
        for id in down {
            let other = self.arcs[*id as usize].from as usize;
            self.out[other].retain(|a| a != id);
            self.depth[other] = self.depth[other].max(below);
        }
    }
}

/// Faster, and of two as fast the shorter one.
fn better(a: &Arc, b: &Arc) -> bool {
    (a.time, a.metres) < (b.time, b.metres)
}

/// A search for another way, that leaves one node out.
struct Search {
    times: Vec<u32>,
    touched: Vec<u32>,
    queue: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Search {
    fn of(nodes: usize) -> Self {
        Self { times: vec![u32::MAX; nodes], touched: Vec::new(), queue: BinaryHeap::new() }
    }

    /// What was found for `node`; it may be too long, never too short.
    fn time(&self, node: u32) -> u32 {
        self.times[node as usize]
    }

    fn run(&mut self, (arcs, out): (&[Arc], &[Vec<u32>]), from: u32, without: u32, most: u32) {
        for node in self.touched.drain(..) {
            self.times[node as usize] = u32::MAX;
        }
        self.queue.clear();
        self.times[from as usize] = 0;
        self.touched.push(from);
        self.queue.push(Reverse((0, from)));
        let mut looked = 0;
        while let Some(Reverse((time, node))) = self.queue.pop() {
            if time > self.times[node as usize] {
                continue;
            }
            looked += 1;
            if time > most || looked > LOOKED_AT {
                return;
            }
            for id in &out[node as usize] {
                let arc = &arcs[*id as usize];
                let then = time.saturating_add(arc.time);
                if arc.to == without || then >= self.times[arc.to as usize] {
                    continue;
                }
                if self.times[arc.to as usize] == u32::MAX {
                    self.touched.push(arc.to);
                }
                self.times[arc.to as usize] = then;
                self.queue.push(Reverse((then, arc.to)));
            }
        }
    }
}
