//! Status maps: what each source's words mean, and the words nobody has explained yet.

use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, Field, choice, empty, refusal, status};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::identity::features::{EditStatusMaps, ViewStatusMaps};
use crate::identity::grant::Grant;
use crate::parcels::map_service::{self, MapError, SourceView};
use crate::parcels::maps::{Map, MapRow, Mapped};
use crate::parcels::model::Status;
use crate::parcels::unmapped::{self, Unmapped};
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
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
    q: Option<String>,
}

fn meanings(v: &Viewer) -> Vec<(String, String)> {
    let ours = Status::ALL.iter().map(|s| (s.to_string(), v.word("status", s.as_str())));
    std::iter::once(("info".to_owned(), v.t("map-info"))).chain(ours).collect()
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let v = &visit.viewer;
    let whole = v.sees_all();
    let asked: Asked = visit.query().unwrap_or_default();
    let (sources, waiting) = visit.read(|tx| -> Result<_, MapError> {
        // Codes came with parcels: whoever may not see them all does not read them here.
        let waiting = if whole { unmapped::list(tx, None, None, WAITING)?.items } else { Vec::new() };
        Ok((map_service::list(tx)?, waiting.into_iter().map(|e| e.value).collect::<Vec<_>>()))
    })?;
    Ok(Out::page(v.t("nav-maps"), list_markup(v, &sources, &waiting, asked.done.as_deref())))
}

fn list_markup(v: &Viewer, sources: &[SourceView], waiting: &[Unmapped], done: Option<&str>) -> Markup {
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
                        @for (n, u) in waiting.iter().enumerate() {
                            tr {
                                td { a href={ "/maps/" (path_of(&u.source)) } { (u.source) } }
                                td { code { (u.code) } @if let Some(t) = &u.text { " " span.faint { (t) } } }
                                td.n { (v.number(u.count)) }
                                td { a href={ "/parcels/" (u.parcel) } { (v.t("show")) } }
                                td { @if edits { (explain(v, &u.source, &u.code, n)) } }
                            }
                        }
                    }
                }
            }
        }
        section {
            h2 { (v.t("maps-sources")) }
            table.list {
                thead { tr { th { (v.t("source")) } th.n { (v.t("codes")) } th { (v.t("map-whose")) } } }
                tbody { @for s in sources { tr data-row { td { a href={ "/maps/" (path_of(&s.source)) } { (s.source) } } td.n { (v.number(s.rows as u64)) } td { (v.t(if s.own { "map-own" } else { "map-shipped" })) } } } }
            }
        }
    }
}

