//! Backups by schedule: made, pruned, proved by a trial restore, and missed aloud.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::base::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::jobs::alarm::{Alarm, AlarmKind};
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::privacy::tombs;
use crate::store::backup::{self, BackupError, BackupState, Made, Target};
use crate::store::check::Report;
use crate::store::table::Checked;
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx, space};

/// The kind of job that makes a backup.
pub const MAKE: &str = "backup.make";
/// The kind of job that restores the newest backup beside the store and checks it.
pub const TRY: &str = "backup.try";

/// Between two trial restores: a backup that nobody has restored is a hope.
const TRIAL_EVERY: Duration = Duration::from_secs(24 * 3600);
/// From a trial that was given up to the next demand.
const TRIAL_AGAIN: Duration = Duration::from_secs(3600);
/// How long a demanded backup may take before anybody is told that there is none: after a night asleep the first thing
/// is a backup, not an alarm.
const GRACE: Duration = Duration::from_secs(300);
/// Whose jobs and cases backups are: the store is backed up as a whole, for all who live in it, but once.
const KEEPER: Tenant = 1;
/// The longest a backup or a trial may take.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// The tables a restored file is checked against.
pub type Tables = fn() -> Vec<&'static dyn Checked>;

/// Where backups go by the settings; none when that is switched off.
#[must_use]
pub fn target(config: &Config) -> Option<Target> {
    config.backup.is_on().then(|| at(config, config.backup.path.clone()))
}

/// `folder`, sealed with the passphrase of the settings if there is one.
fn at(config: &Config, folder: PathBuf) -> Target {
    let given = &config.backup.passphrase;
    let passphrase = (!given.is_empty()).then(|| given.expose().to_owned());
    // Contents of documents; the folder of those that are still coming is left out.
    Target { folder, passphrase, beside: Some(config.server.data_dir.join("attachments")) }
}

/// Where backups go that nobody named a place for: a folder of the data folder, which is no second disk.
#[must_use]
pub fn own_target(config: &Config) -> Target {
    target(config).unwrap_or_else(|| at(config, config.server.data_dir.join("backups")))
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
) -> Result<Made, BackupError> {
    let made = backup::make(store, target, label, now)?;
    let listed = crate::app::house::tenants(store)
        .map_err(std::io::Error::other)
        .and_then(|tenants| tombs::write(store, &tenants, &target.folder));
    if let Err(e) = listed {
        tracing::warn!(error = %e, "the list of erasures could not be laid beside the backups");
    }
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
    memory: Mutex<Memory>,
}

/// What the keeper did since the start.
#[derive(Clone, Copy, Default)]
struct Memory {
    /// When a backup was last demanded: one that was given up is not demanded again at once.
    asked: Option<Timestamp>,
    /// When a trial was.
    asked_trial: Option<Timestamp>,
    /// What people were told last: whether backups are overdue. Nothing yet after a start.
    told: Option<bool>,
}

impl Keeper {
    /// By these settings; `begun` is when the depot was started: nothing is too old before it could be made.
    #[must_use]
    pub fn new(config: Arc<Config>, begun: Timestamp, alarm: Arc<dyn Alarm>) -> Self {
        Self { config, begun, alarm, memory: Mutex::default() }
    }

    /// Raises or lifts the alarm.
    fn tell(
        &self,
        ctx: &Ctx,
        now: Timestamp,
        last_ok: Option<Timestamp>,
        too_old: bool,
    ) -> Result<(), StoreError> {
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
        ctx.store.write(ctx.tenant, Lane::Bulk, tell).wait()
    }
}

#[derive(Serialize, Deserialize)]
struct Demand {}

