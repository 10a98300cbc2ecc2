//! What the exchange costs on the wire: bytes of a push of 500 changes, packed, for each parcel that is announced and for
//! each status change, with the invented parcels of the demonstration. Exact, and the same on every machine. Then how
//! many changes a second a depot brings to headquarters over loopback, durable when acknowledged, beside the same bytes
//! uploaded to a server that does nothing but keep and sync them, and beside redb keeping them without any line. With
//! `--features pg`, and `CROSSDOCK_TEST_POSTGRES` saying where a cluster is, headquarters on PostgreSQL as well, as one
//! process and as two.
//!
//! `cargo bench --bench sync -- [--quick]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod harness;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
use crossdock::store::{Lane, ReadTx, Store, StoreError, WriteTx};
use crossdock::sync::courier::{self, Courier, HttpLink};
use crossdock::sync::depot::tables::{Standing, save, standing};
use crossdock::sync::depot::{Budget, Depot, Link, relog};
use crossdock::sync::hq::apply;
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
fn fill(store: &Store, seed: u64, n: u32) {
    let begun = Timestamp::from_millis(harness::NOW);
    let mut parcels = demo::parcels(seed, n, begun);
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

/// A headquarters that serves: over PostgreSQL where a database is named, else with a store of its own.
fn headquarters(folder: &Path, database: &str) -> Running {
    let mut config = Config::default();
    config.server.data_dir = folder.into();
    config.server.listen = "127.0.0.1:0".into();
    config.server.role = Role::Hq;
    config.server.tls.mode = TlsMode::Off;
    config.store.ballast_mib = 0;
    config.store.url = serde_json::from_value(database.into()).unwrap();
    app::start(app::open(config, Clock::Wall).unwrap(), Vec::new()).unwrap()
}

fn set_up_at(hq: &Running) {
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
    let (tenant, _) = set_up(&hq.app.store, new, Clock::Wall.now()).unwrap();
    assert_eq!(tenant.number, TENANT);
    hq.app.gate.changed();
    hq.app.wake.wake();
}

/// Joins the depot to `hq` over `link`.
fn join(hq: &Running, depot: &Depot, name: &str, link: &mut dyn Link) {
    let now = Clock::Wall.now();
    let called = name.to_owned();
    let site = hq.app.store.write(TENANT, Lane::People, move |tx| sites::add(tx, &called)).wait().unwrap();
    sites::give_code(&hq.app.store, TENANT, site.number, name, now).unwrap();
    let e0 = depot.store.read::<_, StoreError>(TENANT, |tx| Ok(Origin::load(tx)?.first)).unwrap();
    let key = Bin::new(depot.key.public());
    let ask = Enrol { code: name.into(), key, sw: "bench".into(), name: "bench".into(), e0 };
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

/// A depot that brings what it has written to a headquarters.
struct Sender {
    depot: Depot,
    way: Way,
}

/// The way there.
struct Way {
    base: reqwest::Url,
    courier: Courier,
    client: reqwest::Client,
    stop: Stop,
}

impl Sender {
    /// Joins a depot, in a folder of its own, that has `changes` to tell.
    fn joined(hq: &Running, folder: &Path, (seed, changes): (u64, u32)) -> Self {
        let folder = folder.join(format!("depot {seed}"));
        std::fs::create_dir(&folder).unwrap();
        let store = harness::depot(&folder, 256);
        fill(&store, seed, changes);
        let key = Arc::new(DepotKey::from_seed(&[seed as u8; 32]));
        let way = Way {
            base: courier::checked(&format!("http://{}", hq.address)).unwrap(),
            courier: Courier::new().unwrap(),
            client: courier::client(None, &Clock::Wall, Timestamp::ZERO).unwrap(),
            stop: Stop::default(),
        };
        let depot = Depot::new(store, TENANT, Registry::standard(), key, "bench");
        join(hq, &depot, &format!("depot {seed}"), &mut way.line());
        Self { depot, way }
    }

    /// Brings so many batches; how many changes those were.
    fn bring(&mut self, pushes: usize) -> u64 {
        let budget = Budget { pushes, pulls: 0, ..Budget::default() };
        self.depot.turn(&mut self.way.line(), Clock::Wall.now(), &budget).unwrap().pushed
    }
}

impl Way {
    fn line(&self) -> HttpLink<'_> {
        let Self { base, courier, client, stop } = self;
        HttpLink { courier, client, base, stop, sent: 0, received: 0, retry: None }
    }
}

/// All of them bring `pushes` batches at once. What was brought is folded before the next lap begins, so that the laps
/// are alike.
fn brought(senders: &mut [Sender], hq: &Running, pushes: usize) -> Lap {
    let begun = Instant::now();
    let ops = std::thread::scope(|scope| {
        let all: Vec<_> = senders.iter_mut().map(|s| scope.spawn(|| s.bring(pushes))).collect();
        all.into_iter().map(|s| s.join().unwrap()).sum()
    });
    let took = begun.elapsed();
    let behind = |tx: &dyn ReadTx| (1..=2).map(|site| apply::lag(tx, site)).sum::<Result<u64, _>>();
    while hq.app.store.read(TENANT, behind).unwrap() > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    Lap { ops, took, latencies: vec![(took.as_nanos() as u64) / pushes as u64] }
}

/// Two processes of one headquarters over PostgreSQL, and a depot at each; none where no database is named.
#[cfg(feature = "pg")]
fn over_postgres(folder: &Path, changes: u32) -> Option<(Vec<Running>, Vec<Sender>)> {
    let cluster = std::env::var("CROSSDOCK_TEST_POSTGRES").ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&cluster, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute("drop database if exists crossdock_sync_bench with (force)").await.unwrap();
        client.batch_execute("create database crossdock_sync_bench").await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
    let url = format!("{cluster} dbname=crossdock_sync_bench");
    let first = headquarters(&folder.join("first"), &url);
    set_up_at(&first);
    // Both seal with the same keys.
    let other = folder.join("second");
    std::fs::create_dir(&other).unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let copied =
        std::process::Command::new("cp").arg("-a").arg(folder.join("first/keys")).arg(&other).status();
    assert!(copied.unwrap().success());
    let second = headquarters(&other, &url);
    let senders =
        vec![Sender::joined(&first, folder, (3, changes)), Sender::joined(&second, folder, (4, changes))];
    Some((vec![first, second], senders))
}

fn rates(args: &Args) {
    let (each, rounds) = (args.pick(10_000, 50_000), args.pick(3, 5));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hq = headquarters(&folder.join("hq"), "");
    set_up_at(&hq);
    let mut depot = [Sender::joined(&hq, folder, (1, each * rounds as u32))];
    let bodies = bodies(&depot[0].depot);
    stand(&depot[0].depot.store, |s| s.acked = wire::Logs::default());
    let pushes = (each / BATCH) as usize;
    let file = File::create(folder.join("plain")).unwrap();
    let plain = reqwest::Url::parse(&format!("http://{}/", plain_server(file))).unwrap();
    let client = courier::client(None, &Clock::Wall, Timestamp::ZERO).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let raw = redb::Database::create(folder.join("raw.redb")).unwrap();
    let mut at = 0;
    let mut rivals = vec![
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
        Rival::new("depot to headquarters", || brought(&mut depot, &hq, pushes)),
    ];
    compare(args, "pushed changes", rounds, &mut rivals);
    #[cfg(feature = "pg")]
    // The first depot is in both laps. Fewer changes: a database folds them more slowly.
    match over_postgres(folder, 2 * (each / 5) * rounds as u32) {
        None => println!("no PostgreSQL: CROSSDOCK_TEST_POSTGRES says where one is"),
        Some((hqs, mut depots)) => {
            let pushes = pushes / 5;
            let depots = std::cell::RefCell::new(&mut depots[..]);
            let mut rivals = vec![
                Rival::new("a depot to one process", || {
                    brought(&mut depots.borrow_mut()[..1], &hqs[0], pushes)
                }),
                Rival::new("two depots to two processes", || {
                    brought(&mut depots.borrow_mut(), &hqs[0], pushes)
                }),
            ];
            compare(args, "pushed changes, headquarters on PostgreSQL", rounds, &mut rivals);
        }
    }
}
