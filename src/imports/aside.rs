//! Rows that the writer refuses, or that lie otherwise here: kept in the store beside their verdict until the error file
//! has them.

use super::model::{ASIDE, Aside, Import, MAX_STATES, Said, stays_key};
use super::row::Origin;
use crate::base::error::Problem;
use crate::base::ids::Id;
use crate::base::verdict::Beside;
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Store, StoreError, Tenant, WriteTx};

/// Rows for the error file that are read, or let go of, in one go.
pub(super) const ASIDE_AT_ONCE: usize = 500;

/// Counts how a row lies beside what is known here; what is not the same goes into the error file.
pub(super) fn lay_beside(
    tx: &mut dyn WriteTx,
    import: &mut Import,
    (word, beside): (String, Beside),
    origin: Option<&Origin>,
) -> Result<(), StoreError> {
    let word = if import.compared.len() >= MAX_STATES && !import.compared.contains_key(&word) {
        "…".to_owned()
    } else {
        word
    };
    let tally = import.compared.entry(word).or_default();
    tally.theirs += 1;
    let why = match beside.ours {
        Some(_) if beside.is_same => {
            tally.same += 1;
            import.counts.unchanged += 1;
            return Ok(());
        }
        Some(ours) => {
            tally.different += 1;
            import.counts.updated += 1;
            format!("is {ours} here")
        }
        None => {
            tally.missing += 1;
            import.counts.refused += 1;
            "is not here".to_owned()
        }
    };
    put_aside(tx, import, vec![Problem::new("", why)], origin)
}

/// Keeps a row for the error file, in the transaction of its verdict.
pub(super) fn put_aside(
    tx: &mut dyn WriteTx,
    import: &mut Import,
    problems: Vec<Problem>,
    origin: Option<&Origin>,
) -> Result<(), StoreError> {
    let aside = Aside {
        origin: origin.cloned().unwrap_or_default(),
        problems: problems.into_iter().map(Said::of).collect(),
    };
    ASIDE.put(tx, &stays_key(import.id, import.set_aside), &aside)?;
    import.set_aside += 1;
    Ok(())
}

/// Rows that were put aside, from number `from` on.
pub(super) fn set_aside(tx: &dyn ReadTx, id: Id, from: u64, most: usize) -> Result<Vec<Aside>, StoreError> {
    let mut rows = Vec::new();
    for n in from..from + most as u64 {
        match ASIDE.get(tx, &stays_key(id, n))? {
            Some(row) => rows.push(row),
            None => break,
        }
    }
    Ok(rows)
}

/// Lets go of the rows that were put aside: the error file has them.
pub(super) fn let_go(store: &Store, tenant: Tenant, id: Id) -> Result<(), StoreError> {
    loop {
        let some = move |tx: &mut dyn WriteTx| -> Result<usize, StoreError> {
            let range = KeyRange::prefix(id.as_ref());
            let rows = ASIDE.scan(tx, Ix::Primary, &range, Dir::Up, ASIDE_AT_ONCE)?.items;
            for row in &rows {
                ASIDE.del(tx, row.pk.as_slice())?;
            }
            Ok(rows.len())
        };
        if store.write(tenant, Lane::Bulk, some).wait()? < ASIDE_AT_ONCE {
            return Ok(());
        }
    }
}
