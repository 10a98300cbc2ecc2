//! A driver's phone in a real browser while the line comes and goes. Needs chromium and its driver; where they are not,
//! says so and passes.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossdock::base::clock::Timestamp;
use crossdock::web::control::FIRST_TENANT;
use serde_json::json;
use thirtyfour::prelude::*;

use crate::support::Depot;
use crate::support::browser::{Driver, PATIENCE, PHONE, fits, log_in, press, there, type_in, until};
use crate::support::line::{Line, State};
use crate::support::people::{PASSWORD, depot, text};

const STOPS: usize = 10;

/// The phone has a clock of its own, and the depot's stands where a test puts it.
fn as_late_as_it_is(depot: &Depot) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    depot.clock.set(Timestamp::from_millis(i64::try_from(now).unwrap()));
}

fn given(depot: &Depot, n: usize) -> String {
    let new = json!({
        "pickup_address": "Depot", "delivery_address": format!("{n} Elm Street"), "customer_name": format!("Customer {n}"),
        "proof_required": ["signature", "photo"], "assigned_to": "dan",
    });
    text(&depot.itself(FIRST_TENANT, "POST", "/deliveries").body(&new).gives(201).json, "id")
}

const UNSENT: &str = "return Number(document.getElementById('waiting')?.dataset.n)";

async fn sign(b: &WebDriver) -> WebDriverResult<()> {
    let canvas = there(b, ".sign canvas").await?;
    b.execute("arguments[0].scrollIntoView({ block: 'center' })", vec![canvas.to_json()?]).await?;
    let hand = b.action_chain().move_to_element_center(&canvas).click_and_hold();
    let hand = hand.move_by_offset(40, -20).move_by_offset(30, 25).move_by_offset(20, -15);
    hand.release().perform().await?;
    until(
        b,
        "a signature",
        "return document.querySelector('[name=signature]').value.startsWith('M')",
        json!(true),
    )
    .await
}

/// Starts a stop and hands it over, with a signature and a photo.
async fn hand_over(b: &WebDriver, base: &str, id: &str, photo: &str) -> WebDriverResult<()> {
    b.goto(&format!("{base}/driver/stops/{id}")).await?;
    press(b, "form[data-status=in_transit][data-begun] button.primary").await?;
    type_in(b, "#proof-name", "Neighbour").await?;
    sign(b).await?;
    b.find(By::Css("#proof-photo")).await?.send_keys(photo).await?;
    there(b, "[data-photos] canvas").await?;
    fits(b, "a stop").await?;
    press(b, "form[data-status=completed] button.primary").await?;
    until(b, "back at the list", "return location.pathname", json!("/driver/stops")).await?;
    there(b, ".stops li").await.map(drop)
}

/// Leaves the page and opens another one, as somebody does who puts the phone away.
async fn put_away(b: &WebDriver) -> WebDriverResult<()> {
    let old = b.window().await?;
    let fresh = b.new_tab().await?;
    b.switch_to_window(old).await?;
    b.close_window().await?;
    b.switch_to_window(fresh).await
}

