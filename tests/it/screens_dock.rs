//! Manifests, reports, status maps and exceptions from roles, by plain forms; and that every form is a plain one.

use std::collections::BTreeSet;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::routes_screens::{two_routes, values};
use crate::screens::{fill, routes, served};
use crate::support::Depot;
use crate::support::browser::{DESK, Driver, Looks, log_in, press, says, there, type_in};
use crate::support::page::{Came, Person};
use crate::support::people::{ADMIN, PASSWORD, Records, depot, text};

fn ask(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

fn field(came: &crate::support::page::Came, name: &str) -> String {
    came.page()
        .attribute("input", "name", name, "value")
        .unwrap_or_else(|| panic!("no {name}: {}", came.text))
}

#[test]
fn a_truck_is_announced_unloaded_and_closed_with_a_case_for_each_difference() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let new = [
        ("number", "M-1"),
        ("kind", "truck"),
        ("carrier", "dpd"),
        ("expected_at", "2026-11-21T12:00"),
        ("lines", "RR123456785NL\nRB123456785GB, 2\nMISSING-1"),
    ];
    let made = admin.does("/manifests/new", &new);
    assert!(made.page().text().contains("RB123456785GB") && made.page().text().contains("announced"));
    let twice = admin.post("/manifests/new", &new);
    assert_eq!(twice.status, 409);
    assert!(twice.text.contains("MISSING-1"), "what was typed stays");
    let bad = admin.post("/manifests/new", &[("number", "M-2"), ("kind", "truck"), ("lines", "A1,many")]);
    assert!(bad.status == 422 && bad.text.contains("line 1"), "{}", bad.text);
    let table = [("number", "M-3"), ("kind", "flight"), ("lines", "Código de rastreio;Qtd\nTB000001;4")];
    assert!(admin.does("/manifests/new", &table).page().text().contains("TB000001"));

    let id = text(&ask(&depot, "/manifests/M-1"), "id");
    let at = format!("/manifests/{id}");
    let seen = field(&admin.get(&at), "version");
    let change = [("version", seen.as_str()), ("expected_at", "2026-11-21T13:00"), ("vehicle", "HH-AB 1")];
    assert!(admin.does(&format!("{at}/change"), &change).text.contains("HH-AB 1"));
    assert_eq!(admin.post(&format!("{at}/change"), &change).status, 412, "seen an old one");
    admin.does(&format!("{at}/lines"), &[("lines", "EXTRA-01"), ("strike", "")]);
    admin.does(&format!("{at}/lines"), &[("lines", ""), ("strike", "extra-01")]);
    assert_eq!(ask(&depot, "/manifests/M-1")["parcels"], 3);
    assert!(admin.get(&format!("{at}/print")).page().text().contains("MISSING-1"));

    let opened = admin.post(&format!("{at}/unload"), &[("door", "3"), ("stations", "door 3")]);
    let dock = opened.location().split('?').next().unwrap().to_owned();
    let again = admin.post(&format!("{at}/unload"), &[("stations", "door 4")]);
    assert_eq!(again.status, 409, "{again:?}");
    let scan = |code: &str| {
        let came = admin.post(&format!("{dock}/scan"), &[("code", code), ("station", "door 3")]);
        assert_eq!(came.status, 200, "{code}: {came:?}");
        came.page().text()
    };
    let page = admin.get(&dock);
    assert_eq!(field(&page, "station"), "door 3");
    assert!(page.page().text().contains("still to come 3"), "{}", page.page().text());
    assert!(scan("RR123456785NL").contains("1 of 1 · M-1"));
    assert!(scan("RB123456785GB").contains("1 of 2 · M-1"));
    // Whoever scans at another place does not count here.
    admin.post("/scan", &[("code", "RB123456785GB"), ("station", "gate 9")]);
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&json!({ "tracking_number": "SURPLUS1" })).gives(201);
    assert!(scan("SURPLUS1").contains("not announced"));
    assert!(admin.get("/manifests").page().text().contains("Being unloaded now"));
    let live = admin.get(&format!("{dock}?kind=short")).page().text();
    assert!(live.contains("RB123456785GB") && !live.contains("MISSING-1"), "{live}");

    let closed = admin.does(&format!("{dock}/close"), &[]);
    let cases: Vec<String> =
        closed.page().all("a", "href").into_iter().filter(|h| h.starts_with("/cases/")).collect();
    assert_eq!(cases.len(), 3, "{}", closed.text);
    let reasons: BTreeSet<String> = cases.iter().map(|c| text(&ask(&depot, c), "reason")).collect();
    let wanted = ["data_without_piece", "loading_exception", "short_shipped"];
    assert_eq!(reasons.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    assert!(closed.page().faults(&closed.text).is_empty(), "{:?}", closed.page().faults(&closed.text));
    assert_eq!(admin.post(&format!("{dock}/close"), &[]).status, 409);
    assert_eq!(admin.post(&format!("{dock}/reopen"), &[("reason", "")]).status, 422);
    admin.does(&format!("{dock}/reopen"), &[("reason", "a second pallet")]);
    assert!(admin.get(&dock).page().text().contains("a second pallet"));
    let third = text(&ask(&depot, "/manifests/M-3"), "id");
    let gone = admin.does(&format!("/manifests/{third}/cancel"), &[("reason", "the flight was cancelled")]);
    assert!(gone.page().text().contains("does not come"));
}

