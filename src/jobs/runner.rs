//! Carries out what is due. Each job runs in a task of its own, with a time limit, and takes nobody with it when it
//! panics; a kind that is slow never keeps the others waiting.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::task::{self, JoinSet};

use super::alarm::{AlarmKind, LATE};
use super::queue::{self, Ending, Job, Limits, Want};
use super::rules::State;
use super::ticker;
pub use super::wake::{Stop, Wake};
pub use super::worker::{Ctx, House, JobError, Step, Worker};
use super::worker::{tend, words};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::store::{Lane, Result, Store, StoreError, Tenant, WriteTx};

/// Jobs of an unknown kind that are given up in one go, and running ones that are recovered in one.
const AT_ONCE: usize = 500;

/// One attempt at a job, as its handler sees it.
#[derive(Clone)]
pub struct JobRun {
    /// The job.
    pub job: Job,
    /// Whose it is.
    pub tenant: Tenant,
    /// The store.
    pub store: Store,
    /// When the attempt began.
    pub now: Timestamp,
}

impl JobRun {
    /// What the job was given.
    ///
    /// # Errors
    /// [`JobError::Hopeless`] when it can't be read.
    pub fn payload<T: DeserializeOwned>(&self) -> std::result::Result<T, JobError> {
        let read = rmp_serde::from_slice(&self.job.payload);
        read.map_err(|e| JobError::Hopeless(format!("the payload of the job can't be read: {e}")))
    }
}

/// Carries out one kind of job. Doing it twice must do no harm: a crash comes between the deed and its being noted.
pub trait Handler: Send + Sync + 'static {
    /// The kind.
    fn kind(&self) -> &'static str;
    /// What it may cost.
    fn limits(&self) -> Limits;
    /// How many of its kind may run beside everybody's slots: for work that waits for something outside and costs the
    /// machine nothing. 0, the usual, shares the slots with the other kinds.
    fn own_slots(&self) -> usize {
        0
    }
    /// Does it. Must not block its thread: only what awaits can be stopped by the time limit.
    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>>;
}

/// Handlers and workers before they begin.
pub struct Runner {
    /// What they have at hand.
    pub house: House,
    /// Jobs that run at the same time. A kind of which none runs may always begin one.
    pub slots: usize,
    /// How long jobs under way get to finish at a stop.
    pub patience: Duration,
    /// One for each kind.
    pub handlers: Vec<Arc<dyn Handler>>,
    /// What else runs by itself.
    pub workers: Vec<Arc<dyn Worker>>,
}

/// Everything that runs by itself, running.
pub struct Running {
    stop: Stop,
    tasks: JoinSet<()>,
}

impl Runner {
    /// Recovers what a crash interrupted and sets everything going.
    ///
    /// # Errors
    /// Storage failures while recovering.
    pub async fn start(self) -> Result<Running> {
        let Self { house, slots, patience, handlers, workers } = self;
        let mut floor = Floor::new(house.clone(), slots, handlers);
        floor.recover().await?;
        let mut tasks = JoinSet::new();
        for worker in workers {
            tasks.spawn(tend(house.clone(), worker));
        }
        tasks.spawn(ticker::run(house.wake.clone(), house.stop.clone()));
        tasks.spawn(async move {
            floor.open().await;
            floor.close(patience).await;
        });
        Ok(Running { stop: house.stop, tasks })
    }
}

impl Running {
    /// Stops in good order: nothing is begun any more, what runs may finish within the runner's patience, and what
    /// doesn't goes back to the queue.
    pub async fn stop(mut self) {
        self.stop.stop();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(e) = ended {
                tracing::error!(error = %e, "a task that runs by itself ended badly");
            }
        }
    }
}

/// Where jobs are carried out.
pub(super) struct Floor {
    house: House,
    slots: usize,
    handlers: BTreeMap<&'static str, Arc<dyn Handler>>,
    tasks: JoinSet<()>,
    under_way: HashMap<task::Id, UnderWay>,
    turn: usize,
    /// The holding of each tenant's lease under which interrupted jobs were put back.
    recovered: HashMap<Tenant, u64>,
}

