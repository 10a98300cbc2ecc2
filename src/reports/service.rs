//! Saving reports, demanding runs, and finding both within what the caller may see.

use serde::{Deserialize, Serialize};

use super::error::ReportError;
use super::model::{Definition, Saved, Wish};
use super::repo::{self, MAX_SAVED, Outcome, REPORTS, RUNS, Run};
use crate::audit::{self, Changed};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::features::{EditReports, Feature, RunReports};
use crate::identity::grant::{Grant, Scope};
use crate::identity::repo as users;
use crate::jobs::queue::{NewJob, enqueue};
use crate::jobs::schedules;
use crate::journal::Cx;
use crate::store::table::Entry;
use crate::store::{Expect, ReadTx, StoreError, WriteTx};

/// The kind of job that counts a report.
pub const RUN: &str = "reports.run";

/// What such a job is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Payload {
    /// A saved report's turn has come.
    Turn {
        /// Which.
        report: Id,
    },
    /// Somebody asks once.
    Once {
        /// The report, or the nil id.
        report: Id,
        /// What people call it.
        name: String,
        /// What it asks.
        definition: Box<Definition>,
        /// Whose records.
        scope: Scope,
    },
}

/// The name of a report's schedule.
#[must_use]
pub fn schedule_name(id: Id) -> String {
    format!("report:{id}")
}

/// The report `id`, if the caller may see it: all it can show has to lie in their scope.
///
/// # Errors
/// When there is none for them; storage failures.
pub fn find<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, id: Id) -> Result<Entry<Saved>, ReportError> {
    let found = REPORTS.entry(tx, &id)?.filter(|e| grant.scope().covers(&e.value.scope));
    found.ok_or_else(|| ReportError::Unknown(id.to_string()))
}

/// The reports the caller may see.
///
/// # Errors
/// Storage failures.
pub fn visible<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>) -> Result<Vec<Saved>, StoreError> {
    Ok(repo::all(tx)?.into_iter().filter(|r| grant.scope().covers(&r.scope)).collect())
}

/// Saves a report, under a fresh id or in the place of `old`.
///
/// # Errors
/// When it makes no sense, was changed since it was seen, or is one too many.
pub fn save(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditReports>,
    cx: &Cx,
    old: Option<(Id, u64)>,
    wish: Wish,
) -> Result<(Saved, u64), ReportError> {
    wish.check()?;
    may_write_to(tx, grant, &wish)?;
    let before = match old {
        Some((id, seen)) => {
            let entry = find(tx, grant, id)?;
            if entry.rev != seen {
                let found = Some(entry.rev);
                let expected = Expect::Rev(seen);
                return Err(StoreError::Unexpected { coll: "reports", expected, found }.into());
            }
            Some(entry.value)
        }
        None if repo::all(tx)?.len() >= MAX_SAVED => return Err(ReportError::TooMany),
        None => None,
    };
    let saved = Saved {
        id: before.as_ref().map_or_else(Id::fresh, |b| b.id),
        wish,
        owner: grant.actor().user,
        scope: grant.scope().clone(),
        created_at: before.as_ref().map_or(cx.now, |b| b.created_at),
    };
    let rev = REPORTS.put(tx, &saved.id, &saved)?;
    let name = schedule_name(saved.id);
    match saved.wish.schedule {
        Some(schedule) => {
            schedules::set(tx, cx.now, &name, schedule, RUN, &Payload::Turn { report: saved.id })?;
        }
        None => drop(schedules::remove(tx, &name)?),
    }
    let changed = audit::compare(before.as_ref().map(|b| &b.wish), Some(&saved.wish), &[]);
    noted(tx, cx, "report.saved", saved.id, changed)?;
    Ok((saved, rev))
}

/// Who does not see the whole house may have mail sent to nobody but themselves.
fn may_write_to(tx: &dyn ReadTx, grant: &Grant<EditReports>, wish: &Wish) -> Result<(), ReportError> {
    if *grant.scope() == Scope::Tenant {
        return Ok(());
    }
    let own = users::standing(tx, grant.actor().user, crate::base::clock::Timestamp::MAX)?;
    let own = own.and_then(|s| s.user.email);
    match wish.mail_to.iter().position(|to| Some(to) != own.as_ref()) {
        Some(n) => Err(Invalid::at(format!("/mail_to/{n}"), "must be your own address").into()),
        None => Ok(()),
    }
}

fn noted(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    action: &'static str,
    id: Id,
    changed: Vec<Changed>,
) -> Result<(), StoreError> {
    let what =
        audit::Entry { class: audit::Class::Business, action, record: "report", id, event: None, changed };
    audit::note(tx, cx, &what).map(drop)
}

/// Removes a report, its schedule and its runs.
///
/// # Errors
/// When there is none for the caller; storage failures.
pub fn remove(tx: &mut dyn WriteTx, grant: &Grant<EditReports>, cx: &Cx, id: Id) -> Result<(), ReportError> {
    find(tx, grant, id)?;
    schedules::remove(tx, &schedule_name(id))?;
    repo::remove(tx, id)?;
    Ok(noted(tx, cx, "report.removed", id, Vec::new())?)
}

/// Demands a run of a saved report now; returns the run.
///
/// # Errors
/// When there is none for the caller; storage failures.
pub fn run_now(tx: &mut dyn WriteTx, grant: &Grant<RunReports>, cx: &Cx, id: Id) -> Result<Run, ReportError> {
    let Saved { wish, scope, .. } = find(tx, grant, id)?.value;
    let scope = scope.meet(grant.scope());
    let definition = Box::new(wish.definition.clone());
    let payload = Payload::Once { report: id, name: wish.name.clone(), definition, scope: scope.clone() };
    let job = enqueue(tx, cx.now, NewJob::new(RUN, &payload)?)?;
    let run = Run {
        id: job,
        report: id,
        name: wish.name,
        definition: wish.definition,
        scope,
        at: cx.now,
        outcome: Outcome::Waiting,
    };
    repo::keep(tx, &run)?;
    Ok(run)
}

/// The run `id`, if the caller may see all it shows.
///
/// # Errors
/// When there is none for them; storage failures.
pub fn run<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, id: Id) -> Result<Run, ReportError> {
    let found = RUNS.get(tx, &id)?.filter(|run| grant.scope().covers(&run.scope));
    found.ok_or_else(|| ReportError::NoRun(id.to_string()))
}
