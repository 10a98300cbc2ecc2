//! Fewer vehicles: one route is given up and its jobs are pushed into the others, the hardest first.

use super::state::State;
use crate::routing::anneal::{Budget, Search};
use crate::routing::rng::Rng;

/// Temperatures of this phase relative to the mean arc.
const HOT: f64 = 1.0;
const COLD: f64 = 0.01;

impl State<'_, '_> {
    /// Gives up routes as long as all jobs still fit, until this part of the budget is used. Returns the steps done.
    pub(crate) fn fewest(&mut self, rng: &mut Rng, budget: Budget<'_>, until: f64) -> u64 {
        let (mut steps, floor) = (0, self.floor());
        while self.best.rank.0 == 0 && self.best_used() > floor && budget.used(steps) < until {
            self.restore();
            self.most_used = self.used - 1;
            if !self.give_up_route(rng) {
                break;
            }
            if !self.squeeze(rng, budget, until, &mut steps) {
                break;
            }
        }
        self.restore();
        self.most_used = self.used;
        steps
    }

    /// Vehicles of the best plan.
    pub(crate) fn best_used(&self) -> usize {
        self.best_visits().iter().filter(|v| !v.is_empty()).count()
    }

    /// No plan can do with fewer: amounts against the largest vehicles.
    fn floor(&self) -> usize {
        let model = self.model;
        let mut floor = 1;
        for d in 0..model.dims {
            let sum = |deliveries: bool| -> i64 {
                let counted = |n: usize| (model.nodes[n].role == super::model::Role::Deliver) == deliveries;
                let half = |n: usize| model.nodes[n].role != super::model::Role::To;
                let shipped = |n: usize| model.nodes[n].role == super::model::Role::From;
                let counts = |n: &usize| counted(*n) && half(*n) && !shipped(*n);
                (0..model.reloads).filter(counts).map(|n| i64::from(model.amounts[n * model.dims + d])).sum()
            };
            let largest = model.cars.iter().map(|c| i64::from(c.capacity[d])).max().unwrap_or(0).max(1);
            let trips =
                model.cars.iter().map(|c| c.reload.as_ref().map_or(1, |r| r.max + 1)).max().unwrap_or(1);
            let per_car = largest * trips as i64;
            let needed = (sum(true).max(sum(false)) + per_car - 1) / per_car;
            floor = floor.max(needed as usize);
        }
        floor
    }

    /// Empties the route with the fewest stops that nothing locks.
    fn give_up_route(&mut self, rng: &mut Rng) -> bool {
        let free =
            |car: &usize| !self.routes[*car].visits.is_empty() && self.model.cars[*car].locked.is_empty();
        let mut cars: Vec<usize> = (0..self.routes.len()).filter(free).collect();
        rng.shuffle(&mut cars);
        let Some(&car) = cars.iter().min_by_key(|&&car| self.routes[car].stops) else { return false };
        let visits = self.routes[car].visits.clone();
        self.out.clear();
        self.remove(car, &visits);
        let out = std::mem::take(&mut self.out);
        self.absent.extend_from_slice(&out);
        self.keep();
        true
    }

    /// Steps with one vehicle less until nothing is absent (true) or the time is over (false).
    fn squeeze(&mut self, rng: &mut Rng, budget: Budget<'_>, until: f64, steps: &mut u64) -> bool {
        let mut hardness = vec![1u64; self.model.jobs.len()];
        let begun = budget.used(*steps);
        let hot = HOT * self.mean_arc().max(1e-9);
        let fall = (COLD / HOT).ln();
        let mut temperature = hot;
        let mut hard = self.hardness(&hardness);
        let mut cost = self.sum;
        loop {
            if (*steps).is_multiple_of(32) {
                let used = budget.used(*steps);
                if used >= until {
                    return false;
                }
                temperature = hot * (fall * ((used - begun) / (until - begun)).clamp(0.0, 1.0)).exp();
            }
            *steps += 1;
            self.step(rng);
            let now = self.hardness(&hardness);
            let cheap = (self.sum as f64) < cost as f64 - temperature * rng.unit().max(1e-12).ln();
            for &job in &self.absent {
                hardness[job as usize] += 1;
            }
            if now < hard || (now == hard && cheap) {
                self.keep();
                cost = self.sum;
                if self.rank().0 == 0 {
                    self.save();
                    return true;
                }
            } else {
                self.undo();
            }
            hard = self.hardness(&hardness);
        }
    }

    fn hardness(&self, hardness: &[u64]) -> u64 {
        self.absent
            .iter()
            .filter(|&&j| !self.model.jobs[j as usize].optional)
            .map(|&j| hardness[j as usize])
            .sum()
    }
}
