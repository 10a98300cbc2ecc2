//! The one table from a failure's class to a status, and the problem document (RFC 9457) every refusal is.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

use crate::base::error::{Fault, Kind, Problem};
use crate::base::said::said;

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub struct ApiError {
    kind: Kind,
    code: &'static str,
    detail: String,
    fields: Vec<Problem>,
    /// Apart, for a refusal travels through every call and few have more to say.
    extra: Option<Box<Map<String, Value>>>,
    retry_after_s: Option<u32>,
}

impl<E: Fault> From<E> for ApiError {
    fn from(e: E) -> Self {
        let kind = e.kind();
        let mut detail = e.to_string();
        if kind == Kind::Internal {
            tracing::error!(error = %detail, error.code = e.code(), "internal error");
            detail = "internal error; the log has the details under this request id".into();
        }
        Self {
            kind,
            code: e.code(),
            detail,
            fields: e.fields(),
            extra: Some(e.extra()).filter(|m| !m.is_empty()).map(Box::new),
            retry_after_s: e.retry_after_s(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for ApiError {}

/// The status of a class of failures.
#[must_use]
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::Unconditional => StatusCode::PRECONDITION_REQUIRED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        status(self.kind)
    }

    fn error_response(&self) -> HttpResponse {
        self.respond(None)
    }
}

impl ApiError {
    /// Its stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The fields that are wrong.
    #[must_use]
    pub fn fields(&self) -> &[Problem] {
        &self.fields
    }

    /// The problem document, with the id of the request it answers when that is known.
    #[must_use]
    pub fn respond(&self, request_id: Option<&str>) -> HttpResponse {
        self.respond_in(None, request_id)
    }

    /// The same with its sentences in `language`, as far as they are known in it; programs go by the code.
    #[must_use]
    pub fn respond_in(&self, language: Option<&str>, request_id: Option<&str>) -> HttpResponse {
        let told = |text: &str| language.and_then(|l| said(l, text)).unwrap_or_else(|| text.to_owned());
        let status = self.status_code();
        let mut body = self.extra.as_deref().cloned().unwrap_or_default();
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), status.canonical_reason().unwrap_or("error").into());
        body.insert("status".into(), status.as_u16().into());
        body.insert("code".into(), self.code.into());
        body.insert("detail".into(), told(&self.detail).into());
        if let Some(id) = request_id {
            body.insert("request_id".into(), id.into());
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|p| Problem::new(p.pointer.as_str(), told(&p.detail)));
            body.insert("errors".into(), json!(fields.collect::<Vec<_>>()));
        }
        let mut response = HttpResponse::build(status);
        response.insert_header((HeaderName::from_static("content-type"), "application/problem+json"));
        if let Some(language) = language {
            response.insert_header((HeaderName::from_static("content-language"), language));
        }
        if matches!(self.kind, Kind::Busy | Kind::Throttled) {
            response.insert_header((RETRY_AFTER, self.retry_after_s.unwrap_or(1).to_string()));
        }
        if self.kind == Kind::Unauthenticated {
            response.insert_header((HeaderName::from_static("www-authenticate"), "Bearer"));
        }
        response.body(Value::Object(body).to_string())
    }
}

/// A refusal that needs no type of its own.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// Its class.
    pub kind: Kind,
    /// Its stable name.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Refusal {
    /// A refusal of `kind`.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, detail: detail.into() }
    }
    /// There is no such `what`.
    pub fn not_found(what: &str, name: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, "record.unknown", format!("no {what} {name}"))
    }
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn code(&self) -> &'static str {
        self.code
    }
}

/// A problem document for a status no [`Kind`] stands for.
#[must_use]
pub fn problem(status: StatusCode, code: &str, detail: &str, request_id: Option<&str>) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or("error");
    let mut body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "code": code, "detail": detail});
    if let Some(id) = request_id {
        body["request_id"] = id.into();
    }
    HttpResponse::build(status).content_type("application/problem+json").body(body.to_string())
}

/// Answers a method that a path does not have with those it has.
#[must_use]
pub fn wrong_method(req: &actix_web::HttpRequest, allowed: &str) -> HttpResponse {
    let detail = format!("{} takes {allowed}, not {}", req.path(), req.method());
    let id = super::shell::request_id(req);
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "request.method", &detail, id.as_deref());
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// Answers a path that does not exist.
#[allow(clippy::unused_async)] // the form of a handler
pub async fn no_such_path(req: actix_web::HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(Refusal::new(Kind::NotFound, "request.path", format!("there is nothing at {}", req.path())).into())
}
