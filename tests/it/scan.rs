//! Scanning over HTTP: what the floor holds in its hand, what the station is told, and what the parcel becomes.

use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::scan::patterns::{FORMS, Form};
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{depot, text};
use crate::support::shared::shared;
use crate::support::{Answered, BEGIN, Depot};

const NUMBER: &str = "RB123456785GB";

/// A depot with a clerk at the gate.
struct Floor {
    depot: Depot,
}

impl Floor {
    fn new() -> Self {
        let depot = depot();
        depot.user(FIRST_TENANT, "cleo", "clerk", json!({}));
        Self { depot }
    }

    fn wait(&self, time: Duration) {
        self.depot.clock.set(self.depot.clock.now().after(time));
    }

    /// Logged in anew: in some tests hours pass.
    fn clerk(&self) -> String {
        self.depot.token("cleo")
    }

    fn announce(&self, number: &str) -> String {
        let new = json!({ "tracking_number": number, "distributor": "bar" });
        text(&self.depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id")
    }

    fn post(&self, body: &Value) -> Answered {
        self.depot.ask(&self.clerk(), "POST", "/scan").body(body).send()
    }

    /// Scans at the gate, three seconds after the scan before.
    fn scan(&self, code: &str) -> Value {
        self.wait(Duration::from_secs(3));
        let answer = self.post(&json!({ "code": code, "station": "gate" }));
        assert_eq!(answer.status, 200, "{code}: {answer:?}");
        answer.json
    }

    fn parcel(&self, name: &str) -> Value {
        self.depot.itself(FIRST_TENANT, "GET", &format!("/parcels/{name}")).gives(200).json
    }

    fn cases(&self) -> Vec<Value> {
        let open = self.depot.itself(FIRST_TENANT, "GET", "/cases?state=active").gives(200).json;
        open["items"].as_array().unwrap().clone()
    }

    fn sound(&self) {
        let report = self.depot.itself(FIRST_TENANT, "GET", "/check").gives(200).json;
        assert_eq!(report["fault_count"], 0, "{report}");
    }
}

fn ago(seconds: i64) -> String {
    Timestamp::from_millis(BEGIN - seconds * 1_000).to_string()
}

#[test]
fn every_number_of_the_table_is_judged_as_its_verdict_says() {
    let Some(path) = shared("data/tracking/tracking-numbers.csv") else { return };
    let (mut judged, mut wrong) = (0, Vec::new());
    for row in csv::Reader::from_path(path).unwrap().records() {
        let row = row.unwrap();
        let (courier, format, number, verdict) = (&row[0], &row[1], &row[2], &row[3]);
        let ours = |f: &&Form| {
            f.name == format && (f.carrier == courier || f.carrier.is_empty() && courier == "s10")
        };
        let forms: Vec<&Form> = FORMS.iter().filter(ours).collect();
        assert!(!forms.is_empty(), "no form for {courier} {format}");
        let code: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        let valid = forms.iter().any(|f| f.judge(&code).is_some_and(|m| m.holds));
        if valid != (verdict == "valid") {
            wrong.push(format!("{courier}, {format}: {number} is {verdict}"));
        }
        // Whatever else it may be, a valid number has a plausible reading of its form.
        let code = forms[0].code;
        let readings = crossdock::scan::resolve::resolve(number).readings;
        if valid && !readings.iter().any(|r| r.form == code && r.is_plausible()) {
            wrong.push(format!("{number} is not read as {code}: {readings:?}"));
        }
        judged += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(judged, 214);
}

#[test]
fn a_scan_arrives_the_parcel_and_says_everything_in_one_document() {
    let floor = Floor::new();
    let id = floor.announce(NUMBER);
    let told = floor.scan("]C0RB 123456785 GB\r\n");
    assert_eq!((&told["outcome"], &told["done"]), (&json!("ok"), &json!("moved")), "{told}");
    assert_eq!((&told["parcel"]["id"], &told["status"]), (&json!(id), &json!("at_depot")));
    assert_eq!(
        (&told["readings"][0]["form"], &told["readings"][0]["holds"]),
        (&json!("upu.s10"), &json!(true))
    );
    assert!(told["allowed_next"].as_array().unwrap().contains(&json!("out_for_delivery")), "{told}");
    assert_eq!(told["allowed_next"], told["parcel"]["allowed_next"]);
    assert_eq!(floor.parcel(NUMBER)["status"], "at_depot");
    // Later again there is nothing left to do, and nothing is recorded.
    let events = floor.parcel(NUMBER)["events"].clone();
    let again = floor.scan(NUMBER);
    assert_eq!((&again["outcome"], &again["done"]), (&json!("duplicate"), &json!("nothing")), "{again}");
    assert_eq!(floor.parcel(NUMBER)["events"], events);
    floor.sound();
}

#[test]
fn a_parcel_is_found_however_its_number_is_printed() {
    let floor = Floor::new();
    for (announced, scanned) in [
        ("340123450000000017", "]C100340123450000000017"),
        ("006141411234567890", "(00)006141411234567890"),
        ("020-12345675", "02012345675"),
        ("17698765435", "176-98765435"),
        ("9261290336128704042634", "420902459261290336128704042634"),
        ("617767839437", "1001901781990001000300617767839437"),
        ("32971514560102447849175802862014", "32971514560102447849175802862014"),
        ("1Z999AA10123456784", "1Y999AA10123456784"),
        ("Kiste/7", "kiste/7"),
    ] {
        let id = floor.announce(announced);
        let told = floor.scan(scanned);
        assert_eq!((&told["parcel_id"], &told["done"]), (&json!(id), &json!("moved")), "{scanned}: {told}");
    }
    let id = floor.announce(NUMBER);
    let told = floor.scan(&format!("https://depot:8443/p/{id}"));
    assert_eq!((&told["parcel_id"], &told["outcome"]), (&json!(id), &json!("ok")), "{told}");
}

#[test]
fn a_repeated_scan_id_gets_the_first_answer_and_changes_nothing() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    let sent = json!({ "code": NUMBER, "station": "gate", "scan_id": "g-1" });
    let first = floor.post(&sent).json;
    assert_eq!((&first["done"], &first["repeated"]), (&json!("moved"), &json!(false)), "{first}");
    floor.wait(Duration::from_secs(3_600));
    let parcel = floor.parcel(NUMBER);
    let mut again = floor.post(&sent).json;
    assert_eq!(again["repeated"], json!(true));
    again["repeated"] = json!(false);
    assert_eq!(again, first);
    assert_eq!(floor.parcel(NUMBER), parcel);
    // The same id for something else is refused; at another station it is another scan.
    let other = json!({ "code": "CMD:LOAD", "station": "gate", "scan_id": "g-1" });
    assert_eq!(floor.post(&other).problem(), (409, "scan.id_reused"));
    let elsewhere = json!({ "code": "CMD:LOAD", "station": "ramp", "scan_id": "g-1" });
    assert_eq!(floor.post(&elsewhere).json["done"], "pending");
}

#[test]
fn a_stutter_is_ignored_softly_and_only_at_its_own_station() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    let at = |station: &str| floor.post(&json!({ "code": NUMBER, "station": station })).json;
    assert_eq!(at("gate")["done"], "moved");
    floor.scan("CMD:DAMAGED");
    let events = floor.parcel(NUMBER)["events"].as_u64().unwrap();
    floor.scan(NUMBER);
    assert_eq!(floor.parcel(NUMBER)["events"], events + 1);
    floor.wait(Duration::from_millis(1_999));
    let stutter = at("gate");
    assert_eq!(
        (&stutter["outcome"], &stutter["message"]),
        (&json!("duplicate"), &json!("scanned a moment ago"))
    );
    assert_eq!(at("ramp")["message"].as_str().map(|m| m.starts_with("at depot since")), Some(true));
    floor.wait(Duration::from_millis(1));
    assert!(at("gate")["message"].as_str().unwrap().starts_with("at depot since"));
}

