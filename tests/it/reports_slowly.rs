//! Every kind of report, by everything it can be asked by, held against a slow count of the events: over a real file, and
//! over depots that live through whatever chance has happen to them.

use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::base::ids::Id;
use crossdock::journal;
use crossdock::parcels::model::Parcel;
use crossdock::parcels::repo::PARCELS;
use crossdock::store::{Dir, Ix, KeyRange, StoreError};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::{Desk, TENANT};
use crate::support::shared::{OLIST, shared};
use crate::support::slowly::{Item, Slowly};

const ZONE: &str = "America/Sao_Paulo";

/// Every kind, and by what it is asked.
const ASKED: [(&str, &[&[&str]]); 7] = [
    (
        "exceptions",
        &[
            &["reason"],
            &["distributor"],
            &["carrier"],
            &["age"],
            &["fault"],
            &["to_state"],
            &["month"],
            &["distributor", "reason"],
        ],
    ),
    ("dwell", &[&["stay"], &["distributor"], &["to_state"], &["stay", "distributor"]]),
    (
        "lateness",
        &[&["distributor"], &["to_state"], &["carrier"], &["delivered_day"], &["distributor", "month"]],
    ),
    ("first_attempt", &[&["distributor"], &["to_state"], &["carrier"]]),
    (
        "volumes",
        &[
            &["distributor"],
            &["to_state"],
            &["month"],
            &["week"],
            &["day"],
            &["status"],
            &["distributor", "to_state"],
        ],
    ),
    ("transit", &[&["distributor"], &["to_state"], &["carrier", "to_state"]]),
    ("scorecard", &[&["distributor"], &["to_state"], &["carrier"]]),
];

/// Asks for every report, of all or of one distributor, and holds each against what the events come to. Whatever runs by
/// itself may change something in between: then all is asked once more.
fn all_agree(desk: &Desk, then: Option<&str>, only: Option<&str>) {
    let moment = then.map(|t| Timestamp::parse(t, &jiff::tz::TimeZone::UTC).unwrap());
    for _ in 0..100 {
        let before = desk.changes();
        let slowly = Slowly::read(&desk.running().app.store, TENANT, desk.clock.now(), moment, ZONE);
        let mut tables = Vec::new();
        for (kind, by) in ASKED.into_iter().filter(|(kind, _)| then.is_none() || *kind != "exceptions") {
            for by in by {
                let mut ask = json!({ "kind": kind, "by": by, "at": then });
                if let Some(only) = only {
                    ask["only"] = json!({ "distributor": only });
                }
                let answer = desk.post("/reports/query", &ask);
                assert_eq!(answer.status, 200, "{ask}: {answer:?}");
                tables.push((kind, *by, answer.json));
            }
        }
        if desk.changes() == before {
            let wanted = |item: &Item| only.is_none_or(|only| item.key("distributor") == only);
            for (kind, by, table) in &tables {
                slowly.agrees(kind, by, table, wanted);
            }
            return;
        }
    }
    panic!("the depot does not come to rest");
}

/// The lines of a file whose first cell `keep` takes, with its heads.
fn cut(file: &std::path::Path, mut keep: impl FnMut(&str) -> bool) -> Vec<u8> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(reader.headers().unwrap()).unwrap();
    for record in reader.records().map(Result::unwrap).filter(|r| keep(&r[0])) {
        out.write_record(&record).unwrap();
    }
    out.into_inner().unwrap()
}

