//! The use cases of unloadings: opening one at a door, counting scans into it, closing it with what differs, reopening it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::differ;
use super::error::ManifestError;
use super::event::{ManifestEvent, UnloadingEvent};
use super::inputs::NewUnloading;
use super::model::{Difference, Item, Line, Manifest, State, Tally, Totals, Unloading, UnloadingId};
use super::repo::{self, STATIONS, TALLIES, UNLOADINGS};
use super::service;
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::cases::reasons::Reason;
use crate::cases::service as cases;
use crate::identity::features::{CloseManifests, Feature, UnloadManifests};
use crate::identity::grant::{Grant, Scope};
use crate::journal::clock::Origin;
use crate::journal::{Cx, Folded, Written, record};
use crate::parcels::model::{Parcel, ParcelId};
use crate::parcels::service as parcels;
use crate::store::table::Entry;
use crate::store::{ReadTx, StoreError, WriteTx};

type Result<T> = std::result::Result<T, ManifestError>;

/// Numbers one unloading counts, announced or not: a row of the store takes no more differences.
pub const MAX_COUNTED: usize = 4_000;
/// Differences of one change: its bytes have a limit.
const ITEMS_A_CHANGE: usize = 100;

/// The unloading `id`.
///
/// # Errors
/// [`ManifestError::NoUnloading`] also when it is somebody else's.
pub fn find(tx: &dyn ReadTx, scope: &Scope, id: &str) -> Result<Entry<Folded<Unloading>>> {
    let unknown = || ManifestError::NoUnloading(id.to_owned());
    let parsed: Id = id.parse().map_err(|_| unknown())?;
    repo::unloading(tx, scope, parsed)?.ok_or_else(unknown)
}

/// A station as scans name it: by its name, or by the person who has none.
#[must_use]
pub fn station_key(station: Option<&str>, user: Id) -> String {
    match station {
        Some(name) => format!("s:{}", name.trim()),
        None => format!("u:{user}"),
    }
}

/// Opens an unloading: from now on the scans of its stations count against its manifests.
///
/// # Errors
/// A manifest that is unknown, was unloaded, is being unloaded or cancelled; a station that counts into another
/// unloading; too many lines in all.
pub fn open(
    tx: &mut dyn WriteTx,
    grant: &Grant<UnloadManifests>,
    cx: &Cx,
    new: &NewUnloading,
) -> Result<Written<Unloading>> {
    new.check()?;
    let mut manifests: Vec<Folded<Manifest>> = Vec::new();
    for name in &new.manifests {
        let found = service::find(tx, grant.scope(), name)?;
        let m = &found.value.state;
        if !m.is_expected() {
            let remedy = "name one that is expected, or reopen its unloading";
            return Err(ManifestError::Past { number: m.header.number.clone(), state: m.state, remedy });
        }
        if !manifests.iter().any(|known| known.state.id == m.id) {
            manifests.push(found.value);
        }
    }
    let mut stations: Vec<String> =
        new.stations.iter().map(|s| station_key(Some(s), grant.actor().user)).collect();
    if stations.is_empty() {
        stations.push(station_key(None, grant.actor().user));
    }
    stations.sort_unstable();
    stations.dedup();
    free(tx, &stations, None)?;
    let id = UnloadingId::fresh();
    let owners: Vec<_> = manifests.iter().map(|m| m.state.header.distributor.clone()).collect();
    let distributor =
        owners.first().cloned().flatten().filter(|d| owners.iter().all(|o| o.as_ref() == Some(d)));
    let numbers: Vec<&str> = manifests.iter().map(|m| m.state.header.number.as_str()).collect();
    let opened = UnloadingEvent::Opened {
        manifests: manifests.iter().map(|m| m.state.id).collect(),
        label: text::clipped(numbers.join(", "), text::SHORT),
        distributor,
        door: new.door.clone(),
        stations,
    };
    let written = record(tx, cx, id.0, None, vec![opened])?;
    for row in manifests {
        let manifest = row.state.id.0;
        let came = record(tx, cx, manifest, Some(row), vec![ManifestEvent::Arrived { unloading: id }])?;
        recount(tx, &came.state, cx.now)?;
    }
    Ok(written)
}

