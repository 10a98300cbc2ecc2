//! Webhooks: who is told of what, the keys that messages are signed with, and what was sent to each with what became of it.

use std::sync::Arc;

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, button, empty, mark, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::page::DEFAULT_LIMIT;
use crate::identity::features::ManageWebhooks;
use crate::identity::grant::Grant;
use crate::store::table::{cursor, position};
use crate::web::ApiError;
use crate::webhooks::model::{MAX_KEYS, Message, Place, State, Webhook};
use crate::webhooks::reach::Allowed;
use crate::webhooks::service::{self, NewWebhook, WebhookError};

type Managing = Visit<Grant<ManageWebhooks>>;

/// Messages that are looked through for those in one state.
const LOOKED_AT: usize = 1_000;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Webhooks, "nav-webhooks")
        .get("/webhooks", list)
        .post("/webhooks", create)
        .get("/webhooks/{id}", show)
        .post("/webhooks/{id}/rotate", rotate)
        .post("/webhooks/{id}/remove", remove)
        .post("/webhooks/{id}/resend", resend)
}

#[derive(Default, Deserialize)]
struct Asked {
    state: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

fn all(visit: &Managing) -> Result<Vec<(Webhook, Place)>, Fail> {
    visit.read(|tx| -> Result<_, WebhookError> {
        let all = service::all(tx)?.into_iter().map(|e| {
            let place = service::standing(tx, e.value.id)?;
            Ok((e.value, place))
        });
        all.collect()
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Managing) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    Ok(listed(&visit.viewer, &all(&visit)?, &Form::default(), asked.done.as_deref(), None))
}

fn listed(
    v: &Viewer,
    all: &[(Webhook, Place)],
    f: &Form,
    done: Option<&str>,
    fail: Option<&ApiError>,
) -> Out {
    let main = html! {
        div.head { h1 { (v.t("nav-webhooks")) } }
        (parts::done(v, done))
        (refusal(v, fail))
        div data-region="webhooks" data-again="5000" {
            @if all.is_empty() { (empty(&v.t("webhooks-none"), &html! { p { (v.t("webhooks-none-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("address")) } th { (v.t("state")) } th { (v.t("webhook-types")) } th.n { (v.t("waiting")) } th { (v.t("since")) } } }
                    tbody {
                        @for (w, place) in all {
                            tr data-row {
                                td { a href={ "/webhooks/" (w.id) } { (w.url) } }
                                td { (standing(v, w)) }
                                td { (types(v, w)) }
                                td.n data-as=(v.t("waiting")) { (v.number(place.waiting)) }
                                td.when data-as=(v.t("since")) { (v.time(w.created_at)) }
                            }
                        }
                    }
                }
            }
        }
        section.card.narrow {
            h2 { (v.t("webhook-new")) }
            (parts::post(v, "/webhooks", &html! {
                (Field::text("url", v.t("address"), f.text("url")).kind("url", "off").hint(v.t("webhook-url-hint")).needed())
                (Field::text("types", v.t("webhook-types"), f.text("types")).hint(v.t("webhook-types-hint")))
                button.primary { (v.t("webhook-make")) }
            }))
        }
    };
    Out::page(v.t("nav-webhooks"), main).after(fail)
}

fn standing(v: &Viewer, w: &Webhook) -> Markup {
    html! {
        @if w.active { (mark(Some(true), &v.t("webhook-on"))) }
        @else { (mark(Some(false), &v.t("webhook-off"))) @if let Some(why) = &w.trouble { " " span.faint { (v.say(why)) } } }
    }
}

fn types(v: &Viewer, w: &Webhook) -> Markup {
    html! {
        @if w.types.is_empty() { (v.t("webhook-everything")) }
        @for (n, t) in w.types.iter().enumerate() { @if n > 0 { ", " } code { (t) } }
    }
}

struct Page {
    webhook: Webhook,
    rev: u64,
    place: Place,
    log: Vec<Message>,
    next: Option<String>,
    asked: Asked,
}

fn load(visit: &Managing) -> Result<Page, Fail> {
    let (name, asked) = (visit.path("id"), visit.query::<Asked>().unwrap_or_default());
    let state = match asked.state.as_deref().unwrap_or_default() {
        "pending" => Some(State::Pending),
        "done" => Some(State::Done),
        "dead" => Some(State::Dead),
        _ => None,
    };
    visit.read(|tx| -> Result<_, WebhookError> {
        let found = service::find(tx, &name)?;
        let look = if state.is_some() { LOOKED_AT } else { DEFAULT_LIMIT };
        let rows = service::messages(tx, &name, position(asked.cursor.as_deref())?, look)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let log = rows.items.into_iter().map(|e| e.value).filter(|m| state.is_none_or(|s| s == m.state));
        let place = service::standing(tx, found.value.id)?;
        Ok(Page {
            log: log.take(LOOKED_AT / 10).collect(),
            webhook: found.value,
            rev: found.rev,
            place,
            next,
            asked,
        })
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Managing) -> Reply {
    let page = load(&visit)?;
    Ok(shown(&visit.viewer, &page, visit.request.query_string(), None))
}

/// `key` is shown this once, right after it was made: nobody can read it again.
fn shown(v: &Viewer, page: &Page, query: &str, key: Option<&str>) -> Out {
    let w = &page.webhook;
    let at = format!("/webhooks/{}", w.id);
    let now = page.asked.state.as_deref().unwrap_or_default();
    let chips = [
        ("", v.t("all")),
        ("dead", v.t("webhook-dead")),
        ("pending", v.t("webhook-pending")),
        ("done", v.t("webhook-done")),
    ];
    let main = html! {
        div.head { h1.id { (w.url) } (standing(v, w)) }
        (parts::done(v, page.asked.done.as_deref()))
        @if let Some(key) = key {
            div.notice.good role="status" { (Icon::Tick) div { p { strong { (v.t("webhook-key-once")) } } p.code { (key) } } }
        }
        dl.facts {
            (parts::fact(&v.t("webhook-types"), Some(&types(v, w))))
            (parts::fact(&v.t("waiting"), Some(&html! { (v.number(page.place.waiting)) })))
            (parts::fact(&v.t("webhook-keys"), Some(&html! { (w.keys.len()) " / " (MAX_KEYS) @if let Some(k) = w.keys.first() { ", " (v.time(k.made_at)) } })))
        }
        div.buttons {
            (parts::post(v, &format!("{at}/rotate"), &html! { button { (v.t("webhook-rotate")) } }))
            details.confirm {
                summary.button { (v.t("remove")) }
                (parts::post(v, &format!("{at}/remove"), &html! { (parts::version(page.rev)) button.danger { (v.t("webhook-remove")) } }))
            }
        }
        section {
            h2 { (v.t("webhook-log")) }
            nav.chips aria-label=(v.t("filter")) { @for (name, label) in &chips { a href={ (at) "?state=" (name) } aria-current=[(*name == now).then_some("true")] { (label) } } }
            div data-region="log" data-again="5000" {
                @if page.log.is_empty() { (empty(&v.t("webhook-log-none"), &html! { p { (v.t("webhook-log-none-hint")) } })) }
                @else { (log(v, page, &at)) }
            }
            (parts::more(v, &at, query, page.next.as_deref()))
        }
    };
    Out::page(w.url.clone(), main)
}

fn log(v: &Viewer, page: &Page, at: &str) -> Markup {
    html! {
        table.list {
            thead { tr { th { (v.t("when")) } th { (v.t("webhook-event")) } th { (v.t("state")) } th.n { (v.t("attempts")) } th { (v.t("last-error")) } th { span.away { (v.t("actions")) } } } }
            tbody {
                @for m in &page.log {
                    tr {
                        td.when { (v.time(m.created_at)) }
                        td { code { (m.name) } " " span.faint { (m.seq) } }
                        td { @match m.state {
                            State::Pending => (mark(None, &v.t("webhook-pending"))),
                            State::Done => (mark(Some(true), &v.t("webhook-done"))),
                            State::Dead => (mark(Some(false), &v.t("webhook-dead"))),
                        } @if let Some(s) = m.status { " " span.faint { (s) } } }
                        td.n data-as=(v.t("attempts")) { (m.attempts) }
                        td.faint { (v.say(m.error.as_deref().unwrap_or_default())) }
                        td.act { (button_for(v, m, at)) }
                    }
                }
            }
        }
    }
}

fn button_for(v: &Viewer, m: &Message, at: &str) -> Markup {
    html! { @if m.state != State::Pending { (button(v, &format!("{at}/resend?message={}", m.id), &v.t("webhook-resend"), "small")) } }
}

/// What a webhook is told of, as it is typed.
fn wanted(text: &str) -> Vec<String> {
    text.split([',', ' ', ';']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

async fn create(visit: Managing, f: Form) -> Reply {
    let new = NewWebhook { url: f.text("url").to_owned(), types: wanted(f.text("types")) };
    let allowed = Allowed::new(&visit.app.config.webhooks.allow_hosts);
    let seal = Arc::clone(visit.app.gate.keys());
    let made = visit.write::<ManageWebhooks, _, _>(move |tx, grant, cx| -> Result<_, WebhookError> {
        service::create(tx, grant, cx, &seal, &allowed, &new)
    });
    match made.await {
        Ok((webhook, rev, key)) => {
            let (place, asked) = (Place::default(), Asked::default());
            let page = Page { webhook, rev, place, log: Vec::new(), next: None, asked };
            Ok(shown(&visit.viewer, &page, "", Some(&key)))
        }
        Err(Fail::Refused(e)) => Ok(listed(&visit.viewer, &all(&visit)?, &f, None, Some(&e))),
        Err(fail) => Err(fail),
    }
}

async fn rotate(visit: Managing, _: Form) -> Reply {
    let (name, seal) = (visit.path("id"), Arc::clone(visit.app.gate.keys()));
    let made = visit.write::<ManageWebhooks, _, _>(move |tx, grant, cx| -> Result<_, WebhookError> {
        Ok(service::rotate(tx, grant, cx, &seal, &name)?.2)
    });
    let key = made.await?;
    Ok(shown(&visit.viewer, &load(&visit)?, "", Some(&key)))
}

async fn remove(visit: Managing, f: Form) -> Reply {
    let (name, seen) = (visit.path("id"), f.version()?);
    let removed = visit.write::<ManageWebhooks, _, _>(move |tx, grant, cx| -> Result<(), WebhookError> {
        service::remove(tx, grant, cx, &name, seen)
    });
    removed.await?;
    Ok(Out::See("/webhooks?done=removed".into()))
}

#[derive(Deserialize)]
struct Which {
    message: String,
}

async fn resend(visit: Managing, _: Form) -> Reply {
    let Ok(Which { message }) = visit.query() else {
        return Err(Invalid::at("?message", "is missing").into());
    };
    let name = visit.path("id");
    let of = name.clone();
    let sent = visit.write::<ManageWebhooks, _, _>(move |tx, grant, cx| -> Result<(), WebhookError> {
        service::resend(tx, grant, cx, &of, &message).map(drop)
    });
    sent.await?;
    Ok(Out::See(format!("/webhooks/{name}?done=begun")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_are_read_as_people_type_them() {
        assert_eq!(
            wanted(" delivery., order.status_changed parcel."),
            ["delivery.", "order.status_changed", "parcel."]
        );
        assert!(wanted(" , ").is_empty());
    }
}
