//! Carriers: signed messages, and being asked.

use std::time::Duration;

use crossdock::identity::signature;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Answered;
use crate::support::carrier::{Answer, Carrier};
use crate::support::desk::{Desk, TENANT};
use crate::support::shared::shared;

fn desk() -> Desk {
    Desk::with(|c| {
        c.carriers.private = true;
        (c.carriers.answer_s, c.carriers.connect_s) = (1, 1);
        (c.carriers.failures, c.carriers.open_s) = (2, 60);
    })
}

fn add(desk: &Desk, more: Value) -> Value {
    let mut new = json!({ "code": "plover", "name": "Plover Parcels", "adapter": "plain" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let added = desk.post("/carriers", &new);
    assert_eq!(added.status, 201, "{added:?}");
    added.json
}

fn key(desk: &Desk) -> String {
    let made = desk.post("/carriers/plover/secret", &json!({ "keep_hours": 1 }));
    assert_eq!(made.status, 200, "{made:?}");
    made.json["secret"].as_str().unwrap().to_owned()
}

struct Message<'a> {
    to: &'a str,
    id: &'a str,
    at: i64,
    key: &'a str,
    body: &'a str,
}

fn push(desk: &Desk, m: &Message<'_>) -> Answered {
    let at = m.at.to_string();
    let signed = signature::sign(&signature::read(m.key).unwrap(), m.id, &at, m.body.as_bytes());
    let request = desk.request(Method::POST, &format!("/api/v1/carriers/{}/events", m.to));
    let request = request.header("webhook-id", m.id).header("webhook-timestamp", at);
    desk.send(
        request
            .header("webhook-signature", signed)
            .header("content-type", "application/json")
            .body(m.body.to_owned()),
    )
}

fn said(events: &[(&str, &str, &str, &str)]) -> String {
    let events: Vec<Value> = events
        .iter()
        .map(|(id, number, code, at)| json!({ "id": id, "tracking_number": number, "code": code, "at": at, "location": { "city": "Lisboa" } }))
        .collect();
    json!({ "events": events }).to_string()
}

const BODY: &str = r#"{"events":[{"id":"e1","tracking_number":"PL1","code":"in_transit","at":"2026-11-20T10:00:00Z","location":{"city":"Lisboa"}},
    {"id":"e2","tracking_number":"PL1","code":"ZZ","text":"who knows","at":"2026-11-20T11:00:00Z"},
    {"id":"e3","tracking_number":"XX1","code":"in_transit"}]}"#;

#[test]
fn a_signed_message_is_taken_once_through_the_map_and_kept_as_the_carriers_word() {
    let desk = desk();
    add(&desk, json!({ "patterns": ["PL*"] }));
    let key = key(&desk);
    let now = desk.clock.now().millis() / 1_000;
    let message = Message { to: "plover", id: "m1", at: now, key: &key, body: BODY };
    let taken = push(&desk, &message);
    assert_eq!(
        (taken.status, &taken.json["taken"], &taken.json["repeated"]),
        (200, &json!(2), &json!(false)),
        "{taken:?}"
    );
    assert!(taken.json["refused"][0]["detail"].as_str().unwrap().contains("none of the forms"), "{taken:?}");
    let parcel = desk.get("/parcels/PL1").json;
    assert_eq!(
        (&parcel["status"], &parcel["carrier"], &parcel["since"]),
        (&json!("in_transit"), &json!("plover"), &json!("2026-11-20T10:00:00Z")),
        "{parcel}"
    );
    assert_eq!(desk.get("/parcels/XX1").status, 404);
    assert_eq!(desk.all("/status-maps/unmapped?source=plover")[0]["code"], "ZZ");
    let changes = desk.changes();
    assert_eq!(push(&desk, &message).json["repeated"], true);
    // Another message with the same events, one of them telling something else under its old id.
    let lie = said(&[
        ("e1", "PL1", "delivered", "2026-11-20T12:00:00Z"),
        ("e2", "PL9", "delivered", "2026-11-20T12:00:00Z"),
    ]);
    let known = push(&desk, &Message { id: "m2", body: &lie, ..message });
    assert_eq!((&known.json["taken"], &known.json["known"]), (&json!(0), &json!(2)), "{known:?}");
    assert_eq!(desk.changes(), changes);
    let put = desk.put("/status-maps/plover", &json!({ "rows": [{ "code": "ZZ", "status": "at_depot" }] }));
    assert_eq!(put.status, 200);
    desk.until(|| (desk.get("/parcels/PL1").json["status"] == "at_depot").then_some(()));
    desk.assert_sound();
}

