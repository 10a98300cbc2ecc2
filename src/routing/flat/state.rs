//! The plan being worked on, with an undo log.

use super::model::Model;

/// One stop in a lane, or a lane's start or end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) succ: u32,
    pub(crate) pred: u32,
    /// Lane, or the number of lanes when the customer is in none.
    pub(crate) lane: u32,
    /// Place of `succ`.
    pub(crate) succ_place: u32,
    /// Earliest departure.
    pub(crate) leave: i32,
    /// Latest start of service.
    pub(crate) late: i32,
    /// Cost of the arc to `succ`.
    pub(crate) gap: i32,
    /// Seconds of the arc to `succ`.
    pub(crate) hop: i32,
}

/// Free capacity and number of stops of a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    pub(crate) room: i32,
    pub(crate) len: u32,
}

/// A whole plan that can be put back.
#[derive(Debug, Clone)]
struct Saved {
    nodes: Vec<Node>,
    lanes: Vec<Lane>,
    absent: Vec<u32>,
    used: usize,
    cost: i64,
    rank: (i64, i64),
}

/// The plan, the removed customers of the running step, and what undoes the step.
pub(crate) struct State<'m> {
    pub(crate) model: &'m Model,
    pub(crate) nodes: Vec<Node>,
    /// One more than there are lanes: the last is "no lane" and has no room.
    pub(crate) lanes: Vec<Lane>,
    pub(crate) absent: Vec<u32>,
    pub(crate) used: usize,
    pub(crate) cost: i64,
    pub(crate) out: Vec<u32>,
    pub(crate) ruined: Vec<u32>,
    /// Average number of customers removed per step.
    pub(crate) intensity: f64,
    /// Twice the arc that an insertion is taken to replace at most: how far off it looks for places.
    pub(crate) slack: i32,
    spare: Vec<u32>,
    is_spare: Vec<bool>,
    step: u32,
    node_seen: Vec<u32>,
    lane_seen: Vec<u32>,
    node_log: Vec<(u32, Node)>,
    lane_log: Vec<(u32, Lane)>,
    before: (i64, usize),
    absent_before: Vec<u32>,
    best: Saved,
}

impl<'m> State<'m> {
    /// All customers in no lane.
    pub(crate) fn new(model: &'m Model) -> Self {
        let (n, lanes) = (model.n, model.lanes);
        let none = lanes as u32;
        let blank = Node { succ: 0, pred: 0, lane: none, succ_place: 0, leave: 0, late: 0, gap: 0, hop: 0 };
        let mut nodes = vec![blank; n + 2 * lanes];
        let (gap, hop) = (model.cost(n, n + 1), model.time(n, n + 1));
        for lane in 0..lanes {
            let (start, end) = (n + 2 * lane, n + 2 * lane + 1);
            let (open, close) = (model.facts[start].open, model.facts[end].close);
            let ends = (end as u32, start as u32);
            let at = Node { succ: ends.0, lane: lane as u32, succ_place: n as u32 + 1, gap, hop, ..blank };
            nodes[start] = Node { pred: ends.1, leave: open, late: close - hop, ..at };
            nodes[end] =
                Node { succ: ends.0, pred: ends.1, leave: open + hop, late: close, gap: 0, hop: 0, ..at };
        }
        let mut all = vec![Lane { room: model.capacity, len: 0 }; lanes];
        all.push(Lane { room: -1, len: 0 });
        let absent: Vec<u32> = (0..n as u32).collect();
        let cost = model.skip.iter().sum();
        let best = Saved {
            nodes: nodes.clone(),
            lanes: all.clone(),
            absent: absent.clone(),
            used: 0,
            cost,
            rank: (i64::MAX, i64::MAX),
        };
        State {
            model,
            node_seen: vec![0; nodes.len()],
            lane_seen: vec![0; all.len()],
            nodes,
            lanes: all,
            absent_before: absent.clone(),
            absent,
            used: 0,
            cost,
            out: Vec::new(),
            ruined: Vec::new(),
            intensity: 10.0,
            slack: i32::MAX / 2,
            spare: (0..none).rev().collect(),
            is_spare: vec![true; lanes],
            step: 1,
            node_log: Vec::new(),
            lane_log: Vec::new(),
            before: (cost, 0),
            best,
        }
    }

    /// The node for writing, logged on its first change in this step.
    #[inline]
    pub(crate) fn node(&mut self, at: usize) -> &mut Node {
        let node = &mut self.nodes[at];
        let seen = &mut self.node_seen[at];
        if *seen != self.step {
            *seen = self.step;
            self.node_log.push((at as u32, *node));
        }
        node
    }

