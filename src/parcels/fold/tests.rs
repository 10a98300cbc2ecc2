use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::{collection, option, sample};

use super::*;
use crate::parcels::event::{Described, Flagged, HandedOver, Noted, Registered, Stale};
use crate::parcels::issues::{DAMAGED, MAX_ISSUES, SHIPPER_DATA_ERROR};
use crate::parcels::model::{Facts, Milestones};

type Events = Vec<Stamped<ParcelEvent>>;

/// Minute `n` of the test's day.
fn at(n: u32) -> Timestamp {
    Timestamp::from_millis(1_500_000_000_000 + i64::from(n) * 60_000)
}

fn eid(n: usize) -> Eid {
    let mut eid = [0; 16];
    eid[..8].copy_from_slice(&(n as u64).to_be_bytes());
    eid
}

/// Stamps an event as the journal does: a claimed earlier time moves it back.
fn stamped(n: usize, t: Timestamp, event: ParcelEvent) -> Stamped<ParcelEvent> {
    let t = t.unsigned() << 16;
    let eff = event.occurred().map_or(t, |at| t.min(at.unsigned() << 16));
    Stamped { key: FoldKey { eff, t, eid: eid(n) }, site: 1, epoch: 1, actor: 0, event }
}

/// A timeline with one event a minute.
fn timeline(events: impl IntoIterator<Item = ParcelEvent>) -> Events {
    (0..).zip(events).map(|(n, event)| stamped(n as usize, at(n), event)).collect()
}

fn folded(events: impl IntoIterator<Item = ParcelEvent>) -> Parcel {
    fold_all(ParcelId::default(), &timeline(events))
}

fn report(raw: &str, to: Status) -> Reported {
    Reported { source: "olist".into(), raw: Some(raw.into()), to: Some(to), ..Reported::default() }
}

fn news(raw: &str, to: Status) -> ParcelEvent {
    report(raw, to).into()
}

fn scan(to: Status) -> ParcelEvent {
    ParcelEvent::Moved(Moved { to, ..Moved::default() })
}

fn because(to: Status, reason: &str) -> ParcelEvent {
    Reported { reason: Some(reason.into()), ..report("x", to) }.into()
}

fn correction(of: usize, to: Option<Status>) -> ParcelEvent {
    ParcelEvent::Corrected(Corrected { eid: eid(of), to, reason: "wrong shelf".into() })
}

impl From<Reported> for ParcelEvent {
    fn from(report: Reported) -> Self {
        Self::Reported(Box::new(report))
    }
}

/// Reasons and details of what is open.
fn open_issues(parcel: &Parcel) -> Vec<(&str, &str)> {
    parcel.issues.iter().map(|i| (i.reason.as_str(), i.detail.as_str())).collect()
}

fn reasons(parcel: &Parcel) -> Vec<&str> {
    parcel.issues.iter().map(|i| i.reason.as_str()).collect()
}

#[test]
fn a_parcel_is_where_its_last_allowed_step_took_it() {
    let lisbon = Place { city: Some("Lisboa".into()), ..Place::default() };
    let seen = Reported { location: lisbon.clone(), ..report("shipped", Status::InTransit) };
    let registered = Registered { number: "RR1".into(), facts: Facts { items: Some(2), ..Facts::default() } };
    let parcel = folded([
        ParcelEvent::Registered(Box::new(registered)),
        seen.into(),
        news("hub", Status::InTransit),
        ParcelEvent::Noted(Noted { text: "call first".into() }),
    ]);
    assert_eq!((parcel.number.as_str(), parcel.status, parcel.since), ("RR1", Status::InTransit, at(1)));
    assert_eq!((parcel.raw.as_deref(), parcel.raw_at), (Some("hub"), Some(at(2))));
    assert_eq!((parcel.location, parcel.facts.items), (Some(lisbon), Some(2)));
    assert_eq!((parcel.events, parcel.notes_count), (4, 1));
    assert_eq!((parcel.created_at, parcel.updated_at), (at(0), at(3)));
    assert!(parcel.issues.is_empty());
    let scanned =
        folded([news("shipped", Status::InTransit), scan(Status::InTransit), scan(Status::AtDepot)]);
    assert_eq!((scanned.status, scanned.since, scanned.raw), (Status::AtDepot, at(2), None));
}

