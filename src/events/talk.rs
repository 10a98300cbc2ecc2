//! What is said on the socket: each message is a JSON document with a `type`, ours with `data` and a `timestamp` beside it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::event::{Subject, Told};
use super::feed::{Item, Wanted};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::tracking::model::Fix;

/// Deliveries one connection follows at the most.
pub const MAX_FOLLOWED: usize = 1_000;
/// Entries of the log that a subscription goes back at the most; whoever was away for longer reads the feed first.
pub const MAX_BACK: u64 = 100_000;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Heard {
    /// Follow a delivery, by id or number.
    SubscribeDelivery {
        /// Which.
        #[serde(alias = "deliveryId")]
        delivery_id: String,
        /// The sequence number behind which to begin; from now on when absent.
        #[serde(default)]
        after: Option<u64>,
    },
    /// Follow it no more.
    UnsubscribeDelivery {
        /// Which.
        #[serde(alias = "deliveryId")]
        delivery_id: String,
    },
    /// Hear of everything one may see, as CloudEvents.
    Subscribe {
        /// Event names or the beginnings of them; every one when absent.
        #[serde(default)]
        types: Vec<String>,
        /// The sequence number behind which to begin; from now on when absent.
        #[serde(default)]
        after: Option<u64>,
    },
    /// Hear of nothing but followed deliveries.
    Unsubscribe,
    /// Is anybody there?
    Ping,
}

/// Reads what a client says.
///
/// # Errors
/// What would be right.
pub fn heard(text: &str) -> Result<Heard, String> {
    serde_json::from_str(text).map_err(|e| {
        format!(
            "{e}; say {{\"type\":…}} with subscribe_delivery, unsubscribe_delivery, subscribe, unsubscribe or ping"
        )
    })
}

/// A message of ours.
#[must_use]
pub fn message(kind: &str, data: &Value, now: Timestamp) -> String {
    json!({ "type": kind, "data": data, "timestamp": now.to_string() }).to_string()
}

/// A refusal of what was asked.
#[must_use]
pub fn refusal(code: &str, detail: &str, now: Timestamp) -> String {
    message("error", &json!({ "code": code, "detail": detail }), now)
}

/// What one connection hears of.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    /// The deliveries it follows.
    pub deliveries: BTreeSet<Id>,
    /// What else.
    pub all: Option<Wanted>,
    /// Whether it hears of searches for routes that found a plan.
    pub hears_of_plans: bool,
}

/// The name of the event, and of the message, that a search for routes found a plan.
const PLANNED: &str = "route.optimization.completed";

/// The message that tells where the vehicle of a followed delivery is: degrees, metres a second, degrees from north and
/// metres.
#[must_use]
pub fn location(delivery: Id, fix: &Fix, now: Timestamp) -> String {
    let (latitude, longitude) = fix.spot.degrees();
    let mut data = json!({
        "deliveryId": delivery,
        "location": { "latitude": latitude, "longitude": longitude },
        "at": fix.at.to_string(),
    });
    let told = [
        ("speed", fix.speed.map(|v| f64::from(v) / 100.0)),
        ("heading", fix.heading.map(|v| f64::from(v) / 100.0)),
        ("accuracy", fix.accuracy.map(|v| f64::from(v) / 10.0)),
    ];
    for (name, value) in told.into_iter().filter_map(|(name, v)| Some((name, v?))) {
        data[name] = value.into();
    }
    message("delivery.location.updated", &data, now)
}

impl Ear {
    /// Whether anything of `told` is for it.
    #[must_use]
    pub fn hears(&self, told: &Told) -> bool {
        let followed = told.subject == Subject::Delivery && self.deliveries.contains(&told.id);
        // Whoever may see routes waits for the plan, and nobody asks for it by name.
        let planned = self.hears_of_plans && told.name == PLANNED;
        planned
            || (followed && step(told).is_some())
            || self.all.as_ref().is_some_and(|all| all.wants(told.name))
    }

