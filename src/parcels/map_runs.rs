//! Running a changed map over stored codes: what that would do, and doing it, a page of parcels at a time. A run is
//! demanded in the transaction that sets the map, on every node the map reaches, and each node does it for the parcels it
//! keeps. Parcels that say already what the map says are left alone, so a run that was cut short just goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{ParcelEvent, Remapped};
use super::fold::fold_all;
use super::map_service::{self, Stored};
use super::map_site::Everywhere;
use super::maps::Compiled;
use super::model::{Parcel, ParcelId, Status};
use super::remap::{self, Which};
use super::repo::{self, PARCELS};
use super::unmapped;
use crate::base::clock::Timestamp;
use crate::first_record;
use crate::identity::grant::{Actor, Scope};
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::Origin;
use crate::journal::event::{FoldKey, Stamped};
use crate::journal::{Cx, Folded, history, record};
use crate::store::table::Checked;
use crate::store::{
    Dir, Home, Ix, KeyRange, Lane, ReadTx, Result, Store, StoreError, Table, Tenant, WriteTx, counters,
};

/// Parcels looked at in one transaction.
const AT_ONCE: usize = 200;
/// Parcels a dry run looks at; beyond them it says that it is not complete.
pub const MAX_TRIED: u64 = 1_000_000;
/// Moved parcels a dry run names.
pub const MAX_SAMPLE: usize = 20;

/// One run of a source's map over the stored codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Whose codes.
    pub source: String,
    /// When it was demanded.
    pub demanded_at: Timestamp,
    /// Whether codes that had another meaning are read anew too, and not only those that had none.
    pub all: bool,
    /// Where it goes on.
    #[serde(with = "serde_bytes")]
    #[schema(ignore)]
    pub after: Option<Vec<u8>>,
    /// Parcels that were looked at.
    pub looked: u64,
    /// Parcels there are, as far as one can say.
    pub parcels: u64,
    /// Parcels whose reports were read anew.
    pub changed: u64,
    /// Parcels that are somewhere else now.
    pub moved: u64,
    /// Codes that left the inbox of unmapped ones.
    pub learnt: u64,
    /// When it was through.
    pub finished_at: Option<Timestamp>,
}
first_record!(Run);

const RUNS: Table<str, Run> = Table::new(120, "status_map_runs", Home::Local).indexed(&[unfinished]);
const UNFINISHED: Ix = Ix::Nth(0);

fn unfinished(run: &Run) -> Option<Vec<u8>> {
    run.finished_at.is_none().then(|| run.demanded_at.unsigned().to_be_bytes().to_vec())
}

/// Demands a run; one that is under way begins anew with what the map says now.
///
/// # Errors
/// Storage failures.
pub(super) fn demand(tx: &mut dyn WriteTx, source: &str, stored: Stored) -> Result<()> {
    // What a run that is not through was to do has still to be done.
    let all = stored.all || RUNS.get(tx, source)?.is_some_and(|r| r.finished_at.is_none() && r.all);
    let mut parcels = 0;
    for status in Status::ALL {
        parcels += counters::get(tx, &format!("parcels/{status}"))?;
    }
    let run = Run {
        source: source.to_owned(),
        demanded_at: stored.at,
        all,
        after: None,
        looked: 0,
        parcels: u64::try_from(parcels).unwrap_or_default(),
        changed: 0,
        moved: 0,
        learnt: 0,
        finished_at: None,
    };
    RUNS.put(tx, source, &run).map(drop)
}

/// The last run of a source's map.
///
/// # Errors
/// Storage failures.
pub fn run_of(tx: &dyn ReadTx, source: &str) -> Result<Option<Run>> {
    RUNS.get(tx, source)
}

/// Takes the run that was demanded first a page further; false when there is none.
///
/// # Errors
/// Storage failures.
pub fn step(store: &Store, tenant: Tenant, now: Timestamp) -> Result<bool> {
    let waiting = store.read(tenant, |tx| RUNS.scan(tx, UNFINISHED, &KeyRange::all(), Dir::Up, 1))?;
    let Some(source) = waiting.items.into_iter().next().map(|e| e.value.source) else { return Ok(false) };
    let page = move |tx: &mut dyn WriteTx| page(tx, &source, now);
    store.write::<_, StoreError, _>(tenant, Lane::Bulk, page).wait()?;
    Ok(true)
}

