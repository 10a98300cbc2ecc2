//! The use cases of manifests: announcing one, adding to it, changing and cancelling it, and missing it.

use super::aggregate::late_at;
use super::error::ManifestError;
use super::event::ManifestEvent;
use super::inputs::{self, Announcement, ManifestChange, MoreLines, NewManifest};
use super::model::{Header, Line, Manifest, ManifestId, State};
use super::repo::{self, BY_DISTRIBUTOR, BY_NUMBER, BY_TIME, MANIFESTS};
use super::unloading;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::text;
use crate::deadlines::due::{self, DueKind};
use crate::identity::features::{EditManifests, Feature};
use crate::identity::grant::{Actor, Grant, Scope};
use crate::journal::clock::Origin;
use crate::journal::{Cx, Folded, Written, record};
use crate::parcels::service as parcels;
use crate::store::table::{Entry, cursor, position};
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Store, StoreError, Tenant, WriteTx, key};

type Result<T> = std::result::Result<T, ManifestError>;

/// Lines of one manifest: a row of the store takes no more with the longest names.
pub const MAX_LINES: usize = 2_000;
/// Manifests that may have the same number over the years and are looked at to find the one that is meant.
const MAX_SAME: usize = 50;
/// Lines of one change: its bytes have a limit.
const LINES_A_CHANGE: usize = 100;
/// Rows a list looks at where no index serves its filter.
const LOOK_AT: usize = 1_000;

/// The manifest that `name`, an id or a number, means: of several the one that is still expected, else the newest.
///
/// # Errors
/// [`ManifestError::Unknown`] also when it is somebody else's.
pub fn find(tx: &dyn ReadTx, scope: &Scope, name: &str) -> Result<Entry<Folded<Manifest>>> {
    let unknown = || ManifestError::Unknown(name.to_owned());
    if let Ok(id) = name.parse::<Id>() {
        return repo::manifest(tx, scope, id)?.ok_or_else(unknown);
    }
    if name.len() > inputs::MAX_NAME {
        return Err(unknown());
    }
    let range = KeyRange::prefix(&repo::number_key(name));
    let rows = MANIFESTS.scan(tx, BY_NUMBER, &range, Dir::Down, MAX_SAME)?;
    let seen =
        |e: &Entry<Folded<Manifest>>| scope.admits_distributor(e.value.state.header.distributor.as_deref());
    let meant = rows.items.into_iter().filter(seen).max_by_key(|e| {
        let m = &e.value.state;
        (m.is_expected() || m.state == State::Unloading, m.created_at, m.id)
    });
    meant.ok_or_else(unknown)
}

/// Announces a manifest; parcels nobody knows yet are announced with it.
///
/// # Errors
/// What was sent makes no sense, or the number is expected already; then nothing is kept.
pub fn announce(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditManifests>,
    cx: &Cx,
    new: NewManifest,
) -> Result<(Written<Manifest>, usize)> {
    let (header, lines) = new.checked(cx.now)?;
    announce_lines(tx, grant, cx, header, lines)
}

/// The same with lines that were read from a file.
///
/// # Errors
/// As [`announce`].
pub fn announce_lines(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditManifests>,
    cx: &Cx,
    mut header: Header,
    lines: Vec<Announcement>,
) -> Result<(Written<Manifest>, usize)> {
    if let (None, Scope::Distributors(ours)) = (&header.distributor, grant.scope())
        && let [only] = ours.as_slice()
    {
        header.distributor = Some(only.clone());
    }
    if !grant.scope().admits_distributor(header.distributor.as_deref()) {
        return Err(Invalid::at("/distributor", "must be one of your own distributors").into());
    }
    if header.kind == super::model::Kind::Distributor && header.distributor.is_none() {
        return Err(Invalid::at("/distributor", "is needed: name who brings it").into());
    }
    let same = KeyRange::prefix(&repo::number_key(&header.number));
    let same = MANIFESTS.scan(tx, BY_NUMBER, &same, Dir::Down, MAX_SAME)?;
    let expected = |m: &Manifest| m.is_expected() && m.header.distributor == header.distributor;
    if same.items.iter().any(|e| expected(&e.value.state)) {
        return Err(ManifestError::Exists(header.number));
    }
    let (lines, fresh) = parcels_of(tx, grant.scope(), cx, &header, lines)?;
    let mut events = vec![ManifestEvent::Announced { header }];
    events.extend(listed(lines));
    Ok((record(tx, cx, Id::fresh(), None, events)?, fresh))
}