#[test]
fn a_code_on_the_wall_holds_for_the_next_parcel_or_until_it_is_done() {
    let floor = Floor::new();
    let numbers = ["A-1", "A-2", "A-3"];
    numbers.iter().for_each(|n| drop(floor.announce(n)));
    let told = floor.scan("CMD:DAMAGED");
    assert_eq!((&told["done"], &told["pending"]["action"]), (&json!("pending"), &json!("DAMAGED")), "{told}");
    let told = floor.scan("A-1");
    assert_eq!((&told["outcome"], &told["status"]), (&json!("ok"), &json!("at_depot")), "{told}");
    assert_eq!((&told["parcel"]["issues"][0]["reason"], &told["pending"]), (&json!("damaged"), &Value::Null));
    assert_eq!(floor.cases()[0]["reason"], "damaged");
    // Once only: the next one just arrives. And one with trouble makes the station stop.
    assert_eq!(floor.scan("A-2")["parcel"]["issues"], json!([]));
    floor.scan("CMD:LOAD");
    let kept = floor.scan("CMD:KEEP");
    assert_eq!(kept["pending"]["kept"], true, "{kept}");
    assert_eq!(floor.scan("A-2")["status"], "out_for_delivery");
    let stop = floor.scan("A-1");
    assert_eq!(
        (&stop["status"], &stop["outcome"]),
        (&json!("out_for_delivery"), &json!("exception")),
        "{stop}"
    );
    assert!(stop["message"].as_str().unwrap().contains("damaged"), "{stop}");
    // What the table refuses is an outcome with the reason and the way out, not an error.
    let refused = floor.scan("A-3");
    assert_eq!(
        (&refused["outcome"], &refused["done"]),
        (&json!("exception"), &json!("nothing")),
        "{refused}"
    );
    assert_eq!(refused["refused"]["code"], "parcel.invalid_transition");
    assert!(refused["allowed_next"].as_array().unwrap().contains(&json!("at_depot")), "{refused}");
    assert_eq!(floor.parcel("A-3")["status"], "announced");
    assert_eq!(floor.scan("CMD:DONE")["done"], "cleared");
    assert_eq!(floor.scan("A-3")["status"], "at_depot");
    let odd = floor.scan("CMD:DANCE");
    assert_eq!((&odd["outcome"], &odd["done"]), (&json!("exception"), &json!("nothing")));
    floor.sound();
}

