//! Orders and stock through the API: what is promised is there, whoever asks at the same time.

use std::time::Duration;

use crossdock::config::choices::MailSecurity;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};

use crate::support::people::{ADMIN, depot, depot_with, text};
use crate::support::sink::Sink;
use crate::support::{Answered, Depot};

fn later(depot: &Depot, seconds: u64) {
    depot.clock.set(depot.clock.now().after(Duration::from_secs(seconds)));
    depot.running().app.wake.wake();
}

fn product(depot: &Depot, token: &str, name: &str, stock: u32) -> u64 {
    let new = json!({ "name": name, "price": 9.99, "stock": stock, "category": "Electronics" });
    depot.ask(token, "POST", "/products").body(&new).gives(201).json["id"].as_u64().unwrap()
}

fn order(product: u64, quantity: u64) -> Value {
    json!({ "customer_name": "Alice", "customer_email": "alice@example.com", "customer_phone": "1234567890",
        "delivery_address": "123 Main St", "items": [{ "product_id": product, "quantity": quantity }] })
}

fn stock(depot: &Depot, token: &str, product: u64) -> (i64, i64, i64) {
    let p = depot.ask(token, "GET", &format!("/products/{product}")).gives(200).json;
    (p["stock"].as_i64().unwrap(), p["on_hand"].as_i64().unwrap(), p["reserved"].as_i64().unwrap())
}

fn steps(depot: &Depot, token: &str, id: &str) -> Vec<String> {
    let h = depot.ask(token, "GET", &format!("/orders/{id}/history")).gives(200).json;
    h["items"].as_array().unwrap().iter().map(|s| text(s, "status")).collect()
}

#[test]
fn the_requests_of_the_system_before_us_work_as_they_stand() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let raw = |method: &str, path: &str, body: &str| -> Answered {
        let request = depot.request(method.parse().unwrap(), path).bearer_auth(&token);
        let request = if body.is_empty() {
            request
        } else {
            request.header("content-type", "application/json").body(body.to_owned())
        };
        depot.send(request)
    };
    let phone =
        r#"{"name":"Phone","description":"Smartphone","price":299.99,"stock":10,"category":"Electronics"}"#;
    let made = raw("POST", "/api/v1/products", phone);
    assert_eq!(
        (made.status, &made.json["id"], &made.json["price"]),
        (201, &json!(1), &json!(299.99)),
        "{made:?}"
    );
    assert_eq!((&made.json["stock"], &made.json["category"]), (&json!(10), &json!("Electronics")));
    let one = r#"{"customer_name":"Alice","customer_email":"alice@example.com","customer_phone":"1234567890","delivery_address":"123 Main St","items":[{"product_id":1,"quantity":2}]}"#;
    let placed = raw("POST", "/api/inventory/orders/", one);
    assert_eq!(placed.status, 201, "{placed:?}");
    assert!(placed.json["last_transition_time"].is_string());
    let many = r#"[{"customer_name":"Bob","customer_email":"bob@example.com","customer_phone":"9876543210","delivery_address":"456 Elm St","items":[{"product_id":1,"quantity":1}]}]"#;
    let bulk = raw("POST", "/api/inventory/orders/bulk/", many);
    assert_eq!((bulk.status, &bulk.json["created"]), (200, &json!(1)), "{bulk:?}");
    for path in [
        "/api/inventory/categories/",
        "/api/inventory/products/",
        "/api/inventory/orders/",
        "/api/inventory/orders/delayed/",
        "/api/inventory/orders/1/history/",
        "/api/v1/orders/1/history/",
        "/api/v1/orders/delayed",
    ] {
        assert_eq!(raw("GET", path, "").status, 200, "{path}");
    }
    assert_eq!(stock(&depot, &token, 1), (7, 10, 3));
    // An hour later nobody has moved them.
    later(&depot, 3601);
    let fresh = depot.token(ADMIN);
    let asked = depot.request("GET".parse().unwrap(), "/api/inventory/orders/delayed/").bearer_auth(&fresh);
    let late = depot.send(asked);
    assert_eq!(late.json["items"].as_array().unwrap().len(), 2, "{late:?}");
    depot.until("they are marked", |d| d.ask(&fresh, "GET", "/orders/1").gives(200).json["is_stale"] == true);
}

