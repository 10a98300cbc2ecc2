use proptest::prelude::*;

use super::event::{Corrected, Moved, Noted, ParcelEvent, Registered, Reported};
use super::model::{Facts, Parcel, Status};
use super::repo::PARCELS;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::journal::{Arrival, Cx, Folded, history, receive, record, state_at};
use crate::store::redb::Redb;
use crate::store::{Lane, Store, StoreError};

fn store() -> Store {
    Store::new(Redb::memory().unwrap())
}

fn at(minutes: u32) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::from(minutes) * 60_000)
}

/// Writes events the way a depot does: each decided on what is there, at its own moment.
fn write(store: &Store, id: Id, events: Vec<(u32, ParcelEvent)>) {
    for (minute, event) in events {
        let step = move |tx: &mut dyn crate::store::WriteTx| -> Result<(), StoreError> {
            let cx = Cx::new(tx, &Actor::system(), at(minute), "test")?;
            let old = PARCELS.get(tx, &id)?;
            record(tx, &cx, id, old, vec![event.clone()]).map(drop)
        };
        store.write(1, Lane::People, step).wait().unwrap();
    }
}

fn row(store: &Store, id: Id) -> Folded<Parcel> {
    store.read(1, |tx| PARCELS.get(tx, &id)).unwrap().unwrap()
}

fn blobs(store: &Store, row: &Folded<Parcel>) -> Vec<Vec<u8>> {
    let all = store.read(1, |tx| history::<Parcel>(tx, &row.line)).unwrap();
    all.into_iter().map(|(entry, _)| entry.blob).collect()
}

fn take_in(store: &Store, blob: Vec<u8>) -> bool {
    let step = move |tx: &mut dyn crate::store::WriteTx| -> Result<bool, StoreError> {
        let cx = Cx::new(tx, &Actor::system(), at(9_999), "sync")?;
        Ok(receive::<Parcel>(tx, &cx, &blob, &Arrival::default())?.is_some())
    };
    store.write(1, Lane::People, step).wait().unwrap()
}

fn some_event() -> impl Strategy<Value = ParcelEvent> {
    let status = (0..16_usize).prop_map(|i| Status::ALL[i]);
    let moved = (status.clone(), proptest::option::of(0_u32..600)).prop_map(|(to, late)| {
        ParcelEvent::Moved(Moved {
            to,
            at: late.map(at),
            location: Default::default(),
            note: None,
            reason: None,
            forced: false,
        })
    });
    let reported = (status, proptest::option::of(0_u32..600), 0_u8..4).prop_map(|(to, when, who)| {
        let facts = Facts { service: Some(format!("s{who}")), ..Facts::default() };
        ParcelEvent::Reported(Box::new(Reported {
            source: format!("c{who}"),
            raw: Some(to.to_string()),
            to: Some(to),
            at: when.map(at),
            facts,
            ..Reported::default()
        }))
    });
    let noted = "[a-z]{1,5}".prop_map(|text| ParcelEvent::Noted(Noted { text }));
    prop_oneof![3 => moved, 4 => reported, 1 => noted]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_node_that_hears_the_same_changes_in_any_order_and_twice_has_the_same_row(
        events in proptest::collection::vec((0_u32..600, some_event()), 1..12),
        order in proptest::collection::vec(any::<u32>(), 24),
    ) {
        let (here, there, id) = (store(), store(), Id::fresh());
        write(&here, id, events);
        let ours = row(&here, id);
        let mut mail: Vec<Vec<u8>> = blobs(&here, &ours).into_iter().flat_map(|b| [b.clone(), b]).collect();
        mail.sort_by_key(|b| order[usize::from(b[b.len() / 2]) % order.len()] ^ u32::from(b[b.len() - 1]));
        let fresh = mail.into_iter().filter(|b| take_in(&there, b.clone())).count();
        let theirs = row(&there, id);
        prop_assert_eq!(fresh, theirs.line.n as usize);
        prop_assert_eq!(&ours.state, &theirs.state);
        prop_assert_eq!((ours.line.last, ours.line.n), (theirs.line.last, theirs.line.n));
    }
}

#[test]
fn a_correction_reaches_back_and_a_past_moment_is_what_had_taken_effect_by_then() {
    let (store, id) = (store(), Id::fresh());
    let moved = |to| {
        ParcelEvent::Moved(Moved {
            to,
            at: None,
            location: Default::default(),
            note: None,
            reason: None,
            forced: false,
        })
    };
    let registered =
        ParcelEvent::Registered(Box::new(Registered { number: "RR1".into(), facts: Facts::default() }));
    write(&store, id, vec![(0, registered), (10, moved(Status::InTransit)), (20, moved(Status::Delivered))]);
    let before = row(&store, id);
    assert_eq!(before.state.status, Status::Delivered);
    let delivered = before.line.last.eid;
    let then = |minute| {
        store.read(1, |tx| state_at(tx, id, &row(&store, id), at(minute))).unwrap().map(|p| p.status)
    };
    assert_eq!(then(0), Some(Status::Announced));
    assert_eq!(then(12), Some(Status::InTransit));
    write(
        &store,
        id,
        vec![(
            30,
            ParcelEvent::Corrected(Corrected {
                eid: delivered,
                to: Some(Status::AtDepot),
                reason: "wrong door".into(),
            }),
        )],
    );
    let after = row(&store, id);
    assert_eq!((after.state.status, after.line.n), (Status::AtDepot, 4));
    assert_eq!(then(12), Some(Status::InTransit));
}

#[test]
fn a_change_that_fails_leaves_no_trace_in_log_row_or_look_up() {
    let (store, id) = (store(), Id::fresh());
    let step = move |tx: &mut dyn crate::store::WriteTx| -> Result<(), StoreError> {
        let cx = Cx::new(tx, &Actor::system(), at(0), "test")?;
        let event =
            ParcelEvent::Registered(Box::new(Registered { number: "RR9".into(), facts: Facts::default() }));
        record::<Parcel>(tx, &cx, id, None, vec![event])?;
        Err(StoreError::Closed)
    };
    store.write(1, Lane::People, step).wait().unwrap_err();
    let seen = store.read(1, |tx| -> Result<_, StoreError> {
        let head = tx.head(crate::store::DEPOT, crate::journal::log::APPLIED)?.last;
        Ok((PARCELS.get(tx, &id)?.is_some(), super::repo::with_tracking(tx, "RR9")?.len(), head))
    });
    assert_eq!(seen.unwrap(), (false, 0, 0));
}
