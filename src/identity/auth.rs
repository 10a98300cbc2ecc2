//! Coming in, staying in and going out: logins, refresh tokens and sessions; `station` switches a device to a person,
//! `account` is what people do to their own account, `tries` counts what failed.
//!
//! The functions that take a [`Store`] block, for a password costs tens of milliseconds on purpose: call them off the
//! request threads. Every attempt is counted before its secret is looked at and taken back when it was right, so that
//! a thousand attempts at once get no more tries than one after the other.

use std::net::IpAddr;
use std::time::Duration;

use super::error::IdentityError;
use super::gate::Gate;
use super::grant::Actor;
use super::model::{Credentials, Refresh, Session, SessionKind, Tenant, User, normal_login};
use super::opaque::{Opaque, Purpose};
use super::password;
use super::repo::{self, CREDENTIALS, REFRESHES, SESSIONS};
use super::secret::Secret;
use super::token::{Claims, LIFETIME, Tokens};
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::Cx;
use crate::store::{Lane, NODE, ReadTx, Store, StoreError, WriteTx};

pub mod account;
pub mod api;
pub mod station;
mod tries;

pub use account::{Register, change_password, register};
pub use station::{Switch, switch};
use tries::{account_key, address_key, charge, settle};

/// Sessions one user can have; one more ends the oldest.
pub const MAX_SESSIONS: usize = 50;
/// How often a refresh token of one session is exchanged at the most: a month of quarters of an hour.
pub const MAX_ROTATIONS: u32 = 3_000;
/// How long a refresh token is good for, and with it a session that uses it.
pub const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a browser may be idle.
pub const BROWSER_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How often it is written down that a session was seen.
pub const SEEN_EVERY: Duration = Duration::from_secs(60);

/// A wish to come in.
#[derive(Debug)]
pub struct Ask {
    /// `login`, or `login@tenant`.
    pub login: String,
    /// The password.
    pub password: Secret<String>,
    /// How the device calls itself.
    pub device: Option<String>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// Whether a cookie is wanted instead of tokens.
    pub browser: bool,
}

/// Somebody has come in.
#[derive(Debug)]
pub struct Entered {
    /// Who.
    pub user: User,
    /// The tenant.
    pub tenant: u32,
    /// The session.
    pub session: Session,
    /// The access token; none for a browser.
    pub access: Option<String>,
    /// The refresh token, or the cookie for a browser. None for the command line.
    pub secret: Option<Opaque>,
}

impl Entered {
    /// Seconds the access token, or the idle browser, is good for.
    #[must_use]
    pub fn expires_in(&self) -> u64 {
        if self.access.is_some() { LIFETIME.as_secs() } else { lifetime(self.session.kind).as_secs() }
    }
}

fn lifetime(kind: SessionKind) -> Duration {
    if kind == SessionKind::Browser { BROWSER_LIFETIME } else { REFRESH_LIFETIME }
}

/// The token a page has to send with changes: it follows from the cookie, which no other site can read.
#[must_use]
pub fn csrf_of(cookie: &str) -> String {
    blake3::Hash::from(blake3::derive_key("crossdock csrf token of a session cookie", cookie.as_bytes()))
        .to_hex()
        .to_string()
}

/// The tenant and login that `text` means: `login@tenant`, or `login` alone where there is one tenant. Text that means
/// no tenant is looked for in the node's own, where nobody is.
///
/// # Errors
/// Storage failures.
pub fn locate(node: &dyn ReadTx, text: &str) -> Result<(u32, String), StoreError> {
    let login = normal_login(text);
    if login.len() > text::SHORT {
        return Ok((NODE, String::new()));
    }
    if let Some((name, tenant)) = login.rsplit_once('@')
        && let Some(t) = repo::tenant_named(node, tenant)?.filter(|t| t.ready)
    {
        return Ok((t.number, name.to_owned()));
    }
    let ready: Vec<Tenant> = repo::tenants(node)?.into_iter().filter(|t| t.ready).collect();
    Ok(match &ready[..] {
        [only] => (only.number, login),
        _ => (NODE, login),
    })
}

