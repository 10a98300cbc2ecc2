//! The forms in which phones and boxes tell positions: our own, OsmAnd (with that of Traccar's clients) and OwnTracks.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::geo::Spot;
use super::model::{Fix, SpeedUnit};
use crate::base::clock::Timestamp;

/// A position as it was told, before anything is checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Degrees north.
    pub lat: Option<f64>,
    /// Degrees east.
    pub lon: Option<f64>,
    /// When; now where nothing is said.
    pub at: Option<Timestamp>,
    /// Metres a second.
    pub speed: Option<f64>,
    /// Degrees from north.
    pub heading: Option<f64>,
    /// Metres.
    pub accuracy: Option<f64>,
    /// Metres above the sea.
    pub height: Option<f64>,
}

impl Told {
    /// As a point.
    ///
    /// # Errors
    /// When it has no place, or none on this planet.
    pub fn fix(&self, now: Timestamp) -> Result<Fix, String> {
        let (Some(lat), Some(lon)) = (self.lat, self.lon) else {
            return Err("needs a latitude and a longitude in degrees".into());
        };
        // One less than what a block says where nothing is known.
        let small = |v: Option<f64>, times: f64| {
            let v = v.filter(|v| v.is_finite() && *v >= 0.0)?;
            Some((v * times).round().min(f64::from(u16::MAX - 1)) as u16)
        };
        Ok(Fix {
            at: self.at.unwrap_or(now),
            spot: Spot::new(lat, lon)?,
            speed: small(self.speed, 100.0),
            heading: small(self.heading.map(|h| h.rem_euclid(360.0)), 100.0),
            accuracy: small(self.accuracy, 10.0),
            height: self
                .height
                .filter(|h| h.is_finite())
                .map(|h| h.clamp(-32_767.0, 32_767.0).round() as i16),
        })
    }
}

/// A time as devices write it: seconds or milliseconds since 1970, RFC 3339, or `2026-05-31 18:00:00` in UTC.
#[must_use]
pub fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(n) = text.parse::<f64>() {
        return number_time(n);
    }
    Timestamp::parse(&text.replacen(' ', "T", 1), &TimeZone::UTC).ok()
}

fn number_time(n: f64) -> Option<Timestamp> {
    // Seconds until the year 5138, milliseconds above.
    let ms = if n.abs() < 1e11 { n * 1_000.0 } else { n };
    n.is_finite().then(|| Timestamp::from_millis(ms as i64))
}

fn metres_a_second(speed: f64, unit: SpeedUnit) -> f64 {
    match unit {
        SpeedUnit::Ms => speed,
        SpeedUnit::Kmh => speed / 3.6,
        SpeedUnit::Knots => speed * 0.514_444,
    }
}

/// The pairs of a query or form: OsmAnd's own form.
///
/// # Errors
/// When a number is none.
pub fn osmand(pairs: &[(String, String)], unit: SpeedUnit) -> Result<Told, String> {
    let text = |names: &[&str]| {
        let found = pairs.iter().find(|(name, v)| names.contains(&name.as_str()) && !v.trim().is_empty());
        found.map(|(_, v)| v.trim())
    };
    let number = |names: &[&str]| -> Result<Option<f64>, String> {
        let Some(text) = text(names) else { return Ok(None) };
        let read = text.parse::<f64>().ok().filter(|n| n.is_finite());
        read.map(Some).ok_or_else(|| format!("{} must be a number, got \"{text}\"", names[0]))
    };
    let (mut lat, mut lon) = (number(&["lat"])?, number(&["lon", "lng"])?);
    if let Some((a, b)) = text(&["location"]).and_then(|l| l.split_once(',')) {
        (lat, lon) = (a.trim().parse().ok(), b.trim().parse().ok());
    }
    let at = match text(&["timestamp", "time"]) {
        Some(t) => Some(time(t).ok_or_else(|| format!("timestamp \"{t}\" is no time"))?),
        None => None,
    };
    // A dilution of precision is about five metres each; a point that calls itself invalid is as good as none.
    let accuracy = match (number(&["accuracy"])?, number(&["hdop"])?) {
        (Some(metres), _) => Some(metres),
        (None, hdop) => hdop.map(|h| h * 5.0),
    };
    if text(&["valid"]).is_some_and(|v| matches!(v, "false" | "0")) {
        return Err("the device says itself that the position is not valid".into());
    }
    let speed = number(&["speed"])?.map(|s| metres_a_second(s, unit));
    let (heading, height) = (number(&["bearing", "heading"])?, number(&["altitude"])?);
    Ok(Told { lat, lon, at, speed, heading, accuracy, height })
}

