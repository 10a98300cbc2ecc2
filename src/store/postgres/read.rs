//! Reading: the statements both transactions share, one snapshot of a tenant, and sweeps over all of them.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::Shared;
use super::group::Param;
use super::link::{Conn, Fate, Lent, failed, fate, wait};
use super::log_key;
use super::schema::{INDEXES, behind, place};
use crate::store::raw::{Value, ended, head_bytes};
use crate::store::{
    Area, Coll, Dir, Head, Ix, KeyRange, LogId, Part, ReadTx, Rec, Result, Slice, StoreError, Sweep, Tenant,
};

/// Rows a sweep fetches at once.
const PAGE: i64 = 256;

/// A record as its row holds it: index keys as they were given, not yet ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) rev: u64,
    pub(super) keys: Vec<Option<Vec<u8>>>,
    pub(super) body: Vec<u8>,
}

pub(super) fn number(row: &Row, at: usize) -> Result<u64> {
    let n: i64 = row.try_get(at).map_err(|e| failed(&e))?;
    u64::try_from(n).map_err(|_| StoreError::Corrupt("a negative number where none can be".into()))
}

pub(super) fn bytes(row: &Row, at: usize) -> Result<Vec<u8>> {
    row.try_get::<_, &[u8]>(at).map(<[u8]>::to_vec).map_err(|e| failed(&e))
}

/// A record whose revision stands at `from`, followed by the number of its index keys, these, and the body.
pub(super) fn record(row: &Row, from: usize) -> Result<Record> {
    let n: i16 = row.try_get(from + 1).map_err(|e| failed(&e))?;
    let n = usize::try_from(n).unwrap_or(0).min(INDEXES);
    let key = |i| row.try_get::<_, Option<Vec<u8>>>(from + 2 + i).map_err(|e| failed(&e));
    let keys = (0..n).map(key).collect::<Result<_>>()?;
    Ok(Record { rev: number(row, from)?, keys, body: bytes(row, from + 2 + INDEXES)? })
}

pub(super) fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Where a row stands in an index, as a page's position says it.
pub(super) fn position(ikey: &[u8], pk: &[u8]) -> Vec<u8> {
    let mut at = ended(ikey);
    at.extend_from_slice(pk);
    at
}

/// The rows of a scan, each with its position.
pub(super) fn rows_found(ix: Ix, rows: &[Row]) -> Result<Vec<(Vec<u8>, Rec)>> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let rec = Rec { pk: bytes(row, 0)?, rev: number(row, 1)?, body: bytes(row, 2)? };
        let at = if ix == Ix::Primary { rec.pk.clone() } else { position(&bytes(row, 3)?, &rec.pk) };
        out.push((at, rec));
    }
    Ok(out)
}

/// A page of rows, of which there may be more than it holds.
pub(super) fn slice(mut found: Vec<(Vec<u8>, Rec)>, limit: usize) -> Slice {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(at, _)| at.clone());
    Slice { recs: found.into_iter().map(|(_, rec)| rec).collect(), next }
}

