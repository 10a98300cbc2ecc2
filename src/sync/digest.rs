//! Do two nodes have the same? Every aggregate within a depot's scope adds the hash of its folded state to one of 1,024
//! buckets; equal sets of changes give equal sums, in whatever order they came.

use std::collections::BTreeMap;

use serde_bytes::ByteArray;

use super::depot::tables::REJECTS;
use super::hq::{apply, route};
use super::registry::{Folder, Reach, Registry};
use super::sites;
use super::wire::{BucketSum, DigestAnswer, DigestAsk, Each};
use crate::base::ids::Id;
use crate::journal::change;
use crate::journal::clock::Origin;
use crate::journal::event::SiteRef;
use crate::journal::fold::Timeline;
use crate::journal::log;
use crate::store::{ReadTx, Result, Store, StoreError, Tenant};

/// Buckets.
pub const BUCKETS: u32 = 1_024;
/// Aggregates looked at in one read.
const AT_ONCE: usize = 200;

/// The bucket of an aggregate.
#[must_use]
pub fn bucket_of(id: Id) -> u32 {
    let h = Id::derived(&[b"bucket", id.as_ref()]).0;
    u32::from_be_bytes([h[0], h[1], h[2], h[3]]) % BUCKETS
}

/// The identities of a timeline's changes, each bit added to the others'.
///
/// # Errors
/// Storage failures.
pub fn identities(tx: &dyn ReadTx, line: &Timeline) -> Result<[u8; 16]> {
    let (mut sum, mut at) = (0_u128, line.head);
    while at != 0 {
        let entry = log::applied(tx, at)?;
        sum ^= u128::from_be_bytes(change::eid(&entry.blob));
        at = entry.prev;
    }
    Ok(sum.to_be_bytes())
}

/// Whose scope is summed up, and on which side.
#[derive(Clone, Copy)]
enum Side {
    /// Headquarters, for this site.
    Headquarters(u32),
    /// The depot itself.
    Depot,
}

/// What headquarters holds within the scope of `site`. All buckets when `ask` names none.
///
/// # Errors
/// Storage failures.
pub fn of_site(
    store: &Store,
    tenant: Tenant,
    registry: &Registry,
    site: u32,
    ask: &DigestAsk,
) -> Result<DigestAnswer> {
    let behind = store.read(tenant, |tx| Ok::<_, StoreError>(apply::lag(tx, site)? + route::lag(tx)?))?;
    Ok(DigestAnswer { behind, ..all(store, tenant, registry, Side::Headquarters(site), ask)? })
}

/// What this depot holds of its own scope, what headquarters refused left out.
///
/// # Errors
/// Storage failures.
pub fn of_depot(store: &Store, tenant: Tenant, registry: &Registry, ask: &DigestAsk) -> Result<DigestAnswer> {
    all(store, tenant, registry, Side::Depot, ask)
}

fn all(
    store: &Store,
    tenant: Tenant,
    registry: &Registry,
    side: Side,
    ask: &DigestAsk,
) -> Result<DigestAnswer> {
    let (mut sums, mut each): (BTreeMap<u32, (u64, u128)>, _) = (BTreeMap::new(), Vec::new());
    for folder in registry.iter() {
        let mut after = None;
        loop {
            let page = |tx: &dyn ReadTx| page(tx, folder, side, &ask.b, after.take());
            let (found, next) = store.read(tenant, page)?;
            for (id, hash) in found {
                let entry = sums.entry(bucket_of(id)).or_default();
                *entry = (entry.0 + 1, entry.1.wrapping_add(u128::from_be_bytes(hash)));
                if ask.each {
                    each.push(Each(*folder.kinds.start(), ByteArray::new(id.0), ByteArray::new(hash)));
                }
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
    }
    let d = sums.into_iter().map(|(b, (n, sum))| BucketSum(b, n, ByteArray::new(sum.to_be_bytes())));
    Ok(DigestAnswer { d: d.collect(), each, behind: 0 })
}

type Found = (Vec<(Id, [u8; 16])>, Option<Vec<u8>>);

fn page(tx: &dyn ReadTx, folder: &Folder, side: Side, only: &[u32], after: Option<Vec<u8>>) -> Result<Found> {
    let (ids, next) = (folder.page)(tx, after, AT_ONCE)?;
    let mut found = Vec::new();
    for id in ids {
        let bucket = bucket_of(id);
        if !only.is_empty() && !only.contains(&bucket) {
            continue;
        }
        let rejected = |eid: &[u8; 16]| Ok(REJECTS.get(tx, eid)?.is_some());
        let Some(summed) = (folder.sum)(tx, id, &rejected)? else { continue };
        if folder.reach != Reach::Concerned || within(tx, side, &summed.concerned)? {
            found.push((id, summed.hash));
        }
    }
    Ok((found, next))
}

fn within(tx: &dyn ReadTx, side: Side, concerned: &[SiteRef]) -> Result<bool> {
    let origin = Origin::load(tx)?;
    for place in concerned {
        let is = match side {
            Side::Depot => origin.is(*place),
            Side::Headquarters(site) => sites::number_of(tx, *place)? == Some(site),
        };
        if is {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Buckets in which two digests differ.
#[must_use]
pub fn differing(ours: &DigestAnswer, theirs: &DigestAnswer) -> Vec<u32> {
    let map = |d: &DigestAnswer| d.d.iter().map(|b| (b.0, *b)).collect::<BTreeMap<_, _>>();
    let (a, b) = (map(ours), map(theirs));
    let mut all: Vec<u32> = a.keys().chain(b.keys()).copied().filter(|k| a.get(k) != b.get(k)).collect();
    all.sort_unstable();
    all.dedup();
    all
}
