//! The second stage: batches of the inbox are opened and every change goes through the fold, once, whoever brings it how
//! often. What can't be taken in is set aside and holds up nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use serde_bytes::{ByteArray, ByteBuf};

use super::super::mutants::{Mutant, lacks};
use super::super::registry::{Folder, Reach, Registry};
use super::super::sites;
use super::super::wire::{Log, Marker, Push};
use super::tables::{Arrived, Aside, MEMBERS, PROPOSALS, Proposal, TOLD, Told, inbox};
use super::{Hq, chain, feed, ingest, quarantine, route};
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::derived::{Fact, Subject, derive};
use crate::cases::reasons::Reason;
use crate::identity::grant::Actor;
use crate::journal::change::{self, Header};
use crate::journal::clock::{HEADQUARTERS, UNENROLLED};
use crate::journal::event::SiteRef;
use crate::journal::fold::shifted;
use crate::journal::readers::{Cursor, READERS};
use crate::journal::shifts::{self, Shift};
use crate::journal::{Aggregate, Arrival, Cx, Eid, log, redaction};
use crate::parcels::model::Parcel;
use crate::parcels::repo as parcels;
use crate::store::{DEPOT, Hash, Lane, ReadTx, Result, StoreError, Tenant, WriteTx};

/// The code of a change to an aggregate that its sender has nothing to do with.
pub const SCOPE: &str = "scope";

/// Batches let go of behind one that held something that was erased.
const LET_GO: usize = 1_000;

/// Why a change could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As a code.
    pub code: &'static str,
    /// In words.
    pub msg: String,
}

/// Why a batch could not be taken in.
#[derive(Clone, Debug)]
pub enum Failed {
    /// One change is in the way: it is set aside and the batch tried again.
    Poison {
        /// Which.
        eid: Eid,
        /// What was found.
        why: Refused,
    },
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

/// What became of a change.
enum Outcome {
    /// It is new here, at this position of the applied log.
    New(u64),
    /// It was here already, or is no change of a timeline.
    Kept,
    /// It can't be taken in.
    Refused(Refused),
}

/// How a change came.
struct Way<'a> {
    site: u32,
    adj: i64,
    carrier: u32,
    /// The greatest stamp its sender announced.
    tmax: u64,
    /// Changes that were found to be in the way.
    poison: &'a HashSet<Eid>,
    /// Whether it is written by the sender; else headquarters' own word came with it.
    own: bool,
}

fn cursor(site: u32) -> String {
    format!("sync.apply/{site}")
}

/// Batches of `site` that wait.
///
/// # Errors
/// Storage failures.
pub fn lag(tx: &dyn crate::store::ReadTx, site: u32) -> Result<u64> {
    let at = READERS.get(tx, &cursor(site))?.map_or(0, |c| c.seq);
    Ok(tx.head(DEPOT, inbox(site))?.last - at)
}

/// A batch that waits.
struct Batch {
    /// Its place in the inbox.
    at: u64,
    /// Its first changes that came with an earlier one.
    skip: usize,
    push: Push,
    /// The identity of each change and the chain's hash at it.
    links: Vec<(Eid, Hash)>,
}

fn waiting(tx: &dyn ReadTx, site: u32) -> Result<Option<Batch>> {
    if lag(tx, site)? == 0 {
        return Ok(None);
    }
    let at = READERS.get(tx, &cursor(site))?.map_or(0, |c| c.seq) + 1;
    let entry = tx.entry(DEPOT, inbox(site), at)?;
    let entry = entry.ok_or_else(|| StoreError::Corrupt(format!("batch {at} of site {site} is gone")))?;
    let (Arrived { skip, .. }, push) = chain::opened(&entry)?;
    let mut h = *push.h0;
    let link = |blob: &ByteBuf| {
        let eid = change::eid(blob);
        h = change::link(&h, &eid);
        (eid, h)
    };
    let links = push.ch.iter().map(link).collect();
    Ok(Some(Batch { at, skip: skip as usize, push, links }))
}