#[test]
fn whoever_can_not_sign_is_nobody_and_old_messages_do_not_count() {
    let desk = desk();
    add(&desk, json!({}));
    let old = key(&desk);
    let now = desk.clock.now().millis() / 1_000;
    let good = Message { to: "plover", id: "m1", at: now, key: &old, body: BODY };
    let refused = |m: &Message<'_>| {
        let answer = push(&desk, m);
        assert_eq!(answer.problem(), (401, "carrier.signature"), "{answer:?}");
    };
    let changes = desk.changes();
    refused(&Message { at: now - 301, ..good });
    refused(&Message { at: now + 301, ..good });
    refused(&Message { to: "crane", ..good });
    refused(&Message { to: "plover@nobody", ..good });
    let other = signature::written(&[7; 32]);
    refused(&Message { key: &other, ..good });
    let bare = desk.request(Method::POST, "/api/v1/carriers/plover/events").body(BODY);
    assert_eq!(desk.send(bare).problem(), (401, "carrier.signature"));
    assert_eq!(desk.changes(), changes, "nothing of it was kept");
    assert_eq!(push(&desk, &Message { to: "plover@acme", ..good }).status, 200);

    // A new key: the old one is good for the hour it was given, a third one ends it.
    let new = key(&desk);
    assert_eq!(desk.get("/carriers/plover").json["keys"], 2);
    assert_eq!(push(&desk, &Message { id: "m2", ..good }).status, 200);
    assert_eq!(push(&desk, &Message { id: "m3", key: &new, ..good }).status, 200);
    desk.wait(Duration::from_secs(3_601));
    let later = now + 3_601;
    refused(&Message { id: "m4", at: later, ..good });
    assert_eq!(push(&desk, &Message { id: "m5", at: later, key: &new, ..good }).status, 200);
    let carrier = desk.get("/carriers/plover").json;
    let stop =
        json!({ "name": "Plover", "adapter": "plain", "active": false, "version": carrier["version"] });
    assert_eq!(desk.put("/carriers/plover", &stop).status, 200);
    refused(&Message { id: "m6", at: later, key: &new, ..good });
    let shown: String = ["/carriers/plover", "/audit-log?limit=500", "/exports/carriers"]
        .map(|path| desk.get(path).text.to_string())
        .concat();
    assert!(!shown.contains(&new) && !shown.contains("sealed"), "{shown}");
}

#[test]
fn what_a_carrier_sends_is_limited_and_read_or_refused_whole() {
    let desk = desk();
    add(&desk, json!({}));
    let key = key(&desk);
    let now = desk.clock.now().millis() / 1_000;
    let send = |id: &str, body: &str| push(&desk, &Message { to: "plover", id, at: now, key: &key, body });
    let many = |n: usize| {
        let events: Vec<_> = (0..n)
            .map(|i| json!({ "id": format!("x{i}"), "tracking_number": "M1", "code": "in_transit" }))
            .collect();
        json!({ "events": events }).to_string()
    };
    assert_eq!(send("m1", &many(1_001)).problem().0, 422);
    for bad in ["<html>", "{}", "[]", r#"{"events":[{"id":1}]}"#] {
        assert_eq!(send("m2", bad).problem().0, 422, "{bad}");
    }
    assert_eq!(send("m3", &" ".repeat((1 << 20) + 1)).problem().0, 413);
    let odd = json!({ "events": [{ "id": "", "tracking_number": "M1", "code": "x" }, { "id": "a", "tracking_number": " ", "code": "x" }, { "id": "b", "tracking_number": "M".repeat(200), "code": "x" }] });
    let odd = send("m4", &odd.to_string());
    assert_eq!((odd.status, odd.json["refused"].as_array().unwrap().len()), (200, 3), "{odd:?}");
    assert_eq!(send("m5", &many(20)).json["taken"], 20);
}

fn asked_from(desk: &Desk, carrier: &Carrier, adapter: &str) {
    add(desk, json!({ "adapter": adapter, "endpoint": carrier.url(), "poll_s": 300 }));
    let set = desk.put("/carriers/plover/credentials", &json!({ "secret": "open sesame" }));
    assert_eq!(set.status, 204, "{set:?}");
}

fn shown(desk: &Desk) -> Value {
    desk.get("/carriers/plover").json
}

