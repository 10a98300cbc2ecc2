//! Figures of the import desk: what stands where, what was late by the calendar, what is overdue on a day.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Result;
use super::model::{Hawb, Mawb, State};
use super::repo::{BY_STATE, HAWBS, MAWBS, state_key};
use super::{clocks, desk};
use crate::journal::Folded;
use crate::store::{Dir, Ix, KeyRange, ReadTx, counters};

/// Houses looked at for one answer; beyond them it says so.
pub const MAX_LOOKED_AT: usize = 200_000;
/// Open masters whose clocks are looked at for one answer.
pub const MAX_OPEN: usize = 5_000;
/// Rows read at once.
const PAGE: usize = 500;

/// Houses against their promised days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Punctuality {
    /// Houses in all.
    pub houses: u64,
    /// Delivered on a later calendar day than promised.
    pub late: u64,
    /// Of them by more than 30 days.
    pub late_over_30_days: u64,
    /// The most days one was late.
    pub worst_days: i32,
    /// The house that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
    /// Delivered before the promised day.
    pub early: u64,
    /// Delivered on it.
    pub on_the_day: u64,
    /// Not delivered before the day asked for.
    pub open: u64,
    /// Of them those promised for an earlier day.
    pub open_past_schedule: u64,
    /// Of them those promised for that day or the two after it.
    pub due_in_3_days: u64,
    /// Whether there are more houses than were looked at.
    pub cut_off: bool,
}

impl Punctuality {
    fn add(&mut self, h: &Hawb, on: Date) {
        self.houses += 1;
        if let Some(days) = h.days_late() {
            match days {
                1.. => self.late += 1,
                0 => self.on_the_day += 1,
                _ => self.early += 1,
            }
            self.late_over_30_days += u64::from(days > 30);
            if days > self.worst_days {
                (self.worst_days, self.worst) = (days, Some(h.number.clone()));
            }
        }
        if h.delivered_before(on) {
            return;
        }
        self.open += 1;
        if let Some(promised) = h.facts.scheduled {
            let ahead = promised.since((jiff::Unit::Day, on)).map_or(i32::MAX, |s| s.get_days());
            self.open_past_schedule += u64::from(ahead < 0);
            self.due_in_3_days += u64::from((0..3).contains(&ahead));
        }
    }
}

/// Every house against its promise, as of the day `on`.
///
/// # Errors
/// Storage failures.
pub fn punctuality(tx: &dyn ReadTx, on: Date) -> Result<Punctuality> {
    let (mut out, mut at, mut looked) = (Punctuality::default(), None, 0);
    loop {
        let rows = HAWBS.scan(tx, Ix::Primary, &KeyRange::all().resume(at), Dir::Up, PAGE)?;
        looked += rows.items.len();
        let known = rows.items.iter().map(|e| &e.value.state).filter(|h| !h.number.is_empty());
        known.for_each(|h| out.add(h, on));
        at = rows.next;
        if at.is_none() {
            return Ok(out);
        }
        if looked >= MAX_LOOKED_AT {
            out.cut_off = true;
            return Ok(out);
        }
    }
}

/// The desk at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Glance {
    /// Masters by state.
    #[schema(value_type = std::collections::HashMap<String, i64>)]
    pub mawbs: std::collections::BTreeMap<&'static str, i64>,
    /// Houses.
    pub hawbs: i64,
    /// Bills that are not paid.
    pub open_bills: i64,
    /// Open masters whose last free day is over: storage is charged.
    pub storage_running: u64,
    /// Open masters whose last free day is today or in the two days after.
    pub lfd_within_3_days: u64,
    /// Open masters that customs holds.
    pub on_hold: u64,
    /// Open masters with something that needs a person.
    pub with_issues: u64,
    /// Whether there are more open masters than were looked at.
    pub cut_off: bool,
}

/// The desk on the day `today` of its own zone.
///
/// # Errors
/// Storage failures.
pub fn glance(tx: &dyn ReadTx, zone: &str, today: Date) -> Result<Glance> {
    let mut out = Glance {
        hawbs: counters::get(tx, "freight/hawbs")?,
        open_bills: counters::get(tx, "freight/bills/open")?,
        ..Glance::default()
    };
    for state in State::ALL {
        let n = counters::get(tx, &format!("freight/mawbs/{}", state.as_str()))?;
        out.mawbs.insert(state.as_str(), n);
    }
    let mut looked = 0;
    for state in State::ALL.into_iter().filter(|s| s.is_open()) {
        let mut at = None;
        loop {
            let range = KeyRange::prefix(&state_key(state)).resume(at);
            let rows = MAWBS.scan(tx, BY_STATE, &range, Dir::Up, PAGE.min(MAX_OPEN - looked))?;
            looked += rows.items.len();
            for e in &rows.items {
                out.see(tx, zone, &e.value, today)?;
            }
            at = rows.next;
            if at.is_none() {
                break;
            }
            if looked >= MAX_OPEN {
                out.cut_off = true;
                return Ok(out);
            }
        }
    }
    Ok(out)
}

impl Glance {
    fn see(&mut self, tx: &dyn ReadTx, zone: &str, row: &Folded<Mawb>, today: Date) -> Result<()> {
        let m = &row.state;
        self.on_hold += u64::from(m.hold.is_some());
        self.with_issues += u64::from(!m.issues.is_empty());
        let terminal = desk::terminal_of(tx, zone, m)?;
        if let Some(lfd) = clocks::of(m, &terminal).lfd {
            let ahead = lfd.since((jiff::Unit::Day, today)).map_or(i32::MAX, |s| s.get_days());
            self.storage_running += u64::from(ahead < 0);
            self.lfd_within_3_days += u64::from((0..3).contains(&ahead));
        }
        Ok(())
    }
}
