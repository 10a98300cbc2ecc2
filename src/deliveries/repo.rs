//! Where deliveries are kept and how they are found: by id, number, status, assignee, parcel and the attempt before.

use super::model::{Delivery, Status};
use super::same::REQUESTS;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::{Principal, Scope};
use crate::journal::Folded;
use crate::store::table::{Checked, Entry};
use crate::store::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, key};

/// Deliveries by id, oldest first.
pub const DELIVERIES: Table<Id, Folded<Delivery>> =
    Table::new(150, "deliveries", Home::ById).indexed(&[by_status, by_assignee, by_distributor]);

/// Within a status, since when they are in it.
pub const BY_STATUS: Ix = Ix::Nth(0);
/// Of one user, oldest first.
pub const BY_ASSIGNEE: Ix = Ix::Nth(1);
/// Of one distributor, oldest first.
pub const BY_DISTRIBUTOR: Ix = Ix::Nth(2);

fn by_status(row: &Folded<Delivery>) -> Option<Vec<u8>> {
    (!row.state.removed).then(|| status_key(row.state.status, row.state.since))
}

fn by_assignee(row: &Folded<Delivery>) -> Option<Vec<u8>> {
    row.state.assignee.as_ref().filter(|_| !row.state.removed).map(|a| a.id.0.to_vec())
}

fn by_distributor(row: &Folded<Delivery>) -> Option<Vec<u8>> {
    row.state.facts.distributor.as_deref().filter(|_| !row.state.removed).map(|d| key::text_then(d, &[]))
}

/// Where deliveries that came into `status` at `since` begin in [`BY_STATUS`].
#[must_use]
pub fn status_key(status: Status, since: Timestamp) -> Vec<u8> {
    let mut k = vec![status as u8];
    k.extend(since.unsigned().to_be_bytes());
    k
}

/// Every other name of every delivery: what kind of name, the name, the delivery.
const NAMES: Coll = Coll { id: 152, name: "delivery_names", home: Home::Local };

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Number = 0,
    Parcel = 1,
    Previous = 2,
    Elsewhere = 3,
}

fn name_key(kind: Kind, name: &[u8], id: Option<Id>) -> Vec<u8> {
    let mut k = vec![kind as u8];
    k.extend_from_slice(name);
    k.extend(id.iter().flat_map(|id| id.0));
    k
}

/// Keeps the look-ups.
pub(super) fn look_ups(tx: &mut dyn WriteTx, old: Option<&Delivery>, new: &Delivery) -> Result<()> {
    let keys = |d: &Delivery| -> Vec<Vec<u8>> {
        let id = Some(d.id.0);
        let number = name_key(Kind::Number, &d.number.to_be_bytes(), id);
        let parcels = d.legs.iter().map(|l| name_key(Kind::Parcel, l.parcel.as_ref(), id));
        let previous = d.previous.map(|p| name_key(Kind::Previous, p.as_ref(), id));
        let elsewhere = d.elsewhere.as_ref().map(|e| {
            let name = elsewhere_name(&e.source, &e.reference);
            name_key(Kind::Elsewhere, &name, id)
        });
        [number].into_iter().chain(parcels).chain(previous).chain(elsewhere).collect()
    };
    let (before, after) = (old.map(keys).unwrap_or_default(), keys(new));
    for gone in before.iter().filter(|k| !after.contains(k)) {
        tx.del(NAMES, gone, Expect::Any)?;
    }
    for fresh in after.iter().filter(|k| !before.contains(k)) {
        tx.put(NAMES, fresh, &[], &[], Expect::Any)?;
    }
    Ok(())
}

/// Deliveries one name may lead to.
const MAX_SAME: usize = 50;

fn with_name(tx: &dyn ReadTx, kind: Kind, name: &[u8]) -> Result<Vec<Id>> {
    let range = KeyRange::prefix(&name_key(kind, name, None));
    let slice = tx.scan(NAMES, Ix::Primary, &range, Dir::Up, MAX_SAME)?;
    let id = |pk: &[u8]| pk.len().checked_sub(16).and_then(|at| Id::from_slice(&pk[at..]));
    let bad = || StoreError::Corrupt("a delivery's look-up key is damaged".into());
    slice.recs.iter().map(|r| id(&r.pk).ok_or_else(bad)).collect()
}

/// The deliveries a parcel is or was in, oldest first.
///
/// # Errors
/// Storage failures.
pub fn with_parcel(tx: &dyn ReadTx, parcel: Id) -> Result<Vec<Id>> {
    with_name(tx, Kind::Parcel, parcel.as_ref())
}

fn elsewhere_name(source: &str, reference: &str) -> Vec<u8> {
    key::text_then(source, &key::text_then(reference, &[]))
}

/// The delivery that `source` calls `reference`.
///
/// # Errors
/// Storage failures.
pub fn from_elsewhere(tx: &dyn ReadTx, source: &str, reference: &str) -> Result<Option<Id>> {
    let found = with_name(tx, Kind::Elsewhere, &elsewhere_name(source, reference))?;
    Ok(found.into_iter().next())
}

/// The attempt that follows a delivery.
///
/// # Errors
/// Storage failures.
pub fn next_attempt(tx: &dyn ReadTx, of: Id) -> Result<Option<Id>> {
    Ok(with_name(tx, Kind::Previous, of.as_ref())?.into_iter().next())
}

/// Whether `who` may see a delivery.
#[must_use]
pub fn visible(who: &Principal, d: &Delivery) -> bool {
    let own = || d.assignee.as_ref().is_some_and(|a| a.id == who.actor.user);
    !d.removed
        && match &who.scope {
            Scope::Tenant => true,
            Scope::Distributors(_) => who.scope.admits_distributor(d.facts.distributor.as_deref()),
            Scope::Own => own(),
        }
}

/// The delivery a caller means, by id or number, if they may see it. Of several with one number the newest.
///
/// # Errors
/// Storage failures.
pub fn find(tx: &dyn ReadTx, who: &Principal, name: &str) -> Result<Option<Entry<Folded<Delivery>>>> {
    let mut ids = match (name.parse::<Id>(), name.parse::<u64>()) {
        (Ok(id), Err(_)) => vec![id],
        (_, Ok(number)) => with_name(tx, Kind::Number, &number.to_be_bytes())?,
        (Err(_), Err(_)) => Vec::new(),
    };
    ids.sort_unstable();
    for id in ids.iter().rev() {
        if let Some(found) = DELIVERIES.entry(tx, id)?.filter(|e| visible(who, &e.value.state)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    struct Names;
    impl Checked for Names {
        fn coll(&self) -> Coll {
            NAMES
        }
        fn keys(&self, _: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
            Ok(Vec::new())
        }
    }
    vec![&DELIVERIES, &Names, &REQUESTS]
}
