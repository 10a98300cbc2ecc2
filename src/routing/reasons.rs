//! Why a job is not in the plan: one constraint at a time is lifted and the job tried again in every route.

use super::full::insert::Best;
use super::full::model::{Car, Model};
use super::plan::{Reason, Unassigned};
use super::problem::Window;
use super::rng::Rng;

/// Jobs looked into; the others of a hopelessly large rest get `Several`.
const MOST: usize = 200;

const LIFTED: [Reason; 7] = [
    Reason::Skills,
    Reason::Capacity,
    Reason::Windows,
    Reason::Shift,
    Reason::RouteTime,
    Reason::RouteDistance,
    Reason::Stops,
];

/// The jobs that are not served, each with its reasons.
pub(crate) fn all(model: &Model<'_>, visits: &[Vec<u32>], served: &[bool]) -> Vec<Unassigned> {
    let absent: Vec<usize> = (0..served.len()).filter(|&job| !served[job]).collect();
    let mut list: Vec<Unassigned> =
        absent.iter().map(|&job| Unassigned { job, reasons: Vec::new() }).collect();
    if list.is_empty() {
        return list;
    }
    for item in list.iter_mut().filter(|item| model.jobs[item.job].optional) {
        if fits(model, visits, item.job) {
            item.reasons.push(Reason::NotWorth);
        }
    }
    for reason in LIFTED {
        let lifted = lift(model, reason);
        for item in list.iter_mut().take(MOST).filter(|item| item.reasons != [Reason::NotWorth]) {
            let own = (reason == Reason::Windows).then(|| without_windows(&lifted, item.job));
            if fits(own.as_ref().unwrap_or(&lifted), visits, item.job) {
                item.reasons.push(reason);
            }
        }
    }
    for item in list.iter_mut().filter(|item| item.reasons.is_empty()) {
        item.reasons.push(Reason::Several);
    }
    list
}

/// Whether the job goes into any route as it stands.
fn fits(model: &Model<'_>, visits: &[Vec<u32>], job: usize) -> bool {
    let mut rng = Rng::new(1);
    (0..model.cars.len()).any(|car| {
        let route = model.route(car, visits[car].clone()).unwrap_or_default();
        if route.leave.is_empty() {
            return false;
        }
        let mut best = Best::new();
        // A place may be overlooked by chance: three looks leave one in a million.
        (0..3).for_each(|_| model.try_route(car, &route, job, &mut best, &mut rng));
        best.found.is_some()
    })
}

/// The model with one kind of constraint lifted.
fn lift<'p>(model: &Model<'p>, reason: Reason) -> Model<'p> {
    let mut lifted = model.copy();
    let change = |cars: &mut Vec<Car>, f: &dyn Fn(&mut Car)| cars.iter_mut().for_each(f);
    match reason {
        Reason::Skills => change(&mut lifted.cars, &|car| car.skills = u64::MAX),
        Reason::Capacity => change(&mut lifted.cars, &|car| car.capacity.fill(i32::MAX / 2)),
        Reason::Shift => change(&mut lifted.cars, &|car| {
            car.breaks.clear();
            car.shift = Window { open: car.shift.open.min(0), close: Window::ALWAYS.close };
        }),
        Reason::RouteTime => change(&mut lifted.cars, &|car| car.max_seconds = None),
        Reason::RouteDistance => change(&mut lifted.cars, &|car| car.max_metres = None),
        Reason::Stops => change(&mut lifted.cars, &|car| car.max_stops = usize::MAX),
        _ => {}
    }
    lifted.fill_allowed();
    lifted
}

/// The model with the windows of one job lifted.
fn without_windows<'p>(model: &Model<'p>, job: usize) -> Model<'p> {
    let mut lifted = model.copy();
    let (first, second) = (lifted.jobs[job].first, lifted.jobs[job].second);
    for node in std::iter::once(first).chain(second) {
        lifted.nodes[node as usize].windows =
            vec![Window { open: i32::MIN / 4, close: Window::ALWAYS.close }];
    }
    lifted
}
