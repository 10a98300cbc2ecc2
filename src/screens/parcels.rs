//! Parcels: finding them, and everything about one of them.

use std::sync::Arc;

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, case_state, choice, empty, refusal, status, swap};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::{Fault, Kind};
use crate::cases::model::Case;
use crate::cases::repo::{self as cases, Reader, Wanted};
use crate::deadlines::policy::Policy;
use crate::identity::features::{
    CreateParcels, EditParcels, ForceParcels, PrintLabels, ScanParcels, ViewCases, ViewParcels, ViewPrinters,
    WorkCases,
};
use crate::identity::grant::Grant;
use crate::journal::{Stamped, history};
use crate::labels::error::LabelError;
use crate::labels::printers::{self, PrinterView};
use crate::labels::service::{self as labels, PrintInput};
use crate::parcels::cards::Card;
use crate::parcels::error::ParcelError;
use crate::parcels::event::ParcelEvent;
use crate::parcels::inputs::{ContactInput, EventInput, NewParcel, PlaceInput, StatusInput};
use crate::parcels::model::{Flag, Parcel, ParcelId, Place, Status};
use crate::parcels::queries::{self, By, Filter, Overdue};
use crate::parcels::rules::{self, Gate};
use crate::parcels::service;
use crate::web::ApiError;

type Looking = Visit<Grant<ViewParcels>>;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Parcels, "nav-parcels")
        .get("/parcels", list)
        .get("/find", find)
        .get("/parcels/new", blank)
        .post("/parcels/new", announce)
        .get("/parcels/{id}", show)
        .post("/parcels/{id}/step", step)
        .post("/parcels/{id}/note", note)
        .post("/parcels/{id}/print", print)
        .get("/parcels/{id}/label", label)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    number: Option<String>,
    status: Option<String>,
    distributor: Option<String>,
    exceptional: Option<String>,
    late: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

fn said(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
}

struct Listing {
    asked: Asked,
    rows: Vec<Arc<Card>>,
    next: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let asked: Asked = visit.query()?;
    let status = said(&asked.status).map(|s| s.parse::<Status>()).transpose();
    let status = status.map_err(|e| crate::base::error::Invalid::at("?status", e))?;
    let (scope, cards, now) = (&visit.principal.scope, &visit.app.cards, visit.viewer.now);
    let found = visit.read(|tx| -> Result<_, ParcelError> {
        if said(&asked.late).is_some() {
            let policy = Policy::current(tx)?;
            let late = Overdue { at: now, by: By::Clock, now, limit: None, cursor: asked.cursor.clone() };
            return queries::overdue(tx, scope, cards, &policy, &late);
        }
        let filter = Filter {
            status: status.map(StatusInput),
            distributor: said(&asked.distributor),
            exceptional: said(&asked.exceptional).is_some(),
            likely_late: false,
            number: said(&asked.number),
            limit: None,
            cursor: asked.cursor.clone(),
        };
        queries::list(tx, scope, cards, &filter)
    })?;
    visit.saw("parcel", found.items.iter().map(|c| c.parcel.id.0));
    let listing = Listing { asked, rows: found.items, next: found.next };
    let main = list_markup(&visit.viewer, &listing, visit.request.query_string());
    Ok(Out::page(visit.viewer.t("nav-parcels"), main))
}

fn filters(v: &Viewer, a: &Asked) -> Markup {
    let statuses: Vec<_> = std::iter::once((String::new(), v.t("status-any")))
        .chain(Status::ALL.iter().map(|s| (s.to_string(), v.word("status", s.as_str()))))
        .collect();
    html! {
        form.filters role="search" action="/parcels" {
            (Field::text("number", v.t("parcel-number"), a.number.as_deref().unwrap_or_default()).kind("search", "off"))
            (choice("status", &v.t("status"), &statuses, a.status.as_deref().unwrap_or_default()))
            @if v.sees_all() { (Field::text("distributor", v.t("distributor"), a.distributor.as_deref().unwrap_or_default())) }
            (parts::tick("exceptional", &v.t("parcels-exceptional"), said(&a.exceptional).is_some()))
            (parts::tick("late", &v.t("parcels-late"), said(&a.late).is_some()))
            button { (v.t("show")) }
        }
    }
}

