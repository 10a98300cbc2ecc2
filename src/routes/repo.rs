//! Where routes and searches are kept.

use serde::{Deserialize, Serialize};

use super::model::{Optimization, Route, Unassigned, Unplaced};
use super::task::Task;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::first_record;
use crate::jobs::retention::{Retained, older};
use crate::journal::Folded;
use crate::store::table::{Checked, Entry};
use crate::store::{Dir, Home, Ix, KeyRange, ReadTx, Result, Table, key};

/// Routes by id.
pub const ROUTES: Table<Id, Folded<Route>> =
    Table::new(202, "routes", Home::ById).indexed(&[by_day, by_user, by_plan]);
/// Searches by id.
pub const OPTIMIZATIONS: Table<Id, Folded<Optimization>> =
    Table::new(203, "route_searches", Home::ById).indexed(&[by_time]);
/// What a search was asked and what it found, in full: where it was asked only.
pub const TASKS: Table<Id, Kept> = Table::new(204, "route_tasks", Home::Local);

/// Within a day, by departure.
pub const BY_DAY: Ix = Ix::Nth(0);
/// Within the user who drives it, by day.
pub const BY_USER: Ix = Ix::Nth(1);
/// By the search that planned it.
pub const BY_PLAN: Ix = Ix::Nth(2);
/// As they were asked for.
pub const BY_TIME: Ix = Ix::Nth(0);

fn by_day(row: &Folded<Route>) -> Option<Vec<u8>> {
    let route = Some(&row.state).filter(|r| r.exists())?;
    Some(key::text_then(&route.content.day.to_string(), &route.content.depart.unsigned().to_be_bytes()))
}

fn by_user(row: &Folded<Route>) -> Option<Vec<u8>> {
    let route = Some(&row.state).filter(|r| r.exists())?;
    let user = route.content.ride.driver.as_ref()?.user?;
    let mut key = user.0.to_vec();
    key.extend(route.content.depart.unsigned().to_be_bytes());
    Some(key)
}

fn by_plan(row: &Folded<Route>) -> Option<Vec<u8>> {
    let route = Some(&row.state).filter(|r| r.exists())?;
    Some(route.content.plan.0.to_vec())
}

fn by_time(row: &Folded<Optimization>) -> Option<Vec<u8>> {
    Some(row.state.requested_at.unsigned().to_be_bytes().to_vec())
}

/// Live routes by what the caller calls their jobs: see [`job_key`].
pub const JOBS: Table<[u8], AtRoute> = Table::new(206, "route_jobs", Home::Local);

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtRoute {
    /// The route.
    pub route: Id,
}
first_record!(AtRoute);

/// Where it is kept that `route` serves the job `reference`.
#[must_use]
pub fn job_key(reference: &str, route: Id) -> Vec<u8> {
    key::text_then(reference, &route.0)
}

/// Routes one job can be in: more than one only after two depots planned it without knowing of each other.
const MAX_AT: usize = 10;

/// The live routes that serve the job `reference`.
///
/// # Errors
/// Storage failures.
pub fn routes_of(tx: &dyn ReadTx, reference: &str) -> Result<Vec<Id>> {
    let range = KeyRange::prefix(&key::text_then(reference, &[]));
    let rows = JOBS.scan(tx, Ix::Primary, &range, Dir::Up, MAX_AT)?;
    Ok(rows.items.into_iter().map(|e| e.value.route).collect())
}

/// The routes a search planned, by id.
///
/// # Errors
/// Storage failures.
pub fn routes_of_plan(tx: &dyn ReadTx, plan: Id, limit: usize) -> Result<Vec<Entry<Folded<Route>>>> {
    Ok(ROUTES.scan(tx, BY_PLAN, &KeyRange::prefix(&plan.0), Dir::Up, limit)?.items)
}

/// The job of a search that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its id.
    pub job: Id,
}
first_record!(Waiting);

/// Searches that are not over, by id: what becomes of their jobs is watched.
pub const WAITING: Table<Id, Waiting> = Table::new(230, "route_waiting", Home::Local);

/// What a search was asked and what it found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// When it was asked.
    pub at: Timestamp,
    /// What is to be planned; gone once it is.
    pub task: Option<Task>,
    /// The job that searches; none when it was answered at once.
    pub job: Option<Id>,
    /// What is in no route.
    pub unassigned: Vec<Unassigned>,
    /// Stops nobody knows the place of.
    pub unplaced: Vec<Unplaced>,
    /// What the travel times rest on.
    pub basis: Vec<String>,
}
first_record!(Kept);

/// Searches' details are kept as long as jobs that are done.
#[must_use]
pub fn retained() -> Retained {
    Retained {
        name: "route_tasks",
        days: |r| r.jobs_done,
        find: |tx, before, after, limit| {
            let range = KeyRange { after, ..KeyRange::all() };
            older(&TASKS, tx, (Ix::Primary, range), limit, |k: &Kept| k.at < before && k.task.is_none())
        },
        remove: |tx, pk| Id::from_slice(pk).map_or(Ok(()), |id| TASKS.del(tx, &id).map(drop)),
    }
}

/// This area's tables, for `check`.
#[must_use]
pub fn tables() -> Vec<&'static dyn Checked> {
    vec![&ROUTES, &OPTIMIZATIONS, &TASKS, &JOBS, &WAITING]
}
