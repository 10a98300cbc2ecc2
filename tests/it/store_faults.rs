//! Disks that fail, fill up, and lose power: what was acknowledged is there afterwards, and nothing is half there.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use crossdock::base::error::{Fault, Kind};
use crossdock::store::redb::Redb;
use crossdock::store::table::Checked;
use crossdock::store::{
    Area, Coll, DEPOT, Dir, Expect, Home, Ix, KeyRange, Lane, LogId, Pending, Result, Store, StoreError,
    check,
};
use redb::StorageBackend;

use crate::store_suite::{REDO, options};

/// A disk in memory that can be made to fail and that remembers what was done to it.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// Changes until they fail, and with what.
    fault: Option<(u32, ErrorKind)>,
    record: Option<Vec<Change>>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Len(u64),
    Sync,
}

impl Disk {
    fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Platter { bytes, ..Platter::default() })))
    }
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }
    /// From the `n`-th change on all fail.
    pub fn fail_after(&self, n: u32, kind: ErrorKind) {
        self.lock().fault = Some((n, kind));
    }
    /// The fault is over.
    pub fn heal(&self) {
        self.lock().fault = None;
    }
    fn has_failed(&self) -> bool {
        matches!(self.lock().fault, Some((0, _)))
    }
    fn begin_record(&self) -> Vec<u8> {
        let mut platter = self.lock();
        platter.record = Some(Vec::new());
        platter.bytes.clone()
    }
    fn changes(&self) -> usize {
        self.lock().record.as_ref().map_or(0, Vec::len)
    }
}

impl Platter {
    fn change(&mut self, change: Change) -> io::Result<()> {
        if let Some((left, kind)) = &mut self.fault {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => return Err((*kind).into()),
            }
        }
        apply(&mut self.bytes, &change);
        if let Some(record) = &mut self.record {
            record.push(change);
        }
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, data) => {
            let end = *at as usize + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at as usize..end].copy_from_slice(data);
        }
        Change::Len(len) => bytes.resize(*len as usize, 0),
        Change::Sync => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().bytes.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.lock();
        let from = platter.bytes.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(from.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().change(Change::Len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.lock().change(Change::Sync)
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.lock().change(Change::Write(offset, data.to_vec()))
    }
}

fn over(disk: &Disk) -> Result<Store> {
    let disk = disk.clone();
    Redb::backend(move || disk.clone(), None, options()).map(Store::new)
}

// What is written: one counter after another, as a record with an index entry, an entry of a log, and a counter row.

const NUMBERS: Coll = Coll { id: 910, name: "numbers", home: Home::Local };
const LOG: LogId = LogId { log: b'q', epoch: 1 };
const T: u32 = 1;

struct Numbers;

impl Checked for Numbers {
    fn coll(&self) -> Coll {
        NUMBERS
    }
    fn keys(&self, body: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(vec![Some(body[..8].to_vec())])
    }
}

fn body(n: u64) -> Vec<u8> {
    let mut body = (u64::MAX - n).to_be_bytes().to_vec();
    body.resize(8 + (n as usize * 7919) % 6_000, n as u8);
    body
}

/// Writes the next counter, whatever it is, and answers which it was.
fn next(s: &Store) -> Pending<u64, StoreError> {
    s.write(T, Lane::People, |tx| {
        let n = tx.append(DEPOT, LOG, b"counted", [0; 16])?;
        let body = body(n);
        tx.put(NUMBERS, &n.to_be_bytes(), &body, &[Some(body[..8].to_vec())], Expect::Absent)?;
        crossdock::store::counters::add(tx, "numbers", 1)?;
        Ok(n)
    })
}

/// Every counter up to the last, with all that belongs to it; returns the last.
fn sound(s: &Store) -> std::result::Result<u64, String> {
    let counts = |_: u16, _: &[u8], add: &mut dyn FnMut(&str, i64)| {
        add("numbers", 1);
        Ok(())
    };
    let hooks = check::Hooks { counts: Some(&counts), counted: &["numbers"], ..check::Hooks::default() };
    let report = check::run_with(s, &[&Numbers], hooks).map_err(|e| e.to_string())?;
    if !report.is_clean() {
        return Err(report.faults.join("; "));
    }
    let last = s.read(T, |tx| tx.head(DEPOT, LOG)).map_err(|e| e.to_string())?.last;
    let rows = s
        .read(T, |tx| tx.scan(NUMBERS, Ix::Nth(0), &KeyRange::all(), Dir::Down, usize::MAX))
        .map_err(|e| e.to_string())?;
    let there = rows.recs.iter().map(|r| (r.pk.clone(), r.body.clone()));
    if there.ne((1..=last).map(|n| (n.to_be_bytes().to_vec(), body(n)))) {
        return Err(format!("{} records for {last} entries", rows.recs.len()));
    }
    Ok(last)
}

