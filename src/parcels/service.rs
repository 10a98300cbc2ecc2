//! The use cases of parcels, each one transaction: load, decide, record.

use super::aggregate::stale_at;
use super::error::ParcelError;
use super::event::{Corrected, Described, Flagged, HandedOver, Moved, Noted, ParcelEvent, Registered, Stale};
use super::inputs::{EventInput, NewParcel};
use super::model::{Facts, Flag, Parcel, ParcelId, Place, Status};
use super::repo::{self, PARCELS};
use super::rules::{self, Gate, Step};
use std::sync::Arc;

use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::cases::model::Case;
use crate::cases::reasons::Reason;
use crate::cases::service as cases;
use crate::deadlines::due::{self, DueKind};
use crate::identity::features::{
    AnswerCases, BulkParcels, CorrectParcels, CreateParcels, EditParcels, ForceParcels, ScanParcels,
};
use crate::identity::grant::{Actor, Grant, Principal, Scope};
use crate::journal::clock::{HEADQUARTERS, Origin, UNENROLLED};
use crate::journal::{self, Aggregate, Cx, Folded, SiteRef, Written, record};
use crate::store::table::Entry;
use crate::store::{Dir, KeyRange, Lane, ReadTx, Store, StoreError, Tenant, WriteTx};

type Result<T> = std::result::Result<T, ParcelError>;

pub use super::repo::{MAX_NUMBER, normal};

/// Rows of one bulk report at the most.
pub const MAX_BULK: usize = 1_000;

/// The parcel `name` (id or number) that `scope` admits, with the ids of others that carry the same number.
///
/// # Errors
/// [`ParcelError::Unknown`] also when it is somebody else's.
pub fn find(tx: &dyn ReadTx, scope: &Scope, name: &str) -> Result<(Entry<Folded<Parcel>>, Vec<ParcelId>)> {
    repo::find(tx, scope, name)?.ok_or_else(|| ParcelError::Unknown(name.to_owned()))
}

/// Which piece of how many a parcel is: parcels of one order of the same distributor are one consignment, and its pieces
/// count in the order in which they were announced. None for one that travels alone, and where they are too many to count.
///
/// # Errors
/// Storage failures.
pub fn piece_of(tx: &dyn ReadTx, parcel: &Parcel) -> Result<Option<(usize, usize)>> {
    let Some(order) = parcel.facts.order_ref.as_deref().filter(|o| !o.trim().is_empty()) else {
        return Ok(None);
    };
    let mut pieces = Vec::new();
    let all = repo::with_order(tx, order)?;
    if all.len() < 2 || all.len() >= repo::MAX_SAME {
        return Ok(None);
    }
    for id in all {
        let other = PARCELS.get(tx, &id)?.map(|row| row.state);
        pieces.extend(
            other.filter(|p| !p.is_void() && p.facts.distributor == parcel.facts.distributor).map(|p| p.id),
        );
    }
    pieces.sort_unstable();
    let n = pieces.iter().position(|id| *id == parcel.id);
    Ok(n.filter(|_| pieces.len() > 1).map(|n| (n + 1, pieces.len())))
}

/// Announces a parcel.
///
/// # Errors
/// When its number is on its way here already, its facts make no sense, or its distributor lies outside the caller's scope.
pub fn create(
    tx: &mut dyn WriteTx,
    grant: &Grant<CreateParcels>,
    cx: &Cx,
    new: NewParcel,
) -> Result<Written<Parcel>> {
    let (number, facts, status) = new.checked()?;
    if !grant.scope().admits_distributor(facts.distributor.as_deref()) {
        let said = "must be one of your own distributors";
        return Err(Invalid::at("/distributor", said).into());
    }
    if let Some(Parcel { id, status, .. }) = under_way(tx, grant.scope(), cx, &number)? {
        return Err(ParcelError::Exists { number, id, status });
    }
    let id = Id::fresh();
    let mut events = vec![ParcelEvent::Registered(Box::new(Registered { number, facts }))];
    if status != Status::Announced {
        let first =
            Step { to: status, occurred_at: None, location: Default::default(), note: None, reason: None };
        // Before it was registered a parcel was anywhere: no step of the table leads to where it is entered.
        events.insert(0, rules::decide_move(&Parcel::new(ParcelId(id)), first, Gate::Own, cx.now)?);
    }
    Ok(record(tx, cx, id, None, events)?)
}

