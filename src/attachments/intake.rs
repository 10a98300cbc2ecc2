//! A file comes in: written to disk as it comes, hashed on the way, made durable, judged by its bytes. Memory stays flat
//! whatever its size.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;

use super::service::AttachmentError;
use super::sniff::{self, Media};
use crate::base::error::{Fault, Kind};
use crate::config::sections::Limits as Settings;

/// What a file may be and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes at the most.
    pub max: u64,
    /// The longest wait for its next byte.
    pub patience: Duration,
}

impl Limits {
    /// By the settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self { max: settings.attachment_max_bytes, patience: Duration::from_secs(settings.body_timeout_s) }
    }
}

/// A file that lies on the disk and is one we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the content.
    pub hash: [u8; 32],
    /// What it is.
    pub media: Media,
}

/// Why a file did not land.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Nothing came for too long.
    #[error("no byte of the file came for {0} s")]
    Slow(u64),
    /// The line was cut.
    #[error("the file ended early: {0}")]
    Broken(String),
    /// It is too large.
    #[error("the file is larger than the {0} bytes that are taken")]
    TooLarge(u64),
    /// The disk did not take it.
    #[error("the file can't be stored: {0}")]
    Disk(#[from] io::Error),
    /// Nobody could look at it.
    #[error("the file could not be judged: {0}")]
    Judge(String),
    /// It is none we take.
    #[error(transparent)]
    Document(#[from] AttachmentError),
}

impl Fault for IntakeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Slow(_) | Self::Broken(_) => Kind::Malformed,
            Self::TooLarge(_) => Kind::TooLarge,
            Self::Disk(_) => Kind::Busy,
            Self::Judge(_) => Kind::Internal,
            Self::Document(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Slow(_) => "request.slow",
            Self::Broken(_) => "request.broken",
            Self::TooLarge(_) => "attachment.too_large",
            Self::Disk(_) => "attachment.disk",
            Self::Judge(_) => "attachment.judge",
            Self::Document(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<crate::base::error::Problem> {
        match self {
            Self::Document(e) => e.fields(),
            _ => Vec::new(),
        }
    }
}

/// Writes `body` to `path`, durable when this returns, and says what it is. What is left of a refused one is the
/// caller's to remove.
///
/// # Errors
/// Why it did not land.
pub async fn land<B: AsRef<[u8]>, E: Display>(
    path: &Path,
    body: impl Stream<Item = Result<B, E>>,
    limits: Limits,
) -> Result<Landed, IntakeError> {
    let mut body = std::pin::pin!(body);
    let mut file = tokio::fs::File::create(path).await?;
    let (mut size, mut hash) = (0_u64, blake3::Hasher::new());
    loop {
        let next = tokio::time::timeout(limits.patience, body.next()).await;
        let Some(chunk) = next.map_err(|_| IntakeError::Slow(limits.patience.as_secs()))? else { break };
        let chunk = chunk.map_err(|e| IntakeError::Broken(e.to_string()))?;
        size += chunk.as_ref().len() as u64;
        if size > limits.max {
            return Err(IntakeError::TooLarge(limits.max));
        }
        hash.update(chunk.as_ref());
        file.write_all(chunk.as_ref()).await?;
    }
    file.sync_all().await?;
    let path = path.to_owned();
    let judged = tokio::task::spawn_blocking(move || sniff::judge(&mut std::fs::File::open(path)?, size));
    let judged = judged.await.map_err(|e| IntakeError::Judge(e.to_string()))?;
    let media = judged.map_err(AttachmentError::from)?;
    Ok(Landed { size, hash: *hash.finalize().as_bytes(), media })
}
