//! Proves a plan right against the problem, sharing no code with the solver: every time, load, limit and sum is
//! worked out anew from the matrices.

use std::collections::HashMap;

use super::plan::{Plan, PlannedAct, RoutePlan, Visit};
use super::problem::{Act, Problem, Stop, Task, Vehicle};

/// All that is wrong with a plan, in plain words; empty when it holds.
pub fn faults(problem: &Problem, plan: &Plan) -> Vec<String> {
    let mut checker = Checker { problem, faults: Vec::new(), done: HashMap::new() };
    let mut vehicles = Vec::new();
    for route in &plan.routes {
        if vehicles.contains(&route.vehicle) {
            checker.fault(format!("vehicle {} has two routes", route.vehicle));
        }
        vehicles.push(route.vehicle);
        match problem.vehicles.get(route.vehicle) {
            Some(vehicle) => checker.route(route, vehicle),
            None => checker.fault(format!("vehicle {} does not exist", route.vehicle)),
        }
    }
    for (index, vehicle) in problem.vehicles.iter().enumerate() {
        if !vehicle.locked.is_empty() && !vehicles.contains(&index) {
            checker.fault(format!("vehicle {index} has locked stops but no route"));
        }
    }
    checker.jobs(plan);
    checker.sums(plan);
    checker.faults
}

struct Checker<'a> {
    problem: &'a Problem,
    faults: Vec<String>,
    /// Acts seen and the vehicle that does them.
    done: HashMap<Act, usize>,
}

