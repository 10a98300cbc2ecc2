//! Reads the log, writes a message for each subscriber that wants to know, and sends it until it is taken.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::event;
use super::model::{MESSAGES, Message, State, WEBHOOKS, Webhook, message_key};
use super::reach::{ATTEMPT, Allowed, client};
use super::{service, signing};
use crate::base::clock::{Clock, Timestamp};
use crate::base::ids::Id;
use crate::base::text;
use crate::jobs::queue::{Limits, NewJob, enqueue, id_at};
use crate::jobs::runner::{Ctx, Handler, JobError, JobRun, Step, Worker};
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::journal::event::SiteRef;
use crate::journal::log::Applied;
use crate::journal::{change, log, readers};
use crate::store::{Lane, Result, Store, Tenant, WriteTx};

/// The kind of job that makes one attempt.
pub const SEND: &str = "webhook.send";
const READER: &str = "webhooks";
/// Entries of the log dealt with in one transaction.
const ENTRIES: usize = 200;
/// Seconds before each further attempt: 5 s, 30 s, 5 min, 30 min, 2 h, 6 h, 12 h, 24 h.
pub const RETRIES: [u64; 8] = [5, 30, 300, 1_800, 7_200, 21_600, 43_200, 86_400];
/// The longest that a receiver's own wish to wait is obeyed.
const LONGEST_WISH: u64 = 86_400;

/// Which attempt a job is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// To whom.
    pub webhook: Id,
    /// What.
    pub message: Id,
    /// How many attempts there were before: a job that was overtaken by a resend does nothing.
    pub attempt: u32,
}

/// Writes messages for those who want to know.
pub struct Dispatch;

impl Worker for Dispatch {
    fn name(&self) -> &'static str {
        READER
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> std::result::Result<Step, JobError> {
        let tenant = ctx.tenant;
        let deal = move |tx: &mut dyn WriteTx, entries: &[(u64, Applied)]| deal(tx, tenant, now, entries);
        let read = readers::step(&ctx.store, ctx.tenant, READER, ENTRIES, deal)?;
        Ok(if read == 0 { Step::IDLE } else { Step::Worked })
    }
}

fn deal(tx: &mut dyn WriteTx, tenant: Tenant, now: Timestamp, entries: &[(u64, Applied)]) -> Result<()> {
    let webhooks = service::all(tx)?;
    if !webhooks.iter().any(|w| w.value.active) {
        return Ok(());
    }
    let origin = Origin::load(tx)?;
    for (seq, entry) in entries.iter().filter(|(_, e)| !e.quiet) {
        let (header, _) = change::decode(&entry.blob)?;
        // A depot tells of what it wrote; headquarters' own subscribers hear of everything.
        if origin.site != HEADQUARTERS && !origin.is(SiteRef::new(header.o, header.e)) {
            continue;
        }
        let Some(told) = event::told(tenant, *seq, entry)? else { continue };
        for webhook in webhooks.iter().map(|w| &w.value).filter(|w| w.wants(told.name)) {
            let id = id_at(now);
            let m = Message {
                id,
                webhook: webhook.id,
                seq: *seq,
                name: told.name.to_owned(),
                state: State::Pending,
                attempts: 0,
                status: None,
                error: None,
                created_at: now,
                tried_at: None,
            };
            MESSAGES.put(tx, &message_key(webhook.id, id), &m)?;
            let job = Payload { webhook: webhook.id, message: id, attempt: 0 };
            enqueue(tx, now, NewJob::new(SEND, &job)?)?;
        }
    }
    Ok(())
}

/// How long to wait after failed attempt `attempt` (1 is the first), moved by up to a fifth by `jitter` in 0..1; none
/// when it was the last.
#[must_use]
pub fn wait_after(attempt: u32, jitter: f64) -> Option<Duration> {
    let seconds = RETRIES.get(attempt.checked_sub(1)? as usize)?;
    #[allow(clippy::cast_precision_loss)] // a day has five digits
    let moved = *seconds as f64 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    Some(Duration::from_secs_f64(moved))
}

/// Whether the line to the world is known to be cut.
pub type IsCut = Arc<dyn Fn() -> bool + Send + Sync>;

/// Makes attempts.
pub struct Deliver {
    /// Who may be reached.
    pub allowed: Allowed,
    /// What time it is.
    pub clock: Clock,
    /// Whether the line is cut: then nothing counts.
    pub is_cut: IsCut,
}

/// What became of an attempt.
enum Attempt {
    Taken(u16),
    Gone,
    Refused { status: Option<u16>, why: String, wish_s: Option<u64> },
}

