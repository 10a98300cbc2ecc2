//! The feed as a stream that goes on by itself: server-sent events, each a CloudEvent under its name, with its `seq` as
//! its id. A stream goes on where it was left by `Last-Event-ID` or `after`.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream;
use serde::Deserialize;

use super::feed::{self, Wanted};
use crate::base::error::{Invalid, Kind};
use crate::identity::features::ReadEvents;
use crate::store::StoreError;
use crate::web::error::Refusal;
use crate::web::follow::{Follower, Hall, LASTS, Turn};
use crate::web::routes::Routes;
use crate::web::{ApiError, Call, Query};

/// Streams one process holds open at once.
pub const MAX_STREAMS: usize = 2_000;
/// Events sent in one piece.
const AT_ONCE: usize = 100;

static STREAMS: Hall = Hall::new(MAX_STREAMS);

/// The route of the stream.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("integration")
        .add::<ReadEvents, _, _>(
            Method::GET,
            "/events/stream",
            open,
            "What happens, as server-sent events: CloudEvents with their sequence number as id; Last-Event-ID goes on",
        )
        .query(&[
            ("after", "the sequence number behind which to begin; what happens from now on when absent"),
            ("types", "event names or the beginnings of them, with commas between them"),
        ])
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    after: Option<u64>,
    types: Option<String>,
}

struct Line {
    call: Call<ReadEvents>,
    follower: Follower,
    wanted: Wanted,
    greeted: bool,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn open(call: Call<ReadEvents>, which: Query<Which>) -> Result<HttpResponse, ApiError> {
    let Which { after, types } = which.0;
    let wanted = Wanted::of(types.as_deref().unwrap_or_default());
    if wanted.0.len() > feed::MAX_TYPES {
        let detail = format!("names {} types; at most {}", wanted.0.len(), feed::MAX_TYPES);
        return Err(Invalid::at("?types", detail).into());
    }
    let sent = call.request().headers().get("last-event-id").map(|v| {
        let bad = || {
            let detail = "Last-Event-ID must be a sequence number as we sent it";
            Refusal::new(Kind::Malformed, "request.last_event_id", detail)
        };
        v.to_str().ok().and_then(|v| v.trim().parse::<u64>().ok()).ok_or_else(bad)
    });
    // A browser that begins anew sends the address it was given first and, beside it, how far it came.
    let after = sent.transpose()?.or(after);
    let (tenant, until) = (call.grant.tenant(), call.app.clock.now().after(LASTS));
    let follower = Follower::new(call.request(), call.app.clone(), tenant, after, until, &STREAMS)?;
    let body = stream::unfold(Line { call, follower, wanted, greeted: false }, next);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

/// The next piece. The place is told with each, events or none: whoever comes back is not shown the same stretch again.
async fn next(mut line: Line) -> Option<(Result<Bytes, StoreError>, Line)> {
    if !line.greeted {
        line.greeted = true;
        let text = format!("retry: 2000\nid: {}\n\n", line.follower.at);
        return Some((Ok(text.into()), line));
    }
    let piece = match line.follower.turn().await {
        Turn::Over => return None,
        Turn::Quiet => format!(": still here\nid: {}\n\n", line.follower.at),
        Turn::More => more(&mut line)?,
    };
    Some((Ok(piece.into()), line))
}

/// What is behind the place; none when whoever listens may not any more.
fn more(line: &mut Line) -> Option<String> {
    // Rights may have changed since it began: they are asked for anew, which costs nothing where they have not.
    let call = Call::<ReadEvents>::admit(line.call.request()).ok()?;
    let (at, wanted) = (line.follower.at, &line.wanted);
    let read = call.app.store.read(call.grant.tenant(), |tx| {
        feed::after(tx, call.principal(), at, AT_ONCE, |told| wanted.wants(told.name))
    });
    let (items, last) = read.ok()?;
    line.follower.at = last;
    let mut piece = String::new();
    for item in items {
        let _ = write!(piece, "id: {}\nevent: {}\ndata: {}\n\n", item.seq, item.told.name, item.told.event);
    }
    if piece.is_empty() {
        let _ = write!(piece, "id: {last}\n\n");
    }
    Some(piece)
}
