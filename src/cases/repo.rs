//! Where cases are kept and how they are found: by time to first action, by subject, by distributor, by owner.

use std::time::Duration;

use super::model::Case;
use super::reasons::{Fault, Group};
use super::rules::{CaseId, State};
use super::{filters, members};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::policy::Tier;
use crate::first_record;
use crate::identity::grant::{Actor, Scope};
use crate::journal::Folded;
use crate::store::table::{self, Checked, Entry};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx, key};
use serde::{Deserialize, Serialize};

/// Cases by id.
pub const CASES: Table<Id, Folded<Case>> =
    Table::new(30, "cases", Home::ById).indexed(&[by_queue, by_subject, by_distributor, by_owner]);

const BY_QUEUE: Ix = Ix::Nth(0);
const BY_SUBJECT: Ix = Ix::Nth(1);
const BY_DISTRIBUTOR: Ix = Ix::Nth(2);
const BY_OWNER: Ix = Ix::Nth(3);

/// Rows one page looks at when its filters have no index of their own; the page then ends early, with a cursor.
pub const SCAN_BUDGET: usize = 2_000;

const OPEN: u8 = 0;
const CLOSED: u8 = 1;

/// The order of every list: open ones first, the most urgent before the others; then closed ones, the newest first.
fn order(c: &Case) -> [u8; 9] {
    let (open, at) = match c.closed_at() {
        None => (OPEN, c.running().due.unsigned()),
        Some(at) => (CLOSED, u64::MAX - at.unsigned()),
    };
    let mut k = [open; 9];
    k[1..].copy_from_slice(&at.to_be_bytes());
    k
}

fn by_queue(row: &Folded<Case>) -> Option<Vec<u8>> {
    Some(order(&row.state).to_vec())
}

fn by_subject(row: &Folded<Case>) -> Option<Vec<u8>> {
    let c = &row.state;
    (c.subject.id != Id::NIL).then(|| [&c.subject.id.0[..], &order(c)].concat())
}

fn by_distributor(row: &Folded<Case>) -> Option<Vec<u8>> {
    let c = &row.state;
    c.subject.distributor.as_deref().map(|d| key::text_then(d, &order(c)))
}

fn by_owner(row: &Folded<Case>) -> Option<Vec<u8>> {
    let c = &row.state;
    c.owner.as_ref().map(|o| [&o.id.0[..], &order(c)].concat())
}

/// Cases about `subject`, at most `limit`.
///
/// # Errors
/// Storage failures.
pub fn about(tx: &dyn ReadTx, subject: Id, limit: usize) -> Result<Vec<Folded<Case>>> {
    let range = KeyRange::prefix(&subject.0[..]);
    let rows = CASES.scan(tx, BY_SUBJECT, &range, Dir::Up, limit)?.items;
    Ok(rows.into_iter().map(|e| e.value).collect())
}

/// Which states a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// Those that still need somebody.
    Open,
    /// Those that don't.
    Closed,
    /// Those in one state.
    In(State),
}

/// Whose cases a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This user's.
    User(Id),
    /// Nobody's yet.
    Nobody,
}

/// What a list is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In these states.
    pub which: Which,
    /// For this reason.
    pub reason: Option<super::reasons::Reason>,
    /// Whose.
    pub owner: Option<Whose>,
    /// About this record.
    pub subject: Option<Id>,
    /// Of this distributor.
    pub distributor: Option<String>,
    /// Only those whose first action is overdue, or only the others.
    pub overdue: Option<bool>,
    /// For a reason of this group.
    pub group: Option<Group>,
    /// Whose fault it is.
    pub fault: Option<Fault>,
    /// Whom its last escalation went to.
    pub tier: Option<Tier>,
    /// Only those about many parcels, or only the others.
    pub bulk: Option<bool>,
    /// Only those that began at least so long ago.
    pub older_than: Option<Duration>,
}

impl Wanted {
    fn admits(&self, c: &Case, now: Timestamp) -> bool {
        let state = match self.which {
            Which::All => true,
            Which::Open => c.state.is_open(),
            Which::Closed => !c.state.is_open(),
            Which::In(state) => c.state == state,
        };
        let owner = match self.owner {
            None => true,
            Some(Whose::Nobody) => c.owner.is_none(),
            Some(Whose::User(id)) => c.owner.as_ref().is_some_and(|o| o.id == id),
        };
        state
            && owner
            && self.reason.is_none_or(|r| r == c.reason)
            && self.subject.is_none_or(|id| id == c.subject.id)
            && self.distributor.as_deref().is_none_or(|d| c.subject.distributor.as_deref() == Some(d))
            && self.overdue.is_none_or(|overdue| overdue == c.is_overdue(now))
            && self.group.is_none_or(|g| g == c.reason.rule().group)
            && self.fault.is_none_or(|f| f == c.fault())
            && self.tier.is_none_or(|t| c.tier == Some(t))
            && self.bulk.is_none_or(|bulk| bulk == c.is_bulk())
            && self.older_than.is_none_or(|age| now.since(c.opened_at) >= age)
    }

