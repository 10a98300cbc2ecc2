//! The way of a delivery: it leaves, arrives or comes back, and its parcels with it.

use std::time::Duration;

use super::error::DeliveryError;
use super::event::{DeliveryEvent, Moved};
use super::inputs::{OutcomeInput, StatusInput};
use super::model::{Delivery, Outcome, Status, Window};
use super::proof::Files;
use super::rules::{self, Reason};
use super::service::{Attempt, current, find, ours, step_allowed, unknown_files};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::identity::features::MoveDeliveries;
use crate::identity::grant::{Grant, Principal, Scope};
use crate::jobs::queue::id_at;
use crate::journal::{Cx, Folded, Written, record};
use crate::parcels::model::Status as ParcelStatus;
use crate::parcels::rules::LATE_AFTER;
use crate::parcels::service as parcels;
use crate::store::{ReadTx, WriteTx};

type Result<T> = std::result::Result<T, DeliveryError>;

/// How a depot handles failures, and where attached files are known.
#[derive(Clone, Copy)]
pub struct House<'a> {
    /// Attempts before a parcel that could not be delivered goes back.
    pub attempts: u32,
    /// Attached files.
    pub files: &'a dyn Files,
}

/// Takes a step on a delivery's way: it leaves, is handed over, or could not be.
///
/// # Errors
/// When the table does not allow it, a parcel is missing, or proof is.
pub fn change_status(
    tx: &mut dyn WriteTx,
    grant: &Grant<MoveDeliveries>,
    cx: &Cx,
    name: &str,
    input: &StatusInput,
    house: House<'_>,
) -> Result<Written<Delivery>> {
    let to: Status = input.status.parse().map_err(|why: String| Invalid::at("/status", why))?;
    let position = input.position()?;
    let found = find(tx, grant.principal(), name)?;
    current(found.rev, input.version)?;
    let d = &found.value.state;
    step_allowed(d, to)?;
    ours(tx, d)?;
    let at = late(input.occurred_at, cx.now)?;
    let go = Go { at, position, input };
    match to {
        Status::InTransit => start(tx, cx, found.value, &go),
        Status::Completed => complete(tx, cx, grant.principal(), found.value, &go, house),
        Status::Failed => fail(tx, cx, found.value, &go, house),
        Status::Created | Status::Assigned | Status::Cancelled => {
            let said = "is reached by its own call: POST …/unassign, …/assign or …/cancel";
            Err(Invalid::at("/status", said).into())
        }
    }
}

/// The moment that is told, when it is longer ago than a request takes.
fn late(at: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>> {
    if at.is_some_and(|at| at.since(now) > LATE_AFTER) {
        return Err(Invalid::at("/occurred_at", format!("lies in the future (it is {now})")).into());
    }
    Ok(at.filter(|at| now.since(*at) > LATE_AFTER))
}

struct Go<'a> {
    at: Option<Timestamp>,
    position: Option<Position>,
    input: &'a StatusInput,
}

impl Go<'_> {
    fn event(&self, to: Status, reason: Option<String>, outcomes: Vec<(Id, Outcome)>) -> DeliveryEvent {
        DeliveryEvent::Moved(Box::new(Moved {
            to,
            at: self.at,
            position: self.position,
            note: self.input.notes.clone(),
            reason,
            outcomes,
        }))
    }

    fn parcel(
        &self,
        tx: &mut dyn WriteTx,
        cx: &Cx,
        id: Id,
        to: ParcelStatus,
        why: Option<String>,
    ) -> Result<()> {
        let note = self.input.notes.clone();
        // One that the table holds back stays where it is: a person scanned it somewhere else meanwhile.
        parcels::follow_delivery(tx, cx, id, to, why, note, false)?;
        Ok(())
    }
}

/// It leaves: every parcel has to be where it can leave from, unless somebody confirms that it is not with them.
fn start(tx: &mut dyn WriteTx, cx: &Cx, row: Folded<Delivery>, go: &Go<'_>) -> Result<Written<Delivery>> {
    let mut missing = Vec::new();
    for leg in &row.state.legs {
        if !parcels::may_follow(tx, leg.parcel, ParcelStatus::OutForDelivery)? {
            missing.push(number_of(tx, leg.parcel)?);
        }
    }
    if !missing.is_empty() && !go.input.confirm_missing {
        return Err(DeliveryError::Missing(missing));
    }
    for leg in &row.state.legs {
        go.parcel(tx, cx, leg.parcel, ParcelStatus::OutForDelivery, None)?;
    }
    let id = row.state.id.0;
    let event = go.event(Status::InTransit, None, Vec::new());
    Ok(record(tx, cx, id, Some(row), vec![event])?)
}

