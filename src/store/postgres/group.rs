//! One group's transaction: of one tenant, under its lock, so that whoever else writes here waits.
//!
//! What is read is kept and what is written is buffered, so own writes are seen and a collection's rows go out as one
//! statement at the end; a scan sends what is buffered of its collection first. A request that fails is taken back by
//! what it wrote down.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{join, join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::ahead::{ROUNDS, Wanted, scan_key};
use super::link::{Conn, Fate, failed, wait};
use super::read::{Reader, Record, position, slice};
use super::schema::{INDEXES, Sql};
use super::{Shared, doc, log_key};
use crate::store::queue::Request;
use crate::store::raw::{bounds, ended, fits, fits_index, is_empty};
use crate::store::{
    Coll, Dir, Expect, Fence, Hash, Head, Ix, KeyRange, LogId, Part, ReadTx, Rec, Result, Slice, StoreError,
    Tenant, WriteTx,
};

/// Rows of one statement at the most, so that no message grows without bounds.
const ROWS: usize = 4096;

/// Puts entries of the log `$2`.
pub(super) const LOG_PUT: &str = "insert into crossdock.log (tenant, log, seq, blob, doc)
             select $1, $2, u.seq, u.blob, u.doc::jsonb from unnest($3::bigint[], $4::bytea[], $5::text[]) as u (seq, blob, doc)
             on conflict (tenant, log, seq) do update set blob = excluded.blob, doc = excluded.doc";
/// Puts the end of the log `$2`.
pub(super) const HEAD_PUT: &str =
    "insert into crossdock.head (tenant, log, last, floor, hash) values ($1, $2, $3, $4, $5)
             on conflict (tenant, log) do update
             set last = excluded.last, floor = excluded.floor, hash = excluded.hash";

/// A log's key.
pub(super) type LogKey = [u8; 14];
/// A scan: collection, index, whether upwards, range and limit.
pub(super) type ScanKey = (u16, Option<u8>, bool, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, usize);
type Sent = std::result::Result<(), Error>;

/// A row as the group has it.
#[derive(Clone, Default)]
pub(super) struct Slot {
    record: Option<Record>,
    dirty: bool,
}

/// A log as the group has it; entries that are not here are as the database has them.
#[derive(Default)]
struct LogSlot {
    head: Head,
    dirty: bool,
    entries: BTreeMap<u64, (Option<Vec<u8>>, bool)>,
}

enum Undo {
    Row(Coll, Vec<u8>, Slot),
    Head(LogKey, Head, bool),
    /// What the group had of an entry, and what the database has where the group had nothing.
    Entry(LogKey, u64, Option<(Option<Vec<u8>>, bool)>, Option<Vec<u8>>),
}

/// See the module.
pub(super) struct Group<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) rows: RefCell<BTreeMap<u16, BTreeMap<Vec<u8>, Slot>>>,
    colls: RefCell<BTreeMap<u16, (Coll, Arc<Sql>)>>,
    logs: RefCell<BTreeMap<LogKey, LogSlot>>,
    /// What scans found in the database, until something of their collection is sent.
    pub(super) scans: RefCell<BTreeMap<ScanKey, Vec<(Vec<u8>, Rec)>>>,
    /// What a run as if has looked for in vain; none while requests run for good.
    wanted: RefCell<Option<Wanted>>,
    held: BTreeSet<Fence>,
    undo: Vec<Undo>,
    /// Whether anything was sent since the present request began.
    sent: Cell<bool>,
}

impl<'a> Group<'a> {
    /// Begins the transaction and waits for the tenant's lock.
    pub(super) fn open(
        shared: &'a Shared,
        conn: &'a Conn,
        tenant: Tenant,
    ) -> std::result::Result<Self, Error> {
        let begin = format!("begin; select set_config('crossdock.tenant', '{tenant}', true)");
        let lock = conn.statement("select version from crossdock._tenants where tenant = $1 for update")?;
        let key = i64::from(tenant);
        let params: [&(dyn ToSql + Sync); 1] = [&key];
        let (begun, mut locked) =
            wait(join(conn.client.batch_execute(&begin), conn.client.query_opt(&lock, &params)));
        begun?;
        if matches!(locked, Ok(None)) {
            let add =
                conn.statement("insert into crossdock._tenants (tenant) values ($1) on conflict do nothing")?;
            wait(conn.client.execute(&add, &params))?;
            locked = wait(conn.client.query_opt(&lock, &params));
        }
        locked?;
        Ok(Self {
            reader: Reader::new(shared, conn, tenant),
            rows: RefCell::default(),
            colls: RefCell::default(),
            logs: RefCell::default(),
            scans: RefCell::default(),
            wanted: RefCell::default(),
            held: BTreeSet::new(),
            undo: Vec::new(),
            sent: Cell::new(false),
        })
    }