    /// The lane for writing, logged likewise.
    #[inline]
    fn lane(&mut self, at: usize) -> &mut Lane {
        let lane = &mut self.lanes[at];
        let seen = &mut self.lane_seen[at];
        if *seen != self.step {
            *seen = self.step;
            self.lane_log.push((at as u32, *lane));
        }
        lane
    }

    /// Place of a node: customers stand at their own, lane ends at the depot's two.
    #[inline]
    pub(crate) fn place(&self, node: usize) -> usize {
        let n = self.model.n;
        if node < n { node } else { n + ((node - n) & 1) }
    }

    /// Whether what is left of the lane keeps its times when this piece goes (not sure where the direct way is
    /// longer than the one over the piece).
    pub(crate) fn can_cut(&self, first: usize, last: usize) -> bool {
        let (pred, succ) = (self.nodes[first].pred as usize, self.nodes[last].succ as usize);
        let drive = self.model.time(self.place(pred), self.place(succ));
        !self.model.timed || self.nodes[pred].leave + drive <= self.nodes[succ].late
    }

    /// Takes the piece from `first` to `last` (same lane, in order) out; they join the removed.
    pub(crate) fn cut(&mut self, first: usize, last: usize) {
        let (pred, succ) = (self.nodes[first].pred as usize, self.nodes[last].succ as usize);
        let lane = self.nodes[first].lane as usize;
        let none = self.model.lanes as u32;
        let (mut freed, mut demand, mut count, mut at) = (i64::from(self.nodes[pred].gap), 0, 0, first);
        loop {
            let node = self.node(at);
            node.lane = none;
            freed += i64::from(node.gap);
            let next = node.succ as usize;
            demand += self.model.facts[at].demand;
            count += 1;
            self.out.push(at as u32);
            if at == last {
                break;
            }
            at = next;
        }
        let (from, to) = (self.place(pred), self.place(succ));
        self.join(pred, succ, from, to);
        self.cost += i64::from(self.nodes[pred].gap) - freed;
        let lane_state = self.lane(lane);
        lane_state.room += demand;
        lane_state.len -= count;
        if lane_state.len == 0 {
            self.used -= 1;
            self.cost -= self.model.fixed;
            self.note_spare(lane as u32);
        }
        if self.model.timed {
            self.push_forward(pred);
            self.push_back(succ);
        }
    }

    /// Puts customer `c` behind node `after`; `delta` is the change of arc costs.
    pub(crate) fn insert(&mut self, c: usize, after: usize, delta: i32) {
        let (lane, succ) = (self.nodes[after].lane, self.nodes[after].succ as usize);
        let (from, to) = (self.place(after), self.place(succ));
        self.node(c).lane = lane;
        self.join(after, c, from, c);
        self.join(c, succ, c, to);
        self.cost += i64::from(delta);
        let demand = self.model.facts[c].demand;
        let lane_state = self.lane(lane as usize);
        lane_state.room -= demand;
        lane_state.len += 1;
        if lane_state.len == 1 {
            self.used += 1;
            self.cost += self.model.fixed;
        }
        if self.model.timed {
            self.push_forward(after);
            self.push_back(succ);
        }
    }

    #[inline]
    fn join(&mut self, a: usize, b: usize, from: usize, to: usize) {
        let at = from * self.model.places + to;
        let (gap, hop) = (self.model.arcs[at], self.model.arcs[self.model.time_from + at]);
        let node = self.node(a);
        node.succ = b as u32;
        node.succ_place = to as u32;
        node.gap = gap;
        node.hop = hop;
        self.node(b).pred = a as u32;
    }

    /// Earliest departures behind `from`, until nothing changes any more.
    fn push_forward(&mut self, from: usize) {
        let n = self.model.n;
        let mut at = from;
        loop {
            let node = self.nodes[at];
            let next = node.succ as usize;
            let facts = self.model.facts[next];
            let leave = (node.leave + node.hop).max(facts.open) + facts.service;
            if self.nodes[next].leave != leave {
                self.node(next).leave = leave;
            } else if at != from {
                return;
            }
            if next >= n {
                return;
            }
            at = next;
        }
    }

    /// Latest starts before `from`, until nothing changes any more.
    fn push_back(&mut self, from: usize) {
        let n = self.model.n;
        let mut at = from;
        loop {
            let late = self.nodes[at].late;
            let before = self.nodes[at].pred as usize;
            let facts = self.model.facts[before];
            let late = facts.close.min(late - self.nodes[before].hop - facts.service);
            if self.nodes[before].late != late {
                self.node(before).late = late;
            } else if at != from {
                return;
            }
            if before >= n {
                return;
            }
            at = before;
        }
    }

    fn note_spare(&mut self, lane: u32) {
        if !self.is_spare[lane as usize] {
            self.is_spare[lane as usize] = true;
            self.spare.push(lane);
        }
    }

