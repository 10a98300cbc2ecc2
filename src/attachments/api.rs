//! The routes of documents.

use actix_web::http::Method;
use actix_web::web::{Bytes, Path, Payload};
use actix_web::{HttpMessage, HttpResponse};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

use super::intake::{self, Landed, Limits};
use super::model::{Attachment, FILE_TYPES, FileType, Subject, hex, of_subject};
use super::service::{self, Arrived, AttachmentError, MAX_NAME};
use super::vault::Vault;
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind};
use crate::base::ids::Id;
use crate::base::text;
use crate::freight::error::FreightError;
use crate::freight::model::Document;
use crate::freight::{accounts, houses, service as freight};
use crate::identity::features::{AddDocuments, Feature, ViewDocuments};
use crate::journal::{Cx, Folded};
use crate::store::{Entry, ReadTx, Tenant, WriteTx};
use crate::sync::sites;
use crate::web::call::BodyHash;
use crate::web::error::Refusal;
use crate::web::{Answer, ApiError, Call, Query, Routes};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("documents")
        .add::<ViewDocuments, _, _>(
            Method::GET,
            "/file-types",
            types,
            "The types of document, and the files each may be",
        )
        .answers::<Vec<FileType>>(200)
        .add::<AddDocuments, _, _>(
            Method::POST,
            "/attachments",
            add,
            "Attach a file to a record; it is streamed to disk and judged by its bytes",
        )
        .query(&[
            ("subject", "mawb, hawb or bill"),
            ("id", "the record, by id or number"),
            ("type", "a file type, such as invoice"),
            ("name", "the file's name"),
        ])
        .raw_body("application/octet-stream", "the file as it is")
        .answers::<AttachmentView>(201)
        .add::<ViewDocuments, _, _>(Method::GET, "/attachments", list, "The documents of a record")
        .query(&[("subject", "mawb, hawb or bill"), ("id", "the record, by id or number")])
        .answers::<Vec<AttachmentView>>(200)
        .add::<ViewDocuments, _, _>(Method::GET, "/attachments/{id}", show, "What is known of a document")
        .answers::<AttachmentView>(200)
        .add::<ViewDocuments, _, _>(Method::GET, "/attachments/{id}/file", file, "The file itself")
        .query(&[("inline", "true: to be shown in place, where that is safe")])
        .add::<AddDocuments, _, _>(Method::DELETE, "/attachments/{id}", remove, "Remove a document")
        .status(204)
}

/// A document as it is shown.
#[derive(Serialize, ToSchema)]
pub struct AttachmentView {
    id: Id,
    subject: Subject,
    /// Its type, such as `invoice`.
    #[serde(rename = "type")]
    kind: String,
    name: String,
    /// What the file is, by its bytes.
    media: &'static str,
    /// Bytes.
    size: u64,
    /// BLAKE3 of the content.
    hash: String,
    /// Whether a browser may show it in place.
    previews: bool,
    added_at: Timestamp,
    added_by: String,
    /// Its revision.
    version: u64,
    /// The depot that still has its content to itself; absent when it lies here.
    #[serde(skip_serializing_if = "Option::is_none")]
    still_at: Option<String>,
}

impl AttachmentView {
    /// With where its content is.
    fn located(mut self, at: Option<String>) -> Self {
        self.still_at = at;
        self
    }
}

/// The depot whose content of `a` has not come here yet; none when it lies here.
///
/// # Errors
/// Storage failures.
pub fn still_at(
    tx: &dyn ReadTx,
    vault: &Vault,
    tenant: Tenant,
    a: &Attachment,
) -> crate::store::Result<Option<String>> {
    if vault.content(tenant, &a.hash).exists() {
        return Ok(None);
    }
    let number = a.origin.map_or(0, |o| o.site);
    let name = sites::site(tx, number)?.map(|s| s.name).filter(|n| !n.is_empty());
    Ok(Some(name.unwrap_or_else(|| format!("depot {number}"))))
}

impl From<Entry<Folded<Attachment>>> for AttachmentView {
    fn from(entry: Entry<Folded<Attachment>>) -> Self {
        let Attachment { id, subject, kind, name, media, size, hash, added_at, added_by, .. } =
            entry.value.state;
        Self {
            id,
            subject,
            kind,
            name,
            media: media.mime(),
            size,
            hash: hex(&hash),
            previews: media.previews(),
            added_at,
            added_by,
            version: entry.rev,
            still_at: None,
        }
    }
}

