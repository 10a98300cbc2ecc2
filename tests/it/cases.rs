//! The exception desk through HTTP: one case for many parcels, what a case costs and whose fault it is, the chain of
//! escalation, saved filters, and the answers of a partner.

use std::time::Duration;

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::people::{depot, text};

fn ask(depot: &Depot, method: &str, path: &str, body: Value, status: u16) -> Value {
    let asked = depot.itself(FIRST_TENANT, method, path);
    let asked = if body.is_null() { asked } else { asked.body(&body) };
    asked.gives(status).json
}

fn get(depot: &Depot, path: &str) -> Value {
    ask(depot, "GET", path, Value::Null, 200)
}

fn parcel(depot: &Depot, number: &str, distributor: &str) -> String {
    let new = json!({ "tracking_number": number, "distributor": distributor, "status": "at_depot" });
    text(&ask(depot, "POST", "/parcels", new, 201), "id")
}

/// The storm: 200 parcels, all numbers.
fn storm(depot: &Depot) -> (Vec<String>, String) {
    let numbers: Vec<String> = (0..200).map(|n| format!("STORM{n:05}")).collect();
    for (n, number) in numbers.iter().enumerate() {
        parcel(depot, number, if n % 2 == 0 { "foo" } else { "bar" });
    }
    let new = json!({ "reason": "weather", "name": "storm, route 7", "subjects": numbers, "detail": "the bridge is closed" });
    let case = ask(depot, "POST", "/cases", new, 201);
    assert_eq!(case["parcels_count"], 200, "{case}");
    (numbers, text(&case, "id"))
}

#[test]
fn a_storm_over_two_hundred_parcels_is_one_case_from_its_making_to_its_end() {
    let depot = depot();
    let (numbers, case) = storm(&depot);
    let shown = get(&depot, &format!("/cases/{case}"));
    assert_eq!(shown["suggested"][0]["action"], "bulk_case");
    assert_eq!(
        (&shown["subject"]["kind"], &shown["subject"]["label"]),
        (&json!("parcels"), &json!("storm, route 7"))
    );
    let open = get(&depot, "/cases?state=active");
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "one case, not two hundred");
    let (mut listed, mut at) = (Vec::new(), String::new());
    loop {
        let page = get(&depot, &format!("/cases/{case}/parcels?limit=70{at}"));
        listed.extend(page["items"].as_array().unwrap().iter().map(|p| text(p, "tracking_number")));
        let Some(next) = page["next"].as_str() else { break };
        at = format!("&cursor={next}");
    }
    listed.sort();
    assert_eq!(listed, numbers);
    let of = |number: &str| get(&depot, &format!("/parcels/{number}/cases"))["items"].clone();
    assert_eq!((&of("STORM00007")[0]["id"], &of("STORM00007")[0]["bulk"]), (&json!(case), &json!(true)));

    let change = json!({ "remove": ["STORM00007"] });
    let less = ask(&depot, "POST", &format!("/cases/{case}/parcels"), change, 200);
    assert_eq!((&less["parcels_count"], of("STORM00007")), (&json!(199), json!([])));
    let again = json!({ "add": ["STORM00007", "STORM00008"] });
    assert_eq!(ask(&depot, "POST", &format!("/cases/{case}/parcels"), again, 200)["parcels_count"], 200);

    for step in ["acknowledge", "start"] {
        ask(&depot, "POST", &format!("/cases/{case}/{step}"), Value::Null, 200);
    }
    let done = json!({ "resolution": "solved", "note": "the bridge is open" });
    ask(&depot, "POST", &format!("/cases/{case}/resolve"), done, 200);
    for number in ["STORM00000", "STORM00007", "STORM00199"] {
        assert_eq!(of(number)[0]["state"], "resolved", "{number}");
    }
    let late = json!({ "add": ["STORM00007"] });
    let refused = depot.itself(FIRST_TENANT, "POST", &format!("/cases/{case}/parcels")).body(&late).send();
    assert_eq!(refused.problem(), (409, "case.target_closed"));
}

