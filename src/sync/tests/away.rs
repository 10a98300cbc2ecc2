//! A depot that was away for too long, or is new: what it lacks comes piece by piece, on any line.

use std::time::Duration;

use super::{
    T, Wire, at, happens, headquarters, joined, noted, parcel, put, registered, same, scanned, turns, work,
};
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::journal::{Cx, reference};
use crate::parcels::event::{HandedOver, ParcelEvent};
use crate::parcels::map_service::{OwnMap, map_id};
use crate::parcels::maps::Map;
use crate::parcels::model::Status;
use crate::store::{DEPOT, StoreError};
use crate::sync::depot::{Budget, Depot, Link, LinkError, SyncError, relog};
use crate::sync::hq::{Hq, Limits, ingest, route, tables};
use crate::sync::sites;
use crate::sync::wire::{Call, State};

const DAY: u64 = 86_400;

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

/// A line that is cut again and again: of so many requests one is lost, or its answer.
struct Cut<'a> {
    line: Wire<'a>,
    each: usize,
    asked: usize,
}

impl Link for Cut<'_> {
    fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError> {
        self.asked += 1;
        let down = || LinkError::Down("cut".into());
        if !self.asked.is_multiple_of(self.each) {
            return self.line.ask(call, token, body);
        }
        if (self.asked / self.each).is_multiple_of(2) {
            self.line.ask(call, token, body)?;
        }
        Err(down())
    }
}

/// Turns on such a line until all is done; the verdicts, and how many turns were cut short.
fn through(hq: &Hq, depot: &mut Depot, s: u64, each: usize) -> (Vec<State>, usize) {
    let mut line = Cut { line: Wire(hq, at(s)), each, asked: 0 };
    let (mut verdicts, mut cuts) = (Vec::new(), 0);
    for _ in 0..400 {
        match depot.turn(&mut line, at(s), &Budget::default()) {
            Ok(turn) => {
                verdicts.extend(turn.verdict);
                if !turn.more {
                    return (verdicts, cuts);
                }
            }
            Err(SyncError::Link(LinkError::Down(_))) => cuts += 1,
            Err(e) => panic!("{e}"),
        }
    }
    panic!("it doesn't get through: {verdicts:?}, {cuts} cuts");
}

/// What headquarters' tidying does once a day, and a depot's.
fn a_day_passes(hq: &Hq, s: u64) {
    for site in hq.store.read(T, sites::all).unwrap() {
        assert!(route::is_due(&site, at(s)), "once a day");
        let n = site.number;
        while put(&hq.store, move |tx| route::retain(tx, n, at(s), 7)) > 0 {}
        put(&hq.store, move |tx| ingest::retain(tx, n, at(s).before(Duration::from_secs(7 * DAY)), 1_000));
        let site = hq.store.read(T, |tx| sites::site(tx, n)).unwrap().unwrap();
        assert!(!route::is_due(&site, at(s + 60)) && site.feed_days.len() <= 31);
    }
}

fn handed(to: u32) -> ParcelEvent {
    ParcelEvent::HandedOver(HandedOver { to, note: None })
}

