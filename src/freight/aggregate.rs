//! Masters and houses as the journal knows them: their fold, and what follows from their rows.

use super::event::{HawbEvent, MawbEvent, Reminded};
use super::model::{
    Document, Hawb, MAX_BILLS, MAX_DOCUMENTS, MAX_LINES, MAX_UNITS, Mawb, Run, StepDone, Unit,
};
use super::{counts, desk, repo, undo};
use crate::audit::{Changed, compare};
use crate::base::ids::Id;
use crate::cases::derived::{Fact, Subject, derive};
use crate::deadlines::due::{self, DueKind};
use crate::first_record;
use crate::journal::{Aggregate, Cx, Folded, Followed, Stamped};
use crate::store::{Result, Table, WriteTx, counters};

first_record!(Mawb, Hawb);

/// Labels a waybill keeps.
const MAX_LABELS: usize = 50;

impl Mawb {
    fn told_unit(&mut self, news: &Unit) {
        let known = self.units.iter_mut().find(|u| u.number == news.number);
        if let Some(unit) = known {
            unit.out_at = news.out_at.or(unit.out_at);
            unit.returned_at = news.returned_at.or(unit.returned_at);
            if news.return_to.is_some() {
                unit.return_to.clone_from(&news.return_to);
            }
        } else if self.units.len() < MAX_UNITS {
            self.units.push(news.clone());
        }
    }

    fn filed(&mut self, doc: &Document) {
        if !self.documents.contains(doc) && self.documents.len() < MAX_DOCUMENTS {
            self.documents.push(doc.clone());
        }
    }

    fn reminded(&mut self, news: &Reminded) {
        let run = self.run.get_or_insert_default();
        for (key, at) in &news.seen {
            let last = run.fired.entry(key.clone()).or_insert(*at);
            *last = (*last).max(*at);
        }
        for alarm in &news.alarms {
            self.alarms.retain(|a| a.kind != alarm.kind);
            self.alarms.push(alarm.clone());
        }
    }

    /// The same after one event, without what follows from the rest.
    fn told(&mut self, e: &Stamped<MawbEvent>) {
        let at = e.key.at();
        match &e.event {
            MawbEvent::Announced(a) => {
                self.number = a.number.clone();
                self.as_written.clone_from(&a.as_written);
                self.facts.apply(&a.facts);
            }
            MawbEvent::Described(d) => self.facts.apply(&d.facts),
            MawbEvent::Reported(mark) => counts::add(&mut self.marks, mark),
            MawbEvent::Begun(b) => {
                let run = self.run.get_or_insert_default();
                (run.version, run.since) = (b.version, at);
            }
            MawbEvent::Stepped(s) => {
                let done = StepDone { at, by: e.actor, forced: s.forced.clone() };
                let run = self.run.get_or_insert_default();
                run.done.entry(s.step.clone()).or_insert(done);
            }
            MawbEvent::Reminded(r) => self.reminded(r),
            MawbEvent::LfdGiven(l) => self.lfd.clone_from(&l.lfd),
            MawbEvent::Held(h) => self.hold.clone_from(&h.hold),
            MawbEvent::UnitTold(unit) => self.told_unit(unit),
            MawbEvent::Filed(doc) => self.filed(doc),
            MawbEvent::Unfiled(doc) => self.documents.retain(|d| d.attachment != doc.attachment),
            MawbEvent::Billed(bill) => {
                self.bills.retain(|b| b.bill != bill.bill);
                if self.bills.len() < MAX_BILLS {
                    self.bills.push(bill.clone());
                }
            }
            MawbEvent::Labelled(l) => {
                if !self.labels.contains(&l.text) && self.labels.len() < MAX_LABELS {
                    self.labels.push(l.text.clone());
                }
            }
            MawbEvent::Signalled(_) | MawbEvent::Noted(_) => {}
            MawbEvent::Closed(_) => self.closed_at = Some(at),
            MawbEvent::TakenBack(_) => self.corrections += 1,
        }
    }

    /// Its procedure, or one that never began.
    #[must_use]
    pub fn procedure(&self) -> Run {
        self.run.clone().unwrap_or_default()
    }
}

