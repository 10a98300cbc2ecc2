//! Contents of documents between depots and headquarters: by the line, by a stick, and in a backup.

use crossdock::sync::wire;
use crossdock::sync::wire::files::FilePart;
use reqwest::Method;
use serde_json::{Value, json};

use crate::relay::Fate;
use crate::support::desk::Desk;
use crate::sync::{exchange, headquarters, joined, line};

/// Text that packs badly enough.
fn words(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 64);
    let mut n = 0_u64;
    while out.len() < bytes {
        out.extend(blake3::hash(&n.to_be_bytes()).to_hex().as_bytes());
        n += 1;
    }
    out.truncate(bytes);
    out
}

/// A waybill with this document at `depot`: their ids.
fn attached(depot: &Desk, number: &str, bytes: &[u8]) -> (String, String) {
    let made = depot.post("/mawbs", &json!({ "number": number }));
    assert_eq!(made.status, 201, "{made:?}");
    let mawb = made.json["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/attachments?subject=mawb&id={mawb}&type=other&name=list.txt");
    let request = depot.control(Method::POST, &path).header("content-type", "application/octet-stream");
    let made = depot.send(request.body(bytes.to_vec()));
    assert_eq!(made.status, 201, "{made:?}");
    (mawb, made.json["id"].as_str().unwrap().to_owned())
}

fn content(at: &Desk, id: &str) -> Vec<u8> {
    at.whole(at.control(Method::GET, &format!("/api/v1/attachments/{id}/file"))).1
}

#[test]
fn a_content_follows_its_row_to_headquarters_and_goes_on_where_the_line_was_cut() {
    let mut hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    exchange(&depot);
    let bytes = words(3 << 20);
    let mut asked = 0;
    relay.plan(move |path| {
        asked += usize::from(path.ends_with("/file"));
        if asked >= 4 && path.ends_with("/file") { Fate::Torn } else { Fate::Pass }
    });
    let (mawb, id) = attached(&depot, "020-12345675", &bytes);
    let of = format!("/attachments?subject=mawb&id={mawb}");
    depot.post("/sync/now", &Value::Null);
    // The row is there before its content, and says where that is.
    hq.wait_until("the row", || hq.get(&of).json[0]["id"] == json!(id));
    assert_eq!(hq.get(&of).json[0]["still_at"], "North");
    let missing = hq.get(&format!("/attachments/{id}/file"));
    assert_eq!(missing.problem(), (404, "attachment.elsewhere"));
    assert!(missing.text.contains("still at North"), "{missing:?}");
    assert!(depot.get(&of).json[0]["still_at"].is_null());
    // What came before the cut is kept, whatever happens to headquarters meanwhile.
    hq.stop();
    hq.start_again(|_| {});
    relay.lead_to(hq.running().address);
    relay.take();
    relay.mend();
    exchange(&depot);
    hq.wait_until("the content", || hq.get(&of).json[0]["still_at"].is_null());
    assert!(content(&hq, &id) == bytes, "it is the same");
    let part = |body: &[u8]| {
        let plain = wire::unpack(body).unwrap_or_else(|_| body.to_vec());
        wire::decode::<FilePart>(&plain).ok().filter(|p| !p.part.is_empty())
    };
    let later: Vec<FilePart> =
        relay.take().iter().filter(|p| p.path.ends_with("/file")).filter_map(|p| part(&p.body)).collect();
    assert!(!later.is_empty() && later.iter().all(|p| p.at > 0), "it went on and did not begin again");
    // The same content of another record is there already: nothing of it goes twice.
    let (other, _) = attached(&depot, "176-72160723", &bytes);
    exchange(&depot);
    hq.wait_until("the second row", || {
        hq.get(&format!("/attachments?subject=mawb&id={other}")).json[0]["still_at"].is_null()
            && hq.get(&format!("/attachments?subject=mawb&id={other}")).json[0].is_object()
    });
    let again = relay.take();
    let again = again.iter().filter(|p| p.path.ends_with("/file"));
    assert_eq!(again.filter_map(|p| part(&p.body)).count(), 0);
}

