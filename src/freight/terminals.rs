//! A terminal's rules: its clock, its working days, how long goods lie free, and what storage, late units and the import
//! service cost there. One for a station, or for one handler at a station; `*` is for everywhere else.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::free::{FreeRule, Tariff, WorkDays};
use crate::base::error::{Invalid, Problem};
use crate::base::money::Money;
use crate::base::text;

/// Holidays of one terminal.
pub const MAX_HOLIDAYS: usize = 2_000;

/// What a handler charges for the import service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// ISO 4217.
    pub currency: String,
    /// Minor units for each waybill.
    #[serde(default)]
    pub per_mawb: u64,
    /// Thousandths of a minor unit for each started kilogram.
    #[serde(default)]
    pub per_kg_thousandths: u64,
    /// Minor units at the least.
    #[serde(default)]
    pub minimum: u64,
}

impl Charge {
    /// What a waybill of so many grams costs, rounded to the nearest minor unit.
    #[must_use]
    pub fn of(&self, grams: u64) -> Money {
        let kilos = u128::from(grams.div_ceil(1_000));
        let by_weight = (kilos * u128::from(self.per_kg_thousandths) + 500) / 1_000;
        let sum = (u128::from(self.per_mawb) + by_weight).max(u128::from(self.minimum));
        Money { minor: i64::try_from(sum).unwrap_or(i64::MAX), currency: self.currency.clone() }
    }
}

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// `LHR` for a station, `LHR/SWISSPORT` for a handler there, `*` for every other place.
    pub code: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// IANA name of the zone whose wall clock counts.
    pub zone: String,
    /// Its working days.
    #[serde(default = "WorkDays::usual")]
    pub work: WorkDays,
    /// Free time of goods.
    #[serde(default)]
    pub free: FreeRule,
    /// Storage after it; unknown when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Tariff>,
    /// Free time of units that are out.
    #[serde(default = "usual_detention")]
    pub detention: FreeRule,
    /// What a unit costs after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detention_tariff: Option<Tariff>,
    /// The import service charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isc: Option<Charge>,
}

/// Five calendar days.
fn usual_detention() -> FreeRule {
    FreeRule { days: 5, ..FreeRule::default() }
}

impl Terminal {
    /// The rules where nobody has set any, in `zone`.
    #[must_use]
    pub fn usual(zone: &str) -> Self {
        Self {
            code: "*".into(),
            name: String::new(),
            zone: zone.into(),
            work: WorkDays::usual(),
            free: FreeRule::default(),
            storage: None,
            detention: usual_detention(),
            detention_tariff: None,
            isc: None,
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        wrong.extend(text::required("/code", &self.code, text::SHORT).err());
        wrong.extend(text::optional("/name", &self.name, text::SHORT).err());
        if TimeZone::get(&self.zone).is_err() {
            let said =
                format!("\"{}\" is not a time zone; write an IANA name such as Europe/Berlin", self.zone);
            wrong.push(Problem::new("/zone", said));
        }
        if self.work.closed.iter().any(|d| !(1..=7).contains(d)) || self.work.closed.len() > 6 {
            let said = "are weekdays from 1, Monday, to 7, Sunday, and one at least is open";
            wrong.push(Problem::new("/work/closed", said));
        }
        if self.work.holidays.len() > MAX_HOLIDAYS {
            let said = format!("has {} days; at most {MAX_HOLIDAYS} are kept", self.work.holidays.len());
            wrong.push(Problem::new("/work/holidays", said));
        }
        let tariffs = [("/storage", &self.storage), ("/detention_tariff", &self.detention_tariff)];
        let parts = [self.free.check("/free"), self.detention.check("/detention")];
        let tariffs = tariffs.into_iter().filter_map(|(at, t)| t.as_ref().map(|t| t.check(at)));
        wrong.extend(parts.into_iter().chain(tariffs).filter_map(Result::err).flat_map(|e| e.0));
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    /// Its zone; UTC when its name is none, which [`Terminal::check`] refuses.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }
}
