//! The answer: routes with times, what is left out and why, and the score.

use serde::{Deserialize, Serialize};

use super::problem::Act;

/// One act of a route with its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// What is done.
    pub act: PlannedAct,
    /// Place where.
    pub place: usize,
    /// When the vehicle gets there (or, for a second act at the same place, is free).
    pub arrive: i32,
    /// Start of service or break.
    pub start: i32,
    /// End of it.
    pub end: i32,
}

/// An act of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlannedAct {
    /// A stop for a job or a reload.
    Stop(Act),
    /// The vehicle's break by index.
    Break(usize),
}

/// A vehicle's day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutePlan {
    /// Vehicle by index.
    pub vehicle: usize,
    /// Departure from the start.
    pub depart: i32,
    /// Return to the end.
    pub back: i32,
    /// Acts in order.
    pub visits: Vec<Visit>,
    /// Metres driven.
    pub metres: i64,
    /// Seconds driven.
    pub drive_seconds: i64,
    /// Cost in the caller's money.
    pub cost: f64,
}

/// What keeps a job out; each is found by lifting that one constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// No vehicle has the skills.
    Skills,
    /// It is larger than the free capacity of every vehicle that could serve it.
    Capacity,
    /// No vehicle can be there within its windows.
    Windows,
    /// It does not fit into any shift, break included.
    Shift,
    /// Every vehicle that could serve it would drive longer than its limit of time.
    RouteTime,
    /// Every vehicle that could serve it would drive farther than its limit of distance.
    RouteDistance,
    /// Every vehicle that could serve it has its number of stops.
    Stops,
    /// Optional, and serving it costs more than leaving it out.
    NotWorth,
    /// No single constraint: several together.
    Several,
}

/// A job that is not in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unassigned {
    /// Job by index.
    pub job: usize,
    /// Each constraint whose lifting alone would let it in; `Several` when there is none.
    pub reasons: Vec<Reason>,
}

/// The score in points of 100: distance 40, windows 25, traffic 20, capacity 15.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Of 40: how near the route comes to the least distance any plan of these stops could have.
    pub distance: f64,
    /// Of 25: part of the jobs' stops that are served within their windows.
    pub windows: f64,
    /// Of 20: driving time without traffic against planned driving time.
    pub traffic: f64,
    /// Of 15: use of the capacity of the vehicles on the road.
    pub capacity: f64,
}

impl Score {
    /// All four together, 0 to 100.
    pub fn total(&self) -> f64 {
        self.distance + self.windows + self.traffic + self.capacity
    }
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Routes of the vehicles in use, by vehicle.
    pub routes: Vec<RoutePlan>,
    /// What is left out.
    pub unassigned: Vec<Unassigned>,
    /// Sum of route costs and of the prices of optional jobs left out.
    pub cost: f64,
    /// Sum of priority + 1 over the jobs served that are not optional.
    pub served_priority: u64,
    /// Seeds' score.
    pub score: Score,
    /// Search steps done.
    pub steps: u64,
}

impl Plan {
    /// The acts per vehicle (breaks left out), as a later solve takes them for a start.
    pub fn acts(&self, vehicles: usize) -> Vec<Vec<Act>> {
        let mut acts = vec![Vec::new(); vehicles];
        for route in &self.routes {
            acts[route.vehicle] = route
                .visits
                .iter()
                .filter_map(|v| match v.act {
                    PlannedAct::Stop(act) => Some(act),
                    PlannedAct::Break(_) => None,
                })
                .collect();
        }
        acts
    }
}
