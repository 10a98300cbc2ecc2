//! Backups: one snapshot of the store, cut into chunks that are named by their content.
//!
//! The rows of records, logs and heads go, in key order, into chunks of about 256 KiB that are compressed, sealed if
//! there is a passphrase, and kept once. The next backup writes only the chunks that changed, so one every fifteen
//! minutes is cheap and each is whole by itself: any one can be restored, any one deleted. The index is made again.
//!
//! Why one snapshot, when pages of short reads plus the log from before to after would pin fewer old pages? Because
//! counters, claims and deadlines are in no log: pages taken at different moments can't be brought to one moment by
//! folding, and a restore that needs today's rules to mend yesterday's rows is not a way down from a bad upgrade. The
//! price is that the file can't reuse pages while the snapshot lasts: at a few hundred MiB a second it lasts seconds.
//!
//! Not in a backup: the folder `keys/` (whoever finds a backup must not find the keys beside it; without
//! `keys/seal.key` the encrypted secrets in it stay closed, so keep a copy of that folder elsewhere).
//!
//! With the store go the files that lie beside it, the contents of documents (see `beside`).

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use self::beside::Beside;
pub use self::error::BackupError;
use self::repository::{Repository, at, sync_folder};
use super::check::{self, Report};
use super::migrate::{self, Layout, RELEASE};
use super::raw::Value;
use super::redb::load;
use super::table::Checked;
use super::writer::{Options, Redb};
use super::{Area, Home, Lane, NODE, Store, StoreError, Table, table};
use crate::base::clock::Timestamp;
use crate::first_record;

mod beside;
mod chunk;
mod error;
mod repository;
#[cfg(test)]
mod tests;

/// The longest label.
pub const MAX_LABEL: usize = 40;
/// What the labels of backups made before a migration begin with.
pub const BEFORE_MIGRATION: &str = "before-migration-";

/// What backup functions return.
pub type Result<T> = std::result::Result<T, BackupError>;

/// Where backups go.
#[derive(Clone)]
pub struct Target {
    /// The folder; made when it is missing.
    pub folder: PathBuf,
    /// Seals every chunk when there is one. It can't be changed for a folder that holds backups.
    pub passphrase: Option<String>,
    /// The folder of files that go with the store; none for the store alone.
    pub beside: Option<PathBuf>,
}

impl Target {
    fn open(&self, make: bool) -> Result<Repository> {
        Repository::open(&self.folder, self.passphrase.as_deref(), make)
    }
    fn none(&self) -> BackupError {
        BackupError::None { folder: self.folder.display().to_string() }
    }
}

/// What one backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was made.
    pub made_at: Timestamp,
    /// What it was made for.
    pub label: String,
    /// The layout number of the file.
    pub layout: u32,
    /// The release that made it.
    pub release: String,
    /// Rows in it.
    pub rows: u64,
    /// Their bytes before packing.
    pub bytes: u64,
    /// Its chunks, in order.
    pub chunks: Vec<String>,
    /// The files beside the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Beside>,
    /// The hash of all of the above.
    pub digest: String,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its manifest's name.
    pub name: String,
    /// Chunks in all.
    pub chunks: u64,
    /// Chunks that were not there yet.
    pub chunks_new: u64,
    /// Bytes they took.
    pub bytes_new: u64,
    /// Rows in it.
    pub rows: u64,
    /// How long it took.
    pub took: Duration,
}

/// How the backups are; kept with the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupState {
    /// When the last one was made.
    #[serde(default)]
    pub last_ok: Option<Timestamp>,
    /// Bytes the last one added.
    #[serde(default)]
    pub bytes_new: u64,
    /// Bytes in the last one before packing.
    #[serde(default)]
    pub bytes: u64,
    /// When one was last restored on trial and found sound.
    #[serde(default)]
    pub last_trial: Option<Timestamp>,
}
first_record!(BackupState);

const STATE: Table<str, BackupState> = Table::new(10, "backup_state", Home::Local);

/// The tables this module keeps, for `check`: how the backups are, and what the file says of itself.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&STATE, migrate::table()]
}

