//! The shift report: what came in and went out, what was done about cases, by whom; within what its reader may see.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock::base::clock::Timestamp;
use crossdock::cases::reasons::Reason;
use crossdock::identity::grant::Scope;
use crossdock::parcels::model::Status;
use crossdock::reports::engine::Asked;
use crossdock::reports::shift::{Did, OfReason, Shift, Window, count};
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, depot, text};

fn counted(depot: &Depot, scope: Scope, from: &str, to: &str) -> Shift {
    let at = |t: &str| Timestamp::parse(t, &jiff::tz::TimeZone::UTC).unwrap();
    let asked = Asked {
        store: depot.running().app.store.clone(),
        tenant: FIRST_TENANT,
        scope,
        now: depot.clock.now(),
    };
    count(&asked, Window { from: at(from), to: at(to) }).unwrap()
}

/// A morning: two people, four parcels, three cases; then an afternoon.
fn furnished() -> (Depot, [u32; 2]) {
    let depot = depot();
    let works = |login: &str, name: &str| {
        depot.user(FIRST_TENANT, login, "supervisor", json!({ "password": PASSWORD, "name": name }));
        depot.token(login)
    };
    let (cleo, dora) = (works("cleo", "Cleo Clark"), works("dora", "Dora Dee"));
    let does = |token: &str, path: &str, body: Value, status: u16| {
        let asked = depot.ask(token, "POST", path);
        let asked = if body.is_null() { asked } else { asked.body(&body) };
        asked.gives(status).json
    };
    let parcel = |token: &str, number: &str, distributor: &str| {
        does(token, "/parcels", json!({ "tracking_number": number, "distributor": distributor }), 201);
    };
    let moved = |token: &str, number: &str, status: &str| {
        does(
            token,
            &format!("/parcels/{number}/events"),
            json!({ "status": status, "reason": "so it is" }),
            200,
        );
    };
    parcel(&cleo, "S0000001", "foo");
    parcel(&cleo, "S0000002", "foo");
    parcel(&dora, "S0000003", "bar");
    for n in 1..=3 {
        moved(&cleo, &format!("S000000{n}"), "at_depot");
    }
    moved(&dora, "S0000001", "out_for_delivery");
    moved(&dora, "S0000001", "attempted");
    moved(&dora, "S0000001", "out_for_delivery");
    does(&dora, "/parcels/S0000002/notes", json!({ "text": "wet" }), 201);
    let case = |token: &str, number: &str, reason: &str| {
        text(&does(token, "/cases", json!({ "reason": reason, "subject": number }), 201), "id")
    };
    let (damaged, weather, open) = (
        case(&cleo, "S0000002", "damaged"),
        case(&cleo, "S0000003", "weather"),
        case(&dora, "S0000003", "damaged"),
    );
    does(&cleo, &format!("/cases/{damaged}/acknowledge"), Value::Null, 200);
    does(
        &dora,
        &format!("/cases/{damaged}/resolve"),
        json!({ "resolution": "solved", "note": "dried" }),
        200,
    );
    assert!(!open.is_empty());
    depot.wait(Duration::from_secs(5 * 3_600));
    // The afternoon's; who worked in the morning has to show themselves anew.
    let cleo = depot.token("cleo");
    moved(&cleo, "S0000001", "delivered");
    does(&cleo, &format!("/cases/{weather}/resolve"), json!({ "resolution": "solved" }), 200);
    let store = &depot.running().app.store;
    let numbers = ["cleo", "dora"].map(|login| {
        let all = store.read(FIRST_TENANT, |tx| crossdock::identity::repo::all(tx, 100)).unwrap();
        all.into_iter().find(|u| u.login == login).unwrap().number
    });
    (depot, numbers)
}

