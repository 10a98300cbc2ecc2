//! The driver's phone: today's stops, and each of them with what can be done there. It works without a line: a service
//! worker keeps the pages, `queue.js` what was done, and both go on where they were.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web;
use jiff::civil::time;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::shell::icons::Icon;
use super::shell::parts::{self, delivery_state, empty, refusal};
use super::shell::{Fail, Form, Group, Out, Reply, Screen, Viewer, Visit, assets};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::inputs::{OutcomeInput, StatusInput};
use crate::deliveries::model::{Delivery, Priority, Status};
use crate::deliveries::outcome::{self, House};
use crate::deliveries::proof::{Kind, Later, Proof};
use crate::deliveries::repo::{BY_ASSIGNEE, DELIVERIES};
use crate::deliveries::rules::{self, REASONS};
use crate::deliveries::service;
use crate::identity::features::MoveDeliveries;
use crate::identity::grant::{Grant, Scope};
use crate::parcels::model::Status as ParcelStatus;
use crate::parcels::service as parcels;
use crate::store::{Dir, KeyRange, ReadTx, StoreError};
use crate::tracking::repo as tracking;
use crate::web::ApiError;

type Driving = Visit<Grant<MoveDeliveries>>;

/// Deliveries of one driver that are looked through for today's, the newest first: weeks of work.
const LOOKED_AT: usize = 1_000;
/// Stops on one list.
const MAX_STOPS: usize = 200;

/// This screen. Somebody who sees the whole house finds the board instead.
#[must_use]
pub fn screen() -> Screen {
    Screen::new()
        .nav(Group::Work, Icon::Van, "nav-driver")
        .when(|v| !v.sees_all())
        .get("/driver/stops", list)
        .get("/driver/stops/{id}", show)
        .post("/driver/stops/{id}/start", start)
        .post("/driver/stops/{id}/complete", complete)
        .post("/driver/stops/{id}/fail", fail)
}

/// What makes it a program of the phone's: known to everybody, since it holds nothing of anybody.
pub fn serve(cfg: &mut web::ServiceConfig) {
    cfg.route("/driver/worker.js", web::get().to(worker))
        .route("/driver/manifest.webmanifest", web::get().to(manifest));
}

/// The worker under a name that stays: the browser asks for it again and finds out by itself whether it is a new one.
#[allow(clippy::unused_async)] // the form of a handler
async fn worker() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(assets::content("worker.js").unwrap_or_default())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn manifest() -> HttpResponse {
    let icon = |name: &str, sizes: &str| json!({ "src": assets::path(name), "sizes": sizes, "type": "image/png", "purpose": "any maskable" });
    let said = json!({
        "id": "/driver/stops", "name": "Crossdock", "short_name": "Crossdock", "start_url": "/driver/stops", "scope": "/",
        "display": "standalone", "background_color": "#f5f4f0", "theme_color": "#0c6a4e",
        "icons": [icon("icon-192.png", "192x192"), icon("icon-512.png", "512x512")],
    });
    HttpResponse::Ok()
        .content_type("application/manifest+json")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(said.to_string())
}

/// One of a delivery's parcels at the door.
struct Piece {
    id: Id,
    number: String,
    /// Whether it can leave the house now.
    is_ready: bool,
}

/// One stop, as a driver sees it.
struct Stop {
    delivery: Delivery,
    rev: u64,
    /// Its place on the route, where there is one.
    place: Option<u32>,
    pieces: Vec<Piece>,
}

impl Stop {
    fn load(tx: &dyn ReadTx, delivery: Delivery, rev: u64) -> Result<Self, StoreError> {
        let place = tracking::stop(tx, &delivery.id.to_string())?.map(|s| s.sequence);
        let mut pieces = Vec::new();
        for leg in &delivery.legs {
            let found = parcels::find(tx, &Scope::Tenant, &leg.parcel.to_string());
            let number = found.map_or_else(|_| leg.parcel.to_string(), |(p, _)| p.value.state.number);
            let is_ready = parcels::may_follow(tx, leg.parcel, ParcelStatus::OutForDelivery)?;
            pieces.push(Piece { id: leg.parcel, number, is_ready });
        }
        Ok(Self { delivery, rev, place, pieces })
    }

    /// Parcels it can't leave with now.
    fn lacks(&self) -> Vec<&str> {
        if self.delivery.status != Status::Assigned {
            return Vec::new();
        }
        self.pieces.iter().filter(|p| !p.is_ready).map(|p| p.number.as_str()).collect()
    }