/// The store for a tenant's jobs; none while another process carries them out.
fn leased(store: &Store, tenant: Tenant) -> Result<Option<Store>> {
    store.leased(&format!("{tenant}/jobs"))
}

struct UnderWay {
    tenant: Tenant,
    kind: String,
    id: Id,
    run: u32,
}

impl Floor {
    pub(super) fn new(house: House, slots: usize, handlers: Vec<Arc<dyn Handler>>) -> Self {
        let handlers = handlers.into_iter().map(|h| (h.kind(), h)).collect();
        Self {
            house,
            slots: slots.max(1),
            handlers,
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            turn: 0,
            recovered: HashMap::new(),
        }
    }

    /// Puts back what was running when the depot went down.
    pub(super) async fn recover(&mut self) -> Result<()> {
        for tenant in (self.house.tenants)(&self.house.store)? {
            if let Some(store) = leased(&self.house.store, tenant)? {
                self.recover_for(&store, tenant).await?;
            }
        }
        Ok(())
    }

    /// Puts back what a tenant's jobs were at when whoever had the lease before `store` went down.
    async fn recover_for(&mut self, store: &Store, tenant: Tenant) -> Result<()> {
        let now = self.house.clock.now();
        loop {
            let alarm = Arc::clone(&self.house.alarm);
            let put_back = store.write(tenant, Lane::Bulk, move |tx| -> Result<usize> {
                let jobs = queue::recover(tx, now, AT_ONCE)?;
                for job in jobs.iter().filter(|j| j.state == State::Dead) {
                    alarm.raise(tx, now, AlarmKind::JobDead, &job.kind, &obituary(job))?;
                }
                Ok(jobs.len())
            });
            if put_back.await? < AT_ONCE {
                break;
            }
        }
        self.recovered.insert(tenant, store.fence().map_or(0, |f| f.number));
        Ok(())
    }

