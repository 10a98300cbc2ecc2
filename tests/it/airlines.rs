//! Airlines' own news: signed messages they push, being asked, and letters in the mail-in folder.

use std::time::Duration;

use crossdock::identity::signature;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Answered;
use crate::support::carrier::{Answer, Carrier};
use crate::support::desk::{Desk, TENANT};

const DEP: &str =
    "FSU/14\n020-12345675FRALHR/T10K250.0\nDEP/LH900/18NOV0600/FRALHR/P6K150.0/S0600\nXYZ/odd\n";
const RCF: &str = "FSU/14\n020-12345675FRALHR/T10K250.0\nRCF/LH900/18NOV0900/LHR/P6K150.0\n";
/// Without a day: of the moment it came, so that only by its text it is known when it comes again.
const NFD: &str = "FSU/14\n020-12345675FRALHR/T10K250.0\nNFD\n";
const STRANGE: &str = "FSU/14\n176-72160723DXBLHR/T1K1\nRCF/EK3/18NOV0900/LHR/T1K1\n";

fn desk() -> Desk {
    Desk::with(|c| {
        c.carriers.private = true;
        (c.carriers.answer_s, c.carriers.connect_s) = (1, 1);
        (c.carriers.failures, c.carriers.open_s) = (2, 60);
    })
}

