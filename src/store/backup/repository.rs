//! The folder backups live in: its header, its chunks, its manifests. Every file is written beside its place, synced
//! and renamed, so that a crash leaves no half file under a good name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};

use super::{BackupError, Result, chunk};

/// The layout of the folder.
const FORMAT: u32 = 1;
/// Memory in KiB, passes and lanes of argon2id: a passphrase is tried once a backup, so it may cost a quarter second.
const COST: (u32, u32, u32) = (64 << 10, 3, 1);
/// No header makes us use more memory than this.
const MAX_MEMORY_KIB: u32 = 1 << 20;
/// The largest manifest that is read: a million chunks.
const MAX_MANIFEST: u64 = 128 << 20;
const NONCE: usize = 24;

/// First byte of a chunk's file: how it is packed.
const PLAIN: u8 = 1;
const SEALED: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<SealHeader>,
}

/// What is needed to make the key from the passphrase again, and to tell a wrong one at once.
#[derive(Serialize, Deserialize)]
struct SealHeader {
    salt: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    proof: String,
}

struct Seal {
    cipher: XChaCha20Poly1305,
    names: [u8; 32],
}

/// An open repository. It is locked against other writers as long as it lives.
pub(super) struct Repository {
    folder: PathBuf,
    seal: Option<Seal>,
    _lock: Option<File>,
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |e| BackupError::Io { path: path.display().to_string(), why: e.to_string() }
}

impl Repository {
    /// Opens the repository in `folder`; with `make` an empty folder becomes one.
    pub(super) fn open(folder: &Path, passphrase: Option<&str>, make: bool) -> Result<Self> {
        let header_path = folder.join("repository.json");
        if make {
            fs::create_dir_all(folder.join("manifests")).map_err(at(folder))?;
        } else if !header_path.exists() {
            return Err(BackupError::None { folder: folder.display().to_string() });
        }
        let lock_path = folder.join("repository.lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        // A folder that can't be written to can't be changed under a restore either.
        let lock = if make { Some(lock.map_err(at(&lock_path))?) } else { lock.ok() };
        match lock.as_ref().map_or(Ok(()), File::try_lock) {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(BackupError::InUse { folder: folder.display().to_string() });
            }
            Err(fs::TryLockError::Error(e)) => return Err(at(&lock_path)(e)),
        }
        if make && !header_path.exists() {
            let seal = passphrase.map(fresh_seal).transpose()?;
            let text = serde_json::to_vec_pretty(&Header { format: FORMAT, seal })
                .map_err(|e| damaged("repository.json", &e))?;
            write_whole(&header_path, &text)?;
        }
        Ok(Self { _lock: lock, ..Self::look(folder, passphrase)? })
    }

    /// Opens it for looking at manifests alone, which come and go as a whole: whoever works there is not disturbed.
    pub(super) fn look(folder: &Path, passphrase: Option<&str>) -> Result<Self> {
        let header_path = folder.join("repository.json");
        let text = fs::read(&header_path).map_err(at(&header_path))?;
        let header: Header = serde_json::from_slice(&text).map_err(|e| damaged("repository.json", &e))?;
        if header.format != FORMAT {
            return Err(damaged(
                "repository.json",
                &format!("format {} is not known to this release", header.format),
            ));
        }
        let seal = match (header.seal, passphrase) {
            (None, None) => None,
            (Some(h), Some(p)) => Some(derive(&h, p)?),
            (Some(_), None) => {
                return Err(BackupError::Passphrase {
                    why: "this repository is encrypted; give its passphrase",
                });
            }
            (None, Some(_)) => {
                let why = "this repository is not encrypted; back up into an empty folder to begin an encrypted one";
                return Err(BackupError::Passphrase { why });
            }
        };
        Ok(Self { folder: folder.to_path_buf(), seal, _lock: None })
    }

    /// The name of `plain`: its hash, keyed when the repository is encrypted, so that a name tells nothing.
    pub(super) fn name(&self, plain: &[u8]) -> String {
        match &self.seal {
            Some(seal) => blake3::keyed_hash(&seal.names, plain),
            None => blake3::hash(plain),
        }
        .to_hex()
        .to_string()
    }

    fn chunk_path(&self, name: &str) -> PathBuf {
        self.folder.join("chunks").join(name.get(..2).unwrap_or("__")).join(name)
    }

    /// Keeps a chunk; returns its name and the bytes it took, 0 when it was there already.
    pub(super) fn keep(&self, plain: &[u8]) -> Result<(String, u64)> {
        let name = self.name(plain);
        let path = self.chunk_path(&name);
        if path.exists() {
            return Ok((name, 0));
        }
        let packed = zstd::bulk::compress(plain, 3).map_err(at(&path))?;
        let mut file = Vec::with_capacity(packed.len() + 64);
        match &self.seal {
            None => {
                file.push(PLAIN);
                file.extend(packed);
            }
            Some(seal) => {
                let mut nonce = [0; NONCE];
                getrandom::fill(&mut nonce).map_err(|e| at(&path)(io::Error::other(e.to_string())))?;
                let payload = Payload { msg: &packed, aad: name.as_bytes() };
                let boxed = seal
                    .cipher
                    .encrypt(&XNonce::from(nonce), payload)
                    .map_err(|_| damaged(&name, &"it can't be sealed"))?;
                file.push(SEALED);
                file.extend(nonce);
                file.extend(boxed);
            }
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        write_whole(&path, &file)?;
        Ok((name, file.len() as u64))
    }

    /// Whether there is a chunk `name`.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.chunk_path(name).exists()
    }

