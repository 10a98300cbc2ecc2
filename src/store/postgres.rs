//! The engine on PostgreSQL: several processes over one database, for headquarters that have outgrown one machine.
//!
//! One writer thread takes what is queued into groups, as on the embedded engine: a group is one transaction of one
//! tenant, READ COMMITTED under the lock of the tenant's row in `_tenants`, so the writers of all processes come one
//! after the other and a log's order is the order of commits. Reads are REPEATABLE READ READ ONLY, each with one
//! snapshot. Only what every engine that speaks PostgreSQL's wire offers is used: no advisory locks, no NOTIFY.
//!
//! A connection that is lost before its commit costs nothing: the group runs again on the next one. While there is
//! none, writes are refused and the server is tried again. After a commit without an answer nobody is told of success
//! and nothing runs a second time, as on the embedded engine.

mod ahead;
mod doc;
mod fill;
mod group;
mod lease;
mod link;
mod read;
mod schema;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use fill::{Filled, fill};

use super::line::Line;
use super::view::View;
use super::{
    Engine, Fence, Lane, LogId, NODE, Part, ReadTx, Result, Status, StoreError, Sweep, Tenant, WriteFn,
};
use lease::Leases;
use link::Link;
use read::Snapshot;
use schema::Tables;

/// How the engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a read may stay open.
    pub read_deadline: Duration,
    /// Writes that may wait.
    pub queue: usize,
    /// Writes in one group at the most.
    pub group: usize,
    /// Work in one group at the most.
    pub group_time: Duration,
    /// How long after a failure the server is tried again.
    pub retry_every: Duration,
    /// How long a lease is held that is not renewed: what a process that was killed keeps the others waiting.
    pub lease: Duration,
    /// What analysts see.
    pub views: &'static [View],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_deadline: Duration::from_secs(5),
            queue: 4096,
            group: 256,
            group_time: Duration::from_millis(20),
            retry_every: Duration::from_millis(500),
            lease: Duration::from_secs(10),
            views: &[],
        }
    }
}

/// A log's key: its part, letter and epoch, in an order that is theirs.
fn log_key(p: Part, log: LogId) -> [u8; 14] {
    let mut k = [0; 14];
    k[0] = p.kind;
    k[1..5].copy_from_slice(&p.n.to_be_bytes());
    k[5] = log.log;
    k[6..].copy_from_slice(&log.epoch.to_be_bytes());
    k
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Shared {
    options: Options,
    link: Link,
    tables: Tables,
    leases: Leases,
    /// Who this process is among those that share the database.
    owner: [u8; 16],
    line: Line,
    trouble: Mutex<Option<String>>,
    latched: AtomicBool,
    commits: AtomicU64,
    writes: AtomicU64,
    reopened: AtomicU64,
    reads: Mutex<Vec<Instant>>,
}

/// The engine on PostgreSQL.
pub struct Postgres {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Postgres {
    /// Opens the database at `url` (`postgres://user:password@host/name`) and makes the tables that are missing.
    ///
    /// # Errors
    /// When it can't be reached, the user may not make tables, or a newer release has been there.
    pub fn open(url: &str, options: Options) -> Result<Self> {
        let link = Link::new(url)?;
        let tables = Tables::open(&link, options.views)?;
        let leases = Leases::new(options.lease);
        let shared = Arc::new(Shared {
            options,
            link,
            tables,
            leases,
            owner: *uuid::Uuid::new_v4().as_bytes(),
            line: Line::default(),
            trouble: Mutex::default(),
            latched: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            reads: Mutex::default(),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || theirs.run());
        let thread = thread.map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

struct OpenRead<'a>(&'a Shared, Instant);

impl Shared {
    fn note_read(&self) -> OpenRead<'_> {
        let now = Instant::now();
        lock(&self.reads).push(now);
        OpenRead(self, now)
    }
}

impl Drop for OpenRead<'_> {
    fn drop(&mut self) {
        let mut reads = lock(&self.0.reads);
        if let Some(at) = reads.iter().position(|t| *t == self.1) {
            reads.swap_remove(at);
        }
    }
}

impl Engine for Postgres {
    fn read(&self, tenant: Tenant, f: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        let _open = self.shared.note_read();
        f(&Snapshot::open(&self.shared, tenant, Some(self.shared.options.read_deadline))?)
    }

    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        let _open = self.shared.note_read();
        f(&Snapshot::open(&self.shared, NODE, None)?)
    }

    fn write(&self, tenant: Tenant, lane: Lane, f: WriteFn) -> oneshot::Receiver<Result<()>> {
        self.shared.line.admit(self.shared.options.queue, tenant, lane, f)
    }

    fn has_company(&self) -> bool {
        self.shared.line.has_company()
    }

    fn lease(&self, name: &str) -> Result<Option<Fence>> {
        self.shared.lease(name)
    }

    fn status(&self) -> Status {
        let s = &self.shared;
        let open = !s.latched.load(Ordering::Acquire) && !s.line.is_closing();
        Status {
            writable: open,
            imports: open,
            lost: false,
            trouble: lock(&s.trouble).clone(),
            queued: s.line.waiting(),
            commits: s.commits.load(Ordering::Relaxed),
            writes: s.writes.load(Ordering::Relaxed),
            reopened: s.reopened.load(Ordering::Relaxed),
            file_bytes: 0,
            oldest_read_ms: lock(&s.reads)
                .iter()
                .map(|t| u64::try_from(t.elapsed().as_millis()).unwrap_or(u64::MAX))
                .max()
                .unwrap_or(0),
        }
    }

    fn close(&self) {
        self.shared.line.close();
        if let Some(thread) = lock(&self.thread).take() {
            // The last handle may have lived in a write function, which dies on the writer's own thread.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
