//! The use cases around users and roles. Two rules hold for all of them: nobody gives, or changes somebody
//! who has, more than they have themselves; and somebody stays who can manage users and roles.

use serde_json::Value;

use super::auth::{self, MAX_SESSIONS};
use super::error::IdentityError;
use super::features::{EditRoles, EditUsers, Features, OwnProfile, RevokeSessions, index_of};
use super::grant::{Grant, Principal, Scope};
use super::model::{Role, User, check_name};
use super::repo::{self, CREDENTIALS, ROLES, Standing, USERS};
use super::roles::Reach;
use super::rules::{Override, check_overrides};
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::journal::Cx;
use crate::journal::reference;
use crate::store::{Dir, Expect, Ix, KeyRange, ReadTx, StoreError, WriteTx, counters};

pub use super::auth::token_for;
pub use super::keys::{MAX_API_KEYS, add_api_key, remove_api_key};
pub use super::setup::{SetUp, set_up, setup_link};

/// Users of one tenant, those switched off included.
pub const MAX_USERS: usize = 10_000;
/// Roles of one tenant.
pub const MAX_ROLES: usize = 200;
/// The counter that numbers users.
const NUMBERS: &str = "identity/users";

/// A record with its revision.
pub type Revised<T> = (T, u64);

/// The user `id` and its revision.
///
/// # Errors
/// When there is none; storage failures.
pub fn user(tx: &dyn ReadTx, id: Id) -> Result<Revised<User>, IdentityError> {
    reference::get(tx, id)?.ok_or_else(|| IdentityError::Unknown { what: "user", name: id.to_string() })
}

/// Adds a user: number, id and moment of making are set here.
///
/// # Errors
/// When what is written of them is wrong, the login is taken, or they would get more than the caller has.
pub fn create_user(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditUsers>,
    cx: &Cx,
    new: User,
) -> Result<Revised<User>, IdentityError> {
    let standing = repo::standing_of(tx, new.clone(), cx.now)?;
    may_give(grant.principal(), &standing)?;
    check_overrides(&new.overrides, cx.now)?;
    if repo::role(tx, &new.role)?.is_none() {
        return Err(unknown_role(&new.role));
    }
    admit_user(tx, cx, new)
}

/// Adds a user whose rights somebody else has answered for: the first administrator, somebody who registered.
///
/// # Errors
/// When what is written of them is wrong or the login is taken.
pub(super) fn admit_user(tx: &mut dyn WriteTx, cx: &Cx, new: User) -> Result<Revised<User>, IdentityError> {
    new.check()?;
    let number = usize::try_from(counters::get(tx, NUMBERS)?).unwrap_or(0) + 1;
    if number > MAX_USERS {
        return Err(IdentityError::Full { what: "users", most: MAX_USERS });
    }
    if repo::by_login(tx, &new.login)?.is_some() {
        return Err(IdentityError::Taken { what: "user", name: new.login });
    }
    counters::add(tx, NUMBERS, 1)?;
    let user = User { number: u32::try_from(number).unwrap_or(u32::MAX), created_at: cx.now, ..new };
    let written = reference::set(tx, cx, user.id, Some(user.clone()))?;
    Ok((user, written.rev))
}

/// Changes a user at revision `seen` by `edit`; the number, id and moment of making stay.
///
/// # Errors
/// When it was changed since, is wrong, is above the caller, or would leave nobody in charge.
pub fn change_user(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditUsers>,
    cx: &Cx,
    id: Id,
    seen: u64,
    edit: impl FnOnce(&mut User),
) -> Result<Revised<User>, IdentityError> {
    let (old, rev) = user(tx, id)?;
    current(USERS.coll.name, seen, rev)?;
    may_touch(tx, grant.principal(), &old, cx.now)?;
    let mut new = old.clone();
    edit(&mut new);
    let new = User { id: old.id, number: old.number, created_at: old.created_at, ..new };
    new.check()?;
    if new.overrides != old.overrides {
        check_overrides(&new.overrides, cx.now)?;
    }
    if new.role != old.role && repo::role(tx, &new.role)?.is_none() {
        return Err(unknown_role(&new.role));
    }
    if new.login != old.login && repo::by_login(tx, &new.login)?.is_some() {
        return Err(IdentityError::Taken { what: "user", name: new.login });
    }
    may_give(grant.principal(), &repo::standing_of(tx, new.clone(), cx.now)?)?;
    let had = has_admin(tx, cx.now)?;
    let written = reference::set(tx, cx, id, Some(new.clone()))?;
    if had && !has_admin(tx, cx.now)? {
        return Err(IdentityError::LastAdmin);
    }
    if !new.active {
        auth::end_all(tx, id, None)?;
    }
    Ok((new, written.rev))
}

