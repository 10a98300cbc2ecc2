//! Log files that turn over by day and by size and together never exceed their cap.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Lost;
use crate::base::clock::{Clock, Timestamp};

/// How long lines are dropped without a try after the folder could not be written: a full disk is not asked again
/// for each line.
const RETRY: Duration = Duration::from_secs(1);

/// A writer of whole lines into `crossdock-YYYY-MM-DD.N.log`, a new file each UTC day and whenever one is full.
///
/// It never fails: a line that can't be written (disk full, folder gone, longer than a file may be) is dropped and
/// counted.
#[derive(Debug)]
pub struct Rotating {
    dir: PathBuf,
    max_file: u64,
    max_total: u64,
    clock: Clock,
    lost: Lost,
    open: Option<Open>,
    /// Bytes of all log files in the folder.
    total: u64,
    retry_at: Timestamp,
}

#[derive(Debug)]
struct Open {
    name: Name,
    file: File,
    len: u64,
}

/// The name of a log file; ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    day: Date,
    n: u32,
}

impl Name {
    fn parse(file: &str) -> Option<Self> {
        let (day, n) = file.strip_prefix("crossdock-")?.strip_suffix(".log")?.split_once('.')?;
        Some(Self { day: day.parse().ok()?, n: n.parse().ok()? })
    }

    fn file(self) -> String {
        format!("crossdock-{}.{}.log", self.day, self.n)
    }
}

impl Rotating {
    /// Files of at most `max_file` bytes in `dir`, of at most `max_total` bytes together. Nothing is touched until the
    /// first line; the folder is made with it.
    #[must_use]
    pub fn new(dir: PathBuf, max_file: u64, max_total: u64, clock: Clock, lost: Lost) -> Self {
        let max_file = max_file.min(max_total);
        Self { dir, max_file, max_total, clock, lost, open: None, total: 0, retry_at: Timestamp::ZERO }
    }

    /// Writes one line, or says why not.
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let room = line.len() as u64;
        if room > self.max_file {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let day = self.clock.now().day(&TimeZone::UTC);
        let mut open = match self.open.take() {
            Some(open) if open.name.day == day && open.len + room <= self.max_file => open,
            _ => self.turn_over(day, room)?,
        };
        if self.total + room > self.max_total {
            self.prune(open.name, room)?;
        }
        if let Err(e) = open.file.write_all(line) {
            // Half a line would run into the next one. Failing here is as bad as it gets, and the line is lost anyway.
            let _ = open.file.set_len(open.len);
            return Err(e);
        }
        open.len += room;
        self.total += room;
        self.open = Some(open);
        Ok(())
    }