/// Takes in the next batch of `site`, a part in each transaction: whoever else writes, and pushes of other depots first of
/// all, waits for a part at the most. False when no batch waits.
///
/// # Errors
/// Storage failures: the rest of the batch waits on.
pub fn step(hq: &Hq, tenant: Tenant, site: u32, now: Timestamp) -> Result<bool> {
    let Some(batch) = hq.store.read(tenant, |tx| waiting(tx, site))? else { return Ok(false) };
    let batch = Arc::new(batch);
    let (mut poison, mut erased) = (HashSet::new(), false);
    loop {
        let (registry, aside, all) = (hq.registry.clone(), poison.clone(), Arc::clone(&batch));
        let most = hq.limits.fold;
        let take = move |tx: &mut dyn WriteTx| part(tx, &registry, (site, &all, most), now, (&aside, erased));
        match hq.store.write(tenant, Lane::Bulk, take).wait() {
            Ok(Part::Last) => return Ok(true),
            Ok(Part::One { erased: some }) => erased |= some,
            Err(Failed::Poison { eid, .. }) if poison.insert(eid) => {}
            Err(Failed::Poison { why, .. }) => return Err(StoreError::Corrupt(why.msg)),
            Err(Failed::Store(e)) => return Err(e),
        }
    }
}

/// A run of new changes at neighbouring positions with one shift: what one marker tells.
struct Run {
    marker: Marker,
    seq: u64,
}

/// What a transaction took in of a batch.
enum Part {
    /// Its end, or somebody else was quicker.
    Last,
    /// Something before; and whether it held something that was erased.
    One { erased: bool },
}

fn part(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    (site, Batch { at, skip, push, links }, most): (u32, &Batch, usize),
    now: Timestamp,
    (poison, erased): (&HashSet<Eid>, bool),
) -> std::result::Result<Part, Failed> {
    let Cursor { seq, within } = READERS.get(tx, &cursor(site))?.unwrap_or_default();
    if seq + 1 != *at {
        return Ok(Part::Last);
    }
    let from = (*skip).max(within as usize).min(push.ch.len());
    let upto = push.ch.len().min(from + most.max(1));
    let cx = Cx::new(tx, &Actor::system(), now, "sync")?;
    // One that began in another process may have held something.
    let (mut run, mut erased) = (None, erased || within > 0);
    let some_aside = quarantine::count(tx)? > 0;
    for (n, (blob, (eid, h))) in push.ch.iter().zip(links).enumerate().take(upto).skip(from) {
        let position = push.from + n as u64;
        // What an erasure that is known takes out of it is not kept, wherever it goes from here.
        let blob = redaction::kept(tx, blob)?;
        erased |= matches!(blob, Cow::Owned(_));
        let blob = &*blob;
        let adj = shift_at(push, position);
        let carrier = if push.l == Log::B { site } else { 0 };
        let way = Way { site, adj, carrier, tmax: push.tmax, poison, own: true };
        match one(tx, &cx, registry, push.l, blob, &way)? {
            Outcome::New(seq) => {
                // It was set aside when it came in another life of the log.
                if some_aside {
                    quarantine::remove(tx, eid)?;
                }
                run = Some(follow(tx, site, run, push, position, (*h, adj, seq))?);
                continue;
            }
            Outcome::Kept => {}
            Outcome::Refused(why) if lacks(Mutant::BlockOnPoison) => {
                return Err(StoreError::Corrupt(why.msg).into());
            }
            Outcome::Refused(why) => quarantine::put(tx, &aside(&way, now, blob, why))?,
        }
        end(tx, site, run.take())?;
    }
    end(tx, site, run)?;
    if upto < push.ch.len() {
        READERS.put(tx, &cursor(site), &Cursor { seq, within: upto as u32 })?;
        return Ok(Part::One { erased });
    }
    READERS.put(tx, &cursor(site), &Cursor { seq: *at, within: 0 })?;
    if erased {
        // The batch as it came holds what was erased before it came.
        ingest::retain(tx, site, Timestamp::MAX, LET_GO)?;
    }
    Ok(Part::Last)
}

fn shift_at(push: &Push, position: u64) -> i64 {
    push.adj.iter().find(|s| (s.0..=s.1).contains(&position)).map_or(0, |s| s.2)
}

/// The run with one more change, or a new one when it doesn't belong to it.
fn follow(
    tx: &mut dyn WriteTx,
    site: u32,
    run: Option<Run>,
    push: &Push,
    position: u64,
    (h, adj, seq): (Hash, i64, u64),
) -> Result<Run> {
    match run {
        Some(run) if run.marker.adj == adj && seq == run.seq + (position - run.marker.from) => {
            Ok(Run { marker: Marker { to: position, h: ByteArray::new(h), ..run.marker }, ..run })
        }
        run => {
            end(tx, site, run)?;
            let marker = Marker { e: push.ep, from: position, to: position, h: ByteArray::new(h), adj };
            Ok(Run { marker, seq })
        }
    }
}