#[test]
fn stays_add_up_by_status_attempts_are_counted_and_news_of_the_same_status_ends_no_stay() {
    use Status::{AtDepot, Attempted, Delivered, InTransit, OutForDelivery};
    const MINUTE: u64 = 60_000;
    let told = [InTransit, InTransit, AtDepot, OutForDelivery, Attempted, AtDepot, OutForDelivery, Delivered];
    let parcel = folded(told.map(|to| news("x", to)));
    let stays: BTreeMap<Status, u64> = parcel.stays().collect();
    let expected = [(InTransit, 2), (AtDepot, 2), (OutForDelivery, 2), (Attempted, 1)];
    assert_eq!(stays, expected.into_iter().map(|(s, n)| (s, n * MINUTE)).collect());
    assert_eq!((parcel.attempts, parcel.entered), (1, at(7)));
    let wrong = folded(told.map(|to| news("x", to)).into_iter().chain([correction(4, Some(AtDepot))]));
    assert_eq!(wrong.attempts, 0, "an attempt that was none is not counted");
}

#[test]
fn a_step_back_keeps_its_event_but_has_no_effect() {
    let parcel = folded([news("shipped", Status::InTransit), news("approved", Status::Announced)]);
    assert_eq!((parcel.status, parcel.raw.as_deref()), (Status::InTransit, Some("shipped")));
    assert_eq!(open_issues(&parcel), [("status_conflict", "in_transit -> announced from olist")]);
    assert_eq!((parcel.issues[0].eid, parcel.issues[0].at, parcel.events), (eid(1), at(1), 2));
    let repeated = (0..3).map(|_| news("approved", Status::Announced));
    let parcel = folded([scan(Status::InTransit)].into_iter().chain(repeated));
    assert_eq!(parcel.issues.len(), 1, "the same conflict is told once");
}

#[test]
fn the_first_end_absorbs_and_another_end_is_a_conflict() {
    let delivered = [news("shipped", Status::InTransit), news("delivered", Status::Delivered)];
    let parcel = folded(delivered.clone().into_iter().chain([news("again", Status::Delivered)]));
    assert_eq!((parcel.since, parcel.raw.as_deref(), parcel.issues.len()), (at(1), Some("delivered"), 0));
    let parcel = folded(delivered.clone().into_iter().chain([news("canceled", Status::Cancelled)]));
    assert_eq!(parcel.status, Status::Delivered);
    assert_eq!(open_issues(&parcel), [("status_conflict", "delivered -> cancelled from olist")]);
    let forced = ParcelEvent::Moved(Moved { to: Status::AtDepot, forced: true, ..Moved::default() });
    let parcel = folded(delivered.into_iter().chain([forced]));
    assert_eq!(open_issues(&parcel), [("status_conflict", "delivered -> at_depot by scan")]);
}

#[test]
fn a_report_of_the_same_moment_as_the_end_is_no_conflict() {
    let end = Reported { at: Some(at(5)), ..report("delivered", Status::Delivered) };
    let same = Reported { at: Some(at(5)), ..report("shipped", Status::InTransit) };
    let later = Reported { at: Some(at(6)), ..same.clone() };
    let with = |last: &Reported| {
        let events = [end.clone().into(), last.clone().into()];
        let events: Events = (0..).zip(events).map(|(n, e)| stamped(n as usize, at(10 + n), e)).collect();
        fold_all(ParcelId::default(), &events)
    };
    assert!(with(&same).issues.is_empty());
    assert_eq!(reasons(&with(&later)), [STATUS_CONFLICT]);
    let milestones =
        Milestones { carrier_at: Some(at(1)), delivered_at: Some(at(5)), ..Milestones::default() };
    let parcel = folded([
        Reported { milestones, ..report("delivered", Status::Delivered) }.into(),
        Reported { milestones, ..report("shipped", Status::InTransit) }.into(),
    ]);
    assert!(parcel.issues.is_empty());
}

