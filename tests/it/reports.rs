//! Reports through HTTP: held against figures computed elsewhere, against a slow count of the events, and traced back
//! to their parcels; saved, run by a schedule and mailed; each within what its reader may see.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crossdock::config::choices::MailSecurity;
use crossdock::journal;
use crossdock::parcels::fold::fold_all;
use crossdock::parcels::model::{Parcel, ParcelId, Status};
use crossdock::parcels::repo::PARCELS;
use crossdock::parcels::rules;
use crossdock::store::{Dir, Ix, KeyRange, StoreError};
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::desk::{Desk, TENANT};
use crate::support::people::{depot, depot_with, text};
use crate::support::shared::{OLIST, facts, shared};
use crate::support::sink::Sink;

/// One column of a table by key, and its total; lines where it is none are left out.
pub fn column(table: &Value, name: &str) -> (BTreeMap<String, f64>, Option<f64>) {
    let columns = table["columns"].as_array().unwrap();
    let at =
        columns.iter().position(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name} in {columns:?}"));
    let key = |row: &Value| {
        let parts = row["key"].as_array().unwrap().iter().map(|k| k.as_str().unwrap());
        parts.collect::<Vec<_>>().join("|")
    };
    let rows = table["rows"].as_array().unwrap().iter();
    (rows.filter_map(|r| Some((key(r), r["cells"][at].as_f64()?))).collect(), table["total"][at].as_f64())
}

fn counts(facts: &Value) -> BTreeMap<String, f64> {
    facts.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_f64().unwrap())).collect()
}

fn more_than_none(counts: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    counts.into_iter().filter(|(_, n)| *n > 0.0).collect()
}

fn near(a: Option<f64>, b: &Value, what: &str) {
    let (a, b) = (a.unwrap(), b.as_f64().unwrap());
    assert!((a - b).abs() < 0.000_1, "{what}: {a} and not {b}");
}

/// Everything one number was counted from.
fn traced(ask: &dyn Fn(&Value) -> Value, definition: &Value, key: Value, measure: &str) -> Vec<Value> {
    let (mut all, mut at) = (Vec::new(), Value::Null);
    loop {
        let question =
            json!({ "definition": definition, "key": key, "measure": measure, "limit": 500, "cursor": at });
        let page = ask(&question);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        if page["next"].is_null() {
            return all;
        }
        at = page["next"].clone();
    }
}

