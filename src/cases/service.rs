//! What people, and the depot itself, do with cases: one function a use case, each in the caller's transaction.

use serde_json::{Map, Value};

use super::aggregate;
use super::event::CaseEvent;
use super::model::{About, Case, DEPOT, Owner};
use super::reasons::{Group, Reason};
use super::repo::{self, CASES, Reader};
use super::rules::{self, CaseId, Command, Refusal, Resolution, State, Step};
use crate::audit;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{BulkCases, Feature, ManageCases, WorkCases};
use crate::identity::grant::{Denied, Grant, Scope};
use crate::journal::clock::Origin;
use crate::journal::{Cx, Folded, Stamped, Written, history, log, record};
use crate::store::table::Entry;
use crate::store::{self, Expect, ReadTx, StoreError, WriteTx, counters};

/// Cases one bulk request may name.
pub const MAX_BULK: usize = 500;
/// Steps people may take on one case; the journal keeps room beyond them for its own.
pub const MAX_STEPS: u32 = 2_000;

/// What `grant` lets its holder see.
#[must_use]
pub fn reader<F: Feature>(grant: &Grant<F>) -> Reader<'_> {
    Reader { scope: grant.scope(), actor: grant.actor() }
}

/// The case `id`, if the caller may see it.
///
/// # Errors
/// [`CaseError::Unknown`] when there is none they may see.
pub fn find<F: Feature>(
    tx: &dyn ReadTx,
    grant: &Grant<F>,
    id: CaseId,
) -> Result<Entry<Folded<Case>>, CaseError> {
    repo::find(tx, &reader(grant), id)?.ok_or_else(|| CaseError::Unknown(id.to_string()))
}

/// Opens a case by hand, about `subject` or about nothing on record.
///
/// # Errors
/// A text too long, a reason only the depot itself may raise, no subject though the caller sees but their own.
pub fn open(
    tx: &mut dyn WriteTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    reason: Reason,
    subject: Option<About>,
    detail: &str,
) -> Result<Written<Case>, CaseError> {
    text::optional("/detail", detail, text::LONG).map_err(|p| Invalid(vec![p]))?;
    may_be_raised(reason)?;
    let subject = subject.unwrap_or_default();
    let owner = match grant.scope() {
        // Who sees but their own keeps sight of what they open.
        Scope::Own => Some(CaseEvent::Assigned { owner: Some(oneself(grant)) }),
        Scope::Distributors(_) if !grant.scope().admits_distributor(subject.distributor.as_deref()) => {
            return Err(Invalid::at("/subject", "is needed: name one of your own parcels").into());
        }
        Scope::Distributors(_) | Scope::Tenant => None,
    };
    let mut events = vec![opened(cx, reason, subject, detail.to_owned())];
    events.extend(owner);
    Ok(record(tx, cx, Id::fresh(), None, events)?)
}

/// Whether a person may open a case for `reason`.
///
/// # Errors
/// When only the depot itself does.
pub(super) fn may_be_raised(reason: Reason) -> Result<(), Invalid> {
    if reason.rule().group == Group::Operation {
        let said = format!("{reason} is raised by the depot itself; name one of a parcel's reasons");
        return Err(Invalid::at("/reason", said));
    }
    Ok(())
}

fn opened(cx: &Cx, reason: Reason, subject: About, detail: String) -> CaseEvent {
    CaseEvent::Opened {
        subject,
        reason,
        detail,
        at: cx.now,
        clock: rules::clock_by(&cx.policy, reason, cx.now),
    }
}

/// Takes one step on the case `id`. `expected` is the revision the caller has seen, when they name one.
///
/// # Errors
/// [`CaseError`] says why not; nothing was written then.
pub fn step(
    tx: &mut dyn WriteTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    id: CaseId,
    command: &Command,
    expected: Option<u64>,
) -> Result<Written<Case>, CaseError> {
    let entry = find(tx, grant, id)?;
    met(&entry, expected)?;
    let events = vec![decide(tx, grant, cx, &entry.value, command)?];
    Ok(record(tx, cx, id.0, Some(entry.value), events)?)
}

