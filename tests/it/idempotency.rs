//! A repeated request has one effect, and a change names the revision it has seen.

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{ADMIN, depot, text};

fn parcels(depot: &Depot, token: &str) -> usize {
    depot.ask(token, "GET", "/parcels").gives(200).json["items"].as_array().unwrap().len()
}

#[test]
fn a_repeated_key_gets_the_first_answer_even_after_a_restart_and_changes_nothing() {
    let mut depot = depot();
    let new = json!({ "tracking_number": "RR1", "distributor": "bar" });
    let token = depot.token(ADMIN);
    let post = |depot: &Depot, token: &str, key: &str, path: &str, body: &Value| {
        depot.ask(token, "POST", path).header("idempotency-key", key).body(body).send()
    };
    let first = post(&depot, &token, "k1", "/parcels", &new);
    assert_eq!((first.status, first.header("idempotent-replay")), (201, ""), "{first:?}");
    let again = |depot: &Depot, token: &str| {
        let again = post(depot, token, "k1", "/parcels", &new);
        assert_eq!((again.status, again.header("idempotent-replay")), (201, "true"), "{again:?}");
        assert_eq!((&again.text, again.header("location")), (&first.text, first.header("location")));
        assert_eq!(again.header("etag"), first.header("etag"));
    };
    again(&depot, &token);
    // What has happened to the parcel since is no part of the first answer.
    depot.ask(&token, "POST", "/parcels/RR1/events").body(&json!({ "status": "in_transit" })).gives(200);
    depot.restart();
    let token = depot.token(ADMIN);
    again(&depot, &token);
    for (path, body) in [
        ("/parcels", json!({ "tracking_number": "RR2", "distributor": "bar" })),
        ("/parcels/RR1/notes", json!({ "text": "x" })),
        ("/parcels?x=1", new.clone()),
    ] {
        assert_eq!(
            post(&depot, &token, "k1", path, &body).problem(),
            (422, "request.idempotency_key_reused"),
            "{path}"
        );
    }
    assert_eq!(parcels(&depot, &token), 1);
    // A key is its sender's alone.
    depot.user(FIRST_TENANT, "ben", "clerk", json!({}));
    let other = json!({ "tracking_number": "RR3" });
    assert_eq!(post(&depot, &depot.token("ben"), "k1", "/parcels", &other).status, 201);
    // A refusal is no effect: the same key may be used again once the reason is gone.
    assert_eq!(post(&depot, &token, "k2", "/parcels", &new).status, 409);
    assert_eq!(post(&depot, &token, "k2", "/parcels", &json!({ "tracking_number": "RR4" })).status, 201);
    for key in ["", &"x".repeat(256)] {
        assert_eq!(post(&depot, &token, key, "/parcels", &new).problem(), (400, "request.idempotency_key"));
    }
}

#[test]
fn a_repeated_file_is_imported_once_and_another_file_is_not_taken_for_it() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let send = |query: &str, body: &str| {
        let asked = depot.ask(&token, "POST", &format!("/imports?kind=parcels&source=bar{query}"));
        asked.header("idempotency-key", "file").text("text/csv", body).send()
    };
    let first = send("", "tracking number\nRR1\n");
    assert_eq!(first.status, 202, "{first:?}");
    let again = send("", "tracking number\nRR1\n");
    assert_eq!((again.status, again.header("idempotent-replay"), &again.text), (202, "true", &first.text));
    assert_eq!(send("", "tracking number\nRR2\n").problem(), (422, "request.idempotency_key_reused"));
    assert_eq!(
        send("&dry_run=true", "tracking number\nRR1\n").problem(),
        (422, "request.idempotency_key_reused")
    );
    assert_eq!(depot.ask(&token, "GET", "/imports").gives(200).json["items"].as_array().unwrap().len(), 1);
    let folder = depot.running().app.folder.join("imports");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .filter(|f| !f.as_ref().unwrap().file_name().to_string_lossy().contains("errors"));
    assert_eq!(files.count(), 1, "files nobody asked for are gone");
}