/// What a case about one number on two parcels is about.
const NUMBER: &str = "number";

/// The parcel with this number that is on its way here, among those in `scope`. One of somebody else's is none of the
/// caller's business, not even that there is one: both are announced then, scans ask which one is meant, and the house, and
/// only the house, has a case about it.
fn under_way(
    tx: &mut dyn WriteTx,
    scope: &Scope,
    cx: &Cx,
    number: &str,
) -> std::result::Result<Option<Parcel>, StoreError> {
    let mut beyond = false;
    for id in repo::with_tracking(tx, number)? {
        let Some(row) = PARCELS.get(tx, &id)?.filter(|r| rules::is_open(r.state.status)) else { continue };
        if repo::visible(scope, &row.state) {
            return Ok(Some(row.state));
        }
        beyond |= !row.state.is_void();
    }
    if beyond {
        let detail = format!("{number} was announced by two distributors: find out whose it is");
        cases::raise(tx, cx, Reason::DuplicateScan, NUMBER, number, &detail)?;
    }
    Ok(None)
}

/// What became of a number that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The parcel.
    pub id: ParcelId,
    /// Whether it was not known before.
    pub fresh: bool,
}

/// Announces the parcel `number` unless one with it is on its way already: data of a piece that is yet to come.
///
/// # Errors
/// Storage failures.
pub fn announce(
    tx: &mut dyn WriteTx,
    scope: &Scope,
    cx: &Cx,
    number: &str,
    facts: Facts,
) -> Result<Announced> {
    if let Some(known) = under_way(tx, scope, cx, number)? {
        return Ok(Announced { id: known.id, fresh: false });
    }
    let id = Id::fresh();
    let event = ParcelEvent::Registered(Box::new(Registered { number: number.to_owned(), facts }));
    record::<Parcel>(tx, cx, id, None, vec![event])?;
    Ok(Announced { id: ParcelId(id), fresh: true })
}

/// The parcel `id` as it is, whoever may see it: for what the depot does by itself.
///
/// # Errors
/// Storage failures.
pub fn load(tx: &dyn ReadTx, id: ParcelId) -> std::result::Result<Option<Parcel>, StoreError> {
    Ok(PARCELS.get(tx, &id.0)?.map(|row| row.state))
}

/// Parcels in `status`, in the order they were made or against it, behind `after`; and where to go on. Whoever may see
/// them: for what the depot does by itself.
///
/// # Errors
/// Storage failures.
pub fn in_status(
    tx: &dyn ReadTx,
    status: Status,
    dir: Dir,
    after: Option<Vec<u8>>,
    limit: usize,
) -> std::result::Result<(Vec<Parcel>, Option<Vec<u8>>), StoreError> {
    let range = KeyRange::prefix(&[status as u8]).resume(after);
    let rows = PARCELS.scan(tx, repo::BY_STATUS, &range, dir, limit)?;
    Ok((rows.items.into_iter().map(|e| e.value.state).collect(), rows.next))
}

/// Announces the parcels of a list, each by itself: a row that is refused leaves the others alone.
///
/// # Errors
/// Storage failures; then nothing is kept.
pub fn announce_list(
    tx: &mut dyn WriteTx,
    grant: &Grant<CreateParcels>,
    cx: &Cx,
    rows: Vec<std::result::Result<NewParcel, Invalid>>,
) -> Result<Vec<RowVerdict>> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        match row.map_err(ParcelError::from).and_then(|new| create(tx, grant, cx, new)) {
            Err(ParcelError::Store(e)) => return Err(e.into()),
            verdict => out.push(verdict),
        }
    }
    Ok(out)
}

