//! Who may write what, and who acts.

use std::time::Duration;

use super::{
    T, Wire, at, caller, happens, headquarters, joined, made, map, noted, parcel, push_of, put, registered,
    same, scanned, serve, turns, work,
};
use crate::base::ids::Id;
use crate::cases::event::CaseEvent;
use crate::cases::model::{About, Case};
use crate::cases::reasons::Reason;
use crate::cases::repo::CASES;
use crate::cases::{rules, worker};
use crate::identity::grant::Actor;
use crate::journal::{Aggregate, Cx, change, record, reference};
use crate::parcels::event::{HandedOver, ParcelEvent};
use crate::parcels::map_service::{OwnMap, map_id};
use crate::parcels::model::{Parcel, Status};
use crate::parcels::repo::PARCELS;
use crate::parcels::service::keeper_of_case;
use crate::store::{Dir, Ix, KeyRange, Store};
use crate::sync::depot::{Budget, Depot};
use crate::sync::hq::{proposals, quarantine, tables};
use crate::sync::wire;
use crate::sync::wire::Call;

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

/// A person opens a case about a parcel and writes a note.
fn case_about(store: &Store, s: u64, parcel: Id) -> Id {
    put(store, move |tx| {
        let cx = Cx::new(tx, &Actor::system(), at(s), "test")?;
        let clock = rules::clock_by(&cx.policy, Reason::Damaged, at(s));
        let about = About { kind: Parcel::NAME.into(), id: parcel, label: "RR1".into(), distributor: None };
        let opened = CaseEvent::Opened {
            subject: about,
            reason: Reason::Damaged,
            detail: "wet".into(),
            at: at(s),
            clock,
        };
        let noted = CaseEvent::Noted { text: "one corner".into() };
        let id = Id::fresh();
        record::<Case>(tx, &cx, id, None, vec![opened, noted])?;
        Ok(id)
    })
}

fn case(store: &Store, id: Id) -> Option<Case> {
    store.read(T, |tx| CASES.get(tx, &id)).unwrap().map(|r| r.state)
}

fn escalated(store: &Store, s: u64, id: Id) -> u8 {
    while worker::fire(store, T, at(s), worker::AT_ONCE, keeper_of_case).unwrap() == worker::AT_ONCE {}
    case(store, id).map_or(0, |c| c.level)
}

#[test]
fn a_case_goes_where_its_parcel_goes_and_escalates_there_alone() {
    const LATE: u64 = 30 * 86_400;
    let hq = headquarters();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let id = Id::fresh();
    happens(&a.store, 1, id, vec![registered("RR1"), scanned(Status::AtDepot)]);
    let open = case_about(&a.store, 2, id);
    turns(&hq, &mut a, 3);
    turns(&hq, &mut b, 8);
    assert_eq!((case(&hq.store, open), case(&b.store, open)), (case(&a.store, open), None));
    assert_eq!(case(&hq.store, open).unwrap().notes_count, 1);
    // Handed over: the other depot gets the parcel and what people did about it.
    happens(&a.store, 20, id, vec![ParcelEvent::HandedOver(HandedOver { to: nb, note: None })]);
    turns(&hq, &mut a, 21);
    turns(&hq, &mut b, 26);
    assert_eq!(case(&b.store, open), case(&a.store, open));
    // It is on its way: who has it acts, neither headquarters nor who expects it.
    assert_eq!([escalated(&hq.store, LATE, open), escalated(&b.store, LATE, open)], [0, 0]);
    happens(&b.store, LATE, id, vec![scanned(Status::AtDepot)]);
    turns(&hq, &mut b, LATE + 1);
    turns(&hq, &mut a, LATE + 6);
    // Now it is with the other one. Looked at within the hour, it escalates there, once, and all hear of it.
    assert_eq!([escalated(&a.store, LATE + 10, open), escalated(&hq.store, LATE + 4000, open)], [0, 0]);
    let level = escalated(&b.store, LATE + 4000, open);
    assert!(level > 0);
    turns(&hq, &mut b, LATE + 4001);
    turns(&hq, &mut a, LATE + 4006);
    assert_eq!(case(&hq.store, open).unwrap().level, level);
    let steps = |store: &Store| store.read(T, |tx| CASES.get(tx, &open)).unwrap().unwrap().line.n;
    assert_eq!([steps(&a.store), steps(&b.store), steps(&hq.store)], [3, 3, 3]);
    assert!(same(&hq, &a, na) && same(&hq, &b, nb));
}

