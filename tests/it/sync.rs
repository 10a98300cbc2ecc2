//! A depot and headquarters, with a line between them that fails in every way.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock::config::choices::Role;
use crossdock::sync::wire::{self, Call, Code, Push, Refusal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kill::number;
use crate::relay::{Fate, Relay};
use crate::support::Answered;
use crate::support::desk::Desk;

/// Headquarters.
pub fn headquarters() -> Desk {
    Desk::with(|c| c.server.role = Role::Hq)
}

/// A line to `hq`.
pub fn line(hq: &Desk) -> Relay {
    Relay::to(hq.running().address)
}

/// A code for a depot called `name`.
pub fn code(hq: &Desk, name: &str) -> String {
    let made = hq.post("/sites", &json!({ "name": name }));
    assert_eq!(made.status, 201, "{made:?}");
    made.json["code"].as_str().unwrap().to_owned()
}

pub fn join(depot: &Desk, relay: &Relay, code: &str) -> Answered {
    depot.post("/sync/join", &json!({ "url": relay.url(), "code": code }))
}

/// A depot that has joined `hq` over `relay`.
pub fn joined(hq: &Desk, relay: &Relay, name: &str) -> Desk {
    let depot = Desk::embedded();
    let said = join(&depot, relay, &code(hq, name));
    assert_eq!(said.status, 200, "{said:?}");
    depot
}

/// Lets time pass at one of them.
fn later(at: &Desk, by: Duration) {
    at.clock.set(at.clock.now().after(by));
}

pub fn announce(depot: &Desk, from: usize, n: usize) {
    for at in from..from + n {
        let new = json!({ "tracking_number": format!("CD{at:07}"), "status": "in_transit",
            "recipient": { "name": format!("Recipient {at}") } });
        let made = depot.post("/parcels", &new);
        assert_eq!(made.status, 201, "{made:?}");
    }
}

/// A file of `n` parcels.
fn file(from: u64, n: u64) -> String {
    let mut csv = String::from("tracking number,status,name,city\n");
    for at in from..from + n {
        csv.push_str(&format!("CD{at:07},moving,Recipient {at},Lisboa\n"));
    }
    csv
}

fn import(depot: &Desk, from: u64, n: u64) {
    depot.map("carrier", &[("moving", "in_transit")]);
    let done = depot.import("kind=parcels&source=carrier&file=a.csv", file(from, n));
    assert_eq!(done["state"], "done", "{done}");
}

pub fn unsent(depot: &Desk) -> u64 {
    let status = depot.get("/sync").json;
    ["business", "audit", "telemetry"].iter().map(|l| status["unsent"][l].as_u64().unwrap()).sum()
}

pub fn exchange(depot: &Desk) {
    let said = depot.post("/sync/now", &Value::Null);
    assert_eq!(said.status, 200, "{said:?}");
}

pub fn assert_equal(depot: &Desk) -> u64 {
    let found = depot.post("/sync/verify", &Value::Null);
    assert_eq!((found.status, &found.json["equal"]), (200, &json!(true)), "{found:?}");
    found.json["records"].as_u64().unwrap()
}

/// What of it carries the numbers of parcels at `at`.
pub fn numbers(at: &Desk) -> BTreeMap<String, String> {
    let all = at.all("/parcels?limit=500");
    let text = |p: &Value, key: &str| p[key].as_str().unwrap_or_default().to_owned();
    let numbers: Vec<_> = all.iter().map(|p| (text(p, "tracking_number"), text(p, "status"))).collect();
    let map: BTreeMap<_, _> = numbers.iter().cloned().collect();
    assert_eq!(map.len(), numbers.len(), "a parcel is there twice");
    map
}

/// A body is packed when that makes it smaller.
fn plain(body: &[u8]) -> Vec<u8> {
    wire::unpack(body).unwrap_or_else(|_| body.to_vec())
}

fn pushed(body: &[u8]) -> Option<Push> {
    wire::decode(&plain(body)).ok()
}

#[test]
fn a_code_joins_one_depot_within_a_day_and_only_at_a_headquarters() {
    let (hq, other) = (headquarters(), Desk::embedded());
    let (relay, astray) = (line(&hq), Relay::to(other.running().address));
    let (first, second) = (Desk::embedded(), Desk::embedded());
    let good = code(&hq, "North");
    let to_a_depot = join(&first, &astray, &good);
    assert_eq!(to_a_depot.problem(), (409, "sync.join_refused"), "{to_a_depot:?}");
    let wrong = join(&first, &relay, &"0".repeat(32));
    assert_eq!(wrong.problem(), (409, "sync.join_refused"), "{wrong:?}");
    // The answer is lost: the same depot may use it again, another one may not.
    relay.plan(|_| Fate::Unanswered);
    assert_eq!(join(&first, &relay, &good).problem(), (409, "sync.join_refused"));
    relay.mend();
    assert_eq!(join(&second, &relay, &good).problem(), (409, "sync.join_refused"));
    let said = join(&first, &relay, &good);
    assert_eq!((said.status, &said.json["site"]), (200, &json!(1)), "{said:?}");
    assert_eq!(hq.get("/sites").json[0]["name"], "North");
    let late = code(&hq, "South");
    later(&hq, Duration::from_secs(24 * 3600));
    assert_eq!(join(&second, &relay, &late).problem(), (409, "sync.join_refused"));
    assert_eq!(join(&hq, &relay, &late).problem(), (409, "sync.headquarters"));
    let far = second.post("/sync/join", &json!({ "url": "http://hq.example.com", "code": late }));
    assert_eq!(far.problem(), (400, "sync.join"), "in the clear over the network");
}

#[test]
fn work_done_while_cut_off_is_at_headquarters_once_whatever_the_line_did() {
    let (days, rows) = (number("CROSSDOCK_SYNC_DAYS", 1), number("CROSSDOCK_SYNC_ROWS", 1_500));
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    relay.cut();
    for day in 0..days {
        import(&depot, day * rows, rows);
    }
    announce(&depot, 9_000_000, 20);
    let delivered = depot.post("/parcels/CD9000003/events", &json!({ "status": "at_depot" }));
    assert!(delivered.status < 300, "{delivered:?}");
    let cut = depot.post("/sync/now", &Value::Null);
    assert_eq!(cut.problem(), (409, "sync.offline"), "{cut:?}");
    let before = unsent(&depot);
    assert!(before >= days * rows, "{before}");
    relay.take();
    // Every fate in turn, in an order that is not the requests' own.
    let mut at = 0_usize;
    relay.plan(move |_| {
        at += 1;
        let fates =
            [Fate::Pass, Fate::Unanswered, Fate::Pass, Fate::Torn, Fate::Twice, Fate::Pass, Fate::Lost];
        if at.is_multiple_of(3) { Fate::Late } else { fates[(at * 5) % 7] }
    });
    let mut rounds = 0;
    while unsent(&depot) > 0 {
        depot.post("/sync/now", &Value::Null);
        rounds += 1;
        assert!(rounds < 2_000, "it never drains: {}", depot.get("/sync").text);
    }
    let by = relay.take();
    let cuts = by.iter().filter(|p| !matches!(p.fate, Fate::Pass | Fate::Late)).count();
    let mut sent: BTreeMap<(char, u64), usize> = BTreeMap::new();
    for push in by.iter().filter(|p| p.path.ends_with("/push")).filter_map(|p| pushed(&p.body)) {
        *sent.entry((char::from(push.l.letter()), push.from)).or_default() += 1;
    }
    let again: usize = sent.values().map(|n| n - 1).sum();
    assert!(cuts > 3 && again <= cuts, "{again} batches were sent again after {cuts} cuts");
    relay.mend();
    let records = assert_equal(&depot);
    assert!(records >= days * rows + 20, "{records}");
    assert_eq!(numbers(&hq), numbers(&depot));
    assert_eq!(numbers(&hq)["CD9000003"], "at_depot");
    for node in [&hq, &depot] {
        node.assert_sound();
    }
}

#[test]
fn a_depot_that_is_cut_off_works_says_so_and_calls_somebody() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    exchange(&depot);
    relay.cut();
    assert_eq!(depot.post("/sync/now", &Value::Null).problem().1, "sync.offline");
    announce(&depot, 0, 3);
    assert_eq!(depot.plain("/healthz"), (200, "ok\n".into()));
    let (status, ready) = depot.plain("/readyz");
    assert!(status == 200 && ready.contains("offline since 2026-11-21T10:00:00Z"), "{status} {ready}");
    let view = depot.get("/sync").json;
    assert_eq!((&view["online"], view["unsent"]["audit"].as_u64()), (&json!(false), Some(3)), "{view}");
    let words = view["words"].to_string();
    assert!(
        words.contains("does not know") && words.contains("Offline since 2026-11-21T10:00:00Z"),
        "{words}"
    );
    later(&depot, Duration::from_secs(5 * 3600));
    depot.running().app.wake.wake();
    depot.until(|| {
        let found = depot.get("/cases?reason=sync_offline&state=open").json;
        (found["items"].as_array()?.len() == 1).then_some(())
    });
    relay.mend();
    later(&hq, Duration::from_secs(5 * 3600));
    exchange(&depot);
    depot.until(|| {
        let found = depot.get("/cases?reason=sync_offline&state=resolved").json;
        (found["items"].as_array()?.len() == 1).then_some(())
    });
    assert!(!depot.plain("/readyz").1.contains("offline"));
    assert_equal(&depot);
}

