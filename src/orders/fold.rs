//! What events make of an order. Never fails: a step that does not fit keeps its event and is a contradiction for a
//! person.

use super::event::{Moved, OrderEvent, Placed, Told};
use super::model::{Issue, Line, MAX_ISSUES, MAX_LINES, Order, Status, Step};
use super::rules;
use crate::base::clock::Timestamp;
use crate::journal::Stamped;

pub(super) fn fold(order: Order, e: &Stamped<OrderEvent>) -> Order {
    match &e.event {
        OrderEvent::Placed(p) => placed(order, e, p),
        OrderEvent::Moved(m) => moved(order, e, m),
        OrderEvent::Told(t) => told(order, e, t),
        OrderEvent::Delayed { status, since, due: _ } => {
            let same = order.status == *status && order.since == *since;
            Order { delayed: order.delayed || same, ..order }
        }
        OrderEvent::Backordered {} => {
            Order { backordered: order.backordered || order.status == Status::Pending, ..order }
        }
    }
}

fn placed(mut order: Order, e: &Stamped<OrderEvent>, p: &Placed) -> Order {
    let Placed { number, reference, depot, customer, lines, promised_at, note, may_wait } = p;
    let at = e.key.at();
    if order.steps.is_empty() {
        order.steps.push(Step { to: Status::Pending, at, by: e.actor, reason: None });
        (order.since, order.created_at) = (at, at);
    }
    order.origin = order.origin.or(Some(e.writer()));
    Order {
        number: *number,
        reference: reference.clone(),
        depot: Some(*depot),
        customer: customer.clone(),
        lines: lines.clone(),
        moments: super::model::Moments { promised_at: *promised_at, ..order.moments },
        note: note.clone(),
        may_wait: *may_wait,
        ..order
    }
}

fn moved(order: Order, e: &Stamped<OrderEvent>, m: &Moved) -> Order {
    let Moved { to, reason, parcels, partial } = m;
    let at = e.key.at();
    if !rules::admits(order.status, *to) {
        let detail = format!("status: it was {} and went to {to}", order.status);
        return contradiction(order, e, detail);
    }
    let mut order = entered(order, *to, at, e.actor, reason.clone());
    // Of an order that others tell of nothing was reserved here.
    order.held |= *to == Status::Processing && order.source.is_none();
    order.partial |= *partial;
    if !parcels.is_empty() {
        order.parcels.clone_from(parcels);
    }
    match to {
        Status::Shipped => order.moments.shipped_at = Some(at),
        Status::Delivered => order.moments.delivered_at = Some(at),
        _ => {}
    }
    order
}

fn told(mut order: Order, e: &Stamped<OrderEvent>, t: &Told) -> Order {
    let Told { source, reference, number, depot, raw, to, at: _, customer, lines, moments } = t;
    order.origin = order.origin.or(Some(e.writer()));
    order.depot = order.depot.or(*depot);
    order.source = Some(source.clone());
    order.reference = Some(reference.clone());
    if order.number == 0 {
        order.number = *number;
    }
    order.customer.merge(customer);
    order.moments.merge(moments);
    for line in lines {
        take_line(&mut order.lines, line);
    }
    let at = e.key.at();
    let begun = moments.ordered_at.unwrap_or(at);
    if order.steps.is_empty() && (to.is_some() || moments.ordered_at.is_some()) {
        order.steps.push(Step { to: Status::Pending, at: begun, by: e.actor, reason: None });
        (order.since, order.created_at) = (begun, begun);
    }
    if let Some(raw) = raw {
        order.raw = Some(raw.clone());
    }
    let Some(to) = *to else { return order };
    // The moments a row names are steps too, as far as the word it uses says they were taken.
    let passed = [(Status::Processing, moments.approved_at), (Status::Shipped, moments.shipped_at)];
    for (step, when) in passed {
        if let Some(when) = when.filter(|_| step < to && to != Status::Cancelled)
            && rules::foreign(order.status, step)
        {
            order = entered(order, step, when, e.actor, None);
        }
    }
    if to == order.status || rules::is_final(order.status) && !rules::is_final(to) {
        return order;
    }
    if !rules::foreign(order.status, to) {
        let detail = format!("status: it was {} and {source} says {to}", order.status);
        return contradiction(order, e, detail);
    }
    let own = match to {
        Status::Processing => moments.approved_at,
        Status::Shipped => moments.shipped_at,
        Status::Delivered => moments.delivered_at,
        _ => None,
    };
    let when = own.unwrap_or(at);
    entered(order, to, when, e.actor, None)
}

fn take_line(lines: &mut Vec<Line>, line: &Line) {
    let known = lines.iter().position(|l| l.reference.is_some() && l.reference == line.reference);
    match known {
        Some(known) => lines[known].clone_from(line),
        None if lines.len() < MAX_LINES => {
            lines.push(line.clone());
            lines.sort_by(|a, b| a.reference.cmp(&b.reference));
        }
        None => {}
    }
}

fn entered(mut order: Order, to: Status, at: Timestamp, by: u32, reason: Option<String>) -> Order {
    order.steps.push(Step { to, at, by, reason });
    Order { status: to, since: at, delayed: false, backordered: false, ..order }
}

fn contradiction(mut order: Order, e: &Stamped<OrderEvent>, detail: String) -> Order {
    if order.issues.len() < MAX_ISSUES {
        order.issues.push(Issue { eid: e.key.eid, at: e.key.at(), detail });
    }
    order
}
