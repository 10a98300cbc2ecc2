//! Fills a fresh depot with demo parcels, through the door every carrier's news comes in by, and with air freight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{DemoParcel, codes, parcels};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::reasons::Reason;
use crate::identity::grant::{Actor, Principal};
use crate::journal::Cx;
use crate::orders::catalog_service::create_product;
use crate::orders::inputs::{Amount, Decimal, Named, ProductInput};
use crate::parcels::map_service;
use crate::parcels::maps::{Compiled, Map, MapRow, Mapped};
use crate::parcels::model::Place;
use crate::parcels::report::{self, Report};
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};

/// Demo parcels of a demo depot.
pub const PARCELS: u32 = 4_000;

/// Parcels written in one transaction.
const AT_ONCE: usize = 100;

/// The invented carriers' own status maps.
#[must_use]
pub fn maps() -> Vec<Map> {
    let mut maps: BTreeMap<&str, Vec<MapRow>> = BTreeMap::new();
    for (carrier, code, status, reason) in codes() {
        let reason = reason.map(|r: Reason| r.code().to_owned());
        let row = MapRow {
            code: code.into(),
            sub: None,
            text_contains: None,
            meaning: status.to_string().replace('_', " "),
            status: Mapped::Status(status),
            reason,
        };
        maps.entry(carrier).or_default().push(row);
    }
    maps.into_iter().map(|(source, rows)| Map { source: source.into(), rows }).collect()
}

/// Fills `tenant` with the demo's maps, `n` parcels and some air waybills as they stand at `now`. Nothing of it causes mail.
///
/// # Errors
/// Storage failures.
pub fn fill(store: &Store, tenant: Tenant, seed: u64, n: u32, now: Timestamp) -> Result<(), StoreError> {
    let maps = maps();
    let compiled: Arc<BTreeMap<String, Compiled>> =
        Arc::new(maps.iter().map(|m| (m.source.clone(), Compiled::new(Arc::new(m.clone())))).collect());
    let set = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        let cx = Cx::new(tx, &Actor::system(), now, "demo")?;
        let owner = Arc::new(Principal::system(tenant));
        for map in &maps {
            let grant = owner.grant().map_err(|e| StoreError::Corrupt(e.to_string()))?;
            let seen = map_service::map_of(tx, &map.source)?.1;
            map_service::set(tx, &grant, &cx, map.clone(), Some(seen))
                .map_err(|e| StoreError::Corrupt(e.to_string()))?;
        }
        for product in goods() {
            let grant = owner.grant().map_err(|e| StoreError::Corrupt(e.to_string()))?;
            create_product(tx, &grant, &cx, &product).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        }
        Ok(())
    };
    store.write(tenant, Lane::Bulk, set).wait()?;
    let all: Vec<DemoParcel> = parcels(seed, n, now).collect();
    for chunk in all.chunks(AT_ONCE) {
        let (chunk, compiled) = (chunk.to_vec(), Arc::clone(&compiled));
        let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
            let mut cx = Cx::new(tx, &Actor::system(), now, "demo")?;
            cx.quiet = true;
            chunk.iter().try_for_each(|p| tell(tx, &mut cx, &compiled, p))
        };
        store.write(tenant, Lane::Bulk, write).wait()?;
    }
    super::freight::fill(store, tenant, now)
}

/// The reference products, numbers 1 and 2: name, description, price, stock.
const GOODS: [(&str, &str, &str, u32); 2] =
    [("Phone", "Smartphone", "299.99", 10), ("Laptop", "Gaming Laptop", "999.99", 5)];

fn goods() -> impl Iterator<Item = ProductInput> {
    GOODS.into_iter().map(|(name, description, price, stock)| ProductInput {
        name: name.into(),
        description: description.into(),
        price: Some(Amount::Decimal(Decimal(price.into()))),
        stock: Some(stock),
        category: Some(Named::Text("Electronics".into())),
        sku: None,
        weight_g: None,
        retired: false,
        version: None,
    })
}

/// Tells a parcel's history event by event, each as if it had just come in.
pub(super) fn tell(
    tx: &mut dyn WriteTx,
    cx: &mut Cx,
    maps: &BTreeMap<String, Compiled>,
    p: &DemoParcel,
) -> Result<(), StoreError> {
    let carrier = p.facts.carrier.clone().unwrap_or_default();
    let Some(map) = maps.get(&carrier) else { return Ok(()) };
    let present = cx.now;
    for (i, e) in p.events.iter().enumerate() {
        cx.now = e.at.after(Duration::from_secs(20)).min(present);
        let report = Report {
            number: Some(p.number.clone()),
            raw: Some(e.raw.clone()),
            at: Some(e.at),
            facts: if i == 0 { p.facts.clone() } else { Default::default() },
            location: Place { city: Some(e.location.clone()), ..Place::default() },
            note: e.note.clone(),
            digest: Id::derived(&[p.number.as_bytes(), &i.to_be_bytes(), e.raw.as_bytes()]).0,
            ..Report::default()
        };
        report::take(tx, cx, &carrier, map, u64::MAX, &report)
            .map_err(|e| StoreError::Corrupt(e.to_string()))?;
    }
    cx.now = present;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::grant::Scope;
    use crate::parcels::stats::count;
    use crate::store::redb::Redb;

    #[test]
    fn a_demo_depot_has_live_exceptions() {
        let store = Store::new(Redb::memory().unwrap());
        let now = Timestamp::from_millis(1_790_000_000_000);
        fill(&store, 1, 7, 300, now).unwrap();
        let s = count(&store, 1, &Scope::Tenant, None, now).unwrap();
        assert_eq!(s.parcels, 300);
        assert!(s.open > 50 && s.open < 290, "{s:?}");
        assert!(s.issues.len() >= 3, "{s:?}");
        assert!(s.stale.values().sum::<u64>() > 3, "{s:?}");
    }
}