/// Lets the next round come and waits until the carrier was asked `n` times and what came of it is written down.
fn round(desk: &Desk, wait_s: u64, done: impl Fn(&Value) -> bool) {
    desk.wait(Duration::from_secs(wait_s));
    desk.wait_until("the carrier was asked", || done(&shown(desk)));
}

#[test]
fn a_carrier_is_asked_page_by_page_and_left_alone_when_it_fails_even_over_a_restart() {
    let page = |n: usize, next: Option<&str>| {
        let events =
            [json!({ "id": format!("e{n}"), "tracking_number": format!("P{n}"), "code": "in_transit" })];
        Answer::Says(json!({ "events": events, "next": next, "more": next == Some("two") }).to_string())
    };
    let carrier = Carrier::open(vec![page(1, Some("two")), page(2, Some("three"))]);
    let mut desk = desk();
    asked_from(&desk, &carrier, "plain");
    round(&desk, 0, |c| c["taken"] == 2);
    let asked = carrier.asked();
    assert_eq!(asked[0], ("GET / HTTP/1.1".to_owned(), "Bearer open sesame".to_owned()));
    assert!(asked[1].0.contains("after=two"), "{asked:?}");
    assert_eq!(desk.get("/parcels/P2").json["status"], "in_transit");

    // It repeats itself, hangs, fails, lies: nothing counts twice, and after two failures it is left alone.
    round(&desk, 301, |c| c["answered_at"] != shown(&desk)["next_at"] && carrier.asked().len() == 3);
    assert!(carrier.asked()[2].0.contains("after=three"));
    carrier.now(vec![Answer::Hangs]);
    round(&desk, 301, |c| c["trouble"] == "no answer in time");
    assert_eq!(shown(&desk)["breaker"], "closed");
    carrier.now(vec![Answer::Fails(500, "x: y")]);
    round(&desk, 301, |c| c["breaker"] == "open");
    let n = carrier.asked().len();
    assert_eq!(desk.post("/carriers/plover/poll", &Value::Null).status, 202);
    desk.wait_until("the job is done", || {
        desk.all("/jobs?kind=carrier.poll&state=scheduled").is_empty()
            && desk.all("/jobs?kind=carrier.poll&state=running").is_empty()
    });
    assert_eq!(carrier.asked().len(), n, "an open breaker asks nothing");
    desk.stop();
    desk.start_again(|_| {});
    assert_eq!(shown(&desk)["breaker"], "open", "a restart does not forget");
    carrier.now(vec![Answer::Says("<html>".into())]);
    round(&desk, 301, |c| c["trouble"].as_str().is_some_and(|t| t.contains("can't be read")));
    assert_eq!(
        (carrier.asked().len(), &shown(&desk)["breaker"]),
        (n + 1, &json!("open")),
        "one probe, and it stays open"
    );
    carrier.now(vec![Answer::Sends("http://127.0.0.1:1/elsewhere".into())]);
    round(&desk, 301, |c| c["trouble"].as_str().is_some_and(|t| t.contains("302")));
    carrier.now(vec![page(3, None)]);
    round(&desk, 3_601, |c| c["breaker"] == "closed" && c["taken"] == 3);
    assert_eq!(shown(&desk)["trouble"], Value::Null);
    assert!(desk.all("/jobs?state=dead").is_empty(), "no attempt was burnt");
    desk.assert_sound();
}

#[test]
fn while_the_line_is_cut_nobody_is_asked_and_nothing_counts_as_a_failure() {
    let carrier = Carrier::open(vec![Answer::Fails(503, "retry-after: 5")]);
    let desk = desk();
    let node = desk.running().app.sync.clone();
    let now = desk.clock.now();
    node.see(TENANT, |seen| seen.offline_since = Some(now));
    asked_from(&desk, &carrier, "plain");
    for _ in 0..3 {
        desk.wait(Duration::from_secs(301));
        assert_eq!(desk.post("/carriers/plover/poll", &Value::Null).status, 202);
        desk.wait_until("the job is done", || {
            desk.all("/jobs?kind=carrier.poll&state=scheduled").is_empty()
                && desk.all("/jobs?kind=carrier.poll&state=running").is_empty()
        });
    }
    let carrier_now = shown(&desk);
    assert_eq!(
        (carrier.asked().len(), &carrier_now["breaker"], &carrier_now["trouble"]),
        (0, &json!("closed"), &Value::Null)
    );
    assert!(desk.all("/jobs?kind=carrier.poll&state=done").iter().all(|j| j["attempts"].as_u64() <= Some(1)));
    node.see(TENANT, |seen| seen.offline_since = None);
    round(&desk, 301, |c| c["breaker"] == "open");
    assert_eq!(carrier.asked().len(), 1, "it said when to come back");
}

