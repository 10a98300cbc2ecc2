//! The redo log in front of redb: what a group wrote, as plain puts and removals, appended to an area of its own at the
//! head of the file and synced before anybody is answered. redb then commits in memory alone, and its pages reach the
//! disk together at a checkpoint. So a small group costs one short write and one sync, where a durable commit of redb
//! costs every page it touched and two.
//!
//! The file: one page that says what it is, the redo area, redb's pages. A record of the area carries the generation it
//! belongs to; redb holds the number of the present one and raises it in each durable commit, in the same transaction.
//! So a record is either older than redb's pages, and skipped, or newer, and done again when the file is opened. Doing
//! it again over pages that already have it changes nothing, since a record says what is, not what to add.

use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{BackendError, StorageBackend};

use super::{Area, Result, StoreError};

/// What a disk writes at once: a record begins at such a border, so that a write that the power cuts can't hurt the
/// record before it.
const PAGE: u64 = 4096;
const MAGIC: &[u8; 16] = b"crossdock store\n";
const VERSION: u32 = 1;
/// Generation, length, hash.
const HEADER: usize = 8 + 4 + 16;
/// Blocks are claimed from the file system in such steps before records go into them: a sync that only overwrites is
/// several times faster than one that also has to note new blocks.
const CLAIM: u64 = 1 << 20;
/// A value's length that stands for a removal.
const REMOVED: u32 = u32::MAX;

type Under = Arc<dyn StorageBackend>;

/// redb's part of the file.
#[derive(Debug)]
pub(super) struct Pages {
    under: Under,
    from: u64,
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.under.len()?.saturating_sub(self.from))
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.under.read(self.from + offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.under.set_len(self.from + len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.under.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.under.write(self.from + offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.under.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.under.try_lock_range(start, end)
    }
    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> std::result::Result<bool, BackendError> {
        self.under.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.under.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.under.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.under.unlock_range(start, end)
    }
    fn query_lock_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> std::result::Result<bool, BackendError> {
        self.under.query_lock_range(start, end)
    }
}

/// What a group writes, in order, ready to be a record.
#[derive(Debug)]
pub(super) struct Ops(Vec<u8>);

impl Default for Ops {
    fn default() -> Self {
        Self(vec![0; HEADER])
    }
}

impl Ops {
    /// `k` is `v` from here on.
    pub(super) fn put(&mut self, area: Area, k: &[u8], v: &[u8]) {
        self.head(area, k, u32::try_from(v.len()).unwrap_or(REMOVED));
        self.0.extend_from_slice(k);
        self.0.extend_from_slice(v);
    }

    /// `k` is gone from here on.
    pub(super) fn remove(&mut self, area: Area, k: &[u8]) {
        self.head(area, k, REMOVED);
        self.0.extend_from_slice(k);
    }

    fn head(&mut self, area: Area, k: &[u8], v: u32) {
        self.0.push(area as u8);
        self.0.extend(u32::try_from(k.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend(v.to_le_bytes());
    }

    /// How much there is, to go back to by [`Ops::cut`].
    pub(super) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was written since `mark`.
    pub(super) fn cut(&mut self, mark: usize) {
        self.0.truncate(mark);
    }
}

/// One step of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Op<'a> {
    pub(super) area: Area,
    pub(super) key: &'a [u8],
    /// None takes the key away.
    pub(super) value: Option<&'a [u8]>,
}

fn ops(mut rest: &[u8]) -> Option<Vec<Op<'_>>> {
    let mut all = Vec::new();
    while let Some((&area, more)) = rest.split_first() {
        let area = match area {
            a if a == Area::Records as u8 => Area::Records,
            a if a == Area::Index as u8 => Area::Index,
            a if a == Area::Log as u8 => Area::Log,
            a if a == Area::Heads as u8 => Area::Heads,
            _ => return None,
        };
        let (k, more) = more.split_first_chunk::<4>()?;
        let (v, more) = more.split_first_chunk::<4>()?;
        let (key, more) = more.split_at_checked(u32::from_le_bytes(*k) as usize)?;
        let (value, more) = match u32::from_le_bytes(*v) {
            REMOVED => (None, more),
            len => more.split_at_checked(len as usize).map(|(v, more)| (Some(v), more))?,
        };
        all.push(Op { area, key, value });
        rest = more;
    }
    Some(all)
}

/// The area at the head of the file.
#[derive(Debug)]
pub(super) struct Redo {
    under: Under,
    /// Bytes of the area.
    room: u64,
    generation: u64,
    /// Where in the area the next record goes.
    at: u64,
    /// Up to where the area's blocks were claimed since the file was opened.
    claimed: u64,
    /// The memory of the last record, for the next.
    spare: Vec<u8>,
}

/// Bytes of memory kept for the next record: a new block each time would be cleared by the system, page by page.
const SPARE: usize = 4 << 20;

/// What a process knows to have lasted, of a file that it opens again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    generation: u64,
    end: u64,
}

