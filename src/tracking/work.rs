//! Writing positions down, once a second.

use std::time::Duration;

use super::flush::flush;
use super::tracker::Tracker;
use crate::base::clock::Timestamp;
use crate::eta::service::Predictors;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};

/// How often what was told is written: as much of it a crash can lose.
pub const EVERY: Duration = Duration::from_secs(1);

/// Writes down what was told to this process.
pub struct Scribe {
    /// What was told.
    pub tracker: Tracker,
    /// Who foretells.
    pub predictors: Predictors,
}

impl Worker for Scribe {
    fn name(&self) -> &'static str {
        "tracking.scribe"
    }

    fn is_everywhere(&self) -> bool {
        true
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        flush(&ctx.store, &self.tracker, &self.predictors, (ctx.tenant, now))
            .map_err(|e| JobError::Failed(e.to_string()))?;
        Ok(Step::IdleUntil(now.after(EVERY)))
    }
}
