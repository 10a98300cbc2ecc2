//! The tables: one for each collection, made when it is first used, and four of the engine's own (`_tenants`,
//! `_collections`, `_leases`, and the logs with their heads).
//!
//! Every table of data has row security by tenant, forced on its owner too: what a statement of ours would forget to
//! say, the session's tenant says a second time. A superuser is above that; the guide says not to be one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_postgres::error::SqlState;

use super::link::{Conn, Link, failed, wait};
use crate::store::view::{Column, Is, Of, View};
use crate::store::{Coll, Dir, Home, Ix, Result, StoreError, key};

/// Where everything lies.
const SCHEMA: &str = "crossdock";
/// The number of this layout of tables; a released one is never edited, only followed.
const LAYOUT: i32 = 1;
/// Indexes of a collection.
pub(super) const INDEXES: usize = 4;
/// Attempts at making tables while another process makes the same.
const TRIES: usize = 5;

/// Whether rows are this session's tenant's: said in a policy on every table of data.
const OURS: &str = "tenant = nullif(current_setting('crossdock.tenant', true), '')::bigint";

fn base() -> String {
    let secured = ["log", "head"].map(|t| secure(&format!("{SCHEMA}.{t}"))).concat();
    format!(
        "create schema if not exists {SCHEMA};
         create table if not exists {SCHEMA}._layout (one bool primary key default true check (one), number int not null);
         insert into {SCHEMA}._layout (number) values ({LAYOUT}) on conflict do nothing;
         create table if not exists {SCHEMA}._tenants (tenant bigint primary key, version bigint not null default 0);
         create table if not exists {SCHEMA}._collections (id int primary key, name text not null);
         create table if not exists {SCHEMA}._views (name text primary key, definition text not null);
         create table if not exists {SCHEMA}._leases (name text primary key, owner bytea not null,
             fence bigint not null, until timestamptz not null);
         create table if not exists {SCHEMA}.log (tenant bigint not null, log bytea not null, seq bigint not null,
             blob bytea not null, doc jsonb, primary key (tenant, log, seq));
         create table if not exists {SCHEMA}.head (tenant bigint not null, log bytea not null, last bigint not null,
             floor bigint not null, hash bytea not null, primary key (tenant, log));
         {secured}"
    )
}

fn secure(table: &str) -> String {
    format!(
        "alter table {table} enable row level security;
         alter table {table} force row level security;
         drop policy if exists tenant on {table};
         create policy tenant on {table} using ({OURS});"
    )
}

fn collection(table: &str, c: Coll, doc: bool) -> String {
    let doc = if doc { ", doc jsonb" } else { "" };
    let columns: String = (0..INDEXES).map(|n| format!("i{n} bytea, ")).collect();
    let mut sql = format!(
        "create table {table} (tenant bigint not null, pk bytea not null, rev bigint not null,
             ixs smallint not null, {columns} body bytea not null{doc}, primary key (tenant, pk));"
    );
    if c.home != Home::Shared {
        for n in 0..INDEXES {
            sql.push_str(&format!("create index on {table} (tenant, i{n}, pk) where i{n} is not null;"));
        }
    }
    sql + &secure(table)
}

/// The statements of one collection.
pub(super) struct Sql {
    pub(super) get: String,
    /// The rows of several keys, each key behind what [`Sql::get`] says.
    pub(super) get_many: String,
    pub(super) put: String,
    pub(super) del: String,
    /// Whether documents are written beside the bodies.
    pub(super) documented: bool,
    table: String,
}

