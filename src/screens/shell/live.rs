//! The stream by which open screens learn that something changed: which kinds of record, never what. Whoever hears it
//! asks for their page again, with their own rights. A stream goes on where it was left by `Last-Event-ID`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::visit::{Anyone, Visit, answer};
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::jobs::wake::Listener;
use crate::journal::change;
use crate::journal::log::{APPLIED, applied_after};
use crate::store::{DEPOT, StoreError, Tenant};
use crate::web::App;
use crate::web::error::Refusal;
use crate::web::server::Site;

/// Streams one process holds open at once.
pub const MAX_STREAMS: usize = 1_000;
/// Entries of the log told of in one message; whoever was away for longer hears of everything.
const AT_ONCE: usize = 500;
/// A stream is ended after so long and begun again by the browser: so a session that is over hears nothing for long.
const LASTS: Duration = Duration::from_secs(15 * 60);

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Counts an open stream for as long as it is held.
struct Held;

impl Held {
    fn new() -> Option<Self> {
        let held = Self;
        (OPEN.fetch_add(1, Ordering::AcqRel) < MAX_STREAMS).then_some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Line {
    app: Data<App>,
    site: Data<Site>,
    tenant: Tenant,
    listener: Listener,
    at: u64,
    until: Timestamp,
    greeted: bool,
    _held: Held,
}

/// The stream.
#[allow(clippy::unused_async)] // the form of a handler
pub async fn stream(req: HttpRequest, site: Data<Site>) -> HttpResponse {
    let visit = match Visit::<Anyone>::enter(&req, None) {
        Ok(visit) => visit,
        // A browser takes 204 for the end and does not try again for ever.
        Err(super::visit::Fail::LogIn) => return HttpResponse::NoContent().finish(),
        Err(fail) => return answer(&req, Err(fail)),
    };
    let Some(held) = Held::new() else {
        let detail =
            format!("{MAX_STREAMS} screens listen already; this one is not told of changes by itself");
        return answer(&req, Err(Refusal::new(Kind::Busy, "live.full", detail).into()));
    };
    let tenant = visit.principal.tenant;
    let app = visit.app.clone();
    let listener = app.wake.listen();
    let sent = req.headers().get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    let Ok(end) = head(&app, tenant) else { return HttpResponse::ServiceUnavailable().finish() };
    let at = sent.filter(|at| *at <= end).unwrap_or(end);
    let until = app.clock.now().after(LASTS);
    let line = Line { app, site, tenant, listener, at, until, greeted: false, _held: held };
    let body = stream::unfold(line, next);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body)
}

fn head(app: &App, tenant: Tenant) -> Result<u64, StoreError> {
    app.store.read(tenant, |tx| Ok(tx.head(DEPOT, APPLIED)?.last))
}

/// The next message: what changed, or after a while of nothing a sign of life.
async fn next(mut line: Line) -> Option<(Result<Bytes, StoreError>, Line)> {
    if !line.greeted {
        line.greeted = true;
        let text = format!("retry: 2000\nid: {}\nevent: hello\ndata: \n\n", line.at);
        return Some((Ok(text.into()), line));
    }
    let found = changed(&line);
    let found = match found {
        Ok(None) => {
            tokio::select! {
                () = line.site.leaving.stopped() => return None,
                () = line.listener.idle(&line.app.clock, Timestamp::MAX) => {}
            }
            changed(&line)
        }
        found => found,
    };
    if line.site.leaving.is_stopped() || line.app.clock.now() >= line.until {
        return None;
    }
    match found {
        Ok(Some((at, kinds))) => {
            line.at = at;
            let kinds: Vec<&str> = kinds.into_iter().collect();
            let text = format!("id: {at}\nevent: changed\ndata: {}\n\n", kinds.join(" "));
            Some((Ok(text.into()), line))
        }
        Ok(None) => Some((Ok(Bytes::from_static(b": still here\n\n")), line)),
        Err(_) => None,
    }
}

type Changed = Option<(u64, BTreeSet<&'static str>)>;

/// What changed since the line was last told: the log's end and the kinds of records.
fn changed(line: &Line) -> Result<Changed, StoreError> {
    let registry = &line.app.sync.registry;
    line.app.store.read(line.tenant, |tx| {
        let head = tx.head(DEPOT, APPLIED)?;
        if head.last <= line.at {
            return Ok(None);
        }
        let mut kinds = BTreeSet::new();
        if line.at < head.floor.saturating_sub(1) || head.last - line.at > AT_ONCE as u64 {
            return Ok(Some((head.last, registry.iter().map(|f| f.name).collect())));
        }
        let mut at = line.at;
        for (seq, entry) in applied_after(tx, line.at, AT_ONCE)? {
            at = seq;
            kinds.extend(registry.of(change::decode(&entry.blob)?.0.k).map(|f| f.name));
            if !entry.opened.is_empty() {
                kinds.insert("case");
            }
        }
        Ok(Some((at, kinds)))
    })
}
