//! Where orders are kept and how they are found: by id, number, reference, parcel and status.

use super::catalog::{CATEGORIES, NAMES, PRODUCTS};
use super::model::{Order, OrderId, Status};
use super::stock::{LEVELS, PAGES};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::Folded;
use crate::store::table::{Checked, Entry};
use crate::store::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, key};

/// Orders by id, oldest first.
pub const ORDERS: Table<Id, Folded<Order>> = Table::new(163, "orders", Home::ById).indexed(&[by_status]);

/// Within a status, since when they are in it.
pub const BY_STATUS: Ix = Ix::Nth(0);

fn by_status(row: &Folded<Order>) -> Option<Vec<u8>> {
    Some(status_key(row.state.status, row.state.since))
}

/// Where orders that came into `status` at `since` begin in [`BY_STATUS`].
#[must_use]
pub fn status_key(status: Status, since: Timestamp) -> Vec<u8> {
    let mut k = vec![status as u8];
    k.extend(since.unsigned().to_be_bytes());
    k
}

/// Every other name of every order: what kind of name, the name, the order.
const NUMBERS: Coll = Coll { id: 164, name: "order_numbers", home: Home::Local };

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Number = 0,
    Reference = 1,
    Parcel = 2,
}

fn name_key(kind: Kind, name: &str, id: Option<Id>) -> Vec<u8> {
    let mut k = vec![kind as u8];
    key::text(&mut k, name.as_bytes());
    k.extend(id.iter().flat_map(|id| id.0));
    k
}

/// The look-up name of a reference: who gave it and the reference.
fn reference(source: Option<&str>, reference: &str) -> String {
    format!("{}\u{1f}{reference}", source.unwrap_or_default())
}

fn names(o: &Order) -> Vec<(Kind, String)> {
    let number = (o.number > 0).then(|| (Kind::Number, o.number.to_string()));
    let told = o.reference.as_deref().map(|r| (Kind::Reference, reference(o.source.as_deref(), r)));
    let parcels = o.parcels.iter().map(|p| (Kind::Parcel, p.to_string()));
    number.into_iter().chain(told).chain(parcels).collect()
}

/// Keeps the look-ups.
pub(super) fn look_ups(tx: &mut dyn WriteTx, old: Option<&Order>, new: &Order) -> Result<()> {
    let keys = |o: &Order| -> Vec<Vec<u8>> {
        names(o).into_iter().map(|(kind, name)| name_key(kind, &name, Some(o.id.0))).collect()
    };
    let (before, after) = (old.map(keys).unwrap_or_default(), keys(new));
    for gone in before.iter().filter(|k| !after.contains(k)) {
        tx.del(NUMBERS, gone, Expect::Any)?;
    }
    for fresh in after.iter().filter(|k| !before.contains(k)) {
        tx.put(NUMBERS, fresh, &[], &[], Expect::Any)?;
    }
    Ok(())
}

/// Orders one name may lead to.
const MAX_SAME: usize = 20;

fn with_name(tx: &dyn ReadTx, kind: Kind, name: &str) -> Result<Vec<Id>> {
    let range = KeyRange::prefix(&name_key(kind, name, None));
    let slice = tx.scan(NUMBERS, Ix::Primary, &range, Dir::Up, MAX_SAME)?;
    let id = |pk: &[u8]| pk.len().checked_sub(16).and_then(|at| Id::from_slice(&pk[at..]));
    slice
        .recs
        .iter()
        .map(|r| id(&r.pk).ok_or_else(|| StoreError::Corrupt("an order's look-up key is damaged".into())))
        .collect()
}

/// The first order that `source` (none: a customer of ours) calls `name`.
///
/// # Errors
/// Storage failures.
pub fn with_reference(tx: &dyn ReadTx, source: Option<&str>, name: &str) -> Result<Option<Id>> {
    Ok(with_name(tx, Kind::Reference, &reference(source, name))?.into_iter().next())
}

/// The orders that lie in a parcel.
///
/// # Errors
/// Storage failures.
pub fn with_parcel(tx: &dyn ReadTx, parcel: Id) -> Result<Vec<Id>> {
    with_name(tx, Kind::Parcel, &parcel.to_string())
}

/// The order a caller means: by id, by number, or by the reference they gave it. Of several with one number the newest.
///
/// # Errors
/// Storage failures.
pub fn find(tx: &dyn ReadTx, name: &str) -> Result<Option<Entry<Folded<Order>>>> {
    if let Ok(id) = name.parse::<Id>() {
        return ORDERS.entry(tx, &id);
    }
    let mut ids = with_name(tx, Kind::Number, name.trim_start_matches('0'))?;
    if ids.is_empty() {
        ids.extend(with_reference(tx, None, name)?);
    }
    ids.sort_unstable();
    ids.last().map_or(Ok(None), |id| ORDERS.entry(tx, id))
}

/// The order `id`.
///
/// # Errors
/// Storage failures.
pub fn get(tx: &dyn ReadTx, id: OrderId) -> Result<Option<Entry<Folded<Order>>>> {
    ORDERS.entry(tx, &id.0)
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    struct Bare(Coll);
    impl Checked for Bare {
        fn coll(&self) -> Coll {
            self.0
        }
        fn keys(&self, _: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
            Ok(Vec::new())
        }
    }
    static ORDER_NAMES: Bare = Bare(NUMBERS);
    static CATALOG_NAMES: Bare = Bare(NAMES);
    vec![&CATEGORIES, &PRODUCTS, &CATALOG_NAMES, &ORDERS, &ORDER_NAMES, &PAGES, &LEVELS]
}