    /// Begins a request.
    pub(super) fn begin(&mut self) {
        self.undo.clear();
        self.sent.set(false);
    }

    /// What has spoilt the whole group.
    pub(super) fn broken(&self) -> Option<(Fate, StoreError)> {
        self.reader.trouble.borrow().clone()
    }

    /// Takes back what the present request wrote.
    pub(super) fn roll_back(&mut self) {
        let sent = self.sent.get();
        let (rows, logs) = (self.rows.get_mut(), self.logs.get_mut());
        while let Some(u) = self.undo.pop() {
            match u {
                Undo::Row(c, pk, mut slot) => {
                    slot.dirty |= sent;
                    rows.entry(c.id).or_default().insert(pk, slot);
                }
                Undo::Head(k, head, dirty) => {
                    let log = logs.entry(k).or_default();
                    (log.head, log.dirty) = (head, dirty | sent);
                }
                Undo::Entry(k, seq, had, stored) => {
                    let entries = &mut logs.entry(k).or_default().entries;
                    match had {
                        Some((blob, dirty)) => drop(entries.insert(seq, (blob, dirty | sent))),
                        None if sent => drop(entries.insert(seq, (stored, true))),
                        None => drop(entries.remove(&seq)),
                    }
                }
            }
        }
    }

    /// Runs `requests` as if, one after the other and each for itself, and fetches what they looked for in vain; until
    /// `until` at the latest. See [`ahead`](super::ahead).
    pub(super) fn read_ahead(&mut self, requests: &mut [Request], until: Instant) -> Result<()> {
        let mut open: Vec<usize> = (0..requests.len()).collect();
        for _ in 0..ROUNDS {
            let (mut all, mut still) = (Wanted::default(), Vec::new());
            for i in open {
                if Instant::now() > until {
                    break;
                }
                let Some(request) = requests.get_mut(i) else { continue };
                self.begin();
                *self.wanted.get_mut() = Some(Wanted::default());
                // Whatever it says or does, it said and did it as if.
                let _ = catch_unwind(AssertUnwindSafe(|| (request.f)(&mut *self)));
                self.roll_back();
                let wanted = self.wanted.get_mut().take().unwrap_or_default();
                if wanted.is_too_much() {
                    // Not all of it was noted, so nothing is known for sure: it is read as the request goes.
                    self.rows.get_mut().clear();
                    self.logs.get_mut().clear();
                    return Ok(());
                }
                self.forget(&wanted);
                if !wanted.is_empty() {
                    still.push(i);
                    all.add(wanted);
                }
            }
            if all.is_empty() {
                break;
            }
            self.fetch(all)?;
            open = still;
        }
        Ok(())
    }

    /// Takes back what the group seemed to know of what was taken for absent.
    fn forget(&mut self, wanted: &Wanted) {
        for (id, (_, pks)) in &wanted.rows {
            if let Some(rows) = self.rows.get_mut().get_mut(id) {
                pks.iter().for_each(|pk| drop(rows.remove(pk)));
            }
        }
        for k in &wanted.heads {
            self.logs.get_mut().remove(k);
        }
    }

    pub(super) fn keep_row(&self, id: u16, pk: Vec<u8>, record: Record) {
        let slot = Slot { record: Some(record), dirty: false };
        self.rows.borrow_mut().entry(id).or_default().insert(pk, slot);
    }

    pub(super) fn keep_head(&self, k: LogKey, head: Head) {
        self.logs.borrow_mut().entry(k).or_default().head = head;
    }

    pub(super) fn keep_entry(&self, k: LogKey, seq: u64, blob: Vec<u8>) {
        if let Some(log) = self.logs.borrow_mut().get_mut(&k) {
            log.entries.insert(seq, (Some(blob), false));
        }
    }

    /// Sends all that is buffered and counts the tenant's version up; the transaction is then ready to be committed.
    pub(super) fn finish(&self) -> std::result::Result<(), Error> {
        let mut batch = Batch::new(self.reader.conn, self.reader.tenant);
        let touched: Vec<u16> = self.rows.borrow().keys().copied().collect();
        for id in touched {
            self.pack(&mut batch, id)?;
        }
        self.pack_logs(&mut batch, true)?;
        let version = "update crossdock._tenants set version = version + 1 where tenant = $1";
        batch.add(version, Vec::new())?;
        batch.send()
    }

