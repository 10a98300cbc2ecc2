//! When something that runs again and again is next due, on the wall clock of a zone.
//!
//! A local time that the start of daylight saving skips runs at the moment the gap ends; one that its end repeats
//! runs once, the first time. After an outage a schedule is asked from now on, so what was missed runs once, not
//! as often as it was missed.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};

/// The most minutes between two runs: a week. Rarer things have a weekday or a day of the month.
pub const MAX_EVERY_MINUTES: u32 = 10_080;

const MINUTE_MS: i64 = 60_000;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names of the days
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// When something runs again. Hours and minutes are the zone's wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// At every multiple of so many minutes since 1970, whatever the wall clock shows.
    EveryMinutes(u32),
    /// Once a day.
    DailyAt {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// Once a week.
    WeeklyAt {
        /// On this day.
        weekday: Weekday,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// Once a month.
    MonthlyAt {
        /// 1 to 31; a month that is shorter runs on its last day.
        day: u8,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
}

impl Schedule {
    /// Whether every number is one that a clock or calendar shows.
    ///
    /// # Errors
    /// Names each that is not.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut problems = Vec::new();
        let mut lies = |pointer: &str, n: u32, low: u32, high: u32| {
            if !(low..=high).contains(&n) {
                problems.push(Problem::new(pointer, format!("is {n}; it must lie in {low}..{high}")));
            }
        };
        match *self {
            Self::EveryMinutes(n) => lies("/every_minutes", n, 1, MAX_EVERY_MINUTES),
            Self::DailyAt { hour, minute }
            | Self::WeeklyAt { hour, minute, .. }
            | Self::MonthlyAt { hour, minute, .. } => {
                lies("/hour", hour.into(), 0, 23);
                lies("/minute", minute.into(), 0, 59);
            }
        }
        if let Self::MonthlyAt { day, .. } = *self {
            lies("/day", day.into(), 1, 31);
        }
        if problems.is_empty() { Ok(()) } else { Err(Invalid(problems)) }
    }

    /// The first run after `after`; [`Timestamp::MAX`] when the calendar has no more days. Numbers that
    /// [`check`](Self::check) refuses are taken as the nearest it accepts.
    #[must_use]
    pub fn next_after(&self, zone: &TimeZone, after: Timestamp) -> Timestamp {
        let time = match *self {
            Self::EveryMinutes(n) => {
                let step = i64::from(n.max(1)) * MINUTE_MS;
                return Timestamp::from_millis((after.millis().div_euclid(step) + 1) * step);
            }
            Self::DailyAt { hour, minute }
            | Self::WeeklyAt { hour, minute, .. }
            | Self::MonthlyAt { hour, minute, .. } => {
                Time::new(small(hour.min(23)), small(minute.min(59)), 0, 0).unwrap_or(Time::midnight())
            }
        };
        let mut from = Some(after.day(zone));
        while let Some(day) = from.and_then(|d| self.day_from(d)) {
            // A run of this very day may lie behind us, even twice: where midnight falls into the repeated hour,
            // tomorrow's first minutes have been already.
            match moment(day.to_datetime(time), zone) {
                Some(at) if at > after => return at,
                _ => from = day.tomorrow().ok(),
            }
        }
        Timestamp::MAX
    }

    /// The first day from `from` on that it runs on.
    fn day_from(&self, from: Date) -> Option<Date> {
        match *self {
            Self::EveryMinutes(_) | Self::DailyAt { .. } => Some(from),
            Self::WeeklyAt { weekday, .. } => {
                let ahead =
                    (weekday as i64 - i64::from(from.weekday().to_monday_zero_offset())).rem_euclid(7);
                from.checked_add(jiff::Span::new().days(ahead)).ok()
            }
            Self::MonthlyAt { day, .. } => {
                let in_month = |d: Date| d.with().day(small(day).clamp(1, d.days_in_month())).build().ok();
                in_month(from).filter(|d| *d >= from).or_else(|| {
                    in_month(from.first_of_month().checked_add(jiff::Span::new().months(1)).ok()?)
                })
            }
        }
    }
}

/// The moment at which the wall clock shows `local` (the first, if twice), or at which it jumps over it.
fn moment(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let at = ambiguous.earlier().ok()?;
    // Read with the later offset, a time inside the gap lies less than the gap before it.
    let at = if skipped { zone.following(at).next()?.timestamp() } else { at };
    Some(Timestamp::from(at))
}

/// jiff counts in `i8`; hours, minutes and days fit.
fn small(n: u8) -> i8 {
    i8::try_from(n).unwrap_or(i8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use std::time::Duration;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text, &TimeZone::UTC).unwrap()
    }

    /// The next `n` runs after `from`, as text.
    fn runs(s: Schedule, name: &str, from: &str, n: usize) -> Vec<String> {
        let zone = zone(name);
        let next = |t: &Timestamp| Some(s.next_after(&zone, *t));
        std::iter::successors(next(&at(from)), next).take(n).map(|t| t.to_string()).collect()
    }

    #[test]
    fn a_skipped_time_runs_when_the_gap_ends() {
        let s = Schedule::DailyAt { hour: 2, minute: 30 };
        let seen = runs(s, "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(seen, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let midnight = Schedule::DailyAt { hour: 0, minute: 0 };
        let seen = runs(midnight, "America/Sao_Paulo", "2018-11-03T12:00:00Z", 2);
        assert_eq!(seen, ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]);
    }

    #[test]
    fn a_repeated_time_runs_once_the_first_time() {
        let s = Schedule::DailyAt { hour: 2, minute: 30 };
        let seen = runs(s, "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(seen, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        assert_eq!(
            s.next_after(&zone("Europe/Berlin"), at("2026-10-25T00:45:00Z")),
            at("2026-10-26T01:30:00Z")
        );
        // Sao Paulo's 23:00 came twice on 2018-02-17, the second time after midnight had been near.
        let late = Schedule::DailyAt { hour: 23, minute: 30 };
        let seen = runs(late, "America/Sao_Paulo", "2018-02-17T12:00:00Z", 2);
        assert_eq!(seen, ["2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"]);
    }

    #[test]
    fn a_day_that_a_country_skipped_runs_when_the_next_begins() {
        // Samoa went from 2011-12-29 straight to 2011-12-31, at 10:00Z.
        let seen = runs(Schedule::DailyAt { hour: 12, minute: 0 }, "Pacific/Apia", "2011-12-29T12:00:00Z", 3);
        assert_eq!(seen, ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]);
    }

    #[test]
    fn weeks_and_months_keep_their_day() {
        let weekly = Schedule::WeeklyAt { weekday: Weekday::Sunday, hour: 2, minute: 30 };
        let seen = runs(weekly, "Europe/Berlin", "2026-03-22T02:00:00Z", 2);
        assert_eq!(seen, ["2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z"]);
        let monthly = Schedule::MonthlyAt { day: 31, hour: 6, minute: 0 };
        let seen = runs(monthly, "UTC", "2028-01-31T06:00:00Z", 3);
        assert_eq!(seen, ["2028-02-29T06:00:00Z", "2028-03-31T06:00:00Z", "2028-04-30T06:00:00Z"]);
    }

    #[test]
    fn minutes_run_evenly_through_every_change_of_the_clock() {
        let seen = runs(Schedule::EveryMinutes(45), "Europe/Berlin", "2026-03-29T00:45:00Z", 3);
        assert_eq!(seen, ["2026-03-29T01:30:00Z", "2026-03-29T02:15:00Z", "2026-03-29T03:00:00Z"]);
    }

    #[test]
    fn after_an_outage_a_schedule_runs_once() {
        let (s, zone) = (Schedule::EveryMinutes(5), zone("UTC"));
        assert_eq!(
            s.next_after(&zone, at("2026-05-01T10:00:00Z").after(Duration::from_secs(90_001))),
            at("2026-05-02T11:05:00Z")
        );
    }

    #[test]
    fn numbers_that_no_clock_shows_are_named() {
        assert!(Schedule::EveryMinutes(MAX_EVERY_MINUTES).check().is_ok());
        for bad in [0, MAX_EVERY_MINUTES + 1] {
            assert!(Schedule::EveryMinutes(bad).check().is_err());
        }
        let err = Schedule::MonthlyAt { day: 0, hour: 24, minute: 60 }.check().unwrap_err();
        assert_eq!(err.0.len(), 3);
        assert_eq!(err.0[0].detail, "is 24; it must lie in 0..23");
        let last = Schedule::DailyAt { hour: 1, minute: 0 }.next_after(&zone("UTC"), Timestamp::MAX);
        assert_eq!(last, Timestamp::MAX);
        let text = r#"{"weekly_at":{"weekday":"friday","hour":6,"minute":0}}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Schedule>(text).unwrap()).unwrap(), text);
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        let weekday = prop_oneof![Just(Weekday::Monday), Just(Weekday::Saturday), Just(Weekday::Sunday)];
        prop_oneof![
            (0u8..24, 0u8..60).prop_map(|(hour, minute)| Schedule::DailyAt { hour, minute }),
            (weekday, 0u8..4, 0u8..60).prop_map(|(weekday, hour, minute)| Schedule::WeeklyAt {
                weekday,
                hour,
                minute
            }),
            (1u8..32, 0u8..24, 0u8..60).prop_map(|(day, hour, minute)| Schedule::MonthlyAt {
                day,
                hour,
                minute
            }),
            (1u32..3_000).prop_map(Schedule::EveryMinutes),
        ]
    }

    proptest! {
        #[test]
        fn the_next_run_is_later_and_nothing_lies_between(s in schedules(), ms in 0i64..4 * 366 * 86_400_000, part in 0.0f64..1.0) {
            let (zone, from) = (zone("Europe/Berlin"), Timestamp::from_millis(1_767_225_600_000 + ms));
            let next = s.next_after(&zone, from);
            prop_assert!(next > from);
            let within = Duration::from_secs_f64(next.since(from).as_secs_f64() * part);
            prop_assert_eq!(s.next_after(&zone, from.after(within).min(next.before(Duration::from_millis(1)))), next);
        }

        #[test]
        fn a_daily_run_happens_once_a_day_at_its_time(hour in 0u8..24, minute in 0u8..60, ms in 0i64..4 * 366 * 86_400_000) {
            let (zone, s) = (zone("Europe/Berlin"), Schedule::DailyAt { hour, minute });
            let first = s.next_after(&zone, Timestamp::from_millis(1_767_225_600_000 + ms));
            let second = s.next_after(&zone, first);
            prop_assert_eq!(second.day(&zone), first.day(&zone).tomorrow().unwrap());
            let shown = second.civil(&zone).time();
            let meant = Time::new(small(hour), small(minute), 0, 0).unwrap();
            prop_assert!(shown == meant || meant.hour() == 2 && shown == Time::constant(3, 0, 0, 0));
        }
    }
}
