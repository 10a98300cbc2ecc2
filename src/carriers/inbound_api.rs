//! The door carriers come to with their news. Nobody is logged in here: the signature says who it is.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::adapter::adapter;
use super::error::CarrierError;
use super::service::{self, Outcome};
use crate::base::error::{Invalid, Kind};
use crate::identity::auth::locate;
use crate::identity::grant::Actor;
use crate::identity::signature::{self, Shown};
use crate::journal::Cx;
use crate::store::{Lane, NODE, WriteTx};
use crate::web::call::{app, collect};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError};

/// Bytes of a message.
pub const MAX_MESSAGE: usize = 1 << 20;

/// This route.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("carriers")
        .open(
            Method::POST,
            "/carriers/{code}/events",
            events,
            "A carrier's news, signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature)",
        )
        .raw_body("application/json", "a message in the carrier's own language, at most 1 MiB and 1,000 events; an airline sends its status messages as text")
        .answers::<Outcome>(200)
}

/// The same for whoever is not who they say: an unknown carrier, a wrong key, an old message.
fn nobody() -> ApiError {
    let detail = "sign the message with the carrier's key: webhook-id, webhook-timestamp (within 5 minutes of now) and webhook-signature";
    Refusal::new(Kind::Unauthenticated, "carrier.signature", detail).into()
}

async fn events(req: HttpRequest, code: Path<String>, body: Payload) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    let header = |name: &str| req.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let shown = Shown {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    if shown.id.is_empty() || shown.signature.is_empty() {
        return Err(nobody());
    }
    let now = app.clock.now();
    let (tenant, code) = app.store.read(NODE, |tx| locate(tx, &code))?;
    if tenant == NODE {
        return Err(nobody());
    }
    let keys = app.gate.keys();
    let sender = app.store.read(tenant, |tx| service::sender(tx, keys, tenant, &code, now))?;
    let Some((carrier, keys)) = sender else { return Err(nobody()) };
    let patience = Duration::from_secs(app.config.limits.body_timeout_s);
    let body = collect(body.into_inner(), MAX_MESSAGE, patience).await?;
    if !signature::verify(&keys, &shown, &body, now) {
        return Err(nobody());
    }
    let language = adapter(&carrier.adapter);
    let language = language.ok_or_else(|| Invalid::at("/adapter", "this release does not speak it"))?;
    let read = language.read(&body).map_err(|why| Invalid::at("/", format!("can't be read: {why}")))?;
    service::fits(&read)?;
    let id = shown.id.to_owned();
    let take = move |tx: &mut dyn WriteTx| -> Result<Answer, CarrierError> {
        let cx = Cx::new(tx, &Actor::system(), now, &format!("carrier:{}", carrier.code))?;
        Ok(Answer::ok(&service::take(tx, &cx, &carrier, Some(&id), &read)?)?)
    };
    let answer = app.store.write::<_, CarrierError, _>(tenant, Lane::People, take).await?;
    app.wake.wake();
    Ok(answer.respond("", ""))
}
