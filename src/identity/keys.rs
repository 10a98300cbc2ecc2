//! API keys: credentials for programs, which act in the name of a user and never do more than that user may.

use serde_json::Value;

use super::error::IdentityError;
use super::features::ManageApiKeys;
use super::grant::Grant;
use super::model::ApiKey;
use super::repo::API_KEYS;
use super::service::{covered, may_touch, user};
use crate::audit::{self, Changed};
use crate::base::ids::Id;
use crate::base::text;
use crate::journal::Cx;
use crate::store::{Dir, Expect, Ix, KeyRange, WriteTx};

pub mod api;

/// API keys of one tenant.
pub const MAX_API_KEYS: usize = 500;
/// Adds an API key; its text is known only to who made the digest.
///
/// # Errors
/// When it would have more than the caller, its user is above the caller, or there are too many.
pub fn add_api_key(
    tx: &mut dyn WriteTx,
    grant: &Grant<ManageApiKeys>,
    cx: &Cx,
    key: &ApiKey,
) -> Result<(), IdentityError> {
    text::required("/name", &key.name, text::SHORT)?;
    if key.expires <= cx.now {
        return Err(
            crate::base::error::Problem::new("/expires", "is already over: choose a later time").into()
        );
    }
    covered(&grant.principal().features, &key.features)?;
    let (target, _) = user(tx, key.user)?;
    may_touch(tx, grant.principal(), &target, cx.now)?;
    if let Some(scope) = &key.scope {
        scope.check()?;
        if !grant.scope().covers(scope) {
            return Err(IdentityError::TooWide);
        }
    }
    if API_KEYS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_API_KEYS)?.items.len() >= MAX_API_KEYS {
        return Err(IdentityError::Full { what: "API keys", most: MAX_API_KEYS });
    }
    API_KEYS.put_if(tx, &key.id, key, Expect::Absent)?;
    note_key(tx, cx, key, "api_key.added")
}

/// Withdraws an API key.
///
/// # Errors
/// When there is none; storage failures.
pub fn remove_api_key(
    tx: &mut dyn WriteTx,
    _: &Grant<ManageApiKeys>,
    cx: &Cx,
    id: Id,
) -> Result<(), IdentityError> {
    let key = API_KEYS
        .get(tx, &id)?
        .ok_or_else(|| IdentityError::Unknown { what: "API key", name: id.to_string() })?;
    API_KEYS.del(tx, &id)?;
    note_key(tx, cx, &key, "api_key.removed")
}

fn note_key(tx: &mut dyn WriteTx, cx: &Cx, key: &ApiKey, action: &str) -> Result<(), IdentityError> {
    let names: Vec<_> = key.features.names().collect();
    let told = [
        ("name", Value::from(key.name.clone())),
        ("user", key.user.to_string().into()),
        ("features", names.into()),
        ("expires", key.expires.to_string().into()),
    ];
    let gone = action == "api_key.removed";
    let changed = told
        .into_iter()
        .map(|(f, v)| if gone { Changed::new(f, v, Value::Null) } else { Changed::new(f, Value::Null, v) });
    let entry = audit::Entry {
        class: audit::Class::Always,
        action,
        record: "api_key",
        id: key.id,
        event: None,
        changed: changed.collect(),
    };
    audit::note(tx, cx, &entry)?;
    Ok(())
}