#[test]
fn a_manifest_of_two_thousand_lines_stays_a_light_page() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let lines = |from: u32| {
        (from..from + 1_000).map(|n| json!({ "tracking_number": format!("LONG-NUMBER-OF-A-PARCEL-{n:06}"), "service": "express overnight", "order_ref": format!("order {n}") })).collect::<Vec<_>>()
    };
    depot
        .itself(FIRST_TENANT, "POST", "/manifests")
        .body(&json!({ "number": "BIG", "lines": lines(0) }))
        .gives(201);
    depot
        .itself(FIRST_TENANT, "POST", "/manifests/BIG/lines")
        .body(&json!({ "lines": lines(1_000) }))
        .gives(200);
    let id = text(&ask(&depot, "/manifests/BIG"), "id");
    let dock = json!({ "manifests": ["BIG"], "stations": ["d"] });
    let unloading = depot.itself(FIRST_TENANT, "POST", "/unloadings").body(&dock).gives(201).json;
    let unloading = format!("/unloadings/{}", text(&unloading, "id"));
    for at in [format!("/manifests/{id}"), format!("/manifests/{id}/print"), unloading] {
        let (mut path, mut seen) = (at.clone(), 0);
        loop {
            let page = admin.get(&path);
            assert!(
                page.page().faults(&page.text).is_empty(),
                "{path}: {:?}",
                page.page().faults(&page.text)
            );
            seen += page.text.matches(">LONG-NUMBER").count();
            match page.page().attribute("a", "rel", "next", "href") {
                Some(next) => path = next,
                None => break,
            }
        }
        assert_eq!(seen, 2_000, "{at}");
    }
}

