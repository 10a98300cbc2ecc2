//! Text messages: handed to a gateway by a job, so that a gateway that is down costs a delay and never a message. Where the
//! gateway is left alone for its failures the message goes by mail, and where there is no mail somebody here is told on the
//! screen. A line that is cut counts for nothing: messages wait for it.
//!
//! Each message has an id that stays the same however often it is handed over; a gateway that honours it sends it once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::inbox;
use super::mail::{self, Letter};
use crate::base::breaker::{Standing, Terms};
use crate::base::clock::{Clock, Timestamp};
use crate::base::ids::Id;
use crate::base::text;
use crate::first_record;
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::retention::{Found, Retained, older};
use crate::jobs::runner::{Handler, JobError, JobRun};
use crate::outside::{self, IsCut};
use crate::store::{Home, Ix, KeyRange, Lane, ReadTx, Result, Store, StoreError, Table, Tenant, WriteTx};

/// The kind of job that hands a message over.
pub const SEND: &str = "sms.send";
/// Characters of a message: three of those that phones put together again.
pub const MAX_TEXT: usize = 459;
/// Answers that mean "not now" before a message goes another way.
const ATTEMPTS: u32 = 8;
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// Beside the gateway's own time: for the store and for what comes of an answer.
const ROOM: Duration = Duration::from_secs(30);

/// A message; the payload of its job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// To which number, as [`number`] writes it.
    pub to: String,
    /// What it says, cut off at [`MAX_TEXT`].
    pub text: String,
    /// The mail that goes instead when the gateway is out of order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Letter>,
    /// Who is told on the screen when there is no mail either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<Id>,
    /// Where they are to look.
    #[serde(default)]
    pub link: String,
}

/// A telephone number as gateways take it: digits, perhaps with a plus in front. None when it is no number.
#[must_use]
pub fn number(written: &str) -> Option<String> {
    let bare: String = written.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let sound = (6..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    sound.then_some(bare)
}

/// Demands a message in the transaction of what it tells of.
///
/// # Errors
/// Storage failures.
pub fn post(tx: &mut dyn WriteTx, now: Timestamp, due: Timestamp, message: Message) -> Result<Id> {
    let text: String = message.text.chars().take(MAX_TEXT).collect();
    enqueue(tx, now, NewJob::new(SEND, &Message { text, ..message })?.at(due))
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sms {
    /// Its id, the same each time it is handed over.
    pub id: Id,
    /// To which number.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmsError {
    /// This machine itself has no way out.
    #[error("the line is cut: {0}")]
    NoLine(String),
    /// The gateway can't be reached, or does not answer in time.
    #[error("the gateway can't be reached: {0}")]
    Unreachable(String),
    /// What it answered can't be believed, or means that it does not take this message now.
    #[error("the gateway did not take the message: {0}")]
    Later(String),
    /// It will never take this message.
    #[error("the gateway refuses the message: {0}")]
    Never(String),
}

/// Hands messages over.
pub trait Gateway: Send + Sync + 'static {
    /// Whether there is one at all.
    fn is_on(&self) -> bool;
    /// Hands `sms` over.
    fn send(&self, sms: Sms) -> BoxFuture<'static, std::result::Result<(), SmsError>>;
}

/// Which way a message went that the gateway did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By mail.
    Mail,
    /// Somebody was told on the screen.
    Screen,
}

/// A message that went another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// Which way.
    pub way: Way,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}
first_record!(Aside);

/// Messages that went another way, by the job's id: one that did never goes again.
pub const ASIDE: Table<Id, Aside> = Table::new(226, "sms_aside", Home::Local).indexed(&[by_time]);
const BY_TIME: Ix = Ix::Nth(0);

fn by_time(a: &Aside) -> Option<Vec<u8>> {
    Some(a.at.unsigned().to_be_bytes().to_vec())
}

