//! Headquarters lost something, or this depot was away for too long: it offers all it holds, of others too. First what it
//! has of each record, in a sum; then the changes of those that differ. How far it has come is kept, so that on a line that
//! is cut again and again the offer goes on where it stopped.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::super::digest;
use super::super::hq::resupply::MAX_OFFERED;
use super::super::registry::Folder;
use super::super::wire::{
    BATCH_BYTES, Call, HeldSum, Log, Logs, MAX_CHANGES, Offered, Resupplied, Resupply, SessionAnswer,
};
use super::tables::{OPAQUE, REJECTS, save, standing};
use super::{Depot, Link, SyncError};
use crate::base::ids::Id;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::journal::log::{self, Applied, own};
use crate::journal::shifts;
use crate::store::{DEPOT, Dir, Ix, KeyRange, ReadTx, Result, StoreError};

/// Records summed up in one read, and between two notes of how far the offer has come.
const AT_ONCE: usize = 500;

/// The end of a log when the offer began: what is written meanwhile is pushed afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    last: u64,
    h: ByteArray<16>,
}

/// How far an offer has come, and for which answer of headquarters it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offering {
    /// The life of headquarters.
    #[serde(rename = "gen")]
    generation: u64,
    /// Where its feed for this depot begins anew.
    own: u64,
    /// The epoch of our logs.
    epoch: u64,
    /// Their ends.
    ends: Logs<End>,
    /// Types of records that this release knows: another one begins anew.
    types: usize,
    /// Which part is next: one for each type of record, then what could not be folded, then two logs.
    part: usize,
    /// Behind which record of that part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<ByteBuf>,
    /// Up to which record of those behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done: Option<Id>,
    /// Behind which position of that log.
    #[serde(default)]
    at: u64,
}

impl Offering {
    /// What an offer begins with.
    fn begun(tx: &dyn ReadTx, answer: &SessionAnswer, types: usize) -> Result<Self> {
        let origin = Origin::load(tx)?;
        let mut ends = Logs::default();
        for l in Log::ALL {
            let head = log::head(tx, l.letter(), &origin)?;
            *ends.of_mut(l) = End { last: head.last, h: ByteArray::new(head.hash) };
        }
        let (generation, own, epoch) = (answer.generation, answer.cur.own, origin.epoch);
        Ok(Self { generation, own, epoch, ends, types, part: 0, after: None, done: None, at: 0 })
    }

    /// Whether `other` is the same offer, however far it has come.
    fn is_of(&self, other: &Self) -> bool {
        let what = |o: &Self| (o.generation, o.own, o.epoch, o.types);
        what(self) == what(other)
    }
}

/// An offer while it runs.
struct Offer<'a> {
    depot: &'a mut Depot,
    link: &'a mut dyn Link,
    to: Offering,
    asked: u32,
}

/// Offers everything, and takes the answer's place in the feeds once headquarters has it.
///
/// # Errors
/// What stands in the way; the next session goes on with it.
pub fn offer(
    depot: &mut Depot,
    link: &mut dyn Link,
    answer: &SessionAnswer,
) -> std::result::Result<(), SyncError> {
    let registry = depot.registry.clone();
    let types = registry.iter().count();
    let begun = depot.store.read(depot.tenant, |tx| Offering::begun(tx, answer, types))?;
    let to = depot.standing()?.offering.filter(|o| o.is_of(&begun)).unwrap_or(begun);
    let mut offer = Offer { depot, link, to, asked: 0 };
    // That it has begun is known before anything is said.
    offer.note()?;
    while let Some(folder) = registry.nth(offer.to.part) {
        offer.records(folder)?;
        offer.next_part()?;
    }
    if offer.to.part == types {
        offer.opaque()?;
        offer.end(Log::B)?;
        offer.next_part()?;
    }
    for (n, l) in [Log::A, Log::G].into_iter().enumerate() {
        if offer.to.part == types + 1 + n {
            offer.entries(l)?;
            offer.end(l)?;
            offer.next_part()?;
        }
    }
    let (done, cur) = (offer.to, answer.cur);
    Ok(depot.write(move |tx| {
        let mut s = standing(tx)?;
        s.offering = None;
        if Origin::load(tx)?.epoch == done.epoch {
            for l in Log::ALL {
                *s.acked.of_mut(l) = (*s.acked.of(l)).max(done.ends.of(l).last);
            }
            (s.generation, s.cur) = (done.generation, cur);
        }
        save(tx, &s)
    })?)
}

