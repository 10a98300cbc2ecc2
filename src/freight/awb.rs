//! Air waybill numbers: three digits of the airline, seven of the serial, and the check digit, which is the serial
//! modulo 7 (IATA resolution 600a). The airline's digits are no part of the sum, and a check digit is never above 6.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits of a number.
const DIGITS: usize = 11;
/// Characters of a number as people write it, at the most.
pub const MAX_WRITTEN: usize = 32;

/// The number of a master air waybill, 11 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Awb(String);

/// Why a text is no air waybill number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwbError {
    /// It has not the form.
    #[error(
        "\"{0}\" is no air waybill number; write the airline's 3 digits and 8 more, such as 020-12345675"
    )]
    Shape(String),
    /// Its check digit is wrong.
    #[error(
        "{number} is mistyped: its check digit should be {expected} and is {given}; look at the paper again"
    )]
    Check {
        /// As it was given, with its hyphen.
        number: String,
        /// The digit that would be right.
        expected: u8,
        /// The digit that stands there.
        given: u8,
    },
}

impl Awb {
    /// Reads a number with or without hyphen and blanks.
    ///
    /// # Errors
    /// When it has not 11 digits, or the check digit is wrong: then the right one is named.
    pub fn parse(text: &str) -> Result<Self, AwbError> {
        let awb = Self::as_written(text)?;
        let (expected, given) = (awb.expected(), awb.0.as_bytes()[DIGITS - 1] - b'0');
        if expected == given {
            Ok(awb)
        } else {
            Err(AwbError::Check { number: awb.to_string(), expected, given })
        }
    }

    /// Reads a number whatever its check digit: for a paper that somebody has looked at twice.
    ///
    /// # Errors
    /// When it has not 11 digits.
    pub fn as_written(text: &str) -> Result<Self, AwbError> {
        let shape = || AwbError::Shape(text.chars().take(MAX_WRITTEN).collect());
        if text.len() > MAX_WRITTEN {
            return Err(shape());
        }
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let fits = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        if fits { Ok(Self(digits)) } else { Err(shape()) }
    }

    /// The check digit its serial asks for, 0 to 6.
    #[must_use]
    pub fn expected(&self) -> u8 {
        self.0.bytes().skip(3).take(7).fold(0, |rest, d| (rest * 10 + (d - b'0')) % 7)
    }

    /// Whether its check digit is right.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.bytes().last().is_some_and(|d| d - b'0' == self.expected())
    }

    /// The airline's three digits.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }

    /// All 11 digits.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Awb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix(), self.0.get(3..).unwrap_or_default())
    }
}

impl FromStr for Awb {
    type Err = AwbError;
    fn from_str(s: &str) -> Result<Self, AwbError> {
        Self::parse(s)
    }
}

impl Serialize for Awb {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Awb {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() {
            return Ok(Self::default());
        }
        Self::as_written(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn the_trades_examples_hold_and_a_wrong_one_is_told_the_right_digit() {
        for good in ["020-12345675", "176-98765435", "999-00000011", "02012345675", " 020 1234 5675 "] {
            assert!(Awb::parse(good).is_ok(), "{good}");
        }
        let why = Awb::parse("176-98765432").unwrap_err();
        assert_eq!(
            why,
            AwbError::Check { number: "176-98765432".into(), expected: 5, given: 2 },
            "a sample in a public glossary, and wrong all the same"
        );
        assert!(why.to_string().contains("should be 5"), "{why}");
        assert!(Awb::parse("020-12345678").unwrap_err().to_string().contains("should be 5"));
        for bad in ["", "020-1234567", "020-123456755", "O20-12345675", "020-1234567５", "020/12345675"] {
            assert!(matches!(Awb::parse(bad), Err(AwbError::Shape(_))), "{bad}");
        }
        assert_eq!(Awb::as_written("176-98765432").unwrap().to_string(), "176-98765432");
    }

    proptest! {
        #[test]
        fn every_serial_has_one_digit_and_prints_as_it_reads(prefix in 0u32..1000, serial in 0u32..10_000_000) {
            let good: Vec<Awb> = (0..10)
                .filter_map(|d| Awb::parse(&format!("{prefix:03}-{serial:07}{d}")).ok())
                .collect();
            prop_assert_eq!(good.len(), 1);
            prop_assert_eq!(u32::from(good[0].expected()), serial % 7);
            prop_assert_eq!(good[0].to_string().parse::<Awb>().unwrap(), good[0].clone());
        }

        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            let _ = (Awb::parse(&text), Awb::as_written(&text));
            prop_assert!(Awb::parse(&"0".repeat(MAX_WRITTEN + 1)).is_err());
        }
    }
}
