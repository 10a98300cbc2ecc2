//! What a report is: which figures, of what, by what, and when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dimension::Dimension;
use super::measure::Measure;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::base::words::words;
use crate::deadlines::calendar::Calendar;
use crate::identity::grant::Scope;
use crate::jobs::schedule::Schedule;
use crate::parcels::model::Status;

/// Rows a report may have; one that has more has to be grouped by something coarser.
pub const MAX_ROWS: usize = 2_000;
/// Dimensions a report can be grouped by.
pub const MAX_BY: usize = 2;
/// People one saved report is mailed to.
pub const MAX_RECIPIENTS: usize = 20;
/// Days a period may look back over.
pub const MAX_DAYS: u32 = 3_660;

/// What a report tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What needs a person: by reason, fault, age and cost. One exception is one parcel of one case.
    Exceptions,
    /// How long parcels stay in each status.
    Dwell,
    /// What came late, and what is late, by the clock and by the day.
    Lateness,
    /// How often the first attempt of a delivery succeeds.
    FirstAttempt,
    /// How many parcels, how heavy, of what value.
    Volumes,
    /// From the carrier's hands to the recipient's.
    Transit,
    /// Carriers or partners compared.
    Scorecard,
}

words!(Kind {
    Exceptions = "exceptions",
    Dwell = "dwell",
    Lateness = "lateness",
    FirstAttempt = "first_attempt",
    Volumes = "volumes",
    Transit = "transit",
    Scorecard = "scorecard",
});

impl Kind {
    /// Its figures, in the order they are shown.
    #[must_use]
    pub const fn measures(self) -> &'static [Measure] {
        use Measure as M;
        match self {
            Self::Exceptions => &[
                M::Exceptions,
                M::ExceptionsOpen,
                M::ExceptionsOverdue,
                M::ExceptionsEscalated,
                M::ExceptionsResolved,
                M::ExceptionsReopened,
                M::FirstAction,
                M::ExceptionAge,
                M::Cost,
            ],
            Self::Dwell => &[M::Stays, M::StayTime, M::StaysNow, M::StayingTime],
            Self::Lateness => &[
                M::Parcels,
                M::Delivered,
                M::DeliveredLateByClock,
                M::DeliveredLateByDay,
                M::DeliveredWithoutTime,
                M::Open,
                M::OpenPastPromise,
                M::OpenPastPromiseByDay,
                M::OnTimeByClock,
                M::OnTimeByDay,
            ],
            Self::FirstAttempt => {
                &[M::Tried, M::FirstAttemptDelivered, M::FailedAttempts, M::FirstAttemptRate]
            }
            Self::Volumes => {
                &[M::Parcels, M::Open, M::Delivered, M::Returned, M::Weight, M::Value, M::Freight]
            }
            Self::Transit => &[M::TransitTime],
            Self::Scorecard => &[
                M::Parcels,
                M::Delivered,
                M::Exceptional,
                M::ExceptionRate,
                M::OnTimeByClock,
                M::OnTimeByDay,
                M::FirstAttemptRate,
                M::TransitTime,
                M::Returned,
                M::Lost,
                M::Damaged,
                M::Value,
            ],
        }
    }

    /// What it is grouped by when nobody says so.
    #[must_use]
    pub const fn usual_by(self) -> Dimension {
        match self {
            Self::Exceptions => Dimension::Reason,
            Self::Dwell => Dimension::Stay,
            Self::Lateness | Self::Transit | Self::FirstAttempt => Dimension::Distributor,
            Self::Volumes => Dimension::Month,
            Self::Scorecard => Dimension::Carrier,
        }
    }
}

/// Which days count, in the depot's zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Period {
    /// All of them.
    #[default]
    All,
    /// From the first day to the last, both included.
    Between {
        /// The first.
        #[schema(value_type = String, format = Date)]
        from: jiff::civil::Date,
        /// The last.
        #[schema(value_type = String, format = Date)]
        to: jiff::civil::Date,
    },
    /// So many days up to yesterday.
    LastDays(u32),
    /// Monday to Sunday of the week before this one.
    PreviousWeek,
    /// The month before this one.
    PreviousMonth,
}

