//! Runs what is due.

use std::sync::Arc;

use tokio::sync::Notify;

/// Tells the workers that there may be something to do. A lost wake-up costs a delay, never a job.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes them.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits to be woken.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}
