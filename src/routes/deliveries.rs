//! From a delivery's name to what planning takes of it: the one place where planning asks what a delivery is.

use super::inputs::{Between, Fetch, NewStop, Urgency};
use super::repo;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deliveries::model::{Delivery, Priority, Status};
use crate::deliveries::repo as deliveries;
use crate::identity::grant::{Principal, Scope};
use crate::store::{ReadTx, Result};

/// What a delivery's name leads to.
#[derive(Clone, Debug)]
pub enum Meant {
    /// A live route has it: that route is planned anew, with everything else that is on it.
    OnRoute(Id),
    /// It is on no route yet: this has to be driven.
    Stop(Box<NewStop>),
    /// Nothing that is still to be made.
    Nothing,
}

/// What `reference`, a delivery's id or number, leads to for `who`.
///
/// # Errors
/// Storage failures.
pub fn meant(tx: &dyn ReadTx, who: &Principal, reference: &str) -> Result<Meant> {
    if who.scope != Scope::Tenant {
        return Ok(Meant::Nothing);
    }
    if let Some(route) = repo::routes_of(tx, reference)?.first() {
        return Ok(Meant::OnRoute(*route));
    }
    let Some(found) = deliveries::find(tx, who, reference)? else { return Ok(Meant::Nothing) };
    let delivery = found.value.state;
    // On a route a delivery goes by its id, whichever name it was asked for by.
    if let Some(route) = repo::routes_of(tx, &delivery.id.to_string())?.first() {
        return Ok(Meant::OnRoute(*route));
    }
    let is_open = matches!(delivery.status, Status::Created | Status::Assigned) && !delivery.removed;
    Ok(if is_open { Meant::Stop(Box::new(stop(&delivery))) } else { Meant::Nothing })
}

/// What has to be driven for a delivery. Parcels of ours are at the depot; what has none is fetched where it says.
fn stop(d: &Delivery) -> NewStop {
    let facts = &d.facts;
    let at = |moment: Timestamp| moment.to_string();
    let fetched = d.legs.is_empty() && !facts.pickup.trim().is_empty();
    #[allow(clippy::cast_precision_loss)] // some tons
    let weight_kg = facts.weight_g.map(|g| g as f64 / 1_000.0);
    let priority = match facts.priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    };
    NewStop {
        reference: Some(d.id.to_string()),
        address: Some(facts.address.clone()),
        latitude: facts.position.map(|p| f64::from(p.lat) / 1e6),
        longitude: facts.position.map(|p| f64::from(p.lon) / 1e6),
        windows: facts.window.iter().map(|w| Between { from: at(w.from), to: at(w.to) }).collect(),
        weight_kg,
        priority: Some(Urgency::Word(priority.into())),
        pickup: fetched.then(|| Fetch { address: Some(facts.pickup.clone()), ..Fetch::default() }),
        ..NewStop::default()
    }
}
