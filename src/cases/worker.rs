//! What the clock does to cases: escalates those nobody has begun, and brings back those whose wait is over.

use super::event::CaseEvent;
use super::model::Case;
use super::repo::CASES;
use crate::base::clock::Timestamp;
use crate::deadlines::due::{self, Due, DueKind};
use crate::identity::grant::Actor;
use crate::journal::fold::MAX_TIMELINE;
use crate::journal::{Cx, record};
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};

/// Deadlines fired in one transaction at the most.
pub const AT_ONCE: usize = 200;

/// Fires up to `limit` escalations and ends of waits that are due at `now`, each exactly once however long nobody looked:
/// a case that has passed several levels meanwhile goes to the highest at one stroke. Returns how many there were; less
/// than `limit` means that nothing more is due.
///
/// # Errors
/// Storage failures; what was fired before stays fired.
pub fn fire(store: &Store, tenant: Tenant, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let mut fired = 0;
    for kind in [DueKind::Escalation, DueKind::Waiting] {
        while fired < limit {
            let most = (limit - fired).min(AT_ONCE);
            // most of the time nothing is due, and the writer need not be asked
            if store.read(tenant, |tx| due::passed(tx, kind, now, None, 1))?.0.is_empty() {
                break;
            }
            let n = store
                .write(tenant, Lane::Bulk, move |tx| {
                    let cx = Cx::new(tx, &Actor::system(), now, "deadline")?;
                    let (due, _) = due::passed(tx, kind, now, None, most)?;
                    due.iter().try_for_each(|d| fire_one(tx, &cx, kind, *d))?;
                    Ok::<_, StoreError>(due.len())
                })
                .wait()?;
            fired += n;
            if n < most {
                break;
            }
        }
    }
    Ok(fired)
}

fn fire_one(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    kind: DueKind,
    Due { at, subject }: Due,
) -> Result<(), StoreError> {
    let row = CASES.get(tx, &subject)?;
    let event =
        row.as_ref().filter(|r| r.line.n < MAX_TIMELINE).and_then(|r| what_is_due(&r.state, kind, at, cx));
    match event {
        Some(event) => record(tx, cx, subject, row, vec![event]).map(drop),
        // Nobody's deadline: taken away, or it would be found for ever.
        None => due::replace(tx, kind, subject, Some(at), None),
    }
}

fn what_is_due(case: &Case, kind: DueKind, at: Timestamp, cx: &Cx) -> Option<CaseEvent> {
    let (due_kind, due) = case.deadline()?;
    // Keys know no time before 1970.
    if due_kind != kind || due.unsigned() != at.unsigned() {
        return None;
    }
    match kind {
        DueKind::Waiting => Some(CaseEvent::Woken { due }),
        DueKind::Escalation => {
            let level = case.running().level_at(cx.now);
            let to = Some(cx.policy.tier(level));
            Some(CaseEvent::Escalated { level, due: case.running().level(level)?, to })
        }
        _ => None,
    }
}
