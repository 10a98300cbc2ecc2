//! How often one caller may ask: by credential and by address, each with a rate and a burst. Callers are counted in a
//! fixed number of slots, so that made-up credentials cost no memory.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::sections::Limits;

/// Slots callers are counted in; two that share one share its allowance, which a depot's few hundred rarely do.
pub const SLOTS: u64 = 1 << 16;

/// Why a request has to wait, as the answer's headers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Which limit: `user` or `address`.
    pub policy: &'static str,
    /// Requests at once.
    pub burst: u32,
    /// Requests a second.
    pub per_s: u32,
    /// Seconds until the next one is taken.
    pub after_s: u32,
}

impl Wait {
    /// The `RateLimit-Policy` field: so many in the time it takes to fill up again.
    #[must_use]
    pub fn policy_field(&self) -> String {
        format!("\"{}\";q={};w={}", self.policy, self.burst, self.burst.div_ceil(self.per_s.max(1)).max(1))
    }

    /// The `RateLimit` field.
    #[must_use]
    pub fn limit_field(&self) -> String {
        format!("\"{}\";r=0;t={}", self.policy, self.after_s)
    }
}

struct Rate {
    policy: &'static str,
    burst: u32,
    per_s: u32,
    limiter: DefaultKeyedRateLimiter<u64>,
    clock: DefaultClock,
}

impl Rate {
    /// None when the rate is 0, which switches it off.
    fn new(policy: &'static str, per_s: u32, burst: u32) -> Option<Self> {
        let quota = Quota::per_second(NonZeroU32::new(per_s)?).allow_burst(NonZeroU32::new(burst)?);
        let limiter = RateLimiter::dashmap(quota);
        Some(Self { policy, burst, per_s, limiter, clock: DefaultClock::default() })
    }

    fn take(&self, slot: u64) -> Result<(), Wait> {
        self.limiter.check_key(&slot).map_err(|not_until| {
            let wait: Duration = not_until.wait_time_from(self.clock.now());
            let after_s = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
            Wait { policy: self.policy, burst: self.burst, per_s: self.per_s, after_s }
        })
    }
}

/// The limits of one server.
pub struct Throttle {
    user: Option<Rate>,
    address: Option<Rate>,
    hasher: RandomState,
}

impl Throttle {
    /// As the settings say.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            user: Rate::new("user", limits.user_per_s, limits.user_burst),
            address: Rate::new("address", limits.address_per_s, limits.address_burst),
            hasher: RandomState::new(),
        }
    }

    /// Whether any limit is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.user.is_some() || self.address.is_some()
    }

    /// Takes one request of the caller with this credential and address.
    ///
    /// # Errors
    /// [`Wait`] when it has asked too often.
    pub fn take(&self, credential: Option<&[u8]>, address: Option<IpAddr>) -> Result<(), Wait> {
        if let (Some(rate), Some(address)) = (&self.address, address) {
            rate.take(self.slot(address))?;
        }
        if let (Some(rate), Some(credential)) = (&self.user, credential) {
            rate.take(self.slot(credential))?;
        }
        Ok(())
    }

    fn slot(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of) % SLOTS
    }

    /// Forgets who has not asked for a while.
    pub fn tidy(&self) {
        for rate in [&self.user, &self.address].into_iter().flatten() {
            rate.limiter.retain_recent();
        }
    }
}

/// The proxies whose word on the sender's address is believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<(IpAddr, u8)>);

impl Proxies {
    /// From addresses and networks as the settings write them; what can't be read was refused when they were loaded.
    #[must_use]
    pub fn new(networks: &[String]) -> Self {
        let read = |text: &String| {
            let (address, bits) = text.split_once('/').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
            let address: IpAddr = address.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            Some((address, bits.map_or(Some(most), |b| b.parse().ok())?))
        };
        Self(networks.iter().filter_map(read).collect())
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| match (network.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(n), IpAddr::V4(a)) => {
                same(u128::from(n.to_bits()) << 96, u128::from(a.to_bits()) << 96, *bits)
            }
            (IpAddr::V6(n), IpAddr::V6(a)) => same(n.to_bits(), a.to_bits(), *bits),
            _ => false,
        })
    }

    /// Who sent it: the peer, or, as long as the word comes from a proxy of ours, the one before it in `forwarded`
    /// (`X-Forwarded-For`, nearest last).
    #[must_use]
    pub fn sender(&self, peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
        let mut at = peer;
        for hop in forwarded.into_iter().flat_map(|f| f.rsplit(',')) {
            if !self.believes(at) {
                break;
            }
            let Ok(before) = hop.trim().parse() else { break };
            at = before;
        }
        at
    }
}

fn same(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - u32::from(bits.min(128))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(user: u32, address: u32) -> Throttle {
        let limits = Limits {
            user_per_s: user,
            user_burst: 3,
            address_per_s: address,
            address_burst: 2,
            ..Limits::default()
        };
        Throttle::new(&limits)
    }

    #[test]
    fn one_past_the_burst_waits_and_is_told_how_long() {
        let t = throttle(1, 0);
        for _ in 0..3 {
            t.take(Some(b"key"), None).unwrap();
        }
        let wait = t.take(Some(b"key"), None).unwrap_err();
        assert_eq!((wait.policy, wait.after_s), ("user", 1));
        assert_eq!(wait.policy_field(), "\"user\";q=3;w=3");
        assert_eq!(wait.limit_field(), "\"user\";r=0;t=1");
        assert!(t.take(None, None).is_ok());
    }

    #[test]
    fn one_address_is_counted_over_all_its_credentials() {
        let (t, here) = (throttle(0, 1), "10.0.0.9".parse().ok());
        assert!(t.take(Some(b"a"), here).is_ok() && t.take(Some(b"b"), here).is_ok());
        assert_eq!(t.take(Some(b"c"), here).unwrap_err().policy, "address");
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let t = throttle(0, 0);
        assert!(!t.is_on() && (0..100).all(|_| t.take(Some(b"a"), None).is_ok()));
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let p = Proxies::new(&["10.0.0.0/8".into(), "fd00::1".into()]);
        let ip = |s: &str| s.parse::<IpAddr>().unwrap();
        assert_eq!(p.sender(ip("10.1.2.3"), Some("203.0.113.7")), ip("203.0.113.7"));
        assert_eq!(p.sender(ip("fd00::1"), Some("203.0.113.7, 10.4.4.4")), ip("203.0.113.7"));
        assert_eq!(
            p.sender(ip("10.1.2.3"), Some("1.1.1.1, 203.0.113.7")),
            ip("203.0.113.7"),
            "beyond our proxies anybody can write"
        );
        assert_eq!(p.sender(ip("192.168.0.1"), Some("203.0.113.7")), ip("192.168.0.1"));
        assert_eq!(p.sender(ip("10.1.2.3"), Some("nonsense")), ip("10.1.2.3"));
        assert_eq!(p.sender(ip("10.1.2.3"), None), ip("10.1.2.3"));
    }
}
