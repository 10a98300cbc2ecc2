//! The feed: what happened, from any place on.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Deserialize;

use super::epcis;
use super::feed::{self, Wanted};
use crate::base::error::Invalid;
use crate::deadlines::policy::Policy;
use crate::identity::features::ReadEvents;
use crate::parcels::queries::limit;
use crate::web::routes::Routes;
use crate::web::{ApiError, Call, Query};

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("integration")
        .add::<ReadEvents, _, _>(
            Method::GET,
            "/events",
            events,
            "What happened, as CloudEvents a line each; the header X-Next-After says where to go on",
        )
        .query(&[
            ("after", "the sequence number behind which to begin; 0 is the beginning"),
            ("types", "event names or the beginnings of them, with commas between them"),
            ("limit", "events, at most 500"),
        ])
        .add::<ReadEvents, _, _>(
            Method::GET,
            "/epcis/events",
            epcis_events,
            "What happened to parcels, as an EPCIS 2.0 document; the header X-Next-After says where to go on",
        )
        .query(&[
            ("after", "the sequence number behind which to begin; 0 is the beginning"),
            ("limit", "events, at most 500"),
        ])
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    #[serde(default)]
    after: u64,
    types: Option<String>,
    limit: Option<usize>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn events(call: Call<ReadEvents>, which: Query<Which>) -> Result<HttpResponse, ApiError> {
    let Which { after, types, limit: asked } = which.0;
    let n = limit(asked)?;
    let wanted = Wanted::of(types.as_deref().unwrap_or_default());
    if wanted.0.len() > feed::MAX_TYPES {
        let detail = format!("names {} types; at most {}", wanted.0.len(), feed::MAX_TYPES);
        return Err(Invalid::at("?types", detail).into());
    }
    let (items, last) = call.app.store.read(call.grant.tenant(), |tx| {
        feed::after(tx, call.principal(), after, n, |told| wanted.wants(told.name))
    })?;
    let lines: String = items.iter().map(|item| format!("{}\n", item.told.event)).collect();
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header(("x-next-after", last.to_string()))
        .body(lines))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn epcis_events(call: Call<ReadEvents>, from: Query<From>) -> Result<HttpResponse, ApiError> {
    let From { after, limit: asked } = from.0;
    let (n, now) = (limit(asked)?, call.app.clock.now());
    let (document, last) = call.app.store.read(call.grant.tenant(), |tx| {
        let policy = Policy::current(tx)?;
        epcis::document(tx, call.principal(), after, n, policy.calendar.zone(), now)
    })?;
    Ok(HttpResponse::Ok()
        .content_type("application/ld+json")
        .insert_header(("x-next-after", last.to_string()))
        .body(document.to_string()))
}
