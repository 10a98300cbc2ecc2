//! The engine on PostgreSQL: the whole suite on one engine, on one that has just lost its server, and on two over one
//! database; and what only several processes over one database can show.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher};

use crossdock::store::postgres::Postgres;
use crossdock::store::{Engine, Fence, Lane, ReadTx, Result, Status, Store, Sweep, Tenant, WriteFn};
use tokio::sync::oneshot;

use crate::store_suite::{put, write};
use crate::support::pg::Database;

/// A store, and the database that has to live as long as it does; none where there is no cluster.
pub struct Made(pub Option<(Store, Database)>);

impl Made {
    pub fn with(self, case: impl FnOnce(&Store)) {
        if let Some((store, _database)) = &self.0 {
            case(store);
            store.close();
        }
    }
}

pub fn on_postgres() -> Made {
    Made(Database::new().map(|db| (db.store(), db)))
}

/// On an engine whose server was away for a moment: whatever the suite asks must hold afterwards too.
pub fn after_a_lost_server() -> Made {
    let Some(db) = Database::new() else { return Made(None) };
    let store = db.store();
    write(&store, 99, |tx| put(tx, b"before", b"x")).unwrap();
    store.read(99, |tx| tx.get(crate::store_suite::A, b"before")).unwrap();
    db.cut();
    write(&store, 99, |tx| put(tx, b"after", b"x")).unwrap();
    Made(Some((store, db)))
}

/// Two engines over one database behind one store: each tenant is written through one of them by one thread and through
/// the other by another, and read through the one it isn't written through.
pub fn on_two_of_postgres() -> Made {
    Made(Database::new().map(|db| (Store::new(Two(db.engine(), db.engine())), db)))
}

struct Two(Postgres, Postgres);

impl Two {
    fn for_writing(&self, tenant: Tenant) -> &Postgres {
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        if (hasher.finish() + u64::from(tenant)) % 2 == 0 { &self.0 } else { &self.1 }
    }

    fn for_reading(&self, tenant: Tenant) -> &Postgres {
        self.for_writing(tenant ^ 1)
    }
}

impl Engine for Two {
    fn read(&self, tenant: Tenant, f: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        self.for_reading(tenant).read(tenant, f)
    }
    fn sweep(&self, f: &mut dyn FnMut(&dyn Sweep) -> Result<()>) -> Result<()> {
        self.1.sweep(f)
    }
    fn write(&self, tenant: Tenant, lane: Lane, f: WriteFn) -> oneshot::Receiver<Result<()>> {
        self.for_writing(tenant).write(tenant, lane, f)
    }
    fn status(&self) -> Status {
        let (a, b) = (self.0.status(), self.1.status());
        Status { commits: a.commits + b.commits, writes: a.writes + b.writes, ..a }
    }
    fn has_company(&self) -> bool {
        self.0.has_company() || self.1.has_company()
    }
    fn lease(&self, name: &str) -> Result<Option<Fence>> {
        self.0.lease(name)
    }
    fn close(&self) {
        self.0.close();
        self.1.close();
    }
}
