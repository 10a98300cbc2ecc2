//! Free space: what is kept back so that the last commits always get out.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The named thresholds, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reserve {
    /// Imports and attachments stop below this.
    pub imports: u64,
    /// They also stop below this share of the disk, but a large disk's share never asks for more than `imports`.
    pub imports_percent: u64,
    /// Nothing is written below this.
    pub read_only: u64,
    /// A file of this size is given up when the disk is full.
    pub ballast: u64,
}

impl Default for Reserve {
    fn default() -> Self {
        Self { imports: 512 << 20, imports_percent: 5, read_only: 128 << 20, ballast: 64 << 20 }
    }
}

/// How much may still be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing at all.
    ReadOnly,
    /// Everything but imports and attachments.
    Low,
    /// Everything.
    Ample,
}

/// Watches the disk a data folder lies on.
#[derive(Debug)]
pub struct Space {
    folder: Option<PathBuf>,
    reserve: Reserve,
    seen: Mutex<Option<(Instant, Level)>>,
}

/// How long one look at the disk is good for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Space {
    /// For the disk under `folder`; without one (in memory) there is always room.
    #[must_use]
    pub fn new(folder: Option<&Path>, reserve: Reserve) -> Self {
        Self { folder: folder.map(Path::to_path_buf), reserve, seen: Mutex::new(None) }
    }

    /// How much may be written now.
    #[must_use]
    pub fn level(&self) -> Level {
        let Some(folder) = &self.folder else { return Level::Ample };
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((at, level)) = *seen
            && at.elapsed() < LOOK_EVERY
        {
            return level;
        }
        let level = free(folder).map_or(Level::Ample, |(free, total)| classify(&self.reserve, free, total));
        *seen = Some((Instant::now(), level));
        level
    }

    /// Lays the ballast down when it is missing and there is room for it.
    pub fn lay_ballast(&self) {
        let Some(path) = self.ballast() else { return };
        let there = std::fs::metadata(&path).is_ok_and(|m| m.len() == self.reserve.ballast);
        if self.reserve.ballast == 0 || there || !self.has_room_for(self.reserve.ballast) {
            return;
        }
        let zeros = vec![0_u8; 1 << 20];
        let written = std::fs::File::create(&path).and_then(|mut f| {
            for _ in 0..self.reserve.ballast >> 20 {
                std::io::Write::write_all(&mut f, &zeros)?;
            }
            f.sync_all()
        });
        if let Err(e) = written {
            tracing::warn!(error = %e, "no room for the ballast file");
            let _ = std::fs::remove_file(&path);
        }
    }

    /// Gives the ballast up when the disk is nearly full; true when there was one.
    pub fn drop_ballast(&self) -> bool {
        if self.has_room_for(0) {
            return false;
        }
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        self.ballast().is_some_and(|path| std::fs::remove_file(path).is_ok())
    }

    /// Whether there is ample room now, also after `bytes` more.
    fn has_room_for(&self, bytes: u64) -> bool {
        let look = self.folder.as_deref().and_then(free);
        look.is_none_or(|(free, total)| {
            classify(&self.reserve, free.saturating_sub(bytes), total) == Level::Ample
        })
    }

    fn ballast(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|f| f.join("ballast"))
    }
}

fn classify(reserve: &Reserve, free: u64, total: u64) -> Level {
    // A share of the disk protects small ones; on a large disk 5 % would be many gigabytes nobody needs.
    let share = if reserve.imports_percent == 0 { u64::MAX } else { total / 100 * reserve.imports_percent };
    let imports = share.clamp(reserve.read_only, reserve.imports.max(reserve.read_only));
    match free {
        f if f < reserve.read_only => Level::ReadOnly,
        f if f < imports => Level::Low,
        _ => Level::Ample,
    }
}

/// Bytes free for us and in total on the disk under `folder`; none where that can't be asked.
#[must_use]
pub fn free(folder: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        let s = rustix::fs::statvfs(folder).ok()?;
        Some((s.f_bavail.saturating_mul(s.f_frsize), s.f_blocks.saturating_mul(s.f_frsize)))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_stop_before_everything_does() {
        let r = Reserve::default();
        let (mib, gib) = (1 << 20, 1 << 30);
        assert_eq!(classify(&r, 600 * mib, 1000 * gib), Level::Ample);
        assert_eq!(classify(&r, 512 * mib - 1, 1000 * gib), Level::Low);
        assert_eq!(classify(&r, 300 * mib, 4 * gib), Level::Ample);
        assert_eq!(classify(&r, 200 * mib, 4 * gib), Level::Low);
        assert_eq!(classify(&r, 128 * mib - 1, 1000 * gib), Level::ReadOnly);
        let whole = Reserve { imports_percent: 0, ..r };
        assert_eq!(classify(&whole, 300 * mib, 4 * gib), Level::Low, "no share, so the figure alone counts");
    }
}
