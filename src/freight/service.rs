//! The use cases of masters: made, changed, reported on, taken through their procedure.

use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use super::awb::Awb;
use super::codes::{Code, Discrepancy};
use super::error::{FreightError, Result};
use super::event::{Announced, Begun, Described, Held, LfdGiven, MawbEvent, Plain, Said, Stepped};
use super::model::{Document, Facts, Hold, LfdSet, MAX_UNITS, Mark, Mawb, Part, Unit};
use super::repo::{self, MAWBS};
use super::sop::{Action, Sop, Step};
use super::{carriers, counts, desk};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::money::scaled;
use crate::base::text;
use crate::base::units::Grams;
use crate::identity::features::{
    AdvanceWorkflows, ClearCustoms, EditAirFreight, EditBills, Feature, ForceWorkflows, PayCharges,
};
use crate::identity::grant::{Grant, Principal, Scope};
use crate::journal::{Aggregate, Cx, Folded, record};
use crate::store::table::Entry;
use crate::store::{ReadTx, WriteTx};

/// How far in the future a report may lie: clocks differ.
const AHEAD_MS: i64 = 10 * 60_000;

/// That the caller may see every waybill.
///
/// # Errors
/// [`FreightError::Scope`] when they may not.
pub fn whole<F: Feature>(grant: &Grant<F>) -> Result<()> {
    if *grant.scope() == Scope::Tenant { Ok(()) } else { Err(FreightError::Scope) }
}

/// The master called `name`, an id or a number; of several with one number the open one, else the newest.
///
/// # Errors
/// [`FreightError::Unknown`] when there is none.
pub fn find(tx: &dyn ReadTx, name: &str) -> Result<Entry<Folded<Mawb>>> {
    let unknown = || FreightError::unknown("waybill", name);
    if let Ok(id) = name.parse::<Id>() {
        let found = MAWBS.entry(tx, &id)?.filter(|e| !e.value.state.number.digits().is_empty());
        return found.ok_or_else(unknown);
    }
    let awb = Awb::as_written(name).map_err(|_| unknown())?;
    repo::with_number(tx, awb.digits())?.pop().ok_or_else(unknown)
}

/// The same with the id alone.
///
/// # Errors
/// As [`find`].
pub fn find_id(tx: &dyn ReadTx, name: &str) -> Result<Id> {
    Ok(find(tx, name)?.value.state.id)
}

