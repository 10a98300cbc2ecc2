//! The door depots come to: `POST /sync/v1/<call>`, MessagePack packed with zstd both ways ([`super::wire`] has the
//! messages). It lies outside the table of routes: no feature and no tenant is named here, the session says who comes.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE as MEDIA, RETRY_AFTER};
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_bytes::ByteBuf;

use super::hq::{Body, Caller, Hq};
use super::keys::Sign;
use super::wire::{self, CONTENT_TYPE, Call, Code, Enrolled, MAX_PACKED, Pull, Pulled, Refusal};
use crate::base::error::{Fault, Kind};
use crate::web::App;
use crate::web::call::collect;
use crate::web::error::{ApiError, Refusal as Problem, status};

/// The longest a pull may wait for something new.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// The media type without its version.
const ESSENCE: &str = "application/vnd.crossdock.sync+msgpack";

/// The door.
pub fn outside(cfg: &mut web::ServiceConfig) {
    let scope = Call::ALL.into_iter().fold(web::scope("/sync/v1"), |scope, call| {
        let serve = move |req: HttpRequest, app: Data<App>, body: Payload| answer(call, req, app, body);
        scope.route(&format!("/{}", call.name()), web::post().to(serve))
    });
    cfg.service(scope);
}

/// Answers one call; a node that is no headquarters says so as any other wrong path.
async fn answer(
    call: Call,
    req: HttpRequest,
    app: Data<App>,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    if app.sync.hq.is_none() {
        let detail = "this is a depot, not a headquarters: give the address of headquarters";
        return Err(Problem::new(Kind::NotFound, "sync.no_headquarters", detail).into());
    }
    Ok(match served(call, &req, &app, body).await {
        Ok(plain) => said(StatusCode::OK, plain, None),
        Err(refusal) => refused(&refusal),
    })
}

fn said(status: StatusCode, plain: Vec<u8>, retry_s: Option<u32>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((MEDIA, CONTENT_TYPE));
    if let Some(s) = retry_s {
        response.insert_header((RETRY_AFTER, s.to_string()));
    }
    match wire::packed_if_smaller(&plain) {
        Some(packed) => response.insert_header((CONTENT_ENCODING, "zstd")).body(packed),
        None => response.insert_header((CONTENT_ENCODING, "identity")).body(plain),
    }
}

fn refused(refusal: &Refusal) -> HttpResponse {
    let code = match refusal.e {
        // The session has to be begun anew: no conflict that a person could settle.
        Code::Stale => StatusCode::UNAUTHORIZED,
        _ => status(refusal.kind()),
    };
    said(code, wire::encode(refusal).unwrap_or_default(), refusal.retry_after_s())
}

async fn served(call: Call, req: &HttpRequest, app: &Data<App>, body: Payload) -> Result<Vec<u8>, Refusal> {
    let media = req.content_type();
    if media.split(';').next().is_none_or(|m| m.trim() != ESSENCE) {
        return Err(Refusal::new(Code::Malformed).saying(format!("send {CONTENT_TYPE}, not {media}")));
    }
    let packed = match req.headers().get(CONTENT_ENCODING).map(|v| v.as_bytes()) {
        Some(b"zstd") => true,
        None | Some(b"identity") => false,
        Some(_) => {
            return Err(Refusal::new(Code::Malformed).saying("bodies are packed with zstd or not at all"));
        }
    };
    let now = app.clock.now();
    let token = token(req);
    // Who is nobody here is told so before a byte of theirs is kept.
    let who = match call {
        Call::Enrol | Call::Session => None,
        _ => Some(hq(app)?.caller(token.as_deref(), now)?),
    };
    if let Some(who) = who {
        app.sync.called(who.tenant, who.site, now);
    }
    let heavy = matches!(call, Call::Push | Call::Resupply | Call::Digest | Call::File);
    let busy = || Refusal { retry_ms: Some(1000), ..Refusal::new(Code::Busy) };
    let _place = if heavy { Some(app.sync.place().ok_or_else(busy)?) } else { None };
    let patience = Duration::from_secs(app.config.limits.body_timeout_s);
    let raw = collect(body.into_inner(), MAX_PACKED, patience).await.map_err(|e| {
        let too_big = e.to_string().starts_with("request.too_large");
        let code = if too_big { Code::TooBig } else { Code::Malformed };
        Refusal::new(code).saying(e.detail())
    })?;
    let plain = if packed { wire::unpack(&raw)? } else { raw.to_vec() };
    match (call, who) {
        (Call::Pull, Some(who)) => pull(app, who, plain).await,
        _ => {
            let theirs = app.clone();
            let answer = blocking(move || {
                let body = Body { raw: &raw, packed, plain: &plain };
                match who {
                    Some(who) => hq(&theirs)?.serve(who, call, body, now),
                    None => hq(&theirs)?.answer(call, None, body, now),
                }
            });
            let answer = answer.await?;
            // What was pushed is folded by the workers.
            app.wake.wake();
            if call == Call::Enrol { with_pins(app, &answer) } else { Ok(answer) }
        }
    }
}

fn hq(app: &App) -> Result<&Hq, Refusal> {
    app.sync.hq.as_ref().ok_or_else(|| Refusal::new(Code::Scope))
}

/// Answers a pull; one that finds nothing waits for news as long as it asked to, without holding a thread.
async fn pull(app: &Data<App>, who: Caller, plain: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let ask: Pull = wire::decode(&plain)?;
    let wait = Duration::from_secs(ask.wait.into()).min(MAX_WAIT);
    let over = tokio::time::sleep(wait);
    tokio::pin!(over);
    let mut news = app.sync.listen();
    loop {
        news.mark_unchanged();
        let (theirs, body, now) = (app.clone(), plain.clone(), app.clock.now());
        let answer = blocking(move || hq(&theirs)?.serve(who, Call::Pull, Body::plain(&body), now)).await?;
        if wait.is_zero() {
            return Ok(answer);
        }
        let found: Pulled = wire::decode(&answer)?;
        let nothing =
            found.f.own.is_empty() && found.f.shared.is_empty() && found.generation == ask.generation;
        if !nothing {
            return Ok(answer);
        }
        tokio::select! {
            () = &mut over => return Ok(answer),
            changed = news.changed() => if changed.is_err() { return Ok(answer) },
        }
    }
}

async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let later = |_| Refusal { retry_ms: Some(1000), ..Refusal::new(Code::Busy) };
    web::block(f).await.map_err(later)?
}

/// Adds the key that headquarters signs files with.
fn with_pins(app: &App, answer: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut enrolled: Enrolled = wire::decode(answer)?;
    enrolled.pins.extend(app.sync.desk_key().map(|key| ByteBuf::from(key.public().to_vec())));
    Ok(wire::encode(&enrolled)?)
}

fn token(req: &HttpRequest) -> Option<Vec<u8>> {
    let bearer = req.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    URL_SAFE_NO_PAD.decode(bearer).ok()
}