    /// Carries out what comes due until the house stops.
    async fn open(&mut self) {
        let mut listener = self.house.wake.listen();
        while !self.house.stop.is_stopped() {
            // Every tick is a look: what comes due next is one seek a kind away.
            if let Err(e) = self.fill().await {
                tracing::warn!(error = %e, "no tenants to work for");
            }
            let (clock, stop) = (self.house.clock.clone(), self.house.stop.clone());
            tokio::select! {
                () = stop.stopped() => {}
                () = listener.idle(&clock, Timestamp::ZERO) => {}
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended),
            }
        }
    }

    fn ended(&mut self, ended: std::result::Result<(task::Id, ()), task::JoinError>) {
        let id = ended.map_or_else(|e| e.id(), |(id, ())| id);
        self.under_way.remove(&id);
    }

    /// Begins as many due jobs as there is room for.
    pub(super) async fn fill(&mut self) -> Result<()> {
        let mut tenants = (self.house.tenants)(&self.house.store)?;
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % tenants.len().max(1);
        tenants.rotate_left(first);
        for tenant in tenants {
            // One tenant's trouble is not the others'.
            if let Err(e) = self.fill_for(tenant).await {
                tracing::warn!(tenant, error = %e, "no jobs can be taken now");
            }
        }
        Ok(())
    }

    async fn fill_for(&mut self, tenant: Tenant) -> Result<()> {
        let Some(store) = leased(&self.house.store, tenant)? else { return Ok(()) };
        let holding = store.fence().map_or(0, |f| f.number);
        // Taken over: what the one before had begun is nobody's now.
        if holding != self.recovered.get(&tenant).copied().unwrap_or(0) {
            self.recover_for(&store, tenant).await?;
        }
        let now = self.house.clock.now();
        let mut heads = store.read(tenant, queue::heads)?;
        heads.retain(|j| j.next_run <= now);
        heads.sort_by_key(|j| j.next_run);
        let shared = self.under_way.values().filter(|u| self.own_slots(&u.kind) == 0).count();
        let (mut free, mut wants) = (self.slots.saturating_sub(shared), Vec::new());
        for head in heads {
            let Some(handler) = self.handlers.get(head.kind.as_str()) else {
                self.bury(tenant, now, head.kind).await?;
                continue;
            };
            let own = handler.own_slots();
            if own > 0 {
                let busy = self.under_way.values().filter(|u| u.kind == head.kind).count();
                if busy < own {
                    wants.push(Want { kind: head.kind, most: own - busy, limits: handler.limits() });
                }
                continue;
            }
            let none_runs = !self.under_way.values().any(|u| u.kind == head.kind);
            let most = if none_runs { free.max(1) } else { free };
            if most > 0 {
                wants.push(Want { kind: head.kind, most, limits: handler.limits() });
                // Whoever has waited longest fills the slots; each other kind gets its one.
                free = 0;
            }
        }
        if wants.is_empty() {
            return Ok(());
        }
        for job in store.write(tenant, Lane::Bulk, move |tx| queue::claim(tx, now, &wants)).await? {
            self.begin(&store, tenant, now, job);
        }
        Ok(())
    }

    fn own_slots(&self, kind: &str) -> usize {
        self.handlers.get(kind).map_or(0, |h| h.own_slots())
    }

    fn begin(&mut self, store: &Store, tenant: Tenant, now: Timestamp, job: Job) {
        let Some(handler) = self.handlers.get(job.kind.as_str()).cloned() else { return };
        let note = UnderWay { tenant, kind: job.kind.clone(), id: job.id, run: job.runs };
        let run = JobRun { job, tenant, store: store.clone(), now };
        let task = self.tasks.spawn(carry_out(self.house.clone(), handler, run));
        self.under_way.insert(task.id(), note);
    }

    async fn bury(&self, tenant: Tenant, now: Timestamp, kind: String) -> Result<()> {
        let alarm = Arc::clone(&self.house.alarm);
        let buried = self.house.store.write(tenant, Lane::Bulk, move |tx| -> Result<_> {
            let jobs = queue::bury(tx, now, &kind, AT_ONCE)?;
            if let Some(job) = jobs.first() {
                alarm.raise(tx, now, AlarmKind::JobDead, &kind, &obituary(job))?;
            }
            Ok(jobs)
        });
        for job in buried.await? {
            count(&job.kind, "dead");
        }
        Ok(())
    }

    /// Waits for what is under way, at most for `patience`, and puts the rest back.
    pub(super) async fn close(&mut self, patience: Duration) {
        let all = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                let id = ended.map_or_else(|e| e.id(), |(id, ())| id);
                self.under_way.remove(&id);
            }
        };
        if tokio::time::timeout(patience, all).await.is_ok() {
            return;
        }
        self.tasks.shutdown().await;
        let now = self.house.clock.now();
        for (_, UnderWay { tenant, kind, id, run }) in self.under_way.drain() {
            let put_back = self
                .house
                .store
                .write(tenant, Lane::People, move |tx| queue::finish(tx, now, id, run, &Ending::Released))
                .await;
            count(&kind, "released");
            if let Err(e) = put_back {
                tracing::warn!(job.kind = kind, job.id = %id, error = %e, "a job could not be put back; the next start does it");
            }
        }
    }

    /// Carries out what is due now and waits for it, for tests.
    #[cfg(test)]
    pub(super) async fn drain(&mut self) {
        self.fill().await.unwrap();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
    }
}

