//! Those whom the depot is measured beside: they keep what a change needs kept, as durably, and do nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::Path;

use crossdock::base::ids::Id;
use crossdock::store::{Area, Store};
use redb::{Database, Durability, ReadableTable, TableDefinition};

use crate::harness::Writer;

/// One change of one parcel.
pub struct Change {
    pub id: Id,
    pub create: bool,
    pub at: u64,
}

/// How many bytes the depot keeps for each part of a change.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    parcel: usize,
    business: usize,
    audit: usize,
    applied: usize,
}

impl Sizes {
    /// What the rows and log entries of `store` weigh on average.
    pub fn of(store: &Store) -> Self {
        let average = |area, want: &dyn Fn(&[u8]) -> bool| {
            let (mut rows, mut bytes) = (0, 0);
            let mut add = |k: &[u8], v: &[u8]| {
                if want(k) {
                    (rows, bytes) = (rows + 1, bytes + v.len());
                }
                Ok(true)
            };
            store.sweep(|s| s.rows(area, None, &mut add)).unwrap();
            bytes / rows.max(1)
        };
        let log = |letter| average(Area::Log, &move |k: &[u8]| k[9] == letter);
        Self {
            parcel: average(Area::Records, &|k| k[4..6] == [0, 20]),
            business: log(b'b'),
            audit: log(b'a'),
            applied: log(b'x'),
        }
    }
}

type Bytes = &'static [u8];
const REC: TableDefinition<Bytes, Bytes> = TableDefinition::new("rec");
const IX: TableDefinition<Bytes, Bytes> = TableDefinition::new("ix");
const LOG: TableDefinition<Bytes, Bytes> = TableDefinition::new("log");
const HEAD: TableDefinition<Bytes, Bytes> = TableDefinition::new("head");

fn key(prefix: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    [prefix, &parts.concat()].concat()
}

/// The rows and index entries of a change as the depot keys them: parcel, clock, two counters, deadline, status index;
/// for a new parcel its number and distributor too. Then three log entries and the ends of the logs.
struct Raw {
    sizes: Sizes,
    seq: u64,
}

impl Raw {
    fn write(&mut self, tx: &redb::WriteTransaction, changes: &mut dyn Iterator<Item = Change>) {
        let mut rec = tx.open_table(REC).unwrap();
        let mut ix = tx.open_table(IX).unwrap();
        let mut log = tx.open_table(LOG).unwrap();
        let body = vec![7; self.sizes.parcel.max(self.sizes.audit).max(self.sizes.applied)];
        for Change { id, create, at } in changes {
            self.seq += 1;
            let id = &id.0[..];
            let row = key(b"tttt20", &[id]);
            // The row says when its deadline is and where it stands, as the depot's does.
            let was = rec.get(&row[..]).unwrap().map(|v| v.value()[..9].to_vec());
            let status = was.as_ref().map_or(0, |was| 1 - was[8]);
            let mut parcel = body[..self.sizes.parcel].to_vec();
            parcel[..8].copy_from_slice(&at.to_be_bytes());
            parcel[8] = status;
            rec.insert(&row[..], &parcel[..]).unwrap();
            rec.insert(&b"tttt03origin"[..], &body[..40]).unwrap();
            for name in [&b"tttt02parcels/in_transit"[..], b"tttt02parcels/at_depot"] {
                rec.insert(name, &body[..17]).unwrap();
            }
            if let Some(was) = &was {
                rec.remove(&key(b"tttt061", &[&was[..8], id])[..]).unwrap();
            }
            rec.insert(&key(b"tttt061", &[&at.to_be_bytes(), id])[..], &body[..9]).unwrap();
            for index in [&b"tttt200"[..], b"tttt201aurora\0\0"] {
                if let Some(was) = &was {
                    ix.remove(&key(index, &[&was[8..], b"\0\0", id])[..]).unwrap();
                }
                ix.insert(&key(index, &[&[status], b"\0\0", id])[..], &b""[..]).unwrap();
            }
            if create {
                let number = format!("tttt21C{at:012}\0\0\0");
                rec.insert(&key(number.as_bytes(), &[id])[..], &body[..9]).unwrap();
                rec.insert(&key(b"tttt062", &[&at.to_be_bytes(), id])[..], &body[..9]).unwrap();
            }
            let sizes = [self.sizes.audit, self.sizes.business, self.sizes.applied];
            for (prefix, size) in
                [&b"tttt1nnnnaeeeeeeee"[..], b"tttt1nnnnbeeeeeeee", b"tttt1nnnnxeeeeeeee"].iter().zip(sizes)
            {
                log.insert(&key(prefix, &[&self.seq.to_be_bytes()])[..], &body[..size]).unwrap();
            }
        }
        let mut head = tx.open_table(HEAD).unwrap();
        for prefix in [&b"tttt1nnnnaeeeeeeee"[..], b"tttt1nnnnbeeeeeeee", b"tttt1nnnnxeeeeeeee"] {
            head.insert(prefix, &body[..32]).unwrap();
        }
    }

