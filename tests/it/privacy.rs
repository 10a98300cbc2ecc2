//! A person is found, handed out and erased: at the depot that was asked, at headquarters, in what comes late and in what is
//! restored; and nothing else is.

use std::path::Path;
use std::time::Duration;

use crossdock::app::house;
use crossdock::privacy::tombs;
use crossdock::store::backup::{self, Target, Which};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::{Desk, TENANT};
use crate::sync;

const NAME: &str = "Zacharias Quillfeather";
const EMAIL: &str = "z.quillfeather@post.example";
const PHONE: &str = "+5511987654321";
const STREET: &str = "Travessa do Unicornio 7788";
/// What must not be left anywhere: of the name the rarer half, so that no order of words hides it.
const PLANTED: [&str; 5] = ["Quillfeather", EMAIL, "987654321", "Unicornio", "M77 77L88 88"];
/// A person of the same name whom nobody asked to forget.
const NAMESAKE: &str = "Zacharias Smith";

fn made(depot: &Desk, path: &str, body: &Value) -> Value {
    let made = depot.post(path, body);
    assert!((200..300).contains(&made.status), "{path}: {made:?}");
    made.json
}

fn parcel(depot: &Desk, number: &str, name: &str) -> String {
    let new = json!({ "tracking_number": number, "status": "in_transit", "distributor": "acme",
        "recipient": { "name": name, "email": if name == NAME { EMAIL } else { "other@post.example" }, "phone": PHONE },
        "to": { "line": STREET, "zip": "01310-100", "city": "Sao Paulo", "state": "SP", "country": "BR" },
        "weight_g": 1500 });
    made(depot, "/parcels", &new)["id"].as_str().unwrap().to_owned()
}