/// Lets somebody in who knows a password.
///
/// # Errors
/// [`IdentityError::Refused`] for every wrong login alike; throttled, unapproved; storage failures.
pub fn login(store: &Store, gate: &Gate, ask: Ask, now: Timestamp) -> Result<Entered, IdentityError> {
    let (tenant, login) = store.read(NODE, |tx| locate(tx, &ask.login))?;
    let keys = [Some(account_key(&login)), ask.address.map(address_key)];
    let found = store.write(tenant, Lane::People, move |tx| {
        charge(tx, keys, now)?;
        let user = repo::by_login(tx, &login)?;
        let kept =
            user.as_ref().map(|u| CREDENTIALS.get(tx, &u.id)).transpose()?.flatten().unwrap_or_default();
        Ok::<_, IdentityError>((user, kept))
    });
    let (user, kept) = found.wait()?;
    let right = password::verify(ask.password.reveal(), kept.password.as_deref());
    let stale = kept.password.as_deref().filter(|h| right && password::needs_rehash(h));
    let rehashed = stale.map(|_| password::hash(ask.password.reveal())).transpose()?;
    let secret = Opaque::fresh(tenant, if ask.browser { Purpose::Session } else { Purpose::Refresh })?;
    let (digest, id, device) = (secret.digest(), Id::fresh(), ask.device.clone());
    let (browser, address) = (ask.browser, ask.address);
    let settled = store.write(
        tenant,
        Lane::People,
        move |tx| -> Result<Result<(User, Session), IdentityError>, IdentityError> {
            let Some(user) = user.clone().filter(|u| right && u.active) else {
                let who = user.as_ref().map_or(Id::NIL, |u| u.id);
                // The login of nobody is not written down: people type their password into the wrong field.
                let name = user.as_ref().map(|u| u.login.clone());
                note(
                    tx,
                    &Actor::system(),
                    now,
                    "login.failed",
                    who,
                    vec![Changed::new("login", serde_json::Value::Null, name)],
                    address,
                )?;
                return Ok(Err(IdentityError::Refused));
            };
            settle(tx, keys, now)?;
            if let Some(hash) = &rehashed {
                let kept = CREDENTIALS.get(tx, &user.id)?.unwrap_or_default();
                CREDENTIALS.put(tx, &user.id, &Credentials { password: Some(hash.clone()), ..kept })?;
            }
            if !user.approved {
                return Ok(Err(IdentityError::AwaitsApproval));
            }
            let kind = match (user.is_station, browser) {
                (true, _) => SessionKind::Station,
                (false, true) => SessionKind::Browser,
                (false, false) => SessionKind::Token,
            };
            let device =
                device.clone().filter(|d| !d.trim().is_empty()).map(|d| d.chars().take(64).collect());
            let device = device.or_else(|| user.is_station.then(|| user.name.clone()));
            let address = address.map(|a| a.to_string());
            let cookie = browser.then_some(digest);
            let expires = now.after(lifetime(kind));
            let session = Session {
                id,
                user: user.id,
                acting: None,
                kind,
                device,
                address,
                created_at: now,
                seen_at: now,
                expires,
                cookie,
                rotations: 0,
            };
            begin(tx, &session)?;
            if !browser {
                REFRESHES.put(tx, digest.as_bytes(), &Refresh { session: id, used: false, expires })?;
            }
            let actor = Actor {
                user: user.id,
                number: user.number,
                name: user.name.as_str().into(),
                device: session.device.as_deref().map(Into::into),
            };
            note(
                tx,
                &actor,
                now,
                "login.succeeded",
                user.id,
                vec![Changed::new("session", serde_json::Value::Null, id.to_string())],
                None,
            )?;
            Ok(Ok((user, session)))
        },
    );
    let (user, session) = settled.wait()??;
    let access =
        if browser { None } else { Some(gate.tokens().issue(&Claims::fresh(user.id, tenant, id, now))?) };
    Ok(Entered { user, tenant, session, access, secret: Some(secret) })
}

