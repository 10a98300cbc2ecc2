//! The dock over HTTP: what was announced, what came, what is missing, and what people are told.

use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{depot, text};
use crate::support::{Answered, BEGIN, Depot};

const HOUR: u64 = 3_600;

/// A depot with a clerk at door 3.
struct Dock {
    depot: Depot,
}

impl Dock {
    fn new() -> Self {
        let depot = depot();
        depot.user(FIRST_TENANT, "cleo", "clerk", json!({}));
        Self { depot }
    }

    fn wait(&self, seconds: u64) {
        self.depot.wait(Duration::from_secs(seconds));
        self.depot.running().app.wake.wake();
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answered {
        let asked = self.depot.ask(&self.depot.token("cleo"), method, path);
        if body.is_null() { asked.send() } else { asked.body(body).send() }
    }

    fn itself(&self, method: &str, path: &str) -> Value {
        self.depot.itself(FIRST_TENANT, method, path).gives(200).json
    }

    /// Announces a truck that is due now, with lines of number and pieces.
    fn announce(&self, number: &str, lines: &[(&str, u32)]) -> Value {
        let lines: Vec<Value> =
            lines.iter().map(|(n, p)| json!({ "tracking_number": n, "pieces": p })).collect();
        let made = self.ask(
            "POST",
            "/manifests",
            &json!({ "number": number, "distributor": "bar", "lines": lines }),
        );
        assert_eq!(made.status, 201, "{made:?}");
        made.json
    }

    fn open(&self, manifests: &[&str]) -> String {
        let made = self.ask(
            "POST",
            "/unloadings",
            &json!({ "manifests": manifests, "door": "3", "stations": ["door 3"] }),
        );
        assert_eq!(made.status, 201, "{made:?}");
        text(&made.json, "id")
    }

    /// Scans at door 3, three seconds after the scan before.
    fn scan(&self, code: &str) -> Value {
        self.wait(3);
        let told = self.ask("POST", "/scan", &json!({ "code": code, "station": "door 3" }));
        assert_eq!(told.status, 200, "{code}: {told:?}");
        told.json
    }

    fn close(&self, unloading: &str) -> Value {
        let closed = self.ask("POST", &format!("/unloadings/{unloading}/close"), &Value::Null);
        assert_eq!(closed.status, 200, "{closed:?}");
        closed.json
    }

    fn unloading(&self, id: &str) -> Value {
        self.itself("GET", &format!("/unloadings/{id}"))
    }

    fn parcel(&self, name: &str) -> Value {
        self.itself("GET", &format!("/parcels/{name}"))
    }

    /// Reason, what it is about and detail of every open case.
    fn cases(&self) -> Vec<(String, String, String)> {
        let open = self.itself("GET", "/cases?state=active&limit=500");
        let line = |c: &Value| {
            let about = format!("{} {}", text(&c["subject"], "kind"), text(&c["subject"], "label"));
            (text(c, "reason"), about, text(c, "detail"))
        };
        open["items"].as_array().unwrap().iter().map(line).collect()
    }

    fn reasons(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.cases().into_iter().map(|(r, about, _)| (r, about)).collect();
        all.sort();
        all
    }

    fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        self.depot.wait_until(what, || so(self));
    }

    fn sound(&self) {
        let report = self.itself("GET", "/check");
        assert_eq!(report["fault_count"], 0, "{report}");
    }
}

fn counts(u: &Value) -> Vec<(String, u64)> {
    let count = |c: &Value| (text(c, "difference"), c["parcels"].as_u64().unwrap());
    u["counts"].as_array().unwrap().iter().map(count).collect()
}

fn told(reason: &str, about: &str) -> (String, String) {
    (reason.to_owned(), about.to_owned())
}

