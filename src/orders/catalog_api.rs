//! The routes of categories and products.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::Deserialize;

use super::catalog::{self, Category, Kept, Product};
use super::catalog_service as service;
use super::error::OrderError;
use super::inputs::{CategoryInput, ProductInput};
use super::queries::limit;
use super::stock::{self, Place};
use super::views::{CategoryView, ProductView};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::{EditProducts, ViewProducts};
use crate::journal::clock::{HEADQUARTERS, Origin};
use crate::store::table::{cursor, position};
use crate::store::{ReadTx, StoreError};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Body, Call, Query};

type Response = Result<HttpResponse, ApiError>;

const PAGE: &[(&str, &str)] = &[("limit", "rows, at most 500"), ("cursor", "from the page before")];

/// These routes, also below `/api/inventory`.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("products")
        .also("/api/inventory")
        .add::<ViewProducts, _, _>(Method::GET, "/categories", categories, "Categories, oldest first")
        .query(PAGE)
        .answers::<Page<CategoryView>>(200)
        .add::<EditProducts, _, _>(Method::POST, "/categories", create_category, "Add a category")
        .body::<CategoryInput>(r#"{"name":"Electronics"}"#)
        .answers::<CategoryView>(201)
        .add::<ViewProducts, _, _>(Method::GET, "/categories/{id}", get_category, "One category, by id or name")
        .answers::<CategoryView>(200)
        .add::<EditProducts, _, _>(Method::PUT, "/categories/{id}", change_category, "Change a category")
        .body::<CategoryInput>(r#"{"name":"Consumer electronics"}"#)
        .answers::<CategoryView>(200)
        .add::<EditProducts, _, _>(
            Method::DELETE,
            "/categories/{id}",
            remove_category,
            "Remove a category that no product is in",
        )
        .status(204)
        .add::<ViewProducts, _, _>(
            Method::GET,
            "/products",
            products,
            "Products with what there is of them, oldest first",
        )
        .query(PAGE)
        .answers::<Page<ProductView>>(200)
        .add::<EditProducts, _, _>(
            Method::POST,
            "/products",
            create_product,
            "Add a product; its stock becomes a receipt",
        )
        .body::<ProductInput>(
            r#"{"name":"Phone","description":"Smartphone","price":299.99,"stock":10,"category":"Electronics"}"#,
        )
        .answers::<ProductView>(201)
        .add::<ViewProducts, _, _>(
            Method::GET,
            "/products/{id}",
            get_product,
            "One product, by short number, code or id",
        )
        .answers::<ProductView>(200)
        .add::<EditProducts, _, _>(
            Method::PUT,
            "/products/{id}",
            change_product,
            "Change a product; its stock is changed by movements",
        )
        .body::<ProductInput>(r#"{"name":"Phone","description":"Smartphone","price":279.99}"#)
        .answers::<ProductView>(200)
        .add::<EditProducts, _, _>(
            Method::DELETE,
            "/products/{id}",
            remove_product,
            "Take a product out of the catalogue; a used one is retired",
        )
        .status(204)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn categories(call: Call<ViewProducts>, which: Query<Which>) -> Response {
    call.read(|tx, _| -> Result<Answer, OrderError> {
        let from = position(which.0.cursor.as_deref())?;
        let (items, next) = catalog::page::<Category>(tx, from, limit(which.0.limit)?)?;
        let items = items.into_iter().map(CategoryView::from).collect();
        Ok(Answer::page(&Page { items, next: next.as_ref().map(cursor).transpose()? })?)
    })
}

fn category_shown(found: Kept<Category>, made: bool) -> Result<Answer, StoreError> {
    let (rev, location) = (found.rev, format!("/api/v1/categories/{}", found.id));
    let view = CategoryView::from(found);
    Ok(if made { Answer::created(location, &view)? } else { Answer::ok(&view)? }.rev(rev))
}

async fn create_category(call: Call<EditProducts>, body: Body<CategoryInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        Ok(category_shown(service::create_category(tx, grant, cx, &body.0)?, true)?)
    })
    .await
}

async fn get_category(call: Call<ViewProducts>, name: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, OrderError> {
        Ok(category_shown(service::category(tx, &name)?, false)?)
    })
}

async fn change_category(
    call: Call<EditProducts>,
    name: Path<String>,
    body: Body<CategoryInput>,
) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        Ok(category_shown(service::change_category(tx, grant, cx, &name, seen, &body.0)?, false)?)
    })
    .await
}

async fn remove_category(call: Call<EditProducts>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        service::remove_category(tx, grant, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}

/// A product with its stock and its category's name.
fn view(tx: &dyn ReadTx, found: Kept<Product>) -> Result<ProductView, StoreError> {
    let origin = Origin::load(tx)?;
    let place = if origin.site == HEADQUARTERS { Place::Everywhere } else { Place::Here(&origin) };
    let stock = stock::of(tx, found.id, place)?;
    let name = |id: Id| catalog::category(tx, &id.to_string());
    let category = found.value.category.map_or(Ok(None), name)?.map(|c| c.value.name);
    Ok(ProductView::of(found, stock, category))
}

async fn products(call: Call<ViewProducts>, which: Query<Which>) -> Response {
    call.read(|tx, _| -> Result<Answer, OrderError> {
        let from = position(which.0.cursor.as_deref())?;
        let (items, next) = catalog::page::<Product>(tx, from, limit(which.0.limit)?)?;
        let items: Vec<ProductView> =
            items.into_iter().map(|p| view(tx, p)).collect::<Result<_, StoreError>>()?;
        Ok(Answer::page(&Page { items, next: next.as_ref().map(cursor).transpose()? })?)
    })
}

fn product_shown(tx: &dyn ReadTx, found: Kept<Product>, made: bool) -> Result<Answer, StoreError> {
    let (rev, location) = (found.rev, format!("/api/v1/products/{}", found.value.number));
    let view = view(tx, found)?;
    Ok(if made { Answer::created(location, &view)? } else { Answer::ok(&view)? }.rev(rev))
}

async fn create_product(call: Call<EditProducts>, body: Body<ProductInput>) -> Response {
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        let made = service::create_product(tx, grant, cx, &body.0)?;
        Ok(product_shown(tx, made, true)?)
    })
    .await
}

async fn get_product(call: Call<ViewProducts>, name: Path<String>) -> Response {
    call.read(|tx, _| -> Result<Answer, OrderError> {
        Ok(product_shown(tx, service::product(tx, &name)?, false)?)
    })
}

async fn change_product(call: Call<EditProducts>, name: Path<String>, body: Body<ProductInput>) -> Response {
    let seen = call.expected_rev(body.0.version)?;
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        let done = service::change_product(tx, grant, cx, &name, seen, &body.0)?;
        Ok(product_shown(tx, done, false)?)
    })
    .await
}

async fn remove_product(call: Call<EditProducts>, name: Path<String>) -> Response {
    let seen = call.expected_rev(None)?;
    call.write(move |tx, grant, cx| -> Result<Answer, OrderError> {
        service::remove_product(tx, grant, cx, &name, seen)?;
        Ok(Answer::none())
    })
    .await
}
