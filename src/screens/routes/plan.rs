//! Planning a day: which deliveries and vehicles, the search while it runs, and what it found.

use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Looking, Planning, day, draw, gantt, today};
use crate::base::ids::Id;
use crate::deliveries::model::{Delivery, Status};
use crate::deliveries::service::{self as deliveries, Filter};
use crate::fleet::model::Vehicle;
use crate::fleet::service as fleet;
use crate::identity::features::{OptimizeRoutes, ViewRoutes};
use crate::places::service as places;
use crate::routes::desk::Progress;
use crate::routes::error::RouteError;
use crate::routes::inputs::{Criterion, OptimizeInput};
use crate::routes::model::{Optimization, Route, Stage, State, Unassigned, Unplaced};
use crate::routes::repo::{self, Kept};
use crate::routes::service;
use crate::routes::task::{Now, Task};
use crate::screens::shell::icons::Icon;
use crate::screens::shell::parts::{self, Field, button, choice, empty, mark, refusal, tick};
use crate::screens::shell::{Fail, Form, Out, Reply, Screen, Viewer};
use crate::store::ReadTx;
use crate::web::ApiError;

/// Deliveries that are offered at once.
const OFFERED: usize = 300;

pub(super) fn add(screen: Screen) -> Screen {
    screen
        .get("/routes/plan", offer)
        .post("/routes/plan", begin)
        .get("/routes/plans/{id}", search)
        .post("/routes/plans/{id}/cancel", end)
}

#[derive(Default, Deserialize)]
struct Asked {
    day: Option<String>,
    done: Option<String>,
}

/// What can be planned.
struct Offer {
    deliveries: Vec<(Delivery, bool)>,
    vehicles: Vec<(Id, Vehicle)>,
}

fn offered(tx: &dyn ReadTx, visit: &Planning) -> Result<Offer, RouteError> {
    let mut found = Vec::new();
    for status in [Status::Created, Status::Assigned] {
        let filter = Filter { status: Some(status), assignee: None };
        let list = deliveries::list(tx, &visit.principal, &filter, OFFERED, None);
        let (rows, _) = list.map_err(|e| RouteError::Broken(e.to_string()))?;
        for d in rows.into_iter().map(|e| e.value.state) {
            if !repo::routes_of(tx, &d.id.to_string())?.is_empty() {
                continue;
            }
            let known = d.facts.position.is_some() || places::find(tx, &d.facts.address)?.is_some();
            found.push((d, known));
        }
    }
    found.truncate(OFFERED);
    let vehicles = fleet::list::<Vehicle>(tx)?.into_iter().filter(|(_, v, _)| v.available);
    Ok(Offer { deliveries: found, vehicles: vehicles.map(|(id, v, _)| (id, v)).collect() })
}

async fn offer(visit: Planning) -> Reply {
    offer_page(&visit, None)
}

fn offer_page(visit: &Planning, fail: Option<&ApiError>) -> Reply {
    service::whole(&visit.pass)?;
    let v = &visit.viewer;
    let asked: Asked = visit.query().unwrap_or_default();
    let wanted: Date = asked.day.as_deref().and_then(|d| d.parse().ok()).unwrap_or_else(|| today(v));
    let offer = visit.read(|tx| offered(tx, visit))?;
    let main = html! {
        div.head { h1 { (v.t("route-plan-day")) } a.all href={ "/routes?day=" (wanted) } { (v.t("nav-routes")) } }
        (refusal(v, fail))
        @if offer.deliveries.is_empty() { (empty(&v.t("route-nothing"), &html! { p { (v.t("route-nothing-hint")) } })) }
        @else { (parts::post(v, "/routes/plan", &form(v, wanted, &offer))) }
    };
    Ok(Out::page(v.t("route-plan-day"), main).after(fail))
}

fn form(v: &Viewer, wanted: Date, offer: &Offer) -> Markup {
    let goals = ["both", "distance", "time", "fuel"].map(|g| (g.to_owned(), v.t(&format!("route-goal-{g}"))));
    let unknown = offer.deliveries.iter().filter(|(_, known)| !known).count();
    html! {
        div.three {
            (Field::text("day", v.t("route-day"), &wanted.to_string()).kind("date", "off").needed())
            (choice("goal", &v.t("route-goal"), &goals, "both"))
            (Field::text("seconds", v.t("route-seconds"), "10").kind("number", "off"))
        }
        (tick("fewest", &v.t("route-fewest"), false))
        button.primary { (Icon::Routes) (v.t("route-search")) }
        fieldset.card {
            legend.away { (v.t("fleet-vehicles")) }
            h2 { (v.t("fleet-vehicles")) }
            @if offer.vehicles.is_empty() { p.faint { (v.t("route-no-vehicles")) } }
            div.choices {
                @for (id, vehicle) in &offer.vehicles {
                    label.tick { input type="checkbox" name="vehicle" value=(id) checked; span { (vehicle.name) @if let Some(kg) = vehicle.capacity.kg { " " span.faint { (kg) " kg" } } } }
                }
            }
        }
        fieldset.card {
            legend.away { (v.t("fleet-deliveries")) }
            h2 { (v.t("fleet-deliveries")) " " span.faint { (v.number(offer.deliveries.len() as u64)) } }
            @if unknown > 0 { p.notice.warn { (Icon::Triangle) (v.count("route-unknown-places", unknown as u64)) " " a href="/places" { (v.t("nav-places")) } } }
            table.list {
                thead { tr { th { span.away { (v.t("route-choose")) } } th.n { (v.t("fleet-number")) } th { (v.t("address")) } th { (v.t("fleet-customer")) } th { (v.t("route-window")) } th.n { "kg" } th { (v.t("fleet-priority")) } } }
                tbody { @for (d, known) in &offer.deliveries { (row(v, d, *known)) } }
            }
        }
    }
}

