//! Carries messages to headquarters over HTTP: packs and unpacks them, shows the token, pins headquarters' authority,
//! counts bytes, and is back at once when the depot stops.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Response, Url};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;

use super::depot::{Link, LinkError};
use super::wire::{self, CONTENT_TYPE, Call, MAX_PACKED, Refusal, WireError};
use crate::base::clock::{Clock, Timestamp};
use crate::jobs::runner::Stop;

/// How long headquarters gets to take a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one exchange of request and answer may take; on a slow line a batch needs its time.
const ANSWER: Duration = Duration::from_secs(120);
/// Servers let go of connections that are not used for some seconds; one that is about to go must not be used.
const IDLE: Duration = Duration::from_secs(3);
/// Bytes of an authority's certificate at the most.
const MAX_AUTHORITY: usize = 64 * 1024;
/// No certificate of ours was made before this moment (2026-01-01): a dead clock counts as this one.
const BUILT: u64 = 1_767_225_600;

/// Headquarters' address, checked: TLS, or this very machine.
///
/// # Errors
/// A sentence on what would be right.
pub fn checked(url: &str) -> Result<Url, String> {
    let url: Url = url.trim().parse().map_err(|_| "write an address such as https://hq.example.com:8443")?;
    let near = url.host_str().is_some_and(|h| {
        let h = h.trim_matches(['[', ']']);
        h == "localhost" || h.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
    });
    match url.scheme() {
        "https" => Ok(url),
        "http" if near => Ok(url),
        "http" => Err("http would show everything to everybody on the way; write https".into()),
        _ => Err("write an address such as https://hq.example.com:8443".into()),
    }
}

/// The fingerprint by which a code names headquarters' authority: half a BLAKE3 hash of its certificate, in hex.
///
/// # Errors
/// When it is no certificate in PEM.
pub fn fingerprint(authority: &[u8]) -> Result<String, String> {
    let der = CertificateDer::from_pem_slice(authority).map_err(|e| format!("no certificate in PEM: {e}"))?;
    let hash = blake3::hash(&der);
    Ok(hash.as_bytes()[..16].iter().map(|b| format!("{b:02x}")).collect())
}

/// Time for certificates' dates: a depot whose clock died still finds headquarters, whose authority is pinned.
#[derive(Debug)]
struct NotBefore {
    clock: Clock,
    floor: Timestamp,
}

impl TimeProvider for NotBefore {
    fn current_time(&self) -> Option<UnixTime> {
        let shown = self.clock.now().max(self.floor).unsigned() / 1000;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(shown.max(BUILT))))
    }
}

/// The runtime of outgoing requests: those who ask are threads that may wait. Dropped from anywhere.
pub struct Courier {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Courier {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Courier {
    /// One thread that carries.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("courier")
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    fn wait<T>(&self, f: impl Future<Output = T>) -> Option<T> {
        self.runtime.as_ref().map(|r| r.block_on(f))
    }

