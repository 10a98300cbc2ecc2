//! Where identity is kept. Users and roles are reference records and travel; all else stays on the node.

use super::features::{Features, index_of};
use super::grant::{Actor, Scope};
use super::model::{ApiKey, Claim, Credentials, Link, Refresh, Role, Session, Tenant, Tries, User};
use super::opaque::Digest;
use super::roles::Reach;
use super::rules::effective;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::Folded;
use crate::journal::reference::{self, Ref, Reference};
use crate::store::table::Checked;
use crate::store::{Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// Users by id.
pub const USERS: Table<Id, Folded<Ref<User>>> = Table::new(40, "users", Home::ById);
/// Roles by the id that follows from their name.
pub const ROLES: Table<Id, Folded<Ref<Role>>> = Table::new(41, "roles", Home::ById);
/// Whose each login is.
const LOGINS: Table<str, Claim> = Table::new(42, "logins", Home::Local);
/// Hashes by user.
pub const CREDENTIALS: Table<Id, Credentials> =
    Table::new(43, "credentials", Home::Local).indexed(&[by_badge]);
/// Sessions that have not ended.
pub const SESSIONS: Table<Id, Session> =
    Table::new(44, "sessions", Home::Local).indexed(&[session_by_user, session_by_cookie, session_by_end]);
/// Refresh tokens by digest.
pub const REFRESHES: Table<[u8; 32], Refresh> =
    Table::new(45, "refresh_tokens", Home::Local).indexed(&[refresh_by_session, refresh_by_end]);
/// API keys.
pub const API_KEYS: Table<Id, ApiKey> = Table::new(46, "api_keys", Home::Local).indexed(&[key_by_digest]);
/// Failures of late, by account and address.
pub const TRIES: Table<Id, Tries> = Table::new(47, "login_tries", Home::Local).indexed(&[tries_by_end]);
/// Tenants by number, in the node's own tenant.
pub const TENANTS: Table<[u8], Tenant> = Table::new(48, "tenants", Home::Local).indexed(&[tenant_by_name]);
/// The one set-up link, in the node's own tenant.
pub const LINKS: Table<str, Link> = Table::new(49, "setup_links", Home::Local);

const BY_USER: Ix = Ix::Nth(0);
const BY_COOKIE: Ix = Ix::Nth(1);
const SESSION_END: Ix = Ix::Nth(2);
const REFRESH_END: Ix = Ix::Nth(1);
const FIRST: Ix = Ix::Nth(0);

fn moment(at: Timestamp) -> Option<Vec<u8>> {
    Some(at.unsigned().to_be_bytes().to_vec())
}
fn by_badge(c: &Credentials) -> Option<Vec<u8>> {
    c.badge.as_ref().map(|b| b.to_vec())
}
fn session_by_user(s: &Session) -> Option<Vec<u8>> {
    Some(s.user.0.to_vec())
}
fn session_by_cookie(s: &Session) -> Option<Vec<u8>> {
    s.cookie.map(|d| d.as_bytes().to_vec())
}
fn session_by_end(s: &Session) -> Option<Vec<u8>> {
    moment(s.expires)
}
fn refresh_by_session(r: &Refresh) -> Option<Vec<u8>> {
    Some(r.session.0.to_vec())
}
fn refresh_by_end(r: &Refresh) -> Option<Vec<u8>> {
    moment(r.expires)
}
fn key_by_digest(k: &ApiKey) -> Option<Vec<u8>> {
    Some(k.digest.as_bytes().to_vec())
}
fn tries_by_end(t: &Tries) -> Option<Vec<u8>> {
    moment(t.throttle.idle_at())
}
fn tenant_by_name(t: &Tenant) -> Option<Vec<u8>> {
    Some(t.name.clone().into_bytes())
}

impl Reference for User {
    const NAME: &'static str = "user";
    const KIND: u16 = 0x100;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &USERS;

    fn follow(tx: &mut dyn WriteTx, id: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let (was, now) = (old.map(|u| &u.login), new.map(|u| &u.login));
        if was == now {
            return Ok(());
        }
        if let Some(was) = was
            && LOGINS.get(tx, was)?.is_some_and(|c| c.user == id)
        {
            LOGINS.del(tx, was)?;
        }
        // Our own changes are refused before they come here. Of two sites that gave one login to two people the first
        // to arrive keeps it here, and the other one has to be renamed.
        if let Some(now) = now
            && LOGINS.get(tx, now)?.is_none()
        {
            LOGINS.put_if(tx, now, &Claim { user: id }, Expect::Absent)?;
        }
        Ok(())
    }
}

impl Reference for Role {
    const NAME: &'static str = "role";
    const KIND: u16 = 0x101;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &ROLES;
}

/// The id of the role called `name`, the same at every site.
#[must_use]
pub fn role_id(name: &str) -> Id {
    Id::derived(&[b"role", name.as_bytes()])
}

/// The role called `name` and its revision.
///
/// # Errors
/// Storage failures.
pub fn role(tx: &dyn ReadTx, name: &str) -> Result<Option<(Role, u64)>> {
    reference::get(tx, role_id(name))
}

/// The user with this login, already in the form it is compared in.
///
/// # Errors
/// Storage failures.
pub fn by_login(tx: &dyn ReadTx, login: &str) -> Result<Option<User>> {
    let Some(claim) = LOGINS.get(tx, login)? else { return Ok(None) };
    Ok(reference::get::<User>(tx, claim.user)?.map(|(user, _)| user))
}

/// The user whose badge has this fingerprint.
///
/// # Errors
/// Storage failures.
pub fn by_badge_print(tx: &dyn ReadTx, print: &[u8; 32]) -> Result<Option<User>> {
    let rows = CREDENTIALS.scan(tx, FIRST, &KeyRange::prefix(print), Dir::Up, 1)?;
    match rows.items.first().and_then(|e| Id::from_slice(&e.pk)) {
        Some(id) => Ok(reference::get::<User>(tx, id)?.map(|(user, _)| user)),
        None => Ok(None),
    }
}

/// A user with all that decides what they may do at a moment.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The user.
    pub user: User,
    /// What they may do now.
    pub features: Features,
    /// What they may do by role and grants, whatever is denied to them or when it ends.
    pub potential: Features,
    /// Whose records.
    pub scope: Scope,
    /// When an override ends and this has to be asked again.
    pub until: Option<Timestamp>,
}