fn number_of(tx: &dyn ReadTx, parcel: Id) -> Result<String> {
    match parcels::find(tx, &Scope::Tenant, &parcel.to_string()) {
        Ok((found, _)) => Ok(found.value.state.number),
        Err(crate::parcels::error::ParcelError::Store(e)) => Err(e.into()),
        Err(_) => Ok(parcel.to_string()),
    }
}

/// What is said of single parcels, by their ids.
fn outcomes(tx: &dyn ReadTx, d: &Delivery, said: &[OutcomeInput]) -> Result<Vec<(Id, Outcome)>> {
    let (mut out, mut wrong): (Vec<(Id, Outcome)>, Vec<Problem>) = (Vec::new(), Vec::new());
    for (n, OutcomeInput { parcel, delivered, reason }) in said.iter().enumerate() {
        let id = parcels::find(tx, &Scope::Tenant, parcel).ok().map(|(found, _)| found.value.state.id.0);
        let Some(id) = id.filter(|id| d.legs.iter().any(|l| l.parcel == *id)) else {
            wrong.push(Problem::new(
                format!("/parcels/{n}/parcel"),
                format!("{parcel} is not in this delivery"),
            ));
            continue;
        };
        if out.iter().any(|(known, _)| *known == id) {
            wrong.push(Problem::new(format!("/parcels/{n}/parcel"), format!("{parcel} is named twice")));
        }
        let code = reason.as_deref().and_then(rules::reason_of);
        if !*delivered && code.is_none() {
            let said = format!("says why it was not handed over: one of {}", rules::codes());
            wrong.push(Problem::new(format!("/parcels/{n}/reason"), said));
        }
        let reason = code.filter(|_| !*delivered).map(|r| r.code.to_owned());
        out.push((id, Outcome { delivered: *delivered, reason }));
    }
    if wrong.is_empty() { Ok(out) } else { Err(Invalid(wrong).into()) }
}

/// It is handed over, all of it or some.
fn complete(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    who: &Principal,
    row: Folded<Delivery>,
    go: &Go<'_>,
    house: House<'_>,
) -> Result<Written<Delivery>> {
    let d = row.state.clone();
    let mut outcomes = outcomes(tx, &d, &go.input.parcels)?;
    for leg in &d.legs {
        if !outcomes.iter().any(|(id, _)| *id == leg.parcel) {
            outcomes.push((leg.parcel, Outcome { delivered: true, reason: None }));
        }
    }
    if !outcomes.is_empty() && outcomes.iter().all(|(_, o)| !o.delivered) {
        let said = "none of its parcels was handed over: that is failed, with a reason";
        return Err(Invalid::at("/status", said).into());
    }
    let mut events = Vec::new();
    if let Some(proof) = &go.input.proof {
        if !who.features.contains::<crate::identity::features::ProveDeliveries>() {
            let said = "adding proof takes the feature deliveries.proof";
            return Err(Invalid::at("/proof", said).into());
        }
        let wrong = unknown_files(tx, house.files, proof, "/proof")?;
        if !wrong.is_empty() {
            return Err(Invalid(wrong).into());
        }
        let proof = super::proof::Proof { at: proof.at.or(Some(cx.now)), ..proof.clone() };
        events.push(DeliveryEvent::Proved(Box::new(proof)));
    }
    let there: Vec<_> = d.proofs.iter().chain(go.input.proof.as_ref()).flat_map(|p| p.kinds()).collect();
    let missing: Vec<&str> = d.facts.needs.iter().filter(|k| !there.contains(k)).map(kind_name).collect();
    if !missing.is_empty() {
        return Err(DeliveryError::Unproved(missing.join(", ")));
    }
    let mut left: Vec<(Id, &'static Reason)> = Vec::new();
    for (parcel, outcome) in &outcomes {
        match outcome.reason.as_deref().and_then(rules::reason_of) {
            Some(reason) => left.push((*parcel, reason)),
            None => go.parcel(tx, cx, *parcel, ParcelStatus::Delivered, None)?,
        }
    }
    plan(tx, cx, &d, &left, go, house)?;
    events.push(go.event(Status::Completed, None, outcomes));
    Ok(record(tx, cx, d.id.0, Some(row), events)?)
}

fn kind_name(kind: &super::proof::Kind) -> &'static str {
    use super::proof::Kind;
    match kind {
        Kind::Name => "name",
        Kind::Signature => "signature",
        Kind::Photo => "photo",
        Kind::Code => "code",
        Kind::Scan => "scan",
    }
}

