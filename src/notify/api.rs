//! Everybody's own notifications over HTTP.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::inbox::{self, MAX_READ, Notification};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::identity::features::OwnProfile;
use crate::store::{StoreError, table};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

/// A notification as its reader sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotificationView {
    /// Its id.
    id: Id,
    /// When it came.
    at: Timestamp,
    /// In a few words.
    title: String,
    /// In more, a line each.
    text: String,
    /// Where to look, as a path.
    link: String,
    /// When it was read; absent while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Timestamp>,
}

impl From<Notification> for NotificationView {
    fn from(n: Notification) -> Self {
        let Notification { id, user: _, at, title, text, link, read_at } = n;
        Self { id, at, title, text, link, read_at }
    }
}

/// A page of notifications.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notifications {
    /// The newest first.
    items: Vec<NotificationView>,
    /// Hand this back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// How many are unread in all.
    unread: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Which notifications were read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// These; without them the oldest 500 that are unread.
    #[serde(default)]
    ids: Option<Vec<Id>>,
}

/// What is still unread.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    /// How many.
    unread: u64,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(call: Call<OwnProfile>, query: Query<Which>) -> Result<HttpResponse, ApiError> {
    let Which { limit, cursor } = query.0;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Invalid::at("?limit", format!("is {limit}; it must lie in 1..{MAX_LIMIT}")).into());
    }
    call.read(|tx, grant| -> Result<_, StoreError> {
        let user = grant.actor().user;
        let page = inbox::list(tx, user, table::position(cursor.as_deref())?, limit)?.into_page()?;
        let Page { items, next } = page.map(NotificationView::from);
        let mut answer =
            Answer::ok(&Notifications { items, next: next.clone(), unread: inbox::unread_count(tx, user)? })?;
        answer.next = next;
        Ok(answer)
    })
}

async fn read(call: Call<OwnProfile>, body: Body<Read>) -> Result<HttpResponse, ApiError> {
    let Read { ids } = body.0;
    if let Some(n) = ids.as_ref().map(Vec::len).filter(|n| *n > MAX_READ) {
        return Err(Invalid::at("/ids", format!("has {n} ids; at most {MAX_READ} are marked at once")).into());
    }
    call.write(move |tx, grant, cx| -> Result<_, StoreError> {
        let unread = inbox::mark_read(tx, cx.now, grant.actor().user, ids.as_deref())?;
        Answer::ok(&Unread { unread })
    })
    .await
}

/// The routes of notifications.
#[must_use]
pub fn routes() -> Routes {
    let own = Routes::new("notifications")
        .add::<OwnProfile, _, _>(Method::GET, "/notifications", list, "What you were told, the newest first")
        .query(&[("limit", "rows of a page, 1 to 500"), ("cursor", "where the page begins")])
        .answers::<Notifications>(200)
        .add::<OwnProfile, _, _>(Method::POST, "/notifications/read", read, "Mark notifications as read")
        .body::<Read>(r#"{"ids":["019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718"]}"#)
        .answers::<Unread>(200);
    super::refusals_api::add(super::template_api::add(own))
}