impl Offer<'_> {
    fn next_part(&mut self) -> Result<()> {
        let part = self.to.part + 1;
        self.to = Offering { part, after: None, done: None, at: 0, ..self.to.clone() };
        self.note()
    }

    /// Keeps how far it has come.
    fn note(&self) -> Result<()> {
        let so_far = self.to.clone();
        self.depot.write(move |tx| {
            let mut s = standing(tx)?;
            s.offering = Some(so_far.clone());
            save(tx, &s)
        })
    }

    fn ask(
        &mut self,
        l: Log,
        last_part: bool,
        fill: impl FnOnce(&mut Resupply),
    ) -> std::result::Result<Resupplied, SyncError> {
        self.asked += 1;
        let End { last, h } = *self.to.ends.of(l);
        let of = if last_part { self.asked } else { 0 };
        let mut message = Resupply {
            ep: self.to.epoch,
            l,
            last,
            h,
            n: self.asked,
            of,
            ag: Vec::new(),
            ids: Vec::new(),
            ev: Vec::new(),
        };
        fill(&mut message);
        self.depot.ask(self.link, Call::Resupply, &message)
    }

    fn end(&mut self, l: Log) -> std::result::Result<(), SyncError> {
        self.ask(l, true, |_| {}).map(drop)
    }

    /// All records of one type.
    fn records(&mut self, folder: &Folder) -> std::result::Result<(), SyncError> {
        loop {
            let after = self.to.after.clone().map(ByteBuf::into_vec);
            let (mut held, next) = self.depot.store.read(self.depot.tenant, |tx| sums(tx, folder, after))?;
            if let Some(done) = self.to.done {
                held.retain(|HeldSum(_, id, ..)| Id(**id) > done);
            }
            if !held.is_empty() {
                let offered = held.clone();
                let said = self.ask(Log::B, false, move |m| m.ag = offered)?;
                let wanted = |n: usize| said.want.contains(&(n as u32));
                let id = |(_, HeldSum(_, id, ..)): (usize, &HeldSum)| Id(**id);
                let (lacking, alike): (Vec<_>, Vec<_>) =
                    held.iter().enumerate().partition(|(n, _)| wanted(*n));
                self.taken(folder, alike.into_iter().map(id).collect())?;
                self.whole(folder, &lacking.into_iter().map(id).collect::<Vec<_>>())?;
            }
            if next.is_none() {
                return Ok(());
            }
            (self.to.after, self.to.done) = (next.map(ByteBuf::from), None);
            self.note()?;
        }
    }

    /// Headquarters has these records just as they are here: what it refused of them once it took after all, and how it
    /// said so lies before the place in the feed where this depot goes on.
    fn taken(&self, folder: &Folder, ids: Vec<Id>) -> Result<()> {
        let any = |tx: &dyn ReadTx| REJECTS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1);
        if self.depot.store.read(self.depot.tenant, any)?.items.is_empty() {
            return Ok(());
        }
        let line = folder.line;
        self.depot.write(move |tx| {
            for id in &ids {
                let mut at = line(tx, *id)?.unwrap_or_default().head;
                while at != 0 {
                    let Applied { prev, blob, .. } = log::applied(tx, at)?;
                    REJECTS.del(tx, &change::eid(&blob))?;
                    at = prev;
                }
            }
            Ok(())
        })
    }

    /// Every change of these records, several records in a message; what is through is noted.
    fn whole(&mut self, folder: &Folder, ids: &[Id]) -> std::result::Result<(), SyncError> {
        let mut waiting: Vec<Offered> = Vec::new();
        for (n, id) in ids.iter().enumerate() {
            waiting.extend(self.depot.store.read(self.depot.tenant, |tx| record(tx, folder, *id))?);
            let bytes: usize = waiting.iter().map(|o| o.0.len()).sum();
            if waiting.len() >= MAX_CHANGES / 4 || bytes >= BATCH_BYTES / 4 || n + 1 == ids.len() {
                self.send(Log::B, std::mem::take(&mut waiting))?;
                self.to.done = Some(*id);
                self.note()?;
            }
        }
        Ok(())
    }

    /// What this release could not fold: headquarters may.
    fn opaque(&mut self) -> std::result::Result<(), SyncError> {
        loop {
            let range = KeyRange::all().resume(self.to.after.clone().map(ByteBuf::into_vec));
            let scan = |tx: &dyn ReadTx| OPAQUE.scan(tx, Ix::Primary, &range, Dir::Up, AT_ONCE);
            let rows = self.depot.store.read(self.depot.tenant, scan)?;
            let all = rows.items.into_iter().map(|e| e.value);
            self.send(Log::B, all.map(|o| Offered(ByteBuf::from(o.blob), o.adj, o.word)).collect())?;
            if rows.next.is_none() {
                return Ok(());
            }
            self.to.after = rows.next.map(ByteBuf::from);
            self.note()?;
        }
    }

    /// All entries of a log that holds whole changes, as far as it went when the offer began.
    fn entries(&mut self, l: Log) -> std::result::Result<(), SyncError> {
        let end = self.to.ends.of(l).last;
        while self.to.at < end {
            let at = self.to.at;
            let held = self.depot.store.read(self.depot.tenant, |tx| entries(tx, l, at, end))?;
            let Some((last, ..)) = held.last() else { return Ok(()) };
            let last = *last;
            let ids = held.iter().map(|(_, _, blob)| ByteArray::new(change::eid(blob))).collect();
            let said = self.ask(l, false, move |m| m.ids = ids)?;
            let wanted = said.want.iter().filter_map(|n| held.get(*n as usize));
            let all = wanted.map(|(_, adj, blob)| Offered(ByteBuf::from(blob.clone()), *adj, None)).collect();
            self.send(l, all)?;
            self.to.at = last;
            self.note()?;
        }
        Ok(())
    }

    fn send(&mut self, l: Log, all: Vec<Offered>) -> std::result::Result<(), SyncError> {
        let (mut part, mut bytes) = (Vec::new(), 0);
        for offered in all {
            bytes += offered.0.len();
            if !part.is_empty() && (bytes > BATCH_BYTES || part.len() == MAX_CHANGES) {
                let full = std::mem::take(&mut part);
                bytes = offered.0.len();
                self.ask(l, false, move |m| m.ev = full)?;
            }
            part.push(offered);
        }
        if part.is_empty() { Ok(()) } else { self.ask(l, false, move |m| m.ev = part).map(drop) }
    }
}

