//! The routes of imports. A file goes to disk as it comes; its rows are taken in by a job.

use actix_web::http::Method;
use actix_web::web::{Path, Payload};
use actix_web::{HttpMessage, HttpResponse};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use utoipa::ToSchema;

use super::model::{Counts, Form, Import, State};
use super::run::{self, Files};
use super::service::{self, Arrived, ServiceError};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Kind as Class};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{EditStatusMaps, RunImports, UndoImports, ViewImports};
use crate::parcels::queries::limit;
use crate::store::table::{cursor, position};
use crate::web::call::BodyHash;
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("imports")
        .add::<RunImports, _, _>(
            Method::POST,
            "/imports",
            begin,
            "Import a file; its rows are taken in by a job",
        )
        .query(&[
            ("kind", "parcels or status"),
            ("source", "who it is from: names the status map and the saved mapping"),
            ("dry_run", "true: only say what would happen"),
            ("file", "its name"),
        ])
        .raw_body(
            "text/csv",
            "the file as it is: encoding, delimiter, decimal sign and date form are found out",
        )
        .answers::<ImportView>(202)
        .add::<ViewImports, _, _>(Method::GET, "/imports", list, "Imports, newest first")
        .query(&[("limit", "rows, at most 500"), ("cursor", "from the page before")])
        .answers::<Page<ImportView>>(200)
        .add::<ViewImports, _, _>(
            Method::GET,
            "/imports/{id}",
            get,
            "One import with its progress and verdicts",
        )
        .answers::<ImportView>(200)
        .add::<ViewImports, _, _>(
            Method::GET,
            "/imports/{id}/errors.csv",
            errors,
            "The refused rows with the reason and physical line of each",
        )
        .add::<UndoImports, _, _>(
            Method::POST,
            "/imports/{id}/undo",
            undo,
            "Take back everything an import changed",
        )
        .answers::<ImportView>(202)
        .add::<ViewImports, _, _>(
            Method::GET,
            "/import-mappings/{source}",
            mapping,
            "The mapping saved for a source's columns",
        )
        .answers::<MappingView>(200)
        .add::<EditStatusMaps, _, _>(
            Method::PUT,
            "/import-mappings/{source}",
            save_mapping,
            "Save the mapping of a source's columns",
        )
        .body::<MappingInput>(r#"{"mapping":{"columns":{"Sendungsnummer":"tracking_number"}}}"#)
        .answers::<MappingView>(200)
}