#[test]
fn a_case_about_no_parcel_escalates_where_it_was_opened_alone() {
    let hq = headquarters();
    let (mut a, _) = joined(&hq);
    let open = case_about(&a.store, 2, Id::NIL);
    turns(&hq, &mut a, 3);
    assert_eq!(case(&hq.store, open), case(&a.store, open));
    assert_eq!(escalated(&hq.store, 30 * 86_400, open), 0);
    assert!(escalated(&a.store, 30 * 86_400, open) > 0);
}

#[test]
fn what_headquarters_alone_found_it_escalates_itself() {
    let hq = headquarters();
    let ((mut a, _), (mut b, _)) = (joined(&hq), joined(&hq));
    happens(&a.store, 1, Id::fresh(), vec![registered("RR1"), scanned(Status::AtDepot)]);
    happens(&b.store, 2, Id::fresh(), vec![registered("RR1"), scanned(Status::AtDepot)]);
    turns(&hq, &mut a, 3);
    turns(&hq, &mut b, 3);
    let cases = hq.store.read(T, |tx| CASES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 9)).unwrap();
    let found = &cases.items[0].value.state;
    assert_eq!(found.reason, Reason::Duplicate);
    assert!(escalated(&hq.store, 30 * 86_400, found.id.0) > 0);
}

#[test]
fn a_wish_written_by_a_clock_that_runs_ahead_is_declined_all_the_same() {
    let hq = headquarters();
    let (mut a, _) = joined(&hq);
    let set = |store: &Store, s, name: &'static str| {
        put(store, move |tx| {
            let cx = Cx::new(tx, &Actor::system(), at(s), "test")?;
            reference::set::<OwnMap>(tx, &cx, map_id("dpd"), Some(map(name))).map(drop)
        });
    };
    set(&hq.store, 1, "headquarters");
    turns(&hq, &mut a, 2);
    // Nine minutes ahead: not enough to be shifted.
    set(&a.store, 10 + 540, "wish");
    turns(&hq, &mut a, 11);
    let (all, _) = hq.store.read(T, |tx| proposals::list(tx, None, 9)).unwrap();
    let (eid, registry) = (<[u8; 16]>::try_from(all[0].pk.clone()).unwrap(), hq.registry.clone());
    put(&hq.store, move |tx| {
        let cx = Cx::new(tx, &Actor::system(), at(20), "test")?;
        proposals::settle(tx, &cx, &registry, &eid, proposals::Word::Decline)
    });
    work(&hq, at(21));
    turns(&hq, &mut a, 22);
    let read = a.store.read(T, |tx| reference::get::<OwnMap>(tx, map_id("dpd"))).unwrap();
    assert_eq!(read.unwrap().0.map.source, "headquarters");
}

#[test]
fn who_did_something_at_a_depot_headquarters_can_name() {
    let hq = headquarters();
    let (mut a, _) = joined(&hq);
    let (id, ana) = (Id::fresh(), Actor { user: Id([7; 16]), number: 12, name: "Ana".into(), device: None });
    put(&a.store, move |tx| {
        let cx = Cx::new(tx, &ana, at(1), "test")?;
        record::<Parcel>(tx, &cx, id, None, vec![registered("RR1")]).map(drop)
    });
    turns(&hq, &mut a, 2);
    let told =
        hq.store.read(T, |tx| tables::TOLD.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 9)).unwrap();
    let (header, body) = change::decode(&told.items[0].value.blob).unwrap();
    let body: crate::audit::Body = rmp_serde::from_slice(&body).unwrap();
    // The number in a change means something at its own site alone; its audit, which goes the same way, has the name.
    let line = hq.store.read(T, |tx| PARCELS.get(tx, &id)).unwrap().unwrap().line;
    assert_eq!((header.u, body.by.as_str(), body.ev.map(|e| *e)), (12, "Ana", Some(line.last.eid)));
}
