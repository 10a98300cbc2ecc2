//! What the exchange costs on the wire: bytes of a push of 500 changes, packed, for each parcel that is announced and for
//! each status change, with the invented parcels of the demonstration. Exact, and the same on every machine. Then how
//! many changes a second a depot brings to headquarters over loopback, durable when acknowledged, beside the same bytes
//! uploaded to a server that does nothing but keep and sync them, and beside redb keeping them without any line.
//!
//! `cargo bench --bench sync -- [--quick]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod harness;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crossdock::app::{self, Running};
use crossdock::base::clock::{Clock, Timestamp};
use crossdock::base::ids::Id;
use crossdock::config::Config;
use crossdock::config::choices::{Role, TlsMode};
use crossdock::demo;
use crossdock::identity::grant::Actor;
use crossdock::identity::secret::Secret;
use crossdock::identity::setup::{SetUp, set_up};
use crossdock::jobs::runner::Stop;
use crossdock::journal::clock::Origin;
use crossdock::journal::{Cx, record};
use crossdock::parcels::event::{Moved, ParcelEvent, Registered};
use crossdock::parcels::model::{Parcel, Status};
use crossdock::parcels::repo::PARCELS;
use crossdock::store::memory::Memory;
use crossdock::store::{Lane, Store, StoreError, WriteTx};
use crossdock::sync::courier::{self, Courier, HttpLink};
use crossdock::sync::depot::tables::{Standing, save, standing};
use crossdock::sync::depot::{Budget, Depot, Link, relog};
use crossdock::sync::keys::DepotKey;
use crossdock::sync::registry::Registry;
use crossdock::sync::sites;
use crossdock::sync::wire::{self, Bin, Call, Enrol, Enrolled, Log};
use harness::{Args, Lap, Rival, TENANT, compare};

const SEED: u64 = 1;
const BATCHES: u32 = 10;
const BATCH: u32 = 500;
/// What a change is meant to cost at the most, in bytes.
const MOST: [f64; 2] = [70.0, 40.0];

fn main() {
    let args = Args::read();
    sizes();
    rates(&args);
}

fn sizes() {
    let store = Store::new(Memory::default());
    let key = Arc::new(DepotKey::from_seed(&[1; 32]));
    let depot = Depot::new(store.clone(), TENANT, Registry::standard(), key, "bench");
    let begun = Timestamp::from_millis(1_790_000_000_000);
    let parcels: Vec<_> = demo::parcels(SEED, BATCHES * BATCH, begun).collect();
    let mut ids = Vec::new();
    for (at, p) in (0_u64..).zip(&parcels) {
        let id = Id::fresh();
        ids.push(id);
        let event = Registered { number: p.number.clone(), facts: p.facts.clone() };
        let now = Timestamp::from_millis(begun.millis() + 700 * at as i64);
        write(&store, id, ParcelEvent::Registered(Box::new(event)), now);
    }
    let created = measured(&depot, "announced parcels");
    for (at, (id, p)) in (0_u64..).zip(ids.iter().zip(&parcels)) {
        let event = Moved { to: Status::InTransit, location: p.facts.from.clone(), ..Moved::default() };
        let now = Timestamp::from_millis(begun.millis() + 10_000_000 + 700 * at as i64);
        write(&store, *id, ParcelEvent::Moved(event), now);
    }
    let moved = measured(&depot, "status changes");
    for (what, is, most) in [("announced", created, MOST[0]), ("moved", moved, MOST[1])] {
        println!("{what}: {is:.1} of {most} B: {}", if is <= most { "within" } else { "beyond" });
    }
}

fn write(store: &Store, id: Id, event: ParcelEvent, now: Timestamp) {
    let written = store.write::<_, StoreError, _>(TENANT, Lane::People, move |tx| {
        let cx = Cx::new(tx, &Actor::system(), now, "bench")?;
        let old = PARCELS.get(tx, &id)?;
        record::<Parcel>(tx, &cx, id, old, vec![event.clone()]).map(drop)
    });
    written.wait().unwrap();
}

