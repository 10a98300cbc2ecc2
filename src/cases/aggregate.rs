//! The case as the journal knows it: how steps fold, what facts keep, and what follows from the row.

use serde_json::Value;

use super::event::CaseEvent;
use super::members;
use super::model::{Answer, Case, MAX_NOTES, Note};
use super::repo;
use super::rules::{self, CaseId, State, Step};
use crate::audit::Changed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::first_record;
use crate::journal::{Aggregate, Cx, Folded, Followed, Stamped};
use crate::store::{Result, Table, WriteTx, counters};

first_record!(Case);

impl Aggregate for Case {
    type Event = CaseEvent;
    const NAME: &'static str = "case";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::CASES;

    fn blank(id: Id) -> Self {
        Self::new(CaseId(id))
    }

    fn base(id: Id, was: Option<&Self>) -> Self {
        let blank = Self::blank(id);
        match was {
            Some(was) if was.cause.is_some() => Self {
                subject: was.subject.clone(),
                reason: was.reason,
                detail: was.detail.clone(),
                opened_at: was.opened_at,
                cause: was.cause,
                withdrawn_at: was.withdrawn_at,
                clock: was.clock.clone(),
                ..blank
            }
            .settled(),
            Some(_) | None => blank,
        }
    }

    fn fold(self, e: &Stamped<CaseEvent>) -> Self {
        step(self, e).settled()
    }

    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let due = keep(tx, old, new)?;
        // Opened by a person or by the depot's own machinery; those that follow from facts are told of by their subject.
        let opens = new.state.is_open() && old.is_none_or(|o| !o.state.state.is_open());
        Ok(Followed { opened: if opens { vec![new.id.0] } else { Vec::new() }, due })
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let blank = Self::new(new.id);
        let (before, after) = (shown(old.unwrap_or(&blank)), shown(new));
        let differ = before.into_iter().zip(after).filter(|(b, a)| b.1 != a.1);
        differ.map(|((name, before), (_, after))| Changed::new(name, before, after)).collect()
    }
}

/// The case after one more step. One that doesn't fit, because another came first elsewhere, keeps its place in the
/// history and changes nothing.
fn step(case: Case, e: &Stamped<CaseEvent>) -> Case {
    let at = e.key.at();
    let moved = |case: Case, step: Step| match rules::next(case.stage, step) {
        Some(stage) if stage == case.stage => Some(case),
        Some(stage) => {
            let acts = matches!(step, Step::Acknowledge | Step::Start | Step::Wait | Step::Resolve);
            let first_action_at = case.first_action_at.or(acts.then_some(at));
            Some(Case { stage, waiting_until: None, first_action_at, ..case })
        }
        None => None,
    };
    let as_it_was = case.clone();
    let after = match &e.event {
        CaseEvent::Opened { subject, reason, detail, at, clock } => Some(Case {
            subject: subject.clone(),
            reason: *reason,
            detail: detail.clone(),
            opened_at: *at,
            clock: clock.clone(),
            ..case
        }),
        CaseEvent::Acknowledged {} => moved(case, Step::Acknowledge),
        CaseEvent::Started {} => moved(case, Step::Start),
        CaseEvent::Waited { until, note } => {
            moved(case, Step::Wait).map(|c| noted(Case { waiting_until: Some(*until), ..c }, e, note))
        }
        CaseEvent::Woken { due } => {
            let waits = case.stage == State::Waiting && case.waiting_until == Some(*due);
            waits.then_some(Case { stage: State::Acknowledged, waiting_until: None, ..case })
        }
        CaseEvent::Resolved { resolution, note } => moved(case, Step::Resolve).map(|c| {
            let ended = Case { resolution: Some(*resolution), resolved_at: Some(at), insisted: false, ..c };
            noted(ended, e, note)
        }),
        CaseEvent::Reopened { why, insists, clock } => {
            let reopens = case.stage == State::Resolved || *insists && case.stage.is_open();
            reopens.then(|| {
                let (reopened, again) = (case.reopened + 1, Some(clock.clone()));
                let open =
                    Case { stage: State::Open, level: 0, waiting_until: None, reopened, again, ..case };
                noted(Case { insisted: *insists, resolution: None, resolved_at: None, ..open }, e, why)
            })
        }
        CaseEvent::Merged { into } => moved(case, Step::Merge).map(|c| Case {
            merged_into: Some(*into),
            resolved_at: Some(at),
            insisted: false,
            ..c
        }),
        CaseEvent::Assigned { owner } => {
            moved(case, Step::Assign).map(|c| Case { owner: owner.clone(), ..c })
        }
        CaseEvent::Noted { text } => moved(case, Step::Note).map(|c| noted(c, e, text)),
        CaseEvent::Escalated { level, due, to } => {
            let counts = case.stage == State::Open && *level > case.level && *due >= case.running().from;
            counts.then_some(Case { level: *level, tier: *to, ..case })
        }
        // What a case is about, costs and whose fault it is can be told of it as long as it has not gone into another.
        _ if case.stage == State::Merged => None,
        CaseEvent::Joined { parcels } => Some(Case { parcels: joined(case.parcels, parcels), ..case }),
        CaseEvent::Parted { parcels } => {
            let left = case.parcels.iter().copied().filter(|id| !parcels.contains(id)).collect();
            Some(Case { parcels: left, ..case })
        }
        CaseEvent::Blamed { fault } => Some(Case { blamed: Some(*fault), ..case }),
        CaseEvent::Costed { amount, what } => {
            let mut costs = case.costs.clone();
            let sum = costs.entry(amount.currency.clone()).or_default();
            *sum = sum.saturating_add(amount.minor);
            Some(noted(Case { costs, ..case }, e, what))
        }
        CaseEvent::Answered { answer, note } => {
            // Whoever waited for the answer waits no more.
            let stage = if case.stage == State::Waiting { State::Acknowledged } else { case.stage };
            let waiting_until = case.waiting_until.filter(|_| stage == State::Waiting);
            let answer = Some(Answer { kind: *answer, at, by: e.actor });
            Some(noted(Case { stage, waiting_until, answer, ..case }, e, note))
        }
    };
    after.unwrap_or(as_it_was)
}