impl Standing {
    /// Whether they may come in at all.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.user.active && self.user.approved
    }

    /// As the journal names them, on `device`.
    #[must_use]
    pub fn actor(&self, device: Option<&str>) -> Actor {
        Actor {
            user: self.user.id,
            number: self.user.number,
            name: self.user.name.as_str().into(),
            device: device.map(Into::into),
        }
    }
}

/// Up to `limit` users.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx, limit: usize) -> Result<Vec<User>> {
    let rows = USERS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, limit)?;
    Ok(rows.items.into_iter().filter_map(|e| e.value.state.value).collect())
}

/// What `user` may do at `now`. A role that does not exist allows nothing.
///
/// # Errors
/// Storage failures.
pub fn standing_of(tx: &dyn ReadTx, user: User, now: Timestamp) -> Result<Standing> {
    let role = role(tx, &user.role)?.map(|(role, _)| role);
    let (base, reach) = role.map_or((Features::NONE, Reach::Own), |r| (r.features, r.reach));
    let granted =
        user.overrides.iter().filter(|o| o.grant && o.is_live(now)).filter_map(|o| index_of(&o.feature));
    let potential = base.union(&granted.collect());
    let scope = user.scope.clone().unwrap_or(match reach {
        Reach::Tenant => Scope::Tenant,
        Reach::Distributors => Scope::Distributors(Vec::new()),
        Reach::Own => Scope::Own,
    });
    let until = user.overrides.iter().filter(|o| o.is_live(now)).filter_map(|o| o.until).min();
    Ok(Standing { features: effective(&base, &user.overrides, now), potential, scope, until, user })
}

/// The user `id` and what they may do at `now`.
///
/// # Errors
/// Storage failures.
pub fn standing(tx: &dyn ReadTx, id: Id, now: Timestamp) -> Result<Option<Standing>> {
    match reference::get::<User>(tx, id)? {
        Some((user, _)) => standing_of(tx, user, now).map(Some),
        None => Ok(None),
    }
}

/// The session with this cookie.
///
/// # Errors
/// Storage failures.
pub fn session_with(tx: &dyn ReadTx, cookie: &Digest) -> Result<Option<Session>> {
    let rows = SESSIONS.scan(tx, BY_COOKIE, &KeyRange::prefix(cookie.as_bytes()), Dir::Up, 1)?;
    Ok(rows.items.into_iter().next().map(|e| e.value))
}