#[test]
fn a_late_report_of_yesterday_does_not_move_todays_parcel_back() {
    let late = Moved { to: Status::AtDepot, at: Some(at(1)), ..Moved::default() };
    let events = vec![
        stamped(0, at(0), scan(Status::InTransit)),
        stamped(1, at(5), scan(Status::OutForDelivery)),
        stamped(2, at(9), ParcelEvent::Moved(late)),
    ];
    let parcel = fold_all(ParcelId::default(), &events);
    assert_eq!((parcel.status, parcel.since, parcel.issues.len()), (Status::OutForDelivery, at(5), 0));
    assert_eq!(fold_until(ParcelId::default(), &events, at(4)).status, Status::AtDepot);
    assert_eq!(fold_until(ParcelId::default(), &events, at(0)).events, 1);
}

#[test]
fn a_forced_step_and_the_end_of_a_hold_need_no_edge_in_the_table() {
    let forced = ParcelEvent::Moved(Moved { to: Status::Attempted, forced: true, ..Moved::default() });
    assert_eq!(folded([scan(Status::InTransit), forced]).status, Status::Attempted);
    let held = folded([scan(Status::Accepted), scan(Status::OnHold)]);
    assert_eq!(held.before_hold, Some(Status::Accepted));
    let resumed = folded([scan(Status::Accepted), scan(Status::OnHold), scan(Status::Accepted)]);
    assert_eq!((resumed.status, resumed.before_hold), (Status::Accepted, None));
    assert!(resumed.issues.is_empty());
}

#[test]
fn an_unmapped_code_moves_nothing_and_is_told_once() {
    let unmapped =
        |raw: &str| -> ParcelEvent { Reported { to: None, ..report(raw, Status::Unknown) }.into() };
    let parcel = folded([news("shipped", Status::InTransit), unmapped("Q7"), unmapped("Q7"), unmapped("Q8")]);
    assert_eq!((parcel.status, parcel.since, parcel.raw.as_deref()), (Status::InTransit, at(0), Some("Q8")));
    assert_eq!(
        open_issues(&parcel),
        [("unmapped_code", "Q7 from olist"), ("unmapped_code", "Q8 from olist")]
    );
    let parcel = folded([unmapped("Q7")]);
    assert_eq!((parcel.status, parcel.since), (Status::Unknown, at(0)), "since it is known of");
    let parcel = folded([news("delivered", Status::Delivered), unmapped("Q7")]);
    assert_eq!((parcel.raw.as_deref(), reasons(&parcel)), (Some("delivered"), vec![UNMAPPED_CODE]));
    let silent = Reported { source: "olist".into(), ..Reported::default() };
    let info = Reported { info: true, ..report("sms sent", Status::Lost) };
    let parcel =
        folded([news("shipped", Status::InTransit), silent.into(), info.into(), news("?", Status::Unknown)]);
    assert_eq!((parcel.raw.as_deref(), parcel.issues.len(), parcel.events), (Some("shipped"), 0, 4));
}

#[test]
fn a_source_that_tells_moments_is_believed_about_the_delivery() {
    let end =
        |milestones| -> ParcelEvent { Reported { milestones, ..report("d", Status::Delivered) }.into() };
    let carrier_at = Some(at(1));
    assert_eq!(folded([end(Milestones::default())]).delivered_at, Some(at(0)));
    assert_eq!(folded([end(Milestones { carrier_at, ..Milestones::default() })]).delivered_at, None);
    let told = Milestones { carrier_at, delivered_at: Some(at(3)), ..Milestones::default() };
    assert_eq!(folded([end(told)]).delivered_at, Some(at(3)));
    assert_eq!(folded([scan(Status::OutForDelivery), scan(Status::Delivered)]).delivered_at, Some(at(1)));
}

