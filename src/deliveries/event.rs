//! What happens to a delivery.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{Assignee, DeliveryId, Facts, Outcome, Status};
use super::proof::Proof;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::journal::Event;
use crate::journal::event::SiteRef;
use crate::store::{Result, StoreError};

/// The first of the kind numbers of deliveries; the last is 0x43f.
pub const FIRST_KIND: u16 = 0x400;

/// Somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// The number people say.
    pub number: u64,
    /// The depot that is to carry it out.
    pub depot: SiteRef,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Id>,
    /// What has to be done.
    pub facts: Facts,
    /// With which parcels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<Id>,
    /// Which attempt it is.
    pub attempt: u32,
    /// The attempt before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<DeliveryId>,
}

/// What another system says of it, whole: when work moves over here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which system.
    pub source: String,
    /// What it calls the delivery.
    pub reference: String,
    /// The number people say, where it is new here.
    pub number: u64,
    /// The depot that is to carry it out.
    pub depot: SiteRef,
    /// What has to be done.
    pub facts: Facts,
    /// With which parcels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<Id>,
    /// Which attempt it is.
    pub attempt: u32,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,
    /// With which vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<String>,
    /// Where it is.
    pub status: Status,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Why it failed or was called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A step on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Where to.
    pub to: Status,
    /// When it happened, where a device tells of it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Where that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What became of each parcel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<(Id, Outcome)>,
}

/// One event of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DeliveryEvent {
    /// Somebody asked for it.
    Requested(Box<Requested>),
    /// It was given to somebody, or from one to another.
    Assigned {
        /// To whom.
        to: Assignee,
        /// With which vehicle.
        #[serde(skip_serializing_if = "Option::is_none")]
        vehicle: Option<String>,
    },
    /// It was taken back.
    Unassigned {
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A step on its way.
    Moved(Box<Moved>),
    /// What has to be done changed.
    Described(Box<Facts>),
    /// Something shows that it was handed over.
    Proved(Box<Proof>),
    /// It was deleted.
    Removed {},
    /// Another system says how it stands.
    Told(Box<Told>),
}

impl Event for DeliveryEvent {
    fn kind(&self) -> u16 {
        FIRST_KIND
            + match self {
                Self::Requested(_) => 0,
                Self::Assigned { .. } => 1,
                Self::Unassigned { .. } => 2,
                Self::Moved(_) => 3,
                Self::Described(_) => 4,
                Self::Proved(_) => 5,
                Self::Removed {} => 6,
                Self::Told(_) => 7,
            }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Requested(_) => "delivery.requested",
            Self::Assigned { .. } => "delivery.assigned",
            Self::Unassigned { .. } => "delivery.unassigned",
            Self::Moved(_) => "delivery.status_changed",
            Self::Described(_) => "delivery.described",
            Self::Proved(_) => "delivery.proved",
            Self::Removed {} => "delivery.removed",
            Self::Told(_) => "delivery.told",
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }

    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct To {
            to: Assignee,
            #[serde(default)]
            vehicle: Option<String>,
        }
        #[derive(Deserialize)]
        struct Back {
            #[serde(default)]
            reason: Option<String>,
        }
        if schema != 1 {
            return Err(bad(format!("schema {schema} is not known to this release")));
        }
        match kind.wrapping_sub(FIRST_KIND) {
            0 => read(body).map(|b| Self::Requested(Box::new(b))),
            1 => read(body).map(|To { to, vehicle }| Self::Assigned { to, vehicle }),
            2 => read(body).map(|Back { reason }| Self::Unassigned { reason }),
            3 => read(body).map(|b| Self::Moved(Box::new(b))),
            4 => read(body).map(|b| Self::Described(Box::new(b))),
            5 => read(body).map(|b| Self::Proved(Box::new(b))),
            6 => Ok(Self::Removed {}),
            7 => read(body).map(|b| Self::Told(Box::new(b))),
            _ => Err(bad(format!("kind {kind:#x} is no event of a delivery"))),
        }
    }

    fn occurred(&self) -> Option<Timestamp> {
        match self {
            Self::Moved(m) => m.at,
            _ => None,
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    rmp_serde::from_slice(body).map_err(bad)
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "delivery event", why: e.to_string() }
}
