//! The exchange by files, carried on a stick: the very batches that would be pushed, signed by the depot; and back what
//! headquarters acknowledged and has for it, signed by headquarters. Reading one twice does no harm.
//!
//! A file is [`MAGIC`], then frames (four bytes of length, big-endian, and the bytes: MessagePack packed with zstd, the
//! head first), then a frame of length 0 and an Ed25519 signature of 64 bytes over [`MAGIC`] and the BLAKE3 hash of all
//! before it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use super::keys::Sign;
use super::wire::files::FileHas;
use super::wire::{self, Cursors, Logs, MAX_PACKED, Pulled, Shown, WireError};

/// What a file begins with; the last digit is its version.
pub const MAGIC: &[u8; 16] = b"crossdock-sync-1";
/// Bytes of a file at the most.
pub const MAX_FILE: usize = 64 << 20;
const SIGNATURE: usize = 64;

/// The head of a depot's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// The site.
    pub site: u32,
    /// The epoch of its logs.
    pub ep: u64,
    /// Which key signs.
    pub key: ByteArray<8>,
    /// The life of headquarters that the depot knows.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Where it is in the feeds.
    pub cur: Cursors,
}

/// The head of headquarters' answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The site it is for.
    pub site: u32,
    /// The epoch the acknowledgements speak of.
    pub ep: u64,
    /// What headquarters has of each log now.
    pub acks: Logs<Option<Shown>>,
    /// How much headquarters has of the contents that were in the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileHas>,
}

/// A page of the feeds and where it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Behind this.
    pub from: Cursors,
    /// The page.
    pub page: Pulled,
}

/// A file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not one of ours, or not whole.
    #[error("this is no file of the exchange, or a part of it is missing")]
    Foreign,
    /// It holds too much.
    #[error("the file is larger than the {MAX_FILE} bytes that are taken")]
    TooLarge,
    /// Its content can't be read.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A file as it fills.
pub struct Writer(Vec<u8>);

impl Writer {
    /// Begins one.
    ///
    /// # Errors
    /// When the head can't be packed.
    pub fn new<T: Serialize>(head: &T) -> Result<Self, WireError> {
        let mut file = Self(MAGIC.to_vec());
        file.add(head)?;
        Ok(file)
    }

    /// Adds a message; false when there is no room for it any more, and then it is not in.
    ///
    /// # Errors
    /// When it can't be packed.
    pub fn add<T: Serialize>(&mut self, message: &T) -> Result<bool, WireError> {
        let packed = wire::pack(&wire::encode(message)?)?;
        if self.0.len() + packed.len() + 8 + SIGNATURE > MAX_FILE {
            return Ok(false);
        }
        self.0.extend((packed.len() as u32).to_be_bytes());
        self.0.extend(packed);
        Ok(true)
    }

    /// Signs it.
    #[must_use]
    pub fn signed(mut self, key: &dyn Sign) -> Vec<u8> {
        self.0.extend([0; 4]);
        let signature = key.sign(&signed_part(&self.0));
        self.0.extend(signature);
        self.0
    }
}

fn signed_part(bytes: &[u8]) -> Vec<u8> {
    [&MAGIC[..], blake3::hash(bytes).as_bytes()].concat()
}

/// A file as it is read: its signature is still to be held against a key.
pub struct Reader<'a> {
    frames: Vec<&'a [u8]>,
    signed: Vec<u8>,
    signature: [u8; SIGNATURE],
}

impl<'a> Reader<'a> {
    /// Takes a file apart.
    ///
    /// # Errors
    /// When it is none, or not whole.
    pub fn open(bytes: &'a [u8]) -> Result<Self, FileError> {
        if bytes.len() > MAX_FILE {
            return Err(FileError::TooLarge);
        }
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(FileError::Foreign)?;
        let mut frames = Vec::new();
        loop {
            let (length, behind) = rest.split_first_chunk::<4>().ok_or(FileError::Foreign)?;
            let length = u32::from_be_bytes(*length) as usize;
            if length == 0 {
                rest = behind;
                break;
            }
            if length > MAX_PACKED || length > behind.len() {
                return Err(FileError::Foreign);
            }
            let (frame, behind) = behind.split_at(length);
            frames.push(frame);
            rest = behind;
        }
        let signature = <[u8; SIGNATURE]>::try_from(rest).map_err(|_| FileError::Foreign)?;
        let signed = signed_part(&bytes[..bytes.len() - SIGNATURE]);
        Ok(Self { frames, signed, signature })
    }

    /// Whether the key `public` signed it.
    #[must_use]
    pub fn is_by(&self, public: &[u8; 32], verify: super::hq::Verify) -> bool {
        verify(public, &self.signed, &self.signature)
    }

    /// Its head.
    ///
    /// # Errors
    /// When it is none.
    pub fn head<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        let first = self.frames.first().ok_or(FileError::Foreign)?;
        Ok(wire::decode(&wire::unpack(first)?)?)
    }

    /// The messages behind the head, packed.
    pub fn messages(&self) -> impl Iterator<Item = &'a [u8]> {
        self.frames.iter().skip(1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::keys::{DepotKey, verify};

    #[test]
    fn a_file_is_whole_and_signed_or_it_is_refused() {
        let (key, other) = (DepotKey::fresh().unwrap(), DepotKey::fresh().unwrap());
        let mut file = Writer::new(&7_u32).unwrap();
        assert!(file.add(&"one").unwrap() && file.add(&"two").unwrap());
        let bytes = file.signed(&key);
        let read = Reader::open(&bytes).unwrap();
        assert_eq!(read.head::<u32>().unwrap(), 7);
        assert_eq!(read.messages().count(), 2);
        assert!(read.is_by(&key.public(), verify) && !read.is_by(&other.public(), verify));
        for cut in [0, 10, MAGIC.len() + 2, bytes.len() - 1] {
            assert!(Reader::open(&bytes[..cut]).is_err(), "{cut}");
        }
        for at in [MAGIC.len() + 5, bytes.len() - 1] {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert!(!Reader::open(&bent).is_ok_and(|r| r.is_by(&key.public(), verify)), "{at}");
        }
    }
}
