//! Messages of airlines as text, and the desk at a glance.

use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use serde::Deserialize;

use super::{PAGE, Paged, Response, zone};
use crate::base::error::{Invalid, Problem};
use crate::base::page::Page;
use crate::deadlines::policy::Policy;
use crate::freight::board::{self, Board, Order};
use crate::freight::error::{FreightError, Result};
use crate::freight::inbox::{self, Heard, Outcome};
use crate::freight::repo::{self, HEARD};
use crate::freight::stats::{self, Glance};
use crate::freight::{carriers, fsu, service};
use crate::identity::features::{Feature, SendAirMessages, ViewAirFreight, ViewDashboard};
use crate::parcels::queries::limit;
use crate::store::table::position;
use crate::store::{Dir, KeyRange};
use crate::web::call::{BodyHash, collect};
use crate::web::{Answer, ApiError, Call, Query, Routes};

pub(super) fn routes(r: Routes) -> Routes {
    r.add::<SendAirMessages, _, _>(Method::POST, "/fsu", send, "Hand in status messages as text")
        .raw_body("text/plain", "FSU messages, one after the other")
        .answers::<Outcome>(200)
        .add::<ViewAirFreight, _, _>(
            Method::GET,
            "/fsu/unknown",
            unknown,
            "Texts with lines that were not understood, newest first",
        )
        .query(PAGE)
        .answers::<Page<Heard>>(200)
        .add::<ViewDashboard, _, _>(
            Method::GET,
            "/airfreight/stats",
            dashboard,
            "The import desk at a glance",
        )
        .answers::<Glance>(200)
        .add::<ViewAirFreight, _, _>(
            Method::GET,
            "/airfreight/clocks",
            clocks,
            "The clocks that run, across all masters: what is due next, or what costs most",
        )
        .query(&[
            ("kind", "storage, isc, customs, pickup or detention"),
            ("order", "due or money; due when absent"),
        ])
        .answers::<Board>(200)
        .add::<SendAirMessages, _, _>(
            Method::POST,
            "/air-carriers/{code}/events",
            carrier_events,
            "Status messages of an airline, by its API key; only of its own waybills",
        )
        .raw_body("text/plain", "FSU messages, one after the other")
        .answers::<Outcome>(200)
}

/// The text of a request, and its hash so that a repeated key can be held against it.
async fn text_of<F: Feature>(call: &Call<F>, payload: Payload) -> std::result::Result<String, ApiError> {
    let patience = Duration::from_secs(call.app.config.limits.body_timeout_s);
    let bytes = collect(payload.into_inner(), fsu::MAX_TEXT, patience).await?;
    call.request().extensions_mut().insert(BodyHash(*blake3::hash(&bytes).as_bytes()));
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| Invalid::at("/", "is no text in UTF-8").into())
}

async fn send(call: Call<SendAirMessages>, payload: Payload) -> Response {
    let text = text_of(&call, payload).await?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        Ok(Answer::ok(&inbox::take(tx, grant, cx, &text)?)?)
    })
    .await
}

async fn carrier_events(call: Call<SendAirMessages>, code: Path<String>, payload: Payload) -> Response {
    let text = text_of(&call, payload).await?;
    call.write(move |tx, grant, cx| -> Result<Answer> {
        let (carrier, _) =
            carriers::find(tx, &code)?.ok_or_else(|| FreightError::unknown("carrier", &code))?;
        let strange = fsu::parse(&text).messages.into_iter();
        let mut strange = strange.filter(|m| !carrier.prefixes.iter().any(|p| p == m.awb.prefix()));
        if let Some(m) = strange.next() {
            let said = format!("{} is no waybill of {}", m.awb, carrier.code);
            return Err(Invalid(vec![Problem::new(format!("/{}", m.line), said)]).into());
        }
        Ok(Answer::ok(&inbox::take(tx, grant, cx, &text)?)?)
    })
    .await
}

async fn unknown(call: Call<ViewAirFreight>, q: Query<Paged>) -> Response {
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let range = KeyRange::all().resume(position(q.0.cursor.as_deref())?);
        let rows = HEARD.scan(tx, repo::UNKNOWN, &range, Dir::Down, limit(q.0.limit)?.min(50))?;
        Ok(Answer::page(&rows.into_page()?)?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clocks {
    kind: Option<String>,
    #[serde(default)]
    order: Order,
}

async fn clocks(call: Call<ViewAirFreight>, q: Query<Clocks>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let kind = q.0.kind.as_deref().map(str::parse::<board::Kind>).transpose();
        let kind = kind.map_err(|e| Invalid::at("?kind", e))?;
        Ok(Answer::ok(&board::board(tx, (&zone(tx)?, now), (kind, q.0.order))?)?)
    })
}

async fn dashboard(call: Call<ViewDashboard>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer> {
        service::whole(grant)?;
        let policy = Policy::current(tx)?;
        let today = policy.calendar.local_day(now);
        Ok(Answer::ok(&stats::glance(tx, &policy.rules.opening.zone, today)?)?)
    })
}
