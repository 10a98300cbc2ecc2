//! The gate: from what a request shows to who it is.
//!
//! What was shown once is known again by its hash for at most a second, and not at all after a change of identity: so
//! a revoked session is refused at once, and one revoked elsewhere (by the exchange with headquarters, say) within a
//! second. The way through for somebody known reads no row and checks no signature.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::auth;
use super::features::Features;
use super::grant::{Principal, Scope};
use super::model::{ApiKey, Session, SessionKind};
use super::opaque::{Opaque, Purpose};
use super::repo::{self, API_KEYS, SESSIONS, Standing};
use super::secret::Keys;
use super::token::{Claims, MAX_BYTES, TokenError, Tokens};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Kind};
use crate::base::ids::Id;
use crate::store::{Lane, NODE, ReadTx, Store, StoreError};

/// Credentials that are known again without a look at the store.
pub const MAX_KNOWN: usize = 10_000;
/// How long somebody is known without a look at the store.
pub const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// What a request shows of itself. No HTTP types: a test or another door can show the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// `Authorization: Bearer …`: an access token or an API key.
    pub bearer: Option<&'a str>,
    /// The session cookie.
    pub session: Option<&'a str>,
    /// The CSRF token sent with it.
    pub csrf: Option<&'a str>,
    /// Whether it changes something.
    pub changes: bool,
    /// Whether the browser says it comes from our own pages.
    pub same_origin: bool,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// Who may come in.
pub struct Gate {
    tokens: Tokens,
    keys: Arc<Keys>,
    generation: AtomicU64,
    known: quick_cache::sync::Cache<[u8; 32], Arc<Known>>,
}

/// What a credential turned out to be.
#[derive(Clone, Debug)]
enum Credential {
    Token(Claims),
    Cookie { tenant: u32, session: Id },
    Key { tenant: u32, key: Id },
}

/// Somebody who was looked up.
struct Known {
    credential: Credential,
    principal: Arc<Principal>,
    /// What changes have to show; only where the credential is a cookie.
    csrf: Option<String>,
    checked: Timestamp,
    until: Timestamp,
    generation: u64,
}

/// Why somebody stays outside.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Outside {
    /// Nothing valid was shown.
    #[error("log in first: send an access token or API key as Authorization: Bearer")]
    Unknown,
    /// A browser asks for a change without showing that one of our pages does.
    #[error("this change did not come from one of our own pages: reload the page and try again")]
    Forged,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for Outside {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown => Kind::Unauthenticated,
            Self::Forged => Kind::Forbidden,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "auth.needed",
            Self::Forged => "auth.csrf",
            Self::Store(e) => e.code(),
        }
    }
    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Unknown | Self::Forged => None,
            Self::Store(e) => e.retry_after_s(),
        }
    }
}

impl Gate {
    /// A gate that knows tokens by the depot's keys.
    ///
    /// # Errors
    /// When the token key is none.
    pub fn new(keys: Arc<Keys>) -> Result<Self, TokenError> {
        Ok(Self {
            tokens: Tokens::new(&keys)?,
            keys,
            generation: AtomicU64::new(0),
            known: quick_cache::sync::Cache::new(MAX_KNOWN),
        })
    }

    /// What makes and reads access tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The depot's keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The fingerprint by which a badge is found.
    #[must_use]
    pub fn badge(&self, tenant: u32, code: &str) -> [u8; 32] {
        self.keys.fingerprint(&format!("badge/{tenant}"), code)
    }

    /// Something of identity has changed and is committed: everybody is looked up anew.
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Who it is.
    ///
    /// # Errors
    /// [`Outside`] when nothing valid was shown.
    pub fn admit(&self, store: &Store, shown: &Shown<'_>, now: Timestamp) -> Result<Arc<Principal>, Outside> {
        if let Some(bearer) = shown.bearer {
            let known = self.recognise(store, bearer, shown.address, now)?;
            return if known.csrf.is_none() {
                Ok(Arc::clone(&known.principal))
            } else {
                Err(Outside::Unknown)
            };
        }
        let cookie = shown.session.ok_or(Outside::Unknown)?;
        let known = self.recognise(store, cookie, shown.address, now)?;
        let csrf = known.csrf.as_deref().ok_or(Outside::Unknown)?;
        let ours =
            shown.same_origin && shown.csrf.is_some_and(|c| c.as_bytes().ct_eq(csrf.as_bytes()).into());
        if shown.changes && !ours {
            return Err(Outside::Forged);
        }
        Ok(Arc::clone(&known.principal))
    }

