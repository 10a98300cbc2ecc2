//! The routes of status maps.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use actix_web::{HttpMessage, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::map_file::MAX_FILE;
use super::map_runs::{self, Outlook, Run};
use super::map_service::{self, Change, MapError, SourceView};
use super::map_site;
use super::map_try::{Tried, tried};
use super::maps::{Layer, Map, MapRow, Mapped, shipped};
use super::queries::limit;
use super::repo;
use super::suggest::{Suggestion, suggestions};
use super::unmapped::{self, Unmapped};
use crate::base::error::Invalid;
use crate::base::page::Page;
use crate::base::text;
use crate::identity::features::{EditStatusMaps, ViewStatusMaps};
use crate::identity::grant::Scope;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError};
use crate::web::call::{BodyHash, collect};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

const CSV: &str = "text/csv";

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("status maps")
        .add::<ViewStatusMaps, _, _>(Method::GET, "/status-maps", list, "Sources whose codes are known")
        .answers::<Page<SourceView>>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/unmapped",
            inbox,
            "Codes no map knew when they came: how often, with examples and what they may mean",
        )
        .query(&[
            ("source", "only of this source"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<UnmappedView>>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/{source}",
            get,
            "The map that counts for a source, with the shipped rows beneath the own ones",
        )
        .answers::<MapView>(200)
        .add::<EditStatusMaps, _, _>(
            Method::PUT,
            "/status-maps/{source}",
            put,
            "Set the own map of a source; the first row that fits a code counts, and stored codes that had no meaning get theirs",
        )
        .body::<MapInput>(
            r#"{"rows":[{"code":"shipped","meaning":"handed to the carrier","status":"in_transit"}]}"#,
        )
        .answers::<MapView>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/{source}/rows.csv",
            export,
            "The map as a CSV file, own rows first; what is sent back is read as it was",
        )
        .add::<EditStatusMaps, _, _>(
            Method::PUT,
            "/status-maps/{source}/rows.csv",
            import,
            "Set the own map of a source from a CSV file, which is then all that counts",
        )
        .raw_body(CSV, "columns code and status; sub, text_contains, meaning and reason may be there")
        .answers::<MapView>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::POST,
            "/status-maps/{source}/try",
            try_code,
            "What a code means, by which row and why; with rows of your own, by these",
        )
        .body::<TryInput>(r#"{"code":"1412","text":"item on its return leg"}"#)
        .answers::<Tried>(200)
        .add::<EditStatusMaps, _, _>(
            Method::POST,
            "/status-maps/{source}/dry-run",
            dry_run,
            "What a map would do to all stored codes of its source; changes nothing",
        )
        .body::<TryRows>(r#"{"rows":[{"code":"shipped","status":"in_transit"}]}"#)
        .answers::<Outlook>(200)
        .add::<EditStatusMaps, _, _>(
            Method::POST,
            "/status-maps/{source}/apply",
            apply,
            "Set a map, or take the one there is, and run it over all stored codes of its source",
        )
        .body::<ApplyInput>(r#"{"rows":[{"code":"shipped","status":"in_transit"}]}"#)
        .answers::<Run>(202)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/{source}/run",
            run,
            "How far the last run of a source's map over stored codes is",
        )
        .answers::<Run>(200)
        .add::<ViewStatusMaps, _, _>(
            Method::GET,
            "/status-maps/{source}/sites",
            sites,
            "Rows that depots have for themselves: at a depot its own, at headquarters everybody's",
        )
        .answers::<Vec<SiteView>>(200)
        .add::<EditStatusMaps, _, _>(
            Method::PUT,
            "/status-maps/{source}/site",
            put_site,
            "Set this depot's own rows of a source, which count before the tenant's and the shipped ones, here alone",
        )
        .body::<SiteInput>(r#"{"rows":[{"code":"shipped","status":"in_transit"}]}"#)
        .answers::<MapView>(200)
        .add::<EditStatusMaps, _, _>(
            Method::POST,
            "/status-maps/{source}/site/dry-run",
            try_site,
            "What this depot's own rows would do to the stored codes it keeps; changes nothing",
        )
        .body::<SiteInput>(r#"{"rows":[{"code":"shipped","status":"in_transit"}]}"#)
        .answers::<Outlook>(200)
        .add::<EditStatusMaps, _, _>(
            Method::POST,
            "/status-maps/{source}/site/apply",
            apply_site,
            "Set this depot's own rows and run them over the stored codes it keeps",
        )
        .body::<SiteInput>(r#"{"rows":[{"code":"shipped","status":"in_transit"}]}"#)
        .answers::<Run>(202)
}

/// A row of a map.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MapRowView {
    /// The source's code, or `*` for every code the map doesn't hold.
    code: String,
    /// Its second-level code; a row without one stands for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The row counts only when the event's text has these words, in either case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_contains: Option<String>,
    /// What it means, in our words.
    #[serde(default)]
    meaning: String,
    /// A status, or info: kept, and changes nothing.
    #[schema(value_type = String)]
    status: Mapped,
    /// The reason code that comes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Whether it is a shipped one, beneath the own ones. One that is sent back so stays there.
    #[serde(default)]
    shipped: bool,
    /// Whether it is this depot's alone, above all others. One that is sent back so stays there.
    #[serde(default)]
    site: bool,
}

impl MapRowView {
    fn of(row: &MapRow, layer: Layer) -> Self {
        let MapRow { code, sub, text_contains, meaning, status, reason } = row.clone();
        let (shipped, site) = (layer == Layer::Shipped, layer == Layer::Site);
        Self { code, sub, text_contains, meaning, status, reason, shipped, site }
    }

    fn row(&self) -> MapRow {
        let Self { code, sub, text_contains, meaning, status, reason, shipped: _, site: _ } = self.clone();
        MapRow { code, sub, text_contains, meaning, status, reason }
    }
}

/// A map as it is shown.
#[derive(Serialize, ToSchema)]
struct MapView {
    source: String,
    /// Revision of the own map; 0 while the shipped one counts.
    version: u64,
    /// Revision of this depot's own rows; 0 where it has none.
    site_version: u64,
    /// Whether shipped rows count where the own ones say nothing.
    over_shipped: bool,
    /// The rows. The first that fits counts: this depot's before the tenant's, these before shipped ones, those for the second-level code before those
    /// without one, those that look at the text before the others, and else as they stand.
    rows: Vec<MapRowView>,
}

fn view(tx: &dyn ReadTx, source: &str) -> Result<Answer, MapError> {
    let own = map_service::own(tx, source)?;
    let (over_shipped, version) = own.map_or((false, 0), |(own, rev)| (own.over_shipped, rev));
    let map = map_service::compiled(tx, source)?;
    let is_own = version > 0;
    // Without an own map the shipped one stands in its place.
    let whose = |layer| if layer == Layer::Own && !is_own { Layer::Shipped } else { layer };
    let rows = map.all_rows().map(|(layer, row)| MapRowView::of(row, whose(layer))).collect();
    let site_version = map.site_rev();
    let over_shipped = if is_own { over_shipped } else { shipped(source).is_some() };
    let view = MapView { source: source.to_owned(), version, site_version, over_shipped, rows };
    Ok(Answer::ok(&view)?.rev(version))
}

/// A map as it is set.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MapInput {
    /// The revision the caller has seen.
    version: Option<u64>,
    /// Whether shipped rows count where these say nothing; as it is now when absent, and at first when there are any.
    over_shipped: Option<bool>,
    /// code, status (one of ours, or info), optional sub, text_contains, meaning, reason.
    rows: Vec<MapRowView>,
}

/// Rows to be tried.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TryRows {
    /// As in the map; the map there is when absent.
    rows: Option<Vec<MapRowView>>,
    /// As in the map.
    over_shipped: Option<bool>,
}

/// A map to be run over everything.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApplyInput {
    /// The revision the caller has seen; when it is sent, it must be the present one.
    version: Option<u64>,
    /// As in the map; the map there is when absent.
    rows: Option<Vec<MapRowView>>,
    /// As in the map.
    over_shipped: Option<bool>,
}