/// Bytes of a change in what is not acknowledged yet, which then counts as acknowledged.
fn measured(depot: &Depot, what: &str) -> f64 {
    let (mut changes, mut packed, mut plain) = (0, 0, 0);
    while let Some(push) = depot.batch(Log::B).unwrap() {
        changes += push.ch.len();
        plain += wire::encode(&push).unwrap().len();
        packed += wire::pack(&push.in_columns().unwrap()).unwrap().len();
        let last = push.from + push.ch.len() as u64 - 1;
        let acked = depot.store.write::<_, StoreError, _>(TENANT, Lane::People, move |tx| {
            let mut s = standing(tx)?;
            s.acked.b = last;
            save(tx, &s)
        });
        acked.wait().unwrap();
    }
    let each = packed as f64 / changes as f64;
    println!(
        "{what}: {changes} changes, {each:.1} B each packed, {:.1} B plain",
        plain as f64 / changes as f64
    );
    each
}

/// Parcels announced, in transactions of [`BATCH`].
fn fill(store: &Store, n: u32) {
    let begun = Timestamp::from_millis(harness::NOW);
    let mut parcels = demo::parcels(SEED, n, begun);
    loop {
        let some: Vec<_> = parcels.by_ref().take(BATCH as usize).collect();
        if some.is_empty() {
            return;
        }
        let written = store.write::<_, StoreError, _>(TENANT, Lane::Bulk, move |tx| {
            let cx = Cx::new(tx, &Actor::system(), begun, "bench")?;
            for p in &some {
                let event = Registered { number: p.number.clone(), facts: p.facts.clone() };
                record::<Parcel>(tx, &cx, Id::fresh(), None, vec![ParcelEvent::Registered(Box::new(event))])?;
            }
            Ok(())
        });
        written.wait().unwrap();
    }
}

/// The bodies of all pushes, as they go over the line.
fn bodies(depot: &Depot) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(push) = depot.batch(Log::B).unwrap() {
        all.push((push.ch.len() as u64, wire::pack(&push.in_columns().unwrap()).unwrap()));
        let last = push.from + push.ch.len() as u64 - 1;
        stand(&depot.store, move |s| s.acked.b = last);
    }
    all
}

fn stand(store: &Store, change: impl Fn(&mut Standing) + Send + 'static) {
    let saved = store.write::<_, StoreError, _>(TENANT, Lane::Bulk, move |tx: &mut dyn WriteTx| {
        let mut s = standing(tx)?;
        change(&mut s);
        save(tx, &s)
    });
    saved.wait().unwrap();
}

/// A headquarters that serves.
fn headquarters(folder: &Path) -> Running {
    let mut config = Config::default();
    config.server.data_dir = folder.join("hq");
    config.server.listen = "127.0.0.1:0".into();
    config.server.role = Role::Hq;
    config.server.tls.mode = TlsMode::Off;
    config.store.ballast_mib = 0;
    let running = app::start(app::open(config, Clock::Wall).unwrap(), Vec::new()).unwrap();
    let new = SetUp {
        tenant: "bench".into(),
        depot: "hq".into(),
        zone: "UTC".into(),
        language: "en".into(),
        login: "ana".into(),
        name: "Ana".into(),
        password: Secret::new("correct horse battery".into()),
        role: "super_admin".into(),
    };
    let (tenant, _) = set_up(&running.app.store, new, Clock::Wall.now()).unwrap();
    assert_eq!(tenant.number, TENANT);
    running.app.gate.changed();
    running.app.wake.wake();
    running
}

/// Joins the depot to `hq` over `link`.
fn join(hq: &Running, depot: &Depot, link: &mut dyn Link) {
    let now = Clock::Wall.now();
    let site = hq.app.store.write(TENANT, Lane::People, |tx| sites::add(tx, "bench")).wait().unwrap();
    sites::give_code(&hq.app.store, TENANT, site.number, "code", now).unwrap();
    let e0 = depot.store.read::<_, StoreError>(TENANT, |tx| Ok(Origin::load(tx)?.first)).unwrap();
    let key = Bin::new(depot.key.public());
    let ask = Enrol { code: "code".into(), key, sw: "bench".into(), name: "bench".into(), e0 };
    let said = link.ask(Call::Enrol, None, &wire::encode(&ask).unwrap()).unwrap();
    let said: Enrolled = wire::decode(&said).unwrap();
    let joined = depot.store.write::<_, StoreError, _>(TENANT, Lane::People, move |tx: &mut dyn WriteTx| {
        relog::joined(tx, &said)
    });
    joined.wait().unwrap();
    relog::reissue(depot).unwrap();
}

