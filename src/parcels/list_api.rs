//! The routes by which a list, CSV or a spreadsheet, is announced or reported on at once.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpMessage, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::announce::{self, List};
use super::api::told;
use super::error::ParcelError;
use super::model::Status;
use super::status_list::{self, StatusList};
use super::views::BulkAnswer;
use super::{service, undo};
use crate::base::error::{Invalid, Kind};
use crate::identity::features::{BulkParcels, CreateParcels, Feature};
use crate::identity::grant::Scope;
use crate::imports::lists::{self, MAX_BYTES};
use crate::web::call::{BodyHash, collect};
use crate::web::error::Refusal;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// What a list may come as.
const MEDIA: &str = "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// These routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("parcels")
        .add::<CreateParcels, _, _>(
            Method::POST,
            "/parcels/announce",
            announce,
            "Announce up to 1,000 parcels by a list, CSV or .xlsx, with a verdict for each row",
        )
        .raw_body(MEDIA, "headings such as tracking_number, recipient, city, weight_g; then a row a parcel")
        .answers::<ListAnswer>(200)
        .add::<BulkParcels, _, _>(
            Method::POST,
            "/parcels/events/list",
            report,
            "Report on up to 1,000 parcels by a list, CSV or .xlsx, with a verdict for each row",
        )
        .query(&[("status", "the status of rows that name none")])
        .raw_body(MEDIA, "headings parcel and status; occurred_at, note and reason may be there")
        .answers::<ListAnswer>(200)
}

/// What became of a list of parcels.
#[derive(Debug, Serialize, ToSchema)]
struct ListAnswer {
    /// Columns that nobody knows, which were passed over.
    ignored: Vec<String>,
    /// The verdicts.
    #[serde(flatten)]
    verdicts: BulkAnswer,
}

/// The list that was sent.
async fn sent<F: Feature>(call: &Call<F>, body: Payload) -> Result<Bytes, ApiError> {
    let kind = call.request().content_type().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let known = kind.is_empty()
        || kind.starts_with("text/")
        || MEDIA.split(", ").any(|m| m == kind)
        || kind == "application/octet-stream";
    if !known {
        let detail = format!("send text/csv or a spreadsheet (.xlsx), not {kind}");
        return Err(Refusal::new(Kind::Unsupported, "request.media_type", detail).into());
    }
    let patience = Duration::from_secs(call.app.config.limits.body_timeout_s);
    let bytes = collect(body.into_inner(), MAX_BYTES, patience).await?;
    call.request().extensions_mut().insert(BodyHash(*blake3::hash(&bytes).as_bytes()));
    Ok(bytes)
}

/// Whose parcels are that no row says whose: whoever has one distributor need not name it.
#[must_use]
pub fn own(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::Distributors(ours) if ours.len() == 1 => ours.first().map(String::as_str),
        _ => None,
    }
}

async fn announce(call: Call<CreateParcels>, body: Payload) -> Response {
    let text = lists::text(&sent(&call, body).await?)?;
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let List { rows, ignored } = announce::read(&text, own(grant.scope()), cx.policy.calendar.zone())?;
        let verdicts = told(None, service::announce_list(tx, grant, cx, rows)?);
        Ok(Answer::ok(&ListAnswer { ignored, verdicts })?)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual {
    status: Option<String>,
}

async fn report(call: Call<BulkParcels>, usual: Query<Usual>, body: Payload) -> Response {
    let usual = usual.0.status.as_deref().map(str::parse::<Status>).transpose();
    let usual = usual.map_err(|why| Invalid::at("?status", why))?;
    let text = lists::text(&sent(&call, body).await?)?;
    call.write(move |tx, grant, cx| -> Result<Answer, ParcelError> {
        let StatusList { rows, ignored } = status_list::read(&text, usual, cx.policy.calendar.zone())?;
        let verdicts = service::post_list(tx, grant, cx, rows)?;
        let batch = undo::keep(tx, cx, &verdicts)?;
        Ok(Answer::ok(&ListAnswer { ignored, verdicts: told(batch, verdicts) })?)
    })
    .await
}
