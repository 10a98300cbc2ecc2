//! The first run: a link that works once while there is no tenant, and what a new tenant begins with.

use std::time::Duration;

use super::error::IdentityError;
use super::model::{Link, Role, Tenant, User, check_name, normal_login};
use super::opaque::{Opaque, Purpose};
use super::repo::{self, LINKS, TENANTS};
use super::roles::default_roles;
use super::secret::Secret;
use super::service::{NewSecrets, admit_user, keep_secrets};
use super::{grant::Actor, password};
use crate::audit::{self, Changed};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::deadlines::policy::{HouseRules, Policy};
use crate::journal::Cx;
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::journal::reference;
use crate::settings::model::Settings;
use crate::store::{Lane, NODE, Store, StoreError, WriteTx};

pub mod api;

/// Tenants of one node.
pub const MAX_TENANTS: usize = 500;
/// How long a set-up link works.
pub const LINK_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const LINK: &str = "setup";

/// What a new tenant is.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// What stands behind the `@` of a login: small letters, digits, `_` and `-`.
    pub tenant: String,
    /// The depot's name.
    pub depot: String,
    /// The depot's time zone, an IANA name.
    pub zone: String,
    /// The language of its screens.
    pub language: String,
    /// The first administrator's login.
    pub login: String,
    /// Their name; the login when empty.
    pub name: String,
    /// Their password.
    pub password: Secret<String>,
    /// Their role: `super_admin` for the node's first tenant, `admin` for others unless said otherwise.
    pub role: String,
}

impl SetUp {
    fn check(&self) -> Result<(), Invalid> {
        let mut wrong = Vec::new();
        wrong.extend(check_name("/tenant", &self.tenant).err());
        wrong.extend(text::required("/depot", &self.depot, text::SHORT).err());
        wrong.extend(password::check(&self.login, self.password.reveal()).err());
        if let Err(Invalid(more)) = Policy::new(HouseRules::usual(&self.zone)) {
            wrong.extend(
                more.into_iter().map(|p| Problem { pointer: p.pointer.replace("/opening", ""), ..p }),
            );
        }
        wrong.extend(super::model::check_login("/login", &normal_login(&self.login)).err());
        if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
    }
}

/// What stands behind the `@` of a login for a house called `name`: small letters, digits and `-`.
#[must_use]
pub fn short_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let plain: String = name.trim().chars().map(plain).collect();
    plain.trim_matches('-').to_owned()
}

/// Makes a tenant with its roles, rules, settings and first administrator. Blocks: call it off the request threads.
///
/// The name is claimed first and marked ready last, so a power cut in between leaves a name that can be set up again.
///
/// # Errors
/// When something is wrong or the name is taken; storage failures.
pub fn set_up(store: &Store, mut new: SetUp, now: Timestamp) -> Result<(Tenant, User), IdentityError> {
    new.tenant = short_name(&new.tenant);
    new.check()?;
    let hash = password::hash(new.password.reveal())?;
    let wish = new.clone();
    let tenant = store.write(NODE, Lane::People, move |tx| claim(tx, &wish)).wait()?;
    let number = tenant.number;
    let wish = new.clone();
    // What the node is, its tenants are: at headquarters they write as headquarters from the first change on.
    let node = store.read(NODE, |tx| Origin::load(tx))?.site;
    let user = store
        .write(number, Lane::People, move |tx| {
            let mut origin = Origin::load(tx)?;
            if node == HEADQUARTERS && origin.site != HEADQUARTERS {
                (origin.site, origin.epoch) = (HEADQUARTERS, origin.stamp(now, 0));
                origin.first = origin.epoch;
                origin.save(tx)?;
            }
            furnish(tx, &wish, &hash, now)
        })
        .wait()?;
    let ready = Tenant { ready: true, ..tenant };
    let kept = ready.clone();
    let by = user.login.clone();
    store
        .write(NODE, Lane::People, move |tx| -> Result<(), IdentityError> {
            TENANTS.put(tx, &kept.number.to_be_bytes()[..], &kept)?;
            LINKS.del(tx, LINK)?;
            let changed = vec![
                Changed::new("name", serde_json::Value::Null, kept.name.clone()),
                Changed::new("admin", serde_json::Value::Null, by.clone()),
            ];
            let cx = Cx::new(tx, &Actor::system(), now, "setup")?;
            let id = Id::derived(&[b"tenant", &kept.number.to_be_bytes()]);
            audit::note(
                tx,
                &cx,
                &audit::Entry {
                    class: audit::Class::Always,
                    action: "tenant.added",
                    record: "tenant",
                    id,
                    event: None,
                    changed,
                },
            )?;
            Ok(())
        })
        .wait()?;
    Ok((ready, user))
}