fn listed(lines: Vec<Line>) -> impl Iterator<Item = ManifestEvent> {
    let chunks: Vec<_> = lines.chunks(LINES_A_CHANGE).map(<[Line]>::to_vec).collect();
    chunks.into_iter().map(|lines| ManifestEvent::Listed { lines })
}

/// The lines with their parcels, and how many of those were not known before.
fn parcels_of(
    tx: &mut dyn WriteTx,
    scope: &Scope,
    cx: &Cx,
    header: &Header,
    announced: Vec<Announcement>,
) -> Result<(Vec<Line>, usize)> {
    let (mut lines, mut fresh) = (Vec::with_capacity(announced.len()), 0);
    for Announcement { number, pieces, to_site, mut facts } in announced {
        let (weight_g, service, order_ref) =
            (facts.weight.map(|g| g.0), facts.service.clone(), facts.order_ref.clone());
        // Whose list it is, they are: a file can't put a parcel into another's hands.
        facts.distributor =
            header.distributor.clone().or(facts.distributor.filter(|_| *scope == Scope::Tenant));
        facts.carrier = facts.carrier.or_else(|| header.carrier.clone());
        let made = parcels::announce(tx, scope, cx, &number, facts)?;
        fresh += usize::from(made.fresh);
        lines.push(Line { number, parcel: made.id, pieces, weight_g, service, order_ref, to_site });
    }
    Ok((lines, fresh))
}

/// Adds lines to a manifest, says them anew or takes some off; while it is unloaded too.
///
/// # Errors
/// As [`announce`]; when it was unloaded or cancelled; when it would have more than [`MAX_LINES`].
pub fn add_lines(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditManifests>,
    cx: &Cx,
    name: &str,
    more: MoreLines,
) -> Result<(Written<Manifest>, usize)> {
    let row = find(tx, grant.scope(), name)?.value;
    past(&row.state, "announce another one", |s| !matches!(s, State::Unloaded | State::Cancelled))?;
    let MoreLines { lines, strike } = more;
    if lines.is_empty() && strike.is_empty() {
        return Err(Invalid::at("/lines", "is needed: name lines to add, or numbers to strike").into());
    }
    let lines = inputs::lines(lines)?;
    let numbers: Vec<String> = strike.iter().map(|n| parcels::normal(n)).collect();
    for (n, number) in numbers.iter().enumerate() {
        if !row.state.lines.contains_key(number) {
            let said = format!("{number} is no line of this manifest");
            return Err(Invalid::at(format!("/strike/{n}"), said).into());
        }
    }
    let (lines, fresh) = parcels_of(tx, grant.scope(), cx, &row.state.header, lines)?;
    let mut events = Vec::new();
    if !numbers.is_empty() {
        events.push(ManifestEvent::Struck { numbers });
    }
    events.extend(listed(lines));
    let id = row.state.id.0;
    let written = record(tx, cx, id, Some(row), events)?;
    if written.state.lines.len() > MAX_LINES {
        let said = format!("a manifest has at most {MAX_LINES} lines; announce a second one for the rest");
        return Err(ManifestError::Full(said));
    }
    if written.state.state == State::Unloading {
        unloading::recount(tx, &written.state, cx.now)?;
    }
    Ok((written, fresh))
}

fn past(m: &Manifest, remedy: &'static str, admits: impl Fn(State) -> bool) -> Result<()> {
    if admits(m.state) {
        return Ok(());
    }
    Err(ManifestError::Past { number: m.header.number.clone(), state: m.state, remedy })
}

/// Changes when a manifest is to come, or by what.
///
/// # Errors
/// When it has come or was cancelled, or has changed since revision `seen`.
pub fn change(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditManifests>,
    cx: &Cx,
    name: &str,
    seen: u64,
    change: &ManifestChange,
) -> Result<Written<Manifest>> {
    change.check()?;
    let found = find(tx, grant.scope(), name)?;
    if found.rev != seen {
        return Err(ManifestError::Stale { found: found.rev, seen });
    }
    past(&found.value.state, "it has come or was cancelled", |s| {
        matches!(s, State::Announced | State::Late)
    })?;
    let ManifestChange { version: _, expected_at, carrier, vehicle } = change.clone();
    let id = found.value.state.id.0;
    Ok(record(tx, cx, id, Some(found.value), vec![ManifestEvent::Changed { expected_at, carrier, vehicle }])?)
}

