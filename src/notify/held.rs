//! What waits for the end of somebody's quiet hours, or for the next of their digests: one row a user and topic, which
//! goes out as one message.

use serde::{Deserialize, Serialize};

use super::alerts::MAX_NAMED;
use super::templates::Topic;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// What is held for one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whose.
    pub user: Id,
    /// Of what.
    pub topic: Topic,
    /// The first cases, as many as a message names.
    pub cases: Vec<Id>,
    /// How many in all.
    pub count: u64,
    /// When it goes out.
    pub due: Timestamp,
}
first_record!(Held);

/// What is held, by user and topic.
pub const HELD: Table<[u8], Held> = Table::new(136, "alerts_held", Home::Local).indexed(&[by_due]);
const BY_DUE: Ix = Ix::Nth(0);

fn by_due(held: &Held) -> Option<Vec<u8>> {
    Some(held.due.unsigned().to_be_bytes().to_vec())
}

/// The key of what is held for `user` of `topic`.
#[must_use]
pub fn key(user: Id, topic: Topic) -> Vec<u8> {
    [&user.0[..], topic.as_str().as_bytes()].concat()
}

/// Adds `cases` to what is held for `user`; the time that was set first stands.
///
/// # Errors
/// Storage failures.
pub fn hold(
    tx: &mut dyn WriteTx,
    user: Id,
    topic: Topic,
    cases: &[Id],
    count: u64,
    due: Timestamp,
) -> Result<()> {
    let pk = key(user, topic);
    let fresh = Held { user, topic, cases: Vec::new(), count: 0, due };
    let mut held = HELD.get(tx, &pk)?.unwrap_or(fresh);
    let room = MAX_NAMED.saturating_sub(held.cases.len());
    held.cases.extend(cases.iter().take(room));
    held.count += count;
    HELD.put(tx, &pk, &held).map(drop)
}

/// What is to go out at `now`, the most overdue first.
///
/// # Errors
/// Storage failures.
pub fn due(tx: &dyn ReadTx, now: Timestamp, limit: usize) -> Result<Vec<Held>> {
    let to = now.unsigned().saturating_add(1).to_be_bytes().to_vec();
    let range = KeyRange { from: Vec::new(), to: Some(to), after: None };
    let rows = HELD.scan(tx, BY_DUE, &range, Dir::Up, limit)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// When the next goes out.
///
/// # Errors
/// Storage failures.
pub fn next(tx: &dyn ReadTx) -> Result<Option<Timestamp>> {
    let rows = HELD.scan(tx, BY_DUE, &KeyRange::all(), Dir::Up, 1)?;
    Ok(rows.items.first().map(|e| e.value.due))
}
