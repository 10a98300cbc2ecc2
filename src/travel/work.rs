//! Asking for the weather at intervals. While the line to the outside is cut nobody is asked; a service that fails is left
//! alone by its breaker, and what it said last stands meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::router;
use super::sources;
use super::weather::{self, Heard, WEATHER};
use crate::base::breaker::{Standing, Terms};
use crate::base::clock::{Clock, Timestamp};
use crate::base::units::Position;
use crate::config::sections::Weather;
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::outside::{self, IsCut};
use crate::places::service as places;
use crate::settings::service as settings;
use crate::store::{Lane, ReadTx, Result as Stored, Store, StoreError, Tenant, WriteTx};

/// The kind of job that asks for the weather.
pub const ASK: &str = "weather.ask";
/// Between two looks at whether the line is back, or the depot's place known.
const LOOK: Duration = Duration::from_secs(60);
/// Behind a failure that did not open the breaker.
const AGAIN: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;

/// Where the depot is; none while nobody knows.
fn place(tx: &dyn ReadTx) -> Stored<Option<Position>> {
    let name = settings::settings(tx)?.0.depot;
    Ok(places::find(tx, &name)?.map(|found| found.position))
}

/// Notes when the weather is asked for again, and what was said if anything was.
fn note(tx: &mut dyn WriteTx, next_at: Timestamp, said: Option<weather::Measured>) -> Stored<()> {
    let known = sources::known(tx)?;
    let said = said.or_else(|| known.weather.said.clone());
    sources::keep(tx, &sources::Known { weather: Heard { next_at, said }, ..known })
}

/// Sees to it that the weather is asked for when it is due.
pub struct Rounds {
    /// Between two questions.
    pub every: Duration,
    /// Whether the line is cut.
    pub is_cut: IsCut,
}

impl Worker for Rounds {
    fn name(&self) -> &'static str {
        "weather.rounds"
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let look = |tx: &dyn ReadTx| Ok::<_, StoreError>((sources::known(tx)?.weather.next_at, place(tx)?));
        let (due, place) = ctx.store.read(ctx.tenant, look)?;
        // A clock that was set back must not stop the asking.
        let due = due.min(now.after(self.every));
        if due > now {
            return Ok(Step::IdleUntil(due));
        }
        if place.is_none() || (self.is_cut)(ctx.tenant) {
            return Ok(Step::IdleUntil(now.after(LOOK)));
        }
        let next_at = now.after(self.every);
        let begin = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            note(tx, next_at, None)?;
            enqueue(tx, now, NewJob::new(ASK, &())?.unique(ASK.to_owned()))?;
            Ok(())
        };
        ctx.store.write(ctx.tenant, Lane::Bulk, begin).wait()?;
        Ok(Step::Worked)
    }
}

/// Carries out [`ASK`].
pub struct Ask {
    client: Client,
    config: Weather,
    clock: Clock,
    is_cut: IsCut,
}

impl Ask {
    /// As the settings say.
    ///
    /// # Errors
    /// In words.
    pub fn new(config: Weather, clock: Clock, is_cut: IsCut) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(config.timeout_s))
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { client, config, clock, is_cut })
    }
}

impl Handler for Ask {
    fn kind(&self) -> &'static str {
        ASK
    }

    fn limits(&self) -> Limits {
        // What the service does is the breaker's affair: a job fails only when our own store does.
        let timeout = Duration::from_secs(self.config.timeout_s + 60);
        Limits { attempts: 10, first_delay: Duration::from_secs(2), timeout }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, Result<(), JobError>> {
        let turn = Turn {
            client: self.client.clone(),
            config: self.config.clone(),
            clock: self.clock.clone(),
            is_cut: Arc::clone(&self.is_cut),
            store: job.store.clone(),
            tenant: job.tenant,
        };
        Box::pin(turn.take())
    }
}

struct Turn {
    client: Client,
    config: Weather,
    clock: Clock,
    is_cut: IsCut,
    store: Store,
    tenant: Tenant,
}

impl Turn {
    async fn take(self) -> Result<(), JobError> {
        let (now, patience) = (self.clock.now(), Duration::from_secs(self.config.timeout_s));
        let Some(place) = self.store.read(self.tenant, place)? else { return Ok(()) };
        let admitted = self.write(move |tx| outside::admit(tx, WEATHER, now, patience)).await?;
        if let Standing::Open(until) = admitted {
            return self.write(move |tx| note(tx, until, None)).await;
        }
        match self.ask(place).await {
            Ok(said) => {
                let next_at = now.after(Duration::from_secs(self.config.every_s));
                let heard = move |tx: &mut dyn WriteTx| {
                    outside::answered(tx, WEATHER, now)?;
                    note(tx, next_at, Some(said.clone()))
                };
                self.write(heard).await
            }
            // Found out meanwhile: then it is not the service's fault.
            Err(_) if (self.is_cut)(self.tenant) => Ok(()),
            Err(why) => {
                tracing::info!(%why, "the weather could not be asked for");
                let terms = Terms {
                    failures: self.config.failures,
                    open: Duration::from_secs(self.config.open_s),
                    probe: Some(Duration::from_secs(self.config.probe_s)),
                };
                let failed = move |tx: &mut dyn WriteTx| {
                    let standing = outside::failed(tx, WEATHER, now, terms, &why)?;
                    let next_at = if let Standing::Open(until) = standing { until } else { now.after(AGAIN) };
                    note(tx, next_at, None)
                };
                self.write(failed).await
            }
        }
    }

    async fn ask(&self, place: Position) -> Result<weather::Measured, String> {
        let url: Url = weather::question(&self.config.url, place)?;
        let answer = self.client.get(url).send().await.map_err(|e| router::words(&e))?;
        let body = router::body(answer, MAX_ANSWER).await?;
        weather::read(&body, self.clock.now())
    }

    async fn write<T: Send + 'static>(
        &self,
        f: impl Fn(&mut dyn WriteTx) -> Stored<T> + Send + 'static,
    ) -> Result<T, JobError> {
        Ok(self.store.write(self.tenant, Lane::Bulk, f).await?)
    }
}
