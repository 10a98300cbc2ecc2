//! The nouns of the parcel business: checked types and the record itself.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::money::Money;
use crate::base::units::{Grams, Position};
use crate::base::words::words;
use crate::id_type;
use crate::journal::event::{Eid, SiteRef};

id_type! {
    /// A parcel's own id, made at the depot that first heard of it.
    ParcelId
}

/// Where a parcel is. The sixteen statuses of the trade's vocabularies brought together; what is wrong with it
/// (flags) and what a person must do (cases) are separate facts.
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
pub enum Status {
    #[default]
    Unknown = 0,
    Announced = 1,
    Accepted = 2,
    InTransit = 3,
    Customs = 4,
    AtDepot = 5,
    OutForDelivery = 6,
    ReadyForPickup = 7,
    Attempted = 8,
    OnHold = 9,
    Returning = 10,
    Lost = 11,
    Delivered = 12,
    Returned = 13,
    Disposed = 14,
    Cancelled = 15,
}

words!(Status read as "a status" {
    Unknown = "unknown",
    Announced = "announced",
    Accepted = "accepted",
    InTransit = "in_transit",
    Customs = "customs",
    AtDepot = "at_depot",
    OutForDelivery = "out_for_delivery",
    ReadyForPickup = "ready_for_pickup",
    Attempted = "attempted",
    OnHold = "on_hold",
    Returning = "returning",
    Lost = "lost",
    Delivered = "delivered",
    Returned = "returned",
    Disposed = "disposed",
    Cancelled = "cancelled",
});

/// What is known of a parcel beside where it is. An empty field says nothing: facts are merged field by field in
/// fold order, and only [`Facts::cleared`] takes something away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // each field says what it is; units are in the types or the names
pub struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distributor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Contact::is_empty")]
    pub recipient: Contact,
    #[serde(skip_serializing_if = "Place::is_empty")]
    pub to: Place,
    #[serde(skip_serializing_if = "Place::is_empty")]
    pub from: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<Grams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_cm3: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freight: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
    /// What the sender or customer wrote about it, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Names of fields this report takes away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
}

/// A person or firm that can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Contact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// An address as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// The moments of a parcel's life as its source tells them; they may contradict one another, and then a case says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Milestones {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchased_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
    /// Handed over to the carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
}

impl Contact {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Place {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Milestones {
    /// Whether the source told none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Something true of a parcel wherever it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[allow(missing_docs)] // the names are the trade's own
pub enum Flag {
    Delayed = 0,
    Exceptional = 1,
    Damaged = 2,
    Redirected = 3,
    /// Money is to be collected from the recipient.
    CodDue = 4,
    /// No news for longer than its status allows; set and cleared by the fold.
    Stale = 5,
}

words!(Flag {
    Delayed = "delayed",
    Exceptional = "exceptional",
    Damaged = "damaged",
    Redirected = "redirected",
    CodDue = "cod_due",
    Stale = "stale",
});

/// A set of [`Flag`]s: one bit each, so an index can hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(pub u16);

impl Flags {
    /// Whether `flag` is set.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u8) != 0
    }

    /// Sets `flag` or takes it away.
    pub const fn put(&mut self, flag: Flag, on: bool) {
        if on { self.0 |= 1 << flag as u8 } else { self.0 &= !(1 << flag as u8) }
    }