fn fails_and_heals(kind: ErrorKind) {
    let mut outlived = 0;
    for after in 0..40 {
        let disk = Disk::default();
        let s = over(&disk).unwrap();
        let mut acknowledged = (0..5).map(|_| next(&s).wait().unwrap()).max().unwrap();
        disk.fail_after(after, kind);
        let refused = loop {
            match next(&s).wait() {
                Ok(n) => acknowledged = n,
                Err(e) => break e,
            }
        };
        assert!(disk.has_failed());
        assert!(refused.kind() == Kind::Busy && refused.retry_after_s().is_some(), "{refused}");
        for _ in 0..3 {
            assert_eq!(next(&s).wait().unwrap_err().kind(), Kind::Busy, "after {after}");
            let row = s.read(T, |tx| tx.get(NUMBERS, &acknowledged.to_be_bytes())).unwrap();
            assert_eq!(row.unwrap().body, body(acknowledged), "reads go on");
            assert!(sound(&s).unwrap() >= acknowledged);
        }
        assert!(!s.status().writable && s.status().trouble.is_some());
        disk.heal();
        let again = (0..3).find_map(|_| next(&s).wait().ok());
        assert!(again.expect("writing goes on by itself") > acknowledged);
        assert!(s.status().writable && s.status().trouble.is_none());
        let last = sound(&s).unwrap();
        assert!(last > acknowledged);
        outlived += u64::from(last > acknowledged + 1);
        s.close();
        drop(s);
        assert_eq!(sound(&over(&disk).unwrap()).unwrap(), last);
    }
    // A commit that failed in its very last step may be there after all; it must not be the rule.
    assert!(outlived <= 10, "{outlived} failed commits of 40 were made nevertheless");
}

#[test]
fn after_an_io_error_writing_goes_on_without_a_restart() {
    fails_and_heals(ErrorKind::Other);
}

#[test]
fn after_a_full_disk_writing_goes_on_without_a_restart() {
    fails_and_heals(ErrorKind::StorageFull);
}

#[test]
fn a_whole_group_hears_of_the_failed_commit() {
    let disk = Disk::default();
    let s = over(&disk).unwrap();
    next(&s).wait().unwrap();
    disk.fail_after(0, ErrorKind::Other);
    let pending: Vec<_> = (0..30).map(|_| next(&s)).collect();
    assert!(pending.into_iter().all(|p| p.wait().is_err_and(|e| e.kind() == Kind::Busy)));
    disk.heal();
    while next(&s).wait().is_err() {}
    assert_eq!(sound(&s).unwrap(), 2);
}

#[test]
fn a_read_that_is_open_over_a_failure_ends_in_peace() {
    let disk = Disk::default();
    let s = over(&disk).unwrap();
    next(&s).wait().unwrap();
    let done = s.read(T, |tx| {
        disk.fail_after(0, ErrorKind::Other);
        assert!(next(&s).wait().is_err());
        disk.heal();
        // The writer waits for us to be done with the old handle, which may refuse what it does not hold in memory.
        let _ = tx.get(NUMBERS, b"any");
        Ok::<_, StoreError>(())
    });
    done.unwrap();
    while next(&s).wait().is_err() {}
    assert_eq!(sound(&s).unwrap(), 2);
}

#[test]
fn a_long_sweep_lets_go_of_a_file_that_must_be_reopened() {
    let disk = Disk::default();
    let s = over(&disk).unwrap();
    next(&s).wait().unwrap();
    let swept = s.sweep(|sweep| {
        disk.fail_after(0, ErrorKind::Other);
        assert!(next(&s).wait().is_err());
        loop {
            sweep.rows(Area::Records, None, &mut |_, _| Ok(true))?;
        }
    });
    assert_eq!(swept.unwrap_err().kind(), Kind::Busy);
    disk.heal();
    while next(&s).wait().is_err() {}
    assert_eq!(sound(&s).unwrap(), 2);
}

#[test]
fn a_file_is_opened_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depot.redb");
    let s = Store::new(Redb::file(&path, options()).unwrap());
    let e = Redb::file(&path, options()).map(drop).unwrap_err();
    assert!(e.to_string().contains("another process"), "{e}");
    s.close();
    Redb::file(&path, options()).unwrap();
}

#[test]
fn the_last_handle_may_die_in_a_write() {
    let s = over(&Disk::default()).unwrap();
    let inner = s.clone();
    let written = s.write(T, Lane::People, move |_| {
        let _ = inner.status();
        Ok::<_, StoreError>(())
    });
    drop(s);
    written.wait().unwrap();
}

