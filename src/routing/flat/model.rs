//! The problem flattened: one buffer of arcs, small fixed-size records, neighbour lists.

use crate::routing::arcs;
use crate::routing::nearest::nearest;
use crate::routing::problem::{Job, Matrix, Problem, Stop, Task, Vehicle, Window};

/// Neighbours looked at on either side of a customer, and how much a second of waiting between two counts against a
/// second of driving when neighbours are ranked: with few stops per lane, and with many.
const SHORT_ROUTES: (usize, f64) = (50, 0.2);
const LONG_ROUTES: (usize, f64) = (80, 1.0);
/// Customers considered around the seed of a ruin.
const NEAR: usize = 240;

/// See [`Model::alone`].
pub(crate) const NOT_ALONE: i32 = i32::MAX;

/// What the inner loop needs to know of a stop (or of a lane's start and end).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) open: i32,
    pub(crate) close: i32,
    pub(crate) service: i32,
    pub(crate) demand: i32,
}

/// A possible neighbour in a route and the cost of the arc between the two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbour {
    pub(crate) node: u32,
    pub(crate) arc: i32,
}

/// The common model, flat. Customers are 0..n; places are the customers, then start (n) and end (n + 1).
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) n: usize,
    pub(crate) places: usize,
    pub(crate) lanes: usize,
    pub(crate) capacity: i32,
    pub(crate) fixed: i64,
    /// Whether any time limit can bind.
    pub(crate) timed: bool,
    /// Blocks of `places * places`: cost from row, cost to row, seconds from row, seconds to row (shared when equal).
    pub(crate) arcs: Vec<i32>,
    pub(crate) cost_to: usize,
    pub(crate) time_from: usize,
    pub(crate) time_to: usize,
    /// Per customer, then per lane start and end.
    pub(crate) facts: Vec<Facts>,
    /// Cost of leaving a customer out.
    pub(crate) skip: Vec<i64>,
    /// Rank of leaving a customer out; 0 for optional ones.
    pub(crate) weight: Vec<i64>,
    /// Customers after which (`after`) or before which (`before`) a customer can stand, cheapest arc first.
    pub(crate) after: Lists,
    pub(crate) before: Lists,
    /// Whether the lists leave out possible neighbours.
    pub(crate) pruned: bool,
    /// All customers by distance, up to `NEAR`, the customer itself first.
    pub(crate) near: Vec<u32>,
    pub(crate) near_len: usize,
    /// Cheapest arc out of each customer and into it.
    pub(crate) least_out: Vec<i32>,
    pub(crate) least_in: Vec<i32>,
    /// Whether costs are the same both ways (then they obey the triangle inequality but for rounding).
    pub(crate) symmetric: bool,
    /// Change of cost when a customer gets an empty lane to itself; `NOT_ALONE` when times forbid it.
    pub(crate) alone: Vec<i32>,
    /// Positions of each customer in the fixed insertion orders.
    pub(crate) orders: Vec<Vec<u32>>,
    /// The job of each customer. Near customers have near numbers, so that what a step touches shares cache lines.
    pub(crate) jobs: Vec<usize>,
}

/// Lists of neighbours, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    items: Vec<Neighbour>,
    starts: Vec<u32>,
}

impl Lists {
    fn push(&mut self, list: impl Iterator<Item = Neighbour>) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.items.extend(list);
        self.starts.push(self.items.len() as u32);
    }

    /// The neighbours of one customer.
    #[inline]
    pub(crate) fn of(&self, customer: usize) -> &[Neighbour] {
        &self.items[self.starts[customer] as usize..self.starts[customer + 1] as usize]
    }
}

/// The stop of a job the flat model can hold: a delivery or pickup with at most one window.
fn plain_stop(task: &Task, pickups: bool) -> Option<&Stop> {
    match task {
        Task::Delivery(stop) if !pickups && stop.windows.len() <= 1 => Some(stop),
        Task::Pickup(stop) if pickups && stop.windows.len() <= 1 => Some(stop),
        _ => None,
    }
}