#[test]
fn a_bulk_case_takes_in_what_its_parcels_have_for_the_same_reason_and_refuses_what_makes_none() {
    let depot = depot();
    for number in ["A0000001", "A0000002", "A0000003"] {
        parcel(&depot, number, "foo");
    }
    let own = |number: &str, reason: &str| {
        text(&ask(&depot, "POST", "/cases", json!({ "reason": reason, "subject": number }), 201), "id")
    };
    let (weather, damaged) = (own("A0000001", "weather"), own("A0000002", "damaged"));
    let new = json!({ "reason": "weather", "name": "storm", "subjects": ["A0000001", "A0000002"], "take_in": true });
    let bulk = text(&ask(&depot, "POST", "/cases", new, 201), "id");
    let taken = get(&depot, &format!("/cases/{weather}"));
    assert_eq!((&taken["state"], &taken["merged_into"]), (&json!("merged"), &json!(bulk)));
    assert_eq!(get(&depot, &format!("/cases/{damaged}"))["state"], "open");

    let before = get(&depot, "/cases?limit=500");
    let many: Vec<&str> = std::iter::repeat_n("A0000001", 2_001).collect();
    for (wrong, pointer) in [
        (json!({ "reason": "weather", "name": "x", "subjects": [] }), "/subjects"),
        (json!({ "reason": "weather", "name": "x", "subjects": many }), "/subjects"),
        (json!({ "reason": "weather", "name": " ", "subjects": ["A0000001"] }), "/name"),
        (json!({ "reason": "weather", "name": "x", "subjects": ["A0000001", "NOBODY"] }), "/subjects/1"),
        (json!({ "reason": "weather", "subject": "A0000001", "subjects": ["A0000001"] }), "/subjects"),
        (json!({ "reason": "job_dead", "name": "x", "subjects": ["A0000001"] }), "/reason"),
    ] {
        let refused = depot.itself(FIRST_TENANT, "POST", "/cases").body(&wrong).gives(422);
        assert_eq!(refused.json["errors"][0]["pointer"], pointer, "{refused:?}");
    }
    assert_eq!(get(&depot, "/cases?limit=500"), before, "nothing was stored");
}

#[test]
fn what_a_case_costs_adds_up_by_currency_and_its_fault_can_be_said_otherwise() {
    let depot = depot();
    parcel(&depot, "C0000001", "foo");
    let case = json!({ "reason": "damaged", "subject": "C0000001" });
    let case = text(&ask(&depot, "POST", "/cases", case, 201), "id");
    assert_eq!(get(&depot, &format!("/cases/{case}"))["fault"], "carrier");
    let cost = |minor: i64, currency: &str| json!({ "amount": { "minor": minor, "currency": currency }, "what": "wrapping" });
    let path = format!("/cases/{case}/costs");
    for (minor, currency) in [(1_250, "EUR"), (-250, "EUR"), (700, "JPY")] {
        ask(&depot, "POST", &path, cost(minor, currency), 200);
    }
    let blamed = ask(&depot, "POST", &format!("/cases/{case}/fault"), json!({ "fault": "shipper" }), 200);
    let costs = json!([{ "minor": 1_000, "currency": "EUR" }, { "minor": 700, "currency": "JPY" }]);
    assert_eq!((&blamed["fault"], &blamed["costs"]), (&json!("shipper"), &costs));
    for (minor, currency) in [(0, "EUR"), (1, "eur"), (1_000_000_000_001, "EUR")] {
        depot.itself(FIRST_TENANT, "POST", &path).body(&cost(minor, currency)).gives(422);
    }
    for n in 0..6 {
        ask(&depot, "POST", &path, cost(1, &format!("AA{}", char::from(b'A' + n))), 200);
    }
    let ninth = depot.itself(FIRST_TENANT, "POST", &path).body(&cost(1, "ZZZ")).gives(422);
    assert_eq!(ninth.json["errors"][0]["pointer"], "/amount/currency");
    assert_eq!(get(&depot, "/cases?fault=shipper")["items"].as_array().unwrap().len(), 1);
    assert_eq!(get(&depot, "/cases?fault=carrier")["items"], json!([]));
}

