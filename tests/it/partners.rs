//! Two partners at one depot: each announces, reports, answers and counts its own, by file and by hand; and neither sees,
//! changes or can infer what is the other's.

use crossdock::web::control::FIRST_TENANT;
use reqwest::Method;
use serde_json::{Value, json};

use crate::screens::{fill, routes};
use crate::support::desk::Desk;
use crate::support::page::Person;
use crate::support::people::{PASSWORD, depot, text};
use crate::support::{Answered, Depot};

const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// A number that both announce: foo first.
const BOTH: &str = "BOTH00001";

/// A spreadsheet with these rows.
fn book(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            page.write_string(row, column, *cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

struct Partner<'a> {
    depot: &'a Depot,
    token: String,
}

impl<'a> Partner<'a> {
    fn new(depot: &'a Depot, name: &str) -> Self {
        let login = format!("{name}_user");
        let more = json!({ "scope": { "distributors": [name] }, "password": PASSWORD, "name": "Partner" });
        depot.user(FIRST_TENANT, &login, "partner", more);
        Self { depot, token: depot.token(&login) }
    }

    fn get(&self, path: &str) -> Answered {
        self.depot.ask(&self.token, "GET", path).send()
    }

    fn post(&self, path: &str, body: &Value) -> Answered {
        self.depot.ask(&self.token, "POST", path).body(body).send()
    }

    fn file(&self, path: &str, media: &str, bytes: Vec<u8>) -> Value {
        let request = self.depot.request(Method::POST, &format!("/api/v1{path}"));
        let request = request.bearer_auth(&self.token).header("content-type", media).body(bytes);
        let answer = self.depot.send(request);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json
    }
}

fn house(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

/// All that is known of foo's: what must be the same whatever bar does.
fn of_foo(depot: &Depot, ids: &[String]) -> Vec<Value> {
    let all = ids.iter().flat_map(|id| {
        [
            house(depot, &format!("/parcels/{id}")),
            house(depot, &format!("/parcels/{id}/history")),
            house(depot, &format!("/parcels/{id}/cases")),
        ]
    });
    all.collect()
}

/// What was said, with what was asked for left out: two of these are the same when nothing can be told from them.
fn said(answer: &Answered, asked: &str) -> (u16, String) {
    let mut json = answer.json.clone();
    if let Some(all) = json.as_object_mut() {
        all.remove("request_id");
        all.remove("instance");
    }
    (answer.status, json.to_string().replace(asked, "*"))
}

/// foo's three parcels by spreadsheet with a case and a bulk report; their ids and the report.
fn stocked(partner: &Partner<'_>) -> (Vec<String>, String, String) {
    let rows: [&[&str]; 5] = [
        &["Tracking number", "Recipient", "City", "weight_g"],
        &["FOO000001", "Fanny Foo", "Fooville", "500"],
        &["FOO000002", "Fred Foo", "Fooville", ""],
        &[BOTH, "Frida Foo", "Fooville", ""],
        &["BOTH00002", "Felix Foo", "Fooville", ""],
    ];
    let told = partner.file("/parcels/announce", SHEET, book(&rows));
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(4), &json!(0)), "{told}");
    let ids: Vec<String> = told["results"].as_array().unwrap().iter().map(|r| text(r, "id")).collect();
    let rows: [&[&str]; 3] =
        [&["number", "status", "note"], &["FOO000001", "in_transit", "on lorry 7"], &["FOO000002", "", ""]];
    let told = partner.file("/parcels/events/list?status=accepted", SHEET, book(&rows));
    assert_eq!(told["accepted"], 2, "{told}");
    let statuses: Vec<&Value> = told["results"].as_array().unwrap().iter().map(|r| &r["status"]).collect();
    assert_eq!(statuses, ["in_transit", "accepted"]);
    let new = json!({ "reason": "address_incomplete", "subject": "FOO000001", "detail": "no house number" });
    let case = text(&partner.depot.itself(FIRST_TENANT, "POST", "/cases").body(&new).gives(201).json, "id");
    (ids, text(&told, "batch"), case)
}