/// A source's name as a piece of a path.
fn path_of(source: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    source.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn explain(v: &Viewer, source: &str, code: &str, n: usize) -> Markup {
    let id = format!("means-{n}");
    parts::post(
        v,
        &format!("/maps/{}", path_of(source)),
        &html! {
            input type="hidden" name="code" value=(code);
            label.away for=(id) { (v.t("map-means")) }
            select id=(id) name="status" { @for (value, said) in meanings(v) { option value=(value) { (said) } } }
            " " button.small { (v.t("save")) }
        },
    )
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Looking) -> Reply {
    let source = visit.path("source");
    let asked: Asked = visit.query().unwrap_or_default();
    let (map, version) = visit.read(|tx| -> Result<_, MapError> { Ok(map_service::map_of(tx, &source)?) })?;
    let main = map_markup(&visit.viewer, &map, version, &asked, None);
    Ok(Out::page(source, main))
}

fn map_markup(v: &Viewer, m: &Map, version: u64, asked: &Asked, fail: Option<&ApiError>) -> Markup {
    let wanted = asked.q.as_deref().map(str::trim).unwrap_or_default().to_lowercase();
    let fits = |r: &&MapRow| {
        wanted.is_empty()
            || r.code.to_lowercase().contains(&wanted)
            || r.meaning.to_lowercase().contains(&wanted)
    };
    let rows: Vec<&MapRow> = m.rows.iter().filter(fits).collect();
    html! {
        div.head { h1 { (m.source) } span.faint { (v.t(if version > 0 { "map-own" } else { "map-shipped" })) } a.all href="/maps" { (v.t("nav-maps")) } }
        (parts::done(v, asked.done.as_deref()))
        (refusal(v, fail))
        @if v.may::<EditStatusMaps>() {
            section.card {
                h2 { (v.t("map-add")) }
                (parts::post(v, &format!("/maps/{}", path_of(&m.source)), &html! {
                    (parts::version(version))
                    div.three {
                        (Field::text("code", v.t("code"), "").needed())
                        (choice("status", &v.t("map-means"), &meanings(v), "in_transit"))
                        (Field::text("meaning", v.t("map-in-words"), ""))
                    }
                    button.primary { (v.t("save")) }
                }))
            }
        }
        form.filters role="search" { (Field::text("q", v.t("filter"), &wanted).kind("search", "off")) button { (Icon::Search) (v.t("show")) } }
        table.list {
            thead { tr { th { (v.t("code")) } th { (v.t("map-means")) } th { (v.t("map-in-words")) } th { (v.t("reason")) } } }
            tbody {
                @for r in rows.iter().take(ROWS) {
                    tr {
                        td { code { (r.code) @if let Some(sub) = &r.sub { "/" (sub) } } @if let Some(t) = &r.text_contains { " " q { (t) } } }
                        td { @match r.status { Mapped::Status(s) => (status(v, s)), Mapped::Info => span.faint { (v.t("map-info")) } } }
                        td lang="en" { (r.meaning) }
                        td { @if let Some(reason) = &r.reason { (v.word("reason", reason)) } }
                    }
                }
            }
        }
        @if rows.len() > ROWS { p.faint { (v.count("rows-more", (rows.len() - ROWS) as u64)) } }
    }
}

/// Says what a code means: in the row there is for it, or a new one in front.
async fn add(visit: Editing, form: Form) -> Reply {
    let source = visit.path("source");
    let meant: Result<Mapped, Invalid> = form.one_of("status");
    let seen = form.parsed::<u64>("version");
    let done = match (meant, seen) {
        (Err(e), _) | (_, Err(e)) => Err(e.into()),
        (Ok(status), Ok(seen)) => {
            let (of, code, words) =
                (source.clone(), form.text("code").to_owned(), form.text("meaning").to_owned());
            let kept = visit.write::<EditStatusMaps, _, _>(move |tx, grant, cx| -> Result<(), MapError> {
                let (mut map, version) = map_service::map_of(tx, &of)?;
                let same = |r: &&mut MapRow| r.code == code && r.sub.is_none() && r.text_contains.is_none();
                match map.rows.iter_mut().find(same) {
                    Some(row) => {
                        row.status = status;
                        if !words.is_empty() {
                            row.meaning.clone_from(&words);
                        }
                    }
                    None => map.rows.insert(
                        0,
                        MapRow {
                            code: code.clone(),
                            sub: None,
                            text_contains: None,
                            meaning: words.clone(),
                            status,
                            reason: None,
                        },
                    ),
                }
                let seen = seen.or(Some(version)).filter(|_| version > 0);
                map_service::set(tx, grant, cx, map, seen).map(drop)
            });
            kept.await
        }
    };
    match done {
        Ok(()) => Ok(Out::See(if form.ticked("version") {
            format!("/maps/{}?done=saved", path_of(&source))
        } else {
            "/maps?done=saved".into()
        })),
        Err(Fail::Refused(e)) => {
            let (map, version) =
                visit.read(|tx| -> Result<_, MapError> { Ok(map_service::map_of(tx, &source)?) })?;
            let main = map_markup(&visit.viewer, &map, version, &Asked::default(), Some(&e));
            Ok(Out::page(source, main).after(Some(&e)))
        }
        Err(fail) => Err(fail),
    }
}
