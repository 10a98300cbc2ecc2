//! Planning, what-if, the live map and figures, by hand of a browser without scripts and of programs.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::{Came, Person};
use crate::support::people::{ADMIN, PASSWORD, depot, text};

fn made(depot: &Depot, path: &str, body: &Value) -> Value {
    let answer = depot.itself(FIRST_TENANT, "POST", path).body(body).send();
    assert!(answer.status < 300, "{path}: {}", answer.text);
    answer.json
}

fn got(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

/// What the fields called `name` hold.
pub fn values(came: &Came, name: &str) -> Vec<String> {
    let of = |attrs: &[(String, String)], wanted: &str| {
        attrs.iter().find(|(n, _)| n == wanted).map(|(_, v)| v.clone())
    };
    let inputs = came.page().elements().into_iter().filter(|(element, _)| element == "input");
    inputs
        .filter(|(_, a)| of(a, "name").as_deref() == Some(name))
        .filter_map(|(_, a)| of(&a, "value"))
        .collect()
}

const DAY: &str = "2030-05-06";

/// Two vans with their stops east and west of the depot: routes of that day.
pub fn two_routes(depot: &Depot) -> [Value; 2] {
    let plan = |van: &str, side: f64| {
        made(depot, "/vehicles", &json!({ "name": van, "capacity": { "kg": 40 } }));
        let stop = |n: usize| {
            json!({ "reference": format!("{van}{n}"), "address": format!("{n} {van} Road"), "weight_kg": 15,
                "latitude": 52.5, "longitude": 13.4 + side * n as f64 })
        };
        let stops: Vec<Value> = (1..=2).map(stop).collect();
        let wish = json!({ "stops": stops, "vehicles": [van], "date": DAY, "steps": 200,
            "depot": { "latitude": 52.5, "longitude": 13.4 } });
        made(depot, "/routes/optimize", &wish)["routes"][0].clone()
    };
    [plan("east", 0.02), plan("west", -0.02)]
}

fn references(route: &Value) -> Vec<String> {
    route["stops"].as_array().unwrap().iter().map(|s| text(s, "reference")).collect()
}

#[test]
fn a_stop_is_looked_at_elsewhere_and_moved_when_it_is_meant() {
    let depot = depot();
    let [east, west] = two_routes(&depot);
    let path = format!("/routes/{}/move", text(&east, "id"));
    let ask = |body: Value| depot.itself(FIRST_TENANT, "POST", &path).body(&body).send();
    let wish = json!({ "stop": 0, "to": west["id"], "dry_run": true });
    let shown = ask(wish.clone()).json;
    assert!(shown["distance_m"].as_i64() > Some(1_000), "{shown}");
    assert_eq!(references(&shown["to"]).len(), 3, "{shown}");
    assert!(text(&json!({ "w": shown["warnings"][0] }), "w").contains("45 kg"), "{shown}");
    assert_eq!(references(&got(&depot, &format!("/routes/{}", text(&west, "id")))).len(), 2, "only shown");
    let stale = ask(json!({ "stop": 0, "to": west["id"], "version": 99 }));
    assert_eq!(stale.problem().0, 412, "{}", stale.text);
    assert_eq!(ask(json!({ "stop": 9, "to": west["id"] })).problem().0, 404);
    assert_eq!(ask(json!({ "stop": 0, "to": east["id"] })).status, 422);
    assert_eq!(ask(json!({ "stop": 0, "to": west["id"], "at": 4 })).status, 422, "one place too far");
    let moved = ask(json!({ "stop": 0, "to": west["id"], "at": 2 }));
    assert_eq!((moved.status, moved.json["at"].as_u64()), (200, Some(2)), "{}", moved.text);
    let there = got(&depot, &format!("/routes/{}", text(&west, "id")));
    assert_eq!(references(&there)[2], references(&east)[0]);
    // The last stop that goes takes its route along.
    assert_eq!(ask(json!({ "stop": 0, "to": west["id"] })).status, 200);
    assert_eq!(
        depot.itself(FIRST_TENANT, "GET", &format!("/routes/{}", text(&east, "id"))).send().status,
        404
    );
    made(&depot, &format!("/routes/{}/dispatch", text(&west, "id")), &json!({}));
    let gone = depot.itself(FIRST_TENANT, "POST", &format!("/routes/{}/move", text(&west, "id")));
    assert_eq!(gone.body(&json!({ "stop": 0, "to": west["id"] })).send().problem().0, 409);
}

#[test]
fn a_day_is_planned_changed_and_sent_off_with_forms_alone() {
    let depot = depot();
    made(&depot, "/vehicles", &json!({ "name": "van-1" }));
    made(&depot, "/vehicles", &json!({ "name": "van-2" }));
    for n in 1..=6 {
        let body = json!({ "pickupAddress": "the depot", "deliveryAddress": format!("{n} Main Street"), "customerName": "Bo",
            "deliveryLocation": { "latitude": 52.5, "longitude": 13.4 + 0.01 * f64::from(n) } });
        made(&depot, "/deliveries", &body);
    }
    made(&depot, "/places", &json!({ "address": "the depot", "latitude": 52.5, "longitude": 13.4 }));
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let form = admin.get(&format!("/routes/plan?day={DAY}"));
    let chosen = values(&form, "delivery");
    assert_eq!(chosen.len(), 6, "{}", form.text);
    let mut fields: Vec<(&str, &str)> = vec![("day", DAY), ("seconds", "1"), ("goal", "both")];
    fields.extend(chosen.iter().map(|c| ("delivery", c.as_str())));
    let begun = admin.post("/routes/plan", &fields);
    assert_eq!(begun.status, 303, "{}", begun.text);
    let search = begun.location().to_owned();
    depot.until("the plan is found", |_| admin.get(&search).text.contains("Points of 100"));
    let found = admin.get(&search);
    assert!(found.page().faults(&found.text).is_empty(), "{:?}", found.page().faults(&found.text));
    assert!(found.text.contains("<svg") && found.text.contains("way r0"), "{}", found.text);
    let day = admin.get(&format!("/routes?day={DAY}"));
    assert!(day.text.contains("van-1") || day.text.contains("van-2"), "{}", day.text);
    let routes = got(&depot, &format!("/routes?day={DAY}"))["items"].as_array().unwrap().clone();
    let path = format!("/routes/{}", text(&routes[0], "id"));
    let page = admin.get(&path);
    assert!(page.text.contains("Main Street") && page.page().faults(&page.text).is_empty(), "{}", page.text);
    let sent = admin.post(&format!("{path}/dispatch"), &[]);
    // Nobody is at the wheel: that is said of each delivery, and the route is on the road.
    assert!(sent.status == 200 && sent.text.contains("no user here"), "{} {}", sent.status, sent.text);
    assert_eq!(got(&depot, &path)["state"], "dispatched");
    let nothing = admin.post("/routes/plan", &[("day", DAY)]);
    assert_eq!(nothing.status, 422, "{}", nothing.text);
}

#[test]
fn what_if_is_shown_and_accepted_with_forms_alone() {
    let depot = depot();
    let [east, west] = two_routes(&depot);
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let (from, to) = (text(&east, "id"), text(&west, "id"));
    let page = admin.get(&format!("/routes/whatif?from={from}&stop=0&to={to}"));
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.page().faults(&page.text).is_empty(), "{:?}", page.page().faults(&page.text));
    assert!(page.text.contains("45 kg"), "{}", page.text);
    let value = |name: &str| values(&page, name)[0].clone();
    let fields = ["from", "to", "stop", "from_version", "to_version"].map(|n| (n, value(n)));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let done = admin.post("/routes/whatif", &fields);
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(references(&got(&depot, &format!("/routes/{to}"))).len(), 3);
    // A second time it was made from an older state.
    assert_eq!(admin.post("/routes/whatif", &fields).status, 412);
}

