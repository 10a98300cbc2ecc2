//! Lists of parcels as files, CSV or a spreadsheet: announced, or reported on, with a verdict for each row; and the latest
//! reports, to take one back.

use actix_web::http::Method;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use fluent_bundle::FluentValue;
use maud::{Markup, html};

use super::shell::parts::{self, choice, mark, status};
use super::shell::upload::{self, Upload};
use super::shell::visit::{Pass, answer};
use super::shell::{Fail, Form, Out, Reply, Screen, Viewer, Visit};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::features::{BulkParcels, CreateParcels, UndoImports};
use crate::identity::grant::Grant;
use crate::imports::lists::{self, MAX_BYTES};
use crate::imports::service::ServiceError;
use crate::parcels::announce::{self, List};
use crate::parcels::error::ParcelError;
use crate::parcels::list_api::own;
use crate::parcels::model::Status;
use crate::parcels::service::{self, RowVerdict};
use crate::parcels::status_list::{self, StatusList};
use crate::parcels::undo::{self, Bulk};

/// Reports that are shown to be taken back.
const LATEST: usize = 10;

/// These screens. They are reached from where parcels are announced and reported on one by one.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .raw::<Grant<CreateParcels>, _>(Method::POST, "/parcels/list", announced)
        .raw::<Grant<BulkParcels>, _>(Method::POST, "/report/list", reported)
        .post("/report/{id}/undo", take_back)
}

/// A form that takes a list.
pub fn form(v: &Viewer, action: &str, hint: &str, button: &str, more: &Markup) -> Markup {
    html! {
        form method="post" action=(action) enctype="multipart/form-data" {
            input type="hidden" name="csrf" value=(v.csrf);
            (more)
            div.field {
                label for="list" { (v.t("file")) }
                input #list type="file" name="file" accept=".csv,.txt,.tsv,.xlsx,text/csv" required aria-describedby="list-hint";
                small #list-hint { (hint) }
            }
            button.primary { (button) }
        }
    }
}

/// The form that takes a list of reports.
pub fn report_form(v: &Viewer) -> Markup {
    let statuses: Vec<_> = std::iter::once((String::new(), v.t("list-status-each")))
        .chain(Status::ALL.iter().skip(1).map(|s| (s.to_string(), v.word("status", s.as_str()))))
        .collect();
    let more = choice("usual", &v.t("list-status"), &statuses, "");
    form(v, "/report/list", &v.t("list-report-hint"), &v.t("report-send"), &more)
}

/// One row with its verdict.
pub struct Verdict {
    /// What the row names.
    pub name: String,
    /// Where the parcel is now, or why the row was refused.
    pub said: Result<Status, String>,
}

impl Verdict {
    /// Of a row that was taken or refused.
    pub fn of(name: String, verdict: &RowVerdict) -> Self {
        Self { name, said: verdict.as_ref().map(|w| w.state.status).map_err(ToString::to_string) }
    }
}

/// The verdicts, one a row.
pub fn verdicts(v: &Viewer, all: &[Verdict]) -> Markup {
    html! {
        section.card {
            h2 { (v.t("report-verdicts")) }
            table.list { tbody {
                @for x in all {
                    tr { td.id { (x.name) } td { @match &x.said { Ok(s) => (status(v, *s)), Err(why) => { (mark(Some(false), &v.t("refused-one"))) " " span.faint { (v.say(why)) } } } } }
                }
            } }
        }
    }
}

/// How many rows were taken and refused.
pub fn counts(v: &Viewer, all: &[Verdict]) -> Markup {
    let taken = all.iter().filter(|x| x.said.is_ok()).count() as u64;
    let refused = all.len() as u64 - taken;
    html! {
        p.big { (mark(Some(true), &v.count("list-taken", taken))) " " @if refused > 0 { (mark(Some(false), &v.count("list-refused", refused))) } }
    }
}

