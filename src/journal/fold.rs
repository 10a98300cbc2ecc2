//! The fold driver: the one way a change becomes a row, whether it was decided here, pushed by a depot, fed by
//! headquarters, came twice or came late.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::change::{self, Header};
use super::clock::Origin;
use super::event::{Eid, FoldKey, Hlc, Stamped};
use super::log::{self, Applied};
use super::shifts::{self, Shift};
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::policy::Policy;
use crate::identity::grant::Actor;
use crate::store::{Never, ReadTx, Record, Result, StoreError, Table, WriteTx};

/// Own events an aggregate can have; foreign facts are kept beyond it.
pub const MAX_TIMELINE: u32 = 5_000;

/// What may happen to an aggregate.
pub trait Event: Sized {
    /// Its stable number.
    fn kind(&self) -> u16;
    /// Its name in audit and feeds, `area.past_participle`.
    fn name(&self) -> &'static str;
    /// The body, a MessagePack map with field names.
    ///
    /// # Errors
    /// When it can't be encoded.
    fn encode(&self) -> Result<Vec<u8>>;
    /// The event in `body`.
    ///
    /// # Errors
    /// When kind or body are not known here.
    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self>;
    /// When it is said to have happened, for facts that others tell; none for our own.
    fn occurred(&self) -> Option<Timestamp> {
        None
    }
    /// The change it corrects, which then folds differently whatever its own place.
    fn corrects(&self) -> Option<Eid> {
        None
    }
}

/// Something with a timeline: its row is the fold of its events.
pub trait Aggregate: Record + Clone + PartialEq + Send + Sync + 'static {
    /// What may happen to it.
    type Event: Event + Clone;
    /// Its name in audit and API.
    const NAME: &'static str;
    /// Where its rows are.
    const TABLE: &'static Table<Id, Folded<Self>>;
    /// Whether its audit can be switched off.
    const AUDIT: audit::Class = audit::Class::Business;

    /// The state before any event.
    fn blank(id: Id) -> Self;
    /// The state after one more event, the last in order so far. Never fails: what does not fit is kept and flagged.
    #[must_use]
    fn fold(self, event: &Stamped<Self::Event>) -> Self;
    /// What of the state does not come from its events; the blank state where everything does.
    #[must_use]
    fn base(id: Id, was: Option<&Self>) -> Self {
        let _ = was;
        Self::blank(id)
    }
    /// `base` after all of `events`, which are in order and distinct.
    #[must_use]
    fn fold_all(base: Self, events: &[Stamped<Self::Event>]) -> Self {
        events.iter().fold(base, Self::fold)
    }
    /// Whether `event` changes how events before it fold, so that all have to be folded anew.
    #[must_use]
    fn reaches_back(&self, event: &Self::Event) -> bool {
        event.corrects().is_some()
    }
    /// Keeps what follows from the row: look-ups, counters, deadlines, derived cases.
    ///
    /// # Errors
    /// Storage failures.
    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed>;
    /// The changed fields for the audit, secrets left out.
    fn changes(old: Option<&Self>, new: &Self) -> Vec<audit::Changed>;
}

/// The circumstances of a change: when, by whom, under which house rules.
#[derive(Clone, Debug)]
pub struct Cx {
    /// Read once at the edge.
    pub now: Timestamp,
    /// Who does it.
    pub actor: Actor,
    /// The tenant's calendar and limits.
    pub policy: Arc<Policy>,
    /// By which way it came: `http`, `import:<id>`, `job`, `sync`.
    pub via: Arc<str>,
    /// Whether it is a loaded past that must not cause mail.
    pub quiet: bool,
}

impl Cx {
    /// For `actor` at `now`, with the tenant's present rules.
    ///
    /// # Errors
    /// Storage failures.
    pub fn new(tx: &dyn ReadTx, actor: &Actor, now: Timestamp, via: &str) -> Result<Self> {
        Ok(Self { now, actor: actor.clone(), policy: Policy::current(tx)?, via: via.into(), quiet: false })
    }
}