fn page(tx: &mut dyn WriteTx, source: &str, now: Timestamp) -> Result<()> {
    let Some(mut run) = RUNS.get(tx, source)?.filter(|r| r.finished_at.is_none()) else { return Ok(()) };
    let map = map_service::compiled(tx, source)?;
    let which = if run.all { Which::All } else { Which::Unmapped };
    let cx = Cx::new(tx, &Actor::system(), now, &format!("status_map:{source}"))?;
    let origin = Origin::load(tx)?;
    let rows = PARCELS.scan(tx, Ix::Primary, &KeyRange::all().resume(run.after.take()), Dir::Up, AT_ONCE)?;
    for e in rows.items {
        run.looked += 1;
        let row = e.value;
        let ours = row.state.keeper().is_none_or(|site| origin.is(site));
        if row.state.source.is_none() || !ours {
            continue;
        }
        let id = row.state.id;
        let planned = remap::plan(id, &events(tx, &row)?, source, &map, which);
        if planned.is_empty() {
            continue;
        }
        let before = row.state.status;
        let events = planned.into_iter().map(ParcelEvent::Remapped).collect();
        match record(tx, &cx, id.0, Some(row), events) {
            Ok(done) => {
                run.changed += 1;
                run.moved += u64::from(done.state.status != before);
            }
            // A parcel that is full of events stays as it is; it must not keep the others waiting.
            Err(StoreError::TooLarge { .. }) => {
                tracing::warn!(parcel = %id, "has no room for another reading")
            }
            Err(e) => return Err(e),
        }
    }
    run.after = rows.next;
    if run.after.is_none() {
        run.learnt = unmapped::tidy(tx, source, &map)? as u64;
        run.finished_at = Some(now);
    }
    RUNS.put(tx, source, &run).map(drop)
}

fn events(tx: &dyn ReadTx, row: &Folded<Parcel>) -> Result<Vec<Stamped<ParcelEvent>>> {
    Ok(history::<Parcel>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect())
}

/// Runs what was demanded.
pub struct MapRuns;

impl Worker for MapRuns {
    fn name(&self) -> &'static str {
        "parcels.maps"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        Ok(if step(&ctx.store, ctx.tenant, now)? { Step::Worked } else { Step::IDLE })
    }
}

/// Parcels that would go from one status to another.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Shift {
    /// Where they are.
    pub from: Status,
    /// Where they would be.
    pub to: Status,
    /// How many.
    pub parcels: u64,
}

/// One parcel that would be somewhere else.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Moving {
    /// The parcel.
    pub id: ParcelId,
    /// Its number.
    pub tracking_number: String,
    /// Where it is.
    pub from: Status,
    /// Where it would be.
    pub to: Status,
    /// The source's code behind its status.
    pub raw_status: Option<String>,
}

/// What a map would do to what is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Outlook {
    /// The same in a sentence.
    pub summary: String,
    /// Parcels that were looked at.
    pub looked: u64,
    /// Whether those were all.
    pub complete: bool,
    /// Parcels whose reports would be read anew.
    pub changed: u64,
    /// Parcels that would be somewhere else.
    pub moved: u64,
    /// From where to where.
    pub shifts: Vec<Shift>,
    /// Some of the parcels that would move.
    pub sample: Vec<Moving>,
    /// Codes in the inbox that the map would know.
    pub learnt: u64,
    /// Codes in the inbox that it would not.
    pub unmapped: u64,
}