#[test]
fn an_order_goes_its_way_and_its_stock_with_it() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Laptop", 5);
    let ask = |method: &str, path: &str, body: Value| depot.ask(&token, method, path).body(&body).send();
    let placed = ask("POST", "/orders", order(p, 3)).json;
    let id = text(&placed, "id");
    let path = format!("/orders/{id}/status");
    assert_eq!((text(&placed, "status").as_str(), stock(&depot, &token, p)), ("processing", (2, 5, 3)));
    let short = ask("POST", "/orders", order(p, 3));
    assert_eq!(short.problem(), (409, "stock.short"));
    assert_eq!((&short.json["available"], &short.json["requested"]), (&json!(2), &json!(3)));
    let wrong = ask("PATCH", &path, json!({ "status": "delivered" }));
    assert_eq!(wrong.problem(), (409, "order.invalid_transition"));
    assert_eq!(wrong.json["allowed"], json!(["packed", "cancelled"]));
    for status in ["PACKED", "shipped"] {
        assert_eq!(ask("PATCH", &path, json!({ "status": status })).status, 200, "{status}");
    }
    assert_eq!(stock(&depot, &token, p), (2, 2, 0));
    assert_eq!(ask("POST", &format!("/orders/{id}/cancel"), json!({})).status, 409, "it has left");
    assert_eq!(ask("PATCH", &path, json!({ "status": "returned" })).status, 422, "it needs a reason");
    let back = ask("PATCH", &path, json!({ "status": "returned", "reason": "refused", "restock": true }));
    assert_eq!((back.status, stock(&depot, &token, p)), (200, (5, 5, 0)), "{back:?}");
    assert_eq!(steps(&depot, &token, &id), ["pending", "processing", "packed", "shipped", "returned"]);
    // Called off, what was promised is free again; more than there is may wait for a receipt.
    let second = text(&ask("POST", "/orders", order(p, 5)).json, "id");
    let mut waiting = order(p, 2);
    waiting["backorder"] = true.into();
    let third = ask("POST", "/orders", waiting).json;
    assert_eq!((&third["status"], &third["backordered"]), (&json!("pending"), &json!(true)));
    assert_eq!(ask("POST", &format!("/orders/{second}/cancel"), json!({ "reason": "mistake" })).status, 200);
    depot.until("the one that waited has its stock", |d| {
        d.ask(&token, "GET", &format!("/orders/{}", text(&third, "id"))).gives(200).json["status"]
            == "processing"
    });
    assert_eq!(stock(&depot, &token, p), (3, 5, 2));
    // The ledger says all of it.
    let moves = depot.ask(&token, "GET", &format!("/stock/movements?product={p}")).gives(200).json;
    let kinds: Vec<String> = moves["items"].as_array().unwrap().iter().map(|m| text(m, "kind")).collect();
    assert_eq!(kinds, ["reserve", "release", "reserve", "return", "ship", "reserve", "receipt"]);
    let page = depot.ask(&token, "GET", &format!("/stock/movements?product={p}&limit=4")).gives(200).json;
    let rest = format!("/stock/movements?product={p}&limit=4&cursor={}", text(&page, "next"));
    assert_eq!(depot.ask(&token, "GET", &rest).gives(200).json["items"].as_array().unwrap().len(), 3);
}

#[test]
fn a_count_is_relative_to_what_the_ledger_said_and_nothing_goes_below_zero() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Phone", 10);
    let book = |body: Value| depot.ask(&token, "POST", "/stock/movements").body(&body).send();
    let seen = json!({ "product_id": p, "kind": "count", "quantity": 8, "seen": 10 });
    depot.ask(&token, "POST", "/orders").body(&order(p, 4)).gives(201);
    // Between looking and typing a pallet came: the count takes two off, not the pallet.
    assert_eq!(book(json!({ "product_id": p, "kind": "receipt", "quantity": 5 })).status, 201);
    assert_eq!(book(seen).status, 201);
    assert_eq!(stock(&depot, &token, p), (9, 13, 4));
    assert_eq!(
        book(json!({ "product_id": p, "kind": "adjust", "quantity": -14 })).problem(),
        (409, "stock.short")
    );
    for (bad, code) in [
        (json!({ "product_id": p, "kind": "receipt", "quantity": 0 }), 422),
        (json!({ "product_id": p, "kind": "ship", "quantity": 1 }), 422),
        (json!({ "product_id": 99, "kind": "receipt", "quantity": 1 }), 404),
        (json!({ "product_id": p, "kind": "count", "quantity": -1 }), 422),
        (json!({ "product_id": p, "kind": "receipt", "quantity": 2_000_000_000 }), 422),
    ] {
        assert_eq!(book(bad.clone()).status, code, "{bad}");
    }
    assert_eq!(stock(&depot, &token, p), (9, 13, 4));
}

