//! Deliveries through the API: asked for once, given to whom one may, and closed when they have ended.

use std::time::Duration;

use crossdock::config::choices::MailSecurity;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{ADMIN, depot, depot_with, text};
use crate::support::sink::Sink;
use crate::support::{Answered, Depot};

const SEED: &str = r#"{"pickupAddress":"123 Main St, City, State","deliveryAddress":"456 Oak Ave, City, State","customerName":"John Doe",
  "customerPhone":"+1234567890","packageWeight":5.5,"priority":"high"}"#;

fn request(name: &str) -> Value {
    json!({ "pickup_address": "Depot", "delivery_address": "456 Oak Ave", "customer_name": name })
}

fn count(depot: &Depot) -> usize {
    let all = depot.itself(FIRST_TENANT, "GET", "/deliveries?limit=500").gives(200).json;
    all["items"].as_array().unwrap().len()
}

fn driver(depot: &Depot, login: &str) -> String {
    depot.user(FIRST_TENANT, login, "driver", json!({}))
}

fn status(depot: &Depot, token: &str, id: &str, body: Value) -> Answered {
    depot.ask(token, "PATCH", &format!("/deliveries/{id}/status")).body(&body).send()
}

fn parcel(depot: &Depot, number: &str, at: &str) -> String {
    let new = json!({ "tracking_number": number, "status": at });
    text(&depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id")
}

fn where_is(depot: &Depot, number: &str) -> String {
    text(&depot.itself(FIRST_TENANT, "GET", &format!("/parcels/{number}")).gives(200).json, "status")
}

#[test]
fn the_requests_of_the_system_before_us_work_as_they_stand() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let driver = driver(&depot, "dan");
    let seed = SEED.replace("\"high\"}", &format!("\"high\",\"assignedDriver\":\"{driver}\"}}"));
    let made = depot.ask(&token, "POST", "/deliveries").text("application/json", seed).gives(201);
    assert_eq!(
        (&made.json["status"], &made.json["package_weight"]),
        (&json!("assigned"), &json!(5.5)),
        "{made:?}"
    );
    let move_on = r#"{"status":"in_transit","location":{"latitude":40.7128,"longitude":-74.0060},"notes":"Package picked up successfully"}"#;
    let id = text(&made.json, "id");
    let path = format!("/deliveries/{id}/status");
    let moved = depot.ask(&depot.token("dan"), "PATCH", &path).text("application/json", move_on).gives(200);
    assert_eq!(moved.json["status"], "in_transit");
    let steps = depot.ask(&token, "GET", &format!("/deliveries/{id}/history")).gives(200).json;
    assert_eq!(steps["items"][2]["location"], json!({ "lat": 40_712_800, "lon": -74_006_000 }));
    assert_eq!(status(&depot, &token, &id, json!({ "status": "COMPLETED" })).status, 200);
    let over = status(&depot, &token, &id, json!({ "status": "FAILED", "reason": "refused" }));
    assert_eq!((over.problem(), &over.json["allowed"]), ((409, "delivery.invalid_transition"), &json!([])));
}

#[test]
fn the_same_request_a_hundred_times_at_once_is_one_delivery_and_keys_tell_honest_equals_apart() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let url = format!("http://{}/api/v1/deliveries", depot.running().address);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap();
    let answers = runtime.block_on(async {
        let ask = |_| {
            let asked =
                http.post(&url).bearer_auth(&token).header("content-type", "application/json").body(SEED);
            async move {
                let answer = asked.send().await.unwrap();
                let replay = answer.headers().contains_key("idempotent-replay");
                (answer.status().as_u16(), replay, answer.json::<Value>().await.unwrap())
            }
        };
        futures_util::future::join_all((0..100).map(ask)).await
    });
    assert_eq!(answers.iter().filter(|(status, replay, _)| (*status, *replay) == (201, false)).count(), 1);
    assert_eq!(answers.iter().filter(|(status, replay, _)| (*status, *replay) == (200, true)).count(), 99);
    assert!(answers.iter().all(|(_, _, a)| a["id"] == answers[0].2["id"]));
    assert_eq!(count(&depot), 1);
    // The same in other order and white space is the same; another user's is another.
    let shuffled = r#"{"priority":"high", "packageWeight":5.5,"customerName":" John   Doe","customerPhone":"+1234567890",
        "deliveryAddress":"456 Oak Ave, City, State","pickupAddress":"123 Main St, City, State"}"#;
    let again = depot.ask(&token, "POST", "/deliveries").text("application/json", shuffled).gives(200);
    assert_eq!(again.json["id"], answers[0].2["id"]);
    depot.user(FIRST_TENANT, "pia", "planner", json!({}));
    depot.ask(&depot.token("pia"), "POST", "/deliveries").text("application/json", SEED).gives(201);
    for key in ["a", "b"] {
        for (n, replay) in [(0, ""), (1, "true")] {
            let asked = depot.ask(&token, "POST", "/deliveries").header("idempotency-key", key);
            let answer = asked.text("application/json", SEED).gives(201);
            assert_eq!(answer.header("idempotent-replay"), replay, "{key} {n}");
        }
    }
    assert_eq!(count(&depot), 4);
    // After thirty days it is a new request.
    depot.clock.set(depot.clock.now().after(Duration::from_secs(31 * 86_400)));
    depot.ask(&depot.token(ADMIN), "POST", "/deliveries").text("application/json", SEED).gives(201);
}

