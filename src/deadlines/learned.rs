//! Stale limits learned from what the depot itself has seen: how long parcels stayed in a status before they went on, in
//! working hours, by carrier and service. Pure but for the shapes that are stored.
//!
//! A limit is not the sample's quantile but the upper bound of the quantile at [`CONFIDENCE`]: the least order statistic
//! below which, with that confidence, at least the share lies (S. S. Wilks, "Determination of sample sizes for setting
//! tolerance limits", Ann. Math. Statist. 12, 1941). So a few samples give a generous limit, many the quantile itself, and
//! fewer than [`MIN_SAMPLES`] none at all: with 58 even the longest stay says too little.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::policy::{DEFAULT_STALE_HOURS, MAX_LIMITS, StaleLimit};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::first_record;

/// Percent of the stays that a limit is to let pass when a tenant says nothing else.
pub const SHARE: u32 = 95;
/// The shares a tenant may choose, in percent. Below, half the depot is stale; above, no history is long enough.
pub const SHARES: (u32, u32) = (80, 98);
/// How sure a limit is to let so many pass.
pub const CONFIDENCE: f64 = 0.95;
/// Nothing is learned from fewer stays: the least number from which the longest one is a 95 % limit with 95 % confidence
/// (0.95^59 < 0.05 < 0.95^58; Wilks 1941). A larger share needs more, and then [`rank`] says so.
pub const MIN_SAMPLES: usize = 59;
/// Stays looked at for one limit, the newest: beyond, another one moves nothing.
pub const MAX_SAMPLES: usize = 10_000;
/// A learned limit is never less than the default divided by this, and never less than [`LEAST_HOURS`].
pub const DOWN_TO: u32 = 4;
/// A learned limit is never more than the default times this: a carrier that is always late is no measure.
pub const UP_TO: u32 = 8;
/// No parcel becomes stale sooner, in working hours: nobody looks twice in half a morning.
pub const LEAST_HOURS: u32 = 2;

/// A limit that was learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LearnedLimit {
    /// The status.
    pub status: String,
    /// Of parcels with this carrier; of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Of parcels in this service; of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Working hours.
    pub hours: u32,
    /// What the stays alone said, in working hours, before the bounds.
    pub unbounded_hours: u32,
    /// Half of the stays were shorter, in working hours.
    pub median_hours: u32,
    /// Stays it was learned from.
    pub samples: u32,
    /// When.
    pub learned_at: Timestamp,
}

/// What was learned last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The limits.
    pub limits: Vec<LearnedLimit>,
    /// When; none before the first time.
    #[serde(default)]
    pub at: Option<Timestamp>,
}
first_record!(Learned);

/// What a tenant says of learning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = StaleLearning)]
pub struct Learning {
    /// Whether learned limits are used; they are learned and shown either way.
    pub on: bool,
    /// Percent of the stays that a limit is to let pass, 80 to 98.
    pub share_percent: u32,
    /// Limits that hold whatever is learned.
    pub pinned: Vec<StaleLimit>,
}

impl Default for Learning {
    fn default() -> Self {
        Self { on: true, share_percent: SHARE, pinned: Vec::new() }
    }
}

