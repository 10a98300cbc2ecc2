//! What runs by itself: at headquarters what depots brought is folded and passed on, at a depot the exchange takes its
//! turns. A turn waits for the network in a thread of its own and gives up when the process stops.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::depot::{Budget, relog};
use super::hq::{Hq, apply, ingest, quarantine, route};
use super::node::Node;
use super::status::{self, Outlook};
use super::{depot, sites, turn};
use crate::base::clock::Timestamp;
use crate::cases::reasons::Reason;
use crate::cases::service as cases;
use crate::identity::grant::Actor;
use crate::jobs::runner::{Ctx, JobError, Step, Stop, Worker};
use crate::journal::Cx;
use crate::store::{Lane, NODE, StoreError, Tenant, WriteTx};

/// Batches taken in for one depot before the others have their turn.
const BATCHES: usize = 20;
/// Between two rounds of tidying.
const TIDY: Duration = Duration::from_secs(600);
/// Log entries let go of in one transaction.
const AT_ONCE: usize = 1_000;
/// A clock that is further off than this calls somebody, in milliseconds.
const CLOCK_MS: u64 = super::hq::DRIFT_MS;

/// Headquarters' stages behind the door.
pub struct Stages {
    node: Arc<Node>,
    /// How long batches are kept after they were taken in.
    kept: Duration,
    tidied: Rounds,
}

/// When each tenant was tidied last.
#[derive(Default)]
struct Rounds(Mutex<BTreeMap<Tenant, Timestamp>>);

impl Rounds {
    /// Whether the tenant's turn has come; then it is noted as done.
    fn due(&self, tenant: Tenant, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.get(&tenant).is_none_or(|at| *at > now || now.since(*at) >= TIDY);
        if due {
            last.insert(tenant, now);
        }
        due
    }
}

impl Stages {
    /// Of this node.
    #[must_use]
    pub fn new(node: Arc<Node>, days: u32) -> Self {
        let kept = Duration::from_secs(u64::from(days) * 24 * 3600);
        Self { node, kept, tidied: Rounds::default() }
    }

    fn tidy(&self, hq: &Hq, ctx: &Ctx, all: &[sites::Site], now: Timestamp) -> Result<(), StoreError> {
        if !self.tidied.due(ctx.tenant, now) {
            return Ok(());
        }
        let horizon = now.before(self.kept);
        for number in all.iter().map(|s| s.number) {
            let trim = move |tx: &mut dyn WriteTx| ingest::retain(tx, number, horizon, AT_ONCE);
            while hq.store.write::<_, StoreError, _>(ctx.tenant, Lane::Bulk, trim).wait()? == AT_ONCE as u64 {
            }
        }
        for number in all.iter().filter(|s| route::is_due(s, now)).map(|s| s.number) {
            let trim = move |tx: &mut dyn WriteTx| route::retain(tx, number, now, AT_ONCE);
            while hq.store.write::<_, StoreError, _>(ctx.tenant, Lane::Bulk, trim).wait()? >= AT_ONCE as u64 {
            }
        }
        let tidy = move |tx: &mut dyn WriteTx| sites::tidy(tx, now, AT_ONCE);
        while self.node.store.write::<_, StoreError, _>(NODE, Lane::Bulk, tidy).wait()? == AT_ONCE {}
        Ok(())
    }
}

impl Worker for Stages {
    fn name(&self) -> &'static str {
        "sync.stages"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        // What is written goes through the store that holds this worker's lease: of several processes over one database one
        // does it, and none that lost the lease can go on.
        let Some(hq) = self.node.hq.as_ref().map(|hq| Hq { store: ctx.store.clone(), ..hq.clone() }) else {
            return Ok(Step::IDLE);
        };
        let all = ctx.store.read(ctx.tenant, sites::all)?;
        let mut worked = false;
        for site in &all {
            for _ in 0..BATCHES {
                if !apply::step(&hq, ctx.tenant, site.number, now)? {
                    break;
                }
                worked = true;
            }
        }
        while route::step(&hq, ctx.tenant, now)? {
            worked = true;
        }
        if worked {
            self.node.tell();
            return Ok(Step::Worked);
        }
        self.tidy(&hq, ctx, &all, now)?;
        figures(ctx, &all, now)?;
        Ok(Step::IdleUntil(now.after(TIDY)))
    }
}

/// Depots whose lag is shown one by one.
const WORST: usize = 20;

fn figures(ctx: &Ctx, all: &[sites::Site], now: Timestamp) -> Result<(), StoreError> {
    let (mut lags, quarantined, routing) = ctx.store.read(ctx.tenant, |tx| {
        let lags = all.iter().map(|s| Ok((apply::lag(tx, s.number)?, s.number)));
        let lags: Result<Vec<_>, StoreError> = lags.collect();
        Ok::<_, StoreError>((lags?, quarantine::count(tx)?, route::lag(tx)?))
    })?;
    metrics::gauge!("sync_inbox_batches").set(lags.iter().map(|l| l.0).sum::<u64>() as f64);
    metrics::gauge!("sync_routing_entries").set(routing as f64);
    metrics::gauge!("sync_quarantined").set(quarantined as f64);
    lags.sort_unstable_by(|a, b| b.cmp(a));
    for (lag, site) in lags.into_iter().take(WORST) {
        metrics::gauge!("sync_site_batches", "site" => site.to_string()).set(lag as f64);
    }
    let silent = all.iter().filter(|s| s.key.is_some() && now.since(s.seen_at) > status::SILENT).count();
    metrics::gauge!("sync_silent_sites").set(silent as f64);
    Ok(())
}

