//! Files nobody but the service may read: keys and certificates' keys. Folders are 0700, files 0600, and a file
//! appears whole or not at all. Where the system has no such modes, the folder's own rights are the operator's care.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::base::error::{Fault, Kind};

/// Bytes of a private file at the most; a key or a certificate chain is far smaller.
pub const MAX_BYTES: u64 = 64 * 1024;

/// A private file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The system refused.
    #[error("{}: {why}; the service's own user must be able to read and write it", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Others may read it.
    #[error("others may reach {} (mode {mode:03o}); run: chmod {wanted:o} {}", .path.display(), .path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What the mode has to be.
        wanted: u32,
    },
    /// It is not what it should be.
    #[error("{} {what}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and the remedy.
        what: String,
    },
}

impl PrivateError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::Io { path: path.to_owned(), why }
    }

    /// `path` is not what it should be, for the reason and with the remedy in `what`.
    pub fn malformed(path: &Path, what: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), what: what.into() }
    }
}

impl Fault for PrivateError {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "private_file.unusable",
            Self::Exposed { .. } => "private_file.exposed",
            Self::Malformed { .. } => "private_file.malformed",
        }
    }
}

/// Makes `path` and what is missing above it with mode 0700, or checks that it has it.
///
/// # Errors
/// When it can't be made or others may enter it.
pub fn folder(path: &Path) -> Result<(), PrivateError> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).map_err(PrivateError::io(path))?;
    check_mode(path, &fs::metadata(path).map_err(PrivateError::io(path))?, 0o700)
}

/// The content of the private file at `path`; `None` when there is no such file.
///
/// # Errors
/// When it can't be read, others may read it, or it is larger than [`MAX_BYTES`].
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, PrivateError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(PrivateError::io(path)(why)),
    };
    check_mode(path, &file.metadata().map_err(PrivateError::io(path))?, 0o600)?;
    read_limited(&mut file, path).map(Some)
}

/// The content of a file that others may read too, such as a certificate.
///
/// # Errors
/// When it can't be read or is larger than [`MAX_BYTES`].
pub fn read_public(path: &Path) -> Result<Vec<u8>, PrivateError> {
    read_limited(&mut File::open(path).map_err(PrivateError::io(path))?, path)
}

/// Writes `bytes` to `path` with mode 0600 so that after a power cut the file is the old one or the new one.
///
/// # Errors
/// When the system refuses.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let put = || -> io::Result<()> {
        match fs::remove_file(&fresh) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {} // gone now: a leftover of a power cut might have had another mode
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        #[cfg(unix)]
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    };
    put().map_err(PrivateError::io(path))
}

fn read_limited(file: &mut File, path: &Path) -> Result<Vec<u8>, PrivateError> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(PrivateError::io(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(PrivateError::malformed(
            path,
            format!("is larger than {MAX_BYTES} bytes and can be no key: restore it"),
        ));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn check_mode(path: &Path, meta: &fs::Metadata, wanted: u32) -> Result<(), PrivateError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(PrivateError::Exposed { path: path.to_owned(), mode, wanted })
    }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &fs::Metadata, _: u32) -> Result<(), PrivateError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let (folder_path, file) = (dir.path().join("a/keys"), dir.path().join("a/keys/x.key"));
        folder(&folder_path).unwrap();
        assert_eq!(read(&file).unwrap(), None);
        fs::write(folder_path.join("x.key.new"), b"left over by a power cut").unwrap();
        write(&file, b"one").unwrap();
        write(&file, b"two").unwrap();
        assert_eq!(read(&file).unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(&folder_path).unwrap().count(), 1);
    }

    #[test]
    fn a_file_one_byte_past_the_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.key");
        let limit = usize::try_from(MAX_BYTES).unwrap();
        write(&file, &vec![0; limit]).unwrap();
        assert_eq!(read(&file).unwrap().unwrap().len(), limit);
        write(&file, &vec![0; limit + 1]).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("x.key is larger than 65536 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.key");
        write(&file, b"secret").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = read(&file).unwrap_err();
        assert!(
            refused.to_string().contains("mode 640") && refused.to_string().contains("chmod 600"),
            "{refused}"
        );
        assert_eq!(read_public(&file).unwrap(), b"secret");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(folder(dir.path()).unwrap_err().to_string().contains("chmod 700"));
    }
}
