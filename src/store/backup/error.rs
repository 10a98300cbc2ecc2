//! Why a backup could not be made or read.

use super::super::StoreError;
use super::MAX_LABEL;
use crate::base::error::{Fault, Kind};

/// Why a backup could not be made or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackupError {
    /// No passphrase, or the wrong one.
    #[error("{why}")]
    Passphrase {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A chunk that a manifest names is gone.
    #[error(
        "chunk {chunk} of the backup is missing; restore another backup, or bring the chunk back from a copy of the folder"
    )]
    Missing {
        /// Its name.
        chunk: String,
    },
    /// Something is not what was kept.
    #[error(
        "{what} of the backup is damaged: {why}; restore another backup, or bring it back from a copy of the folder"
    )]
    Damaged {
        /// The chunk or file.
        what: String,
        /// In which way.
        why: String,
    },
    /// There is no such backup.
    #[error("there is no such backup in {folder}; `crossdock backup list` shows those there are")]
    None {
        /// Where it was looked for.
        folder: String,
    },
    /// Somebody else works in the folder.
    #[error("another backup is at work in {folder}; try again when it is done")]
    InUse {
        /// Which one.
        folder: String,
    },
    /// The file to restore into is there already.
    #[error("{path} is there already; move it away or restore into another file")]
    Exists {
        /// Which file.
        path: String,
    },
    /// The label can't be part of a file's name.
    #[error("a label is 1-{MAX_LABEL} small letters, digits and hyphens, got {0:?}")]
    Label(String),
    /// What was restored is not sound; it was not put in its place.
    #[error("what was restored is not sound ({faults} faults; the first: {first}); it was left in {path}")]
    Unsound {
        /// How many faults.
        faults: u64,
        /// The first of them.
        first: String,
        /// Where it lies.
        path: String,
    },
    /// The folder or the disk failed.
    #[error("{path}: {why}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for BackupError {
    fn kind(&self) -> Kind {
        match self {
            Self::Passphrase { .. } | Self::Label(_) => Kind::Invalid,
            Self::None { .. } => Kind::NotFound,
            Self::InUse { .. } | Self::Exists { .. } => Kind::Conflict,
            Self::Missing { .. } | Self::Damaged { .. } | Self::Unsound { .. } | Self::Io { .. } => {
                Kind::Internal
            }
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Passphrase { .. } => "backup.passphrase",
            Self::Label(_) => "backup.label",
            Self::None { .. } => "backup.unknown",
            Self::InUse { .. } => "backup.in_use",
            Self::Exists { .. } => "backup.exists",
            Self::Missing { .. } => "backup.chunk_missing",
            Self::Damaged { .. } => "backup.damaged",
            Self::Unsound { .. } => "backup.unsound",
            Self::Io { .. } => "backup.failed",
            Self::Store(e) => e.code(),
        }
    }
}
