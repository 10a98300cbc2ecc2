//! Routes: the day of all vehicles on a map and against the clock, one route with its stops, planning a day, and what if
//! a stop went with somebody else.

use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::icons::Icon;
use super::shell::parts::{self, button, choice, empty, mark, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit};
use crate::fleet::model::Driver;
use crate::fleet::service as fleet;
use crate::identity::features::{EditRoutes, OptimizeRoutes, ViewRoutes};
use crate::identity::grant::{Grant, Scope};
use crate::routes::desk::Effort;
use crate::routes::error::RouteError;
use crate::routes::inputs::OptimizeInput;
use crate::routes::model::{Act, Content, Route, State, Stop};
use crate::routes::replan;
use crate::routes::service::{self, RouteChange};
use crate::routes::task::Now;
use crate::routes::work::{self, Place};
use crate::store::ReadTx;
use crate::web::ApiError;

pub mod draw;
pub mod gantt;
mod plan;
mod whatif;

type Looking = Visit<Grant<ViewRoutes>>;
type Editing = Visit<Grant<EditRoutes>>;
type Planning = Visit<Grant<OptimizeRoutes>>;

/// Routes of one day that are shown.
const SHOWN: usize = 100;
/// Rows looked through for those of somebody's own day.
const LOOKED: usize = 500;

/// This screen.
#[must_use]
pub fn screen() -> Screen {
    let screen = Screen::new()
        .nav(Group::Work, Icon::Routes, "nav-routes")
        .get("/routes", list)
        .get("/routes/{id}", show)
        .post("/routes/{id}/dispatch", dispatch)
        .post("/routes/{id}/cancel", cancel)
        .post("/routes/{id}/driver", driver)
        .post("/routes/{id}/replan", replan_one);
    whatif::add(plan::add(screen))
}

#[derive(Default, Deserialize)]
struct Asked {
    day: Option<String>,
    done: Option<String>,
}

/// A day in the reader's form.
fn day(v: &Viewer, day: Date) -> String {
    match v.words.tag {
        "en" => day.strftime("%a %-d %b").to_string(),
        _ => day.strftime("%d/%m/%Y").to_string(),
    }
}

fn today(v: &Viewer) -> Date {
    v.now.civil(&v.zone).date()
}

/// The route's state as word, colour and shape.
fn state(v: &Viewer, s: State) -> Markup {
    let (class, icon) = match s {
        State::Planned => ("soon", Icon::Ring),
        State::Dispatched => ("moves", Icon::Dot),
        State::Completed => ("done", Icon::Tick),
        State::Cancelled | State::Deleted => ("over", Icon::Cross),
    };
    html! { span class={ "state " (class) } { (icon) (v.word("route", s.as_str())) } }
}

/// The routes of a day that the caller may see, by vehicle.
fn of_day(tx: &dyn ReadTx, grant: &Grant<ViewRoutes>, wanted: Date) -> Result<Vec<(Route, u64)>, RouteError> {
    let said = wanted.to_string();
    let most = if *grant.scope() == Scope::Tenant { SHOWN } else { LOOKED };
    let rows = service::list(tx, grant, Some(&said), None, most)?;
    let rows = rows.items.into_iter().map(|e| (e.value.state, e.rev));
    let mut all: Vec<_> = rows.filter(|(r, _)| r.content.day == wanted).take(SHOWN).collect();
    all.sort_by(|(a, _), (b, _)| {
        let order = |r: &Route| (r.state as u8, r.content.ride.name.clone(), r.content.depart);
        order(a).cmp(&order(b))
    });
    Ok(all)
}