    fn is_over(&self) -> bool {
        rules::is_final(self.delivery.status)
    }
}

/// The beginning of the day at `now` where the depot is.
fn midnight(v: &Viewer) -> Timestamp {
    let local = v.now.day(&v.zone).to_datetime(time(0, 0, 0, 0));
    Timestamp::from_civil(local, &v.zone).unwrap_or_else(|_| v.now.before(Duration::from_secs(43_200)))
}

/// What the visitor still has to bring, and what they brought today; in the order of their route, else by the time that
/// was promised.
fn stops(visit: &Driving) -> Result<Vec<Stop>, Fail> {
    let (me, since) = (visit.principal.actor.user, midnight(&visit.viewer));
    let mut stops = visit.read(|tx| -> Result<_, StoreError> {
        let range = KeyRange::prefix(&me.0);
        let rows = DELIVERIES.scan(tx, BY_ASSIGNEE, &range, Dir::Down, LOOKED_AT)?;
        let wanted = |d: &Delivery| !d.removed && (!rules::is_final(d.status) || d.since >= since);
        let mine = rows.items.into_iter().filter(|e| wanted(&e.value.state)).take(MAX_STOPS);
        mine.map(|e| Stop::load(tx, e.value.state, e.rev)).collect::<Result<Vec<_>, _>>()
    })?;
    stops.sort_by_key(|s| {
        let f = &s.delivery.facts;
        let promised = f.window.map_or(Timestamp::MAX, |w| w.to);
        (s.is_over(), s.place.unwrap_or(u32::MAX), promised, std::cmp::Reverse(f.priority), s.delivery.number)
    });
    visit.saw("delivery", stops.iter().map(|s| s.delivery.id.0));
    Ok(stops)
}

#[derive(Default, Deserialize)]
struct Asked {
    done: Option<String>,
}

/// What a page tells its module: whose it is, when it was made, and the words the module says.
fn frame(v: &Viewer, stop: Option<&Stop>, inside: &Markup) -> Markup {
    let user = v.principal.as_ref().map(|p| p.actor.user.to_string()).unwrap_or_default();
    let d = stop.map(|s| &s.delivery);
    html! {
        div.driver data-driver data-list[stop.is_none()] data-user=(user) data-made=(v.now.millis())
            data-stop=[d.map(|d| d.id)] data-state=[d.map(|d| d.status.as_str())]
            data-number=[d.map(|d| d.number)] data-customer=[d.map(|d| &d.facts.customer)]
            data-waits=(v.t("driver-waits")) data-others=(v.t("driver-others")) data-login=(v.t("driver-login"))
            data-full=(v.t("driver-full")) data-nophoto=(v.t("driver-no-photo")) data-needed=(v.t("driver-needed"))
            data-again=(v.t("driver-again")) data-drop=(v.t("driver-drop")) data-without=(v.t("driver-without")) {
            p #waiting .waiting role="status" hidden {}
            p #asof .asof hidden { (Icon::Clock) " " (v.t("driver-as-of")) " " (v.clock(v.now)) }
            section #refused .notice.bad role="alert" hidden {
                div { h2 { (v.t("driver-refused")) } ul {} }
            }
            (inside)
            @for s in [Status::Assigned, Status::InTransit, Status::Completed, Status::Failed] {
                template data-chip=(s) { (delivery_state(v, s)) " " small.faint { (v.t("driver-not-sent")) } }
            }
        }
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn list(visit: Driving) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let (stops, v) = (stops(&visit)?, &visit.viewer);
    let inside = html! {
        div.head { h1 { (v.t("nav-driver")) } }
        (parts::done(v, asked.done.as_deref()))
        div data-region="stops" data-kinds="delivery route" { (rounds(v, &stops)) }
        p #kept .faint.kept hidden { (Icon::Tick) " " (v.t("driver-kept")) }
    };
    let page = html! {
        (frame(v, None, &inside))
    };
    Ok(Out::page(v.t("nav-driver"), page))
}