/// What is asked over one connection for one tenant.
pub(super) struct Reader<'a> {
    pub(super) shared: &'a Shared,
    pub(super) conn: &'a Conn,
    pub(super) tenant: Tenant,
    /// The first statement that failed, and with it the transaction.
    pub(super) trouble: RefCell<Option<(Fate, StoreError)>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(shared: &'a Shared, conn: &'a Conn, tenant: Tenant) -> Self {
        Self { shared, conn, tenant, trouble: RefCell::default() }
    }

    /// Notes that a statement failed.
    pub(super) fn hurt(&self, e: &tokio_postgres::Error) -> StoreError {
        let said = failed(e);
        self.trouble.borrow_mut().get_or_insert((fate(e), said.clone()));
        said
    }

    fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let ask = || {
            let statement: Statement = self.conn.statement(sql)?;
            wait(self.conn.client.query(&statement, params))
        };
        ask().map_err(|e| self.hurt(&e))
    }

    pub(super) fn record(&self, c: Coll, pk: &[u8]) -> Result<Option<Record>> {
        let sql = self.shared.tables.of(&self.shared.link, c)?;
        let rows = self.query(&sql.get, &[&i64::from(self.tenant), &pk])?;
        rows.first().map(|row| record(row, 0)).transpose()
    }

    pub(super) fn scan(&self, c: Coll, ix: Ix, r: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        if limit == 0 {
            return Ok(Slice::default());
        }
        Ok(slice(self.found(c, ix, r, dir, limit)?, limit))
    }

    /// The first rows of a range, one more than `limit` where there is one more, each with its position.
    pub(super) fn found(
        &self,
        c: Coll,
        ix: Ix,
        r: &KeyRange,
        dir: Dir,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Rec)>> {
        let Some((sql, params)) = self.asked(c, ix, r, dir, limit)? else { return Ok(Vec::new()) };
        let refs: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| &**p as &(dyn ToSql + Sync)).collect();
        rows_found(ix, &self.query(&sql, &refs)?)
    }

    /// The statement of a scan and its parameters; none for a range that holds nothing.
    pub(super) fn asked(
        &self,
        c: Coll,
        ix: Ix,
        r: &KeyRange,
        dir: Dir,
        limit: usize,
    ) -> Result<Option<(String, Vec<Param>)>> {
        if matches!(ix, Ix::Nth(n) if usize::from(n) >= INDEXES) {
            return Ok(None);
        }
        let sql = self.shared.tables.of(&self.shared.link, c)?;
        let most = whole(limit as u64).saturating_add(1);
        let mut params: Vec<Param> = vec![Box::new(i64::from(self.tenant))];
        let ends = if ix == Ix::Primary {
            let (mut low, mut high) = (r.from.clone(), r.to.clone());
            match (&r.after, dir) {
                (Some(after), Dir::Up) => low = low.max(behind(after)),
                (Some(after), Dir::Down) => high = Some(high.map_or(after.clone(), |h| h.min(after.clone()))),
                (None, _) => {}
            }
            if high.as_ref().is_some_and(|high| *high <= low) {
                return Ok(None);
            }
            params.push(Box::new(low));
            let ends = high.is_some();
            params.extend(high.map(|high| Box::new(high) as Param));
            ends
        } else {
            let (mut low, mut high) = ((r.from.clone(), Vec::new()), r.to.clone().map(|to| (to, Vec::new())));
            match (&r.after, dir) {
                (Some(after), Dir::Up) => low = low.max(place(after, dir)),
                (Some(after), Dir::Down) => {
                    let at = place(after, dir);
                    high = Some(high.map_or(at.clone(), |h| h.min(at)));
                }
                (None, _) => {}
            }
            if high.as_ref().is_some_and(|high| *high <= low) {
                return Ok(None);
            }
            params.push(Box::new(low.0));
            params.push(Box::new(low.1));
            let ends = high.is_some();
            for key in high.into_iter().flat_map(|(ikey, pk)| [ikey, pk]) {
                params.push(Box::new(key));
            }
            ends
        };
        params.push(Box::new(most));
        Ok(Some((sql.scan(ix, dir, ends), params)))
    }

    pub(super) fn head(&self, log: &[u8]) -> Result<Head> {
        let sql = "select last, floor, hash from crossdock.head where tenant = $1 and log = $2";
        let rows = self.query(sql, &[&i64::from(self.tenant), &log])?;
        let Some(row) = rows.first() else { return Ok(Head { floor: 1, ..Head::default() }) };
        let hash = bytes(row, 2)?.try_into();
        let hash = hash.map_err(|_| StoreError::Corrupt("the end of a log is damaged".into()))?;
        Ok(Head { last: number(row, 0)?, floor: number(row, 1)?, hash })
    }

    pub(super) fn entry(&self, log: &[u8], seq: u64) -> Result<Option<Vec<u8>>> {
        let sql = "select blob from crossdock.log where tenant = $1 and log = $2 and seq = $3";
        let rows = self.query(sql, &[&i64::from(self.tenant), &log, &whole(seq)])?;
        rows.first().map(|row| bytes(row, 0)).transpose()
    }

    pub(super) fn tail(&self, log: &[u8], after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        let sql = "select seq, blob from crossdock.log where tenant = $1 and log = $2 and seq > $3
                   order by seq limit $4";
        let rows = self.query(sql, &[&i64::from(self.tenant), &log, &whole(after), &whole(limit as u64)])?;
        rows.iter().map(|row| Ok((number(row, 0)?, bytes(row, 1)?))).collect()
    }
}

/// One snapshot.
pub(super) struct Snapshot<'a> {
    shared: &'a Shared,
    lent: Lent<'a>,
    tenant: Tenant,
    begun: Instant,
    limit: Option<Duration>,
}

