//! The company's people and machines: depots, headquarters, their keys, and what each release can fold.

use std::fmt::Debug;
use std::sync::Arc;

use super::{air, road, shelves};
use crate::base::clock::Timestamp;
use crate::deliveries::work::Desk as Counter;
use crate::freight::event::{BILL_KINDS, MASTER_KINDS};
use crate::identity::features::Feature;
use crate::identity::grant::{Actor, Grant, Principal};
use crate::identity::model::{Role, User};
use crate::jobs::runner::{Ctx, Step, Worker};
use crate::journal::reference::Reference;
use crate::journal::{Aggregate, Cx, Folded, change, reference};
use crate::orders::catalog::{Category, Product};
use crate::orders::work::Desk;
use crate::parcels::event::ParcelEvent;
use crate::parcels::map_service::{OwnMap, map_id};
use crate::parcels::maps::Map;
use crate::store::memory::Memory;
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Store, StoreError, WriteTx};
use crate::sync::depot::Depot;
use crate::sync::hq::{Hq, Limits};
use crate::sync::keys::Sign;
use crate::sync::registry::{self, Folder, Registry};

/// The tenant, everywhere: a number that no message says.
pub const TENANT: u32 = 1;
/// What headquarters can't fold says this.
pub const POISON: &str = "poison";

/// A key that costs nothing; signatures proper are tried elsewhere.
pub struct CheapKey(pub u32);

fn cheap(public: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    blake3::Hasher::new().update(public).update(message).finalize_xof().fill(&mut out);
    out
}

impl Sign for CheapKey {
    fn public(&self) -> [u8; 32] {
        *blake3::hash(&self.0.to_be_bytes()).as_bytes()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        cheap(&self.public(), message)
    }
}

/// What a node of this release folds.
pub fn folders() -> Vec<Folder> {
    vec![
        registry::parcels(),
        registry::masters(),
        registry::houses(),
        registry::bills(),
        registry::deliveries(),
        registry::orders(),
        registry::ledger(),
    ]
}

/// What headquarters owns.
fn shared() -> [Folder; 5] {
    [
        Folder::shared::<OwnMap>(),
        Folder::shared::<User>(),
        Folder::shared::<Role>(),
        Folder::shared::<Category>(),
        Folder::shared::<Product>(),
    ]
}

/// Whether headquarters owns what changes of `kind` belong to: a depot's is a wish, which is settled and then gone.
pub fn is_shared(kind: u16) -> bool {
    [OwnMap::KIND, User::KIND, Role::KIND, Category::KIND, Product::KIND].contains(&kind)
}

/// What headquarters folds: everything but what says it is poison.
fn hq_registry() -> Registry {
    let receive = |tx: &mut dyn WriteTx, cx: &Cx, blob: &[u8], way: &crate::journal::Arrival| {
        if uid_of(blob).is_some_and(|uid| uid.ends_with(POISON)) {
            return Err(StoreError::Codec { what: "parcel event", why: POISON.into() });
        }
        (registry::parcels().receive)(tx, cx, blob, way)
    };
    let master = |tx: &mut dyn WriteTx, cx: &Cx, blob: &[u8], way: &crate::journal::Arrival| {
        if uid_of(blob).is_some_and(|uid| uid.ends_with(POISON)) {
            return Err(StoreError::Codec { what: "waybill event", why: POISON.into() });
        }
        (registry::masters().receive)(tx, cx, blob, way)
    };
    let others = folders().into_iter().skip(2);
    let choosy =
        [Folder { receive, ..registry::parcels() }, Folder { receive: master, ..registry::masters() }];
    Registry::new(choosy.into_iter().chain(others).chain(shared()).collect())
}

/// What a depot of the release before this one folds: it knows no hand-over, and nothing but parcels and maps.
fn old_registry() -> Registry {
    let known = Folder { kinds: 1..=8, ..registry::parcels() };
    Registry::new(vec![known, Folder::shared::<OwnMap>()])
}

fn registry_of(old: bool) -> Registry {
    if old { old_registry() } else { Registry::new(folders().into_iter().chain(shared()).collect()) }
}

/// The operation a change stands for, as it was numbered when somebody did it.
pub fn uid_of(blob: &[u8]) -> Option<String> {
    let (header, body) = change::decode(blob).ok()?;
    if (*MASTER_KINDS.start()..=*BILL_KINDS.end()).contains(&header.k) {
        return air::uid_of(header.k, header.v, &body);
    }
    match header.k {
        0x400..=0x43f => return road::uid_of_delivery(header.k, header.v, &body),
        0x440..=0x44f => return shelves::uid_of_order(header.k, header.v, &body),
        0x450 => return shelves::uid_of_stock(header.k, header.v, &body),
        _ => {}
    }
    match ParcelEvent::decode(header.k, header.v, &body).ok()? {
        ParcelEvent::Registered(e) => e.facts.remark,
        ParcelEvent::Described(e) => e.facts.remark,
        ParcelEvent::Moved(e) => road::uid_of_step(header.id, &e),
        ParcelEvent::Noted(e) => Some(e.text),
        ParcelEvent::HandedOver(e) => e.note,
        _ => None,
    }
}

