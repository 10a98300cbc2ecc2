//! The clock at the counter: a parcel that waits to be collected is told of at shares of its holding time and goes back
//! when that is over. Each turn is an event, so it happens once, however long the depot was off.

use super::event::{Moved, ParcelEvent, PickupNoticed};
use super::issues::PICKUP_NOT_COLLECTED;
use super::model::{Parcel, Status};
use super::repo::{PARCELS, PICKUPS, Planned};
use crate::base::clock::Timestamp;
use crate::deadlines::dock::{DockRules, Turn};
use crate::deadlines::due::{self, Due, DueKind};
use crate::identity::grant::Actor;
use crate::journal::clock::Origin;
use crate::journal::fold::MAX_TIMELINE;
use crate::journal::{Cx, record};
use crate::store::{Lane, Result, Store, Tenant, WriteTx};

/// Turns taken in one transaction at the most.
const AT_ONCE: usize = 200;

/// What the clock does next for `p`; none when it is not at the counter, or nothing more happens by itself.
#[must_use]
pub fn next(p: &Parcel, rules: &DockRules) -> Option<Turn> {
    let waits = p.status == Status::ReadyForPickup;
    waits.then(|| rules.next(p.facts.service.as_deref(), p.since, p.pickup_noticed)).flatten()
}

/// Plans the next turn, and takes it away when the parcel is collected, returned or brought elsewhere.
///
/// # Errors
/// Storage failures.
pub(super) fn keep(tx: &mut dyn WriteTx, cx: &Cx, was: Option<&Parcel>, new: &Parcel) -> Result<()> {
    let waits = |p: &Parcel| p.status == Status::ReadyForPickup;
    if !waits(new) && !was.is_some_and(waits) {
        return Ok(());
    }
    let kept = PICKUPS.get(tx, &new.id.0)?.map(|p| p.at);
    plan(tx, new, kept, next(new, &cx.policy.dock).map(|turn| turn.at))
}

fn plan(tx: &mut dyn WriteTx, p: &Parcel, kept: Option<Timestamp>, wanted: Option<Timestamp>) -> Result<()> {
    if kept == wanted {
        return Ok(());
    }
    due::replace(tx, DueKind::Pickup, p.id.0, kept, wanted)?;
    match wanted {
        Some(at) => PICKUPS.put(tx, &p.id.0, &Planned { at }).map(drop),
        None => PICKUPS.del(tx, &p.id.0).map(drop),
    }
}

/// Takes the turns that are due; returns how many deadlines there were.
///
/// # Errors
/// Storage failures.
pub fn fire(store: &Store, tenant: Tenant, now: Timestamp) -> Result<usize> {
    if store.read(tenant, |tx| due::passed(tx, DueKind::Pickup, now, None, 1))?.0.is_empty() {
        return Ok(0);
    }
    let fire = move |tx: &mut dyn WriteTx| {
        let (passed, _) = due::passed(tx, DueKind::Pickup, now, None, AT_ONCE)?;
        let cx = Cx::new(tx, &Actor::system(), now, "deadline")?;
        let origin = Origin::load(tx)?;
        passed.iter().try_for_each(|d| turn(tx, &cx, &origin, *d))?;
        Ok(passed.len())
    };
    store.write(tenant, Lane::Bulk, fire).wait()
}

fn turn(tx: &mut dyn WriteTx, cx: &Cx, origin: &Origin, d: Due) -> Result<()> {
    due::replace(tx, DueKind::Pickup, d.subject, Some(d.at), None)?;
    let planned = PICKUPS.get(tx, &d.subject)?.is_some_and(|p| p.at == d.at);
    if !planned {
        return Ok(());
    }
    PICKUPS.del(tx, &d.subject)?;
    let Some(row) = PARCELS.get(tx, &d.subject)?.filter(|row| row.line.n < MAX_TIMELINE) else {
        return Ok(());
    };
    // Only the depot that has it acts; what it does comes to everybody else as a change.
    let ours = row.state.keeper().is_none_or(|site| origin.is(site));
    let Some(next) = next(&row.state, &cx.policy.dock).filter(|_| ours) else { return Ok(()) };
    if next.at > cx.now {
        return plan(tx, &row.state, None, Some(next.at)); // the rules have changed meanwhile
    }
    let event = event(&row.state, &cx.policy.dock, next);
    record(tx, cx, d.subject, Some(row), vec![event]).map(drop)
}

/// A notice, or the way back.
fn event(p: &Parcel, rules: &DockRules, turn: Turn) -> ParcelEvent {
    let end = rules.holding(p.facts.service.as_deref()).map(|holding| p.since.after(holding));
    if turn.percent < 100 {
        let until = end.filter(|_| rules.returns);
        return ParcelEvent::PickupNoticed(PickupNoticed {
            since: p.since,
            percent: turn.percent,
            due: turn.at,
            until,
        });
    }
    ParcelEvent::Moved(Moved {
        to: Status::Returning,
        reason: Some(PICKUP_NOT_COLLECTED.to_owned()),
        note: Some(format!("not collected since {}; its time was over on {}", p.since, turn.at)),
        ..Moved::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + hours * 3_600_000)
    }

    #[test]
    fn only_a_parcel_at_the_counter_has_a_turn_and_the_last_one_is_the_way_back() {
        let rules = DockRules::default();
        let mut p = Parcel { status: Status::ReadyForPickup, since: at(0), ..Parcel::default() };
        assert_eq!(next(&p, &rules), Some(Turn { at: at(84), percent: 50 }));
        let ParcelEvent::PickupNoticed(told) = event(&p, &rules, next(&p, &rules).unwrap()) else { panic!() };
        assert_eq!((told.since, told.percent, told.due, told.until), (at(0), 50, at(84), Some(at(168))));
        p.pickup_noticed = 90;
        let ParcelEvent::Moved(back) = event(&p, &rules, next(&p, &rules).unwrap()) else { panic!() };
        assert_eq!((back.to, back.reason.as_deref()), (Status::Returning, Some(PICKUP_NOT_COLLECTED)));
        p.status = Status::Returning;
        assert_eq!(next(&p, &rules), None);
    }
}
