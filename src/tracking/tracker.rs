//! What a process remembers of positions: the latest of each vehicle, and what was told and is not yet written.
//!
//! Positions are written once a second, all of that second in one commit, so a crash loses a second of them at the most.
//! What loses more than that here is nothing: phones that get no answer tell again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::TrackingError;
use super::model::{Fix, Track};
use super::repo::{MAX_TRACKS, TRACKS};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::store::{Dir, Ix, KeyRange, Result, Store, Tenant};

/// Points that may wait to be written, over all houses.
pub const MAX_WAITING: usize = 200_000;

/// A point that was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The point.
    pub fix: Fix,
    /// The trip it belongs to: metres are counted within one.
    pub trip: u64,
    /// When we heard of it.
    pub heard_at: Timestamp,
}

/// The latest of a vehicle.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Its name.
    pub name: String,
    /// Where it was.
    pub fix: Fix,
    /// When we heard of it.
    pub heard_at: Timestamp,
    /// Counts up with every move of any vehicle of the house.
    pub turn: u64,
}

#[derive(Default)]
struct House {
    is_loaded: bool,
    turn: u64,
    latest: HashMap<Id, Latest>,
    waiting: HashMap<Id, (String, Vec<Report>)>,
    /// How often anything was told since the start.
    told: u64,
}

#[derive(Default)]
struct Kept {
    houses: HashMap<Tenant, House>,
    waiting: usize,
}

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tracker {
    kept: Arc<Mutex<Kept>>,
    turn: Arc<Mutex<()>>,
}

/// A vehicle's points that are to be written.
pub type Load = (Id, String, Vec<Report>);

impl Tracker {
    /// The right to write down what waits: whoever has it knows that nobody else is about to.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes points of `vehicle` in, in the order they were told.
    ///
    /// # Errors
    /// [`TrackingError::Busy`] when too many wait already, [`TrackingError::Full`] when it is a vehicle too many; then none
    /// of them was taken.
    pub fn take(
        &self,
        tenant: Tenant,
        vehicle: Id,
        name: &str,
        reports: Vec<Report>,
    ) -> std::result::Result<(), TrackingError> {
        let mut kept = self.lock();
        if kept.waiting + reports.len() > MAX_WAITING {
            return Err(TrackingError::Busy(kept.waiting));
        }
        let house = kept.houses.entry(tenant).or_default();
        if house.latest.len() >= MAX_TRACKS && !house.latest.contains_key(&vehicle) {
            return Err(TrackingError::Full { what: "vehicles", most: MAX_TRACKS });
        }
        for report in &reports {
            let (fix, heard_at) = (report.fix, report.heard_at);
            let known = house.latest.get(&vehicle);
            if known.is_none_or(|l| fix.at > l.fix.at) {
                house.turn += 1;
                let turn = house.turn;
                house.latest.insert(vehicle, Latest { name: name.to_owned(), fix, heard_at, turn });
            }
        }
        let waiting = house.waiting.entry(vehicle).or_insert_with(|| (name.to_owned(), Vec::new()));
        let n = reports.len();
        waiting.1.extend(reports);
        house.told += 1;
        kept.waiting += n;
        Ok(())
    }

    /// How often anything was told in the house since the start: as long as that stays, nobody has moved.
    #[must_use]
    pub fn told(&self, tenant: Tenant) -> u64 {
        self.lock().houses.get(&tenant).map_or(0, |h| h.told)
    }

    /// The latest of one vehicle, as far as anything was told of it since the start.
    #[must_use]
    pub fn latest_of(&self, tenant: Tenant, vehicle: Id) -> Option<Latest> {
        self.lock().houses.get(&tenant)?.latest.get(&vehicle).cloned()
    }

    /// Some vehicles' points to be written, about `most` points.
    #[must_use]
    pub fn drain(&self, tenant: Tenant, most: usize) -> Vec<Load> {
        let mut kept = self.lock();
        let Some(house) = kept.houses.get_mut(&tenant) else { return Vec::new() };
        let (mut loads, mut n) = (Vec::new(), 0);
        while n < most {
            let Some(vehicle) = house.waiting.keys().next().copied() else { break };
            let Some((name, mut reports)) = house.waiting.remove(&vehicle) else { break };
            if reports.len() > most {
                let rest = reports.split_off(most);
                house.waiting.insert(vehicle, (name.clone(), rest));
            }
            n += reports.len();
            loads.push((vehicle, name, reports));
        }
        kept.waiting = kept.waiting.saturating_sub(n);
        loads
    }

