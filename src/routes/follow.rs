//! What a route does to the deliveries on it: they are given to its driver and leave with it, and one whose stop is done
//! is handed over. A delivery goes through its own machine: what that refuses stays as it is and is said.

use std::sync::Arc;

use super::error::Result;
use super::model::{Act, Content, Stop};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::text;
use crate::deliveries::assign::assign;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::inputs::{AssignInput, StatusInput};
use crate::deliveries::model::{Delivery, Status};
use crate::deliveries::outcome::{House, change_status};
use crate::deliveries::proof::Later;
use crate::deliveries::service as deliveries;
use crate::identity::features::{AssignDeliveries, Feature, MoveDeliveries};
use crate::identity::grant::{Grant, Principal};
use crate::journal::Cx;
use crate::store::{ReadTx, WriteTx};

/// What is said of a delivery that did not follow its route.
pub type Notes = Vec<String>;

/// The delivery that `stop` brings, where it is one of ours.
fn brought(tx: &dyn ReadTx, stop: &Stop) -> Result<Option<Delivery>> {
    if !matches!(stop.act, Act::Deliver | Act::Drop) {
        return Ok(None);
    }
    let Ok(id) = stop.reference.parse::<Id>() else { return Ok(None) };
    Ok(deliveries::known(tx, id)?)
}

/// What `done` came to; what was refused is said, and only the store's failures end the whole.
fn said<T>(done: std::result::Result<T, DeliveryError>, d: &Delivery, notes: &mut Notes) -> Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(DeliveryError::Store(e)) => Err(e.into()),
        Err(why) => {
            let why = text::clipped(why.to_string(), text::SHORT);
            notes.push(format!("delivery {} stays {}: {why}", d.number, d.status));
            Ok(false)
        }
    }
}

fn step(
    tx: &mut dyn WriteTx,
    grant: &Grant<MoveDeliveries>,
    cx: &Cx,
    (id, to, at): (Id, Status, Option<Timestamp>),
    attempts: u32,
) -> std::result::Result<(), DeliveryError> {
    let input = StatusInput { status: to.as_str().into(), occurred_at: at, ..StatusInput::default() };
    change_status(tx, grant, cx, &id.to_string(), &input, House { attempts, files: &Later }).map(drop)
}

/// The deliveries of a route that leaves: given to its driver, and on their way.
///
/// # Errors
/// Storage failures.
pub fn leave<F: Feature>(
    tx: &mut dyn WriteTx,
    grant: &Grant<F>,
    cx: &Cx,
    content: &Content,
    attempts: u32,
) -> Result<Notes> {
    let mut notes = Notes::new();
    let driver = content.ride.driver.as_ref().and_then(|d| d.user);
    for stop in content.stops.iter().filter(|s| s.done_at.is_none()) {
        let Some(d) = brought(tx, stop)? else { continue };
        let given = match driver {
            _ if !matches!(d.status, Status::Created | Status::Assigned) => true,
            Some(user) if d.assignee.as_ref().is_none_or(|a| a.id != user) => {
                let input = AssignInput {
                    assigned_to: user.to_string(),
                    vehicle: Some(text::clipped(content.ride.name.clone(), text::SHORT)),
                    version: None,
                };
                let may = grant.principal().grant::<AssignDeliveries>().map_err(DeliveryError::from);
                let done = may.and_then(|may| assign(tx, &may, cx, &d.id.to_string(), &input).map(drop));
                said(done, &d, &mut notes)?
            }
            None if d.status == Status::Created => {
                let number = d.number;
                notes.push(format!("delivery {number} stays created: the route's driver is no user here"));
                false
            }
            _ => true,
        };
        if given && matches!(d.status, Status::Created | Status::Assigned) {
            // Whoever sends a route off sends off what is on it: that takes no further right.
            let may = Arc::new(Principal::system(grant.tenant())).grant::<MoveDeliveries>();
            let done = may.map_err(DeliveryError::from);
            let done = done.and_then(|may| step(tx, &may, cx, (d.id.0, Status::InTransit, None), attempts));
            said(done, &brought(tx, stop)?.unwrap_or(d), &mut notes)?;
        }
    }
    Ok(notes)
}

/// The delivery of a stop that was done at `at`: handed over, where nothing is missing for that.
///
/// # Errors
/// Storage failures.
pub fn handed_over(
    tx: &mut dyn WriteTx,
    grant: &Grant<MoveDeliveries>,
    cx: &Cx,
    (stop, at): (&Stop, Timestamp),
    attempts: u32,
) -> Result<Notes> {
    let mut notes = Notes::new();
    let Some(mut d) = brought(tx, stop)? else { return Ok(notes) };
    if d.status == Status::Completed {
        return Ok(notes);
    }
    let at = Some(at.min(cx.now));
    if d.status == Status::Assigned {
        let done = step(tx, grant, cx, (d.id.0, Status::InTransit, at), attempts);
        if !said(done, &d, &mut notes)? {
            return Ok(notes);
        }
        d = brought(tx, stop)?.unwrap_or(d);
    }
    let done = step(tx, grant, cx, (d.id.0, Status::Completed, at), attempts);
    said(done, &d, &mut notes)?;
    Ok(notes)
}
