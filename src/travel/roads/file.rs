//! The imported map in the data folder: one file, written whole or not at all, with a hash that tells whether it is sound.

use std::path::Path;

use bincode::config::{Configuration, standard};
use serde::{Deserialize, Serialize};

use super::MapError;
use super::graph::Graph;
use crate::base::clock::Timestamp;
use crate::identity::private;

/// Its name in the data folder.
pub const FILE: &str = "roads.map";
/// What it begins with; the number is that of its form.
const MAGIC: &[u8; 8] = b"CDROADS1";

/// Where a map comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name of the extract.
    pub name: String,
    /// When it was imported.
    pub imported_at: Timestamp,
}

const fn form() -> Configuration {
    standard()
}

/// Writes a map.
///
/// # Errors
/// When the folder takes it not.
pub fn write(path: &Path, origin: &Origin, graph: &Graph) -> Result<(), MapError> {
    let body =
        bincode::serde::encode_to_vec((origin, graph), form()).map_err(|why| MapError::io(path, why))?;
    let mut bytes = Vec::with_capacity(body.len() + 40);
    bytes.extend(MAGIC);
    bytes.extend(blake3::hash(&body).as_bytes());
    bytes.extend(body);
    private::write(path, &bytes).map_err(|why| MapError::io(path, why))
}

/// Reads the map; none where there is no file.
///
/// # Errors
/// When it is no sound one of this form.
pub fn read(path: &Path) -> Result<Option<(Origin, Graph)>, MapError> {
    let Some(bytes) = private::read(path).map_err(|why| MapError::io(path, why))? else { return Ok(None) };
    let damaged = || MapError::io(path, "it is damaged or of another release: import the map again");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (hash, body) = rest.split_at_checked(32).ok_or_else(damaged)?;
    if blake3::hash(body).as_bytes() != hash {
        return Err(damaged());
    }
    let (read, _) = bincode::serde::decode_from_slice(body, form()).map_err(|_| damaged())?;
    Ok(Some(read))
}
