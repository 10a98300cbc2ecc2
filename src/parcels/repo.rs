//! Where parcels are kept and how they are found: by id, by any of their numbers, by status, by distributor.

use serde::{Deserialize, Serialize};

use super::model::{Flag, Parcel, ParcelId};
use super::rules;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::identity::grant::Scope;
use crate::journal::Folded;
use crate::store::table::{Checked, Entry, Rows};
use crate::store::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, key};

/// Parcels by id.
pub const PARCELS: Table<Id, Folded<Parcel>> =
    Table::new(20, "parcels", Home::ById).indexed(&[by_status, by_distributor, by_exception]);

/// In the order they were made, within a status.
pub const BY_STATUS: Ix = Ix::Nth(0);
/// Within a distributor. Status is left out of it: it changes with every step, and each index that moves costs a page.
pub const BY_DISTRIBUTOR: Ix = Ix::Nth(1);
/// Those that need a person.
pub const BY_EXCEPTION: Ix = Ix::Nth(2);

fn by_status(row: &Folded<Parcel>) -> Option<Vec<u8>> {
    (!row.state.is_void()).then(|| vec![row.state.status as u8])
}

fn by_distributor(row: &Folded<Parcel>) -> Option<Vec<u8>> {
    let p = &row.state;
    p.facts.distributor.as_deref().map(distributor_key)
}

fn by_exception(row: &Folded<Parcel>) -> Option<Vec<u8>> {
    let p = &row.state;
    (!p.issues.is_empty() || p.flags.has(Flag::Exceptional)).then(|| vec![1])
}

/// The index key of a distributor's parcels.
#[must_use]
pub fn distributor_key(distributor: &str) -> Vec<u8> {
    key::text_then(distributor, &[])
}

/// When the clock at the counter turns for a parcel, as it was planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    pub at: Timestamp,
}
first_record!(Planned);

/// The planned turns by parcel: beside the row, because few parcels ever wait at the counter.
pub(super) const PICKUPS: Table<Id, Planned> = Table::new(115, "pickup_turns", Home::Local);

/// Every number of every parcel: number, what kind of number, id. Many parcels may carry one number.
const NUMBERS: Coll = Coll { id: 21, name: "parcel_numbers", home: Home::Local };

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Tracking = 0,
    OrderRef = 1,
}

/// The longest number that can be looked up.
pub const MAX_NUMBER: usize = 128;

/// A number as it is compared: without blanks, in capitals.
#[must_use]
pub fn normal(number: &str) -> String {
    number.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase()
}

fn number_key(number: &str, kind: Kind, id: Id) -> Vec<u8> {
    let mut rest = vec![kind as u8];
    rest.extend(id.0);
    key::text_then(&normal(number), &rest)
}

/// Keeps the look-ups by number.
pub(super) fn look_ups(tx: &mut dyn WriteTx, old: Option<&Parcel>, new: &Parcel) -> Result<()> {
    fn numbers(p: &Parcel) -> [(Kind, Option<&str>); 2] {
        [
            (Kind::Tracking, Some(p.number.as_str()).filter(|n| !n.is_empty())),
            (Kind::OrderRef, p.facts.order_ref.as_deref()),
        ]
    }
    let before = old.map(numbers);
    for (i, (kind, now)) in numbers(new).into_iter().enumerate() {
        let was = before.as_ref().and_then(|b| b[i].1);
        if was != now {
            if let Some(was) = was {
                tx.del(NUMBERS, &number_key(was, kind, new.id.0), Expect::Any)?;
            }
            if let Some(now) = now {
                tx.put(NUMBERS, &number_key(now, kind, new.id.0), &[], &[], Expect::Any)?;
            }
        }
    }
    Ok(())
}

/// Parcels one number may lead to.
pub const MAX_SAME: usize = 100;

fn ids(tx: &dyn ReadTx, prefix: &[u8], limit: usize) -> Result<Vec<(Kind, Id)>> {
    let slice = tx.scan(NUMBERS, Ix::Primary, &KeyRange::prefix(prefix), Dir::Up, limit)?;
    let parse = |pk: &[u8]| {
        let at = pk.len().checked_sub(17)?;
        let kind = if pk[at] == Kind::Tracking as u8 { Kind::Tracking } else { Kind::OrderRef };
        Some((kind, Id::from_slice(&pk[at + 1..])?))
    };
    slice
        .recs
        .iter()
        .map(|r| parse(&r.pk).ok_or_else(|| StoreError::Corrupt("a number's key is damaged".into())))
        .collect()
}

