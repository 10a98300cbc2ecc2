//! What happened, for programs: the feed, the stream and the socket show each reader what it may see, from any place on.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, depot, house, text};
use crate::support::socket::{Came, Socket};

fn request(depot: &Depot, name: &str) -> String {
    let new = json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": name });
    text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id")
}

fn assign(depot: &Depot, id: &str, to: &str) {
    let body = json!({ "assigned_to": to });
    depot.itself(FIRST_TENANT, "POST", &format!("/deliveries/{id}/assign")).body(&body).gives(200);
}

fn start(depot: &Depot, id: &str) {
    let body = json!({ "status": "in_transit", "notes": "picked up" });
    depot.itself(FIRST_TENANT, "PATCH", &format!("/deliveries/{id}/status")).body(&body).gives(200);
}

fn driver(depot: &Depot, login: &str) -> String {
    depot.user(FIRST_TENANT, login, "driver", json!({}))
}

/// The events of the feed as `token` reads them, and where to go on.
fn feed(depot: &Depot, token: &str, query: &str) -> (Vec<Value>, u64) {
    let path = format!("/events{query}");
    let answer = if token.is_empty() {
        depot.itself(FIRST_TENANT, "GET", &path)
    } else {
        depot.ask(token, "GET", &path)
    };
    let answer = answer.gives(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let lines = answer.text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (lines, answer.header("x-next-after").parse().unwrap())
}

#[test]
fn the_feed_is_read_from_any_place_on_and_shows_what_its_reader_may_see() {
    let depot = depot();
    for name in ["one", "two", "three"] {
        request(&depot, name);
    }
    let parcel = json!({ "tracking_number": "RR1", "distributor": "bar" });
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&parcel).gives(201);
    let (all, end) = feed(&depot, "", "");
    assert_eq!(all.len(), 4, "people and settings stay in the house");
    assert!(all.windows(2).all(|w| w[0]["seq"].as_u64() < w[1]["seq"].as_u64()));
    let types: Vec<String> = all.iter().map(|e| text(e, "type")).collect();
    assert_eq!(types[0], "dev.crossdock.delivery.requested.v1");
    for field in ["specversion", "id", "source", "type", "subject", "time", "datacontenttype"] {
        assert!(all.iter().all(|e| e[field].is_string()), "{field}");
    }
    let (mut pieces, mut after) = (Vec::new(), 0);
    while after < end {
        let (some, next) = feed(&depot, "", &format!("?after={after}&limit=1"));
        assert!(some.len() <= 1 && next > after);
        pieces.extend(some);
        after = next;
    }
    assert_eq!(pieces, all);
    assert_eq!(feed(&depot, "", &format!("?after={end}")), (Vec::new(), end));
    assert_eq!(feed(&depot, "", "?types=parcel.").0.len(), 1);
    assert_eq!(feed(&depot, "", "?types=parcel.,delivery.requested").0.len(), 4);
    driver(&depot, "dan");
    assert_eq!(feed(&depot, &depot.token("dan"), "").0, Vec::<Value>::new(), "nothing is dan's");
    depot.user(FIRST_TENANT, "bar", "partner", json!({ "scope": { "distributors": ["bar"] } }));
    let (theirs, _) = feed(&depot, &depot.token("bar"), "");
    assert_eq!(
        theirs.iter().map(|e| text(e, "type")).collect::<Vec<_>>(),
        ["dev.crossdock.parcel.registered.v1"]
    );
    let other = house(&depot, "beta", "super_admin");
    let theirs = depot.itself(other, "GET", "/events").gives(200);
    assert_eq!(theirs.text, "", "another house's feed is its own");
}

#[test]
fn one_more_type_than_is_taken_or_one_more_event_than_a_page_is_refused() {
    let depot = depot();
    let types = |n: usize| format!("/events?types={}", vec!["parcel."; n].join(","));
    depot.itself(FIRST_TENANT, "GET", &types(50)).gives(200);
    assert_eq!(depot.itself(FIRST_TENANT, "GET", &types(51)).send().problem(), (422, "request.invalid"));
    depot.itself(FIRST_TENANT, "GET", "/events?limit=500").gives(200);
    assert_eq!(depot.itself(FIRST_TENANT, "GET", "/events?limit=501").send().status, 422);
    let stream = types(51).replace("/events?", "/events/stream?");
    assert_eq!(depot.itself(FIRST_TENANT, "GET", &stream).send().problem(), (422, "request.invalid"));
}

