//! Status maps: what each source's words mean, and the words nobody has explained yet.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, mark, refusal, status};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::identity::features::{EditStatusMaps, ViewStatusMaps};
use crate::identity::grant::{Grant, Scope};
use crate::parcels::issues::REASONS;
use crate::parcels::map_runs::{self, Outlook, Run};
use crate::parcels::map_service::{self, Change, MapError, SourceView};
use crate::parcels::map_site;
use crate::parcels::maps::{Compiled, Layer, Map, MapRow, Mapped, shipped};
use crate::parcels::model::Status;
use crate::parcels::suggest::{Suggestion, suggestions};
use crate::parcels::unmapped::{self, Unmapped};
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError};
use crate::web::ApiError;

type Looking = Visit<Grant<ViewStatusMaps>>;
type Editing = Visit<Grant<EditStatusMaps>>;

/// Words that wait which are shown at once.
const WAITING: usize = 50;
/// Rows of a map that are shown at once.
const ROWS: usize = 300;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::House, Icon::Maps, "nav-maps")
        .when(Viewer::sees_all)
        .get("/maps", list)
        .get("/maps/{source}", show)
        .post("/maps/{source}", add)
        .post("/maps/{source}/try", try_out)
        .post("/maps/{source}/strike", strike)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
}

/// What a row does, in the reader's words.
fn does(v: &Viewer, to: Mapped) -> Markup {
    match to {
        Mapped::Status(s) => status(v, s),
        Mapped::Info => html! { span.faint { (v.t("map-info")) } },
    }
}

fn meanings(v: &Viewer) -> Vec<(String, String)> {
    let ours = Status::ALL.iter().map(|s| (s.to_string(), v.word("status", s.as_str())));
    std::iter::once(("info".to_owned(), v.t("map-info"))).chain(ours).collect()
}

/// A word nobody has explained, with what it may mean.
type Waiting = (Unmapped, Vec<Suggestion>);

/// The inbox from `after` on, within what the caller sees, and where it goes on.
fn inbox(
    tx: &dyn ReadTx,
    whole: bool,
    after: Option<&str>,
) -> Result<(Vec<Waiting>, Option<String>), MapError> {
    // Codes came with parcels: whoever may not see them all does not read them here.
    if !whole {
        return Ok((Vec::new(), None));
    }
    let rows = unmapped::list(tx, None, position(after)?, WAITING)?;
    let next = rows.next.as_ref().map(cursor).transpose()?;
    let with = |u: Unmapped| {
        let all = suggestions(&u);
        (u, all)
    };
    Ok((rows.items.into_iter().map(|e| with(e.value)).collect(), next))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let v = &visit.viewer;
    let asked: Asked = visit.query().unwrap_or_default();
    let (sources, (waiting, next)) = visit.read(|tx| -> Result<_, MapError> {
        Ok((map_service::list(tx)?, inbox(tx, v.sees_all(), asked.cursor.as_deref())?))
    })?;
    let main = list_markup(v, &sources, &waiting, next.as_deref(), asked.done.as_deref());
    Ok(Out::page(v.t("nav-maps"), main))
}

fn list_markup(
    v: &Viewer,
    sources: &[SourceView],
    waiting: &[Waiting],
    next: Option<&str>,
    done: Option<&str>,
) -> Markup {
    let edits = v.may::<EditStatusMaps>();
    html! {
        h1 { (v.t("nav-maps")) }
        (parts::done(v, done))
        section.card aria-labelledby="unmapped" {
            h2 id="unmapped" { (v.t("maps-unmapped")) }
            @if waiting.is_empty() { (empty(&v.t("maps-all-known"), &html! { p { (v.t("maps-all-known-hint")) } })) }
            @else {
                table.list {
                    thead { tr { th { (v.t("source")) } th { (v.t("code")) } th.n { (v.t("times")) } th { (v.t("parcel")) } th { (v.t("map-means")) } } }
                    tbody {
                        @for (n, (u, may_mean)) in waiting.iter().enumerate() {
                            tr {
                                td { a href={ "/maps/" (path_of(&u.source)) } { (u.source) } }
                                td { code { (u.code) @if let Some(sub) = &u.sub { "/" (sub) } } @if let Some(t) = &u.text { " " span.faint { (t) } } }
                                td.n data-as=(v.t("times")) { (v.number(u.count)) }
                                td { a href={ "/parcels/" (u.parcel) } { (v.t("show")) } }
                                td { @if edits { (explain(v, u, may_mean.first(), n)) } @if let Some(s) = may_mean.first() { small.faint { (v.t("map-maybe")) " " (does(v, s.status)) " " (s.score) " %" } } }
                            }
                        }
                    }
                }
                (parts::more(v, "/maps", "", next))
            }
        }
        section {
            h2 { (v.t("maps-sources")) }
            table.list {
                thead { tr { th { (v.t("source")) } th.n { (v.t("codes")) } th { (v.t("map-whose")) } } }
                tbody { @for s in sources { tr data-row { td { a href={ "/maps/" (path_of(&s.source)) } { (s.source) } } td.n data-as=(v.t("codes")) { (v.number(s.rows as u64)) } td { (v.t(if s.own { "map-own" } else { "map-shipped" })) } } } }
            }
        }
    }
}

