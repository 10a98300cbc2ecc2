//! The desk against a store, and what reports come to in any order.

use std::sync::Arc;

use proptest::prelude::*;

use super::codes::{Code, Discrepancy};
use super::counts;
use super::model::{Facts, Mark, Mawb, Part, State};
use super::repo::MAWBS;
use super::service::{self, NewMawb};
use super::work::{self, Notices, People, Person};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::identity::features::EditAirFreight;
use crate::identity::grant::{Actor, Principal};
use crate::jobs::runner::{Ctx, Worker};
use crate::journal::Cx;
use crate::notify::inbox;
use crate::store::memory::{Cut, Memory};
use crate::store::redb::Redb;
use crate::store::{Lane, ReadTx, Result, Store, StoreError};

const HOUR: i64 = 3_600_000;
/// Saturday, 21 November 2026, 10:00 UTC.
const BEGIN: i64 = 1_795_255_200_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN + hours * HOUR)
}

fn marks() -> impl Strategy<Value = Vec<Mark>> {
    let mark = (0usize..Code::ALL.len(), 0i64..40, 0u32..12, any::<bool>(), 0usize..12, 0usize..3).prop_map(
        |(code, hours, pieces, some, reason, place)| {
            let code = Code::ALL[code];
            Mark {
                station: [None, Some("LHR".to_owned()), Some("FRA".to_owned())][place].clone(),
                flight: code.flies().then(|| format!("LH{}", hours % 3)),
                part: if some { Part::Some } else { Part::Whole },
                pieces: (pieces > 0).then_some(pieces),
                reason: (code == Code::Dis).then(|| Discrepancy::ALL[reason]),
                ..Mark::new(code, at(hours))
            }
        },
    );
    prop::collection::vec(mark, 0..30)
}

fn shipment(marks: &[Mark]) -> Mawb {
    let facts = Facts { pieces: Some(10), destination: Some("LHR".into()), ..Facts::default() };
    let mut m = Mawb { facts, ..Mawb::default() };
    marks.iter().for_each(|k| counts::add(&mut m.marks, k));
    m
}

proptest! {
    #[test]
    fn reports_tell_the_same_in_any_order_and_however_often(told in marks(), order in any::<u64>()) {
        let mut mixed: Vec<Mark> = told.iter().chain(&told).cloned().collect();
        let mut n = order | 1;
        for i in (1..mixed.len()).rev() {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            mixed.swap(i, (n >> 33) as usize % (i + 1));
        }
        let (a, b) = (shipment(&told), shipment(&mixed));
        prop_assert_eq!(&a.marks, &b.marks);
        prop_assert_eq!(counts::pieces(&a), counts::pieces(&b));
        prop_assert_eq!(counts::flights(&a), counts::flights(&b));
        prop_assert_eq!((counts::state(&a), counts::issues(&a)), (counts::state(&b), counts::issues(&b)));
    }
}

#[test]
fn a_part_is_no_receipt_of_the_whole_and_found_cargo_closes_the_missing() {
    let rcf = |pieces, hours| Mark {
        part: Part::Some,
        pieces: Some(pieces),
        station: Some("LHR".into()),
        ..Mark::new(Code::Rcf, at(hours))
    };
    let half = shipment(&[rcf(6, 1)]);
    assert_eq!((counts::pieces(&half).received, counts::state(&half)), (6, State::Arrived));
    let whole = shipment(&[rcf(6, 1), rcf(4, 5)]);
    assert_eq!((counts::pieces(&whole).received, counts::state(&whole)), (10, State::Received));
    let over = shipment(&[rcf(6, 1), rcf(5, 5)]);
    assert_eq!(counts::issues(&over)[0].reason, "over_received");
    let elsewhere = shipment(&[Mark { station: Some("FRA".into()), ..rcf(10, 1) }]);
    assert_eq!(counts::state(&elsewhere), State::Departed, "received at a stop on the way");
    let dis = |why, hours| Mark { reason: Some(why), ..Mark::new(Code::Dis, at(hours)) };
    assert_eq!(counts::issues(&shipment(&[dis(Discrepancy::Msca, 1)])).len(), 1);
    assert_eq!(counts::issues(&shipment(&[dis(Discrepancy::Fdca, 2), dis(Discrepancy::Msca, 1)])), []);
}

struct One(Id);
impl People for One {
    fn of_role(&self, _: &dyn ReadTx, role: &str) -> Result<Vec<Person>> {
        let person = Person { user: self.0, email: None };
        Ok(if role == "accounts" { vec![person] } else { Vec::new() })
    }
    fn language(&self, _: &dyn ReadTx) -> Result<String> {
        Ok("en".into())
    }
}