/// Plants the person in every kind of record there is.
fn plant(depot: &Desk) {
    depot.map("shop", &[("moving", "in_transit")]);
    parcel(depot, "QF0000001", NAME);
    // A row that is refused goes back in a file of its own.
    let csv = format!(
        "tracking number,status,name,email,phone,address,city\nQF0000002,moving,{NAME},{EMAIL},{PHONE},{STREET},Santos\nQF0000003,moving,{NAMESAKE},smith@post.example,555,Rua B 1,Santos\n,moving,{NAME},{EMAIL},{PHONE},{STREET},Santos\n"
    );
    let done = depot.import("kind=parcels&source=shop&file=a.csv", csv);
    assert_eq!((&done["state"], &done["refused"]), (&json!("done"), &json!(1)), "{done}");
    // Beside a parcel's number the name alone is theirs, and a file may be written in two bytes a character.
    let beside = format!("tracking number,status,name\nQF0000002,moving,{NAME}\n");
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(beside.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for file in [beside.into_bytes(), wide] {
        assert_eq!(depot.import("kind=parcels&source=shop&file=b.csv", file)["state"], "done");
    }
    let book = format!(
        "customer_id,name,phone,email,address,city\nc-77,{NAME},{PHONE},{EMAIL},{STREET},Santos\nc-78,{NAMESAKE},,,,Santos\n"
    );
    let done = depot.import("kind=customers&source=crm&file=c.csv", book);
    assert_eq!((&done["state"], &done["created"]), (&json!("done"), &json!(2)), "{done}");
    made(depot, "/parcels/QF0000001/notes", &json!({ "text": format!("{NAME} called from {PHONE}") }));
    let opened = made(
        depot,
        "/cases",
        &json!({ "subject": "QF0000001", "reason": "address_incomplete",
        "detail": format!("{STREET} is not on the map") }),
    );
    let case = opened["id"].as_str().unwrap().to_owned();
    made(
        depot,
        &format!("/cases/{case}/answer"),
        &json!({ "answer": "other", "note": format!("{NAME}, {STREET}") }),
    );
    let delivery = made(
        depot,
        "/deliveries",
        &json!({ "pickupAddress": "the depot", "deliveryAddress": STREET,
        "customerName": NAME, "customerPhone": PHONE, "customerEmail": EMAIL, "packageWeight": 2.0 }),
    );
    let id = delivery["id"].as_str().unwrap().to_owned();
    depot.user(TENANT, "dan", "driver", json!({}));
    made(depot, &format!("/deliveries/{id}/assign"), &json!({ "assigned_to": "dan" }));
    let under_way = depot.tell(
        Method::PATCH,
        &format!("/deliveries/{id}/status"),
        &json!({ "status": "in_transit", "notes": format!("{NAME} was told") }),
    );
    assert_eq!(under_way.status, 200, "{under_way:?}");
    let proof = json!({ "name": NAME, "signature": "M77 77L88 88" });
    made(depot, &format!("/deliveries/{id}/proof"), &proof);
    let photo = depot.control(
        Method::POST,
        &format!("/api/v1/deliveries/{id}/proof/files?name=Quillfeather.txt&type=proof_of_delivery"),
    );
    let sent = depot.send(photo.header("content-type", "application/octet-stream").body(pdf()));
    assert!((200..300).contains(&sent.status), "{sent:?}");
    made(depot, "/products", &json!({ "name": "Lamp", "price": 1.0, "stock": 10 }));
    made(
        depot,
        "/orders",
        &json!({ "customer_name": NAME, "customer_email": EMAIL, "customer_phone": PHONE,
        "delivery_address": STREET, "items": [{ "product_id": 1, "quantity": 1 }], "backorder": true }),
    );
    let party = json!({ "name": NAME, "email": EMAIL, "phone": PHONE, "address": STREET });
    made(
        depot,
        "/mawbs",
        &json!({ "number": "176-72160723", "pieces": 1, "weight_kg": 1.0, "consignee": party }),
    );
    made(
        depot,
        "/hawbs",
        &json!({ "number": "H-4711", "mawb": "176-72160723", "pieces": 1, "weight_kg": 0.5,
        "shipper": { "name": "Firm" }, "consignee": party }),
    );
}

fn pdf() -> Vec<u8> {
    format!("%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n% signed by {NAME}\ntrailer << /Root 1 0 R >>\n%%EOF\n").into_bytes()
}

/// Two people who may.
fn people(depot: &Desk) -> (String, String) {
    depot.user(TENANT, "bea", "admin", json!({}));
    (depot.token("ana"), depot.token("bea"))
}

fn find(depot: &Desk, query: &Value) -> Vec<Value> {
    made(depot, "/privacy/find", query)["items"].as_array().unwrap().clone()
}

fn whole() -> Value {
    json!({ "name": NAME, "email": EMAIL, "phone": PHONE, "address": STREET })
}

/// Has everything erased that holds the person's mail address, name or street, and waits until this node has done it.
fn erase(depot: &Desk, (ana, bea): &(String, String)) -> String {
    let body = json!({ "query": { "email": EMAIL, "name": NAME }, "reason": "letter of 3 May" });
    let asked = depot.ask(ana, "POST", "/privacy/erase").body(&body).gives(201);
    let id = asked.json["id"].as_str().unwrap().to_owned();
    depot.ask(bea, "POST", &format!("/privacy/erasures/{id}/confirm")).gives(200);
    done(depot, &id);
    id
}

fn done(depot: &Desk, id: &str) -> Value {
    depot.until(|| {
        let shown = depot.get(&format!("/privacy/erasures/{id}"));
        let over =
            shown.status == 200 && shown.json["state"] == "confirmed" && shown.json["waiting"].is_null();
        over.then_some(shown.json)
    })
}

/// Files below `folder` that hold one of `words`, with it.
fn holders(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap()) {
        let path = entry.path();
        if path.is_dir() {
            out.extend(holders(&path, words));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            if bytes.windows(word.len()).any(|w| w == word.as_bytes()) {
                out.push(format!("{}: {word}", path.display()));
            }
        }
    }
    out
}

