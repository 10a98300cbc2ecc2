//! The straight line and what a road is longer: no map at all, always there.

use serde::{Deserialize, Serialize};

use super::geometry;
use super::sources::Grid;
use crate::base::units::Position;
use crate::routing::problem::MAX_ARC;

/// Pairs of places beyond which a map server's answer teaches nothing more.
const MOST_LEARNED: f64 = 50_000.0;
/// Places of one answer that are looked at, spread over all of them: more teach nothing more.
const MOST_PLACES: usize = 150;
/// Metres below which a pair says more about a crossing than about roads.
const SHORT: f64 = 300.0;

/// What a road is longer than the line, and how fast one drives on it. Learned from what a map server says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Straight {
    /// Metres of road for a metre of the line.
    pub circuity: f64,
    /// Kilometres of road in an hour.
    pub kmh: f64,
    /// Pairs of places it was learned from; 0 for the usual figures.
    pub pairs: f64,
}

impl Default for Straight {
    /// Of a town and its surroundings.
    fn default() -> Self {
        Self { circuity: 1.3, kmh: 30.0, pairs: 0.0 }
    }
}

/// A figure as the solver takes it.
#[must_use]
pub fn whole(x: f64) -> i32 {
    // NaN becomes 0, and what is too large the largest.
    x.round().clamp(0.0, f64::from(MAX_ARC)) as i32
}

impl Straight {
    /// Between all of `points`.
    #[must_use]
    pub fn grid(&self, points: &[Position]) -> Grid {
        let n = points.len();
        let (mut metres, mut seconds) = (Vec::with_capacity(n * n), Vec::with_capacity(n * n));
        for a in points {
            for b in points {
                let road = geometry::metres(*a, *b) * self.circuity;
                metres.push(whole(road));
                seconds.push(whole(road * 3.6 / self.kmh));
            }
        }
        Grid { size: n, metres, seconds }
    }

    /// Learns from what a map server said about `points`.
    #[must_use]
    pub fn learned(self, points: &[Position], grid: &Grid) -> Self {
        let (mut line, mut road, mut time, mut pairs) = (0.0, 0.0, 0.0, 0.0);
        let step = points.len().div_ceil(MOST_PLACES).max(1);
        for (i, a) in points.iter().enumerate().step_by(step) {
            for (j, b) in points.iter().enumerate().step_by(step) {
                let metres = geometry::metres(*a, *b);
                if metres < SHORT {
                    continue;
                }
                line += metres;
                road += f64::from(grid.metres[i * grid.size + j]);
                time += f64::from(grid.seconds[i * grid.size + j]);
                pairs += 1.0;
            }
        }
        if pairs < 1.0 || road <= 0.0 || time <= 0.0 {
            return self;
        }
        let known = self.pairs.min(MOST_LEARNED);
        let blend = |was: f64, now: f64| (was * known + now * pairs) / (known + pairs);
        Self {
            circuity: blend(self.circuity, road / line).clamp(1.0, 5.0),
            kmh: blend(self.kmh, road / time * 3.6).clamp(3.0, 130.0),
            pairs: (known + pairs).min(MOST_LEARNED),
        }
    }

    /// In words, for whoever reads a plan.
    #[must_use]
    pub fn words(&self) -> String {
        let from = if self.pairs > 0.0 { "learned from the map server" } else { "assumed" };
        format!("straight line x {:.2} at {:.0} km/h, {from}", self.circuity, self.kmh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> Vec<Position> {
        [(52.5, 13.4), (52.52, 13.45), (52.55, 13.3)]
            .map(|(a, b)| Position::from_degrees(a, b).unwrap())
            .to_vec()
    }

    #[test]
    fn it_learns_what_a_map_server_says_and_then_says_the_same() {
        let (points, roads) = (points(), Straight { circuity: 1.8, kmh: 20.0, pairs: 0.0 });
        let taught = Straight::default().learned(&points, &roads.grid(&points));
        assert!((taught.circuity - 1.8).abs() < 0.01 && (taught.kmh - 20.0).abs() < 0.1, "{taught:?}");
        assert_eq!(taught.pairs, 6.0);
        assert!(taught.words().contains("1.80") && taught.words().contains("learned"));
        // One more look moves it only by its share.
        let other = Straight { circuity: 1.2, kmh: 40.0, pairs: 0.0 };
        let both = taught.learned(&points, &other.grid(&points));
        assert!((both.circuity - 1.5).abs() < 0.01, "{both:?}");
    }

    #[test]
    fn nothing_is_learned_from_places_on_top_of_each_other() {
        let one = vec![points()[0]; 3];
        let grid = Straight::default().grid(&one);
        assert_eq!(grid.metres, vec![0; 9]);
        assert_eq!(Straight::default().learned(&one, &grid), Straight::default());
    }
}
