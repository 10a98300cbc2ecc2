//! Simulated annealing over ruin-and-recreate steps, the same for both engines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::rng::Rng;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u64 = 32;

/// A plan that can be changed by one step and changed back.
pub(crate) trait Search {
    /// One ruin and recreate; afterwards exactly one of `keep` and `undo` is called.
    fn step(&mut self, rng: &mut Rng);
    /// Cost of the plan, penalties of absent jobs included.
    fn cost(&self) -> i64;
    /// What plans are ranked by: weight of absent jobs, then cost.
    fn rank(&self) -> (i64, i64);
    /// Rank of the best plan.
    fn best_rank(&self) -> (i64, i64);
    /// Accepts the step.
    fn keep(&mut self);
    /// Takes the step back.
    fn undo(&mut self);
    /// Remembers the plan as the best.
    fn save(&mut self);
    /// Goes on from another search's best plan.
    fn adopt(&mut self, other: &Self);
    /// Mean cost of an arc in the plan: what temperatures are relative to.
    fn mean_arc(&self) -> f64;
}

/// How long a search may take; what comes first ends it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget<'a> {
    pub(crate) clock: fn() -> Duration,
    pub(crate) from: Duration,
    pub(crate) time: Option<Duration>,
    pub(crate) steps: u64,
    pub(crate) cancel: &'a AtomicBool,
}

impl Budget<'_> {
    /// Part of the budget used after `steps`; 1 or more means stop.
    pub(crate) fn used(&self, steps: u64) -> f64 {
        if self.cancel.load(Ordering::Relaxed) {
            return 1.0;
        }
        let by_steps = steps as f64 / self.steps.max(1) as f64;
        match self.time {
            Some(time) => {
                let passed = (self.clock)().saturating_sub(self.from);
                by_steps.max(passed.as_secs_f64() / time.as_secs_f64().max(1e-9))
            }
            None => by_steps,
        }
    }
}

/// Temperatures relative to the mean arc, at the start and at the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cooling {
    pub(crate) hot: f64,
    pub(crate) cold: f64,
}

/// Part of the budget spent going downhill first: temperatures are relative to a fair plan, not to the first one.
const DOWNHILL: f64 = 0.02;

/// One cooling over the budget, driven in pieces so that islands can meet in between.
#[derive(Debug, Clone)]
pub(crate) struct Annealing {
    cooling: Cooling,
    /// Mean arc after the first descent.
    unit: Option<f64>,
    begun: f64,
    /// Steps done so far.
    pub(crate) steps: u64,
}

impl Annealing {
    /// Starts at `begun`, the part of the budget already used.
    pub(crate) fn new(cooling: Cooling, begun: f64) -> Self {
        Annealing { cooling, unit: None, begun: begun.min(0.999), steps: 0 }
    }

    /// Temperature when this part of the whole budget is used.
    fn temperature(&mut self, used: f64, mean_arc: impl FnOnce() -> f64) -> f64 {
        let part = ((used - self.begun) / (1.0 - self.begun)).clamp(0.0, 1.0);
        if part < DOWNHILL {
            return 0.0;
        }
        let unit = *self.unit.get_or_insert_with(mean_arc);
        let Cooling { hot, cold } = self.cooling;
        hot * unit * (cold / hot).powf((part - DOWNHILL) / (1.0 - DOWNHILL))
    }

    /// Anneals until this part of the budget is used; the best plan is saved in the search.
    pub(crate) fn run(&mut self, search: &mut impl Search, rng: &mut Rng, budget: Budget<'_>, until: f64) {
        let mut current = search.cost();
        let mut best = search.best_rank();
        let mut temperature = 0.0;
        let first = self.steps;
        loop {
            if (self.steps - first).is_multiple_of(STEPS_PER_LOOK) {
                let used = budget.used(self.steps);
                if used >= until {
                    return;
                }
                temperature = self.temperature(used, || search.mean_arc());
            }
            self.steps += 1;
            search.step(rng);
            let cost = search.cost();
            if cost <= current || (cost as f64) < current as f64 - temperature * rng.unit().max(1e-12).ln() {
                search.keep();
                current = cost;
                let rank = search.rank();
                if rank < best {
                    best = rank;
                    search.save();
                }
            } else {
                search.undo();
            }
        }
    }
}