/// Sets the language somebody reads, for themselves.
///
/// # Errors
/// When it is none of ours; storage failures.
pub fn set_own_language(
    tx: &mut dyn WriteTx,
    grant: &Grant<OwnProfile>,
    cx: &Cx,
    language: &str,
) -> Result<(), IdentityError> {
    let (old, _) = user(tx, grant.actor().user)?;
    let new = User { language: language.to_owned(), ..old };
    new.check()?;
    reference::set(tx, cx, new.id, Some(new))?;
    Ok(())
}

/// Hashes that a user gets; outer none leaves what is, inner none takes it away.
#[derive(Clone, Debug, Default)]
pub struct NewSecrets {
    /// The password's hash.
    pub password: Option<String>,
    /// The PIN's hash.
    pub pin: Option<Option<String>>,
    /// The badge's fingerprint.
    pub badge: Option<Option<[u8; 32]>>,
}

/// Sets what a user proves themselves with. A new password ends their sessions.
///
/// # Errors
/// When the user is above the caller or the badge is somebody else's; storage failures.
pub fn set_secrets(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditUsers>,
    cx: &Cx,
    id: Id,
    new: &NewSecrets,
) -> Result<(), IdentityError> {
    let (target, _) = user(tx, id)?;
    may_touch(tx, grant.principal(), &target, cx.now)?;
    keep_secrets(tx, cx, id, new)
}

pub(super) fn keep_secrets(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    id: Id,
    new: &NewSecrets,
) -> Result<(), IdentityError> {
    let mut kept = CREDENTIALS.get(tx, &id)?.unwrap_or_default();
    let NewSecrets { password, pin, badge } = new;
    if let Some(Some(print)) = badge
        && repo::by_badge_print(tx, print)?.is_some_and(|u| u.id != id)
    {
        return Err(IdentityError::Taken { what: "badge", name: "with this code".into() });
    }
    let told = |field: &str, was: bool, is: bool| {
        let show = |there: bool| if there { Value::from("[redacted]") } else { Value::Null };
        Changed::new(field, show(was), show(is))
    };
    let mut changed = Vec::new();
    if let Some(hash) = password {
        changed.push(told("password", kept.password.is_some(), true));
        kept.password = Some(hash.clone());
        auth::end_all(tx, id, None)?;
    }
    if let Some(pin) = pin {
        changed.push(told("pin", kept.pin.is_some(), pin.is_some()));
        kept.pin.clone_from(pin);
    }
    if let Some(badge) = badge {
        changed.push(told("badge", kept.badge.is_some(), badge.is_some()));
        kept.badge = badge.map(serde_bytes::ByteArray::new);
    }
    if changed.is_empty() {
        return Ok(());
    }
    // Whoever stands on a station by a lost badge or a known PIN must not stay there.
    if pin.is_some() || badge.is_some() {
        repo::leave_stations(tx, id, None)?;
    }
    CREDENTIALS.put(tx, &id, &kept)?;
    let entry = audit::Entry {
        class: audit::Class::Always,
        action: "credentials.set",
        record: "user",
        id,
        event: None,
        changed,
    };
    audit::note(tx, cx, &entry)?;
    Ok(())
}

/// Ends every session of a user.
///
/// # Errors
/// When there is no such user; storage failures.
pub fn end_sessions(
    tx: &mut dyn WriteTx,
    _: &Grant<RevokeSessions>,
    cx: &Cx,
    id: Id,
) -> Result<usize, IdentityError> {
    user(tx, id)?;
    let mut ended = 0;
    while ended < MAX_SESSIONS * 4 {
        match auth::end_all(tx, id, None)? {
            0 => break,
            n => ended += n,
        }
    }
    auth::note(tx, &cx.actor, cx.now, "sessions.ended", id, vec![Changed::new("sessions", ended, 0)], None)?;
    Ok(ended)
}

