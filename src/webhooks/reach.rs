//! Which addresses a message may go to. The address is judged when the connection is made, not when the name was
//! written down: a name that leads somewhere else tomorrow gains nothing, and neither does a redirect, for none is followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

/// Seconds one attempt may take.
pub const ATTEMPT: Duration = Duration::from_secs(15);

/// Whether an address lies in the open internet.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || a == 100 && b & 0xc0 == 64 // shared by carriers
        || (a, b, c) == (192, 0, 0)
        || (a, b) == (198, 18)
        || (a, b) == (198, 19))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // An address of the old kind in the new kind's clothes is what it is underneath.
    if let Some(v4) = ip.to_ipv4_mapped().or_else(|| embedded(ip)) {
        return is_public_v4(v4);
    }
    let first = ip.segments()[0];
    // 2000::/3 is what was given out; documentation and tunnels in it are nobody's door.
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && ip.segments()[1] == 0x0db8)
        && !(first == 0x2001 && ip.segments()[1] == 0)
}

/// The address that 6to4 and the well-known translation prefix carry inside.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let of = |a: u16, b: u16| {
        let ([w, x], [y, z]) = (a.to_be_bytes(), b.to_be_bytes());
        Ipv4Addr::new(w, x, y, z)
    };
    match s {
        [0x2002, a, b, ..] => Some(of(a, b)),
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(of(a, b)),
        [0, 0, 0, 0, 0, 0, a, b] => Some(of(a, b)),
        _ => None,
    }
}

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

/// Finds addresses of names and keeps only those that may be reached.
struct Judge(Allowed);

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let reachable: Vec<SocketAddr> =
                found.filter(|a| allowed.names(&host) || is_public(a.ip())).collect();
            if reachable.is_empty() {
                let why = format!("{host} leads to no address in the open internet");
                return Err(Box::<dyn std::error::Error + Send + Sync>::from(why));
            }
            let addresses: Addrs = Box::new(reachable.into_iter());
            Ok(addresses)
        })
    }
}

/// A client that reaches what may be reached and follows nobody.
///
/// # Errors
/// When it can't be made.
pub fn client(allowed: &Allowed) -> Result<Client, String> {
    // A second installation is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ATTEMPT)
        .user_agent(concat!("crossdock/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Judge(allowed.clone())))
        .build()
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "100.127.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "2002:7f00:1::",
            "64:ff9b::a00:1",
            "::127.0.0.1",
            "2001:db8::1",
            "240.0.0.1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "100.128.0.1", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

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
    async fn a_name_that_leads_inside_is_not_reached_and_neither_is_what_is_written_as_an_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let refused = client(&Allowed::default()).unwrap();
        let url = format!("http://localhost:{port}/");
        assert!(refused.post(&url).send().await.is_err());
        assert!(listener.accept().is_err(), "nobody knocked");
        let open = client(&Allowed::new(&["localhost".into()])).unwrap();
        let knock = tokio::spawn(async move { open.post(&url).timeout(Duration::from_secs(2)).send().await });
        tokio::task::yield_now().await;
        let _ = knock.await;
        assert!(listener.accept().is_ok(), "a named host is reached");
    }
}