#[test]
fn the_same_key_at_the_same_time_has_one_effect() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let new = json!({ "reason": "address_incomplete", "detail": "once" });
    let url = format!("http://{}/api/v1/cases", depot.running().address);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap();
    let answers = runtime.block_on(async {
        let ask = |_| {
            let asked = http.post(&url).bearer_auth(&token).header("idempotency-key", "at once").json(&new);
            async move {
                let answer = asked.send().await.unwrap();
                let replay = answer.headers().contains_key("idempotent-replay");
                (answer.status().as_u16(), replay, answer.text().await.unwrap())
            }
        };
        futures_util::future::join_all((0..20).map(ask)).await
    });
    assert!(answers.iter().all(|(status, _, body)| (*status, body) == (201, &answers[0].2)), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, replay, _)| !replay).count(), 1);
    assert_eq!(depot.ask(&token, "GET", "/cases").gives(200).json["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_repeated_key_shows_no_api_key_a_second_time() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let make = || {
        let asked = depot.ask(&token, "POST", "/api-keys").header("idempotency-key", "key");
        asked.body(&json!({ "name": "shop", "features": ["parcels.view"] })).gives(201)
    };
    let (first, again) = (make(), make());
    assert!(first.json["key"].is_string() && again.json["key"].is_null());
    assert_eq!(first.json["id"], again.json["id"]);
    assert_eq!(depot.ask(&token, "GET", "/api-keys").gives(200).json.as_array().unwrap().len(), 1);
}

#[test]
fn a_change_without_a_revision_is_428_and_one_with_an_old_revision_412() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let parcel = text(
        &depot.ask(&token, "POST", "/parcels").body(&json!({ "tracking_number": "RR1" })).gives(201).json,
        "id",
    );
    let case = text(
        &depot.ask(&token, "POST", "/cases").body(&json!({ "reason": "address_incomplete" })).gives(201).json,
        "id",
    );
    let user = depot.user(FIRST_TENANT, "ben", "clerk", json!({}));
    let get = |path: &str| depot.ask(&token, "GET", path).gives(200).json;
    let edit = json!({ "login": "ben", "name": "Ben", "language": "en", "active": true, "approved": true });
    let changes = [
        ("PATCH", format!("/parcels/{parcel}"), format!("/parcels/{parcel}"), json!({ "weight_g": 1200 })),
        ("PATCH", format!("/cases/{case}"), format!("/cases/{case}"), json!({ "note": "called" })),
        ("PUT", format!("/users/{user}"), format!("/users/{user}"), edit),
        ("PATCH", format!("/users/{user}/role"), format!("/users/{user}"), json!({ "role": "auditor" })),
        ("PUT", format!("/users/{user}/overrides"), format!("/users/{user}"), json!({ "overrides": [] })),
        ("PUT", "/rules".into(), "/rules".into(), get("/rules")),
        ("PUT", "/calendars".into(), "/calendars".into(), get("/calendars")),
        ("PUT", "/settings".into(), "/settings".into(), get("/settings")),
        ("DELETE", format!("/users/{user}"), format!("/users/{user}"), json!({})),
    ];
    for (method, path, record, body) in changes {
        let ask = || depot.ask(&token, method, &path).body(&body);
        let before = depot.ask(&token, "GET", &record).gives(200);
        let etag = before.header("etag").to_owned();
        let rev: u64 =
            etag.trim_matches('"').parse().unwrap_or_else(|_| panic!("{record} has no ETag: {before:?}"));
        assert_eq!(ask().send().problem(), (428, "request.unconditional"), "{method} {path}");
        for old in [rev + 1, rev.saturating_sub(1)] {
            let answer = ask().seen(old).send();
            assert_eq!(answer.status, 412, "{method} {path}: {answer:?}");
        }
        for odd in ["*", "3", "W/\"3\"", "\"a\"", "\"1\", \"2\""] {
            assert_eq!(
                ask().header("if-match", odd).send().problem(),
                (400, "request.if_match"),
                "{method} {path} {odd}"
            );
        }
        assert_eq!(depot.ask(&token, "GET", &record).gives(200).text, before.text, "{method} {path}");
        let done = ask().seen(rev).send();
        assert!(done.status < 300, "{method} {path}: {done:?}");
    }
    let mapping = json!({ "mapping": { "columns": { "no": "tracking_number" } } });
    let put = |rev: Option<u64>| {
        let asked = depot.ask(&token, "PUT", "/import-mappings/shop").body(&mapping);
        rev.into_iter().fold(asked, |a, r| a.seen(r)).send().status
    };
    assert_eq!((put(None), put(None), put(Some(7)), put(Some(1))), (200, 428, 412, 200));
    let map = json!({ "rows": [{ "code": "x", "meaning": "x", "status": "in_transit" }] });
    let put = |rev: Option<u64>| {
        let asked = depot.ask(&token, "PUT", "/status-maps/shop").body(&map);
        rev.into_iter().fold(asked, |a, r| a.seen(r)).send()
    };
    assert_eq!(put(None).status, 200, "the first map has nothing to be stale against");
    assert_eq!((put(None).status, put(Some(7)).status, put(Some(1)).status), (428, 412, 200));
}
