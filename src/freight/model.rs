//! The nouns of air freight: a master waybill with what is known and what was reported of it, and its houses.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::awb::Awb;
use super::codes::{Code, Discrepancy};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::base::units::Grams;
use crate::base::words::words;

/// Reports a row keeps; the history has them all. Of more, those of the earliest moments are kept, so that the row is
/// the same in whatever order they came.
pub const MAX_MARKS: usize = 400;
/// Units of one waybill.
pub const MAX_UNITS: usize = 100;
/// Documents of one waybill that the row knows.
pub const MAX_DOCUMENTS: usize = 200;
/// Bills of one waybill.
pub const MAX_BILLS: usize = 100;
/// Further facts of a waybill or a house, by name.
pub const MAX_MORE: usize = 50;
/// Houses of one master.
pub const MAX_HOUSES: usize = 500;
/// Lines of goods of one house.
pub const MAX_LINES: usize = 500;

/// Somebody a waybill names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Party {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where mail reaches them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Address in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Who fetches the goods, with what, when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pickup {
    /// Driver.
    pub driver: String,
    /// Vehicle.
    pub vehicle: String,
    /// The slot at the terminal.
    pub slot: Timestamp,
}

macro_rules! facts {
    ($(#[$all:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$all])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
            /// Whatever else is known, by name.
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            #[schema(value_type = std::collections::HashMap<String, String>)]
            pub more: BTreeMap<String, String>,
        }

        impl $name {
            /// These facts after `news`: what it says replaces what was known, the rest stays.
            pub fn apply(&mut self, news: &Self) {
                $(if news.$field.is_some() { self.$field.clone_from(&news.$field); })*
                for (name, value) in &news.more {
                    if value.is_empty() {
                        self.more.remove(name);
                    } else if self.more.contains_key(name) || self.more.len() < MAX_MORE {
                        self.more.insert(name.clone(), value.clone());
                    }
                }
            }

            /// What `news` says beyond these; none when it says nothing new.
            #[must_use]
            pub fn news(&self, news: &Self) -> Option<Self> {
                let mut out = Self::default();
                $(if news.$field.is_some() && news.$field != self.$field { out.$field.clone_from(&news.$field); })*
                out.more = news.more.iter()
                    .filter(|(name, value)| self.more.get(*name).map_or("", String::as_str) != value.as_str())
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                (out != Self::default()).then_some(out)
            }
        }
    };
}

facts! {
    /// What is known of a master. Every field may be unknown.
    Facts {
        /// Airport it comes from, three letters.
        origin: String,
        /// Airport it goes to, three letters.
        destination: String,
        /// The handler there, as the terminals name it.
        handler: String,
        /// The carrier, two characters.
        carrier: String,
        /// Pieces.
        pieces: u32,
        /// Weight in grams.
        weight: Grams,
        /// The flight it is expected on.
        flight: String,
        /// When that departs.
        etd: Timestamp,
        /// When it arrives.
        eta: Timestamp,
        /// Who sends it.
        shipper: Party,
        /// Who it is for.
        consignee: Party,
        /// What it is.
        goods: String,
        /// How it travels: Air, Air Charter.
        mode: String,
        /// The country it goes to.
        country: String,
        /// The number of its customs entry.
        entry_number: String,
        /// Who fetches it.
        pickup: Pickup,
        /// The import service charge.
        isc: Money,
    }
}

facts! {
    /// What is known of a house. Every field may be unknown.
    HouseFacts {
        /// Pieces.
        pieces: u32,
        /// Weight in grams.
        weight: Grams,
        /// Who sends it.
        shipper: Party,
        /// Who it is for.
        consignee: Party,
        /// What it is.
        goods: String,
        /// How it travels.
        mode: String,
        /// The country it goes to.
        country: String,
        /// The day it is promised for.
        #[schema(value_type = Option<String>)]
        scheduled: Date,
        /// The day it was delivered.
        #[schema(value_type = Option<String>)]
        delivered: Date,
        /// The day that was written down.
        #[schema(value_type = Option<String>)]
        recorded: Date,
        /// What it is worth.
        value: Money,
        /// What its carriage costs.
        freight: Money,
    }
}

/// How many pieces a report is of.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The whole shipment.
    #[default]
    Whole,
    /// Some of its pieces.
    Some,
}

/// One report of the shipment. Ordered by the moment it is said to have happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What.
    pub code: Code,
    /// Where; of a flight, from where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    /// To where, of a flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight: Option<String>,
    /// Of the whole shipment or a part.
    #[serde(default)]
    pub part: Part,
    /// Pieces it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u32>,
    /// Pieces of the whole shipment, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Weight it is of, grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Grams>,
    /// Why, of a discrepancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Discrepancy>,
    /// Who, or what else it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Mark {
    /// `code` at `at` of the whole shipment.
    #[must_use]
    pub fn new(code: Code, at: Timestamp) -> Self {
        Self {
            at,
            code,
            station: None,
            to: None,
            flight: None,
            part: Part::Whole,
            pieces: None,
            total: None,
            weight: None,
            reason: None,
            name: None,
        }
    }

    /// What it is known by in cases: the same report has the same, whichever message brought it.
    #[must_use]
    pub fn mark(&self) -> [u8; 16] {
        let text = format!(
            "{}/{}/{:?}/{:?}/{:?}/{:?}",
            self.at.millis(),
            self.code,
            self.station,
            self.flight,
            self.pieces,
            self.reason
        );
        Id::derived(&[b"freight mark", text.as_bytes()]).0
    }
}

/// A container or unit load device that has to go back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AirUnit)]
pub struct Unit {
    /// Its number, such as PMC72534QR or CSQU3054383.
    pub number: String,
    /// When it left the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_at: Option<Timestamp>,
    /// Where it goes back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_to: Option<String>,
    /// When it was brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<Timestamp>,
}

