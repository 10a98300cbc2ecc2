//! The routes of imports. A file goes to disk as it comes; its rows are taken in by a job.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::http::Method;
use actix_web::web::{Bytes, Path, Payload};
use actix_web::{HttpMessage, HttpResponse};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use utoipa::ToSchema;

use super::errors::Retold;
use super::files::Files;
use super::mapping::Kind;
use super::model::{Compared, Counts, Form, Import, State};
use super::run;
use super::service::{self, Arrived, ServiceError};
use crate::base::clock::Timestamp;
use crate::base::error::{Invalid, Kind as Class};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::base::said::OTHERS;
use crate::base::text;
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
            (
                "kind",
                "parcels, status, mawbs, hawbs, orders, products, categories, stock, deliveries, users, vehicles, drivers, customers or cases",
            ),
            ("source", "who it is from: names the status map and the saved mapping"),
            ("dry_run", "true: only say what would happen"),
            ("compare", "true: only count, state by state, what is here as well, what is here in another state and what is not; errors.csv names the rows"),
            ("file", "its name"),
        ])
        .raw_body(
            "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, multipart/form-data",
            "the file (CSV or .xlsx) as it is, or a form with it in the field `file`: encoding, delimiter, decimal sign and date form are found out",
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
    /// Of a comparison: how their rows lie beside ours, by their word for where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    comparison: Option<BTreeMap<String, Compared>>,
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
            taken_back: _,
            kept: _,
            compare,
            compared,
            set_aside: _,
            undone_from: _,
        } = i;
        let kind = kind.name();
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
            comparison: compare.then_some(compared),
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
    #[serde(default)]
    compare: bool,
    file: Option<String>,
}

