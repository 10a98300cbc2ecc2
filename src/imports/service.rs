//! The use cases of imports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mapping::{Kind, Mapping};
use super::model::{
    Counts, IMPORTS, Import, MAX_STAYS, STAYS, Saved, State, made_log, mapping_id, stays_key,
};
use crate::base::error::{Fault, Invalid, Kind as Class, Problem};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{
    CreateDeliveries, EditDrivers, EditStatusMaps, EditUsers, EditVehicles, Feature, RunImports, UndoImports,
    WorkCases,
};
use crate::identity::grant::{Denied, Grant, Scope};
use crate::jobs::queue::{NewJob, enqueue};
use crate::jobs::retention::{Retained, older};
use crate::journal::{Cx, reference};
use crate::parcels::undo::Kept;
use crate::store::table::Rows;
use crate::store::{Dir, Ix, KeyRange, ReadTx, StoreError, Tenant, WriteTx, counters};

/// The kind of job that takes a file's rows in.
pub const RUN: &str = "import.run";
/// The kind of job that takes an import back.
pub const UNDO: &str = "import.undo";
/// The kind of job that removes what lies outside the store of an import that was let go of.
pub const FORGET: &str = "import.forget";
/// Bytes of a source's name.
pub const MAX_SOURCE: usize = 64;

/// Which import a job is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub import: Id,
    /// When it is taken back: whether changes on which later facts stand are left as they are.
    #[serde(default)]
    pub careful: bool,
}

/// What is left of an import that was let go of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Names its files.
    pub import: Id,
    /// Names the log of its changes.
    pub number: u64,
}

/// How long imports are kept, with their files, verdicts and the means to undo them, for the retention table.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "imports",
        days: |r| r.imports,
        find: |tx, before, after, limit| {
            let range = KeyRange { after, ..KeyRange::all() };
            older(&IMPORTS, tx, (Ix::Primary, range), limit, |i| {
                let ended = match i.state {
                    State::Done | State::Failed | State::Undone => i.finished_at,
                    State::Queued | State::Running | State::Undoing => None,
                };
                ended.is_some_and(|at| at < before)
            })
        },
        remove: |tx, pk| {
            let Some(id) = Id::from_slice(pk) else { return Ok(()) };
            let Some(import) = IMPORTS.get(tx, &id)? else { return Ok(()) };
            IMPORTS.del(tx, &id)?;
            for n in 0..import.kept.min(MAX_STAYS) {
                STAYS.del(tx, &stays_key(id, n))?;
            }
            let at = import.finished_at.unwrap_or(import.created_at);
            enqueue(tx, at, NewJob::new(FORGET, &Left { import: id, number: import.number })?).map(drop)
        },
    }
}

/// Why an import could not be begun, found or undone.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is none.
    #[error("no import {0}")]
    Unknown(String),
    /// It is not in a state for that.
    #[error("import {id} is {state}; only one of parcels that is done can be undone")]
    State {
        /// Which.
        id: Id,
        /// Its state.
        state: &'static str,
    },
    /// A bulk report was taken back before.
    #[error("bulk report {0} was taken back already")]
    Undone(Id),
    /// The mapping has changed since it was read.
    #[error("the mapping is at revision {found}, you have seen {seen}; read it again and repeat the change")]
    Stale {
        /// Its revision.
        found: u64,
        /// The caller's.
        seen: u64,
    },
    /// There is a mapping already, and the caller does not say which revision of it they have seen.
    #[error("name the revision you have seen: send its ETag as If-Match, or as \"version\"")]
    Unconditional,
    /// Input that makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A file's rows belong to everybody: a caller who only sees some distributors can't have it read or shown.
    #[error(
        "a file and its rows take access to the whole depot; report on your own parcels through /parcels/events"
    )]
    Scope,
    /// The caller may not do by hand what the file would do.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ServiceError {
    fn kind(&self) -> Class {
        match self {
            Self::Unknown(_) => Class::NotFound,
            Self::State { .. } | Self::Undone(_) => Class::Conflict,
            Self::Stale { .. } => Class::Stale,
            Self::Unconditional => Class::Unconditional,
            Self::Invalid(e) => e.kind(),
            Self::Scope => Class::Forbidden,
            Self::Denied(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "import.unknown",
            Self::State { .. } => "import.state",
            Self::Undone(_) => "bulk.undone",
            Self::Stale { .. } => "import_mapping.stale",
            Self::Unconditional => "request.unconditional",
            Self::Invalid(_) => "import.invalid",
            Self::Scope => "import.scope",
            Self::Denied(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(e) => e.0.clone(),
            Self::Unknown(_)
            | Self::State { .. }
            | Self::Undone(_)
            | Self::Stale { .. }
            | Self::Unconditional
            | Self::Scope
            | Self::Denied(_)
            | Self::Store(_) => Vec::new(),
        }
    }
}

type Result<T> = std::result::Result<T, ServiceError>;

/// A file that has arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The id its file was stored under.
    pub id: Id,
    /// What its rows are.
    pub kind: Kind,
    /// Who it is from.
    pub source: String,
    /// Its name at the sender.
    pub file: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// Whether only to say what would happen.
    pub dry_run: bool,
    /// Whether its rows are only laid beside what is known here.
    pub compare: bool,
}

