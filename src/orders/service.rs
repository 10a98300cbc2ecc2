//! The use cases of orders, each one transaction: load, decide, record.

use super::catalog;
use super::catalog_service::short;
use super::error::OrderError;
use super::event::{Moved, OrderEvent, Placed};
use super::inputs::{NewOrder, StatusChange};
use super::model::{Customer, Line, Order, OrderId, Status};
use super::repo::{self, ORDERS};
use super::rules;
use super::stock::{Booking, Move, Why};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::identity::features::{CancelOrders, CreateOrders, Feature, MoveOrders};
use crate::identity::grant::{Actor, Grant, Scope};
use crate::jobs::queue::id_at;
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::journal::event::SiteRef;
use crate::journal::{Cx, Folded, Written, record};
use crate::parcels::service as parcels;
use crate::store::table::Entry;
use crate::store::{Lane, ReadTx, Store, StoreError, Tenant, WriteTx, counters};

type Result<T> = std::result::Result<T, OrderError>;

/// The counter of orders taken here.
const LAST_NUMBER: &str = "orders/last_number";

/// Orders concern the whole house: whoever sees only some distributors' records has none.
///
/// # Errors
/// [`OrderError::Unknown`], as for an order that does not exist.
fn admitted(scope: &Scope, name: &str) -> Result<()> {
    if *scope == Scope::Tenant { Ok(()) } else { Err(OrderError::Unknown("order", name.to_owned())) }
}

/// The order `name` means: an id, a number or a reference.
///
/// # Errors
/// When there is none in `scope`.
pub fn find(tx: &dyn ReadTx, scope: &Scope, name: &str) -> Result<Entry<Folded<Order>>> {
    admitted(scope, name)?;
    repo::find(tx, name)?.ok_or_else(|| OrderError::Unknown("order", name.to_owned()))
}

/// Which depot fulfils a new order.
///
/// # Errors
/// When headquarters is not told which, or a depot is told another.
fn depot(origin: &Origin, asked: Option<u32>) -> Result<SiteRef> {
    let here = SiteRef::new(origin.site, origin.epoch);
    match (origin.site, asked) {
        (HEADQUARTERS, Some(HEADQUARTERS) | None) => {
            Err(Invalid::at("/depot", "name the number of the depot that is to fulfil it").into())
        }
        (HEADQUARTERS, Some(site)) => Ok(SiteRef { site, epoch: 0 }),
        (_, None) => Ok(here),
        (site, Some(asked)) if asked == site => Ok(here),
        (_, Some(_)) => {
            Err(Invalid::at("/depot", "a depot takes its own orders only; ask headquarters for others")
                .into())
        }
    }
}

/// What a new order became.
#[derive(Debug)]
pub enum Placing {
    /// It was taken.
    Taken(Box<Written<Order>>),
    /// The reference is known: this is the order that has it.
    Known(Box<Entry<Folded<Order>>>),
}

/// Takes an order: at a depot its stock is reserved at once, so that what is confirmed is there. At headquarters it is a
/// command to one depot, which answers by its own events.
///
/// # Errors
/// When something about it is wrong, or there is too little stock and it may not wait.
pub fn place(tx: &mut dyn WriteTx, grant: &Grant<CreateOrders>, cx: &Cx, new: &NewOrder) -> Result<Placing> {
    admitted(grant.scope(), "of yours")?;
    let mut booking = Booking::default();
    let placed = place_in(tx, cx, &mut booking, new)?;
    booking.write(tx, cx)?;
    Ok(placed)
}

/// The same with the movements of a call that takes many; they are the caller's to write. An order that is refused has
/// written nothing.
///
/// # Errors
/// As [`place`].
pub fn place_in(tx: &mut dyn WriteTx, cx: &Cx, booking: &mut Booking, new: &NewOrder) -> Result<Placing> {
    new.check()?;
    if let Some(reference) = new.reference.as_deref()
        && let Some(id) = repo::with_reference(tx, None, reference)?
        && let Some(known) = ORDERS.entry(tx, &id)?
    {
        return Ok(Placing::Known(Box::new(known)));
    }
    let origin = Origin::load(tx)?;
    let depot = depot(&origin, new.depot)?;
    let lines = lines(tx, new)?;
    let id = id_at(cx.now);
    let mut events = Vec::new();
    if origin.is(depot) {
        match booking.reserve(tx, &origin, id, &wanted(&lines))? {
            Ok(()) => events.push(moved(Status::Processing, None)),
            Err(_) if new.backorder => events.push(OrderEvent::Backordered {}),
            Err(why) => short(tx, Err(why))?,
        }
    }
    counters::add(tx, LAST_NUMBER, 1)?;
    let number = u64::try_from(counters::get(tx, LAST_NUMBER)?).unwrap_or_default();
    let NewOrder { customer_name, customer_email, customer_phone, delivery_address, .. } = new;
    let customer = Customer {
        name: Some(customer_name.clone()),
        email: customer_email.clone(),
        phone: customer_phone.clone(),
        address: Some(delivery_address.clone()),
        ..Customer::default()
    };
    let placed = Placed {
        number,
        reference: new.reference.clone(),
        depot,
        customer,
        lines,
        promised_at: new.promised_at,
        note: new.note.clone(),
        may_wait: new.backorder,
    };
    events.insert(0, OrderEvent::Placed(Box::new(placed)));
    Ok(Placing::Taken(Box::new(record(tx, cx, id, None, events)?)))
}

