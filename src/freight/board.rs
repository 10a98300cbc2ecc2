//! The clocks that run, across all masters: what is due when, and what each day costs that it is late.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clocks::{self, Clocks};
use super::error::Result;
use super::free;
use super::model::{Mawb, State};
use super::repo::{BY_STATE, MAWBS, state_key};
use super::sop::Guard;
use super::terminals::Terminal;
use super::{counts, desk};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::money::Money;
use crate::store::{Dir, KeyRange, ReadTx};

/// Files that are not closed whose clocks are looked at for one answer.
pub const MAX_LOOKED_AT: usize = 5_000;
/// Clocks of one answer at the most.
pub const MAX_ROWS: usize = 500;
/// Rows read at once.
const PAGE: usize = 500;

/// What a clock is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AirClock)]
pub enum Kind {
    /// Goods lie at the terminal: storage after the last free day.
    Storage,
    /// The import service charge is to be paid.
    Isc,
    /// Customs holds it.
    Customs,
    /// It is free to go, and nobody fetches it yet; or somebody does, at a slot.
    Pickup,
    /// A unit is out.
    Detention,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Storage, Self::Isc, Self::Customs, Self::Pickup, Self::Detention];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Isc => "isc",
            Self::Customs => "customs",
            Self::Pickup => "pickup",
            Self::Detention => "detention",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(s: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|k| k.as_str() == s);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("\"{s}\" is no clock; {all} are")
        })
    }
}

/// A clock that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RunningClock)]
pub struct Running {
    /// Of which master.
    pub mawb: Id,
    /// Its number.
    pub number: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    /// What it is about.
    pub kind: Kind,
    /// When it ends.
    pub due: Timestamp,
    /// Whether it has ended.
    pub is_over: bool,
    /// What it costs if it is settled today; what is to be paid, of a charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub today: Option<Money>,
    /// What the day after adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a_day_more: Option<Money>,
    /// In words: why customs holds it, which unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Running {
    /// What is at risk in minor units, whatever the currency: for the order of a list.
    #[must_use]
    pub fn risk(&self) -> i64 {
        let minor = |m: &Option<Money>| m.as_ref().map_or(0, |m| m.minor);
        minor(&self.today).saturating_add(minor(&self.a_day_more))
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// What ends next.
    #[default]
    Due,
    /// What costs most.
    Money,
}

/// The clocks that run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ClockBoard)]
pub struct Board {
    /// The first of them, [`MAX_ROWS`] at the most.
    pub clocks: Vec<Running>,
    /// All that run, by kind.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    pub count: BTreeMap<&'static str, u64>,
    /// What all of them cost if they are settled today, by currency; charges that are due anyway are not in it.
    pub today: Vec<Money>,
    /// What the day after adds.
    pub a_day_more: Vec<Money>,
    /// Whether there are more files than were looked at.
    pub cut_off: bool,
}

/// The clocks of one master.
struct Of<'a> {
    m: &'a Mawb,
    c: &'a Clocks,
    t: &'a Terminal,
    now: Timestamp,
    today: Date,
}