/// Which gate a caller's own step goes through: forcing takes the right and a reason.
fn gate(who: &Principal) -> Gate {
    if who.features.contains::<ForceParcels>() { Gate::Supervisor } else { Gate::Own }
}

/// Takes one step, or corrects an earlier event when the input names one.
///
/// # Errors
/// When the parcel is unknown, the step not allowed, or the right to correct missing.
pub fn post_event(
    tx: &mut dyn WriteTx,
    grant: &Grant<ScanParcels>,
    cx: &Cx,
    name: &str,
    seen: Option<u64>,
    input: EventInput,
) -> Result<Written<Parcel>> {
    step(tx, grant.principal(), cx, name, seen, input)
}

fn step(
    tx: &mut dyn WriteTx,
    who: &Arc<Principal>,
    cx: &Cx,
    name: &str,
    seen: Option<u64>,
    input: EventInput,
) -> Result<Written<Parcel>> {
    let (found, _) = find(tx, &who.scope, name)?;
    let parcel = &found.value.state;
    if let Some(seen) = seen.filter(|seen| *seen != found.rev) {
        return Err(ParcelError::Stale { id: parcel.id, found: found.rev, seen });
    }
    let event = match input.corrects {
        None => return send(tx, who, cx, found.value, input),
        Some(eid) => {
            who.grant::<CorrectParcels>()?;
            let known = crate::journal::history::<Parcel>(tx, &found.value.line)?
                .iter()
                .any(|(_, e)| e.key.eid == eid.0);
            if !known {
                return Err(Invalid::at("/corrects", format!("{eid} is no event of this parcel")).into());
            }
            let reason = input.reason.filter(|r| !r.trim().is_empty());
            let reason = reason.ok_or_else(|| Invalid::at("/reason", "is needed to correct an event"))?;
            text::optional("/reason", &reason, text::LONG).map_err(|p| Invalid(vec![p]))?;
            ParcelEvent::Corrected(Corrected { eid: eid.0, to: input.status, reason })
        }
    };
    let id = parcel.id.0;
    Ok(record(tx, cx, id, Some(found.value), vec![event])?)
}

/// Takes a step, hands over to another depot, or both.
fn send(
    tx: &mut dyn WriteTx,
    who: &Arc<Principal>,
    cx: &Cx,
    row: Folded<Parcel>,
    input: EventInput,
) -> Result<Written<Parcel>> {
    let (to, note) = (input.next_site, input.note.clone());
    let mut events = Vec::new();
    if to.is_none() || input.status.is_some() {
        events.push(rules::decide_move(&row.state, input.into_step()?, gate(who), cx.now)?);
    }
    if let Some(to) = to {
        let origin = Origin::load(tx)?;
        if to == HEADQUARTERS || to == UNENROLLED || to == origin.site {
            return Err(Invalid::at("/next_site", "must be the number of another depot").into());
        }
        let note = note.filter(|_| events.is_empty());
        events.push(ParcelEvent::HandedOver(HandedOver { to, note }));
    }
    Ok(record(tx, cx, row.state.id.0, Some(row), events)?)
}

/// A scan that finds a parcel where it is said to be already.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When, if longer ago than a request takes.
    pub late: Option<Timestamp>,
    /// Where exactly.
    pub location: Place,
    /// A reason code, when something is wrong with it.
    pub reason: Option<String>,
    /// What there is to remark on it.
    pub note: Option<String>,
}

/// Records that a parcel was seen where it is: its place, and what is wrong with it. A late one speaks of where it was then.
///
/// # Errors
/// When the parcel is unknown or its way had ended.
pub fn confirm(
    tx: &mut dyn WriteTx,
    grant: &Grant<ScanParcels>,
    cx: &Cx,
    id: ParcelId,
    seen: Seen,
) -> Result<Written<Parcel>> {
    let (found, _) = find(tx, grant.scope(), &id.to_string())?;
    let Seen { late, location, reason, note } = seen;
    let to = state_then(tx, &found.value, late)?.status;
    if rules::is_final(to) {
        let ended = rules::IllegalMove { from: to, requested: to, allowed: Vec::new() };
        return Err(rules::MoveError::from(ended).into());
    }
    let event = ParcelEvent::Moved(Moved { to, at: late, location, reason, note, ..Moved::default() });
    Ok(record(tx, cx, id.0, Some(found.value), vec![event])?)
}