/// A stream as `token` opens it: its lines.
fn stream(depot: &Depot, token: &str, query: &str, last: &str) -> impl Iterator<Item = String> + use<> {
    let mut line = TcpStream::connect(depot.running().address).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let last = if last.is_empty() { String::new() } else { format!("last-event-id: {last}\r\n") };
    let ask = format!(
        "GET /api/v1/events/stream{query} HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {token}\r\n{last}\r\n"
    );
    line.write_all(ask.as_bytes()).unwrap();
    let mut lines = BufReader::new(line).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
    lines
}

/// The next event of a stream: its name and the event. Its id is its place.
fn hears(lines: &mut impl Iterator<Item = String>) -> (String, Value) {
    let mut id = String::new();
    loop {
        let line = lines.next().expect("the stream ended");
        if let Some(seq) = line.strip_prefix("id: ") {
            seq.clone_into(&mut id);
        } else if let Some(name) = line.strip_prefix("event: ") {
            let name = name.to_owned();
            let data = lines.next().unwrap();
            let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(event["seq"].to_string(), id);
            return (name, event);
        }
    }
}

#[test]
fn a_stream_goes_on_where_it_was_and_shows_each_event_once_as_the_feed_does() {
    let depot = depot();
    let boss = depot.token(ADMIN);
    let mut now = stream(&depot, &boss, "", "");
    hears_hello(&mut now);
    let id = request(&depot, "Ann");
    driver(&depot, "dan");
    assign(&depot, &id, "dan");
    start(&depot, &id);
    let heard: Vec<(String, Value)> = (0..3).map(|_| hears(&mut now)).collect();
    let names: Vec<&str> = heard.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["delivery.requested", "delivery.assigned", "delivery.status_changed"]);
    let told: Vec<Value> = heard.into_iter().map(|(_, event)| event).collect();
    assert_eq!(feed(&depot, "", "?types=delivery.").0, told);
    let mut later = stream(&depot, &boss, "?types=delivery.", &told[0]["seq"].to_string());
    assert_eq!(hears(&mut later).1, told[1]);
    assert_eq!(hears(&mut later).1, told[2]);
    let mut beginning = stream(&depot, &boss, "?after=0&types=delivery.", "");
    assert_eq!(hears(&mut beginning).1, told[0]);
    let mut own = stream(&depot, &depot.token("dan"), "?after=0", "");
    assert_eq!(hears(&mut own).1, told[0], "the delivery is dan's now, and so is what it went through");
}

fn hears_hello(lines: &mut impl Iterator<Item = String>) {
    lines.find(|l| l.starts_with("id: ")).expect("the stream ended");
}

#[test]
fn a_stream_ends_with_the_right_to_it_and_a_stop_waits_for_nobody() {
    let mut depot = depot();
    depot.role(FIRST_TENANT, "ear", &["events.read", "deliveries.view"], "tenant");
    let ear = depot.user(FIRST_TENANT, "ear", "ear", json!({}));
    let mut theirs = stream(&depot, &depot.token("ear"), "", "");
    hears_hello(&mut theirs);
    let mut ours = stream(&depot, &depot.token(ADMIN), "", "");
    hears_hello(&mut ours);
    depot.itself(FIRST_TENANT, "DELETE", &format!("/users/{ear}/sessions")).gives(204);
    request(&depot, "Ann");
    assert_eq!(hears(&mut ours).0, "delivery.requested");
    assert!(!theirs.any(|l| l.starts_with("event: ")), "nobody is told after that");
    depot.stop();
    assert_eq!(ours.find(|l| l.starts_with("event: ")), None);
}

#[test]
fn a_socket_without_a_good_token_is_closed_with_1008() {
    let depot = depot();
    depot.role(FIRST_TENANT, "deaf", &["deliveries.view"], "tenant");
    depot.user(FIRST_TENANT, "deaf", "deaf", json!({}));
    let deaf = depot.token("deaf");
    for path in ["/ws", "/ws?token=nonsense", &format!("/ws?token={deaf}")] {
        let Came::Close(code, why) = Socket::open(&depot, path, &[]).next() else {
            panic!("{path} is heard")
        };
        assert_eq!(code, 1008, "{why}");
    }
    // A page of somebody else's has the cookie of whoever looks at it, and no right to it.
    let cookie = Person::logged_in(&depot, ADMIN, PASSWORD).cookie().to_owned();
    let from =
        |origin| Socket::open(&depot, "/ws", &[("cookie", cookie.as_str()), ("origin", origin)]).next();
    assert!(matches!(from("https://evil.example"), Came::Close(1008, _)));
    assert!(matches!(from("http://depot"), Came::Text(_)));
    let token = depot.token(ADMIN);
    let mut good = Socket::open(&depot, &format!("/ws?token={token}"), &[]);
    let hello = good.hears();
    assert_eq!(hello["type"], "connection_established");
    assert!(hello["data"]["clientId"].is_string() && hello["timestamp"].is_string(), "{hello}");
    assert_eq!(depot.itself(FIRST_TENANT, "GET", "/ws").send().problem(), (400, "live.no_upgrade"));
}

