//! What is known of documents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sniff::Media;
use super::work::{FORGET, Forgotten};
use crate::audit::Changed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::jobs::queue::{NewJob, enqueue};
use crate::journal::{Aggregate, Cx, Event, Folded, Followed, SiteRef, Stamped};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx};

/// The kinds of a document's events.
pub const KINDS: std::ops::RangeInclusive<u16> = 0x560..=0x56f;
/// Documents of one record.
pub const MAX_OF_ONE: usize = 500;

/// A type of document, as a desk calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileType {
    /// Its stable name.
    pub code: &'static str,
    /// What it is.
    pub name: &'static str,
    /// The types of file it may be.
    pub media: &'static [Media],
}

const PAPER: &[Media] = &[Media::Pdf, Media::Png, Media::Jpeg, Media::Tiff];
const DATA: &[Media] =
    &[Media::Pdf, Media::Png, Media::Jpeg, Media::Tiff, Media::Text, Media::Xlsx, Media::Docx];
const PHOTO: &[Media] = &[Media::Png, Media::Jpeg];

/// Every type of document.
pub const FILE_TYPES: &[FileType] = &[
    FileType { code: "mawb", name: "Master air waybill", media: PAPER },
    FileType { code: "hawb", name: "House air waybill", media: PAPER },
    FileType { code: "manifest", name: "Cargo manifest", media: DATA },
    FileType { code: "invoice", name: "Commercial invoice", media: DATA },
    FileType { code: "packing_list", name: "Packing list", media: DATA },
    FileType { code: "customs_entry", name: "Customs entry", media: DATA },
    FileType { code: "delivery_order", name: "Delivery order", media: PAPER },
    FileType { code: "isc_receipt", name: "Receipt of the import service charge", media: PAPER },
    FileType { code: "receipt", name: "Receipt of another charge", media: PAPER },
    FileType { code: "gate_receipt", name: "Gate receipt of a unit", media: PAPER },
    FileType { code: "proof_of_delivery", name: "Proof of delivery", media: PAPER },
    FileType { code: "photo", name: "Photograph", media: PHOTO },
    FileType { code: "other", name: "Anything else", media: &Media::ALL },
];

/// The type called `code`.
#[must_use]
pub fn file_type(code: &str) -> Option<&'static FileType> {
    FILE_TYPES.iter().find(|t| t.code == code)
}

/// The record a document belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AttachmentSubject)]
pub struct Subject {
    /// The kind of record, such as `mawb`.
    pub kind: String,
    /// Which.
    pub id: Id,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: Id,
    /// What it belongs to.
    pub subject: Subject,
    /// Its type, such as `invoice`.
    pub kind: String,
    /// The file's name at the sender.
    pub name: String,
    /// What the file is, by its bytes.
    pub media: Media,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the content, by which it is found.
    #[serde(with = "serde_bytes")]
    pub hash: [u8; 32],
    /// When it came.
    pub added_at: Timestamp,
    /// From whom, by name.
    pub added_by: String,
    /// Why it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<String>,
    /// The site that has its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<SiteRef>,
}
first_record!(Attachment);

/// Its content's hash as text.
#[must_use]
pub fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// How many documents have a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refs {
    /// So many.
    pub count: u64,
}
first_record!(Refs);

/// How often a content is sent that does not come as it lies here.
pub const MAX_TRIES: u8 = 3;

/// A content that headquarters does not have yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unsent {
    /// So many of its bytes are there, as was heard by file last.
    pub have: u64,
    /// How often it was sent in vain.
    pub tries: u8,
}
first_record!(Unsent);

/// What happens to a document.
#[derive(Clone, Debug, PartialEq)]
pub enum AttachmentEvent {
    /// It came.
    Added(Box<Attachment>),
    /// It was removed.
    Removed(Removed),
}

/// A document was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Why.
    pub reason: String,
}

fn bad(e: impl std::fmt::Display) -> StoreError {
    StoreError::Codec { what: "attachment event", why: e.to_string() }
}

