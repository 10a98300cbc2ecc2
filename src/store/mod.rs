//! The store: the only place that knows a database. Domain code sees [`Store`], typed [`Table`]s and the two
//! transactions; an engine sees byte strings.
//!
//! One seam, so that headquarters can stand on another engine without a line changed above it: records with declared
//! byte-string indexes, gapless logs, and write transactions that stand or fall as one.

use tokio::sync::oneshot;

pub mod backup;
pub mod check;
pub mod codec;
pub mod counters;
mod error;
mod handle;
pub mod key;
mod line;
pub mod memory;
pub mod migrate;
#[cfg(feature = "pg")]
pub mod postgres;
mod queue;
mod raw;
pub mod redb;
mod redo;
pub mod space;
mod stamps;
pub mod table;
mod veil;
pub mod view;
mod writer;

pub use error::{Result, StoreError};
pub use handle::{Pending, Store};
pub use table::{Entry, Index, Never, Record, Rows, Table};

/// The tenant a transaction is opened for; 0 is the node itself.
pub type Tenant = u32;

/// The node's own tenant: names of tenants, schema number, settings of the node.
pub const NODE: Tenant = 0;

/// The largest body of one record, so that no row can starve the others of cache and group time.
pub const MAX_BODY: usize = 1 << 20;

/// Which part of a tenant's data writes together. A depot has one; headquarters hashes aggregates into buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// 0 shared, 1 depot, 2 bucket.
    pub kind: u8,
    /// Which one of that kind.
    pub n: u32,
}

/// The part every depot writes to.
pub const DEPOT: Part = Part { kind: 1, n: 0 };

/// One log of a part: which one, and which life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// One letter: see `journal::log`.
    pub log: u8,
    /// Raised when a log is begun anew; positions start again at 1.
    pub epoch: u64,
}

/// The chained hash at a log's end.
pub type Hash = [u8; 16];

/// The end of a log: positions `floor..=last` are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The last position; 0 before the first.
    pub last: u64,
    /// The first position still held; 1 until something is trimmed.
    pub floor: u64,
    /// The chained hash at `last`.
    pub hash: Hash,
}

/// A stored record: revision 1 is its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rec {
    /// Its key within the collection.
    pub pk: Vec<u8>,
    /// How often it has been written.
    pub rev: u64,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A collection: its number never changes and is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coll {
    /// The number in every key.
    pub id: u16,
    /// The name people see.
    pub name: &'static str,
    /// Which part its rows are written with.
    pub home: Home,
}

/// Which part a row is written with, where an engine has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The bucket of the first 16 bytes of its key.
    ById,
    /// The transaction's first part.
    Local,
    /// The same, for a handful of rows without indexes that most changes touch: an engine may keep them at hand and
    /// write them once for many changes.
    Shared,
}

/// An index of a collection by its place in the declaration, or the primary order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ix {
    /// By primary key.
    Primary,
    /// By the n-th declared index, then primary key.
    Nth(u8),
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// Ascending.
    Up,
    /// Descending.
    Down,
}

/// What a scan covers: index keys from `from` up to but not including `to`, beginning behind `after`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// First index key, inclusive.
    pub from: Vec<u8>,
    /// End, exclusive; none means to the end of the index.
    pub to: Option<Vec<u8>>,
    /// The position ([`Slice::next`]) of the last row of the page before.
    pub after: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Every key that begins with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { from: prefix.to_vec(), to: key::successor(prefix), after: None }
    }

    /// The same range, going on behind `after`.
    #[must_use]
    pub fn resume(mut self, after: Option<Vec<u8>>) -> Self {
        self.after = after;
        self
    }
}

/// Rows of one scan.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// The rows in order.
    pub recs: Vec<Rec>,
    /// Where the next page goes on; none when the range is at its end.
    pub next: Option<Vec<u8>>,
}

/// What a put or delete expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// Nothing: the claim on a name, number or key.
    Absent,
    /// Exactly this revision.
    Rev(u64),
}

