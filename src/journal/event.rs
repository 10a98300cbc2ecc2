//! The order in which events count, and what a fold sees of an event.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;

/// A hybrid stamp: unix milliseconds << 16 | counter.
pub type Hlc = u64;

/// The identity of a change: the first 16 bytes of BLAKE3 over its own bytes.
pub type Eid = [u8; 16];

/// The place of an event in its aggregate's timeline. Ordered by effective time, then by stamp, then by identity,
/// so the same set of events has one order on every node, however they arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FoldKey {
    /// When it took effect, as a stamp: for our own facts `t`; for a foreign fact that carries a time, that
    /// time when it is earlier.
    pub eff: Hlc,
    /// When it was written, corrected by the shift headquarters accepted.
    pub t: Hlc,
    /// Which change it is.
    #[serde(with = "serde_bytes")]
    pub eid: Eid,
}

impl FoldKey {
    /// The effective time as a moment.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.eff >> 16).unwrap_or(i64::MAX))
    }
}

/// A site as its changes name it: by its number or, before headquarters gave it one, by the epoch it drew. The same on
/// every node, whoever knows meanwhile which number that became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteRef {
    /// Its number; [`UNENROLLED`](super::clock::UNENROLLED) before it had one.
    #[serde(rename = "o")]
    pub site: u32,
    /// The epoch it drew, where it had no number; else 0.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub epoch: u64,
}

impl SiteRef {
    /// The site that wrote as `site` in `epoch`.
    #[must_use]
    pub const fn new(site: u32, epoch: u64) -> Self {
        Self { site, epoch: if site == super::clock::UNENROLLED { epoch } else { 0 } }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// An event together with what the journal knows of it.
#[derive(Clone, Debug)]
pub struct Stamped<E> {
    /// Its place in the order.
    pub key: FoldKey,
    /// The site it was written at.
    pub site: u32,
    /// The epoch it was written in.
    pub epoch: u64,
    /// The person or machine that caused it, by the origin's own number; 0 is the system.
    pub actor: u32,
    /// What happened.
    pub event: E,
}

impl<E> Stamped<E> {
    /// The site it was written at.
    #[must_use]
    pub const fn writer(&self) -> SiteRef {
        SiteRef::new(self.site, self.epoch)
    }
}
