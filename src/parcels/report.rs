//! What others tell of a parcel, taken in: a row of a file, a carrier's event. Never refused for what it says; what does
//! not fit becomes a case by the fold.

use super::error::ParcelError;
use super::event::{Corrected, ParcelEvent, Reported};
use super::fold::fold_all;
use super::maps::{Compiled, Meaning};
use super::model::{Facts, Milestones, Parcel, ParcelId, Place};
use super::remap::{self, Which, took_effect};
use super::repo::{self, PARCELS};
use super::rules;
use super::unmapped::{self, Unmapped};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::verdict::Beside;
pub use crate::base::verdict::Verdict;
use crate::journal::event::{FoldKey, Hlc, Stamped};
use crate::journal::{Cx, Eid, Folded, history, record};
use crate::store::{ReadTx, WriteTx};

type Result<T> = std::result::Result<T, ParcelError>;

/// One foreign fact, as its reader made it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The tracking number; without one the order's number says which parcels are meant.
    pub number: Option<String>,
    /// The source's own word for the status.
    pub raw: Option<String>,
    /// The second-level code beside it.
    pub sub: Option<String>,
    /// When that was so.
    pub at: Option<Timestamp>,
    /// What is known.
    pub facts: Facts,
    /// The moments told.
    pub milestones: Milestones,
    /// Where it was.
    pub location: Place,
    /// What the source remarks on the event.
    pub note: Option<String>,
    /// The fingerprint of the row.
    pub digest: [u8; 16],
}

/// A change that a report made, to undo it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// The parcel.
    pub parcel: Id,
    /// The change.
    pub eid: Eid,
}

fn meaning<'a>(map: &'a Compiled, r: &Report) -> Option<Meaning<'a>> {
    r.raw.as_deref().map(|raw| map.find(raw, r.sub.as_deref(), r.note.as_deref()))
}

/// How a report lies beside what is known of its parcel.
///
/// # Errors
/// As [`take`].
pub fn beside(tx: &dyn ReadTx, map: &Compiled, r: &Report) -> Result<Beside> {
    let Some(id) = targets(tx, r)?.into_iter().next() else { return Ok(Beside::MISSING) };
    let Some(row) = PARCELS.get(tx, &id)? else { return Ok(Beside::MISSING) };
    let (ours, theirs) = (row.state.status, meaning(map, r).and_then(Meaning::to));
    Ok(Beside { ours: Some(ours.to_string()), is_same: r.raw.is_none() || theirs == Some(ours) })
}

/// Takes in one report of `source`. `begun` is the stamp at which its file was begun: what was written since then by the
/// same row is a repetition inside the file.
///
/// # Errors
/// Storage failures, and when one order has more parcels than [`repo::MAX_SAME`].
pub fn take(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    source: &str,
    map: &Compiled,
    begun: Hlc,
    r: &Report,
) -> Result<(Verdict, Vec<Made>)> {
    let meaning = meaning(map, r);
    let targets = targets(tx, r)?;
    let mut made = Vec::new();
    if targets.is_empty() {
        let id = Id::fresh();
        let done = record::<Parcel>(tx, cx, id, None, vec![event_of(source, meaning, None, r)])?;
        note_unmapped(tx, cx, source, meaning, r, id)?;
        made.extend(done.eids.into_iter().map(|eid| Made { parcel: id, eid }));
        return Ok((Verdict::Created, made));
    }
    let mut verdict = Verdict::Unchanged;
    for id in targets {
        let Some(row) = PARCELS.get(tx, &id)? else { continue };
        match told(tx, &row, source, r)? {
            Some(told) if told.t >= begun => {
                verdict = if verdict == Verdict::Updated { verdict } else { Verdict::Duplicate }
            }
            Some(told) => {
                // Nobody knew its code when it came first: a map that has learnt it since speaks now.
                let learnt = learnt(&told, ParcelId(id), source, map);
                if !learnt.is_empty() {
                    let before = row.state.clone();
                    let done = record(tx, cx, id, Some(row), learnt)?;
                    if changed(&before, &done.state) {
                        verdict = Verdict::Updated;
                    }
                }
            }
            None => {
                let before = row.state.clone();
                let told = event_of(source, meaning, Some(&before), r);
                let done = record(tx, cx, id, Some(row), vec![told])?;
                note_unmapped(tx, cx, source, meaning, r, id)?;
                made.extend(done.eids.into_iter().map(|eid| Made { parcel: id, eid }));
                if changed(&before, &done.state) {
                    verdict = Verdict::Updated;
                }
            }
        }
    }
    Ok((verdict, made))
}

