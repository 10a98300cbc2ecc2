//! The weather, from a service that is asked now and then: what it says of the depot's place, and what that costs on the
//! road. What somebody entered by hand counts before it.

use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::conditions::Weather;
use crate::base::clock::Timestamp;
use crate::base::units::Position;
use crate::places::model::degrees;

/// The service's name among those outside.
pub const WEATHER: &str = "weather";
/// How long the last answer stands when no other comes.
pub const STANDS: Duration = Duration::from_secs(6 * 3_600);
/// Metres of sight below which people drive slowly, whatever the sky does.
const POOR_SIGHT: f64 = 400.0;

/// What the service said last, and when it is asked again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// When it is asked again.
    pub next_at: Timestamp,
    /// What it said.
    pub said: Option<Measured>,
}

/// The weather at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// When that was said.
    pub at: Timestamp,
    /// Driving takes so many times as long.
    pub factor: f64,
    /// In a word: `rain`.
    pub note: String,
}

impl Measured {
    /// The weather that counts at `now`; none when it is no hindrance, or was said too long ago.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> Option<Weather> {
        let until = self.at.after(STANDS);
        let counts = self.factor > 1.0 && now < until;
        counts.then(|| Weather {
            factor: self.factor,
            note: self.note.clone(),
            until: Some(until),
            measured_at: Some(self.at),
        })
    }
}

/// Where to ask for the weather at `place`, in the form of Open-Meteo. Two decimals: a service need not know the street.
///
/// # Errors
/// When `base` is no address.
pub fn question(base: &str, place: Position) -> Result<Url, String> {
    let mut url: Url = base.parse().map_err(|e| format!("weather.url: {e}"))?;
    let (lat, lon) = degrees(place);
    url.query_pairs_mut()
        .append_pair("latitude", &format!("{lat:.2}"))
        .append_pair("longitude", &format!("{lon:.2}"))
        .append_pair("current", "weather_code,visibility");
    Ok(url)
}

#[derive(Deserialize)]
struct Answer {
    current: Current,
}

#[derive(Deserialize)]
struct Current {
    /// By the WMO's table 4677.
    weather_code: u8,
    /// Metres.
    #[serde(default)]
    visibility: Option<f64>,
}

/// What an answer says, at `now`.
///
/// # Errors
/// In words, when it is none.
pub fn read(body: &[u8], now: Timestamp) -> Result<Measured, String> {
    let Answer { current } =
        serde_json::from_slice(body).map_err(|e| format!("its answer can't be read: {e}"))?;
    let (mut factor, mut note) = effect(current.weather_code)
        .ok_or_else(|| format!("it says weather {}, which is none", current.weather_code))?;
    if factor < FOG && current.visibility.is_some_and(|m| m < POOR_SIGHT) {
        (factor, note) = (FOG, "poor sight");
    }
    Ok(Measured { at: now, factor, note: note.to_owned() })
}

// What the Federal Highway Administration gives for arterial roads ("How Do Weather Events Affect Roads?"): speeds fall by 10
// to 25 % on wet pavement and by 30 to 40 % on snowy or slushy pavement; by 10 to 12 % where one sees little.
const FOG: f64 = 1.0 / (1.0 - 0.12);
const WET: f64 = 1.0 / (1.0 - 0.10);
const POURING: f64 = 1.0 / (1.0 - 0.25);
const SNOWY: f64 = 1.0 / (1.0 - 0.30);
const DEEP_SNOW: f64 = 1.0 / (1.0 - 0.40);

/// What a code of the WMO's table 4677 costs, and its word; none for what is no code.
fn effect(code: u8) -> Option<(f64, &'static str)> {
    Some(match code {
        0..=3 => (1.0, "dry"),
        45 | 48 => (FOG, "fog"),
        51 | 53 | 55 | 61 | 80 => (WET, "rain"),
        63 | 65 | 81 | 82 | 95 => (POURING, "heavy rain"),
        71 | 73 | 77 | 85 => (SNOWY, "snow"),
        56 | 57 | 66 | 67 => (DEEP_SNOW, "freezing rain"),
        75 | 86 => (DEEP_SNOW, "heavy snow"),
        96 | 99 => (POURING, "hail"),
        4..=99 => (1.0, "dry"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> Result<Measured, String> {
        read(body.as_bytes(), Timestamp::from_millis(1_000))
    }

    #[test]
    fn an_answer_becomes_a_factor_and_a_word() {
        let all = [
            (0, 1.0, "dry"),
            (61, 1.11, "rain"),
            (65, 1.33, "heavy rain"),
            (73, 1.43, "snow"),
            (86, 1.67, "heavy snow"),
        ];
        for (code, factor, note) in all {
            let m =
                said(&format!(r#"{{"current":{{"weather_code":{code},"visibility":20000.0}}}}"#)).unwrap();
            assert!((m.factor - factor).abs() < 0.005 && m.note == note, "{code}: {m:?}");
        }
        let dim = said(r#"{"current":{"weather_code":3,"visibility":150}}"#).unwrap();
        assert_eq!(dim.note, "poor sight");
        let snow = said(r#"{"current":{"weather_code":73,"visibility":150}}"#).unwrap();
        assert_eq!(snow.note, "snow", "what slows more counts");
        for none in [
            "",
            "{}",
            r#"{"current":{}}"#,
            r#"{"current":{"weather_code":200}}"#,
            r#"{"current":{"weather_code":"x"}}"#,
        ] {
            assert!(said(none).is_err(), "{none}");
        }
    }

    #[test]
    fn what_was_said_stands_for_six_hours() {
        let rain = said(r#"{"current":{"weather_code":61}}"#).unwrap();
        let still = rain.counts_at(rain.at.after(STANDS - Duration::from_millis(1))).unwrap();
        assert_eq!((still.factor, still.measured_at), (WET, Some(rain.at)));
        assert_eq!(rain.counts_at(rain.at.after(STANDS)), None);
        let dry = said(r#"{"current":{"weather_code":1}}"#).unwrap();
        assert_eq!(dry.counts_at(dry.at), None, "no hindrance");
    }

    #[test]
    fn the_question_names_the_place_roughly() {
        let at = Position::from_degrees(52.516_27, 13.377_7).unwrap();
        let url = question("https://w.example.com/v1/forecast?apikey=k", at).unwrap();
        assert_eq!(
            url.as_str(),
            "https://w.example.com/v1/forecast?apikey=k&latitude=52.52&longitude=13.38&current=weather_code%2Cvisibility"
        );
    }
}
