//! Two houses on one node, and a partner in one of them: nobody sees, changes or hears of what is another's.

use crossdock::app;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{ADMIN, PASSWORD, Records, depot, house, text};
use crate::support::{Answered, Depot};

/// A body without what differs by chance or by the name that was asked for.
fn plain(answer: &Answered, asked: &[&str]) -> (u16, Value) {
    let mut body = answer.text.clone();
    for name in asked {
        body = body.replace(name, "NAME");
    }
    let mut json: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    if let Some(fields) = json.as_object_mut() {
        fields.remove("request_id");
    }
    (answer.status, json)
}

fn random(depot: &Depot) -> Records {
    let id = || uuid::Uuid::now_v7().to_string();
    let _ = depot;
    Records {
        tenant: 0,
        parcel: id(),
        number: "NOBODY1234567".into(),
        case: id(),
        other_case: id(),
        bulk: id(),
        import: id(),
        job: id(),
        user: id(),
        session: id(),
        key: id(),
        role: "nobody_role".into(),
        source: "nobody_source".into(),
        printer: id(),
        manifest: id(),
        unloading: id(),
        carrier: "nobody_carrier".into(),
        airline: "9Y".into(),
        report: id(),
        run: id(),
        mawb: id(),
        hawb: id(),
        bill: id(),
        attachment: id(),
        category: id(),
        product: id(),
        order: id(),
        delivery: id(),
        webhook: id(),
        vehicle: id(),
        driver: id(),
        place: id(),
        route: id(),
        search: id(),
        tracked: "nobody-delivery".into(),
        device: id(),
        fence: id(),
        link: id(),
        customer: id(),
        erasure: id(),
        hold: id(),
    }
}

/// Everything by which a house's records could be known.
fn marks(r: &Records) -> Vec<&str> {
    vec![
        &r.parcel,
        &r.number,
        &r.case,
        &r.other_case,
        &r.import,
        &r.job,
        &r.user,
        &r.session,
        &r.key,
        &r.printer,
        &r.manifest,
        &r.unloading,
        &r.report,
        &r.run,
        &r.mawb,
        &r.hawb,
        &r.bill,
        &r.attachment,
        &r.category,
        &r.product,
        &r.order,
        &r.delivery,
        &r.webhook,
        &r.vehicle,
        &r.driver,
        &r.route,
        &r.search,
        &r.device,
        &r.fence,
        &r.link,
        &r.customer,
        &r.erasure,
        &r.hold,
        "alpha",
        "ALPHA",
    ]
}

fn leaks_nothing(answer: &Answered, marks: &[&str], what: &str) {
    for mark in marks {
        assert!(!answer.text.contains(mark), "{what} tells {mark}: {}", answer.text);
    }
}

struct Two {
    depot: Depot,
    alpha: Records,
    stranger: String,
}

fn two() -> Two {
    let depot = depot();
    let second = house(&depot, "beta", "super_admin");
    let alpha = Records::new(&depot, FIRST_TENANT, "alpha");
    Records::new(&depot, second, "beta");
    let stranger = depot.token(&format!("{ADMIN}@beta"));
    Two { depot, alpha, stranger }
}

