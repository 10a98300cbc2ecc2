//! Webhooks: signed as the specification says, sent until they are taken, and nowhere they must not go.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::identity::secret::Secret;
use crossdock::identity::signature::{self, Shown};
use crossdock::web::control::FIRST_TENANT;
use crossdock::webhooks::model::MAX_WEBHOOKS;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{depot, depot_with, text};
use crate::support::shared::shared;

/// A receiver that answers each message with the next of `statuses`, then with 200, and hands on what it got.
fn receiver(statuses: Vec<&'static str>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, listening(listener, statuses))
}

fn receiver_at(port: u16, statuses: Vec<&'static str>) -> Receiver<String> {
    listening(TcpListener::bind(("127.0.0.1", port)).unwrap(), statuses)
}

fn listening(listener: TcpListener, statuses: Vec<&'static str>) -> Receiver<String> {
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
    got
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

fn key(secret: &str) -> Secret<Vec<u8>> {
    Secret::new(signature::read(secret).unwrap())
}

/// Whether a message that came is signed by `secret`, judged as a receiver does at the moment it names.
fn is_signed(message: &str, secret: &str) -> bool {
    let timestamp = header(message, "webhook-timestamp");
    let shown = Shown {
        id: header(message, "webhook-id"),
        timestamp,
        signature: header(message, "webhook-signature"),
    };
    let now = Timestamp::from_millis(timestamp.parse::<i64>().unwrap() * 1_000);
    signature::verify(&[key(secret)], &shown, body(message).as_bytes(), now)
}

/// Lets time pass and looks whether there is something to do.
fn later(depot: &Depot, seconds: u64) {
    depot.wait(Duration::from_secs(seconds));
    depot.running().app.wake.wake();
}

fn messages(depot: &Depot, id: &str) -> Vec<Value> {
    let all =
        depot.itself(FIRST_TENANT, "GET", &format!("/webhooks/{id}/deliveries?limit=500")).gives(200).json;
    all["items"].as_array().unwrap().clone()
}

fn standing(depot: &Depot, id: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", &format!("/webhooks/{id}")).gives(200).json
}

#[test]
fn the_vectors_of_the_specification_are_met() {
    let Some(file) = shared("data/api/vectors.json") else { return };
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let v = &all["webhooks"];
    let keys = [key(v["secret"].as_str().unwrap())];
    let (id, at) = (v["id"].as_str().unwrap(), v["timestamp"].to_string());
    for case in v["cases"].as_array().unwrap() {
        let body = case["body"].as_str().or(v["body"].as_str()).unwrap();
        let (signature, now) = (case["signature"].as_str().unwrap(), case["now"].as_i64().unwrap());
        let shown = Shown { id, timestamp: &at, signature };
        let is = signature::verify(&keys, &shown, body.as_bytes(), Timestamp::from_millis(now * 1_000));
        assert_eq!(is, case["ok"] == true, "{case}");
    }
    let (good, body) = (&v["cases"][0]["signature"], v["body"].as_str().unwrap());
    let ours = signature::sign_all(&[key(v["secret"].as_str().unwrap())], id, &at, body.as_bytes());
    assert_eq!(*good, ours, "what we sign is what the vectors say");
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
        later(&depot, 60);
    }
    let seen = first(&depot, &id);
    assert_eq!((&seen["state"], &seen["status"]), (&json!("done"), &json!(200)), "{seen}");
    for message in &messages {
        assert_eq!(
            header(message, "webhook-id"),
            header(&messages[0], "webhook-id"),
            "the same over all attempts"
        );
        assert!(is_signed(message, &old) && is_signed(message, &new));
        assert_eq!(header(message, "content-type"), "application/cloudevents+json");
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
    depot.until("it is done", |d| first(d, &id)["state"] == "done");
    assert_eq!(standing(&depot, &id)["waiting"], 0);
}

#[test]
fn who_says_nobody_is_there_is_told_no_more() {
    let depot = lan();
    let (port, got) = receiver(vec!["410 Gone"]);
    let (id, _) = webhook(&depot, port);
    request(&depot, "Ann");
    got.recv_timeout(Duration::from_secs(20)).unwrap();
    depot.until("it is switched off", |d| standing(d, &id)["active"] == false);
    assert_eq!(first(&depot, &id)["state"], "dead");
    let seen = standing(&depot, &id)["seq"].clone();
    request(&depot, "Ben");
    later(&depot, 60);
    assert_eq!(standing(&depot, &id)["seq"], seen, "it stands where it stood");
    // With a new key it is told again, of what happened meanwhile too.
    let secret = text(
        &depot.itself(FIRST_TENANT, "POST", &format!("/webhooks/{id}/rotate")).gives(200).json,
        "secret",
    );
    let told = got.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(is_signed(&told, &secret) && body(&told).contains("Ben"), "{told}");
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
fn a_key_is_shown_once_and_lies_nowhere_in_the_open() {
    let depot = lan();
    let ask = |path: &str, key: &str| {
        let new = json!({ "url": "https://shop.invalid/hook", "types": ["nothing."] });
        let asked = depot.itself(FIRST_TENANT, "POST", path).header("idempotency-key", key);
        if path == "/webhooks" { asked.body(&new) } else { asked }
    };
    let first = ask("/webhooks", "one").gives(201);
    let (id, secret) = (text(&first.json, "id"), text(&first.json, "secret"));
    assert_eq!(first.header("cache-control"), "no-store");
    let again = ask("/webhooks", "one").gives(201);
    assert_eq!((again.header("idempotent-replay"), &again.json["id"]), ("true", &json!(id)));
    assert!(again.json.get("secret").is_none(), "{}", again.text);
    let path = format!("/webhooks/{id}/rotate");
    let newer = text(&ask(&path, "two").gives(200).json, "secret");
    assert_ne!(newer, secret);
    assert!(ask(&path, "two").gives(200).json.get("secret").is_none());
    let shown = standing(&depot, &id);
    assert_eq!((&shown["keys"], shown.get("secret")), (&json!(2), None), "the second call made no third key");
    for _ in 0..3 {
        depot.itself(FIRST_TENANT, "POST", &path).gives(200);
    }
    assert_eq!(standing(&depot, &id)["keys"], 3, "and no more are kept");
    let audit = depot.itself(FIRST_TENANT, "GET", "/audit-log?limit=500").gives(200).text;
    assert!(audit.contains("webhook.created") && audit.contains("webhook.key_renewed"));
}

#[test]
fn while_the_line_is_cut_nothing_counts_and_nothing_is_lost_or_told_twice() {
    let mut depot = lan();
    // Nobody listens there until the line is back.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (id, _) = webhook(&depot, port);
    let cut = |depot: &Depot, is: bool| {
        let (node, now) = (depot.running().app.sync.clone(), depot.clock.now());
        node.see(FIRST_TENANT, |seen| seen.offline_since = is.then_some(now));
    };
    cut(&depot, true);
    let names: Vec<String> = (0..20).map(|n| format!("customer {n}")).collect();
    for name in &names {
        request(&depot, name);
    }
    depot.until("messages wait", |d| standing(d, &id)["waiting"] == 20);
    // A weekend, with a night without power in it.
    for hour in 0..62 {
        later(&depot, 3_600);
        if hour == 30 {
            depot.restart();
            cut(&depot, true);
        }
        let busy = |d: &Depot, state: &str| {
            let path = format!("/jobs?kind=webhook.send&state={state}");
            d.itself(FIRST_TENANT, "GET", &path).gives(200).json["items"].as_array().unwrap().len()
        };
        depot.until("all wait for the next time", |d| busy(d, "running") == 0 && busy(d, "scheduled") == 20);
    }
    // Between the start in the night and the first look at the line one attempt may have been made.
    let kept = messages(&depot, &id);
    let waits = |m: &&Value| m["attempts"].as_u64().unwrap() <= 1 && m["state"] == "pending";
    assert_eq!(kept.iter().filter(waits).count(), 20, "{kept:?}");
    cut(&depot, false);
    let got = receiver_at(port, Vec::new());
    depot.until("all were told", |d| {
        later(d, 3_600);
        standing(d, &id)["waiting"] == 0
    });
    let told: Vec<String> = got.try_iter().collect();
    let mut ids: Vec<&str> = told.iter().map(|m| header(m, "webhook-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((told.len(), ids.len()), (20, 20), "each once");
    for name in &names {
        assert!(told.iter().any(|m| body(m).contains(&format!("\"{name}\""))), "{name}");
    }
}

#[test]
fn what_nobody_takes_ends_among_the_dead_and_can_be_sent_again() {
    let depot = lan();
    let (port, got) = receiver(vec!["503 Busy\r\nretry-after: 3600"; 9]);
    let (id, _) = webhook(&depot, port);
    request(&depot, "Ann");
    let message = || first(&depot, &id);
    got.recv_timeout(Duration::from_secs(20)).unwrap();
    depot.until("the attempt is noted", |_| message()["attempts"] == 1);
    later(&depot, 3_000);
    assert!(got.recv_timeout(Duration::from_millis(100)).is_err(), "it wanted to be left alone for an hour");
    for attempt in 2..=9 {
        later(&depot, 2 * 86_400);
        got.recv_timeout(Duration::from_secs(20)).unwrap();
        depot.until("the attempt is noted", |_| message()["attempts"] == attempt);
    }
    assert_eq!((&message()["state"], &message()["status"]), (&json!("dead"), &json!(503)));
    let case = || {
        let open = depot.itself(FIRST_TENANT, "GET", "/cases?state=active&limit=500").gives(200).json;
        open["items"].as_array().unwrap().iter().any(|c| c["reason"] == "job_dead")
    };
    depot.until("somebody hears of it", |_| case());
    assert_eq!(standing(&depot, &id)["waiting"], 0);
    later(&depot, 30 * 86_400);
    assert!(got.try_recv().is_err());
    let path = format!("/webhooks/{id}/deliveries/{}/resend", text(&message(), "id"));
    depot.itself(FIRST_TENANT, "POST", &path).gives(202);
    got.recv_timeout(Duration::from_secs(20)).unwrap();
    depot.until("it is done", |_| message()["state"] == "done");
}

#[test]
fn a_subscriber_hears_of_what_it_named_from_its_beginning_on() {
    let depot = lan();
    request(&depot, "before");
    let (port, got) = receiver(Vec::new());
    let (id, _) = webhook(&depot, port);
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&json!({ "tracking_number": "RR1" })).gives(201);
    request(&depot, "after");
    let told = got.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(body(&told).contains("after"), "{told}");
    depot.until("it is noted", |d| first(d, &id)["state"] == "done");
    assert_eq!(messages(&depot, &id).len(), 1, "nothing of before, and nothing it did not name");
    let path = format!("/webhooks/{id}");
    let rev = standing(&depot, &id)["version"].as_u64().unwrap();
    assert_eq!(depot.itself(FIRST_TENANT, "DELETE", &path).send().status, 428);
    depot.itself(FIRST_TENANT, "DELETE", &path).seen(rev + 7).gives(412);
    depot.itself(FIRST_TENANT, "DELETE", &path).seen(rev).gives(204);
    request(&depot, "too late");
    later(&depot, 60);
    assert_eq!(depot.itself(FIRST_TENANT, "GET", &path).send().problem(), (404, "webhook.unknown"));
    assert!(got.try_recv().is_err());
}

#[test]
fn one_more_webhook_than_there_may_be_is_refused() {
    let depot = lan();
    let new = json!({ "url": "https://shop.invalid/hook", "types": ["nothing."] });
    for _ in 0..MAX_WEBHOOKS {
        depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&new).gives(201);
    }
    let refused = depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&new).send();
    assert_eq!(refused.problem(), (409, "webhook.full"));
    let many = json!({ "url": "https://shop.invalid/hook", "types": vec!["x."; 51] });
    let refused = depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&many).send();
    assert_eq!(refused.problem(), (422, "webhook.invalid"));
}
