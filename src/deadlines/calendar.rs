//! Working time: when a site is open, and the moment after so many hours of being open.
//!
//! A calendar is reference data that its tenant edits ([`OpeningTimes`]); a [`Calendar`] is the same data checked
//! and ready to count. Opening times are wall-clock times, counting is real elapsed time: an open hour that the
//! end of daylight saving repeats counts twice, one that its start skips does not exist.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::error::Invalid;

use super::opening::{Hours, Opening, OpeningTimes, Week};

/// Open spans are worked out per block of 2^35 ms (397.7 days), once, when first asked for.
const BLOCK_SHIFT: u32 = 35;
/// Blocks from 1970 on: working time is known until the year 2248, and there is none before or after.
const BLOCKS: usize = 256;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Opening times that are known to make sense, ready to count with. A clone shares what was worked out already.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "OpeningTimes", into = "OpeningTimes")]
pub struct Calendar(Arc<Inner>);

struct Inner {
    times: OpeningTimes,
    zone: TimeZone,
    /// Openings in milliseconds since local midnight, sorted, Monday first; empty for [`Hours::Always`].
    week: [Vec<(i64, i64)>; 7],
    /// Holidays as days since 1970-01-01, sorted.
    holidays: Vec<i64>,
    blocks: Box<[OnceLock<Block>]>,
}

/// The open spans that begin and end inside one block, in order.
#[derive(Default)]
struct Block {
    spans: Vec<Span>,
    /// Open milliseconds of the whole block.
    total: i64,
}

struct Span {
    start: i64,
    end: i64,
    /// Open milliseconds of the block before this span.
    before: i64,
}

impl Calendar {
    /// Checks `times` and prepares to count with them.
    ///
    /// # Errors
    /// As [`OpeningTimes::check`].
    pub fn new(times: OpeningTimes) -> Result<Self, Invalid> {
        let zone = times.check()?;
        let week = match &times.hours {
            Hours::Always => Default::default(),
            Hours::Weekly(week) => week.days().map(|(_, openings)| in_order(openings)),
        };
        let epoch = date(1970, 1, 1);
        let holidays = times.holidays.keys().map(|d| d.duration_since(epoch).as_hours() / 24).collect();
        let blocks = if times.hours == Hours::Always { 0 } else { BLOCKS };
        let blocks = std::iter::repeat_with(OnceLock::new).take(blocks).collect();
        Ok(Self(Arc::new(Inner { times, zone, week, holidays, blocks })))
    }

    /// Open day and night; `zone` only says which day it is.
    ///
    /// # Errors
    /// When `zone` is not an IANA name.
    pub fn always(zone: &str) -> Result<Self, Invalid> {
        Self::new(OpeningTimes { zone: zone.to_owned(), hours: Hours::Always, holidays: BTreeMap::new() })
    }

    /// [`Week::usual`] in `zone`, without holidays.
    ///
    /// # Errors
    /// When `zone` is not an IANA name.
    pub fn usual(zone: &str) -> Result<Self, Invalid> {
        Self::new(OpeningTimes {
            zone: zone.to_owned(),
            hours: Hours::Weekly(Week::usual()),
            holidays: BTreeMap::new(),
        })
    }

    /// The data this was made of.
    #[must_use]
    pub fn times(&self) -> &OpeningTimes {
        &self.0.times
    }

    /// The zone whose wall clock counts.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// The local calendar day at `at`.
    #[must_use]
    pub fn local_day(&self, at: Timestamp) -> Date {
        at.day(&self.0.zone)
    }