/// A code to be tried.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TryInput {
    /// The code.
    code: String,
    /// Its second-level code.
    sub: Option<String>,
    /// The text beside it.
    text: Option<String>,
    /// Rows to try it against; the map there is when absent.
    rows: Option<Vec<MapRowView>>,
    /// As in the map.
    over_shipped: Option<bool>,
}

/// A depot's own rows as they are set or tried.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SiteInput {
    /// The revision the caller has seen, `site_version` of the map.
    version: Option<u64>,
    /// As in the map, all of this depot's; those there are when absent.
    rows: Option<Vec<MapRowView>>,
}

/// A depot's own rows.
#[derive(Serialize, ToSchema)]
struct SiteView {
    /// Its number when they were set; absent before headquarters gave it one.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<u32>,
    /// Whether it is this one.
    here: bool,
    /// The rows.
    rows: Vec<MapRowView>,
}

/// A code no map knows, and what it may mean.
#[derive(Serialize, ToSchema)]
struct UnmappedView {
    #[serde(flatten)]
    #[schema(inline)]
    code: Unmapped,
    /// What it may mean, the likeliest first.
    suggestions: Vec<Suggestion>,
}

/// What `rows` make of the map of `source`: these, or the present ones, and whether shipped rows count beneath.
fn wanted(
    tx: &dyn ReadTx,
    source: &str,
    rows: Option<&[MapRowView]>,
    over: Option<bool>,
) -> Result<(Map, bool), MapError> {
    let own = map_service::own(tx, source)?.map(|(own, _)| own);
    let over = over.or(own.as_ref().map(|o| o.over_shipped)).unwrap_or(shipped(source).is_some());
    let rows = match rows {
        // What was read as one list may be sent back as one: each row stays where it is.
        Some(rows) => rows.iter().filter(|r| !(over && r.shipped || r.site)).map(MapRowView::row).collect(),
        None => own.map(|o| o.map.rows).unwrap_or_default(),
    };
    Ok((Map { source: source.to_owned(), rows }, over))
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

async fn inbox(call: Call<ViewStatusMaps>, q: Query<Wanted>) -> Response {
    call.read(|tx, grant| -> Result<Answer, MapError> {
        let rows =
            unmapped::list(tx, q.0.source.as_deref(), position(q.0.cursor.as_deref())?, limit(q.0.limit)?)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        let mut items = Vec::with_capacity(rows.items.len());
        for mut code in rows.items.into_iter().map(|e| e.value) {
            // Code and text came with a parcel, and whoever may not see that one may not read them either.
            if *grant.scope() != Scope::Tenant {
                if !repo::sees(tx, grant.scope(), code.parcel)? {
                    continue;
                }
                code.examples.retain(|e| e.parcel == code.parcel);
            }
            let suggestions = suggestions(&code);
            items.push(UnmappedView { code, suggestions });
        }
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn get(call: Call<ViewStatusMaps>, source: Path<String>) -> Response {
    call.read(|tx, _| view(tx, &source))
}

async fn put(call: Call<EditStatusMaps>, source: Path<String>, body: Body<MapInput>) -> Response {
    // A source without an own map has nothing to be stale against, so the first one needs no revision.
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer, MapError> {
        let (map, over_shipped) = wanted(tx, &source, Some(&body.0.rows), body.0.over_shipped)?;
        map_service::put(tx, grant, cx, Change { map, over_shipped, all: false, unseen: false }, seen)?;
        view(tx, &source)
    })
    .await
}

async fn export(call: Call<ViewStatusMaps>, source: Path<String>) -> Response {
    let (csv, rev) = call.app.store.read(call.grant.tenant(), |tx| -> Result<_, MapError> {
        let map = map_service::compiled(tx, &source)?;
        // A depot's own rows are no part of the map that is everybody's.
        let rows = map.all_rows().filter(|(layer, _)| *layer != Layer::Site);
        let rows = rows.map(|(_, row)| row.clone()).collect();
        let rev = map.rev;
        let csv = Map { source: source.to_owned(), rows }.write_csv();
        Ok((csv.map_err(|e| StoreError::Codec { what: "status map", why: e.to_string() })?, rev))
    })?;
    let mut response = HttpResponse::Ok();
    response.content_type("text/csv; charset=utf-8").insert_header(("etag", format!("\"{rev}\"")));
    response.insert_header(("content-disposition", "attachment; filename=\"status-map.csv\""));
    Ok(response.body(csv))
}

async fn import(call: Call<EditStatusMaps>, source: Path<String>, body: Payload) -> Response {
    let seen = call.if_match()?;
    let patience = Duration::from_secs(call.app.config.limits.body_timeout_s);
    let file = collect(body.into_inner(), MAX_FILE, patience).await?;
    call.request().extensions_mut().insert(BodyHash(*blake3::hash(&file).as_bytes()));
    text::required("/source", &source, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    let map = Map::read_csv(&source, &file)?;
    call.write(move |tx, grant, cx| -> Result<Answer, MapError> {
        let change = Change { map: map.clone(), over_shipped: false, all: false, unseen: false };
        map_service::put(tx, grant, cx, change, seen)?;
        view(tx, &source)
    })
    .await
}

async fn try_code(call: Call<ViewStatusMaps>, source: Path<String>, body: Body<TryInput>) -> Response {
    call.read(|tx, _| -> Result<Answer, MapError> {
        let TryInput { code, sub, text, rows, over_shipped } = body.0;
        text::required("/code", &code, text::SHORT).map_err(|p| Invalid(vec![p]))?;
        let said = [("/sub", sub.as_deref()), ("/text", text.as_deref())];
        let long = said.iter().filter_map(|(at, t)| text::optional(at, (*t)?, text::LONG).err());
        let long: Vec<_> = long.collect();
        if !long.is_empty() {
            return Err(Invalid(long).into());
        }
        let map = if rows.is_none() && over_shipped.is_none() {
            map_service::compiled(tx, &source)?
        } else {
            let (map, over) = wanted(tx, &source, rows.as_deref(), over_shipped)?;
            map_service::check(&map)?;
            map_site::above(tx, map_service::ready(map, over))?.into()
        };
        Ok(Answer::ok(&tried(&map, &code, sub.as_deref(), text.as_deref()))?)
    })
}

async fn dry_run(call: Call<EditStatusMaps>, source: Path<String>, body: Body<TryRows>) -> Response {
    let (store, tenant, scope) = (call.app.store.clone(), call.grant.tenant(), call.grant.scope().clone());
    let map = store.read(tenant, |tx| -> Result<_, MapError> {
        let (map, over) = wanted(tx, &source, body.0.rows.as_deref(), body.0.over_shipped)?;
        map_service::check(&map)?;
        Ok(map_site::above(tx, map_service::ready(map, over))?)
    })?;
    // Every parcel is looked at, in pages with a snapshot each: not on a thread that answers others.
    let tried = actix_web::web::block(move || map_runs::try_out(&store, tenant, &scope, &map));
    let tried = tried.await.map_err(|_| StoreError::Closed)??;
    Ok(Answer::ok(&tried)?.respond("", ""))
}

async fn apply(call: Call<EditStatusMaps>, source: Path<String>, body: Body<ApplyInput>) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer, MapError> {
        let (map, over_shipped) = wanted(tx, &source, body.0.rows.as_deref(), body.0.over_shipped)?;
        map_service::put(tx, grant, cx, Change { map, over_shipped, all: true, unseen: true }, seen)?;
        let run = map_runs::run_of(tx, &source)?.ok_or_else(|| MapError::NoRun(source.to_owned()))?;
        let location = format!("/api/v1/status-maps/{}/run", run.source);
        Ok(Answer { location: Some(location), ..Answer::json(202, &run)? })
    })
    .await
}

async fn run(call: Call<ViewStatusMaps>, source: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, MapError> {
        let run = map_runs::run_of(tx, &source)?.ok_or_else(|| MapError::NoRun(source.to_owned()))?;
        Ok(Answer::ok(&run)?)
    })
}

/// This depot's rows that were sent, or those there are.
fn site_rows(tx: &dyn ReadTx, source: &str, rows: Option<&[MapRowView]>) -> Result<Map, MapError> {
    text::required("/source", source, text::SHORT).map_err(|p| Invalid(vec![p]))?;
    Ok(match rows {
        Some(rows) => Map { source: source.to_owned(), rows: rows.iter().map(MapRowView::row).collect() },
        None => map_site::here(tx, source)?.0,
    })
}

async fn sites(call: Call<ViewStatusMaps>, source: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, MapError> {
        let origin = Origin::load(tx)?;
        let view = |own: map_site::SiteMap| SiteView {
            site: (own.site != UNENROLLED).then_some(own.site),
            here: own.depot == origin.first,
            rows: own.map.rows.iter().map(|row| MapRowView::of(row, Layer::Site)).collect(),
        };
        let all: Vec<SiteView> = map_site::all(tx, &source)?.into_iter().map(view).collect();
        Ok(Answer::ok(&all)?)
    })
}

