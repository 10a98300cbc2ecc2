//! The exact times of a route with breaks and a limit on its length.

use super::model::{Car, Model};

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Drive to visit `i`, or to the end when `i` is the number of visits.
    Drive(usize),
    /// Serve visit `i`.
    Visit(usize),
    /// Take break `b` where the vehicle stands.
    Break(usize),
}

/// A step with its start and end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) step: Step,
    pub(crate) start: i32,
    pub(crate) end: i32,
}

/// A whole route in time.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    pub(crate) depart: i32,
    pub(crate) steps: Vec<Timed>,
    pub(crate) back: i32,
}

const NEVER: i32 = i32::MAX / 2;

/// The route's times, leaving as late as its end allows; `None` when it cannot be driven.
pub(crate) fn of(model: &Model<'_>, car: &Car, visits: &[u32]) -> Option<Timeline> {
    let order = order(model, car, visits)?;
    let walk = Walk { model, car, visits, order: &order };
    let early = walk.forward(car.shift.open)?;
    let first = walk.forward(walk.backward(early.back).max(car.shift.open))?;
    let Some(max) = car.max_seconds else { return Some(first) };
    if first.back - first.depart <= max {
        return Some(first);
    }
    let last = walk.forward(walk.backward(car.shift.close).max(car.shift.open))?;
    (last.back - last.depart <= max).then_some(last)
}

/// Most breaks of one vehicle; the check of problems sees to it.
pub(crate) const MOST_BREAKS: usize = 8;

/// Whether the route can be driven: windows, breaks, shift and the limit on its length.
pub(crate) fn feasible(model: &Model<'_>, car: &Car, visits: &[u32]) -> bool {
    if car.max_seconds.is_some() { of(model, car, visits).is_some() } else { reaches(model, car, visits) }
}

/// Whether the end is reached within the shift with all breaks taken: earliest times per number of breaks taken.
fn reaches(model: &Model<'_>, car: &Car, visits: &[u32]) -> bool {
    let (arcs, size, count) = (&model.arcs[car.arcs], model.places, car.breaks.len().min(MOST_BREAKS));
    let mut all = [NEVER; MOST_BREAKS + 1];
    let free = &mut all[..=count];
    free[0] = car.shift.open;
    let take = |free: &mut [i32]| {
        for b in 0..count {
            if free[b] < NEVER {
                free[b + 1] = free[b + 1].min(rest(car, b, free[b]));
            }
        }
    };
    take(free);
    let mut from = car.start as usize;
    for &visit in visits {
        let node = &model.nodes[visit as usize];
        let to = node.place as usize;
        let drive = arcs.time[from * size + to];
        free.iter_mut().filter(|at| **at < NEVER).for_each(|at| *at += drive);
        take(free);
        let mut any = false;
        for at in free.iter_mut().filter(|at| **at < NEVER) {
            *at = node.start(*at).map_or(NEVER, |start| start + node.service);
            any |= *at < NEVER;
        }
        if !any {
            return false;
        }
        take(free);
        from = to;
    }
    let drive = arcs.time[from * size + car.end as usize];
    free.iter_mut().filter(|at| **at < NEVER).for_each(|at| *at += drive);
    take(free);
    free[count] <= car.shift.close
}

/// Earliest end of break `number` for a driver who is free at `at`.
fn rest(car: &Car, number: usize, at: i32) -> i32 {
    match car.breaks.get(number) {
        Some(b) if at <= b.window.close => at.max(b.window.open) + b.seconds,
        _ => NEVER,
    }
}

/// Earliest times per number of breaks taken, and per stage whether the state's last break was taken there.
struct Stages<'a> {
    car: &'a Car,
    free: Vec<i32>,
    taken: Vec<Vec<bool>>,
}