#[test]
fn a_report_is_chosen_traced_saved_run_and_taken_along() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    for (n, carrier) in ["dpd", "dpd", "gls"].iter().enumerate() {
        let new =
            json!({ "tracking_number": format!("RP00000{n}"), "carrier": carrier, "distributor": "bar" });
        depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
    }
    let gallery = admin.get("/reports");
    let usual: Vec<String> =
        gallery.page().all("a", "href").into_iter().filter(|h| h.starts_with("/reports/show?")).collect();
    assert!(usual.len() >= 12, "{usual:?}");
    for path in &usual {
        let page = admin.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.page().faults(&page.text).is_empty(), "{path}: {:?}", page.page().faults(&page.text));
    }
    let page = admin.get("/reports/show?kind=volumes&by=carrier");
    let numbers: Vec<String> =
        page.page().all("a", "href").into_iter().filter(|h| h.contains("m=parcels&k=dpd")).collect();
    assert_eq!(numbers.len(), 1, "{}", page.text);
    let traced = admin.get(&numbers[0]).page().text();
    assert!(traced.contains("RP000000") && traced.contains("RP000001") && !traced.contains("RP000002"));
    let csv = admin.get("/reports/show?kind=volumes&by=carrier&form=csv");
    assert!(csv.text.starts_with("carrier,parcels") && csv.text.contains("dpd,2"), "{}", csv.text);
    let wrong = admin.get("/reports/show?kind=volumes&by=reason");
    assert!(wrong.status == 422 && wrong.text.contains("says nothing of volumes"), "{}", wrong.text);

    let save = [
        ("kind", "volumes"),
        ("by", "carrier"),
        ("period", "7"),
        ("name", "By carrier"),
        ("when", "weekly"),
        ("weekday", "friday"),
        ("clock", "17:45"),
        ("mail_to", "ana@example.com"),
        ("xlsx", "1"),
    ];
    let saved = admin.does("/reports/new", &save);
    assert!(saved.page().text().contains("Friday at 17:45"), "{}", saved.page().text());
    let mut broken = save;
    broken[7] = ("mail_to", "nobody");
    let refused = admin.post("/reports/new", &broken);
    assert!(refused.status == 422 && refused.text.contains("By carrier"), "{}", refused.text);
    let report = ask(&depot, "/reports")[0].clone();
    assert_eq!(report["definition"]["period"], json!({ "last_days": 7 }));
    assert_eq!(report["schedule"], json!({ "weekly_at": { "weekday": "friday", "hour": 17, "minute": 45 } }));
    let at = format!("/reports/{}", text(&report, "id"));
    let seen = field(&admin.get(&at), "version");
    let change = [("version", seen.as_str()), ("name", "Carriers"), ("when", "never"), ("csv", "1")];
    assert!(admin.does(&at, &change).page().text().contains("only when asked"));
    let run = admin.post(&format!("{at}/run"), &[]);
    let run = run.location().to_owned();
    depot.until("the report is counted", |_| !admin.get(&run).text.contains("data-again"));
    let done = admin.get(&run);
    assert!(done.page().faults(&done.text).is_empty() && done.text.contains("form=xlsx"), "{}", done.text);
    assert!(admin.get(&format!("{run}?form=xlsx")).header("content-disposition").contains("carriers.xlsx"));
    assert_eq!(admin.post(&format!("{at}/remove"), &[]).location(), "/reports?done=removed");

    // A partner sees his own alone.
    let more = json!({ "password": PASSWORD, "scope": { "distributors": ["elsewhere"] } });
    depot.user(FIRST_TENANT, "pia", "partner", more);
    let pia = Person::logged_in(&depot, "pia", PASSWORD);
    let own = pia.get("/reports/show?kind=volumes&by=distributor");
    assert!(own.status == 200 && !own.text.contains("k=bar"), "{}", own.text);
}

#[test]
fn a_map_is_tried_before_it_is_applied_to_what_is_stored() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let rows = "tracking_number,status\nMP000001,ausgeliefert\nMP000002,ausgeliefert\n";
    let taken = admin.upload("/imports/new", &[("kind", "parcels"), ("source", "shop")], rows);
    let import = taken.location().split('?').next().unwrap().to_owned();
    depot.until("the import is done", |_| !admin.get(&import).text.contains("data-again"));
    let inbox = admin.get("/maps");
    assert!(inbox.page().text().contains("ausgeliefert"), "{}", inbox.page().text());
    let row = [
        ("version", "0"),
        ("code", "ausgeliefert"),
        ("status", "out_for_delivery"),
        ("meaning", "on the van"),
    ];
    let tried = admin.post("/maps/shop/try", &row);
    let said = tried.page().text();
    assert!(
        tried.status == 200 && said.contains("What would happen") && said.contains("out for delivery"),
        "{said}"
    );
    assert_eq!(ask(&depot, "/parcels/MP000001")["status"], "unknown", "trying changes nothing");
    let apply: Vec<(&str, &str)> = row.iter().copied().chain([("then", "apply")]).collect();
    admin.does("/maps/shop", &apply);
    depot.until("the codes are read anew", |d| ask(d, "/parcels/MP000002")["status"] == "out_for_delivery");
    depot.until("the run is through", |_| !admin.get("/maps/shop").text.contains("data-again"));
    assert!(!admin.get("/maps").page().text().contains("ausgeliefert"), "the inbox is empty");
    let page = admin.get("/maps/shop");
    let seen = field(&page, "version");
    assert_eq!(admin.post("/maps/shop/strike", &[("version", "0"), ("code", "ausgeliefert")]).status, 412);
    let struck = admin.does("/maps/shop/strike", &[("version", &seen), ("code", "ausgeliefert")]);
    assert!(!struck.text.contains("on the van"), "{}", struck.text);
    // Above shipped rows an own one is added, and these stay beneath it.
    let own = [("version", "0"), ("code", "zz-own"), ("status", "lost")];
    let shipped = admin.get("/maps/dhl").text.matches("<tr>").count();
    assert_eq!(admin.does("/maps/dhl", &own).text.matches("<tr>").count(), shipped + 1);
}

