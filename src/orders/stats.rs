//! Figures of orders, now or at a past moment: every order is looked at, in pages with a snapshot each.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Order, Status};
use super::queries::delayed_at;
use super::repo::ORDERS;
use super::rules;
use crate::base::clock::Timestamp;
use crate::deadlines::policy::Policy;
use crate::store::{Dir, Ix, KeyRange, Store, StoreError, Tenant};

/// Orders looked at in one snapshot.
const AT_ONCE: usize = 1_000;

/// Figures of orders.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct OrderStats {
    /// Orders.
    pub orders: u64,
    /// Their lines.
    pub lines: u64,
    /// Their pieces.
    pub quantity: u64,
    /// What they cost, in minor units by currency.
    pub value: BTreeMap<String, i64>,
    /// By status.
    pub by_status: BTreeMap<&'static str, u64>,
    /// By the source's own word.
    pub by_raw_status: BTreeMap<String, u64>,
    /// Orders still to be delivered.
    pub open: u64,
    /// Of these, past their promise.
    pub open_past_promise: u64,
    /// In processing or shipped for longer than the limit.
    pub delayed: u64,
    /// Delivered later than the moment that was promised.
    pub delivered_late_by_clock: u64,
    /// Delivered on a later day than the one that was promised.
    pub delivered_late_by_day: u64,
    /// Orders that took more days to ship than planned.
    pub shipped_late: u64,
    /// Their lines.
    pub lines_shipped_late: u64,
    /// Of these, the lines of orders that were not called off.
    pub lines_shipped_late_and_kept: u64,
}

/// Counts all orders as they were at `at`.
///
/// # Errors
/// Storage failures.
pub fn count(store: &Store, tenant: Tenant, at: Timestamp) -> Result<OrderStats, StoreError> {
    let (mut stats, mut after) = (OrderStats::default(), None);
    loop {
        let from = after.take();
        let rows = store.read(tenant, |tx| -> Result<_, StoreError> {
            let policy = Policy::current(tx)?;
            let rows = ORDERS.scan(tx, Ix::Primary, &KeyRange::all().resume(from), Dir::Up, AT_ONCE)?;
            Ok((policy, rows))
        })?;
        let (policy, rows) = rows;
        for row in &rows.items {
            add(&mut stats, &policy, &row.value.state, at);
        }
        match rows.next {
            None => return Ok(stats),
            next => after = next,
        }
    }
}

fn add(stats: &mut OrderStats, policy: &Policy, order: &Order, at: Timestamp) {
    let Some((status, _)) = order.at(at) else { return };
    stats.orders += 1;
    let lines = order.lines.len() as u64;
    stats.lines += lines;
    for line in &order.lines {
        stats.quantity += u64::from(line.quantity);
        if let Some(m) = line.amount() {
            *stats.value.entry(m.currency).or_default() += m.minor;
        }
    }
    *stats.by_status.entry(status.as_str()).or_default() += 1;
    if let Some(raw) = &order.raw {
        *stats.by_raw_status.entry(raw.clone()).or_default() += 1;
    }
    stats.delayed += u64::from(delayed_at(policy, order, at).is_some());
    let promise = order.moments.promised_at;
    if !rules::is_final(status) {
        stats.open += 1;
        stats.open_past_promise += u64::from(promise.is_some_and(|p| p < at));
    }
    let zone = policy.calendar.zone();
    if status == Status::Delivered
        && let (Some(p), Some(d)) = (promise, order.moments.delivered_at)
    {
        stats.delivered_late_by_clock += u64::from(d > p);
        stats.delivered_late_by_day += u64::from(d.day(zone) > p.day(zone));
    }
    if order.shipped_late(zone) {
        stats.shipped_late += 1;
        stats.lines_shipped_late += lines;
        stats.lines_shipped_late_and_kept += lines * u64::from(status != Status::Cancelled);
    }
}

impl Order {
    /// Days from the day it was ordered to the day it was shipped, in `zone`.
    #[must_use]
    pub fn shipping_days(&self, zone: &jiff::tz::TimeZone) -> Option<i64> {
        let (from, to) = (self.moments.ordered_at?, self.moments.shipped_at?);
        let days = to.day(zone).since(from.day(zone)).ok()?;
        Some(i64::from(days.get_days()))
    }

    /// Whether it took more days to ship than were planned.
    #[must_use]
    pub fn shipped_late(&self, zone: &jiff::tz::TimeZone) -> bool {
        let planned = self.moments.scheduled_days.map(i64::from);
        planned.zip(self.shipping_days(zone)).is_some_and(|(planned, real)| real > planned)
    }
}
