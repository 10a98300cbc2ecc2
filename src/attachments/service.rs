//! The use cases of documents. Whose record one belongs to, and who may see that, is the record's own area's to say.

use super::model::{
    ATTACHMENTS, Attachment, AttachmentEvent, FileType, MAX_OF_ONE, Removed, Subject, UNSENT, Unsent,
    file_type, of_subject,
};
use super::sniff::{Media, Refused};
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::{Cx, Folded, record};
use crate::store::{Entry, ReadTx, StoreError, WriteTx};

/// Bytes of a file's name.
pub const MAX_NAME: usize = 200;

/// Why a document could not be added, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// There is none by that id.
    #[error("no attachment {0}")]
    Unknown(String),
    /// The file is not taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The file is of a type this document is not.
    #[error("a {document} is {allowed}, and the file is {found}")]
    Type {
        /// The document's type.
        document: &'static str,
        /// What it may be.
        allowed: String,
        /// What it is.
        found: &'static str,
    },
    /// It can't be.
    #[error("{0}")]
    State(String),
    /// It has changed since it was read.
    #[error("it is at revision {found}, you have seen {seen}; read it again")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, AttachmentError>;

impl Fault for AttachmentError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Refused(Refused::Type(_)) | Self::Type { .. } => Kind::Unsupported,
            Self::Refused(Refused::Io(_)) => Kind::Busy,
            Self::Refused(_) => Kind::Invalid,
            Self::State(_) => Kind::Conflict,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "attachment.unknown",
            Self::Refused(Refused::Type(_)) | Self::Type { .. } => "attachment.type",
            Self::Refused(Refused::Polyglot(_)) => "attachment.polyglot",
            Self::Refused(Refused::Bomb(_)) => "attachment.bomb",
            Self::Refused(Refused::Empty | Refused::Damaged(_)) => "attachment.damaged",
            Self::Refused(Refused::Io(_)) => "attachment.disk",
            Self::State(_) => "attachment.state",
            Self::Stale { .. } => "attachment.stale",
            Self::Invalid(_) => "attachment.invalid",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
}

/// A content that lies in the vault, about to be a document.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The id it was taken in under.
    pub id: Id,
    /// What it belongs to.
    pub subject: Subject,
    /// Its type.
    pub kind: String,
    /// The file's name at the sender.
    pub name: String,
    /// What the file is.
    pub media: Media,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the content.
    pub hash: [u8; 32],
}

/// The type `code`, which a file must be named by.
///
/// # Errors
/// When there is no such type.
pub fn type_named(code: &str) -> std::result::Result<&'static FileType, Invalid> {
    file_type(code).ok_or_else(|| {
        let all = super::model::FILE_TYPES.iter().map(|t| t.code).collect::<Vec<_>>().join(", ");
        Invalid::at("?type", format!("\"{}\" is no file type; {all} are", text::clipped(code.into(), 40)))
    })
}

/// That a file of `media` may be a document of type `kind`.
///
/// # Errors
/// [`AttachmentError::Type`] when it may not.
pub fn fits(kind: &'static FileType, media: Media) -> Result<()> {
    if kind.media.contains(&media) {
        return Ok(());
    }
    let allowed = kind.media.iter().map(|m| m.mime()).collect::<Vec<_>>().join(", ");
    Err(AttachmentError::Type { document: kind.code, allowed, found: media.mime() })
}

/// Makes a document of a content that lies in the vault. The caller has made sure of the record it belongs to.
///
/// # Errors
/// When the record has too many; storage failures.
pub fn attach(tx: &mut dyn WriteTx, cx: &Cx, a: &Arrived) -> Result<Entry<Folded<Attachment>>> {
    if of_subject(tx, a.subject.id)?.len() >= MAX_OF_ONE {
        return Err(AttachmentError::State(format!("it has {MAX_OF_ONE} documents; that is the most")));
    }
    let new = Attachment {
        id: a.id,
        subject: a.subject.clone(),
        kind: a.kind.clone(),
        name: a.name.clone(),
        media: a.media,
        size: a.size,
        hash: a.hash,
        added_at: cx.now,
        added_by: cx.actor.name.to_string(),
        removed: None,
        origin: None,
    };
    record::<Attachment>(tx, cx, a.id, None, vec![AttachmentEvent::Added(Box::new(new))])?;
    UNSENT.put(tx, &a.hash[..], &Unsent::default())?;
    find(tx, &a.id.to_string())
}

/// The document of the same record with the same content, if there is one.
///
/// # Errors
/// Storage failures.
pub fn same(tx: &dyn ReadTx, a: &Arrived) -> Result<Option<Entry<Folded<Attachment>>>> {
    let all = of_subject(tx, a.subject.id)?;
    Ok(all.into_iter().find(|e| e.value.state.hash == a.hash))
}

/// The document `id` that is not removed.
///
/// # Errors
/// [`AttachmentError::Unknown`] when there is none.
pub fn find(tx: &dyn ReadTx, id: &str) -> Result<Entry<Folded<Attachment>>> {
    let unknown = || AttachmentError::Unknown(text::clipped(id.to_owned(), 80));
    let key: Id = id.parse().map_err(|_| unknown())?;
    let found = ATTACHMENTS.entry(tx, &key)?;
    found.filter(|e| e.value.state.size > 0 && e.value.state.removed.is_none()).ok_or_else(unknown)
}

/// Removes a document; a content nobody refers to any more goes with it.
///
/// # Errors
/// When it was changed since `seen`.
pub fn remove(tx: &mut dyn WriteTx, cx: &Cx, (id, seen): (&str, u64), reason: &str) -> Result<Attachment> {
    let entry = find(tx, id)?;
    if entry.rev != seen {
        return Err(AttachmentError::Stale { found: entry.rev, seen });
    }
    let a = entry.value.state.clone();
    let event = AttachmentEvent::Removed(Removed { reason: reason.to_owned() });
    record::<Attachment>(tx, cx, a.id, Some(entry.value), vec![event])?;
    Ok(a)
}