fn io_failed(e: io::Error) -> StoreError {
    StoreError::Io(e.to_string())
}

impl Redo {
    /// The two parts of a file, which is laid out with `room` bytes for the redo log when it is new.
    ///
    /// # Errors
    /// When it is another kind of file, or can't be read or written.
    pub(super) fn open(under: impl StorageBackend, room: u64) -> Result<(Self, Pages)> {
        let under: Under = Arc::new(under);
        let room = room.next_multiple_of(PAGE).max(PAGE);
        let room = match Self::laid_out(&under, room)? {
            Some(room) => room,
            None => Self::lay_out(&under, room).map_err(io_failed)?,
        };
        let pages = Pages { under: Arc::clone(&under), from: PAGE + room };
        Ok((Self { under, room, generation: 0, at: 0, claimed: 0, spare: Vec::new() }, pages))
    }

    /// The area's bytes as the file says; none when it is new.
    fn laid_out(under: &Under, room: u64) -> Result<Option<u64>> {
        let len = under.len().map_err(io_failed)?;
        let mut head = [0; 28];
        if len < PAGE {
            return Ok(None);
        }
        under.read(0, &mut head).map_err(io_failed)?;
        let version = u32::from_le_bytes([head[16], head[17], head[18], head[19]]);
        let said = super::raw::be64(&head[20..]);
        match &head {
            h if h.starts_with(MAGIC) && version == VERSION && said.is_multiple_of(PAGE) => Ok(Some(said)),
            h if h.starts_with(MAGIC) => Err(StoreError::Corrupt(format!(
                "the file has form {version}, this program knows form {VERSION}; start the program that wrote it"
            ))),
            // Its first page was never written: the power went while it was made, before redb had any pages.
            h if len <= PAGE + room && h.iter().all(|b| *b == 0) => Ok(None),
            _ => Err(StoreError::Corrupt("it is not a file of this program".into())),
        }
    }

    fn lay_out(under: &Under, room: u64) -> io::Result<u64> {
        let mut head = [0; PAGE as usize];
        head[..16].copy_from_slice(MAGIC);
        head[16..20].copy_from_slice(&VERSION.to_le_bytes());
        head[20..28].copy_from_slice(&room.to_be_bytes());
        under.set_len(PAGE + room)?;
        under.sync_data()?;
        under.write(0, &head)?;
        under.sync_data()?;
        Ok(room)
    }

