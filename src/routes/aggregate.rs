//! Routes and searches as the journal knows them: their fold, and what follows from their rows.

use std::collections::BTreeSet;

use super::event::{OptimizationEvent, RouteEvent};
use super::model::{Optimization, Route, Stage, State};
use super::repo::{self, AtRoute, JOBS};
use crate::audit::Changed;
use crate::base::ids::Id;
use crate::first_record;
use crate::journal::{Aggregate, Cx, Folded, Followed, Stamped};
use crate::store::{Result, Table, WriteTx};

first_record!(Route, Optimization);

impl Aggregate for Optimization {
    type Event = OptimizationEvent;
    const NAME: &'static str = "route_search";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::OPTIMIZATIONS;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(mut self, e: &Stamped<OptimizationEvent>) -> Self {
        self.origin.get_or_insert(e.writer());
        match &e.event {
            OptimizationEvent::Requested(r) => {
                self.requested_at = e.key.at();
                (self.day, self.jobs, self.vehicles) = (r.day, r.jobs, r.vehicles);
            }
            OptimizationEvent::Completed(result) => {
                (self.stage, self.result, self.why) = (Stage::Completed, Some(result.clone()), None);
            }
            // A plan that was found stays found.
            OptimizationEvent::Failed(f) if self.stage == Stage::Requested => {
                (self.stage, self.why) = (Stage::Failed, Some(f.why.clone()));
            }
            OptimizationEvent::Cancelled(_) if self.stage == Stage::Requested => {
                self.stage = Stage::Cancelled
            }
            OptimizationEvent::Failed(_) | OptimizationEvent::Cancelled(_) => {}
        }
        self
    }

    fn follow(_: &mut dyn WriteTx, _: &Cx, _: Option<&Folded<Self>>, _: &Self) -> Result<Followed> {
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let name = |s: Stage| serde_json::to_value(s).unwrap_or_default();
        let was = old.map_or(serde_json::Value::Null, |o| name(o.stage));
        vec![Changed::new("state", was, name(new.stage))]
    }
}

impl Aggregate for Route {
    type Event = RouteEvent;
    const NAME: &'static str = "route";
    const TABLE: &'static Table<Id, Folded<Self>> = &repo::ROUTES;

    fn blank(id: Id) -> Self {
        Self { id, ..Self::default() }
    }

    fn fold(mut self, e: &Stamped<RouteEvent>) -> Self {
        self.origin.get_or_insert(e.writer());
        match &e.event {
            RouteEvent::Planned(content) | RouteEvent::Changed(content) => self.content.clone_from(content),
            RouteEvent::Locked(l) => self.locked = l.stops,
            RouteEvent::StopDone(d) => {
                let stop = usize::try_from(d.stop).ok().and_then(|n| self.content.stops.get_mut(n));
                if let Some(stop) = stop {
                    // The first word counts: a phone that says it again later knows no better.
                    stop.done_at.get_or_insert(d.at);
                }
            }
            RouteEvent::Dispatched(_) if self.state == State::Planned => {
                (self.state, self.dispatched_at) = (State::Dispatched, Some(e.key.at()));
            }
            RouteEvent::Completed(_) if self.state != State::Deleted => self.state = State::Completed,
            RouteEvent::Cancelled(_) if matches!(self.state, State::Planned | State::Dispatched) => {
                self.state = State::Cancelled;
            }
            RouteEvent::Deleted(_) => self.state = State::Deleted,
            RouteEvent::Dispatched(_) | RouteEvent::Completed(_) | RouteEvent::Cancelled(_) => {}
        }
        self
    }

    fn follow(tx: &mut dyn WriteTx, _: &Cx, old: Option<&Folded<Self>>, new: &Self) -> Result<Followed> {
        let before = old.map(|o| jobs(&o.state)).unwrap_or_default();
        let after = jobs(new);
        for gone in before.difference(&after) {
            JOBS.del(tx, &repo::job_key(gone, new.id))?;
        }
        for fresh in after.difference(&before) {
            JOBS.put(tx, &repo::job_key(fresh, new.id), &AtRoute { route: new.id })?;
        }
        Ok(Followed::default())
    }

    fn changes(old: Option<&Self>, new: &Self) -> Vec<Changed> {
        let shown = |r: &Self| {
            let c = &r.content;
            let driver = c.ride.driver.as_ref().map_or(serde_json::Value::Null, |d| d.name.clone().into());
            let done = c.stops.iter().filter(|s| s.done_at.is_some()).count();
            [
                ("state", r.state.as_str().into()),
                ("vehicle", c.ride.name.clone().into()),
                ("driver", driver),
                ("depart", c.depart.to_string().into()),
                ("stops", c.stops.len().into()),
                ("done", done.into()),
                ("locked", r.locked.into()),
                ("metres", c.metres.into()),
            ]
        };
        let before = shown(old.unwrap_or(&Self::blank(new.id)));
        let both = before.into_iter().zip(shown(new)).filter(|(b, a)| b.1 != a.1);
        both.map(|((name, before), (_, after))| Changed::new(name, before, after)).collect()
    }
}

/// What the caller calls the jobs that are still to be served; names that were only made up here begin with `#`.
fn jobs(route: &Route) -> BTreeSet<&str> {
    if !matches!(route.state, State::Planned | State::Dispatched) {
        return BTreeSet::new();
    }
    let open = route.content.stops.iter().filter(|s| s.done_at.is_none() && s.act.is_job());
    open.map(|s| s.reference.as_str()).filter(|r| !r.is_empty() && !r.starts_with('#')).collect()
}