#[test]
fn reports_on_a_real_file_give_the_figures_that_are_true_of_it_and_name_the_parcels_behind_them() {
    let (Some(file), Some(facts)) = (shared("data/olist/parcels.csv"), facts("olist")) else { return };
    // The true figures took the file's times as they stand, through both changes of the clock in a year.
    let desk = Desk::in_utc();
    desk.map("olist", &OLIST);
    let rows = std::fs::read(&file).unwrap();
    assert_eq!(desk.import("kind=parcels&source=olist&file=parcels.csv", rows.clone())["created"], 4122);
    let at = "2018-10-18T00:00:00Z"; // midnight at the depot
    let ask = |definition: Value| {
        let answer = desk.post("/reports/query", &definition);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json
    };

    let late = json!({ "kind": "lateness", "by": ["distributor"], "at": at });
    let table = ask(late.clone());
    assert_eq!(column(&table, "parcels").0, counts(&facts["by_distributor"]));
    let (by_day, total) = column(&table, "delivered_late_by_day");
    assert_eq!(more_than_none(by_day), counts(&facts["delivered_late_by_day_per_distributor"]));
    near(total, &facts["delivered_late_by_calendar_day"], "late by day");
    for (name, fact) in [
        ("delivered_late_by_clock", "delivered_late_by_timestamp"),
        ("delivered_without_time", "delivered_without_delivered_at"),
        ("open", "open_at_now"),
        ("open_past_promise", "open_and_past_promise_at_now"),
        ("parcels", "parcels"),
    ] {
        near(column(&table, name).1, &facts[fact], name);
    }

    let volumes = ask(json!({ "kind": "volumes", "by": ["to_state"], "at": at }));
    assert_eq!(column(&volumes, "parcels").0, counts(&facts["by_to_state"]));
    near(column(&volumes, "value_brl").1, &facts["sums"]["value_brl_cents"], "value");
    near(column(&volumes, "freight_brl").1, &facts["sums"]["freight_brl_cents"], "freight");
    near(column(&volumes, "weight").1, &facts["sums"]["weight_g"], "weight");
    let words = ask(json!({ "kind": "volumes", "by": ["raw_status"], "at": at }));
    assert_eq!(column(&words, "parcels").0, counts(&facts["by_status"]));
    let both = ask(json!({ "kind": "volumes", "by": ["distributor", "to_state"], "at": at }));
    assert_eq!(column(&both, "parcels").0.values().sum::<f64>(), 4122.0);

    let transit = ask(json!({ "kind": "transit", "by": ["to_state"], "at": at }));
    let hours = &facts["carrier_to_delivered_hours"];
    near(column(&transit, "transit_count").1, &hours["count"], "count");
    for (part, fact) in
        [("mean", "mean"), ("median", "median"), ("p90", "p90_linear"), ("min", "min"), ("max", "max")]
    {
        near(column(&transit, &format!("transit_{part}")).1.map(|s| s / 3_600.0), &hours[fact], part);
    }

    // The figure of one distributor, parcel by parcel, from the file itself.
    let trace = |q: &Value| {
        let answer = desk.post("/reports/trace", q);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json
    };
    let names = |all: &[Value]| all.iter().map(|t| text(t, "tracking_number")).collect::<BTreeSet<_>>();
    let mut reader = csv::Reader::from_reader(&rows[..]);
    let heads = reader.headers().unwrap().clone();
    let at = |name: &str| heads.iter().position(|h| h == name).unwrap();
    let mut expected = BTreeSet::new();
    for row in reader.records().map(Result::unwrap) {
        let (promised, delivered) = (&row[at("promised_at")], &row[at("delivered_at")]);
        let delivered_there = &row[at("status")] == "delivered" && !delivered.is_empty();
        if delivered_there && &row[at("distributor")] == "D-SP" && delivered[..10] > promised[..10] {
            expected.insert(row[at("tracking_number")].to_owned());
        }
    }
    let found = traced(&trace, &late, json!(["D-SP"]), "delivered_late_by_day");
    assert_eq!((names(&found), found.len()), (expected, 140));
    // And every figure of every line is as many parcels as it says.
    for name in ["parcels", "delivered", "delivered_late_by_clock", "open_past_promise"] {
        let (lines, total) = column(&table, name);
        let whole = traced(&trace, &late, Value::Null, name);
        assert_eq!(whole.len() as f64, total.unwrap(), "{name}");
        assert_eq!(names(&whole).len(), whole.len(), "{name} counts a parcel twice");
        for key in ["", "D-MG", "D-AC"] {
            let there = traced(&trace, &late, json!([key]), name).len() as f64;
            assert_eq!(there, lines.get(key).copied().unwrap_or_default(), "{name} of {key:?}");
        }
    }
}

/// What a parcel's events come to, told from each beginning of them anew.
fn slowly(
    events: &[crossdock::journal::Stamped<crossdock::parcels::event::ParcelEvent>],
    id: ParcelId,
) -> BTreeMap<Status, u64> {
    let mut spent: BTreeMap<Status, u64> = BTreeMap::new();
    for n in 1..events.len() {
        let there = fold_all(id, &events[..n]).status;
        let until = events[n].key.at();
        let ms = u64::try_from(until.since(events[n - 1].key.at()).as_millis()).unwrap();
        *spent.entry(there).or_default() += ms;
    }
    spent
}