    /// The statements of `c`, remembered for the end.
    pub(super) fn sql(&self, c: Coll) -> Result<Arc<Sql>> {
        if let Some((_, sql)) = self.colls.borrow().get(&c.id) {
            return Ok(Arc::clone(sql));
        }
        let sql = self.reader.shared.tables.of(&self.reader.shared.link, c)?;
        self.colls.borrow_mut().insert(c.id, (c, Arc::clone(&sql)));
        Ok(sql)
    }

    /// Makes sure that the group has the row, or knows that there is none.
    fn found(&self, c: Coll, pk: &[u8]) -> Result<()> {
        self.sql(c)?;
        if self.rows.borrow().get(&c.id).is_some_and(|rows| rows.contains_key(pk)) {
            return Ok(());
        }
        if let Some(wanted) = &mut *self.wanted.borrow_mut() {
            wanted.row(c, pk);
            return Ok(());
        }
        let record = self.reader.record(c, pk)?;
        self.rows.borrow_mut().entry(c.id).or_default().insert(pk.to_vec(), Slot { record, dirty: false });
        Ok(())
    }

    fn set(&mut self, c: Coll, pk: &[u8], record: Option<Record>) {
        let rows = self.rows.get_mut().entry(c.id).or_default();
        let before = rows.insert(pk.to_vec(), Slot { record, dirty: true }).unwrap_or_default();
        self.undo.push(Undo::Row(c, pk.to_vec(), before));
    }

    fn rev(&self, c: Coll, pk: &[u8]) -> Option<u64> {
        let rows = self.rows.borrow();
        rows.get(&c.id)?.get(pk)?.record.as_ref().map(|r| r.rev)
    }

    fn expect(&self, c: Coll, pk: &[u8], expected: Expect) -> Result<Option<u64>> {
        self.found(c, pk)?;
        let found = self.rev(c, pk);
        let met = match expected {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Rev(n) => found == Some(n),
        };
        if met { Ok(found) } else { Err(StoreError::Unexpected { coll: c.name, expected, found }) }
    }

    fn log(&self, k: &LogKey) -> Result<()> {
        if !self.logs.borrow().contains_key(k) {
            if let Some(wanted) = &mut *self.wanted.borrow_mut() {
                wanted.head(*k);
                let head = Head { floor: 1, ..Head::default() };
                self.logs.borrow_mut().insert(*k, LogSlot { head, ..LogSlot::default() });
                return Ok(());
            }
            let head = self.reader.head(k)?;
            self.logs.borrow_mut().insert(*k, LogSlot { head, ..LogSlot::default() });
        }
        Ok(())
    }

    fn set_head(&mut self, k: LogKey, new: Head) {
        let log = self.logs.get_mut().entry(k).or_default();
        self.undo.push(Undo::Head(k, log.head, log.dirty));
        (log.head, log.dirty) = (new, true);
    }

    /// The rows of a scan as the database and the group have them together; none when too many of those that were
    /// found are not as they were, so that the database has to be asked again.
    #[allow(clippy::too_many_arguments)] // a scan's own, and what came of it
    fn merged(
        &self,
        c: Coll,
        ix: Ix,
        inside: &(Bound<Vec<u8>>, Bound<Vec<u8>>),
        base: usize,
        dir: Dir,
        limit: usize,
        mut found: Vec<(Vec<u8>, Rec)>,
    ) -> Option<Vec<(Vec<u8>, Rec)>> {
        let rows = self.rows.borrow();
        let Some(rows) = rows.get(&c.id).filter(|rows| rows.values().any(|slot| slot.dirty)) else {
            return Some(found);
        };
        // Behind the last row that was found the database may have others.
        let end = if found.len() > limit { found.last().map(|(at, _)| at.clone()) } else { None };
        found.retain(|(_, rec)| rows.get(&rec.pk).is_none_or(|slot| !slot.dirty));
        let prefix = match &inside.0 {
            Bound::Included(k) | Bound::Excluded(k) => &k[..base],
            Bound::Unbounded => &[],
        };
        for (pk, slot) in rows.iter().filter(|(_, slot)| slot.dirty) {
            let Some(record) = &slot.record else { continue };
            let at = match ix {
                Ix::Primary => pk.clone(),
                Ix::Nth(n) => match record.keys.get(usize::from(n)) {
                    Some(Some(ikey)) => position(ikey, pk),
                    _ => continue,
                },
            };
            let beyond = end.as_ref().is_some_and(|end| if dir == Dir::Up { at > *end } else { at < *end });
            if !beyond && inside.contains(&[prefix, &at[..]].concat()) {
                found.push((at, Rec { pk: pk.clone(), rev: record.rev, body: record.body.clone() }));
            }
        }
        found.sort_by(|(a, _), (b, _)| if dir == Dir::Up { a.cmp(b) } else { b.cmp(a) });
        (end.is_none() || found.len() > limit).then_some(found)
    }

