//! What the exchange costs on the wire: bytes of a push of 500 changes, packed, for each parcel that is announced and for
//! each status change, with the invented parcels of the demonstration. Exact, and the same on every machine.
//!
//! `cargo bench --bench sync`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::sync::Arc;

use crossdock::base::clock::Timestamp;
use crossdock::base::ids::Id;
use crossdock::demo;
use crossdock::identity::grant::Actor;
use crossdock::journal::{Cx, record};
use crossdock::parcels::event::{Moved, ParcelEvent, Registered};
use crossdock::parcels::model::{Parcel, Status};
use crossdock::parcels::repo::PARCELS;
use crossdock::store::memory::Memory;
use crossdock::store::{Lane, Store, StoreError};
use crossdock::sync::depot::Depot;
use crossdock::sync::depot::tables::{save, standing};
use crossdock::sync::keys::DepotKey;
use crossdock::sync::registry::Registry;
use crossdock::sync::wire::{self, Log};

const TENANT: u32 = 1;
const SEED: u64 = 1;
const BATCHES: u32 = 10;
const BATCH: u32 = 500;
/// What a change is meant to cost at the most, in bytes.
const MOST: [f64; 2] = [70.0, 40.0];

fn main() {
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
