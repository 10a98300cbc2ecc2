//! What a point does to a vehicle's track.

use super::model::{AtFence, Fence, Fix, Track};
use super::visit::{self, Place, Sign};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;

/// A step faster than this is a jump, in m/s.
pub const JUMP_M_S: f64 = 50.0;
/// A point less accurate than this says nothing, in metres.
pub const WORST_ACCURACY_M: u16 = 100;
/// How far a device's clock may be ahead of ours, in milliseconds.
pub const AHEAD_MS: i64 = 120_000;

/// Why a point is not taken; none when it is.
#[must_use]
pub fn refuse(fix: &Fix, now: Timestamp) -> Option<String> {
    if fix.at.millis() > now.millis() + AHEAD_MS {
        return Some(format!("{} lies in the future: set the device's clock", fix.at));
    }
    if fix.at.millis() <= 0 {
        return Some(format!("{} is before 1970: set the device's clock", fix.at));
    }
    if let Some(accuracy) = fix.accuracy.filter(|dm| *dm > WORST_ACCURACY_M * 10) {
        let metres = f64::from(accuracy) / 10.0;
        return Some(format!("is accurate to {metres} m only; {WORST_ACCURACY_M} m at the most are taken"));
    }
    None
}

/// Counts a point that was told, whether or not its time was there already. `trip` names the trip it belongs to.
pub fn count(track: &mut Track, fix: &Fix, trip: u64, fences: &[(Id, Fence)]) {
    if let Some((at, spot)) = track.last.filter(|_| track.trip == trip) {
        let metres = spot.metres(fix.spot);
        track.tally.metres_told += metres;
        if fix.at > at && metres > JUMP_M_S * fix.at.since(at).as_secs_f64() {
            track.tally.jumps += 1;
        }
    }
    (track.last, track.trip) = (Some((fix.at, fix.spot)), trip);
    track.tally.told += 1;
    for (id, fence) in fences {
        let within = match &fence.place {
            // Counted by the circle as it was drawn; only comings and goings allow for the receiver.
            Place::Circle(centre, radius) => centre.metres(fix.spot) <= *radius,
            polygon @ Place::Polygon(_) => polygon.holds(fix).0,
        };
        if within {
            at_fence(track, *id).points += 1;
        }
    }
}

fn at_fence(track: &mut Track, id: Id) -> &mut AtFence {
    let at = track.fences.iter().position(|(f, _)| *f == id).unwrap_or_else(|| {
        track.fences.push((id, AtFence::default()));
        track.fences.len() - 1
    });
    &mut track.fences[at].1
}

/// Moves a track on to a point that is newer than every one before: metres, jumps, fences. True when the step to it was
/// no jump, so that comings and goings may follow from it.
pub fn advance(track: &mut Track, fix: &Fix, same_trip: bool, fences: &[(Id, Fence)]) -> bool {
    let step = track.latest.filter(|l| fix.at > l.at);
    let jumps = step.filter(|_| same_trip).is_some_and(|from| {
        let metres = from.spot.metres(fix.spot);
        let seconds = fix.at.since(from.at).as_secs_f64();
        let jumps = metres > JUMP_M_S * seconds;
        track.tally.metres += if jumps { 0.0 } else { metres };
        jumps
    });
    (track.latest, track.jumped) = (Some(*fix), jumps);
    if jumps {
        return false;
    }
    track.left.get_or_insert((fix.at, fix.spot));
    for (id, fence) in fences {
        let at = at_fence(track, *id);
        let (phase, sign) = visit::step(at.phase, &fence.place, fix, fence.dwell_s);
        at.phase = phase;
        match sign {
            Some(Sign::Arrived(_)) => at.arrivals += 1,
            Some(Sign::Left(_)) => at.departures += 1,
            None => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracking::geo::Spot;

    fn fix(lat: i32, s: i64) -> Fix {
        let spot = Spot { lat: 100_000_000 + lat, lon: 50_000_000 };
        Fix { at: Timestamp::from_millis(s * 1_000), spot, ..Fix::default() }
    }

    #[test]
    fn a_jump_is_counted_and_its_metres_are_not() {
        let mut track = Track::default();
        // A ten-thousandth of a degree north is 11.1 m.
        for (lat, s) in [(0, 1), (1_000, 2), (100_000, 3), (101_000, 4)] {
            count(&mut track, &fix(lat, s), 7, &[]);
            advance(&mut track, &fix(lat, s), true, &[]);
        }
        assert_eq!((track.tally.jumps, track.jumped, track.tally.told), (1, false, 4));
        assert!((track.tally.metres - 22.24).abs() < 0.1, "{:?}", track.tally);
        assert!((track.tally.metres_told - 1_123.07).abs() < 0.1, "{:?}", track.tally);
        count(&mut track, &fix(0, 9), 8, &[]);
        assert!((track.tally.metres_told - 1_123.07).abs() < 0.1, "another trip begins");
    }

    #[test]
    fn a_fence_counts_points_comings_and_goings() {
        let place = Place::Circle(fix(0, 0).spot, 100.0);
        let fences = [(Id::NIL, Fence { name: "yard".into(), place, dwell_s: 60 })];
        let mut track = Track::default();
        for (lat, s) in [(50_000, 1), (500, 61), (600, 131), (9_500, 191), (50_000, 251)] {
            count(&mut track, &fix(lat, s), 1, &fences);
            advance(&mut track, &fix(lat, s), true, &fences);
        }
        let at = track.fences[0].1;
        assert_eq!((at.points, at.arrivals, at.departures), (2, 1, 1));
    }

    #[test]
    fn what_a_device_can_not_know_is_refused() {
        let now = Timestamp::from_millis(1_000_000_000);
        let at = |ms: i64| Fix { at: Timestamp::from_millis(ms), ..fix(0, 0) };
        assert!(refuse(&at(now.millis() + AHEAD_MS), now).is_none());
        assert!(refuse(&at(now.millis() + AHEAD_MS + 1), now).unwrap().contains("future"));
        assert!(refuse(&at(0), now).unwrap().contains("1970"));
        let accurate = |dm| refuse(&Fix { accuracy: Some(dm), ..at(1_000) }, now);
        assert!(accurate(1_000).is_none() && accurate(1_001).unwrap().contains("100.1 m"));
    }
}
