//! A new life of the logs: at enrolment, and when they parted from what headquarters has. The same changes are issued
//! again, byte for byte, so they stay the changes they were.

use super::super::mutants::{Mutant, lacks};
use super::super::sites::{BINDINGS, Owner};
use super::super::wire::{Enrolled, Log, Logs};
use super::Depot;
use super::tables::{Reissue, save, standing};
use crate::base::clock::Timestamp;
use crate::journal::change;
use crate::journal::clock::{Life, Origin};
use crate::journal::fold::shifted;
use crate::journal::log::{self, Applied, Held, Link, own};
use crate::journal::shifts;
use crate::store::{DEPOT, LogId, ReadTx, Result, WriteTx};

/// Positions issued again in one transaction.
const AT_ONCE: usize = 1_000;

/// This depot is one of headquarters' from now on: everything it has written goes there.
///
/// # Errors
/// Storage failures.
pub fn joined(tx: &mut dyn WriteTx, said: &Enrolled) -> Result<()> {
    let mut origin = Origin::load(tx)?;
    if origin.site == said.site && origin.epoch == said.ep {
        return Ok(());
    }
    BINDINGS.put(tx, &origin.first.to_be_bytes(), &Owner { site: said.site })?;
    begin(tx, &mut origin, said.ep, Logs::default())?;
    origin.site = said.site;
    origin.save(tx)?;
    let mut s = standing(tx)?;
    s.generation = said.generation;
    save(tx, &s)
}

/// Begins the logs anew in `epoch`; what lies behind what both have, or headquarters once acknowledged, comes again.
///
/// # Errors
/// Storage failures.
pub fn rejoin(depot: &mut Depot, epoch: u64, common: Logs<Option<u64>>) -> Result<()> {
    depot.sent = Logs::default();
    depot.write(move |tx| {
        let mut origin = Origin::load(tx)?;
        if origin.epoch == epoch {
            return Ok(());
        }
        let acked = standing(tx)?.acked;
        let mut base = Logs::default();
        for l in Log::ALL {
            *base.of_mut(l) = common.of(l).unwrap_or(0).max(*acked.of(l));
        }
        begin(tx, &mut origin, epoch, base)?;
        origin.save(tx)
    })
}

/// Notes what has to come again and turns to the new epoch.
fn begin(tx: &mut dyn WriteTx, origin: &mut Origin, epoch: u64, base: Logs<u64>) -> Result<()> {
    let mut s = standing(tx)?;
    for l in Log::ALL {
        let head = log::head(tx, l.letter(), origin)?;
        let next = (*base.of(l) + 1).max(head.floor);
        if next <= head.last {
            s.reissue.push(Reissue { log: l.letter(), epoch: origin.epoch, next, last: head.last });
        }
    }
    // The audit that headquarters has is not issued again: it is read where it lies.
    if base.a > 0 {
        origin.lives.push(Life { epoch: origin.epoch, upto: base.a });
    }
    origin.epoch = epoch;
    s.acked = Logs::default();
    s.rejoins += 1;
    save(tx, &s)
}

/// Issues again what has to be, a part at a time.
///
/// # Errors
/// Storage failures.
pub fn reissue(depot: &Depot) -> Result<()> {
    while !depot.standing()?.reissue.is_empty() {
        depot.write(part)?;
    }
    Ok(())
}

fn part(tx: &mut dyn WriteTx) -> Result<()> {
    let (mut s, origin) = (standing(tx)?, Origin::load(tx)?);
    let Some(todo) = s.reissue.first_mut() else { return Ok(()) };
    let id = LogId { log: todo.log, epoch: todo.epoch };
    let rows = tx.tail(DEPOT, id, todo.next - 1, AT_ONCE)?;
    let rows: Vec<_> = rows.into_iter().take_while(|(at, _)| *at <= todo.last).collect();
    for (at, entry) in &rows {
        let link = log::link_of(todo.log, entry)?;
        match link.change {
            Held::Applied(seq) if lacks(Mutant::IdByPosition) => another(tx, &origin, seq)?,
            Held::Applied(seq) => {
                log::link_again(tx, &origin, &link.eid, seq, link.together).map(drop)?;
            }
            Held::Here(blob) => log::append_blob(tx, own(todo.log, &origin), &blob).map(drop)?,
        }
        todo.next = at + 1;
    }
    if todo.next > todo.last || rows.is_empty() {
        s.reissue.remove(0);
    }
    save(tx, &s)
}

/// What must never be done: the same change with another position in it.
fn another(tx: &mut dyn WriteTx, origin: &Origin, seq: u64) -> Result<()> {
    let entry = log::applied(tx, seq)?;
    let (mut header, body) = change::decode(&entry.blob)?;
    header.s = log::head(tx, log::BUSINESS, origin)?.last + 1;
    (header.o, header.e) = (origin.site, origin.epoch);
    let blob = change::encode(&header, &body)?;
    let eid = change::eid(&blob);
    let at = log::append_applied(tx, &Applied { blob, ..entry })?;
    log::link_business(tx, origin, &eid, at).map(drop)
}

/// Lets go of what headquarters has had since before `horizon`, up to `limit` positions of each log; audit stays.
/// Returns how many went. The last acknowledged position always stays: the chain goes on from it.
///
/// # Errors
/// Storage failures.
pub fn trim(tx: &mut dyn WriteTx, horizon: Timestamp, limit: usize) -> Result<u64> {
    let (s, origin) = (standing(tx)?, Origin::load(tx)?);
    let mut gone = 0;
    for l in [Log::B, Log::G] {
        let id = own(l.letter(), &origin);
        let floor = tx.head(DEPOT, id)?.floor;
        let mut upto = floor - 1;
        for (at, entry) in tx.tail(DEPOT, id, floor - 1, limit)? {
            if at >= *s.acked.of(l) || stamp_of(tx, l.letter(), &entry)? >= horizon.unsigned() << 16 {
                break;
            }
            upto = at;
        }
        gone += tx.trim(DEPOT, id, upto, limit)?;
    }
    Ok(gone)
}

/// The stamp, shift included, of the change an own log's entry stands for.
pub(super) fn stamp_of(tx: &dyn ReadTx, letter: u8, entry: &[u8]) -> Result<u64> {
    let (blob, adj, _) = change_of(tx, letter, entry)?;
    Ok(shifted(change::decode(&blob)?.0.t, adj))
}

/// When what an own log's entry stands for was written, in milliseconds.
///
/// # Errors
/// Storage failures.
pub fn written_at(tx: &dyn ReadTx, letter: u8, entry: &[u8]) -> Result<u64> {
    Ok(stamp_of(tx, letter, entry)? >> 16)
}

/// The change an own log's entry stands for, its shift and its identity.
pub(super) fn change_of(tx: &dyn ReadTx, letter: u8, entry: &[u8]) -> Result<(Vec<u8>, i64, [u8; 16])> {
    change_at(tx, log::link_of(letter, entry)?)
}

/// The same of an entry that was taken apart.
pub(super) fn change_at(tx: &dyn ReadTx, link: Link) -> Result<(Vec<u8>, i64, [u8; 16])> {
    let (blob, first) = match link.change {
        Held::Here(blob) => (blob, 0),
        Held::Applied(seq) => {
            let entry = log::applied(tx, seq)?;
            (entry.blob, entry.adj)
        }
    };
    let adj = shifts::of(tx, &link.eid)?.map_or(first, |s| s.adj);
    Ok((blob, adj, link.eid))
}
