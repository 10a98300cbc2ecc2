//! Which addresses a message may go to. The address is judged when the connection is made, not when the name was
//! written down: a name that leads somewhere else tomorrow gains nothing, and neither does a redirect, for none is followed.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

use crate::base::net::is_public;
use crate::base::text;

/// How long one attempt may take.
pub const ATTEMPT: Duration = Duration::from_secs(15);
/// Bytes of an address.
pub const MAX_URL: usize = 2_000;

/// Hosts on the local network that may be reached although they are not in the open internet.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Arc<Vec<String>>);

impl Allowed {
    /// Those named in the settings.
    #[must_use]
    pub fn new(hosts: &[String]) -> Self {
        Self(Arc::new(hosts.iter().map(|h| h.trim().to_lowercase()).collect()))
    }

    /// Whether `host` is one of them.
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).to_lowercase();
        self.0.contains(&host)
    }

    /// Checks where somebody wants messages to go.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn check(&self, url: &str) -> Result<Url, String> {
        if url.len() > MAX_URL {
            return Err(format!("has {} bytes; at most {MAX_URL} are taken", url.len()));
        }
        let url: Url = url.parse().map_err(|e| format!("\"{url}\" is no address: {e}"))?;
        let host = url.host_str().unwrap_or_default();
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or password: messages are signed instead".into());
        }
        let named = self.names(host);
        if url.scheme() != "https" && !(named && url.scheme() == "http") {
            return Err(
                "must begin with https://; only hosts named in webhooks.allow_hosts may do without".into()
            );
        }
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if ip.is_some_and(|ip| !is_public(ip)) && !named {
            return Err(format!(
                "{host} is not in the open internet; name it in webhooks.allow_hosts to reach it"
            ));
        }
        Ok(url)
    }
}

/// A name that can't be looked up because nobody who knows names can be reached: the line is cut, not the name wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NobodyToAsk(io::Error);

/// What looking up a name answers when there is nobody to ask: `EAI_AGAIN` in words, and Windows' `WSATRY_AGAIN`.
fn is_nobody_to_ask(e: &io::Error) -> bool {
    e.raw_os_error() == Some(11_002) || e.to_string().to_lowercase().contains("temporary failure")
}

/// Finds addresses of names and keeps only those that may be reached.
struct Judge(Allowed);

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found = found.map_err(|e| -> Box<dyn Error + Send + Sync> {
                if is_nobody_to_ask(&e) { Box::new(NobodyToAsk(e)) } else { Box::new(e) }
            })?;
            let reachable: Vec<SocketAddr> =
                found.filter(|a| allowed.names(&host) || is_public(a.ip())).collect();
            if reachable.is_empty() {
                let why = format!("{host} leads to no address in the open internet");
                return Err(Box::<dyn Error + Send + Sync>::from(why));
            }
            let addresses: Addrs = Box::new(reachable.into_iter());
            Ok(addresses)
        })
    }
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// How many seconds it wants to be left alone.
    pub retry_after_s: Option<u64>,
}

/// Why nothing was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words.
    pub why: String,
    /// Whether this machine itself has no way out, whoever was to be reached.
    pub no_line: bool,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, no_line: false }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(e: reqwest::Error) -> Self {
        fn causes<'a>(e: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
            std::iter::successors(e.source(), |e| (*e).source())
        }
        let no_way = |e: &(dyn Error + 'static)| {
            let io = e.downcast_ref::<io::Error>().map(io::Error::kind);
            let down = matches!(io, Some(ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown));
            down || e.is::<NobodyToAsk>()
        };
        // The outermost alone says little, and repeats the whole address.
        let why = causes(&e).last().map_or_else(|| e.to_string(), ToString::to_string);
        let why = if e.is_timeout() { "no answer in time".into() } else { why };
        Self { no_line: causes(&e).any(no_way), why: text::clipped(why, text::SHORT) }
    }
}

/// Reaches what may be reached, and follows nobody.
pub struct Reach {
    client: Client,
    allowed: Allowed,
}

impl Reach {
    /// One that reaches the open internet and `allowed` hosts.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(allowed: Allowed) -> Result<Self, String> {
        // A second installation is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ATTEMPT)
            .user_agent(concat!("crossdock/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Judge(allowed.clone())))
            .build();
        Ok(Self { client: client.map_err(|e| e.to_string())?, allowed })
    }

    /// Brings a CloudEvent to `url`. What is answered is not read beyond its head.
    ///
    /// # Errors
    /// When there is no answer, or `url` may not be reached.
    pub async fn post(
        &self,
        url: &str,
        headers: [(&'static str, String); 3],
        body: String,
    ) -> Result<Said, Failure> {
        // The settings may have changed since the address was written down.
        let url = self.allowed.check(url)?;
        let mut request = self.client.post(url).header("content-type", "application/cloudevents+json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await?;
        let wish = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.trim().parse().ok());
        Ok(Said { status: answer.status().as_u16(), retry_after_s: wish })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_messages_go_is_checked_when_it_is_written_down_too() {
        let allowed = Allowed::new(&["wms.local".into(), "192.168.1.5".into()]);
        for good in [
            "https://shop.example/hook",
            "http://wms.local:8080/in",
            "http://192.168.1.5/",
            "https://8.8.8.8/x",
        ] {
            assert!(allowed.check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://shop.example/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "ftp://wms.local/",
            "https://user:pw@shop.example/",
            "https://2130706433/",
            "https://0x7f.1/",
            "nonsense",
        ] {
            assert!(allowed.check(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_reached_unless_it_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let headers =
            || [("webhook-id", "1".to_owned()), ("webhook-timestamp", "1".into()), ("x", "1".into())];
        let url = format!("https://localhost:{port}/");
        let refused = Reach::new(Allowed::default()).unwrap().post(&url, headers(), String::new()).await;
        let failure = refused.unwrap_err();
        assert!(!failure.no_line && failure.why.contains("open internet"), "{failure:?}");
        assert!(listener.accept().is_err(), "nobody knocked");
        let open = Reach::new(Allowed::new(&["localhost".into()])).unwrap();
        let url = format!("http://localhost:{port}/");
        let knock = tokio::spawn(async move { open.post(&url, headers(), "{}".into()).await });
        let mut stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        std::io::Write::write_all(
            &mut stream,
            b"HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
        )
        .unwrap();
        let said = knock.await.unwrap().unwrap();
        assert_eq!(said, Said { status: 429, retry_after_s: Some(7) });
    }

    #[test]
    fn a_name_nobody_can_look_up_now_is_told_from_one_that_is_wrong() {
        let said = |text: &str| io::Error::other(format!("failed to lookup address information: {text}"));
        assert!(is_nobody_to_ask(&said("Temporary failure in name resolution")));
        assert!(!is_nobody_to_ask(&said("Name or service not known")));
    }
}
