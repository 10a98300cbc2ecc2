//! What people do to their own account: ask for one, and change its password.

use std::net::IpAddr;

use super::{account_key, address_key, charge, end_all, locate, note, settle};
use crate::audit::Changed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::gate::Gate;
use crate::identity::grant::{Actor, Principal};
use crate::identity::model::{Credentials, User};
use crate::identity::repo::CREDENTIALS;
use crate::identity::secret::Secret;
use crate::identity::{IdentityError, password, service};
use crate::journal::{Cx, reference};
use crate::store::{Lane, NODE, Store, StoreError};

/// A wish for an account.
#[derive(Debug)]
pub struct Register {
    /// The login wished for, `@tenant` behind it where there are several.
    pub login: String,
    /// The name.
    pub name: String,
    /// Where mail goes.
    pub email: Option<String>,
    /// The language.
    pub language: String,
    /// The password.
    pub password: Secret<String>,
}

/// Takes in somebody who asks for an account: a partner who sees nothing until an administrator approves and says
/// whose records are theirs. Each wish counts as a failure of its address, so that nobody fills the list.
///
/// # Errors
/// When something is wrong or the login is taken; throttled; storage failures.
pub fn register(
    store: &Store,
    wish: &Register,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<User, IdentityError> {
    let (tenant, login) = store.read(NODE, |tx| locate(tx, &wish.login))?;
    if tenant == NODE {
        return Err(IdentityError::Unknown {
            what: "tenant",
            name: "in this login; write login@tenant".into(),
        });
    }
    password::check(&login, wish.password.reveal())?;
    let user = User {
        id: Id::fresh(),
        number: 0,
        login,
        name: wish.name.clone(),
        email: wish.email.clone(),
        role: "partner".into(),
        overrides: Vec::new(),
        scope: None,
        language: wish.language.clone(),
        active: true,
        approved: false,
        is_station: false,
        created_at: now,
    };
    user.check()?;
    let keys = [address.map(address_key), None];
    store.write(tenant, Lane::People, move |tx| charge(tx, keys, now)).wait()?;
    let hash = password::hash(wish.password.reveal())?;
    let registered = store.write(tenant, Lane::People, move |tx| -> Result<User, IdentityError> {
        let cx = Cx::new(tx, &Actor::system(), now, "register")?;
        let (user, _) = service::admit_user(tx, &cx, user.clone())?;
        CREDENTIALS.put(
            tx,
            &user.id,
            &Credentials { password: Some(hash.clone()), ..Credentials::default() },
        )?;
        Ok(user)
    });
    registered.wait()
}

/// Changes the caller's own password and ends their other sessions.
///
/// # Errors
/// [`IdentityError::Refused`] when the present one is wrong; one that is too easy; throttled; storage failures.
pub fn change_password(
    store: &Store,
    gate: &Gate,
    principal: &Principal,
    current: &Secret<String>,
    next: &Secret<String>,
    now: Timestamp,
) -> Result<(), IdentityError> {
    let (tenant, id) = (principal.tenant, principal.actor.user);
    let user = store.read::<_, StoreError>(tenant, |tx| reference::get::<User>(tx, id))?;
    let (user, _) = user.ok_or_else(|| IdentityError::Unknown { what: "user", name: id.to_string() })?;
    password::check(&user.login, next.reveal())?;
    let keys = [Some(account_key(&user.login)), None];
    let kept = store.write(tenant, Lane::People, move |tx| {
        charge(tx, keys, now)?;
        Ok::<_, IdentityError>(CREDENTIALS.get(tx, &id)?.unwrap_or_default())
    });
    if !password::verify(current.reveal(), kept.wait()?.password.as_deref()) {
        return Err(IdentityError::Refused);
    }
    let hash = password::hash(next.reveal())?;
    let (actor, stays) = (principal.actor.clone(), principal.session);
    store
        .write(tenant, Lane::People, move |tx| -> Result<(), IdentityError> {
            settle(tx, keys, now)?;
            let kept = CREDENTIALS.get(tx, &id)?.unwrap_or_default();
            CREDENTIALS.put(tx, &id, &Credentials { password: Some(hash.clone()), ..kept })?;
            end_all(tx, id, stays)?;
            note(
                tx,
                &actor,
                now,
                "password.changed",
                id,
                vec![Changed::new("password", "[redacted]", "[redacted]")],
                None,
            )?;
            Ok(())
        })
        .wait()?;
    gate.changed();
    Ok(())
}