#[test]
fn another_houses_records_answer_as_if_they_did_not_exist() {
    let Two { depot, alpha, stranger } = two();
    let nobody = random(&depot);
    let before = alpha.at_rest(&depot);
    let mut tried = 0;
    for route in app::areas().into_iter().flat_map(|a| a.routes) {
        if !route.path.contains('{') || route.path.starts_with("/state-machines") {
            continue;
        }
        let mut pairs = vec![(alpha.fill(route.path).unwrap(), nobody.fill(route.path).unwrap())];
        if route.path.starts_with("/parcels/") {
            let by = |number: &str| route.path.replace("{id}", number);
            pairs.push((by(&alpha.number), by(&nobody.number)));
        }
        for (theirs, none) in pairs {
            let ask = |path: &str| {
                let asked = depot.ask(&stranger, route.method.as_str(), path).seen(1);
                match (&route.body, &route.raw_body) {
                    (Some(body), _) => asked.text("application/json", body.example.unwrap_or("{}")).send(),
                    (None, Some((media, _))) => asked.text(media, "a,b\n").send(),
                    (None, None) => asked.send(),
                }
            };
            let (seen, other) = (ask(&theirs), ask(&none));
            let name = |path: &str| {
                let at = route.path.find('{').unwrap();
                let rest = &path[at..];
                rest.split('/').next().unwrap().to_owned()
            };
            let (a, b) = (name(&theirs), name(&none));
            assert_eq!(plain(&seen, &[&a]), plain(&other, &[&b]), "{} {theirs}", route.method);
            assert!(seen.status < 500, "{} {theirs}: {seen:?}", route.method);
            if route.path.contains("{id}") {
                assert_eq!(seen.status, 404, "{} {theirs}: {seen:?}", route.method);
            }
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
    let after = alpha.at_rest(&depot);
    for (list, was) in before.as_object().unwrap() {
        if list != "/tenants" {
            assert_eq!(was, &after[list], "{list}");
        }
    }
}

#[test]
fn lists_and_cursors_of_one_house_hold_nothing_of_another() {
    let Two { depot, alpha, stranger } = two();
    let owner = depot.token(&format!("{ADMIN}@acme"));
    for n in 0..3 {
        let new = json!({ "tracking_number": format!("ALPHA99{n}"), "distributor": "alpha_shop", "promised_at": "2026-11-01T00:00:00Z" });
        depot.ask(&owner, "POST", "/parcels").body(&new).gives(201);
    }
    let marks = marks(&alpha);
    let mut cursors = 0;
    for route in app::areas().into_iter().flat_map(|a| a.routes) {
        // The houses of the node and its backups are no house's own.
        let of_the_node = ["/tenants", "/backups", "/check"].contains(&route.path);
        // What only headquarters has: a depot has nothing of it to show.
        let of_headquarters = ["/sites", "/sync/quarantine", "/sync/proposals"].contains(&route.path);
        // A line that stays open, and where a device tells its position.
        let no_list = ["/ws", "/tracking/osmand"].contains(&route.path);
        if route.method != "GET" || route.path.contains('{') || of_the_node || of_headquarters || no_list {
            continue;
        }
        if route.path == "/attachments" {
            let of = format!("/attachments?subject=mawb&id={}", alpha.mawb);
            depot.ask(&stranger, "GET", &of).gives(404);
            continue;
        }
        let seen = depot.ask(&stranger, "GET", route.path).gives(200);
        leaks_nothing(&seen, &marks, route.path);
        if !route.query.iter().any(|(name, _)| *name == "cursor") {
            continue;
        }
        let mut from = String::new();
        // Each place in the owner's list is tried, for a cursor may lie before, among or behind the stranger's rows.
        for _ in 0..20 {
            let page = depot.ask(&owner, "GET", &format!("{}?limit=1{from}", route.path)).gives(200);
            let Some(next) = page.json["next"].as_str() else { break };
            from = format!("&cursor={next}");
            for limit in [1, 500] {
                let tried =
                    depot.ask(&stranger, "GET", &format!("{}?limit={limit}{from}", route.path)).send();
                assert!(
                    tried.status == 200 || tried.status == 422 || tried.status == 400,
                    "{}: {tried:?}",
                    route.path
                );
                leaks_nothing(&tried, &marks, route.path);
            }
            cursors += 1;
        }
    }
    assert!(cursors > 5, "{cursors}");
    for query in [
        "/parcels?number=ALPHA",
        "/parcels?distributor=alpha_shop",
        "/cases?distributor=alpha_shop",
        &format!("/cases?subject={}", alpha.number),
        &format!("/cases?subject={}", alpha.parcel),
        &format!("/cases?owner={}", alpha.user),
        &format!("/audit-log?record={}", alpha.parcel),
        &format!("/audit-log?user={}", alpha.user),
        "/status-maps/unmapped?source=alpha_source",
        "/parcels/overdue?at=2027-01-01T00:00:00Z",
        "/dashboard/stats?at=2026-11-21T09:00:00Z",
    ] {
        let tried = depot.ask(&stranger, "GET", query).send();
        assert!(tried.status < 500, "{query}: {tried:?}");
        leaks_nothing(&tried, &["alpha_", "ALPHA99", &alpha.parcel, &alpha.case], query);
    }
    let own = depot.ask(&stranger, "GET", &format!("/auth/sessions?user={}", alpha.user)).gives(200);
    assert_eq!(own.json, json!([]));
}

#[test]
fn what_names_another_houses_record_in_a_body_finds_nothing() {
    let Two { depot, alpha, stranger } = two();
    let before = alpha.at_rest(&depot);
    let post = |path: &str, body: &Value| depot.ask(&stranger, "POST", path).body(body).send();
    let bulk = post(
        "/parcels/events",
        &json!({ "rows": [{ "parcel": alpha.number, "status": "in_transit" }, { "parcel": alpha.parcel, "status": "in_transit" }] }),
    );
    assert_eq!((bulk.status, &bulk.json["accepted"]), (200, &json!(0)), "{bulk:?}");
    let bulk =
        post("/cases/bulk", &json!({ "ids": [alpha.case], "step": "resolve", "resolution": "solved" }));
    assert_eq!(bulk.json["done"], 0, "{bulk:?}");
    let mine = text(&post("/cases", &json!({ "reason": "address_incomplete" })).json, "id");
    assert_eq!(post(&format!("/cases/{mine}/merge"), &json!({ "into": alpha.case })).status, 404);
    assert_eq!(
        post("/cases", &json!({ "reason": "address_incomplete", "subject": alpha.number })).status,
        422
    );
    assert_eq!(post("/notifications/read", &json!({ "ids": [alpha.parcel] })).status, 200);
    let key = post("/api-keys", &json!({ "name": "x", "features": ["parcels.view"], "user": alpha.user }));
    assert_eq!(key.status, 404, "{key:?}");
    assert_eq!(before["/parcels?limit=500"], alpha.snapshot(&depot)["/parcels?limit=500"]);
    assert_eq!(before["/cases?limit=500"], alpha.snapshot(&depot)["/cases?limit=500"]);
    assert_eq!(before["/api-keys"], alpha.snapshot(&depot)["/api-keys"]);
}

#[test]
fn a_credential_of_one_house_opens_no_other_whatever_is_written_on_it() {
    let Two { depot, alpha, .. } = two();
    let owner = depot.token(&format!("{ADMIN}@acme"));
    let key = depot
        .ask(&owner, "POST", "/api-keys")
        .body(&json!({ "name": "shop", "features": ["parcels.view"] }))
        .gives(201);
    let key = text(&key.json, "key");
    depot.ask(&key, "GET", &format!("/parcels/{}", alpha.parcel)).gives(200);
    let elsewhere = format!("2.{}", key.split_once('.').unwrap().1);
    depot.ask(&elsewhere, "GET", "/parcels").gives(401);
    let entered = depot.login(&format!("{ADMIN}@acme"), PASSWORD);
    let refresh = text(&entered.json, "refresh_token");
    let elsewhere = format!("2.{}", refresh.split_once('.').unwrap().1);
    assert_eq!(depot.post("/api/v1/auth/refresh", &json!({ "refresh_token": elsewhere })).status, 401);
    assert_eq!(depot.post("/api/v1/auth/refresh", &json!({ "refresh_token": refresh })).status, 200);
    assert_eq!(depot.login("alpha_user@beta", PASSWORD).problem(), (401, "auth.refused"));
    assert_eq!(
        depot.login("alpha_user", PASSWORD).problem(),
        (401, "auth.refused"),
        "which house is not said"
    );
}

const PARTNER: &[&str] = &[
    "profile.own",
    "parcels.view",
    "parcels.create",
    "parcels.edit",
    "parcels.scan",
    "parcels.correct",
    "parcels.force",
    "parcels.bulk",
    "cases.view",
    "cases.work",
    "cases.bulk",
    "cases.manage",
    "dashboard.view",
    "imports.view",
    "imports.run",
    "imports.undo",
    "status_maps.view",
    "audit.view",
    "audit.export",
    "alerts.receive",
    "notifications.view",
    "exports.run",
];

#[test]
fn a_partner_sees_and_changes_only_what_is_theirs() {
    let depot = depot();
    let ask = |method: &str, path: &str| depot.itself(FIRST_TENANT, method, path);
    depot.role(FIRST_TENANT, "shop", PARTNER, "distributors");
    depot.user(FIRST_TENANT, "bar_user", "shop", json!({ "scope": { "distributors": ["bar"] } }));
    let bar = depot.token("bar_user");
    let parcel = |number: &str, distributor: Value| {
        let new = json!({ "tracking_number": number, "distributor": distributor, "promised_at": "2026-11-01T00:00:00Z", "recipient": { "name": format!("for {number}") } });
        text(&ask("POST", "/parcels").body(&new).gives(201).json, "id")
    };
    let (foo, own, none) =
        (parcel("FOO1", json!("foo")), parcel("BAR1", json!("bar")), parcel("LOOSE1", Value::Null));
    let case = |number: &str| {
        let new =
            json!({ "reason": "address_incomplete", "subject": number, "detail": format!("about {number}") });
        text(&ask("POST", "/cases").body(&new).gives(201).json, "id")
    };
    let (foo_case, own_case, loose_case) = (case("FOO1"), case("BAR1"), case("LOOSE1"));
    let csv = "tracking number,status,distributor\nFOO2,foo-word,foo\nBAR2,bar-word,bar\n";
    let import =
        ask("POST", "/imports?kind=parcels&source=house&file=all.csv").text("text/csv", csv).gives(202);
    let import = text(&import.json, "id");
    depot.until("the import is done", |d| {
        d.itself(FIRST_TENANT, "GET", &format!("/imports/{import}")).gives(200).json["state"] == "done"
    });
    let before = (
        ask("GET", &format!("/parcels/{foo}/history")).gives(200).json,
        ask("GET", &format!("/cases/{foo_case}")).gives(200).json,
    );

    let get = |path: &str| depot.ask(&bar, "GET", path).send();
    let forbidden = ["FOO", "foo", "LOOSE", &foo, &none, &foo_case, &loose_case, &import];
    for path in [
        "/parcels",
        "/parcels?distributor=foo",
        "/parcels?number=F",
        "/parcels?number=LOO",
        "/parcels?status=announced",
        "/parcels?exceptional=true",
        "/parcels/overdue",
        "/parcels/overdue?at=2026-11-21T09:59:59Z",
        "/parcels/overdue?at=2027-01-01T00:00:00Z&by=day",
        "/cases",
        "/cases?distributor=foo",
        "/cases?subject=FOO1",
        "/cases?state=active",
        "/cases?overdue=false",
        "/dashboard/stats",
        "/dashboard/stats?at=2027-01-01T00:00:00Z",
        "/imports",
        "/status-maps/unmapped",
        "/audit-log",
        "/audit-log/export.csv",
        "/notifications",
        &format!("/cases?subject={foo}"),
        &format!("/imports/{import}"),
        &format!("/imports/{import}/errors.csv"),
    ] {
        let seen = get(path);
        assert!(seen.status < 500, "{path}: {seen:?}");
        let asked = path.split_once('?').map_or(path, |(p, _)| p);
        for mark in forbidden.iter().filter(|m| !asked.contains(**m)) {
            assert!(!seen.text.contains(*mark), "{path} tells {mark}: {}", seen.text);
        }
    }
    for path in [format!("/imports/{import}"), format!("/imports/{import}/errors.csv")] {
        assert!([403, 404].contains(&get(&path).status), "{path}: {:?}", get(&path));
    }
    assert_eq!(get("/parcels").json["items"].as_array().unwrap().len(), 2);
    // The one opened by hand, and one for the word of BAR2 that no map knows.
    assert_eq!(get("/cases").json["items"].as_array().unwrap().len(), 2);
    assert_eq!(get("/dashboard/stats").json["parcels"], 2);
    assert_eq!(get("/parcels/overdue").json["items"].as_array().unwrap().len(), 1);
    assert_eq!(get(&format!("/parcels/{own}")).status, 200);
    assert_eq!(get(&format!("/cases/{own_case}")).status, 200);

    let change =
        |method: &str, path: String, body: Value| depot.ask(&bar, method, &path).seen(1).body(&body).send();
    for name in [&foo, "FOO1", &none, "LOOSE1"] {
        let mut tried = vec![get(&format!("/parcels/{name}")), get(&format!("/parcels/{name}/history"))];
        tried.push(change("PATCH", format!("/parcels/{name}"), json!({ "distributor": "bar" })));
        tried.push(change("POST", format!("/parcels/{name}/events"), json!({ "status": "in_transit" })));
        tried.push(change("POST", format!("/parcels/{name}/notes"), json!({ "text": "mine" })));
        for answer in tried {
            assert_eq!(answer.problem(), (404, "parcel.unknown"), "{name}");
        }
    }
    for id in [&foo_case, &loose_case] {
        let mut tried = vec![get(&format!("/cases/{id}")), get(&format!("/cases/{id}/history"))];
        tried.push(change("PATCH", format!("/cases/{id}"), json!({ "owner": "me" })));
        tried.push(change("POST", format!("/cases/{id}/acknowledge"), json!({})));
        tried.push(change("POST", format!("/cases/{id}/resolve"), json!({ "resolution": "solved" })));
        tried.push(change("POST", format!("/cases/{own_case}/merge"), json!({ "into": id })));
        for answer in tried {
            assert_eq!(answer.problem(), (404, "case.unknown"), "{id}");
        }
    }
    let rows = json!({ "rows": [{ "parcel": "FOO1", "status": "in_transit" }] });
    assert_eq!(change("POST", "/parcels/events".into(), rows).json["accepted"], 0);
    let bulk = json!({ "ids": [foo_case], "step": "acknowledge" });
    assert_eq!(change("POST", "/cases/bulk".into(), bulk).json["done"], 0);
    assert_eq!(
        change("POST", "/cases".into(), json!({ "reason": "address_incomplete", "subject": "FOO1" })).status,
        422
    );
    let steals = json!({ "tracking_number": "NEW1", "distributor": "foo" });
    assert_eq!(change("POST", "/parcels".into(), steals).status, 422);
    assert_eq!(change("POST", "/parcels".into(), json!({ "tracking_number": "NEW1" })).status, 422);
    assert_eq!(change("PATCH", format!("/parcels/{own}"), json!({ "distributor": "foo" })).status, 422);
    assert_eq!(change("PATCH", format!("/parcels/{own}"), json!({ "distributor": null })).status, 422);
    let taken = change("POST", "/parcels".into(), json!({ "tracking_number": "FOO1", "distributor": "bar" }));
    // Were it refused they would learn that somebody else sends one of this number: it is theirs beside the other.
    assert_eq!((taken.status, &taken.json["distributor"]), (201, &json!("bar")));
    assert!(!taken.text.contains(&foo) && !taken.text.contains("for FOO1"), "{taken:?}");
    assert_eq!(change("POST", format!("/imports/{import}/undo"), json!({})).status, 403);
    let file = depot
        .ask(&bar, "POST", "/imports?kind=parcels&source=bar")
        .text("text/csv", "tracking number\nFOO1\n");
    assert_eq!(file.gives(403).json["code"], "import.scope");
    let after = (
        ask("GET", &format!("/parcels/{foo}/history")).gives(200).json,
        ask("GET", &format!("/cases/{foo_case}")).gives(200).json,
    );
    assert_eq!(before, after);
}

#[test]
fn a_partner_is_told_of_their_own_cases_alone() {
    let depot = depot();
    depot.role(FIRST_TENANT, "shop", PARTNER, "distributors");
    depot.user(FIRST_TENANT, "bar_user", "shop", json!({ "scope": { "distributors": ["bar"] } }));
    depot.user(FIRST_TENANT, "nobodys", "shop", json!({}));
    let (bar, unnamed) = (depot.token("bar_user"), depot.token("nobodys"));
    for (number, distributor) in [("FOO1", "foo"), ("BAR1", "bar")] {
        let new = json!({ "tracking_number": number, "distributor": distributor });
        depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201);
        let hurt = json!({ "status": "on_hold", "reason": "damaged" });
        depot.itself(FIRST_TENANT, "POST", &format!("/parcels/{number}/events")).body(&hurt).gives(200);
    }
    depot.wait(std::time::Duration::from_secs(120));
    depot.running().app.wake.wake();
    depot.until("the digest came", |d| d.ask(&bar, "GET", "/notifications").gives(200).text.contains("BAR1"));
    let told = depot.ask(&bar, "GET", "/notifications").gives(200);
    assert!(!told.text.contains("FOO1"), "{told:?}");
    assert_eq!(depot.ask(&unnamed, "GET", "/notifications").gives(200).json["items"], json!([]));
    assert_eq!(depot.ask(&unnamed, "GET", "/parcels").gives(200).json["items"], json!([]));
}