/// Which parcels a report means: the one with its tracking number, or all of its order. Of several with one number an open
/// one is meant, that of the distributor it names, the one announced first: who announces another's number after them gets
/// none of their news.
fn targets(tx: &dyn ReadTx, r: &Report) -> Result<Vec<Id>> {
    let Some(number) = r.number.as_deref() else {
        return match r.facts.order_ref.as_deref() {
            Some(order) => Ok(repo::with_order(tx, order)?),
            None => Ok(Vec::new()),
        };
    };
    let mut ids = repo::with_tracking(tx, number)?;
    if ids.len() > 1 {
        let named = r.facts.distributor.as_deref();
        let mut rows = Vec::new();
        for id in &ids {
            let Some(p) = PARCELS.get(tx, id)?.map(|row| row.state) else { continue };
            let theirs = named.is_some() && p.facts.distributor.as_deref() == named;
            let open = rules::is_open(p.status);
            // Of those at their end the newest.
            rows.push((
                open,
                theirs,
                if open { !u128::from_be_bytes(id.0) } else { u128::from_be_bytes(id.0) },
                *id,
            ));
        }
        rows.sort_unstable();
        ids = rows.pop().map(|(.., id)| id).into_iter().collect();
    }
    Ok(ids)
}

/// The event that a report is, as `meaning` has its code; `known` is the parcel as it was before.
pub(super) fn event_of(
    source: &str,
    meaning: Option<Meaning<'_>>,
    known: Option<&Parcel>,
    r: &Report,
) -> ParcelEvent {
    let to = meaning.and_then(Meaning::to);
    ParcelEvent::Reported(Box::new(Reported {
        source: source.to_owned(),
        raw: r.raw.clone(),
        sub: r.sub.clone(),
        to,
        info: meaning.is_some_and(Meaning::is_info),
        reason: meaning.and_then(|m| m.reason().map(Into::into)),
        at: took_effect(r.at, &r.milestones, to, known),
        by_moment: r.at.is_none() && !r.milestones.is_empty(),
        number: r.number.clone(),
        facts: r.facts.clone(),
        milestones: r.milestones,
        location: r.location.clone(),
        note: r.note.clone(),
        digest: Some(r.digest),
    }))
}

fn note_unmapped(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    source: &str,
    meaning: Option<Meaning<'_>>,
    r: &Report,
    parcel: Id,
) -> Result<()> {
    if let (Some(Meaning::Unmapped), Some(raw)) = (meaning, &r.raw) {
        let seen = Unmapped::new(source, raw, r.sub.as_deref(), r.note.as_deref(), parcel, cx.now);
        unmapped::note(tx, &seen)?;
    }
    Ok(())
}

/// This very report, as it was taken in before.
struct ToldBefore {
    /// When.
    t: Hlc,
    /// Which event it is.
    eid: Eid,
    /// All events of its parcel.
    events: Vec<Stamped<ParcelEvent>>,
}