/// Whether the stations count into nothing, or into `own`.
fn free(tx: &dyn ReadTx, stations: &[String], own: Option<UnloadingId>) -> Result<()> {
    for station in stations {
        if let Some(at) = STATIONS.get(tx, station)?.filter(|at| Some(at.unloading) != own) {
            let label = UNLOADINGS.get(tx, &at.unloading.0)?.map(|u| u.state.label).unwrap_or_default();
            let station = station.strip_prefix("s:").unwrap_or("your own station").to_owned();
            return Err(ManifestError::StationBusy { station, label });
        }
    }
    Ok(())
}

/// Every tally of an unloading.
///
/// # Errors
/// Storage failures.
pub fn counted(tx: &dyn ReadTx, id: UnloadingId) -> std::result::Result<Vec<Tally>, StoreError> {
    Ok(repo::tallies(tx, id, None, MAX_COUNTED + 1)?.items.into_iter().map(|e| e.value).collect())
}

/// Sets what is announced of the numbers of `m` in its unloading, after its lines changed; what was scanned stays.
///
/// # Errors
/// When there are more than [`MAX_COUNTED`]; storage failures.
pub(super) fn recount(tx: &mut dyn WriteTx, m: &Manifest, now: Timestamp) -> Result<()> {
    let Some(id) = m.unloading else { return Ok(()) };
    let Some(unloading) = UNLOADINGS.get(tx, &id.0)?.map(|row| row.state) else { return Ok(()) };
    let own = Origin::load(tx)?.site;
    let mut announced: std::collections::BTreeMap<ParcelId, Line> = std::collections::BTreeMap::new();
    for manifest in &unloading.manifests {
        let Some(row) = service::load(tx, *manifest)? else { continue };
        for line in row.state.lines.into_values() {
            let pieces = line.pieces;
            let more = |known: &mut Line| known.pieces = known.pieces.saturating_add(pieces);
            announced.entry(line.parcel).and_modify(more).or_insert(line);
        }
    }
    for known in counted(tx, id)? {
        if let Some(parcel) = known.parcel.filter(|p| known.announced > 0 && !announced.contains_key(p)) {
            let key = repo::tally_key(id, Some(parcel), "");
            if known.scanned == 0 {
                TALLIES.del(tx, &key)?;
            } else {
                TALLIES.put(tx, &key, &Tally { announced: 0, ..known })?;
            }
        }
    }
    for (parcel, line) in announced {
        let key = repo::tally_key(id, Some(parcel), "");
        let known = TALLIES.get(tx, &key)?;
        let distributor = parcels::load(tx, parcel)?.and_then(|p| p.facts.distributor);
        let to_site = line.to_site.filter(|site| *site != own);
        let tally = Tally {
            parcel: Some(parcel),
            number: line.number,
            distributor,
            announced: line.pieces,
            scanned: known.as_ref().map_or(0, |k| k.scanned),
            to_site: to_site.or(known.and_then(|k| k.to_site)),
            at: now,
        };
        TALLIES.put(tx, &key, &tally)?;
    }
    room(tx, id)
}

fn room(tx: &dyn ReadTx, id: UnloadingId) -> Result<()> {
    if repo::tallies(tx, id, None, MAX_COUNTED + 1)?.items.len() <= MAX_COUNTED {
        return Ok(());
    }
    let said = format!("an unloading counts at most {MAX_COUNTED} numbers; close it and open another");
    Err(ManifestError::Full(said))
}

/// Whether the scans of a station count into an unloading.
///
/// # Errors
/// Storage failures.
pub fn counts_at(tx: &dyn ReadTx, station: &str) -> std::result::Result<bool, StoreError> {
    Ok(STATIONS.get(tx, station)?.is_some())
}

/// What a scan was to count.
#[derive(Clone, Copy, Debug)]
pub struct Scanned<'a> {
    /// The parcel as it is after the scan; none when nobody knows the number.
    pub parcel: Option<&'a Parcel>,
    /// The number.
    pub number: &'a str,
    /// When it was scanned.
    pub at: Timestamp,
    /// Whether that is a fact of the past by now.
    pub late: bool,
    /// Whether it was scanned only to arrive it, so that each scan is one piece more; else it counts once.
    pub plain: bool,
}

/// A scan that counted, by which it can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The unloading.
    pub unloading: UnloadingId,
    /// The parcel; none when nobody knows the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// The number.
    pub number: String,
}

