//! The routes of orders. No decisions, no database.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::bulk;
use super::error::OrderError;
use super::inputs::{CancelInput, NewOrder, StatusChange};
use super::model::{Order, Status};
use super::queries::{self, Late, Listed, limit};
use super::service::{self, Placing};
use super::stats::{self, OrderStats};
use super::views::{BulkView, LateView, OrderView, StepView, history};
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::page::Page;
use crate::deadlines::policy::Policy;
use crate::identity::features::{BulkOrders, CancelOrders, CreateOrders, MoveOrders, ViewOrders};
use crate::identity::grant::Scope;
use crate::journal::Written;
use crate::store::StoreError;
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes, also below `/api/inventory`.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("orders")
        .also("/api/inventory")
        .add::<ViewOrders, _, _>(Method::GET, "/orders", list, "Orders, newest first, or those of a status")
        .query(&[
            ("status", "only in this status, longest in it first"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<OrderView>>(200)
        .add::<CreateOrders, _, _>(Method::POST, "/orders", create, "Take an order and reserve its stock")
        .body::<NewOrder>(
            r#"{"customer_name":"Alice","customer_email":"alice@example.com","customer_phone":"1234567890","delivery_address":"123 Main St","items":[{"product_id":1,"quantity":2}]}"#,
        )
        .answers::<OrderView>(201)
        .add::<BulkOrders, _, _>(
            Method::POST,
            "/orders/bulk",
            create_many,
            "Take many orders, each with its own verdict, or with atomic=true all or none",
        )
        .query(&[("atomic", "true: one refusal refuses all")])
        .body::<BulkBody>(
            r#"[{"customer_name":"Bob","customer_email":"bob@example.com","customer_phone":"9876543210","delivery_address":"456 Elm St","items":[{"product_id":1,"quantity":1}]}]"#,
        )
        .answers::<BulkView>(200)
        .add::<ViewOrders, _, _>(
            Method::GET,
            "/orders/delayed",
            delayed,
            "Orders in processing or shipped for longer than the limit",
        )
        .query(&[
            ("at", "the moment to look at; now when absent"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<LateView>>(200)
        .add::<ViewOrders, _, _>(Method::GET, "/orders/stats", figures, "Figures of all orders")
        .query(&[("at", "the moment to look at; now when absent")])
        .answers::<OrderStats>(200)
        .add::<ViewOrders, _, _>(
            Method::GET,
            "/orders/{id}",
            get,
            "One order, by id, number or the customer's reference",
        )
        .answers::<OrderView>(200)
        .add::<ViewOrders, _, _>(
            Method::GET,
            "/orders/{id}/history",
            steps,
            "Every transition of an order, oldest first",
        )
        .answers::<Page<StepView>>(200)
        .add::<MoveOrders, _, _>(Method::PATCH, "/orders/{id}/status", change_status, "Take an order's next step")
        .body::<StatusChange>(r#"{"status":"packed"}"#)
        .answers::<OrderView>(200)
        .add::<CancelOrders, _, _>(Method::POST, "/orders/{id}/cancel", cancel, "Call an order off")
        .body::<CancelInput>(r#"{"reason":"the customer changed their mind"}"#)
        .answers::<OrderView>(200)
}

/// Orders of one call: a bare list, or with what is to be done with it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BulkBody {
    /// The orders.
    List(Vec<Value>),
    /// The orders and how they are taken.
    Call {
        /// The orders.
        orders: Vec<Value>,
        /// Whether one refusal refuses all.
        #[serde(default)]
        atomic: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    status: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(call: Call<ViewOrders>, which: Query<Which>) -> Response {
    call.read(|tx, grant| -> Result<Answer, OrderError> {
        let Which { status, limit: asked, cursor } = &which.0;
        let status = status.as_deref().map(str::parse::<Status>).transpose();
        let status = status.map_err(|why| Invalid::at("?status", why))?;
        let (rows, next): Listed =
            queries::list(tx, grant.scope(), status, limit(*asked)?, cursor.as_deref())?;
        call.saw("order", rows.iter().map(|e| e.value.state.id.0));
        let items = rows.iter().map(|e| OrderView::of(&e.value.state, e.rev)).collect();
        Ok(Answer::page(&Page { items, next })?)
    })
}

fn shown(done: &Written<Order>) -> Result<Answer, StoreError> {
    Ok(Answer::ok(&OrderView::of(&done.state, done.rev))?.rev(done.rev))
}

async fn create(call: Call<CreateOrders>, body: Body<NewOrder>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        Ok(match service::place(tx, grant, cx, &body.0)? {
            Placing::Taken(done) => {
                let location = format!("/api/v1/orders/{}", done.state.id);
                Answer::created(location, &OrderView::of(&done.state, done.rev))?.rev(done.rev)
            }
            Placing::Known(e) => Answer::ok(&OrderView::of(&e.value.state, e.rev))?.rev(e.rev),
        })
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    #[serde(default)]
    atomic: bool,
}

async fn create_many(call: Call<BulkOrders>, how: Query<How>, body: Body<BulkBody>) -> Response {
    let (orders, atomic) = match body.0 {
        BulkBody::List(orders) => (orders, how.0.atomic),
        BulkBody::Call { orders, atomic } => (orders, atomic || how.0.atomic),
    };
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        let view = BulkView::of(bulk::place_all(tx, grant, cx, &orders, atomic)?);
        Ok(Answer::ok(&view)?.brief(&view.brief())?)
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    at: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

fn moment(at: Option<&str>, policy: &Policy) -> Result<Option<Timestamp>, Invalid> {
    let parse = |t| Timestamp::parse(t, policy.calendar.zone());
    at.map(parse).transpose().map_err(|e| Invalid::at("?at", e))
}

async fn delayed(call: Call<ViewOrders>, when: Query<When>) -> Response {
    let now = call.app.clock.now();
    call.read(|tx, grant| -> Result<Answer, OrderError> {
        let policy = Policy::current(tx)?;
        let When { at, limit: asked, cursor } = &when.0;
        let at = moment(at.as_deref(), &policy)?.unwrap_or(now);
        let n = limit(*asked)?;
        let (rows, next) = queries::delayed(tx, grant.scope(), &policy, (at, now), n, cursor.as_deref())?;
        call.saw("order", rows.iter().map(|l| l.row.value.state.id.0));
        let view = |Late { row, status, since }: &Late| LateView {
            order: OrderView::of(&row.value.state, row.rev),
            delayed_in: *status,
            delayed_since: *since,
        };
        Ok(Answer::page(&Page { items: rows.iter().map(view).collect(), next })?)
    })
}

async fn get(call: Call<ViewOrders>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, OrderError> {
        let found = service::find(tx, grant.scope(), &name)?;
        call.saw("order", [found.value.state.id.0]);
        Ok(Answer::ok(&OrderView::of(&found.value.state, found.rev))?.rev(found.rev))
    })
}

async fn steps(call: Call<ViewOrders>, name: Path<String>) -> Response {
    call.read(|tx, grant| -> Result<Answer, OrderError> {
        let found = service::find(tx, grant.scope(), &name)?;
        call.saw("order", [found.value.state.id.0]);
        Ok(Answer::ok(&Page { items: history(&found.value.state), next: None })?)
    })
}

async fn change_status(call: Call<MoveOrders>, name: Path<String>, body: Body<StatusChange>) -> Response {
    let seen = call.if_match()?.or(body.0.version);
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        Ok(shown(&service::change_status(tx, grant, cx, &name, seen, &body.0)?)?)
    })
    .await
}

async fn cancel(call: Call<CancelOrders>, name: Path<String>, body: Body<CancelInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        Ok(shown(&service::cancel(tx, grant, cx, &name, body.0.reason.clone())?)?)
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    at: Option<String>,
}

async fn figures(call: Call<ViewOrders>, input: Query<At>) -> Response {
    let (store, tenant, now) = (call.app.store.clone(), call.grant.tenant(), call.app.clock.now());
    if *call.grant.scope() != Scope::Tenant {
        return Ok(Answer::ok(&OrderStats::default())?.respond("", ""));
    }
    let at = call.app.store.read(tenant, |tx| -> Result<_, OrderError> {
        Ok(moment(input.0.at.as_deref(), &*Policy::current(tx)?)?)
    })?;
    // Every order is looked at: not on a thread that answers others.
    let counted = actix_web::web::block(move || stats::count(&store, tenant, at.unwrap_or(now))).await;
    let counted = counted.map_err(|_| StoreError::Closed)??;
    Ok(Answer::ok(&counted)?.respond("", ""))
}
