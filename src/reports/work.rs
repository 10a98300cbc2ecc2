//! Counting reports that were demanded, by a schedule or by a person, and mailing them. A run has the id of its job, so
//! one that is interrupted and carried out again is the same run, and its mails are demanded once.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::engine::{self, Asked};
use super::error::ReportError;
use super::export;
use super::model::{Definition, Format, Saved, Table, Wish};
use super::repo::{self, Outcome, REPORTS, RUNS, Run};
use super::service::{Payload, RUN};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::identity::features::RunReports;
use crate::identity::grant::Scope;
use crate::identity::repo as users;
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Handler, JobError, JobRun};
use crate::notify::mail::{self, Attached, Files, Letter, NamedFile};
use crate::store::{Lane, Result as Stored, Store, StoreError, Tenant};

/// The longest a count may take.
const LONGEST: Duration = Duration::from_secs(1_800);
/// Where a mail's files come from when they are a report's.
pub const SOURCE: &str = "report";

/// Carries out [`RUN`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RunReport;

impl Handler for RunReport {
    fn kind(&self) -> &'static str {
        RUN
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 5, first_delay: Duration::from_secs(10), timeout: LONGEST }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        Box::pin(async move {
            let payload: Payload = job.payload()?;
            let work = move || carry_out(&job.store, job.tenant, job.job.id, job.now, payload);
            tokio::task::spawn_blocking(work).await.map_err(|e| JobError::Failed(e.to_string()))?
        })
    }
}

/// What is to be counted and who gets it.
struct Task {
    report: Id,
    name: String,
    definition: Definition,
    scope: Scope,
    mail: Option<Wish>,
}

fn carry_out(
    store: &Store,
    tenant: Tenant,
    id: Id,
    now: Timestamp,
    payload: Payload,
) -> Result<(), JobError> {
    let done = store.read::<_, StoreError>(tenant, |tx| RUNS.get(tx, &id))?;
    if done.is_some_and(|run| matches!(run.outcome, Outcome::Done(_))) {
        return Ok(());
    }
    let task = match payload {
        Payload::Once { report, name, definition, scope } => {
            Task { report, name, definition: *definition, scope, mail: None }
        }
        Payload::Turn { report } => match turn(store, tenant, report, now)? {
            Some(task) => task,
            None => return Ok(()),
        },
    };
    let asked = Asked { store: store.clone(), tenant, scope: task.scope.clone(), now };
    let (outcome, failed) = match engine::count(&asked, &task.definition) {
        Ok(table) => (Outcome::Done(Box::new(table)), None),
        Err(ReportError::Store(e)) if e.kind() == Kind::Busy => {
            return Err(JobError::Unreachable(e.to_string()));
        }
        Err(e) => (Outcome::Failed(e.to_string()), Some(e.to_string())),
    };
    let Task { report, name, definition, scope, mail } = task;
    let run = Run { id, report, name, definition, scope, at: now, outcome };
    let kept = store.write(tenant, Lane::Bulk, move |tx| -> Stored<()> {
        repo::keep(tx, &run)?;
        if let (Some(wish), Outcome::Done(table)) = (&mail, &run.outcome) {
            for to in &wish.mail_to {
                mail::post(tx, now, letter(&run, wish, table, to))?;
            }
        }
        Ok(())
    });
    kept.wait()?;
    failed.map_or(Ok(()), |why| Err(JobError::Hopeless(why)))
}

/// A saved report's turn: what its owner may see now, no more than when it was saved. None when it is gone.
fn turn(store: &Store, tenant: Tenant, report: Id, now: Timestamp) -> Result<Option<Task>, JobError> {
    let found = store.read::<_, StoreError>(tenant, |tx| {
        let Some(saved) = REPORTS.get(tx, &report)? else { return Ok(None) };
        // One that the depot itself saved belongs to nobody who could leave.
        let standing =
            if saved.owner == Id::NIL { None } else { Some(users::standing(tx, saved.owner, now)?) };
        Ok(Some((saved, standing)))
    })?;
    let Some((Saved { id, wish, scope, .. }, standing)) = found else { return Ok(None) };
    let scope = match standing {
        None => scope,
        Some(Some(s)) if s.is_admitted() && s.features.contains::<RunReports>() => scope.meet(&s.scope),
        Some(_) => {
            let why = format!("whoever saved the report \"{}\" may not run it any more", wish.name);
            return Err(JobError::Hopeless(why));
        }
    };
    let (name, definition) = (wish.name.clone(), wish.definition.clone());
    Ok(Some(Task { report: id, name, definition, scope, mail: Some(wish) }))
}

fn letter(run: &Run, wish: &Wish, table: &Table, to: &str) -> Letter {
    let rows = table.rows.len();
    let text = format!("{}\n{} lines, as of {}.\n", run.name, rows, table.at);
    let attached = wish.formats.iter().map(|format| Attached {
        source: SOURCE.to_owned(),
        id: run.id,
        form: format.ending().to_owned(),
    });
    Letter { to: to.to_owned(), subject: run.name.clone(), text, attached: attached.collect() }
}

/// The files of reports, for mails.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportFiles;

impl Files for ReportFiles {
    fn source(&self) -> &'static str {
        SOURCE
    }

    fn file(&self, store: &Store, tenant: Tenant, what: &Attached) -> Stored<Option<NamedFile>> {
        let format = if what.form == Format::Xlsx.ending() { Format::Xlsx } else { Format::Csv };
        let run = store.read::<_, StoreError>(tenant, |tx| RUNS.get(tx, &what.id))?;
        let Some(Run { name, outcome: Outcome::Done(table), .. }) = run else { return Ok(None) };
        let bytes = export::file(&table, &name, format).map_err(|e| StoreError::Io(e.to_string()))?;
        let name = export::file_name(&name, format);
        Ok(Some(NamedFile { name, media: format.media().to_owned(), bytes }))
    }
}
