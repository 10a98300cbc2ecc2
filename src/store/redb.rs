//! The embedded engine: one redb file, one writer, many readers.
//!
//! Four tables of plain bytes: `rec[tenant|coll|pk]`, `ix[tenant|coll|ix|key|pk]`, `log[tenant|part|log|epoch|seq]` and
//! `head[tenant|part|log|epoch]`. A record's value carries its index keys, so that a new version takes the old entries
//! away without decoding anything.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, TableHandle,
    WriteTransaction,
};

use super::raw::{
    Value, be64, bounds, ended, fits, head_bytes, head_key, is_empty, ix_key, log_key, read_head, rec_key,
};
use super::redo::{Known, Op, Ops, Pages, Redo};
use super::stamps::Stamps;
use super::{
    Area, Coll, Dir, Expect, Hash, Head, Home, Ix, KeyRange, LogId, Part, ReadTx, Rec, Result, Slice,
    StoreError, Sweep, Tenant, Visited, Visitor, WriteTx, key,
};

pub use super::writer::{Options, Redb};

type Bytes = &'static [u8];
const REC: TableDefinition<Bytes, Bytes> = TableDefinition::new("rec");
const IX: TableDefinition<Bytes, Bytes> = TableDefinition::new("ix");
const LOG: TableDefinition<Bytes, Bytes> = TableDefinition::new("log");
const HEAD: TableDefinition<Bytes, Bytes> = TableDefinition::new("head");
/// One row: the generation of the redo log that is newer than these pages.
const REDO: TableDefinition<Bytes, Bytes> = TableDefinition::new("redo");
const GENERATION: Bytes = b"generation";

pub(super) fn failed(e: impl Into<redb::Error>) -> StoreError {
    match e.into() {
        redb::Error::Corrupted(why) => StoreError::Corrupt(why),
        redb::Error::DatabaseAlreadyOpen => {
            StoreError::Io("the file is open in another process; stop that one first".into())
        }
        e => StoreError::Io(e.to_string()),
    }
}

/// Opens the file over `under` with what the redo log has for it, as far as it is `known` to have lasted; `room` bytes
/// are set aside for that log in a new one.
///
/// # Errors
/// When it is open elsewhere, no file of ours, or can't be read or written.
pub(super) fn open(
    under: impl StorageBackend,
    cache: usize,
    room: u64,
    known: Option<Known>,
) -> Result<(Database, Redo)> {
    let (mut redo, pages) = Redo::open(under, room)?;
    let db = redb::Builder::new().set_cache_size(cache).create_with_backend(pages).map_err(failed)?;
    prepare(&db)?;
    catch_up(&db, &mut redo, known)?;
    Ok((db, redo))
}

/// Makes the tables where they are missing, so that readers always find them. A file that has them is not written.
fn prepare(db: &Database) -> Result<()> {
    let all = [REC, IX, LOG, HEAD, REDO];
    let tx = db.begin_read().map_err(failed)?;
    let there =
        tx.list_tables().map_err(failed)?.filter(|t| all.iter().any(|d| d.name() == t.name())).count();
    drop(tx);
    if there == all.len() {
        return Ok(());
    }
    let tx = db.begin_write().map_err(failed)?;
    for def in all {
        tx.open_table(def).map_err(failed)?;
    }
    commit(tx, None)
}

/// Does again what the redo log has and the pages may not.
fn catch_up(db: &Database, redo: &mut Redo, known: Option<Known>) -> Result<()> {
    let generation = {
        let tx = db.begin_read().map_err(failed)?;
        let row = tx.open_table(REDO).map_err(failed)?.get(GENERATION).map_err(failed)?;
        row.map_or(0, |v| be64(v.value()))
    };
    let tx = db.begin_write().map_err(failed)?;
    let found = {
        let mut group = Group::open(&tx, Ops::default(), None)?;
        redo.replay(generation, known, |op| group.redo(&op))?
    };
    if !found {
        return tx.abort().map_err(failed);
    }
    commit(tx, Some(redo))
}

