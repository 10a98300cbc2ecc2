//! Status messages as text: each is taken in, a waybill nobody knows is made by its first message, and what was not
//! understood is kept and told.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::Result;
use super::event::MawbEvent;
use super::fsu::{self, Event, Message, Share, Unknown};
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
use crate::journal::Cx;
use crate::store::{Ix, KeyRange, WriteTx};

/// Messages of one text: as many as one transaction takes without keeping others waiting.
pub const MAX_MESSAGES: usize = 500;
/// Lines of one text that are kept because they were not understood.
const MAX_KEPT: usize = 1_000;

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
    if parsed.messages.len() > MAX_MESSAGES {
        let said = format!("holds {} messages; {MAX_MESSAGES} are taken at once", parsed.messages.len());
        return Err(Invalid::at("/", said).into());
    }
    let mut out = Outcome { id: Id::fresh(), messages: parsed.messages.len() as u64, ..Outcome::default() };
    for message in &parsed.messages {
        hear(tx, cx, message, &mut out)?;
    }
    out.unknown = parsed.unknown.into_iter().take(MAX_KEPT).map(Kept::from).collect();
    let heard = Heard {
        id: out.id,
        at: cx.now,
        by: cx.actor.name.to_string(),
        messages: out.messages,
        unknown: out.unknown.clone(),
    };
    HEARD.put(tx, &heard.id, &heard)?;
    Ok(out)
}

/// Takes in one message.
fn hear(tx: &mut dyn WriteTx, cx: &Cx, message: &Message, out: &mut Outcome) -> Result<()> {
    let known = repo::with_number(tx, message.awb.digits())?.pop().map(|e| e.value.state);
    let told = told(message);
    let mut marks = Vec::new();
    for event in &message.events {
        let zone = zone_of(tx, cx, event.station.as_deref())?;
        marks.extend(mark(event, message, &zone, cx.now));
    }
    let (fresh, old): (Vec<Mark>, Vec<Mark>) = match &known {
        Some(m) => marks.into_iter().partition(|k| !m.marks.contains(k)),
        None => (marks, Vec::new()),
    };
    out.known += old.len() as u64;
    out.reports += fresh.len() as u64;
    match known {
        None => {
            out.created += 1;
            announce(tx, cx, Id::fresh(), message.awb.clone(), None, (told, fresh))
        }
        Some(m) => {
            let mut events: Vec<MawbEvent> = fresh.into_iter().map(MawbEvent::Reported).collect();
            events.extend(missing(&m, &told));
            if events.is_empty() { Ok(()) } else { tell(tx, cx, m.id, events).map(drop) }
        }
    }
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