/// The first 600 parcels of the file with all that its log tells of them; with `CROSSDOCK_LONG` every one.
#[test]
fn every_report_on_a_real_file_equals_a_slow_count_of_its_events() {
    let (Some(parcels), Some(log)) = (shared("data/olist/parcels.csv"), shared("data/olist/status-log.csv"))
    else {
        return;
    };
    let most = if std::env::var_os("CROSSDOCK_LONG").is_some() { usize::MAX } else { 600 };
    let mut numbers = Vec::new();
    let parcels = cut(&parcels, |number| {
        let taken = numbers.len() < most;
        numbers.extend(taken.then(|| number.to_owned()));
        taken
    });
    let known: std::collections::BTreeSet<&str> = numbers.iter().map(String::as_str).collect();
    let log = cut(&log, |number| known.contains(number));
    let desk = Desk::new();
    desk.map("olist", &OLIST);
    for (kind, file) in [("status", log), ("parcels", parcels)] {
        let done = desk.import(&format!("kind={kind}&source=olist&file=olist.csv"), file);
        assert_eq!(done["refused"], 0, "{done}");
    }
    for (n, number) in numbers.iter().take(24).enumerate() {
        let case = json!({ "reason": REASONS[n % REASONS.len()], "subject": number });
        assert!(taken(&desk, "/cases", &case), "{number}");
    }
    // Some of what it found is worked on, so that there is more than one state to count.
    let open = desk.get("/cases?state=active&limit=60").json["items"].as_array().unwrap().clone();
    assert!(open.len() >= 24, "{}", open.len());
    for (n, case) in open.iter().enumerate() {
        let at = format!("/cases/{}", case["id"].as_str().unwrap());
        desk.wait(Duration::from_secs(600));
        let steps: &[&str] =
            [&["acknowledge"][..], &["start", "resolve"], &["start", "resolve", "reopen"], &[]][n % 4];
        for step in steps {
            let body = match *step {
                "resolve" => json!({ "resolution": "solved", "note": "looked at" }),
                "reopen" => json!({ "reason": "it is still so" }),
                _ => json!({}),
            };
            assert!(taken(&desk, &format!("{at}/{step}"), &body), "{step}");
        }
        if n % 3 == 0 {
            let cost =
                json!({ "amount": { "minor": 100 + n, "currency": if n % 2 == 0 { "BRL" } else { "EUR" } } });
            assert!(taken(&desk, &format!("{at}/costs"), &cost));
        }
    }
    all_agree(&desk, None, None);
    all_agree(&desk, Some("2018-10-18T03:00:00Z"), None);
    all_agree(&desk, Some("2018-03-01T03:00:00Z"), Some("D-SP"));
}

/// Sends something that may be refused, but by no fault of the depot's; whether it was taken.
fn taken(desk: &Desk, path: &str, body: &Value) -> bool {
    let request = desk.control(Method::POST, &format!("/api/v1{path}"));
    let answer = desk.send(if *body == json!({}) { request } else { request.json(body) });
    assert!(answer.status < 500, "{path} {body}: {answer:?}");
    answer.status < 300
}

/// What may happen in a depot. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Op {
    /// A parcel is announced.
    Announce(Facts),
    /// A scan, by a supervisor's word where the table has no such step.
    Scan(usize, usize),
    /// Something was late to be told.
    ScanLate(usize, usize, u16),
    /// What is known of it changes.
    Describe(usize, Facts),
    /// An event was wrong: it should have said this, or nothing.
    Correct(usize, usize, Option<usize>),
    /// A case about a parcel, or about several.
    Case(usize, usize, usize),
    /// Somebody does something about a case.
    Step(usize, usize),
    /// It costs.
    Cost(usize, i16, bool),
    /// It is somebody's fault.
    Blame(usize, usize),
    /// A bulk case loses a parcel or gains one.
    Member(usize, usize, bool),
    /// Minutes go by.
    Wait(u16),
}

#[derive(Clone, Debug)]
struct Facts {
    distributor: usize,
    carrier: usize,
    state: usize,
    /// Hours from the beginning, before it and after.
    promised: Option<i16>,
    weight: Option<u32>,
    value: Option<(i32, bool)>,
}

