//! Places on the globe: a ten-millionth of a degree is a centimetre, and fits four bytes.

use serde::{Deserialize, Serialize};

/// The mean radius of the Earth in metres (IUGG).
pub const RADIUS_M: f64 = 6_371_008.8;
const PER_DEGREE: f64 = 1e7;

/// A WGS 84 position in ten-millionths of a degree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spot {
    /// North.
    pub lat: i32,
    /// East.
    pub lon: i32,
}

impl Spot {
    /// From degrees.
    ///
    /// # Errors
    /// When it is not on this planet, or is the place 0, 0 that receivers say when they know none.
    pub fn new(lat: f64, lon: f64) -> Result<Self, String> {
        if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
            return Err(format!("{lat}, {lon} is no position: -90 to 90 north and -180 to 180 east"));
        }
        let spot = Self { lat: (lat * PER_DEGREE).round() as i32, lon: (lon * PER_DEGREE).round() as i32 };
        if spot == Self::default() {
            return Err("0, 0 is what a receiver says when it does not know where it is".into());
        }
        Ok(spot)
    }

    /// Degrees north and east.
    #[must_use]
    pub fn degrees(self) -> (f64, f64) {
        (f64::from(self.lat) / PER_DEGREE, f64::from(self.lon) / PER_DEGREE)
    }

    /// Metres to `other` over the ground (haversine).
    #[must_use]
    pub fn metres(self, other: Self) -> f64 {
        let ((lat, lon), (to_lat, to_lon)) = (self.degrees(), other.degrees());
        let half = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
        let x = half(lat, to_lat) + lat.to_radians().cos() * to_lat.to_radians().cos() * half(lon, to_lon);
        2.0 * RADIUS_M * x.sqrt().min(1.0).asin()
    }

    /// The name of the area it lies in: a cell of a fiftieth of a degree, two kilometres or less.
    #[must_use]
    pub fn area(self) -> String {
        let cell = |v: i32| v.div_euclid(200_000);
        format!("{}:{}", cell(self.lat), cell(self.lon))
    }
}

/// Whether `spot` lies in the polygon with these corners (even-odd rule).
#[must_use]
pub fn contains(corners: &[Spot], spot: Spot) -> bool {
    let mut inside = false;
    for (n, a) in corners.iter().enumerate() {
        let b = corners[(n + corners.len() - 1) % corners.len()];
        if (a.lat > spot.lat) != (b.lat > spot.lat) {
            let share = f64::from(spot.lat - a.lat) / f64::from(b.lat - a.lat);
            if f64::from(spot.lon) < f64::from(a.lon) + share * f64::from(b.lon - a.lon) {
                inside = !inside;
            }
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Spot {
        Spot::new(lat, lon).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        // A degree of latitude, and from Paris to London by the same radius.
        assert!((at(10.0, 5.0).metres(at(11.0, 5.0)) - 111_195.0).abs() < 1.0);
        assert!((at(48.8566, 2.3522).metres(at(51.5074, -0.1278)) - 343_557.0).abs() < 100.0);
        assert!((at(0.0, 179.9).metres(at(0.0, -179.9)) - 22_239.0).abs() < 1.0);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (lat, lon) in [(90.1, 0.0), (0.0, 180.1), (f64::NAN, 0.0), (0.0, 0.0)] {
            assert!(Spot::new(lat, lon).is_err(), "{lat}, {lon}");
        }
        assert_eq!(at(-90.0, 180.0).degrees(), (-90.0, 180.0));
    }

    #[test]
    fn a_polygon_holds_what_lies_inside() {
        let yard = [at(1.0, 1.0), at(1.0, 3.0), at(3.0, 3.0), at(3.0, 1.0)];
        assert!(contains(&yard, at(2.0, 2.0)) && contains(&yard, at(1.1, 2.9)));
        assert!(
            !contains(&yard, at(0.9, 2.0)) && !contains(&yard, at(2.0, 3.1)) && !contains(&[], at(2.0, 2.0))
        );
    }
}