/// Every list and record that the person was in, as the API shows them, and every export.
fn shown(depot: &Desk) -> String {
    let mut all = String::new();
    for path in [
        "/parcels?limit=500",
        "/parcels/QF0000001",
        "/parcels/QF0000001/history",
        "/parcels/QF0000002",
        "/cases?limit=500",
        "/deliveries?limit=500",
        "/orders?limit=500",
        "/mawbs?limit=500",
        "/hawbs?limit=500",
        "/imports?limit=50",
        "/audit-log?limit=500",
        "/audit-log/export.csv",
        "/jobs?limit=500",
        "/events?limit=500",
        "/notifications?limit=100",
        "/exports/parcels",
        "/exports/deliveries",
        "/exports/orders",
        "/exports/cases",
        "/exports/parcels?format=jsonl",
        "/customers?limit=500",
        "/privacy/erasures",
        "/privacy/holds",
    ] {
        let (status, bytes) = depot.whole(depot.control(Method::GET, &format!("/api/v1{path}")));
        // A parcel that never came to this node is not there.
        assert!([200, 404].contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
        all.push_str(&format!("\n== {path}\n{}", String::from_utf8_lossy(&bytes)));
    }
    for import in depot.all("/imports?limit=50") {
        let path = format!("/api/v1/imports/{}/errors.csv", import["id"].as_str().unwrap());
        let (_, bytes) = depot.whole(depot.control(Method::GET, &path));
        all.push_str(&format!("\n== {path}\n{}", String::from_utf8_lossy(&bytes)));
    }
    all
}

fn assert_gone(depot: &Desk) {
    assert_eq!(find(depot, &json!({ "email": EMAIL, "name": NAME })), Vec::<Value>::new());
    let text = shown(depot);
    for word in PLANTED {
        if let Some(at) = text.find(word) {
            let line = text[..at].rfind("==").unwrap_or(0);
            panic!(
                "{word} is still shown in {}: {}",
                &text[line..].lines().next().unwrap(),
                &text[at.saturating_sub(200)..(at + 60).min(text.len())]
            );
        }
    }
}

/// Nothing is left in any file, once the store was written anew.
fn assert_bare(depot: &mut Desk) {
    depot.stop();
    depot.start_again(|_| {});
    depot.stop();
    let left = holders(&depot.folder.path().join("data"), &PLANTED);
    assert!(left.is_empty(), "{left:#?}");
    depot.start_again(|_| {});
}

fn figures(depot: &Desk) -> Value {
    let stats = depot.stats();
    json!({ "parcels": stats["parcels"], "deliveries": stats["deliveries"],
        "late": depot.post("/reports/query", &json!({ "kind": "lateness", "by": ["distributor"] })).json["rows"] })
}

#[test]
fn an_erased_person_is_nowhere_at_the_depot_and_at_headquarters_and_all_else_stays() {
    let mut hq = sync::headquarters();
    let relay = sync::line(&hq);
    let mut depot = Desk::embedded();
    let both = people(&depot);
    plant(&depot);
    let code = made(&hq, "/sites", &json!({ "name": "North" }))["code"].as_str().unwrap().to_owned();
    assert_eq!(sync::join(&depot, &relay, &code).status, 200);
    sync::exchange(&depot);
    sync::exchange(&depot);
    let hits = find(&depot, &whole());
    let kinds: Vec<&str> = hits.iter().map(|h| h["kind"].as_str().unwrap()).collect();
    for kind in ["parcel", "delivery", "order", "mawb", "hawb", "customer"] {
        assert!(kinds.contains(&kind), "{kind} of {kinds:?}");
    }
    assert!(!find(&hq, &whole()).is_empty(), "headquarters has them too");
    let before = figures(&depot);
    // Handed out first: all of it.
    let export = depot
        .ask(&both.0, "POST", "/privacy/export")
        .body(&json!({ "query": { "email": EMAIL } }))
        .gives(200);
    let text = export.json.to_string();
    for word in PLANTED {
        assert!(text.contains(word), "the export lacks {word}");
    }
    assert!(!text.contains(NAMESAKE));

    let id = erase(&depot, &both);
    assert_gone(&depot);
    assert_eq!(figures(&depot), before, "what counts is not the person");
    let namesakes = find(&depot, &json!({ "name": NAMESAKE }));
    assert_eq!(namesakes.len(), 2, "who has half the name is still there, with parcel and address book");
    // The chains hold, at both ends.
    let verified = depot.get("/audit-log/verify");
    assert_eq!((verified.status, &verified.json["broken_at"]), (200, &Value::Null), "{verified:?}");
    depot.assert_sound();
    let seen = done(&depot, &id);
    assert_eq!(seen["intact"], true, "{seen}");
    assert!(seen["changes"].as_u64().unwrap() > 5, "{seen}");

    sync::exchange(&depot);
    hq.until(|| (hq.get(&format!("/privacy/erasures/{id}")).status == 200).then_some(()));
    done(&hq, &id);
    sync::exchange(&depot);
    assert_gone(&hq);
    hq.assert_sound();
    assert_eq!(hq.get("/audit-log/verify").json["broken_at"], Value::Null);
    let seen = depot.until(|| {
        sync::exchange(&depot);
        let seen = done(&depot, &id);
        (seen["done"].as_array().unwrap().len() == 2).then_some(seen)
    });
    assert_eq!(seen["intact"], true, "{seen}");
    depot.until(|| (depot.post("/sync/verify", &Value::Null).json["equal"] == true).then_some(()));
    assert!(sync::assert_equal(&depot) > 5);

    // A backup made from now on holds nothing of it, and neither do the files.
    let backups = depot.folder.path().join("backups-after");
    let target = Target { folder: backups, passphrase: None, beside: None };
    backup::make(&depot.running().app.store, &target, "after", depot.clock.now()).unwrap();
    let restored = depot.folder.path().join("restored.redb");
    backup::restore(&target, Which::Latest, &restored, &house::tables()).unwrap();
    let bytes = std::fs::read(&restored).unwrap();
    for word in PLANTED {
        assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "the backup holds {word}");
    }
    assert_bare(&mut depot);
    assert_bare(&mut hq);
}

