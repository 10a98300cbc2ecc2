//! From the search's routes to a [`Plan`].

use super::arcs;
use super::full::model::{Model, NONE, Role};
use super::full::timeline::{self, Step};
use super::plan::{Plan, PlannedAct, RoutePlan, Visit};
use super::problem::Act;
use super::{reasons, score};

/// Visits per vehicle as a plan, with times, reasons and score.
pub(crate) fn plan(model: &Model<'_>, visits: &[Vec<u32>], steps: u64) -> Plan {
    let problem = model.problem;
    let mut served = vec![false; problem.jobs.len()];
    let mut routes = Vec::new();
    for (vehicle, list) in visits.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
        for &visit in list {
            let job = model.nodes[visit as usize].job;
            if job != NONE {
                served[job as usize] = true;
            }
        }
        routes.extend(route(model, vehicle, list));
    }
    let skipped = problem.jobs.iter().zip(&served).filter(|(_, served)| !**served);
    let price: f64 = skipped.filter_map(|(job, _)| job.optional).sum();
    let weights = problem.jobs.iter().zip(&served).filter(|(job, served)| **served && job.optional.is_none());
    let mut plan = Plan {
        cost: routes.iter().map(|r| r.cost).sum::<f64>() + price,
        served_priority: weights.map(|(job, _)| u64::from(job.priority) + 1).sum(),
        unassigned: reasons::all(model, visits, &served),
        routes,
        score: score::Score { distance: 0.0, windows: 0.0, traffic: 0.0, capacity: 0.0 },
        steps,
    };
    plan.score = score::of(problem, &plan);
    plan
}

/// The act a visit stands for.
fn act(model: &Model<'_>, visit: u32) -> Act {
    let node = &model.nodes[visit as usize];
    match node.role {
        Role::Deliver => Act::Deliver(node.job as usize),
        Role::Pickup | Role::From => Act::Pickup(node.job as usize),
        Role::To => Act::DropOff(node.job as usize),
        Role::Reload => Act::Reload(node.place as usize),
    }
}

fn route(model: &Model<'_>, vehicle: usize, visits: &[u32]) -> Option<RoutePlan> {
    let car = &model.cars[vehicle];
    let times = timeline::of(model, car, visits)?;
    let mut list = Vec::with_capacity(times.steps.len());
    let (mut place, mut arrive) = (car.start as usize, times.depart);
    for timed in &times.steps {
        let act = match timed.step {
            Step::Drive(position) => {
                place = model.place_after(car, visits, position);
                arrive = timed.end;
                continue;
            }
            Step::Visit(i) => PlannedAct::Stop(act(model, visits[i])),
            Step::Break(b) => PlannedAct::Break(b),
        };
        list.push(Visit { act, place, arrive, start: timed.start, end: timed.end });
        arrive = timed.end;
    }
    let problem = model.problem;
    let (rules, profile) = (&problem.vehicles[vehicle], &problem.profiles[car.profile]);
    let (mut metres, mut seconds, mut cost) = (0, 0, rules.costs.fixed);
    for i in 0..=visits.len() {
        let at = model.place_before(car, visits, i) * profile.size + model.place_after(car, visits, i);
        metres += i64::from(profile.metres[at]);
        seconds += i64::from(arcs::slowed(rules, profile.seconds[at]));
        cost += arcs::cost(rules, &problem.criteria, profile.metres[at], profile.seconds[at]);
    }
    let (depart, back) = (times.depart, times.back);
    Some(RoutePlan { vehicle, depart, back, visits: list, metres, drive_seconds: seconds, cost })
}

/// Routes of the flat engine as visits per vehicle.
pub(crate) fn flat_visits(model: &Model<'_>, routes: &[Vec<usize>]) -> Vec<Vec<u32>> {
    let mut visits: Vec<Vec<u32>> =
        routes.iter().map(|route| route.iter().map(|&job| model.jobs[job].first).collect()).collect();
    visits.resize(model.cars.len(), Vec::new());
    visits
}
