//! Manifests and unloadings as the journal knows them: what follows from their rows.

use serde_json::Value;

use super::differ;
use super::event::{ManifestEvent, UnloadingEvent};
use super::fold;
use super::model::{AtStation, Difference, Item, Kind, Manifest, Missed, State, Unloading};
use super::repo::{self, MISSED, STATIONS};
use crate::audit::Changed;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::cases::derived::{Fact, Subject, derive};
use crate::cases::rules::CaseId;
use crate::deadlines::dock::DockRules;
use crate::deadlines::due::{self, DueKind};
use crate::journal::clock::Origin;
use crate::journal::{Aggregate, Cx, Eid, Folded, Followed, Stamped};
use crate::parcels::model::{Parcel, ParcelId};
use crate::store::{Result, Table, WriteTx};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When a manifest is missed; none when it came, was cancelled or is missed already.
#[must_use]
pub fn late_at(m: &Manifest, rules: &DockRules) -> Option<Timestamp> {
    let minutes = match m.header.kind {
        Kind::Truck => rules.truck_grace_minutes,
        Kind::Flight => rules.flight_grace_minutes,
        Kind::Distributor => rules.distributor_grace_minutes,
    };
    let grace = Duration::from_secs(u64::from(minutes) * 60);
    (m.state == State::Announced).then(|| m.header.expected_at.after(grace))
}

/// A fact with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spoken {
    reason: &'static str,
    eid: Eid,
    at: Timestamp,
    detail: String,
}

fn facts<'a>(spoken: impl Iterator<Item = &'a Spoken>) -> Vec<Fact<'a>> {
    spoken.map(|s| Fact { reason: s.reason, eid: s.eid, at: s.at, detail: &s.detail }).collect()
}

/// That a manifest did not come; none when it is not late.
fn lateness(m: &Manifest) -> Option<Spoken> {
    let late = m.late?;
    let by = m.header.vehicle.as_deref().or(m.header.carrier.as_deref()).unwrap_or(m.header.kind.as_str());
    let (number, n) = (&m.header.number, m.lines.len());
    let detail = format!("late: {number} with {n} parcels ({by}) was expected at {}", m.header.expected_at);
    Some(Spoken { reason: m.header.kind.absent().code(), eid: late.eid, at: late.at, detail })
}

impl Aggregate for Manifest {
    type Event = ManifestEvent;
    const NAME: &'static str = "manifest";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::MANIFESTS;

    fn blank(id: Id) -> Self {
        fold::blank_manifest(id)
    }

    fn fold(self, event: &Stamped<ManifestEvent>) -> Self {
        fold::manifest(self, event)
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let due = late_at(new, &cx.policy.dock);
        due::replace(tx, DueKind::ManifestLate, new.id.0, old.and_then(|o| o.due), due)?;
        let (before, after) = (old.and_then(|o| lateness(&o.state)), lateness(new));
        if before == after {
            return Ok(Followed { opened: Vec::new(), due });
        }
        let subject = Subject {
            kind: Self::NAME,
            id: new.id.0,
            label: &new.header.number,
            distributor: new.header.distributor.as_deref(),
        };
        let opened = derive(tx, cx, &subject, &facts(before.iter()), &facts(after.iter()))?;
        Ok(Followed { opened, due })
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let blank = fold::blank_manifest(new.id.0);
        let (before, after) = (manifest_shown(old.unwrap_or(&blank)), manifest_shown(new));
        differing(before, after)
    }
}

fn manifest_shown(m: &Manifest) -> Vec<(&'static str, Value)> {
    let text = |t: &Option<String>| t.clone().map_or(Value::Null, Value::from);
    vec![
        ("number", m.header.number.clone().into()),
        ("kind", m.header.kind.as_str().into()),
        ("carrier", text(&m.header.carrier)),
        ("vehicle", text(&m.header.vehicle)),
        ("distributor", text(&m.header.distributor)),
        ("expected_at", m.header.expected_at.to_string().into()),
        ("lines", m.lines.len().into()),
        ("state", serde_json::to_value(m.state).unwrap_or_default()),
        ("cancelled", text(&m.cancelled)),
    ]
}

fn differing(before: Vec<(&'static str, Value)>, after: Vec<(&'static str, Value)>) -> Vec<Changed> {
    let differ = before.into_iter().zip(after).filter(|(b, a)| b.1 != a.1);
    differ.map(|((name, before), (_, after))| Changed::new(name, before, after)).collect()
}

impl Aggregate for Unloading {
    type Event = UnloadingEvent;
    const NAME: &'static str = "unloading";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::UNLOADINGS;

    fn blank(id: Id) -> Self {
        fold::blank_unloading(id)
    }

    fn fold(self, event: &Stamped<UnloadingEvent>) -> Self {
        fold::unloading(self, event)
    }

    fn follow(tx: &mut dyn WriteTx, cx: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let was = old.map(|o| &o.state);
        let origin = Origin::load(tx)?;
        if new.site.is_some_and(|site| origin.is(site)) {
            look_ups(tx, was, new)?;
        }
        let opened = tell(tx, cx, was, new)?;
        Ok(Followed { opened, due: None })
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let blank = fold::blank_unloading(new.id.0);
        differing(unloading_shown(old.unwrap_or(&blank)), unloading_shown(new))
    }
}

