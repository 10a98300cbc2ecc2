//! One matter at a time, with real keys: joining, sessions, hand-over, what nobody may do, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use serde_bytes::{ByteArray, ByteBuf};

use super::depot::tables::REJECTS;
use super::depot::{Budget, Depot, Link, LinkError, SyncError, relog};
use super::hq::{Body, Caller, Hq, Limits, apply, proposals, quarantine, route, tables};
use super::keys::{self, DepotKey, Sign};
use super::registry::{Folder, Registry, parcels};
use super::wire::{
    self, Call, Code, Enrol, Enrolled, Log, Offered, Push, Refusal, Resupplied, Resupply, State,
};
use super::{digest, sites};
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::repo::CASES;
use crate::identity::grant::Actor;
use crate::journal::change::{self, Header};
use crate::journal::clock::Origin;
use crate::journal::{Cx, record, reference};
use crate::parcels::event::{HandedOver, Moved, Noted, ParcelEvent, Registered};
use crate::parcels::map_service::{OwnMap, map_id};
use crate::parcels::maps::Map;
use crate::parcels::model::{Parcel, Status};
use crate::parcels::repo::PARCELS;
use crate::store::memory::Memory;
use crate::store::{Dir, Ix, KeyRange, Lane, Store, StoreError, WriteTx};

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
    Hq { store, registry, secret: [9; 32], limits: Limits::default(), verify: keys::verify }
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
fn a_copy_of_a_depot_that_has_not_joined_can_not_join_as_another() {
    let hq = headquarters();
    let (depot, e0) = a_depot();
    join(&hq, &depot, e0);
    let (copy, _) = a_depot();
    let site = put(&hq.store, |tx| sites::add(tx, "b").map_err(|e| StoreError::Corrupt(e.to_string())));
    sites::give_code(&hq.store, T, site.number, "b", at(0)).unwrap();
    assert_eq!(enrol(&hq, &ask_to_join(&copy, e0, "b"), at(1)).unwrap_err().e, Code::Scope);
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
fn a_parcel_leaves_one_depot_is_expected_at_the_next_and_scanned_there() {
    let hq = headquarters();
    let ((mut a, na), (mut b, nb), (mut c, _)) = (joined(&hq), joined(&hq), joined(&hq));
    let id = Id::fresh();
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot)]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 2);
    assert_eq!(parcel(&b.store, id), None, "not its business yet");
    let leaves = vec![scanned(Status::InTransit), ParcelEvent::HandedOver(HandedOver { to: nb, note: None })];
    happens(&a.store, 10, id, leaves);
    turns(&hq, &mut a, 11);
    turns(&hq, &mut b, 12);
    let expected = parcel(&b.store, id).unwrap();
    assert_eq!((expected.next, expected.custody.map(|s| s.site), expected.events), (Some(nb), Some(na), 4));
    happens(&b.store, 20, id, vec![scanned(Status::AtDepot)]);
    turns(&hq, &mut b, 21);
    turns(&hq, &mut a, 22);
    turns(&hq, &mut c, 22);
    let there = parcel(&a.store, id).unwrap();
    assert_eq!((there.next, there.custody.map(|s| s.site), there.status), (None, Some(nb), Status::AtDepot));
    assert_eq!((parcel(&c.store, id), parcel(&b.store, id)), (None, Some(there)));
    assert!(same(&hq, &a, na) && same(&hq, &b, nb));
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

