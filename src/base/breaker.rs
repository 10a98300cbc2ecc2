//! When something outside that fails is asked again (a carrier, a map server, an SMS gateway): a few failures in a row and
//! it is left alone for a while, then one probe decides. Kept in the store, so that a restart does not ask it anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;

/// The longest it is left alone.
pub const LONGEST: Duration = Duration::from_secs(3_600);

/// What the settings say.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Failures in a row after which it opens.
    pub failures: u32,
    /// How long it stays open at first.
    pub open: Duration,
    /// How long it stays open after a probe that failed; when absent, twice as long as before each time.
    pub probe: Option<Duration>,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Failures in a row.
    pub failures: u32,
    /// How often it opened since the last success.
    pub opened: u32,
    /// Until when nothing is asked.
    pub until: Option<Timestamp>,
}

/// Whether it may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Closed,
    /// Once, to see whether it is back.
    HalfOpen,
    /// Not before that moment.
    Open(Timestamp),
}

impl Standing {
    /// Its name and, while it is open, until when.
    #[must_use]
    pub const fn words(self) -> (&'static str, Option<Timestamp>) {
        match self {
            Self::Closed => ("closed", None),
            Self::HalfOpen => ("half_open", None),
            Self::Open(until) => ("open", Some(until)),
        }
    }
}

impl Breaker {
    /// Whether it may be asked at `now`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.until {
            None => Standing::Closed,
            Some(until) if now >= until => Standing::HalfOpen,
            Some(until) => Standing::Open(until),
        }
    }

    /// The one probe is on its way, for `patience` at the most: until then nobody else asks.
    #[must_use]
    pub fn probing(self, now: Timestamp, patience: Duration) -> Self {
        Self { until: Some(now.after(patience)), ..self }
    }

    /// It answered.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self::default()
    }

    /// It failed at `now`; `wish` is how long it wants to be left alone, if it said so.
    #[must_use]
    pub fn failed(self, now: Timestamp, terms: Terms, wish: Option<Duration>) -> Self {
        let failures = self.failures.saturating_add(1);
        // A probe that fails opens it at once.
        if failures < terms.failures && self.opened == 0 && wish.is_none() {
            return Self { failures, ..self };
        }
        let open = match terms.probe.filter(|_| self.opened > 0) {
            Some(probe) => probe,
            None => terms.open.saturating_mul(1 << self.opened.min(12)),
        };
        let open = open.max(wish.unwrap_or_default());
        let until = Some(now.after(open.min(LONGEST)));
        Self { failures, opened: self.opened.saturating_add(1), until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { failures: 3, open: Duration::from_secs(60), probe: None };

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_a_probe_decides() {
        let fail = |b: Breaker, s| b.failed(at(s), TERMS, None);
        let two = fail(fail(Breaker::default(), 0), 1);
        assert_eq!(two.standing(at(2)), Standing::Closed);
        assert_eq!(fail(two.succeeded(), 3).standing(at(3)), Standing::Closed, "not in a row");
        let open = fail(two, 2);
        assert_eq!(open.standing(at(61)), Standing::Open(at(62)));
        assert_eq!(open.standing(at(62)), Standing::HalfOpen);
        let again = fail(open, 62);
        assert_eq!(again.standing(at(62)), Standing::Open(at(182)), "twice as long");
        assert_eq!(again.succeeded().standing(at(62)), Standing::Closed);
        let mut long = again;
        for _ in 0..40 {
            long = fail(long, 0);
        }
        assert_eq!(long.until, Some(at(3_600)));
        let every_ten = Terms { probe: Some(Duration::from_secs(10)), ..TERMS };
        let probed = open.failed(at(62), every_ten, None).failed(at(72), every_ten, None);
        assert_eq!(probed.standing(at(72)), Standing::Open(at(82)), "probed every ten seconds");
        let asking = open.probing(at(62), Duration::from_secs(5));
        assert_eq!(
            (asking.standing(at(62)), asking.opened),
            (Standing::Open(at(67)), 1),
            "one probe at a time"
        );
        let wished = Breaker::default().failed(at(0), TERMS, Some(Duration::from_secs(90)));
        assert_eq!(wished.standing(at(0)), Standing::Open(at(90)));
    }
}