    /// What is read from `url` of an authority whose certificate has this fingerprint, without trusting anybody before.
    ///
    /// # Errors
    /// In words.
    pub fn authority(&self, base: &Url, expected: &str) -> Result<String, String> {
        let client = Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .connect_timeout(CONNECT)
            .timeout(CONNECT)
            .build()
            .map_err(|e| e.to_string())?;
        let url = base.join("/ca.pem").map_err(|e| e.to_string())?;
        let fetch = async {
            let answer = client.get(url).send().await.map_err(|e| words(&e))?;
            if !answer.status().is_success() {
                return Err(format!("{} is answered for its certificate", answer.status()));
            }
            bounded(answer, MAX_AUTHORITY).await
        };
        let pem = self.wait(fetch).unwrap_or_else(|| Err("the depot stops".into()))?;
        if !super::keys::same(fingerprint(&pem)?.as_bytes(), expected.as_bytes()) {
            return Err(
                "whoever answers there is not the headquarters that gave out the code: check the address"
                    .into(),
            );
        }
        String::from_utf8(pem).map_err(|e| e.to_string())
    }
}

/// A client that trusts `authority` alone, or whom the system trusts when there is none.
///
/// # Errors
/// In words.
pub fn client(authority: Option<&str>, clock: &Clock, floor: Timestamp) -> Result<Client, String> {
    let builder = Client::builder().connect_timeout(CONNECT).timeout(ANSWER).pool_idle_timeout(IDLE);
    let Some(pem) = authority else { return builder.build().map_err(|e| e.to_string()) };
    let mut roots = rustls::RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let cert = cert.map_err(|e| format!("headquarters' authority can't be read: {e}"))?;
        roots.add(cert).map_err(|e| format!("headquarters' authority can't be used: {e}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let time = Arc::new(NotBefore { clock: clock.clone(), floor });
    let mut tls = rustls::ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    builder.tls_backend_preconfigured(tls).build().map_err(|e| e.to_string())
}

/// What an error says, with what lies beneath it: the outermost alone says little.
fn words(e: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = e;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if e.is_timeout() { "no answer in time".into() } else { deepest.to_string() }
}

async fn bounded(mut answer: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| words(&e))? {
        if bytes.len() + chunk.len() > most {
            return Err(format!("the answer is larger than the {most} bytes that are taken"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The way to one headquarters for the length of a turn.
pub struct HttpLink<'a> {
    /// Who carries.
    pub courier: &'a Courier,
    /// With what.
    pub client: &'a Client,
    /// Where to.
    pub base: &'a Url,
    /// Ends it early.
    pub stop: &'a Stop,
    /// Bytes of bodies sent.
    pub sent: u64,
    /// Bytes of bodies received.
    pub received: u64,
    /// When headquarters wants to be asked again, as it said last.
    pub retry: Option<Duration>,
}

impl HttpLink<'_> {
    async fn carry(
        &mut self,
        call: Call,
        token: Option<&[u8; 32]>,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, LinkError> {
        let down = |why: String| LinkError::Down(why);
        let url = self.base.join(&format!("/sync/v1/{}", call.name())).map_err(|e| down(e.to_string()))?;
        let mut request = self.client.post(url).header("content-type", CONTENT_TYPE);
        let body = match wire::packed_if_smaller(&body) {
            Some(packed) => {
                request = request.header("content-encoding", "zstd");
                packed
            }
            None if body.len() > MAX_PACKED => {
                return Err(LinkError::Refused(WireError::TooBig { limit: MAX_PACKED }.into()));
            }
            None => body,
        };
        if let Some(token) = token {
            request = request.bearer_auth(URL_SAFE_NO_PAD.encode(token));
        }
        self.sent += body.len() as u64;
        let answer = request.body(body).send().await.map_err(|e| down(words(&e)))?;
        let status = answer.status();
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (media, packed) = (header("content-type"), header("content-encoding").as_deref() == Some("zstd"));
        self.retry = header("retry-after").and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let bytes = bounded(answer, MAX_PACKED).await.map_err(down)?;
        self.received += bytes.len() as u64;
        if media.as_deref() != Some(CONTENT_TYPE) {
            return Err(down(format!("whoever answers there ({status}) is no headquarters: check sync.url")));
        }
        let plain = if packed { wire::unpack(&bytes) } else { Ok(bytes) };
        let plain = plain.map_err(|e| down(e.to_string()))?;
        if status.is_success() {
            return Ok(plain);
        }
        let refusal: Refusal = wire::decode(&plain).map_err(|_| down(format!("{status} is answered")))?;
        if let Some(ms) = refusal.retry_ms {
            self.retry = Some(Duration::from_millis(ms));
        }
        Err(refusal.into())
    }
}

impl Link for HttpLink<'_> {
    fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError> {
        let body = body.to_vec();
        let (courier, stop) = (self.courier, self.stop);
        let carried = courier.wait(async {
            tokio::select! {
                () = stop.stopped() => Err(LinkError::Down("the depot stops".into())),
                answer = self.carry(call, token, body) => answer,
            }
        });
        carried.unwrap_or_else(|| Err(LinkError::Down("the depot stops".into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in
            ["https://hq.example.com", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:9"]
        {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in ["http://hq.example.com", "ftp://hq", "hq.example.com", ""] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dead_clock_counts_as_the_last_known_time() {
        let clock = Clock::hand(Timestamp::ZERO);
        let at = |floor: i64| {
            let floor = Timestamp::from_millis(floor);
            NotBefore { clock: clock.clone(), floor }.current_time().unwrap().as_secs()
        };
        assert_eq!(at(0), BUILT);
        assert_eq!(at(1_800_000_000_000), 1_800_000_000);
    }
}
