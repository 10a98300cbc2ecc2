//! Where manifests, unloadings and what is counted are kept.

use super::model::{AtStation, Manifest, Missed, Tally, Unloading, UnloadingId};
use crate::base::ids::Id;
use crate::identity::grant::Scope;
use crate::jobs::retention::{Retained, older};
use crate::journal::Folded;
use crate::parcels::model::ParcelId;
use crate::store::table::{Checked, Entry, Rows};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, key};

/// Manifests by id.
pub const MANIFESTS: Table<Id, Folded<Manifest>> =
    Table::new(110, "manifests", Home::ById).indexed(&[by_time, by_number, by_distributor]);
/// Unloadings by id.
pub const UNLOADINGS: Table<Id, Folded<Unloading>> =
    Table::new(111, "unloadings", Home::ById).indexed(&[by_opening]);
/// What is counted, by unloading and number.
pub const TALLIES: Table<[u8], Tally> = Table::new(112, "unloading_tallies", Home::Local);
/// Parcels that were missing, by parcel and unloading.
pub const MISSED: Table<[u8], Missed> = Table::new(113, "unloading_missed", Home::Local);
/// Open unloadings by station.
pub const STATIONS: Table<str, AtStation> = Table::new(114, "unloading_stations", Home::Local);

/// In the order they are expected.
pub const BY_TIME: Ix = Ix::Nth(0);
/// By number, as numbers are compared.
pub const BY_NUMBER: Ix = Ix::Nth(1);
/// Within a distributor, in the order they are expected.
pub const BY_DISTRIBUTOR: Ix = Ix::Nth(2);
/// Open ones first, the newest of the others before the older.
pub const BY_OPENING: Ix = Ix::Nth(0);

fn by_time(row: &Folded<Manifest>) -> Option<Vec<u8>> {
    Some(row.state.header.expected_at.unsigned().to_be_bytes().to_vec())
}

fn by_number(row: &Folded<Manifest>) -> Option<Vec<u8>> {
    Some(number_key(&row.state.header.number))
}

/// The index key of a manifest's number.
#[must_use]
pub fn number_key(number: &str) -> Vec<u8> {
    key::text_then(&crate::parcels::service::normal(number), &[])
}

fn by_distributor(row: &Folded<Manifest>) -> Option<Vec<u8>> {
    let header = &row.state.header;
    let at = header.expected_at.unsigned().to_be_bytes();
    header.distributor.as_deref().map(|d| key::text_then(d, &at))
}

fn by_opening(row: &Folded<Unloading>) -> Option<Vec<u8>> {
    let newest_first = u64::MAX - row.state.opened_at.unsigned();
    Some([&[u8::from(!row.state.is_open())][..], &newest_first.to_be_bytes()].concat())
}

/// Where the tally of a parcel, or of a number nobody knows, is kept.
#[must_use]
pub fn tally_key(unloading: UnloadingId, parcel: Option<ParcelId>, number: &str) -> Vec<u8> {
    let what = match parcel {
        Some(parcel) => [&[0][..], parcel.as_ref()].concat(),
        None => [&[1][..], crate::parcels::service::normal(number).as_bytes()].concat(),
    };
    [unloading.as_ref(), &what].concat()
}

/// Where it is kept that a parcel was missing.
#[must_use]
pub fn missed_key(parcel: ParcelId, unloading: UnloadingId) -> Vec<u8> {
    [parcel.as_ref(), unloading.as_ref()].concat()
}

/// Up to `limit` tallies of an unloading behind `after`.
///
/// # Errors
/// Storage failures.
pub fn tallies(
    tx: &dyn ReadTx,
    unloading: UnloadingId,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Rows<Tally>> {
    let range = KeyRange::prefix(unloading.as_ref()).resume(after);
    TALLIES.scan(tx, Ix::Primary, &range, Dir::Up, limit)
}

/// Unloadings one parcel may be missing from.
const MAX_MISSED: usize = 50;

/// The unloadings a parcel was missing from.
///
/// # Errors
/// Storage failures.
pub fn missed(tx: &dyn ReadTx, parcel: Id) -> Result<Vec<UnloadingId>> {
    let rows = MISSED.scan(tx, Ix::Primary, &KeyRange::prefix(parcel.as_ref()), Dir::Up, MAX_MISSED)?;
    Ok(rows.items.into_iter().map(|e| UnloadingId(e.value.unloading)).collect())
}

/// The manifest `id` with its revision, if it lies in `scope`.
///
/// # Errors
/// Storage failures.
pub fn manifest(tx: &dyn ReadTx, scope: &Scope, id: Id) -> Result<Option<Entry<Folded<Manifest>>>> {
    let found = MANIFESTS.entry(tx, &id)?;
    Ok(found.filter(|e| scope.admits_distributor(e.value.state.header.distributor.as_deref())))
}

/// The unloading `id` with its revision, if it lies in `scope`.
///
/// # Errors
/// Storage failures.
pub fn unloading(tx: &dyn ReadTx, scope: &Scope, id: Id) -> Result<Option<Entry<Folded<Unloading>>>> {
    Ok(UNLOADINGS.entry(tx, &id)?.filter(|e| scope.admits_distributor(e.value.state.distributor.as_deref())))
}

/// How long what was counted is kept, for the retention table: as long as scans are.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "unloading_tallies",
        days: |r| r.scans,
        find: |tx, before, after, limit| {
            let range = KeyRange { after, ..KeyRange::all() };
            older(&TALLIES, tx, (Ix::Primary, range), limit, |t| t.at < before)
        },
        remove: |tx, pk| TALLIES.del(tx, pk).map(drop),
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&MANIFESTS, &UNLOADINGS, &TALLIES, &MISSED, &STATIONS]
}
