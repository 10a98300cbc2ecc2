//! Cases that follow from facts: opened and withdrawn by the fold that finds the facts, the same on every node. Written
//! straight into the row: no event, no audit entry, and cheap enough for every line of an import.

use super::aggregate;
use super::model::{About, Case, Cause};
use super::reasons::Reason;
use super::repo::CASES;
use super::rules;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::fold::Timeline;
use crate::journal::{Aggregate, Cx, Eid, Folded};
use crate::store::{Result, WriteTx};

/// What a case is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The kind of record, such as `parcel`.
    pub kind: &'static str,
    /// Which.
    pub id: Id,
    /// The name people know it by: a tracking number.
    pub label: &'a str,
    /// Whose it is, for partners.
    pub distributor: Option<&'a str>,
}

/// A fact that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact<'a> {
    /// The reason's code.
    pub reason: &'a str,
    /// The change it comes from.
    pub eid: Eid,
    /// When it took effect.
    pub at: Timestamp,
    /// In words; what stands before the first colon tells two facts of one change and reason apart.
    pub detail: &'a str,
}

impl Fact<'_> {
    /// The id of the case that follows from this fact about `subject`.
    #[must_use]
    pub fn case_id(&self, subject: Id) -> Id {
        let kind = self.detail.split(':').next().unwrap_or_default();
        Id::derived(&[subject.as_ref(), self.reason.as_bytes(), &self.eid, kind.as_bytes()])
    }
}

/// Opens a case for each fact of `new` that isn't in `old` and withdraws those whose fact is gone; a fact that comes back
/// opens its case again unless a person has ended it. Returns the cases that were opened.
///
/// # Errors
/// Storage failures.
pub fn derive(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    subject: &Subject<'_>,
    old: &[Fact<'_>],
    new: &[Fact<'_>],
) -> Result<Vec<Id>> {
    let holds: Vec<Id> = new.iter().map(|f| f.case_id(subject.id)).collect();
    let mut opened = Vec::new();
    for (fact, id) in new.iter().zip(&holds) {
        if hold(tx, cx, subject, fact, *id)? {
            opened.push(*id);
        }
    }
    for id in old.iter().map(|f| f.case_id(subject.id)).filter(|id| !holds.contains(id)) {
        withdraw(tx, cx, id)?;
    }
    Ok(opened)
}

/// Sees to it that the case of a fact that holds says so; true when that opened it.
fn hold(tx: &mut dyn WriteTx, cx: &Cx, subject: &Subject<'_>, fact: &Fact<'_>, id: Id) -> Result<bool> {
    let old = CASES.get(tx, &id)?;
    let (reason, detail) = match fact.reason.parse::<Reason>() {
        Ok(reason) => (reason, fact.detail.to_owned()),
        // A newer release's reason: somebody has to look all the same.
        Err(_) => (Reason::Unspecified, format!("{}: {}", fact.reason, fact.detail)),
    };
    let was = old.as_ref().map(|o| &o.state);
    let clock = match was {
        Some(was) if was.cause.is_some() => was.clock.clone(),
        Some(_) | None => rules::clock_by(&cx.policy, reason, fact.at),
    };
    let case = Case {
        subject: about(subject, was),
        reason,
        detail: text::clipped(detail, text::LONG),
        opened_at: fact.at,
        cause: Some(Cause { eid: fact.eid, at: fact.at }),
        withdrawn_at: None,
        clock,
        ..was.cloned().unwrap_or_else(|| Case::blank(id))
    };
    let opens = old.as_ref().is_none_or(|o| !o.state.state.is_open() || o.state.cause.is_none());
    let case = case.settled();
    let opens = opens && case.state.is_open();
    write(tx, old, case)?;
    Ok(opens)
}

fn about(subject: &Subject<'_>, was: Option<&Case>) -> About {
    let Subject { kind, id, label, distributor } = subject;
    // Nobody takes a number away: while none is told, the one the case was opened with stands.
    let label = if label.is_empty() { was.map_or("", |w| w.subject.label.as_str()) } else { label };
    About { kind: (*kind).into(), id: *id, label: label.into(), distributor: distributor.map(Into::into) }
}

fn withdraw(tx: &mut dyn WriteTx, cx: &Cx, id: Id) -> Result<()> {
    let Some(old) = CASES.get(tx, &id)? else { return Ok(()) };
    let withdrawn_at = old.state.withdrawn_at.or(Some(cx.now));
    let case = Case { withdrawn_at, ..old.state.clone() }.settled();
    write(tx, Some(old), case)
}

/// Writes the row and what follows from it, when it differs.
fn write(tx: &mut dyn WriteTx, old: Option<Folded<Case>>, case: Case) -> Result<()> {
    if old.as_ref().is_some_and(|o| o.state == case) {
        return Ok(());
    }
    let due = aggregate::keep(tx, old.as_ref(), &case)?;
    let (id, line) = (case.id.0, old.map_or_else(Timeline::default, |o| o.line));
    CASES.put(tx, &id, &Folded { state: case, line, due }).map(drop)
}