/// A depot that is alive.
pub struct Node {
    pub site: u32,
    pub memory: Memory,
    pub depot: Depot,
    /// How far its clock is off, in milliseconds.
    pub off: i64,
    pub old: bool,
}

impl Node {
    pub fn over(memory: Memory, site: u32, off: i64, old: bool) -> Self {
        let store = Store::new(memory.clone());
        let software = if old { "0.1" } else { "0.2" };
        let depot = Depot::new(store, TENANT, registry_of(old), Arc::new(CheapKey(site)), software);
        Self { site, memory, depot, off, old }
    }

    /// It runs the present release.
    pub fn upgraded(&self) -> Self {
        self.memory.cut(None);
        Self::over(self.memory.clone(), self.site, self.off, false)
    }

    /// What runs by itself there: orders are answered and follow their parcels, as deliveries do.
    pub fn attend(&self, now: Timestamp) {
        let ctx = Ctx { store: self.depot.store.clone(), tenant: TENANT };
        let desks: [&dyn Worker; 2] = [&Desk, &Counter];
        for desk in desks {
            while desk.step(&ctx, now).unwrap() == Step::Worked {}
        }
    }

    /// Its process died and was started again.
    pub fn restarted(&self) -> Self {
        self.memory.cut(None);
        Self::over(self.memory.clone(), self.site, self.off, self.old)
    }
}

/// Somebody sets map `n`, one of those that headquarters owns.
pub fn set_map(store: &Store, now: Timestamp, n: usize, value: String) {
    let map = OwnMap { map: Map { source: value, ..Map::default() }, ..OwnMap::default() };
    put(store, move |tx| {
        let cx = Cx::new(tx, &Actor::system(), now, "test")?;
        reference::set::<OwnMap>(tx, &cx, map_id(&n.to_string()), Some(map.clone())).map(drop)
    });
}

/// What map `n` says.
pub fn map(store: &Store, n: usize) -> Option<String> {
    let read = store.read(TENANT, |tx| reference::get::<OwnMap>(tx, map_id(&n.to_string())));
    read.unwrap().map(|(map, _)| map.map.source)
}

/// Headquarters over `memory`.
pub fn hq_over(memory: &Memory) -> Hq {
    Hq {
        store: Store::new(memory.clone()),
        registry: hq_registry(),
        secret: [7; 32],
        limits: Limits { rejoins: usize::MAX, page: 20, fold: 2, ..Limits::default() },
        verify: |public, message, signature| cheap(public, message) == *signature,
        vault: None,
    }
}

/// The batch a depot pushes at the most in this turn.
pub fn put_uncut(node: &Node, most: usize) {
    use crate::sync::depot::tables::{save, standing};
    let _: Result<(), StoreError> = node
        .depot
        .store
        .write(TENANT, Lane::Bulk, move |tx| {
            let mut s = standing(tx)?;
            s.batch = most as u32;
            save(tx, &s)
        })
        .wait();
}

/// Writes to a store that is not to fail now.
pub fn put<T: Send + 'static>(
    store: &Store,
    f: impl FnMut(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.write(TENANT, Lane::People, f).wait().unwrap()
}

/// The proof that the house itself may do `F`.
pub fn may<F: Feature>() -> Grant<F> {
    Arc::new(Principal::system(TENANT)).grant().unwrap()
}

/// Somebody asks for something and may be refused; then nothing was written.
pub fn act<T, E, F>(store: &Store, now: Timestamp, f: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Debug + Send + 'static,
    F: Fn(&mut dyn WriteTx, &Cx) -> Result<T, E> + Send + 'static,
{
    let write = move |tx: &mut dyn WriteTx| -> Result<T, E> {
        let cx = Cx::new(tx, &Actor::system(), now, "test")?;
        f(tx, &cx)
    };
    store.write(TENANT, Lane::People, write).wait()
}

/// All there are of a kind.
pub fn all<A: Aggregate>(store: &Store) -> Vec<Folded<A>> {
    let read = |tx: &dyn ReadTx| A::TABLE.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000);
    store.read(TENANT, read).unwrap().items.into_iter().map(|e| e.value).collect()
}
