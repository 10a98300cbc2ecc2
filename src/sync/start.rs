//! What a process is when it starts: a depot or headquarters, and whether that was restored.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::hq::{Hq, tables};
use super::node::NodeError;
use crate::base::clock::Timestamp;
use crate::config::choices::Role;
use crate::first_record;
use crate::identity::private::{self, PrivateError};
use crate::identity::secret::random;
use crate::journal::clock::{HEADQUARTERS, Origin, UNENROLLED};
use crate::store::{Home, Lane, NODE, Store, StoreError, Table, Tenant, WriteTx};

/// How often a headquarters was started: beside the same figure outside the store it shows that a backup was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starts {
    /// How often.
    pub n: u64,
}

/// On the node.
pub const STARTS: Table<str, Starts> = Table::new(98, "hq_starts", Home::Local);

first_record!(Starts);

/// 32 secret bytes in a file of their own; made when they are missing.
pub(super) fn secret(path: &Path) -> Result<[u8; 32], NodeError> {
    if let Some(bytes) = private::read(path)? {
        let what = "is not 32 bytes: restore it from where keys/ was saved";
        return <[u8; 32]>::try_from(&bytes[..]).map_err(|_| PrivateError::malformed(path, what).into());
    }
    let fresh = random::<32>()?;
    private::write(path, &fresh)?;
    Ok(fresh)
}

/// Whether `store` is a headquarters'.
///
/// # Errors
/// Storage failures.
pub fn is_headquarters(store: &Store) -> Result<bool, StoreError> {
    store.read(NODE, |tx| Ok(Origin::load(tx)?.site == HEADQUARTERS))
}

/// The node's own origin says what the folder is: tenants that are set up here begin as that.
pub(super) fn settle_role(
    store: &Store,
    role: Role,
    tenants: &[Tenant],
    now: Timestamp,
) -> Result<(), NodeError> {
    let is_hq = is_headquarters(store)?;
    match (role, is_hq, tenants.is_empty()) {
        (Role::Hq, true, _) | (Role::Depot, false, _) => Ok(()),
        (Role::Hq, false, false) => Err(NodeError::Role { holds: "a depot", wanted: "headquarters" }),
        (Role::Depot, true, false) => Err(NodeError::Role { holds: "headquarters", wanted: "a depot" }),
        (_, _, true) => {
            let site = if role == Role::Hq { HEADQUARTERS } else { UNENROLLED };
            store
                .write::<_, StoreError, _>(NODE, Lane::People, move |tx: &mut dyn WriteTx| {
                    let mut origin = Origin::load(tx)?;
                    (origin.site, origin.epoch) = (site, origin.stamp(now, 0));
                    origin.save(tx)
                })
                .wait()?;
            Ok(())
        }
    }
}

/// Counts the starts inside and outside the store: when the figures differ, the store is an earlier one or came from
/// elsewhere, and what depots were told is not what it remembers.
pub(super) fn begin(hq: &Hq, file: &Path, tenants: &[Tenant]) -> Result<(), NodeError> {
    let outside: Option<u64> =
        private::read(file)?.and_then(|b| String::from_utf8(b).ok()).and_then(|t| t.trim().parse().ok());
    let inside = hq.store.read(NODE, |tx| STARTS.get(tx, "hq"))?.map(|s| s.n);
    if inside.is_some() && outside != inside {
        tracing::warn!("headquarters was restored: its depots are asked for what it lacks");
        for tenant in tenants {
            tables::renew(&hq.store, *tenant)?;
        }
    }
    let n = inside.max(outside).unwrap_or(0) + 1;
    hq.store
        .write::<_, StoreError, _>(NODE, Lane::People, move |tx: &mut dyn WriteTx| {
            STARTS.put(tx, "hq", &Starts { n }).map(drop)
        })
        .wait()?;
    Ok(private::write(file, n.to_string().as_bytes())?)
}
