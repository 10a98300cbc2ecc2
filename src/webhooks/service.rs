//! The use cases of webhooks.

use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{
    MAX_KEYS, MAX_WEBHOOKS, MESSAGES, Message, PLACES, Place, SealedKey, State, WEBHOOKS, Webhook,
    message_key, place,
};
use super::reach::Allowed;
use super::send::{Payload, SEND};
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::events::feed::MAX_TYPES;
use crate::identity::features::ManageWebhooks;
use crate::identity::grant::Grant;
use crate::identity::secret::{Keys, Secret, SecretError, random};
use crate::identity::signature;
use crate::jobs::queue::{NewJob, enqueue, id_at};
use crate::journal::Cx;
use crate::journal::log::APPLIED;
use crate::store::table::{Entry, Rows};
use crate::store::{DEPOT, Dir, Ix, KeyRange, ReadTx, StoreError, Tenant, WriteTx};

/// Why a webhook could not be found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is none.
    #[error("no webhook {0}")]
    Unknown(String),
    /// There is no such message to it.
    #[error("no message {0} to this webhook")]
    UnknownMessage(String),
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
    /// No key can be made or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There are as many as there may be.
    #[error("there are {0} webhooks, as many as are kept; remove one first")]
    Full(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for WebhookError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) | Self::UnknownMessage(_) => Kind::NotFound,
            Self::Stale { .. } => Kind::Stale,
            Self::Invalid(e) => e.kind(),
            Self::Secret(e) => e.kind(),
            Self::Full(_) => Kind::Conflict,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "webhook.unknown",
            Self::UnknownMessage(_) => "webhook.unknown_message",
            Self::Stale { .. } => "webhook.stale",
            Self::Invalid(_) => "webhook.invalid",
            Self::Secret(e) => e.code(),
            Self::Full(_) => "webhook.full",
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

fn context(tenant: Tenant, id: Id) -> String {
    format!("webhook/{tenant}/{id}/key")
}

/// A fresh key, sealed, and as it is written: to be shown once.
fn fresh_key(keys: &Keys, tenant: Tenant, id: Id, now: Timestamp) -> Result<(SealedKey, String)> {
    let key = random::<32>()?;
    let sealed = keys.seal(&context(tenant, id), &key)?.into();
    Ok((SealedKey { made_at: now, sealed }, signature::written(&key)))
}

/// The keys messages to a webhook are signed with, the newest first.
///
/// # Errors
/// When one can't be opened.
pub fn keys(
    keys: &Keys,
    tenant: Tenant,
    webhook: &Webhook,
) -> std::result::Result<Vec<Secret<Vec<u8>>>, SecretError> {
    let context = context(tenant, webhook.id);
    webhook.keys.iter().map(|k| keys.open_sealed(&context, &k.sealed)).collect()
}

fn noted(tx: &mut dyn WriteTx, cx: &Cx, webhook: &Webhook, action: &str) -> Result<()> {
    let entry = audit::Entry {
        class: audit::Class::Always,
        action,
        record: "webhook",
        id: webhook.id,
        event: None,
        changed: vec![Changed::new("url", webhook.url.as_str(), webhook.url.as_str())],
    };
    audit::note(tx, cx, &entry)?;
    Ok(())
}

fn check(new: &NewWebhook, allowed: &Allowed) -> std::result::Result<(), Invalid> {
    let mut wrong = Vec::new();
    if let Err(why) = allowed.check(&new.url) {
        wrong.push(Problem::new("/url", text::clipped(why, text::SHORT)));
    }
    if new.types.len() > MAX_TYPES {
        wrong.push(Problem::new("/types", format!("names {} types; at most {MAX_TYPES}", new.types.len())));
    }
    for (n, t) in new.types.iter().enumerate().take(MAX_TYPES) {
        wrong.extend(text::required(&format!("/types/{n}"), t, 100).err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

/// Subscribes to what happens from now on. Returns the key beside it, as it is written; nobody can read it afterwards.
///
/// # Errors
/// When the address may not be reached, or there are too many.
pub fn create(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManageWebhooks>,
    cx: &Cx,
    seal: &Keys,
    allowed: &Allowed,
    new: &NewWebhook,
) -> Result<(Webhook, u64, String)> {
    check(new, allowed)?;
    if all(tx)?.len() >= MAX_WEBHOOKS {
        return Err(WebhookError::Full(MAX_WEBHOOKS));
    }
    let id = id_at(cx.now);
    let (key, shown) = fresh_key(seal, grant.tenant(), id, cx.now)?;
    let webhook = Webhook {
        id,
        url: new.url.clone(),
        types: new.types.clone(),
        keys: vec![key],
        active: true,
        trouble: None,
        created_at: cx.now,
    };
    let end = tx.head(DEPOT, APPLIED)?.last;
    PLACES.put(tx, &id, &Place { seq: end, waiting: 0 })?;
    noted(tx, cx, &webhook, "webhook.created")?;
    let rev = WEBHOOKS.put(tx, &id, &webhook)?;
    Ok((webhook, rev, shown))
}

/// Ends a subscription. What waits for it is let go of when its turn comes; what was sent goes with its age.
///
/// # Errors
/// When it is unknown or has changed.
pub fn remove(tx: &mut dyn WriteTx, _: &Grant<ManageWebhooks>, cx: &Cx, id: &str, seen: u64) -> Result<()> {
    let Entry { value: webhook, rev: found, .. } = find(tx, id)?;
    if found != seen {
        return Err(WebhookError::Stale { found, seen });
    }
    noted(tx, cx, &webhook, "webhook.removed")?;
    PLACES.del(tx, &webhook.id)?;
    WEBHOOKS.del(tx, &webhook.id)?;
    Ok(())
}

/// Gives a webhook a new key and returns it beside it, as it is written. Messages carry signatures by the new one and
/// those before it, until they are pushed out; one that was switched off is told again, from where it stood.
///
/// # Errors
/// When it is unknown.
pub fn rotate(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManageWebhooks>,
    cx: &Cx,
    seal: &Keys,
    id: &str,
) -> Result<(Webhook, u64, String)> {
    let mut webhook = find(tx, id)?.value;
    let (key, shown) = fresh_key(seal, grant.tenant(), webhook.id, cx.now)?;
    webhook.keys.insert(0, key);
    webhook.keys.truncate(MAX_KEYS);
    (webhook.active, webhook.trouble) = (true, None);
    noted(tx, cx, &webhook, "webhook.key_renewed")?;
    let rev = WEBHOOKS.put(tx, &webhook.id, &webhook)?;
    Ok((webhook, rev, shown))
}

/// Where a webhook stands.
///
/// # Errors
/// Storage failures.
pub fn standing(tx: &dyn ReadTx, id: Id) -> std::result::Result<Place, StoreError> {
    Ok(PLACES.get(tx, &id)?.unwrap_or_default())
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
    cx: &Cx,
    id: &str,
    message: &str,
) -> Result<Message> {
    let webhook = find(tx, id)?.value.id;
    let unknown = || WebhookError::UnknownMessage(message.to_owned());
    let parsed: Id = message.parse().map_err(|_| unknown())?;
    let key = message_key(webhook, parsed);
    let mut m = MESSAGES.get(tx, &key)?.ok_or_else(unknown)?;
    if m.state != State::Pending {
        place(tx, webhook, |place| place.waiting += 1)?;
    }
    (m.state, m.attempts, m.error) = (State::Pending, 0, None);
    m.round += 1;
    MESSAGES.put(tx, &key, &m)?;
    enqueue(tx, cx.now, NewJob::new(SEND, &Payload::of(&m))?)?;
    Ok(m)
}