/// The latest reports of the caller, each with a button that takes it back.
pub fn latest(visit: &Visit<Grant<BulkParcels>>) -> Result<Markup, Fail> {
    let v = &visit.viewer;
    if !v.may::<UndoImports>() {
        return Ok(html! {});
    }
    let all: Vec<Bulk> = visit.read(|tx| undo::latest(tx, &visit.pass, LATEST))?;
    if all.is_empty() {
        return Ok(html! {});
    }
    Ok(html! {
        section.card {
            h2 { (v.t("list-latest")) }
            table.list {
                thead { tr { th { (v.t("when")) } th { (v.t("by")) } th.n { (v.t("rows")) } th { (v.t("state")) } } }
                tbody {
                    @for b in &all {
                        tr {
                            td.when { (v.time(b.at)) }
                            td { (b.by) }
                            td.n { (v.number(b.rows.len() as u64)) }
                            td {
                                @if b.undone_at.is_some() { (mark(None, &v.t("import-undone"))) }
                                @else {
                                    details.confirm {
                                        summary.button { (v.t("import-undo")) }
                                        p { (v.t("list-undo-hint")) }
                                        (parts::post(v, &format!("/report/{}/undo", b.id), &html! { button.danger { (v.t("import-undo")) } }))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// The form's plain fields and its file, once it is known that who sends it may.
async fn taken<P: Pass>(req: &HttpRequest, body: Payload) -> Result<(Visit<P>, Form, String), Fail> {
    let Upload { given, mut file, rest: _rest } = match upload::read(req, body).await {
        Ok(upload) => upload,
        // Whoever may not is told that, and not what was wrong with the form.
        Err((fail, given)) => {
            Visit::<P>::enter(req, Some(given.raw("csrf")))?;
            return Err(fail);
        }
    };
    // Nothing is taken from anybody before it is known who sends it.
    let visit = Visit::<P>::enter(req, Some(given.raw("csrf")))?;
    let text = lists::text(&upload::whole(&mut file, MAX_BYTES).await?)?;
    Ok((visit, given, text))
}

fn page(v: &Viewer, title: &str, back: &str, ignored: &[String], all: &[Verdict]) -> Out {
    let passed_over = FluentValue::from(ignored.join(", "));
    let main = html! {
        h1 { (title) }
        (counts(v, all))
        @if !ignored.is_empty() { p.notice { (v.with("list-ignored", &[("columns", passed_over)])) } }
        (verdicts(v, all))
        p { a.button href=(back) { (v.t("back")) } }
    };
    Out::page(title.to_owned(), main)
}

async fn announced(req: HttpRequest, body: Payload) -> HttpResponse {
    answer(&req, announce_all(&req, body).await)
}

async fn announce_all(req: &HttpRequest, body: Payload) -> Reply {
    let (visit, _, text) = taken::<Grant<CreateParcels>>(req, body).await?;
    let done = visit.write::<CreateParcels, _, _>(move |tx, grant, cx| -> Result<_, ParcelError> {
        let List { rows, ignored } = announce::read(&text, own(grant.scope()), cx.policy.calendar.zone())?;
        let name = |row: &Result<crate::parcels::inputs::NewParcel, Invalid>| {
            row.as_ref().map_or_else(|_| "–".to_owned(), |p| p.tracking_number.clone())
        };
        let names: Vec<String> = rows.iter().map(name).collect();
        let done = service::announce_list(tx, grant, cx, rows)?;
        let all: Vec<Verdict> = names.into_iter().zip(&done).map(|(n, d)| Verdict::of(n, d)).collect();
        Ok((ignored, all))
    });
    let (ignored, all) = done.await?;
    let v = &visit.viewer;
    Ok(page(v, &v.t("parcel-new"), "/parcels/new", &ignored, &all))
}

async fn reported(req: HttpRequest, body: Payload) -> HttpResponse {
    answer(&req, report_all(&req, body).await)
}

async fn report_all(req: &HttpRequest, body: Payload) -> Reply {
    let (visit, given, text) = taken::<Grant<BulkParcels>>(req, body).await?;
    let usual = given.some("usual").map(|s| s.parse::<Status>()).transpose();
    let usual = usual.map_err(|why| Invalid::at("/usual", why))?;
    let done = visit.write::<BulkParcels, _, _>(move |tx, grant, cx| -> Result<_, ParcelError> {
        let StatusList { rows, ignored } = status_list::read(&text, usual, cx.policy.calendar.zone())?;
        let name = |row: &status_list::Row| row.as_ref().map_or_else(|_| "–".to_owned(), |(n, _)| n.clone());
        let names: Vec<String> = rows.iter().map(name).collect();
        let done = service::post_list(tx, grant, cx, rows)?;
        undo::keep(tx, cx, &done)?;
        let all: Vec<Verdict> = names.into_iter().zip(&done).map(|(n, d)| Verdict::of(n, d)).collect();
        Ok((ignored, all))
    });
    let (ignored, all) = done.await?;
    let v = &visit.viewer;
    Ok(page(v, &v.t("nav-report"), "/report", &ignored, &all))
}

async fn take_back(visit: Visit<Grant<UndoImports>>, _: Form) -> Reply {
    let name = visit.path("id");
    let undone =
        visit.write::<UndoImports, _, _>(move |tx, grant, cx| -> Result<(usize, usize), ServiceError> {
            let none = || ServiceError::Unknown(name.clone());
            let id: Id = name.parse().map_err(|_| none())?;
            let found = undo::bulk(tx, grant, id)?.ok_or_else(none)?;
            if found.undone_at.is_some() {
                return Err(ServiceError::Undone(id));
            }
            let kept = undo::undo_bulk(tx, grant, cx, &found)?.len();
            Ok((found.rows.len() - kept, kept))
        });
    let (back, kept) = undone.await?;
    let v = &visit.viewer;
    let main = html! {
        h1 { (v.t("import-undone")) }
        p.big { (mark(Some(true), &v.count("list-back", back as u64))) " " @if kept > 0 { (mark(Some(false), &v.count("list-kept", kept as u64))) } }
        p { a.button href="/report" { (v.t("back")) } }
    };
    Ok(Out::page(v.t("import-undone"), main))
}