/// Where an aggregate's timeline stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The greatest place folded.
    pub last: FoldKey,
    /// The newest entry in the applied log; entries refer back to one another.
    pub head: u64,
    /// How many events.
    pub n: u32,
    /// Whether the stamp of one of them is shifted.
    #[serde(rename = "j", default, skip_serializing_if = "std::ops::Not::not")]
    pub shifted: bool,
}

/// What followed from a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// Cases it opened.
    pub opened: Vec<Id>,
    /// The deadline that was kept for it. Written down with the row because it depends on rules that may have changed
    /// by the time it has to be taken away.
    pub due: Option<Timestamp>,
}

/// A row: the state and its timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Folded<A> {
    /// The state.
    #[serde(rename = "s")]
    pub state: A,
    /// The timeline.
    #[serde(rename = "l")]
    pub line: Timeline,
    /// The deadline kept for it.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

impl<A: Record> Record for Folded<A> {
    const TAG: u8 = A::TAG;
    type Previous = Folded<A::Previous>;
    fn upgrade(old: Self::Previous) -> Self {
        Self { state: A::upgrade(old.state), line: old.line, due: old.due }
    }
}

const _: fn(Folded<Never>) -> Folded<Never> = Folded::<Never>::upgrade;

/// A decided change, written: the row as it is now and its revision.
#[derive(Clone, Debug)]
pub struct Written<A> {
    /// The state.
    pub state: A,
    /// The row's revision.
    pub rev: u64,
    /// The identities of the changes, in order.
    pub eids: Vec<Eid>,
    /// Cases it opened.
    pub opened: Vec<Id>,
}

/// The aggregate `id`, if anything has happened to it.
///
/// # Errors
/// Storage failures.
pub fn load<A: Aggregate>(tx: &dyn ReadTx, id: Id) -> Result<Option<Folded<A>>> {
    A::TABLE.get(tx, &id)
}

/// Records `events`, decided by us on `old`, in one go: stamped, appended, folded, audited.
///
/// # Errors
/// Storage failures, and when the aggregate has [`MAX_TIMELINE`] events.
pub fn record<A: Aggregate>(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    old: Option<Folded<A>>,
    events: Vec<A::Event>,
) -> Result<Written<A>> {
    let mut origin = Origin::load(tx)?;
    let before = old.as_ref().map(|o| o.line).unwrap_or_default();
    if before.n.saturating_add(u32::try_from(events.len()).unwrap_or(u32::MAX)) > MAX_TIMELINE {
        return Err(StoreError::TooLarge { coll: A::NAME, bytes: before.n as usize });
    }
    let mut seen = before.last.t;
    let begun = log::head(tx, log::BUSINESS, &origin)?.last;
    let mut fresh = Vec::with_capacity(events.len());
    for (position, event) in (begun + 1..).zip(events) {
        let t = origin.stamp(cx.now, seen);
        seen = t;
        let header = Header {
            o: origin.site,
            e: origin.epoch,
            s: position,
            t,
            k: event.kind(),
            v: 1,
            id,
            u: cx.actor.number,
        };
        let blob = change::encode(&header, &event.encode()?)?;
        let stamped = stamp(&header, 0, change::eid(&blob), event);
        fresh.push(Incoming { stamped, blob, way: Arrival::default() });
    }
    origin.save(tx)?;
    let written = apply(tx, cx, id, old, &fresh, Some(&origin))?;
    Ok(written)
}

/// By which way a change of somebody else came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The shift of its stamp in milliseconds.
    pub adj: i64,
    /// Headquarters' word on it.
    pub word: Option<[u8; 16]>,
    /// The site whose own log brought it; 0 else.
    pub carrier: u32,
    /// Whether the shift holds even when the change is known here with another one: so headquarters speaks to a depot.
    pub settles: bool,
}