#[test]
fn a_depot_can_not_write_as_another_nor_to_what_is_none_of_its_business() {
    let hq = headquarters();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let id = Id::fresh();
    happens(&a.store, 1, id, vec![registered("RR1")]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 2);
    let before = parcel(&hq.store, id).unwrap();
    let (who, theirs) = (caller(&hq, nb), caller(&hq, na));
    let as_another = made(na, theirs.epoch, id, 3, &noted("I am you"));
    let others_epoch = made(nb, theirs.epoch, id, 3, &noted("your epoch"));
    let not_mine = made(nb, who.epoch, id, 3, &noted("yours"));
    let future = made(nb, who.epoch, Id::fresh(), 99, &registered("RR2"));
    let all = vec![as_another, others_epoch, not_mine.clone(), future];
    serve::<_, wire::Pushed>(&hq, who, Call::Push, &push_of(who, all, 3), 3).unwrap();
    work(&hq, at(4));
    assert_eq!(parcel(&hq.store, id).unwrap(), before);
    let mut codes: Vec<_> = hq.store.read(T, |tx| quarantine::list(tx, None, 9)).unwrap().0;
    codes.sort_by(|x, y| x.value.code.cmp(&y.value.code));
    let codes: Vec<_> = codes.iter().map(|e| e.value.code.as_str()).collect();
    assert_eq!(codes, ["origin", "origin", "scope", "stamp"]);
    // What was out of scope is taken in once the parcel is handed over.
    happens(&a.store, 10, id, vec![ParcelEvent::HandedOver(HandedOver { to: nb, note: None })]);
    turns(&hq, &mut a, 11);
    assert_eq!(parcel(&hq.store, id).unwrap().notes_count, 1);
    let left = hq.store.read(T, |tx| tables::QUARANTINE.get(tx, &change::eid(&not_mine))).unwrap();
    assert_eq!(left, None);
}

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

#[test]
fn a_push_is_held_against_its_chain_its_epoch_and_the_limits() {
    let hq = headquarters();
    let (_, site) = joined(&hq);
    let who = caller(&hq, site);
    let blob = |n: u8| made(site, who.epoch, Id([n; 16]), 1, &registered("RR1"));
    let pushed = |push: &Push| serve::<_, wire::Pushed>(&hq, who, Call::Push, push, 5);
    let first = push_of(who, vec![blob(1), blob(2)], 1);
    let said = pushed(&first).unwrap();
    assert_eq!((said.ack, pushed(&first).unwrap()), (2, said), "the same once more is no harm");
    let code = |push: &Push| pushed(push).unwrap_err().e;
    assert_eq!(code(&Push { from: 4, ..first.clone() }), Code::Gap);
    assert_eq!(code(&Push { from: 3, ..first.clone() }), Code::Fork);
    assert_eq!(code(&push_of(who, vec![blob(1), blob(3)], 1)), Code::Fork);
    assert_eq!(code(&Push { ep: 1, ..first.clone() }), Code::Stale);
    assert_eq!(code(&push_of(who, vec![blob(1); 501], 1)), Code::TooBig);
    assert_eq!(code(&push_of(who, vec![vec![0; wire::MAX_BLOB + 1]], 1)), Code::TooBig);
    assert_eq!(code(&push_of(who, Vec::new(), 1)), Code::Malformed);
    assert_eq!(code(&push_of(who, vec![blob(1)], 606)), Code::Clock);
    let next = Push { from: 2, h0: ByteArray::new(change::link(&[0; 16], &change::eid(&blob(1)))), ..first };
    assert_eq!(
        pushed(&Push { ch: vec![ByteBuf::from(blob(2)), ByteBuf::from(blob(3))], ..next }).unwrap().ack,
        3
    );
    work(&hq, at(6));
    let known = |n| parcel(&hq.store, Id([n; 16])).is_some_and(|p| p.events == 1);
    assert!(known(1) && known(2) && known(3), "each once, overlaps or not");
}