fn jobs(route: &Route) -> impl Iterator<Item = &Stop> {
    route.content.stops.iter().filter(|s| s.act.is_job())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Looking) -> Reply {
    let (asked, v) = (visit.query::<Asked>()?, &visit.viewer);
    let wanted = asked.day.as_deref().and_then(|d| d.parse().ok()).unwrap_or_else(|| today(v));
    let routes = visit.read(|tx| of_day(tx, &visit.pass, wanted))?;
    visit.saw("route", routes.iter().map(|(r, _)| r.id));
    let roads = visit.app.travel.roads();
    let alive: Vec<&Route> = routes
        .iter()
        .map(|(r, _)| r)
        .filter(|r| r.state != State::Cancelled && !r.content.stops.is_empty())
        .collect();
    let plans = v.may::<OptimizeRoutes>() && v.sees_all();
    let moves = v.may::<EditRoutes>() && v.sees_all();
    let main = html! {
        div.head {
            h1 { (v.t("nav-routes")) }
            (days(v, wanted))
            @if plans { a.button.primary href={ "/routes/plan?day=" (wanted) } { (Icon::Plus) (v.t("route-plan-day")) } }
        }
        (parts::done(v, asked.done.as_deref()))
        div data-region="routes" data-kinds="route" {
            @if routes.is_empty() {
                (empty(&v.t("routes-none"), &html! { p { (v.t(if plans { "routes-none-hint" } else { "routes-none-own" })) } }))
            } @else {
                (figures(v, &alive))
                (draw::map(v, "day-map", &v.t("route-map"), roads.as_deref(), &alive))
                h2 id="strips" { (v.t("route-strips")) }
                @if moves && alive.iter().filter(|r| r.state == State::Planned).count() > 1 { p.faint.noprint { (v.t("route-drag-hint")) } }
                (gantt::strips(v, "day-strips", &v.t("route-strips"), &alive, moves))
                (table(v, &routes))
                @if plans && alive.iter().any(|r| r.state == State::Planned) {
                    (parts::post(v, "/routes/plan", &html! {
                        input type="hidden" name="day" value=(wanted);
                        input type="hidden" name="anew" value="1";
                        button { (v.t("route-day-anew")) }
                    }))
                }
            }
        }
    };
    Ok(Out::page(v.t("nav-routes"), main))
}

fn days(v: &Viewer, wanted: Date) -> Markup {
    let link = |d: Option<Date>, label: &str| {
        html! { @if let Some(d) = d { a.button href={ "/routes?day=" (d) } aria-label=(day(v, d)) { (label) } } }
    };
    html! {
        nav.days aria-label=(v.t("route-day")) {
            (link(wanted.yesterday().ok(), "‹"))
            strong { (day(v, wanted)) }
            (link(wanted.tomorrow().ok(), "›"))
        }
    }
}

fn figures(v: &Viewer, routes: &[&Route]) -> Markup {
    let stops: usize = routes.iter().map(|r| jobs(r).count()).sum();
    let done: usize = routes.iter().map(|r| jobs(r).filter(|s| s.done_at.is_some()).count()).sum();
    let metres: u64 = routes.iter().map(|r| r.content.metres).sum();
    let late: usize = routes.iter().map(|r| jobs(r).filter(|s| gantt::is_late(s)).count()).sum();
    html! {
        div.figures {
            div.figure { b { (v.number(routes.len() as u64)) } span { (v.t("routes-count")) } }
            div.figure { b { (v.number(done as u64)) " / " (v.number(stops as u64)) } span { (v.t("route-stops-done")) } }
            div.figure { b { (draw::metres(v, metres)) } span { (v.t("route-distance")) } }
            div.figure.bad[late > 0] { b { (v.number(late as u64)) } span { (v.t("route-late")) } }
        }
    }
}

