//! bincode, in the one place that uses it: for bytes we can make again (cursors, cached rows), never for what lasts
//! or comes from outside. bincode 2.0.1 is its last real release, hence the narrow door.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

/// The largest thing decoded here.
const LIMIT: usize = 1 << 20;

fn config() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// Encodes `value`.
///
/// # Errors
/// When it is larger than a megabyte.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    bincode::serde::encode_to_vec(value, config()).map_err(|e| StoreError::Codec { what, why: e.to_string() })
}

/// Decodes all of `bytes`.
///
/// # Errors
/// When they are not exactly one `T`.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    match bincode::serde::decode_from_slice(bytes, config()) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => {
            Err(StoreError::Codec { what, why: format!("{} bytes left over", bytes.len() - used) })
        }
        Err(e) => Err(StoreError::Codec { what, why: e.to_string() }),
    }
}