/// How the backups are.
///
/// # Errors
/// Storage failures.
pub fn state(store: &Store) -> super::Result<BackupState> {
    Ok(store.read(NODE, |tx| STATE.get(tx, "state"))?.unwrap_or_default())
}

/// A backup that was made is a backup even when the store can't take a note of it.
fn note(store: &Store, change: impl Fn(&mut BackupState) + Send + 'static) {
    let noted = store.write(NODE, Lane::Bulk, move |tx| {
        let mut state = STATE.get(tx, "state")?.unwrap_or_default();
        change(&mut state);
        STATE.put(tx, "state", &state)
    });
    if let Err(e) = noted.wait() {
        tracing::warn!(error = %e, "the backup is made, but could not be noted in the store");
    }
}

/// Makes a backup of `store`. Blocks for as long as it takes; not for async code.
///
/// # Errors
/// [`BackupError`]; then there is no new backup, and what was there is as it was.
pub fn make(store: &Store, target: &Target, label: &str, now: Timestamp) -> Result<Made> {
    let begun = Instant::now();
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if label.is_empty() || label.len() > MAX_LABEL || !label.bytes().all(fits) {
        return Err(BackupError::Label(label.into()));
    }
    let repository = target.open(true)?;
    let (made_at, release) = (now, RELEASE.to_owned());
    let mut manifest = Manifest {
        made_at,
        label: label.into(),
        layout: 0,
        release,
        rows: 0,
        bytes: 0,
        chunks: Vec::new(),
        files: Vec::new(),
        digest: String::new(),
    };
    let (mut chunks_new, mut bytes_new) = (0, 0);
    let mut keep = |chunks: &mut Vec<String>, plain: &[u8]| {
        let (name, bytes) = repository.keep(plain)?;
        chunks_new += u64::from(bytes > 0);
        bytes_new += bytes;
        chunks.push(name);
        Ok(())
    };
    // The sweep speaks the store's errors; ours waits here.
    let mut failed = None;
    let swept = store.sweep(|sweep| {
        let mut cutter = chunk::Cutter::default();
        for area in [Area::Records, Area::Log, Area::Heads] {
            sweep.rows(area, None, &mut |k, v| {
                if area == Area::Records && k == migrate::raw_key() {
                    manifest.layout = table::decode::<Layout>("layout", Value::parse(v)?.body)?.number;
                }
                manifest.rows += 1;
                manifest.bytes += (k.len() + v.len()) as u64;
                failed = cutter.add(area, k, v, |full| keep(&mut manifest.chunks, full)).err();
                Ok(failed.is_none())
            })?;
            if failed.is_some() {
                return Ok(());
            }
        }
        if let Some(rest) = cutter.rest() {
            failed = keep(&mut manifest.chunks, &rest).err();
        }
        Ok(())
    });
    swept?;
    if let Some(e) = failed {
        return Err(e);
    }
    // Behind the store: whatever its rows name lay there before they were written.
    if let Some(folder) = &target.beside {
        let (files, added) = beside::keep(&repository, folder, last_files(&repository)?)?;
        (chunks_new, bytes_new) = (chunks_new + added.chunks, bytes_new + added.bytes);
        manifest.files = files;
    }
    manifest.digest = digest(&repository, &manifest)?;
    let name = format!("{}-{label}.json", made_at.to_jiff().strftime("%Y%m%dT%H%M%S.%3fZ"));
    repository.keep_manifest(&name, &to_json(&manifest)?)?;
    let bytes = manifest.bytes;
    note(store, move |s| *s = BackupState { last_ok: Some(made_at), bytes_new, bytes, ..s.clone() });
    let chunks = manifest.chunks.len() as u64;
    Ok(Made { name, chunks, chunks_new, bytes_new, rows: manifest.rows, took: begun.elapsed() })
}

/// The files of the newest backup; none where it can't be read, and then all are read anew.
fn last_files(repository: &Repository) -> Result<Vec<Beside>> {
    let last = repository.manifests()?.pop();
    let last = last.and_then(|name| read(repository, &name).ok());
    Ok(last.map(|m| m.files).filter(|f| beside::missing(repository, f).is_none()).unwrap_or_default())
}

