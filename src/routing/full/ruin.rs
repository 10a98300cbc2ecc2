//! Removal of strings of stops; both halves of a shipment leave together.

use super::model::NONE;
use super::state::State;
use crate::routing::rng::Rng;

/// Longest string.
const LONGEST: f64 = 10.0;
/// Chance (of 65,536) of a step that empties a whole route instead: 0.02.
const WHOLE_ROUTE: u64 = 1311;

impl State<'_, '_> {
    /// Removes strings around a random stop, or now and then a whole route.
    pub(crate) fn ruin(&mut self, rng: &mut Rng) {
        self.out.clear();
        let planned = self.model.jobs.len() - self.absent.len();
        if planned == 0 || self.used == 0 {
            return;
        }
        let seed = rng.below(self.model.reloads);
        if rng.chance(WHOLE_ROUTE) {
            let car = self.route_of[self.model.nodes[seed].job as usize];
            if car != NONE {
                self.empty(car as usize);
                return;
            }
        }
        let stops: usize = self.routes.iter().map(|r| r.visits.len()).sum();
        let mean = stops as f64 / self.used as f64;
        let longest = LONGEST.min(mean).max(1.0);
        let most = (4.0 * self.intensity / (1.0 + longest) - 1.0).max(1.0);
        let strings = (rng.unit() * most + 1.0) as usize;
        let mut ruined: Vec<u32> = Vec::new();
        for at in 0..self.model.near[seed].len() {
            if ruined.len() >= strings {
                break;
            }
            let visit = self.model.near[seed][at];
            let car = self.route_of[self.model.nodes[visit as usize].job as usize];
            if car == NONE || ruined.contains(&car) {
                continue;
            }
            ruined.push(car);
            self.cut(car as usize, visit, longest, rng);
        }
    }

    /// Empties a route but for its locked head.
    fn empty(&mut self, car: usize) {
        let visits = &self.routes[car].visits;
        let chosen: Vec<u32> = visits[self.model.cars[car].locked.len().min(visits.len())..].to_vec();
        self.remove(car, &chosen);
    }

    /// Removes a string that contains `visit`.
    fn cut(&mut self, car: usize, visit: u32, longest: f64, rng: &mut Rng) {
        let (visits, head) = (&self.routes[car].visits, self.model.cars[car].locked.len());
        let Some(at) = visits.iter().position(|&v| v == visit).filter(|&at| at >= head) else { return };
        let free = visits.len() - head;
        let length = ((rng.unit() * longest.min(free as f64) + 1.0) as usize).min(free);
        let split = length > 1 && length < free && rng.next() & 1 == 0;
        let span = length + usize::from(split);
        let low = (at + 1).saturating_sub(span).max(head);
        let high = at.min(visits.len() - span);
        let first = low + rng.below(high - low + 1);
        let kept = if split { first + 1 + rng.below(length - 1) } else { usize::MAX };
        let chosen: Vec<u32> = (first..first + span).filter(|&i| i != kept).map(|i| visits[i]).collect();
        self.remove(car, &chosen);
    }

    /// Takes the jobs of these visits out of a route, unless what is left would break a rule.
    pub(crate) fn remove(&mut self, car: usize, chosen: &[u32]) {
        let model = self.model;
        let mut jobs: Vec<u32> = Vec::with_capacity(chosen.len());
        for &visit in chosen {
            let job = model.nodes[visit as usize].job;
            if job != NONE && !model.jobs[job as usize].locked && !jobs.contains(&job) {
                jobs.push(job);
            }
        }
        if jobs.is_empty() {
            return;
        }
        let gone = |v: u32| (v as usize) < model.reloads && jobs.contains(&model.nodes[v as usize].job);
        let left: Vec<u32> = self.routes[car].visits.iter().copied().filter(|&v| !gone(v)).collect();
        let Some(route) = self.without_idle_reloads(car, left) else { return };
        self.set(car, route);
        for &job in &jobs {
            self.move_job(job, NONE);
        }
        self.out.extend_from_slice(&jobs);
    }

    /// The route without visits of loading places that it can do without.
    pub(crate) fn without_idle_reloads(
        &self,
        car: usize,
        mut visits: Vec<u32>,
    ) -> Option<super::route::Route> {
        let (model, head) = (self.model, self.model.cars[car].locked.len());
        if model.cars[car].reload.is_some() {
            if visits[head.min(visits.len())..].iter().all(|&v| v as usize >= model.reloads) {
                visits.truncate(head);
            }
            let mut i = head;
            while i < visits.len() {
                if visits[i] as usize >= model.reloads {
                    let mut fewer = visits.clone();
                    fewer.remove(i);
                    if model.route(car, fewer.clone()).is_some() {
                        visits = fewer;
                        continue;
                    }
                }
                i += 1;
            }
        }
        model.route(car, visits)
    }
}