/// That the caller may see every parcel, for a file holds anybody's.
///
/// # Errors
/// [`ServiceError::Scope`] when they may not.
pub fn whole<F: Feature>(grant: &Grant<F>) -> Result<()> {
    if *grant.scope() == Scope::Tenant { Ok(()) } else { Err(ServiceError::Scope) }
}

/// That the caller may do by file what they may do by hand.
fn may_take_in(grant: &Grant<RunImports>, kind: Kind) -> Result<()> {
    let who = grant.principal();
    match kind {
        Kind::Deliveries => who.grant::<CreateDeliveries>().map(drop)?,
        Kind::Users => who.grant::<EditUsers>().map(drop)?,
        Kind::Vehicles => who.grant::<EditVehicles>().map(drop)?,
        Kind::Drivers => who.grant::<EditDrivers>().map(drop)?,
        Kind::Cases => who.grant::<WorkCases>().map(drop)?,
        _ => {}
    }
    Ok(())
}

/// Begins an import: its record, and the job that takes its rows in.
///
/// # Errors
/// When the source has no usable name.
pub fn begin(tx: &mut dyn WriteTx, grant: &Grant<RunImports>, cx: &Cx, a: Arrived) -> Result<Import> {
    whole(grant)?;
    if !a.compare {
        may_take_in(grant, a.kind)?;
    }
    text::required("?source", &a.source, MAX_SOURCE).map_err(|p| Invalid(vec![p]))?;
    counters::add(tx, "imports/begun", 1)?;
    let import = Import {
        id: a.id,
        kind: a.kind,
        source: a.source,
        file: a.file,
        bytes: a.bytes,
        dry_run: a.dry_run,
        state: State::Queued,
        counts: Counts::default(),
        next_row: 0,
        error_bytes: 0,
        survey: None,
        warnings: Vec::new(),
        error: None,
        begun: 0,
        number: u64::try_from(counters::get(tx, "imports/begun")?).unwrap_or_default(),
        undone_from: 0,
        by: cx.actor.user,
        by_name: cx.actor.name.to_string(),
        created_at: cx.now,
        finished_at: None,
        taken_back: 0,
        kept: 0,
        compare: a.compare,
        compared: BTreeMap::new(),
        set_aside: 0,
    };
    IMPORTS.put(tx, &import.id, &import)?;
    enqueue(
        tx,
        cx.now,
        NewJob::new(RUN, &Payload { tenant: grant.tenant(), import: import.id, careful: false })?,
    )?;
    Ok(import)
}

/// One import.
///
/// # Errors
/// [`ServiceError::Unknown`] when there is none by that id.
pub fn find(tx: &dyn ReadTx, id: &str) -> Result<Import> {
    let unknown = || ServiceError::Unknown(id.to_owned());
    let id: Id = id.parse().map_err(|_| unknown())?;
    IMPORTS.get(tx, &id)?.ok_or_else(unknown)
}

