//! Where an import's files lie: the file as it came, what was made of a spreadsheet, and its error file.

use std::path::{Path, PathBuf};

use super::model::IMPORTS;
use super::run::RunError;
use crate::base::ids::Id;
use crate::store::{Store, Tenant};

/// Where an import's files lie.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Under the data folder `folder`.
    #[must_use]
    pub fn under(folder: &Path) -> Self {
        Self { folder: folder.join("imports") }
    }

    /// The folder, made when it is missing.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn folder(&self) -> std::io::Result<&Path> {
        std::fs::create_dir_all(&self.folder)?;
        Ok(&self.folder)
    }

    /// The file as it came.
    #[must_use]
    pub fn data(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.csv"))
    }

    /// Its refused rows.
    #[must_use]
    pub fn errors(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.errors.csv"))
    }

    /// What was made of it when it is a spreadsheet.
    #[must_use]
    pub fn sheet(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.sheet.csv"))
    }

    /// The same while it is made.
    #[must_use]
    pub fn part(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.part.csv"))
    }

    /// Removes the files of import `id`.
    ///
    /// # Errors
    /// When one is there and can't be removed.
    pub fn remove(&self, id: Id) -> std::io::Result<()> {
        for file in [self.data(id), self.errors(id), self.sheet(id), self.part(id)] {
            match std::fs::remove_file(file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files no import of `tenants` has: what an upload left that was cut off. Only while nobody uploads.
    /// Says how many went; a file whose name is not ours stays.
    ///
    /// # Errors
    /// When the folder or the store can't be read.
    pub fn tidy(&self, store: &Store, tenants: &[Tenant]) -> Result<usize, RunError> {
        let mut gone = 0;
        for entry in std::fs::read_dir(self.folder()?)? {
            let entry = entry?;
            let name = entry.file_name();
            let stem = name.to_str().and_then(|n| n.strip_suffix(".csv"));
            let made = [".errors", ".sheet", ".part"];
            let stem = stem.map(|n| made.iter().find_map(|m| n.strip_suffix(m)).unwrap_or(n));
            let Some(id) = stem.and_then(|n| n.parse::<Id>().ok()) else { continue };
            let mut wanted = false;
            for tenant in tenants {
                wanted |= store.read(*tenant, |tx| IMPORTS.get(tx, &id))?.is_some();
            }
            if !wanted {
                std::fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}
