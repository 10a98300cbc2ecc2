//! Why the store could not, and what that means to whoever asked.

use super::{Expect, MAX_BODY};
use crate::base::error::{Fault, Kind};

/// Why the store could not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Too many writes wait already.
    #[error("{waiting} writes are waiting already; try again in a moment")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// No writes are taken now.
    #[error("the depot takes no changes right now: {why}")]
    ReadOnly {
        /// Why, in words.
        why: String,
    },
    /// The record isn't what was expected.
    #[error("{coll}: the record is at revision {found:?}, expected was {expected:?}")]
    Unexpected {
        /// Which collection.
        coll: &'static str,
        /// What was asked for.
        expected: Expect,
        /// What is there.
        found: Option<u64>,
    },
    /// A read stayed open too long.
    #[error("this read took more than {limit_ms} ms; ask for less at once")]
    Deadline {
        /// The limit.
        limit_ms: u64,
    },
    /// Bytes that can't be read as what they should be.
    #[error("{what}: stored bytes cannot be read: {why}")]
    Codec {
        /// Of which collection or log.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// Another process has taken this work over.
    #[error("another process has the lease {lease} now; it goes on with the work")]
    Fenced {
        /// Which lease.
        lease: String,
    },
    /// A record larger than [`MAX_BODY`].
    #[error("{coll}: a record of {bytes} bytes is larger than the {MAX_BODY} bytes that are kept")]
    TooLarge {
        /// Which collection.
        coll: &'static str,
        /// How large.
        bytes: usize,
    },
    /// A cursor we did not make.
    #[error("the cursor is not one of ours; begin again without it")]
    Cursor,
    /// The disk or the file failed.
    #[error("storage failed: {0}")]
    Io(String),
    /// The file is from a newer release.
    #[error(
        "this file holds data of crossdock {file} and this is crossdock {ours}; start the newer one, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The release that wrote it.
        file: String,
        /// This release.
        ours: String,
    },
    /// Something that can't be, found by a check.
    #[error("{0}")]
    Corrupt(String),
    /// The store is shutting down.
    #[error("the depot is shutting down")]
    Closed,
}

impl Fault for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::Busy { .. }
            | Self::ReadOnly { .. }
            | Self::Io(_)
            | Self::Closed
            | Self::Fenced { .. }
            | Self::Deadline { .. } => Kind::Busy,
            Self::Unexpected { expected: Expect::Absent, .. } => Kind::Conflict,
            Self::Unexpected { .. } => Kind::Stale,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::Cursor => Kind::Malformed,
            Self::Codec { .. } | Self::Newer { .. } | Self::Corrupt(_) => Kind::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "store.busy",
            Self::ReadOnly { .. } => "store.read_only",
            Self::Unexpected { expected: Expect::Absent, .. } => "store.exists",
            Self::Unexpected { .. } => "store.stale",
            Self::Deadline { .. } => "store.deadline",
            Self::Codec { .. } | Self::Corrupt(_) => "store.corrupt",
            Self::TooLarge { .. } => "store.too_large",
            Self::Cursor => "page.cursor",
            Self::Io(_) => "store.failed",
            Self::Newer { .. } => "store.newer",
            Self::Closed => "store.closed",
            Self::Fenced { .. } => "store.fenced",
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        (self.kind() == Kind::Busy).then_some(1)
    }
}

/// What store functions return.
pub type Result<T> = std::result::Result<T, StoreError>;
