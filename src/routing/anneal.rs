//! Simulated annealing over ruin-and-recreate steps, the same for both engines: one cooling, or where the budget
//! allows it several from scratch and then shorter ones of plans put together from two of those found before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::rng::Rng;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u64 = 32;

/// A plan that can be changed by one step and changed back.
pub(crate) trait Search {
    /// A plan put aside.
    type Plan;
    /// Number of jobs.
    fn jobs(&self) -> usize;
    /// The plan as it stands.
    fn plan(&self) -> Self::Plan;
    /// Plans everything anew.
    fn restart(&mut self, rng: &mut Rng);
    /// Plans anew from some routes of `other` and what goes with them of `base`.
    fn cross(&mut self, base: &Self::Plan, other: &Self::Plan, rng: &mut Rng);
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
    /// Whether to begin again where the budget allows it.
    pub(crate) again: bool,
}

/// Part of the budget spent going downhill first: temperatures are relative to a fair plan, not to the first one.
const DOWNHILL: f64 = 0.02;
/// Steps per pair of jobs that make a cooling worth while where there are several.
const STEPS_PER_PAIR: f64 = 10.0;
/// With steps for fewer coolings there is one over the whole budget: slower cooling finds more than a second one.
const SEVERAL: f64 = 6.0;
/// Part of the budget for coolings from scratch.
const SCRATCH: f64 = 0.5;
/// Most coolings from scratch, and most plans kept.
const ELITES: usize = 8;
/// Length and hottest temperature of a cooling of a crossed plan, relative to one from scratch.
const CROSSED: (f64, f64) = (0.25, 0.1);

/// One cooling.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Parts of the budget at its ends.
    from: f64,
    to: f64,
    hot: f64,
}

/// Coolings over the budget, driven in pieces so that islands can meet in between.
#[derive(Debug, Clone)]
pub(crate) struct Annealing<P> {
    cooling: Cooling,
    /// Mean arc after the first descent.
    unit: Option<f64>,
    round: Round,
    /// Part of the budget of a cooling from scratch.
    length: f64,
    /// Plans at the ends of rounds, best first.
    elites: Vec<((i64, i64), P)>,
    /// Steps done so far.
    pub(crate) steps: u64,
}

impl<P> Annealing<P> {
    /// Starts at `begun`, the part of the budget already used.
    pub(crate) fn new(cooling: Cooling, begun: f64) -> Self {
        let round = Round { from: begun.min(0.999), to: 1.0, hot: cooling.hot };
        Annealing { cooling, unit: None, round, length: 1.0, elites: Vec::new(), steps: 0 }
    }

    /// Temperature when this part of the budget is used.
    fn temperature(&self, used: f64) -> f64 {
        let (Some(unit), Round { from, to, hot }) = (self.unit, self.round) else { return 0.0 };
        let part = ((used - from) / (to - from)).clamp(0.0, 1.0);
        hot * unit * (self.cooling.cold / hot).powf(part)
    }

    /// Whether the first descent is done.
    fn down(&self, used: f64) -> bool {
        used - self.round.from >= DOWNHILL * (1.0 - self.round.from)
    }

    /// Begins the first round, its length by the steps that the descent of `steps` took.
    fn first_round(&mut self, jobs: usize, mean_arc: f64, used: f64, steps: u64) {
        self.unit = Some(mean_arc);
        let ahead = steps as f64 * (1.0 - used) / (used - self.round.from).max(1e-9);
        let rounds = ahead / (STEPS_PER_PAIR * (jobs as f64).powi(2));
        if self.cooling.again && rounds >= SEVERAL {
            let scratch = (rounds * SCRATCH).round().min(ELITES as f64);
            self.length = (1.0 - used) * SCRATCH / scratch;
        }
        self.round = Round { from: used, to: (used + self.length).min(1.0), hot: self.cooling.hot };
    }