/// What `map` would do to the stored codes of its source, all of them, as far as `scope` sees. Takes time in proportion to
/// the parcels; the store is not held: each page has a snapshot of its own.
///
/// # Errors
/// Storage failures.
pub fn try_out(store: &Store, tenant: Tenant, scope: &Scope, map: &Compiled) -> Result<Outlook> {
    let source = map.map().source.clone();
    let (origin, elsewhere) =
        store.read::<_, StoreError>(tenant, |tx| Ok((Origin::load(tx)?, Everywhere::new(tx, map)?)))?;
    let mut out = Outlook::default();
    let mut shifts: BTreeMap<(Status, Status), u64> = BTreeMap::new();
    let mut after = None;
    loop {
        after = store.read(tenant, |tx| -> Result<_> {
            let rows =
                PARCELS.scan(tx, Ix::Primary, &KeyRange::all().resume(after.take()), Dir::Up, AT_ONCE)?;
            for e in rows.items {
                out.looked += 1;
                let row = e.value;
                if row.state.source.is_none() || !repo::visible(scope, &row.state) {
                    continue;
                }
                let mut events = events(tx, &row)?;
                // Each parcel as the depot reads it that keeps it: with that depot's own rows above.
                let keeper = row.state.keeper();
                let ours = keeper.is_none_or(|site| origin.is(site));
                let map = if ours { map } else { elsewhere.of(keeper) };
                let planned = remap::plan(row.state.id, &events, &source, map, Which::All);
                if planned.is_empty() {
                    continue;
                }
                out.changed += 1;
                events.extend(planned.into_iter().map(would_be));
                let then = fold_all(row.state.id, &events);
                if then.status != row.state.status {
                    *shifts.entry((row.state.status, then.status)).or_default() += 1;
                    out.moved += 1;
                    if out.sample.len() < MAX_SAMPLE {
                        out.sample.push(Moving {
                            id: row.state.id,
                            tracking_number: row.state.number,
                            from: row.state.status,
                            to: then.status,
                            raw_status: then.raw,
                        });
                    }
                }
            }
            Ok(rows.next)
        })?;
        if after.is_none() || out.looked >= MAX_TRIED {
            break;
        }
    }
    out.complete = after.is_none();
    out.shifts = shifts.into_iter().map(|((from, to), parcels)| Shift { from, to, parcels }).collect();
    (out.learnt, out.unmapped) = store.read(tenant, |tx| unmapped::would_know(tx, &source, map))?;
    let parcels = if out.moved == 1 { "1 parcel" } else { &format!("{} parcels", out.moved) };
    out.summary = format!("this moves {parcels}");
    Ok(out)
}

/// A reading that is not recorded: its identity is its own, so that none falls out as a repetition.
fn would_be(reading: Remapped) -> Stamped<ParcelEvent> {
    let eid = crate::base::ids::Id::derived(&[b"reading", &reading.eid]).0;
    // Later than all that is there, so that it goes before readings of an earlier run.
    let key = FoldKey { eff: u64::MAX, t: u64::MAX, eid };
    Stamped { key, site: 0, epoch: 0, actor: 0, event: ParcelEvent::Remapped(reading) }
}

