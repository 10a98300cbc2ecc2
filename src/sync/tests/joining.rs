//! Joining, sessions, and what was there before.

use std::sync::Arc;

use super::{
    T, Wire, a_depot, ask_to_join, at, enrol, happens, headquarters, join, joined, map, parcel, put,
    registered, same, scanned, turns, work,
};
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::journal::{Cx, reference};
use crate::parcels::map_service::{OwnMap, map_id};
use crate::parcels::model::Status;
use crate::store::memory::Memory;
use crate::store::{Dir, Ix, KeyRange, Store, StoreError};
use crate::sync::depot::{Budget, Depot, LinkError, SyncError, relog};
use crate::sync::hq::tables;
use crate::sync::keys::{DepotKey, Sign};
use crate::sync::registry::Registry;
use crate::sync::sites;
use crate::sync::wire::{Code, Enrol};

#[test]
fn a_code_lets_one_key_in_once_and_for_a_day() {
    let hq = headquarters();
    let (depot, e0) = a_depot();
    let site = put(&hq.store, |tx| sites::add(tx, "a").map_err(|e| StoreError::Corrupt(e.to_string())));
    sites::give_code(&hq.store, T, site.number, "abc", at(0)).unwrap();
    let refused = |ask: &Enrol, s| enrol(&hq, ask, at(s)).unwrap_err().e;
    assert_eq!(refused(&ask_to_join(&depot, e0, "xyz"), 1), Code::Code);
    assert_eq!(refused(&ask_to_join(&depot, e0, "abc"), 24 * 3600), Code::Code);
    let first = enrol(&hq, &ask_to_join(&depot, e0, "abc"), at(2)).unwrap();
    let again = enrol(&hq, &ask_to_join(&depot, e0, "abc"), at(3)).unwrap();
    assert_eq!((first.site, first.ep), (again.site, again.ep), "the answer was lost: the same comes again");
    let (other, e1) = a_depot();
    assert_eq!(refused(&ask_to_join(&other, e1, "abc"), 4), Code::Code);
}

#[test]
fn only_the_key_that_joined_opens_a_session_and_only_until_it_is_taken_away() {
    let hq = headquarters();
    let (mut depot, site) = joined(&hq);
    turns(&hq, &mut depot, 1);
    let wrong = Arc::new(DepotKey::fresh().unwrap());
    let mut thief = Depot::new(depot.store.clone(), T, Registry::standard(), wrong, "0.2");
    let refused = |e: Result<_, SyncError>| match e {
        Err(SyncError::Link(LinkError::Refused(r))) => r.e,
        other => panic!("{other:?}"),
    };
    let go = |depot: &mut Depot, s| depot.turn(&mut Wire(&hq, at(s)), at(s), &Budget::default());
    assert_eq!(refused(go(&mut thief, 10)), Code::Scope);
    // The right name of the key, another's signature.
    struct Forger(DepotKey, [u8; 32]);
    impl Sign for Forger {
        fn public(&self) -> [u8; 32] {
            self.1
        }
        fn sign(&self, message: &[u8]) -> [u8; 64] {
            self.0.sign(message)
        }
    }
    let forger = Arc::new(Forger(DepotKey::fresh().unwrap(), depot.key.public()));
    let mut thief = Depot::new(depot.store.clone(), T, Registry::standard(), forger, "0.2");
    assert_eq!(refused(go(&mut thief, 11)), Code::Scope);
    assert!(go(&mut depot, 12).is_ok());
    sites::revoke(&hq.store, T, site).unwrap();
    assert_eq!(refused(go(&mut depot, 13)), Code::Scope);
    assert_eq!(refused(go(&mut depot, 14)), Code::Scope);
}

#[test]
fn a_depot_that_joins_anew_with_another_key_makes_the_first_one_worthless() {
    let hq = headquarters();
    let (mut depot, e0) = a_depot();
    let site = join(&hq, &depot, e0);
    turns(&hq, &mut depot, 1);
    sites::give_code(&hq.store, T, site, "again", at(5)).unwrap();
    let fresh = Arc::new(DepotKey::fresh().unwrap());
    let mut anew = Depot::new(depot.store.clone(), T, Registry::standard(), fresh, "0.2");
    let said = enrol(&hq, &ask_to_join(&anew, e0, "again"), at(6)).unwrap();
    put(&anew.store, move |tx| relog::joined(tx, &said));
    let mut old = Depot::new(depot.store.clone(), T, Registry::standard(), depot.key.clone(), "0.2");
    let refused = old.turn(&mut Wire(&hq, at(7)), at(7), &Budget::default());
    assert!(matches!(refused, Err(SyncError::Link(LinkError::Refused(r))) if r.e == Code::Scope));
    turns(&hq, &mut anew, 8);
}

#[test]
fn what_was_done_before_joining_is_pushed_and_belongs_to_the_new_number() {
    let hq = headquarters();
    let (mut depot, e0) = a_depot();
    let id = Id::fresh();
    happens(&depot.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot)]);
    let site = join(&hq, &depot, e0);
    assert!(depot.unsent().unwrap() > 0);
    turns(&hq, &mut depot, 10);
    assert_eq!(depot.unsent().unwrap(), 0);
    let theirs = parcel(&hq.store, id).unwrap();
    assert_eq!(theirs, parcel(&depot.store, id).unwrap());
    assert_eq!(hq.store.read(T, |tx| sites::number_of(tx, theirs.custody.unwrap())).unwrap(), Some(site));
    assert!(same(&hq, &depot, site));
    let audit = hq.store.read(T, |tx| tables::TOLD.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 9));
    assert_eq!(audit.unwrap().items.len(), 1, "its audit came too");
}

#[test]
fn what_headquarters_set_before_it_was_one_comes_to_depots_too() {
    let mut hq = headquarters();
    hq.store = Store::new(Memory::default());
    put(&hq.store, |tx| {
        let cx = Cx::new(tx, &Actor::system(), at(0), "test")?;
        reference::set::<OwnMap>(tx, &cx, map_id("dpd"), Some(map("early"))).map(drop)
    });
    put(&hq.store, |tx| sites::found(tx, at(1)));
    let (mut depot, _) = joined(&hq);
    work(&hq, at(2));
    turns(&hq, &mut depot, 3);
    let read = depot.store.read(T, |tx| reference::get::<OwnMap>(tx, map_id("dpd"))).unwrap();
    assert_eq!(read.unwrap().0.map.source, "early");
}

#[test]
fn a_depot_that_has_not_joined_says_so() {
    let (mut depot, _) = a_depot();
    let hq = headquarters();
    let done = depot.turn(&mut Wire(&hq, at(1)), at(1), &Budget::default());
    assert!(matches!(done, Err(SyncError::Unenrolled)));
}
