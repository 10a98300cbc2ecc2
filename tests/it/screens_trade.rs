//! The screens of deliveries, orders, stock, webhooks and notifications, by hand of a browser without scripts.

use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::Depot;
use crate::support::page::Person;
use crate::support::people::{ADMIN, PASSWORD, depot, text};

fn ask(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

fn delivery(depot: &Depot, name: &str, more: Value) -> String {
    let mut new =
        json!({ "pickup_address": "Depot", "delivery_address": "9 Elm Street", "customer_name": name });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id")
}

fn parcel(depot: &Depot, number: &str, status: &str) -> String {
    let new = json!({ "tracking_number": number, "status": status });
    text(&depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id")
}

#[test]
fn a_driver_works_through_the_day_without_a_script() {
    let depot = depot();
    depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    depot.user(FIRST_TENANT, "eve", "driver", json!({ "password": PASSWORD }));
    let (a, b) = (parcel(&depot, "AA1000001", "at_depot"), parcel(&depot, "AA1000002", "at_depot"));
    parcel(&depot, "AA1000003", "announced");
    let both =
        json!({ "parcels": ["AA1000001", "AA1000002"], "assigned_to": "dan", "proof_required": ["name"] });
    let (first, second) =
        (delivery(&depot, "Ana", both), delivery(&depot, "Bo", json!({ "assigned_to": "dan" })));
    let lacking = delivery(&depot, "Cy", json!({ "assigned_to": "dan", "parcels": ["AA1000003"] }));
    let others = delivery(&depot, "Dee", json!({ "assigned_to": "eve" }));
    let dan = Person::logged_in(&depot, "dan", PASSWORD);
    assert_eq!(dan.get("/").location(), "/driver/stops");
    let list = dan.get("/driver/stops");
    assert!(
        ["Ana", "Bo", "Cy"].iter().all(|n| list.text.contains(n)) && !list.text.contains("Dee"),
        "{}",
        list.text
    );
    assert!(list.text.contains("/driver/manifest.webmanifest"), "it can be installed");
    assert_eq!(dan.get(&format!("/driver/stops/{others}")).status, 404);

    let at = format!("/driver/stops/{first}");
    dan.does(&format!("{at}/start"), &[]);
    let stop = dan.get(&at);
    assert!(stop.text.contains("AA1000001"), "{}", stop.text);
    let unproved =
        dan.post(&format!("{at}/complete"), &[("leg", &a), ("leg", &b), ("handed", &a), ("handed", &b)]);
    assert_eq!(unproved.status, 409, "a name is asked for");
    let refused = format!("why_{b}");
    let some =
        [("leg", a.as_str()), ("leg", &b), ("handed", &a), (&refused, "recipient_absent"), ("name", "Ana")];
    let done = dan.does(&format!("{at}/complete"), &some);
    assert!(done.page().text().contains("Saved."), "{}", done.text);
    let d = ask(&depot, &format!("/deliveries/{first}"));
    assert_eq!(
        (&d["status"], &d["partial"], &d["proofs"][0]["name"]),
        (&json!("completed"), &json!(true), &json!("Ana"))
    );

    let at = format!("/driver/stops/{second}");
    assert_eq!(dan.post(&format!("{at}/complete"), &[("name", "x")]).status, 409, "it has not left");
    dan.does(&format!("{at}/start"), &[]);
    assert_eq!(dan.post(&format!("{at}/fail"), &[]).status, 422, "it says no reason");
    assert_eq!(dan.post(&format!("{at}/fail"), &[("reason", "damaged")]).status, 409, "a photo is asked for");
    dan.does(&format!("{at}/fail"), &[("reason", "no_access"), ("note", "gate shut")]);
    assert_eq!(ask(&depot, &format!("/deliveries/{second}"))["reason"], "no_access");

    let at = format!("/driver/stops/{lacking}");
    assert!(dan.get(&at).text.contains("AA1000003"));
    let early = dan.post(&format!("{at}/start"), &[]);
    assert_eq!((early.status, early.text.contains("confirm_missing")), (409, true));
    dan.does(&format!("{at}/start"), &[("without", "1")]);
    assert_eq!(ask(&depot, &format!("/deliveries/{lacking}"))["status"], "in_transit");

    let worker = dan.get("/driver/worker.js");
    assert_eq!((worker.status, worker.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert!(
        worker.text.contains("/assets/driver-") && !worker.text.contains("\"./"),
        "it names what is served"
    );
    let manifest: Value = serde_json::from_str(&dan.get("/driver/manifest.webmanifest").text).unwrap();
    assert_eq!(manifest["start_url"], "/driver/stops");
    for icon in manifest["icons"].as_array().unwrap() {
        assert_eq!(dan.get(icon["src"].as_str().unwrap()).header("content-type"), "image/png");
    }
}

#[test]
fn deliveries_are_asked_for_given_taken_back_and_called_off_many_at_once() {
    let depot = depot();
    let dan = depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let new = [
        ("pickup_address", "Depot"),
        ("delivery_address", "1 Main St"),
        ("customer_name", "Ana <b>"),
        ("package_weight", "2,5"),
        ("priority", "urgent"),
        ("window_from", "2026-11-21T12:00"),
        ("window_to", "2026-11-21T14:00"),
        ("needs", "signature"),
        ("needs", "photo"),
        ("assigned_to", ""),
    ];
    let page = admin.does("/deliveries/new", &new);
    assert!(page.page().text().contains("Ana <b>") && page.text.contains("2.5 kg"), "{}", page.text);
    let half: Vec<_> = new.iter().copied().filter(|(n, _)| *n != "window_to").collect();
    let wrong = admin.post("/deliveries/new", &half);
    assert!(wrong.status == 422 && wrong.text.contains("value=\"1 Main St\""), "{}", wrong.text);
    let first = text(&ask(&depot, "/deliveries")["items"][0], "id");
    let (second, third) = (delivery(&depot, "Boris", json!({})), delivery(&depot, "Cyrus", json!({})));

    let all = [
        ("id", first.as_str()),
        ("id", &second),
        ("to", &dan),
        ("step", "assign"),
        ("back", "/deliveries?q=x&done=saved"),
    ];
    let to = admin.post("/deliveries/assign", &all);
    assert!(to.location().starts_with("/deliveries?q=x"), "{to:?}");
    assert_eq!(ask(&depot, &format!("/deliveries/{second}"))["assigned_to"]["id"], json!(dan));
    let board = admin.get("/deliveries");
    assert!(board.text.contains("Name of dan"), "{}", board.text);
    let shows = |query: &str, name: &str| admin.get(&format!("/deliveries?{query}")).text.contains(name);
    assert!(shows("q=elm", "Cyrus") && !shows("q=elm", "Ana"));
    assert!(shows("who=nobody", "Cyrus") && !shows("who=nobody", "Boris"));
    assert!(shows("priority=urgent", "Ana") && !shows("priority=urgent", "Cyrus"));
    assert!(shows("state=assigned", "Boris") && !shows("state=assigned", "Cyrus"));
    assert_eq!(admin.get("/deliveries?state=flying").status, 422);

    // One of two can't be taken back: the other is, and that is said.
    let back = [("id", second.as_str()), ("id", &third), ("step", "unassign"), ("back", "/deliveries")];
    let came = admin.post("/deliveries/assign", &back);
    assert_eq!(came.location(), "/deliveries?refused=1");
    assert_eq!(ask(&depot, &format!("/deliveries/{second}"))["status"], "created");
    assert_eq!(admin.post("/deliveries/cancel", &[("id", &third)]).status, 422, "no reason is given");
    admin.does(
        "/deliveries/cancel",
        &[("id", &third), ("reason", "fetched by the customer"), ("back", "https://evil.example")],
    );
    assert_eq!(ask(&depot, &format!("/deliveries/{third}"))["status"], "cancelled");
    assert_eq!(
        admin.post("/deliveries/assign", &[("step", "assign"), ("to", &dan)]).status,
        422,
        "nothing is picked"
    );

    // Proof is seen, and the attempt that follows is linked.
    for (status, more) in [
        ("in_transit", json!({})),
        ("failed", json!({ "reason": "recipient_absent", "proof": { "signature": "M1 2L30 40" } })),
    ] {
        let mut body = json!({ "status": status });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        depot.itself(FIRST_TENANT, "PATCH", &format!("/deliveries/{first}/status")).body(&body).gives(200);
    }
    let page = admin.get(&format!("/deliveries/{first}"));
    assert!(
        page.text.contains("d=\"M1 2L30 40\"") && page.page().text().contains("Attempt after"),
        "{}",
        page.text
    );
}

#[test]
fn an_order_goes_its_way_and_its_goods_with_it() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let new = [
        ("name", "Kettle"),
        ("price", "48,90"),
        ("stock", "5"),
        ("sku", "KET-1"),
        ("category_new", "Kitchen"),
    ];
    let page = admin.does("/products/new", &new);
    assert!(page.page().text().contains("48.90") && page.page().text().contains("Kitchen"), "{}", page.text);
    assert_eq!(admin.post("/products/new", &new).status, 409, "the code is taken");
    let at = "/products/1";
    let book = |kind: &str, quantity: &str, seen: &str| {
        admin.post(
            &format!("{at}/book"),
            &[("kind", kind), ("quantity", quantity), ("seen", seen), ("note", "pallet 12")],
        )
    };
    assert_eq!(book("receipt", "3", "5").location(), "/products/1?done=saved");
    assert_eq!(book("adjust", "-9", "8").status, 409, "less than nothing");
    assert_eq!(book("receipt", "some", "8").status, 422);
    assert_eq!(book("count", "6", "8").status, 303);
    let product = ask(&depot, at);
    assert_eq!((&product["on_hand"], &product["stock"]), (&json!(6), &json!(6)));
    let ledger = admin.get(at);
    assert!(
        ledger.page().text().contains("pallet 12") && ledger.page().text().contains("−2"),
        "{}",
        ledger.text
    );
    assert!(
        admin.get("/products?q=ket").text.contains("KET-1")
            && !admin.get("/products?q=zzz").text.contains("KET-1")
    );

    let buy = [
        ("customer_name", "Alice"),
        ("delivery_address", "1 Main St"),
        ("product", "KET-1"),
        ("quantity", "2"),
        ("product", ""),
        ("quantity", ""),
    ];
    let page = admin.does("/orders/new", &buy);
    assert!(page.page().text().contains("97.80"), "{}", page.text);
    let order = text(&ask(&depot, "/orders")["items"][0], "id");
    let step = |status: &str, more: &[(&str, &str)]| {
        let all: Vec<_> =
            [("id", order.as_str()), ("status", status)].into_iter().chain(more.iter().copied()).collect();
        admin.post("/orders/steps", &all)
    };
    assert_eq!(step("delivered", &[]).status, 409, "it is not shipped");
    for status in ["packed", "shipped"] {
        assert_eq!(step(status, &[]).status, 303, "{status}");
    }
    depot.clock.set(depot.clock.now().after(std::time::Duration::from_secs(2 * 3_600)));
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    assert!(admin.get("/orders?state=delayed").text.contains("Alice"));
    let back = [("id", order.as_str()), ("status", "returned"), ("reason", "did not fit"), ("restock", "1")];
    admin.does("/orders/steps", &back);
    assert_eq!(ask(&depot, at)["on_hand"], 6);
    assert_eq!(admin.get("/orders?q=1").location(), format!("/orders/{order}"));

    let lines = "Bob; 2 Elm St; KET-1*2\nCy; 3 Elm St; KET-1*9\nDee; 4 Elm St; NONE*1";
    let came = admin.post("/orders/bulk", &[("orders", lines)]);
    let said = came.page().text();
    assert!(came.status == 200 && said.contains("taken") && said.contains("9 pieces are needed"), "{said}");
    assert!(came.page().faults(&came.text).is_empty(), "{:?}", came.page().faults(&came.text));
    let none = admin.post("/orders/bulk", &[("orders", lines), ("atomic", "1")]);
    assert_eq!(none.status, 422, "all or none: {}", none.text);
    assert!(none.text.contains("2 Elm St"), "what was typed is still there");
    let bob = ask(&depot, "/orders?status=processing")["items"][0]["id"].as_str().unwrap().to_owned();
    admin.does("/orders/cancel", &[("id", &bob), ("reason", "changed their mind")]);
    assert_eq!(ask(&depot, at)["stock"], 6);
}

#[test]
fn a_webhook_shows_its_key_once_and_what_was_sent_can_be_sent_again() {
    let depot = depot();
    let admin = Person::logged_in(&depot, ADMIN, PASSWORD);
    let inner = admin.post("/webhooks", &[("url", "https://127.0.0.1/hook")]);
    assert!(inner.status == 422 && inner.text.contains("value=\"https://127.0.0.1/hook\""), "{}", inner.text);
    let made =
        admin.post("/webhooks", &[("url", "https://shop.invalid/hook"), ("types", "delivery. order.")]);
    assert!(made.status == 200 && made.text.contains("whsec_"), "{}", made.text);
    let id = text(&ask(&depot, "/webhooks")[0], "id");
    let at = format!("/webhooks/{id}");
    assert!(!admin.get(&at).text.contains("whsec_") && admin.get(&at).text.contains("delivery."));
    let renewed = admin.post(&format!("{at}/rotate"), &[]);
    assert!(renewed.text.contains("whsec_") && renewed.page().text().contains("2 / 3"), "{}", renewed.text);
    delivery(&depot, "Ana", json!({}));
    depot.until("a message is made", |d| {
        ask(d, &format!("{at}/deliveries"))["items"][0]["attempts"].as_u64() > Some(0)
    });
    let page = admin.get(&format!("{at}?state=pending"));
    assert!(page.page().text().contains("delivery.requested"), "{}", page.text);
    assert!(page.page().faults(&page.text).is_empty(), "{:?}", page.page().faults(&page.text));
    let message = text(&ask(&depot, &format!("{at}/deliveries"))["items"][0], "id");
    admin.does(&format!("{at}/resend?message={message}"), &[]);
    assert_eq!(admin.post(&format!("{at}/resend?message={id}"), &[]).status, 404);
    let version = admin.get(&at).page().attribute("input", "name", "version", "value").unwrap();
    assert_eq!(admin.post(&format!("{at}/remove"), &[("version", "1")]).status, 412, "seen an old one");
    admin.does(&format!("{at}/remove"), &[("version", &version)]);
    assert_eq!(admin.get(&at).status, 404);
}

#[test]
fn the_bell_counts_what_is_unread_and_the_list_reads_it() {
    let depot = depot();
    depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    let dan = Person::logged_in(&depot, "dan", PASSWORD);
    let quiet = dan.get("/notifications");
    assert!(
        quiet.text.contains("data-bell") && quiet.page().faults(&quiet.text).is_empty(),
        "{}",
        quiet.text
    );
    for name in ["Ana", "Bo"] {
        delivery(&depot, name, json!({ "assigned_to": "dan" }));
    }
    let unread = |d: &Depot| {
        let token = d.token("dan");
        d.ask(&token, "GET", "/notifications").gives(200).json["unread"].as_u64().unwrap_or_default()
    };
    depot.until("two are told", |d| unread(d) == 2);
    let page = dan.get("/notifications");
    assert!(page.text.contains("<b>2</b>"), "{}", page.text);
    let one = page.page().attribute("input", "name", "id", "value").unwrap();
    dan.does("/notifications/read", &[("id", &one)]);
    assert_eq!(unread(&depot), 1);
    let page = dan.does("/notifications/read", &[]);
    assert_eq!(unread(&depot), 0);
    assert!(page.text.contains("<b hidden>0</b>"), "{}", page.text);
}