/// This module's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&RUNS]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::identity::features::EditStatusMaps;
    use crate::identity::grant::{Grant, Principal};
    use crate::parcels::map_service::{Change, put};
    use crate::parcels::maps::Map;
    use crate::parcels::report::{Report, take};
    use crate::store::redb::Redb;

    const TENANT: Tenant = 1;
    const SOURCE: &str = "crane";
    /// More than two pages of a run.
    const TOTAL: usize = 2 * AT_ONCE + 50;

    fn looked(run: &Run) -> usize {
        usize::try_from(run.looked).unwrap()
    }

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(s))
    }

    struct House(Store);

    impl House {
        fn new() -> Self {
            Self(Store::new(Redb::memory().unwrap()))
        }

        fn write<T: Send + 'static>(
            &self,
            s: u64,
            mut f: impl FnMut(&mut dyn WriteTx, &Cx) -> T + Send + 'static,
        ) -> T {
            let write = move |tx: &mut dyn WriteTx| -> Result<T> {
                let cx = Cx::new(tx, &Actor::system(), at(s), "test")?;
                Ok(f(tx, &cx))
            };
            self.0.write(TENANT, Lane::People, write).wait().unwrap()
        }

        /// Sets the own map of the source; with `all` it is run over everything that is stored.
        fn set(&self, s: u64, rows: &'static str, all: bool) {
            self.write(s, move |tx, cx| {
                let grant: Grant<EditStatusMaps> = Arc::new(Principal::system(TENANT)).grant().unwrap();
                let csv = format!("code,status,text_contains\n{rows}");
                let none = Map { source: SOURCE.into(), rows: Vec::new() };
                let map = if rows.is_empty() { none } else { Map::read_csv(SOURCE, csv.as_bytes()).unwrap() };
                put(tx, &grant, cx, Change { map, over_shipped: false, all, unseen: true }, None).unwrap();
            });
        }

        /// Takes in a report on each parcel, and on every third one another.
        fn told(&self, s: u64) {
            self.write(s, |tx, cx| {
                let map = map_service::compiled(tx, SOURCE).unwrap();
                for n in 0..TOTAL {
                    for (row, code) in
                        [["QX", "RX", "SX"][n % 3], "QX"].iter().enumerate().take(1 + n % 3 / 2)
                    {
                        let note = (n % 2 == 0).then(|| "out for delivery".to_owned());
                        let mut digest = [0; 16];
                        digest[..8].copy_from_slice(&((n * 2 + row) as u64).to_be_bytes());
                        let (number, raw) = (Some(format!("N{n:05}")), Some((*code).to_owned()));
                        let when = Some(at(row as u64));
                        let told = Report { number, raw, note, digest, at: when, ..Report::default() };
                        take(tx, cx, SOURCE, &map, u64::MAX, &told).unwrap();
                    }
                }
            });
        }

        fn runs(&self, s: u64) {
            while step(&self.0, TENANT, at(s)).unwrap() {}
        }

        /// What can be seen of every parcel, by its number.
        fn seen(&self) -> Vec<(String, Status, Timestamp, Option<String>, Vec<String>)> {
            let rows = self.0.read::<_, StoreError>(TENANT, |tx| {
                PARCELS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000)
            });
            let mut all: Vec<_> = rows
                .unwrap()
                .items
                .into_iter()
                .map(|e| e.value.state)
                .map(|p| {
                    let issues = p.issues.iter().map(|i| format!("{}: {}", i.reason, i.detail)).collect();
                    (p.number, p.status, p.since, p.raw, issues)
                })
                .collect();
            all.sort();
            all
        }
    }

    const FIRST: &str = "QX,out_for_delivery,out for\nQX,at_depot,\nRX,on_hold,\n";
    const LAST: &str = "QX,accepted,\nSX,in_transit,out for\n";

    #[test]
    fn an_override_that_changes_in_the_middle_of_a_run_counts_as_if_it_had_been_there_from_the_start() {
        for (last, all) in [(LAST, true), (LAST, false), (FIRST, true), ("", true)] {
            let late = House::new();
            late.told(0);
            late.set(10, FIRST, true);
            assert!(step(&late.0, TENANT, at(11)).unwrap());
            let run = late.0.read(TENANT, |tx| run_of(tx, SOURCE)).unwrap().unwrap();
            assert!(
                run.finished_at.is_none() && run.changed > 100,
                "a page is done, and pages are left: {run:?}"
            );
            late.set(12, last, all);
            late.runs(13);
            let run = late.0.read(TENANT, |tx| run_of(tx, SOURCE)).unwrap().unwrap();
            assert!(run.finished_at.is_some() && looked(&run) == TOTAL, "{run:?}");

            let early = House::new();
            early.set(0, last, all);
            early.told(0);
            assert_eq!(late.seen(), early.seen(), "then {last:?}");
            // Once more there is nothing to do.
            late.set(20, last, true);
            late.runs(21);
            let run = late.0.read(TENANT, |tx| run_of(tx, SOURCE)).unwrap().unwrap();
            assert_eq!((run.changed, looked(&run)), (0, TOTAL), "{run:?}");
        }
    }
}
