//! What headquarters does not know yet goes there: log by log, one batch in flight, larger while it works and smaller
//! when it doesn't.

use serde_bytes::{ByteArray, ByteBuf};

use super::super::mutants::{Mutant, lacks};
use super::super::wire::{BATCH_BYTES, Call, Code, Log, MAX_CHANGES, Push, Pushed, Shift, encode};
use super::tables::{Standing, save, standing};
use super::{Budget, Depot, Link, LinkError, SyncError, relog, shift};
use crate::base::clock::Timestamp;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::journal::fold::shifted;
use crate::journal::log::{self, own};
use crate::store::{DEPOT, ReadTx, Result, StoreError};

/// The smallest batch.
pub const SMALLEST: u32 = 16;

impl Depot {
    /// Pushes all three logs as far as the budget goes; returns how many changes and bytes went.
    pub(super) fn push_all(
        &mut self,
        link: &mut dyn Link,
        now: Timestamp,
        budget: &Budget,
    ) -> std::result::Result<(u64, u64), SyncError> {
        let (mut pushes, mut bytes, mut pushed) = (0, 0, 0);
        for l in Log::ALL {
            while pushes < budget.pushes && bytes < budget.bytes {
                let Some(batch) = self.batch(l)? else { break };
                pushes += 1;
                bytes += batch.ch.iter().map(|b| b.len() as u64).sum::<u64>();
                pushed += self.push_one(link, now, &batch)?;
            }
        }
        Ok((pushed, bytes))
    }

    /// The next batch of a log; none when headquarters has all of it.
    ///
    /// # Errors
    /// Storage failures.
    pub fn batch(&self, l: Log) -> Result<Option<Push>> {
        let most = self.session.map_or(MAX_CHANGES, |s| s.changes).min(self.most);
        let bytes = self.session.map_or(BATCH_BYTES, |s| s.bytes);
        self.store.read(self.tenant, |tx| {
            let s = standing(tx)?;
            let wanted = if s.batch == 0 { most } else { (s.batch as usize).min(most) };
            batch(tx, l, *s.acked.of(l), Room { wanted, most, bytes })
        })
    }

    fn push_one(
        &mut self,
        link: &mut dyn Link,
        now: Timestamp,
        push: &Push,
    ) -> std::result::Result<u64, SyncError> {
        let last = push.from + push.ch.len() as u64 - 1;
        *self.sent.of_mut(push.l) = last;
        let columns = self.session.is_some_and(|s| s.columns);
        let body = if columns { push.in_columns() } else { encode(push) };
        match self.say::<Pushed>(link, Call::Push, &body?) {
            Ok(said) => {
                let (l, epoch, grown) = (push.l, push.ep, push.ch.len() as u32);
                self.write(move |tx| {
                    let (mut s, origin) = (standing(tx)?, Origin::load(tx)?);
                    if origin.epoch == epoch {
                        *s.acked.of_mut(l) = (*s.acked.of(l)).max(said.ack);
                        // One that ended earlier for a request's sake was a full one as well.
                        if s.batch != 0 && grown > s.batch / 2 {
                            s.batch = s.batch.saturating_mul(2).min(MAX_CHANGES as u32);
                        }
                        save(tx, &s)?;
                    }
                    Ok(())
                })?;
                Ok(push.ch.len() as u64)
            }
            Err(SyncError::Link(LinkError::Refused(r))) if r.e == Code::Clock => {
                let theirs = r.now.unwrap_or(now.unsigned());
                let offset = i128::from(theirs) - i128::from(now.unsigned());
                let shifted = shift::correct(
                    self,
                    theirs,
                    i64::try_from(offset).unwrap_or(0),
                    shift::Look::Unacknowledged,
                )?;
                if shifted { Ok(0) } else { Err(LinkError::Refused(r).into()) }
            }
            Err(SyncError::Link(LinkError::Refused(r))) if r.e == Code::TooBig && push.ch.len() > 1 => {
                self.most = push.ch.len() / 2;
                let half = self.most as u32;
                self.write(move |tx| {
                    let s = standing(tx)?;
                    save(tx, &Standing { batch: half, ..s })
                })?;
                Ok(0)
            }
            Err(e) => Err(e),
        }
    }
}

/// How much a batch may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Changes it should hold at the most; more only to hold a request's changes together.
    pub wanted: usize,
    /// Changes it may hold.
    pub most: usize,
    /// Bytes it may hold, unless a single change is larger.
    pub bytes: usize,
}

/// The next batch of log `l` behind `after`.
///
/// It ends where a request's changes end. A depot that comes back from a backup gets from headquarters what it sent
/// there, and who is given half of a request never gets the other half. What one request wrote beyond the room of a
/// batch goes in several.
pub(super) fn batch(tx: &dyn ReadTx, l: Log, after: u64, room: Room) -> Result<Option<Push>> {
    let origin = Origin::load(tx)?;
    let id = own(l.letter(), &origin);
    // One more than fits says whether the last that fits is the end of a request.
    let rows = tx.tail(DEPOT, id, after, room.most.saturating_add(1))?;
    let Some(from) = rows.first().map(|(at, _)| *at) else { return Ok(None) };
    if from != after + 1 {
        let said =
            format!("log {l:?} lacks position {}: headquarters has to be asked for a resupply", after + 1);
        return Err(StoreError::Corrupt(said));
    }
    let h0 = log::hash_at(tx, id, after)?;
    let h0 = h0.ok_or_else(|| StoreError::Corrupt(format!("log {l:?} lacks its hash at {after}")))?;
    let changes = changes(tx, l, &rows, room)?;
    let mut push = Push {
        ep: origin.epoch,
        l,
        from,
        h0: ByteArray::new(h0),
        tmax: 0,
        adj: Vec::new(),
        ch: Vec::with_capacity(changes.len()),
    };
    for (at, (blob, adj)) in (from..).zip(changes) {
        push.tmax = push.tmax.max(shifted(change::decode(&blob)?.0.t, adj));
        match push.adj.last_mut() {
            Some(Shift(_, to, same)) if *same == adj && *to + 1 == at => *to = at,
            _ if adj == 0 => {}
            _ => push.adj.push(Shift(at, at, adj)),
        }
        push.ch.push(ByteBuf::from(blob));
    }
    Ok(Some(push))
}

/// The changes of a batch and their shifts: as many of `rows` as there is room for.
fn changes(tx: &dyn ReadTx, l: Log, rows: &[(u64, Vec<u8>)], room: Room) -> Result<Vec<(Vec<u8>, i64)>> {
    let (mut all, mut size) = (Vec::new(), 0);
    // Where the last request ends that is in whole.
    let mut end = None;
    for (n, (_, row)) in rows.iter().enumerate() {
        let link = log::link_of(l.letter(), row)?;
        if n > 0 && (!link.together || lacks(Mutant::TornRequest)) && (n <= room.wanted || end.is_none()) {
            end = Some(n);
        }
        if n == room.most || (n >= room.wanted && end.is_some()) {
            break;
        }
        let (blob, adj, _) = relog::change_at(tx, link)?;
        size += blob.len() + 8;
        if size > room.bytes && n > 0 {
            break;
        }
        all.push((blob, adj));
    }
    if all.len() < rows.len() {
        all.truncate(end.unwrap_or(all.len()));
    }
    Ok(all)
}