/// How long it is remembered which way messages went, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    fn find(tx: &dyn ReadTx, before: Timestamp, after: Option<Vec<u8>>, limit: usize) -> Result<Found> {
        let range = KeyRange { from: Vec::new(), to: Some(before.unsigned().to_be_bytes().to_vec()), after };
        older(&ASIDE, tx, (BY_TIME, range), limit, |_| true)
    }
    fn remove(tx: &mut dyn WriteTx, pk: &[u8]) -> Result<()> {
        let Some(id) = Id::from_slice(pk) else { return Ok(()) };
        ASIDE.del(tx, &id).map(drop)
    }
    Retained { name: "sms_aside", days: |r| r.notifications, find, remove }
}

/// Carries out [`SEND`].
#[derive(Clone)]
pub struct SendSms {
    /// By whom.
    pub gateway: Arc<dyn Gateway>,
    /// When the gateway is left alone.
    pub terms: Terms,
    /// How long one answer may take.
    pub patience: Duration,
    /// How long a message waits for a gateway that does not answer.
    pub keep: Duration,
    /// What time it is.
    pub clock: Clock,
    /// Whether the line is cut.
    pub is_cut: IsCut,
}

impl Handler for SendSms {
    fn kind(&self) -> &'static str {
        SEND
    }

    fn limits(&self) -> Limits {
        Limits { attempts: ATTEMPTS, first_delay: FIRST_DELAY, timeout: self.patience + ROOM }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        let this = self.clone();
        Box::pin(async move {
            let message: Message = job.payload()?;
            let turn = Turn {
                id: job.job.id,
                age: this.clock.now().since(job.job.created_at),
                is_last: job.job.attempts >= ATTEMPTS,
                store: job.store.clone(),
                tenant: job.tenant,
                desk: this,
            };
            turn.take(message).await
        })
    }
}

/// One attempt.
struct Turn {
    desk: SendSms,
    store: Store,
    tenant: Tenant,
    id: Id,
    age: Duration,
    is_last: bool,
}

impl Turn {
    async fn take(self, message: Message) -> std::result::Result<(), JobError> {
        let id = self.id;
        if self.store.read(self.tenant, |tx| ASIDE.get(tx, &id))?.is_some() {
            return Ok(());
        }
        if (self.desk.is_cut)(self.tenant) {
            return Err(JobError::Unreachable("the line is cut".into()));
        }
        if !self.desk.gateway.is_on() {
            return self.aside(message, "no gateway is set; set sms.url").await;
        }
        let (now, patience) = (self.desk.clock.now(), self.desk.patience);
        let admitted = self.write(move |tx| outside::admit(tx, outside::SMS, now, patience)).await?;
        if let Standing::Open(until) = admitted {
            return self.waits(message, format!("the gateway is left alone until {until}")).await;
        }
        let sms = Sms { id, to: message.to.clone(), text: message.text.clone() };
        let sent = tokio::time::timeout(patience, self.desk.gateway.send(sms)).await;
        let sent = sent.unwrap_or_else(|_| {
            Err(SmsError::Unreachable(format!("no answer within {} s", patience.as_secs_f64())))
        });
        self.heard(message, sent).await
    }

    async fn heard(
        self,
        message: Message,
        sent: std::result::Result<(), SmsError>,
    ) -> std::result::Result<(), JobError> {
        let now = self.desk.clock.now();
        match sent {
            Ok(()) => {
                self.write(move |tx| outside::answered(tx, outside::SMS, now)).await?;
                Ok(())
            }
            Err(e @ SmsError::NoLine(_)) => Err(JobError::Unreachable(e.to_string())),
            Err(e @ SmsError::Never(_)) => {
                self.write(move |tx| outside::answered(tx, outside::SMS, now)).await?;
                self.aside(message, &e.to_string()).await
            }
            // The line may have been found out to be cut while the gateway was waited for.
            Err(e) if (self.desk.is_cut)(self.tenant) => Err(JobError::Unreachable(e.to_string())),
            Err(e) => {
                let (why, terms) = (e.to_string(), self.desk.terms);
                let said = why.clone();
                let failed = move |tx: &mut dyn WriteTx| outside::failed(tx, outside::SMS, now, terms, &said);
                let standing = self.write(failed).await?;
                match e {
                    _ if matches!(standing, Standing::Open(_)) => self.waits(message, why).await,
                    SmsError::Later(_) if self.is_last => self.aside(message, &why).await,
                    SmsError::Later(_) => Err(JobError::Failed(why)),
                    _ => self.waits(message, why).await,
                }
            }
        }
    }

