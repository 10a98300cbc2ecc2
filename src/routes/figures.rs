//! Figures on routes: per day and driver, with how long they took against how long they were to take.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Route, State, Stop};
use super::repo::{self, ROUTES};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::store::{Dir, KeyRange, ReadTx, Result, key};

/// Days of one question.
pub const MAX_DAYS: i64 = 92;
/// Routes that are counted; beyond them the answer says that it is cut.
pub const MAX_COUNTED: usize = 20_000;

/// Some routes in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = RouteSums)]
pub struct Sums {
    /// Routes that were not cancelled.
    pub routes: u64,
    /// Of those that have come to their end.
    pub completed: u64,
    /// Stops at which a job was to be done.
    pub stops: u64,
    /// Of those that are done.
    pub done: u64,
    /// Of those that began within their windows.
    pub on_time: u64,
    /// Metres, as planned.
    pub distance_m: u64,
    /// Mean seconds of a completed route, from its dispatch (or its planned departure, when it was dispatched before) to its
    /// last stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_duration_s: Option<u64>,
    /// 100 x actual / estimated duration of completed routes: over 100 took longer than planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<f64>,
    #[serde(skip)]
    actual_s: u64,
    #[serde(skip)]
    estimated_s: u64,
    #[serde(skip)]
    timed: u64,
}

impl Sums {
    fn add(&mut self, route: &Route) {
        let c = &route.content;
        let jobs: Vec<&Stop> = c.stops.iter().filter(|s| s.act.is_job()).collect();
        self.routes += 1;
        self.completed += u64::from(route.state == State::Completed);
        self.stops += jobs.len() as u64;
        for stop in &jobs {
            let Some(at) = stop.done_at else { continue };
            self.done += 1;
            self.on_time += u64::from(stop.windows.last().is_none_or(|w| at <= w.to));
        }
        self.distance_m += c.metres;
        let (Some(begun), State::Completed) = (route.dispatched_at, route.state) else { return };
        let ended = jobs.iter().filter_map(|s| s.done_at).max();
        let planned = jobs.iter().map(|s| s.end).max();
        if let (Some(ended), Some(planned)) = (ended, planned) {
            // Entered when all was over: only the plan knows when it began.
            let begun = if begun < ended { begun.max(c.depart) } else { c.depart };
            let (actual, estimated) = (ended.since(begun), planned.since(c.depart));
            if estimated.as_secs() > 0 {
                self.actual_s += actual.as_secs();
                self.estimated_s += estimated.as_secs();
                self.timed += 1;
            }
        }
    }

    fn finished(mut self) -> Self {
        self.mean_duration_s = self.actual_s.checked_div(self.timed);
        self.efficiency = (self.estimated_s > 0)
            .then(|| (1_000.0 * self.actual_s as f64 / self.estimated_s as f64).round() / 10.0);
        self
    }
}

