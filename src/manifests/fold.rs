//! From events to rows. Nothing here fails: a step that doesn't fit keeps its place and changes nothing.

use super::event::{ManifestEvent, UnloadingEvent};
use super::model::{Closing, Difference, Late, Manifest, ManifestId, State, Unloading, UnloadingId};
use crate::base::ids::Id;
use crate::journal::Stamped;
use crate::parcels::model::ParcelId;

/// A manifest of which nothing is known yet.
#[must_use]
pub fn blank_manifest(id: Id) -> Manifest {
    Manifest { id: ManifestId(id), ..Manifest::default() }
}

/// An unloading of which nothing is known yet.
#[must_use]
pub fn blank_unloading(id: Id) -> Unloading {
    Unloading { id: UnloadingId(id), ..Unloading::default() }
}

/// The manifest after one more event.
#[must_use]
pub fn manifest(mut m: Manifest, e: &Stamped<ManifestEvent>) -> Manifest {
    let at = e.key.at();
    if m.origin.is_none() {
        (m.origin, m.created_at) = (Some(e.writer()), at);
    }
    m.updated_at = at;
    match &e.event {
        ManifestEvent::Announced { header } => m.header = header.clone(),
        ManifestEvent::Changed { expected_at, carrier, vehicle } => {
            if let Some(expected_at) = expected_at {
                m.header.expected_at = *expected_at;
                if m.state == State::Late {
                    (m.state, m.late) = (State::Announced, None); // it has a new time to keep
                }
            }
            m.header.carrier = carrier.clone().or(m.header.carrier);
            m.header.vehicle = vehicle.clone().or(m.header.vehicle);
        }
        ManifestEvent::Listed { lines } => {
            m.lines.extend(lines.iter().map(|l| (crate::parcels::service::normal(&l.number), l.clone())));
        }
        ManifestEvent::Struck { numbers } => numbers.iter().for_each(|n| drop(m.lines.remove(n))),
        ManifestEvent::Cancelled { reason } if m.is_expected() => {
            (m.state, m.late, m.cancelled) = (State::Cancelled, None, Some(reason.clone()));
        }
        ManifestEvent::WentLate { due } if m.state == State::Announced => {
            (m.state, m.late) = (State::Late, Some(Late { eid: e.key.eid, at: *due }));
        }
        // What stands at the door has come, whatever was said before.
        ManifestEvent::Arrived { unloading } => {
            (m.state, m.late, m.cancelled) = (State::Unloading, None, None);
            m.unloading = Some(*unloading);
        }
        ManifestEvent::Unloaded { unloading } if m.unloading == Some(*unloading) => m.state = State::Unloaded,
        ManifestEvent::Cancelled { .. } | ManifestEvent::WentLate { .. } | ManifestEvent::Unloaded { .. } => {
        }
    }
    m
}

/// The unloading after one more event.
#[must_use]
pub fn unloading(mut u: Unloading, e: &Stamped<UnloadingEvent>) -> Unloading {
    match &e.event {
        UnloadingEvent::Opened { manifests, label, distributor, door, stations } if u.site.is_none() => {
            (u.site, u.opened_at) = (Some(e.writer()), e.key.at());
            (u.manifests, u.stations) = (manifests.clone(), stations.clone());
            (u.label, u.distributor, u.door) = (label.clone(), distributor.clone(), door.clone());
        }
        UnloadingEvent::Differed { items } if u.closing.is_none() => u.items.extend(items.iter().cloned()),
        UnloadingEvent::Closed { totals } if u.closing.is_none() => {
            u.closing = Some(Closing { eid: e.key.eid, at: e.key.at(), totals: *totals });
        }
        UnloadingEvent::Reopened { reason } if u.closing.is_some() => {
            (u.closing, u.why) = (None, Some(reason.clone()));
            u.items.clear();
            u.reopened += 1;
        }
        UnloadingEvent::Found { parcels } => turned_up(&mut u, parcels, true),
        UnloadingEvent::MissedAgain { parcels } => turned_up(&mut u, parcels, false),
        UnloadingEvent::Opened { .. }
        | UnloadingEvent::Differed { .. }
        | UnloadingEvent::Closed { .. }
        | UnloadingEvent::Reopened { .. } => {}
    }
    u
}

fn turned_up(u: &mut Unloading, parcels: &[ParcelId], found: bool) {
    let of = |i: &&mut super::model::Item| {
        i.kind == Difference::Missing && i.parcel.is_some_and(|p| parcels.contains(&p))
    };
    u.items.iter_mut().filter(of).for_each(|i| i.found = found);
}
