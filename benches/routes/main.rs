//! Route solver against public best-known plans.
//!
//! `cargo bench --bench routes -- [--seconds S | --steps N] [--seed N] [--genetic] FILE...` with files below `$ROUTING_DATA` (folders
//! `solomon`, `homberger_*`, `li_lim_*`, `cvrp_x`, `small`). Prints cost, vehicles and gap per file at a limit of CPU
//! time, one thread; every plan is proved by the checker.
#![allow(clippy::print_stdout)]

mod genetic;
mod readers;
mod small;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crossdock::routing::check;
use crossdock::routing::plan::Plan;
use crossdock::routing::problem::Problem;
use crossdock::routing::{Settings, solve};

/// CPU time of this thread; zero where the system does not tell.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|x| x.parse().ok()).unwrap_or(0))
}

struct Arguments {
    seconds: f64,
    seed: u64,
    steps: Option<u64>,
    genetic: bool,
    files: Vec<PathBuf>,
}

fn arguments(data: &Path) -> Arguments {
    let mut parsed = Arguments { seconds: 5.0, seed: 1, steps: None, genetic: false, files: Vec::new() };
    let mut rest = std::env::args().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--seconds" => parsed.seconds = rest.next().and_then(|x| x.parse().ok()).unwrap_or(5.0),
            "--seed" => parsed.seed = rest.next().and_then(|x| x.parse().ok()).unwrap_or(1),
            "--steps" => parsed.steps = rest.next().and_then(|x| x.parse().ok()),
            "--genetic" => parsed.genetic = true,
            "--bench" => {}
            file => parsed.files.push(data.join(file)),
        }
    }
    parsed
}

/// Best known per instance: vehicles (where they come first) and cost.
fn best_known(data: &Path) -> HashMap<String, (Option<usize>, f64)> {
    let mut known = HashMap::new();
    let text = std::fs::read_to_string(data.join("best_known.csv")).unwrap_or_default();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| cells.get(i).and_then(|c| c.parse::<f64>().ok());
        let vehicles_first = cells[0].starts_with("lilim");
        let cost = if vehicles_first { number(7) } else { number(4).or(number(9)).or(number(8)) };
        if let Some(cost) = cost {
            let vehicles = number(6).filter(|_| vehicles_first).map(|v| v as usize);
            known.insert(cells[1].to_string(), (vehicles, cost));
        }
    }
    for line in std::fs::read_to_string(data.join("small/reference.csv")).unwrap_or_default().lines().skip(1)
    {
        let cells: Vec<&str> = line.split(',').collect();
        if let (Ok(priority), Ok(travel)) = (cells[1].parse::<usize>(), cells[4].parse::<f64>()) {
            known.insert(format!("case_{}", cells[0]), (Some(priority), travel));
        }
    }
    if let Ok(text) =
        std::env::var("ROUTING_BEST").map_or_else(|_| Ok(String::new()), std::fs::read_to_string)
    {
        for line in text.lines() {
            if let Some((name, cost)) = line.split_once(',')
                && let Ok(cost) = cost.trim().parse()
            {
                known.insert(name.to_string(), (None, cost));
            }
        }
    }
    known
}

fn read(path: &Path) -> Option<(Problem, f64)> {
    if path.extension().is_some_and(|e| e == "json") {
        return Some((small::read(&std::fs::read_to_string(path).ok()?)?, 1.0));
    }
    readers::read(path).map(|instance| (instance.problem, instance.unit))
}

/// Plans and proves.
fn run(problem: &Problem, settings: &Settings) -> Option<Plan> {
    let plan = solve(problem, settings, &AtomicBool::new(false), &mut |_| ()).ok()?;
    let faults = check::faults(problem, &plan);
    assert!(faults.is_empty(), "wrong plan: {faults:?}");
    Some(plan)
}

/// Prints ours beside the reference genetic algorithm's on one problem.
fn against_genetic(name: &str, problem: &Problem, settings: &Settings) {
    let theirs = genetic::evolve(problem, settings.seed);
    let Some(plan) = run(problem, settings) else { return };
    let metres: i64 = plan.routes.iter().map(|r| r.metres).sum();
    let seconds: i64 = plan.routes.iter().map(|r| r.drive_seconds).sum();
    let met: usize = plan
        .routes
        .iter()
        .flat_map(|r| &r.visits)
        .filter(|v| matches!(v.act, crossdock::routing::plan::PlannedAct::Stop(_)))
        .count();
    let won =
        met >= theirs.met && (met > theirs.met || metres.min(seconds) < theirs.metres.min(theirs.seconds));
    println!(
        "{name}: ours {metres} m {seconds} s, {met} stops in time, {} vehicles; genetic {} m {} s, {} in time, {} vehicles: {}",
        plan.routes.len(),
        theirs.metres,
        theirs.seconds,
        theirs.met,
        theirs.vehicles,
        if won { "won" } else { "NOT won" },
    );
}

fn main() {
    let data = PathBuf::from(std::env::var("ROUTING_DATA").unwrap_or_else(|_| "data/routing".to_string()));
    let arguments = arguments(&data);
    let known = best_known(&data);
    let mut gaps = Vec::new();
    for file in &arguments.files {
        let name = file.file_stem().map(|s| s.to_string_lossy().to_string()).unwrap_or_default();
        let Some((problem, unit)) = read(file) else {
            println!("{name}: cannot be read");
            continue;
        };
        let mut settings = Settings::within(Duration::from_secs_f64(arguments.seconds), cpu);
        settings.seed = arguments.seed;
        if arguments.steps.is_some() {
            (settings.time, settings.steps) = (None, arguments.steps);
        }
        let begun = cpu();
        if arguments.genetic {
            against_genetic(&name, &problem, &settings);
            continue;
        }
        let Some(plan) = run(&problem, &settings) else {
            println!("{name}: refused");
            continue;
        };
        let spent = (cpu() - begun).as_secs_f64();
        let cost = plan.cost / unit;
        let (first, best) = known.get(&name).copied().unwrap_or((None, f64::NAN));
        let gap = (cost / best - 1.0) * 100.0;
        if gap.is_finite() {
            gaps.push(gap);
        }
        let first = first.map_or(String::new(), |v| format!(" (best {v})"));
        let vehicles = plan.routes.len();
        println!(
            "{name}: {cost:.1} best {best:.1} gap {gap:.3} % vehicles {vehicles} priority {}{first} left {} steps/s {:.0} cpu {spent:.2}",
            plan.served_priority,
            plan.unassigned.len(),
            plan.steps as f64 / spent.max(1e-3),
        );
    }
    let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
    println!("mean gap {mean:.3} % over {}", gaps.len());
}