fn table(v: &Viewer, routes: &[(Route, u64)]) -> Markup {
    html! {
        table.list {
            thead { tr { th { (v.t("fleet-vehicle")) } th { (v.t("fleet-driver")) } th { (v.t("state")) } th.n { (v.t("route-stops")) } th { (v.t("route-hours")) } th.n { (v.t("route-distance")) } } }
            tbody {
                @for (r, _) in routes {
                    tr data-row {
                        td { a href={ "/routes/" (r.id) } { (r.content.ride.name) } }
                        td { (r.content.ride.driver.as_ref().map_or("–", |d| d.name.as_str())) }
                        td { (state(v, r.state)) }
                        td.n data-as=(v.t("route-stops")) { (jobs(r).filter(|s| s.done_at.is_some()).count()) " / " (jobs(r).count()) }
                        td.when { (v.clock(r.content.depart)) "–" (v.clock(r.content.back)) }
                        td.n { (draw::metres(v, r.content.metres)) }
                    }
                }
            }
        }
    }
}

/// What a route's page shows.
struct Page {
    route: Route,
    rev: u64,
    others: Vec<(Route, u64)>,
    drivers: Vec<Driver>,
}

fn read_page<P: super::shell::visit::Pass>(visit: &Visit<P>, name: &str) -> Result<Page, Fail> {
    let grant = visit.principal.grant::<ViewRoutes>()?;
    let sees_all = visit.viewer.sees_all();
    visit.read(|tx| -> Result<Page, RouteError> {
        let found = service::find(tx, &grant, name)?;
        let (route, rev) = (found.value.state, found.rev);
        let mut others = if sees_all { of_day(tx, &grant, route.content.day)? } else { Vec::new() };
        others.retain(|(r, _)| r.id != route.id && r.state == State::Planned);
        let drivers = if sees_all { fleet::drivers(tx)? } else { Vec::new() };
        Ok(Page { route, rev, others, drivers: drivers.into_iter().map(|(_, d)| d).collect() })
    })
}

async fn show(visit: Looking) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    page(&visit, asked.done.as_deref(), &[], None)
}

fn page<P: super::shell::visit::Pass>(
    visit: &Visit<P>,
    done: Option<&str>,
    notes: &[String],
    fail: Option<&ApiError>,
) -> Reply {
    let name = visit.path("id");
    let shown = read_page(visit, &name)?;
    visit.saw("route", [shown.route.id]);
    let v = &visit.viewer;
    let roads = visit.app.travel.roads();
    let (r, c) = (&shown.route, &shown.route.content);
    let main = html! {
        div.head {
            h1 { (c.ride.name) }
            (state(v, r.state))
            a.all href={ "/routes?day=" (c.day) } { (day(v, c.day)) }
        }
        (parts::done(v, done))
        (refusal(v, fail))
        @if !notes.is_empty() { div.notice.warn role="status" { (Icon::Triangle) ul { @for n in notes { li { (v.say(n)) } } } } }
        div data-region="route" data-kinds="route" {
            (facts(v, c))
            (draw::map(v, "route-map", &v.t("route-map"), roads.as_deref(), &[r]))
            (gantt::strips(v, "route-strip", &v.t("route-strips"), &[r], false))
            @if v.sees_all() { (acts(v, &shown)) }
            (stops(v, &shown))
            @if !c.basis.is_empty() { p.faint { (v.t("route-rests-on")) " " (v.say(&c.basis)) } }
        }
    };
    Ok(Out::page(c.ride.name.clone(), main).after(fail))
}

fn facts(v: &Viewer, c: &Content) -> Markup {
    let driver = c.ride.driver.as_ref().map(|d| html! { (d.name) });
    let drive = std::time::Duration::from_secs(c.drive_s);
    html! {
        dl.facts {
            (parts::fact(&v.t("fleet-driver"), driver.as_ref()))
            (parts::fact(&v.t("route-hours"), Some(&html! { (v.clock(c.depart)) "–" (v.clock(c.back)) })))
            (parts::fact(&v.t("route-distance"), Some(&html! { (draw::metres(v, c.metres)) })))
            (parts::fact(&v.t("route-at-wheel"), Some(&html! { (v.span(drive)) })))
            (parts::fact(&v.t("route-source"), c.source.map(|s| html! { (v.named("travel", s)) }).as_ref()))
        }
    }
}

