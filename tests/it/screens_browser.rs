//! The screens in a real browser, with its scripts, at a desk and on a phone. Needs chromium and its driver; where they
//! are not, says so and passes.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crossdock::demo::trade;
use crossdock::screens::SCREENS;
use crossdock::web::control::FIRST_TENANT;
use serde_json::json;
use thirtyfour::prelude::*;
use tokio::runtime::Runtime;

use crate::support::Depot;
use crate::support::people::{ADMIN, PASSWORD, depot};

/// How long a page may take to show what it should.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const DESK: (u32, u32) = (1360, 900);
pub const PHONE: (u32, u32) = (412, 915);

/// A driver that ends with the test.
pub struct Driver {
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
    pub fn start() -> Option<Self> {
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
    pub fn browse<F, Fut>(&self, (width, height): (u32, u32), f: F)
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
pub async fn there(b: &WebDriver, css: &str) -> WebDriverResult<WebElement> {
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
pub async fn says(b: &WebDriver, text: &str) -> WebDriverResult<()> {
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

pub async fn type_in(b: &WebDriver, css: &str, text: &str) -> WebDriverResult<()> {
    let field = there(b, css).await?;
    field.clear().await?;
    field.send_keys(text).await
}

pub async fn log_in(b: &WebDriver, base: &str, login: &str) -> WebDriverResult<()> {
    b.goto(&format!("{base}/login")).await?;
    type_in(b, "#login", login).await?;
    type_in(b, "#password", PASSWORD).await?;
    there(b, "main button").await?.click().await?;
    there(b, "nav.rail").await.map(drop)
}

/// Whether nothing lies beyond the right edge of the page.
pub async fn fits(b: &WebDriver, what: &str) -> WebDriverResult<()> {
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
        there(&b, "tr[data-row] td.id a").await?.click().await?;
        says(&b, "documents are missing: invoice").await?;
        for (kind, path, name) in
            [("invoice", &invoice, "invoice.pdf"), ("isc_receipt", &receipt, "receipt.pdf")]
        {
            there(&b, &format!("#type option[value={kind}]")).await?.click().await?;
            b.find(By::Css("#file")).await?.send_keys(path.as_str()).await?;
            there(&b, "form[data-upload] button").await?.click().await?;
            says(&b, name).await?;
        }
        says(&b, "1 of 2 steps").await?;
        there(&b, ".flow form[action$='/advance'] button").await?.click().await?;
        says(&b, "2 of 2 steps").await?;
        there(&b, ".pay button").await?.click().await?;
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
    app.gate.changed();
    let hook = json!({ "url": "https://shop.example.com/hook", "types": ["delivery."] });
    depot.itself(FIRST_TENANT, "POST", "/webhooks").body(&hook).gives(201);
    app.wake.wake();
    let first = |path: &str| {
        depot.itself(FIRST_TENANT, "GET", path).gives(200).json["items"][0]["id"].as_str().map(str::to_owned)
    };
    let (parcel, case) = (first("/parcels?exceptional=true&limit=1"), first("/cases?limit=1"));
    let mawb = first("/mawbs?late=true&limit=1");
    let one = |path: &str, to: &str| first(path).map(|id| format!("{to}/{id}"));
    let webhooks = depot.itself(FIRST_TENANT, "GET", "/webhooks").gives(200).json;
    let trades: Vec<String> = [
        one("/deliveries?status=completed&limit=1", "/deliveries"),
        one("/deliveries?status=assigned&limit=1", "/deliveries"),
        one("/deliveries?status=in_transit&limit=1", "/driver/stops"),
        one("/orders?status=packed&limit=1", "/orders"),
        Some("/products/3".to_owned()),
        webhooks[0]["id"].as_str().map(|id| format!("/webhooks/{id}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let base = base(&depot);
    for (name, size) in [("desk", DESK), ("phone", PHONE)] {
        let (base, folder, trades) = (base.clone(), folder.clone(), trades.clone());
        let paths: Vec<String> = SCREENS
            .iter()
            .flat_map(|s| &s.routes)
            .filter(|r| r.method == "GET" && !r.path.contains('{'))
            .map(|r| r.path.to_owned())
            .collect();
        let more = [
            parcel.as_ref().map(|p| format!("/parcels/{p}")),
            case.as_ref().map(|c| format!("/cases/{c}")),
            mawb.as_ref().map(|m| format!("/mawbs/{m}")),
            Some("/procedure/pre_alert".to_owned()),
        ];
        let more = more.into_iter().chain(trades.iter().cloned().map(Some));
        driver.browse(size, async move |b| {
            b.goto(&format!("{base}/login")).await?;
            b.screenshot(&folder.join(format!("{name}-login.png"))).await?;
            log_in(&b, &base, ADMIN).await?;
            for path in paths.into_iter().chain(more.flatten()) {
                b.goto(&format!("{base}{path}")).await?;
                tokio::time::sleep(Duration::from_millis(400)).await;
                let file: String = path.trim_matches('/').replace('/', "-").chars().take(24).collect();
                b.screenshot(&folder.join(format!("{name}-{file}.png"))).await?;
                fits(&b, &path).await?;
            }
            b.delete_all_cookies().await?;
            log_in(&b, &base, trade::DRIVERS[0].0).await?;
            there(&b, ".stops li").await?;
            tokio::time::sleep(Duration::from_millis(400)).await;
            b.screenshot(&folder.join(format!("{name}-stops.png"))).await?;
            fits(&b, "stops").await?;
            there(&b, ".stops li[data-state=in_transit] a, .stops li[data-state=assigned] a")
                .await?
                .click()
                .await?;
            there(&b, ".door").await?;
            b.screenshot(&folder.join(format!("{name}-stop.png"))).await?;
            fits(&b, "a stop").await
        });
    }
}
