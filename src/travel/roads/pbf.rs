//! The frame of an .osm.pbf file: blobs one behind the other, each a header and a block that is packed by zlib; and the
//! little of protocol buffers that it takes. By the format's own description, "PBF Format" of the OpenStreetMap wiki.

use std::io::{ErrorKind, Read};

use flate2::read::ZlibDecoder;

use super::MapError;

/// Bytes a blob's header may have, by the format.
const MAX_HEADER: u32 = 64 * 1024;
/// Bytes a blob may have, packed or not, by the format.
const MAX_BLOB: u64 = 32 * 1024 * 1024;

/// What a message says in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// Bytes: a text, a message, or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes; none of a number.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => &[],
        }
    }

    /// The number; 0 of bytes.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Number(n) => n,
            Self::Bytes(_) => 0,
        }
    }
}

/// Reads one number of variable length.
///
/// # Errors
/// When it does not end.
pub fn number(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut out = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("a number is cut off")?;
        *bytes = rest;
        out |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(out);
        }
    }
    Err("a number is longer than 64 bits".into())
}

/// A number that may be negative, as the format writes differences.
#[must_use]
pub const fn signed(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

/// Packed numbers.
pub fn numbers(mut bytes: &[u8]) -> impl Iterator<Item = Result<u64, String>> {
    std::iter::from_fn(move || if bytes.is_empty() { None } else { Some(number(&mut bytes)) }).fuse()
}

/// Goes through the fields of a message: `f` is given each one's number and value.
///
/// # Errors
/// When the message is cut off, and what `f` refuses.
pub fn fields<'a>(
    mut bytes: &'a [u8],
    mut f: impl FnMut(u64, Value<'a>) -> Result<(), String>,
) -> Result<(), String> {
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let mut take = |n: usize| {
            let (head, rest) = bytes.split_at_checked(n).ok_or("a field is cut off")?;
            bytes = rest;
            Ok::<_, String>(head)
        };
        let value = match tag & 7 {
            0 => Value::Number(number(&mut bytes)?),
            1 => Value::Bytes(take(8)?),
            2 => {
                let n = number(&mut bytes)?;
                let n = usize::try_from(n).map_err(|_| "a field is cut off")?;
                let (head, rest) = bytes.split_at_checked(n).ok_or("a field is cut off")?;
                bytes = rest;
                Value::Bytes(head)
            }
            5 => Value::Bytes(take(4)?),
            other => return Err(format!("a field has the unknown type {other}")),
        };
        f(tag >> 3, value)?;
    }
    Ok(())
}

/// A block of the file.
#[derive(Debug)]
pub struct Block {
    /// Where its blob begins in the file.
    pub at: u64,
    /// Whether it is the file's heading, not data.
    pub is_heading: bool,
    /// What is in it, unpacked.
    pub bytes: Vec<u8>,
}

/// The blocks of a file in order; kinds that are not known are passed over.
pub struct Blocks<R> {
    file: R,
    at: u64,
    is_first: bool,
}

impl<R: Read> Blocks<R> {
    /// Of `file`, from its beginning.
    pub const fn new(file: R) -> Self {
        Self { file, at: 0, is_first: true }
    }

    fn exactly(&mut self, n: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; n];
        self.file.read_exact(&mut bytes).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => "it ends in the middle of a block".to_owned(),
            _ => e.to_string(),
        })?;
        Ok(bytes)
    }

    /// The next block; none at the end.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn advance(&mut self) -> Result<Option<Block>, MapError> {
        loop {
            let at = self.at;
            match self.read() {
                Ok(None) => return Ok(None),
                Ok(Some((kind, bytes))) => {
                    let is_heading = kind == b"OSMHeader";
                    if self.is_first && !is_heading {
                        return Err(MapError::damaged(at, "it does not begin with a heading"));
                    }
                    self.is_first = false;
                    if is_heading || kind == b"OSMData" {
                        let bytes = unpacked(&bytes).map_err(|why| MapError::damaged(at, why))?;
                        return Ok(Some(Block { at, is_heading, bytes }));
                    }
                }
                Err(why) => return Err(MapError::damaged(at, why)),
            }
        }
    }

    /// The next blob's kind and content.
    fn read(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>, String> {
        let mut length = [0; 4];
        match self.file.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(e) => return Err(e.to_string()),
        }
        length[1..].copy_from_slice(&self.exactly(3)?);
        let length = u32::from_be_bytes(length);
        if length > MAX_HEADER {
            return Err(format!("a block's heading claims {length} bytes"));
        }
        let header = self.exactly(length as usize)?;
        let (mut kind, mut size) = (Vec::new(), 0);
        fields(&header, |field, value| {
            match field {
                1 => kind = value.bytes().to_vec(),
                3 => size = value.number(),
                _ => {}
            }
            Ok(())
        })?;
        if size > MAX_BLOB {
            return Err(format!("a block claims {size} bytes"));
        }
        let bytes = self.exactly(usize::try_from(size).unwrap_or(usize::MAX))?;
        self.at += 4 + u64::from(length) + size;
        Ok(Some((kind, bytes)))
    }
}

/// The content of a blob.
fn unpacked(blob: &[u8]) -> Result<Vec<u8>, String> {
    let (mut plain, mut packed, mut size, mut other) = (None, None, 0, false);
    fields(blob, |field, value| {
        match field {
            1 => plain = Some(value.bytes()),
            2 => size = value.number(),
            3 => packed = Some(value.bytes()),
            4..=7 => other = true,
            _ => {}
        }
        Ok(())
    })?;
    if let Some(plain) = plain {
        return Ok(plain.to_vec());
    }
    let Some(packed) = packed else {
        let why = if other { "a block is packed in another way than zlib" } else { "a block is empty" };
        return Err(why.into());
    };
    if size > MAX_BLOB {
        return Err(format!("a block claims {size} bytes unpacked"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // Whatever it claims: no more is unpacked than the format allows.
    let mut limited = ZlibDecoder::new(packed).take(MAX_BLOB + 1);
    limited.read_to_end(&mut bytes).map_err(|e| format!("a block can't be unpacked: {e}"))?;
    if bytes.len() as u64 != size {
        return Err(format!("a block unpacks to {} bytes where it claims {size}", bytes.len()));
    }
    Ok(bytes)
}
