//! The desk whose changes are measured: the depot's service path, by as many clerks as are asked for.

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

use crate::harness::{self, Dice, Lap, NOW, TENANT, clerk, closed_loop};

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

/// What a request does once it is authenticated.
pub struct Desk {
    pub store: Store,
    pub ids: Vec<Id>,
    pub clock: Arc<AtomicU64>,
}

impl Desk {
    pub fn seeded(store: Store, n: usize) -> Self {
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

    /// Its parcels in two halves, so that two desks take steps of none together.
    #[allow(dead_code, reason = "each bench is a program of its own and uses a part")]
    pub fn halves(&self) -> (Vec<Id>, Vec<Id>) {
        let (a, b) = self.ids.split_at(self.ids.len() / 2);
        (a.to_vec(), b.to_vec())
    }

    pub fn tick(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.fetch_add(1, Ordering::Relaxed) as i64)
    }

    pub fn status(&self, threads: usize, time: Duration) -> Lap {
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

    pub fn create(&self, threads: usize, time: Duration) -> Lap {
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
pub fn share<T: Copy>(all: &[T], threads: usize, n: usize) -> Vec<(T, u32)> {
    all.iter().skip(n).step_by(threads).map(|id| (*id, 0)).collect()
}