/// A source's name as a piece of a path.
fn path_of(source: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    source.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn explain(v: &Viewer, u: &Unmapped, likely: Option<&Suggestion>, n: usize) -> Markup {
    let id = format!("means-{n}");
    let likely = likely.map(|s| word(s.status)).unwrap_or_default();
    parts::post(
        v,
        &format!("/maps/{}", path_of(&u.source)),
        &html! {
            input type="hidden" name="code" value=(u.code);
            @if let Some(sub) = &u.sub { input type="hidden" name="sub" value=(sub); }
            label.away for=(id) { (v.t("map-means")) }
            select id=(id) name="status" { @for (value, said) in meanings(v) { option value=(value) selected[value == likely] { (said) } } }
            " " button.small { (v.t("save")) }
        },
    )
}

fn word(to: Mapped) -> String {
    match to {
        Mapped::Status(s) => s.to_string(),
        Mapped::Info => "info".into(),
    }
}

/// A source's map as it counts.
struct Model {
    source: String,
    /// The revision of the own map; 0 where there is none.
    version: u64,
    /// The revision of this depot's own rows; 0 where it has none.
    site_version: u64,
    /// Whether this is headquarters, which has no rows beside everybody's.
    is_hq: bool,
    /// Rows that fit what is looked for, with whose each is, in the order in which they count.
    rows: Vec<(Layer, MapRow)>,
    more: usize,
    run: Option<Run>,
    outlook: Option<Outlook>,
}

fn load<P>(visit: &Visit<P>, asked: &Asked) -> Result<Model, Fail>
where
    P: super::shell::visit::Pass,
{
    let source = visit.path("source");
    let wanted = asked.q.as_deref().map(str::trim).unwrap_or_default().to_lowercase();
    let fits = |r: &MapRow| {
        wanted.is_empty()
            || r.code.to_lowercase().contains(&wanted)
            || r.meaning.to_lowercase().contains(&wanted)
    };
    visit.read(|tx| -> Result<_, MapError> {
        let map = map_service::compiled(tx, &source)?;
        let version = map_service::own(tx, &source)?.map_or(0, |(_, rev)| rev);
        // Without an own map the compiled one is the shipped one itself.
        let whose = |layer| if layer == Layer::Own && version == 0 { Layer::Shipped } else { layer };
        let all = map.all_rows().map(|(layer, r)| (whose(layer), r));
        let fitting: Vec<_> = all.filter(|(_, r)| fits(r)).collect();
        let more = fitting.len().saturating_sub(ROWS);
        let rows = fitting.into_iter().take(ROWS).map(|(layer, r)| (layer, r.clone())).collect();
        let (site_version, is_hq) = (map.site_rev(), visit.app.sync.hq.is_some());
        let run = map_runs::run_of(tx, &source)?;
        Ok(Model { source: source.clone(), version, site_version, is_hq, rows, more, run, outlook: None })
    })
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let model = load(&visit, &asked)?;
    let main = map_markup(&visit.viewer, &model, &asked, &Form::default(), None);
    Ok(Out::page(model.source, main))
}

/// What is said of a code, to be tried first or kept.
fn say(v: &Viewer, m: &Model, f: &Form) -> Markup {
    let at = format!("/maps/{}", path_of(&m.source));
    let means = if f.text("status").is_empty() { "in_transit" } else { f.text("status") };
    let reasons = REASONS.iter().map(|r| ((*r).to_owned(), v.word("reason", r)));
    let mut reasons: Vec<_> = reasons.collect();
    reasons.sort_by(|a, b| a.1.cmp(&b.1));
    reasons.insert(0, (String::new(), "–".into()));
    html! {
        section.card {
            h2 { (v.t("map-add")) }
            (parts::post(v, &at, &html! {
                (parts::version(m.version))
                input type="hidden" name="site_version" value=(m.site_version);
                div.three {
                    (Field::text("code", v.t("code"), f.text("code")))
                    (choice("status", &v.t("map-means"), &meanings(v), means))
                    (choice("reason", &v.t("reason"), &reasons, f.text("reason")))
                    (Field::text("sub", v.t("map-sub"), f.text("sub")))
                    (Field::text("text_contains", v.t("map-text"), f.text("text_contains")))
                    (Field::text("meaning", v.t("map-in-words"), f.text("meaning")))
                }
                @if !m.is_hq { (parts::tick("site", &v.t("map-site-alone"), f.ticked("site"))) p.faint { (v.t("map-site-hint")) } }
                div.buttons {
                    button.primary name="then" value="save" { (v.t("save")) }
                    button formaction={ (at) "/try" } { (v.t("map-try")) }
                    button name="then" value="apply" { (v.t("map-apply")) }
                }
                p.faint { (v.t("map-apply-hint")) }
            }))
        }
    }
}

/// What would become of the stored codes.
fn outlook(v: &Viewer, o: &Outlook) -> Markup {
    html! {
        section.card aria-labelledby="outlook" {
            h2 id="outlook" { (v.t("map-outlook")) }
            div.figures {
                div.figure { b { (v.number(o.looked)) } span { (v.t("map-looked")) @if !o.complete { " +" } } }
                div.figure { b { (v.number(o.changed)) } span { (v.t("map-changed")) } }
                div.figure.warn[o.moved > 0] { b { (v.number(o.moved)) } span { (v.t("map-moved")) } }
                div.figure { b { (v.number(o.learnt)) } span { (v.t("map-learnt")) } }
                div.figure.warn[o.unmapped > 0] { b { (v.number(o.unmapped)) } span { (v.t("map-still-unmapped")) } }
            }
            @if !o.shifts.is_empty() {
                table.list {
                    thead { tr { th { (v.t("from")) } th { (v.t("to")) } th.n { (v.t("parcels")) } } }
                    tbody { @for s in &o.shifts { tr { td { (status(v, s.from)) } td { (status(v, s.to)) } td.n data-as=(v.t("parcels")) { (v.number(s.parcels)) } } } }
                }
                details { summary { (v.t("map-sample")) }
                    ul { @for p in &o.sample { li { a.id href={ "/parcels/" (p.id) } { (p.tracking_number) } " " (status(v, p.from)) " → " (status(v, p.to)) @if let Some(raw) = &p.raw_status { " " code { (raw) } } } } }
                }
            }
        }
    }
}

/// How far the last run over the stored codes is.
fn run(v: &Viewer, r: &Run) -> Markup {
    let done = r.finished_at.is_some();
    html! {
        section.card data-region="run" data-kinds="status_map" data-again=[(!done).then_some("700")] {
            h2 { (v.t("map-run")) (mark(done.then_some(true), &v.t(if done { "map-run-done" } else { "map-run-going" }))) }
            @if !done { p.progress { progress max=(r.parcels.max(1)) value=(r.looked.min(r.parcels)) aria-label=(v.t("progress")) {} " " (v.number(r.looked)) " / " (v.number(r.parcels)) } }
            dl.facts {
                (parts::fact(&v.t("when"), Some(&v.time(r.finished_at.unwrap_or(r.demanded_at)))))
                (parts::fact(&v.t("map-looked"), Some(&html! { (v.number(r.looked)) })))
                (parts::fact(&v.t("map-changed"), Some(&html! { (v.number(r.changed)) })))
                (parts::fact(&v.t("map-moved"), Some(&html! { (v.number(r.moved)) })))
                (parts::fact(&v.t("map-learnt"), Some(&html! { (v.number(r.learnt)) })))
            }
        }
    }
}

fn map_markup(v: &Viewer, m: &Model, asked: &Asked, f: &Form, fail: Option<&ApiError>) -> Markup {
    let edits = v.may::<EditStatusMaps>();
    let at = format!("/maps/{}", path_of(&m.source));
    html! {
        div.head {
            h1 { (m.source) } span.faint { (v.t(if m.version > 0 { "map-own" } else { "map-shipped" })) }
            a.button href={ "/api/v1/status-maps/" (path_of(&m.source)) "/rows.csv" } download { "CSV" }
            a.all href="/maps" { (v.t("nav-maps")) }
        }
        (parts::done(v, asked.done.as_deref()))
        (refusal(v, fail))
        @if let Some(o) = &m.outlook { (outlook(v, o)) }
        @if edits { (say(v, m, f)) }
        @if let Some(r) = &m.run { (run(v, r)) }
        form.filters role="search" { (Field::text("q", v.t("filter"), asked.q.as_deref().unwrap_or_default()).kind("search", "off")) button { (Icon::Search) (v.t("show")) } }
        p.faint { (v.t("map-first-wins")) }
        table.list {
            thead { tr { th { (v.t("code")) } th { (v.t("map-means")) } th { (v.t("map-in-words")) } th { (v.t("reason")) } th { (v.t("map-whose")) } @if edits { th { span.away { (v.t("actions")) } } } } }
            tbody {
                @for (layer, r) in &m.rows {
                    tr {
                        td { code { (r.code) @if let Some(sub) = &r.sub { "/" (sub) } } @if let Some(t) = &r.text_contains { " " q { (t) } } }
                        td { (does(v, r.status)) }
                        td lang="en" { (r.meaning) }
                        td { @if let Some(reason) = &r.reason { (v.word("reason", reason)) } }
                        td data-as=(v.t("map-whose")) { (v.t(whose(*layer))) }
                        @if edits { td.act { @if *layer != Layer::Shipped { (struck(v, &at, m, *layer, r)) } } }
                    }
                }
            }
        }
        @if m.more > 0 { p.faint { (v.count("rows-more", m.more as u64)) } }
    }
}

/// Whose a row is, as a word.
fn whose(layer: Layer) -> &'static str {
    match layer {
        Layer::Site => "map-site",
        Layer::Own => "map-own",
        Layer::Shipped => "map-shipped",
    }
}

