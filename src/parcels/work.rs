//! What runs by itself for parcels: those that have been where they are for too long are marked.

use super::service;
use crate::base::clock::Timestamp;
use crate::deadlines::due::{self, DueKind};
use crate::jobs::runner::{Ctx, JobError, Step, Worker};

/// Marks parcels as stale when their deadline passes.
pub struct StaleWatch;

impl Worker for StaleWatch {
    fn name(&self) -> &'static str {
        "parcels.stale"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        if service::fire_stale(&ctx.store, ctx.tenant, now)? > 0 {
            return Ok(Step::Worked);
        }
        let next = ctx.store.read(ctx.tenant, |tx| due::next(tx, DueKind::Stale))?;
        Ok(Step::IdleUntil(next.map_or(Timestamp::MAX, |d| d.at)))
    }
}
