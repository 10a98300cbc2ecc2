//! One vehicle's route with what constant-time checks need.

use super::model::{Car, Model, Role};
use super::timeline;

/// A feasible route. Position `i` lies before visit `i`; position `len` before the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Route {
    pub(crate) visits: Vec<u32>,
    /// Earliest departure towards position `i` (breaks left out: a bound).
    pub(crate) leave: Vec<i32>,
    /// Latest start of visit `i`, then latest return (breaks left out: a bound).
    pub(crate) late: Vec<i32>,
    /// Load on the arc at position `i`, `dims` entries each.
    pub(crate) load: Vec<i32>,
    /// Largest load from the trip's start up to the arc at `i`.
    pub(crate) peak_before: Vec<i32>,
    /// Largest load from the arc at `i` to the trip's end.
    pub(crate) peak_after: Vec<i32>,
    /// Cost of arcs and use of the vehicle; 0 for an empty route.
    pub(crate) cost: i64,
    pub(crate) metres: i64,
    /// Visits that are jobs' stops.
    pub(crate) stops: usize,
    pub(crate) reloads: usize,
}

impl Model<'_> {
    /// Place before position `i`.
    #[inline]
    pub(crate) fn place_before(&self, car: &Car, visits: &[u32], i: usize) -> usize {
        if i == 0 { car.start as usize } else { self.nodes[visits[i - 1] as usize].place as usize }
    }

    /// Place after position `i`.
    #[inline]
    pub(crate) fn place_after(&self, car: &Car, visits: &[u32], i: usize) -> usize {
        visits.get(i).map_or(car.end as usize, |&v| self.nodes[v as usize].place as usize)
    }

    /// Builds the route of a vehicle; `None` when it breaks any rule.
    pub(crate) fn route(&self, car: usize, visits: Vec<u32>) -> Option<Route> {
        let mut route = Route { visits, ..Route::default() };
        self.rebuild(car, &mut route).then_some(route)
    }

    /// Fills all that follows from `visits`; false when they break any rule.
    pub(crate) fn rebuild(&self, index: usize, route: &mut Route) -> bool {
        let car = &self.cars[index];
        self.measure(car, route);
        route.stops <= car.max_stops
            && car.max_metres.is_none_or(|max| route.metres <= max)
            && route.reloads <= car.reload.as_ref().map_or(0, |r| r.max)
            && self.fill_loads(car, route)
            && self.fill_times(car, route)
            && (car.plain() || route.visits.is_empty() || timeline::feasible(self, car, &route.visits))
    }

    fn measure(&self, car: &Car, route: &mut Route) {
        let (arcs, size) = (&self.arcs[car.arcs], self.places);
        let metres = &self.problem.profiles[car.profile].metres;
        (route.cost, route.metres, route.stops, route.reloads) = (0, 0, 0, 0);
        if route.visits.is_empty() {
            return;
        }
        route.cost = car.fixed;
        let mut from = car.start as usize;
        for i in 0..=route.visits.len() {
            let to = self.place_after(car, &route.visits, i);
            route.cost += i64::from(arcs.cost[from * size + to]);
            route.metres += i64::from(metres[from * size + to]);
            from = to;
        }
        route.reloads = route.visits.iter().filter(|&&v| v as usize >= self.reloads).count();
        route.stops = route.visits.len() - route.reloads;
    }

    /// Loads trip by trip; false when over capacity anywhere.
    fn fill_loads(&self, car: &Car, route: &mut Route) -> bool {
        let (dims, len) = (self.dims, route.visits.len());
        let size = (len + 1) * dims;
        for list in [&mut route.load, &mut route.peak_before, &mut route.peak_after] {
            list.clear();
            list.resize(size, 0);
        }
        for d in 0..dims {
            if !self.fill_dimension(car, route, d) {
                return false;
            }
        }
        true
    }

    fn fill_dimension(&self, car: &Car, route: &mut Route, d: usize) -> bool {
        let (dims, len) = (self.dims, route.visits.len());
        let (mut first, mut shipped) = (0, 0);
        loop {
            let end = (first..len).find(|&i| route.visits[i] as usize >= self.reloads).unwrap_or(len);
            let trip = &route.visits[first..end];
            let amount = |v: u32| self.amounts[v as usize * dims + d];
            let brought: i64 = trip
                .iter()
                .filter(|&&v| self.nodes[v as usize].role == Role::Deliver)
                .map(|&v| i64::from(amount(v)))
                .sum();
            let mut load = brought + shipped;
            let mut peak = load;
            for i in first..=end {
                if load > i64::from(car.capacity[d]) {
                    return false;
                }
                peak = peak.max(load);
                route.load[i * dims + d] = load as i32;
                route.peak_before[i * dims + d] = peak as i32;
                if i < end {
                    let visit = route.visits[i];
                    let change = i64::from(amount(visit));
                    match self.nodes[visit as usize].role {
                        Role::Deliver => load -= change,
                        Role::Pickup => load += change,
                        Role::From => (load, shipped) = (load + change, shipped + change),
                        Role::To => (load, shipped) = (load - change, shipped - change),
                        Role::Reload => {}
                    }
                }
            }
            let mut peak = 0;
            for i in (first..=end).rev() {
                peak = peak.max(route.load[i * dims + d]);
                route.peak_after[i * dims + d] = peak;
            }
            if end == len {
                return true;
            }
            first = end + 1;
        }
    }

    /// Earliest departures and latest starts; false when a window or the shift is missed.
    fn fill_times(&self, car: &Car, route: &mut Route) -> bool {
        let (arcs, size, len) = (&self.arcs[car.arcs], self.places, route.visits.len());
        route.leave.clear();
        route.late.clear();
        route.late.resize(len + 1, car.shift.close);
        let (mut at, mut from) = (car.shift.open, car.start as usize);
        route.leave.push(at);
        for &visit in &route.visits {
            let node = &self.nodes[visit as usize];
            let to = node.place as usize;
            let Some(start) = node.start(at + arcs.time[from * size + to]) else { return false };
            at = start + node.service;
            from = to;
            route.leave.push(at);
        }
        if at + arcs.time[from * size + car.end as usize] > car.shift.close && len > 0 {
            return false;
        }
        let mut to = car.end as usize;
        for i in (0..len).rev() {
            let node = &self.nodes[route.visits[i] as usize];
            let from = node.place as usize;
            route.late[i] = node.start_by(route.late[i + 1] - arcs.time[from * size + to] - node.service);
            to = from;
        }
        true
    }
}
