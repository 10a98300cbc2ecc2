//! Free time and storage: the last day without a charge, and what it costs to collect on a later one. Pure; days are
//! local days of the terminal.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};

/// Free days a rule may give.
pub const MAX_FREE_DAYS: u16 = 365;
/// Days of storage that are counted; ten years, beyond which no tariff holds.
pub const MAX_STORAGE_DAYS: u32 = 3_650;
/// Steps of a tariff.
pub const MAX_TARIFF_STEPS: usize = 50;

/// Which news free time counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountsFrom {
    /// The cargo was received from the flight (RCF).
    Received,
    /// The consignee was told (NFD).
    Notified,
    /// The flight arrived (ARR).
    Arrived,
    /// Both: received and the consignee told, whichever came last.
    #[default]
    Available,
}

/// How long goods lie without a charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FreeRule {
    /// Free days, at most [`MAX_FREE_DAYS`].
    pub days: u16,
    /// What they count from.
    #[serde(default)]
    pub counts_from: CountsFrom,
    /// Whether the day of the news itself does not count: they begin at the midnight after it.
    #[serde(default)]
    pub midnight_after: bool,
    /// Whether only working days count.
    #[serde(default)]
    pub working_days: bool,
    /// News at or after this local hour count as of the next day, 0 to 23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutoff_hour: Option<u8>,
}

impl Default for FreeRule {
    /// Two calendar days, the usual at an air terminal.
    fn default() -> Self {
        Self {
            days: 2,
            counts_from: CountsFrom::Available,
            midnight_after: false,
            working_days: false,
            cutoff_hour: None,
        }
    }
}

impl FreeRule {
    /// Whether it makes sense; `at` is the pointer to it.
    ///
    /// # Errors
    /// Names what is beyond its limit.
    pub fn check(&self, at: &str) -> Result<(), Invalid> {
        if self.days > MAX_FREE_DAYS {
            let said = format!("is {} days; at most {MAX_FREE_DAYS} are given", self.days);
            return Err(Invalid::at(format!("{at}/days"), said));
        }
        match self.cutoff_hour {
            Some(hour @ 24..) => {
                Err(Invalid::at(format!("{at}/cutoff_hour"), format!("{hour} is no hour; 0 to 23 are")))
            }
            _ => Ok(()),
        }
    }
}

/// Which days are worked at a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkDays {
    /// Weekdays that are closed, 1 for Monday to 7 for Sunday.
    pub closed: BTreeSet<i8>,
    /// Local days that are closed.
    #[schema(value_type = Vec<String>)]
    pub holidays: BTreeSet<Date>,
}

impl WorkDays {
    /// Monday to Friday.
    #[must_use]
    pub fn usual() -> Self {
        Self { closed: BTreeSet::from([6, 7]), holidays: BTreeSet::new() }
    }

    /// Whether `day` is worked. With every weekday closed none would ever be: then only holidays count.
    #[must_use]
    pub fn works(&self, day: Date) -> bool {
        let weekday = self.closed.len() < 7 && self.closed.contains(&day.weekday().to_monday_one_offset());
        !weekday && !self.holidays.contains(&day)
    }

    /// Whether `day` counts: all do, or those that are worked.
    #[must_use]
    pub fn counts(&self, day: Date, working: bool) -> bool {
        !working || self.works(day)
    }

    /// The day on which `n` days have been counted, the first of them the first counting day after `from`.
    #[must_use]
    pub fn after(&self, from: Date, n: u16, working: bool) -> Date {
        let (mut day, mut left) = (from, n);
        while left > 0 && day < Date::MAX {
            day = next(day);
            left -= u16::from(self.counts(day, working));
        }
        day
    }
}

