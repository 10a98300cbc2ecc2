//! Deliveries in the company: depots ask for them, give them to drivers, leave, hand over or come back, and the parcels go
//! along. All of it through the use cases that people use.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, TENANT, act, all, may, uid_of};
use super::people;
use super::random::Rng;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deliveries::assign;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::event::DeliveryEvent;
use crate::deliveries::inputs::{AssignInput, NewDelivery, OutcomeInput, ReasonInput, StatusInput};
use crate::deliveries::model::{Delivery, DeliveryId, Status};
use crate::deliveries::outcome::{House, change_status};
use crate::deliveries::proof::Later;
use crate::deliveries::rules::{is_final, reason_of};
use crate::deliveries::service;
use crate::identity::features::{AssignDeliveries, CancelDeliveries, CreateDeliveries, MoveDeliveries};
use crate::journal::{Event, Folded, history};
use crate::parcels::event::ParcelEvent;
use crate::parcels::model::Parcel;
use crate::parcels::rules as parcels;
use crate::store::{ReadTx, Store, StoreError};

/// Deliveries of one depot that are still to be carried out.
const MOST: usize = 6;
/// Attempts before a parcel goes back.
const ATTEMPTS: u32 = 3;
/// What notes of a step begin with; the parcels that go along say the same.
const WAY: &str = "way ";
/// Why deliveries fail here.
const WHY: [&str; 5] = ["recipient_absent", "refused", "no_time", "returned_to_depot", "address_incomplete"];

/// The number of the operation that a change of a delivery stands for; none for one that follows from another.
pub fn uid_of_delivery(kind: u16, schema: u16, body: &[u8]) -> Option<String> {
    match DeliveryEvent::decode(kind, schema, body).ok()? {
        // The next attempt copies what was asked for.
        DeliveryEvent::Requested(e) => e.facts.note.filter(|_| e.attempt == 1),
        DeliveryEvent::Assigned { vehicle, .. } => vehicle,
        DeliveryEvent::Unassigned { reason } => reason,
        DeliveryEvent::Moved(e) => e.note.or(e.reason).filter(|w| w.starts_with(WAY)),
        _ => None,
    }
}

/// The operation that a step of the parcel `id` stands for: one that goes along with a delivery is told apart from that.
pub fn uid_of_step(id: Id, e: &crate::parcels::event::Moved) -> Option<String> {
    let note = e.note.as_deref()?;
    if note.starts_with("delivery ") {
        return None;
    }
    Some(if note.starts_with(WAY) { format!("{note} of {id} to {}", e.to) } else { note.to_owned() })
}

/// Somebody at a counter or on the road does something.
pub fn write(rng: &mut Rng, node: &Node, now: Timestamp, uid: u64) {
    let way = format!("{WAY}{uid}");
    let mut open = all::<Delivery>(&node.depot.store);
    open.retain(|row| !is_final(row.state.status));
    let done = if open.is_empty() || (open.len() < MOST && rng.chance(300)) {
        request(rng, node, now, way)
    } else {
        let d = rng.of(&open).state.clone();
        step(rng, node, now, (&d, way))
    };
    if let Err(DeliveryError::Store(e)) = done {
        panic!("{e}");
    }
}

fn request(rng: &mut Rng, node: &Node, now: Timestamp, way: String) -> Result<(), DeliveryError> {
    let mut there = all::<Parcel>(&node.depot.store);
    there.retain(|row| !parcels::is_final(row.state.status));
    let mut names: Vec<String> = Vec::new();
    for _ in 0..rng.below(3).min(there.len()) {
        names.push(rng.of(&there).state.id.to_string());
    }
    names.dedup();
    let new = NewDelivery {
        pickup_address: "dock".into(),
        delivery_address: "street".into(),
        customer_name: "somebody".into(),
        note: Some(way),
        parcels: names,
        assigned_to: rng.chance(300).then(|| people::some(rng)),
        ..NewDelivery::default()
    };
    let grant = may::<CreateDeliveries>();
    act(&node.depot.store, now, move |tx, cx| service::request(tx, &grant, cx, &new, None, 0).map(drop))
}

