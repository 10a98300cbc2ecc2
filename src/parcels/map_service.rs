//! Status maps as data: a tenant's own map of a source, else the shipped one; and what no map knows, kept and listed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::map_file::MAX_ROWS;
use super::maps::{Compiled, Map, shipped, shipped_compiled, sources};
use super::{map_runs, map_site, unmapped};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::EditStatusMaps;
use crate::identity::grant::Grant;
use crate::journal::reference::{self, Ref, Reference};
use crate::journal::{Cx, Folded};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, StoreError, Table, WriteTx};

/// A tenant's own map of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnMap {
    /// The map.
    pub map: Map,
    /// Whether the shipped rows count where it says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_shipped: bool,
    /// What it says of codes that came before it; nothing in maps of an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
}

/// What a map says of the codes that are stored already. Each node runs it over the parcels it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// When it was said.
    pub at: Timestamp,
    /// Whether codes that had another meaning are read anew too, and not only those that had none.
    pub all: bool,
}

static OWN: Table<Id, Folded<Ref<OwnMap>>> = Table::new(22, "status_maps", Home::ById);

impl Reference for OwnMap {
    const NAME: &'static str = "status_map";
    const KIND: u16 = 0x140;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &OWN;

    fn follow(tx: &mut dyn WriteTx, _: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let Some((own, stored)) = new.and_then(|n| Some((n, n.stored?))) else { return Ok(()) };
        if old == new { Ok(()) } else { map_runs::demand(tx, &own.map.source, stored) }
    }
}

/// The id of a source's map.
#[must_use]
pub fn map_id(source: &str) -> Id {
    Id::derived(&[b"status_map", source.as_bytes()])
}

/// The map that counts for `source`, and its revision (0 for a shipped or empty one). Shipped rows beneath an own map are
/// left out.
///
/// # Errors
/// Storage failures.
pub fn map_of(tx: &dyn ReadTx, source: &str) -> Result<(Map, u64)> {
    if let Some((own, rev)) = own(tx, source)? {
        return Ok((own.map, rev));
    }
    let shipped = shipped(source).cloned();
    Ok((shipped.unwrap_or_else(|| Map { source: source.to_owned(), rows: Vec::new() }), 0))
}

/// The tenant's own map of `source`, with its revision.
///
/// # Errors
/// Storage failures.
pub fn own(tx: &dyn ReadTx, source: &str) -> Result<Option<(OwnMap, u64)>> {
    reference::get::<OwnMap>(tx, map_id(source))
}

/// The map that counts for `source`, ready to look up in.
///
/// # Errors
/// Storage failures.
pub fn compiled(tx: &dyn ReadTx, source: &str) -> Result<Arc<Compiled>> {
    let Some((own, rev)) = own(tx, source)? else {
        let empty = || Compiled::new(Arc::new(Map { source: source.to_owned(), rows: Vec::new() }));
        let compiled = shipped_compiled(source).cloned().unwrap_or_else(empty);
        return Ok(Arc::new(map_site::above(tx, compiled)?));
    };
    let mut compiled = ready(own.map, own.over_shipped);
    compiled.rev = rev;
    Ok(Arc::new(map_site::above(tx, compiled)?))
}

/// The same as [`compiled`], from `had` when that is still it.
///
/// # Errors
/// Storage failures.
pub fn still(tx: &dyn ReadTx, source: &str, had: &Arc<Compiled>) -> Result<Arc<Compiled>> {
    let rev = OWN.look(tx, &map_id(source), |row| row.rev())?.unwrap_or(0);
    let same = rev == had.rev && map_site::rev(tx, source)? == had.site_rev();
    if same { Ok(Arc::clone(had)) } else { compiled(tx, source) }
}

/// `map` ready for look-ups, above the shipped rows of its source or alone.
#[must_use]
pub fn ready(map: Map, over_shipped: bool) -> Compiled {
    let compiled = Compiled::new(Arc::new(map));
    if over_shipped { compiled.over_shipped() } else { compiled }
}