/// A server that keeps every body in a file, syncs it and says so; nothing else.
fn plain_server(file: File) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move |stream: TcpStream, mut file: &File| {
        let mut lines = BufReader::new(stream);
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(n) = line.strip_prefix("content-length: ") {
                    length = n.parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            lines.read_exact(&mut body).unwrap();
            file.write_all(&body).unwrap();
            file.sync_data().unwrap();
            lines.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, &file)));
    address
}

const ROWS: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("inbox");

/// One body after the other; each holds so many changes.
fn timed(bodies: &[(u64, Vec<u8>)], mut one: impl FnMut(&[u8])) -> Lap {
    let (begun, mut lap) = (Instant::now(), Lap::default());
    for (n, body) in bodies {
        let since = Instant::now();
        one(body);
        lap.ops += n;
        lap.latencies.push(since.elapsed().as_nanos() as u64);
    }
    lap.took = begun.elapsed();
    lap
}

fn rates(args: &Args) {
    let (each, rounds) = (args.pick(10_000, 50_000), args.pick(3, 5));
    let folder = tempfile::tempdir().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = Arc::new(DepotKey::from_seed(&[1; 32]));
    let store = harness::depot(folder.path(), 256);
    fill(&store, each * rounds as u32);
    let mut depot = Depot::new(store, TENANT, Registry::standard(), key, "bench");
    let bodies = bodies(&depot);
    stand(&depot.store, |s| s.acked = wire::Logs::default());
    let hq = headquarters(folder.path());
    let base = courier::checked(&format!("http://{}", hq.address)).unwrap();
    let (carrier, stop) = (Courier::new().unwrap(), Stop::default());
    let client = courier::client(None, &Clock::Wall, Timestamp::ZERO).unwrap();
    let mut link = HttpLink {
        courier: &carrier,
        client: &client,
        base: &base,
        stop: &stop,
        sent: 0,
        received: 0,
        retry: None,
    };
    join(&hq, &depot, &mut link);
    let pushes = (each / BATCH) as usize;
    let plain = reqwest::Url::parse(&format!(
        "http://{}/",
        plain_server(File::create(folder.path().join("plain")).unwrap())
    ));
    let (plain, runtime) =
        (plain.unwrap(), tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let raw = redb::Database::create(folder.path().join("raw.redb")).unwrap();
    let mut at = 0;
    let mut rivals = [
        Rival::new("plain upload, same bytes", || {
            timed(&bodies[..pushes], |body| {
                // Its timer needs the runtime from the first call on.
                let post = || client.post(plain.clone()).body(body.to_vec()).send();
                let sent = runtime.block_on(async { post().await });
                assert!(sent.unwrap().status().is_success());
            })
        }),
        Rival::new("raw redb, same bytes", || {
            timed(&bodies[..pushes], |body| {
                at += 1;
                let tx = raw.begin_write().unwrap();
                tx.open_table(ROWS).unwrap().insert(at, body).unwrap();
                tx.commit().unwrap();
            })
        }),
        Rival::new("depot to headquarters", || {
            let begun = Instant::now();
            let budget = Budget { pushes, pulls: 0, ..Budget::default() };
            let turn = depot.turn(&mut link, Clock::Wall.now(), &budget).unwrap();
            let took = begun.elapsed();
            // What was brought is folded before the next lap begins, so that the laps are alike.
            let behind = |tx: &dyn crossdock::store::ReadTx| crossdock::sync::hq::apply::lag(tx, 1);
            while hq.app.store.read(TENANT, behind).unwrap() > 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Lap { ops: turn.pushed, took, latencies: vec![(took.as_nanos() as u64) / pushes as u64] }
        }),
    ];
    compare(args, "pushed changes", rounds, &mut rivals);
}