/// Looks at a row.
pub type Visitor<'f> = &'f mut dyn FnMut(&Visited<'_>) -> Result<()>;

/// Looks at a revision and a body.
pub type Reader<'f> = &'f mut dyn FnMut(u64, &[u8]) -> Result<()>;

/// A row that a visit has come to. An index leads to its key; the body is looked up when it is asked for.
pub struct Visited<'a> {
    /// Its key.
    pub pk: &'a [u8],
    body: Body<'a>,
}

enum Body<'a> {
    Here(u64, &'a [u8]),
    There(&'a dyn Fn(Reader<'_>) -> Result<()>),
}

impl<'a> Visited<'a> {
    /// A row whose body is at hand.
    #[must_use]
    pub fn here(pk: &'a [u8], rev: u64, body: &'a [u8]) -> Self {
        Self { pk, body: Body::Here(rev, body) }
    }

    /// A row whose body is looked up by `look_up`.
    #[must_use]
    pub fn there(pk: &'a [u8], look_up: &'a dyn Fn(Reader<'_>) -> Result<()>) -> Self {
        Self { pk, body: Body::There(look_up) }
    }

    /// Shows `f` its revision and body.
    ///
    /// # Errors
    /// Storage failures, and what `f` returns.
    pub fn open(&self, f: Reader<'_>) -> Result<()> {
        match self.body {
            Body::Here(rev, body) => f(rev, body),
            Body::There(look_up) => look_up(f),
        }
    }
}

/// What can be read inside a transaction: one snapshot of one tenant.
pub trait ReadTx {
    /// The tenant it was opened for.
    fn tenant(&self) -> Tenant;
    /// One record.
    ///
    /// # Errors
    /// Storage failures, and [`StoreError::Deadline`] when the transaction has been open too long.
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>>;
    /// Up to `limit` records of `range` in the order of (index key, primary key).
    ///
    /// # Errors
    /// As [`ReadTx::get`].
    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice>;
    /// Shows `f` the rows of a [`ReadTx::scan`] where they lie, and returns where the next page goes on: for who does not
    /// need to keep them, or not to read them all.
    ///
    /// # Errors
    /// As [`ReadTx::get`], and what `f` returns.
    fn visit(
        &self,
        c: Coll,
        ix: Ix,
        range: &KeyRange,
        dir: Dir,
        limit: usize,
        f: Visitor<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let slice = self.scan(c, ix, range, dir, limit)?;
        for r in &slice.recs {
            f(&Visited::here(&r.pk, r.rev, &r.body))?;
        }
        Ok(slice.next)
    }
    /// A number for what this transaction sees: who keeps what he made of a row keeps it with this. 0 where nothing is
    /// known of later writes.
    fn moment(&self) -> u64 {
        0
    }
    /// Whether the row is for certain as it was at the [moment](ReadTx::moment) `since` of this process.
    fn is_untouched(&self, _: Coll, _pk: &[u8], _since: u64) -> bool {
        false
    }
    /// The end of a log.
    ///
    /// # Errors
    /// As [`ReadTx::get`].
    fn head(&self, p: Part, log: LogId) -> Result<Head>;
    /// One entry of a log.
    ///
    /// # Errors
    /// As [`ReadTx::get`].
    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>>;
    /// Up to `limit` entries behind `after`, in order, gapless.
    ///
    /// # Errors
    /// As [`ReadTx::get`].
    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>>;
}

/// A write transaction: what it reads is what it wrote.
pub trait WriteTx: ReadTx {
    /// Writes a record with its index keys (`ix[n]` for the n-th declared index; none leaves it out of that index)
    /// and returns its new revision.
    ///
    /// # Errors
    /// [`StoreError::Unexpected`] when `expect` isn't met; storage failures.
    fn put(&mut self, c: Coll, pk: &[u8], body: &[u8], ix: &[Option<Vec<u8>>], expect: Expect)
    -> Result<u64>;
    /// Removes a record and its index entries; true when there was one.
    ///
    /// # Errors
    /// As [`WriteTx::put`].
    fn del(&mut self, c: Coll, pk: &[u8], expect: Expect) -> Result<bool>;
    /// Appends to a log and returns the position; `hash` becomes the log's chained hash.
    ///
    /// # Errors
    /// Storage failures.
    fn append(&mut self, p: Part, log: LogId, blob: &[u8], hash: Hash) -> Result<u64>;
    /// Whether this function has appended to the log before: then the next entry is written together with the last.
    fn appended(&self, p: Part, log: LogId) -> bool;
    /// Drops up to `limit` entries at the beginning of a log, none above `upto`; returns how many went.
    ///
    /// # Errors
    /// Storage failures.
    fn trim(&mut self, p: Part, log: LogId, upto: u64, limit: usize) -> Result<u64>;
    /// Puts `blob` in the place of the entry at `seq` of a log, which keeps its place and its hash; true when there is
    /// such an entry. For nothing but what has to be forgotten: a log is else never changed.
    ///
    /// # Errors
    /// Storage failures.
    fn rewrite(&mut self, p: Part, log: LogId, seq: u64, blob: &[u8]) -> Result<bool>;
    /// Makes sure that the lease is still held, until the transaction is committed: nobody else gets it before.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when somebody else has it by now.
    fn hold(&mut self, _: &Fence) -> Result<()> {
        Ok(())
    }
}

/// The right to do something that only one process may do at a time: a lease's name, and which holding of it this is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Counts up each time the lease changes hands; 0 where nobody else could hold it.
    pub number: u64,
}

