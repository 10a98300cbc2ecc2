//! Vehicles, drivers, places and conditions through HTTP, and what they do to plans.

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Answered;
use crate::support::Depot;
use crate::support::people::{depot, text};

fn ask(depot: &Depot, method: &str, path: &str, body: &Value) -> Answered {
    let asked = depot.itself(FIRST_TENANT, method, path);
    if body.is_null() { asked.send() } else { asked.body(body).send() }
}

fn made(depot: &Depot, path: &str, body: &Value) -> Value {
    let answer = ask(depot, "POST", path, body);
    assert!(answer.status < 300, "{path}: {}", answer.text);
    answer.json
}

fn plan(depot: &Depot, mut body: Value) -> Value {
    body["steps"] = 1_000.into();
    body["dry_run"] = true.into();
    body["date"] = "2030-05-06".into();
    made(depot, "/routes/optimize", &body)
}

fn at(lat: f64, lon: f64) -> Value {
    json!({ "latitude": lat, "longitude": lon })
}

#[test]
fn vehicles_are_added_changed_found_by_name_and_removed() {
    let depot = depot();
    let van = json!({ "name": "van", "capacity": { "kg": 800 }, "skills": ["cooled"] });
    let first = made(&depot, "/vehicles", &van);
    assert_eq!((first["shift"]["from"].as_str(), first["available"].as_bool()), (Some("08:00"), Some(true)));
    assert_eq!(ask(&depot, "POST", "/vehicles", &van).problem(), (409, "fleet.taken"));
    let changed =
        json!({ "name": "van", "capacity": { "kg": 900 }, "shift": { "from": "06:30", "to": "14:00" } });
    assert_eq!(ask(&depot, "PUT", "/vehicles/van", &changed).status, 428);
    let stale = depot.itself(FIRST_TENANT, "PUT", "/vehicles/van").seen(99).body(&changed).send();
    assert_eq!(stale.problem(), (412, "fleet.stale"));
    let rev = first["version"].as_u64().unwrap();
    let put = depot.itself(FIRST_TENANT, "PUT", "/vehicles/van").seen(rev).body(&changed).gives(200).json;
    assert_eq!(
        (put["capacity"]["kg"].as_f64(), put["skills"].is_null()),
        (Some(900.0), true),
        "said anew as a whole"
    );
    assert_eq!(put["id"], first["id"]);
    let wrong = ask(
        &depot,
        "POST",
        "/vehicles",
        &json!({ "name": "x", "speed": 9, "shift": { "from": "09:00", "to": "08:00" } }),
    );
    assert_eq!((wrong.status, wrong.json["errors"].as_array().unwrap().len()), (422, 2), "{}", wrong.text);
    let rev = put["version"].as_u64().unwrap();
    depot.itself(FIRST_TENANT, "DELETE", "/vehicles/van").seen(rev).gives(204);
    assert_eq!(ask(&depot, "GET", "/vehicles/van", &Value::Null).problem(), (404, "fleet.unknown"));
    assert_eq!(ask(&depot, "GET", "/vehicles", &Value::Null).json["items"], json!([]));
}

#[test]
fn a_page_of_vehicles_goes_on_where_the_one_before_ended() {
    let depot = depot();
    for n in 0..5 {
        made(&depot, "/vehicles", &json!({ "name": format!("van {n}") }));
    }
    let (mut seen, mut path) = (Vec::new(), "/vehicles?limit=2".to_owned());
    loop {
        let page = ask(&depot, "GET", &path, &Value::Null).json;
        seen.extend(page["items"].as_array().unwrap().iter().map(|v| text(v, "name")));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/vehicles?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["van 0", "van 1", "van 2", "van 3", "van 4"]);
}

#[test]
fn a_driver_needs_a_vehicle_that_exists_and_brings_skills_and_hours() {
    let depot = depot();
    let none = "019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718";
    let wrong = ask(&depot, "POST", "/drivers", &json!({ "name": "Ada", "vehicle": none }));
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let van = text(&made(&depot, "/vehicles", &json!({ "name": "van" })), "id");
    let stop = json!({ "reference": "a", "latitude": 52.5, "longitude": 13.41, "skills": ["adr"] });
    let body = json!({ "stops": [stop], "depot": at(52.5, 13.4) });
    assert_eq!(plan(&depot, body.clone())["unassigned"][0]["reasons"], json!(["skills"]));
    let ada = json!({ "name": "Ada", "vehicle": van, "skills": ["adr"], "shift": { "from": "09:00", "to": "11:00" } });
    made(&depot, "/drivers", &ada);
    let found = plan(&depot, body);
    assert_eq!(found["served"], 1, "{found}");
    assert!(text(&found["routes"][0], "depart").as_str() >= "2030-05-06T09:00:00Z");
    assert_eq!(found["routes"][0]["driver"]["name"], "Ada");
}

#[test]
fn pauses_and_second_trips_are_planned() {
    let depot = depot();
    let van = json!({
        "name": "van", "capacity": { "kg": 10 }, "reloads": { "max": 3, "minutes": 10 },
        "shift": { "from": "08:00", "to": "18:00" },
        "pauses": [{ "from": "08:30", "to": "12:00", "minutes": 30 }],
    });
    made(&depot, "/vehicles", &van);
    let stops: Vec<Value> = (1..=3)
        .map(|n| json!({ "reference": format!("s{n}"), "latitude": 52.5, "longitude": 13.4 + 0.02 * f64::from(n), "weight_kg": 10, "service_minutes": 20 }))
        .collect();
    let found = plan(&depot, json!({ "stops": stops, "depot": at(52.5, 13.4) }));
    assert_eq!(found["served"], 3, "{found}");
    let acts: Vec<&str> =
        found["routes"][0]["stops"].as_array().unwrap().iter().map(|s| s["act"].as_str().unwrap()).collect();
    assert_eq!(acts.iter().filter(|a| **a == "reload").count(), 2, "{acts:?}");
    assert_eq!(acts.iter().filter(|a| **a == "pause").count(), 1, "{acts:?}");
}