#[test]
fn a_revoked_depot_works_on_and_says_so() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    announce(&depot, 0, 2);
    exchange(&depot);
    assert_eq!(hq.tell(Method::DELETE, "/sites/1", &Value::Null).status, 204);
    assert_eq!(hq.get("/sites").json[0]["state"], "revoked");
    announce(&depot, 10, 2);
    for _ in 0..2 {
        assert_eq!(depot.post("/sync/now", &Value::Null).problem().1, "sync.scope");
    }
    let words = depot.get("/sync").json["words"].to_string();
    assert!(words.contains("revoked") || words.contains("taken away"), "{words}");
    announce(&depot, 20, 2);
    assert_eq!(numbers(&depot).len(), 6);
    // Let in again it brings what it did meanwhile.
    let again = hq.post("/sites/1/code", &json!({})).json["code"].as_str().unwrap().to_owned();
    let said = join(&depot, &relay, &again);
    assert_eq!(said.status, 200, "{said:?}");
    assert_equal(&depot);
    assert_eq!(numbers(&hq).len(), 6);
}

#[test]
fn files_carry_the_exchange_of_a_depot_without_a_line() {
    let hq = headquarters();
    let relay = line(&hq);
    let (depot, stranger) = (joined(&hq, &relay, "North"), joined(&hq, &relay, "South"));
    assert_equal(&depot);
    relay.cut();
    announce(&depot, 0, 5);
    let export = |of: &Desk| of.whole(of.control(Method::POST, "/api/v1/sync/export")).1;
    let import =
        |at: &Desk, file: Vec<u8>| at.send(at.control(Method::POST, "/api/v1/sync/import").body(file));
    let decoded = |answer: &Answered| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(answer.json["answer"].as_str().unwrap()).unwrap()
    };
    let file = export(&depot);
    let mut bent = file.clone();
    bent[40] ^= 1;
    assert_eq!(import(&hq, bent).status, 409);
    assert!(numbers(&hq).is_empty());
    let taken = import(&hq, file.clone());
    assert_eq!((taken.status, &taken.json["site"]), (200, &json!(1)), "{taken:?}");
    assert_eq!(numbers(&hq).len(), 5);
    let again = import(&hq, file);
    assert_eq!((again.status, numbers(&hq).len()), (200, 5), "the same file twice does no harm");
    let back = decoded(&taken);
    assert_eq!(import(&stranger, back.clone()).problem(), (409, "sync.file"), "another depot's answer");
    let mut forged = back.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(import(&depot, forged).problem(), (409, "sync.file"));
    assert!(unsent(&depot) > 0);
    let brought = import(&depot, back.clone());
    assert_eq!(brought.status, 200, "{brought:?}");
    assert_eq!(depot.get("/sync").json["unsent"]["business"], 0, "{brought:?}");
    assert_eq!(import(&depot, back).status, 200);
    relay.mend();
    assert_equal(&depot);
}

