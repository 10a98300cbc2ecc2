//! What every request passes on its way in and out, whichever area answers it: an id, the control door's secret, the
//! rate limit; then security headers, the id in the problem document, figures and a line in the log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};

use super::app::App;
use super::call::SESSION_COOKIE;
use super::error::{ApiError, problem};
use super::limit::Wait;
use super::meter;
use super::routes::Pattern;
use super::server::Site;
use crate::base::said::{said, wanted};

/// Characters of a request id a client may choose.
pub const MAX_ID: usize = 64;
/// A request that took longer is worth a line in the log.
pub const SLOW_MS: u128 = 500;
/// Answers smaller than this are not compressed: it would cost more time than it saves.
pub const COMPRESS_FROM: u64 = 1024;

/// What the shell knows of a request, for whoever answers it.
#[derive(Clone, Debug)]
struct Passage {
    id: Arc<str>,
    address: Option<IpAddr>,
    control: Option<u32>,
}

/// The id of a request.
#[must_use]
pub fn request_id(req: &HttpRequest) -> Option<Arc<str>> {
    req.extensions().get::<Passage>().map(|p| Arc::clone(&p.id))
}

/// Where a request comes from: the peer, or who a trusted proxy says it is.
#[must_use]
pub fn address(req: &HttpRequest) -> Option<IpAddr> {
    req.extensions().get::<Passage>().map_or_else(|| req.peer_addr().map(|a| a.ip()), |p| p.address)
}

/// The tenant the control door was opened for; none for a request that came another way.
#[must_use]
pub fn control_tenant(req: &HttpRequest) -> Option<u32> {
    req.extensions().get::<Passage>().and_then(|p| p.control)
}

/// The outermost layer.
///
/// # Errors
/// What a layer, not a handler, fails with; the framework answers it then.
pub async fn pass(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let Some(site) = req.app_data::<Data<Site>>().cloned() else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };
    let id = chosen_id(req.headers()).unwrap_or_else(|| Arc::from(uuid::Uuid::now_v7().to_string()));
    let response = match admit(&req, &site, &id) {
        Err(refusal) => req.into_response(refusal),
        Ok(passage) => {
            req.extensions_mut().insert(passage);
            // The router needs the request for itself, so it can't be kept for the case that a layer fails.
            next.call(req).await?.map_into_boxed_body()
        }
    };
    Ok(finish(response, &site, &id, began))
}

/// The language the client wants refusals in; none for English.
fn language(headers: &HeaderMap) -> Option<&'static str> {
    wanted(headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// An id the client sent, when it is short and plain.
fn chosen_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= MAX_ID && id.bytes().all(plain)).then(|| Arc::from(id))
}

#[allow(clippy::result_large_err)] // a response is what the refusal is
fn admit(req: &ServiceRequest, site: &Site, id: &Arc<str>) -> Result<Passage, HttpResponse> {
    let bearer = req.headers().get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    if req.app_config().local_addr() == site.control.address {
        let Some(tenant) = bearer.and_then(|b| site.control.opens(b)) else {
            let detail = "this is the control door: it opens for the secret in control.json alone";
            return Err(problem(StatusCode::UNAUTHORIZED, "control.closed", detail, Some(id)));
        };
        return Ok(Passage {
            id: Arc::clone(id),
            address: req.peer_addr().map(|a| a.ip()),
            control: Some(tenant),
        });
    }
    let forwarded = req.headers().get("x-forwarded-for").and_then(|v| v.to_str().ok());
    let address = req.peer_addr().map(|peer| site.proxies.sender(peer.ip(), forwarded));
    if site.throttle.is_on() {
        let cookie = || {
            let cookies = req.headers().get("cookie")?.to_str().ok()?;
            cookies.split(';').find_map(|c| c.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
        };
        let credential = bearer.or_else(cookie).map(str::as_bytes);
        let refused = |wait: Wait| throttled(&wait, id, language(req.headers()));
        site.throttle.take(credential, address).map_err(refused)?;
    }
    Ok(Passage { id: Arc::clone(id), address, control: None })
}

fn throttled(wait: &Wait, id: &str, language: Option<&str>) -> HttpResponse {
    let detail = format!("too many requests; send the next one in {} s", wait.after_s);
    let detail = language.and_then(|l| said(l, &detail)).unwrap_or(detail);
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "request.throttled", &detail, Some(id));
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, wait.after_s.into());
    let fields = [("ratelimit-policy", wait.policy_field()), ("ratelimit", wait.limit_field())];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn finish(mut response: ServiceResponse, site: &Site, id: &Arc<str>, began: Instant) -> ServiceResponse {
    let language = || language(response.request().headers());
    if let Some(document) = response.response().error().and_then(|e| refused(e, id, language())) {
        response = response.into_response(document);
    }
    let path = response.request().path().to_owned();
    headers(response.headers_mut(), &path, site.tls);
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    let (req, status, took) = (response.request(), response.status().as_u16(), began.elapsed());
    let route = req.app_data::<Pattern>().map_or_else(|| Arc::clone(&site.elsewhere), |p| Arc::clone(&p.0));
    meter::count(&route, req.method(), status, took);
    // 503 says "come back": it is no failure of ours.
    if status >= 500
        && status != 503
        && let Some(app) = req.app_data::<Data<App>>()
    {
        app.errors.count();
    }
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if status >= 400 || took.as_millis() > SLOW_MS {
        tracing::info!(request.id = %id, request.method = %req.method(), request.path = %path, request.route = %route, response.status = status, duration_us = micros, "request");
    } else {
        tracing::debug!(request.id = %id, request.method = %req.method(), request.path = %path, request.route = %route, response.status = status, duration_us = micros, "request");
    }
    response
}

