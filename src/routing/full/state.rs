//! The plan being worked on.

use super::insert::{Best, Spot};
use super::model::{Model, NONE};
use super::route::Route;
use crate::routing::rng::Rng;

/// What a plan is ranked by: weight of absent jobs, then cost.
pub(crate) type Rank = (i64, i64);

/// A plan that can be put back.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    routes: Vec<Route>,
    route_of: Vec<u32>,
    absent: Vec<u32>,
    pub(crate) rank: Rank,
}

/// Routes by vehicle, jobs in no route, and what undoes the running step.
pub(crate) struct State<'m, 'p> {
    pub(crate) model: &'m Model<'p>,
    pub(crate) routes: Vec<Route>,
    /// Vehicle of each job, or `NONE`.
    pub(crate) route_of: Vec<u32>,
    pub(crate) absent: Vec<u32>,
    pub(crate) out: Vec<u32>,
    /// Vehicles in use at most.
    pub(crate) most_used: usize,
    pub(crate) intensity: f64,
    pub(crate) sum: i64,
    pub(crate) used: usize,
    log: Vec<(usize, Route)>,
    moved: Vec<(u32, u32)>,
    absent_before: Vec<u32>,
    before: (i64, usize),
    pub(crate) best: Saved,
}

impl<'m, 'p> State<'m, 'p> {
    /// Nothing planned but the locked heads. Locked visits that break a rule stay out: see `lock`.
    pub(crate) fn new(model: &'m Model<'p>) -> Self {
        let absent: Vec<u32> = (0..model.jobs.len() as u32).collect();
        let routes = (0..model.cars.len())
            .map(|car| {
                let mut route = Route::default();
                model.rebuild(car, &mut route);
                route
            })
            .collect::<Vec<_>>();
        let route_of = vec![NONE; model.jobs.len()];
        let best = Saved {
            routes: routes.clone(),
            route_of: route_of.clone(),
            absent: absent.clone(),
            rank: (i64::MAX, i64::MAX),
        };
        let mut state = State {
            model,
            routes,
            route_of,
            absent_before: absent.clone(),
            absent,
            out: Vec::new(),
            most_used: usize::MAX,
            intensity: 10.0,
            sum: 0,
            used: 0,
            log: Vec::new(),
            moved: Vec::new(),
            before: (0, 0),
            best,
        };
        for car in 0..model.cars.len() {
            let locked = model.cars[car].locked.clone();
            if state.load_route(car, locked) {
                state.finish_open(car);
            }
        }
        state.keep();
        state.save();
        state
    }

    /// Back to the locked heads alone; the best plan stays known.
    pub(crate) fn clear(&mut self) {
        let (best, most_used) = (self.best.clone(), self.most_used);
        *self = State { best, most_used, ..State::new(self.model) };
    }

    /// Drops off what the locked head has on board, each where it costs least.
    fn finish_open(&mut self, car: usize) {
        let model = self.model;
        for &visit in &model.cars[car].locked {
            let node = &model.nodes[visit as usize];
            let second = if node.job == NONE { None } else { model.jobs[node.job as usize].second };
            let Some(second) = second.filter(|s| !self.routes[car].visits.contains(s)) else { continue };
            let visits = self.routes[car].visits.clone();
            let at = |i: usize| [&visits[..i], &[second], &visits[i..]].concat();
            let ways = (model.cars[car].locked.len()..=visits.len()).filter_map(|i| model.route(car, at(i)));
            match ways.min_by_key(|route| route.cost) {
                Some(route) => self.set(car, route),
                None => self.set(car, Route::default()),
            }
        }
    }

    /// Gives a vehicle these visits if they are feasible and their jobs free; says whether it did.
    pub(crate) fn load_route(&mut self, car: usize, visits: Vec<u32>) -> bool {
        if visits.is_empty() {
            return false;
        }
        let Some(route) = self.model.route(car, visits) else { return false };
        self.set(car, route);
        true
    }

