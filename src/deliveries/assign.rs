//! Giving deliveries to people and taking them back.

use super::error::DeliveryError;
use super::event::DeliveryEvent;
use super::inputs::{AssignInput, ReasonInput};
use super::model::{Assignee, Delivery, Status};
use super::service::{current, find, ours, step_allowed};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{AssignDeliveries, AssignDeliveriesToAdmins, EditUsers, MoveDeliveries};
use crate::identity::grant::{Grant, Principal};
use crate::identity::repo as users;
use crate::journal::{Cx, Written, record};
use crate::store::{ReadTx, WriteTx};
use std::sync::Arc;

type Result<T> = std::result::Result<T, DeliveryError>;

/// The user `name` (id or login) to whom `who` may give a delivery: somebody who can carry it out, or, by those who may,
/// an administrator.
///
/// # Errors
/// Names `pointer` and what is wrong with them; [`DeliveryError::Denied`] for an administrator.
pub fn assignee(
    tx: &dyn ReadTx,
    who: &Arc<Principal>,
    now: Timestamp,
    name: &str,
    pointer: &str,
) -> Result<Assignee> {
    let name = name.trim();
    let id = match name.parse::<Id>() {
        Ok(id) => Some(id),
        Err(_) => users::by_login(tx, &name.to_lowercase())?.map(|u| u.id),
    };
    let standing = id.map_or(Ok(None), |id| users::standing(tx, id, now))?;
    let wrong = |why: &str| Invalid::at(pointer, format!("\"{}\" {why}", text::clipped(name.to_owned(), 80)));
    let Some(standing) = standing.filter(|s| s.is_admitted()) else {
        return Err(wrong("is nobody who works here: name an active user by id or login").into());
    };
    if standing.features.contains::<EditUsers>() {
        who.grant::<AssignDeliveriesToAdmins>()?;
    } else if !standing.features.contains::<MoveDeliveries>() {
        return Err(wrong("may not carry out deliveries: name a driver").into());
    }
    Ok(Assignee { id: standing.user.id, name: standing.user.name })
}

/// Gives a delivery to somebody, or from one to another.
///
/// # Errors
/// When it has left or ended, or the one it is to be given to can't have it.
pub fn assign(
    tx: &mut dyn WriteTx,
    grant: &Grant<AssignDeliveries>,
    cx: &Cx,
    name: &str,
    input: &AssignInput,
) -> Result<Written<Delivery>> {
    let found = find(tx, grant.principal(), name)?;
    current(found.rev, input.version)?;
    step_allowed(&found.value.state, Status::Assigned)?;
    ours(tx, &found.value.state)?;
    if let Some(vehicle) = &input.vehicle {
        text::optional("/vehicle", vehicle, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    }
    let to = assignee(tx, grant.principal(), cx.now, &input.assigned_to, "/assigned_to")?;
    let id = found.value.state.id.0;
    let event = DeliveryEvent::Assigned { to, vehicle: input.vehicle.clone() };
    Ok(record(tx, cx, id, Some(found.value), vec![event])?)
}

/// Takes a delivery back before it has left.
///
/// # Errors
/// When nobody has it or it has left.
pub fn unassign(
    tx: &mut dyn WriteTx,
    grant: &Grant<AssignDeliveries>,
    cx: &Cx,
    name: &str,
    input: &ReasonInput,
) -> Result<Written<Delivery>> {
    let found = find(tx, grant.principal(), name)?;
    current(found.rev, input.version)?;
    step_allowed(&found.value.state, Status::Created)?;
    ours(tx, &found.value.state)?;
    if let Some(reason) = &input.reason {
        text::optional("/reason", reason, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    }
    let id = found.value.state.id.0;
    let event = DeliveryEvent::Unassigned { reason: input.reason.clone() };
    Ok(record(tx, cx, id, Some(found.value), vec![event])?)
}