/// What a scan came to in an unloading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = UnloadingCount)]
pub struct Count {
    /// The unloading.
    pub unloading: UnloadingId,
    /// Its manifests' numbers.
    pub label: String,
    /// Pieces announced under this number; 0 for none.
    pub announced: u32,
    /// Pieces scanned of it so far.
    pub scanned: u32,
    /// What is different now; absent while it fits or pieces are still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// Counts a scan at `station` into the unloading that is open there; none when there is none.
///
/// # Errors
/// When the unloading is full; storage failures.
pub fn count(
    tx: &mut dyn WriteTx,
    station: &str,
    scanned: Scanned<'_>,
) -> Result<Option<(Count, Option<Counted>)>> {
    let Some(here) = STATIONS.get(tx, station)? else { return Ok(None) };
    let Scanned { parcel, number, plain, at, late } = scanned;
    // A scan that was kept since before it was opened is of something else.
    let open = UNLOADINGS.get(tx, &here.unloading.0)?.map(|row| row.state);
    let Some(unloading) = open.filter(|u| !late || u.opened_at <= at) else { return Ok(None) };
    let id = parcel.map(|p| p.id);
    let key = repo::tally_key(unloading.id, id, number);
    let known = TALLIES.get(tx, &key)?;
    let fresh = known.is_none();
    let mut tally = known.unwrap_or_else(|| Tally {
        parcel: id,
        number: text::clipped(number.to_owned(), text::SHORT),
        distributor: parcel.and_then(|p| p.facts.distributor.clone()),
        announced: 0,
        scanned: 0,
        to_site: None,
        at,
    });
    let counts = plain || tally.scanned == 0;
    if counts {
        (tally.scanned, tally.at) = (tally.scanned.saturating_add(1), at);
        let own = Origin::load(tx)?.site;
        tally.to_site = tally.to_site.or(parcel.and_then(|p| p.next).filter(|next| *next != own));
        TALLIES.put(tx, &key, &tally)?;
        if fresh {
            room(tx, unloading.id)?;
        }
    }
    let still_to_come = |d: &Difference| *d != Difference::Short;
    let count = Count {
        unloading: unloading.id,
        label: unloading.label,
        announced: tally.announced,
        scanned: tally.scanned,
        difference: differ::of(&tally, false).into_iter().find(still_to_come),
    };
    let counted = Counted { unloading: unloading.id, parcel: id, number: number.to_owned() };
    Ok(Some((count, counts.then_some(counted))))
}

/// Takes a scan that counted back. False when its unloading is closed meanwhile: then the count stays.
///
/// # Errors
/// Storage failures.
pub fn uncount(tx: &mut dyn WriteTx, c: &Counted) -> std::result::Result<bool, StoreError> {
    if !UNLOADINGS.get(tx, &c.unloading.0)?.is_some_and(|row| row.state.is_open()) {
        return Ok(false);
    }
    let key = repo::tally_key(c.unloading, c.parcel, &c.number);
    if let Some(tally) = TALLIES.get(tx, &key)? {
        let scanned = tally.scanned.saturating_sub(1);
        if scanned == 0 && tally.announced == 0 {
            TALLIES.del(tx, &key)?;
        } else {
            TALLIES.put(tx, &key, &Tally { scanned, ..tally })?;
        }
    }
    Ok(true)
}

/// What is different so far, and what it comes to; of one that is closed what was found then.
///
/// # Errors
/// Storage failures.
pub fn standing(tx: &dyn ReadTx, u: &Unloading) -> std::result::Result<(Totals, Vec<Item>), StoreError> {
    if let Some(closing) = u.closing {
        return Ok((closing.totals, u.items.clone()));
    }
    let tallies = counted(tx, u.id)?;
    let past = past(tx, &tallies)?;
    Ok((differ::totals(&tallies), differ::compare(&tallies, |p| past.contains(&p))))
}

/// Announced parcels that nobody scanned here and that are past the dock all the same.
fn past(
    tx: &dyn ReadTx,
    tallies: &[Tally],
) -> std::result::Result<std::collections::HashSet<ParcelId>, StoreError> {
    let mut past = std::collections::HashSet::new();
    for parcel in tallies.iter().filter(|t| t.announced > 0 && t.scanned == 0).filter_map(|t| t.parcel) {
        if parcels::load(tx, parcel)?.is_some_and(|p| differ::is_past(p.status)) {
            past.insert(parcel);
        }
    }
    Ok(past)
}

fn here(tx: &dyn ReadTx, u: &Unloading) -> Result<()> {
    let origin = Origin::load(tx)?;
    if u.site.is_none_or(|site| origin.is(site)) { Ok(()) } else { Err(ManifestError::Elsewhere) }
}

/// Closes an unloading: what differs becomes cases.
///
/// # Errors
/// When it is closed already, or takes place at another depot.
pub fn close(
    tx: &mut dyn WriteTx,
    grant: &Grant<CloseManifests>,
    cx: &Cx,
    id: &str,
) -> Result<Written<Unloading>> {
    let row = find(tx, grant.scope(), id)?.value;
    here(tx, &row.state)?;
    if !row.state.is_open() {
        return Err(ManifestError::Closed);
    }
    let (totals, mut items) = standing(tx, &row.state)?;
    // A piece without data that has its case from the station needs no second one.
    let mut known = Vec::new();
    for item in items.iter().filter(|i| i.kind == Difference::Unknown) {
        if cases::is_operational_open(tx, Reason::PieceWithoutData, &item.number)? {
            known.push(item.number.clone());
        }
    }
    items
        .iter_mut()
        .filter(|i| i.kind == Difference::Unknown)
        .for_each(|i| i.found = known.contains(&i.number));
    let chunks = items.chunks(ITEMS_A_CHANGE).map(|items| UnloadingEvent::Differed { items: items.to_vec() });
    let events: Vec<_> = chunks.chain([UnloadingEvent::Closed { totals }]).collect();
    let (unloading, manifests) = (row.state.id, row.state.manifests.clone());
    let written = record(tx, cx, unloading.0, Some(row), events)?;
    of_manifests(tx, cx, &manifests, unloading, ManifestEvent::Unloaded { unloading })?;
    Ok(written)
}

fn of_manifests(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    manifests: &[super::model::ManifestId],
    unloading: UnloadingId,
    event: ManifestEvent,
) -> Result<()> {
    for id in manifests {
        if let Some(row) = service::load(tx, *id)?.filter(|row| row.state.unloading == Some(unloading)) {
            record(tx, cx, id.0, Some(row), vec![event.clone()])?;
        }
    }
    Ok(())
}

/// Opens an unloading again that was closed: its cases are withdrawn, and its stations count into it as before.
///
/// # Errors
/// When it is open, takes place elsewhere, a station counts into another one, or no reason is given.
pub fn reopen(
    tx: &mut dyn WriteTx,
    grant: &Grant<CloseManifests>,
    cx: &Cx,
    id: &str,
    reason: &str,
) -> Result<Written<Unloading>> {
    text::required("/reason", reason, text::LONG).map_err(|p: Problem| Invalid(vec![p]))?;
    let row = find(tx, grant.scope(), id)?.value;
    here(tx, &row.state)?;
    if row.state.is_open() {
        return Err(ManifestError::Open);
    }
    free(tx, &row.state.stations, Some(row.state.id))?;
    let counted_then = row.state.closing.is_some_and(|c| c.totals.announced + c.totals.unannounced > 0);
    if counted_then && counted(tx, row.state.id)?.is_empty() {
        let said = "what was counted is so long ago that it was let go of; announce and unload it anew";
        return Err(ManifestError::Full(said.to_owned()));
    }
    let (unloading, manifests) = (row.state.id, row.state.manifests.clone());
    let reopened = UnloadingEvent::Reopened { reason: reason.to_owned() };
    let written = record(tx, cx, unloading.0, Some(row), vec![reopened])?;
    of_manifests(tx, cx, &manifests, unloading, ManifestEvent::Arrived { unloading })?;
    Ok(written)
}

/// The unloading a manifest is in, by the manifest's id or number.
///
/// # Errors
/// When there is no such manifest, or it is not being unloaded.
pub fn of_manifest<F: Feature>(tx: &dyn ReadTx, grant: &Grant<F>, name: &str) -> Result<UnloadingId> {
    let m = service::find(tx, grant.scope(), name)?.value.state;
    let remedy = "open an unloading for it first";
    m.unloading.filter(|_| m.state == State::Unloading).ok_or(ManifestError::Past {
        number: m.header.number,
        state: m.state,
        remedy,
    })
}
