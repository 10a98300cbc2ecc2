//! The use cases: ask for an erasure, confirm or refuse it, hold a record and let go of it.

use serde::Serialize;
use utoipa::ToSchema;

use super::error::{PrivacyError, Result};
use super::find::hold_on;
use super::masks;
use super::model::{
    Asked, Decision, Done, ERASURES, Erasure, ErasureEvent, HOLDS, Hold, MAX_HOLDS, MAX_SUBJECTS, State,
    Subject,
};
use super::work::{self, Waiting};
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::base::text;
use crate::identity::features::ManagePrivacy;
use crate::identity::grant::{Grant, Scope};
use crate::journal::change::MAX_CHANGE;
use crate::journal::{Cx, Event, Folded, log, record, redaction, reference};
use crate::store::{Dir, Ix, KeyRange, ReadTx, StoreError, WriteTx};
use crate::sync::registry::Registry;

/// Bytes of a reason.
pub const MAX_REASON: usize = 500;

/// An erasure as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ErasureView {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Of how many records.
    pub records: usize,
    /// The records.
    pub subjects: Vec<Subject>,
    /// Who asked.
    pub asked: Option<Decision>,
    /// Who confirmed or refused it.
    pub decided: Option<Decision>,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// Changes that were redacted and sealed.
    pub changes: usize,
    /// Whether what is left of them is what it was sealed as.
    pub intact: bool,
    /// The nodes that have carried it out.
    pub done: Vec<Done>,
    /// What this node waits for, while it has not.
    pub waiting: Option<Waiting>,
}

fn view(tx: &dyn ReadTx, registry: &Registry, e: &Erasure) -> Result<ErasureView> {
    let mut intact = true;
    if e.state == State::Confirmed {
        for s in &e.subjects {
            let folder = registry.iter().find(|f| f.name == s.kind);
            let line = folder.map_or(Ok(None), |f| (f.line)(tx, s.id))?;
            intact &= line.map_or(Ok(true), |line| redaction::holds(tx, line.head))?;
        }
    }
    Ok(ErasureView {
        id: e.id,
        state: e.state,
        reason: e.reason.clone(),
        records: e.subjects.len(),
        subjects: e.subjects.clone(),
        asked: e.asked.clone(),
        decided: e.decided.clone(),
        refusal: e.refusal.clone(),
        changes: e.seals.len() / 32,
        intact,
        done: e.done.clone(),
        waiting: work::waiting(tx, e.id)?,
    })
}

/// The erasure `id`.
///
/// # Errors
/// [`PrivacyError::Unknown`].
pub fn find(tx: &dyn ReadTx, id: &str) -> Result<Folded<Erasure>> {
    let unknown = || PrivacyError::Unknown(text::clipped(id.to_owned(), 80));
    let key: Id = id.parse().map_err(|_| unknown())?;
    ERASURES.get(tx, &key)?.ok_or_else(unknown)
}

/// The erasure `id` as it is shown.
///
/// # Errors
/// [`PrivacyError::Unknown`].
pub fn show(tx: &dyn ReadTx, registry: &Registry, id: &str) -> Result<ErasureView> {
    view(tx, registry, &find(tx, id)?.state)
}

/// All erasures, newest first, a page at a time.
///
/// # Errors
/// Storage failures.
pub fn list(
    tx: &dyn ReadTx,
    registry: &Registry,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<ErasureView>> {
    let range = KeyRange::all().resume(crate::store::table::position(cursor)?);
    let rows = ERASURES.scan(tx, Ix::Primary, &range, Dir::Down, limit)?;
    let items = rows.items.iter().map(|e| view(tx, registry, &e.value.state)).collect::<Result<_>>()?;
    let next = rows.next.map(|at| crate::store::table::cursor(&at)).transpose()?;
    Ok(Page { items, next })
}

/// That the caller sees everything: nobody else may look for anybody.
///
/// # Errors
/// [`PrivacyError::FourEyes`] when they do not.
pub fn whole(grant: &Grant<ManagePrivacy>) -> Result<()> {
    if *grant.scope() == Scope::Tenant {
        return Ok(());
    }
    Err(PrivacyError::FourEyes("a person's data is looked after by somebody who may see the whole depot"))
}

fn reasoned(reason: &str) -> Result<()> {
    text::required("/reason", reason, MAX_REASON).map_err(|p| Invalid(vec![p]).into())
}

/// Whether nothing of it is under legal hold.
fn unheld(tx: &dyn ReadTx, subjects: &[Subject]) -> Result<()> {
    for s in subjects {
        if let Some(Hold { label, reason, at, .. }) = hold_on(tx, s.id)? {
            let record = format!("{} {label}", s.kind);
            return Err(PrivacyError::Held { record, since: at.to_string(), reason });
        }
    }
    Ok(())
}

/// Checks what somebody wants erased or handed out.
///
/// # Errors
/// When there is none, too much, or something that is no record of a person.
pub fn checked(tx: &dyn ReadTx, registry: &Registry, subjects: &[Subject]) -> Result<()> {
    if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
        let said = format!(
            "names {} records with what belongs to them; 1 to {MAX_SUBJECTS} go at once: take the rest in another one",
            subjects.len()
        );
        return Err(Invalid::at("/subjects", said).into());
    }
    for s in subjects {
        let folder = registry.iter().find(|f| f.name == s.kind).filter(|_| masks::of(s).is_some());
        let there = folder.map_or(Ok(None), |f| (f.line)(tx, s.id))?;
        if there.is_none() {
            return Err(PrivacyError::NoRecord(text::clipped(super::model::text_of(s), 120)));
        }
    }
    Ok(())
}