#[test]
fn a_manifest_announces_the_parcels_nobody_knew_and_is_found_by_its_number() {
    let dock = Dock::new();
    dock.ask(
        "POST",
        "/parcels",
        &json!({ "tracking_number": "OLD1", "distributor": "bar", "service": "slow" }),
    );
    let made = dock.announce("M-1", &[("OLD1", 1), ("NEW1", 2), ("NEW2", 1)]);
    assert_eq!(
        (&made["parcels"], &made["pieces"], &made["announced_now"]),
        (&json!(3), &json!(4), &json!(2))
    );
    let parcel = dock.parcel("NEW1");
    assert_eq!(
        (&parcel["status"], &parcel["distributor"], &parcel["items"]),
        (&json!("announced"), &json!("bar"), &json!(2))
    );
    assert_eq!(dock.parcel("OLD1")["service"], "slow", "what was known stays");
    let whole = dock.itself("GET", "/manifests/m-1");
    assert_eq!(whole["lines"].as_array().unwrap().len(), 3);
    assert_eq!(dock.itself("GET", "/manifests?state=announced")["items"].as_array().unwrap().len(), 1);
    let again = dock.ask("POST", "/manifests", &json!({ "number": "m-1", "distributor": "bar" }));
    assert_eq!(again.problem(), (409, "manifest.exists"));
    let twice =
        json!({ "number": "M-2", "lines": [{ "tracking_number": "A1" }, { "tracking_number": "a 1" }] });
    let twice = dock.ask("POST", "/manifests", &twice);
    assert_eq!(twice.problem(), (422, "manifest.invalid"));
    assert_eq!(twice.json["errors"][0]["pointer"], "/lines/1/tracking_number");
    assert_eq!(
        dock.depot.itself(FIRST_TENANT, "GET", "/parcels/A1").send().status,
        404,
        "nothing is half stored"
    );
    dock.sound();
}

#[test]
fn lines_come_as_csv_too_and_a_row_that_is_wrong_refuses_all() {
    let dock = Dock::new();
    let send = |number: &str, csv: &str| {
        let path = format!("/manifests/csv?number={number}&kind=flight&carrier=lh&distributor=bar");
        dock.depot.ask(&dock.depot.token("cleo"), "POST", &path).text("text/csv", csv).send()
    };
    let made = send("LH-400", "Rastreio;Qtd;Peso (kg)\nAA1;2;1,5\nAA2;1;\n");
    assert_eq!(
        (made.status, &made.json["pieces"], &made.json["kind"]),
        (201, &json!(3), &json!("flight")),
        "{made:?}"
    );
    assert_eq!(dock.parcel("AA1")["weight_g"], 1500);
    assert_eq!(dock.parcel("AA1")["carrier"], "lh");
    let wrong = send("LH-401", "tracking_number,items\nBB1,1\nBB2,many\n");
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(wrong.text.contains("line 3"), "{wrong:?}");
    assert_eq!(dock.depot.itself(FIRST_TENANT, "GET", "/parcels/BB1").send().status, 404);
}

