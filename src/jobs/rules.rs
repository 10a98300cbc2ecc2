//! How a job lives: its states, and how long it waits after a failure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest wait between two attempts: an outage that ends is noticed within the hour.
pub const LONGEST_DELAY: Duration = Duration::from_secs(3_600);

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its time, or for its next attempt.
    Scheduled,
    /// A worker has it.
    Running,
    /// It did its work.
    Done,
    /// It failed for good; a person may requeue it.
    Dead,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::Running, Self::Done, Self::Dead];

    /// Our name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The name other job systems use: `pending`, `running`, `completed`, `failed`. Read as well as ours.
    #[must_use]
    pub fn alias(self) -> &'static str {
        match self {
            Self::Scheduled => "pending",
            Self::Running => "running",
            Self::Done => "completed",
            Self::Dead => "failed",
        }
    }

    /// Whether nothing happens to it any more by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Dead)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let is = |state: &Self| s.eq_ignore_ascii_case(state.name()) || s.eq_ignore_ascii_case(state.alias());
        Self::ALL
            .into_iter()
            .find(is)
            .ok_or_else(|| format!("\"{s}\" is not a job's state; it is scheduled, running, done or dead"))
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How long to wait after failed attempt `attempt` (1 is the first):
/// `first_delay * 2^(attempt - 1) * (0.75 + jitter / 2)`, at most `cap`, usually [`LONGEST_DELAY`].
///
/// `jitter` is a random number in 0..1: what failed together doesn't come back together. Anything outside is
/// taken as the nearer end, no number as the middle.
#[must_use]
pub fn next_attempt(first_delay: Duration, attempt: u32, jitter: f64, cap: Duration) -> Duration {
    let jitter = if jitter.is_nan() { 0.5 } else { jitter.clamp(0.0, 1.0) };
    // 2^64 of anything is past the cap, and an f64 can hold it.
    let doublings = i32::try_from(attempt.saturating_sub(1).min(64)).unwrap_or(64);
    let seconds = first_delay.as_secs_f64() * 2f64.powi(doublings) * (0.75 + jitter / 2.0);
    Duration::try_from_secs_f64(seconds).map_or(cap, |d| d.min(cap))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};

    const FIRST: Duration = Duration::from_secs(10);

    #[test]
    fn each_failure_doubles_the_wait_up_to_an_hour() {
        let wait = |n| next_attempt(FIRST, n, 0.5, LONGEST_DELAY).as_secs();
        assert_eq!([1, 2, 3, 4, 9, 10, 40, u32::MAX].map(wait), [10, 20, 40, 80, 2_560, 3_600, 3_600, 3_600]);
        assert_eq!(wait(0), 10);
    }

    #[test]
    fn jitter_moves_the_wait_by_a_quarter_either_way() {
        let wait = |jitter| next_attempt(FIRST, 1, jitter, LONGEST_DELAY).as_millis();
        assert_eq!(
            [0.0, 0.5, 1.0, f64::NAN, -3.0, 9.0].map(wait),
            [7_500, 10_000, 12_500, 10_000, 7_500, 12_500]
        );
    }

    #[test]
    fn a_state_is_read_by_either_name_and_written_by_ours() {
        for state in State::ALL {
            for name in [state.name(), state.alias(), &state.alias().to_uppercase()] {
                assert_eq!(serde_json::from_str::<State>(&format!("\"{name}\"")).unwrap(), state);
            }
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
        assert!("stuck".parse::<State>().unwrap_err().contains("\"stuck\" is not a job's state"));
    }

    proptest! {
        #[test]
        fn a_wait_keeps_to_its_formula_and_its_cap(ms in 0u64..1_000_000, n in any::<u32>(), jitter in any::<f64>(), cap in 0u64..10_000) {
            let (first, cap) = (Duration::from_millis(ms), Duration::from_secs(cap));
            let wait = next_attempt(first, n, jitter, cap);
            prop_assert!(wait <= cap);
            prop_assert!(wait >= (first * 3 / 4).min(cap));
            prop_assert!(wait <= next_attempt(first, n.saturating_add(1), jitter, cap));
        }
    }
}