const DISTRIBUTORS: [Option<&str>; 4] = [None, Some("foo"), Some("bar"), Some("D-SP")];
const CARRIERS: [Option<&str>; 3] = [None, Some("ups"), Some("dhl")];
const STATES: [Option<&str>; 4] = [None, Some("SP"), Some("RJ"), Some("BA")];
const REASONS: [&str; 5] = ["damaged", "weather", "address_incomplete", "lost", "refused"];
const FAULTS: [&str; 4] = ["shipper", "carrier", "depot", "none"];
const STATUSES: [&str; 15] = [
    "announced",
    "accepted",
    "in_transit",
    "customs",
    "at_depot",
    "out_for_delivery",
    "ready_for_pickup",
    "attempted",
    "on_hold",
    "returning",
    "lost",
    "delivered",
    "returned",
    "disposed",
    "cancelled",
];
/// The usual way of a parcel; chance leaves it only now and then.
const USUAL: [&str; 6] =
    ["at_depot", "out_for_delivery", "attempted", "out_for_delivery", "delivered", "on_hold"];

fn facts() -> impl Strategy<Value = Facts> {
    (
        0..DISTRIBUTORS.len(),
        0..CARRIERS.len(),
        0..STATES.len(),
        proptest::option::of(-96_i16..240),
        proptest::option::of(0_u32..40_000),
        proptest::option::of((0_i32..900_000, any::<bool>())),
    )
        .prop_map(|(distributor, carrier, state, promised, weight, value)| Facts {
            distributor,
            carrier,
            state,
            promised,
            weight,
            value,
        })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let n = || any::<u16>().prop_map(usize::from);
    let op = prop_oneof![
        4 => facts().prop_map(Op::Announce),
        12 => (n(), n()).prop_map(|(p, s)| Op::Scan(p, s)),
        2 => (n(), n(), 1_u16..6_000).prop_map(|(p, s, m)| Op::ScanLate(p, s, m)),
        2 => (n(), facts()).prop_map(|(p, f)| Op::Describe(p, f)),
        2 => (n(), n(), proptest::option::of(n())).prop_map(|(p, e, s)| Op::Correct(p, e, s)),
        3 => (n(), n(), n()).prop_map(|(p, r, m)| Op::Case(p, r, m)),
        6 => (n(), n()).prop_map(|(c, s)| Op::Step(c, s)),
        2 => (n(), any::<i16>(), any::<bool>()).prop_map(|(c, m, e)| Op::Cost(c, m, e)),
        1 => (n(), n()).prop_map(|(c, f)| Op::Blame(c, f)),
        1 => (n(), n(), any::<bool>()).prop_map(|(c, p, a)| Op::Member(c, p, a)),
        4 => (1_u16..3_000).prop_map(Op::Wait),
    ];
    proptest::collection::vec(op, 50..110)
}

/// A line of a file that a carrier sent: whose, where to, its status, and the moments of its way in hours before the
/// beginning.
type Line = (Facts, usize, [Option<u8>; 2]);

fn file() -> impl Strategy<Value = Vec<Line>> {
    let moment = || proptest::option::of(0_u8..200);
    let line = (facts(), 0..OLIST.len(), moment(), moment()).prop_map(|(f, s, a, b)| (f, s, [a, b]));
    proptest::collection::vec(line, 5..25)
}

fn body(desk: &Desk, f: &Facts) -> Value {
    let mut all = json!({
        "distributor": DISTRIBUTORS[f.distributor], "carrier": CARRIERS[f.carrier], "weight_g": f.weight,
        "promised_at": f.promised.map(|h| hours(desk, i64::from(h))),
    });
    if let Some(state) = STATES[f.state] {
        all["to"] = json!({ "state": state });
    }
    if let Some((minor, euro)) = f.value {
        all["value"] = json!({ "minor": minor, "currency": if euro { "EUR" } else { "BRL" } });
    }
    all
}

fn hours(desk: &Desk, hours: i64) -> String {
    let now = desk.clock.now();
    let d = Duration::from_secs(hours.unsigned_abs() * 3_600);
    (if hours < 0 { now.before(d) } else { now.after(d) }).to_string()
}

