//! Status maps: own rows over shipped ones, trying, dry runs, and running a map over what is stored.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::shared::shared;

const FILE: &str = "tracking_number,status,status_at,note\n\
M1,QX,2026-11-20T10:00:00Z,arrived at the hub\n\
M2,QX,2026-11-20T10:00:00Z,out for delivery\n\
M3,shipped,2026-11-20T10:00:00Z,\n\
M4,RX,2026-11-20T10:00:00Z,\n";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.map("bar", &[("shipped", "in_transit")]);
    desk
}

/// What can be seen of a parcel, without what only counts its events.
fn seen(desk: &Desk, number: &str) -> Value {
    let mut parcel = desk.get(&format!("/parcels/{number}")).json;
    for bookkeeping in ["id", "version", "events", "updated_at", "created_at"] {
        parcel.as_object_mut().unwrap().remove(bookkeeping);
    }
    for issue in parcel["issues"].as_array_mut().unwrap() {
        issue.as_object_mut().unwrap().remove("event");
    }
    parcel
}

/// All that is known of the four parcels, their version and last event with it. Only theirs: the depot's rounds send mails
/// and look at their rules whenever they like.
fn stored(desk: &Desk) -> Vec<Value> {
    ["M1", "M2", "M3", "M4"].map(|number| desk.get(&format!("/parcels/{number}")).json).to_vec()
}

/// The last run of a source's map, once it is through.
fn run(desk: &Desk, source: &str) -> Value {
    desk.until(|| {
        let run = desk.get(&format!("/status-maps/{source}/run")).json;
        (!run["finished_at"].is_null()).then_some(run)
    })
}

const ROWS: &str = r#"[{"code":"qx","status":"out_for_delivery","text_contains":"out for"},{"code":"QX","status":"at_depot"},
    {"code":"RX","status":"on_hold","reason":"weather"},{"code":"shipped","status":"accepted"}]"#;

#[test]
fn a_map_run_over_stored_codes_gives_what_it_would_have_given_from_the_start() {
    let (late, early) = (desk(), Desk::new());
    let rows: Value = serde_json::from_str(ROWS).unwrap();
    late.import("kind=status&source=bar", FILE);
    assert_eq!(early.put("/status-maps/bar", &json!({ "rows": rows })).status, 200);
    early.import("kind=status&source=bar", FILE);
    assert_eq!(seen(&late, "M1")["status"], "unknown");

    let inbox = late.all("/status-maps/unmapped?source=bar");
    let qx = inbox.iter().find(|u| u["code"] == "QX").unwrap();
    assert_eq!((&qx["count"], qx["examples"].as_array().unwrap().len()), (&json!(2), 2), "{qx}");
    assert!(qx["suggestions"].as_array().is_some_and(|s| !s.is_empty()), "{qx}");
    assert_eq!(
        (&qx["first_at"], &qx["last_at"]),
        (&json!("2026-11-21T10:00:00Z"), &json!("2026-11-21T10:00:00Z"))
    );
    assert_eq!(inbox.len(), 2, "{inbox:?}");

    let before = stored(&late);
    let tried = late.post("/status-maps/bar/dry-run", &json!({ "rows": rows }));
    assert_eq!((tried.status, &tried.json["summary"]), (200, &json!("this moves 4 parcels")), "{tried:?}");
    assert_eq!(
        (&tried.json["learnt"], &tried.json["unmapped"], &tried.json["complete"]),
        (&json!(2), &json!(0), &json!(true))
    );
    let shifts = tried.json["shifts"].as_array().unwrap();
    assert!(shifts.contains(&json!({ "from": "in_transit", "to": "accepted", "parcels": 1 })), "{shifts:?}");
    assert!(shifts.contains(&json!({ "from": "unknown", "to": "at_depot", "parcels": 1 })), "{shifts:?}");
    assert_eq!(tried.json["sample"].as_array().unwrap().len(), 4);
    assert_eq!(stored(&late), before, "a dry run changes nothing");

    let applied = late.post("/status-maps/bar/apply", &json!({ "rows": rows }));
    assert_eq!((applied.status, &applied.json["all"]), (202, &json!(true)), "{applied:?}");
    let done = run(&late, "bar");
    assert_eq!(
        [&done["looked"], &done["changed"], &done["moved"], &done["learnt"]],
        [&json!(4), &json!(4), &json!(4), &json!(2)],
        "{done}"
    );
    for number in ["M1", "M2", "M3", "M4"] {
        assert_eq!(seen(&late, number), seen(&early, number), "{number}");
    }
    assert_eq!(late.all("/status-maps/unmapped?source=bar").len(), 0);
    assert_eq!(late.all("/cases?reason=unmapped_code&state=active").len(), 0);
    assert_eq!(late.all("/cases?reason=weather&state=active").len(), 1);

    late.wait(std::time::Duration::from_secs(1));
    let once = stored(&late);
    assert_eq!(late.post("/status-maps/bar/apply", &json!({})).status, 202);
    let done = run(&late, "bar");
    assert_eq!((&done["looked"], &done["changed"]), (&json!(4), &json!(0)), "{done}");
    assert_eq!(stored(&late), once, "a run that has nothing to say touches no parcel");
    late.assert_sound();
}

