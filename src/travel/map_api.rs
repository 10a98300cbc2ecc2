//! The routes of the imported road map.

use std::path::PathBuf;

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::roads::shelf::Roads;
use super::roads::{LIMITS, MapError};
use crate::base::clock::Timestamp;
use crate::identity::features::{EditConditions, ViewConditions};
use crate::places::model::degrees;
use crate::store::StoreError;
use crate::web::{Answer, ApiError, Body, Call, Routes};

type Response = Result<HttpResponse, ApiError>;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("conditions")
        .add::<ViewConditions, _, _>(
            Method::GET,
            "/conditions/map",
            show,
            "The imported road map that travel times come from",
        )
        .answers::<MapView>(200)
        .add::<EditConditions, _, _>(
            Method::POST,
            "/conditions/map",
            import,
            "Import a road map (.osm.pbf) that lies on the depot's own machine; through the control door only",
        )
        .body::<MapInput>(r#"{"file":"/srv/maps/region.osm.pbf"}"#)
        .answers::<MapView>(200)
}

/// A file on the depot's machine.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MapInput {
    /// Its path.
    file: String,
}

/// The corner of a map.
#[derive(Debug, Serialize, ToSchema)]
struct CornerView {
    latitude: f64,
    longitude: f64,
}

/// The imported road map.
#[derive(Debug, Default, Serialize, ToSchema)]
struct MapView {
    /// Whether there is one.
    imported: bool,
    /// The extract's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imported_at: Option<Timestamp>,
    /// Crossings and ends of roads.
    nodes: usize,
    /// Roads between them.
    segments: usize,
    /// South-west and north-east.
    corners: Vec<CornerView>,
    /// Whose data it is, and under which licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

fn view(roads: Option<&Roads>) -> MapView {
    let Some(roads) = roads else { return MapView::default() };
    let corner = |p| {
        let (latitude, longitude) = degrees(p);
        CornerView { latitude, longitude }
    };
    MapView {
        imported: true,
        name: Some(roads.origin.name.clone()),
        imported_at: Some(roads.origin.imported_at),
        nodes: roads.graph.nodes.len(),
        segments: roads.graph.segments.len(),
        corners: roads.graph.corners().into_iter().flat_map(|(a, b)| [corner(a), corner(b)]).collect(),
        notice: Some("© OpenStreetMap contributors, ODbL 1.0"),
    }
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(call: Call<ViewConditions>) -> Response {
    Ok(Answer::ok(&view(call.app.travel.roads().as_deref()))?.respond(call.request().path(), ""))
}

async fn import(call: Call<EditConditions>, body: Body<MapInput>) -> Response {
    // A path on this machine is for whoever works on it.
    if !call.principal().actor.is_system() {
        return Err(MapError::Elsewhere.into());
    }
    let (app, now, path) = (call.app.clone(), call.app.clock.now(), PathBuf::from(body.0.file));
    let done = actix_web::web::block(move || app.travel.shelf().import(&path, now, LIMITS)).await;
    let roads = done.map_err(|_| ApiError::from(StoreError::Closed))??;
    Ok(Answer::ok(&view(Some(&roads)))?.respond(call.request().path(), ""))
}