#[test]
fn a_call_with_many_orders_answers_each_or_with_atomic_takes_all_or_none() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Phone", 3);
    let bulk = |path: &str, body: Value| depot.ask(&token, "POST", path).body(&body).send();
    let mut twice = order(p, 1);
    twice["reference"] = "PO-1".into();
    let orders = json!([twice, order(p, 3), twice, { "customer_name": "Nobody" }, order(77, 1), order(p, 2), order(p, 0)]);
    let all = bulk("/orders/bulk?atomic=true", orders.clone());
    assert_eq!(all.problem(), (422, "stock.short"), "{all:?}");
    assert_eq!(all.json["errors"][0]["pointer"], "/1");
    assert_eq!(stock(&depot, &token, p), (3, 3, 0), "nothing was taken");
    let each = bulk("/orders/bulk", orders).json;
    let verdicts: Vec<String> =
        each["results"].as_array().unwrap().iter().map(|r| text(r, "verdict")).collect();
    assert_eq!(
        verdicts,
        ["created", "rejected", "duplicate", "rejected", "rejected", "created", "rejected"],
        "{each}"
    );
    assert_eq!(each["results"][3]["errors"][0]["pointer"], "/");
    assert_eq!(each["results"][4]["errors"][0]["pointer"], "/items/0/product_id");
    assert_eq!(stock(&depot, &token, p), (0, 3, 3));
    let many = |n: usize| json!({ "orders": vec![order(p, 1); n], "atomic": true });
    assert_eq!(bulk("/orders/bulk", many(1001)).status, 422);
    assert_eq!(bulk("/orders/bulk", json!([])).status, 422);
    // At a depot no other can be asked.
    let mut elsewhere = order(p, 1);
    elsewhere["depot"] = 7.into();
    assert_eq!(bulk("/orders", elsewhere).status, 422);
}

#[test]
fn sixteen_clients_at_once_with_a_thousand_orders_each_sell_what_there_is_and_no_more() {
    const CLIENTS: usize = 16;
    let depot = depot_with(|c| c.limits.body_timeout_s = 600);
    let token = depot.token(ADMIN);
    let (p, q) = (product(&depot, &token, "Scarce", 1234), product(&depot, &token, "Rare", 7));
    let orders: Vec<Value> = (0..1000).map(|n| order(if n % 100 == 0 { q } else { p }, 1 + n % 3)).collect();
    let body = Value::from(orders);
    let url = format!("http://{}/api/v1/orders/bulk", depot.running().address);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .timeout(Duration::from_secs(600))
        .build()
        .unwrap();
    let send = |key: usize| {
        let asked =
            http.post(&url).bearer_auth(&token).header("idempotency-key", format!("k{key}")).json(&body);
        async move {
            let answer = asked.send().await.unwrap();
            let replay = answer.headers().contains_key("idempotent-replay");
            (answer.status().as_u16(), replay, answer.json::<Value>().await.unwrap())
        }
    };
    let answers = runtime.block_on(async { futures_util::future::join_all((0..CLIENTS).map(send)).await });
    let mut taken = [0_i64; 2];
    for (status, replay, answer) in &answers {
        assert_eq!((*status, *replay), (200, false), "{answer}");
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), 1000);
        for (n, r) in results.iter().enumerate() {
            assert_eq!(r["index"], n);
            match r["verdict"].as_str().unwrap() {
                "created" => taken[usize::from(n % 100 == 0)] += 1 + (n as i64) % 3,
                other => assert_eq!((other, r["code"].as_str()), ("rejected", Some("stock.short"))),
            }
        }
    }
    // The smallest order is one piece, so everything that can be sold is.
    assert_eq!(taken, [1234, 7]);
    assert_eq!((stock(&depot, &token, p), stock(&depot, &token, q)), ((0, 1234, 1234), (0, 7, 7)));
    let figures = depot.ask(&token, "GET", "/orders/stats").gives(200).json;
    assert_eq!(figures["quantity"], 1234 + 7);
    // The same call under its key changes nothing, and says again what it said.
    let (status, replay, again) = runtime.block_on(send(3));
    assert_eq!((status, replay, &again["created"]), (200, true, &answers[3].2["created"]), "{again}");
    assert_eq!(depot.ask(&token, "GET", "/orders/stats").gives(200).json, figures);
}

