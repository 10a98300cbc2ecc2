//! Cases as a whole, over a store in memory.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::derived::{Fact, Subject, derive};
use super::event::CaseEvent;
use super::model::{About, Case, MAX_NOTES, Owner, SlaClock};
use super::reasons::Reason;
use super::repo::{self, CASES, Reader, SCAN_BUDGET, Wanted, Which, Whose};
use super::rules::{self, CaseId, Command, Resolution, State, Step};
use super::service::{self, CaseError, MAX_BULK, MAX_STEPS};
use super::worker;
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::deadlines::opening::Hours;
use crate::deadlines::policy::{HouseRules, Policy};
use crate::identity::features::{BulkCases, Feature, Features, WorkCases};
use crate::identity::grant::{Actor, Grant, Principal, Scope};
use crate::journal::{Arrival, Cx, Folded, history, receive, record};
use crate::store::{self, Lane, Store, StoreError, WriteTx};

const TENANT: u32 = 1;
const DAY: u64 = 24;

fn hours(n: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(n * 3_600))
}

/// A depot that works day and night.
struct Depot {
    store: Store,
    parcel: Id,
}

impl Depot {
    fn new() -> Self {
        let depot = Self {
            store: Store::new(store::redb::Redb::memory().unwrap()),
            parcel: Id::derived(&[b"a parcel"]),
        };
        let mut rules = HouseRules::usual("UTC");
        rules.opening.hours = Hours::Always;
        depot.write(0, move |tx, _| Policy::keep(tx, &rules)).unwrap();
        depot
    }

    fn write<T, E>(
        &self,
        at: u64,
        mut f: impl FnMut(&mut dyn WriteTx, &Cx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let run = self.store.write(TENANT, Lane::People, move |tx| {
            let cx = Cx::new(tx, &Actor::system(), hours(at), "test")?;
            f(tx, &cx)
        });
        run.wait()
    }

    /// The parcel's facts go from `old` to `new`; each is (reason, detail, hour).
    fn facts(
        &self,
        at: u64,
        old: &[(&'static str, &'static str, u64)],
        new: &[(&'static str, &'static str, u64)],
    ) -> Vec<Id> {
        let (parcel, old, new) = (self.parcel, old.to_vec(), new.to_vec());
        self.write(at, move |tx, cx| derive(tx, cx, &subject(parcel, "RR1"), &facts(&old), &facts(&new)))
            .unwrap()
    }

    fn step(&self, at: u64, id: Id, command: Command) -> Result<State, CaseError> {
        self.write(at, move |tx, cx| {
            Ok(service::step(tx, &boss(), cx, CaseId(id), &command, None)?.state.state)
        })
    }

    fn row(&self, id: Id) -> Folded<Case> {
        self.store.read::<_, StoreError>(TENANT, |tx| CASES.get(tx, &id)).unwrap().unwrap()
    }

    fn state(&self, id: Id) -> State {
        self.row(id).state.state
    }

    fn fire(&self, at: u64) -> usize {
        worker::fire(&self.store, TENANT, hours(at), 10_000, |_, _| Ok(None)).unwrap()
    }

    fn open_count(&self) -> i64 {
        let counts = self.store.read(TENANT, service::open_by_reason).unwrap();
        counts.iter().map(|(_, n)| n).sum()
    }

    fn list(&self, who: &Principal, wanted: &Wanted, at: u64) -> Vec<Id> {
        let reader = Reader { scope: &who.scope, actor: &who.actor };
        let page =
            self.store.read(TENANT, |tx| repo::list(tx, &reader, wanted, hours(at), None, 100)).unwrap();
        page.0.iter().map(|e| e.value.state.id.0).collect()
    }
}

fn subject(id: Id, label: &str) -> Subject<'_> {
    Subject { kind: "parcel", id, label, distributor: Some("bar") }
}

fn facts(list: &[(&'static str, &'static str, u64)]) -> Vec<Fact<'static>> {
    list.iter().map(|(reason, detail, at)| Fact { reason, eid: [7; 16], at: hours(*at), detail }).collect()
}

fn boss<F: Feature>() -> Grant<F> {
    Arc::new(Principal::system(TENANT)).grant().unwrap()
}

