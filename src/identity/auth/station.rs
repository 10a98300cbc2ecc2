//! A station is a device account; people switch it to themselves by badge or PIN, with no more than the local store.

use super::{charge, note, tries::settle_all};
use crate::audit::Changed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::gate::Gate;
use crate::identity::grant::{Actor, Principal};
use crate::identity::model::{SessionKind, User, normal_login};
use crate::identity::repo::{self, CREDENTIALS, SESSIONS};
use crate::identity::secret::Secret;
use crate::identity::{IdentityError, password};
use crate::store::{Lane, Store};

/// How a person shows who they are to a station.
#[derive(Debug)]
pub enum Switch {
    /// Nobody any more: the station is itself again.
    Leave,
    /// By the code on a badge.
    Badge(Secret<String>),
    /// By login and PIN.
    Pin(String, Secret<String>),
}

/// Switches a station's session to a person. Failures count against the station and the person's account.
///
/// # Errors
/// [`IdentityError::NotStation`], [`IdentityError::Refused`]; throttled; storage failures.
pub fn switch(
    store: &Store,
    gate: &Gate,
    principal: &Principal,
    how: Switch,
    now: Timestamp,
) -> Result<Option<User>, IdentityError> {
    let (tenant, id) = (principal.tenant, principal.session.ok_or(IdentityError::NotStation)?);
    let session = store.read(tenant, |tx| SESSIONS.get(tx, &id))?;
    let session = session.filter(|s| s.kind == SessionKind::Station).ok_or(IdentityError::NotStation)?;
    let (print, login) = match &how {
        Switch::Leave => (None, None),
        Switch::Badge(code) => (Some(gate.badge(tenant, code.reveal())), None),
        Switch::Pin(login, _) => (None, Some(normal_login(login))),
    };
    // A person's PIN has its own count: a station must not be able to lock anybody out of the desk.
    let keys = [
        Some(Id::derived(&[b"station", &id.0])),
        login.as_deref().map(|l| Id::derived(&[b"pin", l.as_bytes()])),
    ];
    let leaves = matches!(how, Switch::Leave);
    let found = store.write(tenant, Lane::People, move |tx| {
        if !leaves {
            charge(tx, keys, now)?;
        }
        let user = match (&print, &login) {
            (Some(print), _) => repo::by_badge_print(tx, print)?,
            (None, Some(login)) => repo::by_login(tx, login)?,
            (None, None) => None,
        };
        let kept =
            user.as_ref().map(|u| CREDENTIALS.get(tx, &u.id)).transpose()?.flatten().unwrap_or_default();
        Ok::<_, IdentityError>((user, kept))
    });
    let (user, kept) = found.wait()?;
    let right = match &how {
        Switch::Leave => true,
        Switch::Badge(_) => user.is_some(),
        Switch::Pin(_, pin) => password::verify(pin.reveal(), kept.pin.as_deref()),
    };
    let device = session.device.clone();
    let settled = store.write(
        tenant,
        Lane::People,
        move |tx| -> Result<Result<Option<User>, IdentityError>, IdentityError> {
            let Some(mut session) = SESSIONS.get(tx, &id)? else { return Ok(Err(IdentityError::NotStation)) };
            let person = user.clone().filter(|u| right && u.active && u.approved && !u.is_station);
            if person.is_none() && !leaves {
                let who = user.as_ref().map_or(Id::NIL, |u| u.id);
                note(
                    tx,
                    &Actor::system(),
                    now,
                    "switch.failed",
                    who,
                    vec![Changed::new("station", serde_json::Value::Null, device.clone())],
                    None,
                )?;
                return Ok(Err(IdentityError::Refused));
            }
            if !leaves {
                settle_all(tx, keys)?;
            }
            let before = session.acting;
            session.acting = person.as_ref().map(|p| p.id);
            SESSIONS.put(tx, &id, &session)?;
            let actor = person.as_ref().map(|p| (p.id, p.number, p.name.as_str().into()));
            let (user, number, name) =
                actor.unwrap_or((session.user, 0, device.as_deref().unwrap_or("station").into()));
            let actor = Actor { user, number, name, device: device.as_deref().map(Into::into) };
            let shown = |id: Option<Id>| id.map(|id| id.to_string());
            note(
                tx,
                &actor,
                now,
                "switch.done",
                session.user,
                vec![Changed::new("acting", shown(before), shown(session.acting))],
                None,
            )?;
            Ok(Ok(person))
        },
    );
    let settled = settled.wait()?;
    gate.changed();
    settled
}
