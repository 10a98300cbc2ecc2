//! The routes of the ledger.

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Deserialize;

use super::catalog_service as service;
use super::error::OrderError;
use super::inputs::MoveInput;
use super::queries::limit;
use super::stock::{self, PAGES};
use super::views::{BookedView, MoveView};
use crate::base::error::Invalid;
use crate::base::page::Page;
use crate::identity::features::{MoveStock, ViewStock};
use crate::journal;
use crate::store::table::{cursor, position};
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

/// A page of the ledger at a time: the cursor names the next older one and how many of its movements were shown.
async fn movements(call: Call<ViewStock>, which: Query<Which>) -> Response {
    call.read(|tx, _| -> Result<Answer, OrderError> {
        let Which { product, limit: asked, cursor: from } = &which.0;
        let n = limit(*asked)?;
        let at = position(from.as_deref())?;
        let Some(name) = product else {
            return Ok(Answer::page(&Page::<MoveView> { items: Vec::new(), next: None })?);
        };
        let found = service::product(tx, name)?;
        let levels = stock::levels(tx, found.id)?;
        let mut pages = Vec::new();
        for level in &levels {
            pages.extend((1..=level.page).map(|page| (page, stock::page_id(level.site, found.id, page))));
        }
        pages.sort_by_key(|(page, _)| std::cmp::Reverse(*page));
        let wrong = || Invalid::at("?cursor", "is none of this list's");
        let (mut index, mut skip) = match at.as_deref() {
            None => (0, 0),
            Some(bytes) => {
                let (a, b) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
                let b: [u8; 4] = b.try_into().map_err(|_| wrong())?;
                (u32::from_be_bytes(*a) as usize, u32::from_be_bytes(b) as usize)
            }
        };
        let mut items = Vec::new();
        while let Some((_, id)) = pages.get(index) {
            let Some(row) = PAGES.get(tx, id)? else {
                index += 1;
                continue;
            };
            let events = journal::history::<stock::Page>(tx, &row.line)?;
            let moves: Vec<MoveView> = events
                .into_iter()
                .rev()
                .flat_map(|(_, e)| {
                    let at = e.key.at();
                    let product = e.event.product;
                    e.event.moves.into_iter().rev().map(move |m| MoveView::of(product, at, m))
                })
                .skip(skip)
                .collect();
            let room = n - items.len();
            let rest = moves.len() > room;
            items.extend(moves.into_iter().take(room));
            if rest {
                skip += room;
                break;
            }
            (index, skip) = (index + 1, 0);
            if items.len() == n {
                break;
            }
        }
        let (a, b) = (u32::try_from(index).unwrap_or(u32::MAX), u32::try_from(skip).unwrap_or(u32::MAX));
        let more = index < pages.len();
        let next = more.then(|| cursor(&[a.to_be_bytes(), b.to_be_bytes()].concat())).transpose()?;
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