    /// Puts the plan aside and begins the next round.
    fn next_round<S: Search<Plan = P>>(&mut self, search: &mut S, rng: &mut Rng, used: f64) {
        let rank = search.rank();
        if self.elites.iter().all(|elite| elite.0 != rank) {
            self.elites.push((rank, search.plan()));
            self.elites.sort_by_key(|elite| elite.0);
            self.elites.truncate(ELITES);
        }
        let count = self.elites.len();
        let Cooling { hot, .. } = self.cooling;
        let (length, hot) = if count < 2 || used + self.length * 0.5 < SCRATCH {
            search.restart(rng);
            (self.length, hot)
        } else {
            let base = rng.below(count);
            let other = (base + 1 + rng.below(count - 1)) % count;
            search.cross(&self.elites[base].1, &self.elites[other].1, rng);
            (self.length * CROSSED.0, hot * CROSSED.1)
        };
        // What is too short for a round of its own goes to the last one.
        let to = if used + 1.5 * length > 1.0 { 1.0 } else { used + length };
        self.round = Round { from: used, to, hot };
    }

    /// Anneals until this part of the budget is used; the best plan is saved in the search.
    pub(crate) fn run<S>(&mut self, search: &mut S, rng: &mut Rng, budget: Budget<'_>, until: f64)
    where
        S: Search<Plan = P>,
    {
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
                if self.unit.is_none() && self.down(used) {
                    self.first_round(search.jobs(), search.mean_arc(), used, self.steps);
                } else if used >= self.round.to {
                    self.next_round(search, rng, used);
                    current = search.cost();
                    if search.rank() < best {
                        best = search.rank();
                        search.save();
                    }
                }
                temperature = self.temperature(used);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that wanders; counts what the annealing asks for.
    #[derive(Default)]
    struct Toy {
        now: i64,
        before: i64,
        best: Option<i64>,
        restarts: usize,
        crossed: Vec<(i64, i64)>,
    }

    impl Search for Toy {
        type Plan = i64;
        fn jobs(&self) -> usize {
            10
        }
        fn plan(&self) -> i64 {
            self.now
        }
        fn restart(&mut self, rng: &mut Rng) {
            self.restarts += 1;
            self.now = 500 + rng.below(500) as i64;
        }
        fn cross(&mut self, base: &i64, other: &i64, _rng: &mut Rng) {
            self.crossed.push((*base, *other));
            self.now = (base + other) / 2;
        }
        fn step(&mut self, rng: &mut Rng) {
            self.before = self.now;
            self.now = (self.now + rng.below(21) as i64 - 10).max(0);
        }
        fn cost(&self) -> i64 {
            self.now
        }
        fn rank(&self) -> (i64, i64) {
            (0, self.now)
        }
        fn best_rank(&self) -> (i64, i64) {
            (0, self.best.unwrap_or(i64::MAX))
        }
        fn keep(&mut self) {}
        fn undo(&mut self) {
            self.now = self.before;
        }
        fn save(&mut self) {
            self.best = Some(self.now);
        }
        fn adopt(&mut self, other: &Self) {
            self.now = other.best.unwrap_or(self.now);
        }
        fn mean_arc(&self) -> f64 {
            500.0
        }
    }

    /// Anneals in two pieces, as islands do.
    fn annealed(steps: u64, again: bool) -> Toy {
        let cancel = AtomicBool::new(false);
        let budget =
            Budget { clock: || Duration::ZERO, from: Duration::ZERO, time: None, steps, cancel: &cancel };
        let mut toy = Toy { now: 1_000, ..Toy::default() };
        let mut annealing = Annealing::new(Cooling { hot: 1.0, cold: 0.03, again }, 0.0);
        let mut rng = Rng::new(1);
        annealing.run(&mut toy, &mut rng, budget, 0.3);
        annealing.run(&mut toy, &mut rng, budget, 1.0);
        assert!((steps..steps + STEPS_PER_LOOK).contains(&annealing.steps), "{}", annealing.steps);
        toy
    }

    #[test]
    fn a_short_budget_is_one_cooling_and_a_long_one_several() {
        let short = annealed(5_900, true);
        assert_eq!((short.restarts, short.crossed.len()), (0, 0));
        let old = annealed(20_000, false);
        assert_eq!((old.restarts, old.crossed.len()), (0, 0));
        let long = annealed(20_000, true);
        assert_eq!(long.restarts, ELITES - 1, "the first round is from scratch too");
        assert!(long.crossed.len() >= 20, "{:?}", long.crossed);
        assert!(long.crossed.iter().all(|(base, other)| base != other), "{:?}", long.crossed);
        assert!(long.best.is_some_and(|best| best <= long.now));
    }
}
