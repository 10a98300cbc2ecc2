//! What runs by itself for parcels: those that have been where they are for too long are marked, and after a change of
//! the house rules every deadline is looked at anew.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{pickup, service};
use crate::base::clock::Timestamp;
use crate::deadlines::due::{self, DueKind};
use crate::deadlines::policy::REPLAN;
use crate::identity::grant::Actor;
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::journal::Cx;
use crate::store::{Lane, StoreError, WriteTx};

/// Marks parcels as stale when their deadline passes, and takes the turns of the clock at the counter.
pub struct StaleWatch;

impl Worker for StaleWatch {
    fn name(&self) -> &'static str {
        "parcels.stale"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let fired =
            service::fire_stale(&ctx.store, ctx.tenant, now)? + pickup::fire(&ctx.store, ctx.tenant, now)?;
        if fired > 0 {
            return Ok(Step::Worked);
        }
        let next = ctx.store.read(ctx.tenant, |tx| -> Result<_, StoreError> {
            Ok([due::next(tx, DueKind::Stale)?, due::next(tx, DueKind::Pickup)?])
        })?;
        Ok(Step::IdleUntil(next.into_iter().flatten().map(|d| d.at).min().unwrap_or(Timestamp::MAX)))
    }
}

/// Recomputes stale deadlines after the limits changed.
pub struct Replan;

impl Handler for Replan {
    fn kind(&self) -> &'static str {
        REPLAN
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 10, first_delay: Duration::from_secs(2), timeout: Duration::from_secs(4 * 3600) }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        Box::pin(async move {
            let (mut after, now) = (None, job.now);
            loop {
                let from = after.take();
                let page = move |tx: &mut dyn WriteTx| -> Result<_, StoreError> {
                    let cx = Cx::new(tx, &Actor::system(), now, "job")?;
                    service::replan(tx, &cx, from.clone())
                };
                match job.store.write(job.tenant, Lane::Bulk, page).await? {
                    None => return Ok(()),
                    next => after = next,
                }
            }
        })
    }
}
