//! Readers of the applied log: each has a name and a cursor, sees every entry at least once and in order, and is
//! never in the way of those who write.

use serde::{Deserialize, Serialize};

use super::log::{self, Applied};
use crate::first_record;
use crate::store::{DEPOT, Home, Lane, ReadTx, Result, Store, Table, Tenant, WriteTx};

/// Where a reader is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The last entry it has dealt with.
    pub seq: u64,
    /// How many of the parts of the next entry it has dealt with.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub within: u32,
}
first_record!(Cursor);

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_nought(n: &u32) -> bool {
    *n == 0
}

/// The readers' cursors.
pub const READERS: Table<str, Cursor> = Table::new(4, "readers", Home::Local);

/// Where the reader `name` is.
///
/// # Errors
/// Storage failures.
pub fn position(tx: &dyn ReadTx, name: &str) -> Result<u64> {
    Ok(READERS.get(tx, name)?.map_or(0, |c| c.seq))
}

/// Entries behind the reader's cursor.
///
/// # Errors
/// Storage failures.
pub fn lag(tx: &dyn ReadTx, name: &str) -> Result<u64> {
    Ok(tx.head(DEPOT, log::APPLIED)?.last - position(tx, name)?)
}

/// Lets the reader `name` deal with up to `limit` entries: what `f` writes and the cursor are saved together, so each
/// entry takes effect exactly once. Returns how many there were.
///
/// # Errors
/// Storage failures and what `f` returns.
pub fn step(
    store: &Store,
    tenant: Tenant,
    name: &'static str,
    limit: usize,
    f: impl Fn(&mut dyn WriteTx, &[(u64, Applied)]) -> Result<()> + Send + 'static,
) -> Result<usize> {
    let waiting = store.read(tenant, |tx| lag(tx, name))?;
    if waiting == 0 {
        return Ok(0);
    }
    store
        .write(tenant, Lane::Bulk, move |tx| {
            let entries = log::applied_after(tx, position(tx, name)?, limit)?;
            if let Some((seq, _)) = entries.last() {
                let seq = *seq;
                f(tx, &entries)?;
                READERS.put(tx, name, &Cursor { seq, within: 0 })?;
            }
            Ok(entries.len())
        })
        .wait()
}
