//! Asking carriers at intervals. While the line to the outside is cut nobody is asked and nothing counts as a failure;
//! a carrier that fails is left alone by its breaker, whose state outlives a restart.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::adapter::{Adapter, Batch, adapter};
use super::client::{self, Asker, Failure};
use super::error::CarrierError;
use super::model::{Carrier, Poll};
use super::repo::{self, POLLS};
use super::service::{self, Asked, Outcome};
use crate::base::breaker::{Breaker, Standing, Terms};
use crate::base::clock::{Clock, Timestamp};
use crate::identity::grant::Actor;
use crate::identity::secret::{Keys, Secret};
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::journal::Cx;
use crate::outside::IsCut;
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};

/// The kind of job that asks one carrier.
pub const POLL: &str = "carrier.poll";
/// Pages asked for in one turn.
const PAGES: usize = 20;
/// Carriers that are asked at the same time, beside everything else that runs.
const AT_ONCE: usize = 16;
/// Between two looks at whether the line is back.
const LOOK: Duration = Duration::from_secs(30);

/// Which carrier a job is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// Its code.
    pub code: String,
}

/// The job that asks the carrier `code`; only one at a time.
///
/// # Errors
/// When it can't be written.
pub fn job(code: &str) -> Result<NewJob, StoreError> {
    Ok(NewJob::new(POLL, &Payload { code: code.to_owned() })?.unique(format!("{POLL}/{code}")))
}

/// Sees to it that each carrier is asked when it is due.
pub struct Rounds {
    /// Whether the line is cut.
    pub is_cut: IsCut,
}

fn due(carrier: &Carrier, poll: &Poll, now: Timestamp) -> Option<Timestamp> {
    if !carrier.active || carrier.poll_s == 0 || carrier.endpoint.is_none() {
        return None;
    }
    let at = match poll.breaker.standing(now) {
        Standing::Open(until) => poll.next_at.max(until),
        Standing::Closed | Standing::HalfOpen => poll.next_at,
    };
    // A clock that was set back must not stop the asking.
    Some(at.min(now.after(Duration::from_secs(carrier.poll_s.into()).max(crate::base::breaker::LONGEST))))
}

impl Worker for Rounds {
    fn name(&self) -> &'static str {
        "carriers.rounds"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let all = ctx.store.read(ctx.tenant, |tx| -> Result<_, StoreError> {
            let all = repo::all(tx)?.into_iter();
            all.map(|(c, _)| Ok((POLLS.get(tx, &c.code)?.unwrap_or_default(), c)))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let dues: Vec<(Timestamp, Carrier)> =
            all.into_iter().filter_map(|(poll, c)| Some((due(&c, &poll, now)?, c))).collect();
        if dues.is_empty() {
            return Ok(Step::IDLE);
        }
        if (self.is_cut)(ctx.tenant) {
            return Ok(Step::IdleUntil(now.after(LOOK)));
        }
        let (ready, later): (Vec<_>, Vec<_>) = dues.into_iter().partition(|(at, _)| *at <= now);
        if ready.is_empty() {
            return Ok(Step::IdleUntil(later.iter().map(|(at, _)| *at).min().unwrap_or(Timestamp::MAX)));
        }
        let begin = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            for (_, c) in &ready {
                let poll = POLLS.get(tx, &c.code)?.unwrap_or_default();
                let next_at = now.after(Duration::from_secs(c.poll_s.into()));
                POLLS.put(tx, &c.code, &Poll { next_at, ..poll })?;
                enqueue(tx, now, job(&c.code)?)?;
            }
            Ok(())
        };
        ctx.store.write(ctx.tenant, Lane::Bulk, begin).wait()?;
        Ok(Step::Worked)
    }
}

/// Carries out [`POLL`].
pub struct Ask {
    /// Who asks.
    pub asker: Asker,
    /// When a carrier is left alone.
    pub terms: Terms,
    /// Opens credentials.
    pub keys: Arc<Keys>,
    /// What time it is.
    pub clock: Clock,
    /// Whether the line is cut.
    pub is_cut: IsCut,
    /// How long one question may take.
    pub patience: Duration,
}

impl Handler for Ask {
    fn kind(&self) -> &'static str {
        POLL
    }

    fn limits(&self) -> Limits {
        // What a carrier does is the breaker's affair: a job fails only when our own store does.
        let timeout = self.patience * u32::try_from(PAGES).unwrap_or(u32::MAX) + Duration::from_secs(60);
        Limits { attempts: 10, first_delay: Duration::from_secs(2), timeout }
    }

    fn own_slots(&self) -> usize {
        AT_ONCE
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        let room = Room {
            asker: self.asker.clone(),
            terms: self.terms,
            keys: Arc::clone(&self.keys),
            clock: self.clock.clone(),
            is_cut: Arc::clone(&self.is_cut),
            store: job.store.clone(),
            tenant: job.tenant,
        };
        Box::pin(async move {
            let Payload { code } = job.payload()?;
            room.turn(&code).await
        })
    }
}