/// An import as it is shown.
#[derive(Serialize, ToSchema)]
pub struct ImportView {
    id: Id,
    kind: &'static str,
    source: String,
    file: Option<String>,
    bytes: u64,
    dry_run: bool,
    state: State,
    /// Rows with a verdict, in percent of the file.
    progress: Option<u8>,
    #[serde(flatten)]
    counts: Counts,
    survey: Option<Form>,
    /// What a person should look at: what, which column, how many, and the remedy.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<super::Warning>,
    error: Option<String>,
    by: String,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl From<Import> for ImportView {
    fn from(i: Import) -> Self {
        let Import {
            id,
            kind,
            source,
            file,
            bytes,
            dry_run,
            state,
            counts,
            next_row,
            error_bytes: _,
            survey,
            warnings,
            error,
            begun: _,
            number: _,
            by: _,
            by_name,
            created_at,
            finished_at,
        } = i;
        let kind = match kind {
            super::mapping::Kind::Parcels => "parcels",
            super::mapping::Kind::Status => "status",
        };
        let progress = survey
            .as_ref()
            .map(|s| u8::try_from((next_row * 100).checked_div(s.records).unwrap_or(100)).unwrap_or(100));
        Self {
            id,
            kind,
            source,
            file,
            bytes,
            dry_run,
            state,
            progress,
            counts,
            survey,
            warnings,
            error,
            by: by_name,
            created_at,
            finished_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    source: String,
    #[serde(default)]
    dry_run: bool,
    file: Option<String>,
}

async fn begin(call: Call<RunImports>, wanted: Query<Wanted>, payload: Payload) -> Response {
    let Wanted { kind, source, dry_run, file } = wanted.0;
    let kind = run::kind_of(&kind).ok_or_else(|| {
        Invalid::at("?kind", format!("\"{kind}\" is no kind of import; parcels and status are"))
    })?;
    if !call.app.store.status().imports {
        let detail = "imports wait until there is room on the disk";
        return Err(Refusal::new(Class::Busy, "import.no_room", detail).into());
    }
    let files = Files::under(&call.app.folder);
    let id = Id::fresh();
    let bytes = match receive(&files, id, payload, call.app.config.limits.import_max_bytes).await {
        Ok((bytes, hash)) => {
            // A repeated key with another file must not be answered with the first one's import.
            call.request().extensions_mut().insert(hash);
            bytes
        }
        Err(e) => {
            let _ = tokio::fs::remove_file(files.data(id)).await;
            return Err(e);
        }
    };
    let arrived = Arrived { id, kind, source, file, bytes, dry_run };
    let data = files.data(id);
    let done = call
        .write(move |tx, grant, cx| -> Result<Answer, ServiceError> {
            let import = service::begin(tx, grant, cx, arrived.clone())?;
            let location = format!("/api/v1/imports/{}", import.id);
            Ok(Answer { location: Some(location), ..Answer::json(202, &ImportView::from(import))? })
        })
        .await;
    // A repeated request was answered with the first import, and a refused one has none: either way this file is nobody's.
    if !done
        .as_ref()
        .is_ok_and(|r| r.status().as_u16() == 202 && !r.headers().contains_key("idempotent-replay"))
    {
        let _ = tokio::fs::remove_file(data).await;
    }
    done
}

/// Writes a body to disk, as it comes, and makes it durable; returns its length and hash.
async fn receive(files: &Files, id: Id, mut payload: Payload, max: u64) -> Result<(u64, BodyHash), ApiError> {
    let io = |e: std::io::Error| {
        Refusal::new(Class::Busy, "import.disk", format!("the file can't be stored: {e}"))
    };
    files.folder().map_err(io)?;
    let mut file = tokio::fs::File::create(files.data(id)).await.map_err(io)?;
    let (mut bytes, mut hash) = (0_u64, blake3::Hasher::new());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|e| {
            Refusal::new(Class::Malformed, "request.broken", format!("the file ended early: {e}"))
        })?;
        bytes += chunk.len() as u64;
        if bytes > max {
            return Err(Refusal::new(
                Class::TooLarge,
                "import.too_large",
                format!("the file is larger than the {max} bytes that are taken"),
            )
            .into());
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(io)?;
    }
    file.sync_all().await.map_err(io)?;
    Ok((bytes, BodyHash(*hash.finalize().as_bytes())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(call: Call<ViewImports>, q: Query<Listing>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ServiceError> {
        service::whole(grant)?;
        let rows = service::list(tx, position(q.0.cursor.as_deref())?, limit(q.0.limit)?)?;
        let next = rows.next.as_ref().map(cursor).transpose()?;
        Ok(Answer::page(&Page {
            items: rows.items.into_iter().map(|e| ImportView::from(e.value)).collect(),
            next,
        })?)
    })
}

async fn get(call: Call<ViewImports>, id: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, ServiceError> {
        service::whole(grant)?;
        Ok(Answer::ok(&ImportView::from(service::find(tx, &id)?))?)
    })
}

async fn errors(call: Call<ViewImports>, id: Path<String>) -> Response {
    service::whole(&call.grant)?;
    let import = call.app.store.read(call.grant.tenant(), |tx| service::find(tx, &id))?;
    let files = Files::under(&call.app.folder);
    let rows = actix_web::web::block(move || run::error_rows(&files, &import)).await;
    let rows = rows.map_err(|_| crate::store::StoreError::Closed)?;
    let rows = rows.map_err(|e| {
        Refusal::new(Class::Busy, "import.disk", format!("the error file can't be read: {e}"))
    })?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", "attachment; filename=\"errors.csv\""));
    Ok(response.body(rows.unwrap_or_default()))
}

async fn undo(call: Call<UndoImports>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ServiceError> {
        Ok(Answer::json(202, &ImportView::from(service::undo(tx, grant, cx, &id)?))?)
    })
    .await
}

/// A saved mapping as it is shown.
#[derive(Serialize, ToSchema)]
struct MappingView {
    source: String,
    version: u64,
    #[schema(value_type = Object)]
    mapping: super::mapping::Mapping,
}

/// A mapping to be saved.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MappingInput {
    /// The revision the caller has seen.
    #[serde(default)]
    version: Option<u64>,
    #[schema(value_type = Object)]
    mapping: super::mapping::Mapping,
}

async fn mapping(call: Call<ViewImports>, source: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, ServiceError> {
        let (mapping, version) = service::mapping(tx, &source)?.unwrap_or_default();
        Ok(Answer::ok(&MappingView { source: source.clone(), version, mapping })?.rev(version))
    })
}

async fn save_mapping(
    call: Call<EditStatusMaps>,
    source: Path<String>,
    body: Body<MappingInput>,
) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer, ServiceError> {
        let version = service::save_mapping(tx, grant, cx, &source, body.0.mapping.clone(), seen)?;
        Ok(Answer::ok(&MappingView { source: source.clone(), version, mapping: body.0.mapping.clone() })?
            .rev(version))
    })
    .await
}