fn row(v: &Viewer, d: &Delivery, known: bool) -> Markup {
    let f = &d.facts;
    html! {
        tr {
            td { input type="checkbox" name="delivery" value=(d.id) checked aria-label={ (v.t("route-choose")) " " (d.number) }; }
            td.n { (d.number) }
            td { (f.address) @if !known { " " (mark(Some(false), &v.t("route-no-place"))) } }
            td { (f.customer) }
            td.when { @if let Some(w) = f.window { (v.moment(w.from)) "–" (v.clock(w.to)) } }
            td.n data-as="kg" { @if let Some(g) = f.weight_g { (g.div_ceil(1_000)) } }
            td { (v.named("fleet-priority", f.priority)) }
        }
    }
}

/// What a form asks for.
fn input(visit: &Planning, form: &Form) -> Result<OptimizeInput, Fail> {
    let date: Option<Date> = form.parsed("day")?;
    let mut input = OptimizeInput {
        deliveries: form.all("delivery").map(str::to_owned).collect(),
        date,
        fewest_vehicles: form.ticked("fewest"),
        seconds: form.parsed::<f64>("seconds")?,
        ..OptimizeInput::default()
    };
    let vehicles: Vec<String> = form.all("vehicle").map(str::to_owned).collect();
    input.vehicles = Some(vehicles).filter(|v| !v.is_empty());
    input.optimization_criteria = match form.text("goal") {
        "distance" => Some(vec![Criterion::Distance]),
        "time" => Some(vec![Criterion::Time]),
        "fuel" => Some(vec![Criterion::Fuel]),
        _ => None,
    };
    if form.ticked("anew") {
        let wanted = date.unwrap_or_else(|| today(&visit.viewer));
        let grant = visit.principal.grant::<ViewRoutes>()?;
        let all = visit.read(|tx| super::of_day(tx, &grant, wanted))?;
        input.routes =
            all.into_iter().filter(|(r, _)| r.state == State::Planned).map(|(r, _)| r.id).collect();
        input.seconds = input.seconds.or(Some(10.0));
    }
    Ok(input)
}

async fn begin(visit: Planning, form: Form) -> Reply {
    match begun(&visit, &form).await {
        Ok(id) => Ok(Out::See(format!("/routes/plans/{id}"))),
        Err(Fail::Refused(e)) => offer_page(&visit, Some(&e)),
        Err(fail) => Err(fail),
    }
}