#[test]
fn scans_at_the_door_count_and_what_differs_becomes_a_case_each() {
    let dock = Dock::new();
    dock.announce("M-1", &[("A1", 1), ("A2", 3), ("A3", 1), ("A4", 1), ("A5", 2)]);
    dock.ask("POST", "/parcels", &json!({ "tracking_number": "S1", "distributor": "foo" }));
    dock.ask("POST", "/parcels", &json!({ "tracking_number": "W1", "distributor": "foo" }));
    for number in ["A4", "W1"] {
        let handed = dock.ask("POST", &format!("/parcels/{number}/events"), &json!({ "next_site": 7 }));
        assert_eq!(handed.status, 200, "{handed:?}");
    }
    let id = dock.open(&["M-1"]);
    assert_eq!(dock.itself("GET", "/manifests/M-1")["state"], "unloading");

    let first = dock.scan("A1");
    assert_eq!((&first["outcome"], &first["done"]), (&json!("ok"), &json!("moved")), "{first}");
    assert_eq!(first["unloading"], json!({ "unloading": id, "label": "M-1", "announced": 1, "scanned": 1 }));
    dock.scan("A2");
    let second = dock.scan("A2");
    assert_eq!((&second["outcome"], &second["message"]), (&json!("ok"), &json!("piece 2 of 3")), "{second}");
    let misrouted = dock.scan("A4");
    assert_eq!(
        (&misrouted["outcome"], &misrouted["unloading"]["difference"]),
        (&json!("exception"), &json!("misrouted"))
    );
    assert!(text(&misrouted, "message").contains("for depot 7"), "{misrouted}");
    (0..2).for_each(|_| drop(dock.scan("A5")));
    let over = dock.scan("A5");
    assert_eq!(over["unloading"]["difference"], "over_received", "{over}");
    assert_eq!(dock.scan("S1")["unloading"]["difference"], "surplus");
    assert_eq!(dock.scan("W1")["unloading"]["difference"], "wrong_vehicle");
    let unknown = dock.scan("NOBODY77");
    assert_eq!(
        (&unknown["outcome"], &unknown["unloading"]["difference"]),
        (&json!("unknown"), &json!("unknown"))
    );

    let live = dock.unloading(&id);
    assert_eq!(
        live["totals"],
        json!({ "announced": 5, "announced_pieces": 8, "scanned": 4, "scanned_pieces": 10, "unannounced": 3 }),
        "{live}"
    );
    assert!(dock.cases().is_empty(), "nothing is a case before it is closed: {:?}", dock.cases());
    let closed = dock.close(&id);
    let expected = ["missing", "short", "over_received", "surplus", "unknown", "misrouted", "wrong_vehicle"];
    assert_eq!(counts(&closed), expected.map(|d| (d.to_owned(), 1)), "{closed}");
    assert_eq!(
        dock.reasons(),
        [
            told("data_without_piece", "parcel A3"),
            told("loading_exception", "parcel S1"),
            told("missorted", "parcel A4"),
            told("over_received", "parcel A5"),
            told("piece_without_data", "unloading M-1"),
            told("short_shipped", "parcel A2"),
            told("wrong_route_loaded", "parcel W1"),
        ]
    );
    assert_eq!(dock.itself("GET", "/manifests/M-1")["state"], "unloaded");
    let again = dock.ask("POST", &format!("/unloadings/{id}/close"), &Value::Null);
    assert_eq!(again.problem(), (409, "unloading.closed"));
    assert_eq!(dock.scan("A1")["unloading"], Value::Null, "the door counts no more");
    dock.sound();
}

#[test]
fn undo_takes_the_count_back_with_the_scan() {
    let dock = Dock::new();
    dock.announce("M-1", &[("A1", 1), ("A2", 1)]);
    let id = dock.open(&["M-1"]);
    let scanned = || dock.unloading(&id)["totals"]["scanned_pieces"].clone();
    dock.scan("A1");
    assert_eq!(dock.scan("A1")["unloading"]["difference"], "over_received");
    assert_eq!(scanned(), 2);
    let undone = dock.scan("CMD:UNDO");
    assert_eq!((&undone["outcome"], &undone["done"]), (&json!("ok"), &json!("undone")), "{undone}");
    assert_eq!((scanned(), &dock.parcel("A1")["status"]), (json!(1), &json!("at_depot")));
    dock.scan("A2");
    dock.scan("CMD:UNDO");
    assert_eq!((scanned(), &dock.parcel("A2")["status"]), (json!(1), &json!("announced")));
    dock.scan("NOBODY77");
    dock.scan("CMD:UNDO");
    assert_eq!(scanned(), 1);
    // What is reported on a parcel that was counted is no second piece.
    dock.scan("CMD:DAMAGED");
    dock.scan("A1");
    assert_eq!(scanned(), 1);
    assert_eq!(counts(&dock.close(&id)), [("missing".to_owned(), 1)]);
    dock.sound();
}