#[test]
fn somebody_may_more_until_a_day_and_a_role_is_made_like_another() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let id = depot.user(FIRST_TENANT, "ana", "clerk", json!({ "password": PASSWORD }));
    let ana = Person::logged_in(&depot, "ana", PASSWORD);
    assert_eq!(ana.get("/audit").status, 403);
    let at = format!("/users/{id}");
    let seen = field(&admin.get(&at), "version");
    let give = [
        ("version", seen.as_str()),
        ("way", "give"),
        ("feature", "audit.view"),
        ("reason", "covers for Bea"),
        ("until", "2026-11-22T06:00"),
    ];
    let page = admin.does(&format!("{at}/overrides"), &give);
    assert!(page.page().text().contains("covers for Bea"), "{}", page.page().text());
    assert_eq!(admin.post(&format!("{at}/overrides"), &give).status, 412, "seen an old one");
    assert_eq!(ana.get("/audit").status, 200);
    let seen = field(&admin.get(&at), "version");
    let past = [
        ("version", seen.as_str()),
        ("way", "take"),
        ("feature", "cases.view"),
        ("reason", "x"),
        ("until", "2020-01-01T00:00"),
    ];
    let refused = admin.post(&format!("{at}/overrides"), &past);
    assert!(refused.status == 422 && refused.text.contains("already over"), "{}", refused.text);
    depot.clock.set(depot.clock.now().after(std::time::Duration::from_secs(86_400)));
    let ana = Person::logged_in(&depot, "ana", PASSWORD);
    assert_eq!(ana.get("/audit").status, 403, "it ends by itself");
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let seen = field(&admin.get(&at), "version");
    admin.does(&format!("{at}/overrides"), &[("version", &seen), ("end", "audit.view")]);
    assert!(!admin.get(&at).page().text().contains("covers for Bea"));

    let made = admin.does("/users/roles", &[("name", "night_shift"), ("like", "clerk")]);
    assert!(made.page().text().contains("night shift"));
    assert_eq!(admin.post("/users/roles", &[("name", "night_shift"), ("like", "clerk")]).status, 409);
    let version = field(&made, "version");
    let put = [
        ("version", version.as_str()),
        ("reach", "tenant"),
        ("feature", "parcels.view"),
        ("feature", "profile.own"),
    ];
    admin.does("/users/roles/night_shift", &put);
    let role = ask(&depot, "/roles")
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "night_shift")
        .unwrap()
        .clone();
    assert_eq!(role["features"], json!(["parcels.view", "profile.own"]), "{role}");
}

/// Forms of other nodes: a depot with a headquarters asks it, a headquarters lets depots in, and a message can be sent
/// again once it has gone out, which takes somebody who listens outside.
const ELSEWHERE: [&str; 3] = ["/sync/now", "/sync/depots", "/webhooks/{id}/resend"];