fn clerk(name: &str, scope: Scope) -> Principal {
    let actor = Actor { user: Id::derived(&[name.as_bytes()]), number: 5, name: name.into(), device: None };
    let features = Features::from_names(["cases.view", "cases.work", "cases.bulk"]);
    Principal { actor, features, scope, ..Principal::system(TENANT) }
}

fn resolve() -> Command {
    Command::Resolve { resolution: Resolution::Solved, note: String::new() }
}

const HELD: &[(&str, &str, u64)] = &[("address_incomplete", "no number", 0)];

#[test]
fn a_case_opens_with_its_fact_goes_with_it_and_comes_back_with_it() {
    let depot = Depot::new();
    let opened = depot.facts(0, &[], HELD);
    let [id] = opened[..] else { panic!("{opened:?}") };
    let case = depot.row(id);
    assert_eq!(
        (case.state.state, case.state.opened_at, case.state.running().due),
        (State::Open, hours(0), hours(4))
    );
    assert_eq!((case.due, depot.open_count()), (Some(hours(2)), 1));
    assert!(depot.facts(1, HELD, HELD).is_empty(), "it is open already");

    depot.facts(2, HELD, &[]);
    let case = depot.row(id);
    assert_eq!((case.state.state, case.due, case.state.closed_at()), (State::Resolved, None, Some(hours(2))));
    assert_eq!((depot.open_count(), depot.fire(9 * DAY)), (0, 0));

    assert_eq!(depot.facts(3, &[], HELD), [id]);
    assert_eq!((depot.state(id), depot.row(id).due, depot.open_count()), (State::Open, Some(hours(2)), 1));
    assert_eq!(depot.row(id).line.n, 0, "facts are no events");
}

#[test]
fn what_a_person_ended_stays_ended_when_its_fact_comes_back() {
    let depot = Depot::new();
    let id = depot.facts(0, &[], HELD)[0];
    depot.step(1, id, resolve()).unwrap();
    depot.facts(2, HELD, &[]);
    assert!(depot.facts(3, &[], HELD).is_empty());
    assert_eq!((depot.state(id), depot.open_count()), (State::Resolved, 0));
}

#[test]
fn who_reopens_a_case_although_its_fact_is_gone_keeps_it_open() {
    let depot = Depot::new();
    let id = depot.facts(0, &[], HELD)[0];
    depot.step(1, id, Command::Start).unwrap();
    depot.facts(2, HELD, &[]);
    assert_eq!(depot.state(id), State::Resolved);
    depot.step(3, id, Command::Reopen { reason: "the customer still waits".into() }).unwrap();
    let case = depot.row(id);
    assert_eq!(
        (case.state.state, case.state.running().due, case.due),
        (State::Open, hours(7), Some(hours(5)))
    );
    depot.step(4, id, resolve()).unwrap();
    assert_eq!(depot.state(id), State::Resolved);
}

#[test]
fn two_contradictions_of_one_change_are_two_cases_and_new_words_are_the_same_one() {
    let depot = Depot::new();
    let two = &[
        ("shipper_data_error", "delivered before hand-over: 1", 0),
        ("shipper_data_error", "delivered before approval: 2", 0),
    ];
    let ids = depot.facts(0, &[], two);
    assert_eq!(ids.len(), 2);
    let one = &[("shipper_data_error", "delivered before hand-over: 3", 0)];
    assert!(depot.facts(1, two, one).is_empty());
    assert_eq!(
        (depot.row(ids[0]).state.detail.as_str(), depot.state(ids[1])),
        ("delivered before hand-over: 3", State::Resolved)
    );

    let parcel = depot.parcel;
    depot.write(2, move |tx, cx| derive(tx, cx, &subject(parcel, "RR2"), &facts(one), &facts(one))).unwrap();
    assert_eq!(depot.row(ids[0]).state.subject.label, "RR2");
    let odd = depot.facts(2, &[], &[("eaten_by_dog", "twice", 0)])[0];
    assert_eq!(
        (depot.row(odd).state.reason, depot.row(odd).state.detail.as_str()),
        (Reason::Unspecified, "eaten_by_dog: twice")
    );
}