#[test]
fn a_socket_follows_the_deliveries_it_asks_for_and_no_others() {
    let depot = depot();
    let (ours, others) = (request(&depot, "Ann"), request(&depot, "Ben"));
    driver(&depot, "dan");
    let mut socket = Socket::of(&depot, &depot.token(ADMIN));
    socket.says(&json!({ "type": "ping" }));
    assert_eq!(socket.hears()["type"], "pong");
    socket.says(&json!({ "type": "subscribe_delivery", "deliveryId": ours }));
    assert_eq!(socket.hears()["type"], "subscribed_delivery");
    assign(&depot, &others, "dan");
    assign(&depot, &ours, "dan");
    start(&depot, &ours);
    let (first, second) = (socket.hears(), socket.hears());
    for (message, status) in [(&first, "assigned"), (&second, "in_transit")] {
        assert_eq!(message["type"], "delivery.status.updated");
        assert_eq!(
            (&message["data"]["deliveryId"], &message["data"]["status"]),
            (&json!(ours), &json!(status))
        );
        assert!(message["timestamp"].is_string());
    }
    assert_eq!(second["data"]["notes"], "picked up");
    // Whoever comes back goes on behind the last sequence number it has.
    let mut again = Socket::of(&depot, &depot.token(ADMIN));
    let after = first["data"]["seq"].clone();
    again.says(&json!({ "type": "subscribe_delivery", "deliveryId": ours, "after": after }));
    assert_eq!(again.hears()["data"], second["data"]);
    assert_eq!(again.hears()["type"], "subscribed_delivery");
    socket.says(&json!({ "type": "unsubscribe_delivery", "deliveryId": ours }));
    assert_eq!(socket.hears()["data"]["followed"], true);
    let failed = json!({ "status": "failed", "reason": "refused" });
    depot.itself(FIRST_TENANT, "PATCH", &format!("/deliveries/{ours}/status")).body(&failed).gives(200);
    socket.says(&json!({ "type": "ping" }));
    assert_eq!(socket.hears()["type"], "pong", "of the failure nothing was said");
    assert_eq!(again.hears()["data"]["status"], "failed");
}

#[test]
fn a_socket_tells_where_a_followed_delivery_is_and_that_routes_were_planned() {
    let depot = depot();
    let ours = request(&depot, "Ann");
    driver(&depot, "dan");
    let mut socket = Socket::of(&depot, &depot.token(ADMIN));
    socket.says(&json!({ "type": "subscribe_delivery", "deliveryId": ours }));
    assert_eq!(socket.hears()["type"], "subscribed_delivery");
    assign(&depot, &ours, "dan");
    start(&depot, &ours);
    assert_eq!(
        (socket.hears()["type"].clone(), socket.hears()["type"].clone()),
        (json!("delivery.status.updated"), json!("delivery.status.updated"))
    );
    let here = json!({ "latitude": 40.7128, "longitude": -74.006, "speed": 10.0, "heading": 90.0 });
    depot.ask(&depot.token("dan"), "POST", &format!("/tracking/{ours}")).body(&here).gives(200);
    let told = socket.hears();
    assert_eq!(
        (&told["type"], &told["data"]["deliveryId"]),
        (&json!("delivery.location.updated"), &json!(ours))
    );
    let near = |value: &Value, want: f64| (value.as_f64().unwrap() - want).abs() < 1e-4;
    let place = &told["data"]["location"];
    assert!(near(&place["latitude"], 40.7128) && near(&place["longitude"], -74.006), "{told}");
    assert!(near(&told["data"]["heading"], 90.0) && told["timestamp"].is_string(), "{told}");
    // Whoever may see routes hears of a plan without asking; a driver does not.
    let mut dans = Socket::of(&depot, &depot.token("dan"));
    let plan = json!({ "stops": [{ "latitude": 52.51, "longitude": 13.45 }], "depot": { "latitude": 52.5, "longitude": 13.4 }, "steps": 20 });
    depot.itself(FIRST_TENANT, "POST", "/routes/optimize").body(&plan).gives(200);
    let told = socket.hears();
    assert_eq!(told["type"], "route.optimization.completed", "{told}");
    assert!(told["data"]["optimizationId"].is_string() && told["data"]["served"] == 1, "{told}");
    dans.says(&json!({ "type": "ping" }));
    assert_eq!(dans.hears()["type"], "pong");
}