/// Figures of one day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RouteDay)]
pub struct OfDay {
    /// The local day.
    #[schema(value_type = String)]
    pub day: Date,
    /// Its figures.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Figures of one driver.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RouteDriverSums)]
pub struct OfDriver {
    /// Their name; empty for routes nobody was named for.
    pub driver: String,
    /// Their figures.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Figures of some days.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RouteFigures)]
pub struct Figures {
    /// From this day.
    #[schema(value_type = String)]
    pub from: Date,
    /// To this one.
    #[schema(value_type = String)]
    pub to: Date,
    /// All of it.
    pub total: Sums,
    /// Day by day; days without routes are left out.
    pub days: Vec<OfDay>,
    /// Driver by driver.
    pub drivers: Vec<OfDriver>,
    /// Whether there were more than are counted.
    pub cut: bool,
    /// What efficiency means.
    pub efficiency_means: &'static str,
}

/// What efficiency means, for whoever reads it.
pub const EFFICIENCY: &str = "100 x actual / estimated duration of completed routes, from dispatch (or the planned departure, when dispatched before it or entered afterwards) to the last stop: below 100 is faster than planned";

/// The days that are asked for: at most [`MAX_DAYS`], in order.
///
/// # Errors
/// Names what is wrong with them.
pub fn span(from: Date, to: Date) -> std::result::Result<(Date, Date), Invalid> {
    let days = (to - from).get_days();
    if to < from {
        return Err(Invalid::at("?to", "lies before from"));
    }
    if i64::from(days) >= MAX_DAYS {
        let said = format!("takes {MAX_DAYS} days at the most, got {}", days + 1);
        return Err(Invalid::at("?to", said));
    }
    Ok((from, to))
}

/// Figures of the days from `from` to `to`; of one user's own routes when one is named.
///
/// # Errors
/// Storage failures.
pub fn count(tx: &dyn ReadTx, (from, to): (Date, Date), user: Option<Id>) -> Result<Figures> {
    let (ix, mut range) = match user {
        Some(user) => (repo::BY_USER, KeyRange::prefix(&user.0)),
        None => {
            let end = to.tomorrow().unwrap_or(to).to_string();
            let range = KeyRange {
                from: key::text_then(&from.to_string(), &[]),
                to: Some(key::text_then(&end, &[])),
                after: None,
            };
            (repo::BY_DAY, range)
        }
    };
    let (mut days, mut drivers, mut total) =
        (BTreeMap::<Date, Sums>::new(), BTreeMap::<String, Sums>::new(), Sums::default());
    let (mut looked, mut cut) = (0, false);
    loop {
        let rows = ROUTES.scan(tx, ix, &range, Dir::Up, 500)?;
        looked += rows.items.len();
        for route in rows.items.iter().map(|e| &e.value.state) {
            let day = route.content.day;
            if day < from || day > to || route.state == State::Cancelled {
                continue;
            }
            let driver = route.content.ride.driver.as_ref().map_or_else(String::new, |d| d.name.clone());
            for sums in [days.entry(day).or_default(), drivers.entry(driver).or_default(), &mut total] {
                sums.add(route);
            }
        }
        match rows.next {
            Some(_) if looked >= MAX_COUNTED => {
                cut = true;
                break;
            }
            Some(next) => range.after = Some(next),
            None => break,
        }
    }
    Ok(Figures {
        from,
        to,
        total: total.finished(),
        days: days.into_iter().map(|(day, sums)| OfDay { day, sums: sums.finished() }).collect(),
        drivers: drivers
            .into_iter()
            .map(|(driver, sums)| OfDriver { driver, sums: sums.finished() })
            .collect(),
        cut,
        efficiency_means: EFFICIENCY,
    })
}

#[cfg(test)]
mod tests {
    use super::super::model::{Act, Content, Window};
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::units::Position;
    use crate::places::model::Accuracy;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    fn stop(end: i64, done: Option<i64>) -> Stop {
        Stop {
            reference: "a".into(),
            act: Act::Deliver,
            address: String::new(),
            position: Position::default(),
            accuracy: Accuracy::Exact,
            windows: vec![Window { from: at(0), to: at(100) }],
            service_s: 0,
            amount: [0; 3],
            priority: 0,
            skills: Vec::new(),
            arrive: at(end),
            start: at(end),
            end: at(end),
            done_at: done.map(at),
        }
    }

    #[test]
    fn efficiency_holds_what_a_route_took_against_what_it_was_to_take() {
        let content = Content {
            depart: at(10),
            stops: vec![stop(40, Some(50)), stop(90, Some(110))],
            ..Content::default()
        };
        let route =
            Route { state: State::Completed, dispatched_at: Some(at(5)), content, ..Route::default() };
        let mut sums = Sums::default();
        sums.add(&route);
        // Under way still: it has no duration yet, and only what is done counts.
        let open = Content { depart: at(10), metres: 500, stops: vec![stop(40, None)], ..Content::default() };
        sums.add(&Route {
            state: State::Dispatched,
            dispatched_at: Some(at(9)),
            content: open,
            ..Route::default()
        });
        let sums = sums.finished();
        // From the planned departure, which lies behind the dispatch: 100 minutes instead of 80.
        assert_eq!((sums.mean_duration_s, sums.efficiency), (Some(6_000), Some(125.0)));
        assert_eq!((sums.routes, sums.completed, sums.stops, sums.done, sums.on_time), (2, 1, 3, 2, 1));
        assert_eq!(sums.distance_m, 500);
        assert_eq!(Sums::default().finished().efficiency, None);
    }

    #[test]
    fn one_day_too_many_is_refused() {
        let day = |n: i32| jiff::civil::date(2026, 1, 1) + jiff::Span::new().days(n);
        assert!(span(day(0), day(91)).is_ok());
        assert!(span(day(0), day(92)).is_err() && span(day(1), day(0)).is_err());
    }
}
