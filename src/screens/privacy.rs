//! A person's data: found, handed out, and erased once a second person agrees; what must stay is held.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, empty, mark, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::attachments::vault::Vault;
use crate::base::ids::Id;
use crate::identity::features::ManagePrivacy;
use crate::identity::grant::Grant;
use crate::journal::Cx;
use crate::privacy::error::PrivacyError;
use crate::privacy::export;
use crate::privacy::find::{self, Answer, Found, Query};
use crate::privacy::model::{State, Subject, of_text, text_of};
use crate::privacy::service::{self, ErasureView, HoldView};
use crate::store::{Lane, StoreError, WriteTx};
use crate::sync::registry::Registry;
use crate::web::ApiError;

type Guarding = Visit<Grant<ManagePrivacy>>;

/// Erasures that are shown.
const SHOWN: usize = 50;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Person, "nav-privacy")
        .when(Viewer::sees_all)
        .get("/privacy", show)
        .post("/privacy/find", search)
        .post("/privacy/export", hand_out)
        .post("/privacy/erase", ask)
        .post("/privacy/hold", hold)
        .post("/privacy/{id}/confirm", confirm)
        .post("/privacy/{id}/refuse", refuse)
        .post("/privacy/{id}/lift", lift)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

/// What the page shows.
#[derive(Default)]
struct Model {
    query: Query,
    found: Option<Answer>,
    erasures: Vec<ErasureView>,
    holds: Vec<HoldView>,
    done: Option<String>,
}

fn model(visit: &Guarding) -> Result<Model, Fail> {
    let (erasures, holds) = visit.read(|tx| -> Result<_, PrivacyError> {
        Ok((service::list(tx, &Registry::standard(), None, SHOWN)?.items, service::holds(tx)?))
    })?;
    Ok(Model { erasures, holds, ..Model::default() })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Guarding) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let model = Model { done: asked.done, ..model(&visit)? };
    Ok(page(&visit, &model, None))
}

fn page(visit: &Guarding, m: &Model, fail: Option<&ApiError>) -> Out {
    let v = &visit.viewer;
    let main = html! {
        h1 { (v.t("nav-privacy")) }
        (parts::done(v, m.done.as_deref()))
        (refusal(v, fail))
        section.card { h2 { (v.t("privacy-find")) } p.faint { (v.t("privacy-find-hint")) } (question(v, &m.query)) }
        @if let Some(found) = &m.found { (results(v, found)) }
        (erasures(v, &m.erasures, visit.principal.actor.user))
        (held(v, &m.holds))
    };
    Out::page(v.t("nav-privacy"), main).after(fail)
}

fn question(v: &Viewer, q: &Query) -> Markup {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let (name, phone, email) = (text(&q.name), text(&q.phone), text(&q.email));
    let (address, reference) = (text(&q.address), text(&q.reference));
    parts::post(
        v,
        "/privacy/find",
        &html! {
            div.two {
                (Field::text("name", v.t("name"), &name))
                (Field::text("phone", v.t("phone"), &phone).kind("tel", "off"))
            }
            div.two {
                (Field::text("email", v.t("email"), &email).kind("email", "off"))
                (Field::text("address", v.t("address"), &address))
            }
            (Field::text("reference", v.t("privacy-reference"), &reference))
            button.primary { (Icon::Search) (v.t("privacy-search")) }
        },
    )
}

fn results(v: &Viewer, found: &Answer) -> Markup {
    html! {
        section.card {
            h2 { (v.t("privacy-found")) }
            @if found.items.is_empty() { (empty(&v.t("privacy-found-none"), &html! { p { (v.t("privacy-found-none-hint")) } })) }
            @else {
                @if found.more { p.notice.bad { (Icon::Triangle) (v.t("privacy-more")) } }
                (parts::post(v, "/privacy/erase", &html! {
                    table.list {
                        thead { tr { th { span.away { (v.t("privacy-take")) } } th { (v.t("privacy-record")) } th { (v.t("privacy-role")) } th { (v.t("privacy-holds-of")) } } }
                        tbody { @for f in &found.items { (row(v, f)) } }
                    }
                    (Field::text("reason", v.t("reason"), "").hint(v.t("privacy-reason-hint")))
                    button formaction="/privacy/export" { (v.t("privacy-export")) } " "
                    button.danger { (v.t("privacy-ask")) }
                    p.faint { (v.t("privacy-ask-hint")) }
                }))
            }
        }
    }
}

fn row(v: &Viewer, f: &Found) -> Markup {
    let text = text_of(&f.subject);
    html! {
        tr data-row {
            td { input type="checkbox" name="subject" value=(text) checked[f.held.is_none()] aria-label=(f.label); }
            td { (v.word("privacy-kind", &f.subject.kind)) " " strong { (f.label) } @if let Some(why) = &f.held { " " (mark(Some(false), &v.t("privacy-held"))) " " span.faint { (why) } } }
            td { (v.word("privacy-role", &f.subject.role)) }
            td { @for (n, value) in f.fields.values().enumerate() { @if n > 0 { " · " } (value) } }
        }
    }
}

