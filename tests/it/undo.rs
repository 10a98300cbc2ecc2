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
