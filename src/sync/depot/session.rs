//! Showing oneself to headquarters, and what follows from its verdict.

use serde_bytes::ByteArray;

use super::super::keys;
use super::super::wire::{
    self, Call, Challenge, Log, LogState, Logs, MAX_HASHES, SCHEMAS, SessionAnswer, SessionAsk, Shown, State,
    VERSION,
};
use super::tables::{save, standing};
use super::{Depot, Link, Open, SyncError, relog, shift, supply};
use crate::base::clock::Timestamp;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::log;
use crate::store::{ReadTx, Result};

/// The newest positions that are shown one by one.
const NEWEST: u64 = 32;

impl Depot {
    /// Opens a session and does what the verdict asks for.
    pub(super) fn begin(
        &mut self,
        link: &mut dyn Link,
        now: Timestamp,
    ) -> std::result::Result<State, SyncError> {
        let mut ask = self.shown(now)?;
        let first: Challenge = wire::decode(&link.ask(Call::Session, None, &wire::encode(&ask)?)?)?;
        ask.ch = Some(first.ch);
        let unsigned = wire::encode(&ask)?;
        let part = wire::signed_part(&first.ch, &unsigned)?;
        ask.sig = Some(ByteArray::new(self.key.sign(&part)));
        let answer: SessionAnswer = wire::decode(&link.ask(Call::Session, None, &wire::encode(&ask)?)?)?;
        self.obey(link, &answer, now)
    }

    /// What this depot shows of itself.
    ///
    /// # Errors
    /// [`SyncError::Unenrolled`] before it joined; storage failures.
    pub fn shown(&self, now: Timestamp) -> std::result::Result<SessionAsk, SyncError> {
        let (key, sent) = (keys::key_id(&self.key.public()), self.sent);
        self.store.read(self.tenant, |tx| {
            let (origin, s) = (Origin::load(tx)?, standing(tx)?);
            if origin.site == UNENROLLED {
                return Err(SyncError::Unenrolled);
            }
            let mut logs = Logs::default();
            for l in Log::ALL {
                *logs.of_mut(l) = state(tx, &origin, l, [*s.acked.of(l), *sent.of(l)])?;
            }
            Ok(SessionAsk {
                p: VERSION,
                site: origin.site,
                ep: origin.epoch,
                key: ByteArray::new(key),
                generation: s.generation,
                logs,
                sw: self.software.clone(),
                sch: SCHEMAS,
                wall: now.unsigned(),
                inc: s.inc,
                cur: s.cur,
                ch: None,
                sig: None,
            })
        })
    }

    /// Does what headquarters says.
    ///
    /// # Errors
    /// What stands in the way of it.
    pub fn obey(
        &mut self,
        link: &mut dyn Link,
        answer: &SessionAnswer,
        now: Timestamp,
    ) -> std::result::Result<State, SyncError> {
        let ends = now.after(std::time::Duration::from_secs(u64::from(answer.ttl) * 9 / 10));
        self.session = Some(Open {
            token: *answer.tok,
            ends,
            changes: (answer.lim.n as usize).clamp(1, wire::MAX_CHANGES),
            bytes: (answer.lim.bytes as usize).min(wire::BATCH_BYTES),
            columns: answer.lim.columns >= wire::columns::FORM,
        });
        let (inc, off, st) = (answer.inc, answer.off, answer.st);
        let trouble = said(answer);
        let retry = answer.retry_ms.map(std::time::Duration::from_millis);
        self.write(move |tx| {
            let mut s = standing(tx)?;
            (s.inc, s.offset_ms, s.trouble) = (inc, off, trouble.clone());
            s.hold_until = retry.map(|d| now.after(d));
            save(tx, &s)
        })?;
        match st {
            State::Upgrade | State::Hold => self.session = None,
            State::Rejoin => {
                if let Some(epoch) = answer.ep {
                    relog::rejoin(self, epoch, answer.common)?;
                    // What headquarters has of the new log is nothing; the next session begins with it.
                    self.session = None;
                }
            }
            State::Ok | State::Clock => {
                let have = answer.have;
                self.write(move |tx| {
                    let mut s = standing(tx)?;
                    for l in Log::ALL {
                        *s.acked.of_mut(l) = (*s.acked.of(l)).max(*have.of(l));
                    }
                    save(tx, &s)
                })?;
                self.sent = Logs::default();
                shift::correct(self, answer.now, answer.off, shift::Look::Unacknowledged)?;
            }
            // Away for too long, or headquarters was: what each holds of a record is compared, and both learn.
            State::Resupply | State::Snapshot => {
                shift::correct(self, answer.now, answer.off, shift::Look::Everything)?;
                supply::offer(self, link, answer)?;
            }
        }
        Ok(st)
    }
}

/// In words, for people, when not all is well.
fn said(answer: &SessionAnswer) -> Option<String> {
    match answer.st {
        State::Upgrade => Some(format!(
            "this release is too old for headquarters; install {} or newer",
            answer.min_sw.as_deref().unwrap_or("a newer one")
        )),
        State::Hold => Some(
            "two copies of this depot are alive: headquarters waits for a person to say which one goes on"
                .into(),
        ),
        State::Ok | State::Clock | State::Rejoin | State::Resupply | State::Snapshot => None,
    }
}

/// One log with hashes of its chain: the newest, then in doubling gaps, and at positions that matter.
fn state(tx: &dyn ReadTx, origin: &Origin, l: Log, also: [u64; 2]) -> Result<LogState> {
    let id = log::own(l.letter(), origin);
    let head = log::head(tx, l.letter(), origin)?;
    let mut at: Vec<u64> = (0..NEWEST).map_while(|back| head.last.checked_sub(back)).collect();
    let mut gap = NEWEST;
    while let Some(position) = head.last.checked_sub(gap) {
        at.push(position);
        gap = gap.saturating_mul(2);
    }
    at.extend(also);
    at.retain(|p| *p > 0 && *p >= head.floor && *p <= head.last);
    at.sort_unstable_by_key(|p| std::cmp::Reverse(*p));
    at.dedup();
    let matter = |p: &u64| also.contains(p);
    let surplus = at.len().saturating_sub(MAX_HASHES);
    for _ in 0..surplus {
        if let Some(oldest) = at.iter().rposition(|p| !matter(p)) {
            at.remove(oldest);
        }
    }
    let mut hs = Vec::with_capacity(at.len());
    for position in at {
        if let Some(h) = log::hash_at(tx, id, position)? {
            hs.push(Shown(position, ByteArray::new(h)));
        }
    }
    Ok(LogState { last: head.last, floor: head.floor, hs })
}
