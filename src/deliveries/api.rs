//! The routes of deliveries. No decisions, no database.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;
use serde_json::Value;

use super::assign;
use super::error::DeliveryError;
use super::inputs::{AssignInput, NewDelivery, ReasonInput, StatusInput};
use super::model::{Delivery, Status};
use super::outcome::{self, House};
use super::proof::{Later, Proof};
use super::repo;
use super::service::{self, Asked, Filter};
use super::views::{DeliveryView, TakenView};
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{
    AssignDeliveries, CancelDeliveries, CreateDeliveries, DeleteDeliveries, EditDeliveries, MoveDeliveries,
    ProveDeliveries, ViewDeliveries,
};
use crate::journal::Written;
use crate::parcels::queries::limit;
use crate::store::{ReadTx, StoreError};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("deliveries")
        .add::<ViewDeliveries, _, _>(Method::GET, "/deliveries", list, "Deliveries one may see, oldest first")
        .query(&[
            ("status", "only in this status"),
            ("assigned_to", "only of this user, by id"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<DeliveryView>>(200)
        .add::<CreateDeliveries, _, _>(
            Method::POST,
            "/deliveries",
            request,
            "Ask for a delivery; the same request by the same user gives the same one",
        )
        .body::<NewDelivery>(
            r#"{"pickupAddress":"123 Main St, City, State","deliveryAddress":"456 Oak Ave, City, State","customerName":"John Doe","customerPhone":"+1234567890","packageWeight":5.5,"priority":"high"}"#,
        )
        .answers::<DeliveryView>(201)
        .add::<ViewDeliveries, _, _>(Method::GET, "/deliveries/{id}", get, "One delivery, by id or number")
        .answers::<DeliveryView>(200)
        .add::<EditDeliveries, _, _>(
            Method::PUT,
            "/deliveries/{id}",
            describe,
            "Change what has to be done, before it leaves",
        )
        .body::<NewDelivery>(
            r#"{"pickupAddress":"123 Main St, City, State","deliveryAddress":"9 Elm St, City, State","customerName":"John Doe","packageWeight":5.5}"#,
        )
        .answers::<DeliveryView>(200)
        .add::<DeleteDeliveries, _, _>(
            Method::DELETE,
            "/deliveries/{id}",
            remove,
            "Delete a delivery that never began",
        )
        .status(204)
        .add::<AssignDeliveries, _, _>(
            Method::POST,
            "/deliveries/{id}/assign",
            give,
            "Give a delivery to somebody, or from one to another",
        )
        .body::<AssignInput>(r#"{"assigned_to":"admin"}"#)
        .answers::<DeliveryView>(200)
        .add::<AssignDeliveries, _, _>(
            Method::POST,
            "/deliveries/{id}/unassign",
            take_back,
            "Take a delivery back before it has left",
        )
        .body::<ReasonInput>(r#"{"reason":"the van broke down"}"#)
        .answers::<DeliveryView>(200)
        .add::<CancelDeliveries, _, _>(Method::POST, "/deliveries/{id}/cancel", cancel, "Call a delivery off")
        .body::<ReasonInput>(r#"{"reason":"the customer fetched it"}"#)
        .answers::<DeliveryView>(200)
        .add::<MoveDeliveries, _, _>(
            Method::PATCH,
            "/deliveries/{id}/status",
            change_status,
            "Report that it left, was handed over or could not be",
        )
        .body::<StatusInput>(
            r#"{"status":"in_transit","location":{"latitude":40.7128,"longitude":-74.0060},"notes":"Package picked up successfully"}"#,
        )
        .answers::<DeliveryView>(200)
        .add::<ProveDeliveries, _, _>(
            Method::POST,
            "/deliveries/{id}/proof",
            prove,
            "Add what shows that it was handed over",
        )
        .body::<Proof>(r#"{"name":"J. Doe","signature":"M10 10L20 20"}"#)
        .answers::<DeliveryView>(201)
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/deliveries/{id}/history",
            history,
            "Every step of a delivery, oldest first",
        )
        .answers::<Page<TakenView>>(200)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    status: Option<String>,
    assigned_to: Option<Id>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A delivery as it is shown, with its next attempt.
///
/// # Errors
/// Storage failures.
pub fn view(tx: &dyn ReadTx, d: &Delivery, rev: u64) -> Result<DeliveryView, StoreError> {
    let next = if super::rules::is_final(d.status) { repo::next_attempt(tx, d.id.0)? } else { None };
    Ok(DeliveryView::of(d, rev, next))
}

fn shown(tx: &dyn ReadTx, done: &Written<Delivery>, status: u16) -> Result<Answer, StoreError> {
    Ok(Answer::json(status, &view(tx, &done.state, done.rev)?)?.rev(done.rev))
}

async fn list(call: Call<ViewDeliveries>, which: Query<Which>) -> Response {
    call.read(|tx, grant| -> Result<Answer, DeliveryError> {
        let Which { status, assigned_to, limit: asked, cursor } = &which.0;
        let status = status.as_deref().map(str::parse::<Status>).transpose();
        let status = status.map_err(|why| Invalid::at("?status", why))?;
        let filter = Filter { status, assignee: *assigned_to };
        let n = limit(*asked)?;
        let (rows, next) = service::list(tx, grant.principal(), &filter, n, cursor.as_deref())?;
        call.saw("delivery", rows.iter().map(|e| e.value.state.id.0));
        let items: Vec<DeliveryView> =
            rows.iter().map(|e| view(tx, &e.value.state, e.rev)).collect::<Result<_, StoreError>>()?;
        Ok(Answer::page(&Page { items, next })?)
    })
}

/// Reads a request's JSON as `T`; pointers say where it is wrong.
fn read<T: serde::de::DeserializeOwned>(payload: &Value) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(payload).map_err(|e| {
        let path = e.path().to_string();
        let at = if path == "." {
            "/".into()
        } else {
            format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
        };
        Invalid::at(at, e.into_inner().to_string())
    })
}

async fn request(call: Call<CreateDeliveries>, body: Body<Value>) -> Response {
    let new: NewDelivery = read(&body.0)?;
    // A client that sends a key of its own knows which of its requests are the same.
    let keyed = call.request().headers().contains_key("idempotency-key");
    let days = call.app.config.retention.delivery_requests;
    let known = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let said = std::sync::Arc::clone(&known);
    let answered = call
        .write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
            let payload = (!keyed).then_some(&body.0);
            let asked = service::request(tx, grant, cx, &new, payload, days)?;
            said.store(matches!(asked, Asked::Known(_)), std::sync::atomic::Ordering::Relaxed);
            Ok(match asked {
                Asked::Made(done) => {
                    let location = format!("/api/v1/deliveries/{}", done.state.id);
                    Answer { location: Some(location), ..shown(tx, &done, 201)? }
                }
                Asked::Known(e) => Answer::ok(&view(tx, &e.value.state, e.rev)?)?.rev(e.rev),
            })
        })
        .await;
    answered.map(|mut response| {
        if known.load(std::sync::atomic::Ordering::Relaxed) {
            crate::web::idempotency::mark_replay(&mut response);
        }
        response
    })
}

async fn get(call: Call<ViewDeliveries>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, DeliveryError> {
        let found = service::find(tx, grant.principal(), &name)?;
        call.saw("delivery", [found.value.state.id.0]);
        Ok(Answer::ok(&view(tx, &found.value.state, found.rev)?)?.rev(found.rev))
    })
}

async fn describe(call: Call<EditDeliveries>, name: Path<String>, body: Body<NewDelivery>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let done = service::describe(tx, grant, cx, &name, seen, &body.0)?;
        Ok(shown(tx, &done, 200)?)
    })
    .await
}