#[test]
fn a_command_that_found_no_parcel_in_time_is_forgotten() {
    let floor = Floor::new();
    floor.announce("A-1");
    floor.scan("CMD:DAMAGED");
    floor.wait(Duration::from_secs(10 * 60));
    let told = floor.scan("A-1");
    assert_eq!((&told["status"], &told["parcel"]["issues"]), (&json!("at_depot"), &json!([])), "{told}");
}

#[test]
fn a_place_is_where_parcels_are_put_until_it_is_done() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    assert_eq!(floor.scan("LOC:A-03")["place"], "A-03");
    let told = floor.scan(NUMBER);
    assert_eq!((&told["parcel"]["location"]["line"], &told["done"]), (&json!("A-03"), &json!("moved")));
    assert_eq!(floor.scan(NUMBER)["outcome"], "duplicate");
    floor.scan("LOC:B-17");
    let told = floor.scan(NUMBER);
    assert_eq!(
        (&told["done"], &told["parcel"]["location"]["line"]),
        (&json!("confirmed"), &json!("B-17")),
        "{told}"
    );
    assert_eq!(told["parcel"]["status"], "at_depot");
    assert_eq!(floor.scan("CMD:DONE")["place"], Value::Null);
    floor.sound();
}

#[test]
fn undo_takes_back_the_station_s_last_scan_whatever_it_was() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    floor.scan("CMD:DAMAGED");
    floor.scan(NUMBER);
    assert_eq!(floor.cases().len(), 1);
    let undone = floor.scan("CMD:UNDO");
    assert_eq!((&undone["outcome"], &undone["done"]), (&json!("ok"), &json!("undone")), "{undone}");
    assert_eq!((&undone["parcel"]["status"], &undone["parcel"]["issues"]), (&json!("announced"), &json!([])));
    assert_eq!(undone["pending"]["action"], "DAMAGED", "the command waits for its parcel again");
    assert_eq!(floor.cases(), Vec::<Value>::new(), "the case went with its fact");
    // Once only, and never another station's.
    assert_eq!(floor.scan("CMD:UNDO")["outcome"], "exception");
    floor.scan("CMD:DONE");
    floor.scan("CMD:LOAD");
    assert_eq!(floor.scan("CMD:UNDO")["pending"], Value::Null);
    floor.scan(NUMBER);
    let other = floor.post(&json!({ "code": "CMD:UNDO", "station": "ramp" })).json;
    assert_eq!(other["outcome"], "exception", "{other}");
    assert_eq!(floor.parcel(NUMBER)["status"], "at_depot");
    floor.wait(Duration::from_secs(3_600));
    assert_eq!(floor.scan("CMD:UNDO")["outcome"], "exception", "an hour later it is a matter for the desk");
    assert_eq!(floor.parcel(NUMBER)["status"], "at_depot");
    floor.sound();
}

