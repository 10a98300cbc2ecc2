//! The problem in the general engine's form.

use std::sync::Arc;

use crate::routing::arcs;
use crate::routing::nearest::nearest;
use crate::routing::problem::{Act, Break, Problem, Reload, Stop, Task, Vehicle, Window};

/// Stops considered around the seed of a ruin.
const NEAR: usize = 300;

/// No node, no route.
pub(crate) const NONE: u32 = u32::MAX;

/// How a node changes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// On board from the depot or last reload until here.
    Deliver,
    /// On board from here to the depot or next reload.
    Pickup,
    /// On board from here to its twin.
    From,
    /// The twin.
    To,
    /// Loading point.
    Reload,
}

/// A visit: one per delivery and pickup, two per shipment, one per loading place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) role: Role,
    pub(crate) place: u32,
    pub(crate) job: u32,
    pub(crate) service: i32,
    /// At least one; ascending.
    pub(crate) windows: Vec<Window>,
}

impl Node {
    /// Earliest start of service at `at` or later.
    #[inline]
    pub(crate) fn start(&self, at: i32) -> Option<i32> {
        for window in &self.windows {
            if at <= window.close {
                return Some(at.max(window.open));
            }
        }
        None
    }

    /// Latest start of service at `at` or earlier; less than every time when there is none.
    #[inline]
    pub(crate) fn start_by(&self, at: i32) -> i32 {
        for window in self.windows.iter().rev() {
            if at >= window.open {
                return at.min(window.close);
            }
        }
        i32::MIN / 2
    }
}

/// What the search knows of a job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Its node, or where a shipment is fetched.
    pub(crate) first: u32,
    /// Where a shipment goes.
    pub(crate) second: Option<u32>,
    /// Cost of leaving it out.
    pub(crate) skip: i64,
    /// Rank of leaving it out; 0 for optional jobs.
    pub(crate) weight: i64,
    pub(crate) optional: bool,
    /// Fixed at the head of a route.
    pub(crate) locked: bool,
}

/// Costs and times of arcs for one kind of vehicle, row by row.
#[derive(Debug)]
pub(crate) struct Arcs {
    pub(crate) cost: Vec<i32>,
    pub(crate) time: Vec<i32>,
}

/// A vehicle.
#[derive(Debug, Clone)]
pub(crate) struct Car {
    /// Index of its arcs.
    pub(crate) arcs: usize,
    pub(crate) profile: usize,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) capacity: Vec<i32>,
    pub(crate) shift: Window,
    pub(crate) skills: u64,
    pub(crate) max_seconds: Option<i32>,
    pub(crate) max_metres: Option<i64>,
    pub(crate) max_stops: usize,
    pub(crate) fixed: i64,
    pub(crate) breaks: Vec<Break>,
    pub(crate) reload: Option<Reload>,
    pub(crate) locked: Vec<u32>,
    /// First vehicle that is equal to this one.
    pub(crate) group: usize,
}

impl Car {
    /// Whether constant-time checks tell everything about times.
    pub(crate) fn plain(&self) -> bool {
        self.breaks.is_empty() && self.max_seconds.is_none()
    }
}

/// The general form.
#[derive(Debug)]
pub(crate) struct Model<'p> {
    pub(crate) problem: &'p Problem,
    pub(crate) places: usize,
    pub(crate) dims: usize,
    pub(crate) nodes: Vec<Node>,
    /// `dims` entries per node.
    pub(crate) amounts: Vec<i32>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) cars: Vec<Car>,
    pub(crate) arcs: Arc<Vec<Arcs>>,
    /// First node that is a loading place.
    pub(crate) reloads: usize,
    /// Vehicle by job: whether it may serve it at all.
    pub(crate) allowed: Vec<bool>,
    /// Jobs' nodes by distance, the node itself first.
    pub(crate) near: Vec<Vec<u32>>,
    /// Positions of each job in the fixed insertion orders.
    pub(crate) orders: Vec<Vec<u32>>,
    pub(crate) scale: f64,
}

