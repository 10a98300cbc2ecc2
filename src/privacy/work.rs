//! Carries erasures out at this node, step by step; each can be done twice. First the records, then the audit and what
//! headquarters keeps of depots, then what lies about, last the list beside the backups.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use utoipa::ToSchema;

use super::find::hold_on;
use super::model::{ERASURES, Erasure, ErasureEvent, MAX_SEALS, SEALS_AT_ONCE, Subject};
use super::tombs;
use super::traces::{self, Terms};
use crate::attachments::model::{ATTACHMENTS, Attachment, AttachmentEvent, CONTENTS, Removed};
use crate::attachments::work::{FORGET, Forgotten};
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::identity::grant::Actor;
use crate::jobs::queue::{NewJob, enqueue};
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::clock::Origin;
use crate::journal::redaction::{self, Found, Redacted};
use crate::journal::{Cx, change, log, record};
use crate::store::table::Checked;
use crate::store::{
    DEPOT, Dir, Home, Ix, KeyRange, Lane, LogId, ReadTx, Result, Store, Table, Tenant, WriteTx,
};
use crate::sync::depot::tables::{OPAQUE, Opaque};
use crate::sync::hq::ingest;
use crate::sync::hq::tables::{PROPOSALS, Proposal, QUARANTINE, TOLD, Told};
use crate::sync::registry::Registry;
use crate::sync::sites;

/// Entries of a log looked at in one transaction.
const AT_ONCE: usize = 500;
/// From one look at a record under hold to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The reason documents of an erased person are removed for.
const REASON: &str = "erased";

/// Where this node is with an erasure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Records that are done.
    next: u32,
    /// What was found in them. It goes with this row, when all is done.
    found: Vec<(String, String)>,
    /// Seals of what was redacted.
    seals: ByteBuf,
    /// Not before this moment again: a record is under hold.
    until: Option<Timestamp>,
    /// Which one, and why.
    held: Option<(Subject, String)>,
}
first_record!(Pending);

/// By erasure.
pub const PENDING: Table<Id, Pending> = Table::new(224, "erasures_pending", Home::Local);

/// Why this node has not carried out an erasure yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ErasureWaiting)]
pub struct Waiting {
    /// Records that are done.
    pub done: u32,
    /// The record it waits for.
    pub record: Option<Subject>,
    /// Why.
    pub held: Option<String>,
}

/// Notes that an erasure has to be carried out here.
///
/// # Errors
/// Storage failures.
pub fn begin(tx: &mut dyn WriteTx, id: Id) -> Result<()> {
    PENDING.put(tx, &id, &Pending::default()).map(drop)
}

/// What this node waits for; none once it is done.
///
/// # Errors
/// Storage failures.
pub fn waiting(tx: &dyn ReadTx, id: Id) -> Result<Option<Waiting>> {
    let pending = PENDING.get(tx, &id)?;
    Ok(pending.map(|p| {
        let (record, held) = p.held.map_or((None, None), |(s, why)| (Some(s), Some(why)));
        Waiting { done: p.next, record, held }
    }))
}

fn all(tx: &dyn ReadTx) -> Result<Vec<(Id, Pending)>> {
    let rows = PENDING.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, AT_ONCE)?.items;
    Ok(rows.into_iter().filter_map(|e| Some((Id::from_slice(&e.pk)?, e.value))).collect())
}

/// Has what waits for a hold looked at again at once.
///
/// # Errors
/// Storage failures.
pub fn look_again(tx: &mut dyn WriteTx) -> Result<()> {
    for (id, p) in all(tx)? {
        if p.until.is_some() {
            PENDING.put(tx, &id, &Pending { until: None, ..p })?;
        }
    }
    Ok(())
}

/// Carries erasures out.
pub struct Eraser {
    /// The types of records.
    pub registry: Registry,
    /// Every table.
    pub tables: fn() -> Vec<&'static dyn Checked>,
    /// The data folder.
    pub folder: PathBuf,
    /// Folders of backups, as far as they are there.
    pub backups: Vec<PathBuf>,
    /// The tenants that live here.
    pub tenants: fn(&Store) -> Result<Vec<Tenant>>,
}

