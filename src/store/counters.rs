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
    let now = get(tx, name)?.saturating_add(delta);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redb::Redb;
    use crate::store::{Lane, Store, StoreError};

    #[test]
    fn what_is_counted_is_seen_at_once_and_a_change_that_fails_counts_nothing() {
        let store = Store::new(Redb::memory().unwrap());
        let count = |fails: bool| {
            let write = move |tx: &mut dyn WriteTx| {
                add(tx, "a/one", 1)?;
                add(tx, "a/two", 2)?;
                add(tx, "b", 4)?;
                let seen = all(tx, "a/")?;
                if fails { Err(StoreError::Closed) } else { Ok(seen) }
            };
            store.write(1, Lane::People, write).wait()
        };
        assert!(count(true).is_err());
        assert_eq!(count(false).unwrap(), [("one".to_owned(), 1), ("two".to_owned(), 2)]);
        assert!(count(true).is_err());
        assert_eq!(count(false).unwrap(), [("one".to_owned(), 2), ("two".to_owned(), 4)]);
        assert_eq!(store.read(1, |tx| get(tx, "b")).unwrap(), 8);
        assert_eq!(store.read(2, |tx| get(tx, "b")).unwrap(), 0, "another tenant's");
    }
}
