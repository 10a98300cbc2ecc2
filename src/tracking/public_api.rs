//! What whoever has a public link sees of one delivery: where it is and when it comes, and nothing else.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, html};
use serde::Serialize;

use super::error::TrackingError;
use super::model::StopState;
use super::repo::{self, TRACKS};
use super::views::is_stale;
use super::{records, service};
use crate::base::clock::Timestamp;
use crate::deadlines::policy::Policy;
use crate::eta::service::Span;
use crate::identity::opaque::Opaque;
use crate::store::NODE;
use crate::web::call::app;
use crate::web::{ApiError, App};

/// Where public links lead.
pub fn outside(cfg: &mut web::ServiceConfig) {
    cfg.route("/t/{token}", web::get().to(page));
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Shown {
    /// expected, arrived or over.
    state: StopState,
    /// Degrees north and east, to about a hundred metres: enough to see it come.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<(f64, f64)>,
    /// Of when.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// Whether nothing was heard for ten minutes.
    stale: bool,
    /// When it is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_time: Option<Timestamp>,
    /// Nine in ten come within.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Span>,
    /// The same on the depot's clock, for the page.
    #[serde(skip)]
    local: Option<String>,
}

async fn page(req: HttpRequest, token: Path<String>) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    let wants_json = req
        .headers()
        .get(ACCEPT)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|a| a.contains("application/json"));
    let shown = look(&app, &token)?;
    let mut response = if shown.is_some() { HttpResponse::Ok() } else { HttpResponse::NotFound() };
    response.insert_header((CACHE_CONTROL, "no-store"));
    // The link is the key: it is not told to other sites.
    response.insert_header((REFERRER_POLICY, "no-referrer"));
    response.insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"));
    if wants_json {
        return Ok(match shown {
            Some(shown) => response.json(shown),
            None => response.json(serde_json::json!({ "code": "tracking.link", "detail": OVER })),
        });
    }
    Ok(response.content_type("text/html; charset=utf-8").body(draw(shown.as_ref())))
}

const OVER: &str = "this link is over, or was never made; ask whoever sent it for another";

fn look(app: &App, token: &str) -> Result<Option<Shown>, ApiError> {
    let Ok(opaque) = Opaque::parse(token) else { return Ok(None) };
    if opaque.tenant() == NODE {
        return Ok(None);
    }
    let now = app.clock.now();
    let shown = app.store.read(opaque.tenant(), |tx| -> Result<Option<Shown>, TrackingError> {
        let Some(delivery) = records::follow_link(tx, &opaque, now)? else { return Ok(None) };
        let Some(stop) = repo::stop(tx, &delivery)? else { return Ok(None) };
        let track = TRACKS.get(tx, &stop.vehicle)?;
        let is_over = stop.state == StopState::Over;
        let latest = track.as_ref().and_then(|t| t.latest).filter(|_| !is_over);
        let estimate = match stop.state {
            StopState::Expected => service::estimate(tx, &app.predictors, &stop, track.as_ref(), now).ok(),
            StopState::Arrived | StopState::Over => None,
        };
        let policy = Policy::current(tx)?;
        let clock = |t: Timestamp| t.civil(policy.calendar.zone()).strftime("%H:%M").to_string();
        let rough = |v: f64| (v * 1_000.0).round() / 1_000.0;
        Ok(Some(Shown {
            state: stop.state,
            position: latest.map(|f| (rough(f.spot.degrees().0), rough(f.spot.degrees().1))),
            at: latest.map(|f| f.at),
            stale: track.as_ref().is_none_or(|t| is_stale(t.heard_at, now)),
            estimated_time: estimate.as_ref().map(|e| e.estimated_time),
            range: estimate.as_ref().map(|e| e.range),
            local: estimate.as_ref().map(|e| format!("{} – {}", clock(e.range.min), clock(e.range.max))),
        }))
    })?;
    Ok(shown)
}

fn draw(shown: Option<&Shown>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                @if shown.is_some() { meta http-equiv="refresh" content="60"; }
                title { "Delivery" }
                style { "body{font:1.1rem system-ui;max-width:32rem;margin:3rem auto;padding:0 1rem}strong{font-size:1.6rem}" }
            }
            body {
                @match shown {
                    None => p { "Sorry: " (OVER) "." },
                    Some(s) => {
                        h1 { "Your delivery" }
                        p { @match s.state {
                            StopState::Expected => "It is on its way.",
                            StopState::Arrived => "The driver is at your address.",
                            StopState::Over => "It is over: the driver has been there and left.",
                        } }
                        @if let Some(local) = &s.local {
                            p { "Expected between " br; strong { (local) } br; "(nine in ten come within such a time)" }
                        }
                        @if s.stale && s.state != StopState::Over { p { "Nothing was heard of the vehicle for some minutes." } }
                        @if let (Some((lat, lon)), Some(at)) = (s.position, s.at) {
                            p { "Last seen near " (lat) ", " (lon) " at " (at) "." }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}
