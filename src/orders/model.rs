//! The nouns of the order business.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::base::words::words;
use crate::id_type;
use crate::journal::event::{Eid, SiteRef};

id_type! {
    /// An order's own id, made where it was taken.
    OrderId
}

/// Lines of one order at the most: with their names they stay well below the largest change.
pub const MAX_LINES: usize = 100;
/// Pieces of one line at the most.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// Parcels of one order at the most.
pub const MAX_PARCELS: usize = 100;
/// Contradictions that are remembered; further ones keep their events.
pub const MAX_ISSUES: usize = 20;

/// Where an order is.
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
#[schema(as = OrderStatus)]
pub enum Status {
    /// Taken; its stock is not reserved yet.
    #[default]
    Pending = 0,
    /// Its stock is reserved and it is being picked.
    Processing = 1,
    /// Every line lies in a parcel.
    Packed = 2,
    /// Its first parcel has left.
    Shipped = 3,
    /// All its parcels are delivered.
    Delivered = 4,
    /// It was called off before it left.
    Cancelled = 5,
    /// It came back.
    Returned = 6,
}

words!(Status read as "an order's status" {
    Pending = "pending",
    Processing = "processing",
    Packed = "packed",
    Shipped = "shipped",
    Delivered = "delivered",
    Cancelled = "cancelled",
    Returned = "returned",
});

/// Who ordered, and where it goes. An empty field says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // each field says what it is
pub struct Customer {
    /// The source's own name for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where it is delivered, in one line or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl Customer {
    /// Takes over what `newer` says.
    pub fn merge(&mut self, newer: &Self) {
        let Self { reference, name, email, phone, address, zip, city, state, country } = newer;
        for (mine, theirs) in [
            (&mut self.reference, reference),
            (&mut self.name, name),
            (&mut self.email, email),
            (&mut self.phone, phone),
            (&mut self.address, address),
            (&mut self.zip, zip),
            (&mut self.city, city),
            (&mut self.state, state),
            (&mut self.country, country),
        ] {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The source's name for the line, unique in the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The product; none when the source names one we do not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// The product's name when it was ordered.
    pub name: String,
    /// Pieces.
    pub quantity: u32,
    /// Of one piece, when it was ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Of all pieces, discounts taken off, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
}

impl Line {
    /// What all pieces cost.
    #[must_use]
    pub fn amount(&self) -> Option<Money> {
        self.total.clone().or_else(|| {
            let price = self.price.as_ref()?;
            let minor = price.minor.checked_mul(i64::from(self.quantity))?;
            Some(Money { minor, currency: price.currency.clone() })
        })
    }
}

/// A step that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where to.
    pub to: Status,
    /// When.
    pub at: Timestamp,
    /// By whom, as the origin numbers its people; 0 is the depot itself.
    #[serde(default)]
    pub by: u32,
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

/// Moments a source tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // the names say it
pub struct Moments {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipped_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised_at: Option<Timestamp>,
    /// Days from order to shipping that were planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_days: Option<u32>,
}

impl Moments {
    /// Takes over what `newer` says.
    pub fn merge(&mut self, newer: &Self) {
        let Self { ordered_at, approved_at, shipped_at, delivered_at, promised_at, scheduled_days } = newer;
        for (mine, theirs) in [
            (&mut self.ordered_at, ordered_at),
            (&mut self.approved_at, approved_at),
            (&mut self.shipped_at, shipped_at),
            (&mut self.delivered_at, delivered_at),
            (&mut self.promised_at, promised_at),
        ] {
            if theirs.is_some() {
                *mine = *theirs;
            }
        }
        self.scheduled_days = scheduled_days.or(self.scheduled_days);
    }
}

/// An order: the fold of its events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The number people say, counted where it was taken.
    pub number: u64,
    /// The customer's or source's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where it was told of, when it comes from somebody else's system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The depot that fulfils it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depot: Option<SiteRef>,
    /// Where it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<SiteRef>,
    /// Where it is.
    pub status: Status,
    /// The source's own word for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Since when: the last transition.
    pub since: Timestamp,
    /// When it was taken.
    pub created_at: Timestamp,
    /// Who ordered.
    #[serde(default)]
    pub customer: Customer,
    /// What.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// Moments told or promised.
    #[serde(default)]
    pub moments: Moments,
    /// The steps that took effect, oldest first; a machine of seven states has few.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Its parcels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<Id>,
    /// Whether our stock is reserved or was shipped for it.
    #[serde(default)]
    pub held: bool,
    /// Whether it may wait for stock.
    #[serde(default)]
    pub may_wait: bool,
    /// Whether it waits for stock.
    #[serde(default)]
    pub backordered: bool,
    /// Whether it was found too long in its status.
    #[serde(default)]
    pub delayed: bool,
    /// Whether only some of it was delivered.
    #[serde(default)]
    pub partial: bool,
    /// What a person remarked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Contradictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
}

impl Order {
    /// The order `id` before anything is known of it.
    #[must_use]
    pub fn new(id: OrderId) -> Self {
        Self { id, ..Self::default() }
    }

    /// Where it was at `at` and since when; none before it was taken.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<(Status, Timestamp)> {
        self.steps.iter().rev().find(|s| s.at <= at).map(|s| (s.to, s.at))
    }

    /// What it costs, where all its lines are in one currency.
    #[must_use]
    pub fn total(&self) -> Option<Money> {
        let mut sum: Option<Money> = None;
        for line in &self.lines {
            let amount = line.amount()?;
            sum = Some(match sum {
                None => amount,
                Some(s) if s.currency == amount.currency => {
                    Money { minor: s.minor.checked_add(amount.minor)?, ..s }
                }
                Some(_) => return None,
            });
        }
        sum
    }
}
