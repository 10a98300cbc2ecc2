//! The ticker: once a second it says that time has passed, and nothing else. What is due is data in the store.
//!
//! clokwerk runs on UTC and intervals only: with a zone it panics in the hour that daylight saving repeats, and a slow
//! or panicking job would stop it. Its clock is the wall, so a wall set back silences it; whoever waits looks for
//! himself after [`LOOK_EVERY`](super::wake::LOOK_EVERY).

use std::time::Duration;

use clokwerk::{AsyncScheduler, TimeUnits};

use super::wake::{Stop, Wake};

/// How often it is asked whether a second is over.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Ticks until `stop`.
pub async fn run(wake: Wake, stop: Stop) {
    let mut scheduler = AsyncScheduler::with_tz(chrono::Utc);
    scheduler.every(1.second()).run(move || {
        wake.tick();
        std::future::ready(())
    });
    loop {
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep(ASK_EVERY) => scheduler.run_pending().await,
        }
    }
}