/// A button that takes an own row away.
fn struck(v: &Viewer, at: &str, m: &Model, layer: Layer, r: &MapRow) -> Markup {
    let site = layer == Layer::Site;
    parts::post(
        v,
        &format!("{at}/strike"),
        &html! {
            (parts::version(if site { m.site_version } else { m.version }))
            @if site { input type="hidden" name="site" value="1"; }
            input type="hidden" name="code" value=(r.code);
            @if let Some(sub) = &r.sub { input type="hidden" name="sub" value=(sub); }
            @if let Some(t) = &r.text_contains { input type="hidden" name="text_contains" value=(t); }
            button.small aria-label={ (v.t("remove")) " " (r.code) } { (v.t("remove")) }
        },
    )
}

/// The own rows of a source, and whether shipped ones count beneath: where there are shipped ones, they do.
fn own_rows(tx: &dyn ReadTx, source: &str) -> Result<(Map, bool), StoreError> {
    Ok(match map_service::own(tx, source)? {
        Some((own, _)) => (own.map, own.over_shipped),
        None => (Map { source: source.to_owned(), rows: Vec::new() }, shipped(source).is_some()),
    })
}

fn same(a: &MapRow, b: &MapRow) -> bool {
    a.code == b.code && a.sub == b.sub && a.text_contains == b.text_contains
}