impl Learning {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names each place that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        if !(SHARES.0..=SHARES.1).contains(&self.share_percent) {
            let said = format!("is {}; it must lie in {}..{}", self.share_percent, SHARES.0, SHARES.1);
            wrong.push(Problem::new("/share_percent", said));
        }
        if self.pinned.len() > MAX_LIMITS {
            let said = format!("has {} limits; at most {MAX_LIMITS} are kept", self.pinned.len());
            wrong.push(Problem::new("/pinned", said));
        }
        for (n, pin) in self.pinned.iter().enumerate() {
            if usual(&pin.status).is_none() {
                let names = DEFAULT_STALE_HOURS.map(|(s, _)| s).join(", ");
                let said = format!("\"{}\" is no status that becomes stale; use one of {names}", pin.status);
                wrong.push(Problem::new(format!("/pinned/{n}/status"), said));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// The default limit of a status in working hours; none for one that does not become stale.
#[must_use]
pub fn usual(status: &str) -> Option<u32> {
    DEFAULT_STALE_HOURS.iter().find(|(s, _)| *s == status).map(|(_, hours)| *hours)
}

/// The least and the most a learned limit of `status` may be, in working hours.
#[must_use]
pub fn bounds(status: &str) -> Option<(u32, u32)> {
    usual(status).map(|hours| ((hours / DOWN_TO).max(LEAST_HOURS), hours * UP_TO))
}

/// Whose stays: status, carrier, service.
type Key = (String, Option<String>, Option<String>);

/// Stays as they are gathered, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Stays {
    by: BTreeMap<Key, Vec<u32>>,
}

impl Stays {
    /// Adds a stay of `minutes` of working time that has ended. It counts for its status, and for its carrier, its service
    /// and both together where they are known.
    pub fn add(&mut self, status: &str, carrier: Option<&str>, service: Option<&str>, minutes: u32) {
        if usual(status).is_none() {
            return;
        }
        let mut keys = vec![(None, None)];
        keys.extend(carrier.map(|c| (Some(c), None)));
        keys.extend(service.map(|s| (None, Some(s))));
        keys.extend(carrier.zip(service).map(|(c, s)| (Some(c), Some(s))));
        for (c, s) in keys {
            let key = (status.to_owned(), c.map(Into::into), s.map(Into::into));
            let known = self.by.len();
            let room = known < MAX_LIMITS || self.by.contains_key(&key);
            if room {
                let stays = self.by.entry(key).or_default();
                if stays.len() < MAX_SAMPLES {
                    stays.push(minutes);
                }
            }
        }
    }

    /// What they teach.
    #[must_use]
    pub fn limits(mut self, share_percent: u32, now: Timestamp) -> Vec<LearnedLimit> {
        let mut learned = Vec::new();
        for ((status, carrier, service), stays) in &mut self.by {
            stays.sort_unstable();
            let Some(unbounded) = limit(stays, share_percent) else { continue };
            let Some((least, most)) = bounds(status) else { continue };
            learned.push(LearnedLimit {
                status: status.clone(),
                carrier: carrier.clone(),
                service: service.clone(),
                hours: unbounded.clamp(least, most),
                unbounded_hours: unbounded,
                median_hours: stays[stays.len() / 2].div_ceil(60),
                samples: u32::try_from(stays.len()).unwrap_or(u32::MAX),
                learned_at: now,
            });
        }
        learned
    }
}

/// The limit that sorted stays (in minutes) teach, in full hours; none when there are too few.
fn limit(sorted: &[u32], share_percent: u32) -> Option<u32> {
    let rank = rank(sorted.len(), share_percent)?;
    sorted.get(rank - 1).map(|minutes| minutes.div_ceil(60))
}

/// Which of `n` sorted stays (from 1) is the limit; none when none is sure enough or there are fewer than
/// [`MIN_SAMPLES`]. It is the least `r` with `P(X >= r) <= 1 - CONFIDENCE` for a binomial `X` of `n` and the share.
#[must_use]
pub fn rank(n: usize, share_percent: u32) -> Option<usize> {
    if !(MIN_SAMPLES..=MAX_SAMPLES).contains(&n) {
        return None;
    }
    let q = f64::from(share_percent) / 100.0;
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    // From the top down: P(X = n), P(X = n - 1) and so on, as long as their sum stays below what may go wrong.
    let (mut term, mut tail, mut r) = (q.powf(count(n)), 0.0, n + 1);
    while r > 1 && tail + term <= 1.0 - CONFIDENCE {
        tail += term;
        r -= 1;
        term *= count(r) / count(n - r + 1) * (1.0 - q) / q;
    }
    (r <= n).then_some(r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ranks_are_those_of_the_published_tables() {
        // Sample sizes at which the k-th largest is a 95/95 limit: 59, 93, 124, 153, 181.
        for (largest, n) in [59, 93, 124, 153, 181].into_iter().enumerate() {
            assert_eq!(rank(n, 95), Some(n - largest), "{n}");
            if largest > 0 {
                assert_eq!(rank(n - 1, 95), Some(n - largest), "{n}");
            }
        }
        assert_eq!(rank(MIN_SAMPLES - 1, 95), None);
        assert_eq!(rank(MAX_SAMPLES + 1, 95), None);
        // Nearly 150 are needed for 98 %.
        assert_eq!((rank(148, 98), rank(149, 98)), (None, Some(149)));
        assert!(rank(MAX_SAMPLES, 95).is_some_and(|r| (9_500..9_550).contains(&r)));
    }

    fn of(n: u32, minutes: impl Fn(u32) -> u32) -> Vec<LearnedLimit> {
        let mut stays = Stays::default();
        (0..n).for_each(|i| stays.add("in_transit", Some("dpd"), None, minutes(i)));
        stays.limits(SHARE, Timestamp::ZERO)
    }

    #[test]
    fn one_stay_too_few_teaches_nothing_and_bounds_hold() {
        assert!(of(58, |_| 60).is_empty());
        let learned = of(59, |i| i * 60);
        assert_eq!(learned.len(), 2, "for the status, and for the carrier");
        assert_eq!((learned[0].hours, learned[0].median_hours, learned[0].samples), (58, 29, 59));
        let (least, most) = bounds("in_transit").unwrap();
        assert_eq!((least, most), (6, 192));
        assert_eq!(of(100, |_| 1)[0].hours, least);
        let slow = &of(100, |_| 60 * 1_000)[0];
        assert_eq!((slow.hours, slow.unbounded_hours), (most, 1_000));
        assert_eq!(bounds("delivered"), None);
    }

    #[test]
    fn so_many_stays_and_keys_are_kept_and_no_more() {
        let mut stays = Stays::default();
        (0..=MAX_SAMPLES).for_each(|_| stays.add("in_transit", None, None, 60));
        assert_eq!(stays.clone().limits(SHARE, Timestamp::ZERO)[0].samples as usize, MAX_SAMPLES);
        (0..=MAX_LIMITS).for_each(|n| stays.add("at_depot", Some(&n.to_string()), None, 60));
        assert_eq!(stays.by.len(), MAX_LIMITS);
    }

    #[test]
    fn what_a_tenant_says_is_checked() {
        assert!(Learning::default().check().is_ok());
        for share_percent in [SHARES.0 - 1, SHARES.1 + 1] {
            let wrong = Learning { share_percent, ..Learning::default() }.check().unwrap_err();
            assert_eq!(wrong.0[0].pointer, "/share_percent");
        }
        let pin = |status: &str| StaleLimit { status: status.into(), carrier: None, service: None, hours: 3 };
        let wrong = Learning { pinned: vec![pin("delivered")], ..Learning::default() }.check().unwrap_err();
        assert_eq!(wrong.0[0].pointer, "/pinned/0/status");
        let full = Learning { pinned: vec![pin("customs"); MAX_LIMITS], ..Learning::default() };
        assert!(full.check().is_ok());
        let over = Learning { pinned: vec![pin("customs"); MAX_LIMITS + 1], ..Learning::default() };
        assert_eq!(over.check().unwrap_err().0[0].pointer, "/pinned");
    }

    proptest! {
        #[test]
        fn a_limit_lies_within_its_bounds_and_lets_its_share_pass(
            mut stays in proptest::collection::vec(0_u32..2_000_000, 59..400), share in SHARES.0..=SHARES.1,
        ) {
            let mut gathered = Stays::default();
            stays.iter().for_each(|m| gathered.add("customs", None, None, *m));
            let learned = gathered.limits(share, Timestamp::ZERO);
            let (least, most) = bounds("customs").unwrap();
            prop_assert!(learned.iter().all(|l| (least..=most).contains(&l.hours)));
            stays.sort_unstable();
            if let Some(l) = learned.first() {
                let passed = stays.iter().filter(|m| m.div_ceil(60) <= l.unbounded_hours).count();
                prop_assert!(passed * 100 >= stays.len() * share as usize);
            } else {
                prop_assert!(share > 95);
            }
        }
    }
}
