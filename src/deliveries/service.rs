//! The use cases of deliveries, each one transaction: load, decide, record.

use serde_json::Value;

use super::assign;
use super::error::DeliveryError;
use super::event::{DeliveryEvent, Moved, Requested};
use super::inputs::{NewDelivery, ReasonInput};
use super::model::{Delivery, DeliveryId, Facts, Status};
use super::proof::{Files, Proof};
use super::repo::{self, BY_ASSIGNEE, BY_DISTRIBUTOR, BY_STATUS, DELIVERIES};
use super::{rules, same};
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{
    AssignDeliveries, CancelDeliveries, CreateDeliveries, DeleteDeliveries, EditDeliveries, ProveDeliveries,
};
use crate::identity::grant::{Grant, Principal, Scope};
use crate::jobs::queue::id_at;
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::{Cx, Folded, Written, record};
use crate::parcels::service as parcels;
use crate::store::table::{Entry, cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx, StoreError, WriteTx, counters, key};

type Result<T> = std::result::Result<T, DeliveryError>;

/// The counter of deliveries asked for here.
const LAST_NUMBER: &str = "deliveries/last_number";

/// The delivery `name` (id or number) that `who` may see.
///
/// # Errors
/// [`DeliveryError::Unknown`] also when it is somebody else's.
pub fn find(tx: &dyn ReadTx, who: &Principal, name: &str) -> Result<Entry<Folded<Delivery>>> {
    repo::find(tx, who, name)?.ok_or_else(|| DeliveryError::Unknown(name.to_owned()))
}

/// The delivery with this id, for other areas of the house; none when there is none any more.
///
/// # Errors
/// Storage failures.
pub fn known(tx: &dyn ReadTx, id: Id) -> std::result::Result<Option<Delivery>, StoreError> {
    let found = DELIVERIES.get(tx, &id)?.map(|row| row.state);
    Ok(found.filter(|d| !d.removed && d.number > 0))
}

/// Refuses a change that was made on an older state.
pub(super) fn current(found: u64, seen: Option<u64>) -> Result<()> {
    match seen.filter(|seen| *seen != found) {
        Some(seen) => Err(DeliveryError::Stale { found, seen }),
        None => Ok(()),
    }
}

/// Refuses what another depot has to decide.
pub(super) fn ours(tx: &dyn ReadTx, d: &Delivery) -> Result<()> {
    let origin = Origin::load(tx)?;
    match d.depot {
        Some(depot) if !origin.is(depot) => Err(DeliveryError::Elsewhere(d.number)),
        _ => Ok(()),
    }
}

/// What a request for a delivery led to.
#[derive(Debug)]
pub enum Asked {
    /// A new delivery.
    Made(Box<Written<Delivery>>),
    /// The one that the same request made before.
    Known(Box<Entry<Folded<Delivery>>>),
}

/// Asks for a delivery; with an assignee it is given to them at once. `payload` is the request as it came, from which a
/// key is derived where the client sent none; `same_days` is how long that counts.
///
/// # Errors
/// When something about it is wrong, or it lies outside the caller's scope.
pub fn request(
    tx: &mut dyn WriteTx,
    grant: &Grant<CreateDeliveries>,
    cx: &Cx,
    new: &NewDelivery,
    payload: Option<&Value>,
    same_days: u32,
) -> Result<Asked> {
    let who = grant.principal();
    let key = payload.map(|p| same::key(who.actor.user, p));
    if let Some(key) = key
        && let Some(id) = same::known(tx, key, cx.now, same_days)?
        && let Some(known) = DELIVERIES.entry(tx, &id.0)?.filter(|e| !e.value.state.removed)
    {
        return Ok(Asked::Known(Box::new(known)));
    }
    let mut facts = new.facts()?;
    facts.distributor = distributor(who, facts.distributor)?;
    let parcels = linked(tx, who, &new.parcels)?;
    let assigned = match &new.assigned_to {
        None => None,
        Some(to) => {
            who.grant::<AssignDeliveries>()?;
            let to = assign::assignee(tx, who, cx.now, to, "/assigned_to")?;
            Some(DeliveryEvent::Assigned { to, vehicle: new.vehicle.clone() })
        }
    };
    let id = id_at(cx.now);
    let asked_by = Some(who.actor.user).filter(|u| *u != Id::NIL);
    let first = Attempt { facts, parcels, attempt: 1, previous: None, asked_by };
    let mut events = vec![first.event(tx)?];
    events.extend(assigned);
    let done = record(tx, cx, id, None, events)?;
    if let Some(key) = key {
        same::keep(tx, key, DeliveryId(id), cx.now)?;
    }
    Ok(Asked::Made(Box::new(done)))
}

