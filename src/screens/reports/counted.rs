//! A report counted now: chosen by a few fields, drawn, and traced from each of its numbers to the parcels behind it.

use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{self, Asked};
use super::{drawn, file, files, title, wish_fields};
use crate::base::error::Invalid;
use crate::identity::features::{EditReports, RunReports, ViewCases, ViewParcels};
use crate::identity::grant::Grant;
use crate::parcels::model::Status;
use crate::reports::dimension::Dimension;
use crate::reports::engine::{self, Asked as Asker};
use crate::reports::measure::Measure;
use crate::reports::model::{Basis, Definition, Kind, Table};
use crate::reports::trace::{self, Question, Traced};
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, Field, choice, empty, refusal, status};
use crate::screens::shell::{Form, Out, Reply, Screen, Viewer, Visit};
use crate::web::ApiError;

type Asking = Visit<Grant<RunReports>>;

/// Rows of a page of what one number was counted from.
const TRACED: usize = 100;

/// Adds these routes to the screen of reports.
#[must_use]
pub fn routes(screen: Screen) -> Screen {
    screen.get("/reports/show", show).get("/reports/trace", traced)
}

#[derive(Default, Deserialize)]
struct Wanted {
    form: Option<String>,
    cursor: Option<String>,
}

fn asker(visit: &Asking) -> Asker {
    Asker {
        store: visit.app.store.clone(),
        tenant: visit.principal.tenant,
        scope: visit.principal.scope.clone(),
        now: visit.viewer.now,
    }
}

async fn show(visit: Asking) -> Reply {
    let (asked, wanted) = (visit.query::<Asked>()?, visit.query::<Wanted>()?);
    let v = &visit.viewer;
    let definition = match asked.definition() {
        Ok(definition) => definition,
        Err(e) => return Ok(refused(v, &asked, &e.into())),
    };
    let (asker, of) = (asker(&visit), definition.clone());
    let counted = visit.aside(move || Ok(engine::count(&asker, &of)?)).await;
    let table = match counted {
        Ok(table) => table,
        Err(super::Fail::Refused(e)) => return Ok(refused(v, &asked, &e)),
        Err(fail) => return Err(fail),
    };
    let name = title(v, definition.kind, &definition.groups());
    if let Some(form) = wanted.form {
        return file(&table, &name, &form);
    }
    Ok(Out::page(name.clone(), markup(v, &asked, &name, &table, wanted.cursor.as_deref())))
}

/// What can't be counted, with the choices to mend it.
fn refused(v: &Viewer, asked: &Asked, e: &ApiError) -> Out {
    let main = html! {
        div.head { h1 { (v.t("report")) } a.all href="/reports" { (v.t("nav-reports")) } }
        (refusal(v, Some(e)))
        (choices(v, asked, &Definition::of(Kind::Exceptions)))
    };
    Out::page(v.t("report"), main).after(Some(e))
}

fn markup(v: &Viewer, asked: &Asked, name: &str, table: &Table, cursor: Option<&str>) -> Markup {
    let query = asked.query();
    html! {
        div.head {
            h1 { (name) }
            div.buttons.noprint { (files(v, &format!("/reports/show?{query}&form="))) button data-print { (Icon::Printers) (v.t("print")) } }
            a.all href="/reports" { (v.t("nav-reports")) }
        }
        (choices(v, asked, &table.definition))
        p.faint { (asked::period(v, table.definition.period)) " · " (v.t("report-as-of")) " " (v.time(table.at)) }
        @if table.rows.is_empty() { (empty(&v.t("report-nothing"), &html! { p { (v.t("report-nothing-hint")) } })) }
        @else {
            (drawn::charts(v, table))
            (drawn::table(v, table, drawn::from(cursor), Some(&query)))
            (parts::more(v, "/reports/show", &query, drawn::next(table, cursor).as_deref()))
        }
        @if v.may::<EditReports>() {
            details.card.noprint {
                summary { (v.t("report-save")) }
                (parts::post(v, "/reports/new", &html! {
                    (asked.hidden())
                    (wish_fields(v, &Form(vec![("name".into(), name.to_owned()), ("csv".into(), "1".into())])))
                    button.primary { (v.t("report-save")) }
                }))
            }
        }
    }
}