#[test]
fn planners_give_to_drivers_and_only_a_super_admin_to_an_admin() {
    let depot = depot();
    let (dan, ann) = (driver(&depot, "dan"), depot.user(FIRST_TENANT, "ann", "admin", json!({})));
    depot.user(FIRST_TENANT, "pia", "planner", json!({}));
    depot.user(FIRST_TENANT, "cleo", "clerk", json!({}));
    driver(&depot, "eve");
    let (pia, root) = (depot.token("pia"), depot.token(ADMIN));
    let id = text(&depot.ask(&pia, "POST", "/deliveries").body(&request("x")).gives(201).json, "id");
    let give = |token: &str, to: &str| {
        let body = json!({ "assigned_to": to });
        depot.ask(token, "POST", &format!("/deliveries/{id}/assign")).body(&body).send()
    };
    assert_eq!(give(&pia, &ann).problem(), (403, "access.denied"));
    assert_eq!(give(&depot.token("ann"), &ann).problem(), (403, "access.denied"));
    assert_eq!(give(&pia, "cleo").problem(), (422, "delivery.invalid"));
    assert_eq!(give(&pia, "nobody").problem(), (422, "delivery.invalid"));
    assert_eq!(give(&root, &ann).status, 200);
    assert_eq!(give(&pia, &dan).json["assigned_to"]["name"], "Name of dan", "reassigned");
    // A driver sees what is theirs, and nothing of anybody else's.
    let (d, e) = (depot.token("dan"), depot.token("eve"));
    assert_eq!(depot.ask(&d, "GET", "/deliveries").gives(200).json["items"].as_array().unwrap().len(), 1);
    assert_eq!(depot.ask(&e, "GET", "/deliveries").gives(200).json["items"], json!([]));
    assert_eq!(
        depot.ask(&e, "GET", &format!("/deliveries/{id}")).send().problem(),
        (404, "delivery.unknown")
    );
    assert_eq!(status(&depot, &e, &id, json!({ "status": "in_transit" })).status, 404);
    assert_eq!(depot.ask(&d, "POST", "/deliveries").body(&request("y")).send().status, 403);
    let back = depot.ask(&pia, "POST", &format!("/deliveries/{id}/unassign")).body(&json!({}));
    assert_eq!(back.gives(200).json["status"], "created");
    assert_eq!(give(&pia, "dan").status, 200);
    // Whom it concerns is told on the screen, after the fact and by nobody's request.
    let told = |token: &str| {
        let page = depot.ask(token, "GET", "/notifications").gives(200).json;
        page["items"].as_array().unwrap().len()
    };
    depot.until("dan is told of all three", |_| told(&d) == 3);
    assert_eq!(status(&depot, &d, &id, json!({ "status": "in_transit" })).status, 200);
    depot.until("the planner is told that it left", |_| told(&pia) == 1);
    assert_eq!(told(&e), 0);
}

