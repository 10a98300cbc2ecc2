//! Refuses problems that contradict themselves before any work is done.

use super::full::timeline::MOST_BREAKS;
use super::problem::{
    Act, Job, MAX_ARC, MAX_DIMENSIONS, MAX_JOBS, MAX_NUMBER, MAX_VEHICLES, Problem, ProblemError, Stop, Task,
    Vehicle, Window,
};

/// Checks the whole problem.
///
/// # Errors
/// The first thing found wrong, by name.
pub fn check(problem: &Problem) -> Result<(), ProblemError> {
    limit(problem.jobs.len(), "jobs", MAX_JOBS)?;
    limit(problem.vehicles.len(), "vehicles", MAX_VEHICLES)?;
    let places = problem.profiles.first().map_or(0, |m| m.size);
    if problem.profiles.is_empty() {
        return Err(ProblemError::MatrixSize(0, 0));
    }
    for (index, matrix) in problem.profiles.iter().enumerate() {
        let entries = matrix.size.saturating_mul(matrix.size);
        if matrix.size != places || matrix.metres.len() != entries || matrix.seconds.len() != entries {
            return Err(ProblemError::MatrixSize(index, places));
        }
        if matrix.metres.iter().chain(&matrix.seconds).any(|entry| !(0..=MAX_ARC).contains(entry)) {
            return Err(ProblemError::MatrixEntry(index));
        }
    }
    let dims = problem.dimensions();
    limit(dims, "dimensions of capacity", MAX_DIMENSIONS)?;
    let weights = [problem.criteria.distance, problem.criteria.time, problem.criteria.fuel];
    finite(&weights, "criteria")?;
    for (index, vehicle) in problem.vehicles.iter().enumerate() {
        check_vehicle(problem, vehicle, &format!("vehicle {index}"), places, dims)?;
    }
    for (index, job) in problem.jobs.iter().enumerate() {
        check_job(job, &format!("job {index}"), places, dims)?;
    }
    check_locks(problem)
}

fn limit(count: usize, what: &'static str, most: usize) -> Result<(), ProblemError> {
    if count > most { Err(ProblemError::TooMany(count, what, most)) } else { Ok(()) }
}

fn finite(numbers: &[f64], name: &str) -> Result<(), ProblemError> {
    let sound = numbers.iter().all(|x| x.is_finite() && (0.0..=1e9).contains(x));
    if sound {
        Ok(())
    } else {
        Err(ProblemError::Range(name.to_string(), "weights and prices are numbers from 0 to 1e9"))
    }
}

fn check_window(window: Window, name: &str) -> Result<(), ProblemError> {
    let sound = 0 <= window.open && window.open <= window.close && window.close <= MAX_NUMBER;
    if sound {
        Ok(())
    } else {
        Err(ProblemError::Range(name.to_string(), "a window opens at 0 or later and not after it closes"))
    }
}

fn check_place(place: usize, places: usize, name: &str) -> Result<(), ProblemError> {
    if place < places { Ok(()) } else { Err(ProblemError::Unknown(name.to_string(), "place")) }
}

fn check_amounts(amounts: &[i32], dims: usize, name: &str) -> Result<(), ProblemError> {
    if amounts.len() != dims {
        return Err(ProblemError::Dimensions(name.to_string(), amounts.len(), dims));
    }
    let sound = amounts.iter().all(|x| (0..=MAX_NUMBER).contains(x));
    if sound {
        Ok(())
    } else {
        Err(ProblemError::Range(name.to_string(), "amounts are not negative and at most 2^29"))
    }
}

