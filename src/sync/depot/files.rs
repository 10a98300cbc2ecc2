//! Contents of documents go to headquarters behind the logs: what it lacks, from where it has it, a part at a time and
//! within the bytes of the turn. To another life of headquarters all that lies here is offered anew.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use serde_bytes::{ByteArray, ByteBuf};

use super::super::wire::Call;
use super::super::wire::Code;
use super::super::wire::files::{FileHas, FilePart, MAX_PART};
use super::tables::{save, standing};
use super::{Depot, Link, LinkError, SyncError};
use crate::attachments::model::{CONTENTS, MAX_TRIES, UNSENT, Unsent};
use crate::attachments::vault::Vault;
use crate::store::{Dir, Ix, KeyRange, Result, StoreError};

/// Parts of one turn, so that what is done meanwhile does not wait for a large file.
const PARTS: u64 = 16;
/// Contents that are offered in one transaction.
const OFFERED: usize = 500;
/// Rows that are looked through for the next content.
const LOOKED: usize = 100;

/// A content that headquarters lacks, as far as we know.
pub(super) struct Waiting {
    pub(super) hash: [u8; 32],
    pub(super) unsent: Unsent,
}

impl Depot {
    /// Contents that headquarters does not have yet, as far as this depot knows; at most some hundred are counted.
    ///
    /// # Errors
    /// Storage failures.
    pub fn unsent_files(&self) -> Result<u64> {
        if self.vault.is_none() {
            return Ok(0);
        }
        self.store.read(self.tenant, |tx| {
            let rows = UNSENT.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, LOOKED)?;
            Ok(rows.items.iter().filter(|e| e.value.tries < MAX_TRIES).count() as u64)
        })
    }

    /// Contents that wait, the first in the order of their hashes.
    pub(super) fn waiting(&self) -> Result<Vec<Waiting>> {
        self.store.read(self.tenant, |tx| {
            let rows = UNSENT.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, LOOKED)?;
            let read = |e: &crate::store::Entry<Unsent>| {
                let hash = <[u8; 32]>::try_from(&e.pk[..]).ok()?;
                (e.value.tries < MAX_TRIES).then(|| Waiting { hash, unsent: e.value.clone() })
            };
            Ok(rows.items.iter().filter_map(read).collect())
        })
    }

    /// Sends what headquarters lacks; returns how many parts went, and whether more waits.
    ///
    /// # Errors
    /// As a turn.
    pub(super) fn send_files(
        &mut self,
        link: &mut dyn Link,
        budget: u64,
    ) -> std::result::Result<(u64, bool), SyncError> {
        let Some(vault) = self.vault.clone() else { return Ok((0, false)) };
        if self.offer_files(&vault)? {
            return Ok((0, true));
        }
        let (mut parts, mut left) = (0, budget);
        for Waiting { hash, unsent } in self.waiting()? {
            if !self.send_one(link, &vault, (hash, &unsent), (&mut parts, &mut left))? {
                break;
            }
        }
        // What was sent in vain too often waits for a person, and is no reason for another turn.
        Ok((parts, self.unsent_files()? > 0))
    }

    /// Sends one content; false when the turn's share is used up.
    fn send_one(
        &mut self,
        link: &mut dyn Link,
        vault: &Vault,
        (hash, unsent): ([u8; 32], &Unsent),
        (parts, left): (&mut u64, &mut u64),
    ) -> std::result::Result<bool, SyncError> {
        let failed = |e: std::io::Error| StoreError::Io(format!("a document's content can't be read: {e}"));
        let mut file = match File::open(vault.content(self.tenant, &hash)) {
            Ok(file) => file,
            // It was removed, or never lay here.
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.sent_file(hash)?;
                return Ok(true);
            }
            Err(e) => return Err(failed(e).into()),
        };
        let size = file.metadata().map_err(failed)?.len();
        let mut part = FilePart { f: ByteArray::new(hash), size, at: 0, part: ByteBuf::new() };
        loop {
            let has: FileHas = match self.ask(link, Call::File, &part) {
                Ok(has) => has,
                // It came otherwise than it lies here: once more from its begin, and then a person has to look.
                Err(SyncError::Link(LinkError::Refused(r)))
                    if matches!(r.e, Code::Malformed | Code::TooBig) =>
                {
                    tracing::warn!(hash = crate::attachments::model::hex(&hash), why = %r, "headquarters refuses a document's content");
                    let row = Unsent { tries: unsent.tries + 1, have: 0 };
                    self.write(move |tx| UNSENT.put(tx, &hash[..], &row).map(drop))?;
                    return Ok(true);
                }
                Err(e) => return Err(e),
            };
            if has.done {
                self.sent_file(hash)?;
                return Ok(true);
            }
            if *parts >= PARTS || *left == 0 {
                return Ok(false);
            }
            let most = (*left).min(MAX_PART as u64).min(size.saturating_sub(has.have));
            part = FilePart {
                at: has.have,
                part: ByteBuf::from(read(&mut file, has.have, most).map_err(failed)?),
                ..part
            };
            *parts += 1;
            *left = left.saturating_sub(part.part.len() as u64);
        }
    }

    /// Headquarters has it.
    fn sent_file(&self, hash: [u8; 32]) -> Result<()> {
        self.write(move |tx| UNSENT.del(tx, &hash[..]).map(drop))
    }

    /// Notes what a file of headquarters says of a content.
    pub(super) fn heard_of_file(&self, has: FileHas) -> Result<()> {
        let hash = *has.f;
        self.write(move |tx| match UNSENT.get(tx, &hash[..])? {
            Some(_) if has.done => UNSENT.del(tx, &hash[..]).map(drop),
            Some(row) => UNSENT.put(tx, &hash[..], &Unsent { have: has.have, ..row }).map(drop),
            None => Ok(()),
        })
    }

    /// Offers what lies here to a headquarters that has not been offered it in its present life; true while there is more.
    fn offer_files(&self, vault: &Vault) -> Result<bool> {
        let s = self.standing()?;
        if s.offered == s.generation {
            return Ok(false);
        }
        let (vault, tenant) = (vault.clone(), self.tenant);
        self.write(move |tx| {
            let mut s = standing(tx)?;
            let range = KeyRange::all().resume(s.offered_to.take().map(|at| at.into_vec()));
            let rows = CONTENTS.scan(tx, Ix::Primary, &range, Dir::Up, OFFERED)?;
            for e in rows.items.iter().filter(|e| e.value.count > 0) {
                let Ok(hash) = <[u8; 32]>::try_from(&e.pk[..]) else { continue };
                if vault.content(tenant, &hash).exists() {
                    UNSENT.put(tx, &hash[..], &Unsent::default())?;
                }
            }
            match rows.next {
                Some(at) => s.offered_to = Some(ByteBuf::from(at)),
                None => s.offered = s.generation,
            }
            let more = s.offered_to.is_some();
            save(tx, &s)?;
            Ok(more)
        })
    }
}

/// `most` bytes from `at` on; fewer at the end of the file.
pub(super) fn read(file: &mut File, at: u64, most: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
