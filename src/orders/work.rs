//! What runs by itself for orders: commands of headquarters are answered, orders that wait for stock get it when it
//! comes, parcels move the orders they belong to, late orders are marked, and where it is switched on a timer plays the
//! packer and the carrier.

use std::time::Duration;

use super::error::OrderError;
use super::event::Moved;
use super::model::{Order, OrderId, Status};
use super::repo::{self, BY_STATUS, ORDERS, status_key};
use super::{event, rules, service, stock};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::identity::grant::{Actor, Scope};
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::log::Applied;
use crate::journal::{Cx, Folded, change, readers};
use crate::parcels::model::Status as ParcelStatus;
use crate::parcels::service as parcels;
use crate::store::{Dir, KeyRange, Lane, ReadTx, Result, StoreError, WriteTx};

/// Marks orders that have been in their status too long.
pub struct DelayWatch;

impl Worker for DelayWatch {
    fn name(&self) -> &'static str {
        "orders.delayed"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        if service::fire_delayed(&ctx.store, ctx.tenant, now)? > 0 {
            return Ok(Step::Worked);
        }
        let next = ctx.store.read(ctx.tenant, |tx| due::next(tx, DueKind::OrderDelayed))?;
        Ok(Step::IdleUntil(next.map_or(Timestamp::MAX, |d| d.at)))
    }
}

/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;
/// Orders that wait for stock and are tried when some came.
const WAITING: usize = 500;

/// Reads what happened and lets orders follow.
pub struct Desk;

const READER: &str = "orders.desk";

impl Worker for Desk {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let deal = move |tx: &mut dyn WriteTx, entries: &[(u64, Applied)]| deal(tx, now, entries);
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, deal)?;
        Ok(if read == 0 { Step::IDLE } else { Step::Worked })
    }
}

fn deal(tx: &mut dyn WriteTx, now: Timestamp, entries: &[(u64, Applied)]) -> Result<()> {
    let (mut placed, mut moved, mut received) = (Vec::new(), Vec::new(), false);
    for (_, entry) in entries {
        let (header, _) = change::decode(&entry.blob)?;
        match header.k {
            event::FIRST_KIND => placed.push(header.id),
            stock::KIND => received = true,
            1..=99 => moved.push(header.id),
            _ => {}
        }
    }
    if placed.is_empty() && moved.is_empty() && !received {
        return Ok(());
    }
    let cx = Cx::new(tx, &Actor::system(), now, "orders")?;
    if received {
        let range = KeyRange::prefix(&[Status::Pending as u8]);
        let rows = ORDERS.scan(tx, BY_STATUS, &range, Dir::Up, WAITING)?;
        placed.extend(rows.items.iter().filter(|e| e.value.state.backordered).map(|e| e.value.state.id.0));
    }
    placed.sort_unstable();
    placed.dedup();
    for id in placed {
        passed_over(service::attend(tx, &cx, OrderId(id)))?;
    }
    moved.sort_unstable();
    moved.dedup();
    for parcel in moved {
        for order in repo::with_parcel(tx, parcel)? {
            follow(tx, &cx, order)?;
        }
    }
    Ok(())
}

/// What an order refuses is no reason to stop reading: it stays as it is.
fn passed_over<T>(done: std::result::Result<T, OrderError>) -> Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(OrderError::Store(e)) => Err(e),
        Err(why) => {
            tracing::debug!(why = %why, "an order stays as it is");
            Ok(None)
        }
    }
}

/// Where the parcels of an order are.
fn parcels_of(tx: &dyn ReadTx, order: &Order) -> Result<Vec<ParcelStatus>> {
    let mut out = Vec::new();
    for id in &order.parcels {
        match parcels::find(tx, &Scope::Tenant, &id.to_string()) {
            Ok((found, _)) => out.push(found.value.state.status),
            Err(crate::parcels::error::ParcelError::Store(e)) => return Err(e),
            Err(_) => {}
        }
    }
    Ok(out)
}

/// The step that an order's parcels ask for.
fn asked(order: &Order, parcels: &[ParcelStatus]) -> Option<Moved> {
    use ParcelStatus as P;
    let left = |p: &P| {
        matches!(p, P::InTransit | P::OutForDelivery | P::ReadyForPickup | P::Attempted | P::Delivered)
    };
    let ended = |p: &P| crate::parcels::rules::is_final(*p);
    let to = |to, partial| Some(Moved { to, reason: None, parcels: Vec::new(), partial });
    match order.status {
        Status::Packed if parcels.iter().any(left) => to(Status::Shipped, false),
        Status::Shipped if !parcels.is_empty() && parcels.iter().all(ended) => {
            let arrived = parcels.iter().filter(|p| **p == P::Delivered).count();
            if arrived > 0 {
                to(Status::Delivered, arrived < parcels.len())
            } else {
                to(Status::Returned, false)
            }
        }
        _ => None,
    }
}

fn follow(tx: &mut dyn WriteTx, cx: &Cx, id: Id) -> Result<()> {
    // Two steps at the most: what was packed may have arrived by the time somebody looks.
    for _ in 0..2 {
        let Some(row) = ORDERS.get(tx, &id)? else { return Ok(()) };
        let parcels = parcels_of(tx, &row.state)?;
        let Some(event) = asked(&row.state, &parcels) else { return Ok(()) };
        if passed_over(service::step(tx, cx, row, event, false))?.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// Plays the packer and the carrier: for demonstrations and rehearsals.
pub struct AutoAdvance {
    /// From one step to the next.
    pub every: Duration,
}

/// Orders moved in one transaction.
const AT_ONCE: usize = 100;

impl Worker for AutoAdvance {
    fn name(&self) -> &'static str {
        "orders.auto_advance"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let (every, from) = (self.every, now.before(self.every));
        let due = move |tx: &dyn ReadTx| -> Result<Vec<Folded<Order>>> {
            let mut rows = Vec::new();
            for status in [Status::Processing, Status::Packed, Status::Shipped] {
                let end = status_key(status, Timestamp::from_millis(from.millis() + 1));
                let range = KeyRange { from: vec![status as u8], to: Some(end), after: None };
                rows.extend(
                    ORDERS.scan(tx, BY_STATUS, &range, Dir::Up, AT_ONCE)?.items.into_iter().map(|e| e.value),
                );
            }
            Ok(rows.into_iter().filter(|r| r.state.held).collect())
        };
        let advance = move |tx: &mut dyn WriteTx| -> Result<usize> {
            let cx = Cx::new(tx, &Actor::system(), now, "auto_advance")?;
            let mut moved = 0;
            for row in due(tx)? {
                let to = rules::next(row.state.status)
                    .into_iter()
                    .find(|s| matches!(s, Status::Packed | Status::Shipped | Status::Delivered));
                let Some(to) = to else { continue };
                let event = Moved { to, reason: None, parcels: Vec::new(), partial: false };
                moved += usize::from(passed_over(service::step(tx, &cx, row, event, false))?.is_some());
            }
            Ok(moved)
        };
        if ctx.store.read(ctx.tenant, |tx| due(tx))?.is_empty() {
            return Ok(Step::IdleUntil(now.after(every)));
        }
        let moved = ctx
            .store
            .write(ctx.tenant, Lane::Bulk, advance)
            .wait()
            .map_err(|e: StoreError| JobError::Store(e))?;
        Ok(if moved > 0 { Step::Worked } else { Step::IdleUntil(now.after(every)) })
    }
}
