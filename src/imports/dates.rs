//! Dates as files write them, and which of two readings a column means. `3/4/2018` alone can't tell: all values
//! of its column together mostly can.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;

/// In which order a date names its parts. Year first is always read, whatever the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `2018-02-21`, `2018-02-21 16:13:46.5-03:00`
    Iso,
    /// `21/02/2018 16:13`
    DayFirst,
    /// `2/21/2018 4:13 PM`
    MonthFirst,
}

impl DateForm {
    /// The form as people write it.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Iso => "YYYY-MM-DD HH:MM:SS",
            Self::DayFirst => "DD/MM/YYYY HH:MM",
            Self::MonthFirst => "MM/DD/YYYY HH:MM",
        }
    }

    /// The form as the saved mapping writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::DayFirst => "day_first",
            Self::MonthFirst => "month_first",
        }
    }
}

/// How one date can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Year first.
    Iso,
    /// Day first only.
    DayOnly,
    /// Month first only.
    MonthOnly,
    /// Both ways, as different days.
    Both,
    /// Both ways, as the same day: `5/5/2018`.
    Same,
    /// Not at all.
    Neither,
}

/// A date taken apart: three numbers in the order they stand in, the time and the zone if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    numbers: [i16; 3],
    year_first: bool,
    separator: u8,
    time: Time,
    offset: Option<Offset>,
}

/// Takes digits off the front: at least one and at most `most`.
fn number(text: &mut &[u8], most: usize) -> Option<(i32, usize)> {
    let n = text.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
    let value = text[..n].iter().fold(0, |v, b| v * 10 + i32::from(b - b'0'));
    *text = &text[n..];
    (n > 0).then_some((value, n))
}

/// Takes `byte` off the front.
fn eat(text: &mut &[u8], byte: u8) -> bool {
    let found = text.first() == Some(&byte);
    *text = &text[usize::from(found)..];
    found
}

impl Parts {
    /// Takes `text` apart. Years have four digits, or two at the end, which are meant in this century. Hours go
    /// to 24 or carry AM or PM; a zone is `Z`, `UTC`, `GMT` or an offset such as `-03:00`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let mut rest = text.trim().as_bytes();
        let (first, digits) = number(&mut rest, 4)?;
        let separator = *rest.first().filter(|b| matches!(b, b'/' | b'-' | b'.'))?;
        eat(&mut rest, separator);
        let (second, second_digits) = number(&mut rest, 2)?;
        if !eat(&mut rest, separator) {
            return None;
        }
        let (mut third, third_digits) = number(&mut rest, 4)?;
        let year_first = digits == 4;
        match (digits, second_digits, third_digits) {
            (4, _, 1 | 2) | (1 | 2, _, 4) => {}
            (1 | 2, _, 2) => third += 2000,
            _ => return None,
        }
        let (time, offset) = clock(rest)?;
        let small = |n: i32| i16::try_from(n).ok();
        Some(Self {
            numbers: [small(first)?, small(second)?, small(third)?],
            year_first,
            separator,
            time,
            offset,
        })
    }

    /// How the date can be read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        if self.year_first {
            return if self.date(DateForm::Iso).is_some() { Reading::Iso } else { Reading::Neither };
        }
        match (self.date(DateForm::DayFirst), self.date(DateForm::MonthFirst)) {
            (Some(a), Some(b)) if a == b => Reading::Same,
            (Some(_), Some(_)) => Reading::Both,
            (Some(_), None) => Reading::DayOnly,
            (None, Some(_)) => Reading::MonthOnly,
            (None, None) => Reading::Neither,
        }
    }

    /// The calendar day in `form`.
    #[must_use]
    pub fn date(&self, form: DateForm) -> Option<Date> {
        let [a, b, c] = self.numbers;
        let (year, month, day) = match form {
            _ if self.year_first => (a, b, c),
            DateForm::Iso => return None,
            DateForm::DayFirst => (c, b, a),
            DateForm::MonthFirst => (c, a, b),
        };
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }
}

