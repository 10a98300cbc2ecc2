//! A person's data: found, handed out, and erased everywhere.
//!
//! Who is responsible finds a person by name, telephone, mail, address or reference ([`find`]), hands out what is held of
//! them ([`export`]), or asks for it to be erased; a second person confirms ([`service`]). From then on an erasure is a
//! change like any other and goes to every node, which carries it out for itself ([`work`]): the journal's changes of the
//! records named are redacted ([`crate::journal::redaction`]), rows are folded anew, the audit keeps who did what but not the
//! values, and whatever else lies about is gone through ([`traces`]). What counts and adds up stays: an erased parcel is a
//! parcel still. Changes that come later, from a depot that was cut off or a backup, are redacted as they come; beside the
//! backups lies a list of all erasures ([`tombs`]), which a restored store reads before anything else.
//!
//! A record under legal hold is not erased: not where the hold is known when it is asked for or confirmed, and not at a
//! node that learns of the hold first; there the erasure waits until the hold is lifted.

pub mod api;
pub mod error;
pub mod export;
pub mod find;
pub mod masks;
pub mod model;
pub mod service;
pub mod tombs;
pub mod traces;
pub mod work;

/// A file of this name in the data folder says that the store is to be written anew at the next start: the pages on which
/// something lay that was erased are let go of, but nobody writes over them.
pub const COMPACT: &str = "compact.due";

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    vec![&model::ERASURES, &model::HOLDS, &work::PENDING]
}
