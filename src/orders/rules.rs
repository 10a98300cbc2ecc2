//! Which step of an order may follow which. The table is published as it stands here.

use std::time::Duration;

use super::model::{Order, Status};
use crate::base::clock::Timestamp;
use crate::deadlines::policy::Policy;

/// The table: from, the step's name, to.
pub const TABLE: [(Status, &str, Status); 8] = [
    (Status::Pending, "process", Status::Processing),
    (Status::Processing, "pack", Status::Packed),
    (Status::Packed, "ship", Status::Shipped),
    (Status::Shipped, "deliver", Status::Delivered),
    (Status::Pending, "cancel", Status::Cancelled),
    (Status::Processing, "cancel", Status::Cancelled),
    (Status::Packed, "cancel", Status::Cancelled),
    (Status::Shipped, "return", Status::Returned),
];

/// Whether the table lets us go from `from` to `to`.
#[must_use]
pub fn admits(from: Status, to: Status) -> bool {
    TABLE.iter().any(|(f, _, t)| *f == from && *t == to)
}

/// The steps out of `from`: their names and where they lead.
pub fn steps(from: Status) -> impl Iterator<Item = (&'static str, Status)> {
    TABLE.iter().filter(move |(f, _, _)| *f == from).map(|(_, step, to)| (*step, *to))
}

/// Where one can go from `from`.
#[must_use]
pub fn next(from: Status) -> Vec<Status> {
    steps(from).map(|(_, to)| to).collect()
}

/// Whether an order's way has ended.
#[must_use]
pub const fn is_final(status: Status) -> bool {
    matches!(status, Status::Delivered | Status::Cancelled | Status::Returned)
}

/// Whether news from another system may bring an order from `from` to `to`: its own steps in between never reached us,
/// but nothing goes back and nothing that has ended begins again.
#[must_use]
pub fn foreign(from: Status, to: Status) -> bool {
    !is_final(from) && (is_final(to) || to as u8 > from as u8)
}

/// The statuses in which an order can be late.
pub const WATCHED: [Status; 2] = [Status::Processing, Status::Shipped];

/// How long an order may stay in `status`; none where it can't be late.
#[must_use]
pub fn limit(policy: &Policy, status: Status) -> Option<Duration> {
    WATCHED.contains(&status).then(|| policy.order_limit(status.as_str()))
}

/// When the order has been in its status too long; none when it can't be or was already found so.
#[must_use]
pub fn late_at(policy: &Policy, order: &Order) -> Option<Timestamp> {
    limit(policy, order.status).filter(|_| !order.delayed).map(|limit| order.since.after(limit))
}

/// What a word that other systems use for an order's status means; none when nobody knows.
#[must_use]
pub fn meaning(raw: &str) -> Option<Status> {
    let word: String = raw.trim().to_lowercase().replace([' ', '-'], "_");
    Some(match word.as_str() {
        "created" | "pending" | "pending_payment" | "payment_review" | "on_hold" | "new" | "open" => {
            Status::Pending
        }
        "approved" | "processing" | "invoiced" | "picking" | "paid" => Status::Processing,
        "packed" | "ready_to_ship" => Status::Packed,
        "shipped" | "in_transit" | "dispatched" => Status::Shipped,
        "delivered" | "complete" | "completed" | "closed" => Status::Delivered,
        "canceled" | "cancelled" | "unavailable" | "suspected_fraud" | "rejected" => Status::Cancelled,
        "returned" | "refunded" => Status::Returned,
        _ => return None,
    })
}