    /// The gateway is out of order: with a mail address the message goes by mail as soon as it is left alone, without one
    /// it waits for the gateway as long as that makes sense.
    async fn waits(self, message: Message, why: String) -> std::result::Result<(), JobError> {
        let now = self.desk.clock.now();
        let known = self.store.read(self.tenant, |tx| outside::known(tx, outside::SMS))?;
        let is_left_alone = matches!(known.breaker.standing(now), Standing::Open(_));
        if (message.mail.is_some() && is_left_alone) || self.age >= self.desk.keep {
            return self.aside(message, &why).await;
        }
        Err(JobError::Unreachable(why))
    }

    /// The message goes another way, in one transaction with the mark that it did.
    async fn aside(self, message: Message, why: &str) -> std::result::Result<(), JobError> {
        let (id, now, why) = (self.id, self.desk.clock.now(), text::clipped(why.to_owned(), text::SHORT));
        tracing::info!(job.id = %id, why, "a text message goes another way");
        self.write(move |tx| {
            let Message { to, text, mail, desk, link } = message.clone();
            let way = match (mail, desk) {
                (Some(letter), _) => {
                    mail::post(tx, now, letter)?;
                    Way::Mail
                }
                (None, desk) => {
                    if let Some(user) = desk {
                        inbox::tell(tx, now, user, &format!("✆ {to}: {text}"), &why, &link)?;
                    }
                    Way::Screen
                }
            };
            ASIDE.put(tx, &id, &Aside { way, at: now, why: why.clone() }).map(drop)
        })
        .await?;
        Ok(())
    }

    async fn write<T: Send + 'static>(
        &self,
        f: impl Fn(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        self.store.write(self.tenant, Lane::People, f).await
    }
}

/// Which ways the house has to those who don't work here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Whether there is a mail server.
    pub mail: bool,
    /// Whether there is a gateway for text messages.
    pub sms: bool,
}

/// Somebody who is written to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached<'a> {
    /// Their telephone, as somebody wrote it.
    pub phone: Option<&'a str>,
    /// Their mail address.
    pub email: Option<&'a str>,
    /// Who here is told when they can't be reached at all.
    pub desk: Option<Id>,
    /// Where that one is to look.
    pub link: &'a str,
}

impl Ways {
    /// Whether there is any.
    #[must_use]
    pub const fn any(self) -> bool {
        self.mail || self.sms
    }

    /// Writes to somebody at `due`: a text message where there is a number and a gateway, else a mail. False when there is no
    /// way to them.
    ///
    /// # Errors
    /// Storage failures.
    pub fn write_to(
        self,
        tx: &mut dyn WriteTx,
        (now, due): (Timestamp, Timestamp),
        who: Reached<'_>,
        said: &super::templates::Rendered,
    ) -> Result<bool> {
        let letter = who.email.filter(|e| self.mail && !e.trim().is_empty());
        let letter = letter.map(|to| Letter::new(to, said.subject.clone(), said.text.clone()));
        match (who.phone.filter(|_| self.sms).and_then(number), letter) {
            (Some(to), mail) => {
                let link = who.link.to_owned();
                let message = Message { to, text: said.subject.clone(), mail, desk: who.desk, link };
                post(tx, now, due, message)?;
            }
            (None, Some(letter)) => {
                mail::post_at(tx, now, due, letter)?;
            }
            (None, None) => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_however_people_write_it() {
        for (written, meant) in [
            ("+1234567890", Some("+1234567890")),
            ("1234567890", Some("1234567890")),
            ("+55 (11) 9000-0000", Some("+551190000000")),
            ("0221/47 11.09", Some("0221471109")),
            ("12345", None),
            ("+1234567890123456", None),
            ("call me", None),
            ("++123456", None),
            ("", None),
        ] {
            assert_eq!(number(written).as_deref(), meant, "{written}");
        }
    }
}
