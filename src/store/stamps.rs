//! When rows were last written, as far as somebody who keeps what he made of them has to know: a table of fixed size,
//! so a row shares its place with others and may look written when they were, but never the other way round.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Coll, Tenant};

/// Places. At 10,000 writes a second each is written every six seconds.
const PLACES: usize = 1 << 16;

/// The moments of the last writes. A moment is the number of a group: what a snapshot of moment `n` shows has the
/// groups up to `n` in it, and maybe one more.
#[derive(Debug)]
pub(super) struct Stamps {
    moment: AtomicU64,
    last: Box<[AtomicU64]>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { moment: AtomicU64::new(0), last: (0..PLACES).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Stamps {
    /// The present moment. Asked before a snapshot is opened.
    pub(super) fn moment(&self) -> u64 {
        self.moment.load(Ordering::Acquire)
    }

    /// The group that is being made writes this row. Said before any reader can see it.
    pub(super) fn note(&self, tenant: Tenant, c: Coll, pk: &[u8]) {
        self.place(tenant, c, pk).store(self.moment() + 1, Ordering::Release);
    }

    /// The group can be seen by readers.
    pub(super) fn pass(&self) {
        self.moment.fetch_add(1, Ordering::Release);
    }

    /// Whether no group after `since` has written the row. Asked after the snapshot was opened.
    pub(super) fn is_untouched(&self, tenant: Tenant, c: Coll, pk: &[u8], since: u64) -> bool {
        self.place(tenant, c, pk).load(Ordering::Acquire) <= since
    }

    fn place(&self, tenant: Tenant, c: Coll, pk: &[u8]) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        (tenant, c.id, pk).hash(&mut hasher);
        &self.last[hasher.finish() as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Home;

    const C: Coll = Coll { id: 1, name: "rows", home: Home::ById };

    #[test]
    fn a_row_is_untouched_until_a_group_notes_it_and_again_for_who_has_seen_that_group() {
        let stamps = Stamps::default();
        assert!(stamps.is_untouched(1, C, b"a", 0));
        stamps.note(1, C, b"a");
        // Noted and not yet to be seen: who would trust an older look may already see the newer row.
        assert_eq!(stamps.moment(), 0);
        assert!(!stamps.is_untouched(1, C, b"a", 0));
        assert!(stamps.is_untouched(1, C, b"b", 0) && stamps.is_untouched(2, C, b"a", 0));
        stamps.pass();
        assert!(stamps.is_untouched(1, C, b"a", stamps.moment()));
        stamps.note(1, C, b"b");
        stamps.pass();
        assert!(stamps.is_untouched(1, C, b"a", 1) && !stamps.is_untouched(1, C, b"b", 1));
    }
}