#[test]
fn what_nobody_begins_climbs_from_the_desk_to_the_supervisor_and_to_headquarters() {
    let depot = depot();
    let rules = depot.itself(FIRST_TENANT, "GET", "/rules").gives(200);
    let rev = rules.header("etag").trim_matches('"').parse().unwrap();
    let mut new = rules.json.clone();
    new["opening"]["hours"] = json!("always");
    depot.itself(FIRST_TENANT, "PUT", "/rules").seen(rev).body(&new).gives(200);
    assert_eq!(rules.json["escalate_to"], json!(["desk", "supervisor", "hq"]));
    let case = json!({ "reason": "address_incomplete" });
    let case = text(&ask(&depot, "POST", "/cases", case, 201), "id");
    for (hours, tier) in [(2, "desk"), (2, "supervisor"), (4, "hq")] {
        depot.wait(Duration::from_secs(hours * 3_600 + 1));
        depot.wait_until("it escalated", || get(&depot, &format!("/cases/{case}"))["escalated_to"] == tier);
    }
    // The clock ran ahead of the depot's own jobs, which is a case of its own.
    let listed = |query: &str| {
        let path = format!("/cases?reason=address_incomplete&{query}");
        get(&depot, &path)["items"].as_array().unwrap().len()
    };
    assert_eq!((listed("escalated_to=hq"), listed("escalated_to=desk")), (1, 0));
    assert_eq!((listed("older_than_hours=8"), listed("older_than_hours=9")), (1, 0));
}

#[test]
fn a_saved_filter_is_the_users_own_and_holds_where_the_query_says_nothing() {
    let depot = depot();
    parcel(&depot, "F0000001", "foo");
    for reason in ["damaged", "weather", "lost"] {
        ask(&depot, "POST", "/cases", json!({ "reason": reason, "subject": "F0000001" }), 201);
    }
    depot.user(FIRST_TENANT, "cleo", "clerk", json!({}));
    depot.user(FIRST_TENANT, "otto", "clerk", json!({}));
    let (cleo, otto) = (depot.token("cleo"), depot.token("otto"));
    let mine = json!({ "state": "active", "group": "handling" });
    depot.ask(&cleo, "PUT", "/case-filters/mine").body(&mine).gives(200);
    let reasons = |who: &str, query: &str| {
        let page = depot.ask(who, "GET", &format!("/cases?{query}")).gives(200).json;
        let mut all: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|c| text(c, "reason")).collect();
        all.sort();
        all
    };
    assert_eq!(reasons(&cleo, "saved=mine"), ["damaged", "lost"]);
    assert_eq!(reasons(&cleo, "saved=mine&reason=lost"), ["lost"]);
    assert_eq!(reasons(&cleo, "saved=mine&group=external"), ["weather"]);
    depot.ask(&otto, "GET", "/cases?saved=mine").gives(422);
    assert_eq!(depot.ask(&otto, "GET", "/case-filters").gives(200).json, json!([]));
    depot.ask(&cleo, "PUT", "/case-filters/bad").body(&json!({ "state": "asleep" })).gives(422);
    for n in 1..50 {
        depot.ask(&cleo, "PUT", &format!("/case-filters/f{n}")).body(&json!({})).gives(200);
    }
    let more = depot.ask(&cleo, "PUT", "/case-filters/more").body(&json!({})).send();
    assert_eq!(more.problem(), (409, "case.too_many_filters"));
    depot.ask(&cleo, "PUT", "/case-filters/mine").body(&json!({ "overdue": true })).gives(200);
    depot.ask(&cleo, "DELETE", "/case-filters/f1").gives(204);
    depot.ask(&cleo, "PUT", "/case-filters/more").body(&json!({})).gives(200);
}