impl Period {
    /// The moments it lies between, the second excluded, seen at `now`. None when all days count.
    #[must_use]
    pub fn bounds(self, now: Timestamp, calendar: &Calendar) -> Option<(Timestamp, Timestamp)> {
        let today = calendar.local_day(now);
        let back = |days: i64| today.checked_sub(jiff::Span::new().days(days)).unwrap_or(today);
        let (first, after) = match self {
            Self::All => return None,
            Self::Between { from, to } => (from, to.tomorrow().unwrap_or(to)),
            Self::LastDays(n) => (back(i64::from(n)), today),
            Self::PreviousWeek => {
                let monday = back(i64::from(today.weekday().to_monday_zero_offset()));
                (monday.checked_sub(jiff::Span::new().days(7)).unwrap_or(monday), monday)
            }
            Self::PreviousMonth => {
                let first = today.first_of_month();
                (first.yesterday().unwrap_or(first).first_of_month(), first)
            }
        };
        // The first moment of a day, which is not midnight everywhere.
        let begin = |day: jiff::civil::Date| {
            let start = calendar.zone().to_zoned(day.to_datetime(jiff::civil::Time::midnight()));
            let start = start.and_then(|z| z.start_of_day());
            start.map_or(Timestamp::ZERO, |z| Timestamp::from(z.timestamp()))
        };
        Some((begin(first), begin(after)))
    }

    fn check(self) -> Result<(), Problem> {
        match self {
            Self::Between { from, to } if to < from => {
                Err(Problem::new("/period/between/to", format!("{to} is before {from}")))
            }
            Self::LastDays(n) if !(1..=MAX_DAYS).contains(&n) => {
                Err(Problem::new("/period/last_days", format!("is {n}; it must lie in 1..{MAX_DAYS}")))
            }
            _ => Ok(()),
        }
    }
}

/// Which moment of a parcel, or of an exception, has to lie in the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// When it was first heard of; of an exception when it began.
    #[default]
    Created,
    /// When it was delivered.
    Delivered,
    /// When it was promised.
    Promised,
    /// When an exception was closed.
    Closed,
}

/// Only those that are so; what is absent says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Only {
    /// Of this distributor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// With this carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// In this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// In this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Going to this state or province.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_state: Option<String>,
    /// For this reason; of exceptions alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::cases::reasons::Reason>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Which figures.
    pub kind: Kind,
    /// Grouped by what, at most two; the kind's usual one when absent.
    #[serde(default)]
    pub by: Vec<Dimension>,
    /// Which of them.
    #[serde(default)]
    pub only: Only,
    /// Which days.
    #[serde(default)]
    pub period: Period,
    /// Of which moment.
    #[serde(default)]
    pub basis: Basis,
    /// As it was at this past moment; not for exceptions. Now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Definition {
    /// The usual report of `kind`.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            by: Vec::new(),
            only: Only::default(),
            period: Period::All,
            basis: Basis::Created,
            at: None,
        }
    }

    /// What it is grouped by.
    #[must_use]
    pub fn groups(&self) -> Vec<Dimension> {
        if self.by.is_empty() { vec![self.kind.usual_by()] } else { self.by.clone() }
    }

    /// Whether it can be counted.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        if self.by.len() > MAX_BY {
            let said = format!("has {} dimensions; at most {MAX_BY} make a table", self.by.len());
            wrong.push(Problem::new("/by", said));
        }
        if self.by.len() == 2 && self.by[0] == self.by[1] {
            wrong.push(Problem::new("/by/1", "is named twice"));
        }
        for (n, by) in self.by.iter().enumerate().filter(|(_, by)| !by.fits(self.kind)) {
            let said = format!("{} says nothing of {}", by.as_str(), self.kind.as_str());
            wrong.push(Problem::new(format!("/by/{n}"), said));
        }
        wrong.extend(self.period.check().err());
        let exceptions = self.kind == Kind::Exceptions;
        if self.only.reason.is_some() && !exceptions {
            wrong.push(Problem::new("/only/reason", "goes with exceptions alone"));
        }
        if exceptions && self.at.is_some() {
            wrong.push(Problem::new("/at", "exceptions are told as they are now; leave it out"));
        }
        let cases_own = matches!(self.basis, Basis::Closed);
        if cases_own != exceptions && (cases_own || matches!(self.basis, Basis::Delivered | Basis::Promised))
        {
            let fit = if exceptions { "created or closed" } else { "created, delivered or promised" };
            wrong.push(Problem::new("/basis", format!("of {} must be {fit}", self.kind.as_str())));
        }
        let Only { distributor, carrier, service, to_state, .. } = &self.only;
        for (name, text) in
            [("distributor", distributor), ("carrier", carrier), ("service", service), ("to_state", to_state)]
        {
            let at = format!("/only/{name}");
            wrong.extend(text.as_deref().and_then(|t| text::optional(&at, t, text::SHORT).err()));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// In which form a report is mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A file of comma separated values, UTF-8.
    Csv,
    /// A workbook.
    Xlsx,
}

