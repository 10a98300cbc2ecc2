//! Lists of orders. A page costs what it returns, where an index serves it; else it looks at a bounded number of rows
//! and says where to go on.

use super::error::OrderError;
use super::model::{Order, Status};
use super::repo::{BY_STATUS, ORDERS, status_key};
use super::rules;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::deadlines::policy::Policy;
use crate::identity::grant::Scope;
use crate::journal::Folded;
use crate::store::table::{Entry, cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx};

type Result<T> = std::result::Result<T, OrderError>;

/// Rows one page looks at when no index serves it.
const LOOK_AT: usize = 2_000;

/// The number of rows a caller asks for.
///
/// # Errors
/// When it is 0 or more than a page has.
pub fn limit(asked: Option<usize>) -> std::result::Result<usize, Invalid> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        n @ 1..=MAX_LIMIT => Ok(n),
        n => Err(Invalid::at("?limit", format!("must be 1 to {MAX_LIMIT}, got {n}"))),
    }
}

/// A page and where the next one begins.
pub type Listed = (Vec<Entry<Folded<Order>>>, Option<String>);

/// A page of orders, newest first, or in one status those that have been in it longest.
///
/// # Errors
/// When limit or cursor is wrong; storage failures.
pub fn list(
    tx: &dyn ReadTx,
    scope: &Scope,
    status: Option<Status>,
    n: usize,
    from: Option<&str>,
) -> Result<Listed> {
    if *scope != Scope::Tenant {
        return Ok((Vec::new(), None));
    }
    let (ix, range, dir) = match status {
        Some(s) => (BY_STATUS, KeyRange::prefix(&[s as u8]), Dir::Up),
        None => (Ix::Primary, KeyRange::all(), Dir::Down),
    };
    let rows = ORDERS.scan(tx, ix, &range.resume(position(from)?), dir, n)?;
    Ok((rows.items, rows.next.as_ref().map(cursor).transpose()?))
}

/// An order that was too long in a status.
pub struct Late {
    /// It.
    pub row: Entry<Folded<Order>>,
    /// The status it was in.
    pub status: Status,
    /// Since when.
    pub since: Timestamp,
}

/// Whether an order of ours was delayed at `at`: in which status and since when.
#[must_use]
pub fn delayed_at(policy: &Policy, order: &Order, at: Timestamp) -> Option<(Status, Timestamp)> {
    let (status, since) = order.at(at)?;
    let limit = rules::limit(policy, status)?;
    (since.after(limit) < at).then_some((status, since))
}

/// Orders that were in processing or shipped for longer than the limit at `at`. For now and later the index answers; for
/// a past moment every order that was taken before it is looked at, a bounded number a page.
///
/// # Errors
/// When the cursor is wrong; storage failures.
pub fn delayed(
    tx: &dyn ReadTx,
    scope: &Scope,
    policy: &Policy,
    (at, now): (Timestamp, Timestamp),
    n: usize,
    from: Option<&str>,
) -> Result<(Vec<Late>, Option<String>)> {
    if *scope != Scope::Tenant {
        return Ok((Vec::new(), None));
    }
    // A cursor says in which status to go on, and where; none of them for a past moment.
    let from = position(from)?.unwrap_or_default();
    let (within, after) = match from.split_first() {
        Some((status, rest)) => (*status, Some(rest.to_vec()).filter(|r| !r.is_empty())),
        None => (0, None),
    };
    let write = |status: u8, at: &[u8]| cursor(&[&[status], at].concat());
    let mut found = Vec::new();
    if at < now {
        let (mut after, mut looked) = (after, 0);
        while found.len() < n && looked < LOOK_AT {
            let most = (n - found.len()).min(LOOK_AT - looked);
            let rows = ORDERS.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, most)?;
            looked += rows.items.len();
            for row in rows.items {
                if let Some((status, since)) = delayed_at(policy, &row.value.state, at) {
                    found.push(Late { row, status, since });
                }
            }
            after = rows.next;
            if after.is_none() {
                break;
            }
        }
        return Ok((found, after.map(|a| write(0, &a)).transpose()?));
    }
    for status in rules::WATCHED.into_iter().filter(|s| *s as u8 >= within) {
        let Some(limit) = rules::limit(policy, status) else { continue };
        if found.len() == n {
            return Ok((found, Some(write(status as u8, &[])?)));
        }
        let resumed = after.clone().filter(|_| status as u8 == within);
        let range = KeyRange {
            from: vec![status as u8],
            to: Some(status_key(status, at.before(limit))),
            after: resumed,
        };
        let rows = ORDERS.scan(tx, BY_STATUS, &range, Dir::Up, n - found.len())?;
        for row in rows.items {
            let since = row.value.state.since;
            found.push(Late { row, status, since });
        }
        if let Some(next) = rows.next {
            return Ok((found, Some(write(status as u8, &next)?)));
        }
    }
    Ok((found, None))
}
