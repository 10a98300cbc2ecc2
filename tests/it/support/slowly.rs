//! What reports should say, told anew from the events: every parcel and every case walked step by step from its first
//! event, every figure counted by looking at everything again. Slow and plain on purpose, and with nothing of the reports'
//! own code. Of a parcel only what needs a person comes from the fold, for that is no figure.

use std::collections::{BTreeMap, BTreeSet};

use crossdock::base::clock::Timestamp;
use crossdock::base::ids::Id;
use crossdock::cases::event::CaseEvent;
use crossdock::cases::model::{Case, SlaClock};
use crossdock::cases::reasons::{Fault, Group};
use crossdock::cases::repo::CASES;
use crossdock::cases::rules::State;
use crossdock::journal::{self, Eid, Folded, Stamped};
use crossdock::parcels::event::ParcelEvent;
use crossdock::parcels::fold::fold_all;
use crossdock::parcels::model::{Facts, Flag, Milestones, Parcel, ParcelId, Status};
use crossdock::parcels::repo::PARCELS;
use crossdock::parcels::rules::{Gate, admits};
use crossdock::store::{Dir, Ix, KeyRange, Store, StoreError, Table};
use jiff::tz::TimeZone;
use serde_json::Value;

/// One thing to count: what it is grouped by, and what it adds to which figure.
#[derive(Clone, Debug, Default)]
pub struct Item {
    by: BTreeMap<&'static str, String>,
    has: Vec<(String, i64)>,
}

impl Item {
    fn one(&mut self, figure: &str, so: bool) {
        if so {
            self.has.push((figure.to_owned(), 1));
        }
    }

    fn number(&mut self, figure: &str, n: Option<i64>) {
        self.has.extend(n.map(|n| (figure.to_owned(), n)));
    }

    /// What it is grouped by in `dimension`.
    pub fn key(&self, dimension: &str) -> &str {
        self.by.get(dimension).map_or("", String::as_str)
    }
}

/// A parcel's way, as far as its events have been read.
#[derive(Clone, Debug)]
pub struct Life {
    id: ParcelId,
    begun: Timestamp,
    facts: Facts,
    status: Status,
    before_hold: Option<Status>,
    /// Where it was, since when, and until when.
    stays: Vec<(Status, Timestamp, Option<Timestamp>)>,
    attempts: i64,
    milestones: Milestones,
    delivered: Option<Timestamp>,
    registered: bool,
    heard: bool,
    needs_somebody: bool,
    damaged: bool,
}

const ENDS: [Status; 4] = [Status::Delivered, Status::Returned, Status::Disposed, Status::Cancelled];

impl Life {
    fn of(id: ParcelId, mut events: Vec<Stamped<ParcelEvent>>) -> Option<Self> {
        events.sort_by_key(|e| e.key);
        let begun = events.first()?.key.at();
        let mut corrected: BTreeMap<Eid, Option<Status>> = BTreeMap::new();
        for e in &events {
            match &e.event {
                ParcelEvent::Corrected(c) => {
                    corrected.insert(c.eid, c.to);
                }
                ParcelEvent::Remapped(_) => panic!("no map changes in these tests"),
                _ => {}
            }
        }
        let folded = fold_all(id, &events);
        let mut life = Self {
            id,
            begun,
            facts: Facts::default(),
            status: Status::Unknown,
            before_hold: None,
            stays: vec![(Status::Unknown, begun, None)],
            attempts: 0,
            milestones: Milestones::default(),
            delivered: None,
            registered: false,
            heard: false,
            needs_somebody: !folded.issues.is_empty() || folded.flags.has(Flag::Exceptional),
            damaged: folded.flags.has(Flag::Damaged),
        };
        for e in &events {
            life.hear(e.key.at(), &e.event, corrected.get(&e.key.eid).copied());
        }
        // What was taken back in all its parts is nowhere but in the journal.
        let gone = !corrected.is_empty() && !life.registered && !life.heard;
        (!gone).then_some(life)
    }

