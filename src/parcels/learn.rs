//! Learning how long parcels stay: every night the newest parcels' histories are read, and the stays that have ended
//! become limits (`deadlines::learned`) which stale deadlines and lists then use.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::event::ParcelEvent;
use super::fold::fold;
use super::model::{Parcel, ParcelId, Status};
use super::repo::PARCELS;
use crate::base::clock::Timestamp;
use crate::deadlines::calendar::Calendar;
use crate::deadlines::learned::{Learned, LearnedLimit, Stays};
use crate::deadlines::policy::{Policy, REPLAN};
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::jobs::schedule::Schedule;
use crate::jobs::schedules;
use crate::journal::{Stamped, history};
use crate::store::{Dir, Ix, KeyRange, Lane, Store, StoreError, Tenant, WriteTx};

/// The kind of job that learns.
pub const LEARN: &str = "parcels.learn";
/// When it learns, on the depot's wall clock: after midnight's work and before the first shift.
const NIGHTLY: Schedule = Schedule::DailyAt { hour: 2, minute: 40 };
/// Parcels looked at, the newest.
pub const MAX_PARCELS: usize = 100_000;
/// Stays that ended longer ago say nothing of today's carriers.
pub const LOOK_BACK: Duration = Duration::from_secs(180 * 24 * 3_600);
/// Parcels read in one snapshot.
const AT_ONCE: usize = 500;

/// A stay in a status that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Where.
    pub status: Status,
    /// From when.
    pub from: Timestamp,
    /// Until there was news.
    pub to: Timestamp,
}

/// The stays that `events`, in fold order and without corrections among them, tell of. The last one still goes on, and is
/// none of them.
#[must_use]
pub fn stays(id: ParcelId, events: &[Stamped<ParcelEvent>]) -> Vec<Stay> {
    let (mut parcel, mut found) = (Parcel::new(id), Vec::new());
    for event in events {
        let (status, from) = (parcel.status, parcel.since);
        let known = parcel.events > 0;
        parcel = fold(parcel, event);
        if known && (parcel.status, parcel.since) != (status, from) {
            found.push(Stay { status, from, to: parcel.since });
        }
    }
    found
}

/// Adds a stay to what limits are learned from.
pub fn add(into: &mut Stays, stay: &Stay, carrier: Option<&str>, service: Option<&str>, calendar: &Calendar) {
    let worked = calendar.working_between(stay.from, stay.to).as_secs() / 60;
    into.add(stay.status.as_str(), carrier, service, u32::try_from(worked).unwrap_or(u32::MAX));
}

/// Learns from the tenant's newest parcels and keeps the limits; returns how many there are.
///
/// # Errors
/// Storage failures.
pub fn learn(store: &Store, tenant: Tenant, now: Timestamp) -> Result<usize, StoreError> {
    let policy = store.read(tenant, |tx| Policy::current(tx))?;
    let (mut gathered, mut range, mut looked) = (Stays::default(), KeyRange::all(), 0);
    let since = now.before(LOOK_BACK);
    while looked < MAX_PARCELS {
        let at = range.clone();
        let (n, next) = store.read(tenant, |tx| -> Result<_, StoreError> {
            let rows = PARCELS.scan(tx, Ix::Primary, &at, Dir::Down, AT_ONCE)?;
            for row in rows.items.iter().map(|e| &e.value).filter(|r| r.state.corrections == 0) {
                let events: Vec<_> = history::<Parcel>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
                let facts = &row.state.facts;
                for stay in stays(row.state.id, &events).iter().filter(|s| s.to >= since) {
                    let (carrier, service) = (facts.carrier.as_deref(), facts.service.as_deref());
                    add(&mut gathered, stay, carrier, service, &policy.calendar);
                }
            }
            Ok((rows.items.len(), rows.next))
        })?;
        looked += n;
        if next.is_none() {
            break;
        }
        range.after = next;
    }
    let limits = gathered.limits(policy.learning.share_percent, now);
    let count = limits.len();
    let changed = hours(&limits) != hours(&policy.learned.limits);
    let learned = Learned { limits, at: Some(now) };
    let keep = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        Policy::keep_learned(tx, &learned)?;
        if changed {
            enqueue(tx, now, NewJob::new(REPLAN, &())?)?;
        }
        Ok(())
    };
    store.write(tenant, Lane::Bulk, keep).wait()?;
    Ok(count)
}

/// What of learned limits deadlines depend on.
fn hours(limits: &[LearnedLimit]) -> Vec<(&str, Option<&str>, Option<&str>, u32)> {
    limits.iter().map(|l| (l.status.as_str(), l.carrier.as_deref(), l.service.as_deref(), l.hours)).collect()
}

/// Carries out [`LEARN`].
pub struct Learn;

impl Handler for Learn {
    fn kind(&self) -> &'static str {
        LEARN
    }

    fn limits(&self) -> Limits {
        Limits { attempts: 5, first_delay: Duration::from_secs(60), timeout: Duration::from_secs(2 * 3_600) }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        Box::pin(async move {
            let learned = tokio::task::spawn_blocking(move || learn(&job.store, job.tenant, job.now)).await;
            let limits = learned.map_err(|e| JobError::Failed(e.to_string()))??;
            tracing::info!(limits, "stale limits were learned");
            Ok(())
        })
    }
}

/// Sees to it that every tenant learns at night.
#[derive(Debug, Default)]
pub struct Nightly {
    /// Tenants it has been seen to since the start.
    seen_to: Mutex<HashSet<Tenant>>,
}

impl Worker for Nightly {
    fn name(&self) -> &'static str {
        "parcels.learn"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let mut seen_to = self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
        if seen_to.contains(&ctx.tenant) {
            return Ok(Step::IDLE);
        }
        let known = ctx.store.read(ctx.tenant, |tx| schedules::SCHEDULES.get(tx, LEARN))?;
        if !known.is_some_and(|s| s.schedule == NIGHTLY && s.kind == LEARN) {
            let set = move |tx: &mut dyn WriteTx| schedules::set(tx, now, LEARN, NIGHTLY, LEARN, &());
            ctx.store
                .write(ctx.tenant, Lane::Bulk, set)
                .wait()
                .map_err(|e| JobError::Failed(e.to_string()))?;
        }
        seen_to.insert(ctx.tenant);
        Ok(Step::IDLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::FoldKey;
    use crate::parcels::event::{Moved, Noted, Registered};

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + hours * 3_600_000)
    }

    fn told(n: u8, hours: i64, event: ParcelEvent) -> Stamped<ParcelEvent> {
        let t = at(hours).unsigned() << 16;
        Stamped { key: FoldKey { eff: t, t, eid: [n; 16] }, site: 1, epoch: 1, actor: 0, event }
    }

    #[test]
    fn a_stay_ends_with_news_and_the_last_one_goes_on() {
        let to = |to| ParcelEvent::Moved(Moved { to, ..Moved::default() });
        let events = [
            told(
                1,
                0,
                ParcelEvent::Registered(Box::new(Registered { number: "A".into(), ..Registered::default() })),
            ),
            told(2, 5, to(Status::InTransit)),
            told(3, 6, ParcelEvent::Noted(Noted { text: "called".into() })),
            told(4, 9, to(Status::InTransit)),
            told(5, 20, to(Status::AtDepot)),
        ];
        let found = stays(ParcelId::fresh(), &events);
        let stay = |status, from, to| Stay { status, from: at(from), to: at(to) };
        let expected =
            [stay(Status::Announced, 0, 5), stay(Status::InTransit, 5, 9), stay(Status::InTransit, 9, 20)];
        assert_eq!(found, expected);
    }
}
