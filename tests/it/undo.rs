//! Taking back what was told in bulk.

use serde_json::{Value, json};

use crate::support::desk::Desk;

fn announced(desk: &Desk, numbers: &[&str]) {
    for number in numbers {
        assert_eq!(desk.post("/parcels", &json!({ "tracking_number": number })).status, 201);
    }
}

fn status(desk: &Desk, number: &str) -> Value {
    desk.get(&format!("/parcels/{number}")).json["status"].clone()
}

#[test]
fn a_bulk_report_is_taken_back_but_for_rows_on_which_later_facts_stand() {
    let desk = Desk::new();
    announced(&desk, &["U1", "U2", "U3"]);
    let rows = json!([
        { "parcel": "U1", "status": "at_depot" },
        { "parcel": "U2", "status": "at_depot" },
        { "parcel": "nobody", "status": "at_depot" },
        { "parcel": "U3", "status": "in_transit" },
    ]);
    let told = desk.post("/parcels/events", &json!({ "rows": rows }));
    assert_eq!((told.status, &told.json["accepted"]), (200, &json!(3)), "{told:?}");
    let batch = told.json["batch"].as_str().unwrap().to_owned();
    // From the depot it goes out, which it could not have from where it was; the other could have come there anyway.
    assert_eq!(desk.post("/parcels/U2/events", &json!({ "status": "out_for_delivery" })).status, 200);
    assert_eq!(desk.post("/parcels/U3/events", &json!({ "status": "at_depot" })).status, 200);
    assert_eq!(desk.get(&format!("/undo/{batch}")).json["state"], "not_begun");

    let undone = desk.post(&format!("/undo/{batch}"), &Value::Null);
    assert_eq!(
        (undone.status, &undone.json["taken_back"], &undone.json["kept"]),
        (200, &json!(2), &json!(1)),
        "{undone:?}"
    );
    let stays = &undone.json["rows"][0];
    assert_eq!((&stays["row"], &stays["tracking_number"]), (&json!(1), &json!("U2")));
    assert!(stays["detail"].as_str().unwrap().contains("it went to out_for_delivery"), "{stays}");
    assert_eq!(
        [status(&desk, "U1"), status(&desk, "U2"), status(&desk, "U3")],
        ["announced", "out_for_delivery", "at_depot"]
    );
    assert_eq!(desk.all("/cases?reason=status_conflict&state=active").len(), 0);
    let shown = desk.get(&format!("/undo/{batch}")).json;
    assert_eq!((&shown["state"], &shown["rows"]), (&json!("undone"), &undone.json["rows"]));
    assert_eq!(desk.post(&format!("/undo/{batch}"), &Value::Null).problem(), (409, "bulk.undone"));
    assert_eq!(desk.post("/undo/nobody", &Value::Null).problem(), (404, "import.unknown"));
    desk.assert_sound();
}

#[test]
fn an_import_is_taken_back_by_the_same_route_and_says_what_stays() {
    let desk = Desk::new();
    announced(&desk, &["V1", "V2"]);
    let file = "tracking_number,status\nV1,at_depot\nV2,at_depot\nV3,in_transit\n";
    let import = desk.import("kind=status&source=bar", file);
    assert_eq!((&import["updated"], &import["created"]), (&json!(2), &json!(1)), "{import}");
    let id = import["id"].as_str().unwrap();
    assert_eq!(desk.post("/parcels/V2/events", &json!({ "status": "out_for_delivery" })).status, 200);
    assert_eq!(desk.post("/parcels/V3/events", &json!({ "status": "at_depot" })).status, 200);
    assert_eq!(desk.post(&format!("/undo/{id}"), &Value::Null).status, 202);
    assert_eq!(desk.ended(id)["state"], "undone");
    let shown = desk.get(&format!("/undo/{id}")).json;
    assert_eq!(
        (&shown["state"], &shown["taken_back"], &shown["kept"]),
        (&json!("undone"), &json!(1), &json!(2)),
        "{shown}"
    );
    let why: Vec<_> =
        shown["rows"].as_array().unwrap().iter().map(|r| r["tracking_number"].as_str().unwrap()).collect();
    assert_eq!(why, ["V2", "V3"]);
    assert_eq!(
        [status(&desk, "V1"), status(&desk, "V2"), status(&desk, "V3")],
        ["announced", "out_for_delivery", "at_depot"]
    );
    desk.assert_sound();
}

#[test]
fn an_import_of_waybills_is_taken_back_but_for_those_somebody_worked_on_since() {
    let desk = Desk::new();
    let old = desk.post("/mawbs", &json!({ "number": "157-53806270", "pieces": 2 }));
    assert_eq!(old.status, 201, "{old:?}");
    let file = "mawb,hawb,pieces,origin,destination,consignee\n\
        020-12345675,H1,4,FRA,LHR,Ana\n020-12345675,H2,6,FRA,LHR,Ana\n\
        176-72160723,H3,1,DXB,LHR,Bo\n157-53806270,,9,HKG,NLU,\n";
    let before = desk.get("/airfreight/stats").json;
    let import = desk.import("kind=mawbs&source=mail", file);
    assert_eq!((&import["refused"], &import["rows"]), (&json!(0), &json!(4)), "{import}");
    assert_eq!(desk.get("/mawbs/157-53806270").json["facts"]["pieces"], 9);
    // Somebody counts the pieces of one of them.
    let told = desk.post("/mawbs/176-72160723/events", &json!({ "code": "RCF", "station": "LHR" }));
    assert_eq!(told.status, 200, "{told:?}");
    let id = import["id"].as_str().unwrap();
    let worked_on = desk.get("/mawbs/176-72160723").json;
    assert_eq!(desk.post(&format!("/undo/{id}"), &Value::Null).status, 202);
    assert_eq!(desk.ended(id)["state"], "undone");

    assert_eq!(desk.get("/mawbs/020-12345675").status, 404, "as if it had never been");
    assert_eq!(desk.get("/hawbs?number=H1").json["items"], json!([]));
    assert_eq!(desk.get("/mawbs/157-53806270").json["facts"]["pieces"], 2, "what was known before holds");
    let stays = desk.get("/mawbs/176-72160723").json;
    assert_eq!((&stays["facts"], &stays["pieces"]), (&worked_on["facts"], &worked_on["pieces"]));
    let shown = desk.get(&format!("/undo/{id}")).json;
    let rows = shown["rows"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|r| r["tracking_number"] == "176-72160723"), "{shown}");
    assert!(rows[0]["detail"].as_str().unwrap().contains("stands since"), "{shown}");
    let all = desk.all("/mawbs?limit=500");
    assert_eq!(all.len(), 2, "{all:?}");
    let after = desk.get("/airfreight/stats").json;
    assert_eq!(after["hawbs"], before["hawbs"], "{after}");
    assert_eq!(desk.post(&format!("/undo/{id}"), &Value::Null).problem().0, 409);
    // The history says what was; and the file may come again.
    let story = desk.get("/mawbs/157-53806270/timeline").json;
    assert!(story.as_array().unwrap().iter().any(|e| e["event"] == "mawb.taken_back"), "{story}");
    let again = desk.import("kind=mawbs&source=mail", file);
    assert_eq!(again["refused"], 0, "{again}");
    assert_eq!(desk.get("/mawbs/020-12345675").json["houses"]["houses"], 2);
    desk.assert_sound();
}
