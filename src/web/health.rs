//! How the depot is: for a supervisor (`/healthz`, `/readyz`), for monitoring (`/metrics`) and for people
//! (`/health`, `/health/detailed`).

use std::time::Instant;

use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::Answer;
use super::app::App;
use super::call::Call;
use super::error::ApiError;
use super::routes::Routes;
use super::server::Site;
use super::{meter, shell};
use crate::carriers::model::Poll;
use crate::carriers::repo as carriers;
use crate::identity::features::DetailedHealth;
use crate::outside::{self, Known, ServiceView};
use crate::store::migrate::RELEASE;
use crate::store::{ReadTx, StoreError, space};
use crate::travel::sources::{self, TravelView};
use crate::travel::weather::WEATHER;

/// How the depot is, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `degraded` when something needs a person.
    pub status: &'static str,
    /// What that is, a sentence each.
    pub reasons: Vec<String>,
    /// The release that runs.
    pub version: &'static str,
    /// What the depot's clock shows.
    pub time: String,
}

/// How every part of the depot is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detailed {
    /// `ok`, or `degraded` when something needs a person.
    pub status: &'static str,
    /// What that is, a sentence each.
    pub reasons: Vec<String>,
    /// The release that runs.
    pub version: &'static str,
    /// What the depot's clock shows.
    pub time: String,
    /// The store as it sees itself.
    pub store: Value,
    /// The disk under the data folder.
    pub disk: Disk,
    /// Every part that is watched, with its trouble or null.
    pub parts: Value,
    /// Where travel times come from, and how the map server does.
    pub maps: TravelView,
    /// Every service outside that is leaned on, and whether it is asked or left alone.
    pub outside: Vec<ServiceView>,
}

/// The disk under the data folder.
#[derive(Debug, Serialize, ToSchema)]
pub struct Disk {
    /// Bytes free for the depot, where the system tells.
    pub free_bytes: Option<u64>,
    /// Bytes in all.
    pub total_bytes: Option<u64>,
}

/// The routes of this area.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("operation")
        .open(Method::GET, "/health", health, "How the depot is, in short")
        .answers::<Health>(200)
        .add::<DetailedHealth, _, _>(
            Method::GET,
            "/health/detailed",
            detailed,
            "How every part of the depot is",
        )
        .answers::<Detailed>(200)
}

/// What lies outside the base.
pub fn outside(cfg: &mut web::ServiceConfig) {
    cfg.route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics))
        .route("/health", web::get().to(health));
}

/// Everything that is wrong, a sentence each.
fn reasons(app: &App, site: &Site) -> Vec<String> {
    let status = app.store.status();
    let mut reasons = Vec::new();
    if !status.writable {
        let why = status.trouble.clone().unwrap_or_else(|| "the disk is nearly full".into());
        reasons.push(format!("store: no changes are taken: {why}"));
    }
    let failed =
        site.checks.iter().filter_map(|(name, check)| check().err().map(|why| format!("{name}: {why}")));
    reasons.extend(failed);
    reasons
}

#[allow(clippy::unused_async)] // the form of a handler
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

#[allow(clippy::unused_async)] // the form of a handler
async fn readyz(app: Data<App>, site: Data<Site>) -> HttpResponse {
    let reasons = reasons(&app, &site);
    if reasons.is_empty() {
        // A depot works without its headquarters: that it is cut off is said, and is no reason to take it out of service.
        let offline = app.sync.offline_since().map(|since| format!("offline since {since}\n"));
        let said = format!("ready\n{}", offline.unwrap_or_default());
        return HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(said);
    }
    let mut response = HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE);
    response.insert_header((RETRY_AFTER, "5")).content_type("application/json");
    response.body(json!({ "status": "not ready", "reasons": reasons }).to_string())
}