fn list_markup(v: &Viewer, m: &Listing, query: &str) -> Markup {
    html! {
        div.head {
            h1 { (v.t("nav-parcels")) }
            @if v.may::<CreateParcels>() { a.button href="/parcels/new" { (Icon::Plus) (v.t("parcel-new")) } }
        }
        (parts::done(v, m.asked.done.as_deref()))
        (filters(v, &m.asked))
        div data-region="parcels" data-kinds="parcel" {
            @if m.rows.is_empty() {
                (empty(&v.t("parcels-nothing"), &html! { p { (v.t("parcels-nothing-hint")) } }))
            } @else { (table(v, &m.rows)) }
            (parts::more(v, "/parcels", query, m.next.as_deref()))
        }
    }
}

/// Parcels as rows.
#[must_use]
pub fn table(v: &Viewer, rows: &[Arc<Card>]) -> Markup {
    html! {
        table.list.parcels data-rows {
            thead { tr { th { (v.t("parcel-number")) } th { (v.t("status")) } th { (v.t("since")) } th { (v.t("to")) } th { (v.t("distributor")) } th { (v.t("promised")) } } }
            tbody {
                @for card in rows {
                    @let p = &card.parcel;
                    @let late = rules::is_open(p.status) && p.facts.promised_at.is_some_and(|at| at < v.now);
                    tr data-row {
                        td.id { a href={ "/parcels/" (p.id) } { (p.number) } }
                        td { (status(v, p.status)) @if !p.issues.is_empty() || p.flags.has(Flag::Exceptional) { " " span.flag title=(v.t("parcels-exceptional")) { (Icon::Triangle) span.away { (v.t("parcels-exceptional")) } } } }
                        td.when { (v.time(p.since)) }
                        td { (town(&p.facts.to)) }
                        td { (p.facts.distributor.as_deref().unwrap_or("–")) }
                        td.when.late[late] data-as=(v.t("promised")) { @if let Some(at) = p.facts.promised_at { (v.time(at)) } @else { "–" } }
                    }
                }
            }
        }
    }
}

fn town(p: &Place) -> String {
    let parts = [&p.zip, &p.city, &p.country];
    let parts: Vec<&str> = parts.into_iter().filter_map(|t| t.as_deref()).collect();
    if parts.is_empty() { "–".into() } else { parts.join(" ") }
}

#[derive(Default, Deserialize)]
struct Wish {
    #[serde(default)]
    q: String,
}