/// The time of day and the zone behind a date. Nothing at all is midnight without a zone.
fn clock(mut rest: &[u8]) -> Option<(Time, Option<Offset>)> {
    if rest.is_empty() {
        return Some((Time::midnight(), None));
    }
    if !eat(&mut rest, b'T') && !eat(&mut rest, b' ') {
        return None;
    }
    rest = rest.trim_ascii_start();
    let (mut hour, _) = number(&mut rest, 2)?;
    if !eat(&mut rest, b':') {
        return None;
    }
    let (minute, _) = number(&mut rest, 2).filter(|m| m.1 == 2)?;
    let (mut second, mut nanos) = (0, 0);
    if eat(&mut rest, b':') {
        second = number(&mut rest, 2).filter(|s| s.1 == 2)?.0;
        if eat(&mut rest, b'.') || eat(&mut rest, b',') {
            let (fraction, digits) = number(&mut rest, 9)?;
            nanos = fraction * 10_i32.pow(9 - u32::try_from(digits).ok()?);
        }
    }
    rest = rest.trim_ascii_start();
    let half = rest.get(..2).map(<[u8]>::to_ascii_uppercase).filter(|h| h == b"AM" || h == b"PM");
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if half == b"PM" { 12 } else { 0 };
        rest = rest[2..].trim_ascii_start();
    }
    let small = |n: i32| i8::try_from(n).ok();
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    Some((time, zone(rest)?))
}

/// `Z`, `UTC`, `GMT`, `-03:00`, `-0300`, `-03` or nothing; None when it is something else.
#[allow(clippy::option_option)] // "no zone" and "no sense" are different answers
fn zone(mut rest: &[u8]) -> Option<Option<Offset>> {
    match rest {
        b"" => return Some(None),
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Some(Offset::UTC)),
        _ => {}
    }
    let west = eat(&mut rest, b'-');
    if !west && !eat(&mut rest, b'+') {
        return None;
    }
    let (hours, _) = number(&mut rest, 2).filter(|h| h.1 == 2)?;
    eat(&mut rest, b':');
    let minutes = if rest.is_empty() { 0 } else { number(&mut rest, 2).filter(|m| m.1 == 2)?.0 };
    if !rest.is_empty() || minutes > 59 {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    Offset::from_seconds(if west { -seconds } else { seconds }).ok().map(Some)
}

/// Reads `text` in `form`; a time without a zone is meant in `zone`.
///
/// # Errors
/// A clause that says what is wrong with it and what is expected.
pub fn read(text: &str, form: DateForm, zone: &TimeZone) -> Result<Timestamp, String> {
    let wrong = || format!("\"{}\" is not a time of the form {}", super::shown(text), form.pattern());
    let parts = Parts::of(text).ok_or_else(wrong)?;
    let local = parts.date(form).ok_or_else(wrong)?.to_datetime(parts.time);
    let at = match parts.offset {
        Some(offset) => {
            let at =
                offset.to_timestamp(local).map_err(|e| format!("{local} cannot be placed in time: {e}"))?;
            Timestamp::from(at)
        }
        None => Timestamp::from_civil(local, zone)?,
    };
    if at < Timestamp::ZERO || at > Timestamp::MAX {
        return Err(format!("\"{}\" lies outside the years 1970 to 9999", super::shown(text)));
    }
    Ok(at)
}

/// How the dates of one column are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateTally {
    /// Year first.
    pub iso: u64,
    /// Readable day first only.
    pub day_only: u64,
    /// Readable month first only.
    pub month_only: u64,
    /// Readable both ways, as different days.
    pub both_ways: u64,
    /// Readable both ways, as the same day.
    pub same: u64,
    /// Not readable.
    pub unreadable: u64,
    /// Of those readable both ways, how many part their numbers by `/`.
    pub slashed: u64,
}

impl DateTally {
    /// Counts one value that is not blank.
    pub fn note(&mut self, text: &str) {
        let parts = Parts::of(text);
        let slot = match parts.map_or(Reading::Neither, |p| p.reading()) {
            Reading::Iso => &mut self.iso,
            Reading::DayOnly => &mut self.day_only,
            Reading::MonthOnly => &mut self.month_only,
            Reading::Same => &mut self.same,
            Reading::Neither => &mut self.unreadable,
            Reading::Both => {
                self.slashed += u64::from(parts.is_some_and(|p| p.separator == b'/'));
                &mut self.both_ways
            }
        };
        *slot += 1;
    }

    /// What the values themselves say. None when they say nothing or contradict one another.
    #[must_use]
    pub fn evidence(&self) -> Option<DateForm> {
        match (self.day_only, self.month_only) {
            (0, 0) => None,
            (_, 0) => Some(DateForm::DayFirst),
            (0, _) => Some(DateForm::MonthFirst),
            _ => None,
        }
    }