async fn put_site(call: Call<EditStatusMaps>, source: Path<String>, body: Body<SiteInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, MapError> {
        let map = site_rows(tx, &source, body.0.rows.as_deref())?;
        map_site::put(tx, grant, cx, (map, false), body.0.version)?;
        view(tx, &source)
    })
    .await
}

async fn try_site(call: Call<EditStatusMaps>, source: Path<String>, body: Body<SiteInput>) -> Response {
    let (store, tenant, scope) = (call.app.store.clone(), call.grant.tenant(), call.grant.scope().clone());
    let map = store.read(tenant, |tx| -> Result<_, MapError> {
        let site = site_rows(tx, &source, body.0.rows.as_deref())?;
        map_service::check(&site)?;
        Ok(map_service::compiled(tx, &source)?.alone().beneath(site, 0))
    })?;
    let tried = actix_web::web::block(move || map_runs::try_out(&store, tenant, &scope, &map));
    let tried = tried.await.map_err(|_| StoreError::Closed)??;
    Ok(Answer::ok(&tried)?.respond("", ""))
}

async fn apply_site(call: Call<EditStatusMaps>, source: Path<String>, body: Body<SiteInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, MapError> {
        let map = site_rows(tx, &source, body.0.rows.as_deref())?;
        map_site::put(tx, grant, cx, (map, true), body.0.version)?;
        let run = map_runs::run_of(tx, &source)?.ok_or_else(|| MapError::NoRun(source.to_owned()))?;
        let location = format!("/api/v1/status-maps/{}/run", run.source);
        Ok(Answer { location: Some(location), ..Answer::json(202, &run)? })
    })
    .await
}
