//! The depot over its own API: the real binary, its real checks, and clients that wait for each answer. Ratios are to
//! `/healthz` of the same server, which does nothing: what is below 1 is what the work costs.
//!
//! `cargo bench --bench http -- [--quick] [word]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod harness;
mod serving;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Args, Rival, compare};
use serving::{Depot, lap};

fn create(n: usize) -> String {
    format!(
        r#"{{"tracking_number":"HT{n:09}","distributor":"d{}","recipient":{{"name":"Ana Souza","phone":"+55 11 5555"}},"to":{{"line":"Rua A 1","city":"Sao Paulo"}},"weight_g":1200,"promised_at":"2026-01-0{}T00:00:00Z"}}"#,
        n % 20,
        n % 9 + 1
    )
}

fn main() {
    let args = Args::read();
    let depot = Depot::start();
    harness::MEASURED.store(depot.pid(), Ordering::Relaxed);
    let (time, rounds) = (args.pick(Duration::from_millis(1500), Duration::from_secs(5)), args.pick(1, 3));
    let made = AtomicUsize::new(0);
    let new = || depot.request("POST", "/api/v1/parcels", &create(made.fetch_add(1, Ordering::Relaxed)));
    let seeded = args.pick(2_000, 10_000);
    println!("{} in {}", seeded, depot.dir.path().display());
    while made.load(Ordering::Relaxed) < seeded {
        lap(&depot, 64, Duration::from_millis(300), |_, _| new());
    }
    let number = |n: usize| format!("HT{:09}", n % seeded);
    let status = |me: usize, turn: usize| {
        // Each client owns its share of the parcels, so no step is refused; a lap goes on where the last one ended.
        let mine = 64 * (turn % 30) + me;
        depot.request(
            "POST",
            &format!("/api/v1/parcels/{}/events", number(mine)),
            r#"{"status":"in_transit"}"#,
        )
    };
    let get = |me: usize, turn: usize| {
        depot.request("GET", &format!("/api/v1/parcels/{}", number(me * 7919 + turn * 104_729)), "")
    };
    let list = |_: usize, _: usize| depot.request("GET", "/api/v1/parcels?status=in_transit&limit=50", "");
    let overdue = |_: usize, _: usize| depot.request("GET", "/api/v1/parcels/overdue?limit=50", "");
    let mix = |me: usize, turn: usize| match turn % 20 {
        0..=13 => get(me, turn),
        14..=16 => status(me, turn),
        17..=18 => list(me, turn),
        _ => new(),
    };
    for connections in [1, 16, 64] {
        let run = |next: &dyn Fn(usize, usize) -> Vec<u8>| lap(&depot, connections, time, next);
        let mut rivals = vec![
            Rival::new("healthz", || run(&|_, _| depot.request("GET", "/healthz", ""))),
            Rival::new("create", || run(&|_, _| new())),
            Rival::new("status", || run(&status)),
            Rival::new("get", || run(&get)),
            Rival::new("list 50", || run(&list)),
            Rival::new("overdue 50", || run(&overdue)),
            Rival::new("mix", || run(&mix)),
        ];
        compare(&args, &format!("{connections} connections"), rounds, &mut rivals);
    }
}
