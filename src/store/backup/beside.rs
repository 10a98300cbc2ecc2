//! Files that lie beside the store and go with it: each is named by its content and never changes, so it is read once,
//! for the first backup that has it. They are cut into chunks and kept like everything else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::repository::{Repository, at, sync_folder};
use super::{BackupError, Result};

/// Bytes of one chunk of a file.
const PIECE: u64 = 1 << 20;
/// Folders within one another at the most.
const DEPTH: usize = 4;
/// Folders of files that are still coming: no backup has them.
const COMING: [&str; 2] = ["incoming", "arriving"];

/// One file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Its path within the folder, with `/` between.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its chunks, in order.
    pub chunks: Vec<String>,
}

/// The files in `folder` by their paths, with their sizes.
fn walk(folder: &Path, before: &str, depth: usize, out: &mut Vec<(String, u64)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{before}{name}");
        let known = entry.metadata()?;
        if known.is_dir() && depth < DEPTH && !(before.is_empty() && COMING.contains(&name.as_str())) {
            walk(&entry.path(), &format!("{path}/"), depth + 1, out)?;
        } else if known.is_file() {
            out.push((path, known.len()));
        }
    }
    Ok(())
}

/// What was added to the repository.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Added {
    pub(super) chunks: u64,
    pub(super) bytes: u64,
}

/// Keeps every file of `folder`; those of the backup `before` are known and not read again.
pub(super) fn keep(
    repository: &Repository,
    folder: &Path,
    before: Vec<Beside>,
) -> Result<(Vec<Beside>, Added)> {
    let mut known: BTreeMap<String, Beside> = before.into_iter().map(|b| (b.path.clone(), b)).collect();
    let (mut files, mut all, mut added) = (Vec::new(), Vec::new(), Added::default());
    walk(folder, "", 0, &mut files).map_err(at(folder))?;
    files.sort();
    for (path, size) in files {
        if let Some(same) = known.remove(&path).filter(|b| b.size == size) {
            all.push(same);
            continue;
        }
        let from = folder.join(&path);
        let mut file = match File::open(&from) {
            // Removed meanwhile: nobody refers to it any more.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(at(&from))?,
        };
        let (mut chunks, mut read) = (Vec::new(), 0);
        loop {
            let mut piece = Vec::new();
            (&mut file).take(PIECE).read_to_end(&mut piece).map_err(at(&from))?;
            if piece.is_empty() {
                break;
            }
            read += piece.len() as u64;
            let (name, bytes) = repository.keep(&piece)?;
            added.chunks += u64::from(bytes > 0);
            added.bytes += bytes;
            chunks.push(name);
        }
        all.push(Beside { path, size: read, chunks });
    }
    Ok((all, added))
}

fn within(folder: &Path, path: &str) -> Result<PathBuf> {
    let plain = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    if plain && !path.is_empty() {
        return Ok(folder.join(path));
    }
    Err(BackupError::Damaged { what: "the manifest".into(), why: format!("it names the file {path}") })
}

/// Writes the files of a backup into `folder`; those that are there already stay.
pub(super) fn restore(repository: &Repository, files: &[Beside], folder: &Path) -> Result<()> {
    for file in files {
        let to = within(folder, &file.path)?;
        if fs::metadata(&to).is_ok_and(|m| m.len() == file.size) {
            continue;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        let temp = to.with_extension("half");
        let mut out = File::create(&temp).map_err(at(&temp))?;
        for chunk in &file.chunks {
            out.write_all(&repository.fetch(chunk)?).map_err(at(&temp))?;
        }
        out.sync_all()
            .and_then(|()| fs::rename(&temp, &to))
            .and_then(|()| sync_folder(&to))
            .map_err(at(&to))?;
    }
    Ok(())
}

/// The first chunk of `files` that is not in the repository.
pub(super) fn missing(repository: &Repository, files: &[Beside]) -> Option<String> {
    files.iter().flat_map(|f| &f.chunks).find(|name| !repository.holds(name)).cloned()
}