    /// Whether `at` lies inside an opening.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let Some((_, block)) = self.place(at.millis()) else { return self.is_always() };
        let next = block.spans.partition_point(|s| s.end <= at.millis());
        block.spans.get(next).is_some_and(|s| s.start <= at.millis())
    }

    /// `at` when it is open then, else the next moment it opens; [`Timestamp::MAX`] when that is never.
    #[must_use]
    pub fn next_open(&self, at: Timestamp) -> Timestamp {
        if self.is_always() {
            return at;
        }
        let at = at.millis();
        let first = usize::try_from(at.max(0) >> BLOCK_SHIFT).unwrap_or(BLOCKS);
        (first..BLOCKS)
            .filter_map(|i| self.block(i))
            .find_map(|block| block.spans.get(block.spans.partition_point(|s| s.end <= at)))
            .map_or(Timestamp::MAX, |span| Timestamp::from_millis(span.start.max(at)))
    }

    /// The earliest moment by which `d` of working time has passed since `from`: `from` itself for no time at all,
    /// closing time (not the next opening) when the day is exactly used up. Whole milliseconds count.
    ///
    /// [`Timestamp::MAX`] when the calendar ends before that. Costs a binary search or two however long `d` is; the
    /// first question about a block also works it out.
    #[must_use]
    pub fn add_working(&self, from: Timestamp, d: Duration) -> Timestamp {
        if self.is_always() {
            return from.after(d);
        }
        let d = i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        if d == 0 {
            return from;
        }
        let at = from.millis().max(0);
        let Some((first, block)) = self.place(at) else { return Timestamp::MAX };
        let mut wanted = d.saturating_add(block.worked(at));
        for block in (first..BLOCKS).filter_map(|i| self.block(i)) {
            if wanted <= block.total {
                let i = block.spans.partition_point(|s| s.before + (s.end - s.start) < wanted);
                return block
                    .spans
                    .get(i)
                    .map_or(Timestamp::MAX, |s| Timestamp::from_millis(s.start + wanted - s.before));
            }
            wanted -= block.total;
        }
        Timestamp::MAX
    }

    /// How much of the time from `a` to `b` was open; zero when `b` is not after `a`.
    #[must_use]
    pub fn working_between(&self, a: Timestamp, b: Timestamp) -> Duration {
        if self.is_always() || b <= a {
            return b.since(a);
        }
        let last = ((BLOCKS as i64) << BLOCK_SHIFT) - 1;
        let (Some((i, first)), Some((j, end))) =
            (self.place(a.millis().clamp(0, last)), self.place(b.millis().clamp(0, last)))
        else {
            return Duration::ZERO;
        };
        let between: i64 = (i..j).filter_map(|n| self.block(n)).map(|block| block.total).sum();
        let worked = between + end.worked(b.millis()) - first.worked(a.millis());
        Duration::from_millis(u64::try_from(worked).unwrap_or(0))
    }

    fn is_always(&self) -> bool {
        self.0.blocks.is_empty()
    }

    fn place(&self, at: i64) -> Option<(usize, &Block)> {
        let i = usize::try_from(at >> BLOCK_SHIFT).ok()?;
        self.block(i).map(|block| (i, block))
    }

    fn block(&self, i: usize) -> Option<&Block> {
        Some(self.0.blocks.get(i)?.get_or_init(|| self.0.work_out((i as i64) << BLOCK_SHIFT)))
    }
}

impl Inner {
    /// The open spans of the block that begins at `begin`. Between two changes of the zone's offset the wall clock
    /// runs evenly, so each such stretch is cut into days by plain arithmetic; gaps and repeats need no rule.
    fn work_out(&self, begin: i64) -> Block {
        let finish = begin + (1 << BLOCK_SHIFT);
        let start = Timestamp::from_millis(begin).to_jiff();
        let mut stretches = vec![(begin, self.zone.to_offset(start))];
        stretches.extend(
            self.zone
                .following(start)
                .map(|t| (t.timestamp().as_millisecond(), t.offset()))
                .take_while(|(at, _)| *at < finish),
        );
        let mut block = Block::default();
        for (n, (from, offset)) in stretches.iter().enumerate() {
            let until = stretches.get(n + 1).map_or(finish, |next| next.0);
            let shift = i64::from(offset.seconds()) * 1_000;
            for day in (from + shift).div_euclid(DAY_MS)..=(until - 1 + shift).div_euclid(DAY_MS) {
                if self.holidays.binary_search(&day).is_ok() {
                    continue;
                }
                // 1970-01-01 was a Thursday.
                let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
                let midnight = day * DAY_MS - shift;
                for (opens, closes) in &self.week[weekday] {
                    block.push((midnight + opens).max(*from), (midnight + closes).min(until));
                }
            }
        }
        block
    }
}

impl Block {
    fn push(&mut self, start: i64, end: i64) {
        if start < end {
            self.spans.push(Span { start, end, before: self.total });
            self.total += end - start;
        }
    }