#[test]
fn a_restored_headquarters_is_refilled_by_its_depots() {
    let mut hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    announce(&depot, 0, 5);
    assert_equal(&depot);
    // Yesterday's store; the keys beside it are today's.
    hq.stop();
    let store = hq.folder.path().join("data/depot.redb");
    let kept = saved(&hq);
    hq.start_again(|_| {});
    relay.lead_to(hq.running().address);
    announce(&depot, 10, 5);
    assert_equal(&depot);
    assert_eq!(numbers(&hq).len(), 10);
    hq.stop();
    for (name, bytes) in kept {
        std::fs::write(store.with_file_name(name), bytes).unwrap();
    }
    hq.start_again(|_| {});
    relay.lead_to(hq.running().address);
    assert_eq!(numbers(&hq).len(), 5, "what came since yesterday is lost");
    assert_equal(&depot);
    assert_eq!(numbers(&hq), numbers(&depot));
    assert_eq!(numbers(&hq).len(), 10);
}

/// The store's files as they are now.
fn saved(at: &Desk) -> Vec<(String, Vec<u8>)> {
    let folder = std::fs::read_dir(at.folder.path().join("data")).unwrap();
    let files = folder.map(|e| e.unwrap()).filter(|e| e.file_type().unwrap().is_file());
    let of_the_store = files.filter(|e| e.file_name().to_string_lossy().starts_with("depot"));
    of_the_store
        .map(|e| (e.file_name().to_string_lossy().into_owned(), std::fs::read(e.path()).unwrap()))
        .collect()
}

