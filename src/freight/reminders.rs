//! When a waybill's reminders are called in: each slot once, one for all that a night without power left behind, and anew
//! when a date moves. Pure.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clocks::{Clocks, Day, Moment};
use crate::base::clock::Timestamp;

/// Hours a day a reminder may be called in at.
pub const MAX_HOURS: usize = 24;
/// Days that are looked through for the next slot of a series: no terminal is closed for longer.
const LOOK_AHEAD: usize = 400;
/// Hours before or after a moment at the most, and days before or after a day.
pub const MAX_OFFSET: i32 = 24 * 366;

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// So many hours after a moment; before it when negative.
    Hours {
        /// The moment.
        after: Moment,
        /// Hours.
        hours: i32,
    },
    /// On the day so many days after a day, before it when negative, at an hour of the terminal's clock.
    OnDay {
        /// The day.
        day: Day,
        /// Days.
        #[serde(default)]
        days: i32,
        /// 0 to 23.
        hour: i8,
    },
    /// So many working days after a moment, at an hour of the terminal's clock.
    WorkingDays {
        /// The moment.
        after: Moment,
        /// Working days.
        days: u16,
        /// 0 to 23.
        hour: i8,
    },
    /// Again and again from a moment on, at hours of the terminal's clock.
    Each {
        /// From when.
        from: Moment,
        /// 0 to 23 each.
        hours: Vec<i8>,
        /// Whether on working days only.
        #[serde(default)]
        working: bool,
    },
}

impl When {
    /// Whether it makes sense; a sentence that names what does not.
    ///
    /// # Errors
    /// When an hour or an offset is beyond its limit.
    pub fn check(&self) -> Result<(), String> {
        let hour = |h: i8| {
            if (0..24).contains(&h) { Ok(()) } else { Err(format!("{h} is no hour of a day; 0 to 23 are")) }
        };
        let offset = |n: i32| {
            if n.abs() <= MAX_OFFSET {
                Ok(())
            } else {
                Err(format!("{n} is too far; at most {MAX_OFFSET} is taken"))
            }
        };
        match self {
            Self::Hours { hours, .. } => offset(*hours),
            Self::OnDay { days, hour: h, .. } => offset(*days).and_then(|()| hour(*h)),
            Self::WorkingDays { days, hour: h, .. } => offset(i32::from(*days)).and_then(|()| hour(*h)),
            Self::Each { hours, .. } if hours.is_empty() || hours.len() > MAX_HOURS => {
                Err(format!("has {} hours; 1 to {MAX_HOURS} are taken", hours.len()))
            }
            Self::Each { hours, .. } => hours.iter().try_for_each(|h| hour(*h)),
        }
    }
}

/// The moment the terminal's clock shows `hour` on `day`; where daylight saving skips it, the moment after the gap.
fn on_wall(day: Date, hour: i8, c: &Clocks) -> Option<Timestamp> {
    let time = Time::new(hour.clamp(0, 23), 0, 0, 0).ok()?;
    Timestamp::from_civil(day.to_datetime(time), &c.zone).ok()
}

fn shifted(day: Date, days: i32) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(i64::from(days)).ok()?).ok()
}

/// The earliest slot after `seen`; none when there is none, or its moment is not known yet.
#[must_use]
pub fn next(when: &When, c: &Clocks, seen: Timestamp) -> Option<Timestamp> {
    match when {
        When::Each { from, hours, working } => series(c, (c.at(*from)?, hours, *working), seen).next(),
        one => slot(one, c).filter(|at| *at > seen),
    }
}

/// The latest slot after `seen` that has come by `now`; those before it are passed over.
#[must_use]
pub fn latest(when: &When, c: &Clocks, seen: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let When::Each { from, hours, working } = when else {
        return slot(when, c).filter(|at| *at > seen && *at <= now);
    };
    let begun = c.at(*from)?;
    // Years without power are not walked through day by day.
    let long_ago = Timestamp::from_millis(now.millis().saturating_sub(LOOK_AHEAD as i64 * 86_400_000));
    series(c, (begun, hours, *working), seen.max(long_ago)).take_while(|at| *at <= now).last()
}

/// The one slot of what is no series.
fn slot(when: &When, c: &Clocks) -> Option<Timestamp> {
    match when {
        When::Hours { after, hours } => {
            let at = c.at(*after)?.millis().saturating_add(i64::from(*hours) * 3_600_000);
            Some(Timestamp::from_millis(at))
        }
        When::OnDay { day, days, hour } => on_wall(shifted(c.day(*day)?, *days)?, *hour, c),
        When::WorkingDays { after, days, hour } => {
            let from = c.at(*after)?.day(&c.zone);
            on_wall(c.work.after(from, *days, true), *hour, c)
        }
        When::Each { .. } => None,
    }
}

/// The slots after `seen` and not before `begun`, in order.
fn series<'a>(
    c: &'a Clocks,
    (begun, hours, working): (Timestamp, &'a [i8], bool),
    seen: Timestamp,
) -> impl Iterator<Item = Timestamp> + 'a {
    let mut hours = hours.to_vec();
    hours.sort_unstable();
    hours.dedup();
    let first = seen.max(begun).day(&c.zone);
    // From the day before, for a slot that a gap moved over midnight; two equal moments are one slot.
    let mut last = seen.max(Timestamp::from_millis(begun.millis() - 1));
    let days = std::iter::successors(first.yesterday().ok().or(Some(first)), |d| d.tomorrow().ok());
    let days = days.take(LOOK_AHEAD * 3).filter(move |d| c.work.counts(*d, working));
    days.flat_map(move |d| hours.clone().into_iter().filter_map(move |h| on_wall(d, h, c))).filter(
        move |at| {
            let fresh = *at > last;
            last = last.max(*at);
            fresh
        },
    )
}

#[cfg(test)]
#[path = "reminders_tests.rs"]
mod tests;
