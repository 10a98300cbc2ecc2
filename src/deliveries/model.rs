//! The nouns of the delivery business.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::proof::Proof;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::base::words::words;
use crate::id_type;
use crate::journal::event::{Eid, SiteRef};

id_type! {
    /// A delivery's own id.
    DeliveryId
}

/// Parcels of one delivery at the most.
pub const MAX_PARCELS: usize = 200;
/// Proofs of one delivery at the most.
pub const MAX_PROOFS: usize = 20;
/// Steps and contradictions that are remembered; further ones keep their events.
pub const MAX_REMEMBERED: usize = 200;

/// Where a delivery is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Default,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[allow(missing_docs)] // the names are the trade's own
#[schema(as = DeliveryStatus)]
pub enum Status {
    #[default]
    Created = 0,
    Assigned = 1,
    InTransit = 2,
    Completed = 3,
    Failed = 4,
    Cancelled = 5,
}

words!(Status read as "a delivery's status" {
    Created = "created",
    Assigned = "assigned",
    InTransit = "in_transit",
    Completed = "completed",
    Failed = "failed",
    Cancelled = "cancelled",
});

/// How soon it has to be.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
#[schema(as = DeliveryPriority)]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

impl FromStr for Priority {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s.trim().to_lowercase().as_str() {
            "low" => Ok(Self::Low),
            "normal" | "medium" | "standard" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            "urgent" | "critical" => Ok(Self::Urgent),
            other => Err(format!("\"{other}\" is no priority; use low, normal, high or urgent")),
        }
    }
}

/// Between when and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryWindow)]
pub struct Window {
    /// Not before.
    #[serde(alias = "start")]
    pub from: Timestamp,
    /// Not after.
    #[serde(alias = "end")]
    pub to: Timestamp,
}

/// What has to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where it is fetched.
    pub pickup: String,
    /// Where it goes.
    pub address: String,
    /// Where that is on the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// For whom.
    pub customer: String,
    /// Their telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Their mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
    /// How soon.
    #[serde(default)]
    pub priority: Priority,
    /// When somebody is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// A remark for the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whose parcels they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    /// The kinds of proof without which it can't be completed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<super::proof::Kind>,
}

/// Who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Assignee {
    /// The user.
    pub id: Id,
    /// Their name.
    pub name: String,
}

/// What became of one parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it was handed over.
    pub delivered: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One parcel of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Which.
    pub parcel: Id,
    /// What became of it; none before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// A step that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Where to.
    pub to: Status,
    /// When.
    pub at: Timestamp,
    /// By whom, as the origin numbers its people; 0 is the depot itself.
    #[serde(default)]
    pub by: u32,
    /// To whom it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Where that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A contradiction between facts, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The change it comes from.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// When.
    pub at: Timestamp,
    /// In words.
    pub detail: String,
}

/// What another system calls a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DeliveryOrigin)]
pub struct Elsewhere {
    /// Which system.
    pub source: String,
    /// Its name there.
    pub reference: String,
}

/// A delivery: the fold of its events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The number people say.
    pub number: u64,
    /// The depot that carries it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depot: Option<SiteRef>,
    /// Where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<SiteRef>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Id>,
    /// Where it is.
    pub status: Status,
    /// Since when.
    pub since: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// What has to be done.
    #[serde(default)]
    pub facts: Facts,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,
    /// With which vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<String>,
    /// Its parcels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<Leg>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The attempt before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<DeliveryId>,
    /// Why it failed or was called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether some of its parcels were not handed over.
    #[serde(default)]
    pub partial: bool,
    /// What shows that it was handed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// The steps that took effect, oldest first.
    #[serde(default)]
    pub steps: Vec<Taken>,
    /// Contradictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// Whether it was deleted.
    #[serde(default)]
    pub removed: bool,
    /// What the system calls it that it came over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// Whether a step was taken here: what that system says since then counts no more.
    #[serde(default)]
    pub taken_over: bool,
}

impl Delivery {
    /// The delivery `id` before anything is known of it.
    #[must_use]
    pub fn new(id: DeliveryId) -> Self {
        Self { id, ..Self::default() }
    }
}