impl Of<'_> {
    fn row(&self, kind: Kind, due: Timestamp) -> Running {
        Running {
            mawb: self.m.id,
            number: self.m.number.to_string(),
            station: self.m.facts.destination.clone(),
            kind,
            due,
            is_over: due < self.now,
            today: None,
            a_day_more: None,
            note: None,
        }
    }

    /// What `tariff` asks today and one day on, for what was free until `last`.
    fn costs(&self, tariff: Option<&free::Tariff>, last: Date, grams: u64) -> (Option<Money>, Option<Money>) {
        let Some(tariff) = tariff else { return (None, None) };
        let on = |day: Date| free::storage(tariff, &self.t.work, last, day, grams).minor;
        let money =
            |minor: i64| Some(Money { minor, currency: tariff.currency.clone() }).filter(|m| m.minor > 0);
        let (today, tomorrow) = (on(self.today), on(self.today.tomorrow().unwrap_or(self.today)));
        (money(today), money(tomorrow - today))
    }

    fn storage(&self) -> Option<Running> {
        let last = self.c.lfd.filter(|_| self.m.state.is_open())?;
        let grams = self.m.facts.weight.map_or(0, |w| w.0);
        let (today, a_day_more) = self.costs(self.t.storage.as_ref(), last, grams);
        Some(Running { today, a_day_more, ..self.row(Kind::Storage, free::end_of(last, &self.c.zone)) })
    }

    /// The charge of the handler: as the waybill says, else as the terminal charges.
    fn charge(&self) -> Option<Money> {
        let grams = self.m.facts.weight.map_or(0, |w| w.0);
        self.m.facts.isc.clone().or_else(|| self.t.isc.as_ref().map(|c| c.of(grams)))
    }

    fn isc(&self) -> Option<Running> {
        let received = self.c.received.filter(|_| self.m.state.is_open())?;
        Guard::IscPaid.missing(self.m)?;
        let due = self.c.lfd.map_or(received, |d| free::end_of(d, &self.c.zone));
        Some(Running { today: self.charge(), ..self.row(Kind::Isc, due) })
    }

    fn customs(&self) -> Option<Running> {
        let hold = self.m.hold.as_ref()?;
        let due = self.c.lfd.map_or(hold.since, |d| free::end_of(d, &self.c.zone));
        Some(Running { note: Some(hold.reason.clone()), ..self.row(Kind::Customs, due) })
    }

    fn pickup(&self) -> Option<Running> {
        let free_to_go = self.m.state.is_open() && Guard::CustomsReleased.missing(self.m).is_none();
        if !free_to_go || !counts::is_counted(self.m) {
            return None;
        }
        let booked = self.m.facts.pickup.as_ref().filter(|_| Guard::PickupBooked.missing(self.m).is_none());
        let due = match booked {
            Some(p) => p.slot,
            None => self.c.lfd.map(|d| free::end_of(d, &self.c.zone))?,
        };
        let note = booked.map(|p| format!("{} · {}", p.driver, p.vehicle));
        Some(Running { note, ..self.row(Kind::Pickup, due) })
    }

    fn detention(&self) -> Option<Running> {
        let last = self.c.detention?;
        let (today, a_day_more) = self.costs(self.t.detention_tariff.as_ref(), last, 0);
        let out = self.m.units.iter().filter(|u| u.out_at.is_some() && u.returned_at.is_none());
        let note = Some(out.map(|u| u.number.as_str()).take(5).collect::<Vec<_>>().join(", "));
        let due = free::end_of(last, &self.c.zone);
        Some(Running { today, a_day_more, note, ..self.row(Kind::Detention, due) })
    }
}

/// The clocks of `m` at the terminal `t` that run at `now`.
#[must_use]
pub fn of(m: &Mawb, t: &Terminal, now: Timestamp) -> Vec<Running> {
    let c = clocks::of(m, t);
    let of = Of { m, c: &c, t, now, today: now.day(&c.zone) };
    [of.storage(), of.isc(), of.customs(), of.pickup(), of.detention()].into_iter().flatten().collect()
}

fn add(sums: &mut BTreeMap<String, i64>, money: Option<&Money>) {
    if let Some(m) = money {
        let sum = sums.entry(m.currency.clone()).or_default();
        *sum = sum.saturating_add(m.minor);
    }
}

fn moneys(sums: BTreeMap<String, i64>) -> Vec<Money> {
    sums.into_iter().map(|(currency, minor)| Money { minor, currency }).collect()
}

/// The clocks that run at `now`, those of `only` where that is said; `zone` is that of terminals without rules.
///
/// # Errors
/// Storage failures.
pub fn board(
    tx: &dyn ReadTx,
    (zone, now): (&str, Timestamp),
    (only, order): (Option<Kind>, Order),
) -> Result<Board> {
    let terminals = desk::Terminals::load(tx, zone)?;
    let (mut out, mut looked) = (Board::default(), 0);
    let (mut today, mut more) = (BTreeMap::new(), BTreeMap::new());
    'states: for state in State::ALL.into_iter().filter(|s| *s != State::Closed) {
        let mut at = None;
        loop {
            let range = KeyRange::prefix(&state_key(state)).resume(at);
            let rows = MAWBS.scan(tx, BY_STATE, &range, Dir::Down, PAGE.min(MAX_LOOKED_AT - looked))?;
            looked += rows.items.len();
            for m in rows.items.iter().map(|e| &e.value.state) {
                for clock in of(m, terminals.of(m), now) {
                    *out.count.entry(clock.kind.as_str()).or_default() += 1;
                    if only.is_some_and(|k| k != clock.kind) {
                        continue;
                    }
                    if clock.kind != Kind::Isc {
                        add(&mut today, clock.today.as_ref());
                        add(&mut more, clock.a_day_more.as_ref());
                    }
                    out.clocks.push(clock);
                }
            }
            at = rows.next;
            if at.is_none() {
                break;
            }
            if looked >= MAX_LOOKED_AT {
                out.cut_off = true;
                break 'states;
            }
        }
    }
    match order {
        Order::Due => out.clocks.sort_by_key(|c| (c.due, c.kind, c.mawb)),
        Order::Money => out.clocks.sort_by_key(|c| (std::cmp::Reverse(c.risk()), c.due, c.mawb)),
    }
    out.clocks.truncate(MAX_ROWS);
    (out.today, out.a_day_more) = (moneys(today), moneys(more));
    Ok(out)
}