#[test]
fn a_copied_depot_is_noticed_and_both_copies_work_survives() {
    let hq = headquarters();
    let relay = line(&hq);
    let mut depot = joined(&hq, &relay, "North");
    announce(&depot, 0, 3);
    assert_equal(&depot);
    depot.stop();
    let copy = depot.copied();
    depot.start_again(|_| {});
    announce(&depot, 10, 2);
    exchange(&depot);
    announce(&copy, 20, 2);
    exchange(&copy);
    let seen = hq.get("/sites").json[0].clone();
    assert!(seen["rejoins"].as_u64().unwrap() >= 1, "{seen}");
    assert_equal(&copy);
    assert_eq!(numbers(&hq).len(), 7, "both copies' work");
    for _ in 0..4 {
        announce(&depot, 100 + numbers(&depot).len(), 1);
        depot.post("/sync/now", &Value::Null);
        announce(&copy, 200 + numbers(&copy).len(), 1);
        copy.post("/sync/now", &Value::Null);
        later(&hq, Duration::from_secs(3700));
        later(&depot, Duration::from_secs(3700));
        later(&copy, Duration::from_secs(3700));
    }
    assert_eq!(hq.get("/sites").json[0]["state"], "hold");
    assert!(hq.get("/sync").json["words"].to_string().contains("two copies"));
    assert_eq!(hq.post("/sites/1/release", &json!({})).status, 204);
    assert_ne!(hq.get("/sites").json[0]["state"], "hold");
}

