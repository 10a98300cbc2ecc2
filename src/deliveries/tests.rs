//! Every pair of states, and folds in any order.

use proptest::prelude::*;

use super::event::{DeliveryEvent, Moved, Requested};
use super::fold::fold;
use super::model::{Assignee, Delivery, Facts, Outcome, Status};
use super::proof::Proof;
use super::rules;
use crate::base::ids::Id;
use crate::journal::event::{FoldKey, SiteRef, Stamped};
use crate::journal::{Aggregate, Event};

fn stamped(n: u64, event: DeliveryEvent) -> Stamped<DeliveryEvent> {
    let t = (1_700_000_000_000 + n) << 16;
    let eid = Id::derived(&[&n.to_be_bytes()]).0;
    Stamped { key: FoldKey { eff: t, t, eid }, site: 7, epoch: 0, actor: 1, event }
}

fn requested() -> DeliveryEvent {
    DeliveryEvent::Requested(Box::new(Requested {
        number: 1,
        depot: SiteRef::new(7, 0),
        asked_by: None,
        facts: Facts { customer: "Ann".into(), ..Facts::default() },
        parcels: vec![Id([1; 16]), Id([2; 16])],
        attempt: 1,
        previous: None,
    }))
}

fn step(to: Status) -> DeliveryEvent {
    match to {
        Status::Assigned => {
            DeliveryEvent::Assigned { to: Assignee { id: Id([3; 16]), name: "Dan".into() }, vehicle: None }
        }
        Status::Created => DeliveryEvent::Unassigned { reason: Some("no van".into()) },
        to => DeliveryEvent::Moved(Box::new(Moved {
            to,
            at: None,
            position: None,
            note: None,
            reason: Some("refused".into()),
            outcomes: vec![(Id([1; 16]), Outcome { delivered: false, reason: Some("refused".into()) })],
        })),
    }
}

/// The table of the trade, as it is written down.
const TABLE: &str = "\
created: assigned cancelled
assigned: created assigned in_transit cancelled
in_transit: completed failed
completed:
failed:
cancelled:";

#[test]
fn every_pair_of_states_is_as_the_trades_table_says() {
    let mut pairs = 0;
    for line in TABLE.lines() {
        let (from, to) = line.split_once(':').unwrap();
        let from: Status = from.parse().unwrap();
        let allowed: Vec<Status> = to.split_whitespace().map(|s| s.parse().unwrap()).collect();
        for to in Status::ALL {
            assert_eq!(rules::admits(from, to), allowed.contains(&to), "{from} to {to}");
            let before = Delivery { status: from, ..Delivery::default() };
            let after = fold(before.clone(), &stamped(1, step(to)));
            if allowed.contains(&to) {
                assert_eq!((after.status, after.issues.len()), (to, 0));
            } else {
                assert_eq!((after.status, after.issues.len()), (from, 1), "kept and flagged");
                assert_eq!(Delivery { issues: Vec::new(), ..after }, before);
            }
            pairs += 1;
        }
        assert_eq!(rules::is_final(from), allowed.is_empty());
    }
    assert_eq!(pairs, 36);
}

#[test]
fn every_event_survives_its_encoding_and_has_a_kind_of_its_own() {
    let proof = Proof { name: Some("J".into()), ..Proof::default() };
    let all = [
        requested(),
        step(Status::Assigned),
        step(Status::Created),
        step(Status::Failed),
        DeliveryEvent::Described(Box::default()),
        DeliveryEvent::Proved(Box::new(proof)),
        DeliveryEvent::Removed {},
    ];
    for (n, event) in all.iter().enumerate() {
        assert_eq!(usize::from(event.kind() - super::event::FIRST_KIND), n);
        assert_eq!(DeliveryEvent::decode(event.kind(), 1, &event.encode().unwrap()).unwrap(), *event);
    }
    assert!(DeliveryEvent::decode(0x420, 1, &[0x80]).is_err());
}

#[test]
fn a_signature_is_nothing_but_strokes() {
    let with = |s: &str| Proof { signature: Some(s.into()), ..Proof::default() };
    assert!(with("M10 10L20 20 q1.5-2 3,4").check("").is_empty());
    for bad in ["", "10 10", "M1 1<script>", "M1 1\"", &"M1 ".repeat(super::proof::MAX_SIGNATURE)] {
        assert!(!with(bad).check("").is_empty(), "{}", &bad[..bad.len().min(20)]);
    }
    assert!(!Proof::default().check("").is_empty(), "nothing is no proof");
}

proptest! {
    #[test]
    fn a_set_of_changes_has_one_state(steps in prop::collection::vec(0..6_usize, 1..14), seed in any::<u64>()) {
        let events = std::iter::once(requested()).chain(steps.into_iter().map(|n| step(Status::ALL[n])));
        let all: Vec<_> = events.enumerate().map(|(n, e)| stamped(n as u64, e)).collect();
        let straight = Delivery::fold_all(Delivery::blank(Id([5; 16])), &all);
        let mut other = all.clone();
        let n = other.len();
        for i in 0..n {
            other.swap(i, (seed as usize).wrapping_mul(31).wrapping_add(i * 7) % n);
        }
        other.extend(all.iter().take(3).cloned());
        other.sort_by_key(|e| e.key);
        other.dedup_by_key(|e| e.key);
        prop_assert_eq!(Delivery::fold_all(Delivery::blank(Id([5; 16])), &other), straight.clone());
        prop_assert!(straight.steps.windows(2).all(|w| !rules::is_final(w[0].to)));
    }
}
