//! The real binary that serves a folder, and a client of it. It ends with its test, whatever happens there.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::Answered;

const BINARY: &str = env!("CARGO_BIN_EXE_crossdock");

/// A server.
pub struct Served {
    child: Child,
    /// Where it is.
    pub url: String,
    /// How long it took from its start until it said that it serves.
    pub ready_in: Duration,
    /// What it said on standard error so far.
    pub log: PathBuf,
}

impl Served {
    /// Serves `data` with these settings in its environment.
    pub fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::begin(Command::new(BINARY), data, settings)
    }

    /// The same where no file may grow beyond `most` bytes: a write beyond it fails as on a disk that gives out.
    pub fn start_capped(data: &Path, settings: &[(&str, &str)], most: u64) -> Self {
        let blocks = most / 512;
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(BINARY);
        Self::begin(shell, data, settings)
    }

    fn begin(mut command: Command, data: &Path, settings: &[(&str, &str)]) -> Self {
        let log = data.with_extension("log");
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let begun = Instant::now();
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--no-tls", "--data-dir"])
            .arg(data)
            .env("CROSSDOCK__STORE__BALLAST_MIB", "0")
            .envs(settings.iter().copied())
            .env_remove("CROSSDOCK_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready_in = begun.elapsed();
        let url = line.trim_end().rsplit_once(" at ").map(|(_, url)| url.to_owned());
        let mut served = Self { child, url: String::new(), ready_in, log };
        served.url = url.unwrap_or_else(|| panic!("it does not serve: {}", served.said()));
        served
    }

    /// What it said on standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Memory it holds, in MiB.
    pub fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Its exit code, and how long that took; fails after `most`.
    pub fn ended_within(&mut self, most: Duration) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begun.elapsed());
            }
            assert!(begun.elapsed() < most, "it has not ended after {most:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to end and waits until it has.
    pub fn stop(mut self) -> Duration {
        self.terminate();
        let (code, took) = self.ended_within(Duration::from_secs(20));
        assert_eq!(code, Some(0), "{}", self.said());
        took
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who asks a server, one request at a time, with a connection of their own.
pub struct Asker {
    http: Client,
    runtime: Runtime,
    url: String,
    token: String,
}

impl Asker {
    pub fn new(url: &str, token: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = Client::builder()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self { http, runtime, url: url.to_owned(), token: token.to_owned() }
    }

    /// The answer, or why there was none.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answered, String> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|e| format!("{e:?}"))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let text = response.text().await.map_err(|e| format!("{e:?}"))?;
            let json = serde_json::from_str(&text).unwrap_or_default();
            Ok(Answered { status, headers, json, text })
        })
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, None, None).unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json
    }

    /// What `path` answers to `body`; it must be taken.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.send(Method::POST, path, None, Some(body)).unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json
    }

    /// Holds the whole store and the audit trail against themselves.
    pub fn assert_sound(&self) {
        let report = self.get("/api/v1/check");
        assert_eq!(report["clean"], true, "{report}");
        let trail = self.get("/api/v1/audit-log/verify");
        assert!(trail["broken_at"].is_null(), "{trail}");
    }
}
