//! The embedded engine: one redb file, one writer, many readers.
//!
//! Four tables of plain bytes: `rec[tenant|coll|pk]`, `ix[tenant|coll|ix|key|pk]`, `log[tenant|part|log|epoch|seq]` and
//! `head[tenant|part|log|epoch]`. A record's value carries its index keys, so that a new version takes the old entries
//! away without decoding anything.

use std::path::Path;

use redb::{
    Database, Durability, ReadableDatabase, StorageBackend, TableDefinition, TableHandle, WriteTransaction,
};

use super::raw::be64;
use super::redo::{Known, Ops, Pages, Redo};
use super::{Area, Result, StoreError};

mod group;
mod read;

pub(super) use group::Group;
pub(super) use read::Snapshot;

pub use super::writer::{Options, Redb};

type Bytes = &'static [u8];
const REC: TableDefinition<Bytes, Bytes> = TableDefinition::new("rec");
const IX: TableDefinition<Bytes, Bytes> = TableDefinition::new("ix");
const LOG: TableDefinition<Bytes, Bytes> = TableDefinition::new("log");
const HEAD: TableDefinition<Bytes, Bytes> = TableDefinition::new("head");
/// One row: the generation of the redo log that is newer than these pages.
const REDO: TableDefinition<Bytes, Bytes> = TableDefinition::new("redo");
const GENERATION: Bytes = b"generation";

pub(super) fn failed(e: impl Into<redb::Error>) -> StoreError {
    match e.into() {
        redb::Error::Corrupted(why) => StoreError::Corrupt(why),
        redb::Error::DatabaseAlreadyOpen => {
            StoreError::Io("the file is open in another process; stop that one first".into())
        }
        e => StoreError::Io(e.to_string()),
    }
}

/// Opens the file over `under` with what the redo log has for it, as far as it is `known` to have lasted; `room` bytes
/// are set aside for that log in a new one.
///
/// # Errors
/// When it is open elsewhere, no file of ours, or can't be read or written.
pub(super) fn open(
    under: impl StorageBackend,
    cache: usize,
    room: u64,
    known: Option<Known>,
) -> Result<(Database, Redo)> {
    let (mut redo, pages) = Redo::open(under, room)?;
    let db = redb::Builder::new().set_cache_size(cache).create_with_backend(pages).map_err(failed)?;
    prepare(&db)?;
    catch_up(&db, &mut redo, known)?;
    Ok((db, redo))
}

/// Makes the tables where they are missing, so that readers always find them. A file that has them is not written.
fn prepare(db: &Database) -> Result<()> {
    let all = [REC, IX, LOG, HEAD, REDO];
    let tx = db.begin_read().map_err(failed)?;
    let there =
        tx.list_tables().map_err(failed)?.filter(|t| all.iter().any(|d| d.name() == t.name())).count();
    drop(tx);
    if there == all.len() {
        return Ok(());
    }
    let tx = db.begin_write().map_err(failed)?;
    for def in all {
        tx.open_table(def).map_err(failed)?;
    }
    commit(tx, None)
}

/// Does again what the redo log has and the pages may not.
fn catch_up(db: &Database, redo: &mut Redo, known: Option<Known>) -> Result<()> {
    let generation = {
        let tx = db.begin_read().map_err(failed)?;
        let row = tx.open_table(REDO).map_err(failed)?.get(GENERATION).map_err(failed)?;
        row.map_or(0, |v| be64(v.value()))
    };
    let tx = db.begin_write().map_err(failed)?;
    let found = {
        let mut group = Group::open(&tx, Ops::default(), None)?;
        redo.replay(generation, known, |op| group.redo(&op))?
    };
    if !found {
        return tx.abort().map_err(failed);
    }
    commit(tx, Some(redo))
}

/// Makes a transaction last, with all that was committed in memory before it; the redo log begins anew.
pub(super) fn commit(mut tx: WriteTransaction, redo: Option<&mut Redo>) -> Result<()> {
    tx.set_durability(Durability::Immediate).map_err(|e| StoreError::Io(e.to_string()))?;
    tx.set_quick_repair(true);
    let Some(redo) = redo else { return tx.commit().map_err(failed) };
    let next = redo.next_generation();
    tx.open_table(REDO).map_err(failed)?.insert(GENERATION, &next.to_be_bytes()[..]).map_err(failed)?;
    tx.commit().map_err(failed)?;
    redo.begin(next);
    Ok(())
}

/// Commits in memory what lasts already by its record in the redo log.
pub(super) fn publish(mut tx: WriteTransaction) -> Result<()> {
    tx.set_durability(Durability::None).map_err(|e| StoreError::Io(e.to_string()))?;
    tx.commit().map_err(failed)
}

/// Rows of a restore, in the order of their area's keys.
pub(super) type Loading<'a> = &'a mut dyn Iterator<Item = Result<(Area, Vec<u8>, Vec<u8>)>>;

/// Makes a new file at `path` of raw rows: how a restore fills it. Index entries are made again from the records.
pub(super) fn load(path: &Path, rows: Loading<'_>) -> Result<u64> {
    /// A commit takes what fits well into memory.
    const BYTES_A_COMMIT: usize = 16 << 20;
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path);
    let file = file.map_err(|e| StoreError::Io(format!("{}: {e}", path.display())))?;
    let under = redb::backends::FileBackend::new(file).map_err(failed)?;
    let (db, mut redo) = open(under, 64 << 20, super::writer::Options::default().redo, None)?;
    let (mut total, mut more) = (0, true);
    while more {
        let tx = db.begin_write().map_err(failed)?;
        {
            let mut g = Group::open(&tx, Ops::default(), None)?;
            let mut bytes = 0;
            more = false;
            for row in &mut *rows {
                let (area, k, v) = row?;
                g.place(area, &k, &v)?;
                total += 1;
                bytes += k.len() + v.len();
                if bytes > BYTES_A_COMMIT {
                    more = true;
                    break;
                }
            }
        }
        commit(tx, Some(&mut redo))?;
    }
    Ok(total)
}

/// The file at `path`, which must be there, in its two parts.
fn existing(path: &Path) -> Result<(Redo, Pages)> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|e| StoreError::Io(format!("{}: {e}", path.display())))?;
    let under = redb::backends::FileBackend::new(file).map_err(failed)?;
    Redo::open(under, super::writer::Options::default().redo)
}

/// Has redb check the pages of the file at `path`, which nobody may have open; true when nothing had to be mended.
pub(super) fn integrity(path: &Path) -> Result<bool> {
    let (_, pages) = existing(path)?;
    let mut db = redb::Builder::new().create_with_backend(pages).map_err(failed)?;
    db.check_integrity().map_err(failed)
}

/// Whether another process, or this one, has the file at `path` open.
pub(super) fn is_open(path: &Path) -> bool {
    existing(path).is_ok_and(|(_, pages)| {
        let opened = redb::Builder::new().create_with_backend(pages);
        matches!(opened, Err(redb::DatabaseError::DatabaseAlreadyOpen))
    })
}
