//! Moves a store of another engine into an empty database, all or nothing, and holds the two against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_postgres::types::ToSql;

use super::group::{Batch, HEAD_PUT, LOG_PUT, Puts};
use super::link::{Conn, failed, wait};
use super::read::{Record, Swept};
use super::schema::Sql;
use super::{Options, Postgres, Shared, doc};
use crate::store::raw::{Value, read_head};
use crate::store::{Area, Coll, Result, Store, StoreError, Sweep, Tenant, key};

/// Bytes that are sent at once.
const BYTES_AT_ONCE: usize = 4 << 20;

/// What was moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Filled {
    /// Rows of each area, by its name.
    pub rows: BTreeMap<&'static str, u64>,
    /// The hash over all of them in order: the same on both sides.
    pub digest: String,
}

const AREAS: [(Area, &str); 4] =
    [(Area::Records, "records"), (Area::Index, "index"), (Area::Log, "log"), (Area::Heads, "heads")];

/// Moves everything in `from` into the database at `url`. `colls` are all collections that may be in it.
///
/// # Errors
/// When the database isn't empty, `from` holds a collection that is not among `colls`, or the two are not the same
/// afterwards; then the database is as empty as it was.
pub fn fill(from: &Store, url: &str, options: Options, colls: &[Coll]) -> Result<Filled> {
    let to = Postgres::open(url, options)?;
    let mut outcome = Ok(Filled::default());
    from.sweep(|source| {
        outcome = move_all(source, &to, colls);
        Ok(())
    })?;
    drop(to);
    outcome
}

fn move_all(source: &dyn Sweep, to: &Postgres, colls: &[Coll]) -> Result<Filled> {
    let shared = &to.shared;
    let by_id: BTreeMap<u16, Coll> = colls.iter().map(|c| (c.id, *c)).collect();
    // Tables first: they are made outside the transaction and may be there, empty, when it fails.
    for c in colls {
        shared.tables.of(&shared.link, *c)?;
    }
    let conn = shared.link.connect()?;
    conn.run("begin; set local idle_in_transaction_session_timeout = 0").map_err(|e| failed(&e))?;
    let lock = "lock table crossdock._tenants in exclusive mode";
    conn.run(lock).map_err(|e| failed(&e))?;
    let there = wait(conn.client.query_opt("select 1 from crossdock._tenants limit 1", &[]));
    if there.map_err(|e| failed(&e))?.is_some() {
        return Err(StoreError::Io(
            "the database holds a store already: name an empty one, which nobody uses yet".into(),
        ));
    }
    let mut copying = Copying::new(shared, &conn, &by_id);
    for (area, _) in AREAS {
        source.rows(area, None, &mut |k, v| copying.add(area, k, v).map(|()| true))?;
        copying.send()?;
    }
    let tenants: Vec<i64> = copying.tenants.iter().map(|t| i64::from(*t)).collect();
    let params: [&(dyn ToSql + Sync); 1] = [&tenants];
    let add = "insert into crossdock._tenants (tenant) select unnest($1::bigint[])";
    wait(conn.client.execute(add, &params)).map_err(|e| failed(&e))?;
    // Held against each other before anything is kept.
    let (before, after) = (tell(source)?, tell(&Swept { shared, conn: &conn })?);
    if before != after {
        let why = format!("what was moved is not what was there: {before:?} and {after:?}; nothing was kept");
        return Err(StoreError::Corrupt(why));
    }
    conn.run("commit").map_err(|e| failed(&e))?;
    Ok(after)
}

/// What is on its way: rows of one tenant and one table at a time.
enum Pending {
    Nothing,
    Rows(u16, Arc<Sql>, Puts),
    Entries { log: Vec<u8>, seqs: Vec<i64>, blobs: Vec<Vec<u8>>, docs: Vec<Option<String>> },
}

struct Copying<'a> {
    shared: &'a Shared,
    conn: &'a Conn,
    colls: &'a BTreeMap<u16, Coll>,
    tenants: BTreeSet<Tenant>,
    tenant: Option<Tenant>,
    pending: Pending,
    bytes: usize,
}

impl<'a> Copying<'a> {
    fn new(shared: &'a Shared, conn: &'a Conn, colls: &'a BTreeMap<u16, Coll>) -> Self {
        let (tenants, pending) = (BTreeSet::new(), Pending::Nothing);
        Self { shared, conn, colls, tenants, tenant: None, pending, bytes: 0 }
    }