/// Says what a code means: in the row there is for it, or a new one in front.
fn with(mut map: Map, row: &MapRow) -> Map {
    match map.rows.iter_mut().find(|r| same(r, row)) {
        Some(old) => {
            let meaning = if row.meaning.is_empty() { old.meaning.clone() } else { row.meaning.clone() };
            *old = MapRow { meaning, ..row.clone() };
        }
        None => map.rows.insert(0, row.clone()),
    }
    map
}

/// The row a form describes; none when it names no code.
fn row_of(form: &Form) -> Result<Option<MapRow>, Invalid> {
    let row = |code: String| -> Result<MapRow, Invalid> {
        Ok(MapRow {
            code,
            sub: form.some("sub"),
            text_contains: form.some("text_contains"),
            meaning: form.text("meaning").to_owned(),
            status: form.one_of("status")?,
            reason: form.some("reason"),
        })
    };
    form.some("code").map(row).transpose()
}

async fn keep(visit: &Editing, form: &Form) -> Result<(), Fail> {
    let (row, seen) = (row_of(form)?, form.parsed::<u64>("version")?);
    let (of, all) = (visit.path("source"), form.text("then") == "apply");
    if row.is_none() && !all {
        return Err(Invalid::at("/code", "is needed: name the code").into());
    }
    if form.ticked("site") {
        let seen = form.parsed::<u64>("site_version")?;
        let kept = visit.write::<EditStatusMaps, _, _>(move |tx, grant, cx| -> Result<(), MapError> {
            let (map, _) = map_site::here(tx, &of)?;
            let map = row.iter().fold(map, with);
            map_site::put(tx, grant, cx, (map, all), seen).map(drop)
        });
        return kept.await;
    }
    let kept = visit.write::<EditStatusMaps, _, _>(move |tx, grant, cx| -> Result<(), MapError> {
        let (map, over_shipped) = own_rows(tx, &of)?;
        let map = match &row {
            Some(row) => with(map, row),
            None => map,
        };
        // From the inbox nobody has seen the map: the row is added to what is there.
        let change = Change { map, over_shipped, all, unseen: seen.is_none() };
        map_service::put(tx, grant, cx, change, seen).map(drop)
    });
    kept.await
}

