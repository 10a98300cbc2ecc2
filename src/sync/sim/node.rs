//! The company's people and machines: depots, headquarters, their keys, and what each release can fold.

use std::sync::Arc;

use super::air;
use crate::base::clock::Timestamp;
use crate::freight::event::{BILL_KINDS, MASTER_KINDS};
use crate::identity::grant::Actor;
use crate::journal::{Cx, change, reference};
use crate::parcels::event::ParcelEvent;
use crate::parcels::map_service::{OwnMap, map_id};
use crate::parcels::maps::Map;
use crate::store::memory::Memory;
use crate::store::{Lane, Store, StoreError, WriteTx};
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
    vec![registry::parcels(), registry::masters(), registry::houses(), registry::bills()]
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
    Registry::new(vec![
        Folder { receive, ..registry::parcels() },
        Folder { receive: master, ..registry::masters() },
        registry::houses(),
        registry::bills(),
        Folder::shared::<OwnMap>(),
    ])
}

/// What a depot of the release before this one folds: it knows no hand-over, and nothing of air freight.
fn old_registry() -> Registry {
    let known = Folder { kinds: 1..=8, ..registry::parcels() };
    Registry::new(vec![known, Folder::shared::<OwnMap>()])
}

fn registry_of(old: bool) -> Registry {
    if old {
        old_registry()
    } else {
        Registry::new(folders().into_iter().chain([Folder::shared::<OwnMap>()]).collect())
    }
}

/// The operation a change stands for, as it was numbered when somebody did it.
pub fn uid_of(blob: &[u8]) -> Option<String> {
    let (header, body) = change::decode(blob).ok()?;
    if (*MASTER_KINDS.start()..=*BILL_KINDS.end()).contains(&header.k) {
        return air::uid_of(header.k, header.v, &body);
    }
    match ParcelEvent::decode(header.k, header.v, &body).ok()? {
        ParcelEvent::Registered(e) => e.facts.remark,
        ParcelEvent::Described(e) => e.facts.remark,
        ParcelEvent::Moved(e) => e.note,
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
        limits: Limits { rejoins: usize::MAX, page: 20, ..Limits::default() },
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
