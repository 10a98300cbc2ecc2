//! Orders and deliveries over the depot's own API: a call with a thousand orders beside raw redb writing as many bytes (and
//! with `--features sqlite` beside SQLite doing the same work), then a delivery's steps with all that follows from them
//! (parcels move, people are told, the audit is written) beside `/healthz` of the same server.
//!
//! `cargo bench --bench trade -- [--quick] [word]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod harness;
mod serving;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{Args, Lap, Rival, compare};
use serde_json::{Value, json};
use serving::{Depot, lap, turns};

/// Orders of one call.
const ORDERS: usize = 1_000;
/// Products they are of.
const PRODUCTS: usize = 20;
/// Bytes the depot keeps for an order: its row, and its entries in three logs.
const ROW_BYTES: usize = 420;
const LOG_BYTES: [usize; 3] = [330, 260, 340];

fn orders() -> String {
    let one = |n: usize| {
        json!({ "customer_name": "Alice", "customer_email": "alice@example.com", "customer_phone": "1234567890",
            "delivery_address": "123 Main St", "items": [{ "product_id": n % PRODUCTS + 1, "quantity": 1 + n % 3 }] })
    };
    Value::from((0..ORDERS).map(one).collect::<Vec<_>>()).to_string()
}

/// What `call` does again and again for `time`; each call is one operation.
fn calls(time: Duration, mut call: impl FnMut()) -> Lap {
    let (begun, mut latencies) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let since = Instant::now();
        call();
        latencies.push(u64::try_from(since.elapsed().as_nanos()).unwrap());
    }
    Lap { ops: latencies.len() as u64, took: begun.elapsed(), latencies }
}

/// redb without anything around it: rows and log entries of as many bytes, one durable commit a call.
fn raw(file: &Path) -> impl FnMut() + use<> {
    use redb::{Database, Durability, TableDefinition};
    const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
    const LOG: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("log");
    let db = Database::create(file).unwrap();
    let (mut next, bytes) = (0_u64, [7_u8; 1024]);
    move || {
        let mut tx = db.begin_write().unwrap();
        tx.set_durability(Durability::Immediate).unwrap();
        {
            let (mut rows, mut log) = (tx.open_table(ROWS).unwrap(), tx.open_table(LOG).unwrap());
            for n in next..next + ORDERS as u64 {
                rows.insert(n, &bytes[..ROW_BYTES]).unwrap();
                for (which, size) in (0_u8..).zip(LOG_BYTES) {
                    log.insert((which, n), &bytes[..size]).unwrap();
                }
            }
        }
        tx.commit().unwrap();
        next += ORDERS as u64;
    }
}

/// SQLite with a write-ahead log, synced at each commit: order, line, history and stock.
#[cfg(feature = "sqlite")]
fn lite(file: &Path) -> impl FnMut() + use<> {
    use rusqlite::{Connection, params};
    let db = Connection::open(file).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE product (id INTEGER PRIMARY KEY, stock INTEGER NOT NULL CHECK (stock >= 0));
        CREATE TABLE orders (id INTEGER PRIMARY KEY, status INTEGER NOT NULL, name TEXT, email TEXT, phone TEXT, address TEXT,
            at INTEGER);
        CREATE INDEX by_status ON orders (status, at);
        CREATE TABLE line (id INTEGER PRIMARY KEY, orders INTEGER NOT NULL, product INTEGER NOT NULL, quantity INTEGER);
        CREATE INDEX by_order ON line (orders);
        CREATE TABLE history (id INTEGER PRIMARY KEY, orders INTEGER NOT NULL, was INTEGER, now INTEGER, at INTEGER);",
    )
    .unwrap();
    for n in 1..=PRODUCTS {
        db.execute("INSERT INTO product VALUES (?1, 1000000000)", params![n as i64]).unwrap();
    }
    move || {
        let sql = |s: &str| db.prepare_cached(s).unwrap();
        sql("BEGIN IMMEDIATE").execute([]).unwrap();
        for n in 0..ORDERS {
            let (product, quantity) = ((n % PRODUCTS + 1) as i64, (1 + n % 3) as i64);
            sql("UPDATE product SET stock = stock - ?2 WHERE id = ?1")
                .execute(params![product, quantity])
                .unwrap();
            sql("INSERT INTO orders (status, name, email, phone, address, at)
                VALUES (1, 'Alice', 'alice@example.com', '1234567890', '123 Main St', 1790000000)")
            .execute([])
            .unwrap();
            let id = db.last_insert_rowid();
            sql("INSERT INTO line (orders, product, quantity) VALUES (?1, ?2, ?3)")
                .execute(params![id, product, quantity])
                .unwrap();
            sql("INSERT INTO history (orders, was, now, at) VALUES (?1, 0, 1, 1790000000)")
                .execute([id])
                .unwrap();
        }
        sql("COMMIT").execute([]).unwrap();
    }
}

