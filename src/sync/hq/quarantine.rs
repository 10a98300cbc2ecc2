//! Changes that could not be taken in: set aside, shown to their sender, counted, and tried again when somebody says so
//! or what they lacked has come.

use serde_bytes::ByteArray;

use super::super::wire::Reject;
use super::tables::{Aside, QUARANTINE};
use super::{Hq, apply, feed};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::Eid;
use crate::journal::change;
use crate::store::table::Entry;
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Result, Tenant, WriteTx, counters};

/// The counter of what lies in quarantine.
pub const COUNT: &str = "sync/quarantine";

/// Sets `aside` aside and tells the sender.
///
/// # Errors
/// Storage failures.
pub fn put(tx: &mut dyn WriteTx, aside: &Aside) -> Result<()> {
    let eid = change::eid(&aside.blob);
    if QUARANTINE.get(tx, &eid)?.is_some() {
        return Ok(());
    }
    let msg = text::clipped(aside.msg.clone(), text::LONG);
    QUARANTINE.put(tx, &eid, &Aside { msg: msg.clone(), ..aside.clone() })?;
    counters::add(tx, COUNT, 1)?;
    let reject = Reject { r: ByteArray::new(eid), code: aside.code.clone(), msg };
    feed::append_reject(tx, aside.site, &reject)
}

/// How many there are.
///
/// # Errors
/// Storage failures.
pub fn count(tx: &dyn ReadTx) -> Result<i64> {
    counters::get(tx, COUNT)
}

/// A page of them.
///
/// # Errors
/// Storage failures.
pub fn list(
    tx: &dyn ReadTx,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<Entry<Aside>>, Option<Vec<u8>>)> {
    let rows = QUARANTINE.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, limit)?;
    Ok((rows.items, rows.next))
}

/// Tries one of them again: true when it was taken in.
///
/// # Errors
/// Storage failures.
pub fn requeue(hq: &Hq, tenant: Tenant, eid: &Eid, now: Timestamp) -> Result<bool> {
    let Some(aside) = hq.store.read(tenant, |tx| QUARANTINE.get(tx, eid))? else { return Ok(false) };
    let (eid, folders) = (*eid, hq.registry.clone());
    let retry = move |tx: &mut dyn WriteTx| {
        let taken = apply::again(tx, &folders, &aside, now)?;
        if taken {
            remove(tx, &eid)?;
        }
        Ok::<_, apply::Failed>(taken)
    };
    match hq.store.write(tenant, Lane::Bulk, retry).wait() {
        Ok(taken) => Ok(taken),
        Err(apply::Failed::Poison { .. }) => Ok(false),
        Err(apply::Failed::Store(e)) => Err(e),
    }
}

/// Forgets one of them: it was taken in.
///
/// # Errors
/// Storage failures.
pub(super) fn remove(tx: &mut dyn WriteTx, eid: &Eid) -> Result<()> {
    if QUARANTINE.del(tx, eid)? {
        counters::add(tx, COUNT, -1)?;
    }
    Ok(())
}

/// Tells a site once more of what was set aside of it, a page at a time; returns where to go on.
///
/// # Errors
/// Storage failures.
pub fn tell_again(tx: &mut dyn WriteTx, site: u32, after: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    const AT_ONCE: usize = 500;
    let (rows, next) = list(tx, after, AT_ONCE)?;
    for entry in rows.into_iter().filter(|e| e.value.site == site) {
        let Aside { code, msg, blob, .. } = entry.value;
        let r = ByteArray::new(change::eid(&blob));
        feed::append_reject(tx, site, &Reject { r, code, msg })?;
    }
    Ok(next)
}

/// What was set aside because its sender had nothing to do with the aggregate `id`, which it now has.
///
/// # Errors
/// Storage failures.
pub fn waiting_for(tx: &dyn ReadTx, id: Id, site: u32) -> Result<Vec<Eid>> {
    const MOST: usize = 1_000;
    if count(tx)? == 0 {
        return Ok(Vec::new());
    }
    let range = KeyRange::prefix(&[id.as_ref(), &site.to_be_bytes()].concat());
    let rows = QUARANTINE.scan(tx, Ix::Nth(0), &range, Dir::Up, MOST)?.items;
    let scope = rows.into_iter().filter(|e| e.value.code == apply::SCOPE);
    Ok(scope.filter_map(|e| e.pk.try_into().ok()).collect())
}