    /// Puts back in front what could not be written.
    pub fn give_back(&self, tenant: Tenant, loads: Vec<Load>) {
        let mut kept = self.lock();
        for (vehicle, name, mut reports) in loads {
            kept.waiting += reports.len();
            let waiting = kept.houses.entry(tenant).or_default().waiting.entry(vehicle);
            let (_, later) = waiting.or_insert_with(|| (name, Vec::new()));
            reports.append(later);
            *later = reports;
        }
    }

    /// The latest of every vehicle of the house, by id; read from the store the first time after a start.
    ///
    /// # Errors
    /// Storage failures.
    pub fn latest(&self, store: &Store, tenant: Tenant) -> Result<Vec<(Id, Latest)>> {
        Ok(self.moved(store, tenant, None)?.1)
    }

    /// Those that moved since turn `since`, all of them without one; and the turn of now.
    ///
    /// # Errors
    /// Storage failures.
    pub fn moved(
        &self,
        store: &Store,
        tenant: Tenant,
        since: Option<u64>,
    ) -> Result<(u64, Vec<(Id, Latest)>)> {
        if !self.lock().houses.entry(tenant).or_default().is_loaded {
            let tracks = store
                .read(tenant, |tx| TRACKS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, MAX_TRACKS))?;
            let mut kept = self.lock();
            let house = kept.houses.entry(tenant).or_default();
            for row in tracks.items {
                let Track { name, latest: Some(fix), heard_at, .. } = row.value else { continue };
                let Some(id) = Id::from_slice(&row.pk) else { continue };
                house.latest.entry(id).or_insert(Latest { name, fix, heard_at, turn: 0 });
            }
            house.is_loaded = true;
        }
        let mut kept = self.lock();
        let house = kept.houses.entry(tenant).or_default();
        let fresh = |l: &Latest| since.is_none_or(|since| l.turn > since);
        let moved = house.latest.iter().filter(|(_, l)| fresh(l));
        let mut all: Vec<_> = moved.map(|(id, l)| (*id, l.clone())).collect();
        all.sort_by(|a, b| a.1.name.cmp(&b.1.name).then(a.0.cmp(&b.0)));
        Ok((house.turn, all))
    }

    /// The houses of which something waits.
    #[must_use]
    pub fn unsettled(&self) -> Vec<Tenant> {
        self.lock().houses.iter().filter(|(_, h)| !h.waiting.is_empty()).map(|(t, _)| *t).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(s: i64) -> Report {
        let fix = Fix { at: Timestamp::from_millis(s * 1_000), ..Fix::default() };
        Report { fix, trip: 0, heard_at: Timestamp::from_millis(99_000) }
    }

    #[test]
    fn what_waits_is_written_in_the_order_it_was_told() {
        let (tracker, car) = (Tracker::default(), Id([1; 16]));
        tracker.take(1, car, "car", vec![report(1), report(2), report(3)]).unwrap();
        assert!(tracker.drain(2, 10).is_empty());
        let first = tracker.drain(1, 2);
        assert_eq!(first[0].2.len(), 2);
        tracker.give_back(1, first);
        tracker.take(1, car, "car", vec![report(4)]).unwrap();
        let all: Vec<i64> = tracker.drain(1, 10)[0].2.iter().map(|r| r.fix.at.millis() / 1_000).collect();
        assert_eq!(all, [1, 2, 3, 4]);
        assert!(tracker.unsettled().is_empty());
    }

    #[test]
    fn one_too_many_is_refused_and_none_of_its_call_is_taken() {
        let (tracker, car) = (Tracker::default(), Id([1; 16]));
        tracker.take(1, car, "car", vec![report(1); MAX_WAITING - 1]).unwrap();
        assert!(matches!(tracker.take(1, car, "car", vec![report(2); 2]), Err(TrackingError::Busy(_))));
        tracker.take(1, car, "car", vec![report(2)]).unwrap();
        assert_eq!(tracker.drain(1, MAX_WAITING * 2)[0].2.len(), MAX_WAITING);
        tracker.take(1, car, "car", vec![report(2)]).unwrap();
    }
}