fn erasures(v: &Viewer, all: &[ErasureView], me: Id) -> Markup {
    html! {
        section.card {
            h2 { (v.t("privacy-erasures")) }
            @if all.is_empty() { (empty(&v.t("privacy-erasures-none"), &html! { p { (v.t("privacy-erasures-none-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("when")) } th { (v.t("state")) } th { (v.t("reason")) } th.n { (v.t("privacy-records")) } th { (v.t("privacy-asked-by")) } th { (v.t("privacy-decided-by")) } th.n { (v.t("privacy-nodes")) } th { span.away { (v.t("actions")) } } } }
                    tbody { @for e in all { (erasure(v, e, me)) } }
                }
            }
        }
    }
}

fn erasure(v: &Viewer, e: &ErasureView, me: Id) -> Markup {
    let state = match (e.state, e.waiting.is_some(), e.intact) {
        (State::Asked, ..) => mark(None, &v.t("privacy-asked")),
        (State::Refused, ..) => mark(None, &v.t("privacy-refused")),
        (State::Confirmed, _, false) => mark(Some(false), &v.t("privacy-broken")),
        (State::Confirmed, true, _) => mark(None, &v.t("privacy-under-way")),
        (State::Confirmed, false, _) => mark(Some(true), &v.t("privacy-done")),
    };
    let asked = e.asked.as_ref();
    let mine = asked.is_some_and(|a| a.by == me);
    let at = format!("/privacy/{}", e.id);
    html! {
        tr data-row {
            td.when { @if let Some(a) = asked { (v.time(a.at)) } }
            td { (state) @if let Some(why) = e.waiting.as_ref().and_then(|w| w.held.as_deref()) { " " span.faint { (v.t("privacy-held")) ": " (why) } } }
            td { (e.reason) @if let Some(why) = &e.refusal { br; span.faint { (why) } } }
            td.n data-as=(v.t("privacy-records")) { (e.records) }
            td { @if let Some(a) = asked { (a.name) } }
            td { @if let Some(d) = &e.decided { (d.name) } }
            td.n data-as=(v.t("privacy-nodes")) { (e.done.len()) }
            td.act {
                @if e.state == State::Asked {
                    @if mine { span.faint { (v.t("privacy-second")) } }
                    @else { details.confirm { summary.button.small { (v.t("privacy-confirm")) } (parts::post(v, &format!("{at}/confirm"), &html! { p { (v.t("privacy-confirm-hint")) } button.danger { (v.t("privacy-confirm-now")) } })) } }
                    details.confirm { summary.button.small { (v.t("privacy-refuse")) } (parts::post(v, &format!("{at}/refuse"), &html! { p { input name="reason" aria-label=(v.t("reason")) placeholder=(v.t("reason")) required autocomplete="off"; } button { (v.t("privacy-refuse")) } })) }
                }
            }
        }
    }
}

fn held(v: &Viewer, all: &[HoldView]) -> Markup {
    html! {
        section.card {
            h2 { (v.t("privacy-holds")) }
            p.faint { (v.t("privacy-holds-hint")) }
            @if !all.is_empty() {
                table.list {
                    thead { tr { th { (v.t("privacy-record")) } th { (v.t("reason")) } th { (v.t("by")) } th { (v.t("when")) } th { span.away { (v.t("actions")) } } } }
                    tbody {
                        @for h in all {
                            tr data-row {
                                td { (v.word("privacy-kind", &h.kind)) " " strong { (h.label) } } td { (h.reason) } td { (h.by) } td.when { (v.time(h.at)) }
                                td.act { (parts::post(v, &format!("/privacy/{}/lift", h.id), &html! { button.small { (v.t("privacy-lift")) } })) }
                            }
                        }
                    }
                }
            }
            (parts::post(v, "/privacy/hold", &html! {
                div.two { (Field::text("record", v.t("privacy-record"), "").hint(v.t("privacy-hold-hint")).needed()) (Field::text("why", v.t("reason"), "").needed()) }
                button { (v.t("privacy-hold")) }
            }))
        }
    }
}

fn query(f: &Form) -> Query {
    Query {
        name: f.some("name"),
        phone: f.some("phone"),
        email: f.some("email"),
        address: f.some("address"),
        reference: f.some("reference"),
    }
}

async fn note(visit: &Guarding, action: &'static str, ids: Vec<Id>) -> Result<(), Fail> {
    let (actor, now) = (visit.principal.actor.clone(), visit.app.clock.now());
    let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        let cx = Cx::new(tx, &actor, now, "screen")?;
        service::note(tx, &cx, action, ids.len(), &ids)
    };
    Ok(visit.app.store.write(visit.principal.tenant, Lane::People, write).await?)
}

/// The same page with what was refused.
fn again(visit: &Guarding, fail: Fail) -> Reply {
    match fail {
        Fail::Refused(e) => Ok(page(visit, &model(visit)?, Some(&e))),
        Fail::LogIn => Err(Fail::LogIn),
    }
}

async fn search(visit: Guarding, f: Form) -> Reply {
    service::whole(&visit.pass)?;
    let query = query(&f);
    let (store, tenant, asked) = (visit.app.store.clone(), visit.principal.tenant, query.clone());
    let found = visit.aside(move || Ok(find::persons(&store, tenant, &Registry::standard(), &asked)?)).await;
    match found {
        Ok(found) => {
            note(&visit, "privacy.searched", found.items.iter().map(|f| f.subject.id).collect()).await?;
            let model = Model { query, found: Some(found), ..model(&visit)? };
            Ok(page(&visit, &model, None))
        }
        Err(fail) => again(&visit, fail),
    }
}

/// The records that are ticked, with what belongs to them.
async fn ticked(visit: &Guarding, f: &Form) -> Result<Vec<Subject>, Fail> {
    service::whole(&visit.pass)?;
    let named: Vec<Subject> = f.all("subject").filter_map(of_text).collect();
    let (store, tenant) = (visit.app.store.clone(), visit.principal.tenant);
    let meant = move || Ok(find::meant(&store, tenant, &Registry::standard(), named, None)?);
    visit.aside(meant).await
}

async fn hand_out(visit: Guarding, f: Form) -> Reply {
    let all = match ticked(&visit, &f).await {
        Ok(all) => all,
        Err(fail) => return again(&visit, fail),
    };
    let (store, tenant, now) = (visit.app.store.clone(), visit.principal.tenant, visit.app.clock.now());
    let (vault, ids) = (Vault::under(&visit.app.folder), all.iter().map(|s| s.id).collect());
    let work = move || {
        let registry = Registry::standard();
        store.read(tenant, |tx| service::checked(tx, &registry, &all))?;
        Ok(export::of(&store, tenant, &registry, &vault, &all, now)?)
    };
    let export = match visit.aside(work).await {
        Ok(export) => export,
        Err(fail) => return again(&visit, fail),
    };
    note(&visit, "privacy.exported", ids).await?;
    let json = serde_json::to_vec_pretty(&export)
        .map_err(|e| StoreError::Codec { what: "export", why: e.to_string() })?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/json"));
    response.insert_header((CONTENT_DISPOSITION, "attachment; filename=\"person.json\""));
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(Out::Raw(response.body(json)))
}

async fn ask(visit: Guarding, f: Form) -> Reply {
    let all = match ticked(&visit, &f).await {
        Ok(all) => all,
        Err(fail) => return again(&visit, fail),
    };
    let reason = f.text("reason").to_owned();
    let made = visit.write::<ManagePrivacy, _, _>(move |tx, grant, cx| {
        service::ask(tx, grant, cx, &Registry::standard(), all.clone(), &reason)
    });
    match made.await {
        Ok(_) => Ok(Out::See("/privacy?done=added".into())),
        Err(fail) => again(&visit, fail),
    }
}

async fn confirm(visit: Guarding, _: Form) -> Reply {
    let id = visit.path("id");
    let done = visit.write::<ManagePrivacy, _, _>(move |tx, grant, cx| {
        service::confirm(tx, grant, cx, &Registry::standard(), &id)
    });
    match done.await {
        Ok(_) => Ok(Out::See("/privacy?done=begun".into())),
        Err(fail) => again(&visit, fail),
    }
}

async fn refuse(visit: Guarding, f: Form) -> Reply {
    let (id, reason) = (visit.path("id"), f.text("reason").to_owned());
    let done = visit.write::<ManagePrivacy, _, _>(move |tx, grant, cx| {
        service::refuse(tx, grant, cx, &Registry::standard(), &id, &reason)
    });
    match done.await {
        Ok(_) => Ok(Out::See("/privacy?done=saved".into())),
        Err(fail) => again(&visit, fail),
    }
}

async fn hold(visit: Guarding, f: Form) -> Reply {
    let (record, reason) = (f.text("record").to_owned(), f.text("why").to_owned());
    let done = visit.write::<ManagePrivacy, _, _>(move |tx, grant, cx| -> Result<(), PrivacyError> {
        let registry = Registry::standard();
        let Some((kind, id)) = service::named(tx, &registry, &record)? else {
            return Err(PrivacyError::NoRecord(record.clone()));
        };
        service::hold(tx, grant, cx, &registry, (&kind, id), &reason).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/privacy?done=added".into())),
        Err(fail) => again(&visit, fail),
    }
}

async fn lift(visit: Guarding, _: Form) -> Reply {
    let id = visit.path("id");
    let done = visit.write::<ManagePrivacy, _, _>(move |tx, grant, cx| -> Result<(), PrivacyError> {
        let id = id.parse().map_err(|_| PrivacyError::NoRecord(id.clone()))?;
        service::lift(tx, grant, cx, id)
    });
    match done.await {
        Ok(()) => Ok(Out::See("/privacy?done=removed".into())),
        Err(fail) => again(&visit, fail),
    }
}