/// The number of the next delivery.
pub(super) fn next_number(tx: &mut dyn WriteTx) -> std::result::Result<u64, StoreError> {
    counters::add(tx, LAST_NUMBER, 1)?;
    Ok(u64::try_from(counters::get(tx, LAST_NUMBER)?).unwrap_or_default())
}

/// The parcels of these names, wherever their way is.
pub(super) fn known_parcels(tx: &dyn ReadTx, who: &Principal, names: &[String]) -> Result<Vec<Id>> {
    let (mut ids, mut wrong): (Vec<Id>, Vec<Problem>) = (Vec::new(), Vec::new());
    for (n, name) in names.iter().enumerate() {
        match parcels::find(tx, &who.scope, name) {
            Ok((found, _)) if ids.contains(&found.value.state.id.0) => {}
            Ok((found, _)) => ids.push(found.value.state.id.0),
            Err(e) => wrong.push(Problem::new(format!("/parcels/{n}"), e.to_string())),
        }
    }
    if wrong.is_empty() { Ok(ids) } else { Err(Invalid(wrong).into()) }
}

/// A delivery to be.
pub(super) struct Attempt {
    pub(super) facts: Facts,
    pub(super) parcels: Vec<Id>,
    pub(super) attempt: u32,
    pub(super) previous: Option<DeliveryId>,
    pub(super) asked_by: Option<Id>,
}

impl Attempt {
    /// Its first event, with the next number.
    pub(super) fn event(self, tx: &mut dyn WriteTx) -> std::result::Result<DeliveryEvent, StoreError> {
        let Self { facts, parcels, attempt, previous, asked_by } = self;
        let origin = Origin::load(tx)?;
        let number = next_number(tx)?;
        let depot = SiteRef::new(origin.site, origin.epoch);
        let asked = Requested { number, depot, asked_by, facts, parcels, attempt, previous };
        Ok(DeliveryEvent::Requested(Box::new(asked)))
    }
}

/// Whose delivery it becomes: of somebody who works for distributors it is always one of theirs.
fn distributor(who: &Principal, asked: Option<String>) -> Result<Option<String>> {
    match (&who.scope, asked) {
        (Scope::Distributors(own), None) if own.len() == 1 => Ok(own.first().cloned()),
        (scope, asked) if scope.admits_distributor(asked.as_deref()) => Ok(asked),
        (Scope::Own, _) => {
            Err(Invalid::at("/", "you see what is assigned to you only, and can't ask for others").into())
        }
        _ => Err(Invalid::at("/distributor", "must be one of your own distributors").into()),
    }
}

fn linked(tx: &dyn ReadTx, who: &Principal, names: &[String]) -> Result<Vec<Id>> {
    let (mut ids, mut wrong) = (Vec::new(), Vec::new());
    for (n, name) in names.iter().enumerate() {
        let at = format!("/parcels/{n}");
        match parcels::find(tx, &who.scope, name) {
            Ok((found, _)) => {
                let (id, status) = (found.value.state.id.0, found.value.state.status);
                if crate::parcels::rules::is_final(status) {
                    wrong.push(Problem::new(at, format!("parcel {name} is {status}: its way has ended")));
                } else if ids.contains(&id) {
                    wrong.push(Problem::new(at, format!("parcel {name} is named twice")));
                } else {
                    ids.push(id);
                }
            }
            Err(e) => wrong.push(Problem::new(at, e.to_string())),
        }
    }
    if wrong.is_empty() { Ok(ids) } else { Err(Invalid(wrong).into()) }
}

