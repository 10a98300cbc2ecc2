//! An address's place, and how sure it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::units::Position;
use crate::first_record;

/// How exact a position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Accuracy {
    /// The very door.
    Exact,
    /// Somewhere in the street.
    Street,
    /// Somewhere where that postcode is.
    Postcode,
    /// Somewhere in the town.
    City,
}

/// Who says where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It came with the request.
    Given,
    /// Somebody put it right.
    Hand,
    /// An earlier stop at that address had it.
    Remembered,
    /// An imported file.
    File,
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The position.
    pub position: Position,
    /// How exact.
    pub accuracy: Accuracy,
    /// Who says so.
    pub source: Source,
}

/// A place put right by hand: it counts before everything else that is known of its address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The address as it is written.
    pub address: String,
    /// Where it is.
    pub position: Position,
    /// Why, or what to look out for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where something is that nobody put right: the address of an earlier stop; a street, a postcode or a town of an
/// imported file, of a town the middle of its postcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The position.
    pub position: Position,
}
first_record!(Known);

/// An address as addresses are compared: its letters and digits in lower case, with single blanks between words.
#[must_use]
pub fn normal(address: &str) -> String {
    let words = address.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// A position in degrees.
#[must_use]
pub fn degrees(at: Position) -> (f64, f64) {
    (f64::from(at.lat) / 1e6, f64::from(at.lon) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_by_their_words() {
        assert_eq!(normal("  123 Main St., City,  ST "), "123 main st city st");
        assert_eq!(normal("Köln-Süd"), "köln süd");
        assert_eq!(normal(" ,."), "");
    }
}
