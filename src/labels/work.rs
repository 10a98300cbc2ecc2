//! The job that prints what is in one printer's queue, a label at a time.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::error::LabelError;
use super::model::{HostStatus, Printer, Queued, What};
use super::queue::{self, Outcome, PRINT, Payload};
use super::wire::{Manners, Sent, Wire};
use super::{printers, service, zpl};
use crate::base::clock::Clock;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::identity::grant::Scope;
use crate::jobs::queue::Limits;
use crate::jobs::runner::{Handler, JobError, JobRun};
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};

/// Labels one job prints before another goes on, so that a stop need not wait for a long queue.
const LABELS_A_TURN: u32 = 20;
/// Printers that are spoken to at once, beside everything else that runs: nobody waits for somebody else's printer.
const PRINTERS_AT_ONCE: usize = 256;
/// Times a turn may be cut short by a crash before a person looks; waiting for a printer doesn't count.
const ATTEMPTS: u32 = 50;
const FIRST_DELAY: Duration = Duration::from_secs(2);

/// Carries out [`PRINT`].
pub struct Print {
    /// Where printers may stand and how long they may take.
    pub manners: Manners,
    /// What time it is.
    pub clock: Clock,
}

impl Handler for Print {
    fn kind(&self) -> &'static str {
        PRINT
    }

    fn limits(&self) -> Limits {
        let Manners { connect, answer, .. } = self.manners;
        // Every exchange ends by itself; this is for a store that hangs.
        let timeout = (connect + 3 * answer) * LABELS_A_TURN + Duration::from_secs(60);
        Limits { attempts: ATTEMPTS, first_delay: FIRST_DELAY, timeout }
    }

    fn own_slots(&self) -> usize {
        PRINTERS_AT_ONCE
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        let (manners, clock) = (self.manners, self.clock.clone());
        Box::pin(async move {
            let Payload { printer } = job.payload()?;
            let room = Room { store: job.store.clone(), tenant: job.tenant, printer, manners, clock };
            room.turn(job.job.id).await
        })
    }
}

/// One printer's turn.
struct Room {
    store: Store,
    tenant: Tenant,
    printer: Id,
    manners: Manners,
    clock: Clock,
}

impl Room {
    async fn write<T: Send + 'static>(
        &self,
        f: impl FnMut(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.write(self.tenant, Lane::People, f).await
    }

    async fn turn(&self, job: Id) -> Result<(), JobError> {
        let printer = self.printer;
        for _ in 0..LABELS_A_TURN {
            let now = self.clock.now();
            let Some(label) = self.write(move |tx| queue::next(tx, now, job, printer)).await? else {
                return Ok(());
            };
            if let Outcome::NotSent(why) = self.print(&label).await? {
                return Err(JobError::Unreachable(why));
            }
        }
        let now = self.clock.now();
        Ok(self.write(move |tx| queue::hand_on(tx, now, job, printer)).await?)
    }

    /// Prints one label and writes down what became of it.
    async fn print(&self, label: &Queued) -> Result<Outcome, JobError> {
        let (status, outcome) = match self.drawn(label)? {
            Ok((printer, zpl)) => self.exchange(label, &printer, &zpl).await?,
            Err(why) => (None, Outcome::Dropped(why)),
        };
        let (printer, label, now, what) = (self.printer, label.clone(), self.clock.now(), outcome.clone());
        self.write(move |tx| {
            queue::settle(tx, now, &label, &what)?;
            queue::note(tx, now, printer, status, &what)
        })
        .await?;
        Ok(outcome)
    }

    /// The printer and the label as they are now; or why there is no label.
    fn drawn(&self, label: &Queued) -> Result<Result<(Printer, String), String>, JobError> {
        let drawn = self.store.read(self.tenant, |tx| -> Result<_, LabelError> {
            let (_, printer, _) = printers::find(tx, &self.printer.to_string())?;
            let page = match label.what {
                What::Test => service::test_page(tx, &printer, label.size, label.asked_at)?,
                What::Parcel(id) => {
                    let at = (&*printer.station, label.asked_at);
                    service::page(tx, &Scope::Tenant, &id.to_string(), label.size, at)?.0
                }
            };
            let zpl = zpl::render(&page, printer.dpi, label.copies);
            Ok((printer, zpl))
        });
        match drawn {
            Ok(drawn) => Ok(Ok(drawn)),
            Err(LabelError::Store(e)) => Err(e.into()),
            Err(e) if e.kind() == Kind::NotFound => Ok(Err(e.to_string())),
            Err(e) => Err(JobError::Failed(e.to_string())),
        }
    }

    /// The three steps of the module's rule: ask, send, ask again.
    async fn exchange(
        &self,
        label: &Queued,
        printer: &Printer,
        zpl: &str,
    ) -> Result<(Option<HostStatus>, Outcome), JobError> {
        let mut wire = match Wire::open(printer, self.manners).await {
            Ok(wire) => wire,
            Err(why) => return Ok((None, Outcome::NotSent(why))),
        };
        let mut status = None;
        if printer.answers {
            match wire.status().await {
                Ok(said) => status = Some(said),
                Err(why) => return Ok((None, Outcome::NotSent(why))),
            }
        }
        if let Some(trouble) = status.and_then(HostStatus::trouble) {
            return Ok((status, Outcome::NotSent(trouble.to_owned())));
        }
        let id = label.id;
        if !self.write(move |tx| queue::begin(tx, id)).await? {
            return Ok((status, Outcome::Dropped("it was dropped before it was sent".into())));
        }
        if let Sent::Partly(why) = wire.send(zpl).await {
            return Ok((status, Outcome::NotSent(why)));
        }
        let after =
            if printer.answers { wire.status().await.map(Some) } else { wire.close().await.map(|()| None) };
        Ok(match after {
            Ok(after) => (after, Outcome::Printed),
            Err(why) => (None, Outcome::Unknown(format!("the label went out, and then {why}"))),
        })
    }
}