impl Aggregate for Mawb {
    type Event = MawbEvent;
    const NAME: &'static str = "mawb";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::MAWBS;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(mut self, e: &Stamped<MawbEvent>) -> Self {
        self.origin.get_or_insert(e.writer());
        self.told(e);
        self.state = counts::state(&self);
        self.issues = counts::issues(&self);
        self
    }

    fn fold_all(base: Self, events: &[Stamped<MawbEvent>]) -> Self {
        let mut out = base;
        let void = undo::taken_back::<Self>(events.iter().map(|e| &e.event));
        for e in events {
            out.origin.get_or_insert(e.writer());
            if !void.contains(&e.key.eid) {
                out.told(e);
            }
        }
        out.state = counts::state(&out);
        out.issues = counts::issues(&out);
        out
    }

    fn reaches_back(&self, event: &MawbEvent) -> bool {
        self.corrections > 0 || matches!(event, MawbEvent::TakenBack(_))
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let was = old.map(|o| &o.state);
        repo::mawb_look_ups(tx, was, new)?;
        for (m, by) in [(was, -1), (Some(new), 1)] {
            let Some(m) = m.filter(|m| !m.number.digits().is_empty()) else { continue };
            counters::add(tx, &format!("freight/mawbs/{}", m.state.as_str()), by)?;
        }
        let due = desk::next_call(tx, cx, new)?;
        due::replace(tx, DueKind::Freight, new.id, old.and_then(|o| o.due), due)?;
        let before = was.map_or(&[][..], |w| &w.issues);
        let opened = if before == new.issues {
            Vec::new()
        } else {
            let label = new.number.to_string();
            let subject = Subject { kind: Self::NAME, id: new.id, label: &label, distributor: None };
            derive(tx, cx, &subject, &facts(before), &facts(&new.issues))?
        };
        Ok(Followed { opened, due })
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let Some(old) = old else { return Vec::new() };
        let mut out = compare(Some(&old.facts), Some(&new.facts), &[]);
        if old.state != new.state {
            out.push(Changed::new("state", old.state.as_str(), new.state.as_str()));
        }
        let day = |m: &Self| m.lfd.as_ref().map(|l| l.day.to_string());
        if old.lfd != new.lfd {
            out.push(Changed::new("last_free_day", day(old), day(new)));
        }
        let hold = |m: &Self| m.hold.as_ref().map(|h| h.reason.clone());
        if old.hold != new.hold {
            out.push(Changed::new("hold", hold(old), hold(new)));
        }
        out
    }
}

fn facts(issues: &[super::model::Issue]) -> Vec<Fact<'_>> {
    issues.iter().map(|i| Fact { reason: &i.reason, eid: i.from, at: i.at, detail: &i.detail }).collect()
}

impl Aggregate for Hawb {
    type Event = HawbEvent;
    const NAME: &'static str = "hawb";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::HAWBS;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(mut self, e: &Stamped<HawbEvent>) -> Self {
        self.origin.get_or_insert(e.writer());
        match &e.event {
            HawbEvent::Announced(a) => {
                self.number.clone_from(&a.number);
                self.mawb = a.mawb.or(self.mawb);
                self.facts.apply(&a.facts);
            }
            HawbEvent::Described(d) => {
                self.mawb = d.mawb.or(self.mawb);
                self.facts.apply(&d.facts);
            }
            HawbEvent::Reported(mark) => counts::add(&mut self.marks, mark),
            HawbEvent::Lined(line) => match self.lines.binary_search_by(|l| l.id.cmp(&line.id)) {
                Ok(at) => self.lines[at] = line.clone(),
                Err(at) => {
                    self.lines.insert(at, line.clone());
                    self.lines.truncate(MAX_LINES);
                }
            },
            HawbEvent::Deconsolidated(_) => self.deconsolidated = true,
            HawbEvent::TakenBack(_) => self.corrections += 1,
        }
        self
    }

    fn fold_all(base: Self, events: &[Stamped<HawbEvent>]) -> Self {
        let void = undo::taken_back::<Self>(events.iter().map(|e| &e.event));
        let mut out = base;
        for e in events {
            out.origin.get_or_insert(e.writer());
            if !void.contains(&e.key.eid) {
                out = out.fold(e);
            }
        }
        out
    }

    fn reaches_back(&self, event: &HawbEvent) -> bool {
        self.corrections > 0 || matches!(event, HawbEvent::TakenBack(_))
    }

    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        repo::hawb_look_ups(tx, old.map(|o| &o.state), new)?;
        for (house, by) in [(old.map(|o| &o.state), -1), (Some(new), 1)] {
            if house.is_some_and(|h| !h.number.is_empty()) {
                counters::add(tx, "freight/hawbs", by)?;
            }
        }
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let Some(old) = old else { return Vec::new() };
        compare(Some(&old.facts), Some(&new.facts), &[])
    }
}
