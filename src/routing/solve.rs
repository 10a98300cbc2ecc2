//! The solver's front: choice of engine, islands, progress, answer.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::anneal::{Annealing, Budget, Cooling, Search};
use super::full::model::{Model, NONE};
use super::plan::Plan;
use super::problem::{Act, Problem, ProblemError};
use super::rng::Rng;
use super::{flat, full, report, validate};

/// Seconds between two meetings of the islands, and between two reports of progress.
const MEETING: f64 = 1.0;
/// Meetings when only steps limit the search.
const MEETINGS: usize = 8;
/// Hottest temperature from an old plan on, relative to that from scratch.
const WARM: f64 = 0.1;
/// Part of the budget for giving up vehicles where fewest vehicles come first.
const FLEET_PART: f64 = 0.5;
/// Part of the budget after which the best plan is polished by local search.
const POLISH_FROM: f64 = 0.985;
/// Most jobs of a plan that is polished: beyond, annealing makes more of the time.
const MOST_POLISHED: usize = 400;

/// How to search. The same settings with `steps` and without `time` give the same plan on every machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Seed of all chance.
    pub seed: u64,
    /// Time by `clock`, if limited.
    pub time: Option<Duration>,
    /// Search steps per island, if limited. Without either limit 20,000 steps are done.
    pub steps: Option<u64>,
    /// Islands, one thread each; 0 counts as 1. With more than one, `clock` must not be a thread's own.
    pub threads: usize,
    /// Monotonic time since any fixed moment.
    pub clock: fn() -> Duration,
    /// Acts per vehicle to begin with (an old plan); what no longer fits is planned anew.
    pub start: Option<Vec<Vec<Act>>>,
}

impl Settings {
    /// One thread, this much time.
    pub fn within(time: Duration, clock: fn() -> Duration) -> Self {
        Settings { seed: 1, time: Some(time), steps: None, threads: 1, clock, start: None }
    }

    /// One thread, this many steps: repeatable.
    pub fn steps(steps: u64) -> Self {
        Settings {
            seed: 1,
            time: None,
            steps: Some(steps),
            threads: 1,
            clock: || Duration::ZERO,
            start: None,
        }
    }
}

/// Plans the problem. `progress` gets each better plan while the search goes on; setting `cancel` ends it with the
/// best plan so far.
///
/// # Errors
/// [`ProblemError`] when the problem contradicts itself or is too large; nothing is searched then.
pub fn solve(
    problem: &Problem,
    settings: &Settings,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(&Plan),
) -> Result<Plan, ProblemError> {
    let from = (settings.clock)();
    validate::check(problem)?;
    let steps = settings.steps.unwrap_or(if settings.time.is_some() { u64::MAX } else { 20_000 });
    let budget = Budget { clock: settings.clock, from, time: settings.time, steps, cancel };
    let mut model = Model::of(problem);
    if problem.vehicles.is_empty()
        || problem.jobs.is_empty() && !problem.vehicles.iter().any(|v| !v.locked.is_empty())
    {
        return Ok(report::plan(&model, &vec![Vec::new(); problem.vehicles.len()], 0));
    }
    let job = Job { settings, budget, progress };
    let flat = if problem.criteria.fewest_vehicles { None } else { flat::model::Model::of(problem) };
    match flat {
        Some(flat) => job.flat(&flat, &mut model),
        None => {
            model.prepare();
            job.full(&model)
        }
    }
}

struct Job<'a> {
    settings: &'a Settings,
    budget: Budget<'a>,
    progress: &'a mut dyn FnMut(&Plan),
}

/// One searcher.
struct Island<S: Search> {
    search: S,
    rng: Rng,
    annealing: Annealing<S::Plan>,
}

