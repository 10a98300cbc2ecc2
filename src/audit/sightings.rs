//! Who looked at whose data: one audit entry per person and second, listing the records. Gathered in memory and written
//! by a worker, so a power cut may lose the last second of looks; nothing that changes something is noted this way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::{Changed, Class, Entry, note};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::identity::grant::Actor;
use crate::jobs::runner::{Ctx, JobError, Step, Worker};
use crate::journal::Cx;
use crate::store::{Lane, StoreError, Tenant, WriteTx};

/// Records listed in one entry; a look at more of them in one second makes a second entry.
pub const MAX_LISTED: usize = 500;
/// Entries that may wait for the worker; beyond that further looks are counted, not listed.
pub const MAX_WAITING: usize = 10_000;

#[derive(Clone)]
struct Look {
    actor: Actor,
    ids: BTreeSet<Id>,
    more: u64,
}

type Key = (Tenant, Id, i64, &'static str);

/// Looks that are not written yet. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sightings(Arc<Mutex<BTreeMap<Key, Look>>>);

impl Sightings {
    /// `actor` has seen records `ids` of kind `record`.
    pub fn saw(
        &self,
        tenant: Tenant,
        actor: &Actor,
        record: &'static str,
        ids: impl IntoIterator<Item = Id>,
        now: Timestamp,
    ) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= MAX_WAITING;
        let key = (tenant, actor.user, now.millis() / 1000, record);
        if full && !waiting.contains_key(&key) {
            return;
        }
        let look = waiting.entry(key).or_insert_with(|| Look {
            actor: actor.clone(),
            ids: BTreeSet::new(),
            more: 0,
        });
        for id in ids {
            // Beyond the limit a record that was listed already is not counted again; one that wasn't may be, twice.
            if look.ids.len() < MAX_LISTED {
                look.ids.insert(id);
            } else if !look.ids.contains(&id) {
                look.more += 1;
            }
        }
    }

    /// Takes the looks of `tenant` that lie before the present second.
    fn take(&self, tenant: Tenant, now: Timestamp) -> Vec<(Key, Look)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ready: Vec<Key> =
            waiting.keys().filter(|k| k.0 == tenant && k.2 < now.millis() / 1000).copied().collect();
        ready.into_iter().filter_map(|k| waiting.remove(&k).map(|l| (k, l))).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Writes gathered looks into the audit.
pub struct Scribe(pub Sightings);

impl Worker for Scribe {
    fn name(&self) -> &'static str {
        "audit.sightings"
    }

    fn is_everywhere(&self) -> bool {
        true
    }

    fn step(&self, ctx: &Ctx, now: Timestamp) -> Result<Step, JobError> {
        let looks = self.0.take(ctx.tenant, now);
        if !looks.is_empty() {
            let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
                for ((_, user, second, record), look) in &looks {
                    let at = Timestamp::from_millis(second * 1000);
                    let cx = Cx { now: at, ..Cx::new(tx, &look.actor, at, "http")? };
                    let ids: Vec<Value> = look.ids.iter().map(|id| id.to_string().into()).collect();
                    let mut changed = vec![Changed::new("seen", Value::Null, ids)];
                    if look.more > 0 {
                        changed.push(Changed::new("and_more", Value::Null, look.more));
                    }
                    let action = "records.seen";
                    note(
                        tx,
                        &cx,
                        &Entry { class: Class::Business, action, record, id: *user, event: None, changed },
                    )?;
                }
                Ok(())
            };
            ctx.store.write(ctx.tenant, Lane::Bulk, write).wait()?;
        }
        let soon = now.after(std::time::Duration::from_secs(1));
        Ok(if self.0.is_empty() { Step::IDLE } else { Step::IdleUntil(soon) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::queries::{Filter, list};
    use crate::store::Store;
    use crate::store::redb::Redb;

    #[test]
    fn a_person_who_looks_around_leaves_one_entry_a_second() {
        let (store, sightings) = (Store::new(Redb::memory().unwrap()), Sightings::default());
        let now = Timestamp::from_millis(1_700_000_000_100);
        let ids: Vec<Id> = (0..MAX_LISTED + 3).map(|_| Id::fresh()).collect();
        for id in &ids {
            sightings.saw(1, &Actor::system(), "parcel", [*id, *id], now);
        }
        let ctx = Ctx { store: store.clone(), tenant: 1 };
        let scribe = Scribe(sightings);
        scribe.step(&ctx, now).unwrap();
        let count = || store.read(1, |tx| list(tx, &Filter::default(), None, 10)).unwrap().0;
        assert!(count().is_empty(), "the second is not over");
        assert_eq!(scribe.step(&ctx, now.after(std::time::Duration::from_secs(1))).unwrap(), Step::IDLE);
        let entries = count();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].body.d[0].2.as_array().unwrap().len(), MAX_LISTED);
        assert_eq!(entries[0].body.d[1].2, 6);
    }
}
