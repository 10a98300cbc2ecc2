//! Status messages as text: each is taken in, a waybill nobody knows is made by its first message, and what was not
//! understood is kept and told.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::Result;
use super::event::MawbEvent;
use super::fsu::{self, Event, Message, Parsed, Share, Unknown};
use super::model::{Facts, Mark, Mawb, Part};
use super::repo::{self, HEARD};
use super::service::{announce, tell, whole};
use super::{counts, desk};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::units::Grams;
use crate::first_record;
use crate::identity::features::SendAirMessages;
use crate::identity::grant::Grant;
use crate::jobs::retention::{Retained, older};
use crate::journal::fold::MAX_TIMELINE;
use crate::journal::{Cx, Folded};
use crate::store::{Ix, KeyRange, WriteTx};

/// Messages of one text: as many as one transaction takes without keeping others waiting.
pub const MAX_MESSAGES: usize = 500;
/// Lines of one text that are kept because they were not understood.
const MAX_KEPT: usize = 1_000;
/// Changes of a waybill that are left to its desk: messages end before.
const ROOM: usize = 200;

/// A text that was handed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heard {
    /// Its id.
    pub id: Id,
    /// When it came.
    pub at: Timestamp,
    /// From whom, by name.
    pub by: String,
    /// Messages in it.
    pub messages: u64,
    /// Reports that were new.
    #[serde(default)]
    pub reports: u64,
    /// Waybills that were made.
    #[serde(default)]
    pub created: u64,
    /// Lines that were not understood.
    #[serde(default)]
    pub unknown: Vec<Kept>,
}
first_record!(Heard);

/// Texts are kept as long as the audit trail, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "fsu_texts",
        days: |r| r.audit,
        find: |tx, before, after, limit| {
            let range = KeyRange { after, ..KeyRange::all() };
            older(&HEARD, tx, (Ix::Primary, range), limit, |h| h.at < before)
        },
        remove: |tx, pk| Id::from_slice(pk).map_or(Ok(()), |id| HEARD.del(tx, &id).map(drop)),
    }
}

/// A line that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// Which line of the text, from 1.
    pub line: u64,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl From<Unknown> for Kept {
    fn from(u: Unknown) -> Self {
        Self { line: u.line as u64, text: u.text, why: u.why }
    }
}

/// What became of a text.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = FsuOutcome)]
pub struct Outcome {
    /// The text's id.
    pub id: Id,
    /// Messages in it.
    pub messages: u64,
    /// Reports that were new.
    pub reports: u64,
    /// Reports that were known already.
    pub known: u64,
    /// Waybills that were made.
    pub created: u64,
    /// Lines that were not understood.
    pub unknown: Vec<Kept>,
}

/// Takes in the messages of `text`.
///
/// # Errors
/// When it holds more messages than are taken at once; storage failures. A line that is not understood is no error.
pub fn take(tx: &mut dyn WriteTx, grant: &Grant<SendAirMessages>, cx: &Cx, text: &str) -> Result<Outcome> {
    whole(grant)?;
    let parsed = fsu::parse(text);
    fits(&parsed)?;
    take_in(tx, cx, (&cx.actor.name, cx.now), &parsed)
}

/// That a text has no more messages than are taken at once.
///
/// # Errors
/// Says how many it has.
pub fn fits(parsed: &Parsed) -> std::result::Result<(), Invalid> {
    if parsed.messages.len() <= MAX_MESSAGES {
        return Ok(());
    }
    let said = format!("holds {} messages; {MAX_MESSAGES} are taken at once", parsed.messages.len());
    Err(Invalid::at("/", said))
}

/// Takes in messages that [fit](fits) and came from `by` at the moment `came`, whoever is behind that: the caller has seen
/// that it may be heard.
///
/// # Errors
/// Storage failures. A line that is not understood is no error.
pub fn take_in(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    (by, came): (&str, Timestamp),
    parsed: &Parsed,
) -> Result<Outcome> {
    let mut out = Outcome { id: Id::fresh(), messages: parsed.messages.len() as u64, ..Outcome::default() };
    let mut unknown = parsed.unknown.clone();
    for message in &parsed.messages {
        unknown.extend(hear(tx, cx, (message, came), &mut out)?);
    }
    out.unknown = unknown.into_iter().take(MAX_KEPT).map(Kept::from).collect();
    let heard = Heard {
        id: out.id,
        at: cx.now,
        by: by.to_owned(),
        messages: out.messages,
        reports: out.reports,
        created: out.created,
        unknown: out.unknown.clone(),
    };
    HEARD.put(tx, &heard.id, &heard)?;
    Ok(out)
}

