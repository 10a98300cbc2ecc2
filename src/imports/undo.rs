//! Takes an import back: each change it made to a parcel, as an event of its own. What others said since stays.

use super::aside::let_go;
use super::back;
use super::files::Files;
use super::model::{IMPORTS, Import, MAX_STAYS, STAYS, State, Stays, made_log, stays_key};
use super::run::RunError;
use super::verdict::store_error;
use crate::base::clock::Clock;
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::journal::Cx;
use crate::parcels::model::Parcel;
use crate::parcels::report::{self, Made};
use crate::parcels::undo::{self, Kept, Undone};
use crate::store::{DEPOT, Lane, Store, StoreError, Tenant, WriteTx};

/// Changes taken back in one transaction.
const UNDO_AT_ONCE: usize = 200;
/// Entries of an import's log removed in one transaction.
pub(super) const FORGET_AT_ONCE: usize = 2_000;

/// Takes back everything an import changed, in steps; when `careful`, all on which no later facts stand. What others said
/// since stays.
///
/// # Errors
/// When it has to go on later.
pub fn undo(store: &Store, clock: &Clock, tenant: Tenant, id: Id, careful: bool) -> Result<(), RunError> {
    let import = store.read(tenant, |tx| IMPORTS.get(tx, &id))?;
    if import.is_some_and(|i| i.kind.waybills().is_some()) {
        return Ok(back::undo(store, clock, tenant, id)?);
    }
    loop {
        let now = clock.now();
        let step = move |tx: &mut dyn WriteTx| -> Result<bool, StoreError> {
            let Some(mut import) = IMPORTS.get(tx, &id)?.filter(|i| i.state == State::Undoing) else {
                return Ok(true);
            };
            let log = made_log(import.number);
            let actor = Actor { user: import.by, name: import.by_name.as_str().into(), ..Actor::system() };
            let cx = Cx::new(tx, &actor, now, &format!("import:{id}"))?;
            let rows = tx.tail(DEPOT, log, tx.head(DEPOT, log)?.floor.saturating_sub(1), UNDO_AT_ONCE)?;
            for (_, bytes) in &rows {
                if let (Some(parcel), Some(eid)) =
                    (bytes.get(..16).and_then(Id::from_slice), bytes.get(16..).and_then(Id::from_slice))
                {
                    take_back(tx, &cx, &mut import, Made { parcel, eid: eid.0 }, careful)?;
                }
            }
            let done = rows.len() < UNDO_AT_ONCE;
            if let Some((last, _)) = rows.last() {
                tx.trim(DEPOT, log, *last, UNDO_AT_ONCE)?;
            }
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

fn take_back(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    import: &mut Import,
    made: Made,
    careful: bool,
) -> Result<(), StoreError> {
    const WHY: &str = "import undone";
    if !careful {
        import.taken_back += u64::from(report::take_back(tx, cx, made, WHY).map_err(store_error)?);
        return Ok(());
    }
    let row = crate::journal::load::<Parcel>(tx, made.parcel)?;
    let number = row.as_ref().map_or_else(String::new, |r| r.state.number.clone());
    match undo::take_back(tx, cx, row, made.eid, WHY)? {
        Undone::TakenBack => import.taken_back += 1,
        Undone::Gone => {}
        Undone::Kept(detail) => {
            if import.kept < MAX_STAYS {
                let event = Id(made.eid);
                let kept = Kept { row: None, parcel: made.parcel, tracking_number: number, event, detail };
                STAYS.put(tx, &stays_key(import.id, import.kept), &Stays { kept })?;
            }
            import.kept += 1;
        }
    }
    Ok(())
}

/// Removes what is left of an import that was let go of: its files, and the log it could be undone by.
///
/// # Errors
/// When it has to go on later.
pub fn forget(store: &Store, files: &Files, tenant: Tenant, id: Id, number: u64) -> Result<(), RunError> {
    files.remove(id)?;
    let_go(store, tenant, id)?;
    let trim = move |tx: &mut dyn WriteTx| -> Result<u64, StoreError> {
        let log = made_log(number);
        let last = tx.head(DEPOT, log)?.last;
        tx.trim(DEPOT, log, last, FORGET_AT_ONCE)
    };
    while store.write(tenant, Lane::Bulk, trim).wait()? > 0 {}
    Ok(())
}