#[test]
fn an_open_that_has_nothing_to_make_writes_nothing_of_ours() {
    let disk = Disk::default();
    let s = over(&disk).unwrap();
    next(&s).wait().unwrap();
    s.close();
    drop(s);
    disk.begin_record();
    let s = over(&disk).unwrap();
    s.read(T, |tx| tx.get(NUMBERS, b"none")).unwrap();
    let header = 4096 + REDO;
    let others = |c: &&Change| matches!(c, Change::Write(at, _) if *at != header);
    let pages = disk.lock().record.iter().flatten().filter(others).count();
    assert_eq!(pages, 0, "only redb's own header is touched");
}

// The power goes.

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n.max(1)
    }
}

/// A write of which any sectors may have reached the disk.
fn tear(bytes: &mut Vec<u8>, at: u64, data: &[u8], random: &mut Random) {
    const SECTOR: usize = 512;
    for (n, sector) in data.chunks(SECTOR).enumerate() {
        if random.below(2) == 0 {
            apply(bytes, &Change::Write(at + (n * SECTOR) as u64, sector.to_vec()));
        }
    }
}

/// What a power cut behind the first `cut` changes may leave: everything up to the last sync, any of the rest.
fn image(base: &[u8], changes: &[Change], random: &mut Random) -> Vec<u8> {
    let synced = changes.iter().rposition(|c| matches!(c, Change::Sync)).map_or(0, |n| n + 1);
    let mut bytes = base.to_vec();
    changes[..synced].iter().for_each(|c| apply(&mut bytes, c));
    let whole = random.below(changes.len() - synced + 1);
    let mode = random.below(3);
    for (n, change) in changes[synced..].iter().enumerate() {
        match (mode, change) {
            (0, c) if n < whole => apply(&mut bytes, c),
            (0, _) => {}
            (1, Change::Write(at, data)) => tear(&mut bytes, *at, data, random),
            (_, c) if random.below(2) == 0 => apply(&mut bytes, c),
            _ => {}
        }
    }
    bytes
}

#[test]
fn after_a_power_cut_all_that_was_acknowledged_is_there() {
    let cuts: usize = std::env::var("CROSSDOCK_POWER_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let seed: u64 = std::env::var("CROSSDOCK_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0x5eed_cafe);
    let mut random = Random(seed);
    let disk = Disk::default();
    let s = over(&disk).unwrap();
    let base = disk.begin_record();
    // How many changes had been made when a counter was acknowledged.
    let mut acknowledged = BTreeMap::from([(0, 0)]);
    for _ in 0..60 {
        let pending: Vec<_> = (0..=random.below(4)).map(|_| next(&s)).collect();
        for p in pending {
            let n = p.wait().unwrap();
            acknowledged.insert(disk.changes(), n);
        }
    }
    let changes = disk.lock().record.take().unwrap();
    drop(s);
    for _ in 0..cuts {
        let cut = random.below(changes.len() + 1);
        let left = image(&base, &changes[..cut], &mut random);
        let sure = *acknowledged.range(..=cut).next_back().unwrap().1;
        let s = over(&Disk::of(left)).unwrap_or_else(|e| panic!("seed {seed}, cut {cut}: {e}"));
        let last = sound(&s).unwrap_or_else(|e| panic!("seed {seed}, cut {cut}: {e}"));
        assert!(last >= sure, "seed {seed}, cut {cut}: {sure} was acknowledged, {last} is there");
        next(&s).wait().unwrap();
    }
}

// The process is killed.

const CHILD: &str = "CROSSDOCK_TEST_CHILD_STORE";

/// Not a test of its own: the process that [`after_a_kill_all_that_was_acknowledged_is_there`] starts and kills.
#[test]
fn child_writer() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let s = Store::new(Redb::file(path.as_ref(), options()).unwrap());
    loop {
        let pending: Vec<_> = (0..3).map(|_| next(&s)).collect();
        for p in pending {
            eprintln!("acknowledged {}", p.wait().unwrap());
        }
    }
}

#[test]
fn after_a_kill_all_that_was_acknowledged_is_there() {
    let rounds: u64 = std::env::var("CROSSDOCK_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depot.redb");
    let mut random = Random(0x5eed_0001);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store_faults::child_writer", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let wanted = 20 + random.below(200);
        let (mut acknowledged, mut lines) = (0, 0);
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            if let Some(n) = line.unwrap().strip_prefix("acknowledged ").and_then(|n| n.parse().ok()) {
                acknowledged = n;
                lines += 1;
                if lines == wanted {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(lines >= wanted, "round {round}: the child stopped by itself after {lines}");
        let s = Store::new(Redb::file(&path, options()).unwrap());
        let last = sound(&s).unwrap_or_else(|e| panic!("round {round}: {e}"));
        assert!(last >= acknowledged, "round {round}: {acknowledged} was acknowledged, {last} is there");
        s.close();
        drop(s);
        let offline = check::offline(&path, &[&Numbers], check::Hooks::default()).unwrap();
        assert!(offline.is_clean(), "round {round}: {:?}", offline.faults);
    }
}