#[test]
fn every_pair_of_states_is_as_the_published_table_says() {
    let depot = depot();
    let token = depot.token(ADMIN);
    driver(&depot, "dan");
    let machine = depot.ask(&token, "GET", "/state-machines/delivery").gives(200).json;
    let allowed = |from: &str| -> Vec<String> {
        let states = machine["states"].as_array().unwrap();
        let state = states.iter().find(|s| s["name"] == from).unwrap();
        state["steps"].as_array().unwrap().iter().map(|s| text(s, "to")).collect()
    };
    let ways: [(&str, &[&str]); 6] = [
        ("created", &[]),
        ("assigned", &["assigned"]),
        ("in_transit", &["assigned", "in_transit"]),
        ("completed", &["assigned", "in_transit", "completed"]),
        ("failed", &["assigned", "in_transit", "failed"]),
        ("cancelled", &["cancelled"]),
    ];
    let go = |id: &str, to: &str| -> Answered {
        let post = |verb: &str, body: Value| {
            depot.ask(&token, "POST", &format!("/deliveries/{id}/{verb}")).body(&body).send()
        };
        match to {
            "assigned" => post("assign", json!({ "assigned_to": "dan" })),
            "created" => post("unassign", json!({})),
            "cancelled" => post("cancel", json!({ "reason": "test" })),
            other => status(&depot, &token, id, json!({ "status": other, "reason": "recipient_absent" })),
        }
    };
    for (n, (from, way)) in ways.iter().enumerate() {
        for (m, (to, _)) in ways.iter().enumerate() {
            let made =
                depot.ask(&token, "POST", "/deliveries").body(&request(&format!("{n}/{m}"))).gives(201);
            let id = text(&made.json, "id");
            for step in *way {
                assert_eq!(go(&id, step).status, 200, "{from} by {step}");
            }
            let tried = go(&id, to);
            let may = allowed(from).contains(&(*to).to_owned());
            assert_eq!(tried.status, if may { 200 } else { 409 }, "{from} to {to}: {tried:?}");
            if !may {
                assert_eq!(tried.json["allowed"], json!(allowed(from)), "{from} to {to}");
                let seen = depot.ask(&token, "GET", &format!("/deliveries/{id}")).gives(200).json;
                assert_eq!(seen["status"], *from);
            }
        }
    }
}

#[test]
fn a_delivery_moves_its_parcels_and_what_was_left_is_tried_again() {
    let depot = depot();
    let token = depot.token(ADMIN);
    driver(&depot, "dan");
    for number in ["P1", "P2", "P3"] {
        parcel(&depot, number, "at_depot");
    }
    let mut new = request("three");
    new["parcels"] = json!(["P1", "P2", "P3"]);
    new["assigned_to"] = "dan".into();
    new["proof_required"] = json!(["name", "signature"]);
    let id = text(&depot.ask(&token, "POST", "/deliveries").body(&new).gives(201).json, "id");
    depot.itself(FIRST_TENANT, "POST", "/parcels/P3/events").body(&json!({ "status": "customs" })).gives(200);
    let dan = depot.token("dan");
    let missing = status(&depot, &dan, &id, json!({ "status": "in_transit" }));
    assert_eq!(
        (missing.problem(), &missing.json["parcels"]),
        ((409, "delivery.parcels_missing"), &json!(["P3"]))
    );
    assert_eq!(where_is(&depot, "P1"), "at_depot", "nothing has moved");
    depot
        .itself(FIRST_TENANT, "POST", "/parcels/P3/events")
        .body(&json!({ "status": "at_depot" }))
        .gives(200);
    assert_eq!(status(&depot, &dan, &id, json!({ "status": "in_transit" })).status, 200);
    assert_eq!(["P1", "P2", "P3"].map(|p| where_is(&depot, p)), ["out_for_delivery"; 3]);
    let some = json!({ "status": "completed", "parcels": [{ "parcel": "P2", "delivered": false, "reason": "recipient_absent" },
        { "parcel": "P3", "delivered": false, "reason": "refused" }] });
    assert_eq!(status(&depot, &dan, &id, some.clone()).problem(), (409, "delivery.proof_missing"));
    for bad in [json!({}), json!({ "signature": "<script>" }), json!({ "photos": ["abc"] })] {
        let answer = depot.ask(&dan, "POST", &format!("/deliveries/{id}/proof")).body(&bad).send();
        assert_eq!(answer.status, 422, "{bad}");
    }
    let proof = json!({ "name": "J. Doe", "signature": "M1 1L9 9", "photos": ["ab".repeat(32)] });
    depot.ask(&dan, "POST", &format!("/deliveries/{id}/proof")).body(&proof).gives(201);
    let done = status(&depot, &dan, &id, some).json;
    assert_eq!((&done["status"], &done["partial"]), (&json!("completed"), &json!(true)), "{done}");
    assert_eq!(["P1", "P2", "P3"].map(|p| where_is(&depot, p)), ["delivered", "attempted", "returning"]);
    // The next attempt is a delivery of its own, and after the third the parcel goes back.
    let mut next = text(&done, "next");
    for attempt in [2, 3] {
        let seen = depot.ask(&token, "GET", &format!("/deliveries/{next}")).gives(200).json;
        assert_eq!(
            (&seen["attempt"], seen["parcels"].as_array().unwrap().len()),
            (&json!(attempt), 1),
            "{seen}"
        );
        let give = json!({ "assigned_to": "dan" });
        depot.ask(&token, "POST", &format!("/deliveries/{next}/assign")).body(&give).gives(200);
        assert_eq!(status(&depot, &dan, &next, json!({ "status": "in_transit" })).status, 200);
        assert_eq!(
            status(&depot, &dan, &next, json!({ "status": "failed" })).status,
            422,
            "it needs a reason"
        );
        let failed =
            status(&depot, &dan, &next, json!({ "status": "failed", "reason": "recipient_absent" })).json;
        assert_eq!(failed["status"], "failed");
        match failed["next"].as_str() {
            Some(id) => next = id.to_owned(),
            None => assert_eq!((attempt, where_is(&depot, "P2").as_str()), (3, "returning")),
        }
    }
}