    fn hear(&mut self, at: Timestamp, event: &ParcelEvent, corrected: Option<Option<Status>>) {
        if let ParcelEvent::Registered(e) = event {
            self.registered = true;
            self.facts.merge(&e.facts);
            if self.status == Status::Unknown {
                self.enter(Status::Announced, at);
            }
            return;
        }
        if corrected == Some(None) {
            return;
        }
        let freely = corrected.is_some();
        match event {
            ParcelEvent::Reported(e) => {
                self.heard = true;
                self.facts.merge(&e.facts);
                let to = corrected.unwrap_or(e.to.filter(|_| !e.info));
                let mut told = e.milestones;
                if freely && to != Some(Status::Delivered) {
                    told.delivered_at = None;
                }
                let have = &mut self.milestones;
                have.carrier_at = told.carrier_at.or(have.carrier_at);
                have.delivered_at = told.delivered_at.or(have.delivered_at);
                let was = self.status;
                let confirms = to == Some(was) && !ENDS.contains(&was);
                let entered = !confirms && to.is_some_and(|to| self.step(to, freely, at));
                if entered && self.status == Status::Delivered {
                    let silent = told == Milestones::default();
                    self.delivered = if silent { Some(at) } else { self.milestones.delivered_at };
                } else if told.delivered_at.is_some() {
                    self.delivered = told.delivered_at;
                }
            }
            ParcelEvent::Moved(e) => {
                self.heard = true;
                let to = corrected.flatten().unwrap_or(e.to);
                if self.step(to, freely || e.forced, at) && self.status == Status::Delivered {
                    self.delivered = Some(at);
                }
            }
            ParcelEvent::Described(e) => {
                self.heard = true;
                self.facts.merge(&e.facts);
            }
            _ => {}
        }
    }

    /// Goes to `to` where the table has that step; `freely` where a supervisor said so.
    fn step(&mut self, to: Status, freely: bool, at: Timestamp) -> bool {
        let may = |gate| admits(self.status, to, self.before_hold, gate);
        let goes = may(Gate::Foreign) || freely && may(Gate::Supervisor);
        if goes {
            self.enter(to, at);
        }
        goes
    }

    fn enter(&mut self, to: Status, at: Timestamp) {
        let from = self.status;
        self.before_hold = (to == Status::OnHold && from != Status::Unknown).then_some(from);
        self.attempts += i64::from(to == Status::Attempted);
        if to != from {
            self.stays.last_mut().unwrap().2 = Some(at);
            self.stays.push((to, at, None));
        }
        self.status = to;
    }

