//! The one table from a failure's class to a status, and the problem document (RFC 9457) every refusal is.

use std::cell::RefCell;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

use crate::base::error::{Fault, Kind, Problem};

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub struct ApiError {
    kind: Kind,
    code: &'static str,
    detail: String,
    fields: Vec<Problem>,
    extra: Map<String, Value>,
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
            extra: e.extra(),
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

thread_local! {
    /// The id of the request this worker is answering, for the problem document.
    static REQUEST_ID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Notes the id of the request that is answered now.
pub fn note_request_id(id: &str) {
    REQUEST_ID.with_borrow_mut(|r| {
        r.clear();
        r.push_str(id);
    });
}

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
        let status = self.status_code();
        let mut body = self.extra.clone();
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), status.canonical_reason().unwrap_or("error").into());
        body.insert("status".into(), status.as_u16().into());
        body.insert("code".into(), self.code.into());
        body.insert("detail".into(), self.detail.clone().into());
        REQUEST_ID.with_borrow(|id| body.insert("request_id".into(), id.clone().into()));
        if !self.fields.is_empty() {
            body.insert("errors".into(), json!(self.fields));
        }
        let mut response = HttpResponse::build(status);
        response.insert_header((HeaderName::from_static("content-type"), "application/problem+json"));
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

/// Answers a method that a path does not have.
#[allow(clippy::unused_async)] // the form of a handler
pub async fn wrong_method(req: actix_web::HttpRequest) -> HttpResponse {
    let detail = format!("{} does not take {}", req.path(), req.method());
    let body = json!({"type": "about:blank", "title": "Method Not Allowed", "status": 405, "code": "request.method", "detail": detail});
    HttpResponse::MethodNotAllowed().content_type("application/problem+json").body(body.to_string())
}

/// Answers a path that does not exist.
#[allow(clippy::unused_async)] // the form of a handler
pub async fn no_such_path(req: actix_web::HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(Refusal::new(Kind::NotFound, "request.path", format!("there is nothing at {}", req.path())).into())
}