#[test]
fn vehicles_drivers_and_places_are_kept_with_forms_alone() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let van = [
        ("name", "van"),
        ("kg", "800"),
        ("from", "06:30"),
        ("to", "15:00"),
        ("skills", "cooled, tail_lift"),
        ("available", "1"),
    ];
    admin.does("/fleet/vehicles/new", &van);
    let id = text(&got(&depot, "/vehicles/van"), "id");
    let page = admin.get(&format!("/fleet/vehicles/{id}"));
    let version = values(&page, "version")[0].clone();
    let less = [("version", version.as_str()), ("name", "van"), ("from", "06:30"), ("to", "05:00")];
    let refused = admin.post(&format!("/fleet/vehicles/{id}"), &less);
    assert!(refused.status == 422 && refused.text.contains("shift"), "{} {}", refused.status, refused.text);
    let changed =
        [("version", version.as_str()), ("name", "van"), ("kg", "900"), ("from", "07:00"), ("to", "15:00")];
    admin.does(&format!("/fleet/vehicles/{id}"), &changed);
    let now = got(&depot, "/vehicles/van");
    assert_eq!(
        (now["capacity"]["kg"].as_f64(), now["available"].as_bool()),
        (Some(900.0), Some(false)),
        "{now}"
    );
    admin.does("/fleet/drivers/new", &[("name", "Ada"), ("vehicle", &id), ("available", "1")]);
    assert_eq!(got(&depot, "/drivers/Ada")["vehicle"], json!(id));
    let place = [("address", "12 Oak Street"), ("latitude", "52.5"), ("longitude", "13.4")];
    admin.does("/places", &place);
    let found = admin.get("/places?q=12+oak+street");
    assert!(found.text.contains("52.500000, 13.400000"), "{}", found.text);
    let wrong =
        admin.post("/places", &[("address", "12 Oak Street"), ("latitude", "95"), ("longitude", "13.4")]);
    assert_eq!(wrong.status, 422);
}

/// The stream of positions as `token` opens it: its lines.
fn stream(depot: &Depot, token: &str) -> impl Iterator<Item = String> + use<> {
    let mut line = TcpStream::connect(depot.running().address).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ask =
        format!("GET /api/v1/tracking/live HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {token}\r\n\r\n");
    line.write_all(ask.as_bytes()).unwrap();
    let mut lines = BufReader::new(line).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
    lines
}

