//! What a depot keeps for sync.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::super::wire::{Cursors, Logs};
use super::supply::Offering;
use crate::base::clock::Timestamp;
use crate::first_record;
use crate::store::table::Checked;
use crate::store::{Home, ReadTx, Result, Table, WriteTx};

/// Where the exchange with headquarters stands: saved in the same transaction as what it describes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// The life of headquarters that the cursors belong to.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Where it is in the feeds.
    pub cur: Cursors,
    /// Positions of the present logs that headquarters has.
    pub acked: Logs<u64>,
    /// The mark the last session left.
    pub inc: ByteArray<16>,
    /// Changes of one push; grows while pushes succeed.
    pub batch: u32,
    /// Logs of earlier lives that still have to be issued again in the present one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reissue: Vec<Reissue>,
    /// An offer of all that is held here, as far as it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offering: Option<Offering>,
    /// When headquarters last answered.
    pub last_at: Timestamp,
    /// When it first did not; none while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_since: Option<Timestamp>,
    /// How far our clock is off, in milliseconds; what has to be added to it.
    pub offset_ms: i64,
    /// What headquarters said last, in words, when it was not "go on".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Not before this moment again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<Timestamp>,
    /// New logs begun.
    pub rejoins: u64,
    /// The life of headquarters that was offered all contents of documents that lie here.
    pub offered: u64,
    /// How far such an offer has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered_to: Option<ByteBuf>,
    /// The release that last looked at what had been set aside.
    pub looked: String,
}

/// A stretch of an earlier life's log that is issued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reissue {
    /// Which log, by its letter.
    pub log: u8,
    /// The epoch.
    pub epoch: u64,
    /// The next position.
    pub next: u64,
    /// The last.
    pub last: u64,
}

/// Where the exchange stands.
pub const STANDING: Table<str, Standing> = Table::new(94, "sync", Home::Shared);

/// A change of ours that headquarters could not take in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Why, as a code.
    pub code: String,
    /// Why, in words.
    pub msg: String,
    /// When we heard.
    pub at: Timestamp,
}

/// By identity.
pub const REJECTS: Table<[u8], Rejected> = Table::new(95, "sync_rejects", Home::Local);

/// A change of headquarters that can't be folded here yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// Its shift.
    pub adj: i64,
    /// Headquarters' word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<ByteArray<16>>,
    /// Why not.
    pub why: String,
    /// The change.
    #[serde(with = "serde_bytes")]
    pub blob: Vec<u8>,
}

/// By identity.
pub const OPAQUE: Table<[u8], Opaque> = Table::new(96, "sync_opaque", Home::Local);

first_record!(Standing, Rejected, Opaque);

/// These tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&STANDING, &REJECTS, &OPAQUE]
}

/// Where the exchange stands; at its beginning when there was none yet.
///
/// # Errors
/// Storage failures.
pub fn standing(tx: &dyn ReadTx) -> Result<Standing> {
    Ok(STANDING.get(tx, "sync")?.unwrap_or_default())
}

/// Saves where it stands.
///
/// # Errors
/// Storage failures.
pub fn save(tx: &mut dyn WriteTx, standing: &Standing) -> Result<()> {
    STANDING.put(tx, "sync", standing).map(drop)
}