/// Makes a transaction last, with all that was committed in memory before it; the redo log begins anew.
pub(super) fn commit(mut tx: WriteTransaction, redo: Option<&mut Redo>) -> Result<()> {
    tx.set_durability(Durability::Immediate).map_err(|e| StoreError::Io(e.to_string()))?;
    tx.set_quick_repair(true);
    let Some(redo) = redo else { return tx.commit().map_err(failed) };
    let next = redo.next_generation();
    tx.open_table(REDO).map_err(failed)?.insert(GENERATION, &next.to_be_bytes()[..]).map_err(failed)?;
    tx.commit().map_err(failed)?;
    redo.begin(next);
    Ok(())
}

/// Commits in memory what lasts already by its record in the redo log.
pub(super) fn publish(mut tx: WriteTransaction) -> Result<()> {
    tx.set_durability(Durability::None).map_err(|e| StoreError::Io(e.to_string()))?;
    tx.commit().map_err(failed)
}

type Rows<'a> = redb::Range<'a, Bytes, Bytes>;

fn walk(rows: Rows<'_>, dir: Dir, mut f: impl FnMut(&[u8], &[u8]) -> Result<bool>) -> Result<()> {
    let mut step = |row: std::result::Result<
        (redb::AccessGuard<'_, Bytes>, redb::AccessGuard<'_, Bytes>),
        redb::StorageError,
    >| {
        let (k, v) = row.map_err(failed)?;
        f(k.value(), v.value())
    };
    match dir {
        Dir::Up => {
            for row in rows {
                if !step(row)? {
                    break;
                }
            }
        }
        Dir::Down => {
            for row in rows.rev() {
                if !step(row)? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The reads that a snapshot and a write transaction share.
struct View<'a, T> {
    rec: &'a T,
    ix: &'a T,
    tenant: Tenant,
}

impl<T: ReadableTable<Bytes, Bytes>> View<'_, T> {
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        let Some(raw) = self.rec.get(&rec_key(self.tenant, c, pk)[..]).map_err(failed)? else {
            return Ok(None);
        };
        let (rev, body) = Value::body(raw.value())?;
        Ok(Some(Rec { pk: pk.to_vec(), rev, body: body.to_vec() }))
    }

    fn scan(&self, c: Coll, ix: Ix, r: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        let mut recs = Vec::new();
        let next = self.visit(c, ix, r, dir, limit, &mut |row| {
            row.open(&mut |rev, body| {
                recs.push(Rec { pk: row.pk.to_vec(), rev, body: body.to_vec() });
                Ok(())
            })
        })?;
        Ok(Slice { recs, next })
    }

    fn visit(
        &self,
        c: Coll,
        ix: Ix,
        r: &KeyRange,
        dir: Dir,
        limit: usize,
        f: Visitor<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let (low, high, base) = bounds(self.tenant, c, ix, r, dir);
        if is_empty(&low, &high) || limit == 0 {
            return Ok(None);
        }
        let table = if ix == Ix::Primary { self.rec } else { self.ix };
        let rows = table
            .range::<&[u8]>((low.as_ref().map(|k| &k[..]), high.as_ref().map(|k| &k[..])))
            .map_err(failed)?;
        let (mut seen, mut last, mut next) = (0, Vec::new(), None);
        let mut k_of_rec = rec_key(self.tenant, c, &[]);
        let prefix = k_of_rec.len();
        walk(rows, dir, |k, v| {
            if seen == limit {
                next = Some(std::mem::take(&mut last));
                return Ok(false);
            }
            seen += 1;
            let position = &k[base..];
            last.clear();
            last.extend_from_slice(position);
            if ix == Ix::Primary {
                let (rev, body) = Value::body(v)?;
                f(&Visited::here(position, rev, body))?;
            } else {
                let (_, pk) = key::split_text(position)
                    .ok_or_else(|| StoreError::Corrupt("an index key is damaged".into()))?;
                k_of_rec.truncate(prefix);
                k_of_rec.extend_from_slice(pk);
                f(&Visited::there(pk, &|read| {
                    let rec = self.rec.get(&k_of_rec[..]).map_err(failed)?.ok_or_else(|| {
                        StoreError::Corrupt(format!("{}: an index entry without its record", c.name))
                    })?;
                    let (rev, body) = Value::body(rec.value())?;
                    read(rev, body)
                }))?;
            }
            Ok(true)
        })?;
        Ok(next)
    }
}

/// One entry of a log.
fn entry(
    table: &impl ReadableTable<Bytes, Bytes>,
    tenant: Tenant,
    p: Part,
    log: LogId,
    seq: u64,
) -> Result<Option<Vec<u8>>> {
    Ok(table.get(&log_key(tenant, p, log, seq)[..]).map_err(failed)?.map(|v| v.value().to_vec()))
}

/// Up to `limit` entries of a log behind `after`.
fn tail(
    table: &impl ReadableTable<Bytes, Bytes>,
    tenant: Tenant,
    p: Part,
    log: LogId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Vec<u8>)>> {
    if after == u64::MAX {
        return Ok(Vec::new());
    }
    let (low, high) = (log_key(tenant, p, log, after), log_key(tenant, p, log, u64::MAX));
    let rows =
        table.range::<&[u8]>((Bound::Excluded(&low[..]), Bound::Included(&high[..]))).map_err(failed)?;
    let mut out = Vec::new();
    walk(rows, Dir::Up, |k, v| {
        if out.len() == limit {
            return Ok(false);
        }
        out.push((be64(&k[k.len() - 8..]), v.to_vec()));
        Ok(true)
    })?;
    Ok(out)
}

type ReadTable = redb::ReadOnlyTable<Bytes, Bytes>;

/// One snapshot. A table is opened when it is first asked: most reads need one or two of the four.
pub(super) struct Snapshot<'a> {
    tx: redb::ReadTransaction,
    tables: [OnceCell<ReadTable>; 4],
    tenant: Tenant,
    begun: Instant,
    limit: Option<Duration>,
    stamps: &'a Stamps,
    moment: u64,
    /// Raised when the file has to be closed under a long sweep.
    stop: &'a AtomicBool,
}

