//! The screens in a real browser, with its scripts, at a desk and on a phone. Needs chromium and its driver; where they
//! are not, says so and passes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossdock::demo::trade;
use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use serde_json::json;
use thirtyfour::prelude::*;

use crate::support::Depot;
use crate::support::browser::{
    DESK, Driver, Looks, PATIENCE, PHONE, fits, log_in, press, says, there, type_in,
};
use crate::support::people::{ADMIN, PASSWORD, depot};
use crate::sync::{exchange, headquarters, joined, line};

fn base(depot: &Depot) -> String {
    format!("http://{}", depot.running().address)
}

#[test]
fn a_depot_is_set_up_and_its_owner_comes_in() {
    let Some(driver) = Driver::start() else { return };
    for size in [DESK, PHONE] {
        let depot = Depot::new();
        let link = depot.running().setup_link().unwrap().unwrap();
        driver.browse(size, async move |b| {
            b.goto(&link).await?;
            for (field, text) in
                [("#tenant", "acme"), ("#depot", "Cais Norte"), ("#user", "ana"), ("#password", PASSWORD)]
            {
                type_in(&b, field, text).await?;
            }
            fits(&b, "set-up").await?;
            press(&b, "main button").await?;
            type_in(&b, "#login", "ana").await?;
            type_in(&b, "#password", PASSWORD).await?;
            press(&b, "main button").await?;
            there(&b, ".figures").await?;
            fits(&b, "today").await?;
            assert!(b.title().await?.contains("Cais Norte"));
            Ok(())
        });
    }
}

#[test]
fn a_file_with_wrong_rows_is_handed_in_and_its_verdicts_are_seen() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let file = depot.folder.path().join("list.csv");
    std::fs::write(&file, "tracking_number,status,city\nAA1000001,in_transit,Porto\n,lost,Faro\n").unwrap();
    let base = base(&depot);
    driver.browse(DESK, async move |b| {
        log_in(&b, &base, ADMIN).await?;
        b.goto(&format!("{base}/imports/new")).await?;
        type_in(&b, "#source", "shop").await?;
        b.find(By::Css("#file")).await?.send_keys(file.display().to_string()).await?;
        press(&b, "button[value=look]").await?;
        says(&b, "looked at, nothing taken").await?;
        press(&b, "form[action$='/take'] button").await?;
        says(&b, "done, some rows not taken").await?;
        there(&b, "a[href$='/errors.csv']").await?;
        b.goto(&format!("{base}/parcels")).await?;
        says(&b, "AA1000001").await
    });
}

#[test]
fn a_scan_is_answered_kept_while_the_depot_is_away_and_seen_by_another_screen() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    for number in ["RR123456785NL", "RB123456785GB"] {
        depot.itself(FIRST_TENANT, "POST", "/parcels").body(&json!({ "tracking_number": number })).gives(201);
    }
    let base = base(&depot);
    let ask = |number: &str| depot.itself(FIRST_TENANT, "GET", &format!("/parcels/{number}")).gives(200).json;
    for size in [DESK, PHONE] {
        let base = base.clone();
        driver.browse(size, async |b| {
            log_in(&b, &base, ADMIN).await?;
            let desk = b.window().await?;
            b.goto(&format!("{base}/parcels")).await?;
            says(&b, "RR123456785NL").await?;
            let floor = b.new_tab().await?;
            b.switch_to_window(floor).await?;
            b.goto(&format!("{base}/scan")).await?;
            fits(&b, "scan").await?;
            type_in(&b, "#code", "RR123456785NL\n").await?;
            there(&b, if size == DESK { ".outcome.ok" } else { ".outcome.duplicate" }).await?;
            // The line is cut: what is scanned waits, and goes out in order when it is back.
            b.execute(
                "window.real = window.fetch; window.fetch = () => Promise.reject(new Error('away'))",
                Vec::new(),
            )
            .await?;
            type_in(&b, "#code", "RB123456785GB\n").await?;
            type_in(&b, "#code", "RR123456785NL\n").await?;
            there(&b, ".outcome.kept").await?;
            there(&b, "#waiting").await?;
            b.execute("window.fetch = window.real", Vec::new()).await?;
            let begun = Instant::now();
            while !b
                .execute("return document.querySelector('#waiting').hidden", Vec::new())
                .await?
                .json()
                .as_bool()
                .unwrap()
            {
                assert!(begun.elapsed() < PATIENCE, "what was kept is not sent");
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            b.switch_to_window(desk).await?;
            says(&b, "at depot").await?;
            fits(&b, "parcels").await
        });
        assert_eq!(ask("RR123456785NL")["status"], "at_depot");
        assert_eq!(ask("RB123456785GB")["status"], "at_depot");
    }
}

