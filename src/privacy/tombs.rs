//! The list of all erasures that were confirmed, kept beside backups and in the data folder: the changes themselves, which
//! hold no data of anybody. A store that was restored reads it before anything else, so that what was erased after the
//! backup was made is erased again, with or without a headquarters.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::model::{ERASURES, Erasure, State};
use super::service;
use crate::base::clock::Timestamp;
use crate::identity::grant::Actor;
use crate::journal::{self, Arrival, Cx};
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Store, StoreError, Tenant, WriteTx};

/// The list's name in a folder of backups and in the data folder.
pub const LIST: &str = "erasures.jsonl";
/// Bytes of a list that is read: a million erasures have less.
const MAX_LIST: u64 = 1 << 30;
/// Erasures read at once.
const AT_ONCE: usize = 200;

/// One line: a change of an erasure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Line {
    tenant: Tenant,
    /// In hexadecimal.
    change: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|p| p[0] << 4 | p[1]).collect())
}

fn lines_of(store: &Store, tenant: Tenant, out: &mut Vec<Line>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let read = |tx: &dyn ReadTx| -> Result<_, StoreError> {
            let rows =
                ERASURES.scan(tx, Ix::Primary, &KeyRange::all().resume(after.take()), Dir::Up, AT_ONCE)?;
            let mut all = Vec::new();
            for e in rows.items.iter().filter(|e| e.value.state.state == State::Confirmed) {
                all.extend(service::changes_of(tx, &e.value)?);
            }
            Ok((all, rows.next))
        };
        let (changes, next) = store.read(tenant, read)?;
        out.extend(changes.iter().map(|c| Line { tenant, change: hex(c) }));
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}

fn read(file: &Path) -> std::io::Result<Vec<Line>> {
    let size = match std::fs::metadata(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?.len(),
    };
    if size > MAX_LIST {
        return Err(std::io::Error::other(format!("{} is larger than {MAX_LIST} bytes", file.display())));
    }
    let text = std::fs::read_to_string(file)?;
    let bad = |n: usize, e: serde_json::Error| {
        std::io::Error::other(format!("line {} of {} can't be read: {e}", n + 1, file.display()))
    };
    text.lines().enumerate().map(|(n, line)| serde_json::from_str(line).map_err(|e| bad(n, e))).collect()
}

/// Writes the list into `folder`, which has to be there. What was in it and is not known here stays in it: a folder of
/// backups may hold those of an earlier life.
///
/// # Errors
/// When the store or the file can't be read, or the file can't be written.
pub fn write(store: &Store, tenants: &[Tenant], folder: &Path) -> std::io::Result<()> {
    let file = folder.join(LIST);
    let (old, mut all) = (read(&file)?, Vec::new());
    for tenant in tenants {
        lines_of(store, *tenant, &mut all).map_err(std::io::Error::other)?;
    }
    let known: BTreeSet<&Line> = all.iter().collect();
    let kept: Vec<Line> = old.iter().filter(|l| !known.contains(l)).cloned().collect();
    if kept.len() + all.len() == old.len() {
        return Ok(());
    }
    let half = folder.join(format!("{LIST}.half"));
    let mut out = std::fs::File::create(&half)?;
    for line in kept.iter().chain(&all) {
        let text = serde_json::to_string(line).map_err(std::io::Error::other)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.sync_all()?;
    std::fs::rename(half, file)
}

/// Copies the list that lies in `from` into `to`, together with what is there already.
///
/// # Errors
/// When a file can't be read or written.
pub fn carry(from: &Path, to: &Path) -> std::io::Result<()> {
    let (theirs, ours) = (read(&from.join(LIST))?, read(&to.join(LIST))?);
    if theirs.is_empty() {
        return Ok(());
    }
    let known: BTreeSet<&Line> = ours.iter().collect();
    let mut text = String::new();
    for line in ours.iter().chain(theirs.iter().filter(|l| !known.contains(l))) {
        text.push_str(&serde_json::to_string(line).map_err(std::io::Error::other)?);
        text.push('\n');
    }
    std::fs::write(to.join(LIST), text)
}

/// Takes in the erasures of the list in `folder` that the store does not know: they are carried out as any other. Returns
/// how many changes were new.
///
/// # Errors
/// When the list can't be read; storage failures.
pub fn take_in(store: &Store, tenants: &[Tenant], folder: &Path, now: Timestamp) -> std::io::Result<u64> {
    let mut new = 0;
    for Line { tenant, change } in read(&folder.join(LIST))? {
        let Some(blob) = unhex(&change).filter(|_| tenants.contains(&tenant)) else { continue };
        let take = move |tx: &mut dyn WriteTx| -> Result<bool, StoreError> {
            // A loaded past causes no mail.
            let cx = Cx { quiet: true, ..Cx::new(tx, &Actor::system(), now, "restore")? };
            Ok(journal::receive::<Erasure>(tx, &cx, &blob, &Arrival::default())?.is_some())
        };
        new += u64::from(store.write(tenant, Lane::People, take).wait().map_err(std::io::Error::other)?);
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let line = Line { tenant: 1, change: hex(&[0, 255, 16]) };
        assert_eq!(unhex(&line.change), Some(vec![0, 255, 16]));
        assert!(unhex("abc").is_none() && unhex("xy").is_none());
        let text = serde_json::to_string(&line).unwrap();
        std::fs::write(folder.path().join(LIST), format!("{text}\n")).unwrap();
        let other = tempfile::tempdir().unwrap();
        carry(folder.path(), other.path()).unwrap();
        carry(folder.path(), other.path()).unwrap();
        assert_eq!(read(&other.path().join(LIST)).unwrap(), [line]);
        std::fs::write(folder.path().join(LIST), format!("{text}\nnonsense\n")).unwrap();
        assert!(read(&folder.path().join(LIST)).unwrap_err().to_string().contains("line 2"));
    }
}
