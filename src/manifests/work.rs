//! What runs by itself at the dock: manifests that did not come are missed, and parcels that were missing are found when
//! anything is heard of them.

use std::collections::BTreeMap;

use super::differ;
use super::event::UnloadingEvent;
use super::model::{Difference, UnloadingId};
use super::repo::{self, UNLOADINGS};
use super::service;
use crate::base::clock::Timestamp;
use crate::deadlines::due::{self, DueKind};
use crate::identity::grant::Actor;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::fold::MAX_TIMELINE;
use crate::journal::log::Applied;
use crate::journal::{Cx, change, readers, record};
use crate::parcels::model::ParcelId;
use crate::parcels::service as parcels;
use crate::store::{Result, WriteTx};

/// The reader's name.
pub const READER: &str = "manifests.found";
/// Log entries read in one step.
const ENTRIES: usize = 500;
/// Kinds of change of parcels.
const PARCELS: std::ops::RangeInclusive<u16> = 1..=99;
/// Parcels of one change: its bytes have a limit.
const PARCELS_A_CHANGE: usize = 1_000;

/// Misses what does not come, and finds what was missing: by a scan here, a carrier's word or another depot's change,
/// whichever comes first.
pub struct Dock;

impl Worker for Dock {
    fn name(&self) -> &'static str {
        "manifests"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let late = service::fire_late(&ctx.store, ctx.tenant, now)?;
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, move |tx, entries| {
            look(tx, now, entries.iter().map(|(_, e)| e))
        })?;
        if late + read > 0 {
            return Ok(Step::Worked);
        }
        let next = ctx.store.read(ctx.tenant, |tx| due::next(tx, DueKind::ManifestLate))?;
        Ok(Step::IdleUntil(next.map_or(Timestamp::MAX, |d| d.at)))
    }
}

/// Parcels that turned up, and those that did not after all, by unloading.
#[derive(Default)]
struct Changed {
    found: Vec<ParcelId>,
    missed: Vec<ParcelId>,
}

fn look<'a>(tx: &mut dyn WriteTx, now: Timestamp, entries: impl Iterator<Item = &'a Applied>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries {
        let (header, _) = change::decode(&entry.blob)?;
        if PARCELS.contains(&header.k) {
            seen.insert(header.id);
        }
    }
    let mut changed: BTreeMap<UnloadingId, Changed> = BTreeMap::new();
    for id in seen {
        for unloading in repo::missed(tx, id)? {
            let parcel = ParcelId(id);
            let past = parcels::load(tx, parcel)?.is_some_and(|p| differ::is_past(p.status));
            let Some(u) = UNLOADINGS.get(tx, &unloading.0)?.map(|row| row.state) else { continue };
            let item = u.items.iter().find(|i| i.kind == Difference::Missing && i.parcel == Some(parcel));
            match item.map(|i| i.found) {
                Some(false) if past => changed.entry(unloading).or_default().found.push(parcel),
                Some(true) if !past => changed.entry(unloading).or_default().missed.push(parcel),
                _ => {}
            }
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let cx = Cx::new(tx, &Actor::system(), now, "reader")?;
    for (unloading, Changed { found, missed }) in changed {
        let found = found.chunks(PARCELS_A_CHANGE).map(|p| UnloadingEvent::Found { parcels: p.to_vec() });
        let missed =
            missed.chunks(PARCELS_A_CHANGE).map(|p| UnloadingEvent::MissedAgain { parcels: p.to_vec() });
        let events: Vec<_> = found.chain(missed).collect();
        let row = UNLOADINGS.get(tx, &unloading.0)?.filter(|row| row.line.n < MAX_TIMELINE);
        if row.is_some() {
            record(tx, &cx, unloading.0, row, events)?;
        }
    }
    Ok(())
}
