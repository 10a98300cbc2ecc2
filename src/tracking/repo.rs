//! Where tracks, stops, devices and links are kept. Positions stay at this node.

use super::block::{self, Block, merge};
use super::model::{Device, DeviceKey, Fed, Fence, Fix, Link, Stop, StopState, Track};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::config::sections::Retention;
use crate::jobs::retention::{Found, Retained, older};
use crate::journal::Folded;
use crate::journal::reference::{Ref, Reference};
use crate::store::counters;
use crate::store::table::Checked;
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, WriteTx};

/// Devices by id.
pub static DEVICES: Table<Id, Folded<Ref<Device>>> = Table::new(210, "tracking_devices", Home::ById);
/// Which device a token's hash belongs to.
pub const KEYS: Table<[u8], DeviceKey> = Table::new(211, "tracking_keys", Home::Local).indexed(&[by_device]);
/// Points, by track and the time of a block's first.
pub const BLOCKS: Table<[u8], Block> = Table::new(212, "tracking_points", Home::Local);
/// Deliveries under way, by delivery.
pub const STOPS: Table<Id, Stop> =
    Table::new(213, "tracking_stops", Home::Local).indexed(&[by_vehicle, by_touch]);
/// Public links by the hash of their token.
pub const LINKS: Table<[u8], Link> = Table::new(214, "tracking_links", Home::Local).indexed(&[by_end, by_id]);
/// Fences by id.
pub static FENCES: Table<Id, Folded<Ref<Fence>>> = Table::new(217, "tracking_fences", Home::ById);
/// What is known of each vehicle.
pub const TRACKS: Table<Id, Track> = Table::new(219, "tracking_tracks", Home::Local);

const BY_DEVICE: Ix = Ix::Nth(0);
const BY_VEHICLE: Ix = Ix::Nth(0);
const BY_TOUCH: Ix = Ix::Nth(1);
const BY_END: Ix = Ix::Nth(0);
/// Links by their id.
pub const BY_ID: Ix = Ix::Nth(1);

/// Routes that are under way, and what they announced.
pub const FED: Table<Id, Fed> = Table::new(231, "tracking_routes", Home::Local).indexed(&[by_user]);
const BY_USER: Ix = Ix::Nth(0);

fn by_user(f: &Fed) -> Option<Vec<u8>> {
    let mut key = f.user?.0.to_vec();
    key.extend(f.since.unsigned().to_be_bytes());
    Some(key)
}

/// The counter of public links.
pub const LINKS_KEPT: &str = "tracking/links";
/// Vehicles of a tenant at the most.
pub const MAX_TRACKS: usize = 10_000;
/// Stops ahead of one vehicle at the most.
pub const MAX_STOPS: usize = 200;

impl Reference for Device {
    const NAME: &'static str = "tracking_device";
    const KIND: u16 = 0x1a4;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &DEVICES;
}

impl Reference for Fence {
    const NAME: &'static str = "tracking_fence";
    const KIND: u16 = 0x1a5;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &FENCES;
}

fn by_device(k: &DeviceKey) -> Option<Vec<u8>> {
    Some(k.device.0.to_vec())
}

fn by_vehicle(s: &Stop) -> Option<Vec<u8>> {
    if s.state == StopState::Over {
        return None;
    }
    let mut key = s.vehicle.0.to_vec();
    key.extend(s.sequence.to_be_bytes());
    key.extend(s.announced_at.unsigned().to_be_bytes());
    Some(key)
}

fn by_touch(s: &Stop) -> Option<Vec<u8>> {
    Some(s.touched_at.unsigned().to_be_bytes().to_vec())
}

fn by_end(l: &Link) -> Option<Vec<u8>> {
    Some(l.expires.unsigned().to_be_bytes().to_vec())
}

fn by_id(l: &Link) -> Option<Vec<u8>> {
    Some(l.id.0.to_vec())
}

/// The token's hash under which `device` is known; none when it has none.
///
/// # Errors
/// Storage failures.
pub fn key_of(tx: &dyn ReadTx, device: Id) -> Result<Option<Vec<u8>>> {
    let mut rows = KEYS.scan(tx, BY_DEVICE, &KeyRange::prefix(&device.0), Dir::Up, 1)?.items;
    Ok(rows.pop().map(|e| e.pk))
}