#[test]
fn delayed_orders_are_known_for_any_moment_and_by_the_houses_own_limit() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Phone", 10);
    let start = depot.clock.now();
    let place =
        || text(&depot.itself(FIRST_TENANT, "POST", "/orders").body(&order(p, 1)).gives(201).json, "id");
    let first = place();
    later(&depot, 1);
    let second = place();
    let late = |query: &str| -> Vec<String> {
        let page = depot.itself(FIRST_TENANT, "GET", &format!("/orders/delayed{query}")).gives(200).json;
        page["items"].as_array().unwrap().iter().map(|o| text(o, "id")).collect()
    };
    later(&depot, 3599);
    assert_eq!(late(""), Vec::<String>::new(), "an hour is not more than an hour");
    later(&depot, 61);
    assert_eq!(late(""), [first.clone(), second.clone()]);
    for status in ["packed", "shipped"] {
        let change = json!({ "status": status });
        depot.itself(FIRST_TENANT, "PATCH", &format!("/orders/{first}/status")).body(&change).gives(200);
    }
    assert_eq!(late(""), std::slice::from_ref(&second), "packed and shipped it is in time again");
    let then = start.after(Duration::from_secs(3630));
    assert_eq!(late(&format!("?at={then}")), [first.clone(), second.clone()], "and then it was not");
    let soon = depot.clock.now().after(Duration::from_secs(3700));
    assert_eq!(late(&format!("?at={soon}")), [second.clone(), first.clone()]);
    let page =
        depot.itself(FIRST_TENANT, "GET", &format!("/orders/delayed?at={soon}&limit=1")).gives(200).json;
    assert_eq!(text(&page["items"][0], "id"), second);
    let next = text(&page, "next");
    assert_eq!(late(&format!("?at={soon}&limit=1&cursor={next}")), std::slice::from_ref(&first));
    let rules = depot.itself(FIRST_TENANT, "GET", "/rules").gives(200);
    let rev = rules.header("etag").trim_matches('"').parse().unwrap();
    let mut wider = rules.json.clone();
    wider["order_limits_s"] = json!({ "processing": 86_400, "packed": 5 });
    assert_eq!(depot.itself(FIRST_TENANT, "PUT", "/rules").seen(rev).body(&wider).send().status, 422);
    wider["order_limits_s"] = json!({ "processing": 86_400 });
    depot.itself(FIRST_TENANT, "PUT", "/rules").seen(rev).body(&wider).gives(200);
    assert_eq!(late(""), Vec::<String>::new());
}

#[test]
fn parcels_move_the_order_they_belong_to() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Phone", 10);
    let id = text(&depot.ask(&token, "POST", "/orders").body(&order(p, 2)).gives(201).json, "id");
    for number in ["BOX1", "BOX2"] {
        let new = json!({ "tracking_number": number, "status": "at_depot" });
        depot.ask(&token, "POST", "/parcels").body(&new).gives(201);
    }
    let packed = json!({ "status": "packed", "parcels": ["BOX1", "BOX2"] });
    depot.ask(&token, "PATCH", &format!("/orders/{id}/status")).body(&packed).gives(200);
    let scan = |number: &str, status: &str| {
        let event = json!({ "status": status });
        depot.ask(&token, "POST", &format!("/parcels/{number}/events")).body(&event).gives(200);
    };
    let is = |status: &str| {
        depot.until(status, |d| {
            d.ask(&token, "GET", &format!("/orders/{id}")).gives(200).json["status"] == status
        });
    };
    scan("BOX1", "out_for_delivery");
    is("shipped");
    assert_eq!(stock(&depot, &token, p), (8, 8, 0));
    scan("BOX1", "delivered");
    scan("BOX2", "returning");
    scan("BOX2", "returned");
    is("delivered");
    assert_eq!(depot.ask(&token, "GET", &format!("/orders/{id}")).gives(200).json["partial"], true);
}

