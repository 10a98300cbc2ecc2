//! Lists as files.

use serde_json::{Value, json};

use crate::support::desk::{Desk, TENANT};
use crate::support::people::text;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.map("bar", &[("shipped", "in_transit")]);
    let mut file = "tracking_number,distributor,status,note\nX0,=shop,shipped,=1+1\n".to_owned();
    for n in 1..1_203 {
        file.push_str(&format!("X{n},d{},shipped,\n", n % 2));
    }
    desk.import("kind=parcels&source=bar", file);
    desk
}

fn rows(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
}

#[test]
fn a_list_of_any_length_is_a_file_with_its_filters_and_no_formula_in_it() {
    let desk = desk();
    let all = desk.get("/exports/parcels");
    assert_eq!((all.status, all.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(all.header("content-disposition").contains("parcels.csv"));
    let head = all.text.lines().next().unwrap();
    assert!(head.starts_with("id,tracking_number,status,since,raw_status"), "{head}");
    let parcels = rows(&all.text);
    assert_eq!(parcels.len(), 1_203);
    let first = parcels.iter().find(|r| &r[1] == "X0").unwrap();
    assert!(first.iter().any(|c| c == "'=shop") && !first.iter().any(|c| c.starts_with('=')), "{first:?}");
    assert_eq!(rows(&desk.get("/exports/parcels?distributor=d1").text).len(), 601);
    let lines = desk.get("/exports/parcels?format=ndjson&status=in_transit");
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let read: Vec<Value> = lines.text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(read.len(), 1_203);
    assert_eq!(read[0], desk.all("/parcels?limit=1&status=in_transit")[0], "as the list shows it");
    for (path, status) in [
        ("/exports/letters", 404),
        ("/exports/parcels?format=pdf", 422),
        ("/exports/parcels?status=flying", 422),
        ("/exports/parcels?limit=5", 422),
        ("/exports/parcels?colour=red", 422),
    ] {
        assert_eq!(desk.get(path).problem().0, status, "{path}");
    }
}

#[test]
fn every_list_can_be_had_and_each_export_is_in_the_audit_log() {
    let desk = desk();
    for (list, at_least) in [
        ("cases", 0),
        ("events", 1_203),
        ("imports", 1),
        ("audit", 1),
        ("users", 1),
        ("carriers", 0),
        ("unmapped", 0),
    ] {
        let file = desk.get(&format!("/exports/{list}"));
        assert_eq!(file.status, 200, "{list}: {file:?}");
        let n = rows(&file.text).len();
        assert!(n >= at_least, "{list}: {n}");
        let lines = desk.get(&format!("/exports/{list}?format=ndjson")).text.lines().count();
        assert!(lines >= n, "{list}: {lines} lines, {n} rows");
    }
    let noted = desk.all("/audit-log?action=export.run&limit=100");
    assert_eq!(noted.len(), 14);
    assert!(noted.iter().any(|n| n["changed"].to_string().contains("cases")), "{noted:?}");
    let users = desk.get("/exports/users?format=ndjson").text;
    assert!(users.contains("\"ana\"") && !users.contains("argon2"), "{users}");
}

#[test]
fn a_file_holds_what_its_reader_may_see_and_no_more() {
    let desk = desk();
    let features = [
        "exports.run",
        "parcels.view",
        "imports.view",
        "audit.export",
        "users.view",
        "events.read",
        "status_maps.view",
    ];
    desk.role(TENANT, "shop", &features, "distributors");
    desk.user(TENANT, "shop", "shop", json!({ "scope": { "distributors": ["d0"] } }));
    let token = desk.token("shop");
    let mine = desk.ask(&token, "GET", "/exports/parcels").gives(200);
    assert_eq!(rows(&mine.text).len(), 601);
    assert!(rows(&mine.text).iter().all(|r| r.iter().any(|c| c == "d0")));
    for whole in ["imports", "audit", "users", "events", "unmapped"] {
        let refused = desk.ask(&token, "GET", &format!("/exports/{whole}")).gives(403);
        assert_eq!(text(&refused.json, "code"), "export.scope");
    }
    desk.ask(&token, "GET", "/exports/cases").gives(403);
}
