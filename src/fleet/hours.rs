//! A time of day on the depot's wall clock, and spans of it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Minutes since local midnight, 0 to 1440: `07:30` in JSON, an integer in stored records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// So many minutes after midnight; none beyond 24:00.
    #[must_use]
    pub const fn minutes(minutes: u16) -> Option<Self> {
        if minutes <= DAY { Some(Self(minutes)) } else { None }
    }

    /// The whole hour `hour`, the end of the day beyond it.
    #[must_use]
    pub const fn hour(hour: u16) -> Self {
        if hour < 24 { Self(hour * 60) } else { Self(DAY) }
    }

    /// Hours since midnight, with a fraction.
    #[must_use]
    pub fn hours(self) -> f64 {
        f64::from(self.0) / 60.0
    }

    /// The moment the wall clock in `zone` shows it on `day`; 24:00 is midnight of the next day.
    ///
    /// # Errors
    /// When that day can't be placed in time.
    pub fn on(self, day: Date, zone: &TimeZone) -> Result<Timestamp, String> {
        let day = if self.0 == DAY { day.tomorrow().map_err(|e| e.to_string())? } else { day };
        let minutes = self.0 % DAY;
        let (hour, minute) = (i8::try_from(minutes / 60), i8::try_from(minutes % 60));
        let (Ok(hour), Ok(minute)) = (hour, minute) else { return Err(format!("{self} is no time of day")) };
        Timestamp::from_civil(day.at(hour, minute, 0, 0), zone)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    /// Reads `7:30`, `07:30` or `24:00`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no time of day; write it as 07:30");
        let (hours, minutes) = text.trim().split_once(':').ok_or_else(bad)?;
        let number = |t: &str, most: u16| -> Option<u16> {
            let digits = (1..=2).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
            t.parse().ok().filter(|n| digits && *n <= most)
        };
        let (hours, minutes) = (number(hours, 24).ok_or_else(bad)?, number(minutes, 59).ok_or_else(bad)?);
        Self::minutes(hours * 60 + minutes).ok_or_else(bad)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_u16(self.0) }
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(d)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            let minutes = u16::deserialize(d)?;
            Self::minutes(minutes).ok_or_else(|| serde::de::Error::custom("beyond 24:00"))
        }
    }
}

/// From when to when, on one day; the end lies behind the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Not before, such as 07:30.
    #[schema(value_type = String)]
    pub from: TimeOfDay,
    /// Not after, such as 16:00.
    #[schema(value_type = String)]
    pub to: TimeOfDay,
}

impl Hours {
    /// What lies in both; the end may then lie before the beginning.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_shown_and_placed_on_a_day() {
        let at = |t: &str| t.parse::<TimeOfDay>();
        assert_eq!(at("7:30").unwrap().to_string(), "07:30");
        assert_eq!(at("24:00").unwrap(), TimeOfDay::hour(24));
        for bad in ["24:01", "7", "07:60", "25:00", "-1:00", "+7:00", "7:3a", ""] {
            assert!(at(bad).unwrap_err().contains("07:30"), "{bad}");
        }
        let (zone, day) = (TimeZone::get("Europe/Berlin").unwrap(), jiff::civil::date(2026, 7, 1));
        let on = |t: &str| at(t).unwrap().on(day, &zone).unwrap().to_string();
        assert_eq!(on("07:30"), "2026-07-01T05:30:00Z");
        assert_eq!(on("24:00"), "2026-07-01T22:00:00Z");
    }

    #[test]
    fn stored_as_minutes_and_written_as_text() {
        let hours = Hours { from: TimeOfDay::hour(7), to: TimeOfDay::hour(16) };
        assert_eq!(serde_json::to_string(&hours).unwrap(), r#"{"from":"07:00","to":"16:00"}"#);
        let bytes = rmp_serde::to_vec_named(&hours).unwrap();
        assert_eq!(rmp_serde::from_slice::<Hours>(&bytes).unwrap(), hours);
    }
}