/// The records of a kind that are there, with their revisions; removed ones leave rows behind.
///
/// # Errors
/// Storage failures.
pub fn all<T: Reference>(tx: &dyn ReadTx) -> Result<Vec<(Id, T, u64)>> {
    let (mut range, mut found) = (KeyRange::all(), Vec::new());
    loop {
        let rows = T::TABLE.scan(tx, Ix::Primary, &range, Dir::Up, 500)?;
        let kept =
            |e: crate::store::Entry<Folded<Ref<T>>>| Some((e.value.state.id, e.value.state.value?, e.rev));
        found.extend(rows.items.into_iter().filter_map(kept));
        match rows.next {
            Some(next) => range.after = Some(next),
            None => return Ok(found),
        }
    }
}

/// The vehicle that the user drives, by the route they are on; of several the last that began.
///
/// # Errors
/// Storage failures.
pub fn driven_by(tx: &dyn ReadTx, user: Id) -> Result<Option<Fed>> {
    let mut rows = FED.scan(tx, BY_USER, &KeyRange::prefix(&user.0), Dir::Down, 1)?.items;
    Ok(rows.pop().map(|e| e.value))
}

/// The id of a delivery's row.
#[must_use]
pub fn delivery_id(delivery: &str) -> Id {
    Id::derived(&[b"delivery", delivery.as_bytes()])
}

/// The stop of a delivery.
///
/// # Errors
/// Storage failures.
pub fn stop(tx: &dyn ReadTx, delivery: &str) -> Result<Option<Stop>> {
    STOPS.get(tx, &delivery_id(delivery))
}

/// Keeps a stop.
///
/// # Errors
/// Storage failures.
pub fn put_stop(tx: &mut dyn WriteTx, stop: &Stop) -> Result<()> {
    STOPS.put(tx, &delivery_id(&stop.delivery), stop).map(drop)
}

/// The stops of a vehicle that are not over, in order.
///
/// # Errors
/// Storage failures.
pub fn open_stops(tx: &dyn ReadTx, vehicle: Id) -> Result<Vec<Stop>> {
    let rows = STOPS.scan(tx, BY_VEHICLE, &KeyRange::prefix(&vehicle.0), Dir::Up, MAX_STOPS)?;
    Ok(rows.items.into_iter().map(|e| e.value).collect())
}

fn point_key(track: Id, at: Timestamp) -> Vec<u8> {
    let mut key = track.0.to_vec();
    key.extend(at.unsigned().to_be_bytes());
    key
}

/// Keeps `fixes` (in order of time, each time once) of a track; returns those whose time was new.
///
/// # Errors
/// Storage failures.
pub fn insert(tx: &mut dyn WriteTx, track: Id, fixes: &[Fix]) -> Result<Vec<Fix>> {
    let (mut taken, mut rest) = (Vec::with_capacity(fixes.len()), fixes);
    while let Some(first) = rest.first() {
        let until = point_key(track, first.at.after(std::time::Duration::from_millis(1)));
        let before = KeyRange { from: track.0.to_vec(), to: Some(until.clone()), after: None };
        let old = BLOCKS.scan(tx, Ix::Primary, &before, Dir::Down, 1)?.items.pop();
        let behind = KeyRange { from: until, ..KeyRange::prefix(&track.0) };
        let next = BLOCKS.scan(tx, Ix::Primary, &behind, Dir::Up, 1)?.items.pop();
        let next = next.and_then(|e| e.value.fixes().first().map(|f| f.at));
        let n = next.map_or(rest.len(), |next| rest.partition_point(|f| f.at < next).max(1));
        let (group, later) = rest.split_at(n);
        rest = later;
        let held = old.map(|e| e.value.fixes()).unwrap_or_default();
        // What comes behind a full block begins a new one.
        let is_full = held.len() >= block::MAX_POINTS && held.last().is_some_and(|l| l.at < first.at);
        let (all, new) = merge(if is_full { Vec::new() } else { held }, group);
        for part in block::cut(&all) {
            if let Some(first) = part.first() {
                BLOCKS.put(tx, &point_key(track, first.at), &Block::of(part))?;
            }
        }
        taken.extend(new);
    }
    Ok(taken)
}