/// This very report as it was taken in before, if it was and still counts.
fn told(tx: &dyn ReadTx, row: &Folded<Parcel>, source: &str, r: &Report) -> Result<Option<ToldBefore>> {
    let events: Vec<_> = history::<Parcel>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
    let voided = |eid: &Eid| {
        let of = |e: &ParcelEvent| matches!(e, ParcelEvent::Corrected(Corrected { eid: named, to: None, .. }) if named == eid);
        row.state.corrections > 0 && events.iter().any(|e| of(&e.event))
    };
    let same = events.iter().find(|e| match &e.event {
        ParcelEvent::Reported(told) => {
            told.digest == Some(r.digest) && told.source == source && !voided(&e.key.eid)
        }
        _ => false,
    });
    let found = same.map(|e| (e.key.t, e.key.eid));
    Ok(found.map(|(t, eid)| ToldBefore { t, eid, events }))
}

/// What the map says now of a report whose code it did not hold when it came.
fn learnt(told: &ToldBefore, id: ParcelId, source: &str, map: &Compiled) -> Vec<ParcelEvent> {
    let unread = |e: &Stamped<ParcelEvent>| {
        e.key.eid == told.eid
            && matches!(&e.event, ParcelEvent::Reported(r) if r.raw.is_some() && r.to.is_none() && !r.info)
    };
    if !told.events.iter().any(unread) {
        return Vec::new();
    }
    let planned = remap::plan(id, &told.events, source, map, Which::Unmapped);
    planned.into_iter().filter(|r| r.eid == told.eid).map(ParcelEvent::Remapped).collect()
}

fn changed(before: &Parcel, after: &Parcel) -> bool {
    let Parcel {
        status, since, raw, raw_at, facts, milestones, delivered_at, location, flags, issues, ..
    } = after;
    (status, since, raw, raw_at, delivered_at)
        != (&before.status, &before.since, &before.raw, &before.raw_at, &before.delivered_at)
        || (facts, milestones, location, flags, issues)
            != (&before.facts, &before.milestones, &before.location, &before.flags, &before.issues)
}

/// Takes a change back: it stays in the history and loses its effect.
///
/// # Errors
/// Storage failures.
pub fn take_back(tx: &mut dyn WriteTx, cx: &Cx, made: Made, why: &str) -> Result<bool> {
    let Some(row) = PARCELS.get(tx, &made.parcel)? else { return Ok(false) };
    let event = ParcelEvent::Corrected(Corrected { eid: made.eid, to: None, reason: why.to_owned() });
    record(tx, cx, made.parcel, Some(row), vec![event])?;
    Ok(true)
}

/// What would become of a report at `now`, without writing anything. Repetitions inside one file are not seen.
///
/// # Errors
/// Storage failures.
pub fn preview(tx: &dyn ReadTx, source: &str, map: &Compiled, now: Timestamp, r: &Report) -> Result<Verdict> {
    let meaning = meaning(map, r);
    let targets = targets(tx, r)?;
    let mut verdict = if targets.is_empty() { Verdict::Created } else { Verdict::Unchanged };
    for id in targets {
        let Some(row) = PARCELS.get(tx, &id)? else { continue };
        if let Some(told) = told(tx, &row, source, r)? {
            let learnt = learnt(&told, ParcelId(id), source, map);
            if !learnt.is_empty() {
                let mut events = told.events;
                let t: Hlc = now.unsigned() << 16;
                let key = FoldKey { eff: t, t, eid: r.digest };
                events.extend(learnt.into_iter().map(|event| Stamped {
                    key,
                    site: 0,
                    epoch: 0,
                    actor: 0,
                    event,
                }));
                if changed(&row.state, &fold_all(ParcelId(id), &events)) {
                    verdict = Verdict::Updated;
                }
            }
            continue;
        }
        let event = event_of(source, meaning, Some(&row.state), r);
        let t: Hlc = now.unsigned() << 16;
        let key =
            FoldKey { eff: event.occurred().map_or(t, |at| t.min(at.unsigned() << 16)), t, eid: r.digest };
        let mut events: Vec<_> = history::<Parcel>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
        events.push(Stamped { key, site: 0, epoch: 0, actor: 0, event });
        if changed(&row.state, &fold_all(ParcelId(id), &events)) {
            verdict = Verdict::Updated;
        }
    }
    Ok(verdict)
}