/// Checks facts that a person gives.
///
/// # Errors
/// Names every place that is wrong.
pub fn check(f: &Facts) -> std::result::Result<(), Invalid> {
    let mut wrong = Vec::new();
    for (at, airport) in [("/origin", &f.origin), ("/destination", &f.destination)] {
        let fits = |a: &String| a.len() == 3 && a.bytes().all(|b| b.is_ascii_uppercase());
        if let Some(a) = airport.as_ref().filter(|a| !fits(a)) {
            let said = format!(
                "\"{}\" is no airport; write its three letters in capitals",
                text::clipped(a.clone(), 20)
            );
            wrong.push(Problem::new(at, said));
        }
    }
    let texts = [
        ("/handler", &f.handler),
        ("/carrier", &f.carrier),
        ("/flight", &f.flight),
        ("/goods", &f.goods),
        ("/mode", &f.mode),
        ("/country", &f.country),
        ("/entry_number", &f.entry_number),
    ];
    for (at, value) in texts {
        wrong.extend(value.as_ref().and_then(|v| text::optional(at, v, text::SHORT).err()));
    }
    if f.pieces == Some(0) {
        wrong.push(Problem::new("/pieces", "is none; a shipment has one at least"));
    }
    for (at, party) in [("/shipper", &f.shipper), ("/consignee", &f.consignee)] {
        let Some(p) = party else { continue };
        wrong.extend(text::optional(at, &p.name, text::SHORT).err());
        let rest = [&p.email, &p.phone, &p.address];
        wrong.extend(rest.into_iter().flatten().filter_map(|t| text::optional(at, t, text::LONG).err()));
        if p.email.as_ref().is_some_and(|e| !e.contains('@')) {
            wrong.push(Problem::new(format!("{at}/email"), "is no address; write ana@example.com"));
        }
    }
    wrong.extend(check_more(&f.more));
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

/// Checks further facts by name.
pub(super) fn check_more(more: &std::collections::BTreeMap<String, String>) -> Vec<Problem> {
    let mut wrong = Vec::new();
    if more.len() > super::model::MAX_MORE {
        let said = format!("has {} entries; at most {} are kept", more.len(), super::model::MAX_MORE);
        wrong.push(Problem::new("/more", said));
    }
    let long = more.iter().filter(|(k, v)| k.len() > 64 || v.len() > text::SHORT);
    wrong
        .extend(long.take(5).map(|(k, _)| {
            Problem::new("/more", format!("\"{}\" is too long", text::clipped(k.clone(), 64)))
        }));
    wrong
}

/// Grams of a weight in kilograms.
///
/// # Errors
/// When it is no weight.
pub fn grams(kg: &serde_json::Number) -> std::result::Result<Grams, Invalid> {
    let wrong = |why: &str| Invalid::at("/weight_kg", format!("{kg} is no weight in kg: {why}"));
    let n = scaled(&kg.to_string(), 3).map_err(wrong)?;
    u64::try_from(n).map(Grams).map_err(|_| wrong("it is less than nothing"))
}

/// A master that is announced.
#[derive(Clone, Debug)]
pub struct NewMawb {
    /// Its number as written.
    pub number: String,
    /// Why it is taken although its check digit is wrong.
    pub as_written: Option<String>,
    /// What is known of it.
    pub facts: Facts,
}

/// Announces a master; its procedure begins.
///
/// # Errors
/// When its number is none, is mistyped, or belongs to one that is under way; what [`check`] finds.
pub fn create(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    new: NewMawb,
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    let number = match &new.as_written {
        Some(why) => {
            text::required("/as_written", why, text::SHORT).map_err(|p| Invalid(vec![p]))?;
            Awb::as_written(&new.number)?
        }
        None => Awb::parse(&new.number)?,
    };
    check(&new.facts)?;
    if let Some(there) = open_one(tx, &number)? {
        return Err(FreightError::Exists { what: "waybill", number: number.to_string(), id: there });
    }
    let id = Id::fresh();
    let as_written = new.as_written.filter(|_| !number.holds());
    announce(tx, cx, id, number, as_written, (new.facts, Vec::new()))?;
    reread(tx, id)
}

/// The open master with this number.
///
/// # Errors
/// Storage failures.
pub fn open_one(tx: &dyn ReadTx, number: &Awb) -> Result<Option<Id>> {
    let found = repo::with_number(tx, number.digits())?.pop();
    Ok(found.filter(|e| e.value.state.state.is_open()).map(|e| e.value.state.id))
}

/// Writes a new master down with its first reports, and begins its procedure unless it is over already.
///
/// # Errors
/// Storage failures.
pub fn announce(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    number: Awb,
    as_written: Option<String>,
    (mut facts, marks): (Facts, Vec<Mark>),
) -> Result<()> {
    if facts.carrier.is_none() {
        facts.carrier = carriers::by_prefix(tx, number.prefix())?;
    }
    let mut events = vec![MawbEvent::Announced(Announced { number, as_written, facts })];
    events.extend(marks.into_iter().map(MawbEvent::Reported));
    let written = record::<Mawb>(tx, cx, id, None, events)?;
    if written.state.state.is_open() {
        let (sop, _) = desk::present(tx)?;
        tell(tx, cx, id, vec![MawbEvent::Begun(Begun { version: sop.version })])?;
    }
    Ok(())
}

fn reread(tx: &dyn ReadTx, id: Id) -> Result<Entry<Folded<Mawb>>> {
    MAWBS.entry(tx, &id)?.ok_or_else(|| FreightError::unknown("waybill", &id.to_string()))
}

/// Records `events` of a master and takes the steps that follow by themselves.
///
/// # Errors
/// Storage failures.
pub fn tell(tx: &mut dyn WriteTx, cx: &Cx, id: Id, events: Vec<MawbEvent>) -> Result<Vec<Id>> {
    let row = MAWBS.get(tx, &id)?;
    let mut opened = record::<Mawb>(tx, cx, id, row, events)?.opened;
    // A step may make others ready; each is done once, so this ends.
    loop {
        let Some(row) = MAWBS.get(tx, &id)? else { return Ok(opened) };
        let Some(run) = row.state.run.clone().filter(|_| row.state.closed_at.is_none()) else {
            return Ok(opened);
        };
        let sop = desk::version(tx, run.version)?;
        let ready: Option<Step> = sop.ready(&row.state, &run).next().cloned();
        let Some(step) = ready else { return Ok(opened) };
        let events = done(&sop, &row.state, cx.now, &step, None);
        opened.extend(record::<Mawb>(tx, cx, id, Some(row), events)?.opened);
    }
}

/// The events of a step that is done: it, and those of its actions that are events. Mail and tasks are sent by whoever
/// reads the journal.
fn done(sop: &Sop, m: &Mawb, now: Timestamp, step: &Step, forced: Option<String>) -> Vec<MawbEvent> {
    let mut events = vec![MawbEvent::Stepped(Stepped { step: step.key.clone(), forced })];
    for action in &step.actions {
        match action {
            Action::Label { label } => events.push(MawbEvent::Labelled(Said { text: label.clone() })),
            Action::Webhook { event } => events.push(MawbEvent::Signalled(Said { text: event.clone() })),
            Action::Status { code } if m.state.is_open() && counts::first(m, *code).is_none() => {
                let station = m.facts.destination.clone().filter(|_| *code != Code::Bkd);
                events.push(MawbEvent::Reported(Mark { station, ..Mark::new(*code, now) }));
            }
            Action::Status { .. } | Action::Mail { .. } | Action::Task { .. } => {}
        }
    }
    let run = m.procedure();
    if sop.steps.iter().all(|s| s.key == step.key || run.done.contains_key(&s.key)) {
        events.push(MawbEvent::Closed(Plain {}));
    }
    events
}

/// Changes what is known of a master.
///
/// # Errors
/// When it was changed since `seen`, or the facts make no sense.
pub fn change(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    name: &str,
    (seen, facts): (u64, Facts),
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    if entry.rev != seen {
        return Err(FreightError::Stale { found: entry.rev, seen });
    }
    check(&facts)?;
    let id = entry.value.state.id;
    let Some(news) = entry.value.state.facts.news(&facts) else { return Ok(entry) };
    tell(tx, cx, id, vec![MawbEvent::Described(Described { facts: news })])?;
    reread(tx, id)
}

/// Something that happened to a shipment.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// What, such as `RCF`.
    pub code: String,
    /// Where, three letters; of a flight, from where.
    #[serde(default)]
    pub station: Option<String>,
    /// To where, of a flight.
    #[serde(default)]
    pub to: Option<String>,
    /// The flight.
    #[serde(default)]
    pub flight: Option<String>,
    /// How many pieces; all of them when absent.
    #[serde(default)]
    pub pieces: Option<u32>,
    /// How many the whole shipment has.
    #[serde(default)]
    pub total_pieces: Option<u32>,
    /// Their weight.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub weight_kg: Option<serde_json::Number>,
    /// When; now when absent.
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
    /// Why, of a discrepancy, such as `MSCA`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who, or a note.
    #[serde(default)]
    pub note: Option<String>,
}