    /// Sends what is buffered of a collection, so that a scan sees it.
    fn send_rows(&self, c: Coll) -> Result<()> {
        self.sql(c)?;
        let mut batch = Batch::new(self.reader.conn, self.reader.tenant);
        let sent = self.pack(&mut batch, c.id).and_then(|()| batch.send());
        sent.map_err(|e| self.reader.hurt(&e))
    }

    fn send_logs(&self) -> Result<()> {
        let mut batch = Batch::new(self.reader.conn, self.reader.tenant);
        let sent = self.pack_logs(&mut batch, false).and_then(|()| batch.send());
        sent.map_err(|e| self.reader.hurt(&e))
    }

    fn pack(&self, batch: &mut Batch<'_>, id: u16) -> Sent {
        let colls = self.colls.borrow();
        let mut rows = self.rows.borrow_mut();
        let (Some((_, sql)), Some(rows)) = (colls.get(&id), rows.get_mut(&id)) else { return Ok(()) };
        let (mut puts, mut dels, mut sent) = (Puts::default(), Vec::new(), false);
        for (pk, slot) in rows.iter_mut().filter(|(_, slot)| slot.dirty) {
            slot.dirty = false;
            self.sent.set(true);
            sent = true;
            match &slot.record {
                Some(record) => puts.add(pk, record, sql.documented),
                None => dels.push(pk.clone()),
            }
            if puts.pks.len() == ROWS {
                batch.add(&sql.put, std::mem::take(&mut puts).params(sql.documented))?;
            }
        }
        if sent {
            self.scans.borrow_mut().retain(|key, _| key.0 != id);
        }
        if !puts.pks.is_empty() {
            batch.add(&sql.put, puts.params(sql.documented))?;
        }
        if !dels.is_empty() {
            batch.add(&sql.del, vec![Box::new(dels)])?;
        }
        Ok(())
    }

    fn pack_logs(&self, batch: &mut Batch<'_>, heads: bool) -> Sent {
        const DEL: &str =
            "delete from crossdock.log where tenant = $1 and log = $2 and seq = any($3::bigint[])";
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for (k, log) in self.logs.borrow_mut().iter_mut() {
            let documented = self.reader.shared.tables.log_documented(k);
            let (mut seqs, mut blobs, mut docs, mut gone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (seq, (blob, dirty)) in log.entries.iter_mut().filter(|(_, (_, dirty))| *dirty) {
                *dirty = false;
                self.sent.set(true);
                match blob {
                    Some(blob) => {
                        seqs.push(number(*seq));
                        docs.push(if documented { doc::document(blob) } else { None });
                        blobs.push(blob.clone());
                    }
                    None => gone.push(number(*seq)),
                }
            }
            let key = k.to_vec();
            if !seqs.is_empty() {
                batch.add(
                    LOG_PUT,
                    vec![Box::new(key.clone()), Box::new(seqs), Box::new(blobs), Box::new(docs)],
                )?;
            }
            if !gone.is_empty() {
                batch.add(DEL, vec![Box::new(key.clone()), Box::new(gone)])?;
            }
            if heads && log.dirty {
                let (last, floor, hash) =
                    (number(log.head.last), number(log.head.floor), log.head.hash.to_vec());
                batch.add(HEAD_PUT, vec![Box::new(key), Box::new(last), Box::new(floor), Box::new(hash)])?;
            }
        }
        Ok(())
    }
}

/// A parameter of a statement.
pub(super) type Param = Box<dyn ToSql + Sync + Send>;

/// Statements that are sent together: one wait for all of them.
pub(super) struct Batch<'a> {
    conn: &'a Conn,
    tenant: i64,
    statements: Vec<(Statement, Vec<Param>)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(conn: &'a Conn, tenant: Tenant) -> Self {
        Self { conn, tenant: i64::from(tenant), statements: Vec::new() }
    }