/// What somebody typed or scanned anywhere: the parcel itself where it is plain which, else what begins so.
#[allow(clippy::unused_async)] // the form of a handler
async fn find(visit: Looking) -> Reply {
    let wish: Wish = visit.query()?;
    let text = wish.q.trim();
    let (scope, cards) = (&visit.principal.scope, &visit.app.cards);
    let resolved = crate::scan::resolve::resolve(text);
    let numbers = resolved.readings.iter().filter(|r| r.is_plausible()).map(|r| r.number.as_str());
    let names: Vec<&str> = std::iter::once(text).chain(numbers).filter(|n| !n.is_empty()).take(8).collect();
    let found = visit.read(|tx| -> Result<Option<ParcelId>, ParcelError> {
        for name in names {
            match queries::find(tx, scope, cards, name) {
                Ok((card, _)) => return Ok(Some(card.parcel.id)),
                Err(e) if e.kind() == Kind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    })?;
    if let Some(id) = found {
        return Ok(Out::See(format!("/parcels/{id}")));
    }
    let query = serde_urlencoded::to_string([("number", text)]).unwrap_or_default();
    Ok(Out::See(format!("/parcels?{query}")))
}

struct Page {
    parcel: Parcel,
    duplicates: Vec<ParcelId>,
    events: Vec<Stamped<ParcelEvent>>,
    cases: Vec<Case>,
    printers: Vec<PrinterView>,
    done: Option<String>,
}

fn load(visit: &Looking) -> Result<Page, Fail> {
    let (name, scope) = (visit.path("id"), &visit.principal.scope);
    let asked: Asked = visit.query().unwrap_or_default();
    let v = &visit.viewer;
    let page = visit.read(|tx| -> Result<_, ParcelError> {
        let (found, duplicates) = service::find(tx, scope, &name)?;
        let mut events: Vec<_> =
            history::<Parcel>(tx, &found.value.line)?.into_iter().map(|(_, e)| e).collect();
        events.reverse();
        let parcel = found.value.state;
        let mut about = Vec::new();
        if v.may::<ViewCases>() {
            let reader = Reader { scope, actor: &visit.principal.actor };
            let wanted = Wanted { subject: Some(parcel.id.0), ..Wanted::default() };
            about = cases::list(tx, &reader, &wanted, v.now, None, 20)?.0;
        }
        let printers = if v.may::<PrintLabels>() && v.may::<ViewPrinters>() {
            printers::list(tx).unwrap_or_default()
        } else {
            Vec::new()
        };
        let cases = about.into_iter().map(|e| e.value.state).collect();
        Ok(Page { parcel, duplicates, events, cases, printers, done: asked.done })
    })?;
    visit.saw("parcel", [page.parcel.id.0]);
    Ok(page)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let page = load(&visit)?;
    Ok(Out::page(page.parcel.number.clone(), markup(&visit.viewer, &page, None)))
}

/// The page again, after a refusal.
fn again(visit: &Looking, e: &ApiError) -> Reply {
    let page = load(visit)?;
    Ok(Out::page(page.parcel.number.clone(), markup(&visit.viewer, &page, Some(e))).after(Some(e)))
}

fn steps(v: &Viewer, p: &Parcel) -> Markup {
    let next = rules::next_steps(p.status, p.before_hold, Gate::Own);
    if !v.may::<ScanParcels>() || next.is_empty() {
        return html! {};
    }
    html! {
        section.card aria-labelledby="next" {
            h2 id="next" { (v.t("next-steps")) }
            (swap(v, &format!("/parcels/{}/step", p.id), "steps", &html! {
                div.buttons { @for s in &next { button name="status" value=(s) { (status(v, *s)) } } }
                details {
                    summary { (v.t("step-more")) }
                    (Field::text("note", v.t("note"), ""))
                    (Field::text("reason", v.t("step-reason"), "").hint(v.t("step-reason-hint")))
                    @if v.may::<ForceParcels>() {
                        @let all: Vec<_> = std::iter::once((String::new(), String::from("–"))).chain(Status::ALL.iter().skip(1).map(|s| (s.to_string(), v.word("status", s.as_str())))).collect();
                        (choice("force", &v.t("step-force"), &all, ""))
                        button { (v.t("step-force-go")) }
                    }
                }
            }))
        }
    }
}

fn facts(v: &Viewer, p: &Parcel) -> Markup {
    let f = &p.facts;
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    let address = |a: &Place| {
        let lines = [a.line.clone(), Some(town(a)).filter(|t| t != "–"), a.state.clone()];
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        (!lines.is_empty())
            .then(|| html! { @for (n, line) in lines.iter().enumerate() { @if n > 0 { br; } (line) } })
    };
    html! {
        dl.facts {
            (parts::fact(&v.t("recipient"), text(&f.recipient.name).as_ref()))
            (parts::fact(&v.t("to"), address(&f.to).as_ref()))
            (parts::fact(&v.t("from"), address(&f.from).as_ref()))
            (parts::fact(&v.t("phone"), text(&f.recipient.phone).as_ref()))
            (parts::fact(&v.t("promised"), f.promised_at.map(|t| v.time(t)).as_ref()))
            (parts::fact(&v.t("delivered-at"), p.delivered_at.map(|t| v.time(t)).as_ref()))
            (parts::fact(&v.t("distributor"), text(&f.distributor).as_ref()))
            (parts::fact(&v.t("carrier"), text(&f.carrier).as_ref()))
            (parts::fact(&v.t("service"), text(&f.service).as_ref()))
            (parts::fact(&v.t("order"), text(&f.order_ref).as_ref()))
            (parts::fact(&v.t("weight"), f.weight.map(|w| html! { (v.weight(w)) }).as_ref()))
            (parts::fact(&v.t("pieces"), f.items.map(|n| html! { (n) }).as_ref()))
            (parts::fact(&v.t("value"), f.value.as_ref().map(|m| html! { (v.money(m)) }).as_ref()))
            (parts::fact(&v.t("place"), p.location.as_ref().and_then(address).as_ref()))
            (parts::fact(&v.t("remark"), text(&f.remark).as_ref()))
        }
    }
}

/// An event in the reader's words, with the source's own beside ours.
fn event(v: &Viewer, e: &ParcelEvent) -> Markup {
    let quoted = |text: &Option<String>| html! { @if let Some(text) = text { " " q { (text) } } };
    let spot = |p: &Place| {
        let t = town(p);
        html! { @if t != "–" { " " span.faint { (t) } } @if let Some(l) = &p.line { " " span.place { (l) } } }
    };
    match e {
        ParcelEvent::Registered(_) => html! { (v.t("event-registered")) },
        ParcelEvent::Reported(r) => html! {
            @match r.to { Some(s) => (status(v, s)), None => span.faint { (v.t("event-reported")) } }
            " " span.faint { (r.source) @if let Some(raw) = &r.raw { ": " code { (raw) } } } (spot(&r.location)) (quoted(&r.note))
        },
        ParcelEvent::Moved(m) => html! {
            (status(v, m.to)) (spot(&m.location)) (quoted(&m.note))
            @if let Some(r) = &m.reason { " " (v.word("reason", r)) }
            @if m.forced { " " small.level { (v.t("event-forced")) } }
        },
        ParcelEvent::Described(_) => html! { (v.t("event-described")) },
        ParcelEvent::Noted(n) => html! { q { (n.text) } },
        ParcelEvent::Corrected(c) => {
            html! { (v.t("event-corrected")) @if let Some(s) = c.to { " " (status(v, s)) } " " q { (c.reason) } }
        }
        ParcelEvent::Stale(_) => html! { (v.t("event-stale")) },
        ParcelEvent::Flagged(f) => {
            html! { (v.t(if f.on { "event-flag-on" } else { "event-flag-off" })) (quoted(&f.reason)) }
        }
        ParcelEvent::HandedOver(h) => {
            html! { (v.with("event-handed-over", &[("site", FluentValue::from(h.to))])) (quoted(&h.note)) }
        }
        ParcelEvent::Remapped(r) => html! {
            (v.t("event-remapped")) @if let Some(s) = r.to { " " (status(v, s)) }
            @if let Some(reason) = &r.reason { " " (v.word("reason", reason)) }
        },
        ParcelEvent::PickupNoticed(_) => html! { (v.t("event-pickup-noticed")) },
    }
}

fn label_card(v: &Viewer, m: &Page) -> Markup {
    let p = &m.parcel;
    let choices: Vec<_> = m.printers.iter().map(|x| (x.id.to_string(), x.printer.name.clone())).collect();
    html! {
        section.card.label aria-labelledby="label" {
            h2 id="label" { (v.t("label")) }
            img src={ "/api/v1/parcels/" (p.id) "/label.svg?size=4x4" } alt=(v.t("label-alt")) width="180" height="180" loading="lazy";
            @if choices.is_empty() { p.faint { (v.t("label-no-printer")) } }
            @else {
                (swap(v, &format!("/parcels/{}/print", p.id), "", &html! {
                    (choice("printer", &v.t("printer"), &choices, ""))
                    (Field::text("why", v.t("label-reason"), "").hint(v.t("label-reason-hint")))
                    button.primary { (v.t("label-print")) }
                }))
            }
            p { a href={ "/parcels/" (p.id) "/label" } { (v.t("label-page")) } " · " a href={ "/api/v1/parcels/" (p.id) "/label.pdf" } { "PDF" } }
        }
    }
}

fn markup(v: &Viewer, m: &Page, fail: Option<&ApiError>) -> Markup {
    let p = &m.parcel;
    html! {
        div.head {
            h1.id { (p.number) }
            (status(v, p.status))
            span.faint { (v.t("since")) " " (v.time(p.since)) }
        }
        (parts::done(v, m.done.as_deref()))
        (refusal(v, fail))
        @if !m.duplicates.is_empty() { p.notice.warn { (Icon::Triangle) (v.t("parcel-same-number")) @for id in &m.duplicates { " " a href={ "/parcels/" (id) } { (id) } } } }
        div data-region="parcel" data-kinds="parcel case" {
            @for issue in &p.issues { p.notice.warn { (Icon::Triangle) strong { (v.word("reason", &issue.reason)) } " " (v.retold(&issue.detail)) } }
            div.parcel-grid {
                div {
                    (steps(v, p))
                    section.card { h2 { (v.t("facts")) } (facts(v, p)) }
                    @if !m.cases.is_empty() || v.may::<WorkCases>() { (cases_card(v, m)) }
                }
                section.card aria-labelledby="timeline" {
                    h2 id="timeline" { (v.t("timeline")) }
                    @if v.may::<EditParcels>() {
                        (swap(v, &format!("/parcels/{}/note", p.id), "note", &html! {
                            label.away for="note-text" { (v.t("note")) }
                            input #note-text name="text" placeholder=(v.t("note")) required maxlength="2000" autocomplete="off";
                            button { (v.t("note-add")) }
                        }))
                    }
                    ol.timeline { @for e in &m.events { li { span.when { (v.time(e.key.at())) } (event(v, &e.event)) } } }
                }
                @if v.may::<PrintLabels>() { (label_card(v, m)) }
            }
        }
    }
}

fn cases_card(v: &Viewer, m: &Page) -> Markup {
    html! {
        section.card {
            h2 { (v.t("nav-cases")) @if v.may::<WorkCases>() { a.all href={ "/cases/new?subject=" (m.parcel.id) } { (v.t("case-new")) } } }
            @if m.cases.is_empty() { p.faint { (v.t("parcel-no-cases")) } }
            ul.queue {
                @for c in &m.cases {
                    li { a href={ "/cases/" (c.id) } { (case_state(v, c.state, c.is_overdue(v.now))) strong { (v.word("reason", c.reason.code())) } span.when { (v.time(c.opened_at)) } } }
                }
            }
        }
    }
}

async fn step(visit: Visit<Grant<ScanParcels>>, form: Form) -> Reply {
    let name = visit.path("id");
    let asked = form.some("force").unwrap_or_else(|| form.text("status").to_owned());
    let to = asked.parse::<Status>().map_err(|e| crate::base::error::Invalid::at("/status", e));
    let done = match to {
        Ok(to) => {
            let input = EventInput {
                status: Some(to),
                note: form.some("note"),
                reason: form.some("reason"),
                ..EventInput::default()
            };
            let of = name.clone();
            let moved = visit.write::<ScanParcels, _, _>(move |tx, grant, cx| -> Result<(), ParcelError> {
                service::post_event(tx, grant, cx, &of, None, input.clone()).map(drop)
            });
            moved.await
        }
        Err(e) => Err(e.into()),
    };
    back(visit, &name, "saved", done)
}

async fn note(visit: Visit<Grant<EditParcels>>, form: Form) -> Reply {
    let (name, text) = (visit.path("id"), form.text("text").to_owned());
    let of = name.clone();
    let noted = visit.write::<EditParcels, _, _>(move |tx, grant, cx| -> Result<(), ParcelError> {
        service::note(tx, grant, cx, &of, text.clone()).map(drop)
    });
    let done = noted.await;
    back(visit, &name, "saved", done)
}

async fn print(visit: Visit<Grant<PrintLabels>>, form: Form) -> Reply {
    let name = visit.path("id");
    let input = PrintInput {
        printer: form.text("printer").to_owned(),
        size: None,
        copies: 1,
        reason: form.some("why"),
    };
    let of = name.clone();
    let asked = visit.write::<PrintLabels, _, _>(move |tx, grant, cx| -> Result<(), LabelError> {
        labels::print(tx, grant, cx, &of, input.clone()).map(drop)
    });
    let done = asked.await;
    back(visit, &name, "sent", done)
}

/// Back to the parcel's page, or there with what was refused, for those who may see it.
fn back<P>(visit: Visit<P>, name: &str, said: &str, done: Result<(), Fail>) -> Reply {
    match done {
        Ok(()) => Ok(Out::See(format!("/parcels/{name}?done={said}"))),
        Err(Fail::Refused(e)) => match visit.principal.grant::<ViewParcels>() {
            Ok(pass) => {
                let Visit { app, viewer, principal, request, .. } = visit;
                again(&Visit { app, viewer, principal, pass, request }, &e)
            }
            Err(_) => Err(Fail::Refused(e)),
        },
        Err(fail) => Err(fail),
    }
}

/// The label alone, to be printed by the browser.
#[allow(clippy::unused_async)] // the form of a handler
async fn label(visit: Visit<Grant<PrintLabels>>) -> Reply {
    let (name, v) = (visit.path("id"), &visit.viewer);
    let scope = &visit.principal.scope;
    let parcel =
        visit.read(|tx| -> Result<_, ParcelError> { Ok(service::find(tx, scope, &name)?.0.value.state) })?;
    visit.saw("parcel", [parcel.id.0]);
    let main = html! {
        h1.away { (v.t("label")) }
        div.print-label {
            p.noprint { a.button href={ "/parcels/" (parcel.id) } { (v.t("back")) } " " button.primary data-print { (v.t("label-print")) } }
            img src={ "/api/v1/parcels/" (parcel.id) "/label.svg" } alt=(v.t("label-alt")) width="384" height="576";
        }
    };
    Ok(Out::page(v.t("label"), main))
}

fn new_form(v: &Viewer, f: &Form, fail: Option<&ApiError>) -> Markup {
    html! {
        h1 { (v.t("parcel-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/parcels/new", &html! {
                (Field::text("tracking_number", v.t("parcel-number"), f.text("tracking_number")).needed())
                div.two {
                    (Field::text("distributor", v.t("distributor"), f.text("distributor")))
                    (Field::text("order_ref", v.t("order"), f.text("order_ref")))
                }
                (Field::text("name", v.t("recipient"), f.text("name")))
                (Field::text("line", v.t("street"), f.text("line")))
                div.two {
                    (Field::text("zip", v.t("zip"), f.text("zip")))
                    (Field::text("city", v.t("city"), f.text("city")))
                }
                div.two {
                    (Field::text("country", v.t("country"), f.text("country")))
                    (Field::text("weight_g", v.t("weight-g"), f.text("weight_g")).kind("number", "off"))
                }
                button.primary { (v.t("parcel-announce")) }
            }))
        }
        section.card.narrow {
            h2 { (v.t("list-file")) }
            (super::lists::form(v, "/parcels/list", &v.t("list-announce-hint"), &v.t("parcel-announce"), &html! {}))
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Visit<Grant<CreateParcels>>) -> Reply {
    Ok(Out::page(visit.viewer.t("parcel-new"), new_form(&visit.viewer, &Form::default(), None)))
}

async fn announce(visit: Visit<Grant<CreateParcels>>, form: Form) -> Reply {
    let told = |name: &str| form.some(name).map(Some);
    let made = match form.parsed::<u64>("weight_g") {
        Err(e) => Err(e.into()),
        Ok(weight) => {
            let new = NewParcel {
                tracking_number: form.text("tracking_number").to_owned(),
                distributor: told("distributor"),
                order_ref: told("order_ref"),
                recipient: form
                    .some("name")
                    .map(|name| ContactInput { name: Some(name), ..ContactInput::default() }),
                to: Some(PlaceInput {
                    line: form.some("line"),
                    zip: form.some("zip"),
                    city: form.some("city"),
                    country: form.some("country"),
                    ..PlaceInput::default()
                }),
                weight_g: weight.map(Some),
                ..NewParcel::default()
            };
            let made = visit.write::<CreateParcels, _, _>(move |tx, grant, cx| -> Result<_, ParcelError> {
                Ok(service::create(tx, grant, cx, new.clone())?.state.id)
            });
            made.await
        }
    };
    match made {
        Ok(id) => Ok(Out::See(format!("/parcels/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let main = new_form(&visit.viewer, &form, Some(&e));
            Ok(Out::page(visit.viewer.t("parcel-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}