#[test]
fn a_shift_tells_what_was_done_in_it_and_by_whom_and_the_next_tells_the_rest() {
    let (depot, [cleo, dora]) = furnished();
    let morning = counted(&depot, Scope::Tenant, "2026-11-21T06:00:00Z", "2026-11-21T14:00:00Z");
    let expected =
        BTreeMap::from([(Status::AtDepot, 3), (Status::OutForDelivery, 1), (Status::Attempted, 1)]);
    assert_eq!(
        (&morning.moved, morning.announced, morning.told),
        (&expected, 3, 0),
        "each parcel once a status"
    );
    let cases = BTreeMap::from([
        (Reason::Damaged, OfReason { opened: 2, resolved: 1, open: 1 }),
        (Reason::Weather, OfReason { opened: 1, resolved: 0, open: 1 }),
    ]);
    let manual: BTreeMap<_, _> =
        morning.cases.iter().filter(|(r, _)| cases.contains_key(r)).map(|(r, of)| (*r, *of)).collect();
    assert_eq!(manual, cases);
    let of = |who: u32| morning.people.get(&who).copied().unwrap_or_default();
    assert_eq!(of(cleo), Did { scans: 3, announced: 2, taken: 1, resolved: 0, notes: 0 });
    assert_eq!(of(dora), Did { scans: 3, announced: 1, taken: 0, resolved: 1, notes: 2 });

    let late = counted(&depot, Scope::Tenant, "2026-11-21T14:00:00Z", "2026-11-21T22:00:00Z");
    assert_eq!(late.moved, BTreeMap::from([(Status::Delivered, 1)]));
    assert_eq!(late.cases[&Reason::Weather], OfReason { opened: 0, resolved: 1, open: 0 });
    assert_eq!(late.cases[&Reason::Damaged], OfReason { opened: 0, resolved: 0, open: 1 });
    assert_eq!(late.people[&cleo], Did { scans: 1, announced: 0, taken: 0, resolved: 1, notes: 0 });
    assert!(!late.people.contains_key(&dora));
    let before = counted(&depot, Scope::Tenant, "2026-11-20T22:00:00Z", "2026-11-21T06:00:00Z");
    assert_eq!((before.moved.len(), before.announced), (0, 0));

    // A partner's: what is theirs, and nobody's name.
    let bar = Scope::Distributors(vec!["bar".into()]);
    let theirs = counted(&depot, bar, "2026-11-21T06:00:00Z", "2026-11-21T14:00:00Z");
    assert_eq!(theirs.moved, BTreeMap::from([(Status::AtDepot, 1)]));
    assert_eq!((theirs.announced, theirs.people.len()), (1, 0));
    assert_eq!(theirs.cases[&Reason::Damaged], OfReason { opened: 1, resolved: 0, open: 1 });
}

#[test]
fn the_sheet_speaks_three_languages_and_is_for_those_who_run_reports() {
    let (depot, _) = furnished();
    let path = "/reports/shift?day=2026-11-21&from=06%3A00&to=14%3A00";
    for (login, language, title) in [
        ("en_user", "en", "Shift report"),
        ("pt_user", "pt-BR", "Relatório do turno"),
        ("es_user", "es", "Informe del turno"),
    ] {
        let more = json!({ "password": PASSWORD, "language": language });
        depot.user(FIRST_TENANT, login, "supervisor", more);
        let came = Person::logged_in(&depot, login, PASSWORD).get(path);
        assert_eq!(came.status, 200, "{}", came.text);
        assert!(came.page().faults(&came.text).is_empty(), "{:?}", came.page().faults(&came.text));
        for word in [title, "Cleo Clark", "Dora Dee", "data-print", "signed"] {
            assert!(came.text.contains(word), "{login}: no {word} in {}", came.text);
        }
    }
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    assert!(admin.get("/reports").text.contains("/reports/shift"));
    assert_eq!(admin.get("/reports/shift").status, 200, "the shift that is under way");
    let night = admin.get("/reports/shift?day=2026-11-20&from=22%3A00&to=06%3A00");
    assert_eq!(night.status, 200, "over midnight: {}", night.text);
    for wrong in ["day=someday", "from=morning", "to=25%3A00"] {
        let came = admin.get(&format!("/reports/shift?{wrong}"));
        assert_eq!(came.status, 422, "{wrong}: {}", came.text);
    }
    depot.role(FIRST_TENANT, "looker", &["parcels.view", "profile.own"], "tenant");
    depot.user(FIRST_TENANT, "lou", "looker", json!({ "password": PASSWORD }));
    assert_eq!(Person::logged_in(&depot, "lou", PASSWORD).get(path).status, 403);
}