fn claim(tx: &mut dyn WriteTx, new: &SetUp) -> Result<Tenant, IdentityError> {
    let number = match repo::tenant_named(tx, &new.tenant)? {
        Some(t) if t.ready => return Err(IdentityError::Taken { what: "tenant", name: new.tenant.clone() }),
        Some(t) => t.number,
        None => {
            let all = repo::tenants(tx)?;
            if all.len() >= MAX_TENANTS {
                return Err(IdentityError::Full { what: "tenants", most: MAX_TENANTS });
            }
            all.last().map_or(1, |t| t.number + 1)
        }
    };
    let tenant = Tenant {
        number,
        name: new.tenant.clone(),
        depot: new.depot.clone(),
        zone: new.zone.clone(),
        ready: false,
    };
    TENANTS.put(tx, &number.to_be_bytes()[..], &tenant)?;
    Ok(tenant)
}

fn furnish(tx: &mut dyn WriteTx, new: &SetUp, hash: &str, now: Timestamp) -> Result<User, IdentityError> {
    let cx = Cx::new(tx, &Actor::system(), now, "setup")?;
    for role in default_roles() {
        let role = Role { name: role.name.into(), features: role.features, reach: role.reach };
        reference::set(tx, &cx, repo::role_id(&role.name), Some(role))?;
    }
    let settings =
        Settings { depot: new.depot.clone(), language: new.language.clone(), audit_off: Vec::new() };
    crate::settings::service::furnish(tx, &cx, HouseRules::usual(&new.zone), settings)?;
    let login = normal_login(&new.login);
    let user = match repo::by_login(tx, &login)? {
        Some(user) => user,
        None => {
            let name = if new.name.trim().is_empty() { login.clone() } else { new.name.clone() };
            let user = User {
                id: Id::fresh(),
                number: 0,
                login,
                name,
                email: None,
                role: new.role.clone(),
                overrides: Vec::new(),
                scope: None,
                language: new.language.clone(),
                active: true,
                approved: true,
                is_station: false,
                created_at: now,
            };
            admit_user(tx, &cx, user)?.0
        }
    };
    keep_secrets(tx, &cx, user.id, &NewSecrets { password: Some(hash.to_owned()), ..NewSecrets::default() })?;
    Ok(user)
}

/// A link that sets this node up, good once and for a day; it takes the place of the one before. Blocks.
///
/// # Errors
/// [`IdentityError::SetUpAlready`] when there is a tenant; storage failures.
pub fn setup_link(store: &Store, now: Timestamp) -> Result<Opaque, IdentityError> {
    let made = Opaque::fresh(NODE, Purpose::Link)?;
    let link = Link { digest: made.digest(), expires: now.after(LINK_LIFETIME) };
    let written = store.write(NODE, Lane::People, move |tx| -> Result<(), IdentityError> {
        if repo::tenants(tx)?.iter().any(|t| t.ready) {
            return Err(IdentityError::SetUpAlready);
        }
        LINKS.put(tx, LINK, &link)?;
        Ok(())
    });
    written.wait()?;
    Ok(made)
}

/// Sets the node up by its link. The link is spent when the tenant is there; what is wrong in `new` leaves it good.
/// Blocks.
///
/// # Errors
/// [`IdentityError::LinkOver`] when it is not good; as [`set_up`].
pub fn set_up_by_link(
    store: &Store,
    token: &str,
    new: SetUp,
    now: Timestamp,
) -> Result<(Tenant, User), IdentityError> {
    let shown = Opaque::parse(token).map_err(|_| IdentityError::LinkOver)?.digest();
    let link = store.read::<_, StoreError>(NODE, |tx| LINKS.get(tx, LINK))?;
    let good = link.is_some_and(|l| l.digest.matches(&shown) && now < l.expires);
    if !good {
        return Err(IdentityError::LinkOver);
    }
    set_up(store, new, now)
}

#[cfg(test)]
mod tests {
    use super::short_name;

    #[test]
    fn any_name_of_a_house_gives_one_that_can_stand_behind_a_login() {
        assert_eq!(short_name("Acme Freight, Inc."), "acme-freight--inc");
        assert_eq!(short_name(" t "), "t");
        assert_eq!(short_name("north_1"), "north_1");
        assert_eq!(short_name("東京"), "", "which the check then refuses");
    }
}
