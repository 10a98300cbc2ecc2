//! What people do on screens besides the clerk's day, in a real browser: a partner reports on many, a desk works a storm,
//! a clerk goes from a scan to its label, headquarters watches a depot fall silent; pages from right to left, and on paper.

use std::time::Duration;

use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::screens::fill;
use crate::support::Depot;
use crate::support::browser::{
    DESK, Driver, PHONE, fits, log_in, press, printed, says, there, type_in, until,
};
use crate::support::people::{ADMIN, PASSWORD, Records, depot, text};
use crate::sync::{exchange, headquarters, joined, line};

fn base(depot: &Depot) -> String {
    format!("http://{}", depot.running().address)
}

fn ask(depot: &Depot, path: &str) -> Value {
    depot.itself(FIRST_TENANT, "GET", path).gives(200).json
}

fn parcel(depot: &Depot, number: &str, more: Value) -> String {
    let mut new = json!({ "tracking_number": number });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    text(&depot.itself(FIRST_TENANT, "POST", "/parcels").body(&new).gives(201).json, "id")
}

#[test]
fn a_partner_reports_on_many_parcels_at_once_and_on_nobody_elses() {
    let Some(driver) = Driver::start() else { return };
    for size in [DESK, PHONE] {
        let depot = depot();
        for (number, whose) in [("PA0000001", "shop"), ("PA0000002", "shop"), ("PA0000003", "other")] {
            parcel(&depot, number, json!({ "distributor": whose }));
        }
        let more = json!({ "password": PASSWORD, "scope": { "distributors": ["shop"] } });
        depot.user(FIRST_TENANT, "pia", "partner", more);
        let base = base(&depot);
        driver.browse(size, async |b| {
            log_in(&b, &base, "pia").await?;
            b.goto(&format!("{base}/parcels")).await?;
            says(&b, "PA0000002").await?;
            let page = b.find(By::Tag("main")).await?.text().await?;
            assert!(!page.contains("PA0000003"), "another's parcel is shown: {page}");
            b.goto(&format!("{base}/report")).await?;
            let list = "PA0000001\nPA0000002, lost\nPA0000003";
            type_in(&b, "#numbers", list).await?;
            fits(&b, "reporting").await?;
            press(&b, "main form button.primary").await?;
            says(&b, "Verdicts").await?;
            fits(&b, "verdicts").await?;
            // What was refused stays in the field to be mended.
            until(&b, "what is left", "return document.querySelector('#numbers').value", json!("PA0000003"))
                .await
        });
        let status = |number: &str| ask(&depot, &format!("/parcels/{number}"))["status"].clone();
        let found = ["PA0000001", "PA0000002", "PA0000003"].map(status);
        assert_eq!(found, [json!("in_transit"), json!("lost"), json!("announced")]);
    }
}

#[test]
fn a_storm_over_two_hundred_parcels_is_made_worked_and_resolved_in_one_go() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let numbers: Vec<String> = (0..200).map(|n| format!("STORM{n:05}")).collect();
    for number in &numbers {
        parcel(&depot, number, json!({}));
    }
    let base = base(&depot);
    let list = numbers.join("\n");
    driver.browse(DESK, async |b| {
        log_in(&b, &base, ADMIN).await?;
        b.goto(&format!("{base}/cases/new")).await?;
        fits(&b, "a new case").await?;
        press(&b, "#why option[value=weather]").await?;
        type_in(&b, "#name", "storm, route 7").await?;
        // Pasted, as from a list.
        let paste = "document.querySelector('#numbers').value = arguments[0]";
        b.execute(paste, vec![json!(format!("{list}\nNOBODY0001"))]).await?;
        press(&b, "form[action='/cases/many'] button.primary").await?;
        says(&b, "there is no parcel NOBODY0001").await?;
        b.execute(paste, vec![json!(list)]).await?;
        press(&b, "form[action='/cases/many'] button.primary").await?;
        says(&b, "200 parcels").await?;
        says(&b, "storm, route 7").await?;
        fits(&b, "the storm").await?;
        press(&b, ".quick button[value=acknowledge]").await?;
        says(&b, "Saved.").await?;
        press(&b, ".quick button[value=start]").await?;
        until(
            &b,
            "one step less",
            "return document.querySelector('.quick button[value=start]') === null",
            json!(true),
        )
        .await?;
        press(&b, ".quick button[value=resolve]").await?;
        until(&b, "nothing left to do", "return document.querySelector('.quick') === null", json!(true)).await
    });
    let all = ask(&depot, "/cases?state=resolved")["items"].clone();
    assert_eq!((all.as_array().unwrap().len(), &all[0]["parcels_count"]), (1, &json!(200)), "{all}");
    let own = ask(&depot, "/parcels/STORM00199");
    assert_eq!(own["status"], "announced", "a case about a parcel moves none: {own}");
}