#[test]
fn three_hundred_missing_are_one_case_that_shrinks_and_ends_with_the_last() {
    let dock = Dock::new();
    let numbers: Vec<String> = (0..300).map(|n| format!("T{n:03}")).collect();
    let lines: Vec<(&str, u32)> = numbers.iter().map(|n| (n.as_str(), 1)).collect();
    dock.announce("TRUCK-9", &lines);
    let id = dock.open(&["TRUCK-9"]);
    assert_eq!(dock.close(&id)["totals"]["scanned"], 0);
    let cases = dock.cases();
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!((cases[0].0.as_str(), cases[0].1.as_str()), ("data_without_piece", "unloading TRUCK-9"));
    assert!(cases[0].2.starts_with("missing: 300 parcels of TRUCK-9: T000"), "{cases:?}");
    dock.scan("T000");
    dock.until("one turned up", |d| d.cases()[0].2.contains("299 parcels"));
    dock.scan("CMD:UNDO");
    dock.until("it did not after all", |d| d.cases()[0].2.contains("300 parcels"));
    // The carrier's word counts as well as a scan.
    let rows: Vec<Value> =
        numbers.iter().map(|n| json!({ "parcel": n, "status": "at_depot", "occurred_at": Timestamp::from_millis(BEGIN).to_string() })).collect();
    let told =
        dock.depot.itself(FIRST_TENANT, "POST", "/parcels/events").body(&json!({ "rows": rows })).gives(200);
    assert_eq!(told.json["accepted"], 300, "{told:?}");
    dock.until("all turned up", |d| d.cases().is_empty());
    assert_eq!(
        dock.unloading(&id)["counts"][0],
        json!({ "difference": "missing", "parcels": 300, "found": 300 })
    );
    dock.sound();
}

#[test]
fn five_missing_are_five_cases_and_each_ends_when_its_parcel_is_scanned() {
    let dock = Dock::new();
    dock.announce("M-1", &[("A1", 1), ("A2", 1), ("A3", 1), ("A4", 1), ("A5", 1)]);
    let id = dock.open(&["M-1"]);
    dock.close(&id);
    assert_eq!(dock.cases().len(), 5);
    dock.scan("A3");
    dock.until("its case is over", |d| !d.reasons().contains(&told("data_without_piece", "parcel A3")));
    assert_eq!(dock.cases().len(), 4);
}

#[test]
fn reopened_with_a_reason_the_cases_go_and_counting_goes_on() {
    let dock = Dock::new();
    dock.announce("M-1", &[("A1", 1), ("A2", 1)]);
    let id = dock.open(&["M-1"]);
    dock.scan("A1");
    dock.close(&id);
    assert_eq!(dock.cases().len(), 1);
    let reopen = format!("/unloadings/{id}/reopen");
    assert_eq!(dock.ask("POST", &reopen, &json!({ "reason": " " })).status, 422);
    let open = dock.ask("POST", &reopen, &json!({ "reason": "a pallet stood behind the door" }));
    assert_eq!((open.status, &open.json["open"], &open.json["reopened"]), (200, &json!(true), &json!(1)));
    assert!(dock.cases().is_empty());
    assert_eq!(dock.ask("POST", &reopen, &json!({ "reason": "again" })).problem(), (409, "unloading.open"));
    dock.scan("A2");
    let closed = dock.ask("POST", "/manifests/M-1/close", &Value::Null);
    assert_eq!((closed.status, counts(&closed.json).len()), (200, 0), "{closed:?}");
    assert!(dock.cases().is_empty());
    assert_eq!(dock.ask("POST", "/manifests/M-1/close", &Value::Null).problem(), (409, "manifest.past"));
}

