//! Connections: made, kept and lent. The seam is synchronous and may be called from async code, so the connections live
//! on a small runtime of their own and a caller parks its thread until the answer is there.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::store::{Result, StoreError};

/// Connections for readers at the most.
pub(super) const READERS: usize = 16;
/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A server that says nothing for so long is gone: nobody waits for it longer, and the other side lets go of its locks.
const SILENCE: Duration = Duration::from_secs(15);

/// What every session says of itself. Each of our statements is served by one index in its order, so the planner shall
/// not guess otherwise from statistics that are missing on a fresh table and old on a busy one.
const SESSION: &str = "set application_name = 'crossdock'; set enable_seqscan = off; set enable_bitmapscan = off; \
    set jit = off; set plan_cache_mode = force_generic_plan; set client_min_messages = warning; \
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; \
    set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '60s'";

/// What a failure means for whoever tries something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The same may go well if it is tried again at once.
    Again,
    /// The connection is gone, or the server does not let us work.
    Lost,
    /// What was sent can't be kept.
    Refused,
}

/// What `e` means.
pub(super) fn fate(e: &tokio_postgres::Error) -> Fate {
    match e.code() {
        Some(c) if *c == SqlState::T_R_SERIALIZATION_FAILURE || *c == SqlState::T_R_DEADLOCK_DETECTED => {
            Fate::Again
        }
        Some(c) if ["22", "23", "54"].iter().any(|class| c.code().starts_with(class)) => Fate::Refused,
        _ => Fate::Lost,
    }
}

/// `e` in words.
pub(super) fn failed(e: &tokio_postgres::Error) -> StoreError {
    if e.code() == Some(&SqlState::QUERY_CANCELED) {
        return StoreError::Deadline { limit_ms: 0 };
    }
    match e.as_db_error() {
        Some(db) if fate(e) == Fate::Refused => {
            StoreError::Corrupt(format!("PostgreSQL refuses it: {} ({})", db.message(), db.code().code()))
        }
        Some(db) => StoreError::Io(format!("PostgreSQL says: {} ({})", db.message(), db.code().code())),
        None => {
            let mut why = e.to_string();
            let mut source = std::error::Error::source(e);
            while let Some(e) = source {
                why = format!("{why}: {e}");
                source = e.source();
            }
            StoreError::Io(format!("PostgreSQL: {why}"))
        }
    }
}

/// Blocks the calling thread until `f` is done, on a worker of another runtime as well: nothing of that runtime is
/// needed for it. Without a budget, for a task that blocks never gives its own back.
pub(super) fn wait<F: Future>(f: F) -> F::Output {
    struct Parked(Thread);
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Parked(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut f = pin!(tokio::task::unconstrained(f));
    loop {
        match f.as_mut().poll(&mut cx) {
            Poll::Ready(out) => return out,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// One connection, used by one thread at a time, with the statements it knows.
pub(super) struct Conn {
    pub(super) client: Client,
    known: RefCell<HashMap<String, Statement>>,
}

impl Conn {
    /// The statement `sql`, prepared once per connection.
    pub(super) fn statement(&self, sql: &str) -> std::result::Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.known.borrow().get(sql) {
            return Ok(known.clone());
        }
        let made = wait(self.client.prepare(sql))?;
        self.known.borrow_mut().insert(sql.to_owned(), made.clone());
        Ok(made)
    }

    /// Runs statements without parameters.
    pub(super) fn run(&self, sql: &str) -> std::result::Result<(), tokio_postgres::Error> {
        wait(self.client.batch_execute(sql))
    }
}

/// The server, and the connections to it.
pub(super) struct Link {
    runtime: Mutex<Option<Runtime>>,
    config: Config,
    idle: Mutex<Idle>,
    free: Condvar,
}

#[derive(Default)]
struct Idle {
    conns: Vec<Conn>,
    lent: usize,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// A link to the database at `url`; nothing is connected yet.
    pub(super) fn new(url: &str) -> Result<Self> {
        let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
            StoreError::Io(format!("store.url is no address of a PostgreSQL database: {e}"))
        })?;
        config
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3)
            .tcp_user_timeout(SILENCE);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-link")
            .enable_all()
            .build()
            .map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self { runtime: Mutex::new(Some(runtime)), config, idle: Mutex::default(), free: Condvar::new() })
    }

    /// A fresh connection.
    pub(super) fn connect(&self) -> Result<Conn> {
        let handle = lock(&self.runtime).as_ref().map(|r| r.handle().clone()).ok_or(StoreError::Closed)?;
        let (config, (told, heard)) = (self.config.clone(), mpsc::channel());
        handle.spawn(async move {
            let connected = tokio::time::timeout(CONNECT, config.connect(NoTls)).await;
            let connected = match connected {
                Ok(Ok((client, connection))) => {
                    // It ends with its client, or tells it that the server is gone.
                    tokio::spawn(connection);
                    Ok(client)
                }
                Ok(Err(e)) => Err(failed(&e)),
                Err(_) => Err(StoreError::Io("PostgreSQL does not answer".into())),
            };
            let _ = told.send(connected);
        });
        let client = heard.recv().unwrap_or(Err(StoreError::Closed))?;
        let conn = Conn { client, known: RefCell::default() };
        conn.run(SESSION).map_err(|e| failed(&e))?;
        Ok(conn)
    }

    /// Borrows a connection; waits at most `patience` for one to come free.
    pub(super) fn lend(&self, patience: Duration) -> Result<Lent<'_>> {
        let until = Instant::now() + patience.max(Duration::from_secs(1));
        let mut idle = lock(&self.idle);
        loop {
            while let Some(conn) = idle.conns.pop() {
                if !conn.client.is_closed() {
                    idle.lent += 1;
                    return Ok(Lent { link: self, conn: Some(conn) });
                }
            }
            if idle.lent < READERS {
                idle.lent += 1;
                drop(idle);
                // Counted before it is there: dropping it takes it back, connected or not.
                let mut lent = Lent { link: self, conn: None };
                lent.conn = Some(self.connect()?);
                return Ok(lent);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Busy { waiting: READERS });
            }
            idle = self.free.wait_timeout(idle, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends every connection that is not lent.
    pub(super) fn close(&self) {
        lock(&self.idle).conns.clear();
        if let Some(runtime) = lock(&self.runtime).take() {
            // Whoever closes may be a task of another runtime, which may not wait for one to end.
            runtime.shutdown_background();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// A connection that goes back when it is dropped, unless it is spoilt.
pub(super) struct Lent<'a> {
    link: &'a Link,
    conn: Option<Conn>,
}

impl Lent<'_> {
    /// The connection.
    pub(super) fn conn(&self) -> Result<&Conn> {
        self.conn.as_ref().ok_or(StoreError::Closed)
    }

    /// Does not lend this one again.
    pub(super) fn spoil(&mut self) {
        self.conn = None;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = lock(&self.link.idle);
        idle.lent -= 1;
        idle.conns.extend(self.conn.take().filter(|c| !c.client.is_closed()));
        drop(idle);
        self.link.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_on_a_worker_of_a_runtime_neither_panics_nor_runs_out_of_budget() {
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        for n in 0..1_000 {
            told.send(n).unwrap();
        }
        let sum = wait(async {
            let mut sum = 0;
            for _ in 0..1_000 {
                sum += heard.recv().await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
    }

    #[test]
    fn an_address_that_is_none_is_named() {
        let e = Link::new("mysql://somewhere").map(drop).unwrap_err();
        assert!(e.to_string().contains("store.url"), "{e}");
    }
}