/// Asks for an erasure. Nothing is erased before somebody else confirms it.
///
/// # Errors
/// When a record is under legal hold, or is none; when they are too many.
pub fn ask(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManagePrivacy>,
    cx: &Cx,
    registry: &Registry,
    subjects: Vec<Subject>,
    reason: &str,
) -> Result<ErasureView> {
    whole(grant)?;
    reasoned(reason)?;
    checked(tx, registry, &subjects)?;
    unheld(tx, &subjects)?;
    let asked = Asked {
        masks: masks::masks(&subjects),
        subjects,
        reason: reason.to_owned(),
        by: cx.actor.user,
        name: cx.actor.name.to_string(),
    };
    let event = ErasureEvent::Asked(Box::new(asked));
    if event.encode()?.len() > MAX_CHANGE - 1_024 {
        let said = "the list is too long for one erasure: take half of the records, then the rest";
        return Err(Invalid::at("/subjects", said).into());
    }
    let id = Id::fresh();
    record::<Erasure>(tx, cx, id, None, vec![event])?;
    show(tx, registry, &id.to_string())
}

/// Confirms an erasure: from now on it is carried out, and nobody can take it back.
///
/// # Errors
/// When the caller asked for it, is no person, or a record came under legal hold meanwhile.
pub fn confirm(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManagePrivacy>,
    cx: &Cx,
    registry: &Registry,
    id: &str,
) -> Result<ErasureView> {
    whole(grant)?;
    let row = find(tx, id)?;
    undecided(&row.state)?;
    if cx.actor.is_system() {
        return Err(PrivacyError::FourEyes(
            "a person confirms an erasure: name one, crossdock privacy confirm --user U",
        ));
    }
    if !row.state.may_decide(cx.actor.user) {
        return Err(PrivacyError::FourEyes("you asked for this erasure: somebody else has to confirm it"));
    }
    unheld(tx, &row.state.subjects)?;
    let key = row.state.id;
    let event = ErasureEvent::Confirmed { by: cx.actor.user, name: cx.actor.name.to_string() };
    record::<Erasure>(tx, cx, key, Some(row), vec![event])?;
    show(tx, registry, id)
}

fn undecided(e: &Erasure) -> Result<()> {
    let word = match e.state {
        State::Asked => return Ok(()),
        State::Confirmed => "confirmed",
        State::Refused => "refused",
    };
    let by = e.decided.as_ref().map(|d| d.name.as_str()).unwrap_or_default();
    Err(PrivacyError::Decided(format!("the erasure was {word} by {by}")))
}

/// Refuses an erasure; whoever asked may take it back so.
///
/// # Errors
/// When it was decided already.
pub fn refuse(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManagePrivacy>,
    cx: &Cx,
    registry: &Registry,
    id: &str,
    reason: &str,
) -> Result<ErasureView> {
    whole(grant)?;
    reasoned(reason)?;
    let row = find(tx, id)?;
    undecided(&row.state)?;
    let key = row.state.id;
    let (by, name) = (cx.actor.user, cx.actor.name.to_string());
    let event = ErasureEvent::Refused { by, name, reason: reason.to_owned() };
    record::<Erasure>(tx, cx, key, Some(row), vec![event])?;
    show(tx, registry, id)
}

