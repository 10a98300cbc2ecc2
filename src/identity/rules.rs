//! Who may try to log in again and when, and what a person may do once overrides are counted. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::features::{Features, index_of};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;

/// Failed logins that cost nothing: everybody mistypes.
pub const FREE_FAILURES: u32 = 5;
/// The wait after the last free failure; it doubles with each further one.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait, and the time of quiet after which one failure is forgotten.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// The failure at which the wait has reached [`LONGEST_WAIT`]; more are not counted.
const MAX_FAILURES: u32 = FREE_FAILURES + 10;
/// Overrides one user can have.
pub const MAX_OVERRIDES: usize = 64;

/// How often logins to one account, or from one address, failed of late.
///
/// Ask [`Throttle::wait`] before the password is looked at, with the account's and the address's state; record the
/// failure in both. A success clears the account's alone: with one account of their own nobody may clear an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    failures: u32,
    last: Timestamp,
}

impl Throttle {
    /// How long to wait before the next try, if at all. A clock that was set back to before the last failure (a
    /// depot whose battery died) locks nobody out.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let delay = self.delay();
        let passed = now.since(self.last);
        (now >= self.last && passed < delay).then(|| delay - passed)
    }

    /// Counts a failure at `now`.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = (self.remembered(now) + 1).min(MAX_FAILURES);
        self.last = now;
    }

    /// Takes one failure back: the attempt that was counted before its password was looked at was right after all.
    pub fn undo(&mut self) {
        self.failures = self.failures.saturating_sub(1);
    }

    /// Forgets everything, after a login that succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Whether all is forgotten, so that the state need not be kept.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.remembered(now) == 0
    }

    /// When all will be forgotten.
    #[must_use]
    pub fn idle_at(&self) -> Timestamp {
        self.last.after(LONGEST_WAIT * self.failures)
    }

    fn delay(&self) -> Duration {
        match self.failures.checked_sub(FREE_FAILURES) {
            Some(beyond) => {
                FIRST_WAIT.saturating_mul(1 << beyond.min(MAX_FAILURES - FREE_FAILURES)).min(LONGEST_WAIT)
            }
            None => Duration::ZERO,
        }
    }

    fn remembered(&self, now: Timestamp) -> u32 {
        let forgotten = now.since(self.last).as_millis() / LONGEST_WAIT.as_millis();
        self.failures.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}

/// One exception from a user's role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Override {
    /// The feature's name.
    pub feature: String,
    /// `true` gives it, `false` takes it away.
    pub grant: bool,
    /// Why; shown in the permission matrix and the audit log.
    pub reason: String,
    /// The first moment at which it no longer counts; absent for one without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Override {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What somebody with `role` may do at `now`. Of a grant and a denial of the same feature the denial wins, whichever
/// comes first; a feature this release does not know counts for nothing.
#[must_use]
pub fn effective(role: &Features, overrides: &[Override], now: Timestamp) -> Features {
    let named = |grant: bool| {
        let live = overrides.iter().filter(move |o| o.grant == grant && o.is_live(now));
        Features::from_names(live.map(|o| o.feature.as_str()))
    };
    role.union(&named(true)).minus(&named(false))
}

