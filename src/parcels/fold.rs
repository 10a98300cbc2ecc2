//! From events to the row: what a set of events says of a parcel, whatever order they came in. Nothing here fails;
//! an event that doesn't fit is kept, has no effect on the status and opens an issue.

use std::collections::{HashMap, HashSet};

use super::event::{Corrected, Moved, ParcelEvent, Reported};
use super::issues::{self, STATUS_CONFLICT, STATUS_STALE, UNMAPPED_CODE};
use super::model::{Flag, Parcel, ParcelId, Place, Status};
use super::rules::{self, Gate};
use crate::base::clock::Timestamp;
use crate::journal::clock::HEADQUARTERS;
use crate::journal::event::{Eid, FoldKey, Stamped};

/// Whether `event` makes it necessary to fold all events anew: it corrects one of them, or may be corrected by one
/// that is already here.
#[must_use]
pub fn reaches_back(parcel: &Parcel, event: &ParcelEvent) -> bool {
    parcel.corrections > 0 || event.corrects().is_some()
}

/// Folds one more event, later in order than all before it and not [reaching back](reaches_back); else [`fold_all`]
/// has to be asked. A correction is only counted here.
#[must_use]
pub fn fold(mut parcel: Parcel, event: &Stamped<ParcelEvent>) -> Parcel {
    apply(&mut parcel, &event.key, &event.event, Word::AsWritten);
    hold(&mut parcel, event);
    parcel
}

/// Who first told of the parcel, who has it and who expects it: a scan at a depot is the proof that it is there, whatever
/// the table says of the status. Headquarters scans nothing.
fn hold(parcel: &mut Parcel, event: &Stamped<ParcelEvent>) {
    let writer = event.writer();
    parcel.origin = parcel.origin.or(Some(writer));
    match &event.event {
        ParcelEvent::Moved(_) if writer.site != HEADQUARTERS => {
            parcel.custody = Some(writer);
            parcel.next = parcel.next.filter(|next| *next != writer.site);
        }
        ParcelEvent::HandedOver(e) => parcel.next = Some(e.to),
        _ => {}
    }
}

/// Folds a whole set of events: any order, any repetitions. Corrections apply to the events they name; of two for
/// one event the later in order counts.
#[must_use]
pub fn fold_all(id: ParcelId, events: &[Stamped<ParcelEvent>]) -> Parcel {
    fold_those(id, events.iter().collect())
}

/// The parcel as the events that took effect up to `at` tell it, corrections included.
#[must_use]
pub fn fold_until(id: ParcelId, events: &[Stamped<ParcelEvent>], at: Timestamp) -> Parcel {
    fold_those(id, events.iter().filter(|e| e.key.at() <= at).collect())
}

fn fold_those(id: ParcelId, mut events: Vec<&Stamped<ParcelEvent>>) -> Parcel {
    events.sort_unstable_by_key(|e| e.key);
    let mut seen = HashSet::with_capacity(events.len());
    events.retain(|e| seen.insert(e.key.eid));
    let mut corrections: HashMap<Eid, &Corrected> = HashMap::new();
    for event in &events {
        if let ParcelEvent::Corrected(correction) = &event.event {
            corrections.insert(correction.eid, correction);
        }
    }
    let mut parcel = Parcel::new(id);
    for event in events {
        match corrections.get(&event.key.eid) {
            None => {
                apply(&mut parcel, &event.key, &event.event, Word::AsWritten);
                hold(&mut parcel, event);
            }
            Some(correction) => {
                correct(&mut parcel, event, correction.to);
                if correction.to.is_some() {
                    hold(&mut parcel, event);
                } else {
                    parcel.origin = parcel.origin.or(Some(event.writer()));
                }
            }
        }
    }
    parcel
}

/// Folds an event that was corrected: a status event as what it should have said, a voided one as nothing. That a
/// parcel was registered, or that something was corrected, can't be taken back.
fn correct(parcel: &mut Parcel, event: &Stamped<ParcelEvent>, to: Option<Status>) {
    let key = &event.key;
    match (&event.event, to) {
        (kept @ (ParcelEvent::Registered(_) | ParcelEvent::Corrected(_)), _) => {
            apply(parcel, key, kept, Word::AsWritten);
        }
        (_, None) => count(parcel, key),
        (ParcelEvent::Reported(report), Some(to)) => {
            let mut report = report.clone();
            (report.to, report.info) = (Some(to), false);
            if to != Status::Delivered {
                report.milestones.delivered_at = None; // the delivery is denied, and its time with it
            }
            apply(parcel, key, &ParcelEvent::Reported(report), Word::Corrected);
        }
        (ParcelEvent::Moved(moved), Some(to)) => {
            let moved = Moved { to, ..moved.clone() };
            apply(parcel, key, &ParcelEvent::Moved(moved), Word::Corrected);
        }
        (other, Some(_)) => apply(parcel, key, other, Word::AsWritten),
    }
}