/// One request as a depot would send it: the status, and headquarters' refusal.
fn raw(hq: &Desk, call: Call, token: &str, body: Vec<u8>, packed: bool) -> (u16, Option<Code>) {
    let mut request = hq
        .request(Method::POST, &format!("/sync/v1/{}", call.name()))
        .header("content-type", wire::CONTENT_TYPE)
        .bearer_auth(token)
        .body(body);
    if packed {
        request = request.header("content-encoding", "zstd");
    }
    let (status, body) = hq.whole(request);
    let refusal = wire::decode::<Refusal>(&plain(&body));
    (status, refusal.ok().map(|r| r.e))
}

#[test]
fn the_door_refuses_what_is_too_large_strange_or_nobodys() {
    let (hq, depot) = (headquarters(), Desk::embedded());
    for call in Call::ALL {
        let at_a_depot = raw(&depot, call, "", vec![0x80], false);
        assert_eq!(at_a_depot, (404, None), "{call:?}");
        let nobody = raw(&hq, call, "bm9ib2R5", wire::pack(&[0x80]).unwrap(), true);
        let open = matches!(call, Call::Enrol | Call::Session);
        let expected = if open { (400, Some(Code::Malformed)) } else { (401, Some(Code::Stale)) };
        assert_eq!(nobody, expected, "{call:?}");
    }
    let large = raw(&hq, Call::Session, "", vec![0; wire::MAX_PACKED + 1], true);
    assert_eq!(large, (413, Some(Code::TooBig)));
    // What fits in a packed body and not in memory.
    let bomb = zstd::encode_all(&vec![0; wire::MAX_PLAIN + 1][..], 3).unwrap();
    assert!(bomb.len() < 10_000);
    assert_eq!(raw(&hq, Call::Session, "", bomb, true), (413, Some(Code::TooBig)));
    let media = hq.request(Method::POST, "/sync/v1/session").header("content-type", "application/json");
    assert_eq!(hq.whole(media.body("{}")).0, 400);
}

#[test]
fn one_depot_more_than_headquarters_serves_at_a_time_is_told_to_come_again() {
    use crossdock::sync::node::MAX_INGESTS;
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    exchange(&depot);
    announce(&depot, 0, 1);
    let node = &hq.running().app.sync;
    let mut places: Vec<_> = (0..MAX_INGESTS).map(|_| node.place().unwrap()).collect();
    assert!(node.place().is_none(), "one more");
    assert_eq!(depot.post("/sync/now", &Value::Null).problem(), (409, "sync.busy"));
    assert!(unsent(&depot) > 0 && numbers(&hq).is_empty());
    places.pop();
    exchange(&depot);
    assert_equal(&depot);
    assert_eq!(numbers(&hq).len(), 1);
}

#[test]
fn a_parcel_handed_over_goes_from_one_depot_to_the_other_and_no_further() {
    let hq = headquarters();
    let relay = line(&hq);
    let (north, south, west) =
        (joined(&hq, &relay, "North"), joined(&hq, &relay, "South"), joined(&hq, &relay, "West"));
    announce(&north, 0, 2);
    let handed = north.post("/parcels/CD0000000/events", &json!({ "next_site": 2 }));
    assert!(handed.status < 300, "{handed:?}");
    assert_equal(&north);
    assert_equal(&south);
    assert_equal(&west);
    assert!(numbers(&west).is_empty(), "what does not concern it");
    assert!(!numbers(&south).contains_key("CD0000001"));
    assert!(numbers(&south).contains_key("CD0000000"));
    // South scans it in: North learns of it.
    let scanned = south.post("/parcels/CD0000000/events", &json!({ "status": "at_depot" }));
    assert!(scanned.status < 300, "{scanned:?}");
    assert_equal(&south);
    assert_equal(&north);
    assert_eq!(numbers(&north)["CD0000000"], "at_depot");
}

