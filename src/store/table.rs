//! The typed layer: tables of versioned records with the indexes they declare.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Coll, Dir, Expect, Home, Ix, KeyRange, ReadTx, Rec, Result, StoreError, Visited, WriteTx, codec,
};
use crate::base::page::Page;

/// Something that is stored: one version byte, then MessagePack with field names.
///
/// When its shape changes in a way serde's defaults can't bridge, raise [`Record::TAG`], keep the old type as
/// [`Record::Previous`] and say in [`Record::upgrade`] how one becomes the other.
pub trait Record: Serialize + DeserializeOwned {
    /// The version byte.
    const TAG: u8 = 1;
    /// The shape before this one; [`Never`] for the first.
    type Previous: Record;
    /// Turns the shape before into this one.
    fn upgrade(old: Self::Previous) -> Self;
}

/// The shape before the first one.
#[derive(Serialize, Deserialize)]
pub enum Never {}

impl Record for Never {
    const TAG: u8 = 0;
    type Previous = Self;
    fn upgrade(old: Self) -> Self {
        old
    }
}

/// Marks types as records in their first shape.
#[macro_export]
macro_rules! first_record {
    ($($name:ty),+ $(,)?) => {$(
        impl $crate::store::Record for $name {
            type Previous = $crate::store::Never;
            fn upgrade(old: $crate::store::Never) -> Self { match old {} }
        }
    )+};
}

/// The bytes of `record`.
///
/// # Errors
/// When it can't be written as MessagePack (a map with odd keys).
pub fn encode<V: Record>(what: &'static str, record: &V) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    out.push(V::TAG);
    rmp_serde::encode::write_named(&mut out, record)
        .map_err(|e| StoreError::Codec { what, why: e.to_string() })?;
    Ok(out)
}

/// The record in `bytes`, brought up to the present shape.
///
/// # Errors
/// When the bytes are of an unknown (newer) shape or damaged.
pub fn decode<V: Record>(what: &'static str, bytes: &[u8]) -> Result<V> {
    let Some((&tag, body)) = bytes.split_first() else {
        return Err(StoreError::Codec { what, why: "no bytes".into() });
    };
    if tag == V::TAG && tag != 0 {
        return rmp_serde::from_slice(body).map_err(|e| StoreError::Codec { what, why: e.to_string() });
    }
    if tag == 0 || tag > V::TAG || V::Previous::TAG == 0 {
        return Err(StoreError::Codec {
            what,
            why: format!("version {tag} of the record is not known to this release"),
        });
    }
    decode::<V::Previous>(what, bytes).map(V::upgrade)
}

/// One index: its key from the record, or none to leave the record out.
pub type Index<V> = fn(&V) -> Option<Vec<u8>>;

/// A table of `V` by `K`.
pub struct Table<K: ?Sized, V: 'static> {
    /// The collection underneath.
    pub coll: Coll,
    indexes: &'static [Index<V>],
    key: PhantomData<fn(&K)>,
}

/// A record with its key and revision.
#[derive(Clone, Debug)]
pub struct Entry<V> {
    /// Its key.
    pub pk: Vec<u8>,
    /// Its revision, the strong ETag.
    pub rev: u64,
    /// The record.
    pub value: V,
}

/// A record as it lies there.
pub struct Unread<'a, V> {
    row: &'a Visited<'a>,
    what: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V: Record> Unread<'_, V> {
    /// Its key.
    #[must_use]
    pub fn pk(&self) -> &[u8] {
        self.row.pk
    }

    /// The record, unless it is at the revision `known` already; and its revision.
    ///
    /// # Errors
    /// As [`decode`]; storage failures.
    pub fn read(&self, known: Option<u64>) -> Result<(u64, Option<V>)> {
        let mut out = (0, None);
        self.row.open(&mut |rev, body| {
            let value = if known == Some(rev) { None } else { Some(decode(self.what, body)?) };
            out = (rev, value);
            Ok(())
        })?;
        Ok(out)
    }
}

/// Rows of one scan and where the next goes on.
pub struct Rows<V> {
    /// In order.
    pub items: Vec<Entry<V>>,
    /// Where to go on.
    pub next: Option<Vec<u8>>,
}

impl<V> Rows<V> {
    /// As a page for a caller: values only, and an opaque cursor.
    ///
    /// # Errors
    /// When the position can't be written.
    pub fn into_page(self) -> Result<Page<V>> {
        let next = self.next.map(|at| cursor(&at)).transpose()?;
        Ok(Page { items: self.items.into_iter().map(|e| e.value).collect(), next })
    }
}

/// A scan position as text for a caller.
///
/// # Errors
/// When it can't be written.
pub fn cursor(at: &Vec<u8>) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(codec::encode("cursor", at)?))
}

/// The scan position in a caller's text.
///
/// # Errors
/// [`StoreError::Cursor`] when it isn't one of ours.
pub fn position(cursor: Option<&str>) -> Result<Option<Vec<u8>>> {
    let Some(text) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| StoreError::Cursor)?;
    codec::decode("cursor", &bytes).map(Some).map_err(|_| StoreError::Cursor)
}

