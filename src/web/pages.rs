//! The few pages that are no area's: the front page, the first set-up, the API's documentation.

use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data};
use actix_web::{Either, HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::app::App;
use super::error::{ApiError, Refusal};
use super::server::Site;
use super::shell;
use crate::base::error::Kind;
use crate::identity::secret::Secret;
use crate::store::migrate::RELEASE;

/// Bytes of the set-up form.
pub const FORM_MAX: usize = 16 * 1024;

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

/// Where the front page, set-up and documentation are.
pub fn outside(cfg: &mut web::ServiceConfig) {
    let form = web::FormConfig::default().limit(FORM_MAX);
    let setup =
        web::resource("/setup").app_data(form).route(web::get().to(setup_form)).route(web::post().to(set_up));
    let ui = Config::from("/api/v1/openapi.json").validator_url("none").try_it_out_enabled(true);
    cfg.route("/", web::get().to(front))
        .service(setup)
        .route("/api/v1/openapi.json", web::get().to(document))
        .route("/api/v1/docs", web::get().to(to_docs))
        .service(SwaggerUi::new("/api/v1/docs/{_:.*}").config(ui));
}

fn page(title: &str, body: &Markup) -> HttpResponse {
    let text = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Crossdock" }
            }
            body { main { h1 { (title) } (body) } }
        }
    };
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(text.into_string())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn front(site: Data<Site>, app: Data<App>) -> Result<HttpResponse, ApiError> {
    let fresh = !site.setup.is_done(&app)?;
    Ok(page(
        "Crossdock",
        &html! {
            p { "This machine runs a logistics depot: parcels, cases, deliveries and what happens to them, online or cut off. Release " (RELEASE) "." }
            @if fresh {
                p { "It has not been set up yet. Open the link that the server printed when it started." }
            }
            ul {
                li { a href="/api/v1/docs/" { "The API, to read and to try" } }
                li { a href="/api/v1/openapi.json" { "The API's description (OpenAPI)" } }
                li { a href="/api/v1/health" { "How the depot is" } }
            }
        },
    ))
}

#[allow(clippy::unused_async)] // the form of a handler
async fn document(site: Data<Site>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(site.document.clone())
}

#[allow(clippy::unused_async)] // the form of a handler
async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/api/v1/docs/")).finish()
}

#[derive(Deserialize)]
struct Link {
    token: Option<String>,
}

#[allow(clippy::unused_async)] // the form of a handler
async fn setup_form(
    site: Data<Site>,
    app: Data<App>,
    link: web::Query<Link>,
) -> Result<HttpResponse, ApiError> {
    if site.setup.is_done(&app)? {
        return Err(set_up_already());
    }
    let token = link.into_inner().token.unwrap_or_default();
    let zone = &app.config.depot.zone;
    let field = |name: &str, label: &str, kind: &str, value: &str, auto: &str| {
        html! { p { label for=(name) { (label) } br; input id=(name) name=(name) type=(kind) value=(value) autocomplete=(auto) required; } }
    };
    Ok(page(
        "Set up this depot",
        &html! {
            form method="post" action="/setup" {
                input type="hidden" name="token" value=(token);
                (field("tenant", "Company", "text", "", "organization"))
                (field("depot", "Depot", "text", "", "off"))
                (field("zone", "Time zone, such as Europe/Lisbon", "text", zone, "off"))
                (field("user", "Your login", "text", "", "username"))
                (field("password", "Your password", "password", "", "new-password"))
                p { button { "Set up" } }
            }
        },
    ))
}

fn set_up_already() -> ApiError {
    let detail = "this depot is set up already; log in, or ask its administrator for an account";
    Refusal::new(Kind::Conflict, "setup.done", detail).into()
}

async fn set_up(
    req: HttpRequest,
    site: Data<Site>,
    app: Data<App>,
    form: Either<web::Form<NewDepot>, web::Json<NewDepot>>,
) -> Result<HttpResponse, ApiError> {
    let trusted = shell::control_tenant(&req).is_some();
    if site.setup.is_done(&app)? {
        return Err(set_up_already());
    }
    let new = match form {
        Either::Left(form) => form.into_inner(),
        Either::Right(json) => json.into_inner(),
    };
    let stopped =
        |_| Refusal::new(Kind::Busy, "server.stopping", "the server is stopping; try again when it is back");
    let made = web::block(move || site.setup.set_up(&app, new, trusted)).await.map_err(stopped)??;
    if trusted {
        return Ok(HttpResponse::Ok().json(made));
    }
    Ok(page(
        "The depot is set up",
        &html! {
            p { "You can log in now." }
            p { a href="/" { "To the front page" } }
        },
    ))
}