#[test]
fn a_socket_shows_only_what_its_holder_may_see_and_names_what_it_can_not_do() {
    let depot = depot();
    let (mine, theirs) = (request(&depot, "Ann"), request(&depot, "Ben"));
    driver(&depot, "dan");
    assign(&depot, &mine, "dan");
    let mut socket = Socket::of(&depot, &depot.token("dan"));
    for (said, code) in [
        (json!({ "type": "subscribe_delivery", "deliveryId": theirs }), "delivery.unknown"),
        (json!({ "type": "dance" }), "live.message"),
        (json!({ "type": "subscribe", "types": vec!["x."; 51] }), "live.too_many"),
    ] {
        socket.says(&said);
        let answer = socket.hears();
        assert_eq!((&answer["type"], &answer["data"]["code"]), (&json!("error"), &json!(code)), "{answer}");
    }
    socket.says(&json!({ "type": "subscribe", "types": ["delivery."], "after": 0 }));
    let back: Vec<Value> = (0..2).map(|_| socket.hears()).collect();
    assert!(back.iter().all(|m| m["type"] == "event" && m["data"]["subject"] == format!("delivery/{mine}")));
    assert_eq!(socket.hears()["type"], "subscribed");
    start(&depot, &mine);
    let told = socket.hears();
    assert_eq!(told["data"]["type"], "dev.crossdock.delivery.status_changed.v1");
    socket.says(&json!({ "type": "unsubscribe" }));
    assert_eq!(socket.hears()["type"], "unsubscribed");
}

#[test]
fn a_message_too_long_or_of_another_kind_ends_a_socket_and_leaves_the_others() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let mut other = Socket::of(&depot, &token);
    let mut long = Socket::of(&depot, &token);
    let padded = |n: usize| format!("{:<n$}", r#"{"type":"ping"}"#);
    long.frame(1, padded(crossdock::events::socket_api::MAX_MESSAGE).as_bytes());
    assert_eq!(long.hears()["type"], "pong", "one as long as may be is taken");
    long.frame(1, padded(crossdock::events::socket_api::MAX_MESSAGE + 1).as_bytes());
    assert!(matches!(long.next(), Came::Close(1002, _)));
    let mut binary = Socket::of(&depot, &token);
    binary.frame(2, b"x");
    assert!(matches!(binary.next(), Came::Close(1003, _)));
    other.says(&json!({ "type": "ping" }));
    assert_eq!(other.hears()["type"], "pong");
}

#[test]
fn a_socket_ends_with_its_session_and_when_the_server_stops() {
    let mut depot = depot();
    let dan = driver(&depot, "dan");
    let mut theirs = Socket::of(&depot, &depot.token("dan"));
    let mut ours = Socket::of(&depot, &depot.token(ADMIN));
    depot.itself(FIRST_TENANT, "DELETE", &format!("/users/{dan}/sessions")).gives(204);
    request(&depot, "Ann");
    assert!(matches!(theirs.next(), Came::Close(1008, _)));
    ours.says(&json!({ "type": "ping" }));
    assert_eq!(ours.hears()["type"], "pong");
    depot.stop();
    assert!(matches!(ours.next(), Came::Close(1001, _)));
}