fn plain_vehicle(vehicle: &Vehicle, first: &Vehicle) -> bool {
    vehicle.capacity.len() <= 1
        && vehicle.max_seconds.is_none()
        && vehicle.max_metres.is_none()
        && vehicle.max_stops.is_none()
        && vehicle.breaks.is_empty()
        && vehicle.reload.is_none()
        && vehicle.locked.is_empty()
        && arcs::same_arcs(vehicle, first)
        && vehicle.costs.fixed == first.costs.fixed
        && (vehicle.start, vehicle.end) == (first.start, first.end)
        && vehicle.capacity == first.capacity
        && vehicle.shift == first.shift
}

impl Model {
    /// The flat form, or `None` when the problem needs the general engine.
    pub(crate) fn of(problem: &Problem) -> Option<Model> {
        let first = problem.vehicles.first()?;
        let pickups = matches!(problem.jobs.first()?.task, Task::Pickup(_));
        if !problem.vehicles.iter().all(|v| plain_vehicle(v, first)) {
            return None;
        }
        let common = problem.vehicles.iter().fold(u64::MAX, |skills, v| skills & v.skills);
        let mut stops = Vec::with_capacity(problem.jobs.len());
        for job in &problem.jobs {
            if job.skills & !common != 0 {
                return None;
            }
            stops.push(plain_stop(&job.task, pickups)?);
        }
        let jobs = chain(&problem.profiles[first.profile], first.start, &stops);
        Some(Self::build(problem, first, &stops, jobs))
    }

    fn build(problem: &Problem, vehicle: &Vehicle, stops: &[&Stop], order: Vec<usize>) -> Model {
        let n = stops.len();
        let stops: Vec<&Stop> = order.iter().map(|&job| stops[job]).collect();
        let jobs = || order.iter().map(|&job| &problem.jobs[job]);
        let scale = arcs::scale(problem);
        let places: Vec<usize> = stops.iter().map(|s| s.place).chain([vehicle.start, vehicle.end]).collect();
        let profile = &problem.profiles[vehicle.profile];
        let (mut cost, mut time) = (Vec::new(), Vec::new());
        for &from in &places {
            for &to in &places {
                let at = from * profile.size + to;
                let (metres, seconds) = (profile.metres[at], profile.seconds[at]);
                cost.push((arcs::cost(vehicle, &problem.criteria, metres, seconds) * scale).round() as i32);
                time.push(arcs::slowed(vehicle, seconds));
            }
        }
        let lanes = problem.vehicles.len().min(n);
        let mut facts: Vec<Facts> = stops
            .iter()
            .zip(jobs())
            .map(|(stop, job)| {
                let window = stop.windows.first().copied().unwrap_or(Window::ALWAYS);
                let demand = job.amount.first().copied().unwrap_or(0);
                Facts { open: window.open, close: window.close, service: stop.seconds, demand }
            })
            .collect();
        let shift = Facts { open: vehicle.shift.open, close: vehicle.shift.close, service: 0, demand: 0 };
        facts.resize(n + 2 * lanes, shift);
        let timed = !never_binds(&facts, &time, n);
        let fixed = (vehicle.costs.fixed * scale).round() as i64;
        let dearest = i64::from(cost.iter().copied().max().unwrap_or(0).max(1));
        let skip = jobs()
            .map(|job| match job.optional {
                Some(price) => (price * scale).round() as i64,
                None => (dearest * 4 + fixed) * (i64::from(job.priority) + 1) + dearest * 16,
            })
            .collect();
        let weigh = |job: &Job| if job.optional.is_some() { 0 } else { i64::from(job.priority) + 1 };
        let mut model = Model {
            n,
            weight: jobs().map(weigh).collect(),
            places: n + 2,
            lanes,
            capacity: vehicle.capacity.first().copied().unwrap_or(i32::MAX / 4),
            fixed,
            timed,
            arcs: Vec::new(),
            cost_to: 0,
            time_from: 0,
            time_to: 0,
            facts,
            skip,
            after: Lists::default(),
            before: Lists::default(),
            pruned: false,
            near: Vec::new(),
            near_len: n.min(NEAR),
            least_out: Vec::new(),
            least_in: Vec::new(),
            symmetric: false,
            alone: Vec::new(),
            orders: Vec::new(),
            jobs: Vec::new(),
        };
        model.jobs = order;
        model.fill_arcs(cost, &time);
        model.fill_neighbours();
        model.fill_bounds();
        model.fill_orders();
        model
    }

