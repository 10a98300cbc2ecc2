//! The seeds. `CROSSDOCK_SIM_SEEDS=n` runs that many from
//! `CROSSDOCK_SIM_FROM` (1) on, `CROSSDOCK_SIM_SEED=n` this one alone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::check::run;
use super::world::Seen;
use crate::sync::mutants::{Mutant, take_away};

/// Seeds that fail before the rest is let be.
const MOST_FAILED: usize = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// Runs a seed and says what went wrong, panics included.
fn tried(seed: u64) -> Result<Seen, String> {
    let ran = std::panic::catch_unwind(|| run(seed));
    let said = |p: Box<dyn std::any::Any + Send>| {
        let text = p.downcast_ref::<String>().cloned();
        text.or_else(|| p.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
    };
    ran.unwrap_or_else(|p| Err(format!("panicked: {}", said(p))))
}

fn seeds(default: u64) -> std::ops::RangeInclusive<u64> {
    match number("CROSSDOCK_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => {
            let from = number("CROSSDOCK_SIM_FROM").unwrap_or(1);
            from..=from + number("CROSSDOCK_SIM_SEEDS").unwrap_or(default) - 1
        }
    }
}

/// Runs the seeds, each in one thread, as many at a time as there are cores; what they saw, and those that failed.
fn all_tried(seeds: std::ops::RangeInclusive<u64>) -> (Seen, Vec<String>) {
    let (next, last) = (AtomicU64::new(*seeds.start()), *seeds.end());
    let out = Mutex::new((Seen::default(), Vec::new()));
    let turn = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last || out.lock().unwrap().1.len() >= MOST_FAILED {
                break;
            }
            let ran = tried(seed);
            let (all, failed) = &mut *out.lock().unwrap();
            match ran {
                Ok(seen) => *all += seen,
                Err(e) => failed.push(format!("CROSSDOCK_SIM_SEED={seed}: {e}")),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    std::thread::scope(|s| (0..cores).for_each(|_| drop(s.spawn(turn))));
    out.into_inner().unwrap()
}

#[test]
fn whatever_goes_wrong_all_have_the_same_in_the_end() {
    let (all, failed) = all_tried(seeds(60));
    eprintln!("{all:?}");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    if number("CROSSDOCK_SIM_SEED").is_none() {
        let faults = [all.rejoins, all.resupplies, all.snapshots, all.clocks, all.restores, all.kills];
        let work = [all.waybills, all.deliveries, all.orders, all.commands, all.books];
        let mut happened = faults.iter().chain(&work);
        assert!(happened.all(|n| *n > 0), "something never happened: {all:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1..6 {
        let (a, b) = (tried(seed), tried(seed));
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }
}

/// The first seed from `from` on, of `most`, in which the loss of a safeguard shows.
fn caught(m: Mutant, from: u64, most: u64) -> Option<u64> {
    take_away(Some(m));
    let found = (from..from + most).find(|seed| tried(*seed).is_err());
    take_away(None);
    found
}

/// Without a safeguard something goes wrong that the checks notice. Each begins a little before a seed that shows it; when
/// the run of a seed changes, `CROSSDOCK_SIM_SEEDS` says how many are tried.
fn is_caught(m: Mutant, from: u64) {
    let most = number("CROSSDOCK_SIM_SEEDS").unwrap_or(400);
    let from = if number("CROSSDOCK_SIM_SEEDS").is_some() { 1 } else { from };
    let found = caught(m, from, most);
    eprintln!("{m:?}: {found:?}");
    assert!(found.is_some(), "{m:?} went unnoticed in {most} runs");
}

#[test]
fn logs_without_chains_are_noticed() {
    is_caught(Mutant::NoChain, 1);
}

#[test]
fn identity_by_position_is_noticed() {
    is_caught(Mutant::IdByPosition, 1);
}

#[test]
fn feeds_without_ones_own_changes_are_noticed() {
    is_caught(Mutant::FeedWithoutOwn, 1);
}

#[test]
fn stamps_that_are_not_shifted_are_noticed() {
    is_caught(Mutant::NoShift, 1);
}

#[test]
fn poison_that_blocks_is_noticed() {
    is_caught(Mutant::BlockOnPoison, 1);
}

#[test]
fn a_headquarters_that_is_not_refilled_is_noticed() {
    is_caught(Mutant::NoResupply, 1);
}

#[test]
fn an_acknowledgement_beyond_what_was_shown_is_noticed() {
    is_caught(Mutant::AckBeyondShown, 54);
}

#[test]
fn a_depot_that_presumes_is_noticed() {
    is_caught(Mutant::Presume, 19);
}

#[test]
fn the_least_of_two_shifts_instead_of_the_first_is_noticed() {
    is_caught(Mutant::LeastShift, 690);
}