    /// The plain bytes of chunk `name`, held against their name.
    pub(super) fn fetch(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.chunk_path(name);
        let file = read_limited(&path, (chunk::MAX_PLAIN + 1024) as u64).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => BackupError::Missing { chunk: name.into() },
            _ => at(&path)(e),
        })?;
        let plain = self
            .unpack(name, &file)
            .and_then(|packed| zstd::bulk::decompress(&packed, chunk::MAX_PLAIN).ok());
        plain
            .filter(|p| self.name(p) == name)
            .ok_or_else(|| damaged(name, &"its bytes are not those that were kept"))
    }

    fn unpack(&self, name: &str, file: &[u8]) -> Option<Vec<u8>> {
        match (file.split_first()?, &self.seal) {
            ((&PLAIN, packed), None) => Some(packed.to_vec()),
            ((&SEALED, rest), Some(seal)) => {
                let (nonce, boxed) = rest.split_first_chunk::<NONCE>()?;
                seal.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: boxed, aad: name.as_bytes() }).ok()
            }
            _ => None,
        }
    }

    /// Keeps a manifest under `name`.
    pub(super) fn keep_manifest(&self, name: &str, text: &[u8]) -> Result<()> {
        write_whole(&self.folder.join("manifests").join(name), text)
    }

    /// The names of all manifests, oldest first.
    pub(super) fn manifests(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = files(&self.folder.join("manifests"))?;
        names.retain(|n| n.ends_with(".json"));
        names.sort();
        Ok(names)
    }

    /// The text of manifest `name`.
    pub(super) fn manifest(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join("manifests").join(name);
        read_limited(&path, MAX_MANIFEST).map_err(at(&path))
    }

    /// Whether there is a manifest `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.folder.join("manifests").join(name).exists()
    }

    /// Forgets manifest `name`.
    pub(super) fn drop_manifest(&self, name: &str) -> Result<()> {
        let path = self.folder.join("manifests").join(name);
        fs::remove_file(&path).map_err(at(&path))
    }

    /// Removes every chunk that `needed` does not want, and what a crash left half-written; returns how many and their
    /// bytes.
    pub(super) fn sweep(&self, needed: impl Fn(&str) -> bool) -> Result<(u64, u64)> {
        let (mut gone, mut bytes) = (0, 0);
        for shelf in files(&self.folder.join("chunks"))? {
            let shelf = self.folder.join("chunks").join(shelf);
            for name in files(&shelf)? {
                if !needed(&name) {
                    let path = shelf.join(&name);
                    bytes += fs::metadata(&path).map_or(0, |m| m.len());
                    fs::remove_file(&path).map_err(at(&path))?;
                    gone += 1;
                }
            }
        }
        Ok((gone, bytes))
    }
}

fn damaged(what: &str, why: &dyn std::fmt::Display) -> BackupError {
    BackupError::Damaged { what: what.into(), why: why.to_string() }
}

fn fresh_seal(passphrase: &str) -> Result<SealHeader> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|e| damaged("repository.json", &e))?;
    let mut header = SealHeader {
        salt: blake3::Hash::from(salt).to_hex().to_string(),
        memory_kib: COST.0,
        passes: COST.1,
        lanes: COST.2,
        proof: String::new(),
    };
    header.proof = proof(&master(&header, passphrase)?);
    Ok(header)
}

fn master(header: &SealHeader, passphrase: &str) -> Result<[u8; 32]> {
    let bad = |why: &str| damaged("repository.json", &why);
    if header.memory_kib > MAX_MEMORY_KIB {
        return Err(bad("it asks for more memory than a key may cost"));
    }
    let params = Params::new(header.memory_kib, header.passes, header.lanes, None)
        .map_err(|_| bad("its key parameters are out of range"))?;
    let mut key = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon
        .hash_password_into(passphrase.as_bytes(), header.salt.as_bytes(), &mut key)
        .map_err(|_| bad("its salt can't be used"))?;
    Ok(key)
}

fn proof(master: &[u8; 32]) -> String {
    blake3::Hash::from(blake3::derive_key("crossdock backup 1 proof", master)).to_hex().to_string()
}

fn derive(header: &SealHeader, passphrase: &str) -> Result<Seal> {
    let master = master(header, passphrase)?;
    if proof(&master) != header.proof {
        return Err(BackupError::Passphrase {
            why: "that is not the passphrase this repository was begun with",
        });
    }
    let key = blake3::derive_key("crossdock backup 1 chunks", &master);
    let names = blake3::derive_key("crossdock backup 1 names", &master);
    Ok(Seal { cipher: XChaCha20Poly1305::new(&key.into()), names })
}

fn files(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(folder)(e)),
    };
    entries.map(|e| e.map(|e| e.file_name().to_string_lossy().into_owned()).map_err(at(folder))).collect()
}

fn read_limited(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        Err(io::Error::other(format!("it is larger than {most} bytes")))
    } else {
        Ok(bytes)
    }
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temp = path.with_extension("half");
    let written = File::create(&temp).and_then(|mut f| {
        f.write_all(bytes)?;
        f.sync_all()?;
        fs::rename(&temp, path)?;
        sync_folder(path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temp);
    }
    written.map_err(at(path))
}

/// Makes a rename in the folder of `path` last.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