    /// What it is grouped by.
    fn by(&self, zone: &TimeZone) -> BTreeMap<&'static str, String> {
        let f = &self.facts;
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        let day = self.begun.day(zone);
        let monday = day - jiff::Span::new().days(i64::from(day.weekday().to_monday_zero_offset()));
        BTreeMap::from([
            ("distributor", text(&f.distributor)),
            ("carrier", text(&f.carrier)),
            ("service", text(&f.service)),
            ("to_state", text(&f.to.state)),
            ("category", text(&f.category)),
            ("status", self.status.to_string()),
            ("day", day.to_string()),
            ("week", monday.to_string()),
            ("month", day.to_string()[..7].to_owned()),
            ("delivered_day", self.delivered.map(|t| t.day(zone).to_string()).unwrap_or_default()),
        ])
    }

    /// The parcel as one thing to count.
    fn item(&self, now: Timestamp, zone: &TimeZone) -> Item {
        let mut item = Item { by: self.by(zone), has: Vec::new() };
        let (open, delivered) = (!ENDS.contains(&self.status), self.status == Status::Delivered);
        item.one("parcels", true);
        item.one("open", open);
        item.one("delivered", delivered);
        item.one("returned", self.status == Status::Returned);
        item.one("lost", self.status == Status::Lost);
        item.one("damaged", self.damaged);
        item.one("exceptional", self.needs_somebody);
        if let Some(promised) = self.facts.promised_at {
            item.one("open_past_promise", open && now > promised);
            item.one("open_past_promise_by_day", open && now.day(zone) > promised.day(zone));
            if let Some(at) = self.delivered.filter(|_| delivered) {
                item.one("judged", true);
                item.one("delivered_late_by_clock", at > promised);
                item.one("delivered_late_by_day", at.day(zone) > promised.day(zone));
                item.one("in_time_by_clock", at <= promised);
                item.one("in_time_by_day", at.day(zone) <= promised.day(zone));
            }
        }
        item.one("delivered_without_time", delivered && self.delivered.is_none());
        item.one("tried", delivered || self.attempts > 0);
        item.one("first_attempt_delivered", delivered && self.attempts == 0);
        item.number("failed_attempts", Some(self.attempts).filter(|n| *n > 0));
        let arrived = self.milestones.delivered_at.or(self.delivered);
        let way = self.milestones.carrier_at.zip(arrived);
        item.number("transit", way.map(|(from, to)| (to.millis() - from.millis()).div_euclid(1_000)));
        item.number("weight", self.facts.weight.map(|g| i64::try_from(g.0).unwrap()));
        for (name, money) in [("value", &self.facts.value), ("freight", &self.facts.freight)] {
            if let Some(m) = money {
                item.number(&format!("{name}_{}", m.currency.to_lowercase()), Some(m.minor));
            }
        }
        item
    }

    /// Its stays: one thing for each status it has left, however often, and one for where it is unless it is at its end.
    fn stays(&self, now: Timestamp, zone: &TimeZone) -> Vec<Item> {
        let mut left: BTreeMap<Status, i64> = BTreeMap::new();
        for (status, from, until) in &self.stays {
            if let Some(until) = until {
                *left.entry(*status).or_default() += until.millis() - from.millis();
            }
        }
        // Nobody is nowhere for no time at all.
        left.retain(|status, ms| *status != Status::Unknown || *ms > 0);
        let stay = |status: Status| {
            let mut by = self.by(zone);
            by.insert("stay", status.to_string());
            Item { by, has: Vec::new() }
        };
        let mut all = Vec::new();
        for (status, ms) in left {
            let mut item = stay(status);
            item.one("left", true);
            item.number("stayed", Some(ms / 1_000));
            all.push(item);
        }
        if !ENDS.contains(&self.status) {
            let (status, from, _) = self.stays.last().unwrap();
            let mut item = stay(*status);
            item.one("there", true);
            item.number("there_for", Some((now.millis() - from.millis()).max(0) / 1_000));
            all.push(item);
        }
        all
    }
}

/// A case, as far as its steps have been read.
struct Matter {
    stage: State,
    insisted: bool,
    level: u8,
    reopened: i64,
    began: Option<Timestamp>,
    resolved: Option<Timestamp>,
    waits_for: Option<Timestamp>,
    clock: SlaClock,
    merged: bool,
    parcels: BTreeSet<Id>,
    fault: Option<Fault>,
    costs: Vec<(String, i64)>,
}

impl Matter {
    /// The steps of `case`, one after the other; what facts say of it (its clock, what it began with) is taken as it is.
    fn of(case: &Case, mut steps: Vec<Stamped<CaseEvent>>) -> Self {
        steps.sort_by_key(|e| e.key);
        let mut m = Self {
            stage: State::Open,
            insisted: false,
            level: 0,
            reopened: 0,
            began: None,
            resolved: None,
            waits_for: None,
            clock: case.clock.clone(),
            merged: false,
            parcels: BTreeSet::new(),
            fault: None,
            costs: Vec::new(),
        };
        for e in &steps {
            m.hear(e.key.at(), &e.event);
        }
        m
    }

    fn acts(&mut self, at: Timestamp, from: &[State], to: State) -> bool {
        let may = from.contains(&self.stage);
        if may && self.stage != to {
            self.began = self.began.or(Some(at));
            self.waits_for = None;
            self.stage = to;
        }
        may
    }

