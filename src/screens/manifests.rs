//! What trucks, flights and distributors announced: the list, one manifest with its pieces, and all that is done to it
//! before it is unloaded.

use fluent_bundle::FluentValue;
use maud::{Markup, html};
use serde::Deserialize;
use std::time::Duration;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, refusal, status};
use super::shell::visit::Pass;
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use super::unloadings;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::page::DEFAULT_LIMIT;
use crate::base::units::Grams;
use crate::identity::features::{EditManifests, UnloadManifests, ViewManifests, ViewParcels};
use crate::identity::grant::Grant;
use crate::manifests::error::ManifestError;
use crate::manifests::inputs::{LineInput, ManifestChange, MoreLines, NewManifest, NewUnloading};
use crate::manifests::list;
use crate::manifests::model::{Kind, Line, Manifest, State, Unloading};
use crate::manifests::repo::{BY_OPENING, UNLOADINGS};
use crate::manifests::service::{self, Wanted};
use crate::manifests::unloading;
use crate::parcels::model::Status;
use crate::parcels::service as parcels;
use crate::store::{Dir, KeyRange, ReadTx};
use crate::web::ApiError;

type Looking = Visit<Grant<ViewManifests>>;
type Editing = Visit<Grant<EditManifests>>;

/// Lines of a manifest that one page shows.
const LINES: usize = 150;
/// Lines of a printed page.
const PRINTED: usize = 1_000;
/// Days a list looks back over unless it is asked for all.
const BACK: u64 = 7;
/// Open unloadings that stand above the list.
const OPEN: usize = 20;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    let screen = Screen::new()
        .nav(Group::Work, Icon::Manifests, "nav-manifests")
        .get("/manifests", list_page)
        .get("/manifests/new", blank)
        .post("/manifests/new", announce)
        .get("/manifests/{id}", show)
        .get("/manifests/{id}/print", print)
        .post("/manifests/{id}/change", change)
        .post("/manifests/{id}/lines", add_lines)
        .post("/manifests/{id}/cancel", cancel)
        .post("/manifests/{id}/unload", unload);
    unloadings::routes(screen)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    state: Option<String>,
    distributor: Option<String>,
    all: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

const STATES: [State; 5] =
    [State::Announced, State::Late, State::Unloading, State::Unloaded, State::Cancelled];

fn name(state: State) -> &'static str {
    match state {
        State::Announced => "announced",
        State::Late => "late",
        State::Unloading => "unloading",
        State::Unloaded => "unloaded",
        State::Cancelled => "cancelled",
    }
}

fn state(v: &Viewer, s: State) -> Markup {
    let (class, icon) = match s {
        State::Announced => ("soon", Icon::Ring),
        State::Late => ("stuck", Icon::Triangle),
        State::Unloading => ("moves", Icon::Dot),
        State::Unloaded => ("done", Icon::Tick),
        State::Cancelled => ("over", Icon::Cross),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("manifest", name(s))) } }
}