fn bulk(args: &Args, depot: &Depot, time: Duration, rounds: usize) {
    for n in 1..=PRODUCTS {
        let product = json!({ "name": format!("P{n}"), "price": 1, "stock": 1_000_000_000_u64 });
        depot.ask("POST", "/api/v1/products", &product.to_string());
    }
    let request = depot.request("POST", "/api/v1/orders/bulk", &orders());
    let mut redb = raw(&depot.dir.path().join("raw.redb"));
    #[cfg(feature = "sqlite")]
    let mut sqlite = lite(&depot.dir.path().join("lite.db"));
    let mut rivals = vec![
        #[cfg(feature = "sqlite")]
        Rival::new("sqlite WAL FULL", || calls(time, &mut sqlite)),
        Rival::new("raw redb, same bytes", || calls(time, &mut redb)),
        Rival::new("depot, over HTTP", || lap(depot, 1, time, |_, _| request.clone())),
    ];
    compare(args, "calls with 1,000 orders", rounds, &mut rivals);
    println!("an operation is a call: times 1,000 it is orders");
}

/// What goes over the line for the deliveries of a bench; parcel, delivery and number of one have the same `n`.
struct Ways<'a>(&'a Depot);

impl Ways<'_> {
    fn parcel(&self, n: usize) -> Vec<u8> {
        let parcel =
            json!({ "tracking_number": format!("TD{n:09}"), "distributor": "d", "status": "at_depot" });
        self.0.request("POST", "/api/v1/parcels", &parcel.to_string())
    }

    fn delivery(&self, n: usize) -> Vec<u8> {
        let new = json!({ "pickupAddress": "123 Main St, City, State",
            "deliveryAddress": "456 Oak Ave, City, State", "customerName": format!("John Doe {n}"),
            "customerPhone": "+1234567890", "packageWeight": 5.5, "priority": "high", "assignedDriver": "dan",
            "parcels": [format!("TD{n:09}")] });
        self.0.request("POST", "/api/v1/deliveries", &new.to_string())
    }

    fn step(&self, number: usize, to: &str) -> Vec<u8> {
        let step = json!({ "status": to, "location": { "latitude": 40.7128, "longitude": -74.0060 },
            "notes": "Package picked up successfully", "confirm_missing": true });
        self.0.request("PATCH", &format!("/api/v1/deliveries/{number}/status"), &step.to_string())
    }
}

/// Creates deliveries and takes them to their end, by `connections` clients, `each` of them a round.
fn steps(args: &Args, depot: &Depot, rounds: usize) {
    let ways = Ways(depot);
    depot.ask("POST", "/api/v1/users", r#"{"login":"dan","name":"Dan","role":"driver"}"#);
    // Numbers are given in the order of creation, so each lap knows which are its own.
    let (made, started, ended) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    for connections in [1, 16, 64] {
        let title = format!("deliveries at {connections}");
        if !args.wants(&title) {
            continue;
        }
        let each = args.pick(10, 200);
        let many = connections * each;
        let nth = |base: &AtomicUsize, me: usize, turn: usize| {
            base.load(Ordering::Relaxed) + turn * connections + me + 1
        };
        let lap_of = |base: &AtomicUsize, next: &dyn Fn(usize) -> Vec<u8>| {
            let lap = turns(depot, connections, each, |me, turn| next(nth(base, me, turn)));
            base.fetch_add(many, Ordering::Relaxed);
            lap
        };
        let mut rivals = vec![
            Rival::new("healthz", || {
                turns(depot, connections, each, |_, _| depot.request("GET", "/healthz", ""))
            }),
            Rival::new("create, assigned, a parcel", || {
                turns(depot, connections, each, |me, turn| ways.parcel(nth(&made, me, turn)));
                lap_of(&made, &|n| ways.delivery(n))
            }),
            Rival::new("in_transit", || lap_of(&started, &|n| ways.step(n, "in_transit"))),
            Rival::new("completed", || lap_of(&ended, &|n| ways.step(n, "completed"))),
        ];
        compare(args, &title, rounds, &mut rivals);
    }
}

fn main() {
    let args = Args::read();
    let depot = Depot::start();
    harness::MEASURED.store(depot.pid(), Ordering::Relaxed);
    let (time, rounds) = (args.pick(Duration::from_millis(1_000), Duration::from_secs(5)), args.pick(1, 3));
    if args.wants("calls with 1,000 orders") {
        bulk(&args, &depot, time, rounds);
    }
    steps(&args, &depot, rounds);
}
