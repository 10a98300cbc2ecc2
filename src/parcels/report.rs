//! What others tell of a parcel, taken in: a row of a file, a carrier's event. Never refused for what it says; what does
//! not fit becomes a case by the fold.

use super::error::ParcelError;
use super::event::{Corrected, ParcelEvent, Reported};
use super::fold::fold_all;
use super::map_service::{self, Unmapped};
use super::maps::{Compiled, Meaning};
use super::model::{Facts, Milestones, Parcel, ParcelId, Place, Status};
use super::repo::{self, PARCELS};
use super::rules;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
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

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A parcel was made.
    Created,
    /// A parcel changed.
    Updated,
    /// It was known already, or changes nothing.
    Unchanged,
    /// The same file said it before.
    Duplicate,
}

/// A change that a report made, to undo it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// The parcel.
    pub parcel: Id,
    /// The change.
    pub eid: Eid,
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
    let meaning = r.raw.as_deref().map(|raw| map.find(raw, None, r.note.as_deref()));
    let targets = targets(tx, r)?;
    let mut made = Vec::new();
    if targets.is_empty() {
        let id = Id::fresh();
        let done = record::<Parcel>(tx, cx, id, None, vec![event(source, meaning, None, r)])?;
        unmapped(tx, cx, source, meaning, r, id)?;
        made.extend(done.eids.into_iter().map(|eid| Made { parcel: id, eid }));
        return Ok((Verdict::Created, made));
    }
    let mut verdict = Verdict::Unchanged;
    for id in targets {
        let Some(row) = PARCELS.get(tx, &id)? else { continue };
        match told_at(tx, &row, source, r)? {
            Some(t) if t >= begun => {
                verdict = if verdict == Verdict::Updated { verdict } else { Verdict::Duplicate }
            }
            Some(_) => {}
            None => {
                let before = row.state.clone();
                let told = event(source, meaning, Some(&before), r);
                let done = record(tx, cx, id, Some(row), vec![told])?;
                unmapped(tx, cx, source, meaning, r, id)?;
                made.extend(done.eids.into_iter().map(|eid| Made { parcel: id, eid }));
                if changed(&before, &done.state) {
                    verdict = Verdict::Updated;
                }
            }
        }
    }
    Ok((verdict, made))
}

/// Which parcels a report means: the one with its tracking number, newest open one first; or all of its order.
fn targets(tx: &dyn ReadTx, r: &Report) -> Result<Vec<Id>> {
    let Some(number) = r.number.as_deref() else {
        return match r.facts.order_ref.as_deref() {
            Some(order) => Ok(repo::with_order(tx, order)?),
            None => Ok(Vec::new()),
        };
    };
    let mut ids = repo::with_tracking(tx, number)?;
    if ids.len() > 1 {
        let mut rows = Vec::new();
        for id in &ids {
            rows.extend(PARCELS.get(tx, id)?.map(|r| (rules::is_open(r.state.status), *id)));
        }
        rows.sort_unstable();
        ids = rows.pop().map(|(_, id)| id).into_iter().collect();
    }
    Ok(ids)
}

/// When a report took effect, as far as it says. One that names no time for its status counts as of the last moment it
/// names, so that an old copy of a file stays old. Only the end of a way that is still open is news of today: scans of
/// ours may lie between that moment and the end.
fn took_effect(r: &Report, to: Option<Status>, known: Option<&Parcel>) -> Option<Timestamp> {
    let Milestones { purchased_at, approved_at, carrier_at, delivered_at } = r.milestones;
    let last = [purchased_at, approved_at, carrier_at, delivered_at].into_iter().flatten().max();
    let ends = to.is_some_and(rules::is_final) && known.is_some_and(|p| rules::is_open(p.status));
    r.at.or(last.filter(|_| !ends || delivered_at.is_some()))
}

fn event(source: &str, meaning: Option<Meaning<'_>>, known: Option<&Parcel>, r: &Report) -> ParcelEvent {
    let to = meaning.and_then(Meaning::to);
    ParcelEvent::Reported(Box::new(Reported {
        source: source.to_owned(),
        raw: r.raw.clone(),
        to,
        info: meaning.is_some_and(Meaning::is_info),
        reason: meaning.and_then(|m| m.reason().map(Into::into)),
        at: took_effect(r, to, known),
        number: r.number.clone(),
        facts: r.facts.clone(),
        milestones: r.milestones,
        location: r.location.clone(),
        note: r.note.clone(),
        digest: Some(r.digest),
    }))
}

fn unmapped(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    source: &str,
    meaning: Option<Meaning<'_>>,
    r: &Report,
    parcel: Id,
) -> Result<()> {
    if let (Some(Meaning::Unmapped), Some(raw)) = (meaning, &r.raw) {
        map_service::note_unmapped(tx, &Unmapped::new(source, raw, r.note.as_deref(), parcel, cx.now))?;
    }
    Ok(())
}

/// When this very report was taken in before, if it was and still counts.
fn told_at(tx: &dyn ReadTx, row: &Folded<Parcel>, source: &str, r: &Report) -> Result<Option<Hlc>> {
    let events = history::<Parcel>(tx, &row.line)?;
    let voided = |eid: &Eid| {
        let of = |e: &ParcelEvent| matches!(e, ParcelEvent::Corrected(Corrected { eid: named, to: None, .. }) if named == eid);
        row.state.corrections > 0 && events.iter().any(|(_, e)| of(&e.event))
    };
    let same = events.iter().find(|(_, e)| match &e.event {
        ParcelEvent::Reported(told) => {
            told.digest == Some(r.digest) && told.source == source && !voided(&e.key.eid)
        }
        _ => false,
    });
    Ok(same.map(|(_, e)| e.key.t))
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
    let meaning = r.raw.as_deref().map(|raw| map.find(raw, None, r.note.as_deref()));
    let targets = targets(tx, r)?;
    let mut verdict = if targets.is_empty() { Verdict::Created } else { Verdict::Unchanged };
    for id in targets {
        let Some(row) = PARCELS.get(tx, &id)? else { continue };
        if told_at(tx, &row, source, r)?.is_some() {
            continue;
        }
        let event = event(source, meaning, Some(&row.state), r);
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
