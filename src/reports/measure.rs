//! The figures: each a question asked of every item, and a way to put the answers together.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::item::{At, Item, Part};
use crate::base::money::Money;
use crate::parcels::model::{Flag, Parcel, Status};
use crate::parcels::queries::By;
use crate::parcels::rules;

/// How the answers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Those that answer are counted.
    Count,
    /// The answers are added up.
    Sum,
    /// Mean, median, nine tenths, least and greatest of the answers.
    Spread,
    /// Those that answer, in percent of those that answer the other question.
    Share(Measure),
    /// Amounts, added up by currency.
    Money,
}

macro_rules! measures {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $unit:literal, $how:expr;)+) => {
        /// One figure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum Measure {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl Measure {
            /// Every figure.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What its numbers are.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$name => $unit,)+ }
            }

            /// How its answers are put together.
            #[must_use]
            pub const fn how(self) -> How {
                match self { $(Self::$name => $how,)+ }
            }
        }
    };
}

measures! {
    /// All parcels.
    Parcels = "parcels", "parcels", How::Count;
    /// Those not at their end.
    Open = "open", "parcels", How::Count;
    /// Those delivered.
    Delivered = "delivered", "parcels", How::Count;
    /// Those sent back and arrived there.
    Returned = "returned", "parcels", How::Count;
    /// Those lost.
    Lost = "lost", "parcels", How::Count;
    /// Those damaged.
    Damaged = "damaged", "parcels", How::Count;
    /// Those that need a person.
    Exceptional = "exceptional", "parcels", How::Count;
    /// Those that need a person, of all.
    ExceptionRate = "exception_rate", "percent", How::Share(Measure::Parcels);
    /// Delivered after the promised moment.
    DeliveredLateByClock = "delivered_late_by_clock", "parcels", How::Count;
    /// Delivered after the promised day.
    DeliveredLateByDay = "delivered_late_by_day", "parcels", How::Count;
    /// Delivered, and nobody told when.
    DeliveredWithoutTime = "delivered_without_time", "parcels", How::Count;
    /// Delivered, with a promise and a time to hold it against.
    Judged = "judged", "parcels", How::Count;
    /// Not at their end, and the promised moment has passed.
    OpenPastPromise = "open_past_promise", "parcels", How::Count;
    /// Not at their end, and the promised day has passed.
    OpenPastPromiseByDay = "open_past_promise_by_day", "parcels", How::Count;
    /// Delivered by the promised moment, of those that can be judged.
    OnTimeByClock = "on_time_by_clock", "percent", How::Share(Measure::Judged);
    /// Delivered on the promised day or before, of those that can be judged.
    OnTimeByDay = "on_time_by_day", "percent", How::Share(Measure::Judged);
    /// Those somebody tried to deliver.
    Tried = "tried", "parcels", How::Count;
    /// Those delivered with no attempt before.
    FirstAttemptDelivered = "first_attempt_delivered", "parcels", How::Count;
    /// Attempts that failed.
    FailedAttempts = "failed_attempts", "attempts", How::Sum;
    /// Those delivered with no attempt before, of those somebody tried to deliver.
    FirstAttemptRate = "first_attempt_rate", "percent", How::Share(Measure::Tried);
    /// From the carrier's hands to the recipient's, as the source tells the moments.
    TransitTime = "transit", "seconds", How::Spread;
    /// Weight.
    Weight = "weight", "grams", How::Sum;
    /// Value.
    Value = "value", "minor units", How::Money;
    /// Freight.
    Freight = "freight", "minor units", How::Money;
    /// Parcels that were there and have left.
    Stays = "left", "parcels", How::Count;
    /// How long they stayed.
    StayTime = "stayed", "seconds", How::Spread;
    /// Parcels that are there.
    StaysNow = "there", "parcels", How::Count;
    /// How long they have been there.
    StayingTime = "there_for", "seconds", How::Spread;
    /// Exceptions: parcels with a case, each case by itself, and cases about no parcel.
    Exceptions = "exceptions", "exceptions", How::Count;
    /// Those that still need somebody.
    ExceptionsOpen = "exceptions_open", "exceptions", How::Count;
    /// Those nobody has begun and whose time is over.
    ExceptionsOverdue = "exceptions_overdue", "exceptions", How::Count;
    /// Those that escalated.
    ExceptionsEscalated = "exceptions_escalated", "exceptions", How::Count;
    /// Those that are closed.
    ExceptionsResolved = "exceptions_resolved", "exceptions", How::Count;
    /// Those that came back.
    ExceptionsReopened = "exceptions_reopened", "exceptions", How::Count;
    /// From coming to the desk to the first action.
    FirstAction = "first_action", "seconds", How::Spread;
    /// How old they are, or were when they were closed.
    ExceptionAge = "age", "seconds", How::Spread;
    /// What they cost.
    Cost = "cost", "minor units", How::Money;
}

fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1_000).unwrap_or(i64::MAX)
}

fn yes(so: bool) -> Option<i64> {
    so.then_some(1)
}

impl Measure {
    /// What `item` answers; none when the figure does not count it. For a share this is the part, for amounts whether
    /// there is one.
    #[must_use]
    pub fn value(self, item: &Item<'_>, at: &At<'_>) -> Option<i64> {
        match self {
            Self::Stays | Self::StayTime | Self::StaysNow | Self::StayingTime => self.of_stay(item),
            Self::Exceptions
            | Self::ExceptionsOpen
            | Self::ExceptionsOverdue
            | Self::ExceptionsEscalated
            | Self::ExceptionsResolved
            | Self::ExceptionsReopened
            | Self::FirstAction
            | Self::ExceptionAge
            | Self::Cost => self.of_case(item, at),
            _ => item.parcel.filter(|_| item.case.is_none()).and_then(|p| self.of_parcel(p, at)),
        }
    }