/// Takes several steps on the case `id` at once: all of them or none.
///
/// # Errors
/// As [`step`].
pub fn change(
    tx: &mut dyn WriteTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    id: CaseId,
    commands: &[Command],
    expected: u64,
) -> Result<(Case, u64), CaseError> {
    let entry = find(tx, grant, id)?;
    met(&entry, Some(expected))?;
    let decided = commands.iter().map(|c| decide(tx, grant, cx, &entry.value, c));
    let events = decided.collect::<Result<Vec<_>, _>>()?;
    if events.is_empty() {
        return Ok((entry.value.state, entry.rev));
    }
    let written = record(tx, cx, id.0, Some(entry.value), events)?;
    Ok((written.state, written.rev))
}

fn met(entry: &Entry<Folded<Case>>, expected: Option<u64>) -> Result<(), StoreError> {
    match expected {
        Some(rev) if rev != entry.rev => {
            Err(StoreError::Unexpected { coll: "cases", expected: Expect::Rev(rev), found: Some(entry.rev) })
        }
        Some(_) | None => Ok(()),
    }
}

/// The event that `command` makes of a case, or why it makes none.
fn decide(
    tx: &dyn ReadTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    row: &Folded<Case>,
    command: &Command,
) -> Result<CaseEvent, CaseError> {
    let case = &row.state;
    let manages = || grant.principal().grant::<ManageCases>().map(drop);
    match command {
        Command::Merge { .. } => manages()?,
        Command::Assign { owner } if owner.as_ref().is_some_and(|o| o.id != grant.actor().user) => manages()?,
        _ => {}
    }
    rules::decide(case.id, case.state, command, cx.now)?;
    if row.line.n >= MAX_STEPS {
        return Err(CaseError::Full);
    }
    Ok(match command.clone() {
        Command::Acknowledge => CaseEvent::Acknowledged {},
        Command::Start => CaseEvent::Started {},
        Command::Wait { until, note } => CaseEvent::Waited { until, note },
        Command::Resolve { resolution, note } => CaseEvent::Resolved { resolution, note },
        Command::Reopen { reason: why } => {
            let clock = rules::clock_by(&cx.policy, case.reason, cx.now);
            CaseEvent::Reopened { why, insists: case.withdrawn_at.is_some(), clock }
        }
        Command::Merge { into } => {
            if case.subject.kind == DEPOT {
                return Err(CaseError::OfTheDepot);
            }
            let target = find(tx, grant, into)?.value.state;
            if !target.state.is_open() {
                return Err(CaseError::Closed { into, state: target.state });
            }
            CaseEvent::Merged { into }
        }
        Command::Assign { owner } => CaseEvent::Assigned { owner },
        Command::Note { text } => CaseEvent::Noted { text },
    })
}

/// What became of one case of many.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Verdict {
    /// Which.
    pub id: CaseId,
    /// Where it stands now; absent when it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// The refusal's code; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The refusal in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Takes the same step on many cases, with a verdict for each. An id named twice counts once.
///
/// # Errors
/// No ids or more than [`MAX_BULK`]; with `atomic` [`CaseError::Bulk`] when any was refused, and then nothing is kept.
pub fn bulk(
    tx: &mut dyn WriteTx,
    grant: &Grant<BulkCases>,
    cx: &Cx,
    ids: &[CaseId],
    command: &Command,
    atomic: bool,
) -> Result<Vec<Verdict>, CaseError> {
    if ids.is_empty() || ids.len() > MAX_BULK {
        return Err(Invalid::at("/ids", format!("needs 1 to {MAX_BULK} cases, got {}", ids.len())).into());
    }
    let work = grant.principal().grant::<WorkCases>()?;
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(ids.len());
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    for id in ids.iter().copied().filter(|id| seen.insert(*id)) {
        let verdict = Verdict { id, state: None, code: None, detail: None };
        verdicts.push(match step(tx, &work, cx, id, command, None) {
            Ok(written) => Verdict { state: Some(written.state.state), ..verdict },
            Err(CaseError::Store(e)) => return Err(e.into()),
            Err(e) => Verdict { code: Some(e.code().to_owned()), detail: Some(e.to_string()), ..verdict },
        });
    }
    let refused = verdicts.iter().filter(|v| v.code.is_some()).count();
    if atomic && refused > 0 {
        // Nothing is kept, so nobody stands anywhere else.
        verdicts.iter_mut().for_each(|v| v.state = None);
        return Err(CaseError::Bulk { refused, verdicts });
    }
    Ok(verdicts)
}