#[test]
fn only_what_may_be_a_carrier_can_be_entered() {
    let desk = Desk::new();
    let with = |more: Value| {
        let mut new = json!({ "code": "plover", "name": "Plover", "adapter": "plain" });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.post("/carriers", &new)
    };
    for (more, pointer) in [
        (json!({ "endpoint": "http://127.0.0.1:9" }), "/endpoint"),
        (json!({ "endpoint": "https://169.254.169.254/" }), "/endpoint"),
        (json!({ "endpoint": "ftp://example.com" }), "/endpoint"),
        (json!({ "adapter": "klingon" }), "/adapter"),
        (json!({ "code": "Plover!" }), "/code"),
        (json!({ "patterns": ["a*b"] }), "/patterns/0"),
        (json!({ "poll_s": 29, "endpoint": "https://example.com" }), "/poll_s"),
        (json!({ "poll_s": 60 }), "/endpoint"),
    ] {
        let refused = with(more.clone());
        assert_eq!(
            (refused.status, &refused.json["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{more}: {refused:?}"
        );
    }
    assert_eq!(with(json!({})).status, 201);
    assert_eq!(with(json!({})).problem(), (409, "carrier.exists"));
    assert_eq!(desk.post("/carriers/plover/poll", &Value::Null).problem(), (409, "carrier.not_asked"));
    assert_eq!(desk.post("/carriers/plover/secret", &json!({ "secret": "whsec_AAAA" })).problem().0, 422);
    let version = desk.get("/carriers/plover").json["version"].as_u64().unwrap();
    let gone =
        desk.control(Method::DELETE, "/api/v1/carriers/plover").header("if-match", format!("\"{version}\""));
    assert_eq!(desk.send(gone).status, 204);
    assert_eq!(desk.get("/carriers/plover").problem(), (404, "carrier.unknown"));
}

#[test]
fn every_tracker_of_a_real_api_is_taken_and_each_of_its_codes_is_mapped_or_listed() {
    let Some(path) = shared("data/tracking/easypost-trackers.json") else { return };
    let trackers: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let carrier = Carrier::open(
        trackers
            .chunks(10)
            .enumerate()
            .map(|(n, part)| Answer::Says(json!({ "trackers": part, "has_more": n < 2 }).to_string()))
            .collect(),
    );
    let desk = desk();
    add(
        &desk,
        json!({ "adapter": "easypost", "words": "easypost", "endpoint": carrier.url(), "poll_s": 300 }),
    );
    desk.put("/carriers/plover/credentials", &json!({ "secret": "EZAK1" }));
    desk.wait_until("all pages are in", || {
        carrier.asked().len() >= 3 && shown(&desk)["answered_at"] != Value::Null
    });
    let (first, login) = carrier.asked()[0].clone();
    assert_eq!(
        (first.as_str(), login.as_str()),
        ("GET /v2/trackers?page_size=50 HTTP/1.1", "Basic RVpBSzE6")
    );
    for tracker in &trackers {
        let number = tracker["tracking_code"].as_str().unwrap();
        desk.wait_until(number, || desk.get(&format!("/parcels/{number}")).status == 200);
    }
    let inbox = desk.all("/status-maps/unmapped?source=easypost");
    let mut codes = 0;
    for tracker in &trackers {
        let number = tracker["tracking_code"].as_str().unwrap();
        for detail in tracker["tracking_details"].as_array().unwrap() {
            codes += 1;
            let code = detail["status"].as_str().unwrap();
            let tried =
                desk.post("/status-maps/easypost/try", &json!({ "code": code, "text": detail["message"] }));
            let listed = inbox.iter().any(|u| u["code"] == code);
            assert!(
                !tried.json["status"].is_null() || listed,
                "{number}: {code} is neither mapped nor listed"
            );
        }
    }
    println!("{} trackers with {codes} details; {} codes listed", trackers.len(), inbox.len());
    let delivered = trackers.iter().find(|t| t["status"] == "delivered").unwrap();
    let number = delivered["tracking_code"].as_str().unwrap();
    assert_eq!(desk.get(&format!("/parcels/{number}")).json["status"], "delivered");
}
