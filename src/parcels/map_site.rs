//! A depot's own rows of a source, above the tenant's map and the shipped rows. They are that depot's: it sets them without
//! asking headquarters, which gets them and shows them. What a row made of a report is written down with the report, and
//! stored reports are read anew by the depot that keeps the parcel alone, so every site sees the same.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::map_runs;
use super::map_service::{MapError, Stored, check};
use super::maps::{Compiled, Map};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::identity::features::EditStatusMaps;
use crate::identity::grant::Grant;
use crate::journal::clock::{HEADQUARTERS, Origin, UNENROLLED};
use crate::journal::reference::{self, Ref, Reference};
use crate::journal::{Cx, Folded, SiteRef};
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// Depots' rows that are looked through at headquarters.
const MOST: usize = 10_000;

/// One depot's rows of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SiteMap {
    /// The depot, by the epoch of its first life.
    pub depot: u64,
    /// Its number when the rows were set; [`UNENROLLED`] before it had one.
    pub site: u32,
    /// The rows.
    pub map: Map,
    /// What they say of codes that came before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
}

static SITE: Table<Id, Folded<Ref<SiteMap>>> = Table::new(232, "site_status_maps", Home::ById);

impl Reference for SiteMap {
    const NAME: &'static str = "site_status_map";
    const KIND: u16 = 0x142;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &SITE;

    fn follow(tx: &mut dyn WriteTx, _: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let Some((own, stored)) = new.and_then(|n| Some((n, n.stored?))) else { return Ok(()) };
        // Only the depot whose rows they are reads what it keeps anew.
        if old == new || Origin::load(tx)?.first != own.depot {
            return Ok(());
        }
        map_runs::demand(tx, &own.map.source, stored)
    }
}

/// The id of a depot's rows of a source.
fn site_id(depot: u64, source: &str) -> Id {
    Id::derived(&[b"site_status_map", &depot.to_be_bytes(), source.as_bytes()])
}

/// The rows of this depot for `source`, with their revision; none and 0 where it has none.
///
/// # Errors
/// Storage failures.
pub fn here(tx: &dyn ReadTx, source: &str) -> Result<(Map, u64)> {
    let id = site_id(Origin::load(tx)?.first, source);
    let found = reference::get::<SiteMap>(tx, id)?;
    let none = || (Map { source: source.to_owned(), rows: Vec::new() }, 0);
    Ok(found.map_or_else(none, |(own, rev)| (own.map, rev)))
}

/// The revision of this depot's rows; 0 where it has none.
///
/// # Errors
/// Storage failures.
pub fn rev(tx: &dyn ReadTx, source: &str) -> Result<u64> {
    let id = site_id(Origin::load(tx)?.first, source);
    Ok(SITE.look(tx, &id, |row| row.rev())?.unwrap_or(0))
}

/// `map` with this depot's rows above it.
///
/// # Errors
/// Storage failures.
pub fn above(tx: &dyn ReadTx, map: Compiled) -> Result<Compiled> {
    let (own, rev) = here(tx, &map.map().source)?;
    Ok(map.beneath(own, rev))
}

/// Sets this depot's rows of a source: for what comes, and for stored codes that had no meaning, or with `all` for every
/// stored code. Returns their revision.
///
/// # Errors
/// When a row is wrong, they have changed since revision `seen`, or this is headquarters.
pub fn put(
    tx: &mut dyn WriteTx,
    _: &Grant<EditStatusMaps>,
    cx: &Cx,
    (map, all): (Map, bool),
    seen: Option<u64>,
) -> std::result::Result<u64, MapError> {
    check(&map)?;
    let origin = Origin::load(tx)?;
    if origin.site == HEADQUARTERS {
        let said = "headquarters has no rows of its own: its map is everybody's; set that";
        return Err(Invalid::at("/rows", said).into());
    }
    // The epoch drawn at the beginning has to be kept before rows name it.
    origin.save(tx)?;
    let id = site_id(origin.first, &map.source);
    let present = reference::get::<SiteMap>(tx, id)?;
    let found = present.as_ref().map_or(0, |(_, rev)| *rev);
    match seen {
        Some(seen) if seen != found => return Err(MapError::Stale { found, seen }),
        None if found > 0 && !all => return Err(MapError::Unconditional),
        Some(_) | None => {}
    }
    let same = present.filter(|(own, _)| !all && own.map == map);
    let stored = match same {
        Some((own, _)) => own.stored,
        None => Some(Stored { at: cx.now, all }),
    };
    let own = SiteMap { depot: origin.first, site: origin.site, map, stored };
    Ok(reference::set(tx, cx, id, Some(own))?.rev)
}

/// Every depot's rows of `source` that are known here.
///
/// # Errors
/// Storage failures.
pub fn all(tx: &dyn ReadTx, source: &str) -> Result<Vec<SiteMap>> {
    let rows = SITE.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MOST)?;
    let own = rows.items.into_iter().filter_map(|e| e.value.state.value);
    Ok(own.filter(|o| o.map.source == source && !o.map.rows.is_empty()).collect())
}

/// A map with each depot's rows above it: what it makes of parcels that others keep. A depot that set its rows before it
/// had a number is known by its epoch alone until it sets them again.
pub struct Everywhere {
    base: Arc<Compiled>,
    of: HashMap<SiteRef, Arc<Compiled>>,
}

impl Everywhere {
    /// `base`, which has no depot's rows, and those that are known here.
    ///
    /// # Errors
    /// Storage failures.
    pub fn new(tx: &dyn ReadTx, base: &Compiled) -> Result<Self> {
        let mut of = HashMap::new();
        let plain = base.alone();
        for SiteMap { depot, site, map, stored: _ } in all(tx, &base.map().source)? {
            let compiled = Arc::new(plain.clone().beneath(map, 0));
            of.insert(SiteRef::new(UNENROLLED, depot), Arc::clone(&compiled));
            of.insert(SiteRef::new(site, depot), compiled);
        }
        Ok(Self { base: Arc::new(plain), of })
    }

    /// The map by which the depot `keeper` reads.
    #[must_use]
    pub fn of(&self, keeper: Option<SiteRef>) -> &Compiled {
        keeper.and_then(|k| self.of.get(&k)).unwrap_or(&self.base)
    }
}

/// This module's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&SITE]
}