#[test]
fn one_who_reads_nothing_keeps_nobody_waiting() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let all = json!({ "type": "subscribe", "types": ["order.placed"] });
    let mut stuck = Socket::of(&depot, &token);
    stuck.says(&all);
    let mut others: Vec<Socket> = (0..20).map(|_| Socket::of(&depot, &token)).collect();
    for socket in &mut others {
        socket.says(&all);
        assert_eq!(socket.hears()["type"], "subscribed");
    }
    let thing = json!({ "name": "thing", "price": 1, "stock": 5_000 });
    depot.ask(&token, "POST", "/products").body(&thing).gives(201);
    let order = json!({ "customer_name": "A".repeat(200), "delivery_address": "x".repeat(200), "items": [{ "product_id": 1, "quantity": 1 }] });
    let orders = json!(vec![order; 500]);
    for _ in 0..4 {
        depot.ask(&token, "POST", "/orders/bulk").body(&orders).gives(200);
    }
    let mut readers = Vec::new();
    for mut socket in others {
        readers.push(std::thread::spawn(move || {
            let mut seen = Vec::new();
            while seen.len() < 2_000 {
                let told = socket.hears();
                assert_eq!(told["type"], "event");
                seen.push(told["data"]["seq"].as_u64().unwrap());
            }
            seen
        }));
    }
    let first = readers.pop().unwrap().join().unwrap();
    assert!(first.windows(2).all(|w| w[0] < w[1]), "in order, and none twice");
    for reader in readers {
        assert_eq!(reader.join().unwrap(), first);
    }
    drop(stuck);
}

#[test]
fn what_happened_to_parcels_is_told_in_the_words_of_gs1_and_what_was_wrong_is_declared_so() {
    let depot = depot();
    let new = json!({ "tracking_number": "106141412345678908", "distributor": "bar" });
    let id = text(&depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id");
    let says = |body: Value| {
        depot.itself(FIRST_TENANT, "POST", &format!("/parcels/{id}/events")).body(&body).gives(200).json
    };
    says(json!({ "status": "at_depot" }));
    says(json!({ "status": "on_hold", "reason": "damaged" }));
    depot
        .itself(FIRST_TENANT, "POST", &format!("/parcels/{id}/notes"))
        .body(&json!({ "text": "wet" }))
        .gives(201);
    let history = depot.itself(FIRST_TENANT, "GET", &format!("/parcels/{id}/history")).gives(200).json;
    let held = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e.to_string().contains("on_hold"))
        .unwrap()
        .clone();
    says(json!({ "status": "in_transit", "corrects": held["id"], "reason": "another parcel" }));
    let document = |token: &str, query: &str| {
        let path = format!("/epcis/events{query}");
        let asked = if token.is_empty() {
            depot.itself(FIRST_TENANT, "GET", &path)
        } else {
            depot.ask(token, "GET", &path)
        };
        let answer = asked.gives(200);
        assert_eq!(answer.header("content-type"), "application/ld+json");
        let document: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!((&document["type"], &document["schemaVersion"]), (&json!("EPCISDocument"), &json!("2.0")));
        let events = document["epcisBody"]["eventList"].as_array().unwrap().clone();
        (events, answer.header("x-next-after").parse::<u64>().unwrap())
    };
    let (all, end) = document("", "");
    let words: Vec<(String, String, String)> =
        all.iter().map(|e| (text(e, "action"), text(e, "bizStep"), text(e, "disposition"))).collect();
    let said = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(
        words,
        [
            said("ADD", "commissioning", "active"),
            said("OBSERVE", "arriving", "in_progress"),
            said("OBSERVE", "holding", "damaged"),
            said("OBSERVE", "holding", "damaged"),
            said("OBSERVE", "transporting", "in_transit"),
        ],
        "{all:#?}"
    );
    for event in &all {
        assert_eq!(event["epcList"], json!(["https://id.gs1.org/00/106141412345678908"]));
        assert_eq!(
            (&event["type"], &event["eventTimeZoneOffset"]),
            (&json!("ObjectEvent"), &json!("+00:00"))
        );
    }
    let (wrong, right) = (&all[3], &all[4]);
    assert_eq!(
        (&wrong["eventID"], &wrong["errorDeclaration"]["reason"]),
        (&all[2]["eventID"], &json!("incorrect_data"))
    );
    assert_eq!(wrong["errorDeclaration"]["correctiveEventIDs"], json!([right["eventID"]]));
    assert_eq!(document("", &format!("?after={end}")).0, Vec::<Value>::new());
    let (mut pieces, mut after) = (Vec::new(), 0);
    while after < end {
        let (some, next) = document("", &format!("?after={after}&limit=1"));
        pieces.extend(some);
        after = next;
    }
    assert_eq!(pieces, all);
    depot.user(FIRST_TENANT, "foo", "partner", json!({ "scope": { "distributors": ["foo"] } }));
    assert_eq!(document(&depot.token("foo"), "").0, Vec::<Value>::new());
}
