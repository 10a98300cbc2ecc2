//! Counts that are kept with the change, so that nothing counts by scanning.

use super::{Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, WriteTx};

/// The collection of counter rows.
pub const COUNTERS: Coll = Coll { id: 2, name: "counters", home: Home::Shared };

/// Adds `delta` to the counter `name`.
///
/// # Errors
/// Storage failures.
pub fn add(tx: &mut dyn WriteTx, name: &str, delta: i64) -> Result<()> {
    if delta == 0 {
        return Ok(());
    }
    let now = get(tx, name)? + delta;
    tx.put(COUNTERS, name.as_bytes(), &now.to_be_bytes(), &[], Expect::Any).map(drop)
}

/// The counter `name`; 0 when nothing was counted.
///
/// # Errors
/// Storage failures.
pub fn get(tx: &dyn ReadTx, name: &str) -> Result<i64> {
    Ok(tx.get(COUNTERS, name.as_bytes())?.map_or(0, |r| value(&r.body)))
}

/// Every counter whose name begins with `prefix`, without the prefix, zeros left out.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx, prefix: &str) -> Result<Vec<(String, i64)>> {
    const MOST: usize = 10_000;
    let slice = tx.scan(COUNTERS, Ix::Primary, &KeyRange::prefix(prefix.as_bytes()), Dir::Up, MOST)?;
    let named = slice
        .recs
        .iter()
        .map(|r| (String::from_utf8_lossy(&r.pk[prefix.len()..]).into_owned(), value(&r.body)));
    Ok(named.filter(|(_, n)| *n != 0).collect())
}

fn value(body: &[u8]) -> i64 {
    body.try_into().map(i64::from_be_bytes).unwrap_or_default()
}