#[test]
fn what_headquarters_can_not_fold_is_set_aside_told_and_taken_in_when_it_can() {
    let mut hq = headquarters();
    let all = hq.registry.clone();
    hq.registry = Registry::new(vec![Folder { kinds: 1..=4, ..parcels() }]);
    let (mut depot, site) = joined(&hq);
    let id = Id::fresh();
    happens(&depot.store, 1, id, vec![registered("RR1"), noted("kind 5"), scanned(Status::AtDepot)]);
    turns(&hq, &mut depot, 2);
    assert_eq!(parcel(&hq.store, id).unwrap().events, 2, "what stands behind it went on");
    let rejects = depot.store.read(T, |tx| REJECTS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 9));
    let rejects = rejects.unwrap().items;
    assert_eq!((rejects.len(), rejects[0].value.code.as_str()), (1, "kind"));
    assert!(same(&hq, &depot, site), "what was refused is left out on both sides");
    hq.registry = all;
    let eid: [u8; 16] = rejects[0].pk.clone().try_into().unwrap();
    assert!(quarantine::requeue(&hq, T, &eid, at(20)).unwrap());
    work(&hq, at(20));
    turns(&hq, &mut depot, 21);
    assert_eq!(parcel(&hq.store, id).unwrap().events, 3);
    assert_eq!(depot.store.read(T, |tx| REJECTS.get(tx, &eid)).unwrap(), None);
    assert_eq!(hq.store.read(T, quarantine::count).unwrap(), 0);
    assert!(same(&hq, &depot, site));
}

#[test]
fn two_copies_that_are_alive_are_stopped_until_a_person_decides() {
    let hq = headquarters();
    let (mut depot, e0) = {
        let memory = Memory::default();
        let store = Store::new(memory);
        let origin = put(&store, |tx| {
            let origin = Origin::load(tx)?;
            origin.save(tx)?;
            Ok(origin)
        });
        let key = Arc::new(DepotKey::fresh().unwrap());
        (Depot::new(store, T, Registry::standard(), key, "0.2"), origin.first)
    };
    let site = join(&hq, &depot, e0);
    turns(&hq, &mut depot, 1);
    let mut verdicts = Vec::new();
    for n in 0..4 {
        happens(&depot.store, 10 + n, Id::fresh(), vec![registered("RR1")]);
        if n == 1 {
            turns(&hq, &mut depot, 10 + n);
        }
        // As another copy would: headquarters gave the epoch away.
        put(&hq.store, move |tx| {
            let mut row = sites::site(tx, site)?.unwrap();
            row.epoch = sites::new_epoch(tx, site, at(10 + n))?;
            sites::keep(tx, &row)
        });
        let ask = depot.shown(at(20 + n)).unwrap();
        let answer = super::hq::session::open(&hq, T, &ask, at(20 + n)).unwrap();
        verdicts.push(depot.obey(&mut Wire(&hq, at(20 + n)), &answer, at(20 + n)).unwrap());
    }
    assert_eq!(verdicts, [State::Rejoin, State::Rejoin, State::Rejoin, State::Hold]);
    // The audit of all lives is read as one, and holds together.
    relog::reissue(&depot).unwrap();
    let (seen, _) =
        depot.store.read(T, |tx| audit::queries::list(tx, &Default::default(), None, 99)).unwrap();
    let places: Vec<_> = seen.iter().map(|n| n.seq).collect();
    assert_eq!(places, [4, 3, 2, 1]);
    let verified = depot.store.read(T, audit::verify).unwrap();
    assert_eq!((verified.entries, verified.broken_at), (4, None));
    let standing = depot.standing().unwrap();
    assert!(standing.hold_until.is_some_and(|t| t > at(80_000)));
    assert!(standing.trouble.unwrap().contains("two copies"));
    put(&hq.store, move |tx| super::hq::session::release(tx, site));
    let ask = depot.shown(at(30)).unwrap();
    assert_eq!(super::hq::session::open(&hq, T, &ask, at(30)).unwrap().st, State::Rejoin);
}

#[test]
fn one_number_told_by_two_depots_is_two_parcels_and_a_case() {
    let hq = headquarters();
    let ((mut a, _), (mut b, _)) = (joined(&hq), joined(&hq));
    let (ours, theirs) = (Id::fresh(), Id::fresh());
    happens(&a.store, 1, ours, vec![registered("RR1")]);
    happens(&b.store, 2, theirs, vec![registered("RR1")]);
    turns(&hq, &mut a, 3);
    turns(&hq, &mut b, 3);
    assert!(parcel(&hq.store, ours).is_some() && parcel(&hq.store, theirs).is_some());
    let cases =
        hq.store.read(T, |tx| CASES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 9)).unwrap().items;
    assert_eq!(cases.len(), 1);
    let case = &cases[0].value.state;
    assert_eq!(case.subject.id, ours.min(theirs));
    assert!(case.detail.contains(&ours.max(theirs).to_string()), "{}", case.detail);
}