/// Sets the tenant's own map of a source in place of all shipped rows. It counts for what comes, and for stored codes that
/// had no meaning.
///
/// # Errors
/// When it has too many rows, or one without a code or with an unknown reason; when it has changed since revision `seen`.
pub fn set(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditStatusMaps>,
    cx: &Cx,
    map: Map,
    seen: Option<u64>,
) -> std::result::Result<u64, MapError> {
    put(tx, grant, cx, Change { map, over_shipped: false, all: false, unseen: false }, seen)
}

/// An own map to be set.
#[derive(Clone, Debug)]
pub struct Change {
    /// The map.
    pub map: Map,
    /// Whether the shipped rows count where it says nothing.
    pub over_shipped: bool,
    /// Whether all stored codes are read anew, and not only those that had no meaning.
    pub all: bool,
    /// Whether it may take the place of one that the caller hasn't seen.
    pub unseen: bool,
}

/// Sets the tenant's own map of a source.
///
/// # Errors
/// As [`set`].
pub fn put(
    tx: &mut dyn WriteTx,
    _: &Grant<EditStatusMaps>,
    cx: &Cx,
    change: Change,
    seen: Option<u64>,
) -> std::result::Result<u64, MapError> {
    let Change { map, over_shipped, all, unseen } = change;
    check(&map)?;
    let present = own(tx, &map.source)?;
    let found = present.as_ref().map_or(0, |(_, rev)| *rev);
    match seen {
        Some(seen) if seen != found => return Err(MapError::Stale { found, seen }),
        None if found > 0 && !unseen => return Err(MapError::Unconditional),
        Some(_) | None => {}
    }
    // The same rows once more demand nothing, unless they are to be run over everything.
    let same = present.filter(|(own, _)| !all && own.map == map && own.over_shipped == over_shipped);
    let stored = match same {
        Some((own, _)) => own.stored,
        None => Some(Stored { at: cx.now, all }),
    };
    let id = map_id(&map.source);
    Ok(reference::set(tx, cx, id, Some(OwnMap { map, over_shipped, stored }))?.rev)
}

/// Whether a map makes sense.
///
/// # Errors
/// Names every row that is wrong.
pub fn check(map: &Map) -> std::result::Result<(), Invalid> {
    let mut wrong: Vec<Problem> = text::required("/source", &map.source, 64).err().into_iter().collect();
    if map.rows.len() > MAX_ROWS {
        wrong
            .push(Problem::new("/rows", format!("has {} rows; at most {MAX_ROWS} are kept", map.rows.len())));
    }
    for (i, row) in map.rows.iter().enumerate().take(MAX_ROWS) {
        wrong.extend(text::required(&format!("/rows/{i}/code"), &row.code, text::SHORT).err());
        wrong.extend(text::optional(&format!("/rows/{i}/meaning"), &row.meaning, text::LONG).err());
        for (name, cell) in [("sub", &row.sub), ("text_contains", &row.text_contains)] {
            let long = |t: &str| text::optional(&format!("/rows/{i}/{name}"), t, text::SHORT).err();
            wrong.extend(cell.as_deref().and_then(long));
        }
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
    /// It was never run over stored codes.
    #[error("the map of \"{0}\" was never run over stored codes; POST to its /apply to do so")]
    NoRun(String),
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
            Self::NoRun(_) => crate::base::error::Kind::NotFound,
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "status_map.invalid",
            Self::Stale { .. } => "status_map.stale",
            Self::Unconditional => "request.unconditional",
            Self::NoRun(_) => "status_map.no_run",
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.0.clone(),
            Self::Stale { .. } | Self::Unconditional | Self::NoRun(_) | Self::Store(_) => Vec::new(),
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

/// This module's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    [vec![&OWN as &dyn Checked], map_site::tables(), unmapped::tables(), map_runs::tables()].concat()
}