#[test]
fn a_change_names_the_revision_it_has_seen_and_what_began_is_closed() {
    let depot = depot();
    let token = depot.token(ADMIN);
    driver(&depot, "dan");
    let made = depot.ask(&token, "POST", "/deliveries").body(&request("x")).gives(201);
    let (id, rev) = (text(&made.json, "id"), made.json["version"].as_u64().unwrap());
    let path = format!("/deliveries/{id}");
    let edit = json!({ "pickup_address": "Depot", "delivery_address": "9 Elm St", "customer_name": "x" });
    assert_eq!(depot.ask(&token, "PUT", &path).body(&edit).send().status, 428);
    assert_eq!(
        depot.ask(&token, "PUT", &path).seen(rev + 1).body(&edit).send().problem(),
        (412, "delivery.stale")
    );
    let mut with_version = edit.clone();
    with_version["version"] = rev.into();
    assert_eq!(
        depot.ask(&token, "PUT", &path).body(&with_version).gives(200).json["delivery_address"],
        "9 Elm St"
    );
    let give = json!({ "assigned_to": "dan", "version": rev });
    assert_eq!(depot.ask(&token, "POST", &format!("{path}/assign")).body(&give).send().status, 412);
    let give = json!({ "assigned_to": "dan" });
    depot.ask(&token, "POST", &format!("{path}/assign")).body(&give).gives(200);
    let rev: u64 = depot.ask(&token, "GET", &path).gives(200).json["version"].as_u64().unwrap();
    assert_eq!(depot.ask(&token, "DELETE", &path).seen(rev).send().problem(), (409, "delivery.closed"));
    assert_eq!(status(&depot, &token, &id, json!({ "status": "in_transit", "version": rev })).status, 200);
    assert_eq!(
        depot.ask(&token, "PUT", &path).seen(rev + 1).body(&edit).send().problem(),
        (409, "delivery.closed")
    );
    for bad in [
        json!({}),
        json!({ "pickup_address": "a", "delivery_address": "b", "customer_name": "c", "package_weight": -1 }),
        json!({ "pickup_address": "a", "delivery_address": "b", "customer_name": "c", "priority": "soonish" }),
        json!({ "pickup_address": "a", "delivery_address": "b", "customer_name": "c", "parcels": ["NONE"] }),
        json!({ "pickup_address": "a", "delivery_address": "b", "customer_name": "c", "surprise": 1 }),
    ] {
        assert_eq!(depot.ask(&token, "POST", "/deliveries").body(&bad).send().status, 422, "{bad}");
    }
    assert_eq!(count(&depot), 1);
}

