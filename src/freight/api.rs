//! The routes of air freight: one file for each kind of thing they are about, and here what several of them need.

mod bills;
mod carriers;
mod desk;
mod houses;
mod masters;
mod waybill;
mod workflow;

use actix_web::HttpResponse;
use jiff::civil::Date;
use serde::Deserialize;

use crate::deadlines::policy::Policy;
use crate::freight::error::Result;
use crate::store::ReadTx;
use crate::web::{ApiError, Routes};

type Response = std::result::Result<HttpResponse, ApiError>;

const PAGE: &[(&str, &str)] = &[("limit", "rows, at most 500"), ("cursor", "from the page before")];

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    let waybills = houses::routes(masters::routes(Routes::new("air freight")));
    carriers::routes(desk::routes(workflow::routes(bills::routes(waybills))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    skip: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct On {
    on: Option<Date>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<usize>,
    cursor: Option<String>,
}

fn zone(tx: &dyn ReadTx) -> Result<String> {
    Ok(Policy::current(tx)?.rules.opening.zone.clone())
}
