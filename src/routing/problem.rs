//! What is to be planned: places, vehicles, jobs and what a good plan is.
//!
//! Units: distances in metres, times in seconds on one clock chosen by the caller (for example seconds
//! since local midnight), amounts in the caller's own units per dimension (for example pieces, grams).

use serde::{Deserialize, Serialize};

/// A closed span of time in seconds: an act may start at `open` at the earliest and `close` at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Earliest start.
    pub open: i32,
    /// Latest start.
    pub close: i32,
}

impl Window {
    /// No limit in practice, small enough that sums of times never overflow.
    pub const ALWAYS: Window = Window { open: 0, close: 1 << 29 };

    /// From `open` to `close`.
    pub fn new(open: i32, close: i32) -> Self {
        Window { open, close }
    }
}

/// Travel between all places for one speed profile, row by row: entry `from * size + to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// Number of places.
    pub size: usize,
    /// Metres, `size * size` entries.
    pub metres: Vec<i32>,
    /// Seconds, `size * size` entries.
    pub seconds: Vec<i32>,
}

/// What a vehicle costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Once when the vehicle is used at all.
    pub fixed: f64,
    /// For each metre driven, weighed with [`Criteria::distance`].
    pub per_metre: f64,
    /// For each second driven (not waited or served), weighed with [`Criteria::time`].
    pub per_second: f64,
    /// Fuel used per metre in money or litres, weighed with [`Criteria::fuel`].
    pub fuel_per_metre: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Costs { fixed: 0.0, per_metre: 1.0, per_second: 1.0, fuel_per_metre: 0.0 }
    }
}

/// A pause the driver must take; it may lie before or after any stop, not while driving or serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// When the pause may start.
    pub window: Window,
    /// Its length in seconds.
    pub seconds: i32,
}

/// Where a vehicle may go back to for more: goods are loaded and what was picked up is left there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Places that serve as loading points.
    pub places: Vec<usize>,
    /// Seconds a visit takes.
    pub seconds: i32,
    /// Visits at most (trips at most are one more).
    pub max: usize,
}

/// One act of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Act {
    /// Bring goods loaded at the depot (or the last reload), job by index.
    Deliver(usize),
    /// Take goods that go to the depot (or the next reload), or the first half of a shipment.
    Pickup(usize),
    /// The second half of a shipment.
    DropOff(usize),
    /// Load and unload at this place.
    Reload(usize),
}

/// A vehicle with its driver for the planned day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vehicle {
    /// Index into [`Problem::profiles`].
    pub profile: usize,
    /// Factor on the profile's seconds: 1.0 as given, 2.0 twice as slow.
    pub slowness: f64,
    /// Place where the route starts.
    pub start: usize,
    /// Place where it ends.
    pub end: usize,
    /// Capacity per dimension.
    pub capacity: Vec<i32>,
    /// Not leaving before `open`, back by `close`.
    pub shift: Window,
    /// Skills as a bit set; a job's skills must all be among them.
    pub skills: u64,
    /// Seconds between departure and return at most.
    pub max_seconds: Option<i32>,
    /// Metres at most.
    pub max_metres: Option<i64>,
    /// Job stops at most (reloads do not count).
    pub max_stops: Option<usize>,
    /// What it costs.
    pub costs: Costs,
    /// Pauses in the order of the day.
    pub breaks: Vec<Break>,
    /// Loading points for further trips.
    pub reload: Option<Reload>,
    /// Acts that are fixed at the head of the route, in this order: what a running route has done.
    pub locked: Vec<Act>,
}

/// One visit of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Place.
    pub place: usize,
    /// Service seconds.
    pub seconds: i32,
    /// When service may start, ascending, not overlapping; empty: at any time.
    pub windows: Vec<Window>,
}

/// What a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// From the depot to the stop.
    Delivery(Stop),
    /// From the stop to the depot.
    Pickup(Stop),
    /// From the first stop to the second, same vehicle.
    Shipment(Stop, Stop),
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What is to be done.
    pub task: Task,
    /// Amount per dimension, not negative.
    pub amount: Vec<i32>,
    /// Skills needed, as a bit set.
    pub skills: u64,
    /// 0 (lowest) to 100: which jobs stay when not all fit.
    pub priority: u8,
    /// `Some(cost)`: optional, may be left out when serving costs more than this.
    pub optional: Option<f64>,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Criteria {
    /// Weight of distance.
    pub distance: f64,
    /// Weight of driving time.
    pub time: f64,
    /// Weight of fuel.
    pub fuel: f64,
    /// Fewest vehicles first, then cost.
    pub fewest_vehicles: bool,
}

impl Default for Criteria {
    fn default() -> Self {
        Criteria { distance: 1.0, time: 0.0, fuel: 0.0, fewest_vehicles: false }
    }
}

/// The whole question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Travel per speed profile, all of one size.
    pub profiles: Vec<Matrix>,
    /// The fleet; order does not matter.
    pub vehicles: Vec<Vehicle>,
    /// The work.
    pub jobs: Vec<Job>,
    /// What is minimised.
    pub criteria: Criteria,
}

impl Problem {
    /// Dimensions of amounts: those of the first vehicle, without vehicles those of the first job.
    pub fn dimensions(&self) -> usize {
        let jobs = || self.jobs.first().map_or(0, |job| job.amount.len());
        self.vehicles.first().map_or_else(jobs, |vehicle| vehicle.capacity.len())
    }
}

/// Why a problem cannot be planned as given; each text names the thing and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemError {
    /// No matrix, or matrices of different or wrong size.
    #[error(
        "matrix {0} does not have size x size entries for {1} places: give one metres and one seconds entry per pair"
    )]
    MatrixSize(usize, usize),
    /// An entry of a matrix is negative or over the limit.
    #[error("matrix {0} has an entry outside 0..={limit}", limit = MAX_ARC)]
    MatrixEntry(usize),
    /// Something points to a place, profile or job that does not exist.
    #[error("{0} points to a {1} that does not exist")]
    Unknown(String, &'static str),
    /// A vector of amounts or capacities has the wrong number of dimensions.
    #[error("{0} has {1} dimensions where the first vehicle has {2}")]
    Dimensions(String, usize, usize),
    /// A number is out of its range.
    #[error("{0}: {1}")]
    Range(String, &'static str),
    /// More than the solver takes.
    #[error("{0} {1}, at most {2}: split the problem by area or day")]
    TooMany(usize, &'static str, usize),
}

/// Longest single drive accepted, in metres or seconds.
pub const MAX_ARC: i32 = 1 << 26;
/// Most jobs in one problem.
pub const MAX_JOBS: usize = 5_000;
/// Most vehicles in one problem.
pub const MAX_VEHICLES: usize = 2_000;
/// Most dimensions of amounts.
pub const MAX_DIMENSIONS: usize = 8;
/// Latest time and largest amount accepted.
pub const MAX_NUMBER: i32 = 1 << 29;