fn rounds(v: &Viewer, stops: &[Stop]) -> Markup {
    let open = stops.iter().filter(|s| !s.is_over()).count() as u64;
    let idle = stops.iter().filter(|s| s.delivery.status == Status::Assigned).count();
    html! {
        @if stops.is_empty() { (empty(&v.t("driver-none"), &html! { p { (v.t("driver-none-hint")) } })) }
        @else {
            p.tally { strong { (v.count("driver-open", open)) } " · " (v.count("driver-over", stops.len() as u64 - open)) }
            button.start-all type="button" data-start-all hidden { (Icon::Van) " " (v.t("driver-start-all")) " (" b { (idle) } ")" }
            ol.stops { @for s in stops { (row(v, s)) } }
        }
    }
}

fn row(v: &Viewer, s: &Stop) -> Markup {
    let d = &s.delivery;
    html! {
        li.over[s.is_over()] data-stop=(d.id) data-state=(d.status) data-rev=(s.rev) data-number=(d.number)
            data-customer=(d.facts.customer) data-lacks[!s.lacks().is_empty()] {
            a href={ "/driver/stops/" (d.id) } {
                span.place { @if let Some(n) = s.place { (n + 1) } @else { "·" } }
                strong { (d.facts.customer) }
                span.where { (d.facts.address) }
                span.chips-line {
                    span data-chip-here { (delivery_state(v, d.status)) }
                    @if let Some(w) = d.facts.window { span.when.late[!s.is_over() && w.to < v.now] { (v.clock(w.from)) "–" (v.clock(w.to)) } }
                    @if matches!(d.facts.priority, Priority::High | Priority::Urgent) { span.urgent { (v.named("priority", d.facts.priority)) } }
                    @if s.pieces.len() > 1 { span.faint { (v.count("driver-pieces", s.pieces.len() as u64)) } }
                    @if d.attempt > 1 { span.faint { (v.count("delivery-attempt", u64::from(d.attempt))) } }
                }
            }
        }
    }
}

