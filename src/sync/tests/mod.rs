//! One matter at a time, with real keys: a small company in memory, and what is asked of it.

mod away;
mod exchange;
mod joining;
mod refill;
mod whose;

use std::sync::Arc;
use std::time::Duration;

use serde_bytes::{ByteArray, ByteBuf};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::journal::change::Header;
use crate::journal::clock::Origin;
use crate::journal::{Cx, change, record};
use crate::parcels::event::{Moved, Noted, ParcelEvent, Registered};
use crate::parcels::map_service::OwnMap;
use crate::parcels::maps::Map;
use crate::parcels::model::{Parcel, Status};
use crate::parcels::repo::PARCELS;
use crate::store::memory::Memory;
use crate::store::{Lane, Store, StoreError, WriteTx};
use crate::sync::depot::{Budget, Depot, Link, LinkError, relog};
use crate::sync::hq::{Body, Caller, Hq, Limits, apply, route};
use crate::sync::keys::DepotKey;
use crate::sync::registry::Registry;
use crate::sync::wire::{Call, Code, Enrol, Enrolled, Log, Push, Refusal};
use crate::sync::{digest, keys, sites, wire};

const T: u32 = 7;

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_600_000_000_000).after(Duration::from_secs(s))
}

fn put<R: Send + 'static>(
    store: &Store,
    f: impl FnMut(&mut dyn WriteTx) -> Result<R, StoreError> + Send + 'static,
) -> R {
    store.write(T, Lane::People, f).wait().unwrap()
}

fn headquarters() -> Hq {
    let store = Store::new(Memory::default());
    put(&store, |tx| sites::found(tx, at(0)));
    let registry = Registry::standard();
    Hq { store, registry, secret: [9; 32], limits: Limits::default(), verify: keys::verify, vault: None }
}

struct Wire<'a>(&'a Hq, Timestamp);

impl Link for Wire<'_> {
    fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError> {
        let packed = wire::pack(body).unwrap();
        let plain = wire::unpack(&packed).unwrap();
        let body = Body { raw: &packed, packed: true, plain: &plain };
        let answer = self.0.answer(call, token.map(|t| &t[..]), body, self.1)?;
        work(self.0, self.1);
        Ok(answer)
    }
}

fn work(hq: &Hq, now: Timestamp) {
    let sites = hq.store.read(T, sites::all).unwrap();
    for site in sites {
        while apply::step(hq, T, site.number, now).unwrap() {}
    }
    while route::step(hq, T, now).unwrap() {}
}

fn a_depot() -> (Depot, u64) {
    let store = Store::new(Memory::default());
    let origin = put(&store, |tx| {
        let origin = Origin::load(tx)?;
        origin.save(tx)?;
        Ok(origin)
    });
    let key = Arc::new(DepotKey::fresh().unwrap());
    (Depot::new(store, T, Registry::standard(), key, "0.2"), origin.first)
}

fn ask_to_join(depot: &Depot, e0: u64, code: &str) -> Enrol {
    let key = ByteArray::new(depot.key.public());
    Enrol { code: code.into(), key, sw: "0.2".into(), name: "depot".into(), e0 }
}

fn join(hq: &Hq, depot: &Depot, e0: u64) -> u32 {
    let site = put(&hq.store, |tx| sites::add(tx, "depot").map_err(|e| StoreError::Corrupt(e.to_string())));
    let code = format!("code {}", site.number);
    sites::give_code(&hq.store, T, site.number, &code, at(0)).unwrap();
    let said = enrol(hq, &ask_to_join(depot, e0, &code), at(0)).unwrap();
    put(&depot.store, move |tx| relog::joined(tx, &said));
    site.number
}

fn enrol(hq: &Hq, ask: &Enrol, now: Timestamp) -> Result<Enrolled, Refusal> {
    let body = wire::encode(ask).unwrap();
    hq.answer(Call::Enrol, None, Body::plain(&body), now).map(|b| wire::decode(&b).unwrap())
}

