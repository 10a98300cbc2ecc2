//! A carrier's record, its secrets, and where asking it stands.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::base::breaker::Breaker;
use crate::base::clock::Timestamp;
use crate::first_record;

/// A carrier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Carrier {
    /// Its code: in its address here, and in what parcels name.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its language, one of [`ALL`](super::adapter::ALL).
    pub adapter: String,
    /// Whose words it uses: names the status map. The code when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The forms of its numbers; news of others is refused. Any when there are none.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Where it is asked; it is not when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Seconds between two times it is asked; 0 for never.
    #[serde(default)]
    pub poll_s: u32,
    /// Whether its news counts.
    pub active: bool,
}

impl Carrier {
    /// Whose status map its codes go through.
    #[must_use]
    pub fn source(&self) -> &str {
        self.words.as_deref().unwrap_or(&self.code)
    }
}

/// One of the keys a carrier signs with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedKey {
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when it is good; for ever when absent.
    pub until: Option<Timestamp>,
    /// The key, sealed.
    pub sealed: ByteBuf,
}

/// What of a carrier must not be shown and stays on this node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Secrets {
    /// The keys it signs with, the newest first; at most two.
    #[serde(default)]
    pub keys: Vec<SealedKey>,
    /// What we show it when we ask, sealed.
    #[serde(default)]
    pub login: Option<ByteBuf>,
}

/// Where asking a carrier stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Poll {
    /// When it is asked next.
    pub next_at: Timestamp,
    /// Where it goes on.
    pub cursor: Option<String>,
    /// Whether it is left alone.
    pub breaker: Breaker,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// What went wrong since.
    pub trouble: Option<String>,
    /// Events taken so far.
    pub taken: u64,
}

/// An event, or a message, that came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Came {
    /// When.
    pub at: Timestamp,
}

first_record!(Secrets, Poll, Came);