    /// The generation that the next durable commit has to note.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation.wrapping_add(1)
    }

    /// Goes on with an empty area after a durable commit that noted `generation`.
    pub(super) fn begin(&mut self, generation: u64) {
        self.generation = generation;
        self.at = 0;
    }

    /// Whether nothing was appended since the last durable commit.
    pub(super) fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// What has lasted: a record whose writing failed is not part of it, and then whoever was told so was told the truth.
    pub(super) fn known(&self) -> Known {
        Known { generation: self.generation, end: self.at }
    }

    /// Whether there is room for one more record.
    pub(super) fn fits(&self, ops: &Ops) -> bool {
        self.at + ops.0.len() as u64 <= self.room
    }

    /// An empty record.
    pub(super) fn blank(&mut self) -> Ops {
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        bytes.resize(HEADER, 0);
        Ops(bytes)
    }

    /// Appends a record and syncs it. After a failure the file has to be opened anew: nobody knows whether it lasts.
    ///
    /// # Errors
    /// When it can't be written or synced.
    pub(super) fn append(&mut self, ops: Ops) -> Result<()> {
        let mut record = ops.0;
        let len = record.len() - HEADER;
        record[..8].copy_from_slice(&self.generation.to_be_bytes());
        record[8..12].copy_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        let hash = hash(self.at, &record);
        record[12..HEADER].copy_from_slice(&hash);
        let end = (self.at + record.len() as u64).next_multiple_of(PAGE);
        self.claim(end).and_then(|()| self.under.write(PAGE + self.at, &record)).map_err(io_failed)?;
        self.under.sync_data().map_err(io_failed)?;
        self.at = end;
        if record.capacity() <= SPARE {
            self.spare = record;
        }
        Ok(())
    }

    fn claim(&mut self, end: u64) -> io::Result<()> {
        if end > self.claimed {
            let upto = end.next_multiple_of(CLAIM).min(self.room);
            let from = self.claimed.max(self.at);
            self.under.write(PAGE + from, &vec![0; usize::try_from(upto - from).unwrap_or_default()])?;
            self.claimed = upto;
        }
        Ok(())
    }

    /// Calls `f` with every step that redb's pages of `generation` do not have for certain, but none behind `known`;
    /// true when there was one.
    ///
    /// # Errors
    /// When the area can't be read, and what `f` returns.
    pub(super) fn replay(
        &mut self,
        generation: u64,
        known: Option<Known>,
        mut f: impl FnMut(Op<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.begin(generation);
        let end = known.filter(|k| k.generation == generation).map_or(self.room, |k| k.end);
        while let Some(record) = if self.at < end { self.read()? } else { None } {
            for op in ops(&record[HEADER..])
                .ok_or_else(|| StoreError::Corrupt("a record of the redo log is damaged".into()))?
            {
                f(op)?;
            }
            self.at = (self.at + record.len() as u64).next_multiple_of(PAGE);
        }
        Ok(self.at > 0)
    }

    /// The record at the present place, if it is one of this generation and whole.
    fn read(&self) -> Result<Option<Vec<u8>>> {
        let mut header = [0; HEADER];
        if self.at + HEADER as u64 > self.room {
            return Ok(None);
        }
        self.under.read(PAGE + self.at, &mut header).map_err(io_failed)?;
        let len = u64::from(u32::from_be_bytes([header[8], header[9], header[10], header[11]]));
        if header[..8] != self.generation.to_be_bytes() || self.at + HEADER as u64 + len > self.room {
            return Ok(None);
        }
        let mut record = vec![0; HEADER + usize::try_from(len).unwrap_or_default()];
        self.under.read(PAGE + self.at, &mut record).map_err(io_failed)?;
        let whole = record[12..HEADER] == hash(self.at, &record);
        Ok(whole.then_some(record))
    }
}

