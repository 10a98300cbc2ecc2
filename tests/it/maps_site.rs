//! A depot's own rows of a status map: above the house's and the shipped ones, there alone, without headquarters' word,
//! and the same everywhere in what they made of its parcels.

use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::desk::Desk;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, house};
use crate::sync::{assert_equal, exchange, headquarters, joined, line};

const MAP: &str = "/status-maps/upu_emsevt";

fn rows(status: &str) -> Value {
    json!({ "rows": [{ "code": "EMI", "status": status }] })
}

fn tried(at: &Desk) -> Value {
    at.post(&format!("{MAP}/try"), &json!({ "code": "EMI" })).json
}

fn status(at: &Desk, number: &str) -> Value {
    at.get(&format!("/parcels/{number}")).json["status"].clone()
}

fn told(at: &Desk, number: &str) {
    let file = format!("tracking_number,status,status_at\n{number},EMI,2026-11-20T10:00:00Z\n");
    let done = at.import("kind=status&source=upu_emsevt", file);
    assert_eq!(done["refused"], 0, "{done}");
}

/// Waits until the run that was demanded last is through.
fn ran(at: &Desk) -> Value {
    at.running().app.wake.wake();
    at.until(|| {
        let run = at.get(&format!("{MAP}/run")).json;
        (!run["finished_at"].is_null()).then_some(run)
    })
}

#[test]
fn a_depots_own_rows_count_there_first_and_everybody_sees_the_same_parcels() {
    let hq = headquarters();
    let relay = line(&hq);
    let (north, south) = (joined(&hq, &relay, "North"), joined(&hq, &relay, "South"));
    let exchanged = || {
        for _ in 0..2 {
            exchange(&north);
            exchange(&south);
        }
    };
    told(&north, "N0000001");
    told(&south, "S0000001");
    exchanged();
    assert_eq!(status(&hq, "N0000001"), "delivered");

    // Tried first, which changes nothing.
    let looked = north.post(&format!("{MAP}/site/dry-run"), &rows("at_depot"));
    assert_eq!((looked.status, &looked.json["moved"]), (200, &json!(1)), "{looked:?}");
    assert_eq!(
        (status(&north, "N0000001"), tried(&north)["status"].clone()),
        (json!("delivered"), json!("delivered"))
    );
    let applied = north.post(&format!("{MAP}/site/apply"), &rows("at_depot"));
    assert_eq!(applied.status, 202, "{applied:?}");
    assert_eq!(ran(&north)["moved"], 1);
    told(&north, "N0000002");
    told(&south, "S0000002");
    exchanged();

    let everywhere = |number: &str| {
        [status(&hq, number), status(if number.starts_with('N') { &north } else { &south }, number)]
    };
    for number in ["N0000001", "N0000002"] {
        assert_eq!(everywhere(number), ["at_depot", "at_depot"], "{number}");
    }
    for number in ["S0000001", "S0000002"] {
        assert_eq!(everywhere(number), ["delivered", "delivered"], "{number}");
    }
    let means = [tried(&north), tried(&south), tried(&hq)].map(|t| t["status"].clone());
    assert_eq!(means, ["at_depot", "delivered", "delivered"]);
    // Headquarters has the rows, and was not asked.
    let seen = hq.get(&format!("{MAP}/sites")).json;
    assert_eq!(
        (seen.as_array().map(Vec::len), &seen[0]["site"], &seen[0]["here"]),
        (Some(1), &json!(1), &json!(false)),
        "{seen}"
    );
    assert_eq!(seen[0]["rows"][0]["code"], "EMI");
    assert_eq!(south.get(&format!("{MAP}/sites")).json, json!([]));
    assert_eq!(north.get(&format!("{MAP}/sites")).json[0]["here"], true);
    let wishes = hq.get("/sync/proposals").json;
    assert!(!wishes.to_string().contains("status_map"), "{wishes}");
    assert_equal(&north);
    assert_equal(&south);

    // Headquarters sets everybody's row and reads all anew: not what a depot says for itself.
    let looked = hq.post(&format!("{MAP}/dry-run"), &rows("on_hold"));
    assert_eq!((&looked.json["moved"], &looked.json["looked"]), (&json!(2), &json!(4)), "{looked:?}");
    assert_eq!(hq.post(&format!("{MAP}/apply"), &rows("on_hold")).status, 202);
    exchanged();
    ran(&south);
    ran(&north);
    exchanged();
    for (number, is) in
        [("N0000001", "at_depot"), ("N0000002", "at_depot"), ("S0000001", "on_hold"), ("S0000002", "on_hold")]
    {
        assert_eq!(everywhere(number), [is, is], "{number}");
    }
    // The depot takes its row away: now everybody's counts there too.
    let version = north.get(MAP).json["site_version"].clone();
    let gone = north.post(&format!("{MAP}/site/apply"), &json!({ "rows": [], "version": version }));
    assert_eq!(gone.status, 202, "{gone:?}");
    ran(&north);
    exchanged();
    for number in ["N0000001", "N0000002"] {
        assert_eq!(everywhere(number), ["on_hold", "on_hold"], "{number}");
    }
    assert_equal(&north);
    assert_equal(&south);
    let refused = hq.put(&format!("{MAP}/site"), &rows("lost"));
    assert_eq!(
        (refused.status, refused.json["errors"][0]["pointer"].as_str()),
        (422, Some("/rows")),
        "{refused:?}"
    );
}

