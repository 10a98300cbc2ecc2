//! Where legs, what was learned from them, and what is foretold of parcels are kept. All of it stays at this node.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::conformal::Calibration;
use super::legs::Leg;
use super::outlook::Outlook;
use super::predictor::LENGTHS;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::config::sections::Retention;
use crate::first_record;
use crate::jobs::retention::{Found, Retained, older};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx};

/// Legs that were driven, in order of arrival.
pub const LEGS: Table<[u8], Leg> = Table::new(215, "eta_legs", Home::Local);
/// What was learned, by name.
const LEARNED: Table<str, Learned> = Table::new(216, "eta_learned", Home::Local);
/// What is foretold of open parcels; those likely to be late in the order of their promises.
pub const OUTLOOKS: Table<Id, Outlook> = Table::new(218, "eta_outlooks", Home::Local).indexed(&[by_promise]);
/// Those likely to be late.
pub const LIKELY_LATE: Ix = Ix::Nth(0);

fn by_promise(o: &Outlook) -> Option<Vec<u8>> {
    o.likely_late_since.map(|_| o.promised_at.unsigned().to_be_bytes().to_vec())
}

/// Something learned, as the learner writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Learned {
    /// Another with each writing, so that who has read it need not again.
    mark: Id,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
}
first_record!(Learned);

/// The names of what is learned.
pub mod names {
    /// Who foretells legs.
    pub const LEGS: &str = "legs";
    /// The mark of it alone.
    pub const LEGS_MARK: &str = "legs/mark";
    /// How the estimates of legs do.
    pub const LEGS_STANDING: &str = "legs/standing";
    /// Who foretells parcels.
    pub const PARCELS: &str = "parcels";
    /// How the outlooks of parcels do.
    pub const PARCELS_STANDING: &str = "parcels/standing";
}

/// What was kept under `name`.
///
/// # Errors
/// Storage failures, and when another release wrote it so that it can't be read.
pub fn kept<T: DeserializeOwned>(tx: &dyn ReadTx, name: &str) -> Result<Option<T>> {
    let Some(row) = LEARNED.get(tx, name)? else { return Ok(None) };
    let read = rmp_serde::from_slice(&row.body);
    read.map(Some).map_err(|e| StoreError::Codec { what: "eta_learned", why: e.to_string() })
}

/// Keeps `value` under `name`.
///
/// # Errors
/// Storage failures.
pub fn keep<T: Serialize>(tx: &mut dyn WriteTx, name: &str, value: &T) -> Result<()> {
    let body = rmp_serde::to_vec_named(value)
        .map_err(|e| StoreError::Codec { what: "eta_learned", why: e.to_string() })?;
    LEARNED.put(tx, name, &Learned { mark: Id::fresh(), body }).map(drop)
}

/// The mark of what is kept under `name`.
///
/// # Errors
/// Storage failures.
pub fn mark(tx: &dyn ReadTx, name: &str) -> Result<Option<Id>> {
    Ok(LEARNED.get(tx, name)?.map(|row| row.mark))
}

/// How many outcomes a day were within what was foretold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Days since 1970.
    pub day: i64,
    /// Outcomes.
    pub n: u32,
    /// Those that were as foretold.
    pub hits: u32,
}

/// Outcomes of the last days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days(VecDeque<Day>);

const DAY_MS: i64 = 24 * 3_600_000;
/// Days that count as last week.
const WEEK: i64 = 7;

impl Days {
    /// Takes in an outcome.
    pub fn add(&mut self, at: Timestamp, hit: bool) {
        let day = at.millis().div_euclid(DAY_MS);
        match self.0.iter_mut().find(|d| d.day == day) {
            Some(known) => {
                known.n += 1;
                known.hits += u32::from(hit);
            }
            None => self.0.push_back(Day { day, n: 1, hits: u32::from(hit) }),
        }
        while self.0.len() > WEEK as usize + 1 {
            self.0.pop_front();
        }
    }

    /// Outcomes of the seven days before `now` and today, and those as foretold.
    #[must_use]
    pub fn week(&self, now: Timestamp) -> (u32, u32) {
        let today = now.millis().div_euclid(DAY_MS);
        let recent = self.0.iter().filter(|d| (today - WEEK..=today).contains(&d.day));
        recent.fold((0, 0), |(n, hits), d| (n + d.n, hits + d.hits))
    }
}

/// Outcomes that drift is seen by.
pub const DRIFT_OVER: usize = 250;

/// How the estimates of legs do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Errors by the length of the chain.
    pub calibrations: Vec<Calibration>,
    /// Whether each of the last outcomes was held.
    pub held: VecDeque<bool>,
    /// Outcomes of the last days.
    pub days: Days,
    /// Legs since anything was learned.
    pub unlearned: u32,
    /// When learning was last asked for because of drift.
    pub drifted_at: Timestamp,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            calibrations: vec![Calibration::default(); LENGTHS],
            held: VecDeque::new(),
            days: Days::default(),
            unlearned: 0,
            drifted_at: Timestamp::ZERO,
        }
    }
}

/// The key of a leg.
#[must_use]
pub fn leg_key(at: Timestamp, track: Id, delivery: &str) -> Vec<u8> {
    let mut key = at.unsigned().to_be_bytes().to_vec();
    key.extend(&Id::derived(&[&track.0, delivery.as_bytes()]).0[..8]);
    key
}

/// The newest legs, oldest first, at most `limit`; those that arrived before `since` are left out.
///
/// # Errors
/// Storage failures.
pub fn newest(tx: &dyn ReadTx, since: Timestamp, limit: usize) -> Result<Vec<Leg>> {
    let range = KeyRange { from: since.unsigned().to_be_bytes().to_vec(), to: None, after: None };
    let mut legs: Vec<Leg> =
        LEGS.scan(tx, Ix::Primary, &range, Dir::Down, limit)?.items.into_iter().map(|e| e.value).collect();
    legs.reverse();
    Ok(legs)
}

/// Legs are kept for some days.
#[must_use]
pub fn retained() -> Retained {
    fn find(tx: &dyn ReadTx, before: Timestamp, after: Option<Vec<u8>>, limit: usize) -> Result<Found> {
        let range = KeyRange { from: Vec::new(), to: Some(before.unsigned().to_be_bytes().to_vec()), after };
        older(&LEGS, tx, (Ix::Primary, range), limit, |l: &Leg| l.arrived_at < before)
    }
    fn remove(tx: &mut dyn WriteTx, pk: &[u8]) -> Result<()> {
        LEGS.del(tx, pk).map(drop)
    }
    Retained { name: "legs", days: |r: &Retention| r.legs, find, remove }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&LEGS, &LEARNED, &OUTLOOKS]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_forgets_what_is_older() {
        let at = |day: i64| Timestamp::from_millis(day * DAY_MS + 5);
        let mut days = Days::default();
        for day in 1..=20 {
            days.add(at(day), day % 2 == 0);
            days.add(at(day), true);
        }
        assert_eq!((days.week(at(20)), days.0.len()), ((16, 12), 8));
        assert_eq!((days.week(at(26)), days.week(at(99))), ((4, 3), (0, 0)));
    }
}
