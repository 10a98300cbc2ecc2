//! Contents of documents that depots bring: kept in parts until they are whole, held against their hash, and then put
//! where contents lie.

use super::super::wire::files::{FileHas, FilePart, MAX_PART};
use super::super::wire::{Code, Refusal};
use super::{Caller, Hq};
use crate::attachments::model::{CONTENTS, hex};
use crate::attachments::vault::Vault;

fn no_disk(e: &std::io::Error) -> Refusal {
    Refusal { retry_ms: Some(60_000), ..Refusal::new(Code::Busy) }
        .saying(format!("the content can't be stored at headquarters: {e}"))
}

/// Takes a part in; durable when it returns. A part that does not go on where the last one ended changes nothing.
///
/// # Errors
/// A refusal: too large, no room, or not what its hash says; then what came of it is gone.
pub fn take(hq: &Hq, who: Caller, part: &FilePart) -> Result<FileHas, Refusal> {
    let Some(vault) = &hq.vault else {
        return Err(Refusal::new(Code::Scope).saying("contents are not taken here"));
    };
    if part.size == 0 || part.size > hq.limits.file {
        let said = format!("a content of {} bytes; 1 to {} are taken", part.size, hq.limits.file);
        return Err(Refusal::new(Code::TooBig).saying(said));
    }
    if part.part.len() > MAX_PART || part.at.saturating_add(part.part.len() as u64) > part.size {
        return Err(Refusal::new(Code::Malformed).saying("a part is larger than it may be"));
    }
    let hash = &*part.f;
    let refs = hq.store.read(who.tenant, |tx| CONTENTS.get(tx, &hash[..]))?;
    // Removed since, or here already.
    let done = refs.is_some_and(|r| r.count == 0) || vault.content(who.tenant, hash).exists();
    if done {
        return Ok(FileHas { f: part.f, have: part.size, done });
    }
    if part.part.is_empty() {
        let have = vault.arrived(who.tenant, hash).map_err(|e| no_disk(&e))?;
        return if have >= part.size {
            finish(vault, who, part)
        } else {
            Ok(FileHas { f: part.f, have, done })
        };
    }
    if !hq.store.status().imports {
        let said = "there is no room for contents on headquarters' disk";
        return Err(Refusal { retry_ms: Some(60_000), ..Refusal::new(Code::Busy) }.saying(said));
    }
    let have = vault.append(who.tenant, hash, part.at, &part.part).map_err(|e| no_disk(&e))?;
    if have >= part.size { finish(vault, who, part) } else { Ok(FileHas { f: part.f, have, done }) }
}

/// Holds what has come whole against its hash, and gives it its place.
fn finish(vault: &Vault, who: Caller, part: &FilePart) -> Result<FileHas, Refusal> {
    let whole = vault.complete(who.tenant, &part.f, part.size).map_err(|e| no_disk(&e))?;
    if !whole {
        let said = format!("what came is not the content {}: send it anew", hex(&part.f));
        return Err(Refusal::new(Code::Malformed).saying(said));
    }
    Ok(FileHas { f: part.f, have: part.size, done: true })
}
