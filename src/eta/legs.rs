//! What is known of a leg before it is driven, as the learner takes it.

use serde::{Deserialize, Serialize};

use super::learner::{Sample, group};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;

/// Where nobody planned: the road is so much longer than the line through the air.
pub const CIRCUITY: f64 = 1.4;
/// Where nobody planned: metres a second in a town, stops at lights included.
pub const SPEED_M_S: f64 = 8.3;

/// Seconds of driving for so many metres through the air, where no router says better.
#[must_use]
pub fn guess_s(metres: f64) -> f32 {
    (metres * CIRCUITY / SPEED_M_S) as f32
}

/// What is known of a leg beforehand. Times of day are the depot's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegFacts {
    /// Seconds of driving as planned or guessed.
    pub planned_s: f32,
    /// Metres through the air.
    pub metres: f32,
    /// Hour of the day, 0 to 24.
    pub hour: f32,
    /// Day of the week, Monday is 0.
    pub weekday: f32,
    /// Stops that the vehicle still has.
    pub stops_left: f32,
    /// Seconds at the stop.
    pub service_s: f32,
    /// Kilograms, where known.
    pub weight_kg: Option<f32>,
    /// 0 low to 3 urgent, where known.
    pub priority: Option<f32>,
    /// Seconds until the window opens, negative once it has; none without one.
    pub opens_in_s: Option<f32>,
    /// Seconds until it closes.
    pub closes_in_s: Option<f32>,
    /// How much slower than planned the depot's last legs were: the mean of ln(actual / planned).
    pub slowness: Option<f32>,
    /// The driver, by a name of any kind.
    pub driver: String,
    /// The vehicle.
    pub vehicle: String,
    /// The area of the stop.
    pub area: String,
}

/// What the numbers of a leg are called where their part in an estimate is told, in the learner's order.
pub const NUMBERS: [&str; 11] = [
    "driving time",
    "distance",
    "hour",
    "weekday",
    "stops left",
    "time at the stop",
    "weight",
    "priority",
    "window opens",
    "window closes",
    "the day so far",
];
/// The same of its groups.
pub const GROUPS: [&str; 3] = ["driver", "vehicle", "area"];

impl LegFacts {
    /// As numbers, in the order of [`NUMBERS`].
    #[must_use]
    pub fn numbers(&self) -> [f32; NUMBERS.len()] {
        let known = |v: Option<f32>| v.unwrap_or(f32::NAN);
        [
            self.planned_s,
            self.metres,
            self.hour,
            self.weekday,
            self.stops_left,
            self.service_s,
            known(self.weight_kg),
            known(self.priority),
            known(self.opens_in_s),
            known(self.closes_in_s),
            known(self.slowness),
        ]
    }

    /// As groups, in the order of [`GROUPS`].
    #[must_use]
    pub fn groups(&self) -> [u64; GROUPS.len()] {
        [&self.driver, &self.vehicle, &self.area].map(|name| group(name))
    }

    /// As a sample that took `seconds`.
    #[must_use]
    pub fn sample(&self, seconds: f32) -> Sample {
        Sample { numbers: self.numbers().to_vec(), groups: self.groups().to_vec(), target: seconds }
    }
}

/// A leg that was driven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// What was known.
    pub facts: LegFacts,
    /// When the vehicle came.
    pub arrived_at: Timestamp,
    /// Seconds it took.
    pub seconds: f32,
    /// Whether the interval of 90 % held it; none where nothing was foretold.
    pub held: Option<bool>,
    /// The delivery, for whoever asks what an estimate was learned from.
    pub delivery: String,
    /// The track.
    pub track: Id,
}
first_record!(Leg);

impl Leg {
    /// How much slower than planned it was: ln(actual / planned), each with a minute more so that short ones don't shout.
    #[must_use]
    pub fn slowness(&self) -> f32 {
        ((self.seconds + 60.0) / (self.facts.planned_s + 60.0)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_no_number() {
        let facts = LegFacts { planned_s: 600.0, weight_kg: Some(5.5), ..LegFacts::default() };
        let numbers = facts.numbers();
        assert_eq!((numbers[0], numbers[6]), (600.0, 5.5));
        assert!(numbers[7..].iter().all(|n| n.is_nan()));
        assert_ne!(LegFacts { driver: "a".into(), ..facts.clone() }.groups(), facts.groups());
    }
}
