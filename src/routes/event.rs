//! What happens to searches and routes, and how it is written. Kinds 0x600 to 0x60f.

use serde::{Deserialize, Serialize};

use super::model::{Content, Result as Found};
use crate::base::clock::Timestamp;
use crate::journal::Event;
use crate::store::{Result, StoreError};

/// The kinds of a search's events.
pub const OPTIMIZATION_KINDS: std::ops::RangeInclusive<u16> = 0x600..=0x603;
/// The kinds of a route's events.
pub const ROUTE_KINDS: std::ops::RangeInclusive<u16> = 0x604..=0x60f;

fn bad(what: &'static str, e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what, why: e.to_string() }
}

/// An enum of events of which each has one body.
macro_rules! events {
    ($(#[$all:meta])* $name:ident, $what:literal; $($(#[$doc:meta])* $variant:ident($body:ty) = $kind:literal $said:literal;)*) => {
        $(#[$all])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)] // an event is made, written and gone: a box would cost more than it saves
        pub enum $name { $($(#[$doc])* $variant($body),)* }

        impl Event for $name {
            fn kind(&self) -> u16 {
                match self { $(Self::$variant(_) => $kind,)* }
            }
            fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $said,)* }
            }
            fn encode(&self) -> Result<Vec<u8>> {
                let bytes = match self { $(Self::$variant(body) => rmp_serde::to_vec_named(body),)* };
                bytes.map_err(|e| bad($what, e))
            }
            fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
                if schema != 1 {
                    return Err(bad($what, format!("schema {schema} is not known to this release")));
                }
                match kind {
                    $($kind => rmp_serde::from_slice(body).map(Self::$variant).map_err(|e| bad($what, e)),)*
                    _ => Err(bad($what, format!("kind {kind:#x} is none of its events"))),
                }
            }
        }
    };
}

/// Nothing more to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {}

/// A search was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// For this local day.
    pub day: jiff::civil::Date,
    /// Jobs that are to be planned.
    pub jobs: u32,
    /// Vehicles that can be planned with.
    pub vehicles: u32,
    /// What is minimised: weights of distance, time and fuel.
    pub weights: [f64; 3],
}

/// It found none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub why: String,
}

/// Stops at the head are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// How many.
    pub stops: u32,
}

/// A stop was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopDone {
    /// Which, by its place in the route.
    pub stop: u32,
    /// When.
    pub at: Timestamp,
}

/// It will not be driven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Why.
    #[serde(default)]
    pub why: String,
}

events! {
    /// What happens to a search.
    OptimizationEvent, "route search event";
    /// It was asked for.
    Requested(Requested) = 0x600 "route.optimization.requested";
    /// It found a plan.
    Completed(Found) = 0x601 "route.optimization.completed";
    /// It found none.
    Failed(Failed) = 0x602 "route.optimization.failed";
    /// Somebody ended it before it began.
    Cancelled(Plain) = 0x603 "route.optimization.cancelled";
}

events! {
    /// What happens to a route.
    RouteEvent, "route event";
    /// It was planned.
    Planned(Content) = 0x604 "route.planned";
    /// It was changed: by hand, or planned anew.
    Changed(Content) = 0x605 "route.changed";
    /// Its head is fixed.
    Locked(Locked) = 0x606 "route.locked";
    /// It was given to its driver.
    Dispatched(Plain) = 0x607 "route.dispatched";
    /// A stop was done.
    StopDone(StopDone) = 0x608 "route.stop_done";
    /// It has come to its end.
    Completed(Plain) = 0x609 "route.completed";
    /// It will not be driven.
    Cancelled(Cancelled) = 0x60a "route.cancelled";
    /// It was taken away.
    Deleted(Plain) = 0x60b "route.deleted";
}

#[cfg(test)]
mod tests {
    use super::super::model::{Act, MAX_ADDRESS, MAX_REFERENCE, MAX_ROUTE_STOPS, Stop, Window};
    use super::*;
    use crate::base::units::Position;
    use crate::places::model::Accuracy;

    #[test]
    fn a_full_route_fits_into_one_change() {
        let at = Timestamp::from_millis(1_790_000_000_000);
        let stop = Stop {
            reference: "r".repeat(MAX_REFERENCE),
            act: Act::Deliver,
            address: "a".repeat(MAX_ADDRESS),
            position: Position { lat: 52_520_000, lon: -113_405_000 },
            accuracy: Accuracy::Exact,
            windows: vec![Window { from: at, to: at }],
            service_s: 300,
            amount: [12_345_678; 3],
            priority: 50,
            skills: Vec::new(),
            arrive: at,
            start: at,
            end: at,
            done_at: Some(at),
        };
        let content = Content { stops: vec![stop; MAX_ROUTE_STOPS], ..Content::default() };
        let bytes = RouteEvent::Planned(content.clone()).encode().unwrap();
        assert!(bytes.len() < crate::journal::change::MAX_CHANGE - 4_096, "{} bytes", bytes.len());
        assert_eq!(RouteEvent::decode(0x604, 1, &bytes).unwrap(), RouteEvent::Planned(content));
        assert!(
            RouteEvent::decode(0x604, 2, &bytes).is_err() && RouteEvent::decode(0x600, 1, &bytes).is_err()
        );
    }
}
