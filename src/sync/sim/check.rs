//! What must be true once it is quiet: the list of the protocol's design, over the real stores.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::node::{Node, POISON, TENANT, folders, map, uid_of};
use super::world::{MAPS, Seen, World};
use super::{air, ledger, people, road, shelves};
use crate::base::ids::Id;
use crate::deliveries::model::Delivery;
use crate::freight::bills::Bill;
use crate::freight::model::{Hawb, Mawb};
use crate::journal::clock::Origin;
use crate::journal::fold::shifted;
use crate::journal::{Aggregate, Eid, Stamped, change, history, log};
use crate::orders::model::Order;
use crate::orders::stock::Page;
use crate::parcels::event::ParcelEvent;
use crate::parcels::model::Parcel;
use crate::store::{DEPOT, Dir, Ix, KeyRange, ReadTx, Store, StoreError};
use crate::sync::depot::tables::{OPAQUE, REJECTS, standing};
use crate::sync::hq::tables::QUARANTINE;
use crate::sync::hq::{DRIFT_MS, apply, route};
use crate::sync::{digest, sites};

/// Runs `seed` for `steps` and then to rest; says what is wrong.
pub fn run(seed: u64) -> Result<Seen, String> {
    let mut world = World::new(seed);
    let steps = 40 + world.rng.below(180);
    let trace = std::env::var("CROSSDOCK_SIM_TRACE").ok();
    let mut before = Vec::new();
    for step in 0..steps {
        let did = world.happen();
        if let Some(word) = &trace {
            let now = who_has(&world, word);
            if now != before || did.0 >= 860 {
                eprintln!(
                    "{step}: {did:?} {} {now:?}",
                    world.last.get(&(did.1 as u32 + 1)).map_or("", |l| l)
                );
                before = now;
            }
        }
    }
    settle(&mut world)?;
    let mut seen = world.seen;
    check(&world, &mut seen)?;
    seen.waybills = air::count(&world.hq.store);
    Ok(seen)
}

/// The operations that say `word`, at headquarters and at each depot: for a person who looks into a seed.
fn who_has(world: &World, word: &str) -> Vec<(u32, Vec<String>)> {
    let of = |store: &Store| {
        let said = |(eid, (_, blob)): (Eid, (u64, Vec<u8>))| {
            let uid = uid_of(&blob).filter(|uid| uid.split(' ').take(2).eq(word.split(' ')))?;
            let no = store.read(TENANT, |tx| REJECTS.get(tx, &eid)).unwrap();
            Some(no.map_or(uid.clone(), |no| format!("{uid} (refused: {} {})", no.code, no.msg)))
        };
        let mut all: Vec<String> = events(store).into_iter().filter_map(said).collect();
        all.sort();
        all
    };
    let depots = world.live.iter().flatten().map(|n| (n.site, of(&n.depot.store)));
    std::iter::once((0, of(&world.hq.store))).chain(depots).collect()
}

/// Where everybody stands.
fn standing_of(world: &World) -> Vec<(u64, [u64; 3], u64, u64, u64)> {
    let of = |n: &Node| {
        n.depot.store.read(TENANT, |tx| {
            let (s, origin) = (standing(tx)?, Origin::load(tx)?);
            let head = tx.head(DEPOT, log::APPLIED)?.last;
            Ok::<_, StoreError>((
                origin.epoch,
                [s.acked.b, s.acked.a, s.cur.own],
                s.cur.shared,
                head,
                s.rejoins,
            ))
        })
    };
    let hq = world.hq.store.read(TENANT, |tx| {
        let head = tx.head(DEPOT, log::APPLIED)?.last;
        Ok::<_, StoreError>((0, [0; 3], 0, head, route::lag(tx)?))
    });
    world.live.iter().flatten().map(|n| of(n).unwrap()).chain([hq.unwrap()]).collect()
}