impl<K: AsRef<[u8]> + ?Sized, V: Record> Table<K, V> {
    /// Table number `id`; numbers are never used again.
    #[must_use]
    pub const fn new(id: u16, name: &'static str, home: Home) -> Self {
        Self { coll: Coll { id, name, home }, indexes: &[], key: PhantomData }
    }

    /// The same table with indexes, at most four; `Ix::Nth(n)` names the n-th.
    #[must_use]
    pub const fn indexed(self, indexes: &'static [Index<V>]) -> Self {
        assert!(indexes.len() <= 4, "at most four indexes a table");
        assert!(!matches!(self.coll.home, Home::Shared), "shared rows are found by their keys alone");
        Self { coll: self.coll, indexes, key: PhantomData }
    }

    /// The record at `key`.
    ///
    /// # Errors
    /// Storage failures.
    pub fn get(&self, tx: &dyn ReadTx, key: &K) -> Result<Option<V>> {
        Ok(self.entry(tx, key)?.map(|e| e.value))
    }

    /// The record at `key` with its revision.
    ///
    /// # Errors
    /// Storage failures.
    pub fn entry(&self, tx: &dyn ReadTx, key: &K) -> Result<Option<Entry<V>>> {
        tx.get(self.coll, key.as_ref())?.map(|rec| self.open(rec)).transpose()
    }

    /// Up to `limit` records of `range` in the order of `ix`.
    ///
    /// # Errors
    /// Storage failures.
    pub fn scan(&self, tx: &dyn ReadTx, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Rows<V>> {
        let slice = tx.scan(self.coll, ix, range, dir, limit)?;
        let items = slice.recs.into_iter().map(|r| self.open(r)).collect::<Result<_>>()?;
        Ok(Rows { items, next: slice.next })
    }

    /// Shows `f` up to `limit` records of `range` without reading them; returns where the next page goes on.
    ///
    /// # Errors
    /// Storage failures, and what `f` returns.
    pub fn visit(
        &self,
        tx: &dyn ReadTx,
        ix: Ix,
        range: &KeyRange,
        dir: Dir,
        limit: usize,
        f: &mut dyn FnMut(Unread<'_, V>) -> Result<()>,
    ) -> Result<Option<Vec<u8>>> {
        let what = self.coll.name;
        tx.visit(self.coll, ix, range, dir, limit, &mut |row| f(Unread { row, what, value: PhantomData }))
    }

    /// What `f` makes of the record at `key` without necessarily reading it.
    ///
    /// # Errors
    /// Storage failures, and what `f` returns.
    pub fn look<T>(
        &self,
        tx: &dyn ReadTx,
        key: &K,
        f: impl FnOnce(Unread<'_, V>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(rec) = tx.get(self.coll, key.as_ref())? else { return Ok(None) };
        let row = Visited::here(&rec.pk, rec.rev, &rec.body);
        f(Unread { row: &row, what: self.coll.name, value: PhantomData }).map(Some)
    }

    /// Writes `value` at `key` and returns its revision.
    ///
    /// # Errors
    /// Storage failures.
    pub fn put(&self, tx: &mut dyn WriteTx, key: &K, value: &V) -> Result<u64> {
        self.put_if(tx, key, value, Expect::Any)
    }

    /// Writes `value` at `key` when `expect` is met.
    ///
    /// # Errors
    /// [`StoreError::Unexpected`] when it is not; storage failures.
    pub fn put_if(&self, tx: &mut dyn WriteTx, key: &K, value: &V, expect: Expect) -> Result<u64> {
        let body = encode(self.coll.name, value)?;
        let keys: Vec<_> = self.indexes.iter().map(|ix| ix(value)).collect();
        tx.put(self.coll, key.as_ref(), &body, &keys, expect)
    }

    /// Removes what is at `key`; true when there was something.
    ///
    /// # Errors
    /// Storage failures.
    pub fn del(&self, tx: &mut dyn WriteTx, key: &K) -> Result<bool> {
        tx.del(self.coll, key.as_ref(), Expect::Any)
    }

    fn open(&self, rec: Rec) -> Result<Entry<V>> {
        Ok(Entry { value: decode(self.coll.name, &rec.body)?, rev: rec.rev, pk: rec.pk })
    }
}

/// What `check` needs of a table: decode a body and say which index keys it should have.
pub trait Checked: Sync {
    /// The collection.
    fn coll(&self) -> Coll;
    /// The index keys the record in `body` should have.
    ///
    /// # Errors
    /// When the body can't be decoded.
    fn keys(&self, body: &[u8]) -> Result<Vec<Option<Vec<u8>>>>;
}

impl<K: AsRef<[u8]> + ?Sized, V: Record> Checked for Table<K, V> {
    fn coll(&self) -> Coll {
        self.coll
    }
    fn keys(&self, body: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
        let value: V = decode(self.coll.name, body)?;
        Ok(self.indexes.iter().map(|ix| ix(&value)).collect())
    }
}
