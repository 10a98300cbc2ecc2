//! Group commit: one thread takes what is queued into one durable transaction while the next group gathers.
//!
//! People's writes go before import chunks. Nothing is answered before its commit. After a storage failure the file is
//! closed, reopened and probed; until that works writes are refused and reads go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Database, StorageBackend};
use tokio::sync::oneshot;

use super::line::Line;
use super::queue::{Gather, Request};
use super::redb::{Group, Snapshot, commit, failed, integrity, is_open, open, publish};
use super::redo::{Known, Ops, Redo};
use super::space::{Level, Reserve, Space};
use super::stamps::Stamps;
use super::veil::Veil;
use super::{Engine, GIVEN_UP, Lane, ReadTx, Result, Status, StoreError, Sweep, Tenant, Verdict, WriteFn};

/// How the embedded engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of page cache.
    pub cache: usize,
    /// Bytes of the redo log in a new file: how much is written before the pages have to reach the disk.
    pub redo: u64,
    /// How long a read may stay open.
    pub read_deadline: Duration,
    /// Writes that may wait.
    pub queue: usize,
    /// Writes in one group at the most.
    pub group: usize,
    /// Work in one group at the most.
    pub group_time: Duration,
    /// How long after a failure the file is tried again.
    pub retry_every: Duration,
    /// What is kept free on the disk.
    pub reserve: Reserve,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: 64 << 20,
            redo: 16 << 20,
            read_deadline: Duration::from_secs(5),
            queue: 4096,
            group: 256,
            group_time: Duration::from_millis(4),
            retry_every: Duration::from_millis(500),
            reserve: Reserve::default(),
        }
    }
}

/// How the file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    /// For good.
    Written,
    /// For reading alone, while the disk refuses writes.
    Veiled,
}

type Opener = Box<dyn Fn(As, Option<Known>) -> Result<(Database, Redo)> + Send + Sync>;

/// The opener of a backend that `make` makes anew each time.
fn opener<B: StorageBackend>(
    options: &Options,
    make: impl Fn() -> std::io::Result<B> + Send + Sync + 'static,
) -> Opener {
    let (cache, room) = (options.cache, options.redo);
    Box::new(move |how, known| {
        let under = make().map_err(|e| StoreError::Io(e.to_string()))?;
        match how {
            As::Written => open(under, cache, room, known),
            As::Veiled => {
                open(Veil::over(under).map_err(|e| StoreError::Io(e.to_string()))?, cache, room, known)
            }
        }
    })
}

/// After so long without a write the pages follow the redo log to the disk, so that an idle depot starts at once.
const SETTLE: Duration = Duration::from_secs(5);

struct Shared {
    options: Options,
    open: Opener,
    file: Option<PathBuf>,
    db: RwLock<Option<Arc<Database>>>,
    /// The writer's own, but for the moment of opening.
    redo: Mutex<Redo>,
    /// Tells long sweeps to let go of the file.
    reopening: AtomicBool,
    tried: Mutex<Option<Instant>>,
    space: Space,
    line: Line,
    stamps: Stamps,
    trouble: Mutex<Option<String>>,
    latched: AtomicBool,
    /// Attempts on end at which the file could not even be read.
    unread: AtomicU32,
    commits: AtomicU64,
    writes: AtomicU64,
    reopened: AtomicU64,
    reads: Mutex<Vec<Instant>>,
}

/// The embedded engine.
pub struct Redb {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Redb {
    /// Opens or makes the file at `path`.
    ///
    /// # Errors
    /// When another process has it open, or it can't be read.
    pub fn file(path: &Path, options: Options) -> Result<Self> {
        let at = path.to_path_buf();
        // A file that was here and is gone, with its disk perhaps, is never begun anew: that depot would be empty.
        let was_here = AtomicBool::new(false);
        let open = opener(&options, move || {
            let make = !was_here.load(Ordering::Acquire);
            let file =
                std::fs::OpenOptions::new().read(true).write(true).create(make).truncate(false).open(&at)?;
            was_here.store(true, Ordering::Release);
            redb::backends::FileBackend::new(file).map_err(|e| std::io::Error::other(failed(e).to_string()))
        });
        Self::over(open, path.parent().map(Path::to_path_buf), Some(path.to_path_buf()), options)
    }