#[test]
fn a_restored_backup_forgets_what_was_erased_after_it_was_made() {
    let mut depot = Desk::embedded();
    let both = people(&depot);
    plant(&depot);
    let backups = depot.folder.path().join("data/backups");
    let target = Target { folder: backups.clone(), passphrase: None, beside: None };
    backup::make(&depot.running().app.store, &target, "before", depot.clock.now()).unwrap();
    erase(&depot, &both);
    assert!(backups.join(tombs::LIST).exists(), "the list lies beside the backups");
    depot.stop();
    let data = depot.folder.path().join("data");
    let file = data.join("depot.redb");
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(data.join(tombs::LIST)).unwrap();
    backup::restore(&target, Which::Latest, &file, &house::tables()).unwrap();
    let holds = std::fs::read(&file).unwrap();
    assert!(holds.windows(EMAIL.len()).any(|w| w == EMAIL.as_bytes()), "the backup is of before");
    tombs::carry(&backups, &data).unwrap();
    depot.start_again(|_| {});
    depot.until(|| find(&depot, &json!({ "email": EMAIL, "name": NAME })).is_empty().then_some(()));
    let erasures = depot.all("/privacy/erasures?limit=50");
    assert_eq!((erasures.len(), &erasures[0]["state"]), (1, &json!("confirmed")));
    depot.until(|| depot.all("/privacy/erasures?limit=50")[0]["waiting"].is_null().then_some(()));
    assert_gone(&depot);
    assert_eq!(depot.get("/audit-log/verify").json["broken_at"], Value::Null);
}