    fn hear(&mut self, at: Timestamp, e: &CaseEvent) {
        use State::{Acknowledged, InProgress, Merged, Open, Resolved, Waiting};
        const UNDER_WAY: [State; 4] = [Open, Acknowledged, InProgress, Waiting];
        match e {
            CaseEvent::Acknowledged {} => {
                self.acts(at, &[Open], Acknowledged);
            }
            CaseEvent::Started {} => {
                self.acts(at, &[Open, Acknowledged, Waiting], InProgress);
            }
            CaseEvent::Waited { until, .. } => {
                if self.acts(at, &UNDER_WAY, Waiting) {
                    self.waits_for = Some(*until);
                }
            }
            CaseEvent::Woken { due } => {
                if self.stage == Waiting && self.waits_for == Some(*due) {
                    (self.stage, self.waits_for) = (Acknowledged, None);
                }
            }
            CaseEvent::Resolved { .. } => {
                if self.acts(at, &UNDER_WAY, Resolved) {
                    (self.resolved, self.insisted) = (Some(at), false);
                }
            }
            CaseEvent::Reopened { insists, clock, .. } => {
                if self.stage == Resolved || *insists && UNDER_WAY.contains(&self.stage) {
                    (self.stage, self.level, self.waits_for, self.resolved) = (Open, 0, None, None);
                    self.reopened += 1;
                    (self.insisted, self.clock) = (*insists, clock.clone());
                }
            }
            CaseEvent::Merged { .. } => {
                if UNDER_WAY.contains(&self.stage) {
                    (self.stage, self.merged, self.resolved) = (Merged, true, Some(at));
                }
            }
            CaseEvent::Escalated { level, due, .. } => {
                if self.stage == Open && *level > self.level && *due >= self.clock.from {
                    self.level = *level;
                }
            }
            _ if self.merged => {}
            CaseEvent::Joined { parcels } => self.parcels.extend(parcels),
            CaseEvent::Parted { parcels } => self.parcels.retain(|id| !parcels.contains(id)),
            CaseEvent::Blamed { fault } => self.fault = Some(*fault),
            CaseEvent::Costed { amount, .. } => self.costs.push((amount.currency.clone(), amount.minor)),
            CaseEvent::Answered { .. } => {
                if self.stage == Waiting {
                    (self.stage, self.waits_for) = (Acknowledged, None);
                }
            }
            CaseEvent::Opened { .. } | CaseEvent::Assigned { .. } | CaseEvent::Noted { .. } => {}
        }
    }
}

/// A word of the API.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn age(days: i64) -> &'static str {
    match days {
        0 => "0-1 d",
        1..=2 => "1-3 d",
        3..=6 => "3-7 d",
        7..=13 => "7-14 d",
        14..=29 => "14-30 d",
        _ => "over 30 d",
    }
}

