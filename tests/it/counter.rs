//! The clock at the counter: who is told that a parcel waits, when, how often, and when it goes back by itself.

use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{depot_with, text};
use crate::support::sink::Sink;

const HOUR: u64 = 3_600;

fn ask(depot: &Depot, method: &str, path: &str, body: &Value, status: u16) -> Value {
    depot.itself(FIRST_TENANT, method, path).body(body).gives(status).json
}

fn get(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

/// A parcel that waits at the counter from now on.
fn waiting(depot: &Depot, number: &str, service: &str) {
    let new =
        json!({ "tracking_number": number, "service": service, "recipient": { "email": "bo@example.com" } });
    ask(depot, "POST", "/parcels", &new, 201);
    for status in ["at_depot", "ready_for_pickup"] {
        ask(depot, "POST", &format!("/parcels/{number}/events"), &json!({ "status": status }), 200);
    }
}

fn status(depot: &Depot, number: &str) -> String {
    text(&get(depot, &format!("/parcels/{number}")), "status")
}

/// The percentages people were told at.
fn notices(depot: &Depot, number: &str) -> Vec<u64> {
    let history = get(depot, &format!("/parcels/{number}/history"));
    let events = history["items"].as_array().unwrap();
    events.iter().filter_map(|e| e["event"]["percent"].as_u64().or(e["data"]["percent"].as_u64())).collect()
}

fn wait(depot: &Depot, hours: u64) {
    depot.wait(Duration::from_secs(hours * HOUR));
    depot.running().app.wake.wake();
}

fn case(depot: &Depot) -> Vec<String> {
    let open = get(depot, "/cases?state=active&limit=500");
    let ours = open["items"].as_array().unwrap().iter().filter(|c| c["reason"] == "pickup_not_collected");
    ours.map(|c| text(c, "detail")).collect()
}

#[test]
fn people_are_told_at_half_and_nine_tenths_and_then_it_goes_back() {
    let sink = Sink::open(0);
    let port = sink.port;
    let depot = depot_with(|c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = crossdock::config::choices::MailSecurity::None;
        c.mail.from = "depot@example.com".into();
    });
    let rules = get(&depot, "/dock-rules");
    assert_eq!((&rules["holding_hours"], &rules["notices"]), (&json!(168), &json!([50, 90])));
    waiting(&depot, "P1", "standard");
    wait(&depot, 83);
    assert!(notices(&depot, "P1").is_empty());
    wait(&depot, 1);
    depot.wait_until("half of the time has passed", || notices(&depot, "P1") == [50]);
    let told = case(&depot);
    assert!(told.len() == 1 && told[0].starts_with("50 %"), "{told:?}");
    let mails = || sink.mails().iter().filter(|m| m.contains("bo@example.com")).count();
    depot.wait_until("a mail", || mails() == 1);
    wait(&depot, 68);
    depot.wait_until("nine tenths have", || notices(&depot, "P1") == [50, 90]);
    let told = case(&depot);
    assert!(told.len() == 1 && told[0].starts_with("90 %"), "still one case: {told:?}");
    assert_eq!(status(&depot, "P1"), "ready_for_pickup");
    depot.wait_until("a second mail", || mails() == 2);
    wait(&depot, 17);
    depot.wait_until("all of it has", || status(&depot, "P1") == "returning");
    assert_eq!(notices(&depot, "P1"), [50, 90]);
    assert_eq!(case(&depot).len(), 1, "the return desk has it");
    assert_eq!(mails(), 2);
    assert!(
        sink.mails().iter().any(|m| m.contains("Parcel P1 is ready for collection until 2026-11-28")),
        "{:?}",
        sink.mails()
    );
    assert_eq!(get(&depot, "/check")["fault_count"], 0);
}