/// The record that a person names: `parcel:` and the like with its id, or a parcel by its number.
///
/// # Errors
/// Storage failures.
pub fn named(tx: &dyn ReadTx, registry: &Registry, text: &str) -> Result<Option<(String, Id)>> {
    if let Some((kind, id)) =
        text.split_once(':').and_then(|(k, id)| Some((k, id.split(':').next()?.parse::<Id>().ok()?)))
    {
        let folder = registry.iter().find(|f| f.name == kind);
        let there = folder.map_or(Ok(None), |f| (f.line)(tx, id))?;
        return Ok(there.map(|_| (kind.to_owned(), id)));
    }
    let parcels = crate::parcels::repo::with_tracking(tx, text)?;
    Ok(parcels.first().map(|id| ("parcel".to_owned(), *id)))
}

/// A legal hold as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HoldView {
    /// The record.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// What people call it.
    pub label: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// All holds.
///
/// # Errors
/// Storage failures.
pub fn holds(tx: &dyn ReadTx) -> Result<Vec<HoldView>> {
    // Holds that were lifted leave a row behind.
    let rows = HOLDS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10 * MAX_HOLDS)?.items;
    let shown = |id: Id, h: Hold| {
        let Hold { kind, label, reason, by, at } = h;
        HoldView { id, kind, label, reason, by, at }
    };
    let held = rows.into_iter().filter_map(|e| e.value.state.value.map(|h| shown(e.value.state.id, h)));
    Ok(held.collect())
}

/// Holds a record: it is not erased until it is let go of.
///
/// # Errors
/// When there is no such record, or there are too many holds.
pub fn hold(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManagePrivacy>,
    cx: &Cx,
    registry: &Registry,
    (kind, id): (&str, Id),
    reason: &str,
) -> Result<HoldView> {
    whole(grant)?;
    reasoned(reason)?;
    let folder = registry.iter().find(|f| f.name == kind && masks::of_kind(kind).next().is_some());
    let shown = folder.map_or(Ok(None), |f| (f.shown)(tx, id))?;
    let shown = shown.ok_or_else(|| PrivacyError::NoRecord(text::clipped(format!("{kind} {id}"), 120)))?;
    if hold_on(tx, id)?.is_none() && holds(tx)?.len() >= MAX_HOLDS {
        let said = format!("there are {MAX_HOLDS} legal holds; that is the most: lift those that ended");
        return Err(PrivacyError::Decided(said));
    }
    let label = super::find::label(&shown, id);
    let by = cx.actor.name.to_string();
    let hold = Hold { kind: kind.to_owned(), label, reason: reason.to_owned(), by, at: cx.now };
    reference::set::<Hold>(tx, cx, id, Some(hold.clone()))?;
    let Hold { kind, label, reason, by, at } = hold;
    Ok(HoldView { id, kind, label, reason, by, at })
}

/// Lets go of a record.
///
/// # Errors
/// When it is not under hold.
pub fn lift(tx: &mut dyn WriteTx, grant: &Grant<ManagePrivacy>, cx: &Cx, id: Id) -> Result<()> {
    whole(grant)?;
    if hold_on(tx, id)?.is_none() {
        return Err(PrivacyError::NoRecord(format!("legal hold on {id}")));
    }
    reference::set::<Hold>(tx, cx, id, None)?;
    work::look_again(tx)?;
    Ok(())
}

/// Notes who looked for a person or took their data out: how many records, and never who it was.
///
/// # Errors
/// Storage failures.
pub fn note(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    action: &'static str,
    records: usize,
    ids: &[Id],
) -> std::result::Result<(), StoreError> {
    let ids: Vec<serde_json::Value> = ids.iter().take(MAX_SUBJECTS).map(|id| id.to_string().into()).collect();
    let mut changed = vec![Changed::new("records", serde_json::Value::Null, records)];
    if !ids.is_empty() {
        changed.push(Changed::new("seen", serde_json::Value::Null, ids));
    }
    let (class, record) = (audit::Class::Always, "person");
    let entry = audit::Entry { class, action, record, id: cx.actor.user, event: None, changed };
    audit::note(tx, cx, &entry).map(drop)
}

/// Changes that are all an erasure is made of, for [`tombs`](super::tombs).
///
/// # Errors
/// Storage failures.
pub fn changes_of(tx: &dyn ReadTx, row: &Folded<Erasure>) -> std::result::Result<Vec<Vec<u8>>, StoreError> {
    let (mut out, mut at) = (Vec::new(), row.line.head);
    while at != 0 {
        let entry = log::applied(tx, at)?;
        at = entry.prev;
        out.push(entry.blob);
    }
    out.reverse();
    Ok(out)
}