#[test]
fn a_code_nobody_knows_becomes_a_case_when_asked_and_is_settled_by_its_data() {
    let floor = Floor::new();
    let told = floor.scan("340123450000000017");
    assert_eq!(
        (&told["outcome"], &told["offer"]),
        (&json!("unknown"), &json!("piece_without_data")),
        "{told}"
    );
    assert!(floor.cases().is_empty(), "only when asked");
    let told = floor.scan("CMD:PIECE");
    assert_eq!((&told["done"], &told["outcome"]), (&json!("case_opened"), &json!("exception")), "{told}");
    let cases = floor.cases();
    assert_eq!((cases.len(), &cases[0]["reason"]), (1, &json!("piece_without_data")), "{cases:?}");
    assert_eq!(
        (&cases[0]["id"], &cases[0]["subject"]["label"]),
        (&told["case"], &json!("340123450000000017"))
    );
    // The flag does the same, for the same piece once, however its label is read.
    let sent = json!({ "code": "]C100340123450000000017", "station": "gate", "open_case": true });
    assert_eq!(floor.post(&sent).json["case"], told["case"]);
    assert_eq!(floor.cases().len(), 1);
    // Its data comes: the piece is a parcel, and its case is done.
    floor.announce("340123450000000017");
    assert_eq!(floor.scan("(00)340123450000000017")["done"], "moved");
    assert!(floor.cases().is_empty());
    // A mistyped number says so. CMD:PIECE after anything else has nothing to open.
    let broken = floor.scan("RB123456786GB");
    assert!(broken["message"].as_str().unwrap().contains("check digit is wrong"), "{broken}");
    floor.scan("CMD:PIECE");
    assert_eq!(floor.cases().len(), 1);
    assert_eq!(floor.scan("CMD:UNDO")["done"], "undone");
    assert!(floor.cases().is_empty());
    assert_eq!(floor.scan("CMD:PIECE")["done"], "nothing");
    floor.sound();
}

