//! Points as they are kept: up to [`MAX_POINTS`] of one vehicle in a row, 20 bytes each.

use serde::{Deserialize, Serialize};

use super::geo::Spot;
use super::model::Fix;
use crate::base::clock::Timestamp;

/// Points of a block at the most.
pub const MAX_POINTS: usize = 64;
/// Bytes of a point.
pub const POINT_BYTES: usize = 20;
/// What a block says where nothing is known.
const NONE: u16 = u16::MAX;
const NO_HEIGHT: i16 = i16::MIN;

/// Points in order of time, each time once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Of the first point, in milliseconds since 1970.
    #[serde(rename = "t")]
    start: i64,
    #[serde(rename = "p", with = "serde_bytes")]
    points: Vec<u8>,
}

impl Block {
    /// A block of these points, in order of time; a point too far from the first to be written beside it stays out.
    #[must_use]
    pub fn of(fixes: &[Fix]) -> Self {
        let start = fixes.first().map_or(0, |f| f.at.millis());
        let mut points = Vec::with_capacity(fixes.len() * POINT_BYTES);
        for fix in fixes {
            let Ok(later) = u32::try_from(fix.at.millis() - start) else { continue };
            points.extend(later.to_le_bytes());
            points.extend(fix.spot.lat.to_le_bytes());
            points.extend(fix.spot.lon.to_le_bytes());
            points.extend(fix.speed.unwrap_or(NONE).to_le_bytes());
            points.extend(fix.heading.unwrap_or(NONE).to_le_bytes());
            points.extend(fix.accuracy.unwrap_or(NONE).to_le_bytes());
            points.extend(fix.height.unwrap_or(NO_HEIGHT).to_le_bytes());
        }
        Self { start, points }
    }

    /// Its points.
    #[must_use]
    pub fn fixes(&self) -> Vec<Fix> {
        self.points.chunks_exact(POINT_BYTES).map(|p| self.fix(p)).collect()
    }

    fn fix(&self, p: &[u8]) -> Fix {
        let four = |n: usize| [p[n], p[n + 1], p[n + 2], p[n + 3]];
        let two = |n: usize| u16::from_le_bytes([p[n], p[n + 1]]);
        let said = |n: usize| Some(two(n)).filter(|v| *v != NONE);
        let height = i16::from_le_bytes([p[18], p[19]]);
        Fix {
            at: Timestamp::from_millis(self.start + i64::from(u32::from_le_bytes(four(0)))),
            spot: Spot { lat: i32::from_le_bytes(four(4)), lon: i32::from_le_bytes(four(8)) },
            speed: said(12),
            heading: said(14),
            accuracy: said(16),
            height: Some(height).filter(|h| *h != NO_HEIGHT),
        }
    }

    /// How many points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() / POINT_BYTES
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// The furthest a block reaches behind its first point: what its times can say.
pub const MAX_SPAN_MS: i64 = u32::MAX as i64;

/// Puts `new` (in order of time) among `old`; returns them all, and those that were new. A time that is there already
/// stays as it is.
#[must_use]
pub fn merge(old: Vec<Fix>, new: &[Fix]) -> (Vec<Fix>, Vec<Fix>) {
    let mut all = old;
    let mut taken = Vec::with_capacity(new.len());
    for fix in new {
        if let Err(at) = all.binary_search_by_key(&fix.at, |f| f.at) {
            all.insert(at, *fix);
            taken.push(*fix);
        }
    }
    (all, taken)
}

/// Cuts points in order of time into blocks' worth.
#[must_use]
pub fn cut(fixes: &[Fix]) -> Vec<&[Fix]> {
    let mut parts: Vec<&[Fix]> = Vec::new();
    let mut from = 0;
    for n in 1..=fixes.len() {
        let is_full = n - from == MAX_POINTS;
        let is_far = n < fixes.len() && fixes[n].at.millis() - fixes[from].at.millis() > MAX_SPAN_MS;
        if n == fixes.len() || is_full || is_far {
            parts.push(&fixes[from..n]);
            from = n;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(ms: i64) -> Fix {
        let spot = Spot { lat: -235_000_000 + ms as i32, lon: -466_333_333 };
        Fix { at: Timestamp::from_millis(1_700_000_000_000 + ms), spot, ..Fix::default() }
    }

    #[test]
    fn points_are_read_back_and_take_no_more_than_24_bytes_each() {
        let mut fixes: Vec<Fix> = (0..MAX_POINTS as i64).map(|n| fix(n * 1_000)).collect();
        fixes[1] = Fix {
            speed: Some(0),
            heading: Some(35_999),
            accuracy: Some(65_534),
            height: Some(-400),
            ..fixes[1]
        };
        let block = Block::of(&fixes);
        assert_eq!((block.fixes(), block.len()), (fixes, MAX_POINTS));
        let bytes = rmp_serde::to_vec_named(&block).unwrap().len();
        // With the row's key: whose it is, and from when.
        assert!((bytes + 1 + 24) as f64 / MAX_POINTS as f64 <= 24.0, "{bytes}");
        assert!(Block::of(&[]).is_empty());
    }

    #[test]
    fn a_time_is_kept_once_wherever_it_comes_in() {
        let old = vec![fix(0), fix(10), fix(20)];
        let moved = Fix { spot: Spot { lat: 1, lon: 1 }, ..fix(10) };
        let (all, taken) = merge(old, &[fix(5), moved, fix(30), fix(30)]);
        assert_eq!(all, [fix(0), fix(5), fix(10), fix(20), fix(30)]);
        assert_eq!(taken, [fix(5), fix(30)]);
    }

    #[test]
    fn a_block_is_full_at_its_limit_and_never_longer_than_its_times_reach() {
        let many: Vec<Fix> = (0..MAX_POINTS as i64 + 1).map(fix).collect();
        assert_eq!(cut(&many).iter().map(|p| p.len()).collect::<Vec<_>>(), [MAX_POINTS, 1]);
        let far = [fix(0), fix(MAX_SPAN_MS), fix(MAX_SPAN_MS + 1)];
        assert_eq!(cut(&far).iter().map(|p| p.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(Block::of(&far[..2]).fixes(), far[..2]);
        assert!(cut(&[]).is_empty());
    }
}
