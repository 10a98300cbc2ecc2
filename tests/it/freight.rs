//! The import desk's day through the API: real files with figures computed elsewhere, messages in any order, the
//! procedure, reminders, bills and documents.

use std::time::Duration;

use crossdock::base::clock::Timestamp;
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::shared::{facts, shared};

fn made(answer: &crate::support::Answered) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json["id"].as_str().unwrap().to_owned()
}

fn held(figures: &Value, facts: &Value) {
    let more = &facts["late_shipments_more_than_days"];
    let expected = json!({
        "late": facts["late_shipments"], "late_over_30_days": more["30"], "worst_days": facts["worst_shipment"]["days"],
        "worst": facts["worst_shipment"]["shipment"], "early": facts["early_shipments"],
        "on_the_day": facts["on_the_day_shipments"], "open_past_schedule": facts["open_past_schedule_at_now"],
        "due_in_3_days": facts["due_in_next_3_days_at_now"], "houses": facts["shipments"],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&figures[name], value, "{name}: {figures}");
    }
    assert_eq!(expected["late"], 392);
    assert_eq!((&expected["open_past_schedule"], &expected["due_in_3_days"]), (&json!(10), &json!(13)));
}

#[test]
fn nine_years_of_shipments_import_as_1926_masters_with_the_figures_that_are_true_of_them() {
    let (Some(file), Some(facts)) = (shared("data/scms/shipments.csv"), facts("scms")) else { return };
    let lines = shared("data/scms/lines.csv").unwrap();
    let desk = Desk::new();
    let done = desk.import("kind=mawbs&source=scms", std::fs::read(&file).unwrap());
    assert_eq!(
        (&done["state"], &done["refused"], &done["rows"]),
        (&json!("done"), &json!(0), &facts["shipments"]),
        "{done}"
    );
    let glance = desk.get("/airfreight/stats").json;
    let masters: i64 = glance["mawbs"].as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum();
    assert_eq!(json!(masters), facts["masters"]);
    assert_eq!(masters, 1926);
    held(&desk.get("/hawbs/punctuality?on=2014-08-27").json, &facts);
    let goods = desk.import("kind=hawbs&source=scms", std::fs::read(&lines).unwrap());
    assert_eq!(
        (&goods["refused"], &goods["rows"], &goods["created"]),
        (&json!(0), &facts["lines"], &json!(0)),
        "{goods}"
    );
    let again = desk.import("kind=mawbs&source=scms", std::fs::read(&file).unwrap());
    assert_eq!(again["unchanged"], again["rows"], "a second time nothing is new: {again}");
    let again = desk.import("kind=hawbs&source=scms", std::fs::read(&lines).unwrap());
    assert_eq!(again["unchanged"], again["rows"], "{again}");
    held(&desk.get("/hawbs/punctuality?on=2014-08-27").json, &facts);
}

#[test]
fn the_sources_own_file_is_understood_cell_by_cell() {
    let (Some(file), Some(facts)) = (shared("data/scms/scms-shared.csv"), facts("scms")) else { return };
    let desk = Desk::new();
    let done = desk.import("kind=hawbs&source=scms", std::fs::read(&file).unwrap());
    assert_eq!(
        (&done["refused"], &done["rows"], &done["created"]),
        (&json!(0), &facts["lines"], &facts["shipments"]),
        "{done}"
    );
    assert_eq!(done["warnings"], json!([]), "every column is known");
    held(&desk.get("/hawbs/punctuality?on=2014-08-27").json, &facts);
    let (mut pointers, mut numbers) = (0, 0);
    for house in desk.all("/hawbs?limit=500") {
        for line in house["lines"].as_array().unwrap() {
            pointers += u64::from(!line["weight"]["with"].is_null());
            numbers += u64::from(!line["weight"]["is"].is_null());
        }
    }
    assert_eq!(json!(pointers), facts["weight_refs"]["rows"]);
    assert_eq!(json!(numbers), facts["weight"]["numeric_lines"]);
    let mut broken = b"ID,ASN/DN #,Weight (Kilograms)\n1,DN-X1,heavy\n2,DN-X1,5\n".to_vec();
    broken.extend(b"3,,7\n");
    let done = desk.import("kind=hawbs&source=scms", broken);
    assert_eq!((&done["refused"], &done["created"]), (&json!(2), &json!(1)), "{done}");
    let errors = desk.get(&format!("/imports/{}/errors.csv", done["id"].as_str().unwrap())).text;
    assert!(errors.contains("Weight (Kilograms)") && errors.contains("heavy"), "{errors}");
}