async fn types(call: Call<ViewDocuments>) -> Response {
    call.read(|_, _| -> Result<Answer, AttachmentError> { Ok(Answer::ok(&FILE_TYPES)?) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    subject: String,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    subject: String,
    id: String,
}

/// The record that is meant, which has to be there.
fn subject(tx: &dyn ReadTx, kind: &str, name: &str) -> Result<Subject, FreightError> {
    let id = match kind {
        "mawb" => freight::find_id(tx, name)?,
        "hawb" => houses::find(tx, name)?.value.state.id,
        "bill" => accounts::find(tx, name)?.value.state.id,
        other => {
            let said =
                format!("\"{}\" has no documents; mawb, hawb and bill have", text::clipped(other.into(), 40));
            return Err(Invalid::at("?subject", said).into());
        }
    };
    Ok(Subject { kind: kind.to_owned(), id })
}

fn no_disk(e: &std::io::Error) -> Refusal {
    Refusal::new(Kind::Busy, "attachment.disk", format!("the file can't be stored: {e}"))
}

async fn add(call: Call<AddDocuments>, wanted: Query<Wanted>, payload: Payload) -> Response {
    let Wanted { subject: kind, id: name, kind: file_type, name: file } = wanted.0;
    text::required("?name", &file, MAX_NAME).map_err(|p| Invalid(vec![p]))?;
    let doc = service::type_named(&file_type)?;
    freight::whole(&call.grant)?;
    let found = call.app.store.read(call.grant.tenant(), |tx| subject(tx, &kind, &name))?;
    take_in(call, (found, doc, file), payload).await
}

/// Takes a file in as a document of a record that is there, of which the caller may do so.
///
/// # Errors
/// When there is no room, or the file is refused.
pub async fn take_in<F: Feature>(
    call: Call<F>,
    (found, doc, file): (Subject, &'static FileType, String),
    payload: Payload,
) -> Response {
    if !call.app.store.status().imports {
        let detail = "attachments wait until there is room on the disk";
        return Err(Refusal::new(Kind::Busy, "attachment.no_room", detail).into());
    }
    let (vault, id) = (Vault::under(&call.app.folder), Id::fresh());
    let incoming = vault.incoming(id).map_err(|e| no_disk(&e))?;
    let answer = taken(call, &vault, (id, found, doc.code, file), &incoming, payload).await;
    // Refused, repeated or failed: whatever is left of it is nobody's.
    let _ = tokio::fs::remove_file(&incoming).await;
    answer
}

/// Takes the file in, judges it, and makes it known.
async fn taken<F: Feature>(
    call: Call<F>,
    vault: &Vault,
    (id, subject, kind, name): (Id, Subject, &'static str, String),
    incoming: &std::path::Path,
    payload: Payload,
) -> Response {
    let Landed { size, hash, media } =
        intake::land(incoming, payload, Limits::of(&call.app.config.limits)).await?;
    service::fits(service::type_named(kind)?, media)?;
    if call.request().headers().contains_key("idempotency-key") {
        let mut request = blake3::Hasher::new();
        request.update(call.request().query_string().as_bytes()).update(b"\n").update(&hash);
        call.request().extensions_mut().insert(BodyHash(*request.finalize().as_bytes()));
    }
    let arrived = Arrived { id, subject, kind: kind.to_owned(), name, media, size, hash };
    let _naming = vault.naming().await;
    vault.settle(incoming, call.grant.tenant(), &hash).map_err(|e| no_disk(&e))?;
    call.write(move |tx, _, cx| -> Result<Answer, Attached> {
        // A phone that did not hear our answer sends the same picture again.
        if arrived.subject.kind == "delivery"
            && let Some(known) = service::same(tx, &arrived)?
        {
            let view = AttachmentView::from(known);
            return Ok(Answer::ok(&view)?.rev(view.version));
        }
        let view = AttachmentView::from(attach(tx, cx, &arrived)?);
        Ok(Answer::created(format!("/api/v1/attachments/{}", view.id), &view)?.rev(view.version))
    })
    .await
}

/// Makes a document of a content that lies in the vault; its master knows of it in the same transaction.
///
/// # Errors
/// When the record has too many, or is not there.
pub fn attach(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    arrived: &Arrived,
) -> Result<Entry<Folded<Attachment>>, Attached> {
    let made = service::attach(tx, cx, arrived)?;
    if arrived.subject.kind == "mawb" {
        let doc = Document { kind: arrived.kind.clone(), attachment: arrived.id };
        freight::document(tx, cx, arrived.subject.id, doc, true)?;
    }
    Ok(made)
}

/// Removes the document `id` that was seen at a revision; its master knows of it in the same transaction.
///
/// # Errors
/// When it is not there, or was changed since.
pub fn take_away(tx: &mut dyn WriteTx, cx: &Cx, (id, seen): (&str, u64)) -> Result<(), Attached> {
    let gone = service::remove(tx, cx, (id, seen), "removed by hand")?;
    if gone.subject.kind == "mawb" {
        let doc = Document { kind: gone.kind.clone(), attachment: gone.id };
        freight::document(tx, cx, gone.subject.id, doc, false)?;
    }
    Ok(())
}

/// What can go wrong with a document and its record.
#[derive(Debug, thiserror::Error)]
pub enum Attached {
    /// With the document.
    #[error(transparent)]
    Document(#[from] AttachmentError),
    /// With the record it belongs to.
    #[error(transparent)]
    Record(#[from] FreightError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Fault for Attached {
    fn kind(&self) -> Kind {
        match self {
            Self::Document(e) => e.kind(),
            Self::Record(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Document(e) => e.code(),
            Self::Record(e) => e.code(),
            Self::Store(e) => e.code(),
        }
    }
    fn fields(&self) -> Vec<crate::base::error::Problem> {
        match self {
            Self::Document(e) => e.fields(),
            Self::Record(e) => e.fields(),
            Self::Store(_) => Vec::new(),
        }
    }
}

async fn list(call: Call<ViewDocuments>, q: Query<Of>) -> Response {
    let vault = Vault::under(&call.app.folder);
    call.read(|tx, grant| -> Result<Answer, FreightError> {
        freight::whole(grant)?;
        let subject = subject(tx, &q.0.subject, &q.0.id)?;
        let mut all = Vec::new();
        for e in of_subject(tx, subject.id)? {
            let at = still_at(tx, &vault, grant.tenant(), &e.value.state)?;
            all.push(AttachmentView::from(e).located(at));
        }
        Ok(Answer::ok(&all)?)
    })
}

async fn show(call: Call<ViewDocuments>, id: Path<String>) -> Response {
    freight::whole(&call.grant)?;
    let vault = Vault::under(&call.app.folder);
    call.read(|tx, grant| -> Result<Answer, AttachmentError> {
        let e = service::find(tx, &id)?;
        let at = still_at(tx, &vault, grant.tenant(), &e.value.state)?;
        let view = AttachmentView::from(e).located(at);
        Ok(Answer::ok(&view)?.rev(view.version))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    #[serde(default)]
    inline: bool,
}

/// `name` in a header: plain characters, the others by their bytes.
fn quoted(name: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    name.bytes().map(byte).collect()
}

async fn file(call: Call<ViewDocuments>, id: Path<String>, look: Query<Look>) -> Response {
    freight::whole(&call.grant)?;
    let a = call.app.store.read(call.grant.tenant(), |tx| service::find(tx, &id))?.value.state;
    hand_out(&call, &a, look.0.inline).await
}

/// The content of a document that the caller may see, to be shown in place where that is asked for and safe.
///
/// # Errors
/// 404 when the content is at another site.
pub async fn hand_out<F: Feature>(call: &Call<F>, a: &Attachment, inline: bool) -> Response {
    const CHUNK: u64 = 64 * 1024;
    let path = Vault::under(&call.app.folder).content(call.grant.tenant(), &a.hash);
    let Ok(content) = tokio::fs::File::open(path).await else {
        let (vault, tenant) = (Vault::under(&call.app.folder), call.grant.tenant());
        let at = call.app.store.read(tenant, |tx| still_at(tx, &vault, tenant, a))?.unwrap_or_default();
        let detail =
            format!("the content is still at {at}: it comes with the next exchange that has time for it");
        return Err(Refusal::new(Kind::NotFound, "attachment.elsewhere", detail).into());
    };
    call.saw("attachment", [a.id]);
    let way = if inline && a.media.previews() { "inline" } else { "attachment" };
    let mut response = HttpResponse::Ok();
    response
        .content_type(a.media.mime())
        .insert_header(("content-disposition", format!("{way}; filename*=UTF-8''{}", quoted(&a.name))))
        .insert_header(("x-content-type-options", "nosniff"))
        // Whatever it is, it runs nothing and nobody keeps a copy on the way.
        .insert_header(("content-security-policy", "default-src 'none'; sandbox"))
        .insert_header(("cache-control", "no-store"))
        .insert_header(("content-encoding", "identity"));
    let chunks = stream::try_unfold(content, |mut rest| async move {
        let mut chunk = Vec::new();
        (&mut rest).take(CHUNK).read_to_end(&mut chunk).await?;
        Ok::<_, std::io::Error>((!chunk.is_empty()).then(|| (Bytes::from(chunk), rest)))
    });
    Ok(response.streaming(chunks))
}

async fn remove(call: Call<AddDocuments>, id: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    freight::whole(&call.grant)?;
    call.write(move |tx, _, cx| -> Result<Answer, Attached> {
        take_away(tx, cx, (&id, seen))?;
        Ok(Answer::none())
    })
    .await
}