/// Over the place, the generation, the length and what follows the header.
fn hash(at: u64, record: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&at.to_be_bytes()).update(&record[..12]).update(&record[HEADER..]);
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    /// A disk in memory that outlives what is opened over it.
    #[derive(Clone, Debug)]
    struct Disk(Arc<InMemoryBackend>);

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    fn disk() -> Disk {
        Disk(Arc::new(InMemoryBackend::new()))
    }

    fn record(n: u8) -> Ops {
        let mut ops = Ops::default();
        ops.put(Area::Records, &[n], &[n; 100]);
        ops.remove(Area::Index, &[n, n]);
        ops
    }

    fn replayed(disk: &Disk, generation: u64) -> Vec<(Vec<u8>, bool)> {
        let mut seen = Vec::new();
        let (mut redo, _) = Redo::open(disk.clone(), 64 * PAGE).unwrap();
        redo.replay(generation, None, |op| {
            seen.push((op.key.to_vec(), op.value.is_some()));
            Ok(())
        })
        .unwrap();
        seen
    }

    fn keys(of: &[u8]) -> Vec<(Vec<u8>, bool)> {
        of.iter().flat_map(|n| [(vec![*n], true), (vec![*n, *n], false)]).collect()
    }

    #[test]
    fn what_was_appended_in_this_generation_is_done_again_in_order() {
        let disk = disk();
        let (mut redo, pages) = Redo::open(disk.clone(), 64 * PAGE).unwrap();
        assert_eq!(pages.len().unwrap(), 0);
        redo.begin(7);
        for n in 1..=3 {
            redo.append(record(n)).unwrap();
        }
        assert_eq!((replayed(&disk, 7), replayed(&disk, 8)), (keys(&[1, 2, 3]), vec![]));
        // The next generation begins at the front, over what is behind it.
        redo.begin(8);
        redo.append(record(9)).unwrap();
        assert_eq!((replayed(&disk, 8), replayed(&disk, 7)), (keys(&[9]), vec![]));
    }

    #[test]
    fn a_torn_record_and_what_is_behind_it_are_no_records() {
        let disk = disk();
        let (mut redo, _) = Redo::open(disk.clone(), 64 * PAGE).unwrap();
        redo.begin(1);
        for n in 1..=3 {
            redo.append(record(n)).unwrap();
        }
        disk.write(PAGE + PAGE + 60, &[0]).unwrap();
        assert_eq!(replayed(&disk, 1), keys(&[1]));
    }

    #[test]
    fn a_record_that_failed_is_not_done_again_by_who_knows() {
        let disk = disk();
        let (mut redo, _) = Redo::open(disk.clone(), 64 * PAGE).unwrap();
        redo.begin(1);
        redo.append(record(1)).unwrap();
        let known = redo.known();
        redo.append(record(2)).unwrap();
        let done = |generation| {
            let (mut n, mut again) = (0, Redo::open(disk.clone(), 64 * PAGE).unwrap().0);
            let count = |_: Op<'_>| {
                n += 1;
                Ok(())
            };
            again.replay(generation, Some(known), count).unwrap();
            n
        };
        assert_eq!((done(1), done(2)), (2, 0));
        redo.begin(2);
        redo.append(record(3)).unwrap();
        assert_eq!(done(2), 2);
    }

    #[test]
    fn a_full_area_says_so_and_takes_the_last_record_that_fits() {
        let (mut redo, _) = Redo::open(disk(), 2 * PAGE).unwrap();
        redo.begin(1);
        for n in 0..2 {
            assert!(redo.fits(&record(n)));
            redo.append(record(n)).unwrap();
        }
        assert!(!redo.fits(&record(2)));
        redo.begin(2);
        assert!(redo.is_empty() && redo.fits(&record(2)));
    }

    #[test]
    fn another_kind_of_file_and_another_form_are_refused() {
        let disk = disk();
        disk.set_len(2 * PAGE).unwrap();
        disk.write(0, b"redb").unwrap();
        assert!(Redo::open(disk.clone(), PAGE).unwrap_err().to_string().contains("not a file"));
        disk.write(0, MAGIC).unwrap();
        disk.write(16, &9_u32.to_le_bytes()).unwrap();
        assert!(Redo::open(disk, PAGE).unwrap_err().to_string().contains("form 9"));
    }

    #[test]
    fn a_file_whose_making_the_power_cut_is_made_again() {
        let disk = disk();
        disk.set_len(9 * PAGE).unwrap();
        assert_eq!(Redo::open(disk.clone(), 8 * PAGE).unwrap().1.len().unwrap(), 0);
        // Pages behind a first page that is gone are damage, not a beginning.
        disk.write(0, &[0; 64]).unwrap();
        disk.set_len(10 * PAGE).unwrap();
        assert!(Redo::open(disk, 8 * PAGE).is_err());
    }

    #[test]
    fn damaged_steps_are_not_taken_for_some() {
        let whole = record(1);
        for cut in 1..whole.0.len() - HEADER {
            let some = ops(&whole.0[HEADER..HEADER + cut]);
            assert!(some.is_none_or(|s| s.len() == 1), "{cut}");
        }
        assert_eq!(ops(&[9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