/// An access token for `login` without a password, for the command line on the machine itself. It has a session, so
/// that it can be revoked.
///
/// # Errors
/// When there is no such user; storage failures.
pub fn token_for(
    store: &Store,
    tokens: &Tokens,
    login: &str,
    now: Timestamp,
) -> Result<Entered, IdentityError> {
    let unknown = || IdentityError::Unknown { what: "user", name: login.to_owned() };
    let (tenant, name) = store.read(NODE, |tx| locate(tx, login))?;
    let user = store.read::<_, IdentityError>(tenant, |tx| Ok(repo::by_login(tx, &name)?))?;
    let user = user.filter(|u| u.active && u.approved).ok_or_else(unknown)?;
    let id = Id::fresh();
    let session = Session {
        id,
        user: user.id,
        acting: None,
        kind: SessionKind::Token,
        device: Some("command line".into()),
        address: None,
        created_at: now,
        seen_at: now,
        expires: now.after(LIFETIME),
        cookie: None,
        rotations: 0,
    };
    let kept = session.clone();
    let actor = user.id;
    store
        .write(tenant, Lane::People, move |tx| -> Result<(), IdentityError> {
            begin(tx, &kept)?;
            note(
                tx,
                &Actor::system(),
                now,
                "token.issued",
                actor,
                vec![Changed::new("session", serde_json::Value::Null, id.to_string())],
                None,
            )?;
            Ok(())
        })
        .wait()?;
    let access = Some(tokens.issue(&Claims::fresh(user.id, tenant, id, now))?);
    Ok(Entered { user, tenant, session, access, secret: None })
}