    fn add(&mut self, area: Area, k: &[u8], v: &[u8]) -> Result<()> {
        let damaged =
            || StoreError::Corrupt("a key is damaged: run crossdock check on the store first".into());
        let (tenant, rest) = k.split_first_chunk::<4>().ok_or_else(damaged)?;
        let tenant = Tenant::from_be_bytes(*tenant);
        if self.tenant != Some(tenant) || self.bytes > BYTES_AT_ONCE {
            self.send()?;
            self.enter(tenant)?;
        }
        self.bytes += k.len() + v.len();
        match area {
            Area::Index => Ok(()),
            Area::Records => {
                let (id, pk) = rest.split_first_chunk::<2>().ok_or_else(damaged)?;
                self.record(u16::from_be_bytes(*id), pk, &Value::parse(v)?)
            }
            Area::Log => {
                let (log, seq) = rest.split_last_chunk::<8>().ok_or_else(damaged)?;
                self.entry(log, u64::from_be_bytes(*seq), v)
            }
            Area::Heads => {
                let h = read_head(v)?;
                let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
                let mut batch = Batch::new(self.conn, tenant);
                let params: Vec<super::group::Param> = vec![
                    Box::new(rest.to_vec()),
                    Box::new(number(h.last)),
                    Box::new(number(h.floor)),
                    Box::new(h.hash.to_vec()),
                ];
                batch.add(HEAD_PUT, params).and_then(|()| batch.send()).map_err(|e| failed(&e))
            }
        }
    }

    fn enter(&mut self, tenant: Tenant) -> Result<()> {
        if self.tenant != Some(tenant) {
            let set = format!("set local crossdock.tenant = '{tenant}'");
            self.conn.run(&set).map_err(|e| failed(&e))?;
            self.tenant = Some(tenant);
            self.tenants.insert(tenant);
        }
        Ok(())
    }

    fn record(&mut self, id: u16, pk: &[u8], value: &Value<'_>) -> Result<()> {
        let keys = value.keys.iter().map(|k| k.and_then(key::split_text).map(|(k, _)| k)).collect();
        let record = Record { rev: value.rev, keys, body: value.body.to_vec() };
        if !matches!(&self.pending, Pending::Rows(at, ..) if *at == id) {
            self.send()?;
            let coll = self.colls.get(&id).ok_or_else(|| {
                StoreError::Corrupt(format!(
                    "the store holds records of collection {id}, which this release does not know"
                ))
            })?;
            let sql = self.shared.tables.of(&self.shared.link, *coll)?;
            self.pending = Pending::Rows(id, sql, Puts::default());
        }
        if let Pending::Rows(_, sql, puts) = &mut self.pending {
            puts.add(pk, &record, sql.documented);
        }
        Ok(())
    }

    fn entry(&mut self, log: &[u8], seq: u64, blob: &[u8]) -> Result<()> {
        if !matches!(&self.pending, Pending::Entries { log: at, .. } if at == log) {
            self.send()?;
            let log = log.to_vec();
            self.pending = Pending::Entries { log, seqs: Vec::new(), blobs: Vec::new(), docs: Vec::new() };
        }
        let documented = self.shared.tables.log_documented(log);
        if let Pending::Entries { seqs, blobs, docs, .. } = &mut self.pending {
            seqs.push(i64::try_from(seq).unwrap_or(i64::MAX));
            docs.push(if documented { doc::document(blob) } else { None });
            blobs.push(blob.to_vec());
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        self.bytes = 0;
        let mut batch = Batch::new(self.conn, self.tenant.unwrap_or_default());
        let added = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return Ok(()),
            Pending::Rows(_, sql, puts) => batch.add(&sql.put, puts.params(sql.documented)),
            Pending::Entries { log, seqs, blobs, docs } => {
                batch.add(LOG_PUT, vec![Box::new(log), Box::new(seqs), Box::new(blobs), Box::new(docs)])
            }
        };
        added.and_then(|()| batch.send()).map_err(|e| failed(&e))
    }
}

/// Counts and hashes all that a sweep sees.
fn tell(sweep: &dyn Sweep) -> Result<Filled> {
    let (mut rows, mut hasher) = (BTreeMap::new(), blake3::Hasher::new());
    for (area, name) in AREAS {
        let mut n = 0;
        sweep.rows(area, None, &mut |k, v| {
            n += 1;
            for part in [k, v] {
                hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
            }
            Ok(true)
        })?;
        rows.insert(name, n);
    }
    Ok(Filled { rows, digest: hasher.finalize().to_hex().to_string() })
}
