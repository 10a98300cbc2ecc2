//! Every body the description shows, sent to the depot it describes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answered, Depot};

/// A depot that was set up, and its administrator's token.
fn depot() -> (Depot, String) {
    let depot = Depot::with(|c| c.depot.registration = true, Vec::new());
    let new = json!({ "tenant": "acme", "depot": "North", "zone": "Europe/Berlin", "user": "root", "password": "correct horse battery" });
    let made = depot.send(depot.control(Method::POST, "/setup").json(&new));
    assert_eq!(made.status, 200, "{made:?}");
    let token =
        depot.send(depot.control(Method::POST, "/api/v1/control/token").json(&json!({ "login": "root" })));
    let token = token.json["access_token"].as_str().unwrap().to_owned();
    (depot, token)
}

/// Every route with a JSON body: method, path with names filled in, example.
fn bodies(depot: &Depot) -> Vec<(Method, String, Value)> {
    let document = depot.get("/api/v1/openapi.json").json;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            if !example.is_null() {
                let path = if path.starts_with("/api/v1/parcels/") {
                    path.replace("{id}", "RR123456785NL")
                } else {
                    path.replace("{id}", "019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718")
                };
                let path = path.replace("{source}", "dhl").replace("{name}", "night_shift");
                all.push((method.to_uppercase().parse().unwrap(), path, example.clone()));
            }
        }
    }
    assert!(all.len() > 20, "{}", all.len());
    all
}

fn send(depot: &Depot, token: &str, method: Method, path: &str, body: &Value) -> Answered {
    depot.send(depot.request(method, path).bearer_auth(token).header("if-match", "\"1\"").json(body))
}

#[test]
fn every_example_is_a_body_that_its_route_reads() {
    let (depot, token) = depot();
    // What the examples order, and the van they drive with.
    let product = json!({ "name": "Box", "price": 1, "stock": 100 });
    assert_eq!(send(&depot, &token, Method::POST, "/api/v1/products", &product).status, 201);
    let mut refused = Vec::new();
    for (method, path, example) in bodies(&depot) {
        let answer = send(&depot, &token, method.clone(), &path, &example);
        // Read, and refused because it came through the wrong door.
        let elsewhere = answer.json["code"] == "control.only";
        if !elsewhere && (answer.status >= 500 || [400, 403, 405, 415, 422].contains(&answer.status)) {
            refused.push(format!("{method} {path}: {}", answer.text));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_field_nobody_knows_is_refused_by_name_on_every_route() {
    let (depot, token) = depot();
    let mut read = Vec::new();
    for (method, path, mut example) in bodies(&depot) {
        let object = if example.is_array() { &mut example[0] } else { &mut example };
        object["unheard_of"] = json!(1);
        let answer = send(&depot, &token, method.clone(), &path, &example);
        // A list is judged row by row.
        let refused = answer.status == 422 || example.is_array() && answer.json["created"] == 0;
        if !refused || !answer.text.contains("unknown field `unheard_of`") {
            read.push(format!("{method} {path}: {}", answer.text));
        }
    }
    assert!(read.is_empty(), "{read:#?}");
}

#[test]
fn a_parcel_is_announced_with_what_is_known_and_a_wrong_field_is_pointed_at() {
    let (depot, token) = depot();
    let post = |path: &str, body: Value| send(&depot, &token, Method::POST, path, &body);
    let made = post(
        "/api/v1/parcels",
        json!({ "tracking_number": "P1", "distributor": "bar", "recipient": { "name": "x" } }),
    );
    assert_eq!((made.status, &made.json["recipient"]["name"]), (201, &json!("x")));
    let pointed = |answer: &Answered| {
        assert_eq!(answer.status, 422, "{answer:?}");
        answer.json["errors"][0]["pointer"].as_str().unwrap().to_owned()
    };
    let wrong = post("/api/v1/parcels", json!({ "tracking_number": "P2", "weight_g": "heavy" }));
    assert_eq!(pointed(&wrong), "/weight_g");
    assert!(!wrong.json["detail"].as_str().unwrap().contains("line 1"), "{wrong:?}");
    let wrong = post("/api/v1/parcels", json!({ "tracking_number": "P2", "recipient": { "nmae": "x" } }));
    assert!(pointed(&wrong).starts_with("/recipient") && wrong.text.contains("nmae"));
    let rows = json!({ "rows": [{ "parcel": "P1", "status": "in_transit", "sttus": 1 }] });
    assert!(pointed(&post("/api/v1/parcels/events", rows)).starts_with("/rows/0"));
    let found = depot.send(depot.request(Method::GET, "/api/v1/parcels?stat=1").bearer_auth(&token));
    assert!(found.status == 422 && found.json["detail"].as_str().unwrap().starts_with("?: unknown field"));
    let found = depot.send(depot.request(Method::GET, "/api/v1/parcels/P2").bearer_auth(&token));
    assert_eq!(found.status, 404, "nothing of a refused parcel stays");
}

#[test]
fn a_parcel_is_handed_over_to_another_depot_by_its_number() {
    let (depot, token) = depot();
    let post = |path: &str, body: Value| {
        depot.send(depot.request(Method::POST, path).bearer_auth(&token).json(&body))
    };
    assert_eq!(post("/api/v1/parcels", json!({ "tracking_number": "P1" })).status, 201);
    let scan = post("/api/v1/parcels/P1/events", json!({ "status": "at_depot" }));
    assert_eq!((scan.status, scan.json.get("next_site")), (200, None));
    let wrong = post("/api/v1/parcels/P1/events", json!({ "next_site": 0 }));
    assert_eq!((wrong.status, wrong.json["errors"][0]["pointer"].as_str()), (422, Some("/next_site")));
    let body = json!({ "status": "in_transit", "next_site": 7, "note": "lorry 3" });
    let sent = post("/api/v1/parcels/P1/events", body);
    assert_eq!(
        (&sent.json["status"], &sent.json["next_site"]),
        (&json!("in_transit"), &json!(7)),
        "{sent:?}"
    );
    let events = depot.send(depot.request(Method::GET, "/api/v1/parcels/P1/history").bearer_auth(&token));
    let kinds: Vec<_> = events.json["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str()).collect();
    assert_eq!(kinds.last(), Some(&Some("parcel.handed_over")), "{events:?}");
}
