//! Headquarters is refilled from its depots after it was restored. A depot can't invent what others did: of their changes
//! only those come back that headquarters once gave its word on.

use std::collections::{BTreeSet, HashSet};

use serde_bytes::{ByteArray, ByteBuf};

use super::super::digest;
use super::super::keys;
use super::super::registry::{Reach, Registry};
use super::super::sites;
use super::super::wire::{Code, HeldSum, MAX_BLOB, MAX_CHANGES, Offered, Refusal, Resupplied, Resupply};
use super::apply::{self, Failed};
use super::chain::{self, Name};
use super::tables::{QUARANTINE, Span, TOLD};
use super::{Caller, DRIFT_MS, Hq, quarantine, route};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::journal::change;
use crate::journal::event::SiteRef;
use crate::journal::fold::shifted;
use crate::journal::redaction;
use crate::journal::{Cx, Eid};
use crate::store::{Lane, ReadTx, Result, StoreError, WriteTx};

/// Identities of one offer.
pub const MAX_OFFERED: usize = 10_000;

/// Takes one part of what a depot holds.
///
/// # Errors
/// A refusal: [`Code::Clock`] when a stamp lies in the future, [`Code::Stale`] when the epoch is not the depot's.
pub fn take(
    hq: &Hq,
    who: Caller,
    ask: &Resupply,
    now: Timestamp,
) -> std::result::Result<Resupplied, Refusal> {
    if ask.ids.len().max(ask.ag.len()) > MAX_OFFERED || ask.ev.len() > MAX_CHANGES {
        let said = format!("at most {MAX_OFFERED} identities and {MAX_CHANGES} changes at once");
        return Err(Refusal::new(Code::TooBig).saying(said));
    }
    if ask.ev.iter().any(|o| o.0.len() > MAX_BLOB) {
        return Err(Refusal::new(Code::TooBig));
    }
    let current = hq.store.read(who.tenant, |tx| sites::site(tx, who.site))?.map(|s| s.epoch);
    if ask.ep != who.epoch || current != Some(ask.ep) {
        return Err(Refusal::new(Code::Stale));
    }
    let want = wanted(hq, who, ask)?;
    let horizon = (now.unsigned() + DRIFT_MS + 1) << 16;
    let ahead = |o: &Offered| change::decode(&o.0).is_ok_and(|(h, _)| shifted(h.t, o.1) >= horizon);
    if ask.ev.iter().any(ahead) {
        return Err(Refusal { now: Some(now.unsigned()), ..Refusal::new(Code::Clock) });
    }
    let mut poison = HashSet::new();
    let took = loop {
        let (registry, theirs, aside) = (hq.registry.clone(), ask.clone(), poison.clone());
        let secret = hq.secret;
        let differ = want.clone();
        let take = move |tx: &mut dyn WriteTx| {
            equal(tx, &registry, who, &theirs, &differ)?;
            part(tx, &registry, &secret, who, &theirs, (now, horizon), &aside)
        };
        match hq.store.write(who.tenant, Lane::People, take).wait() {
            Ok(took) => break took,
            Err(Failed::Poison { eid, .. }) if poison.insert(eid) => {}
            Err(Failed::Poison { why, .. }) => return Err(StoreError::Corrupt(why.msg).into()),
            Err(Failed::Store(e)) => return Err(e.into()),
        }
    };
    Ok(Resupplied { want, took })
}

/// The places of what is not here, or not all of it.
fn wanted(hq: &Hq, who: Caller, ask: &Resupply) -> Result<Vec<u32>> {
    hq.store.read(who.tenant, |tx| {
        let mut want = Vec::new();
        for (n, HeldSum(kind, id, count, sum)) in (0_u32..).zip(&ask.ag) {
            let Some(folder) = hq.registry.of(*kind) else { continue };
            let line = (folder.line)(tx, Id(**id))?.unwrap_or_default();
            if line.n != *count || digest::identities(tx, &line)? != **sum {
                want.push(n);
            }
        }
        for (n, id) in (0_u32..).zip(&ask.ids) {
            if TOLD.get(tx, &id[..])?.is_none() {
                want.push(n);
            }
        }
        Ok(want)
    })
}

