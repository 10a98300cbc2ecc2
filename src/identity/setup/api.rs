//! The routes of tenants and of the first run.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SetUp;
use crate::identity::auth::api::hashing;
use crate::identity::features::ManageTenants;
use crate::identity::model::{Tenant, User};
use crate::identity::repo;
use crate::identity::secret::Secret;
use crate::store::NODE;
use crate::web::call::app;
use crate::web::{Answer, ApiError, App, Body, Call, Routes};

async fn tenants(call: Call<ManageTenants>) -> Result<HttpResponse, ApiError> {
    let all = call.app.store.read(NODE, |tx| repo::tenants(tx))?;
    call.read(|_, _| Answer::ok(&all))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    /// What stands behind the `@` of a login: small letters, digits, _ and -.
    tenant: String,
    /// The depot's name.
    depot: String,
    /// The depot's time zone, an IANA name; the configured one when absent.
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    language: Option<String>,
    /// The first administrator's login.
    login: String,
    #[serde(default)]
    name: String,
    #[schema(value_type = String)]
    password: Secret<String>,
}

impl NewTenant {
    fn into_set_up(self, app: &App, role: &str) -> SetUp {
        let Self { tenant, depot, zone, language, login, name, password } = self;
        let ours = &app.config.depot;
        let (zone, language) =
            (zone.unwrap_or_else(|| ours.zone.clone()), language.unwrap_or_else(|| ours.language.clone()));
        SetUp { tenant, depot, zone, language, login, name, password, role: role.to_owned() }
    }
}

#[derive(Serialize, ToSchema)]
struct Furnished {
    tenant: Tenant,
    user: User,
}

async fn create_tenant(call: Call<ManageTenants>, body: Body<NewTenant>) -> Result<HttpResponse, ApiError> {
    let (store, now) = (call.app.store.clone(), call.app.clock.now());
    let new = body.0.into_set_up(&call.app, "admin");
    let (tenant, user) = hashing(move || super::set_up(&store, new, now)).await?;
    Ok(Answer::created("/api/v1/tenants".into(), &Furnished { tenant, user })?
        .respond(call.request().path(), ""))
}

/// A tenant as [`NewTenant`], and the link's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstRun {
    /// What the set-up link ends with.
    #[schema(value_type = String)]
    token: Secret<String>,
    tenant: String,
    depot: String,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    language: Option<String>,
    login: String,
    #[serde(default)]
    name: String,
    #[schema(value_type = String)]
    password: Secret<String>,
}

async fn first_run(req: HttpRequest, body: Body<FirstRun>) -> Result<HttpResponse, ApiError> {
    let app = app(&req)?;
    let (store, now) = (app.store.clone(), app.clock.now());
    let FirstRun { token, tenant, depot, zone, language, login, name, password } = body.0;
    let new = NewTenant { tenant, depot, zone, language, login, name, password };
    let new = new.into_set_up(&app, "super_admin");
    let (tenant, user) = hashing(move || super::set_up_by_link(&store, token.reveal(), new, now)).await?;
    Ok(Answer::created("/api/v1/auth/login".into(), &Furnished { tenant, user })?.respond(req.path(), ""))
}

const TENANT: &str = r#"{"tenant": "north", "depot": "Depot North", "zone": "Europe/Berlin", "login": "admin", "password": "correct horse battery"}"#;
const FIRST_RUN: &str = r#"{"token": "0.l.hGqZ5yk0t1bq3rQxS4m0mC1cVbq8x8Q0p2m3n4o5p6c", "tenant": "north", "depot": "Depot North", "zone": "Europe/Berlin", "login": "admin", "password": "correct horse battery"}"#;

/// The routes of this subject.
pub fn routes() -> Routes {
    Routes::new("tenants")
        .add::<ManageTenants, _, _>(Method::GET, "/tenants", tenants, "The houses on this node")
        .answers::<Vec<Tenant>>(200)
        .add::<ManageTenants, _, _>(
            Method::POST,
            "/tenants",
            create_tenant,
            "Add a house with its first administrator",
        )
        .body::<NewTenant>(TENANT)
        .answers::<Furnished>(201)
        .open(Method::POST, "/setup", first_run, "Set this node up by the link of its first start")
        .body::<FirstRun>(FIRST_RUN)
        .answers::<Furnished>(201)
}

#[cfg(test)]
mod tests;
