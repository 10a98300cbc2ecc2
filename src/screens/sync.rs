//! The line between depots and headquarters: what the other side does not know yet, and at headquarters every depot.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, button, mark, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use super::today::{Line, said};
use crate::base::error::Kind;
use crate::identity::features::{EditSettings, ManageSync, ViewSync};
use crate::identity::grant::Grant;
use crate::store::StoreError;
use crate::sync::join::SiteCode;
use crate::sync::manage_api::{add_site, exchange, join_as};
use crate::sync::sites;
use crate::sync::status::{self, DepotView, SiteView};
use crate::web::ApiError;
use crate::web::error::Refusal;

type Looking = Visit<Grant<ViewSync>>;
type Managing = Visit<Grant<ManageSync>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Sync, "nav-sync")
        .get("/sync", show)
        .post("/sync/now", now)
        .post("/sync/join", join)
        .post("/sync/depots", add)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

fn page<P>(visit: &Visit<P>, code: Option<&SiteCode>, fail: Option<&ApiError>, sent: &Form) -> Reply
where
    P: super::shell::visit::Pass,
{
    let (node, tenant, v) = (&visit.app.sync, visit.principal.tenant, &visit.viewer);
    let asked: Asked = visit.query().unwrap_or_default();
    let inside = if node.hq.is_some() {
        let mut all = visit.read(|tx| -> Result<Vec<_>, StoreError> {
            sites::all(tx)?.iter().map(|s| status::of_site(node, tx, s, v.now)).collect()
        })?;
        // Those who are silent come first, and of them whoever has been so for longest.
        all.sort_by_key(|s: &SiteView| (s.state == "ok", s.seen_at));
        hq(v, all, code)
    } else {
        depot(v, status::of_depot(node, tenant)?, sent)
    };
    let main = html! {
        (parts::done(v, asked.done.as_deref()))
        (refusal(v, fail))
        (inside)
    };
    Ok(Out::page(v.t("nav-sync"), main).after(fail))
}

fn depot(v: &Viewer, d: DepotView, asked: &Form) -> Markup {
    let unsent = [
        (v.t("sync-business"), d.unsent.business),
        (v.t("sync-audit"), d.unsent.audit),
        (v.t("sync-telemetry"), d.unsent.telemetry),
    ];
    let line = Line::Depot(Box::new(d.clone()));
    let (good, words) = said(v, &line);
    html! {
        div.head { h1 { (v.t("nav-sync")) } @if d.joined && v.may::<ManageSync>() { (button(v, "/sync/now", &v.t("sync-now"), "primary")) } }
        div data-region="sync" data-again="5000" {
            p.big { (mark(good, &words)) }
            @if d.joined {
                div.figures { @for (label, n) in &unsent { div.figure { b { (v.number(*n)) } span { (label) } } } }
                dl.facts {
                    (parts::fact(&v.t("sync-hq"), d.url.as_ref().map(|u| html! { code { (u) } }).as_ref()))
                    (parts::fact(&v.t("sync-site"), d.site.map(|n| html! { (n) }).as_ref()))
                    (parts::fact(&v.t("sync-last"), d.last_success.map(|t| v.time(t)).as_ref()))
                    (parts::fact(&v.t("sync-next"), d.next_at.map(|t| v.time(t)).as_ref()))
                    (parts::fact(&v.t("sync-oldest"), d.oldest_unsent.map(|t| v.time(t)).as_ref()))
                    (parts::fact(&v.t("sync-refused"), Some(&html! { (v.number(d.refused)) })))
                    (parts::fact(&v.t("sync-trouble"), d.trouble.as_ref().map(|t| v.say(t)).as_ref()))
                }
            } @else { p { (v.t("sync-join-hint")) } p { code { "crossdock sync join --hq https://… --code …" } } }
        }
        // Outside of what is fetched anew, so that nothing is exchanged under whoever types.
        @if !d.joined && may_join(v) { (join_form(v, asked)) }
    }
}

/// Whose depot this is, is for those to say who set it up: they change its settings and run its exchange.
fn may_join(v: &Viewer) -> bool {
    v.may::<ManageSync>() && v.may::<EditSettings>()
}

fn join_form(v: &Viewer, f: &Form) -> Markup {
    let url = Field::text("url", v.t("sync-join-url"), f.text("url")).kind("url", "off");
    // A code is good once and for a day; one that was refused is copied anew.
    let code = Field::text("code", v.t("sync-join-code"), "").needed().hint(v.t("sync-join-code-hint"));
    html! {
        section.card.narrow aria-labelledby="join" {
            h2 id="join" { (v.t("sync-join")) }
            (parts::post(v, "/sync/join", &html! {
                (url.needed().hint(v.t("sync-join-url-hint"))) (code)
                button.primary { (v.t("sync-join")) }
            }))
        }
    }
}