#[test]
fn a_depots_token_reaches_its_own_log_and_feed_alone() {
    let hq = headquarters();
    let relay = line(&hq);
    let (north, south) = (joined(&hq, &relay, "North"), joined(&hq, &relay, "South"));
    announce(&south, 0, 1);
    relay.cut();
    announce(&north, 10, 2);
    // North's own batches, shown with South's session: a log of another site's epoch.
    relay.mend();
    relay.take();
    relay.plan(|path| if path.ends_with("/push") { Fate::Lost } else { Fate::Pass });
    north.post("/sync/now", &Value::Null);
    let theirs = relay.take().into_iter().find(|p| p.path.ends_with("/push")).unwrap().body;
    relay.mend();
    let token = relay.tokens_of(|| exchange(&south));
    let token = token.last().unwrap();
    assert_eq!(
        raw(&hq, Call::Push, token, wire::pack(&plain(&theirs)).unwrap(), true),
        (401, Some(Code::Stale))
    );
    // The same changes under South's own epoch: they are set aside, for they are not South's.
    let mut push = pushed(&theirs).unwrap();
    let own = relay.take().into_iter().rev().find_map(|p| pushed(&p.body)).unwrap();
    (push.ep, push.l, push.from) = (own.ep, own.l, own.from + own.ch.len() as u64);
    push.h0 = own.ch.iter().fold(own.h0, |h, blob| {
        let eid = crossdock::journal::change::eid(blob);
        wire::Bin::new(crossdock::journal::change::link(&h, &eid))
    });
    let forged = wire::pack(&wire::encode(&push).unwrap()).unwrap();
    let (status, refusal) = raw(&hq, Call::Push, token, forged, true);
    assert!(status == 200 || refusal == Some(Code::Gap), "{status} {refusal:?}");
    assert!(!numbers(&hq).contains_key("CD0000010"), "another depot's work under a foreign name");
    exchange(&north);
    assert_equal(&north);
    assert!(numbers(&hq).contains_key("CD0000010"));
    assert!(!numbers(&south).contains_key("CD0000010"), "another depot's parcel");
}

#[test]
fn a_pull_waits_for_news_and_ends_when_there_are_some() {
    let hq = headquarters();
    let relay = line(&hq);
    let north = joined(&hq, &relay, "North");
    assert_equal(&north);
    exchange(&north);
    relay.take();
    // Nothing is new any more: where it asks from is the end.
    let token = relay.tokens_of(|| exchange(&north));
    let last = relay.take().into_iter().rev().find(|p| p.path.ends_with("/pull")).unwrap();
    let mut ask: wire::Pull = wire::decode(&plain(&last.body)).unwrap();
    ask.wait = 30;
    let body = wire::pack(&wire::encode(&ask).unwrap()).unwrap();
    let request = hq
        .request(Method::POST, "/sync/v1/pull")
        .header("content-type", wire::CONTENT_TYPE)
        .header("content-encoding", "zstd")
        .bearer_auth(token.last().unwrap())
        .body(body);
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { request.send().await.unwrap().bytes().await.unwrap().to_vec() })
    });
    announce(&north, 0, 1);
    exchange(&north);
    let answer: wire::Pulled = wire::decode(&plain(&waiting.join().unwrap())).unwrap();
    assert!(!answer.f.own.is_empty(), "the marker of what it pushed itself");
}

