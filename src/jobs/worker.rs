//! Workers: what looks at the state and does what it asks for, one bounded step at a time. The loop around a step is
//! dull: it waits to be woken, and a step that fails or panics is tried again later, without harm to the others.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::alarm::Alarm;
use super::rules::next_attempt;
use super::wake::{Stop, Wake};
use crate::base::clock::{Clock, Timestamp};
use crate::store::{Store, StoreError, Tenant};

/// The first wait after a step that failed, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more to do at once.
    Worked,
    /// Nothing to do before that moment, unless something changes.
    IdleUntil(Timestamp),
}

impl Step {
    /// Nothing to do until something changes.
    pub const IDLE: Self = Self::IdleUntil(Timestamp::MAX);

    /// What two steps found together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::IdleUntil(a), Self::IdleUntil(b)) => Self::IdleUntil(a.min(b)),
            _ => Self::Worked,
        }
    }
}

/// Why a job or a step did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobError {
    /// Another attempt may help.
    #[error("{0}")]
    Failed(String),
    /// No attempt will ever help: the job is given up at once.
    #[error("{0}")]
    Hopeless(String),
    /// Something outside can't be reached; that doesn't count as an attempt.
    #[error("{0}")]
    Unreachable(String),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a step works: one tenant's data.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The store.
    pub store: Store,
    /// The tenant.
    pub tenant: Tenant,
}

/// Something that runs by itself, for each tenant in turn. It may block: it has a thread of its own.
pub trait Worker: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;
    /// Whether every process does it for itself, because it looks at what that process alone remembers. Everything else
    /// is done by one process at a time, where several share a store.
    fn is_everywhere(&self) -> bool {
        false
    }
    /// Does one bounded step. What was done must be safe to do again.
    ///
    /// # Errors
    /// Then it is tried again later.
    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError>;
}

/// The tenants that live here, asked anew at each turn.
pub type Tenants = Arc<dyn Fn(&Store) -> Result<Vec<Tenant>, StoreError> + Send + Sync>;

/// What everything that runs by itself has at hand. Cheap to clone.
#[derive(Clone)]
pub struct House {
    /// The store.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Wakes whoever waits.
    pub wake: Wake,
    /// Who lives here.
    pub tenants: Tenants,
    /// Tells people.
    pub alarm: Arc<dyn Alarm>,
    /// Says when to go.
    pub stop: Stop,
}

/// Lets `worker` work until the house stops.
pub async fn tend(house: House, worker: Arc<dyn Worker>) {
    let mut listener = house.wake.listen();
    let mut failures = 0_u32;
    while !house.stop.is_stopped() {
        let (at, who) = (house.clone(), Arc::clone(&worker));
        let found = tokio::task::spawn_blocking(move || turn(&at, &*who)).await.ok().flatten();
        failures = if found.is_some() { 0 } else { failures.saturating_add(1) };
        let rest = async {
            match found {
                Some(Step::Worked) => {}
                Some(Step::IdleUntil(until)) => listener.idle(&house.clock, until).await,
                None => tokio::time::sleep(next_attempt(BACKOFF.0, failures, 0.5, BACKOFF.1)).await,
            }
        };
        tokio::select! {
            () = house.stop.stopped() => {}
            () = rest => {}
        }
    }
}

/// One step for each tenant; none when any of them failed.
pub(super) fn turn(house: &House, worker: &dyn Worker) -> Option<Step> {
    let name = worker.name();
    let tenants = (house.tenants)(&house.store)
        .inspect_err(|e| tracing::warn!(worker = name, error = %e, "no tenants to work for"))
        .ok()?;
    let mut found = Some(Step::IDLE);
    for tenant in tenants {
        if house.stop.is_stopped() {
            break;
        }
        let now = house.clock.now();
        let said = catch_unwind(AssertUnwindSafe(|| {
            let store = if worker.is_everywhere() {
                Some(house.store.clone())
            } else {
                house.store.leased(&format!("{tenant}/{name}"))?
            };
            // Where another process does it, there is nothing to do but to look again.
            store.map_or(Ok(Step::IDLE), |store| worker.step(&Ctx { store, tenant }, now))
        }));
        let failed = match said {
            Ok(Ok(step)) => {
                found = found.map(|f| f.and(step));
                continue;
            }
            Ok(Err(e)) => e.to_string(),
            Err(panic) => format!("panicked: {}", words(&*panic)),
        };
        metrics::counter!("worker_failures_total", "worker" => name).increment(1);
        tracing::warn!(worker = name, tenant, error = %failed, "a step failed and will be tried again");
        found = None;
    }
    found
}

/// What a panic said.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".into())
}