#[test]
fn a_map_that_is_set_fills_in_what_had_no_meaning_and_leaves_the_rest() {
    let desk = desk();
    desk.import("kind=status&source=bar", FILE);
    let rows: Value = serde_json::from_str(ROWS).unwrap();
    assert_eq!(
        desk.put("/status-maps/bar", &json!({ "rows": rows })).problem(),
        (428, "request.unconditional")
    );
    let version = desk.get("/status-maps/bar").json["version"].clone();
    assert_eq!(desk.put("/status-maps/bar", &json!({ "rows": rows, "version": version })).status, 200);
    run(&desk, "bar");
    assert_eq!(seen(&desk, "M1")["status"], "at_depot");
    assert_eq!(seen(&desk, "M2")["status"], "out_for_delivery");
    assert_eq!(
        seen(&desk, "M3")["status"],
        "in_transit",
        "what had a meaning keeps it until the map is applied"
    );
}

#[test]
fn a_row_that_comes_again_after_its_code_was_learnt_speaks_now() {
    let desk = desk();
    let file = "tracking_number,status,status_at\nN1,QX,2026-11-20T10:00:00Z\n";
    desk.import("kind=parcels&source=bar", file);
    let same = desk.import("kind=parcels&source=bar", file);
    assert_eq!((&same["unchanged"], &same["updated"]), (&json!(1), &json!(0)));
    desk.map("bar", &[("shipped", "in_transit"), ("QX", "at_depot")]);
    desk.import("kind=parcels&source=bar", file);
    desk.until(|| (desk.get("/parcels/N1").json["status"] == "at_depot").then_some(()));
    run(&desk, "bar");
    let parcel = desk.get("/parcels/N1").json;
    assert_eq!(
        (&parcel["status"], &parcel["since"], &parcel["issues"]),
        (&json!("at_depot"), &json!("2026-11-20T10:00:00Z"), &json!([]))
    );
    desk.assert_sound();
}

#[test]
fn a_code_is_tried_against_a_map_and_the_row_that_counts_is_named() {
    let desk = Desk::new();
    let tried = |body: Value| desk.post("/status-maps/upu_emsevt/try", &body);
    let shipped = tried(json!({ "code": "EMI" }));
    assert_eq!((shipped.status, &shipped.json["status"]), (200, &json!("delivered")), "{shipped:?}");
    let rows = json!([{ "code": "EMI", "status": "at_depot", "text_contains": "locker" }, { "code": "*", "status": "info" }]);
    let own = tried(json!({ "code": "emi", "text": "left in the LOCKER", "rows": rows }));
    assert_eq!(own.json["status"], "at_depot");
    assert!(own.json["why"].as_str().unwrap().contains("row 0 is the first that fits"), "{own:?}");
    let looked = own.json["looked_at"].as_array().unwrap();
    let fits: Vec<_> =
        looked.iter().map(|l| (l["shipped"].as_bool().unwrap(), l["fit"].as_str().unwrap())).collect();
    assert_eq!(fits, [(false, "counts"), (true, "later")]);
    let below = tried(json!({ "code": "EMI", "text": "at the door", "rows": rows }));
    assert_eq!(below.json["status"], "delivered", "the shipped row beneath");
    assert_eq!(tried(json!({ "code": "nobody's", "rows": rows })).json["status"], "info");
    assert_eq!(tried(json!({ "code": "nobody's" })).json["status"], Value::Null);
    assert_eq!(tried(json!({ "code": "" })).problem().0, 422);
    assert_eq!(desk.get("/status-maps/nobody/run").problem(), (404, "status_map.no_run"));
}

