//! Durable schedules: at its time, on the wall clock of the depot, each demands its job once. After an outage it is
//! asked from now on, so what was missed runs once and not as often as it was missed.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::queue::{self, NewJob};
use super::schedule::Schedule;
use super::worker::{Ctx, JobError, Step, Worker};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind};
use crate::deadlines::policy::Policy;
use crate::first_record;
use crate::store::{Dir, Home, Ix, KeyRange, Lane, ReadTx, Result, StoreError, Table, WriteTx};

/// Schedules a tenant can have.
pub const MAX_SCHEDULES: usize = 500;

/// One schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    /// Its name, which is its key.
    pub name: String,
    /// The kind of job it demands.
    pub kind: String,
    /// What the job is given, in MessagePack.
    pub payload: ByteBuf,
    /// When.
    pub schedule: Schedule,
    /// The zone `next_run` was computed in; when the depot's changes, it is computed anew.
    pub zone: String,
    /// When it demands the next job.
    pub next_run: Timestamp,
    /// When it last did.
    pub last_run: Option<Timestamp>,
}
first_record!(Scheduled);

/// Schedules by name.
pub const SCHEDULES: Table<str, Scheduled> = Table::new(52, "schedules", Home::Local);

/// Why a schedule can't be set.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ScheduleError {
    /// Its numbers are none that a clock shows.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There are too many.
    #[error("{MAX_SCHEDULES} schedules are set already; remove one first")]
    TooMany,
    /// The store failed.
    #[error("schedules: {0}")]
    Store(#[from] StoreError),
}

impl Fault for ScheduleError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::TooMany => Kind::Conflict,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(e) => e.code(),
            Self::TooMany => "schedule.too_many",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<crate::base::error::Problem> {
        if let Self::Invalid(e) = self { e.fields() } else { Vec::new() }
    }
}

/// Sets the schedule `name`: from now on it demands `job`'s kind and payload. One that is set so already keeps its time.
///
/// # Errors
/// [`ScheduleError`].
pub fn set(
    tx: &mut dyn WriteTx,
    now: Timestamp,
    name: &str,
    schedule: Schedule,
    kind: &'static str,
    payload: &impl Serialize,
) -> std::result::Result<(), ScheduleError> {
    schedule.check()?;
    let payload = rmp_serde::to_vec_named(payload)
        .map_err(|e| StoreError::Codec { what: "schedule", why: e.to_string() })?;
    let old = SCHEDULES.get(tx, name)?;
    if old.is_none() && all(tx)?.len() >= MAX_SCHEDULES {
        return Err(ScheduleError::TooMany);
    }
    let (zone, zone_name) = zone(tx)?;
    let mut new = Scheduled {
        name: name.into(),
        kind: kind.into(),
        payload: ByteBuf::from(payload),
        schedule,
        zone: zone_name,
        next_run: schedule.next_after(&zone, now),
        last_run: None,
    };
    if let Some(old) = &old {
        new.last_run = old.last_run;
        if (old.schedule, &old.zone) == (new.schedule, &new.zone) {
            new.next_run = old.next_run;
        }
        if *old == new {
            return Ok(());
        }
    }
    SCHEDULES.put(tx, name, &new)?;
    Ok(())
}

/// Removes the schedule `name`; true when there was one.
///
/// # Errors
/// Storage failures.
pub fn remove(tx: &mut dyn WriteTx, name: &str) -> Result<bool> {
    SCHEDULES.del(tx, name)
}

/// Every schedule of the tenant.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Scheduled>> {
    let rows = SCHEDULES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_SCHEDULES)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

fn zone(tx: &dyn ReadTx) -> Result<(TimeZone, String)> {
    let policy = Policy::current(tx)?;
    Ok((policy.calendar.zone().clone(), policy.rules.opening.zone.clone()))
}

/// Demands the jobs that are due, each once, and returns how many.
///
/// # Errors
/// Storage failures.
pub fn fire(tx: &mut dyn WriteTx, now: Timestamp) -> Result<usize> {
    let (zone, zone_name) = zone(tx)?;
    let mut fired = 0;
    for mut s in all(tx)? {
        if s.zone != zone_name {
            // The same wall clock time elsewhere is another moment.
            (s.zone, s.next_run) = (zone_name.clone(), s.schedule.next_after(&zone, now));
        } else if s.next_run <= now {
            // Still at the last one: that one will do.
            let job =
                NewJob::raw(s.kind.as_str(), s.payload.to_vec())?.unique(format!("schedule:{}", s.name));
            queue::enqueue(tx, now, job)?;
            fired += 1;
            (s.last_run, s.next_run) = (Some(now), s.schedule.next_after(&zone, now));
        } else {
            continue;
        }
        SCHEDULES.put(tx, &s.name, &s)?;
    }
    Ok(fired)
}

/// Fires schedules as they come due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schedules;

impl Worker for Schedules {
    fn name(&self) -> &'static str {
        "schedules"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let next = ctx.store.read(ctx.tenant, |tx| -> Result<_> {
            let (_, zone) = zone(tx)?;
            Ok(all(tx)?.iter().map(|s| if s.zone == zone { s.next_run } else { now }).min())
        })?;
        match next {
            Some(at) if at <= now => {
                ctx.store.write(ctx.tenant, Lane::Bulk, move |tx| fire(tx, now)).wait()?;
                Ok(Step::Worked)
            }
            Some(at) => Ok(Step::IdleUntil(at)),
            None => Ok(Step::IDLE),
        }
    }
}

#[cfg(test)]
#[path = "schedules_tests.rs"]
mod tests;