/// The parcel as it was at a past moment, as it is now for none; blank when it was not known yet.
///
/// # Errors
/// Storage failures.
pub fn state_then(tx: &dyn ReadTx, row: &Folded<Parcel>, at: Option<Timestamp>) -> Result<Parcel> {
    let Some(at) = at else { return Ok(row.state.clone()) };
    let id = row.state.id;
    Ok(crate::journal::state_at(tx, id.0, row, at)?.unwrap_or_else(|| Parcel::new(id)))
}

/// Takes back an own step of a moment ago. Whoever may scan may take back the scan they just made; which one that is,
/// the station knows.
///
/// # Errors
/// When the parcel is unknown or `event` is no step of it.
pub fn take_back(
    tx: &mut dyn WriteTx,
    grant: &Grant<ScanParcels>,
    cx: &Cx,
    id: ParcelId,
    event: Id,
    reason: &str,
) -> Result<Written<Parcel>> {
    let (found, _) = find(tx, grant.scope(), &id.to_string())?;
    let is_step = |e: &crate::journal::Stamped<ParcelEvent>| {
        e.key.eid == event.0 && matches!(e.event, ParcelEvent::Moved(_))
    };
    if !crate::journal::history::<Parcel>(tx, &found.value.line)?.iter().any(|(_, e)| is_step(e)) {
        return Err(Invalid::at("/corrects", format!("{event} is no step of this parcel")).into());
    }
    let void = Corrected { eid: event.0, to: None, reason: reason.to_owned() };
    Ok(record(tx, cx, id.0, Some(found.value), vec![ParcelEvent::Corrected(void)])?)
}

/// Whether the table lets a parcel go where its delivery takes it.
///
/// # Errors
/// Storage failures.
pub fn may_follow(tx: &dyn ReadTx, id: Id, to: Status) -> std::result::Result<bool, StoreError> {
    let row = PARCELS.get(tx, &id)?;
    Ok(row.is_some_and(|r| rules::admits(r.state.status, to, r.state.before_hold, Gate::Own)))
}

/// Moves a parcel where its delivery took it; false when the table has no such step, and then it stays where it is. With
/// `undoes` only a parcel that is out with a van is moved.
///
/// # Errors
/// Storage failures.
pub fn follow_delivery(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    to: Status,
    reason: Option<String>,
    note: Option<String>,
    undoes: bool,
) -> std::result::Result<bool, StoreError> {
    let Some(row) = PARCELS.get(tx, &id)? else { return Ok(false) };
    let from = row.state.status;
    let steps = rules::admits(from, to, row.state.before_hold, Gate::Own);
    if !steps || undoes && from != Status::OutForDelivery {
        return Ok(false);
    }
    let moved = Moved { to, reason, note, ..Moved::default() };
    record(tx, cx, id, Some(row), vec![ParcelEvent::Moved(moved)])?;
    Ok(true)
}

/// The verdict on one row of a bulk report.
pub type RowVerdict = std::result::Result<Written<Parcel>, ParcelError>;

/// Reports on many parcels. With `atomic` one refused row refuses all; else each row stands for itself.
///
/// # Errors
/// When there are too many rows, or with `atomic` the first refusal.
pub fn post_events(
    tx: &mut dyn WriteTx,
    grant: &Grant<BulkParcels>,
    cx: &Cx,
    rows: Vec<(String, EventInput)>,
    atomic: bool,
) -> Result<Vec<RowVerdict>> {
    if rows.is_empty() || rows.len() > MAX_BULK {
        return Err(Invalid::at("/rows", format!("needs 1 to {MAX_BULK} rows, got {}", rows.len())).into());
    }
    let mut out = Vec::with_capacity(rows.len());
    for (row, (name, input)) in rows.into_iter().enumerate() {
        match step(tx, grant.principal(), cx, &name, None, input) {
            Err(ParcelError::Store(e)) => return Err(e.into()),
            Err(why) if atomic => return Err(ParcelError::Row { row, why: Box::new(why) }),
            verdict => out.push(verdict),
        }
    }
    Ok(out)
}

