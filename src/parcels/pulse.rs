//! How the parcels of a depot stand, at a glance: what screens show of all of them. Every parcel is looked at, so a
//! count is kept for as long as nothing changes, and not made again at once where it takes long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::model::{Flag, Parcel, Status};
use super::repo::{self, PARCELS};
use super::rules;
use crate::base::clock::{Clock, Timestamp};
use crate::deadlines::policy::Policy;
use crate::identity::grant::Scope;
use crate::journal::log::APPLIED;
use crate::store::{DEPOT, Dir, Ix, KeyRange, Result, Store, StoreError, Tenant};

/// Days of the past that are told.
pub const DAYS: usize = 14;
/// Parcels looked at in one snapshot.
const AT_ONCE: usize = 1_000;
/// A count is made anew after so many times of what it took.
const REST: u32 = 20;
/// Counts that are kept: one for each scope there is a reader of.
const MAX_KEPT: usize = 500;

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// The moment it was counted at.
    pub at: Timestamp,
    /// All parcels.
    pub parcels: u64,
    /// Those whose way has not ended.
    pub open: u64,
    /// Open ones whose promised moment has passed.
    pub late: u64,
    /// Open ones without news for longer than their status allows.
    pub stale: u64,
    /// Those with something wrong.
    pub exceptional: u64,
    /// By status, in the order of [`Status::ALL`].
    pub by_status: [u64; 16],
    /// Parcels by the hour of today at which they took their last step.
    pub steps_today: [u64; 24],
    /// Delivered on each of the last days, today last.
    pub delivered: [u64; DAYS],
    /// Of those, after the promised moment.
    pub delivered_late: [u64; DAYS],
}

impl Pulse {
    /// How many are in `status`.
    #[must_use]
    pub fn of(&self, status: Status) -> u64 {
        self.by_status[status as usize]
    }

    fn add(&mut self, p: &Parcel, policy: &Policy) {
        let zone = policy.calendar.zone();
        let today = self.at.day(zone);
        self.parcels += 1;
        self.by_status[p.status as usize] += 1;
        if rules::is_open(p.status) {
            self.open += 1;
            self.late += u64::from(p.facts.promised_at.is_some_and(|at| at < self.at));
            self.stale += u64::from(p.flags.has(Flag::Stale));
        }
        self.exceptional += u64::from(!p.issues.is_empty() || p.flags.has(Flag::Exceptional));
        if p.since.day(zone) == today {
            let hour = usize::try_from(p.since.civil(zone).hour()).unwrap_or(0);
            self.steps_today[hour] += 1;
        }
        if let Some(at) = p.delivered_at.filter(|_| p.status == Status::Delivered) {
            let ago = (today - at.day(zone)).get_days();
            let place = usize::try_from(ago).ok().and_then(|ago| (DAYS - 1).checked_sub(ago));
            if let Some(place) = place {
                self.delivered[place] += 1;
                self.delivered_late[place] +=
                    u64::from(p.facts.promised_at.is_some_and(|promised| at > promised));
            }
        }
    }
}

/// Counts every parcel in `scope`.
///
/// # Errors
/// Storage failures.
pub fn count(store: &Store, tenant: Tenant, scope: &Scope, now: Timestamp) -> Result<Pulse> {
    let mut pulse = Pulse { at: now, ..Pulse::default() };
    let mut after = None;
    loop {
        let next = store.read::<_, StoreError>(tenant, |tx| {
            let policy = Policy::current(tx)?;
            let rows =
                PARCELS.scan(tx, Ix::Primary, &KeyRange::all().resume(after.take()), Dir::Up, AT_ONCE)?;
            let seen = rows.items.iter().map(|e| &e.value.state).filter(|p| repo::visible(scope, p));
            seen.for_each(|p| pulse.add(p, &policy));
            Ok(rows.next)
        })?;
        match next {
            None => return Ok(pulse),
            next => after = next,
        }
    }
}

struct Kept {
    pulse: Arc<Pulse>,
    head: u64,
    took: Duration,
    is_counting: bool,
}

type All = HashMap<(Tenant, Vec<String>, bool), Kept>;

/// The counts at hand. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pulses(Arc<Mutex<All>>);

fn key(tenant: Tenant, scope: &Scope) -> (Tenant, Vec<String>, bool) {
    match scope {
        Scope::Tenant => (tenant, Vec::new(), true),
        Scope::Distributors(d) => (tenant, d.clone(), false),
        Scope::Own => (tenant, Vec::new(), false),
    }
}

impl Pulses {
    fn all(&self) -> std::sync::MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last count for `scope`, however old.
    #[must_use]
    pub fn last(&self, tenant: Tenant, scope: &Scope) -> Option<Arc<Pulse>> {
        self.all().get(&key(tenant, scope)).map(|k| Arc::clone(&k.pulse))
    }

    /// A count for `scope` that is as fresh as it can be without counting all the time. Blocks.
    ///
    /// # Errors
    /// Storage failures.
    pub fn fresh(&self, store: &Store, tenant: Tenant, scope: &Scope, clock: &Clock) -> Result<Arc<Pulse>> {
        let key = key(tenant, scope);
        let head = store.read::<_, StoreError>(tenant, |tx| Ok(tx.head(DEPOT, APPLIED)?.last))?;
        let now = clock.now();
        if let Some(kept) = self.all().get_mut(&key) {
            // What is late changes with the time alone; a minute of that is no news.
            let old = now.since(kept.pulse.at);
            let same = kept.head == head && old < Duration::from_secs(60);
            if same || kept.is_counting || old < kept.took * REST {
                return Ok(Arc::clone(&kept.pulse));
            }
            kept.is_counting = true;
        }
        let counted = count(store, tenant, scope, now);
        let mut all = self.all();
        let pulse = match counted {
            Ok(pulse) => Arc::new(pulse),
            Err(e) => {
                all.remove(&key);
                return Err(e);
            }
        };
        if all.len() >= MAX_KEPT {
            all.clear();
        }
        let took = clock.now().since(now);
        all.insert(key, Kept { pulse: Arc::clone(&pulse), head, took, is_counting: false });
        Ok(pulse)
    }
}
