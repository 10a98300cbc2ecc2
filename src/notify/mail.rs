//! Mail: handed to the server by a job, so that a server that is down costs a delay and never a mail.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::config::choices::MailSecurity;
use crate::config::sections;
use crate::jobs::queue::{Limits, NewJob, enqueue};
use crate::jobs::runner::{Handler, JobError, JobRun};
use crate::store::{Result, Store, Tenant, WriteTx};

/// The kind of job that hands a mail over.
pub const SEND: &str = "mail.send";
/// Bytes of a mail's text.
pub const MAX_TEXT: usize = 64 * 1024;
/// Answers that mean "not now" before a mail is given up: with ten seconds before the second, that is most of a day.
const ATTEMPTS: u32 = 24;
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// Connections kept at the most, and for how long without use.
const CONNECTIONS: (u32, Duration) = (2, Duration::from_secs(30));

/// What a mail says; the payload of its job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// To whom, `ana@example.com` or `Ana <ana@example.com>`.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its text, cut off at [`MAX_TEXT`].
    pub text: String,
    /// What goes with it: not the files themselves, which are made when it is handed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<Attached>,
}

impl Letter {
    /// A letter with nothing attached.
    #[must_use]
    pub fn new(to: impl Into<String>, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { to: to.into(), subject: subject.into(), text: text.into(), attached: Vec::new() }
    }
}

/// A file that goes with a letter, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Who makes it: the name of one of the [`Files`].
    pub source: String,
    /// Of what.
    pub id: Id,
    /// In which form, such as `csv`.
    pub form: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Makes the files that go with letters: what they are made of is above mail, and is asked for when one is handed over.
pub trait Files: Send + Sync + 'static {
    /// The name letters call it by.
    fn source(&self) -> &'static str;
    /// The file; none when what it was made of is gone.
    ///
    /// # Errors
    /// Storage failures.
    fn file(&self, store: &Store, tenant: Tenant, what: &Attached) -> Result<Option<NamedFile>>;
}

/// A mail on its way: the same job always makes the same mail, so that one that is sent again after a crash can be
/// recognised by its Message-ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The job's id, from which the Message-ID follows.
    pub id: Id,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub letter: Letter,
    /// What goes with it.
    pub files: Vec<NamedFile>,
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server can't be reached, or doesn't let us in: no fault of the mail's.
    #[error("the mail server can't be used: {0}")]
    Unreachable(String),
    /// The server doesn't take this mail now.
    #[error("the mail server did not take the mail: {0}")]
    Later(String),
    /// The server will never take this mail, or it can't be written.
    #[error("the mail can't be delivered: {0}")]
    Never(String),
}

/// Hands mails over.
pub trait Mailer: Send + Sync + 'static {
    /// Whether there is a mail server at all; without one alerts stay on the screen.
    fn is_on(&self) -> bool;
    /// Hands `mail` over.
    fn send(&self, mail: Mail) -> BoxFuture<'static, std::result::Result<(), MailError>>;
}

/// Demands a mail in the transaction of what it tells of.
///
/// # Errors
/// Storage failures.
pub fn post(tx: &mut dyn WriteTx, now: Timestamp, letter: Letter) -> Result<Id> {
    post_at(tx, now, now, letter)
}

/// The same, to be sent at `due`.
///
/// # Errors
/// Storage failures.
pub fn post_at(tx: &mut dyn WriteTx, now: Timestamp, due: Timestamp, mut letter: Letter) -> Result<Id> {
    let mut end = letter.text.len().min(MAX_TEXT);
    while !letter.text.is_char_boundary(end) {
        end -= 1;
    }
    letter.text.truncate(end);
    enqueue(tx, now, NewJob::new(SEND, &letter)?.at(due))
}

/// Carries out [`SEND`].
pub struct SendMail {
    /// By whom.
    pub mailer: Arc<dyn Mailer>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Who makes the files that go with mails.
    pub files: Vec<Arc<dyn Files>>,
}

impl SendMail {
    /// With the mailer and the time limit of the settings.
    #[must_use]
    pub fn new(mailer: Arc<dyn Mailer>, settings: &sections::Mail) -> Self {
        Self { mailer, timeout: Duration::from_secs(settings.timeout_s), files: Vec::new() }
    }

    /// The same with somebody who makes files.
    #[must_use]
    pub fn with(mut self, files: Arc<dyn Files>) -> Self {
        self.files.push(files);
        self
    }
}

/// The files that go with `letter`; one whose source is gone is left out, and the letter says so.
fn files_of(
    makers: &[Arc<dyn Files>],
    store: &Store,
    tenant: Tenant,
    letter: &mut Letter,
) -> Result<Vec<NamedFile>> {
    let mut files = Vec::with_capacity(letter.attached.len());
    for what in &letter.attached {
        let made = match makers.iter().find(|m| m.source() == what.source) {
            Some(maker) => maker.file(store, tenant, what)?,
            None => None,
        };
        match made {
            Some(file) => files.push(file),
            None => letter.text.push_str(&format!("\n[{} {}: no longer there]\n", what.source, what.form)),
        }
    }
    Ok(files)
}