/// Imports, newest first.
///
/// # Errors
/// Storage failures.
pub fn list(tx: &dyn ReadTx, after: Option<Vec<u8>>, limit: usize) -> Result<Rows<Import>> {
    Ok(IMPORTS.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Down, limit)?)
}

/// Begins to take an import back: all of it, or when `careful` what no later facts stand on.
///
/// # Errors
/// When it is not done, or was only a dry run.
pub fn undo(
    tx: &mut dyn WriteTx,
    grant: &Grant<UndoImports>,
    cx: &Cx,
    id: &str,
    careful: bool,
) -> Result<Import> {
    whole(grant)?;
    let mut import = find(tx, id)?;
    let state = match import.state {
        State::Done if import.compare => Some("a comparison"),
        State::Done if import.kind.moves_over() => Some("of what moved over and is worked with here since"),
        // What a file says of orders, products and stock has been built upon by the time somebody regrets it.
        State::Done
            if !matches!(import.kind, Kind::Parcels | Kind::Status) && import.kind.waybills().is_none() =>
        {
            Some("of orders, products or stock")
        }
        State::Done if !import.dry_run => None,
        State::Done => Some("a dry run"),
        State::Queued => Some("queued"),
        State::Running => Some("running"),
        State::Failed => Some("failed"),
        State::Undoing => Some("being undone"),
        State::Undone => Some("undone already"),
    };
    if let Some(state) = state {
        return Err(ServiceError::State { id: import.id, state });
    }
    import.state = State::Undoing;
    IMPORTS.put(tx, &import.id, &import)?;
    enqueue(tx, cx.now, NewJob::new(UNDO, &Payload { tenant: grant.tenant(), import: import.id, careful })?)?;
    Ok(import)
}

/// The mapping saved for a source.
///
/// # Errors
/// Storage failures.
pub fn mapping(tx: &dyn ReadTx, source: &str) -> Result<Option<(Mapping, u64)>> {
    Ok(reference::get::<Saved>(tx, mapping_id(source))?.map(|(s, rev)| (s.mapping, rev)))
}

/// Saves the mapping of a source's columns; in place of one there is, `seen` names its revision.
///
/// # Errors
/// When the source has no usable name, and when `seen` is missing or old.
pub fn save_mapping(
    tx: &mut dyn WriteTx,
    _: &Grant<EditStatusMaps>,
    cx: &Cx,
    source: &str,
    mapping: Mapping,
    seen: Option<u64>,
) -> Result<u64> {
    text::required("/source", source, MAX_SOURCE).map_err(|p| Invalid(vec![p]))?;
    let found = reference::get::<Saved>(tx, mapping_id(source))?.map_or(0, |(_, rev)| rev);
    match seen {
        Some(seen) if seen != found => return Err(ServiceError::Stale { found, seen }),
        None if found > 0 => return Err(ServiceError::Unconditional),
        Some(_) | None => {}
    }
    let saved = Saved { source: source.to_owned(), mapping };
    Ok(reference::set(tx, cx, mapping_id(source), Some(saved))?.rev)
}

/// The changes of an import that stay though the rest was taken back, with the reason of each; at most
/// [`MAX_STAYS`].
///
/// # Errors
/// Storage failures.
pub fn stays(tx: &dyn ReadTx, import: &Import) -> Result<Vec<Kept>> {
    let most = usize::try_from(MAX_STAYS).unwrap_or(usize::MAX);
    let rows = STAYS.scan(tx, Ix::Primary, &KeyRange::prefix(import.id.as_ref()), Dir::Up, most)?;
    Ok(rows.items.into_iter().map(|e| e.value.kept).collect())
}

/// Changes an import made that can still be undone.
///
/// # Errors
/// Storage failures.
pub fn undoable(tx: &dyn ReadTx, import: &Import) -> Result<u64> {
    let head = tx.head(crate::store::DEPOT, made_log(import.number))?;
    Ok((head.last + 1).saturating_sub(head.floor))
}
