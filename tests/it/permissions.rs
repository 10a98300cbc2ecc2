//! Every route of the table, tried by everybody who must not and by somebody who may: nobody is let in by accident, and
//! who is refused changes nothing.

use crossdock::app;
use crossdock::web::control::FIRST_TENANT;
use crossdock::web::routes::Route;
use serde_json::Value;

use crate::support::people::{PASSWORD, Records, depot, text};
use crate::support::{Answered, Depot};

/// The routes that need no feature, and what they say to somebody who shows nothing.
const OPEN: &[(&str, u16, &str)] = &[
    ("POST /auth/login", 401, "auth.refused"),
    ("POST /auth/register", 403, "auth.registration_off"),
    ("POST /auth/refresh", 401, "auth.refresh_over"),
    ("POST /auth/logout", 401, "auth.needed"),
    ("GET /auth/profile", 401, "auth.needed"),
    ("POST /auth/switch", 401, "auth.needed"),
    ("POST /setup", 401, "setup.link_over"),
    ("GET /state-machines/{name}", 200, ""),
    ("GET /health", 200, ""),
    ("POST /carriers/{code}/events", 401, "carrier.signature"),
    ("GET /ws", 400, "live.no_upgrade"),
    ("GET /tracking/osmand", 401, "tracking.device"),
    ("POST /tracking/osmand", 401, "tracking.device"),
    ("POST /tracking/owntracks", 401, "tracking.device"),
];

/// Routes that need a second feature beside their own.
const FURTHER: &[(&str, &str)] = &[
    ("POST /cases/bulk", "cases.work"),
    ("POST /cases/{id}/merge", "cases.work"),
    ("POST /deliveries/{id}/assign", "deliveries.assign_admins"),
    ("DELETE /auth/sessions/{id}", "sessions.revoke"),
    ("GET /exports/{kind}", "parcels.view"),
];

/// Routes that refuse whoever has their feature alone, for what the example asks is above them.
const ABOVE: &[(&str, &str)] = &[
    ("POST /users", "identity.above"),
    ("PUT /users/{id}", "identity.above"),
    ("DELETE /users/{id}", "identity.above"),
    ("PATCH /users/{id}/role", "identity.above"),
    ("PUT /users/{id}/overrides", "identity.above"),
    ("PUT /users/{id}/credentials", "identity.above"),
    ("POST /roles", "identity.above"),
    ("PUT /roles/{name}", "identity.above"),
    ("POST /api-keys", "identity.above"),
    ("POST /control/token", "control.only"),
    ("POST /sync/join", "control.only"),
    ("POST /conditions/map", "control.only"),
];

/// Examples that name what only their reader knows, so that here they name nothing.
const NAMES_NOTHING: &[(&str, u16)] = &[("POST /cases/{id}/merge", 404), ("PATCH /users/{id}/role", 200)];

fn routes() -> Vec<Route> {
    app::areas().into_iter().flat_map(|a| a.routes).collect()
}

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
}

/// Sends the route's own example, with the revision of something fresh.
fn attempt(depot: &Depot, records: &Records, bearer: &str, route: &Route) -> Answered {
    let path = if route.path == "/state-machines/{name}" {
        "/state-machines/parcel".to_owned()
    } else {
        records.fill(route.path).unwrap_or_else(|| panic!("{} names something unknown", route.path))
    };
    let path = if name(route) == "POST /imports" {
        format!("{path}?kind=parcels&source={}&file=a.csv", records.source)
    } else if name(route) == "POST /manifests/csv" {
        format!("{path}?number=M-7")
    } else {
        path
    };
    let path = match name(route).as_str() {
        "POST /attachments" => format!("{path}?subject=mawb&id={}&type=other&name=a.csv", records.mawb),
        "GET /attachments" => format!("{path}?subject=mawb&id={}", records.mawb),
        _ => path,
    };
    let mut asked = depot.ask(bearer, route.method.as_str(), &path);
    if matches!(route.method.as_str(), "PUT" | "PATCH" | "DELETE") {
        // What the depot itself sees is what the caller is to have seen.
        let seen = depot.itself(records.tenant, "GET", &path).send();
        let rev = seen.header("etag").trim_matches('"').parse().unwrap_or(1);
        asked = asked.seen(rev);
    }
    if let Some(example) = route.body.and_then(|b| b.example) {
        // Examples name a parcel of everybody's; here it is this house's.
        asked = asked.text("application/json", example.replace("RR123456785NL", &records.number));
    } else if let Some((media, _)) = route.raw_body {
        let first = if route.path.starts_with("/status-maps/") { "code" } else { "tracking number" };
        let text = match route.path {
            "/places/import" => "zip,lat,lon\n10115,52.53,13.38\n".to_owned(),
            _ => format!("{first},status\nRR123456785NL,in_transit\n"),
        };
        asked = asked.text(media, text);
    }
    asked.send()
}