fn site_state(v: &Viewer, s: &SiteView) -> Markup {
    match s.state {
        "ok" => mark(Some(true), &v.t("site-ok")),
        "silent" => mark(Some(false), &v.t("site-silent")),
        "hold" => mark(Some(false), &v.t("site-hold")),
        "revoked" => mark(None, &v.t("site-revoked")),
        _ => mark(None, &v.t("site-invited")),
    }
}

fn hq(v: &Viewer, all: Vec<SiteView>, code: Option<&SiteCode>) -> Markup {
    let (good, words) = said(v, &Line::Sites(all.clone()));
    html! {
        div.head { h1 { (v.t("depots")) } }
        @if let Some(code) = code {
            div.notice.good role="status" { (Icon::Tick) div {
                p { strong { (code.name) } " – " (v.t("site-code")) }
                p { code.code { (code.code) } }
                p.faint { (v.t("site-code-until")) " " (v.time(code.ends)) }
            } }
        }
        div data-region="sync" data-again="5000" {
            p.big { (mark(good, &words)) }
            table.list {
                thead { tr { th.n { (v.t("sync-site")) } th { (v.t("name")) } th { (v.t("state")) } th { (v.t("seen")) } th.n { (v.t("waiting")) } th.n { (v.t("changes")) } th { (v.t("release")) } } }
                tbody {
                    @for s in &all {
                        tr {
                            td.n data-as=(v.t("sync-site")) { (s.number) } td { (s.name) } td { (site_state(v, s)) }
                            td.when data-as=(v.t("seen")) { @if let Some(at) = s.seen_at { (v.ago(at)) } @else { "–" } }
                            td.n data-as=(v.t("waiting")) { (v.number(s.waiting)) } td.n data-as=(v.t("changes")) { (v.number(s.position)) } td { (s.software) }
                        }
                    }
                }
            }
        }
        @if v.may::<ManageSync>() {
            section.card.narrow {
                h2 { (v.t("site-add")) }
                (parts::post(v, "/sync/depots", &html! { (Field::text("name", v.t("name"), "").needed()) button.primary { (v.t("site-add")) } }))
            }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    page(&visit, None, None, &Form::default())
}

async fn now(visit: Managing, _: Form) -> Reply {
    let (node, tenant) = (visit.app.sync.clone(), visit.principal.tenant);
    let done = visit.aside(move || exchange(&node, tenant)).await;
    visit.app.wake.wake();
    match done {
        Ok(()) => Ok(Out::See("/sync?done=sent".into())),
        Err(Fail::Refused(e)) => page(&visit, None, Some(&e), &Form::default()),
        Err(fail) => Err(fail),
    }
}

async fn join(visit: Managing, f: Form) -> Reply {
    visit.principal.grant::<EditSettings>()?;
    let (node, tenant) = (visit.app.sync.clone(), visit.principal.tenant);
    if status::of_depot(&node, tenant)?.joined {
        let detail = "this depot has joined a headquarters, and belongs to one alone";
        let e: ApiError = Refusal::new(Kind::Conflict, "sync.joined", detail).into();
        return page(&visit, None, Some(&e), &f);
    }
    let actor = visit.principal.actor.clone();
    let (url, code) = (f.text("url").to_owned(), f.text("code").to_owned());
    match visit.aside(move || join_as(&node, tenant, actor, &url, &code)).await {
        Ok(_) => {
            visit.app.wake.wake();
            Ok(Out::See("/sync?done=joined".into()))
        }
        Err(Fail::Refused(e)) => page(&visit, None, Some(&e), &f),
        Err(fail) => Err(fail),
    }
}

async fn add(visit: Managing, f: Form) -> Reply {
    let (node, tenant, name) = (visit.app.sync.clone(), visit.principal.tenant, f.text("name").to_owned());
    let (actor, at) = (visit.principal.actor.clone(), visit.viewer.now);
    if name.is_empty() {
        let e: ApiError = Refusal::new(Kind::Invalid, "site.name", "a depot needs a name").into();
        return page(&visit, None, Some(&e), &Form::default());
    }
    match visit.aside(move || add_site(&node, tenant, actor, at, name)).await {
        // The code is shown once, in the answer itself: nothing keeps it.
        Ok(code) => page(&visit, Some(&code), None, &Form::default()),
        Err(Fail::Refused(e)) => page(&visit, None, Some(&e), &Form::default()),
        Err(fail) => Err(fail),
    }
}