/// The parcels of `had` and of `more`, each once, in the order of their ids.
fn joined(mut had: Vec<Id>, more: &[Id]) -> Vec<Id> {
    had.extend(more);
    had.sort_unstable();
    had.dedup();
    had
}

fn noted(mut case: Case, e: &Stamped<CaseEvent>, text: &str) -> Case {
    if !text.is_empty() {
        case.notes.push(Note { at: e.key.at(), by: e.actor, text: text.to_owned() });
        let surplus = case.notes.len().saturating_sub(MAX_NOTES);
        case.notes.drain(..surplus);
        case.notes_count += 1;
    }
    case
}

/// The counter of open cases of a reason, and its prefix.
pub const OPEN_BY_REASON: &str = "cases/open/";

/// Keeps what follows from a case beside its row: the count of open ones and its deadline. Returns the deadline.
///
/// # Errors
/// Storage failures.
pub(super) fn keep(
    tx: &mut dyn WriteTx,
    old: Option<&Folded<Case>>,
    new: &Case,
) -> Result<Option<Timestamp>> {
    let counted = |c: &Case| c.state.is_open().then_some(c.reason);
    let (before, after) = (old.and_then(|o| counted(&o.state)), counted(new));
    if before != after {
        for (reason, delta) in [(before, -1), (after, 1)] {
            if let Some(reason) = reason {
                counters::add(tx, &format!("{OPEN_BY_REASON}{reason}"), delta)?;
            }
        }
    }
    members::keep(tx, old.map_or(&[], |o| &o.state.parcels), new)?;
    // What was kept may be later than what the case says: when it was another site's to act on.
    let kept = |o: &Folded<Case>| o.state.deadline().and_then(|(kind, _)| Some((kind, o.due?)));
    let (was, is) = (old.and_then(kept), new.deadline());
    for kind in [DueKind::Escalation, DueKind::Waiting] {
        let of = |d: Option<(DueKind, Timestamp)>| d.filter(|(k, _)| *k == kind).map(|(_, at)| at);
        due::replace(tx, kind, new.id.0, of(was), of(is))?;
    }
    Ok(is.map(|(_, at)| at))
}

/// What the audit shows of a case.
fn shown(c: &Case) -> [(&'static str, Value); 14] {
    let text = |t: Option<String>| t.map_or(Value::Null, Value::from);
    [
        ("subject", text(Some(c.subject.label.clone()).filter(|l| !l.is_empty()))),
        ("reason", c.reason.code().into()),
        ("detail", c.detail.clone().into()),
        ("state", c.state.to_string().into()),
        ("owner", text(c.owner.as_ref().map(|o| o.name.clone()))),
        ("level", c.level.into()),
        ("waiting_until", text(c.waiting_until.map(|t| t.to_string()))),
        ("resolution", serde_json::to_value(c.resolution).unwrap_or_default()),
        ("merged_into", text(c.merged_into.map(|m| m.to_string()))),
        ("notes", c.notes_count.into()),
        ("parcels", c.parcels.len().into()),
        ("fault", serde_json::to_value(c.blamed).unwrap_or_default()),
        ("costs", serde_json::to_value(c.costs()).unwrap_or_default()),
        ("answer", serde_json::to_value(c.answer.as_ref().map(|a| a.kind)).unwrap_or_default()),
    ]
}
