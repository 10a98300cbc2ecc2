//! The routes of the files of a proof: photos and papers from the door, and everything of a delivery as one archive.

use std::path::PathBuf;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{Bytes, Path, Payload};
use futures_util::stream;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

use super::bundle::{self, Bundle, Enclosed, MAX_DELIVERIES};
use super::error::DeliveryError;
use super::model::{Delivery, Leg, Status};
use super::service;
use super::sheet::{self, Sheet};
use crate::attachments::api::{AttachmentView, hand_out, take_in};
use crate::attachments::model::{Attachment, Subject, hex, of_subject};
use crate::attachments::service::{MAX_NAME, type_named};
use crate::attachments::sniff::Media;
use crate::attachments::vault::Vault;
use crate::base::error::{Invalid, Kind};
use crate::base::ids::Id;
use crate::base::text;
use crate::identity::features::{ProveDeliveries, ViewDeliveries};
use crate::identity::grant::Principal;
use crate::parcels::model::ParcelId;
use crate::parcels::service as parcels;
use crate::store::{ReadTx, StoreError};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("deliveries")
        .add::<ProveDeliveries, _, _>(
            Method::POST,
            "/deliveries/{id}/proof/files",
            add,
            "Send a photo or paper from the door; the same one again is the same",
        )
        .query(&[("type", "photo, the usual, or proof_of_delivery"), ("name", "the file's name")])
        .raw_body("application/octet-stream", "the file as it is")
        .answers::<AttachmentView>(201)
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/deliveries/{id}/proof/files",
            list,
            "The photos and papers of a delivery",
        )
        .answers::<Vec<AttachmentView>>(200)
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/deliveries/{id}/proof/files/{hash}",
            file,
            "One of them, by its hash, to be shown in place",
        )
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/deliveries/{id}/proof.zip",
            one,
            "Everything that shows that it was handed over, as one archive",
        )
        .add::<ViewDeliveries, _, _>(
            Method::POST,
            "/deliveries/proofs",
            many,
            "The same of many deliveries, in a folder each",
        )
        .body::<Which>(r#"{"ids":["1"]}"#)
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/deliveries/{id}/proof.pdf",
            one_sheet,
            "The same on paper: parcels, times, who took it, signature and photos",
        )
        .add::<ViewDeliveries, _, _>(
            Method::POST,
            "/deliveries/proofs.pdf",
            many_sheets,
            "The same of many deliveries in one document, each on pages of its own",
        )
        .body::<Which>(r#"{"ids":["1"]}"#)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
}

async fn add(
    call: Call<ProveDeliveries>,
    id: Path<String>,
    named: Query<Named>,
    payload: Payload,
) -> Response {
    let Named { kind, name } = named.0;
    let name = name.unwrap_or_else(|| "photo.jpg".into());
    text::required("?name", &name, MAX_NAME).map_err(|p| Invalid(vec![p]))?;
    let kind = type_named(kind.as_deref().unwrap_or("photo"))?;
    if !matches!(kind.code, "photo" | "proof_of_delivery") {
        let detail = format!("\"{}\" is no proof; photo and proof_of_delivery are", kind.code);
        return Err(Invalid::at("?type", detail).into());
    }
    let d = call.app.store.read(call.grant.tenant(), |tx| find(tx, call.principal(), &id))?;
    if !matches!(d.status, Status::InTransit | Status::Completed | Status::Failed) {
        let remedy = "proof is taken at the door; start it first";
        return Err(DeliveryError::Closed { number: d.number, status: d.status, remedy }.into());
    }
    let subject = Subject { kind: "delivery".into(), id: d.id.0 };
    take_in(call, (subject, kind, name), payload).await
}

fn find(tx: &dyn ReadTx, who: &Principal, name: &str) -> Result<Delivery, DeliveryError> {
    Ok(service::find(tx, who, name)?.value.state)
}

async fn list(call: Call<ViewDeliveries>, id: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, DeliveryError> {
        let d = find(tx, grant.principal(), &id)?;
        let all = of_subject(tx, d.id.0)?.into_iter().map(AttachmentView::from);
        Ok(Answer::ok(&all.collect::<Vec<_>>())?)
    })
}

async fn file(call: Call<ViewDeliveries>, path: Path<(String, String)>) -> Response {
    let (id, hash) = path.into_inner();
    let found = call.app.store.read(call.grant.tenant(), |tx| -> Result<_, DeliveryError> {
        let d = find(tx, call.principal(), &id)?;
        let all = of_subject(tx, d.id.0)?.into_iter().map(|e| e.value.state);
        Ok(all.into_iter().find(|a| hex(&a.hash) == hash))
    })?;
    let unknown = || {
        let detail = format!("the delivery has no file {}", text::clipped(hash.clone(), 80));
        Refusal::new(Kind::NotFound, "delivery.unknown_file", detail)
    };
    let found: Attachment = found.ok_or_else(unknown)?;
    hand_out(&call, &found, true).await
}

async fn one(call: Call<ViewDeliveries>, id: Path<String>) -> Response {
    archive(call, vec![id.into_inner()]).await
}

/// Which deliveries.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// By id or number.
    ids: Vec<String>,
}

async fn many(call: Call<ViewDeliveries>, body: Body<Which>) -> Response {
    let ids = body.0.counted()?;
    archive(call, ids).await
}