fn check_vehicle(
    problem: &Problem,
    vehicle: &Vehicle,
    name: &str,
    places: usize,
    dims: usize,
) -> Result<(), ProblemError> {
    if vehicle.profile >= problem.profiles.len() {
        return Err(ProblemError::Unknown(name.to_string(), "speed profile"));
    }
    check_place(vehicle.start, places, name)?;
    check_place(vehicle.end, places, name)?;
    check_amounts(&vehicle.capacity, dims, name)?;
    check_window(vehicle.shift, name)?;
    let costs = vehicle.costs;
    finite(&[costs.fixed, costs.per_metre, costs.per_second, costs.fuel_per_metre], name)?;
    if !(0.1..=10.0).contains(&vehicle.slowness) {
        return Err(ProblemError::Range(name.to_string(), "slowness is a factor from 0.1 to 10"));
    }
    for pause in &vehicle.breaks {
        check_window(pause.window, name)?;
        seconds(pause.seconds, name)?;
    }
    limit(vehicle.breaks.len(), "breaks of one vehicle", MOST_BREAKS)?;
    if let Some(reload) = &vehicle.reload {
        seconds(reload.seconds, name)?;
        for &place in &reload.places {
            check_place(place, places, name)?;
        }
    }
    Ok(())
}

fn seconds(length: i32, name: &str) -> Result<(), ProblemError> {
    if (0..=MAX_ARC).contains(&length) {
        Ok(())
    } else {
        Err(ProblemError::Range(name.to_string(), "lengths of time are not negative"))
    }
}

fn check_job(job: &Job, name: &str, places: usize, dims: usize) -> Result<(), ProblemError> {
    check_amounts(&job.amount, dims, name)?;
    if job.priority > 100 {
        return Err(ProblemError::Range(name.to_string(), "priority is 0 to 100"));
    }
    if let Some(price) = job.optional {
        finite(&[price], name)?;
    }
    match &job.task {
        Task::Delivery(stop) | Task::Pickup(stop) => check_stop(stop, name, places),
        Task::Shipment(from, to) => {
            check_stop(from, name, places)?;
            check_stop(to, name, places)
        }
    }
}

fn check_stop(stop: &Stop, name: &str, places: usize) -> Result<(), ProblemError> {
    check_place(stop.place, places, name)?;
    seconds(stop.seconds, name)?;
    limit(stop.windows.len(), "windows of one stop", 16)?;
    for &window in &stop.windows {
        check_window(window, name)?;
    }
    if stop.windows.windows(2).any(|pair| pair[0].close >= pair[1].open) {
        return Err(ProblemError::Range(name.to_string(), "windows ascend and do not overlap"));
    }
    Ok(())
}

/// Locked acts must exist, fit their job's kind, and no job may be locked twice.
fn check_locks(problem: &Problem) -> Result<(), ProblemError> {
    let mut seen = vec![(false, false); problem.jobs.len()];
    for (index, vehicle) in problem.vehicles.iter().enumerate() {
        for &act in &vehicle.locked {
            let name = || format!("vehicle {index}");
            let (job, second) = match act {
                Act::Deliver(job) | Act::Pickup(job) => (job, false),
                Act::DropOff(job) => (job, true),
                Act::Reload(place) => {
                    let known = vehicle.reload.as_ref().is_some_and(|r| r.places.contains(&place));
                    if !known {
                        return Err(ProblemError::Unknown(name(), "loading place"));
                    }
                    continue;
                }
            };
            let Some(task) = problem.jobs.get(job).map(|j| &j.task) else {
                return Err(ProblemError::Unknown(name(), "job"));
            };
            let matches = match act {
                Act::Deliver(_) => matches!(task, Task::Delivery(_)),
                Act::Pickup(_) => matches!(task, Task::Pickup(_) | Task::Shipment(..)),
                _ => matches!(task, Task::Shipment(..)),
            };
            let once = if second { &mut seen[job].1 } else { &mut seen[job].0 };
            if !matches || std::mem::replace(once, true) {
                return Err(ProblemError::Range(name(), "each locked act fits its job and stands once"));
            }
            let own = |a: &Act| *a == Act::Pickup(job);
            if second && !vehicle.locked.iter().any(own) {
                return Err(ProblemError::Range(
                    name(),
                    "a locked drop-off needs its pickup locked before it",
                ));
            }
        }
    }
    Ok(())
}