impl<'a> Snapshot<'a> {
    pub(super) fn open(
        db: &Database,
        tenant: Tenant,
        limit: Option<Duration>,
        stamps: &'a Stamps,
        stop: &'a AtomicBool,
    ) -> Result<Self> {
        let moment = stamps.moment();
        let tx = db.begin_read().map_err(failed)?;
        let begun = Instant::now();
        Ok(Self { tx, tables: Default::default(), tenant, begun, limit, stamps, moment, stop })
    }

    fn table(&self, area: Area) -> Result<&ReadTable> {
        let (cell, def) = match area {
            Area::Records => (&self.tables[0], REC),
            Area::Index => (&self.tables[1], IX),
            Area::Log => (&self.tables[2], LOG),
            Area::Heads => (&self.tables[3], HEAD),
        };
        if let Some(table) = cell.get() {
            return Ok(table);
        }
        let table = self.tx.open_table(def).map_err(failed)?;
        Ok(cell.get_or_init(|| table))
    }

    fn in_time(&self) -> Result<()> {
        match self.limit {
            Some(limit) if self.begun.elapsed() > limit => {
                Err(StoreError::Deadline { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) })
            }
            _ => Ok(()),
        }
    }

    fn view(&self, ix: Ix) -> Result<View<'_, ReadTable>> {
        self.in_time()?;
        let rec = self.table(Area::Records)?;
        let ix = if ix == Ix::Primary { rec } else { self.table(Area::Index)? };
        Ok(View { rec, ix, tenant: self.tenant })
    }
}

impl ReadTx for Snapshot<'_> {
    fn tenant(&self) -> Tenant {
        self.tenant
    }
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        self.view(Ix::Primary)?.get(c, pk)
    }
    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        self.view(ix)?.scan(c, ix, range, dir, limit)
    }
    fn visit(
        &self,
        c: Coll,
        ix: Ix,
        range: &KeyRange,
        dir: Dir,
        limit: usize,
        f: Visitor<'_>,
    ) -> Result<Option<Vec<u8>>> {
        self.view(ix)?.visit(c, ix, range, dir, limit, f)
    }
    fn moment(&self) -> u64 {
        self.moment
    }
    fn is_untouched(&self, c: Coll, pk: &[u8], since: u64) -> bool {
        self.stamps.is_untouched(self.tenant, c, pk, since.min(self.moment))
    }
    fn head(&self, p: Part, log: LogId) -> Result<Head> {
        self.in_time()?;
        let raw = self.table(Area::Heads)?.get(&head_key(self.tenant, p, log)[..]).map_err(failed)?;
        raw.map_or(Ok(Head { floor: 1, ..Head::default() }), |v| read_head(v.value()))
    }
    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>> {
        self.in_time()?;
        entry(self.table(Area::Log)?, self.tenant, p, log, seq)
    }
    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        self.in_time()?;
        tail(self.table(Area::Log)?, self.tenant, p, log, after, limit)
    }
}