#[test]
fn a_door_counts_into_one_unloading_and_a_manifest_is_unloaded_once() {
    let dock = Dock::new();
    dock.announce("M-1", &[("A1", 1)]);
    dock.announce("M-2", &[("B1", 1)]);
    dock.announce("M-3", &[("C1", 1)]);
    dock.open(&["M-1", "M-2"]);
    let open = |manifests: Value, stations: Value| {
        dock.ask("POST", "/unloadings", &json!({ "manifests": manifests, "stations": stations }))
    };
    assert_eq!(open(json!(["M-3"]), json!(["door 3"])).problem(), (409, "unloading.station_busy"));
    assert_eq!(open(json!(["M-2"]), json!(["door 4"])).problem(), (409, "manifest.past"));
    assert_eq!(open(json!(["M-9"]), json!(["door 4"])).problem(), (404, "manifest.unknown"));
    assert_eq!(open(json!([]), json!(["door 4"])).status, 422);
    assert_eq!(open(json!(["M-3"]), json!(["door 4"])).status, 201);
    // Lines that come while it is unloaded count too, and struck ones are not missed.
    let more = json!({ "lines": [{ "tracking_number": "A2", "pieces": 2 }], "strike": ["a1"] });
    let more = dock.ask("POST", "/manifests/M-1/lines", &more);
    assert_eq!((more.status, &more.json["parcels"]), (200, &json!(1)), "{more:?}");
    assert_eq!(dock.scan("A2")["unloading"]["announced"], 2);
    let strike = dock.ask("POST", "/manifests/M-1/lines", &json!({ "strike": ["A1"] }));
    assert_eq!(strike.problem(), (422, "manifest.invalid"));
}

#[test]
fn a_truck_that_never_came_is_a_case_once_also_after_an_outage_and_until_it_comes() {
    let mut dock = Dock::new();
    dock.announce("M-1", &[("A1", 1)]);
    dock.wait(2 * HOUR - 1);
    dock.announce("M-2", &[("B1", 1)]);
    assert_eq!(dock.itself("GET", "/manifests/M-1")["state"], "announced");
    dock.depot.stop();
    dock.depot.wait(Duration::from_secs(48 * HOUR));
    dock.depot.start_again(|_| {});
    dock.until("both are missed", |d| d.reasons().iter().filter(|r| r.0 == "linehaul_delay").count() == 2);
    let late = dock.itself("GET", "/manifests/M-1");
    assert_eq!(
        (&late["state"], &late["late_since"]),
        (&json!("late"), &json!(Timestamp::from_millis(BEGIN + 7_200_000).to_string())),
        "{late}"
    );
    let rev = late["version"].as_u64().unwrap();
    let later = Timestamp::from_millis(BEGIN + 1_000 * 3_600_000).to_string();
    let token = dock.depot.token("cleo");
    let moved = dock
        .depot
        .ask(&token, "PATCH", "/manifests/M-1")
        .seen(rev)
        .body(&json!({ "expected_at": later }))
        .send();
    assert_eq!((moved.status, &moved.json["state"]), (200, &json!("announced")), "{moved:?}");
    dock.open(&["M-2"]);
    assert!(!dock.reasons().iter().any(|r| r.0 == "linehaul_delay"), "{:?}", dock.cases());
    let cancelled = dock.ask("POST", "/manifests/M-1/cancel", &json!({ "reason": "no truck" }));
    assert_eq!((cancelled.status, &cancelled.json["state"]), (200, &json!("cancelled")));
    assert_eq!(
        dock.ask("POST", "/manifests/M-2/cancel", &json!({ "reason": "no truck" })).problem(),
        (409, "manifest.past")
    );
    dock.sound();
}