/// A port nobody listens on.
fn nobody() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn what_waits_to_be_sent_to_an_erased_person_goes_nowhere_and_what_waits_for_others_stays() {
    let (sms, mail, hook) = (nobody(), nobody(), nobody());
    let mut depot = Desk::embedded_with(|c| {
        c.sms.url = format!("http://127.0.0.1:{sms}/messages");
        c.sms.token = serde_json::from_value(json!("sesame")).unwrap();
        c.sms.sender = "Depot".into();
        c.sms.timeout_s = 1;
        c.mail.host = "127.0.0.1".into();
        c.mail.port = mail;
        c.mail.security = crossdock::config::choices::MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.mail.timeout_s = 1;
        c.deliveries.tell_recipients = true;
        c.webhooks.allow_hosts = vec!["localhost".into()];
    });
    let both = people(&depot);
    depot.user(TENANT, "dan", "driver", json!({}));
    let hook = json!({ "url": format!("http://localhost:{hook}/in"), "types": ["delivery."] });
    let hook = made(&depot, "/webhooks", &hook)["id"].as_str().unwrap().to_owned();
    let sets_out = |name: &str, phone: Option<&str>, email: Option<&str>| {
        let street = if name == NAME { STREET } else { "Rua B 1" };
        let new = json!({ "pickupAddress": "the depot", "deliveryAddress": street,
            "customerName": name, "customerPhone": phone, "customerEmail": email, "assignedDriver": "dan" });
        let id = made(&depot, "/deliveries", &new)["id"].as_str().unwrap().to_owned();
        let on = json!({ "status": "in_transit", "notes": format!("{name} was called") });
        let gone = depot.tell(Method::PATCH, &format!("/deliveries/{id}/status"), &on);
        assert_eq!(gone.status, 200, "{gone:?}");
    };
    // Written as people write it, and handed to the gateway as digits.
    sets_out(NAME, Some("+55 (11) 98765-4321"), None);
    sets_out(NAME, None, Some(EMAIL));
    sets_out(NAMESAKE, Some("+551188880000"), None);
    sets_out(NAMESAKE, None, Some("smith@post.example"));
    let jobs =
        |kind: &str, state: &str| depot.all(&format!("/jobs?kind={kind}&state={state}&limit=100")).len();
    depot.until(|| (jobs("sms.send", "scheduled") == 2 && jobs("mail.send", "scheduled") == 2).then_some(()));
    depot.until(|| (!depot.all(&format!("/webhooks/{hook}/deliveries")).is_empty()).then_some(()));
    let waiting = holders(&depot.folder.path().join("data"), &["+5511987654321"]);
    assert!(!waiting.is_empty(), "the text waits with its number");

    erase(&depot, &both);
    assert_eq!(
        (jobs("sms.send", "scheduled"), jobs("mail.send", "scheduled")),
        (1, 1),
        "the namesake's wait on"
    );
    assert_eq!((jobs("sms.send", "dead"), jobs("mail.send", "dead")), (1, 1), "theirs were called off");
    let told = depot.get(&format!("/webhooks/{hook}/deliveries")).text;
    for word in PLANTED {
        assert!(!told.contains(word), "{word} in {told}");
    }
    assert_gone(&depot);
    depot.stop();
    depot.start_again(|_| {});
    depot.stop();
    let left =
        holders(&depot.folder.path().join("data"), &["Quillfeather", EMAIL, "11987654321", "98765-4321"]);
    assert!(left.is_empty(), "{left:#?}");
    let kept = holders(&depot.folder.path().join("data"), &["smith@post.example", "551188880000"]);
    assert!(kept.len() >= 2, "what waits for others is as it was: {kept:?}");
    depot.start_again(|_| {});
}

/// Headquarters over the embedded store.
fn embedded_headquarters() -> Desk {
    Desk::embedded_with(|c| c.server.role = crossdock::config::choices::Role::Hq)
}