    fn recognise(
        &self,
        store: &Store,
        text: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Known>, Outside> {
        if text.len() > MAX_BYTES {
            return Err(Outside::Unknown);
        }
        let key = *blake3::hash(text.as_bytes()).as_bytes();
        // Read before the rows are: a change in between makes what is found old already.
        let generation = self.generation.load(Ordering::Acquire);
        let known = self.known.get(&key);
        if let Some(known) = &known
            && known.generation == generation
            && now < known.until
            && now >= known.checked
            && now.since(known.checked) < TRUSTED_FOR
        {
            return Ok(Arc::clone(known));
        }
        let credential = match known {
            Some(known) => known.credential.clone(),
            None => self.read(store, text, now)?,
        };
        let Some((principal, until, unseen)) = look_up(store, &credential, now)? else {
            self.known.remove(&key);
            return Err(Outside::Unknown);
        };
        if let Some(id) = unseen {
            // Nobody waits for it, and a lost one costs a minute of precision.
            drop(store.write(principal.tenant, Lane::Bulk, move |tx| auth::touch(tx, id, address, now)));
        }
        let csrf = matches!(credential, Credential::Cookie { .. }).then(|| auth::csrf_of(text));
        let known = Arc::new(Known {
            credential,
            principal: Arc::new(principal),
            csrf,
            checked: now,
            until,
            generation,
        });
        self.known.insert(key, Arc::clone(&known));
        Ok(known)
    }

    /// What a text is that was not seen before.
    fn read(&self, store: &Store, text: &str, now: Timestamp) -> Result<Credential, Outside> {
        let Ok(opaque) = Opaque::parse(text) else {
            return self.tokens.verify(text, now).map(Credential::Token).map_err(|_| Outside::Unknown);
        };
        let (tenant, digest) = (opaque.tenant(), opaque.digest());
        let found = match opaque.purpose() {
            Purpose::Session if tenant != NODE => store
                .read(tenant, |tx| repo::session_with(tx, &digest))?
                .map(|s| Credential::Cookie { tenant, session: s.id }),
            Purpose::ApiKey if tenant != NODE => store
                .read(tenant, |tx| repo::api_key_with(tx, &digest))?
                .map(|k| Credential::Key { tenant, key: k.id }),
            _ => None,
        };
        found.ok_or(Outside::Unknown)
    }
}

/// Who the credential makes its bearer now, until when that surely holds, and the session if it should be noted as
/// seen. None when it is no good any more.
fn look_up(
    store: &Store,
    credential: &Credential,
    now: Timestamp,
) -> Result<Option<(Principal, Timestamp, Option<Id>)>, StoreError> {
    match credential {
        Credential::Token(c) => store.read(c.tenant, |tx| {
            let session = SESSIONS.get(tx, &c.session)?.filter(|s| s.user == c.user && now < c.expires);
            by_session(tx, c.tenant, session, c.expires, now)
        }),
        Credential::Cookie { tenant, session } => {
            store.read(*tenant, |tx| by_session(tx, *tenant, SESSIONS.get(tx, session)?, Timestamp::MAX, now))
        }
        Credential::Key { tenant, key } => store.read(*tenant, |tx| {
            let Some(key) = API_KEYS.get(tx, key)?.filter(|k| now < k.expires) else { return Ok(None) };
            let standing = repo::standing(tx, key.user, now)?.filter(Standing::is_admitted);
            Ok(standing.map(|s| by_key(*tenant, &key, &s)))
        }),
    }
}

fn by_key(tenant: u32, key: &ApiKey, s: &Standing) -> (Principal, Timestamp, Option<Id>) {
    let features = both(&key.features, &s.features);
    let scope = s.scope.clone().meet(key.scope.as_ref().unwrap_or(&Scope::Tenant));
    let device = format!("key: {}", key.name);
    let until = s.until.map_or(key.expires, |u| u.min(key.expires));
    let principal = Principal {
        tenant,
        actor: s.actor(Some(&device)),
        features,
        scope,
        language: s.user.language.clone(),
        session: None,
    };
    (principal, until, None)
}

fn by_session(
    tx: &dyn ReadTx,
    tenant: u32,
    session: Option<Session>,
    expires: Timestamp,
    now: Timestamp,
) -> Result<Option<(Principal, Timestamp, Option<Id>)>, StoreError> {
    let Some(session) = session.filter(|s| now < s.expires) else { return Ok(None) };
    let Some(own) = repo::standing(tx, session.user, now)?.filter(Standing::is_admitted) else {
        return Ok(None);
    };
    let mut until = own.until.map_or(expires, |u| u.min(expires)).min(session.expires);
    let acting = match session.acting.filter(|_| session.kind == SessionKind::Station) {
        Some(person) => repo::standing(tx, person, now)?.filter(Standing::is_admitted),
        None => None,
    };
    let device = session.device.as_deref();
    let (actor, features, scope, language) = match acting {
        Some(person) => {
            until = person.until.map_or(until, |u| u.min(until));
            // A PIN is weaker than a password: on a station nobody may do more than the station's role.
            (
                person.actor(device),
                both(&person.features, &own.features),
                person.scope.meet(&own.scope),
                person.user.language,
            )
        }
        None => (own.actor(device), own.features, own.scope, own.user.language),
    };
    let unseen = (now.since(session.seen_at) >= auth::SEEN_EVERY).then_some(session.id);
    let principal = Principal { tenant, actor, features, scope, language, session: Some(session.id) };
    Ok(Some((principal, until, unseen)))
}

fn both(a: &Features, b: &Features) -> Features {
    a.minus(&a.minus(b))
}
