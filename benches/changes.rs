//! Durable status changes and creates per second: the depot's service path with everything it keeps (journal, fold,
//! deadlines, audit, chains) beside raw redb writing the same bytes, and with `--features sqlite` beside SQLite.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod harness;
mod rivals;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::base::ids::Id;
use crossdock::identity::grant::Actor;
use crossdock::journal::Cx;
use crossdock::parcels::inputs::{EventInput, NewParcel};
use crossdock::parcels::model::Status;
use crossdock::parcels::service;
use crossdock::store::{Lane, Store, StoreError, WriteTx};
use harness::{Args, Dice, Lap, NOW, Rival, TENANT, clerk, closed_loop, compare, depot};
use rivals::{Change, Sizes};

/// A parcel somebody announces, of the size that the others write.
pub fn announced(number: &str) -> NewParcel {
    let json = serde_json::json!({
        "tracking_number": number, "distributor": "aurora", "carrier": "kestrel", "service": "standard",
        "recipient": {"name": "Maria Aparecida", "phone": "+55 11 90000 0000"},
        "to": {"address": "Rua das Laranjeiras 100", "city": "Campinas", "zip": "13010-000"},
        "weight_g": 1200, "value": {"minor": 12_900, "currency": "BRL"}, "promised_at": "2026-10-01T12:00:00Z",
    });
    serde_json::from_value(json).unwrap()
}

/// The depot: what a request does once it is authenticated, over a file on disk.
struct Depot {
    store: Store,
    ids: Vec<Id>,
    clock: Arc<AtomicU64>,
}

impl Depot {
    fn seeded(store: Store, n: usize) -> Self {
        let mut ids = Vec::with_capacity(n);
        while ids.len() < n {
            let first = ids.len();
            let seed = move |tx: &mut dyn WriteTx| -> Result<Vec<Id>, StoreError> {
                let cx = Cx::new(tx, &Actor::system(), harness::now(), "bench")?;
                let grant = clerk().grant().map_err(|e| StoreError::Corrupt(e.to_string()))?;
                let one = |i: usize| {
                    let made = service::create(tx, &grant, &cx, announced(&format!("S{i:09}")));
                    made.map(|w| w.state.id.0).map_err(|e| StoreError::Corrupt(e.to_string()))
                };
                (first..n.min(first + 5_000)).map(one).collect()
            };
            ids.extend(store.write(TENANT, Lane::Bulk, seed).wait().unwrap());
        }
        Self { store, ids, clock: Arc::new(AtomicU64::new(NOW as u64)) }
    }

    fn tick(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.fetch_add(1, Ordering::Relaxed) as i64)
    }

    fn status(&self, threads: usize, time: Duration) -> Lap {
        closed_loop(threads, time, |n| {
            let mut ids = share(&self.ids, threads, n);
            let (grant, mut dice) = (clerk().grant().unwrap(), Dice::new(n as u64));
            move || {
                let i = dice.below(ids.len());
                let (id, steps) = &mut ids[i];
                let to = if *steps % 2 == 0 { Status::InTransit } else { Status::AtDepot };
                *steps += 1;
                let (grant, now, id) = (grant.clone(), self.tick(), id.to_string());
                let input = EventInput { status: Some(to), ..EventInput::default() };
                let done = self.store.write(TENANT, Lane::People, move |tx| {
                    let cx = Cx::new(tx, grant.actor(), now, "http")?;
                    service::post_event(tx, &grant, &cx, &id, None, input.clone())
                });
                done.wait().unwrap();
            }
        })
    }

    fn create(&self, threads: usize, time: Duration) -> Lap {
        closed_loop(threads, time, |_| {
            let grant = clerk().grant().unwrap();
            move || {
                let (grant, now) = (grant.clone(), self.tick());
                let new = announced(&format!("C{:012}", now.millis()));
                let done = self.store.write(TENANT, Lane::People, move |tx| {
                    let cx = Cx::new(tx, grant.actor(), now, "http")?;
                    service::create(tx, &grant, &cx, new.clone())
                });
                done.wait().unwrap();
            }
        })
    }
}

/// One thread's own part of the parcels, so that no two take steps of the same one. Every lap begins with the step that
/// any parcel can take.
fn share<T: Copy>(all: &[T], threads: usize, n: usize) -> Vec<(T, u32)> {
    all.iter().skip(n).step_by(threads).map(|id| (*id, 0)).collect()
}

/// The same closed loop over a rival that takes [`Change`]s.
fn rival<S: Fn(Change) + Send>(
    ids: &[Id],
    threads: usize,
    time: Duration,
    create: bool,
    sender: impl Fn() -> S + Sync,
) -> Lap {
    let made = AtomicU64::new(0);
    closed_loop(threads, time, |n| {
        let (ids, mut dice, send, made) = (share(ids, threads, n), Dice::new(n as u64), sender(), &made);
        move || {
            let id = if create { Id::fresh() } else { ids[dice.below(ids.len())].0 };
            send(Change { id, create, at: NOW as u64 + made.fetch_add(1, Ordering::Relaxed) });
        }
    })
}

fn main() {
    let args = Args::read();
    let (n, time, rounds) =
        (args.pick(20_000, 200_000), Duration::from_millis(args.pick(700, 3_000)), args.pick(3, 5));
    let folder = tempfile::tempdir().unwrap();
    let ours = Depot::seeded(depot(folder.path(), 256), n);
    ours.status(4, Duration::from_millis(200));
    let sizes = Sizes::of(&ours.store);
    println!("{n} parcels; {sizes:?}");
    let raw = rivals::raw(&folder.path().join("raw.redb"), &ours.ids, sizes);
    #[cfg(feature = "sqlite")]
    let lite = rivals::sqlite(&folder.path().join("lite.db"), &ours.ids);
    for (what, create) in [("status changes", false), ("creates", true)] {
        for threads in [1, 16, 64] {
            let mut all = vec![
                #[cfg(feature = "sqlite")]
                Rival::new("sqlite WAL FULL, grouped", || {
                    rival(&ours.ids, threads, time, create, || lite.sender())
                }),
                Rival::new("raw redb, same bytes", || {
                    rival(&ours.ids, threads, time, create, || raw.sender())
                }),
                Rival::new("depot", || {
                    if create { ours.create(threads, time) } else { ours.status(threads, time) }
                }),
            ];
            let before = ours.store.status();
            let title = format!("{what} at {threads}");
            if !args.wants(&title) {
                continue;
            }
            compare(&args, &title, rounds, &mut all);
            drop(all);
            let after = ours.store.status();
            let per = (after.writes - before.writes) as f64 / (after.commits - before.commits).max(1) as f64;
            println!("the depot made {per:.1} changes a commit");
        }
    }
}