/// What can be done with a route.
fn acts(v: &Viewer, p: &Page) -> Markup {
    let (id, s) = (p.route.id, p.route.state);
    let edits = v.may::<EditRoutes>();
    let alive = matches!(s, State::Planned | State::Dispatched);
    let driver = p.route.content.ride.driver.as_ref().map_or("", |d| d.name.as_str());
    let mut names: Vec<(String, String)> = vec![(String::new(), "–".into())];
    names.extend(p.drivers.iter().map(|d| (d.name.clone(), d.name.clone())));
    if !driver.is_empty() && !names.iter().any(|(n, _)| n == driver) {
        names.push((driver.to_owned(), driver.to_owned()));
    }
    html! {
        div.buttons.noprint {
            @if edits && s == State::Planned { (button(v, &format!("/routes/{id}/dispatch"), &v.t("route-dispatch"), "primary")) }
            @if v.may::<OptimizeRoutes>() && alive { (button(v, &format!("/routes/{id}/replan"), &v.t("route-replan"), "")) }
            @if edits && alive {
                details.confirm {
                    summary.button { (v.t("fleet-driver")) }
                    (parts::post(v, &format!("/routes/{id}/driver"), &html! {
                        (parts::version(p.rev))
                        (choice("driver", &v.t("fleet-driver"), &names, driver))
                        button.primary { (v.t("save")) }
                    }))
                }
                details.confirm {
                    summary.button.danger { (v.t("route-cancel")) }
                    (parts::post(v, &format!("/routes/{id}/cancel"), &html! {
                        (parts::Field::text("reason", v.t("reason"), ""))
                        button.danger { (v.t("route-cancel")) }
                    }))
                }
            }
        }
    }
}