/// A number for an order that others tell of.
pub(super) fn next_number(tx: &mut dyn WriteTx) -> std::result::Result<u64, StoreError> {
    counters::add(tx, LAST_NUMBER, 1)?;
    Ok(u64::try_from(counters::get(tx, LAST_NUMBER)?).unwrap_or_default())
}

fn moved(to: Status, reason: Option<String>) -> OrderEvent {
    OrderEvent::Moved(Moved { to, reason, parcels: Vec::new(), partial: false })
}

fn lines(tx: &dyn ReadTx, new: &NewOrder) -> Result<Vec<Line>> {
    let (mut lines, mut wrong) = (Vec::with_capacity(new.items.len()), Vec::new());
    for (n, item) in new.items.iter().enumerate() {
        let name = item.product_id.text();
        let at = format!("/items/{n}/product_id");
        match catalog::product(tx, &name)? {
            None => wrong.push(Problem::new(at, format!("there is no product {name}"))),
            Some(p) if p.value.retired => {
                wrong.push(Problem::new(at, format!("product {name} is no longer sold")));
            }
            Some(p) => lines.push(Line {
                reference: Some((n + 1).to_string()),
                product: Some(p.id),
                name: p.value.name,
                quantity: item.quantity,
                price: p.value.price,
                total: None,
            }),
        }
    }
    if wrong.is_empty() { Ok(lines) } else { Err(Invalid(wrong).into()) }
}

/// The pieces an order needs of each product.
fn wanted(lines: &[Line]) -> Vec<(Id, u32)> {
    lines.iter().filter_map(|l| l.product.map(|p| (p, l.quantity))).collect()
}

/// Takes a step of an order. Stock follows in the same transaction.
///
/// # Errors
/// When the table does not allow it, the depot is another, or there is too little stock.
pub fn change_status(
    tx: &mut dyn WriteTx,
    grant: &Grant<MoveOrders>,
    cx: &Cx,
    name: &str,
    seen: Option<u64>,
    change: &StatusChange,
) -> Result<Written<Order>> {
    change.check()?;
    let to: Status = change.status.parse().map_err(|why: String| Invalid::at("/status", why))?;
    let found = find(tx, grant.scope(), name)?;
    if to == Status::Cancelled {
        grant.principal().grant::<CancelOrders>()?;
    }
    if let Some(seen) = seen.filter(|seen| *seen != found.rev) {
        return Err(OrderError::Stale { found: found.rev, seen });
    }
    if matches!(to, Status::Cancelled | Status::Returned)
        && change.reason.as_deref().is_none_or(|r| r.trim().is_empty())
    {
        return Err(Invalid::at("/reason", format!("is needed for {to}")).into());
    }
    let parcels = linked(tx, grant, &change.parcels)?;
    let event = Moved { to, reason: change.reason.clone(), parcels, partial: false };
    step(tx, cx, found.value, event, change.restock)
}

fn linked<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, names: &[String]) -> Result<Vec<Id>> {
    let (mut ids, mut wrong) = (Vec::new(), Vec::new());
    for (n, name) in names.iter().enumerate() {
        match parcels::find(tx, grant.scope(), name) {
            Ok((found, _)) => ids.push(found.value.state.id.0),
            Err(e) => wrong.push(Problem::new(format!("/parcels/{n}"), e.to_string())),
        }
    }
    if wrong.is_empty() { Ok(ids) } else { Err(Invalid(wrong).into()) }
}

/// Calls an order off.
///
/// # Errors
/// When it has left already or its way has ended.
pub fn cancel(
    tx: &mut dyn WriteTx,
    grant: &Grant<CancelOrders>,
    cx: &Cx,
    name: &str,
    reason: Option<String>,
) -> Result<Written<Order>> {
    let found = find(tx, grant.scope(), name)?;
    if let Some(reason) = &reason {
        crate::base::text::optional("/reason", reason, crate::base::text::SHORT)
            .map_err(|p| Invalid(vec![p]))?;
    }
    let event = Moved { to: Status::Cancelled, reason, parcels: Vec::new(), partial: false };
    step(tx, cx, found.value, event, false)
}

