//! Takes in what a row of a file says of masters, houses and goods.

use super::awb::Awb;
use super::codes::Code;
use super::error::Result;
use super::event::{Described, HawbEvent, HouseAnnounced, HouseDescribed, MawbEvent};
use super::houses;
use super::intake::Row;
use super::model::{Facts, Hawb, HouseFacts, MAX_LINES, Mark, Mawb};
use super::repo::{self, MAWBS};
use super::service::{announce, tell};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::{Aggregate, Cx, Eid, Folded, change, load, log, record};
use crate::store::table::Entry;
use crate::store::{ReadTx, WriteTx};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It made a master or a house.
    Created,
    /// It changed one.
    Updated,
    /// It said what was known.
    Unchanged,
}

/// What `row` would become.
///
/// # Errors
/// Storage failures.
pub fn preview(tx: &dyn ReadTx, row: &Row) -> Result<Verdict> {
    let master = row.master.as_ref().map(|n| known(tx, n)).transpose()?;
    let house = match &row.house {
        Some(number) => Some(houses::under(tx, master.flatten(), number)?),
        None => None,
    };
    Ok(match (master, &house) {
        (Some(None), _) | (_, Some(None)) => Verdict::Created,
        (_, Some(Some(h))) => {
            let h = &h.value.state;
            let line = row.line.as_ref().is_none_or(|l| h.lines.contains(l));
            if line && h.facts.news(&earliest(h, &row.house_facts, row.line.is_some())).is_none() {
                Verdict::Unchanged
            } else {
                Verdict::Updated
            }
        }
        (_, None) => Verdict::Updated,
    })
}

fn known(tx: &dyn ReadTx, number: &Awb) -> Result<Option<Id>> {
    Ok(repo::with_number(tx, number.digits())?.pop().map(|e| e.value.state.id))
}

/// A change a row made, to take it back by: of which waybill, and which.
pub type Made = (Id, Eid);

/// Takes `row` in.
///
/// # Errors
/// Storage failures.
pub fn take(tx: &mut dyn WriteTx, cx: &Cx, row: &Row) -> Result<(Verdict, Vec<Made>)> {
    let (mut verdict, mut made) = (Verdict::Unchanged, Vec::new());
    let master = match &row.master {
        Some(number) => {
            let before = repo::with_number(tx, number.digits())?.pop();
            let head = before.map_or(0, |e| e.value.line.head);
            let (id, v) = take_master(tx, cx, number, row)?;
            made.extend(since::<Mawb>(tx, id, head)?);
            verdict = v;
            Some(id)
        }
        None => None,
    };
    if let Some(number) = &row.house {
        let (id, head) = house_before(tx, master, number)?;
        let (v, new) = take_house(tx, cx, number, master, row)?;
        made.extend(since::<Hawb>(tx, new.or(id).unwrap_or(Id::NIL), head)?);
        verdict = match (verdict, v) {
            (Verdict::Created, _) | (_, Verdict::Created) => Verdict::Created,
            (Verdict::Updated, _) | (_, Verdict::Updated) => Verdict::Updated,
            _ => Verdict::Unchanged,
        };
    }
    Ok((verdict, made))
}

/// The changes of a waybill behind the entry `head` of the applied log, the oldest first.
fn since<A: Aggregate>(tx: &dyn ReadTx, id: Id, head: u64) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    let mut at = load::<A>(tx, id)?.map_or(0, |row| row.line.head);
    while at > head {
        let entry = log::applied(tx, at)?;
        made.push((id, change::eid(&entry.blob)));
        at = entry.prev;
    }
    made.reverse();
    Ok(made)
}

