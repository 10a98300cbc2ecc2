//! The screens in a real browser, with its scripts, at a desk and on a phone. Needs chromium and its driver; where they
//! are not, says so and passes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use serde_json::json;
use thirtyfour::prelude::*;

use crate::support::Depot;
use crate::support::browser::{DESK, Driver, PATIENCE, PHONE, fits, log_in, says, there, type_in};
use crate::support::people::{ADMIN, PASSWORD, depot};

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
            there(&b, "main button").await?.click().await?;
            type_in(&b, "#login", "ana").await?;
            type_in(&b, "#password", PASSWORD).await?;
            there(&b, "main button").await?.click().await?;
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
        there(&b, "button[value=look]").await?.click().await?;
        says(&b, "looked at, nothing taken").await?;
        there(&b, "form[action$='/take'] button").await?.click().await?;
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

/// Writes a picture of every screen into the folder that `CROSSDOCK_SCREENSHOTS` names; `tests/screenshots` asks for it.
#[test]
fn pictures_of_every_screen_are_taken_when_asked_for() {
    let Some(folder) = std::env::var_os("CROSSDOCK_SCREENSHOTS").map(PathBuf::from) else { return };
    let Some(driver) = Driver::start() else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let depot = depot();
    let app = &depot.running().app;
    crossdock::demo::seed::fill(&app.store, FIRST_TENANT, 1, 2_000, app.clock.now()).unwrap();
    app.wake.wake();
    let first = |path: &str| {
        depot.itself(FIRST_TENANT, "GET", path).gives(200).json["items"][0]["id"].as_str().map(str::to_owned)
    };
    let (parcel, case) = (first("/parcels?exceptional=true&limit=1"), first("/cases?limit=1"));
    let base = base(&depot);
    for (name, size) in [("desk", DESK), ("phone", PHONE)] {
        let (base, folder) = (base.clone(), folder.clone());
        let paths: Vec<String> = SCREENS
            .iter()
            .flat_map(|s| &s.routes)
            .filter(|r| r.method == "GET" && !r.path.contains('{'))
            .map(|r| r.path.to_owned())
            .collect();
        let more =
            [parcel.as_ref().map(|p| format!("/parcels/{p}")), case.as_ref().map(|c| format!("/cases/{c}"))];
        driver.browse(size, async move |b| {
            b.goto(&format!("{base}/login")).await?;
            b.screenshot(&folder.join(format!("{name}-login.png"))).await?;
            log_in(&b, &base, ADMIN).await?;
            for path in paths.into_iter().chain(more.into_iter().flatten()) {
                b.goto(&format!("{base}{path}")).await?;
                tokio::time::sleep(Duration::from_millis(400)).await;
                let file: String = path.trim_matches('/').replace('/', "-").chars().take(24).collect();
                b.screenshot(&folder.join(format!("{name}-{file}.png"))).await?;
                fits(&b, &path).await?;
            }
            Ok(())
        });
    }
}