fn map(name: &str) -> OwnMap {
    OwnMap { map: Map { source: name.into(), ..Map::default() }, ..OwnMap::default() }
}

#[test]
fn what_headquarters_owns_comes_to_every_depot_and_a_depots_wish_waits_for_its_word() {
    let hq = headquarters();
    let ((mut a, _), (mut b, _)) = (joined(&hq), joined(&hq));
    let set = |store: &Store, s, name: &'static str| {
        put(store, move |tx| {
            let cx = Cx::new(tx, &Actor::system(), at(s), "test")?;
            reference::set::<OwnMap>(tx, &cx, map_id("dpd"), Some(map(name))).map(drop)
        });
    };
    let has = |store: &Store| {
        let read = store.read(T, |tx| reference::get::<OwnMap>(tx, map_id("dpd"))).unwrap();
        read.map(|(m, _)| m.map.source).unwrap_or_default()
    };
    set(&hq.store, 1, "headquarters");
    work(&hq, at(1));
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 2);
    assert_eq!((has(&a.store), has(&b.store)), ("headquarters".into(), "headquarters".into()));
    let propose = |a: &mut Depot, s, name| {
        set(&a.store, s, name);
        turns(&hq, a, s + 1);
        let (all, _) = hq.store.read(T, |tx| proposals::list(tx, None, 9)).unwrap();
        assert_eq!((all.len(), has(&hq.store)), (1, "headquarters".into()), "it waits");
        <[u8; 16]>::try_from(all[0].pk.clone()).unwrap()
    };
    let settle = |eid, s, word| {
        let registry = hq.registry.clone();
        let done = put(&hq.store, move |tx| {
            let cx = Cx::new(tx, &Actor::system(), at(s), "test")?;
            proposals::settle(tx, &cx, &registry, &eid, word)
        });
        work(&hq, at(s));
        done
    };
    let eid = propose(&mut a, 10, "no");
    assert!(settle(eid, 20, proposals::Word::Decline) && !settle(eid, 20, proposals::Word::Decline));
    turns(&hq, &mut a, 21);
    assert_eq!(has(&a.store), "headquarters", "it went back to what holds");
    let eid = propose(&mut a, 30, "yes");
    assert!(settle(eid, 40, proposals::Word::Accept));
    turns(&hq, &mut a, 41);
    turns(&hq, &mut b, 41);
    assert_eq!([has(&hq.store), has(&a.store), has(&b.store)], ["yes", "yes", "yes"]);
}

#[test]
fn a_clock_that_runs_a_year_ahead_is_put_right_and_the_order_stays() {
    const YEAR: u64 = 365 * 86_400;
    let hq = headquarters();
    let (mut depot, site) = joined(&hq);
    turns(&hq, &mut depot, 1);
    let id = Id::fresh();
    happens(&depot.store, YEAR, id, vec![registered("RR1"), scanned(Status::AtDepot)]);
    happens(&depot.store, YEAR + 60, id, vec![scanned(Status::OutForDelivery), scanned(Status::Delivered)]);
    for n in 0..4 {
        depot.turn(&mut Wire(&hq, at(100 + n)), at(YEAR + 100 + n), &Budget::default()).unwrap();
    }
    let theirs = parcel(&hq.store, id).unwrap();
    assert_eq!((theirs.status, theirs.issues.len()), (Status::Delivered, 0));
    assert!(theirs.updated_at <= at(103) && theirs.created_at >= at(0), "{theirs:?}");
    assert_eq!(parcel(&depot.store, id).unwrap(), theirs);
    assert!(same(&hq, &depot, site));
    // Its clock is still wrong; what it stamps from now on is right.
    happens(&depot.store, YEAR + 200, id, vec![noted("later")]);
    assert!(parcel(&depot.store, id).unwrap().updated_at <= at(210));
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
fn a_body_that_is_too_big_goes_in_smaller_parts() {
    struct Narrow<'a>(Wire<'a>, usize);
    impl Link for Narrow<'_> {
        fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError> {
            if call == Call::Push {
                let push: Push = wire::decode(body).unwrap();
                if push.ch.len() > 3 {
                    self.1 += 1;
                    return Err(Refusal::new(Code::TooBig).into());
                }
            }
            self.0.ask(call, token, body)
        }
    }
    let hq = headquarters();
    let (mut depot, _) = joined(&hq);
    for n in 0..20 {
        happens(&depot.store, 1, Id([n; 16]), vec![registered("RR1")]);
    }
    let mut link = Narrow(Wire(&hq, at(2)), 0);
    depot.turn(&mut link, at(2), &Budget::default()).unwrap();
    assert_eq!(depot.unsent().unwrap(), 0);
    assert!(link.1 < 30, "{} refusals", link.1);
}

