//! The weather from a service that is slow, down or lying, and what it does to a plan.

use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::carrier::{Answer, Carrier};
use crate::support::people::depot_with;

fn says(code: u8) -> Answer {
    Answer::Says(json!({ "current": { "weather_code": code, "visibility": 20_000.0 } }).to_string())
}

/// A depot whose place is known and that asks `service`.
fn depot(service: &Carrier) -> Depot {
    let url = service.url();
    let depot = depot_with(|c| {
        c.weather.url = url;
        c.weather.timeout_s = 1;
    });
    let place = json!({ "address": "Depot acme", "latitude": 52.516_27, "longitude": 13.377_7 });
    depot.itself(FIRST_TENANT, "POST", "/places").body(&place).gives(201);
    depot
}

fn sources(depot: &Depot) -> Value {
    depot.itself(FIRST_TENANT, "GET", "/conditions/sources").gives(200).json
}

/// Seconds of a plan of one stop, only shown, and what it rests on.
fn plan(depot: &Depot) -> (u64, String) {
    let body = json!({ "stops": [{ "latitude": 52.5, "longitude": 13.45, "service_minutes": 0 }], "depot": { "latitude": 52.5, "longitude": 13.4 },
                       "steps": 20, "dry_run": true });
    let plan = depot.itself(FIRST_TENANT, "POST", "/routes/optimize").body(&body).gives(200).json;
    (plan["routes"][0]["duration_s"].as_u64().unwrap(), plan["basis"].to_string())
}

/// Lets `seconds` pass and waits until the service was asked and what came of it is as wanted.
fn round(depot: &Depot, seconds: u64, done: impl Fn(&Value) -> bool) {
    depot.wait(Duration::from_secs(seconds));
    depot.wait_until("the weather was asked for", || done(&sources(depot)));
}

#[test]
fn snow_slows_a_plan_until_it_is_over_or_somebody_knows_better() {
    let service = Carrier::open(vec![says(0)]);
    let depot = depot(&service);
    round(&depot, 61, |s| !s["weather"]["answered_at"].is_null());
    let asked = &service.asked()[0].0;
    assert!(asked.contains("latitude=52.52&longitude=13.38&current=weather_code"), "{asked}");
    let (dry, basis) = plan(&depot);
    assert!(!basis.contains("weather"), "{basis}");
    service.now(vec![says(73)]);
    round(&depot, 901, |s| s["measured"]["note"] == "snow");
    let (snowy, basis) = plan(&depot);
    assert!((1.42..1.44).contains(&(snowy as f64 / dry as f64)), "{snowy} s, {dry} s when dry");
    assert!(basis.contains("weather x 1.43 (snow), as the weather service said at"), "{basis}");
    // What somebody enters counts before it, and says whose it is.
    let entered = json!({ "version": 0, "weather": { "factor": 2.0, "note": "black ice" } });
    depot.itself(FIRST_TENANT, "PUT", "/conditions").body(&entered).gives(200);
    let (icy, basis) = plan(&depot);
    assert!(
        (1.99..2.01).contains(&(icy as f64 / dry as f64)) && basis.contains("entered by hand"),
        "{basis}"
    );
    let shown = depot.itself(FIRST_TENANT, "GET", "/conditions").gives(200).json;
    assert_eq!(shown["weather"]["measured_at"], Value::Null);
    let forged = json!({ "version": 1, "weather": { "factor": 2.0, "measured_at": "2026-01-01T00:00:00Z" } });
    depot.itself(FIRST_TENANT, "PUT", "/conditions").body(&forged).gives(422);
}

#[test]
fn a_service_that_fails_is_left_alone_and_what_it_said_last_stands_for_six_hours() {
    let service = Carrier::open(vec![says(65)]);
    let mut depot = depot(&service);
    round(&depot, 61, |s| s["measured"]["note"] == "heavy rain");
    let (rainy, _) = plan(&depot);
    for (n, bad) in
        [Answer::Hangs, Answer::Says("<html>".into()), Answer::Fails(500, "x: y")].into_iter().enumerate()
    {
        service.now(vec![bad]);
        let asked = service.asked().len();
        round(&depot, 901, |s| service.asked().len() > asked && s["weather"]["trouble"].is_string());
        depot.wait_until("the failure counts", || {
            (sources(&depot)["weather"]["breaker"] == "open") == (n == 2)
        });
    }
    let health = depot.itself(FIRST_TENANT, "GET", "/health/detailed").gives(200).json;
    let known = health["outside"].as_array().unwrap().iter().find(|s| s["name"] == "weather").unwrap();
    assert_eq!((&known["configured"], &known["breaker"]), (&json!(true), &json!("open")));
    let asked = service.asked().len();
    depot.restart();
    assert_eq!((plan(&depot).0, sources(&depot)["weather"]["breaker"].as_str()), (rainy, Some("open")));
    assert_eq!(service.asked().len(), asked, "it is left alone, over a restart too");
    // One probe decides.
    service.now(vec![says(61)]);
    round(&depot, 61, |s| s["measured"]["note"] == "rain");
    assert_eq!(sources(&depot)["weather"]["breaker"], "closed");
    // Nobody is asked while the line is cut, and after six hours the last word is too old.
    let node = depot.running().app.sync.clone();
    let now = depot.clock.now();
    node.see(FIRST_TENANT, |seen| seen.offline_since = Some(now));
    let asked = service.asked().len();
    depot.wait(Duration::from_secs(5 * 3_600));
    assert!(plan(&depot).1.contains("rain"));
    depot.wait(Duration::from_secs(3_600));
    let (dry, basis) = plan(&depot);
    assert!(dry < rainy && !basis.contains("weather"), "{basis}");
    assert_eq!(service.asked().len(), asked, "no question without a line");
}
