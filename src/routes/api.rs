//! The routes of routes.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;
use utoipa::ToSchema;

use super::desk::Effort;
use super::error::{Result, RouteError};
use super::inputs::OptimizeInput;
use super::model::{Content, Route, State};
use super::replan;
use super::repo;
use super::service::{self, Filter, RouteChange};
use super::task::{Now, Task};
use super::timing::Ways;
use super::views::{MoveView, PlanView, RouteCard, RouteView};
use super::whatif;
use super::work::{self, Place};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::deadlines::policy::Policy;
use crate::fleet::model::Vehicle;
use crate::fleet::service as fleet;
use crate::identity::features::{EditRoutes, Feature, MoveDeliveries, OptimizeRoutes, ViewRoutes};
use crate::identity::grant::Grant;
use crate::journal::Written;
use crate::parcels::queries::limit;
use crate::store::ReadTx;
use crate::store::table::{cursor, position};
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = std::result::Result<HttpResponse, ApiError>;

/// Seconds up to which a request waits for its plan.
const MAX_WAIT: f64 = 2.0;
/// Steps up to which it does.
const MAX_STEPS: u64 = 300_000;
/// Rows a page looks at when its filters have no index of their own; it then ends early, with a cursor.
const SCAN_BUDGET: usize = 2_000;

const OPTIMIZE: &str = r#"{"stops":[{"reference":"4711","address":"123 Main St, City, State","latitude":40.7128,"longitude":-74.006,"weight_kg":5.5,"priority":"high","windows":[{"from":"09:00","to":"12:00"}]},{"address":"456 Oak Ave, City, State","latitude":40.73,"longitude":-73.99}],"depot":{"latitude":40.72,"longitude":-74.0},"optimizationCriteria":["distance","time","fuel"],"constraints":{"maxRouteTime":480,"vehicleCapacity":1000}}"#;
const REPLAN: &str = r#"{"stops":[{"reference":"4712","latitude":40.74,"longitude":-73.98}]}"#;
const LIST: &[(&str, &str)] = &[
    ("day", "such as 2026-11-24"),
    ("state", "planned, dispatched, completed or cancelled"),
    ("vehicle", "by id or name"),
    ("driver", "by id or name"),
    ("limit", "rows, at most 500"),
    ("cursor", "from the page before"),
];

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    steps(searches(Routes::new("routes")))
}

fn searches(r: Routes) -> Routes {
    r.add::<OptimizeRoutes, _, _>(
        Method::POST,
        "/routes/optimize",
        optimize,
        "Plan routes: the plan itself, or 202 and a job where that takes long",
    )
    .body::<OptimizeInput>(OPTIMIZE)
    .answers::<PlanView>(200)
    .add::<ViewRoutes, _, _>(
        Method::GET,
        "/routes/optimize/{id}",
        search,
        "A search: how far it is, what it found",
    )
    .answers::<PlanView>(200)
    .add::<OptimizeRoutes, _, _>(
        Method::POST,
        "/routes/optimize/{id}/cancel",
        cancel_search,
        "End a search: one under way keeps its best plan so far",
    )
    .answers::<PlanView>(200)
    .add::<ViewRoutes, _, _>(Method::GET, "/routes", list, "Routes, the latest day first")
    .query(LIST)
    .answers::<Page<RouteCard>>(200)
    .add::<ViewRoutes, _, _>(Method::GET, "/routes/{id}", show, "One route with its stops and their times")
    .answers::<RouteView>(200)
}