fn said(text: Option<&String>) -> Option<String> {
    text.map(|t| t.trim()).filter(|t| !t.is_empty()).map(str::to_owned)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list_page(visit: Looking) -> Reply {
    let (asked, pass, v) = (visit.query::<Asked>()?, &visit.pass, &visit.viewer);
    let wanted_state = match said(asked.state.as_ref()) {
        None => None,
        Some(text) => Some(
            STATES
                .into_iter()
                .find(|s| name(*s) == text)
                .ok_or_else(|| Invalid::at("?state", format!("\"{text}\" is no state of a manifest")))?,
        ),
    };
    let whole = wanted_state.is_some() || said(asked.all.as_ref()).is_some();
    let from = (!whole).then(|| v.now.before(Duration::from_secs(BACK * 86_400)));
    let wanted = Wanted { state: wanted_state, distributor: said(asked.distributor.as_ref()), from };
    let (rows, next, open) = visit.read(|tx| -> Result<_, ManifestError> {
        let (rows, next) = service::list(tx, pass, &wanted, asked.cursor.as_deref(), DEFAULT_LIMIT)?;
        let rows: Vec<Manifest> = rows.into_iter().map(|e| e.value.state).collect();
        // The open ones stand first in their order, under a byte of their own.
        let open = UNLOADINGS.scan(tx, BY_OPENING, &KeyRange::prefix(&[0]), Dir::Up, OPEN)?;
        let ours = |u: &Unloading| pass.scope().admits_distributor(u.distributor.as_deref());
        let open: Vec<_> = open.items.into_iter().map(|e| e.value.state).filter(|u| ours(u)).collect();
        Ok((rows, next, open))
    })?;
    let query = visit.request.query_string();
    Ok(Out::page(v.t("nav-manifests"), list_markup(v, &asked, &rows, &open, query, next.as_deref())))
}

fn chips(v: &Viewer, a: &Asked) -> Markup {
    let here = a.state.as_deref().unwrap_or_default();
    let all = a.all.is_some() && here.is_empty();
    let chip = |to: String, on: bool, label: String| html! { a href=(to) aria-current=[on.then_some("true")] { (label) } };
    html! {
        nav.chips aria-label=(v.t("filter")) {
            (chip("/manifests".into(), here.is_empty() && !all, v.t("manifests-now")))
            @for s in STATES { (chip(format!("/manifests?state={}", name(s)), here == name(s), v.word("manifest", name(s)))) }
            (chip("/manifests?all=1".into(), all, v.t("all")))
        }
    }
}

fn list_markup(
    v: &Viewer,
    asked: &Asked,
    rows: &[Manifest],
    open: &[Unloading],
    query: &str,
    next: Option<&str>,
) -> Markup {
    html! {
        div.head {
            h1 { (v.t("nav-manifests")) }
            @if v.may::<EditManifests>() { a.button.primary href="/manifests/new" { (Icon::Plus) (v.t("manifest-new")) } }
        }
        (parts::done(v, asked.done.as_deref()))
        @if !open.is_empty() {
            section.card aria-labelledby="open" data-region="open" data-kinds="unloading" {
                h2 id="open" { (v.t("unloadings-open")) }
                ul.queue {
                    @for u in open {
                        li { a href={ "/unloadings/" (u.id) } {
                            span.state.moves { (Icon::Dot) (v.t("unloading-open")) }
                            strong { (u.label) }
                            span.id { @if let Some(door) = &u.door { (v.t("door")) " " (door) } }
                            span.when { (v.t("since")) " " (v.time(u.opened_at)) }
                        } }
                    }
                }
            }
        }
        (chips(v, asked))
        div data-region="manifests" data-kinds="manifest" {
            @if rows.is_empty() { (empty(&v.t("manifests-none"), &html! { p { (v.t("manifests-none-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("number")) } th { (v.t("manifest-brings")) } th { (v.t("expected")) } th.n { (v.t("parcels")) } th.n { (v.t("pieces")) } th { (v.t("distributor")) } th { (v.t("state")) } } }
                    tbody {
                        @for m in rows {
                            tr data-row {
                                td.id { a href={ "/manifests/" (m.id) } { (m.header.number) } }
                                td { (brings(v, m)) }
                                td.when.late[m.state == State::Late] data-as=(v.t("expected")) { (v.time(m.header.expected_at)) }
                                td.n data-as=(v.t("parcels")) { (v.number(m.lines.len() as u64)) }
                                td.n data-as=(v.t("pieces")) { (v.number(m.pieces())) }
                                td { (m.header.distributor.as_deref().unwrap_or("–")) }
                                td { (state(v, m.state)) }
                            }
                        }
                    }
                }
            }
            (parts::more(v, "/manifests", query, next))
        }
    }
}

/// What brings it, and where from.
fn brings(v: &Viewer, m: &Manifest) -> String {
    let h = &m.header;
    let mut all = vec![v.word("manifest-kind", h.kind.as_str())];
    all.extend([&h.carrier, &h.vehicle, &h.from].into_iter().flatten().cloned());
    all.join(" · ")
}

fn new_form(v: &Viewer, f: &Form, fail: Option<&ApiError>) -> Markup {
    let kinds = [Kind::Truck, Kind::Flight, Kind::Distributor]
        .map(|k| (k.as_str().to_owned(), v.word("manifest-kind", k.as_str())));
    html! {
        h1 { (v.t("manifest-new")) }
        (refusal(v, fail))
        section.card.narrow {
            (parts::post(v, "/manifests/new", &html! {
                div.two {
                    (Field::text("number", v.t("manifest-number"), f.text("number")).needed())
                    (choice("kind", &v.t("manifest-brings"), &kinds, f.text("kind")))
                    (Field::text("expected_at", v.t("expected"), f.text("expected_at")).kind("datetime-local", "off"))
                    (Field::text("from", v.t("from"), f.text("from")))
                    (Field::text("carrier", v.t("carrier"), f.text("carrier")))
                    (Field::text("vehicle", v.t("manifest-vehicle"), f.text("vehicle")))
                }
                (Field::text("distributor", v.t("distributor"), f.text("distributor")))
                (lines_field(v, f.text("lines"), 10))
                button.primary { (v.t("manifest-announce")) }
            }))
        }
    }
}

fn lines_field(v: &Viewer, text: &str, rows: u32) -> Markup {
    html! {
        div.field {
            label for="lines" { (v.t("manifest-lines")) }
            textarea #lines name="lines" rows=(rows) spellcheck="false" aria-describedby="lines-hint" { (text) }
            small #lines-hint { (v.t("manifest-lines-hint")) }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn blank(visit: Editing) -> Reply {
    Ok(Out::page(visit.viewer.t("manifest-new"), new_form(&visit.viewer, &Form::default(), None)))
}

/// Each line is a number, or a number and its pieces behind a comma, semicolon, tab or blank.
fn lines(text: &str) -> Result<Vec<LineInput>, Invalid> {
    let mut all = Vec::new();
    for (n, line) in text.lines().map(str::trim).enumerate().filter(|(_, l)| !l.is_empty()) {
        let (number, pieces) = line.split_once([',', ';', '\t']).unwrap_or((line, ""));
        let pieces = match pieces.trim() {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                Invalid::at("/lines", format!("line {}: \"{text}\" is no number of pieces", n + 1))
            })?),
        };
        let tracking_number = number.trim().to_owned();
        all.push(LineInput { tracking_number, pieces, ..LineInput::default() });
    }
    Ok(all)
}

/// Whether the first line names columns: numbers of parcels have digits.
fn has_columns(text: &str) -> bool {
    let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    !first.is_empty() && !first.bytes().any(|b| b.is_ascii_digit())
}

fn moment(visit: &Editing, form: &Form, name: &str) -> Result<Option<Timestamp>, Invalid> {
    let read = |text: String| Timestamp::parse(&text, &visit.viewer.zone);
    form.some(name).map(read).transpose().map_err(|e| Invalid::at(format!("/{name}"), e))
}

async fn announce(visit: Editing, form: Form) -> Reply {
    let read = || -> Result<NewManifest, Invalid> {
        let text = form.text("lines");
        Ok(NewManifest {
            number: form.text("number").to_owned(),
            kind: form.one_of("kind")?,
            carrier: form.some("carrier"),
            vehicle: form.some("vehicle"),
            distributor: form.some("distributor"),
            from: form.some("from"),
            expected_at: moment(&visit, &form, "expected_at")?,
            lines: if has_columns(text) { Vec::new() } else { lines(text)? },
        })
    };
    let made = match read() {
        Err(e) => Err(e.into()),
        Ok(new) => {
            let file = Some(form.text("lines").to_owned()).filter(|t| has_columns(t));
            let made = visit.write::<EditManifests, _, _>(move |tx, grant, cx| -> Result<_, ManifestError> {
                let (header, mut lines) = new.clone().checked(cx.now)?;
                if let Some(file) = &file {
                    lines = list::read(file.as_bytes(), &cx.policy)?;
                }
                Ok(service::announce_lines(tx, grant, cx, header, lines)?.0.state.id)
            });
            made.await
        }
    };
    match made {
        Ok(id) => Ok(Out::See(format!("/manifests/{id}?done=added"))),
        Err(Fail::Refused(e)) => {
            let main = new_form(&visit.viewer, &form, Some(&e));
            Ok(Out::page(visit.viewer.t("manifest-new"), main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

/// One manifest as it is shown.
struct Page {
    manifest: Manifest,
    version: u64,
    lines: Vec<(Line, Option<Status>)>,
    next: Option<String>,
    done: Option<String>,
}

fn load<P: Pass>(visit: &Visit<P>, most: usize) -> Result<Page, Fail> {
    let name = visit.path("id");
    let asked: Asked = visit.query().unwrap_or_default();
    let scope = &visit.principal.scope;
    visit.read(|tx| -> Result<_, ManifestError> {
        let found = service::find(tx, scope, &name)?;
        let manifest = found.value.state;
        let after = asked.cursor.as_deref().unwrap_or_default();
        let mut behind = manifest.lines.iter().filter(|(key, _)| key.as_str() > after);
        let mut lines = Vec::new();
        let mut last = None;
        for (key, line) in behind.by_ref().take(most) {
            lines.push((line.clone(), standing(tx, line)?));
            last = Some(key.clone());
        }
        let next = last.filter(|_| behind.next().is_some()).map(|key| in_address(&key));
        Ok(Page { manifest, version: found.rev, lines, next, done: asked.done })
    })
}

/// A text as a value in an address.
fn in_address(text: &str) -> String {
    let pair = serde_urlencoded::to_string([("c", text)]).unwrap_or_default();
    pair.trim_start_matches("c=").to_owned()
}

fn standing(tx: &dyn ReadTx, line: &Line) -> Result<Option<Status>, ManifestError> {
    Ok(parcels::load(tx, line.parcel)?.map(|p| p.status))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let page = load(&visit, LINES)?;
    let title = page.manifest.header.number.clone();
    Ok(Out::page(title, markup(&visit.viewer, &page, &Form::default(), None)))
}

/// The page again, after a refusal, with what was typed.
fn again<P: Pass>(visit: &Visit<P>, form: &Form, done: Result<String, Fail>) -> Reply {
    match done {
        Ok(to) => Ok(Out::See(to)),
        Err(Fail::Refused(e)) => {
            let page = load(visit, LINES)?;
            let title = page.manifest.header.number.clone();
            Ok(Out::page(title, markup(&visit.viewer, &page, form, Some(&e))).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

fn facts(v: &Viewer, m: &Manifest) -> Markup {
    let h = &m.header;
    let text = |t: &Option<String>| t.as_ref().map(|t| html! { (t) });
    html! {
        dl.facts {
            (parts::fact(&v.t("manifest-brings"), Some(&html! { (v.word("manifest-kind", h.kind.as_str())) })))
            (parts::fact(&v.t("expected"), Some(&v.time(h.expected_at))))
            (parts::fact(&v.t("carrier"), text(&h.carrier).as_ref()))
            (parts::fact(&v.t("manifest-vehicle"), text(&h.vehicle).as_ref()))
            (parts::fact(&v.t("from"), text(&h.from).as_ref()))
            (parts::fact(&v.t("distributor"), text(&h.distributor).as_ref()))
            (parts::fact(&v.t("parcels"), Some(&html! { (v.number(m.lines.len() as u64)) })))
            (parts::fact(&v.t("pieces"), Some(&html! { (v.number(m.pieces())) })))
            (parts::fact(&v.t("manifest-late-since"), m.late.map(|l| v.time(l.at)).as_ref()))
            (parts::fact(&v.t("manifest-cancelled-why"), text(&m.cancelled).as_ref()))
        }
    }
}

fn markup(v: &Viewer, p: &Page, f: &Form, fail: Option<&ApiError>) -> Markup {
    let m = &p.manifest;
    let at = format!("/manifests/{}", m.id);
    html! {
        div.head {
            h1.id { (m.header.number) } (state(v, m.state))
            a.button href={ (at) "/print" } { (Icon::Printers) (v.t("print")) }
        }
        (parts::done(v, p.done.as_deref()))
        (refusal(v, fail))
        @if let Some(u) = m.unloading {
            p.notice { (Icon::Dot) a href={ "/unloadings/" (u) } { (v.t(if m.state == State::Unloading { "manifest-is-unloaded" } else { "manifest-was-unloaded" })) } }
        }
        section.card { (facts(v, m)) (work(v, p, f, &at)) }
        div data-region="lines" data-kinds="manifest parcel" {
            (table(v, p))
            (parts::more(v, &at, "", p.next.as_deref()))
        }
    }
}

/// What can be done to it now.
fn work(v: &Viewer, p: &Page, f: &Form, at: &str) -> Markup {
    let m = &p.manifest;
    let edits = v.may::<EditManifests>();
    html! {
        div.buttons {
            @if m.is_expected() && v.may::<UnloadManifests>() {
                details.confirm open[f.ticked("opens")] {
                    summary.button.primary { (v.t("manifest-unload")) }
                    (parts::post(v, &format!("{at}/unload"), &html! {
                        input type="hidden" name="opens" value="1";
                        (Field::text("door", v.t("door"), f.text("door")))
                        (Field::text("stations", v.t("unloading-stations"), f.text("stations")).hint(v.t("unloading-stations-hint")))
                        (Field::text("others", v.t("unloading-others"), f.text("others")).hint(v.t("unloading-others-hint")))
                        button.primary { (v.t("manifest-unload")) }
                    }))
                }
            }
            @if edits && !matches!(m.state, State::Unloaded | State::Cancelled) {
                details.confirm open[f.ticked("adds")] {
                    summary.button { (v.t("manifest-add-lines")) }
                    (parts::post(v, &format!("{at}/lines"), &html! {
                        input type="hidden" name="adds" value="1";
                        (lines_field(v, f.text("lines"), 5))
                        div.field {
                            label for="strike" { (v.t("manifest-strike")) }
                            textarea #strike name="strike" rows="2" spellcheck="false" { (f.text("strike")) }
                        }
                        button { (v.t("save")) }
                    }))
                }
            }
            @if edits && m.is_expected() {
                details.confirm {
                    summary.button { (v.t("manifest-change")) }
                    (parts::post(v, &format!("{at}/change"), &html! {
                        (parts::version(p.version))
                        (Field::text("expected_at", v.t("expected"), &local(v, m.header.expected_at)).kind("datetime-local", "off"))
                        (Field::text("carrier", v.t("carrier"), m.header.carrier.as_deref().unwrap_or_default()))
                        (Field::text("vehicle", v.t("manifest-vehicle"), m.header.vehicle.as_deref().unwrap_or_default()))
                        button { (v.t("save")) }
                    }))
                }
                details.confirm {
                    summary.button { (v.t("manifest-cancel")) }
                    (parts::post(v, &format!("{at}/cancel"), &html! {
                        (Field::text("reason", v.t("reason"), f.text("reason")).needed())
                        button.danger { (v.t("manifest-cancel")) }
                    }))
                }
            }
        }
    }
}

/// A moment as a field for it holds it.
fn local(v: &Viewer, at: Timestamp) -> String {
    at.civil(&v.zone).strftime("%Y-%m-%dT%H:%M").to_string()
}

fn table(v: &Viewer, p: &Page) -> Markup {
    if p.lines.is_empty() {
        return empty(&v.t("manifest-empty"), &html! { p { (v.t("manifest-empty-hint")) } });
    }
    let links = v.may::<ViewParcels>();
    html! {
        table.list {
            thead { tr { th { (v.t("parcel-number")) } th.n { (v.t("pieces")) } th.n { (v.t("weight")) } th { (v.t("service")) } th { (v.t("order")) } th { (v.t("status")) } } }
            tbody {
                @for (l, now) in &p.lines {
                    tr data-row {
                        td.id { @if links { a href={ "/parcels/" (l.parcel) } { (l.number) } } @else { (l.number) } @if let Some(site) = l.to_site { " " small.level { (v.with("line-to-site", &[("site", FluentValue::from(site))])) } } }
                        td.n data-as=(v.t("pieces")) { (v.number(u64::from(l.pieces))) }
                        td.n { @if let Some(g) = l.weight_g { (v.weight(Grams(g))) } }
                        td { (l.service.as_deref().unwrap_or_default()) }
                        td { (l.order_ref.as_deref().unwrap_or_default()) }
                        td { @if let Some(s) = now { (status(v, *s)) } }
                    }
                }
            }
        }
    }
}

/// The same for paper: numbers to be ticked off.
#[allow(clippy::unused_async)] // the form of a handler
async fn print(visit: Looking) -> Reply {
    let (page, v) = (load(&visit, PRINTED)?, &visit.viewer);
    let m = &page.manifest;
    let at = format!("/manifests/{}", m.id);
    let main = html! {
        div.head { h1.id { (m.header.number) } a.all.noprint href=(at) { (v.t("back")) } button.noprint data-print { (Icon::Printers) (v.t("print")) } }
        (facts(v, m))
        ol.sheet { @for (l, _) in &page.lines { li { (l.number) @if l.pieces > 1 { b { "×" (l.pieces) } } } } }
        p.signed { span { (v.t("manifest-received-by")) } span { (v.t("when")) } }
        (parts::more(v, &format!("{at}/print"), "", page.next.as_deref()))
    };
    Ok(Out::page(m.header.number.clone(), main))
}

async fn change(visit: Editing, form: Form) -> Reply {
    let id = visit.path("id");
    let read = || -> Result<_, Invalid> {
        let (carrier, vehicle) = (form.some("carrier"), form.some("vehicle"));
        let expected_at = moment(&visit, &form, "expected_at")?;
        Ok((ManifestChange { version: None, expected_at, carrier, vehicle }, form.version()?))
    };
    let done = match read() {
        Err(e) => Err(e.into()),
        Ok((change, seen)) => {
            let of = id.clone();
            let done =
                visit.write::<EditManifests, _, _>(move |tx, grant, cx| -> Result<(), ManifestError> {
                    service::change(tx, grant, cx, &of, seen, &change).map(drop)
                });
            done.await.map(|()| format!("/manifests/{id}?done=saved"))
        }
    };
    again(&visit, &form, done)
}

async fn add_lines(visit: Editing, form: Form) -> Reply {
    let id = visit.path("id");
    let done = match lines(form.text("lines")) {
        Err(e) => Err(e.into()),
        Ok(lines) => {
            let strike = form.text("strike").split_whitespace().map(str::to_owned).collect();
            let (of, more) = (id.clone(), MoreLines { lines, strike });
            let done =
                visit.write::<EditManifests, _, _>(move |tx, grant, cx| -> Result<(), ManifestError> {
                    service::add_lines(tx, grant, cx, &of, more.clone()).map(drop)
                });
            done.await.map(|()| format!("/manifests/{id}?done=saved"))
        }
    };
    again(&visit, &form, done)
}

async fn cancel(visit: Editing, form: Form) -> Reply {
    let id = visit.path("id");
    let (of, reason) = (id.clone(), form.text("reason").to_owned());
    let done = visit.write::<EditManifests, _, _>(move |tx, grant, cx| -> Result<(), ManifestError> {
        service::cancel(tx, grant, cx, &of, &reason).map(drop)
    });
    let done = done.await.map(|()| format!("/manifests/{id}?done=saved"));
    again(&visit, &form, done)
}

/// It is here: from now on scans count against it.
async fn unload(visit: Visit<Grant<UnloadManifests>>, form: Form) -> Reply {
    let listed = |name: &str| -> Vec<String> {
        let all = form.text(name).split(',').map(str::trim).filter(|t| !t.is_empty());
        all.map(str::to_owned).collect()
    };
    let manifests = std::iter::once(visit.path("id")).chain(listed("others")).collect();
    let new = NewUnloading { manifests, door: form.some("door"), stations: listed("stations") };
    let done = visit.write::<UnloadManifests, _, _>(move |tx, grant, cx| -> Result<_, ManifestError> {
        Ok(unloading::open(tx, grant, cx, &new)?.state.id)
    });
    let done = done.await.map(|id| format!("/unloadings/{id}?done=begun"));
    again(&visit, &form, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_list_is_numbers_with_their_pieces_or_a_table_with_its_columns() {
        let read = lines("RR1\n\n RR2, 3\nRR3;2\nRR4\t1").unwrap();
        let read: Vec<_> = read.iter().map(|l| (l.tracking_number.as_str(), l.pieces)).collect();
        assert_eq!(read, [("RR1", None), ("RR2", Some(3)), ("RR3", Some(2)), ("RR4", Some(1))]);
        let why = lines("RR1\nRR2,many").unwrap_err().to_string();
        assert!(why.contains("line 2"), "{why}");
        assert!(
            has_columns("\ntracking_number\tpieces\nRR1\t2") && !has_columns("RR1\n") && !has_columns("")
        );
    }
}