#[test]
fn a_number_on_two_parcels_is_asked_about_and_an_ended_one_stands_back() {
    let floor = Floor::new();
    let order = |number: &str| {
        let new = json!({ "tracking_number": number, "order_ref": "ORDER-9" });
        text(&floor.depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id")
    };
    let (first, second) = (order("A-1"), order("A-2"));
    let told = floor.scan("ORDER-9");
    assert_eq!((&told["outcome"], &told["done"]), (&json!("exception"), &json!("nothing")), "{told}");
    assert_eq!(told["choices"].as_array().unwrap().len(), 2);
    assert_eq!(floor.scan(&second)["parcel_id"], json!(second));
    let path = format!("/parcels/{first}/events");
    floor.depot.itself(FIRST_TENANT, "POST", &path).body(&json!({ "status": "cancelled" })).gives(200);
    assert_eq!(floor.scan("ORDER-9")["parcel_id"], json!(second));
    let ended = floor.scan("A-1");
    assert_eq!(
        (&ended["outcome"], &ended["refused"]["code"]),
        (&json!("exception"), &json!("parcel.invalid_transition"))
    );
}

#[test]
fn the_station_remembers_which_of_several_readings_was_meant() {
    let floor = Floor::new();
    let code = "287809468872";
    assert_eq!(floor.scan(code)["readings"][0]["form"], "purolator.12");
    let chosen = json!({ "code": code, "station": "gate", "reading": "text" });
    assert_eq!(floor.post(&chosen).json["readings"][0]["form"], "text");
    assert_eq!(floor.scan(code)["readings"][0]["form"], "text");
    let wrong = floor.post(&json!({ "code": code, "station": "gate", "reading": "upu.s10" }));
    assert_eq!(wrong.problem(), (422, "scan.invalid"));
    assert!(wrong.text.contains("purolator.12"), "{wrong:?}");
}

#[test]
fn a_batch_is_taken_with_its_own_times_and_a_verdict_for_each_row() {
    let floor = Floor::new();
    for number in ["A-1", "A-2", "A-3"] {
        floor.announce(number);
    }
    // While the batch scanner was offline, A-3 was delivered.
    floor.wait(Duration::from_secs(3_600));
    let step = |name: &str, status: &str| {
        let path = format!("/parcels/{name}/events");
        floor.depot.itself(FIRST_TENANT, "POST", &path).body(&json!({ "status": status })).gives(200);
    };
    step("A-3", "at_depot");
    step("A-3", "out_for_delivery");
    let row = |code: &str, id: &str, s: i64| json!({ "code": code, "scan_id": id, "at": ago(-s) });
    let rows = vec![
        row("A-1", "1", 1_000),
        row("A-1", "2", 1_001),
        row("CMD:DAMAGED", "3", 1_010),
        row("A-2", "4", 1_012),
        row("NOBODY'S", "5", 1_020),
        row("A-3", "6", 1_030),
        row("A-3", "7", 9_000),
        row("CMD:DANCE", "8", 1_040),
    ];
    let sent = json!({ "station": "hand 4", "rows": rows });
    let post = || floor.depot.ask(&floor.clerk(), "POST", "/scan/batch").body(&sent).gives(200).json;
    let told = post();
    let of = |n: usize, field: &str| told["results"][n]["scan"][field].clone();
    let outcomes: Vec<Value> = (0..8).map(|n| of(n, "outcome")).collect();
    let expected = ["ok", "duplicate", "ok", "ok", "unknown", "ok", "", "exception"];
    for (n, outcome) in expected.iter().enumerate().filter(|(_, o)| !o.is_empty()) {
        assert_eq!(outcomes[n], json!(outcome), "row {n}: {}", told["results"][n]);
    }
    assert_eq!(told["results"][6]["refused"]["code"], "scan.invalid", "{}", told["results"][6]);
    assert!(told["results"][6]["refused"]["detail"].as_str().unwrap().contains("future"));
    let counts = ["ok", "exceptions", "unknown", "duplicates", "refused"].map(|c| told[c].as_u64().unwrap());
    assert_eq!(counts, [4, 1, 1, 1, 1]);
    // Each took effect when it was scanned; the late arrival of A-3 moved nothing back.
    assert_eq!(floor.parcel("A-1")["since"], ago(-1_000));
    assert_eq!(floor.parcel("A-2")["issues"][0]["reason"], "damaged");
    assert_eq!(floor.parcel("A-3")["status"], "out_for_delivery");
    // The scanner sends it all again after a lost answer.
    let parcels: Vec<Value> = ["A-1", "A-2", "A-3"].map(|n| floor.parcel(n)).to_vec();
    let again = post();
    assert!((0..8).filter(|n| *n != 6).all(|n| again["results"][n]["repeated"] == true), "{again}");
    assert_eq!(["A-1", "A-2", "A-3"].map(|n| floor.parcel(n)).to_vec(), parcels);
    floor.sound();
}

#[test]
fn a_late_scan_that_contradicts_what_is_known_is_kept_and_says_so() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    floor
        .depot
        .itself(FIRST_TENANT, "POST", &format!("/parcels/{NUMBER}/events"))
        .body(&json!({ "status": "cancelled" }))
        .gives(200);
    floor.wait(Duration::from_secs(3_600));
    let sent = json!({ "code": NUMBER, "station": "hand", "at": ago(-600) });
    let told = floor.post(&sent).json;
    assert_eq!((&told["outcome"], &told["done"]), (&json!("exception"), &json!("moved")), "{told}");
    assert_eq!(
        (&told["status"], &told["parcel"]["issues"][0]["reason"]),
        (&json!("cancelled"), &json!("status_conflict"))
    );
    floor.sound();
}

