//! Group commit: one thread takes what is queued into one durable transaction while the next group gathers.
//!
//! People's writes go before import chunks. Nothing is answered before its commit. After a storage failure the file is
//! closed, reopened and probed; until that works writes are refused and reads go on.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Database, Durability};
use tokio::sync::oneshot;

use super::redb::{Group, Snapshot, failed, prepare};
use super::space::{Level, Reserve, Space};
use super::{Engine, Lane, ReadTx, Result, Status, StoreError, Sweep, Tenant, Verdict, WriteFn};

/// How the embedded engine is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of page cache.
    pub cache: usize,
    /// How long a read may stay open.
    pub read_deadline: Duration,
    /// Writes that may wait.
    pub queue: usize,
    /// Writes in one group at the most.
    pub group: usize,
    /// Work in one group at the most.
    pub group_time: Duration,
    /// What is kept free on the disk.
    pub reserve: Reserve,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: 64 << 20,
            read_deadline: Duration::from_secs(5),
            queue: 4096,
            group: 256,
            group_time: Duration::from_millis(4),
            reserve: Reserve::default(),
        }
    }
}

type Opener = Box<dyn Fn() -> Result<Database> + Send + Sync>;

struct Request {
    tenant: Tenant,
    f: WriteFn,
    done: oneshot::Sender<Result<()>>,
}

#[derive(Default)]
struct Queue {
    people: VecDeque<Request>,
    bulk: VecDeque<Request>,
    closing: bool,
}