fn imported(desk: &Desk, lines: &[Line]) {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "tracking_number",
        "distributor",
        "carrier",
        "to_state",
        "weight_g",
        "value_brl",
        "promised_at",
        "status",
        "status_at",
        "carrier_at",
        "delivered_at",
    ])
    .unwrap();
    for (n, (f, status, [carrier, delivered])) in lines.iter().enumerate() {
        let text = |t: Option<&str>| t.unwrap_or_default().to_owned();
        let ago = |h: Option<u8>| h.map_or_else(String::new, |h| hours(desk, -i64::from(h)));
        let value =
            f.value.map_or_else(String::new, |(minor, _)| format!("{}.{:02}", minor / 100, minor % 100));
        out.write_record([
            format!("F{n:07}"),
            text(DISTRIBUTORS[f.distributor]),
            text(CARRIERS[f.carrier]),
            text(STATES[f.state]),
            f.weight.map_or_else(String::new, |w| w.to_string()),
            value,
            f.promised.map_or_else(String::new, |h| hours(desk, i64::from(h))),
            OLIST[*status].0.to_owned(),
            ago(delivered.or(*carrier)),
            ago(*carrier),
            ago(*delivered),
        ])
        .unwrap();
    }
    let done = desk.import("kind=parcels&source=olist&file=f.csv", out.into_inner().unwrap());
    assert_eq!(done["state"], "done", "{done}");
}

/// Every parcel with the identities of its events.
fn known(desk: &Desk) -> Vec<(String, Vec<Id>)> {
    let read = desk.running().app.store.read::<_, StoreError>(TENANT, |tx| {
        let rows = PARCELS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1_000)?;
        rows.items
            .iter()
            .map(|row| {
                let events = journal::history::<Parcel>(tx, &row.value.line)?;
                Ok((row.value.state.id.to_string(), events.iter().map(|(_, e)| Id(e.key.eid)).collect()))
            })
            .collect()
    });
    read.unwrap()
}

fn cases(desk: &Desk) -> Vec<(String, bool)> {
    let all = desk.get("/cases?limit=500").json["items"].as_array().unwrap().clone();
    all.iter().map(|c| (c["id"].as_str().unwrap().to_owned(), c["bulk"] == true)).collect()
}

fn pick<T: Clone>(all: &[T], n: usize) -> Option<T> {
    (!all.is_empty()).then(|| all[n % all.len()].clone())
}

