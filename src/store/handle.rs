//! The store as everything above the seam holds it, and writes on their way to the disk.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Engine, Fence, Lane, ReadTx, Result, Status, StoreError, Sweep, Tenant, Verdict, WriteTx};

/// The store as everything above sees it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    fence: Option<Fence>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// A store over `engine`.
    pub fn new(engine: impl Engine + 'static) -> Self {
        Self { engine: Arc::new(engine), fence: None }
    }

    /// The store for work that only one process may do at a time, under the lease `name`; none while another process
    /// has it. What is written through it is refused once another has taken the lease over.
    ///
    /// # Errors
    /// Storage failures.
    pub fn leased(&self, name: &str) -> Result<Option<Self>> {
        let fence = self.engine.lease(name)?;
        Ok(fence.map(|fence| Self { engine: Arc::clone(&self.engine), fence: Some(fence) }))
    }

    /// Which holding of a lease this store writes under.
    #[must_use]
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }

    /// Runs `f` over one snapshot of `tenant`. Costs about a microsecond, so it may run where the request runs.
    ///
    /// # Errors
    /// What `f` returns, and storage failures.
    pub fn read<T, E: From<StoreError>>(
        &self,
        tenant: Tenant,
        f: impl FnOnce(&dyn ReadTx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (mut f, mut out) = (Some(f), None);
        self.engine.read(tenant, &mut |tx| {
            if let Some(f) = f.take() {
                out = Some(f(tx));
            }
            Ok(())
        })?;
        out.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }

    /// Hands `f` to the writer. It is done, durably, when the answer says so; when `f` fails it leaves no trace.
    /// `f` may be called again, so it has no effects outside the transaction.
    pub fn write<T, E, F>(&self, tenant: Tenant, lane: Lane, mut f: F) -> Pending<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnMut(&mut dyn WriteTx) -> std::result::Result<T, E> + Send + 'static,
    {
        let slot: Slot<T, E> = Arc::default();
        let fill = Arc::clone(&slot);
        let fence = self.fence.clone();
        let done = self.engine.write(
            tenant,
            lane,
            Box::new(move |tx| {
                let held = fence.as_ref().map_or(Ok(()), |fence| tx.hold(fence));
                let out = held.map_err(E::from).and_then(|()| f(tx));
                let verdict = if out.is_ok() { Verdict::Commit } else { Verdict::Abort };
                *fill.lock().unwrap_or_else(PoisonError::into_inner) = Some(out);
                verdict
            }),
        );
        Pending { slot, done }
    }

    /// Reads every row of every tenant, for backup and check.
    ///
    /// # Errors
    /// Storage failures and what `f` returns.
    pub fn sweep(&self, mut f: impl FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        self.engine.sweep(&mut f)
    }

    /// How the store is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.engine.status()
    }

    /// Whether people have written just now, so that work that has time should take little at once.
    #[must_use]
    pub fn has_company(&self) -> bool {
        self.engine.has_company()
    }

    /// Commits what is queued and closes the files; later writes are refused.
    pub fn close(&self) {
        self.engine.close();
    }
}

type Slot<T, E> = Arc<Mutex<Option<std::result::Result<T, E>>>>;

/// A write on its way to the disk: await it, or [`Pending::wait`] for it where nothing is async.
#[must_use = "nothing is known of a write until its answer is"]
pub struct Pending<T, E> {
    slot: Slot<T, E>,
    done: oneshot::Receiver<Result<()>>,
}

impl<T, E: From<StoreError>> Pending<T, E> {
    /// Blocks until the write is durable or has failed. Not for async code.
    ///
    /// # Errors
    /// What the write function returned, or why the commit failed.
    pub fn wait(self) -> std::result::Result<T, E> {
        let Self { slot, done } = self;
        settle(&slot, done.blocking_recv().unwrap_or(Err(StoreError::Closed)))
    }
}

impl<T, E: From<StoreError>> Future for Pending<T, E> {
    type Output = std::result::Result<T, E>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = std::task::ready!(Pin::new(&mut self.done).poll(cx));
        Poll::Ready(settle(&self.slot, done.unwrap_or(Err(StoreError::Closed))))
    }
}

fn settle<T, E: From<StoreError>>(slot: &Slot<T, E>, done: Result<()>) -> std::result::Result<T, E> {
    let said = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (done, said) {
        (Ok(()), Some(out)) => out,
        (Err(e), _) => Err(e.into()),
        (Ok(()), None) => Err(StoreError::Closed.into()),
    }
}