fn summary(app: &App, site: &Site) -> Health {
    let mut reasons = reasons(app, site);
    let status = app.store.status();
    if status.writable && !status.imports {
        reasons.push("store: the disk is filling up; imports and attachments wait".into());
    }
    let word = if reasons.is_empty() { "ok" } else { "degraded" };
    Health { status: word, reasons, version: RELEASE, time: app.clock.now().to_string() }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn health(app: Data<App>, site: Data<Site>) -> Result<HttpResponse, ApiError> {
    // Anybody may ask whether the depot is well; what is wrong in words is for those who may know.
    let mut health = summary(&app, &site);
    let inner = |why: &String| why.split(':').next().unwrap_or_default().to_owned();
    health.reasons = health.reasons.iter().map(inner).collect();
    Ok(Answer::ok(&health)?.respond("/health", ""))
}

async fn detailed(call: Call<DetailedHealth>, site: Data<Site>) -> Result<HttpResponse, ApiError> {
    let app = call.app.clone();
    let Health { status, reasons, version, time } = summary(&app, &site);
    let began = Instant::now();
    call.read(|tx, _| -> Result<Answer, StoreError> {
        let maps = sources::standing(tx, app.clock.now(), &app.travel, app.config.weather.is_on())?;
        let mut store = serde_json::to_value(app.store.status()).unwrap_or_default();
        store["read_us"] = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX).into();
        let free = space::free(&app.folder);
        let disk = Disk { free_bytes: free.map(|f| f.0), total_bytes: free.map(|f| f.1) };
        let parts = site.checks.iter().map(|(name, check)| ((*name).to_owned(), check().err().into()));
        let parts = Value::Object(parts.collect());
        let outside = leaned_on(tx, &app)?;
        Answer::ok(&Detailed { status, reasons, version, time, store, disk, parts, maps, outside })
    })
}

/// Every service outside, as each area knows it.
fn leaned_on(tx: &dyn ReadTx, app: &App) -> Result<Vec<ServiceView>, StoreError> {
    let now = app.clock.now();
    let sources::Known { breaker, answered_at, trouble, .. } = sources::known(tx)?;
    let maps = Known { breaker, answered_at, trouble };
    let sms = outside::known(tx, outside::SMS)?;
    let mut all = vec![
        ServiceView::of("maps", app.travel.has_server(), maps, now),
        ServiceView::of(outside::SMS, app.config.sms.is_on(), sms, now),
        ServiceView::of(WEATHER, app.config.weather.is_on(), outside::known(tx, WEATHER)?, now),
    ];
    for (carrier, _) in carriers::all(tx)? {
        let polled = carriers::POLLS.get(tx, &carrier.code)?.unwrap_or_default();
        let Poll { breaker, answered_at, trouble, .. } = polled;
        let asked = carrier.active && carrier.poll_s > 0;
        let known = Known { breaker, answered_at, trouble };
        all.push(ServiceView::of(format!("carrier/{}", carrier.code), asked, known, now));
    }
    Ok(all)
}

async fn metrics(req: HttpRequest, app: Data<App>) -> Result<HttpResponse, ApiError> {
    // Through a proxy on this machine everybody comes from the loopback address.
    let relayed = ["forwarded", "x-forwarded-for"].iter().any(|h| req.headers().contains_key(*h));
    if relayed || !shell::address(&req).is_some_and(|a| a.is_loopback()) {
        Call::<DetailedHealth>::admit(&req)?;
    }
    let status = app.store.status();
    let figures = [
        ("store_queued", status.queued as f64),
        ("store_file_bytes", status.file_bytes as f64),
        ("store_oldest_read_seconds_now", status.oldest_read_ms as f64 / 1000.0),
        ("store_writable", f64::from(u8::from(status.writable))),
        ("store_commits", status.commits as f64),
        ("store_writes", status.writes as f64),
        ("store_reopened", status.reopened as f64),
    ];
    for (name, value) in figures {
        metrics::gauge!(name).set(value);
    }
    let text =
        meter::install().map(metrics_exporter_prometheus::PrometheusHandle::render).unwrap_or_default();
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text))
}
