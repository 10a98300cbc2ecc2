//! Taking back what was reported in bulk: each row's event loses its effect and stays in the history. A row on which later
//! facts stand is left as it is, with the reason.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{Corrected, ParcelEvent};
use super::fold::fold_all;
use super::model::{Parcel, ParcelId};
use super::repo::{self, PARCELS};
use super::service::RowVerdict;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::identity::features::{Feature, UndoImports};
use crate::identity::grant::{Grant, Scope};
use crate::jobs::retention::{Retained, older};
use crate::journal::event::{Eid, FoldKey, Stamped};
use crate::journal::{Cx, Folded, history, record};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Index, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx};

/// One row of a bulk report that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The row, from 0.
    pub row: u32,
    /// The parcel.
    pub parcel: Id,
    /// The event.
    pub event: Id,
}

/// A bulk report, kept to take it back by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bulk {
    /// Its id.
    pub id: Id,
    /// Who sent it, by name.
    pub by: String,
    /// Which user that is; nil is the machine itself.
    #[serde(default)]
    pub user: Id,
    /// When.
    pub at: Timestamp,
    /// The rows that were taken.
    pub rows: Vec<Taken>,
    /// When it was taken back.
    pub undone_at: Option<Timestamp>,
    /// The rows that stayed then.
    #[serde(default)]
    pub kept: Vec<Kept>,
}
first_record!(Bulk);

/// Bulk reports by id, newest last.
const BULKS: Table<Id, Bulk> = Table::new(121, "bulk_reports", Home::Local).indexed(NO_INDEX);
const NO_INDEX: &[Index<Bulk>] = &[];

/// Reports looked at to find the latest of one caller.
const LOOK_AT: usize = 200;

/// A row that is not taken back, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// The row, from 0, where rows have numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The parcel.
    pub parcel: Id,
    /// Its number.
    pub tracking_number: String,
    /// The event that stays.
    pub event: Id,
    /// Why.
    pub detail: String,
}

/// Keeps what a bulk report did; none when it did nothing.
///
/// # Errors
/// Storage failures.
pub fn keep(tx: &mut dyn WriteTx, cx: &Cx, verdicts: &[RowVerdict]) -> Result<Option<Id>> {
    let taken = verdicts.iter().enumerate().filter_map(|(row, v)| Some((row, v.as_ref().ok()?)));
    let rows = taken.flat_map(|(row, done)| {
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        done.eids.iter().map(move |eid| Taken { row, parcel: done.state.id.0, event: Id(*eid) })
    });
    let rows: Vec<Taken> = rows.collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let id = Id::fresh();
    let by = cx.actor.name.to_string();
    let user = cx.actor.user;
    BULKS.put(tx, &id, &Bulk { id, by, user, at: cx.now, rows, undone_at: None, kept: Vec::new() })?;
    Ok(Some(id))
}

impl Bulk {
    /// Whether a caller may see it and take it back: their own, or with the whole depot in reach anybody's. Users may have
    /// the same name.
    fn is_for(&self, scope: &Scope, user: Id) -> bool {
        *scope == Scope::Tenant || (user != Id::NIL && self.user == user)
    }
}

/// The bulk report `id`, when it is one the caller may take back.
///
/// # Errors
/// Storage failures.
pub fn bulk<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, id: Id) -> Result<Option<Bulk>> {
    Ok(BULKS.get(tx, &id)?.filter(|b| b.is_for(grant.scope(), grant.actor().user)))
}

/// The latest bulk reports that the caller may take back, newest first.
///
/// # Errors
/// Storage failures.
pub fn latest<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, limit: usize) -> Result<Vec<Bulk>> {
    let rows = BULKS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Down, LOOK_AT)?.items;
    let mine = rows.into_iter().map(|e| e.value).filter(|b| b.is_for(grant.scope(), grant.actor().user));
    Ok(mine.take(limit).collect())
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It lost its effect.
    TakenBack,
    /// It stays, because of this.
    Kept(String),
    /// There is no such parcel any more, or it is not the caller's.
    Gone,
}

/// Takes a bulk report back, the last row first; returns the rows that stay. The caller has seen that it was not before.
///
/// # Errors
/// Storage failures.
pub fn undo_bulk(
    tx: &mut dyn WriteTx,
    grant: &Grant<UndoImports>,
    cx: &Cx,
    bulk: &Bulk,
) -> Result<Vec<Kept>> {
    let mut kept = Vec::new();
    for Taken { row, parcel, event } in bulk.rows.iter().rev() {
        let found = PARCELS.get(tx, parcel)?.filter(|r| repo::visible(grant.scope(), &r.state));
        let number = found.as_ref().map_or_else(String::new, |r| r.state.number.clone());
        let detail = match take_back(tx, cx, found, event.0, "bulk report taken back")? {
            Undone::TakenBack => continue,
            Undone::Kept(why) => why,
            Undone::Gone => "there is no such parcel".to_owned(),
        };
        kept.push(Kept { row: Some(*row), parcel: *parcel, tracking_number: number, event: *event, detail });
    }
    kept.reverse();
    BULKS.put(tx, &bulk.id, &Bulk { undone_at: Some(cx.now), kept: kept.clone(), ..bulk.clone() })?;
    Ok(kept)
}

/// Takes the event `eid` of a parcel back unless later facts stand on it.
///
/// # Errors
/// Storage failures.
pub fn take_back(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    row: Option<Folded<Parcel>>,
    eid: Eid,
    why: &str,
) -> Result<Undone> {
    let Some(row) = row else { return Ok(Undone::Gone) };
    let id = row.state.id;
    let events: Vec<_> = history::<Parcel>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
    if let Some(why) = holds(id, &events, eid) {
        return Ok(Undone::Kept(why));
    }
    let void = ParcelEvent::Corrected(Corrected { eid, to: None, reason: why.to_owned() });
    match record(tx, cx, id.0, Some(row), vec![void]) {
        Ok(_) => Ok(Undone::TakenBack),
        Err(StoreError::TooLarge { .. }) => {
            Ok(Undone::Kept("the parcel has no room for another event".into()))
        }
        Err(e) => Err(e),
    }
}

