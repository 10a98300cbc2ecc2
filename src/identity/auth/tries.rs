//! What failed of late, counted by account, by station and by address.

use std::net::IpAddr;

use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::IdentityError;
use crate::identity::repo::{self, TRIES};
use crate::identity::rules::Throttle;
use crate::store::{StoreError, WriteTx};

/// Forgotten rows that each attempt sweeps up; it adds two.
const SWEPT: usize = 4;

/// Under which an account's failures are counted.
pub(super) fn account_key(login: &str) -> Id {
    Id::derived(&[b"account", login.as_bytes()])
}

/// Under which an address' failures are counted: a household has a /64 of IPv6, so that is one address.
pub(super) fn address_key(address: IpAddr) -> Id {
    match address.to_canonical() {
        IpAddr::V4(a) => Id::derived(&[b"address", &a.octets()]),
        IpAddr::V6(a) => Id::derived(&[b"address", &a.octets()[..8]]),
    }
}

/// Counts an attempt before its secret is looked at.
///
/// # Errors
/// [`IdentityError::Throttled`]: nothing was counted and nothing must be looked at.
pub(super) fn charge(
    tx: &mut dyn WriteTx,
    keys: [Option<Id>; 2],
    now: Timestamp,
) -> Result<(), IdentityError> {
    repo::tidy(tx, now, SWEPT)?;
    let mut counts = Vec::with_capacity(2);
    for key in keys.into_iter().flatten() {
        let tries = TRIES.get(tx, &key)?.unwrap_or_default();
        if let Some(wait) = tries.throttle.wait(now) {
            return Err(IdentityError::Throttled(wait));
        }
        counts.push((key, tries));
    }
    for (key, mut tries) in counts {
        tries.throttle.failed(now);
        TRIES.put(tx, &key, &tries)?;
    }
    Ok(())
}

/// The attempt was right: the account's failures are forgotten, of the address' only this one.
pub(super) fn settle(tx: &mut dyn WriteTx, keys: [Option<Id>; 2], now: Timestamp) -> Result<(), StoreError> {
    let [account, address] = keys;
    if let Some(account) = account {
        TRIES.del(tx, &account)?;
    }
    if let Some(address) = address
        && let Some(mut tries) = TRIES.get(tx, &address)?
    {
        tries.throttle.undo();
        if tries.throttle == Throttle::default() || tries.throttle.is_idle(now) {
            TRIES.del(tx, &address)?;
        } else {
            TRIES.put(tx, &address, &tries)?;
        }
    }
    Ok(())
}

/// The attempt was right, and no address is among the keys: all is forgotten.
pub(super) fn settle_all(tx: &mut dyn WriteTx, keys: [Option<Id>; 2]) -> Result<(), StoreError> {
    for key in keys.into_iter().flatten() {
        TRIES.del(tx, &key)?;
    }
    Ok(())
}
