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
    for (path, new) in [
        ("/manifests", json!({ "number": "M-1", "lines": [{ "tracking_number": "M1" }] })),
        (
            "/deliveries",
            json!({ "pickupAddress": "here", "deliveryAddress": "there", "customerName": "Ann" }),
        ),
        ("/products", json!({ "name": "Lamp", "price": 1.0, "stock": 10 })),
        (
            "/orders",
            json!({ "customer_name": "Bob", "delivery_address": "there", "items": [{ "product_id": 1, "quantity": 1 }] }),
        ),
    ] {
        let made = desk.post(path, &new);
        assert!((200..300).contains(&made.status), "{path}: {made:?}");
    }
    desk.import("kind=customers&source=crm", "customer_id,name\nc-1,Cid\n");
    for (list, told) in [("manifests", "M-1"), ("deliveries", "Ann"), ("orders", "Bob"), ("customers", "Cid")]
    {
        let file = desk.get(&format!("/exports/{list}"));
        assert_eq!((file.status, rows(&file.text).len()), (200, 1), "{list}: {file:?}");
        let of: Vec<_> = rows(&file.text)[0].iter().map(str::to_owned).collect();
        assert!(of.iter().any(|c| c == told), "{list}: {of:?}");
        let lines = desk.get(&format!("/exports/{list}?format=ndjson")).text;
        let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(line, desk.all(&format!("/{list}?limit=10"))[0], "{list}: as the list shows it");
        // Each column is a field of it, so that none is blank by a slip.
        let known = ["id", "version"];
        let head = file.text.lines().next().unwrap();
        assert!(known.iter().all(|c| head.split(',').any(|h| h == *c)), "{list}: {head}");
        assert!(of.iter().filter(|c| !c.is_empty()).count() > 3, "{list}: {of:?}");
    }
    assert_eq!(rows(&desk.get("/exports/manifests?state=announced").text).len(), 1);
    assert_eq!(rows(&desk.get("/exports/manifests?state=unloaded").text).len(), 0);
    assert_eq!(rows(&desk.get("/exports/deliveries?status=completed").text).len(), 0);
    assert_eq!(rows(&desk.get("/exports/orders?status=delivered").text).len(), 0);
    assert_eq!(desk.get("/exports/deliveries?status=flying").problem().0, 422);
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
    assert_eq!(noted.len(), 14 + 8 + 4);
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
        "orders.view",
        "deliveries.view",
    ];
    desk.role(TENANT, "shop", &features, "distributors");
    desk.user(TENANT, "shop", "shop", json!({ "scope": { "distributors": ["d0"] } }));
    let token = desk.token("shop");
    let mine = desk.ask(&token, "GET", "/exports/parcels").gives(200);
    assert_eq!(rows(&mine.text).len(), 601);
    assert!(rows(&mine.text).iter().all(|r| r.iter().any(|c| c == "d0")));
    for whole in ["imports", "audit", "users", "events", "unmapped", "orders", "customers"] {
        let refused = desk.ask(&token, "GET", &format!("/exports/{whole}")).gives(403);
        assert_eq!(text(&refused.json, "code"), "export.scope");
    }
    desk.ask(&token, "GET", "/exports/cases").gives(403);
}