    /// Open milliseconds of the block before `at`.
    fn worked(&self, at: i64) -> i64 {
        match self.spans.get(self.spans.partition_point(|s| s.end <= at)) {
            Some(span) => span.before + (at - span.start).max(0),
            None => self.total,
        }
    }
}

/// Openings as milliseconds since local midnight.
fn in_order(openings: &[Opening]) -> Vec<(i64, i64)> {
    let mut spans: Vec<_> =
        openings.iter().map(|o| (i64::from(o.from) * MINUTE_MS, i64::from(o.to) * MINUTE_MS)).collect();
    spans.sort_unstable();
    spans
}

impl TryFrom<OpeningTimes> for Calendar {
    type Error = Invalid;
    fn try_from(times: OpeningTimes) -> Result<Self, Invalid> {
        Self::new(times)
    }
}

impl From<Calendar> for OpeningTimes {
    fn from(calendar: Calendar) -> Self {
        calendar.0.times.clone()
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.0.times == other.0.times
    }
}

impl Eq for Calendar {}

impl std::fmt::Debug for Calendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Calendar").field(&self.0.times).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::opening::DAY_MINUTES;
    use super::*;
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
    use std::collections::BTreeMap;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text, &TimeZone::UTC).unwrap()
    }

    fn every_day(zone: &str, openings: &[(u16, u16)]) -> Calendar {
        let day = || openings.iter().map(|&(from, to)| Opening { from, to }).collect::<Vec<_>>();
        let week = Week {
            monday: day(),
            tuesday: day(),
            wednesday: day(),
            thursday: day(),
            friday: day(),
            saturday: day(),
            sunday: day(),
        };
        Calendar::new(OpeningTimes {
            zone: zone.to_owned(),
            hours: Hours::Weekly(week),
            holidays: BTreeMap::new(),
        })
        .unwrap()
    }

    fn berlin_with_may_day() -> Calendar {
        let holidays = BTreeMap::from([(date(2026, 5, 1), "Labour Day".to_owned())]);
        let hours = Hours::Weekly(Week::usual());
        Calendar::new(OpeningTimes { zone: "Europe/Berlin".to_owned(), hours, holidays }).unwrap()
    }

    #[test]
    fn hours_run_over_night_weekend_and_holiday_without_counting_them() {
        let c = berlin_with_may_day();
        // Thursday 30 April, 16:00 at the depot: two hours are left, then the holiday, then four on Saturday.
        let thursday = at("2026-04-30T14:00:00Z");
        assert_eq!(c.add_working(thursday, HOUR), at("2026-04-30T15:00:00Z"));
        assert_eq!(
            c.add_working(thursday, 2 * HOUR),
            at("2026-04-30T16:00:00Z"),
            "closing time, not the next opening"
        );
        assert_eq!(c.add_working(thursday, 3 * HOUR), at("2026-05-02T07:00:00Z"));
        assert_eq!(c.add_working(thursday, 8 * HOUR), at("2026-05-04T08:00:00Z"));
        assert_eq!(c.working_between(thursday, at("2026-05-04T08:00:00Z")), 8 * HOUR);
        assert!(
            c.is_open(thursday)
                && !c.is_open(at("2026-05-01T10:00:00Z"))
                && !c.is_open(at("2026-04-30T16:00:00Z"))
        );
        assert_eq!(c.next_open(at("2026-04-30T16:00:00Z")), at("2026-05-02T06:00:00Z"));
        assert_eq!(c.next_open(thursday), thursday);
        assert_eq!(c.local_day(at("2026-04-30T22:30:00Z")), date(2026, 5, 1));
    }

    #[test]
    fn the_hour_that_spring_skips_does_not_count() {
        // Europe/Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00Z.
        let night = every_day("Europe/Berlin", &[(60, 240)]);
        assert_eq!(night.working_between(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")), 2 * HOUR);
        assert_eq!(
            night.add_working(at("2026-03-29T00:00:00Z"), HOUR + HOUR / 2),
            at("2026-03-29T01:30:00Z")
        );
        let skipped = every_day("Europe/Berlin", &[(120, 180)]);
        assert_eq!(
            skipped.working_between(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")),
            Duration::ZERO
        );
        assert_eq!(skipped.next_open(at("2026-03-29T00:59:59Z")), at("2026-03-30T00:00:00Z"));
    }

    #[test]
    fn the_hour_that_autumn_repeats_counts_twice() {
        // Europe/Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00Z.
        let c = every_day("Europe/Berlin", &[(120, 150)]);
        assert_eq!(c.working_between(at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z")), HOUR);
        assert!(c.is_open(at("2026-10-25T00:10:00Z")) && !c.is_open(at("2026-10-25T00:40:00Z")));
        assert!(c.is_open(at("2026-10-25T01:10:00Z")) && !c.is_open(at("2026-10-25T01:30:00Z")));
        assert_eq!(c.add_working(at("2026-10-25T00:00:00Z"), HOUR), at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn a_day_without_midnight_still_begins() {
        // America/Sao_Paulo, 2018-11-04: 00:00 becomes 01:00 at 03:00Z.
        let c = every_day("America/Sao_Paulo", &[(0, 120), (1_380, 1_440)]);
        assert_eq!(c.working_between(at("2018-11-04T02:00:00Z"), at("2018-11-05T01:00:00Z")), 2 * HOUR);
        assert_eq!(c.add_working(at("2018-11-04T02:00:00Z"), HOUR + HOUR / 2), at("2018-11-04T03:30:00Z"));
        assert!(!c.is_open(at("2018-11-04T04:00:00Z")) && c.is_open(at("2018-11-04T03:00:00Z")));
        assert_eq!(c.local_day(at("2018-11-04T02:59:59Z")), date(2018, 11, 3));
        assert_eq!(c.local_day(at("2018-11-04T03:00:00Z")), date(2018, 11, 4));
    }

    #[test]
    fn round_the_clock_is_plain_time() {
        let c = Calendar::always("Asia/Kolkata").unwrap();
        let t = at("1969-01-01T00:00:00Z");
        assert_eq!(c.add_working(t, 90 * HOUR), t.after(90 * HOUR));
        assert_eq!(c.working_between(t, t.after(HOUR)), HOUR);
        assert!(c.is_open(t) && c.next_open(t) == t);
    }

    #[test]
    fn outside_the_years_it_knows_a_calendar_is_closed() {
        let c = Calendar::usual("Europe/Berlin").unwrap();
        let (old, far) = (at("1950-01-02T10:00:00Z"), at("2300-01-01T10:00:00Z"));
        assert_eq!(c.add_working(old, HOUR), at("1970-01-01T08:00:00Z"), "the first Thursday, at CET");
        assert_eq!(c.add_working(far, HOUR), Timestamp::MAX);
        assert_eq!(c.add_working(at("2026-01-01T00:00:00Z"), Duration::MAX), Timestamp::MAX);
        assert!(!c.is_open(old) && !c.is_open(far) && c.next_open(far) == Timestamp::MAX);
        assert_eq!(c.working_between(old, at("1970-01-01T08:00:00Z")), HOUR);
        assert!(c.working_between(old, far) > 700_000 * HOUR);
        assert_eq!(c.working_between(far, far.after(HOUR)), Duration::ZERO);
    }

    #[test]
    fn the_seams_between_blocks_are_not_felt() {
        let (usual, whole) =
            (Calendar::usual("Europe/Berlin").unwrap(), every_day("Europe/Berlin", &[(0, 1_440)]));
        for seam in (45..55).map(|block| Timestamp::from_millis(block << BLOCK_SHIFT)) {
            let from = seam.before(100 * 24 * HOUR);
            let closing = usual.add_working(from, usual.working_between(from, seam));
            assert!(closing <= seam && usual.working_between(closing, seam).is_zero());
            assert_eq!(whole.working_between(from, seam.after(HOUR)), seam.after(HOUR).since(from));
            assert_eq!(whole.add_working(from, 4_800 * HOUR), from.after(4_800 * HOUR));
        }
    }

    #[test]
    fn a_calendar_is_written_as_its_data_and_checked_when_read() {
        let c = berlin_with_may_day();
        let text = serde_json::to_string(&c).unwrap();
        assert_eq!(serde_json::from_str::<Calendar>(&text).unwrap(), c);
        let bytes = rmp_serde::to_vec_named(&c).unwrap();
        assert_eq!(rmp_serde::from_slice::<Calendar>(&bytes).unwrap(), c);
        assert_eq!(
            serde_json::from_str::<Calendar>(r#"{"zone":"UTC","hours":"always"}"#).unwrap().times().zone,
            "UTC"
        );
        let none = serde_json::from_str::<Calendar>(r#"{"zone":"UTC","hours":{"weekly":{}}}"#);
        assert!(none.unwrap_err().to_string().contains("no opening at all"));
    }

    fn calendars() -> impl Strategy<Value = Calendar> {
        let zone = proptest::sample::select(vec![
            "Europe/Berlin",
            "America/Sao_Paulo",
            "Australia/Lord_Howe",
            "UTC",
        ]);
        let cuts = proptest::collection::btree_set(0u16..=DAY_MINUTES, 2..7);
        (zone, cuts, proptest::collection::btree_set(0i32..700, 0..40)).prop_map(|(zone, cuts, holidays)| {
            let cuts: Vec<u16> = cuts.into_iter().collect();
            let day: Vec<Opening> = cuts.chunks_exact(2).map(|c| Opening { from: c[0], to: c[1] }).collect();
            let week = Week {
                tuesday: day.clone(),
                thursday: day.clone(),
                saturday: day.clone(),
                sunday: day,
                ..Week::usual()
            };
            let first = date(2017, 12, 1);
            let holidays =
                holidays.into_iter().map(|d| (first + jiff::Span::new().days(d), String::new())).collect();
            Calendar::new(OpeningTimes { zone: zone.to_owned(), hours: Hours::Weekly(week), holidays })
                .unwrap()
        })
    }

    /// Two years of moments around the changes of every zone above, to the millisecond.
    fn moments() -> impl Strategy<Value = Timestamp> {
        (0i64..2 * 365 * DAY_MS).prop_map(|ms| Timestamp::from_millis(1_512_086_400_000 + ms))
    }

    fn durations() -> impl Strategy<Value = Duration> {
        (0u64..60 * 24 * 3_600_000).prop_map(Duration::from_millis)
    }

    proptest! {
        #[test]
        fn what_was_added_is_what_lies_between(c in calendars(), t in moments(), d in durations()) {
            let end = c.add_working(t, d);
            prop_assert_eq!(c.working_between(t, end), d);
            if !d.is_zero() {
                let shy = c.working_between(t, end.before(Duration::from_millis(1)));
                prop_assert_eq!(shy, d - Duration::from_millis(1), "no earlier moment will do");
            }
        }

        #[test]
        fn later_starts_and_longer_times_never_end_earlier(c in calendars(), t in moments(), u in moments(), d in durations(), e in durations()) {
            let (t, u, d, e) = (t.min(u), t.max(u), d.min(e), d.max(e));
            prop_assert!(c.add_working(t, d) <= c.add_working(u, d));
            prop_assert!(c.add_working(t, d) <= c.add_working(t, e));
        }

        #[test]
        fn time_adds_up_in_any_portions(c in calendars(), t in moments(), u in moments(), v in moments(), d in durations(), e in durations()) {
            prop_assert_eq!(c.add_working(c.add_working(t, d), e), c.add_working(t, d + e));
            let mut m = [t, u, v];
            m.sort();
            prop_assert_eq!(c.working_between(m[0], m[1]) + c.working_between(m[1], m[2]), c.working_between(m[0], m[2]));
        }

        #[test]
        fn open_means_that_the_wall_clock_shows_an_opening(c in calendars(), t in moments()) {
            let local = t.civil(c.zone());
            let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
            let Hours::Weekly(week) = &c.times().hours else { unreachable!() };
            let today = week.days()[usize::from(local.weekday().to_monday_zero_offset().unsigned_abs())].1;
            let shown = today.iter().any(|o| (o.from..o.to).contains(&minute)) && !c.times().holidays.contains_key(&local.date());
            prop_assert_eq!(c.is_open(t), shown);
            let next = c.next_open(t);
            prop_assert!(c.is_open(next) && c.working_between(t, next).is_zero());
        }
    }
}