/// Adds the role, or changes the one of this name at revision `seen`.
///
/// # Errors
/// When it was changed since, holds or held more than the caller has, or would leave nobody in charge.
pub fn put_role(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditRoles>,
    cx: &Cx,
    role: Role,
    seen: Option<u64>,
) -> Result<Revised<Role>, IdentityError> {
    check_name("/name", &role.name)?;
    let old = repo::role(tx, &role.name)?;
    let own = &grant.principal().features;
    covered(own, &role.features)?;
    may_reach(grant.scope(), role.reach)?;
    match (&old, seen) {
        (Some((old, rev)), Some(seen)) => {
            current(ROLES.coll.name, seen, *rev)?;
            covered(own, &old.features)?;
            may_reach(grant.scope(), old.reach)?;
        }
        (Some(_), None) => return Err(IdentityError::Taken { what: "role", name: role.name }),
        (None, Some(_)) => return Err(unknown_role(&role.name)),
        (None, None) => {
            let present = ROLES.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_ROLES)?.items.len();
            if present >= MAX_ROLES {
                return Err(IdentityError::Full { what: "roles", most: MAX_ROLES });
            }
        }
    }
    let had = has_admin(tx, cx.now)?;
    let written = reference::set(tx, cx, repo::role_id(&role.name), Some(role.clone()))?;
    if had && !has_admin(tx, cx.now)? {
        return Err(IdentityError::LastAdmin);
    }
    Ok((role, written.rev))
}

/// Whether `found` is the revision the caller has seen.
///
/// # Errors
/// [`StoreError::Unexpected`] when it isn't: 412.
pub fn current(coll: &'static str, seen: u64, found: u64) -> Result<(), StoreError> {
    if seen == found {
        Ok(())
    } else {
        Err(StoreError::Unexpected { coll, expected: Expect::Rev(seen), found: Some(found) })
    }
}

/// A role's reach is the scope of all who have none of their own, the giver included.
fn may_reach(own: &Scope, reach: Reach) -> Result<(), IdentityError> {
    let given = match reach {
        Reach::Tenant => Scope::Tenant,
        Reach::Distributors => Scope::Distributors(Vec::new()),
        Reach::Own => Scope::Own,
    };
    if own.covers(&given) { Ok(()) } else { Err(IdentityError::TooWide) }
}

fn unknown_role(name: &str) -> IdentityError {
    IdentityError::Unknown { what: "role", name: name.to_owned() }
}

pub(super) fn covered(own: &Features, given: &Features) -> Result<(), IdentityError> {
    let missing = given.minus(own);
    if missing.is_empty() { Ok(()) } else { Err(IdentityError::Above(missing)) }
}

/// Whether the caller may make a user what they would be.
fn may_give(giver: &Principal, given: &Standing) -> Result<(), IdentityError> {
    covered(&giver.features, &given.potential)?;
    if giver.scope.covers(&given.scope) { Ok(()) } else { Err(IdentityError::TooWide) }
}

/// Whether the caller may change a user at all.
pub(super) fn may_touch(
    tx: &dyn ReadTx,
    giver: &Principal,
    target: &User,
    now: Timestamp,
) -> Result<(), IdentityError> {
    may_give(giver, &repo::standing_of(tx, target.clone(), now)?)
}

/// Whether somebody can log in who manages users and roles, and for longer than an override lasts.
fn has_admin(tx: &dyn ReadTx, now: Timestamp) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let rows = USERS.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, 200)?;
        for user in rows.items.into_iter().filter_map(|e| e.value.state.value) {
            if !user.active || !user.approved || user.is_station {
                continue;
            }
            let lasting: Vec<Override> =
                user.overrides.iter().filter(|o| !o.grant || o.until.is_none()).cloned().collect();
            let standing = repo::standing_of(tx, User { overrides: lasting, ..user }, now)?;
            if standing.features.contains::<EditUsers>()
                && standing.features.contains::<EditRoles>()
                && standing.scope == Scope::Tenant
            {
                return Ok(true);
            }
        }
        after = rows.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}

/// Features by name, every one of which must exist.
///
/// # Errors
/// Names those that don't.
pub fn features(pointer: &str, names: &[String]) -> Result<Features, IdentityError> {
    let wrong: Vec<_> = names.iter().enumerate().filter(|(_, n)| index_of(n).is_none()).collect();
    if wrong.is_empty() {
        return Ok(Features::from_names(names));
    }
    let problem = |(i, name): (usize, &String)| {
        crate::base::error::Problem::new(
            format!("{pointer}/{i}"),
            format!("\"{name}\" is no feature; GET /features lists them"),
        )
    };
    Err(crate::base::error::Invalid(wrong.into_iter().map(problem).collect()).into())
}
