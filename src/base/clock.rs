//! Time. Only this file reads a clock; everything else is told what time it is.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since 1970-01-01T00:00:00Z. RFC 3339 in JSON, an integer in stored records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment the store can order: 1970.
    pub const ZERO: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z; later ones are refused at the edge.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since 1970, clamped to what can be written as a date.
    #[must_use]
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(-62_135_596_800_000, Self::MAX.0))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, 0 for anything earlier: the form clocks and index keys use.
    #[must_use]
    pub fn unsigned(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// This moment moved by `d`.
    #[must_use]
    pub fn after(self, d: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment moved back by `d`.
    #[must_use]
    pub fn before(self, d: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The calendar day and time of day in `zone`.
    #[must_use]
    pub fn civil(self, zone: &TimeZone) -> DateTime {
        zone.to_datetime(self.to_jiff())
    }

    /// The calendar day in `zone`.
    #[must_use]
    pub fn day(self, zone: &TimeZone) -> civil::Date {
        self.civil(zone).date()
    }

    /// As jiff's instant.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Reads RFC 3339, or a local date or date-time without a zone, which is then meant in `zone`
    /// (a local time that daylight saving skips is moved forward by the gap).
    ///
    /// # Errors
    /// A sentence that names what was given and what is expected.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::from_millis(t.as_millisecond()));
        }
        let local = text
            .parse::<DateTime>()
            .or_else(|_| text.parse::<civil::Date>().map(|d| d.to_datetime(civil::Time::midnight())));
        let local = local.map_err(|_| format!("\"{text}\" is not a time; write 2026-05-31T18:00:00Z, or 2026-05-31T18:00 in the depot's zone"))?;
        Self::from_civil(local, zone)
    }

    /// The moment a wall clock in `zone` shows `local`.
    ///
    /// # Errors
    /// When the moment lies outside the years jiff can hold.
    pub fn from_civil(local: DateTime, zone: &TimeZone) -> Result<Self, String> {
        let at = zone.to_timestamp(local).map_err(|e| format!("{local} cannot be placed in time: {e}"))?;
        Ok(Self::from_millis(at.as_millisecond()))
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(t: jiff::Timestamp) -> Self {
        Self::from_millis(t.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl utoipa::__dev::ComposeSchema for Timestamp {
    fn compose(
        _: Vec<utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>>,
    ) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let string =
            utoipa::openapi::schema::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
        string.format(Some(utoipa::openapi::schema::SchemaFormat::Custom("date-time".into()))).into()
    }
}

impl utoipa::ToSchema for Timestamp {}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(d)?;
            Self::parse(&text, &TimeZone::UTC).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(d).map(Self::from_millis)
        }
    }
}

/// Time since this process first asked: for measuring how long something takes, never for telling what time it is.
#[must_use]
pub fn elapsed() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed()
}

/// Where `now` comes from: the wall, or a hand set by a test, a replay or a simulation.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    Wall,
    /// A clock that stands where it is put.
    Hand(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that shows `at` until it is moved.
    #[must_use]
    pub fn hand(at: Timestamp) -> Self {
        Self::Hand(Arc::new(AtomicI64::new(at.0)))
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::from(jiff::Timestamp::now()),
            Self::Hand(at) => Timestamp(at.load(Ordering::Acquire)),
        }
    }

    /// Moves a hand clock; the wall can't be moved and stays.
    pub fn set(&self, at: Timestamp) {
        if let Self::Hand(hand) = self {
            hand.store(at.0, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_meant_at_the_depot() {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let at = Timestamp::parse("2018-10-18T00:00:00", &zone).unwrap();
        assert_eq!(at.to_string(), "2018-10-18T03:00:00Z");
        assert_eq!(Timestamp::parse("2018-10-18T03:00:00Z", &zone).unwrap(), at);
        assert_eq!(Timestamp::parse("2018-10-18", &zone).unwrap(), at);
        assert!(Timestamp::parse("yesterday", &zone).unwrap_err().contains("\"yesterday\" is not a time"));
    }

    #[test]
    fn a_clock_set_by_hand_stands_still() {
        let clock = Clock::hand(Timestamp::from_millis(5));
        assert_eq!(clock.now().millis(), 5);
        clock.set(clock.now().after(Duration::from_secs(1)));
        assert_eq!(clock.now().millis(), 1005);
    }
}
