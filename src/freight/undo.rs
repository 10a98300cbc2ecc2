//! Taking back what was told of a waybill: its changes lose their effect and stay in the history. What somebody did since
//! stands: then what came before it stays too.

use std::collections::{BTreeSet, VecDeque};

use super::event::{HawbEvent, MawbEvent, TakenBack};
use super::model::{Hawb, Mawb};
use super::repo;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::fold::MAX_TIMELINE;
use crate::journal::{Aggregate, Cx, Eid, Event, Timeline, change, load, log, record};
use crate::store::{ReadTx, Result, WriteTx};

/// A waybill of which changes can be taken back.
pub trait Undoable: Aggregate {
    /// The change that takes others back.
    fn void(changes: TakenBack) -> Self::Event;
    /// What `event` takes back.
    fn voids(event: &Self::Event) -> Option<&TakenBack>;
    /// Whether it is known by `event` alone.
    fn begins(event: &Self::Event) -> bool;
    /// Whether `event` came by itself and nobody's work is in it.
    fn is_automatic(event: &Self::Event) -> bool;
    /// Why it can't go as a whole.
    ///
    /// # Errors
    /// Storage failures.
    fn holds(tx: &dyn ReadTx, id: Id) -> Result<Option<String>>;
}

impl Undoable for Mawb {
    fn void(changes: TakenBack) -> MawbEvent {
        MawbEvent::TakenBack(changes)
    }
    fn voids(event: &MawbEvent) -> Option<&TakenBack> {
        if let MawbEvent::TakenBack(t) = event { Some(t) } else { None }
    }
    fn begins(event: &MawbEvent) -> bool {
        matches!(event, MawbEvent::Announced(_))
    }
    fn is_automatic(event: &MawbEvent) -> bool {
        matches!(event, MawbEvent::Reminded(_))
    }
    fn holds(tx: &dyn ReadTx, id: Id) -> Result<Option<String>> {
        let house = repo::houses_of(tx, id, 1)?.pop();
        Ok(house.map(|h| format!("the house {} is under it", h.number)))
    }
}

impl Undoable for Hawb {
    fn void(changes: TakenBack) -> HawbEvent {
        HawbEvent::TakenBack(changes)
    }
    fn voids(event: &HawbEvent) -> Option<&TakenBack> {
        if let HawbEvent::TakenBack(t) = event { Some(t) } else { None }
    }
    fn begins(event: &HawbEvent) -> bool {
        matches!(event, HawbEvent::Announced(_))
    }
    fn is_automatic(_: &HawbEvent) -> bool {
        false
    }
    fn holds(_: &dyn ReadTx, _: Id) -> Result<Option<String>> {
        Ok(None)
    }
}

/// The changes that `events` take back.
pub fn taken_back<'a, A: Undoable>(events: impl Iterator<Item = &'a A::Event>) -> BTreeSet<Eid>
where
    A::Event: 'a,
{
    events.filter_map(A::voids).flat_map(|t| t.changes.iter().map(|c| c.0)).collect()
}

/// What became of changes that were to be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// How many lost their effect.
    pub taken_back: u64,
    /// Those that stay, each with the reason.
    pub kept: Vec<(Eid, String)>,
}

/// A change as it was written down.
struct Said<E> {
    eid: Eid,
    at: Timestamp,
    event: E,
}

/// The changes of a waybill that count, the one written last first.
fn standing<A: Undoable>(tx: &dyn ReadTx, line: &Timeline) -> Result<VecDeque<Said<A::Event>>> {
    let (mut all, mut at) = (VecDeque::new(), line.head);
    while at != 0 {
        let entry = log::applied(tx, at)?;
        at = entry.prev;
        let (header, body) = change::decode(&entry.blob)?;
        let event = A::Event::decode(header.k, header.v, &body)?;
        let millis = i64::try_from(header.t >> 16).unwrap_or(i64::MAX);
        all.push_back(Said { eid: change::eid(&entry.blob), at: Timestamp::from_millis(millis), event });
    }
    let void = taken_back::<A>(all.iter().map(|s| &s.event));
    all.retain(|s| A::voids(&s.event).is_none() && !void.contains(&s.eid));
    Ok(all)
}

/// Takes `changes` of the waybill `id` back, which are in the order they were written, the last one first: each of them
/// unless something stands that came later.
///
/// # Errors
/// Storage failures.
pub fn take_back<A: Undoable>(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    changes: &[Eid],
    why: &str,
) -> Result<Undone> {
    let mut out = Undone::default();
    let Some(row) = load::<A>(tx, id)? else { return Ok(out) };
    let mut left = standing::<A>(tx, &row.line)?;
    let (mut void, mut reminders, mut held): (Vec<Id>, Vec<Id>, Option<String>) =
        (Vec::new(), Vec::new(), None);
    for eid in changes {
        while let Some(said) = left.front().filter(|s| A::is_automatic(&s.event) && s.eid != *eid) {
            reminders.push(Id(said.eid));
            left.pop_front();
        }
        let next = left.front();
        let reason = match (&held, next) {
            (Some(reason), _) => Some(reason.clone()),
            (None, Some(s)) if s.eid != *eid => Some(format!("{} of {} stands since", s.event.name(), s.at)),
            (None, None) => Some("it was taken back already".to_owned()),
            (None, Some(s)) if A::begins(&s.event) => A::holds(tx, id)?,
            (None, Some(_)) => None,
        };
        if let Some(reason) = reason {
            out.kept.push((*eid, reason.clone()));
            held = Some(reason);
        } else if let Some(said) = left.pop_front() {
            // What was called in of a waybill that never was is forgotten with it; else it would be called in again.
            if A::begins(&said.event) {
                void.append(&mut reminders);
            }
            out.taken_back += 1;
            void.push(Id(said.eid));
        }
    }
    if void.is_empty() {
        return Ok(out);
    }
    if row.line.n >= MAX_TIMELINE {
        let full = "it has no room for another change";
        return Ok(Undone { taken_back: 0, kept: changes.iter().map(|e| (*e, full.into())).collect() });
    }
    let event = A::void(TakenBack { changes: void, reason: why.to_owned() });
    record::<A>(tx, cx, id, Some(row), vec![event])?;
    Ok(out)
}
