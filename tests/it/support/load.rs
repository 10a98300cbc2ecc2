//! Load on a server: how much of it was answered, and whether it is over.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nobody waits longer for a load to build up, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the clients of one load share.
#[derive(Default)]
pub struct Load {
    answered: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    /// One request more was answered.
    pub fn count(&self) {
        self.answered.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns when `n` requests have been answered.
    pub fn wait_for(&self, n: usize) {
        let begun = Instant::now();
        while self.answered.load(Ordering::Acquire) < n {
            assert!(begun.elapsed() < PATIENCE, "there was no load");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// From here on a request may stay without an answer.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}