    /// The index that serves it best and the range of it to walk.
    fn walk(&self, reader: &Reader<'_>, now: Timestamp) -> (Ix, KeyRange) {
        let sole = match reader.scope {
            Scope::Distributors(d) if d.len() == 1 => d.first().map(String::as_str),
            Scope::Distributors(_) | Scope::Tenant | Scope::Own => None,
        };
        let owner = match (self.owner, reader.scope) {
            (_, Scope::Own) => Some(reader.actor.user),
            (Some(Whose::User(id)), _) => Some(id),
            (Some(Whose::Nobody) | None, _) => None,
        };
        let (ix, prefix) = match (self.subject, owner, self.distributor.as_deref().or(sole)) {
            (Some(id), _, _) => (BY_SUBJECT, id.0.to_vec()),
            (None, Some(id), _) => (BY_OWNER, id.0.to_vec()),
            (None, None, Some(d)) => (BY_DISTRIBUTOR, key::text_then(d, &[])),
            (None, None, None) => (BY_QUEUE, Vec::new()),
        };
        let with = |rest: &[u8]| [&prefix[..], rest].concat();
        let open = match self.which {
            _ if self.overdue == Some(true) => Some(true),
            Which::All => None,
            Which::Open => Some(true),
            Which::Closed => Some(false),
            Which::In(state) => Some(state.is_open()),
        };
        let range = match open {
            None => KeyRange::prefix(&prefix),
            Some(true) if self.overdue == Some(true) => {
                let end = with(&[&[OPEN][..], &now.unsigned().to_be_bytes()].concat());
                KeyRange { from: with(&[OPEN]), to: Some(end), after: None }
            }
            Some(open) => KeyRange::prefix(&with(&[if open { OPEN } else { CLOSED }])),
        };
        (ix, range)
    }
}

/// Who reads, and what they may see.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// Whose records.
    pub scope: &'a Scope,
    /// Who.
    pub actor: &'a Actor,
}

impl Reader<'_> {
    /// Whether they may see `c`: partners what is their distributors', drivers what is theirs to do.
    #[must_use]
    pub fn sees(&self, c: &Case) -> bool {
        match self.scope {
            Scope::Tenant | Scope::Distributors(_) => {
                self.scope.admits_distributor(c.subject.distributor.as_deref())
            }
            Scope::Own => c.owner.as_ref().is_some_and(|o| o.id == self.actor.user),
        }
    }
}

/// A page of what is `wanted`, in the order of urgency, and the cursor of the next. Costs at most [`SCAN_BUDGET`] rows:
/// a page may hold fewer than `limit`, even none, and still have a next one.
///
/// # Errors
/// A cursor that isn't ours; storage failures.
pub fn list(
    tx: &dyn ReadTx,
    reader: &Reader<'_>,
    wanted: &Wanted,
    now: Timestamp,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<Entry<Folded<Case>>>, Option<String>)> {
    let (ix, range) = wanted.walk(reader, now);
    let mut at = table::position(cursor)?;
    let (mut found, mut looked) = (Vec::new(), 0);
    loop {
        // never more than still fit, so that a page ends exactly where the next one begins
        let rows = CASES.scan(
            tx,
            ix,
            &range.clone().resume(at),
            Dir::Up,
            (limit - found.len()).min(SCAN_BUDGET - looked),
        )?;
        looked += rows.items.len();
        found.extend(
            rows.items
                .into_iter()
                .filter(|e| reader.sees(&e.value.state) && wanted.admits(&e.value.state, now)),
        );
        at = rows.next;
        if at.is_none() || found.len() >= limit || looked >= SCAN_BUDGET {
            return Ok((found, at.as_ref().map(table::cursor).transpose()?));
        }
    }
}

/// The case `id`, if `reader` may see it.
///
/// # Errors
/// Storage failures.
pub fn find(tx: &dyn ReadTx, reader: &Reader<'_>, id: CaseId) -> Result<Option<Entry<Folded<Case>>>> {
    Ok(CASES.entry(tx, &id.0)?.filter(|e| reader.sees(&e.value.state)))
}

/// What tells this depot's own cases from those of other depots.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Node {
    id: Id,
}
first_record!(Node);

const NODE: Table<str, Node> = Table::new(31, "case_node", Home::Local);

/// The mark of this node, once it has one.
///
/// # Errors
/// Storage failures.
pub(super) fn node(tx: &dyn ReadTx) -> Result<Option<Id>> {
    Ok(NODE.get(tx, "node")?.map(|n| n.id))
}

/// The mark of this node, drawn when it has none.
///
/// # Errors
/// Storage failures.
pub(super) fn node_or_new(tx: &mut dyn WriteTx) -> Result<Id> {
    if let Some(id) = node(tx)? {
        return Ok(id);
    }
    let id = Id::fresh();
    NODE.put(tx, "node", &Node { id })?;
    Ok(id)
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&CASES, &NODE, &members::Rows, &filters::FILTERS]
}
