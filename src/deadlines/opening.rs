//! When a site works, as its tenant writes it down: openings of the week on the wall clock, and holidays.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::base::error::{Invalid, Problem};
use crate::base::text;

/// Holidays of one calendar at the most: fifty years of a country with its regions.
pub const MAX_HOLIDAYS: usize = 5_000;
/// Openings of one weekday at the most.
pub const MAX_OPENINGS: usize = 24;
/// Minutes of a day on the wall clock; an opening may end there.
pub const DAY_MINUTES: u16 = 1_440;

/// One opening of a day, in minutes of the wall clock since midnight: `from` is inside, `to` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// First minute that is open, 0 to 1439.
    pub from: u16,
    /// First minute that is closed again, up to [`DAY_MINUTES`].
    pub to: u16,
}

/// The openings of each weekday; an empty list is a closed day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // the names of the days
pub struct Week {
    pub monday: Vec<Opening>,
    pub tuesday: Vec<Opening>,
    pub wednesday: Vec<Opening>,
    pub thursday: Vec<Opening>,
    pub friday: Vec<Opening>,
    pub saturday: Vec<Opening>,
    pub sunday: Vec<Opening>,
}

impl Week {
    /// Monday to Friday 08:00-18:00, Saturday 08:00-12:00: what a depot has until somebody says otherwise.
    #[must_use]
    pub fn usual() -> Self {
        let full = || vec![Opening { from: 480, to: 1_080 }];
        Self {
            monday: full(),
            tuesday: full(),
            wednesday: full(),
            thursday: full(),
            friday: full(),
            saturday: vec![Opening { from: 480, to: 720 }],
            sunday: Vec::new(),
        }
    }

    /// The days with their names, Monday first.
    #[must_use]
    pub fn days(&self) -> [(&'static str, &[Opening]); 7] {
        let Self { monday, tuesday, wednesday, thursday, friday, saturday, sunday } = self;
        [
            ("monday", monday),
            ("tuesday", tuesday),
            ("wednesday", wednesday),
            ("thursday", thursday),
            ("friday", friday),
            ("saturday", saturday),
            ("sunday", sunday),
        ]
    }
}

/// When a site works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// Day and night, holidays too.
    Always,
    /// The same every week, closed on holidays.
    Weekly(Week),
}

/// A calendar as its tenant writes it. [`OpeningTimes::check`] says whether it makes sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningTimes {
    /// IANA name of the zone whose wall clock counts, such as `Europe/Berlin`.
    pub zone: String,
    /// The openings of the week.
    pub hours: Hours,
    /// Local days that are closed, with their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub holidays: BTreeMap<Date, String>,
}

impl OpeningTimes {
    /// Whether a site can work by these times; the zone they name when it can.
    ///
    /// # Errors
    /// Names every place that is wrong: an unknown zone, an empty, overlapping or impossible opening, no opening
    /// at all, too many openings or holidays, a holiday's name that is too long.
    pub fn check(&self) -> Result<TimeZone, Invalid> {
        let mut problems = Vec::new();
        let zone = TimeZone::get(&self.zone);
        if zone.is_err() {
            let said =
                format!("\"{}\" is not a time zone; write an IANA name such as Europe/Berlin", self.zone);
            problems.push(Problem::new("/zone", said));
        }
        if let Hours::Weekly(week) = &self.hours {
            if week.days().iter().all(|(_, openings)| openings.is_empty()) {
                let said = "has no opening at all; give at least one weekday hours, or write \"always\"";
                problems.push(Problem::new("/hours", said));
            }
            for (name, openings) in week.days() {
                check_day(&format!("/hours/weekly/{name}"), openings, &mut problems);
            }
        }
        if self.holidays.len() > MAX_HOLIDAYS {
            let said =
                format!("has {} days; at most {MAX_HOLIDAYS} are kept, drop past years", self.holidays.len());
            problems.push(Problem::new("/holidays", said));
        }
        let named = self.holidays.iter().take(MAX_HOLIDAYS);
        problems.extend(
            named.filter_map(|(day, n)| text::optional(&format!("/holidays/{day}"), n, text::SHORT).err()),
        );
        match zone {
            Ok(zone) if problems.is_empty() => Ok(zone),
            _ => Err(Invalid(problems)),
        }
    }
}

fn check_day(pointer: &str, openings: &[Opening], problems: &mut Vec<Problem>) {
    if openings.len() > MAX_OPENINGS {
        let said = format!("has {} openings; at most {MAX_OPENINGS} fit", openings.len());
        problems.push(Problem::new(pointer, said));
        return;
    }
    for (i, Opening { from, to }) in openings.iter().enumerate() {
        if from >= to || *to > DAY_MINUTES {
            let said = format!(
                "{from}-{to} is not an opening; from must be less than to, and to at most {DAY_MINUTES}"
            );
            problems.push(Problem::new(format!("{pointer}/{i}"), said));
        }
    }
    let mut sorted = openings.to_vec();
    sorted.sort_unstable();
    for (a, b) in sorted.iter().zip(sorted.iter().skip(1)).filter(|(a, b)| b.from < a.to) {
        problems.push(Problem::new(
            pointer,
            format!("{}-{} overlaps {}-{}; join them", b.from, b.to, a.from, a.to),
        ));
    }
}

impl Default for OpeningTimes {
    fn default() -> Self {
        Self { zone: "UTC".to_owned(), hours: Hours::Weekly(Week::usual()), holidays: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn monday(openings: &[(u16, u16)]) -> OpeningTimes {
        let monday = openings.iter().map(|&(from, to)| Opening { from, to }).collect();
        OpeningTimes { hours: Hours::Weekly(Week { monday, ..Week::default() }), ..OpeningTimes::default() }
    }

    fn why(times: &OpeningTimes) -> String {
        times.check().unwrap_err().to_string()
    }

    #[test]
    fn every_wrong_place_is_named_at_once() {
        let mut times = monday(&[(480, 720), (700, 800), (900, 900), (1_000, 1_441)]);
        times.zone = "Mars/Olympus".to_owned();
        let why = why(&times);
        for part in [
            "/zone: \"Mars/Olympus\" is not a time zone",
            "/hours/weekly/monday/2: 900-900 is not an opening",
            "/hours/weekly/monday/3: 1000-1441 is not an opening",
            "/hours/weekly/monday: 700-800 overlaps 480-720",
        ] {
            assert!(why.contains(part), "{part} is missing in {why}");
        }
    }

    #[test]
    fn openings_may_touch_and_come_in_any_order() {
        assert!(monday(&[(720, 1_440), (0, 720)]).check().is_ok());
        assert!(why(&monday(&[])).contains("no opening at all"));
    }

    #[test]
    fn one_past_a_limit_is_refused() {
        let fit: Vec<_> = (0..MAX_OPENINGS as u16).map(|i| (i * 60, i * 60 + 30)).collect();
        assert!(monday(&fit).check().is_ok());
        assert!(why(&monday(&[fit, vec![(1_430, 1_440)]].concat())).contains("at most 24"));

        let mut times = OpeningTimes::default();
        let days = date(2000, 1, 1).series(jiff::Span::new().days(1));
        times.holidays = days.take(MAX_HOLIDAYS).map(|d| (d, "x".repeat(text::SHORT))).collect();
        assert!(times.check().is_ok());
        times.holidays.insert(date(1999, 12, 31), String::new());
        assert!(why(&times).contains("at most 5000"));
        times.holidays = BTreeMap::from([(date(2026, 1, 1), "x".repeat(text::SHORT + 1))]);
        assert!(why(&times).contains("/holidays/2026-01-01"));
    }
}
