//! A request that is repeated gets the answer of its first run: key, request and answer are written in the transaction
//! of the effect, so there is no moment in which one exists without the other.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::call::BodyHash;
use super::error::{ApiError, Refusal};
use crate::base::clock::Timestamp;
use crate::base::error::Kind;
use crate::base::ids::Id;
use crate::first_record;
use crate::jobs::retention::{Retained, older};
use crate::store::{Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx};

/// The longest key a client may send.
pub const MAX_KEY: usize = 255;

/// Bodies larger than this are not kept; the repeated request then learns where the result is.
pub const MAX_KEPT: usize = 64 * 1024;

/// What is kept of a keyed request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Hash of method, path, query and body.
    #[serde(with = "serde_bytes")]
    pub request: [u8; 32],
    /// What was answered.
    pub answer: Answer,
    /// When.
    pub at: Timestamp,
}
first_record!(Kept);

/// Answers by key, cleaned up by age.
pub const KEPT: Table<Id, Kept> = Table::new(9, "idempotency", Home::ById);

/// One keyed request.
#[derive(Clone, Debug)]
pub struct Repeat {
    key: Id,
    request: [u8; 32],
}

impl Repeat {
    /// The key of a request; none when the client sent none.
    ///
    /// # Errors
    /// When it is empty or longer than [`MAX_KEY`].
    pub fn of(req: &HttpRequest, user: Id) -> std::result::Result<Option<Self>, ApiError> {
        let Some(sent) = req.headers().get("idempotency-key") else { return Ok(None) };
        let sent = sent.as_bytes();
        if sent.is_empty() || sent.len() > MAX_KEY {
            let detail = format!("Idempotency-Key must have 1 to {MAX_KEY} characters");
            return Err(Refusal::new(Kind::Malformed, "request.idempotency_key", detail).into());
        }
        let body = req.extensions().get::<BodyHash>().map_or([0; 32], |h| h.0);
        let mut hash = blake3::Hasher::new();
        hash.update(req.method().as_str().as_bytes())
            .update(b" ")
            .update(req.path().as_bytes())
            .update(b"?")
            .update(req.query_string().as_bytes())
            .update(b"\n")
            .update(&body);
        let key = Id::derived(&[b"idempotency", user.as_ref(), sent]);
        Ok(Some(Self { key, request: *hash.finalize().as_bytes() }))
    }
}

/// Why a key can't be used.
pub enum SeenError {
    /// The store failed.
    Store(StoreError),
    /// It was used for another request.
    Reused(Refusal),
}

impl From<StoreError> for SeenError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

/// The answer of the first run, if this is not it.
///
/// # Errors
/// When the key was used for a different request.
pub fn seen(tx: &dyn ReadTx, r: &Repeat) -> std::result::Result<Option<Answer>, SeenError> {
    let Some(kept) = KEPT.get(tx, &r.key)? else { return Ok(None) };
    if kept.request != r.request {
        let detail = "this Idempotency-Key was used for a different request; use a new key for a new request";
        return Err(SeenError::Reused(Refusal::new(Kind::Invalid, "request.idempotency_key_reused", detail)));
    }
    Ok(Some(kept.answer))
}

/// Keeps the answer with its effect.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, r: &Repeat, answer: &Answer, at: Timestamp) -> Result<()> {
    let mut answer = answer.clone();
    if answer.body.len() > MAX_KEPT {
        let where_it_is = || serde_json::json!({ "replayed": true, "location": answer.location }).to_string();
        let brief = answer.brief.take().filter(|b| b.len() <= MAX_KEPT);
        answer.body = brief.unwrap_or_else(|| where_it_is().into_bytes());
    }
    KEPT.put(tx, &r.key, &Kept { request: r.request, answer, at }).map(drop)
}

/// Says that an answer is a repeated one.
pub fn mark_replay(response: &mut HttpResponse) {
    response
        .headers_mut()
        .insert(HeaderName::from_static("idempotent-replay"), HeaderValue::from_static("true"));
}

/// How long answers are kept, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "idempotency",
        days: |r| r.idempotency,
        find: |tx, before, after, limit| {
            let range = KeyRange { after, ..KeyRange::all() };
            older(&KEPT, tx, (Ix::Primary, range), limit, |k| k.at < before)
        },
        remove: |tx, pk| Id::from_slice(pk).map_or(Ok(()), |id| KEPT.del(tx, &id).map(drop)),
    }
}

/// This module's table, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    vec![&KEPT]
}