impl Which {
    fn counted(self) -> Result<Vec<String>, Invalid> {
        if self.ids.is_empty() || self.ids.len() > MAX_DELIVERIES {
            let n = self.ids.len();
            let detail =
                format!("names {n} deliveries; 1 to {MAX_DELIVERIES} go into one archive or document");
            return Err(Invalid::at("/ids", detail));
        }
        Ok(self.ids)
    }
}

async fn one_sheet(call: Call<ViewDeliveries>, id: Path<String>) -> Response {
    paper(call, vec![id.into_inner()]).await
}

async fn many_sheets(call: Call<ViewDeliveries>, body: Body<Which>) -> Response {
    let ids = body.0.counted()?;
    paper(call, ids).await
}

/// Deliveries' proofs as one PDF, in the language of whoever asks.
async fn paper(call: Call<ViewDeliveries>, ids: Vec<String>) -> Response {
    let sheets = call.app.store.read(call.grant.tenant(), |tx| -> Result<Vec<Sheet>, DeliveryError> {
        let sheet = |bundle: Bundle| {
            let numbered = |leg: &Leg| {
                let parcel = parcels::load(tx, ParcelId(leg.parcel));
                Ok(parcel?.map(|p| (leg.parcel, p.number)))
            };
            let parcels = bundle.delivery.legs.iter().map(numbered);
            let parcels: Vec<_> = parcels.collect::<Result<Vec<_>, StoreError>>()?;
            Ok(Sheet { bundle, parcels: parcels.into_iter().flatten().collect() })
        };
        bundles(tx, &call, &ids)?.into_iter().map(sheet).collect()
    })?;
    call.saw("delivery", sheets.iter().map(|s| s.bundle.delivery.id.0));
    let language = call.principal().language.clone();
    let written = tokio::task::spawn_blocking(move || sheet::render(&sheets, &language)).await;
    let pdf = written.map_err(|e| Refusal::new(Kind::Internal, "delivery.document", e.to_string()))?;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header(("content-disposition", "attachment; filename=\"proof.pdf\""))
        .insert_header(("cache-control", "no-store"))
        .body(pdf))
}

/// Deliveries that the caller may see with the files of their proofs that are here, each once.
fn bundles(
    tx: &dyn ReadTx,
    call: &Call<ViewDeliveries>,
    ids: &[String],
) -> Result<Vec<Bundle>, DeliveryError> {
    let (vault, tenant) = (Vault::under(&call.app.folder), call.grant.tenant());
    let mut bundles: Vec<Bundle> = Vec::with_capacity(ids.len());
    for id in ids {
        let delivery = find(tx, call.principal(), id)?;
        if bundles.iter().any(|b| b.delivery.id == delivery.id) {
            continue;
        }
        let all = of_subject(tx, delivery.id.0)?.into_iter().map(|e| e.value.state);
        let enclosed = |a: Attachment| Enclosed {
            hash: hex(&a.hash),
            ending: ending(a.media),
            path: vault.content(tenant, &a.hash),
        };
        let files = all.map(enclosed).filter(|f| f.path.exists()).collect();
        bundles.push(Bundle { delivery, files });
    }
    Ok(bundles)
}

const fn ending(media: Media) -> &'static str {
    match media {
        Media::Pdf => "pdf",
        Media::Png => "png",
        Media::Jpeg => "jpg",
        Media::Tiff => "tif",
        Media::Text => "txt",
        Media::Zip => "zip",
        Media::Xlsx => "xlsx",
        Media::Docx => "docx",
    }
}

/// A file that is removed when nobody reads it any more.
struct Scratch {
    file: Option<tokio::fs::File>,
    path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Closed first: not every system removes what is open.
        self.file = None;
        let _ = std::fs::remove_file(&self.path);
    }
}

fn failed(e: &std::io::Error) -> Refusal {
    Refusal::new(Kind::Busy, "delivery.archive", format!("the archive can't be written: {e}"))
}

async fn archive(call: Call<ViewDeliveries>, ids: Vec<String>) -> Response {
    const CHUNK: u64 = 64 * 1024;
    let vault = Vault::under(&call.app.folder);
    let bundles = call.app.store.read(call.grant.tenant(), |tx| bundles(tx, &call, &ids))?;
    call.saw("delivery", bundles.iter().map(|b| b.delivery.id.0));
    let path = vault.incoming(Id::fresh()).map_err(|e| failed(&e))?;
    let mut scratch = Scratch { file: None, path: path.clone() };
    let written = tokio::task::spawn_blocking(move || {
        bundle::write(std::fs::File::create(&path)?, &bundles)?.sync_data()
    });
    let written =
        written.await.map_err(|e| Refusal::new(Kind::Internal, "delivery.archive", e.to_string()))?;
    written.map_err(|e| failed(&e))?;
    scratch.file = Some(tokio::fs::File::open(&scratch.path).await.map_err(|e| failed(&e))?);
    let chunks = stream::try_unfold(scratch, |mut rest| async move {
        let mut chunk = Vec::new();
        if let Some(file) = &mut rest.file {
            file.take(CHUNK).read_to_end(&mut chunk).await?;
        }
        Ok::<_, std::io::Error>((!chunk.is_empty()).then(|| (Bytes::from(chunk), rest)))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header(("content-disposition", "attachment; filename=\"proof.zip\""))
        .insert_header(("content-encoding", "identity"))
        .insert_header(("cache-control", "no-store"))
        .streaming(chunks))
}