struct Shared {
    options: Options,
    open: Opener,
    file: Option<PathBuf>,
    db: RwLock<Option<Arc<Database>>>,
    space: Space,
    queue: Mutex<Queue>,
    wake: Condvar,
    trouble: Mutex<Option<String>>,
    latched: AtomicBool,
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
        let (at, cache) = (path.to_path_buf(), options.cache);
        let open = move || redb::Builder::new().set_cache_size(cache).create(&at).map_err(failed);
        Self::over(Box::new(open), path.parent().map(Path::to_path_buf), Some(path.to_path_buf()), options)
    }

    /// A store that lives in memory and dies with it.
    ///
    /// # Errors
    /// Never in practice.
    pub fn memory() -> Result<Self> {
        let cache = Options::default().cache;
        let backend = move || {
            let memory = redb::backends::InMemoryBackend::new();
            redb::Builder::new().set_cache_size(cache).create_with_backend(memory).map_err(failed)
        };
        Self::over(Box::new(backend), None, None, Options::default())
    }

    /// A store over a backend of the caller's, opened anew by `open` after each failure: for tests that cut the power.
    ///
    /// # Errors
    /// What `open` returns.
    pub fn backend<B: redb::StorageBackend>(
        open: impl Fn() -> B + Send + Sync + 'static,
        folder: Option<PathBuf>,
        options: Options,
    ) -> Result<Self> {
        let cache = options.cache;
        let open =
            move || redb::Builder::new().set_cache_size(cache).create_with_backend(open()).map_err(failed);
        Self::over(Box::new(open), folder, None, options)
    }

    fn over(open: Opener, folder: Option<PathBuf>, file: Option<PathBuf>, options: Options) -> Result<Self> {
        let db = open()?;
        prepare(&db)?;
        let space = Space::new(folder.as_deref(), options.reserve);
        space.lay_ballast();
        let shared = Arc::new(Shared {
            options,
            open,
            file,
            db: RwLock::new(Some(Arc::new(db))),
            space,
            queue: Mutex::default(),
            wake: Condvar::new(),
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
        f(&Snapshot::open(&db, tenant, Some(self.shared.options.read_deadline))?)
    }

    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        let db = self.shared.database()?;
        let _open = self.shared.note_read();
        f(&Snapshot::open(&db, super::NODE, None)?)
    }

    fn write(&self, tenant: Tenant, lane: Lane, f: WriteFn) -> oneshot::Receiver<Result<()>> {
        let (done, answer) = oneshot::channel();
        let mut queue = lock(&self.shared.queue);
        let waiting = queue.people.len() + queue.bulk.len();
        if queue.closing {
            let _ = done.send(Err(StoreError::Closed));
        } else if waiting >= self.shared.options.queue {
            let _ = done.send(Err(StoreError::Busy { waiting }));
        } else {
            let request = Request { tenant, f, done };
            match lane {
                Lane::People => queue.people.push_back(request),
                Lane::Bulk => queue.bulk.push_back(request),
            }
            self.shared.wake.notify_one();
        }
        answer
    }

    fn status(&self) -> Status {
        let s = &self.shared;
        let level = s.space.level();
        let latched = s.latched.load(Ordering::Acquire);
        let trouble =
            lock(&s.trouble).clone().or_else(|| (level < Level::Ample).then(|| disk_words(level).to_owned()));
        let queue = lock(&s.queue);
        Status {
            writable: !latched && level > Level::ReadOnly && !queue.closing,
            imports: !latched && level == Level::Ample && !queue.closing,
            trouble,
            queued: queue.people.len() + queue.bulk.len(),
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
        lock(&self.shared.queue).closing = true;
        self.shared.wake.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
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
            self.turn(&mut group);
            gather.learn(begun.elapsed(), size);
            self.writes.fetch_add(size as u64, Ordering::Relaxed);
        }
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits for requests and takes a group of them: people first, then at most one import chunk.
    fn next_group(&self, gather: &mut Gather) -> Option<Vec<Request>> {
        let mut queue = lock(&self.queue);
        while queue.people.is_empty() && queue.bulk.is_empty() {
            if queue.closing {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(wait) = gather.worth_waiting(queue.people.len(), self.options.group) {
            queue = self
                .wake
                .wait_timeout_while(queue, wait, |q| !q.closing && q.people.len() < gather.crowd)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let n = queue.people.len().min(self.options.group);
        let mut group: Vec<Request> = queue.people.drain(..n).collect();
        if n < self.options.group {
            group.extend(queue.bulk.pop_front());
        }
        Some(group)
    }

    /// One group's turn: run, commit, answer. Requests that ran out of the group's time go back to the queue's front.
    fn turn(&self, group: &mut Vec<Request>) {
        if let Err(e) = self.fit_to_write() {
            return answer(group, &[], Err(e));
        }
        let mut verdicts = Vec::new();
        let mut done = self.attempt(group, &mut verdicts);
        if let Err(StoreError::Io(why)) = &done {
            tracing::error!(error = %why, "a commit failed; reopening the store");
            self.latch(why);
            if self.space.drop_ballast() && self.recover().is_ok() {
                // The ballast made room: the same requests run again, on the state from before their group.
                done = self.attempt(group, &mut verdicts);
                if let Err(StoreError::Io(why)) = &done {
                    self.latch(why);
                }
            } else {
                let _ = self.reopen();
            }
        }
        let taken = verdicts.len();
        if done.is_ok() && taken < group.len() {
            let rest = group.split_off(taken);
            let mut queue = lock(&self.queue);
            for request in rest.into_iter().rev() {
                queue.people.push_front(request);
            }
        }
        answer(group, &verdicts, done);
    }

    /// Runs requests until the group's time is used up, and commits them.
    fn attempt(&self, group: &mut [Request], verdicts: &mut Vec<Result<()>>) -> Result<()> {
        verdicts.clear();
        let db = self.database()?;
        let mut tx = db.begin_write().map_err(failed)?;
        tx.set_durability(Durability::Immediate).map_err(|e| StoreError::Io(e.to_string()))?;
        tx.set_quick_repair(true);
        let begun = Instant::now();
        let mut keep = false;
        let run = || -> Result<()> {
            let mut g = Group::open(&tx)?;
            for request in group {
                g.begin(request.tenant);
                let ran = catch_unwind(AssertUnwindSafe(|| (request.f)(&mut g)));
                if g.is_broken() {
                    return Err(StoreError::Io("a write to the file failed".into()));
                }
                match ran {
                    Ok(Verdict::Commit) => keep = true,
                    Ok(Verdict::Abort) => g.roll_back()?,
                    Err(_) => g.roll_back()?,
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
        run()?;
        if !keep {
            return tx.abort().map_err(failed);
        }
        tx.commit().map_err(failed)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn fit_to_write(&self) -> Result<()> {
        if self.space.level() == Level::ReadOnly && !self.space.drop_ballast() {
            return Err(StoreError::ReadOnly { why: disk_words(Level::ReadOnly).into() });
        }
        if self.latched.load(Ordering::Acquire) {
            self.recover()
                .map_err(|e| StoreError::ReadOnly { why: format!("the disk fails ({e}); trying again") })?;
        }
        Ok(())
    }

    fn latch(&self, why: &str) {
        self.latched.store(true, Ordering::Release);
        *lock(&self.trouble) = Some(format!("the last write failed: {why}"));
    }

    /// Reopens the file and proves that it takes a commit.
    fn recover(&self) -> Result<()> {
        self.reopen()?;
        prepare(&*self.database()?)?;
        self.latched.store(false, Ordering::Release);
        *lock(&self.trouble) = None;
        tracing::info!("the store takes writes again");
        self.space.lay_ballast();
        Ok(())
    }

    /// Closes the file, once its readers are through, and opens it again.
    fn reopen(&self) -> Result<()> {
        let old = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut old) = old {
            let patience = Instant::now() + self.options.read_deadline * 2;
            loop {
                match Arc::try_unwrap(old) {
                    Ok(db) => break drop(db),
                    Err(held) if Instant::now() < patience => {
                        old = held;
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    Err(held) => {
                        *self.db.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
                        return Err(StoreError::Io("a reader holds the file open".into()));
                    }
                }
            }
        }
        let db = (self.open)()?;
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(db));
        self.reopened.fetch_add(1, Ordering::Relaxed);
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

/// Whether to wait a moment for more company. A writer that starts at once gets every second half of a crowd whose
/// answers it has just sent; an eighth of the last group's time brings the rest, and costs nothing where it does not.
#[derive(Default)]
struct Gather {
    last: Duration,
    crowd: usize,
    waited: bool,
    skip: u32,
}

impl Gather {
    const FROM: Duration = Duration::from_micros(500);

    fn worth_waiting(&mut self, here: usize, most: usize) -> Option<Duration> {
        self.waited = false;
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.last < Self::FROM || here >= self.crowd || here >= most {
            return None;
        }
        self.waited = true;
        Some(self.last / 8)
    }

    fn learn(&mut self, took: Duration, size: usize) {
        if self.waited && size < self.crowd {
            self.skip = 8;
        }
        self.last = took;
        self.crowd = size.max(self.crowd - self.crowd / 8);
    }
}