/// A headquarters that was restored from a backup made before an erasure forgets as well: by the list beside the backups, or
/// where that is lost too, by what its depots bring back.
fn restored_headquarters_forget(carried: bool) {
    let mut hq = embedded_headquarters();
    hq.user(TENANT, "bea", "admin", json!({}));
    let both = (hq.token("ana"), hq.token("bea"));
    let relay = sync::line(&hq);
    let depot = sync::joined(&hq, &relay, "North");
    parcel(&depot, "QF0000001", NAME);
    parcel(&depot, "QF0000002", NAMESAKE);
    sync::exchange(&depot);
    sync::exchange(&depot);
    let data = hq.folder.path().join("data");
    let backups = data.join("backups");
    let target = Target { folder: backups.clone(), passphrase: None, beside: None };
    backup::make(&hq.running().app.store, &target, "before", hq.clock.now()).unwrap();
    hq.clock.set(hq.clock.now().after(Duration::from_secs(60)));
    depot.clock.set(hq.clock.now());
    let id = erase(&hq, &both);
    depot.until(|| {
        sync::exchange(&depot);
        (depot.get(&format!("/privacy/erasures/{id}")).status == 200).then_some(())
    });
    done(&depot, &id);
    sync::exchange(&depot);

    hq.stop();
    let file = data.join("depot.redb");
    for entry in std::fs::read_dir(&data).unwrap().map(|e| e.unwrap()) {
        if entry.file_name().to_string_lossy().starts_with("depot") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    std::fs::remove_file(data.join(tombs::LIST)).unwrap();
    backup::restore(&target, Which::Latest, &file, &house::tables()).unwrap();
    let holds = std::fs::read(&file).unwrap();
    assert!(holds.windows(EMAIL.len()).any(|w| w == EMAIL.as_bytes()), "the backup is of before");
    if carried {
        tombs::carry(&backups, &data).unwrap();
    } else {
        std::fs::remove_file(backups.join(tombs::LIST)).unwrap();
    }
    hq.start_again(|_| {});
    relay.lead_to(hq.running().address);
    let sought = json!({ "email": EMAIL, "name": NAME });
    if carried {
        hq.until(|| find(&hq, &sought).is_empty().then_some(()));
    }
    hq.until(|| {
        sync::exchange(&depot);
        (find(&hq, &sought).is_empty()
            && hq.get(&format!("/privacy/erasures/{id}")).json["waiting"].is_null()
            && depot.post("/sync/verify", &Value::Null).json["equal"] == true)
            .then_some(())
    });
    for at in [&hq, &depot] {
        let all =
            format!("{}{}", at.get("/parcels?limit=500").text, at.get("/parcels/QF0000001/history").text);
        for word in ["Quillfeather", EMAIL] {
            assert!(!all.contains(word), "{word} in {all}");
        }
        assert!(all.contains(NAMESAKE));
        assert_eq!(at.get("/audit-log/verify").json["broken_at"], Value::Null);
        assert_eq!(at.get(&format!("/privacy/erasures/{id}")).json["intact"], true);
        at.assert_sound();
    }
}

#[test]
fn a_restored_headquarters_forgets_what_the_list_beside_its_backups_names() {
    restored_headquarters_forget(true);
}

#[test]
fn a_restored_headquarters_without_the_list_hears_of_erasures_from_its_depots() {
    restored_headquarters_forget(false);
}

#[test]
fn what_a_cut_off_depot_wrote_before_the_erasure_comes_without_the_person() {
    let hq = sync::headquarters();
    hq.user(TENANT, "bea", "admin", json!({}));
    let both = (hq.token("ana"), hq.token("bea"));
    let relay = sync::line(&hq);
    let depot = sync::joined(&hq, &relay, "North");
    parcel(&depot, "QF0000001", NAME);
    sync::exchange(&depot);
    // It writes on while it is cut off; headquarters, whose clock stands later, erases.
    made(&depot, "/parcels/QF0000001/notes", &json!({ "text": format!("{NAME} was not at {STREET}") }));
    hq.clock.set(hq.clock.now().after(Duration::from_secs(60)));
    let id = erase(&hq, &both);
    assert_eq!(find(&depot, &json!({ "email": EMAIL })).len(), 1, "it knows of nothing yet");
    depot.until(|| {
        sync::exchange(&depot);
        (depot.get(&format!("/privacy/erasures/{id}")).status == 200).then_some(())
    });
    done(&depot, &id);
    sync::exchange(&depot);
    for at in [&hq, &depot] {
        let history = at.get("/parcels/QF0000001/history").json.to_string();
        for word in PLANTED {
            assert!(!history.contains(word), "{word} in {history}");
        }
        assert!(find(at, &json!({ "email": EMAIL, "address": STREET })).is_empty());
        assert_eq!(at.get(&format!("/privacy/erasures/{id}")).json["intact"], true);
    }
    depot.until(|| {
        sync::exchange(&depot);
        (depot.post("/sync/verify", &Value::Null).json["equal"] == true).then_some(())
    });
    // What is written of them afterwards is new, and stays.
    made(&depot, "/parcels/QF0000001/notes", &json!({ "text": "a new matter" }));
    assert!(depot.get("/parcels/QF0000001/history").json.to_string().contains("a new matter"));
}

#[test]
fn two_people_decide_and_a_legal_hold_decides_first() {
    let depot = Desk::embedded();
    let (ana, bea) = people(&depot);
    depot.user(TENANT, "cleo", "clerk", json!({}));
    let id = parcel(&depot, "QF0000001", NAME);
    let ask = |who: &str| {
        let body = json!({ "query": { "email": EMAIL }, "reason": "letter" });
        depot.ask(who, "POST", "/privacy/erase").body(&body).send()
    };
    assert_eq!(ask(&depot.token("cleo")).status, 403);
    let none = json!({ "query": { "email": "nobody@post.example" }, "reason": "letter" });
    assert_eq!(
        depot.ask(&ana, "POST", "/privacy/erase").body(&none).send().problem(),
        (404, "privacy.no_record")
    );
    let blank = json!({ "query": { "email": EMAIL }, "reason": " " });
    assert_eq!(depot.ask(&ana, "POST", "/privacy/erase").body(&blank).send().status, 422);

    let hold = json!({ "kind": "parcel", "id": id, "reason": "claim 17 at court" });
    depot.ask(&bea, "POST", "/privacy/holds").body(&hold).gives(201);
    let held = ask(&ana);
    assert_eq!(held.problem(), (409, "privacy.legal_hold"));
    assert!(held.json["detail"].as_str().unwrap().contains("claim 17 at court"), "{held:?}");
    assert_eq!(find(&depot, &json!({ "email": EMAIL }))[0]["held"], "claim 17 at court");
    depot.ask(&bea, "DELETE", &format!("/privacy/holds/{id}")).gives(204);
    assert_eq!(depot.ask(&bea, "DELETE", &format!("/privacy/holds/{id}")).send().status, 404);

    let asked = ask(&ana);
    assert_eq!(asked.status, 201, "{asked:?}");
    let erasure = format!("/privacy/erasures/{}", asked.json["id"].as_str().unwrap());
    let confirm = |who: &str| depot.ask(who, "POST", &format!("{erasure}/confirm")).send();
    assert_eq!(confirm(&ana).problem(), (403, "privacy.four_eyes"));
    let machine = depot.post(&format!("{erasure}/confirm"), &json!({}));
    assert_eq!(machine.problem(), (403, "privacy.four_eyes"));
    // A hold that comes between the two is in time.
    depot.ask(&bea, "POST", "/privacy/holds").body(&hold).gives(201);
    assert_eq!(confirm(&bea).problem(), (409, "privacy.legal_hold"));
    assert_eq!(find(&depot, &json!({ "email": EMAIL })).len(), 1, "nothing was erased");
    depot
        .ask(&ana, "POST", &format!("{erasure}/refuse"))
        .body(&json!({ "reason": "under claim" }))
        .gives(200);
    assert_eq!(confirm(&bea).problem(), (409, "privacy.decided"));
    assert_eq!(confirm(&depot.token("cleo")).status, 403);
    // Who looked, asked, held and refused is in the audit; who was looked for is not.
    let log = depot.get("/audit-log?limit=500").json.to_string();
    for word in ["privacy.searched", "privacy.erasure_asked", "privacy.erasure_refused", "legal_hold"] {
        assert!(log.contains(word), "{word}");
    }
    let told = depot.get("/audit-log?limit=500&table=person").json.to_string()
        + &*depot.get("/audit-log?limit=500&table=erasure").json.to_string();
    assert!(!told.contains("Quillfeather") && !told.contains(EMAIL), "{told}");
}

#[test]
fn a_node_that_holds_a_record_erases_it_when_the_hold_is_lifted() {
    let depot = Desk::embedded();
    let (ana, bea) = people(&depot);
    let id = parcel(&depot, "QF0000001", NAME);
    let asked = depot
        .ask(&ana, "POST", "/privacy/erase")
        .body(&json!({ "query": { "email": EMAIL }, "reason": "letter" }))
        .gives(201);
    let erasure = asked.json["id"].as_str().unwrap().to_owned();
    // The hold comes from elsewhere, in the same moment as the confirmation.
    let (store, at) = (depot.running().app.store.clone(), depot.clock.now());
    let (subject, key): (crossdock::base::ids::Id, crossdock::base::ids::Id) =
        (id.parse().unwrap(), erasure.parse().unwrap());
    let user = depot.get("/users").json["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["login"] == "bea")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let both = store.write(
        TENANT,
        crossdock::store::Lane::People,
        move |tx| -> Result<(), crossdock::store::StoreError> {
            use crossdock::journal::{Cx, record, reference};
            use crossdock::privacy::model::{ERASURES, Erasure, ErasureEvent, Hold};
            let cx = Cx::new(tx, &crossdock::identity::grant::Actor::system(), at, "test")?;
            let hold = Hold {
                kind: "parcel".into(),
                label: "QF0000001".into(),
                reason: "claim 18".into(),
                by: "hq".into(),
                at,
            };
            reference::set::<Hold>(tx, &cx, subject, Some(hold))?;
            let row = ERASURES.get(tx, &key)?;
            record::<Erasure>(
                tx,
                &cx,
                key,
                row,
                vec![ErasureEvent::Confirmed { by: user, name: "bea".into() }],
            )
            .map(drop)
        },
    );
    both.wait().unwrap();
    depot.running().app.wake.wake();
    let waits = depot.until(|| {
        let shown = depot.get(&format!("/privacy/erasures/{erasure}")).json;
        (!shown["waiting"]["held"].is_null()).then_some(shown)
    });
    assert_eq!(waits["waiting"]["held"], "claim 18", "{waits}");
    assert_eq!(find(&depot, &json!({ "email": EMAIL })).len(), 1);
    depot.ask(&bea, "DELETE", &format!("/privacy/holds/{id}")).gives(204);
    done(&depot, &erasure);
    assert!(find(&depot, &json!({ "email": EMAIL })).is_empty());
}

#[test]
fn every_table_is_gone_through_or_known_to_need_it_not() {
    // Rows of records with a timeline, which are folded anew, and what holds numbers, ids, hashes and words of ours alone.
    const OTHER: &[u16] = &[
        1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 20, 21, 22, 25, 31, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 52,
        53, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 100, 101, 102, 103,
        110, 111, 112, 114, 115, 116, 117, 118, 119, 123, 124, 125, 130, 134, 135, 137, 150, 152, 160, 161,
        162, 163, 164, 165, 166, 170, 172, 180, 181, 182, 183, 184, 185, 186, 187, 189, 195, 196, 200, 201,
        202, 203, 205, 206, 208, 210, 211, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223, 224,
        227, 230, 231, 232, 238,
    ];
    for table in house::tables() {
        let id = table.coll().id;
        let swept = crossdock::privacy::traces::SWEPT.contains(&id);
        assert!(
            swept != OTHER.contains(&id),
            "table {id}, {}: say whether an erasure has to go through it",
            table.coll().name
        );
    }
}