#[test]
fn two_partners_neither_see_nor_change_nor_infer_each_others_records() {
    let depot = depot();
    let (foo, bar) = (Partner::new(&depot, "foo"), Partner::new(&depot, "bar"));
    let (ids, batch, case) = stocked(&foo);
    let before = of_foo(&depot, &ids);

    // A number that is the other's is announced as any other: nobody learns that it is known.
    let csv = format!("number;recipient;city\nBAR000001;Bo Bar;Barton\n{BOTH};Ben Bar;Barton\n");
    let told = bar.file("/parcels/announce", "text/csv", csv.into_bytes());
    let of = |row: usize| {
        let mut verdict = told["results"][row].clone();
        verdict.as_object_mut().unwrap().retain(|k, _| k != "id" && k != "row");
        verdict
    };
    assert_eq!((&told["accepted"], of(0)), (&json!(2), of(1)), "{told}");
    assert_eq!(bar.get(&format!("/parcels/{BOTH}")).json["recipient"]["name"], "Ben Bar");
    assert_eq!(foo.get(&format!("/parcels/{BOTH}")).json["recipient"]["name"], "Frida Foo");
    let again = bar.post("/parcels", &json!({ "tracking_number": BOTH, "distributor": "bar" }));
    assert_eq!(again.problem(), (409, "parcel.exists"), "their own twice is refused");
    // The house has a case of it, and only the house.
    let cases = house(&depot, "/cases?reason=duplicate_scan&state=active");
    assert_eq!(cases["items"][0]["subject"]["label"], BOTH, "{cases}");
    for partner in [&foo, &bar] {
        assert_eq!(partner.get("/cases?reason=duplicate_scan").json["items"], json!([]));
    }

    // What is the other's and what is nobody's are answered alike, whatever is asked.
    let pairs: [(&str, String, String, Value); 9] = [
        ("GET", format!("/parcels/{}", ids[0]), nobody("/parcels/"), Value::Null),
        ("GET", format!("/parcels/{}/history", ids[0]), nobody("/parcels/") + "/history", Value::Null),
        ("GET", format!("/parcels/{}/cases", ids[0]), nobody("/parcels/") + "/cases", Value::Null),
        ("GET", format!("/parcels/{}/label.svg", ids[0]), nobody("/parcels/") + "/label.svg", Value::Null),
        ("GET", format!("/cases/{case}"), nobody("/cases/"), Value::Null),
        (
            "POST",
            format!("/cases/{case}/answer"),
            nobody("/cases/") + "/answer",
            json!({ "answer": "return" }),
        ),
        ("GET", format!("/undo/{batch}"), nobody("/undo/"), Value::Null),
        ("POST", format!("/undo/{batch}"), nobody("/undo/"), Value::Null),
        ("POST", "/manifests".into(), "/manifests".into(), json!({ "number": "M", "distributor": "foo" })),
    ];
    for (method, theirs, nobodys, body) in &pairs {
        let ask = |path: &str| {
            let asked = depot.ask(&bar.token, method, path);
            if body.is_null() { asked.send() } else { asked.body(body).send() }
        };
        let (one, other) = (ask(theirs), ask(nobodys));
        let name = |path: &str| path.split('/').nth(2).unwrap_or("-").to_owned();
        assert!([403, 404, 422].contains(&one.status), "{method} {theirs}: {one:?}");
        assert_eq!(said(&one, &name(theirs)), said(&other, &name(nobodys)), "{method} {theirs}");
    }
    // In lists as well.
    let rows = json!({ "rows": [
        { "parcel": "FOO000001", "status": "lost" }, { "parcel": "NOBODY001", "status": "lost" },
        { "parcel": "BAR000001", "status": "in_transit" } ] });
    let told = bar.post("/parcels/events", &rows).json;
    let verdict = |row: usize, name: &str| told["results"][row].to_string().replace(name, "*");
    let alike =
        verdict(0, "FOO000001").replace("\"row\":0", "") == verdict(1, "NOBODY001").replace("\"row\":1", "");
    assert!(alike && told["accepted"] == 1, "{told}");
    let csv = "number,status\nFOO000001,lost\nNOBODY001,lost\n";
    let told = bar.file("/parcels/events/list", "text/csv", csv.into());
    assert_eq!((&told["accepted"], &told["batch"]), (&json!(0), &Value::Null), "{told}");
    let taken = json!({ "number": "B-3", "lines": [{ "tracking_number": "BOTH00002" }] });
    let (theirs, fresh) = (bar.post("/manifests", &taken), {
        let fresh = json!({ "number": "B-4", "lines": [{ "tracking_number": "BAR000009" }] });
        bar.post("/manifests", &fresh)
    });
    assert_eq!((theirs.status, fresh.status), (201, 201), "{theirs:?}");
    assert_eq!(theirs.json["announced_now"], fresh.json["announced_now"]);

    // Every list and figure that bar can have knows of nothing but bar.
    for path in [
        "/parcels?limit=500",
        "/parcels?number=FOO",
        "/parcels?distributor=foo",
        "/parcels/overdue?limit=100",
        "/cases",
        "/manifests",
        "/unloadings",
        "/reports",
        "/report-runs",
        "/events?limit=500",
        "/notifications",
        "/deliveries?limit=100",
        "/exports/parcels",
        "/exports/cases",
        "/exports/deliveries",
    ] {
        let answer = bar.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        for word in ["FOO0", "Foo", "foo", &ids[0], &ids[2], &case] {
            assert!(!answer.text.contains(word), "{word} in {path}: {}", answer.text);
        }
    }
    for kind in ["volumes", "exceptions", "lateness", "dwell", "first_attempt", "scorecard"] {
        let asked = json!({ "kind": kind, "by": ["distributor"] });
        let counted = bar.post("/reports/query", &asked);
        assert_eq!(counted.status, 200, "{kind}: {counted:?}");
        assert!(!counted.text.contains("foo"), "{kind}: {}", counted.text);
    }
    let counted = |who: &Partner<'_>| {
        let asked = json!({ "kind": "volumes", "by": ["distributor"] });
        crate::reports::column(&who.post("/reports/query", &asked).json, "parcels").1
    };
    assert_eq!((counted(&foo), counted(&bar)), (Some(4.0), Some(4.0)));
    assert_eq!(of_foo(&depot, &ids), before, "nothing of foo's has changed");

    // Users may have the same name: what one sent the other can't take back; foo can.
    let undone = foo.post(&format!("/undo/{batch}"), &Value::Null);
    assert_eq!((undone.status, &undone.json["taken_back"]), (200, &json!(2)), "{undone:?}");
    let answer = json!({ "answer": "new_address", "to": { "line": "Rua Nova 5", "city": "Porto" } });
    assert_eq!(foo.post(&format!("/cases/{case}/answer"), &answer).status, 200);
    assert_eq!(foo.get("/parcels/FOO000001").json["to"]["line"], "Rua Nova 5");
}