/// Parcels with this tracking number.
///
/// # Errors
/// Storage failures.
pub fn with_tracking(tx: &dyn ReadTx, number: &str) -> Result<Vec<Id>> {
    let all = ids(tx, &key::text_then(&normal(number), &[Kind::Tracking as u8]), MAX_SAME)?;
    Ok(all.into_iter().map(|(_, id)| id).collect())
}

/// Parcels of this order.
///
/// # Errors
/// Storage failures.
pub fn with_order(tx: &dyn ReadTx, order: &str) -> Result<Vec<Id>> {
    let all = ids(tx, &key::text_then(&normal(order), &[Kind::OrderRef as u8]), MAX_SAME)?;
    Ok(all.into_iter().map(|(_, id)| id).collect())
}

/// Parcels one of whose numbers begins with `prefix`, at most `limit`.
///
/// # Errors
/// Storage failures.
pub fn beginning_with(tx: &dyn ReadTx, prefix: &str, limit: usize) -> Result<Vec<Id>> {
    let mut escaped = Vec::new();
    key::escape(&mut escaped, normal(prefix).as_bytes());
    let mut out: Vec<Id> = Vec::new();
    for (_, id) in ids(tx, &escaped, limit)? {
        if !out.contains(&id) {
            out.push(id);
        }
    }
    Ok(out)
}

/// The parcels that `name`, an id or a number, may mean.
///
/// # Errors
/// Storage failures.
pub fn named(tx: &dyn ReadTx, name: &str) -> Result<Vec<Id>> {
    match name.parse::<Id>() {
        // 32 digits are an id without hyphens, and the number on many a parcel.
        Ok(id) if !name.contains('-') => match with_tracking(tx, name)? {
            none if none.is_empty() => Ok(vec![id]),
            some => Ok(some),
        },
        Ok(id) => Ok(vec![id]),
        Err(_) if name.len() > MAX_NUMBER => Ok(Vec::new()),
        Err(_) => match with_tracking(tx, name)? {
            none if none.is_empty() => with_order(tx, name),
            some => Ok(some),
        },
    }
}

/// The parcel a caller means by `name`, an id or a number, among those in `scope`; and the ids of others that carry the
/// same number. Of several the newest open one is meant, else the newest.
///
/// # Errors
/// Storage failures.
pub fn find(
    tx: &dyn ReadTx,
    scope: &Scope,
    name: &str,
) -> Result<Option<(Entry<Folded<Parcel>>, Vec<ParcelId>)>> {
    let mut found = Vec::new();
    for id in named(tx, name)? {
        found.extend(PARCELS.entry(tx, &id)?.filter(|e| visible(scope, &e.value.state)));
    }
    found.sort_by_key(|e| (rules::is_open(e.value.state.status), e.value.state.id));
    let meant = found.pop();
    Ok(meant.map(|m| (m, found.iter().map(|e| e.value.state.id).collect())))
}

/// Whether a parcel lies in `scope`.
#[must_use]
pub fn visible(scope: &Scope, p: &Parcel) -> bool {
    !p.is_void() && scope.admits_distributor(p.facts.distributor.as_deref())
}

/// Whether the parcel `id` is there and in `scope`.
///
/// # Errors
/// Storage failures.
pub fn sees(tx: &dyn ReadTx, scope: &Scope, id: Id) -> Result<bool> {
    Ok(PARCELS.get(tx, &id)?.is_some_and(|row| visible(scope, &row.state)))
}

/// A page of parcels in the order of `ix`.
///
/// # Errors
/// Storage failures.
pub fn page(
    tx: &dyn ReadTx,
    ix: Ix,
    range: &KeyRange,
    dir: Dir,
    limit: usize,
) -> Result<Rows<Folded<Parcel>>> {
    PARCELS.scan(tx, ix, range, dir, limit)
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    struct Numbers;
    impl Checked for Numbers {
        fn coll(&self) -> Coll {
            NUMBERS
        }
        fn keys(&self, _: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
            Ok(Vec::new())
        }
    }
    vec![&PARCELS, &Numbers, &PICKUPS]
}