fn load(visit: &Driving) -> Result<Stop, Fail> {
    let name = visit.path("id");
    let stop = visit.read(|tx| -> Result<_, DeliveryError> {
        let found = service::find(tx, &visit.principal, &name)?;
        Ok(Stop::load(tx, found.value.state, found.rev)?)
    })?;
    visit.saw("delivery", [stop.delivery.id.0]);
    Ok(stop)
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(visit: Driving) -> Reply {
    let asked: Asked = visit.query().unwrap_or_default();
    let stop = load(&visit)?;
    Ok(page(&visit.viewer, &stop, asked.done.as_deref(), None))
}

fn page(v: &Viewer, s: &Stop, done: Option<&str>, fail: Option<&ApiError>) -> Out {
    let d = &s.delivery;
    let inside = html! {
        p.back { a href="/driver/stops" { (Icon::Back) " " (v.t("nav-driver")) } }
        div.head { h1 { (d.facts.customer) } span data-chip-here { (delivery_state(v, d.status)) } }
        (parts::done(v, done))
        (refusal(v, fail))
        (facts(v, s))
        (doings(v, s))
    };
    Out::page(format!("{} · {}", d.number, d.facts.customer), frame(v, Some(s), &inside)).after(fail)
}

fn facts(v: &Viewer, s: &Stop) -> Markup {
    let (d, f) = (&s.delivery, &s.delivery.facts);
    let way = match f.position {
        Some(p) => format!("geo:{0},{1}?q={0},{1}", degrees(p.lat), degrees(p.lon)),
        None => format!("geo:0,0?{}", serde_urlencoded::to_string([("q", &f.address)]).unwrap_or_default()),
    };
    let dial: String =
        f.phone.iter().flat_map(|p| p.chars()).filter(|c| c.is_ascii_digit() || *c == '+').collect();
    html! {
        section.card.stop-facts {
            p.address { (f.address) }
            div.buttons {
                a.button href=(way) { (Icon::Pin) (v.t("driver-navigate")) }
                @if let Some(phone) = f.phone.as_ref().filter(|_| !dial.is_empty()) { a.button href={ "tel:" (dial) } { (Icon::Phone) (phone) } }
            }
            @if let Some(note) = &f.note { p.advice { (Icon::Dot) (note) } }
            dl.facts {
                (parts::fact(&v.t("delivery-window"), f.window.map(|w| html! { span.late[!s.is_over() && w.to < v.now] { (v.clock(w.from)) "–" (v.clock(w.to)) } }).as_ref()))
                (parts::fact(&v.t("weight"), f.weight_g.map(|g| html! { (v.weight(crate::base::units::Grams(g))) }).as_ref()))
                (parts::fact(&v.t("delivery-number"), Some(&html! { (d.number) })))
                (parts::fact(&v.t("delivery-why"), d.reason.as_ref().map(|r| html! { (v.word("reason", r)) }).as_ref()))
            }
            @if !s.pieces.is_empty() {
                h2 { (v.t("nav-parcels")) }
                ul.pieces { @for p in &s.pieces { li.id { (p.number) } } }
            }
        }
    }
}

fn degrees(millionths: i32) -> String {
    format!("{:.6}", f64::from(millionths) / 1e6)
}

/// What can be done now; and, for a phone that has no line, what can be done after that.
fn doings(v: &Viewer, s: &Stop) -> Markup {
    match s.delivery.status {
        Status::Assigned => html! {
            section data-when="assigned" { (start_form(v, s)) }
            template data-when="in_transit" { section data-when="in_transit" { (door_forms(v, s)) } }
        },
        Status::InTransit => html! { section data-when="in_transit" { (door_forms(v, s)) } },
        Status::Created | Status::Completed | Status::Failed | Status::Cancelled => html! {
            section data-when="over" { p.faint { (v.t("driver-nothing-to-do")) } }
        },
    }
}

fn start_form(v: &Viewer, s: &Stop) -> Markup {
    let lacks = s.lacks();
    html! {
        form.door method="post" action={ "/driver/stops/" (s.delivery.id) "/start" } data-status="in_transit" {
            input type="hidden" name="csrf" value=(v.csrf);
            (complaint())
            @if !lacks.is_empty() {
                div.notice.bad { (Icon::Triangle) div { p { (v.t("driver-lacks")) } p.id { (lacks.join(", ")) } } }
                (parts::tick("without", &v.t("driver-without"), false))
            }
            button.primary.big { (Icon::Van) (v.t("driver-start")) }
        }
    }
}

fn complaint() -> Markup {
    html! { p.notice.bad data-complaint role="alert" hidden {} }
}

/// A line to fill in at the door.
fn line(id: &str, name: &str, label: &str, needed: bool, auto: &str) -> Markup {
    html! {
        div.field { label for=(id) { (label) } input id=(id) name=(name) type="text" autocomplete=(auto) required[needed]; }
    }
}

fn photos(v: &Viewer, id: &str) -> Markup {
    html! {
        div.field data-scripted hidden {
            label.button for=(id) { (Icon::Camera) (v.t("driver-photo")) }
            input.away id=(id) type="file" accept="image/*" capture="environment" multiple data-photo;
            div.photos data-photos {}
        }
    }
}

fn door_forms(v: &Viewer, s: &Stop) -> Markup {
    let (d, needs) = (&s.delivery, &s.delivery.facts.needs);
    let at = format!("/driver/stops/{}", d.id);
    let names: Vec<&str> = needs.iter().map(|k| kind_name(*k)).collect();
    let needed = |k: Kind| needs.contains(&k);
    html! {
        form.door method="post" action={ (at) "/complete" } data-status="completed" data-needs=(names.join(" "))
            data-needphoto=(v.t("proof-photo")) data-needsignature=(v.t("proof-signature")) data-needname=(v.t("proof-name"))
            data-needcode=(v.t("proof-code")) data-needscan=(v.t("proof-scan")) {
            input type="hidden" name="csrf" value=(v.csrf);
            h2 { (v.t("driver-hand-over")) }
            (complaint())
            @if s.pieces.len() > 1 { (pieces(v, s)) }
            (line("proof-name", "name", &v.t("proof-name"), needed(Kind::Name), "off"))
            div.field data-scripted hidden {
                span.label { (v.t("proof-signature")) @if needed(Kind::Signature) { " *" } }
                div.sign data-sign { canvas aria-label=(v.t("proof-signature")) {} input type="hidden" name="signature"; button.small type="button" data-clear { (v.t("driver-clear")) } }
            }
            (photos(v, "proof-photo"))
            @if needed(Kind::Code) { (line("proof-code", "code", &v.t("proof-code"), true, "one-time-code")) }
            @if needed(Kind::Scan) { (line("proof-scan", "scan", &v.t("proof-scan"), true, "off")) }
            details {
                summary { (v.t("driver-more")) }
                @if !needed(Kind::Code) { (line("proof-code", "code", &v.t("proof-code"), false, "one-time-code")) }
                @if !needed(Kind::Scan) { (line("proof-scan", "scan", &v.t("proof-scan"), false, "off")) }
                (line("proof-note", "note", &v.t("note"), false, "off"))
            }
            button.primary.big { (Icon::Tick) (v.t("driver-delivered")) }
        }
        details.could-not {
            summary.button { (Icon::Triangle) (v.t("driver-could-not")) }
            form.door method="post" action={ (at) "/fail" } data-status="failed" data-needphoto=(v.t("proof-photo")) {
                input type="hidden" name="csrf" value=(v.csrf);
                (complaint())
                div.field {
                    label for="fail-reason" { (v.t("delivery-why")) }
                    select #fail-reason name="reason" required {
                        option value="" { "–" }
                        @for r in &REASONS { option value=(r.code) data-photo[r.photo] { (v.word("reason", r.code)) } }
                    }
                }
                (photos(v, "fail-photo"))
                (line("fail-note", "note", &v.t("note"), false, "off"))
                button.danger.big { (v.t("driver-failed")) }
            }
        }
    }
}

