//! Sums under way: one of these for each column of each group.

use std::collections::BTreeMap;

use super::item::{At, Item};
use super::measure::{How, Measure};

/// Values that are kept for medians in one report: four bytes each. Beyond it mean, least and greatest are still told.
pub const MAX_VALUES: usize = 4_000_000;

/// How many more values may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Room(pub usize);

/// One figure under way.
#[derive(Clone, Debug)]
pub enum Tally {
    /// How many.
    Count(u64),
    /// Added up.
    Sum(Option<i64>),
    /// Of how many, and how many of those.
    Share {
        /// The part.
        part: u64,
        /// The whole.
        whole: u64,
    },
    /// By currency, in minor units.
    Money(BTreeMap<String, i64>),
    /// Values and what is known of them all.
    Spread(Spread),
}

/// What is known of values without keeping all of them, and the values while there is room.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    n: u64,
    sum: i128,
    least: i64,
    greatest: i64,
    values: Vec<i32>,
    cut: bool,
}

impl Spread {
    fn add(&mut self, value: i64, room: &mut Room) {
        (self.least, self.greatest) =
            if self.n == 0 { (value, value) } else { (self.least.min(value), self.greatest.max(value)) };
        self.n += 1;
        self.sum += i128::from(value);
        match i32::try_from(value) {
            Ok(value) if room.0 > 0 => {
                room.0 -= 1;
                self.values.push(value);
            }
            _ => self.cut = true,
        }
    }

    /// The value below which `share` of all lie, between neighbours in proportion; none when not all are kept.
    fn quantile(&self, sorted: &[i32], share: f64) -> Option<f64> {
        let last = sorted.len().checked_sub(1).filter(|_| !self.cut)?;
        #[allow(clippy::cast_precision_loss)] // millions
        let at = last as f64 * share;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the last
        let below = at.floor() as usize;
        let (a, b) = (f64::from(sorted[below]), f64::from(sorted[(below + 1).min(last)]));
        Some(a + (b - a) * (at - at.floor()))
    }
}

/// The columns one spread makes, after its name.
pub const SPREAD: [&str; 6] = ["count", "mean", "median", "p90", "min", "max"];

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(measure: Measure) -> Self {
        match measure.how() {
            How::Count => Self::Count(0),
            How::Sum => Self::Sum(None),
            How::Share(_) => Self::Share { part: 0, whole: 0 },
            How::Money => Self::Money(BTreeMap::new()),
            How::Spread => Self::Spread(Spread::default()),
        }
    }

    /// Counts `item`.
    pub fn add(&mut self, measure: Measure, item: &Item<'_>, at: &At<'_>, room: &mut Room) {
        let value = measure.value(item, at);
        match self {
            Self::Count(n) => *n += u64::from(value.is_some()),
            Self::Sum(sum) => {
                if let Some(value) = value {
                    *sum = Some(sum.unwrap_or(0).saturating_add(value));
                }
            }
            Self::Share { part, whole } => {
                if let How::Share(of) = measure.how() {
                    let counts = of.value(item, at).is_some();
                    *whole += u64::from(counts);
                    *part += u64::from(counts && value.is_some());
                }
            }
            Self::Money(sums) => {
                for m in measure.amounts(item).into_iter().filter(|_| value.is_some()) {
                    let sum = sums.entry(m.currency).or_default();
                    *sum = sum.saturating_add(m.minor);
                }
            }
            Self::Spread(spread) => {
                if let Some(value) = value {
                    spread.add(value, room);
                }
            }
        }
    }

    /// The currencies it has amounts in.
    pub fn currencies(&self) -> impl Iterator<Item = &String> {
        let sums = if let Self::Money(sums) = self { Some(sums) } else { None };
        sums.into_iter().flat_map(BTreeMap::keys)
    }

    /// Its numbers: one, or six of a spread, or one for each of `currencies`.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // what is shown, not what is kept
    pub fn cells(&self, currencies: &[String]) -> Vec<Option<f64>> {
        match self {
            Self::Count(n) => vec![Some(*n as f64)],
            Self::Sum(sum) => vec![sum.map(|n| n as f64)],
            Self::Share { part, whole } => {
                vec![(*whole > 0).then(|| 100.0 * *part as f64 / *whole as f64)]
            }
            Self::Money(sums) => currencies.iter().map(|c| sums.get(c).map(|n| *n as f64)).collect(),
            Self::Spread(s) if s.n == 0 => vec![Some(0.0), None, None, None, None, None],
            Self::Spread(s) => {
                let mut sorted = s.values.clone();
                sorted.sort_unstable();
                vec![
                    Some(s.n as f64),
                    Some(s.sum as f64 / s.n as f64),
                    s.quantile(&sorted, 0.5),
                    s.quantile(&sorted, 0.9),
                    Some(s.least as f64),
                    Some(s.greatest as f64),
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[i64], room: usize) -> Vec<Option<f64>> {
        let (mut spread, mut room) = (Spread::default(), Room(room));
        values.iter().for_each(|v| spread.add(*v, &mut room));
        Tally::Spread(spread).cells(&[])
    }

    #[test]
    fn quantiles_lie_between_neighbours_and_are_not_told_when_one_value_is_too_many() {
        let all = spread(&[40, 10, 30, 20], 4);
        assert_eq!(all, [4.0, 25.0, 25.0, 37.0, 10.0, 40.0].map(Some));
        assert_eq!(spread(&[-5], 4), [1.0, -5.0, -5.0, -5.0, -5.0, -5.0].map(Some));
        let cut = spread(&[40, 10, 30, 20], 3);
        assert_eq!(cut, [Some(4.0), Some(25.0), None, None, Some(10.0), Some(40.0)]);
        assert_eq!(spread(&[], 3), [Some(0.0), None, None, None, None, None]);
        assert_eq!(spread(&[i64::from(i32::MAX) + 1], 3)[2], None, "a value of seventy years has no rank");
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        assert_eq!(Tally::Share { part: 0, whole: 0 }.cells(&[]), [None]);
        assert_eq!(Tally::Share { part: 1, whole: 4 }.cells(&[]), [Some(25.0)]);
    }
}
