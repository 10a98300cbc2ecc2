//! The writer's transaction: requests work on it in turn, and one that fails is taken back alone.

use std::cell::RefCell;
use std::collections::BTreeMap;

use redb::{ReadableTable, WriteTransaction};

use super::read::{View, entry, tail};
use super::{Bytes, HEAD, IX, LOG, REC, failed};
use crate::store::raw::{
    Value, bounds, ended, fits, head_bytes, head_key, is_empty, ix_key, log_key, read_head, rec_key,
};
use crate::store::redo::{Op, Ops};
use crate::store::stamps::Stamps;
use crate::store::{
    Area, Coll, Dir, Expect, Hash, Head, Home, Ix, KeyRange, LogId, Part, ReadTx, Rec, Result, Slice,
    StoreError, Tenant, WriteTx,
};

type WriteTable<'t> = redb::Table<'t, Bytes, Bytes>;

enum Undo {
    Rec(Vec<u8>, Option<Vec<u8>>),
    IxAdded(Vec<u8>),
    IxRemoved(Vec<u8>),
    Logged(Vec<u8>),
    Trimmed(Vec<u8>, Vec<u8>),
    Head(Vec<u8>, Option<Head>),
    Shared(Vec<u8>, Option<Vec<u8>>),
}

/// A row of a [`Home::Shared`] collection as the group has it.
struct Kept {
    value: Option<Vec<u8>>,
    dirty: bool,
}

/// One group's transaction. Requests work on it in turn; one that fails is taken back alone, by what it wrote down.
///
/// An overlay per request would give the same and cost every read a merge; the undo costs only those that fail.
pub(in crate::store) struct Group<'t> {
    rec: WriteTable<'t>,
    ix: WriteTable<'t>,
    log: WriteTable<'t>,
    head: WriteTable<'t>,
    heads: BTreeMap<Vec<u8>, Head>,
    shared: RefCell<BTreeMap<Vec<u8>, Kept>>,
    undo: Vec<Undo>,
    /// What the group writes, for the redo log, and where in it the present request begins.
    ops: Ops,
    mark: usize,
    /// Where readers learn which rows it wrote; none while there are no readers yet.
    stamps: Option<&'t Stamps>,
    tenant: Tenant,
    broken: bool,
}

impl<'t> Group<'t> {
    pub(in crate::store) fn open(
        tx: &'t WriteTransaction,
        ops: Ops,
        stamps: Option<&'t Stamps>,
    ) -> Result<Self> {
        let open = |def| tx.open_table(def).map_err(failed);
        Ok(Self {
            rec: open(REC)?,
            ix: open(IX)?,
            log: open(LOG)?,
            head: open(HEAD)?,
            heads: BTreeMap::new(),
            shared: RefCell::default(),
            undo: Vec::new(),
            mark: ops.mark(),
            ops,
            stamps,
            tenant: 0,
            broken: false,
        })
    }

    /// Begins a request of `tenant`.
    pub(in crate::store) fn begin(&mut self, tenant: Tenant) {
        self.tenant = tenant;
        self.undo.clear();
        self.mark = self.ops.mark();
    }

    /// Whether a storage failure has spoilt the whole group.
    pub(in crate::store) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes back what the present request wrote.
    pub(in crate::store) fn roll_back(&mut self) -> Result<()> {
        self.ops.cut(self.mark);
        while let Some(u) = self.undo.pop() {
            let done = match u {
                Undo::Rec(k, Some(v)) => self.rec.insert(&k[..], &v[..]).map(drop),
                Undo::Rec(k, None) => self.rec.remove(&k[..]).map(drop),
                Undo::IxAdded(k) => self.ix.remove(&k[..]).map(drop),
                Undo::IxRemoved(k) => self.ix.insert(&k[..], &[][..]).map(drop),
                Undo::Logged(k) => self.log.remove(&k[..]).map(drop),
                Undo::Trimmed(k, v) => self.log.insert(&k[..], &v[..]).map(drop),
                Undo::Head(k, Some(h)) => {
                    self.heads.insert(k, h);
                    Ok(())
                }
                Undo::Head(k, None) => {
                    self.heads.remove(&k);
                    Ok(())
                }
                Undo::Shared(k, value) => {
                    self.shared.get_mut().insert(k, Kept { value, dirty: true });
                    Ok(())
                }
            };
            self.hurt(done)?;
        }
        Ok(())
    }