fn steps(r: Routes) -> Routes {
    r.add::<EditRoutes, _, _>(
        Method::PUT,
        "/routes/{id}",
        change,
        "Change a route by hand: driver, vehicle, order, departure; dry_run only shows it",
    )
    .body::<RouteChange>(r#"{"driver":""}"#)
    .answers::<RouteView>(200)
    .add::<EditRoutes, _, _>(
        Method::DELETE,
        "/routes/{id}",
        delete,
        "Take away a route that is not on the road",
    )
    .status(204)
    .add::<OptimizeRoutes, _, _>(
        Method::POST,
        "/routes/{id}/replan",
        replan_route,
        "Plan a route anew, on the road too, with further stops if there are any",
    )
    .body::<OptimizeInput>(REPLAN)
    .answers::<RouteView>(200)
    .add::<EditRoutes, _, _>(Method::POST, "/routes/{id}/lock", lock, "Fix the first stops of a route")
    .body::<LockInput>(r#"{"stops":0}"#)
    .answers::<RouteView>(200)
    .add::<EditRoutes, _, _>(Method::POST, "/routes/{id}/dispatch", dispatch, "Give a route and its deliveries to its driver")
    .answers::<RouteView>(200)
    .add::<EditRoutes, _, _>(
        Method::POST,
        "/routes/{id}/cancel",
        cancel,
        "Say that a route will not be driven",
    )
    .body::<CancelInput>(r#"{"reason":"the van broke down"}"#)
    .answers::<RouteView>(200)
    .add::<EditRoutes, _, _>(
        Method::POST,
        "/routes/{id}/move",
        move_stop,
        "Move a stop to another route, at the best place or a named one; dry_run only shows what that does",
    )
    .body::<MoveInput>(r#"{"stop":0,"to":"019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718","dry_run":true}"#)
    .answers::<MoveView>(200)
    .add::<MoveDeliveries, _, _>(
        Method::POST,
        "/routes/{id}/stops/{stop}/done",
        done,
        "Say that a stop of a route is done, by its place from 0: its delivery is completed, where nothing is missing; the last one ends the route",
    )
    .body::<DoneInput>("{}")
    .answers::<RouteView>(200)
}

/// What a request is read with: the depot's zone and its moment.
fn reading<T, F: Feature>(
    call: &Call<F>,
    read: impl FnOnce(&dyn ReadTx, &Now<'_>) -> Result<T>,
) -> Result<T> {
    let now = call.app.clock.now();
    call.app.store.read(call.grant.tenant(), |tx| {
        let policy = Policy::current(tx)?;
        read(tx, &Now { zone: policy.calendar.zone(), at: now, who: call.grant.principal() })
    })
}

async fn optimize(call: Call<OptimizeRoutes>, body: Body<OptimizeInput>) -> Response {
    service::whole(&call.grant)?;
    if let Some(answer) = call.replayed()? {
        return Ok(answer);
    }
    let input = body.0;
    let task = reading(&call, |tx, now| Task::of(tx, now, &input))?;
    let short = input.seconds.is_none_or(|s| s <= MAX_WAIT) && input.steps.is_none_or(|s| s <= MAX_STEPS);
    let direct = short && task.jobs.len() <= call.app.desk.direct;
    if input.dry_run && !direct {
        let most = call.app.desk.direct;
        let said = format!(
            "only plans of at most {most} stops and {MAX_WAIT} seconds can be shown without being kept"
        );
        return Err(RouteError::from(Invalid::at("/dry_run", said)).into());
    }
    let permit = match call.app.desk.try_begin() {
        Some(permit) if direct => Some(permit),
        None if input.dry_run => call.app.desk.begin().await,
        _ => None,
    };
    let id = Id::fresh();
    let Some(permit) = permit else { return demand(call, id, task).await };
    let task = Arc::new(task);
    let (outcome, basis) = {
        let app = call.app.clone();
        let listed = app.desk.list(id);
        let seconds = input.seconds.unwrap_or_else(|| work::waited(task.jobs.len()));
        let effort = Effort { seconds, steps: input.steps, seed: task.seed, threads: 1 };
        let place = Place {
            travel: &app.travel,
            store: &app.store,
            tenant: call.grant.tenant(),
            now: app.clock.now(),
        };
        work::plan(&place, (id, &task), effort, (Arc::clone(&listed.search), permit)).await?
    };
    if input.dry_run {
        let view = PlanView::shown(outcome, (task.day, task.jobs.len()), task.unplaced.clone(), basis);
        return Ok(Answer::ok(&view)?.respond(call.request().path(), ""));
    }
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::requested(tx, grant, cx, id, &task)?;
        service::complete(tx, cx, (id, &task), &outcome, (&basis, false))?;
        Ok(Answer::ok(&plan_view(tx, &id.to_string(), None)?)?)
    })
    .await
}

async fn demand(call: Call<OptimizeRoutes>, id: Id, task: Task) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::demand(tx, grant, cx, id, &task)?;
        let location = format!("/api/v1/routes/optimize/{id}");
        Ok(Answer { location: Some(location), ..Answer::json(202, &plan_view(tx, &id.to_string(), None)?)? })
    })
    .await
}