/// A path to a record that nobody has.
fn nobody(path: &str) -> String {
    format!("{path}019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718")
}

#[test]
fn a_carriers_news_of_a_number_go_to_whoever_announced_it_first_or_is_named() {
    let desk = Desk::new();
    desk.map("ship", &[("moving", "in_transit"), ("hub", "accepted")]);
    let (foo, bar) = (Partner::new(&desk, "foo"), Partner::new(&desk, "bar"));
    for partner in [&foo, &bar] {
        let csv = format!("number\n{BOTH}\n");
        assert_eq!(partner.file("/parcels/announce", "text/csv", csv.into_bytes())["accepted"], 1);
    }
    let status = |who: &Partner<'_>| who.get(&format!("/parcels/{BOTH}")).json["status"].clone();
    desk.import("kind=status&source=ship", format!("tracking_number,status\n{BOTH},moving\n"));
    assert_eq!((status(&foo), status(&bar)), (json!("in_transit"), json!("announced")));
    desk.import("kind=parcels&source=ship", format!("tracking_number,status,distributor\n{BOTH},hub,bar\n"));
    assert_eq!((status(&foo), status(&bar)), (json!("in_transit"), json!("accepted")));
}

#[test]
fn a_list_has_so_many_rows_and_bytes_and_not_one_more() {
    let depot = depot();
    let foo = Partner::new(&depot, "foo");
    let send = |path: &str, media: &str, body: Vec<u8>| {
        let request = depot.request(Method::POST, &format!("/api/v1{path}"));
        depot.send(request.bearer_auth(&foo.token).header("content-type", media).body(body))
    };
    let rows = |n: usize| (0..n).map(|n| format!("FOO{n:06},in_transit\n")).collect::<String>();
    let list = |n: usize| format!("number,status\n{}", rows(n)).into_bytes();
    for path in ["/parcels/announce", "/parcels/events/list"] {
        let over = send(path, "text/csv", list(1_001));
        assert_eq!(over.problem(), (422, "parcel.invalid"), "{path}: {over:?}");
        assert!(over.text.contains("more than 1000 rows"), "{}", over.text);
        assert_eq!(send(path, "text/csv", b"colour\nred\n".to_vec()).status, 422);
        assert_eq!(send(path, "application/json", b"{}".to_vec()).status, 415);
        assert_eq!(send(path, SHEET, b"PK\x03\x04nonsense".to_vec()).problem(), (422, "import.sheet"));
        let large = vec![b'x'; crossdock::imports::lists::MAX_BYTES + 1];
        assert_eq!(send(path, "text/csv", large).status, 413, "{path}");
    }
    assert_eq!(send("/parcels/announce", "text/csv", list(1_000)).json["accepted"], 1_000);
    assert_eq!(send("/parcels/events/list", "text/csv", list(1_000)).json["accepted"], 1_000);
    assert_eq!(send("/parcels/events/list", "text/csv", b"number,status\n".to_vec()).status, 422);
}

