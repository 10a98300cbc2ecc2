//! Makes attempts: signs a message, brings it to where it goes, and notes what was said there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::model::{MESSAGES, Message, State, WEBHOOKS, Webhook, message_key, place};
use super::reach::{ATTEMPT, Allowed, Failure, Reach};
use super::service;
use crate::base::clock::{Clock, Timestamp};
use crate::base::ids::Id;
use crate::events::event;
use crate::identity::secret::{Keys, Secret};
use crate::identity::signature;
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Handler, JobError, JobRun};
use crate::journal::log;
use crate::outside::IsCut;
use crate::store::{Lane, ReadTx, Result, Tenant, WriteTx};

/// The kind of job that makes one attempt.
pub const SEND: &str = "webhook.send";
/// Seconds before each further attempt: 5 s, 30 s, 5 min, 30 min, 2 h, 6 h, 12 h, 24 h.
pub const RETRIES: [u64; 8] = [5, 30, 300, 1_800, 7_200, 21_600, 43_200, 86_400];
/// The longest that a receiver's own wish to wait is obeyed, in seconds.
const LONGEST_WISH_S: u64 = 86_400;
/// Attempts under way at a time, of all subscriptions and of one.
const AT_ONCE: (usize, usize) = (64, 8);
/// How long an attempt waits for others of its subscription before it goes to the end of the queue.
const TURN: Duration = Duration::from_secs(2);

/// Which attempt a job is. One that was overtaken by another does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// To whom.
    pub webhook: Id,
    /// What.
    pub message: Id,
    /// How many attempts there were before.
    pub attempt: u32,
    /// The message's round.
    #[serde(default)]
    pub round: u32,
}

impl Payload {
    /// The next attempt at `m`.
    #[must_use]
    pub fn of(m: &Message) -> Self {
        Self { webhook: m.webhook, message: m.id, attempt: m.attempts, round: m.round }
    }

    fn is_at(&self, m: &Message) -> bool {
        (self.attempt, self.round, State::Pending) == (m.attempts, m.round, m.state)
    }
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

/// Turns to send, a few at a time for each subscription: one that hangs does not take everybody's place.
#[derive(Debug)]
struct Turns {
    patience: Duration,
    all: Mutex<HashMap<(Tenant, Id), Arc<Semaphore>>>,
}

impl Turns {
    fn new(patience: Duration) -> Self {
        Self { patience, all: Mutex::default() }
    }

    async fn of(&self, tenant: Tenant, webhook: Id) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for are let go of.
            all.retain(|_, turns| Arc::strong_count(turns) > 1);
            let fresh = || Arc::new(Semaphore::new(AT_ONCE.1));
            Arc::clone(all.entry((tenant, webhook)).or_insert_with(fresh))
        };
        tokio::time::timeout(self.patience, turns.acquire_owned()).await.ok()?.ok()
    }
}

/// What an attempt needs.
struct Desk {
    reach: Reach,
    keys: Arc<Keys>,
    clock: Clock,
    is_cut: IsCut,
    turns: Turns,
}

/// Makes attempts.
#[derive(Clone)]
pub struct Deliver(Arc<Desk>);

impl Deliver {
    /// One that reaches the open internet and `allowed` hosts.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(
        allowed: Allowed,
        keys: Arc<Keys>,
        clock: Clock,
        is_cut: IsCut,
    ) -> std::result::Result<Self, String> {
        let reach = Reach::new(allowed)?;
        Ok(Self(Arc::new(Desk { reach, keys, clock, is_cut, turns: Turns::new(TURN) })))
    }
}

/// What became of an attempt.
enum Attempt {
    Taken(u16),
    Gone,
    Refused {
        status: Option<u16>,
        why: String,
        wish_s: Option<u64>,
    },
    /// There is nothing to tell any more, or nobody to tell it.
    Pointless(&'static str),
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
        AT_ONCE.0
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        let desk = Arc::clone(&self.0);
        Box::pin(async move {
            let payload: Payload = job.payload()?;
            let (store, tenant) = (job.store.clone(), job.tenant);
            let attempt = match store.read(tenant, |tx| due(tx, tenant, payload))? {
                Due::Nothing => return Ok(()),
                Due::Orphaned => {
                    let forget = move |tx: &mut dyn WriteTx| forget(tx, payload);
                    return Ok(store.write(tenant, Lane::Bulk, forget).await?);
                }
                Due::Pointless(why) => Attempt::Pointless(why),
                Due::Send { webhook, message, body } => {
                    let Some(_turn) = desk.turns.of(tenant, webhook.id).await else {
                        return Err(JobError::Unreachable("others of its subscription are under way".into()));
                    };
                    desk.attempt(tenant, &webhook, &message, body).await?
                }
            };
            let now = desk.clock.now();
            let note = move |tx: &mut dyn WriteTx| settle(tx, now, payload, &attempt);
            match store.write(tenant, Lane::Bulk, note).await? {
                None => Ok(()),
                // So somebody hears of it, as of every job that is given up.
                Some(end) => Err(JobError::Hopeless(end)),
            }
        })
    }
}