/// Changes what has to be done, before it is on its way.
///
/// # Errors
/// When it has begun or ended, or has changed since revision `seen`.
pub fn describe(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditDeliveries>,
    cx: &Cx,
    name: &str,
    seen: u64,
    new: &NewDelivery,
) -> Result<Written<Delivery>> {
    let found = find(tx, grant.principal(), name)?;
    current(found.rev, Some(seen))?;
    let d = &found.value.state;
    ours(tx, d)?;
    if !matches!(d.status, Status::Created | Status::Assigned) {
        let remedy = "what has to be done can be changed only before it leaves";
        return Err(DeliveryError::Closed { number: d.number, status: d.status, remedy });
    }
    let mut facts = new.facts()?;
    let asked = facts.distributor.or_else(|| d.facts.distributor.clone());
    facts.distributor = distributor(grant.principal(), asked)?;
    let id = d.id.0;
    Ok(record(tx, cx, id, Some(found.value), vec![DeliveryEvent::Described(Box::new(facts))])?)
}

/// Deletes a delivery that never began.
///
/// # Errors
/// When it has begun, or has changed since revision `seen`.
pub fn remove(
    tx: &mut dyn WriteTx,
    grant: &Grant<DeleteDeliveries>,
    cx: &Cx,
    name: &str,
    seen: u64,
) -> Result<()> {
    let found = find(tx, grant.principal(), name)?;
    current(found.rev, Some(seen))?;
    let d = &found.value.state;
    ours(tx, d)?;
    if !matches!(d.status, Status::Created | Status::Cancelled) {
        let remedy = "only one that was never given to anybody, or was called off, can be deleted; cancel it";
        return Err(DeliveryError::Closed { number: d.number, status: d.status, remedy });
    }
    let id = d.id.0;
    record(tx, cx, id, Some(found.value), vec![DeliveryEvent::Removed {}])?;
    Ok(())
}