/// A waybill that is received at ten on a Saturday, with a charge to be paid.
fn received(store: &Store) -> Id {
    let make = store.write(1, Lane::People, |tx| -> super::error::Result<Id> {
        let grant = Arc::new(Principal::system(1)).grant::<EditAirFreight>()?;
        let cx = Cx::new(tx, &Actor::system(), at(0), "test")?;
        let isc = crate::base::money::Money { minor: 100, currency: "EUR".into() };
        let facts = Facts { isc: Some(isc), ..shipment(&[]).facts };
        let new = NewMawb { number: "020-12345675".into(), as_written: None, facts };
        let id = service::create(tx, &grant, &cx, new)?.value.state.id;
        let rcf = Mark { station: Some("LHR".into()), ..Mark::new(Code::Rcf, at(0)) };
        service::tell(tx, &cx, id, vec![super::event::MawbEvent::Reported(rcf)])?;
        Ok(id)
    });
    make.wait().map_err(|e| e.to_string()).unwrap()
}

fn told(store: &Store, user: Id) -> usize {
    let rows = store.read(1, |tx| inbox::list(tx, user, None, 500)).unwrap();
    rows.items.iter().filter(|e| e.value.text.contains("import service charge")).count()
}

#[test]
fn a_reminder_goes_out_once_whenever_the_power_fails() {
    let store = Store::new(Redb::memory().unwrap());
    let user = Id([7; 16]);
    let id = received(&store);
    let notices = Notices { people: Arc::new(One(user)), mail: false };
    let ctx = Ctx { store: store.clone(), tenant: 1 };
    let read = |now| while notices.step(&ctx, now).unwrap() == crate::jobs::runner::Step::Worked {};
    let mut hours = 0;
    for (n, later) in [46, 6, 18, 6, 90, 48].into_iter().enumerate() {
        hours += later;
        let now = at(hours);
        // The power goes before the commit: nothing was called in.
        let cut = store.write(1, Lane::Bulk, move |tx| -> Result<()> {
            work::fire_all(tx, now)?;
            Err(StoreError::Closed)
        });
        assert!(cut.wait().is_err());
        read(now);
        assert!(work::fire(&store, 1, now).unwrap() > 0, "{n}");
        // And again before anybody was told.
        let fire_again = work::fire(&store, 1, now).unwrap();
        assert_eq!(fire_again, 0, "{n}");
        read(now);
        read(now);
        assert_eq!(told(&store, user), n + 1, "at {now}");
        let row = store.read(1, |tx| MAWBS.get(tx, &id)).unwrap().unwrap();
        let next = store.read(1, |tx| due::next(tx, DueKind::Freight)).unwrap().map(|d| d.at);
        assert_eq!(row.due, next, "one row among the deadlines");
        assert!(next.is_some_and(|at| at > now));
    }
}

/// The slots of the service charge by a look at every hour: eight and fourteen of each working day.
fn has_slot(from: i64, to: i64) -> bool {
    (from + 1..=to).any(|hour| {
        let local = at(hour).civil(&jiff::tz::TimeZone::UTC);
        let works = local.weekday().to_monday_one_offset() <= 5;
        works && matches!(local.hour(), 8 | 14)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The machine dies at any of its writes, before the commit or behind it, and comes up again; whatever it does, each
    /// look that finds a slot passed sends one reminder of it, and no other does.
    #[test]
    fn a_reminder_goes_out_exactly_once_under_random_power_cuts(
        looks in prop::collection::vec((1i64..60, prop::collection::vec(0u8..3, 0..12)), 1..14),
    ) {
        let memory = Memory::default();
        let user = Id([7; 16]);
        let id = received(&Store::new(memory.clone()));
        let notices = Notices { people: Arc::new(One(user)), mail: false };
        let (mut hours, mut expected) = (0, 0);
        for (later, cuts) in looks {
            let before = hours;
            hours += later;
            let now = at(hours);
            for cut in cuts {
                // What is still under way when the power goes: this write, or the one behind it.
                let mut first = Some(cut);
                memory.cut(Some(Box::new(move || match first.take() {
                    Some(0) => Some(Cut::Before),
                    Some(1) => Some(Cut::After),
                    _ => None,
                })));
                let ctx = Ctx { store: Store::new(memory.clone()), tenant: 1 };
                let fired = work::fire(&ctx.store, 1, now);
                if fired.is_ok() {
                    let mut first = Some(cut);
                    memory.cut(Some(Box::new(move || match first.take() {
                        Some(0 | 2) => Some(Cut::Before),
                        Some(1) => Some(Cut::After),
                        _ => None,
                    })));
                    let _ = notices.step(&ctx, now);
                }
                memory.cut(None);
            }
            let ctx = Ctx { store: Store::new(memory.clone()), tenant: 1 };
            while work::fire(&ctx.store, 1, now).unwrap() > 0 {}
            while notices.step(&ctx, now).unwrap() == crate::jobs::runner::Step::Worked {}
            expected += usize::from(has_slot(before, hours));
            prop_assert_eq!(told(&ctx.store, user), expected, "at {}", now);
            let row = ctx.store.read(1, |tx| MAWBS.get(tx, &id)).unwrap().unwrap();
            let next = ctx.store.read(1, |tx| due::next(tx, DueKind::Freight)).unwrap().map(|d| d.at);
            prop_assert_eq!(row.due, next, "one row among the deadlines");
        }
    }
}