impl Stages<'_> {
    /// At a stage breaks may be taken, one after the other.
    fn stage(&mut self) {
        let count = self.car.breaks.len();
        let mut flags = vec![false; count + 1];
        for b in 0..count {
            let end = if self.free[b] >= NEVER { NEVER } else { rest(self.car, b, self.free[b]) };
            if end < self.free[b + 1] {
                self.free[b + 1] = end;
                flags[b + 1] = true;
            }
        }
        self.taken.push(flags);
    }

    fn each(&mut self, change: impl Fn(i32) -> i32) {
        for at in self.free.iter_mut().filter(|at| **at < NEVER) {
            *at = change(*at);
        }
    }

    /// The steps that lead to all breaks taken at the last stage. Stage 0 is the start, 2i + 1 the arrival at
    /// position i, 2i + 2 the end of visit i.
    fn trace(&self) -> Vec<Step> {
        let (mut left, mut order) = (self.car.breaks.len(), Vec::new());
        for stage in (0..self.taken.len()).rev() {
            while left > 0 && self.taken[stage][left] {
                left -= 1;
                order.push(Step::Break(left));
            }
            if stage > 0 {
                order.push(if stage % 2 == 1 { Step::Drive(stage / 2) } else { Step::Visit(stage / 2 - 1) });
            }
        }
        order.reverse();
        order
    }
}

/// Where the breaks go so that every point is reached as early as possible; all breaks are taken.
fn order(model: &Model<'_>, car: &Car, visits: &[u32]) -> Option<Vec<Step>> {
    let (arcs, size) = (&model.arcs[car.arcs], model.places);
    let mut free = vec![NEVER; car.breaks.len() + 1];
    free[0] = car.shift.open;
    let mut stages = Stages { car, free, taken: Vec::new() };
    stages.stage();
    let mut from = car.start as usize;
    for i in 0..=visits.len() {
        let to = model.place_after(car, visits, i);
        let drive = arcs.time[from * size + to];
        stages.each(|at| at + drive);
        stages.stage();
        if let Some(&visit) = visits.get(i) {
            let node = &model.nodes[visit as usize];
            stages.each(|at| node.start(at).map_or(NEVER, |start| start + node.service));
            stages.stage();
        }
        from = to;
    }
    (stages.free[car.breaks.len()] <= car.shift.close).then(|| stages.trace())
}

/// A route with the order of its steps decided.
struct Walk<'a, 'p> {
    model: &'a Model<'p>,
    car: &'a Car,
    visits: &'a [u32],
    order: &'a [Step],
}

impl Walk<'_, '_> {
    fn drive(&self, position: usize) -> i32 {
        let from = self.model.place_before(self.car, self.visits, position);
        let to = self.model.place_after(self.car, self.visits, position);
        self.model.arcs[self.car.arcs].time[from * self.model.places + to]
    }

    /// Everything as early as possible after leaving at `depart`.
    fn forward(&self, depart: i32) -> Option<Timeline> {
        let (mut at, mut steps) = (depart, Vec::with_capacity(self.order.len()));
        for &step in self.order {
            let (start, end) = match step {
                Step::Drive(position) => (at, at + self.drive(position)),
                Step::Visit(i) => {
                    let node = &self.model.nodes[self.visits[i] as usize];
                    let start = node.start(at)?;
                    (start, start + node.service)
                }
                Step::Break(b) => {
                    let rule = self.car.breaks[b];
                    let start = at.max(rule.window.open);
                    if start > rule.window.close {
                        return None;
                    }
                    (start, start + rule.seconds)
                }
            };
            steps.push(Timed { step, start, end });
            at = end;
        }
        (at <= self.car.shift.close).then_some(Timeline { depart, steps, back: at })
    }

    /// Latest departure that still ends by `back`.
    fn backward(&self, back: i32) -> i32 {
        let mut at = back;
        for &step in self.order.iter().rev() {
            at = match step {
                Step::Drive(position) => at - self.drive(position),
                Step::Visit(i) => {
                    let node = &self.model.nodes[self.visits[i] as usize];
                    node.start_by(at - node.service)
                }
                Step::Break(b) => {
                    let rule = self.car.breaks[b];
                    rule.window.close.min(at - rule.seconds)
                }
            };
        }
        at
    }
}
