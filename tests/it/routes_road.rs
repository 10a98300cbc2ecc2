//! On the road: deliveries go with their route and are handed over at its stops, vehicles are followed along the plan, a
//! search ends with its job, and the depot's own road map says how far it is.

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{depot, depot_with, text};
use crate::support::{Answered, Depot, pbf};

fn ask(depot: &Depot, method: &str, path: &str, body: &Value) -> Answered {
    let asked = depot.itself(FIRST_TENANT, method, path);
    if body.is_null() { asked.send() } else { asked.body(body).send() }
}

fn made(depot: &Depot, path: &str, body: &Value) -> Value {
    let answer = ask(depot, "POST", path, body);
    assert!(answer.status < 300, "{path}: {}", answer.text);
    answer.json
}

fn got(depot: &Depot, path: &str) -> Value {
    let answer = ask(depot, "GET", path, &Value::Null);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json
}

fn home() -> Value {
    json!({ "latitude": 52.5, "longitude": 13.4 })
}

/// A delivery some kilometres east of home.
fn delivery(depot: &Depot, n: usize, more: &Value) -> String {
    let number = format!("DLV{n:07}");
    made(depot, "/parcels", &json!({ "tracking_number": number }));
    made(depot, &format!("/parcels/{number}/events"), &json!({ "status": "at_depot" }));
    let mut body = json!({ "pickupAddress": "the depot", "deliveryAddress": format!("{n} East Road, Town"),
        "customerName": "Bo", "deliveryLocation": { "latitude": 52.5, "longitude": 13.4 + 0.03 * n as f64 }, "parcels": [number] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    text(&made(depot, "/deliveries", &body), "id")
}

/// A van called van-1 with Ada at its wheel, and a route of these deliveries.
fn route(depot: &Depot, deliveries: &[String]) -> String {
    let user = depot.user(FIRST_TENANT, "ada", "driver", json!({}));
    let van = text(&made(depot, "/vehicles", &json!({ "name": "van-1" })), "id");
    made(depot, "/drivers", &json!({ "name": "Ada", "user": user, "vehicle": van }));
    let wish = json!({ "deliveries": deliveries, "depot": home(), "date": "2030-05-06", "steps": 500 });
    let plan = made(depot, "/routes/optimize", &wish);
    format!("/routes/{}", text(&plan["routes"][0], "id"))
}

#[test]
fn deliveries_leave_with_their_route_and_are_handed_over_at_its_stops() {
    let depot = depot();
    let all =
        [delivery(&depot, 1, &json!({})), delivery(&depot, 2, &json!({ "proof_required": ["signature"] }))];
    let path = route(&depot, &all);
    let sent = made(&depot, &format!("{path}/dispatch"), &Value::Null);
    assert!(sent["notes"].is_null(), "{sent}");
    let ada = depot.token("ada");
    for id in &all {
        let d = depot.ask(&ada, "GET", &format!("/deliveries/{id}")).gives(200).json;
        assert_eq!((d["status"].as_str(), d["vehicle"].as_str()), (Some("in_transit"), Some("van-1")), "{d}");
    }
    let done = |stop: usize| {
        depot.ask(&ada, "POST", &format!("{path}/stops/{stop}/done")).body(&json!({})).gives(200).json
    };
    let first = done(0);
    assert!(first["notes"].is_null(), "{first}");
    assert_eq!(got(&depot, &format!("/deliveries/{}", all[0]))["status"], "completed");
    assert_eq!(got(&depot, "/parcels/DLV0000001")["status"], "delivered");
    // What is missing for the second is said; its stop is done all the same, and said again it follows.
    let second = done(1);
    assert_eq!(second["state"], "completed", "{second}");
    assert!(text(&json!({ "n": second["notes"][0] }), "n").contains("without signature"), "{second}");
    assert_eq!(got(&depot, &format!("/deliveries/{}", all[1]))["status"], "in_transit");
    let proof = json!({ "name": "Bo", "signature": "M1 1L9 9" });
    depot.ask(&ada, "POST", &format!("/deliveries/{}/proof", all[1])).body(&proof).gives(201);
    assert!(done(1)["notes"].is_null());
    assert_eq!(got(&depot, &format!("/deliveries/{}", all[1]))["status"], "completed");
}

#[test]
fn a_delivery_that_cannot_follow_its_route_is_named_and_stays() {
    let depot = depot();
    let (one, two) = (delivery(&depot, 1, &json!({})), delivery(&depot, 2, &json!({})));
    let path = route(&depot, &[one.clone(), two.clone()]);
    made(&depot, &format!("/deliveries/{two}/cancel"), &json!({ "reason": "test" }));
    made(&depot, &format!("{path}/dispatch"), &Value::Null);
    assert_eq!(got(&depot, &format!("/deliveries/{one}"))["status"], "in_transit");
    let stops = got(&depot, &path)["stops"].as_array().unwrap().clone();
    let at = stops.iter().position(|s| s["reference"] == json!(two)).unwrap();
    let done = made(&depot, &format!("{path}/stops/{at}/done"), &json!({}));
    assert!(text(&json!({ "n": done["notes"][0] }), "n").contains("stays cancelled"), "{done}");
}

#[test]
fn a_vehicle_is_followed_along_its_plan_until_the_route_ends() {
    let depot = depot();
    let all = [delivery(&depot, 1, &json!({})), delivery(&depot, 2, &json!({}))];
    let path = route(&depot, &all);
    let tracked = |id: &str| ask(&depot, "GET", &format!("/tracking/{id}"), &Value::Null);
    assert_eq!(tracked(&all[0]).status, 404, "nobody drives yet");
    made(&depot, &format!("{path}/dispatch"), &Value::Null);
    depot.until("the stops are expected", |_| all.iter().all(|d| tracked(d).status == 200));
    let tell = |lon: f64, seconds: i64| {
        let at = crossdock::base::clock::Timestamp::from_millis(crate::support::BEGIN + seconds * 1_000);
        let point = json!({ "latitude": 52.5, "longitude": lon, "timestamp": at.to_string() });
        let ada = depot.token("ada");
        // Her phone speaks for the van she drives.
        let told =
            depot.ask(&ada, "POST", "/tracking/batch").body(&json!({ "points": [point] })).gives(200).json;
        assert_eq!(told["taken"], 1, "{told}");
    };
    depot.wait(std::time::Duration::from_secs(7_200));
    tell(13.41, 0);
    let eta = got(&depot, &format!("/tracking/eta/{}", all[1]));
    assert_eq!(eta["stops"], 2, "{eta}");
    for s in [300, 330, 400] {
        tell(13.43, s);
    }
    assert_eq!(tracked(&all[0]).json["state"], "arrived", "{}", tracked(&all[0]).text);
    for s in [460, 500] {
        tell(13.44, s);
    }
    assert_eq!(tracked(&all[0]).json["state"], "over");
    assert_eq!(got(&depot, &format!("/tracking/eta/{}", all[1]))["stops"], 1);
    // The driver's word comes later, and begins nothing anew; the end of the route ends what is expected.
    made(&depot, &format!("{path}/stops/0/done"), &json!({}));
    made(&depot, &format!("{path}/cancel"), &json!({ "reason": "test" }));
    depot.until("nothing is expected", |_| tracked(&all[1]).json["state"] == "over");
    assert_eq!(tracked(&all[0]).json["state"], "over");
}

#[test]
fn a_search_whose_job_is_cancelled_ends() {
    let depot = depot_with(|c| (c.routing.direct_stops, c.routing.at_once) = (0, 1));
    let stops = |from: usize| -> Vec<Value> {
        (from..from + 8)
            .map(|n| json!({ "reference": format!("s{n}"), "latitude": 52.5, "longitude": 13.4 + 0.01 * n as f64 }))
            .collect()
    };
    let begin = |from| {
        made(&depot, "/routes/optimize", &json!({ "stops": stops(from), "depot": home(), "seconds": 3600 }))
    };
    let running = text(&begin(1), "id");
    let search = |id: &str| got(&depot, &format!("/routes/optimize/{id}"));
    depot.until("the search is under way", |_| search(&running)["progress"]["plans"].as_u64() > Some(0));
    let waiting = begin(50);
    let (id, job) = (text(&waiting, "id"), text(&waiting, "job"));
    made(&depot, &format!("/jobs/{job}/cancel"), &Value::Null);
    depot.until("the search is called off", |_| search(&id)["state"] == "cancelled");
    assert_eq!(ask(&depot, "POST", &format!("/routes/optimize/{id}/cancel"), &Value::Null).problem().0, 409);
    made(&depot, &format!("/routes/optimize/{running}/cancel"), &Value::Null);
    depot.until("the other has ended", |_| search(&running)["state"] == "completed");
}

#[test]
fn an_imported_map_says_how_far_it_is_and_what_is_closed_is_driven_round() {
    let depot = depot();
    assert_eq!(got(&depot, "/conditions/map")["imported"], false);
    let file = depot.folder.path().join("town.osm.pbf");
    std::fs::write(&file, pbf::town(8, 52.5, 13.4)).unwrap();
    let body = json!({ "file": file });
    let map = made(&depot, "/conditions/map", &body);
    assert_eq!((map["name"].as_str(), map["nodes"].as_u64()), (Some("town.osm.pbf"), Some(64)), "{map}");
    assert!(text(&map, "notice").contains("OpenStreetMap"));
    let wish = json!({ "stops": [{ "reference": "a", "latitude": 52.5061, "longitude": 13.406 }],
        "depot": { "latitude": 52.5001, "longitude": 13.406 }, "date": "2030-05-06", "steps": 50, "dry_run": true });
    let plan = || made(&depot, "/routes/optimize", &wish)["routes"][0].clone();
    let free = plan();
    assert_eq!(free["travel"]["source"], "own_map", "{free}");
    assert!((1_300..1_400).contains(&free["distance_m"].as_u64().unwrap()), "{free}");
    let closed = json!({ "version": 0, "closures": [{ "area": { "latitude": 52.503, "longitude": 13.406, "radius_m": 30 } }] });
    assert_eq!(ask(&depot, "PUT", "/conditions", &closed).status, 200);
    let round = plan();
    assert!(round["distance_m"].as_u64() > Some(free["distance_m"].as_u64().unwrap() + 250), "{round}");
    assert!(text(&round["travel"], "basis").contains("closure"), "{round}");
    // Only whoever works on the machine itself names its files.
    depot.user(FIRST_TENANT, "boss", "admin", json!({}));
    let boss = depot.token("boss");
    let refused = depot.ask(&boss, "POST", "/conditions/map").body(&body).send();
    assert_eq!(refused.problem(), (403, "control.only"), "{}", refused.text);
    std::fs::write(&file, b"no map at all, whatever its name says").unwrap();
    let refused = ask(&depot, "POST", "/conditions/map", &body);
    assert_eq!(refused.problem(), (422, "map.damaged"), "{}", refused.text);
    assert_eq!(got(&depot, "/conditions/map")["nodes"], 64, "the map in use stays");
}
