//! Readers of the public instance formats.

use std::collections::HashMap;
use std::path::Path;

use crossdock::routing::problem::{Costs, Criteria, Job, Matrix, Problem, Stop, Task, Vehicle, Window};

/// An instance, ready to solve, and what one unit of the file's distance is in ours.
pub struct Instance {
    /// The problem.
    pub problem: Problem,
    /// Our metres per unit of the published cost.
    pub unit: f64,
}

/// Reads any of the known formats by folder name.
pub fn read(path: &Path) -> Option<Instance> {
    let text = std::fs::read_to_string(path).ok()?;
    let folder = path.parent()?.file_name()?.to_str()?;
    match folder {
        f if f.starts_with("solomon") || f.starts_with("homberger") => solomon(&text),
        f if f.starts_with("li_lim") => li_lim(&text),
        f if f.starts_with("cvrp") => cvrplib(&text),
        _ => None,
    }
}

/// A vehicle without limits but its capacity and shift, from place 0 back to place 0.
pub fn plain_vehicle(capacity: Vec<i32>, shift: Window) -> Vehicle {
    Vehicle {
        profile: 0,
        slowness: 1.0,
        start: 0,
        end: 0,
        capacity,
        shift,
        skills: 0,
        max_seconds: None,
        max_metres: None,
        max_stops: None,
        costs: Costs::default(),
        breaks: Vec::new(),
        reload: None,
        locked: Vec::new(),
    }
}

fn matrix(points: &[(f64, f64)], unit: impl Fn(f64) -> i32) -> Matrix {
    let mut metres = Vec::with_capacity(points.len() * points.len());
    for a in points {
        for b in points {
            metres.push(unit((a.0 - b.0).hypot(a.1 - b.1)));
        }
    }
    Matrix { size: points.len(), seconds: metres.clone(), metres }
}

fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().filter_map(|w| w.parse().ok()).collect()
}

/// Solomon and Gehring-Homberger: distances and times in tenths, truncated (DIMACS).
fn solomon(text: &str) -> Option<Instance> {
    let rows: Vec<Vec<f64>> = text.lines().map(numbers).filter(|r| !r.is_empty()).collect();
    let head = rows.iter().find(|r| r.len() == 2)?;
    let stops: Vec<&Vec<f64>> = rows.iter().filter(|r| r.len() == 7).collect();
    let points: Vec<(f64, f64)> = stops.iter().map(|r| (r[1], r[2])).collect();
    let tenth = |x: f64| (x * 10.0) as i32;
    let depot = stops.first()?;
    let shift = Window::new(tenth(depot[4]), tenth(depot[5]));
    let vehicle = plain_vehicle(vec![head[1] as i32], shift);
    let jobs = stops[1..]
        .iter()
        .enumerate()
        .map(|(i, r)| {
            let windows = vec![Window::new(tenth(r[4]), tenth(r[5]))];
            let stop = Stop { place: i + 1, seconds: tenth(r[6]), windows };
            job(Task::Delivery(stop), r[3] as i32)
        })
        .collect();
    let problem = Problem {
        profiles: vec![matrix(&points, |d| (d * 10.0).floor() as i32)],
        vehicles: vec![vehicle; head[0] as usize],
        jobs,
        criteria: Criteria::default(),
    };
    Some(Instance { problem, unit: 10.0 })
}

fn job(task: Task, amount: i32) -> Job {
    Job { task, amount: vec![amount], skills: 0, priority: 0, optional: None }
}

/// Li and Lim: real distances, kept to 1e-4; fewest vehicles first.
fn li_lim(text: &str) -> Option<Instance> {
    const UNIT: f64 = 10_000.0;
    let rows: Vec<Vec<f64>> = text.lines().map(numbers).filter(|r| !r.is_empty()).collect();
    let head = rows.first()?;
    let stops = &rows[1..];
    let points: Vec<(f64, f64)> = stops.iter().map(|r| (r[1], r[2])).collect();
    let scaled = |x: f64| (x * UNIT).round() as i32;
    let shift = Window::new(scaled(stops[0][4]), scaled(stops[0][5]));
    let stop = |i: usize| {
        let r = &stops[i];
        Stop { place: i, seconds: scaled(r[6]), windows: vec![Window::new(scaled(r[4]), scaled(r[5]))] }
    };
    let mut jobs = Vec::new();
    for (i, r) in stops.iter().enumerate().skip(1) {
        let delivery = r[8] as usize;
        if delivery != 0 {
            jobs.push(job(Task::Shipment(stop(i), stop(delivery)), r[3] as i32));
        }
    }
    let problem = Problem {
        profiles: vec![matrix(&points, scaled)],
        vehicles: vec![plain_vehicle(vec![head[1] as i32], shift); head[0] as usize],
        jobs,
        criteria: Criteria { fewest_vehicles: true, ..Criteria::default() },
    };
    Some(Instance { problem, unit: UNIT })
}

/// CVRPLIB with EUC_2D: distances rounded to whole numbers, any number of vehicles.
fn cvrplib(text: &str) -> Option<Instance> {
    let mut fields = HashMap::new();
    let (mut section, mut points, mut demands) = ("", Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some((key, value)) = line.split_once(':') {
            fields.insert(key.trim().to_string(), value.trim().to_string());
        } else if line.trim().ends_with("SECTION") {
            section = if line.starts_with("NODE") {
                "nodes"
            } else if line.starts_with("DEMAND") {
                "demands"
            } else {
                ""
            };
        } else {
            match (section, numbers(line).as_slice()) {
                ("nodes", [_, x, y]) => points.push((*x, *y)),
                ("demands", [_, q]) => demands.push(*q as i32),
                _ => {}
            }
        }
    }
    let capacity = fields.get("CAPACITY")?.parse().ok()?;
    let jobs = (1..points.len())
        .map(|i| job(Task::Delivery(Stop { place: i, seconds: 0, windows: Vec::new() }), demands[i]))
        .collect();
    let problem = Problem {
        profiles: vec![matrix(&points, |d| d.round() as i32)],
        vehicles: vec![plain_vehicle(vec![capacity], Window::ALWAYS); points.len()],
        jobs,
        criteria: Criteria::default(),
    };
    Some(Instance { problem, unit: 1.0 })
}
