//! The reference the seeds describe: a plain genetic algorithm (population 100, crossover 0.8, mutation 0.1,
//! 50 generations) over the order of the stops, fitness 40 distance, 25 windows, 20 traffic, 15 capacity.

use crossdock::routing::problem::{Problem, Stop, Task};

const POPULATION: usize = 100;
const CROSSOVER: f64 = 0.8;
const MUTATION: f64 = 0.1;
const GENERATIONS: usize = 50;

/// What the reference's best individual comes to.
pub struct Outcome {
    /// Metres in all.
    pub metres: i64,
    /// Seconds driven in all.
    pub seconds: i64,
    /// Stops served within their windows and shifts.
    pub met: usize,
    /// Vehicles used.
    pub vehicles: usize,
}

/// xorshift64*: the reference needs no more.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % n.max(1)
    }

    fn unit(&mut self) -> f64 {
        self.below(1 << 30) as f64 / (1u64 << 30) as f64
    }
}

/// The stops in one order, cut into routes where the next stop would overload the vehicle.
struct Evaluation {
    outcome: Outcome,
    fitness: f64,
}

fn stop(problem: &Problem, gene: usize) -> (&Stop, &[i32], bool) {
    let mut index = 0;
    for job in &problem.jobs {
        match &job.task {
            Task::Delivery(stop) | Task::Pickup(stop) => {
                if index == gene {
                    return (stop, &job.amount, true);
                }
                index += 1;
            }
            Task::Shipment(from, to) => {
                if index == gene {
                    return (from, &job.amount, true);
                }
                if index + 1 == gene {
                    return (to, &job.amount, false);
                }
                index += 2;
            }
        }
    }
    unreachable!("a gene is a stop")
}

fn evaluate(problem: &Problem, stops: &[(&Stop, &[i32], bool)], order: &[usize]) -> Evaluation {
    let matrix = &problem.profiles[0];
    let (mut metres, mut seconds, mut met, mut car, mut filled) = (0i64, 0i64, 0, 0, 0.0);
    let first = &problem.vehicles[0];
    let (mut place, mut at) = (first.start, i64::from(first.shift.open));
    let mut load = vec![0i64; first.capacity.len()];
    let share = |load: &[i64], car: usize| {
        let capacity = &problem.vehicles[car].capacity;
        load.iter().zip(capacity).map(|(&l, &c)| l as f64 / f64::from(c.max(1))).fold(0.0, f64::max)
    };
    for &gene in order {
        let (stop, amount, loads) = stops[gene];
        let vehicle = &problem.vehicles[car];
        let full = loads
            && load
                .iter()
                .zip(amount)
                .zip(&vehicle.capacity)
                .any(|((l, a), c)| l + i64::from(*a) > i64::from(*c));
        if full && car + 1 < problem.vehicles.len() {
            let home = place * matrix.size + vehicle.end;
            metres += i64::from(matrix.metres[home]);
            seconds += i64::from(matrix.seconds[home]);
            filled += share(&load, car);
            car += 1;
            (place, at) = (problem.vehicles[car].start, i64::from(problem.vehicles[car].shift.open));
            load.fill(0);
        }
        let way = place * matrix.size + stop.place;
        metres += i64::from(matrix.metres[way]);
        seconds += i64::from(matrix.seconds[way]);
        at += i64::from(matrix.seconds[way]);
        let window = stop.windows.iter().find(|w| at <= i64::from(w.close));
        if let Some(window) = window {
            at = at.max(i64::from(window.open));
        }
        if loads {
            load.iter_mut().zip(amount).for_each(|(l, a)| *l += i64::from(*a));
        }
        // The reference knows neither shifts nor a last vehicle that is full: what it plans beyond them is not served.
        let vehicle = &problem.vehicles[car];
        let fits = load.iter().zip(&vehicle.capacity).all(|(l, c)| *l <= i64::from(*c));
        let home = i64::from(matrix.seconds[stop.place * matrix.size + vehicle.end]);
        let in_shift = at + i64::from(stop.seconds) + home <= i64::from(vehicle.shift.close);
        if (window.is_some() || stop.windows.is_empty()) && fits && in_shift {
            met += 1;
        }
        at += i64::from(stop.seconds);
        place = stop.place;
    }
    let home = place * matrix.size + problem.vehicles[car].end;
    metres += i64::from(matrix.metres[home]);
    seconds += i64::from(matrix.seconds[home]);
    filled += share(&load, car);
    let windows = met as f64 / order.len().max(1) as f64;
    let capacity = (filled / (car + 1) as f64).min(1.0);
    let fitness = 0.4 * 1e5 / metres.max(1) as f64
        + 0.25 * windows
        + 0.2 * 1e5 / seconds.max(1) as f64
        + 0.15 * capacity;
    Evaluation { outcome: Outcome { metres, seconds, met, vehicles: car + 1 }, fitness }
}

/// Order crossover: a slice of one parent, the rest in the other's order.
fn cross(one: &[usize], two: &[usize], chance: &mut Chance) -> Vec<usize> {
    let (a, b) = (chance.below(one.len()), chance.below(one.len()));
    let slice = &one[a.min(b)..=a.max(b)];
    let mut child: Vec<usize> = two.iter().copied().filter(|g| !slice.contains(g)).collect();
    let at = a.min(b).min(child.len());
    child.splice(at..at, slice.iter().copied());
    child
}

/// Runs the reference.
pub fn evolve(problem: &Problem, seed: u64) -> Outcome {
    let mut chance = Chance(seed.wrapping_mul(2).wrapping_add(1) ^ 0x9e37_79b9_7f4a_7c15);
    let genes: usize =
        problem.jobs.iter().map(|j| if matches!(j.task, Task::Shipment(..)) { 2 } else { 1 }).sum();
    let stops: Vec<_> = (0..genes).map(|gene| stop(problem, gene)).collect();
    let mut population: Vec<(Vec<usize>, f64)> = (0..POPULATION)
        .map(|_| {
            let mut order: Vec<usize> = (0..genes).collect();
            (1..genes).rev().for_each(|i| order.swap(i, chance.below(i + 1)));
            let fitness = evaluate(problem, &stops, &order).fitness;
            (order, fitness)
        })
        .collect();
    for _ in 0..GENERATIONS {
        population.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut next = vec![population[0].clone()];
        while next.len() < POPULATION {
            let pick = |chance: &mut Chance| chance.below(POPULATION).min(chance.below(POPULATION));
            let (one, two) = (pick(&mut chance), pick(&mut chance));
            let mut child = if chance.unit() < CROSSOVER {
                cross(&population[one].0, &population[two].0, &mut chance)
            } else {
                population[one].0.clone()
            };
            if chance.unit() < MUTATION {
                let (a, b) = (chance.below(genes), chance.below(genes));
                child.swap(a, b);
            }
            let fitness = evaluate(problem, &stops, &child).fitness;
            next.push((child, fitness));
        }
        population = next;
    }
    population.sort_by(|a, b| b.1.total_cmp(&a.1));
    evaluate(problem, &stops, &population[0].0).outcome
}
