//! A depot to try: the real server in this process, on a port of its own, in a folder of its own, with a clock that
//! stands where the test puts it. Dropping it ends it.

pub mod browser;
pub mod carrier;
pub mod cli;
pub mod crowd;
pub mod desk;
pub mod line;
pub mod load;
pub mod page;
pub mod pbf;
pub mod people;
#[cfg(feature = "pg")]
pub mod pg;
pub mod printer;
pub mod served;
pub mod shared;
pub mod sink;
pub mod slowly;
pub mod socket;
pub mod trips;
pub mod zpl;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossdock::app::{self, Running};
use crossdock::base::clock::{Clock, Timestamp};
use crossdock::config::Config;
use crossdock::config::choices::TlsMode;
use crossdock::identity::secret::Secret;
use crossdock::identity::setup::{SetUp, set_up};
use crossdock::jobs::runner::Handler;
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
    config: Config,
    pub folder: TempDir,
    #[cfg(feature = "pg")]
    _database: Option<pg::Database>,
}

/// How long a test waits for what runs by itself.
const PATIENCE: Duration = Duration::from_secs(30);

impl Depot {
    /// A depot with the usual settings.
    pub fn new() -> Self {
        Self::with(|_| {}, Vec::new())
    }

    /// A depot with settings of the test's and routes beside the areas'.
    pub fn with(change: impl FnOnce(&mut Config), more: Vec<Routes>) -> Self {
        Self::carrying_out(Vec::new(), change, more)
    }

    /// A depot that carries out jobs of the test's as well.
    pub fn carrying_out(
        handlers: Vec<Arc<dyn Handler>>,
        change: impl FnOnce(&mut Config),
        more: Vec<Routes>,
    ) -> Self {
        Self::built(handlers, change, more, false)
    }

    /// A depot over the embedded store, whatever tests run on: depots have no other.
    pub fn embedded() -> Self {
        Self::embedded_with(|_| {})
    }

    /// The same with settings of the test's.
    pub fn embedded_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::built(Vec::new(), change, Vec::new(), true)
    }

    #[cfg_attr(not(feature = "pg"), allow(unused_variables))]
    fn built(
        handlers: Vec<Arc<dyn Handler>>,
        change: impl FnOnce(&mut Config),
        more: Vec<Routes>,
        embedded: bool,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::hand(Timestamp::from_millis(BEGIN));
        let mut config = Config::default();
        config.server.data_dir = folder.path().join("data");
        config.server.listen = "127.0.0.1:0".into();
        config.server.tls.mode = TlsMode::Off;
        config.server.workers = 2;
        config.store.ballast_mib = 0;
        // A machine that is busy with other tests lets a request's first bytes wait.
        config.limits.head_timeout_s = 120;
        #[cfg(feature = "pg")]
        let database = if embedded { None } else { pg::chosen(&mut config) };
        change(&mut config);
        let mut opened = app::open(config.clone(), clock.clone()).unwrap();
        opened.handlers = handlers;
        let running = app::start(opened, more).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A connection per request: the depot lets go of one that is not used for five seconds.
        let http = Client::builder()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .timeout(Duration::from_secs(100))
            .build()
            .unwrap();
        Self {
            running: Some(running),
            http,
            runtime,
            clock,
            config,
            folder,
            #[cfg(feature = "pg")]
            _database: database,
        }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Ends the server in order; the folder stays until the depot is dropped.
    pub fn stop(&mut self) {
        self.running.take().unwrap().stop();
    }

    /// Starts it again on its folder, with other settings if need be.
    pub fn start_again(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        let opened = app::open(self.config.clone(), self.clock.clone()).unwrap();
        self.running = Some(app::start(opened, Vec::new()).unwrap());
    }

    /// Starts it again with jobs of the test's.
    pub fn start_again_carrying_out(&mut self, handlers: Vec<Arc<dyn Handler>>) {
        let mut opened = app::open(self.config.clone(), self.clock.clone()).unwrap();
        opened.handlers = handlers;
        self.running = Some(app::start(opened, Vec::new()).unwrap());
    }

    /// Sets it up: the tenant `acme` with the depot `north` in `zone`, and its administrator.
    pub fn set_up(self, zone: &str) -> Self {
        let app = &self.running().app;
        let new = SetUp {
            tenant: "acme".into(),
            depot: "north".into(),
            zone: zone.into(),
            language: "en".into(),
            login: cli::LOGIN.into(),
            name: "Ana".into(),
            password: Secret::new(cli::PASSWORD.into()),
            role: "super_admin".into(),
        };
        set_up(&app.store, new, self.clock.now()).unwrap();
        app.gate.changed();
        app.wake.wake();
        self
    }

    /// Tells what runs by itself to look, until `done`; fails with `what` when that takes too long.
    pub fn wait_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < PATIENCE, "still not: {what}");
            self.running().app.wake.wake();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the control door answers to a question.
    pub fn look(&self, path: &str) -> Value {
        let answer = self.send(self.control(Method::GET, path));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json
    }

    /// What it answers to a demand, which must succeed.
    pub fn demand(&self, method: Method, path: &str, body: &Value) -> Value {
        let answer = self.send(self.control(method, path).json(body));
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json
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

    /// Status and body of an answer that is no text.
    pub fn bytes(&self, request: RequestBuilder) -> (u16, Vec<u8>) {
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
        })
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
    // A stream has no end to wait for.
    if headers.get("content-type").is_some_and(|t| t == "text/event-stream") {
        return Answered { status, headers, json: Value::Null, text: String::new() };
    }
    // A PDF is no text; nothing is asked of its letters.
    let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Answered { status, headers, json, text }
}