/// The report in `r`, of a shipment of which `expected` pieces are expected.
///
/// # Errors
/// Names every place that is wrong.
pub fn read_report(
    r: &Reported,
    expected: Option<u32>,
    now: Timestamp,
) -> std::result::Result<Mark, Invalid> {
    let mut wrong = Vec::new();
    let code = r.code.parse::<Code>().map_err(|e| Invalid::at("/code", e))?;
    let reason = r.reason.as_deref().map(str::parse::<Discrepancy>).transpose();
    let reason = reason.map_err(|e| Invalid::at("/reason", e))?;
    if code == Code::Dis && reason.is_none() {
        wrong.push(Problem::new("/reason", "is needed for a discrepancy: MSCA, missing cargo, is one"));
    }
    for (at, airport) in [("/station", &r.station), ("/to", &r.to)] {
        let fits = |a: &String| a.len() == 3 && a.bytes().all(|b| b.is_ascii_uppercase());
        if airport.as_ref().is_some_and(|a| !fits(a)) {
            wrong.push(Problem::new(at, "is no airport; write its three letters in capitals"));
        }
    }
    for (at, value) in [("/flight", &r.flight), ("/note", &r.note)] {
        wrong.extend(value.as_ref().and_then(|v| text::optional(at, v, text::SHORT).err()));
    }
    if r.pieces == Some(0) {
        wrong.push(Problem::new("/pieces", "is none; leave it out for all of them"));
    }
    let at = r.occurred_at.unwrap_or(now);
    if at.millis() > now.millis().saturating_add(AHEAD_MS) {
        wrong.push(Problem::new("/occurred_at", format!("{at} has not come yet")));
    }
    if !wrong.is_empty() {
        return Err(Invalid(wrong));
    }
    let whole = r.total_pieces.or(expected);
    let part = matches!((r.pieces, whole), (Some(n), Some(all)) if n < all);
    Ok(Mark {
        station: r.station.clone(),
        to: r.to.clone(),
        flight: r.flight.clone(),
        part: if part { Part::Some } else { Part::Whole },
        pieces: r.pieces,
        total: r.total_pieces,
        weight: r.weight_kg.as_ref().map(grams).transpose()?,
        reason,
        name: r.note.clone(),
        ..Mark::new(code, at)
    })
}

