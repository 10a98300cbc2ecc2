//! What events make of a delivery. Never fails: a step that does not fit keeps its event and is a contradiction for a
//! person; the first end in fold order is the end.

use super::event::{DeliveryEvent, Moved, Requested, Told};
use super::model::{Delivery, Elsewhere, Issue, Leg, MAX_PROOFS, MAX_REMEMBERED, Outcome, Status, Taken};
use super::rules;
use crate::journal::Stamped;

pub(super) fn fold(mut d: Delivery, e: &Stamped<DeliveryEvent>) -> Delivery {
    match &e.event {
        DeliveryEvent::Requested(r) => requested(d, e, r),
        DeliveryEvent::Assigned { to, vehicle } => {
            if enter(&mut d, e, Status::Assigned) {
                if let Some(step) = d.steps.last_mut() {
                    step.assignee = Some(to.name.clone());
                }
                (d.assignee, d.vehicle) = (Some(to.clone()), vehicle.clone());
            }
            d
        }
        DeliveryEvent::Unassigned { reason } => {
            if enter(&mut d, e, Status::Created) {
                if let Some(step) = d.steps.last_mut() {
                    step.reason.clone_from(reason);
                }
                (d.assignee, d.vehicle) = (None, None);
            }
            d
        }
        DeliveryEvent::Moved(m) => moved(d, e, m),
        DeliveryEvent::Described(facts) => Delivery { facts: (**facts).clone(), ..d },
        DeliveryEvent::Proved(proof) => {
            if d.proofs.len() < MAX_PROOFS {
                d.proofs.push((**proof).clone());
            }
            d
        }
        DeliveryEvent::Removed {} => Delivery { removed: true, ..d },
        DeliveryEvent::Told(told) => foreign(d, e, told),
    }
}

/// What another system says, whole; nothing any more once somebody here has begun with it.
fn foreign(d: Delivery, e: &Stamped<DeliveryEvent>, t: &Told) -> Delivery {
    if d.taken_over {
        return d;
    }
    let at = e.key.at();
    let created = t.created_at.unwrap_or(at);
    let since = t.since.unwrap_or(created).max(created);
    let mut steps = vec![Taken { at: created, ..taken(Status::Created, e) }];
    if let Some(a) = &t.assignee {
        let assigned = taken(Status::Assigned, e);
        steps.push(Taken { at: since, assignee: Some(a.name.clone()), ..assigned });
    }
    if !matches!(t.status, Status::Created | Status::Assigned) {
        steps.push(Taken { at: since, reason: t.reason.clone(), ..taken(t.status, e) });
    }
    let done = (t.status == Status::Completed).then_some(Outcome { delivered: true, reason: None });
    Delivery {
        number: if d.number == 0 { t.number } else { d.number },
        depot: Some(t.depot),
        origin: Some(e.writer()),
        status: t.status,
        since,
        created_at: created,
        facts: t.facts.clone(),
        assignee: t.assignee.clone(),
        vehicle: t.vehicle.clone(),
        legs: t.parcels.iter().map(|p| Leg { parcel: *p, outcome: done.clone() }).collect(),
        attempt: t.attempt,
        reason: t.reason.clone().filter(|_| rules::is_final(t.status)),
        steps,
        elsewhere: Some(Elsewhere { source: t.source.clone(), reference: t.reference.clone() }),
        ..d
    }
}

fn requested(d: Delivery, e: &Stamped<DeliveryEvent>, r: &Requested) -> Delivery {
    let Requested { number, depot, asked_by, facts, parcels, attempt, previous } = r;
    let at = e.key.at();
    let mut steps = d.steps.clone();
    steps.insert(0, taken(Status::Created, e));
    Delivery {
        number: *number,
        depot: Some(*depot),
        origin: Some(e.writer()),
        asked_by: *asked_by,
        since: if d.steps.is_empty() { at } else { d.since },
        created_at: at,
        facts: facts.clone(),
        legs: parcels.iter().map(|p| Leg { parcel: *p, outcome: None }).collect(),
        attempt: *attempt,
        previous: *previous,
        steps,
        ..d
    }
}

fn taken(to: Status, e: &Stamped<DeliveryEvent>) -> Taken {
    let at = e.key.at();
    Taken { to, at, by: e.actor, assignee: None, position: None, note: None, reason: None }
}

/// Brings the delivery to `to`; false when it can't go there, and then it stays as it was with a contradiction.
fn enter(d: &mut Delivery, e: &Stamped<DeliveryEvent>, to: Status) -> bool {
    if !rules::admits(d.status, to) {
        if d.issues.len() < MAX_REMEMBERED {
            let detail = format!("status: it was {} and went to {to}", d.status);
            d.issues.push(Issue { eid: e.key.eid, at: e.key.at(), detail });
        }
        return false;
    }
    if d.steps.len() >= MAX_REMEMBERED {
        d.steps.remove(1);
    }
    d.steps.push(taken(to, e));
    (d.status, d.since, d.taken_over) = (to, e.key.at(), true);
    true
}

fn moved(mut d: Delivery, e: &Stamped<DeliveryEvent>, m: &Moved) -> Delivery {
    let Moved { to, at: _, position, note, reason, outcomes } = m;
    if !enter(&mut d, e, *to) {
        return d;
    }
    if let Some(step) = d.steps.last_mut() {
        step.position = *position;
        step.note.clone_from(note);
        step.reason.clone_from(reason);
    }
    for (parcel, outcome) in outcomes {
        if let Some(leg) = d.legs.iter_mut().find(|l| l.parcel == *parcel) {
            leg.outcome = Some(outcome.clone());
        }
    }
    d.partial =
        *to == Status::Completed && d.legs.iter().any(|l| l.outcome.as_ref().is_some_and(|o| !o.delivered));
    if rules::is_final(*to) {
        d.reason.clone_from(reason);
    }
    d
}
