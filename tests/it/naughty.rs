//! Broken, odd and hostile input: files, JSON and strings that others collected because something once fell over them.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::desk::Desk;
use crate::support::shared::shared;

/// The sum of the verdicts.
fn verdicts(import: &Value) -> u64 {
    ["created", "updated", "unchanged", "duplicate", "refused"]
        .iter()
        .map(|v| import[*v].as_u64().unwrap())
        .sum()
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// The names in the first line, as somebody who maps them would read them off.
fn header(bytes: &[u8]) -> Vec<String> {
    let encoding = match bytes {
        [0xff, 0xfe, ..] => encoding_rs::UTF_16LE,
        [0xfe, 0xff, ..] => encoding_rs::UTF_16BE,
        _ => encoding_rs::UTF_8,
    };
    let text = encoding.decode(bytes).0.into_owned();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let first = reader.records().next().and_then(Result::ok).unwrap_or_default();
    first.iter().map(str::to_owned).collect()
}

#[test]
fn no_file_however_odd_is_half_taken_or_breaks_anything() {
    let Some(folder) = shared("data/naughty") else { return };
    let desk = Desk::new();
    let (mut done, mut failed, mut taken) = (0, 0, 0);
    for (at, path) in files(&folder, "csv").into_iter().enumerate() {
        let bytes = std::fs::read(&path).unwrap();
        let names = header(&bytes);
        for kind in ["parcels", "status"] {
            for mapped in [false, true] {
                let source = format!("odd-{at}-{kind}-{mapped}");
                let what = format!("{} as {kind}, mapped: {mapped}", path.display());
                if mapped {
                    let ours = ["tracking_number", "status", "note"];
                    let columns: Map<String, Value> = names
                        .iter()
                        .zip(ours)
                        .filter(|(name, _)| !name.trim().is_empty())
                        .map(|(name, ours)| (name.clone(), ours.into()))
                        .collect();
                    let saved = desk.put(
                        &format!("/import-mappings/{source}"),
                        &json!({ "mapping": { "columns": columns } }),
                    );
                    assert_eq!(saved.status, 200, "{what}: {saved:?}");
                }
                let before = desk.stats()["parcels"].as_u64().unwrap();
                let import = desk.import(&format!("kind={kind}&source={source}"), bytes.clone());
                let made = desk.stats()["parcels"].as_u64().unwrap() - before;
                match import["state"].as_str() {
                    Some("done") => {
                        done += 1;
                        taken += verdicts(&import) - import["refused"].as_u64().unwrap();
                        assert_eq!(import["rows"].as_u64().unwrap(), verdicts(&import), "{what}: {import}");
                        assert_eq!(import["rows"], import["survey"]["records"], "{what}: {import}");
                        assert_eq!(import["progress"], 100, "{what}: {import}");
                        assert_eq!(import["created"], made, "{what}: {import}");
                        assert!(import["error"].is_null(), "{what}: {import}");
                        let errors =
                            desk.get(&format!("/imports/{}/errors.csv", import["id"].as_str().unwrap()));
                        assert_eq!(
                            (errors.status, errors.text.is_empty()),
                            (200, import["refused"] == 0),
                            "{what}"
                        );
                    }
                    Some("failed") => {
                        failed += 1;
                        let why = import["error"].as_str().unwrap_or_default();
                        let names_it =
                            ["column", "line", "file", "status", "tracking"].iter().any(|w| why.contains(w));
                        assert!(names_it && !why.contains("panic"), "{what}: {why}");
                        assert_eq!((made, verdicts(&import)), (0, 0), "{what}: {import}");
                    }
                    other => panic!("{what}: {other:?}"),
                }
            }
        }
    }
    assert!(done > 50 && failed > 20 && taken > 5032, "{done} done, {failed} failed, {taken} rows");
    assert_eq!(desk.all("/cases?reason=job_dead").len(), 0, "no import died");
    desk.assert_sound();
}

#[test]
fn what_is_no_json_is_refused_as_such_and_what_is_never_breaks_anything() {
    let Some(folder) = shared("data/naughty/json") else { return };
    let desk = Desk::new();
    let mut tried = 0;
    for path in files(&folder, "json") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let body = std::fs::read(&path).unwrap();
        for to in ["/parcels", "/parcels/events"] {
            let before = desk.changes();
            let request = desk.control(Method::POST, &format!("/api/v1{to}"));
            let answer = desk.send(request.header("content-type", "application/json").body(body.clone()));
            tried += 1;
            match name {
                // No body at all stands for an empty object, because many a POST needs none.
                "n_structure_no_data.json" => {
                    assert_eq!(answer.problem().0, 422, "{name} to {to}: {answer:?}")
                }
                _ if name.starts_with("n_") => {
                    assert_eq!(answer.problem().0, 400, "{name} to {to}: {answer:?}")
                }
                _ => assert!(
                    (200..300).contains(&answer.status) || (400..500).contains(&answer.status),
                    "{name} to {to}: {answer:?}"
                ),
            }
            if name.starts_with("y_") {
                assert_ne!(answer.json["code"], "request.json", "{name} is JSON: {answer:?}");
            }
            if answer.status >= 400 {
                assert_eq!(desk.changes(), before, "{name} to {to} was refused and left something behind");
            }
        }
    }
    assert!(tried >= 2 * (95 + 188 + 35), "{tried}");
}