#[test]
fn moments_that_contradict_are_told_until_they_are_mended() {
    let row = |to, carrier, delivered| -> ParcelEvent {
        let milestones = Milestones {
            purchased_at: Some(at(10)),
            approved_at: Some(at(20)),
            carrier_at: carrier,
            delivered_at: delivered,
        };
        Reported { milestones, ..report("x", to) }.into()
    };
    let kinds = |parcel: &Parcel| -> Vec<String> {
        assert!(parcel.issues.iter().all(|i| i.reason == SHIPPER_DATA_ERROR));
        parcel.issues.iter().map(|i| i.detail.split(':').next().unwrap().to_owned()).collect()
    };
    let early = folded([row(Status::InTransit, Some(at(15)), None)]);
    assert_eq!(kinds(&early), ["handed over before approval"]);
    assert_eq!(
        early.issues[0].detail,
        format!("handed over before approval: {} is earlier than {}", at(15), at(20))
    );
    let mended =
        folded([row(Status::InTransit, Some(at(15)), None), row(Status::InTransit, Some(at(25)), None)]);
    assert!(mended.issues.is_empty());
    let worse = [row(Status::InTransit, Some(at(15)), None), row(Status::InTransit, Some(at(9)), None)];
    let worse = folded(worse);
    assert_eq!(kinds(&worse), ["handed over before approval", "handed over before purchase"]);
    assert_eq!(worse.issues[0].eid, eid(0), "the issue is that of the first event that raised it");
    let swapped = folded([row(Status::Delivered, Some(at(30)), Some(at(19)))]);
    assert_eq!(kinds(&swapped), ["delivered before hand-over", "delivered before approval"]);
    let cancelled = folded([row(Status::Cancelled, Some(at(30)), Some(at(40)))]);
    assert_eq!(kinds(&cancelled), ["cancelled with a delivery time"]);
    assert!(folded([row(Status::Delivered, Some(at(30)), None)]).issues.is_empty());
}

#[test]
fn a_reason_stands_until_the_parcel_gets_somewhere_and_damage_until_its_end() {
    let start = [scan(Status::OutForDelivery), because(Status::Attempted, "refused")];
    let after = |more: Vec<ParcelEvent>| folded(start.clone().into_iter().chain(more));
    assert_eq!(open_issues(&after(vec![])), [("refused", "x from olist")]);
    assert_eq!(reasons(&after(vec![because(Status::Attempted, "refused")])), ["refused"]);
    assert_eq!(reasons(&after(vec![scan(Status::OnHold)])), ["refused"]);
    assert!(after(vec![scan(Status::AtDepot)]).issues.is_empty());
    let damaged = after(vec![because(Status::Attempted, DAMAGED), scan(Status::AtDepot)]);
    assert_eq!(reasons(&damaged), [DAMAGED]);
    let gone =
        after(vec![because(Status::Attempted, DAMAGED), scan(Status::AtDepot), scan(Status::Disposed)]);
    assert!(gone.issues.is_empty() && gone.flags.has(Flag::Damaged));
    let refused_step = after(vec![because(Status::Announced, DAMAGED)]);
    assert!(refused_step.flags.has(Flag::Damaged), "damage is true wherever the parcel is");
    let by_hand = Moved { to: Status::OnHold, reason: Some("inspection".into()), ..Moved::default() };
    let wordy = Moved { reason: Some("because I saw it".into()), ..by_hand.clone() };
    assert_eq!(reasons(&folded([ParcelEvent::Moved(by_hand)])), ["inspection"]);
    assert!(folded([ParcelEvent::Moved(wordy)]).issues.is_empty());
}

#[test]
fn a_deadline_counts_only_while_it_speaks_of_the_parcel_as_it_is() {
    let fired = |status, since| ParcelEvent::Stale(Stale { status, since: at(since), due: at(9) });
    let stale = folded([scan(Status::AtDepot), fired(Status::AtDepot, 0)]);
    assert!(stale.flags.has(Flag::Stale));
    assert_eq!(reasons(&stale), [STATUS_STALE]);
    for (status, since) in [(Status::AtDepot, 1), (Status::InTransit, 0)] {
        let parcel = folded([scan(Status::AtDepot), fired(status, since)]);
        assert!(!parcel.flags.has(Flag::Stale) && parcel.issues.is_empty());
    }
    let moved = folded([scan(Status::AtDepot), fired(Status::AtDepot, 0), scan(Status::InTransit)]);
    assert!(!moved.flags.has(Flag::Stale) && moved.issues.is_empty());
}

