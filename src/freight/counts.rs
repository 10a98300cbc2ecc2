//! What the reports of a shipment come to: pieces counted, flights, and where it stands. Pure functions of the set of
//! reports, so that order and repeats make no difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::codes::{Code, Discrepancy};
use super::model::{Alarm, Issue, MAX_MARKS, Mark, Mawb, Part, State};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;

/// Pieces by how far they have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pieces {
    /// Expected in all, as far as anybody has said.
    pub expected: Option<u32>,
    /// Left.
    pub departed: u32,
    /// On flights that arrived.
    pub arrived: u32,
    /// Received from the flight: what a depot may plan on.
    pub received: u32,
    /// Delivered.
    pub delivered: u32,
}

/// One flight a part of the shipment travels on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Flight {
    /// Its number.
    pub flight: String,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Pieces on it, when somebody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u32>,
    /// How far it has come, the furthest that was reported.
    pub last: Code,
    /// When that was.
    pub at: Timestamp,
}

/// Adds `mark` to `marks`: a set in the order of moments, of which the earliest [`MAX_MARKS`] are kept.
pub fn add(marks: &mut Vec<Mark>, mark: &Mark) {
    if let Err(at) = marks.binary_search(mark) {
        marks.insert(at, mark.clone());
        marks.truncate(MAX_MARKS);
    }
}

/// Whether `mark` was made where the shipment goes to. Where nobody said either, it was.
fn at_destination(m: &Mark, destination: Option<&str>) -> bool {
    let place = match m.code {
        // A flight says from and to; of an arrival the place stands first, unless it names both.
        Code::Arr | Code::Awr | Code::Rcf => m.to.as_deref().or(m.station.as_deref()),
        _ => m.station.as_deref(),
    };
    destination.is_none_or(|d| place.is_none_or(|p| p == d))
}

/// Pieces of the marks that `of` picks: the largest count of the whole, or the sum of the parts if that is more.
fn count<'a>(marks: impl Iterator<Item = &'a Mark>, expected: Option<u32>) -> u32 {
    let (mut whole, mut parts, mut seen) = (0_u32, 0_u32, BTreeSet::new());
    for m in marks {
        match m.part {
            Part::Whole => whole = whole.max(m.pieces.or(expected).unwrap_or(1)),
            // The same part of the same flight at the same place, told twice, is there once.
            Part::Some => {
                let key = (m.flight.as_deref(), m.station.as_deref(), m.at, m.pieces);
                if seen.insert(key) {
                    parts = parts.saturating_add(m.pieces.unwrap_or(0));
                }
            }
        }
    }
    whole.max(parts)
}

/// Pieces the shipment has: what its papers say, else the most that a report says of the whole.
#[must_use]
pub fn expected(m: &Mawb) -> Option<u32> {
    let told = m.marks.iter().filter_map(|k| {
        k.total.or_else(|| (k.part == Part::Whole && k.code != Code::Dis).then_some(k.pieces).flatten())
    });
    m.facts.pieces.or_else(|| told.max())
}

/// The pieces of a master.
#[must_use]
pub fn pieces(m: &Mawb) -> Pieces {
    let expected = expected(m);
    let there = m.facts.destination.as_deref();
    let of = |codes: &[Code], arrived: bool| {
        let picked = m.marks.iter().filter(|k| codes.contains(&k.code));
        count(picked.filter(|k| !arrived || at_destination(k, there)), expected)
    };
    Pieces {
        expected,
        departed: of(&[Code::Dep], false),
        arrived: of(&[Code::Arr], true),
        received: of(&[Code::Rcf], true),
        delivered: of(&[Code::Dlv], true).max(of(&[Code::Ddl], true)),
    }
}

/// The first moment at which `code` was reported where the shipment goes to.
#[must_use]
pub fn first(m: &Mawb, code: Code) -> Option<Timestamp> {
    let there = m.facts.destination.as_deref();
    m.marks.iter().find(|k| k.code == code && at_destination(k, there)).map(|k| k.at)
}

/// The last moment at which `code` was reported there.
#[must_use]
pub fn last(m: &Mawb, code: Code) -> Option<Timestamp> {
    let there = m.facts.destination.as_deref();
    m.marks.iter().rev().find(|k| k.code == code && at_destination(k, there)).map(|k| k.at)
}

/// Whether `n` pieces are all there are. A shipment whose pieces nobody counted is whole once anything is there.
fn all(n: u32, expected: Option<u32>) -> bool {
    n > 0 && expected.is_none_or(|e| n >= e)
}

/// Whether every piece was received.
#[must_use]
pub fn is_counted(m: &Mawb) -> bool {
    let p = pieces(m);
    all(p.received, p.expected)
}

/// Whether every piece was delivered.
#[must_use]
pub fn is_delivered(m: &Mawb) -> bool {
    let p = pieces(m);
    all(p.delivered, p.expected)
}

