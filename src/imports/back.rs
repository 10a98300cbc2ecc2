//! Takes an import of waybills back: its changes, the last one first, so that what a row did can go when everything that
//! came after it has gone. A waybill that somebody worked on since stays, with the reason.

use super::model::{IMPORTS, Import, MAX_STAYS, STAYS, State, Stays, made_log, stays_key};
use super::undo::FORGET_AT_ONCE;
use crate::base::clock::Clock;
use crate::base::ids::Id;
use crate::freight::undo::{self, Undone};
use crate::identity::grant::Actor;
use crate::journal::{Cx, Eid};
use crate::parcels::undo::Kept;
use crate::store::{DEPOT, Lane, Store, StoreError, Tenant, WriteTx};

/// Changes taken back in one transaction.
const AT_ONCE: u64 = 200;
/// What the history says.
const WHY: &str = "import undone";

/// Takes everything back that import `id` changed and that nothing later stands on.
///
/// # Errors
/// Storage failures; then it goes on later.
pub(super) fn undo(store: &Store, clock: &Clock, tenant: Tenant, id: Id) -> Result<(), StoreError> {
    loop {
        let now = clock.now();
        let step = move |tx: &mut dyn WriteTx| -> Result<bool, StoreError> {
            let Some(mut import) = IMPORTS.get(tx, &id)?.filter(|i| i.state == State::Undoing) else {
                return Ok(true);
            };
            let actor = Actor { user: import.by, name: import.by_name.as_str().into(), ..Actor::system() };
            let cx = Cx::new(tx, &actor, now, &format!("import:{id}"))?;
            let done = some(tx, &cx, &mut import)?;
            if done {
                import.state = State::Undone;
                import.finished_at = Some(now);
            }
            IMPORTS.put(tx, &id, &import)?;
            Ok(done)
        };
        if store.write(tenant, Lane::Bulk, step).wait()? {
            return Ok(());
        }
    }
}

/// Takes the last changes back that are left, or lets go of the log when none are; true once it is gone.
fn some(tx: &mut dyn WriteTx, cx: &Cx, import: &mut Import) -> Result<bool, StoreError> {
    let log = made_log(import.number);
    let head = tx.head(DEPOT, log)?;
    let upto = if import.undone_from == 0 { head.last } else { import.undone_from - 1 };
    let first = upto.saturating_sub(AT_ONCE - 1).max(head.floor).max(1);
    if upto < first {
        return Ok(tx.trim(DEPOT, log, head.last, FORGET_AT_ONCE)? == 0);
    }
    let most = usize::try_from(upto - first + 1).unwrap_or(usize::MAX);
    let rows = tx.tail(DEPOT, log, first - 1, most)?;
    let changes = rows.iter().rev().filter_map(|(_, bytes)| {
        let of = |part: Option<&[u8]>| part.and_then(Id::from_slice);
        Some((of(bytes.get(..16))?, of(bytes.get(16..))?.0))
    });
    // What one waybill lost goes into one change of it. Its houses come before it: they were made behind it.
    let mut by_waybill: Vec<(Id, Vec<Eid>)> = Vec::new();
    for (waybill, eid) in changes {
        match by_waybill.iter_mut().find(|(id, _)| *id == waybill) {
            Some((_, eids)) => eids.push(eid),
            None => by_waybill.push((waybill, vec![eid])),
        }
    }
    let (mut houses, mut masters) = (Vec::new(), Vec::new());
    for one in by_waybill {
        if undo::is_house(tx, one.0)? { houses.push(one) } else { masters.push(one) }
    }
    for (id, eids) in houses.into_iter().chain(masters) {
        let (number, undone) = undo::waybill(tx, cx, id, &eids, WHY)?;
        note(tx, import, (id, number), undone)?;
    }
    import.undone_from = first;
    Ok(false)
}

/// Counts what became of a waybill's changes, and keeps the reason of those that stay.
fn note(
    tx: &mut dyn WriteTx,
    import: &mut Import,
    (id, number): (Id, String),
    undone: Undone,
) -> Result<(), StoreError> {
    import.taken_back += undone.taken_back;
    for (eid, detail) in undone.kept {
        if import.kept < MAX_STAYS {
            let tracking_number = number.clone();
            let kept = Kept { row: None, parcel: id, tracking_number, event: Id(eid), detail };
            STAYS.put(tx, &stays_key(import.id, import.kept), &Stays { kept })?;
        }
        import.kept += 1;
    }
    Ok(())
}
