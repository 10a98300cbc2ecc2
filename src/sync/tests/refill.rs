//! A headquarters that was restored is refilled.

use serde_bytes::{ByteArray, ByteBuf};

use super::{
    T, Wire, at, caller, happens, headquarters, joined, made, noted, parcel, put, registered, same, scanned,
    serve, turns,
};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::change;
use crate::parcels::event::{HandedOver, ParcelEvent};
use crate::parcels::model::Status;
use crate::store::Store;
use crate::store::memory::Memory;
use crate::sync::depot::{Budget, Depot, Link, LinkError};
use crate::sync::hq::{Body, Hq, quarantine, tables};
use crate::sync::registry::{Folder, Registry, parcels};
use crate::sync::wire::{Call, Log, Offered, Resupplied, Resupply, State};
use crate::sync::{keys, sites};

#[test]
fn on_resupply_the_history_of_others_comes_back_only_with_headquarters_word() {
    let hq = headquarters();
    let (_, na) = joined(&hq);
    let (_, nb) = joined(&hq);
    let (who, theirs, id) = (caller(&hq, nb), caller(&hq, na), Id::fresh());
    let blob = made(na, theirs.epoch, id, 1, &registered("RR1"));
    let word = keys::word(&hq.secret, T, &change::eid(&blob), 5);
    let offer = |adj, word: Option<[u8; 16]>| Resupply {
        ep: who.epoch,
        l: Log::B,
        last: 0,
        h: ByteArray::new([0; 16]),
        n: 1,
        of: 0,
        ag: Vec::new(),
        ids: Vec::new(),
        ev: vec![Offered(ByteBuf::from(blob.clone()), adj, word.map(ByteArray::new))],
    };
    let other_tenant = keys::word(&hq.secret, T + 1, &change::eid(&blob), 5);
    for (adj, word) in [(5, None), (5, Some([1; 16])), (6, Some(word)), (5, Some(other_tenant))] {
        let said: Resupplied = serve(&hq, who, Call::Resupply, &offer(adj, word), 2).unwrap();
        assert_eq!(said.took, 0);
    }
    assert_eq!(parcel(&hq.store, id), None);
    let said: Resupplied = serve(&hq, who, Call::Resupply, &offer(5, Some(word)), 2).unwrap();
    assert_eq!((said.took, parcel(&hq.store, id).unwrap().number), (1, "RR1".to_owned()));
}

/// A line to a headquarters that answers but has no time for anything else.
struct Busy<'a>(&'a Hq, Timestamp);

impl Link for Busy<'_> {
    fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError> {
        Ok(self.0.answer(call, token.map(|t| &t[..]), Body::plain(body), self.1)?)
    }
}

/// A headquarters over a store that can be copied, as a backup is.
fn with_backup() -> (Hq, Memory) {
    let memory = Memory::default();
    let hq = Hq { store: Store::new(memory.clone()), ..headquarters() };
    put(&hq.store, |tx| sites::found(tx, at(0)));
    (hq, memory)
}

fn restored(hq: &Hq, backup: &Memory) -> Hq {
    let hq = Hq { store: Store::new(backup.copied()), ..hq.clone() };
    tables::renew(&hq.store, T).unwrap();
    hq
}

fn handed_to(to: u32) -> ParcelEvent {
    ParcelEvent::HandedOver(HandedOver { to, note: None })
}

#[test]
fn who_refilled_headquarters_with_a_parcel_learns_that_it_left_though_others_came_before_it_was_routed() {
    let (hq, memory) = with_backup();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let (before, id) = (memory.copied(), Id::fresh());
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot), handed_to(nb)]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 3);
    // Only the other depot knows that the parcel is not to come after all.
    happens(&a.store, 4, id, vec![handed_to(na)]);
    let hq = restored(&hq, &before);
    for depot in [&mut a, &mut b] {
        let turn = depot.turn(&mut Busy(&hq, at(5)), at(5), &Budget::default());
        assert!(turn.is_err(), "their sessions are of its former life");
    }
    for (depot, s) in [(&mut b, 6), (&mut a, 7)] {
        let turn = depot.turn(&mut Busy(&hq, at(s)), at(s), &Budget::default()).unwrap();
        assert_eq!(turn.verdict, Some(State::Resupply));
    }
    for s in [20, 30] {
        turns(&hq, &mut b, s);
        turns(&hq, &mut a, s + 5);
    }
    assert_eq!(parcel(&b.store, id), parcel(&a.store, id));
    assert!(same(&hq, &a, na));
}

