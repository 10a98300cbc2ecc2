//! Status maps as data: a tenant's own map of a source, else the shipped one; and what no map knows, kept and listed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::map_file::MAX_ROWS;
use super::maps::{Compiled, Map, shipped, sources};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::first_record;
use crate::identity::features::EditStatusMaps;
use crate::identity::grant::Grant;
use crate::journal::reference::{self, Ref, Reference};
use crate::journal::{Cx, Folded};
use crate::store::table::{Checked, Rows};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx, key};

/// A tenant's own map of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnMap {
    /// The map.
    pub map: Map,
}

static OWN: Table<Id, Folded<Ref<OwnMap>>> = Table::new(22, "status_maps", Home::ById);

impl Reference for OwnMap {
    const NAME: &'static str = "status_map";
    const KIND: u16 = 0x140;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &OWN;
}

/// The id of a source's map.
#[must_use]
pub fn map_id(source: &str) -> Id {
    Id::derived(&[b"status_map", source.as_bytes()])
}

/// The map that counts for `source`, and its revision (0 for a shipped or empty one).
///
/// # Errors
/// Storage failures.
pub fn map_of(tx: &dyn ReadTx, source: &str) -> Result<(Map, u64)> {
    if let Some((own, rev)) = reference::get::<OwnMap>(tx, map_id(source))? {
        return Ok((own.map, rev));
    }
    let shipped = shipped(source).cloned();
    Ok((shipped.unwrap_or_else(|| Map { source: source.to_owned(), rows: Vec::new() }), 0))
}

/// The map that counts for `source`, ready to look up in.
///
/// # Errors
/// Storage failures.
pub fn compiled(tx: &dyn ReadTx, source: &str) -> Result<Arc<Compiled>> {
    Ok(Arc::new(Compiled::new(Arc::new(map_of(tx, source)?.0))))
}

/// Sets the tenant's own map of a source.
///
/// # Errors
/// When it has too many rows, or one without a code or with an unknown reason; when it has changed since revision `seen`.
pub fn set(
    tx: &mut dyn WriteTx,
    _: &Grant<EditStatusMaps>,
    cx: &Cx,
    map: Map,
    seen: Option<u64>,
) -> std::result::Result<u64, MapError> {
    check(&map)?;
    let id = map_id(&map.source);
    let found = reference::get::<OwnMap>(tx, id)?.map_or(0, |(_, rev)| rev);
    match seen {
        Some(seen) if seen != found => return Err(MapError::Stale { found, seen }),
        None if found > 0 => return Err(MapError::Unconditional),
        Some(_) | None => {}
    }
    Ok(reference::set(tx, cx, id, Some(OwnMap { map }))?.rev)
}

fn check(map: &Map) -> std::result::Result<(), Invalid> {
    let mut wrong: Vec<Problem> = text::required("/source", &map.source, 64).err().into_iter().collect();
    if map.rows.len() > MAX_ROWS {
        wrong
            .push(Problem::new("/rows", format!("has {} rows; at most {MAX_ROWS} are kept", map.rows.len())));
    }
    for (i, row) in map.rows.iter().enumerate().take(MAX_ROWS) {
        wrong.extend(text::required(&format!("/rows/{i}/code"), &row.code, text::SHORT).err());
        wrong.extend(text::optional(&format!("/rows/{i}/meaning"), &row.meaning, text::LONG).err());
        if let Some(reason) = row.reason.as_deref().filter(|r| !super::issues::REASONS.contains(r)) {
            wrong.push(Problem::new(format!("/rows/{i}/reason"), format!("\"{reason}\" is no reason code")));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Invalid(wrong)) }
}

/// Why a map could not be set.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// It makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It has changed since it was read.
    #[error("the map is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// There is a map already, and the caller does not say which revision of it they have seen.
    #[error("name the revision you have seen: send its ETag as If-Match, or as \"version\"")]
    Unconditional,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::base::error::Fault for MapError {
    fn kind(&self) -> crate::base::error::Kind {
        match self {
            Self::Invalid(e) => e.kind(),
            Self::Stale { .. } => crate::base::error::Kind::Stale,
            Self::Unconditional => crate::base::error::Kind::Unconditional,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "status_map.invalid",
            Self::Stale { .. } => "status_map.stale",
            Self::Unconditional => "request.unconditional",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.0.clone(),
            Self::Stale { .. } | Self::Unconditional | Self::Store(_) => Vec::new(),
        }
    }
}

/// A source that has a map.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceView {
    /// The source.
    pub source: String,
    /// How many codes its map has.
    pub rows: usize,
    /// Whether the tenant has a map of its own for it.
    pub own: bool,
}

/// Every source with a map, own ones first.
///
/// # Errors
/// Storage failures.
pub fn list(tx: &dyn ReadTx) -> Result<Vec<SourceView>> {
    const MOST: usize = 1_000;
    let own = OWN.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MOST)?;
    let own = own.items.into_iter().filter_map(|e| e.value.state.value);
    let mut all: Vec<SourceView> =
        own.map(|o| SourceView { source: o.map.source, rows: o.map.rows.len(), own: true }).collect();
    for source in sources() {
        if !all.iter().any(|v| v.source == source) {
            all.push(SourceView {
                source: source.to_owned(),
                rows: shipped(source).map_or(0, |m| m.rows.len()),
                own: false,
            });
        }
    }
    Ok(all)
}

/// A code no map knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unmapped {
    /// Whose.
    pub source: String,
    /// The code.
    pub code: String,
    /// What stood beside it the last time.
    pub text: Option<String>,
    /// How often it came.
    pub count: u64,
    /// A parcel it came with.
    pub parcel: Id,
    /// First time.
    pub first_at: Timestamp,
    /// Last time.
    pub last_at: Timestamp,
}
first_record!(Unmapped);

impl Unmapped {
    /// It came once, now.
    #[must_use]
    pub fn new(source: &str, code: &str, text: Option<&str>, parcel: Id, now: Timestamp) -> Self {
        Self {
            source: source.into(),
            code: code.into(),
            text: text.map(Into::into),
            count: 1,
            parcel,
            first_at: now,
            last_at: now,
        }
    }

    fn key(&self) -> Vec<u8> {
        key::text_then(&self.source, self.code.as_bytes())
    }
}

const UNMAPPED: Table<[u8], Unmapped> = Table::new(23, "unmapped_codes", Home::Local);

/// Counts a code no map knows.
///
/// # Errors
/// Storage failures.
pub fn note_unmapped(tx: &mut dyn WriteTx, seen: &Unmapped) -> Result<()> {
    let key = seen.key();
    let now = match UNMAPPED.get(tx, &key)? {
        Some(known) => Unmapped { count: known.count + 1, first_at: known.first_at, ..seen.clone() },
        None => seen.clone(),
    };
    UNMAPPED.put(tx, &key, &now).map(drop)
}

/// Codes no map knew when they came.
///
/// # Errors
/// Storage failures.
pub fn unmapped(
    tx: &dyn ReadTx,
    source: Option<&str>,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Rows<Unmapped>> {
    let range = source.map_or_else(KeyRange::all, |s| KeyRange::prefix(&key::text_then(s, &[])));
    UNMAPPED.scan(tx, Ix::Primary, &range.resume(after), Dir::Up, limit)
}

/// This module's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&OWN, &UNMAPPED]
}