impl Sweep for Snapshot<'_> {
    fn rows(
        &self,
        area: Area,
        after: Option<&[u8]>,
        f: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let table = self.table(area)?;
        let low = after.map_or(Bound::Unbounded, Bound::Excluded);
        walk(table.range::<&[u8]>((low, Bound::Unbounded)).map_err(failed)?, Dir::Up, |k, v| {
            if self.stop.load(Ordering::Acquire) {
                return Err(StoreError::ReadOnly {
                    why: "the file is being reopened after a failure; begin again".into(),
                });
            }
            f(k, v)
        })
    }
}

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
pub(super) struct Group<'t> {
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
    pub(super) fn open(tx: &'t WriteTransaction, ops: Ops, stamps: Option<&'t Stamps>) -> Result<Self> {
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
    pub(super) fn begin(&mut self, tenant: Tenant) {
        self.tenant = tenant;
        self.undo.clear();
        self.mark = self.ops.mark();
    }

    /// Whether a storage failure has spoilt the whole group.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes back what the present request wrote.
    pub(super) fn roll_back(&mut self) -> Result<()> {
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
    pub(super) fn finish(mut self) -> Result<Ops> {
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
    fn redo(&mut self, op: &Op<'_>) -> Result<()> {
        let table = self.table(op.area);
        let done = match op.value {
            Some(v) => table.insert(op.key, v).map(drop),
            None => table.remove(op.key).map(drop),
        };
        self.hurt(done)
    }

    /// Writes a raw row and the index entries it names.
    fn place(&mut self, area: Area, k: &[u8], v: &[u8]) -> Result<()> {
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

/// Rows of a restore, in the order of their area's keys.
pub(super) type Loading<'a> = &'a mut dyn Iterator<Item = Result<(Area, Vec<u8>, Vec<u8>)>>;

/// Makes a new file at `path` of raw rows: how a restore fills it. Index entries are made again from the records.
pub(super) fn load(path: &Path, rows: Loading<'_>) -> Result<u64> {
    /// A commit takes what fits well into memory.
    const BYTES_A_COMMIT: usize = 16 << 20;
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path);
    let file = file.map_err(|e| StoreError::Io(format!("{}: {e}", path.display())))?;
    let under = redb::backends::FileBackend::new(file).map_err(failed)?;
    let (db, mut redo) = open(under, 64 << 20, super::writer::Options::default().redo, None)?;
    let (mut total, mut more) = (0, true);
    while more {
        let tx = db.begin_write().map_err(failed)?;
        {
            let mut g = Group::open(&tx, Ops::default(), None)?;
            let mut bytes = 0;
            more = false;
            for row in &mut *rows {
                let (area, k, v) = row?;
                g.place(area, &k, &v)?;
                total += 1;
                bytes += k.len() + v.len();
                if bytes > BYTES_A_COMMIT {
                    more = true;
                    break;
                }
            }
        }
        commit(tx, Some(&mut redo))?;
    }
    Ok(total)
}

/// The file at `path`, which must be there, in its two parts.
fn existing(path: &Path) -> Result<(Redo, Pages)> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|e| StoreError::Io(format!("{}: {e}", path.display())))?;
    let under = redb::backends::FileBackend::new(file).map_err(failed)?;
    Redo::open(under, super::writer::Options::default().redo)
}

/// Has redb check the pages of the file at `path`, which nobody may have open; true when nothing had to be mended.
pub(super) fn integrity(path: &Path) -> Result<bool> {
    let (_, pages) = existing(path)?;
    let mut db = redb::Builder::new().create_with_backend(pages).map_err(failed)?;
    db.check_integrity().map_err(failed)
}

/// Whether another process, or this one, has the file at `path` open.
pub(super) fn is_open(path: &Path) -> bool {
    existing(path).is_ok_and(|(_, pages)| {
        let opened = redb::Builder::new().create_with_backend(pages);
        matches!(opened, Err(redb::DatabaseError::DatabaseAlreadyOpen))
    })
}