/// Headquarters lives another life: the next turn of each learns that, the one after it offers what it holds.
fn resupplied(hq: &Hq, depots: &mut [&mut Depot], s: u64) {
    for depot in depots {
        let _ = depot.turn(&mut Wire(hq, at(s)), at(s), &Budget::default());
        turns(hq, depot, s + 1);
    }
}

#[test]
fn what_a_depot_was_once_told_of_it_may_write_to_after_headquarters_was_restored() {
    let (hq, memory) = with_backup();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let (before, id) = (memory.copied(), Id::fresh());
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot), handed_to(nb)]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 6);
    happens(&a.store, 10, id, vec![handed_to(na)]);
    turns(&hq, &mut a, 11);
    turns(&hq, &mut b, 16);
    // It is not to come here any more, but was: what is said of it here still counts.
    happens(&b.store, 20, id, vec![noted("it was here all the time")]);
    turns(&hq, &mut b, 21);
    turns(&hq, &mut a, 26);
    let hq = restored(&hq, &before);
    resupplied(&hq, &mut [&mut b, &mut a], 30);
    assert_eq!(parcel(&hq.store, id).unwrap().events, 5);
    assert_eq!(hq.store.read(T, |tx| quarantine::count(tx)).unwrap(), 0);
    assert_eq!(parcel(&hq.store, id), parcel(&b.store, id));
}

#[test]
fn what_was_refused_comes_in_with_headquarters_own_word_from_a_life_that_took_it() {
    let (hq, memory) = with_backup();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let id = Id::fresh();
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot)]);
    turns(&hq, &mut a, 2);
    happens(&b.store, 5, id, vec![noted("found it in the corner")]);
    turns(&hq, &mut b, 6);
    assert_eq!(hq.store.read(T, |tx| quarantine::count(tx)).unwrap(), 1, "it is none of its business yet");
    let before = memory.copied();
    happens(&a.store, 10, id, vec![handed_to(nb)]);
    turns(&hq, &mut a, 11);
    turns(&hq, &mut b, 16);
    turns(&hq, &mut a, 21);
    assert_eq!(parcel(&a.store, id).unwrap().events, 4);
    happens(&a.store, 26, id, vec![handed_to(na)]);
    let hq = restored(&hq, &before);
    resupplied(&hq, &mut [&mut a], 30);
    assert_eq!(parcel(&hq.store, id).unwrap().events, 5);
    assert_eq!(hq.store.read(T, |tx| quarantine::count(tx)).unwrap(), 0);
    resupplied(&hq, &mut [&mut b], 40);
    assert_eq!(parcel(&b.store, id), parcel(&a.store, id));
}

#[test]
fn what_this_release_cannot_fold_is_offered_all_the_same() {
    let (hq, memory) = with_backup();
    let ((mut a, _), (mut b, nb)) = (joined(&hq), joined(&hq));
    b.registry = Registry::new(vec![Folder { kinds: 1..=8, ..parcels() }]);
    let (before, id) = (memory.copied(), Id::fresh());
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot), handed_to(nb)]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 6);
    let hq = restored(&hq, &before);
    resupplied(&hq, &mut [&mut b], 30);
    assert_eq!(parcel(&hq.store, id), parcel(&a.store, id));
}

#[test]
fn what_came_with_headquarters_word_is_tried_again_as_what_it_is() {
    let (hq, memory) = with_backup();
    let ((mut a, _), (mut b, nb)) = (joined(&hq), joined(&hq));
    let (before, id) = (memory.copied(), Id::fresh());
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot), handed_to(nb)]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 6);
    // Restored to a release that knows no hand-over; the other depot brings what the first one did.
    let mut hq = restored(&hq, &before);
    let all = std::mem::replace(&mut hq.registry, Registry::new(vec![Folder { kinds: 1..=8, ..parcels() }]));
    resupplied(&hq, &mut [&mut b], 30);
    let (aside, _) = hq.store.read(T, |tx| quarantine::list(tx, None, 9)).unwrap();
    let [aside] = &aside[..] else { panic!("{aside:?}") };
    assert!((aside.value.code == "kind", aside.value.site, aside.value.own) == (true, nb, false));
    hq.registry = all;
    let eid = <[u8; 16]>::try_from(aside.pk.clone()).unwrap();
    assert!(quarantine::requeue(&hq, T, &eid, at(40)).unwrap());
    assert_eq!(parcel(&hq.store, id), parcel(&a.store, id));
}
