//! Distances on the globe, and circles on a small piece of it.

use crate::base::units::Position;

/// Mean radius of the earth in metres.
const EARTH: f64 = 6_371_008.8;
/// Metres of a micro-degree of latitude.
const MICRO: f64 = 0.111_195;

/// Metres along the great circle.
#[must_use]
pub fn metres(a: Position, b: Position) -> f64 {
    let rad = |micro: i32| (f64::from(micro) / 1e6).to_radians();
    let (p, q) = (rad(a.lat), rad(b.lat));
    let (dp, dl) = (q - p, rad(b.lon) - rad(a.lon));
    let h = (dp / 2.0).sin().powi(2) + p.cos() * q.cos() * (dl / 2.0).sin().powi(2);
    2.0 * EARTH * h.sqrt().min(1.0).asin()
}

/// Where `at` lies from `from` in metres east and north, as on a flat map around `from`: good for a few hundred
/// kilometres.
fn flat(from: Position, at: Position) -> (f64, f64) {
    let shrink = (f64::from(from.lat) / 1e6).to_radians().cos();
    let mut east = f64::from(at.lon) - f64::from(from.lon);
    // The short way round.
    if east > 180e6 {
        east -= 360e6;
    } else if east < -180e6 {
        east += 360e6;
    }
    (east * MICRO * shrink, (f64::from(at.lat) - f64::from(from.lat)) * MICRO)
}

/// How near the line from `a` to `b` comes to `centre`, in metres.
#[must_use]
pub fn nearest(a: Position, b: Position, centre: Position) -> f64 {
    let ((ax, ay), (bx, by)) = (flat(centre, a), flat(centre, b));
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { (-(ax * dx + ay * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (ax + along * dx).hypot(ay + along * dy)
}

/// How far along the line from `a` to `b` the point nearest to `at` lies, 0 to 1.
#[must_use]
pub fn along(a: Position, b: Position, at: Position) -> f64 {
    let ((ax, ay), (bx, by)) = (flat(at, a), flat(at, b));
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    if length > 0.0 { (-(ax * dx + ay * dy) / length).clamp(0.0, 1.0) } else { 0.0 }
}

/// The corners, south-west and north-east, of a square around a circle.
#[must_use]
pub fn around(centre: Position, radius: f64) -> (Position, Position) {
    let shrink = (f64::from(centre.lat) / 1e6).to_radians().cos().max(0.01);
    let (north, east) = ((radius / MICRO).ceil(), (radius / (MICRO * shrink)).ceil());
    let at = |n: f64, e: f64| Position {
        lat: (f64::from(centre.lat) + n).clamp(-90e6, 90e6) as i32,
        lon: (f64::from(centre.lon) + e).clamp(-180e6, 180e6) as i32,
    };
    (at(-north, -east), at(north, east))
}

/// Which part of the line from `a` to `b` lies within `radius` metres of `centre`, 0 to 1.
#[must_use]
pub fn part_within(a: Position, b: Position, centre: Position, radius: f64) -> f64 {
    let ((ax, ay), (bx, by)) = (flat(centre, a), flat(centre, b));
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    if length <= 0.0 {
        return if ax.hypot(ay) <= radius { 1.0 } else { 0.0 };
    }
    let half = (ax * dx + ay * dy) / length;
    let under = half * half - (ax * ax + ay * ay - radius * radius) / length;
    if under <= 0.0 {
        return 0.0;
    }
    let root = under.sqrt();
    ((-half + root).clamp(0.0, 1.0) - (-half - root).clamp(0.0, 1.0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn berlin_and_hamburg_are_255_km_apart() {
        let metres = metres(at(52.52, 13.405), at(53.5511, 9.9937));
        assert!((254_000.0..256_500.0).contains(&metres), "{metres}");
        assert_eq!(super::metres(at(1.0, 2.0), at(1.0, 2.0)), 0.0);
    }

    #[test]
    fn a_line_through_a_circle_lies_in_it_for_its_chord() {
        let (a, b, centre) = (at(0.0, -0.1), at(0.0, 0.1), at(0.0, 0.0));
        assert!(nearest(a, b, centre) < 1.0);
        let radius = metres(at(0.0, 0.0), at(0.0, 0.05));
        assert!((part_within(a, b, centre, radius) - 0.5).abs() < 0.01);
        assert_eq!(part_within(a, b, at(1.0, 0.0), radius), 0.0);
        assert_eq!(part_within(a, a, a, 1.0), 1.0);
        // Across the date line, the short way.
        assert!(nearest(at(0.0, 179.9), at(0.0, -179.9), at(0.0, 180.0)) < 50.0);
    }
}
