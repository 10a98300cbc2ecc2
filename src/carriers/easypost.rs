//! Trackers as EasyPost has them, and those who speak like it: one object for each parcel with its whole history in
//! `tracking_details`; pushed as an event with the tracker in `result`, and listed the newest first, page by page.

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::adapter::{Adapter, Batch, CarrierEvent, Login, below};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::parcels::model::Place;

/// Trackers of one page.
const PAGE: &str = "50";

/// See the module.
pub struct EasyPost;

#[derive(Deserialize)]
struct Tracker {
    id: String,
    tracking_code: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    status_detail: Option<String>,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    #[serde(default)]
    tracking_details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    status_detail: Option<String>,
    #[serde(default)]
    datetime: Option<Timestamp>,
    #[serde(default)]
    tracking_location: Option<Spot>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spot {
    city: Option<String>,
    state: Option<String>,
    country: Option<String>,
    zip: Option<String>,
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|t| !t.trim().is_empty())
}

impl Tracker {
    fn events(self) -> Vec<CarrierEvent> {
        let Self { id, tracking_code, status, status_detail, updated_at, tracking_details } = self;
        let details = if tracking_details.is_empty() {
            // A tracker that was only made says where it is itself.
            vec![Detail {
                message: None,
                description: None,
                status,
                status_detail,
                datetime: updated_at,
                tracking_location: None,
            }]
        } else {
            tracking_details
        };
        details.into_iter().map(|d| d.event(&id, &tracking_code)).collect()
    }
}

impl Detail {
    fn event(self, tracker: &str, number: &str) -> CarrierEvent {
        let Self { message, description, status, status_detail, datetime, tracking_location } = self;
        let Spot { city, state, country, zip } = tracking_location.unwrap_or_default();
        let (code, text) = (status.unwrap_or_default(), filled(message).or(filled(description)));
        let sub = filled(status_detail).filter(|s| s != "status_update");
        // Details have no id of their own: what they say is it.
        let at = datetime.map(|t| t.to_string()).unwrap_or_default();
        let said =
            [tracker, &code, sub.as_deref().unwrap_or_default(), text.as_deref().unwrap_or_default(), &at];
        let id = Id::derived(&said.map(str::as_bytes)).to_string();
        let place = Place {
            line: None,
            zip: filled(zip),
            city: filled(city),
            state: filled(state),
            country: filled(country),
            position: None,
        };
        CarrierEvent { id, number: number.to_owned(), code, sub, text, at: datetime, place }
    }
}

impl Adapter for EasyPost {
    fn name(&self) -> &'static str {
        "easypost"
    }

    fn read(&self, body: &[u8]) -> Result<Batch, String> {
        let said: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        let trackers = |v: &Value| Vec::<Tracker>::deserialize(v).map_err(|e| e.to_string());
        let one = |v: &Value| Tracker::deserialize(v).map(|t| vec![t]).map_err(|e| e.to_string());
        let (found, more) = match (&said["result"], &said["trackers"], &said) {
            (Value::Object(_), _, _) => (one(&said["result"])?, false),
            (_, list @ Value::Array(_), _) => (trackers(list)?, said["has_more"] == true),
            (_, _, list @ Value::Array(_)) => (trackers(list)?, false),
            (_, _, tracker) => (one(tracker)?, false),
        };
        // A page that says there is more and is empty would have us ask for ever.
        let next = found.last().filter(|_| more).map(|t| t.id.clone());
        let more = next.is_some();
        Ok(Batch {
            events: found.into_iter().flat_map(Tracker::events).collect(),
            next,
            more,
            ..Batch::default()
        })
    }

    fn ask(&self, base: &Url, cursor: Option<&str>) -> Result<Url, String> {
        let before = cursor.map(|c| ("before_id", c));
        let query: Vec<_> = [("page_size", PAGE)].into_iter().chain(before).collect();
        below(base, &["v2", "trackers"], &query)
    }

    fn login(&self) -> Login {
        Login::BasicUser
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACKER: &str = r#"{"id":"trk_1","object":"Tracker","tracking_code":"EZ1","status":"in_transit","status_detail":"x",
        "updated_at":"2026-11-21T10:00:00Z","tracking_details":[
        {"message":"Pre-Shipment Info","description":"","status":"pre_transit","status_detail":"status_update","datetime":"2026-11-20T10:00:00Z","tracking_location":{"city":null}},
        {"message":"Arrived","status":"in_transit","status_detail":"arrived_at_facility","datetime":"2026-11-21T10:00:00Z","tracking_location":{"city":"HOUSTON","zip":"77063"}}]}"#;

    #[test]
    fn a_tracker_is_read_in_every_wrapping_and_its_events_keep_their_ids() {
        let alone = EasyPost.read(TRACKER.as_bytes()).unwrap();
        assert_eq!(alone.events.len(), 2);
        assert_eq!((alone.events[0].code.as_str(), &alone.events[0].sub), ("pre_transit", &None));
        assert_eq!(alone.events[1].sub.as_deref(), Some("arrived_at_facility"));
        assert_eq!(alone.events[1].place.zip.as_deref(), Some("77063"));
        assert_ne!(alone.events[0].id, alone.events[1].id);
        for (wrapped, more) in [
            (format!(r#"{{"description":"tracker.updated","result":{TRACKER}}}"#), false),
            (format!("[{TRACKER}]"), false),
            (format!(r#"{{"trackers":[{TRACKER}],"has_more":true}}"#), true),
        ] {
            let read = EasyPost.read(wrapped.as_bytes()).unwrap();
            assert_eq!((&read.events, read.more), (&alone.events, more), "{wrapped}");
            assert_eq!(read.next.as_deref(), Some("trk_1").filter(|_| more));
        }
        let bare = EasyPost.read(br#"{"id":"t","tracking_code":"E","status":"unknown"}"#).unwrap();
        assert_eq!((bare.events.len(), bare.events[0].code.as_str()), (1, "unknown"));
        assert_eq!(EasyPost.read(br#"{"trackers":[],"has_more":true}"#).unwrap(), Batch::default());
        assert!(EasyPost.read(b"<html>").is_err() && EasyPost.read(b"{}").is_err());
    }
}
