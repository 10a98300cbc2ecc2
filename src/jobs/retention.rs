//! What is old goes: one table of what is kept for how long, and a worker that removes the rest in small steps.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::queue::{self, JOBS, Job};
use super::rules::State;
use super::worker::{Ctx, JobError, Step, Worker};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::config::sections::Retention;
use crate::first_record;
use crate::store::{Dir, Home, Ix, KeyRange, Lane, ReadTx, Record, Result, Table, WriteTx};

/// Rows looked at, and so removed, in one transaction at the most.
pub const ROWS_A_STEP: usize = 500;
/// Rows a dry run looks at for one kind; beyond it says "at least".
pub const ROWS_COUNTED: usize = 5_000;
/// From one clean-up to the next.
pub const EVERY: Duration = Duration::from_secs(6 * 3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Rows that may go, and where to look next.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Their keys.
    pub keys: Vec<Vec<u8>>,
    /// Where to go on; none when everything has been looked at.
    pub next: Option<Vec<u8>>,
}

/// One kind of record that is kept for some days. The whole of them is the retention table of the house; `app` puts
/// it together from the areas.
#[derive(Clone, Copy)]
pub struct Retained {
    /// What it is called in the settings.
    pub name: &'static str,
    /// The days it is kept; 0 for ever.
    pub days: fn(&Retention) -> u32,
    /// Looks at up to so many rows behind a cursor for those that ended before a moment.
    pub find: fn(&dyn ReadTx, before: Timestamp, after: Option<Vec<u8>>, limit: usize) -> Result<Found>,
    /// Removes the row at a key, with everything that hangs on it.
    pub remove: fn(&mut dyn WriteTx, &[u8]) -> Result<()>,
}

/// The rows of `table` in `range` of `ix` that `ended` before a moment, for [`Retained::find`].
///
/// # Errors
/// Storage failures.
pub fn older<K: AsRef<[u8]> + ?Sized, V: Record>(
    table: &Table<K, V>,
    tx: &dyn ReadTx,
    (ix, range): (Ix, KeyRange),
    limit: usize,
    gone: impl Fn(&V) -> bool,
) -> Result<Found> {
    let rows = table.scan(tx, ix, &range, Dir::Up, limit)?;
    Ok(Found {
        keys: rows.items.into_iter().filter(|e| gone(&e.value)).map(|e| e.pk).collect(),
        next: rows.next,
    })
}

/// Jobs that are done, and those that failed for good.
#[must_use]
pub fn of_jobs() -> [Retained; 2] {
    fn find(
        tx: &dyn ReadTx,
        state: State,
        before: Timestamp,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Found> {
        // None that was demanded later can have ended earlier.
        let (from, to) = (queue::state_key(state, Timestamp::ZERO), queue::state_key(state, before));
        let range = KeyRange { from, to: Some(to), after };
        older(&JOBS, tx, (queue::BY_STATE, range), limit, |j: &Job| {
            j.finished_at.is_some_and(|at| at < before)
        })
    }
    fn remove(tx: &mut dyn WriteTx, pk: &[u8]) -> Result<()> {
        Id::from_slice(pk).map_or(Ok(()), |id| JOBS.del(tx, &id).map(drop))
    }
    [
        Retained {
            name: "jobs_done",
            days: |r| r.jobs_done,
            find: |tx, b, a, n| find(tx, State::Done, b, a, n),
            remove,
        },
        Retained {
            name: "jobs_dead",
            days: |r| r.jobs_dead,
            find: |tx, b, a, n| find(tx, State::Dead, b, a, n),
            remove,
        },
    ]
}

/// How far the clean-up of one kind is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Where it goes on, while it is under way.
    pub cursor: Option<Vec<u8>>,
    /// Rows removed since it began.
    pub removed: u64,
    /// When it begins next.
    pub due: Timestamp,
    /// When it was last through.
    pub finished_at: Option<Timestamp>,
}
first_record!(Sweep);