#[test]
fn what_is_wrong_with_a_parcel_is_told_of_where_it_was_and_never_of_one_whose_way_has_ended() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    floor.scan(NUMBER);
    floor.wait(Duration::from_secs(3_600));
    let path = format!("/parcels/{NUMBER}/events");
    let step = |status: &str| {
        floor.depot.itself(FIRST_TENANT, "POST", &path).body(&json!({ "status": status })).gives(200)
    };
    step("out_for_delivery");
    // Damaged while it lay at the depot, reported by a scanner that was offline: it does not come back from its tour.
    let row = |code: &str, s: i64| json!({ "code": code, "station": "hand", "at": ago(-s) });
    let rows = json!({ "rows": [row("CMD:DAMAGED", 600), row(NUMBER, 610)] });
    let told = floor.depot.ask(&floor.clerk(), "POST", "/scan/batch").body(&rows).gives(200).json;
    assert_eq!(told["results"][1]["scan"]["done"], "confirmed", "{told}");
    let parcel = floor.parcel(NUMBER);
    assert_eq!(
        (&parcel["status"], &parcel["flags"]),
        (&json!("out_for_delivery"), &json!(["damaged"])),
        "{parcel}"
    );
    step("delivered");
    let before = floor.parcel(NUMBER);
    floor.scan("CMD:REFUSED");
    let told = floor.scan(NUMBER);
    assert_eq!(
        (&told["outcome"], &told["refused"]["code"]),
        (&json!("exception"), &json!("parcel.invalid_transition"))
    );
    assert_eq!(floor.parcel(NUMBER), before);
    assert_eq!(told["pending"], Value::Null, "what was refused does not wait for the next parcel");
    floor.sound();
}

#[test]
fn answers_and_stations_are_let_go_of_by_age() {
    let floor = Floor::new();
    let sent = json!({ "code": "LOC:A-03", "station": "gate", "scan_id": "g-1" });
    assert_eq!(floor.post(&sent).json["place"], "A-03");
    let would_go = |name: &str| {
        let all = floor.depot.itself(FIRST_TENANT, "GET", "/retention").gives(200).json;
        let all = all.as_array().or_else(|| all["items"].as_array()).unwrap().clone();
        all.into_iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{name} is not kept by age"))["rows"].clone()
    };
    floor.wait(Duration::from_secs(30 * 24 * 3_600));
    assert_eq!((would_go("scans"), would_go("scan_stations")), (json!(0), json!(0)));
    floor.wait(Duration::from_millis(1));
    assert_eq!((would_go("scans"), would_go("scan_stations")), (json!(1), json!(1)));
}

#[test]
fn resolving_has_no_effect_and_tells_whose_it_is() {
    let floor = Floor::new();
    let id = floor.announce(NUMBER);
    let ask = |code: &str| {
        let path = format!("/scan/resolve?code={code}");
        floor.depot.ask(&floor.clerk(), "GET", &path).gives(200).json
    };
    let told = ask("%5DC0RB123456785GB");
    assert_eq!((&told["symbol"], &told["parcel"]["id"]), (&json!("Code 128"), &json!(id)), "{told}");
    assert_eq!(ask("1Z12345E0205271688")["readings"][0]["holds"], false);
    assert_eq!(ask("CMD:DAMAGED")["readings"][0]["form"], "crossdock.command");
    assert_eq!(ask("")["readings"], json!([]));
    let elements = ask("(00)340123450000000017(37)24");
    assert_eq!(elements["elements"][1]["title"], "count", "{elements}");
    assert_eq!(floor.parcel(NUMBER)["status"], "announced");
}

