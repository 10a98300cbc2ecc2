//! The stream by which open screens learn that something changed: which kinds of record, never what. Whoever hears it
//! asks for their page again, with their own rights. A stream begins where the page was made (`?after=`) and goes on where
//! it was left (`Last-Event-ID`), so that nothing falls between a page and its stream, nor between two streams.

use std::collections::BTreeSet;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Deserialize;

use super::visit::{Anyone, Visit, answer};
use crate::base::ids::Id;
use crate::journal::change;
use crate::journal::log::{APPLIED, applied_after};
use crate::notify::inbox;
use crate::store::{DEPOT, StoreError};
use crate::web::follow::{Follower, Hall, LASTS, Turn};

/// Streams one process holds open at once.
pub const MAX_STREAMS: usize = 1_000;
/// Entries of the log told of in one message; whoever was away for longer hears of everything.
const AT_ONCE: usize = 500;

static SCREENS: Hall = Hall::new(MAX_STREAMS);

#[derive(Default, Deserialize)]
struct Asked {
    after: Option<String>,
}

struct Line {
    follower: Follower,
    greeted: bool,
    /// The place that was named is none of this log, as after a restored copy: everything may be another.
    astray: bool,
    /// Whose it is, and how many unread notifications they were last told of.
    user: Id,
    unread: u64,
}

/// The stream.
#[allow(clippy::unused_async)] // the form of a handler
pub async fn stream(req: HttpRequest) -> HttpResponse {
    let visit = match Visit::<Anyone>::enter(&req, None) {
        Ok(visit) => visit,
        // A browser takes 204 for the end and does not try again for ever.
        Err(super::visit::Fail::LogIn) => return HttpResponse::NoContent().finish(),
        Err(fail) => return answer(&req, Err(fail)),
    };
    let (tenant, user, unread) = (visit.principal.tenant, visit.principal.actor.user, visit.viewer.unread);
    let left = req.headers().get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    let sent: Option<u64> = left.or_else(|| visit.query::<Asked>().ok()?.after?.parse().ok());
    let until = visit.app.clock.now().after(LASTS);
    let follower = match Follower::new(&req, visit.app, tenant, sent, until, &SCREENS) {
        Ok(follower) => follower,
        Err(fail) => return answer(&req, Err(fail.into())),
    };
    let astray = sent.is_some_and(|at| at != follower.at);
    let body = stream::unfold(Line { follower, greeted: false, astray, user, unread }, next);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body)
}

/// The next message: what changed, or after a while of nothing a sign of life.
async fn next(mut line: Line) -> Option<(Result<Bytes, StoreError>, Line)> {
    if !line.greeted {
        line.greeted = true;
        let at = line.follower.at;
        let text =
            format!("retry: 2000\nid: {at}\nevent: hello\ndata: \n\nevent: bell\ndata: {}\n\n", line.unread);
        return Some((Ok(text.into()), line));
    }
    if line.astray {
        line.astray = false;
        let all: Vec<&str> = line.follower.app().sync.registry.iter().map(|f| f.name).collect();
        let text = format!("id: {}\nevent: changed\ndata: {}\n\n", line.follower.at, all.join(" "));
        return Some((Ok(text.into()), line));
    }
    match line.follower.turn().await {
        Turn::Over => None,
        // Notifications are written after what they tell of, and by themselves they are no news in the log. A page
        // takes a line that says nothing for long for a dead one.
        Turn::Quiet => {
            let text = rung(&mut line).ok()?.unwrap_or_else(|| "event: here\ndata:\n\n".into());
            Some((Ok(text.into()), line))
        }
        Turn::More => {
            let (at, kinds) = changed(&line.follower).ok()?;
            line.follower.at = at;
            let kinds: Vec<&str> = kinds.into_iter().collect();
            let bell = rung(&mut line).ok()?.unwrap_or_default();
            let text = format!("{bell}id: {at}\nevent: changed\ndata: {}\n\n", kinds.join(" "));
            Some((Ok(text.into()), line))
        }
    }
}

/// That there are more or fewer unread notifications than was last told.
fn rung(line: &mut Line) -> Result<Option<String>, StoreError> {
    let (follower, user) = (&line.follower, line.user);
    let unread = follower.app().store.read(follower.tenant(), |tx| inbox::unread_count(tx, user))?;
    if unread == line.unread {
        return Ok(None);
    }
    line.unread = unread;
    Ok(Some(format!("event: bell\ndata: {unread}\n\n")))
}

/// What changed since the line was last told: the place that was looked up to and the kinds of records.
fn changed(follower: &Follower) -> Result<(u64, BTreeSet<&'static str>), StoreError> {
    let app = follower.app();
    let registry = &app.sync.registry;
    app.store.read(follower.tenant(), |tx| {
        let head = tx.head(DEPOT, APPLIED)?;
        let mut at = follower.at;
        let mut kinds = BTreeSet::new();
        if at < head.floor.saturating_sub(1) || head.last.saturating_sub(at) > AT_ONCE as u64 {
            return Ok((head.last, registry.iter().map(|f| f.name).collect()));
        }
        for (seq, entry) in applied_after(tx, at, AT_ONCE)? {
            at = seq;
            kinds.extend(registry.of(change::decode(&entry.blob)?.0.k).map(|f| f.name));
            if !entry.opened.is_empty() {
                kinds.insert("case");
            }
        }
        Ok((at, kinds))
    })
}
