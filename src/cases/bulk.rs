//! One case for many parcels, and what can be said of any case beside its steps: whose fault it is, what it costs, what
//! those concerned answered.

use super::event::CaseEvent;
use super::model::{About, AnswerKind, Case, PARCELS};
use super::reasons::{Fault, Reason};
use super::repo::{self, Wanted, Which};
use super::rules::{self, CaseId, State};
use super::service::{self, CaseError, MAX_STEPS};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::base::text;
use crate::identity::features::{BulkCases, Feature, WorkCases};
use crate::identity::grant::{Grant, Scope};
use crate::journal::{Cx, Folded, Written, record};
use crate::store::WriteTx;
use crate::store::table::Entry;

/// Parcels one bulk case may have.
pub const MAX_PARCELS: usize = 2_000;
/// Parcels named in one change, so that a change stays well within what travels.
const AT_ONCE: usize = 500;
/// Currencies one case may cost in.
pub const MAX_CURRENCIES: usize = 8;
/// Minor units one amount may have: ten thousand million.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// Cases of one parcel that a bulk case takes in.
const MAX_TAKEN_IN: usize = 10;

/// A bulk case to be opened.
#[derive(Clone, Debug)]
pub struct NewBulk {
    /// Why.
    pub reason: Reason,
    /// What people call it: "storm, route 7".
    pub name: String,
    /// In words.
    pub detail: String,
    /// The parcels.
    pub parcels: Vec<Id>,
    /// Whether the parcels' own open cases of the same reason are merged into it.
    pub takes_in: bool,
}

/// Opens one case for many parcels. The caller has made sure that they are there and within the scope.
///
/// # Errors
/// No parcels or more than [`MAX_PARCELS`], texts that are missing or too long, a caller who does not see the whole house.
pub fn open(
    tx: &mut dyn WriteTx,
    grant: &Grant<BulkCases>,
    cx: &Cx,
    new: &NewBulk,
) -> Result<(Written<Case>, usize), CaseError> {
    whole_house(grant)?;
    let parcels = distinct(&new.parcels);
    counted("/subjects", parcels.len(), 1)?;
    let name = text::required("/name", &new.name, text::SHORT);
    let detail = text::optional("/detail", &new.detail, text::LONG);
    let problems: Vec<_> = [name, detail].into_iter().filter_map(Result::err).collect();
    if !problems.is_empty() {
        return Err(Invalid(problems).into());
    }
    service::may_be_raised(new.reason)?;
    let subject = About { kind: PARCELS.into(), id: Id::NIL, label: new.name.clone(), distributor: None };
    let clock = rules::clock_by(&cx.policy, new.reason, cx.now);
    let opened =
        CaseEvent::Opened { subject, reason: new.reason, detail: new.detail.clone(), at: cx.now, clock };
    let joins = parcels.chunks(AT_ONCE).map(|some| CaseEvent::Joined { parcels: some.to_vec() });
    let events = std::iter::once(opened).chain(joins).collect();
    let written = record::<Case>(tx, cx, Id::fresh(), None, events)?;
    let taken_in = if new.takes_in { take_in(tx, grant, cx, &written.state)? } else { 0 };
    Ok((written, taken_in))
}

/// Merges the open cases of the same reason that the parcels have of their own into `bulk`; returns how many.
fn take_in(tx: &mut dyn WriteTx, grant: &Grant<BulkCases>, cx: &Cx, bulk: &Case) -> Result<usize, CaseError> {
    let mut merged = 0;
    for parcel in &bulk.parcels {
        let wanted = Wanted {
            which: Which::Open,
            reason: Some(bulk.reason),
            subject: Some(*parcel),
            ..Wanted::default()
        };
        let (own, _) = repo::list(tx, &service::reader(grant), &wanted, cx.now, None, MAX_TAKEN_IN)?;
        for Entry { value, .. } in own.into_iter().filter(|e| e.value.line.n < MAX_STEPS) {
            let id = value.state.id.0;
            record(tx, cx, id, Some(value), vec![CaseEvent::Merged { into: bulk.id }])?;
            merged += 1;
        }
    }
    Ok(merged)
}

fn distinct(ids: &[Id]) -> Vec<Id> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn counted(pointer: &str, n: usize, least: usize) -> Result<(), Invalid> {
    if (least..=MAX_PARCELS).contains(&n) {
        return Ok(());
    }
    Err(Invalid::at(pointer, format!("a bulk case has {least} to {MAX_PARCELS} parcels, this makes {n}")))
}

fn whole_house<F: Feature>(grant: &Grant<F>) -> Result<(), CaseError> {
    match grant.scope() {
        Scope::Tenant => Ok(()),
        Scope::Distributors(_) | Scope::Own => {
            Err(Invalid::at("/subjects", "only who sees the whole house can open one case for many parcels")
                .into())
        }
    }
}