#[test]
fn a_partner_announces_their_own_and_sees_nothing_of_others() {
    let dock = Dock::new();
    let scope = json!({ "scope": { "distributors": ["bar"] } });
    dock.depot.user(FIRST_TENANT, "paul", "partner", scope);
    let partner = dock.depot.token("paul");
    dock.ask(
        "POST",
        "/manifests",
        &json!({ "number": "F-1", "distributor": "foo", "lines": [{ "tracking_number": "F1" }] }),
    );
    let ask = |method: &str, path: &str, body: Value| {
        let asked = dock.depot.ask(&partner, method, path);
        if body.is_null() { asked.send() } else { asked.body(&body).send() }
    };
    let made = ask(
        "POST",
        "/manifests",
        json!({ "number": "B-1", "kind": "distributor", "lines": [{ "tracking_number": "B1" }] }),
    );
    assert_eq!((made.status, &made.json["distributor"]), (201, &json!("bar")), "{made:?}");
    assert_eq!(dock.parcel("B1")["distributor"], "bar");
    let theirs = ask("POST", "/manifests", json!({ "number": "B-2", "distributor": "foo" }));
    assert_eq!(theirs.status, 422, "{theirs:?}");
    // Another's number is announced as any other: nobody learns that it is known, and the other's parcel stays theirs.
    let same = ask("POST", "/manifests", json!({ "number": "B-3", "lines": [{ "tracking_number": "F1" }] }));
    assert_eq!((same.status, &same.json["announced_now"]), (201, &json!(1)), "{same:?}");
    assert_eq!(dock.depot.ask(&partner, "GET", "/parcels/F1").gives(200).json["distributor"], "bar");
    assert_eq!(ask("GET", "/manifests/F-1", Value::Null).problem(), (404, "manifest.unknown"));
    let list = ask("GET", "/manifests", Value::Null);
    assert_eq!(list.json["items"].as_array().unwrap().len(), 2, "{list:?}");
    assert_eq!(ask("POST", "/unloadings", json!({ "manifests": ["B-1"] })).status, 403);
    let of_foo = dock.open(&["F-1"]);
    assert_eq!(
        ask("GET", &format!("/unloadings/{of_foo}"), Value::Null).problem(),
        (404, "unloading.unknown")
    );
    assert_eq!(ask("GET", "/unloadings", Value::Null).json["items"], json!([]));
}

#[test]
fn one_line_too_many_is_refused() {
    use crossdock::manifests::inputs::MAX_AT_ONCE;
    use crossdock::manifests::service::MAX_LINES;
    let dock = Dock::new();
    let lines = |from: usize, n: usize| -> Vec<Value> {
        (from..from + n).map(|n| json!({ "tracking_number": format!("L{n}") })).collect()
    };
    let over =
        dock.ask("POST", "/manifests", &json!({ "number": "M-1", "lines": lines(0, MAX_AT_ONCE + 1) }));
    assert_eq!(over.problem(), (422, "manifest.invalid"));
    let made = dock.ask("POST", "/manifests", &json!({ "number": "M-1", "lines": lines(0, MAX_AT_ONCE) }));
    assert_eq!(made.status, 201, "{made:?}");
    let rest = json!({ "lines": lines(MAX_AT_ONCE, MAX_LINES - MAX_AT_ONCE) });
    assert_eq!(dock.ask("POST", "/manifests/M-1/lines", &rest).status, 200);
    let one = dock.ask("POST", "/manifests/M-1/lines", &json!({ "lines": lines(MAX_LINES, 1) }));
    assert_eq!(one.problem(), (409, "manifest.full"));
    let last = format!("/parcels/L{MAX_LINES}");
    assert_eq!(dock.depot.itself(FIRST_TENANT, "GET", &last).send().status, 404, "nothing is half stored");
}