impl Handler for SendMail {
    fn kind(&self) -> &'static str {
        SEND
    }

    fn limits(&self) -> Limits {
        // Ours runs out first: a server that hangs is one that can't be reached, not a failure of the job.
        Limits { attempts: ATTEMPTS, first_delay: FIRST_DELAY, timeout: self.timeout * 2 }
    }

    fn run(&self, job: JobRun) -> BoxFuture<'static, std::result::Result<(), JobError>> {
        let (mailer, timeout, makers) = (Arc::clone(&self.mailer), self.timeout, self.files.clone());
        Box::pin(async move {
            let mut letter: Letter = job.payload()?;
            let (store, tenant) = (job.store.clone(), job.tenant);
            let made = tokio::task::spawn_blocking(move || {
                let files = files_of(&makers, &store, tenant, &mut letter);
                files.map(|files| (letter, files))
            });
            let (letter, files) = made.await.map_err(|e| JobError::Failed(e.to_string()))??;
            let mail = Mail { id: job.job.id, at: job.job.created_at, letter, files };
            if !mailer.is_on() {
                return Err(JobError::Hopeless(
                    "no mail server is set; set mail.host and retry the job".into(),
                ));
            }
            match tokio::time::timeout(timeout, mailer.send(mail)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(e @ MailError::Unreachable(_))) => Err(JobError::Unreachable(e.to_string())),
                Ok(Err(e @ MailError::Later(_))) => Err(JobError::Failed(e.to_string())),
                Ok(Err(e @ MailError::Never(_))) => Err(JobError::Hopeless(e.to_string())),
                Err(_) => {
                    let why = format!("the mail server took longer than {} s", timeout.as_secs_f64());
                    Err(JobError::Unreachable(why))
                }
            }
        })
    }
}

/// Mail by SMTP.
pub struct Smtp {
    settings: sections::Mail,
    transport: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
}

impl Smtp {
    /// By the server of the settings. Connects when the first mail is sent.
    #[must_use]
    pub fn new(settings: sections::Mail) -> Self {
        Self { settings, transport: OnceLock::new() }
    }

    /// The pool of connections; made inside the runtime, which tends it.
    fn transport(&self) -> std::result::Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
        if let Some(made) = self.transport.get() {
            return Ok(made.clone());
        }
        let s = &self.settings;
        type Smtp = AsyncSmtpTransport<Tokio1Executor>;
        let builder = match s.security {
            MailSecurity::Starttls => Smtp::starttls_relay(&s.host),
            MailSecurity::Tls => Smtp::relay(&s.host),
            MailSecurity::None => Ok(Smtp::builder_dangerous(&s.host)),
        };
        let mut builder = builder
            .map_err(|e| MailError::Unreachable(chain(&e)))?
            .port(s.port)
            .timeout(Some(Duration::from_secs(s.timeout_s)))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS.0).idle_timeout(CONNECTIONS.1));
        if !s.user.is_empty() {
            builder = builder.credentials(Credentials::new(s.user.clone(), s.password.expose().to_owned()));
        }
        Ok(self.transport.get_or_init(|| builder.build()).clone())
    }
}

impl Mailer for Smtp {
    fn is_on(&self) -> bool {
        self.settings.is_on()
    }

    fn send(&self, mail: Mail) -> BoxFuture<'static, std::result::Result<(), MailError>> {
        let ready = self.transport().and_then(|t| Ok((t, message(&mail, &self.settings.from)?)));
        Box::pin(async move {
            let (transport, message) = ready?;
            match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(e) => Err(classify(e.status().map(u16::from), chain(&e))),
            }
        })
    }
}

/// What an answer of the server means for the mail. A login that is refused is no fault of the mail's, and a server
/// that closes (421) is as good as one that is down.
fn classify(status: Option<u16>, why: String) -> MailError {
    match status {
        None | Some(421 | 454 | 530 | 534 | 535 | 538) => MailError::Unreachable(why),
        Some(500..) => MailError::Never(why),
        Some(_) => MailError::Later(why),
    }
}

/// An error with what caused it.
fn chain(e: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(e.source(), |e| e.source());
    causes.fold(e.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn message(mail: &Mail, from: &str) -> std::result::Result<Message, MailError> {
    let Mail { id, at, letter: Letter { to, subject, text, attached: _ }, files } = mail;
    let mailbox = |what: &str, text: &str| {
        text.parse::<Mailbox>()
            .map_err(|e| MailError::Never(format!("the {what} \"{text}\" is not an address: {e}")))
    };
    let (from, to) = (mailbox("sender", from)?, mailbox("recipient", to)?);
    let message_id = format!("<{id}@{}>", from.email.domain());
    // A line break in a subject would be a header of the sender's choice.
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let builder: MessageBuilder = Message::builder()
        .from(from)
        .to(to)
        .subject(subject)
        .message_id(Some(message_id))
        .date(UNIX_EPOCH + Duration::from_millis(at.unsigned()))
        .raw_header(HeaderValue::new(automatic, "auto-generated".into()));
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    if files.is_empty() {
        return builder.singlepart(SinglePart::plain(text)).map_err(|e| MailError::Never(e.to_string()));
    }
    let mut parts = MultiPart::mixed().singlepart(SinglePart::plain(text));
    for NamedFile { name, media, bytes } in files {
        let media = media.parse().map_err(|e| MailError::Never(format!("{media} is no media type: {e}")))?;
        parts = parts.singlepart(Attachment::new(name.clone()).body(bytes.clone(), media));
    }
    builder.multipart(parts).map_err(|e| MailError::Never(e.to_string()))
}

/// Mail that is kept in memory, for tests.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    mails: Vec<Mail>,
    refusal: Option<MailError>,
}

impl Outbox {
    /// The mails so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).mails.clone()
    }

    /// From now on every mail is refused so; with none they are taken again.
    pub fn refuse(&self, with: Option<MailError>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refusal = with;
    }
}

impl Mailer for Outbox {
    fn is_on(&self) -> bool {
        true
    }

    fn send(&self, mail: Mail) -> BoxFuture<'static, std::result::Result<(), MailError>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let out = kept.refusal.clone().map_or(Ok(()), Err);
        if out.is_ok() {
            kept.mails.push(mail);
        }
        Box::pin(std::future::ready(out))
    }
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