    /// Adds `sql`, whose first parameter is the tenant and the others `params`.
    pub(super) fn add(&mut self, sql: &str, params: Vec<Param>) -> Sent {
        self.statements.push((self.conn.statement(sql)?, params));
        Ok(())
    }

    /// Sends them; the first that failed is the failure, for those behind it only say that it did.
    pub(super) fn send(self) -> Sent {
        let tenant = self.tenant;
        let all = self.statements.iter().map(|(statement, params)| async move {
            let mut refs: Vec<&(dyn ToSql + Sync)> = vec![&tenant];
            for p in params {
                refs.push(&**p);
            }
            self.conn.client.execute(statement, &refs).await
        });
        let done = wait(join_all(all));
        let aborted =
            |e: &Error| e.code() == Some(&tokio_postgres::error::SqlState::IN_FAILED_SQL_TRANSACTION);
        let mut failures: Vec<Error> = done.into_iter().filter_map(std::result::Result::err).collect();
        let root = failures.iter().position(|e| !aborted(e)).unwrap_or(0);
        if failures.is_empty() { Ok(()) } else { Err(failures.swap_remove(root)) }
    }
}

/// Rows that are put, by columns.
#[derive(Default)]
pub(super) struct Puts {
    pks: Vec<Vec<u8>>,
    revs: Vec<i64>,
    ixs: Vec<i16>,
    keys: [Vec<Option<Vec<u8>>>; INDEXES],
    bodies: Vec<Vec<u8>>,
    docs: Vec<Option<String>>,
}

impl Puts {
    pub(super) fn add(&mut self, pk: &[u8], record: &Record, documented: bool) {
        self.pks.push(pk.to_vec());
        self.revs.push(i64::try_from(record.rev).unwrap_or(i64::MAX));
        self.ixs.push(i16::try_from(record.keys.len()).unwrap_or(i16::MAX));
        for (n, column) in self.keys.iter_mut().enumerate() {
            column.push(record.keys.get(n).cloned().flatten());
        }
        self.bodies.push(record.body.clone());
        if documented {
            self.docs.push(doc::document(&record.body));
        }
    }

    pub(super) fn params(self, documented: bool) -> Vec<Param> {
        let mut params: Vec<Param> = vec![Box::new(self.pks), Box::new(self.revs), Box::new(self.ixs)];
        params.extend(self.keys.into_iter().map(|column| Box::new(column) as Param));
        params.push(Box::new(self.bodies));
        if documented {
            params.push(Box::new(self.docs));
        }
        params
    }
}