#[test]
fn every_real_number_holds_and_a_wrong_one_is_told_the_right_digit() {
    let desk = Desk::new();
    let wrong = desk.post("/mawbs", &json!({ "number": "176-98765432" }));
    assert_eq!(wrong.problem(), (422, "mawb.check_digit"));
    assert_eq!((&wrong.json["expected"], &wrong.json["given"]), (&json!(5), &json!(2)), "{wrong:?}");
    let made = desk.post("/mawbs", &json!({ "number": "176-98765432", "as_written": "the paper says so" }));
    assert_eq!((made.status, made.json["as_written"].as_str()), (201, Some("the paper says so")), "{made:?}");
    let seed = desk.post("/mawbs", &json!({ "number": "176-72160723", "pieces": 1, "weight_kg": 1 }));
    assert_eq!((seed.status, &seed.json["facts"]["weight"]), (201, &json!(1000)), "{seed:?}");
    assert_eq!(desk.post("/mawbs", &json!({ "number": "17672160723" })).problem(), (409, "freight.exists"));
    assert_eq!(desk.post("/mawbs", &json!({ "number": "020-12345675", "peices": 1 })).status, 422);
    if let Some(file) = shared("data/scms/shipments.csv") {
        let text = std::fs::read_to_string(file).unwrap();
        let numbers = text.lines().skip(1).filter_map(|l| l.split(',').nth(1)).filter(|n| !n.is_empty());
        let read: Vec<crossdock::freight::awb::Awb> = numbers.map(|n| n.parse().unwrap()).collect();
        assert!(read.len() > 2_500);
    }
}

const MESSAGES: [&str; 5] = [
    "FSU/14\n020-12345675FRALHR/T10K250.0\nDEP/LH900/18NOV0600/FRALHR/P6K150.0/S0600",
    "FSU/14\n020-12345675FRALHR/T10K250.0\nARR/LH900/18NOV0700/LHR/P6K150.0",
    "FSU/14\n020-12345675FRALHR/T10K250.0\nRCF/LH900/18NOV0900/LHR/P6K150.0",
    "FSU/14\n020-12345675FRALHR/T10K250.0\nDIS/LH902/18NOV1100/LHR/MSCA/P4K100.0",
    "FSU/14\n020-12345675FRALHR/T10K250.0\nRCF/LH902/19NOV0900/LHR/P4K100.0\nXYZ/odd",
];

