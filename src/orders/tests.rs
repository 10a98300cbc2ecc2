//! Folds in any order, and the ledger as sums.

use proptest::prelude::*;

use super::catalog::Product;
use super::event::{Moved, OrderEvent, Placed, Told};
use super::fold::fold;
use super::model::{Customer, Line, Moments, Order, Status};
use super::rules;
use super::stock::{Booked, Move, Page, Why};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::event::{FoldKey, SiteRef, Stamped};
use crate::journal::{Aggregate, Event};

const SITE: SiteRef = SiteRef { site: 7, epoch: 0 };

fn stamped<E>(n: u64, event: E) -> Stamped<E> {
    let t = (1_700_000_000_000 + n) << 16;
    let eid = Id::derived(&[&n.to_be_bytes()]).0;
    Stamped { key: FoldKey { eff: t, t, eid }, site: 7, epoch: 0, actor: 1, event }
}

fn placed() -> OrderEvent {
    OrderEvent::Placed(Box::new(Placed {
        number: 3,
        reference: Some("PO".into()),
        depot: SITE,
        customer: Customer { name: Some("Ann".into()), ..Customer::default() },
        lines: vec![Line {
            reference: Some("1".into()),
            product: Some(Id([9; 16])),
            name: "Phone".into(),
            quantity: 2,
            price: None,
            total: None,
        }],
        promised_at: None,
        note: None,
        may_wait: false,
    }))
}

fn moved(to: Status) -> OrderEvent {
    OrderEvent::Moved(Moved { to, reason: None, parcels: vec![Id([1; 16])], partial: false })
}

fn told(to: Option<Status>, n: i64) -> OrderEvent {
    let at = Some(Timestamp::from_millis(1_600_000_000_000 + n));
    OrderEvent::Told(Box::new(Told {
        source: "shop".into(),
        reference: "A1".into(),
        raw: to.map(|t| t.to_string()),
        to,
        at,
        moments: Moments { shipped_at: at, ..Moments::default() },
        ..Told::default()
    }))
}

/// The table of the trade, as it is written down.
const TABLE: &str = "\
pending: processing cancelled
processing: packed cancelled
packed: shipped cancelled
shipped: delivered returned
delivered:
cancelled:
returned:";

#[test]
fn every_pair_of_states_is_as_the_trades_table_says() {
    let mut pairs = 0;
    for line in TABLE.lines() {
        let (from, to) = line.split_once(':').unwrap();
        let from: Status = from.parse().unwrap();
        let allowed: Vec<Status> = to.split_whitespace().map(|s| s.parse().unwrap()).collect();
        for to in Status::ALL {
            assert_eq!(rules::admits(from, to), allowed.contains(&to), "{from} to {to}");
            let before = Order { status: from, ..Order::default() };
            let after = fold(before.clone(), &stamped(1, moved(to)));
            if allowed.contains(&to) {
                assert_eq!((after.status, after.issues.len()), (to, 0));
            } else {
                assert_eq!((after.status, after.issues.len()), (from, 1), "kept and flagged");
                assert_eq!(Order { issues: Vec::new(), ..after }, before);
            }
            pairs += 1;
        }
        assert_eq!(rules::is_final(from), allowed.is_empty());
    }
    assert_eq!(pairs, 49);
}

#[test]
fn every_event_survives_its_encoding_and_has_a_kind_of_its_own() {
    let due = Timestamp::from_millis(9);
    let all = [
        placed(),
        moved(Status::Packed),
        told(Some(Status::Shipped), 4),
        OrderEvent::Delayed { status: Status::Shipped, since: due, due },
        OrderEvent::Backordered {},
    ];
    for (n, event) in all.iter().enumerate() {
        assert_eq!(usize::from(event.kind() - super::event::FIRST_KIND), n);
        assert_eq!(OrderEvent::decode(event.kind(), 1, &event.encode().unwrap()).unwrap(), *event);
    }
    assert!(OrderEvent::decode(0x449, 1, &[0x80]).is_err() && OrderEvent::decode(0x440, 2, &[0x80]).is_err());
    let product: Product = serde_json::from_value(serde_json::json!({ "number": 1, "name": "x" })).unwrap();
    assert!(!product.retired);
}

#[test]
fn the_words_of_others_are_understood() {
    for (word, status) in [
        ("PENDING_PAYMENT", Status::Pending),
        ("invoiced", Status::Processing),
        ("Canceled", Status::Cancelled),
        ("COMPLETE", Status::Delivered),
        ("on hold", Status::Pending),
    ] {
        assert_eq!(rules::meaning(word), Some(status), "{word}");
    }
    assert_eq!(rules::meaning("eaten"), None);
}

fn event() -> impl Strategy<Value = OrderEvent> {
    let status = || (0..7_usize).prop_map(|n| Status::ALL[n]);
    prop_oneof![
        1 => Just(placed()),
        6 => status().prop_map(moved),
        2 => (status(), 0..100_i64).prop_map(|(s, n)| told(Some(s), n)),
        1 => Just(OrderEvent::Backordered {}),
    ]
}

proptest! {
    /// The journal folds in its own order; whatever order changes arrive in, and however often, the state is one.
    #[test]
    fn a_set_of_changes_has_one_state(events in prop::collection::vec(event(), 1..12), seed in any::<u64>()) {
        let all: Vec<_> = events.into_iter().enumerate().map(|(n, e)| stamped(n as u64, e)).collect();
        let straight = Order::fold_all(Order::blank(Id([5; 16])), &all);
        let mut other = all.clone();
        let n = other.len();
        for i in 0..n {
            other.swap(i, (seed as usize).wrapping_mul(31).wrapping_add(i * 7) % n);
        }
        other.extend(all.iter().take(3).cloned());
        other.sort_by_key(|e| e.key);
        other.dedup_by_key(|e| e.key);
        prop_assert_eq!(Order::fold_all(Order::blank(Id([5; 16])), &other), straight.clone());
        prop_assert!(straight.steps.windows(2).all(|w| !rules::is_final(w[0].to)), "what has ended stays ended");
    }

    /// A page is a sum: it needs no order at all.
    #[test]
    fn a_page_of_the_ledger_is_the_same_in_any_order(moves in prop::collection::vec((-50..50_i64, -9..9_i64), 1..20)) {
        let booked = |(h, r): &(i64, i64)| Booked {
            site: SITE,
            product: Id([1; 16]),
            page: 1,
            moves: vec![Move { why: Why::Adjust, on_hand: *h, reserved: *r, order: None, counted: None, note: None }],
        };
        let all: Vec<_> = moves.iter().enumerate().map(|(n, m)| stamped(n as u64, booked(m))).collect();
        let back: Vec<_> = all.iter().rev().cloned().collect();
        let page = Page::fold_all(Page::blank(Id([2; 16])), &all);
        prop_assert_eq!(Page::fold_all(Page::blank(Id([2; 16])), &back), page.clone());
        prop_assert_eq!(page.on_hand, moves.iter().map(|m| m.0).sum::<i64>());
        let one = booked(&moves[0]);
        prop_assert_eq!(Booked::decode(one.kind(), 1, &one.encode().unwrap()).unwrap(), one);
    }
}
