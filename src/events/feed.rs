//! Events behind a place in the log, as one reader may see them.

use super::event::{self, Told};
use crate::identity::grant::Principal;
use crate::journal::log::{self, Applied};
use crate::store::{ReadTx, Result};

/// Entries of the log one look goes through, whether its reader may see them or not.
pub const LOOK_AT: usize = 2_000;
/// Entries read at once.
const AT_ONCE: usize = 100;
/// Names one reader asks for at the most.
pub const MAX_TYPES: usize = 50;

/// Which events a reader wants: names, or the beginnings of them; every one when there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted(pub Vec<String>);

impl Wanted {
    /// Those in a list with commas between them.
    #[must_use]
    pub fn of(list: &str) -> Self {
        Self(list.split(',').map(str::trim).filter(|t| !t.is_empty()).map(ToOwned::to_owned).collect())
    }

    /// Whether an event of this name is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        wants(&self.0, name)
    }
}

/// Whether an event called `name` is one of `types`: names, or the beginnings of them; an empty list means all.
#[must_use]
pub fn wants(types: &[String], name: &str) -> bool {
    types.is_empty() || types.iter().any(|t| name.starts_with(t.trim_end_matches('*')))
}

/// One event on its way to a reader.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place in the log.
    pub seq: u64,
    /// The event.
    pub told: Told,
}

/// Up to `n` events behind `after` that `who` may see and `choose` wants, and the place that was looked up to. It looks at
/// [`LOOK_AT`] entries at the most: where that is short of the log's end, the next look goes on there.
///
/// # Errors
/// Storage failures.
pub fn after(
    tx: &dyn ReadTx,
    who: &Principal,
    after: u64,
    n: usize,
    mut choose: impl FnMut(&Told) -> bool,
) -> Result<(Vec<Item>, u64)> {
    scan(tx, who, after, n, |seq, entry| {
        let told = event::told(who.tenant, seq, entry)?.filter(&mut choose);
        Ok(told.map(|told| Item { seq, told }))
    })
}

/// What `make` makes of the entries behind `after` that `who` may see, until there are `n`; and the place that was looked
/// up to. What is made of one entry stays together.
///
/// # Errors
/// Storage failures.
pub fn scan<T, M: IntoIterator<Item = T>>(
    tx: &dyn ReadTx,
    who: &Principal,
    after: u64,
    n: usize,
    mut make: impl FnMut(u64, &Applied) -> Result<M>,
) -> Result<(Vec<T>, u64)> {
    let (mut found, mut last, mut looked) = (Vec::new(), after, 0);
    while found.len() < n && looked < LOOK_AT {
        let entries = log::applied_after(tx, last, AT_ONCE)?;
        if entries.is_empty() {
            break;
        }
        for (seq, entry) in entries {
            last = seq;
            looked += 1;
            if event::visible(tx, who, &entry)? {
                found.extend(make(seq, &entry)?);
            }
            if found.len() >= n {
                break;
            }
        }
    }
    Ok((found, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_wanted_by_itself_by_its_beginning_or_when_nothing_is_named() {
        let wanted = Wanted::of(" delivery.* ,order.placed,, ");
        assert_eq!(wanted.0, ["delivery.*", "order.placed"]);
        assert!(wanted.wants("delivery.assigned") && wanted.wants("order.placed"));
        assert!(!wanted.wants("order.moved") && !wanted.wants("parcel.moved"));
        assert!(Wanted::of("").wants("anything.at_all"));
    }
}