#[test]
fn an_address_is_placed_by_hand_then_as_remembered_then_by_an_imported_file() {
    let depot = depot();
    let search = |address: &str| {
        let path = format!("/places/search?address={}", address.replace(' ', "%20").replace(',', "%2C"));
        let answer = ask(&depot, "GET", &path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    };
    let address = "12 Oak Street, Adjuntas, PR 00601";
    assert!(text(&search(address), "reason").contains("put the place right by hand"));
    let csv = "zip,city,state,lat,lon,tz,active\n00601,Adjuntas,PR,18.1967,-66.7367,x,1\n00602,Aguada,PR,18.3529,-67.1775,x,1\n00603,Nowhere,PR,north,0,x,1\n";
    let import = depot.itself(FIRST_TENANT, "POST", "/places/import").text("text/csv", csv).gives(200).json;
    assert_eq!((import["taken"].as_u64(), import["refused"].as_u64()), (Some(2), Some(1)), "{import}");
    assert!(text(&json!({ "e": import["errors"][0] }), "e").contains("line 4"));
    let found = search(address)["place"].clone();
    assert_eq!(
        (found["accuracy"].as_str(), found["source"].as_str()),
        (Some("postcode"), Some("file")),
        "{found}"
    );
    assert_eq!(search("Main Street 1, Aguada, PR")["place"]["accuracy"], "city");
    // A stop whose position came with it is remembered, whoever wrote the address how.
    let stop = json!({ "address": address, "latitude": 18.2, "longitude": -66.73 });
    made(&depot, "/routes/optimize", &json!({ "stops": [stop], "steps": 10 }));
    let found = search("12 OAK street Adjuntas PR 00601")["place"].clone();
    assert_eq!((found["source"].as_str(), found["latitude"].as_f64()), (Some("remembered"), Some(18.2)));
    // What somebody puts right counts before everything else.
    let right =
        json!({ "address": address, "latitude": 18.21, "longitude": -66.74, "note": "behind the church" });
    let place = made(&depot, "/places", &right);
    let found = search(address)["place"].clone();
    assert_eq!((found["source"].as_str(), found["latitude"].as_f64()), (Some("hand"), Some(18.21)));
    let rev = place["version"].as_u64().unwrap();
    depot.itself(FIRST_TENANT, "DELETE", &format!("/places/{}", text(&place, "id"))).seen(rev).gives(204);
    assert_eq!(search(address)["place"]["source"], "remembered");
    assert_eq!(ask(&depot, "GET", "/places", &Value::Null).json["items"], json!([]));
}

#[test]
fn the_depots_place_under_its_name_is_where_routes_start() {
    let depot = depot();
    let stop = json!({ "latitude": 52.5, "longitude": 13.41 });
    let without = plan(&depot, json!({ "stops": [stop] }));
    assert!(without["basis"].to_string().contains("nobody knows where the depot is"), "{without}");
    assert_eq!(without["routes"][0]["distance_m"], 0);
    made(&depot, "/places", &json!({ "address": "Depot acme", "latitude": 52.5, "longitude": 13.4 }));
    let with = plan(&depot, json!({ "stops": [stop] }));
    assert!(!with["basis"].to_string().contains("nobody knows"), "{with}");
    assert!(with["routes"][0]["distance_m"].as_u64() > Some(1_000));
}

#[test]
fn conditions_change_times_are_named_and_close_places() {
    let depot = depot();
    let body = json!({ "stops": [{ "reference": "a", "latitude": 52.5, "longitude": 13.45 }], "depot": at(52.5, 13.4) });
    let before = plan(&depot, body.clone());
    let seconds = |p: &Value| p["routes"][0]["drive_s"].as_f64().unwrap();
    let snow = json!({ "weather": { "factor": 2, "note": "snow" } });
    let set = |body: &Value| {
        let rev = ask(&depot, "GET", "/conditions", &Value::Null).header("etag").to_owned();
        depot.itself(FIRST_TENANT, "PUT", "/conditions").header("if-match", rev).body(body).send()
    };
    assert_eq!(set(&snow).status, 200);
    let slow = plan(&depot, body.clone());
    assert!((seconds(&slow) / seconds(&before) - 2.0).abs() < 0.01);
    assert!(slow["basis"].to_string().contains("weather x 2.00 (snow), entered by hand"), "{slow}");
    assert_eq!(slow["score"]["traffic"], 10.0, "half as fast is half the points");
    let market = json!({ "closures": [{ "area": { "latitude": 52.5, "longitude": 13.45, "radius_m": 200 }, "note": "market" }] });
    assert_eq!(set(&market).status, 200);
    let closed = plan(&depot, body);
    assert_eq!(closed["served"], 0);
    assert!(text(&closed["unplaced"][0], "reason").contains("market"), "{closed}");
    let wrong = set(&json!({ "traffic": [{ "factor": 0.1 }] }));
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let stale = depot.itself(FIRST_TENANT, "PUT", "/conditions").seen(0).body(&json!({})).send();
    assert_eq!(stale.problem(), (412, "conditions.stale"));
}