    /// An empty lane, if there is one.
    pub(crate) fn empty_lane(&mut self) -> Option<usize> {
        while let Some(&lane) = self.spare.last() {
            if self.lanes[lane as usize].len == 0 {
                return Some(lane as usize);
            }
            self.is_spare[lane as usize] = false;
            self.spare.pop();
        }
        None
    }

    /// Ends the step and keeps it.
    pub(crate) fn keep(&mut self) {
        self.node_log.clear();
        self.lane_log.clear();
        self.next_step();
    }

    /// Ends the step and undoes it.
    pub(crate) fn undo(&mut self) {
        while let Some((at, node)) = self.node_log.pop() {
            self.nodes[at as usize] = node;
        }
        while let Some((at, lane)) = self.lane_log.pop() {
            self.lanes[at as usize] = lane;
            if lane.len == 0 {
                self.note_spare(at);
            }
        }
        (self.cost, self.used) = self.before;
        self.absent.clone_from(&self.absent_before);
        self.next_step();
    }

    fn next_step(&mut self) {
        self.before = (self.cost, self.used);
        if !(self.absent.is_empty() && self.absent_before.is_empty()) {
            self.absent_before.clone_from(&self.absent);
        }
        self.step = self.step.wrapping_add(1);
        if self.step == 0 {
            self.node_seen.fill(0);
            self.lane_seen.fill(0);
            self.step = 1;
        }
    }

    /// Remembers the plan as the best.
    pub(crate) fn save(&mut self) {
        self.best.nodes.copy_from_slice(&self.nodes);
        self.best.lanes.copy_from_slice(&self.lanes);
        self.best.absent.clone_from(&self.absent);
        self.best.used = self.used;
        self.best.cost = self.cost;
        self.best.rank = self.rank();
    }

    /// Weight of absent customers, then cost without the penalties of those that have a weight.
    pub(crate) fn rank(&self) -> (i64, i64) {
        let (mut weight, mut cost) = (0, self.cost);
        for &c in &self.absent {
            let skip = self.model.skip[c as usize];
            if self.model.weight[c as usize] > 0 {
                weight += self.model.weight[c as usize];
                cost -= skip;
            }
        }
        (weight, cost)
    }

    /// Goes on from another search's best plan.
    pub(crate) fn adopt(&mut self, other: &Self) {
        self.best.clone_from(&other.best);
        self.nodes.copy_from_slice(&self.best.nodes);
        self.lanes.copy_from_slice(&self.best.lanes);
        self.absent.clone_from(&self.best.absent);
        (self.used, self.cost) = (self.best.used, self.best.cost);
        for lane in 0..self.model.lanes {
            if self.lanes[lane].len == 0 {
                self.note_spare(lane as u32);
            }
        }
        self.keep();
    }

    /// Rank of the best plan.
    pub(crate) fn best_rank(&self) -> (i64, i64) {
        self.best.rank
    }

    /// Routes of the best plan as jobs in order.
    pub(crate) fn best_routes(&self) -> Vec<Vec<usize>> {
        let jobs = |route: &Vec<u32>| route.iter().map(|&c| self.model.jobs[c as usize]).collect();
        self.routes_in(&self.best.nodes).iter().map(jobs).collect()
    }

    /// Lanes in use, customers in order.
    pub(crate) fn routes(&self) -> Vec<Vec<u32>> {
        self.routes_in(&self.nodes)
    }

    fn routes_in(&self, nodes: &[Node]) -> Vec<Vec<u32>> {
        let n = self.model.n;
        let walk = |lane: usize| {
            let first = nodes[n + 2 * lane].succ;
            let on = std::iter::successors(Some(first), |&at| Some(nodes[at as usize].succ));
            on.take_while(|&at| (at as usize) < n).collect()
        };
        (0..self.model.lanes).map(walk).filter(|route: &Vec<u32>| !route.is_empty()).collect()
    }

    /// Takes every customer out; the best plan stays known.
    pub(crate) fn clear(&mut self) {
        let best = self.best.clone();
        *self = State { best, ..State::new(self.model) };
    }

    /// Puts given routes in place of the plan (all customers absent before); what does not fit stays absent.
    pub(crate) fn load(&mut self, routes: &[Vec<u32>]) {
        for (lane, route) in routes.iter().enumerate().take(self.model.lanes) {
            let mut after = self.model.n + 2 * lane;
            for c in route.iter().map(|&c| c as usize) {
                if self.nodes[c].lane as usize == self.model.lanes
                    && let Some(delta) = self.fits(c, after)
                {
                    self.insert(c, after, delta);
                    self.cost -= self.model.skip[c];
                    after = c;
                }
            }
        }
        let (nodes, lanes) = (&self.nodes, self.model.lanes);
        self.absent.retain(|&c| nodes[c as usize].lane as usize == lanes);
        self.keep();
    }
}