/// The JSON of Traccar's clients from version 9 on, and who it says it is.
///
/// # Errors
/// When it is not of that form.
pub fn traccar(body: &Value) -> Result<(Option<&str>, Told), String> {
    let device = body["device_id"].as_str();
    let location = &body["location"];
    let coords = &location["coords"];
    if !coords.is_object() {
        return Err("needs location.coords with latitude and longitude".into());
    }
    let number = |name: &str| coords[name].as_f64();
    // The client says -1 where it does not know.
    let positive = |name: &str| number(name).filter(|n| *n >= 0.0);
    let at = match &location["timestamp"] {
        Value::String(t) => Some(time(t).ok_or_else(|| format!("timestamp \"{t}\" is no time"))?),
        Value::Number(n) => n.as_f64().and_then(number_time),
        _ => None,
    };
    let told = Told {
        lat: number("latitude"),
        lon: number("longitude"),
        at,
        speed: positive("speed"),
        heading: positive("heading"),
        accuracy: positive("accuracy"),
        height: number("altitude"),
    };
    Ok((device, told))
}

#[derive(Deserialize)]
struct OwnTracks {
    #[serde(rename = "_type", default)]
    kind: String,
    lat: Option<f64>,
    lon: Option<f64>,
    tst: Option<f64>,
    acc: Option<f64>,
    alt: Option<f64>,
    /// Kilometres an hour.
    vel: Option<f64>,
    cog: Option<f64>,
}

/// An OwnTracks message; none for a kind that tells no position, and for none at all.
///
/// # Errors
/// When it is no JSON of that form.
pub fn owntracks(body: &[u8]) -> Result<Option<Told>, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let said: OwnTracks =
        serde_json::from_slice(body).map_err(|e| format!("is no OwnTracks message: {e}"))?;
    if said.kind != "location" && said.kind != "transition" {
        return Ok(None);
    }
    let OwnTracks { lat, lon, tst, acc, alt, vel, cog, .. } = said;
    let at = tst.and_then(number_time);
    Ok(Some(Told { lat, lon, at, speed: vel.map(|v| v / 3.6), heading: cog, accuracy: acc, height: alt }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        let pair = |p: &str| p.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned()));
        query.split('&').filter_map(pair).collect()
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    #[test]
    fn times_come_in_four_forms() {
        let at = Timestamp::from_millis(1_780_250_400_000);
        for text in [
            "1780250400",
            "1780250400000",
            "2026-05-31T18:00:00Z",
            "2026-05-31 18:00:00",
            " 2026-05-31T20:00:00+02:00 ",
        ] {
            assert_eq!(time(text), Some(at), "{text}");
        }
        assert_eq!((time("yesterday"), time("NaN"), time("")), (None, None, None));
    }

    #[test]
    fn osmand_is_read_with_the_devices_own_unit_of_speed() {
        let query = "id=x&lat=-23.5&lon=-46.6&timestamp=1780250400&speed=36&bearing=-90&altitude=760.4&hdop=2&batt=80";
        let fix = osmand(&pairs(query), SpeedUnit::Kmh).unwrap().fix(now()).unwrap();
        assert_eq!(
            (fix.speed, fix.heading, fix.accuracy, fix.height),
            (Some(1_000), Some(27_000), Some(100), Some(760))
        );
        assert_eq!((fix.spot.degrees(), fix.at.millis()), ((-23.5, -46.6), 1_780_250_400_000));
        let knots = osmand(&pairs("location=1.5,2.5&speed=10"), SpeedUnit::Knots).unwrap();
        assert_eq!((knots.lat, knots.lon), (Some(1.5), Some(2.5)));
        assert_eq!((knots.fix(now()).unwrap().speed, knots.fix(now()).unwrap().at), (Some(514), now()));
        for bad in ["lat=a&lon=1", "lat=1&lon=2&timestamp=soon", "lat=1&lon=2&valid=false"] {
            assert!(osmand(&pairs(bad), SpeedUnit::Ms).is_err(), "{bad}");
        }
        for nowhere in ["lat=1", "lat=0&lon=0", "lat=91&lon=0"] {
            assert!(osmand(&pairs(nowhere), SpeedUnit::Ms).unwrap().fix(now()).is_err(), "{nowhere}");
        }
    }

    #[test]
    fn traccars_clients_say_json() {
        let body = serde_json::json!({ "device_id": "d", "location": { "timestamp": "2026-05-31T18:00:00.500Z",
            "coords": { "latitude": 1.0, "longitude": 2.0, "accuracy": 6.5, "speed": -1, "heading": 90.0, "altitude": 3.0 } } });
        let (device, told) = traccar(&body).unwrap();
        assert_eq!((device, told.speed, told.accuracy), (Some("d"), None, Some(6.5)));
        assert_eq!(told.at.unwrap().millis(), 1_780_250_400_500);
        assert!(traccar(&serde_json::json!({ "location": 5 })).is_err());
    }

    #[test]
    fn owntracks_tells_positions_and_much_else() {
        let told = owntracks(
            br#"{"_type":"location","lat":1,"lon":2,"tst":1780250400,"acc":12,"vel":36,"cog":180,"tid":"A"}"#,
        );
        let fix = told.unwrap().unwrap().fix(now()).unwrap();
        assert_eq!((fix.speed, fix.heading, fix.accuracy), (Some(1_000), Some(18_000), Some(120)));
        assert_eq!(owntracks(b" "), Ok(None));
        assert_eq!(owntracks(br#"{"_type":"lwt","tst":1}"#), Ok(None));
        assert!(owntracks(b"[]").is_err());
    }
}
