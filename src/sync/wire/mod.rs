//! What depot and headquarters say to each other, version 1: MessagePack maps with short keys, packed with zstd. Keys
//! that are not known are passed over; changes travel as the bytes they were first written in. No message names a
//! tenant: headquarters takes it from the session.

mod body;
pub mod columns;
mod compare;
mod exchange;
pub mod files;
mod refusal;
mod session;
#[cfg(test)]
mod tests;

use serde_bytes::ByteArray;

use crate::journal::change::MAX_CHANGE;

pub use body::{WireError, decode, encode, pack, packed_if_smaller, signed_part, unpack};
pub use compare::{
    BucketSum, DigestAnswer, DigestAsk, Each, HeldSum, MAX_NAMED, Offered, Resupplied, Resupply,
};
pub use exchange::{
    Feeds, Fetch, Fetched, Item, Marker, Pull, Pulled, Push, Pushed, Reject, Shift, Shifted, Told, told,
};
pub use refusal::{Code, Refusal};
pub use session::{
    Allowance, Challenge, Cursors, Enrol, Enrolled, Log, LogState, Logs, SessionAnswer, SessionAsk, Shown,
    State,
};

/// The protocol's version.
pub const VERSION: u8 = 1;
/// The oldest and the newest schema of changes that this release reads.
pub const SCHEMAS: (u16, u16) = (1, 1);
/// The media type of every body, requests and answers.
pub const CONTENT_TYPE: &str = "application/vnd.crossdock.sync+msgpack; v=1";
/// Changes of one push at the most.
pub const MAX_CHANGES: usize = 500;
/// Bytes of a packed body at the most.
pub const MAX_PACKED: usize = 1 << 20;
/// Bytes of a body once unpacked at the most.
pub const MAX_PLAIN: usize = 8 << 20;
/// Bytes of one change at the most.
pub const MAX_BLOB: usize = MAX_CHANGE;
/// Bytes of changes that go into one message: whatever they are, packed or not, the body stays below [`MAX_PACKED`].
pub const BATCH_BYTES: usize = 768 << 10;
/// Maps and lists within one another at the most.
pub const MAX_DEPTH: usize = 16;
/// Chain hashes of a log that a session shows at the most.
pub const MAX_HASHES: usize = 64;
/// 8, 16, 32 or 64 bytes.
pub type Bin<const N: usize> = ByteArray<N>;

/// What is asked of headquarters: `POST /sync/v1/<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // named as their messages are
pub enum Call {
    Enrol,
    Session,
    Push,
    Pull,
    Fetch,
    Digest,
    Resupply,
    File,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Enrol,
        Self::Session,
        Self::Push,
        Self::Pull,
        Self::Fetch,
        Self::Digest,
        Self::Resupply,
        Self::File,
    ];

    /// The last part of its path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Session => "session",
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Fetch => "fetch",
            Self::Digest => "digest",
            Self::Resupply => "resupply",
            Self::File => "file",
        }
    }
}