impl<'a> Snapshot<'a> {
    /// Begins a transaction and takes its snapshot at once: with the first statement that reads.
    pub(super) fn open(shared: &'a Shared, tenant: Tenant, limit: Option<Duration>) -> Result<Self> {
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            let mut lent = shared.link.lend(limit.unwrap_or(Duration::from_secs(5)))?;
            let patience = limit.map_or(0, |l| l.as_millis().max(1));
            let idle =
                if limit.is_some() { "" } else { "; set local idle_in_transaction_session_timeout = 0" };
            let begin = format!(
                "begin isolation level repeatable read read only;
                 select set_config('crossdock.tenant', '{tenant}', true);
                 set local statement_timeout = {patience}{idle}"
            );
            match lent.conn()?.run(&begin) {
                Ok(()) => return Ok(Self { shared, lent, tenant, begun, limit }),
                // One that lay idle while the server was started anew.
                Err(e) => {
                    lent.spoil();
                    tries += 1;
                    if tries > super::link::READERS {
                        return Err(failed(&e));
                    }
                }
            }
        }
    }

    fn reader(&self) -> Result<Reader<'_>> {
        match self.limit {
            Some(limit) if self.begun.elapsed() > limit => Err(late(limit)),
            _ => Ok(Reader::new(self.shared, self.lent.conn()?, self.tenant)),
        }
    }

    /// An answer, with the limit in words where the server ran into it.
    fn said<T>(&self, found: Result<T>) -> Result<T> {
        match (found, self.limit) {
            (Err(StoreError::Deadline { .. }), Some(limit)) => Err(late(limit)),
            (found, _) => found,
        }
    }
}

fn late(limit: Duration) -> StoreError {
    StoreError::Deadline { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // A transaction that is not ended must not be lent to anybody.
        let ended = self.lent.conn().is_ok_and(|c| c.run("rollback").is_ok());
        if !ended {
            self.lent.spoil();
        }
    }
}

impl ReadTx for Snapshot<'_> {
    fn tenant(&self) -> Tenant {
        self.tenant
    }
    fn get(&self, c: Coll, pk: &[u8]) -> Result<Option<Rec>> {
        let found = self.said(self.reader()?.record(c, pk))?;
        Ok(found.map(|r| Rec { pk: pk.to_vec(), rev: r.rev, body: r.body }))
    }
    fn scan(&self, c: Coll, ix: Ix, range: &KeyRange, dir: Dir, limit: usize) -> Result<Slice> {
        self.said(self.reader()?.scan(c, ix, range, dir, limit))
    }
    fn head(&self, p: Part, log: LogId) -> Result<Head> {
        self.said(self.reader()?.head(&log_key(p, log)))
    }
    fn entry(&self, p: Part, log: LogId, seq: u64) -> Result<Option<Vec<u8>>> {
        self.said(self.reader()?.entry(&log_key(p, log), seq))
    }
    fn tail(&self, p: Part, log: LogId, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        self.said(self.reader()?.tail(&log_key(p, log), after, limit))
    }
}

/// Where a sweep goes on: in a tenant, and in it behind a place.
struct From<'a> {
    tenant: Tenant,
    rest: &'a [u8],
}

impl<'a> From<'a> {
    fn new(after: Option<&'a [u8]>) -> Self {
        let (tenant, rest) = after.and_then(|a| a.split_first_chunk::<4>()).unwrap_or((&[0; 4], &[]));
        Self { tenant: Tenant::from_be_bytes(*tenant), rest }
    }
}

type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<bool>;

/// A transaction that looks at every tenant in turn.
pub(super) struct Swept<'a> {
    pub(super) shared: &'a Shared,
    pub(super) conn: &'a Conn,
}

