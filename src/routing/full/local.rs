//! Local search on a finished plan: relocate, exchange between routes, swapped tails.

use super::model::{NONE, Role};
use super::state::State;
use crate::routing::rng::Rng;

/// Neighbours of a stop tried for an exchange.
const PARTNERS: usize = 20;

impl State<'_, '_> {
    /// Improves the best plan until no move does, or until `stop` says so.
    pub(crate) fn polish(&mut self, rng: &mut Rng, stop: &dyn Fn() -> bool) {
        self.restore();
        loop {
            let before = self.rank();
            self.relocate(rng, stop);
            self.swap_tails(stop);
            self.exchange(rng, stop);
            if self.rank() >= before || stop() {
                break;
            }
        }
        if self.rank() < self.best.rank {
            self.save();
        }
    }

    /// Keeps the step when the plan got better.
    fn keep_if_better(&mut self, before: (i64, i64)) -> bool {
        let better = self.rank() < before;
        if better {
            self.keep();
        } else {
            self.undo();
        }
        better
    }

    fn relocate(&mut self, rng: &mut Rng, stop: &dyn Fn() -> bool) {
        for job in 0..self.model.jobs.len() {
            let car = self.route_of[job];
            if car == NONE || stop() {
                continue;
            }
            let before = self.rank();
            self.out.clear();
            self.remove(car as usize, &[self.model.jobs[job].first]);
            if !self.out.is_empty() {
                self.recreate(rng);
                self.keep_if_better(before);
            }
        }
    }

    /// Swap*: two jobs of different routes leave, each goes where it fits best in the other's route.
    fn exchange(&mut self, rng: &mut Rng, stop: &dyn Fn() -> bool) {
        for a in 0..self.model.reloads as u32 {
            if stop() {
                return;
            }
            for k in 1..self.model.near[a as usize].len().min(PARTNERS) {
                let b = self.model.near[a as usize][k];
                let (job_a, job_b) = (self.model.nodes[a as usize].job, self.model.nodes[b as usize].job);
                let (car_a, car_b) = (self.route_of[job_a as usize], self.route_of[job_b as usize]);
                if a > b || car_a == NONE || car_b == NONE || car_a == car_b {
                    continue;
                }
                let before = self.rank();
                self.out.clear();
                self.remove(car_a as usize, &[a]);
                self.remove(car_b as usize, &[b]);
                let both = self.out.len() == 2;
                self.out.clear();
                if both && self.put(job_a, car_b as usize, rng) && self.put(job_b, car_a as usize, rng) {
                    self.keep_if_better(before);
                } else {
                    self.undo();
                }
            }
        }
    }

    /// Puts a job at its cheapest place in one route.
    pub(crate) fn put(&mut self, job: u32, car: usize, rng: &mut Rng) -> bool {
        let mut best = super::insert::Best::new();
        self.model.try_route(car, &self.routes[car], job as usize, &mut best, rng);
        best.found.is_some_and(|(car, spot)| self.insert(job as usize, car, spot))
    }

    /// 2-opt*: two routes exchange their tails. Times are checked by joining head and tail in constant time.
    fn swap_tails(&mut self, stop: &dyn Fn() -> bool) {
        let cars = self.routes.len();
        for a in 0..cars {
            for b in a + 1..cars {
                if stop() {
                    return;
                }
                if self.routes[a].visits.is_empty() || self.routes[b].visits.is_empty() {
                    continue;
                }
                while let Some((i, j)) = self.better_tails(a, b) {
                    let before = self.rank();
                    let (one, two) = (&self.routes[a].visits, &self.routes[b].visits);
                    let first = [&one[..i], &two[j..]].concat();
                    let second = [&two[..j], &one[i..]].concat();
                    let (Some(first), Some(second)) =
                        (self.model.route(a, first), self.model.route(b, second))
                    else {
                        break;
                    };
                    if !self.tails_allowed(a, &first.visits) || !self.tails_allowed(b, &second.visits) {
                        break;
                    }
                    self.set(a, first);
                    self.set(b, second);
                    if !self.keep_if_better(before) {
                        break;
                    }
                }
            }
        }
    }

    fn tails_allowed(&self, car: usize, visits: &[u32]) -> bool {
        let jobs = visits.iter().filter(|&&v| (v as usize) < self.model.reloads);
        jobs.map(|&v| self.model.nodes[v as usize].job as usize).all(|job| self.model.may(car, job))
    }

    /// The first pair of cuts whose exchange is cheaper and keeps the times (as far as joined segments tell).
    fn better_tails(&self, a: usize, b: usize) -> Option<(usize, usize)> {
        let model = self.model;
        let (car_a, car_b) = (&model.cars[a], &model.cars[b]);
        let (one, two) = (&self.routes[a], &self.routes[b]);
        if (car_a.arcs, car_a.end) != (car_b.arcs, car_b.end) || car_a.shift != car_b.shift {
            return None;
        }
        let (arcs, size) = (&model.arcs[car_a.arcs], model.places);
        let cuts = |car: usize, locked: usize| -> Vec<usize> {
            let aboard = self.open_shipments(car).into_iter().enumerate().skip(locked);
            aboard.filter(|(_, open)| !open).map(|(at, _)| at).collect()
        };
        let cuts_b = cuts(b, car_b.locked.len());
        for i in cuts(a, car_a.locked.len()) {
            for &j in &cuts_b {
                let (pa, na) =
                    (model.place_before(car_a, &one.visits, i), model.place_after(car_a, &one.visits, i));
                let (pb, nb) =
                    (model.place_before(car_b, &two.visits, j), model.place_after(car_b, &two.visits, j));
                let (ab, ba) = (pa * size + nb, pb * size + na);
                let now = i64::from(arcs.cost[pa * size + na]) + i64::from(arcs.cost[pb * size + nb]);
                let then = i64::from(arcs.cost[ab]) + i64::from(arcs.cost[ba]);
                let joined = one.leave[i] + arcs.time[ab] <= two.late[j]
                    && two.leave[j] + arcs.time[ba] <= one.late[i];
                if then < now && joined && self.loads_join(a, i, b, j) && self.loads_join(b, j, a, i) {
                    return Some((i, j));
                }
            }
        }
        None
    }

    /// A necessary condition on loads: the head's picked-up part and the tail's deliveries fit. Exact for pure
    /// deliveries; anything else is confirmed when the route is built.
    fn loads_join(&self, head: usize, i: usize, tail: usize, j: usize) -> bool {
        let (dims, one, two) = (self.model.dims, &self.routes[head], &self.routes[tail]);
        let pure = |r: &super::route::Route| {
            r.visits.iter().all(|&v| self.model.nodes[v as usize].role == Role::Deliver)
        };
        if !pure(one) || !pure(two) {
            return true;
        }
        let capacity = &self.model.cars[head].capacity;
        (0..dims).all(|d| one.load[d] - one.load[i * dims + d] + two.load[j * dims + d] <= capacity[d])
    }

    /// Per position whether a shipment is aboard there.
    fn open_shipments(&self, car: usize) -> Vec<bool> {
        let mut aboard = 0;
        let mut open = vec![false];
        for &visit in &self.routes[car].visits {
            match self.model.nodes[visit as usize].role {
                Role::From => aboard += 1,
                Role::To => aboard -= 1,
                _ => {}
            }
            open.push(aboard > 0);
        }
        open
    }
}
