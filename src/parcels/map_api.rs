//! The routes of status maps.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::map_service::{self, MapError, SourceView, Unmapped};
use super::maps::{Map, MapRow};
use super::queries::limit;
use super::repo;
use crate::base::page::Page;
use crate::identity::features::{EditStatusMaps, ViewStatusMaps};
use crate::identity::grant::Scope;
use crate::store::table::{cursor, position};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("status maps")
        .add::<ViewStatusMaps, _, _>(Method::GET, "/status-maps", list, "Sources whose codes are known")
        .answers::<Page<SourceView>>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/unmapped",
            unmapped,
            "Codes no map knew when they came",
        )
        .query(&[
            ("source", "only of this source"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<Unmapped>>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/{source}",
            get,
            "The map that counts for a source",
        )
        .answers::<MapView>(200)
        .add::<EditStatusMaps, _, _>(
            Method::PUT,
            "/status-maps/{source}",
            put,
            "Set the own map of a source; the first row that fits a code counts",
        )
        .body::<MapInput>(
            r#"{"rows":[{"code":"shipped","meaning":"handed to the carrier","status":"in_transit"}]}"#,
        )
        .answers::<MapView>(200)
}

/// A map as it is shown.
#[derive(Serialize, ToSchema)]
struct MapView {
    source: String,
    /// Revision of the own map; 0 while the shipped one counts.
    version: u64,
    /// The rows, first fitting one counts.
    #[schema(value_type = Vec<Object>)]
    rows: Vec<MapRow>,
}

/// A map as it is set.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MapInput {
    /// The revision the caller has seen.
    version: Option<u64>,
    /// code, status (one of ours, or info), optional sub, text_contains, meaning, reason.
    #[schema(value_type = Vec<Object>)]
    rows: Vec<MapRow>,
}

async fn list(call: Call<ViewStatusMaps>) -> Response {
    call.read(|tx, _| -> Result<Answer, MapError> {
        Ok(Answer::ok(&Page { items: map_service::list(tx)?, next: None })?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    source: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn unmapped(call: Call<ViewStatusMaps>, q: Query<Wanted>) -> Response {
    call.read(|tx, grant| -> Result<Answer, MapError> {
        let rows = map_service::unmapped(
            tx,
            q.0.source.as_deref(),
            position(q.0.cursor.as_deref())?,
            limit(q.0.limit)?,
        )?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let mut items: Vec<Unmapped> = rows.items.into_iter().map(|e| e.value).collect();
        // Code and text came with a parcel, and whoever may not see that one may not read them either.
        if *grant.scope() != Scope::Tenant {
            let seen = items
                .iter()
                .map(|u| repo::sees(tx, grant.scope(), u.parcel))
                .collect::<Result<Vec<_>, _>>()?;
            let mut seen = seen.into_iter();
            items.retain(|_| seen.next().unwrap_or_default());
        }
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn get(call: Call<ViewStatusMaps>, source: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, MapError> {
        let (Map { source, rows }, version) = map_service::map_of(tx, &source)?;
        Ok(Answer::ok(&MapView { source, version, rows })?.rev(version))
    })
}

async fn put(call: Call<EditStatusMaps>, source: Path<String>, body: Body<MapInput>) -> Response {
    // A source without an own map has nothing to be stale against, so the first one needs no revision.
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer, MapError> {
        let map = Map { source: source.to_owned(), rows: body.0.rows.clone() };
        let rows = map.rows.clone();
        let version = map_service::set(tx, grant, cx, map, seen)?;
        Ok(Answer::ok(&MapView { source: source.to_owned(), version, rows })?.rev(version))
    })
    .await
}
