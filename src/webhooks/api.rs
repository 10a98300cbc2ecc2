//! The routes of webhooks.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Message, Place, State, Webhook};
use super::reach::Allowed;
use super::service::{self, NewWebhook, WebhookError, standing};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::ManageWebhooks;
use crate::parcels::queries::limit;
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("integration")
        .add::<ManageWebhooks, _, _>(Method::GET, "/webhooks", list, "Webhooks, oldest first")
        .answers::<Vec<WebhookView>>(200)
        .add::<ManageWebhooks, _, _>(
            Method::POST,
            "/webhooks",
            create,
            "Have events brought to an address; the secret is shown this once",
        )
        .body::<NewWebhook>(r#"{"url":"https://shop.example.com/hook","types":["delivery.","order.status_changed"]}"#)
        .answers::<WebhookView>(201)
        .add::<ManageWebhooks, _, _>(Method::GET, "/webhooks/{id}", get, "One webhook")
        .answers::<WebhookView>(200)
        .add::<ManageWebhooks, _, _>(Method::DELETE, "/webhooks/{id}", remove, "End a webhook")
        .status(204)
        .add::<ManageWebhooks, _, _>(
            Method::POST,
            "/webhooks/{id}/rotate",
            rotate,
            "Give it a new key; for a while messages are signed with both, and one that was switched off is told again",
        )
        .answers::<WebhookView>(200)
        .add::<ManageWebhooks, _, _>(
            Method::GET,
            "/webhooks/{id}/deliveries",
            messages,
            "What was sent to it, newest first",
        )
        .query(&[("limit", "rows, at most 500"), ("cursor", "from the page before")])
        .answers::<Page<MessageView>>(200)
        .add::<ManageWebhooks, _, _>(
            Method::POST,
            "/webhooks/{id}/deliveries/{delivery}/resend",
            resend,
            "Send a message once more, a dead one too",
        )
        .answers::<MessageView>(202)
}

/// A webhook, its keys left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    id: Id,
    /// Where messages go.
    url: String,
    /// What it is told of; everything when empty.
    types: Vec<String>,
    /// Whether it is told anything.
    active: bool,
    /// Why it was switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    /// Keys in use.
    keys: usize,
    /// Messages that wait for their first or next attempt.
    waiting: u64,
    /// The entry of the feed up to which messages were made.
    seq: u64,
    /// When it was made.
    created_at: Timestamp,
    /// Its revision.
    version: u64,
    /// The key messages are signed with, in the first answer to its making alone: `whsec_` and Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl WebhookView {
    fn of(tx: &dyn ReadTx, w: Webhook, version: u64) -> Result<Self, StoreError> {
        let Webhook { id, url, types, keys, active, trouble, created_at } = w;
        let Place { seq, waiting } = standing(tx, id)?;
        let keys = keys.len();
        Ok(Self { id, url, types, active, trouble, keys, waiting, seq, created_at, version, secret: None })
    }
}

/// A message and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// Its id, as in `webhook-id`.
    id: Id,
    /// The entry of the feed.
    seq: u64,
    /// The event's name.
    name: String,
    /// Where it stands.
    state: State,
    /// Attempts so far.
    attempts: u32,
    /// The last answer's status.
    status: Option<u16>,
    /// Why the last attempt failed.
    error: Option<String>,
    /// When it was to be told.
    created_at: Timestamp,
    /// When the last attempt was.
    tried_at: Option<Timestamp>,
}

impl From<Message> for MessageView {
    fn from(m: Message) -> Self {
        let Message {
            id,
            webhook: _,
            seq,
            name,
            state,
            attempts,
            round: _,
            status,
            error,
            created_at,
            tried_at,
        } = m;
        Self { id, seq, name, state, attempts, status, error, created_at, tried_at }
    }
}

async fn list(call: Call<ManageWebhooks>) -> Response {
    call.read(|tx, _| -> Result<Answer, WebhookError> {
        let all = service::all(tx)?.into_iter().map(|e| WebhookView::of(tx, e.value, e.rev));
        Ok(Answer::ok(&all.collect::<Result<Vec<_>, _>>()?)?)
    })
}

async fn create(call: Call<ManageWebhooks>, body: Body<NewWebhook>) -> Response {
    let allowed = Allowed::new(&call.app.config.webhooks.allow_hosts);
    let seal = Arc::clone(call.app.gate.keys());
    call.write(move |tx, grant, cx| -> Result<Answer, WebhookError> {
        let (made, rev, key) = service::create(tx, grant, cx, &seal, &allowed, &body.0)?;
        let location = format!("/api/v1/webhooks/{}", made.id);
        Ok(Answer::created(location, &WebhookView::of(tx, made, rev)?)?.rev(rev).once("secret", key))
    })
    .await
}

async fn get(call: Call<ManageWebhooks>, id: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, WebhookError> {
        let found = service::find(tx, &id)?;
        Ok(Answer::ok(&WebhookView::of(tx, found.value, found.rev)?)?.rev(found.rev))
    })
}

async fn remove(call: Call<ManageWebhooks>, id: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, WebhookError> {
        service::remove(tx, grant, cx, &id, seen)?;
        Ok(Answer::none())
    })
    .await
}

async fn rotate(call: Call<ManageWebhooks>, id: Path<String>) -> Response {
    let seal = Arc::clone(call.app.gate.keys());
    call.write(move |tx, grant, cx| -> Result<Answer, WebhookError> {
        let (done, rev, key) = service::rotate(tx, grant, cx, &seal, &id)?;
        Ok(Answer::ok(&WebhookView::of(tx, done, rev)?)?.rev(rev).once("secret", key))
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn messages(call: Call<ManageWebhooks>, id: Path<String>, which: Query<Which>) -> Response {
    call.read(|tx, _| -> Result<Answer, WebhookError> {
        let from = position(which.0.cursor.as_deref())?;
        let rows = service::messages(tx, &id, from, limit(which.0.limit)?)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let items = rows.items.into_iter().map(|e| MessageView::from(e.value)).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn resend(call: Call<ManageWebhooks>, path: Path<(String, String)>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, WebhookError> {
        let done = service::resend(tx, grant, cx, &path.0, &path.1)?;
        Ok(Answer::json(202, &MessageView::from(done))?)
    })
    .await
}
