//! Who comes, and what is to be done: the challenge, the signature, and the verdict on the logs that a depot shows.

use serde_bytes::ByteArray;

use super::super::keys;
use super::super::mutants::{Mutant, lacks};
use super::super::sites::{self, EPOCHS, KEYS, Owner, SESSION_S, SESSIONS, Seeding, Session, Site};
use super::super::wire::{
    self, Allowance, Challenge, Code, Cursors, Log, LogState, Logs, MAX_CHANGES, MAX_HASHES, MAX_PACKED,
    Refusal, SessionAnswer, SessionAsk, State, VERSION,
};
use super::chain::{self, Name};
use super::tables::{self, SHARED_FEED, own_feed};
use super::{Answer, DRIFT_MS, Hq, said};
use crate::base::clock::Timestamp;
use crate::store::{DEPOT, Lane, NODE, ReadTx, StoreError, Tenant, WriteTx};

/// How long a challenge may be answered, in milliseconds.
const CHALLENGE_MS: u64 = 60_000;
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Both legs: without a signature the challenge, with one the session.
pub(super) fn answer(hq: &Hq, body: &[u8], now: Timestamp) -> Answer {
    let ask: SessionAsk = wire::decode(body)?;
    let (Some(ch), Some(sig)) = (&ask.ch, &ask.sig) else {
        let ch = keys::challenge(&hq.secret, &ask.key, now.unsigned());
        return said(&Challenge { ch: ByteArray::new(ch) });
    };
    let strange = || {
        Refusal::new(Code::Scope).saying("this key is none of ours: the depot was never enrolled, or revoked")
    };
    let made = keys::challenged_at(&hq.secret, &ask.key, ch);
    if made.is_none_or(|at| now.unsigned().saturating_sub(at) > CHALLENGE_MS) {
        return Err(Refusal::new(Code::Stale).saying("the challenge is too old; begin again"));
    }
    let owner = hq.store.read(NODE, |tx| KEYS.get(tx, &ask.key[..]))?.ok_or_else(strange)?;
    if owner.site != ask.site || !(hq.verify)(&owner.key, &wire::signed_part(ch, body)?, sig) {
        return Err(strange());
    }
    // A depot that joined anew has another key; the one before opens nothing any more.
    let site = hq.store.read(owner.tenant, |tx| sites::site(tx, owner.site))?;
    if site.and_then(|s| s.key) != Some(owner.key) {
        return Err(strange());
    }
    said(&open(hq, owner.tenant, &ask, now)?)
}

/// Opens a session for a depot that has proved to be `ask.site` of `tenant`.
///
/// # Errors
/// A refusal.
pub fn open(hq: &Hq, tenant: Tenant, ask: &SessionAsk, now: Timestamp) -> Result<SessionAnswer, Refusal> {
    checked(ask)?;
    tables::life(&hq.store, tenant)?;
    let (token, inc) = (random::<32>()?, random::<16>()?);
    let (limits, theirs) = (hq.limits.clone(), ask.clone());
    let judge = move |tx: &mut dyn WriteTx| {
        let mut judged = judge(tx, &limits, &theirs, now)?;
        judged.inc = ByteArray::new(inc);
        judged.tok = ByteArray::new(token);
        Ok::<_, Refusal>(judged)
    };
    let answer = hq.store.write(tenant, Lane::People, judge).wait()?;
    let ends = now.after(std::time::Duration::from_secs(SESSION_S.into()));
    let session = Session { tenant, site: ask.site, epoch: answer.ep.unwrap_or(ask.ep), ends };
    let digest = *blake3::hash(&token).as_bytes();
    let put = move |tx: &mut dyn WriteTx| SESSIONS.put(tx, &digest, &session).map(drop);
    hq.store.write::<(), StoreError, _>(NODE, Lane::People, put).wait()?;
    Ok(answer)
}