/// Clean-ups by name.
pub const SWEEPS: Table<str, Sweep> = Table::new(53, "retention", Home::Local);

/// What would go of one kind of record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// The kind of record.
    pub name: String,
    /// The days it is kept; 0 for ever.
    pub days: u32,
    /// Rows that would go now.
    pub rows: usize,
    /// Whether there may be more than were counted.
    pub at_least: bool,
    /// When the last clean-up was through.
    pub finished_at: Option<Timestamp>,
    /// Rows it removed; while one is under way, rows so far.
    pub removed: u64,
}

fn before(now: Timestamp, days: u32) -> Timestamp {
    now.before(DAY * days)
}

/// What a clean-up at `now` would remove, without removing it.
///
/// # Errors
/// Storage failures.
pub fn dry_run(
    tx: &dyn ReadTx,
    now: Timestamp,
    kept: &[Retained],
    days: &Retention,
) -> Result<Vec<Forecast>> {
    let forecast = |r: &Retained| {
        let (d, sweep) = ((r.days)(days), SWEEPS.get(tx, r.name)?.unwrap_or_default());
        let (mut rows, mut after, mut looked) = (0, None, 0);
        while d > 0 && looked < ROWS_COUNTED {
            let found = (r.find)(tx, before(now, d), after, ROWS_A_STEP)?;
            (rows, looked, after) = (rows + found.keys.len(), looked + ROWS_A_STEP, found.next);
            if after.is_none() {
                break;
            }
        }
        let Sweep { finished_at, removed, cursor: _, due: _ } = sweep;
        Ok(Forecast { name: r.name.into(), days: d, rows, at_least: after.is_some(), finished_at, removed })
    };
    kept.iter().map(forecast).collect()
}

/// Has the next clean-up of each kind begin now.
///
/// # Errors
/// Storage failures.
pub fn begin(tx: &mut dyn WriteTx, now: Timestamp, kept: &[Retained]) -> Result<()> {
    for r in kept {
        let sweep = SWEEPS.get(tx, r.name)?.unwrap_or_default();
        SWEEPS.put(tx, r.name, &Sweep { due: sweep.due.min(now), ..sweep })?;
    }
    Ok(())
}

/// One small step of the clean-up of `r`: what is due and old goes, at most [`ROWS_A_STEP`] rows.
///
/// # Errors
/// Storage failures.
pub fn sweep(tx: &mut dyn WriteTx, now: Timestamp, r: &Retained, days: u32) -> Result<Step> {
    let mut s = SWEEPS.get(tx, r.name)?.unwrap_or_default();
    if s.cursor.is_none() {
        if now < s.due {
            return Ok(Step::IdleUntil(s.due));
        }
        s.removed = 0;
    }
    let found = (r.find)(tx, before(now, days), s.cursor.take(), ROWS_A_STEP)?;
    for pk in &found.keys {
        (r.remove)(tx, pk)?;
    }
    s.removed += found.keys.len() as u64;
    s.cursor = found.next;
    if s.cursor.is_none() {
        (s.due, s.finished_at) = (now.after(EVERY), Some(now));
    }
    SWEEPS.put(tx, r.name, &s)?;
    Ok(Step::Worked)
}

/// Removes what is old.
pub struct Cleaner {
    /// The table of what is kept.
    pub kept: Vec<Retained>,
    /// For how long.
    pub days: Retention,
}

impl Worker for Cleaner {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let mut step = Step::IDLE;
        for r in self.kept.iter().copied() {
            let days = (r.days)(&self.days);
            if days == 0 {
                continue;
            }
            // A look first: nothing due is no reason to write.
            let s = ctx.store.read(ctx.tenant, |tx| SWEEPS.get(tx, r.name))?.unwrap_or_default();
            step = step.and(if s.cursor.is_none() && now < s.due {
                Step::IdleUntil(s.due)
            } else {
                ctx.store.write(ctx.tenant, Lane::Bulk, move |tx| sweep(tx, now, &r, days)).wait()?
            });
        }
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::queue::{Ending, Limits, NewJob, Want, claim, enqueue, finish};
    use crate::store::Store;
    use crate::store::redb::Redb;

