//! Parcels as lists show them. Reading a row and writing its JSON costs several times what finding it does, and the same
//! rows are asked for again and again: so a card is made once per revision, and kept while there is room. A card whose
//! row nobody has written since is taken without looking at the row. With no room every answer is the same, made anew
//! each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::value::{RawValue, to_raw_value};

use super::model::Parcel;
use super::views::ParcelView;
use crate::base::ids::Id;
use crate::journal::Folded;
use crate::parcels::repo::PARCELS;
use crate::store::table::Unread;
use crate::store::{ReadTx, Result, StoreError, Tenant};

/// What a card weighs beside its JSON: the parcel itself with its texts, and the cache's own.
const WEIGHT: usize = 2_000;

/// A parcel at one revision.
#[derive(Debug)]
pub struct Card {
    /// The row's revision.
    pub rev: u64,
    /// The parcel.
    pub parcel: Parcel,
    /// Its [`ParcelView`] as JSON.
    pub json: Box<RawValue>,
    /// The latest [moment](ReadTx::moment) at which this was the row.
    seen: AtomicU64,
}

impl Card {
    /// The card of `parcel` at revision `rev`.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn new(parcel: Parcel, rev: u64) -> Result<Self> {
        let json = to_raw_value(&ParcelView::of(&parcel, rev));
        let json = json.map_err(|e| StoreError::Codec { what: "parcel", why: e.to_string() })?;
        Ok(Self { rev, parcel, json, seen: AtomicU64::new(0) })
    }
}

/// The cards that are at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cards(Option<Arc<Kept>>);

type Kept = quick_cache::sync::Cache<(Tenant, Id), Arc<Card>, Weigher>;

/// Weighs a card in bytes.
#[derive(Clone, Debug)]
struct Weigher;

impl quick_cache::Weighter<(Tenant, Id), Arc<Card>> for Weigher {
    fn weight(&self, _: &(Tenant, Id), card: &Arc<Card>) -> u64 {
        (WEIGHT + card.json.get().len()) as u64
    }
}

impl Cards {
    /// Room for about `bytes` of them; 0 keeps none.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let most = usize::try_from(bytes).unwrap_or(usize::MAX) / WEIGHT;
        Self((bytes > 0).then(|| Arc::new(Kept::with_weighter(most, bytes, Weigher))))
    }

    /// The card of a row.
    ///
    /// # Errors
    /// When the row can't be read.
    pub fn of(&self, tx: &dyn ReadTx, row: &Unread<'_, Folded<Parcel>>) -> Result<Arc<Card>> {
        let id = Id::from_slice(row.pk()).unwrap_or(Id::NIL);
        let kept = self.at_hand(tx, id);
        if let Some((card, true)) = kept {
            return Ok(card);
        }
        let kept = kept.map(|(card, _)| card);
        let card = match row.read(kept.as_ref().map(|card| card.rev))? {
            (rev, Some(row)) => {
                let card = Arc::new(Card::new(row.state, rev)?);
                if let Some(cards) = &self.0 {
                    cards.insert((tx.tenant(), id), Arc::clone(&card));
                }
                card
            }
            (rev, None) => {
                kept.ok_or_else(|| StoreError::Corrupt(format!("revision {rev} of no card was asked for")))?
            }
        };
        card.seen.fetch_max(tx.moment(), Ordering::Relaxed);
        Ok(card)
    }

    /// The card of the parcel `id`; none when there is no such row.
    ///
    /// # Errors
    /// When the row can't be read.
    pub fn find(&self, tx: &dyn ReadTx, id: Id) -> Result<Option<Arc<Card>>> {
        match self.at_hand(tx, id) {
            Some((card, true)) => Ok(Some(card)),
            _ => PARCELS.look(tx, &id, |row| self.of(tx, &row)),
        }
    }

    /// The card that is kept, and whether it is for certain that of the row.
    fn at_hand(&self, tx: &dyn ReadTx, id: Id) -> Option<(Arc<Card>, bool)> {
        let card = self.0.as_ref()?.get(&(tx.tenant(), id))?;
        let sure = tx.is_untouched(PARCELS.coll, &id.0, card.seen.load(Ordering::Relaxed));
        Some((card, sure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcels::model::{ParcelId, Status};
    use crate::parcels::repo::PARCELS;
    use crate::store::redb::Redb;
    use crate::store::{Lane, Store};

    fn put(store: &Store, tenant: Tenant, id: Id, status: Status) {
        let row = move |tx: &mut dyn crate::store::WriteTx| -> Result<u64> {
            let state = Parcel { status, number: "N1".into(), ..Parcel::new(ParcelId(id)) };
            PARCELS.put(tx, &id, &Folded { state, line: Default::default(), due: None })
        };
        store.write(tenant, Lane::People, row).wait().unwrap();
    }

    fn card(store: &Store, cards: &Cards, tenant: Tenant, id: Id) -> Arc<Card> {
        let read = |tx: &dyn ReadTx| cards.find(tx, id);
        store.read(tenant, read).unwrap().unwrap()
    }

    #[test]
    fn a_card_is_made_once_per_revision_and_is_the_same_as_one_made_anew() {
        let (store, id) = (Store::new(Redb::memory().unwrap()), Id::fresh());
        let (kept, none) = (Cards::new(1 << 20), Cards::new(0));
        for status in [Status::Announced, Status::InTransit, Status::Delivered] {
            put(&store, 1, id, status);
            let first = card(&store, &kept, 1, id);
            assert!(Arc::ptr_eq(&first, &card(&store, &kept, 1, id)));
            let anew = card(&store, &none, 1, id);
            assert!(!Arc::ptr_eq(&anew, &card(&store, &none, 1, id)));
            assert_eq!(
                (first.rev, &first.parcel, first.json.get()),
                (anew.rev, &anew.parcel, anew.json.get())
            );
            assert_eq!(first.parcel.status, status);
        }
    }

    #[test]
    fn whoever_reads_while_others_write_gets_the_card_of_the_row_his_snapshot_shows() {
        let (store, cards) = (Store::new(Redb::memory().unwrap()), Cards::new(1 << 20));
        let ids = [Id::fresh(), Id::fresh(), Id::fresh()];
        for id in ids {
            put(&store, 1, id, Status::Announced);
        }
        let done = std::sync::atomic::AtomicBool::new(false);
        let look = || {
            while !done.load(Ordering::Relaxed) {
                let same = |tx: &dyn ReadTx| -> Result<()> {
                    for id in ids {
                        let (card, row) = (cards.find(tx, id)?.unwrap(), PARCELS.entry(tx, &id)?.unwrap());
                        assert_eq!((card.rev, card.parcel.status), (row.rev, row.value.state.status));
                    }
                    Ok(())
                };
                store.read(1, same).unwrap();
            }
        };
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(look);
            }
            for n in 0..1_500 {
                let status = if n % 2 == 0 { Status::InTransit } else { Status::AtDepot };
                put(&store, 1, ids[n % 2], status);
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn the_card_of_another_tenant_is_another_card() {
        let (store, id, cards) = (Store::new(Redb::memory().unwrap()), Id::fresh(), Cards::new(1 << 20));
        put(&store, 1, id, Status::Announced);
        put(&store, 2, id, Status::Delivered);
        assert_eq!(card(&store, &cards, 1, id).parcel.status, Status::Announced);
        assert_eq!(card(&store, &cards, 2, id).parcel.status, Status::Delivered);
    }
}