/// Who waits for a write: people go before import chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody stands before a screen.
    People,
    /// Work that has time: imports, retention, readers.
    Bulk,
}

/// What a write function asks for when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep what was written.
    Commit,
    /// Leave no trace.
    Abort,
}

/// A write function as an engine sees it; it may be called again, so it has no effects outside the transaction.
pub type WriteFn = Box<dyn FnMut(&mut dyn WriteTx) -> Verdict + Send>;

/// What an engine does. Everything above uses [`Store`].
pub trait Engine: Send + Sync {
    /// Runs `f` over one snapshot of `tenant`.
    ///
    /// # Errors
    /// What `f` returns, and failures to open a snapshot.
    fn read(&self, tenant: Tenant, f: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()>;
    /// Like [`Engine::read`] over every tenant's rows and without the read deadline: for backup and check.
    ///
    /// # Errors
    /// As [`Engine::read`].
    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()>;
    /// Hands `f` to the writer; the receiver hears once it is durable, or why not.
    fn write(&self, tenant: Tenant, lane: Lane, f: WriteFn) -> oneshot::Receiver<Result<()>>;
    /// Whether it takes writes now, and what it measures of itself.
    fn status(&self) -> Status;
    /// Whether people have written just now, so that work that has time should take little at once.
    fn has_company(&self) -> bool;
    /// Takes or keeps the lease `name` for this process; none while another process has it. Where no other process
    /// can write, it is had for the asking.
    ///
    /// # Errors
    /// Storage failures.
    fn lease(&self, name: &str) -> Result<Option<Fence>> {
        Ok(Some(Fence { name: name.to_owned(), number: 0 }))
    }
    /// Commits what is queued and closes the files.
    fn close(&self);
}

/// A look at raw rows, for backup and check.
pub trait Sweep {
    /// Calls `f` with (key, value) of a raw area in key order, beginning behind `after`, until it returns false.
    ///
    /// # Errors
    /// Storage failures and what `f` returns.
    fn rows(
        &self,
        area: Area,
        after: Option<&[u8]>,
        f: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()>;
}

/// The raw areas of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Records.
    Records,
    /// Index entries.
    Index,
    /// Log entries.
    Log,
    /// Ends of logs.
    Heads,
}

/// How often in a row a file may be found unreadable before its process ends itself.
pub const GIVEN_UP: u32 = 3;

/// How the store is.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Status {
    /// Whether writes are taken now.
    pub writable: bool,
    /// Whether imports and attachments are taken now (they stop before the rest does).
    pub imports: bool,
    /// Whether the file could not even be read at [`GIVEN_UP`] attempts on end: what is left is to begin again, which the
    /// supervisor does.
    pub lost: bool,
    /// In words, when not everything is well.
    pub trouble: Option<String>,
    /// Writes waiting.
    pub queued: usize,
    /// Groups committed since the start.
    pub commits: u64,
    /// Writes committed since the start.
    pub writes: u64,
    /// Times the file was reopened after a failure.
    pub reopened: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Age of the oldest open read in milliseconds.
    pub oldest_read_ms: u64,
}