/// The choices, most of them folded away.
fn choices(v: &Viewer, a: &Asked, d: &Definition) -> Markup {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let kinds: Vec<_> =
        Kind::ALL.iter().map(|k| (k.as_str().to_owned(), v.word("report", k.as_str()))).collect();
    let by: Vec<_> = Dimension::ALL
        .into_iter()
        .filter(|x| x.fits(d.kind))
        .map(|x| (x.as_str().to_owned(), v.word("by", x.as_str())))
        .collect();
    let and: Vec<_> = std::iter::once((String::new(), "–".to_owned())).chain(by.clone()).collect();
    let days = asked::BACK.iter().map(|n| (n.to_string(), v.count("period-days", u64::from(*n))));
    let periods: Vec<_> = std::iter::once((String::new(), v.t("period-all")))
        .chain(days)
        .chain([
            ("week".to_owned(), v.t("period-week")),
            ("month".to_owned(), v.t("period-month")),
            ("between".to_owned(), v.t("period-between")),
        ])
        .collect();
    let bases: &[Basis] = match d.kind {
        Kind::Exceptions => &[Basis::Created, Basis::Closed],
        _ => &[Basis::Created, Basis::Delivered, Basis::Promised],
    };
    let bases: Vec<_> = bases.iter().map(|b| (super::word(b), v.named("basis", b))).collect();
    let statuses: Vec<_> = std::iter::once((String::new(), v.t("status-any")))
        .chain(Status::ALL.iter().map(|s| (s.to_string(), v.word("status", s.as_str()))))
        .collect();
    let narrowed = [&a.distributor, &a.carrier, &a.service, &a.status, &a.to_state, &a.basis, &a.reason];
    let narrowed = narrowed.iter().any(|t| t.as_ref().is_some_and(|t| !t.trim().is_empty()));
    html! {
        form.filters.noprint action="/reports/show" {
            (choice("kind", &v.t("report"), &kinds, d.kind.as_str()))
            (choice("by", &v.t("report-by"), &by, d.groups().first().map_or("", |x| x.as_str())))
            (choice("and", &v.t("report-and"), &and, &text(&a.and)))
            (choice("period", &v.t("report-period"), &periods, &text(&a.period)))
            button.primary { (v.t("show")) }
            details.more-choices open[narrowed || a.period.as_deref() == Some("between")] {
                summary { (v.t("report-narrow")) }
                div.filters {
                    (Field::text("from", v.t("period-first"), &text(&a.from)).kind("date", "off"))
                    (Field::text("to", v.t("period-last"), &text(&a.to)).kind("date", "off"))
                    (choice("basis", &v.t("report-basis"), &bases, &text(&a.basis)))
                    (choice("status", &v.t("status"), &statuses, &text(&a.status)))
                    (Field::text("distributor", v.t("distributor"), &text(&a.distributor)))
                    (Field::text("carrier", v.t("carrier"), &text(&a.carrier)))
                    (Field::text("service", v.t("service"), &text(&a.service)))
                    (Field::text("to_state", v.t("report-to-state"), &text(&a.to_state)))
                }
            }
        }
    }
}

#[derive(Default, Deserialize)]
struct Of {
    m: Option<String>,
    k: Option<String>,
    k2: Option<String>,
    cursor: Option<String>,
}

/// The parcels one number was counted from.
async fn traced(visit: Asking) -> Reply {
    let (asked, of) = (visit.query::<Asked>()?, visit.query::<Of>()?);
    let v = &visit.viewer;
    let definition = asked.definition()?;
    // Without one it is the first figure of the kind: how many there are.
    let measure = match of.m {
        Some(code) => Measure::ALL.iter().copied().find(|m| m.code() == code).ok_or_else(|| {
            Invalid::at("?m", format!("\"{code}\" is no figure; GET /reports/kinds lists them"))
        })?,
        None => definition.kind.measures()[0],
    };
    let key: Option<Vec<String>> = of.k.map(|k| std::iter::once(k).chain(of.k2).collect());
    let question = Question {
        definition: definition.clone(),
        key: key.clone(),
        measure,
        limit: Some(TRACED),
        cursor: of.cursor,
    };
    let asker = asker(&visit);
    let page = visit.aside(move || Ok(trace::trace(&asker, &question)?)).await?;
    visit.saw("parcel", page.items.iter().filter_map(|t| t.parcel));
    let name = v.word("measure", measure.code());
    let groups = definition.groups();
    let said = key.iter().flatten().zip(&groups).map(|(k, d)| drawn::key(v, *d, k));
    let said: Vec<String> = said.collect();
    let main = html! {
        div.head { h1 { (name) } a.all href={ "/reports/show?" (asked.query()) } { (title(v, definition.kind, &groups)) } }
        @if !said.is_empty() { p { (said.join(" · ")) } }
        @if page.items.is_empty() && page.next.is_none() { (empty(&v.t("report-nothing"), &html! { p { (v.t("report-nothing-hint")) } })) }
        @else { (list(v, measure, &page.items)) }
        (parts::more(v, "/reports/trace", visit.request.query_string(), page.next.as_deref()))
    };
    Ok(Out::page(name, main))
}

fn list(v: &Viewer, measure: Measure, rows: &[Traced]) -> Markup {
    let (parcels, cases) = (v.may::<ViewParcels>(), v.may::<ViewCases>());
    html! {
        table.list {
            thead { tr { th { (v.t("parcel-number")) } th { (v.t("status")) } th { (v.t("case")) } th.n { (v.word("measure", measure.code())) } } }
            tbody {
                @for t in rows {
                    tr data-row {
                        td.id { @let number = t.tracking_number.as_deref().unwrap_or("–"); @match t.parcel { Some(p) if parcels => a href={ "/parcels/" (p) } { (number) }, _ => (number) } }
                        td { @if let Some(s) = t.status { (status(v, s)) } }
                        td { @if let Some(c) = t.case.filter(|_| cases) { a href={ "/cases/" (c) } { (v.t("show")) } } }
                        td.n { (drawn::value(v, measure, t.value)) }
                    }
                }
            }
        }
    }
}
