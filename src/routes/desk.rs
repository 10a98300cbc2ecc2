//! Searches that are under way: how many at once, how far they are, and how they are ended. A search takes a thread for
//! itself, never one that serves requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use super::error::RouteError;
use super::model::MAX_ROUTE_STOPS;
use crate::base::clock::elapsed;
use crate::base::ids::Id;
use crate::config::sections::Routing;
use crate::routing::plan::Plan;
use crate::routing::problem::{Act, Problem};
use crate::routing::{Settings, solve};

/// Stops of one route at which a job is done, where that has to be limited: room is left for pauses and second trips.
const MOST_JOB_STOPS: usize = MAX_ROUTE_STOPS - 25;

/// How far a search is: its best plan so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = SearchProgress)]
pub struct Progress {
    /// Plans found, each better than the one before.
    pub plans: u32,
    /// Jobs served by the best.
    pub served: u32,
    /// Vehicles it takes.
    pub vehicles: u32,
    /// Metres.
    pub metres: i64,
    /// Seconds driven.
    pub drive_s: i64,
}

/// One search that is under way.
#[derive(Debug, Default)]
pub struct Search {
    cancel: AtomicBool,
    progress: Mutex<Progress>,
}

impl Search {
    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it with the best plan so far.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Whether somebody ended it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    fn found(&self, plan: &Plan, jobs: usize) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.plans += 1;
        progress.served = count(jobs.saturating_sub(plan.unassigned.len()));
        progress.vehicles = count(plan.routes.len());
        progress.metres = plan.routes.iter().map(|r| r.metres).sum();
        progress.drive_s = plan.routes.iter().map(|r| r.drive_seconds).sum();
    }
}

/// How long a search may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Seconds, when no steps are named.
    pub seconds: f64,
    /// Steps: the same problem gives the same plan.
    pub steps: Option<u64>,
    /// Seed of all chance.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

/// All searches of this process.
#[derive(Debug)]
pub struct Desk {
    permits: Arc<Semaphore>,
    at_once: usize,
    threads: usize,
    /// Seconds a job searches unless the request says so.
    pub seconds: f64,
    /// Stops up to which a request is answered at once.
    pub direct: usize,
    running: Mutex<HashMap<Id, Arc<Search>>>,
}

/// A search that is in the list of those under way, until it is dropped; then it is ended too, for nobody waits for it.
pub struct Listed<'a> {
    desk: &'a Desk,
    id: Id,
    /// The search.
    pub search: Arc<Search>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.search.cancel();
        self.desk.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Desk {
    /// As the settings say.
    #[must_use]
    pub fn new(config: &Routing) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            permits: Arc::new(Semaphore::new(config.at_once)),
            at_once: config.at_once,
            threads: if config.threads == 0 { cores.min(2) } else { config.threads },
            seconds: config.seconds as f64,
            direct: config.direct_stops,
            running: Mutex::default(),
        }
    }

    /// Searches that may run at the same time.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Threads of a search that runs as a job.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Leave to search, unless as many do already.
    #[must_use]
    pub fn try_begin(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Leave to search, once there is room.
    pub async fn begin(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Puts a search on the list, so that it can be watched and ended.
    #[must_use]
    pub fn list(&self, id: Id) -> Listed<'_> {
        let search = Arc::new(Search::default());
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&search));
        Listed { desk: self, id, search }
    }

    /// The search `id`, if it is under way here.
    #[must_use]
    pub fn running(&self, id: Id) -> Option<Arc<Search>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// What is searched: the solver's question, and what the search starts from where there is something.
pub type Question = (Problem, Option<Vec<Vec<Act>>>);

/// Searches on a thread of its own, where the question is put together too: that alone takes a while for many stops.
///
/// # Errors
/// When the solver refuses the problem, or breaks off.
pub async fn search(
    ask: impl FnOnce() -> Result<Question, RouteError> + Send + 'static,
    effort: Effort,
    search: Arc<Search>,
    permit: OwnedSemaphorePermit,
) -> Result<Plan, RouteError> {
    let work = move || {
        let _permit = permit;
        let (mut problem, start) = ask()?;
        let time = Duration::from_secs_f64(effort.seconds);
        let settings = Settings {
            seed: effort.seed,
            time: effort.steps.is_none().then_some(time),
            steps: effort.steps,
            threads: effort.threads,
            clock: elapsed,
            start,
        };
        let jobs = problem.jobs.len();
        let mut plan = solve(&problem, &settings, &search.cancel, &mut |plan| search.found(plan, jobs))?;
        if plan.routes.iter().any(|r| r.visits.len() > MAX_ROUTE_STOPS) {
            // Seldom: the limit costs the solver its fastest way, so it is only set when it is needed.
            for vehicle in &mut problem.vehicles {
                vehicle.max_stops = Some(vehicle.max_stops.map_or(MOST_JOB_STOPS, |n| n.min(MOST_JOB_STOPS)));
            }
            plan = solve(&problem, &settings, &search.cancel, &mut |plan| search.found(plan, jobs))?;
        }
        search.found(&plan, jobs);
        Ok(plan)
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| RouteError::Broken(e.to_string()))?
}
