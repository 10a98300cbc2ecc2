//! Quantities that must not be swapped.

use serde::{Deserialize, Serialize};

/// A weight in grams.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Grams(pub u64);

/// A WGS 84 position in micro-degrees: exact, small and comparable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Position {
    /// Micro-degrees north.
    pub lat: i32,
    /// Micro-degrees east.
    pub lon: i32,
}

impl Position {
    /// From degrees.
    ///
    /// # Errors
    /// When it is not on this planet.
    pub fn from_degrees(lat: f64, lon: f64) -> Result<Self, String> {
        if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
            return Err(format!(
                "{lat}, {lon} is not a position: latitude lies in -90..90 and longitude in -180..180"
            ));
        }
        #[allow(clippy::cast_possible_truncation)] // both lie within +-180 million
        Ok(Self { lat: (lat * 1e6).round() as i32, lon: (lon * 1e6).round() as i32 })
    }
}