/// Reports on a master. What was reported before, word for word, changes nothing.
///
/// # Errors
/// When there is none, or the report makes no sense.
pub fn report(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    name: &str,
    news: &Reported,
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    let entry = find(tx, name)?;
    let mark = read_report(news, counts::expected(&entry.value.state), cx.now)?;
    let id = entry.value.state.id;
    if entry.value.state.marks.contains(&mark) {
        return Ok(entry);
    }
    tell(tx, cx, id, vec![MawbEvent::Reported(mark)])?;
    reread(tx, id)
}

/// Sets the last free day by hand, or with none lets it be computed again.
///
/// # Errors
/// When no reason is given.
pub fn set_lfd(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    name: &str,
    (day, reason): (Option<Date>, &str),
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    text::required("/reason", reason, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    let id = find_id(tx, name)?;
    let lfd = day.map(|day| LfdSet { day, reason: reason.to_owned() });
    tell(tx, cx, id, vec![MawbEvent::LfdGiven(LfdGiven { lfd })])?;
    reread(tx, id)
}

/// What customs says.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CustomsWord)]
pub struct Customs {
    /// The number of the entry.
    #[serde(default)]
    pub entry_number: Option<String>,
    /// It is held, for this reason.
    #[serde(default)]
    pub hold: Option<String>,
    /// It is released.
    #[serde(default)]
    pub release: bool,
}

/// Notes what customs says.
///
/// # Errors
/// When it says nothing, or two things at once.
pub fn customs(
    tx: &mut dyn WriteTx,
    grant: &Grant<ClearCustoms>,
    cx: &Cx,
    name: &str,
    said: &Customs,
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    let mut events = Vec::new();
    let m = find(tx, name)?.value.state;
    if let Some(number) = &said.entry_number {
        text::required("/entry_number", number, text::SHORT).map_err(|p| Invalid(vec![p]))?;
        let facts = Facts { entry_number: Some(number.clone()), ..Facts::default() };
        events.push(MawbEvent::Described(Described { facts }));
    }
    match (&said.hold, said.release) {
        (Some(_), true) => return Err(Invalid::at("/release", "and hold can't both be").into()),
        (Some(reason), false) => {
            text::required("/hold", reason, text::SHORT).map_err(|p| Invalid(vec![p]))?;
            let since = m.hold.as_ref().map_or(cx.now, |h| h.since);
            events.push(MawbEvent::Held(Held { hold: Some(Hold { since, reason: reason.clone() }) }));
        }
        (None, true) => {
            events.push(MawbEvent::Held(Held { hold: None }));
            let station = m.facts.destination.clone();
            events.push(MawbEvent::Reported(Mark { station, ..Mark::new(Code::Ccd, cx.now) }));
        }
        (None, false) => {}
    }
    if events.is_empty() {
        return Err(Invalid::at("/", "says nothing: name entry_number, hold or release").into());
    }
    tell(tx, cx, m.id, events)?;
    reread(tx, m.id)
}

/// Notes a unit that went out or came back.
///
/// # Errors
/// When it has no number, comes back before it went, or there are too many.
pub fn unit(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditAirFreight>,
    cx: &Cx,
    name: &str,
    unit: &Unit,
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    text::required("/number", &unit.number, 32).map_err(|p| Invalid(vec![p]))?;
    let m = find(tx, name)?.value.state;
    let known = m.units.iter().find(|u| u.number == unit.number);
    if known.is_none() && m.units.len() >= MAX_UNITS {
        return Err(Invalid::at("/number", format!("is one too many; {MAX_UNITS} units are kept")).into());
    }
    let out = unit.out_at.or(known.and_then(|u| u.out_at));
    if let (Some(out), Some(back)) = (out, unit.returned_at)
        && back < out
    {
        return Err(Invalid::at("/returned_at", format!("{back} is before it went out, {out}")).into());
    }
    tell(tx, cx, m.id, vec![MawbEvent::UnitTold(unit.clone())])?;
    reread(tx, m.id)
}

/// A document of a master was attached, or removed.
///
/// # Errors
/// When there is no such master.
pub fn document(tx: &mut dyn WriteTx, cx: &Cx, id: Id, doc: Document, there: bool) -> Result<()> {
    let m = reread(tx, id)?.value.state;
    if there && m.documents.len() >= super::model::MAX_DOCUMENTS {
        let said = format!("the waybill has {} documents; that is the most", m.documents.len());
        return Err(FreightError::State(said));
    }
    let event = if there { MawbEvent::Filed(doc) } else { MawbEvent::Unfiled(doc) };
    tell(tx, cx, id, vec![event]).map(drop)
}

/// A step that is to be taken.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Advance {
    /// Which; the first that is not done when absent.
    pub step: Option<String>,
    /// Although guards are missing; takes a right of its own and a reason.
    pub force: bool,
    /// Why it is forced.
    pub reason: Option<String>,
}