/// It could not be handed over.
fn fail(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    row: Folded<Delivery>,
    go: &Go<'_>,
    house: House<'_>,
) -> Result<Written<Delivery>> {
    let d = row.state.clone();
    let Some(reason) = go.input.reason.as_deref().and_then(rules::reason_of) else {
        return Err(Invalid::at("/reason", format!("must be one of {}", rules::codes())).into());
    };
    let photo = d.proofs.iter().chain(go.input.proof.as_ref()).any(|p| !p.photos.is_empty());
    if reason.photo && !photo {
        return Err(DeliveryError::Unproved("a photo".into()));
    }
    let mut outcomes = outcomes(tx, &d, &go.input.parcels)?;
    if let Some(n) = outcomes.iter().position(|(_, o)| o.delivered) {
        let said = "was handed over: the delivery is completed then, with the rest as not delivered";
        return Err(Invalid::at(format!("/parcels/{n}"), said).into());
    }
    for leg in &d.legs {
        if !outcomes.iter().any(|(id, _)| *id == leg.parcel) {
            let why = Some(reason.code.to_owned());
            outcomes.push((leg.parcel, Outcome { delivered: false, reason: why }));
        }
    }
    let left: Vec<(Id, &'static Reason)> = outcomes
        .iter()
        .map(|(id, o)| (*id, o.reason.as_deref().and_then(rules::reason_of).unwrap_or(reason)))
        .collect();
    let left = if d.legs.is_empty() { vec![(Id::NIL, reason)] } else { left };
    plan(tx, cx, &d, &left, go, house)?;
    let mut events = Vec::new();
    if let Some(proof) = &go.input.proof {
        let proof = super::proof::Proof { at: proof.at.or(Some(cx.now)), ..proof.clone() };
        events.push(DeliveryEvent::Proved(Box::new(proof)));
    }
    events.push(go.event(Status::Failed, Some(reason.code.to_owned()), outcomes));
    Ok(record(tx, cx, d.id.0, Some(row), events)?)
}

const DAY: Duration = Duration::from_secs(86_400);

/// Moves what was left, and plans the next attempt for what may be tried again; the rest goes back or waits for a person.
fn plan(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    d: &Delivery,
    left: &[(Id, &'static Reason)],
    go: &Go<'_>,
    house: House<'_>,
) -> Result<()> {
    let mut again: Vec<(Id, u8)> = Vec::new();
    for (parcel, reason) in left {
        let known = *parcel != Id::NIL;
        if known {
            go.parcel(tx, cx, *parcel, reason.parcel, Some(reason.code.to_owned()))?;
        }
        match reason.again_after_days {
            Some(days) if d.attempt < house.attempts => again.push((*parcel, days)),
            Some(_) if known => go.parcel(tx, cx, *parcel, ParcelStatus::Returning, None)?,
            None if known && reason.code == "refused" => {
                go.parcel(tx, cx, *parcel, ParcelStatus::Returning, None)?;
            }
            Some(_) | None => {}
        }
    }
    if again.is_empty() {
        return Ok(());
    }
    let days = again.iter().map(|(_, days)| *days).max().unwrap_or_default();
    let mut facts = d.facts.clone();
    // The recipient's hours are the same another day.
    facts.window = facts.window.map(|w| {
        let moved = |t: Timestamp| {
            let mut t = t.after(DAY * u32::from(days));
            while t < cx.now {
                t = t.after(DAY);
            }
            t
        };
        let to = moved(w.to);
        Window { from: to.before(w.to.since(w.from)), to }
    });
    let parcels = again.iter().map(|(p, _)| *p).filter(|p| *p != Id::NIL).collect();
    let next = Attempt { facts, parcels, attempt: d.attempt + 1, previous: Some(d.id), asked_by: d.asked_by };
    let event = next.event(tx)?;
    record::<Delivery>(tx, cx, id_at(cx.now), None, vec![event])?;
    Ok(())
}