/// Checks the overrides a user is about to get at `now`.
///
/// # Errors
/// Names every one with an unknown feature, without a reason, already over, or said twice; and too many of them.
pub fn check_overrides(overrides: &[Override], now: Timestamp) -> Result<(), Invalid> {
    if overrides.len() > MAX_OVERRIDES {
        let got = overrides.len();
        return Err(Invalid::at(
            "/overrides",
            format!("at most {MAX_OVERRIDES} are kept, got {got}: make a role of it"),
        ));
    }
    let mut wrong = Vec::new();
    for (n, Override { feature, grant: _, reason, until: _ }) in overrides.iter().enumerate() {
        let at = |field: &str| format!("/overrides/{n}/{field}");
        if index_of(feature).is_none() {
            wrong.push(Problem::new(at("feature"), "is no feature; GET /features lists them"));
        }
        if overrides[..n].iter().any(|earlier| earlier.feature == *feature) {
            wrong.push(Problem::new(at("feature"), "is there twice: keep one of them"));
        }
        wrong.extend(text::required(&at("reason"), reason, text::SHORT).err());
        if !overrides[n].is_live(now) {
            wrong.push(Problem::new(at("until"), "is already over: choose a later time or leave it out"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Fault;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    const NOON: i64 = 1_800_000_000_000;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(NOON).after(Duration::from_secs(s))
    }

    fn over(feature: &str, grant: bool, until: Option<Timestamp>) -> Override {
        Override { feature: feature.into(), grant, reason: "holiday cover".into(), until }
    }

    #[test]
    fn the_sixth_try_waits_and_each_further_wait_doubles_up_to_a_quarter_of_an_hour() {
        let mut throttle = Throttle::default();
        for _ in 1..FREE_FAILURES {
            throttle.failed(at(0));
            assert_eq!(throttle.wait(at(0)), None);
        }
        let mut waits = Vec::new();
        for _ in 0..13 {
            throttle.failed(at(0));
            waits.push(throttle.wait(at(0)).unwrap().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(throttle.wait(at(899)), Some(Duration::from_secs(1)));
        assert_eq!(throttle.wait(at(900)), None);
    }

    #[test]
    fn quiet_is_rewarded_and_success_forgives_all() {
        let mut throttle = Throttle::default();
        (0..6).for_each(|_| throttle.failed(at(0)));
        assert_eq!(throttle.idle_at(), at(6 * 900));
        assert!(!throttle.is_idle(at(6 * 900 - 1)) && throttle.is_idle(at(6 * 900)));
        throttle.failed(at(2 * 900));
        assert_eq!(
            throttle.wait(at(2 * 900)),
            Some(FIRST_WAIT),
            "two of six are forgotten, the new one is the fifth"
        );
        throttle.succeeded();
        assert!(throttle.is_idle(at(0)) && throttle.wait(at(0)).is_none());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut throttle = Throttle::default();
        (0..20).for_each(|_| throttle.failed(at(10)));
        assert_eq!(throttle.wait(at(9)), None);
        throttle.failed(at(0));
        assert_eq!(throttle.wait(at(0)), Some(LONGEST_WAIT));
    }

    #[test]
    fn a_denial_wins_and_an_override_ends_on_time() {
        let role = Features::from_names(["parcels.view", "parcels.scan"]);
        let given = [
            over("parcels.force", true, Some(at(10))),
            over("parcels.scan", false, None),
            over("parcels.scan", true, None),
            over("drones.fly", true, None),
        ];
        let names = |now| effective(&role, &given, now).names().collect::<Vec<_>>();
        assert_eq!(names(at(9)), ["parcels.view", "parcels.force"]);
        assert_eq!(names(at(10)), ["parcels.view"]);
    }

    #[test]
    fn overrides_are_named_with_what_is_wrong_with_them() {
        let mut blank = over("parcels.scan", true, Some(at(0)));
        blank.reason = " ".into();
        let list = [over("parcels.scan", true, None), blank, over("drones.fly", false, None)];
        let pointers: Vec<_> =
            check_overrides(&list, at(0)).unwrap_err().fields().into_iter().map(|p| p.pointer).collect();
        let expected =
            ["/overrides/1/feature", "/overrides/1/reason", "/overrides/1/until", "/overrides/2/feature"];
        assert_eq!(pointers, expected);
        let all: Vec<_> = super::super::features::ALL.iter().map(|f| over(f.name, true, None)).collect();
        assert!(check_overrides(&all[..MAX_OVERRIDES], at(0)).is_ok());
        assert!(check_overrides(&all[..=MAX_OVERRIDES], at(0)).is_err());
    }

    proptest! {
        #[test]
        fn no_history_waits_longer_than_the_longest_wait(gaps in proptest::collection::vec(0..4000_u64, 0..40)) {
            let (mut throttle, mut now) = (Throttle::default(), 0);
            for gap in gaps {
                now += gap;
                throttle.failed(at(now));
                prop_assert!(throttle.wait(at(now)).is_none_or(|wait| wait <= LONGEST_WAIT));
                prop_assert_eq!(throttle.wait(at(now + 900)), None);
                prop_assert!(throttle.is_idle(throttle.idle_at()));
                let stored = rmp_serde::to_vec_named(&throttle).unwrap();
                prop_assert_eq!(rmp_serde::from_slice::<Throttle>(&stored).unwrap(), throttle);
            }
        }
    }
}
