//! Where masters, houses, bills and the desk's own rules are kept, and how they are found.

use super::bills::Bill;
use super::carriers::Carrier;
use super::desk::StoredSop;
use super::inbox::Heard;
use super::model::{Hawb, Mawb, State};
use super::terminals::Terminal;
use crate::base::ids::Id;
use crate::journal::Folded;
use crate::journal::reference::Ref;
use crate::store::table::{Checked, Entry};
use crate::store::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, key};

/// Masters by id.
pub static MAWBS: Table<Id, Folded<Mawb>> =
    Table::new(180, "mawbs", Home::ById).indexed(&[by_state, by_destination, by_prefix]);
/// Every number of every master; reused after years, so several may have one.
const MAWB_NUMBERS: Coll = Coll { id: 181, name: "mawb_numbers", home: Home::Local };
/// Houses by id.
pub static HAWBS: Table<Id, Folded<Hawb>> = Table::new(182, "hawbs", Home::ById).indexed(&[by_master]);
/// Every number of every house.
const HAWB_NUMBERS: Coll = Coll { id: 183, name: "hawb_numbers", home: Home::Local };
/// Versions of the procedure.
pub static SOPS: Table<Id, Folded<Ref<StoredSop>>> = Table::new(184, "workflow_steps", Home::ById);
/// Terminals.
pub static TERMINALS: Table<Id, Folded<Ref<Terminal>>> = Table::new(185, "terminals", Home::ById);
/// Carriers.
pub static CARRIERS: Table<Id, Folded<Ref<Carrier>>> = Table::new(186, "air_carriers", Home::ById);
/// Bills by id.
pub static BILLS: Table<Id, Folded<Bill>> =
    Table::new(187, "bills", Home::ById).indexed(&[bill_by_master, bill_by_due]);
/// Texts that were handed in, with what was not understood of them.
pub static HEARD: Table<Id, Heard> = Table::new(188, "fsu_texts", Home::Local).indexed(&[heard_unknown]);

/// Within a state, in the order they were made.
pub const BY_STATE: Ix = Ix::Nth(0);
/// By where they go to.
pub const BY_DESTINATION: Ix = Ix::Nth(1);
/// By airline.
pub const BY_PREFIX: Ix = Ix::Nth(2);
/// Houses of a master, by number.
pub const BY_MASTER: Ix = Ix::Nth(0);
/// Bills of a master.
pub const BILL_BY_MASTER: Ix = Ix::Nth(0);
/// Unpaid bills, by when they are due.
pub const BILL_BY_DUE: Ix = Ix::Nth(1);
/// Texts with lines that were not understood.
pub const UNKNOWN: Ix = Ix::Nth(0);

/// Whether it has a number: one that was taken back has none.
fn is_known(row: &Folded<Mawb>) -> bool {
    !row.state.number.digits().is_empty()
}
fn by_state(row: &Folded<Mawb>) -> Option<Vec<u8>> {
    is_known(row).then(|| vec![row.state.state as u8])
}
fn by_destination(row: &Folded<Mawb>) -> Option<Vec<u8>> {
    row.state.facts.destination.as_deref().filter(|_| is_known(row)).map(|d| key::text_then(d, &[]))
}
fn by_prefix(row: &Folded<Mawb>) -> Option<Vec<u8>> {
    is_known(row).then(|| key::text_then(row.state.number.prefix(), &[]))
}
fn by_master(row: &Folded<Hawb>) -> Option<Vec<u8>> {
    row.state.mawb.map(|m| [&m.0[..], &key::text_then(&row.state.number, &[])].concat())
}
fn bill_by_master(row: &Folded<Bill>) -> Option<Vec<u8>> {
    row.state.mawb.map(|m| m.0.to_vec())
}
fn bill_by_due(row: &Folded<Bill>) -> Option<Vec<u8>> {
    let open = row.state.paid_at.is_none() && !row.state.void;
    open.then(|| row.state.due_key())
}
fn heard_unknown(h: &Heard) -> Option<Vec<u8>> {
    (!h.unknown.is_empty()).then(|| vec![1])
}

/// The index key of masters in `state`.
#[must_use]
pub fn state_key(state: State) -> Vec<u8> {
    vec![state as u8]
}

