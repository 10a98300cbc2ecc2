//! Every screen for everybody, by hand of a browser without scripts.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crossdock::identity::roles::{NAMES, Reach, default_role};
use crossdock::screens::SCREENS;
use crossdock::screens::shell::screen::Route;
use crossdock::web::control::FIRST_TENANT;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, Records, depot, text};
use crate::support::shared::shared;

/// A depot with records, and somebody of every role in it.
fn staffed() -> (Depot, Records) {
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    for role in NAMES {
        let mut more = json!({ "password": PASSWORD, "is_station": role == "station" });
        if default_role(role).unwrap().reach == Reach::Distributors {
            more["scope"] = json!({ "distributors": ["alpha_shop"] });
        }
        depot.user(FIRST_TENANT, &format!("a_{role}"), role, more);
    }
    (depot, records)
}

/// `path` with a record where it names one.
pub fn fill(records: &Records, path: &str) -> String {
    let id = match path[1..].split('/').next().unwrap_or_default() {
        "parcels" => &records.parcel,
        // Of a report that nobody sent.
        "report" => &records.parcel,
        "cases" => &records.case,
        "imports" => &records.import,
        "manifests" => &records.manifest,
        "unloadings" => &records.unloading,
        "reports" if path.contains("/runs/") => &records.run,
        "reports" => &records.report,
        "users" if path.contains("{name}") => &records.role,
        "users" => &records.user,
        "printers" => &records.printer,
        "maps" => &records.source,
        "mawbs" => &records.mawb,
        "bills" => &records.bill,
        "procedure" => return path.replace("{name}", "pre_alert"),
        "jobs" => &records.job,
        "profile" => &records.session,
        "driver" | "deliveries" => &records.delivery,
        "orders" => &records.order,
        "products" => &records.product,
        "webhooks" => &records.webhook,
        "routes" if path.contains("/plans/") => &records.search,
        "routes" => &records.route,
        "fleet" if path.contains("vehicles") => &records.vehicle,
        "fleet" => &records.driver,
        "places" => &records.place,
        _ => return path.to_owned(),
    };
    path.replace("{id}", id).replace("{name}", id).replace("{source}", id)
}

/// Every route of a screen with this method.
pub fn routes(method: Method) -> Vec<Route> {
    SCREENS.iter().flat_map(|s| s.routes.clone()).filter(|r| r.method.as_str() == method.as_str()).collect()
}

/// The route that serves `path`.
pub fn served<'a>(routes: &'a [Route], path: &str) -> Option<&'a Route> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |r: &&Route| {
        let (ours, theirs): (Vec<_>, Vec<_>) = (r.path.split('/').collect(), path.split('/').collect());
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(o, t)| o == t || o.starts_with('{'))
    };
    let mut fitting: Vec<_> = routes.iter().filter(fits).collect();
    fitting.sort_by_key(|r| r.path.contains('{'));
    fitting.into_iter().next()
}