/// The exceptions of a case.
fn exceptions(
    case: &Case,
    steps: Vec<Stamped<CaseEvent>>,
    lives: &BTreeMap<Id, Life>,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<Item> {
    let rule = case.reason.rule();
    let m = Matter::of(case, steps);
    if rule.group == Group::Operation || m.merged {
        return Vec::new();
    }
    let gone = case.withdrawn_at.is_some() && !m.insisted;
    let open = !(m.stage == State::Resolved || gone);
    let closed = (!open).then(|| m.resolved.or(case.withdrawn_at).unwrap_or(case.opened_at));
    let lasted = (closed.unwrap_or(now).millis() - case.opened_at.millis()).max(0) / 1_000;
    let day = case.opened_at.day(zone).to_string();
    let item = |life: Option<&Life>| {
        let mut by = life.map_or_else(BTreeMap::new, |l| l.by(zone));
        if by.get("distributor").is_none_or(String::is_empty) {
            by.insert("distributor", case.subject.distributor.clone().unwrap_or_default());
        }
        by.extend([
            ("reason", case.reason.code().to_owned()),
            ("group", word(rule.group)),
            ("fault", word(m.fault.unwrap_or(rule.fault))),
            ("age", age(lasted / 86_400).to_owned()),
            ("month", day[..7].to_owned()),
            ("day", day.clone()),
        ]);
        Item { by, has: Vec::new() }
    };
    let counted = |mut item: Item| {
        item.one("exceptions", true);
        item.one("exceptions_open", open);
        item.one("exceptions_resolved", !open);
        item.one("exceptions_overdue", open && m.stage == State::Open && m.clock.due < now);
        item.one("exceptions_escalated", m.level > 0);
        item.one("exceptions_reopened", m.reopened > 0);
        let first = m.began.map(|at| (at.millis() - case.clock.from.millis()).max(0) / 1_000);
        item.number("first_action", first);
        item.number("age", Some(lasted));
        item
    };
    let costs = |mut item: Item| {
        for (currency, minor) in &m.costs {
            item.number(&format!("cost_{}", currency.to_lowercase()), Some(*minor));
        }
        item
    };
    if case.subject.kind == "parcels" {
        let members = m.parcels.iter().filter_map(|id| lives.get(id));
        let mut all: Vec<Item> = members.map(|life| counted(item(Some(life)))).collect();
        if !m.costs.is_empty() {
            all.push(costs(item(None))); // a storm costs once, and no partner in particular
        }
        return all;
    }
    let own = lives.get(&case.subject.id).filter(|_| case.subject.kind == "parcel");
    vec![costs(counted(item(own)))]
}

/// Everything there is to count in a depot.
pub struct Slowly {
    parcels: Vec<Item>,
    stays: Vec<Item>,
    exceptions: Vec<Item>,
}

/// Every aggregate of a table with its events, a page in a snapshot: none is held for long.
fn all<A: journal::Aggregate>(
    store: &Store,
    tenant: u32,
    table: &Table<Id, Folded<A>>,
) -> Vec<(A, Vec<Stamped<A::Event>>)> {
    let (mut out, mut after) = (Vec::new(), None);
    loop {
        let range = KeyRange::all().resume(after.take());
        after = store
            .read::<_, StoreError>(tenant, |tx| {
                let rows = table.scan(tx, Ix::Primary, &range, Dir::Up, 100)?;
                for row in rows.items.into_iter().map(|e| e.value) {
                    let events = journal::history::<A>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
                    out.push((row.state, events));
                }
                Ok(rows.next)
            })
            .unwrap();
        if after.is_none() {
            return out;
        }
    }
}

impl Slowly {
    /// Reads every event of `tenant`: as it is at `now`, or of parcels as it was `then`.
    pub fn read(store: &Store, tenant: u32, now: Timestamp, then: Option<Timestamp>, zone: &str) -> Self {
        let zone = TimeZone::get(zone).unwrap();
        let (parcels, cases) = (all::<Parcel>(store, tenant, &PARCELS), all::<Case>(store, tenant, &CASES));
        let mut lives = BTreeMap::new();
        for (parcel, mut events) in parcels {
            events.retain(|e| then.is_none_or(|then| e.key.at() <= then));
            lives.extend(Life::of(parcel.id, events).map(|life| (life.id.0, life)));
        }
        let at = then.unwrap_or(now);
        Self {
            parcels: lives.values().map(|l| l.item(at, &zone)).collect(),
            stays: lives.values().flat_map(|l| l.stays(at, &zone)).collect(),
            exceptions: cases
                .into_iter()
                .flat_map(|(case, steps)| exceptions(&case, steps, &lives, now, &zone))
                .collect(),
        }
    }

    /// What a report of `kind` counts.
    pub fn items(&self, kind: &str) -> &[Item] {
        match kind {
            "exceptions" => &self.exceptions,
            "dwell" => &self.stays,
            _ => &self.parcels,
        }
    }

    /// Holds a report's table against what is counted here, every cell of every line.
    pub fn agrees(&self, kind: &str, by: &[&str], table: &Value, only: impl Fn(&Item) -> bool) {
        let what = format!("{kind} by {by:?}");
        let mut lines: BTreeMap<Vec<String>, Vec<&Item>> = BTreeMap::new();
        let counted: Vec<&Item> = self.items(kind).iter().filter(|i| only(i)).collect();
        for item in &counted {
            lines.entry(by.iter().map(|d| item.key(d).to_owned()).collect()).or_default().push(item);
        }
        let columns: Vec<&str> =
            table["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert!(columns.len() > 3, "{what}: {columns:?}");
        let mut rows: BTreeMap<Vec<String>, &Value> = BTreeMap::new();
        for row in table["rows"].as_array().unwrap() {
            let key = row["key"].as_array().unwrap().iter().map(|k| k.as_str().unwrap().to_owned());
            assert!(rows.insert(key.collect(), &row["cells"]).is_none(), "{what}: a line twice: {row}");
        }
        let (theirs, ours): (Vec<_>, Vec<_>) = (rows.keys().collect(), lines.keys().collect());
        assert_eq!(theirs, ours, "{what}: the lines");
        for (key, items) in &lines {
            compare(&columns, rows[key], items, &format!("{what}, {key:?}"));
        }
        compare(&columns, &table["total"], &counted, &format!("{what}, in total"));
        // A currency nobody was told of has no column, and every other has one.
        let money = ["value_", "freight_", "cost_"];
        for (name, _) in counted.iter().flat_map(|i| &i.has).filter(|(n, _)| {
            money.iter().any(|m| n.starts_with(m)) && columns.iter().any(|c| c.starts_with(&n[..n.len() - 3]))
        }) {
            assert!(columns.contains(&name.as_str()), "{what}: no column {name}");
        }
    }
}

fn compare(columns: &[&str], cells: &Value, items: &[&Item], what: &str) {
    for (n, column) in columns.iter().enumerate() {
        let (theirs, ours) = (cells[n].as_f64(), figure(column, items));
        let same = match (theirs, ours) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs().max(1.0),
            (a, b) => a == b,
        };
        assert!(same, "{what}: {column} is {theirs:?} in the report and {ours:?} by the events");
    }
}

/// Figures that are a share: of what is counted as the second, what is counted as the first.
const SHARES: [(&str, &str, &str); 4] = [
    ("exception_rate", "exceptional", "parcels"),
    ("on_time_by_clock", "in_time_by_clock", "judged"),
    ("on_time_by_day", "in_time_by_day", "judged"),
    ("first_attempt_rate", "first_attempt_delivered", "tried"),
];
/// Figures that are told as a spread.
const SPREADS: [&str; 5] = ["transit", "stayed", "there_for", "first_action", "age"];
/// Figures that are sums, beside amounts.
const SUMS: [&str; 2] = ["failed_attempts", "weight"];
const MONEY: [&str; 3] = ["value_", "freight_", "cost_"];

fn values(figure: &str, items: &[&Item]) -> Vec<i64> {
    items.iter().flat_map(|i| &i.has).filter(|(name, _)| name == figure).map(|(_, n)| *n).collect()
}

/// One cell, counted from all it is about.
fn figure(column: &str, items: &[&Item]) -> Option<f64> {
    if let Some((_, part, whole)) = SHARES.iter().find(|(name, ..)| *name == column) {
        let (part, whole) = (values(part, items).len(), values(whole, items).len());
        return (whole > 0).then(|| 100.0 * part as f64 / whole as f64);
    }
    for name in SPREADS {
        if let Some(part) = column.strip_prefix(name).and_then(|rest| rest.strip_prefix('_')) {
            return spread(part, values(name, items));
        }
    }
    let all = values(column, items);
    if SUMS.contains(&column) || MONEY.iter().any(|m| column.starts_with(m)) {
        return (!all.is_empty()).then(|| all.iter().sum::<i64>() as f64);
    }
    Some(all.len() as f64)
}

fn spread(part: &str, mut all: Vec<i64>) -> Option<f64> {
    all.sort_unstable();
    if part == "count" {
        return Some(all.len() as f64);
    }
    // The value so far along the sorted ones, between two of them in proportion.
    let along = |share: f64| {
        let at = (all.len() - 1) as f64 * share;
        let (below, above) = (all[at.floor() as usize] as f64, all[at.ceil() as usize] as f64);
        below + (above - below) * (at - at.floor())
    };
    if all.is_empty() {
        return None;
    }
    Some(match part {
        "mean" => all.iter().sum::<i64>() as f64 / all.len() as f64,
        "median" => along(0.5),
        "p90" => along(0.9),
        "min" => all[0] as f64,
        "max" => all[all.len() - 1] as f64,
        other => panic!("no part of a spread: {other}"),
    })
}
