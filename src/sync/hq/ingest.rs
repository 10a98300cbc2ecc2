//! The first stage: a batch is held against its log's chain, kept as one row as it came, and acknowledged. Nothing in it
//! is decoded here, so nothing in it can be in the way.

use serde_bytes::{ByteArray, ByteBuf};

use super::super::mutants::{Mutant, lacks};
use super::super::sites;
use super::super::wire::{self, Code, MAX_BLOB, MAX_CHANGES, Push, Pushed, Refusal};
use super::chain::{self, Name};
use super::tables::{Arrived, Span, inbox};
use super::{Body, Caller, DRIFT_MS, Hq};
use crate::base::clock::Timestamp;
use crate::journal::change;
use crate::store::{DEPOT, Hash, Lane, StoreError, WriteTx, table};

/// Takes a batch; durable when it returns.
///
/// # Errors
/// A refusal that says what the sender has to do.
pub fn push(hq: &Hq, who: Caller, body: Body<'_>, now: Timestamp) -> Result<Pushed, Refusal> {
    let push: Push = wire::decode(body.plain)?;
    checked(&push)?;
    let horizon = now.unsigned() + DRIFT_MS;
    if push.tmax >> 16 > horizon {
        return Err(Refusal { now: Some(now.unsigned()), ..Refusal::new(Code::Clock) });
    }
    let raw = ByteBuf::from(body.raw.to_vec());
    let arrived = Arrived { at: now, skip: 0, packed: body.packed, body: raw };
    let take = move |tx: &mut dyn WriteTx| take(tx, who, &push, &arrived);
    hq.store.write(who.tenant, Lane::People, take).wait()
}

fn checked(push: &Push) -> Result<(), Refusal> {
    let malformed = |said: String| Err(Refusal::new(Code::Malformed).saying(said));
    if push.from == 0 || push.ch.is_empty() {
        return malformed("a push needs a position from 1 on and at least one change".into());
    }
    if push.ch.len() > MAX_CHANGES {
        let said = format!("{} changes are more than the {MAX_CHANGES} of one push", push.ch.len());
        return Err(Refusal::new(Code::TooBig).saying(said));
    }
    if let Some(n) = push.ch.iter().position(|blob| blob.len() > MAX_BLOB) {
        let said = format!("change {n} has {} bytes, {MAX_BLOB} are taken", push.ch[n].len());
        return Err(Refusal::new(Code::TooBig).saying(said));
    }
    if push.from.checked_add(push.ch.len() as u64).is_none() {
        return malformed("the positions run over".into());
    }
    Ok(())
}

fn take(tx: &mut dyn WriteTx, who: Caller, push: &Push, arrived: &Arrived) -> Result<Pushed, Refusal> {
    let chained = !lacks(Mutant::NoChain);
    let Some(site) = sites::site(tx, who.site)? else { return Err(Refusal::new(Code::Scope)) };
    if chained && (site.epoch != push.ep || who.epoch != push.ep) {
        return Err(Refusal::new(Code::Stale).saying("the log of this epoch is over; begin a new session"));
    }
    let name = Name { site: who.site, epoch: push.ep, log: push.l };
    let (have, _) = chain::head(tx, &name)?;
    if push.from > have + 1 {
        return Err(Refusal { have: Some(have), ..Refusal::new(Code::Gap) });
    }
    let forked = || Refusal { have: Some(have), ..Refusal::new(Code::Fork) };
    if chained && chain::hash_at(tx, &name, push.from - 1)? != Some(*push.h0) {
        return Err(forked());
    }
    let last = push.from + push.ch.len() as u64 - 1;
    let known = last.min(have);
    let (mut h, mut at_known, mut before_new) = (*push.h0, None, *push.h0);
    for (at, blob) in (push.from..).zip(&push.ch) {
        h = change::link(&h, &change::eid(blob));
        if at == known {
            at_known = Some(h);
        }
        if at == have {
            before_new = h;
        }
    }
    if chained && at_known.is_some() && chain::hash_at(tx, &name, known)? != at_known {
        return Err(forked());
    }
    if last > have {
        keep(tx, &name, push, arrived, (have, before_new), h)?;
    }
    let ack = if lacks(Mutant::AckBeyondShown) { have.max(last) } else { last };
    Ok(Pushed { ack, h: ByteArray::new(h) })
}

/// Appends what is new of the batch; `have` is where the log ended, with the hash there.
fn keep(
    tx: &mut dyn WriteTx,
    name: &Name,
    push: &Push,
    arrived: &Arrived,
    (have, h0): (u64, Hash),
    h: Hash,
) -> Result<(), StoreError> {
    let skip = u32::try_from(have + 1 - push.from).unwrap_or(u32::MAX);
    let row = table::encode("inbox", &Arrived { skip, ..arrived.clone() })?;
    let at = tx.append(DEPOT, inbox(name.site), &row, [0; 16])?;
    let span = Span {
        from: have + 1,
        last: push.from + push.ch.len() as u64 - 1,
        h0: Some(ByteArray::new(h0)),
        h: ByteArray::new(h),
        inbox: at,
    };
    chain::extend(tx, name, &span)
}

/// Lets go of batches that were taken in and came before `horizon`, up to `limit` of them; returns how many went. What
/// they held is in the applied log.
///
/// # Errors
/// Storage failures.
pub fn retain(tx: &mut dyn WriteTx, site: u32, horizon: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let id = inbox(site);
    let head = tx.head(DEPOT, id)?;
    let taken = head.last - super::apply::lag(tx, site)?;
    let mut upto = head.floor - 1;
    for (at, entry) in tx.tail(DEPOT, id, head.floor - 1, limit)? {
        let arrived: Arrived = table::decode("inbox", &entry)?;
        if at > taken || arrived.at >= horizon {
            break;
        }
        upto = at;
    }
    tx.trim(DEPOT, id, upto, limit)
}