fn add(desk: &Desk, more: Value) -> Answered {
    let mut new = json!({ "code": "lh", "name": "Lufthansa Cargo", "adapter": "fsu" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    desk.post("/carriers", &new)
}

fn push(desk: &Desk, (id, key): (&str, &str), body: &str) -> Answered {
    let at = (desk.clock.now().millis() / 1_000).to_string();
    let signed = signature::sign(&signature::read(key).unwrap(), id, &at, body.as_bytes());
    let request = desk.request(Method::POST, "/api/v1/carriers/lh/events").header("webhook-id", id);
    let request = request.header("webhook-timestamp", at).header("webhook-signature", signed);
    desk.send(request.header("content-type", "text/plain").body(body.to_owned()))
}

fn received(desk: &Desk) -> Value {
    desk.get("/mawbs/020-12345675").json["pieces"]["received"].clone()
}

/// Reports of the waybill by codes that only messages bring.
fn reports(desk: &Desk) -> usize {
    let story = desk.get("/mawbs/020-12345675/timeline").json;
    let told = story.as_array().unwrap().iter().filter(|e| e["event"] == "mawb.reported");
    told.filter(|e| ["DEP", "RCF", "NFD"].iter().any(|code| e.to_string().contains(&format!("\"{code}\""))))
        .count()
}

#[test]
fn an_airline_pushes_signed_messages_of_its_own_waybills_and_each_counts_once() {
    let desk = desk();
    let nobodys = add(&desk, json!({}));
    assert_eq!((nobodys.status, &nobodys.json["errors"][0]["pointer"]), (422, &json!("/patterns")));
    assert_eq!(add(&desk, json!({ "patterns": ["020-*"] })).status, 201);
    let key = desk.post("/carriers/lh/secret", &json!({})).json["secret"].as_str().unwrap().to_owned();
    let other = signature::written(&[7; 32]);
    let changes = desk.changes();
    assert_eq!(push(&desk, ("m0", &other), DEP).problem(), (401, "carrier.signature"));
    assert_eq!(push(&desk, ("m0", &key), "<html>log in</html>").problem().0, 422);
    assert_eq!(desk.changes(), changes, "nothing of it was kept");

    let both = format!("{DEP}{RCF}{STRANGE}");
    let taken = push(&desk, ("m1", &key), &both);
    assert_eq!(
        (taken.status, &taken.json["taken"], &taken.json["unknown"]),
        (200, &json!(2), &json!(1)),
        "{taken:?}"
    );
    assert_eq!(taken.json["refused"][0]["id"], "176-72160723");
    assert_eq!(received(&desk), 6);
    assert_eq!(desk.get("/mawbs/176-72160723").status, 404, "an airline tells of no other's waybills");
    let heard = desk.get("/fsu/unknown").json["items"][0].clone();
    assert_eq!((&heard["by"], &heard["unknown"][0]["text"]), (&json!("Lufthansa Cargo"), &json!("XYZ/odd")));
    assert_eq!(push(&desk, ("m1", &key), &both).json["repeated"], true);
    assert_eq!(push(&desk, ("m2", &key), NFD).json["taken"], 1);
    desk.wait(Duration::from_secs(60));
    let again = push(&desk, ("m3", &key), &format!("{DEP}{RCF}{NFD}"));
    assert_eq!(
        (&again.json["known"], &again.json["taken"], &again.json["unknown"]),
        (&json!(3), &json!(0), &json!(0)),
        "{again:?}"
    );
    assert_eq!(reports(&desk), 3, "what came once does nothing when it comes again");
    let many: String =
        (0..501).map(|n| format!("FSU/14\n020-{:07}{}FRALHR/T1\nRCS/16OCT1317/FRA\n", n, n % 7)).collect();
    assert_eq!(push(&desk, ("m4", &key), &many).problem().0, 422);
    desk.assert_sound();
}

#[test]
fn an_airlines_api_is_asked_page_by_page_left_alone_when_it_fails_and_while_the_line_is_cut() {
    let page = |text: &str, next: &str, more: bool| {
        Answer::Says(json!({ "messages": [text], "next": next, "more": more }).to_string())
    };
    let airline = Carrier::open(vec![page(DEP, "two", true), page(RCF, "three", false)]);
    let desk = desk();
    let node = desk.running().app.sync.clone();
    let now = desk.clock.now();
    node.see(TENANT, |seen| seen.offline_since = Some(now));
    let new = json!({ "patterns": ["020-*"], "endpoint": airline.url(), "poll_s": 300 });
    assert_eq!(add(&desk, new).status, 201);
    let sealed = desk.put("/carriers/lh/credentials", &json!({ "secret": "open sesame" }));
    assert_eq!(sealed.status, 204, "{sealed:?}");
    let shown = || desk.get("/carriers/lh").json;
    let idle = || {
        desk.wait_until("the job is done", || {
            desk.all("/jobs?kind=carrier.poll&state=scheduled").is_empty()
                && desk.all("/jobs?kind=carrier.poll&state=running").is_empty()
        });
    };
    let round = |what: &str, done: &dyn Fn() -> bool| {
        desk.wait(Duration::from_secs(301));
        desk.wait_until(what, done);
    };
    // Offline nobody is asked, and nothing counts as a failure.
    desk.wait(Duration::from_secs(301));
    assert_eq!(desk.post("/carriers/lh/poll", &Value::Null).status, 202);
    idle();
    assert_eq!((airline.asked().len(), &shown()["breaker"]), (0, &json!("closed")));
    node.see(TENANT, |seen| seen.offline_since = None);

    round("both pages", &|| shown()["taken"] == 2);
    let asked = airline.asked();
    assert_eq!(asked[0], ("GET / HTTP/1.1".to_owned(), "Bearer open sesame".to_owned()));
    assert!(asked[1].0.contains("after=two"), "{asked:?}");
    assert_eq!(received(&desk), 6);
    assert!(!desk.get("/carriers/lh").text.contains("sesame"));

    // Two failures open the breaker; then it is left alone until its time is over.
    airline.now(vec![Answer::Fails(500, "x: y")]);
    round("the first failure", &|| shown()["trouble"].as_str().is_some_and(|t| t.contains("500")));
    assert_eq!(shown()["breaker"], "closed");
    round("the second", &|| shown()["breaker"] == "open");
    let n = airline.asked().len();
    assert_eq!(desk.post("/carriers/lh/poll", &Value::Null).status, 202);
    idle();
    assert_eq!(airline.asked().len(), n, "an open breaker asks nothing");
    // It speaks text by then, and repeats itself.
    airline.now(vec![Answer::Says(format!("{RCF}{NFD}"))]);
    round("it is back", &|| shown()["breaker"] == "closed" && shown()["taken"] == 3);
    assert_eq!(reports(&desk), 3);
    let last = shown()["answered_at"].clone();
    round("asked once more", &|| shown()["answered_at"] != last);
    assert_eq!(reports(&desk), 3, "it repeats itself");
    assert!(desk.all("/jobs?state=dead").is_empty(), "no attempt was burnt");
    desk.assert_sound();
}

#[test]
fn letters_in_the_mail_in_folder_reach_the_import_desk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let desk = Desk::with(|c| c.freight.mail_in = path);
    let letter = format!("From: ops@example.com\r\nSubject: FSU\r\n\r\nGood morning,\r\n\r\n{RCF}");
    std::fs::write(folder.path().join("one.eml"), letter).unwrap();
    desk.wait_until("the letter is taken", || {
        desk.wait(Duration::from_secs(11));
        folder.path().join("taken").read_dir().is_ok_and(|d| d.count() == 1)
    });
    assert_eq!(received(&desk), 6);
    let story = desk.get("/mawbs/020-12345675/timeline").json;
    assert!(story.to_string().contains("mawb.reported"), "{story}");
    desk.assert_sound();
}