#[test]
fn when_all_its_parcels_are_called_off_so_is_a_delivery_that_has_not_left() {
    let depot = depot();
    parcel(&depot, "P1", "announced");
    let mut new = request("one");
    new["parcels"] = json!(["P1"]);
    let made = depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201);
    let id = text(&made.json, "id");
    depot
        .itself(FIRST_TENANT, "POST", "/parcels/P1/events")
        .body(&json!({ "status": "cancelled" }))
        .gives(200);
    depot.until("it is called off", |d| {
        d.itself(FIRST_TENANT, "GET", &format!("/deliveries/{id}")).gives(200).json["status"] == "cancelled"
    });
}

const PHOTO: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";

/// Sends a file of a proof as a phone does.
fn file(depot: &Depot, token: &str, id: &str, query: &str, bytes: &[u8]) -> Answered {
    let path = format!("/api/v1/deliveries/{id}/proof/files{query}");
    let request = depot.request(reqwest::Method::POST, &path).bearer_auth(token);
    depot.send(request.header("content-type", "application/octet-stream").body(bytes.to_vec()))
}

#[test]
fn photos_from_the_door_come_once_by_their_hash_and_go_out_in_one_archive() {
    let depot = depot();
    driver(&depot, "dan");
    driver(&depot, "eve");
    let (dan, eve) = (depot.token("dan"), depot.token("eve"));
    let id =
        text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&request("x")).gives(201).json, "id");
    let give = json!({ "assigned_to": "dan" });
    depot.itself(FIRST_TENANT, "POST", &format!("/deliveries/{id}/assign")).body(&give).gives(200);
    assert_eq!(file(&depot, &dan, &id, "", PHOTO).problem(), (409, "delivery.closed"), "it has not left");
    assert_eq!(status(&depot, &dan, &id, json!({ "status": "in_transit" })).status, 200);
    // The proof may be there before its photo is: the line at the door is poor.
    let hash = blake3::hash(PHOTO).to_hex().to_string();
    let proof = json!({ "name": "J. Doe", "signature": "M10 10L20 20", "photos": [hash] });
    depot.ask(&dan, "POST", &format!("/deliveries/{id}/proof")).body(&proof).gives(201);
    let missing = |token: &str| {
        let path = format!("/api/v1/deliveries/{id}/proof.zip");
        let request = depot.request(reqwest::Method::GET, &path).bearer_auth(token);
        let (status, bytes) = depot.bytes(request);
        assert_eq!(status, 200);
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        let document: Value = serde_json::from_reader(zip.by_name("delivery-1/proof.json").unwrap()).unwrap();
        (names, document["missing"].clone())
    };
    assert_eq!(missing(&dan).1, json!([hash]));
    let sent = file(&depot, &dan, &id, "?name=door.jpg", PHOTO);
    assert_eq!((sent.status, &sent.json["hash"]), (201, &json!(hash)), "{sent:?}");
    let again = file(&depot, &dan, &id, "?name=door.jpg", PHOTO);
    assert_eq!((again.status, &again.json["id"]), (200, &sent.json["id"]), "the same again is the same");
    let photo = format!("delivery-1/{hash}.jpg");
    assert_eq!(
        missing(&dan),
        (vec!["delivery-1/proof.json".into(), "delivery-1/signature-1.svg".into(), photo], json!([]))
    );
    // The same on paper, for whoever may see it.
    let paper = depot.ask(&dan, "GET", &format!("/deliveries/{id}/proof.pdf")).gives(200);
    assert_eq!(paper.header("content-type"), "application/pdf");
    assert!(
        paper.text.starts_with("%PDF-") && paper.text.contains("Proof of delivery 1"),
        "{}",
        paper.text.len()
    );
    assert!(paper.text.contains("J. Doe") && paper.text.contains(" l\n"), "who took it, and the strokes");
    let both =
        depot.ask(&dan, "POST", "/deliveries/proofs.pdf").body(&json!({ "ids": [id, "1"] })).gives(200);
    assert_eq!(both.text.matches("/Type /Page\n").count(), 1, "each once");
    let none = depot.ask(&dan, "POST", "/deliveries/proofs.pdf").body(&json!({ "ids": [] })).send();
    assert_eq!(none.problem(), (422, "request.invalid"));
    let path = format!("/deliveries/{id}/proof/files");
    let all = depot.ask(&dan, "GET", &path).gives(200).json;
    assert_eq!(all.as_array().unwrap().len(), 1);
    let shown = depot.ask(&dan, "GET", &format!("{path}/{hash}")).gives(200);
    assert_eq!(shown.header("content-type"), "image/jpeg");
    assert!(shown.header("content-security-policy").contains("sandbox"));
    // What is somebody else's is not there for anybody else.
    for answer in [
        file(&depot, &eve, &id, "", PHOTO),
        depot.ask(&eve, "GET", &path).send(),
        depot.ask(&eve, "GET", &format!("{path}/{hash}")).send(),
        depot.ask(&eve, "GET", &format!("/deliveries/{id}/proof.zip")).send(),
        depot.ask(&eve, "GET", &format!("/deliveries/{id}/proof.pdf")).send(),
        depot.ask(&eve, "POST", "/deliveries/proofs.pdf").body(&json!({ "ids": [id] })).send(),
        depot.ask(&eve, "POST", "/deliveries/proofs").body(&json!({ "ids": [id] })).send(),
    ] {
        assert_eq!(answer.problem(), (404, "delivery.unknown"));
    }
    let unknown = depot.ask(&dan, "GET", &format!("{path}/{}", "0".repeat(64))).send();
    assert_eq!(unknown.problem(), (404, "delivery.unknown_file"));
    let page = file(&depot, &dan, &id, "", b"<html><script>alert(1)</script>");
    assert_eq!(page.problem(), (415, "attachment.type"));
    assert_eq!(file(&depot, &dan, &id, "?type=invoice", PHOTO).problem(), (422, "request.invalid"));
    let many = |n: usize| {
        depot.itself(FIRST_TENANT, "POST", "/deliveries/proofs").body(&json!({ "ids": vec!["1"; n] }))
    };
    assert_eq!(many(200).send().status, 200);
    for n in [0, 201] {
        assert_eq!(many(n).send().problem(), (422, "request.invalid"));
    }
    let left = depot.folder.path().join("data/attachments/incoming");
    depot.until("nothing is left of the archives", |_| std::fs::read_dir(&left).unwrap().count() == 0);
}

