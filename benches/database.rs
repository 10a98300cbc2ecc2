//! Durable status changes and creates per second on PostgreSQL, through one engine and through two over one database,
//! beside the embedded store: the same service path with everything it keeps. `tests/postgres start DIR` starts a
//! cluster and says its address, which `CROSSDOCK_TEST_POSTGRES` hands on.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod desk;
mod harness;

use std::sync::Arc;
use std::time::Duration;

use crossdock::app::analysts::VIEWS;
use crossdock::store::Store;
use crossdock::store::postgres::{Options, Postgres};
use desk::Desk;
use harness::{Args, Lap, Rival, compare, depot};

/// Makes the database anew and says where it is.
fn database() -> String {
    let cluster = std::env::var("CROSSDOCK_TEST_POSTGRES").unwrap_or_default();
    assert!(!cluster.is_empty(), "CROSSDOCK_TEST_POSTGRES says where PostgreSQL is");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&cluster, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute("drop database if exists crossdock_bench with (force)").await.unwrap();
        client.batch_execute("create database crossdock_bench").await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
    format!("{cluster} dbname=crossdock_bench")
}

/// The laps of several desks at once, one for each engine.
fn together(desks: &[&Desk], lap: impl Fn(&Desk) -> Lap + Sync) -> Lap {
    std::thread::scope(|scope| {
        let all: Vec<_> = desks.iter().map(|desk| scope.spawn(|| lap(desk))).collect();
        let laps: Vec<Lap> = all.into_iter().map(|l| l.join().unwrap()).collect();
        Lap {
            ops: laps.iter().map(|l| l.ops).sum(),
            took: laps.iter().map(|l| l.took).max().unwrap_or_default(),
            latencies: laps.into_iter().flat_map(|l| l.latencies).collect(),
        }
    })
}

fn main() {
    let args = Args::read();
    let (n, time, rounds) =
        (args.pick(2_000, 20_000), Duration::from_millis(args.pick(1_000, 3_000)), args.pick(2, 3));
    let folder = tempfile::tempdir().unwrap();
    let embedded = Desk::seeded(depot(folder.path(), 256), n);
    let url = database();
    let options = || Options { views: VIEWS, ..Options::default() };
    let store = || Store::new(Postgres::open(&url, options()).unwrap());
    let one = Desk::seeded(store(), n);
    let halves = one.halves();
    let two = Desk { store: store(), ids: halves.1, clock: Arc::clone(&one.clock) };
    let half = Desk { store: one.store.clone(), ids: halves.0, clock: Arc::clone(&one.clock) };
    println!("{n} parcels");
    for (what, create) in [("status changes", false), ("creates", true)] {
        for threads in [1, 16, 64] {
            let lap = |desk: &Desk, threads| {
                if create { desk.create(threads, time) } else { desk.status(threads, time) }
            };
            let mut all = vec![
                Rival::new("embedded", || lap(&embedded, threads)),
                Rival::new("PostgreSQL, one engine", || lap(&one, threads)),
                Rival::new("PostgreSQL, two engines", || {
                    together(&[&half, &two], |desk| lap(desk, threads.div_ceil(2)))
                }),
            ];
            compare(&args, &format!("{what} at {threads}"), rounds, &mut all);
        }
    }
}
