//! A depot's side of the exchange by files.

use serde_bytes::{ByteArray, ByteBuf};

use super::super::carried::{FileError, Inbound, Leg, Outbound, Reader, Writer};
use super::super::hq::Verify;
use super::super::keys;
use super::super::wire::files::{FilePart, MAX_PART};
use super::super::wire::{self, Call, Log, MAX_CHANGES};
use super::files::{Waiting, read};
use super::tables::{save, standing};
use super::{Depot, Link, LinkError, SyncError, push};
use crate::base::clock::Timestamp;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::log::{self, own};
use crate::store::StoreError;

/// Bytes of changes in one message of a file.
const ROOM: push::Room = push::Room { wanted: MAX_CHANGES, most: MAX_CHANGES, bytes: wire::BATCH_BYTES };

/// Nobody is there to be asked.
struct NoLine;

impl Link for NoLine {
    fn ask(&mut self, _: Call, _: Option<&[u8; 32]>, _: &[u8]) -> Result<Vec<u8>, LinkError> {
        Err(LinkError::Down(
            "a file holds less than this depot needs: it has to reach headquarters once".into(),
        ))
    }
}

/// What a file of headquarters brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Changes it acknowledged.
    pub acknowledged: u64,
    /// Feed entries that were new here.
    pub entries: u64,
}

impl Depot {
    /// A file of all that headquarters has not acknowledged, as far as a file may hold it; and how many changes are in.
    ///
    /// # Errors
    /// [`SyncError::Unenrolled`] before it joined; storage failures.
    pub fn export(&self) -> Result<(Vec<u8>, u64), SyncError> {
        super::relog::reissue(self)?;
        let (origin, s) =
            self.store.read(self.tenant, |tx| Ok::<_, StoreError>((Origin::load(tx)?, standing(tx)?)))?;
        if origin.site == UNENROLLED {
            return Err(SyncError::Unenrolled);
        }
        let head = Outbound {
            site: origin.site,
            ep: origin.epoch,
            key: ByteArray::new(keys::key_id(&self.key.public())),
            generation: s.generation,
            cur: s.cur,
        };
        let (mut file, mut n) = (Writer::new(&head)?, 0);
        'logs: for l in Log::ALL {
            let mut after = *s.acked.of(l);
            while let Some(batch) = self.store.read(self.tenant, |tx| push::batch(tx, l, after, ROOM))? {
                if !file.add(&batch)? {
                    break 'logs;
                }
                after += batch.ch.len() as u64;
                n += batch.ch.len() as u64;
            }
        }
        self.add_files(&mut file)?;
        Ok((file.signed(&*self.key), n))
    }

    /// Adds contents that headquarters lacks, from where it has them, as far as there is room.
    fn add_files(&self, file: &mut Writer) -> Result<(), SyncError> {
        let Some(vault) = &self.vault else { return Ok(()) };
        let failed = |e: std::io::Error| StoreError::Io(format!("a document's content can't be read: {e}"));
        for Waiting { hash, unsent } in self.waiting()? {
            let Ok(mut content) = std::fs::File::open(vault.content(self.tenant, &hash)) else { continue };
            let size = content.metadata().map_err(failed)?.len();
            let mut at = unsent.have.min(size);
            while at < size {
                let part = ByteBuf::from(read(&mut content, at, MAX_PART as u64).map_err(failed)?);
                let next = at + part.len() as u64;
                if next == at || !file.add(&FilePart { f: ByteArray::new(hash), size, at, part })? {
                    return Ok(());
                }
                at = next;
            }
        }
        Ok(())
    }

    /// Takes in headquarters' answer to such a file; `public` is the key that was pinned.
    ///
    /// # Errors
    /// [`FileError`] in words when it is not meant for this depot; storage failures.
    pub fn import(
        &mut self,
        bytes: &[u8],
        public: &[u8; 32],
        verify: Verify,
        now: Timestamp,
    ) -> Result<Brought, CarriedError> {
        let file = Reader::open(bytes)?;
        if !file.is_by(public, verify) {
            return Err(CarriedError::Forged);
        }
        let head: Inbound = file.head()?;
        let files = head.files.clone();
        let acknowledged = self
            .write(move |tx| {
                let (origin, mut s) = (Origin::load(tx)?, standing(tx)?);
                let mut n = 0;
                if origin.site != head.site || origin.epoch != head.ep {
                    return Ok(None);
                }
                for l in Log::ALL {
                    let Some(shown) = head.acks.of(l) else { continue };
                    // Of another copy's log nothing is acknowledged here.
                    let ours = log::hash_at(tx, own(l.letter(), &origin), shown.0)?;
                    if ours == Some(*shown.1) && shown.0 > *s.acked.of(l) {
                        n += shown.0 - *s.acked.of(l);
                        *s.acked.of_mut(l) = shown.0;
                    }
                }
                save(tx, &s)?;
                Ok(Some(n))
            })?
            .ok_or(CarriedError::Another)?;
        for has in files {
            self.heard_of_file(has)?;
        }
        let mut brought = Brought { acknowledged, ..Brought::default() };
        for message in file.messages() {
            let Leg { from, page } = wire::decode(&wire::unpack(message)?)?;
            let s = self.standing()?;
            if s.generation != page.generation || (s.cur.own >= page.c.own && s.cur.shared >= page.c.shared) {
                continue;
            }
            if s.cur != from {
                return Err(CarriedError::Gap);
            }
            brought.entries += (page.f.own.len() + page.f.shared.len()) as u64;
            self.take(&mut NoLine, page, now)?;
        }
        Ok(brought)
    }
}

/// A file can't be taken in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CarriedError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not by whom it says.
    #[error("the file's signature does not hold: it was changed on its way, or another one made it")]
    Forged,
    /// It is for another depot, or for an earlier life of this one.
    #[error("the file is for another depot, or for this one before it began a new log; export anew")]
    Another,
    /// Something before it is missing.
    #[error("the file goes on behind what this depot has; take in the ones before it first, or export anew")]
    Gap,
    /// As in a turn.
    #[error(transparent)]
    Sync(#[from] SyncError),
}

impl From<wire::WireError> for CarriedError {
    fn from(e: wire::WireError) -> Self {
        Self::File(e.into())
    }
}

impl From<StoreError> for CarriedError {
    fn from(e: StoreError) -> Self {
        Self::Sync(e.into())
    }
}
