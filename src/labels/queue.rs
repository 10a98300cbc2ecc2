//! The queue of a printer: one job of kind [`PRINT`] prints its labels in turn, and what became of each is written down
//! before and after every step that can't be taken back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::LabelError;
use super::model::{Health, HostStatus, LabelState, Queued};
use super::printers;
use super::repo::{self, HEALTH, LABELS};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::PrintLabels;
use crate::identity::grant::Grant;
use crate::jobs::queue::{self as jobs, JobsError, NewJob};
use crate::jobs::rules::State;
use crate::journal::Cx;
use crate::store::{Result, StoreError, WriteTx};

/// The kind of job that prints what is in a printer's queue.
pub const PRINT: &str = "label.print";
/// Why a label that was under way when the depot went down is unknown.
const INTERRUPTED: &str = "the depot stopped while it was being sent";

/// Which printer's; the payload of the job.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// The printer.
    pub printer: Id,
}

/// Sees to it that the job of a printer runs, and runs now: whoever asks for a label has seen to the printer.
///
/// # Errors
/// Storage failures.
pub fn rouse(tx: &mut dyn WriteTx, now: Timestamp, printer: Id) -> Result<()> {
    let new = NewJob::new(PRINT, &Payload { printer })?.unique(format!("{PRINT}/{printer}"));
    let id = jobs::enqueue(tx, now, new)?;
    let waits = |e: JobsError| match e {
        JobsError::Store(e) => Some(e),
        _ => None,
    };
    match jobs::find(tx, id) {
        Ok((job, _)) if job.state == State::Scheduled && job.next_run > now => {
            match jobs::retry(tx, now, id).err().and_then(waits) {
                Some(e) => Err(e),
                None => Ok(()),
            }
        }
        Ok(_) => Ok(()),
        Err(e) => waits(e).map_or(Ok(()), Err),
    }
}

/// The next label for a printer. With none the job lets go of the printer in the same transaction, so that a label
/// asked for from now on finds a job of its own.
///
/// # Errors
/// Storage failures.
pub fn next(tx: &mut dyn WriteTx, now: Timestamp, job: Id, printer: Id) -> Result<Option<Queued>> {
    if !jobs::holds(tx, job)? {
        return Ok(None);
    }
    while let Some(label) = repo::head(tx, printer)? {
        if label.state == LabelState::Waiting {
            return Ok(Some(label));
        }
        settle(tx, now, &label, &Outcome::Unknown(INTERRUPTED.into()))?;
    }
    jobs::let_go(tx, job)?;
    Ok(None)
}

/// The job has had its turn: what is left is another job's.
///
/// # Errors
/// Storage failures.
pub fn hand_on(tx: &mut dyn WriteTx, now: Timestamp, job: Id, printer: Id) -> Result<()> {
    jobs::let_go(tx, job)?;
    rouse(tx, now, printer)
}

/// Notes that the label's bytes are about to go out. False when it was dropped meanwhile.
///
/// # Errors
/// Storage failures.
pub fn begin(tx: &mut dyn WriteTx, id: Id) -> Result<bool> {
    let Some(label) = LABELS.get(tx, &id)?.filter(|l| l.state == LabelState::Waiting) else {
        return Ok(false);
    };
    repo::put(tx, Some(label.state), &Queued { state: LabelState::Sending, ..label })?;
    Ok(true)
}

/// What became of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The printer has it.
    Printed,
    /// It was certainly not printed.
    NotSent(String),
    /// It went out and nobody knows.
    Unknown(String),
    /// It can't be printed at all.
    Dropped(String),
}

/// Writes down what became of a label.
///
/// # Errors
/// Storage failures.
pub fn settle(tx: &mut dyn WriteTx, now: Timestamp, label: &Queued, outcome: &Outcome) -> Result<()> {
    let Some(old) = LABELS.get(tx, &label.id)?.filter(|l| !l.state.is_final()) else { return Ok(()) };
    let (state, why) = match outcome {
        Outcome::Printed => (LabelState::Printed, None),
        Outcome::NotSent(why) => (LabelState::Waiting, Some(why)),
        Outcome::Unknown(why) => (LabelState::Unknown, Some(why)),
        Outcome::Dropped(why) => (LabelState::Dropped, Some(why)),
    };
    let last_error = why.map(|w| text::clipped(w.clone(), text::SHORT));
    let finished_at = state.is_final().then_some(now);
    repo::put(tx, Some(old.state), &Queued { state, last_error, finished_at, ..old })
}

/// Writes down how a printer does.
///
/// # Errors
/// Storage failures.
pub fn note(
    tx: &mut dyn WriteTx,
    now: Timestamp,
    printer: Id,
    status: Option<HostStatus>,
    outcome: &Outcome,
) -> Result<()> {
    let mut health: Health = HEALTH.get(tx, &printer)?.unwrap_or_default();
    (health.at, health.status) = (Some(now), status);
    match outcome {
        Outcome::Printed => health.printed_at = Some(now),
        Outcome::NotSent(why) | Outcome::Unknown(why) => {
            (health.last_error, health.last_error_at) =
                (Some(text::clipped(why.clone(), text::SHORT)), Some(now));
        }
        Outcome::Dropped(_) => {}
    }
    HEALTH.put(tx, &printer, &health).map(drop)
}

/// What a person says of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It lies there: it counts as printed.
    Printed,
    /// It does not: it is printed.
    Again,
    /// It is not wanted any more.
    Drop,
}

/// What is to become of a label.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The label.
    pub label: Id,
    /// printed, again or drop.
    pub then: Verdict,
}

/// Decides about a label that waits or whose outcome is unknown.
///
/// # Errors
/// When it is not in the queue of that printer, or being sent, or at its end.
pub fn decide(
    tx: &mut dyn WriteTx,
    _: &Grant<PrintLabels>,
    cx: &Cx,
    name: &str,
    decision: &Decision,
) -> std::result::Result<Queued, LabelError> {
    let (printer, ..) = printers::find(tx, name)?;
    let label = LABELS.get(tx, &decision.label)?.filter(|l| l.printer == printer);
    let label = label.ok_or(LabelError::NoLabel(decision.label))?;
    let outcome = match (label.state, decision.then) {
        (LabelState::Unknown, Verdict::Printed) => Outcome::Printed,
        (LabelState::Unknown | LabelState::Waiting, Verdict::Drop) => {
            Outcome::Dropped(format!("dropped by {}", cx.actor.name))
        }
        (LabelState::Unknown | LabelState::Waiting, Verdict::Again) => {
            Outcome::NotSent(format!("sent again by {}", cx.actor.name))
        }
        (state, _) => return Err(LabelError::Decided(state)),
    };
    settle(tx, cx.now, &label, &outcome)?;
    if decision.then == Verdict::Again {
        rouse(tx, cx.now, printer)?;
    }
    let label = LABELS.get(tx, &label.id)?;
    label.ok_or_else(|| StoreError::Corrupt("a label is gone".into()).into())
}
