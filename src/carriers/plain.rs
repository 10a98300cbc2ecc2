//! The plainest language, for carriers that can be told what to send: events with an id each.
//!
//! `{"events":[{"id":"e1","tracking_number":"…","code":"DL","sub":null,"text":"delivered","at":"2026-11-21T10:00:00Z",
//! "location":{"city":"Lisboa","country":"PT"}}],"next":"opaque","more":false}`

use serde::Deserialize;

use super::adapter::{Adapter, Batch, CarrierEvent};
use crate::base::clock::Timestamp;
use crate::parcels::model::Place;

/// See the module.
pub struct Plain;

#[derive(Deserialize)]
struct Message {
    events: Vec<Said>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct Said {
    id: String,
    #[serde(alias = "number")]
    tracking_number: String,
    code: String,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    location: Spot,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spot {
    line: Option<String>,
    zip: Option<String>,
    city: Option<String>,
    state: Option<String>,
    country: Option<String>,
}

impl Adapter for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn read(&self, body: &[u8]) -> Result<Batch, String> {
        let Message { events, next, more } = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        let event = |s: Said| {
            let Said { id, tracking_number: number, code, sub, text, at, location } = s;
            let Spot { line, zip, city, state, country } = location;
            let place = Place { line, zip, city, state, country, position: None };
            CarrierEvent { id, number, code, sub, text, at, place }
        };
        Ok(Batch { events: events.into_iter().map(event).collect(), next, more, ..Batch::default() })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::*;

    #[test]
    fn a_message_reads_as_it_is_written_down() {
        let body = br#"{"events":[{"id":"e1","tracking_number":"A1","code":"DL","at":"2026-11-21T10:00:00Z","location":{"city":"Lisboa"}},{"id":"e2","number":"A2","code":"X","sub":"7","text":"t"}],"next":"n","more":true}"#;
        let Batch { events, next, more, .. } = Plain.read(body).unwrap();
        assert_eq!((events.len(), next.as_deref(), more), (2, Some("n"), true));
        assert_eq!(events[0].place.city.as_deref(), Some("Lisboa"));
        assert_eq!((events[1].number.as_str(), events[1].sub.as_deref()), ("A2", Some("7")));
        for bad in [&b"<html>"[..], b"[]", br#"{"events":[{"id":1}]}"#, b""] {
            assert!(Plain.read(bad).is_err());
        }
        let base: Url = "https://c.example.com/v1/?key=1".parse().unwrap();
        assert_eq!(
            Plain.ask(&base, Some("a b")).unwrap().as_str(),
            "https://c.example.com/v1?key=1&after=a+b"
        );
    }
}
