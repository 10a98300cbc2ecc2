//! What figures are grouped by.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::item::{At, Item};
use super::model::Kind;
use crate::base::clock::Timestamp;
use crate::parcels::model::Parcel;

/// One thing figures are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Whose parcel it is.
    Distributor,
    /// Who carries it.
    Carrier,
    /// In which service.
    Service,
    /// Where it is.
    Status,
    /// The source's own word for that.
    RawStatus,
    /// The state or province it goes to.
    ToState,
    /// The country it goes to.
    ToCountry,
    /// What is in it.
    Category,
    /// The day it was first heard of, or the exception began.
    Day,
    /// The Monday of that week.
    Week,
    /// That month.
    Month,
    /// The day it was delivered.
    DeliveredDay,
    /// The status of a stay; of dwell alone.
    Stay,
    /// Why; of exceptions alone, like all that follow.
    Reason,
    /// What the reason is about.
    Group,
    /// Whose doing it is.
    Fault,
    /// Who acts first.
    Desk,
    /// Where the case stands.
    State,
    /// How old it is, or was when it was closed.
    Age,
}

/// The ages that exceptions are grouped by: up to so many days, and its name.
const AGES: [(u64, &str); 6] =
    [(1, "0-1 d"), (3, "1-3 d"), (7, "3-7 d"), (14, "7-14 d"), (30, "14-30 d"), (u64::MAX, "over 30 d")];

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 19] = [
        Self::Distributor,
        Self::Carrier,
        Self::Service,
        Self::Status,
        Self::RawStatus,
        Self::ToState,
        Self::ToCountry,
        Self::Category,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::DeliveredDay,
        Self::Stay,
        Self::Reason,
        Self::Group,
        Self::Fault,
        Self::Desk,
        Self::State,
        Self::Age,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Distributor => "distributor",
            Self::Carrier => "carrier",
            Self::Service => "service",
            Self::Status => "status",
            Self::RawStatus => "raw_status",
            Self::ToState => "to_state",
            Self::ToCountry => "to_country",
            Self::Category => "category",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::DeliveredDay => "delivered_day",
            Self::Stay => "stay",
            Self::Reason => "reason",
            Self::Group => "group",
            Self::Fault => "fault",
            Self::Desk => "desk",
            Self::State => "state",
            Self::Age => "age",
        }
    }

    /// Whether it says something of what a report of `kind` counts.
    #[must_use]
    pub fn fits(self, kind: Kind) -> bool {
        match self {
            Self::Stay => kind == Kind::Dwell,
            Self::Reason | Self::Group | Self::Fault | Self::Desk | Self::State | Self::Age => {
                kind == Kind::Exceptions
            }
            _ => true,
        }
    }

    /// Its value for `item`; empty where nothing is known.
    #[must_use]
    pub fn key(self, item: &Item<'_>, at: &At<'_>) -> String {
        match self {
            Self::Distributor => item.distributor().unwrap_or_default().to_owned(),
            Self::Carrier => fact(item, |p| p.facts.carrier.as_deref()),
            Self::Service => fact(item, |p| p.facts.service.as_deref()),
            Self::Status => fact(item, |p| Some(p.status.as_str())),
            Self::RawStatus => fact(item, |p| p.raw.as_deref()),
            Self::ToState => fact(item, |p| p.facts.to.state.as_deref()),
            Self::ToCountry => fact(item, |p| p.facts.to.country.as_deref()),
            Self::Category => fact(item, |p| p.facts.category.as_deref()),
            Self::Day => item.created().map_or_else(String::new, |t| day(t, at)),
            Self::Week => item.created().map_or_else(String::new, |t| week(t, at)),
            Self::Month => item.created().map_or_else(String::new, |t| day(t, at)[..7].to_owned()),
            Self::DeliveredDay => {
                item.parcel.and_then(|p| p.delivered_at).map_or_else(String::new, |t| day(t, at))
            }
            Self::Stay => item.stay.map_or_else(String::new, |s| s.status.as_str().to_owned()),
            Self::Reason => item.case.map_or_else(String::new, |c| c.reason.code().to_owned()),
            Self::Group => item.case.map_or_else(String::new, |c| word(&c.reason.rule().group)),
            Self::Fault => item.case.map_or_else(String::new, |c| word(&c.fault())),
            Self::Desk => item.case.map_or_else(String::new, |c| word(&c.reason.rule().desk)),
            Self::State => item.case.map_or_else(String::new, |c| c.state.to_string()),
            Self::Age => item.age(at).map_or_else(String::new, |age| bucket(age).to_owned()),
        }
    }
}

fn fact(item: &Item<'_>, f: impl Fn(&Parcel) -> Option<&str>) -> String {
    item.parcel.and_then(f).unwrap_or_default().to_owned()
}

fn day(t: Timestamp, at: &At<'_>) -> String {
    at.policy.calendar.local_day(t).to_string()
}

fn week(t: Timestamp, at: &At<'_>) -> String {
    let day = at.policy.calendar.local_day(t);
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(back)).unwrap_or(day).to_string()
}

fn bucket(age: Duration) -> &'static str {
    let days = age.as_secs() / 86_400;
    AGES.iter().find(|(upto, _)| days < *upto).map_or("", |(_, name)| *name)
}

/// A word of the API.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_has_its_bucket() {
        let of = |hours: u64| bucket(Duration::from_secs(hours * 3_600));
        assert_eq!(
            [0, 23, 24, 71, 72, 719, 720, 99_999].map(of),
            ["0-1 d", "0-1 d", "1-3 d", "1-3 d", "3-7 d", "14-30 d", "over 30 d", "over 30 d"]
        );
    }

    #[test]
    fn names_are_those_of_the_api_and_every_kind_has_a_usual_one_that_fits() {
        for by in Dimension::ALL {
            assert_eq!(serde_json::to_value(by).unwrap(), by.as_str());
        }
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(kind.usual_by().fits(kind));
        }
    }
}
