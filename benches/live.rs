//! Thousands who follow one depot over WebSockets, the depot a process of its own, and one of them who reads nothing at all:
//! how long until the last of the others has heard of an event, and what it costs in memory. Beside it a bare server that
//! only writes the same bytes to as many connections.
//!
//! `cargo bench --bench live -- [--quick]`: 10,000 clients, or 300. Both ends need a file handle each: where the system
//! gives less, there are fewer, and that is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/it/support/crowd.rs"]
mod crowd;
mod harness;
mod serving;

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crowd::{Crowd, stuck};
use harness::{Args, Lap, Rival, compare};
use serde_json::json;
use serving::Depot;
use tokio::io::AsyncWriteExt;

/// Clients.
const CLIENTS: usize = 10_000;
/// File handles beside those of the clients.
const OTHERS: usize = 200;
/// How long anything may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(300);
/// Set in a process whose limit was raised.
const RAISED: &str = "CROSSDOCK_BENCH_RAISED";

/// Files this process may have open.
fn files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|l| l.starts_with("Max open files")).unwrap_or_default();
    line.split_whitespace().nth(3).and_then(|n| n.parse().ok()).unwrap_or(1_024)
}

/// Begins this program anew with as many files as the system allows; the depot inherits that.
fn raise(wanted: usize) {
    if files() >= wanted || std::env::var_os(RAISED).is_some() {
        return;
    }
    let me = std::env::current_exe().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -n "$(ulimit -H -n)"; exec "$0" "$@""#]).arg(me);
    let failed = shell.args(std::env::args().skip(1)).env(RAISED, "1").exec();
    println!("the limit of open files can't be raised: {failed}");
}

/// Tells the depot of one more delivery and waits until all have heard of it.
fn told(depot: &Depot, crowd: &Crowd, n: usize) -> bool {
    let new =
        json!({ "pickup_address": "here", "delivery_address": "there", "customer_name": format!("c{n}") });
    let heard = crowd.events();
    crowd.mark();
    depot.ask("POST", "/api/v1/deliveries", &new.to_string());
    crowd.hears(heard + crowd.size, PATIENCE)
}

/// As many connections as the crowd, to a thread that writes one frame to each of them: what the system itself takes.
fn bare(clients: usize, events: usize, frame: &[u8]) -> Lap {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = std::sync::Arc::new(AtomicUsize::new(0));
        let mut lines = Vec::with_capacity(clients);
        for _ in 0..clients {
            let (theirs, ours) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
            let (mut theirs, heard, length) = (theirs.unwrap(), std::sync::Arc::clone(&heard), frame.len());
            lines.push(ours.unwrap().0);
            tokio::spawn(async move {
                use tokio::io::AsyncReadExt;
                let mut frame = vec![0; length];
                while theirs.read_exact(&mut frame).await.is_ok() {
                    heard.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let (begun, mut latencies) = (Instant::now(), Vec::new());
        for n in 1..=events {
            let since = Instant::now();
            for line in &mut lines {
                line.write_all(frame).await.unwrap();
            }
            while heard.load(Ordering::Acquire) < n * clients {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            latencies.push(u64::try_from(since.elapsed().as_nanos()).unwrap());
        }
        Lap { ops: (clients * events) as u64, took: begun.elapsed(), latencies }
    })
}

fn main() {
    let args = Args::read();
    let wanted = args.pick(300, CLIENTS);
    // The bare server has both ends in this process, beside the crowd.
    raise(3 * wanted + OTHERS);
    let room = files().saturating_sub(OTHERS).max(1);
    let clients = wanted.min(room * 2 / 3);
    let bare_clients = clients.min((room - clients) / 2);
    if clients < wanted {
        println!(
            "scaled down: {wanted} clients were meant, and {} open files leave room for {clients}",
            files()
        );
    }
    if bare_clients < clients {
        println!("the bare writes go to {bare_clients} connections: {} open files hold no more", files());
    }
    let connections = (clients + OTHERS).to_string();
    let depot = Depot::with(&[("CROSSDOCK__LIMITS__CONNECTIONS_MAX", &connections)]);
    harness::MEASURED.store(depot.pid(), Ordering::Relaxed);
    let address: SocketAddr = depot.address.parse().unwrap();
    // More than fits between the two ends: whoever asks for it and reads nothing is stuck at once.
    depot.ask("POST", "/api/v1/products", r#"{"name":"thing","price":1,"stock":100000}"#);
    let order = json!({ "customer_name": "A", "delivery_address": "x".repeat(1_500), "items": [{ "product_id": 1, "quantity": 1 }] });
    for _ in 0..8 {
        depot.ask("POST", "/api/v1/orders/bulk", &json!(vec![&order; 500]).to_string());
    }
    let empty = depot.memory_mib();
    let held = stuck(address, &depot.token, "order.", 0);
    let crowd = Crowd::join(address, &depot.token, clients, "delivery.", PATIENCE);
    let joined = depot.memory_mib();
    let (events, rounds) = (args.pick(5, 20), args.pick(2, 5));
    let told_so_far = AtomicUsize::new(0);
    let mut slowest = Duration::ZERO;
    let frame = [&[0x81, 126, 2, 0][..], &[b'x'; 512]].concat();
    let mut rivals = vec![
        Rival::new("bare writes, same bytes", || bare(bare_clients, events, &frame)),
        Rival::new("depot", || {
            let begun = Instant::now();
            for _ in 0..events {
                assert!(
                    told(&depot, &crowd, told_so_far.fetch_add(1, Ordering::Relaxed)),
                    "somebody never heard"
                );
            }
            let took = begun.elapsed();
            let latencies = crowd.waits();
            slowest = slowest.max(Duration::from_nanos(latencies.iter().copied().max().unwrap_or_default()));
            Lap { ops: latencies.len() as u64, took, latencies }
        }),
    ];
    compare(&args, &format!("{clients} who follow, one stuck"), rounds, &mut rivals);
    drop(rivals);
    let after = depot.memory_mib();
    println!(
        "the last of {clients} heard after {} ms at the worst (a second is the promise)",
        slowest.as_millis()
    );
    println!(
        "memory of the depot: {empty} MiB with nobody, {joined} MiB with all, {after} MiB after {} events",
        told_so_far.load(Ordering::Relaxed)
    );
    println!("{} of them were let go of", crowd.gone());
    drop(held);
}