/// Takes a step and moves the stock that goes with it.
///
/// # Errors
/// When the table does not allow it, the depot is another, or there is too little stock.
pub fn step(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    row: Folded<Order>,
    event: Moved,
    restock: bool,
) -> Result<Written<Order>> {
    let order = &row.state;
    let (from, to) = (order.status, event.to);
    if !rules::admits(from, to) {
        return Err(OrderError::Illegal { from, requested: to, allowed: rules::next(from) });
    }
    let origin = Origin::load(tx)?;
    if order.depot.is_some_and(|depot| !origin.is(depot)) {
        return Err(OrderError::Elsewhere(order.number));
    }
    let mut booking = Booking::default();
    let id = order.id.0;
    let wanted = wanted(&order.lines);
    let each =
        |booking: &mut Booking, tx: &dyn ReadTx, why: Why, on_hand: i64, reserved: i64| -> Result<()> {
            for (product, n) in &wanted {
                let n = i64::from(*n);
                let (on_hand, reserved) = (on_hand * n, reserved * n);
                let m = Move { why, on_hand, reserved, order: Some(id), counted: None, note: None };
                short(tx, booking.add(tx, &origin, *product, m)?)?;
            }
            Ok(())
        };
    match to {
        Status::Processing if order.source.is_none() => {
            let booked = booking.reserve(tx, &origin, id, &wanted)?;
            short(tx, booked)?;
        }
        Status::Shipped if order.held => each(&mut booking, tx, Why::Ship, -1, -1)?,
        Status::Cancelled if order.held => each(&mut booking, tx, Why::Release, 0, -1)?,
        Status::Returned if order.held && restock => each(&mut booking, tx, Why::Return, 1, 0)?,
        _ => {}
    }
    booking.write(tx, cx)?;
    Ok(record(tx, cx, id, Some(row), vec![OrderEvent::Moved(event)])?)
}

/// Orders found late in one transaction.
const AT_ONCE: usize = 200;

/// Marks the orders that have been in their status too long. Each deadline fires once: the event names the status and
/// the moment it began, and has no effect on an order that has moved on.
///
/// # Errors
/// Storage failures.
pub fn fire_delayed(store: &Store, tenant: Tenant, now: Timestamp) -> std::result::Result<usize, StoreError> {
    let waiting = store.read(tenant, |tx| due::passed(tx, DueKind::OrderDelayed, now, None, 1))?;
    if waiting.0.is_empty() {
        return Ok(0);
    }
    let fire = move |tx: &mut dyn WriteTx| -> std::result::Result<usize, StoreError> {
        let (passed, _) = due::passed(tx, DueKind::OrderDelayed, now, None, AT_ONCE)?;
        let cx = Cx::new(tx, &Actor::system(), now, "deadline")?;
        let origin = Origin::load(tx)?;
        for d in &passed {
            let row = ORDERS.get(tx, &d.subject)?.filter(|r| r.due == Some(d.at));
            due::replace(tx, DueKind::OrderDelayed, d.subject, Some(d.at), None)?;
            let Some(mut row) = row else { continue };
            // Only the depot that fulfils it acts; what it finds comes to everybody else as a change.
            let ours = row.state.depot.is_none_or(|site| origin.is(site));
            row.due = rules::late_at(&cx.policy, &row.state).filter(|_| ours);
            match row.due {
                Some(due) if due <= now => {
                    let (status, since) = (row.state.status, row.state.since);
                    row.due = None;
                    let late = OrderEvent::Delayed { status, since, due };
                    record(tx, &cx, d.subject, Some(row), vec![late])?;
                }
                later => {
                    due::replace(tx, DueKind::OrderDelayed, d.subject, None, later)?;
                    ORDERS.put(tx, &d.subject, &row)?;
                }
            }
        }
        Ok(passed.len())
    };
    store.write(tenant, Lane::Bulk, fire).wait()
}

/// Tries to reserve stock for an order that waits: one that headquarters commanded, or one that waits for a receipt. A
/// command that may not wait and can't be fulfilled is called off with the reason.
///
/// # Errors
/// Storage failures.
pub fn attend(tx: &mut dyn WriteTx, cx: &Cx, id: OrderId) -> Result<bool> {
    let Some(row) = ORDERS.get(tx, &id.0)? else { return Ok(false) };
    let order = &row.state;
    let origin = Origin::load(tx)?;
    let ours = order.depot.is_some_and(|d| origin.is(d)) && order.source.is_none();
    if order.status != Status::Pending || !ours {
        return Ok(false);
    }
    let mut booking = Booking::default();
    let event = match booking.reserve(tx, &origin, id.0, &wanted(&order.lines))? {
        Ok(()) => moved(Status::Processing, None),
        Err(_) if order.may_wait && order.backordered => return Ok(false),
        Err(_) if order.may_wait => OrderEvent::Backordered {},
        Err(why) => {
            let reason = short(tx, Err(why)).err().map(|e| crate::base::text::clipped(e.to_string(), 256));
            moved(Status::Cancelled, reason)
        }
    };
    booking.write(tx, cx)?;
    record(tx, cx, id.0, Some(row), vec![event])?;
    Ok(true)
}