#[test]
fn a_timer_plays_the_packer_only_where_it_is_switched_on() {
    let depot = depot_with(|c| c.orders.auto_advance = true);
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Phone", 10);
    let id = text(&depot.ask(&token, "POST", "/orders").body(&order(p, 1)).gives(201).json, "id");
    for status in ["packed", "shipped", "delivered"] {
        later(&depot, 61);
        depot.until(status, |d| {
            d.running().app.wake.wake();
            let token = d.token(ADMIN);
            d.ask(&token, "GET", &format!("/orders/{id}")).gives(200).json["status"] == status
        });
    }
    assert_eq!(stock(&depot, &depot.token(ADMIN), p), (9, 9, 0));
}

#[test]
fn products_keep_their_number_and_a_used_one_is_retired() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let (p, q) = (product(&depot, &token, "Phone", 1), product(&depot, &token, "Case", 0));
    assert_eq!((p, q), (1, 2));
    let of = |id: u64| depot.ask(&token, "GET", &format!("/products/{id}")).gives(200);
    let rev = |a: &Answered| a.header("etag").trim_matches('"').parse::<u64>().unwrap();
    let path = format!("/products/{p}");
    let edit = json!({ "name": "Phone 2", "price": "279.90" });
    assert_eq!(depot.ask(&token, "PUT", &path).body(&edit).send().status, 428);
    assert_eq!(depot.ask(&token, "PUT", &path).seen(99).body(&edit).send().problem(), (412, "order.stale"));
    let done = depot.ask(&token, "PUT", &path).seen(rev(&of(p))).body(&edit).gives(200).json;
    assert_eq!((&done["id"], &done["price"], &done["stock"]), (&json!(1), &json!(279.9), &json!(1)));
    for bad in
        [json!({ "name": " " }), json!({ "name": "x", "price": -1 }), json!({ "name": "x", "price": 1.999 })]
    {
        assert_eq!(depot.ask(&token, "POST", "/products").body(&bad).send().status, 422, "{bad}");
    }
    depot.ask(&token, "DELETE", &path).seen(rev(&of(p))).gives(204);
    assert_eq!(of(p).json["retired"], true);
    assert_eq!(depot.ask(&token, "POST", "/orders").body(&order(p, 1)).send().status, 422);
    depot.ask(&token, "DELETE", &format!("/products/{q}")).seen(rev(&of(q))).gives(204);
    assert_eq!(
        depot.ask(&token, "GET", &format!("/products/{q}")).send().problem(),
        (404, "product.unknown")
    );
    let categories = depot.ask(&token, "GET", "/categories").gives(200).json;
    let electronics = format!("/categories/{}", text(&categories["items"][0], "id"));
    assert_eq!(
        depot.ask(&token, "POST", "/categories").body(&json!({ "name": "electronics" })).send().status,
        409
    );
    let seen = rev(&depot.ask(&token, "GET", &electronics).gives(200));
    assert_eq!(product(&depot, &token, "Cable", 0), 3, "numbers are not used again");
    assert_eq!(
        depot.ask(&token, "DELETE", &electronics).seen(seen).send().problem(),
        (409, "category.in_use")
    );
}