/// The master of a row, and the delivery a row tells of: with its house the master was delivered, as far as the file goes.
fn take_master(tx: &mut dyn WriteTx, cx: &Cx, number: &Awb, row: &Row) -> Result<(Id, Verdict)> {
    // What a row counts is its house's where it names one.
    let facts =
        if row.house.is_some() { Facts { pieces: None, ..row.facts.clone() } } else { row.facts.clone() };
    let delivered = row.house_facts.delivered.and_then(|day| {
        let noon = day.at(12, 0, 0, 0);
        Timestamp::from_civil(noon, cx.policy.calendar.zone()).ok()
    });
    let mark = delivered.filter(|at| *at <= cx.now).map(|at| Mark::new(Code::Dlv, at));
    let Some(id) = known(tx, number)? else {
        let id = Id::fresh();
        announce(tx, cx, id, number.clone(), None, (facts, mark.into_iter().collect()))?;
        return Ok((id, Verdict::Created));
    };
    let Some(m) = MAWBS.get(tx, &id)?.map(|r| r.state) else { return Ok((id, Verdict::Unchanged)) };
    let news = m.facts.news(&facts).map(|facts| MawbEvent::Described(Described { facts }));
    let mark = mark.filter(|k| !m.marks.contains(k)).map(MawbEvent::Reported);
    let events: Vec<MawbEvent> = news.into_iter().chain(mark).collect();
    if events.is_empty() {
        return Ok((id, Verdict::Unchanged));
    }
    tell(tx, cx, id, events)?;
    Ok((id, Verdict::Updated))
}

/// `facts` as they count for `h`. Of the days that the lines of a house are promised for the earliest does; what else its
/// lines say differently of the house, the first one said.
fn earliest(h: &Hawb, facts: &HouseFacts, line: bool) -> HouseFacts {
    if !line {
        return facts.clone();
    }
    let known = &h.facts;
    let mut more = facts.more.clone();
    more.retain(|name, _| !known.more.contains_key(name));
    HouseFacts {
        scheduled: facts.scheduled.map(|day| known.scheduled.map_or(day, |k| k.min(day))),
        delivered: facts.delivered.filter(|_| known.delivered.is_none()),
        recorded: facts.recorded.filter(|_| known.recorded.is_none()),
        more,
        ..facts.clone()
    }
}

/// The house a row is about as it stands: which, and where its timeline ends.
fn house_before(tx: &dyn ReadTx, mawb: Option<Id>, number: &str) -> Result<(Option<Id>, u64)> {
    let there = house_of(tx, mawb, number)?;
    Ok(there.map_or((None, 0), |e| (Some(e.value.state.id), e.value.line.head)))
}

/// The house `number` of a row.
fn house_of(tx: &dyn ReadTx, mawb: Option<Id>, number: &str) -> Result<Option<Entry<Folded<Hawb>>>> {
    Ok(match houses::under(tx, mawb, number)? {
        // A file of goods names no masters: its houses are found by their own numbers.
        None if mawb.is_none() => repo::houses_named(tx, number)?.pop(),
        found => found,
    })
}

/// What became of a house, and its id when it is new.
fn take_house(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    number: &str,
    mawb: Option<Id>,
    row: &Row,
) -> Result<(Verdict, Option<Id>)> {
    let there = house_of(tx, mawb, number)?;
    let line = row.line.clone();
    let Some(entry) = there else {
        let facts = row.house_facts.clone();
        let mut events =
            vec![HawbEvent::Announced(HouseAnnounced { number: number.to_owned(), mawb, facts })];
        events.extend(line.map(HawbEvent::Lined));
        let id = Id::fresh();
        record::<Hawb>(tx, cx, id, None, events)?;
        return Ok((Verdict::Created, Some(id)));
    };
    let h = &entry.value.state;
    let news = h.facts.news(&earliest(h, &row.house_facts, line.is_some()));
    let mut events: Vec<HawbEvent> =
        news.into_iter().map(|facts| HawbEvent::Described(HouseDescribed { mawb: None, facts })).collect();
    let fresh = line.filter(|l| !h.lines.contains(l) && h.lines.len() < MAX_LINES);
    events.extend(fresh.map(HawbEvent::Lined));
    if events.is_empty() {
        return Ok((Verdict::Unchanged, None));
    }
    let id = h.id;
    record::<Hawb>(tx, cx, id, Some(entry.value), events)?;
    Ok((Verdict::Updated, None))
}