#[test]
fn a_correction_reaches_back_whatever_its_stamp() {
    let wrong = [scan(Status::OutForDelivery), news("d", Status::Delivered), scan(Status::AtDepot)];
    let corrected = |more: Vec<ParcelEvent>| folded(wrong.clone().into_iter().chain(more));
    assert_eq!(corrected(vec![]).status, Status::Delivered);
    let reopened = corrected(vec![correction(1, Some(Status::Attempted))]);
    assert_eq!((reopened.status, reopened.issues.len(), reopened.delivered_at), (Status::AtDepot, 0, None));
    let voided = corrected(vec![correction(1, None)]);
    assert_eq!((voided.status, voided.raw, voided.events), (Status::AtDepot, None, 4));
    let twice = corrected(vec![correction(1, None), correction(1, Some(Status::Disposed))]);
    assert_eq!(twice.status, Status::Disposed, "the later correction counts");
    let late = Reported { at: Some(at(1)), ..report("d", Status::Delivered) }.into();
    let events = vec![stamped(7, at(0), correction(8, Some(Status::AtDepot))), stamped(8, at(9), late)];
    assert_eq!(
        fold_all(ParcelId::default(), &events).status,
        Status::AtDepot,
        "stamped before what it corrects"
    );
}

#[test]
fn a_correction_denies_the_delivery_time_too_and_can_not_undo_a_registration() {
    let milestones = Milestones { delivered_at: Some(at(0)), ..Milestones::default() };
    let row: ParcelEvent = Reported { milestones, ..report("d", Status::Delivered) }.into();
    let parcel = folded([row, correction(0, Some(Status::AtDepot))]);
    assert_eq!((parcel.delivered_at, parcel.milestones), (None, Milestones::default()));
    let entered =
        ParcelEvent::Registered(Box::new(Registered { number: "RR1".into(), ..Registered::default() }));
    let parcel = folded([entered, correction(0, None)]);
    assert_eq!((parcel.number.as_str(), parcel.status), ("RR1", Status::Announced));
}

#[test]
fn flags_are_set_and_taken_away_and_facts_add_up() {
    let flag = |on| ParcelEvent::Flagged(Flagged { flag: Flag::Exceptional, on, reason: None });
    assert!(folded([flag(true)]).flags.has(Flag::Exceptional));
    assert!(!folded([flag(true), flag(false)]).flags.has(Flag::Exceptional));
    let said = |facts| ParcelEvent::Described(Box::new(Described { facts }));
    let parcel = folded([
        said(Facts { items: Some(1), remark: Some("fragile".into()), ..Facts::default() }),
        said(Facts { items: Some(2), cleared: vec!["remark".into()], ..Facts::default() }),
    ]);
    assert_eq!(parcel.facts, Facts { items: Some(2), ..Facts::default() });
}

#[test]
fn a_parcel_keeps_so_many_issues_and_no_more() {
    let codes =
        |n: usize| (0..n).map(|n| Reported { to: None, ..report(&format!("Q{n}"), Status::Unknown) }.into());
    assert_eq!(folded(codes(MAX_ISSUES)).issues.len(), MAX_ISSUES);
    let full = folded(codes(MAX_ISSUES + 1));
    assert_eq!((full.issues.len(), full.events), (MAX_ISSUES, u32::try_from(MAX_ISSUES).unwrap() + 1));
}