impl Worker for Eraser {
    fn name(&self) -> &'static str {
        "privacy.erasures"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let pending = ctx.store.read(ctx.tenant, all)?;
        let ready = pending.iter().find(|(_, p)| p.until.is_none_or(|at| at <= now));
        let Some((id, p)) = ready else {
            let next = pending.iter().filter_map(|(_, p)| p.until).min();
            return Ok(Step::IdleUntil(next.unwrap_or(Timestamp::MAX)));
        };
        let (id, p) = (*id, p.clone());
        let Some(erasure) = ctx.store.read(ctx.tenant, |tx| ERASURES.get(tx, &id))?.map(|row| row.state)
        else {
            return Ok(Step::IDLE);
        };
        let at = usize::try_from(p.next).unwrap_or(usize::MAX);
        match erasure.subjects.get(at) {
            Some(subject) => self.subject(ctx, id, subject.clone(), now)?,
            None => self.rest(ctx, &erasure, &p, now)?,
        }
        Ok(Step::Worked)
    }
}

fn cx_of(tx: &dyn ReadTx, now: Timestamp) -> Result<Cx> {
    // Nobody is told that somebody was forgotten.
    Ok(Cx { quiet: true, ..Cx::new(tx, &Actor::system(), now, "erasure")? })
}

impl Eraser {
    /// Redacts one record, or waits when it is under hold here.
    fn subject(&self, ctx: &Ctx, id: Id, s: Subject, now: Timestamp) -> Result<()> {
        let (registry, tenant) = (self.registry.clone(), ctx.tenant);
        let write = move |tx: &mut dyn WriteTx| -> Result<()> {
            let Some(mut p) = PENDING.get(tx, &id)? else { return Ok(()) };
            if let Some(hold) = hold_on(tx, s.id)? {
                let until = Some(now.after(LOOK_AGAIN));
                return PENDING
                    .put(tx, &id, &Pending { until, held: Some((s.clone(), hold.reason)), ..p })
                    .map(drop);
            }
            let cx = cx_of(tx, now)?;
            if s.kind == <Attachment as crate::journal::Aggregate>::NAME {
                forget(tx, &cx, tenant, s.id)?;
            }
            if let Some(folder) = registry.iter().find(|f| f.name == s.kind) {
                let Redacted { found, sealed } = (folder.redact)(tx, &cx, s.id, id)?;
                p.found.extend(found);
                p.found.sort_unstable();
                p.found.dedup();
                sealed.iter().for_each(|seal| p.seals.extend_from_slice(seal));
            }
            PENDING.put(tx, &id, &Pending { next: p.next + 1, until: None, held: None, ..p }).map(drop)
        };
        ctx.store.write(ctx.tenant, Lane::Bulk, write).wait()
    }

    /// All that comes after the records.
    fn rest(&self, ctx: &Ctx, e: &Erasure, p: &Pending, now: Timestamp) -> std::result::Result<(), JobError> {
        let (store, tenant) = (&ctx.store, ctx.tenant);
        let found: Found = p.found.iter().cloned().collect();
        let numbers = store.read(tenant, |tx| numbers(tx, &self.registry, &e.subjects))?;
        let terms = Terms::new(&found, &e.subjects, &numbers);
        let mut changes = (p.seals.len() / 32) as u64;
        changes += own_audit(store, tenant, e, &terms)?;
        changes += of_depots(store, tenant, e, &terms)?;
        let mut traced = traces::rows(store, tenant, self.tables, &terms, now)?;
        let io = |e: std::io::Error| JobError::Failed(e.to_string());
        traced += traces::files(&self.folder.join("imports"), &terms).map_err(io)?;
        inboxes(store, tenant)?;
        let tenants = (self.tenants)(store)?;
        for folder in self.backups.iter().filter(|f| f.is_dir()).chain([&self.folder]) {
            tombs::write(store, &tenants, folder).map_err(io)?;
        }
        std::fs::write(self.folder.join(super::COMPACT), b"").map_err(io)?;
        let (id, seals) = (e.id, p.seals.clone());
        let write = move |tx: &mut dyn WriteTx| -> Result<()> {
            let cx = cx_of(tx, now)?;
            let row = ERASURES.get(tx, &id)?;
            let mine = row.as_ref().is_some_and(|row| row.state.home.is_some_and(|s| is_here(tx, s)));
            let mut events = Vec::new();
            if mine {
                let most = MAX_SEALS * 32;
                let chunks = seals[..seals.len().min(most)].chunks(SEALS_AT_ONCE * 32);
                events.extend(chunks.map(|c| ErasureEvent::Sealed { seals: ByteBuf::from(c.to_vec()) }));
            }
            events.push(ErasureEvent::Done { changes, traces: traced });
            record::<Erasure>(tx, &cx, id, row, events)?;
            PENDING.del(tx, &id).map(drop)
        };
        store.write(tenant, Lane::Bulk, write).wait()?;
        Ok(())
    }
}