/// The id of what this node itself raises for `reason` about `key`.
fn operational_id(node: Id, reason: Reason, key: &str) -> CaseId {
    CaseId(Id::derived(&[node.as_ref(), reason.code().as_bytes(), key.as_bytes()]))
}

/// Something of the depot's own machinery needs a person: opens its case, once while it is open; one that was resolved
/// comes back. `key` tells one from another (a job's id, a disk), empty where there is only one. Returns the case when
/// this opened it.
///
/// # Errors
/// Storage failures.
pub fn open_operational(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    reason: Reason,
    key: &str,
    detail: &str,
) -> Result<Option<CaseId>, StoreError> {
    let (id, opened) = raise(tx, cx, reason, DEPOT, key, detail)?;
    Ok(opened.then_some(id))
}

/// A case the depot raises about something that has no record: `kind` says what it is, `key` is what people call it. It
/// is opened once, and comes back when it was resolved. Returns it, or the one it was merged into, and whether this opened it.
///
/// # Errors
/// Storage failures.
pub fn raise(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    reason: Reason,
    kind: &str,
    key: &str,
    detail: &str,
) -> Result<(CaseId, bool), StoreError> {
    let id = operational_id(repo::node_or_new(tx)?, reason, key);
    let old = CASES.get(tx, &id.0)?;
    let detail = text::clipped(detail.to_owned(), text::LONG);
    match &old {
        Some(row) if row.state.state.is_open() => return Ok((id, false)),
        Some(row) if row.state.merged_into.is_some() => {
            return Ok((row.state.merged_into.unwrap_or(id), false));
        }
        Some(_) => {
            let clock = rules::clock_by(&cx.policy, reason, cx.now);
            record(tx, cx, id.0, old, vec![CaseEvent::Reopened { why: detail, insists: false, clock }])?;
        }
        None => {
            let label = text::clipped(key.to_owned(), text::SHORT);
            let subject = About { kind: kind.into(), id: Id::NIL, label, distributor: None };
            record::<Case>(tx, cx, id.0, None, vec![opened(cx, reason, subject, detail)])?;
        }
    }
    Ok((id, true))
}

/// Whether such a case is open.
///
/// # Errors
/// Storage failures.
pub fn is_operational_open(tx: &dyn ReadTx, reason: Reason, key: &str) -> Result<bool, StoreError> {
    Ok(operational(tx, reason, key)?.is_some_and(|case| case.state.is_open()))
}

/// The case this node raised for `reason` about `key`.
///
/// # Errors
/// Storage failures.
pub fn operational(tx: &dyn ReadTx, reason: Reason, key: &str) -> Result<Option<Case>, StoreError> {
    let Some(node) = repo::node(tx)? else { return Ok(None) };
    Ok(CASES.get(tx, &operational_id(node, reason, key).0)?.map(|row| row.state))
}

/// It is well again: resolves the case [`open_operational`] or [`raise`] opened. True when there was an open one.
///
/// # Errors
/// Storage failures.
pub fn resolve_operational(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    reason: Reason,
    key: &str,
) -> Result<bool, StoreError> {
    let Some(node) = repo::node(tx)? else { return Ok(false) };
    let id = operational_id(node, reason, key);
    let old = CASES.get(tx, &id.0)?.filter(|row| row.state.state.is_open());
    if old.is_none() {
        return Ok(false);
    }
    record(
        tx,
        cx,
        id.0,
        old,
        vec![CaseEvent::Resolved { resolution: Resolution::Solved, note: String::new() }],
    )?;
    Ok(true)
}

/// One step that was taken, and by whom as far as this node knows the name.
pub type Taken = (Stamped<CaseEvent>, Option<String>);

/// Every step of a case in the order it counts.
///
/// # Errors
/// Storage failures.
pub fn taken(tx: &dyn ReadTx, row: &Folded<Case>) -> Result<Vec<Taken>, StoreError> {
    let origin = Origin::load(tx)?;
    let named = |(entry, step): (log::Applied, Stamped<CaseEvent>)| {
        // Names stand in the audit of the life the step was taken in; of steps taken elsewhere only the number is known.
        let audit_log = store::LogId { log: log::AUDIT, epoch: step.epoch };
        let noted = tx
            .entry(store::DEPOT, audit_log, entry.audit)?
            .map(|b| audit::open(entry.audit, &b))
            .transpose()?;
        let by =
            noted.filter(|n| n.header.id == row.state.id.0 && origin.is(step.writer())).map(|n| n.body.by);
        Ok((step, by))
    };
    history::<Case>(tx, &row.line)?.into_iter().map(named).collect()
}

