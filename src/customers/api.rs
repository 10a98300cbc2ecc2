//! The routes of customers. They come by file: `POST /imports?kind=customers`.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::Customer;
use super::service::{self, CustomerError, Found};
use crate::base::ids::Id;
use crate::base::page::Page;
use crate::identity::features::ViewDeliveries;
use crate::parcels::queries::limit;
use crate::store::table::{cursor, position};
use crate::web::routes::Routes;
use crate::web::{Answer, ApiError, Call, Query};

type Response = Result<HttpResponse, ApiError>;

/// This area's routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new("customers")
        .add::<ViewDeliveries, _, _>(
            Method::GET,
            "/customers",
            list,
            "Customers that came over from other systems",
        )
        .query(&[("limit", "rows, at most 500"), ("cursor", "from the page before")])
        .answers::<Page<CustomerView>>(200)
        .add::<ViewDeliveries, _, _>(Method::GET, "/customers/{id}", get, "One customer")
        .answers::<CustomerView>(200)
}

/// A customer as it is shown.
#[derive(Serialize, ToSchema)]
pub struct CustomerView {
    id: Id,
    #[serde(flatten)]
    customer: Customer,
    version: u64,
}

impl From<Found> for CustomerView {
    fn from((id, customer, version): Found) -> Self {
        Self { id, customer, version }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(call: Call<ViewDeliveries>, asked: Query<Asked>) -> Response {
    let Asked { limit: n, cursor: from } = asked.0;
    let n = limit(n)?;
    let mut seen = Vec::new();
    let answer = call.read(|tx, grant| -> Result<Answer, CustomerError> {
        service::whole(grant)?;
        let (found, next) = service::list(tx, position(from.as_deref())?, n)?;
        seen.extend(found.iter().map(|(id, ..)| *id));
        let items: Vec<CustomerView> = found.into_iter().map(CustomerView::from).collect();
        Ok(Answer::page(&Page { items, next: next.as_ref().map(cursor).transpose()? })?)
    })?;
    call.saw("customer", seen);
    Ok(answer)
}

async fn get(call: Call<ViewDeliveries>, id: Path<String>) -> Response {
    let mut seen = None;
    let answer = call.read(|tx, grant| -> Result<Answer, CustomerError> {
        service::whole(grant)?;
        let found = service::find(tx, &id)?;
        seen = Some(found.0);
        let rev = found.2;
        Ok(Answer::ok(&CustomerView::from(found))?.rev(rev))
    })?;
    call.saw("customer", seen);
    Ok(answer)
}
