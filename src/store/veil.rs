//! A veil over a file whose disk refuses writes: what the engine writes while it opens the file stays in memory, so
//! that reads go on. Nobody's data is ever in the veil: as long as it hangs, writes are refused.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

const PAGE: u64 = 4096;

/// Reads from `under`, keeps writes to itself.
#[derive(Debug)]
pub(super) struct Veil<B> {
    under: B,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    len: u64,
    /// Up to where `under` shows through.
    shown: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<B: StorageBackend> Veil<B> {
    /// A veil over `under` as it is now.
    pub(super) fn over(under: B) -> io::Result<Self> {
        let len = under.len()?;
        Ok(Self { under, over: Mutex::new(Over { len, shown: len, pages: BTreeMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, over: &Over, n: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = over.pages.get(&n) {
            return Ok(page.clone());
        }
        let mut page = vec![0; PAGE as usize];
        let from = n * PAGE;
        let there = over.shown.saturating_sub(from).min(PAGE);
        if there > 0 {
            self.under.read(from, &mut page[..there as usize])?;
        }
        Ok(page)
    }
}

impl<B: StorageBackend> StorageBackend for Veil<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.lock();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > over.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < out.len() {
            let at = offset + done as u64;
            let page = self.page(&over, at / PAGE)?;
            let part = &page[(at % PAGE) as usize..];
            let n = part.len().min(out.len() - done);
            out[done..done + n].copy_from_slice(&part[..n]);
            done += n;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut over = self.lock();
        if len < over.len {
            if !len.is_multiple_of(PAGE) {
                let mut page = self.page(&over, len / PAGE)?;
                page[(len % PAGE) as usize..].fill(0);
                over.pages.insert(len / PAGE, page);
            }
            over.pages.retain(|n, _| n * PAGE < len);
            over.shown = over.shown.min(len);
        }
        over.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.lock();
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let mut page = self.page(&over, at / PAGE)?;
            let part = &mut page[(at % PAGE) as usize..];
            let n = part.len().min(data.len() - done);
            part[..n].copy_from_slice(&data[done..done + n]);
            over.pages.insert(at / PAGE, page);
            done += n;
        }
        over.len = over.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.under.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.under.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.under.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.under.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_a_veil_is_read_from_it_and_not_from_below() {
        let below = redb::backends::InMemoryBackend::new();
        below.set_len(10_000).unwrap();
        below.write(0, &[7; 10_000]).unwrap();
        let veil = Veil::over(below).unwrap();
        veil.write(4090, &[1; 20]).unwrap();
        veil.set_len(20_000).unwrap();
        let mut out = vec![9; 20_000];
        veil.read(0, &mut out).unwrap();
        assert_eq!((out[4089], out[4090], out[4109], out[4110], out[9_999], out[10_000]), (7, 1, 1, 7, 7, 0));
        veil.set_len(5_000).unwrap();
        veil.set_len(10_000).unwrap();
        veil.read(0, &mut out[..10_000]).unwrap();
        assert_eq!((out[4_999], out[5_000], out[9_999]), (7, 0, 0));
        assert!(veil.read(9_999, &mut [0; 2]).is_err());
        veil.under.read(4090, &mut out[..1]).unwrap();
        assert_eq!(out[0], 7);
    }

    #[test]
    fn a_file_that_was_not_closed_can_be_read_through_a_veil_and_is_not_changed() {
        use redb::{Builder, ReadableDatabase, TableDefinition};
        const T: TableDefinition<&str, u64> = TableDefinition::new("t");
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a"), folder.path().join("b"));
        let db = Builder::new().create(&path).unwrap();
        let mut tx = db.begin_write().unwrap();
        tx.set_quick_repair(true);
        tx.open_table(T).unwrap().insert("k", 7).unwrap();
        tx.commit().unwrap();
        std::fs::copy(&path, &copy).unwrap();
        let before = std::fs::read(&copy).unwrap();
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&copy).unwrap();
        let veil = Veil::over(redb::backends::FileBackend::new(file).unwrap()).unwrap();
        let veiled = Builder::new().create_with_backend(veil).unwrap();
        let read = veiled.begin_read().unwrap();
        assert_eq!(read.open_table(T).unwrap().get("k").unwrap().unwrap().value(), 7);
        drop(read);
        assert!(Builder::new().open(&copy).is_err(), "a veiled file is still ours alone");
        drop(veiled);
        assert!(std::fs::read(&copy).unwrap() == before);
        Builder::new().open(&copy).unwrap();
    }
}
