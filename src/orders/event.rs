//! What happens to an order.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{Customer, Line, Moments, Status};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::Event;
use crate::journal::event::SiteRef;
use crate::store::{Result, StoreError};

/// The first of the kind numbers of orders; the last is 0x44f.
pub const FIRST_KIND: u16 = 0x440;

/// Somebody ordered here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The number people say.
    pub number: u64,
    /// The customer's own reference: a command with one is carried out once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The depot that is to fulfil it.
    pub depot: SiteRef,
    /// Who.
    pub customer: Customer,
    /// What.
    pub lines: Vec<Line>,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_at: Option<Timestamp>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether it may wait for stock.
    #[serde(default)]
    pub may_wait: bool,
}

/// A step taken by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Where to.
    pub to: Status,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its parcels, said when it is packed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<Id>,
    /// Whether only some of it arrived.
    #[serde(default)]
    pub partial: bool,
}

/// What another system tells of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Which system.
    pub source: String,
    /// Its number for the order.
    pub reference: String,
    /// Our number for it, given when it was first told of.
    pub number: u64,
    /// The depot that was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depot: Option<SiteRef>,
    /// Its own word for where the order is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// What that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Status>,
    /// When that was so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Who.
    pub customer: Customer,
    /// Lines; one with a reference that is known replaces it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Moments.
    pub moments: Moments,
}

/// One event of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OrderEvent {
    /// Somebody ordered here.
    Placed(Box<Placed>),
    /// A step of ours.
    Moved(Moved),
    /// Another system's word.
    Told(Box<Told>),
    /// It has been in its status too long.
    Delayed {
        /// Which status.
        status: Status,
        /// Since when.
        since: Timestamp,
        /// The moment that was too long: the key by which two firings are one.
        due: Timestamp,
    },
    /// There is not enough stock, and it waits for more.
    Backordered {},
}

impl Event for OrderEvent {
    fn kind(&self) -> u16 {
        FIRST_KIND
            + match self {
                Self::Placed(_) => 0,
                Self::Moved(_) => 1,
                Self::Told(_) => 2,
                Self::Delayed { .. } => 3,
                Self::Backordered {} => 4,
            }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "order.placed",
            Self::Moved(_) => "order.status_changed",
            Self::Told(_) => "order.told",
            Self::Delayed { .. } => "order.delayed",
            Self::Backordered {} => "order.backordered",
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(bad)
    }

    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Late {
            status: Status,
            since: Timestamp,
            due: Timestamp,
        }
        if schema != 1 {
            return Err(bad(format!("schema {schema} is not known to this release")));
        }
        match kind.wrapping_sub(FIRST_KIND) {
            0 => read(body).map(|b| Self::Placed(Box::new(b))),
            1 => read(body).map(Self::Moved),
            2 => read(body).map(|b| Self::Told(Box::new(b))),
            3 => read(body).map(|Late { status, since, due }| Self::Delayed { status, since, due }),
            4 => Ok(Self::Backordered {}),
            _ => Err(bad(format!("kind {kind:#x} is no event of an order"))),
        }
    }

    fn occurred(&self) -> Option<Timestamp> {
        match self {
            Self::Told(t) => t.at,
            Self::Placed(_) | Self::Moved(_) | Self::Delayed { .. } | Self::Backordered {} => None,
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    rmp_serde::from_slice(body).map_err(bad)
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "order event", why: e.to_string() }
}