/// Whether `p`, who may take steps, may take those of `role`.
#[must_use]
pub fn may_take(p: &Arc<Principal>, role: &str) -> bool {
    right_for(p, role).is_ok()
}

/// What a person needs beside the right to advance for a step of `role`.
fn right_for(p: &Arc<Principal>, role: &str) -> Result<()> {
    match role {
        "broker" => p.grant::<ClearCustoms>().map(drop)?,
        "accounts" if p.grant::<PayCharges>().is_err() => p.grant::<EditBills>().map(drop)?,
        _ => {}
    }
    Ok(())
}

/// Takes a step of a master's procedure.
///
/// # Errors
/// [`FreightError::Held`] with what is missing; when the step is not there, is done, or is somebody else's.
pub fn advance(
    tx: &mut dyn WriteTx,
    grant: &Grant<AdvanceWorkflows>,
    cx: &Cx,
    name: &str,
    asked: &Advance,
) -> Result<Entry<Folded<Mawb>>> {
    whole(grant)?;
    let row = find(tx, name)?.value;
    let m = row.state.clone();
    let Some(run) = m.run.clone() else {
        return Err(FreightError::State(format!("{} has no procedure: it was over when it came", m.number)));
    };
    let sop = desk::version(tx, run.version)?;
    let step = match asked.step.as_deref() {
        Some(key) => sop.step(key).ok_or_else(|| FreightError::unknown("step", key))?,
        None => sop.current(&run).ok_or_else(|| FreightError::State("every step is done".into()))?,
    };
    if run.done.contains_key(&step.key) {
        return Err(FreightError::State(format!("step {} is done already", step.key)));
    }
    // Whoever may force a step may take anybody's.
    if !(asked.force && grant.principal().grant::<ForceWorkflows>().is_ok()) {
        right_for(grant.principal(), &step.role)?;
    }
    let missing = step.missing(&m, &run);
    let forced = match (missing.is_empty(), asked.force) {
        (true, _) => None,
        (false, false) => return Err(FreightError::Held { step: step.key.clone(), missing }),
        (false, true) => {
            grant.principal().grant::<ForceWorkflows>()?;
            let reason = asked.reason.clone().unwrap_or_default();
            text::required("/reason", &reason, text::SHORT).map_err(|p| Invalid(vec![p]))?;
            Some(reason)
        }
    };
    tell(tx, cx, m.id, done(&sop, &m, cx.now, step, forced))?;
    reread(tx, m.id)
}

/// Looks anew at when a master's next reminder is due, after rules changed.
///
/// # Errors
/// Storage failures.
pub fn replan(tx: &mut dyn WriteTx, cx: &Cx, id: Id) -> Result<()> {
    let Some(old) = MAWBS.get(tx, &id)? else { return Ok(()) };
    let due = Mawb::follow(tx, cx, Some(&old), &old.state)?.due;
    if due != old.due {
        MAWBS.put(tx, &id, &Folded { due, ..old })?;
    }
    Ok(())
}