async fn begin(call: Call<RunImports>, wanted: Query<Wanted>, payload: Payload) -> Response {
    let Wanted { kind, source, dry_run, compare, file } = wanted.0;
    let kind = run::kind_of(&kind).ok_or_else(|| {
        Invalid::at(
            "?kind",
            format!("\"{kind}\" is no kind of import; {} are", Kind::ALL.map(Kind::name).join(", ")),
        )
    })?;
    let named = text::required("?source", &source, service::MAX_SOURCE);
    let named =
        named.and_then(|()| text::optional("?file", file.as_deref().unwrap_or_default(), text::SHORT));
    named.map_err(|p| Invalid(vec![p]))?;
    if !call.app.store.status().imports {
        let detail = "imports wait until there is room on the disk";
        return Err(Refusal::new(Class::Busy, "import.no_room", detail).into());
    }
    let files = Files::under(&call.app.folder);
    let id = Id::fresh();
    let Received { bytes, hash, name } = match receive(&call, &files, id, payload).await {
        Ok(received) => received,
        Err(e) => {
            let _ = tokio::fs::remove_file(files.data(id)).await;
            return Err(e);
        }
    };
    if call.request().headers().contains_key("idempotency-key") {
        // The same file under the same key is the same request; the form around it differs from one to the next.
        let mut request = blake3::Hasher::new();
        request.update(call.request().query_string().as_bytes()).update(b"\n").update(hash.as_bytes());
        call.request().extensions_mut().insert(BodyHash(*request.finalize().as_bytes()));
    }
    let arrived = Arrived { id, kind, source, file: file.or(name), bytes, dry_run, compare };
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

/// A file that lies on the disk.
pub struct Received {
    /// Bytes.
    pub bytes: u64,
    hash: blake3::Hash,
    /// What the form called it.
    name: Option<String>,
}

/// Takes the file from the body, or from the form the body is.
async fn receive(
    call: &Call<RunImports>,
    files: &Files,
    id: Id,
    payload: Payload,
) -> Result<Received, ApiError> {
    files.folder().map_err(no_disk)?;
    let file = tokio::fs::File::create(files.data(id)).await.map_err(no_disk)?;
    let limits = &call.app.config.limits;
    let into =
        Into { file, max: limits.import_max_bytes, patience: Duration::from_secs(limits.body_timeout_s) };
    if !call.request().content_type().eq_ignore_ascii_case("multipart/form-data") {
        return into.write(payload).await;
    }
    let broken = |e: actix_multipart::MultipartError| {
        Refusal::new(Class::Malformed, "request.multipart", format!("the form can't be read: {e}"))
    };
    let mut form = Multipart::new(call.request().headers(), payload);
    let missing = || Invalid::at("/file", "is needed: send the file in the form's field \"file\"");
    let part = form.next().await.ok_or_else(missing)?.map_err(broken)?;
    alone(part.name())?;
    let name = part.content_disposition().and_then(|d| d.get_filename()).filter(|n| !n.is_empty());
    let name = name.map(|n| text::clipped(n.to_owned(), text::SHORT));
    let received = into.write(part).await?;
    if let Some(more) = form.next().await {
        let name = more.map_err(broken)?.name().map(str::to_owned);
        let which = name.unwrap_or_default();
        return Err(Invalid::at(
            format!("/{which}"),
            "is too much: the form holds one file and nothing else",
        )
        .into());
    }
    Ok(Received { name, ..received })
}

/// Refuses a part of the form that is not the file.
fn alone(name: Option<&str>) -> Result<(), Invalid> {
    match name.unwrap_or_default() {
        "file" => Ok(()),
        other => Err(Invalid::at(
            format!("/{other}"),
            "is no field of this form: it holds the file in the field \"file\"; kind, source and dry_run stand in the query",
        )),
    }
}

/// The disk does not take a file.
#[must_use]
pub fn no_disk(e: std::io::Error) -> Refusal {
    Refusal::new(Class::Busy, "import.disk", format!("the file can't be stored: {e}"))
}

/// Where a file goes, and what it may be.
pub struct Into {
    /// The file.
    pub file: tokio::fs::File,
    /// Bytes it may have.
    pub max: u64,
    /// How long a pause may be.
    pub patience: Duration,
}

impl Into {
    /// Writes a body to disk, as it comes, and makes it durable.
    ///
    /// # Errors
    /// When it is too large or too slow, or the disk does not take it.
    pub async fn write<E: Display>(
        mut self,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Received, ApiError> {
        let (mut bytes, mut hash) = (0_u64, blake3::Hasher::new());
        loop {
            let slow = |_| {
                let detail = format!("no byte of the file came for {} s", self.patience.as_secs());
                Refusal::new(Class::Malformed, "request.slow", detail)
            };
            let next = tokio::time::timeout(self.patience, body.next()).await;
            let Some(chunk) = next.map_err(slow)? else { break };
            let chunk = chunk.map_err(|e| {
                Refusal::new(Class::Malformed, "request.broken", format!("the file ended early: {e}"))
            })?;
            bytes += chunk.len() as u64;
            if bytes > self.max {
                let detail = format!("the file is larger than the {} bytes that are taken", self.max);
                return Err(Refusal::new(Class::TooLarge, "import.too_large", detail).into());
            }
            hash.update(&chunk);
            self.file.write_all(&chunk).await.map_err(no_disk)?;
        }
        self.file.sync_all().await.map_err(no_disk)?;
        Ok(Received { bytes, hash: hash.finalize(), name: None })
    }
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
    const CHUNK: u64 = 64 * 1024;
    service::whole(&call.grant)?;
    let import = call.app.store.read(call.grant.tenant(), |tx| service::find(tx, &id))?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", "attachment; filename=\"errors.csv\""));
    if import.counts.refused == 0 && !import.compare {
        return Ok(response.body(Bytes::new()));
    }
    let file = tokio::fs::File::open(Files::under(&call.app.folder).errors(import.id)).await;
    let file = file.map_err(|e| {
        Refusal::new(Class::Busy, "import.disk", format!("the error file can't be read: {e}"))
    })?;
    let language = &call.grant.principal().language;
    if let Some(survey) = import.survey.as_ref().filter(|_| OTHERS.contains(&language.as_str())) {
        let delimiter = survey.delimiter.bytes().next().unwrap_or(b',');
        let rest = std::io::Read::take(file.into_std().await, import.error_bytes);
        let retold = Retold::new(rest, survey.header.len(), delimiter, language);
        return Ok(response.streaming(told(retold)));
    }
    // What lies behind the last saved row is not settled yet.
    let rest = file.take(import.error_bytes);
    let chunks = stream::try_unfold(rest, |mut rest| async move {
        let mut chunk = Vec::new();
        (&mut rest).take(CHUNK).read_to_end(&mut chunk).await?;
        Ok::<_, std::io::Error>((!chunk.is_empty()).then(|| (Bytes::from(chunk), rest)))
    });
    Ok(response.streaming(chunks))
}

/// An error file in the reader's language, chunk by chunk.
fn told(
    file: Retold<std::io::Take<std::fs::File>>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + 'static {
    stream::try_unfold(file, |mut file| async move {
        let read = tokio::task::spawn_blocking(move || file.chunk().map(|chunk| (chunk, file)));
        let (chunk, file) = read.await.map_err(std::io::Error::other)??;
        Ok(chunk.map(|chunk| (Bytes::from(chunk), file)))
    })
}

async fn undo(call: Call<UndoImports>, id: Path<String>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, ServiceError> {
        Ok(Answer::json(202, &ImportView::from(service::undo(tx, grant, cx, &id, false)?))?)
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
