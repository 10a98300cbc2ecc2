//! Reads: of a snapshot, and those that it shares with the writer's transaction.

use std::cell::OnceCell;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::{Bytes, HEAD, IX, LOG, REC, failed};
use crate::store::raw::{Value, be64, bounds, head_key, is_empty, log_key, read_head, rec_key};
use crate::store::stamps::Stamps;
use crate::store::{
    Area, Coll, Dir, Head, Ix, KeyRange, LogId, Part, ReadTx, Rec, Result, Slice, StoreError, Sweep, Tenant,
    Visited, Visitor, key,
};

type Rows<'a> = redb::Range<'a, Bytes, Bytes>;

pub(super) fn walk(rows: Rows<'_>, dir: Dir, mut f: impl FnMut(&[u8], &[u8]) -> Result<bool>) -> Result<()> {
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
pub(super) struct View<'a, T> {
    pub rec: &'a T,
    pub ix: &'a T,
    pub tenant: Tenant,
}

impl<T: ReadableTable<Bytes, Bytes>> View<'_, T> {
    pub fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        let Some(raw) = self.rec.get(&rec_key(self.tenant, c, pk)[..]).map_err(failed)? else {
            return Ok(None);
        };
        let (rev, body) = Value::body(raw.value())?;
        Ok(Some(Rec { pk: pk.to_vec(), rev, body: body.to_vec() }))
    }

    pub fn scan(&self, c: Coll, ix: Ix, r: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        let mut recs = Vec::new();
        let next = self.visit(c, ix, r, dir, limit, &mut |row| {
            row.open(&mut |rev, body| {
                recs.push(Rec { pk: row.pk.to_vec(), rev, body: body.to_vec() });
                Ok(())
            })
        })?;
        Ok(Slice { recs, next })
    }

    pub fn visit(
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
pub(super) fn entry(
    table: &impl ReadableTable<Bytes, Bytes>,
    tenant: Tenant,
    p: Part,
    log: LogId,
    seq: u64,
) -> Result<Option<Vec<u8>>> {
    Ok(table.get(&log_key(tenant, p, log, seq)[..]).map_err(failed)?.map(|v| v.value().to_vec()))
}

/// Up to `limit` entries of a log behind `after`.
pub(super) fn tail(
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
pub(in crate::store) struct Snapshot<'a> {
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
    pub(in crate::store) fn open(
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