#[test]
fn a_scan_leads_to_its_label_on_paper() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let base = base(&depot);
    for (size, number) in [(DESK, "RR123456785NL"), (PHONE, "RB123456785GB")] {
        parcel(&depot, number, json!({ "recipient": { "name": "Bo" } }));
        driver.browse(size, async |b| {
            log_in(&b, &base, ADMIN).await?;
            b.goto(&format!("{base}/scan")).await?;
            type_in(&b, "#code", &format!("{number}\n")).await?;
            press(&b, ".outcome a.code").await?;
            let label = there(&b, ".label a[href$='/label']").await?;
            label.scroll_into_view().await?;
            label.click().await?;
            there(&b, ".print-label img").await?;
            fits(&b, "the label").await?;
            let paper = printed(&b).await?;
            assert!(paper.starts_with(b"%PDF") && paper.len() > 3_000, "{} bytes", paper.len());
            Ok(())
        });
    }
}

#[test]
fn headquarters_watches_a_depot_fall_silent_and_come_back() {
    let Some(driver) = Driver::start() else { return };
    let hq = headquarters();
    let (northern, southern) = (line(&hq), line(&hq));
    let (north, south) = (joined(&hq, &northern, "Cais Norte"), joined(&hq, &southern, "Cais Sul"));
    let base = base(&hq);
    let pass = |hours: u64| {
        for at in [&hq, &north, &south] {
            at.wait(Duration::from_secs(hours * 3_600));
        }
    };
    let state = "return [...document.querySelectorAll('main tbody tr')].map((r) => r.children[1].textContent + ' ' + r.children[2].textContent.trim())";
    for size in [DESK, PHONE] {
        for depot in [&north, &south] {
            exchange(depot);
        }
        northern.cut();
        pass(25);
        exchange(&south);
        driver.browse(size, async |b| {
            log_in(&b, &base, "ana").await?;
            b.goto(&format!("{base}/sync")).await?;
            there(&b, "main tbody tr").await?;
            fits(&b, "the depots").await?;
            let rows = b.execute(state, Vec::new()).await?.json().clone();
            assert!(!rows.to_string().contains("silent"), "{rows}");
            // Time goes on everywhere, and only one of them says anything.
            tokio::task::block_in_place(|| {
                pass(2);
                exchange(&south);
            });
            let first = "return document.querySelector('main tbody tr').children[2].textContent.trim()";
            until(&b, "it is missed", first, json!("silent")).await?;
            let rows = b.execute(state, Vec::new()).await?.json().clone();
            let first = rows[0].as_str().unwrap_or_default();
            assert!(first.starts_with("Cais Norte"), "silent ones come first: {rows}");
            assert_eq!(rows.to_string().matches("silent").count(), 1, "{rows}");
            northern.mend();
            tokio::task::block_in_place(|| exchange(&north));
            let gone = "return !document.querySelector('main tbody').textContent.includes('silent')";
            until(&b, "it is heard again", gone, json!(true)).await?;
            fits(&b, "the depots").await
        });
    }
}

/// Every page turned round.
fn right_to_left(size: (u32, u32)) {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    let base = base(&depot);
    let gets = SCREENS.iter().flat_map(|s| &s.routes).filter(|r| r.method == "GET" && r.path != "/find");
    let paths: Vec<String> = gets.map(|r| fill(&records, r.path)).collect();
    driver.browse(size, async |b| {
        log_in(&b, &base, ADMIN).await?;
        for path in &paths {
            b.goto(&format!("{base}{path}")).await?;
            if b.find(By::Id("main")).await.is_err() {
                continue;
            }
            b.execute("document.documentElement.dir = 'rtl'", Vec::new()).await?;
            fits(&b, &format!("{path} from right to left")).await?;
        }
        Ok(())
    });
}

#[test]
fn pages_from_right_to_left_fit_a_desk() {
    right_to_left(DESK);
}

#[test]
fn pages_from_right_to_left_fit_a_phone() {
    right_to_left(PHONE);
}

#[test]
fn what_is_printed_has_no_buttons_on_it() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    let records = Records::new(&depot, FIRST_TENANT, "alpha");
    let base = base(&depot);
    let paths = [
        format!("/manifests/{}/print", records.manifest),
        format!("/parcels/{}/label", records.parcel),
        "/reports/show?kind=exceptions&by=reason".to_owned(),
        format!("/deliveries/{}", records.delivery),
    ];
    driver.browse(DESK, async |b| {
        log_in(&b, &base, ADMIN).await?;
        for path in &paths {
            b.goto(&format!("{base}{path}")).await?;
            there(&b, "main").await?;
            b.cdp().send_raw("Emulation.setEmulatedMedia", json!({ "media": "print" })).await?;
            let shown = "return [...document.querySelectorAll('.bar, .rail, footer, .chips, .filters, button')].filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 120))";
            until(&b, path, shown, json!([])).await?;
            let text = b.execute("return document.querySelector('main').innerText.trim().length + document.querySelectorAll('main img').length", Vec::new()).await?;
            assert!(text.json().as_i64() > Some(0), "{path} prints nothing");
            let paper = printed(&b).await?;
            assert!(paper.starts_with(b"%PDF"), "{path}");
            b.cdp().send_raw("Emulation.setEmulatedMedia", json!({ "media": "" })).await?;
        }
        Ok(())
    });
}