/// Exchanges a refresh token for the next pair. One that was exchanged before ends its whole family: somebody has a
/// copy, and nobody can say who of the two is the right one.
///
/// # Errors
/// [`IdentityError::RefreshOver`] and [`IdentityError::RefreshReused`]; storage failures.
pub fn refresh(
    store: &Store,
    gate: &Gate,
    text: &str,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Entered, IdentityError> {
    let old = Opaque::parse(text)
        .ok()
        .filter(|o| o.purpose() == Purpose::Refresh && o.tenant() != NODE)
        .ok_or(IdentityError::RefreshOver)?;
    let tenant = old.tenant();
    // A tenant that does not exist must not get rows by being asked for.
    if !store.read::<_, StoreError>(tenant, |tx| Ok(REFRESHES.get(tx, old.digest().as_bytes())?.is_some()))? {
        return Err(IdentityError::RefreshOver);
    }
    let next = Opaque::fresh(tenant, Purpose::Refresh)?;
    let (was, becomes) = (old.digest(), next.digest());
    let settled = store.write(
        tenant,
        Lane::People,
        move |tx| -> Result<Result<(User, Session), IdentityError>, IdentityError> {
            let Some(row) = REFRESHES.get(tx, was.as_bytes())? else {
                return Ok(Err(IdentityError::RefreshOver));
            };
            let session = SESSIONS.get(tx, &row.session)?;
            if row.used {
                repo::end_session(tx, row.session)?;
                let who = session.map_or(Id::NIL, |s| s.user);
                note(
                    tx,
                    &Actor::system(),
                    now,
                    "refresh.reused",
                    who,
                    vec![Changed::new("session", row.session.to_string(), serde_json::Value::Null)],
                    address,
                )?;
                return Ok(Err(IdentityError::RefreshReused));
            }
            let Some(mut session) =
                session.filter(|s| now < row.expires && now < s.expires && s.rotations < MAX_ROTATIONS)
            else {
                repo::end_session(tx, row.session)?;
                return Ok(Err(IdentityError::RefreshOver));
            };
            let user = repo::standing(tx, session.user, now)?.filter(repo::Standing::is_admitted);
            let Some(user) = user.map(|s| s.user) else {
                repo::end_session(tx, row.session)?;
                return Ok(Err(IdentityError::RefreshOver));
            };
            session.rotations += 1;
            (session.seen_at, session.expires) = (now, now.after(REFRESH_LIFETIME));
            session.address = address.map(|a| a.to_string()).or(session.address);
            SESSIONS.put(tx, &session.id, &session)?;
            REFRESHES.put(tx, was.as_bytes(), &Refresh { used: true, ..row })?;
            REFRESHES.put(
                tx,
                becomes.as_bytes(),
                &Refresh { session: session.id, used: false, expires: session.expires },
            )?;
            Ok(Ok((user, session)))
        },
    );
    let (user, session) = settled.wait()?.inspect_err(|_| gate.changed())?;
    let access = Some(gate.tokens().issue(&Claims::fresh(user.id, tenant, session.id, now))?);
    Ok(Entered { user, tenant, session, access, secret: Some(next) })
}

/// Ends the caller's own session.
///
/// # Errors
/// Storage failures.
pub fn logout(tx: &mut dyn WriteTx, actor: &Actor, session: Id, now: Timestamp) -> Result<(), IdentityError> {
    if repo::end_session(tx, session)? {
        note(
            tx,
            actor,
            now,
            "logout.done",
            actor.user,
            vec![Changed::new("session", session.to_string(), serde_json::Value::Null)],
            None,
        )?;
    }
    Ok(())
}

/// Ends every session of `user` but `stays` and takes them off every station; returns how many were ended.
///
/// # Errors
/// Storage failures.
pub fn end_all(tx: &mut dyn WriteTx, user: Id, stays: Option<Id>) -> Result<usize, StoreError> {
    let mut ended = 0;
    for session in repo::sessions(tx, Some(user), MAX_SESSIONS * 2)? {
        if Some(session.id) != stays {
            ended += usize::from(repo::end_session(tx, session.id)?);
        }
    }
    repo::leave_stations(tx, user, stays)?;
    Ok(ended)
}

/// Writes down that a session was seen; a browser's lives on by it.
///
/// # Errors
/// Storage failures.
pub fn touch(
    tx: &mut dyn WriteTx,
    id: Id,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(mut session) = SESSIONS.get(tx, &id)? else { return Ok(()) };
    session.seen_at = now;
    session.address = address.map(|a| a.to_string()).or(session.address);
    if session.cookie.is_some() {
        session.expires = now.after(lifetime(session.kind));
    }
    SESSIONS.put(tx, &id, &session).map(drop)
}

/// Begins a session; beyond [`MAX_SESSIONS`] of one user the one longest unseen ends.
fn begin(tx: &mut dyn WriteTx, session: &Session) -> Result<(), StoreError> {
    let mut present = repo::sessions(tx, Some(session.user), MAX_SESSIONS * 2)?;
    present.sort_by_key(|s| s.seen_at);
    let beyond = (present.len() + 1).saturating_sub(MAX_SESSIONS);
    for old in present.iter().take(beyond) {
        repo::end_session(tx, old.id)?;
    }
    SESSIONS.put(tx, &session.id, session).map(drop)
}

/// Notes something about `user` in the audit log.
pub(super) fn note(
    tx: &mut dyn WriteTx,
    actor: &Actor,
    now: Timestamp,
    action: &str,
    user: Id,
    mut changed: Vec<Changed>,
    address: Option<IpAddr>,
) -> Result<(), StoreError> {
    if let Some(address) = address {
        changed.push(Changed::new("address", serde_json::Value::Null, address.to_string()));
    }
    changed.retain(|c| c.1 != c.2 || c.1 == "[redacted]");
    let cx = Cx::new(tx, actor, now, "http")?;
    audit::note(
        tx,
        &cx,
        &audit::Entry { class: audit::Class::Always, action, record: "user", id: user, event: None, changed },
    )
    .map(drop)
}

#[cfg(test)]
mod tests;
