//! Who is told: the house's own words, their preview and test, and the chain an escalation climbs.

use std::time::Duration;

use crossdock::config::choices::{MailSecurity, Role};
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::desk::Desk;
use crate::support::people::{depot, depot_with};
use crate::support::sink::Sink;

fn rev(answer: &crate::support::Answered) -> u64 {
    answer.header("etag").trim_matches('"').parse().unwrap()
}

/// A depot that works day and night and mails to `sink`, with a clerk and a supervisor.
fn staffed(sink: &Sink) -> Depot {
    let port = sink.port;
    let depot = depot_with(|c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
        c.mail.digest_every_s = 0;
    });
    let rules = depot.itself(FIRST_TENANT, "GET", "/rules").gives(200);
    let mut new = rules.json.clone();
    new["opening"]["hours"] = json!("always");
    depot.itself(FIRST_TENANT, "PUT", "/rules").seen(rev(&rules)).body(&new).gives(200);
    for role in ["clerk", "supervisor"] {
        depot.user(FIRST_TENANT, role, role, json!({ "email": format!("{role}@example.com") }));
    }
    depot
}

fn words(depot: &Depot, path: &str, words: &Value) {
    let seen = rev(&depot.itself(FIRST_TENANT, "GET", path).gives(200));
    depot.itself(FIRST_TENANT, "PUT", path).seen(seen).body(words).gives(200);
}

#[test]
fn an_escalation_goes_up_the_chain_in_the_words_of_the_house() {
    let sink = Sink::open(0);
    let depot = staffed(&sink);
    let own =
        json!({ "subject": "Look: {{ count }}", "text": "{% for c in cases %}{{ c.reason }};{% endfor %}" });
    words(&depot, "/templates/cases.escalated/en", &own);
    // Of new cases nobody but a driver is told, so that only escalations are mailed.
    let plan = json!({ "topics": { "cases.new": { "roles": ["driver"] } } });
    let seen = rev(&depot.itself(FIRST_TENANT, "GET", "/alert-plan").gives(200));
    depot.itself(FIRST_TENANT, "PUT", "/alert-plan").seen(seen).body(&plan).gives(200);
    depot.itself(FIRST_TENANT, "POST", "/cases").body(&json!({ "reason": "address_incomplete" })).gives(201);
    for (n, who) in [(1, "clerk@example.com"), (2, "supervisor@example.com")] {
        depot.wait(Duration::from_secs(2 * 3_600 + 1));
        depot.wait_until("the mail came", || sink.mails().len() >= n);
        let mails = sink.mails();
        let mail = &mails[n - 1];
        assert_eq!(mails.len(), n, "{mails:?}");
        assert!(mail.contains("Subject: Look: 1") && mail.contains(&format!("To: {who}")), "{mail}");
        assert!(mail.contains("address_incomplete;"), "{mail}");
    }
}

#[test]
fn words_are_tried_before_they_are_kept_and_can_be_given_back() {
    let sink = Sink::open(0);
    let depot = staffed(&sink);
    let path = "/templates/cases.new/es";
    let shipped = depot.itself(FIRST_TENANT, "GET", path).gives(200).json;
    assert_eq!(shipped["own"], false);
    for (bad, pointer) in [
        (json!({ "subject": "x", "text": "{{ nothing }}" }), "/text"),
        (json!({ "subject": "{% include 'x' %}", "text": "x" }), "/subject"),
        (json!({ "subject": "x", "text": "x".repeat(8_193) }), "/text"),
    ] {
        for (method, path) in [("POST", format!("{path}/preview")), ("PUT", path.to_owned())] {
            let refused = depot.itself(FIRST_TENANT, method, &path).seen(0).body(&bad).gives(422);
            assert_eq!(refused.json["errors"][0]["pointer"], pointer, "{refused:?}");
        }
    }
    assert_eq!(depot.itself(FIRST_TENANT, "GET", path).gives(200).json, shipped);
    let good = json!({ "subject": "Hay {{ count }}", "text": "{{ link }}" });
    let shown = depot.itself(FIRST_TENANT, "POST", &format!("{path}/preview")).body(&good).gives(200).json;
    assert_eq!(shown, json!({ "subject": "Hay 5", "text": "/cases\n" }));
    words(&depot, path, &good);
    depot.itself(FIRST_TENANT, "PUT", path).seen(0).body(&good).gives(412);
    depot.itself(FIRST_TENANT, "GET", "/templates/cases.new/xx").gives(404);

    depot.user(FIRST_TENANT, "boss", "admin", json!({ "email": "boss@example.com" }));
    let boss = depot.token("boss");
    depot.ask(&boss, "POST", &format!("{path}/test")).gives(202);
    depot.wait_until("the test came", || sink.mails().iter().any(|m| m.contains("To: boss@example.com")));
    assert!(sink.mails().iter().any(|m| m.contains("Subject: Hay 5")));
    let seen = rev(&depot.itself(FIRST_TENANT, "GET", path).gives(200));
    depot.itself(FIRST_TENANT, "DELETE", path).seen(seen).gives(204);
    assert_eq!(depot.itself(FIRST_TENANT, "GET", path).gives(200).json, shipped);
}

