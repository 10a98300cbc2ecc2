//! The depot as a command sees it: an HTTP client of the control door.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::app::{self, Running};
use crate::base::clock::Clock;
use crate::config::Config;
use crate::config::choices::TlsMode;
use crate::web::call::AS_USER;
use crate::web::control::{self, Control, FIRST_TENANT};

/// How long a server gets to show that it is there. One that has just begun on a busy database needs several seconds; one
/// that is gone refuses at once.
const KNOCK: Duration = Duration::from_secs(30);
/// Bytes of a file that are sent at a time.
const CHUNK: usize = 64 * 1024;

/// The depot said no.
#[derive(Debug, thiserror::Error)]
#[error("{detail} ({status})")]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// Why.
    pub detail: String,
}

/// A depot to ask.
pub struct Depot {
    http: reqwest::Client,
    base: String,
    bearer: String,
    own: Option<Running>,
}

impl Depot {
    /// The server that runs on the data folder of `config`, or one started for the length of the command.
    ///
    /// # Errors
    /// When neither is possible.
    pub async fn connect(config: Config) -> anyhow::Result<Self> {
        match Self::running(&config.server.data_dir).await? {
            Some(depot) => Ok(depot),
            None => Self::start(config).await,
        }
    }

    /// The server that runs on `folder`; none when nobody answers. What a killed one left behind counts as nobody: the
    /// lock on the store has the last word.
    ///
    /// # Errors
    /// When the control file can't be read, or whoever it names is there and does not answer.
    pub async fn running(folder: &Path) -> anyhow::Result<Option<Self>> {
        Self::answering(folder, KNOCK).await
    }

    async fn answering(folder: &Path, patience: Duration) -> anyhow::Result<Option<Self>> {
        let Some(control) = Control::read(folder)? else { return Ok(None) };
        let depot = Self::of(&control, None)?;
        match depot.request(Method::GET, "/healthz").timeout(patience).send().await {
            Ok(answer) => Ok((answer.status() == StatusCode::OK).then_some(depot)),
            // Somebody is there and says nothing: to open the store beside it could be the second to do so.
            Err(e) if e.is_timeout() => anyhow::bail!(
                "what serves {} does not answer at {}: wait for it or stop it; if no crossdock runs there, delete {}",
                folder.display(),
                control.address,
                folder.join(control::FILE).display()
            ),
            Err(_) => Ok(None),
        }
    }

    async fn start(mut config: Config) -> anyhow::Result<Self> {
        config.server.listen = "127.0.0.1:0".into();
        config.server.tls.mode = TlsMode::Off;
        config.server.workers = 1;
        let start = move || app::start(app::open(config, Clock::Wall)?, Vec::new());
        let own = tokio::task::spawn_blocking(start).await.context("the depot could not be started")??;
        let control = own.control.clone();
        Self::of(&control, Some(own))
    }

    fn of(control: &Control, own: Option<Running>) -> anyhow::Result<Self> {
        // A connection is not kept: the server ends one that was idle for some seconds, perhaps while it is used again.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build()?;
        Ok(Self {
            http,
            base: format!("http://{}", control.address),
            bearer: control.bearer(FIRST_TENANT),
            own,
        })
    }

    /// Where its control door is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request for `path`, which begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.bearer)
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// [`Refused`], and when the depot can't be reached.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answered(self.request(Method::GET, path)).await
    }

    /// What `path` answers to `body`.
    ///
    /// # Errors
    /// As [`Depot::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answered(self.request(Method::POST, path).json(body)).await
    }

    /// What `path` answers to `body` when the owner of the access token `token` sends it.
    ///
    /// # Errors
    /// As [`Depot::get`].
    pub async fn post_as(&self, token: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        answered(self.request(Method::POST, path).header(AS_USER, token).json(body)).await
    }

    /// What `path` answers to being set to `body`.
    ///
    /// # Errors
    /// As [`Depot::get`].
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answered(self.request(Method::PUT, path).json(body)).await
    }

    /// What `method` on `path` answers to `body`, by somebody who has seen the revision `seen`.
    ///
    /// # Errors
    /// As [`Depot::get`].
    pub async fn change(&self, method: Method, path: &str, seen: u64, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(method, path).header("if-match", format!("\"{seen}\""));
        answered(if body.is_null() { request } else { request.json(body) }).await
    }

    /// Whether nobody set it up so far.
    pub async fn is_fresh(&self) -> bool {
        let answer = self.request(Method::GET, "/setup").send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// Streams `file` to `path`; a bar shows how far it is when somebody watches.
    ///
    /// # Errors
    /// As [`Depot::get`], and when the file can't be read.
    pub async fn upload(&self, path: &str, file: &Path, media: &str) -> anyhow::Result<Value> {
        let named = || format!("{} can't be read", file.display());
        let open = tokio::fs::File::open(file).await.with_context(named)?;
        let length = open.metadata().await.with_context(named)?.len();
        let bar = bar(length);
        let watched = bar.clone();
        let chunks = stream::try_unfold((open, watched), |(mut file, bar)| async move {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = (&mut file).take(CHUNK as u64).read_to_end(&mut chunk).await?;
            bar.inc(read as u64);
            Ok::<_, std::io::Error>((read > 0).then_some((chunk, (file, bar))))
        });
        let request = self.request(Method::POST, path).header("content-type", media);
        let answer = answered(request.body(reqwest::Body::wrap_stream(chunks))).await;
        bar.finish_and_clear();
        answer
    }

    /// Ends the server if it was started for this command.
    pub async fn close(mut self) {
        if let Some(own) = self.own.take() {
            let _ = tokio::task::spawn_blocking(move || own.stop()).await;
        }
    }
}

/// Drawn on a terminal only; anywhere else it stays silent.
fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}");
    let bar = ProgressBar::new(length);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

pub(super) async fn answered(request: RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await.context("the depot can't be reached")?;
    let status = response.status();
    let body = response.bytes().await.context("the depot's answer broke off")?;
    if status.is_success() {
        return Ok(if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).context("the depot's answer is not JSON")?
        });
    }
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail =
        problem["detail"].as_str().map_or_else(|| String::from_utf8_lossy(&body).into_owned(), str::to_owned);
    Err(Refused { status: status.as_u16(), detail }.into())
}

/// `text` as part of a path or query.
#[must_use]
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_as_something_else_is_encoded() {
        assert_eq!(encoded("a&b=c/é ~"), "a%26b%3Dc%2F%C3%A9%20~");
    }

    #[tokio::test]
    async fn a_file_left_behind_by_a_killed_server_counts_as_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Control::fresh(gone).unwrap().write(dir.path()).unwrap();
        assert!(Depot::running(dir.path()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_server_that_is_there_and_silent_does_not_count_as_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Control::fresh(silent.local_addr().unwrap()).unwrap().write(dir.path()).unwrap();
        let answer = Depot::answering(dir.path(), Duration::from_millis(50)).await;
        assert!(answer.is_err_and(|why| why.to_string().contains("does not answer")));
    }
}