#[test]
fn two_partners_work_on_the_screens_each_with_their_own() {
    let depot = depot();
    let foo_user = Partner::new(&depot, "foo");
    let (ids, batch, case) = stocked(&foo_user);
    Partner::new(&depot, "bar");
    let (foo, bar) =
        (Person::logged_in(&depot, "foo_user", PASSWORD), Person::logged_in(&depot, "bar_user", PASSWORD));
    let before = of_foo(&depot, &ids);

    // Announced and reported by file, with a verdict for each row.
    let came =
        bar.upload("/parcels/list", &[], &format!("number,city\nBAR000001,Barton\n{BOTH},Barton\n,Barton\n"));
    assert_eq!(came.status, 200, "{}", came.text);
    let shown = came.page().text();
    assert!(shown.contains("2 rows were taken") && shown.contains("one was not"), "{shown}");
    let came = bar.upload(
        "/report/list",
        &[("usual", "in_transit")],
        "number,status\nBAR000001,\nFOO000001,lost\nNOBODY001,lost\n",
    );
    let shown = came.page().text();
    assert!(shown.contains("One row was taken") && shown.contains("2 were not"), "{shown}");
    assert_eq!(house(&depot, "/parcels/BAR000001")["status"], "in_transit");
    let came = bar.post("/report", &[("numbers", "BAR000001, at_depot\nFOO000002, lost"), ("note", "")]);
    assert!(came.page().text().contains("FOO000002"), "what was refused stays in the list");

    // Both reports can be taken back by who sent them, newest first; the other's is not there.
    let posts = |who: &Person| {
        let all = who.get("/report").page().all("form", "action");
        all.into_iter().filter(|a| a.ends_with("/undo")).collect::<Vec<_>>()
    };
    let (of_foo_s, of_bar) = (posts(&foo), posts(&bar));
    assert_eq!((of_foo_s.len(), of_bar.len()), (1, 2), "{of_foo_s:?} {of_bar:?}");
    assert_eq!(of_foo_s, [format!("/report/{batch}/undo")]);
    assert_eq!(bar.post(&of_foo_s[0], &[]).status, 404);
    let undone = bar.post(&of_bar[0], &[]);
    assert!(undone.page().text().contains("One row was taken back"), "{}", undone.page().text());
    assert_eq!(house(&depot, "/parcels/BAR000001")["status"], "in_transit");
    assert_eq!(bar.post(&of_bar[0], &[]).status, 409);
    assert_eq!(posts(&bar), of_bar[1..]);

    // A case is answered by whom it is about.
    let at = format!("/cases/{case}");
    let offered = foo.get(&at).page().all("form", "action");
    assert!(offered.contains(&format!("{at}/answer")), "{offered:?}");
    let to = [
        ("answer", "new_address"),
        ("to_line", "Rua Nova 5"),
        ("to_city", "Porto"),
        ("answer_note", "moved"),
    ];
    assert_eq!(bar.post(&format!("{at}/answer"), &to).status, 404);
    assert_eq!(of_foo(&depot, &ids), before, "nothing of foo's has changed");
    foo.does(&format!("{at}/answer"), &to);
    assert_eq!(house(&depot, "/parcels/FOO000001")["to"]["line"], "Rua Nova 5");
    let wrong = foo.post(&format!("{at}/answer"), &[("answer", "other"), ("answer_note", "")]);
    assert_eq!(wrong.status, 422, "{}", wrong.text);

    // No page that bar can open shows anything of foo's.
    let records = crate::support::people::Records::new(&depot, FIRST_TENANT, "gamma");
    for route in routes(Method::GET) {
        for path in [
            fill(&records, route.path),
            route.path.replace("{id}", &ids[0]),
            route.path.replace("{id}", &case),
        ] {
            let came = bar.get(&path);
            for word in ["FOO0", "Foo", "foo_user"] {
                assert!(!came.text.contains(word), "{word} at {path}: {}", came.page().text());
            }
        }
    }
}