/// A number as it is compared: without blanks and hyphens, in capitals.
#[must_use]
pub fn normal(number: &str) -> String {
    number.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase()
}

fn move_number(tx: &mut dyn WriteTx, coll: Coll, id: Id, was: Option<&str>, now: &str) -> Result<()> {
    let at = |number: &str| key::text_then(&normal(number), &id.0);
    if was == Some(now) {
        return Ok(());
    }
    if let Some(was) = was.filter(|w| !w.is_empty()) {
        tx.del(coll, &at(was), Expect::Any)?;
    }
    if !now.is_empty() {
        tx.put(coll, &at(now), &[], &[], Expect::Any)?;
    }
    Ok(())
}

pub(super) fn mawb_look_ups(tx: &mut dyn WriteTx, old: Option<&Mawb>, new: &Mawb) -> Result<()> {
    move_number(tx, MAWB_NUMBERS, new.id, old.map(|o| o.number.digits()), new.number.digits())
}

pub(super) fn hawb_look_ups(tx: &mut dyn WriteTx, old: Option<&Hawb>, new: &Hawb) -> Result<()> {
    move_number(tx, HAWB_NUMBERS, new.id, old.map(|o| o.number.as_str()), &new.number)
}

/// Records one number may lead to.
const MAX_SAME: usize = 100;

fn ids(tx: &dyn ReadTx, coll: Coll, prefix: &[u8]) -> Result<Vec<Id>> {
    let slice = tx.scan(coll, Ix::Primary, &KeyRange::prefix(prefix), Dir::Up, MAX_SAME)?;
    let id = |pk: &[u8]| pk.len().checked_sub(16).and_then(|at| Id::from_slice(&pk[at..]));
    let damaged = || StoreError::Corrupt("a waybill number's key is damaged".into());
    slice.recs.iter().map(|r| id(&r.pk).ok_or_else(damaged)).collect()
}

/// Masters with this number: the open ones last, of them the newest last.
///
/// # Errors
/// Storage failures.
pub fn with_number(tx: &dyn ReadTx, digits: &str) -> Result<Vec<Entry<Folded<Mawb>>>> {
    let found = ids(tx, MAWB_NUMBERS, &key::text_then(&normal(digits), &[]))?;
    let mut rows = Vec::new();
    for id in found {
        rows.extend(MAWBS.entry(tx, &id)?);
    }
    rows.sort_by_key(|e| (e.value.state.state.is_open(), e.value.state.id));
    Ok(rows)
}

/// Masters whose number begins with `digits`.
///
/// # Errors
/// Storage failures.
pub fn beginning_with(tx: &dyn ReadTx, digits: &str) -> Result<Vec<Id>> {
    let mut prefix = Vec::new();
    key::escape(&mut prefix, normal(digits).as_bytes());
    ids(tx, MAWB_NUMBERS, &prefix)
}

/// Houses with this number, oldest first.
///
/// # Errors
/// Storage failures.
pub fn houses_named(tx: &dyn ReadTx, number: &str) -> Result<Vec<Entry<Folded<Hawb>>>> {
    let mut rows = Vec::new();
    for id in ids(tx, HAWB_NUMBERS, &key::text_then(&normal(number), &[]))? {
        rows.extend(HAWBS.entry(tx, &id)?);
    }
    Ok(rows)
}

/// The houses of a master, at most `limit`, by number.
///
/// # Errors
/// Storage failures.
pub fn houses_of(tx: &dyn ReadTx, mawb: Id, limit: usize) -> Result<Vec<Hawb>> {
    let rows = HAWBS.scan(tx, BY_MASTER, &KeyRange::prefix(&mawb.0), Dir::Up, limit)?;
    Ok(rows.items.into_iter().map(|e| e.value.state).collect())
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    struct Numbers(Coll);
    impl Checked for Numbers {
        fn coll(&self) -> Coll {
            self.0
        }
        fn keys(&self, _: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
            Ok(Vec::new())
        }
    }
    static MASTERS: Numbers = Numbers(MAWB_NUMBERS);
    static HOUSES: Numbers = Numbers(HAWB_NUMBERS);
    vec![&MAWBS, &MASTERS, &HAWBS, &HOUSES, &SOPS, &TERMINALS, &CARRIERS, &BILLS, &HEARD]
}