/// Changes which parcels a bulk case is about.
///
/// # Errors
/// When it is no bulk case, is closed, or would have none or too many.
pub fn change(
    tx: &mut dyn WriteTx,
    grant: &Grant<BulkCases>,
    cx: &Cx,
    id: CaseId,
    add: &[Id],
    remove: &[Id],
) -> Result<Written<Case>, CaseError> {
    let row = open_row(tx, grant, id)?;
    let case = &row.state;
    if !case.is_bulk() {
        return Err(Invalid::at("/add", "the case is about one record; open a bulk case for many").into());
    }
    if !case.state.is_open() {
        return Err(CaseError::Closed { into: id, state: case.state });
    }
    let had = |id: &Id| case.parcels.binary_search(id).is_ok();
    let add: Vec<Id> = distinct(add).into_iter().filter(|id| !had(id)).collect();
    let remove: Vec<Id> = distinct(remove).into_iter().filter(had).collect();
    counted("/add", case.parcels.len() + add.len() - remove.len(), 1)?;
    let joins = add.chunks(AT_ONCE).map(|some| CaseEvent::Joined { parcels: some.to_vec() });
    let parts = remove.chunks(AT_ONCE).map(|some| CaseEvent::Parted { parcels: some.to_vec() });
    let events: Vec<_> = joins.chain(parts).collect();
    write(tx, cx, row, events)
}

/// Says whose doing a case is.
///
/// # Errors
/// When there is no such case, or it has gone into another.
pub fn blame(
    tx: &mut dyn WriteTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    id: CaseId,
    fault: Fault,
) -> Result<Written<Case>, CaseError> {
    let row = open_row(tx, grant, id)?;
    let events = if row.state.fault() == fault { Vec::new() } else { vec![CaseEvent::Blamed { fault }] };
    write(tx, cx, row, events)
}

/// Books what a case costs, on top of what it cost before; less than nothing takes back.
///
/// # Errors
/// When there is no such case, it has gone into another, or the amount makes no sense.
pub fn cost(
    tx: &mut dyn WriteTx,
    grant: &Grant<WorkCases>,
    cx: &Cx,
    id: CaseId,
    amount: &Money,
    what: &str,
) -> Result<Written<Case>, CaseError> {
    let row = open_row(tx, grant, id)?;
    checked(&row.state, amount)?;
    text::optional("/what", what, text::LONG).map_err(|p| Invalid(vec![p]))?;
    write(tx, cx, row, vec![CaseEvent::Costed { amount: amount.clone(), what: what.to_owned() }])
}

fn checked(case: &Case, amount: &Money) -> Result<(), Invalid> {
    let Money { minor, currency } = amount;
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Invalid::at("/amount/currency", "must be a three-letter ISO 4217 code such as EUR"));
    }
    if *minor == 0 || minor.saturating_abs() > MAX_AMOUNT {
        return Err(Invalid::at("/amount/minor", format!("must lie within {MAX_AMOUNT} and not be 0")));
    }
    if case.costs.len() >= MAX_CURRENCIES && !case.costs.contains_key(currency) {
        return Err(Invalid::at(
            "/amount/currency",
            format!("the case costs in {MAX_CURRENCIES} currencies already; book it in one of them"),
        ));
    }
    Ok(())
}

/// Notes what those concerned answered. A case that waited comes back to the desk.
///
/// # Errors
/// When there is no such case for the caller, it is closed, or the note is too long or, with
/// [`AnswerKind::Other`], missing.
pub fn answer<F: Feature>(
    tx: &mut dyn WriteTx,
    grant: &Grant<F>,
    cx: &Cx,
    id: CaseId,
    answer: AnswerKind,
    note: &str,
) -> Result<Written<Case>, CaseError> {
    let row = open_row(tx, grant, id)?;
    if !row.state.state.is_open() {
        return Err(CaseError::Closed { into: id, state: row.state.state });
    }
    let said = match answer {
        AnswerKind::Other => text::required("/note", note, text::LONG),
        _ => text::optional("/note", note, text::LONG),
    };
    said.map_err(|p| Invalid(vec![p]))?;
    write(tx, cx, row, vec![CaseEvent::Answered { answer, note: note.to_owned() }])
}

/// The case `id`, if something may still be said of it.
fn open_row<F: Feature>(
    tx: &mut dyn WriteTx,
    grant: &Grant<F>,
    id: CaseId,
) -> Result<Folded<Case>, CaseError> {
    let row = service::find(tx, grant, id)?.value;
    if row.state.state == State::Merged {
        return Err(CaseError::Closed { into: id, state: State::Merged });
    }
    if row.line.n >= MAX_STEPS {
        return Err(CaseError::Full);
    }
    Ok(row)
}

fn write(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    row: Folded<Case>,
    events: Vec<CaseEvent>,
) -> Result<Written<Case>, CaseError> {
    let id = row.state.id.0;
    if events.is_empty() {
        let rev = repo::CASES.entry(tx, &id)?.map_or(0, |e| e.rev);
        return Ok(Written { state: row.state, rev, eids: Vec::new(), opened: Vec::new() });
    }
    Ok(record(tx, cx, id, Some(row), events)?)
}