/// Goes through a list in pages of `limit`; the field `name` of each row.
fn paged(dock: &Dock, path: &str, limit: usize, name: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = dock.itself("GET", &format!("{path}?limit={limit}{cursor}"));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{}", items.len());
        all.extend(items.iter().map(|m| text(m, name)));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn lists_come_in_pages_with_every_row_once_and_a_page_has_its_limit() {
    let dock = Dock::new();
    let numbers: Vec<String> = (0..23).map(|n| format!("M-{n:02}")).collect();
    for (n, number) in numbers.iter().enumerate() {
        // Expected in another order than they were announced in.
        let at = Timestamp::from_millis(BEGIN + ((n * 7) % 23) as i64 * 60_000).to_string();
        let lines = json!([{ "tracking_number": format!("L{n}") }]);
        let new = json!({ "number": number, "expected_at": at, "lines": lines });
        assert_eq!(dock.ask("POST", "/manifests", &new).status, 201);
    }
    let whole = paged(&dock, "/manifests", 500, "number");
    let mut sorted = whole.clone();
    sorted.sort();
    assert_eq!(sorted, numbers);
    assert_ne!(whole, numbers, "in the order they are expected");
    for limit in [1, 5, 22, 23] {
        assert_eq!(paged(&dock, "/manifests", limit, "number"), whole, "pages of {limit}");
    }
    let opened: Vec<String> = (0..7)
        .map(|n| {
            let new = json!({ "manifests": [numbers[n]], "stations": [format!("door {n}")] });
            text(&dock.depot.itself(FIRST_TENANT, "POST", "/unloadings").body(&new).gives(201).json, "id")
        })
        .collect();
    let (mut one, mut other) = (paged(&dock, "/unloadings", 3, "id"), opened);
    assert_eq!(one, paged(&dock, "/unloadings", 500, "id"));
    one.sort();
    other.sort();
    assert_eq!(one, other);
    for path in ["/manifests", "/unloadings"] {
        for limit in ["0", "501", "many"] {
            let refused = dock.ask("GET", &format!("{path}?limit={limit}"), &Value::Null);
            assert_eq!(refused.status, 422, "{path} {limit}: {refused:?}");
        }
        let refused = dock.ask("GET", &format!("{path}?cursor=nonsense"), &Value::Null);
        assert!([400, 422].contains(&refused.status), "{path}: {refused:?}");
    }
}

#[test]
fn one_past_each_limit_is_refused_by_its_name() {
    use crossdock::manifests::inputs::{MAX_MANIFESTS, MAX_NAME, MAX_PIECES, MAX_STATIONS};
    let dock = Dock::new();
    let announce = |number: &str, pieces: u32| {
        let lines = json!([{ "tracking_number": format!("of {number}").replace(' ', "-")[..8].to_owned(), "pieces": pieces }]);
        dock.ask("POST", "/manifests", &json!({ "number": number, "lines": lines }))
    };
    let pointed = |refused: &Answered, wanted: &str| {
        assert_eq!(refused.status, 422, "{refused:?}");
        let pointers: Vec<_> =
            refused.json["errors"].as_array().unwrap().iter().map(|e| &e["pointer"]).collect();
        assert!(pointers.contains(&&json!(wanted)), "{wanted} of {pointers:?}");
    };
    assert_eq!(announce(&"N".repeat(MAX_NAME), 1).status, 201);
    pointed(&announce(&"O".repeat(MAX_NAME + 1), 1), "/number");
    assert_eq!(announce("pieces", MAX_PIECES).status, 201);
    pointed(&announce("too many", MAX_PIECES + 1), "/lines/0/pieces");
    pointed(&announce("none at all", 0), "/lines/0/pieces");
    let numbers: Vec<String> = (0..=MAX_MANIFESTS).map(|n| format!("U-{n}")).collect();
    for number in &numbers {
        let lines = json!([{ "tracking_number": format!("P{number}") }]);
        assert_eq!(dock.ask("POST", "/manifests", &json!({ "number": number, "lines": lines })).status, 201);
    }
    let stations = |n: usize| (0..n).map(|n| format!("gate {n}")).collect::<Vec<_>>();
    let open = |manifests: &[String], stations: Vec<String>| {
        dock.ask("POST", "/unloadings", &json!({ "manifests": manifests, "stations": stations }))
    };
    pointed(&open(&numbers, stations(1)), "/manifests");
    pointed(&open(&[], stations(1)), "/manifests");
    pointed(&open(&numbers[..1], stations(MAX_STATIONS + 1)), "/stations");
    assert_eq!(open(&numbers[..MAX_MANIFESTS], stations(MAX_STATIONS)).status, 201);
}
