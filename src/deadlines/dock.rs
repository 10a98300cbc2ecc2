//! What a tenant sets for its dock and its counter: how long after its time an announced truck is missed, and how long a
//! parcel waits to be collected.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::text;

/// Services that can have a holding time of their own.
pub const MAX_SERVICES: usize = 200;
/// Notices before a parcel goes back.
pub const MAX_NOTICES: usize = 5;
/// The longest holding time in hours: a quarter of a year.
pub const MAX_HOLDING_HOURS: u32 = 24 * 92;
/// The longest grace in minutes: a week.
pub const MAX_GRACE_MINUTES: u32 = 7 * 24 * 60;

/// The rules of dock and counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DockRules {
    /// Minutes after its time at which an announced truck is missed.
    pub truck_grace_minutes: u32,
    /// The same of a flight.
    pub flight_grace_minutes: u32,
    /// The same of what a distributor brings by itself.
    pub distributor_grace_minutes: u32,
    /// Hours by the wall clock that a parcel waits to be collected.
    pub holding_hours: u32,
    /// Where a service has a time of its own.
    pub holding: Vec<Holding>,
    /// Percentages of the holding time at which somebody is told.
    pub notices: Vec<u8>,
    /// Whether a parcel goes back by itself when its time is over; otherwise a person sends it.
    pub returns: bool,
}

/// The holding time of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoldingTime)]
pub struct Holding {
    /// The service, as parcels name it.
    pub service: String,
    /// Hours by the wall clock; 0 for ever.
    pub hours: u32,
}

impl Default for DockRules {
    /// Two hours for a truck, four for a flight, a day for a distributor; seven days at the counter, told at half and at
    /// nine tenths of them, then back. All ours but the two notices, which the trade's reason asks for.
    fn default() -> Self {
        Self {
            truck_grace_minutes: 120,
            flight_grace_minutes: 240,
            distributor_grace_minutes: 24 * 60,
            holding_hours: 7 * 24,
            holding: Vec::new(),
            notices: vec![50, 90],
            returns: true,
        }
    }
}

/// What the clock at the counter does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// At which percentage of the holding time; 100 is the way back.
    pub percent: u8,
}

