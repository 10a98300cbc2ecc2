//! What is shown of masters, houses and bills.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::bills::{Bill, BillLine};
use super::clocks;
use super::counts::{self, Flight, Pieces};
use super::error::Result;
use super::free::CountsFrom;
use super::houses::{self, Sums};
use super::model::{
    BillKind, BillMark, Document, Facts, Hawb, Hold, HouseFacts, Line, Mark, Mawb, Run, State, Unit,
};
use super::sop::{Missing, Sop, Step};
use super::terminals::Terminal;
use super::{desk, free};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::{self, Aggregate, Event, Folded};
use crate::store::ReadTx;
use crate::store::table::Entry;

/// The last free day and what it comes from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LfdView {
    /// The day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub day: Option<Date>,
    /// Its last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// The terminal's zone.
    pub zone: String,
    /// The terminal whose rules hold.
    pub terminal: String,
    /// What free time counts from.
    pub counts_from: CountsFrom,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_from: Option<Timestamp>,
    /// Why it was set by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
    /// Days from today to it; less than nothing once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left: Option<i32>,
    /// The last free day of the unit that is due back first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub detention: Option<Date>,
}

/// A master as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MawbView {
    /// Its id.
    pub id: Id,
    /// Its number.
    pub number: String,
    /// Why it is taken with a wrong check digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_written: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What is known of it.
    pub facts: Facts,
    /// Its pieces by how far they have come.
    pub pieces: Pieces,
    /// The flights it travels on.
    pub flights: Vec<Flight>,
    /// Its houses.
    pub houses: Sums,
    /// Its last free day.
    pub lfd: LfdView,
    /// Its units.
    pub units: Vec<Unit>,
    /// Its documents.
    pub documents: Vec<Document>,
    /// Its bills.
    pub bills: Vec<BillMark>,
    /// The hold of customs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Labels.
    pub labels: Vec<String>,
    /// What needs a person.
    pub issues: Vec<String>,
    /// Its revision.
    pub version: u64,
}

/// A master in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MawbCard {
    /// Its id.
    pub id: Id,
    /// Its number.
    pub number: String,
    /// Where it stands.
    pub state: State,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// To where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Expected arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<Timestamp>,
    /// Its pieces.
    pub pieces: Pieces,
    /// Its last free day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub lfd: Option<Date>,
    /// Days from today to it; less than nothing once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left: Option<i32>,
    /// Whether its flight should have been here, or storage is charged.
    pub is_late: bool,
    /// Whether customs holds it.
    pub on_hold: bool,
    /// Matters that need a person.
    pub issues: u64,
    /// Its revision.
    pub version: u64,
}

/// `entry` in a list, at a moment; the zone is that of terminals without rules.
///
/// # Errors
/// Storage failures.
pub fn card(
    tx: &dyn ReadTx,
    (zone, now): (&str, Timestamp),
    entry: &Entry<Folded<Mawb>>,
) -> Result<MawbCard> {
    let m = &entry.value.state;
    let (clocks, _) = desk::clocks_of(tx, zone, m)?;
    Ok(MawbCard {
        id: m.id,
        number: m.number.to_string(),
        state: m.state,
        origin: m.facts.origin.clone(),
        destination: m.facts.destination.clone(),
        eta: m.facts.eta,
        pieces: counts::pieces(m),
        lfd: clocks.lfd,
        days_left: clocks::days_left(&clocks, now),
        is_late: clocks::is_late(m, &clocks, now),
        on_hold: m.hold.is_some(),
        issues: m.issues.len() as u64,
        version: entry.rev,
    })
}

fn lfd_view(m: &Mawb, t: &Terminal, now: Timestamp) -> LfdView {
    let c = clocks::of(m, t);
    LfdView {
        day: c.lfd,
        ends_at: c.lfd.map(|d| free::end_of(d, &c.zone)),
        zone: t.zone.clone(),
        terminal: t.code.clone(),
        counts_from: t.free.counts_from,
        free_from: c.free_from,
        by_hand: m.lfd.as_ref().map(|l| l.reason.clone()),
        days_left: clocks::days_left(&c, now),
        detention: c.detention,
    }
}

/// `entry` as it is shown at `now`.
///
/// # Errors
/// Storage failures.
pub fn mawb(tx: &dyn ReadTx, zone: &str, now: Timestamp, entry: Entry<Folded<Mawb>>) -> Result<MawbView> {
    let terminal = desk::terminal_of(tx, zone, &entry.value.state)?;
    let m = entry.value.state;
    let (sums, lfd) = (houses::sums(tx, &m, None)?, lfd_view(&m, &terminal, now));
    let (pieces, flights) = (counts::pieces(&m), counts::flights(&m));
    let Mawb { id, number, as_written, facts, documents, bills, units, hold, labels, state, issues, .. } = m;
    Ok(MawbView {
        id,
        number: number.to_string(),
        as_written,
        state,
        facts,
        pieces,
        flights,
        houses: sums,
        lfd,
        units,
        documents,
        bills,
        hold,
        labels,
        issues: issues.into_iter().map(|i| i.detail).collect(),
        version: entry.rev,
    })
}

/// A house as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HawbView {
    /// Its id.
    pub id: Id,
    /// Its number.
    pub number: String,
    /// Its master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mawb: Option<Id>,
    /// What is known of it.
    pub facts: HouseFacts,
    /// What was reported of it.
    pub marks: Vec<Mark>,
    /// Its goods.
    pub lines: Vec<Line>,
    /// Calendar days it came late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_late: Option<i32>,
    /// Its revision.
    pub version: u64,
}