/// The backup that is the way down from a migration; made by `migrate::run` before its first step.
///
/// # Errors
/// When it can't be made; then the migration must not begin.
pub fn before_migration(
    store: &Store,
    target: &Target,
    layout: &Layout,
    now: Timestamp,
) -> super::Result<()> {
    let made = make(store, target, &format!("{BEFORE_MIGRATION}{}", layout.number), now);
    match made {
        Ok(made) => {
            tracing::info!(backup.name = made.name, "made a backup before migrating");
            Ok(())
        }
        Err(BackupError::Store(e)) => Err(e),
        Err(e) => Err(StoreError::Io(format!("no backup could be made before the migration: {e}"))),
    }
}

fn to_json(manifest: &Manifest) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(manifest)
        .map_err(|e| BackupError::Damaged { what: "the manifest".into(), why: e.to_string() })
}

fn digest(repository: &Repository, manifest: &Manifest) -> Result<String> {
    let bare = Manifest { digest: String::new(), ..manifest.clone() };
    Ok(repository.name(&to_json(&bare)?))
}

fn read(repository: &Repository, name: &str) -> Result<Manifest> {
    let damaged = |why: String| BackupError::Damaged { what: format!("manifest {name}"), why };
    let manifest: Manifest =
        serde_json::from_slice(&repository.manifest(name)?).map_err(|e| damaged(e.to_string()))?;
    if digest(repository, &manifest)? != manifest.digest {
        return Err(damaged("it does not match its own hash".into()));
    }
    Ok(manifest)
}