/// What the records are called: in what lies about, a row with such a number is theirs.
fn numbers(tx: &dyn ReadTx, registry: &Registry, subjects: &[Subject]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for s in subjects {
        let folder = registry.iter().find(|f| f.name == s.kind);
        if let (Some(folder), Some(capacity)) = (folder, super::masks::of(s))
            && let Some(shown) = (folder.shown)(tx, s.id)?
        {
            out.extend(super::find::references(&shown, capacity));
        }
    }
    out.retain(|n| n != redaction::ERASED && n.contains(|c: char| c.is_ascii_digit()));
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

fn is_here(tx: &dyn ReadTx, site: crate::journal::SiteRef) -> bool {
    Origin::load(tx).is_ok_and(|origin| origin.is(site))
}

/// A document of theirs goes, and its content where nobody else's document has the same.
fn forget(tx: &mut dyn WriteTx, cx: &Cx, tenant: Tenant, id: Id) -> Result<()> {
    let Some(row) = ATTACHMENTS.get(tx, &id)? else { return Ok(()) };
    let hash = row.state.hash;
    // Where its content lies it is removed by a change, which the others hear of.
    if row.state.removed.is_none() && row.state.origin.is_some_and(|s| is_here(tx, s)) {
        let event = AttachmentEvent::Removed(Removed { reason: REASON.to_owned() });
        record::<Attachment>(tx, cx, id, Some(row), vec![event])?;
    }
    if CONTENTS.get(tx, &hash[..])?.unwrap_or_default().count == 0 {
        enqueue(tx, cx.now, NewJob::new(FORGET, &Forgotten { tenant, hash })?)?;
    }
    Ok(())
}

/// What is left of an audit change, when the erasure touches it: by its record, or because it says something that is the
/// person's alone.
fn audited(tx: &dyn ReadTx, blob: &[u8], terms: &Terms) -> Result<Option<Vec<u8>>> {
    if let Some(redacted) = redaction::redacted(tx, blob, &mut Found::new())? {
        return Ok(Some(redacted));
    }
    if !terms.names(blob) {
        return Ok(None);
    }
    let (header, body) = change::decode(blob)?;
    if header.k != audit::KIND {
        return Ok(None);
    }
    let body = audit::redact::erased(&body)?;
    body.map(|b| change::encode_redacted(&header, &b, &change::eid(blob))).transpose()
}

/// Goes through this node's own audit, of all lives of its log.
fn own_audit(store: &Store, tenant: Tenant, e: &Erasure, terms: &Terms) -> Result<u64> {
    let logs = store.read(tenant, |tx| -> Result<Vec<LogId>> {
        let origin = Origin::load(tx)?;
        let mut logs: Vec<LogId> = log::audit_stretches(tx, &origin)?.into_iter().map(|s| s.id).collect();
        // What was issued again in a new life still lies in the one before, though nothing there counts any more.
        logs.push(LogId { log: log::AUDIT, epoch: origin.first });
        logs.sort_unstable();
        logs.dedup();
        Ok(logs)
    })?;
    let mut n = 0;
    for id in logs {
        n += of_log(store, tenant, id, e.id, terms)?;
    }
    Ok(n)
}

fn of_log(store: &Store, tenant: Tenant, id: LogId, by: Id, terms: &Terms) -> Result<u64> {
    let (mut after, mut n) = (0, 0);
    loop {
        let terms = terms.clone();
        let write = move |tx: &mut dyn WriteTx| -> Result<(u64, u64)> {
            let rows = tx.tail(DEPOT, id, after, AT_ONCE)?;
            let (last, mut n) = (rows.last().map_or(0, |(seq, _)| *seq), 0);
            for (seq, entry) in rows {
                let (_, blob) = log::split_audit(&entry)?;
                if let Some(left) = audited(tx, blob, &terms)? {
                    redaction::seal(tx, &redaction::seal_of(&left), by)?;
                    log::rewrite_blob(tx, id, seq, &left)?;
                    n += 1;
                }
            }
            Ok((last, n))
        };
        let (last, more) = store.write(tenant, Lane::Bulk, write).wait()?;
        n += more;
        if last == 0 {
            return Ok(n);
        }
        after = last;
    }
}

/// One row that holds a change as it came.
type Held = fn(&mut dyn WriteTx, &[u8], &Terms, Id) -> Result<bool>;

/// Goes through what is kept of others' changes beside the records: their audit, what was set aside, what can't be folded.
fn of_depots(store: &Store, tenant: Tenant, e: &Erasure, terms: &Terms) -> Result<u64> {
    fn told(tx: &mut dyn WriteTx, pk: &[u8], terms: &Terms, by: Id) -> Result<bool> {
        let Some(row) = TOLD.get(tx, pk)? else { return Ok(false) };
        let Some(blob) = audited(tx, &row.blob, terms)? else { return Ok(false) };
        redaction::seal(tx, &redaction::seal_of(&blob), by)?;
        TOLD.put(tx, pk, &Told { blob, ..row }).map(|_| true)
    }
    fn aside(tx: &mut dyn WriteTx, pk: &[u8], _: &Terms, _: Id) -> Result<bool> {
        let Some(mut row) = QUARANTINE.get(tx, pk)? else { return Ok(false) };
        let Some(blob) = redaction::redacted(tx, &row.blob, &mut Found::new()).ok().flatten() else {
            return Ok(false);
        };
        row.blob = blob;
        QUARANTINE.put(tx, pk, &row).map(|_| true)
    }
    fn proposed(tx: &mut dyn WriteTx, pk: &[u8], _: &Terms, _: Id) -> Result<bool> {
        let Some(row) = PROPOSALS.get(tx, pk)? else { return Ok(false) };
        let Some(blob) = redaction::redacted(tx, &row.blob, &mut Found::new())? else { return Ok(false) };
        PROPOSALS.put(tx, pk, &Proposal { blob, ..row }).map(|_| true)
    }
    fn opaque(tx: &mut dyn WriteTx, pk: &[u8], _: &Terms, _: Id) -> Result<bool> {
        let Some(row) = OPAQUE.get(tx, pk)? else { return Ok(false) };
        let Some(blob) = redaction::redacted(tx, &row.blob, &mut Found::new()).ok().flatten() else {
            return Ok(false);
        };
        OPAQUE.put(tx, pk, &Opaque { blob, ..row }).map(|_| true)
    }
    let of: [(crate::store::Coll, Held); 4] =
        [(TOLD.coll, told), (QUARANTINE.coll, aside), (PROPOSALS.coll, proposed), (OPAQUE.coll, opaque)];
    let mut n = 0;
    for (coll, held) in of {
        let mut after = None;
        loop {
            let (terms, from, by) = (terms.clone(), after.take(), e.id);
            let write = move |tx: &mut dyn WriteTx| -> Result<(Option<Vec<u8>>, u64)> {
                let range = KeyRange::all().resume(from.clone());
                let rows = tx.scan(coll, Ix::Primary, &range, Dir::Up, AT_ONCE)?;
                let mut n = 0;
                for rec in rows.recs {
                    n += u64::from(held(tx, &rec.pk, &terms, by)?);
                }
                Ok((rows.next, n))
            };
            let (next, more) = store.write(tenant, Lane::Bulk, write).wait()?;
            n += more;
            if next.is_none() {
                break;
            }
            after = next;
        }
    }
    Ok(n)
}

/// Lets go of the batches of depots that were taken in: what they held is in the applied log, redacted.
fn inboxes(store: &Store, tenant: Tenant) -> Result<()> {
    for site in store.read(tenant, sites::all)? {
        loop {
            let trim = move |tx: &mut dyn WriteTx| ingest::retain(tx, site.number, Timestamp::MAX, AT_ONCE);
            if store.write(tenant, Lane::Bulk, trim).wait()? == 0 {
                break;
            }
        }
    }
    Ok(())
}