/// Says that a manifest does not come.
///
/// # Errors
/// When it has come or was cancelled already, or no reason is given.
pub fn cancel(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditManifests>,
    cx: &Cx,
    name: &str,
    reason: &str,
) -> Result<Written<Manifest>> {
    text::required("/reason", reason, text::LONG).map_err(|p| Invalid(vec![p]))?;
    let row = find(tx, grant.scope(), name)?.value;
    past(&row.state, "it has come or was cancelled", |s| matches!(s, State::Announced | State::Late))?;
    let id = row.state.id.0;
    Ok(record(tx, cx, id, Some(row), vec![ManifestEvent::Cancelled { reason: reason.to_owned() }])?)
}

/// Which manifests.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In this state.
    pub state: Option<State>,
    /// Of this distributor.
    pub distributor: Option<String>,
    /// Expected from then on.
    pub from: Option<Timestamp>,
}

/// A page of manifests in the order they are expected, with the cursor of the next. It may hold fewer than `limit` and
/// still have a next one.
///
/// # Errors
/// A cursor that isn't ours; storage failures.
pub fn list<F: Feature>(
    tx: &dyn ReadTx,
    grant: &Grant<F>,
    wanted: &Wanted,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Entry<Folded<Manifest>>>, Option<String>)> {
    let scope = grant.scope();
    let only = match scope {
        Scope::Distributors(ours) if ours.len() == 1 => ours.first(),
        _ => None,
    };
    let (ix, prefix): (Ix, Vec<u8>) = match wanted.distributor.as_ref().or(only) {
        Some(d) => (BY_DISTRIBUTOR, key::text_then(d, &[])),
        None => (BY_TIME, Vec::new()),
    };
    let mut range = if prefix.is_empty() { KeyRange::all() } else { KeyRange::prefix(&prefix) };
    if let Some(from) = wanted.from {
        range.from = [&prefix[..], &from.unsigned().to_be_bytes()].concat();
    }
    range.after = position(after)?;
    let admits = |m: &Manifest| {
        scope.admits_distributor(m.header.distributor.as_deref())
            && wanted.state.is_none_or(|s| s == m.state)
            && wanted.distributor.as_ref().is_none_or(|d| m.header.distributor.as_ref() == Some(d))
    };
    let (mut items, mut looked) = (Vec::new(), 0);
    loop {
        let rows = MANIFESTS.scan(tx, ix, &range, Dir::Up, limit - items.len())?;
        looked += rows.items.len();
        items.extend(rows.items.into_iter().filter(|e| admits(&e.value.state)));
        range.after = rows.next;
        if items.len() >= limit || range.after.is_none() || looked >= LOOK_AT {
            return Ok((items, range.after.as_ref().map(cursor).transpose()?));
        }
    }
}

/// Manifests missed in one transaction.
const LATE_AT_ONCE: usize = 50;

/// Marks manifests whose time and grace are over; each once. Returns how many deadlines there were.
///
/// # Errors
/// Storage failures.
pub fn fire_late(store: &Store, tenant: Tenant, now: Timestamp) -> std::result::Result<usize, StoreError> {
    if store.read(tenant, |tx| due::passed(tx, DueKind::ManifestLate, now, None, 1))?.0.is_empty() {
        return Ok(0);
    }
    let fire = move |tx: &mut dyn WriteTx| -> std::result::Result<usize, StoreError> {
        let (passed, _) = due::passed(tx, DueKind::ManifestLate, now, None, LATE_AT_ONCE)?;
        let (cx, origin) = (Cx::new(tx, &Actor::system(), now, "deadline")?, Origin::load(tx)?);
        for d in &passed {
            let row = MANIFESTS.get(tx, &d.subject)?.filter(|r| r.due == Some(d.at));
            due::replace(tx, DueKind::ManifestLate, d.subject, Some(d.at), None)?;
            let Some(mut row) = row else { continue };
            // Only the depot that was told of it misses it; the others hear of that.
            let ours = row.state.origin.is_none_or(|site| origin.is(site));
            row.due = late_at(&row.state, &cx.policy.dock).filter(|_| ours);
            match row.due {
                Some(due) if due <= now => {
                    row.due = None;
                    record(tx, &cx, d.subject, Some(row), vec![ManifestEvent::WentLate { due }])?;
                }
                later => {
                    due::replace(tx, DueKind::ManifestLate, d.subject, None, later)?;
                    MANIFESTS.put(tx, &d.subject, &row)?;
                }
            }
        }
        Ok(passed.len())
    };
    store.write(tenant, Lane::Bulk, fire).wait()
}

/// The manifest `id` whoever may see it.
///
/// # Errors
/// Storage failures.
pub fn load(tx: &dyn ReadTx, id: ManifestId) -> std::result::Result<Option<Folded<Manifest>>, StoreError> {
    MANIFESTS.get(tx, &id.0)
}