    /// The form of the column: what the saved mapping says, else what most values say, else `hint`. Dates parted
    /// by dots or hyphens are day first when nothing else is known: nobody writes the month first that way.
    #[must_use]
    pub fn settle(&self, saved: Option<DateForm>, hint: Option<DateForm>) -> DateForm {
        let numbered = self.day_only + self.month_only + self.both_ways + self.same > 0;
        match saved {
            Some(form @ (DateForm::DayFirst | DateForm::MonthFirst)) => form,
            _ if !numbered => DateForm::Iso,
            _ if self.day_only > self.month_only => DateForm::DayFirst,
            _ if self.day_only < self.month_only => DateForm::MonthFirst,
            _ if self.slashed < self.both_ways => DateForm::DayFirst,
            _ => hint.unwrap_or(DateForm::MonthFirst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, form: DateForm) -> Result<String, String> {
        read(text, form, &TimeZone::get("America/Sao_Paulo").unwrap()).map(|t| t.to_string())
    }

    #[test]
    fn times_of_all_forms_are_read() {
        for (text, form, want) in [
            ("2018-02-21", DateForm::Iso, "2018-02-21T03:00:00Z"),
            ("2018-02-21T16:13", DateForm::Iso, "2018-02-21T19:13:00Z"),
            ("2018-02-21 16:13:46.5", DateForm::Iso, "2018-02-21T19:13:46.5Z"),
            ("2018-02-21 16:13:46Z", DateForm::DayFirst, "2018-02-21T16:13:46Z"),
            ("2018-02-21T16:13:46-0300", DateForm::Iso, "2018-02-21T19:13:46Z"),
            ("2018-02-21T16:13:46 +05:30", DateForm::Iso, "2018-02-21T10:43:46Z"),
            ("21/02/2018 16:13", DateForm::DayFirst, "2018-02-21T19:13:00Z"),
            ("3.4.2018", DateForm::DayFirst, "2018-04-03T03:00:00Z"),
            ("3-4-2018 1:05", DateForm::MonthFirst, "2018-03-04T04:05:00Z"),
            ("2/21/18 4:13 pm", DateForm::MonthFirst, "2018-02-21T19:13:00Z"),
            ("2/21/2018 12:00:01 AM", DateForm::MonthFirst, "2018-02-21T03:00:01Z"),
        ] {
            assert_eq!(at(text, form).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_form_expected() {
        for text in [
            "",
            "soon",
            "2018",
            "13/13/2018",
            "30/02/2018",
            "2018-02-30",
            "1/2/3",
            "1/2-2018",
            "0000-00-00 00:00:00",
            "2018-02-21T",
            "2018-02-21 24:00",
            "2018-02-21 1:2",
            "2018-02-21 13:00 PM",
            "2018-02-21 10:00 EST",
            "1899-12-30",
            "2018-02-21T16:13+3",
            "1000000000000",
            "é/é/2018",
        ] {
            assert!(at(text, DateForm::DayFirst).is_err(), "{text}");
        }
        assert_eq!(
            at("2/21/2018", DateForm::DayFirst).unwrap_err(),
            "\"2/21/2018\" is not a time of the form DD/MM/YYYY HH:MM"
        );
    }

    fn tally(texts: &[&str]) -> DateTally {
        let mut tally = DateTally::default();
        texts.iter().for_each(|t| tally.note(t));
        tally
    }

    #[test]
    fn one_value_decides_for_its_column_unless_the_mapping_does() {
        let day = tally(&["3/4/2018", "5/5/2018", "13/4/2018"]);
        assert_eq!((day.both_ways, day.same, day.evidence()), (1, 1, Some(DateForm::DayFirst)));
        assert_eq!(day.settle(None, Some(DateForm::MonthFirst)), DateForm::DayFirst);
        assert_eq!(day.settle(Some(DateForm::MonthFirst), None), DateForm::MonthFirst);
        let open = tally(&["3/4/2018"]);
        assert_eq!(open.settle(None, None), DateForm::MonthFirst);
        assert_eq!(open.settle(None, Some(DateForm::DayFirst)), DateForm::DayFirst);
        assert_eq!(tally(&["3.4.2018"]).settle(None, None), DateForm::DayFirst);
        assert_eq!(tally(&["2018-03-04"]).settle(None, None), DateForm::Iso);
        assert_eq!(tally(&["13/4/2018", "4/13/2018", "4/14/2018"]).settle(None, None), DateForm::MonthFirst);
    }
}
