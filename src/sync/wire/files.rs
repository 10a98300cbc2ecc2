//! Contents of documents. They travel behind the logs, by their hash, a part at a time from where headquarters has them.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Bin;

/// Bytes of one part at the most.
pub const MAX_PART: usize = 512 << 10;

/// A part of a content; without bytes, the question how much of it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// BLAKE3 of the whole.
    pub f: Bin<32>,
    /// Bytes of the whole.
    pub size: u64,
    /// Where this part begins.
    pub at: u64,
    /// The part.
    pub part: ByteBuf,
}

/// How much of a content headquarters has: all of it when that is its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHas {
    /// Which.
    pub f: Bin<32>,
    /// So much, from its begin.
    pub have: u64,
    /// Whether it is whole, or not wanted any more.
    pub done: bool,
}