impl Job<'_> {
    fn islands(&self) -> usize {
        self.settings.threads.clamp(1, 64)
    }

    fn rng(&self, island: usize) -> Rng {
        Rng::new(self.settings.seed.wrapping_mul(1_000_003).wrapping_add(island as u64))
    }

    /// From an old plan on, the search stays near it; elsewhere it may begin again, unless the fleet was squeezed.
    fn cooling(&self, hot: f64, cold: f64, again: bool) -> Cooling {
        let warm = self.settings.start.is_some();
        Cooling { hot: if warm { hot * WARM } else { hot }, cold, again: again && !warm }
    }

    /// Ends of the pieces between meetings, as parts of the budget.
    fn meetings(&self, begun: f64, end: f64) -> Vec<f64> {
        let count = match self.settings.time {
            Some(time) => (time.as_secs_f64() / MEETING).floor().max(1.0) as usize,
            None => MEETINGS,
        };
        (1..=count).map(|i| i as f64 / count as f64 * end).filter(|&until| until > begun).collect()
    }

    fn flat(mut self, model: &flat::model::Model, full: &mut Model<'_>) -> Result<Plan, ProblemError> {
        let start = self.settings.start.as_ref().map(|acts| stops_of(acts));
        let mut islands: Vec<_> = (0..self.islands())
            .map(|i| {
                let mut rng = self.rng(i);
                let mut search = flat::state::State::new(model);
                if let Some(routes) = &start {
                    search.load(&model.customers(routes));
                }
                search.recreate(&mut rng);
                search.keep();
                search.save();
                let annealing =
                    Annealing::new(self.cooling(flat::HOT, flat::COLD, true), self.budget.used(0));
                Island { search, rng, annealing }
            })
            .collect();
        let polished = model.n <= MOST_POLISHED;
        let end = if polished { POLISH_FROM } else { 1.0 };
        self.run(&mut islands, end, &|search| report::flat_visits(full, &search.best_routes()), full);
        let best = best_of(&islands);
        let steps = islands.iter().map(|i| i.annealing.steps).sum();
        let visits = report::flat_visits(full, &islands[best].search.best_routes());
        if !polished {
            return Ok(report::plan(full, &visits, steps));
        }
        full.prepare();
        let mut rng = self.rng(usize::MAX);
        let mut search = full::state::State::new(full);
        search.load(visits);
        let budget = self.budget;
        search.polish(&mut rng, &|| budget.used(0) >= 1.0);
        Ok(report::plan(full, &search.best_visits(), steps))
    }

    fn full(mut self, model: &Model<'_>) -> Result<Plan, ProblemError> {
        let mut islands = Vec::new();
        for i in 0..self.islands() {
            let mut rng = self.rng(i);
            let mut search = full::state::State::new(model);
            // The old plan first: a head may hold only together with the rest of its route.
            if let Some(acts) = &self.settings.start {
                search.load_acts(acts, &mut rng);
            }
            if let Some(car) = search.broken_lock() {
                let what = "its locked stops break a rule: give them the times they really had";
                return Err(ProblemError::Range(format!("vehicle {car}"), what));
            }
            search.recreate(&mut rng);
            Search::keep(&mut search);
            Search::save(&mut search);
            let mut begun = self.budget.used(0);
            let mut fleet_steps = 0;
            if model.problem.criteria.fewest_vehicles {
                fleet_steps = search.fewest(&mut rng, self.budget, FLEET_PART.max(begun));
                begun = begun.max(self.budget.used(fleet_steps));
            }
            let again = !model.problem.criteria.fewest_vehicles;
            let mut annealing = Annealing::new(self.cooling(full::HOT, full::COLD, again), begun);
            annealing.steps = fleet_steps;
            islands.push(Island { search, rng, annealing });
        }
        let polished = model.jobs.len() <= MOST_POLISHED;
        let end = if polished { POLISH_FROM } else { 1.0 };
        self.run(&mut islands, end, &|search| search.best_visits(), model);
        let steps = islands.iter().map(|i| i.annealing.steps).sum();
        let best = best_of(&islands);
        let Island { search, rng, .. } = &mut islands[best];
        if polished {
            let budget = self.budget;
            search.polish(rng, &|| budget.used(0) >= 1.0);
        }
        Ok(report::plan(model, &search.best_visits(), steps))
    }

    /// Lets the islands search, meet, and search on.
    fn run<S: Search<Plan: Send> + Send>(
        &mut self,
        islands: &mut [Island<S>],
        end: f64,
        visits: &dyn Fn(&S) -> Vec<Vec<u32>>,
        model: &Model<'_>,
    ) {
        let mut told = (i64::MAX, i64::MAX);
        let begun = islands.first().map_or(0.0, |i| self.budget.used(i.annealing.steps));
        let meetings = self.meetings(begun, end);
        let last = meetings.len().saturating_sub(1);
        for (round, &until) in meetings.iter().enumerate() {
            let budget = self.budget;
            let piece = |island: &mut Island<S>| {
                island.annealing.run(&mut island.search, &mut island.rng, budget, until);
            };
            if let [only] = islands {
                piece(only);
            } else {
                std::thread::scope(|scope| {
                    for island in islands.iter_mut() {
                        scope.spawn(|| piece(island));
                    }
                });
            }
            let best = best_of(islands);
            let rank = islands[best].search.best_rank();
            if rank < told && round < last {
                told = rank;
                let steps = islands.iter().map(|i| i.annealing.steps).sum();
                (self.progress)(&report::plan(model, &visits(&islands[best].search), steps));
            }
            meet(islands, best);
        }
    }
}