#[test]
fn dwell_and_first_attempts_equal_a_slow_count_of_the_events() {
    let Some(file) = shared("data/olist/status-log.csv") else { return };
    let desk = Desk::new();
    desk.map("olist", &OLIST);
    let done = desk.import("kind=status&source=olist&file=log.csv", std::fs::read(file).unwrap());
    assert_eq!(done["refused"], 0, "{done}");

    let store = &desk.running().app.store;
    let (mut after, mut stays, mut tried, mut parcels) =
        (None, BTreeMap::<String, Vec<u64>>::new(), (0, 0), 0);
    loop {
        let range = KeyRange::all().resume(after.take());
        let next = store
            .read::<_, StoreError>(TENANT, |tx| {
                let rows = PARCELS.scan(tx, Ix::Primary, &range, Dir::Up, 500)?;
                for row in rows.items.iter().map(|e| &e.value) {
                    let history = journal::history::<Parcel>(tx, &row.line)?;
                    let events: Vec<_> = history.into_iter().map(|(_, e)| e).collect();
                    let last = fold_all(row.state.id, &events);
                    for (status, ms) in slowly(&events, row.state.id) {
                        if status != last.status {
                            stays.entry(status.to_string()).or_default().push(ms / 1_000);
                        }
                    }
                    let states = (1..=events.len()).map(|n| fold_all(row.state.id, &events[..n]).status);
                    let attempted = states.collect::<Vec<_>>().contains(&Status::Attempted);
                    let delivered = last.status == Status::Delivered;
                    tried.0 += u64::from(attempted || delivered);
                    tried.1 += u64::from(delivered && !attempted);
                    assert!(rules::is_open(last.status) || !last.status.to_string().is_empty());
                    parcels += 1;
                }
                Ok(rows.next)
            })
            .unwrap();
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!(parcels > 4_000, "{parcels}");
    let dwell = desk.post("/reports/query", &json!({ "kind": "dwell" })).json;
    let (left, _) = column(&dwell, "left");
    let expected = stays.iter().map(|(status, all)| (status.clone(), all.len() as f64)).collect();
    assert_eq!(more_than_none(left), expected);
    for (status, mut all) in stays {
        all.sort_unstable();
        let sum: u64 = all.iter().sum();
        let (mean, max) = (column(&dwell, "stayed_mean").0[&status], column(&dwell, "stayed_max").0[&status]);
        assert!((mean - sum as f64 / all.len() as f64).abs() < 0.001, "{status}: {mean}");
        assert_eq!(max, *all.last().unwrap() as f64, "{status}");
    }
    let first = desk.post("/reports/query", &json!({ "kind": "first_attempt" })).json;
    assert_eq!(column(&first, "tried").1, Some(tried.0 as f64));
    assert_eq!(column(&first, "first_attempt_delivered").1, Some(tried.1 as f64));
}

fn parcel(depot: &Depot, number: &str, distributor: &str, carrier: &str) {
    let new = json!({ "tracking_number": number, "distributor": distributor, "carrier": carrier, "status": "at_depot" });
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
}

fn moved(depot: &Depot, number: &str, status: &str) {
    let event = json!({ "status": status, "reason": "said so" });
    depot.itself(FIRST_TENANT, "POST", &format!("/parcels/{number}/events")).body(&event).gives(200);
}

/// Three parcels of two partners, with what happened to them.
fn furnished(depot: &Depot) {
    for (number, distributor, carrier) in
        [("R0000001", "foo", "ups"), ("R0000002", "bar", "ups"), ("R0000003", "bar", "dhl")]
    {
        parcel(depot, number, distributor, carrier);
        depot.wait(Duration::from_secs(3_600));
        moved(depot, number, "out_for_delivery");
    }
    moved(depot, "R0000001", "attempted");
    depot.wait(Duration::from_secs(7_200));
    moved(depot, "R0000001", "out_for_delivery");
    for number in ["R0000001", "R0000002"] {
        moved(depot, number, "delivered");
    }
}

#[test]
fn attempts_stays_and_exceptions_are_counted_and_traced() {
    let depot = depot();
    furnished(&depot);
    let ask = |path: &str, body: &Value| depot.itself(FIRST_TENANT, "POST", path).body(body).gives(200).json;
    let table = ask("/reports/query", &json!({ "kind": "first_attempt", "by": ["carrier"] }));
    assert_eq!(column(&table, "tried"), ([("dhl".into(), 0.0), ("ups".into(), 2.0)].into(), Some(2.0)));
    assert_eq!(column(&table, "first_attempt_rate"), ([("ups".into(), 50.0)].into(), Some(50.0)));
    let dwell = ask("/reports/query", &json!({ "kind": "dwell" }));
    assert_eq!(column(&dwell, "stayed_mean").0["attempted"], 7_200.0);
    assert_eq!(
        (column(&dwell, "left").0["at_depot"], column(&dwell, "there").0["out_for_delivery"]),
        (3.0, 1.0)
    );

    let subjects = json!(["R0000001", "R0000002", "R0000003"]);
    let storm = json!({ "reason": "weather", "name": "storm", "subjects": subjects });
    let storm = text(&depot.itself(FIRST_TENANT, "POST", "/cases").body(&storm).gives(201).json, "id");
    let own = json!({ "reason": "damaged", "subject": "R0000002" });
    let own = text(&depot.itself(FIRST_TENANT, "POST", "/cases").body(&own).gives(201).json, "id");
    for (case, minor) in [(&storm, 5_000), (&own, 700)] {
        let cost = json!({ "amount": { "minor": minor, "currency": "EUR" } });
        ask(&format!("/cases/{case}/costs"), &cost);
    }
    let exceptions = json!({ "kind": "exceptions", "by": ["distributor", "reason"] });
    let table = ask("/reports/query", &exceptions);
    let expected = [("bar|damaged", 1.0), ("bar|weather", 2.0), ("foo|weather", 1.0), ("|weather", 0.0)];
    let expected = expected.into_iter().map(|(k, n)| (k.to_owned(), n)).collect();
    assert_eq!(column(&table, "exceptions"), (expected, Some(4.0)));
    let costs = [("bar|damaged".to_owned(), 700.0), ("|weather".to_owned(), 5_000.0)].into();
    assert_eq!(
        column(&table, "cost_eur"),
        (costs, Some(5_700.0)),
        "a storm costs once, and no partner in particular"
    );
    let trace = |q: &Value| ask("/reports/trace", q);
    let found = traced(&trace, &exceptions, json!(["bar", "weather"]), "exceptions");
    let names: Vec<String> = found.iter().map(|t| text(t, "tracking_number")).collect();
    assert_eq!(
        (names, &found[0]["case"]),
        (vec!["R0000002".to_owned(), "R0000003".to_owned()], &json!(storm))
    );
    let aged = ask("/reports/query", &json!({ "kind": "exceptions", "by": ["age", "fault"] }));
    assert_eq!(column(&aged, "exceptions").0["0-1 d|nature"], 3.0);
    let score = depot.itself(FIRST_TENANT, "GET", "/analytics/carriers").gives(200).json;
    assert_eq!(column(&score, "delivered").0["ups"], 2.0);
}

#[test]
fn a_question_that_can_not_be_answered_is_refused_with_its_place() {
    let depot = depot();
    let refused = |path: &str, body: Value, pointer: &str| {
        let answer = depot.itself(FIRST_TENANT, "POST", path).body(&body).gives(422);
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{answer:?}");
    };
    let late = json!({ "kind": "lateness", "by": ["distributor"] });
    refused("/reports/query", json!({ "kind": "lateness", "by": ["reason"] }), "/by/0");
    refused(
        "/reports/query",
        json!({ "kind": "volumes", "period": { "last_days": 0 } }),
        "/period/last_days",
    );
    refused("/reports/trace", json!({ "definition": late, "measure": "weight" }), "/measure");
    refused("/reports/trace", json!({ "definition": late, "measure": "open", "key": [] }), "/key");
    refused("/reports/trace", json!({ "definition": late, "measure": "open", "limit": 501 }), "/limit");
    depot.itself(FIRST_TENANT, "GET", "/analytics/exceptions?by=mood").gives(422);
}

#[test]
fn a_partner_counts_saves_and_is_sent_only_what_is_theirs() {
    let depot = depot();
    furnished(&depot);
    let scope = json!({ "scope": { "distributors": ["bar"] }, "email": "bar@example.com" });
    depot.user(FIRST_TENANT, "bar_user", "partner", scope);
    let bar = depot.token("bar_user");
    let volumes = json!({ "kind": "volumes", "by": ["distributor"] });
    let table = depot.ask(&bar, "POST", "/reports/query").body(&volumes).gives(200).json;
    assert_eq!(column(&table, "parcels"), ([("bar".into(), 2.0)].into(), Some(2.0)));
    let trace = |q: &Value| depot.ask(&bar, "POST", "/reports/trace").body(q).gives(200).json;
    assert!(traced(&trace, &volumes, json!(["foo"]), "parcels").is_empty());
    assert_eq!(traced(&trace, &volumes, Value::Null, "parcels").len(), 2);

    let wish = |to: &str| json!({ "name": "mine", "definition": volumes, "mail_to": [to] });
    let elsewhere = depot.ask(&bar, "POST", "/reports").body(&wish("eve@example.com")).gives(422);
    assert_eq!(elsewhere.json["errors"][0]["pointer"], "/mail_to/0");
    let mine =
        text(&depot.ask(&bar, "POST", "/reports").body(&wish("bar@example.com")).gives(201).json, "id");
    let all = json!({ "name": "all", "definition": volumes });
    let all = text(&depot.itself(FIRST_TENANT, "POST", "/reports").body(&all).gives(201).json, "id");
    let listed = depot.ask(&bar, "GET", "/reports").gives(200).json;
    assert_eq!(listed.as_array().unwrap().iter().map(|r| text(r, "id")).collect::<Vec<_>>(), [mine.as_str()]);
    for method in ["GET", "DELETE"] {
        depot.ask(&bar, method, &format!("/reports/{all}")).seen(1).gives(404);
    }
    depot.ask(&bar, "POST", &format!("/reports/{all}/run")).gives(404);
    // The house runs the partner's report: it shows the partner's parcels all the same.
    let run = depot.itself(FIRST_TENANT, "POST", &format!("/reports/{mine}/run")).gives(202).json;
    let path = format!("/report-runs/{}", text(&run, "id"));
    depot.until("the run is done", |d| d.ask(&bar, "GET", &path).gives(200).json["state"] == "done");
    let table = depot.ask(&bar, "GET", &path).gives(200).json["table"].clone();
    assert_eq!(column(&table, "parcels").1, Some(2.0));
    let whole = depot.itself(FIRST_TENANT, "POST", &format!("/reports/{all}/run")).gives(202).json;
    depot.ask(&bar, "GET", &format!("/report-runs/{}", text(&whole, "id"))).gives(404);
    let csv = depot.ask(&bar, "GET", &format!("{path}/csv")).gives(200);
    assert!(csv.text.contains("\nbar,2,") && csv.text.contains("\ntotal,2,"), "{}", csv.text);
    assert!(depot.ask(&bar, "GET", &format!("{path}/xlsx")).gives(200).text.starts_with("PK"));
    depot.ask(&bar, "GET", &format!("{path}/doc")).gives(422);
}

#[test]
fn a_report_runs_by_its_schedule_and_is_mailed_once_though_the_mail_server_was_down() {
    let port = Sink::free_port();
    let depot = depot_with(|c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.mail.timeout_s = 2;
    });
    furnished(&depot);
    let wish = json!({
        "name": "Late, weekly",
        "definition": { "kind": "lateness", "by": ["distributor"] },
        "schedule": { "daily_at": { "hour": 6, "minute": 30 } },
        "mail_to": ["ana@example.com"],
        "formats": ["csv", "xlsx"],
    });
    let saved = depot.itself(FIRST_TENANT, "POST", "/reports").body(&wish).gives(201);
    let id = text(&saved.json, "id");
    let runs = || {
        let page = depot.itself(FIRST_TENANT, "GET", &format!("/report-runs?report={id}")).gives(200).json;
        page["items"].as_array().unwrap().clone()
    };
    assert!(runs().is_empty());
    depot.wait(Duration::from_secs(24 * 3_600));
    depot.wait_until("the report was counted", || runs().iter().any(|r| r["state"] == "done"));
    depot.wait_until("the mail was tried in vain", || {
        let jobs = depot.itself(FIRST_TENANT, "GET", "/jobs?kind=mail.send").gives(200).json;
        jobs["items"].as_array().unwrap().iter().any(|j| j["waits"].as_u64() > Some(0))
    });
    let sink = Sink::open(port);
    depot.wait(Duration::from_secs(600));
    depot.wait_until("the mail came", || !sink.mails().is_empty());
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Subject: Late, weekly"), "{}", mails[0]);
    for name in ["late-weekly.csv", "late-weekly.xlsx"] {
        assert!(mails[0].contains(name), "{name} is missing");
    }
    // It is the owner's to take away, and with it goes the schedule.
    let rev = saved.header("etag").trim_matches('"').parse().unwrap();
    depot.itself(FIRST_TENANT, "DELETE", &format!("/reports/{id}")).seen(rev).gives(204);
    depot.wait(Duration::from_secs(48 * 3_600));
    depot.itself(FIRST_TENANT, "GET", &format!("/reports/{id}")).gives(404);
    assert!(runs().is_empty());
}
