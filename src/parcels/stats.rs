//! The figures of a depot at a moment: every parcel's state then, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Flag, Parcel, Status};
use super::queries::By;
use super::repo::{self, PARCELS};
use super::rules;
use crate::base::clock::Timestamp;
use crate::deadlines::policy::Policy;
use crate::identity::grant::Scope;
use crate::journal::state_at;
use crate::store::{Dir, Ix, KeyRange, Result, Store, Tenant};

/// Days for which the open parcels that have been where they are for longer are counted.
pub const AGES: [u32; 9] = [1, 3, 7, 14, 30, 60, 90, 180, 365];

type Counts = BTreeMap<String, u64>;
type Ages = BTreeMap<String, BTreeMap<u32, u64>>;

/// Counts at one moment.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Stats {
    /// The moment.
    pub at: Timestamp,
    /// Parcels that were known then.
    pub parcels: u64,
    /// By status.
    pub by_status: Counts,
    /// By the source's own word behind the status.
    pub by_raw_status: Counts,
    /// By distributor; those without one under the empty name.
    pub by_distributor: Counts,
    /// Not delivered, returned, disposed of or cancelled.
    pub open: u64,
    /// Open, and the promised moment had passed.
    pub open_past_promise: u64,
    /// Open, and the promised day had passed.
    pub open_past_promise_by_day: u64,
    /// Delivered after the promised moment.
    pub delivered_late_by_clock: u64,
    /// Delivered after the promised day.
    pub delivered_late_by_day: u64,
    /// Delivered, but nobody told when.
    pub delivered_without_time: u64,
    /// Open and in their status for longer than the house rules allow, by status.
    pub stale: Counts,
    /// Open parcels in their status for more than so many days, by status.
    pub older_than_days: Ages,
    /// The same by the source's own word, counted from the moment of that word.
    pub older_than_days_by_raw_status: Ages,
    /// Parcels that need a person.
    pub exceptional: u64,
    /// What they need one for, by reason.
    pub issues: Counts,
    /// Weight in grams.
    pub weight_g: u64,
    /// Value in minor units, by currency.
    pub value: BTreeMap<String, i64>,
    /// Freight in minor units, by currency.
    pub freight: BTreeMap<String, i64>,
}

/// Parcels looked at in one snapshot.
const AT_ONCE: usize = 1_000;

/// Counts every parcel in `scope` as it was at `at`, or as it is `now`. Takes time in proportion to the parcels; the
/// store is not held: each page has a snapshot of its own.
///
/// # Errors
/// Storage failures.
pub fn count(
    store: &Store,
    tenant: Tenant,
    scope: &Scope,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Stats> {
    let mut stats = Stats { at: at.unwrap_or(now), ..Stats::default() };
    let mut after = None;
    loop {
        let next = store.read(tenant, |tx| {
            let policy = Policy::current(tx)?;
            let rows =
                PARCELS.scan(tx, Ix::Primary, &KeyRange::all().resume(after.take()), Dir::Up, AT_ONCE)?;
            for e in rows.items {
                let then = match at {
                    Some(at) => state_at(tx, e.value.state.id.0, &e.value, at)?,
                    None => Some(e.value.state),
                };
                if let Some(p) = then.filter(|p| repo::visible(scope, p)) {
                    stats.add(&p, &policy);
                }
            }
            Ok(rows.next)
        })?;
        match next {
            None => return Ok(stats),
            next => after = next,
        }
    }
}

fn tick(counts: &mut Counts, name: &str) {
    match counts.get_mut(name) {
        Some(n) => *n += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

impl Stats {
    fn add(&mut self, p: &Parcel, policy: &Policy) {
        self.parcels += 1;
        tick(&mut self.by_status, p.status.as_str());
        tick(&mut self.by_distributor, p.facts.distributor.as_deref().unwrap_or_default());
        if let Some(raw) = &p.raw {
            tick(&mut self.by_raw_status, raw);
        }
        if rules::is_open(p.status) {
            self.add_open(p, policy);
        }
        if p.status == Status::Delivered {
            self.delivered_without_time += u64::from(p.delivered_at.is_none());
            if let (Some(promised), Some(delivered)) = (p.facts.promised_at, p.delivered_at) {
                self.delivered_late_by_clock +=
                    u64::from(By::Clock.is_late(promised, delivered, &policy.calendar));
                self.delivered_late_by_day +=
                    u64::from(By::Day.is_late(promised, delivered, &policy.calendar));
            }
        }
        if !p.issues.is_empty() || p.flags.has(Flag::Exceptional) {
            self.exceptional += 1;
            p.issues.iter().for_each(|i| tick(&mut self.issues, &i.reason));
        }
        self.weight_g += p.facts.weight.map_or(0, |g| g.0);
        for (sums, money) in [(&mut self.value, &p.facts.value), (&mut self.freight, &p.facts.freight)] {
            if let Some(m) = money {
                *sums.entry(m.currency.clone()).or_default() += m.minor;
            }
        }
    }

    fn add_open(&mut self, p: &Parcel, policy: &Policy) {
        let at = self.at;
        self.open += 1;
        if let Some(promised) = p.facts.promised_at {
            self.open_past_promise += u64::from(By::Clock.is_late(promised, at, &policy.calendar));
            self.open_past_promise_by_day += u64::from(By::Day.is_late(promised, at, &policy.calendar));
        }
        let limit = policy.stale_at(
            p.status.as_str(),
            p.facts.carrier.as_deref(),
            p.facts.service.as_deref(),
            p.since,
        );
        if limit.is_some_and(|limit| limit <= at) {
            tick(&mut self.stale, p.status.as_str());
        }
        let age = |ages: &mut Ages, name: &str, since: Timestamp| {
            let days = AGES.iter().filter(|d| at.since(since) > Duration::from_secs(u64::from(**d) * 86_400));
            let by_days = ages.entry(name.to_owned()).or_default();
            days.for_each(|d| *by_days.entry(*d).or_default() += 1);
        };
        age(&mut self.older_than_days, p.status.as_str(), p.since);
        if let (Some(raw), Some(raw_at)) = (&p.raw, p.raw_at) {
            age(&mut self.older_than_days_by_raw_status, raw, raw_at);
        }
    }
}