fn settle(world: &mut World) -> Result<(), String> {
    world.calm = true;
    world.hq_memory.cut(None);
    for node in world.live.iter_mut().flatten() {
        *node = node.upgraded();
    }
    for _ in 0..200 {
        let before = standing_of(world);
        let mut seen = BTreeSet::new();
        let mut gone = Vec::new();
        for at in 0..world.live.len() {
            let Some(site) = world.live[at].as_ref().map(|n| n.site) else { continue };
            for _ in 0..6 {
                world.wall += 1000;
                world.turn(at);
                world.work(true);
                while world.settle_wishes(100) {}
                world.work(true);
            }
            if !seen.insert(site) {
                gone.push(at);
            }
        }
        // Of two copies only one can go on being the depot; the other is drained and put away.
        for at in gone {
            for _ in 0..60 {
                world.wall += 1000;
                world.turn(at);
                world.work(true);
            }
            let node = world.live[at].take();
            let unsent = node.map_or(0, |n| n.depot.unsent().unwrap());
            if unsent > 0 {
                return Err(format!("a copy kept {unsent} changes to itself"));
            }
        }
        if let Ok(word) = std::env::var("CROSSDOCK_SIM_TRACE") {
            eprintln!("rest: {:?} {:?}", world.last, who_has(world, &word));
        }
        if standing_of(world) == before {
            return Ok(());
        }
    }
    Err("it doesn't come to rest".into())
}

type Events = BTreeMap<Eid, (u64, Vec<u8>)>;

/// How one type of aggregate is looked at.
struct Kind {
    gather: fn(&dyn ReadTx, &mut Events) -> Result<(), StoreError>,
    same: fn(&World, &Node, Id, &[Eid]) -> Result<(), String>,
}

impl Kind {
    const fn of<A: Aggregate + Debug>() -> Self {
        Self { gather: gather::<A>, same: same::<A> }
    }
}

/// The types, in the order of [`folders`].
const KINDS: [Kind; 7] = [
    Kind::of::<Parcel>(),
    Kind::of::<Mawb>(),
    Kind::of::<Hawb>(),
    Kind::of::<Bill>(),
    Kind::of::<Delivery>(),
    Kind::of::<Order>(),
    Kind::of::<Page>(),
];

/// Every business change a node has folded, with its stamp as it counts there.
fn events(store: &Store) -> Events {
    let read = |tx: &dyn ReadTx| -> Result<Events, StoreError> {
        let mut all = Events::new();
        KINDS.iter().try_for_each(|kind| (kind.gather)(tx, &mut all))?;
        Ok(all)
    };
    store.read(TENANT, read).unwrap()
}

fn gather<A: Aggregate>(tx: &dyn ReadTx, all: &mut Events) -> Result<(), StoreError> {
    for entry in A::TABLE.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000)?.items {
        for (applied, e) in history::<A>(tx, &entry.value.line)? {
            if all.insert(e.key.eid, (e.key.t, applied.blob)).is_some() {
                return Err(StoreError::Corrupt("one change was folded twice".into()));
            }
        }
    }
    Ok(())
}

fn state<A: Aggregate>(store: &Store, id: Id) -> Option<A> {
    store.read(TENANT, |tx| A::TABLE.get(tx, &id)).unwrap().map(|r| r.state)
}

fn check(world: &World, seen: &mut Seen) -> Result<(), String> {
    let hq = events(&world.hq.store);
    twice(&hq)?;
    let waiting = world.hq.store.read(TENANT, |tx| {
        let mut n = route::lag(tx)?;
        for site in sites::all(tx)? {
            n += apply::lag(tx, site.number)?;
        }
        Ok::<_, StoreError>(n)
    });
    if waiting.unwrap() > 0 {
        return Err("headquarters left work undone".into());
    }
    for eid in &world.acked {
        let kept = hq.contains_key(eid)
            || world.hq.store.read(TENANT, |tx| QUARANTINE.get(tx, eid)).unwrap().is_some()
            || world
                .hq
                .store
                .read(TENANT, |tx| crate::sync::hq::tables::TOLD.get(tx, eid))
                .unwrap()
                .is_some();
        if !kept {
            return Err("what was acknowledged is gone".into());
        }
    }
    future(world, "headquarters", &hq)?;
    match road::whole(&world.hq.store) {
        Err(torn) if !world.torn => return Err(torn),
        whole => seen.deliveries = whole.unwrap_or_default(),
    }
    ledger::sums(&world.hq.store)?;
    for node in world.live.iter().flatten() {
        let said = world.last.get(&node.site).cloned().unwrap_or_default();
        depot(world, node, &hq).map_err(|e| format!("site {}: {e}; its last turn: {said}", node.site))?;
        seen.books += u64::from(books(world, node).map_err(|e| format!("site {}: {e}", node.site))?);
        seen.orders += ledger::answered(&world.hq.store, node.site)?;
    }
    Ok(())
}

