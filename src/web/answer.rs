//! What a use case answers: status, JSON, revision. Made before the commit, sent after it, and given again as it stands
//! to a request that is repeated.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::page::Page;
use crate::identity::secret::Secret;
use crate::store::StoreError;

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON document; empty for none.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// The record's revision, sent as a strong `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
    /// Where what was made can be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The cursor of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What is kept for a repeated request in place of a body too long to keep.
    #[serde(skip)]
    pub brief: Option<Vec<u8>>,
    /// A field that only the first answer shows: it is never kept, so a repeated request goes without it.
    #[serde(skip)]
    pub once: Option<(&'static str, Secret<String>)>,
}

impl Answer {
    /// `status` with `body` as JSON.
    ///
    /// # Errors
    /// When `body` can't be written as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Self, StoreError> {
        let body =
            serde_json::to_vec(body).map_err(|e| StoreError::Codec { what: "answer", why: e.to_string() })?;
        Ok(Self { body, ..Self::empty(status) })
    }

    /// 200 with `body`.
    ///
    /// # Errors
    /// As [`Answer::json`].
    pub fn ok(body: &impl Serialize) -> Result<Self, StoreError> {
        Self::json(200, body)
    }

    /// 201 with `body`, to be found at `location`.
    ///
    /// # Errors
    /// As [`Answer::json`].
    pub fn created(location: String, body: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self { location: Some(location), ..Self::json(201, body)? })
    }

    /// 200 with a page and its `Link: rel=next`.
    ///
    /// # Errors
    /// As [`Answer::json`].
    pub fn page<T: Serialize>(page: &Page<T>) -> Result<Self, StoreError> {
        Ok(Self { next: page.next.clone(), ..Self::json(200, page)? })
    }

    /// 204.
    #[must_use]
    pub fn none() -> Self {
        Self::empty(204)
    }

    fn empty(status: u16) -> Self {
        let (rev, location, next, brief, once) = (None, None, None, None, None);
        Self { status, body: Vec::new(), rev, location, next, brief, once }
    }

    /// The same with a field of the document that is shown this once: a key, a token.
    #[must_use]
    pub fn once(mut self, field: &'static str, secret: String) -> Self {
        self.once = Some((field, Secret::new(secret)));
        self
    }

    /// The same with the record's revision.
    #[must_use]
    pub fn rev(mut self, rev: u64) -> Self {
        self.rev = Some(rev);
        self
    }

    /// The same with what a repeated request is told when the body is too long to be kept.
    ///
    /// # Errors
    /// As [`Answer::json`].
    pub fn brief(mut self, body: &impl Serialize) -> Result<Self, StoreError> {
        self.brief = Some(Self::ok(body)?.body);
        Ok(self)
    }

    /// As a response to a request for `path?query`.
    #[must_use]
    pub fn respond(self, path: &str, query: &str) -> HttpResponse {
        let mut r = HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        if let Some(rev) = self.rev {
            r.insert_header((ETAG, format!("\"{rev}\"")));
        }
        if let Some(location) = self.location {
            r.insert_header((LOCATION, location));
        }
        if let Some(next) = self.next {
            let kept = query.split('&').filter(|p| !p.is_empty() && !p.starts_with("cursor="));
            let query: Vec<&str> = kept.collect();
            let sep = if query.is_empty() { "" } else { "&" };
            r.insert_header((LINK, format!("<{path}?{}{sep}cursor={next}>; rel=\"next\"", query.join("&"))));
        }
        if self.body.is_empty() {
            return r.finish();
        }
        r.insert_header((CONTENT_TYPE, "application/json"));
        let Some((field, secret)) = self.once else { return r.body(self.body) };
        r.insert_header((CACHE_CONTROL, "no-store"));
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(mut shown) if shown.is_object() => {
                shown[field] = secret.reveal().as_str().into();
                r.body(shown.to_string())
            }
            _ => r.body(self.body),
        }
    }
}