/// The strings.
fn strings() -> Option<Vec<String>> {
    let bytes = std::fs::read(shared("data/naughty/blns.json")?).unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// What `send` answers to `body`, without the fields it names as wrong when it does; each of these must have been `said`.
fn kept(mut body: Value, send: impl Fn(&Value) -> crate::support::Answered) -> (Value, Value) {
    let mut answer = send(&body);
    if answer.status == 422 {
        let wrong = answer.json["errors"].as_array().unwrap().clone();
        assert!(!wrong.is_empty(), "{answer:?}");
        for problem in wrong {
            let pointer = problem["pointer"].as_str().unwrap();
            assert!(
                body.pointer(pointer).is_some_and(Value::is_string),
                "{pointer} was not said: {answer:?}"
            );
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        }
        answer = send(&body);
    }
    assert!((200..300).contains(&answer.status), "{body}: {answer:?}");
    (body, answer.json)
}

/// Every string of `said` stands in `shown`, byte for byte.
fn assert_same(said: &Value, shown: &Value, except: &[&str]) {
    for (name, value) in said.as_object().unwrap() {
        match value {
            Value::Object(_) if value.as_object().is_some_and(Map::is_empty) => {}
            Value::Object(_) => assert_same(value, &shown[name], except),
            _ if except.contains(&name.as_str()) => {}
            _ => assert_eq!(&shown[name], value, "{name} of {said}"),
        }
    }
}

#[test]
fn every_text_of_a_parcel_keeps_every_string_byte_for_byte_or_names_its_field() {
    let Some(strings) = strings() else { return };
    let desk = Desk::new();
    for (at, s) in strings.iter().enumerate() {
        let place = json!({ "line": s, "zip": s, "city": s, "state": s, "country": s });
        let new = json!({
            "tracking_number": format!("BL{at:09}"), "order_ref": s, "distributor": s, "carrier": s, "service": s,
            "category": s, "remark": s, "recipient": { "name": s, "phone": s, "email": s }, "to": place, "from": place,
        });
        let (said, made) = kept(new, |body| desk.post("/parcels", body));
        assert_same(&said, &made, &[]);
        let path = format!("/parcels/{}", made["id"].as_str().unwrap());

        let change = json!({ "version": made["version"], "remark": s, "service": s, "to": { "line": s } });
        let (said, changed) = kept(change, |body| desk.tell(Method::PATCH, &path, body));
        assert_same(&said, &changed, &["version"]);

        let event = json!({ "status": "in_transit", "note": s, "reason": s, "location": { "city": s } });
        let (said, _) = kept(event, |body| desk.post(&format!("{path}/events"), body));
        let blank = s.trim().is_empty();
        let note = desk.post(&format!("{path}/notes"), &json!({ "text": s }));
        if blank {
            assert_eq!(
                (note.problem().0, &note.json["errors"][0]["pointer"]),
                (422, &json!("/text")),
                "{note:?}"
            );
        } else {
            assert_eq!(note.status, 201, "{note:?}");
        }
        let history = desk.get(&format!("{path}/history")).json;
        let events: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|e| &e["event"]).collect();
        let moved = events.iter().find(|e| e["to"] == "in_transit").unwrap();
        assert_same(&json!({ "note": said["note"] }), moved, &[]);
        if let Some(reason) = said.get("reason") {
            assert_eq!(&moved["reason"], reason);
        }
        assert_eq!(events.iter().any(|e| e["text"] == **s && e["to"].is_null()), !blank, "the note {s:?}");
        let shown = desk.get(&path).json;
        assert_same(
            &said,
            &json!({ "note": said["note"], "reason": said["reason"], "status": shown["status"], "location": shown["location"] }),
            &[],
        );
    }
    desk.assert_sound();
}