#[test]
fn whoever_collects_it_stops_the_clock_and_a_second_wait_begins_anew() {
    let depot = depot_with(|_| {});
    waiting(&depot, "P1", "standard");
    waiting(&depot, "P2", "standard");
    wait(&depot, 84);
    depot.wait_until("both were told of", || notices(&depot, "P1") == [50] && notices(&depot, "P2") == [50]);
    ask(&depot, "POST", "/parcels/P1/events", &json!({ "status": "delivered" }), 200);
    for status in ["at_depot", "ready_for_pickup"] {
        ask(&depot, "POST", "/parcels/P2/events", &json!({ "status": status }), 200);
    }
    assert!(case(&depot).is_empty(), "{:?}", case(&depot));
    wait(&depot, 83);
    assert_eq!((notices(&depot, "P1"), notices(&depot, "P2")), (vec![50], vec![50]));
    wait(&depot, 1);
    depot.wait_until("the second wait is half over", || notices(&depot, "P2") == [50, 50]);
    assert_eq!((status(&depot, "P1"), notices(&depot, "P1")), ("delivered".into(), vec![50]));
    assert_eq!(get(&depot, "/check")["fault_count"], 0);
}

#[test]
fn a_service_has_its_own_time_and_new_rules_count_for_those_who_wait() {
    let depot = depot_with(|_| {});
    waiting(&depot, "P1", "express");
    waiting(&depot, "P2", "standard");
    waiting(&depot, "P3", "keep");
    let set = |rules: Value| {
        let seen = depot.itself(FIRST_TENANT, "GET", "/dock-rules").send();
        let rev = seen.header("etag").trim_matches('"').parse().unwrap();
        depot.itself(FIRST_TENANT, "PUT", "/dock-rules").seen(rev).body(&rules).send()
    };
    let wrong = set(json!({ "notices": [90, 50] }));
    assert_eq!((wrong.status, &wrong.json["errors"][0]["pointer"]), (422, &json!("/notices")), "{wrong:?}");
    let holding = json!([{ "service": "express", "hours": 24 }, { "service": "keep", "hours": 0 }]);
    assert_eq!(set(json!({ "holding": holding, "notices": [50] })).status, 200);
    depot.wait_until("the new rules were looked at", || {
        let jobs = get(&depot, "/jobs?kind=parcels.replan");
        let jobs = jobs["items"].as_array().unwrap();
        !jobs.is_empty() && jobs.iter().all(|j| j["state"] == "done")
    });
    wait(&depot, 24);
    depot.wait_until("express goes back", || status(&depot, "P1") == "returning");
    assert_eq!(notices(&depot, "P1"), [50], "once, though both turns were due");
    assert_eq!((status(&depot, "P2").as_str(), notices(&depot, "P2")), ("ready_for_pickup", vec![]));
    wait(&depot, 30 * 24);
    depot.wait_until("standard goes back", || status(&depot, "P2") == "returning");
    assert_eq!(status(&depot, "P3"), "ready_for_pickup", "for ever");
    // Where a person sends it, the clock only tells.
    assert_eq!(set(json!({ "returns": false })).status, 200);
    waiting(&depot, "P4", "standard");
    wait(&depot, 30 * 24);
    depot.wait_until("people were told", || notices(&depot, "P4") == [50, 90]);
    assert_eq!(status(&depot, "P4"), "ready_for_pickup");
}

#[test]
fn an_outage_over_the_whole_time_fires_each_turn_once() {
    let mut depot = depot_with(|_| {});
    waiting(&depot, "P1", "standard");
    depot.stop();
    depot.wait(Duration::from_secs(400 * HOUR));
    depot.start_again(|_| {});
    depot.wait_until("it goes back", || status(&depot, "P1") == "returning");
    assert_eq!(notices(&depot, "P1"), [50, 90]);
    let moves = get(&depot, "/parcels/P1/history");
    let back =
        moves["items"].as_array().unwrap().iter().filter(|e| e.to_string().contains("\"returning\"")).count();
    assert_eq!(back, 1, "{moves}");
}
