//! Lists of parcels. A page costs what it returns; where no index serves a filter, a page looks at a bounded number of
//! rows and says where to go on.

use std::sync::Arc;

use serde::Deserialize;

use super::cards::{Card, Cards};
use super::error::ParcelError;
use super::inputs::StatusInput;
use super::model::{Parcel, ParcelId, Status};
use super::repo::{self, BY_DISTRIBUTOR, BY_EXCEPTION, BY_STATUS, PARCELS};
use super::rules;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::deadlines::calendar::Calendar;
use crate::deadlines::due::{self, DueKind};
use crate::deadlines::policy::Policy;
use crate::identity::grant::Scope;
use crate::journal::state_at;
use crate::store::table::{cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx};

type Result<T> = std::result::Result<T, ParcelError>;

/// Rows one page looks at when no index serves its filter.
const LOOK_AT: usize = 2_000;

/// Which parcels.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// In this status.
    pub status: Option<StatusInput>,
    /// Of this distributor.
    pub distributor: Option<String>,
    /// Only those that need a person.
    #[serde(default)]
    pub exceptional: bool,
    /// Only those likely to be later than they promise, before they are.
    #[serde(default)]
    pub likely_late: bool,
    /// With a number that begins so.
    pub number: Option<String>,
    /// Rows.
    pub limit: Option<usize>,
    /// From the page before.
    pub cursor: Option<String>,
}

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

/// A page with its opaque cursor.
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// For the next page.
    pub next: Option<String>,
}

/// The parcel a caller means by `name`, an id or a number, and the ids of others that carry the same number. Of several
/// the newest open one is meant, else the newest.
///
/// # Errors
/// When there is none in `scope`; storage failures.
pub fn find(tx: &dyn ReadTx, scope: &Scope, cards: &Cards, name: &str) -> Result<(Arc<Card>, Vec<ParcelId>)> {
    let mut found = Vec::new();
    for id in repo::named(tx, name)? {
        let card = cards.find(tx, id)?;
        found.extend(card.filter(|c| repo::visible(scope, &c.parcel)));
    }
    found.sort_by_key(|c| (rules::is_open(c.parcel.status), c.parcel.id));
    let meant = found.pop().ok_or_else(|| ParcelError::Unknown(name.to_owned()))?;
    Ok((meant, found.iter().map(|c| c.parcel.id).collect()))
}

/// A page of parcels.
///
/// # Errors
/// When the limit or cursor is wrong; storage failures.
pub fn list(tx: &dyn ReadTx, scope: &Scope, cards: &Cards, f: &Filter) -> Result<Listed<Arc<Card>>> {
    let n = limit(f.limit)?;
    let wanted = |c: &Arc<Card>| repo::visible(scope, &c.parcel) && admits(f, &c.parcel);
    if let Some(number) = &f.number {
        let mut items = Vec::new();
        for id in repo::beginning_with(tx, number, n)? {
            items.extend(cards.find(tx, id)?.filter(wanted));
        }
        return Ok(Listed { items, next: None });
    }
    let status = f.status.map(|s| s.0);
    let only = match scope {
        Scope::Distributors(ours) if ours.len() == 1 => ours.first(),
        _ => None,
    };
    let (ix, prefix) = match (f.distributor.as_ref().or(only), status) {
        (Some(d), _) => (BY_DISTRIBUTOR, repo::distributor_key(d)),
        (None, _) if f.exceptional => (BY_EXCEPTION, vec![1]),
        (None, Some(status)) => (BY_STATUS, vec![status as u8]),
        (None, None) => (Ix::Primary, Vec::new()),
    };
    let mut range = if prefix.is_empty() { KeyRange::all() } else { KeyRange::prefix(&prefix) };
    range.after = position(f.cursor.as_deref())?;
    let mut items = Vec::new();
    let mut looked = 0;
    loop {
        let missing = n - items.len();
        range.after = PARCELS.visit(tx, ix, &range, Dir::Up, missing, &mut |row| {
            looked += 1;
            items.extend(Some(cards.of(tx, &row)?).filter(wanted));
            Ok(())
        })?;
        if items.len() == n || range.after.is_none() || looked >= LOOK_AT {
            return Ok(Listed { items, next: range.after.as_ref().map(cursor).transpose()? });
        }
    }
}