impl<'a> Swept<'a> {
    /// Makes `tenant` the one whose rows are seen.
    fn enter(&self, tenant: Tenant) -> Result<Reader<'a>> {
        let reader = Reader::new(self.shared, self.conn, tenant);
        reader.query("select set_config('crossdock.tenant', $1, true)", &[&tenant.to_string()])?;
        Ok(reader)
    }

    fn records(&self, r: &Reader<'_>, rest: &[u8], f: Visit<'_>) -> Result<bool> {
        let (begin, pk) = rest.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        let begin_at = u16::from_be_bytes(*begin);
        for (id, sql) in self.shared.tables.all().into_iter().filter(|(id, _)| *id >= begin_at) {
            let mut low = if id == begin_at && rest.len() >= 2 { behind(pk) } else { Vec::new() };
            let (statement, head) = (sql.whole(), [&r.tenant.to_be_bytes()[..], &id.to_be_bytes()].concat());
            loop {
                let rows = r.query(&statement, &[&i64::from(r.tenant), &low, &PAGE])?;
                for row in &rows {
                    let (pk, rec) = (bytes(row, 0)?, record(row, 1)?);
                    let keys: Vec<_> = rec.keys.iter().map(|k| k.as_ref().map(|k| ended(k))).collect();
                    let value = Value::write(rec.rev, &keys, &rec.body)?;
                    low = behind(&pk);
                    if !f(&[&head[..], &pk].concat(), &value)? {
                        return Ok(false);
                    }
                }
                if rows.len() < usize::try_from(PAGE).unwrap_or(0) {
                    break;
                }
            }
        }
        Ok(true)
    }

    fn index(&self, r: &Reader<'_>, rest: &[u8], f: Visit<'_>) -> Result<bool> {
        let (begin, at) = rest.split_first_chunk::<3>().unwrap_or((&[0; 3], &[]));
        for (id, sql) in self.shared.tables.all() {
            for n in 0..INDEXES {
                let [high, low] = id.to_be_bytes();
                let here = [high, low, u8::try_from(n).unwrap_or(u8::MAX)];
                if here < *begin {
                    continue;
                }
                let mut from = (Vec::new(), Vec::new());
                if here == *begin && rest.len() >= 3 {
                    from = place(at, Dir::Up);
                }
                let (statement, head) = (sql.entries(n), [&r.tenant.to_be_bytes()[..], &here].concat());
                loop {
                    let rows = r.query(&statement, &[&i64::from(r.tenant), &from.0, &from.1, &PAGE])?;
                    for row in &rows {
                        let (ikey, pk) = (bytes(row, 0)?, bytes(row, 1)?);
                        let raw = [&head[..], &ended(&ikey), &pk].concat();
                        from = (ikey, behind(&pk));
                        if !f(&raw, &[])? {
                            return Ok(false);
                        }
                    }
                    if rows.len() < usize::try_from(PAGE).unwrap_or(0) {
                        break;
                    }
                }
            }
        }
        Ok(true)
    }

    fn log(&self, r: &Reader<'_>, rest: &[u8], f: Visit<'_>) -> Result<bool> {
        let sql = "select log, seq, blob from crossdock.log where tenant = $1 and (log, seq) > ($2, $3)
                   order by log, seq limit $4";
        let (log, seq) = rest.split_last_chunk::<8>().unwrap_or((&[], &[0; 8]));
        let mut at = (log.to_vec(), whole(u64::from_be_bytes(*seq)));
        loop {
            let rows = r.query(sql, &[&i64::from(r.tenant), &at.0, &at.1, &PAGE])?;
            for row in &rows {
                let (log, seq, blob) = (bytes(row, 0)?, number(row, 1)?, bytes(row, 2)?);
                let raw = [&r.tenant.to_be_bytes()[..], &log, &seq.to_be_bytes()].concat();
                at = (log, whole(seq));
                if !f(&raw, &blob)? {
                    return Ok(false);
                }
            }
            if rows.len() < usize::try_from(PAGE).unwrap_or(0) {
                return Ok(true);
            }
        }
    }

    fn heads(&self, r: &Reader<'_>, rest: &[u8], f: Visit<'_>) -> Result<bool> {
        let sql =
            "select log, last, floor, hash from crossdock.head where tenant = $1 and log > $2 order by log";
        for row in r.query(sql, &[&i64::from(r.tenant), &rest])? {
            let hash = bytes(&row, 3)?.try_into();
            let hash = hash.map_err(|_| StoreError::Corrupt("the end of a log is damaged".into()))?;
            let head = Head { last: number(&row, 1)?, floor: number(&row, 2)?, hash };
            let raw = [&r.tenant.to_be_bytes()[..], &bytes(&row, 0)?].concat();
            if !f(&raw, &head_bytes(&head))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Sweep for Snapshot<'_> {
    fn rows(
        &self,
        area: Area,
        after: Option<&[u8]>,
        f: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        Swept { shared: self.shared, conn: self.lent.conn()? }.rows(area, after, f)
    }
}

impl Sweep for Swept<'_> {
    fn rows(
        &self,
        area: Area,
        after: Option<&[u8]>,
        f: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let from = From::new(after);
        let everyone = Reader::new(self.shared, self.conn, crate::store::NODE);
        self.shared.tables.refresh(everyone.conn)?;
        let sql = "select tenant from crossdock._tenants where tenant >= $1 order by tenant";
        for row in everyone.query(sql, &[&i64::from(from.tenant)])? {
            let tenant = Tenant::try_from(number(&row, 0)?).unwrap_or(Tenant::MAX);
            let rest = if tenant == from.tenant { from.rest } else { &[] };
            let reader = self.enter(tenant)?;
            let more = match area {
                Area::Records => self.records(&reader, rest, f)?,
                Area::Index => self.index(&reader, rest, f)?,
                Area::Log => self.log(&reader, rest, f)?,
                Area::Heads => self.heads(&reader, rest, f)?,
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}
