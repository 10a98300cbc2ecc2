//! How workers hear that there is something to do, and that it is time to go.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::clock::{Clock, Timestamp};

/// How long anybody sleeps at the most: a tick that never came (the wall was set back) costs this, not the day.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long one waits after being woken, so that a thousand changes a second wake nobody a thousand times.
const REST: Duration = Duration::from_millis(10);

/// Tells the workers that there may be something to do. A lost wake-up costs a delay, never a job.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<watch::Sender<u64>>);

impl Wake {
    /// Something has changed: everybody looks.
    pub fn wake(&self) {
        self.0.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Time has passed: those look who wait for a moment.
    pub fn tick(&self) {
        self.0.send_modify(|_| ());
    }

    /// One who listens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        let heard = self.0.subscribe();
        let seen = *heard.borrow();
        Listener { heard, seen }
    }
}

/// Somebody who waits to be woken.
#[derive(Debug)]
pub struct Listener {
    heard: watch::Receiver<u64>,
    seen: u64,
}

impl Listener {
    /// Waits until something has changed, `clock` shows `until`, or [`LOOK_EVERY`] has passed.
    pub async fn idle(&mut self, clock: &Clock, until: Timestamp) {
        let longest = tokio::time::sleep(LOOK_EVERY);
        tokio::pin!(longest);
        loop {
            let changed = tokio::select! {
                () = &mut longest => return,
                changed = self.heard.changed() => changed,
            };
            if changed.is_err() {
                return (&mut longest).await;
            }
            let now = *self.heard.borrow_and_update();
            if now != self.seen {
                tokio::time::sleep(REST).await;
                self.seen = *self.heard.borrow_and_update();
                return;
            }
            if clock.now() >= until {
                return;
            }
        }
    }
}

/// Tells everything that runs by itself that the depot stops.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Stops it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it stops.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it stops.
    pub async fn stopped(&self) {
        let mut said = self.0.subscribe();
        // The sender lives as long as self, so this ends only when it was said.
        let _ = said.wait_for(|stopped| *stopped).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_wakes_everybody_and_a_tick_only_whom_it_concerns() {
        let (wake, clock) = (Wake::default(), Clock::hand(Timestamp::from_millis(1_000)));
        let (mut a, mut b) = (wake.listen(), wake.listen());
        wake.wake();
        a.idle(&clock, Timestamp::MAX).await;
        b.idle(&clock, Timestamp::MAX).await;
        wake.tick();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, a.idle(&clock, Timestamp::MAX)).await.is_err());
        clock.set(Timestamp::from_millis(2_000));
        wake.tick();
        assert!(tokio::time::timeout(soon, a.idle(&clock, Timestamp::from_millis(2_000))).await.is_ok());
    }

    #[tokio::test]
    async fn a_stop_is_heard_by_those_who_come_late() {
        let stop = Stop::default();
        stop.clone().stop();
        stop.stopped().await;
        assert!(stop.is_stopped());
    }
}