impl Sql {
    fn new(table: &str, documented: bool) -> Self {
        let ixs: String = (0..INDEXES).map(|n| format!("i{n}, ")).collect();
        let arrays: String = (0..INDEXES).map(|n| format!("${}::bytea[], ", n + 5)).collect();
        let set: String = (0..INDEXES).map(|n| format!("i{n} = excluded.i{n}, ")).collect();
        let (doc, docs, to_doc, set_doc) = if documented {
            (", doc", ", $10::text[]", ", u.doc::jsonb", ", doc = excluded.doc")
        } else {
            ("", "", "", "")
        };
        Self {
            get: format!("select rev, ixs, {ixs}body from {table} where tenant = $1 and pk = $2"),
            get_many: format!(
                "select rev, ixs, {ixs}body, pk from {table} where tenant = $1 and pk = any($2::bytea[])"
            ),
            put: format!(
                "insert into {table} (tenant, pk, rev, ixs, {ixs}body{doc})
                 select $1, u.pk, u.rev, u.ixs, {ixs}u.body{to_doc}
                 from unnest($2::bytea[], $3::bigint[], $4::smallint[], {arrays}$9::bytea[]{docs})
                      as u (pk, rev, ixs, {ixs}body{doc})
                 on conflict (tenant, pk) do update
                 set rev = excluded.rev, ixs = excluded.ixs, {set}body = excluded.body{set_doc}"
            ),
            del: format!("delete from {table} where tenant = $1 and pk = any($2::bytea[])"),
            documented,
            table: table.to_owned(),
        }
    }

    /// Rows in the order of `ix`: from `($2, $3)` on, and before `($4, $5)` when the range ends; the last parameter is
    /// how many. The primary order has single keys instead of pairs.
    pub(super) fn scan(&self, ix: Ix, dir: Dir, ends: bool) -> String {
        let way = if dir == Dir::Up { "" } else { " desc" };
        let table = &self.table;
        match ix {
            Ix::Primary => {
                let (end, most) = if ends { ("and pk < $3", "$4") } else { ("", "$3") };
                format!(
                    "select pk, rev, body from {table} where tenant = $1 and pk >= $2 {end}
                     order by pk{way} limit {most}"
                )
            }
            Ix::Nth(n) => {
                let i = format!("i{}", usize::from(n).min(INDEXES - 1));
                let (end, most) =
                    if ends { (format!("and ({i}, pk) < ($4, $5)"), "$6") } else { (String::new(), "$4") };
                format!(
                    "select pk, rev, body, {i} from {table}
                     where tenant = $1 and {i} is not null and ({i}, pk) >= ($2, $3) {end}
                     order by {i}{way}, pk{way} limit {most}"
                )
            }
        }
    }

    /// All there is of every row behind `$2`, for a sweep.
    pub(super) fn whole(&self) -> String {
        let ixs: String = (0..INDEXES).map(|n| format!("i{n}, ")).collect();
        format!(
            "select pk, rev, ixs, {ixs}body from {} where tenant = $1 and pk >= $2 order by pk limit $3",
            self.table
        )
    }

    /// All entries of index `n` from `($2, $3)` on, for a sweep.
    pub(super) fn entries(&self, n: usize) -> String {
        format!(
            "select i{n}, pk from {} where tenant = $1 and i{n} is not null and (i{n}, pk) >= ($2, $3)
             order by i{n}, pk limit $4",
            self.table
        )
    }
}

/// The tables that are known to be there.
pub(super) struct Tables {
    known: RwLock<BTreeMap<u16, Arc<Sql>>>,
    views: &'static [View],
}

impl Tables {
    /// Makes what is missing in the database and learns what is there.
    pub(super) fn open(link: &Link, views: &'static [View]) -> Result<Self> {
        let conn = link.connect()?;
        let it = Self { known: RwLock::default(), views };
        let there: bool =
            wait(conn.client.query_one(&format!("select to_regclass('{SCHEMA}._layout') is not null"), &[]))
                .map_err(|e| failed(&e))?
                .get(0);
        if !there {
            attempt(&conn, || {
                conn.run("begin")?;
                conn.run(&base())?;
                conn.run("commit")
            })?;
        }
        let number: i32 = wait(conn.client.query_one(&format!("select number from {SCHEMA}._layout"), &[]))
            .map_err(|e| failed(&e))?
            .get(0);
        if number > LAYOUT {
            let ours = crate::store::migrate::RELEASE.to_owned();
            return Err(StoreError::Newer { file: format!("with tables of layout {number}"), ours });
        }
        for (id, name) in it.there(&conn)? {
            it.learn(id, &name);
        }
        for view in views {
            it.view(&conn, view)?;
        }
        Ok(it)
    }