    /// Opens the newest file of `day` that has `room`, or the one after it.
    fn turn_over(&mut self, day: Date, room: u64) -> io::Result<Open> {
        fs::create_dir_all(&self.dir)?;
        let files = self.files()?;
        self.total = files.iter().map(|(_, len)| len).sum();
        let newest = files.iter().rev().find(|(name, _)| name.day == day);
        let n = match newest {
            Some((name, len)) if len + room <= self.max_file => name.n,
            Some((name, _)) => name.n.saturating_add(1),
            None => 1,
        };
        let name = Name { day, n };
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)] // lines name people and parcels
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.dir.join(name.file()))?;
        let len = file.metadata()?.len();
        Ok(Open { name, file, len })
    }

    /// Removes the oldest files until `room` more bytes fit under the cap; `current` stays.
    fn prune(&mut self, current: Name, room: u64) -> io::Result<()> {
        let files = self.files()?;
        self.total = files.iter().map(|(_, len)| len).sum();
        for (name, len) in files.into_iter().filter(|(name, _)| *name != current) {
            if self.total + room <= self.max_total {
                break;
            }
            fs::remove_file(self.dir.join(name.file()))?;
            self.total -= len;
        }
        Ok(())
    }

    /// Our files in the folder with their sizes, oldest first; others are left alone and not counted.
    fn files(&self) -> io::Result<Vec<(Name, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(Name::parse) {
                files.push((name, entry.metadata()?.len()));
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let now = self.clock.now();
        // A clock put back must not keep the log shut, so only the second after the failure counts.
        let is_shut = now < self.retry_at && self.retry_at.since(now) <= RETRY;
        if is_shut {
            self.lost.count();
        } else if let Err(e) = self.put(line) {
            self.lost.count();
            if e.kind() != io::ErrorKind::FileTooLarge {
                self.retry_at = now.after(RETRY);
            }
        }
        Ok(line.len())
    }

    /// Nothing is held back: each line goes to the system as it comes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const LINE: &[u8] = b"0123456789abcde\n";

    fn noon(day: &str) -> Timestamp {
        Timestamp::parse(&format!("{day}T12:00:00Z"), &TimeZone::UTC).unwrap()
    }

    /// Files of four lines, ten lines in all.
    fn log(dir: &Path) -> (Rotating, Clock, Lost) {
        let (clock, lost) = (Clock::hand(noon("2026-11-21")), Lost::default());
        (Rotating::new(dir.join("logs"), 64, 160, clock.clone(), lost.clone()), clock, lost)
    }

    fn files(dir: &Path) -> Vec<(String, u64)> {
        let entries = fs::read_dir(dir.join("logs")).unwrap().map(Result::unwrap);
        let mut files: Vec<_> =
            entries.map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len())).collect();
        files.sort();
        files
    }

    fn put(log: &mut Rotating, lines: usize) {
        (0..lines).for_each(|_| log.write_all(LINE).unwrap());
    }

    #[test]
    fn a_full_file_is_followed_by_the_next_number() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _, _) = log(dir.path());
        put(&mut log, 4);
        assert_eq!(files(dir.path()), [("crossdock-2026-11-21.1.log".into(), 64)]);
        put(&mut log, 1);
        assert_eq!(files(dir.path())[1], ("crossdock-2026-11-21.2.log".into(), 16));
    }

    #[test]
    fn a_new_day_in_utc_begins_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, clock, _) = log(dir.path());
        put(&mut log, 1);
        clock.set(Timestamp::parse("2026-11-21T23:59:59.999Z", &TimeZone::UTC).unwrap());
        put(&mut log, 1);
        clock.set(clock.now().after(Duration::from_millis(1)));
        put(&mut log, 1);
        let expected = [("crossdock-2026-11-21.1.log".into(), 32), ("crossdock-2026-11-22.1.log".into(), 16)];
        assert_eq!(files(dir.path()), expected);
    }

    #[test]
    fn one_line_past_the_cap_removes_the_oldest_file_and_no_strangers() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _, lost) = log(dir.path());
        fs::create_dir_all(dir.path().join("logs")).unwrap();
        fs::write(dir.path().join("logs/notes.log"), [b'x'; 500]).unwrap();
        put(&mut log, 10);
        let names = |n: &[u32]| -> Vec<String> {
            let ours = n.iter().map(|n| format!("crossdock-2026-11-21.{n}.log"));
            ours.chain(["notes.log".into()]).collect()
        };
        let found = || files(dir.path()).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(found(), names(&[1, 2, 3]));
        put(&mut log, 1);
        assert_eq!(found(), names(&[2, 3]));
        for _ in 0..200 {
            put(&mut log, 1);
            let ours = files(dir.path()).into_iter().filter(|(name, _)| name != "notes.log");
            assert!(ours.map(|(_, len)| len).sum::<u64>() <= 160);
        }
        assert_eq!(lost.lines(), 0);
    }

    #[test]
    fn the_tenth_file_of_a_day_is_younger_than_the_ninth() {
        let names =
            ["crossdock-2026-11-21.10.log", "crossdock-2026-11-21.9.log"].map(|n| Name::parse(n).unwrap());
        assert!(names[0] > names[1]);
        assert_eq!(names[0].file(), "crossdock-2026-11-21.10.log");
        assert_eq!(Name::parse("crossdock-2026-11-21.log"), None);
    }

    #[test]
    fn a_restart_goes_on_in_the_last_file() {
        let dir = tempfile::tempdir().unwrap();
        put(&mut log(dir.path()).0, 5);
        put(&mut log(dir.path()).0, 1);
        assert_eq!(files(dir.path())[1], ("crossdock-2026-11-21.2.log".into(), 32));
    }

    #[test]
    fn a_line_longer_than_a_file_is_dropped_and_the_next_one_written() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _, lost) = log(dir.path());
        log.write_all(&[b'x'; 65]).unwrap();
        put(&mut log, 1);
        assert_eq!((lost.lines(), files(dir.path())[0].1), (1, 16));
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_lines_until_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, clock, lost) = log(dir.path());
        fs::write(dir.path().join("logs"), "in the way").unwrap();
        put(&mut log, 3);
        assert_eq!(lost.lines(), 3);
        fs::remove_file(dir.path().join("logs")).unwrap();
        clock.set(clock.now().after(RETRY));
        put(&mut log, 1);
        assert_eq!((lost.lines(), files(dir.path()).len()), (3, 1));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_costs_lines_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, clock, lost) = log(dir.path());
        fs::create_dir_all(dir.path().join("logs")).unwrap();
        let file = dir.path().join("logs/crossdock-2026-11-21.1.log");
        std::os::unix::fs::symlink("/dev/full", &file).unwrap();
        put(&mut log, 1);
        clock.set(clock.now().after(RETRY));
        put(&mut log, 1);
        assert_eq!(lost.lines(), 2);
        fs::remove_file(&file).unwrap();
        clock.set(clock.now().after(RETRY));
        put(&mut log, 1);
        assert_eq!((lost.lines(), fs::read(&file).unwrap()), (2, LINE.to_vec()));
    }
}