/// Calls a delivery off before it has left. Parcels that were on the van already are back at the depot.
///
/// # Errors
/// When it is on its way or its way has ended, or no reason is given.
pub fn cancel(
    tx: &mut dyn WriteTx,
    grant: &Grant<CancelDeliveries>,
    cx: &Cx,
    name: &str,
    input: &ReasonInput,
) -> Result<Written<Delivery>> {
    let found = find(tx, grant.principal(), name)?;
    current(found.rev, input.version)?;
    step_allowed(&found.value.state, Status::Cancelled)?;
    ours(tx, &found.value.state)?;
    let reason = input.reason.clone().unwrap_or_default();
    text::required("/reason", &reason, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    call_off(tx, cx, found.value, reason)
}

/// Calls a delivery off: its parcels are back at the depot.
pub(super) fn call_off(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    row: Folded<Delivery>,
    reason: String,
) -> Result<Written<Delivery>> {
    for leg in &row.state.legs {
        let note = Some(format!("delivery {} was called off", row.state.number));
        parcels::follow_delivery(
            tx,
            cx,
            leg.parcel,
            crate::parcels::model::Status::AtDepot,
            None,
            note,
            true,
        )?;
    }
    let moved = Moved {
        to: Status::Cancelled,
        at: None,
        position: None,
        note: None,
        reason: Some(reason),
        outcomes: Vec::new(),
    };
    let id = row.state.id.0;
    Ok(record(tx, cx, id, Some(row), vec![DeliveryEvent::Moved(Box::new(moved))])?)
}

/// Refuses a step that the table does not have.
pub(super) fn step_allowed(d: &Delivery, to: Status) -> Result<()> {
    if rules::admits(d.status, to) {
        return Ok(());
    }
    Err(DeliveryError::Illegal { from: d.status, requested: to, allowed: rules::next(d.status) })
}

/// Adds proof: while it is on its way, or afterwards when the line was down at the door.
///
/// # Errors
/// When it never left, the proof makes no sense, or a file is not known.
pub fn prove(
    tx: &mut dyn WriteTx,
    grant: &Grant<ProveDeliveries>,
    cx: &Cx,
    name: &str,
    mut proof: Proof,
    files: &dyn Files,
) -> Result<Written<Delivery>> {
    let found = find(tx, grant.principal(), name)?;
    let d = &found.value.state;
    if !matches!(d.status, Status::InTransit | Status::Completed | Status::Failed) {
        let remedy = "proof is taken at the door; start it first";
        return Err(DeliveryError::Closed { number: d.number, status: d.status, remedy });
    }
    if d.proofs.len() >= super::model::MAX_PROOFS {
        let said = format!("the delivery has {} proofs; at most that many are kept", d.proofs.len());
        return Err(Invalid::at("/", said).into());
    }
    let mut wrong = proof.check("");
    wrong.extend(unknown_files(tx, files, &proof, "")?);
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    proof.at.get_or_insert(cx.now);
    let id = d.id.0;
    Ok(record(tx, cx, id, Some(found.value), vec![DeliveryEvent::Proved(Box::new(proof))])?)
}

/// The photos of a proof that nobody has.
pub(super) fn unknown_files(
    tx: &dyn ReadTx,
    files: &dyn Files,
    proof: &Proof,
    at: &str,
) -> Result<Vec<Problem>> {
    let mut wrong = Vec::new();
    for (n, photo) in proof.photos.iter().enumerate() {
        if !files.has(tx, photo)? {
            wrong.push(Problem::new(format!("{at}/photos/{n}"), "is a file nobody has sent; send it first"));
        }
    }
    Ok(wrong)
}

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this status.
    pub status: Option<Status>,
    /// Of this user.
    pub assignee: Option<Id>,
}

/// Rows one page looks at when no index serves its filter.
const LOOK_AT: usize = 2_000;

/// A page of deliveries that `who` may see, oldest first.
///
/// # Errors
/// When the cursor is wrong; storage failures.
pub fn list(
    tx: &dyn ReadTx,
    who: &Principal,
    filter: &Filter,
    n: usize,
    from: Option<&str>,
) -> Result<(Vec<Entry<Folded<Delivery>>>, Option<String>)> {
    let own = matches!(who.scope, Scope::Own).then_some(who.actor.user).or(filter.assignee);
    let (ix, range) = match (&who.scope, own, filter.status) {
        (_, Some(user), _) => (BY_ASSIGNEE, KeyRange::prefix(&user.0)),
        (Scope::Distributors(ours), None, _) if ours.len() == 1 => {
            (BY_DISTRIBUTOR, KeyRange::prefix(&key::text_then(&ours[0], &[])))
        }
        (_, None, Some(status)) => (BY_STATUS, KeyRange::prefix(&[status as u8])),
        (_, None, None) => (Ix::Primary, KeyRange::all()),
    };
    let wanted = |e: &Entry<Folded<Delivery>>| {
        let d = &e.value.state;
        repo::visible(who, d)
            && filter.status.is_none_or(|s| s == d.status)
            && filter.assignee.is_none_or(|a| d.assignee.as_ref().is_some_and(|own| own.id == a))
    };
    let (mut items, mut looked, mut after) = (Vec::new(), 0, position(from)?);
    loop {
        let most = (n - items.len()).min(LOOK_AT - looked);
        let rows = DELIVERIES.scan(tx, ix, &range.clone().resume(after), Dir::Up, most)?;
        looked += rows.items.len();
        items.extend(rows.items.into_iter().filter(wanted));
        after = rows.next;
        if after.is_none() || items.len() >= n || looked >= LOOK_AT {
            return Ok((items, after.as_ref().map(cursor).transpose()?));
        }
    }
}