    /// Writes the ends of the logs and the shared rows that the group has touched; returns all it wrote.
    pub(in crate::store) fn finish(mut self) -> Result<Ops> {
        for (k, kept) in std::mem::take(self.shared.get_mut()).into_iter().filter(|(_, kept)| kept.dirty) {
            self.write(Area::Records, &k, kept.value.as_deref())?;
        }
        for (k, h) in std::mem::take(&mut self.heads) {
            self.write(Area::Heads, &k, Some(&head_bytes(&h)))?;
        }
        Ok(self.ops)
    }

    fn table(&mut self, area: Area) -> &mut WriteTable<'t> {
        match area {
            Area::Records => &mut self.rec,
            Area::Index => &mut self.ix,
            Area::Log => &mut self.log,
            Area::Heads => &mut self.head,
        }
    }

    /// Puts or removes a raw row, and notes it for the redo log.
    fn write(&mut self, area: Area, k: &[u8], v: Option<&[u8]>) -> Result<()> {
        match v {
            Some(v) => self.ops.put(area, k, v),
            None => self.ops.remove(area, k),
        }
        self.redo(&Op { area, key: k, value: v })
    }

    /// Puts or removes a raw row.
    pub(super) fn redo(&mut self, op: &Op<'_>) -> Result<()> {
        let table = self.table(op.area);
        let done = match op.value {
            Some(v) => table.insert(op.key, v).map(drop),
            None => table.remove(op.key).map(drop),
        };
        self.hurt(done)
    }

    /// Writes a raw row and the index entries it names.
    pub(super) fn place(&mut self, area: Area, k: &[u8], v: &[u8]) -> Result<()> {
        if area == Area::Index {
            return Ok(());
        }
        self.table(area).insert(k, v).map_err(failed)?;
        if area == Area::Records && k.len() >= 6 {
            for (i, ended) in Value::parse(v)?.keys.iter().enumerate() {
                let Some(ended) = ended else { continue };
                let i = u8::try_from(i).unwrap_or(u8::MAX);
                let ix = [&k[..6], &[i], ended, &k[6..]].concat();
                self.ix.insert(&ix[..], &[][..]).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn hurt<T>(&mut self, done: std::result::Result<T, redb::StorageError>) -> Result<T> {
        done.map_err(|e| {
            self.broken = true;
            failed(e)
        })
    }

    fn note(&self, c: Coll, pk: &[u8]) {
        if let Some(stamps) = self.stamps {
            stamps.note(self.tenant, c, pk);
        }
    }

    fn view(&self) -> View<'_, WriteTable<'t>> {
        View { rec: &self.rec, ix: &self.ix, tenant: self.tenant }
    }

    fn found(&self, c: Coll, k: &[u8]) -> Result<Option<Vec<u8>>> {
        if c.home == Home::Shared
            && let Some(kept) = self.shared.borrow().get(k)
        {
            return Ok(kept.value.clone());
        }
        let value = self.rec.get(k).map_err(failed)?.map(|v| v.value().to_vec());
        if c.home == Home::Shared {
            self.shared.borrow_mut().insert(k.to_vec(), Kept { value: value.clone(), dirty: false });
        }
        Ok(value)
    }

    /// Puts or removes a record's bytes, `old` being what was there.
    fn set(&mut self, c: Coll, k: Vec<u8>, old: Option<Vec<u8>>, value: Option<Vec<u8>>) -> Result<()> {
        if c.home == Home::Shared {
            self.shared.get_mut().insert(k.clone(), Kept { value, dirty: true });
            self.undo.push(Undo::Shared(k, old));
            return Ok(());
        }
        self.write(Area::Records, &k, value.as_deref())?;
        self.undo.push(Undo::Rec(k, old));
        Ok(())
    }

    /// Shared rows as the file and the group have them together: there are few.
    fn scan_shared(&self, c: Coll, r: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        let (low, high, base) = bounds(self.tenant, c, Ix::Primary, r, dir);
        if is_empty(&low, &high) || limit == 0 {
            return Ok(Slice::default());
        }
        let inside = (low.as_ref().map(|k| &k[..]), high.as_ref().map(|k| &k[..]));
        let mut rows = BTreeMap::new();
        for row in self.rec.range::<&[u8]>(inside).map_err(failed)? {
            let (k, v) = row.map_err(failed)?;
            rows.insert(k.value().to_vec(), Some(v.value().to_vec()));
        }
        let kept = self.shared.borrow();
        rows.extend(kept.range::<[u8], _>(inside).map(|(k, kept)| (k.clone(), kept.value.clone())));
        let mut recs = Vec::new();
        for (k, v) in rows {
            let Some(v) = v else { continue };
            let v = Value::parse(&v)?;
            recs.push(Rec { pk: k[base..].to_vec(), rev: v.rev, body: v.body.to_vec() });
        }
        if dir == Dir::Down {
            recs.reverse();
        }
        let more = recs.len() > limit;
        recs.truncate(limit);
        let next = recs.last().filter(|_| more).map(|r| r.pk.clone());
        Ok(Slice { recs, next })
    }

    fn expect(c: Coll, expected: Expect, found: Option<u64>) -> Result<()> {
        let met = match expected {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Rev(n) => found == Some(n),
        };
        if met { Ok(()) } else { Err(StoreError::Unexpected { coll: c.name, expected, found }) }
    }

    fn unindex(&mut self, c: Coll, pk: &[u8], n: usize, ended: &[u8]) -> Result<()> {
        let k = ix_key(self.tenant, c, u8::try_from(n).unwrap_or(u8::MAX), ended, pk);
        self.write(Area::Index, &k, None)?;
        self.undo.push(Undo::IxRemoved(k));
        Ok(())
    }

    fn index(&mut self, c: Coll, pk: &[u8], n: usize, ended: &[u8]) -> Result<()> {
        let k = ix_key(self.tenant, c, u8::try_from(n).unwrap_or(u8::MAX), ended, pk);
        self.write(Area::Index, &k, Some(&[]))?;
        self.undo.push(Undo::IxAdded(k));
        Ok(())
    }

    fn set_head(&mut self, k: Vec<u8>, new: Head) {
        let before = self.heads.insert(k.clone(), new);
        self.undo.push(Undo::Head(k, before));
    }
}

impl ReadTx for Group<'_> {
    fn tenant(&self) -> Tenant {
        self.tenant
    }
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        if c.home != Home::Shared {
            return self.view().get(c, pk);
        }
        let Some(value) = self.found(c, &rec_key(self.tenant, c, pk))? else { return Ok(None) };
        let v = Value::parse(&value)?;
        Ok(Some(Rec { pk: pk.to_vec(), rev: v.rev, body: v.body.to_vec() }))
    }
    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        if c.home == Home::Shared {
            return self.scan_shared(c, range, dir, limit);
        }
        self.view().scan(c, ix, range, dir, limit)
    }
    fn head(&self, p: Part, log: LogId) -> Result<Head> {
        let k = head_key(self.tenant, p, log);
        if let Some(h) = self.heads.get(&k) {
            return Ok(*h);
        }
        let raw = self.head.get(&k[..]).map_err(failed)?;
        raw.map_or(Ok(Head { floor: 1, ..Head::default() }), |v| read_head(v.value()))
    }
    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>> {
        entry(&self.log, self.tenant, p, log, seq)
    }
    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        tail(&self.log, self.tenant, p, log, after, limit)
    }
}

