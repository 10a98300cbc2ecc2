//! Five quantiles of a duration from what is known before it: boosted trees over numbers, and over groups (drivers, areas)
//! by their shrunk means.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::bins::Bins;
use super::forest::{Forest, Growth, quantile};
use super::tree::{Binned, Shape};

/// The quantiles that are learned, lowest first; the middle one is the estimate.
pub const LEVELS: [f64; 5] = [0.05, 0.1, 0.5, 0.9, 0.95];
/// Where the middle one stands.
pub const MIDDLE: usize = 2;
/// Groups of a column whose means are kept, the largest first.
pub const MAX_GROUPS: usize = 6_000;
/// Columns, groups included, at the most: a column's number fits a byte.
pub const MAX_COLUMNS: usize = 256;
/// Rows of the average that a group's mean is shrunk by.
const SHRINK: f32 = 20.0;
/// A group's own rows must not count in its mean while it is learned from: they are kept out in turns.
const FOLDS: usize = 5;
/// Above so many rows each tree sees as many and no more.
const ROWS_A_TREE: f32 = 16_000.0;

/// Quantiles at [`LEVELS`], rising, on the model's scale.
pub type Quantiles = [f32; LEVELS.len()];

/// What was known before, and how long it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Numbers, not-a-number where unknown; as many in every sample.
    pub numbers: Vec<f32>,
    /// Groups it belongs to, each by a number of its own; as many in every sample.
    pub groups: Vec<u64>,
    /// Seconds it took.
    pub target: f32,
}

/// How seconds are looked at while they are learned: an error of a minute is more to a short leg than to a long one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scale {
    /// Logarithm of the seconds and this many more.
    Logarithm(f32),
    /// As they are: for what may be negative, such as a delay.
    Linear,
}

impl Scale {
    /// The scale for such targets.
    #[must_use]
    pub fn of(targets: &mut [f32]) -> Self {
        let lowest = targets.iter().copied().fold(0.0, f32::min);
        if lowest < 0.0 { Self::Linear } else { Self::Logarithm((0.3 * quantile(targets, 0.5)).max(1.0)) }
    }

    /// Where `seconds` lie on it.
    #[must_use]
    pub fn place(self, seconds: f32) -> f32 {
        match self {
            Self::Logarithm(more) => (seconds.max(0.0) + more).ln(),
            Self::Linear => seconds,
        }
    }

    /// The seconds at a place of it.
    #[must_use]
    pub fn seconds(self, place: f32) -> f32 {
        match self {
            Self::Logarithm(more) => place.min(60.0).exp() - more,
            Self::Linear => place,
        }
    }
}

/// The means of the groups of one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Means(Vec<(u64, f32)>);