/// Entries of a log behind `after`, up to `end`: position, shift and change.
fn entries(tx: &dyn ReadTx, l: Log, after: u64, end: u64) -> Result<Vec<(u64, i64, Vec<u8>)>> {
    let id = own(l.letter(), &Origin::load(tx)?);
    let rows = tx.tail(DEPOT, id, after, MAX_OFFERED / 4)?;
    let rows = rows.into_iter().take_while(|(at, _)| *at <= end);
    rows.map(|(at, entry)| {
        let (blob, adj, _) = super::relog::change_of(tx, l.letter(), &entry)?;
        Ok::<_, StoreError>((at, adj, blob))
    })
    .collect()
}

type Sums = (Vec<HeldSum>, Option<Vec<u8>>);

fn sums(tx: &dyn ReadTx, folder: &Folder, after: Option<Vec<u8>>) -> Result<Sums> {
    let (ids, next) = (folder.page)(tx, after, AT_ONCE)?;
    let mut held = Vec::with_capacity(ids.len());
    for id in ids {
        let line = (folder.line)(tx, id)?.unwrap_or_default();
        if line.n > 0 {
            let sum = digest::identities(tx, &line)?;
            held.push(HeldSum(*folder.kinds.start(), ByteArray::new(id.0), line.n, ByteArray::new(sum)));
        }
    }
    Ok((held, next))
}

/// Every change of a record in the order it came here, as far as it can be shown to be one.
fn record(tx: &dyn ReadTx, folder: &Folder, id: Id) -> Result<Vec<Offered>> {
    let mut at = (folder.line)(tx, id)?.unwrap_or_default().head;
    let mut all = Vec::new();
    while at != 0 {
        let Applied { prev, adj, word, blob, .. } = log::applied(tx, at)?;
        let later = shifts::of(tx, &change::eid(&blob))?;
        // A word holds for one shift alone: that of the shift before is worth nothing.
        let (adj, word) = later.map_or((adj, word), |s| (s.adj, s.word));
        all.push(Offered(ByteBuf::from(blob), adj, word));
        at = prev;
    }
    all.reverse();
    Ok(all)
}