#[test]
fn a_stick_carries_contents_too() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = joined(&hq, &relay, "North");
    exchange(&depot);
    relay.cut();
    let bytes = words(1_300_000);
    let (mawb, id) = attached(&depot, "020-12345675", &bytes);
    let file = depot.whole(depot.control(Method::POST, "/api/v1/sync/export")).1;
    let import =
        |at: &Desk, file: Vec<u8>| at.send(at.control(Method::POST, "/api/v1/sync/import").body(file));
    let taken = import(&hq, file.clone());
    assert_eq!(taken.status, 200, "{taken:?}");
    let of = format!("/attachments?subject=mawb&id={mawb}");
    hq.wait_until("the row", || hq.get(&of).json[0]["id"] == json!(id));
    assert!(hq.get(&of).json[0]["still_at"].is_null(), "{:?}", hq.get(&of));
    assert!(content(&hq, &id) == bytes);
    assert_eq!(import(&hq, file).status, 200, "the same file twice does no harm");
    let back = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(taken.json["answer"].as_str().unwrap()).unwrap()
    };
    assert_eq!(import(&depot, back).status, 200);
    let next = depot.whole(depot.control(Method::POST, "/api/v1/sync/export")).1;
    assert!(next.len() < 100_000, "what headquarters has is not carried again: {} bytes", next.len());
}

#[test]
fn a_backup_brings_documents_back_and_stores_none_twice() {
    let desk = Desk::embedded();
    let (first, second) = (words(2_500_000), words(90_000));
    attached(&desk, "020-12345675", &first);
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("backups");
    let make = || {
        desk.clock.set(desk.clock.now().after(std::time::Duration::from_secs(1)));
        let made = desk.post("/backups", &json!({ "to": to }));
        assert!(made.status < 300, "{made:?}");
        made.json["bytes_new"].as_u64().unwrap()
    };
    assert!(make() > 1_000_000, "the content is in it");
    attached(&desk, "176-72160723", &second);
    assert!(make() < 1_000_000, "what did not change is not stored again");
    let restored = elsewhere.path().join("restored");
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_crossdock"))
        .args(["restore", "--from"])
        .arg(&to)
        .arg("--data-dir")
        .arg(&restored)
        .env_remove("CROSSDOCK_CONFIG")
        .env("CROSSDOCK__STORE__BALLAST_MIB", "0")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    for bytes in [&first, &second] {
        let hash = blake3::hash(bytes).to_hex().to_string();
        let path = restored.join("attachments").join("1").join(&hash[..2]).join(&hash);
        assert!(std::fs::read(&path).unwrap() == *bytes, "{}", path.display());
    }
}

#[test]
fn two_tenants_with_the_same_bytes_do_not_learn_of_each_other() {
    let depot = crate::support::people::depot();
    let other = crate::support::people::house(&depot, "beta", "super_admin");
    let first = crossdock::web::control::FIRST_TENANT;
    let bytes = "a price list that both of them got";
    let attach = |tenant: u32| {
        let new = json!({ "number": "020-12345675" });
        let mawb = depot.itself(tenant, "POST", "/mawbs").body(&new).gives(201).json["id"].clone();
        let path = format!("/attachments?subject=mawb&id={}&type=other&name=a.txt", mawb.as_str().unwrap());
        depot.itself(tenant, "POST", &path).text("application/octet-stream", bytes).gives(201).json
    };
    let (mine, theirs) = (attach(first), attach(other));
    assert_eq!(mine["hash"], theirs["hash"]);
    // Nothing in the answer tells that somebody had it before.
    let shape = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(shape(&mine), shape(&theirs));
    assert_eq!((&mine["version"], &mine["size"]), (&theirs["version"], &theirs["size"]));
    let hash = mine["hash"].as_str().unwrap();
    let at = |tenant: u32| {
        depot.folder.path().join(format!("data/attachments/{tenant}")).join(&hash[..2]).join(hash)
    };
    assert!(at(first).exists() && at(other).exists(), "each has its own");
    let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
    let path = format!("/attachments/{}", id(&theirs));
    assert_eq!(depot.itself(first, "GET", &path).send().status, 404);
    assert_eq!(depot.itself(first, "GET", &format!("{path}/file")).send().status, 404);
    // One goes; the other stays whole.
    depot.itself(first, "DELETE", &format!("/attachments/{}", id(&mine))).seen(1).gives(204);
    depot.until("the content is gone", |_| !at(first).exists());
    assert!(at(other).exists());
    let file = depot.itself(other, "GET", &format!("{path}/file")).gives(200);
    assert_eq!(file.text, bytes);
}
