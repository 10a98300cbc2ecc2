//! The flat engine as a [`Search`].

use super::state::State;
use crate::routing::anneal::Search;
use crate::routing::rng::Rng;

impl Search for State<'_> {
    fn step(&mut self, rng: &mut Rng) {
        self.ruin(rng);
        self.recreate(rng);
    }

    fn cost(&self) -> i64 {
        self.cost
    }

    fn rank(&self) -> (i64, i64) {
        State::rank(self)
    }

    fn best_rank(&self) -> (i64, i64) {
        State::best_rank(self)
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
        let absent: i64 = self.absent.iter().map(|&c| self.model.skip[c as usize]).sum();
        let arcs = self.model.n - self.absent.len() + self.used;
        (self.cost - absent - self.used as i64 * self.model.fixed) as f64 / arcs.max(1) as f64
    }
}