/// The points of a track from `since` on, at most `limit`: the newest, oldest first.
///
/// # Errors
/// Storage failures.
pub fn trail(tx: &dyn ReadTx, track: Id, since: Timestamp, limit: usize) -> Result<Vec<Fix>> {
    let (mut points, mut range) = (Vec::new(), KeyRange::prefix(&track.0));
    while points.len() < limit {
        let rows = BLOCKS.scan(tx, Ix::Primary, &range, Dir::Down, 8)?;
        for row in rows.items {
            let fixes = row.value.fixes();
            let is_last = fixes.first().is_some_and(|f| f.at < since);
            points.extend(fixes.into_iter().rev().filter(|f| f.at >= since));
            if is_last {
                points.truncate(limit);
                points.reverse();
                return Ok(points);
            }
        }
        match rows.next {
            Some(next) => range.after = Some(next),
            None => break,
        }
    }
    points.truncate(limit);
    points.reverse();
    Ok(points)
}

/// Positions, deliveries that were under way, and links are kept for some days.
#[must_use]
pub fn retained() -> [Retained; 3] {
    fn id(pk: &[u8]) -> Id {
        Id::from_slice(pk).unwrap_or(Id::NIL)
    }
    let days = |r: &Retention| r.positions;
    [
        Retained {
            name: "positions",
            days,
            find: |tx, before, after, limit| {
                let range = KeyRange { after, ..KeyRange::all() };
                older(&BLOCKS, tx, (Ix::Primary, range), limit, |b: &Block| {
                    b.fixes().last().is_none_or(|f| f.at < before)
                })
            },
            remove: |tx, pk| BLOCKS.del(tx, pk).map(drop),
        },
        Retained {
            name: "tracking_stops",
            days,
            find: |tx, before, after, limit| -> Result<Found> {
                let range =
                    KeyRange { from: Vec::new(), to: Some(before.unsigned().to_be_bytes().to_vec()), after };
                older(&STOPS, tx, (BY_TOUCH, range), limit, |_| true)
            },
            remove: |tx, pk| STOPS.del(tx, &id(pk)).map(drop),
        },
        Retained {
            name: "tracking_links",
            days,
            find: |tx, before, after, limit| -> Result<Found> {
                let range =
                    KeyRange { from: Vec::new(), to: Some(before.unsigned().to_be_bytes().to_vec()), after };
                older(&LINKS, tx, (BY_END, range), limit, |_| true)
            },
            remove: |tx, pk| {
                let gone = LINKS.del(tx, pk)?;
                counters::add(tx, LINKS_KEPT, -i64::from(gone))
            },
        },
    ]
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&DEVICES, &KEYS, &BLOCKS, &STOPS, &LINKS, &FENCES, &TRACKS, &FED]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redb::Redb;
    use crate::store::{Lane, Store};
    use crate::tracking::geo::Spot;

    fn fix(s: i64) -> Fix {
        let spot = Spot { lat: s as i32 + 1, lon: 7 };
        Fix { at: Timestamp::from_millis(1_700_000_000_000 + s * 1_000), spot, ..Fix::default() }
    }

    fn put(store: &Store, seconds: impl Iterator<Item = i64>) -> usize {
        let fixes: Vec<Fix> = seconds.map(fix).collect();
        store.write(1, Lane::People, move |tx| insert(tx, Id([7; 16]), &fixes)).wait().unwrap().len()
    }

    #[test]
    fn points_come_in_any_order_and_each_time_is_kept_once() {
        let store = Store::new(Redb::memory().unwrap());
        assert_eq!(put(&store, (100..300).step_by(2)), 100);
        assert_eq!(put(&store, 100..200), 50, "those between");
        assert_eq!(put(&store, 0..400), 250, "before, behind and between");
        assert_eq!(put(&store, 0..400), 0);
        let all = |since: i64, limit| {
            let seen = store.read(1, |tx| trail(tx, Id([7; 16]), fix(since).at, limit)).unwrap();
            seen.iter().map(|f| (f.at.millis() - 1_700_000_000_000) / 1_000).collect::<Vec<_>>()
        };
        assert_eq!(all(0, 1_000), (0..400).collect::<Vec<_>>());
        assert_eq!(all(390, 5), (395..400).collect::<Vec<_>>());
        assert_eq!(all(397, 1_000), [397, 398, 399]);
        let blocks =
            store.read(1, |tx| BLOCKS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 100)).unwrap();
        assert!(blocks.items.iter().all(|b| b.value.len() <= block::MAX_POINTS), "{}", blocks.items.len());
        assert!(store.read(1, |tx| trail(tx, Id([8; 16]), Timestamp::ZERO, 9)).unwrap().is_empty());
    }
}