async fn carry_out(house: House, handler: Arc<dyn Handler>, run: JobRun) {
    let begun = Instant::now();
    let limit = handler.limits().timeout;
    let (tenant, job) = (run.tenant, run.job.clone());
    let work = AssertUnwindSafe(async move { handler.run(run).await }).catch_unwind();
    let ending = match tokio::time::timeout(limit, work).await {
        Ok(Ok(Ok(()))) => Ending::Done,
        Ok(Ok(Err(e))) => ending(e),
        Ok(Err(panic)) => Ending::Failed(format!("panicked: {}", words(&*panic))),
        Err(_) => {
            Ending::Failed(format!("was stopped after {} s, the limit for its kind", limit.as_secs_f64()))
        }
    };
    metrics::histogram!("job_seconds", "kind" => job.kind.clone()).record(begun.elapsed().as_secs_f64());
    settle(&house, tenant, &job, ending).await;
    house.wake.wake();
}

fn ending(e: JobError) -> Ending {
    match e {
        JobError::Failed(why) => Ending::Failed(why),
        JobError::Hopeless(why) => Ending::Hopeless(why),
        JobError::Unreachable(why) => Ending::Unreachable(why),
        // The store comes back or the depot stops; neither is the job's fault.
        JobError::Store(
            e @ (StoreError::Busy { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::Io(_)
            | StoreError::Fenced { .. }
            | StoreError::Closed),
        ) => Ending::Unreachable(e.to_string()),
        JobError::Store(e) => Ending::Failed(e.to_string()),
    }
}

/// Writes down how a job ended; while the store doesn't take it, again and again, since nobody else knows.
async fn settle(house: &House, tenant: Tenant, job: &Job, ending: Ending) {
    const TRIES_WITH_ALARM: u32 = 3;
    const PAUSE: Duration = Duration::from_secs(1);
    let (id, run) = (job.id, job.runs);
    for tries in 1_u32.. {
        let (alarm, ending, now) = (Arc::clone(&house.alarm), ending.clone(), house.clock.now());
        let noted = house.store.write(tenant, Lane::Bulk, move |tx| -> Result<_> {
            let job = queue::finish(tx, now, id, run, &ending)?;
            if let Some(job) = job.as_ref().filter(|_| tries <= TRIES_WITH_ALARM) {
                tell(tx, &*alarm, now, job)?;
            }
            Ok(job)
        });
        match noted.await {
            Ok(None) | Err(StoreError::Closed) => return,
            Ok(Some(after)) => {
                let outcome = match after.state {
                    State::Done => "done",
                    State::Dead => "dead",
                    State::Scheduled | State::Running => "retried",
                };
                count(&job.kind, outcome);
                if let Some(why) = &after.last_error {
                    tracing::warn!(job.kind = job.kind, job.id = %id, job.attempt = job.attempts, outcome, error = why, "a job failed");
                }
                return;
            }
            Err(e) => {
                tracing::warn!(job.kind = job.kind, job.id = %id, error = %e, "how a job ended can't be written down yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What a job's end means to people.
fn tell(tx: &mut dyn WriteTx, alarm: &dyn super::alarm::Alarm, now: Timestamp, job: &Job) -> Result<()> {
    match job.state {
        State::Dead => alarm.raise(tx, now, AlarmKind::JobDead, &job.kind, &obituary(job)),
        State::Scheduled if job.waits > 0 && now.since(job.due_at) > LATE => {
            let why = job.last_error.as_deref().unwrap_or_default();
            let detail =
                format!("job {} has waited {} minutes: {why}", job.id, now.since(job.due_at).as_secs() / 60);
            alarm.raise(tx, now, AlarmKind::JobBlocked, &job.kind, &detail)
        }
        State::Done if job.waits > 0 => alarm.clear(tx, now, AlarmKind::JobBlocked, &job.kind),
        State::Done | State::Scheduled | State::Running => Ok(()),
    }
}

fn obituary(job: &Job) -> String {
    let why = job.last_error.as_deref().unwrap_or("nobody knows why");
    format!("job {} ({}) was given up after {} attempts: {why}", job.id, job.kind, job.attempts)
}

fn count(kind: &str, outcome: &'static str) {
    metrics::counter!("jobs_total", "kind" => kind.to_owned(), "outcome" => outcome).increment(1);
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
