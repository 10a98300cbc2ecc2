//! The doors for phones and boxes: nobody is logged in here, the device's token says who it is.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::TrackingError;
use super::forms::{self, Told};
use super::model::Device;
use super::tracker::Report;
use super::{records, rules, stops};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::opaque::Opaque;
use crate::store::NODE;
use crate::web::call::{app, collect};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, App};

type Response = Result<HttpResponse, ApiError>;

/// Bytes of a message at the most.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    const QUERY: &[(&str, &str)] = &[
        ("id", "the device's token; as deviceid, bearer or password too"),
        ("lat", "degrees north"),
        ("lon", "degrees east"),
        ("timestamp", "seconds or milliseconds since 1970, RFC 3339, or 2026-05-31 18:00:00 in UTC"),
        ("speed", "in the device's own unit"),
        ("bearing", "degrees from north"),
        ("accuracy", "metres"),
        ("altitude", "metres"),
    ];
    Routes::new("tracking devices")
        .open(
            Method::GET,
            "/tracking/osmand",
            osmand,
            "A device's position as OsmAnd and Traccar's clients tell it",
        )
        .query(QUERY)
        .answers::<Heard>(200)
        .open(
            Method::POST,
            "/tracking/osmand",
            osmand,
            "The same with the position in the query, as a form, or as JSON",
        )
        .query(QUERY)
        .raw_body("application/x-www-form-urlencoded, application/json", "the position")
        .answers::<Heard>(200)
        .open(
            Method::POST,
            "/tracking/owntracks",
            owntracks,
            "A device's position as OwnTracks tells it over HTTP",
        )
        .raw_body("application/json", "an OwnTracks message; the token is the password")
        .status(200)
}

/// What became of a position. One that can't be used is answered with 200 too: a phone would send it again for ever.
#[derive(Debug, Serialize, ToSchema)]
struct Heard {
    /// Whether it was taken.
    taken: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The token in a header: a bearer's, or a password.
fn in_header(req: &HttpRequest) -> Option<String> {
    let value = req.headers().get("authorization")?.to_str().ok()?;
    if let Some(bearer) = value.strip_prefix("Bearer ") {
        return Some(bearer.trim().to_owned());
    }
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

/// A device that has shown its token.
struct Known {
    tenant: u32,
    id: Id,
    device: Device,
}

fn know(app: &App, token: Option<&str>) -> Result<Known, ApiError> {
    let shown = token.and_then(|t| Opaque::parse(t.trim()).ok()).ok_or(TrackingError::Device)?;
    let tenant = shown.tenant();
    if tenant == NODE {
        return Err(TrackingError::Device.into());
    }
    let (id, device) = app.store.read(tenant, |tx| records::device(tx, &shown))?;
    Ok(Known { tenant, id, device })
}

/// Takes a position in for the device's vehicle.
fn take(app: &App, known: &Known, told: &Told) -> Result<Heard, ApiError> {
    let now = app.clock.now();
    let fix = match told.fix(now).and_then(|fix| rules::refuse(&fix, now).map_or(Ok(fix), Err)) {
        Ok(fix) => fix,
        Err(why) => return Ok(Heard { taken: false, detail: Some(why) }),
    };
    let (vehicle, name) = match known.device.vehicle.as_str() {
        "" => (known.id, known.device.name.as_str()),
        named => (stops::vehicle(named), named),
    };
    app.tracker.take(known.tenant, vehicle, name, vec![Report { fix, trip: 0, heard_at: now }])?;
    Ok(Heard { taken: true, detail: None })
}

fn pairs(text: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(text).unwrap_or_default()
}

async fn osmand(req: HttpRequest, body: Payload) -> Response {
    let app = app(&req)?;
    let patience = Duration::from_secs(app.config.limits.body_timeout_s);
    let body = collect(body.into_inner(), MAX_MESSAGE, patience).await?;
    let is_json = req.content_type().ends_with("json");
    let json = is_json.then(|| serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default());
    let mut said = pairs(req.query_string());
    if json.is_none() {
        said.extend(pairs(&String::from_utf8_lossy(&body)));
    }
    let named = said.iter().find(|(n, _)| n == "id" || n == "deviceid").map(|(_, v)| v.clone());
    let of_json = json.as_ref().and_then(|j| j["device_id"].as_str().map(str::to_owned));
    let known = know(&app, in_header(&req).or(named).or(of_json).as_deref())?;
    let told = match &json {
        Some(json) => forms::traccar(json).map(|(_, told)| told),
        None => forms::osmand(&said, known.device.speed_unit),
    };
    let heard = match told {
        Ok(told) => take(&app, &known, &told)?,
        Err(why) => Heard { taken: false, detail: Some(why) },
    };
    Ok(Answer::ok(&heard)?.respond("", ""))
}

async fn owntracks(req: HttpRequest, body: Payload) -> Response {
    let app = app(&req)?;
    let known = know(&app, in_header(&req).as_deref())?;
    let patience = Duration::from_secs(app.config.limits.body_timeout_s);
    let body = collect(body.into_inner(), MAX_MESSAGE, patience).await?;
    let told = forms::owntracks(&body).map_err(|why| Invalid::at("/", why))?;
    if let Some(told) = told {
        take(&app, &known, &told)?;
    }
    // The app expects a list of what it is told in turn: nothing.
    let nothing: [(); 0] = [];
    Ok(Answer::ok(&nothing)?.respond("", ""))
}
