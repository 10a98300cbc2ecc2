//! Headquarters' side: who comes (`session`), what they bring (`ingest`, `apply`, `resupply`), and what they get
//! (`route`, `feed`). Each stage has a cursor of its own and can be repeated without harm.

pub mod apply;
pub mod carried;
pub mod chain;
pub mod feed;
pub mod files;
pub mod ingest;
pub mod proposals;
pub mod quarantine;
pub mod resupply;
pub mod route;
pub mod session;
pub mod tables;

use serde::Serialize;

use super::digest;
use super::registry::Registry;
use super::sites::{self, SESSIONS};
use super::wire::{self, Call, Code, Refusal};
use crate::attachments::vault::Vault;
use crate::base::clock::Timestamp;
use crate::store::{NODE, Store, Tenant};

/// Stamps may lie so far ahead of headquarters' clock, in milliseconds.
pub const DRIFT_MS: u64 = 10 * 60 * 1000;

/// What headquarters allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// New logs a depot may begin in a day; one more means that two copies of it are alive.
    pub rejoins: usize,
    /// Feed entries of one answer.
    pub page: usize,
    /// The oldest schema of changes that is served.
    pub schema: u16,
    /// The oldest release that is served, as depots are told.
    pub software: String,
    /// Bytes of a document's content.
    pub file: u64,
    /// Changes of a batch that are folded in one transaction.
    pub fold: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rejoins: 3, page: 500, fold: 64, schema: 1, software: "0.1.0".into(), file: 1 << 30 }
    }
}

/// How a signature is verified.
pub type Verify = fn(&[u8; 32], &[u8], &[u8; 64]) -> bool;

/// Headquarters.
#[derive(Clone)]
pub struct Hq {
    /// Its store.
    pub store: Store,
    /// What it can fold.
    pub registry: Registry,
    /// The key of its words and challenges; it lies outside the store.
    pub secret: [u8; 32],
    /// What it allows.
    pub limits: Limits,
    /// How signatures are verified.
    pub verify: Verify,
    /// Where contents of documents lie; without one none are taken.
    pub vault: Option<Vault>,
}

/// Who asks, as the session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub tenant: Tenant,
    /// The site.
    pub site: u32,
    /// The epoch the session was opened for.
    pub epoch: u64,
}

/// A body as it came, and unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// As it came; an inbox keeps it so.
    pub raw: &'a [u8],
    /// Whether `raw` is packed.
    pub packed: bool,
    /// Unpacked.
    pub plain: &'a [u8],
}

impl<'a> Body<'a> {
    /// A body that came unpacked.
    #[must_use]
    pub const fn plain(plain: &'a [u8]) -> Self {
        Self { raw: plain, packed: false, plain }
    }
}

type Answer = Result<Vec<u8>, Refusal>;

fn said<T: Serialize>(answer: &T) -> Answer {
    Ok(wire::encode(answer)?)
}

impl Hq {
    /// Answers one request; `token` is what the caller shows beside the body. The answer is not packed yet.
    ///
    /// # Errors
    /// A refusal, to be sent as it is.
    pub fn answer(&self, call: Call, token: Option<&[u8]>, body: Body<'_>, now: Timestamp) -> Answer {
        match call {
            Call::Enrol => said(&self.enrol(&wire::decode(body.plain)?, now)?),
            Call::Session => session::answer(self, body.plain, now),
            _ => {
                let who = self.caller(token, now)?;
                self.serve(who, call, body, now)
            }
        }
    }

    /// Answers a request of a caller who is known.
    ///
    /// # Errors
    /// A refusal.
    pub fn serve(&self, who: Caller, call: Call, body: Body<'_>, now: Timestamp) -> Answer {
        match call {
            Call::Push => said(&ingest::push(self, who, body, now)?),
            Call::Pull => said(&feed::pull(self, who, &wire::decode(body.plain)?)?),
            Call::Fetch => said(&feed::fetch(self, who, &wire::decode(body.plain)?)?),
            Call::File => said(&files::take(self, who, &wire::decode(body.plain)?)?),
            Call::Resupply => said(&resupply::take(self, who, &wire::decode(body.plain)?, now)?),
            Call::Digest => {
                let ask: wire::DigestAsk = wire::decode(body.plain)?;
                if ask.each && (ask.b.is_empty() || ask.b.len() > wire::MAX_NAMED) {
                    let said = format!("name up to {} buckets to have them listed", wire::MAX_NAMED);
                    return Err(Refusal::new(Code::TooBig).saying(said));
                }
                said(&digest::of_site(&self.store, who.tenant, &self.registry, who.site, &ask)?)
            }
            Call::Enrol | Call::Session => Err(Refusal::new(Code::Malformed)),
        }
    }

    /// Who shows this token.
    ///
    /// # Errors
    /// [`Code::Stale`] when the session has ended or the depot's key was taken away.
    pub fn caller(&self, token: Option<&[u8]>, now: Timestamp) -> Result<Caller, Refusal> {
        let stale = || Refusal::new(Code::Stale).saying("the session has ended; begin a new one");
        let digest = blake3::hash(token.ok_or_else(stale)?);
        let session = self.store.read(NODE, |tx| SESSIONS.get(tx, digest.as_bytes()))?;
        let session = session.filter(|s| s.ends > now).ok_or_else(stale)?;
        let admitted = self.store.read(session.tenant, |tx| sites::site(tx, session.site))?;
        if admitted.is_none_or(|s| s.key.is_none()) {
            return Err(Refusal::new(Code::Scope).saying("this depot's key was taken away"));
        }
        Ok(Caller { tenant: session.tenant, site: session.site, epoch: session.epoch })
    }

    fn enrol(&self, ask: &wire::Enrol, now: Timestamp) -> Result<wire::Enrolled, Refusal> {
        let (tenant, site, ep) = sites::enrol(&self.store, ask, now)?;
        let generation = tables::life(&self.store, tenant)?;
        Ok(wire::Enrolled { site, ep, generation, now: now.unsigned(), pins: Vec::new() })
    }
}
