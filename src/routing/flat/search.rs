//! The flat engine as a [`Search`].

use super::state::State;
use crate::routing::anneal::Search;
use crate::routing::cross::crossed;
use crate::routing::rng::Rng;

/// [`State::slack`] in mean arcs of the plan, with times and without.
const SLACK: (f64, f64) = (4.0, 2.0);

impl Search for State<'_> {
    type Plan = Vec<Vec<u32>>;

    fn jobs(&self) -> usize {
        self.model.n
    }

    fn plan(&self) -> Self::Plan {
        self.routes()
    }

    fn restart(&mut self, rng: &mut Rng) {
        self.clear();
        self.recreate(rng);
        self.keep();
    }

    fn cross(&mut self, base: &Self::Plan, other: &Self::Plan, rng: &mut Rng) {
        let model = self.model;
        let seed = rng.below(model.n) * model.near_len;
        let near = &model.near[seed..seed + model.near_len];
        let routes = crossed(base, other, model.n, near, |_, _| true, rng);
        self.clear();
        self.load(&routes);
        self.recreate(rng);
        self.keep();
    }

    fn step(&mut self, rng: &mut Rng) {
        let slack = if self.model.timed { SLACK.0 } else { SLACK.1 };
        self.slack = (slack * self.mean_arc()).min(f64::from(i32::MAX / 2)) as i32;
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