    fn fill_arcs(&mut self, cost: Vec<i32>, time: &[i32]) {
        let m = self.places;
        let turned = |block: &[i32]| -> Vec<i32> { (0..m * m).map(|i| block[(i % m) * m + i / m]).collect() };
        let block = m * m;
        let cost_turned = turned(&cost);
        let equal = cost == time;
        let symmetric = cost == cost_turned;
        self.symmetric = symmetric;
        self.arcs = cost;
        if !symmetric {
            self.cost_to = self.arcs.len();
            self.arcs.extend(cost_turned);
        }
        (self.time_from, self.time_to) = (0, self.cost_to);
        if !equal {
            let time_turned = turned(time);
            self.time_from = self.arcs.len();
            self.arcs.extend(time);
            self.time_to = self.time_from;
            if time != time_turned.as_slice() {
                self.time_to += block;
                self.arcs.extend(time_turned);
            }
        }
    }

    /// Routes of jobs as routes of customers; what is no job is left out.
    pub(crate) fn customers(&self, routes: &[Vec<usize>]) -> Vec<Vec<u32>> {
        let mut customer = vec![0; self.n];
        self.jobs.iter().enumerate().for_each(|(c, &job)| customer[job] = c as u32);
        let known = |route: &Vec<usize>| route.iter().filter_map(|&job| customer.get(job).copied()).collect();
        routes.iter().map(known).collect()
    }

    /// Cost of an arc between places.
    #[inline]
    pub(crate) fn cost(&self, from: usize, to: usize) -> i32 {
        self.arcs[from * self.places + to]
    }

    /// Seconds of an arc between places.
    #[inline]
    pub(crate) fn time(&self, from: usize, to: usize) -> i32 {
        self.arcs[self.time_from + from * self.places + to]
    }

    /// Row of the block that starts at `block`.
    #[inline]
    pub(crate) fn row(&self, block: usize, place: usize) -> &[i32] {
        let at = block + place * self.places;
        &self.arcs[at..at + self.places]
    }

    /// Whether `b` can follow `a` in some route.
    fn follows(&self, a: usize, b: usize) -> bool {
        let (first, second) = (self.facts[a], self.facts[b]);
        let start = self.facts[self.n].open + self.time(self.n, a);
        let at = start.max(first.open) + first.service + self.time(a, b);
        at <= second.close && first.demand + second.demand <= self.capacity
    }

    /// Cost units that a second of unavoidable waiting counts as when neighbours are ranked.
    fn price_of_waiting(&self, weight: f64) -> f64 {
        if !self.timed {
            return 0.0;
        }
        let block = self.places * self.places;
        let sum = |from: usize| self.arcs[from..from + block].iter().map(|&x| f64::from(x)).sum::<f64>();
        weight * sum(0) / sum(self.time_from).max(1.0)
    }

    /// How far `b` is as the next stop after `a`, in space and time.
    fn farness(&self, a: usize, b: usize, arc: i32, price: f64) -> i64 {
        if price == 0.0 {
            return i64::from(arc);
        }
        let gone = self.facts[a].close.saturating_add(self.facts[a].service).saturating_add(self.time(a, b));
        let wait = (f64::from(self.facts[b].open) - f64::from(gone)).max(0.0);
        i64::from(arc) + (price * wait) as i64
    }

    /// Whether loads let a lane hold so many stops that time, not space, decides who is next to whom.
    fn long_routes(&self) -> bool {
        let demand: i64 = self.facts[..self.n].iter().map(|f| i64::from(f.demand)).sum();
        let lanes = demand / i64::from(self.capacity.max(1)) + 1;
        self.n as i64 > 25 * lanes
    }