/// Why the event `eid` can't be taken back: it was already, or a later event brought the parcel somewhere that it could
/// not have gone to without this one.
#[must_use]
pub fn holds(id: ParcelId, events: &[Stamped<ParcelEvent>], eid: Eid) -> Option<String> {
    let Some(undone) = events.iter().find(|e| e.key.eid == eid) else {
        return Some("it is no event of this parcel any more".into());
    };
    let voids = |e: &Stamped<ParcelEvent>| matches!(&e.event, ParcelEvent::Corrected(c) if c.eid == eid && c.to.is_none());
    if events.iter().any(voids) {
        return Some("it was taken back already".into());
    }
    let void = ParcelEvent::Corrected(Corrected { eid, to: None, reason: String::new() });
    let key = FoldKey { eff: u64::MAX, t: u64::MAX, eid: Id::derived(&[b"undo", &eid]).0 };
    let void = Stamped { key, site: 0, epoch: 0, actor: 0, event: void };
    let mut later: Vec<_> = events.iter().filter(|e| e.key > undone.key).collect();
    later.sort_unstable_by_key(|e| e.key);
    for e in later {
        let upto = |with: Option<&Stamped<ParcelEvent>>| {
            // Corrections and readings count for what they name, whenever they were made.
            let reaches = |o: &&Stamped<ParcelEvent>| o.key <= e.key || o.event.corrects().is_some();
            let all: Vec<_> = events.iter().filter(reaches).chain(with).cloned().collect();
            fold_all(id, &all)
        };
        let (as_is, without) = (upto(None), upto(Some(&void)));
        if as_is.since == e.key.at() && as_is.status != without.status && is_step(&e.event) {
            return Some(format!("it went to {} at {} because of it", as_is.status, e.key.at()));
        }
    }
    let nameless = |all: &[Stamped<ParcelEvent>]| fold_all(id, all).number.is_empty();
    let others = events.iter().any(|e| e.key > undone.key && is_step(&e.event));
    if others && !nameless(events) && nameless(&[events, &[void]].concat()) {
        return Some("later facts are of a parcel that only this one named".into());
    }
    None
}

fn is_step(event: &ParcelEvent) -> bool {
    match event {
        ParcelEvent::Moved(_) => true,
        ParcelEvent::Reported(r) => r.to.is_some(),
        _ => false,
    }
}

/// How long bulk reports are kept, for the retention table: as long as imports.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "bulk_reports",
        days: |r| r.imports,
        find: |tx, before, after, limit| {
            older(&BULKS, tx, (Ix::Primary, KeyRange::all().resume(after)), limit, |b| b.at < before)
        },
        remove: |tx, pk| Id::from_slice(pk).map_or(Ok(()), |id| BULKS.del(tx, &id).map(drop)),
    }
}

/// This module's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&BULKS]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcels::event::{Moved, Registered, Reported};
    use crate::parcels::model::Status;

    fn timeline(events: Vec<ParcelEvent>) -> Vec<Stamped<ParcelEvent>> {
        let stamped = |(n, event): (usize, ParcelEvent)| {
            let t = (1_700_000_000_000 + n as u64 * 60_000) << 16;
            let key = FoldKey { eff: t, t, eid: [n as u8; 16] };
            Stamped { key, site: 3, epoch: 0, actor: 0, event }
        };
        events.into_iter().enumerate().map(stamped).collect()
    }

    fn moved(to: Status) -> ParcelEvent {
        ParcelEvent::Moved(Moved { to, ..Moved::default() })
    }

    fn why(events: Vec<ParcelEvent>, which: u8) -> Option<String> {
        holds(ParcelId::default(), &timeline(events), [which; 16])
    }

    fn registered() -> ParcelEvent {
        ParcelEvent::Registered(Box::new(Registered { number: "A1".into(), ..Registered::default() }))
    }

    #[test]
    fn a_step_is_taken_back_unless_a_later_one_was_only_allowed_by_it() {
        assert_eq!(why(vec![registered(), moved(Status::AtDepot)], 1), None);
        // From the depot it may go out; announced it could not have.
        let stands =
            why(vec![registered(), moved(Status::AtDepot), moved(Status::OutForDelivery)], 1).unwrap();
        assert!(stands.starts_with("it went to out_for_delivery at "), "{stands}");
        // It could have come to the depot anyway.
        assert_eq!(why(vec![registered(), moved(Status::InTransit), moved(Status::AtDepot)], 1), None);
        assert_eq!(why(vec![registered(), moved(Status::AtDepot), moved(Status::OutForDelivery)], 2), None);
    }

    #[test]
    fn what_was_taken_back_or_names_the_parcel_stays() {
        let void = ParcelEvent::Corrected(Corrected { eid: [1; 16], to: None, reason: String::new() });
        assert_eq!(
            why(vec![registered(), moved(Status::AtDepot), void], 1).as_deref(),
            Some("it was taken back already")
        );
        let report = ParcelEvent::Reported(Box::new(Reported {
            number: Some("A1".into()),
            to: Some(Status::InTransit),
            ..Reported::default()
        }));
        assert_eq!(why(vec![report.clone()], 0), None);
        assert!(why(vec![report, moved(Status::AtDepot)], 0).unwrap().contains("only this one named"));
        assert!(why(vec![registered()], 7).unwrap().contains("no event"));
    }
}