impl<'p> Model<'p> {
    /// The general form of a checked problem.
    pub(crate) fn of(problem: &'p Problem) -> Self {
        let scale = arcs::scale(problem);
        let places = problem.profiles.first().map_or(0, |m| m.size);
        let kinds = arcs::distinct(problem);
        let arcs: Vec<Arcs> = kinds.iter().map(|v| arcs_of(problem, v, scale)).collect();
        let dearest = arcs.iter().flat_map(|a| a.cost.iter().copied()).max().unwrap_or(1).max(1);
        let dims = problem.dimensions();
        let mut model = Model {
            problem,
            places,
            dims,
            nodes: Vec::new(),
            amounts: Vec::new(),
            jobs: Vec::new(),
            cars: Vec::new(),
            arcs: Arc::new(arcs),
            reloads: 0,
            allowed: Vec::new(),
            near: Vec::new(),
            orders: Vec::new(),
            scale,
        };
        // Leaving a job out is dearer than any way and any vehicle it may take.
        let vehicle =
            problem.vehicles.iter().map(|v| (v.costs.fixed * scale).round() as i64).max().unwrap_or(0);
        model.add_jobs(i64::from(dearest) + vehicle);
        model.add_cars(&kinds);
        model.fill_allowed();
        model
    }

    fn add_jobs(&mut self, dearest: i64) {
        let problem = self.problem;
        for (index, job) in problem.jobs.iter().enumerate() {
            let (skip, weight) = match job.optional {
                Some(price) => ((price * self.scale).round() as i64, 0),
                None => (dearest * (i64::from(job.priority) + 2), i64::from(job.priority) + 1),
            };
            let first = self.nodes.len() as u32;
            let second = match &job.task {
                Task::Delivery(stop) => self.add_node(Role::Deliver, stop, index),
                Task::Pickup(stop) => self.add_node(Role::Pickup, stop, index),
                Task::Shipment(from, to) => {
                    self.add_node(Role::From, from, index);
                    self.add_node(Role::To, to, index);
                    Some(first + 1)
                }
            };
            let optional = job.optional.is_some();
            self.jobs.push(Job { first, second, skip, weight, optional, locked: false });
        }
        self.reloads = self.nodes.len();
    }

    fn add_node(&mut self, role: Role, stop: &Stop, job: usize) -> Option<u32> {
        let windows = if stop.windows.is_empty() { vec![Window::ALWAYS] } else { stop.windows.clone() };
        self.nodes.push(Node {
            role,
            place: stop.place as u32,
            job: job as u32,
            service: stop.seconds,
            windows,
        });
        self.amounts.extend_from_slice(&self.problem.jobs[job].amount);
        None
    }

    fn add_cars(&mut self, kinds: &[&Vehicle]) {
        let problem = self.problem;
        for (index, vehicle) in problem.vehicles.iter().enumerate() {
            let locked: Vec<u32> = vehicle.locked.iter().map(|&act| self.node_of(act, vehicle)).collect();
            for &node in &locked {
                if (node as usize) < self.reloads {
                    let job = self.nodes[node as usize].job as usize;
                    self.jobs[job].locked = true;
                }
            }
            for &place in vehicle.reload.iter().flat_map(|r| &r.places) {
                self.node_of(Act::Reload(place), vehicle);
            }
            let group = problem.vehicles[..index].iter().position(|v| v == vehicle && v.locked.is_empty());
            self.cars.push(Car {
                arcs: kinds.iter().position(|k| arcs::same_arcs(k, vehicle)).unwrap_or(0),
                profile: vehicle.profile,
                start: vehicle.start as u32,
                end: vehicle.end as u32,
                capacity: vehicle.capacity.clone(),
                shift: vehicle.shift,
                skills: vehicle.skills,
                max_seconds: vehicle.max_seconds,
                max_metres: vehicle.max_metres,
                max_stops: vehicle.max_stops.unwrap_or(usize::MAX),
                fixed: (vehicle.costs.fixed * self.scale).round() as i64,
                breaks: vehicle.breaks.clone(),
                reload: vehicle.reload.clone(),
                locked,
                group: group.unwrap_or(index),
            });
        }
    }

    /// The node of an act; loading places get theirs on first sight, one per place and length of visit.
    pub(crate) fn node_of(&mut self, act: Act, vehicle: &Vehicle) -> u32 {
        match act {
            Act::Deliver(job) | Act::Pickup(job) => self.jobs[job].first,
            Act::DropOff(job) => self.jobs[job].second.unwrap_or(NONE),
            Act::Reload(place) => {
                let service = vehicle.reload.as_ref().map_or(0, |r| r.seconds);
                let known = self.reload_node(place, service);
                known.unwrap_or_else(|| {
                    let windows = vec![Window::ALWAYS];
                    self.nodes.push(Node {
                        role: Role::Reload,
                        place: place as u32,
                        job: NONE,
                        service,
                        windows,
                    });
                    self.amounts.resize(self.nodes.len() * self.dims, 0);
                    self.nodes.len() as u32 - 1
                })
            }
        }
    }

