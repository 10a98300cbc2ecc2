//! Headquarters on a database instead of the embedded store: opened by the settings, and filled from the file.

use std::path::Path;

use serde::Serialize;

use crate::config::Config;
use crate::store::{Store, StoreError};

/// Opens the database that the settings name.
///
/// # Errors
/// When it can't be reached or used, and in a release that was built without it.
#[cfg(feature = "pg")]
pub fn open(config: &Config) -> Result<Store, StoreError> {
    use crate::store::postgres::Postgres;
    Postgres::open(config.store.url.expose(), options(config)).map(Store::new)
}

/// As with the feature `pg`.
///
/// # Errors
/// Always: this release was built without it.
#[cfg(not(feature = "pg"))]
pub fn open(_: &Config) -> Result<Store, StoreError> {
    Err(without())
}

/// Moves the embedded store in the file `from` into the empty database at `url`; returns what was moved.
///
/// # Errors
/// When either can't be used, the database isn't empty, or the file is not of this release's layout.
#[cfg(feature = "pg")]
pub fn migrate(config: &Config, from: &Path, url: &str) -> Result<impl Serialize, StoreError> {
    use crate::store::migrate::{self, MIGRATIONS};
    use crate::store::redb::{Options, Redb};
    let mut alone = Options::default();
    alone.reserve.ballast = 0;
    let file = Store::new(Redb::file(from, alone)?);
    let layout = migrate::layout(&file)?.map_or(0, |l| l.number);
    if layout != migrate::latest(MIGRATIONS) {
        return Err(StoreError::Corrupt(format!(
            "the file has layout {layout}, this release {}: start and stop this release on it once",
            migrate::latest(MIGRATIONS)
        )));
    }
    if !crate::sync::start::is_headquarters(&file)? {
        file.close();
        return Err(StoreError::Io(format!(
            "{} holds a depot: only headquarters lives in a database; a depot keeps its file",
            from.display()
        )));
    }
    let colls: Vec<_> = super::house::tables().iter().map(|t| t.coll()).collect();
    let colls = [colls, vec![crate::store::counters::COUNTERS]].concat();
    let moved = crate::store::postgres::fill(&file, url, options(config), &colls);
    file.close();
    moved
}

/// As with the feature `pg`.
///
/// # Errors
/// Always: this release was built without it.
#[cfg(not(feature = "pg"))]
pub fn migrate(_: &Config, _: &Path, _: &str) -> Result<impl Serialize, StoreError> {
    Err::<(), _>(without())
}

#[cfg(not(feature = "pg"))]
fn without() -> StoreError {
    StoreError::Io(
        "this crossdock was built without PostgreSQL: build it with --features pg, or leave store.url empty"
            .into(),
    )
}

#[cfg(feature = "pg")]
fn options(config: &Config) -> crate::store::postgres::Options {
    use std::time::Duration;
    let (store, usual) = (&config.store, crate::store::postgres::Options::default());
    crate::store::postgres::Options {
        read_deadline: Duration::from_millis(store.read_deadline_ms),
        queue: store.queue_max,
        group: store.group_max,
        // A look costs a round trip here: what is right for a file would hold a handful of changes.
        group_time: Duration::from_millis(store.group_ms).max(usual.group_time),
        views: super::analysts::VIEWS,
        ..usual
    }
}