#[test]
fn ten_stops_done_without_a_line_arrive_once_and_in_order_also_when_the_page_was_closed() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    as_late_as_it_is(&depot);
    depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    let ids: Vec<String> = (0..STOPS).map(|n| given(&depot, n)).collect();
    let line = Line::to(depot.running().address);
    let base = format!("http://{}", line.address);
    let ask = |path: &str| depot.itself(FIRST_TENANT, "GET", path).gives(200).json;
    let status =
        |id: &str| text(&tokio::task::block_in_place(|| ask(&format!("/deliveries/{id}"))), "status");
    let photo = depot.folder.path().join("door.png");
    let picture = photo.display().to_string();
    driver.browse(PHONE, async |b| {
        log_in(&b, &base, "dan").await?;
        there(&b, ".stops li").await?;
        b.screenshot(&photo).await?;
        fits(&b, "the list").await?;
        // Every page is on the phone before the line goes.
        let kept = "return Number(document.documentElement.dataset.kept)";
        until(&b, "pages on the phone", kept, json!(STOPS + 1)).await?;
        until(&b, "a worker", "return Boolean(navigator.serviceWorker.controller)", json!(true)).await?;
        line.set(State::Cut);
        for (n, id) in ids.iter().enumerate() {
            hand_over(&b, &base, id, &picture).await?;
            until(&b, "what waits", UNSENT, json!(3 * (n + 1))).await?;
            if n == STOPS / 2 {
                put_away(&b).await?;
            }
        }
        assert!(ids.iter().all(|id| status(id) == "assigned"), "nothing can have arrived");
        let over = "return document.querySelectorAll('.stops li.unsent').length";
        until(&b, "the list says so", over, json!(STOPS)).await?;
        put_away(&b).await?;
        as_late_as_it_is(&depot);
        // The first step arrives and its answer does not: it comes again, and counts once.
        line.set(State::Deaf);
        b.goto(&format!("{base}/driver/stops")).await?;
        let begun = Instant::now();
        while status(&ids[0]) != "in_transit" {
            assert!(begun.elapsed() < PATIENCE * 3, "the first step does not arrive");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        line.set(State::Good);
        until(&b, "everything is sent", UNSENT, json!(0)).await?;
        b.goto(&format!("{base}/driver/stops")).await?;
        until(&b, "all done", "return document.querySelectorAll('.stops li.over').length", json!(STOPS)).await
    });
    let mut last = String::new();
    for id in &ids {
        let d = ask(&format!("/deliveries/{id}"));
        assert_eq!(d["status"], "completed", "{d}");
        let proofs = d["proofs"].as_array().unwrap();
        assert_eq!(proofs.len(), 1, "{d}");
        assert!(text(&proofs[0], "signature").starts_with('M') && proofs[0]["name"] == "Neighbour", "{d}");
        let files = ask(&format!("/deliveries/{id}/proof/files"));
        // The phone named the photo before it was sent, by the hash that the depot finds.
        assert_eq!(
            (files.as_array().unwrap().len(), &files[0]["hash"]),
            (1, &proofs[0]["photos"][0]),
            "{files}"
        );
        let steps = ask(&format!("/deliveries/{id}/history"));
        let ways: Vec<String> =
            steps["items"].as_array().unwrap().iter().map(|s| text(s, "status")).collect();
        assert_eq!(ways, ["created", "assigned", "in_transit", "completed"]);
        let at = text(&steps["items"][3], "at");
        assert!(last <= at, "{last} then {at}");
        last = at;
    }
}

#[test]
fn what_the_depot_refuses_is_said_and_the_other_stops_go_on() {
    let Some(driver) = Driver::start() else { return };
    let depot = depot();
    as_late_as_it_is(&depot);
    depot.user(FIRST_TENANT, "dan", "driver", json!({ "password": PASSWORD }));
    let (gone, good) = (given(&depot, 1), given(&depot, 2));
    let line = Line::to(depot.running().address);
    let base = format!("http://{}", line.address);
    driver.browse(PHONE, async |b| {
        log_in(&b, &base, "dan").await?;
        let kept = "return Number(document.documentElement.dataset.kept)";
        until(&b, "pages on the phone", kept, json!(3)).await?;
        line.set(State::Cut);
        for id in [&gone, &good] {
            b.goto(&format!("{base}/driver/stops/{id}")).await?;
            press(&b, "form[data-status=in_transit][data-begun] button.primary").await?;
            there(&b, "form[data-status=completed]").await?;
        }
        // Meanwhile the desk took the first one back.
        tokio::task::block_in_place(|| {
            depot
                .itself(FIRST_TENANT, "POST", &format!("/deliveries/{gone}/unassign"))
                .body(&json!({}))
                .gives(200)
        });
        line.set(State::Good);
        b.goto(&format!("{base}/driver/stops")).await?;
        there(&b, "#refused li").await?;
        until(&b, "one step is left", UNSENT, json!(1)).await?;
        press(&b, "#refused li button:last-child").await?;
        until(&b, "given up", UNSENT, json!(0)).await
    });
    assert_eq!(
        (status_of(&depot, &gone).as_str(), status_of(&depot, &good).as_str()),
        ("created", "in_transit")
    );
}

fn status_of(depot: &Depot, id: &str) -> String {
    text(&depot.itself(FIRST_TENANT, "GET", &format!("/deliveries/{id}")).gives(200).json, "status")
}