/// All backups in `target`, oldest first, with their names; also while one is being made.
///
/// # Errors
/// [`BackupError`]; also when one of them is damaged, which it names.
pub fn list(target: &Target) -> Result<Vec<(String, Manifest)>> {
    let repository = Repository::look(&target.folder, target.passphrase.as_deref())?;
    let mut all = Vec::new();
    for name in repository.manifests()? {
        match read(&repository, &name) {
            Ok(manifest) => all.push((name, manifest)),
            // Pruned since its name was read.
            Err(_) if !repository.has(&name) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

/// What a pruning took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Backups.
    pub backups: u64,
    /// Chunks that no backup needs any more.
    pub chunks: u64,
    /// Bytes that are free again.
    pub bytes: u64,
}

/// Keeps the newest `keep` backups (at least one) and the newest made before a migration, and removes the others with
/// the chunks that nobody needs then.
///
/// # Errors
/// [`BackupError`]; a damaged manifest stops it before anything is removed, for its chunks are not known.
pub fn prune(target: &Target, keep: usize) -> Result<Pruned> {
    let repository = target.open(false)?;
    let mut all = Vec::new();
    for name in repository.manifests()? {
        let manifest = read(&repository, &name)?;
        all.push((name, manifest));
    }
    let way_down = all.iter().rposition(|(_, m)| m.label.starts_with(BEFORE_MIGRATION));
    let first_kept = all.len().saturating_sub(keep.max(1));
    let mut needed = BTreeSet::new();
    let mut backups = 0;
    for (i, (name, manifest)) in all.into_iter().enumerate() {
        if i >= first_kept || Some(i) == way_down {
            needed.extend(manifest.chunks);
            needed.extend(manifest.files.into_iter().flat_map(|f| f.chunks));
        } else {
            repository.drop_manifest(&name)?;
            backups += 1;
        }
    }
    let (chunks, bytes) = repository.sweep(|name| needed.contains(name))?;
    Ok(Pruned { backups, chunks, bytes })
}

/// Which backup is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Latest,
    /// The newest that was made at or before this moment.
    At(Timestamp),
    /// The newest that was made before a migration.
    BeforeMigration,
}

/// Restores a backup into a new file. It is filled and checked under another name first.
///
/// # Errors
/// [`BackupError`], which names the chunk that is missing or damaged; `into` is not there then.
pub fn restore(target: &Target, which: Which, into: &Path, tables: &[&dyn Checked]) -> Result<Report> {
    if into.exists() {
        return Err(BackupError::Exists { path: into.display().to_string() });
    }
    let temp = into.with_extension("restoring");
    let (report, files) = fill(target, which, &temp, tables)?;
    if let Some(first) = report.faults.first() {
        let path = temp.display().to_string();
        return Err(BackupError::Unsound { faults: report.fault_count, first: first.clone(), path });
    }
    if let Some(folder) = &target.beside {
        beside::restore(&target.open(false)?, &files, folder)?;
    }
    fs::rename(&temp, into).and_then(|()| sync_folder(into)).map_err(at(into))?;
    Ok(report)
}

/// Restores the newest backup into the folder `scratch`, checks it and takes it away again: the only proof that a
/// backup is one. Notes in `store` that it was sound.
///
/// # Errors
/// [`BackupError`], as [`restore`]; faults that were found are in the report.
pub fn trial(
    store: &Store,
    target: &Target,
    scratch: &Path,
    tables: &[&dyn Checked],
    now: Timestamp,
) -> Result<Report> {
    let temp = scratch.join("trial.restoring");
    let filled = fill(target, Which::Latest, &temp, tables);
    let _ = fs::remove_file(&temp);
    let (mut report, files) = filled?;
    if let Some(chunk) = beside::missing(&target.open(false)?, &files) {
        report.fault(format!("chunk {chunk} of a file is missing"));
    }
    if report.is_clean() {
        note(store, move |s| s.last_trial = Some(now));
    }
    Ok(report)
}

/// Fills a file with a backup; what was found in it, and the files that go with it.
fn fill(
    target: &Target,
    which: Which,
    temp: &Path,
    tables: &[&dyn Checked],
) -> Result<(Report, Vec<Beside>)> {
    let repository = target.open(false)?;
    let mut chosen = None;
    // Newest first, so that a damaged old one is not in the way of a good new one.
    for name in repository.manifests()?.into_iter().rev() {
        let manifest = read(&repository, &name)?;
        let meant = match which {
            Which::Latest => true,
            Which::At(at) => manifest.made_at <= at,
            Which::BeforeMigration => manifest.label.starts_with(BEFORE_MIGRATION),
        };
        if meant {
            chosen = Some(manifest);
            break;
        }
    }
    let manifest = chosen.ok_or_else(|| target.none())?;
    if manifest.layout > migrate::latest(migrate::MIGRATIONS) {
        return Err(StoreError::Newer { file: manifest.release, ours: RELEASE.into() }.into());
    }
    if let Some(folder) = temp.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    if temp.exists() {
        fs::remove_file(temp).map_err(at(temp))?;
    }
    let mut failed = None;
    let loaded = load(
        temp,
        &mut Unpacking {
            repository: &repository,
            chunks: manifest.chunks.iter(),
            rows: VecDeque::new(),
            failed: &mut failed,
        },
    );
    if loaded.is_err() || failed.is_some() {
        let _ = fs::remove_file(temp);
    }
    if let Some(e) = failed {
        return Err(e);
    }
    let loaded = loaded?;
    let mut options = Options::default();
    options.reserve.ballast = 0;
    let restored = Store::new(Redb::file(temp, options)?);
    let mut report = check::run(&restored, tables)?;
    restored.close();
    if loaded != manifest.rows {
        report.fault(format!("{loaded} rows were restored, the backup holds {}", manifest.rows));
    }
    Ok((report, manifest.files))
}

/// The rows of a backup, one chunk in memory at a time.
struct Unpacking<'a, I> {
    repository: &'a Repository,
    chunks: I,
    rows: VecDeque<(Area, Vec<u8>, Vec<u8>)>,
    failed: &'a mut Option<BackupError>,
}

impl<'a, I: Iterator<Item = &'a String>> Iterator for Unpacking<'a, I> {
    type Item = super::Result<(Area, Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.rows.is_empty() {
            let name = self.chunks.next()?;
            let damaged = || BackupError::Damaged {
                what: format!("chunk {name}"),
                why: "it is not made of rows".into(),
            };
            match self.repository.fetch(name).and_then(|c| chunk::rows(&c).ok_or_else(damaged)) {
                Ok(rows) => self.rows = rows.into(),
                Err(e) => {
                    let said = StoreError::Corrupt(e.to_string());
                    *self.failed = Some(e);
                    return Some(Err(said));
                }
            }
        }
        self.rows.pop_front().map(Ok)
    }
}
