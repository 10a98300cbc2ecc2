//! The few paths that are no area's: the API's documentation, the authority's certificate; and what the first set-up is.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data};
use serde::Deserialize;
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::app::App;
use super::error::{ApiError, Refusal};
use super::server::Site;
use crate::base::error::Kind;
use crate::identity::secret::Secret;

/// What a depot is told of itself and its first user, once.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDepot {
    /// The one-time token of the link; the control door needs none.
    #[serde(default)]
    pub token: Secret<String>,
    /// Whose depot it is.
    pub tenant: String,
    /// Its name.
    pub depot: String,
    /// Its time zone.
    pub zone: String,
    /// The first user's login.
    pub user: String,
    /// Their password.
    pub password: Secret<String>,
    /// The language of the screens; the configured one when absent.
    #[serde(default)]
    pub language: Option<String>,
}

/// How the first user is made: by identity, so that this page knows nothing of users.
pub trait Setup: Send + Sync {
    /// Whether the depot is set up.
    ///
    /// # Errors
    /// Storage failures.
    fn is_done(&self, app: &App) -> Result<bool, ApiError>;

    /// A new one-time token for the set-up link, in place of any before; none when the depot is set up. Blocks.
    ///
    /// # Errors
    /// Storage failures.
    fn token(&self, app: &App) -> Result<Option<String>, ApiError>;

    /// Makes tenant, depot and first user and says what was made. `trusted` is a caller who came through the control
    /// door and needs no token. Blocks.
    ///
    /// # Errors
    /// When the token is not good, or something of the new depot is not.
    fn set_up(&self, app: &App, new: NewDepot, trusted: bool) -> Result<Value, ApiError>;
}

/// Where documentation and certificate are.
pub fn outside(cfg: &mut web::ServiceConfig) {
    let ui = Config::from("/api/v1/openapi.json").validator_url("none").try_it_out_enabled(true);
    cfg.route("/ca.pem", web::get().to(authority))
        .route("/api/v1/openapi.json", web::get().to(document))
        .route("/api/v1/docs", web::get().to(to_docs))
        .service(SwaggerUi::new("/api/v1/docs/{_:.*}").config(ui));
}

/// The authority's certificate, for devices to install: browsers and systems offer that by its type.
#[allow(clippy::unused_async)] // the form of a handler
async fn authority(site: Data<Site>) -> Result<HttpResponse, ApiError> {
    let detail = "this depot has no certificate authority of its own: see server.tls.mode";
    let pem = site.authority.clone().ok_or_else(|| Refusal::new(Kind::NotFound, "tls.authority", detail))?;
    Ok(HttpResponse::Ok().content_type("application/x-x509-ca-cert").body(pem))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn document(site: Data<Site>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(site.document.clone())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/api/v1/docs/")).finish()
}