    const DAYS: Retention = Retention { jobs_done: 14, jobs_dead: 0, ..EVER };
    const EVER: Retention = Retention {
        idempotency: 0,
        delivery_requests: 0,
        jobs_done: 0,
        jobs_dead: 0,
        sessions: 1,
        audit: 0,
        scans: 0,
        imports: 0,
        carrier_events: 0,
        notifications: 0,
        positions: 0,
        legs: 0,
        webhooks: 0,
        reports: 0,
        sync_log: 1,
        tombstones: 30,
    };

    fn day(n: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(DAY * u32::try_from(n).unwrap())
    }

    /// `n` jobs that ended on that day.
    fn ended(store: &Store, n: usize, at: Timestamp, ending: Ending) {
        let limits = Limits { attempts: 1, first_delay: Duration::ZERO, timeout: DAY };
        let all = store.write(1, Lane::People, move |tx| -> Result<()> {
            for _ in 0..n {
                enqueue(tx, at, NewJob::new("test.job", &())?)?;
            }
            for job in claim(tx, at, &[Want { kind: "test.job".into(), most: n, limits }])? {
                finish(tx, at, job.id, job.runs, &ending)?;
            }
            Ok(())
        });
        all.wait().unwrap();
    }

    #[test]
    fn what_is_old_goes_in_steps_and_the_rest_stays() {
        let store = Store::new(Redb::memory().unwrap());
        ended(&store, ROWS_A_STEP + 1, day(0), Ending::Done);
        ended(&store, 3, day(10), Ending::Done);
        ended(&store, 2, day(0), Ending::Hopeless("no".into()));
        let forecast = || store.read(1, |tx| dry_run(tx, day(15), &of_jobs(), &DAYS)).unwrap();
        assert_eq!(forecast().iter().map(|f| f.rows).collect::<Vec<_>>(), [ROWS_A_STEP + 1, 0]);
        let cleaner = Cleaner { kept: of_jobs().to_vec(), days: DAYS };
        let ctx = Ctx { store: store.clone(), tenant: 1 };
        assert_eq!(cleaner.step(&ctx, day(15)).unwrap(), Step::Worked);
        assert_eq!(forecast()[0].rows, 1);
        assert_eq!(cleaner.step(&ctx, day(15)).unwrap(), Step::Worked);
        assert_eq!(cleaner.step(&ctx, day(15)).unwrap(), Step::IdleUntil(day(15).after(EVERY)));
        let f = &forecast()[0];
        assert_eq!((f.rows, f.removed, f.finished_at), (0, ROWS_A_STEP as u64 + 1, Some(day(15))));
        let left = store.read(1, |tx| JOBS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 100)).unwrap();
        assert_eq!(left.items.len(), 5);
    }

    #[test]
    fn a_person_can_have_it_done_now() {
        let store = Store::new(Redb::memory().unwrap());
        let cleaner = Cleaner { kept: of_jobs().to_vec(), days: DAYS };
        let ctx = Ctx { store: store.clone(), tenant: 1 };
        cleaner.step(&ctx, day(15)).unwrap();
        ended(&store, 1, day(0), Ending::Done);
        let soon = day(15).after(Duration::from_secs(1));
        assert!(matches!(cleaner.step(&ctx, soon).unwrap(), Step::IdleUntil(_)));
        store.write(1, Lane::People, move |tx| begin(tx, soon, &of_jobs())).wait().unwrap();
        assert_eq!(cleaner.step(&ctx, soon).unwrap(), Step::Worked);
        assert_eq!(store.read(1, |tx| dry_run(tx, soon, &of_jobs(), &DAYS)).unwrap()[0].rows, 0);
    }
}
