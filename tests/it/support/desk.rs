//! A depot that is set up, asked through its control door: for tests of what the areas do, not of who may.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use crossdock::app;
use crossdock::base::clock::Clock;
use crossdock::config::Config;
use crossdock::identity::secret::Secret;
use crossdock::identity::setup::{SetUp, set_up};
use crossdock::journal::log::APPLIED;
use crossdock::store::{DEPOT, StoreError};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Answered, Depot};

/// The number of its only tenant.
pub const TENANT: u32 = crossdock::web::control::FIRST_TENANT;
/// Copies a folder with what is in it; modes come along.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// How long a job may take before a test gives it up.
const PATIENCE: Duration = Duration::from_secs(300);

/// See the module.
pub struct Desk(Depot);

impl Deref for Desk {
    type Target = Depot;
    fn deref(&self) -> &Depot {
        &self.0
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Depot {
        &mut self.0
    }
}

impl Desk {
    /// A second depot on a copy of this one's folder, which must not be served meanwhile.
    pub fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.folder.path().join("data"), &folder.path().join("data"));
        let mut config = self.config.clone();
        config.server.data_dir = folder.path().join("data");
        let clock = Clock::hand(self.clock.now());
        let running = app::start(app::open(config.clone(), clock.clone()).unwrap(), Vec::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .timeout(Duration::from_secs(100))
            .build()
            .unwrap();
        Self(Depot {
            running: Some(running),
            http,
            runtime,
            clock,
            config,
            folder,
            #[cfg(feature = "pg")]
            _database: None,
        })
    }

    /// Why it can't be started with other settings; it must have been stopped.
    pub fn refused_as(&self, change: impl FnOnce(&mut Config)) -> String {
        let mut config = self.config.clone();
        change(&mut config);
        app::open(config, self.clock.clone()).err().unwrap().to_string()
    }

    /// What somebody without a credential gets from `path`, which is not below the base.
    pub fn plain(&self, path: &str) -> (u16, String) {
        let answer = self.send(self.request(Method::GET, path));
        (answer.status, answer.text)
    }

    /// Status and bytes of an answer.
    pub fn whole(&self, request: reqwest::RequestBuilder) -> (u16, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
        })
    }

    /// A depot in São Paulo with the usual settings.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A depot with settings of the test's.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::set_up(Depot::with(change, Vec::new()), "America/Sao_Paulo")
    }

    /// A depot whose clocks are UTC: for figures that were counted on times without a zone.
    pub fn in_utc() -> Self {
        Self::set_up(Depot::with(|_| {}, Vec::new()), "UTC")
    }

    /// A depot over the embedded store, whatever tests run on.
    pub fn embedded() -> Self {
        Self::set_up(Depot::embedded(), "America/Sao_Paulo")
    }

    /// The same with settings of the test's.
    pub fn embedded_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::set_up(Depot::embedded_with(change), "America/Sao_Paulo")
    }

    fn set_up(depot: Depot, zone: &str) -> Self {
        let app = &depot.running().app;
        let new = SetUp {
            tenant: "acme".into(),
            depot: "North".into(),
            zone: zone.into(),
            language: "en".into(),
            login: "ana".into(),
            name: "Ana".into(),
            password: Secret::new("correct horse battery".into()),
            role: "super_admin".into(),
        };
        let (tenant, _) = set_up(&app.store, new, depot.clock.now()).unwrap();
        assert_eq!(tenant.number, TENANT);
        app.gate.changed();
        app.wake.wake();
        Self(depot)
    }

    /// What the depot itself gets from `path` below the base.
    pub fn get(&self, path: &str) -> Answered {
        self.send(self.control(Method::GET, &format!("/api/v1{path}")))
    }

    /// The same with a body.
    pub fn tell(&self, method: Method, path: &str, body: &Value) -> Answered {
        self.send(self.control(method, &format!("/api/v1{path}")).json(body))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answered {
        self.tell(Method::POST, path, body)
    }

    pub fn put(&self, path: &str, body: &Value) -> Answered {
        self.tell(Method::PUT, path, body)
    }

    /// Every item of a paged list; `path` has its query already.
    pub fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut at) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{at}"));
            assert_eq!(page.status, 200, "{path}: {page:?}");
            items.extend(page.json["items"].as_array().unwrap().iter().cloned());
            match page.json["next"].as_str() {
                Some(next) => at = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Gives `source` a status map: pairs of its word and ours.
    pub fn map(&self, source: &str, words: &[(&str, &str)]) {
        let rows: Vec<Value> = words.iter().map(|(w, s)| json!({ "code": w, "status": s })).collect();
        let path = format!("/status-maps/{source}");
        let version = self.get(&path).json["version"].clone();
        let set = self.put(&path, &json!({ "rows": rows, "version": version }));
        assert_eq!(set.status, 200, "{set:?}");
    }

    /// Uploads a file; `query` begins with kind and source.
    pub fn upload(&self, query: &str, file: impl Into<Vec<u8>>) -> Answered {
        let request = self.control(Method::POST, &format!("/api/v1/imports?{query}"));
        self.send(request.header("content-type", "text/csv").body(file.into()))
    }

    /// Uploads a file and waits until its import has ended.
    pub fn import(&self, query: &str, file: impl Into<Vec<u8>>) -> Value {
        let begun = self.upload(query, file);
        assert_eq!(begun.status, 202, "{query}: {begun:?}");
        self.ended(begun.json["id"].as_str().unwrap())
    }

    /// The import `id` once nothing more happens to it.
    pub fn ended(&self, id: &str) -> Value {
        self.until(|| {
            let import = self.get(&format!("/imports/{id}")).json;
            matches!(import["state"].as_str(), Some("done" | "failed" | "undone")).then_some(import)
        })
    }

    /// What `look` finds, once it finds something.
    pub fn until<T>(&self, look: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain");
            std::thread::yield_now();
        }
    }

    /// The dashboard's figures.
    pub fn stats(&self) -> Value {
        let stats = self.get("/dashboard/stats");
        assert_eq!(stats.status, 200, "{stats:?}");
        stats.json
    }

    /// Changes that were applied here since it was set up.
    pub fn changes(&self) -> u64 {
        let store = &self.running().app.store;
        store.read(TENANT, |tx| Ok::<_, StoreError>(tx.head(DEPOT, APPLIED)?.last)).unwrap()
    }

    /// Holds the store against itself.
    pub fn assert_sound(&self) {
        let report = self.get("/check");
        assert_eq!((report.status, &report.json["fault_count"]), (200, &json!(0)), "{report:?}");
    }

    /// What lies in the folder of imported files.
    pub fn files(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.folder.path().join("data/imports")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = folder.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