    fn commit(&mut self, db: &Database, changes: &mut dyn Iterator<Item = Change>) {
        let mut tx = db.begin_write().unwrap();
        tx.set_durability(Durability::Immediate).unwrap();
        tx.set_quick_repair(true);
        self.write(&tx, changes);
        tx.commit().unwrap();
    }
}

fn seed(ids: &[Id]) -> impl Iterator<Item = Change> {
    ids.iter().zip(0..).map(|(id, at)| Change { id: *id, create: true, at })
}

/// redb without anything around it.
pub fn raw(file: &Path, ids: &[Id], sizes: Sizes) -> Writer<Change> {
    let db = redb::Builder::new().set_cache_size(256 << 20).create(file).unwrap();
    let mut raw = Raw { sizes, seq: 0 };
    let mut seeds = seed(ids).peekable();
    while seeds.peek().is_some() {
        raw.commit(&db, &mut seeds.by_ref().take(5_000));
    }
    Writer::start(move |changes| raw.commit(&db, changes))
}

/// SQLite with a write-ahead log, synced at each commit: row, log row and audit row.
#[cfg(feature = "sqlite")]
pub fn sqlite(file: &Path, ids: &[Id]) -> Writer<Change> {
    use rusqlite::{Connection, params};
    const SCHEMA: &str = "
        PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -262144;
        CREATE TABLE parcel (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, tracking TEXT NOT NULL UNIQUE,
            status INTEGER NOT NULL, distributor TEXT, recipient TEXT, phone TEXT, address TEXT, city TEXT,
            weight_g INTEGER, value_cents INTEGER, created_at INTEGER, updated_at INTEGER, due_at INTEGER,
            version INTEGER NOT NULL);
        CREATE INDEX by_status ON parcel (status, n);
        CREATE INDEX by_due ON parcel (due_at) WHERE status < 3;
        CREATE TABLE log (n INTEGER PRIMARY KEY, parcel INTEGER NOT NULL, was INTEGER, now INTEGER, note TEXT, actor TEXT,
            at INTEGER);
        CREATE INDEX by_parcel ON log (parcel);
        CREATE TABLE audit (n INTEGER PRIMARY KEY, actor TEXT, action TEXT, entity BLOB, before TEXT, after TEXT,
            at INTEGER);";
    let db = Connection::open(file).unwrap();
    db.execute_batch(SCHEMA).unwrap();
    let commit = move |changes: &mut dyn Iterator<Item = Change>| {
        let sql = |s: &str| db.prepare_cached(s).unwrap();
        sql("BEGIN IMMEDIATE").execute([]).unwrap();
        for Change { id, create, at } in changes {
            let id = &id.0[..];
            let (n, was, now): (i64, i64, i64) = if create {
                sql("INSERT INTO parcel (id, tracking, status, distributor, recipient, phone, address, city, weight_g,
                    value_cents, created_at, updated_at, due_at, version) VALUES (?1, ?2, 0, 'aurora',
                    'Maria Aparecida', '+55 11 90000 0000', 'Rua das Laranjeiras 100', 'Campinas', 1200, 12900, ?3, ?3, ?3, 1)")
                    .execute(params![id, format!("C{}", Id::from_slice(id).unwrap()), at as i64])
                    .unwrap();
                (db.last_insert_rowid(), 0, 0)
            } else {
                let mut find = sql("SELECT n, status FROM parcel WHERE id = ?1");
                let (n, was): (i64, i64) = find.query_row([id], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
                let now = if was == 1 { 2 } else { 1 };
                sql("UPDATE parcel SET status = ?2, updated_at = ?3, version = version + 1 WHERE n = ?1")
                    .execute(params![n, now, at as i64])
                    .unwrap();
                (n, was, now)
            };
            sql("INSERT INTO log (parcel, was, now, actor, at) VALUES (?1, ?2, ?3, 'clerk', ?4)")
                .execute(params![n, was, now, at as i64])
                .unwrap();
            sql("INSERT INTO audit (actor, action, entity, before, after, at)
                VALUES ('clerk', 'parcel.moved', ?1, ?2, ?3, ?4)")
            .execute(params![
                id,
                format!("{{\"status\":\"{was}\",\"note\":null}}"),
                format!("{{\"status\":\"{now}\",\"note\":null}}"),
                at as i64
            ])
            .unwrap();
        }
        sql("COMMIT").execute([]).unwrap();
    };
    let mut seeds = seed(ids).peekable();
    while seeds.peek().is_some() {
        commit(&mut seeds.by_ref().take(5_000));
    }
    Writer::start(commit)
}