/// By station, while scans there count; by parcel, what was missing. Only where it is unloaded.
fn look_ups(tx: &mut dyn WriteTx, was: Option<&Unloading>, new: &Unloading) -> Result<()> {
    let open_before = was.is_some_and(|w| w.site.is_some() && w.is_open());
    if open_before != new.is_open() {
        for station in &new.stations {
            if new.is_open() {
                STATIONS.put(tx, station, &AtStation { unloading: new.id })?;
            } else if STATIONS.get(tx, station)?.is_some_and(|at| at.unloading == new.id) {
                STATIONS.del(tx, station)?;
            }
        }
    }
    let closed = |u: &Unloading| u.closing.map(|c| c.eid);
    if was.and_then(closed) == closed(new) {
        return Ok(());
    }
    let (gone, fresh) = (was.map(missing).unwrap_or_default(), missing(new));
    for parcel in gone.iter().filter(|p| !fresh.contains(p)) {
        MISSED.del(tx, &repo::missed_key(*parcel, new.id))?;
    }
    for parcel in &fresh {
        MISSED.put(tx, &repo::missed_key(*parcel, new.id), &Missed { unloading: new.id.0 })?;
    }
    Ok(())
}

fn missing(u: &Unloading) -> BTreeSet<ParcelId> {
    if u.is_open() {
        return BTreeSet::new();
    }
    u.items.iter().filter(|i| i.kind == Difference::Missing).filter_map(|i| i.parcel).collect()
}

/// Facts by what they are about.
type About<'a> = BTreeMap<Option<ParcelId>, (Option<&'a Item>, Vec<Spoken>)>;

/// What is told of an unloading: of a parcel where it is about one, of the unloading where it is about many or about a
/// number that no parcel has.
fn spoken(u: &Unloading) -> About<'_> {
    let mut by = About::new();
    let Some(closing) = u.closing else { return by };
    for told in differ::told(u) {
        let parcel = told.parcel.and_then(|i| i.parcel);
        let (reason, detail) = (told.kind.reason().code(), told.detail);
        let (_, facts) = by.entry(parcel).or_insert((told.parcel.filter(|_| parcel.is_some()), Vec::new()));
        facts.push(Spoken { reason, eid: closing.eid, at: closing.at, detail });
    }
    by
}

/// A case that follows from a closed unloading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseOf {
    /// What differs.
    pub kind: Difference,
    /// The number it is about; none when it is about all that differ in this way.
    pub number: Option<String>,
    /// The case.
    pub case: CaseId,
}

impl CaseOf {
    /// Whether it tells of `item`.
    #[must_use]
    pub fn tells(&self, item: &Item) -> bool {
        self.kind == item.kind && self.number.as_ref().is_none_or(|n| *n == item.number)
    }
}

/// The cases that follow from an unloading: none while it is open.
#[must_use]
pub fn cases_of(u: &Unloading) -> Vec<CaseOf> {
    let Some(closing) = u.closing else { return Vec::new() };
    let of = |told: differ::Told<'_>| {
        let subject = told.parcel.and_then(|i| i.parcel).map_or(u.id.0, |p| p.0);
        let (reason, detail) = (told.kind.reason().code(), told.detail.as_str());
        let fact = Fact { reason, eid: closing.eid, at: closing.at, detail };
        let number = told.parcel.map(|i| i.number.clone());
        CaseOf { kind: told.kind, number, case: CaseId(fact.case_id(subject)) }
    };
    differ::told(u).into_iter().map(of).collect()
}

fn tell(tx: &mut dyn WriteTx, cx: &Cx, was: Option<&Unloading>, new: &Unloading) -> Result<Vec<Id>> {
    let (before, after) = (was.map(spoken).unwrap_or_default(), spoken(new));
    let mut opened = Vec::new();
    let all: BTreeSet<Option<ParcelId>> = before.keys().chain(after.keys()).copied().collect();
    for about in all {
        let (old, now) = (before.get(&about), after.get(&about));
        let (then, since) = (old.map_or(&[][..], |(_, f)| f), now.map_or(&[][..], |(_, f)| f));
        if then == since {
            continue;
        }
        let item = now.or(old).and_then(|(item, _)| *item);
        let subject = match (about, item) {
            (Some(parcel), Some(item)) => Subject {
                kind: Parcel::NAME,
                id: parcel.0,
                label: &item.number,
                distributor: item.distributor.as_deref(),
            },
            _ => Subject {
                kind: Unloading::NAME,
                id: new.id.0,
                label: &new.label,
                distributor: new.distributor.as_deref(),
            },
        };
        opened.extend(derive(tx, cx, &subject, &facts(then.iter()), &facts(since.iter()))?);
    }
    Ok(opened)
}

fn unloading_shown(u: &Unloading) -> Vec<(&'static str, Value)> {
    vec![
        ("manifests", u.label.clone().into()),
        ("door", u.door.clone().map_or(Value::Null, Value::from)),
        ("open", (u.site.is_some() && u.is_open()).into()),
        ("differences", u.items.iter().filter(|i| !i.found).count().into()),
        ("reopened", u.reopened.into()),
        ("why", u.why.clone().map_or(Value::Null, Value::from)),
    ]
}
