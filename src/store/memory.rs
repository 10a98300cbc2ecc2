//! An engine that is a few maps in memory and works on the caller's own thread: for simulations, where thousands of
//! short-lived stores must act one step at a time, be copied as they stand, and fail when they are told to.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::raw::{
    Value, be64, bounds, ended, fits, head_bytes, head_key, is_empty, ix_key, log_key, read_head, rec_key,
};
use super::{
    Area, Coll, Dir, Engine, Expect, Hash, Head, Ix, KeyRange, Lane, LogId, Part, ReadTx, Rec, Result, Slice,
    Status, StoreError, Sweep, Tenant, Verdict, WriteFn, WriteTx, key,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Default)]
struct Data {
    rec: Rows,
    ix: Rows,
    log: Rows,
    head: Rows,
}

impl Data {
    fn area(&self, area: Area) -> &Rows {
        match area {
            Area::Records => &self.rec,
            Area::Index => &self.ix,
            Area::Log => &self.log,
            Area::Heads => &self.head,
        }
    }
    fn area_mut(&mut self, area: Area) -> &mut Rows {
        match area {
            Area::Records => &mut self.rec,
            Area::Index => &mut self.ix,
            Area::Log => &mut self.log,
            Area::Heads => &mut self.head,
        }
    }
}

/// Where a write is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before its commit: nothing of it is there, and the caller hears that it failed.
    Before,
    /// Behind its commit: all of it is there, and the caller hears that it failed.
    After,
}

/// Decides, at each write, whether it is cut off.
pub type Cutter = Box<dyn FnMut() -> Option<Cut> + Send>;

/// The engine; a copy ([`Memory::copied`]) is a store of its own.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

struct Shared {
    data: Mutex<Arc<Data>>,
    writer: Mutex<Option<Cutter>>,
    closed: AtomicBool,
    commits: AtomicU64,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(Arc::default())
    }
}

impl Memory {
    fn of(data: Arc<Data>) -> Self {
        Self {
            shared: Arc::new(Shared {
                data: Mutex::new(data),
                writer: Mutex::new(None),
                closed: AtomicBool::new(false),
                commits: AtomicU64::new(0),
            }),
        }
    }

    /// Another store that holds what this one holds now.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self::of(Arc::clone(&lock(&self.shared.data)))
    }

    /// Lets `cutter` decide from now on which writes are cut off; none lets all of them through.
    pub fn cut(&self, cutter: Option<Cutter>) {
        *lock(&self.shared.writer) = cutter;
    }
}

impl Engine for Memory {
    fn read(&self, tenant: Tenant, f: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        let data = Arc::clone(&lock(&self.shared.data));
        f(&Look { data: &data, tenant })
    }

    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        let data = Arc::clone(&lock(&self.shared.data));
        f(&Look { data: &data, tenant: super::NODE })
    }

    fn write(&self, tenant: Tenant, _: Lane, mut f: WriteFn) -> oneshot::Receiver<Result<()>> {
        let (done, answer) = oneshot::channel();
        let s = &self.shared;
        let mut cutter = lock(&s.writer);
        if s.closed.load(Ordering::Acquire) {
            let _ = done.send(Err(StoreError::Closed));
            return answer;
        }
        let cut = cutter.as_mut().and_then(|cutter| cutter());
        // Changed in place unless somebody still looks at them; who comes to look meanwhile waits.
        let mut data = lock(&s.data);
        let mut work = Work { data: Arc::make_mut(&mut data), tenant, undo: Vec::new() };
        let ran = catch_unwind(AssertUnwindSafe(|| f(&mut work)));
        let kept = matches!(ran, Ok(Verdict::Commit)) && cut != Some(Cut::Before);
        if kept {
            s.commits.fetch_add(1, Ordering::Relaxed);
        } else {
            work.roll_back();
        }
        drop(data);
        let failed = || StoreError::Io("the write was cut off".into());
        let said = match (ran, cut) {
            (Err(_), _) => Err(StoreError::Corrupt("a change failed unexpectedly; it was not made".into())),
            (Ok(_), Some(_)) => Err(failed()),
            (Ok(_), None) => Ok(()),
        };
        let _ = done.send(said);
        answer
    }

    fn status(&self) -> Status {
        let closed = self.shared.closed.load(Ordering::Acquire);
        let commits = self.shared.commits.load(Ordering::Relaxed);
        Status {
            writable: !closed,
            imports: !closed,
            lost: false,
            trouble: None,
            queued: 0,
            commits,
            writes: commits,
            reopened: 0,
            file_bytes: 0,
            oldest_read_ms: 0,
        }
    }

    fn has_company(&self) -> bool {
        false
    }

    fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

/// The reads, over one state of the maps.
#[derive(Clone, Copy)]
struct Look<'a> {
    data: &'a Data,
    tenant: Tenant,
}

