//! A depot to try: the real server in this process, on a port of its own, in a folder of its own, with a clock that
//! stands where the test puts it. Dropping it ends it.

pub mod cli;
pub mod desk;
pub mod people;
pub mod shared;

use std::time::Duration;

use crossdock::app::{self, Running};
use crossdock::base::clock::{Clock, Timestamp};
use crossdock::config::Config;
use crossdock::config::choices::TlsMode;
use crossdock::web::Routes;
use crossdock::web::control::FIRST_TENANT;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// When every test begins: Saturday, 21 November 2026, 10:00 UTC.
pub const BEGIN: i64 = 1_795_255_200_000;

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    /// The JSON document; null for none or for another media type.
    pub json: Value,
    pub text: String,
}

impl Answered {
    /// A header's text; empty when it isn't there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Status and code of a problem document.
    pub fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        (self.status, self.json["code"].as_str().unwrap_or_default())
    }
}

/// The depot. Fields are dropped in this order: the server ends before its folder goes.
pub struct Depot {
    running: Option<Running>,
    http: Client,
    runtime: Runtime,
    pub clock: Clock,
    pub folder: TempDir,
}

impl Depot {
    /// A depot with the usual settings.
    pub fn new() -> Self {
        Self::with(|_| {}, Vec::new())
    }

    /// A depot with settings of the test's and routes beside the areas'.
    pub fn with(change: impl FnOnce(&mut Config), more: Vec<Routes>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::hand(Timestamp::from_millis(BEGIN));
        let mut config = Config::default();
        config.server.data_dir = folder.path().join("data");
        config.server.listen = "127.0.0.1:0".into();
        config.server.tls.mode = TlsMode::Off;
        config.server.workers = 2;
        config.store.ballast_mib = 0;
        change(&mut config);
        let running = app::start(app::open(config, clock.clone()).unwrap(), more).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { running: Some(running), http, runtime, clock, folder }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Ends the server in order; the folder stays until the depot is dropped.
    pub fn stop(&mut self) {
        self.running.take().unwrap().stop();
    }

    /// Moves the clock.
    pub fn wait(&self, d: Duration) {
        self.clock.set(self.clock.now().after(d));
    }

    /// A request through the depot's own door, from nobody.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.running().address))
    }

    /// A request through the control door, from the depot itself.
    pub fn control(&self, method: Method, path: &str) -> RequestBuilder {
        let control = &self.running().control;
        self.http
            .request(method, format!("http://{}{path}", control.address))
            .bearer_auth(control.bearer(FIRST_TENANT))
    }

    pub fn send(&self, request: RequestBuilder) -> Answered {
        self.runtime.block_on(answered(request))
    }

    pub fn get(&self, path: &str) -> Answered {
        self.send(self.request(Method::GET, path))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answered {
        self.send(self.request(Method::POST, path).json(body))
    }
}

async fn answered(request: RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Answered { status, headers, json, text }
}
