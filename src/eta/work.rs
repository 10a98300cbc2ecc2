//! Learning by itself: every night, and when the estimates no longer keep their word.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{outlook, service};
use crate::base::clock::Timestamp;
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::jobs::schedule::Schedule;
use crate::jobs::schedules;
use crate::store::{Lane, Tenant, WriteTx};

/// The kind of job that learns from legs and parcels.
pub const LEARN: &str = "eta.learn";
/// The kind of job that looks ahead for open parcels.
pub const LOOK_AHEAD: &str = "eta.look_ahead";
/// When each runs. Learning comes behind the night's other learning, on the depot's wall clock.
const RUNS: [(&str, Schedule); 2] =
    [(LEARN, Schedule::DailyAt { hour: 3, minute: 10 }), (LOOK_AHEAD, Schedule::EveryMinutes(30))];

/// Carries out [`LEARN`].
pub struct Learn;

impl Handler for Learn {
    fn kind(&self) -> &'static str {
        LEARN
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 3, first_delay: Duration::from_secs(60), timeout: Duration::from_secs(3_600) }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        Box::pin(async move {
            let work = move || {
                let learned = service::learn(&job.store, job.tenant, job.now)?;
                let parcels = outlook::learn(&job.store, job.tenant, job.now)?;
                Ok::<_, JobError>((learned, parcels))
            };
            let (legs, parcels) =
                tokio::task::spawn_blocking(work).await.map_err(|e| JobError::Failed(e.to_string()))??;
            tracing::info!(?legs, parcels, "arrivals were learned");
            Ok(())
        })
    }
}

/// Carries out [`LOOK_AHEAD`].
pub struct LookAhead;

impl Handler for LookAhead {
    fn kind(&self) -> &'static str {
        LOOK_AHEAD
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 2, first_delay: Duration::from_secs(60), timeout: Duration::from_secs(1_800) }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        Box::pin(async move {
            let work = move || outlook::look_ahead(&job.store, job.tenant, job.now);
            tokio::task::spawn_blocking(work).await.map_err(|e| JobError::Failed(e.to_string()))??;
            Ok(())
        })
    }
}

/// Sees to it that every tenant learns at night and looks ahead by day.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Tenants it has been seen to since the start.
    seen_to: Mutex<HashSet<Tenant>>,
}

impl Worker for Rounds {
    fn name(&self) -> &'static str {
        "eta.rounds"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let mut seen_to = self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
        if seen_to.contains(&ctx.tenant) {
            return Ok(Step::IDLE);
        }
        for (kind, schedule) in RUNS {
            let known = ctx.store.read(ctx.tenant, |tx| schedules::SCHEDULES.get(tx, kind))?;
            if !known.is_some_and(|s| s.schedule == schedule && s.kind == kind) {
                let set = move |tx: &mut dyn WriteTx| schedules::set(tx, now, kind, schedule, kind, &());
                let set = ctx.store.write(ctx.tenant, Lane::Bulk, set).wait();
                set.map_err(|e| JobError::Failed(e.to_string()))?;
            }
        }
        seen_to.insert(ctx.tenant);
        Ok(Step::IDLE)
    }
}