impl ReadTx for Look<'_> {
    fn tenant(&self) -> Tenant {
        self.tenant
    }

    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        let Some(raw) = self.data.rec.get(&rec_key(self.tenant, c, pk)) else { return Ok(None) };
        let v = Value::parse(raw)?;
        Ok(Some(Rec { pk: pk.to_vec(), rev: v.rev, body: v.body.to_vec() }))
    }

    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        let (low, high, base) = bounds(self.tenant, c, ix, range, dir);
        let mut out = Slice::default();
        if is_empty(&low, &high) || limit == 0 {
            return Ok(out);
        }
        let rows = if ix == Ix::Primary { &self.data.rec } else { &self.data.ix };
        let rows = rows.range::<[u8], _>((low.as_ref().map(|k| &k[..]), high.as_ref().map(|k| &k[..])));
        let rows: Box<dyn Iterator<Item = _>> = match dir {
            Dir::Up => Box::new(rows),
            Dir::Down => Box::new(rows.rev()),
        };
        let mut last: &[u8] = &[];
        for (k, v) in rows {
            if out.recs.len() == limit {
                out.next = Some(last.to_vec());
                break;
            }
            last = &k[base..];
            let rec = if ix == Ix::Primary {
                let v = Value::parse(v)?;
                Some(Rec { pk: last.to_vec(), rev: v.rev, body: v.body.to_vec() })
            } else {
                let (_, pk) = key::split_text(last)
                    .ok_or_else(|| StoreError::Corrupt("an index key is damaged".into()))?;
                self.get(c, pk)?
            };
            out.recs.push(rec.ok_or_else(|| {
                StoreError::Corrupt(format!("{}: an index entry without its record", c.name))
            })?);
        }
        Ok(out)
    }

    fn head(&self, p: Part, log: LogId) -> Result<Head> {
        let raw = self.data.head.get(&head_key(self.tenant, p, log));
        raw.map_or(Ok(Head { floor: 1, ..Head::default() }), |v| read_head(v))
    }

    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.data.log.get(&log_key(self.tenant, p, log, seq)).cloned())
    }

    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        if after == u64::MAX {
            return Ok(Vec::new());
        }
        let (low, high) = (log_key(self.tenant, p, log, after), log_key(self.tenant, p, log, u64::MAX));
        let rows = self.data.log.range((Bound::Excluded(low), Bound::Included(high)));
        Ok(rows.take(limit).map(|(k, v)| (be64(&k[k.len() - 8..]), v.clone())).collect())
    }
}

impl Sweep for Look<'_> {
    fn rows(
        &self,
        area: Area,
        after: Option<&[u8]>,
        f: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let low = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (k, v) in self.data.area(area).range::<[u8], _>((low, Bound::Unbounded)) {
            if !f(k, v)? {
                break;
            }
        }
        Ok(())
    }
}

/// A write transaction: works in place and remembers what stood there.
struct Work<'a> {
    data: &'a mut Data,
    tenant: Tenant,
    undo: Vec<(Area, Vec<u8>, Option<Vec<u8>>)>,
}

impl Work<'_> {
    fn look(&self) -> Look<'_> {
        Look { data: self.data, tenant: self.tenant }
    }

    fn set(&mut self, area: Area, k: Vec<u8>, value: Option<Vec<u8>>) {
        let rows = self.data.area_mut(area);
        let old = match value {
            Some(v) => rows.insert(k.clone(), v),
            None => rows.remove(&k),
        };
        self.undo.push((area, k, old));
    }

    fn roll_back(&mut self) {
        while let Some((area, k, old)) = self.undo.pop() {
            let rows = self.data.area_mut(area);
            match old {
                Some(v) => rows.insert(k, v),
                None => rows.remove(&k),
            };
        }
    }

    /// The revision and the index keys of what lies at `k`, when that is expected.
    fn found(&self, c: Coll, k: &[u8], expected: Expect) -> Result<Option<(u64, Keys)>> {
        let was = self.data.rec.get(k).map(|v| Value::parse(v)).transpose()?;
        let found = was.as_ref().map(|v| v.rev);
        let met = match expected {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Rev(n) => found == Some(n),
        };
        if !met {
            return Err(StoreError::Unexpected { coll: c.name, expected, found });
        }
        Ok(was.map(|v| (v.rev, v.keys.iter().map(|k| k.map(<[u8]>::to_vec)).collect())))
    }

    fn reindex(&mut self, c: Coll, pk: &[u8], before: &Keys, after: &Keys) {
        for n in 0..before.len().max(after.len()) {
            let (b, a) = (before.get(n).cloned().flatten(), after.get(n).cloned().flatten());
            if b == a {
                continue;
            }
            let at = u8::try_from(n).unwrap_or(u8::MAX);
            if let Some(b) = b {
                self.set(Area::Index, ix_key(self.tenant, c, at, &b, pk), None);
            }
            if let Some(a) = a {
                self.set(Area::Index, ix_key(self.tenant, c, at, &a, pk), Some(Vec::new()));
            }
        }
    }
}

