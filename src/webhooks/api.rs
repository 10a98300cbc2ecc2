//! The routes of the feed and of webhooks.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event;
use super::model::{Message, State, Webhook};
use super::reach::Allowed;
use super::service::{self, NewWebhook, WebhookError};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{ManageWebhooks, ReadEvents};
use crate::journal::log;
use crate::parcels::queries::limit;
use crate::store::StoreError;
use crate::store::table::{cursor, position};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// Entries of the log one request looks at, whether its sender may see them or not.
const LOOK_AT: usize = 2_000;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("integration")
        .add::<ReadEvents, _, _>(
            Method::GET,
            "/events",
            events,
            "What happened, as CloudEvents a line each; the header X-Next-After says where to go on",
        )
        .query(&[
            ("after", "the sequence number behind which to begin; 0 is the beginning"),
            ("types", "event names or the beginnings of them, with commas between them"),
            ("limit", "events, at most 500"),
        ])
        .add::<ManageWebhooks, _, _>(Method::GET, "/webhooks", list, "Webhooks, oldest first")
        .answers::<Vec<WebhookView>>(200)
        .add::<ManageWebhooks, _, _>(
            Method::POST,
            "/webhooks",
            create,
            "Have events brought to an address; the secret is shown this once",
        )
        .body::<NewWebhook>(r#"{"url":"https://shop.invalid/hook","types":["delivery.","order.status_changed"]}"#)
        .answers::<MadeView>(201)
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
        .answers::<MadeView>(200)
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feed {
    #[serde(default)]
    after: u64,
    types: Option<String>,
    limit: Option<usize>,
}

async fn events(call: Call<ReadEvents>, feed: Query<Feed>) -> Response {
    let Feed { after, types, limit: asked } = feed.0;
    let n = limit(asked)?;
    let types: Vec<&str> =
        types.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()).collect();
    let wanted =
        |name: &str| types.is_empty() || types.iter().any(|t| name.starts_with(t.trim_end_matches('*')));
    let (mut lines, mut last, mut found, mut looked) = (String::new(), after, 0, 0);
    let (who, tenant) = (call.principal(), call.grant.tenant());
    call.app.store.read(tenant, |tx| -> Result<(), StoreError> {
        while found < n && looked < LOOK_AT {
            let entries = log::applied_after(tx, last, 100)?;
            if entries.is_empty() {
                break;
            }
            for (seq, entry) in entries {
                last = seq;
                looked += 1;
                if event::visible(tx, who, &entry)?
                    && let Some(told) = event::told(tenant, seq, &entry)?.filter(|t| wanted(t.name))
                {
                    lines.push_str(&told.event.to_string());
                    lines.push('\n');
                    found += 1;
                    if found == n {
                        break;
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header(("x-next-after", last.to_string()))
        .body(lines))
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
    /// When it was made.
    created_at: Timestamp,
    /// Its revision.
    version: u64,
}

impl WebhookView {
    fn of(w: Webhook, version: u64) -> Self {
        let Webhook { id, url, types, secrets, active, trouble, created_at } = w;
        Self { id, url, types, active, trouble, keys: secrets.len(), created_at, version }
    }
}

/// A webhook with the key that was just made for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeView {
    #[serde(flatten)]
    webhook: WebhookView,
    /// The key messages are signed with; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl MadeView {
    fn of(w: Webhook, rev: u64) -> Self {
        let secret = w.secrets.first().cloned();
        Self { webhook: WebhookView::of(w, rev), secret }
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
        let Message { id, webhook: _, seq, name, state, attempts, status, error, created_at, tried_at } = m;
        Self { id, seq, name, state, attempts, status, error, created_at, tried_at }
    }
}

async fn list(call: Call<ManageWebhooks>) -> Response {
    call.read(|tx, _| -> Result<Answer, WebhookError> {
        let all = service::all(tx)?.into_iter().map(|e| WebhookView::of(e.value, e.rev));
        Ok(Answer::ok(&all.collect::<Vec<_>>())?)
    })
}

async fn create(call: Call<ManageWebhooks>, body: Body<NewWebhook>) -> Response {
    let allowed = Allowed::new(&call.app.config.webhooks.allow_hosts);
    call.write(move |tx, grant, cx| -> Result<Answer, WebhookError> {
        let (made, rev) = service::create(tx, grant, cx, &allowed, &body.0)?;
        Ok(Answer::created(format!("/api/v1/webhooks/{}", made.id), &MadeView::of(made, rev))?.rev(rev))
    })
    .await
}

async fn get(call: Call<ManageWebhooks>, id: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, WebhookError> {
        let found = service::find(tx, &id)?;
        Ok(Answer::ok(&WebhookView::of(found.value, found.rev))?.rev(found.rev))
    })
}

async fn remove(call: Call<ManageWebhooks>, id: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, _| -> Result<Answer, WebhookError> {
        service::remove(tx, grant, &id, seen)?;
        Ok(Answer::none())
    })
    .await
}

async fn rotate(call: Call<ManageWebhooks>, id: Path<String>) -> Response {
    call.write(move |tx, grant, _| -> Result<Answer, WebhookError> {
        let (done, rev) = service::rotate(tx, grant, &id)?;
        Ok(Answer::ok(&MadeView::of(done, rev))?.rev(rev))
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
        let done = service::resend(tx, grant, cx.now, &path.0, &path.1)?;
        Ok(Answer::json(202, &MessageView::from(done))?)
    })
    .await
}