fn joined(hq: &Hq) -> (Depot, u32) {
    let (depot, e0) = a_depot();
    let site = join(hq, &depot, e0);
    (depot, site)
}

fn happens(store: &Store, s: u64, id: Id, events: Vec<ParcelEvent>) {
    put(store, move |tx| {
        let cx = Cx::new(tx, &Actor::system(), at(s), "test")?;
        let old = PARCELS.get(tx, &id)?;
        record::<Parcel>(tx, &cx, id, old, events.clone()).map(drop)
    });
}

fn registered(number: &str) -> ParcelEvent {
    ParcelEvent::Registered(Box::new(Registered { number: number.into(), ..Registered::default() }))
}

fn scanned(to: Status) -> ParcelEvent {
    ParcelEvent::Moved(Moved { to, ..Moved::default() })
}

fn noted(text: &str) -> ParcelEvent {
    ParcelEvent::Noted(Noted { text: text.into() })
}

fn parcel(store: &Store, id: Id) -> Option<Parcel> {
    store.read(T, |tx| PARCELS.get(tx, &id)).unwrap().map(|r| r.state)
}

fn turns(hq: &Hq, depot: &mut Depot, s: u64) {
    for n in 0..4 {
        depot.turn(&mut Wire(hq, at(s + n)), at(s + n), &Budget::default()).unwrap();
    }
}

fn same(hq: &Hq, depot: &Depot, site: u32) -> bool {
    let ours = digest::of_depot(&depot.store, T, &depot.registry, &Default::default()).unwrap();
    let theirs = digest::of_site(&hq.store, T, &hq.registry, site, &Default::default()).unwrap();
    assert!(!ours.d.is_empty());
    digest::differing(&ours, &theirs).is_empty()
}

#[test]
fn a_copy_of_a_depot_that_has_not_joined_can_not_join_as_another() {
    let hq = headquarters();
    let (depot, e0) = a_depot();
    join(&hq, &depot, e0);
    let (copy, _) = a_depot();
    let site = put(&hq.store, |tx| sites::add(tx, "b").map_err(|e| StoreError::Corrupt(e.to_string())));
    sites::give_code(&hq.store, T, site.number, "b", at(0)).unwrap();
    assert_eq!(enrol(&hq, &ask_to_join(&copy, e0, "b"), at(1)).unwrap_err().e, Code::Scope);
}

/// A change written by nobody's journal.
fn made(o: u32, e: u64, id: Id, s: u64, event: &ParcelEvent) -> Vec<u8> {
    let header = Header { o, e, s: 1, t: at(s).unsigned() << 16, k: event.kind(), v: 1, id, u: 0 };
    change::encode(&header, &event.encode_body().unwrap()).unwrap()
}

fn caller(hq: &Hq, site: u32) -> Caller {
    let epoch = hq.store.read(T, |tx| sites::site(tx, site)).unwrap().unwrap().epoch;
    Caller { tenant: T, site, epoch }
}

fn serve<Q: serde::Serialize, A: serde::de::DeserializeOwned>(
    hq: &Hq,
    who: Caller,
    call: Call,
    ask: &Q,
    s: u64,
) -> Result<A, Refusal> {
    let body = wire::encode(ask).unwrap();
    hq.serve(who, call, Body::plain(&body), at(s)).map(|b| wire::decode(&b).unwrap())
}

fn push_of(who: Caller, blobs: Vec<Vec<u8>>, s: u64) -> Push {
    let ch = blobs.into_iter().map(ByteBuf::from).collect();
    let (h0, tmax) = (ByteArray::new([0; 16]), at(s).unsigned() << 16);
    Push { ep: who.epoch, l: Log::B, from: 1, h0, tmax, adj: Vec::new(), ch }
}

/// A map of a carrier's words.
fn map(name: &str) -> OwnMap {
    OwnMap { map: Map { source: name.into(), ..Map::default() }, ..OwnMap::default() }
}
