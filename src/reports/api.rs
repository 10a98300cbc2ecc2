//! The routes of reports.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dimension::Dimension;
use super::engine::{self, Asked};
use super::error::ReportError;
use super::export;
use super::measure::Measure;
use super::model::{Definition, Format, Kind, Saved, Table, Wish};
use super::repo::{self, Outcome, REPORTS, Run};
use super::service;
use super::trace::{self, Question, Traced};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::identity::features::{EditReports, Feature, RunReports, ViewReports};
use crate::identity::grant::Scope;
use crate::store::StoreError;
use crate::store::table::{cursor, position};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

const WISH: &str = r#"{"name":"Late by distributor","definition":{"kind":"lateness","by":["distributor"],"period":{"last_days":7},"basis":"delivered"},"schedule":{"weekly_at":{"weekday":"monday","hour":6,"minute":30}},"mail_to":[],"formats":["csv","xlsx"]}"#;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("reports")
        .add::<ViewReports, _, _>(Method::GET, "/reports/kinds", kinds, "What can be asked: figures and dimensions")
        .answers::<Vec<KindView>>(200)
        .add::<RunReports, _, _>(Method::POST, "/reports/query", query, "Count a report at once")
        .body::<Definition>(r#"{"kind":"lateness","by":["distributor"]}"#)
        .answers::<Table>(200)
        .add::<RunReports, _, _>(
            Method::POST,
            "/reports/trace",
            traced,
            "From one number of a report to exactly those it was counted from",
        )
        .body::<Question>(
            r#"{"definition":{"kind":"lateness","by":["distributor"]},"key":["bar"],"measure":"delivered_late_by_day"}"#,
        )
        .answers::<Page<Traced>>(200)
        .add::<ViewReports, _, _>(Method::GET, "/reports", list, "Saved reports")
        .answers::<Vec<SavedView>>(200)
        .add::<EditReports, _, _>(Method::POST, "/reports", create, "Save a report, with its schedule and who gets it")
        .body::<Wish>(WISH)
        .answers::<SavedView>(201)
        .add::<ViewReports, _, _>(Method::GET, "/reports/{id}", show, "One saved report")
        .answers::<SavedView>(200)
        .add::<EditReports, _, _>(Method::PUT, "/reports/{id}", change, "Change a saved report")
        .body::<Wish>(WISH)
        .answers::<SavedView>(200)
        .add::<EditReports, _, _>(Method::DELETE, "/reports/{id}", remove, "Remove a saved report with its runs")
        .status(204)
        .add::<RunReports, _, _>(Method::POST, "/reports/{id}/run", run_now, "Run a saved report now")
        .answers::<RunView>(202)
        .add::<ViewReports, _, _>(Method::GET, "/report-runs", runs, "Runs, the newest first")
        .query(&[
            ("report", "only of this report"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<RunView>>(200)
        .add::<ViewReports, _, _>(Method::GET, "/report-runs/{id}", run, "One run with its table")
        .answers::<RunView>(200)
        .add::<ViewReports, _, _>(
            Method::GET,
            "/report-runs/{id}/{form}",
            file,
            "Its table as a file: csv or xlsx",
        )
        .add::<ViewReports, _, _>(
            Method::GET,
            "/analytics/exceptions",
            exceptions,
            "What needs a person, by reason or as asked",
        )
        .query(BY)
        .answers::<Table>(200)
        .add::<ViewReports, _, _>(Method::GET, "/analytics/carriers", carriers, "Carriers compared")
        .query(BY)
        .answers::<Table>(200)
        .add::<ViewReports, _, _>(Method::GET, "/analytics/partners", partners, "Partners compared")
        .query(BY)
        .answers::<Table>(200)
}

const BY: &[(&str, &str)] =
    &[("by", "one dimension or two with a comma between them"), ("days", "only of the last so many days")];

/// A kind of report.
#[derive(Serialize, ToSchema)]
struct KindView {
    /// Its name.
    kind: Kind,
    /// Its figures.
    measures: Vec<MeasureView>,
    /// What it can be grouped by.
    by: Vec<Dimension>,
}

/// A figure.
#[derive(Serialize, ToSchema)]
struct MeasureView {
    /// Its name.
    measure: Measure,
    /// What its numbers are.
    unit: &'static str,
}

async fn kinds(call: Call<ViewReports>) -> Response {
    let view = |kind: Kind| KindView {
        kind,
        measures: kind.measures().iter().map(|m| MeasureView { measure: *m, unit: m.unit() }).collect(),
        by: Dimension::ALL.into_iter().filter(|d| d.fits(kind)).collect(),
    };
    call.read(|_, _| Answer::ok(&Kind::ALL.map(view)))
}

fn asked<F: Feature>(call: &Call<F>) -> Asked {
    Asked {
        store: call.app.store.clone(),
        tenant: call.grant.tenant(),
        scope: call.grant.scope().clone(),
        now: call.app.clock.now(),
    }
}

/// Every row may be looked at, in pages with a snapshot each: not on a thread that answers others.
async fn aside<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, ReportError> + Send + 'static,
) -> Response {
    let done = actix_web::web::block(work).await.map_err(|_| StoreError::Closed)??;
    Ok(Answer::ok(&done)?.respond("", ""))
}

async fn query(call: Call<RunReports>, body: Body<Definition>) -> Response {
    let asked = asked(&call);
    aside(move || engine::count(&asked, &body.0)).await
}

async fn traced(call: Call<RunReports>, body: Body<Question>) -> Response {
    let asked = asked(&call);
    let page = actix_web::web::block(move || trace::trace(&asked, &body.0)).await;
    let page = page.map_err(|_| StoreError::Closed)??;
    call.saw("parcel", page.items.iter().filter_map(|t| t.parcel));
    Ok(Answer::ok(&page)?.respond("", ""))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    by: Option<String>,
    days: Option<u32>,
}

async fn usual(call: Call<ViewReports>, kind: Kind, first: Dimension, q: By) -> Response {
    let named = |name: &str| {
        let found = Dimension::ALL.into_iter().find(|d| d.as_str() == name.trim());
        found.ok_or_else(|| {
            Invalid::at("?by", format!("\"{name}\" is no dimension; GET /reports/kinds lists them"))
        })
    };
    let by = match &q.by {
        Some(names) => names.split(',').map(named).collect::<Result<Vec<_>, _>>()?,
        None => vec![first],
    };
    let period = q.days.map_or(super::model::Period::All, super::model::Period::LastDays);
    let (asked, definition) = (asked(&call), Definition { by, period, ..Definition::of(kind) });
    aside(move || engine::count(&asked, &definition)).await
}

async fn exceptions(call: Call<ViewReports>, q: Query<By>) -> Response {
    usual(call, Kind::Exceptions, Dimension::Reason, q.0).await
}

async fn carriers(call: Call<ViewReports>, q: Query<By>) -> Response {
    usual(call, Kind::Scorecard, Dimension::Carrier, q.0).await
}

async fn partners(call: Call<ViewReports>, q: Query<By>) -> Response {
    usual(call, Kind::Scorecard, Dimension::Distributor, q.0).await
}

/// A saved report as it is shown.
#[derive(Serialize, ToSchema)]
struct SavedView {
    /// Its id.
    id: Id,
    /// What it is.
    #[serde(flatten)]
    wish: Wish,
    /// Whose records it shows at the most.
    scope: Scope,
    /// When it was made.
    created_at: Timestamp,
}

impl From<Saved> for SavedView {
    fn from(saved: Saved) -> Self {
        let Saved { id, wish, owner: _, scope, created_at } = saved;
        Self { id, wish, scope, created_at }
    }
}

async fn list(call: Call<ViewReports>) -> Response {
    call.read(|tx, grant| {
        let all: Vec<SavedView> = service::visible(tx, grant)?.into_iter().map(SavedView::from).collect();
        Answer::ok(&all)
    })
}

async fn create(call: Call<EditReports>, body: Body<Wish>) -> Response {
    call.write(move |tx, grant, cx| {
        let (saved, rev) = service::save(tx, grant, cx, None, body.0.clone())?;
        let at = format!("{}/reports/{}", crate::web::routes::BASE, saved.id);
        Ok::<_, ReportError>(Answer::created(at, &SavedView::from(saved))?.rev(rev))
    })
    .await
}

fn id(path: &str) -> Result<Id, ReportError> {
    path.parse().map_err(|_| ReportError::Unknown(path.to_owned()))
}

fn run_id(path: &str) -> Result<Id, ReportError> {
    path.parse().map_err(|_| ReportError::NoRun(path.to_owned()))
}

async fn show(call: Call<ViewReports>, path: Path<String>) -> Response {
    let id = id(&path)?;
    call.read(|tx, grant| {
        let entry = service::find(tx, grant, id)?;
        Ok::<_, ReportError>(Answer::ok(&SavedView::from(entry.value))?.rev(entry.rev))
    })
}

async fn change(call: Call<EditReports>, path: Path<String>, body: Body<Wish>) -> Response {
    let (id, seen) = (id(&path)?, call.expected_rev(None)?);
    call.write(move |tx, grant, cx| {
        let (saved, rev) = service::save(tx, grant, cx, Some((id, seen)), body.0.clone())?;
        Ok::<_, ReportError>(Answer::ok(&SavedView::from(saved))?.rev(rev))
    })
    .await
}

async fn remove(call: Call<EditReports>, path: Path<String>) -> Response {
    let (id, seen) = (id(&path)?, call.expected_rev(None)?);
    call.write(move |tx, grant, cx| {
        service::find(tx, grant, id)?;
        let found = REPORTS.entry(tx, &id)?.map(|e| e.rev);
        if found != Some(seen) {
            let expected = crate::store::Expect::Rev(seen);
            return Err(StoreError::Unexpected { coll: "reports", expected, found }.into());
        }
        service::remove(tx, grant, cx, id)?;
        Ok::<_, ReportError>(Answer::none())
    })
    .await
}

/// A run as it is shown.
#[derive(Serialize, ToSchema)]
struct RunView {
    /// Its id.
    id: Id,
    /// Which report; absent for one that is gone.
    report: Id,
    /// What people call it.
    name: String,
    /// When it was demanded.
    at: Timestamp,
    /// waiting, done or failed.
    state: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What was counted; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Box<Table>>,
}

impl RunView {
    fn of(run: Run, whole: bool) -> Self {
        let Run { id, report, name, definition: _, scope: _, at, outcome } = run;
        let (state, error, table) = match outcome {
            Outcome::Waiting => ("waiting", None, None),
            Outcome::Done(table) => ("done", None, whole.then_some(table)),
            Outcome::Failed(why) => ("failed", Some(why), None),
        };
        Self { id, report, name, at, state, error, table }
    }
}

async fn run_now(call: Call<RunReports>, path: Path<String>) -> Response {
    let id = id(&path)?;
    call.write(move |tx, grant, cx| {
        let run = service::run_now(tx, grant, cx, id)?;
        let at = format!("{}/report-runs/{}", crate::web::routes::BASE, run.id);
        let answer = Answer::json(202, &RunView::of(run, false))?;
        Ok::<_, ReportError>(Answer { location: Some(at), ..answer })
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunsQuery {
    report: Option<Id>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn runs(call: Call<ViewReports>, q: Query<RunsQuery>) -> Response {
    let RunsQuery { report, limit, cursor: from } = q.0;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Invalid::at("?limit", format!("must be 1 to {MAX_LIMIT}, got {limit}")).into());
    }
    call.read(|tx, grant| {
        let rows = repo::runs(tx, report, position(from.as_deref())?, limit)?;
        let seen = rows.items.into_iter().map(|e| e.value).filter(|run| grant.scope().covers(&run.scope));
        let items = seen.map(|run| RunView::of(run, false)).collect();
        let next = rows.next.as_ref().map(cursor).transpose()?;
        Answer::page(&Page { items, next })
    })
}

async fn run(call: Call<ViewReports>, path: Path<String>) -> Response {
    let id = run_id(&path)?;
    call.read(|tx, grant| Ok::<_, ReportError>(Answer::ok(&RunView::of(service::run(tx, grant, id)?, true))?))
}

async fn file(call: Call<ViewReports>, path: Path<(String, String)>) -> Response {
    let (id, form) = path.into_inner();
    let id = run_id(&id)?;
    let run = call.app.store.read(call.grant.tenant(), |tx| service::run(tx, &call.grant, id))?;
    let format = [Format::Csv, Format::Xlsx].into_iter().find(|f| f.ending() == form);
    let format =
        format.ok_or_else(|| Invalid::at("/form", format!("\"{form}\" is none; ask for csv or xlsx")))?;
    let table = match &run.outcome {
        Outcome::Done(table) => table,
        Outcome::Waiting => return Err(ReportError::NotDone("waiting").into()),
        Outcome::Failed(_) => return Err(ReportError::NotDone("failed").into()),
    };
    let bytes = export::file(table, &run.name, format)?;
    let name = export::file_name(&run.name, format);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.media()))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(bytes))
}
