//! Open cases of another system that come over here, a row of its file at a time, each with its owner and its age. What was
//! overdue there is overdue here and says so, but nobody is called for what passed before it came.

use super::event::CaseEvent;
use super::model::{About, Case, Owner};
use super::reasons::{Group, Reason};
use super::repo::CASES;
use super::rules::{self, CaseId, State};
use super::service::CaseError;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::text;
use crate::base::verdict::Beside;
use crate::identity::features::WorkCases;
use crate::identity::grant::Grant;
use crate::identity::repo as users;
use crate::journal::{Cx, record};
use crate::store::{ReadTx, StoreError, WriteTx};

/// What one row says of a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What the other system calls it.
    pub reference: String,
    /// Its reason, by our code or in that system's own word.
    pub reason: Option<String>,
    /// Its word for where it stands; open when absent.
    pub raw: Option<String>,
    /// The login of whoever has it.
    pub owner: Option<String>,
    /// When it was opened there.
    pub opened_at: Option<Timestamp>,
    /// When the first action was due there.
    pub due: Option<Timestamp>,
    /// In words.
    pub detail: Option<String>,
}

/// The id of the case that `source` calls `reference`.
#[must_use]
pub fn id(source: &str, reference: &str) -> CaseId {
    CaseId(Id::derived(&[b"case", source.as_bytes(), b"/", reference.as_bytes()]))
}

/// What a word that other systems use for where a case stands means; none when nobody knows.
#[must_use]
pub fn meaning(raw: &str) -> Option<State> {
    let word = raw.trim().to_lowercase().replace([' ', '-'], "_");
    Some(match word.as_str() {
        "open" | "new" | "created" | "reopened" => State::Open,
        "acknowledged" | "seen" | "assigned" | "waiting" | "pending" | "on_hold" => State::Acknowledged,
        "in_progress" | "started" | "working" | "active" => State::InProgress,
        "resolved" | "closed" | "done" | "solved" | "cancelled" | "canceled" => State::Resolved,
        _ => return None,
    })
}

/// Takes a case of `source` in, about `subject` where the row names one; with `dry` it is only said whether it is new. True
/// when it is, false when it is here already: what became of it here counts, not what is said there.
///
/// # Errors
/// When it is no open one, or its owner is nobody here.
pub fn take(
    tx: &mut dyn WriteTx,
    _: &Grant<WorkCases>,
    cx: &Cx,
    (source, row): (&str, &Row),
    subject: Option<About>,
    dry: bool,
) -> Result<bool, CaseError> {
    let Row { reference, reason, raw, owner, opened_at, due, detail } = row;
    text::required("/reference", reference, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    let id = id(source, reference);
    if CASES.get(tx, &id.0)?.is_some() {
        return Ok(false);
    }
    let state = state(raw.as_deref())?;
    let owner = owner.as_deref().map(|login| known(tx, login)).transpose()?;
    let (reason, detail) = understood(reason.as_deref(), detail.as_deref().unwrap_or_default());
    text::optional("/detail", &detail, text::LONG).map_err(|p| Invalid(vec![p]))?;
    let opened = opened_at.unwrap_or(cx.now).min(cx.now);
    let mut clock = rules::clock_by(&cx.policy, reason, opened);
    clock.due = due.unwrap_or(clock.due);
    clock.levels.retain(|at| *at > cx.now);
    if dry {
        return Ok(true);
    }
    let subject = subject.unwrap_or_default();
    let mut events = vec![CaseEvent::Opened { subject, reason, detail, at: opened, clock }];
    events.extend(owner.map(|owner| CaseEvent::Assigned { owner: Some(owner) }));
    match state {
        State::Acknowledged => events.push(CaseEvent::Acknowledged {}),
        State::InProgress => events.extend([CaseEvent::Acknowledged {}, CaseEvent::Started {}]),
        _ => {}
    }
    record::<Case>(tx, cx, id.0, None, events)?;
    Ok(true)
}

/// How a row lies beside what is known of its case: what is open there has to be open here.
///
/// # Errors
/// Storage failures.
pub fn beside(tx: &dyn ReadTx, source: &str, row: &Row) -> Result<Beside, StoreError> {
    let Some(found) = CASES.get(tx, &id(source, &row.reference).0)? else { return Ok(Beside::MISSING) };
    let ours = found.state.state;
    let theirs = row.raw.as_deref().map_or(Some(State::Open), meaning);
    let is_same = theirs.is_some_and(|t| t.is_open() == ours.is_open());
    let word = serde_json::to_value(ours).ok().and_then(|v| v.as_str().map(str::to_owned));
    Ok(Beside { ours: word.or_else(|| Some("here".into())), is_same })
}

fn state(raw: Option<&str>) -> Result<State, CaseError> {
    let Some(raw) = raw else { return Ok(State::Open) };
    match meaning(raw) {
        Some(State::Resolved) => {
            Err(Invalid::at("/status", "it is closed there: only open cases come over").into())
        }
        Some(state) => Ok(state),
        None => {
            let raw = text::clipped(raw.to_owned(), 80);
            let said = format!("\"{raw}\" is no state we know; use open, acknowledged or in_progress");
            Err(Invalid::at("/status", said).into())
        }
    }
}

fn known(tx: &dyn ReadTx, login: &str) -> Result<Owner, CaseError> {
    let found = users::by_login(tx, &login.trim().to_lowercase())?.filter(|u| u.active);
    let unknown = || {
        let login = text::clipped(login.to_owned(), 80);
        Invalid::at("/owner", format!("\"{login}\" is nobody who works here; import users first"))
    };
    let user = found.ok_or_else(unknown)?;
    Ok(Owner { id: user.id, name: user.name })
}

/// The reason a word means; one that nobody knows, or that only the depot itself raises, is kept in front of the detail.
fn understood(word: Option<&str>, detail: &str) -> (Reason, String) {
    let Some(word) = word else { return (Reason::Unspecified, detail.to_owned()) };
    let code = word.trim().to_lowercase().replace([' ', '-'], "_");
    match code.parse::<Reason>().ok().filter(|r| r.rule().group != Group::Operation) {
        Some(reason) => (reason, detail.to_owned()),
        None if detail.is_empty() => (Reason::Unspecified, word.to_owned()),
        None => (Reason::Unspecified, format!("{word}: {detail}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_nobody_knows_is_kept_in_words() {
        assert_eq!(understood(Some("Address incomplete"), "x"), (Reason::AddressIncomplete, "x".into()));
        assert_eq!(understood(Some("Dog bites"), "x"), (Reason::Unspecified, "Dog bites: x".into()));
        assert_eq!(understood(Some("Dog bites"), ""), (Reason::Unspecified, "Dog bites".into()));
        assert_eq!(understood(Some("backup_overdue"), "x").0, Reason::Unspecified);
    }
}