/// The next day; at the end of the calendar the same.
fn next(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// The last free day when the news came at `news` on the terminal's wall clock. With no free day at all it is the day
/// before the first one that would count, so that this one costs already.
#[must_use]
pub fn last_free_day(news: DateTime, rule: &FreeRule, days: &WorkDays) -> Date {
    let late = rule.cutoff_hour.is_some_and(|hour| news.hour() >= i8::try_from(hour).unwrap_or(24));
    let mut start = news.date();
    for _ in 0..u8::from(late) + u8::from(rule.midnight_after) {
        start = next(start);
    }
    days.after(start.yesterday().unwrap_or(start), rule.days, rule.working_days)
}

/// The last second of `day` on the wall clock of `zone`, whatever daylight saving does that night.
#[must_use]
pub fn end_of(day: Date, zone: &TimeZone) -> Timestamp {
    let midnight = next(day).to_datetime(jiff::civil::Time::midnight());
    let ends = Timestamp::from_civil(midnight, zone).unwrap_or(Timestamp::MAX);
    Timestamp::from_millis(ends.millis() - 1_000)
}

/// What a day of storage costs from one day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TariffStep {
    /// From which day after the last free one, 1 for the first.
    pub from_day: u32,
    /// Thousandths of a minor unit for each started kilogram and day: 25000 is 0.25 EUR.
    #[serde(default)]
    pub per_kg_thousandths: u64,
    /// Minor units a day whatever the weight.
    #[serde(default)]
    pub per_day: u64,
}

/// What storage costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// ISO 4217.
    pub currency: String,
    /// Minor units that are charged at the least once anything is.
    #[serde(default)]
    pub minimum: u64,
    /// Whether only working days are charged.
    #[serde(default)]
    pub working_days: bool,
    /// Its steps, the days rising.
    pub steps: Vec<TariffStep>,
}

impl Tariff {
    /// Whether it makes sense; `at` is the pointer to it.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self, at: &str) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let said = format!("\"{}\" is no currency; write three letters such as EUR", self.currency);
            wrong.push(Problem::new(format!("{at}/currency"), said));
        }
        if self.steps.is_empty() || self.steps.len() > MAX_TARIFF_STEPS {
            let said = format!("has {} steps; 1 to {MAX_TARIFF_STEPS} make a tariff", self.steps.len());
            wrong.push(Problem::new(format!("{at}/steps"), said));
        }
        let rising = self.steps.windows(2).all(|w| w[0].from_day < w[1].from_day);
        if !rising || self.steps.first().is_some_and(|s| s.from_day == 0) {
            wrong.push(Problem::new(format!("{at}/steps"), "the days must rise, from 1 on"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// What collecting on a day costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Cost {
    /// Days that are charged.
    pub days: u32,
    /// In all, minor units.
    pub minor: i64,
}

/// The storage of `grams` collected on the day `collected`, the last free day being `lfd`. Every started kilogram counts;
/// the sum is rounded to the nearest minor unit, and at least the tariff's minimum.
#[must_use]
pub fn storage(tariff: &Tariff, days: &WorkDays, lfd: Date, collected: Date, grams: u64) -> Cost {
    let kilos = u128::from(grams.div_ceil(1_000).max(1));
    let (mut day, mut charged, mut thousandths) = (lfd, 0_u32, 0_u128);
    while day < collected && charged < MAX_STORAGE_DAYS {
        day = next(day);
        if !days.counts(day, tariff.working_days) {
            continue;
        }
        charged += 1;
        if let Some(step) = tariff.steps.iter().rev().find(|s| s.from_day <= charged) {
            let rate = kilos * u128::from(step.per_kg_thousandths) + u128::from(step.per_day) * 1_000;
            thousandths = thousandths.saturating_add(rate);
        }
    }
    let minor = i64::try_from((thousandths + 500) / 1_000).unwrap_or(i64::MAX);
    let least = i64::try_from(tariff.minimum).unwrap_or(i64::MAX);
    Cost { days: charged, minor: if charged > 0 { minor.max(least) } else { 0 } }
}

#[cfg(test)]
#[path = "free_tests.rs"]
mod tests;