#[test]
fn the_first_row_that_fits_counts_the_depots_before_the_houses_and_these_before_the_shipped() {
    let desk = Desk::embedded();
    let shipped = desk.get(MAP).json["rows"].as_array().unwrap().len();
    assert_eq!(tried(&desk)["looked_at"][0]["site"], false);
    assert_eq!(desk.put(MAP, &rows("on_hold")).status, 200);
    let set = desk.put(&format!("{MAP}/site"), &rows("lost"));
    assert_eq!((set.status, set.json["rows"].as_array().map(Vec::len)), (200, Some(shipped + 2)), "{set:?}");
    let first: Vec<_> = (0..2)
        .map(|n| (set.json["rows"][n]["site"].clone(), set.json["rows"][n]["status"].clone()))
        .collect();
    assert_eq!(first, [(json!(true), json!("lost")), (json!(false), json!("on_hold"))]);
    let why = tried(&desk);
    assert_eq!(why["status"], "lost");
    assert!(why["why"].as_str().unwrap().starts_with("this depot's row 0"), "{why}");
    let fits: Vec<&Value> = why["looked_at"].as_array().unwrap().iter().map(|l| &l["fit"]).collect();
    assert_eq!(fits[..3], ["counts", "later", "later"]);

    // The whole list sent back stays as it is: what is the depot's does not become the house's.
    let back = json!({ "rows": set.json["rows"], "version": set.json["version"] });
    let again = desk.put(MAP, &back);
    assert_eq!((again.status, &again.json["rows"]), (200, &set.json["rows"]), "{again:?}");
    assert!(!desk.get(&format!("{MAP}/rows.csv")).text.contains("EMI,,,lost"));

    // Another's change in between, no revision named, a row that is none: nothing is stored.
    let version = set.json["site_version"].as_u64().unwrap();
    let stale = json!({ "rows": [], "version": version + 1 });
    assert_eq!(desk.put(&format!("{MAP}/site"), &stale).problem().0, 412);
    assert_eq!(desk.put(&format!("{MAP}/site"), &rows("customs")).problem(), (428, "request.unconditional"));
    let wrong = json!({ "rows": [{ "code": "", "status": "lost" }], "version": version });
    assert_eq!(desk.put(&format!("{MAP}/site"), &wrong).status, 422);
    assert_eq!(tried(&desk)["status"], "lost");
    let less = json!({ "rows": [], "version": version });
    assert_eq!(desk.put(&format!("{MAP}/site"), &less).status, 200);
    assert_eq!(tried(&desk)["status"], "on_hold");
    desk.assert_sound();
}

#[test]
fn the_screen_shows_whose_a_row_is_and_takes_one_for_this_depot_alone() {
    let depot = Depot::embedded();
    house(&depot, "acme", "super_admin");
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let path = "/maps/upu_emsevt";
    let begin = admin.get(path);
    assert!(
        !begin.text.contains("this depot's</td>") && begin.text.contains("first row that fits"),
        "{}",
        begin.text
    );
    let row =
        [("version", "0"), ("site_version", "0"), ("code", "EMI"), ("status", "on_hold"), ("site", "1")];
    let looked = admin.post(&format!("{path}/try"), &row);
    assert_eq!(looked.status, 200, "{}", looked.text);
    let with = |then: &'static str| row.into_iter().chain([("then", then)]).collect::<Vec<_>>();
    let saved = admin.does(path, &with("save"));
    assert!(saved.page().faults(&saved.text).is_empty(), "{:?}", saved.page().faults(&saved.text));
    let map = depot.itself(crossdock::web::control::FIRST_TENANT, "GET", MAP).gives(200).json;
    assert_eq!(
        (&map["version"], &map["rows"][0]["site"], &map["rows"][0]["status"]),
        (&json!(0), &json!(true), &json!("on_hold")),
        "{map}"
    );
    assert_eq!(admin.post(path, &with("save")).status, 412, "somebody was quicker");
    let version = map["site_version"].to_string();
    let gone = [("version", version.as_str()), ("site", "1"), ("code", "EMI")];
    admin.does(&format!("{path}/strike"), &gone);
    let map = depot.itself(crossdock::web::control::FIRST_TENANT, "GET", MAP).gives(200).json;
    assert_eq!(map["rows"][0]["site"], false, "{map}");
}