fn denied(answer: &Answered, route: &Route) {
    assert_eq!(answer.status, 403, "{}: {answer:?}", name(route));
    assert!(answer.text.contains(route.feature), "{} names no feature: {answer:?}", name(route));
}

#[test]
fn without_a_credential_only_the_open_routes_answer_and_nothing_changes() {
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    let before = records.at_rest(&depot);
    let mut open = Vec::new();
    for route in routes() {
        let name = name(&route);
        if route.feature.is_empty() {
            let (_, status, code) =
                OPEN.iter().find(|o| o.0 == name).unwrap_or_else(|| panic!("{name} is open"));
            let answer = attempt(&depot, &records, "", &route);
            assert_eq!(answer.status, *status, "{name}: {answer:?}");
            assert_eq!(answer.json["code"].as_str().unwrap_or_default(), *code, "{name}: {answer:?}");
            open.push(name);
            continue;
        }
        let forged = ["", "nonsense", "1.k.hGqZ5yk0t1bq3rQxS4m0mC1cVbq8x8Q0p2m3n4o5p6c", "control:secret@1"];
        for bearer in forged {
            let answer = attempt(&depot, &records, bearer, &route);
            assert_eq!(answer.problem(), (401, "auth.needed"), "{name} with \"{bearer}\"");
            assert!(!answer.header("www-authenticate").is_empty(), "{name}");
        }
    }
    assert_eq!(open.len(), OPEN.len(), "a route in the list is gone: {open:?}");
    let after = records.at_rest(&depot);
    for (list, was) in before.as_object().unwrap() {
        // The wrong login is written down, and nothing else.
        if list.starts_with("/audit-log") {
            let new = after[list]["items"].as_array().unwrap().len() - was["items"].as_array().unwrap().len();
            assert!(new <= 1, "{}", after[list]);
        } else {
            assert_eq!(was, &after[list], "{list}");
        }
    }
}

#[test]
fn every_feature_but_the_right_one_is_refused_and_changes_nothing() {
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    let all: Vec<String> = features(&depot);
    let mut tokens = std::collections::BTreeMap::new();
    for route in routes().into_iter().filter(|r| !r.feature.is_empty()) {
        tokens.entry(route.feature).or_insert_with(|| {
            let role = format!("but_{}", route.feature.replace('.', "_"));
            let others: Vec<&str> = all.iter().map(String::as_str).filter(|f| *f != route.feature).collect();
            depot.role(FIRST_TENANT, &role, &others, "tenant");
            depot.user(FIRST_TENANT, &role, &role, serde_json::json!({}));
            depot.token(&role)
        });
    }
    let before = records.at_rest(&depot);
    for route in routes().into_iter().filter(|r| !r.feature.is_empty()) {
        denied(&attempt(&depot, &records, &tokens[route.feature], &route), &route);
    }
    let after = records.at_rest(&depot);
    for (list, was) in before.as_object().unwrap() {
        assert_eq!(was, &after[list], "{list}");
    }
}

fn features(depot: &Depot) -> Vec<String> {
    let all = depot.itself(FIRST_TENANT, "GET", "/features").gives(200).json;
    all.as_array().unwrap().iter().map(|f| text(f, "name")).collect()
}