async fn begun(visit: &Planning, form: &Form) -> Result<Id, Fail> {
    service::whole(&visit.pass)?;
    let input = input(visit, form)?;
    let task = visit.read(|tx| {
        let now = Now { zone: &visit.viewer.zone, at: visit.app.clock.now(), who: &visit.principal };
        Task::of(tx, &now, &input)
    })?;
    let id = Id::fresh();
    let demand = visit.write::<OptimizeRoutes, _, _>(move |tx, grant, cx| -> Result<(), RouteError> {
        service::demand(tx, grant, cx, id, &task)
    });
    demand.await?;
    Ok(id)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn search(visit: Looking) -> Reply {
    service::whole(&visit.pass)?;
    let (name, v) = (visit.path("id"), &visit.viewer);
    let asked: Asked = visit.query().unwrap_or_default();
    let progress = name.parse().ok().and_then(|id| visit.app.desk.running(id)).map(|s| s.progress());
    let (found, kept, routes) = visit.read(|tx| -> Result<_, RouteError> {
        let (found, kept) = service::find_search(tx, &name)?;
        let rows = repo::routes_of_plan(tx, found.id, service::MAX_SHOWN)?;
        Ok((found, kept, rows.into_iter().map(|e| e.value.state).collect::<Vec<Route>>()))
    })?;
    let is_open = found.stage == Stage::Requested;
    let roads = visit.app.travel.roads();
    let shown: Vec<&Route> = routes.iter().collect();
    let main = html! {
        div.head { h1 { (v.t("route-plan")) " " (day(v, found.day)) } a.all href={ "/routes?day=" (found.day) } { (v.t("nav-routes")) } }
        (parts::done(v, asked.done.as_deref()))
        div data-region="search" data-kinds="route_search route" {
            div data-again=[is_open.then_some("700")] { (standing(v, &found, progress, kept.as_ref())) }
            @if !routes.is_empty() {
                (draw::map(v, "plan-map", &v.t("route-map"), roads.as_deref(), &shown))
                (gantt::strips(v, "plan-strips", &v.t("route-strips"), &shown, v.may::<crate::identity::features::EditRoutes>()))
                p { a.button.primary href={ "/routes?day=" (found.day) } { (v.t("route-to-day")) } }
            }
            @if let Some(kept) = &kept { (left_out(v, &kept.unassigned, &kept.unplaced)) }
        }
    };
    Ok(Out::page(v.t("route-plan"), main))
}

fn standing(v: &Viewer, s: &Optimization, progress: Option<Progress>, kept: Option<&Kept>) -> Markup {
    let path = format!("/routes/plans/{}/cancel", s.id);
    html! {
        @match s.stage {
            Stage::Requested => {
                p.big role="status" { (mark(None, &v.t(if progress.is_some() { "route-searching" } else { "route-waiting" }))) }
                @if let Some(p) = progress {
                    div.figures {
                        div.figure { b { (v.number(p.plans.into())) } span { (v.t("route-plans-found")) } }
                        div.figure { b { (v.number(p.served.into())) " / " (v.number(s.jobs.into())) } span { (v.t("route-served")) } }
                        div.figure { b { (v.number(p.vehicles.into())) } span { (v.t("fleet-vehicles")) } }
                        div.figure { b { (draw::metres(v, p.metres.max(0).cast_unsigned())) } span { (v.t("route-distance")) } }
                    }
                }
                @if v.may::<OptimizeRoutes>() { (button(v, &path, &v.t("route-stop-search"), "")) }
            }
            Stage::Completed => {
                @if let Some(r) = &s.result {
                    @if r.cut_short { p.faint { (v.t("route-cut-short")) } }
                    div.figures {
                        div.figure { b { (v.number(r.routes.len() as u64)) } span { (v.t("routes-count")) } }
                        div.figure { b { (v.number(r.served.into())) } span { (v.t("route-served")) } }
                        div.figure.bad[r.unassigned + r.unplaced > 0] { b { (v.number((r.unassigned + r.unplaced).into())) } span { (v.t("route-left-out")) } }
                        div.figure { b { (draw::metres(v, r.metres)) } span { (v.t("route-distance")) } }
                        div.figure { b { (format!("{:.0}", r.score.total)) } span { (v.t("route-score")) } }
                    }
                }
                @if let Some(kept) = kept { @if !kept.basis.is_empty() { p.faint { (v.t("route-rests-on")) " " (v.say(&kept.basis.join("; "))) } } }
            }
            Stage::Failed => { p.big { (mark(Some(false), &v.t("route-failed"))) } @if let Some(why) = &s.why { p { (v.say(why)) } } }
            Stage::Cancelled => { p.big { (mark(None, &v.t("route-search-cancelled"))) } }
        }
    }
}

/// What is in no route, and why.
fn left_out(v: &Viewer, unassigned: &[Unassigned], unplaced: &[Unplaced]) -> Markup {
    if unassigned.is_empty() && unplaced.is_empty() {
        return html! {};
    }
    html! {
        section.card {
            h2 { (v.t("route-left-out")) }
            table.list {
                thead { tr { th { (v.t("address")) } th { (v.t("reason")) } } }
                tbody {
                    @for u in unassigned {
                        tr {
                            td { @if u.address.is_empty() { code { (u.reference) } } @else { (u.address) } }
                            td { @for reason in &u.reasons { (mark(Some(false), &v.word("lack", reason))) " " } span.faint { (v.say(&u.detail)) } }
                        }
                    }
                    @for u in unplaced { tr { td { (u.address) } td { (mark(Some(false), &v.t("route-no-place"))) " " span.faint { (v.say(&u.reason)) } } } }
                }
            }
        }
    }
}

async fn end(visit: Planning, _: Form) -> Reply {
    service::whole(&visit.pass)?;
    let name = visit.path("id");
    visit.read(|tx| service::find_search(tx, &name).map(drop))?;
    let to = format!("/routes/plans/{name}");
    if let Some(search) = name.parse().ok().and_then(|id| visit.app.desk.running(id)) {
        search.cancel();
        return Ok(Out::See(to));
    }
    let cancel = visit.write::<OptimizeRoutes, _, _>(move |tx, grant, cx| -> Result<(), RouteError> {
        match service::cancel_search(tx, grant, cx, &name) {
            // It came to its end meanwhile: its page says so.
            Err(RouteError::Ended) => Ok(()),
            other => other,
        }
    });
    cancel.await?;
    Ok(Out::See(to))
}