/// Where the shipment stands: the furthest state that its reports bear out.
#[must_use]
pub fn state(m: &Mawb) -> State {
    let p = pieces(m);
    let there = m.facts.destination.as_deref();
    let has = |codes: &[Code]| {
        m.marks.iter().any(|k| codes.contains(&k.code) && (k.code == Code::Dep || at_destination(k, there)))
    };
    let flew = m.marks.iter().any(|k| (Code::Dep.rank()..=Code::Rct.rank()).contains(&k.code.rank()));
    if m.closed_at.is_some() {
        State::Closed
    } else if all(p.delivered, p.expected) {
        State::Delivered
    } else if has(&[Code::Awd, Code::Fow]) {
        State::Collected
    } else if has(&[Code::Ccd]) && m.hold.is_none() {
        State::Released
    } else if all(p.received, p.expected) {
        State::Received
    } else if has(&[Code::Arr, Code::Awr, Code::Rcf, Code::Nfd, Code::Dlv, Code::Ddl]) {
        State::Arrived
    } else if flew {
        State::Departed
    } else {
        State::Booked
    }
}

/// The flights of a shipment, in the order they were first told of.
#[must_use]
pub fn flights(m: &Mawb) -> Vec<Flight> {
    let mut out: Vec<Flight> = Vec::new();
    let mut parts: BTreeMap<(usize, Code), u32> = BTreeMap::new();
    for k in m.marks.iter().filter(|k| k.code.flies()) {
        let Some(flight) = &k.flight else { continue };
        let at = out.iter().position(|f| f.flight == *flight).unwrap_or_else(|| {
            out.push(Flight {
                flight: flight.clone(),
                from: None,
                to: None,
                pieces: None,
                last: k.code,
                at: k.at,
            });
            out.len() - 1
        });
        let Some(f) = out.get_mut(at) else { continue };
        let arrives = matches!(k.code, Code::Arr | Code::Awr | Code::Rcf | Code::Fiw) && k.to.is_none();
        if arrives {
            f.to = f.to.take().or_else(|| k.station.clone());
        } else {
            f.from = f.from.take().or_else(|| k.station.clone());
            f.to = f.to.take().or_else(|| k.to.clone());
        }
        if k.code.rank() >= f.last.rank() {
            (f.last, f.at) = (k.code, k.at);
        }
        if let Some(n) = k.pieces {
            let sum = parts.entry((at, k.code)).or_default();
            *sum = if k.part == Part::Some { sum.saturating_add(n) } else { n.max(*sum) };
            f.pieces = Some(f.pieces.unwrap_or(0).max(*sum));
        }
    }
    out
}

fn issue(reason: &str, from: [u8; 16], at: Timestamp, detail: String) -> Issue {
    Issue { reason: reason.to_owned(), from, at, detail }
}

/// Whether what a clock found still holds.
fn holds(m: &Mawb, alarm: &Alarm) -> bool {
    match alarm.kind.as_str() {
        "late_flight" => first(m, Code::Arr).is_none() && first(m, Code::Rcf).is_none(),
        "not_counted" => !is_counted(m),
        "storage_running" => !is_delivered(m),
        "unit_out" => m.units.iter().any(|u| u.out_at.is_some() && u.returned_at.is_none()),
        _ => m.state.is_open(),
    }
}

/// The case's reason for what a clock found.
fn reason_of(kind: &str) -> &'static str {
    match kind {
        "late_flight" => "linehaul_delay",
        "not_counted" => "data_without_piece",
        "storage_running" => "pickup_not_collected",
        "unit_out" => "charges_unpaid",
        _ => "unspecified",
    }
}

/// What needs a person.
#[must_use]
pub fn issues(m: &Mawb) -> Vec<Issue> {
    let mut open: Vec<(Discrepancy, Issue)> = Vec::new();
    for k in &m.marks {
        let Some(why) = k.reason else { continue };
        let healed = why.heals().filter(|h| open.iter().any(|(d, _)| d == h));
        if let Some(healed) = healed {
            open.retain(|(d, _)| *d != healed);
            continue;
        }
        if !why.case().is_empty() {
            let pieces = k.pieces.map(|n| format!(", {n} pieces")).unwrap_or_default();
            let place = k.station.as_deref().map(|s| format!(" at {s}")).unwrap_or_default();
            open.push((why, issue(why.case(), k.mark(), k.at, format!("{why}: reported{place}{pieces}"))));
        }
    }
    let mut out: Vec<Issue> = open.into_iter().map(|(_, i)| i).collect();
    let p = pieces(m);
    if let Some(e) = p.expected.filter(|e| p.received > *e) {
        let at = last(m, Code::Rcf).unwrap_or_default();
        let from = Id::derived(&[m.id.as_ref(), b"over"]).0;
        out.push(issue(
            "over_received",
            from,
            at,
            format!("over: {} pieces received, {e} expected", p.received),
        ));
    }
    if let Some(hold) = &m.hold {
        let from = Id::derived(&[m.id.as_ref(), b"hold", &hold.since.unsigned().to_be_bytes()]).0;
        out.push(issue("customs_hold", from, hold.since, format!("hold: {}", hold.reason)));
    }
    for alarm in m.alarms.iter().filter(|a| holds(m, a)) {
        let from = Id::derived(&[m.id.as_ref(), alarm.kind.as_bytes()]).0;
        let detail = format!("{}: {}", alarm.kind, alarm.detail);
        out.push(issue(reason_of(&alarm.kind), from, alarm.at, detail));
    }
    out
}