impl Worker for Keeper {
    fn name(&self) -> &'static str {
        "backups"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        if ctx.tenant != KEEPER || target(&self.config).is_none() {
            return Ok(Step::IDLE);
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let every = Duration::from_secs(self.config.backup.every_minutes.max(1) * 60);
        let limit = Duration::from_secs(self.config.backup.too_old_minutes * 60);
        let BackupState { last_ok, last_trial, .. } = backup::state(&ctx.store)?;
        let not_before =
            |asked: Option<Timestamp>, pause| asked.map_or(Timestamp::ZERO, |at| at.after(pause));
        let due = last_ok.map_or(self.begun, |at| at.after(every)).max(not_before(memory.asked, every));
        // The first backup is proved at once: until then it is a hope.
        let trial_due = match (last_ok, last_trial) {
            (None, _) => Timestamp::MAX,
            (Some(made), None) => made,
            (Some(_), Some(tried)) => tried.after(TRIAL_EVERY),
        };
        let trial_due = trial_due.max(not_before(memory.asked_trial, TRIAL_AGAIN));
        // A backup that is on its way comes first: the two can't work in the folder together.
        let on_its_way = due <= now || memory.asked.is_some_and(|at| last_ok.is_none_or(|made| made < at));
        let asked = if due <= now { Some(now) } else { memory.asked };
        let trial_due = if on_its_way { trial_due.max(not_before(asked, GRACE)) } else { trial_due };
        if due <= now || trial_due <= now {
            let demand = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
                for (kind, due) in [(MAKE, due), (TRY, trial_due)] {
                    if due <= now {
                        enqueue(tx, now, NewJob::new(kind, &Demand {})?.unique(kind))?;
                    }
                }
                Ok(())
            };
            ctx.store.write(ctx.tenant, Lane::Bulk, demand).wait()?;
            memory.asked = if due <= now { Some(now) } else { memory.asked };
            memory.asked_trial = if trial_due <= now { Some(now) } else { memory.asked_trial };
            return Ok(Step::Worked);
        }
        let old_at = last_ok.unwrap_or(self.begun).max(self.begun).after(limit);
        let old_at = old_at.max(not_before(memory.asked, GRACE));
        // Just started, an old backup is no reason for an alarm, nor for lifting one of before.
        let news = match last_ok {
            _ if old_at <= now => Some(true),
            Some(at) if now.since(at) <= limit => Some(false),
            _ => None,
        };
        if let Some(too_old) = news.filter(|_| news != memory.told) {
            self.tell(ctx, now, last_ok, too_old)?;
            memory.told = news;
        }
        let next = [due, trial_due, old_at].into_iter().filter(|at| *at > now).min();
        Ok(Step::IdleUntil(next.unwrap_or(Timestamp::MAX)))
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

/// A trial must not fill the disk it is to protect: it needs the space of a second store beside what imports leave free.
fn room_for_a_trial(store: &Store, config: &Config, scratch: &Path) -> Result<(), JobError> {
    let needed = store.status().file_bytes + (config.store.read_only_mib << 20);
    match space::free(scratch) {
        Some((free, _)) if free < needed => Err(JobError::Hopeless(format!(
            "the backup was not tried: a trial needs {} MiB free in {} and there are {}",
            needed >> 20,
            scratch.display(),
            free >> 20
        ))),
        _ => Ok(()),
    }
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
                let failed = |e: BackupError| match e {
                    // One that somebody asked for, or a trial: it ends, and then it is our turn.
                    BackupError::InUse { .. } => JobError::Unreachable(e.to_string()),
                    e => JobError::Failed(e.to_string()),
                };
                if kind == MAKE {
                    let keep = config.backup.keep;
                    return make(&job.store, &target, keep, "scheduled", now).map(drop).map_err(failed);
                }
                let scratch: PathBuf = config.server.data_dir.join("tmp");
                std::fs::create_dir_all(&scratch).map_err(|e| JobError::Failed(e.to_string()))?;
                room_for_a_trial(&job.store, &config, &scratch)?;
                let report: Report =
                    backup::trial(&job.store, &target, &scratch, &tables(), now).map_err(failed)?;
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