/// The next vehicles a stream tells of.
fn hears(lines: &mut impl Iterator<Item = String>) -> Vec<(String, f64)> {
    let data = lines.find_map(|l| l.strip_prefix("data: ").map(str::to_owned)).expect("the stream ended");
    let told: Vec<Value> = serde_json::from_str(&data).unwrap();
    told.iter().map(|v| (text(v, "name"), v["latitude"].as_f64().unwrap())).collect()
}

#[test]
fn every_open_map_hears_each_position_that_it_may_see() {
    let mut depot = depot();
    for (login, role) in [("pia", "planner"), ("dan", "driver"), ("rob", "driver")] {
        depot.user(FIRST_TENANT, login, role, json!({}));
    }
    let tell = |vehicle: &str, lat: f64, second: i64| {
        let at = crossdock::base::clock::Timestamp::from_millis(crate::support::BEGIN + second * 1_000);
        let point =
            json!({ "vehicle": vehicle, "latitude": lat, "longitude": 13.4, "timestamp": at.to_string() });
        made(&depot, "/tracking/batch", &json!({ "points": [point] }));
    };
    depot.wait(Duration::from_secs(600));
    tell("van-1", 52.5, 0);
    let (pia, dan) = (depot.token("pia"), depot.token("dan"));
    let mut maps: Vec<_> = (0..12).map(|_| stream(&depot, &pia)).collect();
    for map in &mut maps {
        assert_eq!(hears(map), [("van-1".to_owned(), 52.5)], "all of them at first");
    }
    let mut his = stream(&depot, &dan);
    assert_eq!(hears(&mut his), [], "nobody else's");
    tell("van-2", 52.6, 10);
    for map in &mut maps {
        assert_eq!(hears(map), [("van-2".to_owned(), 52.6)], "only what moved");
    }
    let own =
        json!({ "points": [{ "latitude": 52.7, "longitude": 13.4, "timestamp": "2026-11-21T10:00:20Z" }] });
    depot.ask(&dan, "POST", "/tracking/batch").body(&own).gives(200);
    assert_eq!(hears(&mut his), [("Name of dan".to_owned(), 52.7)]);
    for map in &mut maps {
        assert_eq!(hears(map).len(), 1);
    }
    let shown = Person::logged_in(&depot, ADMIN, PASSWORD).get("/live");
    assert!(shown.text.contains("van-1") && shown.text.contains("data-vehicle="), "{}", shown.text);
    assert!(shown.page().faults(&shown.text).is_empty(), "{:?}", shown.page().faults(&shown.text));
    depot.stop();
    assert!(maps[0].all(|l| !l.starts_with("data: ")), "a stop does not wait for those who listen");
}

#[test]
fn figures_hold_what_routes_took_against_what_they_were_to_take() {
    let depot = depot();
    let user = depot.user(FIRST_TENANT, "ada", "driver", json!({}));
    let van = text(&made(&depot, "/vehicles", &json!({ "name": "van" })), "id");
    made(&depot, "/drivers", &json!({ "name": "Ada", "user": user, "vehicle": van }));
    let stop = json!({ "reference": "d1", "latitude": 52.5, "longitude": 13.41 });
    let wish = json!({ "stops": [stop], "depot": { "latitude": 52.5, "longitude": 13.4 }, "date": "2026-11-21", "steps": 20 });
    let plan = made(&depot, "/routes/optimize", &wish);
    let path = format!("/routes/{}", text(&plan["routes"][0], "id"));
    made(&depot, &format!("{path}/dispatch"), &json!({}));
    depot.wait(Duration::from_secs(3_600));
    let ada = depot.token("ada");
    depot.ask(&ada, "POST", &format!("{path}/stops/0/done")).body(&json!({})).gives(200);
    let figures = got(&depot, "/analytics/routes?from=2026-11-01&to=2026-11-30");
    let total = &figures["total"];
    assert_eq!((total["completed"].as_u64(), total["done"].as_u64()), (Some(1), Some(1)), "{figures}");
    assert_eq!(total["mean_duration_s"], 3_600, "{figures}");
    assert!(total["efficiency"].as_f64() > Some(200.0), "{figures}");
    assert_eq!(
        (figures["days"].as_array().unwrap().len(), figures["drivers"][0]["driver"].as_str()),
        (1, Some("Ada"))
    );
    let mine = depot.ask(&ada, "GET", "/analytics/me").gives(200).json;
    assert_eq!(mine["total"], *total);
    depot.ask(&ada, "GET", "/analytics/routes").gives(403);
    let far = depot.itself(FIRST_TENANT, "GET", "/analytics/routes?from=2026-01-01&to=2026-11-30").send();
    assert_eq!(far.status, 422, "{}", far.text);
    let page = Person::logged_in(&depot, ADMIN, PASSWORD).get("/route-figures");
    assert!(page.text.contains("100 × actual / estimated"), "{}", page.text);
}
