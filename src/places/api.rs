//! The routes of places.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::PlaceError;
use super::model::{Accuracy, Place, Source, degrees};
use super::service::NOBODY_KNOWS;
use super::{file, service};
use crate::base::error::{Invalid, Kind};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::base::units::Position;
use crate::identity::features::{EditRoutes, ViewRoutes};
use crate::parcels::queries::limit;
use crate::store::table::{cursor, position};
use crate::web::call::collect;
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("places")
        .add::<ViewRoutes, _, _>(Method::GET, "/places", list, "Places that were put right by hand")
        .query(&[("limit", "rows, at most 500"), ("cursor", "from the page before")])
        .answers::<Page<PlaceView>>(200)
        .add::<ViewRoutes, _, _>(
            Method::GET,
            "/places/search",
            search,
            "Where an address would be put, how exact that is and who says so",
        )
        .query(&[("address", "as it is written")])
        .answers::<SearchView>(200)
        .add::<EditRoutes, _, _>(Method::POST, "/places", put, "Put right where an address is")
        .body::<PlaceInput>(
            r#"{"address":"123 Main St, City, State","latitude":40.7128,"longitude":-74.006}"#,
        )
        .answers::<PlaceView>(201)
        .add::<EditRoutes, _, _>(
            Method::POST,
            "/places/import",
            import,
            "Import a file of addresses or postcodes with their positions",
        )
        .raw_body("text/csv", "a heading with zip or city, lat and lon; state and street if there are any")
        .answers::<ImportView>(200)
        .add::<EditRoutes, _, _>(
            Method::DELETE,
            "/places/{id}",
            remove,
            "Take back what was put right by hand",
        )
        .status(204)
}

/// An address's place.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlaceInput {
    /// As it is written.
    address: String,
    /// Degrees north.
    #[serde(alias = "lat")]
    latitude: f64,
    /// Degrees east.
    #[serde(alias = "lon", alias = "lng")]
    longitude: f64,
    /// What to look out for.
    #[serde(default)]
    note: Option<String>,
}

/// A place that was put right by hand.
#[derive(Serialize, ToSchema)]
struct PlaceView {
    id: Id,
    version: u64,
    address: String,
    latitude: f64,
    longitude: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn view(id: Id, place: Place, version: u64) -> PlaceView {
    let Place { address, position, note } = place;
    let (latitude, longitude) = degrees(position);
    PlaceView { id, version, address, latitude, longitude, note }
}

/// Where an address is.
#[derive(Serialize, ToSchema)]
struct FoundView {
    latitude: f64,
    longitude: f64,
    accuracy: Accuracy,
    source: Source,
}

/// What is known of an address.
#[derive(Serialize, ToSchema)]
struct SearchView {
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<FoundView>,
    /// Why nobody knows, and what helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What a file came to.
#[derive(Serialize, ToSchema)]
struct ImportView {
    /// Rows that were taken.
    taken: usize,
    /// Rows that were not.
    refused: usize,
    /// The first of those, each with its line and why.
    errors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    address: Option<String>,
}

async fn list(call: Call<ViewRoutes>, q: Query<Listing>) -> Response {
    call.read(|tx, _| -> Result<Answer, PlaceError> {
        let (items, next) = service::list(tx, position(q.0.cursor.as_deref())?, limit(q.0.limit)?)?;
        let next = next.as_ref().map(cursor).transpose()?;
        let items = items.into_iter().map(|(id, place, rev)| view(id, place, rev)).collect();
        Ok(Answer::page(&Page::<PlaceView> { items, next })?)
    })
}

async fn search(call: Call<ViewRoutes>, q: Query<Search>) -> Response {
    let address = q.0.address.unwrap_or_default();
    let found = call
        .app
        .store
        .read(call.grant.tenant(), |tx| service::find(tx, &address))
        .map_err(PlaceError::from)?;
    let reason = found.is_none().then(|| NOBODY_KNOWS.to_owned());
    let place = found.map(|found| {
        let (latitude, longitude) = degrees(found.position);
        FoundView { latitude, longitude, accuracy: found.accuracy, source: found.source }
    });
    Ok(Answer::ok(&SearchView { place, reason })?.respond(call.request().path(), ""))
}

async fn put(call: Call<EditRoutes>, body: Body<PlaceInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, PlaceError> {
        let PlaceInput { address, latitude, longitude, note } = body.0.clone();
        let position =
            Position::from_degrees(latitude, longitude).map_err(|why| Invalid::at("/latitude", why))?;
        let place = Place { address, position, note };
        let (id, rev) = service::put_right(tx, grant, cx, place.clone())?;
        Ok(Answer::created(format!("/api/v1/places/{id}"), &view(id, place, rev))?.rev(rev))
    })
    .await
}

async fn import(call: Call<EditRoutes>, payload: Payload) -> Response {
    let patience = std::time::Duration::from_secs(call.app.config.limits.body_timeout_s);
    let bytes = collect(payload.into_inner(), file::MAX_BYTES, patience).await?;
    let (store, tenant) = (call.app.store.clone(), call.grant.tenant());
    let read = tokio::task::spawn_blocking(move || service::import(&store, tenant, &bytes)).await;
    let read = read.map_err(|e| Refusal::new(Kind::Internal, "place.import", e.to_string()))??;
    let view = ImportView { taken: read.taken, refused: read.refused, errors: read.why };
    Ok(Answer::ok(&view)?.respond(call.request().path(), ""))
}

async fn remove(call: Call<EditRoutes>, id: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    let id: Id = id.parse().map_err(|_| Refusal::not_found("place", &id))?;
    call.write(move |tx, grant, cx| -> Result<Answer, PlaceError> {
        service::take_back(tx, grant, cx, id, seen)?;
        Ok(Answer::none())
    })
    .await
}
