//! Joining and showing oneself: the logs as a depot has them, and what headquarters makes of them.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Bin;

/// One thing for each of a site's three logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logs<T> {
    /// Business.
    pub b: T,
    /// Audit.
    pub a: T,
    /// Telemetry.
    pub g: T,
}

/// Which of a site's three logs; pushed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// Business.
    B,
    /// Audit.
    A,
    /// Telemetry.
    G,
}

impl Log {
    /// All three, in the order in which they are pushed.
    pub const ALL: [Self; 3] = [Self::B, Self::A, Self::G];

    /// Its letter, as in the store.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::B => b'b',
            Self::A => b'a',
            Self::G => b'g',
        }
    }
}

impl<T> Logs<T> {
    /// That of `log`.
    #[must_use]
    pub const fn of(&self, log: Log) -> &T {
        match log {
            Log::B => &self.b,
            Log::A => &self.a,
            Log::G => &self.g,
        }
    }

    /// That of `log`, to be changed.
    pub const fn of_mut(&mut self, log: Log) -> &mut T {
        match log {
            Log::B => &mut self.b,
            Log::A => &mut self.a,
            Log::G => &mut self.g,
        }
    }
}

/// A position of a log and the chain's hash at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown(
    /// The position.
    pub u64,
    /// The hash.
    pub Bin<16>,
);

/// What a depot shows of one of its logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogState {
    /// Its end.
    pub last: u64,
    /// The first position that is still held.
    pub floor: u64,
    /// Hashes of its chain, at most [`super::MAX_HASHES`]: the newest, then in doubling gaps.
    pub hs: Vec<Shown>,
}

/// A depot joins, by the code an administrator gave out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// The one-time code.
    pub code: String,
    /// The depot's public key.
    pub key: Bin<32>,
    /// Its release.
    pub sw: String,
    /// The name it gives itself.
    pub name: String,
    /// The epoch it drew at its beginning, under which it has written so far.
    pub e0: u64,
}

/// It is one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Its number.
    pub site: u32,
    /// The epoch it writes in from now on.
    pub ep: u64,
    /// Headquarters' present life.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Headquarters' time in milliseconds.
    pub now: u64,
    /// Headquarters' own keys, to be pinned.
    #[serde(default)]
    pub pins: Vec<ByteBuf>,
}

/// A depot asks for a session: the first leg without `sig`, the second with it, over the challenge and this very map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAsk {
    /// The protocol's version.
    pub p: u8,
    /// The site.
    pub site: u32,
    /// Its epoch.
    pub ep: u64,
    /// Which key it signs with.
    pub key: Bin<8>,
    /// The life of headquarters that it knows.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Its logs.
    pub logs: Logs<LogState>,
    /// Its release.
    pub sw: String,
    /// The oldest and newest schema it reads.
    pub sch: (u16, u16),
    /// Its clock in milliseconds.
    pub wall: u64,
    /// The mark the last session left.
    pub inc: Bin<16>,
    /// Where it is in the feeds.
    #[serde(default)]
    pub cur: Cursors,
    /// The challenge this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ch: Option<Bin<32>>,
    /// The signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sig: Option<Bin<64>>,
}

/// The answer to the first leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// What has to be signed.
    pub ch: Bin<32>,
}

/// What headquarters makes of a depot that shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Go on behind `have`.
    Ok,
    /// The log parted from the one headquarters has: begin a new one, in epoch `ep`, behind `common`.
    Rejoin,
    /// Headquarters has lost something: offer all that is held.
    Resupply,
    /// The depot was away for too long: its scope comes anew from the positions in `cur`.
    Snapshot,
    /// This release is too old.
    Upgrade,
    /// The depot's clock is too far off.
    Clock,
    /// Not now.
    Hold,
}

/// What one session may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Changes of one push.
    pub n: u32,
    /// Bytes of one packed body.
    pub bytes: u32,
    /// Pushes at one time.
    pub inflight: u8,
    /// The latest form of [columns](super::columns) that is read; 0 where none is.
    #[serde(rename = "co", default, skip_serializing_if = "is_nought")]
    pub columns: u8,
}

/// Positions in the two feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursors {
    /// The feed that all depots share.
    pub shared: u64,
    /// The depot's own.
    pub own: u64,
}

/// The answer to the second leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnswer {
    /// What proves the session from now on.
    pub tok: Bin<32>,
    /// For how many seconds.
    pub ttl: u32,
    /// Headquarters' time in milliseconds.
    pub now: u64,
    /// Headquarters' present life.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// The verdict.
    pub st: State,
    /// Per log the end of what headquarters has and this depot has shown: an acknowledgement too.
    pub have: Logs<u64>,
    /// At a rejoin, per log the last position both have in common; none where nothing is known.
    #[serde(default)]
    pub common: Logs<Option<u64>>,
    /// At a rejoin, the new epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ep: Option<u64>,
    /// The mark to show next time.
    pub inc: Bin<16>,
    /// What the session may use.
    pub lim: Allowance,
    /// Where to go on in the feeds when they begin anew (a resupply, a snapshot); else their ends.
    pub cur: Cursors,
    /// At an upgrade, the oldest release that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sw: Option<String>,
    /// How far the depot's clock is off, in milliseconds; what has to be added to it.
    #[serde(default)]
    pub off: i64,
    /// At a hold, when to come again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the form serde asks for
fn is_nought(n: &u8) -> bool {
    *n == 0
}