#[test]
fn every_string_can_be_a_tracking_number_or_is_refused_by_that_name() {
    let Some(strings) = strings() else { return };
    let desk = Desk::new();
    let (mut made, mut known) = (0, 0);
    for s in &strings {
        let answer = desk.post("/parcels", &json!({ "tracking_number": s }));
        match answer.status {
            201 => {
                made += 1;
                assert_eq!(answer.json["tracking_number"], **s);
                let by_id = desk.get(&format!("/parcels/{}", answer.json["id"].as_str().unwrap()));
                assert_eq!(by_id.json["tracking_number"], **s);
            }
            409 => known += 1, // the same number in another case is the same label
            _ => assert_eq!(
                (answer.problem().0, &answer.json["errors"][0]["pointer"]),
                (422, &json!("/tracking_number")),
                "{s:?}: {answer:?}"
            ),
        }
    }
    assert!(made > 400 && known > 0, "{made} made, {known} known");
    desk.assert_sound();
}

#[test]
fn cases_users_and_maps_keep_every_string_byte_for_byte() {
    let Some(strings) = strings() else { return };
    let desk = Desk::new();
    let user =
        json!({ "login": "bar", "name": "Bar", "role": "clerk", "password": "purple monkey dishwasher" });
    let user = desk.post("/users", &user);
    assert_eq!(user.status, 201, "{user:?}");
    let (path, mut version) =
        (format!("/users/{}", user.json["id"].as_str().unwrap()), user.json["version"].clone());
    for s in &strings {
        let case = desk.post("/cases", &json!({ "reason": "address_incomplete", "detail": s }));
        assert_eq!((case.status, &case.json["detail"]), (201, &json!(s)), "{case:?}");
        let renamed = desk.put(
            &path,
            &json!({ "login": "bar", "name": s, "language": "en", "active": true, "approved": true, "version": version }),
        );
        if renamed.status == 200 {
            version = renamed.json["version"].clone();
            assert_eq!((&renamed.json["name"], &desk.get(&path).json["name"]), (&json!(s), &json!(s)));
        } else {
            assert_eq!(
                (renamed.problem().0, &renamed.json["errors"][0]["pointer"]),
                (422, &json!("/name")),
                "{renamed:?}"
            );
            assert!(s.trim().is_empty() || s.len() > 256, "{s:?}: {renamed:?}");
        }
    }
    let rows: Vec<Value> = strings
        .iter()
        .enumerate()
        .map(|(at, s)| json!({ "code": format!("c{at}"), "status": "in_transit", "meaning": s }))
        .collect();
    let set = desk.put("/status-maps/naughty", &json!({ "rows": rows }));
    assert_eq!(set.status, 200, "{set:?}");
    let shown = desk.get("/status-maps/naughty").json;
    let meanings: Vec<&str> =
        shown["rows"].as_array().unwrap().iter().map(|r| r["meaning"].as_str().unwrap_or_default()).collect();
    assert_eq!(meanings, strings);
}

#[test]
fn every_string_in_a_cell_is_kept_byte_for_byte() {
    let Some(strings) = strings() else { return };
    let desk = Desk::new();
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(["tracking_number", "status", "to_line", "note"]).unwrap();
    for (at, s) in strings.iter().enumerate() {
        file.write_record([&format!("CELL{at}"), "posted", s, s]).unwrap();
    }
    let import = desk.import("kind=parcels&source=naughty", file.into_inner().unwrap());
    assert_eq!((&import["created"], &import["refused"]), (&json!(strings.len()), &json!(0)), "{import}");
    for (at, s) in strings.iter().enumerate() {
        let parcel = desk.get(&format!("/parcels/CELL{at}")).json;
        assert_eq!(
            parcel["remark"].as_str().unwrap_or_default(),
            s,
            "a note is kept with the blanks around it"
        );
        assert_eq!(parcel["to"]["line"].as_str().unwrap_or_default(), s.trim(), "other cells without them");
    }
}