    /// The node of a loading place for a vehicle that needs `service` seconds there.
    pub(crate) fn reload_node(&self, place: usize, service: i32) -> Option<u32> {
        let found = |n: &Node| n.place as usize == place && n.service == service;
        self.nodes[self.reloads..].iter().position(found).map(|at| (self.reloads + at) as u32)
    }

    /// Amounts of a node.
    #[inline]
    pub(crate) fn amount(&self, node: u32) -> &[i32] {
        &self.amounts[node as usize * self.dims..(node as usize + 1) * self.dims]
    }

    /// Whether a vehicle may serve a job.
    #[inline]
    pub(crate) fn may(&self, car: usize, job: usize) -> bool {
        self.allowed[car * self.jobs.len() + job]
    }

    /// A copy to lift constraints in: what only the search needs stays behind.
    pub(crate) fn copy(&self) -> Model<'p> {
        Model {
            problem: self.problem,
            places: self.places,
            dims: self.dims,
            nodes: self.nodes.clone(),
            amounts: self.amounts.clone(),
            jobs: self.jobs.clone(),
            cars: self.cars.clone(),
            arcs: Arc::clone(&self.arcs),
            reloads: self.reloads,
            allowed: self.allowed.clone(),
            near: Vec::new(),
            orders: Vec::new(),
            scale: self.scale,
        }
    }

    /// Which vehicle may serve which job by skills and size.
    pub(crate) fn fill_allowed(&mut self) {
        self.allowed.clear();
        let problem = self.problem;
        for car in &self.cars {
            for job in &problem.jobs {
                let skilled = job.skills & !car.skills == 0;
                let fits = job.amount.iter().zip(&car.capacity).all(|(q, c)| q <= c);
                self.allowed.push(skilled && fits);
            }
        }
    }

    /// Fills what only the search needs.
    pub(crate) fn prepare(&mut self) {
        self.fill_near();
        self.fill_orders();
    }

    fn fill_near(&mut self) {
        let (arcs, size) = (&self.arcs[0], self.places);
        let nodes = &self.nodes[..self.reloads];
        for (a, node) in nodes.iter().enumerate() {
            let mut list: Vec<u32> = (0..nodes.len() as u32).collect();
            let there = node.place as usize;
            nearest(&mut list, NEAR, |&b| {
                let here = nodes[b as usize].place as usize;
                let cost = arcs.cost[there * size + here].saturating_add(arcs.cost[here * size + there]);
                (b as usize != a, cost, b)
            });
            self.near.push(list);
        }
    }

    fn fill_orders(&mut self) {
        let (arcs, size) = (&self.arcs[0], self.places);
        let start = self.cars.first().map_or(0, |c| c.start as usize);
        let jobs = &self.jobs;
        let node = |j: usize| &self.nodes[jobs[j].first as usize];
        let far = |j: usize| i64::from(arcs.cost[start * size + node(j).place as usize]);
        let width =
            |j: usize| node(j).windows.iter().map(|w| i64::from(w.close) - i64::from(w.open)).sum::<i64>();
        let load = |j: usize| self.amount(jobs[j].first).iter().map(|&q| i64::from(q)).sum::<i64>();
        let keys: [Box<dyn Fn(usize) -> i64>; 7] = [
            Box::new(move |j| -load(j)),
            Box::new(move |j| -far(j)),
            Box::new(far),
            Box::new(width),
            Box::new(|j| i64::from(node(j).windows[0].open)),
            Box::new(|j| node(j).windows.last().map_or(0, |w| -i64::from(w.close))),
            Box::new(|j| -jobs[j].weight),
        ];
        let mut orders = Vec::new();
        for key in &keys {
            let mut sorted: Vec<usize> = (0..jobs.len()).collect();
            sorted.sort_by_key(|&j| (key(j), j));
            let mut rank = vec![0; jobs.len()];
            for (at, &j) in sorted.iter().enumerate() {
                rank[j] = at as u32;
            }
            orders.push(rank);
        }
        drop(keys);
        self.orders = orders;
    }
}

fn arcs_of(problem: &Problem, vehicle: &Vehicle, scale: f64) -> Arcs {
    let profile = &problem.profiles[vehicle.profile];
    let pairs = profile.metres.iter().zip(&profile.seconds);
    let price = |(&m, &s)| (arcs::cost(vehicle, &problem.criteria, m, s) * scale).round() as i32;
    let time = profile.seconds.iter().map(|&s| arcs::slowed(vehicle, s)).collect();
    Arcs { cost: pairs.map(price).collect(), time }
}