    fn there(&self, conn: &Conn) -> Result<Vec<(u16, String)>> {
        let sql = format!("select id, name from {SCHEMA}._collections order by id");
        let rows = wait(conn.client.query(&sql, &[])).map_err(|e| failed(&e))?;
        Ok(rows.iter().map(|r| (u16::try_from(r.get::<_, i32>(0)).unwrap_or(u16::MAX), r.get(1))).collect())
    }

    fn documented(&self, id: u16) -> bool {
        self.views.iter().any(|v| matches!(v.of, Of::Records(c) if c.id == id))
    }

    /// Whether documents are kept of the log whose key is `log`.
    pub(super) fn log_documented(&self, log: &[u8]) -> bool {
        self.views.iter().any(|v| matches!(v.of, Of::Log(p, id) if super::log_key(p, id) == log))
    }

    fn learn(&self, id: u16, name: &str) -> Arc<Sql> {
        let sql = Arc::new(Sql::new(&table(name, id), self.documented(id)));
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&sql));
        sql
    }

    /// The collections there are, by number.
    pub(super) fn all(&self) -> Vec<(u16, Arc<Sql>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(id, sql)| (*id, Arc::clone(sql))).collect()
    }

    /// Learns of collections that another process has made.
    pub(super) fn refresh(&self, conn: &Conn) -> Result<()> {
        for (id, name) in self.there(conn)? {
            if !self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id) {
                self.learn(id, &name);
            }
        }
        Ok(())
    }

    /// The statements of `c`, whose table is made if there is none.
    pub(super) fn of(&self, link: &Link, c: Coll) -> Result<Arc<Sql>> {
        if let Some(sql) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&c.id) {
            return Ok(Arc::clone(sql));
        }
        // A connection of its own: whoever asks may be in the middle of a transaction.
        let conn = link.connect()?;
        attempt(&conn, || {
            conn.run("begin")?;
            conn.run(&format!("select 1 from {SCHEMA}._layout for update"))?;
            let id = i32::from(c.id);
            let told = format!("insert into {SCHEMA}._collections values ($1, $2) on conflict do nothing");
            if wait(conn.client.execute(&told, &[&id, &c.name]))? == 1 {
                conn.run(&collection(&table(c.name, c.id), c, self.documented(c.id)))?;
            }
            conn.run("commit")
        })?;
        let named = format!("select name from {SCHEMA}._collections where id = $1");
        let row = wait(conn.client.query_one(&named, &[&i32::from(c.id)])).map_err(|e| failed(&e))?;
        Ok(self.learn(c.id, row.get(0)))
    }

    /// Makes a view, or makes it anew when this release defines it otherwise.
    fn view(&self, conn: &Conn, view: &View) -> Result<()> {
        let made = match view.of {
            Of::Records(c) => self.make_documented(conn, c)?,
            Of::Log(..) => format!("{SCHEMA}.log"),
        };
        let definition = definition(view, &made);
        attempt(conn, || {
            conn.run("begin")?;
            conn.run(&format!("select 1 from {SCHEMA}._layout for update"))?;
            let there = wait(conn.client.query_opt(
                &format!("select 1 from {SCHEMA}._views where name = $1 and definition = $2"),
                &[&view.name, &definition],
            ))?;
            if there.is_none() {
                conn.run(&format!("drop view if exists {SCHEMA}.{0}; {definition}", view.name))?;
                let kept = format!(
                    "insert into {SCHEMA}._views values ($1, $2)
                     on conflict (name) do update set definition = excluded.definition"
                );
                wait(conn.client.execute(&kept, &[&view.name, &definition]))?;
            }
            conn.run("commit")
        })
    }

    /// The table of a documented collection, made if need be.
    fn make_documented(&self, conn: &Conn, c: Coll) -> Result<String> {
        attempt(conn, || {
            conn.run("begin")?;
            conn.run(&format!("select 1 from {SCHEMA}._layout for update"))?;
            let told = format!("insert into {SCHEMA}._collections values ($1, $2) on conflict do nothing");
            if wait(conn.client.execute(&told, &[&i32::from(c.id), &c.name]))? == 1 {
                conn.run(&collection(&table(c.name, c.id), c, true))?;
            }
            conn.run("commit")
        })?;
        let named = format!("select name from {SCHEMA}._collections where id = $1");
        let row = wait(conn.client.query_one(&named, &[&i32::from(c.id)])).map_err(|e| failed(&e))?;
        self.learn(c.id, row.get(0));
        Ok(table(row.get(0), c.id))
    }
}