impl WriteTx for Group<'_> {
    fn put(
        &mut self,
        c: Coll,
        pk: &[u8],
        body: &[u8],
        ix: &[Option<Vec<u8>>],
        expect: Expect,
    ) -> Result<u64> {
        fits(c.name, pk, body)?;
        let k = rec_key(self.tenant, c, pk);
        let old = self.found(c, &k)?;
        let was = old.as_deref().map(Value::parse).transpose()?;
        Self::expect(c, expect, was.as_ref().map(|v| v.rev))?;
        let ended: Vec<Option<Vec<u8>>> = ix.iter().map(|k| k.as_ref().map(|k| ended(k))).collect();
        self.note(c, pk);
        let rev = was.as_ref().map_or(1, |v| v.rev + 1);
        let value = Value::write(rev, &ended, body)?;
        let had = was.map(|v| v.keys).unwrap_or_default();
        for n in 0..had.len().max(ended.len()) {
            let (before, after) = (had.get(n).copied().flatten(), ended.get(n).and_then(Option::as_deref));
            if before != after {
                if let Some(b) = before {
                    self.unindex(c, pk, n, b)?;
                }
                if let Some(a) = after {
                    self.index(c, pk, n, a)?;
                }
            }
        }
        self.set(c, k, old, Some(value))?;
        Ok(rev)
    }

    fn del(&mut self, c: Coll, pk: &[u8], expect: Expect) -> Result<bool> {
        let k = rec_key(self.tenant, c, pk);
        let old = self.found(c, &k)?;
        let was = old.as_deref().map(Value::parse).transpose()?;
        Self::expect(c, expect, was.as_ref().map(|v| v.rev))?;
        let Some(was) = was else { return Ok(false) };
        self.note(c, pk);
        for (n, before) in was.keys.iter().enumerate() {
            if let Some(b) = before {
                self.unindex(c, pk, n, b)?;
            }
        }
        self.set(c, k, old, None)?;
        Ok(true)
    }

    fn append(&mut self, p: Part, log: LogId, blob: &[u8], hash: Hash) -> Result<u64> {
        fits("log", &[], blob)?;
        let old = self.head(p, log)?;
        let new = Head { last: old.last + 1, floor: old.floor, hash };
        let k = log_key(self.tenant, p, log, new.last);
        self.write(Area::Log, &k, Some(blob))?;
        self.undo.push(Undo::Logged(k));
        self.set_head(head_key(self.tenant, p, log), new);
        Ok(new.last)
    }

    fn appended(&self, p: Part, log: LogId) -> bool {
        let k = head_key(self.tenant, p, log);
        self.undo.iter().rev().any(|u| matches!(u, Undo::Logged(entry) if entry.starts_with(&k)))
    }

    fn trim(&mut self, p: Part, log: LogId, upto: u64, limit: usize) -> Result<u64> {
        let old = self.head(p, log)?;
        let upto = upto.min(old.last).min(old.floor.saturating_add(limit as u64).saturating_sub(1));
        let went = (upto + 1).saturating_sub(old.floor);
        if went == 0 {
            return Ok(0);
        }
        for seq in old.floor..=upto {
            let k = log_key(self.tenant, p, log, seq);
            self.ops.remove(Area::Log, &k);
            let gone = self.log.remove(&k[..]).map(|v| v.map(|v| v.value().to_vec()));
            if let Some(v) = self.hurt(gone)? {
                self.undo.push(Undo::Trimmed(k, v));
            }
        }
        self.set_head(head_key(self.tenant, p, log), Head { floor: old.floor + went, ..old });
        Ok(went)
    }

    fn rewrite(&mut self, p: Part, log: LogId, seq: u64, blob: &[u8]) -> Result<bool> {
        fits("log", &[], blob)?;
        let Some(old) = self.entry(p, log, seq)? else { return Ok(false) };
        let k = log_key(self.tenant, p, log, seq);
        self.write(Area::Log, &k, Some(blob))?;
        // What was there comes back as a trimmed entry does.
        self.undo.push(Undo::Trimmed(k, old));
        Ok(true)
    }
}