fn pieces(v: &Viewer, s: &Stop) -> Markup {
    html! {
        fieldset.handed {
            legend { (v.t("driver-which")) }
            @for p in &s.pieces {
                input type="hidden" name="leg" value=(p.id);
                label.tick { input type="checkbox" name="handed" value=(p.id) checked; span.id { (p.number) } }
                select name={ "why_" (p.id) } aria-label={ (v.t("delivery-why")) " " (p.number) } data-why=(p.id) {
                    @for r in &REASONS { option value=(r.code) { (v.word("reason", r.code)) } }
                }
            }
        }
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => "name",
        Kind::Signature => "signature",
        Kind::Photo => "photo",
        Kind::Code => "code",
        Kind::Scan => "scan",
    }
}

async fn start(visit: Driving, form: Form) -> Reply {
    let input = StatusInput {
        status: Status::InTransit.as_str().into(),
        confirm_missing: form.ticked("without"),
        ..StatusInput::default()
    };
    let to = format!("/driver/stops/{}", visit.path("id"));
    go(visit, input, to).await
}

async fn complete(visit: Driving, form: Form) -> Reply {
    let handed: Vec<&str> = form.all("handed").collect();
    let outcome = |leg: &str| {
        let delivered = handed.contains(&leg);
        let reason = form.some(&format!("why_{leg}")).filter(|_| !delivered);
        OutcomeInput { parcel: leg.to_owned(), delivered, reason }
    };
    let proof = Proof {
        name: form.some("name"),
        signature: form.some("signature"),
        code: form.some("code"),
        scan: form.some("scan"),
        ..Proof::default()
    };
    let input = StatusInput {
        status: Status::Completed.as_str().into(),
        notes: form.some("note"),
        parcels: form.all("leg").map(outcome).collect(),
        proof: Some(proof).filter(|p| p.kinds().next().is_some()),
        ..StatusInput::default()
    };
    go(visit, input, "/driver/stops".into()).await
}

async fn fail(visit: Driving, form: Form) -> Reply {
    let reason = form.some("reason");
    if reason.is_none() {
        let e = Invalid::at("/reason", format!("must be one of {}", rules::codes()));
        let e = ApiError::from(DeliveryError::from(e));
        return Ok(page(&visit.viewer, &load(&visit)?, None, Some(&e)));
    }
    let input = StatusInput {
        status: Status::Failed.as_str().into(),
        notes: form.some("note"),
        reason,
        ..StatusInput::default()
    };
    go(visit, input, "/driver/stops".into()).await
}

/// Takes the step and goes on to `to`; the stop again where it is refused.
async fn go(visit: Driving, input: StatusInput, to: String) -> Reply {
    let (name, attempts) = (visit.path("id"), visit.app.config.deliveries.attempts);
    let done = visit.write::<MoveDeliveries, _, _>(move |tx, grant, cx| -> Result<(), DeliveryError> {
        let house = House { attempts, files: &Later };
        outcome::change_status(tx, grant, cx, &name, &input, house).map(drop)
    });
    match done.await {
        Ok(()) => Ok(Out::See(format!("{to}?done=saved"))),
        Err(Fail::Refused(e)) => Ok(page(&visit.viewer, &load(&visit)?, None, Some(&e))),
        Err(fail) => Err(fail),
    }
}
