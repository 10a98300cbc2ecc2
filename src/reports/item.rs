//! What is counted: a parcel, one of its stays in a status, or one exception. Items of a row follow from the row alone.

use std::time::Duration;

use super::model::{Basis, Definition, Kind, Only};
use crate::base::clock::Timestamp;
use crate::cases::model::Case;
use crate::deadlines::policy::Policy;
use crate::parcels::model::{Parcel, Status};

/// The moment a report tells of, and the rules it is told by.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The moment.
    pub now: Timestamp,
    /// The house rules.
    pub policy: &'a Policy,
}

/// A stay of a parcel in a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Where.
    pub status: Status,
    /// How long, in milliseconds; all its stays there together, once it has left.
    pub ms: u64,
    /// Whether it is there still.
    pub still: bool,
}

/// Which part of a case an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A case about one record, or about none.
    Whole,
    /// One parcel of a bulk case: an exception that costs nothing by itself.
    OneOfMany,
    /// A bulk case as such: it costs, and is no exception beside those of its parcels.
    CostAlone,
}

/// One thing to count.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The parcel it is about.
    pub parcel: Option<&'a Parcel>,
    /// The case, of an exception.
    pub case: Option<&'a Case>,
    /// Which part of the case.
    pub part: Part,
    /// The stay, of dwell.
    pub stay: Option<Stay>,
}

impl<'a> Item<'a> {
    /// A parcel.
    #[must_use]
    pub fn parcel(parcel: &'a Parcel) -> Self {
        Self { parcel: Some(parcel), case: None, part: Part::Whole, stay: None }
    }

    /// An exception.
    #[must_use]
    pub fn exception(case: &'a Case, parcel: Option<&'a Parcel>, part: Part) -> Self {
        Self { parcel, case: Some(case), part, stay: None }
    }

    /// Whose it is.
    #[must_use]
    pub fn distributor(&self) -> Option<&str> {
        let own = self.parcel.and_then(|p| p.facts.distributor.as_deref());
        own.or_else(|| self.case?.subject.distributor.as_deref())
    }

    /// When it was first heard of, or began.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.case.map(|c| c.opened_at).or_else(|| self.parcel.map(|p| p.created_at))
    }

    /// How old an exception is, or was when it was closed.
    #[must_use]
    pub fn age(&self, at: &At<'_>) -> Option<Duration> {
        self.case.map(|c| c.closed_at().unwrap_or(at.now).since(c.opened_at))
    }

    /// The moment a period is held against.
    fn moment(&self, basis: Basis) -> Option<Timestamp> {
        match basis {
            Basis::Created => self.created(),
            Basis::Delivered => self.parcel?.delivered_at,
            Basis::Promised => self.parcel?.facts.promised_at,
            Basis::Closed => self.case?.closed_at(),
        }
    }

    fn is_one_of(&self, only: &Only) -> bool {
        let Only { distributor, carrier, service, status, to_state, reason } = only;
        let fact = |f: fn(&Parcel) -> Option<&str>| self.parcel.and_then(f);
        let same = |wanted: &Option<String>, has: Option<&str>| {
            wanted.as_deref().is_none_or(|w| w == has.unwrap_or_default())
        };
        same(distributor, self.distributor())
            && same(carrier, fact(|p| p.facts.carrier.as_deref()))
            && same(service, fact(|p| p.facts.service.as_deref()))
            && same(to_state, fact(|p| p.facts.to.state.as_deref()))
            && status.is_none_or(|s| self.parcel.is_some_and(|p| p.status == s))
            && reason.is_none_or(|r| self.case.is_some_and(|c| c.reason == r))
    }

    /// Whether a report counts it at all.
    #[must_use]
    pub fn counts(&self, d: &Definition, bounds: Option<(Timestamp, Timestamp)>) -> bool {
        let within =
            bounds.is_none_or(|(from, to)| self.moment(d.basis).is_some_and(|at| from <= at && at < to));
        within && self.is_one_of(&d.only)
    }
}

/// Calls `f` with each item that `parcel` makes for a report of `kind`.
pub fn of_parcel<'a>(kind: Kind, parcel: &'a Parcel, at: &At<'_>, f: &mut dyn FnMut(Item<'a>)) {
    if kind != Kind::Dwell {
        return f(Item::parcel(parcel));
    }
    let item = |stay| Item { stay: Some(stay), ..Item::parcel(parcel) };
    for (status, ms) in parcel.stays() {
        f(item(Stay { status, ms, still: false }));
    }
    if crate::parcels::rules::is_open(parcel.status) {
        let ms = u64::try_from(at.now.since(parcel.there_since()).as_millis()).unwrap_or(u64::MAX);
        f(item(Stay { status: parcel.status, ms, still: true }));
    }
}