#[test]
fn a_depot_that_was_away_for_forty_days_gets_its_scope_on_a_line_that_is_cut_again_and_again() {
    let mut hq = headquarters();
    hq.limits = Limits { page: 20, ..Limits::default() };
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    let (mut for_b, mut taken_back, mut of_b) = (Vec::new(), Vec::new(), Vec::new());
    turns(&hq, &mut b, 1);
    for day in 1..=40 {
        let s = day * DAY;
        for n in 0..4 {
            let id = Id::fresh();
            happens(
                &a.store,
                s,
                id,
                vec![registered(&format!("A{day}-{n}")), scanned(Status::AtDepot), handed(nb)],
            );
            for_b.push(id);
        }
        if day % 8 == 0 {
            let id = for_b.remove(0);
            happens(&a.store, s + 1, id, vec![handed(na)]);
            taken_back.push(id);
        }
        turns(&hq, &mut a, s + 10);
        // Cut off it works on, and lets go of what was acknowledged long ago.
        let own = Id::fresh();
        happens(&b.store, s, own, vec![registered(&format!("B{day}")), noted("offline")]);
        of_b.push(own);
        for depot in [&a, &b] {
            put(&depot.store, move |tx| relog::trim(tx, at(s).before(Duration::from_secs(7 * DAY)), 1_000));
        }
        if day == 1 {
            turns(&hq, &mut b, s + 20);
        }
        a_day_passes(&hq, s + 100);
    }
    let floor =
        hq.store.read(T, |tx| Ok::<_, StoreError>(tx.head(DEPOT, tables::own_feed(nb))?.floor)).unwrap();
    assert!(floor > 10, "what it has not seen was let go of: {floor}");
    let (verdicts, cuts) = through(&hq, &mut b, 41 * DAY, 5);
    assert!(cuts > 5 && !verdicts.contains(&State::Resupply), "{verdicts:?}, {cuts} cuts");
    // The verdict itself came in turns that were cut; that it did, and once, headquarters' row shows.
    let site = hq.store.read(T, |tx| sites::site(tx, nb)).unwrap().unwrap();
    assert_eq!(site.seeds, 1, "its feed was begun anew once, however often the line was cut");
    turns(&hq, &mut a, 41 * DAY + 10);
    turns(&hq, &mut b, 41 * DAY + 20);
    for id in &for_b {
        assert_eq!(parcel(&b.store, *id), parcel(&a.store, *id));
        assert!(parcel(&b.store, *id).is_some());
    }
    let lost = taken_back.iter().filter(|id| parcel(&b.store, **id).is_some_and(|p| p.next == Some(nb)));
    assert_eq!(lost.count(), 0, "what was taken back meanwhile is not expected");
    assert!(of_b.iter().all(|id| parcel(&hq.store, *id).is_some_and(|p| p.events == 2)));
    assert_eq!((b.unsent().unwrap(), b.standing().unwrap().offering), (0, None));
    assert!(same(&hq, &a, na) && same(&hq, &b, nb));
    // From here on it is told what is new, and nothing comes twice.
    let id = for_b[3];
    happens(&a.store, 41 * DAY + 30, id, vec![noted("it leaves now")]);
    turns(&hq, &mut a, 41 * DAY + 31);
    let turn = b.turn(&mut Wire(&hq, at(41 * DAY + 40)), at(41 * DAY + 40), &Budget::default()).unwrap();
    assert_eq!((turn.pulled, parcel(&b.store, id).unwrap().events), (1, 4));
}

#[test]
fn a_depot_that_was_away_for_less_is_told_what_it_missed_and_nothing_else() {
    let hq = headquarters();
    let ((mut a, na), (mut b, nb)) = (joined(&hq), joined(&hq));
    turns(&hq, &mut b, 1);
    for day in 1..=29 {
        let s = day * DAY;
        happens(&a.store, s, Id::fresh(), vec![registered(&format!("A{day}")), handed(nb)]);
        turns(&hq, &mut a, s + 10);
        a_day_passes(&hq, s + 100);
    }
    let (verdicts, _) = through(&hq, &mut b, 29 * DAY + 200, 100);
    assert_eq!(verdicts, [State::Ok]);
    assert!(same(&hq, &a, na) && same(&hq, &b, nb));
}

#[test]
fn a_new_depot_gets_what_all_share_on_a_line_that_is_cut_again_and_again() {
    const MAPS: usize = 150;
    let mut hq = headquarters();
    hq.limits = Limits { page: 10, ..Limits::default() };
    put(&hq.store, |tx| {
        let cx = Cx::new(tx, &Actor::system(), at(1), "test")?;
        for n in 0..MAPS {
            let name = format!("carrier {n}");
            let map = OwnMap { map: Map { source: name.clone(), ..Map::default() }, ..OwnMap::default() };
            reference::set(tx, &cx, map_id(&name), Some(map))?;
        }
        Ok(())
    });
    work(&hq, at(2));
    let (mut depot, _) = joined(&hq);
    let (_, cuts) = through(&hq, &mut depot, 10, 4);
    assert!(cuts > 5, "{cuts}");
    for n in 0..MAPS {
        let read =
            |tx: &dyn crate::store::ReadTx| reference::get::<OwnMap>(tx, map_id(&format!("carrier {n}")));
        assert!(depot.store.read(T, read).unwrap().is_some(), "{n}");
    }
}
