//! The jobs of imports: taking a file's rows in, taking an import back, and removing what is left of one that was let
//! go of. Each goes on where it stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::files::Files;
use super::run::{self, RunError};
use super::service::{FORGET, Left, Payload, RUN, UNDO};
use super::undo;
use crate::base::clock::Clock;
use crate::base::error::{Fault, Kind};
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Handler, JobError, JobRun};

/// The longest an import may take: a million rows take minutes, even on a slow disk.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// All kinds of job.
#[must_use]
pub fn handlers(files: &Files, clock: &Clock) -> Vec<Arc<dyn Handler>> {
    let of = |kind| Arc::new(Work { kind, files: files.clone(), clock: clock.clone() }) as Arc<dyn Handler>;
    vec![of(RUN), of(UNDO), of(FORGET)]
}

struct Work {
    kind: &'static str,
    files: Files,
    clock: Clock,
}

impl Handler for Work {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn limits(&self) -> Limits {
        // A full disk may last a night; an import waits for its end and loses nothing by it.
        Limits { attempts: 50, first_delay: Duration::from_secs(2), timeout: LONGEST }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        let (kind, files, clock) = (self.kind, self.files.clone(), self.clock.clone());
        Box::pin(async move {
            let store = job.store.clone();
            let work: Box<dyn FnOnce() -> Result<(), RunError> + Send> = if kind == FORGET {
                let (tenant, Left { import, number }) = (job.tenant, job.payload()?);
                Box::new(move || undo::forget(&store, &files, tenant, import, number))
            } else {
                let Payload { tenant, import, careful } = job.payload()?;
                Box::new(move || match kind {
                    RUN => run::run(&store, &clock, &files, tenant, import),
                    _ => undo::undo(&store, &clock, tenant, import, careful),
                })
            };
            let done =
                tokio::task::spawn_blocking(work).await.map_err(|e| JobError::Failed(e.to_string()))?;
            done.map_err(|e| match e {
                // A full disk or a busy store is no fault of the file: waiting for it costs no attempt.
                RunError::Store(e) if e.kind() == Kind::Busy => JobError::Unreachable(e.to_string()),
                e => JobError::Failed(e.to_string()),
            })
        })
    }
}
