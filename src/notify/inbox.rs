//! What each person is told on the screen.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::jobs::queue::id_at;
use crate::jobs::retention::{Retained, older};
use crate::store::table::Rows;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx, counters};

/// Notifications marked as read in one go.
pub const MAX_READ: usize = 500;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its id; sorts by time.
    pub id: Id,
    /// Whose it is.
    pub user: Id,
    /// When it came.
    pub at: Timestamp,
    /// In a few words.
    pub title: String,
    /// In more.
    pub text: String,
    /// Where to look, as a path.
    pub link: String,
    /// When it was read.
    pub read_at: Option<Timestamp>,
}
first_record!(Notification);

/// Notifications by user and id.
pub const NOTIFICATIONS: Table<[u8], Notification> =
    Table::new(70, "notifications", Home::Local).indexed(&[by_time, unread]);
const BY_TIME: Ix = Ix::Nth(0);
const UNREAD: Ix = Ix::Nth(1);

fn by_time(n: &Notification) -> Option<Vec<u8>> {
    Some(n.at.unsigned().to_be_bytes().to_vec())
}
fn unread(n: &Notification) -> Option<Vec<u8>> {
    n.read_at.is_none().then(|| n.user.0.to_vec())
}

fn key(user: Id, id: Id) -> Vec<u8> {
    [user.0, id.0].concat()
}

fn counter(user: Id) -> String {
    format!("unread/{user}")
}

/// Tells `user` something on the screen.
///
/// # Errors
/// Storage failures.
pub fn tell(
    tx: &mut dyn WriteTx,
    now: Timestamp,
    user: Id,
    title: &str,
    text: &str,
    link: &str,
) -> Result<Id> {
    let id = id_at(now);
    let (title, text, link) = (title.into(), text.into(), link.into());
    NOTIFICATIONS.put(
        tx,
        &key(user, id),
        &Notification { id, user, at: now, title, text, link, read_at: None },
    )?;
    counters::add(tx, &counter(user), 1)?;
    Ok(id)
}

/// A page of what `user` was told, the newest first.
///
/// # Errors
/// Storage failures.
pub fn list(tx: &dyn ReadTx, user: Id, after: Option<Vec<u8>>, limit: usize) -> Result<Rows<Notification>> {
    NOTIFICATIONS.scan(tx, Ix::Primary, &KeyRange::prefix(&user.0).resume(after), Dir::Down, limit)
}

/// How many of them are unread.
///
/// # Errors
/// Storage failures.
pub fn unread_count(tx: &dyn ReadTx, user: Id) -> Result<u64> {
    Ok(u64::try_from(counters::get(tx, &counter(user))?).unwrap_or_default())
}

/// Marks `ids` as read, or with none the oldest [`MAX_READ`] unread ones; what isn't the user's own is passed over.
/// Returns how many are unread now.
///
/// # Errors
/// Storage failures.
pub fn mark_read(tx: &mut dyn WriteTx, now: Timestamp, user: Id, ids: Option<&[Id]>) -> Result<u64> {
    let meant = match ids {
        Some(ids) => {
            let found = ids.iter().map(|id| NOTIFICATIONS.get(tx, &key(user, *id)));
            found.filter_map(Result::transpose).collect::<Result<Vec<_>>>()?
        }
        None => {
            let rows = NOTIFICATIONS.scan(tx, UNREAD, &KeyRange::prefix(&user.0), Dir::Up, MAX_READ)?;
            rows.items.into_iter().map(|e| e.value).collect()
        }
    };
    for n in meant.into_iter().filter(|n| n.read_at.is_none()) {
        let pk = key(user, n.id);
        // Named twice, it is read once.
        if NOTIFICATIONS.get(tx, &pk)?.is_some_and(|n| n.read_at.is_none()) {
            NOTIFICATIONS.put(tx, &pk, &Notification { read_at: Some(now), ..n })?;
            counters::add(tx, &counter(user), -1)?;
        }
    }
    unread_count(tx, user)
}

/// How long notifications are kept, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    fn find(
        tx: &dyn ReadTx,
        before: Timestamp,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<crate::jobs::retention::Found> {
        let range = KeyRange { from: Vec::new(), to: Some(before.unsigned().to_be_bytes().to_vec()), after };
        older(&NOTIFICATIONS, tx, (BY_TIME, range), limit, |_| true)
    }
    fn remove(tx: &mut dyn WriteTx, pk: &[u8]) -> Result<()> {
        if let Some(n) = NOTIFICATIONS.get(tx, pk)? {
            NOTIFICATIONS.del(tx, pk)?;
            if n.read_at.is_none() {
                counters::add(tx, &counter(n.user), -1)?;
            }
        }
        Ok(())
    }
    Retained { name: "notifications", days: |r| r.notifications, find, remove }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redb::Redb;
    use crate::store::{Lane, Store};

    fn at(n: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + n)
    }

    #[test]
    fn everybody_sees_their_own_and_reads_it_once() {
        let store = Store::new(Redb::memory().unwrap());
        let (ana, bo) = (Id([1; 16]), Id([2; 16]));
        let told = store.write(1, Lane::People, move |tx| {
            let first = tell(tx, at(0), ana, "one", "", "/cases")?;
            tell(tx, at(1), ana, "two", "", "/cases")?;
            tell(tx, at(2), bo, "three", "", "/cases")?;
            Result::Ok(first)
        });
        let first = told.wait().unwrap();
        let rows = store.read(1, |tx| list(tx, ana, None, 10)).unwrap();
        assert_eq!(rows.items.iter().map(|e| &*e.value.title).collect::<Vec<_>>(), ["two", "one"]);
        let read = |user, ids: Option<Vec<Id>>| {
            store.write(1, Lane::People, move |tx| mark_read(tx, at(3), user, ids.as_deref())).wait().unwrap()
        };
        assert_eq!(read(bo, Some(vec![first])), 1, "it is not Bo's");
        assert_eq!(read(ana, Some(vec![first, first])), 1);
        assert_eq!(read(ana, None), 0);
        assert_eq!(store.read(1, |tx| unread_count(tx, bo)).unwrap(), 1);
        let r = retained();
        let old = store.read(1, |tx| (r.find)(tx, at(2), None, 10)).unwrap();
        assert_eq!(old.keys.len(), 2);
        let gone = store.write(1, Lane::Bulk, move |tx| old.keys.iter().try_for_each(|k| (r.remove)(tx, k)));
        gone.wait().unwrap();
        assert!(store.read(1, |tx| list(tx, ana, None, 10)).unwrap().items.is_empty());
    }
}