#[test]
fn only_what_lies_in_one_s_scope_is_found() {
    let floor = Floor::new();
    floor.announce(NUMBER);
    let narrow = json!({ "scope": { "distributors": ["foo"] } });
    floor.depot.user(FIRST_TENANT, "pat", "clerk", narrow);
    let pat = floor.depot.token("pat");
    let told = floor.depot.ask(&pat, "POST", "/scan").body(&json!({ "code": NUMBER })).gives(200).json;
    assert_eq!((&told["outcome"], &told["parcel"]), (&json!("unknown"), &Value::Null), "{told}");
    let told = floor.depot.ask(&pat, "GET", &format!("/scan/resolve?code={NUMBER}")).gives(200).json;
    assert_eq!(told["parcel"], Value::Null);
    assert_eq!(floor.parcel(NUMBER)["status"], "announced");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_place_and_the_remedy() {
    let floor = Floor::new();
    let long = "x".repeat(65);
    for (body, place) in [
        (json!({ "code": " " }), "/code"),
        (json!({ "code": "9".repeat(1_025) }), "/code"),
        (json!({ "code": "x", "station": long }), "/station"),
        (json!({ "code": "x", "scan_id": "" }), "/scan_id"),
        (json!({ "code": "x", "at": ago(-3_600) }), "/at"),
    ] {
        let answer = floor.post(&body);
        assert_eq!(answer.problem(), (422, "scan.invalid"), "{body}");
        assert!(answer.text.contains(place), "{answer:?}");
    }
    let batch = |n: usize| {
        let rows: Vec<Value> = (0..n).map(|i| json!({ "code": format!("N{i}") })).collect();
        floor.depot.ask(&floor.clerk(), "POST", "/scan/batch").body(&json!({ "rows": rows })).send()
    };
    assert_eq!(batch(500).json["unknown"], 500);
    assert_eq!(batch(501).problem(), (422, "scan.invalid"));
    assert_eq!(batch(0).problem(), (422, "scan.invalid"));
}

#[test]
fn there_are_so_many_stations_and_no_more() {
    let floor = Floor::new();
    let rows = |from: usize, n: usize| -> Vec<Value> {
        (from..from + n).map(|i| json!({ "code": "LOC:A", "station": format!("s{i}") })).collect()
    };
    let batch = |rows: Vec<Value>| {
        floor.depot.ask(&floor.clerk(), "POST", "/scan/batch").body(&json!({ "rows": rows })).gives(200).json
    };
    assert_eq!(batch(rows(0, 500))["ok"], 500);
    let full = floor.post(&json!({ "code": "LOC:A", "station": "one more" }));
    assert_eq!(full.problem(), (429, "scan.stations"));
    assert_eq!(batch(rows(499, 2))["refused"], 1);
}

#[test]
fn a_paper_waybill_with_a_wrong_check_digit_is_taken_as_written_only_with_a_reason() {
    let floor = Floor::new();
    let id = floor.announce("02012345678");
    let told = floor.scan("020-12345678");
    assert_eq!(told["outcome"], "unknown", "{told}");
    floor.wait(Duration::from_secs(3));
    let send = |accept: Value, reading: Value| {
        floor
            .post(&json!({ "code": "020-12345678", "station": "gate", "reading": reading, "accept": accept }))
    };
    assert_eq!(send(json!(" "), json!("iata.awb")).json["errors"][0]["pointer"], "/accept");
    assert_eq!(send(json!("paper AWB"), Value::Null).json["errors"][0]["pointer"], "/reading");
    let taken = send(json!("paper AWB, checked with the airline"), json!("iata.awb"));
    assert_eq!(
        (taken.status, &taken.json["parcel_id"], &taken.json["done"]),
        (200, &json!(id), &json!("moved")),
        "{taken:?}"
    );
    let history = floor.depot.itself(FIRST_TENANT, "GET", &format!("/parcels/{id}/history")).gives(200);
    assert!(history.text.contains("accepted as written: paper AWB, checked with the airline"), "{history:?}");
    // The next one is judged by its check digit again.
    let next = floor.scan("020-22345678");
    assert_eq!(next["outcome"], "unknown", "{next}");
}