impl Means {
    fn of(rows: impl Iterator<Item = (u64, f32)>, all: f32) -> Self {
        let mut sums: HashMap<u64, (f32, f32)> = HashMap::new();
        for (group, place) in rows {
            let sum = sums.entry(group).or_default();
            *sum = (sum.0 + place, sum.1 + 1.0);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        if sums.len() > MAX_GROUPS {
            sums.sort_unstable_by(|a, b| b.1.1.total_cmp(&a.1.1).then(a.0.cmp(&b.0)));
            sums.truncate(MAX_GROUPS);
        }
        sums.sort_unstable_by_key(|(group, _)| *group);
        let mean = |(sum, n): (f32, f32)| (sum + SHRINK * all) / (n + SHRINK);
        Self(sums.into_iter().map(|(group, sum)| (group, mean(sum))).collect())
    }

    fn get(&self, group: u64, all: f32) -> f32 {
        self.0.binary_search_by_key(&group, |(g, _)| *g).map_or(all, |at| self.0[at].1)
    }
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The scale everything is on.
    pub scale: Scale,
    /// Samples it was learned from.
    pub samples: usize,
    all: f32,
    means: Vec<Means>,
    typical: Vec<f32>,
    bins: Bins,
    forests: Vec<Forest>,
}

/// How the forest for `q` is grown on `rows` rows: the middle one may be fine, the outer ones gain nothing by it.
fn growth(q: f64, rows: usize) -> Growth {
    let middle = (q - 0.5).abs() < 0.1;
    Growth {
        trees: (rows / 4).clamp(60, 400),
        rate: if rows < 1_600 { 0.1 } else { 0.05 },
        rows: (ROWS_A_TREE / rows.max(1) as f32).min(0.7),
        columns: 0.8,
        shape: Shape { leaves: if middle { 31 } else { 8 }, least: 20 },
    }
}

impl Model {
    /// Learns from `samples`; none when there are too few, or they are not of one form.
    #[must_use]
    pub fn train(samples: &[Sample]) -> Option<Self> {
        let first = samples.first()?;
        let (numbers, groups) = (first.numbers.len(), first.groups.len());
        let columns = numbers + groups;
        let alike =
            |s: &Sample| s.numbers.len() == numbers && s.groups.len() == groups && s.target.is_finite();
        if columns == 0 || columns > MAX_COLUMNS || samples.len() < 40 || !samples.iter().all(alike) {
            return None;
        }
        let scale = Scale::of(&mut samples.iter().map(|s| s.target).collect::<Vec<_>>());
        let places: Vec<f32> = samples.iter().map(|s| scale.place(s.target)).collect();
        let all = places.iter().sum::<f32>() / places.len() as f32;
        let rows_of = |column: usize, fold: Option<usize>| {
            let rows = samples.iter().zip(&places).enumerate();
            let rows = rows.filter(move |(n, _)| fold.is_none_or(|fold| n % FOLDS != fold));
            rows.map(move |(_, (s, place))| (s.groups[column], *place))
        };
        let means: Vec<Means> = (0..groups).map(|c| Means::of(rows_of(c, None), all)).collect();
        let folds: Vec<Vec<Means>> = (0..FOLDS)
            .map(|fold| (0..groups).map(|c| Means::of(rows_of(c, Some(fold)), all)).collect())
            .collect();
        let mut rows: Vec<f32> = Vec::with_capacity(samples.len() * columns);
        for (n, sample) in samples.iter().enumerate() {
            rows.extend(&sample.numbers);
            let means = &folds[n % FOLDS];
            rows.extend(sample.groups.iter().zip(means).map(|(g, means)| means.get(*g, all)));
        }
        let bins = Bins::fit(&rows, columns);
        let mut binned = vec![0_u8; rows.len()];
        for (row, out) in rows.chunks_exact(columns).zip(binned.chunks_exact_mut(columns)) {
            bins.row(row, out);
        }
        let median = |c: usize| {
            let column = rows.iter().skip(c).step_by(columns).copied().filter(|v| v.is_finite());
            quantile(&mut column.collect::<Vec<_>>(), 0.5)
        };
        let typical = (0..columns).map(median).collect();
        let binned = Binned { bins: &binned, columns };
        let forest =
            |(n, q): (usize, &f64)| Forest::fit(binned, &places, *q, &growth(*q, samples.len()), n as u64);
        let forests = LEVELS.iter().enumerate().map(forest).collect();
        Some(Self { scale, samples: samples.len(), all, means, typical, bins, forests })
    }

    fn row(&self, numbers: &[f32], groups: &[u64]) -> Vec<f32> {
        let mut row = Vec::with_capacity(self.bins.columns());
        row.extend_from_slice(numbers);
        row.extend(groups.iter().zip(&self.means).map(|(g, means)| means.get(*g, self.all)));
        row.resize(self.bins.columns(), f32::NAN);
        row
    }

    /// The quantiles of how long it will take, on [`Model::scale`].
    #[must_use]
    pub fn predict(&self, numbers: &[f32], groups: &[u64]) -> Quantiles {
        let row = self.row(numbers, groups);
        let mut bins = vec![0; row.len()];
        self.bins.row(&row, &mut bins);
        let mut quantiles = [0.0; LEVELS.len()];
        for (quantile, forest) in quantiles.iter_mut().zip(&self.forests) {
            *quantile = forest.value(&bins);
        }
        // Forests are grown apart, so that neighbours may cross.
        quantiles.sort_unstable_by(f32::total_cmp);
        quantiles
    }