/// One test a share of the routes: each route that changes something gets a house of its own.
macro_rules! shares {
    ($($name:ident: $share:literal;)*) => {
        const SHARES: usize = [$($share),*].len();
        $(#[test] fn $name() { the_right_feature_alone_is_enough_and_every_example_is_a_valid_request($share); })*
    };
}

shares! {
    the_right_feature_alone_is_enough_for_the_first_share_of_routes: 0;
    the_right_feature_alone_is_enough_for_the_second_share_of_routes: 1;
    the_right_feature_alone_is_enough_for_the_third_share_of_routes: 2;
    the_right_feature_alone_is_enough_for_the_fourth_share_of_routes: 3;
    the_right_feature_alone_is_enough_for_the_fifth_share_of_routes: 4;
    the_right_feature_alone_is_enough_for_the_sixth_share_of_routes: 5;
    the_right_feature_alone_is_enough_for_the_seventh_share_of_routes: 6;
    the_right_feature_alone_is_enough_for_the_eighth_share_of_routes: 7;
    the_right_feature_alone_is_enough_for_the_ninth_share_of_routes: 8;
    the_right_feature_alone_is_enough_for_the_last_share_of_routes: 9;
}

fn the_right_feature_alone_is_enough_and_every_example_is_a_valid_request(share: usize) {
    let depot = depot();
    let (mut tried, mut reading) = (0, None);
    let mut furnished = std::collections::BTreeMap::new();
    let guarded = routes().into_iter().filter(|r| !r.feature.is_empty()).enumerate();
    for (n, route) in guarded.filter(|(n, _)| n % SHARES == share) {
        let name = name(&route);
        // A house of its own for what changes something, so that one route does not spoil the next one's records.
        let house = if route.method == "GET" { *reading.get_or_insert(n) } else { n };
        let houses = &mut furnished;
        let records = houses.entry(house).or_insert_with(|| {
            let tenant = crate::support::people::house(&depot, &format!("house{house}"), "super_admin");
            Records::new(&depot, tenant, "alpha")
        });
        let password = if route.path == "/auth/password" {
            serde_json::json!({ "password": PASSWORD })
        } else {
            serde_json::json!({})
        };
        let only = |role: &str, features: &[&str]| {
            let role = format!("{role}_{n}");
            depot.role(records.tenant, &role, features, "tenant");
            depot.user(records.tenant, &role, &role, password.clone());
            depot.token(&format!("{role}@house{house}"))
        };
        let alone = attempt(&depot, records, &only("alone", &[route.feature]), &route);
        let answer = match (find(FURTHER, &name), find(ABOVE, &name)) {
            (Some(further), _) => {
                assert_eq!(alone.status, 403, "{name}: {alone:?}");
                attempt(&depot, records, &only("both", &[route.feature, further]), &route)
            }
            (None, Some(code)) => {
                assert_eq!(alone.problem(), (403, code), "{name}: {alone:?}");
                let every = features(&depot);
                let every: Vec<&str> = every.iter().map(String::as_str).collect();
                let answer = attempt(&depot, records, &only("every", &every), &route);
                if code == "control.only" {
                    assert_eq!(answer.problem(), (403, code));
                    continue;
                }
                answer
            }
            (None, None) => alone,
        };
        assert!(![401, 403, 400, 415, 405, 422, 428].contains(&answer.status), "{name}: {answer:?}");
        assert!(answer.status < 500, "{name}: {answer:?}");
        if let Some(status) = find(NAMES_NOTHING, &name) {
            assert_eq!(answer.status, status, "{name}: {answer:?}");
        }
        if answer.status < 300 && route.status != 200 {
            assert_eq!(answer.status, route.status, "{name} promises another status: {answer:?}");
        }
        if answer.status >= 400 {
            let (_, code) = answer.problem();
            assert!(!code.is_empty(), "{name}");
            eprintln!("{name}: {} {code}", answer.status);
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried} routes were tried");
}

#[test]
fn every_route_is_declared_once() {
    let mut seen = std::collections::BTreeSet::new();
    for route in routes() {
        assert!(seen.insert(name(&route)), "{} is there twice", name(&route));
        assert!(!route.summary.is_empty(), "{}", name(&route));
        let known = crossdock::identity::features::index_of(route.feature).is_some();
        assert!(
            known || route.feature.is_empty(),
            "{} needs {}, which is no feature",
            name(&route),
            route.feature
        );
        if let Some(example) = route.body.and_then(|b| b.example) {
            assert!(serde_json::from_str::<Value>(example).is_ok(), "{}", name(&route));
        }
    }
}
