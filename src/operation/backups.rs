//! Backups by schedule: made, pruned, proved by a trial restore, and missed aloud.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::base::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::jobs::alarm::{Alarm, AlarmKind};
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::store::backup::{self, BackupState, Made, Target};
use crate::store::check::Report;
use crate::store::table::Checked;
use crate::store::{Lane, Store, StoreError, WriteTx};

/// The kind of job that makes a backup.
pub const MAKE: &str = "backup.make";
/// The kind of job that restores the newest backup beside the store and checks it.
pub const TRY: &str = "backup.try";

/// Between two trial restores: a backup that nobody has restored is a hope.
const TRIAL_EVERY: Duration = Duration::from_secs(24 * 3600);
/// The longest a backup or a trial may take.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// The tables a restored file is checked against.
pub type Tables = fn() -> Vec<&'static dyn Checked>;

/// Where backups go by the settings; none when that is switched off.
#[must_use]
pub fn target(config: &Config) -> Option<Target> {
    let b = &config.backup;
    let passphrase = (!b.passphrase.is_empty()).then(|| b.passphrase.expose().to_owned());
    b.is_on().then(|| Target { folder: b.path.clone(), passphrase })
}

/// Where backups go that nobody named a place for: a folder of the data folder, which is no second disk.
#[must_use]
pub fn own_target(config: &Config) -> Target {
    target(config)
        .unwrap_or_else(|| Target { folder: config.server.data_dir.join("backups"), passphrase: None })
}

/// Makes a backup and lets go of the oldest beyond what the settings keep.
///
/// # Errors
/// In words, for the job and the caller.
pub fn make(
    store: &Store,
    target: &Target,
    keep: usize,
    label: &str,
    now: Timestamp,
) -> Result<Made, backup::BackupError> {
    let made = backup::make(store, target, label, now)?;
    backup::prune(target, keep)?;
    Ok(made)
}

/// How the backups are: what is set, when the last good one was, whether that is too long ago.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct State {
    /// Whether backups are made by schedule.
    pub scheduled: bool,
    /// When the last one was made.
    pub last_ok: Option<Timestamp>,
    /// When one was last restored and found whole.
    pub last_trial: Option<Timestamp>,
    /// Whether the last one is older than the settings allow.
    pub too_old: bool,
}

/// The present state.
///
/// # Errors
/// Storage failures.
pub fn state(store: &Store, config: &Config, now: Timestamp) -> Result<State, StoreError> {
    let BackupState { last_ok, last_trial, .. } = backup::state(store)?;
    let scheduled = config.backup.is_on();
    let limit = Duration::from_secs(config.backup.too_old_minutes * 60);
    let too_old = scheduled && last_ok.is_none_or(|at| now.since(at) > limit);
    Ok(State { scheduled, last_ok, last_trial, too_old })
}

/// Demands backups and trials when they are due, and tells people when the last good one is too old.
pub struct Keeper {
    config: Arc<Config>,
    begun: Timestamp,
    alarm: Arc<dyn Alarm>,
    told: AtomicBool,
}

impl Keeper {
    /// By these settings; `begun` is when the depot was started: nothing is too old before it could be made.
    #[must_use]
    pub fn new(config: Arc<Config>, begun: Timestamp, alarm: Arc<dyn Alarm>) -> Self {
        Self { config, begun, alarm, told: AtomicBool::new(false) }
    }

    /// Raises or lifts the alarm; said once for each change.
    fn tell(
        &self,
        ctx: &Ctx,
        now: Timestamp,
        last_ok: Option<Timestamp>,
        too_old: bool,
    ) -> Result<(), JobError> {
        if self.told.load(Ordering::Acquire) == too_old {
            return Ok(());
        }
        let alarm = Arc::clone(&self.alarm);
        let last = last_ok
            .map_or_else(|| "there is none yet".to_owned(), |at| format!("the last good one is of {at}"));
        let tell = move |tx: &mut dyn WriteTx| match too_old {
            true => alarm.raise(
                tx,
                now,
                AlarmKind::BackupOverdue,
                "backup",
                &format!("no backup for too long: {last}; see the backup jobs and the disk they go to"),
            ),
            false => alarm.clear(tx, now, AlarmKind::BackupOverdue, "backup"),
        };
        ctx.store.write(ctx.tenant, Lane::Bulk, tell).wait()?;
        self.told.store(too_old, Ordering::Release);
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Demand {}

impl Worker for Keeper {
    fn name(&self) -> &'static str {
        "backups"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let Some(_) = target(&self.config) else { return Ok(Step::IDLE) };
        let every = Duration::from_secs(self.config.backup.every_minutes.max(1) * 60);
        let state = backup::state(&ctx.store)?;
        let due = state.last_ok.map_or(self.begun, |at| at.after(every));
        let trial_due = state.last_trial.or(state.last_ok).map_or(Timestamp::MAX, |at| at.after(TRIAL_EVERY));
        let limit = Duration::from_secs(self.config.backup.too_old_minutes * 60);
        let old_at = state.last_ok.unwrap_or(self.begun).max(self.begun).after(limit);
        let demand = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            for (kind, due) in [(MAKE, due), (TRY, trial_due)] {
                if due <= now {
                    enqueue(tx, now, NewJob::new(kind, &Demand {})?.unique(kind))?;
                }
            }
            Ok(())
        };
        if due <= now || trial_due <= now {
            ctx.store.write(ctx.tenant, Lane::Bulk, demand).wait()?;
        }
        self.tell(ctx, now, state.last_ok, old_at <= now)?;
        let next = [due, trial_due, old_at].into_iter().filter(|at| *at > now).min();
        Ok(Step::IdleUntil(next.unwrap_or(Timestamp::MAX).min(now.after(every))))
    }
}

/// Carries out backups and trials.
pub struct Work {
    kind: &'static str,
    config: Arc<Config>,
    clock: Clock,
    tables: Tables,
}

/// Both handlers.
#[must_use]
pub fn handlers(config: &Arc<Config>, clock: &Clock, tables: Tables) -> Vec<Arc<dyn Handler>> {
    let of = |kind| {
        Arc::new(Work { kind, config: Arc::clone(config), clock: clock.clone(), tables }) as Arc<dyn Handler>
    };
    vec![of(MAKE), of(TRY)]
}

impl Handler for Work {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 3, first_delay: Duration::from_secs(30), timeout: LONGEST }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        let (kind, config, tables, now) =
            (self.kind, Arc::clone(&self.config), self.tables, self.clock.now());
        Box::pin(async move {
            let work = move || -> Result<(), JobError> {
                let Some(target) = target(&config) else { return Ok(()) };
                let failed = |e: backup::BackupError| JobError::Failed(e.to_string());
                if kind == MAKE {
                    let keep = config.backup.keep;
                    return make(&job.store, &target, keep, "scheduled", now).map(drop).map_err(failed);
                }
                let scratch: PathBuf = config.server.data_dir.join("tmp");
                std::fs::create_dir_all(&scratch).map_err(|e| JobError::Failed(e.to_string()))?;
                let report: Report =
                    backup::trial(&job.store, &target, &scratch.join("trial.redb"), &tables(), now)
                        .map_err(failed)?;
                if report.is_clean() {
                    Ok(())
                } else {
                    Err(JobError::Failed(format!(
                        "the restored backup has {} faults: {}",
                        report.fault_count,
                        report.faults.join("; ")
                    )))
                }
            };
            tokio::task::spawn_blocking(work).await.map_err(|e| JobError::Failed(e.to_string()))?
        })
    }
}