/// The same for a list, of which some rows could not be read: each row stands for itself.
///
/// # Errors
/// When there are none or too many rows; storage failures, and then nothing is kept.
pub fn post_list(
    tx: &mut dyn WriteTx,
    grant: &Grant<BulkParcels>,
    cx: &Cx,
    rows: Vec<std::result::Result<(String, EventInput), Invalid>>,
) -> Result<Vec<RowVerdict>> {
    if rows.is_empty() || rows.len() > MAX_BULK {
        return Err(Invalid::at("/rows", format!("needs 1 to {MAX_BULK} rows, got {}", rows.len())).into());
    }
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let done = row.map_err(ParcelError::from);
        match done.and_then(|(name, input)| step(tx, grant.principal(), cx, &name, None, input)) {
            Err(ParcelError::Store(e)) => return Err(e.into()),
            verdict => out.push(verdict),
        }
    }
    Ok(out)
}

/// Changes what is known of a parcel.
///
/// # Errors
/// When it has changed since revision `seen`, or leaves the caller's scope.
pub fn describe(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditParcels>,
    cx: &Cx,
    name: &str,
    seen: u64,
    facts: Facts,
) -> Result<Written<Parcel>> {
    let (found, _) = find(tx, grant.scope(), name)?;
    let id = found.value.state.id;
    if found.rev != seen {
        return Err(ParcelError::Stale { id, found: found.rev, seen });
    }
    let leaves = facts.distributor.is_some() || facts.cleared.iter().any(|c| c == "distributor");
    if leaves && !grant.scope().admits_distributor(facts.distributor.as_deref()) {
        return Err(Invalid::at("/distributor", "must be one of your own distributors").into());
    }
    let event = ParcelEvent::Described(Box::new(Described { facts }));
    Ok(record(tx, cx, id.0, Some(found.value), vec![event])?)
}

/// Takes over the new address that the shipper or partner answered with: it replaces the old one as a whole, and the
/// parcel is redirected from then on.
///
/// # Errors
/// When the parcel is unknown or somebody else's, or at its end already.
pub fn redirect(
    tx: &mut dyn WriteTx,
    grant: &Grant<AnswerCases>,
    cx: &Cx,
    id: Id,
    to: Place,
) -> Result<Written<Parcel>> {
    let row = PARCELS.get(tx, &id)?.filter(|row| repo::visible(grant.scope(), &row.state));
    let row = row.ok_or_else(|| ParcelError::Unknown(id.to_string()))?;
    if !rules::is_open(row.state.status) {
        let said = format!("comes too late: the parcel is {}", row.state.status);
        return Err(Invalid::at("/to", said).into());
    }
    let facts = Facts { to, cleared: vec!["to".into()], ..Facts::default() };
    let reason = Some("a new address was given".to_owned());
    let events = vec![
        ParcelEvent::Described(Box::new(Described { facts })),
        ParcelEvent::Flagged(Flagged { flag: Flag::Redirected, on: true, reason }),
    ];
    Ok(record(tx, cx, id, Some(row), events)?)
}

/// Adds a note.
///
/// # Errors
/// When it is empty or too long.
pub fn note(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditParcels>,
    cx: &Cx,
    name: &str,
    note: String,
) -> Result<Written<Parcel>> {
    text::required("/text", &note, text::LONG).map_err(|p: Problem| Invalid(vec![p]))?;
    let (found, _) = find(tx, grant.scope(), name)?;
    let id = found.value.state.id.0;
    Ok(record(tx, cx, id, Some(found.value), vec![ParcelEvent::Noted(Noted { text: note })])?)
}