impl From<Entry<Folded<Hawb>>> for HawbView {
    fn from(entry: Entry<Folded<Hawb>>) -> Self {
        let days_late = entry.value.state.days_late();
        let Hawb { id, number, mawb, facts, marks, lines, deconsolidated: _, corrections: _, origin: _ } =
            entry.value.state;
        Self { id, number, mawb, facts, marks, lines, days_late, version: entry.rev }
    }
}

/// A bill as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BillView {
    /// Its id.
    pub id: Id,
    /// Its number.
    pub number: String,
    /// Who wrote it.
    pub from: String,
    /// What it is for.
    pub kind: BillKind,
    /// The waybill it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mawb: Option<Id>,
    /// ISO 4217.
    pub currency: String,
    /// Its lines.
    pub lines: Vec<BillLine>,
    /// Its sum in minor units.
    pub total: i64,
    /// The day it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub due: Option<Date>,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// The receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Id>,
    /// Whether its sum was matched.
    pub matched: bool,
    /// Whether it was withdrawn.
    pub void: bool,
    /// Its revision.
    pub version: u64,
}

impl From<Entry<Folded<Bill>>> for BillView {
    fn from(entry: Entry<Folded<Bill>>) -> Self {
        let total = entry.value.state.total();
        let Bill {
            id, number, from, kind, mawb, currency, lines, due, paid_at, receipt, matched, void, ..
        } = entry.value.state;
        let version = entry.rev;
        Self {
            id,
            number,
            from,
            kind,
            mawb,
            currency,
            lines,
            total,
            due,
            paid_at,
            receipt,
            matched,
            void,
            version,
        }
    }
}

/// One entry of a timeline.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimelineView {
    /// When it is said to have happened.
    pub occurred_at: Timestamp,
    /// When it was written down.
    pub received_at: Timestamp,
    /// What.
    pub event: &'static str,
    /// By whom: the number of the user at the site; 0 is the system.
    pub by: u32,
    /// In full.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

/// The timeline of `row`, oldest first; at most `limit` entries behind `skip`.
///
/// # Errors
/// Storage failures.
pub fn timeline<A: Aggregate>(
    tx: &dyn ReadTx,
    row: &Folded<A>,
    (skip, limit): (usize, usize),
) -> Result<Vec<TimelineView>> {
    let all = journal::history::<A>(tx, &row.line)?;
    let view = |e: &journal::Stamped<A::Event>| -> Result<TimelineView> {
        let detail: rmpv::Value = rmp_serde::from_slice(&e.event.encode()?).unwrap_or(rmpv::Value::Nil);
        Ok(TimelineView {
            occurred_at: e.key.at(),
            received_at: Timestamp::from_millis(i64::try_from(e.key.t >> 16).unwrap_or(i64::MAX)),
            event: e.event.name(),
            by: e.actor,
            detail: plain(&detail),
        })
    };
    all.iter().skip(skip).take(limit).map(|(_, e)| view(e)).collect()
}

/// MessagePack as JSON, ids as text.
fn plain(value: &rmpv::Value) -> serde_json::Value {
    match value {
        rmpv::Value::Map(pairs) => {
            pairs.iter().map(|(k, v)| (k.as_str().unwrap_or("?").to_owned(), plain(v))).collect()
        }
        rmpv::Value::Array(items) => items.iter().map(plain).collect(),
        rmpv::Value::Binary(bytes) => {
            Id::from_slice(bytes).map_or(serde_json::Value::Null, |id| id.to_string().into())
        }
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// A step of a running procedure.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WorkflowStepView)]
pub struct StepView {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// `done`, `open` or `waiting` for an earlier one.
    pub state: &'static str,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// Why it was forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// What keeps it from being done.
    pub missing: Vec<Missing>,
}

/// Where a master stands in its procedure.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkflowView {
    /// The master.
    pub mawb: Id,
    /// Its number.
    pub number: String,
    /// The version of the steps it began with.
    pub version: u32,
    /// The first step that is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// When the next reminder is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_reminder_at: Option<Timestamp>,
    /// The steps.
    pub steps: Vec<StepView>,
}

/// The procedure of `row`.
///
/// # Errors
/// Storage failures.
pub fn workflow(tx: &dyn ReadTx, row: &Folded<Mawb>) -> Result<WorkflowView> {
    let m = &row.state;
    let run: Run = m.procedure();
    let sop: Sop = match &m.run {
        Some(run) => desk::version(tx, run.version)?,
        None => Sop { version: 0, steps: Vec::new() },
    };
    let current = sop.current(&run).map(|s| s.key.clone());
    let steps = sop.steps.into_iter().map(|step| {
        let done = run.done.get(&step.key);
        let missing = if done.is_some() { Vec::new() } else { step.missing(m, &run) };
        let waits = missing.iter().any(|x| x.guard == "step");
        StepView {
            state: if done.is_some() {
                "done"
            } else if waits {
                "waiting"
            } else {
                "open"
            },
            done_at: done.map(|d| d.at),
            forced: done.and_then(|d| d.forced.clone()),
            missing,
            step,
        }
    });
    Ok(WorkflowView {
        mawb: m.id,
        number: m.number.to_string(),
        version: run.version,
        current,
        next_reminder_at: row.due,
        steps: steps.collect(),
    })
}
