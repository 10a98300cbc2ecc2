//! Positions as they come, as server-sent events: at first every vehicle, then those that moved, once a second.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use serde::Serialize;

use super::error::TrackingError;
use super::service;
use super::tracker::Latest;
use super::views::is_stale;
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::base::ids::Id;
use crate::identity::features::ViewTracking;
use crate::identity::grant::Scope;
use crate::store::StoreError;
use crate::web::error::Refusal;
use crate::web::follow::{Hall, LASTS, Seat};
use crate::web::server::Site;
use crate::web::{ApiError, Call, Routes};

/// Streams one process holds open at once.
pub const MAX_STREAMS: usize = 1_000;
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Looks without news before a sign of life.
const QUIET: u32 = 15;

static STREAMS: Hall = Hall::new(MAX_STREAMS);

/// The route of the stream.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("tracking").add::<ViewTracking, _, _>(
        Method::GET,
        "/tracking/live",
        open,
        "Positions as they come, as server-sent events: every vehicle at first, then those that moved",
    )
}

/// One vehicle in the stream.
#[derive(Debug, Serialize)]
struct Told {
    id: Id,
    name: String,
    latitude: f64,
    longitude: f64,
    /// Of when.
    at: Timestamp,
    /// Whether nothing was heard for ten minutes.
    stale: bool,
}

struct Line {
    call: Call<ViewTracking>,
    site: Data<Site>,
    until: Timestamp,
    seen: Option<u64>,
    quiet: u32,
    _seat: Seat,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn open(call: Call<ViewTracking>) -> Result<HttpResponse, ApiError> {
    let seat = STREAMS.seat()?;
    let wiring = || Refusal::new(Kind::Internal, "server.wiring", "the server has no site");
    let site = call.request().app_data::<Data<Site>>().cloned().ok_or_else(wiring)?;
    let until = call.app.clock.now().after(LASTS);
    let line = Line { call, site, until, seen: None, quiet: 0, _seat: seat };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(line, next)))
}

/// The next piece; none when the connection is to end.
async fn next(mut line: Line) -> Option<(Result<Bytes, StoreError>, Line)> {
    loop {
        if line.seen.is_some() {
            tokio::select! {
                () = line.site.leaving.stopped() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        if line.site.leaving.is_stopped() || line.call.app.clock.now() >= line.until {
            return None;
        }
        // Rights may have changed since it began: they are asked for anew, which costs nothing where they have not.
        let call = Call::<ViewTracking>::admit(line.call.request()).ok()?;
        let first = line.seen.is_none();
        let told = moved(&call, &mut line.seen).ok()?;
        if !told.is_empty() || first {
            line.quiet = 0;
            let data = serde_json::to_string(&told).ok()?;
            let retry = if first { "retry: 2000\n" } else { "" };
            return Some((Ok(format!("{retry}event: positions\ndata: {data}\n\n").into()), line));
        }
        line.quiet += 1;
        if line.quiet >= QUIET {
            line.quiet = 0;
            return Some((Ok(Bytes::from_static(b": still here\n\n")), line));
        }
    }
}

/// The vehicles the caller may see that moved since `seen`.
fn moved(call: &Call<ViewTracking>, seen: &mut Option<u64>) -> Result<Vec<Told>, TrackingError> {
    let (app, tenant, who, now) = (&call.app, call.grant.tenant(), call.principal(), call.app.clock.now());
    let (at, news) = app.tracker.moved(&app.store, tenant, *seen)?;
    *seen = Some(at);
    if news.is_empty() || matches!(who.scope, Scope::Distributors(_)) {
        return Ok(Vec::new());
    }
    let own = match who.scope {
        Scope::Own => {
            let drives = app.store.read(tenant, |tx| service::driven(tx, who, None))?.0;
            Some([drives, service::own_track(who.actor.user)])
        }
        _ => None,
    };
    let told = |(id, l): (Id, Latest)| {
        let (latitude, longitude) = l.fix.spot.degrees();
        Told { id, name: l.name, latitude, longitude, at: l.fix.at, stale: is_stale(l.heard_at, now) }
    };
    let mine = |id: &Id| own.is_none_or(|own| own.contains(id));
    Ok(news.into_iter().filter(|(id, _)| mine(id)).map(told).collect())
}
