//! The routes of carriers' records.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::CarrierError;
use super::model::{Carrier, Poll};
use super::{repo, service, work};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::page::Page;
use crate::identity::features::{ManageCarriers, ViewCarriers};
use crate::jobs::queue::enqueue;
use crate::store::ReadTx;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call};

type Response = Result<HttpResponse, ApiError>;

const EXAMPLE: &str =
    r#"{"code":"plover","name":"Plover Parcels","adapter":"plain","patterns":["PL########"]}"#;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("carriers")
        .add::<ViewCarriers, _, _>(Method::GET, "/carriers", list, "Carriers, by code, and how asking them goes")
        .answers::<Page<CarrierView>>(200)
        .add::<ManageCarriers, _, _>(Method::POST, "/carriers", add, "Add a carrier")
        .body::<CarrierInput>(EXAMPLE)
        .answers::<CarrierView>(201)
        .add::<ViewCarriers, _, _>(Method::GET, "/carriers/{code}", get, "One carrier")
        .answers::<CarrierView>(200)
        .add::<ManageCarriers, _, _>(Method::PUT, "/carriers/{code}", put, "Change a carrier")
        .body::<CarrierChange>(r#"{"name":"Plover Parcels","adapter":"plain","active":true}"#)
        .answers::<CarrierView>(200)
        .add::<ManageCarriers, _, _>(
            Method::DELETE,
            "/carriers/{code}",
            remove,
            "Remove a carrier with its secrets; what it said stays",
        )
        .status(204)
        .add::<ManageCarriers, _, _>(
            Method::POST,
            "/carriers/{code}/secret",
            renew,
            "Make the key a carrier signs its messages with, shown once; the one before stays good for a while",
        )
        .body::<NewKey>(r#"{"keep_hours":24}"#)
        .answers::<KeyView>(200)
        .add::<ManageCarriers, _, _>(
            Method::PUT,
            "/carriers/{code}/credentials",
            credentials,
            "Keep, sealed, what we show the carrier when we ask it; null forgets it",
        )
        .body::<Credentials>(r#"{"secret":"EZAK-example"}"#)
        .status(204)
        .add::<ManageCarriers, _, _>(
            Method::POST,
            "/carriers/{code}/poll",
            poll,
            "Ask the carrier now, unless its breaker is open",
        )
        .status(202)
}

/// A carrier as it is shown.
#[derive(Serialize, ToSchema)]
struct CarrierView {
    code: String,
    name: String,
    /// Its language: plain, easypost or, of an airline, fsu.
    adapter: String,
    /// Whose status map its codes go through.
    words: String,
    /// The forms of its numbers: `#` digit, `@` letter, `?` either, `*` at the end any rest.
    patterns: Vec<String>,
    endpoint: Option<String>,
    /// Seconds between two times it is asked; 0 for never.
    poll_s: u32,
    active: bool,
    version: u64,
    /// Where it sends its messages, below the depot's address. Where several tenants live on a node, `@` and the
    /// tenant's name stand behind the code.
    inbound: String,
    /// How many keys it may sign with now.
    keys: usize,
    /// Whether there is something to show it.
    credentials: bool,
    /// `closed` when it is asked, `open` while it is left alone, `half_open` when one probe decides.
    breaker: &'static str,
    /// Until when it is left alone.
    open_until: Option<Timestamp>,
    /// When it last answered.
    answered_at: Option<Timestamp>,
    /// When it is asked next.
    next_at: Option<Timestamp>,
    /// What went wrong since it last answered.
    trouble: Option<String>,
    /// Events taken by asking.
    taken: u64,
}

fn view(tx: &dyn ReadTx, c: Carrier, version: u64, now: Timestamp) -> Result<CarrierView, CarrierError> {
    let secrets = service::secrets(tx, &c.code)?;
    let Poll { next_at, breaker, answered_at, trouble, taken, .. } = service::poll(tx, &c.code)?;
    let (state, open_until) = breaker.standing(now).words();
    let words = c.source().to_owned();
    let asked = c.active && c.poll_s > 0;
    let Carrier { code, name, adapter, words: _, patterns, endpoint, poll_s, active } = c;
    Ok(CarrierView {
        inbound: format!("/api/v1/carriers/{code}/events"),
        code,
        name,
        adapter,
        words,
        patterns,
        endpoint,
        poll_s,
        active,
        version,
        keys: secrets.keys.iter().filter(|k| k.until.is_none_or(|until| until > now)).count(),
        credentials: secrets.login.is_some(),
        breaker: state,
        open_until,
        answered_at,
        next_at: Some(next_at).filter(|_| asked),
        trouble,
        taken,
    })
}

fn yes() -> bool {
    true
}

/// A carrier to be added.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CarrierInput {
    /// 1 to 32 of a-z, 0-9, _ and -.
    code: String,
    name: String,
    /// plain, easypost or, of an airline, fsu.
    adapter: String,
    /// Whose status map its codes go through; its own when absent.
    words: Option<String>,
    /// The forms of its numbers; any when there are none.
    #[serde(default)]
    patterns: Vec<String>,
    /// Where it is asked.
    endpoint: Option<String>,
    /// Seconds between two times it is asked; 0 for never.
    #[serde(default)]
    poll_s: u32,
    /// Whether its news counts.
    #[serde(default = "yes")]
    active: bool,
}

/// A carrier as it is to be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CarrierChange {
    /// The revision the caller has seen.
    version: Option<u64>,
    name: String,
    /// As when it is added.
    adapter: String,
    words: Option<String>,
    #[serde(default)]
    patterns: Vec<String>,
    endpoint: Option<String>,
    #[serde(default)]
    poll_s: u32,
    #[serde(default = "yes")]
    active: bool,
}