/// Pages on which something waits for a hand: a driver's stops, two routes and a search, an erasure and a hold.
fn waiting(depot: &Depot, admin: &Person) -> Vec<Came> {
    depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    let stop = |name: &str| {
        let new = json!({ "pickup_address": "Depot", "delivery_address": "9 Elm Street", "customer_name": name, "assigned_to": "dan" });
        text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id")
    };
    let (first, second) = (stop("Ana"), stop("Bo"));
    let dan = Person::logged_in(depot, "dan", PASSWORD);
    dan.does(&format!("/driver/stops/{first}/start"), &[]);
    let [from, to] = two_routes(depot).map(|r| text(&r, "id"));
    for n in 1..=6 {
        let new = json!({ "pickupAddress": "the depot", "deliveryAddress": format!("{n} Main Street"), "customerName": "Bo",
            "deliveryLocation": { "latitude": 52.5, "longitude": 13.4 + 0.01 * f64::from(n) } });
        depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201);
    }
    let place = json!({ "address": "the depot", "latitude": 52.5, "longitude": 13.4 });
    depot.itself(FIRST_TENANT, "POST", "/places").body(&place).gives(201);
    let planned = [("day", "2030-05-07"), ("seconds", "60"), ("goal", "both")];
    let open = admin.get("/routes/plan?day=2030-05-07");
    let chosen = values(&open, "delivery");
    let chosen = chosen.iter().map(|c| ("delivery", c.as_str()));
    let begun = admin.post("/routes/plan", &planned.into_iter().chain(chosen).collect::<Vec<_>>());
    assert_eq!(begun.status, 303, "{}", begun.text);
    let search = admin.get(begun.location());
    let new = json!({ "tracking_number": "WAIT000001", "recipient": { "name": "Wanda Waits" } });
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
    let found = admin.post("/privacy/find", &[("name", "Wanda Waits")]);
    let subject = values(&found, "subject").remove(0);
    admin.does("/privacy/erase", &[("subject", &subject), ("reason", "letter")]);
    admin.does("/privacy/hold", &[("record", "WAIT000001"), ("why", "claim 17")]);
    depot.user(FIRST_TENANT, "bea", "admin", json!({ "password": PASSWORD }));
    let bea = Person::logged_in(depot, "bea", PASSWORD);
    let pages = [first, second].map(|id| dan.get(&format!("/driver/stops/{id}")));
    let whatif = admin.get(&format!("/routes/whatif?from={from}&stop=0&to={to}"));
    let pages: Vec<Came> = pages
        .into_iter()
        .chain([whatif, search, found, admin.get("/privacy"), bea.get("/privacy")])
        .collect();
    for came in &pages {
        let page = came.page();
        assert!(page.faults(&came.text).is_empty(), "{:?}: {}", page.faults(&came.text), came.text);
    }
    pages
}

