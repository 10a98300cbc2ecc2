//! The line before a writer: who is admitted, who comes next, and whether it pays to wait for more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Gather, Queue, Request};
use super::{Lane, Result, StoreError, Tenant, WriteFn};

/// How long after a person's write the next one is expected.
const COMPANY: Duration = Duration::from_millis(500);

/// Writes that wait, and the writer that waits for them.
#[derive(Default)]
pub(super) struct Line {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a write wait, of at most `room`; imports leave half of it to people. The receiver hears at once when it is
    /// refused.
    pub(super) fn admit(
        &self,
        room: usize,
        tenant: Tenant,
        lane: Lane,
        f: WriteFn,
    ) -> oneshot::Receiver<Result<()>> {
        let (done, answer) = oneshot::channel();
        let mut queue = self.lock();
        let waiting = queue.people.len() + queue.bulk.len();
        let room = if lane == Lane::People { room } else { room.div_ceil(2) };
        if queue.closing {
            let _ = done.send(Err(StoreError::Closed));
        } else if waiting >= room {
            let _ = done.send(Err(StoreError::Busy { waiting }));
        } else {
            let request = Request { tenant, lane, f, done };
            match lane {
                Lane::People => {
                    queue.people_seen = Some(Instant::now());
                    queue.people.push_back(request);
                }
                Lane::Bulk => queue.bulk.push_back(request),
            }
            self.wake.notify_one();
        }
        answer
    }

    /// Waits for requests and takes a group of at most `most`: people first, then at most one import chunk. With a
    /// `pause` the group may be empty: nobody came for so long. None when the line is closed and nobody waits.
    pub(super) fn next(
        &self,
        gather: &mut Gather,
        most: usize,
        pause: impl Fn() -> Option<Duration>,
    ) -> Option<Vec<Request>> {
        let mut queue = self.lock();
        while queue.people.is_empty() && queue.bulk.is_empty() {
            if queue.closing {
                return None;
            }
            queue = match pause() {
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    let (woken, out) =
                        self.wake.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner);
                    if out.timed_out() && woken.people.is_empty() && woken.bulk.is_empty() && !woken.closing {
                        return Some(Vec::new());
                    }
                    woken
                }
            };
        }
        if let Some(wait) = gather.worth_waiting(queue.people.len(), most) {
            let enough = |q: &mut Queue| !q.closing && q.people.len() < gather.crowd;
            queue =
                self.wake.wait_timeout_while(queue, wait, enough).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(queue.take(most))
    }

    /// Takes back, in their order, those whose turn did not come.
    pub(super) fn put_back(&self, rest: Vec<Request>) {
        self.lock().put_back(rest);
    }

    /// Admits nobody from now on; those who wait have their turn.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_all();
    }

    /// Whether it is closed.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        let queue = self.lock();
        queue.people.len() + queue.bulk.len()
    }

    /// Whether people have written just now.
    pub(super) fn has_company(&self) -> bool {
        self.lock().people_seen.is_some_and(|at| at.elapsed() < COMPANY)
    }
}
