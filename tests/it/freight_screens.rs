//! The screens of air freight, by hand of a browser without scripts: who works a waybill, who pays, who may only look.

use crossdock::base::clock::Timestamp;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, depot, text};

const PDF: &str = "%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n";

fn staffed() -> Depot {
    let depot = depot();
    for role in ["import_agent", "broker", "accounts", "auditor", "supervisor", "clerk"] {
        depot.user(FIRST_TENANT, &format!("a_{role}"), role, json!({ "password": PASSWORD }));
    }
    depot
}

fn person(depot: &Depot, role: &str) -> Person {
    Person::logged_in(depot, &format!("a_{role}"), PASSWORD)
}

fn ask(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

#[test]
fn an_agent_works_a_waybill_accounts_pay_its_bill_and_a_viewer_is_neither_shown_nor_allowed_it() {
    let depot = staffed();
    let agent = person(&depot, "import_agent");
    let wrong = agent.post("/mawbs/new", &[("mawb", "020-12345678"), ("pieces", "10")]);
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text.contains("should be 5") && wrong.text.contains("value=\"020-12345678\""),
        "{}",
        wrong.text
    );
    let new = [
        ("mawb", "020-12345675"),
        ("origin", "fra"),
        ("destination", "lhr"),
        ("pieces", "10"),
        ("weight_kg", "250.5"),
        ("flight", "LH900"),
        ("eta", "2026-11-24T06:00"),
        ("consignee", "Ana <Lda>"),
    ];
    let page = agent.does("/mawbs/new", &new);
    let said = page.page().text();
    for part in ["020-12345675", "check digit 5 holds", "250.5 kg", "Ana <Lda>", "FRA", "LHR"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let id = text(&ask(&depot, "/mawbs/020-12345675"), "id");
    let at = format!("/mawbs/{id}");
    // What is missing is named, on the page and when somebody goes on all the same.
    assert!(said.contains("documents are missing: mawb, hawb, manifest, invoice"), "{said}");
    let held = agent.post(&format!("{at}/advance"), &[("step", "pre_alert")]);
    assert_eq!(held.status, 409);
    assert!(held.text.contains("documents are missing"), "{}", held.text);
    let forced = [("step", "pre_alert"), ("force", "1"), ("reason", "by courier")];
    assert_eq!(agent.post(&format!("{at}/advance"), &forced).status, 403, "forcing takes a right of its own");
    for kind in ["mawb", "manifest", "hawb", "invoice"] {
        let came = agent.upload(&format!("{at}/documents"), &[("type", kind)], PDF);
        assert_eq!(came.location(), format!("{at}?done=saved"));
    }
    assert_eq!(ask(&depot, &format!("/workflows/mawb/{id}"))["current"], "entry");
    let program = agent.upload(&format!("{at}/documents"), &[("type", "other")], "MZ\u{1} no document");
    assert_eq!(program.status, 415, "{program:?}");
    assert!(program.page().faults(&program.text).is_empty(), "{:?}", program.page().faults(&program.text));
    assert!(program.text.contains("a program"), "{}", program.text);
    let page = agent.does(&format!("{at}/report"), &[("code", "RCF"), ("pieces", "6"), ("station", "LHR")]);
    assert!(page.page().text().contains("RCF 6 of 10"), "{}", page.text);
    let broker = person(&depot, "broker");
    let page = broker.does(&format!("{at}/customs"), &[("entry_number", "26GB0001")]);
    assert!(page.text.contains("26GB0001"));
    broker.does(&format!("{at}/customs"), &[("hold", "papers unclear")]);
    assert!(agent.get(&at).text.contains("papers unclear"));
    assert_eq!(agent.post(&format!("{at}/customs"), &[("release", "1")]).status, 403);

    let accounts = person(&depot, "accounts");
    let bill = [
        ("kind", "isc"),
        ("bill", "B-4711"),
        ("amount", "45.00"),
        ("currency", "gbp"),
        ("due", "2026-12-01"),
    ];
    let page = accounts.does(&format!("{at}/bills"), &bill);
    assert!(page.page().text().contains("45.00 GBP"), "{}", page.text);
    let wrong = accounts.post(
        &format!("{at}/bills"),
        &[("kind", "isc"), ("bill", "B"), ("amount", "4,5"), ("currency", "GBP")],
    );
    assert_eq!(wrong.status, 422);
    let bill = text(&ask(&depot, &format!("/bills?mawb={id}"))["items"][0], "id");
    accounts.upload(&format!("{at}/documents"), &[("type", "isc_receipt")], PDF);
    let papers = ask(&depot, &format!("/attachments?subject=mawb&id={id}"));
    let receipt = papers.as_array().unwrap().iter().find(|a| a["type"] == "isc_receipt").unwrap();
    let receipt = text(receipt, "id");
    assert!(accounts.get(&at).page().all("option", "value").contains(&receipt));

    // A viewer sees all of it and is offered nothing; what they send all the same is refused.
    let auditor = person(&depot, "auditor");
    let seen = auditor.get(&at);
    assert!(seen.page().text().contains("B-4711") && seen.page().text().contains("RCF 6 of 10"));
    let offered: Vec<String> = seen
        .page()
        .all("form", "action")
        .into_iter()
        .filter(|a| !["/logout", "/find"].contains(&a.as_str()))
        .collect();
    assert!(offered.iter().all(|a| *a == at), "{offered:?}");
    let no = [("version", "1"), ("step", "entry"), ("receipt", receipt.as_str()), ("code", "DLV")];
    for path in ["advance", "report", "pickup", "lfd", "units", "customs", "unfile", "bills"] {
        assert_eq!(auditor.post(&format!("{at}/{path}"), &no).status, 403, "{path}");
    }
    assert_eq!(auditor.upload(&format!("{at}/documents"), &[("type", "other")], PDF).status, 403);
    for path in ["pay", "match", "void"] {
        assert_eq!(auditor.post(&format!("/bills/{bill}/{path}"), &no).status, 403, "{path}");
    }
    assert_eq!(auditor.post("/procedure/add", &no).status, 403);
    assert_eq!(ask(&depot, &format!("/bills/{bill}"))["paid_at"], Value::Null);
    // Whose trade it is not does not even see it.
    assert!(!agent.get(&at).text.contains("B-4711"));
    assert_eq!(agent.get("/bills").status, 403);
    assert_eq!(agent.post(&format!("/bills/{bill}/pay"), &no).status, 403);
    assert_eq!(person(&depot, "clerk").get(&at).status, 403);

    let page = accounts.does(&format!("/bills/{bill}/pay"), &[("mawb", &id), ("receipt", &receipt)]);
    assert!(page.page().text().contains("paid"), "{}", page.text);
    let paid = ask(&depot, &format!("/bills/{bill}"));
    assert_eq!((paid["paid_at"].is_null(), &paid["receipt"]), (false, &json!(receipt)));
    assert_eq!(accounts.post(&format!("/bills/{bill}/pay"), &[]).status, 409, "it is paid");
    accounts.does(&format!("/bills/{bill}/match"), &[]);
    assert!(accounts.get("/bills?all=1").page().text().contains("paid and matched"));
    assert!(!accounts.get("/bills").text.contains("B-4711"), "nothing is to be paid");
    // The supervisor forces, with a reason that stays.
    let supervisor = person(&depot, "supervisor");
    assert_eq!(supervisor.post(&format!("{at}/advance"), &[("step", "customs"), ("force", "1")]).status, 422);
    let page = supervisor
        .does(&format!("{at}/advance"), &[("step", "customs"), ("force", "1"), ("reason", "told by phone")]);
    assert!(page.page().text().contains("told by phone"), "{}", page.text);
    let gone = agent.does(&format!("{at}/unfile"), &[("document", &receipt), ("version", "1")]);
    assert!(gone.page().text().contains("Removed."));
}

#[test]
fn the_list_filters_and_the_board_says_what_each_day_costs() {
    let depot = staffed();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let put = |path: &str, body: &Value| depot.itself(FIRST_TENANT, "PUT", path).body(body).gives(200);
    let post = |path: &str, body: &Value| depot.itself(FIRST_TENANT, "POST", path).body(body).send().json;
    put(
        "/terminals",
        &json!({ "code": "LHR", "zone": "Europe/London", "free": { "days": 2, "counts_from": "received" },
            "storage": { "currency": "GBP", "minimum": 2000, "steps": [{ "from_day": 1, "per_kg_thousandths": 25000 }] } }),
    );
    let new = json!({ "number": "020-12345675", "pieces": 2, "weight_kg": 100, "destination": "LHR", "eta": "2026-11-21T08:00:00Z" });
    let old = text(&post("/mawbs", &new), "id");
    post(
        "/mawbs",
        &json!({ "number": "176-72160723", "pieces": 1, "destination": "CDG", "eta": "2026-11-30T08:00:00Z" }),
    );
    let list = |query: &str| {
        let text = admin.get(&format!("/mawbs?{query}")).page().text();
        (text.contains("020-12345675"), text.contains("176-72160723"))
    };
    assert_eq!(list(""), (true, true));
    assert_eq!(list("airline=176"), (false, true));
    assert_eq!(list("station=lhr"), (true, false));
    assert_eq!(list("state=booked&number=176-7"), (false, true));
    assert_eq!(list("late=1"), (true, false), "its flight should have been here");
    assert_eq!(list("soon=1"), (false, false));
    assert_eq!(admin.get("/mawbs?state=lost").status, 422);
    for code in ["ARR", "RCF"] {
        post(&format!("/mawbs/{old}/events"), &json!({ "code": code, "station": "LHR" }));
    }
    assert_eq!((list("late=1"), list("soon=1")), ((false, false), (true, false)));
    depot.clock.set(Timestamp::parse("2026-11-26T10:00:00Z", &jiff::tz::TimeZone::UTC).unwrap());
    // A log-in is a day old by then.
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let page = admin.get("/mawbs?late=1").page().text();
    assert!(page.contains("020-12345675") && page.contains("4 days over"), "{page}");
    let board = admin.get("/mawbs/clocks?order=money");
    let said = board.page().text();
    assert!(said.contains("100.00 GBP") && said.contains("25.00 GBP") && said.contains("Storage"), "{said}");
    assert!(!admin.get("/mawbs/clocks?kind=detention").page().text().contains("020-12345675"));
    assert_eq!(admin.get("/mawbs/clocks?kind=tea").status, 422);
    let json = ask(&depot, "/airfreight/clocks?kind=storage&order=money");
    assert_eq!(
        (&json["clocks"][0]["today"]["minor"], &json["a_day_more"][0]["minor"]),
        (&json!(10_000), &json!(2_500)),
        "{json}"
    );
    let cost = admin.get(&format!("/mawbs/{old}?on=2026-12-10")).page().text();
    assert!(cost.contains("10 Dec") && cost.contains("450.00 GBP"), "{cost}");
    let set = admin
        .does(&format!("/mawbs/{old}/lfd"), &[("day", "2026-11-30"), ("reason", "agreed with the handler")]);
    assert!(set.page().text().contains("agreed with the handler"));
    assert!(!admin.get("/mawbs?late=1").page().text().contains("020-12345675"));
    assert_eq!(
        admin.post(&format!("/mawbs/{old}/lfd"), &[("day", "2026-11-30")]).status,
        422,
        "without a reason"
    );
}

#[test]
fn the_procedure_is_changed_step_by_step_and_what_runs_keeps_its_version() {
    let depot = staffed();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let post = |path: &str, body: &Value| depot.itself(FIRST_TENANT, "POST", path).body(body).gives(201).json;
    let old = text(&post("/mawbs", &json!({ "number": "020-12345675" })), "id");
    let page = admin.get("/procedure");
    let said = page.page().text();
    for part in [
        "Pre-alert complete",
        "24 h before: expected arrival",
        "3 d before the last free day, 08:00",
        "every working day at 08:00, 14:00",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let version = |path: &str| admin.get(path).page().attribute("input", "name", "version", "value").unwrap();
    let step = [
        ("version", "0"),
        ("name", "Papers complete"),
        ("role", "broker"),
        ("auto", "1"),
        ("after", "created"),
        ("file", "invoice"),
        ("file", "mawb"),
        ("due-form", "on_day"),
        ("due-of", "lfd"),
        ("due-n", "-1"),
        ("due-at", "9"),
        ("a0-kind", "task"),
        ("a0-text", "look at them"),
        ("r0-form", "hours"),
        ("r0-of", "eta"),
        ("r0-n", "-3"),
        ("r0-text", "papers are missing"),
        ("r0-while", "files"),
        ("r0-early", "1"),
    ];
    let page = admin.does("/procedure/pre_alert", &step);
    for part in [
        "Papers complete",
        "3 h before: expected arrival",
        "look at them",
        "1 d before the last free day, 09:00",
    ] {
        assert!(page.page().text().contains(part), "{part}: {}", page.text);
    }
    let steps = ask(&depot, "/workflow-steps");
    let kept = &steps["steps"][1];
    assert_eq!((&steps["version"], &kept["role"]), (&json!(2), &json!("broker")));
    assert_eq!(kept["guards"], json!([{ "files": ["invoice", "mawb"] }]));
    assert_eq!(kept["reminders"][0]["while_missing"], json!({ "files": ["invoice", "mawb"] }));
    assert_eq!(admin.post("/procedure/pre_alert", &step).status, 412, "seen an old one");
    let odd = [
        ("version", version("/procedure/pre_alert")),
        ("name", "x".into()),
        ("role", "broker".into()),
        ("r0-form", "each".into()),
        ("r0-of", "eta".into()),
        ("r0-at", "8, 99".into()),
        ("r0-text", "t".into()),
    ];
    let odd: Vec<(&str, &str)> = odd.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let refused = admin.post("/procedure/pre_alert", &odd);
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("no hour of a day"), "{}", refused.text);
    admin.does(
        "/procedure/add",
        &[
            ("version", &version("/procedure")),
            ("key", "archive"),
            ("name", "Archive it"),
            ("role", "accounts"),
        ],
    );
    admin.does("/procedure/archive/move", &[("version", &version("/procedure")), ("to", "up")]);
    let before = admin.post("/procedure/created/move", &[("version", &version("/procedure")), ("to", "out")]);
    assert_eq!(before.status, 422, "others come after it");
    let steps = ask(&depot, "/workflow-steps");
    let keys: Vec<&str> =
        steps["steps"].as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap()).collect();
    assert_eq!((keys.len(), keys[12], keys[13]), (14, "archive", "closed"));
    assert_eq!(admin.get("/procedure/none").status, 404);
    let new = text(&post("/mawbs", &json!({ "number": "176-72160723" })), "id");
    let flow = |id: &str| ask(&depot, &format!("/workflows/mawb/{id}"));
    assert_eq!((&flow(&old)["version"], &flow(&new)["version"]), (&json!(1), &json!(4)));
    assert!(admin.get(&format!("/mawbs/{old}")).page().text().contains("Pre-alert complete"));
    assert!(admin.get(&format!("/mawbs/{new}")).page().text().contains("Archive it"));
    let supervisor = person(&depot, "supervisor");
    assert!(
        !supervisor.get("/procedure").text.contains("/procedure/created"),
        "who may only look is offered nothing"
    );
    assert_eq!(supervisor.get("/procedure/created").status, 403);
}
