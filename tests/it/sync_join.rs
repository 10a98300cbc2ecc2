//! A depot joins its headquarters from the screen: with the address and the code, once, by those who set it up.

use crossdock::web::control::FIRST_TENANT;
use serde_json::json;

use crate::support::Depot;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, house};
use crate::sync::{code, headquarters, line};

#[test]
fn a_depot_joins_headquarters_by_the_form_once_and_only_for_those_who_set_it_up() {
    let hq = headquarters();
    let relay = line(&hq);
    let depot = Depot::embedded();
    house(&depot, "acme", "super_admin");
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let offers = |came: &crate::support::page::Came| {
        came.page().all("form", "action").contains(&"/sync/join".to_owned())
    };
    let begin = admin.get("/sync");
    assert!(offers(&begin), "{}", begin.text);
    assert!(begin.page().faults(&begin.text).is_empty(), "{:?}", begin.page().faults(&begin.text));

    // Who runs the exchange, and may not change the settings, does not say whose depot this is.
    depot.role(FIRST_TENANT, "courier", &["sync.view", "sync.manage", "profile.own"], "tenant");
    depot.user(FIRST_TENANT, "cora", "courier", json!({ "password": PASSWORD }));
    let cora = Person::logged_in(&depot, "cora", PASSWORD);
    let given = code(&hq, "North");
    let fields = [("url", relay.url()), ("code", given.clone())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, t)| (*n, t.as_str())).collect();
    assert!(!offers(&cora.get("/sync")));
    assert_eq!(cora.post("/sync/join", &fields).status, 403);
    assert_eq!(admin.post_without("/sync/join", &fields).status, 403, "a form that is not ours");

    let empty = admin.post("/sync/join", &[("url", ""), ("code", "")]);
    assert_eq!(empty.status, 400, "{}", empty.text);
    let open = admin.post("/sync/join", &[("url", "http://hq.example.com"), ("code", &given)]);
    assert_eq!(open.status, 400, "in the clear over the network");
    assert!(open.text.contains("http://hq.example.com"), "what was typed is still there");
    assert!(!open.text.contains(&given), "and a code is shown to nobody");
    let wrong = admin.post("/sync/join", &[("url", &relay.url()), ("code", &"0".repeat(32))]);
    assert_eq!(wrong.status, 409, "{}", wrong.text);
    assert!(offers(&wrong), "one may try again");
    assert_eq!(hq.get("/sites").json[0]["state"], "invited");

    let done = admin.does("/sync/join", &fields);
    assert!(!offers(&done) && done.text.contains(relay.url().trim_end_matches('/')), "{}", done.text);
    depot.wait_until("headquarters has heard of it", || hq.get("/sites").json[0]["state"] == "ok");
    let audit = depot.itself(FIRST_TENANT, "GET", "/audit-log?limit=200").gives(200).json;
    let entry = audit["items"].as_array().unwrap().iter().find(|e| e["action"] == "site.joined");
    let entry = entry.unwrap_or_else(|| panic!("nobody joined: {audit}"));
    assert!(entry.to_string().contains("Admin of acme"), "{entry}");

    let again = admin.post("/sync/join", &fields);
    assert_eq!(again.status, 409, "it belongs to one alone");
    // At headquarters there is nothing to join.
    let there = hq.post("/sync/join", &json!({ "url": relay.url(), "code": given }));
    assert_eq!(there.problem(), (409, "sync.headquarters"));
}