/// A search with its routes.
fn plan_view(tx: &dyn ReadTx, name: &str, progress: Option<super::desk::Progress>) -> Result<PlanView> {
    let (search, kept) = service::find_search(tx, name)?;
    let rows = repo::routes_of_plan(tx, search.id, service::MAX_SHOWN)?;
    let routes = rows.into_iter().map(|e| RouteView::kept(e.value.state, e.rev)).collect();
    Ok(PlanView::kept(search, kept, routes, progress))
}

fn progress<F: Feature>(call: &Call<F>, name: &str) -> Option<super::desk::Progress> {
    let id = name.parse().ok()?;
    call.app.desk.running(id).map(|s| s.progress())
}

async fn search(call: Call<ViewRoutes>, name: Path<String>) -> Response {
    let progress = progress(&call, &name);
    let answer = call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        Ok(Answer::ok(&plan_view(tx, &name, progress)?)?)
    })?;
    call.saw("route_search", name.parse::<Id>().ok());
    Ok(answer)
}

async fn cancel_search(call: Call<OptimizeRoutes>, name: Path<String>) -> Response {
    service::whole(&call.grant)?;
    // Only who may see it: the search must be one of this tenant.
    call.app.store.read(call.grant.tenant(), |tx| service::find_search(tx, &name).map(drop))?;
    let running = name.parse().ok().and_then(|id| call.app.desk.running(id));
    if let Some(search) = running {
        search.cancel();
        let progress = progress(&call, &name);
        return call
            .read(|tx, _| -> Result<Answer> { Ok(Answer::json(202, &plan_view(tx, &name, progress)?)?) });
    }
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::cancel_search(tx, grant, cx, &name)?;
        Ok(Answer::ok(&plan_view(tx, &name, None)?)?)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    day: Option<String>,
    state: Option<String>,
    vehicle: Option<String>,
    driver: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

fn state(said: &str) -> std::result::Result<State, Invalid> {
    let all = [State::Planned, State::Dispatched, State::Completed, State::Cancelled];
    all.into_iter()
        .find(|s| s.as_str() == said.to_lowercase())
        .ok_or_else(|| Invalid::at("?state", "is planned, dispatched, completed or cancelled"))
}

async fn list(call: Call<ViewRoutes>, q: Query<Listing>) -> Response {
    let q = q.0;
    call.read(|tx, grant| -> Result<Answer> {
        if let Some(day) = &q.day {
            day.parse::<jiff::civil::Date>()
                .map_err(|_| Invalid::at("?day", "is a day such as 2026-11-24"))?;
        }
        let most = limit(q.limit)?;
        let state = q.state.as_deref().map(state).transpose()?;
        let filter =
            Filter { day: q.day.clone(), state, vehicle: q.vehicle.clone(), driver: q.driver.clone() };
        let (mut at, mut items, mut looked) = (position(q.cursor.as_deref())?, Vec::new(), 0);
        let next = loop {
            let rows = service::list(tx, grant, q.day.as_deref(), at.take(), most - items.len())?;
            looked += rows.items.len();
            let found = rows.items.into_iter().filter(|e| filter.admits(&e.value.state));
            items.extend(found.map(|e| RouteCard::of(e.value.state, e.rev)));
            if items.len() >= most || rows.next.is_none() || looked >= SCAN_BUDGET {
                break rows.next;
            }
            at = rows.next;
        };
        let next = next.as_ref().map(cursor).transpose()?;
        Ok(Answer::page(&Page { items, next })?)
    })
}

fn shown(written: Written<Route>) -> Result<Answer> {
    noted((written, Vec::new()))
}

fn noted((written, notes): (Written<Route>, Vec<String>)) -> Result<Answer> {
    let rev = written.rev;
    Ok(Answer::ok(&RouteView::kept(written.state, rev).noted(notes))?.rev(rev))
}

async fn show(call: Call<ViewRoutes>, name: Path<String>) -> Response {
    let answer = call.read(|tx, grant| -> Result<Answer> {
        let entry = service::find(tx, grant, &name)?;
        Ok(Answer::ok(&RouteView::kept(entry.value.state, entry.rev))?.rev(entry.rev))
    })?;
    call.saw("route", name.parse::<Id>().ok());
    Ok(answer)
}

/// The route `name` as it is, at revision `seen`.
fn found<F: Feature>(
    tx: &dyn ReadTx,
    grant: &Grant<F>,
    name: &str,
    seen: Option<u64>,
) -> Result<(Route, u64)> {
    service::whole(grant)?;
    let entry = service::find(tx, grant, name)?;
    match seen {
        Some(seen) if seen != entry.rev => Err(RouteError::Stale { found: entry.rev, seen }),
        _ => Ok((entry.value.state, entry.rev)),
    }
}

async fn change(call: Call<EditRoutes>, name: Path<String>, body: Body<RouteChange>) -> Response {
    let change = body.0;
    let seen = if change.dry_run {
        call.if_match()?.or(change.version)
    } else {
        Some(call.expected_rev(change.version)?)
    };
    let read = reading(&call, |tx, _| {
        let (route, rev) = found(tx, &call.grant, &name, seen)?;
        let (content, anew) = service::changed(tx, &route, &change)?;
        Ok((content, anew, rev, speed(tx, &route.content)?))
    });
    let (mut content, anew, rev, speed) = read?;
    if anew {
        content = timed(&call, content, change.depart, speed).await?;
    }
    if change.dry_run {
        return Ok(Answer::ok(&RouteView::of(content))?.respond(call.request().path(), ""));
    }
    call.write(move |tx, grant, cx| -> Result<Answer> {
        shown(service::keep(tx, grant, cx, &name, (rev, content.clone()))?)
    })
    .await
}

/// The speed of what drives a route against the others'.
fn speed(tx: &dyn ReadTx, content: &Content) -> Result<f64> {
    let Some(id) = content.ride.vehicle else { return Ok(1.0) };
    Ok(fleet::find::<Vehicle>(tx, &id.to_string()).map_or(1.0, |(_, v, _)| v.speed))
}

/// `content` with the times of its order.
async fn timed<F: Feature>(
    call: &Call<F>,
    content: Content,
    depart: Option<Timestamp>,
    speed: f64,
) -> std::result::Result<Content, ApiError> {
    let depart = depart.unwrap_or(content.depart);
    let ways = Ways::between(&place(call), &[&content]).await?;
    Ok(ways.timed(content, depart, speed))
}

/// Where a caller's searches are done.
fn place<F: Feature>(call: &Call<F>) -> Place<'_> {
    let app = &call.app;
    Place { travel: &app.travel, store: &app.store, tenant: call.grant.tenant(), now: app.clock.now() }
}

