//! What happens to masters, houses and bills, and how it is written. Kinds 0x500 to 0x55f.

use serde::{Deserialize, Serialize};

use super::awb::Awb;
use super::bills::Bill;
use super::model::{Alarm, BillMark, Document, Facts, Hold, HouseFacts, LfdSet, Line, Mark, Unit};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::Event;
use crate::store::{Result, StoreError};

/// The kinds of a master's events.
pub const MASTER_KINDS: std::ops::RangeInclusive<u16> = 0x500..=0x51f;
/// The kinds of a house's events.
pub const HOUSE_KINDS: std::ops::RangeInclusive<u16> = 0x520..=0x53f;
/// The kinds of a bill's events.
pub const BILL_KINDS: std::ops::RangeInclusive<u16> = 0x540..=0x55f;

/// An enum of events of which each has one body.
macro_rules! events {
    ($(#[$all:meta])* $name:ident, $what:literal, $occurred:expr; $($(#[$doc:meta])* $variant:ident($body:ty) = $kind:literal $said:literal;)*) => {
        $(#[$all])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)] // an event is made, written and gone: a box would cost more than it saves
        pub enum $name { $($(#[$doc])* $variant($body),)* }

        impl Event for $name {
            fn kind(&self) -> u16 {
                match self { $(Self::$variant(_) => $kind,)* }
            }
            fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $said,)* }
            }
            fn encode(&self) -> Result<Vec<u8>> {
                let bytes = match self { $(Self::$variant(body) => rmp_serde::to_vec_named(body),)* };
                bytes.map_err(|e| bad($what, e))
            }
            fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
                if schema != 1 {
                    return Err(bad($what, format!("schema {schema} is not known to this release")));
                }
                match kind {
                    $($kind => rmp_serde::from_slice(body).map(Self::$variant).map_err(|e| bad($what, e)),)*
                    _ => Err(bad($what, format!("kind {kind:#x} is none of its events"))),
                }
            }
            fn occurred(&self) -> Option<Timestamp> {
                let occurred: fn(&Self) -> Option<Timestamp> = $occurred;
                occurred(self)
            }
        }
    };
}

fn bad(what: &'static str, e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what, why: e.to_string() }
}

/// Nothing more to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {}

macro_rules! bodies {
    ($($(#[$all:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$all])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)* }
    )*};
}

bodies! {
    /// A master is known.
    Announced {
        /// Its number.
        number: Awb,
        /// Why it is taken with a wrong check digit.
        #[serde(default)]
        as_written: Option<String>,
        /// What is known of it.
        facts: Facts,
    }
    /// More is known of a master.
    Described {
        /// What.
        facts: Facts,
    }
    /// Its procedure began.
    Begun {
        /// With the steps of this version.
        version: u32,
    }
    /// A step is done.
    Stepped {
        /// Which.
        step: String,
        /// Why, when it was forced.
        #[serde(default)]
        forced: Option<String>,
    }
    /// Reminders were called in.
    Reminded {
        /// Slots that have come, by reminder.
        seen: Vec<(String, Timestamp)>,
        /// What is said to whom: role, text.
        said: Vec<(String, String)>,
        /// What needs a person.
        #[serde(default)]
        alarms: Vec<Alarm>,
    }
    /// The last free day was set by hand, or with none is computed again.
    LfdGiven {
        /// The day and why.
        #[serde(default)]
        lfd: Option<LfdSet>,
    }
    /// Customs holds it, or with none holds it no more.
    Held {
        /// Since when and why.
        #[serde(default)]
        hold: Option<Hold>,
    }
    /// A word of a step.
    Said {
        /// The label, the event's name, or the note.
        text: String,
    }
    /// A house is known.
    HouseAnnounced {
        /// Its number.
        number: String,
        /// Its master.
        #[serde(default)]
        mawb: Option<Id>,
        /// What is known of it.
        facts: HouseFacts,
    }
    /// More is known of a house.
    HouseDescribed {
        /// Its master, when that is new.
        #[serde(default)]
        mawb: Option<Id>,
        /// What.
        facts: HouseFacts,
    }
    /// Earlier changes have no effect any more, as if they had never been made; the history keeps them.
    TakenBack {
        /// Which.
        changes: Vec<Id>,
        /// Why.
        reason: String,
    }
    /// A bill was paid.
    Paid {
        /// When.
        at: Timestamp,
        /// The receipt, an attachment.
        #[serde(default)]
        receipt: Option<Id>,
    }
    /// A bill's sum was held against what was agreed.
    Matched {
        /// Whether it is right.
        matched: bool,
    }
}

events! {
    /// What happens to a master.
    MawbEvent, "waybill event", |e| match e {
        Self::Reported(mark) => Some(mark.at),
        _ => None,
    };
    /// It is known.
    Announced(Announced) = 0x500 "mawb.announced";
    /// More is known.
    Described(Described) = 0x501 "mawb.described";
    /// Somebody reported something.
    Reported(Mark) = 0x502 "mawb.reported";
    /// Its procedure began.
    Begun(Begun) = 0x503 "workflow.begun";
    /// A step is done.
    Stepped(Stepped) = 0x504 "workflow.advanced";
    /// Reminders were called in.
    Reminded(Reminded) = 0x505 "workflow.reminded";
    /// The last free day was given.
    LfdGiven(LfdGiven) = 0x506 "mawb.lfd_given";
    /// Customs holds it, or does no more.
    Held(Held) = 0x507 "mawb.held";
    /// A unit went out or came back.
    UnitTold(Unit) = 0x508 "mawb.unit_told";
    /// A document was attached.
    Filed(Document) = 0x509 "mawb.document_filed";
    /// A document was removed.
    Unfiled(Document) = 0x50a "mawb.document_removed";
    /// A bill came, was paid or matched.
    Billed(BillMark) = 0x50b "mawb.billed";
    /// A label was put on it.
    Labelled(Said) = 0x50c "mawb.labelled";
    /// A name for those who listen.
    Signalled(Said) = 0x50d "mawb.signalled";
    /// To be remembered.
    Noted(Said) = 0x50e "mawb.noted";
    /// Its file is closed.
    Closed(Plain) = 0x50f "mawb.closed";
    /// What was told of it was taken back.
    TakenBack(TakenBack) = 0x510 "mawb.taken_back";
}

events! {
    /// What happens to a house.
    HawbEvent, "house event", |e| match e {
        Self::Reported(mark) => Some(mark.at),
        _ => None,
    };
    /// It is known.
    Announced(HouseAnnounced) = 0x520 "hawb.announced";
    /// More is known.
    Described(HouseDescribed) = 0x521 "hawb.described";
    /// Somebody reported something.
    Reported(Mark) = 0x522 "hawb.reported";
    /// A line of its goods.
    Lined(Line) = 0x523 "hawb.lined";
    /// It was taken out of its master's load.
    Deconsolidated(Plain) = 0x524 "hawb.deconsolidated";
    /// What was told of it was taken back.
    TakenBack(TakenBack) = 0x525 "hawb.taken_back";
}

events! {
    /// What happens to a bill.
    BillEvent, "bill event", |_| None;
    /// It came.
    Entered(Bill) = 0x540 "bill.entered";
    /// It was changed.
    Changed(Bill) = 0x541 "bill.changed";
    /// It was paid.
    Paid(Paid) = 0x542 "bill.paid";
    /// It was matched.
    Matched(Matched) = 0x543 "bill.matched";
    /// It was withdrawn.
    Voided(Plain) = 0x544 "bill.voided";
}