/// Takes in a change that somebody else wrote. None when it is known here already; then its shift is set right where
/// the sender's word [settles](Arrival::settles) it.
///
/// # Errors
/// When it can't be decoded, or is none of `A`'s; storage failures.
pub fn receive<A: Aggregate>(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    blob: &[u8],
    way: &Arrival,
) -> Result<Option<Written<A>>> {
    let (header, body) = change::decode(blob)?;
    let event = A::Event::decode(header.k, header.v, &body)?;
    let incoming = Incoming {
        stamped: stamp(&header, way.adj, change::eid(blob), event),
        blob: blob.to_vec(),
        way: *way,
    };
    let eid = incoming.stamped.key.eid;
    let old = load::<A>(tx, header.id)?;
    if let Some(old) = &old {
        // A change that is known came with its own stamp: only a shift can make it look later than all that is here.
        let later = incoming.stamped.key > old.line.last && way.adj == 0 && !old.line.shifted;
        let known = if later { None } else { find(tx, &old.line, &eid)? };
        if let Some(known) = known {
            if way.settles && known != way.adj {
                let word = way.word.map(serde_bytes::ByteArray::new);
                shifts::put(tx, &eid, &Shift { adj: way.adj, word })?;
                refold::<A>(tx, cx, header.id)?;
            }
            return Ok(None);
        }
    }
    apply(tx, cx, header.id, old, &[incoming], None).map(Some)
}

/// The shift of the event `eid` of a timeline; none when it is none of its events.
fn find(tx: &dyn ReadTx, line: &Timeline, eid: &Eid) -> Result<Option<i64>> {
    let mut at = line.head;
    while at != 0 {
        let entry = log::applied(tx, at)?;
        if change::eid(&entry.blob) == *eid {
            return shift_of(tx, line, &entry, eid).map(Some);
        }
        at = entry.prev;
    }
    Ok(None)
}

/// The shift that holds for an entry.
fn shift_of(tx: &dyn ReadTx, line: &Timeline, entry: &Applied, eid: &Eid) -> Result<i64> {
    let later = if line.shifted { shifts::of(tx, eid)? } else { None };
    Ok(later.map_or(entry.adj, |s| s.adj))
}

/// Folds the aggregate `id` anew after stamps of its events were shifted. Does nothing when there is none.
///
/// # Errors
/// Storage failures.
pub fn refold<A: Aggregate>(tx: &mut dyn WriteTx, cx: &Cx, id: Id) -> Result<()> {
    let Some(mut old) = load::<A>(tx, id)? else { return Ok(()) };
    old.line.shifted = true;
    anew(tx, cx, id, old)
}

/// Folds a row anew from its timeline, whose changes are not what they were.
///
/// # Errors
/// Storage failures.
pub(super) fn anew<A: Aggregate>(tx: &mut dyn WriteTx, cx: &Cx, id: Id, old: Folded<A>) -> Result<()> {
    let mut line = old.line;
    let events: Vec<_> = history::<A>(tx, &line)?.into_iter().map(|(_, e)| e).collect();
    line.last = events.last().map(|e| e.key).unwrap_or_default();
    let state = A::fold_all(A::base(id, Some(&old.state)), &events);
    let due = A::follow(tx, cx, Some(&old), &state)?.due;
    A::TABLE.put(tx, &id, &Folded { state, line, due }).map(drop)
}

struct Incoming<E> {
    stamped: Stamped<E>,
    blob: Vec<u8>,
    way: Arrival,
}

/// The stamp `t` moved by `adj` milliseconds.
#[must_use]
pub fn shifted(t: Hlc, adj: i64) -> Hlc {
    t.saturating_add_signed(adj.saturating_mul(1 << 16))
}

/// An event in its place. Our own facts count when they were stamped; what others tell counts when they say it
/// happened, but never later than it was stamped.
fn stamp<E: Event>(header: &Header, adj: i64, eid: Eid, event: E) -> Stamped<E> {
    let t: Hlc = shifted(header.t, adj);
    let eff = event.occurred().map_or(t, |at| t.min(at.unsigned() << 16));
    let key = FoldKey { eff, t, eid };
    Stamped { key, site: header.o, epoch: header.e, actor: header.u, event }
}

