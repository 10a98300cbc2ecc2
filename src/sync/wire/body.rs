//! How a message is written and packed, and what is refused unread.

use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MAX_DEPTH, MAX_PACKED, MAX_PLAIN};

/// How hard bodies are packed.
const LEVEL: i32 = 3;

/// The largest window an unpacker keeps, as a power of two.
const WINDOW_LOG: u32 = 23;

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Larger than a message may be.
    #[error("the message is larger than the {limit} bytes that are taken; send fewer changes at once")]
    TooBig {
        /// The limit that was passed.
        limit: usize,
    },
    /// Not what it should be.
    #[error("the message can't be read: {0}")]
    Malformed(String),
}

/// The bytes of a message, not packed.
///
/// # Errors
/// When memory can't be had.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, WireError> {
    rmp_serde::to_vec_named(message).map_err(|e| WireError::Malformed(e.to_string()))
}

/// The message in `bytes`, which are not packed.
///
/// # Errors
/// When they are no such message, nested too deep, or more than [`MAX_PLAIN`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() > MAX_PLAIN {
        return Err(WireError::TooBig { limit: MAX_PLAIN });
    }
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut reader).map_err(|e| WireError::Malformed(e.to_string()))
}

/// Packs a body.
///
/// # Errors
/// When it is larger than a body may be.
pub fn pack(plain: &[u8]) -> Result<Vec<u8>, WireError> {
    if plain.len() > MAX_PLAIN {
        return Err(WireError::TooBig { limit: MAX_PLAIN });
    }
    let packed = zstd::encode_all(plain, LEVEL).map_err(|e| WireError::Malformed(e.to_string()))?;
    if packed.len() > MAX_PACKED { Err(WireError::TooBig { limit: MAX_PACKED }) } else { Ok(packed) }
}

/// A body packed, when that saves more than it takes to say so.
#[must_use]
pub fn packed_if_smaller(plain: &[u8]) -> Option<Vec<u8>> {
    const SAID: usize = "content-encoding: zstd\r\n".len();
    pack(plain).ok().filter(|packed| packed.len() + SAID < plain.len())
}

/// Unpacks a body, never more than [`MAX_PLAIN`] bytes of it.
///
/// # Errors
/// When it is too large, packed or unpacked, or damaged.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, WireError> {
    if packed.len() > MAX_PACKED {
        return Err(WireError::TooBig { limit: MAX_PACKED });
    }
    let bad = |e: std::io::Error| WireError::Malformed(e.to_string());
    let mut reader = zstd::Decoder::new(packed).map_err(bad)?;
    reader.window_log_max(WINDOW_LOG).map_err(bad)?;
    let mut plain = Vec::new();
    reader.take(MAX_PLAIN as u64 + 1).read_to_end(&mut plain).map_err(bad)?;
    if plain.len() > MAX_PLAIN { Err(WireError::TooBig { limit: MAX_PLAIN }) } else { Ok(plain) }
}

/// What a session's signature is over: the challenge, and the map as it came without `sig`.
///
/// # Errors
/// When the bytes are no map.
pub fn signed_part(challenge: &[u8; 32], body: &[u8]) -> Result<Vec<u8>, WireError> {
    let value: rmpv::Value = decode(body)?;
    let rmpv::Value::Map(fields) = value else { return Err(WireError::Malformed("not a map".into())) };
    let fields = fields.into_iter().filter(|(k, _)| k.as_str() != Some("sig")).collect();
    let mut out = challenge.to_vec();
    rmpv::encode::write_value(&mut out, &rmpv::Value::Map(fields))
        .map_err(|e| WireError::Malformed(e.to_string()))?;
    Ok(out)
}
