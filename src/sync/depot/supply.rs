//! Headquarters lost something: this depot offers all it holds, of others too. First what it has of each record, in a sum;
//! then the changes of those that differ.

use serde::Serialize;
use serde_bytes::{ByteArray, ByteBuf};

use super::super::digest;
use super::super::hq::resupply::MAX_OFFERED;
use super::super::registry::Folder;
use super::super::wire::{
    BATCH_BYTES, Call, Cursors, HeldSum, Log, Logs, MAX_CHANGES, Offered, Resupplied, Resupply, SessionAnswer,
};
use super::tables::{OPAQUE, save, standing};
use super::{Depot, Link, SyncError};
use crate::base::ids::Id;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::journal::log::{self, Applied, own};
use crate::journal::shifts;
use crate::store::{DEPOT, Dir, Hash, Ix, KeyRange, ReadTx, Result};

/// Records summed up in one read.
const AT_ONCE: usize = 500;

/// The ends of the logs when the offer began: what is written meanwhile is pushed afterwards.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct End {
    last: u64,
    h: Hash,
}

/// What an offer is made of while it runs.
struct Offer<'a> {
    depot: &'a mut Depot,
    link: &'a mut dyn Link,
    epoch: u64,
    ends: Logs<End>,
    part: u32,
}

/// Offers everything, and takes the answer's place in the feeds once headquarters has it.
///
/// # Errors
/// What stands in the way; the next session begins it anew.
pub fn offer(
    depot: &mut Depot,
    link: &mut dyn Link,
    answer: &SessionAnswer,
) -> std::result::Result<(), SyncError> {
    let (origin, ends) = depot.store.read(depot.tenant, |tx| {
        let origin = Origin::load(tx)?;
        let mut ends = Logs::default();
        for l in Log::ALL {
            let head = log::head(tx, l.letter(), &origin)?;
            *ends.of_mut(l) = End { last: head.last, h: head.hash };
        }
        Ok::<_, crate::store::StoreError>((origin, ends))
    })?;
    let registry = depot.registry.clone();
    let mut offer = Offer { depot, link, epoch: origin.epoch, ends, part: 0 };
    for folder in registry.iter() {
        offer.records(folder)?;
    }
    offer.opaque()?;
    offer.end(Log::B)?;
    for l in [Log::A, Log::G] {
        offer.entries(l, &origin)?;
        offer.end(l)?;
    }
    let (generation, cur): (u64, Cursors) = (answer.generation, answer.cur);
    Ok(depot.write(move |tx| {
        let mut s = standing(tx)?;
        if Origin::load(tx)?.epoch == origin.epoch {
            for l in Log::ALL {
                *s.acked.of_mut(l) = ends.of(l).last;
            }
            (s.generation, s.cur) = (generation, cur);
            save(tx, &s)?;
        }
        Ok(())
    })?)
}

impl Offer<'_> {
    fn ask(
        &mut self,
        l: Log,
        last_part: bool,
        fill: impl FnOnce(&mut Resupply),
    ) -> std::result::Result<Resupplied, SyncError> {
        self.part += 1;
        let End { last, h } = *self.ends.of(l);
        let of = if last_part { self.part } else { 0 };
        let mut message = Resupply {
            ep: self.epoch,
            l,
            last,
            h: ByteArray::new(h),
            n: self.part,
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
        let mut after = None;
        loop {
            let read = |tx: &dyn ReadTx| sums(tx, folder, after.take());
            let (held, next) = self.depot.store.read(self.depot.tenant, read)?;
            if !held.is_empty() {
                let offered = held.clone();
                let said = self.ask(Log::B, false, move |m| m.ag = offered)?;
                for n in said.want {
                    let Some(HeldSum(_, id, ..)) = held.get(n as usize) else { continue };
                    let id = Id(**id);
                    let all = self.depot.store.read(self.depot.tenant, |tx| record(tx, folder, id))?;
                    self.send(Log::B, all)?;
                }
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    /// What this release could not fold: headquarters may.
    fn opaque(&mut self) -> std::result::Result<(), SyncError> {
        let mut after = None;
        loop {
            let range = KeyRange::all().resume(after.take());
            let scan = |tx: &dyn ReadTx| OPAQUE.scan(tx, Ix::Primary, &range, Dir::Up, AT_ONCE);
            let rows = self.depot.store.read(self.depot.tenant, scan)?;
            let all = rows.items.into_iter().map(|e| e.value);
            self.send(Log::B, all.map(|o| Offered(ByteBuf::from(o.blob), o.adj, o.word)).collect())?;
            if rows.next.is_none() {
                return Ok(());
            }
            after = rows.next;
        }
    }

    /// All entries of a log that holds whole changes.
    fn entries(&mut self, l: Log, origin: &Origin) -> std::result::Result<(), SyncError> {
        let (id, mut at) = (own(l.letter(), origin), 0);
        loop {
            let rows =
                self.depot.store.read(self.depot.tenant, |tx| tx.tail(DEPOT, id, at, MAX_OFFERED / 4))?;
            let Some((end, _)) = rows.last() else { return Ok(()) };
            at = *end;
            let mut held = Vec::with_capacity(rows.len());
            for (_, entry) in &rows {
                held.push(
                    self.depot
                        .store
                        .read(self.depot.tenant, |tx| super::relog::change_of(tx, l.letter(), entry))?,
                );
            }
            let ids = held.iter().map(|(_, _, eid)| ByteArray::new(*eid)).collect();
            let said = self.ask(l, false, move |m| m.ids = ids)?;
            let wanted = said.want.iter().filter_map(|n| held.get(*n as usize));
            let all = wanted.map(|(blob, adj, _)| Offered(ByteBuf::from(blob.clone()), *adj, None)).collect();
            self.send(l, all)?;
        }
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