type Keys = Vec<Option<Vec<u8>>>;

impl ReadTx for Work<'_> {
    fn tenant(&self) -> Tenant {
        self.tenant
    }
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        self.look().get(c, pk)
    }
    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        self.look().scan(c, ix, range, dir, limit)
    }
    fn head(&self, p: Part, log: LogId) -> Result<Head> {
        self.look().head(p, log)
    }
    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>> {
        self.look().entry(p, log, seq)
    }
    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        self.look().tail(p, log, after, limit)
    }
}

impl WriteTx for Work<'_> {
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
        let (rev, before) = self.found(c, &k, expect)?.unwrap_or_default();
        let after: Keys = ix.iter().map(|k| k.as_ref().map(|k| ended(k))).collect();
        let value = Value::write(rev + 1, &after, body)?;
        self.reindex(c, pk, &before, &after);
        self.set(Area::Records, k, Some(value));
        Ok(rev + 1)
    }

    fn del(&mut self, c: Coll, pk: &[u8], expect: Expect) -> Result<bool> {
        let k = rec_key(self.tenant, c, pk);
        let Some((_, before)) = self.found(c, &k, expect)? else { return Ok(false) };
        self.reindex(c, pk, &before, &Keys::new());
        self.set(Area::Records, k, None);
        Ok(true)
    }

    fn append(&mut self, p: Part, log: LogId, blob: &[u8], hash: Hash) -> Result<u64> {
        fits("log", &[], blob)?;
        let old = self.head(p, log)?;
        let new = Head { last: old.last + 1, floor: old.floor, hash };
        self.set(Area::Log, log_key(self.tenant, p, log, new.last), Some(blob.to_vec()));
        self.set(Area::Heads, head_key(self.tenant, p, log), Some(head_bytes(&new).to_vec()));
        Ok(new.last)
    }

    fn appended(&self, p: Part, log: LogId) -> bool {
        let k = head_key(self.tenant, p, log);
        let added = |(area, entry, old): &(Area, Vec<u8>, Option<Vec<u8>>)| {
            *area == Area::Log && old.is_none() && entry.starts_with(&k)
        };
        self.undo.iter().rev().any(added)
    }

    fn trim(&mut self, p: Part, log: LogId, upto: u64, limit: usize) -> Result<u64> {
        let old = self.head(p, log)?;
        let upto = upto.min(old.last).min(old.floor.saturating_add(limit as u64).saturating_sub(1));
        let went = (upto + 1).saturating_sub(old.floor);
        for seq in old.floor..old.floor + went {
            self.set(Area::Log, log_key(self.tenant, p, log, seq), None);
        }
        if went > 0 {
            let new = Head { floor: old.floor + went, ..old };
            self.set(Area::Heads, head_key(self.tenant, p, log), Some(head_bytes(&new).to_vec()));
        }
        Ok(went)
    }

    fn rewrite(&mut self, p: Part, log: LogId, seq: u64, blob: &[u8]) -> Result<bool> {
        fits("log", &[], blob)?;
        if self.entry(p, log, seq)?.is_none() {
            return Ok(false);
        }
        self.set(Area::Log, log_key(self.tenant, p, log, seq), Some(blob.to_vec()));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Home, Store};

    const C: Coll = Coll { id: 900, name: "c", home: Home::Local };

    fn put(store: &Store, k: &'static [u8]) -> Result<u64> {
        store.write(1, Lane::People, move |tx| tx.put(C, k, b"", &[], Expect::Any)).wait()
    }
    fn has(store: &Store, k: &[u8]) -> bool {
        store.read(1, |tx| tx.get(C, k)).unwrap().is_some()
    }

    #[test]
    fn a_copy_is_a_store_of_its_own() {
        let memory = Memory::default();
        let store = Store::new(memory.clone());
        put(&store, b"a").unwrap();
        let copy = Store::new(memory.copied());
        put(&store, b"b").unwrap();
        put(&copy, b"c").unwrap();
        assert_eq!(
            [b"a", b"b", b"c"].map(|k| (has(&store, k), has(&copy, k))),
            [(true, true), (true, false), (false, true)]
        );
    }

    #[test]
    fn a_cut_before_the_commit_leaves_nothing_and_one_behind_it_everything() {
        let memory = Memory::default();
        let store = Store::new(memory.clone());
        let mut cuts = vec![Some(Cut::After), Some(Cut::Before)];
        memory.cut(Some(Box::new(move || cuts.pop().flatten())));
        assert!(put(&store, b"a").is_err() && put(&store, b"b").is_err() && put(&store, b"c").is_ok());
        assert_eq!([b"a", b"b", b"c"].map(|k| has(&store, k)), [false, true, true]);
    }
}
