//! Which bulk cases a parcel lies in: the look-up beside the parcels a bulk case names.

use super::model::Case;
use super::rules::CaseId;
use crate::base::ids::Id;
use crate::store::table::Checked;
use crate::store::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, WriteTx};

/// Parcel, then case; nothing in the row.
const MEMBERS: Coll = Coll { id: 130, name: "case_parcels", home: Home::Local };

/// Bulk cases of one parcel that are shown, the newest first.
pub const MAX_SHOWN: usize = 20;

fn key(parcel: Id, case: CaseId) -> Vec<u8> {
    [parcel.0, case.0.0].concat()
}

/// Keeps the look-up when the parcels of a bulk case go from `old` to those of `new`; both are in the order of their ids.
///
/// # Errors
/// Storage failures.
pub(super) fn keep(tx: &mut dyn WriteTx, old: &[Id], new: &Case) -> Result<()> {
    for gone in old.iter().filter(|id| new.parcels.binary_search(id).is_err()) {
        tx.del(MEMBERS, &key(*gone, new.id), Expect::Any)?;
    }
    for come in new.parcels.iter().filter(|id| old.binary_search(id).is_err()) {
        tx.put(MEMBERS, &key(*come, new.id), &[], &[], Expect::Any)?;
    }
    Ok(())
}

/// The bulk cases that `parcel` lies in, the newest first, at most [`MAX_SHOWN`].
///
/// # Errors
/// Storage failures.
pub fn of(tx: &dyn ReadTx, parcel: Id) -> Result<Vec<CaseId>> {
    let rows = tx.scan(MEMBERS, Ix::Primary, &KeyRange::prefix(&parcel.0), Dir::Down, MAX_SHOWN)?;
    let id = |pk: &[u8]| pk.get(16..).and_then(Id::from_slice).map(CaseId);
    Ok(rows.recs.iter().filter_map(|r| id(&r.pk)).collect())
}

/// The collection, for `check`.
pub(super) struct Rows;

impl Checked for Rows {
    fn coll(&self) -> Coll {
        MEMBERS
    }
    fn keys(&self, _: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(Vec::new())
    }
}
