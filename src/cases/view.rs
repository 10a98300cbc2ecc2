//! A case as people and programs see it: the record, what follows from its reason, and what may be done with it now.

use serde::Serialize;
use serde_json::Value;

use super::actions::{Suggestion, suggestions};
use super::model::{About, Answer, Case, Note, Owner};
use super::reasons::{Desk, Fault, Group, Reason};
use super::rules::{CaseId, Resolution, State, Step};
use super::service::Taken;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::deadlines::policy::Tier;
use crate::journal::{Event, Stamped};

const HOUR_S: u64 = 3_600;

/// A case.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CaseView {
    /// Its id.
    pub id: CaseId,
    /// Its revision, as in the `ETag`.
    pub version: u64,
    /// What it is about; absent when that is nothing on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<About>,
    /// Why somebody has to look.
    pub reason: Reason,
    /// What the reason is about.
    pub group: Group,
    /// Whose doing it is: as somebody said, else as far as the reason tells.
    pub fault: Fault,
    /// Who acts first.
    pub desk: Desk,
    /// The role that sits there.
    pub role: &'static str,
    /// Whether it stays as it is until somebody does something.
    pub action_required: bool,
    /// Whether the step that failed may be tried again.
    pub retryable: bool,
    /// In words.
    pub detail: String,
    /// Where it stands.
    pub state: State,
    /// When the matter began.
    pub opened_at: Timestamp,
    /// Hours from then until now, or until it was closed, by the wall clock.
    pub age_hours: u64,
    /// When the first action is due.
    pub sla_due: Timestamp,
    /// Whether that is past and nobody has begun.
    pub overdue: bool,
    /// How often it has escalated.
    pub escalation_level: u8,
    /// Whom its last escalation went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalated_to: Option<Tier>,
    /// What to do next, the first thing first; none once it is closed.
    pub suggested: Vec<Suggestion>,
    /// What it has cost so far.
    pub costs: Vec<Money>,
    /// How many parcels a bulk case is about; absent for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcels_count: Option<usize>,
    /// The last answer of whom it was asked of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// In whose hands it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Until when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_until: Option<Timestamp>,
    /// How a person ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// The case it lives on in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CaseId>,
    /// The event it follows from; absent when somebody opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_event: Option<Id>,
    /// Whether what it followed from is no longer so.
    pub withdrawn: bool,
    /// When somebody first did something about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_action_at: Option<Timestamp>,
    /// When it was closed, by a person or because its cause went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// How often it was reopened.
    pub reopened: u32,
    /// How many notes were written.
    pub notes_count: u32,
    /// The newest notes; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<Note>>,
    /// The steps the caller may take now.
    pub allowed: Vec<Step>,
}

impl CaseView {
    /// The view of `case` at `now`, as a list shows it.
    #[must_use]
    pub fn of(case: &Case, version: u64, now: Timestamp, allowed: Vec<Step>) -> Self {
        let Case {
            id,
            subject,
            reason,
            detail,
            opened_at,
            cause,
            withdrawn_at,
            clock: _,
            state,
            stage: _,
            again: _,
            ..
        } = case;
        let Case {
            insisted: _, owner, level, waiting_until, resolution, merged_into, first_action_at, ..
        } = case;
        let Case { resolved_at: _, reopened, notes: _, notes_count, .. } = case;
        let Case { parcels, blamed: _, costs: _, tier, answer, .. } = case;
        let rule = reason.rule();
        let closed_at = case.closed_at();
        Self {
            id: *id,
            version,
            subject: (!subject.kind.is_empty()).then(|| subject.clone()),
            reason: *reason,
            group: rule.group,
            fault: case.fault(),
            desk: rule.desk,
            role: rule.desk.role(),
            action_required: rule.action_required,
            retryable: rule.retryable,
            detail: detail.clone(),
            state: *state,
            opened_at: *opened_at,
            age_hours: closed_at.unwrap_or(now).since(*opened_at).as_secs() / HOUR_S,
            sla_due: case.running().due,
            overdue: case.is_overdue(now),
            escalation_level: *level,
            escalated_to: *tier,
            suggested: if state.is_open() { suggestions(*reason) } else { Vec::new() },
            costs: case.costs(),
            parcels_count: case.is_bulk().then_some(parcels.len()),
            answer: answer.clone(),
            owner: owner.clone(),
            waiting_until: *waiting_until,
            resolution: *resolution,
            merged_into: *merged_into,
            cause_event: cause.map(|c| Id(c.eid)),
            withdrawn: withdrawn_at.is_some(),
            first_action_at: *first_action_at,
            closed_at,
            reopened: *reopened,
            notes_count: *notes_count,
            notes: None,
            allowed,
        }
    }

    /// The same with its notes, as it is shown alone.
    #[must_use]
    pub fn with_notes(self, case: &Case) -> Self {
        Self { notes: Some(case.notes.clone()), ..self }
    }
}

/// One step of a case's history.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct StepView {
    /// The event's id.
    pub event: Id,
    /// What was done, `case.past_participle`.
    pub name: &'static str,
    /// When.
    pub at: Timestamp,
    /// By whom, by the number at the site it was done at; 0 is the system.
    pub actor: u32,
    /// By name, where this node knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// At which site.
    pub site: u32,
    /// What it said.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl From<Taken> for StepView {
    fn from((Stamped { key, site, epoch: _, actor, event }, by): Taken) -> Self {
        let data = serde_json::to_value(&event).unwrap_or_default();
        Self { event: Id(key.eid), name: event.name(), at: key.at(), actor, by, site, data }
    }
}