#[test]
fn a_partner_answers_for_its_own_parcels_and_sees_of_a_storm_only_that_there_is_one() {
    let depot = depot();
    let (_, bulk) = storm(&depot);
    depot.user(FIRST_TENANT, "bar_user", "partner", json!({ "scope": { "distributors": ["bar"] } }));
    let bar = depot.token("bar_user");
    let open = |number: &str| {
        let new = json!({ "reason": "address_incomplete", "subject": number });
        text(&ask(&depot, "POST", "/cases", new, 201), "id")
    };
    let (own, other) = (open("STORM00001"), open("STORM00002"));
    ask(&depot, "POST", &format!("/cases/{own}/wait"), json!({ "hours": 48 }), 200);

    let lines = depot.ask(&bar, "GET", "/parcels/STORM00001/cases").gives(200).json;
    let storm = &lines["items"][0];
    assert_eq!(
        (&storm["bulk"], &storm["detail"], &storm["name"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    assert_eq!(lines["items"][1]["id"], json!(own));
    depot.ask(&bar, "GET", "/parcels/STORM00002/cases").gives(404);
    for path in [format!("/cases/{bulk}"), format!("/cases/{bulk}/parcels"), format!("/cases/{other}")] {
        depot.ask(&bar, "GET", &path).gives(404);
    }

    let to =
        json!({ "answer": "new_address", "to": { "line": "Rua Nova 5", "city": "Porto" }, "note": "moved" });
    let path = format!("/cases/{own}/answer");
    let answered = depot.ask(&bar, "POST", &path).body(&to).gives(200).json;
    assert_eq!(
        (&answered["answer"]["kind"], &answered["state"]),
        (&json!("new_address"), &json!("acknowledged"))
    );
    let parcel = get(&depot, "/parcels/STORM00001");
    assert_eq!((&parcel["to"]["line"], &parcel["flags"]), (&json!("Rua Nova 5"), &json!(["redirected"])));
    let before = get(&depot, "/parcels/STORM00001/history");
    for wrong in [
        json!({ "answer": "new_address" }),
        json!({ "answer": "new_address", "to": {} }),
        json!({ "answer": "return", "to": { "city": "Porto" } }),
        json!({ "answer": "other" }),
    ] {
        depot.ask(&bar, "POST", &path).body(&wrong).gives(422);
    }
    depot
        .ask(&bar, "POST", &format!("/cases/{other}/answer"))
        .body(&json!({ "answer": "return" }))
        .gives(404);
    depot
        .ask(&bar, "POST", &format!("/cases/{own}/resolve"))
        .body(&json!({ "resolution": "solved" }))
        .gives(403);
    assert_eq!(get(&depot, "/parcels/STORM00001/history"), before);
    depot.ask(&bar, "POST", &path).body(&json!({ "answer": "return", "note": "send it back" })).gives(200);
    assert_eq!(get(&depot, &format!("/cases/{own}"))["answer"]["kind"], "return");
}

#[test]
fn a_partner_announces_by_a_list_and_reports_on_many_within_its_own_distributors() {
    let depot = depot();
    parcel(&depot, "FOO000001", "foo");
    depot.user(FIRST_TENANT, "bar_user", "partner", json!({ "scope": { "distributors": ["bar"] } }));
    let bar = depot.token("bar_user");
    let list = "tracking_number;recipient;city;weight_g;distributor;mood\nBAR000001;Ana;Porto;500;;good\n\
                BAR000002;Bo;Faro;;bar;\nBAR000003;Cy;Faro;;foo;\nBAR000001;Ana;;;;\n";
    let announced = depot.ask(&bar, "POST", "/parcels/announce").text("text/csv", list).gives(200).json;
    assert_eq!((&announced["accepted"], &announced["rejected"]), (&json!(2), &json!(2)), "{announced}");
    assert_eq!(announced["ignored"], json!(["mood"]));
    let codes: Vec<Option<&str>> =
        announced["results"].as_array().unwrap().iter().map(|r| r["code"].as_str()).collect();
    assert_eq!(&codes[..2], [None, None]);
    assert!(codes[2..].iter().all(Option::is_some), "{codes:?}");
    assert!(!announced.to_string().contains(&text(&get(&depot, "/parcels/FOO000001"), "id")), "{announced}");
    let first = get(&depot, "/parcels/BAR000001");
    assert_eq!(
        (&first["distributor"], &first["weight_g"], &first["to"]["city"]),
        (&json!("bar"), &json!(500), &json!("Porto"))
    );

    let before = get(&depot, "/parcels/FOO000001/history");
    let rows = json!({ "rows": [
        { "parcel": "BAR000001", "status": "in_transit" },
        { "parcel": "FOO000001", "status": "in_transit" },
    ] });
    let done = depot.ask(&bar, "POST", "/parcels/events").body(&rows).gives(200).json;
    assert_eq!((&done["accepted"], &done["rejected"]), (&json!(1), &json!(1)), "{done}");
    assert_eq!(get(&depot, "/parcels/FOO000001/history"), before);
    depot.ask(&bar, "POST", "/parcels/announce").text("application/json", "{}").gives(415);
    depot.ask(&bar, "POST", "/parcels/announce").text("text/csv", "name\nAna\n").gives(422);
}