fn end(tx: &mut dyn WriteTx, site: u32, run: Option<Run>) -> Result<()> {
    run.map_or(Ok(()), |run| feed::append_marker(tx, site, &run.marker, run.seq))
}

fn aside(way: &Way<'_>, at: Timestamp, blob: &[u8], why: Refused) -> Aside {
    let id = change::decode(blob).map_or(Id::NIL, |(h, _)| h.id);
    let Way { site, adj, own, .. } = *way;
    Aside { site, id, code: why.code.into(), msg: why.msg, adj, at, own, blob: blob.to_vec() }
}

fn refused(code: &'static str, msg: impl Into<String>) -> Outcome {
    Outcome::Refused(Refused { code, msg: msg.into() })
}

/// Takes in one change that `site` brings.
fn one(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    registry: &Registry,
    from: Log,
    blob: &[u8],
    way: &Way<'_>,
) -> std::result::Result<Outcome, Failed> {
    let eid = change::eid(blob);
    if way.poison.contains(&eid) {
        return Ok(refused("fold", "it can't be folded into its record"));
    }
    let header = match change::decode(blob) {
        Ok((header, _)) => header,
        Err(e) => return Ok(refused("malformed", e.to_string())),
    };
    if let Some(why) = forged(tx, &header, way)? {
        return Ok(why);
    }
    if from != Log::B || header.k == audit::KIND {
        if TOLD.get(tx, &eid)?.is_none() {
            TOLD.put(tx, &eid, &Told { site: way.site, at: cx.now, blob: blob.to_vec() })?;
        }
        return Ok(Outcome::Kept);
    }
    let Some(folder) = registry.of(header.k) else {
        return Ok(refused("kind", format!("kind {} is not known to this release", header.k)));
    };
    let writer = sites::number_of(tx, SiteRef::new(header.o, header.e))?;
    if folder.reach == Reach::Shared && writer != Some(HEADQUARTERS) {
        if PROPOSALS.get(tx, &eid)?.is_none() {
            propose(tx, cx, header.id, &eid, blob, way)?;
        }
        return Ok(Outcome::Kept);
    }
    if way.own && !may_write(tx, folder, header.id, way.site)? {
        return Ok(refused(SCOPE, "the depot has nothing to do with this record"));
    }
    fold(tx, cx, folder, &header, blob, way)
}

/// Keeps a wish until somebody says a word on it. The first shift of its stamp holds for all copies of the depot, even when
/// it comes again after the word: else it could count as later than that.
fn propose(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    eid: &Eid,
    blob: &[u8],
    way: &Way<'_>,
) -> std::result::Result<(), Failed> {
    let site = way.site;
    let first = shifts::of(tx, eid)?.map(|s| s.adj);
    let adj = first.unwrap_or(way.adj);
    if first.is_none() && adj != 0 {
        shifts::put(tx, eid, &Shift { adj, word: None })?;
    }
    if adj != 0 || way.adj != 0 {
        feed::append_wish(tx, site, adj, blob)?;
    }
    PROPOSALS.put(tx, eid, &Proposal { site, id, at: cx.now, adj, blob: blob.to_vec() }).map(drop)?;
    Ok(())
}

/// Whether a change is not what its sender may bring: somebody else's, or from a later time than was announced.
fn forged(tx: &dyn crate::store::ReadTx, header: &Header, way: &Way<'_>) -> Result<Option<Outcome>> {
    if shifted(header.t, way.adj) > way.tmax {
        return Ok(Some(refused("stamp", "its stamp is later than the batch said")));
    }
    if !way.own {
        return Ok(None);
    }
    let writer = sites::number_of(tx, SiteRef::new(header.o, header.e))?;
    let known = header.o == UNENROLLED || sites::may_use(tx, way.site, header.e)?;
    let own = writer == Some(way.site) && known;
    Ok((!own).then(|| refused("origin", "it was written by another site")))
}

