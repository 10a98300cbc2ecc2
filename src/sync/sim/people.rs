//! Who works in the company: users and roles, which headquarters owns. What a depot changes of them is a wish.

use super::node::{TENANT, act, may};
use super::random::Rng;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::error::IdentityError;
use crate::identity::features::{EditRoles, EditUsers, Feature, Features, MoveDeliveries, ScanParcels};
use crate::identity::model::{Role, User};
use crate::identity::repo::{role, role_id};
use crate::identity::roles::Reach;
use crate::identity::service;
use crate::journal::reference;
use crate::store::{ReadTx, Store, StoreError};

const USERS: u8 = 4;
const ROLES: [&str; 2] = ["driver", "clerk"];

fn user_id(n: u8) -> Id {
    Id::derived(&[b"user", &[n]])
}

/// One of those who work here, by id.
pub fn some(rng: &mut Rng) -> String {
    user_id(rng.below(usize::from(USERS)) as u8).to_string()
}

fn features(moves: bool) -> Features {
    let names = [ScanParcels::NAME, MoveDeliveries::NAME];
    Features::from_names(&names[..if moves { 2 } else { 1 }])
}

/// Headquarters takes its people on.
pub fn found(store: &Store, now: Timestamp) {
    let done: Result<(), IdentityError> = act(store, now, |tx, cx| {
        for name in ROLES {
            let role = Role { name: name.into(), features: features(true), reach: Reach::Tenant };
            service::put_role(tx, &may::<EditRoles>(), cx, role, None)?;
        }
        for n in 0..USERS {
            let new = User {
                id: user_id(n),
                number: 0,
                login: format!("user{n}"),
                name: format!("User {n}"),
                email: None,
                role: ROLES[usize::from(n) % ROLES.len()].into(),
                overrides: Vec::new(),
                scope: None,
                language: "en".into(),
                active: true,
                approved: true,
                is_station: false,
                created_at: cx.now,
            };
            service::create_user(tx, &may::<EditUsers>(), cx, new)?;
        }
        Ok(())
    });
    done.unwrap();
}

/// Somebody changes a user or a role: at headquarters it is so, at a depot it is a wish. Where nobody has heard of them yet
/// nothing is changed.
pub fn change(rng: &mut Rng, store: &Store, now: Timestamp, value: &str) {
    let done =
        if rng.chance(300) { change_role(rng, store, now) } else { change_user(rng, store, now, value) };
    match done {
        Ok(()) | Err(IdentityError::Unknown { .. }) => {}
        Err(e) => panic!("{e}"),
    }
}

fn change_role(rng: &mut Rng, store: &Store, now: Timestamp) -> Result<(), IdentityError> {
    let (name, moves) = (*rng.of(&ROLES), rng.chance(700));
    act(store, now, move |tx, cx| {
        let Some((old, rev)) = role(tx, name)? else { return Ok(()) };
        let new = Role { features: features(moves), ..old };
        service::put_role(tx, &may::<EditRoles>(), cx, new, Some(rev)).map(drop)
    })
}

fn change_user(rng: &mut Rng, store: &Store, now: Timestamp, value: &str) -> Result<(), IdentityError> {
    let (id, name, is_active) =
        (user_id(rng.below(usize::from(USERS)) as u8), value.to_owned(), rng.chance(800));
    let role = *rng.of(&ROLES);
    act(store, now, move |tx, cx| {
        let (_, rev) = service::user(tx, id)?;
        let edit = |u: &mut User| {
            (u.name, u.active, u.role) = (name.clone(), is_active, role.into());
        };
        service::change_user(tx, &may::<EditUsers>(), cx, id, rev, edit).map(drop)
    })
}

/// What a node knows of its people.
pub fn known(store: &Store) -> Vec<String> {
    let read = |tx: &dyn ReadTx| -> Result<Vec<String>, StoreError> {
        let mut all = Vec::new();
        for n in 0..USERS {
            all.push(format!("{:?}", reference::get::<User>(tx, user_id(n))?.map(|(u, _)| u)));
        }
        for name in ROLES {
            all.push(format!("{:?}", reference::get::<Role>(tx, role_id(name))?.map(|(r, _)| r)));
        }
        Ok(all)
    };
    store.read(TENANT, read).unwrap()
}
