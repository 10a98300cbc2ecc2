//! What somebody was told, the newest first; the bell above every page leads here and counts what is unread.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::parts::{self, empty, swap};
use super::shell::{Form, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::page::DEFAULT_LIMIT;
use crate::identity::features::{MoveDeliveries, OwnProfile};
use crate::identity::grant::Grant;
use crate::notify::inbox::{self, MAX_READ, Notification};
use crate::store::StoreError;
use crate::store::table::{cursor, position};

type Own = Visit<Grant<OwnProfile>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new().get("/notifications", list).post("/notifications/read", read)
}

#[derive(Default, Deserialize)]
struct Asked {
    cursor: Option<String>,
    done: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Own) -> Reply {
    let (asked, me, v) = (visit.query::<Asked>()?, visit.principal.actor.user, &visit.viewer);
    let (rows, next, unread) = visit.read(|tx| -> Result<_, StoreError> {
        let rows = inbox::list(tx, me, position(asked.cursor.as_deref())?, DEFAULT_LIMIT)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let items: Vec<Notification> = rows.items.into_iter().map(|e| e.value).collect();
        Ok((items, next, inbox::unread_count(tx, me)?))
    })?;
    let main = html! {
        div.head { h1 { (v.t("notifications")) } }
        (parts::done(v, asked.done.as_deref()))
        div data-region="bell" data-kinds="bell" {
            @if unread > 0 {
                (swap(v, "/notifications/read", "inline", &html! { button { (v.count("notifications-read-all", unread)) } }))
            }
            @if rows.is_empty() { (empty(&v.t("notifications-none"), &html! { p { (v.t("notifications-none-hint")) } })) }
            @else { ol.told { @for n in &rows { (told(v, n)) } } }
        }
        (parts::more(v, "/notifications", visit.request.query_string(), next.as_deref()))
    };
    Ok(Out::page(v.t("notifications"), main))
}

fn told(v: &Viewer, n: &Notification) -> Markup {
    let ours = n.link.starts_with('/') && !n.link.starts_with("//");
    // To a driver a delivery is a stop, and that page opens without a line too.
    let link = match n.link.strip_prefix("/deliveries/") {
        Some(id) if !v.sees_all() && v.may::<MoveDeliveries>() => format!("/driver/stops/{id}"),
        _ => n.link.clone(),
    };
    html! {
        li.unread[n.read_at.is_none()] {
            p.what { @if ours { a href=(link) { (n.title) } } @else { strong { (n.title) } } " " span.faint { (v.time(n.at)) } }
            @if !n.text.is_empty() { p.detail { (v.retold(&n.text)) } }
            @if n.read_at.is_none() {
                (swap(v, "/notifications/read", "inline", &html! {
                    input type="hidden" name="id" value=(n.id);
                    button.small { (v.t("notification-read")) span.away { " " (n.title) } }
                }))
            }
        }
    }
}

async fn read(visit: Own, form: Form) -> Reply {
    let ids = form.ids("id")?;
    if ids.len() > MAX_READ {
        return Err(Invalid::at("/id", format!("at most {MAX_READ} are marked at once")).into());
    }
    let ids = Some(ids).filter(|ids| !ids.is_empty());
    let marked = visit.write::<OwnProfile, _, _>(move |tx, grant, cx| -> Result<(), StoreError> {
        inbox::mark_read(tx, cx.now, grant.actor().user, ids.as_deref()).map(drop)
    });
    marked.await?;
    Ok(Out::See("/notifications".into()))
}