fn again(visit: &Editing, form: &Form, done: Result<String, Fail>) -> Reply {
    match done {
        Ok(to) => Ok(Out::See(to)),
        Err(Fail::Refused(e)) => {
            let model = load(visit, &Asked::default())?;
            let main = map_markup(&visit.viewer, &model, &Asked::default(), form, Some(&e));
            Ok(Out::page(model.source, main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}

async fn add(visit: Editing, form: Form) -> Reply {
    let done = keep(&visit, &form).await.map(|()| {
        if form.ticked("version") {
            format!("/maps/{}?done=saved", path_of(&visit.path("source")))
        } else {
            "/maps?done=saved".into()
        }
    });
    again(&visit, &form, done)
}

/// The map with the row that is being written: among this depot's `alone`, or among everybody's.
fn wished(tx: &dyn ReadTx, source: &str, row: Option<&MapRow>, alone: bool) -> Result<Compiled, MapError> {
    if alone {
        let site = row.into_iter().fold(map_site::here(tx, source)?.0, with);
        map_service::check(&site)?;
        return Ok(map_service::compiled(tx, source)?.alone().beneath(site, 0));
    }
    let (map, over) = own_rows(tx, source)?;
    let map = row.into_iter().fold(map, with);
    map_service::check(&map)?;
    Ok(map_site::above(tx, map_service::ready(map, over))?)
}

/// What the map, with the row that is being written, would do to all stored codes. Changes nothing.
async fn try_out(visit: Editing, form: Form) -> Reply {
    let source = visit.path("source");
    let looked = async {
        let row = row_of(&form)?;
        let alone = form.ticked("site");
        let ready = visit.read(|tx| wished(tx, &source, row.as_ref(), alone))?;
        let (store, tenant) = (visit.app.store.clone(), visit.principal.tenant);
        let scope: Scope = visit.principal.scope.clone();
        visit.aside(move || Ok(map_runs::try_out(&store, tenant, &scope, &ready)?)).await
    };
    let looked: Result<Outlook, Fail> = looked.await;
    match looked {
        Ok(outlook) => {
            let model = Model { outlook: Some(outlook), ..load(&visit, &Asked::default())? };
            let main = map_markup(&visit.viewer, &model, &Asked::default(), &form, None);
            Ok(Out::page(source, main))
        }
        Err(fail) => again(&visit, &form, Err(fail)),
    }
}

/// Takes an own row away.
async fn strike(visit: Editing, form: Form) -> Reply {
    let (source, seen) = (visit.path("source"), form.version()?);
    let gone = MapRow {
        code: form.raw("code").to_owned(),
        sub: form.some("sub"),
        text_contains: form.some("text_contains"),
        meaning: String::new(),
        status: Mapped::Info,
        reason: None,
    };
    let (of, site) = (source.clone(), form.ticked("site"));
    let done = visit.write::<EditStatusMaps, _, _>(move |tx, grant, cx| -> Result<(), MapError> {
        if site {
            let (mut map, _) = map_site::here(tx, &of)?;
            map.rows.retain(|r| !same(r, &gone));
            return map_site::put(tx, grant, cx, (map, false), Some(seen)).map(drop);
        }
        let (mut map, over_shipped) = own_rows(tx, &of)?;
        map.rows.retain(|r| !same(r, &gone));
        let change = Change { map, over_shipped, all: false, unseen: false };
        map_service::put(tx, grant, cx, change, Some(seen)).map(drop)
    });
    let done = done.await.map(|()| format!("/maps/{}?done=removed", path_of(&source)));
    again(&visit, &form, done)
}
