//! The routes of manifests and unloadings. No decisions, no database.

use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde::Deserialize;
use std::time::Duration;

use super::error::ManifestError;
use super::inputs::{LineInput, ManifestChange, MoreLines, NewManifest, NewUnloading, WhyInput};
use super::list;
use super::model::{Kind, Manifest, State, Unloading};
use super::repo::{BY_OPENING, UNLOADINGS};
use super::service::{self, Wanted};
use super::unloading;
use super::views::{ManifestView, UnloadingView};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT, Page};
use crate::identity::features::{CloseManifests, EditManifests, UnloadManifests, ViewManifests};
use crate::journal::Written;
use crate::store::table::{cursor, position};
use crate::store::{Dir, KeyRange, ReadTx, StoreError};
use crate::web::call::{BodyHash, collect};
use crate::web::{Answer, ApiError, Body, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

const MANIFEST: &str = r#"{"number":"M-2026-1121","kind":"truck","carrier":"dpd","vehicle":"HH-AB 123","expected_at":"2026-11-21T18:00:00Z","lines":[{"tracking_number":"RR123456785NL","pieces":1,"weight_g":1200,"service":"express"}]}"#;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    let routes = Routes::new("manifests")
        .add::<ViewManifests, _, _>(Method::GET, "/manifests", list_manifests, "Manifests, in the order they are expected")
        .query(&[
            ("state", "announced, late, unloading, unloaded or cancelled"),
            ("distributor", "of this distributor"),
            ("from", "expected from then on"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<ManifestView>>(200)
        .add::<EditManifests, _, _>(
            Method::POST,
            "/manifests",
            announce,
            "Announce what a truck, a flight or a distributor brings; parcels nobody knows are announced with it",
        )
        .body::<NewManifest>(MANIFEST)
        .answers::<ManifestView>(201)
        .add::<EditManifests, _, _>(Method::POST, "/manifests/csv", announce_file, "The same with the lines as a CSV file")
        .query(&[
            ("number", "the manifest's number"),
            ("kind", "truck (default), flight or distributor"),
            ("carrier", "who drives or flies"),
            ("vehicle", "plate or flight number"),
            ("distributor", "whose it is"),
            ("from", "where it comes from"),
            ("expected_at", "when it is to be here; now when absent"),
        ])
        .raw_body(
            "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "the lines, in any words and encoding an import reads",
        )
        .answers::<ManifestView>(201)
        .add::<ViewManifests, _, _>(Method::GET, "/manifests/{id}", get, "One manifest with its lines, by id or number")
        .answers::<ManifestView>(200)
        .add::<EditManifests, _, _>(Method::PATCH, "/manifests/{id}", change, "Another time, carrier or vehicle")
        .body::<ManifestChange>(r#"{"expected_at":"2026-11-21T20:00:00Z"}"#)
        .answers::<ManifestView>(200)
        .add::<EditManifests, _, _>(
            Method::POST,
            "/manifests/{id}/lines",
            add_lines,
            "Add lines, say them anew, or strike some",
        )
        .body::<MoreLines>(r#"{"lines":[{"tracking_number":"RR123456799NL","pieces":2}]}"#)
        .answers::<ManifestView>(200)
        .add::<EditManifests, _, _>(Method::POST, "/manifests/{id}/cancel", cancel, "Say that it does not come")
        .body::<WhyInput>(r#"{"reason":"the flight was cancelled"}"#)
        .answers::<ManifestView>(200)
        .add::<CloseManifests, _, _>(
            Method::POST,
            "/manifests/{id}/close",
            close_manifest,
            "Close the unloading a manifest is in",
        )
        .answers::<UnloadingView>(200);
    unloadings(routes)
}

fn unloadings(routes: Routes) -> Routes {
    routes
        .add::<ViewManifests, _, _>(
            Method::GET,
            "/unloadings",
            list_unloadings,
            "Unloadings, the open ones first",
        )
        .query(&[("limit", "rows, at most 500"), ("cursor", "from the page before")])
        .answers::<Page<UnloadingView>>(200)
        .add::<UnloadManifests, _, _>(
            Method::POST,
            "/unloadings",
            open,
            "Open an unloading: the scans of its stations count against its manifests",
        )
        .body::<NewUnloading>(r#"{"manifests":["M-2026-1121"],"door":"3","stations":["door 3"]}"#)
        .answers::<UnloadingView>(201)
        .add::<ViewManifests, _, _>(
            Method::GET,
            "/unloadings/{id}",
            get_unloading,
            "An unloading with its counts and what differs, live while it is open",
        )
        .answers::<UnloadingView>(200)
        .add::<CloseManifests, _, _>(
            Method::POST,
            "/unloadings/{id}/close",
            close,
            "Close it: what differs becomes cases",
        )
        .answers::<UnloadingView>(200)
        .add::<CloseManifests, _, _>(
            Method::POST,
            "/unloadings/{id}/reopen",
            reopen,
            "Go on counting after all",
        )
        .body::<WhyInput>(r#"{"reason":"a second pallet was found"}"#)
        .answers::<UnloadingView>(200)
}

/// Rows of a page, as asked for.
fn rows(asked: Option<usize>) -> Result<usize, ManifestError> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        n @ 1..=MAX_LIMIT => Ok(n),
        n => Err(Invalid::at("?limit", format!("must be 1 to {MAX_LIMIT}, got {n}")).into()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    state: Option<State>,
    distributor: Option<String>,
    from: Option<Timestamp>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list_manifests(call: Call<ViewManifests>, filter: Query<Filter>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ManifestError> {
        let Filter { state, distributor, from, limit, cursor } = filter.0;
        let wanted = Wanted { state, distributor, from };
        let (found, next) = service::list(tx, grant, &wanted, cursor.as_deref(), rows(limit)?)?;
        let items = found.iter().map(|e| ManifestView::of(&e.value.state, e.rev)).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

fn announced((written, fresh): (Written<Manifest>, usize)) -> Result<Answer, ManifestError> {
    let view = ManifestView { announced_now: Some(fresh), ..ManifestView::of(&written.state, written.rev) };
    let location = format!("/api/v1/manifests/{}", written.state.id);
    Ok(Answer::created(location, &view)?.rev(written.rev))
}

async fn announce(call: Call<EditManifests>, body: Body<NewManifest>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        announced(service::announce(tx, grant, cx, body.0.clone())?)
    })
    .await
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOf {
    number: String,
    #[serde(default)]
    kind: Kind,
    carrier: Option<String>,
    vehicle: Option<String>,
    distributor: Option<String>,
    from: Option<String>,
    expected_at: Option<Timestamp>,
}

async fn announce_file(
    call: Call<EditManifests>,
    of: Query<FileOf>,
    request: HttpRequest,
    body: Payload,
) -> Response {
    let limits = &call.app.config.limits;
    let most = usize::try_from(limits.body_max_bytes).unwrap_or(usize::MAX);
    let file = collect(body.into_inner(), most, Duration::from_secs(limits.body_timeout_s)).await?;
    if request.headers().contains_key("idempotency-key") {
        request.extensions_mut().insert(BodyHash(*blake3::hash(&file).as_bytes()));
    }
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        let FileOf { number, kind, carrier, vehicle, distributor, from, expected_at } = of.0.clone();
        let lines: Vec<LineInput> = Vec::new();
        let new = NewManifest { number, kind, carrier, vehicle, distributor, from, expected_at, lines };
        let (header, _) = new.checked(cx.now)?;
        let lines = list::read(&file, &cx.policy)?;
        announced(service::announce_lines(tx, grant, cx, header, lines)?)
    })
    .await
}

async fn get(call: Call<ViewManifests>, id: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ManifestError> {
        let found = service::find(tx, grant.scope(), &id)?;
        Ok(Answer::ok(&ManifestView::whole(&found.value.state, found.rev))?.rev(found.rev))
    })
}

fn changed(written: &Written<Manifest>) -> Result<Answer, ManifestError> {
    Ok(Answer::ok(&ManifestView::of(&written.state, written.rev))?.rev(written.rev))
}

async fn change(call: Call<EditManifests>, id: Path<String>, body: Body<ManifestChange>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        changed(&service::change(tx, grant, cx, &id, seen, &body.0)?)
    })
    .await
}

async fn add_lines(call: Call<EditManifests>, id: Path<String>, body: Body<MoreLines>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        let (written, fresh) = service::add_lines(tx, grant, cx, &id, body.0.clone())?;
        let view =
            ManifestView { announced_now: Some(fresh), ..ManifestView::of(&written.state, written.rev) };
        Ok(Answer::ok(&view)?.rev(written.rev))
    })
    .await
}

async fn cancel(call: Call<EditManifests>, id: Path<String>, body: Body<WhyInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        changed(&service::cancel(tx, grant, cx, &id, body.0.checked()?)?)
    })
    .await
}

fn shown(tx: &dyn ReadTx, u: &Unloading, rev: u64) -> Result<UnloadingView, StoreError> {
    let (totals, items) = unloading::standing(tx, u)?;
    Ok(UnloadingView::whole(u, rev, totals, &items))
}

async fn close_manifest(call: Call<CloseManifests>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        let of = unloading::of_manifest(tx, grant, &id)?.to_string();
        let written = unloading::close(tx, grant, cx, &of)?;
        Ok(Answer::ok(&shown(tx, &written.state, written.rev)?)?.rev(written.rev))
    })
    .await
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list_unloadings(call: Call<ViewManifests>, paged: Query<Paged>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ManifestError> {
        let Paged { limit, cursor: after } = paged.0;
        let range = KeyRange::all().resume(position(after.as_deref())?);
        let found = UNLOADINGS.scan(tx, BY_OPENING, &range, Dir::Up, rows(limit)?)?;
        let mut items = Vec::with_capacity(found.items.len());
        for e in found.items {
            let u = e.value.state;
            if grant.scope().admits_distributor(u.distributor.as_deref()) {
                let (totals, differing) = unloading::standing(tx, &u)?;
                items.push(UnloadingView::of(&u, e.rev, totals, &differing));
            }
        }
        let next = found.next.as_ref().map(cursor).transpose()?;
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn open(call: Call<UnloadManifests>, body: Body<NewUnloading>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        let written = unloading::open(tx, grant, cx, &body.0)?;
        let location = format!("/api/v1/unloadings/{}", written.state.id);
        Ok(Answer::created(location, &shown(tx, &written.state, written.rev)?)?.rev(written.rev))
    })
    .await
}

async fn get_unloading(call: Call<ViewManifests>, id: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ManifestError> {
        let found = unloading::find(tx, grant.scope(), &id)?;
        Ok(Answer::ok(&shown(tx, &found.value.state, found.rev)?)?.rev(found.rev))
    })
}

async fn close(call: Call<CloseManifests>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        let written = unloading::close(tx, grant, cx, &id)?;
        Ok(Answer::ok(&shown(tx, &written.state, written.rev)?)?.rev(written.rev))
    })
    .await
}

async fn reopen(call: Call<CloseManifests>, id: Path<String>, body: Body<WhyInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ManifestError> {
        let written = unloading::reopen(tx, grant, cx, &id, body.0.checked()?)?;
        Ok(Answer::ok(&shown(tx, &written.state, written.rev)?)?.rev(written.rev))
    })
    .await
}