#[test]
fn wishes_are_the_users_own_and_make_sense() {
    let depot = depot();
    depot.user(FIRST_TENANT, "cleo", "clerk", json!({}));
    let cleo = depot.token("cleo");
    let path = "/notifications/wishes";
    let usual = json!({ "mail": true, "off": [] });
    assert_eq!(depot.ask(&cleo, "GET", path).gives(200).json, usual);
    let mine = json!({ "mail": true, "off": ["cases.new"], "quiet": { "from": 1_320, "to": 360 }, "digest_minutes": 30 });
    depot.ask(&cleo, "PUT", path).body(&mine).gives(200);
    assert_eq!(depot.ask(&cleo, "GET", path).gives(200).json, mine);
    for bad in [
        json!({ "quiet": { "from": 5, "to": 5 } }),
        json!({ "digest_minutes": 0 }),
        json!({ "digest_minutes": 10_081 }),
        json!({ "off": ["weather"] }),
    ] {
        depot.ask(&cleo, "PUT", path).body(&bad).gives(422);
    }
    assert_eq!(depot.ask(&cleo, "GET", path).gives(200).json, mine);
}

#[test]
fn a_case_that_climbs_past_the_depots_supervisors_is_told_to_headquarters_people_once() {
    let sink = Sink::open(0);
    let port = sink.port;
    let hq = Desk::with(|c| {
        c.server.role = Role::Hq;
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "hq@example.com".into();
        c.mail.digest_every_s = 0;
    });
    let rules = hq.itself(FIRST_TENANT, "GET", "/rules").gives(200);
    let mut new = rules.json.clone();
    new["opening"]["hours"] = json!("always");
    hq.itself(FIRST_TENANT, "PUT", "/rules").seen(rev(&rules)).body(&new).gives(200);
    hq.user(FIRST_TENANT, "chief", "supervisor", json!({ "email": "chief@example.com" }));
    let own = json!({ "subject": "Climbed: {{ count }}", "text": "{% for c in cases %}{{ c.reason }};{% endfor %}" });
    words(&hq, "/templates/cases.escalated/en", &own);
    let relay = crate::sync::line(&hq);
    let depot = crate::sync::joined(&hq, &relay, "North");
    crate::sync::exchange(&depot);
    let made = depot.post("/cases", &json!({ "reason": "address_incomplete" }));
    assert_eq!(made.status, 201, "{made:?}");
    let case = made.json["id"].as_str().unwrap().to_owned();
    for (hours, tier) in [(2, "desk"), (2, "supervisor"), (4, "hq")] {
        // The clocks of both go on alike, or headquarters would take the depot's for wrong.
        for node in [&depot, &hq] {
            node.wait(Duration::from_secs(hours * 3_600 + 1));
        }
        depot
            .wait_until("it escalated", || depot.get(&format!("/cases/{case}")).json["escalated_to"] == tier);
        crate::sync::exchange(&depot);
        hq.wait_until("it is known", || hq.get(&format!("/cases/{case}")).json["escalated_to"] == tier);
    }
    // Clocks that jump make cases of their own, which are none of this.
    let told = |m: &&String| m.contains("chief@example.com") && m.contains("address_incomplete;");
    let about = |mails: &[String]| mails.iter().filter(told).count();
    hq.wait_until("the mail came", || about(&sink.mails()) > 0);
    // Whatever is exchanged afterwards, and however late somebody looks: nobody is told of the same step again.
    for _ in 0..3 {
        crate::sync::exchange(&depot);
    }
    for node in [&depot, &hq] {
        node.wait(Duration::from_secs(60));
    }
    crate::sync::exchange(&depot);
    let mails = sink.mails();
    assert_eq!(about(&mails), 1, "{mails:?}");
}