/// Takes in one message; returns what it could not be taken for.
fn hear(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    (message, came): (&Message, Timestamp),
    out: &mut Outcome,
) -> Result<Option<Unknown>> {
    let row = repo::with_number(tx, message.awb.digits())?.pop().map(|e| e.value);
    let told = told(message);
    let mut marks = Vec::new();
    for event in &message.events {
        let zone = zone_of(tx, cx, event.station.as_deref())?;
        marks.extend(mark(event, message, &zone, came));
    }
    let Some(Folded { state: m, line, .. }) = row else {
        out.reports += marks.len() as u64;
        out.created += 1;
        announce(tx, cx, Id::fresh(), message.awb.clone(), None, (told, marks))?;
        return Ok(None);
    };
    let (fresh, old): (Vec<Mark>, Vec<Mark>) = marks.into_iter().partition(|k| !m.marks.contains(k));
    if line.n as usize + fresh.len() + ROOM > MAX_TIMELINE as usize {
        let why = format!("{} has no room for another report", message.awb);
        return Ok(Some(Unknown {
            line: message.line,
            text: message.text.chars().take(fsu::MAX_LINE).collect(),
            why,
        }));
    }
    out.known += old.len() as u64;
    out.reports += fresh.len() as u64;
    let mut events: Vec<MawbEvent> = fresh.into_iter().map(MawbEvent::Reported).collect();
    events.extend(missing(&m, &told));
    if !events.is_empty() {
        tell(tx, cx, m.id, events)?;
    }
    Ok(None)
}

/// What a message's own line says of the shipment.
fn told(message: &Message) -> Facts {
    let whole = message.quantity.and_then(|q| q.whole());
    let weight = message.quantity.filter(|q| q.share == Share::Total).and_then(|q| q.weight_g);
    Facts {
        origin: message.route.as_ref().map(|r| r.0.clone()),
        destination: message.route.as_ref().map(|r| r.1.clone()),
        pieces: whole,
        weight: weight.map(Grams),
        ..Facts::default()
    }
}

/// Of what a message says, that which nobody knew: what the desk wrote down stands.
fn missing(m: &Mawb, told: &Facts) -> Option<MawbEvent> {
    let facts = Facts {
        origin: told.origin.clone().filter(|_| m.facts.origin.is_none()),
        destination: told.destination.clone().filter(|_| m.facts.destination.is_none()),
        pieces: told.pieces.filter(|_| m.facts.pieces.is_none() && counts::expected(m).is_none()),
        weight: told.weight.filter(|_| m.facts.weight.is_none()),
        ..Facts::default()
    };
    (facts != Facts::default()).then_some(MawbEvent::Described(super::event::Described { facts }))
}

/// The clock of a station: that of its terminal, else the depot's.
fn zone_of(tx: &dyn crate::store::ReadTx, cx: &Cx, station: Option<&str>) -> Result<TimeZone> {
    let found = station.map(|s| desk::terminal(tx, s)).transpose()?.flatten();
    Ok(found.map_or_else(|| cx.policy.calendar.zone().clone(), |(t, _)| t.time_zone()))
}

/// What a status line says, on the clock of `zone`. A line without a day is of the moment it came.
fn mark(e: &Event, message: &Message, zone: &TimeZone, now: Timestamp) -> Option<Mark> {
    let at = match e.at {
        Some(day) => {
            let mut local = day.near(now.civil(zone))?;
            let actual = e.times.iter().find(|(which, _, _)| *which == 'A');
            if let (None, Some((_, time, days))) = (day.time, actual) {
                let shifted = local.date().checked_add(jiff::Span::new().days(i64::from(*days))).ok()?;
                local = shifted.to_datetime(*time);
            }
            Timestamp::from_civil(local, zone).ok()?
        }
        None => now,
    };
    let quantity = e.quantity;
    let total = quantity.and_then(|q| q.whole()).or_else(|| message.quantity.and_then(|q| q.whole()));
    let part = quantity.is_some_and(|q| q.share != Share::Total && Some(q.pieces) != total);
    Some(Mark {
        station: e.station.clone(),
        to: e.to.clone(),
        flight: e.flight.clone(),
        part: if part { Part::Some } else { Part::Whole },
        pieces: quantity.map(|q| q.pieces),
        total,
        weight: quantity.and_then(|q| q.weight_g).map(Grams),
        reason: e.reason,
        name: e.name.clone(),
        ..Mark::new(e.code, at)
    })
}
