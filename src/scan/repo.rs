//! What is kept of scans: the answers that were given, and what each station remembers.

use super::model::{Claimed, Station};
use crate::base::ids::Id;
use crate::jobs::retention::{Retained, older};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// Answers by scan.
pub const CLAIMS: Table<Id, Claimed> = Table::new(24, "scans", Home::ById);
/// Stations by name.
pub const STATIONS: Table<str, Station> = Table::new(25, "scan_stations", Home::Local);

/// Stations a tenant can have; those that were not used for as long as scans are kept are forgotten.
pub const MAX_STATIONS: usize = 500;

/// Where the answer to the scan `scan_id` of `station` is kept.
#[must_use]
pub fn claim_key(station: &str, scan_id: &str) -> Id {
    Id::derived(&[b"scan", station.as_bytes(), scan_id.as_bytes()])
}

/// Whether there is room for one more station.
///
/// # Errors
/// Storage failures.
pub fn has_room(tx: &dyn ReadTx) -> Result<bool> {
    let rows = tx.scan(STATIONS.coll, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_STATIONS)?;
    Ok(rows.recs.len() < MAX_STATIONS)
}

/// How long answers are kept and stations remembered, for the retention table.
#[must_use]
pub fn retained() -> [Retained; 2] {
    [
        Retained {
            name: "scans",
            days: |r| r.scans,
            find: |tx, before, after, limit| {
                let range = KeyRange { after, ..KeyRange::all() };
                older(&CLAIMS, tx, (Ix::Primary, range), limit, |c| c.at < before)
            },
            remove: |tx, pk| Id::from_slice(pk).map_or(Ok(()), |id| CLAIMS.del(tx, &id).map(drop)),
        },
        Retained {
            name: "scan_stations",
            days: |r| r.scans,
            find: |tx, before, after, limit| {
                let range = KeyRange { after, ..KeyRange::all() };
                older(&STATIONS, tx, (Ix::Primary, range), limit, |s| s.used_at < before)
            },
            remove: |tx: &mut dyn WriteTx, pk| {
                std::str::from_utf8(pk).map_or(Ok(()), |name| STATIONS.del(tx, name).map(drop))
            },
        },
    ]
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&CLAIMS, &STATIONS]
}
