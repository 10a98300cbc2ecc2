//! Travel times from a map server that is slow, down or lying, and routes that headquarters knows of.

use std::time::{Duration, Instant};

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::carrier::{Answer, Carrier};
use crate::support::people::{depot_with, text};
use crate::sync::{assert_equal, exchange, headquarters, joined, line};

fn maps(server: &Carrier) -> Depot {
    let url = format!("{}/", server.url());
    depot_with(|c| {
        c.maps.url = url;
        (c.maps.answer_s, c.maps.budget_s, c.maps.failures) = (1, 1, 2);
    })
}

/// What the server says of two places: `metres` and `seconds` from one to the other and back.
fn table(metres: f64, seconds: f64) -> Answer {
    let square = |x: f64| json!([[0.0, x], [x, 0.0]]);
    Answer::Says(
        json!({ "code": "Ok", "distances": square(metres), "durations": square(seconds) }).to_string(),
    )
}

/// A plan of one stop about 3.4 km away, only shown.
fn plan(depot: &Depot, lat: f64) -> Value {
    let body = json!({ "stops": [{ "latitude": lat, "longitude": 13.45 }], "depot": { "latitude": 52.5, "longitude": 13.4 },
                       "steps": 20, "dry_run": true });
    depot.itself(FIRST_TENANT, "POST", "/routes/optimize").body(&body).gives(200).json
}

fn source(plan: &Value) -> &str {
    plan["routes"][0]["travel"]["source"].as_str().unwrap()
}

fn sources(depot: &Depot) -> Value {
    depot.itself(FIRST_TENANT, "GET", "/conditions/sources").gives(200).json
}

#[test]
fn the_map_server_is_asked_first_remembered_for_an_hour_and_learned_from() {
    let server = Carrier::open(vec![table(6_800.0, 480.0)]);
    let depot = maps(&server);
    let first = plan(&depot, 52.5);
    assert_eq!(
        (source(&first), first["routes"][0]["distance_m"].as_u64()),
        ("map_server", Some(13_600)),
        "{first}"
    );
    let asked = &server.asked()[0].0;
    assert!(
        asked.contains("/table/v1/driving/13.4") && asked.contains("annotations=duration,distance"),
        "{asked}"
    );
    // It goes down: the same places are known from before, others are estimated as it taught.
    server.now(vec![Answer::Fails(503, "x: y")]);
    let cached = plan(&depot, 52.5);
    assert_eq!((source(&cached), cached["routes"][0]["distance_m"].as_u64()), ("cached", Some(13_600)));
    let other = plan(&depot, 52.49);
    assert_eq!(source(&other), "estimated");
    let basis = other["basis"].to_string();
    assert!(basis.contains("learned from the map server") && !basis.contains("x 1.30"), "{basis}");
    // After an hour what it said does not count any more.
    depot.wait(Duration::from_secs(3_601));
    assert_eq!(source(&plan(&depot, 52.5)), "estimated");
    server.now(vec![table(6_800.0, 480.0)]);
    depot.wait(Duration::from_secs(3_600));
    assert_eq!(source(&plan(&depot, 52.5)), "map_server");
}

#[test]
fn a_map_server_that_hangs_is_left_alone_after_a_few_failures_and_over_a_restart() {
    let server = Carrier::open(vec![Answer::Hangs]);
    let mut depot = maps(&server);
    for _ in 0..2 {
        let begun = Instant::now();
        assert_eq!(source(&plan(&depot, 52.5)), "estimated");
        assert!(begun.elapsed() < Duration::from_secs(15), "an answer comes within its budget");
    }
    assert_eq!(server.asked().len(), 2);
    assert_eq!(sources(&depot)["breaker"], "open");
    let health = depot.itself(FIRST_TENANT, "GET", "/health/detailed").gives(200).json;
    assert_eq!(health["maps"]["breaker"], "open", "{health}");
    plan(&depot, 52.5);
    assert_eq!(server.asked().len(), 2, "it is left alone");
    depot.restart();
    plan(&depot, 52.5);
    assert_eq!(server.asked().len(), 2, "a restart forgets nothing");
    // One probe decides.
    server.now(vec![table(6_800.0, 480.0)]);
    depot.wait(Duration::from_secs(31));
    assert_eq!(sources(&depot)["breaker"], "half_open");
    assert_eq!(source(&plan(&depot, 52.5)), "map_server");
    assert_eq!(sources(&depot)["breaker"], "closed");
}

#[test]
fn a_map_server_that_cannot_be_right_is_not_believed() {
    let lies = [
        table(10.0, 1.0),
        table(6_800.0, 3.0),
        table(-1.0, 10.0),
        Answer::Says(r#"{"code":"Ok","distances":[[0]],"durations":[[0]]}"#.into()),
        Answer::Says(r#"{"code":"NoTable"}"#.into()),
        Answer::Says("<html>".into()),
    ];
    for lie in lies {
        let server = Carrier::open(vec![lie.clone()]);
        let depot = maps(&server);
        let shown = plan(&depot, 52.5);
        assert_eq!(source(&shown), "estimated", "{lie:?}");
        assert!(!text(&sources(&depot), "trouble").is_empty());
    }
}

#[test]
fn headquarters_knows_the_fleet_and_the_routes_of_its_depots() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    let made = |path: &str, body: &Value| {
        let answer = depot.post(path, body);
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json
    };
    let van = text(&made("/vehicles", &json!({ "name": "van" })), "id");
    made("/drivers", &json!({ "name": "Ada", "vehicle": van }));
    let stop = json!({ "reference": "d1", "latitude": 52.5, "longitude": 13.41 });
    let wish = json!({ "stops": [stop], "depot": { "latitude": 52.5, "longitude": 13.4 }, "date": "2090-05-06", "steps": 20 });
    let plan = made("/routes/optimize", &wish);
    let path = format!("/routes/{}", text(&plan["routes"][0], "id"));
    made(&format!("{path}/dispatch"), &json!({}));
    let rev = depot.get("/conditions");
    assert_eq!(rev.status, 200);
    assert_eq!(depot.put("/conditions", &json!({ "version": 0, "weather": { "factor": 1.2 } })).status, 200);
    exchange(&depot);
    assert_equal(&depot);
    assert_eq!(hq.get(&format!("/vehicles/{van}")).json["name"], "van");
    let there = hq.get(&path);
    assert_eq!((there.status, there.json["state"].as_str()), (200, Some("dispatched")), "{there:?}");
    assert_eq!(there.json["driver"]["name"], "Ada");
    assert_eq!(there.json["stops"], depot.get(&path).json["stops"]);
    let search = hq.get(&format!("/routes/optimize/{}", text(&plan, "id"))).json;
    assert_eq!(
        (search["state"].as_str(), search["served"].as_u64()),
        (Some("completed"), Some(1)),
        "{search}"
    );
}
