//! When the next exchange is due: the period, the hours of a link that costs, its bytes, and the pause after a failure.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::base::clock::Timestamp;

/// What is new goes at once, but not more often than this.
pub const REST: Duration = Duration::from_secs(1);
/// The longest pause after failures; there is no end to retrying.
pub const LONGEST: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Hours of the day, from the first to the second, over midnight when the second comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
}

impl Window {
    /// Reads `22:00-05:00`; none when it is not of that form or both are the same.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let time = |t: &str| {
            let (h, m) = t.trim().split_once(':')?;
            Time::new(h.parse().ok()?, m.parse().ok()?, 0, 0).ok()
        };
        let window = Self { from: time(from)?, to: time(to)? };
        (window.from != window.to).then_some(window)
    }

    /// When it is open next: `now` when it is open.
    #[must_use]
    pub fn opens(&self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let local = now.civil(zone);
        let at = local.time();
        let open = if self.from < self.to {
            at >= self.from && at < self.to
        } else {
            at >= self.from || at < self.to
        };
        if open {
            return now;
        }
        let mut day = local.date();
        if at >= self.from {
            day = day.tomorrow().unwrap_or(day);
        }
        Timestamp::from_civil(day.to_datetime(self.from), zone).unwrap_or(now)
    }
}

/// Where one depot's exchange stands in time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the last turn ended well.
    last: Option<Timestamp>,
    /// Turns that failed since.
    failures: u32,
    /// Not before this, after a failure or by headquarters' wish.
    not_before: Timestamp,
    /// Bytes of the present hour, and when it began.
    hour: (Timestamp, u64),
}

/// What the settings say.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The period.
    pub every: Duration,
    /// The hours.
    pub window: Option<Window>,
    /// The zone they are meant in.
    pub zone: TimeZone,
    /// Bytes of an hour; 0 for any number.
    pub bytes: u64,
}

impl Pace {
    /// When the next turn is due, with something to be sent or without.
    #[must_use]
    pub fn due(&self, now: Timestamp, unsent: bool, terms: &Terms) -> Timestamp {
        let wait = if unsent { REST } else { terms.every };
        let mut at = self.last.map_or(now, |last| {
            // A clock that was set back must not stop the exchange.
            if last > now { now } else { last.after(wait) }
        });
        at = at.max(self.not_before.min(now.after(LONGEST.max(HOUR * 24))));
        if terms.bytes > 0 && now.since(self.hour.0) < HOUR && self.hour.1 >= terms.bytes {
            at = at.max(self.hour.0.after(HOUR));
        }
        match terms.window {
            Some(window) => window.opens(at.max(now), &terms.zone).max(at),
            None => at,
        }
    }

    /// Bytes that are left of this hour.
    #[must_use]
    pub fn left(&self, now: Timestamp, terms: &Terms) -> u64 {
        match terms.bytes {
            0 => u64::MAX,
            most if now.since(self.hour.0) >= HOUR => most,
            most => most.saturating_sub(self.hour.1).max(1),
        }
    }

    /// Notes bytes that went either way.
    pub fn spent(&mut self, now: Timestamp, bytes: u64) {
        if now.since(self.hour.0) >= HOUR || self.hour.0 > now {
            self.hour = (now, 0);
        }
        self.hour.1 += bytes;
    }

    /// A turn ended well.
    pub fn went_well(&mut self, now: Timestamp) {
        (self.last, self.failures, self.not_before) = (Some(now), 0, Timestamp::ZERO);
    }

    /// A turn failed: the pause is a random part of a limit that doubles. What headquarters asks for comes before it.
    /// `dice` is from 0 to 1.
    pub fn failed(&mut self, now: Timestamp, wish: Option<Duration>, dice: f64) {
        let limit = LONGEST.min(Duration::from_secs(1 << self.failures.min(6)));
        self.failures = self.failures.saturating_add(1);
        let pause = limit.mul_f64(dice.clamp(0.0, 1.0)).max(Duration::from_millis(100));
        self.not_before = now.after(wish.map_or(pause, |w| w.max(pause)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text, &TimeZone::UTC).unwrap()
    }

    fn terms(window: Option<&str>, bytes: u64) -> Terms {
        let window = window.map(|w| Window::read(w).unwrap());
        Terms { every: Duration::from_secs(30), window, zone: TimeZone::UTC, bytes }
    }

    #[test]
    fn a_window_over_midnight_is_open_at_night_and_opens_in_the_evening() {
        let w = Window::read("22:00-05:00").unwrap();
        let open = |t: &str| w.opens(at(t), &TimeZone::UTC);
        assert_eq!(open("2026-05-01T23:00:00Z"), at("2026-05-01T23:00:00Z"));
        assert_eq!(open("2026-05-01T04:59:00Z"), at("2026-05-01T04:59:00Z"));
        assert_eq!(open("2026-05-01T05:00:00Z"), at("2026-05-01T22:00:00Z"));
        let day = Window::read("08:00-10:00").unwrap();
        assert_eq!(day.opens(at("2026-05-01T11:00:00Z"), &TimeZone::UTC), at("2026-05-02T08:00:00Z"));
        for bad in ["", "22-5", "22:00", "25:00-05:00", "10:00-10:00"] {
            assert_eq!(Window::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_new_goes_at_once_and_nothing_new_waits_for_the_period() {
        let (now, t) = (at("2026-05-01T12:00:00Z"), terms(None, 0));
        let mut pace = Pace::default();
        assert_eq!(pace.due(now, false, &t), now);
        pace.went_well(now);
        assert_eq!(pace.due(now, true, &t), now.after(REST));
        assert_eq!(pace.due(now, false, &t), now.after(t.every));
        let earlier = now.before(HOUR);
        assert_eq!(pace.due(earlier, false, &t), earlier, "a clock that was set back");
    }

    #[test]
    fn failures_pause_longer_up_to_a_minute_and_for_ever() {
        let (now, t) = (at("2026-05-01T12:00:00Z"), terms(None, 0));
        let mut pace = Pace::default();
        let mut pauses = Vec::new();
        for _ in 0..100 {
            pace.failed(now, None, 1.0);
            pauses.push(pace.due(now, true, &t).since(now).as_secs());
        }
        assert_eq!(pauses[..7], [1, 2, 4, 8, 16, 32, 60]);
        assert_eq!(pauses[99], 60);
        pace.failed(now, Some(Duration::from_secs(300)), 0.5);
        assert_eq!(pace.due(now, true, &t).since(now).as_secs(), 300, "headquarters' wish");
        pace.went_well(now);
        pace.failed(now, None, 0.5);
        assert_eq!(
            pace.due(now, true, &t).since(now).as_millis(),
            1000,
            "behind the rest after the last turn"
        );
    }

    #[test]
    fn an_hours_bytes_are_spent_once() {
        let (now, t) = (at("2026-05-01T12:00:00Z"), terms(None, 1000));
        let mut pace = Pace::default();
        pace.spent(now, 400);
        assert_eq!(pace.left(now, &t), 600);
        pace.spent(now, 600);
        assert_eq!(pace.due(now, true, &t), now.after(HOUR));
        let later = now.after(HOUR);
        assert_eq!((pace.due(later, true, &t), pace.left(later, &t)), (later, 1000));
    }
}