fn checked(ask: &SessionAsk) -> Result<(), Refusal> {
    if ask.p != VERSION {
        let said = format!("protocol {} is not spoken here, {VERSION} is", ask.p);
        return Err(Refusal::new(Code::Malformed).saying(said));
    }
    if Log::ALL.iter().any(|l| ask.logs.of(*l).hs.len() > MAX_HASHES) {
        return Err(Refusal::new(Code::TooBig).saying(format!("more than {MAX_HASHES} hashes of a log")));
    }
    Ok(())
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(|e| StoreError::Io(format!("no randomness: {e}")))?;
    Ok(out)
}

/// What headquarters makes of one log that a depot shows.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The newest position at which both show the same.
    common: Option<u64>,
    /// Whether the depot's log is not the one headquarters knows.
    parted: bool,
    /// Whether positions that headquarters lacks are no longer held by the depot.
    hole: bool,
}

fn look(tx: &dyn ReadTx, name: &Name, shown: &LogState) -> Result<Seen, StoreError> {
    let (have, _) = chain::head(tx, name)?;
    let mut seen = Seen { parted: shown.last < have, ..Seen::default() };
    let mut hs: Vec<_> = shown.hs.iter().filter(|s| s.0 <= have && s.0 > 0).collect();
    hs.sort_unstable_by_key(|s| std::cmp::Reverse(s.0));
    for s in hs {
        match chain::hash_at(tx, name, s.0)? {
            // What lies before it is the same too: that is what a chain is.
            Some(h) if h == *s.1 => {
                seen.common = Some(s.0);
                break;
            }
            Some(_) => seen.parted = true,
            None => {}
        }
    }
    seen.hole = seen.common.unwrap_or(0) + 1 < shown.floor;
    Ok(seen)
}

fn judge(
    tx: &mut dyn WriteTx,
    limits: &super::Limits,
    ask: &SessionAsk,
    now: Timestamp,
) -> Result<SessionAnswer, Refusal> {
    let unknown = || Refusal::new(Code::Scope).saying("this depot is none of ours");
    let mut site = sites::site(tx, ask.site)?.filter(|s| s.key.is_some()).ok_or_else(unknown)?;
    if !sites::may_use(tx, site.number, ask.ep)? {
        return Err(Refusal::new(Code::Scope).saying("this epoch is another depot's"));
    }
    let generation = tables::life_in(tx)?;
    let off = i64::try_from(i128::from(now.unsigned()) - i128::from(ask.wall)).unwrap_or_default();
    let mut answer = SessionAnswer {
        tok: ByteArray::default(),
        ttl: SESSION_S,
        now: now.unsigned(),
        generation,
        st: State::Ok,
        have: Logs::default(),
        common: Logs::default(),
        ep: None,
        inc: ByteArray::default(),
        lim: Allowance {
            n: MAX_CHANGES as u32,
            bytes: MAX_PACKED as u32,
            inflight: 1,
            columns: wire::columns::FORM,
        },
        cur: ends(tx, site.number)?,
        min_sw: None,
        off,
        retry_ms: None,
    };
    if ask.sch.1 < limits.schema {
        answer.st = State::Upgrade;
        answer.min_sw = Some(limits.software.clone());
        return Ok(answer);
    }
    if EPOCHS.get(tx, &ask.ep.to_be_bytes())?.is_none() {
        // A headquarters that was restored has forgotten an epoch it gave out: the depot knows better.
        EPOCHS.put(tx, &ask.ep.to_be_bytes(), &Owner { site: site.number })?;
        site.epoch = ask.ep;
    }
    site.strangers += u64::from(site.inc != ask.inc && site.seen_at != Timestamp::ZERO);
    (site.seen_at, site.offset_ms) = (now, off);
    site.software.clone_from(&ask.sw);
    let mut seen = Logs::<Seen>::default();
    for log in Log::ALL {
        let name = Name { site: site.number, epoch: ask.ep, log };
        *seen.of_mut(log) = look(tx, &name, ask.logs.of(log))?;
        *answer.have.of_mut(log) = seen.of(log).common.unwrap_or(0);
    }
    let floor = tx.head(DEPOT, own_feed(site.number))?.floor;
    // Headquarters was restored from a backup of the same run: a depot was told what nobody here remembers.
    let ahead = ask.cur.own > answer.cur.own || ask.cur.shared > answer.cur.shared;
    let any = |f: fn(&Seen) -> bool| Log::ALL.iter().any(|l| f(seen.of(*l)));
    let stale = site.epoch != ask.ep || any(|s| s.parted);
    if stale && !lacks(Mutant::NoChain) {
        rejoin(tx, limits, &mut site, &mut answer, now)?;
        for log in Log::ALL {
            *answer.common.of_mut(log) = seen.of(log).common;
        }
    } else if any(|s| s.hole) || ((generation != ask.generation || ahead) && !lacks(Mutant::NoResupply)) {
        answer.st = State::Resupply;
        if site.seeded_gen != generation || (ahead && generation == ask.generation) {
            reseed(tx, &mut site, generation)?;
        }
        answer.cur = Cursors { shared: 0, own: site.seeded_from };
    } else if ask.cur.own + 1 < floor {
        answer.st = State::Snapshot;
        // A depot that was cut off in the middle goes on with the feed that was begun for it.
        if site.seeded_gen != generation || site.seeds == 0 || site.seeded_from + 1 < floor {
            reseed(tx, &mut site, generation)?;
        }
        answer.cur = Cursors { shared: 0, own: site.seeded_from };
    } else if off.unsigned_abs() > DRIFT_MS {
        answer.st = State::Clock;
    }
    if lacks(Mutant::AckBeyondShown) && answer.st != State::Rejoin {
        for log in Log::ALL {
            let name = Name { site: site.number, epoch: ask.ep, log };
            *answer.have.of_mut(log) = chain::head(tx, &name)?.0;
        }
    }
    sites::keep(tx, &site)?;
    Ok(answer)
}