    /// The messages that tell it of an event: one as a followed delivery's, one as an event; mostly one of both.
    #[must_use]
    pub fn messages(&self, item: &Item, now: Timestamp) -> Vec<String> {
        let told = &item.told;
        let followed = told.subject == Subject::Delivery && self.deliveries.contains(&told.id);
        let step = followed.then(|| step(told)).flatten().map(|mut data| {
            data.insert("deliveryId".into(), told.id.to_string().into());
            data.insert("seq".into(), item.seq.into());
            message("delivery.status.updated", &data.into(), now)
        });
        let planned = (self.hears_of_plans && told.name == PLANNED).then(|| {
            let mut data = told.event["data"].as_object().cloned().unwrap_or_default();
            data.insert("optimizationId".into(), told.id.to_string().into());
            data.insert("seq".into(), item.seq.into());
            message(PLANNED, &data.into(), now)
        });
        let wanted = self.all.as_ref().is_some_and(|all| all.wants(told.name));
        let event = wanted.then(|| message("event", &told.event, now));
        step.into_iter().chain(planned).chain(event).collect()
    }
}

/// What a change of a delivery says of where it is; none when it says nothing of that.
fn step(told: &Told) -> Option<Map<String, Value>> {
    let said = &told.event["data"];
    let status = match told.name {
        "delivery.requested" | "delivery.unassigned" => "created".into(),
        "delivery.assigned" => "assigned".into(),
        "delivery.status_changed" => said["to"].clone(),
        _ => return None,
    };
    let mut data = Map::new();
    data.insert("status".into(), status);
    let fields = [
        ("assignedTo", &said["to"]["id"]),
        ("location", &said["position"]),
        ("notes", &said["note"]),
        ("reason", &said["reason"]),
        ("occurredAt", &told.event["time"]),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
        data.insert(name.into(), value.clone());
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &'static str, data: Value) -> Item {
        let event = json!({ "time": "2026-01-01T00:00:00Z", "data": data });
        Item { seq: 7, told: Told { name, subject: Subject::Delivery, id: Id([1; 16]), event } }
    }

    #[test]
    fn what_clients_say_is_read_in_both_spellings_and_nonsense_is_answered_with_what_would_be_right() {
        let follow = Heard::SubscribeDelivery { delivery_id: "7".into(), after: None };
        assert_eq!(heard(r#"{"type":"subscribe_delivery","deliveryId":"7"}"#), Ok(follow.clone()));
        assert_eq!(heard(r#"{"type":"subscribe_delivery","delivery_id":"7"}"#), Ok(follow));
        assert_eq!(heard(r#"{"type":"ping"}"#), Ok(Heard::Ping));
        let all = Heard::Subscribe { types: vec!["order.".into()], after: Some(3) };
        assert_eq!(heard(r#"{"type":"subscribe","types":["order."],"after":3}"#), Ok(all));
        for bad in ["", "{}", "[]", r#"{"type":"dance"}"#, r#"{"type":"subscribe_delivery"}"#, "\"ping\""] {
            assert!(heard(bad).unwrap_err().contains("subscribe_delivery"), "{bad}");
        }
    }

    #[test]
    fn a_followed_delivery_tells_where_it_is_and_others_tell_nothing() {
        let now = Timestamp::from_millis(0);
        let mut ear = Ear::default();
        let moved = told("delivery.status_changed", json!({ "to": "in_transit", "note": "x" }));
        assert!(!ear.hears(&moved.told) && ear.messages(&moved, now).is_empty());
        ear.deliveries.insert(Id([1; 16]));
        let said: Value = serde_json::from_str(&ear.messages(&moved, now)[0]).unwrap();
        assert_eq!(
            (&said["type"], &said["data"]["status"]),
            (&json!("delivery.status.updated"), &json!("in_transit"))
        );
        assert_eq!((&said["data"]["seq"], &said["data"]["notes"]), (&json!(7), &json!("x")));
        let proved = told("delivery.proved", json!({ "name": "J" }));
        assert!(!ear.hears(&proved.told) && ear.messages(&proved, now).is_empty());
        ear.all = Some(Wanted::of("delivery."));
        assert_eq!((ear.messages(&moved, now).len(), ear.messages(&proved, now).len()), (2, 1));
    }
}