/// How many cases are open, by reason code.
///
/// # Errors
/// Storage failures.
pub fn open_by_reason(tx: &dyn ReadTx) -> Result<Vec<(String, i64)>, StoreError> {
    counters::all(tx, aggregate::OPEN_BY_REASON)
}

/// The caller as an owner.
#[must_use]
pub fn oneself<F: Feature>(grant: &Grant<F>) -> Owner {
    Owner { id: grant.actor().user, name: grant.actor().name.to_string() }
}

/// The steps the caller may take on `case` now.
#[must_use]
pub fn steps_of<F: Feature>(grant: &Grant<F>, case: &Case) -> Vec<Step> {
    let principal = grant.principal();
    let (works, manages) = (principal.grant::<WorkCases>().is_ok(), principal.grant::<ManageCases>().is_ok());
    let merges = manages && case.subject.kind != DEPOT;
    rules::allowed(case.state).iter().copied().filter(|s| works && (merges || *s != Step::Merge)).collect()
}

/// Why something can't be done with a case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// No such case, or none the caller may see.
    #[error("there is no case {0}")]
    Unknown(String),
    /// No such parcel, or none the caller may see.
    #[error("there is no parcel {0}; name one by its id or tracking number")]
    NoSubject(String),
    /// The step isn't allowed, or what it says isn't.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was sent isn't acceptable.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The case to merge into is closed.
    #[error("case {into} is {state}; reopen it first or name an open one")]
    Closed {
        /// Which.
        into: CaseId,
        /// Where it stands.
        state: State,
    },
    /// The depot's own cases close by themselves and come back under the same id.
    #[error("a case of the depot itself can't be merged; resolve it instead")]
    OfTheDepot,
    /// Too many saved filters.
    #[error("{} filters are saved already; remove one first", super::filters::MAX_SAVED)]
    TooManyFilters,
    /// Too many steps.
    #[error("the case has had {MAX_STEPS} steps and takes no more; open a new one")]
    Full,
    /// A bulk step that was to be all or nothing.
    #[error("{refused} of {} cases refuse the step, so none was changed; mend or leave out those in \"results\"", verdicts.len())]
    Bulk {
        /// How many.
        refused: usize,
        /// All verdicts.
        verdicts: Vec<Verdict>,
    },
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for CaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::NoSubject(_) => Kind::Invalid,
            Self::Refused(e) => e.kind(),
            Self::Invalid(e) => e.kind(),
            Self::Denied(e) => e.kind(),
            Self::Closed { .. }
            | Self::OfTheDepot
            | Self::TooManyFilters
            | Self::Full
            | Self::Bulk { .. } => Kind::Conflict,
            Self::Store(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "case.unknown",
            Self::NoSubject(_) => "case.no_subject",
            Self::Refused(e) => e.code(),
            Self::Invalid(e) => e.code(),
            Self::Denied(e) => e.code(),
            Self::Closed { .. } => "case.target_closed",
            Self::OfTheDepot => "case.of_the_depot",
            Self::TooManyFilters => "case.too_many_filters",
            Self::Full => "case.full",
            Self::Bulk { .. } => "case.bulk_refused",
            Self::Store(e) => e.code(),
        }
    }

    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::NoSubject(_) => vec![Problem::new("/subject", self.to_string())],
            Self::Refused(e) => e.fields(),
            Self::Invalid(e) => e.fields(),
            Self::Unknown(_)
            | Self::Denied(_)
            | Self::Closed { .. }
            | Self::OfTheDepot
            | Self::TooManyFilters
            | Self::Full
            | Self::Bulk { .. }
            | Self::Store(_) => Vec::new(),
        }
    }

    fn extra(&self) -> Map<String, Value> {
        match self {
            Self::Refused(e) => e.extra(),
            Self::Denied(e) => e.extra(),
            Self::Bulk { verdicts, .. } => {
                let results = serde_json::to_value(verdicts).unwrap_or_default();
                [("results".to_owned(), results)].into_iter().collect()
            }
            Self::Unknown(_)
            | Self::NoSubject(_)
            | Self::Invalid(_)
            | Self::Closed { .. }
            | Self::OfTheDepot
            | Self::TooManyFilters
            | Self::Full
            | Self::Store(_) => Map::new(),
        }
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}