/// Whether `site` may write to the aggregate `id`: whoever first told of it, has it, expects it, or was ever told of it.
fn may_write(tx: &dyn crate::store::ReadTx, folder: &Folder, id: Id, site: u32) -> Result<bool> {
    if folder.reach == Reach::Everyone
        || (folder.line)(tx, id)?.is_none()
        || MEMBERS.get(tx, &route::member_key(id, site))?.is_some()
    {
        return Ok(true);
    }
    let origin = (folder.origin)(tx, id)?;
    for place in (folder.concerned)(tx, id)?.into_iter().chain(origin) {
        if sites::number_of(tx, place)? == Some(site) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn fold(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    folder: &Folder,
    header: &Header,
    blob: &[u8],
    way: &Way<'_>,
) -> std::result::Result<Outcome, Failed> {
    let least = lacks(Mutant::LeastShift);
    let arrival = Arrival { adj: way.adj, word: None, carrier: way.carrier, settles: least && way.adj < 0 };
    match (folder.receive)(tx, cx, blob, &arrival) {
        Ok(true) => {
            if folder.kinds.contains(&1) {
                duplicates(tx, cx, header.id)?;
            }
            Ok(Outcome::New(tx.head(DEPOT, log::APPLIED)?.last))
        }
        Ok(false) => Ok(Outcome::Kept),
        // Decoded before anything is written: the transaction goes on.
        Err(StoreError::Codec { what, why }) => Ok(refused("schema", format!("{what}: {why}"))),
        Err(e @ (StoreError::Unexpected { .. } | StoreError::TooLarge { .. } | StoreError::Corrupt(_))) => {
            let why = Refused { code: "fold", msg: e.to_string() };
            Err(Failed::Poison { eid: change::eid(blob), why })
        }
        Err(e) => Err(e.into()),
    }
}

/// Opens a case when another open parcel from another depot carries the same number: both stay, and a person decides.
fn duplicates(tx: &mut dyn WriteTx, cx: &Cx, id: Id) -> Result<()> {
    let Some(row) = crate::journal::load::<Parcel>(tx, id)? else { return Ok(()) };
    let parcel = row.state;
    if parcel.number.is_empty() {
        return Ok(());
    }
    for other in parcels::with_tracking(tx, &parcel.number)?.into_iter().filter(|other| *other != id) {
        let Some(other) = crate::journal::load::<Parcel>(tx, other)?.map(|r| r.state) else { continue };
        if other.origin == parcel.origin {
            continue;
        }
        // The same two parcels are one matter, whichever came second.
        let (a, b) = if parcel.id < other.id { (&parcel, &other) } else { (&other, &parcel) };
        let subject = Subject {
            kind: Parcel::NAME,
            id: a.id.0,
            label: &a.number,
            distributor: a.facts.distributor.as_deref(),
        };
        let detail = format!("{}: the same number, told by another depot", b.id);
        let fact = Fact {
            reason: Reason::Duplicate.code(),
            eid: b.id.0.0,
            at: b.created_at.max(a.created_at),
            detail: &detail,
        };
        derive(tx, cx, &subject, &[], &[fact])?;
    }
    Ok(())
}

/// Takes in a change that a depot offers after a resupply: its own, or another's that headquarters once gave its word on.
///
/// # Errors
/// Storage failures, and when it is in the way.
pub(super) fn offered(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    registry: &Registry,
    (site, from, tmax): (u32, Log, u64),
    (blob, adj, own): (&ByteBuf, i64, bool),
    poison: &HashSet<Eid>,
) -> std::result::Result<bool, Failed> {
    let way = Way { site, adj, carrier: 0, tmax, poison, own };
    let blob = &*redaction::kept(tx, blob)?;
    match one(tx, cx, registry, from, blob, &way)? {
        Outcome::New(_) | Outcome::Kept => Ok(true),
        Outcome::Refused(why) => {
            quarantine::put(tx, &aside(&way, cx.now, blob, why))?;
            Ok(false)
        }
    }
}

/// Tries what was set aside once more.
///
/// # Errors
/// Storage failures, and when it is in the way again.
pub(super) fn again(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    aside: &Aside,
    now: Timestamp,
) -> std::result::Result<bool, Failed> {
    let cx = Cx::new(tx, &Actor::system(), now, "sync")?;
    let none = HashSet::new();
    let Aside { site, adj, own, .. } = *aside;
    let way = Way { site, adj, carrier: 0, tmax: u64::MAX, poison: &none, own };
    let blob = redaction::kept(tx, &aside.blob)?;
    Ok(!matches!(one(tx, &cx, registry, Log::B, &blob, &way)?, Outcome::Refused(_)))
}