/// Folds what is new into the row and writes everything that follows from it. `own` when we decided it.
fn apply<A: Aggregate>(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    old: Option<Folded<A>>,
    fresh: &[Incoming<A::Event>],
    own: Option<&Origin>,
) -> Result<Written<A>> {
    let mut line = old.as_ref().map(|o| o.line).unwrap_or_default();
    let was = old.as_ref().map(|o| &o.state);
    let blank = A::base(id, was);
    let in_order = fresh.iter().all(|e| !was.unwrap_or(&blank).reaches_back(&e.stamped.event))
        && fresh
            .iter()
            .try_fold(line.last, |last, e| (e.stamped.key > last).then_some(e.stamped.key))
            .is_some();
    let state = if in_order {
        fresh.iter().fold(was.cloned().unwrap_or(blank), |state, e| state.fold(&e.stamped))
    } else {
        let mut all: Vec<_> = history::<A>(tx, &line)?.into_iter().map(|(_, e)| e).collect();
        all.extend(fresh.iter().map(|e| e.stamped.clone()));
        all.sort_by_key(|e| e.key);
        A::fold_all(blank, &all)
    };
    let Followed { opened, due } = A::follow(tx, cx, old.as_ref(), &state)?;
    let audited = match own {
        Some(origin) => {
            let what = audit::Entry {
                class: A::AUDIT,
                action: fresh.last().map_or("", |e| e.stamped.event.name()),
                record: A::NAME,
                id,
                event: fresh.last().map(|e| e.stamped.key.eid),
                changed: A::changes(was, &state),
            };
            audit::append(tx, cx, origin, &what)?
        }
        None => 0,
    };
    let last = fresh.len().saturating_sub(1);
    for (i, e) in fresh.iter().enumerate() {
        let opened = if i == last { opened.clone() } else { Vec::new() };
        let entry = Applied {
            prev: line.head,
            audit: audited,
            adj: e.way.adj,
            quiet: cx.quiet,
            carrier: e.way.carrier,
            word: e.way.word.map(serde_bytes::ByteArray::new),
            opened,
            blob: e.blob.clone(),
        };
        line.head = log::append_applied(tx, &entry)?;
        line.last = line.last.max(e.stamped.key);
        line.n += 1;
        line.shifted |= e.way.adj != 0;
        if let Some(origin) = own {
            log::link_business(tx, origin, &e.stamped.key.eid, line.head)?;
        }
    }
    let row = Folded { state, line, due };
    let rev = A::TABLE.put(tx, &id, &row)?;
    Ok(Written { state: row.state, rev, eids: fresh.iter().map(|e| e.stamped.key.eid).collect(), opened })
}

/// Every event of a timeline with its entry, in fold order.
///
/// # Errors
/// Storage failures.
pub fn history<A: Aggregate>(tx: &dyn ReadTx, line: &Timeline) -> Result<Vec<(Applied, Stamped<A::Event>)>> {
    let mut all = Vec::with_capacity(line.n as usize);
    let mut at = line.head;
    while at != 0 {
        let entry = log::applied(tx, at)?;
        at = entry.prev;
        let (header, body) = change::decode(&entry.blob)?;
        let event = A::Event::decode(header.k, header.v, &body)?;
        let eid = change::eid(&entry.blob);
        let stamped = stamp(&header, shift_of(tx, line, &entry, &eid)?, eid, event);
        all.push((entry, stamped));
    }
    all.sort_by_key(|(_, e)| e.key);
    Ok(all)
}

/// The state at a past moment: the fold of what had taken effect by then. None when nothing had.
///
/// # Errors
/// Storage failures.
pub fn state_at<A: Aggregate>(tx: &dyn ReadTx, id: Id, row: &Folded<A>, at: Timestamp) -> Result<Option<A>> {
    if row.line.last.at() <= at {
        return Ok(Some(row.state.clone()));
    }
    let events: Vec<_> =
        history::<A>(tx, &row.line)?.into_iter().map(|(_, e)| e).filter(|e| e.key.at() <= at).collect();
    Ok((!events.is_empty()).then(|| A::fold_all(A::base(id, Some(&row.state)), &events)))
}
