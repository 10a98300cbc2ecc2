use proptest::prelude::*;

use super::event::{ManifestEvent, UnloadingEvent};
use super::model::{
    Difference, Header, Item, Line, Manifest, ManifestId, State, Totals, Unloading, UnloadingId,
};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::repo::CASES;
use crate::identity::grant::Actor;
use crate::journal::{Aggregate, Arrival, Cx, Folded, history, load, receive, record};
use crate::parcels::model::ParcelId;
use crate::store::redb::Redb;
use crate::store::{Dir, Ix, KeyRange, Lane, Store, StoreError, WriteTx};

fn at(minutes: u32) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::from(minutes) * 60_000)
}

fn write<A: Aggregate>(store: &Store, id: Id, events: Vec<(u32, A::Event)>)
where
    A::Event: Send + 'static,
{
    for (minute, event) in events {
        let step = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            let cx = Cx::new(tx, &Actor::system(), at(minute), "test")?;
            let old = load::<A>(tx, id)?;
            record(tx, &cx, id, old, vec![event.clone()]).map(drop)
        };
        store.write(1, Lane::People, step).wait().unwrap();
    }
}

/// The ids of open cases.
fn cases(store: &Store) -> Vec<(Id, bool)> {
    let rows = store.read(1, |tx| CASES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1_000)).unwrap();
    rows.items
        .into_iter()
        .map(|e| (e.value.state.id.0, e.value.state.state.is_open()))
        .filter(|c| c.1)
        .collect()
}

/// Another node hears the same changes in another order and twice: its row and its cases are the same.
fn heard_elsewhere<A: Aggregate + std::fmt::Debug>(here: &Store, id: Id, order: &[u32])
where
    A::Event: Send + 'static,
{
    let there = Store::new(Redb::memory().unwrap());
    let row = |s: &Store| -> Folded<A> { s.read(1, |tx| load::<A>(tx, id)).unwrap().unwrap() };
    let ours = row(here);
    let all = here.read(1, |tx| history::<A>(tx, &ours.line)).unwrap();
    let mut mail: Vec<Vec<u8>> = all.into_iter().flat_map(|(e, _)| [e.blob.clone(), e.blob]).collect();
    let mut n = 0;
    mail.sort_by_cached_key(|_| {
        n += 1;
        order[n % order.len()]
    });
    for blob in mail {
        let step = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            let cx = Cx::new(tx, &Actor::system(), at(9_999), "sync")?;
            receive::<A>(tx, &cx, &blob, &Arrival::default()).map(drop)
        };
        there.write(1, Lane::People, step).wait().unwrap();
    }
    assert_eq!(ours.state, row(&there).state);
    assert_eq!(cases(here), cases(&there));
}

fn number(n: u8) -> String {
    format!("N{n}")
}

fn parcel(n: u8) -> ParcelId {
    ParcelId(Id([n; 16]))
}

fn manifest_event() -> impl Strategy<Value = ManifestEvent> {
    let header =
        (0_u32..600).prop_map(|m| Header { number: "M1".into(), expected_at: at(m), ..Header::default() });
    let line = (0_u8..6, 1_u32..4).prop_map(|(n, pieces)| Line {
        number: number(n),
        parcel: parcel(n),
        pieces,
        weight_g: None,
        service: None,
        order_ref: None,
        to_site: None,
    });
    let unloading = UnloadingId(Id([9; 16]));
    prop_oneof![
        header.prop_map(|header| ManifestEvent::Announced { header }),
        (0_u32..600).prop_map(|m| ManifestEvent::Changed {
            expected_at: Some(at(m)),
            carrier: None,
            vehicle: None
        }),
        proptest::collection::vec(line, 1..4).prop_map(|lines| ManifestEvent::Listed { lines }),
        (0_u8..6).prop_map(|n| ManifestEvent::Struck { numbers: vec![number(n)] }),
        Just(ManifestEvent::Cancelled { reason: "no truck".into() }),
        (0_u32..600).prop_map(|m| ManifestEvent::WentLate { due: at(m) }),
        Just(ManifestEvent::Arrived { unloading }),
        Just(ManifestEvent::Unloaded { unloading }),
    ]
}

fn unloading_event() -> impl Strategy<Value = UnloadingEvent> {
    let item = (0_usize..7, 0_u8..9).prop_map(|(kind, n)| Item {
        kind: Difference::ALL[kind],
        parcel: (Difference::ALL[kind] != Difference::Unknown).then(|| parcel(n)),
        number: number(n),
        distributor: None,
        announced: 1,
        scanned: 0,
        to_site: None,
        found: false,
    });
    let parcels = || proptest::collection::vec((0_u8..9).prop_map(parcel), 1..4);
    prop_oneof![
        1 => Just(UnloadingEvent::Opened {
            manifests: vec![ManifestId(Id([8; 16]))],
            label: "M1".into(),
            distributor: None,
            door: None,
            stations: vec!["s:3".into()],
        }),
        4 => proptest::collection::vec(item, 1..9).prop_map(|items| UnloadingEvent::Differed { items }),
        3 => Just(UnloadingEvent::Closed { totals: Totals::default() }),
        1 => Just(UnloadingEvent::Reopened { reason: "one more pallet".into() }),
        2 => parcels().prop_map(|parcels| UnloadingEvent::Found { parcels }),
        1 => parcels().prop_map(|parcels| UnloadingEvent::MissedAgain { parcels }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn manifests_fold_the_same_in_any_order_and_twice(
        events in proptest::collection::vec((0_u32..600, manifest_event()), 1..12),
        order in proptest::collection::vec(any::<u32>(), 24),
    ) {
        let (here, id) = (Store::new(Redb::memory().unwrap()), Id::fresh());
        write::<Manifest>(&here, id, events);
        heard_elsewhere::<Manifest>(&here, id, &order);
    }

    #[test]
    fn unloadings_fold_the_same_in_any_order_and_twice(
        events in proptest::collection::vec((0_u32..600, unloading_event()), 1..12),
        order in proptest::collection::vec(any::<u32>(), 24),
    ) {
        let (here, id) = (Store::new(Redb::memory().unwrap()), Id::fresh());
        write::<Unloading>(&here, id, events);
        heard_elsewhere::<Unloading>(&here, id, &order);
    }
}

#[test]
fn what_stands_at_the_door_has_come_whatever_was_said_before() {
    let (store, id) = (Store::new(Redb::memory().unwrap()), Id::fresh());
    let header = Header { number: "M1".into(), expected_at: at(0), ..Header::default() };
    let unloading = UnloadingId::fresh();
    let states: Vec<State> = [
        ManifestEvent::Announced { header },
        ManifestEvent::WentLate { due: at(1) },
        ManifestEvent::Cancelled { reason: "no truck".into() },
        ManifestEvent::Unloaded { unloading },
        ManifestEvent::Arrived { unloading },
        ManifestEvent::WentLate { due: at(2) },
        ManifestEvent::Unloaded { unloading },
        ManifestEvent::Cancelled { reason: "too late".into() },
    ]
    .into_iter()
    .zip(10..)
    .map(|(event, minute)| {
        write::<Manifest>(&store, id, vec![(minute, event)]);
        store.read(1, |tx| load::<Manifest>(tx, id)).unwrap().unwrap().state.state
    })
    .collect();
    use State::{Announced, Cancelled, Late, Unloaded, Unloading};
    assert_eq!(states, [Announced, Late, Cancelled, Cancelled, Unloading, Unloading, Unloaded, Unloaded]);
    assert!(cases(&store).is_empty(), "the case of its lateness is withdrawn");
}