async fn replan_route(call: Call<OptimizeRoutes>, name: Path<String>, body: Body<OptimizeInput>) -> Response {
    if let Some(answer) = call.replayed()? {
        return Ok(answer);
    }
    let input = body.0;
    let seen = call.if_match()?;
    let read = reading(&call, |tx, now| {
        let (route, rev) = found(tx, &call.grant, &name, seen)?;
        Ok((replan::task(tx, now, &route, &input)?, route, rev))
    });
    let (task, route, rev) = read?;
    let seconds = input.seconds.unwrap_or_else(|| work::waited(task.jobs.len())).min(MAX_WAIT);
    let steps = input.steps.map(|s| s.min(MAX_STEPS));
    let effort = Effort { seconds, steps, seed: task.seed, threads: 1 };
    let content = work::anew(&place(&call), &call.app.desk, (&route, task), effort).await?;
    if input.dry_run {
        return Ok(Answer::ok(&RouteView::of(content))?.respond(call.request().path(), ""));
    }
    call.write(move |tx, grant, cx| -> Result<Answer> {
        shown(service::keep(tx, grant, cx, &name, (rev, content.clone()))?)
    })
    .await
}

/// How many stops are fixed.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LockInput {
    /// Stops at the head of the route, those that are done among them.
    stops: u32,
}