#[test]
fn a_case_nobody_begins_escalates_once_a_level_and_once_after_a_night_off() {
    let depot = Depot::new();
    let id = depot.facts(0, &[], HELD)[0];
    assert_eq!(depot.fire(1), 0);
    assert_eq!((depot.fire(2), depot.fire(2), depot.row(id).state.level), (1, 0, 1));
    // the depot sleeps through the second and third level
    assert_eq!((depot.fire(12), depot.fire(12), depot.row(id).state.level), (1, 0, 3));
    assert_eq!((depot.row(id).due, depot.row(id).line.n, depot.fire(1_000)), (None, 2, 0));
}

#[test]
fn old_files_escalate_once_a_case_and_a_first_action_ends_it() {
    let depot = Depot::new();
    let many: Vec<(&'static str, &'static str, u64)> =
        Reason::ALL.iter().map(|r| (r.code(), "x", 0)).collect();
    let parcel = depot.parcel;
    let all = many.clone();
    let ids = depot
        .write(900 * DAY, move |tx, cx| derive(tx, cx, &subject(parcel, "RR1"), &[], &facts(&all)))
        .unwrap();
    depot.step(900 * DAY, ids[0], Command::Acknowledge).unwrap();
    assert_eq!(worker::fire(&depot.store, TENANT, hours(900 * DAY), 10, |_, _| Ok(None)).unwrap(), 10);
    assert_eq!(depot.fire(900 * DAY), many.len() - 11);
    assert_eq!(
        (depot.fire(999 * DAY), depot.row(ids[0]).state.level, depot.row(ids[1]).state.level),
        (0, 0, 3)
    );
}

#[test]
fn a_wait_ends_by_itself_and_a_step_before_ends_it_too() {
    let depot = Depot::new();
    let id = depot.facts(0, &[], HELD)[0];
    let wait = |until| Command::Wait { until: hours(until), note: "they call back".into() };
    depot.step(1, id, wait(5)).unwrap();
    assert_eq!((depot.row(id).due, depot.fire(4)), (Some(hours(5)), 0));
    assert_eq!((depot.fire(6), depot.fire(6)), (1, 0));
    let case = depot.row(id).state;
    assert_eq!(
        (case.state, case.waiting_until, case.first_action_at),
        (State::Acknowledged, None, Some(hours(1)))
    );
    depot.step(7, id, wait(20)).unwrap();
    depot.step(8, id, Command::Start).unwrap();
    assert_eq!((depot.fire(99), depot.state(id)), (0, State::InProgress));
}

#[test]
fn a_deadline_that_is_nobody_s_is_taken_away() {
    let depot = Depot::new();
    depot.write(0, |tx, _| due::replace(tx, DueKind::Escalation, Id::NIL, None, Some(hours(0)))).unwrap();
    assert_eq!((depot.fire(1), depot.fire(1)), (1, 0));
}

#[test]
fn every_step_is_taken_exactly_where_the_table_allows_it() {
    for from in State::ALL {
        for step in Step::ALL {
            let depot = Depot::new();
            let ids = depot.facts(0, &[], &[HELD[0], ("damaged", "wet", 0)]);
            let (id, other) = (ids[0], CaseId(ids[1]));
            let owner = Some(Owner { id: Id::fresh(), name: "Ann".into() });
            let to = |state| match state {
                State::Open => None,
                State::Acknowledged => Some(Command::Acknowledge),
                State::InProgress => Some(Command::Start),
                State::Waiting => Some(Command::Wait { until: hours(9), note: String::new() }),
                State::Resolved => Some(resolve()),
                State::Merged => Some(Command::Merge { into: other }),
            };
            if let Some(command) = to(from) {
                depot.step(1, id, command).unwrap();
            }
            let command = match step {
                Step::Acknowledge => Command::Acknowledge,
                Step::Start => Command::Start,
                Step::Wait => Command::Wait { until: hours(30), note: String::new() },
                Step::Resolve => resolve(),
                Step::Reopen => Command::Reopen { reason: "why".into() },
                Step::Merge => Command::Merge { into: other },
                Step::Assign => Command::Assign { owner },
                Step::Note => Command::Note { text: "n".into() },
            };
            let before = depot.row(id);
            match (depot.step(2, id, command), rules::next(from, step)) {
                (Ok(state), Some(expected)) => assert_eq!(state, expected, "{from} {step}"),
                (Err(e), None) => {
                    assert_eq!(
                        (e.kind(), e.code()),
                        (Kind::Conflict, "case.invalid_transition"),
                        "{from} {step}"
                    );
                    assert!(e.extra().contains_key("allowed"));
                    assert_eq!(depot.row(id), before, "a refused step leaves no trace");
                }
                (got, expected) => panic!("{from} {step}: {got:?}, expected {expected:?}"),
            }
        }
    }
}