#[test]
fn a_depot_that_has_not_joined_says_so() {
    let (mut depot, _) = a_depot();
    let hq = headquarters();
    let done = depot.turn(&mut Wire(&hq, at(1)), at(1), &Budget::default());
    assert!(matches!(done, Err(SyncError::Unenrolled)));
}

/// Headquarters accepts a change with one shift, and then hears it again with a smaller one; whether the first holds.
fn the_first_holds() -> bool {
    let hq = headquarters();
    let (_, site) = joined(&hq);
    let (who, id) = (caller(&hq, site), Id::fresh());
    let blob = made(site, who.epoch, id, 100, &registered("RR1"));
    let mut first = push_of(who, vec![blob.clone()], 100);
    first.adj = vec![wire::Shift(1, 1, -5_000)];
    serve::<_, wire::Pushed>(&hq, who, Call::Push, &first, 100).unwrap();
    work(&hq, at(100));
    let before = parcel(&hq.store, id).unwrap();
    assert_eq!(before.created_at, at(95));
    // A copy of the depot that knew no better comes in a new log.
    let epoch = put(&hq.store, move |tx| {
        let mut row = sites::site(tx, site)?.unwrap();
        row.epoch = sites::new_epoch(tx, site, at(101))?;
        sites::keep(tx, &row)?;
        Ok(row.epoch)
    });
    let who = Caller { epoch, ..who };
    let mut again = push_of(who, vec![blob], 100);
    again.adj = vec![wire::Shift(1, 1, -9_000)];
    serve::<_, wire::Pushed>(&hq, who, Call::Push, &again, 102).unwrap();
    work(&hq, at(102));
    parcel(&hq.store, id).unwrap() == before
}

#[test]
fn the_first_shift_that_is_accepted_holds_whoever_comes_later() {
    assert!(the_first_holds());
    super::mutants::take_away(Some(super::mutants::Mutant::LeastShift));
    assert!(!the_first_holds(), "the loss of this safeguard shows");
    super::mutants::take_away(None);
}

#[test]
fn over_the_embedded_engine_it_is_the_same_and_a_check_finds_nothing() {
    use crate::store::check;
    use crate::store::redb::Redb;
    let mut hq = headquarters();
    hq.store = Store::new(Redb::memory().unwrap());
    put(&hq.store, |tx| sites::found(tx, at(0)));
    let (mut depot, e0) = a_depot();
    depot.store = Store::new(Redb::memory().unwrap());
    put(&depot.store, move |tx| {
        Origin { site: u32::MAX, epoch: e0, last: 0, first: e0, skew: 0, lives: Vec::new() }.save(tx)
    });
    let ids: Vec<Id> = (0..40).map(|_| Id::fresh()).collect();
    for (n, id) in ids.iter().enumerate() {
        happens(&depot.store, 1, *id, vec![registered(&format!("RR{n}")), scanned(Status::AtDepot)]);
    }
    let site = join(&hq, &depot, e0);
    turns(&hq, &mut depot, 10);
    for id in &ids {
        happens(&depot.store, 20, *id, vec![scanned(Status::Delivered)]);
    }
    turns(&hq, &mut depot, 30);
    assert!(same(&hq, &depot, site) && depot.unsent().unwrap() == 0);
    put(&depot.store, |tx| relog::trim(tx, at(1_000_000), 1000));
    let hooks = check::Hooks { chain: Some(&crate::journal::log::chained), ..check::Hooks::default() };
    for store in [&hq.store, &depot.store] {
        let report = check::run_with(store, &crate::app::house::tables(), hooks).unwrap();
        assert!(report.is_clean(), "{:?}", report.faults);
    }
}

