//! Searching: travel times, the solver, the answer. Searches that take long run as jobs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use super::desk::{self, Desk, Effort, Search};
use super::error::{Result, RouteError};
use super::model::{Content, Route};
use super::outcome::{self, Outcome, Rests};
use super::problem::{self, Places};
use super::replan;
use super::repo::WAITING;
use super::service::{self, OPTIMIZE, Payload};
use super::task::Task;
use crate::base::clock::{Clock, Timestamp};
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::journal::Cx;
use crate::store::{Dir, Ix, KeyRange, Lane, Store, Tenant, WriteTx};
use crate::travel::sources::Sources;

/// The longest a job may take: an hour of search, and what is around it.
const LONGEST: Duration = Duration::from_secs(3_900);

/// Where a search is done.
pub struct Place<'a> {
    /// Travel times.
    pub travel: &'a Sources,
    /// The store.
    pub store: &'a Store,
    /// Whose it is.
    pub tenant: Tenant,
    /// When.
    pub now: Timestamp,
}

/// Plans `task`: what comes of it, and in words what that rests on.
///
/// # Errors
/// When the solver refuses it; storage failures.
pub async fn plan(
    place: &Place<'_>,
    (id, task): (Id, &Arc<Task>),
    effort: Effort,
    (search, permit): (Arc<Search>, OwnedSemaphorePermit),
) -> Result<(Outcome, Vec<String>)> {
    let places = Arc::new(Places::of(task));
    let wanted = (places.points.as_slice(), task.conditions.closed_areas());
    let times = place.travel.times(place.store, place.tenant, place.now, wanted).await?;
    let ask = {
        let (task, places, times) = (Arc::clone(task), Arc::clone(&places), times.clone());
        move || {
            let problem = problem::build(&task, &places, &times)?;
            let start = problem::start(&task, &problem);
            Ok((problem, start))
        }
    };
    let plan = desk::search(ask, effort, search, permit).await?;
    let mut basis = vec![times.basis];
    basis.extend(task.conditions.words());
    let rests = Rests { source: times.source, basis: basis.clone() };
    basis.extend(task.notes.iter().cloned());
    Ok((outcome::of(task, &plan, (id, &rests), &places.points), basis))
}

/// Seconds a search of so many stops takes while somebody waits.
#[must_use]
pub fn waited(jobs: usize) -> f64 {
    if jobs <= 30 { 0.15 } else { 0.4 }
}

/// Plans one route anew and waits for it: its content as it will be.
///
/// # Errors
/// When what is on it fits nowhere any more, or the depot is stopping; storage failures.
pub async fn anew(
    place: &Place<'_>,
    desk: &Desk,
    (route, task): (&Route, Task),
    effort: Effort,
) -> Result<Content> {
    let task = Arc::new(task);
    let permit = desk.begin().await.ok_or_else(|| RouteError::Broken("the depot is stopping".into()))?;
    let listed = desk.list(route.id);
    let planned =
        plan(place, (route.content.plan, &task), effort, (Arc::clone(&listed.search), permit)).await;
    drop(listed);
    replan::joined(route, &task, planned?.0)
}

/// Carries out [`OPTIMIZE`].
pub struct Optimize {
    /// Searches that are under way.
    pub desk: Arc<Desk>,
    /// Travel times.
    pub travel: Arc<Sources>,
    /// What time it is.
    pub clock: Clock,
}

impl Handler for Optimize {
    fn kind(&self) -> &'static str {
        OPTIMIZE
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 3, first_delay: Duration::from_secs(5), timeout: LONGEST }
    }

    fn own_slots(&self) -> usize {
        self.desk.at_once()
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        let (desk, travel, clock) = (Arc::clone(&self.desk), Arc::clone(&self.travel), self.clock.clone());
        Box::pin(async move {
            let Payload { search } = job.payload()?;
            let id = search;
            let read = job.store.read(job.tenant, |tx| service::find_search(tx, &id.to_string()));
            let task = match read {
                Ok((_, kept)) => kept.and_then(|k| k.task),
                Err(RouteError::Store(e)) => return Err(e.into()),
                Err(_) => None,
            };
            // Ended before it began, or done by an attempt whose end nobody could write down.
            let Some(task) = task.map(Arc::new) else { return Ok(()) };
            let listed = desk.list(id);
            let Some(permit) = desk.begin().await else { return Ok(()) };
            let effort = Effort {
                seconds: task.seconds.unwrap_or(desk.seconds),
                steps: task.steps,
                seed: task.seed,
                threads: if task.steps.is_some() { 1 } else { desk.threads() },
            };
            let place = Place { travel: &travel, store: &job.store, tenant: job.tenant, now: job.now };
            let found = plan(&place, (id, &task), effort, (Arc::clone(&listed.search), permit)).await;
            let cut_short = listed.search.is_cancelled();
            let (store, tenant, now) = (job.store.clone(), job.tenant, clock.now());
            write_down(&store, tenant, now, (id, task), found, cut_short).await
        })
    }
}

/// Watches the jobs of searches: one that was given up ends its search.
pub struct Watch;

/// Between two looks while a search is not over.
const LOOK: Duration = Duration::from_secs(10);

impl Worker for Watch {
    fn name(&self) -> &'static str {
        "routes.watch"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let waiting =
            ctx.store.read(ctx.tenant, |tx| WAITING.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1))?;
        if waiting.items.is_empty() {
            return Ok(Step::IDLE);
        }
        let end = move |tx: &mut dyn WriteTx| -> Result<usize> {
            let cx = Cx::new(tx, &Actor::system(), now, "routes")?;
            service::end_given_up(tx, &cx)
        };
        let ended = ctx.store.write(ctx.tenant, Lane::Bulk, end).wait();
        match ended.map_err(|e| JobError::Failed(e.to_string()))? {
            0 => Ok(Step::IdleUntil(now.after(LOOK))),
            _ => Ok(Step::Worked),
        }
    }
}

/// Keeps what a search found, or why it found nothing.
async fn write_down(
    store: &Store,
    tenant: Tenant,
    now: Timestamp,
    (id, task): (Id, Arc<Task>),
    found: Result<(Outcome, Vec<String>)>,
    cut_short: bool,
) -> std::result::Result<(), JobError> {
    let found = match found {
        Ok(found) => Ok(found),
        Err(RouteError::Store(e)) => return Err(e.into()),
        Err(e) => Err(e.to_string()),
    };
    let write = move |tx: &mut dyn WriteTx| -> Result<()> {
        let cx = Cx::new(tx, &Actor::system(), now, "job")?;
        match &found {
            Ok((outcome, basis)) => service::complete(tx, &cx, (id, &task), outcome, (basis, cut_short)),
            Err(why) => service::failed(tx, &cx, id, why),
        }
    };
    let why = match store.write(tenant, Lane::Bulk, write).await {
        Ok(()) => return Ok(()),
        Err(RouteError::Store(e)) if e.kind() != Kind::TooLarge => return Err(e.into()),
        Err(e) => e.to_string(),
    };
    let write = move |tx: &mut dyn WriteTx| -> Result<()> {
        let cx = Cx::new(tx, &Actor::system(), now, "job")?;
        service::failed(tx, &cx, id, &why)
    };
    match store.write(tenant, Lane::Bulk, write).await {
        Ok(()) => Ok(()),
        Err(RouteError::Store(e)) => Err(e.into()),
        Err(e) => Err(JobError::Hopeless(e.to_string())),
    }
}
