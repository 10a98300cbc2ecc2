//! Asking a carrier over HTTP: only the configured host, no redirects, no addresses of our own network unless that is
//! allowed, and never more bytes or time than is good.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::adapter::Login;
use crate::base::net;
use crate::config::sections::Carriers;

/// Bytes of an answer at the most.
pub const MAX_ANSWER: usize = 8 << 20;
/// Bytes of an address.
pub const MAX_URL: usize = 2_048;

/// Whether a carrier may be at `ip`. What leads to this machine or into its network needs `private`.
#[must_use]
pub fn is_allowed(ip: IpAddr, private: bool) -> bool {
    net::is_public(ip) || (private && net::is_near(ip))
}

/// A carrier's address, checked.
///
/// # Errors
/// What would be right.
pub fn checked(text: &str, private: bool) -> Result<Url, String> {
    let example = "write an address such as https://api.example.com";
    if text.len() > MAX_URL {
        return Err(format!("has {} bytes; at most {MAX_URL} are taken", text.len()));
    }
    let url: Url = text.trim().parse().map_err(|_| example.to_owned())?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(example.into());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must not hold a user, a password or a fragment; credentials are set beside it".into());
    }
    let ip = url.host_str().and_then(|h| h.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    match ip {
        Some(ip) if !is_allowed(ip, private) => Err(not_allowed(ip)),
        _ if url.scheme() == "http" && !private => {
            Err("http would show the credentials to everybody on the way; write https".into())
        }
        _ => Ok(url),
    }
}

fn not_allowed(ip: IpAddr) -> String {
    format!(
        "leads to {ip}, which is no address of a carrier's; carriers.private allows those of this network"
    )
}

/// Resolves names to addresses a carrier may have.
struct Guard {
    private: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let kept: Vec<SocketAddr> =
                found.iter().copied().filter(|a| is_allowed(a.ip(), private)).collect();
            if let (true, Some(first)) = (kept.is_empty(), found.first()) {
                return Err(format!("{} {}", name.as_str(), not_allowed(first.ip())).into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words.
    pub why: String,
    /// For how long it wants to be left alone.
    pub wish: Option<Duration>,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, wish: None }
    }
}

/// Who asks.
#[derive(Clone)]
pub struct Asker {
    client: Client,
    private: bool,
}

impl Asker {
    /// As the settings say.
    ///
    /// # Errors
    /// In words.
    pub fn new(config: &Carriers) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(config.connect_s))
            .timeout(Duration::from_secs(config.answer_s))
            .dns_resolver(Guard { private: config.private })
            .build();
        Ok(Self { client: client.map_err(|e| e.to_string())?, private: config.private })
    }

    /// What is answered at `url`, which must lie below `base`.
    ///
    /// # Errors
    /// When there is no answer, or none that is one.
    pub async fn ask(&self, base: &Url, url: Url, login: Option<(Login, &str)>) -> Result<Vec<u8>, Failure> {
        checked(url.as_str(), self.private)?;
        if url.origin() != base.origin() {
            return Err(format!("{} is not the configured host", url.host_str().unwrap_or_default()).into());
        }
        let mut request = self.client.get(url).header("accept", "application/json, text/plain;q=0.5");
        request = match login {
            Some((Login::BasicUser, secret)) => request.basic_auth(secret, Some("")),
            Some((Login::Bearer, secret)) => request.bearer_auth(secret),
            None => request,
        };
        let mut answer = request.send().await.map_err(|e| words(&e))?;
        let status = answer.status();
        if !status.is_success() {
            let wish = answer.headers().get("retry-after").and_then(|v| v.to_str().ok());
            let wish = wish.and_then(|s| s.parse().ok()).map(Duration::from_secs);
            return Err(Failure { why: format!("it answers {status}"), wish });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| words(&e))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(format!("its answer is larger than the {MAX_ANSWER} bytes that are taken").into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// What an error says, with what lies beneath it: the outermost alone says little and shows the whole address.
fn words(e: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = e;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if e.is_timeout() { "no answer in time".into() } else { deepest.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_a_carrier_is_asked() {
        let allowed = |text: &str, private| checked(text, private).is_ok();
        for good in ["https://api.example.com/v1?x=1", "https://8.8.8.8", "https://[2a00::1]"] {
            assert!(allowed(good, false), "{good}");
        }
        for near in [
            "http://127.0.0.1:8080",
            "https://10.1.2.3",
            "https://192.168.0.1",
            "https://172.16.0.1",
            "https://[::1]",
            "https://[fd00::1]",
            "https://[::ffff:127.0.0.1]",
            "https://100.64.0.1",
            "https://2130706433",
            "https://0x7f.1",
            "http://api.example.com",
            "http://9.9.9.9:81",
        ] {
            assert!(!allowed(near, false) && allowed(near, true), "{near}");
        }
        for never in [
            "https://169.254.169.254/latest",
            "https://0.0.0.0",
            "https://[fe80::1]",
            "https://224.0.0.1",
            "ftp://a.example.com",
            "file:///etc/passwd",
            "https://u:p@a.example.com",
            "https://u@a.example.com",
            "https://a.example.com/#x",
            "a.example.com",
            "",
            "https://255.255.255.255",
        ] {
            assert!(!allowed(never, true), "{never}");
        }
        let long = |n: usize| format!("https://a.example.com/{}", "x".repeat(n - 22));
        assert!(allowed(&long(MAX_URL), false) && !allowed(&long(MAX_URL + 1), false));
    }
}
