//! Users of another system that come over here, a row of its file at a time. Nobody gets more than whoever imports them has,
//! and no password comes along: an administrator sets one, or they show a badge.

use super::error::IdentityError;
use super::features::EditUsers;
use super::grant::Grant;
use super::model::{LANGUAGES, User, normal_login};
use super::{repo, service};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::verdict::{Beside, Verdict};
use crate::journal::Cx;
use crate::store::{ReadTx, StoreError, WriteTx};

/// What one row says of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Their login.
    pub login: String,
    /// Their name; the login when the source has none.
    pub name: Option<String>,
    /// Their mail address.
    pub email: Option<String>,
    /// Their role.
    pub role: Option<String>,
    /// The language they read.
    pub language: Option<String>,
    /// Whether they still work here.
    pub active: Option<bool>,
}

/// Takes a user in, or with `dry` only says what would become of it.
///
/// # Errors
/// When the role is unknown or above the importer's, or something of it makes no sense.
pub fn take(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditUsers>,
    cx: &Cx,
    row: &Row,
    dry: bool,
) -> Result<Verdict, IdentityError> {
    let Row { login, name, email, role, language, active } = row;
    let login = normal_login(login);
    let edit = |u: &mut User| {
        u.name = name.clone().unwrap_or_else(|| u.name.clone());
        u.email = email.clone().or_else(|| u.email.clone());
        u.role = role.clone().unwrap_or_else(|| u.role.clone());
        u.language = language.clone().unwrap_or_else(|| u.language.clone());
        u.active = active.unwrap_or(u.active);
    };
    let known = repo::by_login(tx, &login)?;
    if let Some(role) = role
        && repo::role(tx, role)?.is_none()
    {
        return Err(IdentityError::Unknown { what: "role", name: role.clone() });
    }
    if let Some(old) = known {
        let mut new = old.clone();
        edit(&mut new);
        if new == old {
            return Ok(Verdict::Unchanged);
        }
        new.check()?;
        if !dry {
            let (_, rev) = service::user(tx, old.id)?;
            service::change_user(tx, grant, cx, old.id, rev, edit)?;
        }
        return Ok(Verdict::Updated);
    }
    let Some(role) = role.clone() else {
        return Err(Invalid::at("/role", "is needed: the user is new").into());
    };
    let new = User {
        id: Id::fresh(),
        number: 0,
        name: name.clone().unwrap_or_else(|| login.clone()),
        login,
        email: email.clone(),
        role,
        overrides: Vec::new(),
        scope: None,
        language: language.clone().unwrap_or_else(|| LANGUAGES[0].to_owned()),
        active: active.unwrap_or(true),
        approved: true,
        is_station: false,
        created_at: cx.now,
    };
    new.check()?;
    if !dry {
        service::create_user(tx, grant, cx, new)?;
    }
    Ok(Verdict::Created)
}

/// Whether the user of a row is here, and as active as it says.
///
/// # Errors
/// Storage failures.
pub fn beside(tx: &dyn ReadTx, row: &Row) -> Result<Beside, StoreError> {
    let found = repo::by_login(tx, &normal_login(&row.login))?;
    let word = |active: bool| if active { "active" } else { "switched off" };
    Ok(found.map_or(Beside::MISSING, |u| Beside {
        ours: Some(word(u.active).into()),
        is_same: row.active.is_none_or(|active| active == u.active),
    }))
}