    /// Those that are set, in the order of their bits; bits of a later release are passed over.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }
}

/// A fact that needs a person, found by the fold. It has no life of its own: a later fact that mends it makes it
/// vanish, and each node that folds the same events finds the same ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// A reason code, one of [`REASONS`](super::issues::REASONS) unless a newer release wrote the event.
    pub reason: String,
    /// The event that raised it.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
    /// When that event took effect.
    pub at: Timestamp,
    /// What exactly is wrong, in words for the desk.
    #[serde(default)]
    pub detail: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_none_yet(n: &u32) -> bool {
    *n == 0
}

/// A parcel as its events tell it: the row. Only the fold makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parcel {
    /// Its id.
    pub id: ParcelId,
    /// The tracking number, as last told; empty while nobody has told one.
    pub number: String,
    /// Where it is.
    pub status: Status,
    /// Where it was when the hold began, while it is on hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_hold: Option<Status>,
    /// When the last event that set the status took effect.
    pub since: Timestamp,
    /// The source's own code behind the status; nothing when our own step set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// When `raw` took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_at: Option<Timestamp>,
    /// Who last reported on it: a carrier or a file's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What is known of it beside where it is.
    pub facts: Facts,
    /// The moments of its life as the sources tell them.
    #[serde(skip_serializing_if = "Milestones::is_empty")]
    pub milestones: Milestones,
    /// When it was delivered, as far as that is known: a source that tells moments is believed even when it leaves
    /// this one out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Where it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Place>,
    /// What is true of it wherever it is.
    pub flags: Flags,
    /// At which percentage of the holding time people were last told that it waits at the counter; 0 for not yet.
    #[serde(skip_serializing_if = "is_nought")]
    pub pickup_noticed: u8,
    /// Since when it is where it is: news that it is there still move [`since`](Self::since), not this.
    pub entered: Timestamp,
    /// How long it was in each status it has left, in milliseconds, by the status's number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<(u8, u64)>,
    /// Attempts of a delivery that failed.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub attempts: u32,
    /// How many notes its events carry.
    pub notes_count: u32,
    /// How many events it has, voided ones included.
    pub events: u32,
    /// How many of them correct others. From the first on, the row can't be folded on by one event alone.
    pub corrections: u32,
    /// What needs a person, at most [`MAX_ISSUES`](super::issues::MAX_ISSUES), oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// The depot that first told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<SiteRef>,
    /// The depot that has it: the one of the last own scan. None while nobody has scanned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custody: Option<SiteRef>,
    /// The depot that expects it, from the hand-over until it is scanned there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// When its first event took effect.
    pub created_at: Timestamp,
    /// When its last event took effect.
    pub updated_at: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_nought(n: &u8) -> bool {
    *n == 0
}

impl Parcel {
    /// A parcel of which nothing is known yet.
    #[must_use]
    pub fn new(id: ParcelId) -> Self {
        Self { id, ..Self::default() }
    }

    /// Since when it is where it is; of a row that a release before wrote, since the last news of that.
    #[must_use]
    pub fn there_since(&self) -> Timestamp {
        if self.entered == Timestamp::ZERO { self.since } else { self.entered }
    }

    /// How long it was in each status it has left, in milliseconds: all its stays there together.
    pub fn stays(&self) -> impl Iterator<Item = (Status, u64)> + '_ {
        self.spent.iter().filter_map(|(n, ms)| Some((*Status::ALL.get(usize::from(*n))?, *ms)))
    }

    /// The depot that acts on it when a deadline passes: who has it, else who first told of it.
    #[must_use]
    pub fn keeper(&self) -> Option<SiteRef> {
        self.custody.or(self.origin)
    }

    /// Whether everything that was said of it has been taken back: it is in the journal and nowhere else.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.corrections > 0
            && self.status == Status::Unknown
            && self.number.is_empty()
            && self.facts == Facts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_either_case_and_stored_by_name() {
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
            assert_eq!(status.as_str().to_uppercase().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!("shipped".parse::<Status>().unwrap_err().contains("in_transit"));
    }

    #[test]
    fn each_flag_has_a_bit_of_its_own() {
        let mut flags = Flags::default();
        for flag in Flag::ALL {
            assert_eq!(serde_json::to_value(flag).unwrap(), flag.as_str());
            assert!(!flags.has(flag));
            flags.put(flag, true);
            assert!(flags.has(flag));
        }
        flags.put(Flag::Damaged, false);
        assert_eq!(flags.iter().count(), 5);
        assert_eq!(flags.0, 0b11_1011);
    }

    #[test]
    fn a_row_keeps_what_it_holds_and_an_empty_one_can_be_read() {
        let mut parcel = Parcel::new(ParcelId::fresh());
        parcel.issues.push(Issue {
            reason: "damaged".into(),
            eid: [7; 16],
            at: Timestamp::ZERO,
            detail: String::new(),
        });
        parcel.location = Some(Place { city: Some("Lisboa".into()), ..Place::default() });
        let bytes = rmp_serde::to_vec_named(&parcel).unwrap();
        assert_eq!(rmp_serde::from_slice::<Parcel>(&bytes).unwrap(), parcel);
        assert_eq!(rmp_serde::from_slice::<Parcel>(&[0x80]).unwrap(), Parcel::default());
    }
}