fn step(
    rng: &mut Rng,
    node: &Node,
    now: Timestamp,
    (d, way): (&Delivery, String),
) -> Result<(), DeliveryError> {
    match (d.status, rng.below(8)) {
        (Status::Created | Status::Assigned, 0) => cancel(node, now, d.id, way),
        (Status::Assigned, 1) => take_back(node, now, d.id, way),
        (Status::Created, _) | (Status::Assigned, 2) => give(node, now, d.id, (people::some(rng), way)),
        (Status::Assigned, _) => {
            let input = StatusInput {
                status: "in_transit".into(),
                notes: Some(way),
                confirm_missing: rng.chance(700),
                ..StatusInput::default()
            };
            go(node, now, d.id, input)
        }
        (_, 0..4) => {
            let input = StatusInput {
                status: "failed".into(),
                notes: Some(way),
                reason: Some((*rng.of(&WHY)).into()),
                ..StatusInput::default()
            };
            go(node, now, d.id, input)
        }
        _ => {
            let left = d.legs.first().filter(|_| d.legs.len() > 1 && rng.chance(500));
            let kept = |parcel: Id| OutcomeInput {
                parcel: parcel.to_string(),
                delivered: false,
                reason: Some("recipient_absent".into()),
            };
            let input = StatusInput {
                status: "completed".into(),
                notes: Some(way),
                parcels: left.map(|leg| kept(leg.parcel)).into_iter().collect(),
                ..StatusInput::default()
            };
            go(node, now, d.id, input)
        }
    }
}

fn give(
    node: &Node,
    now: Timestamp,
    id: DeliveryId,
    (to, way): (String, String),
) -> Result<(), DeliveryError> {
    let (grant, name) = (may::<AssignDeliveries>(), id.to_string());
    let input = AssignInput { assigned_to: to, vehicle: Some(way), version: None };
    act(&node.depot.store, now, move |tx, cx| assign::assign(tx, &grant, cx, &name, &input).map(drop))
}

fn take_back(node: &Node, now: Timestamp, id: DeliveryId, way: String) -> Result<(), DeliveryError> {
    let (grant, name) = (may::<AssignDeliveries>(), id.to_string());
    let input = ReasonInput { reason: Some(way), version: None };
    act(&node.depot.store, now, move |tx, cx| assign::unassign(tx, &grant, cx, &name, &input).map(drop))
}

fn cancel(node: &Node, now: Timestamp, id: DeliveryId, way: String) -> Result<(), DeliveryError> {
    let (grant, name) = (may::<CancelDeliveries>(), id.to_string());
    let input = ReasonInput { reason: Some(way), version: None };
    act(&node.depot.store, now, move |tx, cx| service::cancel(tx, &grant, cx, &name, &input).map(drop))
}

fn go(node: &Node, now: Timestamp, id: DeliveryId, input: StatusInput) -> Result<(), DeliveryError> {
    let (grant, name) = (may::<MoveDeliveries>(), id.to_string());
    act(&node.depot.store, now, move |tx, cx| {
        let house = House { attempts: ATTEMPTS, files: &Later };
        change_status(tx, &grant, cx, &name, &input, house).map(drop)
    })
}

/// What of deliveries is tied together is there together: a parcel that went along with a delivery and that delivery's
/// step, a failure that is tried again and its next attempt, a next attempt and what it is the next of.
pub fn whole(store: &Store) -> Result<u64, String> {
    let (deliveries, parcels) = (all::<Delivery>(store), all::<Parcel>(store));
    store.read(TENANT, |tx| together(tx, &deliveries, &parcels)).unwrap()
}

type Rows<A> = [Folded<A>];

fn together(
    tx: &dyn ReadTx,
    rows: &Rows<Delivery>,
    parcels: &Rows<Parcel>,
) -> Result<Result<u64, String>, StoreError> {
    let (mut steps, mut ended, mut again) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let next: BTreeMap<DeliveryId, DeliveryId> =
        rows.iter().filter_map(|row| Some((row.state.previous?, row.state.id))).collect();
    for row in rows {
        for (applied, e) in history::<Delivery>(tx, &row.line)? {
            steps.extend(uid_of(&applied.blob));
            let DeliveryEvent::Moved(m) = e.event else { continue };
            if matches!(m.to, Status::Failed | Status::Completed) {
                ended.insert(row.state.id);
            }
            let reason = m.reason.as_deref().and_then(reason_of).and_then(|r| r.again_after_days);
            if m.to == Status::Failed && reason.is_some() && row.state.attempt < ATTEMPTS {
                again.insert(row.state.id);
            }
        }
    }
    if let Some(id) = again.iter().find(|id| !next.contains_key(*id)) {
        return Ok(Err(format!("delivery {id} failed and its next attempt is missing")));
    }
    if let Some((before, id)) = next.iter().find(|(before, _)| !ended.contains(*before)) {
        return Ok(Err(format!("delivery {id} is the next attempt of {before}, which did not end")));
    }
    for row in parcels {
        for (_, e) in history::<Parcel>(tx, &row.line)? {
            let ParcelEvent::Moved(m) = e.event else { continue };
            let Some(note) = m.note.filter(|n| n.starts_with(WAY)) else { continue };
            if !steps.contains(&note) {
                return Ok(Err(format!("a parcel went along with {note}, which no delivery knows")));
            }
        }
    }
    Ok(Ok(rows.len() as u64))
}
