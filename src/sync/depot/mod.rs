//! The depot's side: one turn of the exchange asks for a session, does what its verdict says, pushes the logs, and takes
//! in what headquarters has. Every step leaves the store in a state from which the next turn goes on, whatever was lost.

pub mod carried;
pub mod files;
pub mod pull;
pub mod push;
pub mod relog;
pub mod session;
pub mod shift;
pub mod supply;
pub mod tables;
pub mod verify;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::Sign;
use super::registry::Registry;
use super::wire::{self, Call, Code, Refusal, State, WireError};
use crate::attachments::vault::Vault;
use crate::base::clock::Timestamp;
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};
use tables::{Standing, save, standing};

/// The way to headquarters: one request, one answer. Bodies are not packed here; whoever carries them packs them.
pub trait Link {
    /// Asks, showing `token` where there is a session.
    ///
    /// # Errors
    /// When nothing, or a refusal, comes back.
    fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nobody knows whether the request arrived.
    #[error("headquarters can't be reached: {0}")]
    Down(String),
    /// It arrived and was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why a turn ended early. The next one goes on where it stopped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SyncError {
    /// No answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Our own store.
    #[error("sync: {0}")]
    Store(#[from] StoreError),
    /// An answer that is none.
    #[error("headquarters answers in words this release doesn't know: {0}")]
    Wire(#[from] WireError),
    /// This depot was never enrolled.
    #[error("this depot has not joined a headquarters yet; ask for a code and run `crossdock enrol`")]
    Unenrolled,
}

/// A session that holds.
#[derive(Clone, Copy, Debug)]
struct Open {
    token: [u8; 32],
    ends: Timestamp,
    changes: usize,
    bytes: usize,
    columns: bool,
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The last verdict.
    pub verdict: Option<State>,
    /// Changes pushed.
    pub pushed: u64,
    /// Feed entries taken in.
    pub pulled: u64,
    /// Parts of documents' contents sent.
    pub filed: u64,
    /// Whether more is to be done at once.
    pub more: bool,
}

/// What one turn may do, so that other depots and other work get their share.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Pushes.
    pub pushes: usize,
    /// Pulls.
    pub pulls: usize,
    /// Bytes of pushed changes and of contents, before packing.
    pub bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { pushes: 64, pulls: 64, bytes: u64::MAX }
    }
}

/// A depot of one tenant.
pub struct Depot {
    /// Its store.
    pub store: Store,
    /// The tenant in it.
    pub tenant: Tenant,
    /// What it can fold.
    pub registry: Registry,
    /// Its key.
    pub key: Arc<dyn Sign + Send + Sync>,
    /// Its release.
    pub software: String,
    /// Changes of one push at the most, whatever headquarters allows.
    pub most: usize,
    /// Where contents of documents lie; without one none are sent.
    pub vault: Option<Vault>,
    session: Option<Open>,
    /// Positions up to which something was pushed without an answer: shown at the next session, so that headquarters
    /// can say exactly what it has.
    sent: wire::Logs<u64>,
}

impl Depot {
    /// The depot `tenant` in `store`.
    #[must_use]
    pub fn new(
        store: Store,
        tenant: Tenant,
        registry: Registry,
        key: Arc<dyn Sign + Send + Sync>,
        software: &str,
    ) -> Self {
        let sent = wire::Logs::default();
        Self {
            store,
            tenant,
            registry,
            key,
            software: software.into(),
            most: wire::MAX_CHANGES,
            vault: None,
            session: None,
            sent,
        }
    }

    /// Where the exchange stands.
    ///
    /// # Errors
    /// Storage failures.
    pub fn standing(&self) -> Result<Standing, StoreError> {
        self.store.read(self.tenant, |tx| standing(tx))
    }

    /// One turn: session, push, pull.
    ///
    /// # Errors
    /// Why it ended early. What was done stays done.
    pub fn turn(&mut self, link: &mut dyn Link, now: Timestamp, budget: &Budget) -> Result<Turn, SyncError> {
        let done = self.run(link, now, budget);
        match &done {
            Ok(_) => self.note(now, true)?,
            Err(SyncError::Link(LinkError::Down(_))) => {
                self.session = None;
                self.note(now, false)?;
            }
            Err(_) => self.session = None,
        }
        done
    }