impl Handler for Deliver {
    fn kind(&self) -> &'static str {
        SEND
    }

    fn limits(&self) -> Limits {
        // Attempts that count are kept with the message; these are for crashes.
        Limits { attempts: 20, first_delay: Duration::from_secs(5), timeout: ATTEMPT * 3 }
    }

    fn own_slots(&self) -> usize {
        32
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        let (allowed, clock, is_cut) = (self.allowed.clone(), self.clock.clone(), Arc::clone(&self.is_cut));
        Box::pin(async move {
            let payload: Payload = job.payload()?;
            let (store, tenant) = (job.store.clone(), job.tenant);
            let Some((webhook, message, body)) = due(&store, tenant, payload)? else { return Ok(()) };
            let attempt = attempt(&allowed, &webhook, &message, body, clock.now()).await;
            if matches!(&attempt, Attempt::Refused { status: None, .. }) && is_cut() {
                return Err(JobError::Unreachable("the line is cut".into()));
            }
            let now = clock.now();
            let note = move |tx: &mut dyn WriteTx| settle(tx, now, payload, &attempt);
            Ok(store.write(tenant, Lane::Bulk, note).await?)
        })
    }
}

/// The message and its body; none when it is not to be sent any more.
fn due(store: &Store, tenant: Tenant, p: Payload) -> Result<Option<(Webhook, Message, String)>> {
    store.read(tenant, |tx| {
        let Some(webhook) = WEBHOOKS.get(tx, &p.webhook)?.filter(|w| w.active) else { return Ok(None) };
        let message = MESSAGES.get(tx, &message_key(p.webhook, p.message))?;
        let Some(m) = message.filter(|m| m.state == State::Pending && m.attempts == p.attempt) else {
            return Ok(None);
        };
        let told = event::told(tenant, m.seq, &log::applied(tx, m.seq)?)?;
        Ok(told.map(|t| (webhook, m, t.event.to_string())))
    })
}

async fn attempt(allowed: &Allowed, webhook: &Webhook, m: &Message, body: String, now: Timestamp) -> Attempt {
    let failed = |why: String| Attempt::Refused { status: None, why, wish_s: None };
    // The settings may have changed since the address was written down.
    let url = match allowed.check(&webhook.url) {
        Ok(url) => url,
        Err(why) => return failed(why),
    };
    let client = match client(allowed) {
        Ok(client) => client,
        Err(why) => return failed(why),
    };
    let (id, at) = (m.id.to_string(), now.millis() / 1000);
    let secrets: Vec<Vec<u8>> = webhook.secrets.iter().filter_map(|s| signing::secret_bytes(s)).collect();
    let signature = signing::sign(&secrets, &id, at, body.as_bytes());
    let sent = client
        .post(url)
        .header("content-type", "application/cloudevents+json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", signature)
        .body(body)
        .send()
        .await;
    match sent {
        Err(e) => failed(chain(&e)),
        Ok(answer) => {
            let status = answer.status().as_u16();
            let wish = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.trim().parse().ok());
            match status {
                200..=299 => Attempt::Taken(status),
                410 => Attempt::Gone,
                _ => Attempt::Refused {
                    status: Some(status),
                    why: format!("it answered {status}"),
                    wish_s: wish,
                },
            }
        }
    }
}

/// An error with what caused it.
fn chain(e: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(e.source(), |e| e.source());
    text::clipped(causes.fold(e.to_string(), |text, cause| format!("{text}: {cause}")), 500)
}

fn settle(tx: &mut dyn WriteTx, now: Timestamp, p: Payload, attempt: &Attempt) -> Result<()> {
    let key = message_key(p.webhook, p.message);
    let Some(mut m) = MESSAGES.get(tx, &key)?.filter(|m| m.attempts == p.attempt) else { return Ok(()) };
    m.attempts += 1;
    m.tried_at = Some(now);
    match attempt {
        Attempt::Taken(status) => (m.state, m.status, m.error) = (State::Done, Some(*status), None),
        Attempt::Gone => {
            (m.state, m.status) = (State::Dead, Some(410));
            m.error = Some("it said that nobody is there any more".into());
            if let Some(mut webhook) = WEBHOOKS.get(tx, &p.webhook)? {
                webhook.active = false;
                webhook.trouble = Some("it answered 410: nobody is there any more".into());
                WEBHOOKS.put(tx, &p.webhook, &webhook)?;
            }
        }
        Attempt::Refused { status, why, wish_s } => {
            (m.status, m.error) = (*status, Some(why.clone()));
            let jitter = f64::from(m.id.0[15]) / 255.0;
            match wait_after(m.attempts, jitter) {
                None => m.state = State::Dead,
                Some(wait) => {
                    let wish = Duration::from_secs(wish_s.unwrap_or(0).min(LONGEST_WISH));
                    let next = Payload { attempt: m.attempts, ..p };
                    enqueue(tx, now, NewJob::new(SEND, &next)?.at(now.after(wait.max(wish))))?;
                }
            }
        }
    }
    MESSAGES.put(tx, &key, &m).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_lie_further_and_further_apart_and_end_after_a_day() {
        let waits: Vec<u64> = (1..=8).map(|n| wait_after(n, 0.5).unwrap().as_secs()).collect();
        assert_eq!(waits, RETRIES);
        assert_eq!((wait_after(0, 0.5), wait_after(9, 0.5)), (None, None));
        assert_eq!(wait_after(1, 0.0).unwrap().as_millis(), 4_000);
        assert_eq!(wait_after(1, 1.0).unwrap().as_millis(), 6_000);
    }
}
