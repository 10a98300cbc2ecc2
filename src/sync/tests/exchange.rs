//! What goes to and fro: hand-over, chains, copies, clocks, what can not be folded.

use std::sync::Arc;

use serde_bytes::{ByteArray, ByteBuf};

use super::{
    T, Wire, a_depot, at, caller, happens, headquarters, join, joined, made, noted, parcel, push_of, put,
    registered, same, scanned, serve, turns, work,
};
use crate::audit;
use crate::base::ids::Id;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::parcels::event::{HandedOver, ParcelEvent};
use crate::parcels::model::Status;
use crate::parcels::repo::PARCELS;
use crate::store::memory::Memory;
use crate::store::{Dir, Ix, KeyRange, Store};
use crate::sync::depot::tables::REJECTS;
use crate::sync::depot::{Budget, Depot, Link, LinkError, relog};
use crate::sync::hq::{Caller, quarantine};
use crate::sync::keys::DepotKey;
use crate::sync::registry::{Folder, Registry, parcels};
use crate::sync::wire::{Call, Code, Push, Refusal, State};
use crate::sync::{digest, sites, wire};

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
        let answer = crate::sync::hq::session::open(&hq, T, &ask, at(20 + n)).unwrap();
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
    put(&hq.store, move |tx| crate::sync::hq::session::release(tx, site));
    let ask = depot.shown(at(30)).unwrap();
    assert_eq!(crate::sync::hq::session::open(&hq, T, &ask, at(30)).unwrap().st, State::Rejoin);
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
    crate::sync::mutants::take_away(Some(crate::sync::mutants::Mutant::LeastShift));
    assert!(!the_first_holds(), "the loss of this safeguard shows");
    crate::sync::mutants::take_away(None);
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
fn a_turn_pushes_no_batch_more_than_its_bytes_allow() {
    let hq = headquarters();
    let (mut depot, _) = joined(&hq);
    turns(&hq, &mut depot, 1);
    depot.most = 10;
    for n in 0..40 {
        happens(&depot.store, 2, Id([n; 16]), vec![registered("RR1")]);
    }
    let first = depot.batch(wire::Log::B).unwrap().unwrap();
    let bytes = first.ch.iter().map(|b| b.len() as u64).sum();
    let mut pushed = |bytes, s| {
        depot.turn(&mut Wire(&hq, at(s)), at(s), &Budget { bytes, ..Budget::default() }).unwrap().pushed
    };
    assert_eq!([pushed(bytes, 3), pushed(bytes + 1, 4), pushed(1, 5)], [10, 20, 10]);
}

/// The sizes of the batches in which `depot`, whose batches should hold `wanted` changes and may hold ten, tells of three
/// requests of four changes and one of twenty-five.
fn sizes_of_batches(wanted: u32) -> Vec<u64> {
    use crate::sync::depot::tables::{save, standing};
    let hq = headquarters();
    let (mut depot, site) = joined(&hq);
    turns(&hq, &mut depot, 1);
    depot.most = 10;
    put(&depot.store, move |tx| {
        let mut s = standing(tx)?;
        s.batch = wanted;
        save(tx, &s)
    });
    let two = [Status::AtDepot, Status::InTransit].map(scanned);
    for n in 1..=3 {
        happens(&depot.store, 2, Id([n; 16]), [&[registered("RR1")], &two[..], &two[..1]].concat());
    }
    let many = std::iter::repeat_n(two, 12).flatten();
    happens(&depot.store, 2, Id([9; 16]), std::iter::once(registered("RR9")).chain(many).collect());
    let mut sizes = Vec::new();
    while let Some(batch) = depot.batch(wire::Log::B).unwrap() {
        let budget = Budget { pushes: 1, ..Budget::default() };
        sizes.push(depot.turn(&mut Wire(&hq, at(3)), at(3), &budget).unwrap().pushed);
        assert_eq!(sizes.last(), Some(&(batch.ch.len() as u64)));
    }
    assert!(same(&hq, &depot, site));
    sizes
}

#[test]
fn a_batch_ends_where_the_changes_of_a_request_end() {
    assert_eq!(sizes_of_batches(0), [8, 4, 10, 10, 5]);
    assert_eq!(sizes_of_batches(3), [4, 4, 4, 10, 10, 5]);
    crate::sync::mutants::take_away(Some(crate::sync::mutants::Mutant::TornRequest));
    let torn = sizes_of_batches(0);
    crate::sync::mutants::take_away(None);
    assert_eq!(torn, [10, 10, 10, 7]);
}