/// Where the feeds end.
fn ends(tx: &dyn ReadTx, site: u32) -> Result<Cursors, StoreError> {
    Ok(Cursors { shared: tx.head(DEPOT, SHARED_FEED)?.last, own: tx.head(DEPOT, own_feed(site))?.last })
}

/// Gives a depot a new log to write, unless it has had too many today: then two copies of it are alive, and a person has
/// to say which is the depot.
fn rejoin(
    tx: &mut dyn WriteTx,
    limits: &super::Limits,
    site: &mut Site,
    answer: &mut SessionAnswer,
    now: Timestamp,
) -> Result<(), StoreError> {
    site.rejoins.retain(|at| now.since(*at) < DAY);
    if site.rejoins.len() >= limits.rejoins {
        let first = site.rejoins.first().copied().unwrap_or(now);
        let wait = DAY.saturating_sub(now.since(first)).as_millis();
        answer.st = State::Hold;
        answer.retry_ms = Some(u64::try_from(wait).unwrap_or(u64::MAX));
        return Ok(());
    }
    site.rejoins.push(now);
    site.epoch = sites::new_epoch(tx, site.number, now)?;
    answer.st = State::Rejoin;
    answer.ep = Some(site.epoch);
    Ok(())
}

/// Lets a person say that a depot on hold may go on.
///
/// # Errors
/// Storage failures.
pub fn release(tx: &mut dyn WriteTx, number: u32) -> Result<(), StoreError> {
    let Some(mut site) = sites::site(tx, number)? else { return Ok(()) };
    site.rejoins.clear();
    sites::keep(tx, &site)
}

/// Begins a site's feed anew behind its present end: everything that concerns it will come once more.
fn reseed(tx: &mut dyn WriteTx, site: &mut Site, generation: u64) -> Result<(), StoreError> {
    site.seeds += 1;
    site.seeded_gen = generation;
    site.seeded_from = tx.head(DEPOT, own_feed(site.number))?.last;
    site.seeding = Some(Seeding::default());
    Ok(())
}
