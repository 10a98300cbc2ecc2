//! The general engine as a [`Search`].

use super::state::State;
use crate::routing::anneal::Search;
use crate::routing::rng::Rng;

impl Search for State<'_, '_> {
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
