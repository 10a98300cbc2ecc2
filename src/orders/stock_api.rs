//! The routes of the ledger.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Deserialize;

use super::catalog_service as service;
use super::error::OrderError;
use super::inputs::MoveInput;
use super::ledger;
use super::queries::limit;
use super::views::{BookedView, MoveView};
use crate::base::page::Page;
use crate::identity::features::{MoveStock, ViewStock};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// These routes, also below `/api/inventory`.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("stock")
        .also("/api/inventory")
        .add::<ViewStock, _, _>(
            Method::GET,
            "/stock/movements",
            movements,
            "Movements of a product, newest first",
        )
        .query(&[
            ("product", "the product: short number, code or id; none lists nothing"),
            ("limit", "rows, at most 500"),
            ("cursor", "from the page before"),
        ])
        .answers::<Page<MoveView>>(200)
        .add::<MoveStock, _, _>(
            Method::POST,
            "/stock/movements",
            book,
            "Book a receipt, an adjustment or a count",
        )
        .body::<MoveInput>(r#"{"product_id":1,"kind":"receipt","quantity":5,"note":"pallet 12"}"#)
        .answers::<BookedView>(201)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    product: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn movements(call: Call<ViewStock>, which: Query<Which>) -> Response {
    call.read(|tx, _| -> Result<Answer, OrderError> {
        let Which { product, limit: asked, cursor: from } = &which.0;
        let n = limit(*asked)?;
        let (items, next) = match product {
            None => (Vec::new(), None),
            Some(name) => ledger::movements(tx, service::product(tx, name)?.id, n, from.as_deref())?,
        };
        Ok(Answer::page(&Page { items, next })?)
    })
}

async fn book(call: Call<MoveStock>, body: Body<MoveInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        let (found, m, after) = service::book(tx, grant, cx, &body.0)?;
        let view = BookedView {
            movement: MoveView::of(found.id, cx.now, m),
            product_id: found.value.number,
            stock: after.available(),
            now_on_hand: after.on_hand,
            now_reserved: after.reserved,
        };
        Ok(Answer::json(201, &view)?)
    })
    .await
}