impl DockRules {
    /// Whether they make sense.
    ///
    /// # Errors
    /// Names each place that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        for (name, minutes) in [
            ("truck", self.truck_grace_minutes),
            ("flight", self.flight_grace_minutes),
            ("distributor", self.distributor_grace_minutes),
        ] {
            if minutes > MAX_GRACE_MINUTES {
                let said = format!("is {minutes}; at most {MAX_GRACE_MINUTES}, a week");
                wrong.push(Problem::new(format!("/{name}_grace_minutes"), said));
            }
        }
        if self.holding_hours > MAX_HOLDING_HOURS {
            let said = format!("is {}; at most {MAX_HOLDING_HOURS}", self.holding_hours);
            wrong.push(Problem::new("/holding_hours", said));
        }
        if self.holding.len() > MAX_SERVICES {
            let said = format!("has {} services; at most {MAX_SERVICES} are kept", self.holding.len());
            wrong.push(Problem::new("/holding", said));
        }
        for (n, holding) in self.holding.iter().enumerate() {
            let service = format!("/holding/{n}/service");
            wrong.extend(text::required(&service, &holding.service, text::SHORT).err());
            if self.holding[..n].iter().any(|h| h.service == holding.service) {
                wrong.push(Problem::new(service, "stands there twice; name each service once"));
            }
            if holding.hours > MAX_HOLDING_HOURS {
                let said = format!("is {}; at most {MAX_HOLDING_HOURS}", holding.hours);
                wrong.push(Problem::new(format!("/holding/{n}/hours"), said));
            }
        }
        let rising = self.notices.windows(2).all(|w| w[0] < w[1]);
        if self.notices.len() > MAX_NOTICES || !rising || self.notices.iter().any(|p| !(1..100).contains(p)) {
            let said = format!("needs up to {MAX_NOTICES} rising percentages from 1 to 99, such as [50, 90]");
            wrong.push(Problem::new("/notices", said));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }

    /// How long a parcel of `service` waits; none for ever.
    #[must_use]
    pub fn holding(&self, service: Option<&str>) -> Option<Duration> {
        let own = service.and_then(|s| self.holding.iter().find(|h| h.service == s));
        let hours = own.map_or(self.holding_hours, |h| h.hours);
        (hours > 0).then(|| Duration::from_secs(u64::from(hours) * 3_600))
    }

    /// What comes next for a parcel that has waited since `since` and of which people were told at `told` percent (0 for
    /// not yet); none when nothing more happens by itself.
    #[must_use]
    pub fn next(&self, service: Option<&str>, since: Timestamp, told: u8) -> Option<Turn> {
        let holding = self.holding(service)?;
        let end = (self.returns && told < 100).then_some(100);
        let percent = self.notices.iter().copied().find(|p| *p > told).or(end)?;
        Some(Turn { at: since.after(holding * u32::from(percent) / 100), percent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_turn_comes_once_and_in_order() {
        let rules = DockRules::default();
        let hours =
            |told| rules.next(None, Timestamp::ZERO, told).map(|t| (t.at.millis() / 3_600_000, t.percent));
        assert_eq!([0, 50, 90, 100].map(hours), [Some((84, 50)), Some((151, 90)), Some((168, 100)), None]);
        let by_hand = DockRules { returns: false, ..DockRules::default() };
        assert_eq!(by_hand.next(None, Timestamp::ZERO, 90), None);
        let holding = vec![
            Holding { service: "express".into(), hours: 48 },
            Holding { service: "keep".into(), hours: 0 },
        ];
        let rules = DockRules { holding, ..DockRules::default() };
        assert_eq!(rules.next(Some("express"), Timestamp::ZERO, 0).unwrap().at.millis(), 24 * 3_600_000);
        assert_eq!(rules.next(Some("keep"), Timestamp::ZERO, 0), None);
        assert_eq!(rules.holding(Some("other")), rules.holding(None));
    }

    #[test]
    fn one_past_a_limit_is_refused() {
        assert!(DockRules::default().check().is_ok());
        let of = |n: usize| DockRules {
            holding: (0..n).map(|n| Holding { service: n.to_string(), hours: 1 }).collect(),
            ..DockRules::default()
        };
        assert!(of(MAX_SERVICES).check().is_ok());
        assert_eq!(of(MAX_SERVICES + 1).check().unwrap_err().0[0].pointer, "/holding");
        for notices in [vec![0], vec![100], vec![50, 50], vec![90, 50], (1..=6).collect()] {
            let wrong = DockRules { notices, ..DockRules::default() }.check().unwrap_err();
            assert_eq!(wrong.0[0].pointer, "/notices");
        }
        let long = DockRules { holding_hours: MAX_HOLDING_HOURS + 1, ..DockRules::default() };
        assert_eq!(long.check().unwrap_err().0[0].pointer, "/holding_hours");
        let late = DockRules { truck_grace_minutes: MAX_GRACE_MINUTES + 1, ..DockRules::default() };
        assert_eq!(late.check().unwrap_err().0[0].pointer, "/truck_grace_minutes");
        let twice = vec![Holding { service: "x".into(), hours: 1 }; 2];
        let twice = DockRules { holding: twice, ..DockRules::default() };
        assert_eq!(twice.check().unwrap_err().0[0].pointer, "/holding/1/service");
    }

    proptest! {
        #[test]
        fn the_clock_at_the_counter_always_comes_to_an_end(
            hours in 1_u32..MAX_HOLDING_HOURS, mut notices in proptest::collection::vec(1_u8..100, 0..5),
        ) {
            notices.sort_unstable();
            notices.dedup();
            let rules = DockRules { holding_hours: hours, notices: notices.clone(), ..DockRules::default() };
            prop_assert!(rules.check().is_ok());
            let (mut told, mut last, mut turns) = (0, Timestamp::ZERO, 0);
            while let Some(turn) = rules.next(None, Timestamp::ZERO, told) {
                prop_assert!(turn.percent > told && turn.at >= last);
                (told, last, turns) = (turn.percent, turn.at, turns + 1);
            }
            prop_assert_eq!((told, turns), (100, notices.len() + 1));
            prop_assert_eq!(last.millis(), i64::from(hours) * 3_600_000);
        }
    }
}