    /// For each column the seconds it adds to the estimate, held against what is usual there.
    #[must_use]
    pub fn effects(&self, numbers: &[f32], groups: &[u64]) -> Vec<f32> {
        let mut row = self.row(numbers, groups);
        let mut bins = vec![0; row.len()];
        let mut estimate = |row: &[f32]| {
            self.bins.row(row, &mut bins);
            let place = self.forests.get(MIDDLE).map_or(self.all, |f| f.value(&bins));
            self.scale.seconds(place)
        };
        let whole = estimate(&row);
        let columns = self.typical.iter().enumerate();
        let effect = |(n, typical): (usize, &f32)| {
            let own = std::mem::replace(&mut row[n], *typical);
            let effect = if own.is_nan() { 0.0 } else { whole - estimate(&row) };
            row[n] = own;
            effect
        };
        columns.map(effect).collect()
    }

    /// Whether it can be asked with so many numbers and groups: one of another release may not be.
    #[must_use]
    pub fn is_sound(&self, numbers: usize, groups: usize) -> bool {
        let columns = numbers + groups;
        self.bins.columns() == columns
            && self.typical.len() == columns
            && self.means.len() == groups
            && self.forests.len() == LEVELS.len()
            && self.forests.iter().all(|f| f.is_sound(columns))
    }
}

/// A group's number from its name: FNV-1a.
#[must_use]
pub fn group(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eta::forest::Dice;

    fn samples(n: usize) -> Vec<Sample> {
        let mut dice = Dice::new(3);
        let sample = |_| {
            let (km, driver) = (1.0 + dice.below(1_000) as f32 / 50.0, dice.below(9) as u64);
            let slow = if driver == 8 { 1.5 } else { 1.0 };
            let luck = 0.8 + dice.below(1_000) as f32 / 2_500.0;
            let noise = dice.below(100) as f32;
            Sample { numbers: vec![km, noise], groups: vec![driver], target: 120.0 * km * slow * luck }
        };
        (0..n).map(sample).collect()
    }

    #[test]
    fn distance_and_driver_are_learned_and_noise_is_not() {
        let model = Model::train(&samples(3_000)).unwrap();
        let estimate = |km, driver| model.scale.seconds(model.predict(&[km, 50.0], &[driver])[MIDDLE]);
        for (km, driver, expected) in [(5.0, 1, 600.0), (15.0, 2, 1_800.0), (10.0, 8, 1_800.0)] {
            let got: f32 = estimate(km, driver);
            assert!((got - expected).abs() < 0.15 * expected, "{km} km by {driver}: {got}, not {expected}");
        }
        let q = model.predict(&[10.0, 1.0], &[1]);
        assert!(q.windows(2).all(|w| w[0] <= w[1]), "{q:?}");
        let effects = model.effects(&[18.0, 50.0], &[8]);
        assert!(effects[0] > 500.0 && effects[1].abs() < 100.0 && effects[2] > 200.0, "{effects:?}");
        assert!(model.is_sound(2, 1) && !model.is_sound(1, 1) && !model.is_sound(1, 2));
    }

    #[test]
    fn nothing_is_learned_from_few_from_none_or_from_what_is_not_alike() {
        let mut some = samples(40);
        assert!(Model::train(&some).is_some() && Model::train(&some[..39]).is_none());
        assert!(Model::train(&[]).is_none());
        some[7].groups.push(1);
        assert!(Model::train(&some).is_none());
    }

    #[test]
    fn what_is_missing_or_was_never_seen_has_an_answer() {
        let mut some = samples(500);
        some.iter_mut().step_by(3).for_each(|s| s.numbers[0] = f32::NAN);
        let model = Model::train(&some).unwrap();
        for (numbers, groups) in [([f32::NAN; 2], [1]), ([f32::INFINITY, -9e9], [u64::MAX])] {
            assert!(model.predict(&numbers, &groups).iter().all(|q| q.is_finite()));
            assert!(model.effects(&numbers, &groups).iter().all(|e| e.is_finite()));
        }
        assert!(model.predict(&[], &[]).iter().all(|q| q.is_finite()));
    }

    #[test]
    fn a_scale_leads_there_and_back() {
        for scale in [Scale::Linear, Scale::Logarithm(300.0)] {
            assert!((scale.seconds(scale.place(777.0)) - 777.0).abs() < 0.1);
        }
        assert_eq!(Scale::of(&mut [5.0, -1.0]), Scale::Linear);
        assert!(
            matches!(Scale::of(&mut [100.0, 200.0, 300.0]), Scale::Logarithm(c) if (c - 60.0).abs() < 0.1)
        );
    }
}