#[test]
fn messages_in_any_order_and_twice_tell_the_same_story_and_odd_lines_are_kept() {
    let mut seen: Vec<Value> = Vec::new();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]] {
        let desk = Desk::new();
        let send = |text: &str| {
            let request = desk.control(Method::POST, "/api/v1/fsu").header("content-type", "text/plain");
            let answer = desk.send(request.body(text.to_owned()));
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json
        };
        for n in order {
            send(MESSAGES[n]);
            if n == 2 {
                let half = desk.get("/mawbs/020-12345675").json;
                assert!(half["pieces"]["received"].as_u64().unwrap() >= 6, "{half}");
            }
        }
        let twice = send(MESSAGES[2]);
        assert_eq!((&twice["reports"], &twice["known"]), (&json!(0), &json!(1)));
        let unknown = desk.get("/fsu/unknown").json["items"].clone();
        assert_eq!(unknown[0]["unknown"][0]["text"], "XYZ/odd");
        let mut m = desk.get("/mawbs/02012345675").json;
        assert_eq!(
            m["pieces"],
            json!({ "expected": 10, "departed": 6, "arrived": 6, "received": 10, "delivered": 0 })
        );
        assert_eq!(m["flights"].as_array().unwrap().len(), 2);
        let cases = desk.get("/cases").json["items"].clone();
        assert!(cases.as_array().unwrap().iter().any(|c| c["reason"] == "data_without_piece"), "{cases}");
        let timeline = desk.get("/mawbs/02012345675/timeline").json;
        assert!(timeline.as_array().unwrap().iter().any(|e| e["event"] == "mawb.reported"), "{timeline}");
        for field in ["id", "version"] {
            m.as_object_mut().unwrap().remove(field);
        }
        m["lfd"] = json!(null);
        seen.push(m);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[test]
fn houses_never_add_up_to_more_than_their_master() {
    let desk = Desk::new();
    let mawb =
        made(&desk.post("/mawbs", &json!({ "number": "020-12345675", "pieces": 10, "weight_kg": 100 })));
    let house = |number: &str, pieces: u32, kg: f64| {
        desk.post("/hawbs", &json!({ "number": number, "mawb": mawb, "pieces": pieces, "weight_kg": kg }))
    };
    made(&house("A", 6, 60.5));
    assert_eq!(house("B", 5, 1.0).problem(), (409, "hawb.exceeds"));
    assert_eq!(house("B", 4, 39.501).problem(), (409, "hawb.exceeds"));
    assert_eq!(house("A", 1, 1.0).problem(), (409, "freight.exists"));
    let differs = |desk: &Desk| desk.get(&format!("/mawbs/{mawb}")).json["houses"].clone();
    assert_eq!(differs(&desk)["differs"], true);
    made(&house("B", 4, 39.5));
    assert_eq!(differs(&desk), json!({ "houses": 2, "pieces": 10, "grams": 100_000, "differs": false }));
}

fn attach(desk: &Desk, mawb: &str, kind: &str, name: &str, bytes: &[u8]) -> crate::support::Answered {
    let path = format!("/api/v1/attachments?subject=mawb&id={mawb}&type={kind}&name={name}");
    let request = desk.control(Method::POST, &path).header("content-type", "application/octet-stream");
    desk.send(request.body(bytes.to_vec()))
}

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n";

#[test]
fn a_step_is_held_back_by_what_is_missing_and_goes_on_by_itself_when_it_is_there() {
    let desk = Desk::new();
    let mawb =
        made(&desk.post("/mawbs", &json!({ "number": "020-12345675", "pieces": 1, "destination": "LHR" })));
    let flow = || desk.get(&format!("/workflows/mawb/{mawb}")).json;
    assert_eq!((&flow()["current"], flow()["steps"].as_array().unwrap().len()), (&json!("pre_alert"), 13));
    let advance = |body: Value| desk.post(&format!("/workflows/mawb/{mawb}/advance"), &body);
    let refused = advance(json!({}));
    assert_eq!(refused.problem(), (409, "workflow.guards_missing"));
    assert_eq!(refused.json["missing"][0]["guard"], "files", "{refused:?}");
    for kind in ["mawb", "manifest", "hawb"] {
        made(&attach(&desk, &mawb, kind, "a.pdf", PDF));
    }
    assert_eq!(flow()["current"], "pre_alert", "the invoice is missing");
    made(&attach(&desk, &mawb, "invoice", "a.pdf", PDF));
    assert_eq!(flow()["current"], "entry");
    assert_eq!(desk.post(&format!("/mawbs/{mawb}/customs"), &json!({ "entry_number": "GB1" })).status, 200);
    assert_eq!(flow()["current"], "arrived");
    let changed = desk.put("/workflow-steps", &json!({ "steps": [flow()["steps"][0].clone()] }));
    assert_eq!(changed.status, 422, "a step as it is shown has more fields: {changed:?}");
    let one = json!([{ "key": "only", "name": "Only", "role": "clerk" }]);
    let changed = desk.put("/workflow-steps", &json!({ "steps": one }));
    assert_eq!((changed.status, &changed.json["version"]), (200, &json!(2)), "{changed:?}");
    assert_eq!(
        (&flow()["version"], flow()["steps"].as_array().unwrap().len()),
        (&json!(1), 13),
        "it keeps its own"
    );
    let other = made(&desk.post("/mawbs", &json!({ "number": "176-72160723" })));
    assert_eq!(desk.get(&format!("/workflows/mawb/{other}")).json["steps"].as_array().unwrap().len(), 1);
    let forced = advance(json!({ "step": "closed", "force": true }));
    assert_eq!(forced.status, 422, "without a reason: {forced:?}");
    let forced = advance(json!({ "step": "closed", "force": true, "reason": "given up" }));
    assert_eq!(forced.status, 200, "{forced:?}");
    assert_eq!(advance(json!({ "step": "closed" })).problem(), (409, "freight.state"));
    let done =
        forced.json["steps"].as_array().unwrap().iter().find(|s| s["key"] == "closed").unwrap().clone();
    assert_eq!((&done["state"], &done["forced"]), (&json!("done"), &json!("given up")));
}

#[test]
fn charges_are_reminded_of_until_they_are_paid_and_an_outage_costs_one_reminder() {
    let mut desk = Desk::new();
    let new = json!({ "login": "acc", "name": "Acc", "role": "accounts" });
    let user = made(&desk.post("/users", &new));
    let terminal = json!({ "code": "LHR", "zone": "Europe/London", "free": { "days": 3 },
        "storage": { "currency": "GBP", "minimum": 2000, "steps": [{ "from_day": 1, "per_kg_thousandths": 25000 }] } });
    assert_eq!(desk.put("/terminals", &terminal).status, 200);
    let isc = json!({ "minor": 4500, "currency": "GBP" });
    let new =
        json!({ "number": "020-12345675", "pieces": 2, "weight_kg": 100, "destination": "LHR", "isc": isc });
    let mawb = made(&desk.post("/mawbs", &new));
    let report = |desk: &Desk, code: &str| {
        let answer = desk.post(&format!("/mawbs/{mawb}/events"), &json!({ "code": code, "station": "LHR" }));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json
    };
    // Saturday, 10:00 in London.
    report(&desk, "ARR");
    let m = report(&desk, "RCF");
    assert_eq!(
        (&m["state"], &m["lfd"]["day"], &m["lfd"]["days_left"]),
        (&json!("received"), &json!("2026-11-23"), &json!(2)),
        "{m}"
    );
    let told = |desk: &Desk| -> usize {
        let store = &desk.running().app.store;
        let user: crossdock::base::ids::Id = user.parse().unwrap();
        let tenant = crate::support::desk::TENANT;
        let rows = store.read(tenant, |tx| crossdock::notify::inbox::list(tx, user, None, 500)).unwrap();
        rows.items.iter().filter(|e| e.value.text.contains("import service charge")).count()
    };
    let go = |desk: &Desk, to: &str, n: usize| {
        desk.clock.set(Timestamp::parse(to, &jiff::tz::TimeZone::UTC).unwrap());
        desk.wait_until(&format!("{n} reminders at {to}"), || told(desk) >= n);
        assert_eq!(told(desk), n, "{to}");
    };
    go(&desk, "2026-11-23T08:00:00Z", 1);
    go(&desk, "2026-11-23T14:00:00Z", 2);
    desk.stop();
    desk.clock.set(Timestamp::parse("2026-11-26T15:00:00Z", &jiff::tz::TimeZone::UTC).unwrap());
    desk.start_again(|_| {});
    desk.wait_until("the one reminder for five slots", || told(&desk) >= 3);
    let cost = desk.get(&format!("/mawbs/{mawb}/storage?on=2026-11-26")).json;
    assert_eq!((&cost["days"], &cost["cost"]["minor"]), (&json!(3), &json!(7500)), "{cost}");
    let cases = desk.get("/cases").json["items"].clone();
    assert!(cases.as_array().unwrap().iter().any(|c| c["reason"] == "pickup_not_collected"), "{cases}");
    let receipt = made(&attach(&desk, &mawb, "isc_receipt", "r.pdf", PDF));
    let lines = json!([{ "text": "service", "minor": 4500 }]);
    let bill = json!({ "number": "1", "kind": "isc", "mawb": mawb, "currency": "GBP", "lines": lines });
    let bill = made(&desk.post("/bills", &bill));
    let paid = desk.post(&format!("/bills/{bill}/pay"), &json!({ "receipt": receipt }));
    assert_eq!(paid.status, 200, "{paid:?}");
    assert_eq!(desk.post(&format!("/bills/{bill}/pay"), &json!({})).problem(), (409, "freight.state"));
    let flow = desk.get(&format!("/workflows/mawb/{mawb}")).json;
    let isc = flow["steps"].as_array().unwrap().iter().find(|s| s["key"] == "isc").unwrap().clone();
    assert_eq!(isc["state"], "done", "{isc}");
    desk.clock.set(Timestamp::parse("2026-11-27T15:00:00Z", &jiff::tz::TimeZone::UTC).unwrap());
    desk.running().app.wake.wake();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(told(&desk), 3, "paid is paid");
}

/// An archive of one file, of which its directory says that it unpacks to `unpacked` bytes.
fn archive(unpacked: u32) -> Vec<u8> {
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend([0; 40]);
    let begin = u32::try_from(zip.len()).unwrap();
    let mut entry = b"PK\x01\x02".to_vec();
    entry.extend([0; 42]);
    entry[20..24].copy_from_slice(&10_u32.to_le_bytes());
    entry[24..28].copy_from_slice(&unpacked.to_le_bytes());
    entry[28] = 1;
    entry.push(b'a');
    let mut end = b"PK\x05\x06".to_vec();
    end.extend([0; 18]);
    (end[8], end[10]) = (1, 1);
    end[12..16].copy_from_slice(&u32::try_from(entry.len()).unwrap().to_le_bytes());
    end[16..20].copy_from_slice(&begin.to_le_bytes());
    [zip, entry, end].concat()
}

#[test]
fn documents_are_judged_kept_once_and_given_to_those_who_may() {
    let desk = Desk::with(|c| c.limits.attachment_max_bytes = 100_000);
    let mawb = made(&desk.post("/mawbs", &json!({ "number": "020-12345675" })));
    let zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for (kind, bytes, status, code) in [
        ("invoice", &[PDF, zip].concat()[..], 422, "attachment.polyglot"),
        ("invoice", b"MZ\x90\0", 415, "attachment.type"),
        ("other", &archive(4_000_000_000), 422, "attachment.bomb"),
        ("photo", PDF, 415, "attachment.type"),
        ("invoice", b"", 422, "attachment.damaged"),
        ("nonsense", PDF, 422, "request.invalid"),
        ("other", &vec![b'a'; 100_001], 413, "attachment.too_large"),
    ] {
        let answer = attach(&desk, &mawb, kind, "a.pdf", bytes);
        assert_eq!(answer.problem(), (status, code), "{kind}");
    }
    made(&attach(&desk, &mawb, "other", "a.txt", &vec![b'a'; 100_000]));
    let first = attach(&desk, &mawb, "invoice", "in%20voice.pdf", PDF);
    let (one, two) = (made(&first), made(&attach(&desk, &mawb, "mawb", "b.pdf", PDF)));
    let hash = first.json["hash"].as_str().unwrap().to_owned();
    let content = desk.folder.path().join("data/attachments/1").join(&hash[..2]).join(&hash);
    assert!(content.exists(), "{content:?}");
    let incoming = desk.folder.path().join("data/attachments/incoming");
    assert_eq!(std::fs::read_dir(incoming).unwrap().count(), 0, "nothing is left of what was refused");
    let file = desk.get(&format!("/attachments/{one}/file?inline=true"));
    assert_eq!((file.status, file.text.as_bytes()), (200, PDF));
    assert_eq!(file.header("content-disposition"), "inline; filename*=UTF-8''in%20voice.pdf");
    assert!(file.header("content-security-policy").contains("sandbox"));
    let delete = |id: &str| {
        let rev = desk.get(&format!("/attachments/{id}")).header("etag").to_owned();
        desk.send(desk.control(Method::DELETE, &format!("/api/v1/attachments/{id}")).header("if-match", rev))
            .status
    };
    assert_eq!(delete(&one), 204);
    assert_eq!(desk.get(&format!("/attachments/{one}")).status, 404);
    assert!(content.exists(), "another document has it");
    assert_eq!(delete(&two), 204);
    desk.wait_until("the content is gone", || !content.exists());
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// 32 MB; with `CROSSDOCK_LONG` the 200 MB of a scanned file.
#[test]
fn a_large_document_goes_through_with_flat_memory() {
    let megabytes = if std::env::var_os("CROSSDOCK_LONG").is_some() { 200 } else { 32 };
    let desk = Desk::new();
    let mawb = made(&desk.post("/mawbs", &json!({ "number": "020-12345675" })));
    made(&attach(&desk, &mawb, "other", "warm.txt", &vec![b'w'; 100_000]));
    let before = resident_kib();
    let chunk = bytes::Bytes::from(vec![b'x'; 1 << 16]);
    let chunks = (0..megabytes * 16).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    let path = format!("/api/v1/attachments?subject=mawb&id={mawb}&type=other&name=big.txt");
    let request = desk.control(Method::POST, &path).header("content-type", "application/octet-stream");
    let request = request.timeout(Duration::from_secs(600));
    let answer = desk.send(request.body(reqwest::Body::wrap_stream(stream::iter(chunks))));
    made(&answer);
    assert_eq!(answer.json["size"], megabytes << 20);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{megabytes} MB cost {grown} KiB of memory");
}