fn admits(f: &Filter, p: &Parcel) -> bool {
    f.status.is_none_or(|s| s.0 == p.status)
        && f.distributor.as_ref().is_none_or(|d| p.facts.distributor.as_ref() == Some(d))
        && (!f.exceptional || !p.issues.is_empty() || p.flags.has(super::model::Flag::Exceptional))
}

/// What "late" is measured by. The promise is a moment; by day, the promised day itself is still in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The clock.
    #[default]
    Clock,
    /// The calendar day in the depot's zone.
    Day,
    /// Not the promise but the time a parcel may stay in its status, learned limits included.
    Stale,
}

impl By {
    /// Whether `then` is later than `promised`.
    #[must_use]
    pub fn is_late(self, promised: Timestamp, then: Timestamp, calendar: &Calendar) -> bool {
        match self {
            Self::Clock | Self::Stale => then > promised,
            Self::Day => calendar.local_day(then) > calendar.local_day(promised),
        }
    }
}

/// Which overdue parcels.
pub struct Overdue {
    /// At which moment.
    pub at: Timestamp,
    /// By which measure.
    pub by: By,
    /// The present moment.
    pub now: Timestamp,
    /// Rows.
    pub limit: Option<usize>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// Open parcels whose promise had passed at a moment, earliest promise first for the present and the future; for a past
/// moment every parcel's state then is looked at, in the order they were made.
///
/// # Errors
/// When the limit or cursor is wrong; storage failures.
pub fn overdue(
    tx: &dyn ReadTx,
    scope: &Scope,
    cards: &Cards,
    policy: &Policy,
    w: &Overdue,
) -> Result<Listed<Arc<Card>>> {
    if w.at < w.now || w.by == By::Stale {
        overdue_then(tx, scope, policy, w)
    } else {
        overdue_now(tx, scope, cards, &policy.calendar, w)
    }
}

fn overdue_now(
    tx: &dyn ReadTx,
    scope: &Scope,
    cards: &Cards,
    calendar: &Calendar,
    w: &Overdue,
) -> Result<Listed<Arc<Card>>> {
    let n = limit(w.limit)?;
    let mut after = position(w.cursor.as_deref())?;
    let (mut items, mut looked) = (Vec::new(), 0);
    loop {
        let (passed, next) = due::passed(tx, DueKind::Promise, w.at, after.take(), n - items.len())?;
        looked += passed.len();
        for d in passed {
            let card = cards.find(tx, d.subject)?;
            let late = |c: &Arc<Card>| repo::visible(scope, &c.parcel) && w.by.is_late(d.at, w.at, calendar);
            items.extend(card.filter(late));
        }
        after = next;
        if items.len() == n || after.is_none() || looked >= LOOK_AT {
            return Ok(Listed { items, next: after.as_ref().map(cursor).transpose()? });
        }
    }
}

fn overdue_then(tx: &dyn ReadTx, scope: &Scope, policy: &Policy, w: &Overdue) -> Result<Listed<Arc<Card>>> {
    let n = limit(w.limit)?;
    let mut range = KeyRange::all().resume(position(w.cursor.as_deref())?);
    let (mut items, mut looked) = (Vec::new(), 0);
    loop {
        let rows = PARCELS.scan(tx, Ix::Primary, &range, Dir::Up, n - items.len())?;
        looked += rows.items.len();
        for e in rows.items {
            let then = if w.at < w.now {
                state_at(tx, e.value.state.id.0, &e.value, w.at)?
            } else {
                Some(e.value.state.clone())
            };
            let due = |p: &Parcel| match w.by {
                By::Stale => rules::stale_at(p, policy),
                By::Clock | By::Day => p.facts.promised_at,
            };
            let late = then.filter(|p| {
                repo::visible(scope, p)
                    && rules::is_open(p.status)
                    && due(p).is_some_and(|at| w.by.is_late(at, w.at, &policy.calendar))
            });
            items.extend(late.map(|p| Card::new(p, e.rev)).transpose()?.map(Arc::new));
        }
        range.after = rows.next;
        if items.len() == n || range.after.is_none() || looked >= LOOK_AT {
            return Ok(Listed { items, next: range.after.as_ref().map(cursor).transpose()? });
        }
    }
}

/// Every status with its name, for filters.
#[must_use]
pub fn statuses() -> [Status; 16] {
    Status::ALL
}