    fn of_parcel(self, p: &Parcel, at: &At<'_>) -> Option<i64> {
        let open = rules::is_open(p.status);
        let delivered = p.status == Status::Delivered;
        let judged = p.facts.promised_at.zip(p.delivered_at).filter(|_| delivered);
        let late = |by: By| judged.map(|(due, then)| by.is_late(due, then, &at.policy.calendar));
        let past = |by: By| {
            open && p.facts.promised_at.is_some_and(|due| by.is_late(due, at.now, &at.policy.calendar))
        };
        match self {
            Self::Parcels => Some(1),
            Self::Open => yes(open),
            Self::Delivered => yes(delivered),
            Self::Returned => yes(p.status == Status::Returned),
            Self::Lost => yes(p.status == Status::Lost),
            Self::Damaged => yes(p.flags.has(Flag::Damaged)),
            Self::Exceptional | Self::ExceptionRate => {
                yes(!p.issues.is_empty() || p.flags.has(Flag::Exceptional))
            }
            Self::DeliveredLateByClock => yes(late(By::Clock) == Some(true)),
            Self::DeliveredLateByDay => yes(late(By::Day) == Some(true)),
            Self::DeliveredWithoutTime => yes(delivered && p.delivered_at.is_none()),
            Self::Judged => yes(judged.is_some()),
            Self::OpenPastPromise => yes(past(By::Clock)),
            Self::OpenPastPromiseByDay => yes(past(By::Day)),
            Self::OnTimeByClock => yes(late(By::Clock) == Some(false)),
            Self::OnTimeByDay => yes(late(By::Day) == Some(false)),
            Self::Tried => yes(delivered || p.attempts > 0),
            Self::FirstAttemptDelivered | Self::FirstAttemptRate => yes(delivered && p.attempts == 0),
            Self::FailedAttempts => Some(i64::from(p.attempts)).filter(|n| *n > 0),
            Self::TransitTime => {
                let (from, to) = p.milestones.carrier_at.zip(p.milestones.delivered_at.or(p.delivered_at))?;
                Some((to.millis() - from.millis()).div_euclid(1_000))
            }
            Self::Weight => p.facts.weight.map(|g| i64::try_from(g.0).unwrap_or(i64::MAX)),
            Self::Value => p.facts.value.as_ref().map(|_| 1),
            Self::Freight => p.facts.freight.as_ref().map(|_| 1),
            _ => None,
        }
    }

    fn of_stay(self, item: &Item<'_>) -> Option<i64> {
        let stay = item.stay?;
        match self {
            Self::Stays => yes(!stay.still),
            Self::StayTime => (!stay.still).then(|| seconds(stay.ms)),
            Self::StaysNow => yes(stay.still),
            Self::StayingTime => stay.still.then(|| seconds(stay.ms)),
            _ => None,
        }
    }

    fn of_case(self, item: &Item<'_>, at: &At<'_>) -> Option<i64> {
        let case = item.case?;
        if self == Self::Cost {
            return yes(item.part != Part::OneOfMany && !case.costs.is_empty());
        }
        if item.part == Part::CostAlone {
            return None;
        }
        match self {
            Self::Exceptions => Some(1),
            Self::ExceptionsOpen => yes(case.state.is_open()),
            Self::ExceptionsOverdue => yes(case.is_overdue(at.now)),
            Self::ExceptionsEscalated => yes(case.level > 0),
            Self::ExceptionsResolved => yes(!case.state.is_open()),
            Self::ExceptionsReopened => yes(case.reopened > 0),
            Self::FirstAction => {
                let first = case.first_action_at?;
                i64::try_from(first.since(case.clock.from).as_secs()).ok()
            }
            Self::ExceptionAge => item.age(at).and_then(|age| i64::try_from(age.as_secs()).ok()),
            _ => None,
        }
    }

    /// The amounts `item` has for it, where it counts amounts.
    #[must_use]
    pub fn amounts(self, item: &Item<'_>) -> Vec<Money> {
        let facts = item.parcel.map(|p| &p.facts);
        match self {
            Self::Value => facts.and_then(|f| f.value.clone()).into_iter().collect(),
            Self::Freight => facts.and_then(|f| f.freight.clone()).into_iter().collect(),
            Self::Cost => item.case.map_or_else(Vec::new, |c| c.costs()),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Kind;
    use super::*;

    #[test]
    fn every_figure_has_a_name_of_its_own_and_every_kind_shows_some() {
        let codes: std::collections::BTreeSet<_> = Measure::ALL.iter().map(|m| m.code()).collect();
        assert_eq!(codes.len(), Measure::ALL.len());
        for m in Measure::ALL {
            assert_eq!(serde_json::to_value(m).unwrap(), m.code());
        }
        for kind in Kind::ALL {
            assert!(!kind.measures().is_empty());
        }
    }

    #[test]
    fn a_share_is_part_of_what_it_is_a_share_of() {
        for m in Measure::ALL {
            if let How::Share(of) = m.how() {
                assert_eq!(of.how(), How::Count, "{}", m.code());
                assert_eq!(m.unit(), "percent");
            }
        }
    }
}
