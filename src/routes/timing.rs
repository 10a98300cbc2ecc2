//! The times of a route whose order somebody chose: ways between its places, under the conditions that hold.

use super::error::{Result, RouteError};
use super::model::{Act, Content};
use super::replan;
use super::work::Place;
use crate::base::clock::Timestamp;
use crate::base::units::Position;
use crate::travel::conditions::whole_day;
use crate::travel::service as travel;
use crate::travel::sources::{Grid, Source};

/// Ways between the places of some routes.
pub struct Ways {
    points: Vec<Position>,
    grid: Grid,
    source: Source,
    basis: String,
}

/// The places of what is left of a route, in order.
fn way(content: &Content) -> Vec<Position> {
    let done = content.stops.iter().filter(|s| s.done_at.is_some()).count();
    let mut last = content.stops[..done].last().map_or(content.from.position, |s| s.position);
    let mut way = vec![last];
    for stop in &content.stops[done..] {
        // A pause is taken where the vehicle stands.
        last = if stop.act == Act::Pause { last } else { stop.position };
        way.push(last);
    }
    way.push(content.to.position);
    way
}

impl Ways {
    /// Between all places of these routes.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn between(place: &Place<'_>, routes: &[&Content]) -> Result<Self> {
        let mut points: Vec<Position> = routes.iter().flat_map(|c| way(c)).collect();
        points.sort_by_key(|p| (p.lat, p.lon));
        points.dedup();
        let (store, tenant, now) = (place.store, place.tenant, place.now);
        let conditions = store.read(tenant, |tx| travel::in_force(tx, now)).map_err(RouteError::from)?;
        let wanted = (points.as_slice(), conditions.closed_areas());
        let times = place.travel.times(store, tenant, now, wanted).await?;
        let grid = conditions.applied_to(&points, &times, whole_day());
        let mut basis = vec![times.basis];
        basis.extend(conditions.words());
        Ok(Self { points, grid, source: times.source, basis: basis.join("; ") })
    }

    /// `content` as it is driven from `depart` on, by a vehicle of that speed.
    #[must_use]
    pub fn timed(&self, content: Content, depart: Timestamp, speed: f64) -> Content {
        let number = |at: Position| self.points.iter().position(|p| *p == at).unwrap_or_default();
        let leg = |two: &[Position]| {
            let at = number(two[0]) * self.grid.size + number(two[1]);
            (self.grid.metres[at], (f64::from(self.grid.seconds[at]) / speed).ceil() as i32)
        };
        let legs: Vec<(i32, i32)> = way(&content).windows(2).map(leg).collect();
        let content = Content { source: Some(self.source), basis: self.basis.clone(), ..content };
        replan::driven(content, depart, &legs)
    }
}
