//! A clock that ran ahead: stamps from the future that headquarters has not accepted yet are shifted, all of them by one
//! amount, so that their order stays.

use std::collections::BTreeSet;

use super::super::mutants::{Mutant, lacks};
use super::super::wire::Log;
use super::tables::standing;
use super::{Depot, relog};
use crate::base::clock::Timestamp;
use crate::identity::grant::Actor;
use crate::journal::Cx;
use crate::journal::change::{self, Header};
use crate::journal::clock::Origin;
use crate::journal::event::{Eid, SiteRef};
use crate::journal::fold::shifted;
use crate::journal::log::{self, own};
use crate::journal::shifts::{self, Shift};
use crate::store::{DEPOT, Result, WriteTx};
use crate::sync::hq::DRIFT_MS;
use crate::sync::registry::Registry;

/// How far back is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At what headquarters has not acknowledged.
    Unacknowledged,
    /// At everything that was written here: headquarters may have lost its word on it.
    Everything,
}

/// A change whose stamp lies ahead.
type Late = (Log, Header, i64, Eid);

/// Puts right what lies ahead of headquarters' time `now_ms`; `offset` is what has to be added to this machine's clock.
/// True when something was.
///
/// # Errors
/// Storage failures.
pub fn correct(depot: &Depot, now_ms: u64, offset: i64, look: Look) -> Result<bool> {
    if lacks(Mutant::NoShift) {
        return Ok(false);
    }
    let horizon = (now_ms + DRIFT_MS) << 16;
    let found = if look == Look::Everything { applied(depot, horizon)? } else { Vec::new() };
    let registry = depot.registry.clone();
    depot.write(move |tx| all(tx, &registry, (now_ms, offset), look, found.clone()))
}

/// What was written here, is in the applied log, and lies ahead.
fn applied(depot: &Depot, horizon: u64) -> Result<Vec<Late>> {
    const AT_ONCE: usize = 1_000;
    let (mut late, mut at) = (Vec::new(), 0);
    loop {
        let page = depot.store.read(depot.tenant, |tx| {
            let origin = Origin::load(tx)?;
            let rows = log::applied_after(tx, at, AT_ONCE)?;
            for (_, entry) in &rows {
                let ((header, _), eid) = (change::decode(&entry.blob)?, change::eid(&entry.blob));
                let adj = shifts::of(tx, &eid)?.map_or(entry.adj, |s| s.adj);
                if origin.is(SiteRef::new(header.o, header.e)) && shifted(header.t, adj) > horizon {
                    late.push((Log::B, header, adj, eid));
                }
            }
            Ok::<_, crate::store::StoreError>(rows.last().map(|(seq, _)| *seq))
        })?;
        match page {
            Some(last) => at = last,
            None => return Ok(late),
        }
    }
}

fn all(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    (now_ms, offset): (u64, i64),
    look: Look,
    mut late: Vec<Late>,
) -> Result<bool> {
    let (mut origin, s) = (Origin::load(tx)?, standing(tx)?);
    let before = origin.clone();
    origin.skew = if offset.unsigned_abs() > DRIFT_MS { offset } else { 0 };
    let horizon = (now_ms + DRIFT_MS) << 16;
    // The clock's own last stamp lies behind all that was not acknowledged: nothing is ahead when it is not.
    if origin.last > horizon || look == Look::Everything {
        let known: BTreeSet<Eid> = late.iter().map(|(.., eid)| *eid).collect();
        for l in Log::ALL {
            let after = if look == Look::Everything && l != Log::B { 0 } else { *s.acked.of(l) };
            for (_, entry) in tx.tail(DEPOT, own(l.letter(), &origin), after, usize::MAX)? {
                let (blob, adj, eid) = relog::change_of(tx, l.letter(), &entry)?;
                let (header, _) = change::decode(&blob)?;
                if shifted(header.t, adj) > horizon && !known.contains(&eid) {
                    late.push((l, header, adj, eid));
                }
            }
        }
        origin.last = origin.last.min(now_ms << 16 | 0xffff);
    }
    let latest = late.iter().map(|(_, h, adj, _)| shifted(h.t, *adj) >> 16).max().unwrap_or(now_ms);
    let by = i64::try_from(i128::from(now_ms) - i128::from(latest)).unwrap_or(0);
    let mut touched = BTreeSet::new();
    for (l, header, adj, eid) in &late {
        let word = shifts::of(tx, eid)?.and_then(|s| s.word);
        shifts::put(tx, eid, &Shift { adj: adj.saturating_add(by), word })?;
        if *l == Log::B {
            touched.insert((header.k, header.id));
        }
    }
    if origin != before {
        origin.save(tx)?;
    }
    refold(tx, registry, &touched, now_ms)?;
    Ok(!late.is_empty())
}

/// Folds anew what holds any of these kinds.
pub(super) fn refold(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    touched: &BTreeSet<(u16, crate::base::ids::Id)>,
    now_ms: u64,
) -> Result<()> {
    let now = Timestamp::from_millis(i64::try_from(now_ms).unwrap_or(i64::MAX));
    let mut seen = BTreeSet::new();
    for (kind, id) in touched {
        let Some(folder) = registry.of(*kind).filter(|f| seen.insert((f.name, *id))) else { continue };
        let cx = Cx { quiet: true, ..Cx::new(tx, &Actor::system(), now, "sync")? };
        (folder.refold)(tx, &cx, *id)?;
    }
    Ok(())
}