#[test]
fn own_rows_lie_over_the_shipped_ones_and_a_map_goes_out_and_in_as_a_file() {
    let desk = Desk::new();
    let all = desk.get("/status-maps/upu_emsevt").json["rows"].as_array().unwrap().len();
    let set =
        desk.put("/status-maps/upu_emsevt", &json!({ "rows": [{ "code": "EMI", "status": "at_depot" }] }));
    let rows = set.json["rows"].as_array().unwrap();
    assert_eq!(
        (&set.json["over_shipped"], rows.len(), &rows[0]["shipped"], &rows[1]["shipped"]),
        (&json!(true), all + 1, &json!(false), &json!(true))
    );
    // What was shown can be sent back as it is: shipped rows stay beneath.
    let back = desk.put("/status-maps/upu_emsevt", &json!({ "rows": rows, "version": set.json["version"] }));
    assert_eq!(
        (back.status, &back.json["rows"], &back.json["version"]),
        (200, &set.json["rows"], &set.json["version"]),
        "{back:?}"
    );
    let file = desk.get("/status-maps/upu_emsevt/rows.csv");
    assert!(
        file.text.starts_with("code,sub,meaning,status,reason,text_contains\nEMI,,,at_depot"),
        "{}",
        file.text
    );
    let request = desk.control(Method::PUT, "/api/v1/status-maps/copy/rows.csv");
    let copied = desk.send(request.header("content-type", "text/csv").body(file.text.clone()));
    assert_eq!((copied.status, copied.json["rows"].as_array().unwrap().len()), (200, all + 1), "{copied:?}");
    assert_eq!(desk.get("/status-maps/copy/rows.csv").text, file.text);
    let request = desk.control(Method::PUT, "/api/v1/status-maps/bad/rows.csv");
    let bad = desk.send(request.header("content-type", "text/csv").body("code,status\na,flying\n"));
    assert_eq!(bad.problem().0, 422);
    let alone = json!({ "rows": [{ "code": "EMI", "status": "at_depot" }], "over_shipped": false, "version": back.json["version"] });
    assert_eq!(desk.put("/status-maps/upu_emsevt", &alone).json["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn every_event_of_real_carriers_is_mapped_or_stands_in_the_inbox() {
    let Some(path) = shared("data/tracking/carrier-events.csv") else { return };
    let desk = Desk::new();
    let mut reader = csv::Reader::from_path(path).unwrap();
    let mut files: std::collections::BTreeMap<String, Vec<csv::StringRecord>> = Default::default();
    for row in reader.records().map(Result::unwrap) {
        files.entry(row[0].to_owned()).or_default().push(row);
    }
    let (mut mapped, mut listed, mut rows) = (0, 0, 0);
    for (carrier, events) in &files {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["tracking_number", "seq", "status", "at", "note"]).unwrap();
        // A source that tells no code tells its words: they stand for it.
        let code = |e: &csv::StringRecord| if e[3].is_empty() { e[8].to_owned() } else { e[3].to_owned() };
        for e in events {
            csv.write_record([&e[1], &e[2], &code(e), &e[4], &e[8]]).unwrap();
        }
        let import = desk.import(&format!("kind=status&source={carrier}"), csv.into_inner().unwrap());
        assert_eq!(import["state"], "done", "{carrier}: {import}");
        let inbox = desk.all(&format!("/status-maps/unmapped?source={carrier}"));
        let refused = import["refused"].as_u64().unwrap();
        assert_eq!(
            refused,
            0,
            "{carrier}: {}",
            desk.get(&format!("/imports/{}/errors.csv", import["id"].as_str().unwrap())).text
        );
        for e in events {
            rows += 1;
            let tried =
                desk.post(&format!("/status-maps/{carrier}/try"), &json!({ "code": code(e), "text": e[8] }));
            if tried.json["status"].is_null() {
                let there = inbox.iter().any(|u| u["code"] == code(e).trim());
                assert!(there, "{carrier} {}: neither mapped nor listed in {inbox:?}", code(e));
                listed += 1;
            } else {
                mapped += 1;
            }
        }
    }
    println!("{rows} events of {} carriers: {mapped} mapped, {listed} listed", files.len());
    assert!(rows > 100 && mapped > 0 && listed > 0);
}

#[test]
fn a_depots_override_lies_over_the_shipped_rows_there_alone_until_headquarters_takes_it_over() {
    let hq = crate::sync::headquarters();
    let relay = crate::sync::line(&hq);
    let north = crate::sync::joined(&hq, &relay, "North");
    let south = crate::sync::joined(&hq, &relay, "South");
    let means =
        |at: &Desk| at.post("/status-maps/upu_emsevt/try", &json!({ "code": "EMI" })).json["status"].clone();
    let all = || [means(&north), means(&south), means(&hq)];
    let set =
        north.put("/status-maps/upu_emsevt", &json!({ "rows": [{ "code": "EMI", "status": "at_depot" }] }));
    assert_eq!((set.status, &set.json["over_shipped"]), (200, &json!(true)), "{set:?}");
    for _ in 0..2 {
        crate::sync::exchange(&north);
        crate::sync::exchange(&south);
    }
    assert_eq!(all(), ["at_depot", "delivered", "delivered"], "at the depot that said so, and nowhere else");
    let file = "tracking_number,status,status_at\nO1,EMI,2026-11-20T10:00:00Z\n";
    for (at, status) in [(&north, "at_depot"), (&south, "delivered")] {
        at.import("kind=status&source=upu_emsevt", file);
        assert_eq!(at.get("/parcels/O1").json["status"], status);
    }
    // Headquarters may make it everybody's.
    let waiting = hq.get("/sync/proposals").json;
    let wish = waiting["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["type"] == "status_map" || p["record"] == "status_map");
    let wish = wish.unwrap_or_else(|| panic!("{waiting}"));
    let path = format!("/sync/proposals/{}", wish["eid"].as_str().unwrap());
    let said = hq.post(&path, &json!({ "accept": true }));
    assert!((200..300).contains(&said.status), "{said:?}");
    for _ in 0..2 {
        crate::sync::exchange(&north);
        crate::sync::exchange(&south);
    }
    assert_eq!(all(), ["at_depot", "at_depot", "at_depot"]);
}