fn stops(v: &Viewer, p: &Page) -> Markup {
    let moves = v.may::<EditRoutes>() && p.route.state == State::Planned && !p.others.is_empty();
    let window = |s: &Stop| {
        s.windows
            .iter()
            .map(|w| format!("{}–{}", v.clock(w.from), v.clock(w.to)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    html! {
        h2 { (v.t("route-stops")) }
        table.list {
            thead { tr { th.n { "#" } th { (v.t("route-arrival")) } th { (v.t("address")) } th { (v.t("route-window")) } th { (v.t("state")) } @if moves { th { (v.t("route-move")) } } } }
            tbody {
                @for (n, s) in p.route.content.stops.iter().enumerate() {
                    tr id={ "stop-" (n) } {
                        td.n { (n + 1) }
                        td.when { (v.clock(s.arrive)) @if s.start > s.arrive { " " span.faint { (v.t("route-begins")) " " (v.clock(s.start)) } } }
                        td { (place(v, s)) }
                        td.when { (window(s)) }
                        td { (stop_state(v, s)) }
                        @if moves { td.act { @if s.act.is_job() { (move_form(v, p, n)) } } }
                    }
                }
            }
        }
    }
}

fn place(v: &Viewer, s: &Stop) -> Markup {
    html! {
        @if !matches!(s.act, Act::Deliver) { span.faint { (v.named("act", s.act)) } " " }
        @if s.address.is_empty() { @if !s.reference.starts_with('#') { code { (s.reference) } } } @else { (s.address) }
    }
}

fn stop_state(v: &Viewer, s: &Stop) -> Markup {
    match s.done_at {
        Some(at) => html! { (mark(Some(true), &v.t("route-done"))) " " span.when { (v.clock(at)) } },
        None if gantt::is_late(s) => mark(Some(false), &v.t("route-late")),
        None => html! {},
    }
}

fn move_form(v: &Viewer, p: &Page, n: usize) -> Markup {
    let id = format!("to-{n}");
    html! {
        form action="/routes/whatif" {
            input type="hidden" name="from" value=(p.route.id);
            input type="hidden" name="stop" value=(n);
            label.away for=(id) { (v.t("route-move")) }
            select id=(id) name="to" { @for (r, _) in &p.others { option value=(r.id) { (r.content.ride.name) } } }
            button.small { (v.t("route-look")) }
        }
    }
}

/// After something was done to the route of this visit: its page, or why not.
fn after<P: super::shell::visit::Pass>(
    visit: &Visit<P>,
    done: Result<Vec<String>, Fail>,
    word: &str,
) -> Reply {
    match done {
        Ok(notes) if notes.is_empty() => Ok(Out::See(format!("/routes/{}?done={word}", visit.path("id")))),
        Ok(notes) => page(visit, Some(word), &notes, None),
        Err(Fail::Refused(e)) => page(visit, None, &[], Some(&e)),
        Err(fail) => Err(fail),
    }
}

async fn dispatch(visit: Editing, _: Form) -> Reply {
    let (name, attempts) = (visit.path("id"), visit.app.config.deliveries.attempts);
    let done = visit.write::<EditRoutes, _, _>(move |tx, grant, cx| -> Result<_, RouteError> {
        Ok(service::dispatch(tx, grant, cx, &name, attempts)?.1)
    });
    let done = done.await;
    after(&visit, done, "sent")
}

async fn cancel(visit: Editing, form: Form) -> Reply {
    let (name, why) = (visit.path("id"), form.text("reason").to_owned());
    let done = visit.write::<EditRoutes, _, _>(move |tx, grant, cx| -> Result<_, RouteError> {
        service::cancel(tx, grant, cx, &name, &why)?;
        Ok(Vec::new())
    });
    let done = done.await;
    after(&visit, done, "saved")
}

async fn driver(visit: Editing, form: Form) -> Reply {
    let (name, who) = (visit.path("id"), form.text("driver").to_owned());
    let seen = form.version()?;
    let done = visit.write::<EditRoutes, _, _>(move |tx, grant, cx| -> Result<_, RouteError> {
        let route = service::find(tx, grant, &name)?.value.state;
        let change = RouteChange { driver: Some(who.clone()), ..RouteChange::default() };
        let (content, _) = service::changed(tx, &route, &change)?;
        service::keep(tx, grant, cx, &name, (seen, content))?;
        Ok(Vec::new())
    });
    let done = done.await;
    after(&visit, done, "saved")
}

/// Where the searches of a visit are done.
fn searching<P>(visit: &Visit<P>) -> Place<'_> {
    let app = &visit.app;
    Place { travel: &app.travel, store: &app.store, tenant: visit.principal.tenant, now: app.clock.now() }
}

async fn replan_one(visit: Planning, _: Form) -> Reply {
    let done = replanned(&visit).await;
    after(&visit, done, "saved")
}

async fn replanned(visit: &Planning) -> Result<Vec<String>, Fail> {
    service::whole(&visit.pass)?;
    let name = visit.path("id");
    let (route, rev, task) = visit.read(|tx| -> Result<_, RouteError> {
        let found = service::find(tx, &visit.pass, &name)?;
        let now = Now { zone: &visit.viewer.zone, at: visit.app.clock.now(), who: &visit.principal };
        let task = replan::task(tx, &now, &found.value.state, &OptimizeInput::default())?;
        Ok((found.value.state, found.rev, task))
    })?;
    let seconds = work::waited(task.jobs.len());
    let effort = Effort { seconds, steps: None, seed: task.seed, threads: 1 };
    let content = work::anew(&searching(visit), &visit.app.desk, (&route, task), effort).await?;
    let keep = visit.write::<OptimizeRoutes, _, _>(move |tx, grant, cx| -> Result<(), RouteError> {
        service::keep(tx, grant, cx, &name, (rev, content.clone())).map(drop)
    });
    keep.await?;
    Ok(Vec::new())
}