#[test]
fn people_are_told_by_mail_as_they_wish_and_recipients_where_the_house_wants_it() {
    let sink = Sink::open(0);
    let port = sink.port;
    let depot = depot_with(|c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.deliveries.tell_recipients = true;
    });
    let user = |login: &str, role: &str, language: &str| {
        let email = format!("{login}@example.com");
        depot.user(FIRST_TENANT, login, role, json!({ "email": email, "language": language }));
    };
    user("dan", "driver", "pt-BR");
    user("eve", "driver", "en");
    let (dan, eve) = (depot.token("dan"), depot.token("eve"));
    let new = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": "Ann", "customerEmail": "ann@example.com" });
    let id = text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id");
    let give = |to: &str| {
        let body = json!({ "assigned_to": to });
        depot.itself(FIRST_TENANT, "POST", &format!("/deliveries/{id}/assign")).body(&body).gives(200);
    };
    let mails = |n: usize| {
        depot.wait_until("the mails came", || sink.mails().len() >= n);
        sink.mails()
    };
    // Eve wants no mail of deliveries; on the screen she is told all the same.
    let wishes = json!({ "mail": true, "off": ["deliveries.changed"] });
    depot.ask(&eve, "PUT", "/notifications/wishes").body(&wishes).gives(200);
    give("eve");
    let told = |token: &str| {
        depot.ask(token, "GET", "/notifications").gives(200).json["items"].as_array().unwrap().len()
    };
    depot.until("eve is told on the screen", |_| told(&eve) == 1);
    give("dan");
    let first = mails(1);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].contains("dan@example.com") && first[0].contains("A entrega 1 foi"), "{}", first[0]);
    // The house's own words.
    let words = json!({ "subject": "{{ customer }}: {{ did }} ({{ step }})", "text": "No. {{ number }}\n" });
    depot.itself(FIRST_TENANT, "PUT", "/templates/deliveries.recipient/en").body(&words).seen(0).gives(200);
    assert_eq!(status(&depot, &dan, &id, json!({ "status": "in_transit" })).status, 200);
    let second = mails(2);
    assert!(
        second[1].contains("ann@example.com") && second[1].contains("Ann: is on its way (in_transit)"),
        "{}",
        second[1]
    );
    assert_eq!(told(&eve), 2, "that it is hers no longer too");
}