/// Why.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct CancelInput {
    /// Why.
    reason: String,
}

/// When.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct DoneInput {
    /// When it was done; now when absent.
    at: Option<Timestamp>,
}

async fn lock(call: Call<EditRoutes>, name: Path<String>, body: Body<LockInput>) -> Response {
    call.write(move |tx, grant, cx| shown(service::lock(tx, grant, cx, &name, body.0.stops)?)).await
}

async fn dispatch(call: Call<EditRoutes>, name: Path<String>) -> Response {
    let attempts = call.app.config.deliveries.attempts;
    call.write(move |tx, grant, cx| noted(service::dispatch(tx, grant, cx, &name, attempts)?)).await
}

async fn cancel(call: Call<EditRoutes>, name: Path<String>, body: Body<CancelInput>) -> Response {
    call.write(move |tx, grant, cx| shown(service::cancel(tx, grant, cx, &name, &body.0.reason)?)).await
}

async fn done(call: Call<MoveDeliveries>, path: Path<(String, String)>, body: Body<DoneInput>) -> Response {
    let (name, stop) = path.into_inner();
    let stop: usize = stop.parse().map_err(|_| Refusal::not_found("stop", &stop))?;
    let attempts = call.app.config.deliveries.attempts;
    call.write(move |tx, grant, cx| {
        noted(service::stop_done(tx, grant, cx, &name, (stop, body.0.at), attempts)?)
    })
    .await
}

async fn delete(call: Call<EditRoutes>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        service::delete(tx, grant, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}

/// Which stop goes where.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveInput {
    /// The stop, by its place from 0.
    stop: usize,
    /// The other route.
    to: Id,
    /// At which place there, from 0; the best one when absent.
    #[serde(default)]
    at: Option<usize>,
    /// The revision of the route that was seen.
    #[serde(default)]
    version: Option<u64>,
    /// The revision of the other route that was seen.
    #[serde(default)]
    to_version: Option<u64>,
    /// Only show it.
    #[serde(default)]
    dry_run: bool,
}

async fn move_stop(call: Call<EditRoutes>, name: Path<String>, body: Body<MoveInput>) -> Response {
    service::whole(&call.grant)?;
    let input = body.0;
    let seen = [call.if_match()?.or(input.version), input.to_version];
    let tenant = call.grant.tenant();
    let names = (name.as_str(), input.to.to_string());
    let both = call.app.store.read(tenant, |tx| whatif::both(tx, &call.grant, (names.0, &names.1), seen))?;
    let moved = whatif::moved(&place(&call), &both, (input.stop, input.at)).await?;
    if input.dry_run {
        return Ok(Answer::ok(&MoveView::of(moved))?.respond(call.request().path(), ""));
    }
    call.write(move |tx, grant, cx| -> Result<Answer> {
        whatif::keep(tx, grant, cx, &both, &moved)?;
        Ok(Answer::ok(&MoveView::of(moved.clone()))?)
    })
    .await
}
