//! The use cases of webhooks.

use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{
    MAX_SECRETS, MAX_TYPES, MAX_WEBHOOKS, MESSAGES, Message, State, WEBHOOKS, Webhook, message_key,
};
use super::reach::Allowed;
use super::signing;
use super::work::{Payload, SEND};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::ManageWebhooks;
use crate::identity::grant::Grant;
use crate::jobs::queue::{NewJob, enqueue, id_at};
use crate::journal::Cx;
use crate::store::table::{Entry, Rows};
use crate::store::{Dir, Ix, KeyRange, ReadTx, StoreError, WriteTx};

/// Why a webhook could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is none.
    #[error("no webhook {0}")]
    Unknown(String),
    /// It has changed since it was read.
    #[error("the webhook is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No secret can be made.
    #[error("{0}")]
    Secret(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for WebhookError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Secret(_) => Kind::Internal,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "webhook.unknown",
            Self::Stale { .. } => "webhook.stale",
            Self::Invalid(_) => "webhook.invalid",
            Self::Secret(_) => "webhook.secret",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.fields(),
            _ => Vec::new(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Store(e) => e.retry_after_s(),
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, WebhookError>;

/// A subscription as it is asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where messages go.
    pub url: String,
    /// What it is told of: event names or the beginnings of them, `delivery.`; everything when empty.
    #[serde(default)]
    pub types: Vec<String>,
}

/// The webhook `id`.
///
/// # Errors
/// When there is none.
pub fn find(tx: &dyn ReadTx, id: &str) -> Result<Entry<Webhook>> {
    let unknown = || WebhookError::Unknown(id.to_owned());
    let parsed: Id = id.parse().map_err(|_| unknown())?;
    WEBHOOKS.entry(tx, &parsed)?.ok_or_else(unknown)
}

/// All webhooks, oldest first.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx) -> std::result::Result<Vec<Entry<Webhook>>, StoreError> {
    Ok(WEBHOOKS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_WEBHOOKS)?.items)
}

/// Subscribes. The secret is in the answer, and nowhere else afterwards.
///
/// # Errors
/// When the address may not be reached, or there are too many.
pub fn create(
    tx: &mut dyn WriteTx,
    _: &Grant<ManageWebhooks>,
    cx: &Cx,
    allowed: &Allowed,
    new: &NewWebhook,
) -> Result<(Webhook, u64)> {
    let mut wrong = Vec::new();
    if let Err(why) = allowed.check(&new.url) {
        wrong.push(Problem::new("/url", text::clipped(why, text::SHORT)));
    }
    wrong.extend(text::required("/url", &new.url, 2_000).err());
    if new.types.len() > MAX_TYPES {
        wrong.push(Problem::new("/types", format!("names {} types; at most {MAX_TYPES}", new.types.len())));
    }
    for (n, t) in new.types.iter().enumerate().take(MAX_TYPES) {
        wrong.extend(text::required(&format!("/types/{n}"), t, 100).err());
    }
    if !wrong.is_empty() {
        return Err(Invalid(wrong).into());
    }
    if all(tx)?.len() >= MAX_WEBHOOKS {
        return Err(Invalid::at("/", format!("there are {MAX_WEBHOOKS} webhooks; remove one first")).into());
    }
    let webhook = Webhook {
        id: id_at(cx.now),
        url: new.url.clone(),
        types: new.types.clone(),
        secrets: vec![signing::fresh_secret().map_err(WebhookError::Secret)?],
        active: true,
        trouble: None,
        created_at: cx.now,
    };
    let rev = WEBHOOKS.put(tx, &webhook.id, &webhook)?;
    Ok((webhook, rev))
}

/// Ends a subscription; what waits for it is let go of.
///
/// # Errors
/// When it is unknown or has changed.
pub fn remove(tx: &mut dyn WriteTx, _: &Grant<ManageWebhooks>, id: &str, seen: u64) -> Result<()> {
    let found = find(tx, id)?;
    if found.rev != seen {
        return Err(WebhookError::Stale { found: found.rev, seen });
    }
    WEBHOOKS.del(tx, &found.value.id)?;
    Ok(())
}

/// Gives a webhook a new key. Messages carry signatures by the new one and those before it, until they are pushed out;
/// one that was switched off is told again.
///
/// # Errors
/// When it is unknown.
pub fn rotate(tx: &mut dyn WriteTx, _: &Grant<ManageWebhooks>, id: &str) -> Result<(Webhook, u64)> {
    let mut webhook = find(tx, id)?.value;
    webhook.secrets.insert(0, signing::fresh_secret().map_err(WebhookError::Secret)?);
    webhook.secrets.truncate(MAX_SECRETS);
    (webhook.active, webhook.trouble) = (true, None);
    let rev = WEBHOOKS.put(tx, &webhook.id, &webhook)?;
    Ok((webhook, rev))
}

/// What was sent to a webhook, newest first.
///
/// # Errors
/// When it is unknown.
pub fn messages(tx: &dyn ReadTx, id: &str, after: Option<Vec<u8>>, n: usize) -> Result<Rows<Message>> {
    let webhook = find(tx, id)?.value.id;
    Ok(MESSAGES.scan(tx, Ix::Primary, &KeyRange::prefix(&webhook.0).resume(after), Dir::Down, n)?)
}

/// Sends a message once more, from its first attempt on.
///
/// # Errors
/// When webhook or message are unknown.
pub fn resend(
    tx: &mut dyn WriteTx,
    _: &Grant<ManageWebhooks>,
    now: Timestamp,
    id: &str,
    message: &str,
) -> Result<Message> {
    let webhook = find(tx, id)?.value.id;
    let unknown = || WebhookError::Unknown(format!("message {message}"));
    let parsed: Id = message.parse().map_err(|_| unknown())?;
    let key = message_key(webhook, parsed);
    let mut m = MESSAGES.get(tx, &key)?.ok_or_else(unknown)?;
    (m.state, m.attempts, m.error) = (State::Pending, 0, None);
    MESSAGES.put(tx, &key, &m)?;
    enqueue(tx, now, NewJob::new(SEND, &Payload { webhook, message: parsed, attempt: 0 })?)?;
    Ok(m)
}