fn table(name: &str, id: u16) -> String {
    format!("{SCHEMA}.\"{}_{id}\"", name.replace('"', ""))
}

/// Makes tables; another process that makes the same ones at this moment is no failure.
fn attempt(conn: &Conn, make: impl Fn() -> std::result::Result<(), tokio_postgres::Error>) -> Result<()> {
    let mut tries = 0;
    loop {
        let Err(e) = make() else { return Ok(()) };
        conn.run("rollback").map_err(|e| failed(&e))?;
        tries += 1;
        let raced = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::DUPLICATE_TABLE,
            SqlState::DUPLICATE_SCHEMA,
            SqlState::DUPLICATE_OBJECT,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::INTERNAL_ERROR,
        ];
        if tries == TRIES || !e.code().is_some_and(|c| raced.contains(c)) {
            return Err(failed(&e));
        }
    }
}

fn definition(view: &View, table: &str) -> String {
    let columns: String = view.columns.iter().map(|c| format!("{} as {}, ", column(c), c.name)).collect();
    let (keys, which) = match view.of {
        Of::Records(_) => {
            ("case when length(pk) = 16 then encode(pk, 'hex')::uuid end as id, rev", String::new())
        }
        Of::Log(p, id) => {
            let log: String = super::log_key(p, id).iter().map(|b| format!("{b:02x}")).collect();
            ("seq", format!(" where log = '\\x{log}'::bytea"))
        }
    };
    format!("create view {SCHEMA}.{} as select tenant, {keys}, {columns}doc from {table}{which}", view.name)
}

fn column(c: &Column) -> String {
    let path = c.path.replace('.', ",");
    let text = format!("doc #>> '{{{path}}}'");
    match c.is {
        Is::Text => text,
        Is::Json => format!("doc #> '{{{path}}}'"),
        Is::Whole => format!("({text})::bigint"),
        Is::Moment => format!("to_timestamp(({text})::numeric / 1000)"),
        Is::Stamp => format!("to_timestamp(trunc(({text})::numeric / 65536) / 1000)"),
    }
}

/// The bytes behind `after` that no key lies before.
pub(super) fn behind(after: &[u8]) -> Vec<u8> {
    [after, &[0]].concat()
}

/// Where a position in an index leads: the first pair that lies behind it, or the last excluded before it. A position
/// that is none of ours still has a place among the keys, as in the embedded engine.
pub(super) fn place(position: &[u8], dir: Dir) -> (Vec<u8>, Vec<u8>) {
    if let Some((ikey, pk)) = key::split_text(position) {
        return if dir == Dir::Up { (ikey, behind(pk)) } else { (ikey, pk.to_vec()) };
    }
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        match (position.get(at), position.get(at + 1)) {
            (Some(0), Some(0xff)) => {
                out.push(0);
                at += 2;
            }
            // Behind the end of this string and before the next that begins with it.
            (Some(0), Some(_)) => return (behind(&out), Vec::new()),
            (Some(0), None) | (None, _) => return (out, Vec::new()),
            (Some(b), _) => {
                out.push(*b);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ended(ikey: &[u8], pk: &[u8]) -> Vec<u8> {
        let mut k = Vec::new();
        key::text(&mut k, ikey);
        k.extend_from_slice(pk);
        k
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xff]), 0..5)
    }

    proptest! {
        #[test]
        fn any_position_parts_the_pairs_as_it_parts_the_raw_keys(at in bytes(), ikey in bytes(), pk in bytes()) {
            let (raw, pair) = (ended(&ikey, &pk), (ikey, pk));
            prop_assert_eq!(pair >= place(&at, Dir::Up), raw > at);
            prop_assert_eq!(pair < place(&at, Dir::Down), raw < at);
        }
    }
}
