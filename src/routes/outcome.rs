//! From the solver's plan to routes with moments, and to what is left out and why.

use super::model::{Act, Base, Content, Result as Found, Score, Stop, Unassigned};
use super::task::{JobSpec, Kind, Task, Visit};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::units::Position;
use crate::places::model::Accuracy;
use crate::routing::plan::{Plan, PlannedAct, Reason, RoutePlan, Visit as Planned};
use crate::routing::problem::Act as Step;
use crate::routing::score;
use crate::travel::sources::Source;

/// What travel times rest on.
#[derive(Clone, Debug)]
pub struct Rests {
    /// Which source.
    pub source: Source,
    /// In words: the source, then what changes it.
    pub basis: Vec<String>,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The routes.
    pub routes: Vec<Content>,
    /// What is in none.
    pub unassigned: Vec<Unassigned>,
    /// Jobs that are served.
    pub served: u32,
    /// The score.
    pub score: Score,
}

/// The moment `s` seconds after the day's midnight.
fn moment(task: &Task, s: i32) -> Timestamp {
    Timestamp::from_millis(task.midnight.millis() + i64::from(s) * 1_000)
}

/// What the solver's plan of `task` comes to.
#[must_use]
pub fn of(task: &Task, plan: &Plan, (id, rests): (Id, &Rests), points: &[Position]) -> Outcome {
    let routes = plan.routes.iter().map(|r| route(task, r, (id, rests), points)).collect();
    let unassigned: Vec<Unassigned> =
        plan.unassigned.iter().map(|u| left(&task.jobs[u.job], &u.reasons)).collect();
    let served = u32::try_from(task.jobs.len() - unassigned.len()).unwrap_or(u32::MAX);
    Outcome { routes, unassigned, served, score: scored(&plan.score) }
}

fn scored(s: &score::Score) -> Score {
    let tenth = |x: f64| (x * 10.0).round() / 10.0;
    Score {
        distance: tenth(s.distance),
        windows: tenth(s.windows),
        traffic: tenth(s.traffic),
        capacity: tenth(s.capacity),
        total: tenth(s.total()),
    }
}

fn route(task: &Task, r: &RoutePlan, (id, rests): (Id, &Rests), points: &[Position]) -> Content {
    let car = &task.cars[r.vehicle];
    let places = |at: usize| points.get(at).copied().unwrap_or_default();
    Content {
        plan: id,
        day: task.day,
        ride: car.ride.clone(),
        from: car.from.clone(),
        to: car.to.clone(),
        depart: moment(task, r.depart),
        back: moment(task, r.back),
        metres: u64::try_from(r.metres).unwrap_or_default(),
        drive_s: u64::try_from(r.drive_seconds).unwrap_or_default(),
        cost: (r.cost * 100.0).round() / 100.0,
        source: Some(rests.source),
        basis: rests.basis.join("; "),
        stops: r.visits.iter().map(|v| stop(task, v, places(v.place), &car.from)).collect(),
    }
}

fn stop(task: &Task, planned: &Planned, at: Position, depot: &Base) -> Stop {
    let (arrive, start, end) =
        (moment(task, planned.arrive), moment(task, planned.start), moment(task, planned.end));
    let seconds = u32::try_from(planned.end - planned.start).unwrap_or_default();
    let bare = |act: Act, address: &str| Stop {
        reference: String::new(),
        act,
        address: address.to_owned(),
        position: at,
        accuracy: Accuracy::Exact,
        windows: Vec::new(),
        service_s: seconds,
        amount: [0; 3],
        priority: 0,
        skills: Vec::new(),
        arrive,
        start,
        end,
        done_at: None,
    };
    let (job, act, fetching) = match planned.act {
        PlannedAct::Break(_) => return bare(Act::Pause, ""),
        PlannedAct::Stop(Step::Reload(_)) => return bare(Act::Reload, &depot.address),
        PlannedAct::Stop(Step::Deliver(job)) => (job, Act::Deliver, false),
        PlannedAct::Stop(Step::DropOff(job)) => (job, Act::Drop, false),
        PlannedAct::Stop(Step::Pickup(job)) if task.jobs[job].fetch.is_some() => (job, Act::Fetch, true),
        PlannedAct::Stop(Step::Pickup(job)) => (job, Act::Collect, false),
    };
    let job = &task.jobs[job];
    let visit: &Visit = if fetching { job.fetch.as_ref().unwrap_or(&job.visit) } else { &job.visit };
    Stop {
        reference: job.reference.clone(),
        address: visit.address.clone(),
        accuracy: visit.accuracy,
        windows: visit.windows.clone(),
        service_s: visit.service_s,
        amount: job.amount,
        priority: job.priority,
        skills: job.skills.clone(),
        ..bare(act, "")
    }
}

fn left(job: &JobSpec, reasons: &[Reason]) -> Unassigned {
    let told: Vec<(&str, &str)> = reasons.iter().map(|r| words(*r, job)).collect();
    let detail = told.iter().map(|(_, said)| *said).collect::<Vec<_>>().join("; or ");
    Unassigned {
        reference: job.reference.clone(),
        address: job.visit.address.clone(),
        reasons: told.iter().map(|(code, _)| (*code).to_owned()).collect(),
        detail,
    }
}

/// A reason's code, and what would help.
fn words(reason: Reason, job: &JobSpec) -> (&'static str, &'static str) {
    match reason {
        Reason::Skills => ("skills", "it would fit if a vehicle or driver had the skills it needs"),
        Reason::Capacity if job.kind == Kind::Collect => {
            ("capacity", "it would fit if a vehicle had more room for it")
        }
        Reason::Capacity => ("capacity", "it would fit if a vehicle carried more"),
        Reason::Windows => ("windows", "it would fit at another time"),
        Reason::Shift => ("shift", "it would fit if a shift were longer"),
        Reason::RouteTime => ("route_time", "it would fit if a route could take longer"),
        Reason::RouteDistance => ("route_distance", "it would fit if a route could be longer"),
        Reason::Stops => ("stops", "it would fit if a vehicle could make more stops"),
        Reason::NotWorth => ("not_worth", "serving it costs more than it is worth"),
        Reason::Several => ("several", "no single constraint keeps it out, several together do"),
    }
}

impl Outcome {
    /// It in figures, for the journal.
    #[must_use]
    pub fn figures(&self, routes: Vec<Id>, unplaced: usize, cut_short: bool) -> Found {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Found {
            routes,
            served: self.served,
            unassigned: count(self.unassigned.len()),
            unplaced: count(unplaced),
            metres: self.routes.iter().map(|r| r.metres).sum(),
            drive_s: self.routes.iter().map(|r| r.drive_s).sum(),
            score: self.score,
            cut_short,
        }
    }
}
