//! Where a job could go in one route, and at what cost.

use super::model::{Job, Model, Role};
use super::route::Route;
use super::timeline::feasible;
use crate::routing::rng::Rng;

/// Chance (of 65,536) to overlook a place: 0.01.
const BLINK: u64 = 655;

/// A way to serve a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    /// One stop at a position.
    One(usize),
    /// Fetched at the first position, dropped at the second (both counted before the insertion).
    Two(usize, usize),
    /// One stop at a position with a visit of this loading place before (`true`) or after it.
    Reload(usize, u32, bool),
}

/// The cheapest found so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) delta: i64,
    pub(crate) found: Option<(usize, Spot)>,
}

impl Best {
    pub(crate) fn new() -> Self {
        Best { delta: i64::MAX, found: None }
    }
}

impl Model<'_> {
    /// Visits of a route with the job put in.
    pub(crate) fn with(&self, visits: &[u32], job: &Job, spot: Spot) -> Vec<u32> {
        let mut list = Vec::with_capacity(visits.len() + 2);
        match spot {
            Spot::One(i) => {
                list.extend_from_slice(&visits[..i]);
                list.push(job.first);
                list.extend_from_slice(&visits[i..]);
            }
            Spot::Two(i, j) => {
                list.extend_from_slice(&visits[..i]);
                list.push(job.first);
                list.extend_from_slice(&visits[i..j]);
                list.extend(job.second);
                list.extend_from_slice(&visits[j..]);
            }
            Spot::Reload(i, node, ahead) => {
                list.extend_from_slice(&visits[..i]);
                list.extend(if ahead { [node, job.first] } else { [job.first, node] });
                list.extend_from_slice(&visits[i..]);
            }
        }
        list
    }

    /// Improves `best` with the places of one vehicle's route.
    pub(crate) fn try_route(&self, car: usize, route: &Route, job: usize, best: &mut Best, rng: &mut Rng) {
        let rules = &self.cars[car];
        let needed = if self.jobs[job].second.is_some() { 2 } else { 1 };
        if !self.may(car, job) || route.stops + needed > rules.max_stops {
            return;
        }
        let found = best.found;
        if self.jobs[job].second.is_some() {
            self.try_pair(car, route, job, best, rng);
        } else {
            self.try_one(car, route, job, best, rng);
            if best.found == found && rules.reload.is_some() {
                self.try_reload(car, route, job, best);
            }
        }
    }

    /// Fixed cost that opening this route adds.
    fn opening(&self, car: usize, route: &Route) -> i64 {
        if route.visits.is_empty() {
            let rules = &self.cars[car];
            let direct = rules.start as usize * self.places + rules.end as usize;
            rules.fixed + i64::from(self.arcs[rules.arcs].cost[direct])
        } else {
            0
        }
    }

    /// Whether the longer route keeps to the limit of metres.
    fn metres_allow(&self, car: usize, route: &Route, visits: impl FnOnce() -> Vec<u32>) -> bool {
        let Some(max) = self.cars[car].max_metres else { return true };
        let (rules, list) = (&self.cars[car], visits());
        let metres = &self.problem.profiles[rules.profile].metres;
        let drive = |i| {
            let from = self.place_before(rules, &list, i);
            i64::from(metres[from * self.places + self.place_after(rules, &list, i)])
        };
        route.metres <= max && (0..=list.len()).map(drive).sum::<i64>() <= max
    }

    /// Last word on a place that is the cheapest so far.
    fn confirm(&self, car: usize, route: &Route, job: usize, spot: Spot) -> bool {
        let job = &self.jobs[job];
        self.metres_allow(car, route, || self.with(&route.visits, job, spot))
            && (self.cars[car].plain()
                || feasible(self, &self.cars[car], &self.with(&route.visits, job, spot)))
    }

    fn try_one(&self, car: usize, route: &Route, job: usize, best: &mut Best, rng: &mut Rng) {
        let (rules, dims) = (&self.cars[car], self.dims);
        let (arcs, size) = (&self.arcs[rules.arcs], self.places);
        let visit = self.jobs[job].first;
        let node = &self.nodes[visit as usize];
        let (here, amount) = (node.place as usize, self.amount(visit));
        let peaks = if node.role == Role::Deliver { &route.peak_before } else { &route.peak_after };
        let opening = self.opening(car, route);
        let mut from = self.place_before(rules, &route.visits, rules.locked.len());
        for i in rules.locked.len()..=route.visits.len() {
            let to = self.place_after(rules, &route.visits, i);
            let (into, onward) = (from * size + here, here * size + to);
            let direct = arcs.cost[from * size + to];
            let delta =
                i64::from(arcs.cost[into]) + i64::from(arcs.cost[onward]) - i64::from(direct) + opening;
            from = to;
            if delta >= best.delta {
                continue;
            }
            let room = (0..dims).all(|d| {
                i64::from(peaks[i * dims + d]) + i64::from(amount[d]) <= i64::from(rules.capacity[d])
            });
            if !room {
                continue;
            }
            let Some(start) = node.start(route.leave[i] + arcs.time[into]) else { continue };
            if start + node.service + arcs.time[onward] > route.late[i] || rng.chance(BLINK) {
                continue;
            }
            if self.confirm(car, route, job, Spot::One(i)) {
                *best = Best { delta, found: Some((car, Spot::One(i))) };
            }
        }
    }

    /// Pickup at each position; then on through the route, dropping at each position behind.
    fn try_pair(&self, car: usize, route: &Route, job: usize, best: &mut Best, rng: &mut Rng) {
        let rules = &self.cars[car];
        let (arcs, size, len) = (&self.arcs[rules.arcs], self.places, route.visits.len());
        let (first, second) = (self.jobs[job].first, self.jobs[job].second.unwrap_or(self.jobs[job].first));
        let (pick, drop) = (&self.nodes[first as usize], &self.nodes[second as usize]);
        let (a, b) = (pick.place as usize, drop.place as usize);
        let opening = self.opening(car, route);
        for i in rules.locked.len()..=len {
            let from = self.place_before(rules, &route.visits, i);
            let to = self.place_after(rules, &route.visits, i);
            if !self.room_at(car, route, i, first) {
                continue;
            }
            let Some(start) = pick.start(route.leave[i] + arcs.time[from * size + a]) else { continue };
            let picked = start + pick.service;
            let direct = i64::from(arcs.cost[from * size + to]);
            let into = i64::from(arcs.cost[from * size + a]) - direct + opening;
            let at_once = into + i64::from(arcs.cost[a * size + b]) + i64::from(arcs.cost[b * size + to]);
            if at_once < best.delta
                && let Some(start) = drop.start(picked + arcs.time[a * size + b])
                && start + drop.service + arcs.time[b * size + to] <= route.late[i]
                && !rng.chance(BLINK)
                && self.confirm(car, route, job, Spot::Two(i, i))
            {
                *best = Best { delta: at_once, found: Some((car, Spot::Two(i, i))) };
            }
            let base = into + i64::from(arcs.cost[a * size + to]);
            let (mut leave, mut here) = (picked, a);
            for j in i + 1..=len {
                // Drive on to visit j - 1 with the shipment aboard.
                let visit = route.visits[j - 1];
                let node = &self.nodes[visit as usize];
                let there = node.place as usize;
                let Some(start) = node.start(leave + arcs.time[here * size + there]) else { break };
                if start > route.late[j - 1] || !self.room_at(car, route, j, first) {
                    break;
                }
                (leave, here) = (start + node.service, there);
                let next = self.place_after(rules, &route.visits, j);
                let delta =
                    base + i64::from(arcs.cost[there * size + b]) + i64::from(arcs.cost[b * size + next])
                        - i64::from(arcs.cost[there * size + next]);
                if delta >= best.delta {
                    continue;
                }
                let Some(start) = drop.start(leave + arcs.time[there * size + b]) else { break };
                if start + drop.service + arcs.time[b * size + next] > route.late[j] || rng.chance(BLINK) {
                    continue;
                }
                if self.confirm(car, route, job, Spot::Two(i, j)) {
                    *best = Best { delta, found: Some((car, Spot::Two(i, j))) };
                }
            }
        }
    }

    /// Whether a shipment may be aboard on the arc at a position.
    #[inline]
    fn room_at(&self, car: usize, route: &Route, position: usize, visit: u32) -> bool {
        let (dims, amount, capacity) = (self.dims, self.amount(visit), &self.cars[car].capacity);
        (0..dims).all(|d| {
            i64::from(route.load[position * dims + d]) + i64::from(amount[d]) <= i64::from(capacity[d])
        })
    }

    /// A further trip for the job: a visit to a loading place just before or after it.
    fn try_reload(&self, car: usize, route: &Route, job: usize, best: &mut Best) {
        let rules = &self.cars[car];
        let Some(reload) = &rules.reload else { return };
        if route.reloads >= reload.max || route.visits.is_empty() {
            return;
        }
        let size = self.places;
        let cost = &self.arcs[rules.arcs].cost;
        let here = self.nodes[self.jobs[job].first as usize].place as usize;
        for &place in &reload.places {
            let Some(node) = self.reload_node(place, reload.seconds) else { continue };
            for i in rules.locked.len()..=route.visits.len() {
                let from = self.place_before(rules, &route.visits, i);
                let to = self.place_after(rules, &route.visits, i);
                for ahead in [true, false] {
                    let (x, y) = if ahead { (place, here) } else { (here, place) };
                    let delta = i64::from(cost[from * size + x])
                        + i64::from(cost[x * size + y])
                        + i64::from(cost[y * size + to])
                        - i64::from(cost[from * size + to]);
                    let spot = Spot::Reload(i, node, ahead);
                    if delta < best.delta
                        && self.route(car, self.with(&route.visits, &self.jobs[job], spot)).is_some()
                    {
                        *best = Best { delta, found: Some((car, spot)) };
                    }
                }
            }
        }
    }
}
