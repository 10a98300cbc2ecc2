//! A real browser, for the tests of screens. Needs chromium and its driver; where they are not, says so.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use tokio::runtime::Runtime;

use super::people::PASSWORD;

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
    /// Starts it, where it is.
    pub fn start() -> Option<Self> {
        let driver = found(&["chromedriver"]);
        let browser = found(&["chromium", "chromium-browser", "google-chrome"]);
        let (Some(driver), Some(_)) = (driver, browser) else {
            eprintln!("SKIP: no chromium with its chromedriver here");
            return None;
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
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
    pub fn browse<F, Fut>(&self, size: (u32, u32), f: F)
    where
        F: FnOnce(WebDriver) -> Fut,
        Fut: Future<Output = WebDriverResult<()>>,
    {
        self.browse_as(size, Looks::default(), f);
    }

    /// The same in a browser that is set up otherwise.
    pub fn browse_as<F, Fut>(&self, size: (u32, u32), looks: Looks, f: F)
    where
        F: FnOnce(WebDriver) -> Fut,
        Fut: Future<Output = WebDriverResult<()>>,
    {
        self.runtime.block_on(async {
            let browser = self.open(size, looks).await;
            let done = f(browser.clone()).await;
            let page = browser.source().await.unwrap_or_default();
            let _ = browser.quit().await;
            done.unwrap_or_else(|e| panic!("{e}\n{page}"));
        });
    }

    /// Runs `f` in two browsers that know nothing of each other, at desks.
    pub fn browse_two<F, Fut>(&self, f: F)
    where
        F: FnOnce(WebDriver, WebDriver) -> Fut,
        Fut: Future<Output = WebDriverResult<()>>,
    {
        self.runtime.block_on(async {
            let one = self.open(DESK, Looks::default()).await;
            let other = self.open(DESK, Looks::default()).await;
            let done = f(one.clone(), other.clone()).await;
            let pages = [one.source().await, other.source().await].map(Result::unwrap_or_default);
            let _ = (one.quit().await, other.quit().await);
            done.unwrap_or_else(|e| panic!("{e}\n{}", pages.join("\n")));
        });
    }

    async fn open(&self, (width, height): (u32, u32), looks: Looks) -> WebDriver {
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
        if looks.without_scripts {
            let prefs = json!({ "profile.managed_default_content_settings.javascript": 2 });
            caps.add_experimental_option("prefs", prefs).unwrap();
        }
        let browser = WebDriver::new(&self.address, caps).await.unwrap();
        browser.set_window_rect(0, 0, width, height).await.unwrap();
        let tools = browser.cdp();
        if looks.dark {
            let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
            tools.send_raw("Emulation.setEmulatedMedia", dark).await.unwrap();
        }
        if let Some(source) = looks.first {
            let first = json!({ "source": source });
            tools.send_raw("Page.addScriptToEvaluateOnNewDocument", first).await.unwrap();
        }
        browser
    }
}

/// How a browser is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looks {
    /// Its user likes it dark.
    pub dark: bool,
    /// It runs no script of a page.
    pub without_scripts: bool,
    /// What runs in every page before its own scripts.
    pub first: Option<&'static str>,
}

/// The page on paper, as a PDF.
pub async fn printed(b: &WebDriver) -> WebDriverResult<Vec<u8>> {
    use base64::Engine;
    let tools = b.cdp();
    let made: Value = tools.send_raw("Page.printToPDF", json!({ "printBackground": true })).await?;
    let text = made["data"].as_str().unwrap_or_default();
    Ok(base64::engine::general_purpose::STANDARD.decode(text).unwrap())
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

/// Brings the first element that fits to the middle of the screen, as a thumb does, and clicks it.
///
/// A live page exchanges its regions: an element may be gone or moved before the click reaches it. Then nothing was
/// clicked, and the one in its place is.
pub async fn press(b: &WebDriver, css: &str) -> WebDriverResult<()> {
    let begun = Instant::now();
    loop {
        let found = there(b, css).await?;
        let click = async {
            b.execute("arguments[0].scrollIntoView({ block: 'center' })", vec![found.to_json()?]).await?;
            found.click().await
        };
        match click.await {
            Err(e) if moved(&e) && begun.elapsed() < PATIENCE => {}
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Whether an element was not reached because the page changed meanwhile.
fn moved(e: &WebDriverError) -> bool {
    let e = e.to_string();
    ["stale element", "click intercepted", "not interactable"].iter().any(|of| e.contains(of))
}

/// Waits until the page says `text`.
pub async fn says(b: &WebDriver, text: &str) -> WebDriverResult<()> {
    let begun = Instant::now();
    loop {
        // Between two pages there is none.
        let body = match b.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        if body.contains(text) {
            return Ok(());
        }
        assert!(begun.elapsed() < PATIENCE, "the page does not say {text}: {body}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

pub async fn type_in(b: &WebDriver, css: &str, text: &str) -> WebDriverResult<()> {
    let begun = Instant::now();
    loop {
        let field = there(b, css).await?;
        // As with a click: a field that was exchanged meanwhile has taken nothing.
        match field.clear().await {
            Err(e) if moved(&e) && begun.elapsed() < PATIENCE => {}
            Err(e) => return Err(e),
            Ok(()) => return field.send_keys(text).await,
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

pub async fn log_in(b: &WebDriver, base: &str, login: &str) -> WebDriverResult<()> {
    b.goto(&format!("{base}/login")).await?;
    type_in(b, "#login", login).await?;
    type_in(b, "#password", PASSWORD).await?;
    press(b, "main button").await?;
    there(b, "nav.rail").await.map(drop)
}

/// Waits until the script `asks` gives `wanted`.
pub async fn until(b: &WebDriver, what: &str, asks: &str, wanted: Value) -> WebDriverResult<()> {
    let begun = Instant::now();
    loop {
        let found = b.execute(asks, Vec::new()).await.map(|r| r.json().clone()).unwrap_or_default();
        if found == wanted {
            return Ok(());
        }
        assert!(begun.elapsed() < PATIENCE * 3, "{what}: {found}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
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