/// Few times, codes and reasons, so that events meet.
fn any_event() -> impl Strategy<Value = ParcelEvent> {
    let status = || sample::select(Status::ALL.to_vec());
    let time = || (0..20_u32).prop_map(at);
    let text = |words: [&'static str; 3]| option::of(sample::select(words.to_vec()).prop_map(str::to_owned));
    let reason = || text(["refused", DAMAGED, SHIPPER_DATA_ERROR]);
    let milestones = [(); 4].map(|()| option::weighted(0.2, time()));
    let milestones = milestones.prop_map(|[purchased_at, approved_at, carrier_at, delivered_at]| {
        Milestones { purchased_at, approved_at, carrier_at, delivered_at }
    });
    let facts = (option::of(0..3_u32), any::<bool>()).prop_map(|(items, clear)| Facts {
        items,
        cleared: if clear { vec!["remark".into()] } else { Vec::new() },
        remark: items.map(|n| n.to_string()),
        ..Facts::default()
    });
    let reported = (
        text(["A", "B", "C"]),
        option::weighted(0.8, status()),
        proptest::bool::weighted(0.1),
        reason(),
        option::of(time()),
        text(["RR1", "RR2", "RR3"]),
        facts.clone(),
        milestones,
    )
        .prop_map(|(raw, to, info, reason, at, number, facts, milestones)| Reported {
            source: "dpd".into(),
            raw,
            to,
            info,
            reason,
            at,
            number,
            facts,
            milestones,
            ..Reported::default()
        });
    let moved = (status(), option::of(time()), reason(), any::<bool>())
        .prop_map(|(to, at, reason, forced)| Moved { to, at, reason, forced, ..Moved::default() });
    prop_oneof![
        1 => Just(ParcelEvent::Registered(Box::new(Registered { number: "RR9".into(), ..Registered::default() }))),
        6 => reported.prop_map(ParcelEvent::from),
        6 => moved.prop_map(ParcelEvent::Moved),
        1 => facts.prop_map(|facts| ParcelEvent::Described(Box::new(Described { facts }))),
        1 => Just(ParcelEvent::Noted(Noted { text: "n".into() })),
        2 => (0..12_usize, option::of(status())).prop_map(|(of, to)| correction(of, to)),
        2 => (status(), time(), time()).prop_map(|(status, since, due)| ParcelEvent::Stale(Stale { status, since, due })),
        1 => (sample::select(Flag::ALL.to_vec()), any::<bool>())
            .prop_map(|(flag, on)| ParcelEvent::Flagged(Flagged { flag, on, reason: None })),
    ]
}

fn any_events() -> impl Strategy<Value = Events> {
    collection::vec((any_event(), 0..20_u32), 0..14)
        .prop_map(|events| (0..).zip(events).map(|(n, (event, t))| stamped(n, at(t), event)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_change_nothing(
        (events, arrived) in any_events().prop_flat_map(|events| {
            let twice: Events = events.iter().chain(&events).cloned().collect();
            let len = twice.len();
            let some = collection::vec(0..len.max(1), 0..6);
            (Just(events.clone()), (Just(events).prop_shuffle(), some).prop_map(move |(mut events, some)| {
                events.extend(some.into_iter().filter_map(|n| twice.get(n).cloned()));
                events
            }))
        })
    ) {
        let once = fold_all(ParcelId::default(), &events);
        prop_assert_eq!(&fold_all(ParcelId::default(), &arrived), &once);
        prop_assert_eq!(once.events as usize, events.len());
        prop_assert_eq!(&fold_until(ParcelId::default(), &arrived, Timestamp::MAX), &once);
    }

    #[test]
    fn one_by_one_gives_the_same_as_all_at_once(mut events in any_events()) {
        events.sort_by_key(|e| e.key);
        let mut parcel = Parcel::new(ParcelId::default());
        for (n, event) in events.iter().enumerate() {
            let all = fold_all(ParcelId::default(), &events[..=n]);
            if reaches_back(&parcel, &event.event) {
                parcel = all;
                continue;
            }
            let ended = rules::is_final(parcel.status).then_some((parcel.status, parcel.since));
            parcel = fold(parcel, event);
            prop_assert_eq!(&parcel, &all);
            prop_assert!(ended.is_none_or(|end| end == (parcel.status, parcel.since)), "an end is an end");
            prop_assert_eq!(parcel.before_hold.is_some() && parcel.status != Status::OnHold, false);
        }
    }
}

/// The real parcels beside the source tree, wherever it was checked out.
fn olist() -> Option<PathBuf> {
    let shared =
        std::env::var_os("CROSSDOCK_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    Some(shared.join("data/olist")).filter(|folder| folder.join("status-log.csv").exists())
}

#[test]
fn real_parcels_are_where_their_log_says_at_each_moment() {
    let Some(folder) = olist() else {
        eprintln!("SKIPPED: no olist data; set CROSSDOCK_SHARED to the folder that holds data/olist");
        return;
    };
    let time = |text: &str| Timestamp::parse(text, &TimeZone::UTC).unwrap();
    let imported = time("2030-01-01 00:00:00");
    let mut parcels: BTreeMap<String, Events> = BTreeMap::new();
    let mut log = csv::Reader::from_path(folder.join("status-log.csv")).unwrap();
    for (n, row) in log.records().enumerate() {
        let row = row.unwrap();
        let to = match &row[2] {
            "created" | "approved" | "invoiced" | "processing" => Status::Announced,
            "shipped" => Status::InTransit,
            "delivered" => Status::Delivered,
            "canceled" => Status::Cancelled,
            "unavailable" => Status::Disposed,
            other => panic!("{other} is not in the map"),
        };
        let at = Some(&row[3]).filter(|at| !at.is_empty()).map(time);
        let event = Reported { at, number: Some(row[0].to_owned()), ..report(&row[2], to) };
        parcels.entry(row[0].to_owned()).or_default().push(stamped(n, imported, event.into()));
    }
    let facts: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("facts.json")).unwrap()).unwrap();
    assert_eq!(parcels.len(), 4122);
    let moments = facts["state_by_log_at"].as_object().unwrap();
    assert_eq!(moments.len(), 4);
    for (moment, expected) in moments {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for events in parcels.values() {
            let parcel = fold_until(ParcelId::default(), events, time(moment));
            if let Some(raw) = parcel.raw {
                *counts.entry(raw).or_default() += 1;
            }
        }
        assert_eq!(&serde_json::to_value(&counts).unwrap(), expected, "{moment}");
    }
}

/// The same event, written at another site.
fn at_site(site: u32, mut e: Stamped<ParcelEvent>) -> Stamped<ParcelEvent> {
    e.site = site;
    e
}

#[test]
fn a_parcel_is_where_it_was_last_scanned_and_expected_where_it_was_sent() {
    let step = |to| ParcelEvent::Moved(Moved { to, ..Moved::default() });
    let sent = |to| ParcelEvent::HandedOver(HandedOver { to, note: None });
    let line = timeline([
        ParcelEvent::Registered(Box::new(Registered { number: "RR1".into(), ..Registered::default() })),
        step(Status::AtDepot),
        sent(2),
        step(Status::InTransit),
        step(Status::AtDepot),
        step(Status::Delivered),
    ]);
    let sites = [1, 1, 1, 1, 2, 0];
    let line: Vec<_> = line.into_iter().zip(sites).map(|(e, site)| at_site(site, e)).collect();
    let after = |n: usize| {
        let p = fold_all(ParcelId::default(), &line[..n]);
        (p.origin.map(|s| s.site), p.custody.map(|s| s.site), p.next)
    };
    assert_eq!(after(1), (Some(1), None, None));
    assert_eq!(after(3), (Some(1), Some(1), Some(2)));
    assert_eq!(after(4), (Some(1), Some(1), Some(2)), "on its way, and still theirs");
    assert_eq!(after(5), (Some(1), Some(2), None));
    assert_eq!(after(6), (Some(1), Some(2), None), "headquarters says what happened, it has no parcels");
    let mut shuffled = line.clone();
    shuffled.reverse();
    assert_eq!(fold_all(ParcelId::default(), &shuffled), fold_all(ParcelId::default(), &line));
}

#[test]
fn a_scan_that_is_taken_back_proves_nothing() {
    let step = |to| ParcelEvent::Moved(Moved { to, ..Moved::default() });
    let line = timeline([step(Status::AtDepot), step(Status::AtDepot)]);
    let mut line: Vec<_> = line.into_iter().zip([1, 2]).map(|(e, site)| at_site(site, e)).collect();
    let voided = Corrected { eid: line[1].key.eid, to: None, reason: "another parcel".into() };
    line.push(at_site(0, stamped(9, at(9), ParcelEvent::Corrected(voided))));
    let parcel = fold_all(ParcelId::default(), &line);
    assert_eq!((parcel.origin.map(|s| s.site), parcel.custody.map(|s| s.site)), (Some(1), Some(1)));
}