/// The depot and headquarters agree on what lies on its shelves; true when its books had to be right to the piece as well.
fn books(world: &World, node: &Node) -> Result<bool, String> {
    let (here, there) = (&node.depot.store, &world.hq.store);
    ledger::sums(here)?;
    ledger::agree(here, there, node.site)?;
    if world.astray.contains(&node.site) {
        return Ok(false);
    }
    ledger::exact(there, node.site).map(|()| true)
}

/// No operation counts twice, and none that can't be folded counts at all.
fn twice(hq: &Events) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (_, blob) in hq.values() {
        // A change without a number is known by its identity alone.
        let Some(uid) = uid_of(blob) else { continue };
        if uid.ends_with(POISON) {
            return Err("headquarters folded poison".into());
        }
        if !seen.insert(uid.clone()) {
            return Err(format!("operation {uid} counts twice"));
        }
    }
    Ok(())
}

fn future(world: &World, who: &str, events: &Events) -> Result<(), String> {
    let horizon = (world.wall + DRIFT_MS + 1) << 16;
    match events.values().find(|(t, _)| *t >= horizon) {
        Some(_) => Err(format!("{who}: a stamp from the future stayed")),
        None => Ok(()),
    }
}

fn depot(world: &World, node: &Node, hq: &Events) -> Result<(), String> {
    let store = &node.depot.store;
    air::clocks(store, world.now())?;
    let unsent = node.depot.unsent().unwrap();
    if unsent > 0 {
        return Err(format!("{unsent} changes were never acknowledged"));
    }
    let rejected = |eid: &Eid| store.read(TENANT, |tx| REJECTS.get(tx, eid)).unwrap().is_some();
    let mut mine = events(store);
    let refused: Vec<Eid> = mine.keys().filter(|eid| rejected(eid)).copied().collect();
    for eid in &refused {
        mine.remove(eid);
    }
    future(world, "the depot", &mine)?;
    let opaque = store.read(TENANT, |tx| OPAQUE.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1)).unwrap();
    if !opaque.items.is_empty() {
        return Err("a change was never folded although its kind is known by now".into());
    }
    for (eid, (t, blob)) in &mine {
        match hq.get(eid) {
            None => {
                let uid = uid_of(blob).unwrap_or_default();
                return Err(format!("headquarters lacks operation {uid}"));
            }
            Some((theirs, _)) if theirs != t => {
                let (header, _) = change::decode(blob).unwrap();
                return Err(format!(
                    "a stamp differs: {t} here, {theirs} there, {} as written",
                    shifted(header.t, 0)
                ));
            }
            Some(_) => {}
        }
    }
    scope(world, node, &mine, hq, &refused)?;
    for n in 0..MAPS {
        let (here, there) = (map(store, n), map(&world.hq.store, n));
        if here != there {
            return Err(format!("map {n} says {here:?} here and {there:?} at headquarters"));
        }
    }
    let all: [fn(&Store) -> Vec<String>; 2] = [people::known, shelves::known];
    for known in all {
        let (here, there) = (known(store), known(&world.hq.store));
        if here != there {
            return Err(format!("what headquarters owns is here\n{here:?}\nand there\n{there:?}"));
        }
    }
    let ours = digest::of_depot(store, TENANT, &node.depot.registry, &Default::default()).unwrap();
    let theirs =
        digest::of_site(&world.hq.store, TENANT, &world.hq.registry, node.site, &Default::default()).unwrap();
    let differ = digest::differing(&ours, &theirs);
    if differ.is_empty() {
        return Ok(());
    }
    Err(format!(
        "digests differ in {} buckets\n{}",
        differ.len(),
        told_apart(world, node, &mine, hq, &differ)
    ))
}