#[test]
fn every_pair_of_states_is_as_the_published_table_says() {
    let depot = depot();
    let token = depot.token(ADMIN);
    let plenty = product(&depot, &token, "Plenty", 1_000);
    let none = product(&depot, &token, "None", 0);
    let machine = depot.ask(&token, "GET", "/state-machines/order").gives(200).json;
    let allowed = |from: &str| -> Vec<String> {
        let states = machine["states"].as_array().unwrap();
        let state = states.iter().find(|s| s["name"] == from).unwrap();
        state["steps"].as_array().unwrap().iter().map(|s| text(s, "to")).collect()
    };
    // An order of what is there is in processing at once; one that may wait for what is not is pending.
    let ways: [(&str, &[&str]); 7] = [
        ("pending", &[]),
        ("processing", &[]),
        ("packed", &["packed"]),
        ("shipped", &["packed", "shipped"]),
        ("delivered", &["packed", "shipped", "delivered"]),
        ("cancelled", &["cancelled"]),
        ("returned", &["packed", "shipped", "returned"]),
    ];
    let go = |id: &str, to: &str| match to {
        "cancelled" => {
            let body = json!({ "reason": "test" });
            depot.ask(&token, "POST", &format!("/orders/{id}/cancel")).body(&body).send()
        }
        other => {
            let body = json!({ "status": other, "reason": "test" });
            depot.ask(&token, "PATCH", &format!("/orders/{id}/status")).body(&body).send()
        }
    };
    let mut tried = 0;
    for (from, way) in &ways {
        for (to, _) in &ways {
            let mut new = order(if *from == "pending" { none } else { plenty }, 1);
            new["backorder"] = json!(*from == "pending");
            let id = text(&depot.ask(&token, "POST", "/orders").body(&new).gives(201).json, "id");
            for step in *way {
                assert_eq!(go(&id, step).status, 200, "{from} by {step}");
            }
            let seen = || depot.ask(&token, "GET", &format!("/orders/{id}")).gives(200).json;
            assert_eq!(seen()["status"], *from);
            let answer = go(&id, to);
            match (allowed(from).contains(&(*to).to_owned()), *from, *to) {
                // The table lets it, and there is nothing to reserve.
                (true, "pending", "processing") => assert_eq!(answer.problem(), (409, "stock.short")),
                (true, ..) => {
                    assert_eq!((answer.status, &seen()["status"]), (200, &json!(to)), "{from} to {to}")
                }
                (false, ..) => {
                    assert_eq!(answer.status, 409, "{from} to {to}: {answer:?}");
                    assert_eq!(answer.json["allowed"], json!(allowed(from)), "{from} to {to}");
                    assert_eq!(seen()["status"], *from);
                }
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 49);
}

#[test]
fn those_who_ordered_are_told_of_each_step_where_the_house_wants_it() {
    let sink = Sink::open(0);
    let port = sink.port;
    let mut depot = depot_with(|c| {
        c.mail.host = "127.0.0.1".into();
        c.mail.port = port;
        c.mail.security = MailSecurity::None;
        c.mail.from = "depot@example.com".into();
    });
    let token = depot.token(ADMIN);
    let p = product(&depot, &token, "Thing", 10);
    let place = |depot: &Depot, token: &str| {
        let mut new = order(p, 1);
        new["customer_email"] = json!("alice@example.com");
        text(&depot.ask(token, "POST", "/orders").body(&new).gives(201).json, "id")
    };
    // Nobody is told until the house wants it, and then not of what was before.
    place(&depot, &token);
    let read = |depot: &Depot| {
        let app = &depot.running().app;
        app.store.read(FIRST_TENANT, |tx| crossdock::journal::readers::lag(tx, "notify.orders")).unwrap() == 0
    };
    depot.until("the log is read", read);
    depot.stop();
    depot.start_again(|c| c.orders.tell_customers = true);
    let token = depot.token(ADMIN);
    let id = place(&depot, &token);
    let told = |n: usize, words: &str| {
        depot.wait_until("the mail came", || sink.mails().len() >= n);
        let mails = sink.mails();
        assert!(mails.len() == n && mails[n - 1].contains("alice@example.com"), "{mails:?}");
        assert!(mails[n - 1].contains(words), "{}", mails[n - 1]);
    };
    told(1, "Your order 2 is confirmed");
    depot
        .ask(&token, "PATCH", &format!("/orders/{id}/status"))
        .body(&json!({ "status": "packed" }))
        .gives(200);
    told(2, "Your order 2 is packed");
    let cancel = json!({ "reason": "out of luck" });
    depot.ask(&token, "POST", &format!("/orders/{id}/cancel")).body(&cancel).gives(200);
    told(3, "out of luck");
}
