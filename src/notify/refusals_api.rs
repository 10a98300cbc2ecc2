//! The routes by which a depot notes that a recipient wants no messages.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refusals;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::service;
use crate::identity::features::{EditDeliveries, ViewDeliveries};
use crate::web::{Answer, ApiError, Body, Call, Routes};

/// Adds these routes.
#[must_use]
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/deliveries/{id}/messages",
            show,
            "Whether the recipient of a delivery may be written to",
        )
        .answers::<MessagesView>(200)
        .add::<EditDeliveries, _, _>(
            Method::POST,
            "/deliveries/{id}/messages",
            set,
            "Note whether the recipient wants messages: it holds for their number and address, at every depot",
        )
        .body::<MessagesInput>(r#"{"wanted":false}"#)
        .answers::<MessagesView>(200)
}

/// Whether a recipient may be written to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryMessages)]
struct MessagesView {
    /// Whether they may; absent when they left no number and no address.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<bool>,
}

/// What a recipient said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryMessagesInput)]
struct MessagesInput {
    /// Whether they want to be written to.
    wanted: bool,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn show(call: Call<ViewDeliveries>, name: Path<String>) -> Result<HttpResponse, ApiError> {
    call.read(|tx, grant| -> Result<Answer, DeliveryError> {
        let d = service::find(tx, grant.principal(), &name)?.value.state;
        Ok(Answer::ok(&MessagesView { wanted: refusals::wanted(tx, &d)? })?)
    })
}

async fn set(
    call: Call<EditDeliveries>,
    name: Path<String>,
    body: Body<MessagesInput>,
) -> Result<HttpResponse, ApiError> {
    let is_wanted = body.0.wanted;
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let d = refusals::set(tx, grant, cx, &name, is_wanted)?;
        Ok(Answer::ok(&MessagesView { wanted: refusals::wanted(tx, &d)? })?)
    })
    .await
}