#[test]
fn whatever_can_be_done_is_a_plain_form_on_some_page() {
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    // What only some offer: another session of one's own, a look at a file, an unloading that is closed, a station's person, a label that waits,
    // a recipient who can be written to.
    let _other = Person::logged_in(&depot, ADMIN, PASSWORD);
    let rows = "tracking_number,status\nPF000001,in_transit\n";
    let looked = admin.upload("/imports/new?look=1", &[("kind", "parcels"), ("source", "shop")], rows);
    let looked = looked.location().split('?').next().unwrap().to_owned();
    depot.until("the look is over", |_| !admin.get(&looked).text.contains("data-again"));
    let announced = json!({ "number": "closed", "lines": [{ "tracking_number": "PF000002" }] });
    depot.itself(FIRST_TENANT, "POST", "/manifests").body(&announced).gives(201);
    let dock = json!({ "manifests": ["closed"], "stations": ["closed"] });
    let dock = text(&depot.itself(FIRST_TENANT, "POST", "/unloadings").body(&dock).gives(201).json, "id");
    depot.itself(FIRST_TENANT, "POST", &format!("/unloadings/{dock}/close")).gives(200);
    let bulk = json!({ "rows": [{ "parcel": "PF000002", "status": "in_transit" }] });
    depot.itself(FIRST_TENANT, "POST", "/parcels/events").body(&bulk).gives(200);
    let printer = format!("/printers/{}", records.printer);
    admin.post(&format!("{printer}/test"), &[]);
    depot.user(FIRST_TENANT, "gate", "station", json!({ "password": PASSWORD, "is_station": true }));
    let gate = Person::logged_in(&depot, "gate", PASSWORD);

    let hold = json!({ "kind": "parcel", "id": records.parcel, "reason": "claim" });
    let known = json!({ "tracking_number": "PF000003", "recipient": { "email": "somebody@post.example" } });
    depot.itself(FIRST_TENANT, "POST", "/parcels").body(&known).gives(201);
    let asked = json!({ "query": { "email": "somebody@post.example" }, "reason": "letter" });
    depot.itself(FIRST_TENANT, "POST", "/privacy/erase").body(&asked).gives(201);
    depot.itself(FIRST_TENANT, "POST", "/privacy/holds").body(&hold).gives(201);
    let searched = admin.post("/privacy/find", &[("email", "somebody@post.example")]);
    assert_eq!(searched.status, 200, "{}", searched.text);

    let told = json!({
        "pickup_address": "Depot", "delivery_address": "Elm Street 3", "customer_name": "Ada", "customer_phone": "+4930123456",
    });
    let told = text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&told).gives(201).json, "id");

    let (gets, posts) = (routes(reqwest::Method::GET), routes(reqwest::Method::POST));
    let mut offered: BTreeSet<&str> = BTreeSet::new();
    let mut pages: Vec<String> = gets.iter().map(|r| fill(&records, r.path)).collect();
    pages.extend([looked, format!("/unloadings/{dock}"), printer, format!("/deliveries/{told}")]);
    let all = pages
        .iter()
        .map(|p| admin.get(p))
        .chain([gate.get("/scan"), searched])
        .chain(waiting(&depot, &admin));
    for page in all.filter(|p| p.status == 200) {
        let page = page.page();
        let to = page.all("form", "action").into_iter().chain(page.all("button", "formaction"));
        offered.extend(to.filter_map(|a| served(&posts, &a).map(|r| r.path)));
    }
    let missing: Vec<&str> =
        posts.iter().map(|r| r.path).filter(|p| !offered.contains(p) && !ELSEWHERE.contains(p)).collect();
    assert!(missing.is_empty(), "no page has a form for {missing:?}");
}

#[test]
fn a_browser_that_runs_no_scripts_scans_works_a_case_and_unloads() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    depot
        .itself(FIRST_TENANT, "POST", "/parcels")
        .body(&json!({ "tracking_number": "RR123456785NL" }))
        .gives(201);
    let new = json!({ "number": "M-9", "lines": [{ "tracking_number": "RB123456785GB" }] });
    let manifest = text(&depot.itself(FIRST_TENANT, "POST", "/manifests").body(&new).gives(201).json, "id");
    let base = format!("http://{}", depot.running().address);
    driver.browse_as(DESK, Looks { without_scripts: true, ..Looks::default() }, async move |b| {
        log_in(&b, &base, ADMIN).await?;
        b.goto(&format!("{base}/scan")).await?;
        assert!(b.find(By::Css("html[data-live]")).await.is_err(), "scripts run after all");
        type_in(&b, "#code", "RR123456785NL\n").await?;
        there(&b, ".outcome.ok").await?;
        press(&b, ".outcome a.code").await?;
        press(&b, "a[href^='/cases/new']").await?;
        press(&b, "main button.primary").await?;
        says(&b, "Added.").await?;
        press(&b, ".quick button.primary").await?;
        says(&b, "Saved.").await?;
        b.goto(&format!("{base}/manifests/{manifest}")).await?;
        press(&b, "summary.primary").await?;
        press(&b, "form[action$='/unload'] button").await?;
        type_in(&b, "#code", "RB123456785GB\n").await?;
        says(&b, "1 of 1 · M-9").await?;
        press(&b, "summary.primary").await?;
        press(&b, "form[action$='/close'] button").await?;
        says(&b, "Everything fits").await
    });
}
