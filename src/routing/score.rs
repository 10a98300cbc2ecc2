//! The score shown with each plan: distance 40, windows 25, traffic 20, capacity 15.

pub use super::plan::Score;
use super::plan::{Plan, PlannedAct};
use super::problem::{Act, Problem, Stop, Task};

/// Scores a plan. Jobs left out count as windows missed.
///
/// - distance: a lower bound of the metres (each place visited is entered from its nearest place) over the metres driven;
/// - windows: part of all stops that are served within a window;
/// - traffic: seconds of the fastest profile over the seconds driven;
/// - capacity: of the vehicles used, the largest dimension's load over capacity, on average.
pub fn of(problem: &Problem, plan: &Plan) -> Score {
    let metres: i64 = plan.routes.iter().map(|r| r.metres).sum();
    let seconds: i64 = plan.routes.iter().map(|r| r.drive_seconds).sum();
    let share = |part: f64, whole: f64| if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 1.0 };
    Score {
        distance: 40.0 * share(least_metres(problem, plan), metres as f64),
        windows: 25.0 * share(met(problem, plan) as f64, stops(problem) as f64),
        traffic: 20.0 * share(free_seconds(problem, plan), seconds as f64),
        capacity: 15.0 * use_of_capacity(problem, plan),
    }
}

/// Places in driving order, start and end included.
fn places(problem: &Problem, plan: &Plan, route: usize) -> Vec<usize> {
    let route = &plan.routes[route];
    let vehicle = &problem.vehicles[route.vehicle];
    let mut list = vec![vehicle.start];
    list.extend(route.visits.iter().map(|v| v.place));
    list.push(vehicle.end);
    list
}

fn least_metres(problem: &Problem, plan: &Plan) -> f64 {
    let mut all: Vec<usize> = (0..plan.routes.len()).flat_map(|r| places(problem, plan, r)).collect();
    all.sort_unstable();
    all.dedup();
    let nearest = |to: usize| {
        let ways = problem.profiles.iter().flat_map(|m| all.iter().map(move |&from| (m, from)));
        ways.filter(|&(_, from)| from != to).map(|(m, from)| m.metres[from * m.size + to]).min().unwrap_or(0)
    };
    all.iter().map(|&to| f64::from(nearest(to))).sum()
}

fn free_seconds(problem: &Problem, plan: &Plan) -> f64 {
    let fastest = |from: usize, to: usize| {
        problem.profiles.iter().map(|m| m.seconds[from * m.size + to]).min().map_or(0.0, f64::from)
    };
    (0..plan.routes.len())
        .flat_map(|r| places(problem, plan, r).windows(2).map(|w| fastest(w[0], w[1])).collect::<Vec<_>>())
        .sum()
}

fn stops(problem: &Problem) -> usize {
    problem.jobs.iter().map(|job| if matches!(job.task, Task::Shipment(..)) { 2 } else { 1 }).sum()
}

/// The stop an act serves.
pub(crate) fn stop_of(problem: &Problem, act: Act) -> Option<&Stop> {
    match (act, &problem.jobs.get(job_of(act)?)?.task) {
        (Act::Deliver(_), Task::Delivery(stop))
        | (Act::Pickup(_), Task::Pickup(stop) | Task::Shipment(stop, _)) => Some(stop),
        (Act::DropOff(_), Task::Shipment(_, stop)) => Some(stop),
        _ => None,
    }
}

/// The job an act belongs to.
fn job_of(act: Act) -> Option<usize> {
    match act {
        Act::Deliver(job) | Act::Pickup(job) | Act::DropOff(job) => Some(job),
        Act::Reload(_) => None,
    }
}

fn met(problem: &Problem, plan: &Plan) -> usize {
    let visits = plan.routes.iter().flat_map(|r| &r.visits);
    let kept = visits.filter(|visit| match visit.act {
        PlannedAct::Stop(act) => stop_of(problem, act).is_some_and(|stop| {
            stop.windows.is_empty() || stop.windows.iter().any(|w| (w.open..=w.close).contains(&visit.start))
        }),
        PlannedAct::Break(_) => false,
    });
    kept.count()
}

fn use_of_capacity(problem: &Problem, plan: &Plan) -> f64 {
    if plan.routes.is_empty() {
        return 0.0;
    }
    let used = |route: &super::plan::RoutePlan| {
        let capacity = &problem.vehicles[route.vehicle].capacity;
        let trips =
            1 + route.visits.iter().filter(|v| matches!(v.act, PlannedAct::Stop(Act::Reload(_)))).count();
        let load = |d: usize| -> i64 {
            let acts = route.visits.iter().filter_map(|v| match v.act {
                PlannedAct::Stop(Act::Deliver(job) | Act::Pickup(job)) => Some(job),
                _ => None,
            });
            acts.map(|job| i64::from(problem.jobs[job].amount[d])).sum()
        };
        let part = |d: usize| load(d) as f64 / (f64::from(capacity[d]).max(1.0) * trips as f64);
        (0..capacity.len()).map(part).fold(0.0, f64::max).min(1.0)
    };
    plan.routes.iter().map(used).sum::<f64>() / plan.routes.len() as f64
}