    /// Has the pages of the file at `path`, which nobody may have open, checked; true when nothing had to be mended.
    ///
    /// # Errors
    /// When the file is open elsewhere, or can't be read at all.
    pub fn integrity(path: &Path) -> Result<bool> {
        integrity(path)
    }

    /// Whether another process, or this one, has the file at `path` open.
    #[must_use]
    pub fn is_open(path: &Path) -> bool {
        is_open(path)
    }

    /// A store that lives in memory and dies with it.
    ///
    /// # Errors
    /// Never in practice.
    pub fn memory() -> Result<Self> {
        let options = Options::default();
        let open = opener(&options, || Ok(redb::backends::InMemoryBackend::new()));
        Self::over(open, None, None, options)
    }

    /// A store over a backend of the caller's, opened anew by `open` after each failure: for tests that cut the power.
    ///
    /// # Errors
    /// When what `open` returns can't be opened.
    pub fn backend<B: StorageBackend>(
        open: impl Fn() -> B + Send + Sync + 'static,
        folder: Option<PathBuf>,
        options: Options,
    ) -> Result<Self> {
        Self::over(opener(&options, move || Ok(open())), folder, None, options)
    }

    fn over(open: Opener, folder: Option<PathBuf>, file: Option<PathBuf>, options: Options) -> Result<Self> {
        let (db, redo) = open(As::Written, None)?;
        let space = Space::new(folder.as_deref(), options.reserve);
        space.lay_ballast();
        let shared = Arc::new(Shared {
            options,
            open,
            file,
            db: RwLock::new(Some(Arc::new(db))),
            redo: Mutex::new(redo),
            reopening: AtomicBool::new(false),
            tried: Mutex::default(),
            space,
            line: Line::default(),
            stamps: Stamps::default(),
            trouble: Mutex::default(),
            latched: AtomicBool::new(false),
            unread: AtomicU32::new(0),
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

impl Drop for Redb {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

struct OpenRead<'a>(&'a Shared, Instant);

impl Drop for OpenRead<'_> {
    fn drop(&mut self) {
        let mut reads = lock(&self.0.reads);
        if let Some(at) = reads.iter().position(|t| *t == self.1) {
            reads.swap_remove(at);
        }
    }
}

impl Engine for Redb {
    fn read(&self, tenant: Tenant, f: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        let db = self.shared.database()?;
        let _open = self.shared.note_read();
        let s = &self.shared;
        f(&Snapshot::open(&db, tenant, Some(s.options.read_deadline), &s.stamps, &s.reopening)?)
    }

    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        let db = self.shared.database()?;
        let _open = self.shared.note_read();
        f(&Snapshot::open(&db, super::NODE, None, &self.shared.stamps, &self.shared.reopening)?)
    }

    fn write(&self, tenant: Tenant, lane: Lane, f: WriteFn) -> oneshot::Receiver<Result<()>> {
        self.shared.line.admit(self.shared.options.queue, tenant, lane, f)
    }

    fn has_company(&self) -> bool {
        self.shared.line.has_company()
    }

    fn status(&self) -> Status {
        let s = &self.shared;
        let level = s.space.level();
        let latched = s.latched.load(Ordering::Acquire);
        let trouble =
            lock(&s.trouble).clone().or_else(|| (level < Level::Ample).then(|| disk_words(level).to_owned()));
        let closing = s.line.is_closing();
        Status {
            writable: !latched && level > Level::ReadOnly && !closing,
            imports: !latched && level == Level::Ample && !closing,
            lost: s.unread.load(Ordering::Relaxed) >= GIVEN_UP,
            trouble,
            queued: s.line.waiting(),
            commits: s.commits.load(Ordering::Relaxed),
            writes: s.writes.load(Ordering::Relaxed),
            reopened: s.reopened.load(Ordering::Relaxed),
            file_bytes: s.file.as_ref().and_then(|f| std::fs::metadata(f).ok()).map_or(0, |m| m.len()),
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

fn disk_words(level: Level) -> &'static str {
    match level {
        Level::Ample => "there is room on the disk",
        Level::Low => "the disk is nearly full: imports and attachments wait until there is room",
        Level::ReadOnly => "the disk is full: free some space and the depot goes on by itself",
    }
}

impl Shared {
    fn database(&self) -> Result<Arc<Database>> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner).clone();
        db.ok_or_else(|| StoreError::ReadOnly { why: "the file is being reopened after a failure".into() })
    }

    fn note_read(&self) -> OpenRead<'_> {
        let now = Instant::now();
        lock(&self.reads).push(now);
        OpenRead(self, now)
    }

    fn run(&self) {
        let mut gather = Gather::default();
        while let Some(mut group) = self.next_group(&mut gather) {
            let (begun, size) = (Instant::now(), group.len());
            if catch_unwind(AssertUnwindSafe(|| self.turn(&mut group))).is_err() {
                let why = "the writer failed unexpectedly";
                self.latch(why);
                answer(&mut group, &[], Err(StoreError::Io(why.into())));
            }
            gather.learn(begun.elapsed(), size);
        }
        if !self.latched.load(Ordering::Acquire)
            && let Err(e) = self.settle()
        {
            tracing::warn!(error = %e, "the last pages did not reach the disk; the redo log has them at the next start");
        }
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits for requests and takes a group of them: people first, then at most one import chunk. The group may be
    /// empty: after a failure its turn tries the file again, after a time without writes the pages reach the disk.
    fn next_group(&self, gather: &mut Gather) -> Option<Vec<Request>> {
        let pause = || match self.latched.load(Ordering::Acquire) {
            true => Some(self.options.retry_every.max(Duration::from_millis(50))),
            false => (!lock(&self.redo).is_empty()).then_some(SETTLE),
        };
        self.line.next(gather, self.options.group, pause)
    }

    /// One group's turn: run, commit, answer. Requests that ran out of the group's time go back to the queue's front.
    ///
    /// After a failed commit nobody is told of success, and nothing runs a second time: the failed sync may yet have
    /// reached the disk, and then a second run would be a second change. The caller's repeated request, with its key,
    /// finds out.
    fn turn(&self, group: &mut Vec<Request>) {
        if let Err(e) = self.fit_to_write() {
            return answer(group, &[], Err(e));
        }
        let mut verdicts = Vec::new();
        let done = if group.is_empty() { self.settle() } else { self.attempt(group, &mut verdicts) };
        match &done {
            Ok(()) => self.line.put_back(group.split_off(verdicts.len())),
            Err(e) => {
                tracing::error!(error = %e, "a commit failed; reopening the store");
                self.latch(&e.to_string());
            }
        }
        let failed = done.is_err();
        answer(group, &verdicts, done);
        if failed {
            self.space.drop_ballast();
            let _ = self.recover();
        }
    }

    /// Runs requests until the group's time is used up, and makes what they wrote last.
    fn attempt(&self, group: &mut [Request], verdicts: &mut Vec<Result<()>>) -> Result<()> {
        verdicts.clear();
        let db = self.database()?;
        let tx = db.begin_write().map_err(failed)?;
        let begun = Instant::now();
        let mut kept = 0;
        let run = || -> Result<Ops> {
            let mut g = Group::open(&tx, lock(&self.redo).blank(), Some(&self.stamps))?;
            for request in group {
                g.begin(request.tenant);
                let ran = catch_unwind(AssertUnwindSafe(|| (request.f)(&mut g)));
                if g.is_broken() {
                    return Err(StoreError::Io("a write to the file failed".into()));
                }
                match ran {
                    Ok(Verdict::Commit) => kept += 1,
                    Ok(Verdict::Abort) | Err(_) => g.roll_back()?,
                }
                verdicts.push(ran.map(drop).map_err(|_| {
                    StoreError::Corrupt("a change failed unexpectedly; it was not made".into())
                }));
                if begun.elapsed() > self.options.group_time {
                    break;
                }
            }
            g.finish()
        };
        let ops = run()?;
        if kept == 0 {
            return tx.abort().map_err(failed);
        }
        let mut redo = lock(&self.redo);
        if redo.fits(&ops) {
            redo.append(ops)?;
            publish(tx)?;
        } else {
            commit(tx, Some(&mut redo))?;
        }
        self.stamps.pass();
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(kept, Ordering::Relaxed);
        Ok(())
    }

    /// Has the pages follow the redo log to the disk.
    fn settle(&self) -> Result<()> {
        let mut redo = lock(&self.redo);
        if redo.is_empty() {
            return Ok(());
        }
        commit(self.database()?.begin_write().map_err(failed)?, Some(&mut redo))
    }

    fn fit_to_write(&self) -> Result<()> {
        if self.latched.load(Ordering::Acquire) {
            let again = lock(&self.tried).is_none_or(|at| at.elapsed() >= self.options.retry_every);
            let recovered = if again { self.recover() } else { Err(StoreError::Closed) };
            if recovered.is_err() {
                let why = lock(&self.trouble).clone().unwrap_or_default();
                return Err(StoreError::ReadOnly { why: format!("{why}; trying again") });
            }
        }
        if self.space.level() == Level::ReadOnly {
            return Err(StoreError::ReadOnly { why: disk_words(Level::ReadOnly).into() });
        }
        Ok(())
    }

    fn latch(&self, why: &str) {
        self.latched.store(true, Ordering::Release);
        *lock(&self.trouble) = Some(format!("the last write failed: {why}"));
    }

    /// Reopens the file and proves that it takes a commit. While it does not, a veil over it lets reads go on.
    fn recover(&self) -> Result<()> {
        *lock(&self.tried) = Some(Instant::now());
        let probe = || commit(self.database()?.begin_write().map_err(failed)?, Some(&mut lock(&self.redo)));
        let opened = self.reopen(As::Written).and_then(|()| probe());
        if let Err(e) = opened {
            match self.reopen(As::Veiled) {
                Ok(()) => self.unread.store(0, Ordering::Relaxed),
                Err(e) => {
                    self.unread.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(error = %e, "the store cannot even be read");
                }
            }
            return Err(e);
        }
        self.latched.store(false, Ordering::Release);
        self.unread.store(0, Ordering::Relaxed);
        *lock(&self.trouble) = None;
        tracing::info!("the store takes writes again");
        self.space.lay_ballast();
        Ok(())
    }

    /// Closes the file, once its readers are through, and opens it again. Reads that begin meanwhile wait.
    fn reopen(&self, how: As) -> Result<()> {
        self.reopening.store(true, Ordering::Release);
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        let swapped = self.let_go(&mut db).and_then(|()| {
            let known = lock(&self.redo).known();
            let (opened, redo) = (self.open)(how, Some(known))?;
            *db = Some(Arc::new(opened));
            // What is done under a veil is gone with it.
            if how == As::Written {
                *lock(&self.redo) = redo;
            }
            Ok(())
        });
        self.reopening.store(false, Ordering::Release);
        if swapped.is_ok() {
            self.reopened.fetch_add(1, Ordering::Relaxed);
        }
        swapped
    }

    fn let_go(&self, db: &mut Option<Arc<Database>>) -> Result<()> {
        let patience = Instant::now() + self.options.read_deadline * 2;
        while let Some(held) = db.take() {
            match Arc::try_unwrap(held) {
                Ok(alone) => drop(alone),
                Err(held) => {
                    *db = Some(held);
                    if Instant::now() > patience {
                        return Err(StoreError::Io("a reader holds the file open".into()));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        Ok(())
    }
}

fn answer(group: &mut Vec<Request>, verdicts: &[Result<()>], done: Result<()>) {
    for (i, request) in group.drain(..).enumerate() {
        let said = match &done {
            Ok(()) => verdicts.get(i).cloned().unwrap_or(Err(StoreError::Closed)),
            Err(e) => Err(e.clone()),
        };
        let _ = request.done.send(said);
    }
}