struct Room {
    asker: Asker,
    terms: Terms,
    keys: Arc<Keys>,
    clock: Clock,
    is_cut: IsCut,
    store: Store,
    tenant: Tenant,
}

fn failed(e: CarrierError) -> JobError {
    match e {
        CarrierError::Store(e) => e.into(),
        // Credentials that can't be opened: no attempt helps until somebody enters them again.
        other => JobError::Hopeless(other.to_string()),
    }
}

impl Room {
    async fn turn(&self, code: &str) -> Result<(), JobError> {
        let asked = self.store.read(self.tenant, |tx| service::asked(tx, &self.keys, self.tenant, code));
        let Some(Asked { carrier, poll, login }) = asked.map_err(failed)? else { return Ok(()) };
        if (self.is_cut)(self.tenant) || matches!(poll.breaker.standing(self.clock.now()), Standing::Open(_))
        {
            return Ok(());
        }
        let Some(language) = adapter(&carrier.adapter) else { return Ok(()) };
        let mut cursor = poll.cursor;
        for _ in 0..PAGES {
            match self.page(&carrier, language, cursor.as_deref(), login.as_ref()).await {
                Err(failure) => return self.failed(code, failure).await,
                Ok(batch) => {
                    cursor.clone_from(&batch.next);
                    let more = batch.more;
                    self.took(&carrier, batch).await?;
                    if !more {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    async fn page(
        &self,
        carrier: &Carrier,
        language: &dyn Adapter,
        cursor: Option<&str>,
        login: Option<&Secret<String>>,
    ) -> Result<Batch, Failure> {
        // Whether the network allows the address is asked with each question; here it only has to be one.
        let base = client::checked(carrier.endpoint.as_deref().unwrap_or_default(), true)?;
        let url = language.ask(&base, cursor)?;
        let login = login.map(|l| (language.login(), l.reveal().as_str()));
        let body = self.asker.ask(&base, url, login).await?;
        let batch = language.read(&body).map_err(|e| format!("its answer can't be read: {e}"))?;
        service::fits(&batch).map_err(|e| e.to_string())?;
        Ok(batch)
    }

    /// A failure counts, unless the line was cut meanwhile.
    async fn failed(&self, code: &str, failure: Failure) -> Result<(), JobError> {
        if (self.is_cut)(self.tenant) {
            return Ok(());
        }
        tracing::info!(carrier = code, why = %failure.why, "a carrier could not be asked");
        let terms = self.terms;
        let noted = move |poll: Poll, now: Timestamp| Poll {
            breaker: poll.breaker.failed(now, terms, failure.wish),
            trouble: Some(failure.why.clone()),
            ..poll
        };
        self.change(code, noted).await
    }

    async fn took(&self, carrier: &Carrier, batch: Batch) -> Result<(), JobError> {
        let (carrier, now) = (carrier.clone(), self.clock.now());
        let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            let cx = Cx::new(tx, &Actor::system(), now, &format!("carrier:{}", carrier.code))?;
            let Outcome { taken, refused, .. } =
                service::take(tx, &cx, &carrier, None, &batch).map_err(|e| match e {
                    CarrierError::Store(e) => e,
                    other => StoreError::Corrupt(other.to_string()),
                })?;
            for r in refused.iter().take(5) {
                tracing::warn!(carrier = carrier.code, event = r.id, why = r.detail, "an event is not taken");
            }
            let poll = POLLS.get(tx, &carrier.code)?.unwrap_or_default();
            let poll = Poll {
                cursor: batch.next.clone(),
                breaker: Breaker::default(),
                answered_at: Some(now),
                trouble: None,
                taken: poll.taken + taken as u64,
                ..poll
            };
            POLLS.put(tx, &carrier.code, &poll).map(drop)
        };
        Ok(self.store.write(self.tenant, Lane::Bulk, write).await?)
    }

    async fn change(
        &self,
        code: &str,
        f: impl Fn(Poll, Timestamp) -> Poll + Send + 'static,
    ) -> Result<(), JobError> {
        let (code, now) = (code.to_owned(), self.clock.now());
        let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            let poll = POLLS.get(tx, &code)?.unwrap_or_default();
            POLLS.put(tx, &code, &f(poll, now)).map(drop)
        };
        Ok(self.store.write(self.tenant, Lane::Bulk, write).await?)
    }
}
