//! The screens in a real browser, with its scripts, at a desk and on a phone. Needs chromium and its driver; where they
//! are not, says so and passes.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use serde_json::json;
use thirtyfour::prelude::*;
use tokio::runtime::Runtime;

use crate::support::Depot;
use crate::support::people::{ADMIN, PASSWORD, depot};

/// How long a page may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(20);
const DESK: (u32, u32) = (1360, 900);
const PHONE: (u32, u32) = (412, 915);

/// A driver that ends with the test.
struct Driver {
    child: Child,
    address: String,
    runtime: Runtime,
    _profile: tempfile::TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn found(names: &[&str]) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let all = std::env::split_paths(&folders).flat_map(|f| names.iter().map(move |n| f.join(n)));
    all.into_iter().find(|p| p.is_file())
}

impl Driver {
    fn start() -> Option<Self> {
        let driver = found(&["chromedriver"]);
        let browser = found(&["chromium", "chromium-browser", "google-chrome"]);
        let (Some(driver), Some(_)) = (driver, browser) else {
            eprintln!("SKIP: no chromium with its chromedriver here");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(driver)
            .arg(format!("--port={port}"))
            .env("TMPDIR", profile.path())
            .env("HOME", profile.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let driver = Self { child, address: format!("http://127.0.0.1:{port}"), runtime, _profile: profile };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the driver does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(driver)
    }

    /// Runs `f` in a browser of this size.
    fn browse<F, Fut>(&self, (width, height): (u32, u32), f: F)
    where
        F: FnOnce(WebDriver) -> Fut,
        Fut: Future<Output = WebDriverResult<()>>,
    {
        self.runtime.block_on(async {
            let mut caps = DesiredCapabilities::chrome();
            let size = format!("--window-size={width},{height}");
            for arg in [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--lang=en-US",
                size.as_str(),
            ] {
                caps.add_arg(arg).unwrap();
            }
            let browser = WebDriver::new(&self.address, caps).await.unwrap();
            browser.set_window_rect(0, 0, width, height).await.unwrap();
            let done = f(browser.clone()).await;
            let page = browser.source().await.unwrap_or_default();
            let _ = browser.quit().await;
            done.unwrap_or_else(|e| panic!("{e}\n{page}"));
        });
    }
}

/// The first element that fits, once it is there and seen.
async fn there(b: &WebDriver, css: &str) -> WebDriverResult<WebElement> {
    let begun = Instant::now();
    loop {
        match b.find(By::Css(css)).await {
            Ok(e) if e.is_displayed().await.unwrap_or(false) => return Ok(e),
            Err(e) if begun.elapsed() > PATIENCE => return Err(e),
            _ => assert!(begun.elapsed() < PATIENCE, "{css} is not seen"),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Waits until the page says `text`.
async fn says(b: &WebDriver, text: &str) -> WebDriverResult<()> {
    let begun = Instant::now();
    loop {
        let body = b.find(By::Tag("body")).await?.text().await.unwrap_or_default();
        if body.contains(text) {
            return Ok(());
        }
        assert!(begun.elapsed() < PATIENCE, "the page does not say {text}: {body}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn type_in(b: &WebDriver, css: &str, text: &str) -> WebDriverResult<()> {
    let field = there(b, css).await?;
    field.clear().await?;
    field.send_keys(text).await
}

async fn log_in(b: &WebDriver, base: &str, login: &str) -> WebDriverResult<()> {
    b.goto(&format!("{base}/login")).await?;
    type_in(b, "#login", login).await?;
    type_in(b, "#password", PASSWORD).await?;
    there(b, "main button").await?.click().await?;
    there(b, "nav.rail").await.map(drop)
}

/// Whether nothing lies beyond the right edge of the page.
async fn fits(b: &WebDriver, what: &str) -> WebDriverResult<()> {
    let wide = b
        .execute(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
            Vec::new(),
        )
        .await?;
    let wide = wide.json().as_i64().unwrap_or_default();
    assert!(wide <= 0, "{what} is {wide} px too wide");
    Ok(())
}

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
        there(&b, "a[href^='/routes/plan?']").await?.click().await?;
        fits(&b, "planning").await?;
        type_in(&b, "#seconds", "1").await?;
        there(&b, "main form button.primary").await?.click().await?;
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
        there(&b, "form[action='/routes/whatif'] button").await?.click().await?;
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
    crossdock::demo::seed::fill(&app.store, FIRST_TENANT, 1, 2_000, app.clock.now()).unwrap();
    crossdock::demo::fleet::fill(&app.store, &app.tracker, FIRST_TENANT, 1, app.clock.now()).unwrap();
    app.wake.wake();
    let first = |path: &str| {
        depot.itself(FIRST_TENANT, "GET", path).gives(200).json["items"][0]["id"].as_str().map(str::to_owned)
    };
    let (parcel, case) = (first("/parcels?exceptional=true&limit=1"), first("/cases?limit=1"));
    let route = first("/routes?state=planned&limit=1");
    let base = base(&depot);
    for (name, size) in [("desk", DESK), ("phone", PHONE)] {
        let (base, folder) = (base.clone(), folder.clone());
        let paths: Vec<String> = SCREENS
            .iter()
            .flat_map(|s| &s.routes)
            .filter(|r| r.method == "GET" && !r.path.contains('{'))
            .map(|r| r.path.to_owned())
            .collect();
        let more = [
            parcel.as_ref().map(|p| format!("/parcels/{p}")),
            case.as_ref().map(|c| format!("/cases/{c}")),
            route.as_ref().map(|r| format!("/routes/{r}")),
        ];
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
