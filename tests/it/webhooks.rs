//! The feed and the webhooks: signed as the specification says, sent until they are taken, and nowhere they must not go.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use crossdock::webhooks::signing::{secret_bytes, verify};
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{depot, depot_with, text};
use crate::support::shared::shared;

/// A receiver that answers each message with the next of `statuses`, then with 200, and hands on what it got.
fn receiver(statuses: Vec<&'static str>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, got) = channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        while let Ok((mut stream, _)) = listener.accept() {
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            loop {
                let n = stream.read(&mut chunk).unwrap_or(0);
                bytes.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let length = text.lines().find_map(|l| {
                    l.to_lowercase()
                        .strip_prefix("content-length:")
                        .and_then(|n| n.trim().parse::<usize>().ok())
                });
                let body = text.split_once("\r\n\r\n").map_or(0, |(_, b)| b.len());
                if n == 0 || length.is_some_and(|l| body >= l) {
                    let answer = statuses.next().unwrap_or("200 OK");
                    let _ =
                        write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    if send.send(text).is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    });
    (port, got)
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find(|l| l.to_lowercase().starts_with(&format!("{name}:"))).unwrap();
    line.split_once(':').unwrap().1.trim()
}

fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").unwrap().1
}

fn webhook(depot: &Depot, port: u16) -> (String, String) {
    let new = json!({ "url": format!("http://localhost:{port}/hook"), "types": ["delivery."] });
    let made = depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&new).gives(201).json;
    (text(&made, "id"), text(&made, "secret"))
}

fn request(depot: &Depot, name: &str) -> String {
    let new = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": name });
    text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id")
}

fn lan() -> Depot {
    depot_with(|c| c.webhooks.allow_hosts = vec!["localhost".into()])
}

fn first(depot: &Depot, id: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", &format!("/webhooks/{id}/deliveries")).gives(200).json["items"][0]
        .clone()
}

#[test]
fn the_vectors_of_the_specification_are_met() {
    let Some(file) = shared("data/api/vectors.json") else { return };
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let v = &all["webhooks"];
    let secret = secret_bytes(v["secret"].as_str().unwrap()).unwrap();
    let (id, at) = (v["id"].as_str().unwrap(), v["timestamp"].as_i64().unwrap());
    for case in v["cases"].as_array().unwrap() {
        let body = case["body"].as_str().or(v["body"].as_str()).unwrap();
        let (signature, now) = (case["signature"].as_str().unwrap(), case["now"].as_i64().unwrap());
        assert_eq!(verify(&secret, id, at, body.as_bytes(), signature, now), case["ok"] == true, "{case}");
    }
}

#[test]
fn a_message_is_signed_by_every_key_in_use_and_sent_again_until_it_is_taken() {
    let depot = lan();
    let (port, got) = receiver(vec!["500 Oops", "302 Found\r\nlocation: http://127.0.0.1/", "200 OK"]);
    let (id, old) = webhook(&depot, port);
    let path = format!("/webhooks/{id}/rotate");
    let new = text(&depot.itself(FIRST_TENANT, "POST", &path).gives(200).json, "secret");
    let delivery = request(&depot, "Ann");
    let mut messages = Vec::new();
    for attempt in 1..=3 {
        messages.push(got.recv_timeout(Duration::from_secs(20)).unwrap());
        depot.until("the attempt is noted", |d| first(d, &id)["attempts"] == attempt);
        depot.clock.set(depot.clock.now().after(Duration::from_secs(60)));
        depot.running().app.wake.wake();
    }
    let seen = first(&depot, &id);
    assert_eq!((&seen["state"], &seen["status"]), (&json!("done"), &json!(200)), "{seen}");
    for message in &messages {
        let (msg, at) =
            (header(message, "webhook-id"), header(message, "webhook-timestamp").parse().unwrap());
        assert_eq!(msg, header(&messages[0], "webhook-id"), "the same over all attempts");
        let signature = header(message, "webhook-signature");
        for secret in [&old, &new] {
            assert!(verify(&secret_bytes(secret).unwrap(), msg, at, body(message).as_bytes(), signature, at));
        }
        let event: Value = serde_json::from_str(body(message)).unwrap();
        assert_eq!(
            (&event["specversion"], text(&event, "type").as_str()),
            (&json!("1.0"), "dev.crossdock.delivery.requested.v1")
        );
        assert_eq!(text(&event, "subject"), format!("delivery/{delivery}"));
    }
    assert!(got.try_recv().is_err(), "no redirect was followed and nothing came twice");
    let again = format!("/webhooks/{id}/deliveries/{}/resend", text(&seen, "id"));
    depot.itself(FIRST_TENANT, "POST", &again).gives(202);
    let third = got.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(header(&third, "webhook-id"), header(&messages[0], "webhook-id"));
}