/// Does one thing; it may be refused. Whether it was taken.
fn happens(desk: &Desk, n: usize, op: &Op) -> bool {
    let parcel = |n: usize| pick(&known(desk), n);
    let case = |n: usize| pick(&cases(desk), n).map(|(id, _)| id);
    let event = |id: &str, event: Value| taken(desk, &format!("/parcels/{id}/events"), &event);
    match op {
        Op::Announce(f) => {
            let mut new = body(desk, f);
            new["tracking_number"] = json!(format!("N{n:07}"));
            taken(desk, "/parcels", &new)
        }
        Op::Scan(p, s) => parcel(*p).is_some_and(|(id, _)| {
            let status = if s % 5 == 0 { STATUSES[s / 5 % STATUSES.len()] } else { USUAL[s % USUAL.len()] };
            event(&id, json!({ "status": status, "reason": "as chance has it" }))
        }),
        Op::ScanLate(p, s, minutes) => parcel(*p).is_some_and(|(id, _)| {
            let at = desk.clock.now().before(Duration::from_secs(u64::from(*minutes) * 60)).to_string();
            let status = USUAL[s % USUAL.len()];
            event(&id, json!({ "status": status, "occurred_at": at, "reason": "told late" }))
        }),
        Op::Describe(p, f) => parcel(*p).is_some_and(|(id, _)| {
            let path = format!("/api/v1/parcels/{id}");
            let version = desk.get(&format!("/parcels/{id}")).json["version"].clone();
            let mut change = body(desk, f);
            change["version"] = version;
            let answer = desk.send(desk.control(Method::PATCH, &path).json(&change));
            assert!(answer.status < 500, "{change}: {answer:?}");
            answer.status < 300
        }),
        Op::Correct(p, e, s) => parcel(*p).is_some_and(|(id, events)| {
            let status = s.map(|s| STATUSES[s % STATUSES.len()]);
            let wrong = pick(&events, *e).unwrap();
            event(&id, json!({ "status": status, "corrects": wrong, "reason": "it was not so" }))
        }),
        Op::Case(p, r, many) => parcel(*p).is_some_and(|(id, _)| {
            let reason = REASONS[r % REASONS.len()];
            if many % 3 > 0 {
                return taken(desk, "/cases", &json!({ "reason": reason, "subject": id }));
            }
            let all = known(desk);
            let members: Vec<&String> =
                all.iter().map(|(id, _)| id).skip(many % 5).step_by(1 + many % 4).collect();
            let new =
                json!({ "reason": reason, "name": "a storm", "subjects": members, "take_in": many % 2 == 0 });
            !members.is_empty() && taken(desk, "/cases", &new)
        }),
        Op::Step(c, s) => case(*c).is_some_and(|id| {
            let (step, body) = match s % 6 {
                0 => ("acknowledge", json!({})),
                1 => ("start", json!({})),
                2 => ("wait", json!({ "hours": 5, "note": "later" })),
                3 | 4 => ("resolve", json!({ "resolution": "solved", "note": "done" })),
                _ => ("reopen", json!({ "reason": "not done after all" })),
            };
            taken(desk, &format!("/cases/{id}/{step}"), &body)
        }),
        Op::Cost(c, minor, euro) => case(*c).is_some_and(|id| {
            let currency = if *euro { "EUR" } else { "BRL" };
            taken(
                desk,
                &format!("/cases/{id}/costs"),
                &json!({ "amount": { "minor": minor, "currency": currency } }),
            )
        }),
        Op::Blame(c, f) => case(*c).is_some_and(|id| {
            taken(desk, &format!("/cases/{id}/fault"), &json!({ "fault": FAULTS[f % FAULTS.len()] }))
        }),
        Op::Member(c, p, add) => {
            let bulk: Vec<String> =
                cases(desk).into_iter().filter(|(_, bulk)| *bulk).map(|(id, _)| id).collect();
            pick(&bulk, *c).zip(parcel(*p)).is_some_and(|(case, (id, _))| {
                let change = if *add { json!({ "add": [id] }) } else { json!({ "remove": [id] }) };
                taken(desk, &format!("/cases/{case}/parcels"), &change)
            })
        }
        Op::Wait(minutes) => {
            desk.wait(Duration::from_secs(u64::from(*minutes) * 60));
            desk.running().app.wake.wake();
            true
        }
    }
}

#[test]
fn whatever_happens_in_a_depot_every_report_equals_a_slow_count_of_its_events() {
    let cases = if std::env::var_os("CROSSDOCK_LONG").is_some() { 60 } else { 4 };
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let run = TestRunner::new(config).run(&(file(), ops()), |(lines, ops)| {
        let desk = Desk::new();
        desk.map("olist", &OLIST);
        imported(&desk, &lines);
        let mut done = 0;
        for (n, op) in ops.iter().enumerate() {
            done += usize::from(happens(&desk, n, op));
        }
        assert!(done * 3 > ops.len(), "only {done} of {} came to pass", ops.len());
        all_agree(&desk, None, None);
        all_agree(&desk, None, Some("bar"));
        let past = desk.clock.now().before(Duration::from_secs(20 * 3_600)).to_string();
        all_agree(&desk, Some(&past), None);
        Ok(())
    });
    run.unwrap();
}
