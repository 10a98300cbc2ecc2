//! Databases to try on: a fresh one each, on the cluster whose address `CROSSDOCK_TEST_POSTGRES` says (`tests/postgres`
//! starts one). A test that needs one says so aloud when there is none.

use std::sync::atomic::{AtomicU32, Ordering};

use crossdock::config::Config;
use crossdock::config::choices::Role;
use crossdock::store::Store;
use crossdock::store::postgres::{Options, Postgres};

/// The variable that says where the cluster is.
pub const CLUSTER: &str = "CROSSDOCK_TEST_POSTGRES";

/// The variable that says on what the depots of tests stand: `postgres`, else the embedded store.
pub const STORE: &str = "CROSSDOCK_TEST_STORE";

/// Settings for a depot on a fresh database, when tests are to run on one.
pub fn chosen(config: &mut Config) -> Option<Database> {
    if std::env::var(STORE).is_ok_and(|on| on == "postgres") {
        let database = Database::new().expect("a cluster to run on");
        on(config, &database.url);
        return Some(database);
    }
    None
}

/// Settings for headquarters on the database at `url`.
pub fn on(config: &mut Config, url: &str) {
    let text = format!("url = \"{url}\"");
    config.store.url = toml::from_str::<toml::Table>(&text).unwrap()["url"].clone().try_into().unwrap();
    config.server.role = Role::Hq;
}

/// A database that goes when it is dropped.
pub struct Database {
    cluster: String,
    name: String,
    /// Its address.
    pub url: String,
}

impl Database {
    /// A fresh one; none, said aloud, where there is no cluster.
    pub fn new() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let Ok(cluster) = std::env::var(CLUSTER) else {
            eprintln!("SKIP: {CLUSTER} names no PostgreSQL: start one with tests/postgres");
            return None;
        };
        let name = format!("t{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        ask(&cluster, &format!("drop database if exists {name} with (force)"));
        ask(&cluster, &format!("create database {name}"));
        let url = format!("{cluster} dbname={name}");
        Some(Self { cluster, name, url })
    }

    /// What the database answers: the first column of every row.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        ask(&self.url, sql)
    }

    /// The same, or why not.
    pub fn try_ask(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        try_ask(&self.url, sql)
    }

    /// Lets new connections in, or not.
    pub fn allow(&self, yes: bool) {
        ask(&self.cluster, &format!("alter database {} allow_connections {yes}", self.name));
    }

    /// An engine on it.
    pub fn store(&self) -> Store {
        Store::new(self.engine())
    }

    pub fn engine(&self) -> Postgres {
        Postgres::open(&self.url, options()).unwrap()
    }

    /// Ends every other connection to it, as a server that is started anew does.
    pub fn cut(&self) {
        let ours = format!("datname = '{}' and usename = current_user", self.name);
        ask(
            &self.cluster,
            &format!("select pg_terminate_backend(pid)::text from pg_stat_activity where {ours}"),
        );
    }
}

pub fn options() -> Options {
    Options { retry_every: std::time::Duration::from_millis(50), ..Options::default() }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Tidiness alone: the cluster goes as a whole, and its own housekeeping may be at work in this database.
        let _ = try_ask(&self.cluster, &format!("drop database {} with (force)", self.name));
    }
}

fn ask(url: &str, sql: &str) -> Vec<String> {
    try_ask(url, sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

/// Asks from a thread of its own: a test may be on a runtime already.
fn try_ask(url: &str, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    use tokio_postgres::{NoTls, SimpleQueryMessage};
    let (url, sql) = (url.to_owned(), sql.to_owned());
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            let said = client.simple_query(&sql).await;
            drop(client);
            let _ = connection.await;
            let mut out = Vec::new();
            for message in said? {
                if let SimpleQueryMessage::Row(row) = message {
                    out.push(row.get(0).unwrap_or_default().to_owned());
                }
            }
            Ok(out)
        })
    });
    asking.join().unwrap()
}