async fn remove(call: Call<DeleteDeliveries>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        service::remove(tx, grant, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}

async fn give(call: Call<AssignDeliveries>, name: Path<String>, body: Body<AssignInput>) -> Response {
    let input = AssignInput { version: call.if_match()?.or(body.0.version), ..body.0 };
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let done = assign::assign(tx, grant, cx, &name, &input)?;
        Ok(shown(tx, &done, 200)?)
    })
    .await
}

async fn take_back(call: Call<AssignDeliveries>, name: Path<String>, body: Body<ReasonInput>) -> Response {
    let input = ReasonInput { version: call.if_match()?.or(body.0.version), ..body.0 };
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let done = assign::unassign(tx, grant, cx, &name, &input)?;
        Ok(shown(tx, &done, 200)?)
    })
    .await
}

async fn cancel(call: Call<CancelDeliveries>, name: Path<String>, body: Body<ReasonInput>) -> Response {
    let input = ReasonInput { version: call.if_match()?.or(body.0.version), ..body.0 };
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let done = service::cancel(tx, grant, cx, &name, &input)?;
        Ok(shown(tx, &done, 200)?)
    })
    .await
}

async fn change_status(call: Call<MoveDeliveries>, name: Path<String>, body: Body<StatusInput>) -> Response {
    let input = StatusInput { version: call.if_match()?.or(body.0.version), ..body.0 };
    let attempts = call.app.config.deliveries.attempts;
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let house = House { attempts, files: &Later };
        let done = outcome::change_status(tx, grant, cx, &name, &input, house)?;
        Ok(shown(tx, &done, 200)?)
    })
    .await
}

async fn prove(call: Call<ProveDeliveries>, name: Path<String>, body: Body<Proof>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, DeliveryError> {
        let done = service::prove(tx, grant, cx, &name, body.0.clone(), &Later)?;
        Ok(shown(tx, &done, 201)?)
    })
    .await
}

async fn history(call: Call<ViewDeliveries>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, DeliveryError> {
        let found = service::find(tx, grant.principal(), &name)?;
        call.saw("delivery", [found.value.state.id.0]);
        let items = found.value.state.steps.into_iter().map(TakenView::from).collect();
        Ok(Answer::ok(&Page { items, next: None })?)
    })
}