/// For a person who looks into it: what both hold of the aggregates in these buckets.
fn told_apart(world: &World, node: &Node, mine: &Events, hq: &Events, buckets: &[u32]) -> String {
    let of = |events: &Events, store: &Store| {
        let mut all: BTreeMap<Id, Vec<String>> = BTreeMap::new();
        for (t, blob) in events.values() {
            let id = change::decode(blob).unwrap().0.id;
            if buckets.contains(&digest::bucket_of(id)) {
                let (header, body) = change::decode(blob).unwrap();
                let what = ParcelEvent::decode(header.k, header.v, &body);
                all.entry(id).or_default().push(format!("{t} o{} {what:?}", header.o));
            }
        }
        let places = |id| state::<Parcel>(store, id).map(|p| (p.status, p.origin, p.custody, p.next));
        let lines = all.iter().map(|(id, e)| format!("{id} {:?}\n   {}", places(*id), e.join("\n   ")));
        lines.collect::<Vec<_>>().join("\n")
    };
    let (here, there) = (of(mine, &node.depot.store), of(hq, &world.hq.store));
    format!("here\n{here}\nthere\n{there}")
}

/// The depot has its scope, all of it, and folds it to the same.
fn scope(world: &World, node: &Node, mine: &Events, hq: &Events, refused: &[Eid]) -> Result<(), String> {
    let folders = folders();
    let mut inside = BTreeSet::new();
    let mut theirs: BTreeMap<(usize, Id), Vec<Eid>> = BTreeMap::new();
    for (eid, (_, blob)) in hq {
        let header = change::decode(blob).unwrap().0;
        let which = folders.iter().position(|f| f.kinds.contains(&header.k) || f.more.contains(&header.k));
        theirs.entry((which.unwrap(), header.id)).or_default().push(*eid);
    }
    for ((which, id), eids) in &theirs {
        let folder = &folders[*which];
        let within = world.hq.store.read(TENANT, |tx| {
            for place in (folder.concerned)(tx, *id)? {
                if sites::number_of(tx, place)? == Some(node.site) {
                    return Ok::<_, StoreError>(true);
                }
            }
            Ok(false)
        });
        if !within.unwrap() {
            continue;
        }
        inside.insert(*id);
        if let Some(eid) = eids.iter().find(|eid| !mine.contains_key(*eid)) {
            let uid = uid_of(&hq[eid].1).unwrap_or_default();
            return Err(format!("the depot lacks operation {uid} of a {} in its scope", folder.name));
        }
        (KINDS[*which].same)(world, node, *id, refused)?;
    }
    strangers(world, node, mine, &inside)
}

/// The same events are folded to the same.
fn same<A: Aggregate + Debug>(world: &World, node: &Node, id: Id, refused: &[Eid]) -> Result<(), String> {
    let there = state::<A>(&world.hq.store, id);
    let here = folded_without::<A>(&node.depot.store, id, refused);
    if here == there {
        return Ok(());
    }
    Err(format!("the same events, two of a {}:\n{here:?}\n{there:?}", A::NAME))
}

/// What lies outside its scope came there when it was inside.
fn strangers(world: &World, node: &Node, mine: &Events, inside: &BTreeSet<Id>) -> Result<(), String> {
    let origin = node.depot.store.read(TENANT, |tx| Origin::load(tx)).unwrap();
    for (_, blob) in mine.values() {
        let (header, _) = change::decode(blob).unwrap();
        let own = header.o == node.site || header.e == origin.first;
        if own || inside.contains(&header.id) {
            continue;
        }
        let member = route::member_key(header.id, node.site);
        let told =
            world.hq.store.read(TENANT, |tx| crate::sync::hq::tables::MEMBERS.get(tx, &member)).unwrap();
        let restored = world.seen.restores > 0;
        if told.is_none() && !restored {
            return Err("the depot has something that was never its business".into());
        }
    }
    Ok(())
}

fn folded_without<A: Aggregate>(store: &Store, id: Id, refused: &[Eid]) -> Option<A> {
    let read = |tx: &dyn ReadTx| -> Result<Option<A>, StoreError> {
        let Some(row) = A::TABLE.get(tx, &id)? else { return Ok(None) };
        let events: Vec<Stamped<A::Event>> =
            history::<A>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
        if !events.iter().any(|e| refused.contains(&e.key.eid)) {
            return Ok(Some(row.state));
        }
        let left: Vec<_> = events.into_iter().filter(|e| !refused.contains(&e.key.eid)).collect();
        Ok((!left.is_empty()).then(|| A::fold_all(A::blank(id), &left)))
    };
    store.read(TENANT, read).unwrap()
}