/// Whether an event says what its author wrote or what a correction made of it. A correction is authorised: the
/// table doesn't bind it, only a way that ended earlier does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    AsWritten,
    Corrected,
}

/// What became of an event's status.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is the parcel's status now, since this event.
    Entered,
    /// It already was.
    Confirmed,
    /// A code that nobody has mapped.
    Unmapped,
    /// It says nothing of the status, or nothing new.
    Silent,
    /// The table or an earlier end forbids it.
    Refused,
}

fn count(parcel: &mut Parcel, key: &FoldKey) {
    if parcel.events == 0 {
        parcel.created_at = key.at();
        parcel.since = key.at(); // an unknown status lasts since then, not since the first day of 1970
    }
    parcel.events = parcel.events.saturating_add(1);
    parcel.updated_at = key.at();
}

fn apply(parcel: &mut Parcel, key: &FoldKey, event: &ParcelEvent, word: Word) {
    count(parcel, key);
    match event {
        ParcelEvent::Registered(e) => {
            parcel.number.clone_from(&e.number);
            parcel.facts.merge(&e.facts);
            if parcel.status == Status::Unknown {
                enter(parcel, Status::Announced, key);
                parcel.raw = None;
                parcel.raw_at = None;
            }
        }
        ParcelEvent::Reported(e) => reported(parcel, key, e, word),
        ParcelEvent::Moved(e) => moved(parcel, key, e, word),
        ParcelEvent::Described(e) => parcel.facts.merge(&e.facts),
        ParcelEvent::Noted(_) => noted(parcel),
        ParcelEvent::Corrected(_) => parcel.corrections = parcel.corrections.saturating_add(1),
        ParcelEvent::Stale(e) => {
            if rules::is_open(parcel.status) && (parcel.status, parcel.since) == (e.status, e.since) {
                parcel.flags.put(Flag::Stale, true);
                let detail = format!("{} since {}, news was due by {}", e.status, e.since, e.due);
                issues::open(parcel, STATUS_STALE, key, detail);
            }
        }
        ParcelEvent::PickupNoticed(e) => {
            let waits = (parcel.status, parcel.since) == (Status::ReadyForPickup, e.since);
            if waits && e.percent > parcel.pickup_noticed {
                parcel.pickup_noticed = e.percent;
                let detail = match e.until {
                    Some(until) => {
                        format!("{} % of its time have passed, it goes back on {until}", e.percent)
                    }
                    None => format!("{} % of its time have passed", e.percent),
                };
                issues::not_collected(parcel, key, detail);
            }
        }
        ParcelEvent::Flagged(e) => parcel.flags.put(e.flag, e.on),
        ParcelEvent::HandedOver(e) => {
            if e.note.is_some() {
                noted(parcel);
            }
        }
    }
    issues::compare_moments(parcel, key);
}