#[test]
fn a_difference_is_named_by_its_bucket() {
    let hq = headquarters();
    let (mut depot, site) = joined(&hq);
    let id = Id::fresh();
    happens(&depot.store, 1, id, vec![registered("RR1")]);
    happens(&depot.store, 1, Id::fresh(), vec![registered("RR2")]);
    turns(&hq, &mut depot, 2);
    assert!(same(&hq, &depot, site));
    put(&hq.store, move |tx| {
        let mut row = PARCELS.get(tx, &id)?.unwrap();
        row.state.status = Status::Lost;
        PARCELS.put(tx, &id, &row).map(drop)
    });
    let ours = digest::of_depot(&depot.store, T, &depot.registry, &Default::default()).unwrap();
    let who = caller(&hq, site);
    let theirs = serve(&hq, who, Call::Digest, &wire::DigestAsk::default(), 5).unwrap();
    assert_eq!(digest::differing(&ours, &theirs), [digest::bucket_of(id)]);
}

#[test]
fn a_depot_that_was_away_for_too_long_gets_its_scope_anew() {
    let hq = headquarters();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let ids: Vec<Id> = (0..30).map(|_| Id::fresh()).collect();
    for id in &ids {
        let sent = ParcelEvent::HandedOver(HandedOver { to: nb, note: None });
        happens(&a.store, 1, *id, vec![registered("RR1"), scanned(Status::AtDepot), sent]);
    }
    turns(&hq, &mut a, 2);
    put(&hq.store, move |tx| {
        let last = tx.head(crate::store::DEPOT, tables::own_feed(nb))?.last;
        route::trim(tx, nb, last, 1000)
    });
    let begun = b.turn(&mut Wire(&hq, at(5)), at(5), &Budget::default()).unwrap();
    assert_eq!(begun.verdict, Some(State::Snapshot));
    turns(&hq, &mut b, 6);
    assert!(ids.iter().all(|id| parcel(&b.store, *id).is_some_and(|p| p.events == 3)));
    assert!(same(&hq, &a, na) && same(&hq, &b, nb));
}

#[test]
fn only_the_depot_that_has_a_parcel_lets_its_deadline_fire() {
    use crate::parcels::model::Flag;
    use crate::parcels::service::fire_stale;
    let hq = headquarters();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let id = Id::fresh();
    let sent = ParcelEvent::HandedOver(HandedOver { to: nb, note: None });
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot), sent]);
    turns(&hq, &mut a, 2);
    turns(&hq, &mut b, 3);
    let late = at(400 * 86_400);
    for store in [&hq.store, &b.store] {
        while fire_stale(store, T, late).unwrap() > 0 {}
        assert!(!parcel(store, id).unwrap().flags.has(Flag::Stale));
    }
    while fire_stale(&a.store, T, late).unwrap() > 0 {}
    assert!(parcel(&a.store, id).unwrap().flags.has(Flag::Stale));
    for n in 0..2 {
        let now = late.after(Duration::from_secs(10 + n));
        a.turn(&mut Wire(&hq, now), now, &Budget::default()).unwrap();
        b.turn(&mut Wire(&hq, now), now, &Budget::default()).unwrap();
    }
    assert_eq!(parcel(&b.store, id), parcel(&a.store, id), "everybody else hears of it");
    assert!(same(&hq, &a, na) && same(&hq, &b, nb));
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