impl ReadTx for Group<'_> {
    fn tenant(&self) -> Tenant {
        self.reader.tenant
    }
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        self.found(c, pk)?;
        let rows = self.rows.borrow();
        let record = rows.get(&c.id).and_then(|rows| rows.get(pk)).and_then(|slot| slot.record.as_ref());
        Ok(record.map(|r| Rec { pk: pk.to_vec(), rev: r.rev, body: r.body.clone() }))
    }
    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        self.sql(c)?;
        let (low, high, base) = bounds(self.reader.tenant, c, ix, range, dir);
        if limit == 0 || is_empty(&low, &high) {
            return Ok(Slice::default());
        }
        let key = scan_key(c, ix, range, dir, limit);
        let kept = self.scans.borrow().get(&key).cloned();
        let found = match (kept, &mut *self.wanted.borrow_mut()) {
            (Some(kept), _) => kept,
            (None, Some(wanted)) => {
                wanted.scan(c, key);
                Vec::new()
            }
            (None, None) => self.reader.found(c, ix, range, dir, limit)?,
        };
        if let Some(merged) = self.merged(c, ix, &(low, high), base, dir, limit, found) {
            return Ok(slice(merged, limit));
        }
        if self.wanted.borrow().is_some() {
            return Ok(Slice::default());
        }
        self.send_rows(c)?;
        self.reader.scan(c, ix, range, dir, limit)
    }
    fn head(&self, p: Part, log: LogId) -> Result<Head> {
        let k = log_key(p, log);
        self.log(&k)?;
        Ok(self.logs.borrow().get(&k).map(|log| log.head).unwrap_or_default())
    }
    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>> {
        let k = log_key(p, log);
        if let Some((blob, _)) = self.logs.borrow().get(&k).and_then(|log| log.entries.get(&seq)) {
            return Ok(blob.clone());
        }
        if let Some(wanted) = &mut *self.wanted.borrow_mut() {
            wanted.entry(k, seq);
            if !self.logs.borrow().contains_key(&k) {
                wanted.head(k);
            }
            return Ok(None);
        }
        self.reader.entry(&k, seq)
    }
    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        if self.wanted.borrow().is_some() {
            return Ok(Vec::new());
        }
        self.send_logs()?;
        self.reader.tail(&log_key(p, log), after, limit)
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
        if ix.len() > INDEXES {
            return Err(StoreError::Corrupt("too many indexes".into()));
        }
        ix.iter().flatten().try_for_each(|k| fits_index(&ended(k)).map(drop))?;
        let rev = self.expect(c, pk, expect)?.map_or(1, |rev| rev + 1);
        self.set(c, pk, Some(Record { rev, keys: ix.to_vec(), body: body.to_vec() }));
        Ok(rev)
    }

    fn del(&mut self, c: Coll, pk: &[u8], expect: Expect) -> Result<bool> {
        if self.expect(c, pk, expect)?.is_none() {
            return Ok(false);
        }
        self.set(c, pk, None);
        Ok(true)
    }

    fn append(&mut self, p: Part, log: LogId, blob: &[u8], hash: Hash) -> Result<u64> {
        fits("log", &[], blob)?;
        let (k, old) = (log_key(p, log), self.head(p, log)?);
        let new = Head { last: old.last + 1, floor: old.floor, hash };
        let slot = self.logs.get_mut().entry(k).or_default();
        let had = slot.entries.insert(new.last, (Some(blob.to_vec()), true));
        self.undo.push(Undo::Entry(k, new.last, had, None));
        self.set_head(k, new);
        Ok(new.last)
    }

    fn appended(&self, p: Part, log: LogId) -> bool {
        let k = log_key(p, log);
        self.undo.iter().rev().any(|u| matches!(u, Undo::Entry(at, _, None, None) if *at == k))
    }

    fn trim(&mut self, p: Part, log: LogId, upto: u64, limit: usize) -> Result<u64> {
        let (k, old) = (log_key(p, log), self.head(p, log)?);
        let upto = upto.min(old.last).min(old.floor.saturating_add(limit as u64).saturating_sub(1));
        let went = (upto + 1).saturating_sub(old.floor);
        if went == 0 {
            return Ok(0);
        }
        // What goes is read first: the request may yet fail, and then it comes back.
        let most = usize::try_from(went).unwrap_or(usize::MAX);
        for (seq, blob) in self.tail(p, log, old.floor - 1, most)? {
            let slot = self.logs.get_mut().entry(k).or_default();
            let had = slot.entries.insert(seq, (None, true));
            self.undo.push(Undo::Entry(k, seq, had, Some(blob)));
        }
        self.set_head(k, Head { floor: old.floor + went, ..old });
        Ok(went)
    }

    fn rewrite(&mut self, p: Part, log: LogId, seq: u64, blob: &[u8]) -> Result<bool> {
        fits("log", &[], blob)?;
        // The log's end has to be known before an entry of it is kept here.
        self.head(p, log)?;
        let Some(old) = self.entry(p, log, seq)? else { return Ok(false) };
        let k = log_key(p, log);
        let slot = self.logs.get_mut().entry(k).or_default();
        let had = slot.entries.insert(seq, (Some(blob.to_vec()), true));
        self.undo.push(Undo::Entry(k, seq, had, Some(old)));
        Ok(true)
    }

    fn hold(&mut self, fence: &Fence) -> Result<()> {
        if self.held.contains(fence) {
            return Ok(());
        }
        let Reader { shared, conn, .. } = &self.reader;
        let sql = "select 1 from crossdock._leases where name = $1 and owner = $2 and fence = $3 for share";
        let (owner, number) = (shared.owner.to_vec(), i64::try_from(fence.number).unwrap_or(i64::MAX));
        let ask = || {
            let statement = conn.statement(sql)?;
            wait(conn.client.query_opt(&statement, &[&fence.name, &owner, &number]))
        };
        let held = ask().map_err(|e| self.reader.hurt(&e))?.is_some();
        if !held {
            return Err(StoreError::Fenced { lease: fence.name.clone() });
        }
        self.held.insert(fence.clone());
        Ok(())
    }
}

/// Commits what was sent.
///
/// # Errors
/// Then nobody knows whether it is kept: the connection is no good any more.
pub(super) fn commit(conn: &Conn) -> Result<()> {
    conn.run("commit").map_err(|e| failed(&e))
}