fn reported(parcel: &mut Parcel, key: &FoldKey, report: &Reported, word: Word) {
    // Judged before the report is merged: does it speak of the very moment the parcel's way ended?
    let same_moment = report.at.is_some_and(|at| at == parcel.since)
        || !report.milestones.is_empty() && report.milestones == parcel.milestones;
    if let Some(number) = &report.number {
        parcel.number.clone_from(number);
    }
    parcel.facts.merge(&report.facts);
    parcel.milestones.merge(&report.milestones);
    if report.note.is_some() {
        noted(parcel);
    }
    let from = parcel.status;
    let outcome = match (report.to, &report.raw) {
        _ if report.info => Outcome::Silent,
        (Some(to), _) if to == from && rules::is_open(to) => Outcome::Confirmed,
        (Some(to), _) => step(parcel, to, word == Word::Corrected, key),
        (None, Some(_)) => Outcome::Unmapped,
        (None, None) => Outcome::Silent,
    };
    let raw = report.raw.as_deref().unwrap_or_default();
    match (outcome, report.to) {
        (Outcome::Unmapped, _) => {
            issues::open(parcel, UNMAPPED_CODE, key, format!("{raw} from {}", report.source));
        }
        (Outcome::Refused, Some(to)) if !(rules::is_final(from) && rules::is_open(to) && same_moment) => {
            issues::open(parcel, STATUS_CONFLICT, key, format!("{from} -> {to} from {}", report.source));
        }
        _ => {}
    }
    if matches!(outcome, Outcome::Entered | Outcome::Confirmed)
        || outcome == Outcome::Unmapped && rules::is_open(from)
    {
        parcel.raw.clone_from(&report.raw);
        parcel.raw_at = report.raw.is_some().then(|| key.at());
        seen_at(parcel, &report.location);
    }
    parcel.source = Some(report.source.clone());
    if outcome == Outcome::Entered && parcel.status == Status::Delivered {
        parcel.delivered_at =
            if report.milestones.is_empty() { Some(key.at()) } else { parcel.milestones.delivered_at };
    } else if report.milestones.delivered_at.is_some() {
        parcel.delivered_at = report.milestones.delivered_at;
    }
    if let Some(reason) = report.reason.as_deref().filter(|_| !report.info) {
        let detail = report.note.clone().unwrap_or_else(|| {
            let said = if raw.is_empty() { "reported" } else { raw };
            format!("{said} from {}", report.source)
        });
        issues::take_reason(parcel, reason, key, detail, outcome != Outcome::Refused);
    }
}

fn moved(parcel: &mut Parcel, key: &FoldKey, moved: &Moved, word: Word) {
    let from = parcel.status;
    if moved.note.is_some() {
        noted(parcel);
    }
    let outcome = step(parcel, moved.to, moved.forced || word == Word::Corrected, key);
    match outcome {
        Outcome::Entered => {
            parcel.raw = None; // our own step has no foreign code behind it
            parcel.raw_at = None;
            seen_at(parcel, &moved.location);
        }
        Outcome::Confirmed => seen_at(parcel, &moved.location),
        Outcome::Refused => {
            issues::open(parcel, STATUS_CONFLICT, key, format!("{from} -> {} by scan", moved.to));
        }
        Outcome::Unmapped | Outcome::Silent => {}
    }
    if outcome == Outcome::Entered && parcel.status == Status::Delivered {
        parcel.delivered_at = Some(key.at());
    }
    // The words with which a supervisor forces a step are a reason too, but no code: they stay in the event.
    if let Some(reason) = moved.reason.as_deref().filter(|r| issues::REASONS.contains(r)) {
        let detail = moved.note.clone().unwrap_or_else(|| format!("{} by scan", moved.to));
        issues::take_reason(parcel, reason, key, detail, outcome != Outcome::Refused);
    }
}

/// Tries to bring the parcel to `to`.
fn step(parcel: &mut Parcel, to: Status, forced: bool, key: &FoldKey) -> Outcome {
    let from = parcel.status;
    let admitted = rules::admits(from, to, parcel.before_hold, Gate::Foreign)
        || forced && rules::admits(from, to, parcel.before_hold, Gate::Supervisor);
    if admitted {
        enter(parcel, to, key);
        return Outcome::Entered;
    }
    match to {
        _ if to == from => {
            if rules::is_open(from) {
                Outcome::Confirmed
            } else {
                Outcome::Silent
            }
        }
        Status::Unknown => Outcome::Silent, // "no information" contradicts nothing
        _ => Outcome::Refused,
    }
}

/// The parcel is at `to` since this event.
fn enter(parcel: &mut Parcel, to: Status, key: &FoldKey) {
    let from = parcel.status;
    if to == Status::OnHold {
        parcel.before_hold = Some(from).filter(|from| *from != Status::Unknown);
    } else {
        parcel.before_hold = None;
    }
    parcel.status = to;
    parcel.since = key.at();
    parcel.pickup_noticed = 0;
    issues::freshened(parcel);
    if rules::is_final(to) {
        issues::settled(parcel);
    } else if to != from && !matches!(to, Status::Attempted | Status::OnHold) {
        issues::moved_on(parcel);
    }
}

fn seen_at(parcel: &mut Parcel, location: &Place) {
    if !location.is_empty() {
        parcel.location = Some(location.clone());
    }
}

fn noted(parcel: &mut Parcel) {
    parcel.notes_count = parcel.notes_count.saturating_add(1);
}

#[cfg(test)]
mod tests;
