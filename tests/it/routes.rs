//! Routes through HTTP: planned at once and as a job, with reasons, changed by hand, dispatched, planned anew on the
//! road; and who may see them.

use std::time::Duration;

use crossdock::config::Config;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{depot, depot_with, house, text};
use crate::support::{Answered, Depot};

/// The depot's own door.
struct Desk {
    depot: Depot,
}

impl Desk {
    fn new() -> Self {
        Self { depot: depot() }
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self { depot: depot_with(change) }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answered {
        let asked = self.depot.itself(FIRST_TENANT, method, path);
        if body.is_null() { asked.send() } else { asked.body(body).send() }
    }

    fn post(&self, path: &str, body: &Value) -> Answered {
        self.ask("POST", path, body)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json
    }

    fn made(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.json
    }

    /// A plan that is found at once, the same on every machine.
    fn plan(&self, mut body: Value) -> Value {
        body["steps"] = body["steps"].as_u64().unwrap_or(2_000).into();
        let answer = self.post("/routes/optimize", &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }
}

/// Stops in a row to the east, `n` of them from the first on, a kilometre or so from one to the next.
fn row(from: usize, n: usize) -> Vec<Value> {
    let stop = |i: usize| {
        json!({ "reference": format!("d{i}"), "address": format!("{i} East Road, Town"),
                "latitude": 52.5, "longitude": 13.4 + 0.015 * i as f64, "weight_kg": 10 })
    };
    (from..from + n).map(stop).collect()
}

fn home() -> Value {
    json!({ "latitude": 52.5, "longitude": 13.4 })
}

fn references(route: &Value) -> Vec<String> {
    let stops = route["stops"].as_array().unwrap().iter();
    stops.filter_map(|s| s["reference"].as_str().map(str::to_owned)).collect()
}

fn route_id(plan: &Value, n: usize) -> String {
    text(&plan["routes"][n], "id")
}

#[test]
fn the_request_of_the_seeds_works_as_it_stands() {
    let desk = Desk::new();
    let first = desk.plan(json!({ "stops": row(1, 3), "depot": home() }));
    assert_eq!(first["served"], 3);
    let sent = json!({
        "deliveries": ["d1", "d2", "d3"],
        "optimizationCriteria": ["distance", "time", "fuel"],
        "constraints": { "maxRouteTime": 480, "vehicleCapacity": 1000 },
    });
    let answer = desk.post("/routes/optimize", &sent);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let plan = answer.json;
    assert_eq!((plan["state"].as_str(), plan["served"].as_u64()), (Some("completed"), Some(3)));
    let mut served = references(&plan["routes"][0]);
    served.sort();
    assert_eq!(served, ["d1", "d2", "d3"]);
    // The score is of 40, 25, 20 and 15, and says so in sum.
    let score = |name: &str| plan["score"][name].as_f64().unwrap();
    let sum = score("distance") + score("windows") + score("traffic") + score("capacity");
    assert!(
        (score("total") - sum).abs() < 0.3 && score("windows") == 25.0 && score("traffic") == 20.0,
        "{plan}"
    );
    assert!(score("distance") > 0.0 && score("distance") <= 40.0 && score("capacity") <= 15.0);
    // Every figure says what it rests on.
    let basis = plan["basis"].to_string();
    assert!(basis.contains("straight line x 1.30 at 30 km/h, assumed"), "{basis}");
    assert!(basis.contains("as many of that capacity as needed"), "{basis}");
    assert_eq!(plan["routes"][0]["travel"]["source"], "estimated");
    // The journal knows of both searches.
    let log = desk.get("/audit-log?limit=100").to_string();
    assert!(
        log.contains("route.optimization.requested") && log.contains("route.optimization.completed"),
        "{log}"
    );
}

#[test]
fn arrivals_follow_from_distance_windows_and_service() {
    let desk = Desk::new();
    let mut stops = row(1, 2);
    stops[0]["windows"] = json!([{ "from": "10:00", "to": "11:00" }]);
    stops[0]["service_minutes"] = 7.into();
    let body = json!({ "stops": stops, "depot": home(), "date": "2030-05-06" });
    let plan = desk.plan(body);
    let route = &plan["routes"][0];
    let stops = route["stops"].as_array().unwrap();
    let first = stops.iter().find(|s| s["reference"] == "d1").unwrap();
    assert_eq!(first["start"], "2030-05-06T10:00:00Z");
    assert_eq!(first["end"], "2030-05-06T10:07:00Z");
    assert!(first["late_minutes"].is_null());
    // Two stops a kilometre apart and back, 1.3 times the line, at 30 km/h.
    let metres = route["distance_m"].as_u64().unwrap();
    assert!((5_200..5_400).contains(&metres), "{route}");
    let seconds = route["drive_s"].as_u64().unwrap();
    assert!((metres * 12 / 100).abs_diff(seconds) < 5, "{route}");
    assert_eq!(route["load_order"].as_array().unwrap().len(), 2);
    assert_eq!(
        route["load_order"][0],
        stops.last().unwrap()["reference"],
        "what is left last is loaded first"
    );
}

#[test]
fn what_does_not_fit_is_listed_with_the_constraint_that_keeps_it_out() {
    let desk = Desk::new();
    let van = json!({ "name": "van", "capacity": { "kg": 25 }, "shift": { "from": "08:00", "to": "12:00" } });
    desk.made("/vehicles", &van);
    let mut stops = row(1, 2);
    stops.push(json!({ "reference": "heavy", "latitude": 52.5, "longitude": 13.42, "weight_kg": 26 }));
    stops.push(json!({ "reference": "skilled", "latitude": 52.5, "longitude": 13.42, "skills": ["crane"] }));
    stops.push(json!({ "reference": "late", "latitude": 52.5, "longitude": 13.42, "windows": [{ "from": "13:00", "to": "14:00" }] }));
    stops.push(json!({ "reference": "far", "latitude": 54.5, "longitude": 13.42 }));
    stops.push(json!({ "reference": "nowhere", "address": "Unheard of Lane 1" }));
    let plan = desk.plan(json!({ "stops": stops, "depot": home(), "date": "2030-05-06" }));
    assert_eq!(plan["served"], 2, "{plan}");
    let reasons = |name: &str| {
        let left = plan["unassigned"].as_array().unwrap().iter().find(|u| u["reference"] == name);
        left.unwrap_or_else(|| panic!("{name} is not listed: {plan}"))["reasons"].clone()
    };
    assert_eq!(reasons("heavy"), json!(["capacity"]));
    assert_eq!(reasons("skilled"), json!(["skills"]));
    assert!(reasons("late").to_string().contains("windows"), "{plan}");
    assert!(reasons("far").to_string().contains("shift"), "{plan}");
    assert_eq!(plan["unplaced"][0]["reference"], "nowhere");
    assert!(text(&plan["unplaced"][0], "reason").contains("nobody knows where it is"));
    assert_eq!(plan["unassigned"].as_array().unwrap().len(), 4);
    assert_eq!(plan["jobs"], 7, "what has no place is counted too");
}

#[test]
fn a_large_plan_is_a_job_that_can_be_watched_and_comes_to_its_end() {
    let desk = Desk::with(|c| c.routing.direct_stops = 5);
    let body = json!({ "stops": row(1, 8), "depot": home(), "steps": 500 });
    let answer = desk.post("/routes/optimize", &body);
    assert_eq!(answer.status, 202, "{}", answer.text);
    let id = text(&answer.json, "id");
    assert!(answer.header("location").ends_with(&format!("/routes/optimize/{id}")));
    assert!(answer.json["job"].is_string());
    let path = format!("/routes/optimize/{id}");
    desk.depot.until("the plan is found", |_| desk.get(&path)["state"] != "requested");
    let plan = desk.get(&path);
    assert_eq!((plan["state"].as_str(), plan["served"].as_u64()), (Some("completed"), Some(8)), "{plan}");
    let of_plan = desk.get("/routes");
    assert_eq!(of_plan["items"].as_array().unwrap().len(), plan["routes"].as_array().unwrap().len());
    let ended = desk.post(&format!("{path}/cancel"), &Value::Null);
    assert_eq!(ended.problem(), (409, "route.search_ended"));
}

#[test]
fn a_search_that_is_ended_keeps_its_best_plan_and_one_that_waits_is_called_off() {
    let desk = Desk::with(|c| (c.routing.direct_stops, c.routing.at_once) = (0, 1));
    let body = |from| json!({ "stops": row(from, 12), "depot": home(), "seconds": 3600 });
    let begin = |from| text(&desk.made("/routes/optimize", &body(from)), "id");
    let running = begin(1);
    let path = format!("/routes/optimize/{running}");
    desk.depot.until("the search is under way", |_| desk.get(&path)["progress"]["plans"].as_u64() > Some(0));
    assert_eq!(desk.get(&path)["progress"]["served"], 12);
    // One at a time: the second one waits, and is called off before it began.
    let waiting = begin(100);
    let called_off = desk.post(&format!("/routes/optimize/{waiting}/cancel"), &Value::Null);
    assert_eq!(
        (called_off.status, called_off.json["state"].as_str()),
        (200, Some("cancelled")),
        "{}",
        called_off.text
    );
    assert_eq!(desk.post(&format!("{path}/cancel"), &Value::Null).status, 202);
    desk.depot.until("the search has ended", |_| desk.get(&path)["state"] == "completed");
    let plan = desk.get(&path);
    assert_eq!((plan["cut_short"].as_bool(), plan["served"].as_u64()), (Some(true), Some(12)), "{plan}");
}

#[test]
fn nobody_is_planned_twice_and_a_route_named_is_planned_anew_with_more() {
    let desk = Desk::new();
    let plan = desk.plan(json!({ "stops": row(1, 3), "depot": home() }));
    let again = desk.post("/routes/optimize", &json!({ "stops": row(3, 2), "depot": home() }));
    assert_eq!(again.problem(), (409, "route.already_planned"), "{}", again.text);
    assert_eq!(again.json["reference"], "d3");
    let first = route_id(&plan, 0);
    let both = desk.plan(json!({ "routes": [first], "stops": row(4, 2), "depot": home() }));
    assert_eq!(both["served"], 5);
    assert_eq!(route_id(&both, 0), first, "the route is the same one, changed");
    let all = desk.get("/routes");
    let stops: u64 = all["items"].as_array().unwrap().iter().map(|r| r["stops"].as_u64().unwrap()).sum();
    assert_eq!(stops, 5, "{all}");
    let unknown = desk.post("/routes/optimize", &json!({ "deliveries": ["nobody"] }));
    assert_eq!(unknown.problem().0, 422);
    assert!(unknown.text.contains("/deliveries/0"), "{}", unknown.text);
}

#[test]
fn a_plan_that_is_only_shown_leaves_nothing_behind() {
    let desk = Desk::new();
    let before = desk.get("/audit-log?limit=500");
    let plan = desk.plan(json!({ "stops": row(1, 3), "depot": home(), "dry_run": true }));
    assert_eq!(plan["served"], 3);
    assert!(plan["id"].is_null() && plan["routes"][0]["id"].is_null());
    assert_eq!(desk.get("/routes")["items"], json!([]));
    assert_eq!(desk.get("/audit-log?limit=500"), before);
}

#[test]
fn a_route_is_dispatched_driven_and_ends_with_its_last_stop() {
    let desk = Desk::new();
    let plan = desk.plan(json!({ "stops": row(1, 2), "depot": home() }));
    let path = format!("/routes/{}", route_id(&plan, 0));
    let done = |stop: usize| desk.post(&format!("{path}/stops/{stop}/done"), &json!({}));
    assert_eq!(done(0).problem(), (409, "route.invalid_transition"));
    assert_eq!(desk.made(&format!("{path}/dispatch"), &Value::Null)["state"], "dispatched");
    assert_eq!(desk.post(&format!("{path}/dispatch"), &Value::Null).problem().0, 409);
    let rev = desk.ask("GET", &path, &Value::Null).header("etag").to_owned();
    let gone = desk.depot.itself(FIRST_TENANT, "DELETE", &path).header("if-match", rev).send();
    assert_eq!(gone.problem(), (409, "route.invalid_transition"), "{}", gone.text);
    assert_eq!(gone.json["allowed"], json!(["planned", "completed", "cancelled"]));
    assert_eq!(done(7).problem().0, 404);
    assert_eq!(done(0).json["state"], "dispatched");
    let first = desk.get(&path)["stops"][0]["done_at"].clone();
    desk.depot.wait(Duration::from_secs(60));
    assert_eq!(done(0).json["stops"][0]["done_at"], first, "said twice it counts once");
    assert_eq!(done(1).json["state"], "completed");
    let anew = desk.post(&format!("{path}/replan"), &json!({}));
    assert_eq!(anew.problem(), (409, "route.invalid_transition"));
    let rev = desk.ask("GET", &path, &Value::Null).header("etag").to_owned();
    assert_eq!(desk.depot.itself(FIRST_TENANT, "DELETE", &path).header("if-match", rev).send().status, 204);
    assert_eq!(desk.ask("GET", &path, &Value::Null).problem(), (404, "route.unknown"));
}

#[test]
fn on_the_road_what_is_done_and_fixed_stays_and_the_rest_is_planned_anew() {
    let desk = Desk::new();
    let plan = desk.plan(json!({ "stops": row(1, 4), "depot": home() }));
    let path = format!("/routes/{}", route_id(&plan, 0));
    let before = references(&plan["routes"][0]);
    desk.made(&format!("{path}/dispatch"), &Value::Null);
    desk.made(&format!("{path}/stops/0/done"), &json!({}));
    desk.made(&format!("{path}/lock"), &json!({ "stops": 2 }));
    let anew = desk.made(&format!("{path}/replan"), &json!({ "steps": 500, "stops": row(9, 1) }));
    let after = references(&anew);
    assert_eq!(after[..2], before[..2], "{anew}");
    let mut all = after.clone();
    all.sort();
    assert_eq!(all, ["d1", "d2", "d3", "d4", "d9"]);
    assert!(anew["stops"][0]["done_at"].is_string() && anew["stops"][1]["done_at"].is_null());
    // What fits nobody's day is refused as a whole, with the reason, and the route stays as it was.
    let late = json!([{ "reference": "late", "latitude": 52.5, "longitude": 13.4, "windows": [{ "from": "2020-01-01T10:00:00Z", "to": "2020-01-01T11:00:00Z" }] }]);
    let refused = desk.post(&format!("{path}/replan"), &json!({ "steps": 500, "stops": late }));
    assert_eq!(refused.problem(), (409, "route.infeasible"), "{}", refused.text);
    assert_eq!(refused.json["unassigned"][0]["reference"], "late");
    assert_eq!(references(&desk.get(&path)), after);
}

#[test]
fn an_order_by_hand_is_timed_shown_late_and_kept_when_it_is_meant() {
    let desk = Desk::new();
    desk.made("/drivers", &json!({ "name": "Ada" }));
    let mut stops = row(1, 3);
    for stop in &mut stops {
        stop["windows"] = json!([{ "from": "08:00", "to": "09:00" }]);
    }
    let plan = desk.plan(json!({ "stops": stops, "depot": home(), "date": "2030-05-06" }));
    let path = format!("/routes/{}", route_id(&plan, 0));
    let (before, rev) = (desk.get(&path), plan["routes"][0]["version"].clone());
    let change = |more: Value| {
        let mut body = json!({ "version": rev, "order": [2, 1, 0] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.ask("PUT", &path, &body)
    };
    let shown = change(json!({ "dry_run": true, "depart": "2030-05-06T08:59:00Z" }));
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.json["stops"][2]["late_minutes"].as_u64() > Some(0), "{}", shown.json);
    assert_eq!(desk.get(&path), before, "it was only shown");
    let kept = change(json!({ "driver": "Ada" }));
    assert_eq!(kept.status, 200, "{}", kept.text);
    let turned: Vec<String> = references(&before).into_iter().rev().collect();
    assert_eq!(references(&kept.json), turned);
    assert_eq!(kept.json["driver"]["name"], "Ada");
    assert_eq!(change(json!({})).problem(), (412, "route.stale"));
    let wrong = desk.ask("PUT", &path, &json!({ "version": kept.json["version"], "order": [0, 0, 1] }));
    assert_eq!(wrong.problem().0, 422);
}

#[test]
fn goods_from_elsewhere_are_fetched_before_they_are_left() {
    let desk = Desk::new();
    let stops = json!([
        { "reference": "s1", "latitude": 52.5, "longitude": 13.45, "pickup": { "latitude": 52.5, "longitude": 13.43 } },
        { "reference": "s2", "kind": "pickup", "latitude": 52.5, "longitude": 13.41 },
    ]);
    let plan = desk.plan(json!({ "stops": stops, "depot": home() }));
    assert_eq!(plan["served"], 2, "{plan}");
    let stops = plan["routes"][0]["stops"].as_array().unwrap();
    let at =
        |act: &str| stops.iter().position(|s| s["act"] == act).unwrap_or_else(|| panic!("no {act}: {plan}"));
    assert!(at("fetch") < at("drop"));
    assert_eq!(stops[at("collect")]["reference"], "s2");
}

#[test]
fn a_driver_sees_their_own_routes_and_a_stranger_none() {
    let desk = Desk::new();
    let user = desk.depot.user(FIRST_TENANT, "ada", "driver", json!({}));
    desk.depot.user(FIRST_TENANT, "bob", "driver", json!({}));
    let van = |name: &str| text(&desk.made("/vehicles", &json!({ "name": name })), "id");
    let (one, two) = (van("one"), van("two"));
    desk.made("/drivers", &json!({ "name": "Ada", "user": user, "vehicle": one }));
    let date = "2030-05-06";
    let plan = |v: &str, from| {
        desk.plan(json!({ "stops": row(from, 2), "depot": home(), "vehicles": [v], "date": date }))
    };
    let (hers, other) = (plan(&one, 1), plan(&two, 5));
    assert_eq!(hers["routes"][0]["driver"]["name"], "Ada");
    let (ada, bob) = (desk.depot.token("ada"), desk.depot.token("bob"));
    let listed = desk.depot.ask(&ada, "GET", "/routes").gives(200).json;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["id"], route_id(&hers, 0));
    desk.depot.ask(&ada, "GET", &format!("/routes/{}", route_id(&hers, 0))).gives(200);
    let foreign = desk.depot.ask(&ada, "GET", &format!("/routes/{}", route_id(&other, 0))).gives(404);
    assert_eq!(foreign.problem(), (404, "route.unknown"));
    assert_eq!(desk.depot.ask(&bob, "GET", "/routes").gives(200).json["items"], json!([]));
    // She says what she did on hers, and can't plan.
    desk.made(&format!("/routes/{}/dispatch", route_id(&hers, 0)), &Value::Null);
    let done = format!("/routes/{}/stops/0/done", route_id(&hers, 0));
    desk.depot.ask(&bob, "POST", &done).body(&json!({})).gives(404);
    desk.depot.ask(&ada, "POST", &done).body(&json!({})).gives(200);
    desk.depot.ask(&ada, "POST", "/routes/optimize").body(&json!({ "stops": row(30, 1) })).gives(403);
}

#[test]
fn another_house_sees_neither_routes_nor_searches() {
    let desk = Desk::new();
    let other = house(&desk.depot, "other", "super_admin");
    let plan = desk.plan(json!({ "stops": row(1, 2), "depot": home() }));
    for path in [format!("/routes/{}", route_id(&plan, 0)), format!("/routes/optimize/{}", text(&plan, "id"))]
    {
        assert_eq!(desk.depot.itself(other, "GET", &path).send().status, 404, "{path}");
    }
    assert_eq!(desk.depot.itself(other, "GET", "/routes").gives(200).json["items"], json!([]));
    // The same names are free there.
    let theirs = json!({ "stops": row(1, 2), "depot": home(), "steps": 500 });
    desk.depot.itself(other, "POST", "/routes/optimize").body(&theirs).gives(200);
}

#[test]
fn what_makes_no_sense_is_named_and_nothing_is_kept() {
    let desk = Desk::new();
    let twice = [row(1, 1), row(1, 1)].concat();
    let wrong = [
        (json!({}), "/deliveries"),
        (json!({ "stops": [{}] }), "/stops/0"),
        (json!({ "stops": [{ "latitude": 91, "longitude": 0 }] }), "/stops/0"),
        (json!({ "stops": [{ "latitude": 1, "longitude": 0, "priority": "soon" }] }), "/stops/0/priority"),
        (json!({ "stops": row(1, 1), "vehicles": ["none"] }), "/vehicles/0"),
        (json!({ "stops": row(1, 1), "optimizationCriteria": [] }), "/optimization_criteria"),
        (json!({ "stops": row(1, 1), "depot": { "address": "Unheard of" } }), "/depot"),
        (json!({ "stops": twice }), "/stops"),
        (json!({ "routes": ["00000000-0000-0000-0000-000000000000"] }), "/routes/0"),
        (json!({ "stops": vec![json!({ "latitude": 1, "longitude": 1 }); 2_001] }), "/deliveries"),
    ];
    for (body, place) in wrong {
        let answer = desk.post("/routes/optimize", &body);
        assert_eq!(answer.status, 422, "{place}: {}", answer.text);
        let named = answer.json["errors"].as_array().unwrap().iter().any(|e| e["pointer"] == place);
        assert!(named, "{place}: {}", answer.text);
    }
    assert_eq!(desk.get("/routes")["items"], json!([]));
}

#[test]
fn a_repeated_request_gets_the_same_plan() {
    let desk = Desk::new();
    let body = json!({ "stops": row(1, 3), "depot": home(), "steps": 500 });
    let ask = || {
        let asked = desk.depot.itself(FIRST_TENANT, "POST", "/routes/optimize");
        asked.header("idempotency-key", "k1").body(&body).send()
    };
    let (first, second) = (ask(), ask());
    // The second one is refused by nobody: its own first run planned what it asks for.
    assert_eq!((first.status, second.status), (200, 200), "{}", second.text);
    assert_eq!(first.json, second.json);
}

#[test]
fn a_route_never_has_more_stops_than_a_change_can_hold() {
    let desk = Desk::with(|c| c.routing.direct_stops = 200);
    let plan = desk.plan(json!({ "stops": row(1, 160), "depot": home(), "steps": 50, "date": "2090-05-06" }));
    assert_eq!(plan["served"], 160, "{plan}");
    let longest =
        plan["routes"].as_array().unwrap().iter().map(|r| r["stops"].as_array().unwrap().len()).max();
    assert!(longest <= Some(150), "{longest:?}");
    assert_eq!(
        desk.get("/routes")["items"].as_array().unwrap().len(),
        plan["routes"].as_array().unwrap().len()
    );
}

#[test]
fn a_delivery_is_planned_by_its_id_or_number_and_its_route_is_planned_anew_with_it() {
    let desk = Desk::new();
    let delivery = |n: usize| {
        let number = format!("DLV{n:07}");
        desk.made("/parcels", &json!({ "tracking_number": number }));
        let body = json!({ "pickupAddress": "the depot", "deliveryAddress": format!("{n} East Road, Town"), "customerName": "Bo",
            "deliveryLocation": { "latitude": 52.5, "longitude": 13.4 + 0.015 * n as f64 }, "priority": "high", "parcels": [number] });
        desk.made("/deliveries", &body)
    };
    let (one, two) = (delivery(1), delivery(2));
    let ids = [text(&one, "id"), text(&two, "id")];
    let wish = json!({ "deliveries": [ids[0], two["number"].to_string()], "depot": home() });
    let plan = desk.plan(wish);
    assert_eq!(plan["routes"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(references(&plan["routes"][0]), ids);
    // Once on a route, each of its names means that route.
    let again = desk.plan(json!({ "deliveries": [two["number"].to_string()], "depot": home() }));
    assert_eq!(references(&again["routes"][0]), ids);
    assert_eq!(desk.get("/routes")["items"].as_array().unwrap().len(), 1, "planned anew, not twice");
    let third = delivery(3);
    let gone = text(&third, "id");
    desk.made(&format!("/deliveries/{gone}/cancel"), &json!({ "reason": "test" }));
    let refused = desk.post("/routes/optimize", &json!({ "deliveries": [gone], "depot": home() }));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.json["errors"][0]["pointer"], "/deliveries/0");
}