    /// A turn, and another at once when headquarters says that the session has to be begun anew: it ended, was forgotten
    /// by a headquarters that was restored, or the log is no longer the one that was shown.
    ///
    /// # Errors
    /// As [`Depot::turn`].
    pub fn exchange(
        &mut self,
        link: &mut dyn Link,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<Turn, SyncError> {
        match self.turn(link, now, budget) {
            Err(SyncError::Link(LinkError::Refused(r)))
                if matches!(r.e, Code::Stale | Code::Fork | Code::Gap) =>
            {
                self.turn(link, now, budget)
            }
            done => done,
        }
    }

    fn run(&mut self, link: &mut dyn Link, now: Timestamp, budget: &Budget) -> Result<Turn, SyncError> {
        let before = self.standing()?;
        if before.hold_until.is_some_and(|until| now < until) {
            return Ok(Turn { verdict: Some(State::Hold), ..Turn::default() });
        }
        self.look_again(now)?;
        relog::reissue(self)?;
        let mut turn = Turn::default();
        if self.session.is_none_or(|s| s.ends <= now) {
            let verdict = self.begin(link, now)?;
            turn.verdict = Some(verdict);
            match verdict {
                State::Rejoin => {
                    relog::reissue(self)?;
                    // The session was opened for the new log already; only what headquarters has of it is not known.
                    turn.more = true;
                    return Ok(turn);
                }
                State::Upgrade | State::Hold => return Ok(turn),
                State::Ok | State::Clock | State::Resupply | State::Snapshot => {}
            }
        }
        let (pushed, bytes) = self.push_all(link, now, budget)?;
        turn.pushed = pushed;
        let (pulled, more) = self.pull_all(link, now, budget.pulls)?;
        turn.pulled = pulled;
        turn.more = more || self.unsent()? > 0;
        // What people wait for goes before what they may look at later.
        if !turn.more {
            (turn.filed, turn.more) = self.send_files(link, budget.bytes.saturating_sub(bytes))?;
        }
        Ok(turn)
    }

    /// Positions of the present logs that headquarters has not acknowledged.
    ///
    /// # Errors
    /// Storage failures.
    pub fn unsent(&self) -> Result<u64, StoreError> {
        self.store.read(self.tenant, |tx| {
            let (origin, standing) = (crate::journal::clock::Origin::load(tx)?, standing(tx)?);
            let mut n = 0;
            for log in wire::Log::ALL {
                let last = crate::journal::log::head(tx, log.letter(), &origin)?.last;
                n += last.saturating_sub(*standing.acked.of(log));
            }
            Ok(n + standing.reissue.iter().map(|r| r.last + 1 - r.next).sum::<u64>())
        })
    }

    fn note(&self, now: Timestamp, reached: bool) -> Result<(), StoreError> {
        self.write(move |tx| {
            let mut s = standing(tx)?;
            let before = s.clone();
            if reached {
                (s.last_at, s.offline_since) = (now, None);
            } else {
                s.offline_since = s.offline_since.or(Some(now));
                s.batch = (s.batch / 2).max(push::SMALLEST);
            }
            if s == before { Ok(()) } else { save(tx, &s) }
        })
    }

    fn write<T: Send + 'static>(
        &self,
        f: impl FnMut(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.write(self.tenant, Lane::Bulk, f).wait()
    }

    /// Asks within the session.
    fn ask<Q: Serialize, A: DeserializeOwned>(
        &mut self,
        link: &mut dyn Link,
        call: Call,
        question: &Q,
    ) -> Result<A, SyncError> {
        self.say(link, call, &wire::encode(question)?)
    }

    /// Asks within the session what is encoded already.
    fn say<A: DeserializeOwned>(
        &mut self,
        link: &mut dyn Link,
        call: Call,
        body: &[u8],
    ) -> Result<A, SyncError> {
        let token = self.session.map(|s| s.token);
        let answer = link.ask(call, token.as_ref(), body);
        if let Err(LinkError::Refused(r)) = &answer
            && matches!(r.e, Code::Stale | Code::Fork | Code::Gap)
        {
            self.session = None;
        }
        Ok(wire::decode(&answer?)?)
    }
}
