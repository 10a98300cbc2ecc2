//! The folder of contents: each under its own hash, so that it is there once a tenant, however often it is sent.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use tokio::sync::{Mutex, MutexGuard};

use super::model::hex;
use crate::base::ids::Id;
use crate::store::Tenant;

/// Held while a content gets its name and its row, and while one without a row is removed: or a content might go that
/// somebody is just about to refer to.
static NAMING: Mutex<()> = Mutex::const_new(());
/// Held while a part of a content is added: two depots may bring the same.
static ARRIVING: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Where contents lie.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
}

impl Vault {
    /// Under the data folder `folder`.
    #[must_use]
    pub fn under(folder: &Path) -> Self {
        Self { folder: folder.join("attachments") }
    }

    /// Where a file lies while it comes; its folder is made when it is missing.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn incoming(&self, id: Id) -> io::Result<PathBuf> {
        let folder = self.folder.join("incoming");
        std::fs::create_dir_all(&folder)?;
        Ok(folder.join(id.to_string()))
    }

    /// Where the content of a tenant with this hash lies.
    #[must_use]
    pub fn content(&self, tenant: Tenant, hash: &[u8; 32]) -> PathBuf {
        let name = hex(hash);
        self.folder.join(tenant.to_string()).join(&name[..2]).join(name)
    }

    /// Waits until nobody else names or removes contents.
    pub async fn naming(&self) -> MutexGuard<'static, ()> {
        NAMING.lock().await
    }

    /// Gives the file `incoming`, which is durable, the name of its content. One that is there already stays, and the
    /// other goes.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn settle(&self, incoming: &Path, tenant: Tenant, hash: &[u8; 32]) -> io::Result<()> {
        let content = self.content(tenant, hash);
        if content.exists() {
            return std::fs::remove_file(incoming);
        }
        let folder = content.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)?;
        std::fs::rename(incoming, &content)?;
        // The name must outlive a power cut too: the row that refers to it is about to.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// Removes a content, if it is there.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn remove(&self, tenant: Tenant, hash: &[u8; 32]) -> io::Result<()> {
        match std::fs::remove_file(self.content(tenant, hash)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Where a content lies while it comes from a depot, part by part.
    fn arriving(&self, tenant: Tenant, hash: &[u8; 32]) -> PathBuf {
        self.folder.join("arriving").join(format!("{tenant}-{}", hex(hash)))
    }

    /// How many bytes of a content have come from a depot.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn arrived(&self, tenant: Tenant, hash: &[u8; 32]) -> io::Result<u64> {
        match std::fs::metadata(self.arriving(tenant, hash)) {
            Ok(known) => Ok(known.len()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Adds what came from `at` on, durable when this returns; says how many bytes there are now. What does not go on
    /// where the last part ended is left out.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn append(&self, tenant: Tenant, hash: &[u8; 32], at: u64, part: &[u8]) -> io::Result<u64> {
        let _one = ARRIVING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.arriving(tenant, hash);
        std::fs::create_dir_all(self.folder.join("arriving"))?;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        let have = file.metadata()?.len();
        if have != at {
            return Ok(have);
        }
        file.write_all(part)?;
        file.sync_data()?;
        Ok(have + part.len() as u64)
    }

    /// Holds what came against its hash and gives it its place; false when it is something else, and then it is gone.
    ///
    /// # Errors
    /// When the folder can't be read or written.
    pub fn complete(&self, tenant: Tenant, hash: &[u8; 32], size: u64) -> io::Result<bool> {
        let _one = ARRIVING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.arriving(tenant, hash);
        if self.content(tenant, hash).exists() {
            return Ok(true);
        }
        let mut file = std::fs::File::open(&path)?;
        let mut hasher = blake3::Hasher::new();
        let read = io::copy(&mut file, &mut hasher)?;
        if read != size || hasher.finalize().as_bytes() != hash {
            std::fs::remove_file(&path)?;
            return Ok(false);
        }
        file.sync_all()?;
        let _naming = NAMING.blocking_lock();
        self.settle(&path, tenant, hash)?;
        Ok(true)
    }

    /// Removes what a crash left of files that were coming. Only while nobody sends one.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn tidy(&self) -> io::Result<usize> {
        let folder = self.folder.join("incoming");
        let mut gone = 0;
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
            other => other?,
        };
        for entry in entries {
            std::fs::remove_file(entry?.path())?;
            gone += 1;
        }
        Ok(gone)
    }
}
