//! Jobs and retention over HTTP.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::queue::{self, Filter, Job, JobsError};
use super::retention::{self, Forecast};
use super::rules::State;
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::identity::features::{EditSettings, ManageJobs, ViewJobs, ViewSettings};
use crate::journal::Cx;
use crate::store::{StoreError, WriteTx, table};
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Call, Query, Routes};

/// A job as callers see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    id: Id,
    /// What it does.
    kind: String,
    /// scheduled, running, done or dead.
    state: &'static str,
    /// The same in the words of other systems: pending, running, completed or failed.
    status: &'static str,
    /// Attempts that counted.
    attempts: u32,
    /// Attempts after which it is given up; absent until the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    /// Attempts in a row that found something outside out of reach; they don't count.
    waits: u32,
    /// When it runs next; absent when it doesn't wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<Timestamp>,
    /// When it was demanded.
    created_at: Timestamp,
    /// When its last attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    /// When it was done or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        // The payload may hold what not everybody who sees jobs may see.
        let Job {
            id,
            kind,
            payload: _,
            state,
            attempts,
            max_attempts,
            first_delay_ms: _,
            runs: _,
            waits,
            due_at: _,
            ..
        } = job;
        let Job { next_run, created_at, started_at, finished_at, last_error, unique: _, .. } = job;
        Self {
            id,
            kind,
            state: state.name(),
            status: state.alias(),
            attempts,
            max_attempts: (max_attempts > 0).then_some(max_attempts),
            waits,
            next_run: (state == State::Scheduled).then_some(next_run),
            created_at,
            started_at,
            finished_at,
            last_error,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    state: Option<String>,
    kind: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::base::error::Fault for ListError {
    fn kind(&self) -> crate::base::error::Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<crate::base::error::Problem> {
        if let Self::Invalid(e) = self { e.fields() } else { Vec::new() }
    }
}

/// The limit a caller asks for, within what a page may hold.
fn rows(limit: Option<usize>) -> Result<usize, Invalid> {
    match limit {
        None => Ok(DEFAULT_LIMIT),
        Some(n) if (1..=MAX_LIMIT).contains(&n) => Ok(n),
        Some(n) => Err(Invalid::at("?limit", format!("is {n}; it must lie in 1..{MAX_LIMIT}"))),
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(call: Call<ViewJobs>, query: Query<Which>) -> Result<HttpResponse, ApiError> {
    let q = query.0;
    call.read(|tx, _| -> Result<_, ListError> {
        let state =
            q.state.as_deref().map(|s| s.parse().map_err(|why| Invalid::at("?state", why))).transpose()?;
        let filter = Filter { state, kind: q.kind, from: q.from, to: q.to };
        let page =
            queue::list(tx, &filter, table::position(q.cursor.as_deref())?, rows(q.limit)?)?.into_page()?;
        Ok(Answer::page(&page.map(JobView::from))?)
    })
}

/// The id in a path; a name that is no id names no job.
fn named(path: &str) -> Result<Id, Refusal> {
    path.parse().map_err(|_| Refusal::not_found("job", path))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn get(call: Call<ViewJobs>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = named(&path)?;
    call.read(|tx, _| -> Result<_, JobsError> {
        let (job, rev) = queue::find(tx, id)?;
        Ok(Answer::ok(&JobView::from(job))?.rev(rev))
    })
}

/// Notes in the audit what a person did to a job.
///
/// # Errors
/// Storage failures.
pub fn note(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    action: &str,
    before: &Job,
    after: &Job,
) -> Result<(), StoreError> {
    let changed = vec![
        Changed::new("state", before.state.name(), after.state.name()),
        Changed::new("next_run", before.next_run.to_string(), after.next_run.to_string()),
    ];
    let entry = audit::Entry {
        class: audit::Class::Business,
        action,
        record: "job",
        id: after.id,
        event: None,
        changed,
    };
    audit::note(tx, cx, &entry).map(drop)
}

async fn retry(call: Call<ManageJobs>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = named(&path)?;
    call.write(move |tx, _, cx| -> Result<_, JobsError> {
        let (before, _) = queue::find(tx, id)?;
        let (job, rev) = queue::retry(tx, cx.now, id)?;
        note(tx, cx, "job.retried", &before, &job)?;
        Ok(Answer::ok(&JobView::from(job))?.rev(rev))
    })
    .await
}

async fn cancel(call: Call<ManageJobs>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = named(&path)?;
    call.write(move |tx, grant, cx| -> Result<_, JobsError> {
        let (before, _) = queue::find(tx, id)?;
        let (job, rev) = queue::cancel(tx, cx.now, id, &grant.actor().name)?;
        note(tx, cx, "job.cancelled", &before, &job)?;
        Ok(Answer::ok(&JobView::from(job))?.rev(rev))
    })
    .await
}

/// Clean-ups that were begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct Begun {
    /// Of these kinds of record; those that are kept for ever stay.
    kinds: Vec<&'static str>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn forecast(call: Call<ViewSettings>) -> Result<HttpResponse, ApiError> {
    let (now, days) = (call.app.clock.now(), call.app.config.retention.clone());
    let kept = (call.app.retained)();
    call.read(|tx, _| -> Result<_, StoreError> { Answer::ok(&retention::dry_run(tx, now, &kept, &days)?) })
}

async fn clean(call: Call<EditSettings>) -> Result<HttpResponse, ApiError> {
    let kept = (call.app.retained)();
    call.write(move |tx, _, cx| -> Result<_, StoreError> {
        retention::begin(tx, cx.now, &kept)?;
        let entry = audit::Entry {
            class: audit::Class::Business,
            action: "retention.begun",
            record: "retention",
            id: Id::NIL,
            event: None,
            changed: Vec::new(),
        };
        audit::note(tx, cx, &entry)?;
        Answer::json(202, &Begun { kinds: kept.iter().map(|r| r.name).collect() })
    })
    .await
}

/// The routes of jobs and retention.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("jobs")
        .add::<ViewJobs, _, _>(Method::GET, "/jobs", list, "Background jobs, the newest first")
        .query(&[
            ("state", "scheduled, running, done or dead; pending, completed and failed are understood too"),
            ("kind", "such as mail.send"),
            ("from", "demanded at this moment or later"),
            ("to", "demanded before this moment"),
            ("limit", "rows of a page, 1 to 500"),
            ("cursor", "where the page begins"),
        ])
        .answers::<Page<JobView>>(200)
        .add::<ViewJobs, _, _>(Method::GET, "/jobs/{id}", get, "One job")
        .answers::<JobView>(200)
        .add::<ManageJobs, _, _>(
            Method::POST,
            "/jobs/{id}/retry",
            retry,
            "Run a dead job again, or a waiting one now",
        )
        .answers::<JobView>(200)
        .add::<ManageJobs, _, _>(Method::POST, "/jobs/{id}/cancel", cancel, "Give up a job that waits")
        .answers::<JobView>(200)
        .add::<ViewSettings, _, _>(Method::GET, "/retention", forecast, "What a clean-up would remove now")
        .answers::<Vec<Forecast>>(200)
        .add::<EditSettings, _, _>(Method::POST, "/retention/run", clean, "Clean up now")
        .answers::<Begun>(202)
}