/// The problem document of a failure: ours with the request's id, and the framework's own (a path or query that can't
/// be read, a preflight that is not for us) in the same form.
fn refused(e: &Error, id: &str, language: Option<&str>) -> Option<HttpResponse> {
    if let Some(ours) = e.as_error::<ApiError>() {
        return Some(ours.respond_in(language, Some(id)));
    }
    let status = e.as_response_error().status_code();
    if status.is_server_error() {
        tracing::error!(error = %e, request.id = %id, "internal error");
        let detail = "internal error; the log has the details under this request id";
        return Some(problem(status, "server.failed", detail, Some(id)));
    }
    let code = match status {
        StatusCode::NOT_FOUND => "request.path",
        StatusCode::PAYLOAD_TOO_LARGE => "request.too_large",
        _ => "request.malformed",
    };
    Some(problem(status, code, &e.to_string(), Some(id)))
}

const PAGES: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// The API's documentation sets styles from its script and draws with inlined pictures; nothing in it comes from
/// elsewhere.
const DOCUMENTATION: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn headers(headers: &mut HeaderMap, path: &str, tls: bool) {
    let csp = if path.starts_with("/api/v1/docs/") { DOCUMENTATION } else { PAGES };
    let fixed = [
        ("content-security-policy", csp),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    // Depots are no browsers, and their lines may be paid by the byte.
    let pages = !path.starts_with("/sync/v1/");
    for (name, value) in fixed.into_iter().filter(|_| pages) {
        // A handler may have said something stricter of what it hands out.
        if !headers.contains_key(name) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    if tls && pages {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(HeaderName::from_static("strict-transport-security"), year);
    }
    if pages && !headers.contains_key(CACHE_CONTROL) && !path.starts_with("/api/v1/docs/") {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // Set by `spare_small` to keep the compressor away; it has done its work.
    if headers.get(CONTENT_ENCODING).is_some_and(|v| v == "identity") {
        headers.remove(CONTENT_ENCODING);
    }
}

/// Keeps the compressor away from answers that are small or can't be made smaller; it works around this layer.
///
/// # Errors
/// What the inner layers fail with.
pub async fn spare_small(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(req).await?;
    let small =
        matches!(response.response().body().size(), BodySize::None | BodySize::Sized(..COMPRESS_FROM));
    let stream = response.headers().get(CONTENT_TYPE).is_some_and(|t| t == "text/event-stream");
    if (small || stream) && !response.headers().contains_key(CONTENT_ENCODING) {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sent: &str) -> Option<Arc<str>> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-request-id"), HeaderValue::from_str(sent).unwrap());
        chosen_id(&headers)
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_is_replaced() {
        assert_eq!(id("req-1_A.b").as_deref(), Some("req-1_A.b"));
        assert!(id(&"x".repeat(MAX_ID)).is_some() && id(&"x".repeat(MAX_ID + 1)).is_none());
        assert!(id("").is_none() && id("a b").is_none() && id("{\"a\":1}").is_none());
        assert!(chosen_id(&HeaderMap::new()).is_none());
    }
}