#[test]
fn a_case_merges_only_into_an_open_one_that_can_be_seen() {
    let depot = Depot::new();
    let ids = depot.facts(0, &[], &[HELD[0], ("damaged", "wet", 0)]);
    let merge = |into| Command::Merge { into: CaseId(into) };
    assert!(matches!(depot.step(1, ids[0], merge(Id::fresh())), Err(CaseError::Unknown(_))));
    depot.step(1, ids[1], resolve()).unwrap();
    assert!(matches!(depot.step(1, ids[0], merge(ids[1])), Err(CaseError::Closed { .. })));
    depot.step(2, ids[1], Command::Reopen { reason: "still wet".into() }).unwrap();
    assert_eq!(depot.step(3, ids[0], merge(ids[1])).unwrap(), State::Merged);
    assert_eq!((depot.row(ids[0]).state.merged_into, depot.open_count()), (Some(CaseId(ids[1])), 1));
    depot.facts(4, &[HELD[0]], &[]);
    assert_eq!(depot.state(ids[0]), State::Merged, "it lives on elsewhere, whatever its fact does");
}

#[test]
fn merging_and_giving_to_others_need_their_own_right() {
    let depot = Depot::new();
    let ids = depot.facts(0, &[], &[HELD[0], ("damaged", "wet", 0)]);
    let ann = Arc::new(clerk("ann", Scope::Tenant));
    let attempt = |command: Command| {
        let (grant, id) = (ann.grant::<WorkCases>().unwrap(), CaseId(ids[0]));
        depot.write(1, move |tx, cx| service::step(tx, &grant, cx, id, &command, None).map(|w| w.state))
    };
    let bob = Owner { id: Id::fresh(), name: "bob".into() };
    assert_eq!(attempt(Command::Merge { into: CaseId(ids[1]) }).unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(attempt(Command::Assign { owner: Some(bob) }).unwrap_err().kind(), Kind::Forbidden);
    let own = service::oneself(&ann.grant::<WorkCases>().unwrap());
    assert_eq!(attempt(Command::Assign { owner: Some(own.clone()) }).unwrap().owner, Some(own));
    assert!(
        !service::steps_of(&ann.grant::<WorkCases>().unwrap(), &depot.row(ids[0]).state)
            .contains(&Step::Merge)
    );
}

#[test]
fn a_bulk_step_judges_each_case_and_an_atomic_one_leaves_nothing_behind() {
    let depot = Depot::new();
    let ids = depot.facts(0, &[], &[HELD[0], ("damaged", "wet", 0), ("lost", "gone", 0)]);
    depot.step(1, ids[1], resolve()).unwrap();
    let before: Vec<_> = ids.iter().map(|id| depot.row(*id)).collect();
    let run = |ids: Vec<CaseId>, atomic| {
        depot.write(2, move |tx, cx| {
            service::bulk(tx, &boss::<BulkCases>(), cx, &ids, &Command::Start, atomic)
        })
    };
    let named: Vec<CaseId> = ids.iter().map(|id| CaseId(*id)).collect();
    let refused = run(named.clone(), true).unwrap_err();
    assert!(refused.extra()["results"][0].get("state").is_none(), "nobody moved");
    assert_eq!((refused.kind(), refused.extra()["results"].as_array().unwrap().len()), (Kind::Conflict, 3));
    assert_eq!(ids.iter().map(|id| depot.row(*id)).collect::<Vec<_>>(), before);

    let twice = named.iter().chain(&named).copied().collect();
    let states: Vec<_> = run(twice, false).unwrap().into_iter().map(|v| (v.state, v.code)).collect();
    let (done, not) = ((Some(State::InProgress), None), (None, Some("case.invalid_transition".to_owned())));
    assert_eq!(states, [done.clone(), not, done]);

    let many = |n| (0..n).map(|_| CaseId::fresh()).collect::<Vec<_>>();
    assert_eq!(run(many(MAX_BULK), false).unwrap().len(), MAX_BULK);
    assert_eq!(run(many(MAX_BULK + 1), false).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(run(Vec::new(), false).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_stale_revision_changes_nothing_and_one_step_too_many_is_refused() {
    let depot = Depot::new();
    let id = depot.facts(0, &[], HELD)[0];
    let change = |rev| {
        let commands = [
            Command::Assign { owner: Some(Owner { id: Id::fresh(), name: "Ann".into() }) },
            Command::Note { text: "n".into() },
        ];
        depot.write(1, move |tx, cx| service::change(tx, &boss(), cx, CaseId(id), &commands, rev))
    };
    assert_eq!(change(2).unwrap_err().kind(), Kind::Stale);
    let (case, rev) = change(1).unwrap();
    assert_eq!((case.notes.len(), case.owner.unwrap().name.as_str(), rev), (1, "Ann", 2));
    assert_eq!(depot.row(id).line.n, 2);

    let notes = vec![CaseEvent::Noted { text: "again".into() }; MAX_STEPS as usize - 3];
    depot
        .write(2, move |tx, cx| {
            let row = CASES.get(tx, &id)?;
            record(tx, cx, id, row, notes.clone())
        })
        .unwrap();
    depot.step(3, id, Command::Note { text: "the last".into() }).unwrap();
    assert!(matches!(depot.step(3, id, Command::Start), Err(CaseError::Full)));
    let case = depot.row(id).state;
    assert_eq!((case.notes.len(), case.notes[MAX_NOTES - 1].text.as_str()), (MAX_NOTES, "the last"));
    assert_eq!(case.notes_count, MAX_STEPS - 1);
    let taken = depot.store.read(TENANT, |tx| service::taken(tx, &depot.row(id))).unwrap();
    assert_eq!((taken.len(), taken[0].1.as_deref()), (MAX_STEPS as usize, Some("system")));
}

#[test]
fn lists_begin_with_the_most_urgent_and_show_each_only_what_is_theirs() {
    let depot = Depot::new();
    let ids = depot.facts(0, &[], &[("lost", "l", 0), ("damaged", "d", 0), ("refused", "r", 0), HELD[0]]);
    let [lost, damaged, refused, address] = ids[..] else { panic!() };
    depot.step(2, refused, resolve()).unwrap();
    let (all, ann) = (Principal::system(TENANT), clerk("ann", Scope::Own));
    assert_eq!(depot.list(&all, &Wanted::default(), 1), [damaged, address, lost, refused]);
    let list = |who: &Principal, wanted: Wanted| depot.list(who, &wanted, 3);
    assert_eq!(list(&all, Wanted { which: Which::Closed, ..Wanted::default() }), [refused]);
    assert_eq!(
        list(&all, Wanted { which: Which::In(State::Open), ..Wanted::default() }),
        [damaged, address, lost]
    );
    assert_eq!(list(&all, Wanted { overdue: Some(true), ..Wanted::default() }), [damaged]);
    assert_eq!(list(&all, Wanted { overdue: Some(false), ..Wanted::default() }), [address, lost, refused]);
    assert_eq!(list(&all, Wanted { reason: Some(Reason::Lost), ..Wanted::default() }), [lost]);
    assert_eq!(
        list(&all, Wanted { subject: Some(depot.parcel), which: Which::Open, ..Wanted::default() }),
        [damaged, address, lost]
    );
    assert!(list(&ann, Wanted::default()).is_empty());

    let owner = Some(Owner { id: ann.actor.user, name: "ann".into() });
    depot.step(2, lost, Command::Assign { owner }).unwrap();
    assert_eq!(list(&ann, Wanted::default()), [lost]);
    assert_eq!(list(&all, Wanted { owner: Some(Whose::User(ann.actor.user)), ..Wanted::default() }), [lost]);
    assert_eq!(
        list(&all, Wanted { owner: Some(Whose::Nobody), which: Which::Open, ..Wanted::default() }),
        [damaged, address]
    );

    let partner =
        |names: &[&str]| clerk("pat", Scope::Distributors(names.iter().map(|n| (*n).to_owned()).collect()));
    for (names, sees) in [(&["bar"][..], 4), (&["foo"][..], 0), (&["foo", "bar"][..], 4)] {
        assert_eq!(list(&partner(names), Wanted::default()).len(), sees, "{names:?}");
    }
    let foreign = Wanted { distributor: Some("bar".into()), ..Wanted::default() };
    assert!(list(&partner(&["foo"]), foreign).is_empty());
    let grant = Arc::new(partner(&["foo"])).grant::<WorkCases>().unwrap();
    let hidden = depot.store.read(TENANT, |tx| service::find(tx, &grant, CaseId(lost)));
    assert_eq!(hidden.unwrap_err().kind(), Kind::NotFound);
    let by_hand =
        depot.write(3, move |tx, cx| service::open(tx, &grant, cx, Reason::Lost, None, "").map(drop));
    assert_eq!(by_hand.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_filter_without_an_index_costs_a_bounded_page_and_goes_on_behind_it() {
    let depot = Depot::new();
    let made = SCAN_BUDGET + 1;
    depot
        .write(0, move |tx, cx| -> Result<(), StoreError> {
            for i in 0..made {
                let (reason, at) = if i + 1 == made { ("lost", hours(500)) } else { ("damaged", hours(0)) };
                let fact = Fact { reason, eid: [1; 16], at, detail: "x" };
                derive(tx, cx, &subject(Id::derived(&[&i.to_be_bytes()]), "RR"), &[], &[fact])?;
            }
            Ok(())
        })
        .unwrap();
    let (all, wanted) =
        (Principal::system(TENANT), Wanted { reason: Some(Reason::Lost), ..Wanted::default() });
    let reader = Reader { scope: &all.scope, actor: &all.actor };
    let page = |cursor: Option<&str>| {
        depot.store.read(TENANT, |tx| repo::list(tx, &reader, &wanted, hours(0), cursor, 50)).unwrap()
    };
    let (none, next) = page(None);
    assert!(none.is_empty() && next.is_some());
    let (found, next) = page(next.as_deref());
    assert_eq!((found.len(), next), (1, None));
}

#[test]
fn the_depot_s_own_trouble_is_one_case_that_comes_and_goes() {
    let depot = Depot::new();
    let open = |at| {
        depot
            .write(at, |tx, cx| service::open_operational(tx, cx, Reason::DiskLow, "", "3 % are free"))
            .unwrap()
    };
    let well =
        |at| depot.write(at, |tx, cx| service::resolve_operational(tx, cx, Reason::DiskLow, "")).unwrap();
    assert!(!well(0));
    let id = open(0).unwrap();
    assert_eq!((open(1), depot.open_count()), (None, 1));
    assert!(well(2) && !well(2));
    assert_eq!((depot.state(id.0), open(3), depot.row(id.0).state.reopened), (State::Resolved, Some(id), 1));
    assert_eq!(depot.row(id.0).state.running().from, hours(3));
    let merge = Command::Merge { into: CaseId(depot.facts(0, &[], HELD)[0]) };
    assert!(matches!(depot.step(4, id.0, merge), Err(CaseError::OfTheDepot)));
    let other =
        depot.write(5, |tx, cx| service::open_operational(tx, cx, Reason::JobDead, "7", "gave up")).unwrap();
    assert!(other.is_some_and(|o| o != id));
    let by_hand =
        depot.write(5, |tx, cx| service::open(tx, &boss(), cx, Reason::DiskLow, None, "").map(drop));
    assert_eq!(by_hand.unwrap_err().kind(), Kind::Invalid);
    let made = depot
        .write(6, |tx, cx| service::open(tx, &boss(), cx, Reason::Weather, None, "storm on route 7"))
        .unwrap();
    assert_eq!((made.state.state, made.state.running().due), (State::Open, hours(10)));
    assert_eq!(made.state.subject, About::default());
}

#[test]
fn every_index_entry_and_deadline_agrees_with_its_row() {
    let depot = Depot::new();
    let ids = depot.facts(0, &[], &[HELD[0], ("damaged", "wet", 0), ("lost", "gone", 0)]);
    depot.step(1, ids[0], resolve()).unwrap();
    depot.facts(2, &[("lost", "gone", 0)], &[]);
    depot.fire(3);
    depot
        .write(3, |tx, cx| service::open_operational(tx, cx, Reason::JobLate, "7", "late").map(drop))
        .unwrap();
    let mut tables = repo::tables();
    tables.push(&due::Rows);
    let report = store::check::run(&depot.store, &tables).unwrap();
    assert_eq!((report.collections["cases"], report.collections["case_node"]), (4, 1));
    let foreign = report.faults.iter().filter(|f| f.starts_with("a record of unknown collection")).count();
    assert_eq!(foreign, report.faults.len(), "{:?}", report.faults);
}

fn event() -> impl Strategy<Value = CaseEvent> {
    let clock = || SlaClock { from: hours(1), due: hours(5), levels: vec![hours(3), hours(5)] };
    prop_oneof![
        Just(CaseEvent::Acknowledged {}),
        Just(CaseEvent::Started {}),
        Just(CaseEvent::Waited { until: hours(9), note: "w".into() }),
        Just(CaseEvent::Woken { due: hours(9) }),
        Just(CaseEvent::Resolved { resolution: Resolution::Solved, note: "r".into() }),
        any::<bool>().prop_map(move |insists| CaseEvent::Reopened {
            why: "y".into(),
            insists,
            clock: clock()
        }),
        Just(CaseEvent::Merged { into: CaseId(Id::NIL) }),
        any::<bool>().prop_map(|some| CaseEvent::Assigned {
            owner: some.then(|| Owner { id: Id::NIL, name: "Ann".into() })
        }),
        "[a-c]{1,2}".prop_map(|text| CaseEvent::Noted { text }),
        (1_u8..4).prop_map(|level| CaseEvent::Escalated {
            level,
            due: hours(1 + u64::from(level)),
            to: None
        }),
    ]
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]
    #[test]
    fn steps_and_facts_in_any_order_and_twice_make_the_same_case(
        events in proptest::collection::vec(event(), 0..12),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 0..30),
        held_after in 0_usize..30, gone in any::<bool>(), gone_after in 0_usize..30,
    ) {
        let here = Depot::new();
        let id = here.facts(0, &[], HELD)[0];
        let n = events.len();
        for event in events {
            here.write(1, move |tx, cx| { let row = CASES.get(tx, &id)?; record(tx, cx, id, row, vec![event.clone()]) }).unwrap();
        }
        if gone {
            here.facts(50, HELD, &[]);
        }
        let expected = here.row(id).state;
        let taken = here.store.read(TENANT, |tx| history::<Case>(tx, &here.row(id).line)).unwrap();
        let blobs: Vec<Vec<u8>> = taken.into_iter().map(|(entry, _)| entry.blob).collect();

        // the same elsewhere: some twice and out of order, then all of them backwards, the facts somewhere in between
        let there = Depot::new();
        let mut plan: Vec<usize> = if n == 0 { Vec::new() } else { order.iter().map(|i| i.index(n)).collect() };
        plan.extend((0..n).rev());
        let held_after = held_after.min(plan.len());
        let gone_after = gone_after.max(held_after).min(plan.len());
        for at in 0..=plan.len() {
            if at == held_after {
                there.facts(2, &[], HELD);
            }
            if gone && at == gone_after {
                there.facts(50, HELD, &[]);
            }
            if let Some(i) = plan.get(at) {
                let blob = blobs[*i].clone();
                there.write(3, move |tx, cx| receive::<Case>(tx, cx, &blob, &Arrival::default())).unwrap();
            }
        }
        prop_assert_eq!(&there.row(id).state, &expected);
        prop_assert_eq!(there.open_count(), here.open_count());
        prop_assert_eq!(there.open_count(), i64::from(expected.state.is_open()));
        // and exactly its one deadline is kept
        for depot in [&here, &there] {
            let kept = |kind| depot.store.read(TENANT, |tx| due::next(tx, kind)).unwrap().map(|d| (kind, d.at));
            let deadlines: Vec<_> = [DueKind::Escalation, DueKind::Waiting].into_iter().filter_map(kept).collect();
            prop_assert_eq!(deadlines, expected.deadline().into_iter().collect::<Vec<_>>());
        }
    }
}
