//! When a vehicle has come to a place and when it has left again, from points that jitter: it is there once it has stayed
//! or stands, and gone once it is well outside.

use serde::{Deserialize, Serialize};

use super::geo::{Spot, contains};
use super::model::Fix;
use crate::base::clock::Timestamp;

/// The least radius: receivers in streets are not better.
pub const LEAST_RADIUS_M: f64 = 60.0;
/// Left is who is further than the radius times this.
const OUTSIDE: f64 = 1.5;
/// Below this speed a vehicle stands, in cm/s.
const STANDS: u16 = 150;
/// Points in a row at which a vehicle stands, and so has come.
const STANDING: u8 = 3;

/// A place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Place {
    /// A circle by its centre and radius in metres.
    Circle(Spot, f64),
    /// A polygon by its corners.
    Polygon(Vec<Spot>),
}

/// Where a vehicle is, as far as one place is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Elsewhere.
    #[default]
    Away,
    /// Within, since when, and for how many points it stood: it may be passing by.
    Within(Timestamp, u8),
    /// There, since when.
    There(Timestamp),
}

/// What a point changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It had come, at that moment.
    Arrived(Timestamp),
    /// It has left, at that moment.
    Left(Timestamp),
}

impl Place {
    /// Whether `fix` lies within, and whether it lies well outside.
    #[must_use]
    pub fn holds(&self, fix: &Fix) -> (bool, bool) {
        match self {
            Self::Circle(centre, radius) => {
                let blur = fix.accuracy.map_or(0.0, |dm| f64::from(dm) / 5.0);
                let radius = radius.max(LEAST_RADIUS_M).max(blur);
                let metres = centre.metres(fix.spot);
                (metres <= radius, metres > OUTSIDE * radius)
            }
            Self::Polygon(corners) => {
                let within = contains(corners, fix.spot);
                let nearest = corners.iter().map(|c| c.metres(fix.spot)).fold(f64::MAX, f64::min);
                (within, !within && nearest > LEAST_RADIUS_M / 2.0)
            }
        }
    }
}

/// The phase after `fix`, and what it changed; a vehicle that stays for `dwell_s` has come.
#[must_use]
pub fn step(phase: Phase, place: &Place, fix: &Fix, dwell_s: u32) -> (Phase, Option<Sign>) {
    let (within, outside) = place.holds(fix);
    let stands = u8::from(fix.speed.is_some_and(|s| s < STANDS));
    let come = |since: Timestamp, stood: u8| {
        let stayed = fix.at.since(since).as_secs() >= u64::from(dwell_s);
        if stayed || stood >= STANDING {
            (Phase::There(since), Some(Sign::Arrived(since)))
        } else {
            (Phase::Within(since, stood), None)
        }
    };
    match phase {
        Phase::Away if within => come(fix.at, stands),
        Phase::Within(since, stood) if within => come(since, if stands == 1 { stood + 1 } else { 0 }),
        Phase::Away | Phase::Within(..) if !within => (Phase::Away, None),
        Phase::There(_) if outside => (Phase::Away, Some(Sign::Left(fix.at))),
        same => (same, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DWELL: u32 = 60;

    fn place() -> Place {
        Place::Circle(Spot { lat: 100_000_000, lon: 50_000_000 }, 60.0)
    }

    /// So many metres north of the place, so many seconds on.
    fn fix(metres: f64, s: i64, speed: Option<u16>) -> Fix {
        let lat = 100_000_000 + (metres / 0.011_119_5) as i32;
        let spot = Spot { lat, lon: 50_000_000 };
        Fix { at: Timestamp::from_millis(s * 1_000), spot, speed, ..Fix::default() }
    }

    fn run(fixes: &[Fix]) -> Vec<Sign> {
        let mut phase = Phase::Away;
        let mut signs = Vec::new();
        for fix in fixes {
            let (next, sign) = step(phase, &place(), fix, DWELL);
            phase = next;
            signs.extend(sign);
        }
        signs
    }

    fn s(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    #[test]
    fn who_stays_has_come_when_they_came_and_jitter_is_no_leaving() {
        let fixes = [
            fix(200.0, 0, None),
            fix(50.0, 10, None),
            fix(40.0, 69, None),
            fix(40.0, 70, None),
            fix(85.0, 80, None),
            fix(30.0, 90, None),
            fix(95.0, 100, None),
            fix(10.0, 400, None),
        ];
        assert_eq!(run(&fixes), [Sign::Arrived(s(10)), Sign::Left(s(100))]);
    }

    #[test]
    fn who_stands_has_come_at_once_and_who_passes_by_has_not() {
        let standing = [
            fix(50.0, 0, Some(900)),
            fix(20.0, 5, Some(149)),
            fix(20.0, 10, Some(0)),
            fix(20.0, 15, Some(0)),
        ];
        assert_eq!(run(&standing), [Sign::Arrived(s(0))]);
        let passing = [
            fix(50.0, 0, Some(900)),
            fix(0.0, 5, Some(149)),
            fix(50.0, 10, Some(150)),
            fix(120.0, 59, Some(0)),
        ];
        assert_eq!(run(&passing), []);
    }

    #[test]
    fn a_poor_receiver_widens_the_circle() {
        let poor = Fix { accuracy: Some(500), ..fix(95.0, 0, None) };
        assert_eq!(place().holds(&poor), (true, false));
        assert_eq!(place().holds(&fix(95.0, 0, None)), (false, true));
    }
}