/// A depot's turns.
pub struct Turns {
    node: Arc<Node>,
    stop: Stop,
    /// Silence that calls somebody; none calls nobody.
    alarm: Option<Duration>,
    /// How long the log is kept behind what headquarters has.
    kept: Duration,
    trimmed: Rounds,
}

impl Turns {
    /// Of this node; `alarm` is the silence that calls somebody, `days` how long the log is kept behind what headquarters
    /// has.
    #[must_use]
    pub fn new(node: Arc<Node>, stop: Stop, alarm: Option<Duration>, days: u32) -> Self {
        let kept = Duration::from_secs(u64::from(days) * 24 * 3600);
        Self { node, stop, alarm, kept, trimmed: Rounds::default() }
    }
}

impl Worker for Turns {
    fn name(&self) -> &'static str {
        "sync.turns"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let failed = |e: &dyn std::fmt::Display| JobError::Failed(e.to_string());
        let node = &*self.node;
        let Some(party) = node.party(ctx.tenant).map_err(|e| failed(&e))? else { return Ok(Step::IDLE) };
        let mut party = party.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = party.depot().unsent()? + party.depot().unsent_files()?;
        let due = party.pace.due(now, unsent > 0, &node.terms);
        if due > now {
            node.see(ctx.tenant, |seen| seen.next_at = Some(due));
            let outlook = status::outlook(node, ctx.tenant)?;
            drop(party);
            figure(&outlook, now);
            self.call(ctx, &outlook, now)?;
            return Ok(Step::IdleUntil(due));
        }
        let budget = Budget { bytes: party.pace.left(now, &node.terms), ..Budget::default() };
        let done = turn::turn(node, ctx.tenant, &mut party, &self.stop, &budget);
        drop(party);
        let more = match done {
            Ok(turn) => turn.more && turn.pushed + turn.pulled + turn.filed > 0,
            // It is known, shown and tried again; a line that is down is no failure of the worker's.
            Err(e) => {
                tracing::debug!(error = %e, "the exchange with headquarters stopped early");
                if let depot::SyncError::Store(e) = e {
                    return Err(e.into());
                }
                false
            }
        };
        if more {
            return Ok(Step::Worked);
        }
        if self.trimmed.due(ctx.tenant, now) {
            let horizon = now.before(self.kept);
            let trim = move |tx: &mut dyn WriteTx| relog::trim(tx, horizon, AT_ONCE);
            while ctx.store.write::<_, StoreError, _>(ctx.tenant, Lane::Bulk, trim).wait()? >= AT_ONCE as u64
            {
            }
        }
        Ok(Step::Worked)
    }
}

fn figure(outlook: &Outlook, now: Timestamp) {
    let unsent = outlook.unsent;
    metrics::gauge!("sync_outbox_changes").set((unsent.b + unsent.a + unsent.g) as f64);
    let age = outlook.oldest_unsent.map_or(0, |at| now.since(at).as_secs());
    metrics::gauge!("sync_oldest_unsent_seconds").set(age as f64);
    metrics::gauge!("sync_last_success_seconds").set(outlook.standing.last_at.unsigned() as f64 / 1000.0);
    metrics::gauge!("sync_clock_offset_seconds").set(outlook.standing.offset_ms as f64 / 1000.0);
    metrics::gauge!("sync_refused_changes").set(outlook.refused as f64);
    metrics::gauge!("sync_opaque_changes").set(outlook.opaque as f64);
    metrics::gauge!("sync_rejoins").set(outlook.standing.rejoins as f64);
    metrics::gauge!("sync_offline").set(f64::from(u8::from(outlook.standing.offline_since.is_some())));
}

impl Turns {
    /// Opens and closes the cases of the exchange; writes only when something is to be said.
    fn call(&self, ctx: &Ctx, outlook: &Outlook, now: Timestamp) -> Result<(), StoreError> {
        let standing = &outlook.standing;
        let offline =
            standing.offline_since.filter(|since| self.alarm.is_some_and(|most| now.since(*since) >= most));
        let off = standing.offset_ms.unsigned_abs() > CLOCK_MS;
        let matters = [
            (
                Reason::SyncOffline,
                offline.map(|since| format!("headquarters has not answered since {since}")),
            ),
            (
                Reason::ClockWrong,
                off.then(|| format!("this machine's clock is off by {} s", standing.offset_ms / 1000)),
            ),
            (Reason::SyncHeld, standing.trouble.clone()),
        ];
        for (reason, said) in matters {
            let is_open = ctx.store.read(ctx.tenant, |tx| cases::is_operational_open(tx, reason, "sync"))?;
            if is_open == said.is_some() {
                continue;
            }
            ctx.store
                .write::<_, StoreError, _>(ctx.tenant, Lane::Bulk, move |tx: &mut dyn WriteTx| {
                    let cx = Cx::new(tx, &Actor::system(), now, "sync")?;
                    match &said {
                        Some(said) => cases::open_operational(tx, &cx, reason, "sync", said).map(drop),
                        None => cases::resolve_operational(tx, &cx, reason, "sync").map(drop),
                    }
                })
                .wait()?;
        }
        Ok(())
    }
}