/// Parcels made stale in one transaction at the most.
const STALE_AT_ONCE: usize = 200;

/// Marks what has been in its status too long. Each deadline fires once, however late: the event names the status and
/// the moment it began, and has no effect on a parcel that has moved on.
///
/// # Errors
/// Storage failures.
pub fn fire_stale(store: &Store, tenant: Tenant, now: Timestamp) -> std::result::Result<usize, StoreError> {
    let waiting = store.read(tenant, |tx| due::passed(tx, DueKind::Stale, now, None, 1))?;
    if waiting.0.is_empty() {
        return Ok(0);
    }
    let fire = move |tx: &mut dyn WriteTx| -> std::result::Result<usize, StoreError> {
        let (passed, _) = due::passed(tx, DueKind::Stale, now, None, STALE_AT_ONCE)?;
        let cx = Cx::new(tx, &Actor::system(), now, "deadline")?;
        let origin = Origin::load(tx)?;
        for d in &passed {
            let row = PARCELS.get(tx, &d.subject)?.filter(|r| r.due == Some(d.at));
            due::replace(tx, DueKind::Stale, d.subject, Some(d.at), None)?;
            // Gone, or with another deadline by now: nothing is due.
            let Some(mut row) = row else { continue };
            // Only the depot that has it acts; what it finds comes to everybody else as a change.
            let ours = row.state.keeper().is_none_or(|site| origin.is(site));
            row.due = stale_at(&cx, &row.state).filter(|_| ours);
            match row.due {
                Some(due) if due <= now => {
                    let (status, since) = (row.state.status, row.state.since);
                    row.due = None;
                    let stale = ParcelEvent::Stale(Stale { status, since, due });
                    record(tx, &cx, d.subject, Some(row), vec![stale])?;
                }
                later => {
                    due::replace(tx, DueKind::Stale, d.subject, None, later)?;
                    PARCELS.put(tx, &d.subject, &row)?;
                }
            }
        }
        Ok(passed.len())
    };
    store.write(tenant, Lane::Bulk, fire).wait()
}

/// Who acts when a deadline of a case passes: whoever acts on its parcel. What headquarters alone finds it acts on itself.
/// None for a case about anything else.
///
/// # Errors
/// Storage failures.
pub fn keeper_of_case(tx: &dyn ReadTx, case: &Case) -> std::result::Result<Option<SiteRef>, StoreError> {
    if case.reason == Reason::Duplicate {
        return Ok(Some(SiteRef::new(HEADQUARTERS, 0)));
    }
    if case.subject.kind != Parcel::NAME {
        return Ok(None);
    }
    Ok(journal::load::<Parcel>(tx, case.subject.id)?.and_then(|row| row.state.keeper()))
}

/// Open parcels whose deadlines are recomputed in one transaction.
const REPLAN_AT_ONCE: usize = 500;

/// Recomputes stale deadlines after the limits changed, a page at a time; returns where to go on.
///
/// # Errors
/// Storage failures.
pub fn replan(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    after: Option<Vec<u8>>,
) -> std::result::Result<Option<Vec<u8>>, StoreError> {
    use crate::journal::Aggregate;
    let range = crate::store::KeyRange::all().resume(after);
    let rows = PARCELS.scan(tx, crate::store::Ix::Primary, &range, crate::store::Dir::Up, REPLAN_AT_ONCE)?;
    for Entry { value: mut row, .. } in rows.items {
        let followed = Parcel::follow(tx, cx, Some(&row), &row.state)?;
        if followed.due != row.due {
            row.due = followed.due;
            PARCELS.put(tx, &row.state.id.0, &row)?;
        }
    }
    Ok(rows.next)
}

/// The state machine as it is published: for each status the steps an own scan may take.
#[must_use]
pub fn state_machine() -> Vec<(Status, Vec<Status>)> {
    Status::ALL.into_iter().map(|s| (s, rules::next_steps(s, None, Gate::Own))).collect()
}
