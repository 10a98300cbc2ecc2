//! From a task and travel times to the solver's question. The solver counts seconds from the day's local midnight.

use std::collections::HashMap;

use super::model::{Act, Window};
use super::task::{Car, JobSpec, Kind, Task, Visit};
use crate::base::clock::Timestamp;
use crate::base::units::Position;
use crate::routing::problem::{
    Act as Step, Break, Costs, Criteria, Job, MAX_NUMBER, Matrix, Problem, ProblemError, Reload, Stop,
    Task as What, Vehicle, Window as Seconds,
};
use crate::travel::sources::{Grid, Times};

/// The places of a task, each once, and which is which.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Positions.
    pub points: Vec<Position>,
    index: HashMap<Position, usize>,
}

impl Places {
    /// All places of `task`.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        let mut places = Self::default();
        for car in &task.cars {
            places.add(car.from.position);
            places.add(car.to.position);
        }
        for job in &task.jobs {
            places.add(job.visit.position);
            if let Some(fetch) = &job.fetch {
                places.add(fetch.position);
            }
        }
        places
    }

    fn add(&mut self, at: Position) {
        let next = self.points.len();
        if *self.index.entry(at).or_insert(next) == next {
            self.points.push(at);
        }
    }

    /// The number of a place.
    #[must_use]
    pub fn number(&self, at: Position) -> usize {
        self.index.get(&at).copied().unwrap_or_default()
    }
}

/// Seconds from `midnight` to `at`, as the solver takes them.
fn seconds(midnight: Timestamp, at: Timestamp) -> i32 {
    let s = (at.millis() - midnight.millis()).div_euclid(1_000);
    i32::try_from(s.clamp(0, i64::from(MAX_NUMBER))).unwrap_or(MAX_NUMBER)
}

fn span(midnight: Timestamp, w: Window) -> Seconds {
    Seconds::new(seconds(midnight, w.from), seconds(midnight, w.to))
}

/// The solver's question.
///
/// # Errors
/// When more skills are named than the solver knows.
pub fn build(task: &Task, places: &Places, times: &Times) -> Result<Problem, ProblemError> {
    let (skills, grid) = (Skills::of(task)?, &times.grid);
    // Dimensions in which no vehicle is limited decide nothing; the first one stays, so that there is one.
    let limited = |d: usize| d == 0 || task.cars.iter().any(|c| c.capacity[d].is_some());
    let dims: Vec<usize> = (0..3).filter(|d| limited(*d)).collect();
    let matrix = |g: &Grid| Matrix { size: g.size, metres: g.metres.clone(), seconds: g.seconds.clone() };
    let mut profiles = vec![matrix(grid)];
    if !task.conditions.is_empty() {
        // Nobody drives on the second one: it is what the score holds the planned times against.
        let free = matrix(grid);
        profiles[0] = matrix(&task.conditions.applied_to(&places.points, times, task.span));
        profiles.push(free);
    }
    let [distance, time, fuel] = task.weights;
    Ok(Problem {
        profiles,
        vehicles: task.cars.iter().map(|c| vehicle(task, places, &skills, &dims, c)).collect(),
        jobs: task.jobs.iter().map(|j| job(task, places, &skills, &dims, j)).collect(),
        criteria: Criteria { distance, time, fuel, fewest_vehicles: task.fewest },
    })
}

/// Names of skills as bits.
struct Skills(HashMap<String, u32>);

impl Skills {
    fn of(task: &Task) -> Result<Self, ProblemError> {
        // Only what a job asks for decides anything.
        let mut known = HashMap::new();
        for skill in task.jobs.iter().flat_map(|j| &j.skills) {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            known.entry(skill.clone()).or_insert(next);
        }
        if known.len() > 64 {
            return Err(ProblemError::TooMany(known.len(), "different skills", 64));
        }
        Ok(Self(known))
    }

    fn bits(&self, skills: &[String]) -> u64 {
        skills.iter().filter_map(|s| self.0.get(s)).fold(0, |bits, at| bits | 1 << at)
    }
}

fn whole(n: u64) -> i32 {
    i32::try_from(n).unwrap_or(MAX_NUMBER).min(MAX_NUMBER)
}

fn vehicle(task: &Task, places: &Places, skills: &Skills, dims: &[usize], car: &Car) -> Vehicle {
    let start = places.number(car.from.position);
    let reload = car.reloads.filter(|(max, _)| *max > 0).map(|(max, s)| Reload {
        places: vec![start],
        seconds: whole(s.into()),
        max: max as usize,
    });
    let costs = &car.costs;
    Vehicle {
        profile: 0,
        slowness: 1.0 / car.speed,
        start,
        end: places.number(car.to.position),
        capacity: dims.iter().map(|d| car.capacity[*d].map_or(MAX_NUMBER, |n| whole(n.into()))).collect(),
        shift: span(task.midnight, car.shift),
        skills: skills.bits(&car.skills),
        max_seconds: car.max_s.map(|s| whole(s.into())),
        max_metres: car.max_m.map(|m| i64::try_from(m).unwrap_or(i64::MAX)),
        max_stops: car.max_stops.map(|n| n as usize),
        costs: Costs {
            fixed: costs.fixed,
            per_metre: costs.per_km / 1_000.0,
            per_second: costs.per_hour / 3_600.0,
            fuel_per_metre: costs.litres_per_100km * costs.per_litre / 100_000.0,
        },
        breaks: car
            .pauses
            .iter()
            .map(|(w, s)| Break { window: span(task.midnight, *w), seconds: whole((*s).into()) })
            .collect(),
        reload,
        locked: car.locked.iter().filter_map(|(job, act)| step(start, *job, *act)).collect(),
    }
}

/// An act as the solver says it; pauses it places itself.
pub fn step(start: usize, job: usize, act: Act) -> Option<Step> {
    match act {
        Act::Deliver => Some(Step::Deliver(job)),
        Act::Collect | Act::Fetch => Some(Step::Pickup(job)),
        Act::Drop => Some(Step::DropOff(job)),
        Act::Reload => Some(Step::Reload(start)),
        Act::Pause => None,
    }
}

fn stop(task: &Task, places: &Places, visit: &Visit) -> Stop {
    let windows = visit.windows.iter().map(|w| span(task.midnight, *w)).collect();
    Stop { place: places.number(visit.position), seconds: whole(visit.service_s.into()), windows }
}

fn job(task: &Task, places: &Places, skills: &Skills, dims: &[usize], job: &JobSpec) -> Job {
    let at = stop(task, places, &job.visit);
    let what = match (&job.fetch, job.kind) {
        (Some(fetch), _) => What::Shipment(stop(task, places, fetch), at),
        (None, Kind::Deliver) => What::Delivery(at),
        (None, Kind::Collect) => What::Pickup(at),
    };
    Job {
        task: what,
        amount: dims.iter().map(|d| whole(job.amount[*d].into())).collect(),
        skills: skills.bits(&job.skills),
        priority: job.priority,
        optional: job.worth,
    }
}

/// What the search starts from, as the solver says it.
#[must_use]
pub fn start(task: &Task, problem: &Problem) -> Option<Vec<Vec<Step>>> {
    let warm = task.warm.as_ref()?;
    let acts = |(car, list): (usize, &Vec<(usize, Act)>)| {
        let start = problem.vehicles.get(car).map_or(0, |v| v.start);
        list.iter().filter_map(|(job, act)| step(start, *job, *act)).collect()
    };
    Some(warm.iter().enumerate().map(acts).collect())
}