/// Sessions of `user`, oldest first; of everybody when none is named. At most `limit`.
///
/// # Errors
/// Storage failures.
pub fn sessions(tx: &dyn ReadTx, user: Option<Id>, limit: usize) -> Result<Vec<Session>> {
    let (ix, range) = match user {
        Some(user) => (BY_USER, KeyRange::prefix(&user.0)),
        None => (Ix::Primary, KeyRange::all()),
    };
    Ok(SESSIONS.scan(tx, ix, &range, Dir::Up, limit)?.items.into_iter().map(|e| e.value).collect())
}

/// Sessions looked at in one go.
const AT_ONCE: usize = 500;

/// Takes `user` off every station but the one of session `stays`: it goes on as itself.
///
/// # Errors
/// Storage failures.
pub fn leave_stations(tx: &mut dyn WriteTx, user: Id, stays: Option<Id>) -> Result<()> {
    let mut after = None;
    loop {
        let rows = SESSIONS.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, AT_ONCE)?;
        let theirs = rows.items.into_iter().map(|e| e.value);
        for session in theirs.filter(|s| s.acting == Some(user) && Some(s.id) != stays) {
            SESSIONS.put(tx, &session.id, &Session { acting: None, ..session.clone() })?;
        }
        after = rows.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Ends a session and its family of refresh tokens; true when there was one.
///
/// # Errors
/// Storage failures.
pub fn end_session(tx: &mut dyn WriteTx, id: Id) -> Result<bool> {
    let family = REFRESHES.scan(
        tx,
        FIRST,
        &KeyRange::prefix(&id.0),
        Dir::Up,
        super::auth::MAX_ROTATIONS as usize + 2,
    )?;
    for row in family.items {
        tx.del(REFRESHES.coll, &row.pk, Expect::Any)?;
    }
    SESSIONS.del(tx, &id)
}

/// The API key with this digest.
///
/// # Errors
/// Storage failures.
pub fn api_key_with(tx: &dyn ReadTx, digest: &Digest) -> Result<Option<ApiKey>> {
    let rows = API_KEYS.scan(tx, FIRST, &KeyRange::prefix(digest.as_bytes()), Dir::Up, 1)?;
    Ok(rows.items.into_iter().next().map(|e| e.value))
}

/// Tenants of this node, in order of their numbers.
///
/// # Errors
/// Storage failures.
pub fn tenants(tx: &dyn ReadTx) -> Result<Vec<Tenant>> {
    let rows = TENANTS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, super::setup::MAX_TENANTS + 1)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

/// The tenant called `name`.
///
/// # Errors
/// Storage failures.
pub fn tenant_named(tx: &dyn ReadTx, name: &str) -> Result<Option<Tenant>> {
    let rows = TENANTS.scan(tx, FIRST, &KeyRange::prefix(name.as_bytes()), Dir::Up, 500)?;
    Ok(rows.items.into_iter().map(|e| e.value).find(|t| t.name == name))
}

/// Removes up to `limit` rows of each kind that mean nothing any more: sessions and refresh tokens that are over,
/// failures that are forgotten. Returns how many went.
///
/// # Errors
/// Storage failures.
pub fn tidy(tx: &mut dyn WriteTx, now: Timestamp, limit: usize) -> Result<usize> {
    let over = KeyRange { to: moment(now), ..KeyRange::all() };
    let mut gone = 0;
    for row in SESSIONS.scan(tx, SESSION_END, &over, Dir::Up, limit)?.items {
        gone += usize::from(end_session(tx, row.value.id)?);
    }
    let mut stale: Vec<_> = REFRESHES
        .scan(tx, REFRESH_END, &over, Dir::Up, limit)?
        .items
        .into_iter()
        .map(|e| (REFRESHES.coll, e.pk))
        .collect();
    stale.extend(TRIES.scan(tx, FIRST, &over, Dir::Up, limit)?.items.into_iter().map(|e| (TRIES.coll, e.pk)));
    for (coll, pk) in stale {
        gone += usize::from(tx.del(coll, &pk, Expect::Any)?);
    }
    Ok(gone)
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&USERS, &ROLES, &LOGINS, &CREDENTIALS, &SESSIONS, &REFRESHES, &API_KEYS, &TRIES, &TENANTS, &LINKS]
}