/// Of what both hold alike the depot is told from now on what concerns it: who can name such a sum has it all.
fn equal(tx: &mut dyn WriteTx, registry: &Registry, who: Caller, ask: &Resupply, want: &[u32]) -> Result<()> {
    let want: HashSet<u32> = want.iter().copied().collect();
    for (_, HeldSum(kind, id, ..)) in (0_u32..).zip(&ask.ag).filter(|(n, _)| !want.contains(n)) {
        if let Some(folder) = registry.of(*kind).filter(|f| f.reach == Reach::Concerned) {
            route::holds(tx, folder, Id(**id), who.site)?;
        }
    }
    Ok(())
}

fn part(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    secret: &[u8; 32],
    who: Caller,
    ask: &Resupply,
    (now, horizon): (Timestamp, u64),
    poison: &HashSet<Eid>,
) -> std::result::Result<u32, Failed> {
    // A loaded past causes no mail.
    let cx = Cx { quiet: true, ..Cx::new(tx, &Actor::system(), now, "resupply")? };
    let (mut took, mut held) = (0, BTreeSet::new());
    for Offered(blob, adj, word) in &ask.ev {
        let Some(own) = admitted(tx, secret, who, blob, *adj, word.as_ref())? else { continue };
        if !own {
            vouched(tx, registry, who, blob)?;
        }
        let eid = change::eid(blob);
        // What was set aside because it was not its sender's business may be so by now; and what headquarters gave its
        // word on was, in another life.
        if QUARANTINE.get(tx, &eid)?.is_some_and(|aside| own && aside.code != apply::SCOPE) {
            continue;
        }
        let came = (who.site, ask.l, horizon);
        if apply::offered(tx, &cx, registry, came, (blob, *adj, own), poison)? {
            quarantine::remove(tx, &eid)?;
            took += 1;
            held.extend(change::decode(blob).ok().map(|(header, _)| (header.k, header.id)));
        }
    }
    told_again(tx, registry, who, &held)?;
    if ask.n == ask.of {
        jump(tx, who, ask)?;
    }
    Ok(took)
}

/// What the depot has shown to hold otherwise than it is here goes into its feed once more. Not before it has shown it:
/// naming a record is not enough to be told of it. And not before what it showed is here: it may be what makes the record
/// its business, until somebody else's change ends that again.
fn told_again(
    tx: &mut dyn WriteTx,
    registry: &Registry,
    who: Caller,
    held: &BTreeSet<(u16, Id)>,
) -> Result<()> {
    let mut done = HashSet::new();
    for (kind, id) in held {
        let folder = registry.of(*kind).filter(|f| f.reach == Reach::Concerned);
        if let Some(folder) = folder.filter(|f| done.insert((f.name, *id))) {
            route::again(tx, folder, *id, who.site)?;
        }
    }
    Ok(())
}

/// Headquarters once told this depot of the record: its own changes to it are taken as they were then.
fn vouched(tx: &mut dyn WriteTx, registry: &Registry, who: Caller, blob: &[u8]) -> Result<()> {
    let (header, _) = change::decode(blob)?;
    match registry.of(header.k).filter(|f| f.reach == Reach::Concerned) {
        Some(folder) => route::holds(tx, folder, header.id, who.site),
        None => Ok(()),
    }
}

/// Whether a change may come back by this depot, and whether it is its own: that, or headquarters' word on it.
fn admitted(
    tx: &dyn ReadTx,
    secret: &[u8; 32],
    who: Caller,
    blob: &ByteBuf,
    adj: i64,
    word: Option<&ByteArray<16>>,
) -> Result<Option<bool>> {
    let Ok((header, _)) = change::decode(blob) else { return Ok(None) };
    if sites::number_of(tx, SiteRef::new(header.o, header.e))? == Some(who.site) {
        return Ok(Some(true));
    }
    // The word is on the identity, and a redacted change does not prove that it is the one it stands for.
    if !redaction::is_sound(tx, blob)? {
        return Ok(None);
    }
    let right = keys::word(secret, who.tenant, &change::eid(blob), adj);
    Ok(word.filter(|w| keys::same(&w[..], &right)).map(|_| false))
}

/// All that a depot held of a log was offered: the log stands where the depot says it does.
fn jump(tx: &mut dyn WriteTx, who: Caller, ask: &Resupply) -> Result<()> {
    let name = Name { site: who.site, epoch: ask.ep, log: ask.l };
    let (have, _) = chain::head(tx, &name)?;
    if ask.last <= have {
        return Ok(());
    }
    let span = Span { from: have + 1, last: ask.last, h0: None, h: ask.h, inbox: 0 };
    chain::extend(tx, &name, &span)
}
