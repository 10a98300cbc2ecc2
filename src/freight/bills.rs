//! Bills: what the handler, the carrier and customs ask for, with the waybill it is for, when it is due, and the receipt.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::BillEvent;
use super::model::{BillKind, BillMark};
use super::repo::BILLS;
use crate::audit::{Changed, compare};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::first_record;
use crate::journal::{Aggregate, Cx, Folded, Followed, Stamped};
use crate::store::{Result, Table, WriteTx, counters};

/// Lines of one bill.
pub const MAX_BILL_LINES: usize = 200;

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillLine {
    /// For what.
    pub text: String,
    /// Minor units; less than nothing for a credit.
    pub minor: i64,
}

/// A bill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// Its id.
    pub id: Id,
    /// Its number at whoever wrote it.
    pub number: String,
    /// Who wrote it.
    #[serde(default)]
    pub from: String,
    /// What it is for.
    #[serde(default)]
    pub kind: BillKind,
    /// The waybill it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mawb: Option<Id>,
    /// ISO 4217.
    pub currency: String,
    /// Its lines.
    pub lines: Vec<BillLine>,
    /// The day it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// The receipt, an attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Id>,
    /// Whether its sum was held against what was agreed.
    #[serde(default)]
    pub matched: bool,
    /// Whether it was withdrawn.
    #[serde(default)]
    pub void: bool,
    /// The first site of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<crate::journal::SiteRef>,
}
first_record!(Bill);

impl Bill {
    /// Its sum in minor units.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.lines.iter().fold(0, |sum, l| sum.saturating_add(l.minor))
    }

    /// The index key of when it is due; without a day it comes last.
    #[must_use]
    pub fn due_key(&self) -> Vec<u8> {
        let day = |d: Date| {
            u32::from(d.year().unsigned_abs()) * 10_000
                + u32::from(d.month().unsigned_abs()) * 100
                + u32::from(d.day().unsigned_abs())
        };
        self.due.map_or(u32::MAX, day).to_be_bytes().to_vec()
    }

    /// What its waybill knows of it.
    #[must_use]
    pub fn mark(&self) -> BillMark {
        BillMark {
            bill: self.id,
            kind: self.kind,
            paid_at: self.paid_at,
            receipt: self.receipt,
            matched: self.matched,
            void: self.void,
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// Names every place that is wrong.
    pub fn check(&self) -> std::result::Result<(), Invalid> {
        let mut wrong = Vec::new();
        wrong.extend(text::required("/number", &self.number, text::SHORT).err());
        wrong.extend(text::optional("/from", &self.from, text::SHORT).err());
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let said = format!("\"{}\" is no currency; write three letters such as EUR", self.currency);
            wrong.push(Problem::new("/currency", said));
        }
        if self.lines.is_empty() || self.lines.len() > MAX_BILL_LINES {
            let said = format!("has {} lines; 1 to {MAX_BILL_LINES} make a bill", self.lines.len());
            wrong.push(Problem::new("/lines", said));
        }
        for (n, line) in self.lines.iter().take(MAX_BILL_LINES).enumerate() {
            wrong.extend(text::required(&format!("/lines/{n}/text"), &line.text, text::SHORT).err());
        }
        if self.lines.iter().try_fold(0_i64, |sum, l| sum.checked_add(l.minor)).is_none() {
            wrong.push(Problem::new("/lines", "add up to more than can be counted"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

impl Aggregate for Bill {
    type Event = BillEvent;
    const NAME: &'static str = "bill";
    const TABLE: &'static Table<Id, Folded<Self>> = &BILLS;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(mut self, e: &Stamped<BillEvent>) -> Self {
        let origin = self.origin.or_else(|| Some(e.writer()));
        match &e.event {
            BillEvent::Entered(bill) | BillEvent::Changed(bill) => {
                let (paid_at, receipt, matched, void) = (self.paid_at, self.receipt, self.matched, self.void);
                // What it asks for is new, so that nobody has matched it yet.
                let same = bill.lines == self.lines && bill.currency == self.currency;
                let matched = matched && same;
                self = Self { id: self.id, paid_at, receipt, matched, void, ..bill.clone() };
            }
            BillEvent::Paid(paid) => (self.paid_at, self.receipt) = (Some(paid.at), paid.receipt),
            BillEvent::Matched(m) => self.matched = m.matched,
            BillEvent::Voided(_) => self.void = true,
        }
        self.origin = origin;
        self
    }

    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        for (bill, by) in [(old.map(|o| &o.state), -1), (Some(new), 1)] {
            let Some(bill) = bill.filter(|b| !b.number.is_empty() && !b.void) else { continue };
            let paid = if bill.paid_at.is_some() { "paid" } else { "open" };
            counters::add(tx, &format!("freight/bills/{paid}"), by)?;
        }
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        if old.is_none() { Vec::new() } else { compare(old, Some(new), &[]) }
    }
}
