//! The use cases of bills: entered, paid with a receipt, matched when the file is closed. Their waybill is told in the
//! same transaction.

use super::bills::Bill;
use super::error::{FreightError, Result};
use super::event::{BillEvent, Matched, MawbEvent, Paid, Plain};
use super::model::{BillKind, MAX_BILLS};
use super::repo::{BILLS, MAWBS};
use super::service::{tell, whole};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::features::{EditBills, PayCharges};
use crate::identity::grant::Grant;
use crate::journal::{Cx, Folded, record};
use crate::store::table::Entry;
use crate::store::{ReadTx, WriteTx};

/// The bill `name`, an id.
///
/// # Errors
/// [`FreightError::Unknown`] when there is none.
pub fn find(tx: &dyn ReadTx, name: &str) -> Result<Entry<Folded<Bill>>> {
    let unknown = || FreightError::unknown("bill", name);
    let id = name.parse::<Id>().map_err(|_| unknown())?;
    BILLS.entry(tx, &id)?.filter(|e| !e.value.state.number.is_empty()).ok_or_else(unknown)
}

fn put(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    old: Option<Folded<Bill>>,
    event: BillEvent,
) -> Result<Entry<Folded<Bill>>> {
    let written = record::<Bill>(tx, cx, id, old, vec![event])?;
    if let Some(mawb) = written.state.mawb {
        tell(tx, cx, mawb, vec![MawbEvent::Billed(written.state.mark())])?;
    }
    BILLS.entry(tx, &id)?.ok_or_else(|| FreightError::unknown("bill", &id.to_string()))
}

/// Enters a bill.
///
/// # Errors
/// When it makes no sense, or its waybill is not there or has too many.
pub fn enter(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditBills>,
    cx: &Cx,
    bill: Bill,
) -> Result<Entry<Folded<Bill>>> {
    whole(grant)?;
    bill.check()?;
    if let Some(id) = bill.mawb {
        let m = MAWBS.get(tx, &id)?.ok_or_else(|| FreightError::unknown("waybill", &id.to_string()))?;
        if m.state.bills.len() >= MAX_BILLS {
            return Err(FreightError::State(format!(
                "{} has {MAX_BILLS} bills; that is the most",
                m.state.number
            )));
        }
    }
    let id = Id::fresh();
    put(tx, cx, id, None, BillEvent::Entered(Bill { id, ..bill }))
}

/// Changes a bill as a whole; one that is paid or withdrawn stays as it is.
///
/// # Errors
/// When it was changed since `seen`, is paid, or makes no sense.
pub fn change(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditBills>,
    cx: &Cx,
    name: &str,
    (seen, bill): (u64, Bill),
) -> Result<Entry<Folded<Bill>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    if entry.rev != seen {
        return Err(FreightError::Stale { found: entry.rev, seen });
    }
    open(&entry.value.state)?;
    bill.check()?;
    let id = entry.value.state.id;
    // Its waybill stays: a bill for another one is another bill.
    let mawb = entry.value.state.mawb;
    if bill.mawb.is_some() && bill.mawb != mawb {
        return Err(Invalid::at("/mawb", "can't be changed: withdraw this bill and enter another").into());
    }
    put(tx, cx, id, Some(entry.value), BillEvent::Changed(Bill { id, mawb, ..bill }))
}

fn open(bill: &Bill) -> Result<()> {
    match bill {
        Bill { void: true, .. } => Err(FreightError::State("the bill was withdrawn".into())),
        Bill { paid_at: Some(at), .. } => Err(FreightError::State(format!("the bill was paid at {at}"))),
        _ => Ok(()),
    }
}

/// Notes that a bill was paid. An import service charge takes the right to pay those, or that of all bills.
///
/// # Errors
/// When it is paid already or withdrawn, or the caller may pay other bills only.
pub fn pay(
    tx: &mut dyn WriteTx,
    grant: &Grant<PayCharges>,
    cx: &Cx,
    name: &str,
    (at, receipt): (Option<Timestamp>, Option<Id>),
) -> Result<Entry<Folded<Bill>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    open(&entry.value.state)?;
    if entry.value.state.kind != BillKind::Isc {
        grant.principal().grant::<EditBills>()?;
    }
    let id = entry.value.state.id;
    let at = at.unwrap_or(cx.now);
    put(tx, cx, id, Some(entry.value), BillEvent::Paid(Paid { at, receipt }))
}

/// What else can be done with a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its sum is right.
    Match,
    /// It is withdrawn.
    Void,
}

/// Decides on a bill.
///
/// # Errors
/// When it was withdrawn, or is paid and can't be.
pub fn decide(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditBills>,
    cx: &Cx,
    name: &str,
    decision: Decision,
) -> Result<Entry<Folded<Bill>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    let id = entry.value.state.id;
    let event = match decision {
        Decision::Match if entry.value.state.void => {
            return Err(FreightError::State("the bill was withdrawn".into()));
        }
        Decision::Match => BillEvent::Matched(Matched { matched: true }),
        Decision::Void => {
            open(&entry.value.state)?;
            BillEvent::Voided(Plain {})
        }
    };
    put(tx, cx, id, Some(entry.value), event)
}