/// A document of the waybill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AirDocument)]
pub struct Document {
    /// Its file type, such as `invoice`.
    pub kind: String,
    /// The attachment.
    pub attachment: Id,
}

/// A bill as its waybill knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillMark {
    /// The bill.
    pub bill: Id,
    /// What it is for.
    pub kind: BillKind,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// The receipt, an attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Id>,
    /// Whether its sum was matched.
    #[serde(default)]
    pub matched: bool,
    /// Whether it was withdrawn.
    #[serde(default)]
    pub void: bool,
}

/// What a bill is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BillKind {
    /// Import service charge of the handler.
    Isc,
    /// Storage.
    Storage,
    /// Container or unit out too long.
    Detention,
    /// Freight.
    Freight,
    /// Duties, taxes, entry.
    Customs,
    /// Anything else.
    #[default]
    Other,
}

/// A hold of customs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
}

/// A last free day somebody set by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LfdSet {
    /// The day.
    #[schema(value_type = String)]
    pub day: Date,
    /// Why.
    pub reason: String,
}

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepDone {
    /// When.
    pub at: Timestamp,
    /// By whom: the number of the user at the site; 0 is the system.
    pub by: u32,
    /// Why, when it was forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// The running instance of a procedure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WorkflowRun)]
pub struct Run {
    /// The version of the steps it began with, and keeps.
    pub version: u32,
    /// When it began; nothing that was due before is called in.
    pub since: Timestamp,
    /// The steps that are done, by key.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, StepDone>)]
    pub done: BTreeMap<String, StepDone>,
    /// Reminders that have gone out: for each the last moment that was called in.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub fired: BTreeMap<String, Timestamp>,
}

/// Something a clock found that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What: `late_flight`, `storage_running`, `not_counted`, `unit_out`.
    pub kind: String,
    /// Since when.
    pub at: Timestamp,
    /// In words.
    pub detail: String,
}

/// A matter that needs a person, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The case's reason.
    pub reason: String,
    /// What it comes from.
    #[serde(with = "serde_bytes")]
    pub from: [u8; 16],
    /// Since when.
    pub at: Timestamp,
    /// In words; what stands before the first colon tells two issues of one cause apart.
    pub detail: String,
}

/// Where a master stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[schema(as = AirState)]
pub enum State {
    /// Announced or booked.
    #[default]
    Booked = 1,
    /// It flies, or has flown a leg.
    Departed = 2,
    /// Its flight is there.
    Arrived = 3,
    /// All its pieces are counted.
    Received = 4,
    /// Customs let it go.
    Released = 5,
    /// Its papers are handed over.
    Collected = 6,
    /// All its pieces are with whoever they are for.
    Delivered = 7,
    /// Its file is closed.
    Closed = 8,
}

words!(State read as "a waybill's state" {
    Booked = "booked",
    Departed = "departed",
    Arrived = "arrived",
    Received = "received",
    Released = "released",
    Collected = "collected",
    Delivered = "delivered",
    Closed = "closed",
});

impl State {
    /// Whether there is still something to do with the goods.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Delivered | Self::Closed)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A master air waybill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mawb {
    /// Its id.
    pub id: Id,
    /// Its number.
    pub number: Awb,
    /// Why its number is taken although the check digit is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_written: Option<String>,
    /// What is known of it.
    #[serde(default)]
    pub facts: Facts,
    /// What was reported of it, by moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Its documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
    /// Its bills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bills: Vec<BillMark>,
    /// Its units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    /// The hold of customs, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The last free day somebody set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lfd: Option<LfdSet>,
    /// Its procedure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What clocks found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// Labels that steps put on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// When its file was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// How often something of it was taken back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub corrections: u32,
    /// Where it stands: follows from all of the above.
    pub state: State,
    /// What needs a person: follows from all of the above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// The first site of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<crate::journal::SiteRef>,
}

/// A measure in a file: a figure, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// A figure: grams, or minor units.
    Is(u64),
    /// It is part of the figure of another line.
    With {
        /// The house that line belongs to.
        house: String,
        /// The line.
        line: String,
    },
    /// There is none, for the reason the file gives.
    None(String),
}

/// A line of goods in a house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = GoodsLine)]
pub struct Line {
    /// Its number in the file it comes from.
    pub id: String,
    /// What it is.
    pub item: String,
    /// How many packs.
    pub quantity: u64,
    /// What they are worth, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// Their weight in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Measure>,
    /// The freight paid for them, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freight: Option<Measure>,
}

/// A house waybill: the forwarder's contract with a shipper, under a master or on the road by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hawb {
    /// Its id.
    pub id: Id,
    /// Its number, the forwarder's own.
    pub number: String,
    /// The master it flies under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mawb: Option<Id>,
    /// What is known of it.
    #[serde(default)]
    pub facts: HouseFacts,
    /// What was reported of it, by moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Its goods, by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Whether it was taken out of its master's load.
    #[serde(default)]
    pub deconsolidated: bool,
    /// How often something of it was taken back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub corrections: u32,
    /// The first site of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<crate::journal::SiteRef>,
}

impl Hawb {
    /// Calendar days it came late; negative when early, none while it is not delivered or nothing was promised.
    #[must_use]
    pub fn days_late(&self) -> Option<i32> {
        let (promised, came) = (self.facts.scheduled?, self.facts.delivered?);
        came.since((jiff::Unit::Day, promised)).ok().map(|s| s.get_days())
    }

    /// Whether it was delivered before the day `day`.
    #[must_use]
    pub fn delivered_before(&self, day: Date) -> bool {
        self.facts.delivered.is_some_and(|d| d < day)
    }
}