impl Checker<'_> {
    fn fault(&mut self, text: String) {
        self.faults.push(text);
    }

    fn expect(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.fault(text());
        }
    }

    fn seconds(&self, vehicle: &Vehicle, from: usize, to: usize) -> i64 {
        let matrix = &self.problem.profiles[vehicle.profile];
        let given = matrix.seconds[from * matrix.size + to];
        if vehicle.slowness == 1.0 {
            i64::from(given)
        } else {
            (f64::from(given) * vehicle.slowness).ceil() as i64
        }
    }

    fn route(&mut self, route: &RoutePlan, vehicle: &Vehicle) {
        let name = route.vehicle;
        self.times(route, vehicle);
        self.loads(route, vehicle);
        let acts: Vec<Act> = route.visits.iter().filter_map(stop_act).collect();
        self.expect(acts.starts_with(&vehicle.locked), || format!("vehicle {name}: locked head changed"));
        let stops = acts.iter().filter(|a| !matches!(a, Act::Reload(_))).count();
        self.expect(vehicle.max_stops.is_none_or(|max| stops <= max), || {
            format!("vehicle {name}: {stops} stops")
        });
        let reloads = acts.len() - stops;
        let allowed = vehicle.reload.as_ref().map_or(0, |r| r.max);
        self.expect(reloads <= allowed, || format!("vehicle {name}: {reloads} reloads"));
        for act in acts {
            self.act(act, name, vehicle);
        }
        let taken: Vec<usize> = route.visits.iter().filter_map(break_of).collect();
        let all: Vec<usize> = (0..vehicle.breaks.len()).collect();
        self.expect(taken == all, || format!("vehicle {name}: breaks {taken:?}"));
    }

    fn act(&mut self, act: Act, name: usize, vehicle: &Vehicle) {
        let job = match act {
            Act::Reload(_) => return,
            Act::Deliver(job) | Act::Pickup(job) | Act::DropOff(job) => job,
        };
        if self.done.insert(act, name).is_some() {
            self.fault(format!("{act:?} is done twice"));
        }
        if let Act::DropOff(_) = act {
            let fetched = self.done.get(&Act::Pickup(job)).copied();
            self.expect(fetched == Some(name), || format!("{act:?} before its pickup or by another vehicle"));
        }
        let locked = vehicle.locked.contains(&act);
        let skills = self.problem.jobs.get(job).map_or(0, |j| j.skills);
        self.expect(locked || skills & !vehicle.skills == 0, || {
            format!("vehicle {name} lacks skills for job {job}")
        });
    }

    /// Place, service time and windows an act must have.
    fn stop(&self, act: Act) -> Option<&Stop> {
        match act {
            Act::Deliver(job) => match &self.problem.jobs.get(job)?.task {
                Task::Delivery(stop) => Some(stop),
                _ => None,
            },
            Act::Pickup(job) => match &self.problem.jobs.get(job)?.task {
                Task::Pickup(stop) | Task::Shipment(stop, _) => Some(stop),
                _ => None,
            },
            Act::DropOff(job) => match &self.problem.jobs.get(job)?.task {
                Task::Shipment(_, stop) => Some(stop),
                _ => None,
            },
            Act::Reload(_) => None,
        }
    }

    fn times(&mut self, route: &RoutePlan, vehicle: &Vehicle) {
        let name = route.vehicle;
        self.expect(route.depart >= vehicle.shift.open, || format!("vehicle {name} leaves before its shift"));
        self.expect(route.back <= vehicle.shift.close, || format!("vehicle {name} is back after its shift"));
        let length = i64::from(route.back) - i64::from(route.depart);
        let max = vehicle.max_seconds.map_or(i64::MAX, i64::from);
        self.expect(length <= max, || format!("vehicle {name} is out for {length} s"));
        let (mut place, mut free) = (vehicle.start, i64::from(route.depart));
        let (mut metres, mut driven) = (0, 0);
        let matrix = &self.problem.profiles[vehicle.profile];
        for visit in &route.visits {
            metres += i64::from(matrix.metres[place * matrix.size + visit.place]);
            let drive = self.seconds(vehicle, place, visit.place);
            driven += drive;
            let (arrive, start, end) =
                (i64::from(visit.arrive), i64::from(visit.start), i64::from(visit.end));
            self.expect(arrive == free + drive, || {
                format!("vehicle {name}: arrival {arrive}, not {}", free + drive)
            });
            self.expect(start >= arrive, || format!("vehicle {name}: starts at {start} before arriving"));
            let length = self.visit(visit, vehicle, name);
            self.expect(end == start + length, || format!("vehicle {name}: act of {length} s ends at {end}"));
            (place, free) = (visit.place, end);
        }
        metres += i64::from(matrix.metres[place * matrix.size + vehicle.end]);
        let drive = self.seconds(vehicle, place, vehicle.end);
        driven += drive;
        self.expect(i64::from(route.back) == free + drive, || format!("vehicle {name}: wrong return"));
        self.expect(vehicle.max_metres.is_none_or(|max| metres <= max), || {
            format!("vehicle {name}: {metres} m")
        });
        self.expect((metres, driven) == (route.metres, route.drive_seconds), || {
            format!("vehicle {name}: wrong sums")
        });
        let weights = &self.problem.criteria;
        let by_way = weights.distance * vehicle.costs.per_metre + weights.fuel * vehicle.costs.fuel_per_metre;
        let cost = vehicle.costs.fixed
            + by_way * metres as f64
            + weights.time * vehicle.costs.per_second * driven as f64;
        let near = (cost - route.cost).abs() <= 1e-6 * cost.abs().max(1.0);
        self.expect(near, || format!("vehicle {name}: cost {} should be {cost}", route.cost));
    }

    /// Length the visit must have; faults for wrong place or window.
    fn visit(&mut self, visit: &Visit, vehicle: &Vehicle, name: usize) -> i64 {
        let act = match visit.act {
            PlannedAct::Break(index) => {
                let Some(rule) = vehicle.breaks.get(index) else {
                    self.fault(format!("vehicle {name} has no break {index}"));
                    return 0;
                };
                let within = rule.window.open <= visit.start && visit.start <= rule.window.close;
                self.expect(within, || format!("vehicle {name}: break {index} at {}", visit.start));
                return i64::from(rule.seconds);
            }
            PlannedAct::Stop(act) => act,
        };
        if let Act::Reload(place) = act {
            let rule = vehicle.reload.as_ref().filter(|r| r.places.contains(&place) && place == visit.place);
            self.expect(rule.is_some(), || format!("vehicle {name} cannot load at place {place}"));
            return rule.map_or(0, |r| i64::from(r.seconds));
        }
        let Some(stop) = self.stop(act).cloned() else {
            self.fault(format!("{act:?} is not what its job asks for"));
            return 0;
        };
        self.expect(stop.place == visit.place, || format!("{act:?} at place {}", visit.place));
        let open = stop.windows.is_empty()
            || stop.windows.iter().any(|w| w.open <= visit.start && visit.start <= w.close);
        self.expect(open, || format!("{act:?} at {} outside its windows", visit.start));
        i64::from(stop.seconds)
    }

    /// Drives the route with the goods: at no time more aboard than fits.
    fn loads(&mut self, route: &RoutePlan, vehicle: &Vehicle) {
        let acts: Vec<Act> = route.visits.iter().filter_map(stop_act).collect();
        for d in 0..vehicle.capacity.len() {
            let amount = |job: usize| i64::from(self.problem.jobs[job].amount[d]);
            let shipment = |job: usize| matches!(self.problem.jobs[job].task, Task::Shipment(..));
            let (mut aboard_shipments, mut most) = (0i64, 0i64);
            let mut trips: Vec<Vec<Act>> = vec![Vec::new()];
            for &act in &acts {
                match act {
                    Act::Reload(_) => trips.push(Vec::new()),
                    _ => trips.last_mut().into_iter().for_each(|t| t.push(act)),
                }
            }
            for trip in &trips {
                let mut to_bring: i64 =
                    trip.iter().map(|a| if let Act::Deliver(j) = a { amount(*j) } else { 0 }).sum();
                let mut collected = 0;
                most = most.max(to_bring + collected + aboard_shipments);
                for act in trip {
                    match act {
                        Act::Deliver(job) => to_bring -= amount(*job),
                        Act::Pickup(job) if shipment(*job) => aboard_shipments += amount(*job),
                        Act::Pickup(job) => collected += amount(*job),
                        Act::DropOff(job) => aboard_shipments -= amount(*job),
                        Act::Reload(_) => {}
                    }
                    most = most.max(to_bring + collected + aboard_shipments);
                }
            }
            let capacity = i64::from(vehicle.capacity[d]);
            self.expect(most <= capacity, || {
                format!("vehicle {}: {most} of {capacity} aboard", route.vehicle)
            });
        }
    }

    /// Each job is done in full or listed as left out, never both or neither.
    fn jobs(&mut self, plan: &Plan) {
        let mut served = 0;
        for (index, job) in self.problem.jobs.iter().enumerate() {
            let needed = match job.task {
                Task::Delivery(_) => vec![Act::Deliver(index)],
                Task::Pickup(_) => vec![Act::Pickup(index)],
                Task::Shipment(..) => vec![Act::Pickup(index), Act::DropOff(index)],
            };
            let count = needed.iter().filter(|act| self.done.contains_key(act)).count();
            let listed = plan.unassigned.iter().filter(|u| u.job == index).count();
            let sound = (count == needed.len() && listed == 0) || (count == 0 && listed == 1);
            self.expect(sound, || {
                format!("job {index}: {count} acts done, listed {listed} times as left out")
            });
            if count == needed.len() && job.optional.is_none() {
                served += u64::from(job.priority) + 1;
            }
        }
        self.expect(served == plan.served_priority, || format!("served priority is {served}"));
        for left in &plan.unassigned {
            self.expect(!left.reasons.is_empty(), || {
                format!("job {} is left out without a reason", left.job)
            });
        }
    }

    fn sums(&mut self, plan: &Plan) {
        let left = plan.unassigned.iter().filter_map(|u| self.problem.jobs.get(u.job)?.optional);
        let cost = plan.routes.iter().map(|r| r.cost).sum::<f64>() + left.sum::<f64>();
        let near = (cost - plan.cost).abs() <= 1e-6 * cost.abs().max(1.0);
        self.expect(near, || format!("plan's cost {} should be {cost}", plan.cost));
    }
}

fn stop_act(visit: &Visit) -> Option<Act> {
    match visit.act {
        PlannedAct::Stop(act) => Some(act),
        PlannedAct::Break(_) => None,
    }
}

fn break_of(visit: &Visit) -> Option<usize> {
    match visit.act {
        PlannedAct::Break(index) => Some(index),
        PlannedAct::Stop(_) => None,
    }
}