#[test]
fn headquarters_own_certificate_is_pinned_by_the_code_and_no_other_is_taken() {
    let (hq, impostor) = (secured(), secured());
    let depot = Desk::embedded();
    let given = code(&hq, "North");
    assert_eq!(given.len(), 65, "the code and the mark of headquarters' authority: {given}");
    let url = |at: &Desk| format!("https://localhost:{}", at.running().address.port());
    let tell = |url: String, code: &str| depot.post("/sync/join", &json!({ "url": url, "code": code }));
    let astray = tell(url(&impostor), &given);
    assert_eq!(astray.problem(), (409, "sync.join_refused"));
    assert!(astray.json["detail"].to_string().contains("not the headquarters that gave out the code"));
    let blind = tell(url(&hq), &given[..32]);
    assert_eq!(blind.problem(), (409, "sync.join_refused"), "whose authority nobody vouches for");
    let said = tell(url(&hq), &given);
    assert_eq!((said.status, &said.json["pinned"]), (200, &json!(true)), "{said:?}");
    announce(&depot, 0, 2);
    assert_equal(&depot);
    assert_eq!(numbers(&hq).len(), 2);
}

/// A headquarters with a certificate of its own.
fn secured() -> Desk {
    Desk::with(|c| {
        c.server.role = Role::Hq;
        c.server.tls.mode = crossdock::config::choices::TlsMode::Own;
    })
}

#[test]
fn a_folder_is_a_depot_or_a_headquarters_and_never_the_other() {
    let mut hq = headquarters();
    hq.stop();
    let refused = hq.refused_as(|c| c.server.role = Role::Depot);
    assert!(refused.contains("this folder holds headquarters"), "{refused}");
    let mut depot = Desk::embedded();
    depot.stop();
    let refused = depot.refused_as(|c| c.server.role = Role::Hq);
    assert!(refused.contains("this folder holds a depot"), "{refused}");
}

#[test]
fn an_exchange_without_news_is_small() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    announce(&depot, 0, 3);
    assert_equal(&depot);
    exchange(&depot);
    relay.take();
    exchange(&depot);
    let by = relay.take();
    let (paths, bytes): (Vec<_>, Vec<_>) = by.iter().map(|p| (p.path.as_str(), p.bytes)).unzip();
    println!("{paths:?} {bytes:?}");
    assert_eq!(paths, ["/sync/v1/pull"], "one question");
    assert!(bytes[0] <= MAX_IDLE, "{bytes:?}");
}

/// Bytes of an exchange without news, both directions, heads of HTTP/1.1 included.
const MAX_IDLE: usize = 500;

#[test]
fn a_clock_that_is_far_off_is_measured_and_calls_somebody_and_nothing_is_lost() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    exchange(&depot);
    later(&depot, Duration::from_secs(2 * 3600));
    announce(&depot, 0, 3);
    exchange(&depot);
    let view = depot.get("/sync").json;
    assert_eq!(view["clock_offset_ms"], -7_200_000, "{view}");
    assert!(view["words"].to_string().contains("clock is 7200 s ahead"), "{view}");
    depot.until(|| {
        let found = depot.get("/cases?reason=clock_wrong&state=open").json;
        (found["items"].as_array()?.len() == 1).then_some(())
    });
    assert_equal(&depot);
    assert_eq!(numbers(&hq).len(), 3);
}

#[test]
fn what_headquarters_owns_comes_to_depots_and_what_depots_wish_is_a_proposal() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    hq.map("dragon", &[("gone", "lost")]);
    depot.map("lion", &[("here", "at_depot")]);
    assert_equal(&depot);
    let sources = |at: &Desk| at.get("/status-maps/dragon").json["rows"].as_array().map(Vec::len);
    assert_eq!(sources(&depot), Some(1), "{:?}", depot.get("/status-maps/dragon"));
    let all = hq.get("/sync/proposals").json;
    let wish = all["items"].as_array().unwrap().last().unwrap_or_else(|| panic!("{all}"));
    assert_eq!(wish["site"], 1, "{all}");
    for item in all["items"].as_array().unwrap().iter().filter(|i| i["record"] == "status_map") {
        let path = format!("/sync/proposals/{}", item["eid"].as_str().unwrap());
        assert_eq!(hq.post(&path, &json!({ "accept": true })).status, 204);
        assert_eq!(hq.post(&path, &json!({ "accept": true })).status, 404, "it is settled");
    }
    assert_equal(&depot);
}
