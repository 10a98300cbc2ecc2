//! Deliveries as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{
    Assignee, Delivery, DeliveryId, Elsewhere, Issue, Leg, Outcome, Priority, Status, Taken, Window,
};
use super::proof::{Kind, Proof};
use super::rules;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;

/// One parcel of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct LegView {
    /// Which.
    pub parcel: Id,
    /// Whether it was handed over; absent before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Leg> for LegView {
    fn from(l: Leg) -> Self {
        let Leg { parcel, outcome } = l;
        let (delivered, reason) = match outcome {
            Some(Outcome { delivered, reason }) => (Some(delivered), reason),
            None => (None, None),
        };
        Self { parcel, delivered, reason }
    }
}

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id.
    pub id: DeliveryId,
    /// The number people say.
    pub number: u64,
    /// Where it is.
    pub status: Status,
    /// Since when.
    pub last_transition_time: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The depot that carries it out, by its number; absent for this one before it joined a headquarters.
    pub depot: Option<u32>,
    /// Where it is fetched.
    pub pickup_address: String,
    /// Where it goes.
    pub delivery_address: String,
    /// Where that is on the map, in millionths of a degree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_location: Option<Position>,
    /// For whom.
    pub customer_name: String,
    /// Their telephone.
    pub customer_phone: Option<String>,
    /// Their mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
    /// Kilograms.
    pub package_weight: Option<f64>,
    /// How soon.
    pub priority: Priority,
    /// When somebody is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_window: Option<Window>,
    /// A remark for the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whose parcels they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// The kinds of proof without which it can't be completed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proof_required: Vec<Kind>,
    /// Who has it.
    pub assigned_to: Option<Assignee>,
    /// With which vehicle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<String>,
    /// Its parcels.
    pub parcels: Vec<LegView>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The attempt before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<DeliveryId>,
    /// The attempt after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Id>,
    /// Why it failed or was called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether some of its parcels were not handed over.
    pub partial: bool,
    /// What shows that it was handed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// What the system calls it that it came over from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// Contradictions that a person has to look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<String>,
    /// Where it can go next.
    pub allowed: Vec<Status>,
    /// Its revision.
    pub version: u64,
}

impl DeliveryView {
    /// At revision `rev`; `next` is the attempt after it.
    #[must_use]
    pub fn of(d: &Delivery, rev: u64, next: Option<Id>) -> Self {
        let Delivery {
            id,
            number,
            depot,
            origin: _,
            asked_by: _,
            status,
            since,
            created_at,
            facts,
            assignee,
            vehicle,
            legs,
            attempt,
            previous,
            reason,
            partial,
            proofs,
            steps: _,
            issues,
            removed: _,
            elsewhere,
            taken_over: _,
        } = d.clone();
        #[allow(clippy::cast_precision_loss)] // a weight has fewer digits than a float
        let package_weight = facts.weight_g.map(|g| g as f64 / 1000.0);
        Self {
            id,
            number,
            status,
            last_transition_time: since,
            created_at,
            depot: depot.filter(|d| d.epoch == 0).map(|d| d.site),
            pickup_address: facts.pickup,
            delivery_address: facts.address,
            delivery_location: facts.position,
            customer_name: facts.customer,
            customer_phone: facts.phone,
            customer_email: facts.email,
            package_weight,
            priority: facts.priority,
            time_window: facts.window,
            note: facts.note,
            distributor: facts.distributor,
            proof_required: facts.needs,
            assigned_to: assignee,
            vehicle,
            parcels: legs.into_iter().map(LegView::from).collect(),
            attempt,
            previous,
            next,
            reason,
            partial,
            proofs,
            elsewhere,
            issues: issues.into_iter().map(|Issue { detail, .. }| detail).collect(),
            allowed: rules::next(status),
            version: rev,
        }
    }
}

/// A step of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct TakenView {
    /// Where it went.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// By whom, as the site it was taken at numbers its people; 0 is the depot itself.
    pub by: u32,
    /// To whom it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Where that was, in millionths of a degree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Position>,
    /// What was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Taken> for TakenView {
    fn from(t: Taken) -> Self {
        let Taken { to, at, by, assignee, position, note, reason } = t;
        Self { status: to, at, by, assigned_to: assignee, location: position, notes: note, reason }
    }
}