    /// Replaces a vehicle's route, keeping books.
    pub(crate) fn set(&mut self, car: usize, route: Route) {
        let was = !self.routes[car].visits.is_empty();
        let is = !route.visits.is_empty();
        self.sum += route.cost - self.routes[car].cost;
        self.used = self.used + usize::from(is) - usize::from(was);
        for i in 0..route.visits.len() {
            self.place_job(route.visits[i], car as u32);
        }
        let old = std::mem::replace(&mut self.routes[car], route);
        if !self.log.iter().any(|(c, _)| *c == car) {
            self.log.push((car, old));
        }
        if !self.absent.is_empty() {
            let route_of = &self.route_of;
            self.absent.retain(|&j| route_of[j as usize] == NONE);
        }
    }

    fn place_job(&mut self, visit: u32, car: u32) {
        if (visit as usize) < self.model.reloads {
            let job = self.model.nodes[visit as usize].job;
            self.move_job(job, car);
        }
    }

    pub(crate) fn move_job(&mut self, job: u32, car: u32) {
        let was = self.route_of[job as usize];
        if was != car {
            self.moved.push((job, was));
            self.route_of[job as usize] = car;
        }
    }

    /// Cheapest place for a job over all routes.
    pub(crate) fn best_spot(&self, job: usize, rng: &mut Rng) -> Best {
        let mut best = Best::new();
        let mut opened: Vec<usize> = Vec::new();
        for car in 0..self.routes.len() {
            let route = &self.routes[car];
            if route.visits.is_empty() {
                let group = self.model.cars[car].group;
                if self.used >= self.most_used || opened.contains(&group) {
                    continue;
                }
                opened.push(group);
            }
            self.model.try_route(car, route, job, &mut best, rng);
        }
        best
    }

    /// Puts a job into a route where `best_spot` found a place.
    pub(crate) fn insert(&mut self, job: usize, car: usize, spot: Spot) -> bool {
        let visits = self.model.with(&self.routes[car].visits, &self.model.jobs[job], spot);
        match self.model.route(car, visits) {
            Some(route) => {
                self.set(car, route);
                true
            }
            None => false,
        }
    }

    /// Rank of the plan.
    pub(crate) fn rank(&self) -> Rank {
        let weight = self.absent.iter().map(|&j| self.model.jobs[j as usize].weight).sum();
        let optional = self.absent.iter().map(|&j| &self.model.jobs[j as usize]).filter(|j| j.optional);
        (weight, self.sum + optional.map(|j| j.skip).sum::<i64>())
    }

    /// Cost with penalties, as the annealing sees it.
    pub(crate) fn price(&self) -> i64 {
        self.sum + self.absent.iter().map(|&j| self.model.jobs[j as usize].skip).sum::<i64>()
    }

    /// Ends the step and keeps it.
    pub(crate) fn keep(&mut self) {
        self.log.clear();
        self.moved.clear();
        self.absent_before.clone_from(&self.absent);
        self.before = (self.sum, self.used);
    }

    /// Ends the step and undoes it.
    pub(crate) fn undo(&mut self) {
        while let Some((car, route)) = self.log.pop() {
            self.routes[car] = route;
        }
        while let Some((job, car)) = self.moved.pop() {
            self.route_of[job as usize] = car;
        }
        self.absent.clone_from(&self.absent_before);
        (self.sum, self.used) = self.before;
    }

    /// Remembers the plan as the best.
    pub(crate) fn save(&mut self) {
        self.best.routes.clone_from(&self.routes);
        self.best.route_of.clone_from(&self.route_of);
        self.best.absent.clone_from(&self.absent);
        self.best.rank = self.rank();
    }

    /// Puts the best plan back.
    pub(crate) fn restore(&mut self) {
        self.routes.clone_from(&self.best.routes);
        self.route_of.clone_from(&self.best.route_of);
        self.absent.clone_from(&self.best.absent);
        self.sum = self.routes.iter().map(|r| r.cost).sum();
        self.used = self.routes.iter().filter(|r| !r.visits.is_empty()).count();
        self.keep();
    }

    /// Goes on from another search's best plan.
    pub(crate) fn adopt(&mut self, other: &Self) {
        self.best.clone_from(&other.best);
        self.restore();
    }

    /// Visits per vehicle of the best plan.
    pub(crate) fn best_visits(&self) -> Vec<Vec<u32>> {
        self.best.routes.iter().map(|r| r.visits.clone()).collect()
    }
}