#[test]
fn every_page_holds_for_every_role_and_offers_nothing_it_would_refuse() {
    let (depot, records) = staffed();
    let (pages, posts) = (routes(Method::GET), routes(Method::POST));
    let mut wrong: Vec<String> = Vec::new();
    for role in NAMES {
        let known = default_role(role).unwrap();
        let person = Person::logged_in(&depot, &format!("a_{role}"), PASSWORD);
        let may = |feature: &str| feature.is_empty() || known.features.contains_name(feature);
        for route in &pages {
            let path = fill(&records, route.path);
            let what = format!("{role} at {path}");
            let came = person.get(&path);
            let page = came.page();
            match (may(route.feature), came.status) {
                (false, 403) => {}
                (false, other) => wrong.push(format!("{what}: {other}, though they may not")),
                (true, 200) => {
                    wrong.extend(page.faults(&came.text).into_iter().map(|f| format!("{what}: {f}")))
                }
                (true, 303) if path == "/find" => continue,
                // Beyond their own distributors or their own work there is nothing for them.
                (true, 403 | 404) if known.reach != Reach::Tenant => {}
                // A station's session is no profile.
                (true, other) => wrong.push(format!("{what}: {other} {}", came.text)),
            }
            let csp = came.header("content-security-policy");
            if !csp.contains("default-src 'self'") || csp.contains("unsafe") || csp.contains("data:") {
                wrong.push(format!("{what}: {csp}"));
            }
            if came.header("cache-control") != "no-store" {
                wrong.push(format!("{what} may be kept"));
            }
            let forms = page.elements().into_iter().filter(|(name, _)| name == "form");
            for (_, attrs) in forms {
                let get = |wanted: &str| attrs.iter().find(|(n, _)| n == wanted).map(|(_, v)| v.as_str());
                // Without one it goes to the page it stands on.
                let action = get("action").unwrap_or(&path).to_owned();
                if matches!(action.as_str(), "/logout" | "/login") {
                    continue;
                }
                // A form that only asks goes to a page, one that changes something to what takes it.
                let there = if get("method") == Some("post") { &posts } else { &pages };
                match served(there, &action) {
                    Some(route) if may(route.feature) => {}
                    Some(route) => {
                        wrong.push(format!("{what} offers {action}, which needs {}", route.feature))
                    }
                    None => wrong.push(format!("{what} offers {action}, which is nowhere")),
                }
            }
            for href in page.all("a", "href") {
                if let Some(route) = served(&pages, &href).filter(|r| !may(r.feature)) {
                    wrong.push(format!("{what} leads to {href}, which needs {}", route.feature));
                }
            }
        }
        for route in posts.iter().filter(|r| !may(r.feature)) {
            let path = fill(&records, route.path);
            let came = person.post(&path, &[("version", "1")]);
            if came.status != 403 {
                wrong.push(format!("{role} sends to {path}: {}", came.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nobody_sees_a_screen_before_the_log_in_and_no_other_site_sends_a_form() {
    let depot = depot();
    let nobody = Person::nobody(&depot);
    for route in routes(Method::GET) {
        let came = nobody.get(route.path);
        assert!(came.location().starts_with("/login?next="), "{}: {came:?}", route.path);
    }
    for route in routes(Method::POST) {
        let came = nobody.post_without(route.path, &[("a", "b")]);
        assert_eq!(came.status, 401, "{}: {came:?}", route.path);
    }
    let page = nobody.get("/login?next=%2F%2Fevil.example%2Fx");
    assert_eq!(page.page().attribute("input", "name", "next", "value").as_deref(), Some("/"));
    assert!(page.page().faults(&page.text).is_empty(), "{:?}", page.page().faults(&page.text));
    let wrong = nobody.post_without("/login", &[("login", ADMIN), ("password", "not the password")]);
    assert_eq!(wrong.status, 401);
    assert!(!wrong.text.contains("not the password") && wrong.text.contains("role=\"alert\""), "{wrong:?}");
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let announce = [("tracking_number", "RR123456785NL")];
    assert_eq!(admin.post_without("/parcels/new", &announce).status, 403, "without the mark");
    let elsewhere = admin.request(Method::POST, "/parcels/new").header("sec-fetch-site", "cross-site");
    let elsewhere = elsewhere.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(admin.send(elsewhere.body("tracking_number=RR123456785NL")).status, 403, "from another site");
    let foreign = admin.request(Method::POST, "/login").header("sec-fetch-site", "cross-site");
    let foreign = foreign.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(admin.send(foreign.body(format!("login={ADMIN}&password={PASSWORD}"))).status, 403);
    assert_eq!(
        admin
            .get("/parcels?number=RR")
            .page()
            .all("a", "href")
            .iter()
            .filter(|h| h.starts_with("/parcels/0"))
            .count(),
        0
    );
    assert_eq!(admin.post("/logout", &[]).location(), "/login");
    assert!(admin.get("/today").location().starts_with("/login"));
}

#[test]
fn forms_do_their_work_without_a_script() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let ask = |path: &str| depot.itself(FIRST_TENANT, "GET", path).gives(200).json;

    let twice = [
        ("tracking_number", "RR123456785NL"),
        ("distributor", "bar"),
        ("city", "Porto"),
        ("weight_g", "1200"),
    ];
    let page = admin.does("/parcels/new", &twice);
    assert!(page.page().text().contains("RR123456785NL") && page.text.contains("1.2 kg"), "{}", page.text);
    let again = admin.post("/parcels/new", &twice);
    assert_eq!(again.status, 409);
    assert!(
        again.text.contains("value=\"Porto\"") && again.text.contains("is here already"),
        "{}",
        again.text
    );
    let parcel = ask("/parcels/RR123456785NL");
    let at = format!("/parcels/{}", text(&parcel, "id"));
    assert_eq!(admin.get("/find?q=rr123456785nl").location(), at);
    assert_eq!(admin.get("/find?q=RR12").location(), "/parcels?number=RR12");
    assert!(admin.get("/parcels?number=RR12").text.contains(&at));

    admin.does(&format!("{at}/step"), &[("status", "at_depot"), ("note", "gate 2")]);
    assert_eq!(ask("/parcels/RR123456785NL")["status"], "at_depot");
    let refused = admin.post(&format!("{at}/step"), &[("status", "returned")]);
    assert!([409, 422].contains(&refused.status), "a forced step needs its reason: {refused:?}");
    let page = admin.does(&format!("{at}/note"), &[("text", "customer <called>")]);
    assert!(page.page().text().contains("customer <called>"));

    let opened = admin
        .does("/cases/new", &[("reason", "damaged"), ("subject", "RR123456785NL"), ("detail", "box open")]);
    assert!(opened.page().text().contains("box open"));
    let case = text(&ask("/cases?state=active")["items"][0], "id");
    let seen = [("id", case.as_str()), ("step", "acknowledge"), ("back", "/cases?view=mine&done=saved")];
    assert_eq!(admin.post("/cases/steps", &seen).location(), "/cases?view=mine&done=saved");
    assert_eq!(ask(&format!("/cases/{case}"))["state"], "acknowledged");
    let done = [
        ("id", case.as_str()),
        ("step", "resolve"),
        ("resolution", "solved"),
        ("back", "https://evil.example"),
    ];
    assert_eq!(admin.post("/cases/steps", &done).location(), "/cases?done=saved");
    assert_eq!(ask(&format!("/cases/{case}"))["state"], "resolved");
    assert_eq!(admin.post("/cases/steps", &[("step", "start")]).status, 422, "nothing is picked");

    let scanned = admin.post("/scan", &[("code", "RR123456785NL"), ("station", "gate 2")]);
    assert_eq!(scanned.status, 200);
    assert!(scanned.text.contains("data-outcome=\"duplicate\""), "{}", scanned.text);
    let unknown = admin.post("/scan", &[("code", "NOBODY-0001"), ("station", "gate 2"), ("scan_id", "s-1")]);
    assert!(
        unknown.text.contains("data-outcome=\"unknown\"") && unknown.text.contains("open_case"),
        "{}",
        unknown.text
    );
    let again = admin.post("/scan", &[("code", "NOBODY-0002"), ("station", "gate 2"), ("scan_id", "s-1")]);
    assert!((400..500).contains(&again.status), "another scan under the same id: {again:?}");

    let report = admin
        .post("/report", &[("numbers", "RR123456785NL, out_for_delivery\nNONE-1"), ("status", "in_transit")]);
    assert_eq!(report.status, 200);
    assert_eq!(ask("/parcels/RR123456785NL")["status"], "out_for_delivery");
    assert!(report.page().text().contains("no parcel NONE-1"), "{}", report.text);

    let page = admin.does(
        "/printers/new",
        &[("name", "dock-1"), ("host", "192.168.7.20"), ("media", "4x6"), ("dpi", "203")],
    );
    assert!(page.page().text().contains("dock-1"));
    assert_eq!(
        admin.post("/printers/new", &[("name", "out"), ("host", "8.8.8.8"), ("media", "4x6")]).status,
        422
    );

    let new = [
        ("login", "bea"),
        ("name", "Bea"),
        ("role", "clerk"),
        ("language", "es"),
        ("password", "purple monkey dishwasher"),
    ];
    admin.does("/users/new", &new);
    let bea = Person::logged_in(&depot, "bea", "purple monkey dishwasher");
    assert!(bea.get("/parcels").text.contains("<html lang=\"es\">"));
    bea.does("/profile/language", &[("language", "pt-BR")]);
    assert!(bea.get("/parcels").page().text().contains("Pacotes"));
    let wrong = bea
        .post("/profile/password", &[("current", "wrong wrong wrong"), ("password", "a better one for me")]);
    assert_eq!(wrong.status, 401);

    let version = admin.get("/settings").page().attribute("input", "name", "version", "value").unwrap();
    let settings = [
        ("version", version.as_str()),
        ("depot", "Cais Sul"),
        ("zone", "America/Sao_Paulo"),
        ("language", "pt-BR"),
        ("currency", "BRL"),
    ];
    assert!(admin.does("/settings", &settings).text.contains("Cais Sul"));
    assert_eq!(admin.post("/settings", &settings).status, 412, "seen an old one");
    assert_eq!(ask("/settings")["zone"], "America/Sao_Paulo");

    let verified = admin.post("/audit/verify", &[]);
    assert!(verified.page().text().contains("The chain holds"), "{}", verified.text);
    assert!(admin.get("/audit?action=case.resolved").page().text().contains("case.resolved"));
}

#[test]
fn a_file_is_looked_at_taken_and_taken_back() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let rows = "tracking_number,status,city\nAA1000001,in_transit,Porto\nAA1000002,nonsense-word,Braga\n,lost,Faro\n";
    let fields = [("kind", "parcels"), ("source", "shop")];
    let ended = |path: &str| {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let page = admin.get(path);
            if !page.text.contains("data-again") {
                return page;
            }
            assert!(Instant::now() < end, "in vain: {}", page.text);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let parcels =
        || depot.itself(FIRST_TENANT, "GET", "/parcels").gives(200).json["items"].as_array().unwrap().len();
    let looked = admin.upload("/imports/new?look=1", &fields, rows);
    let at = looked.location().split('?').next().unwrap().to_owned();
    let page = ended(&at);
    assert!(page.page().text().contains("looked at") && page.text.contains("errors.csv"), "{}", page.text);
    assert_eq!(parcels(), 0, "a look takes nothing");
    let taken = admin.post(&format!("{at}/take"), &[]);
    let taken = taken.location().split('?').next().unwrap().to_owned();
    assert_ne!(taken, at);
    ended(&taken);
    assert_eq!(parcels(), 2);
    assert!(admin.get("/maps").page().text().contains("nonsense-word"));
    let explained = [("code", "nonsense-word"), ("status", "at_depot")];
    assert_eq!(admin.post("/maps/shop", &explained).location(), "/maps?done=saved");
    admin.post(&format!("{taken}/undo"), &[]);
    assert!(ended(&taken).page().text().contains("taken back"));
    let refused = admin.upload("/imports/new", &[("kind", "parcels"), ("source", "")], rows);
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.page().faults(&refused.text).is_empty());
    let forged = Person::nobody(&depot);
    assert_eq!(forged.upload("/imports/new", &fields, rows).status, 401);
}

#[test]
fn what_people_write_is_shown_as_it_is_and_never_runs() {
    let Some(file) = shared("data/naughty/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let mut seen = 0;
    for (n, odd) in strings.iter().enumerate() {
        let number = format!("NB{n:07}");
        let new = json!({ "tracking_number": number, "recipient": { "name": odd }, "to": { "city": odd }, "distributor": odd });
        let made = depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).send();
        if made.status != 201 {
            continue;
        }
        let at = format!("/parcels/{}", text(&made.json, "id"));
        let came = admin.get(&at);
        let page = came.page();
        let faults = page.faults(&came.text);
        assert!(faults.is_empty(), "{odd:?}: {faults:?}");
        assert_eq!(page.all("script", "src").len(), 1, "{odd:?}");
        // A page has no form feeds or returns of its own, and a reader of HTML makes line breaks of them.
        let plain = odd.replace("\r\n", "\n").replace('\r', "\n");
        assert!(page.text().contains(plain.trim()), "{odd:?} is not on the page");
        seen += 1;
        if n % 50 == 0 {
            let query = serde_urlencoded::to_string([("q", odd)]).unwrap();
            let found = admin.get(&format!("/find?{query}"));
            let list = admin.get(found.location());
            assert!(list.status == 200 || list.status == 422, "{odd:?}: {list:?}");
            assert!(list.page().faults(&list.text).is_empty(), "{odd:?}");
        }
    }
    assert!(seen > 300, "{seen}");
    let list = admin.get("/parcels");
    assert!(list.page().faults(&list.text).is_empty(), "{:?}", list.page().faults(&list.text));
}

/// Reads lines of the stream until one of them is so.
fn hears(lines: &mut impl Iterator<Item = String>, so: impl Fn(&str) -> bool) -> String {
    lines.find(|l| so(l)).expect("the stream ended")
}

fn listen(person: &Person, after: &str) -> impl Iterator<Item = String> + use<> {
    listen_at(person, "/screens/live", after)
}

fn listen_at(person: &Person, path: &str, after: &str) -> impl Iterator<Item = String> + use<> {
    let address = person.base().trim_start_matches("http://").to_owned();
    let mut line = TcpStream::connect(&address).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (cookie, last) = (
        person.cookie(),
        if after.is_empty() { String::new() } else { format!("last-event-id: {after}\r\n") },
    );
    write!(line, "GET {path} HTTP/1.1\r\nhost: d\r\ncookie: {cookie}\r\n{last}\r\n").unwrap();
    BufReader::new(line).lines().map_while(Result::ok)
}

#[test]
fn an_open_screen_hears_what_others_change_and_goes_on_where_it_was() {
    let mut depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let mut lines = listen(&admin, "");
    let hello = hears(&mut lines, |l| l.starts_with("id: "));
    hears(&mut lines, |l| l == "event: hello");
    admin.does("/parcels/new", &[("tracking_number", "RR123456785NL")]);
    hears(&mut lines, |l| l == "event: changed");
    let kinds = hears(&mut lines, |l| l.starts_with("data: "));
    assert!(kinds.contains("parcel"), "{kinds}");
    let mut later = listen(&admin, hello.trim_start_matches("id: "));
    hears(&mut later, |l| l == "event: changed");
    // A page says up to where it knows: what came between it and its stream is told of.
    let upto = admin.get("/parcels").page().all("body", "data-live").remove(0);
    admin.does("/cases/new", &[("reason", "damaged"), ("detail", "wet")]);
    let mut page = listen_at(&admin, &format!("/screens/live?after={upto}"), "");
    hears(&mut page, |l| l == "event: changed");
    let kinds = hears(&mut page, |l| l.starts_with("data: "));
    assert!(kinds.contains("case") && !kinds.contains("parcel"), "{kinds}");
    // A place that this log never had, as after a restored copy: everything may be another.
    let mut astray = listen_at(&admin, "/screens/live?after=4000000000", "");
    hears(&mut astray, |l| l == "event: changed");
    let kinds = hears(&mut astray, |l| l.starts_with("data: "));
    assert!(kinds.contains("case") && kinds.contains("parcel"), "{kinds}");
    // A line on which nothing happens says that it is there.
    hears(&mut astray, |l| l == "event: here");
    let mut nobody = listen(&Person::nobody(&depot), "");
    assert_eq!(nobody.next().as_deref(), Some("HTTP/1.1 204 No Content"));
    // A stop does not wait for those who listen.
    let begun = Instant::now();
    depot.stop();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

/// How many notifications are unread, as the next ring of the bell says.
fn rings(lines: &mut impl Iterator<Item = String>) -> String {
    hears(lines, |l| l == "event: bell");
    hears(lines, |l| l.starts_with("data: ")).trim_start_matches("data: ").to_owned()
}

#[test]
fn the_bell_rings_on_the_open_screens_of_the_one_it_is_for() {
    let depot = depot();
    let driver = |login: &str| {
        depot.user(FIRST_TENANT, login, "driver", json!({ "password": PASSWORD }));
        Person::logged_in(&depot, login, PASSWORD)
    };
    let (dan, eve) = (driver("dan"), driver("eve"));
    let give = |name: &str, to: &str| {
        let new = json!({ "pickup_address": "Depot", "delivery_address": "9 Elm Street", "customer_name": name,
            "assigned_to": to });
        depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201);
    };
    let (mut lines, mut others) = (listen(&dan, ""), listen(&eve, ""));
    assert_eq!([rings(&mut lines), rings(&mut others)], ["0", "0"], "a line begins with what is unread");
    give("Ann", "dan");
    assert_eq!(rings(&mut lines), "1");
    give("Bo", "dan");
    assert_eq!(rings(&mut lines), "2");
    // A screen that is opened now knows it at once, and what is read on one of them is read on all.
    let mut late = listen(&dan, "");
    assert_eq!(rings(&mut late), "2");
    dan.does("/notifications/read", &[]);
    assert_eq!([rings(&mut lines), rings(&mut late)], ["0", "0"]);
    // Nobody else's bell rang: hers rings for the first time now.
    give("Cy", "eve");
    assert_eq!(rings(&mut others), "1");
}

#[test]
fn a_station_takes_a_person_by_badge_and_by_pin() {
    let depot = depot();
    let more = json!({ "password": PASSWORD, "is_station": true });
    depot.user(FIRST_TENANT, "gate", "station", more);
    let more = json!({ "password": PASSWORD, "pin": "2580", "badge": "B-0042-XYZ" });
    depot.user(FIRST_TENANT, "ana", "clerk", more);
    let gate = Person::logged_in(&depot, "gate", PASSWORD);
    assert_eq!(gate.get("/").location(), "/scan");
    let hello = gate.post("/scan", &[("code", "B-0042-XYZ")]);
    assert!(
        hello.text.contains("data-outcome=\"person\"") && hello.text.contains("Name of ana"),
        "{}",
        hello.text
    );
    depot
        .itself(FIRST_TENANT, "POST", "/parcels")
        .body(&json!({ "tracking_number": "RR123456785NL" }))
        .gives(201);
    let scanned = gate.post("/scan", &[("code", "RR123456785NL"), ("station", "gate")]);
    assert!(scanned.text.contains("data-outcome=\"ok\""), "{}", scanned.text);
    let log = depot.itself(FIRST_TENANT, "GET", "/audit-log?table=parcel").gives(200).json;
    let last = &log["items"][0];
    assert_eq!(
        (last["user"].as_str(), last["via"].as_str()),
        (Some("Name of ana"), Some("screen")),
        "{last}"
    );
    gate.post("/scan/person", &[("leave", "1")]);
    assert!(!gate.get("/scan").text.contains("Name of ana"));
    assert_eq!(gate.post("/scan/person", &[("login", "ana"), ("pin", "0000")]).status, 401);
    assert_eq!(gate.post("/scan/person", &[("login", "ana"), ("pin", "2580")]).location(), "/scan");
    let cases = depot.itself(FIRST_TENANT, "GET", "/cases").gives(200).json;
    assert!(!cases.to_string().contains("B-0042"), "a badge is never kept as a code: {cases}");
    assert_eq!(cases["items"], Value::Array(Vec::new()));
}