    fn fill_neighbours(&mut self) {
        let n = self.n;
        let (mut after, mut before) = (Lists::default(), Lists::default());
        let (keep, weight) = if self.long_routes() { LONG_ROUTES } else { SHORT_ROUTES };
        let price = self.price_of_waiting(weight);
        for c in 0..n {
            let mut ahead: Vec<Neighbour> = (0..n)
                .filter(|&j| j != c && self.follows(j, c))
                .map(|j| Neighbour { node: j as u32, arc: self.cost(j, c) })
                .collect();
            let mut behind: Vec<Neighbour> = (0..n)
                .filter(|&j| j != c && self.follows(c, j))
                .map(|j| Neighbour { node: j as u32, arc: self.cost(c, j) })
                .collect();
            nearest(&mut ahead, keep, |x| (self.farness(x.node as usize, c, x.arc, price), x.node));
            nearest(&mut behind, keep, |x| (self.farness(c, x.node as usize, x.arc, price), x.node));
            ahead.sort_by_key(|x| (x.arc, x.node));
            behind.sort_by_key(|x| (x.arc, x.node));
            self.pruned |= ahead.len() == keep || behind.len() == keep;
            after.push(ahead.into_iter());
            before.push(behind.into_iter());
            let mut near: Vec<u32> = (0..n as u32).collect();
            nearest(&mut near, self.near_len, |&j| {
                let j = j as usize;
                (j != c, self.cost(c, j).saturating_add(self.cost(j, c)), j)
            });
            self.near.extend(&near);
        }
        (self.after, self.before) = (after, before);
    }

    fn fill_bounds(&mut self) {
        let (n, ends) = (self.n, [self.n, self.n + 1]);
        for c in 0..n {
            let others = || (0..n).filter(|&j| j != c).chain(ends);
            self.least_out.push(others().map(|j| self.cost(c, j)).min().unwrap_or(0));
            self.least_in.push(others().map(|j| self.cost(j, c)).min().unwrap_or(0));
            let facts = self.facts[c];
            let at = (self.facts[n].open + self.time(n, c)).max(facts.open);
            let back = at + facts.service + self.time(c, n + 1);
            let fits = at <= facts.close && back <= self.facts[n].close && facts.demand <= self.capacity;
            let delta = self.cost(n, c) + self.cost(c, n + 1) - self.cost(n, n + 1);
            self.alone.push(if fits { delta } else { NOT_ALONE });
        }
    }

    fn fill_orders(&mut self) {
        let n = self.n;
        let far = |c: usize| i64::from(self.cost(n, c)) + i64::from(self.cost(c, n + 1));
        let mut keys: Vec<Vec<i64>> = vec![
            (0..n).map(|c| -i64::from(self.facts[c].demand)).collect(),
            (0..n).map(|c| -far(c)).collect(),
            (0..n).map(far).collect(),
        ];
        if self.timed {
            keys.push(
                (0..n).map(|c| i64::from(self.facts[c].close) - i64::from(self.facts[c].open)).collect(),
            );
            keys.push((0..n).map(|c| i64::from(self.facts[c].open)).collect());
            keys.push((0..n).map(|c| -i64::from(self.facts[c].close)).collect());
        }
        self.orders = keys
            .iter()
            .map(|key| {
                let mut sorted: Vec<usize> = (0..n).collect();
                sorted.sort_by_key(|&c| (key[c], c));
                let mut rank = vec![0; n];
                for (at, &c) in sorted.iter().enumerate() {
                    rank[c] = at as u32;
                }
                rank
            })
            .collect();
    }
}

/// Jobs along a chain from the start to the nearest one left, and so on.
fn chain(profile: &Matrix, start: usize, stops: &[&Stop]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..stops.len()).collect();
    let (mut chain, mut here) = (Vec::with_capacity(left.len()), start);
    let far = |from: usize, job: usize| {
        let at = from * profile.size + stops[job].place;
        (i64::from(profile.metres[at]) + i64::from(profile.seconds[at]), job)
    };
    while let Some(at) = (0..left.len()).min_by_key(|&at| far(here, left[at])) {
        let job = left.swap_remove(at);
        here = stops[job].place;
        chain.push(job);
    }
    chain
}

/// Whether even the longest possible route meets all windows.
fn never_binds(facts: &[Facts], time: &[i32], n: usize) -> bool {
    let longest = i64::from(time.iter().copied().max().unwrap_or(0));
    let opens = facts.iter().map(|f| i64::from(f.open)).max().unwrap_or(0);
    let work: i64 = facts[..n].iter().map(|f| i64::from(f.service) + longest).sum::<i64>() + longest;
    let closes = facts.iter().map(|f| i64::from(f.close)).min().unwrap_or(0);
    opens + work <= closes
}