impl Event for AttachmentEvent {
    fn kind(&self) -> u16 {
        match self {
            Self::Added(_) => 0x560,
            Self::Removed(_) => 0x561,
        }
    }
    fn name(&self) -> &'static str {
        match self {
            Self::Added(_) => "attachment.added",
            Self::Removed(_) => "attachment.removed",
        }
    }
    fn encode(&self) -> Result<Vec<u8>> {
        match self {
            Self::Added(a) => rmp_serde::to_vec_named(a),
            Self::Removed(r) => rmp_serde::to_vec_named(r),
        }
        .map_err(bad)
    }
    fn decode(kind: u16, schema: u16, body: &[u8]) -> Result<Self> {
        match (kind, schema) {
            (0x560, 1) => rmp_serde::from_slice(body).map(Self::Added).map_err(bad),
            (0x561, 1) => rmp_serde::from_slice(body).map(Self::Removed).map_err(bad),
            _ => Err(bad(format!("kind {kind:#x}, schema {schema} is not known to this release"))),
        }
    }
}

/// Documents by id.
pub static ATTACHMENTS: Table<Id, Folded<Attachment>> =
    Table::new(195, "attachments", Home::ById).indexed(&[by_subject]);
/// Contents by hash.
pub static CONTENTS: Table<[u8], Refs> = Table::new(196, "attachment_contents", Home::Local);
/// Contents that lie here and that headquarters does not have yet, by hash.
pub static UNSENT: Table<[u8], Unsent> = Table::new(189, "attachments_unsent", Home::Local);
/// Documents of a record.
const BY_SUBJECT: Ix = Ix::Nth(0);

fn by_subject(row: &Folded<Attachment>) -> Option<Vec<u8>> {
    row.state.removed.is_none().then(|| row.state.subject.id.0.to_vec())
}

/// The documents of the record `subject` that are not removed.
///
/// # Errors
/// Storage failures.
pub fn of_subject(tx: &dyn ReadTx, subject: Id) -> Result<Vec<crate::store::Entry<Folded<Attachment>>>> {
    Ok(ATTACHMENTS.scan(tx, BY_SUBJECT, &KeyRange::prefix(&subject.0), Dir::Up, MAX_OF_ONE)?.items)
}

impl Aggregate for Attachment {
    type Event = AttachmentEvent;
    const NAME: &'static str = "attachment";
    const TABLE: &'static Table<Id, Folded<Self>> = &ATTACHMENTS;

    fn blank(id: Id) -> Self {
        Self {
            id,
            subject: Subject::default(),
            kind: String::new(),
            name: String::new(),
            media: Media::Text,
            size: 0,
            hash: [0; 32],
            added_at: Timestamp::ZERO,
            added_by: String::new(),
            removed: None,
            origin: None,
        }
    }

    fn fold(mut self, e: &Stamped<AttachmentEvent>) -> Self {
        let origin = self.origin.or_else(|| Some(e.writer()));
        match &e.event {
            AttachmentEvent::Added(a) => {
                self = Self { id: self.id, removed: self.removed, ..(**a).clone() };
            }
            AttachmentEvent::Removed(r) => self.removed = Some(r.reason.clone()),
        }
        self.origin = origin;
        self
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        for (a, added) in [(old.map(|o| &o.state), false), (Some(new), true)] {
            let Some(a) = a.filter(|a| a.removed.is_none() && a.size > 0) else { continue };
            let refs = CONTENTS.get(tx, &a.hash[..])?.unwrap_or_default().count;
            let count = if added { refs + 1 } else { refs.saturating_sub(1) };
            CONTENTS.put(tx, &a.hash[..], &Refs { count })?;
        }
        // Wherever its content lies: at the site it was attached at, and at headquarters.
        let gone = old.is_some_and(|o| o.state.removed.is_none()) && new.removed.is_some();
        if gone && CONTENTS.get(tx, &new.hash[..])?.unwrap_or_default().count == 0 {
            let forgotten = Forgotten { tenant: tx.tenant(), hash: new.hash };
            enqueue(tx, cx.now, NewJob::new(FORGET, &forgotten)?)?;
        }
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        match old {
            Some(old) if old.removed != new.removed => {
                vec![Changed::new("removed", old.removed.clone(), new.removed.clone())]
            }
            Some(_) => Vec::new(),
            None => vec![Changed::new("hash", serde_json::Value::Null, hex(&new.hash))],
        }
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&ATTACHMENTS, &CONTENTS, &UNSENT]
}