#[test]
fn a_case_is_worked_with_the_keyboard_alone() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let open = |n: u32| {
        let new = json!({ "reason": "damaged", "detail": format!("box {n}") });
        depot.itself(FIRST_TENANT, "POST", "/cases").body(&new).gives(201).json["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ids: Vec<String> = (0..4).map(open).collect();
    let base = base(&depot);
    let look = |id: &str| {
        depot.itself(FIRST_TENANT, "GET", &format!("/cases/{id}")).gives(200).json["state"].clone()
    };
    // The depot asks on a runtime of its own.
    let state = |id: &str| tokio::task::block_in_place(|| look(id));
    let count = |wanted: &str| ids.iter().filter(|id| state(id) == wanted).count();
    driver.browse(DESK, async |b| {
        log_in(&b, &base, ADMIN).await?;
        b.goto(&format!("{base}/cases")).await?;
        there(&b, "tr[data-row]").await?;
        let keys = async |keys: &str| b.action_chain().send_keys(keys).perform().await;
        keys("ja").await?;
        let until = async |wanted: &str, n: usize| {
            let begun = Instant::now();
            while count(wanted) != n {
                assert!(begun.elapsed() < PATIENCE, "not {n} are {wanted}");
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        until("acknowledged", 1).await;
        says(&b, "Saved.").await?;
        keys("jxjxr").await?;
        until("resolved", 2).await;
        fits(&b, "cases").await
    });
    driver.browse(PHONE, async |b| {
        log_in(&b, &base, ADMIN).await?;
        let open = ids.iter().find(|id| state(id) != "resolved").unwrap();
        b.goto(&format!("{base}/cases/{open}")).await?;
        there(&b, ".beside").await?;
        fits(&b, "a case").await
    });
}

#[test]
fn a_waybill_is_opened_a_paper_attached_a_step_taken_and_a_bill_paid() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let steps = json!({ "steps": [
        { "key": "papers", "name": "Papers are there", "role": "import_agent", "guards": [{ "files": ["invoice"] }], "auto": true },
        { "key": "call", "name": "Call the consignee", "role": "clerk", "after": ["papers"] },
    ] });
    depot.itself(FIRST_TENANT, "PUT", "/workflow-steps").body(&steps).gives(200);
    let new = json!({ "number": "020-12345675", "pieces": 10, "destination": "LHR" });
    let id = depot.itself(FIRST_TENANT, "POST", "/mawbs").body(&new).gives(201).json["id"].clone();
    let lines = json!([{ "text": "service", "minor": 4500 }]);
    let bill = json!({ "number": "B-1", "kind": "isc", "mawb": id, "currency": "GBP", "lines": lines });
    depot.itself(FIRST_TENANT, "POST", "/bills").body(&bill).gives(201);
    let file = |name: &str| {
        let path = depot.folder.path().join(name);
        std::fs::write(&path, "%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n").unwrap();
        path.display().to_string()
    };
    let (invoice, receipt) = (file("invoice.pdf"), file("receipt.pdf"));
    let base = base(&depot);
    driver.browse(DESK, async |b| {
        log_in(&b, &base, ADMIN).await?;
        b.goto(&format!("{base}/mawbs")).await?;
        fits(&b, "waybills").await?;
        press(&b, "tr[data-row] td.id a").await?;
        says(&b, "documents are missing: invoice").await?;
        for (kind, path, name) in
            [("invoice", &invoice, "invoice.pdf"), ("isc_receipt", &receipt, "receipt.pdf")]
        {
            press(&b, &format!("#type option[value={kind}]")).await?;
            b.find(By::Css("#file")).await?.send_keys(path.as_str()).await?;
            press(&b, "form[data-upload] button").await?;
            says(&b, name).await?;
        }
        says(&b, "1 of 2 steps").await?;
        press(&b, ".flow form[action$='/advance'] button").await?;
        says(&b, "2 of 2 steps").await?;
        press(&b, ".pay button").await?;
        says(&b, "Saved.").await?;
        fits(&b, "a waybill").await
    });
    let paid = depot.itself(FIRST_TENANT, "GET", "/bills").gives(200).json["items"][0].clone();
    assert!(paid["paid_at"].is_string() && paid["receipt"].is_string(), "{paid}");
    driver.browse(PHONE, async |b| {
        log_in(&b, &base, ADMIN).await?;
        for path in [
            "/mawbs",
            &format!("/mawbs/{}", id.as_str().unwrap()),
            "/mawbs/clocks",
            "/mawbs/messages",
            "/bills",
            "/procedure",
            "/procedure/papers",
        ] {
            b.goto(&format!("{base}{path}")).await?;
            there(&b, "main h1").await?;
            fits(&b, path).await?;
        }
        Ok(())
    });
}

/// One record of each kind that a page is about, by the name of its picture: a dock at work, reports with something to
/// draw, and what a demonstration has by itself.
fn pictured(depot: &Depot) -> Vec<(String, String)> {
    let ask = |method: &str, path: &str, body: serde_json::Value| {
        depot.itself(FIRST_TENANT, method, path).body(&body).send().json
    };
    let get = |path: &str| depot.itself(FIRST_TENANT, "GET", path).gives(200).json;
    let id = |json: &serde_json::Value| json["id"].as_str().unwrap_or_default().to_owned();
    let announced = get("/parcels?status=in_transit&limit=24");
    let numbers: Vec<String> = announced["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["tracking_number"].as_str().unwrap().to_owned())
        .collect();
    let lines = |of: &[String]| -> serde_json::Value {
        of.iter().enumerate().map(|(n, t)| json!({ "tracking_number": t, "pieces": 1 + n % 3, "weight_g": 800 + 130 * n, "service": "standard" })).collect()
    };
    let truck = |number: &str, of: &[String]| {
        let new = json!({ "number": number, "carrier": "Kestrel", "vehicle": "FLX-4D21", "from": "Campinas", "expected_at": "2026-11-21T10:30:00Z", "lines": lines(of) });
        id(&ask("POST", "/manifests", new))
    };
    let (first, second) =
        (truck("LH-2026-1121-A", &numbers[..12]), truck("LH-2026-1121-B", &numbers[12..20]));
    truck("LH-2026-1122-A", &numbers[20..]);
    let dock = |manifest: &str, station: &str| {
        id(&ask(
            "POST",
            "/unloadings",
            json!({ "manifests": [manifest], "door": station, "stations": [station] }),
        ))
    };
    let (open, closed) = (dock(&first, "door 3"), dock(&second, "door 5"));
    for (numbers, station) in
        [(&numbers[..7], "door 3"), (&numbers[12..17], "door 5"), (&numbers[20..21], "door 5")]
    {
        for number in numbers {
            ask("POST", "/scan", json!({ "code": number, "station": station }));
        }
    }
    ask("POST", &format!("/unloadings/{closed}/close"), json!({}));
    let wish = json!({ "name": "Carriers, every Monday", "definition": { "kind": "scorecard", "by": ["carrier"] }, "schedule": { "weekly_at": { "weekday": "monday", "hour": 6, "minute": 30 } } });
    let report = id(&ask("POST", "/reports", wish));
    let run = id(&ask("POST", &format!("/reports/{report}/run"), json!({})));
    depot.until("the report is counted", |d| {
        d.itself(FIRST_TENANT, "GET", &format!("/report-runs/{run}")).gives(200).json["state"] == "done"
    });
    let storm = json!({ "reason": "weather", "name": "storm, route 7", "subjects": numbers, "detail": "the bridge is closed" });
    let storm = id(&ask("POST", "/cases", storm));
    let item = |path: &str| id(&get(path)["items"][0]);
    let user = item("/users");
    let all = [
        ("parcel", format!("/parcels/{}", item("/parcels?exceptional=true&limit=1"))),
        ("label", format!("/parcels/{}/label", item("/parcels?limit=1"))),
        ("case", format!("/cases/{}", item("/cases?limit=1"))),
        ("manifest", format!("/manifests/{first}")),
        ("manifest-print", format!("/manifests/{first}/print")),
        ("unloading", format!("/unloadings/{open}")),
        ("unloading-closed", format!("/unloadings/{closed}")),
        ("case-many", format!("/cases/{storm}")),
        ("report-saved", format!("/reports/{report}")),
        ("report-run", format!("/reports/runs/{run}")),
        ("report-exceptions", "/reports/show?kind=exceptions&by=reason".into()),
        ("report-age", "/reports/show?kind=exceptions&by=age&and=distributor".into()),
        ("report-lateness", "/reports/show?kind=lateness&by=distributor".into()),
        ("report-volumes", "/reports/show?kind=volumes&by=day&period=30".into()),
        ("report-trace", "/reports/trace?kind=volumes&by=carrier&m=parcels".into()),
        ("map", "/maps/kestrel".into()),
        ("user", format!("/users/{user}")),
        ("role", "/users/roles/clerk".into()),
    ];
    all.into_iter().map(|(n, p)| (n.to_owned(), p)).collect()
}

/// The same of the trades: freight, deliveries, orders, products, webhooks.
fn traded(depot: &Depot) -> Vec<(String, String)> {
    let get = |path: &str| depot.itself(FIRST_TENANT, "GET", path).gives(200).json;
    let one = |name: &str, path: &str, to: &str| {
        let found = get(path);
        let id = found["items"][0]["id"].as_str().or_else(|| found[0]["id"].as_str())?;
        Some((name.to_owned(), format!("{to}/{id}")))
    };
    let all = [
        one("mawb", "/mawbs?late=true&limit=1", "/mawbs"),
        one("delivery-done", "/deliveries?status=completed&limit=1", "/deliveries"),
        one("delivery", "/deliveries?status=assigned&limit=1", "/deliveries"),
        one("driver-stop", "/deliveries?status=in_transit&limit=1", "/driver/stops"),
        one("order", "/orders?status=packed&limit=1", "/orders"),
        one("webhook", "/webhooks", "/webhooks"),
        one("route", "/routes?state=planned&limit=1", "/routes"),
        Some(("procedure-step".to_owned(), "/procedure/pre_alert".to_owned())),
        Some(("product".to_owned(), "/products/3".to_owned())),
    ];
    all.into_iter().flatten().collect()
}

#[test]
fn the_demos_day_is_planned_a_stop_is_dragged_and_that_is_accepted() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let app = &depot.running().app;
    let now = app.clock.now();
    crossdock::demo::seed::fill(&app.store, FIRST_TENANT, 1, 20, now).unwrap();
    crossdock::demo::fleet::fill(&app.store, &app.tracker, FIRST_TENANT, 1, now).unwrap();
    app.wake.wake();
    let planned = || {
        let all = depot.itself(FIRST_TENANT, "GET", "/routes?state=planned&limit=100").gives(200).json;
        all["items"].as_array().unwrap().len()
    };
    let stops = |van: &str| {
        let path = format!("/routes?state=planned&vehicle={van}");
        let all = depot.itself(FIRST_TENANT, "GET", &path).gives(200).json;
        all["items"].as_array().unwrap().iter().map(|r| r["stops"].as_u64().unwrap()).sum::<u64>()
    };
    let before = planned();
    let base = base(&depot);
    driver.browse(DESK, async |b| {
        log_in(&b, &base, ADMIN).await?;
        b.goto(&format!("{base}/routes")).await?;
        fits(&b, "routes").await?;
        there(&b, ".map svg .way").await?;
        press(&b, "a[href^='/routes/plan?']").await?;
        fits(&b, "planning").await?;
        type_in(&b, "#seconds", "1").await?;
        press(&b, "main form button.primary").await?;
        says(&b, "Points of 100").await?;
        there(&b, ".gantt .block.job").await?;
        b.goto(&format!("{base}/routes")).await?;
        let row = there(&b, ".gantt [data-route]").await?;
        let strips = b.find_all(By::Css(".gantt [data-route]")).await?;
        assert!(strips.len() > 1, "two vehicles have routes that are only planned");
        let stop = row.find(By::Css("[data-stop]")).await?;
        let to = strips[1].find(By::Css(".row")).await?;
        to.scroll_into_view().await?;
        b.action_chain().drag_and_drop_element(&stop, &to).perform().await?;
        says(&b, "How it would be").await?;
        fits(&b, "what if").await?;
        press(&b, "form[action='/routes/whatif'] button").await?;
        says(&b, "Saved.").await?;
        b.goto(&format!("{base}/live")).await?;
        there(&b, ".map .vehicle").await?;
        fits(&b, "the live map").await
    });
    assert!(planned() > before, "what was left to be planned is on routes");
    assert!(stops("Van%202") > 0);
}

/// Writes a picture of every screen into the folder that `CROSSDOCK_SCREENSHOTS` names; `tests/screenshots` asks for it.
#[test]
fn pictures_of_every_screen_are_taken_when_asked_for() {
    let Some(folder) = std::env::var_os("CROSSDOCK_SCREENSHOTS").map(PathBuf::from) else { return };
    let Some(driver) = Driver::start() else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let depot = depot();
    let app = &depot.running().app;
    let now = app.clock.now();
    crossdock::demo::seed::fill(&app.store, FIRST_TENANT, 1, 2_000, now).unwrap();
    let hash = crossdock::identity::password::hash(PASSWORD).unwrap();
    let drivers = trade::staff(&app.store, FIRST_TENANT, &hash, now).unwrap();
    trade::fill(&app.store, FIRST_TENANT, &drivers, now).unwrap();
    crossdock::demo::fleet::fill(&app.store, &app.tracker, FIRST_TENANT, 1, now).unwrap();
    app.gate.changed();
    let hook = json!({ "url": "https://shop.example.com/hook", "types": ["delivery."] });
    depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&hook).gives(201);
    app.wake.wake();
    let mut shown = pictured(&depot);
    shown.extend(traded(&depot));
    let scanned: Vec<String> = ["delivered", "in_transit", "accepted"]
        .iter()
        .filter_map(|status| {
            let path = format!("/parcels?status={status}&limit=1");
            let all = depot.itself(FIRST_TENANT, "GET", &path).gives(200).json;
            all["items"][0]["tracking_number"].as_str().map(str::to_owned)
        })
        .collect();
    let base = base(&depot);
    let looks = [("desk", DESK, false), ("phone", PHONE, false), ("dark", DESK, true)];
    for (name, size, dark) in looks {
        let (base, folder) = (base.clone(), folder.clone());
        let paths: Vec<String> = SCREENS
            .iter()
            .flat_map(|s| &s.routes)
            .filter(|r| r.method == "GET" && !r.path.contains('{'))
            .map(|r| r.path.to_owned())
            .collect();
        let (shown, scanned) = (shown.clone(), scanned.clone());
        driver.browse_as(size, Looks { dark, ..Looks::default() }, async move |b| {
            b.goto(&format!("{base}/login")).await?;
            b.screenshot(&folder.join(format!("{name}-login.png"))).await?;
            log_in(&b, &base, ADMIN).await?;
            let listed = paths.into_iter().map(|p| (p.trim_matches('/').replace('/', "-"), p));
            for (file, path) in listed.chain(shown) {
                b.goto(&format!("{base}{path}")).await?;
                tokio::time::sleep(Duration::from_millis(400)).await;
                b.screenshot(&folder.join(format!("{name}-{file}.png"))).await?;
                fits(&b, &path).await?;
            }
            b.goto(&format!("{base}/scan")).await?;
            for code in &scanned {
                type_in(&b, "#code", &format!("{code}\n")).await?;
                there(&b, &format!(".outcome[data-code='{code}']")).await?;
            }
            b.screenshot(&folder.join(format!("{name}-scan-answered.png"))).await?;
            b.delete_all_cookies().await?;
            log_in(&b, &base, trade::DRIVERS[0].0).await?;
            there(&b, ".stops li").await?;
            tokio::time::sleep(Duration::from_millis(400)).await;
            b.screenshot(&folder.join(format!("{name}-stops.png"))).await?;
            fits(&b, "stops").await?;
            press(&b, ".stops li[data-state=in_transit] a, .stops li[data-state=assigned] a").await?;
            there(&b, ".door").await?;
            b.screenshot(&folder.join(format!("{name}-stop.png"))).await?;
            fits(&b, "a stop").await
        });
    }
    elsewhere(&driver, &folder);
}

/// The first run of a depot, and headquarters with two depots of which one is silent.
fn elsewhere(driver: &Driver, folder: &Path) {
    let fresh = Depot::new();
    let link = fresh.running().setup_link().unwrap().unwrap();
    let hq = headquarters();
    let (northern, southern) = (line(&hq), line(&hq));
    let (north, south) = (joined(&hq, &northern, "Cais Norte"), joined(&hq, &southern, "Cais Sul"));
    exchange(&north);
    northern.cut();
    for at in [&hq, &south] {
        at.wait(Duration::from_secs(27 * 3_600));
    }
    exchange(&south);
    let base = base(&hq);
    for (name, size) in [("desk", DESK), ("phone", PHONE)] {
        driver.browse(size, async |b| {
            b.goto(&link).await?;
            b.screenshot(&folder.join(format!("{name}-setup.png"))).await?;
            log_in(&b, &base, "ana").await?;
            for (file, path) in [("hq-today", "/today"), ("hq-depots", "/sync")] {
                b.goto(&format!("{base}{path}")).await?;
                tokio::time::sleep(Duration::from_millis(400)).await;
                b.screenshot(&folder.join(format!("{name}-{file}.png"))).await?;
                fits(&b, path).await?;
            }
            Ok(())
        });
    }
}
