//! Categories and products: reference records that headquarters owns. A depot without one owns its own; what a depot that
//! has joined changes is a proposal.

use serde::{Deserialize, Serialize};

use crate::base::ids::Id;
use crate::base::money::Money;
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::table::Entry;
use crate::store::{
    Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, counters, key,
};

/// Categories by id.
pub static CATEGORIES: Table<Id, Folded<Ref<Category>>> = Table::new(160, "categories", Home::ById);
/// Products by id.
pub static PRODUCTS: Table<Id, Folded<Ref<Product>>> = Table::new(161, "products", Home::ById);
/// Names, numbers and codes of both: what kind of name, the name, the id.
pub(super) const NAMES: Coll = Coll { id: 162, name: "catalog_names", home: Home::Local };
/// The counter that holds the greatest short number given.
const LAST_NUMBER: &str = "products/last_number";

/// A group of products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its name, as its owner writes it.
    pub name: String,
    /// Its name in English, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub english: Option<String>,
}

/// Something that is kept and sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its short number, counted within the tenant: what people type.
    pub number: u32,
    /// Its owner's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Its name.
    pub name: String,
    /// In more words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Of one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Id>,
    /// Grams of one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
    /// Whether it is no longer sold: it stays because orders name it.
    #[serde(default)]
    pub retired: bool,
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Category = 0,
    Sku = 1,
    Number = 2,
}

fn name_key(kind: Kind, name: &str, id: Option<Id>) -> Vec<u8> {
    let mut k = vec![kind as u8];
    key::text(&mut k, name.trim().to_lowercase().as_bytes());
    k.extend(id.iter().flat_map(|id| id.0));
    k
}

fn keep(tx: &mut dyn WriteTx, before: &[Vec<u8>], after: &[Vec<u8>]) -> Result<()> {
    for gone in before.iter().filter(|k| !after.contains(k)) {
        tx.del(NAMES, gone, Expect::Any)?;
    }
    for fresh in after.iter().filter(|k| !before.contains(k)) {
        tx.put(NAMES, fresh, &[], &[], Expect::Any)?;
    }
    Ok(())
}

/// The oldest record with a name; ids sort by when they were made.
fn named(tx: &dyn ReadTx, kind: Kind, name: &str) -> Result<Option<Id>> {
    let range = KeyRange::prefix(&name_key(kind, name, None));
    let slice = tx.scan(NAMES, Ix::Primary, &range, Dir::Up, 1)?;
    let id = |pk: &[u8]| pk.len().checked_sub(16).and_then(|at| Id::from_slice(&pk[at..]));
    let bad = || StoreError::Corrupt("a catalogue's look-up key is damaged".into());
    slice.recs.first().map(|r| id(&r.pk).ok_or_else(bad)).transpose()
}

impl Reference for Category {
    const NAME: &'static str = "category";
    const KIND: u16 = 0x180;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &CATEGORIES;

    fn follow(tx: &mut dyn WriteTx, id: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let keys = |c: Option<&Self>| -> Vec<Vec<u8>> {
            c.map(|c| name_key(Kind::Category, &c.name, Some(id))).into_iter().collect()
        };
        keep(tx, &keys(old), &keys(new))
    }
}

impl Reference for Product {
    const NAME: &'static str = "product";
    const KIND: u16 = 0x181;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &PRODUCTS;

    fn follow(tx: &mut dyn WriteTx, id: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let keys = |p: Option<&Self>| -> Vec<Vec<u8>> {
            let Some(p) = p else { return Vec::new() };
            let sku = p.sku.as_deref().map(|s| name_key(Kind::Sku, s, Some(id)));
            let number = name_key(Kind::Number, &p.number.to_string(), Some(id));
            sku.into_iter().chain([number]).collect()
        };
        keep(tx, &keys(old), &keys(new))?;
        let last = counters::get(tx, LAST_NUMBER)?;
        let number = new.map_or(0, |p| i64::from(p.number));
        counters::add(tx, LAST_NUMBER, (number - last).max(0))
    }
}

/// The short number the next product gets.
///
/// # Errors
/// Storage failures.
pub fn next_number(tx: &dyn ReadTx) -> Result<u32> {
    Ok(u32::try_from(counters::get(tx, LAST_NUMBER)?).unwrap_or(u32::MAX).saturating_add(1))
}

/// A record with its id and revision.
#[derive(Clone, Debug)]
pub struct Kept<T> {
    /// Its id.
    pub id: Id,
    /// Its revision.
    pub rev: u64,
    /// It.
    pub value: T,
}

fn kept<T: Reference>(entry: Option<Entry<Folded<Ref<T>>>>) -> Option<Kept<T>> {
    let Entry { value: Folded { state: Ref { id, value }, .. }, rev, .. } = entry?;
    value.map(|value| Kept { id, rev, value })
}

/// The product a caller means: by id, short number or code.
///
/// # Errors
/// Storage failures.
pub fn product(tx: &dyn ReadTx, name: &str) -> Result<Option<Kept<Product>>> {
    let name = name.trim();
    let id = match name.parse::<Id>() {
        Ok(id) if name.contains('-') => Some(id),
        parsed => match named(tx, Kind::Sku, name)? {
            Some(id) => Some(id),
            None => named(tx, Kind::Number, name)?.or(parsed.ok()),
        },
    };
    id.map_or(Ok(None), |id| Ok(kept(PRODUCTS.entry(tx, &id)?)))
}

/// The product its owner calls `sku`.
///
/// # Errors
/// Storage failures.
pub fn with_sku(tx: &dyn ReadTx, sku: &str) -> Result<Option<Kept<Product>>> {
    named(tx, Kind::Sku, sku)?.map_or(Ok(None), |id| Ok(kept(PRODUCTS.entry(tx, &id)?)))
}

/// The category a caller means: by id or name.
///
/// # Errors
/// Storage failures.
pub fn category(tx: &dyn ReadTx, name: &str) -> Result<Option<Kept<Category>>> {
    let id = match named(tx, Kind::Category, name)? {
        Some(id) => Some(id),
        None => name.parse().ok(),
    };
    id.map_or(Ok(None), |id| Ok(kept(CATEGORIES.entry(tx, &id)?)))
}

/// A page of products, oldest first, those that were removed left out.
///
/// # Errors
/// Storage failures.
pub fn page<T: Reference>(
    tx: &dyn ReadTx,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<Kept<T>>, Option<Vec<u8>>)> {
    let rows = T::TABLE.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, limit)?;
    Ok((rows.items.into_iter().filter_map(|e| kept(Some(e))).collect(), rows.next))
}
