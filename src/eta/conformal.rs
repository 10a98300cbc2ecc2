//! Intervals that keep their word: the learned quantiles widened (or narrowed) by what recent errors ask for, after
//! Romano, Patterson, Candès 2019 (conformalised quantile regression), with the share of misses steered by what comes in,
//! after Gibbs, Candès 2021 (adaptive conformal inference).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::learner::{MIDDLE, Quantiles};

/// Recent errors that an interval rests on.
pub const WINDOW: usize = 500;
/// How fast the share of misses is steered.
const STEP: f32 = 0.02;
/// The steered share of misses stays within these.
const LOWEST: f32 = 0.002;
const HIGHEST: f32 = 0.5;

/// An interval that holds a stated share of outcomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The share of outcomes outside that is promised.
    target: f32,
    /// The share that is aimed at just now, so that the promise is kept.
    aim: f32,
    /// The learned quantiles it begins with.
    outer: (usize, usize),
    /// How far outside of them each recent outcome lay; negative inside.
    misses: VecDeque<f32>,
}

impl Band {
    fn new(target: f32, outer: (usize, usize)) -> Self {
        Self { target, aim: target, outer, misses: VecDeque::new() }
    }

    /// How far the learned quantiles are moved outwards.
    #[must_use]
    pub fn margin(&self) -> f32 {
        let n = self.misses.len();
        if n == 0 {
            return 0.0;
        }
        let rank = ((1.0 - self.aim) * (n + 1) as f32).ceil() as usize;
        let mut misses: Vec<f32> = self.misses.iter().copied().collect();
        let at = rank.clamp(1, n) - 1;
        *misses.select_nth_unstable_by(at, f32::total_cmp).1
    }

    /// The ends of the interval; the estimate lies within.
    #[must_use]
    pub fn ends(&self, quantiles: &Quantiles) -> (f32, f32) {
        let (margin, middle) = (self.margin(), quantiles[MIDDLE]);
        let (low, high) = (quantiles[self.outer.0] - margin, quantiles[self.outer.1] + margin);
        (low.min(middle), high.max(middle))
    }

    fn miss(&self, quantiles: &Quantiles, outcome: f32) -> f32 {
        (quantiles[self.outer.0] - outcome).max(outcome - quantiles[self.outer.1])
    }

    fn keep(&mut self, miss: f32) {
        if self.misses.len() >= WINDOW {
            self.misses.pop_front();
        }
        self.misses.push_back(miss);
    }
}

/// The intervals of 90 and of 80 %, and what they rest on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// 90 % of outcomes lie within.
    pub wide: Band,
    /// 80 % of outcomes lie within.
    pub narrow: Band,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { wide: Band::new(0.1, (0, 4)), narrow: Band::new(0.2, (1, 3)) }
    }
}

/// What was said and is to be held against the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The quantiles before they were moved.
    pub quantiles: Quantiles,
    /// The interval of 90 %.
    pub wide: (f32, f32),
    /// The interval of 80 %.
    pub narrow: (f32, f32),
}

impl Said {
    /// Whether the interval of 90 % held `outcome`.
    #[must_use]
    pub fn held(&self, outcome: f32) -> bool {
        (self.wide.0..=self.wide.1).contains(&outcome)
    }
}

impl Calibration {
    /// What is said when the quantiles are these.
    #[must_use]
    pub fn say(&self, quantiles: &Quantiles) -> Said {
        Said { quantiles: *quantiles, wide: self.wide.ends(quantiles), narrow: self.narrow.ends(quantiles) }
    }

    /// Takes in an outcome of which nothing was said: from samples that were kept aside.
    pub fn prepare(&mut self, quantiles: &Quantiles, outcome: f32) {
        for band in [&mut self.wide, &mut self.narrow] {
            let miss = band.miss(quantiles, outcome);
            band.keep(miss);
        }
    }

    /// Takes in the outcome of what was said.
    pub fn hear(&mut self, said: &Said, outcome: f32) {
        for (band, ends) in [(&mut self.wide, said.wide), (&mut self.narrow, said.narrow)] {
            let missed = if (ends.0..=ends.1).contains(&outcome) { 0.0 } else { 1.0 };
            band.aim = (band.aim + STEP * (band.target - missed)).clamp(LOWEST, HIGHEST);
            let miss = band.miss(&said.quantiles, outcome);
            band.keep(miss);
        }
    }

    /// How many recent errors the intervals rest on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wide.misses.len()
    }

    /// Whether they rest on none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wide.misses.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eta::forest::Dice;

    /// Shares within both intervals when outcomes are spread `width` wide around 0, of which the quantiles know `known`.
    fn shares(widths: impl Iterator<Item = (f32, f32)>) -> (f32, f32, f32) {
        let (mut dice, mut calibration) = (Dice::new(5), Calibration::default());
        let (mut n, mut wide, mut narrow, mut block, mut worst) = (0.0, 0.0, 0.0, Vec::new(), 1.0_f32);
        for (width, known) in widths {
            let quantiles = [-0.45, -0.4, 0.0, 0.4, 0.45].map(|q| q * known);
            let outcome = (dice.below(100_000) as f32 / 100_000.0 - 0.5) * width;
            let said = calibration.say(&quantiles);
            calibration.hear(&said, outcome);
            let held = |ends: (f32, f32)| if (ends.0..=ends.1).contains(&outcome) { 1.0 } else { 0.0 };
            (n, wide, narrow) = (n + 1.0, wide + held(said.wide), narrow + held(said.narrow));
            block.push(held(said.wide));
            if block.len() == 250 {
                worst = worst.min(block.drain(..).sum::<f32>() / 250.0);
            }
        }
        (wide / n, narrow / n, worst)
    }

    #[test]
    fn quantiles_that_promise_too_much_or_too_little_are_set_right() {
        for known in [0.3, 1.0, 3.0] {
            let (wide, narrow, worst) = shares((0..5_000).map(|_| (1.0, known)));
            assert!((wide - 0.9).abs() < 0.02 && (narrow - 0.8).abs() < 0.02, "{known}: {wide} {narrow}");
            assert!(worst >= 0.82, "{known}: {worst}");
        }
    }

    #[test]
    fn the_share_is_kept_when_the_world_changes() {
        let (wide, narrow, worst) =
            shares((0..6_000).map(|n| (if n % 2_000 < 1_000 { 1.0 } else { 1.6 }, 1.0)));
        assert!((wide - 0.9).abs() < 0.02 && (narrow - 0.8).abs() < 0.02, "{wide} {narrow}");
        assert!(worst >= 0.8, "{worst}");
    }

    #[test]
    fn no_more_than_the_window_is_kept_and_the_estimate_lies_within() {
        let mut calibration = Calibration::default();
        for n in 0..=WINDOW {
            calibration.prepare(&[0.0; 5], -(n as f32));
        }
        assert_eq!(calibration.len(), WINDOW);
        let said = calibration.say(&[9.0, 9.0, 1.0, 2.0, 2.0]);
        assert!(said.wide.0 <= 1.0 && said.narrow.0 <= 1.0 && said.wide.1 >= 2.0);
        assert_eq!(Band::new(0.1, (0, 4)).margin(), 0.0);
    }
}
