//! What the clock does to cases: escalates those nobody has begun, and brings back those whose wait is over.

use std::time::Duration;

use super::event::CaseEvent;
use super::model::Case;
use super::repo::CASES;
use crate::base::clock::Timestamp;
use crate::deadlines::due::{self, Due, DueKind};
use crate::identity::grant::Actor;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::journal::fold::{MAX_TIMELINE, Timeline};
use crate::journal::{Cx, Folded, SiteRef, log, record};
use crate::store::{Lane, ReadTx, Store, StoreError, Tenant, WriteTx};

/// Deadlines fired in one transaction at the most.
pub const AT_ONCE: usize = 200;

/// Who acts when the deadline of a case passes; none where that follows from the case alone.
pub type Keeper = fn(&dyn ReadTx, &Case) -> Result<Option<SiteRef>, StoreError>;

/// When a case that is another site's to act on is looked at again: it may have come here by then.
const AGAIN: Duration = Duration::from_secs(3600);

/// Fires up to `limit` escalations and ends of waits that are due at `now`, each exactly once however long nobody looked:
/// a case that has passed several levels meanwhile goes to the highest at one stroke. Only the site that `keeper` names acts,
/// and where it names none the one that opened the case: everybody else hears of it as a change. Returns how many were
/// looked at; less than `limit` means that nothing more is due.
///
/// # Errors
/// Storage failures; what was fired before stays fired.
pub fn fire(
    store: &Store,
    tenant: Tenant,
    now: Timestamp,
    limit: usize,
    keeper: Keeper,
) -> Result<usize, StoreError> {
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
                    due.iter().try_for_each(|d| fire_one(tx, &cx, kind, *d, keeper))?;
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
    keeper: Keeper,
) -> Result<(), StoreError> {
    let row = CASES.get(tx, &subject)?.filter(|r| r.line.n < MAX_TIMELINE && waits(r, kind, at));
    // Nobody's deadline: taken away, or it would be found for ever.
    let Some(row) = row else { return due::replace(tx, kind, subject, Some(at), None) };
    if !is_ours(tx, &row, keeper)? {
        let later = cx.now.after(AGAIN);
        due::replace(tx, kind, subject, Some(at), Some(later))?;
        return CASES.put(tx, &subject, &Folded { due: Some(later), ..row }).map(drop);
    }
    match what_is_due(&row.state, cx) {
        Some(event) => record(tx, cx, subject, Some(row), vec![event]).map(drop),
        None => due::replace(tx, kind, subject, Some(at), None),
    }
}

/// Whether the row keeps this very deadline. Keys know no time before 1970.
fn waits(row: &Folded<Case>, kind: DueKind, at: Timestamp) -> bool {
    row.state.deadline().is_some_and(|(is, _)| is == kind)
        && row.due.is_some_and(|due| due.unsigned() == at.unsigned())
}

fn is_ours(tx: &dyn ReadTx, row: &Folded<Case>, keeper: Keeper) -> Result<bool, StoreError> {
    let site = match keeper(tx, &row.state)? {
        None => opener(tx, &row.line)?,
        known => known,
    };
    match site {
        Some(site) => Ok(Origin::load(tx)?.is(site)),
        None => Ok(true),
    }
}

/// The site that took the first step of a case; none while nobody took one.
///
/// # Errors
/// Storage failures.
pub fn opener(tx: &dyn ReadTx, line: &Timeline) -> Result<Option<SiteRef>, StoreError> {
    let (mut at, mut first) = (line.head, None);
    while at != 0 {
        let entry = log::applied(tx, at)?;
        at = entry.prev;
        first = Some(entry.blob);
    }
    let header = first.map(|blob| change::decode(&blob)).transpose()?;
    Ok(header.map(|(h, _)| SiteRef::new(h.o, h.e)))
}

fn what_is_due(case: &Case, cx: &Cx) -> Option<CaseEvent> {
    match case.deadline()? {
        (DueKind::Waiting, due) => Some(CaseEvent::Woken { due }),
        (DueKind::Escalation, _) => {
            let level = case.running().level_at(cx.now);
            let to = Some(cx.policy.tier(level));
            Some(CaseEvent::Escalated { level, due: case.running().level(level)?, to })
        }
        _ => None,
    }
}
