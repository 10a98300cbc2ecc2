//! Greedy insertion of the removed jobs, in one of several orders.

use super::model::NONE;
use super::state::State;
use crate::routing::rng::Rng;

/// Chances of the orders: random, then amount, far, near, narrow, early, late, priority.
const ORDER_CHANCES: [usize; 8] = [4, 4, 2, 1, 2, 2, 2, 2];

impl State<'_, '_> {
    /// Puts removed and absent jobs back where they cost least.
    pub(crate) fn recreate(&mut self, rng: &mut Rng) {
        let mut out = std::mem::take(&mut self.out);
        out.append(&mut self.absent);
        self.sort(&mut out, rng);
        for &job in &out {
            let best = self.best_spot(job as usize, rng);
            let rules = &self.model.jobs[job as usize];
            let worth = !rules.optional || best.delta < rules.skip;
            let done = match best.found {
                Some((car, spot)) if worth => self.insert(job as usize, car, spot),
                _ => false,
            };
            if !done {
                self.move_job(job, NONE);
                self.absent.push(job);
            }
        }
        out.clear();
        self.out = out;
    }

    fn sort(&self, out: &mut [u32], rng: &mut Rng) {
        let sum: usize = ORDER_CHANCES.iter().sum();
        let mut drawn = rng.below(sum);
        let mut order = 0;
        while drawn >= ORDER_CHANCES[order] {
            drawn -= ORDER_CHANCES[order];
            order += 1;
        }
        rng.shuffle(out);
        if order > 0 {
            let rank = &self.model.orders[order - 1];
            out.sort_unstable_by_key(|&j| rank[j as usize]);
        }
    }
}
