//! Depot cases in JSON: real-road matrices, several vehicles with shifts, breaks, skills; pickups with deliveries.

use crossdock::routing::problem::{
    Break, Costs, Criteria, Job, Matrix, Problem, Stop, Task, Vehicle, Window,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    depot: usize,
    seconds: Vec<Vec<i32>>,
    metres: Vec<Vec<i32>>,
    vehicles: Vec<Car>,
    jobs: Vec<Work>,
    pickup_delivery: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
struct Car {
    capacity: Vec<i32>,
    shift: (i32, i32),
    breaks: Vec<Pause>,
    skills: Vec<u32>,
    max_stops: usize,
}

#[derive(Deserialize)]
struct Pause {
    window: (i32, i32),
    seconds: i32,
}

#[derive(Deserialize)]
struct Work {
    id: usize,
    at: usize,
    seconds: i32,
    amount: Vec<i32>,
    windows: Vec<(i32, i32)>,
    skills: Vec<u32>,
    priority: u8,
}

/// Reads a case; its objective is priority served, then seconds driven.
pub fn read(text: &str) -> Option<Problem> {
    let case: Case = serde_json::from_str(text).ok()?;
    let bits = |skills: &[u32]| skills.iter().fold(0u64, |set, s| set | 1 << s);
    let vehicle = |car: &Car| Vehicle {
        profile: 0,
        slowness: 1.0,
        start: case.depot,
        end: case.depot,
        capacity: car.capacity.clone(),
        shift: Window::new(car.shift.0, car.shift.1),
        skills: bits(&car.skills),
        max_seconds: None,
        max_metres: None,
        max_stops: Some(car.max_stops),
        costs: Costs::default(),
        breaks: car
            .breaks
            .iter()
            .map(|b| Break { window: Window::new(b.window.0, b.window.1), seconds: b.seconds })
            .collect(),
        reload: None,
        locked: Vec::new(),
    };
    let stop = |work: &Work| Stop {
        place: work.at,
        seconds: work.seconds,
        windows: work.windows.iter().map(|w| Window::new(w.0, w.1)).collect(),
    };
    let job = |task: Task, works: &[&Work]| Job {
        task,
        amount: works[0].amount.clone(),
        skills: works.iter().fold(0, |set, w| set | bits(&w.skills)),
        priority: works.iter().map(|w| w.priority).max().unwrap_or(0),
        optional: None,
    };
    let find = |id: usize| case.jobs.iter().find(|w| w.id == id);
    let mut jobs = Vec::new();
    for &(from, to) in &case.pickup_delivery {
        let (from, to) = (find(from)?, find(to)?);
        jobs.push(job(Task::Shipment(stop(from), stop(to)), &[from, to]));
    }
    let paired = |id: usize| case.pickup_delivery.iter().any(|&(a, b)| a == id || b == id);
    for work in case.jobs.iter().filter(|w| !paired(w.id)) {
        jobs.push(job(Task::Delivery(stop(work)), &[work]));
    }
    let flat = |rows: &[Vec<i32>]| rows.concat();
    let profiles =
        vec![Matrix { size: case.seconds.len(), metres: flat(&case.metres), seconds: flat(&case.seconds) }];
    let criteria = Criteria { distance: 0.0, time: 1.0, fuel: 0.0, fewest_vehicles: false };
    Some(Problem { profiles, vehicles: case.vehicles.iter().map(vehicle).collect(), jobs, criteria })
}
