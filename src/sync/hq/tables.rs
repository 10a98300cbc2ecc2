//! What headquarters keeps for sync, beside the depots themselves.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::store::table::Checked;
use crate::store::{Home, Lane, LogId, ReadTx, Result, Store, StoreError, Table, Tenant, WriteTx};

/// Headquarters' present life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// A random number, drawn anew when headquarters is restored.
    pub generation: u64,
}

/// Where it is kept.
pub const LIFE: Table<str, Life> = Table::new(91, "hq_life", Home::Shared);

/// A stretch of a site's log as headquarters has it: one batch, or a jump that a resupply made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its first position.
    pub from: u64,
    /// Its last.
    pub last: u64,
    /// The chain's hash before it; none behind a jump.
    pub h0: Option<ByteArray<16>>,
    /// The hash at its last position.
    pub h: ByteArray<16>,
    /// The inbox entry that holds the batch; 0 for a jump.
    pub inbox: u64,
}

/// Spans by site, epoch, log and last position.
pub const SPANS: Table<[u8], Span> = Table::new(87, "site_logs", Home::Local);

/// An audit change of a depot, kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The site that brought it.
    pub site: u32,
    /// When it came.
    pub at: Timestamp,
    /// The change.
    #[serde(with = "serde_bytes")]
    pub blob: Vec<u8>,
}

/// Audit and telemetry of depots by identity: a set, as everything that is pushed.
pub const TOLD: Table<[u8], Told> = Table::new(88, "site_audit", Home::Local).indexed(&[told_by_site]);

fn told_by_site(t: &Told) -> Option<Vec<u8>> {
    Some([&t.site.to_be_bytes()[..], &t.at.unsigned().to_be_bytes()].concat())
}

/// A change that could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The site that brought it.
    pub site: u32,
    /// The aggregate, as far as that can be read.
    pub id: Id,
    /// Why, as a code.
    pub code: String,
    /// Why, in words.
    pub msg: String,
    /// The shift it came with.
    pub adj: i64,
    /// When.
    pub at: Timestamp,
    /// Whether the site wrote it itself; else headquarters' own word came with it.
    #[serde(default = "yes")]
    pub own: bool,
    /// The change.
    #[serde(with = "serde_bytes")]
    pub blob: Vec<u8>,
}

fn yes() -> bool {
    true
}

/// Changes set aside, by identity.
pub const QUARANTINE: Table<[u8], Aside> = Table::new(89, "quarantine", Home::Local).indexed(&[by_aggregate]);

fn by_aggregate(a: &Aside) -> Option<Vec<u8>> {
    Some([a.id.as_ref(), &a.site.to_be_bytes()].concat())
}

/// How much of an aggregate a site's feed holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The applied log's position up to which its changes were routed.
    pub upto: u64,
    /// Whether it concerned the site when it was last looked at.
    pub within: bool,
    /// In which seeding of the feed.
    pub seed: u32,
}

/// By aggregate and site.
pub const MEMBERS: Table<[u8], Member> = Table::new(90, "feed_members", Home::Local);

/// Where a site's own changes of one marker lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The first position in the site's log.
    pub from: u64,
    /// The applied log's position of that one; the others follow it.
    pub seq: u64,
}

/// By site, epoch and last position.
pub const MARKS: Table<[u8], Mark> = Table::new(92, "feed_marks", Home::Local);

/// A reference record that a depot would like to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The site.
    pub site: u32,
    /// The record.
    pub id: Id,
    /// When it came.
    pub at: Timestamp,
    /// The shift it came with.
    #[serde(default)]
    pub adj: i64,
    /// The change that sets it.
    #[serde(with = "serde_bytes")]
    pub blob: Vec<u8>,
}

/// Proposals by the identity of their change.
pub const PROPOSALS: Table<[u8], Proposal> = Table::new(93, "proposals", Home::Local);

/// A batch as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// When.
    pub at: Timestamp,
    /// How many changes at its beginning were here before.
    pub skip: u32,
    /// Whether the body is packed.
    pub packed: bool,
    /// The body: a push.
    pub body: ByteBuf,
}

first_record!(Life, Span, Told, Aside, Member, Mark, Proposal, Arrived);

/// These tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&LIFE, &SPANS, &TOLD, &QUARANTINE, &MEMBERS, &MARKS, &PROPOSALS]
}

/// What `site` pushed, batch by batch.
#[must_use]
pub fn inbox(site: u32) -> LogId {
    LogId { log: b'i', epoch: site.into() }
}

/// What `site` is to learn.
#[must_use]
pub fn own_feed(site: u32) -> LogId {
    LogId { log: b'f', epoch: site.into() }
}

/// What all depots are to learn.
pub const SHARED_FEED: LogId = LogId { log: b's', epoch: 0 };

/// Headquarters' present life for `tenant`; drawn at the first question.
///
/// # Errors
/// Storage failures.
pub fn life(store: &Store, tenant: Tenant) -> Result<u64> {
    match store.read(tenant, |tx| LIFE.get(tx, "hq"))? {
        Some(life) => Ok(life.generation),
        None => renew(store, tenant),
    }
}

/// Headquarters' present life, once there is one.
///
/// # Errors
/// Storage failures.
pub fn life_in(tx: &dyn ReadTx) -> Result<u64> {
    Ok(LIFE.get(tx, "hq")?.map_or(0, |l| l.generation))
}

/// Begins another life: to be done whenever a backup of headquarters is restored, before the first depot comes. Every
/// depot then offers what it holds, and its feeds begin anew.
///
/// # Errors
/// Storage failures.
pub fn renew(store: &Store, tenant: Tenant) -> Result<u64> {
    let generation = random_u64()? >> 1 | 1;
    let put = move |tx: &mut dyn WriteTx| LIFE.put(tx, "hq", &Life { generation }).map(drop);
    store.write(tenant, Lane::People, put).wait()?;
    Ok(generation)
}

fn random_u64() -> Result<u64> {
    getrandom::u64().map_err(|e| StoreError::Io(format!("no randomness: {e}")))
}
