//! The general engine as a [`Search`].

use super::state::State;
use crate::routing::anneal::Search;
use crate::routing::cross::crossed;
use crate::routing::rng::Rng;

impl Search for State<'_, '_> {
    type Plan = Vec<Vec<u32>>;

    fn jobs(&self) -> usize {
        self.model.jobs.len()
    }

    fn plan(&self) -> Self::Plan {
        self.routes.iter().map(|route| route.visits.clone()).collect()
    }

    fn restart(&mut self, rng: &mut Rng) {
        self.clear();
        self.recreate(rng);
        self.keep();
    }

    fn cross(&mut self, base: &Self::Plan, other: &Self::Plan, rng: &mut Rng) {
        let model = self.model;
        let alike = |a: usize, b: usize| {
            let (one, two) = (&model.cars[a], &model.cars[b]);
            a == b || one.group == two.group && one.locked.is_empty() && two.locked.is_empty()
        };
        let near = &model.near[rng.below(model.reloads)];
        let routes = crossed(base, other, model.reloads, near, alike, rng);
        self.clear();
        for (car, visits) in routes.into_iter().enumerate().take(model.cars.len()) {
            let opens = self.routes[car].visits.is_empty();
            if visits.is_empty() || opens && self.used >= self.most_used {
                continue;
            }
            if let Some(route) = self.without_idle_reloads(car, visits) {
                self.set(car, route);
            }
        }
        self.recreate(rng);
        self.keep();
    }

    fn step(&mut self, rng: &mut Rng) {
        self.ruin(rng);
        self.recreate(rng);
    }

    fn cost(&self) -> i64 {
        self.price()
    }

    fn rank(&self) -> (i64, i64) {
        State::rank(self)
    }

    fn best_rank(&self) -> (i64, i64) {
        self.best.rank
    }

    fn keep(&mut self) {
        State::keep(self);
    }

    fn undo(&mut self) {
        State::undo(self);
    }

    fn save(&mut self) {
        State::save(self);
    }

    fn adopt(&mut self, other: &Self) {
        State::adopt(self, other);
    }

    fn mean_arc(&self) -> f64 {
        let fixed: i64 = (0..self.routes.len())
            .filter(|&car| !self.routes[car].visits.is_empty())
            .map(|car| self.model.cars[car].fixed)
            .sum();
        let stops: usize = self.routes.iter().map(|r| r.visits.len()).sum();
        (self.sum - fixed) as f64 / (stops + self.used).max(1) as f64
    }
}