impl Format {
    /// How its file's name ends.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// A report as its user writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// What people call it.
    pub name: String,
    /// What it asks.
    pub definition: Definition,
    /// When it runs by itself, on the wall clock of the depot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schedule: Option<Schedule>,
    /// To whom it is mailed then, mail addresses.
    #[serde(default)]
    pub mail_to: Vec<String>,
    /// In which forms; as CSV when absent.
    #[serde(default = "usual_formats")]
    pub formats: Vec<Format>,
}

fn usual_formats() -> Vec<Format> {
    vec![Format::Csv]
}

impl Wish {
    /// Whether it can be saved.
    ///
    /// # Errors
    /// Names each place that is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong: Vec<Problem> =
            text::required("/name", &self.name, text::SHORT).err().into_iter().collect();
        let at = |place: &str, Invalid(all): Invalid| {
            all.into_iter()
                .map(|p| Problem { pointer: format!("{place}{}", p.pointer), ..p })
                .collect::<Vec<_>>()
        };
        wrong.extend(self.definition.check().err().map(|e| at("/definition", e)).into_iter().flatten());
        if self.schedule.is_some() && self.definition.at.is_some() {
            wrong.push(Problem::new(
                "/definition/at",
                "a past moment stays the same: leave it out of a schedule",
            ));
        }
        let schedule = self.schedule.and_then(|s| s.check().err());
        wrong.extend(schedule.map(|e| at("/schedule", e)).into_iter().flatten());
        if self.mail_to.len() > MAX_RECIPIENTS {
            let said =
                format!("has {} addresses; at most {MAX_RECIPIENTS} are written to", self.mail_to.len());
            wrong.push(Problem::new("/mail_to", said));
        }
        for (n, to) in self.mail_to.iter().enumerate().filter(|(_, to)| !looks_like_mail(to)) {
            wrong.push(Problem::new(format!("/mail_to/{n}"), format!("\"{to}\" is no mail address")));
        }
        if self.formats.is_empty() || self.formats.len() > 2 {
            wrong.push(Problem::new("/formats", "needs one or both of csv and xlsx"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// Whether a text has the form of an address; whether it is one shows when it is written to.
fn looks_like_mail(text: &str) -> bool {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || ",;<>\"".contains(c));
    let parts = text.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'));
    plain && parts && text.len() <= text::SHORT
}

/// A saved report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Its id.
    pub id: Id,
    /// What it is.
    pub wish: Wish,
    /// Whose it is: what it shows is what they may see when it runs.
    pub owner: Id,
    /// Whose records it shows at the most.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its numbers are: parcels, seconds, percent, grams, or minor units of a currency.
    pub unit: String,
    /// The figure to drill down into.
    pub measure: Measure,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Row {
    /// One value a dimension; an empty one where nothing is known.
    pub key: Vec<String>,
    /// One number a column; none where there is nothing to count.
    pub cells: Vec<Option<f64>>,
}

/// A report that was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Table {
    /// What was asked.
    pub definition: Definition,
    /// The moment it tells of.
    pub at: Timestamp,
    /// The names of the key's parts.
    pub by: Vec<Dimension>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The lines, in the order of their keys.
    pub rows: Vec<Row>,
    /// Everything together.
    pub total: Vec<Option<f64>>,
    /// The position of the log up to which changes were seen at least.
    pub seq: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> jiff::civil::Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_days_of_the_depot_whatever_its_clocks_do() {
        let sao = Calendar::usual("America/Sao_Paulo").unwrap();
        let at = |text: &str| Timestamp::parse(text, sao.zone()).unwrap();
        let now = at("2018-11-06T09:00"); // a Tuesday; on Sunday midnight was skipped
        let bounds = |p: Period| p.bounds(now, &sao).unwrap();
        assert_eq!(bounds(Period::LastDays(2)), (at("2018-11-04T01:00"), at("2018-11-06T00:00")));
        assert_eq!(bounds(Period::PreviousWeek), (at("2018-10-29T00:00"), at("2018-11-05T00:00")));
        assert_eq!(bounds(Period::PreviousMonth), (at("2018-10-01T00:00"), at("2018-11-01T00:00")));
        let day = Period::Between { from: date("2018-11-04"), to: date("2018-11-04") };
        let (from, to) = bounds(day);
        assert_eq!(to.since(from).as_secs(), 23 * 3_600);
        assert!(Period::All.bounds(now, &sao).is_none());
    }

    #[test]
    fn what_can_not_be_counted_is_refused_with_its_place() {
        let wrong =
            |d: Definition| d.check().unwrap_err().0.into_iter().map(|p| p.pointer).collect::<Vec<_>>();
        let of = Definition::of;
        assert!(of(Kind::Lateness).check().is_ok());
        let by = |kind, by: &[Dimension]| Definition { by: by.to_vec(), ..of(kind) };
        assert_eq!(wrong(by(Kind::Lateness, &[Dimension::Reason])), ["/by/0"]);
        assert_eq!(wrong(by(Kind::Volumes, &[Dimension::Day; 2])), ["/by/1"]);
        assert_eq!(wrong(by(Kind::Volumes, &[Dimension::Day, Dimension::Week, Dimension::Carrier])), ["/by"]);
        assert_eq!(
            wrong(Definition { period: Period::LastDays(0), ..of(Kind::Volumes) }),
            ["/period/last_days"]
        );
        assert_eq!(wrong(Definition { period: Period::LastDays(MAX_DAYS + 1), ..of(Kind::Dwell) }).len(), 1);
        assert_eq!(wrong(Definition { basis: Basis::Closed, ..of(Kind::Volumes) }), ["/basis"]);
        assert_eq!(wrong(Definition { basis: Basis::Delivered, ..of(Kind::Exceptions) }), ["/basis"]);
        assert_eq!(wrong(Definition { at: Some(Timestamp::ZERO), ..of(Kind::Exceptions) }), ["/at"]);
    }

    #[test]
    fn a_report_goes_to_so_many_addresses_and_not_to_one_more() {
        let wish = |n: usize| Wish {
            name: "weekly".into(),
            definition: Definition::of(Kind::Lateness),
            schedule: None,
            mail_to: vec!["ana@example.com".into(); n],
            formats: vec![Format::Csv],
        };
        assert!(wish(MAX_RECIPIENTS).check().is_ok());
        assert_eq!(wish(MAX_RECIPIENTS + 1).check().unwrap_err().0[0].pointer, "/mail_to");
        for bad in ["ana", "ana@x", "a b@example.com", "a@example.com,b@example.com", "@example.com"] {
            assert!(!looks_like_mail(bad), "{bad}");
        }
    }
}