/// The island whose best plan is best.
fn best_of<S: Search>(islands: &[Island<S>]) -> usize {
    (0..islands.len()).min_by_key(|&i| islands[i].search.best_rank()).unwrap_or(0)
}

/// The island with the worst plan goes on from the best one.
fn meet<S: Search>(islands: &mut [Island<S>], best: usize) {
    let worst = (0..islands.len()).max_by_key(|&i| islands[i].search.best_rank()).unwrap_or(best);
    if worst == best || islands[worst].search.best_rank() == islands[best].search.best_rank() {
        return;
    }
    let (low, high) = islands.split_at_mut(best.max(worst));
    let (one, two) = (&mut low[best.min(worst)], &mut high[0]);
    let (from, to) = if best < worst { (one, two) } else { (two, one) };
    to.search.adopt(&from.search);
}

/// Jobs per vehicle, for the flat engine.
fn stops_of(acts: &[Vec<Act>]) -> Vec<Vec<usize>> {
    acts.iter().map(|list| jobs_of(list)).collect()
}

impl full::state::State<'_, '_> {
    /// A vehicle whose locked head could not be driven.
    fn broken_lock(&self) -> Option<usize> {
        (0..self.routes.len())
            .find(|&car| !self.model.cars[car].locked.is_empty() && self.routes[car].visits.is_empty())
    }

    /// Takes over whole routes.
    fn load(&mut self, visits: Vec<Vec<u32>>) {
        for (car, list) in visits.into_iter().enumerate() {
            self.load_route(car, list);
        }
        Search::keep(self);
        Search::save(self);
    }

    /// Takes over an old plan: whole routes where they still hold, else job by job.
    fn load_acts(&mut self, acts: &[Vec<Act>], rng: &mut Rng) {
        for (car, list) in acts.iter().enumerate().take(self.routes.len()) {
            let jobs = jobs_of(list);
            if !self.load_whole(car, list) {
                for &job in jobs.iter().filter(|&&j| j < self.model.jobs.len()) {
                    if self.route_of[job] == NONE {
                        self.put(job as u32, car, rng);
                    }
                }
            }
        }
        Search::keep(self);
    }

    fn load_whole(&mut self, car: usize, acts: &[Act]) -> bool {
        let model = self.model;
        let mut visits = Vec::with_capacity(acts.len());
        for &act in acts {
            let reload = model.cars[car].reload.as_ref().map_or(0, |r| r.seconds);
            let node = match act {
                Act::Deliver(job) | Act::Pickup(job) => model.jobs.get(job).map(|j| j.first),
                Act::DropOff(job) => model.jobs.get(job).and_then(|j| j.second),
                Act::Reload(place) => model.reload_node(place, reload),
            };
            let Some(node) = node else { return false };
            visits.push(node);
        }
        let head = &model.cars[car].locked;
        let free = |v: &u32| {
            let job = model.nodes[*v as usize].job;
            // Its own already: dropped off on its way, picked up in its head.
            let own = || self.route_of[job as usize] == car as u32;
            let absent = || self.route_of[job as usize] == NONE && model.may(car, job as usize);
            job == NONE || own() || absent()
        };
        let sound =
            visits.starts_with(head) && visits[head.len()..].iter().all(free) && paired(model, &visits);
        sound && self.load_route(car, visits)
    }
}

/// Whether each job stands there once, shipments with both halves in order.
fn paired(model: &Model<'_>, visits: &[u32]) -> bool {
    let at = |node: u32| {
        let mut places = (0..visits.len()).filter(|&i| visits[i] == node);
        (places.next(), places.next())
    };
    visits.iter().all(|&v| {
        let job = model.nodes[v as usize].job;
        if job == NONE {
            return true;
        }
        let job = &model.jobs[job as usize];
        match (at(job.first), job.second.map(at)) {
            ((Some(_), None), None) => true,
            ((Some(a), None), Some((Some(b), None))) => a < b,
            _ => false,
        }
    })
}

/// Jobs in the order of their first act.
fn jobs_of(acts: &[Act]) -> Vec<usize> {
    let job = |act: &Act| match act {
        Act::Deliver(job) | Act::Pickup(job) => Some(*job),
        _ => None,
    };
    acts.iter().filter_map(job).collect()
}