/// What is to be done with a message.
enum Due {
    /// Nothing: another attempt was quicker.
    Nothing,
    /// Its subscription was removed.
    Orphaned,
    /// It will never be told.
    Pointless(&'static str),
    Send {
        webhook: Box<Webhook>,
        message: Box<Message>,
        body: String,
    },
}

fn due(tx: &dyn ReadTx, tenant: Tenant, p: Payload) -> Result<Due> {
    let message = MESSAGES.get(tx, &message_key(p.webhook, p.message))?.filter(|m| p.is_at(m));
    let Some(message) = message else { return Ok(Due::Nothing) };
    let Some(webhook) = WEBHOOKS.get(tx, &p.webhook)? else { return Ok(Due::Orphaned) };
    if !webhook.active {
        return Ok(Due::Pointless("its subscription is switched off"));
    }
    let found = log::applied_after(tx, message.seq.saturating_sub(1), 1)?;
    let entry = found.first().filter(|(at, _)| *at == message.seq);
    let told = entry.map_or(Ok(None), |(seq, entry)| event::told(tenant, *seq, entry))?;
    Ok(match told {
        None => Due::Pointless("the event is not kept any more"),
        Some(told) => {
            let body = told.event.to_string();
            Due::Send { webhook: Box::new(webhook), message: Box::new(message), body }
        }
    })
}

impl Desk {
    /// Brings one message; an error when the line is cut, and then it counts for nothing.
    async fn attempt(
        &self,
        tenant: Tenant,
        webhook: &Webhook,
        m: &Message,
        body: String,
    ) -> std::result::Result<Attempt, JobError> {
        let keys: Vec<Secret<Vec<u8>>> = service::keys(&self.keys, tenant, webhook)
            .map_err(|e| JobError::Failed(format!("its keys can't be opened: {e}")))?;
        let (id, at) = (m.id.to_string(), (self.clock.now().millis() / 1000).to_string());
        let signature = signature::sign_all(&keys, &id, &at, body.as_bytes());
        let headers = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
        Ok(match self.reach.post(&webhook.url, headers, body).await {
            Ok(answer) => match answer.status {
                200..=299 => Attempt::Taken(answer.status),
                410 => Attempt::Gone,
                status => Attempt::Refused {
                    status: Some(status),
                    why: format!("it answered {status}"),
                    wish_s: answer.retry_after_s,
                },
            },
            Err(Failure { why, no_line }) => {
                if no_line || (self.is_cut)(tenant) {
                    return Err(JobError::Unreachable(format!("the line is cut: {why}")));
                }
                Attempt::Refused { status: None, why, wish_s: None }
            }
        })
    }
}

fn forget(tx: &mut dyn WriteTx, p: Payload) -> Result<()> {
    MESSAGES.del(tx, &message_key(p.webhook, p.message)).map(drop)
}

/// Notes what became of an attempt. Says what a person should hear of: that nobody takes the message, or any.
fn settle(tx: &mut dyn WriteTx, now: Timestamp, p: Payload, attempt: &Attempt) -> Result<Option<String>> {
    let key = message_key(p.webhook, p.message);
    let Some(mut m) = MESSAGES.get(tx, &key)?.filter(|m| p.is_at(m)) else { return Ok(None) };
    m.attempts += 1;
    m.tried_at = Some(now);
    let mut end = None;
    match attempt {
        Attempt::Taken(status) => (m.state, m.status, m.error) = (State::Done, Some(*status), None),
        Attempt::Pointless(why) => (m.state, m.error) = (State::Dead, Some((*why).into())),
        Attempt::Gone => {
            (m.state, m.status) = (State::Dead, Some(410));
            m.error = Some("it said that nobody is there any more".into());
            switch_off(tx, p.webhook)?;
            end = Some(format!("webhook {} answered 410 and is switched off", p.webhook));
        }
        Attempt::Refused { status, why, wish_s } => {
            (m.status, m.error) = (*status, Some(why.clone()));
            let jitter = f64::from(m.id.0[15] ^ m.attempts.to_be_bytes()[3]) / 255.0;
            match wait_after(m.attempts, jitter) {
                None => {
                    m.state = State::Dead;
                    end = Some(format!("nobody takes message {} of webhook {}: {why}", m.id, p.webhook));
                }
                Some(wait) => {
                    let wish = Duration::from_secs(wish_s.unwrap_or(0).min(LONGEST_WISH_S));
                    enqueue(tx, now, NewJob::new(SEND, &Payload::of(&m))?.at(now.after(wait.max(wish))))?;
                }
            }
        }
    }
    if m.state != State::Pending {
        place(tx, p.webhook, |place| place.waiting = place.waiting.saturating_sub(1))?;
    }
    MESSAGES.put(tx, &key, &m)?;
    Ok(end)
}

fn switch_off(tx: &mut dyn WriteTx, id: Id) -> Result<()> {
    if let Some(mut webhook) = WEBHOOKS.get(tx, &id)? {
        webhook.active = false;
        webhook.trouble = Some("it answered 410: nobody is there any more".into());
        WEBHOOKS.put(tx, &id, &webhook)?;
    }
    Ok(())
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

    #[tokio::test]
    async fn one_subscription_takes_a_few_turns_and_leaves_the_rest_to_others() {
        let turns = Turns::new(Duration::ZERO);
        let mut held = Vec::new();
        for _ in 0..AT_ONCE.1 {
            held.push(turns.of(1, Id([1; 16])).await.unwrap());
        }
        assert!(turns.of(1, Id([1; 16])).await.is_none(), "it waited its time and went");
        assert!(turns.of(1, Id([2; 16])).await.is_some() && turns.of(2, Id([1; 16])).await.is_some());
        held.pop();
        assert!(turns.of(1, Id([1; 16])).await.is_some());
        held.clear();
        assert!(turns.of(1, Id([3; 16])).await.is_some());
        assert_eq!(turns.all.lock().unwrap().len(), 1, "nobody's turns are kept");
    }
}