#[test]
fn who_says_nobody_is_there_is_told_no_more() {
    let depot = lan();
    let (port, got) = receiver(vec!["410 Gone"]);
    let (id, _) = webhook(&depot, port);
    request(&depot, "Ann");
    got.recv_timeout(Duration::from_secs(20)).unwrap();
    depot.until("it is switched off", |d| {
        d.itself(FIRST_TENANT, "GET", &format!("/webhooks/{id}")).gives(200).json["active"] == false
    });
    assert_eq!(first(&depot, &id)["state"], "dead");
}

#[test]
fn what_lies_inside_is_refused_when_it_is_written_down_and_when_it_is_sent() {
    let depot = depot();
    for url in [
        "http://localhost/",
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
    ] {
        let new = json!({ "url": url });
        let answer = depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&new).send();
        assert_eq!(answer.problem(), (422, "webhook.invalid"), "{url}");
    }
    // A name that leads inside is found out when the connection is made.
    let new = json!({ "url": "https://localhost:9/", "types": ["delivery."] });
    let id = text(&depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&new).gives(201).json, "id");
    request(&depot, "Ann");
    depot.until("it was tried", |d| first(d, &id)["attempts"] == 1);
    assert!(
        text(&first(&depot, &id), "error").contains("no address in the open internet"),
        "{}",
        first(&depot, &id)
    );
}

#[test]
fn the_feed_is_read_from_any_place_on_and_shows_what_its_reader_may_see() {
    let depot = depot();
    for name in ["one", "two", "three"] {
        request(&depot, name);
    }
    let parcel = json!({ "tracking_number": "RR1", "distributor": "bar" });
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&parcel).gives(201);
    let read = |token: &str, query: &str| -> (Vec<Value>, u64) {
        let answer = if token.is_empty() {
            depot.itself(FIRST_TENANT, "GET", &format!("/events{query}")).gives(200)
        } else {
            depot.ask(token, "GET", &format!("/events{query}")).gives(200)
        };
        let lines = answer.text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        (lines, answer.header("x-next-after").parse().unwrap())
    };
    let (all, end) = read("", "");
    assert_eq!(all.len(), 4, "people and settings stay in the house");
    assert!(all.windows(2).all(|w| w[0]["seq"].as_u64() < w[1]["seq"].as_u64()));
    let (mut pieces, mut after) = (Vec::new(), 0);
    while after < end {
        let (some, next) = read("", &format!("?after={after}&limit=1"));
        pieces.extend(some);
        after = next;
    }
    assert_eq!(pieces, all);
    assert_eq!(read("", "?types=parcel.").0.len(), 1);
    depot.user(FIRST_TENANT, "dan", "driver", json!({}));
    assert_eq!(read(&depot.token("dan"), "").0, Vec::<Value>::new(), "nothing is dan's");
    depot.user(FIRST_TENANT, "bar", "partner", json!({ "scope": { "distributors": ["bar"] } }));
    let (theirs, _) = read(&depot.token("bar"), "");
    assert_eq!(
        theirs.iter().map(|e| text(e, "type")).collect::<Vec<_>>(),
        ["dev.crossdock.parcel.registered.v1"]
    );
}
