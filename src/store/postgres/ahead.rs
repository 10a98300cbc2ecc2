//! Reading ahead: a look at the database is a round trip, and a change takes a dozen. So a group's requests are first
//! run as if: what they look for and the group does not have is noted and taken for absent, what they write is thrown
//! away. Then all that was noted is fetched at once. After a few such rounds the requests run for good, and find nearly
//! everything at hand; what they do not find they fetch as ever.
//!
//! Nothing that a run as if has seen or done counts, so a wrong guess costs time and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::group::{Group, LogKey, Param, ScanKey};
use super::link::wait;
use super::read::{bytes, number, record, rows_found, whole};
use crate::store::{Coll, Dir, Head, Ix, KeyRange, Result};

/// Rounds at the most: a chain of looks, each of which depends on the one before, is seldom longer.
pub(super) const ROUNDS: usize = 4;
/// What is noted in one round at the most.
const MOST: usize = 20_000;

/// What was looked for and is not at hand.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) rows: BTreeMap<u16, (Option<Coll>, BTreeSet<Vec<u8>>)>,
    pub(super) scans: BTreeMap<ScanKey, Coll>,
    pub(super) heads: BTreeSet<LogKey>,
    pub(super) entries: BTreeSet<(LogKey, u64)>,
    many: usize,
}

impl Wanted {
    pub(super) fn row(&mut self, c: Coll, pk: &[u8]) {
        if self.has_room() {
            let (coll, pks) = self.rows.entry(c.id).or_default();
            *coll = Some(c);
            pks.insert(pk.to_vec());
        }
    }

    pub(super) fn scan(&mut self, c: Coll, key: ScanKey) {
        if self.has_room() {
            self.scans.insert(key, c);
        }
    }

    pub(super) fn head(&mut self, k: LogKey) {
        if self.has_room() {
            self.heads.insert(k);
        }
    }

    pub(super) fn entry(&mut self, k: LogKey, seq: u64) {
        if self.has_room() {
            self.entries.insert((k, seq));
        }
    }

    /// Takes in what another has noted.
    pub(super) fn add(&mut self, other: Self) {
        for (id, (coll, pks)) in other.rows {
            let (ours, all) = self.rows.entry(id).or_default();
            *ours = coll;
            all.extend(pks);
        }
        self.scans.extend(other.scans);
        self.heads.extend(other.heads);
        self.entries.extend(other.entries);
    }

    /// Whether there was more than is noted.
    pub(super) fn is_too_much(&self) -> bool {
        self.many > MOST
    }

    fn has_room(&mut self) -> bool {
        self.many += 1;
        self.many <= MOST
    }

    /// Whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.scans.is_empty() && self.heads.is_empty() && self.entries.is_empty()
    }
}

/// A key of a scan: collection, index, way, range and limit.
pub(super) fn scan_key(c: Coll, ix: Ix, r: &KeyRange, dir: Dir, limit: usize) -> ScanKey {
    let ix = match ix {
        Ix::Primary => None,
        Ix::Nth(n) => Some(n),
    };
    (c.id, ix, dir == Dir::Up, r.from.clone(), r.to.clone(), r.after.clone(), limit)
}

/// What a statement's rows are.
enum Of {
    Rows(u16),
    Scan(ScanKey),
    Heads,
    Entries,
}

impl Group<'_> {
    /// Fetches all that is wanted, in one wait.
    pub(super) fn fetch(&self, wanted: Wanted) -> Result<()> {
        let mut asked: Vec<(Of, Statement, Vec<Param>)> = Vec::new();
        let tenant = i64::from(self.reader.tenant);
        let mut ask = |of: Of, sql: &str, params: Vec<Param>| -> Result<()> {
            let statement = self.reader.conn.statement(sql).map_err(|e| self.reader.hurt(&e))?;
            asked.push((of, statement, params));
            Ok(())
        };
        for (id, (coll, pks)) in &wanted.rows {
            let Some(coll) = coll else { continue };
            let pks: Vec<Vec<u8>> = pks.iter().cloned().collect();
            ask(Of::Rows(*id), &self.sql(*coll)?.get_many, vec![Box::new(tenant), Box::new(pks)])?;
        }
        for (key, coll) in wanted.scans {
            let (_, ix, up, from, to, after, limit) = &key;
            let ix = ix.map_or(Ix::Primary, Ix::Nth);
            let range = KeyRange { from: from.clone(), to: to.clone(), after: after.clone() };
            let dir = if *up { Dir::Up } else { Dir::Down };
            match self.reader.asked(coll, ix, &range, dir, *limit)? {
                Some((sql, params)) => ask(Of::Scan(key), &sql, params)?,
                None => drop(self.scans.borrow_mut().insert(key, Vec::new())),
            }
        }
        if !wanted.heads.is_empty() {
            let logs: Vec<Vec<u8>> = wanted.heads.iter().map(|k| k.to_vec()).collect();
            let sql = "select last, floor, hash, log from crossdock.head where tenant = $1 and log = any($2::bytea[])";
            ask(Of::Heads, sql, vec![Box::new(tenant), Box::new(logs)])?;
        }
        if !wanted.entries.is_empty() {
            let (logs, seqs): (Vec<Vec<u8>>, Vec<i64>) =
                wanted.entries.iter().map(|(k, seq)| (k.to_vec(), whole(*seq))).unzip();
            let sql = "select l.log, l.seq, l.blob from unnest($2::bytea[], $3::bigint[]) as u (log, seq)
                 join crossdock.log l on l.tenant = $1 and l.log = u.log and l.seq = u.seq";
            ask(Of::Entries, sql, vec![Box::new(tenant), Box::new(logs), Box::new(seqs)])?;
        }
        let sent = asked.iter().map(|(_, statement, params)| async move {
            let refs: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| &**p as &(dyn ToSql + Sync)).collect();
            self.reader.conn.client.query(statement, &refs).await
        });
        let answered: std::result::Result<Vec<Vec<Row>>, Error> = wait(join_all(sent)).into_iter().collect();
        let answered = answered.map_err(|e| self.reader.hurt(&e))?;
        for (id, (_, pks)) in wanted.rows {
            let mut rows = self.rows.borrow_mut();
            let rows = rows.entry(id).or_default();
            for pk in pks {
                rows.entry(pk).or_default();
            }
        }
        for k in wanted.heads {
            self.keep_head(k, Head { floor: 1, ..Head::default() });
        }
        for ((of, ..), rows) in asked.iter().zip(&answered) {
            self.keep(of, rows)?;
        }
        Ok(())
    }

    fn keep(&self, of: &Of, rows: &[Row]) -> Result<()> {
        match of {
            Of::Rows(id) => {
                for row in rows {
                    let pk = bytes(row, row.len() - 1)?;
                    self.keep_row(*id, pk, record(row, 0)?);
                }
            }
            Of::Scan(key) => {
                let found = rows_found(key.1.map_or(Ix::Primary, Ix::Nth), rows)?;
                self.scans.borrow_mut().insert(key.clone(), found);
            }
            Of::Heads => {
                for row in rows {
                    if let (Ok(k), Ok(hash)) = (bytes(row, 3)?.try_into(), bytes(row, 2)?.try_into()) {
                        self.keep_head(k, Head { last: number(row, 0)?, floor: number(row, 1)?, hash });
                    }
                }
            }
            Of::Entries => {
                for row in rows {
                    if let Ok(k) = bytes(row, 0)?.try_into() {
                        self.keep_entry(k, number(row, 1)?, bytes(row, 2)?);
                    }
                }
            }
        }
        Ok(())
    }
}
