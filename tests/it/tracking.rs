//! Positions as phones and boxes tell them: real fixes replayed, every form, arrivals, who may see what, a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock::tracking::service::{MAX_BATCH, MAX_TRAIL};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::{Desk, TENANT};
use crate::support::people;
use crate::support::shared::{facts, shared};
use crate::support::{Answered, Depot};

fn total(values: &BTreeMap<String, Value>, pointer: &str) -> u64 {
    values.values().map(|v| v.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)).sum()
}

fn seen(desk: &Desk, vehicles: &[String]) -> BTreeMap<String, Value> {
    let look = |v: &String| {
        let answer = desk.get(&format!("/tracking/vehicles/{v}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        (v.clone(), answer.json)
    };
    vehicles.iter().map(look).collect()
}

#[test]
fn real_fixes_replayed_as_devices_give_the_figures_that_are_true_of_them() {
    let (Some(file), Some(facts)) = (shared("data/gps/fixes.csv"), facts("gps")) else { return };
    // They are of 2007 and 2008: kept for ever, or the clean-up would take them.
    let desk = Desk::with(|c| c.retention.positions = 0);
    let fence = &facts["geofence"];
    let fence = json!({ "name": "square", "latitude": fence["lat"], "longitude": fence["lon"], "radius_m": 5000, "dwell_s": 60 });
    assert_eq!(desk.post("/tracking/fences", &fence).status, 201);
    let mut points: Vec<Value> = Vec::new();
    for row in csv::Reader::from_path(file).unwrap().records().map(Result::unwrap) {
        let [device, trip, _, at, lat, lon] = [0, 1, 2, 3, 4, 5].map(|n| row[n].to_owned());
        let (lat, lon): (f64, f64) = (lat.parse().unwrap(), lon.parse().unwrap());
        points.push(json!({ "vehicle": device, "trip": trip, "timestamp": at, "lat": lat, "lon": lon }));
    }
    assert_eq!(points.len() as u64, facts["points"].as_u64().unwrap());
    let replay = || {
        for points in points.chunks(MAX_BATCH) {
            let told = desk.post("/tracking/batch", &json!({ "points": points }));
            assert_eq!((told.status, &told.json["taken"]), (200, &json!(points.len())), "{told:?}");
        }
    };
    replay();
    let vehicles: Vec<String> = facts["points_per_device"].as_object().unwrap().keys().cloned().collect();
    let all = seen(&desk, &vehicles);
    for (name, v) in &all {
        let metres = v["tally"]["metres_told"].as_f64().unwrap();
        let truth = facts["metres_per_device"][name].as_f64().unwrap();
        assert!((metres - truth).abs() < 0.1, "{name}: {metres} m, not {truth}");
        assert_eq!(v["tally"]["told"], facts["points_per_device"][name], "{name}");
        let latest = &facts["latest_fix"][name];
        assert_eq!(v["latest"]["at"], latest[0], "{name}");
        for (n, field) in [(1, "latitude"), (2, "longitude")] {
            assert!(
                (v["latest"][field].as_f64().unwrap() - latest[n].as_f64().unwrap()).abs() < 1e-6,
                "{name}"
            );
        }
        // What is cleaned is no longer than what was told.
        assert!(v["tally"]["metres"].as_f64().unwrap() <= metres, "{v}");
    }
    assert_eq!(total(&all, "/fences/0/points"), facts["geofence"]["points_within_5000_m"].as_u64().unwrap());
    assert_eq!(total(&all, "/tally/repeated"), facts["points_with_same_device_and_time"].as_u64().unwrap());
    assert_eq!(total(&all, "/tally/jumps"), facts["steps_faster_than_50_m_s"].as_u64().unwrap());
    let kept =
        facts["points"].as_u64().unwrap() - facts["points_with_same_device_and_time"].as_u64().unwrap();
    assert_eq!(total(&all, "/tally/kept"), kept);
    assert_eq!((total(&all, "/tally/old"), total(&all, "/fences/0/departures") > 0), (0, true));
    // The same again, as a phone does that heard no answer: nothing of it is kept twice.
    let again = json!({ "points": &points[..MAX_BATCH] });
    assert_eq!(desk.post("/tracking/batch", &again).status, 200);
    let after = seen(&desk, &vehicles);
    assert_eq!(total(&after, "/tally/kept"), kept);
    assert_eq!(total(&after, "/tally/repeated"), total(&all, "/tally/repeated") + MAX_BATCH as u64);
    desk.assert_sound();
}

struct Device {
    token: String,
}

fn device(desk: &Desk, name: &str, more: Value) -> Device {
    let mut new = json!({ "name": name });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = desk.post("/tracking/devices", &new);
    assert_eq!(made.status, 201, "{made:?}");
    let token = desk.post(&format!("/tracking/devices/{name}/token"), &json!({}));
    assert_eq!(token.status, 201, "{token:?}");
    Device { token: token.json["token"].as_str().unwrap().to_owned() }
}

fn track(desk: &Desk, name: &str) -> Value {
    let answer = desk.get(&format!("/tracking/vehicles/{name}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

#[test]
fn every_form_leads_to_the_devices_vehicle_and_only_with_its_token() {
    let desk = Desk::new();
    let box_ = device(&desk, "box-1", json!({ "vehicle": "van-1", "speed_unit": "knots" }));
    let now = desk.clock.now().millis() / 1_000;
    let get =
        |query: String| desk.send(desk.request(Method::GET, &format!("/api/v1/tracking/osmand?{query}")));
    let told =
        get(format!("id={}&lat=-23.5&lon=-46.6&timestamp={}&speed=10&bearing=90", box_.token, now - 60));
    assert_eq!((told.status, &told.json["taken"]), (200, &json!(true)), "{told:?}");
    let v = track(&desk, "van-1");
    assert_eq!((&v["latest"]["speed"], &v["latest"]["heading"]), (&json!(5.14), &json!(90.0)), "{v}");
    // As a form, and as Traccar's clients say it from version 9 on.
    let post = |path: &str| desk.request(Method::POST, &format!("/api/v1/tracking/{path}"));
    let form = post("osmand").header("content-type", "application/x-www-form-urlencoded").body(format!(
        "deviceid={}&location=-23.51,-46.61&timestamp={}",
        box_.token,
        now - 50
    ));
    assert_eq!(desk.send(form).json["taken"], true);
    let at = now - 40;
    let body = json!({ "device_id": box_.token, "location": { "timestamp": at * 1_000, "coords": { "latitude": -23.52, "longitude": -46.62, "speed": 5.0, "accuracy": 8 } } });
    assert_eq!(desk.send(post("osmand").json(&body)).json["taken"], true);
    let own =
        json!({ "_type": "location", "lat": -23.53, "lon": -46.63, "tst": now - 30, "vel": 36, "acc": 9 });
    let told = desk.send(post("owntracks").basic_auth("anybody", Some(&box_.token)).json(&own));
    assert_eq!((told.status, told.text.as_str()), (200, "[]"), "{told:?}");
    let empty = desk.send(post("owntracks").basic_auth("anybody", Some(&box_.token)).body(""));
    assert_eq!((empty.status, empty.text.as_str()), (200, "[]"));
    let v = track(&desk, "van-1");
    assert_eq!((&v["tally"]["kept"], &v["latest"]["latitude"]), (&json!(4), &json!(-23.53)), "{v}");
    // What can't be used is answered too, or a phone would send it for ever; what is no message at all is refused.
    let refused = |query: String, why: &str| {
        let told = get(format!("id={}&{query}", box_.token));
        assert_eq!((told.status, &told.json["taken"]), (200, &json!(false)), "{told:?}");
        assert!(told.json["detail"].as_str().unwrap().contains(why), "{told:?}");
    };
    refused("lat=0&lon=0".into(), "does not know where it is");
    refused(format!("lat=1&lon=2&timestamp={}", now + 200), "future");
    refused("lat=1&lon=2&accuracy=101".into(), "accurate to 101 m");
    refused("lat=one&lon=2".into(), "must be a number");
    let odd = desk.send(post("owntracks").basic_auth("a", Some(&box_.token)).body("{"));
    assert_eq!(odd.status, 422, "{odd:?}");
    assert_eq!(track(&desk, "van-1")["tally"]["told"], 4);
    // Nobody without a token, and the old one is out as soon as there is a new one.
    for id in ["", "id=nonsense&", "id=1.e.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&", "id=0.e.x&"] {
        assert_eq!(get(format!("{id}lat=1&lon=2")).problem(), (401, "tracking.device"), "{id}");
    }
    let old = box_.token;
    let new =
        desk.post("/tracking/devices/box-1/token", &json!({})).json["token"].as_str().unwrap().to_owned();
    assert_eq!(get(format!("id={old}&lat=1&lon=2")).problem(), (401, "tracking.device"));
    assert_eq!(get(format!("id={new}&lat=1&lon=2&timestamp={now}")).json["taken"], true);
    // A device that is in no vehicle stands for itself; one that is gone is nobody.
    let phone = device(&desk, "phone-1", json!({}));
    assert_eq!(get(format!("id={}&lat=1&lon=2", phone.token)).json["taken"], true);
    let names: Vec<Value> = desk.all("/tracking/vehicles").iter().map(|v| v["name"].clone()).collect();
    assert_eq!(names, ["phone-1", "van-1"]);
    let version = desk.get("/tracking/devices/phone-1").header("etag").to_owned();
    let gone = desk.control(Method::DELETE, "/api/v1/tracking/devices/phone-1").header("if-match", version);
    let gone = desk.send(gone);
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(get(format!("id={}&lat=1&lon=2", phone.token)).problem(), (401, "tracking.device"));
    let twice = desk.post("/tracking/devices", &json!({ "name": "box-1" }));
    assert_eq!(twice.problem(), (409, "tracking.exists"));
    desk.assert_sound();
}

/// A position so many metres north of the stop, so many seconds from the test's beginning.
fn tell(desk: &Desk, vehicle: &str, metres: f64, s: i64) {
    let at = crossdock::base::clock::Timestamp::from_millis(crate::support::BEGIN + s * 1_000);
    let (lat, lon) = (10.0 + metres / 111_195.0, 5.0);
    let told = desk.post(
        "/tracking/batch",
        &json!({ "points": [{ "vehicle": vehicle, "lat": lat, "lon": lon, "at": at.to_string() }] }),
    );
    assert_eq!((told.status, &told.json["taken"]), (200, &json!(1)), "{told:?}");
}

fn delivery(desk: &Desk, name: &str) -> Value {
    let answer = desk.get(&format!("/tracking/{name}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

fn expect(desk: &Desk, delivery: &str, vehicle: &str, metres: f64, more: Value) -> Answered {
    let mut new = json!({ "delivery_id": delivery, "vehicle": vehicle, "latitude": 10.0 + metres / 111_195.0, "longitude": 5.0 });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    desk.post("/tracking/stops", &new)
}

#[test]
fn a_vehicle_comes_stays_and_leaves_and_what_was_foretold_is_held_against_it() {
    let desk = Desk::new();
    assert_eq!(expect(&desk, "D-1", "van-1", 0.0, json!({ "sequence": 1, "service_s": 120 })).status, 200);
    assert_eq!(expect(&desk, "D-2", "van-1", -3_000.0, json!({ "sequence": 2 })).status, 200);
    let nowhere = desk.get("/tracking/eta/D-1");
    assert_eq!(nowhere.problem(), (409, "tracking.nowhere"));
    desk.wait(Duration::from_secs(3_600));
    tell(&desk, "van-1", 2_000.0, 0);
    let eta = desk.get("/tracking/eta/D-1").json;
    assert_eq!(
        (&eta["basis"], &eta["confidence"], &eta["stops"]),
        (&json!("plan"), &json!(0.9), &json!(1)),
        "{eta}"
    );
    let time = |v: &Value| v.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let order = [
        &eta["range"]["min"],
        &eta["likely"]["min"],
        &eta["estimated_time"],
        &eta["likely"]["max"],
        &eta["range"]["max"],
    ];
    let order: Vec<i64> = order.into_iter().map(time).collect();
    assert!(order.windows(2).all(|w| w[0] <= w[1]), "{eta}");
    // The position is an hour old by our clock: nothing arrives in the past.
    assert!(order[0] >= desk.clock.now().millis() / 1_000 + 60, "{eta}");
    assert_eq!(desk.get("/tracking/eta/D-2").json["stops"], 2);
    for (metres, s) in [(1_000.0, 100), (50.0, 200), (10.0, 230), (20.0, 261), (85.0, 280)] {
        tell(&desk, "van-1", metres, s);
    }
    let there = delivery(&desk, "D-1");
    assert_eq!(
        (&there["state"], &there["arrived_at"]),
        (&json!("arrived"), &json!("2026-11-21T10:03:20Z")),
        "{there}"
    );
    assert_eq!(there["trail"].as_array().unwrap().len(), 6, "{there}");
    tell(&desk, "van-1", -95.0, 400);
    let left = delivery(&desk, "D-1");
    assert_eq!(
        (&left["state"], &left["left_at"]),
        (&json!("over"), &json!("2026-11-21T10:06:40Z")),
        "{left}"
    );
    assert_eq!(desk.get("/tracking/eta/D-1").problem(), (409, "tracking.over"));
    assert_eq!(desk.get("/tracking/eta/D-2").json["stops"], 1);
    for (metres, s) in [(-2_000.0, 600), (-3_000.0, 700), (-3_000.0, 761)] {
        tell(&desk, "van-1", metres, s);
    }
    assert_eq!(delivery(&desk, "D-2")["state"], "arrived");
    // Each arrival was foretold, at first from 2 km off, and both are legs to learn from.
    let standing = desk.get("/eta/standing").json;
    assert_eq!(standing["arrivals"], 2, "{standing}");
    let store = &desk.running().app.store;
    let legs = store
        .read(TENANT, |tx| crossdock::eta::repo::newest(tx, crossdock::base::clock::Timestamp::ZERO, 9))
        .unwrap();
    let told: Vec<(&str, f32)> = legs.iter().map(|l| (l.delivery.as_str(), l.seconds)).collect();
    assert_eq!(told, [("D-1", 200.0), ("D-2", 300.0)]);
    let track = track(&desk, "van-1");
    assert_eq!((&track["stale"], &track["tally"]["jumps"]), (&json!(false), &json!(0)));
    desk.wait(Duration::from_secs(600));
    assert_eq!(desk.all("/tracking/vehicles?stale=true").len(), 1);
    assert_eq!(desk.all("/tracking/vehicles?stale=false").len(), 0);
    assert_eq!(desk.send(desk.control(Method::DELETE, "/api/v1/tracking/stops/D-2")).status, 204);
    assert_eq!(delivery(&desk, "D-2")["state"], "over");
    desk.assert_sound();
}

#[test]
fn of_two_stops_in_one_place_the_next_one_in_order_is_meant() {
    let desk = Desk::new();
    for (delivery, sequence) in [("second", 2), ("first", 1)] {
        assert_eq!(expect(&desk, delivery, "van-1", 0.0, json!({ "sequence": sequence })).status, 200);
    }
    desk.wait(Duration::from_secs(3_600));
    for (metres, s) in [(500.0, 0), (10.0, 60), (10.0, 121)] {
        tell(&desk, "van-1", metres, s);
    }
    assert_eq!(delivery(&desk, "first")["state"], "arrived");
    assert_eq!(delivery(&desk, "second")["state"], "expected");
}

#[test]
fn a_phone_that_was_offline_tells_later_and_a_restart_loses_nothing_that_was_answered() {
    let mut desk = Desk::new();
    desk.wait(Duration::from_secs(3_600));
    tell(&desk, "van-1", 0.0, 1_000);
    assert_eq!(track(&desk, "van-1")["tally"]["kept"], 1);
    // Older ones come in among those that are there; the latest stays the latest.
    for s in [10, 500, 500, 999] {
        tell(&desk, "van-1", s as f64, s);
    }
    let v = track(&desk, "van-1");
    let tally = &v["tally"];
    assert_eq!((&tally["kept"], &tally["old"], &tally["repeated"]), (&json!(4), &json!(3), &json!(1)), "{v}");
    assert_eq!(v["latest"]["at"], "2026-11-21T10:16:40Z");
    tell(&desk, "van-2", 0.0, 2_000);
    desk.restart();
    let latest = desk.all("/tracking/vehicles");
    assert_eq!(latest.len(), 2, "{latest:?}");
    assert_eq!(
        (&latest[1]["name"], &latest[1]["latest"]["at"]),
        (&json!("van-2"), &json!("2026-11-21T10:33:20Z"))
    );
    assert_eq!(track(&desk, "van-1")["tally"], *tally);
}

#[test]
fn a_delivery_nobody_announced_begins_with_its_first_position_and_its_way_is_shown() {
    let desk = Desk::new();
    let report = |delivery: &str, body: Value| desk.post(&format!("/tracking/{delivery}"), &body);
    for s in 0..5 {
        let at = crossdock::base::clock::Timestamp::from_millis(crate::support::BEGIN + s * 1_000);
        let told = report(
            "D-9",
            json!({ "latitude": 10.0 + s as f64 / 1e4, "longitude": 5.0, "speed": 8.3, "heading": 0, "timestamp": at.to_string(), "vehicle": "van-9" }),
        );
        assert_eq!(told.status, 200, "{told:?}");
        desk.wait(Duration::from_secs(1));
    }
    let d = delivery(&desk, "D-9");
    assert_eq!((d["trail"].as_array().unwrap().len(), &d["latest"]["latitude"]), (5, &json!(10.0004)), "{d}");
    assert_eq!(desk.get("/tracking/D-9?points=2").json["trail"].as_array().unwrap().len(), 2);
    assert_eq!(desk.get(&format!("/tracking/D-9?points={}", MAX_TRAIL + 1)).status, 422);
    assert_eq!(desk.get(&format!("/tracking/D-9?points={MAX_TRAIL}")).status, 200);
    assert_eq!(desk.get("/tracking/D-10").problem(), (404, "tracking.unknown"));
    for bad in [
        json!({ "latitude": 91, "longitude": 0 }),
        json!({ "longitude": 1 }),
        json!({ "latitude": 1, "longitude": 1, "timestamp": "soon" }),
        json!({ "lat": 0, "lon": 0 }),
    ] {
        assert_eq!(report("D-9", bad.clone()).problem(), (422, "request.invalid"), "{bad}");
    }
    let point = json!({ "lat": 1, "lon": 2 });
    let many = |n: usize| desk.post("/tracking/batch", &json!({ "points": vec![point.clone(); n] }));
    assert_eq!(many(MAX_BATCH + 1).problem(), (422, "request.invalid"));
    let most = many(MAX_BATCH);
    assert_eq!((most.status, &most.json["taken"]), (200, &json!(MAX_BATCH)));
    desk.wait(Duration::from_secs(1));
    let mixed = json!({ "points": [{ "lat": 1, "lon": 2, "vehicle": "m" }, { "lat": 95, "lon": 2 }, { "lat": 1, "lon": 3, "deliveryId": "D-11" }] });
    let mixed = desk.post("/tracking/batch", &mixed).json;
    assert_eq!((&mixed["taken"], &mixed["refused"][0]["row"]), (&json!(2), &json!(1)), "{mixed}");
    assert_eq!(delivery(&desk, "D-11")["latest"]["longitude"], 3.0);
}

#[test]
fn a_public_link_shows_one_delivery_until_it_is_over() {
    let desk = Desk::new();
    assert_eq!(expect(&desk, "D-1", "van-1", 0.0, json!({})).status, 200);
    tell(&desk, "van-1", 2_000.0, 0);
    assert_eq!(delivery(&desk, "D-1")["state"], "expected");
    assert_eq!(desk.post("/tracking/links", &json!({ "delivery_id": "D-2" })).problem().0, 404);
    assert_eq!(desk.post("/tracking/links", &json!({ "delivery_id": "D-1", "hours": 721 })).problem().0, 422);
    let made = desk.post("/tracking/links", &json!({ "delivery_id": "D-1", "hours": 2 }));
    assert_eq!(made.status, 201, "{made:?}");
    let path = made.json["path"].as_str().unwrap().to_owned();
    let (status, page) = desk.plain(&path);
    assert!(status == 200 && page.contains("on its way") && page.contains("Expected between"), "{page}");
    assert!(!page.contains("van-1") && !page.contains("D-1"), "{page}");
    let json = desk.send(desk.request(Method::GET, &path).header("accept", "application/json"));
    assert_eq!(
        (json.status, &json.json["state"], json.header("cache-control")),
        (200, &json!("expected"), "no-store")
    );
    assert_eq!(json.json["position"], json!([10.018, 5.0]), "roughly: {json:?}");
    assert_eq!(desk.plain(&format!("{path}x")).0, 404);
    assert_eq!(desk.plain("/t/1.l.nothing").0, 404);
    // Shown once: the list has no paths.
    let list = desk.all("/tracking/links");
    assert!(list.len() == 1 && list[0]["path"].is_null(), "{list:?}");
    desk.wait(Duration::from_secs(2 * 3_600));
    let (status, page) = desk.plain(&path);
    assert!(status == 404 && page.contains("this link is over"), "{page}");
    let again = desk.post("/tracking/links", &json!({ "delivery_id": "D-1" })).json;
    let (id, path) = (again["id"].as_str().unwrap(), again["path"].as_str().unwrap());
    assert_eq!(desk.plain(path).0, 200);
    assert_eq!(desk.send(desk.control(Method::DELETE, &format!("/api/v1/tracking/links/{id}"))).status, 204);
    assert_eq!(desk.plain(path).0, 404);
    desk.assert_sound();
}

#[test]
fn a_driver_sees_their_own_way_and_a_partner_their_own_deliveries() {
    const MAY: &[&str] = &["tracking.view", "tracking.report", "profile.own"];
    let depot: Depot = people::depot();
    let tenant = crossdock::web::control::FIRST_TENANT;
    depot.role(tenant, "on_road", MAY, "own");
    depot.role(tenant, "shop", MAY, "distributors");
    let ana = depot.user(tenant, "ana", "on_road", json!({}));
    depot.user(tenant, "bob", "on_road", json!({}));
    depot.user(tenant, "bar", "shop", json!({ "scope": { "distributors": ["bar"] } }));
    let [ana_t, bob_t, bar_t] = ["ana", "bob", "bar"].map(|login| depot.token(login));
    let stop = |name: &str, more: Value| {
        let mut new = json!({ "delivery_id": name, "vehicle": "van-1", "latitude": 10.0, "longitude": 5.0 });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        depot.itself(tenant, "POST", "/tracking/stops").body(&new).gives(200);
    };
    stop("of-ana", json!({ "driver": ana }));
    stop("of-bar", json!({ "distributor": "bar" }));
    let at = json!({ "latitude": 10.1, "longitude": 5.0, "vehicle": "somebody-elses" });
    depot.ask(&ana_t, "POST", "/tracking/of-ana").body(&at).gives(200);
    depot.ask(&ana_t, "GET", "/tracking/of-ana").gives(200);
    depot.ask(&ana_t, "GET", "/tracking/eta/of-ana").gives(200);
    for (bearer, name, other) in
        [(&bob_t, "of-ana", 404), (&bar_t, "of-bar", 200), (&bar_t, "of-ana", 404), (&ana_t, "of-bar", 404)]
    {
        for path in [format!("/tracking/{name}"), format!("/tracking/eta/{name}")] {
            let seen = depot.ask(bearer, "GET", &path).send();
            assert_eq!(seen.status, other, "{path}: {seen:?}");
        }
    }
    let refused = depot.ask(&bob_t, "POST", "/tracking/of-ana").body(&at).gives(404);
    assert_eq!(refused.problem().1, "tracking.unknown");
    // Who sees only their own reports for themselves, whatever vehicle they name; a partner has none.
    let point = json!({ "points": [{ "lat": 1, "lon": 2, "vehicle": "van-1" }] });
    assert_eq!(depot.ask(&bob_t, "POST", "/tracking/batch").body(&point).gives(200).json["taken"], 1);
    let partner = depot.ask(&bar_t, "POST", "/tracking/batch").body(&point).gives(200).json;
    assert_eq!((&partner["taken"], &partner["refused"][0]["row"]), (&json!(0), &json!(0)));
    depot.ask(&bar_t, "POST", "/tracking/new-one").body(&json!({ "lat": 1, "lon": 2 })).gives(404);
    let names = |bearer: &str| {
        let seen = depot.ask(bearer, "GET", "/tracking/vehicles").gives(200).json;
        seen["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!((names(&bob_t), names(&bar_t)), (vec!["Name of bob".to_owned()], vec![]));
    let all = depot.itself(tenant, "GET", "/tracking/vehicles").gives(200).json;
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "{all}");
    depot.ask(&ana_t, "GET", "/tracking/vehicles/van-1").gives(404);
}