async fn list(call: Call<ViewCarriers>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, _| -> Result<Answer, CarrierError> {
        let all = repo::all(tx)?.into_iter().map(|(c, rev)| view(tx, c, rev, now));
        Ok(Answer::ok(&Page { items: all.collect::<Result<Vec<_>, _>>()?, next: None })?)
    })
}

async fn get(call: Call<ViewCarriers>, code: Path<String>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, _| -> Result<Answer, CarrierError> {
        let (c, rev) = service::find(tx, &code)?;
        Ok(Answer::ok(&view(tx, c, rev, now)?)?.rev(rev))
    })
}

async fn add(call: Call<ManageCarriers>, body: Body<CarrierInput>) -> Response {
    let private = call.app.config.carriers.private;
    call.write(move |tx, grant, cx| -> Result<Answer, CarrierError> {
        let CarrierInput { code, name, adapter, words, patterns, endpoint, poll_s, active } = body.0.clone();
        let c = Carrier { code, name, adapter, words, patterns, endpoint, poll_s, active };
        let rev = service::add(tx, grant, cx, c.clone(), private)?;
        let location = format!("/api/v1/carriers/{}", c.code);
        Ok(Answer::created(location, &view(tx, c, rev, cx.now)?)?.rev(rev))
    })
    .await
}

async fn put(call: Call<ManageCarriers>, code: Path<String>, body: Body<CarrierChange>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    let private = call.app.config.carriers.private;
    call.write(move |tx, grant, cx| -> Result<Answer, CarrierError> {
        let CarrierChange { version: _, name, adapter, words, patterns, endpoint, poll_s, active } =
            body.0.clone();
        let code = code.clone();
        let c = Carrier { code: code.clone(), name, adapter, words, patterns, endpoint, poll_s, active };
        let rev = service::set(tx, grant, cx, &code, Some(c.clone()), (seen, private))?;
        Ok(Answer::ok(&view(tx, c, rev, cx.now)?)?.rev(rev))
    })
    .await
}

async fn remove(call: Call<ManageCarriers>, code: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, CarrierError> {
        service::set(tx, grant, cx, &code, None, (seen, false))?;
        Ok(Answer::none())
    })
    .await
}

/// A key to be made.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// The key the carrier gave us, `whsec_` and Base64; a fresh one when absent.
    secret: Option<String>,
    /// Hours that the one before stays good, 24 when absent, at most 720.
    keep_hours: Option<u16>,
}

/// A key, shown once.
#[derive(Serialize, ToSchema)]
struct KeyView {
    /// `whsec_` and Base64, in the first answer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

async fn renew(call: Call<ManageCarriers>, code: Path<String>, body: Body<NewKey>) -> Response {
    const MOST: u16 = 720;
    let keep = match body.0.keep_hours {
        None => service::KEEP,
        Some(hours) if hours <= MOST => Duration::from_secs(u64::from(hours) * 3600),
        Some(_) => return Err(Invalid::at("/keep_hours", format!("must be 0 to {MOST}")).into()),
    };
    let keys = std::sync::Arc::clone(call.app.gate.keys());
    call.write(move |tx, grant, cx| -> Result<Answer, CarrierError> {
        let given = body.0.secret.as_deref();
        let secret = service::renew_key(tx, grant, cx, &keys, &code, (given, keep))?;
        Ok(Answer::ok(&KeyView { secret: None })?.once("secret", secret))
    })
    .await
}

/// What we show a carrier.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// An API key or token; null forgets it.
    secret: Option<String>,
}

async fn credentials(call: Call<ManageCarriers>, code: Path<String>, body: Body<Credentials>) -> Response {
    let keys = std::sync::Arc::clone(call.app.gate.keys());
    call.write(move |tx, grant, cx| -> Result<Answer, CarrierError> {
        service::set_login(tx, grant, cx, &keys, &code, body.0.secret.as_deref())?;
        Ok(Answer::none())
    })
    .await
}

async fn poll(call: Call<ManageCarriers>, code: Path<String>) -> Response {
    call.write(move |tx, _, cx| -> Result<Answer, CarrierError> {
        let (c, _) = service::find(tx, &code)?;
        if !c.active || c.endpoint.is_none() {
            return Err(CarrierError::NotAsked);
        }
        let id = enqueue(tx, cx.now, work::job(&c.code)?)?;
        Ok(Answer { status: 202, location: Some(format!("/api/v1/jobs/{id}")), ..Answer::none() })
    })
    .await
}
