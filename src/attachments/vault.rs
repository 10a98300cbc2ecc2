//! The folder of contents: each under its own hash, so that it is there once a tenant, however often it is sent.

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::{Mutex, MutexGuard};

use super::model::hex;
use crate::base::ids::Id;
use crate::store::Tenant;

/// Held while a content gets its name and its row, and while one without a row is removed: or a content might go that
/// somebody is just about to refer to.
static NAMING: Mutex<()> = Mutex::const_new(());

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
